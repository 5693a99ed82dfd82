"""R1V-Nano's reproduction: what its last stage, the measurement, makes of the checkpoints' results."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "nano" / "reproduce.py"


def test_measure_names_the_best_and_asks_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("reproduce", SCRIPT)
    assert spec and spec.loader
    reproduce = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reproduce)
    means, asked, charts = {"SFT": 0.5, "MPO": 0.75, "GRPO": 0.625}, [], []

    def call(script: Path, *words: str | Path, must: bool = True) -> None:
        """In place of the measurement: a result with the mean that the model's folder is named after."""
        if script.name in ("nano_charts.py", "nano_card.py"):
            charts.append(words)
            return
        model, result = (Path(words[words.index(key) + 1]) for key in ("--model", "--out"))
        asked.append(model.name)
        result.write_text(json.dumps({"mean": means[model.name]}))

    monkeypatch.setattr(reproduce, "call", call)
    (tmp_path / "accuracy-SFT.json").write_text(json.dumps({"mean": means["SFT"]}))
    models = {name: tmp_path / name for name in means}
    assert reproduce.measure(models, tmp_path, ["--n", "2"]) == "MPO"
    assert asked == ["MPO", "GRPO"]
    runs = tuple(f"{name}={tmp_path / f'accuracy-{name}.json'}" for name in means)
    assert [words[1:7:2] for words in charts] == [runs, runs]
    assert charts[0][-4:] == ("--shipped", "MPO", "--write", tmp_path / "report.md")


def test_the_card_takes_what_its_run_did_not_ask_from_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parents[2] / "experiments"))
    import nano_card

    whole, bare = nano_card.made_up(), nano_card.made_up()
    for row in bare["families"].values():
        row |= {"without_image": None, "robustness": {}, "right": 8}
    made = nano_card.text({"SFT": whole, "GRPO": bare}, "GRPO")
    assert "| GRPO | 80.0 (58.4-91.9) | 90.0 (69.9-97.2) |" in made
    assert "*without it* is of SFT, spoilt pictures are of SFT" in made
    assert "| circles | 80.0 (49.0-94.3) | 10.0 (1.8-40.4) |" in made
    card = tmp_path / "card.md"
    card.write_text(f"before\n{nano_card.BEGIN}\nold\n{nano_card.END}\nafter\n")
    nano_card.put(card, made)
    assert card.read_text().startswith(f"before\n{nano_card.BEGIN}\n\n| 2 families |")
    assert "old" not in card.read_text() and card.read_text().endswith(f"\n{nano_card.END}\nafter\n")

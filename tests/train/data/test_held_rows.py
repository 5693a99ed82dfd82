"""Rows of the data that are held out: which they are, and that nothing of them is trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from r1v.core import ConfigError
from r1v.train.core.config import DataConfig
from r1v.train.core.config_read import make
from r1v.train.data.sources import JsonlSource, held_rows, open_source, rows_of
from r1v.train.rollout.evaluate import heldout_questions
from r1v.train.stages.sft import SFTConfig, Trainer

QUIET = Console(quiet=True)


def write(path: Path, number: int, **values: Any) -> str:
    lines = [{"question": f"q{i}", "thinking": "t", "answer": str(i), **values} for i in range(number)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def questions(source: Any) -> list[str]:
    return sorted(
        source.example(family, i, 1.0).question for family in source.families
        for i in range(rows_of(source, family))
    )  # fmt: skip


def opened(*names: str, heldout: int | None, seed: int = 0, **values: Any) -> Any:
    return open_source(DataConfig(source=names, heldout=heldout, **values), seed, QUIET)


def test_held_rows_are_not_trained_on_and_the_same_in_every_stage(tmp_path: Path) -> None:
    name = write(tmp_path / "a.jsonl", 20)
    source = opened(name, heldout=5)
    held = questions(held_rows(source, 0))
    assert len(held) == 5 and not set(held) & set(questions(source)) and len(questions(source)) == 15
    drawn = {source.example(*source.pick(i, "x"), 1.0).question for i in range(60)}
    assert drawn == set(questions(source))
    assert questions(held_rows(opened(name, heldout=5, seed=7), 7)) == held
    for number in (0, None):
        assert held_rows(opened(name, heldout=number), 0) is None
    assert held_rows(opened(name, heldout=5, measure=name), 0) is None
    # rows that are added do not bring one that was trained on among the held-out ones in its place
    more = questions(held_rows(opened(write(tmp_path / "a.jsonl", 25), heldout=5), 0))
    assert set(more) - set(held) <= {f"q{i}" for i in range(20, 25)}


def test_a_question_that_is_asked_twice_is_on_one_side(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    text = Path(write(path, 6)).read_text()
    path.write_text(text + text.replace('"thinking": "t"', '"thinking": "another"'))
    source = opened(str(path), heldout=2)
    held = questions(held_rows(source, 0))
    assert len(held) == 4 and len(set(held)) == 2 and not set(held) & set(questions(source))


def test_families_and_mixed_sources(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.jsonl", 9), write(tmp_path / "b.jsonl", 6, family="x")
    source = opened(a, b, "figures", heldout=2, families=())
    held = held_rows(source, 0)
    assert held is not None and held.families == ("a.jsonl/all", "b.jsonl/x")
    assert [rows_of(held, one) for one in held.families] == [2, 2]
    assert [rows_of(source, one) for one in ("a.jsonl/all", "b.jsonl/x")] == [7, 4]
    with pytest.raises(ConfigError, match=r"leaves none of the 6 rows of .*b\.jsonl to train on; lower it"):
        opened(a, b, heldout=6)


def test_data_sets(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {name: [f"{name[0]}{i % 8}" for i in range(10)] for name in ("question", "answer", "thinking")}
    datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "saved")
    source = opened(f"hf:{tmp_path / 'saved'}", heldout=3)
    held = questions(held_rows(source, 0))
    assert len(set(held)) == 3 and not set(held) & set(questions(source))
    assert len(held) + len(questions(source)) == 10


def test_stages_measure_on_them(start: Path, tmp_path: Path) -> None:
    name = write(tmp_path / "a.jsonl", 12)
    config = make(
        SFTConfig, model=str(start), out=str(tmp_path / "run"), data=name, heldout=4, steps=1, batch_size=4,
        device="cpu", bf16=False, direct_share=0.0, workers=0,
    )  # fmt: skip
    trainer = Trainer(config, QUIET)
    assert sum(len(part.families) for batch in trainer.heldout for part in batch.parts) == 4
    assert isinstance(trainer.source, JsonlSource) and len(trainer.source.rows["all"]) == 8
    trainer.stream.close()
    asked = heldout_questions(trainer.source, str(start), config.data, 0, QUIET)
    assert sorted(one.example.question for one in asked) == questions(held_rows(trainer.source, 0))
    console = Console(record=True, width=300)
    default = make(SFTConfig, model=str(start), out=str(tmp_path / "no"), data=name, device="cpu", workers=0)
    Trainer(default, console).stream.close()
    assert "nothing is held out: data.heldout=20 would take 20 rows" in console.export_text()

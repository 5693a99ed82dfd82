"""The guide's commands that make a reasoner of a language model, one after the other."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FEW = {
    "sft": ["run.steps=1", "optim.batch_size=2"],
    "grpo": ["run.steps=1", "prompts=1", "rollout.group=2", "rollout.max_tokens=8", "data.workers=0"],
}


def commands() -> list[list[str]]:
    """As the guide has them."""
    text = (ROOT / "docs" / "guides" / "train.md").read_text()
    block = next(b for b in re.findall(r"```bash\n(.*?)```", text, re.S) if "examples/reasoner" in b)
    return [line.split() for line in block.replace("\\\n", "").strip().split("\n")]


def walk(
    file: Path, folder: Path, more: dict[str, list[str]], run_r1v: Any, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> list[dict[str, Any]]:  # fmt: skip
    """Run all of them in a folder; what was measured. more: words behind those of a command."""
    shutil.copytree(ROOT / "examples" / "reasoner", folder / "examples" / "reasoner")
    monkeypatch.chdir(folder)
    measured = []
    for program, *words in commands():
        words = [str(file) if word == "MODEL.gguf" else word for word in words]
        if program == "r1v":
            own = more.get(words[1] if words[0] == "train" else words[0], [])
            status, out, err = run_r1v(*words, *own)
            assert status == 0, (words, out, err)
            continue
        assert program == "python"
        own = more.get(Path(words[0]).stem, [])
        monkeypatch.setattr("sys.argv", [*words, *own])
        capsys.readouterr()
        runpy.run_path(words[0], run_name="__main__")
        if words[0].endswith("measure.py"):
            measured.append(json.loads(capsys.readouterr().out))
    return measured


def test_the_commands_on_a_small_model(
    run_r1v: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gguf", reason="GGUF files need the gguf package")
    pytest.importorskip("peft", reason="adapters need peft")
    from tests.models import gguf_files

    gguf_files.write_text(tmp_path / "small.gguf", gguf_files.hf_model())
    lora = ['model.lora=["llm"]']  # this model has two layers
    more = {name: [*words, *lora] for name, words in FEW.items()}
    more["measure"] = ["--number", "3", "--max-tokens", "8"]
    more["eval"] = ["--limit", "3", "--max-tokens", "8", "--quiet"]
    measured = walk(tmp_path / "small.gguf", tmp_path, more, run_r1v, monkeypatch, capsys)
    assert [Path(one["model"]).parent.name for one in measured] == ["sft", "grpo"]
    assert all(one["questions"] == 3 and one["low"] <= one["right"] <= one["high"] for one in measured)
    before = json.loads((tmp_path / "runs" / "reasoner" / "before" / "scores.json").read_text())
    assert before
    rows = (tmp_path / "runs" / "reasoner" / "grpo" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(rows[0])["reward"] >= 0
    assert (tmp_path / "runs" / "reasoner" / "grpo" / "curve.png").stat().st_size > 0


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_commands_on_real_weights(
    run_r1v: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Six supervised steps teach the form: a quarter of the replies has it and is right, at the least."""
    files = sorted(Path(os.environ.get("R1V_REAL_WEIGHTS") or "/nowhere").glob("*.gguf"))
    if not files:
        pytest.skip("R1V_REAL_WEIGHTS does not name a folder with a GGUF file")
    more = {"grpo": FEW["grpo"], "measure": ["--number", "16"], "eval": ["--limit", "16", "--quiet"]}
    measured = walk(files[0], tmp_path, more, run_r1v, monkeypatch, capsys)
    assert measured[0]["right"] > 25


def test_its_questions_are_right_and_in_one_file_each(tmp_path: Path) -> None:
    """Answers by Python's own arithmetic; each worked line holds; the same seed gives the same files."""
    made = runpy.run_path(str(ROOT / "examples" / "reasoner" / "questions.py"))
    made["write"](tmp_path / "one")
    made["write"](tmp_path / "two")
    questions = []
    for name, size in made["SIZES"].items():
        text = (tmp_path / "one" / f"{name}.jsonl").read_text()
        assert text == (tmp_path / "two" / f"{name}.jsonl").read_text()
        rows = [json.loads(line) for line in text.splitlines()]
        assert len(rows) == size and all(("thinking" in row) == (name == "worked") for row in rows)
        for row in rows:
            asked = re.fullmatch(r"Calculate ([\d ()×+-]+)\. Answer in \\boxed\{\}\.", row["question"])
            assert asked is not None
            assert row["answer"] == f"\\boxed{{{eval(asked[1].replace('×', '*'))}}}"
            for line in row.get("thinking", "").splitlines():
                left, right = line.replace("×", "*").split(" = ")
                assert eval(left) == int(right)
        questions += [row["question"] for row in rows]
    assert len(set(questions)) == len(questions)

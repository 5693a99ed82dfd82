"""Samples that could not be made are counted, named at the time and at the end, and too many end the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from r1v.core import ConfigError
from r1v.train.core.config_read import make
from r1v.train.core.left_out import LeftOut
from r1v.train.stages.sft import SFTConfig, Trainer

GOOD = {"question": "How many?", "thinking": "One.", "answer": "1"}
LONG = {**GOOD, "thinking": "one and " * 20_000}


def run(start: Path, folder: Path, rows: list[dict[str, object]], **changes: object) -> str:
    """What a run of two steps of nine samples says; raises what it raises."""
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = make(
        SFTConfig, model=str(start), out=str(folder / "out"), source=(str(folder / "rows.jsonl"),), steps=2,
        batch_size=9, warmup_steps=1, bf16=False, device="cpu", heldout=0, prefetch=2, direct_share=0.0,
        workers=0, **changes,
    )  # fmt: skip
    console = Console(record=True, width=400)
    try:
        Trainer(config, console).train()
    finally:
        said = console.export_text()
    return said


def test_a_share_is_allowed_and_the_first_is_named_once() -> None:
    lines: list[str] = []
    count = LeftOut(0.5, lines.append)
    count.add(8, [])
    count.add(8, ["rows.jsonl:3: too\x1b[31m long"])
    count.add(8, ["rows.jsonl:3: too\x1b[31m long"])
    assert lines == ["left out: rows.jsonl:3: too\\x1b[31m long"]
    count.end()
    assert lines[1:] == ["2 of 24 samples were left out; the first: rows.jsonl:3: too\\x1b[31m long"]
    again = LeftOut(0.5, lines.append)
    again.restore(count.state())
    again.add(40, [])  # 64 in all
    with pytest.raises(ConfigError, match=r"34 of 96 samples were left out, more than data.bad_share=0.25"):
        again.most = 0.25
        again.add(32, ["x"] * 32)


def test_rows_too_long_for_the_context_end_the_run_by_file_and_line(start: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"of 18 samples were left out.*rows\.jsonl:2: .*the context holds"):
        run(start, tmp_path, [GOOD, LONG, LONG])
    assert not (tmp_path / "out" / "model").exists()


def test_what_was_left_out_is_said_at_the_time_and_at_the_end(start: Path, tmp_path: Path) -> None:
    said = run(start, tmp_path, [GOOD] * 8 + [LONG], bad_share=0.2)
    assert said.count("left out: rows.jsonl:9: ") == 1
    assert "2 of 18 samples were left out; the first: rows.jsonl:9: " in said
    assert (tmp_path / "out" / "model").exists()


def test_images_that_are_no_files_are_named_at_the_start(start: Path, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    rows = [{**GOOD, "images": [name]} for name in ("a.png", "none.png", ".", "a\0.png", "\ud800.png")]
    with pytest.raises(
        ConfigError, match=r"rows\.jsonl: 4 of 5 rows are bad, .*: rows\.jsonl:2: image .*none\.png"
    ):
        run(start, tmp_path, rows)
    said = run(start, tmp_path, rows, bad_share=0.9)
    for line in (2, 3, 4):
        assert f"bad row, left out: rows.jsonl:{line}: image " in said
    assert "is not a regular file" in said and "rows.jsonl:5: images holds \\ud800" in said

"""What a run's metrics become: a picture, TensorBoard events, or one line that says what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROWS = [
    {"step": 1, "nll": 2.0, "variation": {"clock": 0.1}, "samples_per_s": 3.0},
    {"step": 2, "nll": 1.0, "variation": {"clock": 0.2}, "samples_per_s": 4.0},
    {"step": 2, "heldout_nll": 1.5, "heldout_exact": {"clock": 0.5}},
]


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return tmp_path


def test_a_picture(run_folder: Path, run_r1v: Any) -> None:
    pytest.importorskip("matplotlib")
    status, out, _ = run_r1v("train", "plot", run_folder)
    assert status == 0 and Path(out.strip()).read_bytes().startswith(b"\x89PNG")


def test_tensorboard_reads_what_was_written(run_folder: Path, run_r1v: Any) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for _ in range(2):  # the second time takes the place of the first
        status, out, _ = run_r1v("train", "plot", run_folder, "--tensorboard")
        assert status == 0
    found = accumulator.EventAccumulator(out.strip())
    found.Reload()
    assert [(e.step, e.value) for e in found.Scalars("nll")] == [(1, 2.0), (2, 1.0)]
    assert [(e.step, round(e.value, 6)) for e in found.Scalars("variation/clock")] == [(1, 0.1), (2, 0.2)]
    assert found.Scalars("heldout_exact/clock")[0].value == 0.5


def test_a_folder_without_metrics(tmp_path: Path, run_r1v: Any) -> None:
    status, _, err = run_r1v("train", "plot", tmp_path / "none")
    assert status != 0 and "metrics.jsonl" in err and "Traceback" not in err

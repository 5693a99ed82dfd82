"""Going on with a run: what may be another, what may not, changed data, Ctrl-C, checkpoints that are kept."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from r1v.core import CheckpointError, ConfigError
from r1v.train.core.config_read import changed
from r1v.train.core.growing import GrowingFile
from r1v.train.core.workbench import Interrupted
from r1v.train.stages.sft import SFTConfig, Trainer
from tests.train.stages.test_sft import config, losses_of, train

QUIET = Console(quiet=True)


def rows(path: Path, number: int) -> str:
    lines = [{"question": f"q{i}", "thinking": "t", "answer": str(i)} for i in range(number)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def on_rows(start: Path, tmp_path: Path, **changes: Any) -> SFTConfig:
    data = str(tmp_path / "rows.jsonl")
    return changed(config(start, tmp_path / "run", heldout=0, data=data, families=(), steps=2), **changes)


def test_operational_keys_may_change_and_others_may_not(start: Path, tmp_path: Path) -> None:
    rows(tmp_path / "rows.jsonl", 8)
    train(on_rows(start, tmp_path))
    more = on_rows(
        start, tmp_path, steps=3, micro_batches=1, checkpointing=True, log_every=3, workers=2, keep=2
    )
    train(more)
    assert len(losses_of(tmp_path / "run")) == 3
    assert [p.name for p in sorted((tmp_path / "run" / "checkpoints").iterdir())] == ["step-2", "step-3"]
    other = changed(more, lr=5e-4, steps=4)
    with pytest.raises(ConfigError, match=r"optim\.lr=0\.001, not 0\.0005; .* --allow optim\.lr"):
        Trainer(other, QUIET)
    trainer = Trainer(other, QUIET, allow=["optim.lr"])
    trainer.train()
    assert trainer.bench.optimizer._peak[0][0] == 5e-4 and trainer.bench.step == 4


def test_changed_data_are_noticed(start: Path, tmp_path: Path) -> None:
    rows(tmp_path / "rows.jsonl", 8)
    train(on_rows(start, tmp_path))
    rows(tmp_path / "rows.jsonl", 9)
    with pytest.raises(ConfigError, match="the data have changed"):
        Trainer(on_rows(start, tmp_path, steps=4), QUIET)
    Trainer(on_rows(start, tmp_path, steps=4), QUIET, allow=["data"]).train()
    assert len(losses_of(tmp_path / "run")) == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_the_step_and_the_same_command_goes_on(
    start: Path, tmp_path: Path, number: signal.Signals
) -> None:
    train(config(start, tmp_path / "whole", heldout=0))
    trainer = Trainer(config(start, tmp_path / "cut", heldout=0), QUIET)
    end_step = trainer.bench.end_step

    def press(begun: float) -> None:
        if trainer.bench.step == 1:
            os.kill(os.getpid(), number)
        end_step(begun)

    trainer.bench.end_step = press  # type: ignore[method-assign]
    before = signal.getsignal(number)
    try:
        with pytest.raises(Interrupted, match="stopped at step 2"):
            trainer.train()
    finally:
        signal.signal(number, before)
    train(config(start, tmp_path / "cut", heldout=0))
    assert signal.getsignal(number) is before  # a run that has ended leaves Ctrl-C as it was
    assert losses_of(tmp_path / "cut") == losses_of(tmp_path / "whole")


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("pos 704 vs 598")]
)
def test_a_disk_that_is_full_is_said_and_the_older_checkpoint_stays(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    train(config(start, tmp_path / "run", steps=1, heldout=0))

    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(
        CheckpointError, match=r"step 2 could not be saved .* MB are free; .* goes on from step-1"
    ):
        train(config(start, tmp_path / "run", steps=2, heldout=0))
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-1"]
    monkeypatch.undo()
    train(config(start, tmp_path / "run", steps=2, heldout=0))
    assert len(losses_of(tmp_path / "run")) == 2


def test_a_checkpoint_holds_what_is_trained_only(start: Path, tmp_path: Path) -> None:
    import torch.distributed.checkpoint as dcp

    train(config(start, tmp_path / "run", train=("projector",), steps=1, heldout=0))
    folder = tmp_path / "run" / "checkpoints" / "step-1"
    names = set(dcp.FileSystemReader(folder).read_metadata().state_dict_metadata)
    assert names and all("projector" in name for name in names)
    assert torch.load(folder / "other.pt", weights_only=True)["step"] == 1


def test_a_file_grows_by_whole_batches(tmp_path: Path) -> None:
    file = GrowingFile(tmp_path / "rows.jsonl")
    file.add(["a", "b"], count=2)
    with file.part.open("a") as cut_short:
        cut_short.write("half of a li")
    again = GrowingFile(tmp_path / "rows.jsonl")
    assert (again.step, again.other) == (1, {"count": 2})
    again.add(["c"], count=3)
    assert again.finish().read_text() == "a\nb\nc\n"
    assert GrowingFile(tmp_path / "rows.jsonl").done

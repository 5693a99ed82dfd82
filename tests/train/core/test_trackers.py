"""Where numbers go while a run goes on: TensorBoard reads them, a hook gets them, and none ends the run."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from r1v.core import ConfigError
from r1v.train.core.config_read import make
from r1v.train.core.trackers import Trackers
from r1v.train.stages.sft import SFTConfig, Trainer

HOOK = """
calls = []
class Hook:
    def __init__(self, folder, config): calls.append(("begin", folder, config["run"]["steps"]))
    def log(self, values, step): calls.append(("log", step, dict(values)))
    def finish(self): calls.append(("end",))
def failing(folder, config): raise OSError("no network")
"""


def opened(folder: Path, *names: str) -> tuple[Trackers, list[str]]:
    said: list[str] = []
    return Trackers(names, folder, {"run": {"steps": 3}}, said.append), said


def test_a_hook_gets_every_number_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(HOOK)
    trackers, said = opened(tmp_path, f"{tmp_path}/mine.py:Hook")
    trackers.log({"step": 4, "nll": 2.0, "ssb": {"size": 3}, "alarms": ["growth"], "bad": "row 7"})
    trackers.log({"step": 5, "bad": "row 8"})  # no number: nothing is sent
    trackers.close()
    assert calls_of(trackers) == [
        ("begin", str(tmp_path), 3), ("log", 4, {"nll": 2.0, "ssb/size": 3.0}), ("end",),
    ]  # fmt: skip
    assert not said


def calls_of(trackers: Trackers) -> Any:
    """The list that the hook's file fills."""
    maker: Any = next(iter(trackers._makers.values()))
    hook = maker.__closure__[0].cell_contents
    return hook.__init__.__globals__["calls"]


def test_one_that_raises_is_named_once_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(HOOK)
    trackers, said = opened(tmp_path, f"{tmp_path}/mine.py:failing")
    for step in (1, 2):
        trackers.log({"step": step, "nll": 1.0})
    trackers.close()
    assert len(said) == 1 and "from step 1: OSError: no network" in said[0]


@pytest.mark.parametrize("name", ["nowhere", "nowhere.py:Hook", "json:no_such_function"])
def test_what_is_not_there_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"run\.trackers"):
        opened(tmp_path, name)


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_the_libraries_are_called_as_they_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Both have init, log with a step, and finish; one run of theirs for a folder, also when it goes on."""
    calls: list[Any] = []
    library = types.ModuleType(name)
    library.init = lambda **given: calls.append(given)  # type: ignore[attr-defined]
    library.log = lambda values, step: calls.append((values, step))  # type: ignore[attr-defined]
    library.finish = lambda: calls.append("end")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, library)
    for _ in range(2):
        trackers, _ = opened(tmp_path, name)
        trackers.log({"step": 1, "nll": 1.0})
        trackers.close()
    assert calls[0] == calls[3] and calls[0]["resume"] == "allow" and calls[0]["project"] == "r1v"
    assert calls[1:3] == [({"nll": 1.0}, 1), "end"]


def test_tensorboard_reads_a_run_while_it_goes_on_and_after_it_went_on(start: Path, tmp_path: Path) -> None:
    """The events of a run of four steps that was cut off at three and went on from two: as of one that was
    not. TensorBoard's own reader is asked, in the middle of the run too."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    def steps(folder: Path) -> list[int]:
        found = accumulator.EventAccumulator(str(folder / "tensorboard"))
        found.Reload()
        return [event.step for event in found.Scalars("nll")]

    def trainer(number: int) -> Trainer:
        return Trainer(
            make(
                SFTConfig, model=str(start), out=str(tmp_path / "run"), families=("arithmetic",),
                steps=number, batch_size=2, bf16=False, device="cpu", heldout=0, log_every=1,
                save_every_s=1e9, schedule="constant", warmup_steps=0, trackers=("tensorboard",),
            ),
            Console(quiet=True),
        )  # fmt: skip

    first = trainer(4)
    seen: list[list[int]] = []

    def due(every_s: float) -> bool:
        seen.append(steps(tmp_path / "run"))
        if first.bench.step == 3:
            raise KeyboardInterrupt
        return first.bench.step == 2

    first.bench.run.due = due  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        first.train()
    first.bench.run.close()
    assert seen == [[1], [1, 2], [1, 2, 3]]
    trainer(4).train()
    assert steps(tmp_path / "run") == [1, 2, 3, 4]

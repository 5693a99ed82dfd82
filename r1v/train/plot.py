"""Plots of a run's metrics, for each kind of run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from r1v.core import ConfigError, UnavailableError
from r1v.train.core.trackers import numbers


def plot_run(folder: str | Path, out: str | Path | None = None) -> Path:
    """Draw metrics.jsonl of a run's folder; returns the picture's path (``curve.png`` in it unless named)."""
    rows = _rows(folder)
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UnavailableError("plots need matplotlib; pip install 'r1v[train]'") from None
    for key, draw in KINDS.items():
        if any(key in row for row in rows):
            figure = Figure(figsize=(12, 8), layout="constrained")
            draw(figure, rows)
            target = Path(out) if out else Path(folder) / "curve.png"
            figure.savefig(target, dpi=100)
            return target
    raise ConfigError(f"{folder} holds no training steps yet")


def write_tensorboard(folder: str | Path) -> Path:
    """Write every number of a run's metrics as TensorBoard events, anew; returns their folder,
    ``tensorboard`` in the run's."""
    rows = _rows(folder)
    try:
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError:
        raise UnavailableError("this needs tensorboard; pip install 'r1v[train]'") from None
    from tensorboard.compat.proto.event_pb2 import Event

    target = Path(folder) / "tensorboard"
    shutil.rmtree(target, ignore_errors=True)
    writer = EventFileWriter(str(target))
    for row in rows:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in numbers(row) if tag != "step"]
        writer.add_event(Event(step=int(row.get("step", 0)), summary=Summary(value=values)))
    writer.close()
    return target


def _rows(folder: str | Path) -> list[dict[str, Any]]:
    """A run's metrics. ConfigError: there are none."""
    path = Path(folder) / "metrics.jsonl"
    if not path.exists():
        raise ConfigError(f"{folder} holds no metrics.jsonl; name the out folder of a training run")
    return [json.loads(line) for line in path.read_text().splitlines()]


def _line(axes: Any, rows: list[dict[str, Any]], key: str, label: str | None = None, **style: Any) -> None:
    """One quantity over the steps, where it is there."""
    found = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    if found:
        axes.plot(*zip(*found, strict=True), label=label or key, **{"lw": 0.8, **style})


def _draw_sft(figure: Any, rows: list[dict[str, Any]]) -> None:
    steps = [row for row in rows if "nll" in row]
    held = [row for row in rows if "heldout_nll" in row]
    loss, exact, variation, speed = figure.subplots(2, 2).flat
    _line(loss, steps, "nll", "training")
    _line(loss, held, "heldout_nll", "held out", marker="o", ms=3)
    loss.set(title="loss (nats a token)", xlabel="step", yscale="log")
    loss.legend()
    last = held[-1]["heldout_exact"] if held else {}
    for family in sorted(last, key=lambda f: -float(last[f])):
        exact.plot([r["step"] for r in held], [r["heldout_exact"].get(family) for r in held], label=family)
    exact.set(title="held-out solutions without a wrong token", xlabel="step", ylim=(0, 1))
    if last:
        exact.legend(fontsize=7, ncols=2)
    for family in steps[-1]["variation"]:
        variation.plot([r["step"] for r in steps], [r["variation"].get(family) for r in steps], lw=0.8)
    variation.set(title="variation of each family's looks", xlabel="step", ylim=(0, 1.02))
    _line(speed, steps, "samples_per_s")
    speed.set(title="samples a second", xlabel="step", ylim=(0, None))


def _draw_grpo(figure: Any, rows: list[dict[str, Any]]) -> None:
    steps = [{**row, **row["ssb"]} for row in rows if "reward" in row]
    held = [row for row in rows if "heldout" in row]
    panels = {
        "reward": ("reward", "rule", "model", "format"),
        "length (tokens)": ("length",),
        "share of samples with an advantage": ("effective", "fresh_effective"),
        "shares": ("clipped", "truncated", "empty", "repetition"),
        "engine against trainer (nats)": ("mismatch", "mismatch_worst", "probe"),
        "seconds": ("rollout_s", "reward_s", "update_s", "wait_s"),
    }
    for axes, (title, keys) in zip(figure.subplots(2, 3).flat, panels.items(), strict=True):
        for key in keys:
            _line(axes, steps, key)
        if title == "reward":
            _line(axes, held, "heldout", "held out, greedy", marker="o", ms=3)
        axes.set(title=title, xlabel="step", ylim=(0, None))
        axes.legend(fontsize=7)


def _draw_mpo(figure: Any, rows: list[dict[str, Any]]) -> None:
    panels = {
        "loss": ("loss", "preference", "quality", "generation"),
        "margin": ("margin", "heldout_margin"),
        "pairs ranked right": ("accuracy",),
        "delta": ("delta",),
    }
    for axes, (title, keys) in zip(figure.subplots(2, 2).flat, panels.items(), strict=True):
        for key in keys:
            _line(axes, rows, key, marker="o" if key.startswith("heldout") else None, ms=3)
        axes.set(title=title, xlabel="step")
        axes.legend(fontsize=7)


def _draw_reward(figure: Any, rows: list[dict[str, Any]]) -> None:
    loss, accuracy = figure.subplots(1, 2).flat
    _line(loss, rows, "loss")
    loss.set(title="loss of a pair (nats)", xlabel="step")
    _line(accuracy, rows, "accuracy", "training")
    _line(accuracy, rows, "heldout_accuracy", "held out", marker="o", ms=3)
    accuracy.set(title="pairs ranked right", xlabel="step", ylim=(0, 1.02))
    accuracy.legend()


# a key that only this kind of run logs -> how it is drawn
KINDS: dict[str, Callable[[Any, list[dict[str, Any]]], None]] = {
    "nll": _draw_sft,
    "reward": _draw_grpo,
    "margin": _draw_mpo,
    "heldout_accuracy": _draw_reward,
}

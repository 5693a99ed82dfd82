"""Running benchmarks: every question is answered once, even if the run is interrupted.

Enters: a model, loaded benchmarks, a run folder. Leaves: an output for each question and epoch in the
folder. Always holds: an output that is in the folder is not generated again; a question that failed is
recorded as failed, and tried again when the run is continued.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from r1v.core import R1VError
from r1v.eval.benchmark import Loaded
from r1v.eval.item import Item, Output, Sample, image_bytes
from r1v.eval.manifest import Plan, check_same, make_manifest, merged
from r1v.eval.model import Target
from r1v.eval.store import Key, RunError, RunFolder


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands. left_s: estimated seconds to its end, None before the first output. cost: dollars
    so far in this command, None where no price is known."""

    task: str
    done: int
    total: int
    generated: int
    tokens: int
    elapsed_s: float
    left_s: float | None
    cost: float | None = None


class Recording:
    """Knows the outputs of a run folder, and adds new ones."""

    def __init__(self, folder: RunFolder, asked: Set[Key], report: Callable[[Progress], None] | None) -> None:
        self.folder = folder
        self.asked = asked
        self.report = report
        self.outputs: dict[Key, Sample] = folder.samples()
        self.generated = 0
        self.tokens = 0
        self.cost: float | None = None
        self.failed = 0
        self.failure = ""  # why the first failed question failed
        self.started = time.monotonic()
        self._done = sum(self._answered(one) for one in self.outputs.values())

    def _answered(self, sample: Sample | None) -> bool:
        """Whether this is the output of a question that this command asks, and no failure."""
        return sample is not None and sample.key in self.asked and sample.output.error is None

    def known(self, task: str, id: str, epoch: int) -> Output | None:
        """An output that need not be generated again."""
        sample = self.outputs.get((task, id, epoch))
        return None if sample is None or sample.output.error is not None else sample.output

    def record(self, sample: Sample) -> None:
        """Store an output. It is on the disk when this returns."""
        self.folder.append(sample)
        self._done += self._answered(sample) - self._answered(self.outputs.get(sample.key))
        self.outputs[sample.key] = sample
        self.generated += 1
        self.failed += sample.output.error is not None
        self.failure = self.failure or (sample.output.error or "")[:300]
        self.tokens += sample.output.completion_tokens
        if sample.output.cost is not None:
            self.cost = (self.cost or 0.0) + sample.output.cost
        if self.report is not None:
            self.report(self.progress(sample.task))

    def progress(self, task: str) -> Progress:
        elapsed = time.monotonic() - self.started
        left = elapsed / self.generated * (len(self.asked) - self._done) if self.generated else None
        return Progress(
            task, self._done, len(self.asked), self.generated, self.tokens, elapsed, left, self.cost
        )


def begin(folder: RunFolder, target: Target, loaded: Sequence[Loaded], plan: Plan) -> Mapping[str, Any]:
    """Write the manifest and the questions, or check that an existing run can be continued. Raises
    RunError."""
    known = folder.manifest()
    kept = {one.benchmark.name: one for one in loaded}
    if known is not None:
        check_same(known, make_manifest(target.description, loaded, {}, plan))
        for name in kept.keys() & known["identity"]["tasks"].keys():
            # questions that were asked before, perhaps with another limit, are kept
            there = folder.items(name)
            ids = {item.id for item in there}
            if (kept[name].benchmark.own or {}).get("kind") == "python":
                _check_same_questions(name, there, kept[name].items)
            more = (item for item in kept[name].items if item.id not in ids)
            kept[name] = replace(kept[name], items=(*there, *more))
    hashes = {name: folder.write_items(name, one.items) for name, one in kept.items()}
    manifest = make_manifest(target.description, list(kept.values()), hashes, plan)
    if known is not None:
        manifest = merged(known, manifest)
    folder.write_json("manifest.json", manifest)
    return manifest


def _check_same_questions(task: str, there: Sequence[Item], now: Sequence[Item]) -> None:
    """Raise RunError if a question that a file of Python gives is not the one that was asked before."""

    def asked(item: Item) -> Any:
        row = json.dumps(item.grading, sort_keys=True, ensure_ascii=False)
        return (
            item.text,
            item.answer,
            item.options,
            row,
            [image_bytes(r) for m in item.messages for r in m.images],
        )

    before = {item.id: item for item in there}
    for item in now:
        if item.id in before and asked(before[item.id]) != asked(item):
            raise RunError(
                f"question {item.id} of {task} is not what was asked before; start another run with --out"
            )


def run(
    folder: RunFolder,
    target: Target,
    loaded: Sequence[Loaded],
    plan: Plan,
    *,
    report: Callable[[Progress], None] | None = None,
    max_connections: int | None = None,
    log_dir: Path | None = None,
) -> Recording:
    """Ask every question for which the folder has no output. log_dir: keeps Inspect's own logs too,
    with scores by the rules.

    RunError: the folder belongs to another run. ConfigError: another process is writing it. R1VError: Inspect
    gave up.
    """
    folder.claim()
    begin(folder, target, loaded, plan)
    asked = {
        (one.benchmark.name, item.id, epoch)
        for one in loaded
        for item in one.items
        for epoch in range(1, plan.epochs + 1)
    }
    recording = Recording(folder, asked, report)
    for one in loaded:
        left = _left(one, plan.epochs, recording)
        if left:
            if report is not None:
                report(recording.progress(one.benchmark.name))
            _generate(one, left, target, plan, recording, max_connections, log_dir)
    return recording


def _left(loaded: Loaded, epochs: int, recording: Recording) -> list[tuple[int, Loaded]]:
    """The questions without an output, by epoch."""
    name = loaded.benchmark.name
    found = []
    for epoch in range(1, epochs + 1):
        items = tuple(item for item in loaded.items if recording.known(name, item.id, epoch) is None)
        if items:
            found.append((epoch, replace(loaded, items=items)))
    return found


def _generate(
    loaded: Loaded,
    left: Sequence[tuple[int, Loaded]],
    target: Target,
    plan: Plan,
    recording: Recording,
    max_connections: int | None,
    log_dir: Path | None,
) -> None:
    """Run one benchmark through Inspect: all epochs at once. For outputs that are already there, the solver
    gives the stored one."""
    import tempfile

    from inspect_ai import eval as inspect_eval

    from r1v.eval.inspect_tasks import to_task

    missing = {item.id for _, one in left for item in one.items}
    wanted = replace(loaded, items=tuple(item for item in loaded.items if item.id in missing))
    task = to_task(wanted, epochs=plan.epochs, seed=plan.seed, recorder=recording, score=log_dir is not None)
    settings: dict[str, Any] = {"max_connections": max_connections} if max_connections else {}
    if target.in_process:  # Inspect would begin with 20 and find the limit of a server that refuses requests
        settings["adaptive_connections"] = False
    with tempfile.TemporaryDirectory(prefix="r1v-inspect-") as scratch:
        logs = inspect_eval(
            task,
            model=target.model,
            display="none",
            log_dir=str(log_dir or scratch),
            log_samples=log_dir is not None,
            log_images=log_dir is not None,
            log_realtime=False,
            score=log_dir is not None,
            max_samples=_max_samples(target, max_connections),
            **settings,
        )
    log = logs[0]
    if log.status != "success":
        reason = (log.error.message if log.error else log.status).strip().splitlines()[-1]
        raise R1VError(f"{loaded.benchmark.name} stopped ({reason[:300]}); run the same command to go on")


def _max_samples(target: Target, max_connections: int | None) -> int:
    """The number of samples under way: enough to keep all connections busy."""
    if max_connections is not None:
        return max_connections
    return int(target.model.api.max_connections()) if target.in_process else 32

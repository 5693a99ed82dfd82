"""Questions that the model answers right sometimes but not always, chosen before GRPO.

Enters: a checkpoint folder and a source of questions. Leaves: ``pool.jsonl``. Always holds: a question is
chosen by the same rule that makes a group effective in GRPO; a batch that is done is not asked again.
Source: R1V2 report, section 3.3, the offline filter.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from rich.console import Console

from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.questions import QuestionPool
from r1v.train.sampling import Asker
from r1v.train.stages.grpo import GRPOConfig


def make_pool(config: GRPOConfig, console: Console | None = None, *, allow: Collection[str] = ()) -> Path:
    """Ask ``run.steps`` batches of questions with the model as it is; keep those whose groups are effective.

    Writes and returns ``pool.jsonl`` in the run's folder.
    """
    c, console = config, console or Console(stderr=True)
    asker = Asker(c, console, heldout=False, allow=allow, stage="pool")
    bench = asker.bench
    kept: list[PlannedSample] = []
    origins: list[str] = []
    asked = 0

    def state() -> dict[str, Any]:
        rows = [(one.family, one.index, one.variation) for one in kept]
        return {"kept": rows, "origins": origins, "asked": asked}

    bench.state = state
    found = bench.resume()
    if found is not None:
        kept, asked = [PlannedSample(*row) for row in found["kept"]], found["asked"]
        origins = found.get("origins", [""] * len(kept))
    if bench.progress() < 1.0:
        asker.put(asker.plan(bench.step, c.prompts))
    while bench.progress() < 1.0:
        begun = time.monotonic()
        questions, responses = asker.ask(bench.step)
        if bench.step + 1 < c.run.steps:
            asker.put(asker.plan(bench.step + 1, c.prompts))
        groups = asker.judge(questions, responses)
        chosen = [group.question for group in groups if group.effective]
        kept += [question.planned for question in chosen]
        origins += [question.example.origin for question in chosen]
        asked += len(groups)
        for name in asker.take_bad():
            bench.run.log(step=bench.step, bad=name)
        bench.say(f"pool: {len(kept)} of {asked} questions kept")
        bench.end_step(begun)
        bench.keep()
    bench.save()
    asker.close()
    bench.left_out.end()
    path = bench.run.folder / "pool.jsonl"
    pool = QuestionPool(kept, origins)
    if bench.world.first:
        pool.write(path)
    bench.world.barrier()
    return path

"""How often a model's generated answers are right: the measure for every stage.

Enters: a sampler and questions. Leaves: shares by family. Always holds: greedy, so that the same weights give
the same number.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from r1v import models
from r1v.core import ConfigError
from r1v.prompt import Processor
from r1v.scoring import Verdict
from r1v.train.core.compute import Compute
from r1v.train.core.config import DataConfig
from r1v.train.core.run import write_atomically
from r1v.train.core.workbench import Workbench
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import ExampleSource
from r1v.train.data.questions import EncodedQuestion, Questions, make_question
from r1v.train.data.sources import figures_of, held_rows, open_source, rows_of
from r1v.train.reward.rules import RuleReward
from r1v.train.rollout.sampler import EngineRollouts, Rollouts

# Held-out figures that select a checkpoint have other indices than those on which the final accuracy is
# measured.
FIRST_HELDOUT = 1 << 20


@dataclass(frozen=True)
class Accuracy:
    """Shares of right answers: of all questions, and of each family's. length: mean tokens of a response."""

    total: float
    families: dict[str, float]
    length: float


def make_questions(
    source: ExampleSource, processor: Processor, plan: Sequence[PlannedSample]
) -> list[EncodedQuestion]:
    """Questions of a plan, made here. ConfigError: one cannot be asked."""
    made = [make_question(source, processor, one) for one in plan]
    for one in made:
        if isinstance(one, str):
            raise ConfigError(f"a held-out question cannot be asked: {one}")
    return [one for one in made if isinstance(one, EncodedQuestion)]


def heldout_questions(
    source: ExampleSource,
    model: str,
    data: DataConfig,
    seed: int,
    console: Console,
    keep_images: bool = False,
) -> list[EncodedQuestion]:
    """``data.heldout`` questions a family that training on ``source`` does not see: from ``data.measure``
    (all where the number is 0), else rows that were taken out of the source, else figures of the held-out
    split. keep_images: see `Questions`."""
    number, held, first = data.heldout or 0, held_rows(source, seed), 0
    if data.measure is not None:
        named = replace(data, source=(data.measure,), families=())
        held = open_source(named, seed, console, chains=False, key="data.measure")
        number = number or 1 << 62
    elif held is None:
        held, first = figures_of(source, heldout=True), FIRST_HELDOUT
    if held is None:
        return []
    plan = [
        PlannedSample(family, first + i, 1.0)
        for family in dict.fromkeys(held.families)  # once, though training may draw one more often
        for i in range(min(number, rows_of(held, family)))
    ]
    if not plan:
        return []
    asked = Questions(held, model, data.workers, keep_images)
    asked.put(plan)
    questions, bad = asked.get()
    asked.close()
    if bad:
        raise ConfigError(f"a held-out question cannot be asked: {bad[0]}")
    return questions


class BestCheckpoint:
    """The weights of a run with the best held-out score so far, in ``best/`` of its folder; ``best.json``
    says at which step."""

    def __init__(self, bench: Workbench) -> None:
        self.bench, self.folder = bench, bench.run.folder / "best"

    def tell(self) -> Path:
        """Say which weights are the best; returns their folder."""
        if self.bench.world.first:
            note = json.loads(self.folder.with_name("best.json").read_text())
            which = f"step {note['step']}" if note["step"] else "step 0: training brought nothing"
            self.bench.console.print(f"best: {note['score']:.3f} right at {which}", highlight=False)
        return self.folder

    def offer(self, score: float) -> bool:
        """Save the present weights if they score better than the saved ones; of equal ones the first stay.
        All processes take part."""
        note = self.folder.with_name("best.json")
        kept = note.exists() and json.loads(note.read_text())["score"] >= score
        if self.bench.world.agree(kept):
            return False
        self.bench.export("best")
        if self.bench.world.first:
            write_atomically(note, json.dumps({"score": score, "step": self.bench.step}) + "\n")
        return True


def accuracy(
    rollouts: Rollouts, questions: Sequence[EncodedQuestion], rules: RuleReward, max_tokens: int
) -> Accuracy:
    """Ask each question once, with greedy decoding. Each of several processes asks its share."""
    world = rollouts.compute.world
    own = world.share(questions)
    groups = rollouts.ask(own, [0] * len(own), n=1, max_tokens=max_tokens, temperature=0.0)
    asked = world.collect(
        [
            (q.planned.family, rules.verdict(group[0], q.example.key) is Verdict.RIGHT,
             len(group[0].token_ids))
            for q, group in zip(own, groups, strict=True)
        ]
    )  # fmt: skip
    right: dict[str, list[bool]] = {}
    for family, good, _ in asked:
        right.setdefault(family, []).append(good)
    return Accuracy(
        sum(good for _, good, _ in asked) / max(len(asked), 1),
        {family: sum(found) / len(found) for family, found in right.items()},
        sum(length for _, _, length in asked) / max(len(asked), 1),
    )


def accuracy_of(
    folder: str | Path, source: ExampleSource, plan: Sequence[PlannedSample], *, max_tokens: int,
    device: str = "auto", bf16: bool = False,
) -> Accuracy:  # fmt: skip
    """Of a checkpoint's folder."""
    compute = Compute.open(device, bf16)
    processor = Processor.from_folder(folder)
    sampler = EngineRollouts(models.load(folder, None, compute.device).float(), processor, compute)
    rules = RuleReward()
    try:
        return accuracy(sampler, make_questions(source, processor, plan), rules, max_tokens)
    finally:
        rules.close()

"""Pairs for a reward model from a model's own replies: a right answer is preferred to a wrong one.

Enters: a checkpoint folder and a source of questions. Leaves: a file of pairs. Always holds: which reply is
right is decided by comparison with the known answer, not by a model.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from rich.console import Console

from r1v.core import ProgressPace
from r1v.scoring import Verdict
from r1v.train.core.checks import at_least
from r1v.train.core.compute import Compute
from r1v.train.core.config import DataConfig, ModelConfig, RolloutConfig, RunConfig, one_turn
from r1v.train.core.growing import GrowingFile, results_of
from r1v.train.core.keys import key
from r1v.train.core.left_out import LeftOut
from r1v.train.core.run import TrainingRun
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import ExampleSource, FigureSource
from r1v.train.data.pairs import PreferencePair, Reply, pair_line
from r1v.train.data.questions import EncodedQuestion, Questions, plan_questions
from r1v.train.data.sources import fingerprint, open_source
from r1v.train.reward.rules import RuleReward
from r1v.train.rollout.opening import open_sampler
from r1v.train.rollout.sampler import Response


@dataclass(frozen=True)
class PairsConfig:
    """Pairs for a reward model, from a model's own replies with verified answers: ``pairs.jsonl`` in run.out.

    run.steps is not used: questions says how many are asked.
    """

    model: ModelConfig = key(ModelConfig(), "the model that replies")
    run: RunConfig = key(RunConfig(), "the run")
    data: DataConfig = key(DataConfig(), "what is asked")
    rollout: RolloutConfig = key(RolloutConfig(memory_fraction=0.5), "how it is asked")
    questions: int = key(1000, "how many questions are asked, each rollout.group times")
    batch: int = key(32, "questions asked together")
    per_question: int = key(1, "most pairs of a question")
    references: bool = key(
        False, "use the source's solution as the chosen reply where the model has no right one"
    )

    def __post_init__(self) -> None:
        one_turn("pairs", self.rollout)
        at_least(self, 1, "questions", "per_question", "batch")


def make_pairs(config: PairsConfig, console: Console | None = None, *, allow: Collection[str] = ()) -> Path:
    """Sample, verify and pair. Returns the file. An interrupted run continues with the next batch."""
    c, console = config, console or Console(stderr=True)
    source = open_source(c.data, c.run.seed, console, chains=c.references)
    run = TrainingRun(c, data=fingerprint(c.data), allow=allow, results=results_of("pairs.jsonl"))
    file = GrowingFile(run.folder / "pairs.jsonl")
    if file.done:
        console.print(f"{file.path} is whole already")
        return file.path
    asked = Questions(source, c.model.path, c.data.workers)
    compute = Compute.open(c.run.device, c.run.bf16)
    sampler = open_sampler(c.model.path, compute, c.rollout)
    rules, steps, begun = RuleReward(), -(-c.questions // c.batch), time.monotonic()
    pace = ProgressPace()
    left_out = LeftOut(
        c.data.bad_share, lambda text: console.print(text, highlight=False, markup=False), "questions"
    )
    number = int(file.other.get("pairs", 0))
    if file.step < steps:
        asked.put(_plan(source, c, file.step))
    while file.step < steps:
        questions, bad = asked.get()
        if file.step + 1 < steps:
            asked.put(_plan(source, c, file.step + 1))
        left_out.add(len(questions) + len(bad), bad)
        seeds = [Random(f"{c.run.seed}/{file.step}/{i}").getrandbits(62) for i in range(len(questions))]
        groups = sampler.ask(
            questions, seeds, n=c.rollout.group, max_tokens=c.rollout.max_tokens,
            temperature=c.rollout.temperature,
        )  # fmt: skip
        pairs = [
            pair
            for question, group in zip(questions, groups, strict=True)
            for pair in _of_group(source, question, group, rules, c)
        ]
        number += len(pairs)
        file.add([pair_line(pair, run.folder) for pair in pairs], pairs=number)
        done = min(file.step * c.batch, c.questions)
        if pace.due() or done == c.questions:
            console.print(f"{number} pairs from {done} of {c.questions} questions", highlight=False)
        if c.run.deadline_s and time.monotonic() - begun >= c.run.deadline_s:
            break
    asked.close()
    rules.close()
    left_out.end()
    return file.finish()


def _plan(source: ExampleSource, c: PairsConfig, step: int) -> list[PlannedSample]:
    """The questions of a batch; the last one may be smaller."""
    size = min(c.batch, c.questions - step * c.batch)
    first = c.data.first_sample + step * (c.batch - size)
    return plan_questions(source, c.run.seed, step, size, first=first, variation=c.data.variation)


def _of_group(
    source: ExampleSource,
    question: EncodedQuestion,
    group: Sequence[Response],
    rules: RuleReward,
    config: PairsConfig,
) -> list[PreferencePair]:
    """Right replies with wrong ones, each used once. A reply without any text is left out."""
    right, wrong = list[Reply](), list[Reply]()
    for response in group:
        reply = Reply.of(response)
        if rules.verdict(response, question.example.key) is Verdict.RIGHT:
            right.append(reply)
        elif not reply.empty:
            wrong.append(reply)
    right = [reply for reply in right if not reply.empty]
    if config.references:
        right.append(Reply(question.example.thinking, question.example.answer))
    chosen = [(a, b) for a, b in zip(right, wrong, strict=False) if a != b][: config.per_question]
    planned = question.planned
    if isinstance(source, FigureSource):
        return [PreferencePair("", (), a, b, None, planned) for a, b in chosen]
    images = source.example(planned.family, planned.index, planned.variation).images
    return [PreferencePair(question.example.question, images, a, b) for a, b in chosen]

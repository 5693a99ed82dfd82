"""Pairs for a reward model from a model's own replies: a right answer above a wrong one.

Enters: a checkpoint folder and a source of questions. Leaves: a file of pairs. Always holds: which reply is
right is decided by comparison with the known answer, not by a model.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from rich.console import Console

from r1v import models
from r1v.prompt import Processor
from r1v.scoring import Verdict
from r1v.train.core.compute import Compute
from r1v.train.core.config import PairsConfig
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import FigureSource, Source
from r1v.train.data.pairs import Pair, Reply, write_pairs
from r1v.train.data.questions import Question, Questions, plan_questions
from r1v.train.data.sources import open_source
from r1v.train.reward.rules import RuleReward
from r1v.train.rollout.sampler import Response, Sampler


def make_pairs(config: PairsConfig, console: Console | None = None) -> Path:
    """Sample, verify, pair; returns the file."""
    c, console = config, console or Console(stderr=True)
    source = open_source(c.data, c.families, c.seed, console, chains=c.references)
    asked = Questions(source, c.model, c.workers)
    compute = Compute.open(c.device, c.bf16)
    model = models.load(c.model, None, compute.device)
    processor = Processor.from_folder(c.model)
    sampler = Sampler(
        model if compute.bf16 else model.float(), processor, compute, max_num_seqs=c.max_num_seqs,
        memory_fraction=c.memory_fraction,
    )  # fmt: skip
    rules = RuleReward()
    pairs: list[Pair] = []
    steps = -(-c.questions // c.batch)
    begun = time.monotonic()
    asked.put(_plan(source, c, 0))
    for step in range(steps):
        questions, bad = asked.get()
        if step + 1 < steps:
            asked.put(_plan(source, c, step + 1))
        for name in bad:
            console.print(f"bad question, left out: {name}", highlight=False)
        seeds = [Random(f"{c.seed}/{step}/{i}").getrandbits(62) for i in range(len(questions))]
        groups = sampler.sample(
            [q.prompt for q in questions], seeds, n=c.group, max_tokens=c.max_tokens,
            temperature=c.temperature,
        )  # fmt: skip
        for question, group in zip(questions, groups, strict=True):
            pairs += _of_group(source, question, group, rules, c)
        number = min((step + 1) * c.batch, c.questions)
        console.print(f"{len(pairs)} pairs from {number} questions", highlight=False)
        if c.deadline_s and time.monotonic() - begun >= c.deadline_s:
            break
    asked.close()
    rules.close()
    path = Path(c.out)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_pairs(path, pairs)
    return path


def _plan(source: Source, c: PairsConfig, step: int) -> list[PlannedSample]:
    """The questions of a batch; the last one may be smaller."""
    size = min(c.batch, c.questions - step * c.batch)
    first = c.first_sample + step * (c.batch - size)
    return plan_questions(source.families, c.seed, step, size, first=first, variation=c.variation)


def _of_group(
    source: Source, question: Question, group: Sequence[Response], rules: RuleReward, config: PairsConfig
) -> list[Pair]:
    """Right replies with wrong ones, each used once."""
    verdicts = [rules.verdict(response, question.example.key) for response in group]
    right = [Reply.of(r) for r, verdict in zip(group, verdicts, strict=True) if verdict is Verdict.RIGHT]
    wrong = [Reply.of(r) for r, verdict in zip(group, verdicts, strict=True) if verdict is not Verdict.RIGHT]
    if config.references:
        right.append(Reply(question.example.thinking, question.example.answer))
    chosen = [(a, b) for a, b in zip(right, wrong, strict=False) if a != b][: config.per_question]
    planned = question.planned
    if isinstance(source, FigureSource):
        return [Pair("", (), a, b, None, planned) for a, b in chosen]
    images = source.example(planned.family, planned.index, planned.variation).images
    return [Pair(question.example.question, images, a, b) for a, b in chosen]

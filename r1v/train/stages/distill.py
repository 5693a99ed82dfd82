"""Self-distillation with chains of adaptive length (AL-CoTD).

Enters: a checkpoint folder and a source of questions. Leaves: ``chains.jsonl`` with its images, a file that
the supervised stages read. Always holds: a kept chain led to the right answer, by comparison; a wrong one is
corrected or left out, and counted. Source: R1V report, section 2.3.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import TextIO

import torch
from rich.console import Console

from r1v import models
from r1v.models import R1V
from r1v.prompt import Processor, open_image
from r1v.scoring import Verdict
from r1v.train.core.compute import Compute, target_logprobs
from r1v.train.core.config import DistillConfig
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import Encoded, Example, Source, collate, encode
from r1v.train.data.judges import FigureJudge, Judge, ModelJudge, ask_openai
from r1v.train.data.pairs import Reply
from r1v.train.data.quality import Assessed, assess, clarity
from r1v.train.data.questions import plan_questions
from r1v.train.data.sources import open_source
from r1v.train.reward.rules import RuleReward
from r1v.train.rollout.sampler import Response, Sampler


@dataclass
class DistillCounts:
    """kept: right at once. corrected: by the judge. dropped: neither. tokens: of the kept chains."""

    kept: int = 0
    corrected: int = 0
    dropped: int = 0
    tokens: int = 0


def distill(config: DistillConfig, console: Console | None = None, judge: Judge | None = None) -> Path:
    """Score all questions, then answer them under their penalties; returns the file of chains."""
    c, console = config, console or Console(stderr=True)
    if judge is None:
        judge = ModelJudge(ask_openai(c.judge, c.judge_model, c.judge_key)) if c.judge else FigureJudge()
    source = open_source(c.data, c.families, c.seed, console, chains=False)
    compute = Compute.open(c.device, c.bf16)
    model = models.load(c.model, None, compute.device)
    model = model if compute.bf16 else model.float()
    processor = Processor.from_folder(c.model)
    plan = plan_questions(
        source.families, c.seed, 0, c.questions, first=c.first_sample, variation=c.variation
    )
    assessed = _assess(plan, source, model, processor, compute, judge, c)
    sampler = Sampler(
        model, processor, compute, max_num_seqs=c.max_num_seqs, memory_fraction=c.memory_fraction
    )
    rules, counts = RuleReward(), DistillCounts()
    writer = _Writer(Path(c.out))
    for start in range(0, len(plan), c.batch):
        part = slice(start, start + c.batch)
        examples = [source.example(one.family, one.index, one.variation) for one in plan[part]]
        replies = _answer(sampler, examples, assessed[part], c, start)
        for one, example, scores, reply in zip(plan[part], examples, assessed[part], replies, strict=True):
            final: Reply | None = Reply.of(reply)
            right = rules.verdict(reply, example.key) is Verdict.RIGHT
            if right:
                counts.kept, counts.tokens = counts.kept + 1, counts.tokens + len(reply.token_ids)
            else:
                final = judge.correct(example, Reply.of(reply))
                counts.corrected += final is not None
                counts.dropped += final is None
            if final is not None:
                writer.write(one, example, final, scores, corrected=not right)
        console.print(
            f"{min(start + c.batch, len(plan))} questions: {counts.kept} right, "
            f"{counts.corrected} corrected, {counts.dropped} dropped",
            highlight=False,
        )
    rules.close()
    writer.close(counts)
    return writer.path


def _assess(
    plan: Sequence[PlannedSample], source: Source, model: R1V, processor: Processor, compute: Compute,
    judge: Judge, config: DistillConfig,
) -> list[Assessed]:  # fmt: skip
    """The scores and penalties of all questions, one against the other."""
    clear, need, judged = [], [], []
    for one in plan:
        example = source.example(one.family, one.index, one.variation)
        clear.append(clarity([open_image(ref) for ref in example.images]))
        need.append(image_need(model, processor, example, compute))
        judged.append(judge.score(example))
    return assess(clear, need, judged, alpha=config.alpha, beta=config.beta, gamma=config.gamma)


def _answer(
    sampler: Sampler, examples: Sequence[Example], assessed: Sequence[Assessed], config: DistillConfig,
    start: int,
) -> list[Response]:  # fmt: skip
    prompts = [sampler.processor.encode(example.messages()) for example in examples]
    seeds = [Random(f"{config.seed}/{start + i}").getrandbits(62) for i in range(len(prompts))]
    groups = sampler.sample(
        prompts, seeds, n=1, max_tokens=config.max_tokens, temperature=config.temperature,
        penalties=[one.penalty for one in assessed],
    )  # fmt: skip
    return [group[0] for group in groups]


def image_need(model: R1V, processor: Processor, example: Example, compute: Compute) -> float:
    """How much likelier the model finds the right answer with the images than without: nats a token, of the
    answer given at once. 0 for a question without images."""
    if not example.images:
        return 0.0
    key = replace(example, answer=example.answer or example.key.answer)
    rows = [encode(processor, one, thinking=False) for one in (key, replace(key, images=()))]
    with_images, without = (_mean_logprob(model, row, processor, compute) for row in rows)
    return with_images - without


def _mean_logprob(model: R1V, row: Encoded, processor: Processor, compute: Compute) -> float:
    part = collate([("answer", row)], torch.from_numpy(row.tiles), processor.special.pad)
    with torch.no_grad():
        return float(target_logprobs(model, part, compute).mean())


class _Writer:
    """chains.jsonl and its pictures."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "chains.jsonl"
        (folder / "images").mkdir(parents=True, exist_ok=True)
        self._file: TextIO = self.path.open("w", encoding="utf-8")

    def write(
        self, planned: PlannedSample, example: Example, reply: Reply, scores: Assessed, *, corrected: bool
    ) -> None:
        names = []
        for number, ref in enumerate(example.images):
            name = f"images/{planned.family}-{planned.index}-{number}.png"
            open_image(ref).save(self.path.parent / name)
            names.append(name)
        row = {
            "images": names, "question": example.question, "thinking": reply.thinking,
            "answer": reply.answer, "answer_type": example.key.kind, "group": planned.family,
            "difficulty": example.difficulty, "corrected": corrected, **asdict(scores),
        }  # fmt: skip
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def close(self, counts: DistillCounts) -> None:
        self._file.close()
        path = self.path.with_name("counts.json")
        path.write_text(json.dumps(asdict(counts), indent=2) + "\n")

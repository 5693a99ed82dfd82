"""Self-distillation with chains of adaptive length (AL-CoTD).

Enters: a checkpoint folder and a source of questions. Leaves: ``chains.jsonl`` with its images, a file that
the supervised stages read. Always holds: a kept chain led to the right answer, which was compared; a wrong
chain is corrected or left out, and counted; an interrupted run continues with the next batch. Source: R1V
report, section 2.3.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

import torch
from rich.console import Console

from r1v import models
from r1v.core import ProgressPace
from r1v.models import R1V
from r1v.prompt import Processor, open_image
from r1v.scoring import Verdict
from r1v.train.core.checks import at_least
from r1v.train.core.compute import Compute
from r1v.train.core.config import DataConfig, ModelConfig, RolloutConfig, RunConfig, one_turn
from r1v.train.core.growing import GrowingFile, results_of
from r1v.train.core.keys import key
from r1v.train.core.policy import as_policy
from r1v.train.core.run import TrainingRun, write_atomically
from r1v.train.data.batches import Encoded, collate
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import Example, ExampleSource, encode
from r1v.train.data.judges import FigureJudge, ModelJudge, ReplyJudge, ask_openai
from r1v.train.data.pairs import Reply
from r1v.train.data.quality import Assessed, assess, clarity
from r1v.train.data.questions import plan_questions
from r1v.train.data.sources import fingerprint, open_source
from r1v.train.reward.rules import RuleReward
from r1v.train.rollout.sampler import EngineRollouts, Response


@dataclass(frozen=True)
class DistillConfig:
    """Adaptive-length distillation: chains written by the model itself, shorter where a question is easy.

    Without a judge, scores come from the known difficulty of figures, and a wrong chain is replaced by the
    reference's. run.steps is not used: questions says how many are asked.
    """

    model: ModelConfig = key(ModelConfig(), "the model that writes the chains")
    run: RunConfig = key(RunConfig(), "the run")
    data: DataConfig = key(DataConfig(), "what is asked")
    rollout: RolloutConfig = key(RolloutConfig(temperature=0.0, memory_fraction=0.5), "how it is asked")
    questions: int = key(1000, "how many questions are asked")
    alpha: float = key(
        0.2, "strength of the penalty on long chains, see quality.penalty; the R1V report does not give it"
    )
    beta: float = key(1.0, "weight of the question text's difficulty in the penalty")
    gamma: float = key(1.0, "weight, in the penalty, of how far text and image must be read together")
    batch: int = key(32, "questions answered together", operational=True)
    judge: str | None = key(None, "base URL of an OpenAI-compatible server that scores and corrects")
    judge_model: str = key("judge", "name of the judge's model")
    judge_key: str = key("none", "API key of the judge", operational=True)

    def __post_init__(self) -> None:
        one_turn("distill", self.rollout)
        at_least(self, 1, "questions", "batch")
        at_least(self, 0, "alpha", "beta", "gamma")


@dataclass
class DistillCounts:
    """kept: right at once. corrected: by the judge. dropped: neither. tokens: of the kept chains."""

    kept: int = 0
    corrected: int = 0
    dropped: int = 0
    tokens: int = 0


def distill(
    config: DistillConfig, console: Console | None = None, judge: ReplyJudge | None = None, *,
    allow: Collection[str] = (),
) -> Path:  # fmt: skip
    """Score all questions, then answer them under their penalties; returns the file of chains."""
    c, console = config, console or Console(stderr=True)
    if judge is None:
        judge = ModelJudge(ask_openai(c.judge, c.judge_model, c.judge_key)) if c.judge else FigureJudge()
    source = open_source(c.data, c.run.seed, console, chains=False)
    results = results_of("chains.jsonl") | {"assessed.json": ("",)}
    run = TrainingRun(c, data=fingerprint(c.data), allow=allow, results=results)
    file = GrowingFile(run.folder / "chains.jsonl")
    if file.done:
        console.print(f"{file.path} is whole already")
        return file.path
    compute = Compute.open(c.run.device, c.run.bf16)
    model = models.load(c.model.path, None, compute.device)
    model = model if compute.bf16 else model.float()
    processor = Processor.from_folder(c.model.path)
    plan = plan_questions(
        source, c.run.seed, 0, c.questions, first=c.data.first_sample, variation=c.data.variation
    )
    assessed = _scores_once(run.folder / "assessed.json", plan, source, model, processor, compute, judge, c)
    sampler = EngineRollouts(
        model, processor, compute, max_num_seqs=c.rollout.max_num_seqs,
        memory_fraction=c.rollout.memory_fraction,
    )  # fmt: skip
    rules, pace = RuleReward(), ProgressPace()
    counts = DistillCounts(**file.other.get("counts", {}))
    for start in range(int(file.other.get("done", 0)), len(plan), c.batch):
        part, lines = slice(start, start + c.batch), list[str]()
        examples = [source.example(one.family, one.index, one.variation) for one in plan[part]]
        replies = _answer(sampler, examples, assessed[part], c, start)
        for one, example, scores, reply in zip(plan[part], examples, assessed[part], replies, strict=True):
            final: Reply | None = Reply.of(reply)
            # an answer without a chain teaches none
            right = rules.verdict(reply, example.key) is Verdict.RIGHT and bool(reply.thinking.strip())
            if right:
                counts.kept, counts.tokens = counts.kept + 1, counts.tokens + len(reply.token_ids)
            else:
                final = judge.correct(example, Reply.of(reply))
                counts.corrected += final is not None
                counts.dropped += final is None
            if final is not None:
                lines.append(_line(run.folder, one, example, final, scores, corrected=not right))
        done = min(start + c.batch, len(plan))
        file.add(lines, done=done, counts=asdict(counts))
        if not pace.due() and done < len(plan):
            continue
        console.print(
            f"{done} of {len(plan)} questions: {counts.kept} right, {counts.corrected} corrected, "
            f"{counts.dropped} dropped",
            highlight=False,
        )
    rules.close()
    write_atomically(run.folder / "counts.json", json.dumps(asdict(counts), indent=2) + "\n")
    return file.finish()


def _scores_once(
    path: Path, plan: Sequence[PlannedSample], source: ExampleSource, model: R1V, processor: Processor,
    compute: Compute, judge: ReplyJudge, config: DistillConfig,
) -> list[Assessed]:  # fmt: skip
    """The scores of all questions, stored in a file, so that a resumed run does not ask for them again."""
    if path.exists():
        return [Assessed(**row) for row in json.loads(path.read_text())]
    found = _assess(plan, source, model, processor, compute, judge, config)
    write_atomically(path, json.dumps([asdict(one) for one in found]) + "\n")
    return found


def _assess(
    plan: Sequence[PlannedSample], source: ExampleSource, model: R1V, processor: Processor, compute: Compute,
    judge: ReplyJudge, config: DistillConfig,
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
    sampler: EngineRollouts, examples: Sequence[Example], assessed: Sequence[Assessed], config: DistillConfig,
    start: int,
) -> list[Response]:  # fmt: skip
    prompts = [sampler.processor.encode(example.messages()) for example in examples]
    seeds = [Random(f"{config.run.seed}/{start + i}").getrandbits(62) for i in range(len(prompts))]
    groups = sampler.sample(
        prompts, seeds, n=1, max_tokens=config.rollout.max_tokens,
        temperature=config.rollout.temperature,
        penalties=[one.penalty for one in assessed],
    )  # fmt: skip
    return [group[0] for group in groups]


def image_need(model: R1V, processor: Processor, example: Example, compute: Compute) -> float:
    """How much more likely the model finds the right answer with the images than without, in nats per token,
    if it answers at once. 0 for a question without images."""
    if not example.images:
        return 0.0
    key = replace(example, answer=example.answer or example.key.answer)
    rows = [encode(processor, one, thinking=False) for one in (key, replace(key, images=()))]
    with_images, without = (_mean_logprob(model, row, processor, compute) for row in rows)
    return with_images - without


def _mean_logprob(model: R1V, row: Encoded, processor: Processor, compute: Compute) -> float:
    part = collate([("answer", row)], torch.from_numpy(row.tiles), processor.special.pad)
    with torch.no_grad():
        return float(as_policy(model, compute).scores(part).logprobs.mean())


def _line(
    folder: Path, planned: PlannedSample, example: Example, reply: Reply, scores: Assessed, *,
    corrected: bool,
) -> str:  # fmt: skip
    """A kept chain as a row; its pictures are saved beside it."""
    names = []
    (folder / "images").mkdir(exist_ok=True)
    for number, ref in enumerate(example.images):
        name = f"images/{planned.family.replace('/', '-')}-{planned.index}-{number}.png"
        open_image(ref).save(folder / name)
        names.append(name)
    row = {
        "images": names, "question": example.question, "thinking": reply.thinking, "answer": reply.answer,
        "answer_type": example.key.kind, "tolerance": example.key.tolerance, "group": planned.family,
        "difficulty": example.difficulty, "corrected": corrected, **asdict(scores),
    }  # fmt: skip
    return json.dumps(row, ensure_ascii=False)

"""Supervised training: the model learns to write the chain and the answer after the prompt.

Enters: a checkpoint folder and a source of examples. Leaves: a run folder with metrics, a resumable state and
the trained checkpoint under ``model/``. Always holds: the order of the samples, and the curriculum that chose
them, do not depend on the number of workers or processes, and go on unchanged after a kill.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from rich.console import Console

from r1v.core import ConfigError
from r1v.prompt import Processor
from r1v.train import losses
from r1v.train.core.config import DataConfig, ModelConfig, OptimConfig, RunConfig
from r1v.train.core.keys import key
from r1v.train.core.left_out import LeftOut
from r1v.train.core.workbench import Workbench
from r1v.train.data.batches import Batch
from r1v.train.data.curriculum import Curriculum, CurriculumConfig, PlannedSample
from r1v.train.data.examples import BatchStream, ExampleSource, FigureSource
from r1v.train.data.sources import figures_of, fingerprint, held_rows, open_source, rows_of
from r1v.train.data.spoilt import spoilt

HELDOUT = 32  # questions of each family, where data.heldout is not given


@dataclass(frozen=True)
class SFTConfig:
    """Supervised training on questions with worked solutions. The rates are for a trained model; one from
    nothing wants optim.lr=1e-3 optim.muon_lr=3e-3 (examples/nano/sft.toml). Without data.heldout 32 questions
    of each family of figures and of data.measure are held out, and none of other rows."""

    model: ModelConfig = key(ModelConfig(train=("vision", "projector", "llm")), "what is trained")
    run: RunConfig = key(RunConfig(eval_every=500), "the run")
    data: DataConfig = key(DataConfig(direct_share=0.05, heldout=None), "what is learned")
    optim: OptimConfig = key(
        OptimConfig(lr=1e-5, warmup_steps=20, weight_decay=0.02, final_lr_share=0.02), "how it is learned"
    )
    curriculum: CurriculumConfig = key(
        CurriculumConfig(), "how the looks of figures vary more as they are learned"
    )

    def __post_init__(self) -> None:
        if self.optim.micro_batches > self.optim.batch_size:
            raise ConfigError(
                f"optim.micro_batches is {self.optim.micro_batches}; it must be at most optim.batch_size, "
                f"{self.optim.batch_size}"
            )


@dataclass
class Tally:
    """Sums over a step or an evaluation: negative log-likelihood in nats, tokens, and rows per family.
    norm: of the step's gradient, before clipping."""

    nll: float = 0.0
    right: int = 0
    targets: int = 0
    families: dict[str, tuple[int, int]] = field(default_factory=dict)
    norm: float = 0.0

    def add_rows(self, families: Sequence[str], exact: Sequence[bool]) -> None:
        """Count the rows of one micro-batch: those without a wrong token, and all."""
        for family, right in zip(families, exact, strict=True):
            self._count(family, int(right), 1)

    def add(self, other: Tally) -> None:
        """Add the sums of another part."""
        self.nll, self.right = self.nll + other.nll, self.right + other.right
        self.targets += other.targets
        for family, (good, total) in other.families.items():
            self._count(family, good, total)

    def _count(self, family: str, right: int, rows: int) -> None:
        good, total = self.families.get(family, (0, 0))
        self.families[family] = (good + right, total + rows)


class Trainer:
    """One run: ``Trainer(config).train()``. allow: see `TrainingRun`."""

    def __init__(
        self, config: SFTConfig, console: Console | None = None, *, allow: Collection[str] = ()
    ) -> None:
        self.config = c = config
        self.console = console or Console(stderr=True)
        if c.data.direct_share < 1 and not Processor.from_folder(c.model.path).thinks:
            raise ConfigError(
                f"data.direct_share is {c.data.direct_share}, but {c.model.path} has no <think> in "
                "its chat template or tokenizer, so answers with and without thinking would be learned for "
                "the same prompt; use r1v convert --thinking install (r1v assemble has it too), or "
                "data.direct_share=1 to train answers alone"
            )
        self.source = open_source(c.data, c.run.seed, self.console)
        self.stream = self._open_stream(spoilt(self.source, c.data.spoil), c.data.prefetch)
        # held-out items are made by workers of their own, before a device is opened
        self.heldout = self._make_heldout()
        self.bench = Workbench.open(c, self.console, data=fingerprint(c.data), allow=allow)
        self.policy, self.world = self.bench.policy, self.bench.policy.sharers
        if c.optim.batch_size < self.world.num_shares:
            raise ConfigError(
                f"optim.batch_size is {c.optim.batch_size}, but a step is divided into "
                f"{self.world.num_shares} shares, which need at least one sample each"
            )
        self.stream.pin, self.stream.world = self.bench.compute.device.type == "cuda", self.world
        figures = figures_of(self.source)
        self.curriculum = Curriculum(figures.families if figures else (), c.curriculum)
        self.planned = 0
        self.bench.state = self._state

    # ---------------------------------------------------------------------------------------------- set-up

    def _open_stream(self, source: ExampleSource, prefetch: int) -> BatchStream:
        c = self.config
        return BatchStream(
            source, c.model.path, batch_size=c.optim.batch_size, split=c.optim.split,
            workers=c.data.workers, prefetch=prefetch, packing=c.data.packing,
        )  # fmt: skip

    def _make_heldout(self) -> list[Batch]:
        """Held-out figures in full variation, and rows of the file ``data.measure`` or of the data."""
        c, sources = self.config, list[ExampleSource]()
        most = HELDOUT if c.data.heldout is None else c.data.heldout
        if most and (figures := figures_of(self.source, heldout=True)):
            sources.append(figures)
        if c.data.measure is not None:
            sources.append(
                open_source(only(c.data, c.data.measure), c.run.seed, self.console, key="data.measure")
            )
        elif (rows := held_rows(self.source, c.run.seed)) is not None:
            sources.append(rows)
        if not sources and c.data.heldout is None:
            self.console.print(
                "nothing is held out: data.heldout=20 would take 20 rows out of the data to measure on, and "
                "data.measure names a file of them",
                highlight=False,
            )
        batches: list[Batch] = []
        left_out = LeftOut(
            c.data.bad_share, lambda text: self.console.print(text, highlight=False, markup=False),
            "held-out samples",
        )  # fmt: skip
        for source in sources:
            number = most if isinstance(source, FigureSource) else max(1, most)
            names = list(dict.fromkeys(source.families))
            plan = [PlannedSample(f, i, 1.0) for i in range(number) for f in names if i < rows_of(source, f)]
            size = c.optim.batch_size
            plans = [plan[i : i + size] for i in range(0, len(plan), size)]
            stream = self._open_stream(source, len(plans))
            for one in plans:
                stream.put(one)
            made = [stream.get() for _ in plans]
            stream.close()
            left_out.add(len(plan), [error for batch in made for error in batch.bad])
            batches += made
        left_out.end()
        return batches

    # ---------------------------------------------------------------------------------------------- a step

    def _pass(self, batch: Batch, rate: float | None = None) -> Tally:
        """Forward over the parts of a batch; with a rate also backward and an update.

        The results are read from the device once, after all work of the step has been sent there.
        """
        compute = self.bench.compute
        sums, exacts, norm = [torch.zeros(2, device=compute.device)], list[torch.Tensor](), 0.0
        scale = 0.0 if rate is None else 1.0 / max(1, sum(self.world.gather(batch.num_targets)))
        for part in self.policy.passes(batch.parts):
            if part is None:
                self.policy.idle_pass(backward=rate is not None)
                continue
            part = compute.move(part)
            found = self.policy.scores(part)
            if rate is not None:
                self.policy.backward(-found.logprobs.sum() * scale)
            sums.append(torch.stack([-found.logprobs.detach().sum(), found.right.sum().float()]))
            exacts.append(losses.exact_rows(found.right, part.rows, len(part.families)))
        if rate is not None:
            norm = self.bench.update(rate)
        nll_sum, right_sum = torch.stack(sums).sum(0).tolist()
        tally = Tally(nll_sum, int(right_sum), batch.num_targets, norm=norm)
        for part, exact in zip(batch.parts, exacts, strict=True):
            tally.add_rows(part.families, exact.tolist())
        return tally

    def evaluate(self) -> Tally:
        """Teacher-forced measures over the held-out items.

        A row is exact when greedy decoding would write its whole reference chain and answer.
        """
        total = Tally()
        self.policy.eval()
        with torch.no_grad():
            for batch in self.heldout:
                total.add(self._pass(batch))
        self.policy.train()
        return total

    # -------------------------------------------------------------------------------------------- the loop

    def train(self) -> Path:
        """Run to the end, or from the kept state to the end. Returns the trained checkpoint's folder."""
        c, bench = self.config, self.bench
        for plan in self._resume():
            self.stream.put(plan)
        bench.say_warmup(c.run.steps)
        last_log, samples, tokens = time.monotonic(), 0, 0
        while bench.progress() < 1.0:
            begun = time.monotonic()
            while len(self.stream.pending) < c.data.prefetch:
                self.stream.put(self._plan())
            batch = self.stream.get()
            waited = time.monotonic() - begun
            rate = bench.rate()
            tally = self._pass(batch, rate)
            every = self.world.gather((tally, batch.num_tokens, batch.bad))
            samples, tokens = samples + c.optim.batch_size, tokens + sum(number for _, number, _ in every)
            tally = Tally(norm=tally.norm)
            for one, _, bad in every:
                tally.add(one)
                for error in bad:
                    bench.run.log(step=bench.step + 1, bad=error)
            bench.left_out.add(c.optim.batch_size, [error for _, _, bad in every for error in bad])
            bench.end_step(begun)
            self.curriculum.update(tally.families, bench.progress())
            ended = bench.progress() >= 1.0
            if bench.step % c.run.log_every == 0 or ended:
                elapsed = time.monotonic() - last_log
                self._log(tally, rate, samples / elapsed, tokens / elapsed, waited)
                last_log, samples, tokens = time.monotonic(), 0, 0
            if self.heldout and ((c.run.eval_every and bench.step % c.run.eval_every == 0) or ended):
                self._log_heldout()
            bench.keep()
        bench.save()
        self.stream.close()
        bench.close()
        bench.left_out.end()
        return bench.export()

    def _plan(self) -> list[PlannedSample]:
        """The samples of one batch: the next of the source, figures by the curriculum."""
        c, plan = self.config, []
        rng = Random(f"{c.run.seed}/{self.planned}")
        first = c.data.first_sample + self.planned * c.optim.batch_size
        for number in range(first, first + c.optim.batch_size):
            family, index = self.source.pick(number, f"{c.run.seed}/{number}")
            variation = c.data.variation
            label, _, name = family.rpartition("/")
            if self.curriculum.families and name in self.curriculum.families and label in ("", "figures"):
                name, variation = self.curriculum.choose(rng)
                family = f"{label}/{name}" if label else name
            plan.append(PlannedSample(family, index, variation, rng.random() >= c.data.direct_share))
        self.planned += 1
        return plan

    def _resume(self) -> list[list[PlannedSample]]:
        """Take up the kept state, if there is one; returns the plans that were made and not trained on."""
        state = self.bench.resume()
        if state is None:
            return []
        self.curriculum.restore(state["curriculum"])
        self.planned = state["planned"]
        return [[PlannedSample(*sample) for sample in plan] for plan in state["plans"]]

    def _state(self) -> dict[str, Any]:
        return {
            "curriculum": self.curriculum.state(),
            "planned": self.planned,
            "plans": [
                [(s.family, s.index, s.variation, s.thinking) for s in plan] for plan in self.stream.pending
            ],
        }

    # --------------------------------------------------------------------------------------------- reports

    def _log(self, tally: Tally, rate: float, per_s: float, tokens_per_s: float, waited: float) -> None:
        bench = self.bench
        nll = tally.nll / max(tally.targets, 1)
        bench.run.log(
            step=bench.step, nll=nll, accuracy=tally.right / max(tally.targets, 1), rate=rate,
            grad_norm=tally.norm, samples_per_s=per_s, tokens_per_s=tokens_per_s, waited_s=waited,
            trained_s=bench.trained_s, memory_mb=bench.compute.peak_bytes() / 2**20,
            variation=self.curriculum.variation, exact=self.curriculum.exact,
        )  # fmt: skip
        looks = ""
        if families := len(self.curriculum.variation):
            wide = sum(self.curriculum.variation.values()) / families
            exact = sum(self.curriculum.exact.values()) / families
            looks = f"  exact {exact:.2f}  variation {wide:.2f}"
        bench.say(
            f"step {bench.step}/{self.config.run.steps}  loss {nll:.3f}{looks}  grad {tally.norm:.2f}"
            f"  {tokens_per_s:,.0f} tokens/s  waited {waited:.2f} s  {bench.minutes_left():.1f} min left"
        )

    def _log_heldout(self) -> None:
        tally = self.evaluate()
        shares = {family: good / count for family, (good, count) in sorted(tally.families.items())}
        mean, step = sum(shares.values()) / len(shares), self.bench.step
        self.bench.run.log(step=step, heldout_nll=tally.nll / tally.targets, heldout_exact=shares)
        self.console.print(
            f"held-out at step {step}: loss {tally.nll / tally.targets:.3f}, exact {mean:.3f}; "
            + ", ".join(f"{family} {share:.2f}" for family, share in shares.items()),
            highlight=False,
        )


def only(data: DataConfig, name: str) -> DataConfig:
    """The same settings for one other source."""
    return replace(data, source=(name,), families=())

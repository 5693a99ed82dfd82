"""Supervised training: the model learns to write the chain and the answer after the prompt.

Enters: a checkpoint folder and a source of examples. Leaves: a run folder with metrics, a resumable state and
the trained checkpoint under ``model/``. Always holds: the order of the samples, and the curriculum that chose
them, do not depend on the number of workers, and go on unchanged after a kill.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import torch
from rich.console import Console

from r1v.core import ConfigError, R1VError
from r1v.train import losses
from r1v.train.core.compute import Compute, TargetLogits, export, load_trainable
from r1v.train.core.config import SFTConfig
from r1v.train.core.distributed import own_share, restore_shares
from r1v.train.core.optim import Optimizer, learning_rate
from r1v.train.core.run import Run, progress
from r1v.train.data.curriculum import Curriculum, PlannedSample
from r1v.train.data.examples import Batch, FigureSource, Source, Stream
from r1v.train.data.sources import open_source


@dataclass
class Tally:
    """Sums over a step or an evaluation: negative log-likelihood in nats, tokens, and rows per family."""

    nll: float = 0.0
    right: int = 0
    targets: int = 0
    families: dict[str, tuple[int, int]] = field(default_factory=dict)

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


@dataclass
class _Done:
    """What one process did in a step.

    Of seconds and of due, whether to make a checkpoint, the first process's count for all.
    """

    tally: Tally
    tokens: int
    bad: tuple[str, ...]
    seconds: float
    due: bool


class Trainer:
    """One supervised run: ``Trainer(config).train()``."""

    def __init__(self, config: SFTConfig, console: Console | None = None) -> None:
        self.config = config
        self.console = console or Console(stderr=True)
        self.source = open_source(config.data, config.families, config.seed, self.console)
        self.stream = self._open_stream(self.source, config.prefetch)
        # held-out items are made by workers of their own, before a device is opened
        self.heldout = self._make_heldout()
        self.compute = Compute.open(config.device, config.bf16)
        self._check_world()
        self.run = Run(config, self.compute.world, shares=True)
        self.stream.pin, self.stream.world = self.compute.device.type == "cuda", self.compute.world
        self.model = load_trainable(
            config.model, self.compute, config.train, checkpointing=config.checkpointing,
            console=self.console, lora=config.lora, lora_rank=config.lora_rank,
            lora_alpha=config.lora_alpha, seed=config.seed,
        )  # fmt: skip
        self.logits = TargetLogits(self.model, self.compute)
        self.optimizer = Optimizer(
            self.model,
            lr=config.lr,
            muon_lr=config.muon_lr,
            weight_decay=config.weight_decay,
            betas=config.betas,
            bf16=self.compute.bf16,
        )
        self.curriculum = Curriculum(
            self.source.families,
            widen=config.widen,
            widen_above=config.widen_above,
            floor=(config.floor_start, config.floor_end),
            start=config.start_variation if config.curriculum else 1.0,
            known=config.known,
        )
        self.step = 0
        self.planned = 0
        self.trained_s = 0.0
        if config.compile:  # layer by layer: few small graphs serve the whole model
            torch._dynamo.config.recompile_limit = 32  # past it a layer would run uncompiled, unsaid
            for layer in self.model.vision.layers:
                layer.compile()  # only the number of tiles changes, and it alone becomes dynamic
            for layer in self.model.language.layers:
                layer.compile(dynamic=True)

    # ---------------------------------------------------------------------------------------------- set-up

    def _open_stream(self, source: Source, prefetch: int) -> Stream:
        c = self.config
        return Stream(
            source,
            c.model,
            batch_size=c.batch_size,
            micro_batches=c.micro_batches,
            workers=c.workers,
            prefetch=prefetch,
            packing=c.packing,
        )

    def _check_world(self) -> None:
        """ConfigError where a batch is too small for the processes."""
        c, size = self.config, self.compute.world.size
        if c.batch_size < size * c.micro_batches:
            raise ConfigError(
                f"batch_size is {c.batch_size}; {size} processes with micro_batches {c.micro_batches} "
                f"need at least {size * c.micro_batches}"
            )

    def _make_heldout(self) -> list[Batch]:
        """Held-out items in full variation; for a data file there are none."""
        c = self.config
        if not c.heldout or not isinstance(self.source, FigureSource):
            return []
        source = FigureSource(self.source.families, heldout=True)
        plan = [PlannedSample(f, i, 1.0) for i in range(c.heldout) for f in dict.fromkeys(source.families)]
        plans = [plan[i : i + c.batch_size] for i in range(0, len(plan), c.batch_size)]
        stream = self._open_stream(source, len(plans))
        for one in plans:
            stream.put(one)
        batches = [stream.get() for _ in plans]
        stream.close()
        return batches

    # ---------------------------------------------------------------------------------------------- a step

    def progress(self) -> float:
        """The share of the run that is done, by steps or by the deadline, whichever is further."""
        return progress(self.step, self.config.steps, self.trained_s, self.config.deadline_s)

    def _pass(self, batch: Batch, rate: float | None = None) -> Tally:
        """Forward over the parts of a batch; with a rate also backward and an update.

        The results are read from the device once, after all work of the step has been sent there.
        """
        sums, exacts = [], []
        scale = 0.0 if rate is None else self._scale(batch)
        for part in batch.parts:
            part = self.compute.move(part)
            with self.compute.autocast():
                logits = self.logits(part)
            nll = losses.completion_nll(logits, part.targets)
            if rate is not None:
                (nll.sum() * scale).backward()
            right = logits.detach().argmax(-1) == part.targets
            sums.append(torch.stack([nll.detach().sum(), right.sum().float()]))
            exacts.append(losses.exact_rows(right, part.rows, len(part.families)))
        if rate is not None:
            if self.config.clip:
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip, foreach=True)
            self.optimizer.step(rate)
        nll_sum, right_sum = torch.stack(sums).sum(0).tolist()
        tally = Tally(nll_sum, int(right_sum), batch.num_targets)
        for part, exact in zip(batch.parts, torch.cat(exacts).split([len(p.families) for p in batch.parts]),
                               strict=True):  # fmt: skip
            tally.add_rows(part.families, exact.tolist())
        return tally

    def _scale(self, batch: Batch) -> float:
        """What a token's loss weighs: gradients are means over the processes, the loss one over all tokens.

        R1VError: a process has fewer parts than another, which would wait for it for ever.
        """
        every = self.compute.world.gather((batch.num_targets, len(batch.parts)))
        if len({parts for _, parts in every}) > 1:
            raise R1VError(
                f"bad rows leave a process too few for {self.config.micro_batches} micro_batches; "
                "mend the data, or set micro_batches lower"
            )
        return len(every) / sum(targets for targets, _ in every)

    def evaluate(self) -> Tally:
        """Teacher-forced measures over the held-out items.

        A row is exact when greedy decoding would write its whole reference chain and answer.
        """
        total = Tally()
        self.model.eval()
        with torch.no_grad():
            for batch in self.heldout:
                total.add(self._pass(batch))
        self.model.train()
        return total

    # -------------------------------------------------------------------------------------------- the loop

    def train(self) -> Path:
        """Run to the end, or from the kept state to the end. Returns the trained checkpoint's folder."""
        c = self.config
        for plan in self._resume():
            self.stream.put(plan)
        last_log, samples, tokens = time.monotonic(), 0, 0
        while self.progress() < 1.0:
            begun = time.monotonic()
            while len(self.stream.pending) < c.prefetch:
                self.stream.put(self._plan())
            batch = self.stream.get()
            waited = time.monotonic() - begun
            rate = learning_rate(
                c.schedule, self.step, self.progress(), warmup=c.warmup_steps,
                decay_share=c.decay_share, final=c.final_lr_share,
            )  # fmt: skip
            tally = self._pass(batch, rate)
            self.step += 1
            every = self.compute.world.gather(
                _Done(
                    tally, batch.num_tokens, batch.bad, time.monotonic() - begun, self.run.due(c.save_every_s)
                )
            )
            self.trained_s += every[0].seconds
            samples, tokens = samples + c.batch_size, tokens + sum(one.tokens for one in every)
            tally = Tally()
            for one in every:
                tally.add(one.tally)
                for error in one.bad:
                    self.run.log(step=self.step, bad=error)
            self.curriculum.update(tally.families, self.progress())
            if self.step % c.log_every == 0 or self.progress() >= 1.0:
                elapsed = time.monotonic() - last_log
                self._log(tally, rate, samples / elapsed, tokens / elapsed, waited)
                last_log, samples, tokens = time.monotonic(), 0, 0
            if self.heldout and (self.step % c.eval_every == 0 or self.progress() >= 1.0):
                self._log_heldout()
            if every[0].due:
                self._save()
                self.export()
        self._save()
        self.stream.close()
        return self.export()

    def _plan(self) -> list[PlannedSample]:
        c = self.config
        rng = Random(f"{c.seed}/{self.planned}")
        plan = self.curriculum.plan(
            rng, c.first_sample + self.planned * c.batch_size, c.batch_size, c.direct_share
        )
        self.planned += 1
        return plan

    def _resume(self) -> list[list[PlannedSample]]:
        """Take up the kept state, if there is one; returns the plans that were made and not trained on."""
        state = self.run.load(str(self.compute.device))
        if state is None:
            return []
        restore_shares(self.model, state["model"])
        self.optimizer.restore(state["optimizer"])
        self.curriculum.restore(state["curriculum"])
        self.step, self.planned, self.trained_s = state["step"], state["planned"], state["trained_s"]
        self.run.trim_metrics(self.step + 1)
        self.console.print(f"going on from step {self.step}")
        return [[PlannedSample(*sample) for sample in plan] for plan in state["plans"]]

    def _save(self) -> None:
        self.run.save(
            {
                "model": own_share(self.model.state_dict()),
                "optimizer": self.optimizer.state(),
                "curriculum": self.curriculum.state(),
                "step": self.step,
                "planned": self.planned,
                "trained_s": self.trained_s,
                "plans": [
                    [(s.family, s.index, s.variation, s.thinking) for s in plan]
                    for plan in self.stream.pending
                ],
            }
        )

    def export(self) -> Path:
        """Write the weights, bf16, as a whole checkpoint in the transformers-native layout."""
        c = self.config
        return export(self.model, self.run.folder / "model", c.model, c.max_shard_mb, self.compute.world)

    # --------------------------------------------------------------------------------------------- reports

    def _log(self, tally: Tally, rate: float, per_s: float, tokens_per_s: float, waited: float) -> None:
        left = self.trained_s * (1 - self.progress()) / max(self.progress(), 1e-9)
        nll = tally.nll / tally.targets
        self.run.log(
            step=self.step, nll=nll, accuracy=tally.right / tally.targets, rate=rate, samples_per_s=per_s,
            tokens_per_s=tokens_per_s, waited_s=waited, trained_s=self.trained_s,
            variation=self.curriculum.variation, exact=self.curriculum.exact,
        )  # fmt: skip
        families = len(self.curriculum.variation)  # one that is named twice counts once
        wide = sum(self.curriculum.variation.values()) / families
        exact = sum(self.curriculum.exact.values()) / families
        self.console.print(
            f"step {self.step}  loss {nll:.3f}  exact {exact:.2f}"
            f"  variation {wide:.2f}  {per_s:.0f} samples/s  waited {waited:.2f} s  {left / 60:.1f} min left",
            highlight=False,
        )

    def _log_heldout(self) -> None:
        tally = self.evaluate()
        shares = {family: good / count for family, (good, count) in sorted(tally.families.items())}
        mean = sum(shares.values()) / len(shares)
        self.run.log(step=self.step, heldout_nll=tally.nll / tally.targets, heldout_exact=shares)
        self.console.print(
            f"held-out at step {self.step}: loss {tally.nll / tally.targets:.3f}, exact {mean:.3f}; "
            + ", ".join(f"{family} {share:.2f}" for family, share in shares.items()),
            highlight=False,
        )

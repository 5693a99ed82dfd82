"""Training of the reward model on pairs of replies.

Enters: a checkpoint folder and files of pairs. Leaves: a run folder whose ``model/`` is a checkpoint with a
reward head and its calibration. Always holds: held-out pairs are never trained on; a run that was cut off
goes on bit for bit. Source: Skywork-VL Reward report.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

import torch
from rich.console import Console

from r1v.core import ConfigError
from r1v.models.reward import RewardModel, save_head
from r1v.prompt import Processor
from r1v.train import losses
from r1v.train.core.compute import Compute, export, load_trainable
from r1v.train.core.config import RewardConfig
from r1v.train.core.optim import Optimizer, learning_rate
from r1v.train.core.run import Run, progress
from r1v.train.data.examples import Encoded
from r1v.train.data.pairs import Pair, PairFile, encode_pair
from r1v.train.data.workers import Workers
from r1v.train.reward.model import Calibration, RewardScorer, forward_scores, pad_rows

AHEAD = 4  # steps whose rows are made while one is trained on


class RewardTrainer:
    """One run: ``RewardTrainer(config).train()``."""

    def __init__(self, config: RewardConfig, console: Console | None = None) -> None:
        self.config = c = config
        self.console = console or Console(stderr=True)
        self.processor = Processor.from_folder(c.model)
        images, self.heldout = self._read(c.pairs)
        self.stages = [(images, 1.0)]
        if c.text_pairs is not None:
            text, held = self._read(c.text_pairs)
            self.stages.append((images + text, c.second_lr / c.lr))
            self.heldout = self.heldout + held
        make = partial(encode_pair, self.processor)
        self.rows = Workers[Pair, list[Encoded]](make, c.workers)
        self.rows.put(self.heldout)
        self.heldout_rows = [row for rows in self.rows.get() for row in rows]
        self.compute = Compute.open(c.device, c.bf16)
        self.world = self.compute.world
        self.run = Run(config, self.world)
        base = load_trainable(
            c.model, self.compute, c.train, checkpointing=c.checkpointing, console=self.console,
            lora=c.lora, lora_rank=c.lora_rank, lora_alpha=c.lora_alpha, seed=c.seed,
        )  # fmt: skip
        if base.language.head is not None:
            base.language.head.requires_grad_(False)  # not a part of the score
        self.model = RewardModel(base).train()
        self.optimizer = Optimizer(
            self.model, lr=c.lr, muon_lr=0.0, weight_decay=c.weight_decay, betas=c.betas
        )
        self.step = 0
        self.trained_s = 0.0

    def _read(self, path: str) -> tuple[list[Pair], list[Pair]]:
        """Pairs of a file to train on, and to hold out."""
        file = PairFile.read(path)
        for error in file.bad[:20]:
            self.console.print(f"bad row, left out: {error}", highlight=False)
        if file.bad:
            self.console.print(f"{len(file.bad)} bad rows left out of {path}", highlight=False)
        pairs = list(file.pairs)
        Random(self.config.seed).shuffle(pairs)
        number = max(1, round(self.config.heldout * len(pairs)))
        if number >= len(pairs):
            raise ConfigError(f"{path} holds {len(pairs)} pairs; {number} are held out and none is left")
        return pairs[number:], pairs[:number]

    # -------------------------------------------------------------------------------------------- the loop

    def _plan(self) -> list[tuple[int, int, list[Pair]]]:
        """(stage, epoch, pairs) of every step of the run."""
        c, plan = self.config, []
        for stage, (pairs, _) in enumerate(self.stages):
            for epoch in range(c.epochs):
                order = list(pairs)
                Random(f"{c.seed}/{stage}/{epoch}").shuffle(order)
                plan += [
                    (stage, epoch, order[i : i + c.batch_size]) for i in range(0, len(order), c.batch_size)
                ]
        return plan

    def train(self) -> Path:
        """Run to the end, or from the kept state to the end. Returns the reward model's folder."""
        c, plan = self.config, self._plan()
        self._resume()
        put = self.step
        while (done := progress(self.step, len(plan), self.trained_s, c.deadline_s)) < 1.0:
            begun = time.monotonic()
            while put < len(plan) and len(self.rows) <= AHEAD:
                self.rows.put(self.world.share(plan[put][2]))
                put += 1
            stage, epoch, pairs = plan[self.step]
            rows = [row for pair in self.rows.get() for row in pair]
            waited = time.monotonic() - begun
            rate = self.stages[stage][1] * learning_rate(
                c.schedule, self.step, done, warmup=c.warmup_steps, decay_share=c.decay_share,
                final=c.final_lr_share,
            )  # fmt: skip
            loss, right = self._update(rows, len(pairs), rate)
            self.step += 1
            spent, due = self.world.agree((time.monotonic() - begun, self.run.due(c.save_every_s)))
            self.trained_s += spent
            ended = progress(self.step, len(plan), self.trained_s, c.deadline_s) >= 1.0
            if self.step % c.log_every == 0 or ended:
                self.run.log(step=self.step, stage=stage, epoch=epoch, loss=loss, accuracy=right, rate=rate,
                             wait_s=waited, step_s=time.monotonic() - begun)  # fmt: skip
            if ended or plan[self.step][:2] != (stage, epoch):
                self._evaluate(stage, epoch)
            if due:
                self._save()
        self._save()
        self.rows.close()
        return self._export()

    def _update(self, rows: Sequence[Encoded], number: int, rate: float) -> tuple[float, float]:
        """One step over ``number`` pairs, of which these rows are this process's; the mean loss, and the
        share ranked right."""
        own = (0.0, 0.0)
        if rows:
            scores = forward_scores(self.model, pad_rows(rows, self.processor.special.pad), self.compute)
            loss = losses.reward_pairs(scores[::2], scores[1::2]).sum() / number
            loss.backward()
            own = float(loss.detach()), float((scores[::2] > scores[1::2]).sum()) / number
        self.world.sum_gradients(self.model.parameters())
        every = self.world.gather(own)
        if self.config.clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip, foreach=True)
        self.optimizer.step(rate)
        return sum(loss for loss, _ in every), sum(right for _, right in every)

    def _heldout_scores(self) -> list[float]:
        scorer = RewardScorer(self.model, self.compute, Calibration())
        self.model.eval()
        scores = scorer.score(self.world.share(self.heldout_rows))
        self.model.train()
        return self.world.collect(scores)

    def _evaluate(self, stage: int, epoch: int) -> None:
        scores = self._heldout_scores()
        right = sum(a > b for a, b in zip(scores[::2], scores[1::2], strict=True)) / len(self.heldout)
        self.run.log(step=self.step, stage=stage, epoch=epoch, heldout_accuracy=right)
        self.console.print(
            f"stage {stage + 1}, epoch {epoch + 1}: {right:.3f} of {len(self.heldout)} held-out pairs right",
            highlight=False,
        )

    # ----------------------------------------------------------------------------------------- checkpoints

    def _export(self) -> Path:
        """The checkpoint, its head, and the scales of its scores, from the held-out replies."""
        calibration, folder = Calibration.of(self._heldout_scores()), self.run.folder / "model"
        export(self.model.base, folder, self.config.model, self.config.max_shard_mb, self.world)
        if self.world.first:
            save_head(self.model, folder)
            calibration.save(folder)
        self.world.barrier()
        return folder

    def _save(self) -> None:
        self.run.save(
            {
                "model": self.model.state_dict(), "optimizer": self.optimizer.state(), "step": self.step,
                "trained_s": self.trained_s,
            }
        )  # fmt: skip

    def _resume(self) -> None:
        state = self.run.load(str(self.compute.device))
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.restore(state["optimizer"])
        self.step, self.trained_s = state["step"], state["trained_s"]
        self.run.trim_metrics(self.step + 1)
        self.console.print(f"going on from step {self.step}")

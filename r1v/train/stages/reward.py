"""Training of the reward model on pairs of replies.

Enters: a checkpoint folder and files of pairs. Leaves: a run folder whose ``model/`` is a checkpoint with a
reward head and its calibration. Always holds: a question is either held out or trained on; a pair that cannot
be made into rows is counted and left out; an interrupted run continues with bit-identical results. Source:
Skywork-VL Reward report.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from rich.console import Console

from r1v.core import ConfigError, R1VError
from r1v.prompt import Processor
from r1v.train import losses
from r1v.train.core.checks import at_least
from r1v.train.core.config import ModelConfig, OptimConfig, RunConfig
from r1v.train.core.keys import key
from r1v.train.core.left_out import tell_bad_rows
from r1v.train.core.run import progress
from r1v.train.core.workbench import Workbench
from r1v.train.data.batches import Encoded, MicroBatch
from r1v.train.data.pairs import PairFile, PreferencePair, encode_pair, question_of
from r1v.train.data.sources import file_marks
from r1v.train.data.workers import Workers
from r1v.train.reward.model import Calibration, pad_rows

AHEAD = 4  # steps whose rows are made while one is trained on


@dataclass(frozen=True)
class RewardStageConfig:
    """A reward model from pairs of replies, in two stages: multimodal pairs, then text pairs added.

    optim.batch_size counts pairs; run.steps is not used: epochs say how long each stage goes on.
    """

    model: ModelConfig = key(ModelConfig(), "what is trained")
    run: RunConfig = key(RunConfig(), "the run")
    optim: OptimConfig = key(OptimConfig(lr=1e-5, schedule="constant", batch_size=1), "how it is learned")
    pairs: str = key("", "file of pairs, used in both stages", required=True)
    text_pairs: str | None = key(None, "file of text pairs, added in a second stage")
    second_lr: float = key(1e-6, "AdamW's learning rate in the second stage")
    heldout_share: float = key(
        0.1, "share of the questions whose pairs are not trained on; the accuracy is measured on them"
    )
    epochs: int = key(2, "passes over the pairs in each stage", operational=True)
    workers: int = key(1, "processes that make the rows; 0: the trainer makes them itself", operational=True)

    def __post_init__(self) -> None:
        at_least(self, 1, "epochs")
        at_least(self, 0, "workers", "second_lr")
        if not 0.0 < self.heldout_share < 1.0:
            raise ConfigError(f"heldout_share is {self.heldout_share}; it must be above 0 and below 1")


def make_rows(processor: Processor, pair: PreferencePair) -> list[Encoded] | str:
    """The rows of a pair, chosen and rejected; or why it has none."""
    try:
        return encode_pair(processor, pair)
    except R1VError as error:
        return f"{question_of(pair)[:60]!r}: {error}"


class RewardTrainer:
    """One run: ``RewardTrainer(config).train()``. allow: see `TrainingRun`."""

    def __init__(
        self, config: RewardStageConfig, console: Console | None = None, *, allow: Collection[str] = ()
    ) -> None:
        self.config = c = config
        self.console = console or Console(stderr=True)
        self.processor = Processor.from_folder(c.model.path)
        images, self.heldout = self._read(c.pairs, "pairs")
        self.stages = [(images, 1.0)]
        if c.text_pairs is not None:
            text, held = self._read(c.text_pairs, "text_pairs")
            self.stages.append((images + text, c.second_lr / c.optim.lr))
            self.heldout = self.heldout + held
        make = partial(make_rows, self.processor)
        self.rows = Workers[PreferencePair, "list[Encoded] | str"](make, c.workers)
        self.rows.put(self.heldout)
        made = self.rows.get()
        self.heldout_rows = [row for rows in made if not isinstance(rows, str) for row in rows]
        if not self.heldout_rows:
            raise ConfigError(f"not one held-out pair can be used; the first: {made[0]}")
        files = [c.pairs, *([c.text_pairs] if c.text_pairs else [])]
        self.bench = Workbench.open(c, self.console, reward=True, data=file_marks(files), allow=allow)
        self.policy, self.world = self.bench.policy, self.bench.policy.sharers
        self.bad = 0

    def _read(self, path: str, name: str) -> tuple[list[PreferencePair], list[PreferencePair]]:
        """Pairs of a file to train on, and to hold out: all pairs of a question are on one side."""
        file = PairFile.read(path, name)
        tell_bad_rows(file.bad, path, self.console)
        questions = sorted({question_of(pair) for pair in file.pairs})
        Random(self.config.run.seed).shuffle(questions)
        number = max(1, round(self.config.heldout_share * len(questions)))
        if number >= len(questions):
            raise ConfigError(
                f"{path} holds pairs of {len(questions)} questions; {number} are held out, and none is left"
            )
        held = set(questions[:number])
        kept = [pair for pair in file.pairs if question_of(pair) not in held]
        return kept, [pair for pair in file.pairs if question_of(pair) in held]

    # -------------------------------------------------------------------------------------------- the loop

    def _plan(self) -> list[tuple[int, int, list[PreferencePair]]]:
        """(stage, epoch, pairs) of every step of the run."""
        c, plan = self.config, []
        size = c.optim.batch_size
        for stage, (pairs, _) in enumerate(self.stages):
            for epoch in range(c.epochs):
                order = list(pairs)
                Random(f"{c.run.seed}/{stage}/{epoch}").shuffle(order)
                plan += [(stage, epoch, order[i : i + size]) for i in range(0, len(order), size)]
        return plan

    def train(self) -> Path:
        """Run to the end, or from the kept state to the end. Returns the reward model's folder."""
        c, bench, plan = self.config, self.bench, self._plan()
        bench.resume()
        put, number = bench.step, len(plan)
        bench.say_warmup(number)
        while (done := progress(bench.step, number, bench.trained_s, c.run.deadline_s)) < 1.0:
            begun = time.monotonic()
            while put < number and len(self.rows) <= AHEAD:
                self.rows.put(self.world.share(plan[put][2]))
                put += 1
            stage, epoch, _ = plan[bench.step]
            rows = self._good(self.rows.get())
            waited = time.monotonic() - begun
            rate = self.stages[stage][1] * bench.rate(done)
            found = self._update(rows, rate)
            bench.end_step(begun)
            ended = progress(bench.step, number, bench.trained_s, c.run.deadline_s) >= 1.0
            if found is not None and (bench.step % c.run.log_every == 0 or ended):
                loss, right, norm = found
                bench.run.log(
                    step=bench.step, stage=stage, epoch=epoch, loss=loss, accuracy=right, rate=rate,
                    grad_norm=norm, bad_pairs=self.bad, wait_s=waited, step_s=time.monotonic() - begun,
                    memory_mb=bench.compute.peak_bytes() / 2**20,
                )  # fmt: skip
                per_s = tokens_of(rows) * self.world.num_shares / max(time.monotonic() - begun, 1e-9)
                bench.say(
                    f"step {bench.step}/{number}  loss {loss:.3f}  pairs right {right:.2f}  grad {norm:.2f}"
                    f"  {per_s:,.0f} tokens/s  {bench.minutes_left(bench.step / number):.1f} min left"
                    + (f"  {self.bad} bad pairs left out" if self.bad else "")
                )
            if ended or plan[bench.step][:2] != (stage, epoch):
                self._evaluate(stage, epoch)
            bench.keep()
        bench.save()
        self.rows.close()
        bench.close()
        return self._export()

    def _good(self, made: Sequence[list[Encoded] | str]) -> list[list[Encoded]]:
        """The usable pairs; the others are named in the metrics."""
        every = [one for part in self.world.gather([m for m in made if isinstance(m, str)]) for one in part]
        for name in every:
            self.bench.run.log(step=self.bench.step + 1, bad=name)
        self.bad += len(every)
        return [one for one in made if not isinstance(one, str)]

    def _parts(self, pairs: Sequence[list[Encoded]]) -> list[MicroBatch]:
        """Whole pairs in parts; chosen and rejected in turn."""
        lengths = [max(len(row.token_ids) for row in pair) for pair in pairs]
        cuts = [pairs[start:end] for start, end in self.config.optim.split.cuts(lengths, rows=2)]
        pad = self.processor.special.pad
        return [pad_rows([row for rows in cut for row in rows], pad) for cut in cuts]

    def _update(self, pairs: Sequence[list[Encoded]], rate: float) -> tuple[float, float, float] | None:
        """One step over this process's pairs and those of the others: the mean loss, the share ranked right,
        the gradient's norm. None, and no step, where there is no pair."""
        number = sum(self.world.gather(len(pairs)))
        if not number:
            return None
        total, right = 0.0, 0
        for part in self.policy.passes(self._parts(pairs)):
            if part is None:
                self.policy.idle_pass(backward=True)
                continue
            scores = self.policy.rewards(part)
            loss = losses.reward_pairs(scores[::2], scores[1::2]).sum() / number
            self.policy.backward(loss)
            total, right = total + float(loss.detach()), right + int((scores[::2] > scores[1::2]).sum())
        norm = self.bench.update(rate)
        every = self.world.gather((total, right))
        return sum(loss for loss, _ in every), sum(good for _, good in every) / number, norm

    def _heldout_scores(self) -> list[float]:
        """Chosen and rejected of each held-out pair in turn."""
        pairs = [self.heldout_rows[i : i + 2] for i in range(0, len(self.heldout_rows), 2)]
        own, pad, size = self.world.share(pairs), self.processor.special.pad, 16
        cuts = [own[i : i + size] for i in range(0, len(own), size)]
        self.policy.eval()
        scored = self.policy.evaluate([pad_rows([row for rows in cut for row in rows], pad) for cut in cuts])
        self.policy.train()
        scores = [float(score) for part in scored for score in part]
        found = self.world.collect([(scores[i], scores[i + 1]) for i in range(0, len(scores), 2)])
        return [score for both in found for score in both]

    def _evaluate(self, stage: int, epoch: int) -> None:
        scores = self._heldout_scores()
        number = len(scores) // 2
        right = sum(a > b for a, b in zip(scores[::2], scores[1::2], strict=True)) / number
        self.bench.run.log(step=self.bench.step, stage=stage, epoch=epoch, heldout_accuracy=right)
        self.console.print(
            f"stage {stage + 1}, epoch {epoch + 1}: {right:.3f} of {number} held-out pairs right",
            highlight=False,
        )

    def _export(self) -> Path:
        """The checkpoint, its head, and the scales of its scores, from the held-out replies."""
        calibration, folder = Calibration.of(self._heldout_scores()), self.bench.export()
        if self.world.first:
            calibration.save(folder)
        self.world.barrier()
        return folder


def tokens_of(pairs: Sequence[list[Encoded]]) -> int:
    """Tokens of all replies of some pairs, prompts included."""
    return sum(len(row.token_ids) for pair in pairs for row in pair)

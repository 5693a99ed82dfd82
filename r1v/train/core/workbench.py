"""What every training stage uses: its processes, its run, the policy, the optimiser, and one update.

Enters: a stage's configuration. Leaves: a workbench for the stage's own loop. Always holds: an interrupted
run continues from its last checkpoint with bit-identical results; Ctrl-C finishes the step, saves a
checkpoint and says how to continue.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch.distributed.tensor import DTensor

from r1v.core import ConfigError, ProgressPace, R1VError
from r1v.prompt import Processor
from r1v.train.core.compute import Compute
from r1v.train.core.left_out import LeftOut
from r1v.train.core.lora import export_adapter
from r1v.train.core.optim import Optimizer, learning_rate
from r1v.train.core.policy import PolicyModule, load_policy
from r1v.train.core.run import TrainingRun, progress


class Interrupted(R1VError):
    """Raised after Ctrl-C: a checkpoint was saved, and the same command continues the run."""


class Workbench:
    """state: returns what a checkpoint keeps besides the policy and the optimiser; the stage sets it."""

    def __init__(
        self, config: Any, compute: Compute, run: TrainingRun, policy: PolicyModule, console: Console
    ) -> None:
        self.config, self.compute, self.world, self.run = config, compute, compute.world, run
        self.policy, self.console = policy, console
        self._pace = ProgressPace()
        most = config.data.bad_share if hasattr(config, "data") else 1.0
        self.left_out = LeftOut(most, lambda text: console.print(text, highlight=False, markup=False))
        self.processor = Processor.from_folder(config.model.path)
        self.optimizer = Optimizer(policy, config.optim, bf16=compute.bf16)
        self.step = 0
        self.trained_s = 0.0
        self.state: Callable[[], Mapping[str, Any]] = dict
        self._stop = False
        self._before: dict[int, Any] = {}  # what Ctrl-C and SIGTERM meant before `catch_interrupts`

    @classmethod
    def open(
        cls, config: Any, console: Console, *, reward: bool = False, data: Mapping[str, str] | None = None,
        allow: Collection[str] = (), stage: str | None = None,
    ) -> Workbench:  # fmt: skip
        """config: a stage's, with the groups model, run and optim. stage: see `TrainingRun`. Create worker
        processes before calling it: they are forked, which is not possible after this has opened the
        device."""
        if config.run.compile and config.model.sequence_parallel > 1:
            raise ConfigError("run.compile does not go with model.sequence_parallel; leave one of them out")
        compute = Compute.open(config.run.device, config.run.bf16)
        run = TrainingRun(
            config, compute.world, data=data, allow=allow, stage=stage,
            say=lambda text: console.print(text, highlight=False, markup=False),
        )  # fmt: skip
        policy = load_policy(
            config.model.path, compute, config.model, seed=config.run.seed, console=console, reward=reward
        )
        if config.run.compile:
            compile_layers(policy, console)
        return cls(config, compute, run, policy, console)

    # ---------------------------------------------------------------------------------------------- a step

    def progress(self) -> float:
        """The share of the run that is done."""
        return progress(self.step, self.config.run.steps, self.trained_s, self.config.run.deadline_s)

    def minutes_left(self, done: float | None = None, step_s: float = 0.0) -> float:
        """Estimated from the time that the finished share took. done: as for `rate`. step_s: seconds of the
        step that is being reported, where `end_step` has not counted it yet."""
        run, spent = self.config.run, self.trained_s + step_s
        if done is None:
            done = progress(self.step + (step_s > 0), run.steps, spent, run.deadline_s)
        return spent * (1 - done) / max(done, 1e-9) / 60

    def say_warmup(self, steps: int) -> None:
        """Say once, at the start, if the warm-up takes so much of the run that the rate stays far below its
        peak. steps: of the whole run."""
        optim = self.config.optim
        if self.step or 2 * optim.warmup_steps < steps:
            return
        most = max(learning_rate(optim, step, step / steps) for step in range(steps))
        if most < 0.95:
            self.console.print(
                f"optim.warmup_steps is {optim.warmup_steps}, and the run has {steps} steps: the learning "
                f"rate rises to no more than {most:.2f} of its peak; fewer warm-up steps change that",
                highlight=False,
            )

    def rate(self, done: float | None = None) -> float:
        """The share of the peak learning rate at this step. done: the share of the run that is done; None: by
        steps."""
        return learning_rate(self.config.optim, self.step, self.progress() if done is None else done)

    def update(self, rate: float) -> float:
        """One step of the optimiser with the present gradients. Returns their norm before clipping.

        R1VError: a gradient is NaN or infinite, and no weight was changed.
        """
        self.policy.add_up_gradients()
        self.policy.drop_unseen()
        norm = torch.nn.utils.clip_grad_norm_(
            self.policy.parameters(), self.config.optim.clip or float("inf"), foreach=True
        )
        if isinstance(norm, DTensor):
            norm = norm.full_tensor()
        found = float(norm)
        if not found < float("inf"):
            raise R1VError(
                f"the gradient of step {self.step + 1} is {found}: a loss or a reward is not finite; lower "
                "optim.lr, or look at the lines marked bad in metrics.jsonl"
            )
        self.optimizer.step(rate)
        return found

    def say(self, text: str) -> None:
        """Print a line about a step. If steps take less than a tenth of a second, only some of them get a
        line."""
        if self._pace.due():
            self.console.print(text, highlight=False)

    def end_step(self, begun: float) -> None:
        """Count a step, and its time as training."""
        self.step += 1
        self.spend(begun)

    def spend(self, begun: float) -> None:
        """Count the time since ``begun`` as training time. The first process's clock decides for all."""
        self.trained_s += self.world.agree(time.monotonic() - begun)

    def keep(self) -> None:
        """Save a checkpoint if one is due. Interrupted: Ctrl-C was pressed; a checkpoint is saved in this
        case too."""
        every = self.world.gather((self.run.due(self.config.run.save_every_s), self._stop))
        stop = any(asked for _, asked in every)
        if every[0][0] or stop:
            self.save()
        if stop:
            raise Interrupted(
                f"stopped at step {self.step}, which is kept; the same command goes on from there"
            )

    def catch_interrupts(self) -> None:
        """From now on the first Ctrl-C, or the SIGTERM of a scheduler, ends the run after its step; a second
        one at once."""

        def stop(*_: Any) -> None:
            self._stop = True
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self.console.print("stopping after this step; Ctrl-C again ends at once")

        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._before[number] = signal.signal(number, stop)
            except ValueError:  # not in the main thread, where the caller decides about signals
                return

    def close(self) -> None:
        """The loop has ended: trackers send what is left, and Ctrl-C means what it meant before."""
        self.run.close()
        while self._before:
            signal.signal(*self._before.popitem())

    # ----------------------------------------------------------------------------------------- checkpoints

    def save(self) -> None:
        """Save everything that is needed to continue."""
        tensors = dict(self.policy.trained()) | self.optimizer.state()
        kept = {"trained_s": self.trained_s, "left_out": self.left_out.state(), "state": dict(self.state())}
        self.run.save(self.step, tensors, kept)

    def resume(self) -> dict[str, Any] | None:
        """Continue from the newest checkpoint. Returns the stage's own state, or None if there is no
        checkpoint."""
        self.catch_interrupts()
        found = self.run.load(
            {name: value.data for name, value in self.policy.trained().items()},
            self.optimizer.empty_state, self.compute.device,
        )  # fmt: skip
        if found is None:
            return None
        other, tensors = found
        self.optimizer.restore(tensors)
        self.step, self.trained_s = other["step"], other["trained_s"]
        if "left_out" in other:
            self.left_out.restore(other["left_out"])
        self.run.trim_metrics(self.step + 1)
        self.console.print(f"going on from step {self.step}")
        if self.step >= self.config.run.steps:
            self.console.print(f"run.steps is {self.config.run.steps}, so there is nothing left to train")
        state: dict[str, Any] = other["state"]
        return state

    def export(self, name: str = "model") -> Path:
        """Write the present weights as a whole checkpoint in the run's folder; with ``model.keep_apart`` also
        what is trained alone, in its folder ``adapter``."""
        if self.config.model.keep_apart:
            export_adapter(self.policy.base, self.run.folder, self.world)
        return self.policy.export(
            self.run.folder / name, self.config.model.path, self.config.run.max_shard_mb
        )


def compile_layers(policy: PolicyModule, console: Console) -> None:
    """Compile layer by layer: few small graphs serve the whole model."""
    console.print("compiling the layers: the first steps take minutes")
    # beyond this limit a layer would run uncompiled without a message
    torch._dynamo.config.recompile_limit = 32
    for layer in () if policy.base.vision is None else policy.base.vision.layers:
        layer.compile()  # only the number of tiles changes, so it alone becomes dynamic
    for layer in policy.base.language.layers:
        layer.compile(dynamic=True)

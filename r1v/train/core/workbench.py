"""What every stage that trains has: its processes, its run, the policy, the optimiser, and one update.

Enters: a stage's configuration. Leaves: a bench that the stage's own loop works at. Always holds: a run that
was cut off goes on from its last checkpoint bit for bit; Ctrl-C ends the step, keeps a checkpoint and says
how to go on.
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

from r1v.core import ProgressPace, R1VError
from r1v.prompt import Processor
from r1v.train.core.compute import Compute
from r1v.train.core.optim import Optimizer, learning_rate
from r1v.train.core.policy import PolicyModule, load_policy
from r1v.train.core.run import TrainingRun, progress


class Interrupted(R1VError):
    """Ctrl-C: a checkpoint was kept, and the same command goes on."""


class Workbench:
    """state: gives what a checkpoint keeps besides the policy and the optimiser; a stage sets it."""

    def __init__(
        self, config: Any, compute: Compute, run: TrainingRun, policy: PolicyModule, console: Console
    ) -> None:
        self.config, self.compute, self.world, self.run = config, compute, compute.world, run
        self.policy, self.console = policy, console
        self._pace = ProgressPace()
        self.processor = Processor.from_folder(config.model.path)
        self.optimizer = Optimizer(policy, config.optim, bf16=compute.bf16)
        self.step = 0
        self.trained_s = 0.0
        self.state: Callable[[], Mapping[str, Any]] = dict
        self._stop = False

    @classmethod
    def open(
        cls, config: Any, console: Console, *, reward: bool = False, data: Mapping[str, str] | None = None,
        allow: Collection[str] = (), compute: Compute | None = None,
    ) -> Workbench:  # fmt: skip
        """config: a stage's, with the groups model, run and optim. Make worker processes before it: they are
        forked, and this opens the device."""
        compute = compute or Compute.open(config.run.device, config.run.bf16)
        run = TrainingRun(
            config, compute.world, data=data, allow=allow,
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

    def minutes_left(self, done: float | None = None) -> float:
        """By what the share that is done has taken. done: as of `rate`."""
        done = max(self.progress() if done is None else done, 1e-9)
        return self.trained_s * (1 - done) / done / 60

    def rate(self, done: float | None = None) -> float:
        """The share of the peak rate at this step. done: share of the run; None: by steps."""
        return learning_rate(self.config.optim, self.step, self.progress() if done is None else done)

    def update(self, rate: float) -> float:
        """One step of the optimiser with the gradients that are there; returns their norm before clipping.

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
        """A line about a step; where steps are shorter than a tenth of a second, of some of them."""
        if self._pace.due():
            self.console.print(text, highlight=False)

    def end_step(self, begun: float) -> None:
        """Count a step, and its time as training."""
        self.step += 1
        self.spend(begun)

    def spend(self, begun: float) -> None:
        """Count the time since ``begun`` as training; the first process's clock decides for all."""
        self.trained_s += self.world.agree(time.monotonic() - begun)

    def keep(self) -> None:
        """Keep a checkpoint where one is due. Interrupted: Ctrl-C was pressed; then one is kept too."""
        every = self.world.gather((self.run.due(self.config.run.save_every_s), self._stop))
        stop = any(asked for _, asked in every)
        if every[0][0] or stop:
            self.save()
        if stop:
            raise Interrupted(
                f"stopped at step {self.step}, which is kept; the same command goes on from there"
            )

    def catch_interrupts(self) -> None:
        """From now on the first Ctrl-C ends the run after its step; a second one at once."""

        def stop(*_: Any) -> None:
            self._stop = True
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self.console.print("stopping after this step; Ctrl-C again ends at once")

        try:
            signal.signal(signal.SIGINT, stop)
        except ValueError:  # not in the main thread: whoever runs us decides
            return

    # ----------------------------------------------------------------------------------------- checkpoints

    def save(self) -> None:
        """Keep everything needed to go on."""
        tensors = dict(self.policy.trained()) | self.optimizer.state()
        self.run.save(self.step, tensors, {"trained_s": self.trained_s, "state": dict(self.state())})

    def resume(self) -> dict[str, Any] | None:
        """Take up the newest checkpoint; returns the stage's own state, or None where there is none."""
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
        self.run.trim_metrics(self.step + 1)
        self.console.print(f"going on from step {self.step}")
        state: dict[str, Any] = other["state"]
        return state

    def export(self, name: str = "model") -> Path:
        """Write the weights of now as a whole checkpoint in the run's folder."""
        return self.policy.export(
            self.run.folder / name, self.config.model.path, self.config.run.max_shard_mb
        )


def compile_layers(policy: PolicyModule, console: Console) -> None:
    """Compile layer by layer: few small graphs serve the whole model."""
    console.print("compiling the layers: the first steps take minutes")
    torch._dynamo.config.recompile_limit = 32  # past it a layer would run uncompiled, unsaid
    for layer in () if policy.base.vision is None else policy.base.vision.layers:
        layer.compile()  # only the number of tiles changes, and it alone becomes dynamic
    for layer in policy.base.language.layers:
        layer.compile(dynamic=True)

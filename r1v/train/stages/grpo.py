"""Group-relative policy optimisation: sample, reward, compare within groups, update, and again.

Enters: a checkpoint folder and a source of questions. Leaves: a run folder with metrics, a resumable state
and the trained checkpoint under ``model/``. Always holds: rollouts come from the present weights (a probe
after each update checks it); an interrupted run continues with bit-identical results, buffer included. Each
of several processes samples and judges its share of the questions; then all have all samples, keep the same
buffer and compute their shares of the same update. Source: R1V2 report, section 3.3.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from rich.console import Console

from r1v.core import FinishReason, R1VError
from r1v.train import alarms
from r1v.train.buffer import BufferConfig, BufferedResponse, Drawn, SampleBuffer, telemetry
from r1v.train.core.checks import at_least
from r1v.train.core.config import DataConfig, ModelConfig, OptimConfig, RewardConfig, RolloutConfig, RunConfig
from r1v.train.core.keys import key
from r1v.train.data.questions import EncodedQuestion
from r1v.train.losses import GRPOOptions
from r1v.train.reward.hybrid import advantages
from r1v.train.reward.rules import repetition
from r1v.train.rollout.ahead import UnderWay
from r1v.train.rollout.evaluate import BestCheckpoint, accuracy
from r1v.train.rollout.sampler import Agreement, Observed, Response, agreement, probe
from r1v.train.sampling import Asker, Group
from r1v.train.update import PolicyLoss, Trained, UpdateTally, open_reference

NOTHING_DRAWN = Drawn((), (), (), ())


@dataclass(frozen=True)
class GRPOConfig:
    """Group-relative policy optimisation with verifiable answers and the Selective Sample Buffer.

    Of the data only questions and answers are used. run.steps counts batches of questions; the weights that
    answer data.heldout questions best are kept under ``best/``.
    """

    model: ModelConfig = key(ModelConfig(), "what is trained")
    run: RunConfig = key(RunConfig(steps=100), "the run")
    data: DataConfig = key(DataConfig(), "what is asked")
    optim: OptimConfig = key(OptimConfig(lr=1e-6, schedule="constant"), "how it is learned")
    rollout: RolloutConfig = key(RolloutConfig(), "how it is asked")
    reward: RewardConfig = key(RewardConfig(), "what a response is worth")
    loss: GRPOOptions = key(GRPOOptions(), "variants of the loss")
    ssb: BufferConfig = key(BufferConfig(), "the Selective Sample Buffer")
    alarms: alarms.AlarmConfig = key(alarms.AlarmConfig(), "values above which a step is marked")
    prompts: int = key(16, "questions of a step, each answered rollout.group times")
    updates: int = key(1, "optimiser steps that are made from one batch of responses")
    pool: str | None = key(None, "file that r1v train pool wrote; only its questions are asked")

    def __post_init__(self) -> None:
        at_least(self, 1, "prompts", "updates")
        at_least(self.rollout, 2, "group", group="rollout")


class GRPOTrainer:
    """One run: ``GRPOTrainer(config).train()``. allow: see `TrainingRun`."""

    def __init__(
        self, config: GRPOConfig, console: Console | None = None, *, allow: Collection[str] = ()
    ) -> None:
        self.config = c = config
        self.console = console or Console(stderr=True)
        self.asker = Asker(c, self.console, pool=c.pool, allow=allow)
        self.bench, self.world = self.asker.bench, self.asker.world
        self.policy, self.heldout = self.bench.policy, self.asker.heldout
        reference = open_reference(self.policy, c.model, self.console) if c.loss.kl else None
        self.loss = PolicyLoss(
            self.policy, c.loss, pad_id=self.bench.processor.special.pad,
            split=c.optim.split, max_tokens=c.rollout.max_tokens, reference=reference,
        )  # fmt: skip
        self.buffer = SampleBuffer(c.ssb)
        self.alarms = alarms.Alarms(c.alarms)
        self.best = BestCheckpoint(self.bench)
        self.version = 0  # updates of the weights
        self.synced = 0  # those that the engine has
        self.ahead: UnderWay | None = None  # the next step's questions, if they are answered ahead
        self.bench.state = self._state

    # -------------------------------------------------------------------------------------------- the loop

    def train(self) -> Path:
        """Run to the end, or from the kept state to the end. Returns the folder of the best checkpoint where
        there are held-out questions, else that of the last."""
        try:
            return self._train()
        finally:  # an engine that others started is free for the next trainer
            self.asker.close()

    def _train(self) -> Path:
        c, bench = self.config, self.bench
        self._resume()
        bench.say_warmup(c.run.steps)
        if bench.progress() < 1.0:
            self._put(bench.step if self.ahead is None else bench.step + 1)
        if self.heldout and not bench.step:
            self._evaluate()
        while bench.progress() < 1.0:
            begun = time.monotonic()
            self._one_step()
            bench.end_step(begun)
            ended = bench.progress() >= 1.0
            if self.heldout and (ended or (c.run.eval_every and bench.step % c.run.eval_every == 0)):
                self._evaluate()
            bench.keep()
        bench.save()
        bench.left_out.end()
        last = bench.export()
        return self.best.tell() if self.heldout else last

    def _one_step(self) -> None:
        c, step, times = self.config, self.bench.step, [time.monotonic()]
        questions, responses, version = self._answers()
        times.append(time.monotonic())
        groups = self.asker.judge(questions, responses, version)
        groups = self._fill_up(groups)
        self.asker.keep_samples(step + 1, groups)
        found = None
        if c.rollout.stale:
            self._sync()
            found = self._probe(groups[0].question)
            if step + 1 < c.run.steps:
                self.ahead = self._begin(step + 1)
        self.asker.rollouts.rest()
        times.append(time.monotonic())
        if c.loss.kl and c.loss.kl_in == "reward":
            groups = self._penalised(groups)
        fresh = [one for group in groups for one in self._samples(group)]
        if c.loss.importance_cap:
            fresh = self.loss.with_proximal(fresh)
        trained, drawn = self._mix(fresh)
        rate = self.bench.rate()
        tallies, norm = self._update(trained, rate)
        if not c.rollout.stale:
            self._sync()
        found = found or self._probe(groups[0].question)
        for one in fresh:  # after the draw, so that a sample is not replayed in its own update
            self.buffer.add(one.sample, one.tiles)
        times.append(time.monotonic())
        bad = self.asker.take_bad()
        for name in bad:
            self.bench.run.log(step=step + 1, bad=name)
        self._log(groups, fresh, trained, drawn, tallies, found, rate, norm, len(bad), times)

    def _answers(self) -> tuple[Sequence[EncodedQuestion], Sequence[Sequence[Response]], int]:
        """This step's questions, their responses, and the version of the weights that answered. The next
        step's questions are made meanwhile."""
        c, step = self.config, self.bench.step
        if c.rollout.stale:
            begun, self.ahead = self.ahead or self._begin(step), None
            return *self.asker.take(begun), begun.version
        questions, responses = self.asker.ask(step)
        self._put(step + 1)
        return questions, responses, self.version

    def _begin(self, step: int) -> UnderWay:
        """Have a step's questions answered by the weights of now, while these are updated."""
        begun = self.asker.begin(step, self.version)
        self._put(step + 1)
        return begun

    def _put(self, step: int) -> None:
        """Have a step's questions made."""
        if step < self.config.run.steps:
            self.asker.put(self.asker.plan(step, self.config.prompts))

    def _sync(self) -> None:
        """Give the engine the weights of now. Nothing may be under way."""
        if self.synced != self.version:
            self.asker.rollouts.sync()
            self.synced = self.version

    def _fill_up(self, groups: list[Group]) -> list[Group]:
        """Dynamic sampling (DAPO): ask more questions until ``prompts`` groups are effective, at most
        ``loss.dynamic`` times; then the effective groups come first, and the step keeps its size."""
        c = self.config
        for extra in range(1, c.loss.dynamic + 1):
            if sum(group.effective for group in groups) >= c.prompts:
                break
            self._sync()
            step = self.bench.step + extra * (1 << 24)  # questions and seeds of no other step
            more = self.asker.ask(step, self.asker.plan(step, c.prompts))
            groups = groups + self.asker.judge(*more, self.version)
        return sorted(groups, key=lambda group: not group.effective)[: c.prompts]

    def _penalised(self, groups: Sequence[Group]) -> list[Group]:
        """The groups with a KL penalty taken off the rewards: log pi - log reference of each response."""
        c, samples = self.config, [one for group in groups for one in self._samples(group)]
        reference = self.loss.logprobs_now(samples, reference=True)
        off = [c.loss.kl * float((one.sample.logprobs - reference[i]).sum()) for i, one in enumerate(samples)]
        found, size = [], c.rollout.group
        for place, group in enumerate(groups):
            less = off[place * size : (place + 1) * size]
            new = advantages(group.rewards, c.reward, c.loss.scaling, less)
            found.append(replace(group, advantages=new.values))
        return found

    def _samples(self, group: Group) -> list[Trained]:
        """A group's responses as samples of the policy that gave them."""
        prompt = group.question.prompt
        ends = np.cumsum(prompt.tiles_per_image).tolist()
        tiles = [prompt.tiles[end - n : end] for n, end in zip(prompt.tiles_per_image, ends, strict=True)]
        nothing = Observed(np.zeros(0, bool), (), (), 1)
        return [
            Trained(
                BufferedResponse(
                    np.asarray(prompt.token_ids, np.int32), np.asarray(response.token_ids, np.int32),
                    prompt.image_hashes + (response.observed or nothing).image_hashes, advantage,
                    response.logprobs, group.version, group.question.planned.family,
                    effective=group.effective, truncated=response.finish_reason is FinishReason.LENGTH,
                    sampled=None if response.observed is None else response.observed.sampled,
                ),
                [*tiles, *(response.observed or nothing).tiles], True,
            )
            for response, advantage in zip(group.responses, group.advantages, strict=True)
        ]  # fmt: skip

    def _mix(self, fresh: Sequence[Trained]) -> tuple[list[Trained], Drawn]:
        """The samples of this update, the same in every process: replays in the places of fresh ones without
        advantage."""
        self.buffer.expire(self.version)
        number = self.buffer.num_replays([one.sample.advantage for one in fresh])
        if not number:
            return list(fresh), NOTHING_DRAWN
        drawn = self.buffer.draw(number, self.version, [self.config.run.seed, self.bench.step])
        idle = [i for i, one in enumerate(fresh) if one.sample.advantage == 0.0][: len(drawn.samples)]
        left = [one for i, one in enumerate(fresh) if i not in set(idle)]
        replays = [Trained(s, t, False) for s, t in zip(drawn.samples, drawn.tiles, strict=True)]
        return left + replays, drawn

    def _update(self, trained: Sequence[Trained], rate: float) -> tuple[list[UpdateTally], float]:
        """One or several optimiser steps over the samples, one without any advantage is left out; and the
        norm of the last gradient."""
        c, norm = self.config, 0.0
        order = list(range(len(trained)))
        if c.updates > 1:
            Random(f"{c.run.seed}/{self.bench.step}/order").shuffle(order)
        tallies = []
        for number in range(c.updates):
            chosen = order[len(order) * number // c.updates : len(order) * (number + 1) // c.updates]
            tally = self.loss.backward([trained[i] for i in sorted(chosen)])
            tallies.append(tally)
            if tally.tokens:
                norm = self.bench.update(rate)
                self.version += 1
        return tallies, norm

    def _probe(self, question: EncodedQuestion) -> Agreement:
        """Compare engine and trainer. R1VError: the engine works with other weights than the trainer."""
        found = probe(self.asker.engine, self.policy, question, self.bench.processor.special.pad)
        limit = self.config.rollout.probe_limit or (0.5 if self.bench.compute.bf16 else 1e-2)
        if not math.isfinite(found.worst):
            raise R1VError(
                f"after update {self.version} the model's log-probabilities are not finite: the update broke "
                "its weights; continue from the last checkpoint with a lower optim.lr"
            )
        if found.worst > limit:
            raise R1VError(
                f"after update {self.version} the log-probabilities of engine and trainer differ by "
                f"{found.worst:.3g} nats; the limit is {limit}: the engine has stale weights, or set "
                "rollout.probe_limit higher"
            )
        return found

    # --------------------------------------------------------------------------------------------- reports

    def _log(
        self, groups: Sequence[Group], fresh: Sequence[Trained], trained: Sequence[Trained], drawn: Drawn,
        tallies: Sequence[UpdateTally], found: Agreement, rate: float, norm: float, bad: int,
        times: Sequence[float],
    ) -> None:  # fmt: skip
        bench = self.bench
        rewards = [reward for group in groups for reward in group.rewards]
        responses = [response for group in groups for response in group.responses]
        tokens = max(sum(t.tokens for t in tallies), 1)
        made = sum(tally.tokens > 0 for tally in tallies)
        age = self.version - made - min(group.version for group in groups)
        first = tallies[0]  # only there do sampler and trainer have the same weights, unless asked ahead
        empty = [np.zeros(0, np.float32)]
        mismatch = agreement(
            np.concatenate(first.fresh_behaviour or empty), np.concatenate(first.fresh_logprobs or empty)
        )
        share = telemetry([one.sample for one in fresh], [one.sample for one in trained], drawn, self.buffer)
        facts = _facts(groups, sum(t.clipped for t in tallies) / tokens, mismatch.kl)
        raised = self.alarms.check(facts)
        asked, judged, updated = np.diff(times).tolist()
        families: dict[str, list[float]] = {}
        for group in groups:
            family = group.question.planned.family
            families.setdefault(family, []).extend(reward.rule for reward in group.rewards)
        functions = {
            name: mean([v for r in rewards if (v := r.functions[name]) is not None and math.isfinite(v)])
            for name in self.asker.reward.weights
        }
        total = mean([reward.total for reward in rewards if math.isfinite(reward.total)])
        bench.run.log(
            step=bench.step + 1, version=self.version, reward=total,
            format=mean([reward.format for reward in rewards]), functions=functions, bad_samples=bad,
            loss=sum(t.loss for t in tallies), kl=sum(t.kl for t in tallies) / tokens,
            entropy=sum(t.entropy for t in tallies) / tokens, grad_norm=norm,
            capped=sum(t.capped for t in tallies) / tokens, rate=rate, mismatch_worst=mismatch.worst,
            turns=mean([float(r.observed.turns) for r in responses if r.observed] or [1.0]),
            probe=found.worst, age=age, ssb=asdict(share), alarms=raised,
            families={family: mean(values) for family, values in families.items()},
            rollout_s=asked, reward_s=judged, update_s=updated,
            memory_mb=bench.compute.peak_bytes() / 2**20, **asdict(facts),
        )  # fmt: skip
        seconds = max(sum((asked, judged, updated)), 1e-9)
        kl, entropy = (sum(getattr(t, name) for t in tallies) / tokens for name in ("kl", "entropy"))
        bench.say(
            f"step {bench.step + 1}/{self.config.run.steps}  reward {total:.3f}  right {facts.rule:.3f}"
            f"  effective {share.fresh_effective:.2f} -> {share.effective:.2f}  length {facts.length:.0f}"
            f"  cut off {facts.truncated:.0%}  entropy {entropy:.2f}  mismatch {facts.mismatch:.1e}"
            f"  grad {norm:.2f}  {facts.length * len(responses) / seconds:,.0f} tokens/s"
            f"  {seconds:.1f} s (rollout {asked / seconds:.0%}, update {updated / seconds:.0%})"
            f"  {bench.minutes_left(step_s=seconds):.1f} min left"
            + (f"  KL {kl:.4f}" if self.config.loss.kl else "")
            + "".join(f"  {name} {value:.3f}" for name, value in functions.items())
            + (f"  {bad} BAD" if bad else "")
            + "".join(f"  ALARM {one}" for one in raised)
        )

    def _evaluate(self) -> None:
        if self.ahead is not None:  # its responses are kept, and the engine is free
            self.ahead.responses()
        self._sync()
        found = accuracy(
            self.asker.rollouts, self.heldout, self.asker.reward.rules, self.config.rollout.max_tokens
        )
        self.bench.run.log(step=self.bench.step, heldout=found.total, heldout_families=found.families)
        self.best.offer(found.total)
        self.console.print(f"held-out at step {self.bench.step}: {found.total:.3f} right", highlight=False)

    # ----------------------------------------------------------------------------------------- checkpoints

    def _state(self) -> dict[str, Any]:
        ahead = None if self.ahead is None else self.ahead.state(self.world)
        return {
            "buffer": self.buffer.state(), "alarms": self.alarms.state(), "version": self.version,
            "ahead": ahead,
        }  # fmt: skip

    def _resume(self) -> None:
        state = self.bench.resume()
        if state is None:
            return
        self.buffer.restore(state["buffer"])
        self.alarms.restore(state["alarms"])
        self.version = self.synced = state["version"]
        self.asker.rollouts.sync()
        if state.get("ahead") is not None:
            self.ahead = self.asker.begun(state["ahead"])


def mean(values: Sequence[float]) -> float:
    """0 for none."""
    return sum(values) / len(values) if values else 0.0


def _facts(groups: Sequence[Group], clipped: float, mismatch: float) -> alarms.StepFacts:
    """The facts that the alarms check. clipped: share of the tokens. mismatch: KL between sampler and
    trainer."""
    rewards = [reward for group in groups for reward in group.rewards]
    responses = [response for group in groups for response in group.responses]
    return alarms.StepFacts(
        clipped=clipped,
        empty=mean([float(not response.answer.strip()) for response in responses]),
        truncated=mean([float(r.finish_reason is FinishReason.LENGTH) for r in responses]),
        repetition=mean([repetition(response.own_ids) for response in responses]),
        length=mean([float(len(response.own_ids)) for response in responses]),
        mismatch=mismatch,
        rule=mean([reward.rule for reward in rewards]),
        model=mean([reward.model for reward in rewards if math.isfinite(reward.model)]),
    )

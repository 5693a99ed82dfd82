"""Group-relative policy optimisation: sample, reward, compare within groups, update, and again.

Enters: a checkpoint folder and a source of questions. Leaves: a run folder with metrics, a resumable state
and the trained checkpoint under ``model/``. Always holds: rollouts come from the weights of that moment (a
probe after each update sees to it); a run that was cut off goes on bit for bit, buffer included. Of several
processes each samples and judges its share of the questions; then all know all samples, keep the same buffer
and compute their shares of the same update.
Source: R1V2 report, section 3.3.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import torch
from rich.console import Console

from r1v import models
from r1v.core import FinishReason, R1VError
from r1v.prompt import Processor
from r1v.train import alarms, losses
from r1v.train.buffer import BufferConfig, Drawn, Sample, SampleBuffer, telemetry
from r1v.train.core.compute import Compute, export, load_trainable
from r1v.train.core.config import GRPOConfig
from r1v.train.core.optim import Optimizer, learning_rate
from r1v.train.core.run import Run, progress
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.questions import Pool, Question, Questions, plan_questions
from r1v.train.data.sources import open_source
from r1v.train.reward.model import RewardScorer
from r1v.train.reward.rules import Reward, RewardWeights, RuleReward, combine, repetition, well_formed
from r1v.train.rollout.evaluate import BestCheckpoint, accuracy, heldout_questions
from r1v.train.rollout.sampler import Agreement, Response, Rollouts, Sampler, agreement, encoded, probe
from r1v.train.rollout.vllm import VLLMRollouts, open_links
from r1v.train.update import PolicyLoss, Trained, UpdateTally

NOTHING_DRAWN = Drawn((), (), (), ())


@dataclass(frozen=True)
class Group:
    """A question with its responses, their rewards and advantages."""

    question: Question
    responses: Sequence[Response]
    rewards: Sequence[Reward]
    advantages: Sequence[float]


class GRPOTrainer:
    """One run: ``GRPOTrainer(config).train()``."""

    def __init__(self, config: GRPOConfig, console: Console | None = None) -> None:
        self.config = c = config
        self.console = console or Console(stderr=True)
        self.source = open_source(c.data, c.families, c.seed, self.console, chains=False)
        away = c.rollout != "r1v"  # then questions keep their pictures, which are cut there
        self.questions = Questions(self.source, c.model, c.workers, away)
        self.heldout = heldout_questions(self.source, c.model, c.heldout, c.measure, c.workers, away)
        self.pool = Pool.read(c.pool) if c.pool else None
        self.compute = Compute.open(c.device, c.bf16)
        self.world = self.questions.world = self.compute.world
        self.run = Run(config, self.world)
        links = open_links(c, self.compute, self.run.folder) if away else []  # start while we load the model
        self.processor = Processor.from_folder(c.model)
        self.model = load_trainable(
            c.model, self.compute, c.train, checkpointing=c.checkpointing, console=self.console,
            lora=c.lora, lora_rank=c.lora_rank, lora_alpha=c.lora_alpha, seed=c.seed,
        )  # fmt: skip
        self.optimizer = Optimizer(
            self.model, lr=c.lr, muon_lr=c.muon_lr, weight_decay=c.weight_decay, betas=c.betas,
            bf16=self.compute.bf16,
        )  # fmt: skip
        self.sampler: Rollouts
        if away:
            self.sampler = VLLMRollouts(self.model, self.processor, self.compute, links, self.console)
        else:
            self.sampler = Sampler(
                self.model, self.processor, self.compute, max_num_seqs=c.max_num_seqs,
                memory_fraction=c.memory_fraction,
            )  # fmt: skip
        self.rules = RuleReward()
        self.weights = RewardWeights(c.rule_weight, c.model_weight, c.format_weight)
        self.scorer = RewardScorer.open(c.reward_model, self.compute) if c.reward_model else None
        options = losses.GRPOOptions(
            c.averaging, c.clip_low, c.clip_high, c.kl, c.correct_kl, c.importance_cap,  # type: ignore[arg-type]
        )  # fmt: skip
        reference = None
        if c.kl:
            reference = models.load(c.model, torch.float32, self.compute.device).requires_grad_(False)
        self.loss = PolicyLoss(
            self.model, self.compute, options, pad_id=self.processor.special.pad,
            micro_batches=c.micro_batches, reference=reference,
        )  # fmt: skip
        self.buffer = SampleBuffer(
            BufferConfig(c.ssb_capacity if c.ssb else 0, c.ssb_max_age, c.ssb_mix, c.ssb_max_reuse)
        )
        self.alarms = alarms.Alarms(alarms.Limits.of(c))
        self.best = BestCheckpoint(self.run.folder / "best", c.model, c.max_shard_mb)
        self.step = 0  # rollouts
        self.version = 0  # updates of the weights
        self.trained_s = 0.0

    # ---------------------------------------------------------------------------------------------- set-up

    def _plan(self, step: int) -> list[PlannedSample]:
        c = self.config
        if self.pool is not None:
            return self.pool.plan(c.seed, step, c.prompts)
        return plan_questions(
            self.source.families, c.seed, step, c.prompts, first=c.first_sample, variation=c.variation
        )

    # -------------------------------------------------------------------------------------------- the loop

    def train(self) -> Path:
        """Run to the end, or from the kept state to the end. Returns the folder of the best checkpoint where
        there are held-out questions, else that of the last."""
        c = self.config
        self._resume()
        if self.progress() < 1.0:
            self.questions.put(self._plan(self.step))
        if self.heldout and not self.step:
            self._evaluate()
        while self.progress() < 1.0:
            begun = time.monotonic()
            self._one_step()
            spent, due = self.world.agree((time.monotonic() - begun, self.run.due(c.save_every_s)))
            self.trained_s += spent
            ended = self.progress() >= 1.0
            if self.heldout and c.eval_every and (self.step % c.eval_every == 0 or ended):
                self._evaluate()
            if due:
                self._save()
        self._save()
        self.questions.close()
        self.rules.close()
        self.sampler.close()
        last = export(self.model, self.run.folder / "model", c.model, c.max_shard_mb, self.world)
        return self.best.folder if self.heldout else last

    def progress(self) -> float:
        """The share of the run that is done."""
        return progress(self.step, self.config.steps, self.trained_s, self.config.deadline_s)

    def _one_step(self) -> None:
        times = [time.monotonic()]
        questions, bad = self.questions.get()
        if self.step + 1 < self.config.steps:
            self.questions.put(self._plan(self.step + 1))
        times.append(time.monotonic())
        responses = self._rollout(questions)
        times.append(time.monotonic())
        groups = self.world.collect(self._judge(questions, responses))
        times.append(time.monotonic())
        fresh = [one for group in groups for one in self._samples(group)]
        if self.config.importance_cap:
            fresh = self.loss.with_proximal(fresh)
        trained, drawn = self._mix(fresh)
        rate = learning_rate(
            self.config.schedule, self.step, self.progress(),
            warmup=self.config.warmup_steps, decay_share=self.config.decay_share,
            final=self.config.final_lr_share,
        )  # fmt: skip
        tallies = self._update(trained, rate)
        probe = self._probe(groups[0].question)
        for one in fresh:  # after the draw: a sample is not replayed in its own update
            self.buffer.add(one.sample, one.tiles)
        self.step += 1
        times.append(time.monotonic())
        for name in bad:
            self.run.log(step=self.step, bad=name)
        self._log(groups, fresh, trained, drawn, tallies, probe, rate, times)

    def _rollout(self, questions: Sequence[Question]) -> list[list[Response]]:
        c = self.config
        places = self.questions.places(len(questions))
        seeds = [Random(f"{c.seed}/{self.step}/{place}").getrandbits(62) for place in places]
        return self.sampler.ask(questions, seeds, n=c.group, max_tokens=c.max_tokens)

    def _judge(self, questions: Sequence[Question], responses: Sequence[Sequence[Response]]) -> list[Group]:
        scores: list[float] = []
        if self.scorer is not None:
            rows = [
                encoded(question.prompt, response.token_ids)
                for question, group in zip(questions, responses, strict=True)
                for response in group
            ]
            scores = [self.scorer.calibration.bounded(score) for score in self.scorer.score(rows)]
        groups = []
        size = self.config.group
        for number, (question, group) in enumerate(zip(questions, responses, strict=True)):
            rewards = [
                combine(
                    self.rules.verdict(response, question.example.key), well_formed(response),
                    scores[number * size + i] if scores else 0.0, self.weights,
                )
                for i, response in enumerate(group)
            ]  # fmt: skip
            totals = torch.tensor([[reward.total for reward in rewards]], dtype=torch.float64)
            advantages = losses.group_advantages(totals, self.config.scaling)  # type: ignore[arg-type]
            groups.append(Group(question, group, rewards, advantages[0].tolist()))
        return groups

    def _samples(self, group: Group) -> list[Trained]:
        """A group's responses as samples of the present policy."""
        prompt = group.question.prompt
        ends = np.cumsum(prompt.tiles_per_image).tolist()
        tiles = [prompt.tiles[end - n : end] for n, end in zip(prompt.tiles_per_image, ends, strict=True)]
        return [
            Trained(
                Sample(
                    np.asarray(prompt.token_ids, np.int32), np.asarray(response.token_ids, np.int32),
                    prompt.image_hashes, advantage, response.logprobs, self.version,
                    group.question.planned.family,
                ),
                tiles, True,
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
        drawn = self.buffer.draw(number, self.version, [self.config.seed, self.step])
        idle = [i for i, one in enumerate(fresh) if one.sample.advantage == 0.0][: len(drawn.samples)]
        left = [one for i, one in enumerate(fresh) if i not in set(idle)]
        replays = [Trained(s, t, False) for s, t in zip(drawn.samples, drawn.tiles, strict=True)]
        return left + replays, drawn

    def _update(self, trained: Sequence[Trained], rate: float) -> list[UpdateTally]:
        """One or several optimiser steps over the samples; one without any advantage is left out."""
        c = self.config
        order = list(range(len(trained)))
        if c.updates > 1:
            Random(f"{c.seed}/{self.step}/order").shuffle(order)
        tallies = []
        for number in range(c.updates):
            chosen = order[len(order) * number // c.updates : len(order) * (number + 1) // c.updates]
            tally = self.loss.backward([trained[i] for i in sorted(chosen)])
            tallies.append(tally)
            if tally.tokens:
                if c.clip:
                    torch.nn.utils.clip_grad_norm_(self.model.parameters(), c.clip, foreach=True)
                self.optimizer.step(rate)
                self.version += 1
        if any(tally.tokens for tally in tallies):
            self.sampler.sync()
        return tallies

    def _probe(self, question: Question) -> Agreement:
        """Engine against trainer after the update. R1VError: the engine works with other weights."""
        found = probe(self.sampler, self.model, question, self.processor.special.pad)
        limit = self.config.probe_limit or (0.5 if self.compute.bf16 else 1e-2)
        if not found.worst <= limit:  # also NaN
            raise R1VError(
                f"after update {self.version} engine and trainer differ by {found.worst:.3g} nats; "
                f"the limit is {limit}: the engine has stale weights, or set probe_limit higher"
            )
        return found

    # --------------------------------------------------------------------------------------------- reports

    def _log(
        self, groups: Sequence[Group], fresh: Sequence[Trained], trained: Sequence[Trained], drawn: Drawn,
        tallies: Sequence[UpdateTally], probe: Agreement, rate: float, times: Sequence[float],
    ) -> None:  # fmt: skip
        rewards = [reward for group in groups for reward in group.rewards]
        responses = [response for group in groups for response in group.responses]
        tokens = max(sum(t.tokens for t in tallies), 1)
        first = tallies[0]  # only there are sampler and trainer of the same weights
        empty = [np.zeros(0, np.float32)]
        mismatch = agreement(
            np.concatenate(first.fresh_behaviour or empty), np.concatenate(first.fresh_logprobs or empty)
        )
        share = telemetry(
            [one.sample.advantage for one in fresh], [one.sample.advantage for one in trained], drawn,
            self.buffer,
        )  # fmt: skip
        facts = alarms.StepFacts(
            clipped=sum(t.clipped for t in tallies) / tokens,
            empty=mean([float(not response.answer.strip()) for response in responses]),
            truncated=mean([float(r.finish_reason is FinishReason.LENGTH) for r in responses]),
            repetition=mean([repetition(response.token_ids) for response in responses]),
            length=mean([float(len(response.token_ids)) for response in responses]),
            mismatch=mismatch.kl,
            rule=mean([reward.rule for reward in rewards]),
            model=mean([reward.model for reward in rewards]),
        )
        raised = self.alarms.check(facts)
        waited, rollout, judged, updated = np.diff(times).tolist()
        families: dict[str, list[float]] = {}
        for group in groups:
            family = group.question.planned.family
            families.setdefault(family, []).extend(reward.rule for reward in group.rewards)
        self.run.log(
            step=self.step, version=self.version, reward=mean([reward.total for reward in rewards]),
            format=mean([reward.format for reward in rewards]), loss=sum(t.loss for t in tallies),
            kl=sum(t.kl for t in tallies) / tokens, capped=sum(t.capped for t in tallies) / tokens,
            rate=rate, mismatch_worst=mismatch.worst,
            probe=probe.worst, ssb=asdict(share), alarms=raised,
            families={family: mean(found) for family, found in families.items()},
            wait_s=waited, rollout_s=rollout, reward_s=judged, update_s=updated, **asdict(facts),
        )  # fmt: skip
        total = sum((waited, rollout, judged, updated))
        self.console.print(
            f"step {self.step}  reward {mean([r.total for r in rewards]):.3f}  right {facts.rule:.3f}"
            f"  effective {share.fresh_effective:.2f} -> {share.effective:.2f}  length {facts.length:.0f}"
            f"  {total:.1f} s (rollout {rollout / total:.0%}, update {updated / total:.0%})"
            + "".join(f"  ALARM {one}" for one in raised),
            highlight=False,
        )

    def _evaluate(self) -> None:
        found = accuracy(self.sampler, self.heldout, self.rules, self.config.max_tokens)
        self.run.log(step=self.step, heldout=found.total, heldout_families=found.families)
        if self.world.first:
            self.best.offer(self.model, found.total, self.step)
        self.console.print(f"held-out at step {self.step}: {found.total:.3f} right", highlight=False)

    # ----------------------------------------------------------------------------------------- checkpoints

    def _save(self) -> None:
        self.run.save(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state(),
                "buffer": self.buffer.state(),
                "alarms": self.alarms.state(),
                "step": self.step,
                "version": self.version,
                "trained_s": self.trained_s,
            }
        )

    def _resume(self) -> None:
        state = self.run.load(str(self.compute.device))
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.restore(state["optimizer"])
        self.buffer.restore(state["buffer"])
        self.alarms.restore(state["alarms"])
        self.step, self.version, self.trained_s = state["step"], state["version"], state["trained_s"]
        self.run.trim_metrics(self.step + 1)
        self.sampler.sync()
        self.console.print(f"going on from step {self.step}")


def mean(values: Sequence[float]) -> float:
    """0 for none."""
    return sum(values) / len(values) if values else 0.0


def make_pool(config: GRPOConfig, console: Console | None = None) -> Path:
    """Ask ``steps`` batches of questions with the model as it is; keep those whose groups are mixed.

    Writes and returns ``out/pool.jsonl``. Source: R1V2 report, section 3.3, the offline filter.
    """
    trainer = GRPOTrainer(replace(config, ssb=False, pool=None, heldout=0), console)
    kept: list[PlannedSample] = []
    asked, begun = 0, time.monotonic()
    trainer.questions.put(trainer._plan(0))
    for step in range(config.steps):
        trainer.step = step
        questions, _ = trainer.questions.get()
        trainer.questions.put(trainer._plan(step + 1))
        groups = trainer.world.collect(trainer._judge(questions, trainer._rollout(questions)))
        kept += [group.question.planned for group in groups if any(group.advantages)]
        asked += len(groups)
        trainer.console.print(f"pool: {len(kept)} of {asked} questions kept", highlight=False)
        if config.deadline_s and trainer.world.agree(time.monotonic() - begun) >= config.deadline_s:
            break
    trainer.questions.close()
    trainer.rules.close()
    trainer.sampler.close()
    path = trainer.run.folder / "pool.jsonl"
    pool = Pool(kept)
    if trainer.world.first:
        pool.write(path)
    trainer.world.barrier()
    return path

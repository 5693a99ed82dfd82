"""Mixed preference optimisation: sample from the policy, rank, pair, train, and again.

Enters: a checkpoint folder and a source of questions. Leaves: a run folder with metrics, a resumable state
and the trained checkpoint under ``model/``. Always holds: the reference of a round is the policy from which
its pairs were sampled, and its log-probabilities are computed once; an interrupted run continues with
bit-identical results. Source: R1V2 report, section 3.2; InternVL-MPO (arXiv 2411.10442).
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from rich.console import Console

from r1v.core import ConfigError
from r1v.prompt import Prompt
from r1v.train import losses
from r1v.train.core.checks import at_least, share
from r1v.train.core.config import DataConfig, ModelConfig, OptimConfig, RolloutConfig, RunConfig, one_turn
from r1v.train.core.keys import key
from r1v.train.core.optim import learning_rate
from r1v.train.core.run import progress
from r1v.train.core.workbench import Workbench
from r1v.train.data.batches import Encoded, MicroBatch, Split
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.pairs import choose_pairs
from r1v.train.data.questions import EncodedQuestion, Questions, plan_questions
from r1v.train.data.sources import fingerprint, open_source
from r1v.train.losses import MPOWeights
from r1v.train.reward.model import RewardScorer
from r1v.train.reward.ranking import Ranked, Ranker
from r1v.train.reward.rules import RuleReward
from r1v.train.rollout.evaluate import BestCheckpoint, accuracy, heldout_questions
from r1v.train.rollout.opening import open_engine
from r1v.train.rollout.sampler import Response, Rollouts, encoded
from r1v.train.update import parts_by_length
from r1v.train.watch.samples import ShownQuestion, ShownReply, keep_samples


@dataclass(frozen=True)
class MPOConfig:
    """Mixed preference optimisation, in rounds of sampling, ranking, pairing and training.

    Without reward_model replies are ranked by the rules alone. optim.batch_size counts pairs; run.steps is
    not used: rounds, questions and epochs say how long it goes on. The weights that answer data.heldout
    questions best are kept under ``best/``.
    """

    model: ModelConfig = key(ModelConfig(), "what is trained")
    run: RunConfig = key(RunConfig(), "the run")
    data: DataConfig = key(DataConfig(), "what is asked")
    optim: OptimConfig = key(OptimConfig(lr=1e-6, schedule="constant", batch_size=8), "how it is learned")
    rollout: RolloutConfig = key(RolloutConfig(), "how it is asked")
    loss: MPOWeights = key(MPOWeights(), "weights of the loss")
    reward_model: str | None = key(
        None, "folder that r1v train reward wrote; none: responses are ranked by the rules alone"
    )
    rounds: int = key(2, "rounds of sampling, ranking, pairing and training", operational=True)
    questions: int = key(64, "questions of a round, each answered rollout.group times")
    threshold: float = key(0.0, "smallest difference of a pair's scores, on the reward model's raw scale")
    per_question: int = key(1, "most pairs of a question")
    heldout_share: float = key(
        0.1, "share of a round's pairs that are not trained on; the margin is measured on them"
    )
    epochs: int = key(1, "passes over a round's pairs")
    shift_window: int = key(1000, "number of rewards whose mean is BCO's delta; it starts anew each round")

    def __post_init__(self) -> None:
        one_turn("mpo", self.rollout)
        at_least(self, 1, "rounds", "questions", "per_question", "epochs", "shift_window")
        at_least(self.rollout, 2, "group", group="rollout")
        share(self, "heldout_share")


@dataclass(frozen=True, eq=False)
class TokenPair:
    """Two sampled replies to one question. references: summed log-probabilities of chosen and rejected."""

    planned: PlannedSample
    chosen: np.ndarray
    rejected: np.ndarray
    gap: float
    references: tuple[float, float] = (0.0, 0.0)


class MPOTrainer:
    """One run: ``MPOTrainer(config).train()``. allow: see `TrainingRun`."""

    def __init__(
        self, config: MPOConfig, console: Console | None = None, *, allow: Collection[str] = ()
    ) -> None:
        self.config = c = config
        self.console = console or Console(stderr=True)
        self.source = open_source(c.data, c.run.seed, self.console, chains=False)
        away = c.rollout.engine != "r1v"  # then questions keep their pictures, which another engine cuts
        self.questions = Questions(self.source, c.model.path, c.data.workers, away)
        self.held_questions = heldout_questions(
            self.source, c.model.path, c.data, c.run.seed, self.console, away
        )
        self.bench = Workbench.open(c, self.console, data=fingerprint(c.data), allow=allow)
        self.world = self.questions.world = self.bench.world
        self.policy, self.processor = self.bench.policy, self.bench.processor
        self.rollouts: Rollouts = open_engine(self.bench, c.model.path, c.rollout, self.console)
        self.rules = RuleReward()
        scorer = RewardScorer.open(c.reward_model, self.bench.compute) if c.reward_model else None
        self.rank = Ranker(self.rules, scorer)
        self.shift = losses.RewardShift(window=c.shift_window)
        self.round = 0
        self.place = 0  # in the round's training
        self.pairs: list[TokenPair] = []
        self.heldout: list[TokenPair] = []
        self.prompts: dict[PlannedSample, Prompt] = {}  # of the round's pairs
        self.best = BestCheckpoint(self.bench)
        self.bench.state = self._state

    # -------------------------------------------------------------------------------------------- the loop

    def train(self) -> Path:
        """Run to the end, or from the kept state to the end. Returns the folder of the best checkpoint where
        there are held-out questions, else that of the last."""
        try:
            return self._train()
        finally:  # an engine that others started is free for the next trainer
            self.rollouts.close()

    def _train(self) -> Path:
        c, bench = self.config, self.bench
        self._resume()
        if self.held_questions and not bench.step:
            self._evaluate()
        while self.round < c.rounds and not self._late():
            begun = time.monotonic()
            if not self.pairs:
                self._collect()
                self.rollouts.rest()
                bench.save()
            bench.spend(begun)
            plan = self._plan()
            while self.place < len(plan) and not self._late():
                begun = time.monotonic()
                self._update([self.pairs[i] for i in plan[self.place]], len(plan))
                self.place += 1
                bench.end_step(begun)
                bench.keep()
            self._close_round()
            bench.save()
        self.questions.close()
        self.rules.close()
        bench.close()
        bench.left_out.end()
        last = bench.export()
        return self.best.tell() if self.held_questions else last

    def _late(self) -> bool:
        return 0.0 < self.config.run.deadline_s <= self.bench.trained_s

    def _plan(self) -> list[list[int]]:
        """The pairs of each step of the round."""
        c, plan = self.config, []
        for epoch in range(c.epochs):
            order = list(range(len(self.pairs)))
            Random(f"{c.run.seed}/{self.round}/{epoch}").shuffle(order)
            plan += [order[i : i + c.optim.batch_size] for i in range(0, len(order), c.optim.batch_size)]
        return plan

    def _close_round(self) -> None:
        margin = self._margin(self.heldout)
        self.bench.run.log(
            step=self.bench.step, round=self.round, heldout_margin=margin, heldout_pairs=len(self.heldout)
        )
        self.console.print(
            f"round {self.round + 1}: margin of {len(self.heldout)} held-out pairs {margin:+.3f}",
            highlight=False,
        )
        self.round, self.place, self.pairs, self.heldout = self.round + 1, 0, [], []
        # the next round has a new reference, against which all rewards are 0 at first
        self.shift = losses.RewardShift(window=self.config.shift_window)
        self.rollouts.sync()
        if self.held_questions:
            self._evaluate()

    def _evaluate(self) -> None:
        found = accuracy(self.rollouts, self.held_questions, self.rules, self.config.rollout.max_tokens)
        self.bench.run.log(step=self.bench.step, heldout=found.total, heldout_families=found.families)
        self.best.offer(found.total)
        self.console.print(f"held-out at step {self.bench.step}: {found.total:.3f} right", highlight=False)

    # ------------------------------------------------------------------------------------------- collecting

    def _collect(self) -> None:
        """Sample, rank and pair with the present policy, which becomes the round's reference. Each of several
        processes does its share of the questions; then all have all pairs."""
        c = self.config
        plan = plan_questions(
            self.source, c.run.seed, self.round, c.questions, first=c.data.first_sample,
            variation=c.data.variation,
        )  # fmt: skip
        self.questions.put(plan)
        questions, bad = self.questions.get()
        for name in bad:
            self.bench.run.log(step=self.bench.step, bad=name)
        self.bench.left_out.add(c.questions, bad)
        places = self.questions.places(len(questions))
        seeds = [Random(f"{c.run.seed}/{self.round}/{place}").getrandbits(62) for place in places]
        groups = self.rollouts.ask(
            questions, seeds, n=c.rollout.group, max_tokens=c.rollout.max_tokens,
            temperature=c.rollout.temperature,
        )  # fmt: skip
        self.bad: list[str] = []
        self.shown: list[ShownQuestion] = []
        every = self.world.collect(self._pair(questions, groups))
        for name in [one for part in self.world.gather(self.bad) for one in part]:
            self.bench.run.log(step=self.bench.step, bad=name)
        pairs = [pair for _, made, _ in every for pair in made]
        right = sum(share for *_, share in every) / len(every)
        if not pairs:
            raise ConfigError(
                f"round {self.round + 1}: no pair of answers to {len(every)} questions reaches "
                f"threshold {c.threshold} ({right:.2f} of the answers are right); ask more or lower it"
            )
        keep_samples(self.bench.run, self.bench.step, self.shown)
        self.prompts = {question.planned: question.prompt for question, made, _ in every if made}
        pairs = self._with_references(pairs)
        number = int(c.heldout_share * len(pairs))
        self.heldout, self.pairs = pairs[:number], pairs[number:]
        gap = sum(one.gap for one in pairs) / len(pairs)
        self.bench.run.log(step=self.bench.step, round=self.round, pairs=len(pairs), gap=gap, right=right)
        self.console.print(
            f"round {self.round + 1}: {len(pairs)} pairs of {len(every)} questions, {right:.3f} right",
            highlight=False,
        )

    def _pair(
        self, questions: Sequence[EncodedQuestion], groups: Sequence[Sequence[Response]]
    ) -> list[tuple[EncodedQuestion, list[TokenPair], float]]:
        """Each question with its pairs, without their reference log-probabilities, and its share of right
        answers."""
        c = self.config
        ranks, made = self.rank(questions, groups), list[list[TokenPair]]()
        for question, ranked in zip(questions, ranks, strict=True):
            for number, score in enumerate(ranked.scores):
                if not math.isfinite(score):
                    name = f"{question.planned.family} {question.planned.index}, response {number}"
                    self.bad.append(f"{name}: the reward model gave no finite score")
        for question, group, ranked in zip(questions, groups, ranks, strict=True):
            ids = [np.asarray(response.token_ids, np.int32) for response in group]
            found = choose_pairs(ranked.scores, ranked.eligible, c.threshold, c.per_question)
            made.append([TokenPair(question.planned, ids[a], ids[b], gap) for a, b, gap in found])
            if len(self.shown) < c.run.samples:
                self.shown.append(_shown(question, group, ranked, found))
        return [
            (question, pairs, ranked.right)
            for question, pairs, ranked in zip(questions, made, ranks, strict=True)
        ]

    def _with_references(self, pairs: Sequence[TokenPair]) -> list[TokenPair]:
        """The same pairs with the log-probabilities that the present policy gives their replies. Each process
        computes its share, and all get all."""
        own, sharers = self.policy.sharers.share(pairs), self.policy.sharers
        sums = self._logprob_sums(own)
        return sharers.collect(
            [replace(pair, references=found) for pair, found in zip(own, sums, strict=True)]
        )

    def _ask_again(self) -> None:
        """Make the prompts of a resumed round's pairs."""
        planned = list(dict.fromkeys(pair.planned for pair in self.pairs + self.heldout))
        if planned:
            self.questions.put(planned)
            questions, bad = self.questions.get()
            assert not bad, "they could be asked before"
            self.prompts = {one.planned: one.prompt for one in self.world.collect(questions)}

    def _rows(self, pairs: Sequence[TokenPair]) -> list[tuple[str, Encoded]]:
        """Chosen and rejected of each pair in turn."""
        return [
            (pair.planned.family, encoded(self.prompts[pair.planned], ids.tolist()))
            for pair in pairs
            for ids in (pair.chosen, pair.rejected)
        ]

    def _logprob_sums(self, pairs: Sequence[TokenPair]) -> list[tuple[float, float]]:
        """Summed log-probabilities of whole replies under the present policy, (chosen, rejected) for each
        pair; as many at a time as in a part of a step."""
        steps = -(-len(pairs) // self.config.optim.batch_size)
        split = self.config.optim.split
        parts, orders = [], []
        for start, end in replace(split, number=split.number * steps).cuts(self._lengths(pairs), rows=2):
            places, part = self._part(pairs[start:end])
            parts.append(part)
            orders.append(places)
        found: list[tuple[float, float]] = []
        for places, part, logprobs in zip(orders, parts, self.policy.evaluate(parts), strict=True):
            sums = np.zeros(len(places))
            sums[places] = losses.row_sums(logprobs, part.rows, len(places)).numpy()
            found += [(float(a), float(b)) for a, b in sums.reshape(-1, 2)]
        return found

    def _part(self, pairs: Sequence[TokenPair]) -> tuple[list[int], MicroBatch]:
        """Whole pairs as one part, and the places of its rows."""
        return next(parts_by_length(self._rows(pairs), Split(), self.processor.special.pad))

    def _margin(self, pairs: Sequence[TokenPair]) -> float:
        """Mean of beta * (log-ratio of the chosen - log-ratio of the rejected); 0 at the round's start."""
        own = self.policy.sharers.share(pairs)
        margins = self.policy.sharers.collect(
            [
                (chosen - pair.references[0]) - (rejected - pair.references[1])
                for pair, (chosen, rejected) in zip(own, self._logprob_sums(own), strict=True)
            ]
        )
        return self.config.loss.beta * sum(margins) / len(margins) if margins else 0.0

    # ---------------------------------------------------------------------------------------------- a step

    def _update(self, pairs: Sequence[TokenPair], steps: int) -> None:
        """One step, of which each process does its share. A pair's two replies go through the model together;
        parts hold whole pairs."""
        c, own, begun = self.config, self.policy.sharers.share(pairs), time.monotonic()
        cut = [own[start:end] for start, end in c.optim.split.cuts(self._lengths(own), rows=2)]
        made = [self._part(chosen) for chosen in cut]
        totals, rewards = np.zeros(4), [torch.zeros(2, 0)]
        for place, part in enumerate(self.policy.passes([part for _, part in made])):
            if part is None:
                self.policy.idle_pass(backward=True)
                continue
            loss = self._loss(cut[place], made[place][0], part)
            weight = len(cut[place]) / len(pairs)
            self.policy.backward(loss.total * weight)
            parts = (loss.total.detach(), loss.preference, loss.quality, loss.generation)
            totals += [float(value) * weight for value in parts]
            rewards.append(torch.stack([loss.chosen_rewards, loss.rejected_rewards]).cpu())
        every = self.policy.sharers.gather((totals, torch.cat(rewards, 1)))
        done = progress(
            self.round * steps + self.place, c.rounds * steps, self.bench.trained_s, c.run.deadline_s
        )
        rate = learning_rate(c.optim, self.bench.step, done)
        norm = self.bench.update(rate)
        both = torch.cat([found for _, found in every], 1)
        delta, self.shift = self.shift.value, self.shift.updated(both)
        total, preference, quality, generation = np.sum([found for found, _ in every], 0).tolist()
        margin, right = float((both[0] - both[1]).mean()), float((both[0] > both[1]).float().mean())
        self.bench.run.log(
            step=self.bench.step + 1, round=self.round, loss=total, preference=preference, quality=quality,
            generation=generation, delta=delta, margin=margin, accuracy=right, rate=rate, grad_norm=norm,
            memory_mb=self.bench.compute.peak_bytes() / 2**20,
        )  # fmt: skip
        if (self.bench.step + 1) % c.run.log_every == 0 or self.place + 1 == steps:
            step_s = max(time.monotonic() - begun, 1e-9)
            counted, number = self.round * steps + self.place + 1, c.rounds * steps
            done = progress(counted, number, self.bench.trained_s + step_s, c.run.deadline_s)
            self.bench.say(
                f"round {self.round + 1}/{c.rounds}, step {self.place + 1}/{steps}  loss {total:.3f}  margin "
                f"{margin:+.3f}  pairs right {right:.2f}  grad {norm:.2f}"
                f"  {self._tokens(pairs) / step_s:,.0f} tokens/s"
                f"  {self.bench.minutes_left(done, step_s):.1f} min left"
            )

    def _lengths(self, pairs: Sequence[TokenPair]) -> list[int]:
        """Of the longer reply of each pair, its prompt included."""
        prompts = [len(self.prompts[pair.planned].token_ids) for pair in pairs]
        return [n + max(len(p.chosen), len(p.rejected)) for n, p in zip(prompts, pairs, strict=True)]

    def _tokens(self, pairs: Sequence[TokenPair]) -> int:
        """Of both replies of each pair, prompts included."""
        prompts = sum(len(self.prompts[pair.planned].token_ids) for pair in pairs)
        return 2 * prompts + sum(len(pair.chosen) + len(pair.rejected) for pair in pairs)

    def _loss(self, pairs: Sequence[TokenPair], places: list[int], part: MicroBatch) -> losses.MPOLoss:
        logprobs = self.policy.scores(part).logprobs
        sorted_sums = losses.row_sums(logprobs, part.rows.to(logprobs.device), len(places))
        back = torch.argsort(torch.tensor(places)).to(logprobs.device)
        sums = sorted_sums[back]
        references = torch.tensor([pair.references for pair in pairs], device=logprobs.device)
        lengths = torch.tensor([len(pair.chosen) for pair in pairs], device=logprobs.device)
        return losses.mpo(
            sums[::2], sums[1::2], references[:, 0], references[:, 1], lengths, self.config.loss,
            self.shift.value,
        )  # fmt: skip

    # ----------------------------------------------------------------------------------------- checkpoints

    def _state(self) -> dict[str, Any]:
        return {
            "shift": list(astuple(self.shift)), "round": self.round, "place": self.place,
            "pairs": [_kept(one) for one in self.pairs], "heldout": [_kept(one) for one in self.heldout],
        }  # fmt: skip

    def _resume(self) -> None:
        state = self.bench.resume()
        if state is None:
            return
        self.shift = losses.RewardShift(*state["shift"])
        self.round, self.place = state["round"], state["place"]
        self.pairs, self.heldout = ([_pair(row) for row in state[name]] for name in ("pairs", "heldout"))
        self._ask_again()
        self.rollouts.sync()


def _shown(
    question: EncodedQuestion, group: Sequence[Response], ranked: Ranked,
    pairs: Sequence[tuple[int, int, float]],
) -> ShownQuestion:  # fmt: skip
    """A question's replies as the page shows them; those that were chosen or rejected say so."""
    notes = {a: "chosen" for a, _, _ in pairs} | {b: "rejected" for _, b, _ in pairs}
    sides = {"chosen": 1.0, "rejected": -1.0}
    replies = [
        ShownReply(
            response.thinking, response.answer, score, sides.get(notes.get(i, ""), 0.0),
            {"may be chosen": float(may)}, notes.get(i, ""),
        )
        for i, (response, score, may) in enumerate(zip(group, ranked.scores, ranked.eligible, strict=True))
    ]  # fmt: skip
    example = question.example
    return ShownQuestion(
        question.planned.family, example.question, example.key.answer, question.prompt, replies
    )


def _kept(pair: TokenPair) -> dict[str, Any]:
    """A pair as plain values and tensors."""
    planned = pair.planned
    return {
        "planned": [planned.family, planned.index, planned.variation],
        "chosen": torch.from_numpy(pair.chosen.copy()),
        "rejected": torch.from_numpy(pair.rejected.copy()),
        "gap": pair.gap,
        "references": list(pair.references),
    }


def _pair(row: Mapping[str, Any]) -> TokenPair:
    chosen, rejected = (row[name].cpu().numpy() for name in ("chosen", "rejected"))
    first, second = row["references"]
    return TokenPair(PlannedSample(*row["planned"]), chosen, rejected, row["gap"], (first, second))

"""Mixed preference optimisation: sample from the policy, rank, pair, train, and again.

Enters: a checkpoint folder and a source of questions. Leaves: a run folder with metrics, a resumable state
and the trained checkpoint under ``model/``. Always holds: the reference of a round is the policy that its
pairs were sampled from, its log-probabilities computed once; a run that was cut off goes on bit for bit.
Source: R1V2 report, section 3.2; InternVL-MPO (arXiv 2411.10442).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from rich.console import Console

from r1v.core import ConfigError
from r1v.prompt import Processor, Prompt
from r1v.train import losses
from r1v.train.core.compute import Compute, export, load_trainable, target_logprobs
from r1v.train.core.config import MPOConfig
from r1v.train.core.optim import Optimizer, learning_rate
from r1v.train.core.run import Run, progress
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import Encoded
from r1v.train.data.pairs import choose_pairs
from r1v.train.data.questions import Question, Questions, plan_questions
from r1v.train.data.sources import open_source
from r1v.train.reward.model import RewardScorer
from r1v.train.reward.ranking import Ranker
from r1v.train.reward.rules import RuleReward
from r1v.train.rollout.evaluate import BestCheckpoint, accuracy, heldout_questions
from r1v.train.rollout.sampler import Response, Sampler, encoded
from r1v.train.update import parts_by_length


@dataclass(frozen=True, eq=False)
class TokenPair:
    """Two sampled replies to one question. references: summed log-probabilities of chosen and rejected."""

    planned: PlannedSample
    chosen: np.ndarray
    rejected: np.ndarray
    gap: float
    references: tuple[float, float] = (0.0, 0.0)


class MPOTrainer:
    """One run: ``MPOTrainer(config).train()``."""

    def __init__(self, config: MPOConfig, console: Console | None = None) -> None:
        self.config = c = config
        self.console = console or Console(stderr=True)
        self.source = open_source(c.data, c.families, c.seed, self.console, chains=False)
        self.questions = Questions(self.source, c.model, c.workers)
        self.held_questions = heldout_questions(
            self.source, c.model, c.heldout_questions, c.measure, c.workers
        )
        self.compute = Compute.open(c.device, c.bf16)
        self.world = self.questions.world = self.compute.world
        self.run = Run(config, self.world)
        self.processor = Processor.from_folder(c.model)
        self.model = load_trainable(
            c.model, self.compute, c.train, checkpointing=c.checkpointing, console=self.console,
            lora=c.lora, lora_rank=c.lora_rank, lora_alpha=c.lora_alpha, seed=c.seed,
        )  # fmt: skip
        self.optimizer = Optimizer(
            self.model, lr=c.lr, muon_lr=0.0, weight_decay=c.weight_decay, betas=c.betas
        )
        self.sampler = Sampler(
            self.model, self.processor, self.compute, max_num_seqs=c.max_num_seqs,
            memory_fraction=c.memory_fraction,
        )  # fmt: skip
        self.rules = RuleReward()
        scorer = RewardScorer.open(c.reward_model, self.compute) if c.reward_model else None
        self.rank = Ranker(self.rules, scorer)
        self.weights = losses.MPOWeights(c.preference, c.quality, c.generation, c.beta)
        self.shift = losses.RewardShift(window=c.shift_window)
        self.round = 0
        self.step = 0  # of the whole run
        self.place = 0  # in the round's training
        self.trained_s = 0.0
        self.pairs: list[TokenPair] = []
        self.heldout: list[TokenPair] = []
        self.prompts: dict[PlannedSample, Prompt] = {}  # of the round's pairs
        self.best = BestCheckpoint(self.run.folder / "best", c.model, c.max_shard_mb)

    # -------------------------------------------------------------------------------------------- the loop

    def train(self) -> Path:
        """Run to the end, or from the kept state to the end. Returns the folder of the best checkpoint where
        there are held-out questions, else that of the last."""
        c = self.config
        self._resume()
        if self.held_questions and not self.step:
            self._evaluate()
        while self.round < c.rounds and not self._late():
            begun = time.monotonic()
            if not self.pairs:
                self._collect()
                self._save()
            self.trained_s += self.world.agree(time.monotonic() - begun)
            plan = self._plan()
            while self.place < len(plan) and not self._late():
                begun = time.monotonic()
                self._update([self.pairs[i] for i in plan[self.place]], len(plan))
                self.place += 1
                self.step += 1
                spent, due = self.world.agree((time.monotonic() - begun, self.run.due(c.save_every_s)))
                self.trained_s += spent
                if due:
                    self._save()
            self._close_round()
            self._save()
        self.questions.close()
        self.rules.close()
        last = export(self.model, self.run.folder / "model", c.model, c.max_shard_mb, self.world)
        return self.best.folder if self.held_questions else last

    def _late(self) -> bool:
        return 0.0 < self.config.deadline_s <= self.trained_s

    def _plan(self) -> list[list[int]]:
        """The pairs of each step of the round."""
        c, plan = self.config, []
        for epoch in range(c.epochs):
            order = list(range(len(self.pairs)))
            Random(f"{c.seed}/{self.round}/{epoch}").shuffle(order)
            plan += [order[i : i + c.batch_size] for i in range(0, len(order), c.batch_size)]
        return plan

    def _close_round(self) -> None:
        margin = self._margin(self.heldout)
        self.run.log(step=self.step, round=self.round, heldout_margin=margin, heldout_pairs=len(self.heldout))
        self.console.print(
            f"round {self.round + 1}: margin of {len(self.heldout)} held-out pairs {margin:+.3f}",
            highlight=False,
        )
        self.round, self.place, self.pairs, self.heldout = self.round + 1, 0, [], []
        self.sampler.sync()
        if self.held_questions:
            self._evaluate()

    def _evaluate(self) -> None:
        found = accuracy(self.sampler, self.held_questions, self.rules, self.config.max_tokens)
        self.run.log(step=self.step, heldout=found.total, heldout_families=found.families)
        if self.world.first:
            self.best.offer(self.model, found.total, self.step)
        self.console.print(f"held-out at step {self.step}: {found.total:.3f} right", highlight=False)

    # ------------------------------------------------------------------------------------------- collecting

    def _collect(self) -> None:
        """Sample, rank and pair with the policy of now, which becomes the round's reference. Of several
        processes each does its share of the questions; then all know all pairs."""
        c = self.config
        plan = plan_questions(
            self.source.families, c.seed, self.round, c.questions, first=c.first_sample, variation=c.variation
        )
        self.questions.put(plan)
        questions, bad = self.questions.get()
        for name in bad:
            self.run.log(step=self.step, bad=name)
        places = self.questions.places(len(questions))
        seeds = [Random(f"{c.seed}/{self.round}/{place}").getrandbits(62) for place in places]
        groups = self.sampler.sample(
            [q.prompt for q in questions], seeds, n=c.group, max_tokens=c.max_tokens,
            temperature=c.temperature,
        )  # fmt: skip
        every = self.world.collect(self._pair(questions, groups))
        pairs = [pair for _, made, _ in every for pair in made]
        right = sum(share for *_, share in every) / len(every)
        if not pairs:
            raise ConfigError(
                f"round {self.round + 1}: no pair of {len(every)} questions reaches threshold "
                f"{c.threshold} ({right:.2f} of the answers are right); ask more or lower it"
            )
        self.prompts = {question.planned: question.prompt for question, made, _ in every if made}
        number = int(c.heldout * len(pairs))
        self.heldout, self.pairs = pairs[:number], pairs[number:]
        gap = sum(one.gap for one in pairs) / len(pairs)
        self.run.log(step=self.step, round=self.round, pairs=len(pairs), gap=gap, right=right)
        self.console.print(
            f"round {self.round + 1}: {len(pairs)} pairs of {len(every)} questions, {right:.3f} right",
            highlight=False,
        )

    def _pair(
        self, questions: Sequence[Question], groups: Sequence[Sequence[Response]]
    ) -> list[tuple[Question, list[TokenPair], float]]:
        """Each question with its pairs, their references those of the policy of now, and its share of right
        answers."""
        c = self.config
        self.prompts = {question.planned: question.prompt for question in questions}
        ranks, made = self.rank(questions, groups), list[list[TokenPair]]()
        for question, group, ranked in zip(questions, groups, ranks, strict=True):
            ids = [np.asarray(response.token_ids, np.int32) for response in group]
            found = choose_pairs(ranked.scores, ranked.eligible, c.threshold, c.per_question)
            made.append([TokenPair(question.planned, ids[a], ids[b], gap) for a, b, gap in found])
        sums = iter(self._logprob_sums([pair for pairs in made for pair in pairs]))
        return [
            (question, [replace(pair, references=next(sums)) for pair in pairs], ranked.right)
            for question, pairs, ranked in zip(questions, made, ranks, strict=True)
        ]

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
        """Of whole replies under the policy of now, (chosen, rejected) of each pair; as many at a time as in
        a part of a step."""
        found: list[tuple[float, float]] = []
        size = max(1, self.config.batch_size // self.config.micro_batches)
        for first in range(0, len(pairs), size):
            rows = self._rows(pairs[first : first + size])
            places, part = next(parts_by_length(rows, 1, self.processor.special.pad))
            with torch.no_grad():
                logprobs = target_logprobs(self.model, part, self.compute)
            sums = np.zeros(len(rows))
            sums[places] = losses.row_sums(logprobs.cpu(), part.rows, len(places)).numpy()
            found += [(float(a), float(b)) for a, b in sums.reshape(-1, 2)]
        return found

    def _margin(self, pairs: Sequence[TokenPair]) -> float:
        """Mean of beta * (log-ratio of the chosen - log-ratio of the rejected); 0 at the round's start."""
        own = self.world.share(pairs)
        margins = self.world.collect(
            [
                (chosen - pair.references[0]) - (rejected - pair.references[1])
                for pair, (chosen, rejected) in zip(own, self._logprob_sums(own), strict=True)
            ]
        )
        return self.config.beta * sum(margins) / len(margins) if margins else 0.0

    # ---------------------------------------------------------------------------------------------- a step

    def _update(self, pairs: Sequence[TokenPair], steps: int) -> None:
        """One step, of which each process does its share. A pair's two replies go through the model together;
        parts hold whole pairs."""
        c, own = self.config, self.world.share(pairs)
        number = min(c.micro_batches, len(own))
        totals = np.zeros(4)
        rewards = [torch.zeros(2, 0)]
        for part in range(number):
            chosen = own[len(own) * part // number : len(own) * (part + 1) // number]
            loss = self._loss(chosen)
            share = len(chosen) / len(pairs)
            (loss.total * share).backward()
            parts = (loss.total.detach(), loss.preference, loss.quality, loss.generation)
            totals += [float(value) * share for value in parts]
            rewards.append(torch.stack([loss.chosen_rewards, loss.rejected_rewards]).cpu())
        self.world.sum_gradients(self.model.parameters())
        every = self.world.gather((totals, torch.cat(rewards, 1)))
        if c.clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), c.clip, foreach=True)
        done = progress(self.round * steps + self.place, c.rounds * steps, self.trained_s, c.deadline_s)
        rate = learning_rate(
            c.schedule, self.step, done, warmup=c.warmup_steps, decay_share=c.decay_share,
            final=c.final_lr_share,
        )  # fmt: skip
        self.optimizer.step(rate)
        both = torch.cat([found for _, found in every], 1)
        delta, self.shift = self.shift.value, self.shift.updated(both)
        total, preference, quality, generation = np.sum([found for found, _ in every], 0).tolist()
        self.run.log(
            step=self.step + 1, round=self.round, loss=total, preference=preference, quality=quality,
            generation=generation, delta=delta, margin=float((both[0] - both[1]).mean()),
            accuracy=float((both[0] > both[1]).float().mean()), rate=rate,
        )  # fmt: skip

    def _loss(self, pairs: Sequence[TokenPair]) -> losses.MPOLoss:
        rows = self._rows(pairs)
        places, part = next(parts_by_length(rows, 1, self.processor.special.pad))
        logprobs = target_logprobs(self.model, part, self.compute)
        sorted_sums = losses.row_sums(logprobs, part.rows.to(logprobs.device), len(rows))
        back = torch.argsort(torch.tensor(places)).to(logprobs.device)
        sums = sorted_sums[back]
        references = torch.tensor([pair.references for pair in pairs], device=logprobs.device)
        lengths = torch.tensor([len(pair.chosen) for pair in pairs], device=logprobs.device)
        return losses.mpo(
            sums[::2], sums[1::2], references[:, 0], references[:, 1], lengths, self.weights, self.shift.value
        )

    # ----------------------------------------------------------------------------------------- checkpoints

    def _save(self) -> None:
        self.run.save(
            {
                "model": self.model.state_dict(), "optimizer": self.optimizer.state(),
                "shift": list(astuple(self.shift)), "round": self.round, "step": self.step,
                "place": self.place, "trained_s": self.trained_s, "pairs": [_kept(one) for one in self.pairs],
                "heldout": [_kept(one) for one in self.heldout],
            }
        )  # fmt: skip

    def _resume(self) -> None:
        state = self.run.load(str(self.compute.device))
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.restore(state["optimizer"])
        self.shift = losses.RewardShift(*state["shift"])
        self.round, self.step, self.place = state["round"], state["step"], state["place"]
        self.trained_s = state["trained_s"]
        self.pairs, self.heldout = ([_pair(row) for row in state[name]] for name in ("pairs", "heldout"))
        self._ask_again()
        self.run.trim_metrics(self.step + 1)
        self.sampler.sync()
        self.console.print(f"going on from step {self.step}, round {self.round + 1}")


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

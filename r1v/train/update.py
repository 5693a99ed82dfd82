"""One policy update: from responses with advantages to gradients.

Enters: fresh and replayed samples. Leaves: gradients on the model, and statistics of the update. Always
holds: each token's ratio is computed against the log-probability under the policy that sampled it, whether
the sample is fresh or replayed; the loss does not depend on how the samples are split into parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from rich.console import Console

from r1v.train import losses
from r1v.train.buffer import BufferedResponse
from r1v.train.core.config import ModelConfig
from r1v.train.core.policy import PolicyModule, load_policy
from r1v.train.core.token_scores import TokenScores
from r1v.train.data.batches import Encoded, MicroBatch, Split, collate

# log-probabilities of each part's targets, float32 (N,) on the CPU
Reference: TypeAlias = Callable[[Sequence[MicroBatch]], list[torch.Tensor]]


@dataclass(frozen=True, eq=False)
class Trained:
    """A sample in an update. tiles: of each of its images."""

    sample: BufferedResponse
    tiles: Sequence[np.ndarray]
    fresh: bool

    def encoded(self, image_size: int) -> Encoded:
        """As one row."""
        ids = np.concatenate([self.sample.prompt_ids, self.sample.completion_ids]).astype(np.int32)
        empty = np.zeros((0, image_size, image_size, 3), np.uint8)
        learned = None
        if self.sample.sampled is not None:
            learned = np.concatenate([np.zeros(len(self.sample.prompt_ids), bool), self.sample.sampled])
        return Encoded(ids, len(self.sample.prompt_ids), np.concatenate([empty, *self.tiles]), learned)


@dataclass
class UpdateTally:
    """Of the tokens of an update. fresh_behaviour, fresh_logprobs: of its fresh samples, pass by pass."""

    loss: float = 0.0
    tokens: int = 0
    clipped: int = 0
    capped: int = 0
    kl: float = 0.0
    entropy: float = 0.0
    fresh_behaviour: list[np.ndarray] = field(default_factory=list)
    fresh_logprobs: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def of(cls, tallies: Sequence[UpdateTally]) -> UpdateTally:
        """Of what several processes did."""
        return cls(
            sum(one.loss for one in tallies), sum(one.tokens for one in tallies),
            sum(one.clipped for one in tallies), sum(one.capped for one in tallies),
            sum(one.kl for one in tallies), sum(one.entropy for one in tallies),
            [found for one in tallies for found in one.fresh_behaviour],
            [found for one in tallies for found in one.fresh_logprobs],
        )  # fmt: skip


def parts_by_length(
    encoded: Sequence[tuple[str, Encoded]], split: Split, pad_id: int
) -> Iterator[tuple[list[int], MicroBatch]]:
    """Rows sorted by length and cut into parts; with each part the places of its rows."""
    lengths = [len(one.token_ids) - 1 for _, one in encoded]
    order = sorted(range(len(encoded)), key=lambda i: (lengths[i], i))
    for start, end in split.cuts([lengths[i] for i in order]):
        places = order[start:end]
        rows = [encoded[i] for i in places]
        tiles = torch.from_numpy(np.concatenate([row.tiles for _, row in rows]))
        yield places, collate(rows, tiles, pad_id)


class PolicyLoss:
    """The GRPO loss of a policy. max_tokens: of a response. reference: log-probabilities of parts under the
    starting policy, needed where options.kl is not 0."""

    def __init__(
        self, policy: PolicyModule, options: losses.GRPOOptions, *, pad_id: int, split: Split,
        max_tokens: int = 0, reference: Reference | None = None,
    ) -> None:  # fmt: skip
        self.policy, self.options = policy, options
        self.pad_id, self.split, self.max_tokens = pad_id, split, max_tokens
        self.reference = reference

    def _parts(self, samples: Sequence[Trained]) -> list[tuple[list[int], MicroBatch]]:
        side = self.policy.base.config.image_size
        encoded = [(one.sample.family, one.encoded(side)) for one in samples]
        return list(parts_by_length(encoded, self.split, self.pad_id))

    def backward(self, samples: Sequence[Trained]) -> UpdateTally:
        """Add the gradient of the samples' loss; the tensors of one part are freed before the next.

        A sample without advantage has no gradient unless there is a KL penalty: it counts in the means, but
        is not computed. Several processes get the same samples, and each computes its share.
        """
        world = self.policy.sharers
        counted = samples
        if self.options.averaging == "token":
            counted = [one for one in samples if not self._masked(one)]
        num_tokens = sum(one.sample.num_sampled for one in counted)
        worked = [one for one in samples if self._counts(one)]
        tally = UpdateTally()
        if not worked:
            return tally
        worked = list(world.share(worked))
        parts = self._parts(worked)
        penalty = bool(self.options.kl) and self.options.kl_in == "loss"
        references = self.reference([part for _, part in parts]) if penalty and self.reference else []
        for number, part in enumerate(self.policy.passes([part for _, part in parts])):
            if part is None:
                self.policy.idle_pass(backward=True)
                continue
            chosen = [worked[i] for i in parts[number][0]]
            found = self.policy.scores(part, entropy=True)
            device = found.logprobs.device
            rows = part.rows.to(device)

            def flat(values: Sequence[np.ndarray], device: torch.device = device) -> torch.Tensor:
                return torch.from_numpy(np.concatenate(values)).to(device)

            behaviour = flat([one.sample.logprobs for one in chosen])
            proximal = None
            if self.options.importance_cap:
                proximal = flat([one.sample.proximal for one in chosen if one.sample.proximal is not None])
            loss = losses.grpo(
                found.logprobs, behaviour,
                torch.tensor([one.sample.advantage for one in chosen], device=device), rows, self.options,
                num_responses=len(samples), num_tokens=num_tokens, max_tokens=self.max_tokens,
                reference=references[number].to(device) if references else None, proximal=proximal,
                kept=torch.tensor([not self._masked(one) for one in chosen], device=device),
            )  # fmt: skip
            self.policy.backward(loss.total)
            self._count(tally, chosen, rows, found, behaviour, loss)
        return UpdateTally.of(world.gather(tally))

    def logprobs_now(self, samples: Sequence[Trained], *, reference: bool = False) -> dict[int, np.ndarray]:
        """Log-probabilities of the samples' tokens under the policy of now, or the starting one, by place; of
        those that have a gradient only. Several processes compute a share each and all get all."""
        world = self.policy.sharers
        own = list(world.share([i for i, one in enumerate(samples) if reference or self._counts(one)]))
        parts = self._parts([samples[i] for i in own])
        score = self.reference if reference else self.policy.evaluate
        assert score is not None, "a penalty needs a reference"
        scored = score([part for _, part in parts])
        found: dict[int, np.ndarray] = {}
        for (places, _), logprobs in zip(parts, scored, strict=True):
            ends = np.cumsum([samples[own[place]].sample.num_sampled for place in places])
            for place, values in zip(places, np.split(logprobs.numpy(), ends[:-1]), strict=True):
                found[own[place]] = values
        return {i: values for part in world.gather(found) for i, values in part.items()}

    def with_proximal(self, samples: Sequence[Trained]) -> list[Trained]:
        """The same samples, those that will be computed with the log-probabilities that the trainer's weights
        of now give their tokens."""
        every = self.logprobs_now(samples)
        return [
            replace(one, sample=replace(one.sample, proximal=every[i])) if i in every else one
            for i, one in enumerate(samples)
        ]

    def _masked(self, one: Trained) -> bool:
        return self.options.mask_truncated and one.sample.truncated

    def _counts(self, one: Trained) -> bool:
        """Whether a sample has a gradient."""
        penalty = bool(self.options.kl) and self.options.kl_in == "loss"
        return (one.sample.advantage != 0.0 or penalty) and not self._masked(one)

    def _count(
        self, tally: UpdateTally, chosen: Sequence[Trained], rows: torch.Tensor, found: TokenScores,
        behaviour: torch.Tensor, loss: losses.GRPOLoss,
    ) -> None:  # fmt: skip
        logprobs = found.logprobs.detach()
        tally.loss += float(loss.total.detach())
        tally.tokens += len(logprobs)
        tally.entropy += 0.0 if found.entropy is None else float(found.entropy.sum())
        tally.clipped += int(loss.clipped.sum())
        tally.capped += 0 if loss.capped is None else int(loss.capped.sum())
        tally.kl += 0.0 if loss.kl is None else float(loss.kl.sum())
        fresh = torch.tensor([one.fresh for one in chosen], device=logprobs.device)[rows]
        tally.fresh_behaviour.append(behaviour[fresh].cpu().numpy())
        tally.fresh_logprobs.append(logprobs[fresh].cpu().numpy())


def open_reference(policy: PolicyModule, model: ModelConfig, console: Console) -> Reference:
    """The starting policy: the one in training without its adapters, where nothing but adapters is trained,
    else a second, frozen model, split alike."""
    if model.lora and not model.train:
        return partial(policy.evaluate, reference=True)
    frozen = load_policy(model.path, policy.compute, replace(model, lora=()), seed=0, console=console)
    frozen.requires_grad_(False).eval()
    return frozen.evaluate

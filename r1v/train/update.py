"""One policy update: from responses with advantages to gradients.

Enters: fresh and replayed samples. Leaves: gradients on the model, and what the update looked like. Always
holds: each token's ratio is taken against the log-probability of the policy that sampled it, whether the
sample is fresh or replayed; the loss does not depend on how the samples are split into parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from r1v.models import R1V
from r1v.train import losses
from r1v.train.buffer import Sample
from r1v.train.core.compute import Compute, target_logprobs
from r1v.train.data.examples import Encoded, MicroBatch, collate


@dataclass(frozen=True, eq=False)
class Trained:
    """A sample in an update. tiles: of each of its images."""

    sample: Sample
    tiles: Sequence[np.ndarray]
    fresh: bool

    def encoded(self, image_size: int) -> Encoded:
        """As one row."""
        ids = np.concatenate([self.sample.prompt_ids, self.sample.completion_ids]).astype(np.int32)
        empty = np.zeros((0, image_size, image_size, 3), np.uint8)
        return Encoded(ids, len(self.sample.prompt_ids), np.concatenate([empty, *self.tiles]))


@dataclass
class UpdateTally:
    """Of the tokens of an update. fresh_behaviour, fresh_logprobs: of its fresh samples, pass by pass."""

    loss: float = 0.0
    tokens: int = 0
    clipped: int = 0
    capped: int = 0
    kl: float = 0.0
    fresh_behaviour: list[np.ndarray] = field(default_factory=list)
    fresh_logprobs: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def of(cls, tallies: Sequence[UpdateTally]) -> UpdateTally:
        """Of what several processes did."""
        return cls(
            sum(one.loss for one in tallies), sum(one.tokens for one in tallies),
            sum(one.clipped for one in tallies), sum(one.capped for one in tallies),
            sum(one.kl for one in tallies),
            [found for one in tallies for found in one.fresh_behaviour],
            [found for one in tallies for found in one.fresh_logprobs],
        )  # fmt: skip


def parts_by_length(
    encoded: Sequence[tuple[str, Encoded]], number: int, pad_id: int
) -> Iterator[tuple[list[int], MicroBatch]]:
    """Rows sorted by length and cut into ``number`` parts; with each part the places of its rows."""
    order = sorted(range(len(encoded)), key=lambda i: (len(encoded[i][1].token_ids), i))
    number = min(number, len(order))
    for part in range(number):
        places = order[len(order) * part // number : len(order) * (part + 1) // number]
        rows = [encoded[i] for i in places]
        tiles = torch.from_numpy(np.concatenate([row.tiles for _, row in rows]))
        yield places, collate(rows, tiles, pad_id)


class PolicyLoss:
    """The GRPO loss of a model. reference: a frozen model, needed where options.kl is not 0."""

    def __init__(
        self,
        model: R1V,
        compute: Compute,
        options: losses.GRPOOptions,
        *,
        pad_id: int,
        micro_batches: int,
        reference: R1V | None = None,
    ) -> None:
        self.model, self.compute, self.options = model, compute, options
        self.pad_id, self.micro_batches, self.reference = pad_id, micro_batches, reference

    def backward(self, samples: Sequence[Trained]) -> UpdateTally:
        """Add the gradient of the samples' loss; the tensors of one part are freed before the next.

        A sample without advantage has no gradient unless there is a KL penalty: it counts in the means, but
        is not computed. Several processes are given the same samples, and each computes its share of them.
        """
        tally = UpdateTally()
        num_tokens = sum(len(one.sample.completion_ids) for one in samples)
        worked = [one for one in samples if self._counts(one)]
        if not worked:
            return tally
        world = self.compute.world
        worked = list(world.share(worked))
        side = self.model.config.vision.image_size
        encoded = [(one.sample.family, one.encoded(side)) for one in worked]
        for places, part in parts_by_length(encoded, self.micro_batches, self.pad_id):
            chosen = [worked[i] for i in places]
            part = self.compute.move(part)
            logprobs = target_logprobs(self.model, part, self.compute)
            device = logprobs.device
            behaviour = torch.from_numpy(np.concatenate([one.sample.logprobs for one in chosen])).to(device)
            proximal = None
            if self.options.importance_cap:
                kept = [one.sample.proximal for one in chosen if one.sample.proximal is not None]
                proximal = torch.from_numpy(np.concatenate(kept)).to(device)
            loss = losses.grpo(
                logprobs, behaviour,
                torch.tensor([one.sample.advantage for one in chosen], device=device), part.rows,
                self.options, num_responses=len(samples), num_tokens=num_tokens,
                reference=self._reference(part), proximal=proximal,
            )  # fmt: skip
            loss.total.backward()
            self._count(tally, chosen, part, logprobs.detach(), behaviour, loss)
        world.sum_gradients(self.model.parameters())
        return UpdateTally.of(world.gather(tally))

    def with_proximal(self, samples: Sequence[Trained]) -> list[Trained]:
        """The same samples, those that will be computed with the log-probabilities that the trainer's weights
        of now give their tokens. Several processes compute a share each and all get all."""
        world = self.compute.world
        own = list(world.share([i for i, one in enumerate(samples) if self._counts(one)]))
        side = self.model.config.vision.image_size
        encoded = [(samples[i].sample.family, samples[i].encoded(side)) for i in own]
        found: dict[int, np.ndarray] = {}
        for places, part in parts_by_length(encoded, self.micro_batches, self.pad_id):
            with torch.no_grad():
                logprobs = target_logprobs(self.model, part, self.compute).cpu().numpy()
            ends = np.cumsum([len(samples[own[place]].sample.completion_ids) for place in places])
            for place, values in zip(places, np.split(logprobs, ends[:-1]), strict=True):
                found[own[place]] = values
        every = {i: values for part in world.gather(found) for i, values in part.items()}
        return [
            replace(one, sample=replace(one.sample, proximal=every[i])) if i in every else one
            for i, one in enumerate(samples)
        ]

    def _counts(self, one: Trained) -> bool:
        """Whether a sample has a gradient."""
        return one.sample.advantage != 0.0 or bool(self.options.kl)

    def _reference(self, part: MicroBatch) -> torch.Tensor | None:
        if self.reference is None:
            return None
        with torch.no_grad():
            return target_logprobs(self.reference, part, self.compute)

    def _count(
        self, tally: UpdateTally, chosen: Sequence[Trained], part: MicroBatch, logprobs: torch.Tensor,
        behaviour: torch.Tensor, loss: losses.GRPOLoss,
    ) -> None:  # fmt: skip
        tally.loss += float(loss.total.detach())
        tally.tokens += len(logprobs)
        tally.clipped += int(loss.clipped.sum())
        tally.capped += 0 if loss.capped is None else int(loss.capped.sum())
        tally.kl += 0.0 if loss.kl is None else float(loss.kl.sum())
        fresh = torch.tensor([one.fresh for one in chosen], device=logprobs.device)[part.rows]
        tally.fresh_behaviour.append(behaviour[fresh].cpu().numpy())
        tally.fresh_logprobs.append(logprobs[fresh].cpu().numpy())

"""Drawing token ids from logits, for many rows with different settings at once.

Enters: logits float32 (R, V) and one number per row of each setting. Leaves: ids int64 (R,). Always holds: a
row's id depends on its own logits, settings and uniform number alone. Filters apply in the order top-k,
top-p, min-p; the id is found by inverting the cumulative distribution at the uniform number: over the kept
ids from the most likely one downwards, or in the order of ids if nothing is filtered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class RowSettings:
    """How one row is drawn. temperature 0 is greedy; top_k 0, top_p 1, min_p 0 are off; uniform in [0, 1)."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    uniform: float = 0.0

    @property
    def filtered(self) -> bool:
        """Whether some ids may be cut off."""
        return self.top_k > 0 or self.top_p < 1.0 or self.min_p > 0.0


def to_device(values: Any, device: torch.device, dtype: torch.dtype | None = None) -> torch.Tensor:
    """A small tensor of values, a sequence or an array, on a device. From pinned memory the copy does not
    wait for what runs there."""
    table = torch.as_tensor(values, dtype=dtype)
    return table.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else table.to(device)


def penalise_reference(
    logits: torch.Tensor,
    in_prompt: torch.Tensor,
    counts: torch.Tensor,
    repetition: torch.Tensor,
    presence: torch.Tensor,
    frequency: torch.Tensor,
) -> torch.Tensor:
    """Logits (R, V) after the three penalties, over the whole vocabulary; the slow reference.

    in_prompt bool (R, V); counts (R, V): occurrences in the output; the factors are (R, 1). Repetition
    divides positive and multiplies negative logits of every id seen (Keskar et al. 2019, section 4.1);
    presence and frequency are subtracted, once and per occurrence in the output.
    """
    seen = in_prompt | (counts > 0)
    factor = torch.where(logits > 0, 1.0 / repetition, repetition)
    logits = torch.where(seen, logits * factor, logits)
    return logits - frequency * counts - presence * (counts > 0)


def penalise(
    logits: torch.Tensor, seen: Sequence[tuple[torch.Tensor, torch.Tensor]], factors: torch.Tensor
) -> None:
    """As `penalise_reference`, in place, touching only what was seen.

    seen: per row, the different ids seen, int64 (n,), and how often each is in the output, float32 (n,).
    factors: float32 (R, 3), the repetition, presence and frequency penalties of the rows.
    """
    lengths = to_device([len(ids) for ids, _ in seen], logits.device)
    first = torch.arange(len(seen), device=logits.device) * logits.shape[-1]
    total = sum(len(ids) for ids, _ in seen)
    places = torch.cat([ids for ids, _ in seen])
    places = places + first.repeat_interleave(lengths, output_size=total)
    counts = torch.cat([number for _, number in seen])
    spread = factors.repeat_interleave(lengths, dim=0, output_size=total)
    repetition, presence, frequency = spread.unbind(1)
    flat = logits.view(-1)
    old = flat[places]
    new = torch.where(old > 0, old / repetition, old * repetition)
    flat.index_copy_(0, places, new - frequency * counts - presence * (counts > 0))


def sample_reference(logits: torch.Tensor, rows: Sequence[RowSettings]) -> torch.Tensor:
    """Row by row, by sorting the whole vocabulary; the slow reference."""
    chosen = []
    for row, settings in zip(logits, rows, strict=True):
        if settings.temperature == 0:
            chosen.append(row.argmax())
            continue
        scaled = row.double() / settings.temperature
        if not settings.filtered:
            chosen.append(_invert(scaled.softmax(0)[None], settings.uniform)[0])
            continue
        ordered, ids = scaled.sort(descending=True, stable=True)
        if settings.top_k > 0:
            ordered = ordered[: min(settings.top_k, len(ordered))]
        probabilities = ordered.softmax(0)
        keep = probabilities.cumsum(0) - probabilities < settings.top_p
        keep &= probabilities >= settings.min_p * probabilities[0]
        chosen.append(ids[_invert((probabilities * keep)[None], settings.uniform)[0]])
    return torch.stack(chosen)


def sample(logits: torch.Tensor, rows: Sequence[RowSettings], num_candidates: int = 256) -> torch.Tensor:
    """As `sample_reference`, for all rows at once.

    Filtered rows consider the num_candidates most likely ids; the few rows that may keep more ids are drawn
    by the reference.
    """
    if all(row.temperature == 0 for row in rows):
        return logits.argmax(-1)
    groups: dict[str, list[int]] = {"greedy": [], "plain": [], "filtered": []}
    for index, row in enumerate(rows):
        kind = "greedy" if row.temperature == 0 else "filtered" if row.filtered else "plain"
        groups[kind].append(index)
    chosen = torch.empty(len(rows), dtype=torch.int64, device=logits.device)
    for kind, indices in groups.items():
        if not indices:
            continue
        whole = len(indices) == len(rows)
        where = slice(None) if whole else to_device(indices, logits.device)
        part, settings = logits[where], [rows[i] for i in indices]
        if kind == "greedy":
            chosen[where] = part.argmax(-1)
        elif kind == "plain":
            table = to_device([(s.temperature, s.uniform) for s in settings], logits.device, torch.float64)
            temperature, uniform = table.unbind(1)
            chosen[where] = _invert((part / temperature.float()[:, None]).softmax(-1), uniform)
        else:
            chosen[where] = _sample_filtered(part, settings, num_candidates)
    return chosen


def _sample_filtered(logits: torch.Tensor, rows: Sequence[RowSettings], num_candidates: int) -> torch.Tensor:
    """Ids of rows that all have a filter."""
    vocab_size = logits.shape[-1]
    number = min(vocab_size, max(num_candidates, max(row.top_k for row in rows)))
    table = to_device(
        [(r.temperature, r.top_p, r.min_p, r.uniform, min(r.top_k or vocab_size, vocab_size)) for r in rows],
        logits.device, torch.float64,
    )  # fmt: skip
    temperature, top_p, min_p, uniform, top_k = (column[:, None] for column in table.unbind(1))
    scaled = logits / temperature.float()
    values, ids = scaled.topk(number)
    within = torch.arange(number, device=logits.device) < top_k
    # the mass of what top-k leaves: of the candidates, or of the whole vocabulary where top-k is off
    top_mass = values.masked_fill(~within, float("-inf")).logsumexp(-1, keepdim=True)
    mass = torch.where(top_k < vocab_size, top_mass, scaled.logsumexp(-1, keepdim=True))
    probabilities = (values - mass).exp().double() * within
    cumulated = probabilities.cumsum(-1)
    floor = min_p * probabilities[:, :1]
    keep = (cumulated - probabilities < top_p) & (probabilities >= floor)
    chosen = ids.gather(1, _invert(probabilities * keep, uniform[:, 0])[:, None])[:, 0]
    if number < vocab_size:
        complete = (top_k[:, 0] <= number) | (cumulated[:, -1] >= top_p[:, 0])
        complete |= probabilities[:, -1] < floor[:, 0]
        if not bool(complete.all()):
            for index in (~complete).nonzero().flatten().tolist():
                chosen[index] = sample_reference(logits[index : index + 1], [rows[index]])[0]
    return chosen


def _invert(weights: torch.Tensor, uniform: torch.Tensor | float) -> torch.Tensor:
    """Index (R,) at which the running sum of weights (R, n) passes uniform times their total; never an
    index of weight 0. Weights that are not finite give some index below n."""
    cumulated = weights.double().cumsum(-1)
    target = cumulated[:, -1] * uniform
    index = torch.searchsorted(cumulated, target[:, None], right=True)[:, 0]
    # rounding can put the target on the total itself: the last index that has weight is meant then
    last = torch.searchsorted(cumulated, cumulated[:, -1:].contiguous())[:, 0]
    return torch.minimum(index, last).clamp_(max=weights.shape[1] - 1)

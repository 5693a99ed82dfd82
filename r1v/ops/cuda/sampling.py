"""Draws the next ids on a CUDA device, with each row's own settings and without sorting: two Triton kernels
for a step.

Enters: logits float32 (R, V) and a table with one line of settings for each row. Leaves: ids int64 (R,) and
their log-probabilities. Always holds: the same filters in the same order as `ops.sampling.sample_reference`,
with sums in float32; a row depends only on its own line of the table; no kernel waits for the host.

The ids that top-k, top-p and min-p keep are always a number of the most likely ones. So each filter, and then
the draw itself, asks where a running sum from the most likely id downwards passes a target. The kernel finds
the place by search: it computes the sums above eight values at a time, narrows the interval to the part that
holds the target, and compares single ids once few of them are left. Source of the idea: FlashInfer's sampling
without sorting.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from r1v.ops.cuda.decode import early

# columns of the table of settings, float64
TEMPERATURE, TOP_K, TOP_P, MIN_P, UNIFORM, REPETITION, PRESENCE, FREQUENCY = range(8)
SEEN_ROW = 8  # the row of `SampleState.seen` with what penalties need to know; -1 is no penalty
MASK_ROW = 9  # the row of `SampleState.allowed` of a grammar; 0 is none
COUNTS = 10  # 1: the drawn id is counted in `seen`
NUM_BIASES = 11  # so many ids of the row's line of `bias_ids` get what `biases` says
NUM_EXTRA = 12  # so many ids of the row's line of `extra` count as output
COLUMNS = 13

NOT_FINITE: tl.constexpr = tl.constexpr(-1)
NOTHING_LEFT: tl.constexpr = tl.constexpr(-2)

NEUTRAL = (0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0)  # a greedy row


@triton.jit
def _prepare(  # type: ignore[no-untyped-def]
    logits, table, allowed, seen, bias_ids, biases, extra,
    scaled, best, best_id, mass, raw_best, raw_mass, vocab, words, bias_width, extra_width, num_splits,
    COLUMNS: tl.constexpr, CHUNK: tl.constexpr, BLOCK: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """Penalties, bans and temperature of one part of one row: `scaled`, its best id, and the sum of exp.
    In one piece: it is one pass over the logits."""
    if EARLY:
        gdc_launch_dependents()
        gdc_wait()
    row, split = tl.program_id(0).to(tl.int64), tl.program_id(1)
    line = table + row * COLUMNS
    temperature = tl.load(line + 0).to(tl.float32)
    repetition = tl.load(line + 5).to(tl.float32)
    presence = tl.load(line + 6).to(tl.float32)
    frequency = tl.load(line + 7).to(tl.float32)
    seen_row = tl.load(line + 8).to(tl.int64)
    mask_row = tl.load(line + 9).to(tl.int64)
    num_biases = tl.load(line + 11).to(tl.int32)
    num_extra = tl.load(line + 12).to(tl.int32)
    inverse = 1.0
    if temperature > 0:
        inverse = temperature
    top = float("-inf")
    where_top = vocab
    total = 0.0
    raw_top = float("-inf")
    raw_total = 0.0
    for start in range(0, CHUNK, BLOCK):
        ids = split * CHUNK + start + tl.arange(0, BLOCK)
        inside = ids < vocab
        x = tl.load(logits + row * vocab + ids, mask=inside, other=float("-inf"))
        highest = tl.maximum(raw_top, tl.max(x, 0))
        base = tl.where(highest == float("-inf"), 0.0, highest)
        raw_total = raw_total * tl.exp(raw_top - base) + tl.sum(tl.exp(x - base), 0)
        raw_top = highest
        if seen_row >= 0:
            known = tl.load(seen + seen_row * vocab + ids, mask=inside, other=0).to(tl.int32)
            count = known >> 1
            for number in range(num_extra):
                count += (ids == tl.load(extra + row * extra_width + number)).to(tl.int32)
            changed = tl.where(x > 0, x / repetition, x * repetition)
            x = tl.where((count > 0) | ((known & 1) == 1), changed, x)
            x -= frequency * count.to(tl.float32) + presence * (count > 0).to(tl.float32)
        for number in range(num_biases):
            at = row * bias_width + number
            x += tl.where(ids == tl.load(bias_ids + at), tl.load(biases + at), 0.0)
        word = tl.load(allowed + (ids >> 5), mask=inside, other=0)
        if mask_row > 0:
            word &= tl.load(allowed + mask_row * words + (ids >> 5), mask=inside, other=0)
        x = tl.where(((word >> (ids & 31)) & 1) == 1, x, float("-inf"))
        x = x / inverse
        if temperature > 0:
            tl.store(scaled + row * vocab + ids, x, mask=inside)
        here = tl.max(x, 0)
        if here > top:  # the first of equals, as torch's argmax
            where_top = tl.min(tl.where(x == here, ids, vocab), 0)
        highest = tl.maximum(top, here)
        base = tl.where(highest == float("-inf"), 0.0, highest)
        total = total * tl.exp(top - base) + tl.sum(tl.exp(x - base), 0)
        top = highest
    at = row * num_splits + split
    tl.store(best + at, top)
    tl.store(best_id + at, where_top)
    tl.store(mass + at, total)
    tl.store(raw_best + at, raw_top)
    tl.store(raw_mass + at, raw_total)


@triton.jit
def _among_few(values, ids, line, number, top, above, target, counting, CAP: tl.constexpr):  # type: ignore[no-untyped-def]
    """Of at most CAP candidates: the one where the running sum passes the target, the likeliest first and
    equal ones in the order of ids; its value, its id, and the sum before it."""
    places = tl.arange(0, CAP)
    there = places < number
    value = tl.load(values + line + places, mask=there, other=float("-inf"))
    token = tl.load(ids + line + places, mask=there, other=0)
    before = tl.zeros([CAP], tl.float32) + above
    for first in range(0, number, 16):
        others = first + tl.arange(0, 16)
        known = others < number
        other = tl.load(values + line + others, mask=known, other=float("-inf"))
        other_token = tl.load(ids + line + others, mask=known, other=0)
        adds = tl.where(known, tl.where(counting, 1.0, tl.exp(other - top)), 0.0)
        ahead = (other[None, :] > value[:, None]) | (
            (other[None, :] == value[:, None]) & (other_token[None, :] < token[:, None])
        )
        before += tl.sum(tl.where(ahead, adds[None, :], 0.0), 1)
    reached = there & (before <= target)
    last = tl.max(tl.where(reached, before, float("-inf")), 0)
    # rounding can leave nobody who is reached: then it is the first
    last = tl.where(last == float("-inf"), tl.min(tl.where(there, before, float("inf")), 0), last)
    # an id of no weight can have the same sum before it as the next: the likelier one is meant
    chosen = there & (before == last)
    best = tl.max(tl.where(chosen, value, float("-inf")), 0)
    found = tl.min(tl.where(chosen & (value == best), token, 2147483647), 0)
    return best, found, last


@triton.jit
def _draw(  # type: ignore[no-untyped-def]
    logits, table, seen, scaled, best, best_id, mass, raw_best, raw_mass, values, ids, count, out, logprobs,
    vocab, num_splits,
    COLUMNS: tl.constexpr, SPLITS: tl.constexpr, CHUNK: tl.constexpr, BLOCK: tl.constexpr, CAP: tl.constexpr,
    MAX_LOGIT: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """The id of one row, from what `_prepare` left."""
    if EARLY:
        gdc_launch_dependents()
        gdc_wait()
    row = tl.program_id(0).to(tl.int64)
    line = table + row * COLUMNS
    temperature = tl.load(line + 0).to(tl.float32)
    top_k = tl.load(line + 1).to(tl.float32)
    top_p = tl.load(line + 2).to(tl.float32)
    min_p = tl.load(line + 3).to(tl.float32)
    uniform = tl.load(line + 4)
    splits = tl.arange(0, SPLITS)
    there = splits < num_splits
    tops = tl.load(best + row * num_splits + splits, mask=there, other=float("-inf"))
    top = tl.max(tops, 0)
    of_tops = tl.load(best_id + row * num_splits + splits, mask=there, other=vocab)
    chosen = tl.min(tl.where(tops == top, of_tops, vocab), 0)
    masses = tl.load(mass + row * num_splits + splits, mask=there, other=0.0) * tl.exp(tops - top)
    y = scaled + row * vocab
    raws = tl.load(raw_best + row * num_splits + splits, mask=there, other=float("-inf"))
    raw_top = tl.max(raws, 0)
    sums = tl.load(raw_mass + row * num_splits + splits, mask=there, other=0.0) * tl.exp(raws - raw_top)
    raw_total = tl.sum(sums, 0)  # NaN if any logit is
    finite = (raw_top < MAX_LOGIT) & (raw_top > -MAX_LOGIT) & (raw_total == raw_total)
    left = top > float("-inf")
    draws = (temperature > 0) & finite & left
    filtered = (top_k > 0) | (top_p < 1.0) | (min_p > 0.0)
    if draws & (filtered == 0):
        chosen = _in_order(y, masses.to(tl.float64), uniform, top, chosen, vocab, SPLITS, CHUNK, BLOCK)
    if draws & filtered:
        chosen = _from_the_likeliest(
            y, values, ids, count + row, row * CAP, tl.sum(masses, 0), top, top_k, top_p, min_p,
            tl.minimum(uniform.to(tl.float32), 0.99999988), chosen, vocab, BLOCK, CAP,
        )  # fmt: skip
    drawn = tl.where(finite, tl.where(left, chosen, NOTHING_LEFT), NOT_FINITE)
    tl.store(out + row, drawn.to(tl.int64))
    chosen = tl.minimum(chosen, vocab - 1)
    tl.store(logprobs + row, tl.load(logits + row * vocab + chosen) - raw_top - tl.log(raw_total))
    seen_row = tl.load(line + 8).to(tl.int64)
    if (seen_row >= 0) & (tl.load(line + 10) > 0):
        at = seen + seen_row * vocab + chosen
        known = tl.load(at)
        tl.store(at, tl.where(known < 32000, known + 2, known).to(seen.dtype.element_ty))


@triton.jit
def _in_order(  # type: ignore[no-untyped-def]
    y, masses, uniform, top, greedy, vocab, SPLITS: tl.constexpr, CHUNK: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """The id at which the running sum, in the order of ids, passes the uniform number's part of the whole."""
    splits = tl.arange(0, SPLITS)
    target = uniform * tl.sum(masses, 0)
    sums = tl.cumsum(masses, 0)
    part = tl.min(tl.where((sums > target) & (masses > 0), splits, SPLITS), 0)
    # rounding can put the target on the total itself: the last part that has weight is meant then
    part = tl.where(part == SPLITS, tl.max(tl.where(masses > 0, splits, 0), 0), part)
    left = (target - tl.sum(tl.where(splits < part, masses, 0.0), 0)).to(tl.float32)
    chosen = vocab
    last = greedy
    for start in range(0, CHUNK, BLOCK):
        if chosen == vocab:
            ids = part * CHUNK + start + tl.arange(0, BLOCK)
            weight = tl.exp(tl.load(y + ids, mask=ids < vocab, other=float("-inf")) - top)
            running = tl.cumsum(weight, 0)
            chosen = tl.min(tl.where((running > left) & (weight > 0), ids, vocab), 0)
            left -= tl.sum(weight, 0)
            some = tl.max(tl.where(weight > 0, ids, -1), 0)
            last = tl.where(some >= 0, some, last)
    return tl.where(chosen == vocab, last, chosen)


@triton.jit
def _from_the_likeliest(  # type: ignore[no-untyped-def]
    y, values, ids, count, line, whole, top, top_k, top_p, min_p, uniform, greedy, vocab,
    BLOCK: tl.constexpr, CAP: tl.constexpr,
):  # fmt: skip
    """Three searches in the running sum from the likeliest id down: for the last id that top-k keeps, for the
    last that top-p keeps, for the drawn one. In one piece: each search begins where the one before ended."""
    kept = whole  # the mass of what is kept so far
    lowest = float("-inf")  # nothing below this value is kept
    chosen = greedy
    for stage in range(3):
        counting = stage == 0
        target = uniform * kept
        needed = True
        if stage == 0:
            target = top_k - 1.0
            needed = (top_k > 0) & (top_k < vocab)
        if stage == 1:
            target = top_p * kept
            needed = top_p < 1.0
        if stage == 2:  # noqa: SIM102 - Triton has no short circuit
            if min_p > 0:
                kept = tl.minimum(kept, _mass_from(y, top, min_p, vocab, BLOCK))
                target = uniform * kept
                lowest = tl.maximum(lowest, top + tl.log(min_p) - 1e-6 * (1.0 + tl.abs(top)))
        if needed:
            low, high, above = lowest, top, 0.0
            span = 20.0  # below it lies next to no mass
            number, most = vocab, top
            turn = 0
            searching = True
            while searching:
                if (turn >= 3) | (vocab <= CAP):  # by now few are left, unless many are equal
                    number, least, most = _gather(y, values, ids, count, line, low, high, vocab, BLOCK, CAP)
                    searching = (number > CAP) & (least < most) & (turn < 64)
                if searching:
                    base = tl.maximum(low, high - span)
                    low, high, above, found_low = _narrow(
                        y, low, high, base, above, target, top, counting, vocab, BLOCK
                    )
                    if found_low == 0:  # the target is below all of what was looked at
                        span *= 4.0
                turn += 1
            if number <= CAP:
                found, token, before = _among_few(
                    values, ids, line, number, top, above, target, counting, CAP
                )
            else:  # so many ids have one and the same value
                found = most
                weight = tl.where(counting, 1.0, tl.exp(most - top))
                place = tl.minimum(((target - above) / weight).to(tl.int32), number - 1)
                place = tl.maximum(place, 0)
                before = above + place.to(tl.float32) * weight
                token = _nth_equal(y, most, place, greedy, vocab, BLOCK)
            if stage == 0:
                ties = target - _count_above(y, found, vocab, BLOCK) + 1.0
                kept = _mass_above(y, found, top, vocab, BLOCK) + ties * tl.exp(found - top)
            if stage == 1:
                kept = tl.minimum(kept, before + tl.exp(found - top))
            if stage == 2:
                chosen = token
            # a little lower, as intervals leave out their lower end
            lowest = found - tl.maximum(tl.abs(found) * 2.4e-7, 1e-30)
    return chosen


@triton.jit
def _narrow(y, low, high, base, above, target, top, counting, vocab, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    """One look at the interval (low, high]: which of nine parts of it, cut between base and high, holds the
    target; its ends, the sum above it, and whether its lower end is one of the cuts."""
    part = (high - base) / 9.0
    p1, p2, p3, p4 = base + part, base + 2 * part, base + 3 * part, base + 4 * part
    p5, p6, p7, p8 = base + 5 * part, base + 6 * part, base + 7 * part, base + 8 * part
    s1 = tl.zeros([BLOCK], tl.float32)
    s2 = tl.zeros([BLOCK], tl.float32)
    s3 = tl.zeros([BLOCK], tl.float32)
    s4 = tl.zeros([BLOCK], tl.float32)
    s5 = tl.zeros([BLOCK], tl.float32)
    s6 = tl.zeros([BLOCK], tl.float32)
    s7 = tl.zeros([BLOCK], tl.float32)
    s8 = tl.zeros([BLOCK], tl.float32)
    places = tl.arange(0, BLOCK)
    coming = tl.load(y + places, mask=places < vocab, other=float("-inf"))
    for start in range(BLOCK, vocab + BLOCK, BLOCK):
        value = coming  # the next values are on their way while these are counted
        coming = tl.load(y + start + places, mask=start + places < vocab, other=float("-inf"))
        weight = tl.where(counting, 1.0, tl.exp(value - top))
        weight = tl.where((value > low) & (value <= high), weight, 0.0)
        s1 += tl.where(value > p1, weight, 0.0)
        s2 += tl.where(value > p2, weight, 0.0)
        s3 += tl.where(value > p3, weight, 0.0)
        s4 += tl.where(value > p4, weight, 0.0)
        s5 += tl.where(value > p5, weight, 0.0)
        s6 += tl.where(value > p6, weight, 0.0)
        s7 += tl.where(value > p7, weight, 0.0)
        s8 += tl.where(value > p8, weight, 0.0)
    new_low, new_high, new_above, found_low = low, high, above, 0
    new_low, new_high, new_above, found_low = _cut(
        p1, s1, new_low, new_high, new_above, found_low, above, target
    )
    new_low, new_high, new_above, found_low = _cut(
        p2, s2, new_low, new_high, new_above, found_low, above, target
    )
    new_low, new_high, new_above, found_low = _cut(
        p3, s3, new_low, new_high, new_above, found_low, above, target
    )
    new_low, new_high, new_above, found_low = _cut(
        p4, s4, new_low, new_high, new_above, found_low, above, target
    )
    new_low, new_high, new_above, found_low = _cut(
        p5, s5, new_low, new_high, new_above, found_low, above, target
    )
    new_low, new_high, new_above, found_low = _cut(
        p6, s6, new_low, new_high, new_above, found_low, above, target
    )
    new_low, new_high, new_above, found_low = _cut(
        p7, s7, new_low, new_high, new_above, found_low, above, target
    )
    new_low, new_high, new_above, found_low = _cut(
        p8, s8, new_low, new_high, new_above, found_low, above, target
    )
    return new_low, new_high, new_above, found_low


@triton.jit
def _cut(pivot, sums, low, high, sum_above, found_low, above, target):  # type: ignore[no-untyped-def]
    """Take a cut into account: the target lies below it, or above."""
    over = above + tl.sum(sums, 0)
    below = over <= target
    raised = (below == 0) & (pivot >= low)
    return (
        tl.where(raised, pivot, low),
        tl.where(below & (pivot < high), pivot, high),
        tl.where(below, tl.maximum(sum_above, over), sum_above),
        tl.where(raised, 1, found_low),
    )


@triton.jit
def _gather(y, values, ids, count, line, low, high, vocab, BLOCK: tl.constexpr, CAP: tl.constexpr):  # type: ignore[no-untyped-def]
    """Write the ids of an interval and their values side by side, in any order, at most CAP of them. How many
    there are, and the least and greatest of their values."""
    tl.debug_barrier()  # what an earlier search left may still be read
    tl.store(count, 0)
    tl.debug_barrier()
    least = tl.full([BLOCK], float("inf"), tl.float32)
    most = tl.full([BLOCK], float("-inf"), tl.float32)
    number = tl.zeros([BLOCK], tl.int32)
    lanes = tl.arange(0, BLOCK)
    coming = tl.load(y + lanes, mask=lanes < vocab, other=float("-inf"))
    for start in range(0, vocab, BLOCK):
        value, places = coming, start + lanes
        following = places + BLOCK
        coming = tl.load(y + following, mask=following < vocab, other=float("-inf"))
        within = (value > low) & (value <= high)
        least = tl.minimum(least, tl.where(within, value, float("inf")))
        most = tl.maximum(most, tl.where(within, value, float("-inf")))
        number += within.to(tl.int32)
        ones = within.to(tl.int32)
        at = tl.atomic_add(count + places * 0, ones, mask=within, sem="relaxed", scope="cta")
        fits = within & (at < CAP)
        tl.store(values + line + at, value, mask=fits)
        tl.store(ids + line + at, places, mask=fits)
    tl.debug_barrier()
    return tl.sum(number, 0), tl.min(least, 0), tl.max(most, 0)


@triton.jit
def _nth_equal(y, wanted, place, greedy, vocab, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    """The place-th id, from 0, of those with this value."""
    found = vocab
    left = place
    for start in range(0, vocab, BLOCK):
        places = start + tl.arange(0, BLOCK)
        value = tl.load(y + places, mask=places < vocab, other=float("-inf"))
        equal = (value == wanted).to(tl.int32)
        running = tl.cumsum(equal, 0)
        here = tl.min(tl.where((equal > 0) & (running == left + 1), places, vocab), 0)
        found = tl.minimum(found, here)
        left -= tl.sum(equal, 0)
    return tl.where(found == vocab, greedy, found)


@triton.jit
def _count_above(y, wanted, vocab, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    total = tl.zeros([BLOCK], tl.int32)
    for start in range(0, vocab, BLOCK):
        places = start + tl.arange(0, BLOCK)
        value = tl.load(y + places, mask=places < vocab, other=float("-inf"))
        total += (value > wanted).to(tl.int32)
    return tl.sum(total, 0).to(tl.float32)


@triton.jit
def _mass_above(y, wanted, top, vocab, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, vocab, BLOCK):
        places = start + tl.arange(0, BLOCK)
        value = tl.load(y + places, mask=places < vocab, other=float("-inf"))
        total += tl.where(value > wanted, tl.exp(value - top), 0.0)
    return tl.sum(total, 0)


@triton.jit
def _mass_from(y, top, part, vocab, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    """The mass of all ids with at least this part of the likeliest one's."""
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, vocab, BLOCK):
        places = start + tl.arange(0, BLOCK)
        weight = tl.exp(tl.load(y + places, mask=places < vocab, other=float("-inf")) - top)
        total += tl.where(weight >= part, weight, 0.0)
    return tl.sum(total, 0)


@dataclass(slots=True)
class SampleState:
    """What the kernels read beside logits, on the device.

    allowed: int32 (1 + M, ceil(V / 32)), a bit an id; line 0 holds for every row, the others are grammars'.
    seen: int16 (S, V), one line for each sequence with penalties: twice the number of times an id is in the
    output, plus one where it is in the prompt. bias_ids, extra: int32 (R, n), biases: float32 (R, n); see
    NUM_BIASES and NUM_EXTRA.
    """

    allowed: torch.Tensor
    seen: torch.Tensor
    bias_ids: torch.Tensor
    biases: torch.Tensor
    extra: torch.Tensor


def sample_rows(
    logits: torch.Tensor,
    table: torch.Tensor,
    state: SampleState,
    *,
    max_logit: float = 1e30,
    chunk: int = 8192,
    block: int = 4096,
    cap: int = 1024,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids int64 (R,) of logits float32 (R, V), and the model's own log-probabilities of them, float32 (R,),
    before penalties and temperature. NOT_FINITE or NOTHING_LEFT stands in place of an id where a row has NaN
    or a logit of max_logit or more, or where every id is ruled out.

    table: float64 (R, COLUMNS). chunk, block, cap: powers of two; ids of one program of the first kernel, of
    one step of its loop, and candidates that are compared with each other.
    """
    rows, vocab = logits.shape
    splits = triton.cdiv(vocab, chunk)
    like = logits.new_empty
    scaled = torch.empty_like(logits)
    best, mass, raw_best, raw_mass = (like(rows, splits) for _ in range(4))
    best_id = like(rows, splits, dtype=torch.int32)
    values, ids = like(rows, cap), like(rows, cap, dtype=torch.int32)
    count = like(rows, dtype=torch.int32)
    out, chances = like(rows, dtype=torch.int64), like(rows)
    more = early(logits.device)
    _prepare[(rows, splits)](
        logits, table, state.allowed, state.seen, state.bias_ids, state.biases, state.extra, scaled, best,
        best_id, mass, raw_best, raw_mass, vocab, state.allowed.shape[1], state.bias_ids.shape[1],
        state.extra.shape[1], splits, COLUMNS=COLUMNS, CHUNK=chunk, BLOCK=block, num_warps=8, **more,
    )  # fmt: skip
    _draw[(rows,)](
        logits, table, state.seen, scaled, best, best_id, mass, raw_best, raw_mass, values, ids, count,
        out, chances, vocab, splits, COLUMNS=COLUMNS, SPLITS=triton.next_power_of_2(splits), CHUNK=chunk,
        BLOCK=block, CAP=cap, MAX_LOGIT=max_logit, num_warps=16, **more,
    )  # fmt: skip
    return out, chances

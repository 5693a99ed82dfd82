"""The effect of more samples and of longer thinking, from the stored samples of one run.

Enters: a scored run folder with several epochs and, optionally, a reward model. Leaves: tables of pass@k,
maj@k, best-of-k and of accuracy by thinking tokens. Always holds: nothing is generated; each number is the
mean over all ways to draw k of a question's samples (exactly, or over fixed draws where there are too many),
and its interval is that of the questions.

    pass@k     one of k is right (unbiased, Chen et al. 2021)
    maj@k      the answer that most of k give is right; ties are split among the tied
    best-of-k  the sample of k that the reward model likes best is right
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from r1v.core import Message
from r1v.eval.diff import read_verdicts
from r1v.eval.item import Item, Json
from r1v.eval.statistics import Mean, clustered_mean, pass_at_k
from r1v.eval.store import RunError, RunFolder
from r1v.eval.views.tables import TextTable, share
from r1v.scoring.compare import compare

BATCH = 16  # conversations that a reward model gets at a time
MAX_DRAWS = 300  # the most ways to choose k samples that are all counted; of more, some are drawn
# each budget is chosen so that this share of the samples thinks within it
BUDGETS = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)

# conversations -> rewards; NaN for a conversation that could not be scored
Rewarder = Callable[[Sequence[Sequence[Message]]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class VotingSample:
    """One sample of a question. answer: the answer that was read, None if there is none. reward: None if
    there is none."""

    right: bool
    answer: str | None
    thinking_tokens: int
    reward: float | None = None


def drawn_samples(
    folder: RunFolder, task: str, rewarder: Rewarder | None = None
) -> dict[str, list[VotingSample]]:
    """A benchmark's samples by question, without those on which a judge failed. Raises RunError."""
    verdicts = [one for one in read_verdicts(folder.path) if one["task"] == task and one["score"] is not None]
    rewards = _rewards(folder, task, verdicts, rewarder) if rewarder is not None else {}
    found: dict[str, list[VotingSample]] = {}
    for one in verdicts:
        found.setdefault(one["id"], []).append(
            VotingSample(
                one["score"] >= 1,
                one["extracted"],
                int(one["thinking_tokens"]),
                rewards.get((one["id"], one["epoch"])),
            )
        )
    return found


def _rewards(
    folder: RunFolder, task: str, verdicts: Sequence[Json], rewarder: Rewarder
) -> dict[tuple[str, int], float | None]:
    """The reward of each sample's answer to its question; pictures are shown to the reward model too."""
    items = {item.id: item for item in folder.items(task)}
    samples = folder.samples()
    keys = [(one["id"], one["epoch"]) for one in verdicts]
    talks = [
        [*items[id].messages, Message("assistant", (samples[task, id, epoch].output.answer,))]
        for id, epoch in keys
    ]
    rewards: list[float] = []
    for start in range(0, len(talks), BATCH):
        rewards += rewarder(talks[start : start + BATCH])
    return {key: None if math.isnan(value) else value for key, value in zip(keys, rewards, strict=True)}


def same_answers(samples: Sequence[VotingSample], item: Item) -> list[int | None]:
    """For each sample the number of its group of equal answers; None if no answer was read. Letters are
    compared as they are, other answers by the scorer."""
    groups: list[str] = []
    found: list[int | None] = []
    for sample in samples:
        if sample.answer is None:
            found.append(None)
            continue
        place = next(
            (
                number
                for number, known in enumerate(groups)
                if known == sample.answer or (not item.options and compare(sample.answer, known).equal)
            ),
            len(groups),
        )
        if place == len(groups):
            groups.append(sample.answer)
        found.append(place)
    return found


def majority(rights: Sequence[bool], groups: Sequence[int | None], k: int) -> float:
    """maj@k of one question: the chance that the most frequent answer among k of its samples is right. If no
    answer was read in any of them, the vote is wrong; tied answers share the vote."""
    total = 0.0
    draws = list(subsets(len(rights), k))
    for chosen in draws:
        counts: dict[int, int] = {}
        for index in chosen:
            group = groups[index]
            if group is not None:
                counts[group] = counts.get(group, 0) + 1
        if not counts:
            continue
        best = [group for group, count in counts.items() if count == max(counts.values())]
        wins = [any(rights[index] and groups[index] == group for index in chosen) for group in best]
        total += sum(wins) / len(wins)
    return total / len(draws)


def subsets(count: int, k: int) -> list[tuple[int, ...]]:
    """All ways to choose k of count, or MAX_DRAWS of them, always the same ones."""
    if math.comb(count, k) <= MAX_DRAWS:
        return list(itertools.combinations(range(count), k))
    random = Random(f"subsets {count} {k}")
    return [tuple(sorted(random.sample(range(count), k))) for _ in range(MAX_DRAWS)]


def best_of(rights: Sequence[bool], rewards: Sequence[float | None], k: int) -> float:
    """best-of-k of one question: the chance that the best rewarded of k samples is right. A sample without a
    reward comes last; samples with equal rewards share."""
    values = [-math.inf if reward is None else reward for reward in rewards]
    count, total = len(values), 0.0
    for level in set(values):
        here = [index for index, value in enumerate(values) if value == level]
        below = sum(value < level for value in values)
        # the best of k has this reward: all k have it or a lower one, and not all have a lower one
        chance = (math.comb(below + len(here), k) - math.comb(below, k)) / math.comb(count, k)
        total += chance * sum(rights[index] for index in here) / len(here)
    return total


def scaling_table(
    task: str, samples: Mapping[str, Sequence[VotingSample]], items: Mapping[str, Item], rewarded: bool
) -> TextTable:
    """pass@k, maj@k and best-of-k for k = 1, 2, 4, … and all. Raises RunError where a question has one
    sample."""
    most = max((len(one) for one in samples.values()), default=0)
    whole = {id: one for id, one in samples.items() if len(one) == most}
    if most < 2:
        raise RunError(f"{task} has one sample of each question; run it with --epochs K for curves")
    groups = {id: same_answers(one, items[id]) for id, one in whole.items()}
    rows = []
    for k in [2**power for power in range(most.bit_length()) if 2**power < most] + [most]:
        cells = [
            _mean({id: pass_at_k(most, sum(s.right for s in one), k) for id, one in whole.items()}),
            _mean({id: majority([s.right for s in one], groups[id], k) for id, one in whole.items()}),
        ]
        if rewarded:
            cells.append(
                _mean(
                    {
                        id: best_of([s.right for s in one], [s.reward for s in one], k)
                        for id, one in whole.items()
                    }
                )
            )
        rows.append((str(k), *(share(one.value, one.low, one.high) for one in cells)))
    left_out = len(samples) - len(whole)
    notes = [f"{len(whole)} questions with {most} samples each; in brackets the 95% interval over questions."]
    if left_out:
        notes.append(f"{left_out} questions with fewer samples are left out.")
    head = ("k", "pass@k", "maj@k", *(("best-of-k",) if rewarded else ()))
    return TextTable(f"{task}: more samples", head, tuple(rows), tuple(notes))


def _mean(by_question: Mapping[str, float]) -> Mean:
    found = clustered_mean({id: [value] for id, value in by_question.items()})
    assert found is not None
    return found


def budget_table(task: str, samples: Mapping[str, Sequence[VotingSample]]) -> TextTable:
    """Accuracy by a limit on thinking: a sample whose thinking is longer counts as not right. This is the
    accuracy of a limit that does not force an answer; a limit that forces one gives at least as much."""
    lengths = sorted(sample.thinking_tokens for one in samples.values() for sample in one)
    rows = []
    for limit in dict.fromkeys(lengths[max(0, math.ceil(part * len(lengths)) - 1)] for part in BUDGETS):
        mean = clustered_mean(
            {
                id: [float(sample.right and sample.thinking_tokens <= limit) for sample in one]
                for id, one in samples.items()
            }
        )
        assert mean is not None
        within = sum(length <= limit for length in lengths) / len(lengths)
        rows.append((str(limit), share(within), share(mean.value, mean.low, mean.high)))
    notes = ("A sample that thinks longer counts as not right. For answers forced at a limit, run again with "
             "--thinking-budget and give both runs.",)  # fmt: skip
    return TextTable(
        f"{task}: longer thinking", ("at most thinking tokens", "samples within", "right"), tuple(rows), notes
    )


def forced_table(runs: Sequence[RunFolder], task: str) -> TextTable:
    """Accuracy of several runs with different thinking budgets, by the mean of their thinking tokens."""
    rows = []
    for folder in runs:
        scores = folder.read_json("scores.json")["tasks"][task]
        sampling = folder.read_json("manifest.json")["identity"]["model"]["sampling"]
        budget = sampling.get("thinking_budget")
        mean = scores["tokens"].get("thinking_mean", 0.0)
        shown = "none" if budget in (None, -1) else str(budget)
        rows.append((mean, (shown, f"{mean:.0f}", share(scores["score"], scores["low"], scores["high"]))))
    ordered = tuple(row for _, row in sorted(rows, key=lambda row: row[0]))
    return TextTable(f"{task}: forced budgets", ("thinking budget", "mean thinking tokens", "score"), ordered)


def scaling_tables(paths: Sequence[RunFolder], rewarder: Rewarder | None = None) -> list[TextTable]:
    """All curves of the first run's benchmarks and, for several runs, a table by their thinking budgets.
    Raises RunError."""
    first = paths[0]
    tables = []
    for task in first.read_json("scores.json")["tasks"]:
        samples = drawn_samples(first, task, rewarder)
        if not samples:
            continue
        items = {item.id: item for item in first.items(task)}
        if max(len(one) for one in samples.values()) > 1:
            tables.append(scaling_table(task, samples, items, rewarder is not None))
        tables.append(budget_table(task, samples))
        among = [run for run in paths if task in run.read_json("scores.json")["tasks"]]
        if len(among) > 1:
            tables.append(forced_table(among, task))
    if not tables:
        raise RunError(f"{first.path} has no scored samples; score it first: r1v eval score {first.path}")
    return tables

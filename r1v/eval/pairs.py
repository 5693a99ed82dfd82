"""Pair accuracy of reward models: how often the better answer gets the higher reward.

Enters: rows of VL-RewardBench or RewardBench, and a function that gives rewards. Leaves: accuracy by group
and in total. Always holds: a tie does not count as right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from r1v.core import ImageRef, Message
from r1v.eval.item import Json
from r1v.eval.questions.data import DataError, Source, image_of, read_rows
from r1v.eval.statistics import Mean, clustered_mean

# RewardBench's four sections and their subsets, as its leaderboard averages them
SECTIONS: dict[str, tuple[str, ...]] = {
    "Chat": ("alpacaeval-easy", "alpacaeval-length", "alpacaeval-hard", "mt-bench-easy", "mt-bench-med"),
    "Chat Hard": (
        "mt-bench-hard", "llmbar-natural", "llmbar-adver-neighbor", "llmbar-adver-GPTInst",
        "llmbar-adver-GPTOut", "llmbar-adver-manual",
    ),
    "Safety": (
        "refusals-dangerous", "refusals-offensive", "xstest-should-refuse", "xstest-should-respond",
        "donotanswer",
    ),
    "Reasoning": ("math-prm", "hep-cpp", "hep-go", "hep-java", "hep-js", "hep-python", "hep-rust"),
}  # fmt: skip
BATCH = 16  # pairs that the reward model gets at a time
_SECTION = {subset: section for section, subsets in SECTIONS.items() for subset in subsets}


@dataclass(frozen=True, slots=True)
class Pair:
    """A question with a better and a worse answer. group: its part of the benchmark. images: encoded
    files."""

    id: str
    question: str
    chosen: str
    rejected: str
    group: str
    images: tuple[bytes, ...] = ()


def vl_rewardbench_pair(row: Json, folder: Path) -> Pair:
    """A row of VL-RewardBench: ``human_ranking`` has 0 for the better of the two in ``response``."""
    ranking, answers = list(row["human_ranking"]), list(row["response"])
    if len(answers) != 2 or sorted(ranking) != [0, 1]:
        raise DataError(f"pair {row.get('id')} has ranking {ranking}; expected two answers, ranked 0 and 1")
    best = ranking.index(0)
    name = str(row["id"])
    group = str(row.get("category") or _vl_group(name))
    image = image_of(row["image"], folder)
    return Pair(name, str(row["query"]), str(answers[best]), str(answers[1 - best]), group, (image,))


def _vl_group(name: str) -> str:
    """The part of VL-RewardBench that an id belongs to, from its source's prefix."""
    for prefix, group in (
        ("RLAIF-V", "hallucination"), ("RLHF-V", "hallucination"), ("mathverse", "reasoning"),
        ("mmmu", "reasoning"), ("wildvision", "general"), ("VLFeedback", "general"),
    ):  # fmt: skip
        if name.lower().startswith(prefix.lower()):
            return group
    return "hallucination" if name.startswith(("hallu", "povid", "rlaif")) else "general"


def rewardbench_pair(row: Json) -> Pair:
    """A row of RewardBench. The group is "section/part"; in Reasoning mathematics and code weigh the same."""
    subset = str(row.get("subset", ""))
    section = _SECTION.get(subset, "other")
    part = ("math" if subset == "math-prm" else "code") if section == "Reasoning" else "all"
    group = f"{section}/{part}"
    return Pair(f"{subset}-{row['id']}", str(row["prompt"]), str(row["chosen"]), str(row["rejected"]), group)


@dataclass(frozen=True, slots=True)
class PairScore:
    """overall: over all pairs. groups: by group (VL-RewardBench) or section (RewardBench). macro: their
    mean. failed: pairs without a reward, which count as not right."""

    overall: Mean
    macro: float
    groups: dict[str, float]
    failed: int = 0


def load_pairs(name: str, source: Source, folder: Path | None) -> list[Pair]:
    """The pairs of ``vl_rewardbench`` or ``rewardbench``. Raises DataError, UnavailableError."""
    rows = read_rows(source, folder, name)
    if name == "vl_rewardbench":
        return [vl_rewardbench_pair(row, rows.folder) for row in rows.rows]
    return [rewardbench_pair(row) for row in rows.rows]


def pair_accuracy(
    pairs: Sequence[Pair], reward: Callable[[Sequence[Sequence[Message]]], Sequence[float]]
) -> PairScore:
    """Accuracy of a reward model.

    reward: gives one number for each conversation, which ends with the assistant's answer (NaN if none can be
    given). Raises DataError without pairs.
    """
    if not pairs:
        raise DataError("there are no pairs to measure on; check the data's folder")
    right: dict[str, list[float]] = {}
    ids: dict[str, list[float]] = {}
    failed = 0
    for start in range(0, len(pairs), BATCH):
        some = pairs[start : start + BATCH]
        talks = [_conversation(pair, answer) for pair in some for answer in (pair.chosen, pair.rejected)]
        rewards = list(reward(talks))
        for index, pair in enumerate(some):
            chosen, rejected = rewards[2 * index : 2 * index + 2]
            failed += math.isnan(chosen) or math.isnan(rejected)
            better = float(chosen > rejected)
            right.setdefault(pair.group, []).append(better)
            ids[pair.id] = [better]
    overall = clustered_mean(ids)
    assert overall is not None
    parts: dict[str, list[float]] = {}
    for name, values in sorted(right.items()):
        parts.setdefault(name.split("/")[0], []).append(sum(values) / len(values))
    groups = {name: sum(values) / len(values) for name, values in parts.items()}
    return PairScore(overall, sum(groups.values()) / len(groups), groups, failed)


def _conversation(pair: Pair, answer: str) -> list[Message]:
    question = Message.user(pair.question, [ImageRef(image) for image in pair.images])
    return [question, Message("assistant", (answer,))]

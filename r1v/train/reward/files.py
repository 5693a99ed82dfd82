"""A reward model over files of replies and of pairs.

Enters: JSONL. Leaves: JSONL with scores, or the cleaned pairs. Always holds: rows keep their order; a bad row
is named and never scored.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from r1v.core import Message, R1VError
from r1v.llm import LLM
from r1v.prompt import Processor
from r1v.train.core.compute import Compute
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import AnswerKey, Example, ExampleSource, JsonlSource
from r1v.train.data.pairs import Cleaned, PairFile, PreferencePair, Reply, clean, encode_reply, write_pairs
from r1v.train.data.rows import parse_line, read_lines
from r1v.train.reward.model import RewardScorer, reward_folder

BATCH = 256  # rows encoded at a time


def score_replies(model: str, file: str, out: str, device: str) -> tuple[int, list[str]]:
    """Write each row with ``reward`` and ``score``; returns how many, and the bad ones by name."""
    source = JsonlSource(file, chains=False, key="FILE")
    processor = Processor.from_folder(reward_folder(model))
    scorer = RewardScorer.open(model, Compute.open(device, True))
    lines = read_lines(Path(file), "FILE")
    numbered = sorted((row for rows in source.rows.values() for row in rows), key=lambda row: row[0])
    bad, scored = list(source.bad), 0
    with Path(out).open("w", encoding="utf-8") as target:
        for start in range(0, len(numbered), BATCH):
            kept, rows = [], []
            for number, example in numbered[start : start + BATCH]:
                try:
                    reply = Reply(example.thinking, example.answer)
                    rows.append(encode_reply(processor, example, reply))
                    kept.append(number)
                except R1VError as error:
                    bad.append(f"{source.path.name}:{number}: {error}")
            for number, score in zip(kept, scorer.score(rows), strict=True):
                if not math.isfinite(score):
                    bad.append(f"{source.path.name}:{number}: the score is {score}")
                    continue
                values = parse_line(lines[number - 1])
                values |= {"reward": score, "score": scorer.calibration.integer(score)}
                target.write(json.dumps(values, ensure_ascii=False) + "\n")
                scored += 1
    return scored, bad


def score_rows(
    model: str, source: ExampleSource, plan: Sequence[PlannedSample], compute: Compute
) -> tuple[list[Example], list[float], list[str]]:
    """The planned rows of a source that have a finite score, their raw scores, and the bad ones by name."""
    processor = Processor.from_folder(reward_folder(model))
    scorer = RewardScorer.open(model, compute)
    examples, scores, bad = list[Example](), list[float](), list[str]()
    for start in range(0, len(plan), BATCH):
        made, rows = [], []
        for one in plan[start : start + BATCH]:
            try:
                example = source.example(one.family, one.index, one.variation)
                rows.append(encode_reply(processor, example, Reply(example.thinking, example.answer)))
                made.append((one, example))
            except R1VError as error:
                bad.append(f"{one.family} {one.index}: {error}")
        for (one, example), score in zip(made, scorer.score(rows), strict=True):
            if math.isfinite(score):
                examples.append(example)
                scores.append(score)
            else:
                bad.append(f"{one.family} {one.index}: the score is {score}")
    return examples, scores, bad


def conversation_scorer(model: str, device: str) -> Callable[[Sequence[Sequence[Message]]], list[float]]:
    """Rewards of conversations that end with a question and the assistant's answer; NaN for one that does not
    fit in the context or has an image that cannot be opened."""
    processor = Processor.from_folder(reward_folder(model))
    scorer = RewardScorer.open(model, Compute.open(device, True))

    def rewards(talks: Sequence[Sequence[Message]]) -> list[float]:
        rows, places = [], []
        for place, talk in enumerate(talks):
            question, answer = talk[-2], talk[-1]
            example = Example(tuple(question.images), question.text, "", "", AnswerKey(""))
            try:
                rows.append(encode_reply(processor, example, Reply("", answer.text)))
                places.append(place)
            except R1VError:
                continue
        scores = dict(zip(places, scorer.score(rows), strict=True)) if rows else {}
        return [scores.get(place, math.nan) for place in range(len(talks))]

    return rewards


def clean_pairs(
    model: str, file: str, out: str, device: str, *, low: float, margin: float, ambiguous: float,
    generator: str | None = None,
) -> Cleaned:  # fmt: skip
    """Clean a file of pairs with a surrogate reward model; generator: writes weak choices anew."""
    pairs = PairFile.read(file, "FILE").pairs
    processor = Processor.from_folder(reward_folder(model))
    scorer = RewardScorer.open(model, Compute.open(device, True))

    def score(rows: Sequence[tuple[PreferencePair, Reply]]) -> list[float]:
        found: list[float] = []
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            found += scorer.score([encode_reply(processor, pair.example(), reply) for pair, reply in part])
        return found

    llm = LLM(generator, device=device) if generator else None
    try:
        regenerate = None if llm is None else regenerator(llm)
        kept, counts = clean(pairs, score, low=low, margin=margin, ambiguous=ambiguous, regenerate=regenerate)
    finally:
        if llm is not None:
            llm.close()
    write_pairs(out, kept)
    return counts


def regenerator(llm: LLM) -> Callable[[PreferencePair], Reply]:
    """Writes a new reply to a pair's question."""

    def write(pair: PreferencePair) -> Reply:
        found = llm.chat(pair.example().messages())
        return Reply(found.thinking.strip("\n"), found.answer.strip())

    return write

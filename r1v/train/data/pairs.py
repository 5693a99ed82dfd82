"""Pairs of a better and a worse reply to one question: how they are stored, made and cleaned.

Enters: JSONL rows, or sampled groups. Leaves: pairs. Always holds: a pair's replies differ; a bad row is
counted and named, never replaced.

A row has ``question`` and ``images`` (paths beside the file, or data URLs), or ``figure`` (``family``,
``index``, ``variation``), and ``chosen`` and ``rejected``, each with ``thinking``, ``answer`` and, where the
reply was cut off, ``finished: false``; optionally ``gap``, the difference of their scores.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from r1v.core import ConfigError, FinishReason, ImageRef
from r1v.prompt import Processor, open_image
from r1v.train.data.batches import Encoded
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import AnswerKey, Example, FigureSource
from r1v.train.data.pictures import refuse_unread
from r1v.train.data.rows import (
    IMAGES,
    QUESTION,
    beside,
    check_files,
    image_sources,
    no_row,
    parse_line,
    read_lines,
    text,
)
from r1v.train.rollout.sampler import Response

_READ = {*QUESTION, *IMAGES, "figure", "chosen", "rejected", "gap"}


@dataclass(frozen=True)
class Reply:
    """What a model wrote. finished: whether it ended its turn."""

    thinking: str
    answer: str
    finished: bool = True

    @property
    def empty(self) -> bool:
        """Whether nothing but white space was written."""
        return not self.thinking.strip() and not self.answer.strip()

    @classmethod
    def of(cls, response: Response) -> Reply:
        """A sampled response as text."""
        finished = response.finish_reason is FinishReason.STOP
        return cls(response.thinking.strip("\n"), response.answer.strip(), finished)


@dataclass(frozen=True)
class PreferencePair:
    """figure: the origin of a generated question, which stores no images of its own."""

    question: str
    images: tuple[ImageRef, ...]
    chosen: Reply
    rejected: Reply
    gap: float | None = None
    figure: PlannedSample | None = None

    def example(self) -> Example:
        """The question. The picture of a figure is drawn again."""
        if self.figure is not None:
            source = FigureSource((self.figure.family,))
            return source.example(self.figure.family, self.figure.index, self.figure.variation)
        return Example(self.images, self.question, "", "", AnswerKey(""))


@dataclass(frozen=True)
class PairFile:
    """Usable pairs of a file, and what is wrong with the others."""

    pairs: list[PreferencePair]
    bad: list[str]

    @classmethod
    def read(cls, path: str | Path, key: str = "pairs") -> PairFile:
        """key: what names the file. ConfigError: it cannot be read, or has no usable row."""
        path, pairs, bad = Path(path), [], []
        lines = read_lines(path, key)
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                pairs.append(_parse(parse_line(line), path.parent))
            except ValueError as error:
                bad.append(f"{path.name}:{number}: {error}")
        if not pairs:
            raise no_row(path, key, bad, lines)
        return cls(pairs, bad)


def _parse(row: dict[str, Any], folder: Path) -> PreferencePair:
    chosen, rejected = _reply(row, "chosen"), _reply(row, "rejected")
    if chosen == rejected:
        raise ValueError("chosen and rejected are the same")
    figure = None if row.get("figure") is None else _figure(row["figure"])
    gap = row.get("gap")
    if gap is not None and (isinstance(gap, bool) or not isinstance(gap, int | float)):
        raise ValueError(f"gap is {gap!r}; it must be a number")
    question = "" if figure else text(row, *QUESTION)
    sources = image_sources(row)
    refuse_unread({key: one for key, one in row.items() if key not in _READ}, sources, folder)
    images = beside(sources, folder)
    check_files(images)
    return PreferencePair(question, images, chosen, rejected, gap, figure)


def _figure(named: Any) -> PlannedSample:
    """The generated question of a pair."""
    wanted = {"family": str, "index": int, "variation": int | float}
    if not isinstance(named, dict) or not all(isinstance(named.get(k), v) for k, v in wanted.items()):
        raise ValueError(f"figure is {named!r}; it needs family (text), index and variation (numbers)")
    return PlannedSample(named["family"], named["index"], float(named["variation"]))


def _reply(row: dict[str, Any], name: str) -> Reply:
    given = row.get(name)
    if not isinstance(given, dict):
        raise ValueError(f"{name} is not an object with thinking and answer")
    finished = given.get("finished")
    if finished is not None and not isinstance(finished, bool):
        raise ValueError(f"finished of {name} is {finished!r}; it must be true or false")
    reply = Reply(
        text(given, "thinking", needed=False, empty=True) or "",
        text(given, "answer", needed=False, empty=True) or "",
        finished is not False,
    )
    if reply.empty:
        raise ValueError(f"{name} is empty")
    return reply


def write_pairs(path: str | Path, pairs: Iterable[PreferencePair]) -> None:
    """Images must be paths or data URLs; those under the file's folder are written relative to it."""
    path = Path(path)
    path.write_text("".join(pair_line(pair, path.parent) + "\n" for pair in pairs), encoding="utf-8")


def pair_line(pair: PreferencePair, folder: Path) -> str:
    """A pair as one line of a file in the folder. Pictures that are no files are saved beside it."""
    row: dict[str, Any] = {"chosen": asdict(pair.chosen), "rejected": asdict(pair.rejected)}
    if pair.gap is not None:
        row["gap"] = pair.gap
    if pair.figure is not None:
        row["figure"] = {k: getattr(pair.figure, k) for k in ("family", "index", "variation")}
    else:
        row |= {"question": pair.question, "images": [image_name(r, folder) for r in pair.images]}
    return json.dumps(row, ensure_ascii=False)


def image_name(ref: ImageRef, folder: Path, *, absolute: bool = False) -> str:
    """How a row of a file in the folder names a picture: a data URL, a path, or, for one that is no file, a
    PNG that is saved under ``images`` and named by its content. absolute: paths from the root."""
    source = ref.source
    if isinstance(source, str) and source.startswith("data:"):
        return source
    if isinstance(source, str | Path):
        path = Path(source)
        if path.is_relative_to(folder) and not absolute:
            return str(path.relative_to(folder))
        return str(path.resolve())
    picture = open_image(ref)
    name = hashlib.sha256(picture.tobytes() + str(picture.size).encode()).hexdigest()[:24] + ".png"
    (folder / "images").mkdir(exist_ok=True)
    if not (folder / "images" / name).exists():
        picture.save(folder / "images" / name)
    return str((folder / "images" / name).resolve()) if absolute else f"images/{name}"


def encode_replies(processor: Processor, example: Example, replies: Sequence[Reply]) -> list[Encoded]:
    """A question with each of some replies as one row; the rows share their tiles.

    ConfigError: one is longer than the context.
    """
    prompt, rows = processor.encode(example.messages()), []
    for reply in replies:
        ids = processor.encode_completion(reply.thinking, reply.answer, opened=prompt.opens_thinking)
        if not reply.finished:
            ids = ids[:-1] if reply.answer else processor.encode_text(reply.thinking)
        whole = np.asarray([*prompt.token_ids, *ids], np.int32)
        if len(whole) > processor.context_length:
            raise ConfigError(
                f"a reply has {len(whole)} tokens; the context holds {processor.context_length}"
            )
        rows.append(Encoded(whole, len(prompt.token_ids), prompt.tiles))
    return rows


def question_of(pair: PreferencePair) -> str:
    """The identity of a pair's question: its text and images, or its figure."""
    if pair.figure is not None:
        return f"{pair.figure.family} {pair.figure.index} {pair.figure.variation}"
    return " ".join([pair.question, *(str(image.source)[:200] for image in pair.images)])


def encode_reply(processor: Processor, example: Example, reply: Reply) -> Encoded:
    """One reply's row."""
    return encode_replies(processor, example, [reply])[0]


def encode_pair(processor: Processor, pair: PreferencePair) -> list[Encoded]:
    """The rows of a pair, chosen and rejected."""
    return encode_replies(processor, pair.example(), [pair.chosen, pair.rejected])


# -------------------------------------------------------------------------------------------------- making


def choose_pairs(
    scores: Sequence[float], eligible: Sequence[bool], threshold: float, limit: int
) -> list[tuple[int, int, float]]:
    """(chosen, rejected, gap) of one group: the best eligible replies with the worst of all, in this order.

    eligible: replies that keep the rules (right, well formed, no contradiction); only those are chosen, and
    an eligible one is rejected for its score alone. A pair is kept when its gap reaches the threshold; each
    reply is in one pair at most, one whose score is NaN or infinite in none. Source: R1V2 report, section
    3.2, with the threshold of its study.
    """
    finite = [i for i in range(len(scores)) if np.isfinite(scores[i])]
    best = sorted((i for i in finite if eligible[i]), key=lambda i: -scores[i])
    worst = sorted(finite, key=lambda i: scores[i])
    pairs: list[tuple[int, int, float]] = []
    used: set[int] = set()
    for chosen in best:
        rejected = next((i for i in worst if i not in used and i != chosen), None)
        if len(pairs) >= limit or rejected is None or chosen in used:
            break
        gap = scores[chosen] - scores[rejected]
        if gap <= 0 or gap < threshold:
            break
        pairs.append((chosen, rejected, gap))
        used |= {chosen, rejected}
    return pairs


# ------------------------------------------------------------------------------------------------ cleaning


def deduplicate(pairs: Sequence[PreferencePair]) -> list[PreferencePair]:
    """Keep one of several pairs with the same question, images and replies; spacing and case do not
    matter."""

    def key(pair: PreferencePair) -> tuple[str, ...]:
        replies = (r.thinking + r.answer for r in (pair.chosen, pair.rejected))
        texts = (" ".join(text.casefold().split()) for text in (pair.question, *replies))
        return (*texts, *map(str, pair.images), str(pair.figure))

    return list({key(pair): pair for pair in reversed(pairs)}.values())[::-1]


@dataclass(frozen=True)
class Cleaned:
    """How many pairs were kept, dropped or changed."""

    kept: int
    duplicates: int
    ambiguous: int
    regenerated: int
    dropped: int


def clean(
    pairs: Sequence[PreferencePair],
    score: Callable[[Sequence[tuple[PreferencePair, Reply]]], list[float]],
    *,
    low: float,
    margin: float,
    ambiguous: float,
    regenerate: Callable[[PreferencePair], Reply | None] | None = None,
) -> tuple[list[PreferencePair], Cleaned]:
    """Deduplicate, drop pairs that a surrogate reward model ranks the other way round by ``ambiguous`` or
    more, and write anew the chosen replies that it scores below ``low`` or less than ``margin`` above the
    rejected one (dropped where no better reply comes). Source: Skywork-VL Reward report, data cleaning.
    """
    unique = deduplicate(pairs)
    scores = score([(pair, reply) for pair in unique for reply in (pair.chosen, pair.rejected)])
    kept: list[PreferencePair] = []
    counts = {"ambiguous": 0, "regenerated": 0, "dropped": 0}
    for pair, chosen, rejected in zip(unique, scores[::2], scores[1::2], strict=True):
        if rejected - chosen >= ambiguous:
            counts["ambiguous"] += 1
            continue
        if chosen >= low and chosen - rejected >= margin:
            kept.append(replace(pair, gap=chosen - rejected))
            continue
        better = None if regenerate is None else regenerate(pair)
        found = -np.inf if better is None or better == pair.rejected else score([(pair, better)])[0]
        if better is not None and found >= low and found - rejected >= margin:
            kept.append(replace(pair, chosen=better, gap=float(found - rejected)))
            counts["regenerated"] += 1
        else:
            counts["dropped"] += 1
    return kept, Cleaned(len(kept), len(pairs) - len(unique), **counts)

"""From questions to batches: sources of examples, their encoding, and worker processes that prepare them
ahead.

Enters: planned samples (which one, how varied). Leaves: ``Batch`` objects in plan order, whatever the number
of workers. Always holds: the prompt is the one that inference makes; a bad row is counted and named, never
replaced by another.
"""

from __future__ import annotations

import mmap
import multiprocessing
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Protocol

import numpy as np
import torch

from r1v import figures
from r1v.core import ConfigError, ImageRef, Message, R1VError
from r1v.figures import Difficulty
from r1v.prompt import Processor
from r1v.scoring import AnswerKind, extract_boxed
from r1v.train.core.distributed import ONE_PROCESS
from r1v.train.data.batches import Batch, Encoded, Split, collate, pack
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.order import shuffled
from r1v.train.data.rows import CHAIN, DataRow, beside, check_files, no_row, parse_line, read_lines, read_row
from r1v.train.data.texts import blank, check_agrees
from r1v.train.data.workers import start_worker

ANSWER_KINDS: tuple[AnswerKind, ...] = ("math", "number", "string", "choice", "time", "formula")
CHUNK = 8  # samples a worker makes at a time


@dataclass(frozen=True)
class AnswerKey:
    """The bare right answer, and how to compare with it. tolerance: absolute, for numbers. refusal: where
    there is no answer, whether the right reply says that it cannot be given; None leaves it open."""

    answer: str
    kind: AnswerKind = "math"
    tolerance: float = 0.0
    refusal: bool | None = None


@dataclass(frozen=True)
class Earlier:
    """A turn before the question: pictures, what was asked, and the answer as the template keeps it, without
    its thinking."""

    images: tuple[ImageRef, ...]
    question: str
    answer: str


@dataclass(frozen=True)
class Example:
    """One question with the chain and the answer to learn, and the key that a sampled answer is held against.

    facts: what the pictures show, by name, if that is known. difficulty: if it is known. columns: other
    values of the row, for reward functions. earlier: the turns before it. answerable: False if the right
    reply is that the question cannot be answered; the key is then empty. origin: the file and line of its
    row, where it has one. direct: it is always answered without thinking.
    """

    images: tuple[ImageRef, ...]
    question: str
    thinking: str
    answer: str
    key: AnswerKey
    facts: Mapping[str, str] = field(default_factory=dict)
    difficulty: Difficulty | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)
    earlier: tuple[Earlier, ...] = ()
    answerable: bool = True
    origin: str = ""
    direct: bool = False

    def messages(self) -> list[Message]:
        """The conversation that asks the question, each turn's images first."""
        before = [
            message
            for turn in self.earlier
            for message in (Message.user(turn.question, turn.images), Message("assistant", (turn.answer,)))
        ]
        return [*before, Message.user(self.question, self.images)]

    @property
    def all_images(self) -> tuple[ImageRef, ...]:
        """The images of the earlier turns, then those of the question."""
        return (*(image for turn in self.earlier for image in turn.images), *self.images)

    def without_images(self) -> Example:
        """The same example without its pictures, for uses that need only its texts."""
        earlier = tuple(replace(turn, images=()) for turn in self.earlier)
        return replace(self, images=(), earlier=earlier)


class ExampleSource(Protocol):
    """Where examples come from; must be picklable and deterministic."""

    @property
    def families(self) -> tuple[str, ...]:
        """The names that examples are grouped by."""

    def max_images(self, family: str) -> int:
        """The most images an example of the family has."""

    def pick(self, number: int, seed: str) -> tuple[str, int]:
        """The family and index of the number-th sample of a run. Every row comes once before any comes again;
        if families are drawn at random, the seed decides."""

    def example(self, family: str, index: int, variation: float) -> Example:
        """The index-th training example; raises R1VError for a bad one."""


@dataclass(frozen=True)
class FigureSource:
    """Generated figures, without limit. heldout: draw from the held-out seeds and templates instead.
    open_names: share of the pictures whose names do not come from the families' lists."""

    families: tuple[str, ...]
    heldout: bool = False
    difficulty: Difficulty | None = None
    open_names: float = 0.0

    def max_images(self, family: str) -> int:
        """As the family says."""
        return figures.family(family).num_images

    def pick(self, number: int, seed: str) -> tuple[str, int]:
        """A family at random; figures have no end."""
        return Random(seed).choice(self.families), number

    def example(self, family: str, index: int, variation: float) -> Example:
        """The figure of the index-th seed of the split."""
        seed = index * 8 + 7 if self.heldout else index // 7 * 8 + index % 7
        item = figures.make(
            family, seed, variation=variation, difficulty=self.difficulty, open_names=self.open_names
        )
        return Example(
            tuple(map(ImageRef, item.images)), item.question, item.solution, box(item.answer),
            AnswerKey(item.answer, item.answer_type, item.tolerance), item.facts, item.difficulty,
        )  # fmt: skip


class JsonlSource:
    """Rows of a JSONL file, as `r1v.train.data.rows` reads them: ``question``, ``answer``, ``thinking`` or
    ``solution``, ``images``.

    Images are paths beside the file, or data URLs; an optional ``family`` groups rows, an optional
    ``answer_type`` says how answers are compared. They repeat in a new order each epoch. chains: rows need
    ``thinking`` or ``solution``. key: what names the file, for messages. bad: the rows that are left out, and
    why. unread: keys that were not used, with the number of rows that have them.
    """

    def __init__(
        self, path: str | Path, seed: int = 0, *, chains: bool = True,
        columns: Mapping[str, str] | None = None, key: str = "data.source",
    ) -> None:  # fmt: skip
        self.path = Path(path)
        self.seed = seed
        self.rows: dict[str, list[tuple[int, Example]]] = {}
        self.bad: list[str] = []
        self.held: JsonlSource | None = None  # see `sources.open_source`
        self.unread: Counter[str] = Counter()
        lines, keys = read_lines(self.path, key), set[str]()
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                values = parse_line(line)
                keys |= values.keys()
                row = read_row(renamed(values, columns or {}), chains=chains, folder=self.path.parent)
                images = beside(row.images, self.path.parent)
                check_files(images)
                example = replace(example_of(row, images), origin=f"{self.path.name}:{number}")
                self.unread.update(row.unread)
                self.rows.setdefault(row.family, []).append((number, example))
            except ValueError as error:
                self.bad.append(f"{self.path.name}:{number}: {error}")
        self.families = tuple(self.rows)
        for ours, theirs in (columns or {}).items():
            if theirs not in keys and (chains or ours not in CHAIN):
                raise ConfigError(
                    f"data.columns.{ours}: no row of {path} has the key {theirs!r}; they have "
                    f"{', '.join(sorted(keys)[:30])}"
                )
        if not self.rows:
            raise no_row(self.path, key, self.bad, lines)

    def identities(self, family: str) -> list[str]:
        """Of each row, what makes it the same question as another: its text and pictures."""
        folder, rows = f"{self.path.parent}/", [example for _, example in self.rows[family]]
        return [
            "\n".join([row.question, *(str(image.source).removeprefix(folder) for image in row.images)])
            for row in rows
        ]

    def max_images(self, family: str) -> int:
        """The most that any row of the family has."""
        return max(len(example.images) for _, example in self.rows[family])

    def pick(self, number: int, seed: str) -> tuple[str, int]:
        """The next row of the epoch's order over all families."""
        return pick_row({family: len(self.rows[family]) for family in self.families}, number, self.seed)

    def example(self, family: str, index: int, variation: float) -> Example:
        """Row ``index`` of the epoch's order within the family; variation has no meaning here."""
        rows = self.rows[family]
        epoch, place = divmod(index, len(rows))
        return rows[shuffled(place, len(rows), f"{self.seed}/{epoch}")][1]


def pick_row(counts: Mapping[str, int], number: int, seed: int) -> tuple[str, int]:
    """The family, and the row's number in it counted over epochs, of the number-th draw from some rows.

    counts: rows of each family. Each epoch draws every row of every family once.
    """
    total = sum(counts.values())
    epoch, place = divmod(number, total)
    at = shuffled(place, total, f"{seed}/all/{epoch}")
    for family, count in counts.items():
        if at < count:
            return family, epoch * count + at
        at -= count
    raise AssertionError("the place is within the total")


def renamed(values: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """A row under our names. columns: ours -> the row's."""
    theirs = {name: ours for ours, name in columns.items()}
    kept = {name: value for name, value in values.items() if name in theirs or name not in columns}
    return {theirs.get(name, name): value for name, value in kept.items()}


def parse_row(row: Mapping[str, object], folder: Path, *, chains: bool = True) -> tuple[str, Example]:
    """A row's family and example; images lie in the folder. ValueError: a bad row."""
    read = read_row(row, chains=chains, folder=folder)
    return read.family, example_of(read, beside(read.images, folder))


def example_of(row: DataRow, images: tuple[ImageRef, ...]) -> Example:
    """The example that a row makes. ValueError: its kind of answer is not known."""
    key = AnswerKey(row.key, _kind(row.answer_type), row.tolerance)
    said = ((row.thinking, "solution"),) if row.solution else ()
    for text, name in (*said, (row.answer, "the assistant's message")):
        check_agrees(text, name, key.answer, key.kind, key.tolerance)
    return Example(
        images, without_placeholders(row.question, len(images)), row.thinking, learned_answer(row), key,
        columns=row.values, direct=row.direct,
    )  # fmt: skip


def learned_answer(row: DataRow) -> str:
    """What is learned behind the chain: one form for every source, with exactly one box.

    A bare answer becomes the answer line. Text around a known answer is kept, and the line is added after it;
    text that holds a box is not changed. What an assistant said in ``messages`` without a known answer is
    kept.
    """
    said = row.answer.strip()
    if extract_boxed(said) is not None:
        return box(row.key) if said == f"\\boxed{{{row.key}}}" else said
    if said == row.key:
        return said if row.spoken else box(row.key)
    return f"{said}\n\n{box(row.key)}"


def without_placeholders(question: str, number: int) -> str:
    """A question without the ``<image>`` marks of other formats: pictures stand before the text. ValueError:
    there are more marks than pictures, or no other text."""
    marks = question.count("<image>")
    if marks > number:
        raise ValueError(f"the question has {marks} <image> marks for {number} images")
    rest = question.replace("<image>", "").strip() if marks else question
    if blank(rest):
        raise ValueError("the question holds nothing but <image> marks")
    return rest


def _kind(name: object) -> AnswerKind:
    for known in ANSWER_KINDS:
        if name == known:
            return known
    raise ValueError(f"answer_type {name!r} is not known; use one of {', '.join(ANSWER_KINDS)}")


def box(answer: str) -> str:
    """The answer line that the release's protocol asks for."""
    return f"Answer: \\boxed{{{answer}}}"


def encode(processor: Processor, example: Example, thinking: bool = True) -> Encoded:
    """The prompt as at inference, then the chain, its end, the answer and the end of the turn."""
    thinking = thinking and not example.direct
    prompt = processor.encode(example.messages(), thinking=thinking, hashes=False)
    if thinking:
        completion = processor.encode_completion(
            example.thinking, example.answer, opened=prompt.opens_thinking
        )
    else:
        completion = [*processor.encode_text(example.answer), processor.special.eos[0]]
    ids = [*prompt.token_ids, *completion]
    if len(ids) > processor.context_length:
        raise ConfigError(f"an example has {len(ids)} tokens; the context holds {processor.context_length}")
    return Encoded(np.asarray(ids, np.int32), len(prompt.token_ids), prompt.tiles)


class TilePool:
    """Shared memory for image tiles: worker processes write them and the trainer reads them, without copies
    through pipes.

    It is anonymous memory that forked workers inherit. tile_shape: (S, S, 3), uint8.
    """

    def __init__(self, num_slots: int, image_size: int) -> None:
        shape = (max(num_slots, 1), image_size, image_size, 3)
        self._map = mmap.mmap(-1, int(np.prod(shape)))
        self.tiles = np.frombuffer(self._map, np.uint8).reshape(shape)


# State of a worker process, set once by _start_worker.
_Maker = tuple[ExampleSource, Processor, TilePool]
_worker: _Maker | None = None


def _start_worker(source: ExampleSource, model: str, pool: TilePool) -> None:
    global _worker
    start_worker()
    _worker = (source, Processor.from_folder(model), pool)


@dataclass(frozen=True)
class _Made:
    """What a worker returns of one sample: tokens, and where its tiles lie; or why it is bad."""

    token_ids: np.ndarray
    num_prompt: int
    slots: tuple[int, ...]
    error: str | None = None


def _make_chunk(samples: Sequence[PlannedSample], slots: Sequence[tuple[int, ...]]) -> list[_Made]:
    assert _worker is not None, "this is a worker process"
    return _made_by(_worker, samples, slots)


def _made_by(
    maker: _Maker, samples: Sequence[PlannedSample], slots: Sequence[tuple[int, ...]]
) -> list[_Made]:
    source, processor, pool = maker
    made = []
    for sample, free in zip(samples, slots, strict=True):
        name = f"{sample.family} {sample.index}"
        try:
            example = source.example(sample.family, sample.index, sample.variation)
            name = example.origin or name
            encoded = encode(processor, example, sample.thinking)
            used = free[: len(encoded.tiles)]
            assert len(used) == len(encoded.tiles), "more tiles than slots"
            for slot, tile in zip(used, encoded.tiles, strict=True):
                pool.tiles[slot] = tile
            made.append(_Made(encoded.token_ids, encoded.num_prompt, used))
        except R1VError as error:
            made.append(_Made(np.zeros(0, np.int32), 0, (), f"{name}: {error}"))
    return made


class BatchStream:
    """Batches of planned samples that worker processes make ahead, or a thread of this one with workers=0.
    They come out in the order of the plans."""

    def __init__(
        self, source: ExampleSource, model: str, *, batch_size: int, split: Split, workers: int,
        prefetch: int, packing: bool = False,
    ) -> None:  # fmt: skip
        self._collate, self._packed = pack if packing else collate, packing
        self.source = source
        processor = Processor.from_folder(model)
        self.image_size = processor.geometry.tiling.image_size
        self.pad_id = processor.special.pad
        self.split = split
        self.pin = (
            False  # if set, batches are in page-locked memory, from which copies to a GPU are asynchronous
        )
        self.world = ONE_PROCESS  # if set, only this process's share of each batch is made here
        self.tiles_per_image = processor.geometry.tiling.max_tiles + int(
            processor.geometry.tiling.use_thumbnail and processor.geometry.tiling.max_tiles > 1
        )
        widest = max(source.max_images(family) for family in source.families) * self.tiles_per_image
        self.pool = TilePool((prefetch + 1) * batch_size * widest, self.image_size)
        self._tiles = torch.from_numpy(self.pool.tiles)
        self._free = deque(range(len(self.pool.tiles)))
        self._plans: deque[list[PlannedSample]] = deque()
        self._making: deque[tuple[list[PlannedSample], list[tuple[int, ...]], list[Future[list[_Made]]]]]
        self._making = deque()
        self._assembled: Future[Batch] | None = None
        self._executor: Executor = ThreadPoolExecutor(1)
        self._make: Callable[..., list[_Made]] = partial(_made_by, (source, processor, self.pool))
        if workers:
            # fork: the pool's memory is inherited; workers never touch a device
            self._executor = ProcessPoolExecutor(
                workers, multiprocessing.get_context("fork"), _start_worker, (source, model, self.pool)
            )
            self._make = _make_chunk
            # all processes start now, before the trainer starts threads or opens a device
            list(self._executor.map(abs, range(workers)))
        self._assembler = ThreadPoolExecutor(1)

    def put(self, plan: list[PlannedSample]) -> None:
        """Have a batch made. Batches come out of ``get`` in this order."""
        self._plans.append(plan)
        plan = list(self.world.share(plan))
        slots = []
        for sample in plan:
            count = self.source.max_images(sample.family) * self.tiles_per_image
            slots.append(tuple(self._free.popleft() for _ in range(count)))
        futures = [
            self._executor.submit(self._make, plan[i : i + CHUNK], slots[i : i + CHUNK])
            for i in range(0, len(plan), CHUNK)
        ]
        self._making.append((plan, slots, futures))

    @property
    def pending(self) -> list[list[PlannedSample]]:
        """The plans whose batches were not taken yet, for a checkpoint."""
        return list(self._plans)

    def get(self) -> Batch:
        """The next batch, after waiting for it. The batch after it is assembled while the caller works."""
        batch = (self._assembled or self._assembler.submit(self._assemble)).result()
        self._plans.popleft()
        self._assembled = self._assembler.submit(self._assemble) if self._plans else None
        return batch

    def _assemble(self) -> Batch:
        plan, slots, futures = self._making.popleft()
        made = [one for future in futures for one in future.result()]
        good = [
            (m.slots, sample.family, Encoded(m.token_ids, m.num_prompt, self.pool.tiles[:0]))
            for sample, m in zip(plan, made, strict=True)
            if m.error is None
        ]
        if not good:
            raise ConfigError(f"not one sample of a batch is usable; the first: {made[0].error}")
        good.sort(key=lambda row: len(row[2].token_ids))
        cuts = self.split.cuts([len(row[2].token_ids) - 1 for row in good], packed=self._packed)
        parts = tuple(
            self._collate(
                [row[1:] for row in good[a:b]], self._gather([row[0] for row in good[a:b]]), self.pad_id
            )
            for a, b in cuts
        )
        for taken in slots:
            self._free.extend(taken)
        return Batch(
            parts,
            sum(len(part.targets) for part in parts),
            sum(len(row[2].token_ids) for row in good),
            tuple(m.error for m in made if m.error is not None),
        )

    def _gather(self, slots: Sequence[tuple[int, ...]]) -> torch.Tensor:
        """The tiles of some samples, copied out of the pool by torch, during which Python can do other
        work."""
        index = torch.tensor([slot for taken in slots for slot in taken], dtype=torch.int64)
        out = torch.empty((len(index), *self._tiles.shape[1:]), dtype=torch.uint8, pin_memory=self.pin)
        return torch.index_select(self._tiles, 0, index, out=out)

    def close(self) -> None:
        """End the workers."""
        self._assembler.shutdown(wait=False, cancel_futures=True)
        self._executor.shutdown(wait=False, cancel_futures=True)

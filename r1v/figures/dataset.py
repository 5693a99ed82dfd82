"""Whole sets of figure questions on disk, made by several processes.

Enters: a ``DatasetConfig`` and a folder. Leaves: ``data.jsonl`` (one question a line),
``images/FAMILY/ID.png`` and ``config.json``. Always holds: ``data.jsonl`` exists only when the set is
complete; an interrupted run continues where it stopped; the files do not depend on the number of processes.
"""

from __future__ import annotations

import functools
import itertools
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from r1v.core import CapacityError, ConfigError
from r1v.figures import abroad
from r1v.figures.catalogue import FAMILIES, make, seeds
from r1v.figures.item import DIFFICULTIES, SPLITS, Difficulty, Figure, Split
from r1v.write_lock import writing

PART_ITEMS = 20  # items that are finished, and resumed, together
_PARTS = "parts"


@dataclass(frozen=True, slots=True)
class DatasetConfig:
    """What a data set holds.

    families: by name. num_items: of each family. seed: the first one to be used; each family takes the next
    num_items seeds of the split (None: of both). difficulty: None is all three. variation: of the look. tool:
    of others, which draws in place of r1v, its own looks in all difficulties; split None is then the one that
    the tool belongs to.
    """

    families: tuple[str, ...] = tuple(FAMILIES)
    num_items: int = 100
    seed: int = 0
    split: Split | None = None
    difficulty: Difficulty | None = None
    variation: float = 1.0
    tool: str | None = None

    def __post_init__(self) -> None:
        for name in self.families:
            if name not in FAMILIES:
                raise ConfigError(f"figure family {name!r} is not known; use one of {', '.join(FAMILIES)}")
        if not self.families:
            raise ConfigError(f"no figure family is named; use one of {', '.join(FAMILIES)}")
        if len(set(self.families)) < len(self.families):
            raise ConfigError("a figure family is named twice; name each once")
        if self.num_items < 1:
            raise ConfigError(f"the number of items is {self.num_items}; it must be at least 1")
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed}; it must be at least 0")
        if self.split is not None and self.split not in SPLITS:
            raise ConfigError(f"split {self.split!r} is not known; use one of {', '.join(SPLITS)}")
        if self.difficulty is not None and self.difficulty not in DIFFICULTIES:
            raise ConfigError(
                f"difficulty {self.difficulty!r} is not known; use one of {', '.join(DIFFICULTIES)}"
            )
        if not 0.0 <= self.variation <= 1.0:
            raise ConfigError(f"variation is {self.variation}; it must be at least 0 and at most 1")
        if self.tool is not None:
            self._check_tool(self.tool)

    def _check_tool(self, tool: str) -> None:
        for name in self.families:
            if tool not in abroad.tools(name):
                raise ConfigError(
                    f"{name} is not drawn by {tool!r}; its tools are {', '.join(abroad.tools(name))}"
                )
            if self.split == "train" and abroad.tools(name)[tool].split == "heldout":
                raise ConfigError(
                    f"{tool} is held out: it never draws {name} for training; use split heldout"
                )
        if self.difficulty is not None or self.variation != 1.0:
            raise ConfigError(f"{tool} draws all difficulties and its own looks; leave both settings out")

    def figure(self, family: str, seed: int) -> Figure:
        """The item of a family and a seed. Raises UnavailableError where a package or a tool is missing."""
        if self.tool is None:
            return make(family, seed, variation=self.variation, difficulty=self.difficulty)
        return abroad.make(family, self.tool, seed, self.split or abroad.tools(family)[self.tool].split)

    def settings(self) -> dict[str, object]:
        """What ``config.json`` says; without a tool where r1v itself draws, as sets of earlier versions."""
        return {key: value for key, value in asdict(self).items() if key != "tool" or value is not None}

    def item_seeds(self) -> Iterator[int]:
        """The seeds of each family's items, in order."""
        return itertools.islice(seeds(self.split, self.seed), self.num_items)


@dataclass(slots=True)
class FamilyTime:
    """What one family took: items, and CPU seconds for making and for writing them."""

    num_items: int = 0
    make_s: float = 0.0
    write_s: float = 0.0

    def add(self, other: FamilyTime) -> None:
        """Count another part's share."""
        self.num_items += other.num_items
        self.make_s += other.make_s
        self.write_s += other.write_s


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What a run did. num_found: items that an earlier run had left. times: of this run, by family."""

    num_items: int
    num_found: int
    wall_s: float
    times: dict[str, FamilyTime]


@dataclass(frozen=True, slots=True)
class _Part:
    """Some items of one family, in one file until all parts are there."""

    index: int
    family: str
    seeds: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.index:06d}.jsonl"


def item_id(figure: Figure) -> str:
    """A name for an item, unique within a data set."""
    return f"{figure.family}-{figure.seed:08d}"


def to_row(figure: Figure, images: list[str], tool: str | None = None) -> dict[str, object]:
    """The line of ``data.jsonl``; images are paths relative to its folder. tool: of others that drew it."""
    row: dict[str, object] = {
        "id": item_id(figure),
        "family": figure.family,
        "template": figure.template,
        "split": figure.split,
        "seed": figure.seed,
        "difficulty": figure.difficulty,
        "images": images,
        "question": figure.question,
        "answer": figure.answer,
        "answer_type": figure.answer_type,
        "tolerance": figure.tolerance,
        "solution": figure.solution,
        "facts": dict(figure.facts),
    }
    return row if tool is None else row | {"tool": tool}


def make_dataset(
    config: DatasetConfig,
    folder: str | os.PathLike[str],
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> DatasetReport:
    """Write the data set, or what an interrupted run of the same config has left to do.

    workers: processes; 1 works in this one. progress: called with items done and items in all.

    Raises ConfigError where the folder holds something else, UnavailableError where a family needs a package
    that is not installed, CapacityError where the disk cannot take the files.
    """
    if workers < 1:
        raise ConfigError(f"the number of workers is {workers}; it must be at least 1")
    root = Path(folder)
    start = time.perf_counter()
    for name in config.families:
        _try(config, name)  # a missing package shows before anything is written
    with writing(root):
        try:
            _open_folder(root, config)
            parts = list(_parts(config))
            done = parts if (root / "data.jsonl").exists() else _done_parts(root, parts)
            num_items = sum(len(part.seeds) for part in parts)
            num_found = sum(len(part.seeds) for part in done)
            left = sorted(set(parts) - set(done), key=lambda part: part.index)
            times = {name: FamilyTime() for name in config.families}
            count = num_found
            if progress is not None:
                progress(count, num_items)
            for part, spent in _run(left, root, config, workers):
                times[part.family].add(spent)
                count += len(part.seeds)
                if progress is not None:
                    progress(count, num_items)
            if not (root / "data.jsonl").exists():
                _join(root, parts)
        except OSError as error:
            raise CapacityError(
                f"cannot write the figures to {root}: {error.strerror or error}; "
                "name a folder with room for them"
            ) from error
    return DatasetReport(num_items, num_found, time.perf_counter() - start, times)


# ---------------------------------------------------------------------------------------------- folder


def _open_folder(root: Path, config: DatasetConfig) -> None:
    """Make the folder, or check that it holds this very data set."""
    text = json.dumps(config.settings(), indent=2) + "\n"
    written = root / "config.json"
    if root.exists() and not root.is_dir():
        raise ConfigError(f"{root} is a file; name a new or empty folder")
    if root.exists() and any(path for path in root.iterdir() if not path.name.endswith(".partial")):
        found = written.read_text() if written.is_file() else None
        if found is None:
            raise ConfigError(f"{root} is not empty and holds no figures; name a new or empty folder")
        if found != text:
            raise ConfigError(
                f"{root} holds other figures{_difference(found, config)}; name a new or empty folder"
            )
    if not (root / "data.jsonl").exists():
        (root / _PARTS).mkdir(parents=True, exist_ok=True)
    if not written.exists():
        _write(written, text.encode())


def _difference(found: str, config: DatasetConfig) -> str:
    """The first setting in which two configs differ, in words."""
    try:
        settings = json.loads(found)
        wanted = json.loads(json.dumps(config.settings()))
        for key, value in wanted.items():
            if settings.get(key) != value:
                return f" ({key} {json.dumps(settings.get(key))}, not {json.dumps(value)})"
    except (ValueError, AttributeError):
        pass
    return ""


def _write(path: Path, data: bytes) -> None:
    """A file that is either whole or not there."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    os.replace(partial, path)


def _parts(config: DatasetConfig) -> Iterator[_Part]:
    """The work in pieces, in the order of ``data.jsonl``: family by family, seeds ascending."""
    chosen = tuple(config.item_seeds())
    index = 0
    for name in config.families:
        for first in range(0, len(chosen), PART_ITEMS):
            yield _Part(index, name, chosen[first : first + PART_ITEMS])
            index += 1


def _done_parts(root: Path, parts: list[_Part]) -> list[_Part]:
    return [part for part in parts if (root / _PARTS / part.name).exists()]


def _join(root: Path, parts: list[_Part]) -> None:
    """All parts as ``data.jsonl``, and the folder of the parts away."""
    partial = root / "data.jsonl.partial"
    with partial.open("wb") as out:
        for part in parts:
            out.write((root / _PARTS / part.name).read_bytes())
    os.replace(partial, root / "data.jsonl")
    for path in (root / _PARTS).iterdir():
        path.unlink()
    (root / _PARTS).rmdir()


# ---------------------------------------------------------------------------------------------- working


def _run(
    parts: list[_Part], root: Path, config: DatasetConfig, workers: int
) -> Iterator[tuple[_Part, FamilyTime]]:
    """Make the parts, in this process or in several; yields each as it is done."""
    if workers == 1 or len(parts) < 2:
        for part in parts:
            yield part, _make_part(part, root, config)
        return
    context = multiprocessing.get_context("spawn")  # the caller may hold threads, which a fork would break
    with ProcessPoolExecutor(min(workers, len(parts)), context, initializer=_start_worker) as pool:
        try:
            futures: dict[Future[FamilyTime], _Part] = {
                pool.submit(_make_part, part, root, config): part for part in parts
            }
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, which lets the parts in work end; do not outlive it if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@functools.cache
def _try(config: DatasetConfig, name: str) -> None:
    """Make one figure, once in a process, so that imports and caches do not count as its family's time."""
    if config.tool is None:
        make(name, 0, variation=0.0)
    else:
        config.figure(name, config.seed)


def _make_part(part: _Part, root: Path, config: DatasetConfig) -> FamilyTime:
    """Make and write the items of one part; its file comes last."""
    spent = FamilyTime(num_items=len(part.seeds))
    folder = root / "images" / part.family
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    _try(config, part.family)
    for seed in part.seeds:
        before = time.process_time()
        figure = config.figure(part.family, seed)
        made = time.process_time()
        names = []
        for number, image in enumerate(figure.images, 1):
            suffix = f"-{number}" if len(figure.images) > 1 else ""
            path = folder / f"{item_id(figure)}{suffix}.png"
            image.save(path, "PNG", compress_level=2)
            names.append(path.relative_to(root).as_posix())
        lines.append(json.dumps(to_row(figure, names, config.tool), ensure_ascii=False))
        spent.make_s += made - before
        spent.write_s += time.process_time() - made
    _write(root / _PARTS / part.name, ("\n".join(lines) + "\n").encode())
    return spent

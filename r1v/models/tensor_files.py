"""Safetensors files: headers read and checked here, data memory-mapped, shards written.

Enters: a folder of a checkpoint, or tensors. Leaves: names, shapes and tensors, or a folder. Always holds:
nothing in a header is trusted before it is checked against the file's size; no other format is opened.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from r1v.core import CheckpointError, parse_json

INDEX_NAME = "model.safetensors.index.json"
MAX_HEADER_BYTES = 100_000_000
NUM_READERS = 8

# name in a header -> torch dtype
DTYPES: dict[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Where a tensor lies and what it is, by a header. file: name within the folder."""

    file: str
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        """Size of the data."""
        return math.prod(self.shape) * self.dtype.itemsize


class TensorSource(Protocol):
    """Something that holds tensors by name: a folder of safetensors, or a GGUF file."""

    @property
    def infos(self) -> dict[str, TensorInfo]:
        """What there is."""
        ...

    def open(self, file: str) -> Any:
        """A context with ``get_slice(name)``, whose slices are rows."""
        ...


def read_header(path: Path) -> dict[str, TensorInfo]:
    """Names, dtypes and shapes in a safetensors file, without its data.

    CheckpointError: truncated, not a safetensors file, or a header that does not fit the file.
    """
    try:
        if not path.is_file():  # a pipe would be waited for, a loop of links never ends
            raise CheckpointError(f"{path} is missing or is not a regular file; fetch it again")
        size = path.stat().st_size
        with path.open("rb") as file:
            header_bytes = int.from_bytes(file.read(8), "little")
            if size < 8 or header_bytes > min(MAX_HEADER_BYTES, size - 8):
                raise CheckpointError(
                    f"{path} is not a safetensors file, or is cut short: "
                    f"{size} bytes, header of {header_bytes}"
                )
            text = file.read(header_bytes)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from None
    header = parse_json(
        text, f"{path} is damaged: its header", error=CheckpointError, max_bytes=MAX_HEADER_BYTES, max_depth=8
    )
    if not isinstance(header, dict):
        raise CheckpointError(f"{path}: the header is not an object; the file is damaged")
    header.pop("__metadata__", None)
    infos: dict[str, TensorInfo] = {}
    spans = []
    for name, entry in header.items():
        infos[name], span = _check_entry(path, name, entry)
        spans.append((*span, name))
    _check_spans(path, sorted(spans), size - 8 - header_bytes)
    return infos


def _check_entry(path: Path, name: str, entry: Any) -> tuple[TensorInfo, tuple[int, int]]:
    """One tensor of a header, with the span of its data."""
    if isinstance(entry, dict):
        dtype: Any = entry.get("dtype")
        shape: Any = entry.get("shape")
        span: Any = entry.get("data_offsets")
        if isinstance(dtype, str) and dtype not in DTYPES:
            raise CheckpointError(f"{path}: {name} has dtype {dtype[:20]}, which is not supported")
        if isinstance(dtype, str) and _sizes(shape) and _sizes(span) and len(span) == 2 and len(shape) <= 8:
            info = TensorInfo(path.name, DTYPES[dtype], tuple(shape))
            if span[1] - span[0] == info.num_bytes:
                return info, (span[0], span[1])
    raise CheckpointError(f"{path}: the header's entry of {name[:80]} is damaged")


def _sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(each) is int and 0 <= each < 2**48 for each in values)


def _check_spans(path: Path, spans: Sequence[tuple[int, int, str]], data_bytes: int) -> None:
    """Data must follow without gaps or overlaps, to the end of the file."""
    end = 0
    for start, stop, name in spans:
        if start != end:
            raise CheckpointError(f"{path}: the data of {name[:80]} overlaps or leaves a gap; it is damaged")
        end = stop
    if end > data_bytes:
        raise CheckpointError(
            f"{path} is cut short: {data_bytes} of {end} data bytes are there; fetch the file again"
        )
    if end < data_bytes:
        raise CheckpointError(f"{path} has {data_bytes - end} bytes after its data; it is damaged")


class TensorFiles:
    """The safetensors of a folder, by headers: one file, or shards with an index.

    file: read only this one, whatever else is there. infos: name -> TensorInfo. CheckpointError: no
    safetensors, a shard missing, an index that names what its shards lack, a name twice. The index decides
    which tensors count: what it leaves out of a shard is not read.
    """

    def __init__(self, folder: Path, file: str | None = None) -> None:
        self.folder = folder
        self.infos: dict[str, TensorInfo] = {}
        index = self._read_index() if file is None else None
        names = [file] if file is not None else self._single_files() if index is None else index.values()
        for file in sorted(set(names)):
            for name, info in read_header(folder / file).items():
                if index is not None and index.get(name) != file:
                    continue  # the index decides, because shards may hold further tensors or older copies
                if name in self.infos:
                    raise CheckpointError(
                        f"{folder}: {name} is both in {self.infos[name].file} and in {file}"
                    )
                self.infos[name] = info
        if index is not None:
            self._compare(index)

    @property
    def files(self) -> list[str]:
        """Names of the files, sorted."""
        return sorted({info.file for info in self.infos.values()})

    @property
    def num_bytes(self) -> int:
        """Size of all tensors."""
        return sum(info.num_bytes for info in self.infos.values())

    def _read_index(self) -> dict[str, str] | None:
        path = self.folder / INDEX_NAME
        if not path.is_file():
            return None
        try:
            values = parse_json(path.read_bytes(), str(path), error=CheckpointError)
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror}") from None
        weight_map = values.get("weight_map") if isinstance(values, dict) else None
        if weight_map is None:
            raise CheckpointError(f"{path} is damaged: it has no readable weight_map")
        if not isinstance(weight_map, dict) or not weight_map:
            raise CheckpointError(f"{path} is damaged: its weight_map is not an object, or empty")
        for name, file in weight_map.items():
            # a name with a folder in it could point anywhere
            if not isinstance(file, str) or Path(file).name != file or not file.endswith(".safetensors"):
                raise CheckpointError(
                    f"{path}: {name[:80]} is said to be in {json.dumps(file)[:80]}, "
                    "which is no name of a shard; fetch the file again"
                )
        missing = sorted({file for file in weight_map.values() if not (self.folder / file).is_file()})
        if missing:
            raise CheckpointError(
                f"{self.folder} lacks {some_names(missing)}, which its index names; fetch again"
            )
        return weight_map

    def _single_files(self) -> list[str]:
        files = sorted(path.name for path in self.folder.glob("*.safetensors"))
        if "model.safetensors" in files:
            return ["model.safetensors"]
        if len(files) == 1:
            return files
        if files:
            raise CheckpointError(f"{self.folder} has {len(files)} safetensors files, but no {INDEX_NAME}")
        other = [p.name for p in self.folder.glob("*.bin")] if self.folder.is_dir() else []
        reason = "pickled weights are not opened" if other else "it is no checkpoint's folder"
        raise CheckpointError(f"{self.folder} has no safetensors files; {reason}")

    def _compare(self, index: dict[str, str]) -> None:
        wrong = [n for n, file in index.items() if n not in self.infos or self.infos[n].file != file]
        if wrong:
            raise CheckpointError(
                f"{self.folder}: the shards lack tensors that the index names: {some_names(wrong)}"
            )

    def __iter__(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Every tensor, file by file. The data is memory-mapped, and released when the caller drops it."""
        for file in self.files:
            with self.open(file) as opened:
                for name in [name for name, info in self.infos.items() if info.file == file]:
                    yield name, opened.get_tensor(name)

    def on_device(self, names: Sequence[str], device: torch.device) -> Iterator[tuple[str, torch.Tensor]]:
        """Tensors by name, in order, on a device: read by a few threads, a few ahead of the caller, as one
        thread does not read as fast as a disk or a page cache gives."""
        left = Counter(self.infos[name].file for name in names)
        opened: dict[str, Any] = {}  # files with names that are still to be read

        def read(name: str) -> torch.Tensor:
            tensor: torch.Tensor = opened[self.infos[name].file].get_tensor(name)
            return tensor.to(device)

        with ThreadPoolExecutor(NUM_READERS) as threads:
            waiting: deque[tuple[str, Future[torch.Tensor]]] = deque()
            rest = iter(names)
            while True:
                for name in islice(rest, NUM_READERS - len(waiting)):
                    file = self.infos[name].file
                    if file not in opened:
                        opened[file] = self.open(file)
                    waiting.append((name, threads.submit(read, name)))
                if not waiting:
                    return
                name, found = waiting.popleft()
                yield name, found.result()
                del found
                left[self.infos[name].file] -= 1
                if not left[self.infos[name].file]:
                    del opened[self.infos[name].file]

    def open(self, file: str) -> Any:
        """A file's safetensors handle, memory-mapped, as a context."""
        try:
            return safe_open(self.folder / file, framework="pt", device="cpu")
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{self.folder / file} cannot be read: {str(error)[:120]}") from None


def some_names(names: Iterable[str], limit: int = 6) -> str:
    """A few names and how many more."""
    names = sorted(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


@contextmanager
def faults_of_writing(target: Path) -> Iterator[None]:
    """Raise CheckpointError for whatever the system says while a folder is written."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)[:120]
        raise CheckpointError(
            f"{target} cannot be written: {reason}; name a folder where you may write and that has room"
        ) from None


def write_shards(
    folder: Path,
    sizes: Sequence[tuple[str, int]],
    fetch: Callable[[str], torch.Tensor],
    max_shard_bytes: int,
) -> list[str]:
    """Write tensors as safetensors, in order, a new shard where the last would exceed max_shard_bytes.

    sizes: (name, bytes) of every tensor. fetch: a tensor by name; called once for each, one shard at a time.
    One shard is ``model.safetensors``; more have an index. Returns the files' names.
    """
    shards: list[list[str]] = []
    room = 0
    for name, num_bytes in sizes:
        if not shards or num_bytes > room:
            shards.append([])
            room = max_shard_bytes
        shards[-1].append(name)
        room -= num_bytes
    files = ["model.safetensors"]
    if len(shards) > 1:
        files = [f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors" for i in range(len(shards))]
    for file, names in zip(files, shards, strict=True):
        save_file({name: fetch(name).contiguous() for name in names}, folder / file, {"format": "pt"})
        os.chmod(folder / file, 0o644)
    if len(shards) > 1:
        weight_map = {name: file for file, names in zip(files, shards, strict=True) for name in names}
        total = sum(num_bytes for _, num_bytes in sizes)
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
        (folder / INDEX_NAME).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return files

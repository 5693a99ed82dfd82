"""GGUF files: the header read and checked here, tensors widened by the gguf package.

Enters: a file. Leaves: its settings by key, and rows of its tensors as float32. Always holds: no number of
the header is trusted before it is checked against the file's size; the data is mapped, and widened row by row
as it is asked for.
Source: the GGUF specification (github.com/ggml-org/ggml, docs/gguf.md).
"""

from __future__ import annotations

import math
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
import torch

from r1v.core import CheckpointError, UnavailableError
from r1v.models.tensor_files import TensorInfo

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType

T = TypeVar("T", int, float, str, bool, list)
Setting: TypeAlias = "int | float | str | bool | list[Any]"

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_DIMENSIONS = 4
# number of a type in the file -> struct's letter; 8 is a string, 9 an array
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
# types that hold their values as they are -> the dtype that keeps them exactly
PLAIN = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies. kind: GGUF's name of its type. shape: outermost first. start, row_bytes: of its
    data in the file, and of one row of the last axis."""

    name: str
    kind: str
    shape: tuple[int, ...]
    start: int
    row_bytes: int

    @property
    def bits(self) -> float:
        """Bits that one value takes."""
        return 8 * self.row_bytes / self.shape[-1]


def quantisation_type(number: int) -> GGMLQuantizationType:
    """The gguf package's type of a number. UnavailableError: not installed; ValueError: not known."""
    try:
        from gguf import GGMLQuantizationType
    except ImportError:
        raise UnavailableError("reading GGUF files needs the gguf package: pip install 'r1v[gguf]'") from None
    return GGMLQuantizationType(number)


class _Header:
    """A cursor over the beginning of a file."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self.path, self.data, self.place = path, data, 0

    def fail(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self.path} is damaged or cut short: {what}; fetch it again")

    def take(self, number: int) -> bytes:
        """The next bytes."""
        if not 0 <= number <= len(self.data) - self.place:
            raise self.fail(f"{number} bytes are said to follow at {self.place} of {len(self.data)}")
        self.place += number
        return self.data[self.place - number : self.place]

    def scalar(self, letter: str) -> Any:
        """A number in little-endian order."""
        return struct.unpack(f"<{letter}", self.take(struct.calcsize(letter)))[0]

    def text(self) -> str:
        """A string. CheckpointError: not UTF-8."""
        try:
            return self.take(self.scalar("Q")).decode("utf-8")
        except UnicodeDecodeError:
            raise self.fail("a text is not UTF-8") from None

    def value(self, kind: int) -> Setting:
        """A setting of a type by its number."""
        if kind in SCALARS:
            found: Setting = self.scalar(SCALARS[kind])
            return found
        if kind == STRING:
            return self.text()
        if kind != ARRAY:
            raise self.fail(f"a setting is of type {kind}")
        inner, count = self.scalar("I"), self.scalar("Q")
        if inner in SCALARS:
            letter = SCALARS[inner]
            return list(struct.unpack(f"<{count}{letter}", self.take(count * struct.calcsize(letter))))
        if inner != STRING or count > len(self.data) - self.place:
            raise self.fail(f"an array of {count} entries of type {inner}")
        return [self.text() for _ in range(count)]


class GgufFile:
    """One file, open. infos: as of TensorFiles, with float32 where values are packed."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """CheckpointError: no GGUF file, damaged, or with a type that the gguf package does not know."""
        self.path = Path(path)
        self.folder = self.path.parent
        if not self.path.is_file():
            raise CheckpointError(f"{self.path} is missing or is not a regular file")
        try:
            with self.path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{self.path} cannot be read: {error}") from None
        header = _Header(self.path, self._data)
        if self._data[:4] != MAGIC:
            raise CheckpointError(f"{self.path} is not a GGUF file: it does not begin with GGUF")
        header.take(4)
        version = header.scalar("I")
        if version not in VERSIONS:
            raise CheckpointError(f"{self.path} has version {version} of GGUF; only 2 and 3 can be read")
        num_tensors, num_settings = header.scalar("Q"), header.scalar("Q")
        self.settings: dict[str, Setting] = {}
        for _ in range(min(num_settings, len(self._data))):
            key = header.text()
            self.settings[key] = header.value(header.scalar("I"))
        self.tensors = {each.name: each for each in self._tensors(header, num_tensors)}
        self.infos: dict[str, TensorInfo] = {
            name: TensorInfo(self.path.name, PLAIN.get(each.kind, torch.float32), each.shape)
            for name, each in self.tensors.items()
        }

    def _tensors(self, header: _Header, number: int) -> Iterator[StoredTensor]:
        """The entries of all tensors, checked against the file's size and against each other."""
        entries: dict[str, tuple[str, int, tuple[int, ...], int]] = {}
        for _ in range(min(number, len(self._data))):
            name, dimensions = header.text(), header.scalar("I")
            if name in entries or not 1 <= dimensions <= MAX_DIMENSIONS:
                raise header.fail(f"the entry of {name[:80]} is there twice, or has {dimensions} axes")
            shape = tuple(reversed([header.scalar("Q") for _ in range(dimensions)]))
            kind, offset = header.scalar("I"), header.scalar("Q")
            entries[name] = (*self._sizes(name, kind, shape), shape, offset)
        alignment = self.settings.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise header.fail(f"general.alignment is {alignment!r}")
        start = -(-header.place // alignment) * alignment
        for name, (kind_name, row_bytes, shape, offset) in entries.items():
            num_bytes = math.prod(shape[:-1]) * row_bytes
            if start + offset + num_bytes > len(self._data):
                raise header.fail(f"the data of {name[:80]} would end after the end of the file")
            yield StoredTensor(name, kind_name, shape, start + offset, row_bytes)

    def _sizes(self, name: str, number: int, shape: tuple[int, ...]) -> tuple[str, int]:
        """The name of a type, and the bytes of a row."""
        try:
            kind = quantisation_type(number)
        except ValueError:
            raise CheckpointError(
                f"{self.path}: {name[:80]} is of type {number}, which the gguf package does not know; "
                "update it, or take a file of another type"
            ) from None
        from gguf.constants import GGML_QUANT_SIZES

        per_block, block_bytes = GGML_QUANT_SIZES[kind]
        if min(shape) < 1 or max(shape) > 1 << 40 or shape[-1] % per_block:
            raise CheckpointError(
                f"{self.path}: {name[:80]} has the shape {shape}, which blocks of {per_block} do not divide"
            )
        return kind.name, shape[-1] // per_block * block_bytes

    def setting(self, key: str, kind: type[T], default: T | None = None) -> T:
        """A setting of a type. CheckpointError: missing without a default, or of another type."""
        value: Any = self.settings.get(key, default)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            found = "missing" if value is None else f"a {type(value).__name__}"
            raise CheckpointError(f"{self.path}: {key} is {found}; it must be a {kind.__name__}")
        return value  # type: ignore[no-any-return]

    def rows(self, name: str, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Rows of a tensor along its first axis; float32, or as stored where the type holds values as they
        are. A vector's rows are its values.

        CheckpointError: a type whose values the gguf package cannot widen, or values that are no numbers.
        """
        tensor = self.tensors[name]
        shape, count, offset = tensor.shape, tensor.row_bytes, tensor.start
        if len(shape) > 1:
            stop = shape[0] if stop is None else min(stop, shape[0])
            row = math.prod(shape[1:-1]) * tensor.row_bytes
            shape = (stop - start, *shape[1:])
            count, offset = (stop - start) * row, offset + start * row
        raw = np.frombuffer(self._data, np.uint8, count, offset).reshape(*shape[:-1], tensor.row_bytes)
        found = self._widened(tensor, raw).reshape(shape)
        return found if len(shape) > 1 else found[start:stop]

    def _widened(self, tensor: StoredTensor, raw: np.ndarray) -> torch.Tensor:
        if tensor.kind in PLAIN:
            found = torch.from_numpy(raw.copy()).view(PLAIN[tensor.kind])
        else:
            from gguf import GGMLQuantizationType
            from gguf.quants import dequantize

            try:
                wide = dequantize(raw.reshape(-1, tensor.row_bytes), GGMLQuantizationType[tensor.kind])
            except (NotImplementedError, ValueError) as error:
                raise CheckpointError(
                    f"{self.path}: {tensor.name} is of type {tensor.kind}, which the gguf package cannot "
                    f"widen ({str(error)[:80]}); take a file of another type"
                ) from None
            found = torch.from_numpy(np.ascontiguousarray(wide, np.float32))
        if not bool(found.isfinite().all()):
            raise CheckpointError(f"{self.path}: {tensor.name} holds values that are not numbers")
        return found

    @contextmanager
    def open(self, file: str) -> Iterator[GgufFile]:
        """As of TensorFiles."""
        assert file == self.path.name
        yield self

    def get_slice(self, name: str) -> _Rows:
        """As of safetensors."""
        return _Rows(self, name)


class _Rows:
    """Rows of one tensor, by slices."""

    def __init__(self, file: GgufFile, name: str) -> None:
        self._file, self._name = file, name

    def __getitem__(self, rows: slice) -> torch.Tensor:
        return self._file.rows(self._name, rows.start or 0, rows.stop)

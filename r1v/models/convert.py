"""Rewriting a checkpoint in the other layout, tensor by tensor, without building the model.

Always holds: every value and dtype of the source is in the result, bit for bit; memory is one shard.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from r1v.core import CheckpointError
from r1v.models.adapter import changed, has_adapter, read_adapter, refuse_adapter
from r1v.models.checkpoint import (
    MAX_SHARD_BYTES,
    Description,
    build_empty,
    check_layout,
    check_tied_copy,
    commonest_dtype,
    config_for,
    copy_tokenizer,
    describe,
    load,
    open_files,
    parameter_shapes,
    write_folder,
)
from r1v.models.config import Layout, R1VConfig
from r1v.models.names import Piece, pieces
from r1v.models.tensor_files import TensorFiles, TensorSource
from r1v.models.thinking import Thinking, settle_template


class StoredParameters:
    """Rows of parameters, read from the tensors of one or more folders as they are asked for."""

    def __init__(self) -> None:
        # parameter -> its tensors, by first row
        self._tensors: dict[str, list[tuple[Piece, TensorSource, str]]] = {}
        self._given: dict[str, torch.Tensor] = {}

    def add(self, files: TensorSource, places: Mapping[str, Piece], prefix: str = "") -> None:
        """Add the tensors of a folder or a file. places: tensor name -> piece. prefix: put before parameters'
        names."""
        for name, piece in places.items():
            self._tensors.setdefault(prefix + piece.parameter, []).append((piece, files, name))
        for tensors in self._tensors.values():
            tensors.sort(key=lambda each: each[0].start)

    def merge(self, other: StoredParameters, prefix: str) -> None:
        """Add the parameters of another object whose names start with prefix."""
        self._tensors.update({n: each for n, each in other._tensors.items() if n.startswith(prefix)})
        self._given.update({n: each for n, each in other._given.items() if n.startswith(prefix)})

    def put(self, parameter: str, value: torch.Tensor) -> None:
        """Add a parameter that is in memory; it replaces one of the same name in files."""
        self._given[parameter] = value

    def dtype(self, parameter: str, start: int, rows: int) -> torch.dtype:
        """The dtype of the tensors that hold these rows. CheckpointError: they have different ones."""
        if parameter in self._given:
            return self._given[parameter].dtype
        dtypes = {files.infos[name].dtype for _, files, name in self._overlapping(parameter, start, rows)}
        if len(dtypes) > 1:
            found = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in dtypes))
            raise CheckpointError(
                f"{parameter} has parts of different dtypes ({found}); they cannot be merged"
            )
        return dtypes.pop()

    def read(self, parameter: str, start: int, rows: int) -> torch.Tensor:
        """Rows [start, start + rows) in the dtype of the files."""
        if parameter in self._given:
            return self._given[parameter][start : start + rows].clone()
        parts = []
        for piece, files, name in self._overlapping(parameter, start, rows):
            first = max(start - piece.start, 0)
            last = min(start + rows - piece.start, piece.shape[0])
            with files.open(files.infos[name].file) as opened:
                parts.append(opened.get_slice(name)[first:last])
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _overlapping(self, parameter: str, start: int, rows: int) -> list[tuple[Piece, TensorSource, str]]:
        return [
            each for each in self._tensors[parameter]
            if each[0].start < start + rows and start < each[0].start + each[0].shape[0]
        ]  # fmt: skip


def stored_parameters(
    description: Description, prefix: str = "", *, base: bool = False
) -> tuple[StoredParameters, TensorFiles]:
    """A checkpoint's parameters, checked for completeness. prefix: put before their names. base: as of
    `checkpoint.load`."""
    if not base:
        refuse_adapter(description.folder, "what is asked for")
    files, places = open_files(description)
    stored = StoredParameters()
    stored.add(files, places, prefix)
    if description.head is not None:
        rows = description.module.get_parameter(description.embedding).shape[0]
        embedding = stored.read(prefix + description.embedding, 0, rows)
        check_tied_copy(files, description.layout, description.head, embedding)
    return stored, files


def describe_whole(folder: Path) -> tuple[Description, R1VConfig]:
    """A whole model, or a language model alone as one without a tower. CheckpointError for a bare tower."""
    description = describe(folder, whole=True)
    if not isinstance(description.config, R1VConfig):
        raise CheckpointError(
            f"{folder} holds only a part of a model; build a whole model with `r1v assemble`"
        )
    return description, description.config


def write_stored(
    path: str | os.PathLike[str],
    config: R1VConfig,
    layout: Layout,
    stored: StoredParameters,
    dtype: torch.dtype,
    *,
    cast: bool = False,
    tokenizer_from: Path,
    max_shard_bytes: int = MAX_SHARD_BYTES,
    finish: Callable[[Path], None] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write stored parameters as a whole checkpoint.

    dtype: the one that config.json names; cast: every tensor is brought to it. finish: as of `write_folder`.
    progress: told how many tensors of how many are read.
    """
    table = pieces(parameter_shapes(build_empty(config)), layout, config.language)

    def dtype_of(piece: Piece) -> torch.dtype:
        return dtype if cast else stored.dtype(piece.parameter, piece.start, piece.shape[0])

    numbers = itertools.count(1)

    def fetch(piece: Piece) -> torch.Tensor:
        value = stored.read(piece.parameter, piece.start, piece.shape[0]).to(dtype_of(piece))
        progress(next(numbers), len(table))
        return value

    sizes = {piece.name: torch.Size(piece.shape).numel() * dtype_of(piece).itemsize for piece in table}
    write_folder(
        path, config_for(config, layout, dtype), table, sizes, fetch,
        tokenizer_from=tokenizer_from, max_shard_bytes=max_shard_bytes, finish=finish,
    )  # fmt: skip


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    layout: Layout | None,
    *,
    max_shard_bytes: int = MAX_SHARD_BYTES,
    merge_adapter: bool = False,
    thinking: Thinking = "keep",
) -> None:
    """Rewrite a whole checkpoint in a layout (None: native). merge_adapter: its adapter for pictures becomes
    part of the weights. thinking: as of `settle_template`. Errors as `load` and `save`."""
    folder = Path(source)
    description, config = describe_whole(folder)
    layout = check_layout(layout, config)
    if merge_adapter and not has_adapter(folder):
        raise CheckpointError(f"{folder} has no adapter to merge")
    stored, files = stored_parameters(description, base=merge_adapter)
    if merge_adapter:
        model = load(folder, base=True)
        for name, value in changed(model, read_adapter(folder, model)).items():
            stored.put(name, value)
    with tempfile.TemporaryDirectory() as scratch:
        if thinking != "keep":
            copy_tokenizer(folder, Path(scratch))
            settle_template(Path(scratch), thinking)
        write_stored(
            target, config, layout, stored, commonest_dtype(files),
            tokenizer_from=folder if thinking == "keep" else Path(scratch), max_shard_bytes=max_shard_bytes,
        )  # fmt: skip

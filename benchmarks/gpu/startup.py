"""From a W4A16 checkpoint of the 38B geometry in local safetensors to the first token
(PYTHONPATH=.:benchmarks).

Parts: write the checkpoint, with random codes (31 GB; R1V_STARTUP names the folder); start from what the
system keeps of it in memory; start after the system was told to let go of it; remove it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from math import prod
from pathlib import Path

import torch
from gpu.parts import Findings, Part, Settings, main
from gpu.products import synchronise
from gpu.speed import make_engine
from shared.models import GEOMETRIES, exactly, prompt

from r1v.cli.parser import use_expandable_segments
from r1v.models import load, write_release
from r1v.models.checkpoint import build_empty, parameter_shapes, write_folder
from r1v.models.names import Piece, pieces
from r1v.models.quantised import SUFFIXES

FOLDER = Path(os.environ.get("R1V_STARTUP", tempfile.gettempdir())) / "r1v-startup"
GROUP, SHARD_BYTES = 128, 4_000_000_000
QUANTISATION = {
    "quant_method": "awq", "bits": 4, "group_size": GROUP, "version": "gemm", "zero_point": True,
    "modules_to_not_convert": [],
}  # fmt: skip


def stored(piece: Piece) -> Iterator[tuple[Piece, torch.dtype]]:
    """The tensors of the checkpoint that one of the plain layout becomes."""
    base, _, leaf = piece.name.rpartition(".")
    rows, columns = piece.shape if len(piece.shape) == 2 else (0, 0)
    if leaf != "weight" or not piece.parameter.startswith("language.layers.") or columns % GROUP or not rows:
        yield piece, torch.bfloat16
        return
    shapes = ((columns, rows // 8), (columns // GROUP, rows // 8), (columns // GROUP, rows))
    for suffix, shape, dtype in zip(SUFFIXES, shapes, (torch.int32, torch.int32, torch.float16), strict=True):
        yield Piece(f"{base}.{suffix}", piece.parameter, piece.start, shape), dtype


def write(settings: Settings, findings: Findings) -> None:
    """A folder with random codes, made on the device."""
    config = GEOMETRIES["nano" if settings.tiny else "38b"]
    table = pieces(parameter_shapes(build_empty(config)), "release", config.language)
    dtypes = {part: dtype for piece in table for part, dtype in stored(piece)}

    def make(piece: Piece) -> torch.Tensor:
        dtype, shape = dtypes[piece], piece.shape
        if dtype == torch.int32:
            return torch.randint(-(2**31), 2**31 - 1, shape, dtype=dtype, device=settings.device).cpu()
        if dtype == torch.float16:
            return torch.rand(shape, device=settings.device).mul(2e-3).add(3e-3).half().cpu()
        if len(shape) == 1:
            return torch.ones(shape, dtype=dtype)
        return torch.empty(shape, dtype=dtype, device=settings.device).normal_(0.0, 0.02).cpu()

    sizes = {piece.name: prod(piece.shape) * dtype.itemsize for piece, dtype in dtypes.items()}
    begun = time.perf_counter()
    values = {**write_release(config, "bfloat16"), "quantization_config": QUANTISATION}
    write_folder(FOLDER, values, list(dtypes), sizes, make, tokenizer_from=None, max_shard_bytes=SHARD_BYTES,
                 overwrite=True)  # fmt: skip
    findings.add(step="write", bytes=sum(sizes.values()), seconds=time.perf_counter() - begun)


def forget() -> None:
    """Tell the system that the files' pages are not needed."""
    for path in FOLDER.glob("*.safetensors"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def start(settings: Settings, findings: Findings, cold: bool) -> None:
    """The folder to an engine's first token."""
    if cold:
        forget()
    use_expandable_segments()
    num_bytes = sum(path.stat().st_size for path in FOLDER.glob("*.safetensors"))
    torch.zeros(1, device=settings.device)  # the device's own start
    stamps = [time.perf_counter()]

    def lap() -> float:
        synchronise(settings.device)
        stamps.append(time.perf_counter())
        return stamps[-1] - stamps[-2]

    model = load(FOLDER, torch.bfloat16, settings.device)
    loaded = lap()
    engine = make_engine(model, max_model_len=2048, max_num_seqs=8, cache_bytes=1 << 30)
    prepared = lap()
    engine.add(replace(prompt(100, 0), params=exactly(2)))
    while engine.has_work:
        engine.step()
    findings.add(step="cold" if cold else "from memory", bytes=num_bytes, load_s=loaded,
                 gb_per_s=num_bytes / loaded / 1e9, prepare_s=prepared, two_tokens_s=lap(),
                 total_s=stamps[-1] - stamps[0])  # fmt: skip


def remove(settings: Settings, findings: Findings) -> None:
    """Take the folder away."""
    shutil.rmtree(FOLDER)
    findings.add(step="remove", folder_is_there=FOLDER.exists())


PARTS = {
    "write": Part(write, 150),
    "from_memory": Part(lambda settings, findings: start(settings, findings, False), 120),
    "cold": Part(lambda settings, findings: start(settings, findings, True), 150),
    "remove": Part(remove, 30),
}

if __name__ == "__main__":
    main((__doc__ or "").splitlines()[0], PARTS, __file__)

"""Weights on their way from the trainer to an engine: tensors in a block of memory, block by block.

Enters: named tensors, one after the other. Leaves: at the engine's end the same tensors, block by block.
Always holds: no file is written; neither end holds more than a block beside its own model (a block has room
for the largest tensor); a block is written again only when the engine has taken it. A block lies on the
trainer's GPU where the engine can see this GPU (CUDA IPC), in memory that both processes share where they run
on one machine, and else travels over the connection.
"""

from __future__ import annotations

import base64
import mmap
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

BLOCK_BYTES = 1 << 28
ALIGN = 64  # bytes, from which each tensor begins


@dataclass(frozen=True)
class Laid:
    """A tensor in a block. start: its first byte."""

    name: str
    dtype: str
    shape: Sequence[int]
    start: int

    @property
    def num_bytes(self) -> int:
        """Of its values."""
        return getattr(torch, self.dtype).itemsize * torch.Size(self.shape).numel()


class WeightBlock(Protocol):
    """Room for tensors. buffer: uint8 (size,)."""

    buffer: torch.Tensor

    def place(self) -> dict[str, Any]:
        """Where the engine finds the block: plain values."""

    def content(self, num_bytes: int) -> bytes:
        """What has to travel over the connection."""

    def close(self) -> None:
        """Give the memory back."""


class SharedBlock:
    """Memory without a name that other processes of this user can map, and that ends with this one."""

    def __init__(self, size: int) -> None:
        self._file = os.memfd_create("r1v-weights")
        os.ftruncate(self._file, size)
        self._map = mmap.mmap(self._file, size)
        self.buffer = torch.frombuffer(self._map, dtype=torch.uint8)

    def place(self) -> dict[str, Any]:
        """See WeightBlock."""
        return {"kind": "shared", "path": f"/proc/{os.getpid()}/fd/{self._file}", "size": len(self.buffer)}

    def content(self, num_bytes: int) -> bytes:
        """See WeightBlock."""
        return b""

    def close(self) -> None:
        """See WeightBlock. The map ends with the buffer that looks into it."""
        del self.buffer
        os.close(self._file)


class SentBlock:
    """Memory whose content travels."""

    def __init__(self, size: int) -> None:
        self.buffer = torch.empty(size, dtype=torch.uint8)

    def place(self) -> dict[str, Any]:
        """See WeightBlock."""
        return {"kind": "sent"}

    def content(self, num_bytes: int) -> bytes:
        """See WeightBlock."""
        return self.buffer[:num_bytes].numpy().tobytes()

    def close(self) -> None:
        """See WeightBlock."""
        del self.buffer


class DeviceBlock:
    """Memory of the trainer's GPU, which an engine's processes open by its handle."""

    def __init__(self, size: int, device: torch.device) -> None:
        self.buffer = torch.empty(size, dtype=torch.uint8, device=device)

    def place(self) -> dict[str, Any]:
        """See WeightBlock. What was written is complete before others read it."""
        torch.cuda.synchronize(self.buffer.device)
        _, found = torch.multiprocessing.reductions.reduce_tensor(self.buffer)
        handle = [
            {"bytes": base64.b64encode(one).decode()} if isinstance(one, bytes) else one for one in found[7:]
        ]
        return {"kind": "device", "uuid": device_uuid(self.buffer.device), "handle": handle,
                "size": len(self.buffer)}  # fmt: skip

    def content(self, num_bytes: int) -> bytes:
        """See WeightBlock."""
        return b""

    def close(self) -> None:
        """See WeightBlock."""
        del self.buffer


def device_uuid(device: torch.device | int) -> str:
    """What names a GPU for all processes of a machine."""
    return str(torch.cuda.get_device_properties(device).uuid)


@dataclass
class Filled:
    """Tensors in a block, in the order in which they came."""

    tensors: list[Laid] = field(default_factory=list)
    num_bytes: int = 0


def fill(block: WeightBlock, tensors: Iterable[tuple[str, torch.Tensor]]) -> Iterator[Filled]:
    """Write tensors into a block until it is full; what is yielded must be taken before the next step."""
    filled = Filled()
    for name, tensor in tensors:
        size = tensor.numel() * tensor.element_size()
        if filled.tensors and filled.num_bytes + size > len(block.buffer):
            yield filled
            filled = Filled()
        start = filled.num_bytes
        room = block.buffer[start : start + size].view(tensor.dtype).view(tensor.shape)
        room.copy_(tensor)
        filled.tensors.append(Laid(name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape), start))
        filled.num_bytes = -(-(start + size) // ALIGN) * ALIGN
    if filled.tensors:
        yield filled


def read(
    place: Mapping[str, Any], laid: Sequence[Laid], content: bytes, device: torch.device
) -> list[tuple[str, torch.Tensor]]:
    """Copies of the tensors of a block on a device. OSError, RuntimeError: the block cannot be opened."""
    source, found = _open(place, content), []
    for one in laid:
        held = source[one.start : one.start + one.num_bytes].view(getattr(torch, one.dtype))
        found.append((one.name, held.view(tuple(one.shape)).to(device, copy=True)))
    return found


def _open(place: Mapping[str, Any], content: bytes) -> torch.Tensor:
    """A block's bytes, uint8 (size,)."""
    if place["kind"] == "sent":
        return torch.frombuffer(bytearray(content), dtype=torch.uint8)
    if place["kind"] == "shared":
        with open(place["path"], "r+b") as file:
            return torch.frombuffer(mmap.mmap(file.fileno(), place["size"]), dtype=torch.uint8)
    number = next((i for i in range(torch.cuda.device_count()) if device_uuid(i) == place["uuid"]), None)
    if number is None:
        raise RuntimeError(f"the engine does not see the trainer's GPU {place['uuid']}")
    handle = [base64.b64decode(one["bytes"]) if isinstance(one, dict) else one for one in place["handle"]]
    opened: torch.Tensor = torch.multiprocessing.reductions.rebuild_cuda_tensor(
        torch.Tensor, (place["size"],), (1,), 0, torch.storage.UntypedStorage, torch.uint8, number, *handle
    )
    return opened

"""Which module of a model goes to which device.

Enters: a model, on the meta device or not, and what each device has room for. Leaves: a device for every
parameter and buffer. Always holds: layers keep their order from device to device, no layer is split, no
device gets more than its room, and the fullest device is as little full as can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from r1v.core import CapacityError

DeviceMap = dict[str, int | str]


@dataclass(frozen=True, slots=True)
class Block:
    """What stays together on one device: a module or a bare parameter by name, and its size in bytes."""

    name: str
    num_bytes: int


def blocks_of(model: nn.Module, bytes_per_value: float | None = None) -> list[Block]:
    """Every layer of every stack, and whatever lies around the stacks, in the order of computation.

    bytes_per_value: of parameters once loaded; None is that of their own dtype.
    """
    blocks: list[Block] = []
    seen: set[int] = set()

    def size(tensors: Sequence[torch.Tensor]) -> int:
        total = 0.0
        for tensor in tensors:
            if id(tensor) not in seen:  # a tied copy takes no memory of its own
                seen.add(id(tensor))
                total += tensor.numel() * (bytes_per_value or tensor.element_size())
        return int(total)

    def whole(name: str, module: nn.Module) -> None:
        blocks.append(Block(name, size([*module.parameters(), *module.buffers()])))

    def descend(prefix: str, module: nn.Module) -> None:
        own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        blocks.extend(Block(prefix + name, size([tensor])) for name, tensor in own)
        for name, child in module.named_children():
            if isinstance(child, nn.ModuleList):
                for number, layer in child.named_children():
                    whole(f"{prefix}{name}.{number}", layer)
            elif any(isinstance(inner, nn.ModuleList) for inner in child.modules()):
                descend(f"{prefix}{name}.", child)
            else:
                whole(prefix + name, child)

    descend("", model)
    return blocks


def assign(blocks: Sequence[Block], room_bytes: Sequence[int], *, offload: bool = False) -> DeviceMap:
    """Devices 0, 1, … for the blocks, or "cpu" for what is left over where offload allows it.

    CapacityError: the blocks do not fit, and offload is off.
    """
    needed = sum(block.num_bytes for block in blocks)
    if not room_bytes or (placed := _fill(blocks, room_bytes, 1.0)) is None:
        if not offload:
            raise CapacityError(
                f"the model needs {needed / 1e9:.1f} GB, but {len(room_bytes)} devices have room for "
                f"{sum(room_bytes) / 1e9:.1f} GB; use more devices, 4 bits, or offload to the CPU"
            )
        return _fill_or_offload(blocks, room_bytes)
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        found = _fill(blocks, room_bytes, middle)
        if found is None:
            low = middle
        else:
            high, placed = middle, found
    return placed


def _fill(blocks: Sequence[Block], room_bytes: Sequence[int], part: float) -> DeviceMap | None:
    """Fill one device after the other, each up to the same share of its room; None if that is not enough."""
    placed: DeviceMap = {}
    device, used = 0, 0.0
    for block in blocks:
        while used + block.num_bytes > part * room_bytes[device]:
            device, used = device + 1, 0.0
            if device == len(room_bytes):
                return None
        placed[block.name] = device
        used += block.num_bytes
    return placed


def _fill_or_offload(blocks: Sequence[Block], room_bytes: Sequence[int]) -> DeviceMap:
    placed: DeviceMap = {}
    device, used = 0, 0
    for block in blocks:
        while device < len(room_bytes) and used + block.num_bytes > room_bytes[device]:
            device, used = device + 1, 0
        placed[block.name] = device if device < len(room_bytes) else "cpu"
        used += block.num_bytes
    return placed


def plan_devices(
    model: nn.Module,
    room_bytes: Sequence[int],
    *,
    offload: bool = False,
    bytes_per_value: float | None = None,
) -> DeviceMap:
    """A device for every module of a transformers model; a head that shares the embedding lies beside it.

    room_bytes: of each device. Raises CapacityError.
    """
    placed = assign(blocks_of(model, bytes_per_value), room_bytes, offload=offload)
    names = {id(module): name for name, module in model.named_modules()}
    find_embedding = getattr(model, "get_input_embeddings", None)
    find_head = getattr(model, "get_output_embeddings", None)
    embedding = find_embedding() if callable(find_embedding) else None
    head = find_head() if callable(find_head) else None
    if isinstance(embedding, nn.Module) and isinstance(head, nn.Module) and embedding.weight is head.weight:
        placed[names[id(head)]] = placed[names[id(embedding)]]
    return placed


def device_of(name: str, placed: DeviceMap) -> int | str:
    """The device of a parameter or buffer by its full name."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        if (found := placed.get(".".join(parts[:end]))) is not None:
            return found
    return placed[""]


def free_bytes(num_devices: int | None = None, part: float = 0.85) -> list[int]:
    """Room for weights on each CUDA device; the rest is for the cache and activations."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    count = count if num_devices is None else min(num_devices, count)
    return [int(torch.cuda.mem_get_info(index)[0] * part) for index in range(count)]

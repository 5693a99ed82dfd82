"""Where and how a run computes: its device, its precision, and the processes that share the work."""

from __future__ import annotations

import contextlib
import resource
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from r1v.core import ConfigError
from r1v.ops import isa, select
from r1v.prompt.tiling import IMAGENET_MEAN, IMAGENET_STD
from r1v.train.core.distributed import ONE_PROCESS, World
from r1v.train.data.batches import MicroBatch


def device_of(name: str, key: str) -> torch.device:
    """The device that a key names. ConfigError: there is none of this name."""
    try:
        found = torch.device(name)
    except RuntimeError:
        found = None
    if found is None or found.type not in ("cpu", "cuda"):
        raise ConfigError(f"{key} is {name!r}; use cpu, cuda, or cuda:1 for one of several")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise ConfigError(
            f"{key} is {name}, but PyTorch finds {count} CUDA devices; use "
            + (f"cuda:0 to cuda:{count - 1}" if count else "cpu")
        )
    return found


@dataclass(frozen=True)
class Compute:
    """A device, whether forward and backward passes use bf16 on it, and the processes that share the work."""

    device: torch.device
    bf16: bool
    world: World = ONE_PROCESS

    @classmethod
    def open(cls, device: str, bf16: bool) -> Compute:
        """device "auto": a CUDA device if there is one, a different one for each process of a host.

        bf16: used only where it is native. ConfigError: the device does not exist.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        found = device_of(device, "run.device")
        world = World.open(device)
        if found.type == "cuda":
            # hardly two parts of a run have one shape, and cuDNN's attention plans anew for each, which takes
            # the host longer than the device computes; Flash attention, the next choice, needs no plan
            torch.backends.cuda.enable_cudnn_sdp(False)
        if world.size > 1 and device == "cuda":
            found = torch.device("cuda", torch.distributed.get_node_local_rank())
            torch.cuda.set_device(found)
        return cls(found, bf16 and computes_bf16(found), world)

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The precision of a forward pass."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else contextlib.nullcontext()

    def move(self, part: MicroBatch) -> MicroBatch:
        """A batch on the device."""
        return part.apply(lambda tensor: tensor.to(self.device, non_blocking=True))

    def peak_bytes(self) -> int:
        """The peak of memory so far: on the device, or of this process if it computes on the CPU."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def normalise(tiles: torch.Tensor) -> torch.Tensor:
    """`prompt.normalise` on the device of the tiles: moving bytes to it costs less than moving floats.

    uint8 (num_tiles, S, S, 3) -> float32 (num_tiles, 3, S, S).
    """
    mean, std = _mean_and_std(tiles.device)
    return (tiles.permute(0, 3, 1, 2).float() / 255 - mean) / std


@cache
def _mean_and_std(device: torch.device) -> torch.Tensor:
    """(2, 3, 1, 1). Kept, because copying it for each part would make the host wait for the part before."""
    return torch.tensor([IMAGENET_MEAN, IMAGENET_STD], device=device).view(2, 3, 1, 1)


def computes_bf16(device: torch.device) -> bool:
    """Whether a device computes bf16 natively. Where it is emulated, training in it takes many times
    longer."""
    if device.type == "cpu":
        return select.has_native_bf16(isa.features())
    return device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)

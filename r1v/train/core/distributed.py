"""Training in several processes, which torchrun starts: who does what, and what they have to agree on.

Enters: values of each process. Leaves: the values of all. Always holds: one process without torchrun is a
world of size 1, in which nothing here communicates; every process makes the same collective calls in the
same order.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import zip_longest
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor, Shard

T = TypeVar("T")

# How long `World.barrier` waits: the first process may score or ask for hours while the others have nothing
# to do. Where one is gone, the others notice at once.
PATIENCE = timedelta(days=30)


@dataclass(frozen=True)
class World:
    """The processes of a run. rank: of this one, from 0; the first one writes and speaks for all. team: that
    many neighbours do the same share of the work together, and count as one where values are gathered."""

    rank: int = 0
    size: int = 1
    team: int = 1

    @classmethod
    def open(cls, device: str) -> World:
        """As torchrun started it. GPUs have NCCL for their tensors and gloo for everything on the host."""
        if not dist.is_torchelastic_launched():
            return cls()
        if not dist.is_initialized():
            dist.init_process_group("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo")
        _patient(dist.group.WORLD)  # all processes have to create it together
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def first(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0

    @property
    def num_shares(self) -> int:
        """Into how many parts the work is divided."""
        return self.size // self.team

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's part of what all have to do."""
        return items[self.rank // self.team :: self.num_shares]

    def gather(self, value: T) -> list[T]:
        """The value of every process, or of the first one of every team, in the order of their ranks."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values[:: self.team]

    def collect(self, own: Sequence[T]) -> list[T]:
        """What every process made of its `share`, in the order of the whole."""
        turns = zip_longest(*self.gather([(one,) for one in own]))
        return [held[0] for turn in turns for held in turn if held is not None]

    def agree(self, value: T) -> T:
        """The first process's value, in all of them: for what a clock decides."""
        return self.gather(value)[0]

    def tell(self, number: int) -> int:
        """A number of the first process, in all of them."""
        if self.size == 1:
            return number
        held = torch.tensor([number])
        dist.broadcast(held, 0)
        return int(held)

    def barrier(self) -> None:
        """Wait for all, however long they work."""
        if self.size > 1:
            dist.barrier(_patient(dist.group.WORLD))

    def mesh(self, device: str, hsdp: bool) -> DeviceMesh:
        """The processes as FSDP sees them: one line. hsdp: over several hosts each host holds the whole model
        in shares and hosts repeat each other."""
        per_host = self.gather(socket.gethostname()).count(socket.gethostname())
        if hsdp and per_host < self.size and self.size % per_host == 0:
            return init_device_mesh(
                device, (self.size // per_host, per_host), mesh_dim_names=("replicate", "shard")
            )
        return init_device_mesh(device, (self.size,), mesh_dim_names=("shard",))


ONE_PROCESS = World()


@cache
def _patient(group: Any) -> Any:
    """A second group of the same processes, whose calls wait for `PATIENCE`; the first one's fail after half
    an hour, which shows that processes wait for different things."""
    return dist.new_group(backend="gloo", timeout=PATIENCE)


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """All of a tensor, gathered from the processes where it is split among them."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def local(tensor: torch.Tensor) -> torch.Tensor:
    """This process's rows of a tensor; all of one that is not split."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def first_row(tensor: torch.Tensor) -> int:
    """The number of this process's first row in the whole tensor. Rows are cut as `torch.chunk` cuts them."""
    if not isinstance(tensor, DTensor):
        return 0
    for place, placement in enumerate(tensor.placements):
        if isinstance(placement, Shard):
            assert placement.dim == 0, "parameters are split by rows"
            mesh = tensor.device_mesh
            rows = -(-tensor.shape[0] // mesh.size(place))
            return min(mesh.get_local_rank(place) * rows, tensor.shape[0])
    return 0

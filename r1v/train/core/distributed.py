"""Training in several processes, which torchrun starts: who does what, a model in each or in shares (FSDP2).

Enters: a model, the same in every process. Leaves: gradients summed over the processes, or the model with
each parameter split among them, and what they have to agree on. Always holds: one process without torchrun is
a world of size 1, in which nothing here communicates; every process makes the same collective calls in the
same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from r1v.models import R1V

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The processes of a run. rank: of this one, from 0; the first one writes and speaks for all."""

    rank: int = 0
    size: int = 1

    @classmethod
    def open(cls, device: str) -> World:
        """As torchrun started it; NCCL between GPUs, gloo between CPUs."""
        if not dist.is_torchelastic_launched():
            return cls()
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def first(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's part of what all have to do."""
        return items[self.rank :: self.size]

    def gather(self, value: T) -> list[T]:
        """The value of every process, in the order of their ranks."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def collect(self, own: Sequence[T]) -> list[T]:
        """What every process made of its `share`, in the order of the whole."""
        turns = zip_longest(*self.gather([(one,) for one in own]))
        return [held[0] for turn in turns for held in turn if held is not None]

    def agree(self, value: T) -> T:
        """The first process's value, in all of them: for what a clock decides."""
        return self.gather(value)[0]

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Make each gradient its sum over the processes, of a model that every one of them holds whole.

        A parameter gets one where any process has one, so that all make the same update.
        """
        if self.size == 1:
            return
        trained = [one for one in parameters if one.requires_grad]
        have = self.gather([one.grad is not None for one in trained])
        work = []
        for parameter, held in zip(trained, zip(*have, strict=True), strict=True):
            if any(held):
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                work.append(dist.all_reduce(parameter.grad, async_op=True))
        for one in work:
            one.wait()

    def barrier(self) -> None:
        """Wait for all."""
        if self.size > 1:
            dist.barrier()


ONE_PROCESS = World()


def shard(root: nn.Module, model: R1V, world: World) -> None:
    """Split the parameters of ``root``, a module around the model whose ``forward`` is the losses' pass.

    Layers are gathered one by one for their own pass; what is left (embeddings, norms, projector, heads)
    belongs to the root. Gradients are means over the processes.
    """
    mesh = init_device_mesh(model.device.type, (world.size,))
    for layer in (*model.vision.layers, *model.language.layers):
        fully_shard(layer, mesh=mesh)
    fully_shard(root, mesh=mesh)


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """All of a tensor, gathered from the processes where it is split among them."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def split_like(value: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """A whole tensor, the same in every process, split as another one is."""
    if not isinstance(other, DTensor):
        return value
    return distribute_tensor(value, other.device_mesh, other.placements, src_data_rank=None)


def own_share(state: Any) -> Any:
    """A nested state with every split tensor replaced by this process's share."""
    if isinstance(state, DTensor):
        return state.to_local()
    if isinstance(state, Mapping):
        return {key: own_share(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(own_share(value) for value in state)
    return state


def restore_shares(module: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Give a module the state that `own_share` made of it."""
    own = module.state_dict()
    module.load_state_dict({n: as_split(v, own[n]) if n in own else v for n, v in state.items()})


def as_split(share: torch.Tensor, split: torch.Tensor) -> torch.Tensor:
    """A process's share of a tensor as part of one that is split as another."""
    if not isinstance(split, DTensor) or share.shape != split.to_local().shape:
        return share
    return DTensor.from_local(
        share, split.device_mesh, split.placements, shape=split.shape, stride=split.stride(), run_check=False
    )

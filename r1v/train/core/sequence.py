"""Rows that are computed by several processes together, each a part of their tokens (sequence parallelism).

Enters: rows that all processes of a team have. Leaves: scores that all of them have. Always holds: outside
attention a process computes its columns of the rows only; for attention it exchanges them for all columns of
its share of the heads, and back; a loss that every process of a team computes from the scores gives each the
gradient of its own columns, so that the sum over the processes is the gradient of the loss. Source: DeepSpeed
Ulysses, Jacobs et al. 2023, arXiv 2309.14509, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch.nn import functional as F

from r1v.core import ConfigError
from r1v.models.config import LanguageConfig
from r1v.ops import Attention, CausalAttention, segment_positions
from r1v.train.core.distributed import World
from r1v.train.data.batches import MicroBatch


@dataclass(frozen=True)
class Team:
    """The processes that compute rows together. size: their number; place: of this one among them, from 0."""

    size: int = 1
    place: int = 0
    group: dist.ProcessGroup | None = None

    @classmethod
    def open(cls, world: World, size: int, language: LanguageConfig) -> Team:
        """This process's team of ``size`` neighbours. All processes call it together.

        ConfigError: the processes, or the model's heads, cannot be divided by it.
        """
        if size == 1:
            return cls()
        if world.size % size:
            raise ConfigError(
                f"model.sequence_parallel is {size}, but there are {world.size} processes; it must divide "
                "the number that torchrun starts"
            )
        if not language.heads_divide_among(size):
            heads, kv_heads = language.num_heads, language.num_kv_heads
            raise ConfigError(
                f"model.sequence_parallel is {size}; it must divide the model's {heads} attention heads, and "
                f"divide its {kv_heads} key-value heads or be a multiple of them"
            )
        group = None
        for first in range(0, world.size, size):  # every process has to make every group
            made = dist.new_group(list(range(first, first + size)))
            group = made if first <= world.rank < first + size else group
        return cls(size, world.rank % size, group)


class SequenceAttention:
    """An attention over whole rows, called by processes that have their own columns of them. See Attention.

    If there are fewer key-value heads than processes, each head is sent to several.
    """

    def __init__(self, inner: Attention, team: Team) -> None:
        self.inner, self.team = inner, team

    def __call__(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        size = self.team.size
        if v.shape[2] < size:
            k, v = (part.repeat_interleave(size // v.shape[2], dim=2) for part in (k, v))
        # the heads of each process side by side: its queries, keys and values
        parts = [part.to(v.dtype).unflatten(2, (size, -1)) for part in (q, k, v)]
        heads = [part.shape[3] for part in parts]
        own = _Exchange.apply(torch.cat(parts, 3).flatten(2, 3), self.team, True)
        mixed: torch.Tensor = _Exchange.apply(self.inner(layer, *own.split(heads, dim=2)), self.team, False)
        return mixed


class _Exchange(torch.autograd.Function):
    """Own columns of all heads (B, T / S, H, hd) -> all columns of own heads (B, T, H / S, hd), or back."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, team: Team, to_heads: bool) -> torch.Tensor:
        ctx.team, ctx.to_heads = team, to_heads
        return _exchange(x, team, to_heads)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[Any, ...]:
        return _exchange(gradient, ctx.team, not ctx.to_heads), None, None


def _exchange(x: torch.Tensor, team: Team, to_heads: bool) -> torch.Tensor:
    if to_heads:
        sent = x.unflatten(2, (team.size, -1)).permute(2, 0, 1, 3, 4).contiguous()
    else:
        sent = x.unflatten(1, (team.size, -1)).permute(1, 0, 2, 3, 4).contiguous()
    got = torch.empty_like(sent)
    dist.all_to_all_single(got, sent, group=team.group)
    if to_heads:
        return got.permute(1, 0, 2, 3, 4).flatten(1, 2)
    return got.permute(1, 2, 0, 3, 4).flatten(2, 3)


class _Assemble(torch.autograd.Function):
    """A process's values at its places among ``number`` -> those of all processes (number,)."""

    @staticmethod
    def forward(ctx: Any, own: torch.Tensor, places: torch.Tensor, number: int, team: Team) -> torch.Tensor:
        ctx.save_for_backward(places)
        whole = own.new_zeros(number)
        whole[places] = own
        dist.all_reduce(whole, group=team.group)
        return whole

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[Any, ...]:
        (places,) = ctx.saved_tensors
        return gradient[places], None, None, None


@dataclass(frozen=True)
class OwnColumns:
    """A process's columns of a part.

    input_ids, positions: int64 (B, T / S). target_places: int64 (n,), flat places in these columns; places:
    int64 (n,), of these targets among all of the part. tiles: int64, the numbers of the tiles whose features
    stand here; features: int64, the features among those of these tiles, in order. attention: over whole
    rows.
    """

    team: Team
    input_ids: torch.Tensor
    positions: torch.Tensor
    target_places: torch.Tensor
    places: torch.Tensor
    tiles: torch.Tensor
    features: torch.Tensor
    attention: SequenceAttention

    def assemble(self, values: torch.Tensor, number: int) -> torch.Tensor:
        """Values (n,) of the targets here -> float32 (number,) of all targets of the part."""
        found: torch.Tensor = _Assemble.apply(values.float(), self.places, number, self.team)
        return found


def own_columns(part: MicroBatch, team: Team, image_token_id: int | None, tokens_per_tile: int) -> OwnColumns:
    """Of a part whose rows are made longer, if need be, so that each process has as many columns."""
    width = part.input_ids.shape[1]
    own = -(-width // team.size)
    more = own * team.size - width
    ids = F.pad(part.input_ids, (0, more), value=1 if image_token_id == 0 else 0)
    segments = None if part.segment_ids is None else F.pad(part.segment_ids, (0, more), value=-1)
    if segments is None:
        positions = torch.arange(own * team.size, device=ids.device).expand_as(ids)
    else:
        positions = segment_positions(segments)
    columns = slice(team.place * own, (team.place + 1) * own)
    at = part.target_places % width
    places = ((at >= columns.start) & (at < columns.stop)).nonzero()[:, 0]
    rows = part.target_places[places] // width
    is_image = ids == (-1 if image_token_id is None else image_token_id)
    numbers = (is_image.flatten().cumsum(0) - 1).view_as(ids)
    wanted = numbers[:, columns][is_image[:, columns]]
    tiles = (wanted // tokens_per_tile).unique()
    features = torch.searchsorted(tiles, wanted // tokens_per_tile) * tokens_per_tile
    return OwnColumns(
        team, ids[:, columns], positions[:, columns], rows * own + at[places] - columns.start, places, tiles,
        features + wanted % tokens_per_tile, SequenceAttention(CausalAttention(segments), team),
    )  # fmt: skip

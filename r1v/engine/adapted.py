"""Two models over one cache: rows whose prompt has pictures go through the one with the adapter.

Enters: a `Step` with rows of both kinds. Leaves: the logits of all, in the order of the step. Always holds: a
row without pictures is computed by the base alone, together with such rows only; blocks of the cache are
shared within a kind (`Sequence.salt`).
"""

from __future__ import annotations

from dataclasses import replace

import torch

from r1v.core import ConfigError
from r1v.engine.config import EngineConfig
from r1v.engine.runner import Runner
from r1v.engine.scheduler import Chunk, Step
from r1v.engine.tiles import TileCache
from r1v.engine.weights import RunnableModel, prepare
from r1v.models import R1V
from r1v.ops.paged import PagedCache

SALT = b"adapter"  # begins the digests of blocks that the adapted model fills


class AdaptedRunner:
    """As Runner, of two models. Both share the cache and the encoded tiles, which are the adapted one's."""

    def __init__(self, plain: Runner, adapted: Runner) -> None:
        self._plain, self._adapted = plain, adapted

    @classmethod
    def of(
        cls,
        plain: Runner,
        adapted: R1V,
        weight_format: str,
        cache: PagedCache,
        tiles: TileCache,
        config: EngineConfig,
    ) -> AdaptedRunner:
        """A runner of the adapted model beside that of the base. ConfigError: not on a CPU."""
        if adapted.device.type != "cpu":
            raise ConfigError(
                f"an adapter for pictures is run only on a CPU, not on {adapted.device.type}; merge it "
                "first: r1v convert MODEL OUT --merge-adapter"
            )
        return cls(plain, Runner(prepare(adapted, weight_format), cache, tiles, config))

    @property
    def num_encoded(self) -> int:
        """Tiles that were encoded."""
        return self._adapted.num_encoded

    def weights_changed(self, runnable: RunnableModel) -> None:
        """With an adapter the weights cannot change: always a ConfigError."""
        raise ConfigError("a model with an adapter for pictures cannot be trained; merge the adapter first")

    def __call__(self, step: Step) -> torch.Tensor:
        """Logits (rows, V) of the rows that sample, in the order of the chunks."""
        kinds = [bool(chunk.sequence.salt) for chunk in step.chunks]
        if not any(kinds):
            return self._plain(step)
        if all(kinds):
            return self._adapted(step)
        with_pictures = replace(step, chunks=[c for c, kind in zip(step.chunks, kinds, strict=True) if kind])
        without = replace(
            step, chunks=[c for c, k in zip(step.chunks, kinds, strict=True) if not k], tiles=[]
        )
        parts = {True: self._adapted(with_pictures), False: self._plain(without)}
        taken = {True: 0, False: 0}
        found = []
        for chunk, kind in zip(step.chunks, kinds, strict=True):
            rows = _rows(chunk)
            found.append(parts[kind][taken[kind] : taken[kind] + rows])
            taken[kind] += rows
        return torch.cat(found)


def _rows(chunk: Chunk) -> int:
    return 1 + chunk.num_drafts if chunk.samples else 0

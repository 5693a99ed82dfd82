"""How much one step of the engine may compute, so that no request waits too long for its next id.

Enters: a configuration in which sizes may be 0, the model, and what the device was measured to do. Leaves:
the same with every size set. Always holds: sizes that were given are kept; a GPU's rate is measured once and
the results are rounded, so that the same device and model give the same sizes. Only `StepPace`, which a
server on a CPU uses, goes by the clock while it runs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch

from r1v.engine.config import EngineConfig, default_num_seqs
from r1v.models import R1V

CPU_STEP_TOKENS, CPU_STEP_TILES = 1024, 4
CUDA_STEP_MS = 250.0  # what prompts may add to a step; a step that only decodes has no limit
ALONE = 4.0  # times as long may a step take where nobody else waits for it
FIRST_TOKENS, LEAST_TOKENS = 128, 64  # of a step: before anything was measured, and however slow it is
MIN_STEP_TOKENS, MAX_STEP_TOKENS, MAX_STEP_TILES = 512, 16384, 64
_REACHED = 0.75  # share of the rate of one large product that a whole step reaches
_GRAIN = 256  # tokens; one tile of a product's rows, and coarse enough to hide the noise of measuring
_ACTIVATIONS = 0.1  # of the free memory, at most


@dataclass(frozen=True, slots=True)
class Work:
    """Floating-point operations of one token of a prompt and of one image tile, and the bytes that a token's
    activations take at the widest place."""

    token_flops: float
    tile_flops: float  # 0 without a tower
    token_bytes: int


def work_of(model: R1V) -> Work:
    """From the shapes alone."""
    language, vision = model.config.language, model.config.vision
    heads = (language.num_heads * 2 + language.num_kv_heads * 2) * language.head_dim
    layer = language.hidden_size * (heads + 3 * language.intermediate_size)
    tile_flops = 0.0
    if vision is not None:
        patches = vision.patches_per_side**2 + 1
        tower = vision.hidden_size * (4 * vision.hidden_size + 2 * vision.intermediate_size)
        attention = 2 * patches * vision.hidden_size
        tile_flops = 2.0 * vision.num_layers * patches * (tower + attention)
    return Work(
        token_flops=2.0 * language.num_layers * layer,
        tile_flops=tile_flops,
        token_bytes=2 * (3 * language.hidden_size + 4 * language.intermediate_size),
    )


def product_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of one large product on a CUDA device, the best of a few."""
    side = 4096
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(6):
        torch.cuda.synchronize(device)
        begun = time.perf_counter()
        a @ b
        torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - begun)
    return 2.0 * side**3 / best


def sizes_for(config: EngineConfig, work: Work, rate: float, free_bytes: int) -> EngineConfig:
    """Sizes for a GPU of this rate: as much prompt as `max_step_ms` allows, no more than memory does."""
    target_s = (config.max_step_ms or CUDA_STEP_MS) / 1e3
    flops = target_s * rate * _REACHED
    room = int(_ACTIVATIONS * free_bytes / work.token_bytes)
    tokens = min(int(flops / work.token_flops), MAX_STEP_TOKENS, max(room, MIN_STEP_TOKENS))
    tokens = max(MIN_STEP_TOKENS, tokens // _GRAIN * _GRAIN)
    tiles = max(1, min(int(flops / work.tile_flops), MAX_STEP_TILES)) if work.tile_flops else 1
    seqs = config.max_num_seqs or default_num_seqs("cuda")
    return replace(
        config,
        max_num_seqs=seqs,
        max_step_tokens=config.max_step_tokens or max(tokens, seqs),
        max_step_tiles=config.max_step_tiles or tiles,
    )


class StepPace:
    """Keeps the steps of a CPU near a given time, whatever the model, the length of contexts and the
    machine's other work: from the time that the last steps took it says how many ids of prompts and how many
    tiles the next step may have.

    A GPU needs none of this: its rate is measured once.
    """

    def __init__(self, target_s: float) -> None:
        self._target_s = target_s
        self._token_s: float | None = None
        self._tile_s: float | None = None

    def limits(self, config: EngineConfig, *, alone: bool) -> tuple[int, int]:
        """(ids of prompts, tiles) of the next step, at least 1 each. alone: there is only one sequence."""
        target_s = self._target_s * (ALONE if alone else 1.0)
        tokens, tiles = FIRST_TOKENS, 1
        if self._token_s is not None:
            tokens = max(LEAST_TOKENS, int(target_s / self._token_s) // LEAST_TOKENS * LEAST_TOKENS)
        if self._tile_s is not None:
            tiles = max(1, int(target_s / self._tile_s))
        return min(tokens, config.max_step_tokens), min(tiles, config.max_step_tiles)

    def took(self, seconds: float, num_tokens: int, num_tiles: int) -> None:
        """Learn from a step that computed so many ids of prompts and so many tiles."""
        if num_tiles:
            tokens_s = num_tokens * (self._token_s or 0.0)
            self._tile_s = self._mixed(self._tile_s, max(seconds - tokens_s, seconds / 10) / num_tiles)
        elif num_tokens >= LEAST_TOKENS:
            self._token_s = self._mixed(self._token_s, seconds / num_tokens)

    @staticmethod
    def _mixed(before: float | None, now: float) -> float:
        """A slower measurement counts in full, because contexts grow; a faster one counts by half,
        because a quick step may be an accident."""
        return now if before is None or now > before else (before + now) / 2


def resolve_sizes(config: EngineConfig, model: R1V, free_bytes: int) -> EngineConfig:
    """A configuration with every size of a step set. Raises ConfigError where they contradict each other."""
    if model.device.type == "cuda" and not (config.max_step_tokens and config.max_step_tiles):
        return sizes_for(config, work_of(model), product_rate(model.device, model.dtype), free_bytes)
    seqs = config.max_num_seqs or default_num_seqs(model.device.type)
    return replace(
        config,
        max_num_seqs=seqs,
        max_step_tokens=config.max_step_tokens or max(CPU_STEP_TOKENS, seqs),
        max_step_tiles=config.max_step_tiles or CPU_STEP_TILES,
    )

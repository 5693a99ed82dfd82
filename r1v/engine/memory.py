"""How much memory there is, and how large a cache it makes.

Enters: a device and the shape of the cache. Leaves: a number of blocks. Always holds: the cache holds at
least one sequence of the length asked for; otherwise an error says what to change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from r1v.core import CapacityError
from r1v.engine.config import EngineConfig
from r1v.models import LanguageConfig

MIN_CONTEXT = 256  # tokens; a shorter context would be useless


@dataclass(frozen=True, slots=True)
class Sizes:
    """config: with max_model_len resolved. num_blocks: of the cache. block_bytes: keys and values of one."""

    config: EngineConfig
    num_blocks: int
    block_bytes: int


def free_memory(device: torch.device) -> int:
    """Bytes that can still be allocated: on the GPU, or in this machine or container."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = 1 << 62
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        if Path(limit).exists() and Path(used).exists() and Path(limit).read_text().strip().isdigit():
            free = min(free, int(Path(limit).read_text()) - int(Path(used).read_text()))
    return max(free, 0)


def plan_cache(
    config: EngineConfig, language: LanguageConfig, dtype: torch.dtype, device: torch.device
) -> Sizes:
    """Blocks for as many sequences as may run, or for as many as fit in memory.

    Raises CapacityError where not even one sequence of max_model_len fits.
    """
    per_token = 2 * language.num_layers * language.num_kv_heads * language.head_dim * dtype.itemsize
    block_bytes = per_token * config.block_size
    budget = config.cache_bytes
    source = "cache_bytes allows"
    if budget is None:
        budget = int(free_memory(device) * config.memory_fraction)
        source = f"memory_fraction {config.memory_fraction} of the free memory is"
    longest = config.max_model_len or language.context_length
    if longest > language.context_length:
        raise CapacityError(
            f"max_model_len is {longest}; this model's context is {language.context_length} tokens"
        )
    blocks_each = -(-longest // config.block_size)
    num_blocks = min(budget // block_bytes, blocks_each * config.max_num_seqs)
    if num_blocks < blocks_each:
        if config.max_model_len is not None or num_blocks * config.block_size < MIN_CONTEXT:
            raise CapacityError(
                f"a sequence of {longest} tokens needs {_gib(blocks_each * block_bytes)} of cache; {source} "
                f"{_gib(budget)}: lower max_model_len, free memory or take a smaller model"
            )
        longest = num_blocks * config.block_size
    return Sizes(replace(config, max_model_len=longest), num_blocks, block_bytes)


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:.2f} GiB"

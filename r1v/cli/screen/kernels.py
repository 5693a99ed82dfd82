"""`r1v inspect --kernels [PATH]`: what the processor has, which fast paths are chosen, and why."""

from __future__ import annotations

import json
import platform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from r1v.models import R1VConfig
    from r1v.ops.select import Choice, Weights


def show_kernels(path: str | None, as_json: bool) -> int:
    """Print the instruction sets and the choice for each operation; of a model's own layers where one is
    named, else of layers of a common shape."""
    import torch

    from r1v.ops import isa, select

    features = isa.features()
    config = _config(path)
    rows: dict[str, Choice] = {
        name: select.product(weights, features) for name, weights in _layers(config).items()
    }
    head_dim = 64 if config is None else config.language.head_dim
    rows["decode step"] = select.decoder(features, True, head_dim, torch.float32)
    rows["drawing ids"] = select.sampler(features, "cpu")
    rows["attention over the cache"] = select.paged_attention("cpu", torch.float32)
    rows["attention of prompts, bfloat16"] = select.many_queries(features, head_dim, torch.bfloat16)
    tower = None if config is None else config.vision
    if config is None or tower is not None:
        patch_dim = 64 if tower is None else tower.hidden_size // tower.num_heads
        rows["attention of patches, bfloat16"] = select.many_queries(features, patch_dim, torch.bfloat16)
    if torch.cuda.is_available():
        rows["attention over the cache, CUDA"] = select.paged_attention("cuda", torch.bfloat16)
    if as_json:
        values = {
            "architecture": features.architecture,
            "instructions": sorted(features.names),
            "level": features.level,
            "kernels": sorted(features.kernels),
            "kernel_level": features.kernel_level,
            "levels": list(features.levels),
            "choices": {name: {"path": row.name, "reason": row.reason} for name, row in rows.items()},
        }
        print(json.dumps(values, indent=2))
        return 0
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(
        f"[bold]{platform.machine()}[/bold]: {', '.join(sorted(features.names)) or 'nothing beyond'}"
    )
    if features != isa.machine():
        console.print(f"limited to {features.level} by R1V_CPU_ISA; it has {', '.join(isa.machine().levels)}")
    compiled = ", ".join(name for name in isa.LEVEL_NAMES if name in features.kernels) or "no level"
    console.print(f"our kernels: compiled for {compiled}; used: {features.kernel_level or 'none'}")
    table = Table("operation", "path", "why", box=None, padding=(0, 2, 0, 0))
    for name, row in rows.items():
        table.add_row(name, row.name, row.reason)
    console.print(table)
    return 0


def _config(path: str | None) -> R1VConfig | None:
    """The configuration of the model at a path; None without one. Raises ConfigError for other parts."""
    if path is None:
        return None
    from r1v.models import read_config
    from r1v.models.hub import resolve_model

    return read_config(resolve_model(path))


def _layers(config: R1VConfig | None) -> dict[str, Weights]:
    """Name of a layer -> what `select` must know of it."""
    import torch

    from r1v.ops.select import Weights, int4_group

    language = 1024, 4096
    vision: tuple[int, int] | None = (1024, 4096)
    if config is not None:
        language = config.language.hidden_size, config.language.intermediate_size
        tower = config.vision
        vision = None if tower is None else (tower.hidden_size, tower.intermediate_size)
    found: dict[str, Weights] = {}
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        name = str(dtype).removeprefix("torch.")
        found[f"language {language[1]} x {language[0]}, {name}"] = Weights((language[1], language[0]), dtype)
        found[f"language {language[0]} x {language[1]}, {name}"] = Weights(language, dtype)
        if vision is not None:
            found[f"vision {vision[1]} x {vision[0]}, {name}"] = Weights(
                (vision[1], vision[0]), dtype, part="vision"
            )
    for rows, columns in ((language[1], language[0]), language):
        group = int4_group(columns)
        found[f"language {rows} x {columns}, int4"] = Weights((rows, columns), torch.bfloat16, group)
    return found

"""R1V_CPU_ISA: have this process use no instruction sets above a level, as if the processor had no others."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping

from r1v.core import instruction_limit

VARIABLE = "R1V_CPU_ISA"

# level of r1v.ops.isa -> what ATen, oneDNN and MKL call it; they read it when torch is imported
_OF_TORCH = {
    "generic": ("default", "SSE41", "SSE4_2"),
    "avx2": ("avx2", "AVX2", "AVX2"),
    "avx512": ("avx512", "AVX512_CORE", "AVX512"),
    "avx512_vnni": ("avx512", "AVX512_CORE_VNNI", "AVX512"),
    "avx512_bf16": ("avx512", "AVX512_CORE_BF16", "AVX512"),
}
_NAMES = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS")


def limit_instructions(environment: MutableMapping[str, str]) -> None:
    """Apply the variable, where it is set, before torch is imported.

    Raises ConfigError for a level that does not exist or that this processor does not have. Where torch is
    not imported yet, `r1v.ops.isa.features` raises it when first asked: the check needs torch, which takes
    a second to import and which some commands never need.
    """
    level = environment.get(VARIABLE)
    if not level:
        return
    for name, value in zip(_NAMES, _OF_TORCH.get(level, ()), strict=False):
        environment.setdefault(name, value)
    if "torch" not in sys.modules:
        instruction_limit[:] = [level]
        return
    from r1v.ops import isa

    isa.limit(level)

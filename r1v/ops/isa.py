"""Which instructions this machine's processor has, in named levels.

Enters: what the processor reports, read once. Leaves: `Features`. Always holds: every decision that depends
on the processor uses a `Features` object (see `select`), so a test can ask what another machine would do.
"""

from __future__ import annotations

import functools
import platform
from dataclasses import dataclass, replace

import torch

from r1v.core import ConfigError, instruction_limit

_AVX2 = frozenset({"avx2", "fma3", "f16c"})
_AVX512 = _AVX2 | {"avx512_f", "avx512_bw", "avx512_dq", "avx512_vl"}
_VNNI = _AVX512 | {"avx512_vnni"}
_BF16 = _VNNI | {"avx512_bf16"}
_NEON = frozenset({"neon"})
_DOT = _NEON | {"dot"}

# architecture -> level, lowest first -> what it needs, by the names of torch.cpu.get_capabilities
LEVELS: dict[str, dict[str, frozenset[str]]] = {
    "x86_64": {
        "generic": frozenset(),
        "avx2": _AVX2,
        "avx512": _AVX512,
        "avx512_vnni": _VNNI,
        "avx512_bf16": _BF16,
        "amx": _BF16 | {"amx_tile", "amx_bf16"},
    },
    "aarch64": {"generic": frozenset(), "neon": _NEON, "neon_dot": _DOT, "neon_bf16": _DOT | {"bf16"}},
    "other": {"generic": frozenset()},
}
LEVEL_NAMES = tuple(dict.fromkeys(name for levels in LEVELS.values() for name in levels))
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Features:
    """architecture: a key of LEVELS. names: instruction sets. kernels: the levels that our own library was
    compiled for; empty where it was not compiled."""

    architecture: str
    names: frozenset[str]
    kernels: frozenset[str] = frozenset()

    @property
    def level(self) -> str:
        """The highest level that these instructions make up."""
        return self.levels[-1]

    @property
    def levels(self) -> tuple[str, ...]:
        """Every level that these instructions contain, lowest first."""
        return tuple(name for name, needs in LEVELS[self.architecture].items() if needs <= self.names)

    @property
    def kernel_level(self) -> str | None:
        """The highest level that our library can run at; None where there is no library."""
        return next((name for name in reversed(self.levels) if name in self.kernels), None)

    def lowered(self, level: str) -> Features:
        """The same machine with no more instructions than a level has.

        Raises ConfigError for a level that does not exist or that this machine does not reach.
        """
        if level not in self.levels:
            raise ConfigError(
                f"instruction sets {level!r} cannot be used here; this processor has {', '.join(self.levels)}"
            )
        return replace(self, names=self.names & LEVELS[self.architecture][level])


@functools.cache
def machine() -> Features:
    """What this processor and this installation have."""
    from r1v.ops.cpu.library import compiled_levels

    architecture = _ARCHITECTURES.get(platform.machine().lower(), "other")
    known = frozenset().union(*LEVELS[architecture].values())
    if hasattr(torch.cpu, "get_capabilities"):
        found = {name for name, value in torch.cpu.get_capabilities().items() if value is True}
    else:  # older versions of torch report only a level
        reported = torch.backends.cpu.get_cpu_capability()
        found = set(_AVX2) if reported in ("AVX2", "AVX512") else set()
    return Features(architecture, known & found, compiled_levels())


def limit(level: str | None) -> None:
    """Use no instructions above a level in this process from now on; None removes the limit.

    Existing layers keep their choice. Raises ConfigError as `Features.lowered` does.
    """
    if level is not None:
        machine().lowered(level)
    instruction_limit[:] = [] if level is None else [level]


def features() -> Features:
    """The features that this process may use: the machine's, lowered to the limit.

    Raises ConfigError for a limit that was set before torch was imported and that this machine does not have.
    """
    return machine().lowered(instruction_limit[0]) if instruction_limit else machine()

"""The compiled library of kernels, `_cpu.so`, and the levels of instructions that it holds.

Enters: nothing. Leaves: functions of one level. Always holds: loading it runs no code of a level above
"generic", so a library built on one machine can be opened on an older one.
"""

from __future__ import annotations

import ctypes
import functools
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger("r1v.ops")
LIBRARY = Path(__file__).with_name("_cpu.so")
POINTER, INT64, INT32, FLOAT = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32, ctypes.c_float
# function -> types of its arguments; each is in the library once for each level, as NAME_LEVEL
SIGNATURES: dict[str, tuple[Any, ...]] = {
    "r1v_linear": (POINTER, POINTER, INT64, POINTER, FLOAT, INT32, POINTER, POINTER, INT32),
    "r1v_step": (POINTER, POINTER, POINTER, INT32),
    "r1v_prompt": (POINTER, INT32),
    "r1v_draw": (POINTER, INT64, INT64, POINTER, INT64, POINTER, POINTER, INT32),
}
# every level that csrc can be compiled for
COMPILED_FOR = (
    "generic", "avx2", "avx512", "avx512_vnni", "avx512_bf16", "amx", "neon", "neon_dot", "neon_bf16",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kernels:
    """The functions of one level."""

    level: str
    linear: Any
    step: Any
    draw: Any
    prompt: Any


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The opened library; None if it is missing or was built for another system."""
    if not LIBRARY.exists():
        return None
    try:
        return ctypes.CDLL(str(LIBRARY))
    except OSError:
        return None


@functools.cache
def compiled_levels() -> frozenset[str]:
    """The levels that the library holds. There are none if there is no library, or if it was compiled from
    other sources than this code expects, which is logged once. "amx" is among them only if the system lets
    this process use tiles."""
    library = _library()
    found = {level for level in COMPILED_FOR if hasattr(library, f"r1v_linear_{level}")}
    expected = [f"{name}_{level}" for level in COMPILED_FOR if level in found for name in SIGNATURES]
    if "amx" in found:
        expected.append("r1v_allowed_amx")
    lacking = [name for name in expected if not hasattr(library, name)]
    if library is not None and (lacking or not found):
        log.warning(
            "%s was compiled from other sources than this version's (it lacks %s), so torch's kernels are "
            "used; compile it again: pip install -e .", LIBRARY, (lacking or ["r1v_linear"])[0],
        )  # fmt: skip
        return frozenset()
    if library is not None and "amx" in found and not library.r1v_allowed_amx():
        found.discard("amx")
    return frozenset(found)


@functools.cache
def kernels(level: str) -> Kernels:
    """The functions of a level, which must be compiled and which the processor must have."""
    library = _library()
    assert library is not None
    found = {}
    for name, arguments in SIGNATURES.items():
        function = getattr(library, f"{name}_{level}")
        function.argtypes, function.restype = list(arguments), None
        found[name.removeprefix("r1v_")] = function
    return Kernels(level, **found)

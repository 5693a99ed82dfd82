"""Compiles the kernels for x86 processors when the package is built or installed.

Without a C compiler, or on another processor, the package is complete too: torch's own kernels serve instead.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE, LIBRARY = Path("r1v/ops/cpu/csrc/kernels.c"), Path("r1v/ops/cpu/_cpu.so")
FLAGS = ("-O3", "-mavx2", "-mfma", "-mf16c", "-fPIC", "-fopenmp")


def compile_kernels(root: Path) -> str:
    """Write the library below ``root``; returns why not, or nothing.

    It is linked without OpenMP's runtime: torch has loaded its own, and a second pool of threads beside that
    one would stall both.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        return "they are for Linux on x86-64"
    if compiler is None:
        return "there is no C compiler"
    unlinked = root / LIBRARY.with_suffix(".o")
    for command in (
        [compiler, *FLAGS, "-c", str(root / SOURCE), "-o", str(unlinked)],
        [compiler, "-shared", str(unlinked), "-o", str(root / LIBRARY), "-lm"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "the compiler failed"
    unlinked.unlink()
    return ""


class KernelHook(BuildHookInterface[Any]):
    """Hatchling's hook: runs for wheels and editable installs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and put the library into the wheel."""
        if self.target_name != "wheel":
            return
        problem = compile_kernels(Path(self.root))
        if problem:
            self.app.display_warning(f"kernels for x86 were not compiled: {problem}")
            return
        build_data["artifacts"].append(str(LIBRARY))
        # loaded by ctypes, so it fits every Python
        platform_tag = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"], build_data["tag"] = False, f"py3-none-{platform_tag}"

"""Compiles the kernels for processors when the package is built or installed.

The source is compiled once for each level of instructions, each with flags of its own, and all are linked
into one library; which level runs is decided when it is loaded. So a package built on one machine runs on a
lesser one. Without a C compiler, or on another processor, the package is complete too: torch's own kernels
serve.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE, LIBRARY = Path("r1v/ops/cpu/csrc/kernels.c"), Path("r1v/ops/cpu/_cpu.so")
COMMON = ("-O3", "-fPIC", "-fno-math-errno", "-ffp-contract=fast")
AVX2 = ("-mavx2", "-mfma", "-mf16c")
AVX512 = (*AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512")
BF16 = (*AVX512, "-mavx512vnni", "-mavx512bf16")

# architecture -> level of r1v.ops.isa -> the flags that allow its instructions
FLAGS: dict[str, dict[str, tuple[str, ...]]] = {
    "x86_64": {
        "generic": (),
        "avx2": AVX2,
        "avx512": AVX512,
        "avx512_vnni": (*AVX512, "-mavx512vnni"),
        "avx512_bf16": BF16,
        "amx": (*BF16, "-mamx-tile", "-mamx-bf16"),
    },
    "aarch64": {
        "neon": (),  # part of the architecture
        "neon_dot": ("-march=armv8.2-a+dotprod",),
        "neon_bf16": ("-march=armv8.2-a+dotprod+bf16",),
    },
}
ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def compile_kernels(root: Path) -> str:
    """Write the library below ``root``; returns what is missing, or nothing.

    A level that the compiler does not know is left out. The library is linked without OpenMP's runtime: torch
    has loaded its own, and a second pool of threads beside that one would stall both.
    """
    levels = FLAGS.get(ARCHITECTURES.get(platform.machine().lower(), ""), {})
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not levels or sys.platform not in ("linux", "darwin"):
        return f"there are none for {platform.machine()} on {sys.platform}"
    if compiler is None:
        return "there is no C compiler"
    link = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
    with tempfile.TemporaryDirectory() as folder:

        def build(level: str) -> str:
            flags = [*COMMON, *levels[level], f"-DLEVEL={level}"]
            return _compile(compiler, flags, root / SOURCE, f"{folder}/{level}.o")

        with ThreadPoolExecutor(os.cpu_count()) as pool:  # each takes seconds, and waits for its compiler
            ended = dict(zip(levels, pool.map(build, levels), strict=True))
        problems = [f"{level}: {problem}" for level, problem in ended.items() if problem]
        objects = [f"{folder}/{level}.o" for level, problem in ended.items() if not problem]
        if not objects:
            return problems[0]
        problem = _run([compiler, "-shared", *link, *objects, "-o", str(root / LIBRARY), "-lm"])
    return problem or "; ".join(problems)


def _compile(compiler: str, flags: list[str], source: Path, target: str) -> str:
    """One object file; with threads where the compiler has OpenMP. Returns what went wrong, or nothing."""
    problem = ""
    for threads in (["-fopenmp"], ["-Xclang", "-fopenmp"], []):
        problem = _run([compiler, *flags, *threads, "-c", str(source), "-o", target])
        if not problem:
            break
    return problem


def _run(command: list[str]) -> str:
    """Run the compiler. Returns its first error where it failed, or nothing."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.returncode:
        return ""
    lines = done.stderr.strip().splitlines() or ["the compiler failed"]
    return next((line for line in lines if "error" in line), lines[-1])


class KernelHook(BuildHookInterface[Any]):
    """Hatchling's hook: runs for wheels and editable installs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and put the library into the wheel."""
        if self.target_name != "wheel":
            return
        library = Path(self.root) / LIBRARY
        library.unlink(missing_ok=True)  # what an earlier build left must not stand for this one
        problem = compile_kernels(Path(self.root))
        if problem:
            self.app.display_warning(f"kernels for this processor were not compiled: {problem}")
        if not library.exists():
            return
        build_data["artifacts"].append(str(LIBRARY))
        # loaded by ctypes, so it fits every Python
        platform_tag = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"], build_data["tag"] = False, f"py3-none-{platform_tag}"

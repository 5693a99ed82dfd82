"""Levels of instructions that this machine lacks: kernels emulated, cross-compiled, and disassembled.

Nothing here measures speed. What is not installed (a compiler for aarch64, QEMU, SIMDe, objdump) is skipped.
"""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECK = Path(__file__).with_name("kernels_check.c")
COMMON = ("-O1", "-fno-math-errno", "-ffp-contract=fast", "-I", str(ROOT / "r1v/ops/cpu/csrc"))
X86 = platform.machine() in ("x86_64", "AMD64")
CROSS, QEMU = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def flags() -> dict[str, dict[str, tuple[str, ...]]]:
    """The flags of each level as the installation uses them; the package builder itself need not be there."""
    names = ("hatchling", "builders", "hooks", "plugin", "interface")
    stubs = [".".join(names[: i + 1]) for i in range(len(names))]
    before = {name: sys.modules.get(name) for name in stubs}
    for name in stubs:
        sys.modules[name] = types.ModuleType(name)
    sys.modules[stubs[-1]].BuildHookInterface = dict  # type: ignore[attr-defined]
    try:
        spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        for name, old in before.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old
    found: dict[str, dict[str, tuple[str, ...]]] = module.FLAGS
    return found


def compile_and_run(command: list[str], program: Path, runner: list[str]) -> str:
    built = subprocess.run([*command, "-o", str(program), "-lm"], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-2000:]
    ran = subprocess.run([*runner, str(program)], capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    return ran.stdout


@pytest.mark.skipif(not X86 or shutil.which("gcc") is None, reason="needs gcc on x86-64")
@pytest.mark.skipif(not Path("/usr/include/simde").exists(), reason="needs SIMDe's headers (libsimde-dev)")
@pytest.mark.parametrize(("number", "level"), [(1, "avx512"), (2, "avx512_vnni"), (3, "avx512_bf16")])
def test_avx512_emulated(number: int, level: str, tmp_path: Path) -> None:
    """The source of the AVX-512 levels, each of their instructions replaced by what it is defined to do."""
    from r1v.ops import isa

    if "avx2" not in isa.machine().levels:
        pytest.skip("the emulation needs AVX2")
    instructions = ["-mavx2", "-mfma", "-mf16c", f"-DR1V_EMULATE={number}", f"-DLEVEL={level}"]
    command = ["gcc", *COMMON, *instructions, str(CHECK)]
    assert "all agree" in compile_and_run(command, tmp_path / "check", [])


@pytest.mark.skipif(CROSS is None, reason="needs gcc-aarch64-linux-gnu")
@pytest.mark.skipif(QEMU is None, reason="needs qemu-user")
@pytest.mark.parametrize("level", ["neon", "neon_dot", "neon_bf16"])
def test_aarch64_under_qemu(level: str, flags: dict[str, dict[str, tuple[str, ...]]], tmp_path: Path) -> None:
    assert CROSS is not None and QEMU is not None
    command = [CROSS, *COMMON, "-static", *flags["aarch64"][level], f"-DLEVEL={level}", str(CHECK)]
    assert "all agree" in compile_and_run(command, tmp_path / "check", [QEMU, "-cpu", "max"])


def disassembled(level: str, chosen: tuple[str, ...], folder: Path) -> str:
    """The instructions of a level, compiled with its flags."""
    source, target = ROOT / "r1v/ops/cpu/csrc/kernels.c", folder / f"{level}.o"
    command = ["gcc", "-O2", "-ffp-contract=fast", *chosen, f"-DLEVEL={level}", "-c", str(source)]
    subprocess.run([*command, "-o", str(target)], check=True)
    return subprocess.run(["objdump", "-d", str(target)], capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(
    not X86 or None in (shutil.which("gcc"), shutil.which("objdump")), reason="needs gcc, objdump"
)
@pytest.mark.parametrize(("level", "present", "absent"), [
    ("generic", r"mulps", r"%[yz]mm|\bvmulps"),
    ("avx2", r"vpmaddubsw|vfmadd", r"%zmm|vpdpbusd"),
    ("avx512", r"vfmadd\w+ .*%zmm", r"vpdpbusd|vdpbf16ps"),
    ("avx512_vnni", r"vpdpbusd", r"vdpbf16ps"),
    ("avx512_bf16", r"vdpbf16ps", r"tdpbf16ps"),
    ("amx", r"tdpbf16ps", r"tdpfp16ps"),
])  # fmt: skip
def test_a_level_has_its_instructions_and_none_above(
    level: str, present: str, absent: str, flags: dict[str, dict[str, tuple[str, ...]]], tmp_path: Path
) -> None:
    shown = disassembled(level, flags["x86_64"][level], tmp_path)
    assert re.search(present, shown) and not re.search(absent, shown)


def test_every_level_of_the_table_can_be_compiled(flags: dict[str, dict[str, tuple[str, ...]]]) -> None:
    from r1v.ops.cpu.library import COMPILED_FOR
    from r1v.ops.isa import LEVEL_NAMES

    names = [name for levels in flags.values() for name in levels]
    assert sorted(names) == sorted(COMPILED_FOR) and set(names) <= set(LEVEL_NAMES)

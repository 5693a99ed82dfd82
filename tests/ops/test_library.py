"""A compiled library that does not belong to this code: one line says so, and torch's kernels compute."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from r1v.ops import isa, select
from r1v.ops.cpu import library, native

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
LEVELS = ("generic", "avx2", "amx", "neon")


@pytest.fixture
def other_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Where a library that a test compiles is looked for; what was read of the real one comes back after."""
    cached = (library._library, library.compiled_levels, library.kernels, isa.machine)
    path = tmp_path / "_cpu.so"
    monkeypatch.setattr(library, "LIBRARY", path)
    for function in cached:
        function.cache_clear()
    yield path
    monkeypatch.undo()
    for function in cached:
        function.cache_clear()


def compile_with(functions: list[str], target: Path) -> None:
    """A library of functions that return 1."""
    source = target.with_suffix(".c")
    source.write_text("".join(f"int {name}(void) {{ return 1; }}\n" for name in functions))
    assert COMPILER is not None
    subprocess.run([COMPILER, "-shared", "-fPIC", str(source), "-o", str(target)], check=True)


TILES = ["r1v_allowed_amx"]


@pytest.mark.parametrize("lacking", ["r1v_draw_generic", "r1v_prompt_amx", *TILES, "everything"])
def test_a_library_of_other_sources_is_said_once_and_not_used(
    lacking: str, other_library: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"{name}_{level}" for name in library.SIGNATURES for level in LEVELS] + TILES
    compile_with([] if lacking == "everything" else [n for n in names if n != lacking], other_library)
    assert library.compiled_levels() == frozenset()
    assert isa.features().kernel_level is None and not native.available()
    weights = select.Weights((64, 64), torch.bfloat16)
    assert select.product(weights, isa.features()).name != "native"
    library.compiled_levels()
    (record,) = caplog.records
    said = record.getMessage()
    assert "pip install -e ." in said and str(other_library) in said and "\n" not in said
    assert lacking in said or lacking == "everything"


def test_a_whole_library_is_used(other_library: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = [f"{name}_{level}" for name in library.SIGNATURES for level in LEVELS]
    compile_with([*names, *TILES], other_library)
    assert library.compiled_levels() == set(LEVELS) and not caplog.records


def test_no_library_is_no_fault(other_library: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert library.compiled_levels() == frozenset() and not caplog.records

"""`r1v inspect --kernels` and the variable that lowers the instruction sets."""

import json

import pytest

from r1v.cli.instructions import limit_instructions
from r1v.cli.main import main
from r1v.core import ConfigError
from r1v.ops import isa


def test_kernels_are_shown_with_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--kernels", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["level"] == isa.features().level and set(shown["levels"]) == set(isa.features().levels)
    assert all(row["path"] and row["reason"] for row in shown["choices"].values())
    assert {"decode step", "attention over the cache"} < set(shown["choices"])


def test_kernels_of_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--kernels", "r1v-nano"]) == 0
    shown = capsys.readouterr().out
    assert "language 768 x 384" in shown and "why" in shown


def test_neither_a_path_nor_kernels(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect"]) == 1
    assert "--kernels" in capsys.readouterr().err


def test_a_level_lowers_torch_too() -> None:
    before = isa.features()
    environment = {"R1V_CPU_ISA": "generic", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
    try:
        limit_instructions(environment)
        assert isa.features().level == "generic"
    finally:
        isa.limit(before.level)
    assert environment["ATEN_CPU_CAPABILITY"] == "default" and environment["ONEDNN_MAX_CPU_ISA"] == "SSE41"
    assert environment["MKL_ENABLE_INSTRUCTIONS"] == "AVX2"  # the user's own word counts
    with pytest.raises(ConfigError, match="this processor has"):
        limit_instructions({"R1V_CPU_ISA": "sse9"})
    limit_instructions({})
    assert isa.features() == before

"""The table of R1V2's recipe on paper in docs/guides/train.md is what `r1v plan` says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from r1v.models import write_native
from tests.plan.test_training import LARGE

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "train.md"
LORA, TEAM, CPU, VLLM, ASLEEP = (
    ["--lora"], ["--sequence-parallel"], ["--optimizer-on-cpu"], ["--rollout", "vllm"],
    ["--rollout", "asleep"],
)  # fmt: skip
ROWS: dict[str, tuple[list[str], list[str], list[str]]] = {  # the stage's words, on 8 devices, on 64
    "transfer (projector only)": (["transfer"], [], []),
    "SFT, adapters, 16,384 tokens": (["sft", *LORA, "--context", "16384"], [], []),
    "SFT, adapters, 65,536 tokens": (["sft", *LORA, "--context", "65536", *TEAM, "2"], [], []),
    "SFT, adapters, 131,072 tokens": (["sft", *LORA, "--context", "131072", *TEAM, "4"], [], []),
    "reward model, all parameters of projector and language model": (["reward"], CPU, []),
    "MPO, adapters": (["mpo", *LORA, *VLLM], [], []),
    "MPO, all parameters": (["mpo"], ASLEEP + CPU, VLLM),
    "GRPO, adapters": (["grpo", *LORA, *VLLM], [], []),
    "GRPO, all parameters": (["grpo"], ASLEEP + CPU, VLLM),
}


def table() -> dict[str, list[str]]:
    text = GUIDE.read_text().partition("## R1V2's whole recipe on paper")[2]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows[1:]}


def test_every_row_is_checked() -> None:
    assert list(table()) == list(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_what_the_plan_says(name: str, tmp_path: Path, run_r1v: Any) -> None:
    (tmp_path / "config.json").write_text(json.dumps(write_native(LARGE, "bfloat16")))
    stage, *changes = ROWS[name]
    for cell, number, more in zip(table()[name], ("8", "64"), changes, strict=True):
        words = ["--train", *stage, *more, "--devices", number, "--memory", "80GB", "--json"]
        status, out, _ = run_r1v("plan", tmp_path, *words)
        asked = json.loads(out)["asked"]
        found = re.match(r"\d+", cell)
        assert status == 0 and found is not None
        assert round(asked["used_bytes"] / 1e9) == int(found[0]), cell

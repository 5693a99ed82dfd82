"""Hugging Face datasets as data: columns, pictures, families, bad rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from r1v.core import ConfigError
from r1v.train.core.config import DataConfig
from r1v.train.core.config_read import make
from r1v.train.data.examples import ExampleSource
from r1v.train.data.sources import open_source
from r1v.train.stages.sft import SFTConfig, Trainer

datasets = pytest.importorskip("datasets")
QUIET = Console(quiet=True)


@pytest.fixture
def saved(tmp_path: Path) -> str:
    """Six rows with none, one or two pictures; the fourth one's kind of answer is unknown."""
    picture = tmp_path / "a.png"
    Image.new("RGB", (20, 12), "red").save(picture)
    rows = {
        "question": [f"{n} + 1?" for n in range(6)],
        "solution": [f"{n} + 1 = {n + 1}" for n in range(6)],
        "answer": [str(n + 1) for n in range(6)],
        "answer_type": ["number"] * 3 + ["feeling"] + ["number"] * 2,
        "family": ["sums", "more"] * 3,
        "images": [[str(picture)] * (n % 3) for n in range(6)],
    }
    made = datasets.Dataset.from_dict(rows)
    kind = datasets.List if hasattr(datasets, "List") else datasets.Sequence
    made = made.cast_column("images", kind(datasets.Image()))
    datasets.DatasetDict({"train": made}).save_to_disk(tmp_path / "saved")
    return f"hf:{tmp_path / 'saved'}"


def opened(name: str, *, chains: bool = True, **values: Any) -> ExampleSource:
    return open_source(DataConfig(source=(name,), **values), 0, QUIET, chains=chains)


def test_rows_become_examples(saved: str) -> None:
    source = opened(saved)
    assert source.families == ("sums", "more")
    assert (source.max_images("sums"), source.max_images("more")) == (2, 2)
    found = [source.example("sums", i, 1.0) for i in range(3)]
    assert sorted(e.key.answer for e in found) == ["1", "3", "5"]
    assert {e.key.answer: len(e.images) for e in found} == {"1": 0, "3": 2, "5": 1}
    assert found[0].images == () or found[0].images[0].source.size == (20, 12)
    assert all(e.answer.startswith("Answer: ") and e.thinking for e in found)
    assert opened(saved + ":train", families=("more",)).families == ("more",)


def test_training_names_the_bad_row(saved: str, start: Path, tmp_path: Path) -> None:
    Trainer(
        make(
            SFTConfig, model=str(start), out=str(tmp_path / "run"), data=saved, steps=2, batch_size=6,
            direct_share=0.0, heldout=0, log_every=1, bf16=False, device="cpu", bad_share=1.0,
        ),
        QUIET,
    ).train()  # fmt: skip
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    bad = {row["bad"] for row in rows if "bad" in row}
    assert all("row 3 of hf:" in one and "feeling" in one for one in bad)
    assert len([row for row in rows if "nll" in row]) == 2


def test_what_cannot_be_read_is_named(saved: str, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^data\.source: hf:.* has no split test; write hf:.*/saved:train$"
    ):
        opened(saved + ":test")
    datasets.Dataset.from_dict({"question": ["a"], "answer": ["b"]}).save_to_disk(tmp_path / "bare")
    with pytest.raises(ConfigError, match="thinking"):
        opened(f"hf:{tmp_path / 'bare'}")
    assert opened(f"hf:{tmp_path / 'bare'}", chains=False).families == ("all",)

"""Configurations: every key known, every value of its type."""

from pathlib import Path

import pytest

from r1v.core import ConfigError
from r1v.train.core.config import SFTConfig, read


def test_file_and_changes(tmp_path: Path) -> None:
    file = tmp_path / "sft.toml"
    file.write_text('model = "m"\nout = "o"\nsteps = 7\nlr = 1\ntrain = ["projector"]\n')
    config = read(SFTConfig, file, ["steps=9", "schedule=cosine", 'families=["clock", "table"]'])
    assert (config.steps, config.lr, config.train) == (9, 1.0, ("projector",))
    assert config.schedule == "cosine" and config.families == ("clock", "table")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (["stepz=3"], "stepz"),
        (["steps=many"], "steps"),
        (["steps=true"], "steps"),
        (["steps=0"], "steps"),
        (["train=[\"head\"]"], "head"),
        (["train=[]"], "train is empty"),
        (["schedule=linear"], "linear"),
        (["decay_share=1.5"], "decay_share"),
        (["steps"], "key=value"),
        (["batch_size=2", "micro_batches=3"], "micro_batches"),
    ],
)  # fmt: skip
def test_a_bad_value_is_named(changes: list[str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        read(SFTConfig, None, ["model=m", "out=o", *changes])


def test_a_missing_key_and_a_missing_or_broken_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model"):
        read(SFTConfig, None, ["out=o"])
    with pytest.raises(ConfigError, match=r"none\.toml"):
        read(SFTConfig, tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("steps = = 3")
    with pytest.raises(ConfigError, match="not TOML"):
        read(SFTConfig, tmp_path / "bad.toml")

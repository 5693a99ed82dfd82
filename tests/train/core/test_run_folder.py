"""What a start that fails leaves behind: nothing that a corrected command meets, and nothing finished is
lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from r1v.core import CheckpointError, ConfigError
from r1v.train.core.config_read import changed, make
from r1v.train.core.run import TrainingRun
from r1v.train.stages.distill import DistillConfig, distill
from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer
from r1v.train.stages.iterate import IterateConfig, iterate
from r1v.train.stages.mpo import MPOConfig
from r1v.train.stages.pairs import PairsConfig, make_pairs
from r1v.train.stages.pool import make_pool
from r1v.train.stages.reward import RewardStageConfig, RewardTrainer
from r1v.train.stages.sft import SFTConfig, Trainer
from r1v.train.stages.transfer import TransferConfig, transfer
from tests.train.stages.test_mpo import trainer_of
from tests.train.stages.test_stages import make_reward_model

QUIET = Console(quiet=True)
ON = {"device": "cpu", "bf16": False}
FEW = {**ON, "families": ("arithmetic",), "max_tokens": 4}
ROW = {"question": "How many?", "thinking": "One.", "answer": "1"}


def lines(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def place(start: Path, tmp_path: Path) -> Path:
    """A folder with a model whose weights are cut short, a reward model, rows and pairs."""
    shutil.copytree(start, tmp_path / "cut")
    for weights in (tmp_path / "cut").glob("*.safetensors"):
        weights.write_bytes(weights.read_bytes()[:-100])
    make_reward_model(start, tmp_path / "reward")
    lines(tmp_path / "rows.jsonl", [{**ROW, "question": f"How many {i}?"} for i in range(6)])
    pair = {"chosen": {"answer": "1"}, "rejected": {"answer": "2"}}
    lines(tmp_path / "pairs.jsonl", [{**pair, "question": f"How many {i}?"} for i in range(6)])
    return tmp_path


Stage = Callable[[Path, Path], object]  # (model, the place) -> runs it


def sft(model: Path, place: Path) -> object:
    c = make(SFTConfig, model=str(model), out=str(place / "run"), steps=1, batch_size=2, heldout=1, **ON,
             families=("arithmetic",), workers=0)  # fmt: skip
    return Trainer(c, QUIET).train()


def reward(model: Path, place: Path) -> object:
    c = make(RewardStageConfig, model=str(model), out=str(place / "run"), pairs=str(place / "pairs.jsonl"),
             epochs=1, workers=0, **ON)  # fmt: skip
    return RewardTrainer(c, QUIET).train()


def grpo_config(model: Path, place: Path, **more: Any) -> GRPOConfig:
    return make(GRPOConfig, model=str(model), out=str(place / "run"), steps=1, prompts=2, group=2, workers=0,
                **FEW, **more)  # fmt: skip


def grpo(model: Path, place: Path) -> object:
    return GRPOTrainer(grpo_config(model, place), QUIET).train()


def pool(model: Path, place: Path) -> object:
    (place / "all_right.py").write_text("def f(completions):\n    return range(len(completions))\n")
    c = grpo_config(model, place, functions=(f"{place / 'all_right.py'}:f",))
    return make_pool(c, QUIET)


def mpo(model: Path, place: Path) -> object:
    c = make(MPOConfig, model=str(model), out=str(place / "run"), rounds=1, questions=4, group=3, workers=0,
             **FEW)  # fmt: skip
    return trainer_of(c).train()


def pairs(model: Path, place: Path) -> object:
    c = make(PairsConfig, model=str(model), out=str(place / "run"), questions=2, group=2, references=True,
             workers=0, **FEW)  # fmt: skip
    return make_pairs(c, QUIET)


def distil(model: Path, place: Path) -> object:
    c = make(DistillConfig, model=str(model), out=str(place / "run"), questions=2, **FEW)
    return distill(c, QUIET)


def iterated(model: Path, place: Path) -> object:
    c = make(IterateConfig, model=str(model), out=str(place / "run"), data=str(place / "rows.jsonl"),
             reward_model=str(place / "reward"), thresholds=(2,), max_tokens=4, workers=0, **ON)  # fmt: skip
    return iterate(c, QUIET)


def transferred(model: Path, place: Path) -> object:
    c = make(TransferConfig, vision=str(place.parent / model), substitute=str(model), reasoner=str(model),
             out=str(place / "run"), steps=(1,), batch_size=2, heldout=1, workers=0, **FEW)  # fmt: skip
    return transfer(c, QUIET)


EVERY: list[Stage] = [sft, reward, grpo, pool, mpo, pairs, distil, iterated, transferred]


@pytest.mark.parametrize("stage", EVERY)
def test_a_start_that_failed_does_not_block_the_corrected_command(
    stage: Stage, start: Path, place: Path
) -> None:
    with pytest.raises((CheckpointError, ConfigError)):
        stage(place / "cut", place)
    assert stage is transferred or (place / "run" / "config.json").exists()
    found = stage(start, place)
    assert isinstance(found, Path) and found.exists()
    with pytest.raises(ConfigError, match="holds a run with"):  # now there is something to lose
        stage(place / "reward", place)
    assert found.exists()


def begin(place: Path, seed: int, **more: Any) -> TrainingRun:
    config = make(SFTConfig, model="m", out=str(place / "run"), seed=seed)
    return TrainingRun(config, data={"rows": str(seed)}, **more)


def test_what_a_failed_start_wrote_is_removed(tmp_path: Path) -> None:
    run = begin(tmp_path, 1)
    assert not run.changed
    run.log(step=1, nll=2.0)
    (run.folder / "best.json").write_text('{"score": 0.5, "step": 0}')
    for name in ("best", "samples", "checkpoints/step-3.part"):
        (run.folder / name).mkdir(parents=True)
    (run.folder / "mine.txt").write_text("kept")
    run = begin(tmp_path, 2)
    assert run.changed
    assert sorted(one.name for one in run.folder.iterdir()) == ["config.json", "mine.txt"]
    assert json.loads((run.folder / "config.json").read_text())["run"]["seed"] == 2
    assert not begin(tmp_path, 2).changed


@pytest.mark.parametrize("what", ["checkpoint", "model", "best", "result"])
def test_finished_work_is_neither_lost_nor_mixed_with_other_settings(what: str, tmp_path: Path) -> None:
    run = begin(tmp_path, 1)
    run.log(step=1, nll=2.0)
    if what == "checkpoint":
        run.save(1, {"model/x": torch.zeros(1)}, {})
    elif what == "model":
        (run.folder / "model").mkdir()
    elif what == "best":
        (run.folder / "best.json").write_text('{"score": 0.5, "step": 5}')
    else:
        (run.folder / "rows.jsonl").write_text("")
    names = sorted(one.name for one in run.folder.iterdir())
    results = {"rows.jsonl": ("",)}
    with pytest.raises(ConfigError, match=r"holds a run with run\.seed=1, not 2; resume .* or use --allow"):
        begin(tmp_path, 2, results=results)
    with pytest.raises(ConfigError, match="the data have changed"):
        begin(tmp_path, 2, results=results, allow=["run.seed"])
    begin(tmp_path, 2, results=results, allow=["run", "data"])
    assert sorted(one.name for one in run.folder.iterdir()) == names


def test_a_result_blocks_only_the_keys_that_it_follows_from(tmp_path: Path) -> None:
    run = begin(tmp_path, 1)
    (run.folder / "scored.jsonl").write_text("x")
    begin(tmp_path, 2, results={"scored.jsonl": ("model", "optim.lr")})
    with pytest.raises(ConfigError, match=r"run\.seed"):
        begin(tmp_path, 3, results={"scored.jsonl": ("run",)})
    with pytest.raises(ConfigError, match="the data have changed"):
        begin(tmp_path, 3, results={"scored.jsonl": ("data",)})
    assert (run.folder / "scored.jsonl").read_text() == "x"


def test_a_folder_of_something_else_is_not_written_into(start: Path, tmp_path: Path) -> None:
    shutil.copytree(start, tmp_path / "run")
    before = (tmp_path / "run" / "config.json").read_text()
    with pytest.raises(ConfigError, match=r"holds a config\.json that is no .*; name another run\.out"):
        begin(tmp_path, 1)
    assert (tmp_path / "run" / "config.json").read_text() == before
    (tmp_path / "run" / "config.json").write_text('{"run": ')
    with pytest.raises(ConfigError, match="no training run"):
        begin(tmp_path, 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"run\.out .*/file cannot be used: .* file; name another folder"):
        TrainingRun(make(SFTConfig, model="m", out=str(tmp_path / "file")))


def test_stages_of_one_configuration_are_told_apart(tmp_path: Path) -> None:
    config = make(GRPOConfig, model="m", out=str(tmp_path / "run"))
    TrainingRun(config, stage="pool").save(1, {"model/x": torch.zeros(1)}, {})
    with pytest.raises(ConfigError, match=r"holds a run of pool, not of grpo; name another run\.out"):
        TrainingRun(changed(config, lr=1.0), allow=["optim.lr"])

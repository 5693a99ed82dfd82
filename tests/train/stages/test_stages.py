"""Distillation, iterative training and transfer on a tiny model: each writes what the next stage reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from rich.console import Console

from r1v import models
from r1v.core import ConfigError
from r1v.models.reward import RewardModel, save_head
from r1v.train.core.config import DataConfig
from r1v.train.core.config_read import make
from r1v.train.data.examples import JsonlSource
from r1v.train.data.sources import open_source
from r1v.train.reward.model import Calibration
from r1v.train.reward.rules import RuleReward
from r1v.train.stages.distill import DistillConfig, distill
from r1v.train.stages.iterate import IterateConfig, iterate
from r1v.train.stages.transfer import TransferConfig, transfer
from tests.train.core.test_distributed import by_first_token, in_two, numbers

QUIET = Console(quiet=True)
FAMILIES = ("arithmetic", "counting")


@pytest.fixture(scope="module")
def chains(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return distill(
        make(
            DistillConfig,
            model=str(start), out=str(tmp_path_factory.mktemp("distill")), families=FAMILIES, questions=12,
            batch=5, max_tokens=6, device="cpu", bf16=False, alpha=0.5,
        ),
        QUIET,
    )  # fmt: skip


def test_chains_are_rows_to_train_on(chains: Path) -> None:
    rows = [json.loads(line) for line in chains.read_text().splitlines()]
    counts = json.loads((chains.parent / "counts.json").read_text())
    # a random model answers nothing right: every chain is the reference's
    assert (counts["kept"], counts["corrected"], counts["dropped"]) == (0, 12, 0)
    assert all(row["corrected"] and 1.0 <= row["penalty"] <= 2.0 for row in rows)
    assert len({row["penalty"] for row in rows}) > 3
    console = Console(record=True, width=200)
    source = open_source(DataConfig(source=(str(chains),)), 0, console)
    assert isinstance(source, JsonlSource) and "not used" not in console.export_text()
    assert not source.bad and len(source.rows["all"]) == 12
    assert {len(row["images"]) for row in rows} == {0, 1}
    assert all((chains.parent / name).is_file() for row in rows for name in row["images"])


@pytest.fixture(scope="module")
def reward_model(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_reward_model(start, tmp_path_factory.mktemp("rm") / "model")


def make_reward_model(start: Path, folder: Path) -> Path:
    """A head at random, and edges that give every integer score."""
    base = models.load(start, torch.float32)
    models.save(base, folder, tokenizer_from=start)
    model = RewardModel(base)
    torch.manual_seed(0)
    torch.nn.init.normal_(model.head.weight)
    save_head(model, folder)
    Calibration().save(folder)
    return folder


@pytest.mark.slow
def test_iterative_rounds(start: Path, chains: Path, reward_model: Path, tmp_path: Path) -> None:
    c = make(
        IterateConfig,
        model=str(start), out=str(tmp_path / "run"), data=str(chains), reward_model=str(reward_model),
        thresholds=(2, 5), batch_size=6, device="cpu", bf16=False, max_tokens=6,
    )  # fmt: skip
    last = iterate(c, QUIET)
    assert last == tmp_path / "run" / "round2" / "sft" / "model"
    before, after = models.load(start).state_dict(), models.load(last).state_dict()
    moved = {n.split(".")[0] for n in before if not torch.equal(before[n].to(after[n].dtype), after[n])}
    assert moved <= {"projector"}  # adapter only, by default
    scored = [json.loads(line) for line in (tmp_path / "run" / "scored.jsonl").read_text().splitlines()]
    for t, threshold in ((1, 2), (2, 5)):
        report = json.loads((tmp_path / "run" / f"round{t}" / "report.json").read_text())
        assert report["liked"] == sum(row["score"] >= threshold for row in scored)
        assert report["wrong"] == report["rows"] == 12  # the error set: a random model's is everything
    marks = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("model.safetensors*")}
    assert iterate(c, QUIET) == last  # done rounds are not done again
    assert marks == {p: p.stat().st_mtime_ns for p in marks}


@pytest.mark.slow
def test_transfer_moves_the_projector(start: Path, tmp_path: Path) -> None:
    reasoner = tmp_path / "reasoner"
    other = models.load(start)
    other.initialise(7)
    models.save(other, reasoner, tokenizer_from=start)
    c = make(
        TransferConfig,
        vision=str(start), substitute=str(start), reasoner=str(reasoner), out=str(tmp_path / "run"),
        families=("counting",), steps=(2, 1, 1, 1), batch_size=4, heldout=2, max_tokens=4, device="cpu",
        bf16=False,
    )  # fmt: skip
    aligned = transfer(c, QUIET)
    table = json.loads((tmp_path / "run" / "table.json").read_text())
    assert list(table) == [
        "substitute, new projector", "substitute, phase 1", "substitute, phase 2", "substitute, phase 3",
        "reasoner, reassembled", "reasoner, aligned",
    ]  # fmt: skip
    phase3, moved, last = (
        models.load(folder).state_dict()
        for folder in (tmp_path / "run/phase3/model", tmp_path / "run/reassembled", aligned)
    )
    wanted = other.state_dict()
    for name, value in moved.items():
        part = name.split(".")[0]
        origin = {"projector": phase3, "language": wanted, "vision": phase3}[part]
        assert torch.equal(value.bfloat16(), origin[name].bfloat16()), name
        if part != "projector":  # frozen in the alignment
            assert torch.equal(value.bfloat16(), last[name].bfloat16())
    fc1 = "projector.fc1.weight"
    assert not torch.equal(last[fc1], moved[fc1].to(last[fc1].dtype))


def assert_as_one(one: Path, two: Path, runs: tuple[str, ...], last: str) -> None:
    """Every number that the supervised runs inside two runs logged, and the last model's weights. Weights go
    from one to the next in bf16, where the smallest difference may round the other way."""
    for name in runs:
        first, second = (numbers(folder / name) for folder in (one, two))
        assert len(first) == len(second) > 0
        for a, b in zip(first, second, strict=True):
            assert a == pytest.approx(b, rel=1e-3, abs=1e-5)
    a, b = (models.load(folder / last, torch.float32).state_dict() for folder in (one, two))
    assert all(torch.allclose(a[name], b[name], atol=2e-3, rtol=1e-2) for name in a)


@pytest.mark.slow
def test_iterative_rounds_in_two_processes_as_in_one(
    start: Path, chains: Path, reward_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which rows a round keeps, of which each process asks half, its losses, and the weights."""
    monkeypatch.setattr(RuleReward, "verdict", by_first_token)

    def run(name: str) -> None:
        c = make(
            IterateConfig,
            model=str(start), out=str(tmp_path / name), data=str(chains), reward_model=str(reward_model),
            thresholds=(2, 4), batch_size=5, device="cpu", bf16=False, max_tokens=6, micro_batches=2,
            train=("projector", "llm"), log_every=1, first_lr=5e-4, lr=3e-4, later_lr=3e-4, epochs=2,
        )  # fmt: skip
        iterate(c, QUIET)

    run("1")
    in_two(lambda: run("2"))
    reports = [f"round{t}/report.json" for t in (1, 2)]
    assert any(0 < json.loads((tmp_path / "1" / name).read_text())["wrong"] < 12 for name in reports)
    for name in (*reports, "round1/rows.jsonl"):
        assert (tmp_path / "1" / name).read_text() == (tmp_path / "2" / name).read_text()
    runs = tuple(f"round{t}/sft" for t in (0, 1, 2))
    assert_as_one(tmp_path / "1", tmp_path / "2", runs, "round2/sft/model")


@pytest.mark.slow
def test_transfer_in_two_processes_as_in_one(start: Path, tmp_path: Path) -> None:
    """The table of accuracies, the losses of all phases, and the weights."""

    def run(name: str) -> None:
        c = make(
            TransferConfig,
            vision=str(start), substitute=str(start), reasoner=str(start), out=str(tmp_path / name),
            families=FAMILIES, steps=(3, 2, 2, 2), batch_size=5, micro_batches=(2,), heldout=3, max_tokens=4,
            lrs=(1e-3,), device="cpu", bf16=False, log_every=1,
        )  # fmt: skip
        transfer(c, QUIET)

    run("1")
    in_two(lambda: run("2"))
    assert (tmp_path / "1/table.json").read_text() == (tmp_path / "2/table.json").read_text()
    runs = ("phase1", "phase2", "phase3", "aligned")
    assert_as_one(tmp_path / "1", tmp_path / "2", runs, "aligned/model")


def test_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match="thresholds"):
        make(IterateConfig, model="m", out="o", data="d", reward_model="r", thresholds=(2, 9))
    with pytest.raises(ConfigError, match="four"):
        make(TransferConfig, vision="v", substitute="s", reasoner="r", out="o", steps=(1, 2))

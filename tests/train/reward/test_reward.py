"""The reward model: scores without regard to padding, training on pairs, scales, cleaning, the commands."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from r1v import models
from r1v.core import CheckpointError, ConfigError
from r1v.models.reward import RewardModel, load_reward
from r1v.prompt import Processor
from r1v.train.core.compute import Compute
from r1v.train.core.config_read import changed, make
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import FigureSource
from r1v.train.data.pairs import (
    PairFile,
    PreferencePair,
    Reply,
    choose_pairs,
    clean,
    deduplicate,
    encode_reply,
    write_pairs,
)
from r1v.train.reward.model import Calibration, RewardScorer, forward_scores, pad_rows, reward_folder
from r1v.train.stages.pairs import PairsConfig, make_pairs
from r1v.train.stages.reward import RewardStageConfig, RewardTrainer
from tests.eval.rows import write_rows

CPU = Compute(torch.device("cpu"), False)


def figure_pairs(number: int, family: str = "counting") -> list[PreferencePair]:
    """The figure's own solution above one that stammers."""
    source, pairs = FigureSource((family,)), []
    for index in range(number):
        example = source.example(family, index, 0.0)
        right = Reply(example.thinking, example.answer)
        wrong = Reply(" ".join(["so so"] * (len(example.thinking) // 8)), example.answer)
        pairs.append(PreferencePair("", (), right, wrong, None, PlannedSample(family, index, 0.0)))
    return pairs


def config(start: Path, tmp_path: Path, **changes: object) -> RewardStageConfig:
    base = make(
        RewardStageConfig,
        model=str(start), out=str(tmp_path / "run"), pairs=str(tmp_path / "pairs.jsonl"), lr=1e-3,
        second_lr=1e-4, batch_size=4, epochs=2, heldout_share=0.25, bf16=False, device="cpu", log_every=1,
        save_every_s=1e9,
    )  # fmt: skip
    return changed(base, **changes)


@pytest.fixture(scope="module")
def trained(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reward model of two stages: pictures, then text too."""
    folder = tmp_path_factory.mktemp("reward")
    write_pairs(folder / "pairs.jsonl", figure_pairs(32))
    write_pairs(folder / "text.jsonl", figure_pairs(16, "arithmetic"))
    c = config(start, folder, text_pairs=str(folder / "text.jsonl"))
    return RewardTrainer(c, Console(quiet=True)).train()


def test_it_ranks_held_out_pairs(trained: Path) -> None:
    rows = [json.loads(line) for line in (trained.parent / "metrics.jsonl").read_text().splitlines()]
    held = [row["heldout_accuracy"] for row in rows if "heldout_accuracy" in row]
    assert len(held) == 4 and held[-1] >= 0.85  # two epochs in each of two stages
    assert {row["stage"] for row in rows} == {0, 1}


def test_vision_is_frozen_and_the_rest_moves(start: Path, trained: Path) -> None:
    before, after = models.load(start).state_dict(), models.load(trained).state_dict()
    moved = {n.split(".")[0] for n in before if not torch.equal(before[n].to(after[n].dtype), after[n])}
    assert moved == {"projector", "language"}


def rows_of(folder: Path, number: int = 6) -> list[Any]:
    processor, source = Processor.from_folder(folder), FigureSource(("counting", "arithmetic"))
    rows = []
    for index in range(number):
        example = source.example(source.families[index % 2], index, 1.0)
        rows.append(encode_reply(processor, example, Reply("so so " * 9 * (index % 3), example.answer)))
    return rows


def test_scores_do_not_depend_on_padding_or_neighbours(trained: Path) -> None:
    model, rows = load_reward(trained, torch.float32), rows_of(trained)
    with torch.no_grad():
        together = forward_scores(model, pad_rows(rows, pad_id=0), CPU)
        wider = forward_scores(model, pad_rows(rows, pad_id=9, multiple=512), CPU)
        alone = torch.cat([forward_scores(model, pad_rows([row], 3, multiple=1), CPU) for row in rows])
    assert torch.allclose(together, alone, atol=1e-4) and torch.allclose(together, wider, atol=1e-4)
    assert together.std() > 1e-3
    scorer = RewardScorer(model, CPU, Calibration(), batch_size=2)
    assert np.allclose(scorer.score(rows), alone.numpy(), atol=1e-4)
    assert scorer.score([]) == []


def test_a_new_head_scores_zero(start: Path) -> None:
    model = RewardModel(models.load(start, torch.float32))
    with torch.no_grad():
        assert forward_scores(model, pad_rows(rows_of(start, 2), 0), CPU).tolist() == [0.0, 0.0]


def test_the_run_of_a_reward_model_may_be_named(trained: Path) -> None:
    assert trained.name == "model"
    assert reward_folder(trained) == reward_folder(trained.parent) == trained
    assert RewardScorer.open(trained.parent, Compute(torch.device("cpu"), False)).calibration


def test_a_checkpoint_without_a_head_is_refused(start: Path) -> None:
    with pytest.raises(CheckpointError, match="r1v train reward"):
        load_reward(start)


@pytest.mark.slow
def test_a_run_cut_off_goes_on_bit_for_bit(start: Path, tmp_path: Path) -> None:
    scores = []
    for name in ("whole", "cut"):
        folder = tmp_path / name
        folder.mkdir()
        write_pairs(folder / "pairs.jsonl", figure_pairs(12))
        trainer = RewardTrainer(config(start, folder, epochs=1, batch_size=2), Console(quiet=True))
        if name == "cut":

            def stop(every_s: float, trainer: RewardTrainer = trainer) -> bool:
                if trainer.bench.step == 3:
                    raise KeyboardInterrupt
                return trainer.bench.step == 2

            trainer.bench.run.due = stop  # type: ignore[method-assign]
            with pytest.raises(KeyboardInterrupt):
                trainer.train()
            trainer = RewardTrainer(config(start, folder, epochs=1, batch_size=2), Console(quiet=True))
        trainer.train()
        scores.append(trainer._heldout_scores())
    assert scores[0] == scores[1]


def test_integer_scores_are_sextiles_of_the_calibration_set(tmp_path: Path) -> None:
    scores = [float(i) for i in range(60)]
    found = Calibration.of(scores)
    counts = np.bincount([found.integer(s) for s in scores], minlength=6)
    assert counts.tolist() == [10] * 6
    assert (found.integer(-100.0), found.integer(100.0)) == (0, 5)
    assert found.bounded(found.mean) == 0.5
    assert found.bounded(found.mean + found.deviation) == pytest.approx(1 / (1 + np.exp(-1)))
    assert 0.0 < found.bounded(-1e9) < found.bounded(1e9) <= 1.0
    found.save(tmp_path)
    assert Calibration.load(tmp_path) == found


def test_pairs_go_round_a_file(tmp_path: Path) -> None:
    pairs = [*figure_pairs(2), PreferencePair("q", (), Reply("a", "b"), Reply("c", "", False), 1.5)]
    write_pairs(tmp_path / "p.jsonl", pairs)
    with (tmp_path / "p.jsonl").open("a") as file:
        file.write('{"question": "q"}\n{"question": "q", "chosen": {"thinking": "a", "answer": "b"}, '
                   '"rejected": {"thinking": "a", "answer": "b"}}\n')  # fmt: skip
    found = PairFile.read(tmp_path / "p.jsonl")
    assert found.pairs == pairs and len(found.bad) == 2
    assert found.bad[1].startswith("p.jsonl:5: chosen and rejected are the same")
    with pytest.raises(ConfigError, match="is empty"):
        (tmp_path / "empty.jsonl").write_text("\n")
        PairFile.read(tmp_path / "empty.jsonl")


def test_choosing_pairs_by_hand() -> None:
    scores, right = [5.0, 1.0, 3.0, -2.0, 4.0], [True, False, True, False, False]
    # the best right one with the worst, the next with the worst that is left; 4.0 is wrong: never chosen
    assert choose_pairs(scores, right, 0.0, 9) == [(0, 3, 7.0), (2, 1, 2.0)]
    assert choose_pairs(scores, right, 3.0, 9) == [(0, 3, 7.0)]
    assert choose_pairs(scores, right, 0.0, 1) == [(0, 3, 7.0)]
    assert choose_pairs(scores, [False] * 5, 0.0, 9) == []
    assert choose_pairs([1.0, 1.0], [True, True], 0.0, 9) == []


def test_cleaning() -> None:
    def pair(name: str, chosen: float, rejected: float) -> PreferencePair:
        return PreferencePair(name, (), Reply(str(chosen), "x"), Reply(str(rejected), "y"))

    pairs = [
        pair("good", 5, 1),
        pair("good ", 5, 1),
        pair("turned", 0, 4),
        pair("weak", 2, 1.9),
        pair("low", -3, -9),
    ]
    assert len(deduplicate(pairs)) == 4

    def score(rows: Any) -> list[float]:
        return [float(reply.thinking) for _, reply in rows]

    kept, counts = clean(pairs, score, low=0.0, margin=0.5, ambiguous=1.0)
    assert [p.question for p in kept] == ["good"] and kept[0].gap == 4.0
    assert dataclasses.astuple(counts) == (1, 1, 1, 0, 2)
    anew = {"weak": Reply("3", "z"), "low": Reply("-1", "z")}
    kept, counts = clean(pairs, score, low=0.0, margin=0.5, ambiguous=1.0,
                         regenerate=lambda p: anew[p.question])  # fmt: skip
    assert [(p.question, p.chosen.thinking) for p in kept] == [("good", "5"), ("weak", "3")]
    assert dataclasses.astuple(counts) == (2, 1, 1, 1, 1)


def test_pairs_from_a_model_and_references(start: Path, tmp_path: Path) -> None:
    c = make(
        PairsConfig, model=str(start), out=str(tmp_path / "made"), families=("counting", "arithmetic"),
        questions=5, group=2, batch=3, references=True, max_tokens=8, device="cpu", bf16=False, workers=0,
    )  # fmt: skip
    found = PairFile.read(make_pairs(c, Console(quiet=True)))
    assert len(found.pairs) == 5 and not found.bad
    for pair in found.pairs:
        assert pair.chosen.answer == pair.example().answer and not pair.rejected.finished


def test_the_commands(trained: Path, tmp_path: Path, run_r1v: Any) -> None:
    rows = [
        {"question": f"{n} + 1?", "thinking": f"{n} + 1 = {n + 1}", "answer": str(n + 1)} for n in range(5)
    ]
    file = tmp_path / "replies.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)) + "\nnot json\n")
    status, out, err = run_r1v(
        "reward", "score", file, "--model", trained, "--out", tmp_path / "s.jsonl", "--device", "cpu"
    )
    assert status == 0 and "5 replies scored, 1 bad" in out and "replies.jsonl:6" in err
    scored = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert [row["question"] for row in scored] == [row["question"] for row in rows]
    assert all(row["score"] in range(6) and isinstance(row["reward"], float) for row in scored)

    pairs = figure_pairs(4)
    Random(0).shuffle(pairs)
    write_pairs(tmp_path / "p.jsonl", [*pairs, pairs[0]])
    status, out, _ = run_r1v(
        "reward", "clean", tmp_path / "p.jsonl", "--model", trained, "--out", tmp_path / "c.jsonl",
        "--device", "cpu",
    )  # fmt: skip
    assert status == 0 and "1 duplicates" in out
    assert len(PairFile.read(tmp_path / "c.jsonl").pairs) == 4


@pytest.mark.parametrize("name", ["vl_rewardbench", "rewardbench"])
def test_benchmarks_of_pairs(name: str, trained: Path, tmp_path: Path, run_r1v: Any) -> None:
    data = write_rows(tmp_path / "data", name)
    status, out, err = run_r1v(
        "reward", "bench", name, "--model", trained, "--data", data, "--device", "cpu",
        "--out", tmp_path / "b.json",
    )  # fmt: skip
    assert status == 0, err
    found = json.loads((tmp_path / "b.json").read_text())
    pairs = 2 if name == "vl_rewardbench" else 3
    assert found["overall"]["num_questions"] == pairs and found["failed"] == 0
    assert f"of {pairs} pairs" in out and all(group in out for group in found["groups"])
    status, _, err = run_r1v("reward", "bench", name, "--model", tmp_path, "--data", data, "--device", "cpu")
    assert status == 1 and err.count("\n") == 1

"""R1V-Small's experiment: its start, what it keeps of what is written, its rows, its adapter's shape."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from rich.console import Console

from r1v.models import load, resolve_model
from r1v.train.core.config import DataConfig
from r1v.train.data.sources import open_source

ROOT = Path(__file__).parents[1]
KNOWN = "Ann: 12\nBob: 30"


@pytest.fixture(autouse=True)
def experiments_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("benchmarks", "experiments"):
        monkeypatch.syspath_prepend(str(ROOT / folder))


def test_the_projector_begins_as_nanos() -> None:
    """Its first layer gives R1V-Nano's numbers, then zeros; the second gives none."""
    from r1v_small.assemble import starting_projector

    nano = load(resolve_model("r1v-nano")).projector
    assert nano is not None
    nano = nano.float()
    made = starting_projector(resolve_model("r1v-nano"), 896)
    features = torch.randn(3, nano.fc1.in_features, generator=torch.Generator().manual_seed(1))
    normed = torch.nn.functional.layer_norm(
        features, features.shape[-1:], made["projector.norm.weight"], made["projector.norm.bias"]
    )
    first = normed @ made["projector.fc1.weight"].T + made["projector.fc1.bias"]
    expected = nano.fc1(nano.norm(features))
    assert torch.allclose(first[:, : expected.shape[1]], expected, atol=1e-4)
    assert first.shape[1] == 896 and not first[:, expected.shape[1] :].any()
    assert not made["projector.fc2.weight"].any() and not made["projector.fc2.bias"].any()


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("A chart. Ann has 12 and Bob has 30.", ""),
        ("A chart. Ann has 12 and Bob has 31.", "says what is not there"),
        ("A blue chart. Ann has 12 and Bob has 30.", "says what is not there"),
        ("A chart. Ann has 12 and Bob has 30. It is most fun.", "says what nobody can see"),
        ("A chart with two people and their numbers.", "mentions too little"),
        ("I am sorry, but Ann has 12 and Bob has 30.", "speaks of its task"),
        ("Ann", "form"),
    ],
)
def test_what_is_kept_of_descriptions(reply: str, why: str) -> None:
    from r1v_small.targets import Task, refusal

    asked = Task("describe", "describe", "", "What is it?", ("a.png",), KNOWN, "", KNOWN, ("12", "30"))
    assert refusal(asked, reply) == why


def test_numbers_and_colours_are_held_against_the_facts() -> None:
    from r1v_small.targets import mentioned, without_ground, wrong_words

    assert wrong_words("2 bars of 12 and 30", KNOWN, 2) == []
    assert wrong_words("12.5 and 7, red", KNOWN, 2) == ["12.5", "7", "red"]
    assert mentioned("only 12 here", ("12", "30")) == 0.5 and mentioned("an oak", ("oak", "elm")) == 0.5
    assert (
        without_ground("First. Ann is there. Nothing more.", KNOWN) == 2
    )  # names of three letters are no ground
    assert without_ground("First. Charlotte is there.", "Charlotte: 3") == 0


def test_tasks_make_rows_that_training_reads(tmp_path: Path) -> None:
    """Every kind of task, with its picture on the disk; texts alone are learned without thinking."""
    from r1v_small.targets import KINDS, make_task, row_of

    (tmp_path / "pictures").mkdir()
    tasks = [make_task(tmp_path, index) for index in range(40)]
    assert {task.kind for task in tasks} == set(KINDS)
    lines = [json.dumps(row_of(task, "A reply of some words.")) for task in tasks]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    source = open_source(DataConfig(source=(str(tmp_path / "rows.jsonl"),)), 0, Console(quiet=True))
    examples = {example.origin: example for rows in source.rows.values() for _, example in rows}  # type: ignore[attr-defined]
    assert len(examples) == len(tasks)
    for number, task in enumerate(tasks, 1):
        example = examples[f"rows.jsonl:{number}"]
        assert len(example.images) == len(task.pictures) and example.direct is not bool(task.pictures)
        assert example.answer.startswith("A reply of some words.") and example.thinking == task.chain
        assert example.answer.endswith(f"\\boxed{{{task.answer}}}") is bool(task.answer)


def test_held_out_wordings_are_not_learned() -> None:
    from r1v_small import wordings

    for choices in (wordings.DESCRIBE, wordings.DESCRIBE_ZH, wordings.FREE):
        assert not set(wordings.learned(choices)) & set(wordings.heldout(choices))


def test_turned_factors_have_the_same_product() -> None:
    from r1v_small.pack import balanced

    generator = torch.Generator().manual_seed(2)
    up, down = torch.randn(40, 3, generator=generator) * 9, torch.randn(3, 20, generator=generator)
    new_up, new_down = balanced(up, down)
    assert torch.allclose(new_up @ new_down, up @ down, atol=1e-3)
    assert torch.allclose(new_up.norm(dim=0), new_down.norm(dim=1), rtol=1e-4)
    across = new_up.T @ new_up
    assert torch.allclose(across, across.diag().diag(), atol=1e-2)


def test_a_file_in_pieces_is_the_same_model(tmp_path: Path) -> None:
    """Of a matrix that is there twice the finer one travels, and what is read at the end does not change."""
    pytest.importorskip("gguf", reason="GGUF files need the gguf package")
    import gguf
    from r1v_small.pieces import cut, without_the_coarser

    from r1v.models.gguf.convert import GgufConfig, convert_gguf
    from tests.models import gguf_files

    model = gguf_files.hf_model()
    head = model.model.embed_tokens.weight.detach().numpy()
    source, smaller = tmp_path / "model.gguf", tmp_path / "smaller.gguf"
    gguf_files.write_text(
        source, model, gguf.GGMLQuantizationType.Q4_0, head=head,
        kinds={"output.weight": gguf.GGMLQuantizationType.Q8_0},
    )  # fmt: skip
    assert without_the_coarser(source, smaller) and smaller.stat().st_size < source.stat().st_size
    number = cut(smaller, tmp_path / "pieces", 100_000)
    assert number == -(-smaller.stat().st_size // 100_000)
    joined = tmp_path / "joined.gguf"
    joined.write_bytes(b"".join(path.read_bytes() for path in sorted((tmp_path / "pieces").iterdir())))
    assert not without_the_coarser(joined, tmp_path / "none.gguf")
    for file in (source, joined):
        convert_gguf(file, tmp_path / file.stem, settings=GgufConfig(torch.float32))
    before, after = load(tmp_path / "model").state_dict(), load(tmp_path / "joined").state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    ours = [(tmp_path / name / "tokenizer.json").read_bytes() for name in ("model", "joined")]
    assert ours[0] == ours[1]


def test_every_arm_of_the_modular_run_is_a_configuration() -> None:
    """What is trained exists, six families are held out, and no sample of an earlier run is seen again."""
    from r1v_small import modular

    from r1v.figures import FAMILIES
    from r1v.train.core.config_read import read
    from r1v.train.stages.sft import SFTConfig

    first = read(SFTConfig, ROOT / "experiments/r1v_small/adapter.toml", [])
    for arm in modular.ARMS.values():
        changes = [
            f"model.train={json.dumps(arm.train)}",
            f"model.lora={json.dumps(arm.lora)}",
            "model=r1v-nano",
        ]
        config = read(SFTConfig, modular.CONFIG, changes)
        assert config.model.train == arm.train and config.model.lora == arm.lora
        assert set(config.data.families) <= set(FAMILIES) and len(config.data.families) == 6
        assert config.data.first_sample > first.data.first_sample and config.data.heldout
    trained = [*modular.PHASES, "moved", *modular.ARMS]
    assert all(modular.SECONDS[name] > 0 for name in trained)


def test_the_tables_of_the_modular_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Shares, intervals by Wilson and samples, from the files that the stages leave."""
    from argparse import Namespace

    from r1v_small import modular

    plan = modular.Plan(Namespace(out=tmp_path, tiny=False))
    for folder in ("logs", "results", "arms/lora"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "logs/sums-grpo.log").write_text(
        'loading\n{"model": "x", "questions": 300, "right": 82.7, "low": 78.0, "high": 86.5}\n'
    )
    families = {"money": {"right": 9, "total": 24}, "force": {"right": 3, "total": 24}}
    (tmp_path / "results/figures-lora.json").write_text(json.dumps({"families": families}))
    rows = [{"step": 60, "heldout_exact": {"money": 0.5, "force": 0.25}}, {"step": 70, "nll": 0.1}]
    (tmp_path / "arms/lora/metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan.table()
    said = capsys.readouterr().out
    assert "| grpo | 82.7% (78.0 to 86.5) of 300 |" in said
    assert "| projector, adapters of rank 32 | 8,960 | 12 of 48: 25.0 (14.9-38.8) | 7,680: 38% |" in said
    assert (tmp_path / "tables.md").read_text() == said

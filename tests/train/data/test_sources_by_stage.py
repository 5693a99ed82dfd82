"""The guide's table of sources by stages, cell by cell: each runs, or refuses, as the table says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from rich.console import Console

from r1v import models
from r1v.core import ConfigError
from r1v.models.reward import RewardModel, save_head
from r1v.scoring import Verdict
from r1v.train.core.config_read import make
from r1v.train.data.examples import AnswerKey, JsonlSource
from r1v.train.data.pairs import PairFile
from r1v.train.data.questions import EncodedQuestion, QuestionPool
from r1v.train.reward.model import Calibration
from r1v.train.reward.ranking import Ranked, Ranker
from r1v.train.reward.rules import RuleReward
from r1v.train.rollout.sampler import Response
from r1v.train.stages.distill import DistillConfig, distill
from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer
from r1v.train.stages.iterate import IterateConfig, iterate
from r1v.train.stages.mpo import MPOConfig, MPOTrainer
from r1v.train.stages.pairs import PairsConfig, make_pairs
from r1v.train.stages.pool import make_pool
from r1v.train.stages.sft import SFTConfig, Trainer
from r1v.train.stages.transfer import TransferConfig, transfer

QUIET = Console(quiet=True)
GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "train.md"
ON: dict[str, Any] = {"device": "cpu", "bf16": False}
ASKED: dict[str, Any] = {"group": 4, "max_tokens": 4, **ON}
# the guide's rows -> what `sources` calls them
ROWS = {"figures": ("figures",), "JSONL, Parquet": ("jsonl", "parquet"), "`hf:` data set": ("hf",),
        "several mixed": ("mixed",)}  # fmt: skip


def rows(folder: Path) -> list[dict[str, Any]]:
    """Every second one has a picture."""
    Image.new("RGB", (40, 30), "red").save(folder / "a.png")
    return [
        {"question": f"{n} + 1?", "thinking": f"{n} + 1 = {n + 1}", "answer": str(n + 1),
         "images": [str(folder / "a.png")] * (n % 2)}
        for n in range(8)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    datasets = pytest.importorskip("datasets")
    folder = tmp_path_factory.mktemp("sources")
    made = rows(folder)
    (folder / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
    whole = datasets.Dataset.from_list(made)
    whole.to_parquet(folder / "mine.parquet")
    kind = datasets.List if hasattr(datasets, "List") else datasets.Sequence
    whole.cast_column("images", kind(datasets.Image())).save_to_disk(folder / "saved")
    names = {"jsonl": f"{folder}/mine.jsonl", "parquet": f"{folder}/mine.parquet", "hf": f"hf:{folder}/saved"}
    return {"figures": ["figures"], **{name: [path] for name, path in names.items()},
            "mixed": [f"{names['jsonl']}::2", names["hf"], "figures::1"]}  # fmt: skip


@pytest.fixture(scope="module")
def judge(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judge") / "model"
    base = models.load(start, torch.float32)
    models.save(base, folder, tokenizer_from=start)
    model = RewardModel(base)
    torch.manual_seed(0)
    torch.nn.init.normal_(model.head.weight)
    save_head(model, folder)
    Calibration().save(folder)
    return folder


def by_first_token(self: RuleReward, response: Response, key: AnswerKey) -> Verdict:
    return Verdict.RIGHT if response.token_ids[0] % 3 == 0 else Verdict.WRONG


def small_ids_first(
    self: Ranker, questions: list[EncodedQuestion], groups: list[list[Response]]
) -> list[Ranked]:
    return [Ranked(tuple(-float(r.token_ids[0]) for r in g), (True,) * len(g), 0.5) for g in groups]


def nothing_bad(run: Path) -> None:
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert found and not [row["bad"] for row in found if "bad" in row]


def of_figures(source: list[str]) -> dict[str, Any]:
    """Figures of the two families that the tiny model's context holds."""
    return {"families": ("arithmetic", "counting")} if source == ["figures"] else {}


def sft(start: Path, out: Path, source: list[str], judge: Path) -> None:
    settings = {**ON, **of_figures(source)}
    Trainer(
        make(SFTConfig, model=str(start), out=str(out), source=source, steps=2, batch_size=4, heldout=0,
             warmup_steps=1, log_every=1, **settings),
        QUIET,
    ).train()  # fmt: skip
    nothing_bad(out)


def transferred(start: Path, out: Path, source: list[str], judge: Path) -> None:
    measure = {} if source == ["figures"] else {"measure": str(out.parent / "held.jsonl")}
    made = rows(out.parent)
    (out.parent / "held.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
    transfer(
        make(TransferConfig, vision=str(start), substitute=str(start), reasoner=str(start), out=str(out),
             source=source, steps=(1,), batch_size=4, heldout=1, max_tokens=4, **measure, **ON,
             **of_figures(source)),
        QUIET,
    )  # fmt: skip
    assert len(json.loads((out / "table.json").read_text())) == 6


def distilled(start: Path, out: Path, source: list[str], judge: Path) -> None:
    found = distill(
        make(DistillConfig, model=str(start), out=str(out), source=source, questions=6, max_tokens=4, **ON,
             **of_figures(source)),
        QUIET,
    )  # fmt: skip
    back = JsonlSource(found)
    assert not back.bad and sum(map(len, back.rows.values())) == 6
    for line in found.read_text().splitlines():
        assert all((found.parent / name).is_file() for name in json.loads(line)["images"])


def paired(start: Path, out: Path, source: list[str], judge: Path) -> None:
    found = make_pairs(
        make(PairsConfig, model=str(start), out=str(out), source=source, questions=6, references=True,
             workers=0, **ASKED, **of_figures(source)),
        QUIET,
    )  # fmt: skip
    file = PairFile.read(found)
    assert file.pairs and not file.bad


def preferred(start: Path, out: Path, source: list[str], judge: Path) -> None:
    MPOTrainer(
        make(MPOConfig, model=str(start), out=str(out), source=source, rounds=1, questions=6, workers=0,
             reward_model=str(judge), heldout=0, **ASKED, **of_figures(source)),
        QUIET,
    ).train()  # fmt: skip
    nothing_bad(out)


def reinforced(start: Path, out: Path, source: list[str], judge: Path) -> None:
    GRPOTrainer(
        make(GRPOConfig, model=str(start), out=str(out), source=source, steps=1, prompts=4, workers=0,
             **ASKED, **of_figures(source)),
        QUIET,
    ).train()  # fmt: skip
    nothing_bad(out)


def pooled(start: Path, out: Path, source: list[str], judge: Path) -> None:
    found = make_pool(
        make(GRPOConfig, model=str(start), out=str(out), source=source, steps=2, prompts=4, workers=0,
             **ASKED, **of_figures(source)),
        QUIET,
    )  # fmt: skip
    assert QuestionPool.read(found).samples


def iterated(start: Path, out: Path, source: list[str], judge: Path) -> None:
    settings = {**ON, "max_tokens": 4}
    last = iterate(
        make(IterateConfig, model=str(start), out=str(out), source=source, reward_model=str(judge),
             thresholds=(2,), batch_size=4, **settings),
        QUIET,
    )  # fmt: skip
    assert (last / "config.json").is_file()


STAGES: dict[str, Callable[[Path, Path, list[str], Path], None]] = {
    "sft": sft, "transfer": transferred, "distill": distilled, "pairs": paired, "mpo": preferred,
    "grpo": reinforced, "pool": pooled, "iterate": iterated,
}  # fmt: skip


def table() -> dict[tuple[str, str], str]:
    """(source, stage) -> what the guide says of it."""
    lines = GUIDE.read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("| source \\ stage"))
    heads = [[name.strip() for name in cell.split(",")] for cell in lines[first].split("|")[2:-1]]
    found: dict[tuple[str, str], str] = {}
    for line in lines[first + 2 : first + 2 + len(ROWS)]:
        name, *cells = (cell.strip() for cell in line.split("|")[1:-1])
        for stages, said in zip(heads, cells, strict=True):
            found |= {(source, stage): said for source in ROWS[name] for stage in stages}
    return found


TABLE = table()


def test_the_table_has_every_cell() -> None:
    named = [one for names in ROWS.values() for one in names]
    assert set(TABLE) == {(source, stage) for source in named for stage in STAGES}
    for stage in STAGES:
        assert re.search(rf"^\| `{stage}` \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE), stage


@pytest.mark.slow
@pytest.mark.parametrize(("source", "stage"), list(TABLE))
def test_a_cell(
    source: str, stage: str, sources: dict[str, list[str]], start: Path, judge: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(RuleReward, "verdict", by_first_token)
    monkeypatch.setattr(Ranker, "__call__", small_ids_first)

    def run() -> None:
        STAGES[stage](start, tmp_path / "run", sources[source], judge)

    if TABLE[source, stage].startswith("no"):
        with pytest.raises(ConfigError, match=r"data\.source"):
            run()
    else:
        run()

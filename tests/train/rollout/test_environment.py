"""Answers in several turns: the template's own turns, log-probabilities as the trainer's, and crops."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from r1v.core import ConfigError, FinishReason, ImageRef, R1VError
from r1v.prompt import Processor
from r1v.scoring import Verdict
from r1v.train.core.compute import Compute
from r1v.train.core.config import ModelConfig
from r1v.train.core.config_read import make
from r1v.train.core.policy import load_policy
from r1v.train.data.batches import collate
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import FigureSource
from r1v.train.data.questions import EncodedQuestion, make_question
from r1v.train.rollout.crop import CropAndZoom, box_of
from r1v.train.rollout.environment import EnvironmentRollouts, continuation, open_environment
from r1v.train.rollout.sampler import EngineRollouts, Response, row_of
from r1v.train.rollout.turns import EpisodeStart, Observation
from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer
from r1v.train.stages.mpo import MPOConfig

QUIET, CPU = Console(quiet=True), Compute(torch.device("cpu"), False)

LOOKS = """
from r1v.core import ImageRef
from r1v.train.rollout.turns import Observation

class Looks:
    '''Shows the question's first picture, or says a word, until the model has had two turns.'''
    def begin(self, asked):
        return [asked.images]
    def reply(self, state, text):
        state.append(text)
        return None if len(state) > 2 else Observation("again", tuple(state[0][:1]))

class Breaks:
    def begin(self, asked):
        return None
    def reply(self, state, text):
        raise KeyError("no such tool")
"""


@pytest.fixture
def environments(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(LOOKS)
    return tmp_path / "mine.py"


@pytest.fixture
def ends_often(start: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A random model's turns end soon: most ids that no prompt holds end a turn."""
    read = Processor.from_folder.__func__  # type: ignore[attr-defined]
    plain = read(Processor, start)
    used = {
        i for question in questions(start) for i in question.prompt.token_ids
    } | set(continuation(plain, Observation("again"), True).token_ids)  # fmt: skip
    ends = tuple(i for i in range(20, 390) if i not in used)

    def often(cls: type[Processor], *given: Any, **more: Any) -> Processor:
        made: Processor = read(cls, *given, **more)
        made.special = replace(made.special, eos=(*made.special.eos, *ends))
        return made

    monkeypatch.setattr(Processor, "from_folder", classmethod(often))


def questions(start: Path) -> list[EncodedQuestion]:
    source, processor = FigureSource(("arithmetic", "counting")), Processor.from_folder(start)
    made = [
        make_question(source, processor, PlannedSample(family, 3, 1.0), keep_images=True)
        for family in source.families
    ]
    return [one for one in made if isinstance(one, EncodedQuestion)]


def test_between_turns_stands_what_the_template_writes(start: Path) -> None:
    """Against transformers' rendering of the same conversation."""
    transformers = pytest.importorskip("transformers")
    processor = Processor.from_folder(start)
    picture = Image.new("RGB", (32, 32), "red")
    found = continuation(processor, Observation("again", (ImageRef(picture),)), True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(start)
    said = tokenizer.apply_chat_template(
        [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"},
         {"role": "user", "content": "PICTUREagain"}],
        tokenize=False, add_generation_prompt=True,
    )  # fmt: skip
    rest = said.partition("!<|im_end|>")[2]
    special = processor.special
    assert special.img_start is not None and special.image_context is not None and special.img_end is not None
    image = (special.img_start, *[special.image_context] * found.image_token_count, special.img_end)
    at = found.token_ids.index(special.img_start)
    assert found.token_ids[at : at + len(image)] == image and len(found.tiles) == 1
    without = [*found.token_ids[:at], *found.token_ids[at + len(image) :]]
    text = processor.decode(without, skip_special=False)
    assert text.replace("\n", "") == rest.replace("PICTURE", "").replace("\n", "")
    assert found.opens_thinking


@pytest.mark.usefixtures("ends_often")
def test_turns_lie_in_one_row_with_the_trainers_log_probabilities(start: Path, environments: Path) -> None:
    """Sampled by the engine turn by turn, pictures between them; scored by the trainer in one pass."""
    policy = load_policy(start, CPU, ModelConfig(str(start)), seed=0, console=QUIET)
    processor = Processor.from_folder(start)
    engine = EngineRollouts(policy, processor, CPU)
    rollouts = EnvironmentRollouts(engine, processor, open_environment(f"{environments}:Looks"), 4)
    asked = questions(start)
    groups = rollouts.ask(asked, [1, 2], n=4, max_tokens=24)
    again = rollouts.ask(asked, [1, 2], n=4, max_tokens=24)
    several = 0
    for question, group, other in zip(asked, groups, again, strict=True):
        for response, same in zip(group, other, strict=True):
            assert response.token_ids == same.token_ids
            seen = response.observed
            assert seen is not None and len(seen.sampled) == len(response.token_ids)
            assert len(response.own_ids) == len(response.logprobs) == int(seen.sampled.sum()) <= 24
            several += seen.turns == 2
            assert seen.turns == 2 or response.finish_reason is FinishReason.LENGTH
            row = row_of(question.prompt, response)
            if seen.turns == 2:  # the picture of the question, and the same once more
                assert len(row.tiles) == 2 * len(question.prompt.tiles)
            part = collate([("x", row)], torch.from_numpy(row.tiles), processor.special.pad)
            assert part.targets.tolist() == list(response.own_ids)
            found = policy.evaluate([part])[0].numpy()
            assert np.allclose(found, response.logprobs, atol=1e-4)
    assert several >= 4


def first_of_last_turn(response: Response, key: Any) -> Verdict:
    """Right where the model's last turn begins with an even id."""
    seen = response.observed
    assert seen is not None
    starts = np.flatnonzero(np.diff(np.concatenate([[False], seen.sampled]).astype(int)) == 1)
    return Verdict.RIGHT if response.token_ids[starts[-1]] % 2 == 0 else Verdict.WRONG


def metrics(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if "reward" in row]


@pytest.mark.slow
@pytest.mark.usefixtures("ends_often")
def test_grpo_learns_in_several_turns(start: Path, environments: Path, tmp_path: Path) -> None:
    """Replays included; engine and trainer agree on every token; a run that was cut off goes on."""

    def run(name: str, steps: int) -> list[dict[str, Any]]:
        trainer = GRPOTrainer(
            make(
                GRPOConfig, model=str(start), out=str(tmp_path / name), families=("arithmetic", "counting"),
                environment=f"{environments}:Looks", steps=steps, prompts=4, group=8, max_tokens=16, lr=5e-3,
                bf16=False, device="cpu", workers=0, train=("vision", "projector", "llm"), save_every_s=1e9,
            ),
            QUIET,
        )  # fmt: skip
        trainer.asker.reward.rules.verdict = first_of_last_turn  # type: ignore[method-assign]
        trainer.train()
        return metrics(tmp_path / name)

    rows = run("whole", 10)
    early, late = (np.mean([row["rule"] for row in part]) for part in (rows[:3], rows[-3:]))
    assert late > early + 0.15
    assert max(row["turns"] for row in rows) > 1.5
    assert max(row["mismatch_worst"] for row in rows) < 1e-3 and max(row["probe"] for row in rows) < 1e-3
    assert any(row["ssb"]["replayed"] for row in rows)
    run("cut", 6)
    untimed = [
        [{k: v for k, v in row.items() if not k.endswith(("_s", "_mb"))} for row in found]
        for found in (rows, run("cut", 10))
    ]
    assert untimed[0] == untimed[1]


@pytest.mark.usefixtures("ends_often")
def test_an_environment_that_raises_names_the_question(start: Path, environments: Path) -> None:
    policy = load_policy(start, CPU, ModelConfig(str(start)), seed=0, console=QUIET)
    processor = Processor.from_folder(start)
    broken = open_environment(f"{environments}:Breaks")
    rollouts = EnvironmentRollouts(EngineRollouts(policy, processor, CPU), processor, broken, 4)
    with pytest.raises(
        R1VError, match=r"failed for (arithmetic|counting) 3: KeyError: 'no such tool' \(mine"
    ):
        rollouts.ask(questions(start), [1, 2], n=4, max_tokens=40)


def test_a_part_of_the_picture_is_cut_and_enlarged() -> None:
    """Quadrants of four colours; pixels are asked from Pillow."""
    picture = Image.new("RGB", (80, 40))
    for index, colour in enumerate(("red", "green", "blue", "white")):
        picture.paste(colour, (index % 2 * 40, index // 2 * 20, index % 2 * 40 + 40, index // 2 * 20 + 20))
    crop = CropAndZoom()
    state = crop.begin(EpisodeStart("?", (ImageRef(picture),), "", {}))
    turn = crop.reply(state, "I look there. <crop>50, 0, 100, 50</crop>")
    assert turn is not None
    (ref,) = turn.images
    assert isinstance(ref.source, bytes)
    shown = Image.open(io.BytesIO(ref.source)).convert("RGB")
    assert shown.size == (80, 40) and shown.getcolors() == [(3200, (0, 128, 0))]
    assert crop.reply(state, "Answer: \\boxed{green}") is None
    for wrong in (
        "<crop>50,0,50,50</crop>",
        "<crop>a,b,c,d</crop>",
        "<crop>0,0,nan,9</crop>",
        "<crop></crop>",
    ):
        said = crop.reply(state, wrong)
        assert said is not None and not said.images and "percent" in said.text
    said = crop.reply(crop.begin(EpisodeStart("?", (), "", {})), "<crop>0,0,9,9</crop>")
    assert said is not None and said.text == "There is no picture."


@pytest.mark.parametrize("size", [(1, 1), (3, 7), (640, 480)])
def test_a_part_is_never_empty_nor_outside(size: tuple[int, int]) -> None:
    for text in ("0 0 100 100", "0,0,0.01,0.01", "99.99 99.99 100 100", "33.3 66.6 66.6 99.9"):
        box = box_of(text, size)
        assert box is not None
        assert 0 <= box[0] < box[2] <= size[0] and 0 <= box[1] < box[3] <= size[1]


def test_what_does_not_fit_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"rollout\.environment"):
        open_environment("nowhere.py:Looks")
    with pytest.raises(ConfigError, match="for grpo and pool"):
        make(MPOConfig, model="m", out="o", environment="crop")
    with pytest.raises(ConfigError, match="our own engine"):
        make(GRPOConfig, model="m", out="o", environment="crop", rollout="vllm")

"""The supervised loop on a tiny model: it learns, resumes bit for bit, and trains only what it is told to."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from r1v import models, prompt
from r1v.core import ConfigError, ImageRef
from r1v.prompt import Processor
from r1v.prompt.template import CHATML
from r1v.train.core.compute import Compute, normalise
from r1v.train.core.config_read import changed, make
from r1v.train.core.policy import as_policy
from r1v.train.data.batches import Encoded, MicroBatch, Split, collate, pack
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import AnswerKey, BatchStream, Example, FigureSource, JsonlSource, encode
from r1v.train.stages.sft import SFTConfig, Trainer

FAMILIES = ("arithmetic", "counting")


def config(start: Path, out: Path, **changes: object) -> SFTConfig:
    base = make(
        SFTConfig, model=str(start), out=str(out), families=FAMILIES, steps=6, batch_size=8, micro_batches=2,
        warmup_steps=2, bf16=False, device="cpu", workers=1, prefetch=2, eval_every=3, heldout=2,
        log_every=1, save_every_s=1e9, lr=1e-3, muon_lr=3e-3, schedule="wsd", curriculum=True,
    )  # fmt: skip
    return changed(base, **changes)


def logprobs(model: models.R1V, part: MicroBatch) -> torch.Tensor:
    return as_policy(model, Compute(torch.device("cpu"), False)).scores(part).logprobs


def train(c: SFTConfig) -> Path:
    return Trainer(c, Console(quiet=True)).train()


def batch_of(processor: Processor, *encoded: tuple[str, Encoded]) -> MicroBatch:
    tiles = torch.from_numpy(np.concatenate([e.tiles for _, e in encoded]))
    return collate(encoded, tiles, processor.special.pad)


def losses_of(folder: Path) -> list[float]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row["nll"] for row in rows if "nll" in row]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return models.load(folder).state_dict()


def test_the_prompt_of_training_is_the_prompt_of_inference(start: Path) -> None:
    processor = Processor.from_folder(start)
    source = FigureSource(FAMILIES)
    example = source.example("counting", 0, 1.0)
    encoded = encode(processor, example)
    text = processor.decode(encoded.token_ids[encoded.num_prompt :].tolist(), skip_special=False)
    assert text.startswith(example.thinking + "\n</think>\n\nAnswer: \\boxed{")
    assert text.endswith("}<|im_end|>")
    assert processor.decode(encoded.token_ids[: encoded.num_prompt].tolist(), skip_special=False).endswith(
        "<think>\n"
    )
    direct = encode(processor, example, thinking=False)
    assert (
        processor.decode(direct.token_ids[direct.num_prompt :].tolist(), skip_special=False)
        == example.answer + "<|im_end|>"
    )


def test_padding_and_micro_batches_do_not_change_the_loss(start: Path) -> None:
    processor, model = Processor.from_folder(start), models.load(start, torch.float32)
    source = FigureSource(FAMILIES)
    items = [(f, encode(processor, source.example(f, i, 1.0))) for i in range(3) for f in FAMILIES]

    def rows(part: list[tuple[str, Encoded]]) -> torch.Tensor:
        return logprobs(model, batch_of(processor, *part))

    with torch.no_grad():
        together = rows(items)
        alone = torch.cat([rows([item]) for item in items])
    assert torch.allclose(together, alone, atol=1e-4)


def test_packed_examples_do_not_see_each_other(start: Path) -> None:
    processor, model = Processor.from_folder(start), models.load(start, torch.float32)
    source = FigureSource(FAMILIES)
    items = [(f, encode(processor, source.example(f, i, 1.0))) for i in range(3) for f in FAMILIES]
    tiles = torch.from_numpy(np.concatenate([e.tiles for _, e in items]))
    packed = pack(items, tiles, processor.special.pad)
    assert packed.input_ids.shape[0] == 1
    with torch.no_grad():
        together = logprobs(model, packed)
        alone = torch.cat([logprobs(model, batch_of(processor, item)) for item in items])
    assert torch.equal(packed.targets, batch_of(processor, *items).targets)
    assert torch.allclose(together, alone, atol=1e-4)


def test_packing_does_not_change_the_training(start: Path, tmp_path: Path) -> None:
    for packing in (False, True):
        train(config(start, tmp_path / str(packing), packing=packing, steps=3, heldout=0))
    assert np.allclose(losses_of(tmp_path / "False"), losses_of(tmp_path / "True"), atol=1e-4)


def test_a_budget_of_tokens_does_not_change_the_training(start: Path, tmp_path: Path) -> None:
    """Padded and packed: other parts, the same losses."""
    train(config(start, tmp_path / "parts", steps=3, heldout=0))
    for packing in (False, True):
        out = tmp_path / str(packing)
        train(config(start, out, packing=packing, part_tokens=256, steps=3, heldout=0))
        assert np.allclose(losses_of(tmp_path / "parts"), losses_of(out), atol=1e-4)


def test_targets_are_the_completion_and_only_it(start: Path) -> None:
    processor = Processor.from_folder(start)
    encoded = encode(processor, FigureSource(FAMILIES).example("arithmetic", 5, 1.0))
    part = batch_of(processor, ("arithmetic", encoded))
    assert part.targets.tolist() == encoded.token_ids[encoded.num_prompt :].tolist()
    inputs = part.input_ids.flatten()[part.target_places]
    assert inputs.tolist() == encoded.token_ids[encoded.num_prompt - 1 : -1].tolist()


def test_batches_do_not_depend_on_the_number_of_workers(start: Path) -> None:
    plan = [PlannedSample(FAMILIES[i % 2], i, 0.7) for i in range(20)]
    batches = []
    for workers in (0, 1, 2):
        stream = BatchStream(
            FigureSource(FAMILIES), str(start), batch_size=20, split=Split(3), workers=workers, prefetch=2
        )
        stream.put(plan)
        stream.put(plan[::-1])
        batches.append([stream.get(), stream.get()])
        stream.close()
    for one, two in [*zip(*batches[:2], strict=True), *zip(*batches[1:], strict=True)]:
        for a, b in zip(one.parts, two.parts, strict=True):
            assert torch.equal(a.input_ids, b.input_ids) and torch.equal(a.tiles, b.tiles)
            assert a.families == b.families


def test_it_learns(start: Path, tmp_path: Path) -> None:
    folder = train(config(start, tmp_path / "run", families=("arithmetic",), steps=40, batch_size=16))
    losses = losses_of(tmp_path / "run")
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    assert Processor.from_folder(folder).vocab_size == Processor.from_folder(start).vocab_size


def test_a_run_cut_off_goes_on_bit_for_bit(start: Path, tmp_path: Path) -> None:
    whole = train(config(start, tmp_path / "whole"))
    first = Trainer(config(start, tmp_path / "cut"), Console(quiet=True))
    kept = first.bench.run.due

    def cut(every_s: float) -> bool:
        if first.bench.step == 4:
            raise KeyboardInterrupt
        return first.bench.step == 3 or kept(every_s)

    first.bench.run.due = cut  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        first.train()
    first.stream.close()
    resumed = train(config(start, tmp_path / "cut"))
    assert losses_of(tmp_path / "cut") == losses_of(tmp_path / "whole")
    one, two = weights(whole), weights(resumed)
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.slow
def test_a_killed_process_goes_on(start: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "r1v.cli.main", "train", "sft", f"model={start}", f"run.out={tmp_path / 'run'}",
        'data.families=["arithmetic"]', "run.steps=30", "optim.batch_size=8", "run.bf16=false",
        "run.device=cpu",
        "run.save_every_s=0.01",
        "data.heldout=0", "run.log_every=1", "optim.warmup_steps=2",
    ]  # fmt: skip
    first = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    metrics = tmp_path / "run" / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while not (metrics.exists() and len(metrics.read_text().splitlines()) > 5):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    steps = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
    assert steps == list(range(1, 31))


def test_only_the_projector_trains_when_only_it_is_named(start: Path, tmp_path: Path) -> None:
    before = weights(start)
    after = weights(train(config(start, tmp_path / "run", train=("projector",), steps=2)))
    moved = {n.split(".")[0] for n in before if not torch.equal(before[n].to(after[n].dtype), after[n])}
    assert moved == {"projector"}


def test_a_run_is_not_resumed_with_other_settings(start: Path, tmp_path: Path) -> None:
    train(config(start, tmp_path / "run", steps=1))
    with pytest.raises(ConfigError, match="batch_size"):
        Trainer(config(start, tmp_path / "run", steps=1, batch_size=4), Console(quiet=True))


def test_rows_of_a_file(start: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (40, 40), "red").save(tmp_path / "red.png")
    rows = [
        {"images": ["red.png"], "question": "Which colour?", "thinking": "It is red.", "answer": "red"},
        {"question": "1 + 1?", "solution": "1 + 1 = 2", "answer": "2"},
        {"question": "no answer"},
        {"images": [["red.png"]], "question": "q", "thinking": "t", "answer": "a"},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows) + "\nnot json\n")
    source = JsonlSource(file)
    assert len(source.bad) == 3 and source.bad[0].startswith("rows.jsonl:3: thinking or solution is missing")
    assert source.max_images("all") == 1
    seen = {source.example("all", i, 1.0).answer for i in range(2)}
    assert seen == {"Answer: \\boxed{red}", "Answer: \\boxed{2}"}
    rows_only = {"data": str(file), "families": (), "heldout": 0, "bad_share": 1.0}
    train(config(start, tmp_path / "run", steps=2, batch_size=4, **rows_only))


def test_a_bad_image_is_counted_and_named_not_replaced(start: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    rows = [{"images": ["broken.png"], "question": "q", "thinking": "t", "answer": "a"},
            {"question": "q", "thinking": "t", "answer": "a"}]  # fmt: skip
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    rows_only = {"data": str(file), "families": (), "heldout": 0, "bad_share": 1.0}
    train(config(start, tmp_path / "run", steps=1, batch_size=4, **rows_only))
    bad = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert any("broken.png" in row.get("bad", "") for row in bad)


def test_the_vision_tower_gets_a_gradient_from_the_answer(start: Path) -> None:
    processor, model = Processor.from_folder(start), models.load(start, torch.float32)
    source = FigureSource(FAMILIES)
    part = batch_of(processor, ("counting", encode(processor, source.example("counting", 1, 1.0))))
    logprobs(model, part).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.vision.parameters())


def test_pixels_are_those_of_inference() -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    assert torch.allclose(prompt.normalise(tiles), normalise(torch.from_numpy(tiles)), atol=1e-6)


def test_an_example_longer_than_the_context_is_refused(start: Path) -> None:
    processor = Processor.from_folder(start)
    with pytest.raises(ConfigError, match="context"):
        encode(processor, Example((), "q", "long " * 2000, "a", AnswerKey("a")))
    assert ImageRef("x")


@pytest.mark.parametrize(
    ("schedule", "warmup", "steps", "most"),
    [("constant", 20, 6, "0.30"), ("constant", 6, 6, ""), ("wsd", 4, 6, ""), ("cosine", 3, 6, "0.76"),
     ("cosine", 2, 6, "")],
)  # fmt: skip
def test_a_warm_up_that_keeps_the_rate_low_is_said_once(
    schedule: str, warmup: int, steps: int, most: str, start: Path, tmp_path: Path
) -> None:
    console = Console(file=io.StringIO(), width=200)
    c = config(start, tmp_path, steps=steps, warmup_steps=warmup, schedule=schedule, workers=0)
    trainer = Trainer(c, console)
    trainer.stream.close()
    trainer.bench.say_warmup(steps)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    said = (
        f"optim.warmup_steps is {warmup}, and the run has {steps} steps: the learning rate rises to no more"
    )
    assert text.count(said) == bool(most)
    assert f"than {most} of its peak" in text or not most


def test_the_time_left_counts_the_step_that_is_reported(start: Path, tmp_path: Path) -> None:
    """GRPO and MPO report a step before it is counted: one of four steps took two minutes, six are left."""
    trainer = Trainer(config(start, tmp_path / "out", steps=4, workers=0), Console(quiet=True))
    trainer.stream.close()
    bench = trainer.bench
    assert bench.minutes_left(step_s=120.0) == pytest.approx(6.0)
    bench.step, bench.trained_s = 1, 120.0
    assert bench.minutes_left() == pytest.approx(6.0)
    assert bench.minutes_left(step_s=120.0) == pytest.approx(4.0)
    assert bench.minutes_left(0.5, 120.0) == pytest.approx(4.0)


def test_a_model_without_think_learns_one_kind_of_answer(start: Path, tmp_path: Path) -> None:
    """Its prompts with and without thinking are the same."""
    model = tmp_path / "model"
    shutil.copytree(start, model)
    (model / "chat_template.jinja").write_text(CHATML)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (model / name).read_text()
        (model / name).write_text(text.replace("<think>", "<other>").replace("</think>", "</other>"))
    with pytest.raises(ConfigError, match=r"direct_share is 0.05, but .* has no <think>.*--thinking install"):
        Trainer(config(model, tmp_path / "out", direct_share=0.05), Console(quiet=True))

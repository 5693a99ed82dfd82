"""Training speed compared with other trainers: GRPO with TRL's GRPOTrainer, SFT with transformers' Trainer.

The same checkpoint, questions, batch, precision and machine; each side runs in a process of its own, one
after the other, and its first step or epoch is not counted. Beside wall time stands the processor time of the
training process, which other jobs on the machine change less. GRPO asks text questions (``arithmetic``), TRL
samples with transformers' generate. SFT mixes text and pictures; the peer gets its rows from our processor
and pads them, and both say their loss on the same rows before training. Ends with one line of JSON;
``--quick`` takes few steps.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from shared.report import print_result

FAMILIES = {"grpo": ("arithmetic",), "sft": ("counting", "clock", "arithmetic")}
MAX_TOKENS, GROUP = 128, 8


def prepare(family_set: str, number: int, folder: Path) -> Path:
    """A data file of figures with their pictures."""
    from r1v.train.data.examples import FigureSource

    rows = []
    source = FigureSource(FAMILIES[family_set])
    for index in range(number):
        family = source.families[index % len(source.families)]
        example = source.example(family, index, 1.0)
        names = []
        for place, image in enumerate(example.images):
            names.append(f"{index}-{place}.png")
            image.source.save(folder / names[-1])
        rows.append({"images": names, "question": example.question, "thinking": example.thinking,
                     "answer": example.answer, "answer_type": example.key.kind})  # fmt: skip
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# --------------------------------------------------------------------------------------------------- our side


def note_processor_time(trainer: Any) -> list[float]:
    """This process's processor seconds at each line of the metrics that a step writes."""
    log, noted = trainer.bench.run.log, list[float]()

    def both(**values: Any) -> None:
        noted.append(time.process_time())
        log(**values)

    trainer.bench.run.log = both
    return noted


def ours_grpo(args: argparse.Namespace, data: Path, out: Path) -> dict[str, float]:
    from r1v.train.core.config_read import make
    from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer

    trainer = GRPOTrainer(
        make(
            GRPOConfig, model=args.model, out=str(out), data=str(data), steps=args.steps + 1,
            prompts=args.prompts,
            group=GROUP, max_tokens=MAX_TOKENS, lr=1e-6, ssb=False, format_weight=0.0, device=args.device,
            micro_batches=args.micro_batches, max_num_seqs=args.prompts * GROUP, workers=1, save_every_s=1e9,
        )
    )  # fmt: skip
    processor = note_processor_time(trainer)
    trainer.train()
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()][1:]
    parts = {key: sum(row[key] for row in rows) for key in ("rollout_s", "reward_s", "update_s")}
    seconds = sum(parts.values())
    return {
        "samples_per_s": args.steps * args.prompts * GROUP / seconds,
        "samples_per_processor_s": args.steps * args.prompts * GROUP / (processor[-1] - processor[0]),
        "length": sum(row["length"] for row in rows) / len(rows),
        "effective": sum(row["ssb"]["effective"] for row in rows) / len(rows),
        **{f"share_{key[:-2]}": value / seconds for key, value in parts.items()},
    }


def ours_sft(args: argparse.Namespace, data: Path, out: Path) -> dict[str, float]:
    from r1v.train.core.config_read import make
    from r1v.train.stages.sft import SFTConfig, Trainer

    trainer = Trainer(
        make(
            SFTConfig, model=args.model, out=str(out), data=str(data), steps=2 * args.steps,
            batch_size=args.batch,
            micro_batches=args.micro_batches, packing=args.packing, lr=1e-5, muon_lr=0.0,
            direct_share=0.0, heldout=0, log_every=args.steps, schedule="constant", device=args.device,
            save_every_s=1e9,
        )
    )  # fmt: skip
    loss = first_loss(trainer, args.batch)
    processor = note_processor_time(trainer)
    trainer.train()
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return {
        "loss_before": loss,
        "tokens_per_s": rows[-1]["tokens_per_s"],
        "tokens_per_processor_s": rows[-1]["tokens_per_s"] * (rows[-1]["trained_s"] - rows[0]["trained_s"])
        / (processor[-1] - processor[0]),
        "waited_s": rows[-1]["waited_s"],
    }  # fmt: skip


def first_loss(trainer: Any, number: int) -> float:
    """Of the first rows of the data, before training: the mean over their completion tokens."""
    from r1v.prompt import Processor
    from r1v.train.data.batches import collate
    from r1v.train.data.examples import encode

    processor = Processor.from_folder(trainer.config.model.path)
    rows = [("all", encode(processor, trainer.source.example("all", i, 1.0))) for i in range(number)]
    tiles = torch.from_numpy(np.concatenate([row.tiles for _, row in rows]))
    with torch.no_grad():
        part = collate(rows, tiles, trainer.stream.pad_id)
        return -float(trainer.policy.scores(part).logprobs.mean())


# ------------------------------------------------------------------------------------------------ their sides


def peer_model(args: argparse.Namespace) -> Any:
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(args.model, dtype=torch.float32)
    return model.to("cuda" if args.device.startswith("cuda") else "cpu")


def clock(ends: list[float], processor: list[float]) -> Any:
    """A callback that notes when each step ends, by the wall and by this process's processor seconds."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(time.perf_counter())
            processor.append(time.process_time())

    return Clock()


def peer_grpo(args: argparse.Namespace, data: Path, out: Path) -> dict[str, float]:
    import trl
    from datasets import Dataset
    from transformers import AutoTokenizer

    from r1v.scoring import compare, extract_answer, extract_boxed

    rows = [json.loads(line) for line in data.read_text().splitlines()]
    made = Dataset.from_list(
        [{"prompt": [{"role": "user", "content": r["question"]}], "answer": r["answer"]} for r in rows]
    )
    lengths: list[int] = []

    def right(completions: list[Any], answer: list[str], completion_ids: list[Any], **_: Any) -> list[float]:
        lengths.extend(len(ids) for ids in completion_ids)
        found = []
        for completion, key in zip(completions, answer, strict=True):
            said = extract_answer(completion[0]["content"]).text
            wanted = extract_boxed(key) or key
            found.append(float(said is not None and bool(compare(said, wanted, "math").equal)))
        return found

    ends, processor = list[float](), list[float]()
    on_gpu = args.device.startswith("cuda")
    config = trl.GRPOConfig(
        output_dir=str(out), per_device_train_batch_size=args.prompts * GROUP, num_generations=GROUP,
        max_completion_length=MAX_TOKENS, max_steps=args.steps + 1, learning_rate=1e-6, beta=0.0,
        loss_type="grpo", temperature=1.0, use_cpu=not on_gpu, bf16=on_gpu, gradient_checkpointing=False,
        report_to=[], save_strategy="no", logging_steps=1,
    )  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(args.model, padding_side="left")
    trl.GRPOTrainer(
        model=peer_model(args), reward_funcs=right, args=config, train_dataset=made,
        processing_class=tokenizer, callbacks=[clock(ends, processor)],
    ).train()  # fmt: skip
    seconds = ends[-1] - ends[0]
    return {
        "samples_per_s": args.steps * args.prompts * GROUP / seconds,
        "samples_per_processor_s": args.steps * args.prompts * GROUP / (processor[-1] - processor[0]),
        "length": sum(lengths) / len(lengths),
    }


class Rows(torch.utils.data.Dataset):
    """Rows as our processor encodes them, with the labels of a supervised loss."""

    def __init__(self, model: str, data: Path) -> None:
        from r1v.prompt import Processor
        from r1v.train.data.examples import JsonlSource

        self.processor, self.source = Processor.from_folder(model), JsonlSource(data)
        self.number = sum(len(rows) for rows in self.source.rows.values())

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, index: int) -> dict[str, Any]:
        from r1v.train.data.examples import encode

        found = encode(self.processor, self.source.example("all", index, 1.0))
        ids = torch.from_numpy(found.token_ids).long()
        labels = ids.clone()
        labels[: found.num_prompt] = -100
        return {"input_ids": ids, "labels": labels, "tiles": torch.from_numpy(found.tiles)}

    def collate(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        from r1v.train.core.compute import normalise

        pad = torch.nn.utils.rnn.pad_sequence
        ids = pad([r["input_ids"] for r in rows], batch_first=True, padding_value=self.processor.special.pad)
        mask = pad([torch.ones_like(r["input_ids"]) for r in rows], batch_first=True)
        labels = pad([r["labels"] for r in rows], batch_first=True, padding_value=-100)
        batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        tiles = torch.cat([r["tiles"] for r in rows])
        return batch | ({"pixel_values": normalise(tiles)} if len(tiles) else {})


def peer_sft(args: argparse.Namespace, data: Path, out: Path) -> dict[str, float]:
    from transformers import Trainer, TrainingArguments

    rows = Rows(args.model, data)
    tokens = sum(len(rows[i]["input_ids"]) for i in range(len(rows)))

    ends, processor = list[float](), list[float]()
    on_gpu = args.device.startswith("cuda")
    settings = TrainingArguments(
        output_dir=str(out), per_device_train_batch_size=args.batch, num_train_epochs=2, learning_rate=1e-5,
        lr_scheduler_type="constant", use_cpu=not on_gpu, bf16=on_gpu, report_to=[], save_strategy="no",
        dataloader_num_workers=1, remove_unused_columns=False, logging_steps=args.steps,
    )  # fmt: skip
    trainer = Trainer(
        model=peer_model(args), args=settings, train_dataset=rows, data_collator=rows.collate,
        callbacks=[clock(ends, processor)],
    )  # fmt: skip
    with torch.no_grad():
        batch = trainer._prepare_inputs(rows.collate([rows[i] for i in range(args.batch)]))
        loss = float(trainer.compute_loss(trainer.model, batch))
    trainer.train()
    first = args.steps - 1
    return {
        "loss_before": loss,
        "tokens_per_s": tokens / (ends[-1] - ends[first]),
        "tokens_per_processor_s": tokens / (processor[-1] - processor[first]),
    }


SIDES = {"ours": {"grpo": ours_grpo, "sft": ours_sft}, "peer": {"grpo": peer_grpo, "sft": peer_sft}}
MEASURE = {"grpo": "samples_per_s", "sft": "tokens_per_s"}
PEER = {"grpo": "trl", "sft": "transformers"}
PACKAGE = {"grpo": "trl", "sft": "accelerate"}  # what the peer needs beside transformers


def measure(args: argparse.Namespace, part: str, side: str, data: Path, out: Path) -> dict[str, float]:
    """One side in a process of its own."""
    python = args.peer_python if side == "peer" else sys.executable
    command = [python, __file__, "--side", side, "--part", part, "--data", str(data), "--out", str(out)]
    for key in ("model", "device", "steps", "prompts", "batch", "micro_batches"):
        command += [f"--{key.replace('_', '-')}", str(getattr(args, key))]
    command += [] if args.packing else ["--no-packing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{part}, {side}:\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one counted step of small batches")
    parser.add_argument("--model", default=str(Path(__file__).parents[2] / "r1v" / "models" / "r1v-nano"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--parts", nargs="+", default=["grpo", "sft"], choices=list(MEASURE))
    parser.add_argument("--steps", type=int, help="counted steps")
    parser.add_argument("--prompts", type=int, help="of a GRPO step, 8 answers each; 8, or 1 with --quick")
    parser.add_argument("--batch", type=int, help="of an SFT step; 16, or 4 with --quick")
    parser.add_argument("--micro-batches", type=int, default=2, help="parts of our batches")
    parser.add_argument("--no-packing", dest="packing", action="store_false", help="pad our SFT batches")
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter that has the peers")
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    steps, prompts, batch = (1, 1, 4) if args.quick else (4, 8, 16)
    args.steps, args.prompts = args.steps or steps, args.prompts or prompts
    args.batch = args.batch or batch
    if args.side:
        print(json.dumps(SIDES[args.side][args.part](args, args.data, args.out)))
        return
    result: dict[str, Any] = {
        "name": "training", "device": torch.cuda.get_device_name() if args.device.startswith("cuda") else
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), "torch": version("torch")},
        "config": {k: getattr(args, k) for k in ("steps", "prompts", "batch", "micro_batches", "packing")},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for part in args.parts:
            peer = [args.peer_python, "-c", f"import {PACKAGE[part]}"]
            if subprocess.run(peer, capture_output=True, check=False).returncode:
                print(
                    f"{part} is left out: --peer-python names no interpreter with {PACKAGE[part]}", flush=True
                )
                continue
            place = Path(folder) / part
            place.mkdir()
            data = prepare(part, args.steps * args.batch if part == "sft" else 64, place)
            found = {side: measure(args, part, side, data, place / side) for side in SIDES}
            key = MEASURE[part]
            ratio = found["ours"][key] / found["peer"][key]
            on_processor = key.replace("per_s", "per_processor_s")
            ratio_processor = found["ours"][on_processor] / found["peer"][on_processor]
            print(f"{part}: ours {found['ours'][key]:.2f}, {PEER[part]} {found['peer'][key]:.2f} {key}, "
                  f"{ratio:.2f} times ({ratio_processor:.2f} by processor time)", flush=True)  # fmt: skip
            result[part] = {"ours": found["ours"], PEER[part]: found["peer"], "ratio": round(ratio, 3),
                            "ratio_processor": round(ratio_processor, 3)}  # fmt: skip
    print_result("training", result)


if __name__ == "__main__":
    main()

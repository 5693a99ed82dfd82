"""Training split over several GPUs: losses of one and of all, and large models (PYTHONPATH=.:benchmarks).

Parts: `equal` runs SFT (Muon, packed and padded, adapters), the reward model, MPO and GRPO of a tiny model in
one process and in all, in float32, and compares every number that they log, then SFT with Muon in bf16;
`lora38b` takes one step each of LoRA SFT at a long context, reward model, MPO and GRPO loss on the 38B
geometry; `full8b` the last three on an 8B geometry with all parameters. Weights of the large ones are random
and made on the devices. Memory is the most that PyTorch held on the first device.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from gpu.parts import Findings, Part, Settings, main
from rich.console import Console
from shared.models import GEOMETRIES

from r1v.models import LanguageConfig, R1VConfig, VisionConfig
from r1v.models.checkpoint import build_empty
from r1v.ops import RopeConfig
from r1v.train import losses
from r1v.train.core.compute import Compute
from r1v.train.core.config import ModelConfig, OptimConfig
from r1v.train.core.distributed import local, whole
from r1v.train.core.optim import Optimizer
from r1v.train.core.policy import PolicyModule, build_policy
from r1v.train.data.batches import MicroBatch

PEAK_FLOPS = 989e12  # of an H200 in bf16, dense, by its data sheet
SMALL = (
    "data.families=[\"arithmetic\",\"counting\"]", "run.steps=4", "run.bf16=false", "run.log_every=1",
    "optim.lr=0.001", "optim.schedule=constant", "optim.batch_size=6", "optim.micro_batches=2",
)  # fmt: skip
LARGE_8B = R1VConfig(
    VisionConfig(1024, 24, 16, 4096),
    LanguageConfig(151936, 4096, 36, 32, 8, 128, 12288, family="qwen3", rope=RopeConfig(theta=1e6)),
    image_token_id=151671,
)


def devices(settings: Settings) -> int:
    """Processes of a part."""
    return max(2, torch.cuda.device_count()) if settings.device == "cuda" else 2


# ------------------------------------------------------------------------------------------------ equality


def start(words: list[str], number: int) -> subprocess.CompletedProcess[str]:
    """``r1v`` in some processes, as the docs say."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(number)]
    command = [sys.executable, *(launcher if number > 1 else []), "-m", "r1v.cli.main", *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "2"}
    )


def numbers(folder: Path) -> list[float]:
    """Every number that a run logged, but times and memory."""
    found: list[float] = []

    def visit(value: Any, name: str) -> None:
        if isinstance(value, dict):
            for key, inner in sorted(value.items()):
                visit(inner, key)
        elif isinstance(value, int | float) and not name.endswith(
            ("_s", "_mb", "worst", "probe", "mismatch")
        ):
            found.append(float(value))

    for line in (folder / "metrics.jsonl").read_text().splitlines():
        visit(json.loads(line), "")
    return found


def equal(settings: Settings, findings: Findings) -> None:
    """One process against all, stage by stage."""
    scratch, count = Path(tempfile.mkdtemp()), devices(settings)
    where = f"run.device={settings.device}"
    done = start(
        ["train", "init", f"out={scratch / 'init'}", 'families=["arithmetic"]', "vocab_size=400",
         "tokenizer_samples=50", "image_size=32", "patch_size=8", "vision_hidden=32", "vision_layers=1",
         "vision_heads=2", "vision_mlp=64", "llm_hidden=128", "llm_layers=2", "llm_heads=2", "llm_kv_heads=1",
         "llm_mlp=256", "context=1024"], 1,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    model = f"model={scratch / 'init'}"
    pairs = scratch / "pairs"
    done = start(
        ["train", "pairs", model, f"run.out={pairs}", where, "run.bf16=false", "questions=12",
         "references=true",
         "rollout.max_tokens=8", "rollout.group=2", 'data.families=["counting"]'], 1,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    asked = ["rollout.max_tokens=4", "rollout.group=4"]
    stages = {
        "sft muon": ["train", "sft", *SMALL, "optim.muon_lr=0.003", "data.heldout=2", "run.eval_every=2"],
        "sft packed": ["train", "sft", *SMALL, "data.packing=true", "data.heldout=0"],
        "sft lora": ["train", "sft", *SMALL, "model.train=[]", 'model.lora=["llm"]', "data.heldout=0"],
        "reward": ["train", "reward", *[one for one in SMALL if "families" not in one],
                   f"pairs={pairs}/pairs.jsonl",
                   "optim.batch_size=4", "heldout_share=0.3"],
        "grpo": ["train", "grpo", *SMALL, *asked, "prompts=3", "reward.format_weight=1", "loss.kl=0.1"],
        "mpo": ["train", "mpo", *SMALL, *asked, "rounds=1", "questions=9"],
    }  # fmt: skip
    for name, words in stages.items():
        findings.attempt(
            name, lambda n=name, w=words: _compare(scratch, n, [*w, model, where], count, findings)
        )  # type: ignore[misc]
    words = ["train", "sft", *SMALL, "optim.muon_lr=0.003", "run.bf16=true", "data.heldout=0", model, where]
    done = start([*words, f"run.out={scratch / 'bf16'}"], count)
    findings.add(
        stage="sft muon bf16", processes=count, exit=done.returncode, said=last_line(done.stderr),
    )  # fmt: skip


def last_line(text: str) -> str:
    """The line that says what went wrong; nothing where nothing did."""
    lines = [line for line in text.strip().splitlines() if "Error" in line or "error:" in line]
    return lines[0][:300] if lines else ""


def _compare(scratch: Path, name: str, words: list[str], count: int, findings: Findings) -> None:
    runs = []
    for number in (1, count):
        out = scratch / name.replace(" ", "-") / str(number)
        done = start([*words, f"run.out={out}"], number)
        if done.returncode:
            findings.add(stage=name, processes=number, exit=done.returncode, said=last_line(done.stderr))
            if "mpo" in name and "no pair" in done.stderr:
                return  # a random model answers nothing right
            return
        runs.append(numbers(out))
    one, several = runs
    worst = max(
        (abs(a - b) / max(abs(a), 1e-3) for a, b in zip(one, several, strict=True)), default=float("nan")
    )
    findings.add(stage=name, processes=count, exit=0, numbers=len(one), worst_relative_difference=worst)


# -------------------------------------------------------------------------------------------- large models


def large(settings: Settings, findings: Findings, name: str) -> None:
    """One of the large parts, in processes that torchrun starts."""
    count = devices(settings)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    words = [__file__, "--worker", name, settings.device, "tiny" if settings.tiny else "full"]
    process = subprocess.Popen(
        [sys.executable, *launcher, *words], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "2", "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"},
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            findings.add(**json.loads(line))
        else:
            print(line, end="", flush=True)
    findings.add(exit=process.wait())


def random_weights(policy: PolicyModule) -> None:
    """Small random matrices, norms of 1."""
    with torch.no_grad():
        for parameter in policy.parameters():
            own = local(parameter.data)
            own.normal_(0.0, 0.02) if parameter.dim() > 1 else own.fill_(1.0 if own.numel() else 0.0)


def line_of(policy: PolicyModule, length: int, targets: int, rows: int = 1) -> MicroBatch:
    """Rows of random text, the last ``targets`` tokens of each to be learned."""
    vocabulary = policy.base.config.language.vocab_size
    ids = torch.randint(10, min(vocabulary, 1000), (rows, length))
    at = torch.arange(length - targets - 1, length - 1)
    places = torch.cat([row * length + at for row in range(rows)])
    side = policy.base.config.vision.image_size
    return MicroBatch(
        ids, torch.zeros((0, side, side, 3), dtype=torch.uint8), places, ids.flatten()[places + 1],
        torch.arange(rows).repeat_interleave(targets), ("",) * rows,
    )  # fmt: skip


def flops(config: R1VConfig, tokens: int, length: int, *, full: bool) -> float:
    """Of a step with recomputed activations: 2 a parameter and token for each of two forward passes and the
    backward pass towards the inputs, and as much again for weights where all are trained; and attention."""
    language = config.language
    layer = language.hidden_size * (language.num_heads + 2 * language.num_kv_heads) * language.head_dim
    layer += language.num_heads * language.head_dim * language.hidden_size
    layer += 3 * language.hidden_size * language.intermediate_size
    scores = 2 * length * language.num_heads * language.head_dim  # causal: half of 4 * T * width
    passes = 4 if full else 3
    return tokens * language.num_layers * (2 * layer * passes + scores * 4)


def worker(name: str, device: str, tiny: bool) -> None:
    """A part's steps in one of several processes; the first one prints a line of JSON for each."""
    compute = Compute.open(device, bf16=device != "cpu")
    config = GEOMETRIES["thin"] if tiny else GEOMETRIES["38b"] if name == "lora38b" else LARGE_8B
    context = 64 if tiny else 16384 if name == "lora38b" else 4096
    full = name == "full8b"
    chosen = ModelConfig(
        "random", train=("projector", "llm") if full else (), lora=() if full else ("llm",),
        checkpointing=True,
    )  # fmt: skip
    steps: dict[str, Callable[[PolicyModule], tuple[torch.Tensor, int]]] = {
        "sft": lambda policy: sft_loss(policy, context),
        "mpo": lambda policy: mpo_loss(policy, context // 4),
        "grpo": lambda policy: grpo_loss(policy, context // 4),
        "reward": lambda policy: reward_loss(policy, context // 4),
    }
    policy: PolicyModule | None = None
    for stage, loss in steps.items():
        if stage in ("sft", "reward") or policy is None:
            policy = None
            begun = time.monotonic()
            policy = build_policy(
                build_empty(config), compute, chosen, random_weights, seed=0, console=Console(quiet=True),
                reward=stage == "reward",
            )  # fmt: skip
            optimizer = Optimizer(policy, OptimConfig(lr=1e-6))
            say(compute, part=name, stage="load", seconds=time.monotonic() - begun)
        for attempt in range(2):
            reset(compute)
            begun = time.monotonic()
            total, tokens = loss(policy)
            total.backward()
            norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
            optimizer.step(1.0)
            value, size = float(total.detach()), float(whole(norm))
            finish(compute)
            seconds = time.monotonic() - begun
            every = sum(compute.world.gather(tokens))
            work = flops(config, every, context if stage == "sft" else context // 4, full=full)
            say(
                compute, part=name, stage=stage, step=attempt, loss=value, grad_norm=size,
                tokens=every, seconds=seconds, tokens_per_s=every / seconds,
                flops_share=work / seconds / compute.world.size / PEAK_FLOPS,
            )  # fmt: skip
    torch.distributed.destroy_process_group()


def sft_loss(policy: PolicyModule, length: int) -> tuple[torch.Tensor, int]:
    """One row for each process."""
    part = line_of(policy, length, length // 2)
    return -policy.scores(part).logprobs.mean(), length


def reward_loss(policy: PolicyModule, length: int) -> tuple[torch.Tensor, int]:
    """A pair for each process."""
    scores = policy.rewards(line_of(policy, length, 1, rows=2))
    return losses.reward_pairs(scores[::2], scores[1::2]).mean(), 2 * length


def mpo_loss(policy: PolicyModule, length: int) -> tuple[torch.Tensor, int]:
    """A pair for each process, its reference computed first."""
    part = line_of(policy, length, length // 2, rows=2)
    reference = losses.row_sums(policy.evaluate([part])[0], part.rows, 2).to(policy.compute.device)
    found = policy.scores(part).logprobs
    sums = losses.row_sums(found, part.rows.to(found.device), 2)
    lengths = torch.tensor([length // 2], device=found.device)
    return (
        losses.mpo(sums[:1], sums[1:], reference[:1], reference[1:], lengths, losses.MPOWeights(), 0.0).total,
        2 * length,
    )


def grpo_loss(policy: PolicyModule, length: int) -> tuple[torch.Tensor, int]:
    """Two responses for each process, with a KL penalty towards the policy without its adapters."""
    part = line_of(policy, length, length // 2, rows=2)
    reference = policy.evaluate([part], reference=True)[0].to(policy.compute.device)
    found = policy.scores(part).logprobs
    advantages = torch.tensor([1.0, -1.0], device=found.device)
    loss = losses.grpo(
        found, found.detach(), advantages, part.rows.to(found.device), losses.GRPOOptions(kl=0.01),
        num_responses=2, num_tokens=length, reference=reference,
    )  # fmt: skip
    return loss.total, 2 * length


def reset(compute: Compute) -> None:
    """Begin to look for the most memory anew."""
    if compute.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()


def finish(compute: Compute) -> None:
    """Wait for the device."""
    if compute.device.type == "cuda":
        torch.cuda.synchronize()


def say(compute: Compute, **values: Any) -> None:
    """One line of JSON from the first process."""
    if compute.world.first:
        print(json.dumps({**values, "memory_gb": compute.peak_bytes() / 1e9}), flush=True)


PARTS = {
    "equal": Part(equal, 420),
    "lora38b": Part(lambda s, f: large(s, f, "lora38b"), 300),
    "full8b": Part(lambda s, f: large(s, f, "full8b"), 240),
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2], sys.argv[3], sys.argv[4] == "tiny")
    else:
        main((__doc__ or "").splitlines()[0], PARTS, __file__)

"""GRPO with the Selective Sample Buffer and without it, on a small twin of R1V-Nano, several seeds.

A model of R1V's architecture learns to describe pictures of squares (the data of examples/recipe.py) until it
answers about half of the questions; from there GRPO runs twice with each seed. Prints the share of an update
that has an advantage, the reward and the held-out accuracy, draws them against the steps (``--plot``), and
ends with one line of JSON. A run that was cut off goes on with the same command.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "examples"), str(Path(__file__).parent)]

from recipe import make_data, metrics  # noqa: E402
from startup import commit  # noqa: E402

from r1v.train import config  # noqa: E402
from r1v.train.grpo import GRPOTrainer  # noqa: E402
from r1v.train.init import initialise  # noqa: E402
from r1v.train.sft import Trainer  # noqa: E402

QUIET = Console(quiet=True)
WINDOW = 5  # steps that a curve is averaged over


@dataclass(frozen=True)
class Settings:
    """seeds: how many. sft_steps, steps: of the supervised run and of GRPO."""

    seeds: int
    sft_steps: int
    steps: int
    prompts: int = 8
    group: int = 8
    lr: float = 1e-4
    max_age: int = 8
    mix: float = 0.5


def supervised(out: Path, data: Path, seed: int, steps: int) -> Path:
    """The model that both runs of a seed start from."""
    start = out / "init"
    if not start.exists():
        initialise(
            config.InitConfig(
                out=str(start), vocab_size=400, tokenizer_samples=50, families=("arithmetic",), image_size=32,
                patch_size=8, vision_hidden=64, vision_layers=1, vision_heads=2, vision_mlp=128,
                llm_hidden=128, llm_layers=2, llm_heads=2, llm_kv_heads=1, llm_mlp=256, context=512,
                seed=seed,
            )
        )  # fmt: skip
    return Trainer(
        config.SFTConfig(
            model=str(start), out=str(out / "sft"), data=str(data), steps=steps, batch_size=16, lr=2e-3,
            muon_lr=4e-3, warmup_steps=10, curriculum=False, direct_share=0.0, heldout=0, bf16=False,
            seed=seed,
        ),
        QUIET,
    ).train()  # fmt: skip


def reinforced(out: Path, model: Path, data: Path, measure: Path, seed: int, ssb: bool, s: Settings) -> None:
    """One GRPO run; its metrics lie in ``out``."""
    GRPOTrainer(
        config.GRPOConfig(
            model=str(model), out=str(out), data=str(data), measure=str(measure), heldout=64, eval_every=10,
            steps=s.steps, prompts=s.prompts, group=s.group, max_tokens=40, lr=s.lr, workers=0, ssb=ssb,
            ssb_max_age=s.max_age, ssb_mix=s.mix, seed=seed, bf16=False, save_every_s=60,
        ),
        QUIET,
    ).train()  # fmt: skip


def curves(run: Path) -> dict[str, list[float]]:
    """Of a run, by step: effective share of the update, reward, share of right answers; held-out accuracy."""
    rows = metrics(run, "reward")
    return {
        "effective": [row["ssb"]["effective"] for row in rows],
        "reward": [row["reward"] for row in rows],
        "right": [row["rule"] for row in rows],
        "heldout": [row["heldout"] for row in metrics(run, "heldout")],
    }


def mean(values: list[float]) -> float:
    return sum(values) / max(len(values), 1)


def summary(found: dict[bool, list[dict[str, list[float]]]], steps: int) -> dict[str, Any]:
    """Means over the seeds, with each seed's own value beside them; the later half of the run on its own."""
    result: dict[str, Any] = {}
    for ssb, runs in found.items():
        measures = {
            "effective": [mean(r["effective"]) for r in runs],
            "effective, later half": [mean(r["effective"][steps // 2 :]) for r in runs],
            "right, last 10 steps": [mean(r["right"][-10:]) for r in runs],
            "heldout, mean of the run": [mean(r["heldout"]) for r in runs],
            "heldout, end": [r["heldout"][-1] for r in runs],
        }
        result["with" if ssb else "without"] = {
            name: {"mean": round(mean(each), 4), "seeds": [round(one, 4) for one in each]}
            for name, each in measures.items()
        }
    return result


def draw(found: dict[bool, list[dict[str, list[float]]]], path: Path) -> None:
    """Thin lines are seeds, thick ones their mean; both smoothed over some steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), layout="constrained")
    panels = {"effective": "share of the update with an advantage", "reward": "reward (right 1, form 0.5)",
              "heldout": "held-out accuracy, greedy"}  # fmt: skip
    for axes, (key, title) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        for ssb, colour in ((False, "tab:orange"), (True, "tab:blue")):
            lines = [smooth(run[key], 1 if key == "heldout" else WINDOW) for run in found[ssb]]
            xs = [10 * i for i in range(len(lines[0]))] if key == "heldout" else range(len(lines[0]))
            for line in lines:
                axes.plot(xs, line, color=colour, lw=0.6, alpha=0.6)
            means = [mean([line[i] for line in lines]) for i in range(len(lines[0]))]
            axes.plot(xs, means, color=colour, lw=2, label="with the buffer" if ssb else "without")
        axes.set(title=title, xlabel="step")
        axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


def smooth(values: list[float], window: int) -> list[float]:
    """Mean of each value and those just before it."""
    return [mean(values[max(0, i + 1 - window) : i + 1]) for i in range(len(values))]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, a few steps")
    parser.add_argument("--out", type=Path, default=Path("runs/ssb"))
    parser.add_argument("--seed", type=int, help="run only this one, to be taken up by a later call for all")
    parser.add_argument("--plot", type=Path, help="where the picture goes")
    args = parser.parse_args()
    s = Settings(1, 20, 3) if args.quick else Settings(3, 90, 60)
    out = args.out / ("quick" if args.quick else "full")
    train, held = (
        path if (path := out / "data" / f"{name}.jsonl").exists() else make_data(out / "data", number, name)
        for name, number in (("train", 512), ("heldout", 64))
    )
    found: dict[bool, list[dict[str, list[float]]]] = {False: [], True: []}
    for seed in range(s.seeds) if args.seed is None else [args.seed]:
        folder = out / f"seed{seed}"
        model = supervised(folder, train, seed, s.sft_steps)
        for ssb, runs in found.items():
            run = folder / ("with" if ssb else "without")
            reinforced(run, model, train, held, seed, ssb, s)
            runs.append(curves(run))
            held_out = runs[-1]["heldout"]
            print(
                f"seed {seed} {'with' if ssb else 'without'}: effective {mean(runs[-1]['effective']):.3f}, "
                f"held-out {held_out[0]:.2f} -> {held_out[-1]:.2f}",
                flush=True,
            )
    if args.plot:
        draw(found, args.plot)
    result = summary(found, s.steps)
    print(f"{'':28} {'without':>10} {'with':>10}")
    for name in result["with"]:
        print(f"{name:28} {result['without'][name]['mean']:10.3f} {result['with'][name]['mean']:10.3f}")
    print(json.dumps({
        "name": "ssb", "device": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), "torch": torch.__version__}, "commit": commit(),
        "config": asdict(s), **result,
    }))  # fmt: skip


if __name__ == "__main__":
    main()

"""``r1v train STAGE``: make a new model, train it, draw a run."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from r1v.core import ConfigError

STAGES = {
    "init": "a new model from nothing: tokenizer, shape, random weights",
    "sft": "supervised training on questions with worked solutions",
    "transfer": "train the projector before a substitute language model and move it to a reasoner",
    "distill": "chains of thought by the model itself, shorter where a question is easy",
    "iterate": "supervised rounds on what the reward model likes and the model gets wrong",
    "pairs": "right and wrong replies of a model to the same questions, for reward",
    "reward": "a reward model from pairs of replies",
    "mpo": "mixed preference optimisation in rounds of sampling, ranking, pairing, training",
    "grpo": "reinforcement learning on verifiable answers, with the Selective Sample Buffer",
    "rollout": "a vLLM process that answers the questions of a grpo run on another device or machine",
    "pool": "questions that the model neither always nor never answers right, for grpo",
    "plot": "one picture of a run's folder",
}


IN_SEVERAL_PROCESSES = ("sft", "reward", "mpo", "grpo", "pool")  # which torchrun starts


def configure(parser: argparse.ArgumentParser) -> None:
    """The stages, each with its configuration file and changes."""
    stages = parser.add_subparsers(dest="stage", metavar="STAGE", required=True)
    for name, summary in STAGES.items():
        stage = stages.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == "plot":
            stage.add_argument("folder", metavar="RUN", help="the out folder of a run")
            stage.add_argument("--out", help="where the picture goes (default: RUN/curve.png)")
            stage.add_argument("--tensorboard", action="store_true", help="write TensorBoard events instead")
        else:
            stage.add_argument("--config", metavar="FILE", help="a TOML file with the stage's keys")
            stage.add_argument("changes", nargs="*", metavar="key=value", help="changes on top of the file")


def run(args: argparse.Namespace) -> int:
    """Run one stage; prints where its result lies."""
    if args.stage == "plot":
        from r1v.train.plot import plot_run, write_tensorboard

        print(write_tensorboard(args.folder) if args.tensorboard else plot_run(args.folder, args.out))
        return 0
    if args.stage not in IN_SEVERAL_PROCESSES and os.environ.get("WORLD_SIZE", "1") != "1":
        raise ConfigError(f"{args.stage} runs in one process; start it without torchrun")
    from rich.console import Console

    from r1v.models.hub import resolve
    from r1v.train.core.config import read

    kind, start = _stage(args.stage)
    config = read(kind, args.config, args.changes)
    if hasattr(config, "model"):
        config = replace(config, model=str(resolve(config.model)))
    first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun starts
    result = start(config, Console(stderr=True, quiet=not first))
    if first and result is not None:
        print(result)
    return 0


def _stage(name: str) -> tuple[type[Any], Callable[[Any, Any], Path | None]]:
    """A stage's configuration, and what runs it; only its own modules are imported."""
    from r1v.train.core import config

    if name == "init":
        from r1v.train.stages.init import initialise

        return config.InitConfig, lambda c, console: initialise(c)
    if name == "sft":
        from r1v.train.stages.sft import Trainer

        return config.SFTConfig, lambda c, console: Trainer(c, console).train()
    if name == "transfer":
        from r1v.train.stages.transfer import transfer

        return config.TransferConfig, transfer
    if name == "distill":
        from r1v.train.stages.distill import distill

        return config.DistillConfig, distill
    if name == "iterate":
        from r1v.train.stages.iterate import iterate

        return config.IterateConfig, iterate
    if name == "pairs":
        from r1v.train.stages.pairs import make_pairs

        return config.PairsConfig, make_pairs
    if name == "reward":
        from r1v.train.stages.reward import RewardTrainer

        return config.RewardConfig, lambda c, console: RewardTrainer(c, console).train()
    if name == "mpo":
        from r1v.train.stages.mpo import MPOTrainer

        return config.MPOConfig, lambda c, console: MPOTrainer(c, console).train()
    if name == "rollout":
        from r1v.train.rollout.vllm_process import serve

        return config.RolloutConfig, serve
    from r1v.train.stages.grpo import GRPOTrainer, make_pool

    if name == "pool":
        return config.GRPOConfig, make_pool
    return config.GRPOConfig, lambda c, console: GRPOTrainer(c, console).train()

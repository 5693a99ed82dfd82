"""``r1v train STAGE``: make a new model, train it, draw a run."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from r1v.core import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

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
    "watch": "a page of a run's numbers and sampled replies, with their pictures, that refreshes",
}
OF_A_FOLDER = ("plot", "watch")  # these look at a run and take no configuration
# stages that torchrun starts
IN_SEVERAL_PROCESSES = ("sft", "transfer", "iterate", "reward", "mpo", "grpo", "pool")


class _Help(argparse.Action):
    """``--help`` of a stage: its arguments, then every key with its type, default and meaning."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        parser.print_help()
        print("\nkeys (group.key=value):\n")
        print(keys_of(parser.prog.rpartition(" ")[2]))
        parser.exit()


def configure(parser: argparse.ArgumentParser) -> None:
    """The stages, each with its configuration file and changes."""
    stages = parser.add_subparsers(dest="stage", metavar="STAGE", required=True)
    for name, summary in STAGES.items():
        stage = stages.add_parser(
            name, help=summary, description=summary[0].upper() + summary[1:] + ".",
            add_help=name in OF_A_FOLDER,
        )  # fmt: skip
        if name == "plot":
            stage.add_argument("folder", metavar="RUN", help="the out folder of a run")
            stage.add_argument("--out", metavar="FILE", help="file for the picture (default: RUN/curve.png)")
            stage.add_argument("--tensorboard", action="store_true", help="write TensorBoard events instead")
        elif name == "watch":
            stage.add_argument("folder", metavar="RUN", help="the out folder of a run")
            stage.add_argument(
                "--host", metavar="ADDRESS", default="127.0.0.1",
                help="address to listen at (default: this machine only)",
            )  # fmt: skip
            stage.add_argument(
                "--port", metavar="N", type=int, default=8090,
                help="port to listen at; 0 takes a free one (default: 8090)",
            )  # fmt: skip
        else:
            stage.add_argument("-h", "--help", nargs=0, action=_Help, help="show this help with every key")
            stage.add_argument("--config", metavar="FILE", help="a TOML file with the stage's keys")
            stage.add_argument(
                "--allow", metavar="KEY", action="append", default=[],
                help="continue a run although this key (or: data) differs from what it began with",
            )  # fmt: skip
            stage.add_argument(
                "changes", nargs="*", metavar="key=value", help="keys that replace those of the file"
            )


def keys_of(stage: str) -> str:
    """Every key of a stage, one a line: name, type, default, meaning."""
    from r1v.train.core.config_read import keys

    lines = []
    for each in keys(_stage(stage)[0]):
        kind = each.kind.__name__ if isinstance(each.kind, type) else str(each.kind)
        default = "required" if each.required else repr(each.default)
        lines.append(f"  {each.name:26} {kind:18} {default}\n      {each.meaning}")
    return "\n".join(lines)


def run(args: argparse.Namespace) -> int:
    """Run one stage; prints where its result lies."""
    if args.stage == "plot":
        from r1v.train.plot import plot_run, write_tensorboard

        print(write_tensorboard(args.folder) if args.tensorboard else plot_run(args.folder, args.out))
        return 0
    if args.stage == "watch":
        return _watch(args)
    if args.stage not in IN_SEVERAL_PROCESSES and os.environ.get("WORLD_SIZE", "1") != "1":
        raise ConfigError(f"{args.stage} runs in one process; start it without torchrun")
    from rich.console import Console

    from r1v.models.hub import resolve_model
    from r1v.train.core.config import ModelConfig
    from r1v.train.core.config_read import flatten, read

    kind, start = _stage(args.stage)
    allowed = dict.fromkeys(name for name in args.allow if name != "data")
    flatten(allowed, kind, args.stage, {name: f"--allow {name}" for name in allowed})
    config = read(kind, args.config, args.changes, stage=args.stage)
    model = getattr(config, "model", None)
    if isinstance(model, ModelConfig):
        config = replace(config, model=replace(model, path=str(resolve_model(model.path))))
    elif isinstance(model, str):
        config = replace(config, model=str(resolve_model(model)))
    first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun starts
    result = start(config, Console(stderr=True, quiet=not first), args.allow)
    if first and result is not None:
        print(result)
    return 0


def _watch(args: argparse.Namespace) -> int:
    """Serve a run's page until Ctrl-C."""
    from r1v.train.watch.server import open_watch

    server = open_watch(args.folder, args.host, args.port)
    print(f"{args.folder} at http://{args.host}:{server.server_address[1]}  (Ctrl-C ends)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        server.server_close()
    return 0


def _stage(name: str) -> tuple[type[Any], Callable[[Any, Any, Collection[str]], Path | None]]:
    """A stage's configuration, and what runs it; only its own modules are imported."""
    if name == "init":
        from r1v.train.stages.init import InitConfig, initialise

        return InitConfig, lambda c, console, allow: initialise(c)
    if name == "sft":
        from r1v.train.stages.sft import SFTConfig, Trainer

        return SFTConfig, lambda c, console, allow: Trainer(c, console, allow=allow).train()
    if name == "transfer":
        from r1v.train.stages.transfer import TransferConfig, transfer

        return TransferConfig, lambda c, console, allow: transfer(c, console, allow=allow)
    if name == "distill":
        from r1v.train.stages.distill import DistillConfig, distill

        return DistillConfig, lambda c, console, allow: distill(c, console, allow=allow)
    if name == "iterate":
        from r1v.train.stages.iterate import IterateConfig, iterate

        return IterateConfig, lambda c, console, allow: iterate(c, console, allow=allow)
    if name == "pairs":
        from r1v.train.stages.pairs import PairsConfig, make_pairs

        return PairsConfig, lambda c, console, allow: make_pairs(c, console, allow=allow)
    if name == "reward":
        from r1v.train.stages.reward import RewardStageConfig, RewardTrainer

        return RewardStageConfig, lambda c, console, allow: RewardTrainer(c, console, allow=allow).train()
    if name == "mpo":
        from r1v.train.stages.mpo import MPOConfig, MPOTrainer

        return MPOConfig, lambda c, console, allow: MPOTrainer(c, console, allow=allow).train()
    if name == "rollout":
        from r1v.train.rollout.vllm_process import RolloutEngineConfig, serve

        return RolloutEngineConfig, lambda c, console, allow: serve(c, console)
    if name == "pool":
        from r1v.train.stages.grpo import GRPOConfig
        from r1v.train.stages.pool import make_pool

        return GRPOConfig, lambda c, console, allow: make_pool(c, console, allow=allow)
    from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer

    return GRPOConfig, lambda c, console, allow: GRPOTrainer(c, console, allow=allow).train()

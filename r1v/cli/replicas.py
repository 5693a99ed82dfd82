"""``r1v serve --data-parallel-size N``: how each copy of the model is started, and on which devices.

Enters: the arguments of the command, and the command line itself. Leaves: the command of each copy. Always
holds: each copy has devices or cores of its own; more copies than the machine has devices are refused.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from r1v.cli.nodes import memory_nodes, shares_of_copies
from r1v.cli.parser import chosen_backend
from r1v.core import ConfigError, usable_cores

if TYPE_CHECKING:
    from r1v.server import ReplicaCommand


def are_ours(args: argparse.Namespace) -> bool:
    """Whether this command starts the copies itself; vLLM makes its own."""
    if args.data_parallel_size <= 1:
        return False
    if args.backend is None:
        return args.tensor_parallel_size == 1 and args.pipeline_parallel_size == 1 and args.base_url is None
    return chosen_backend(args) in ("r1v", "transformers")


def replica_commands(args: argparse.Namespace, argv: Sequence[str]) -> list[ReplicaCommand]:
    """The command of each copy. argv: the command line, from "serve" on. Raises ConfigError."""
    from r1v.server import ReplicaCommand

    number = args.data_parallel_size
    words = list(argv)
    words[words.index(args.command)] = "serve"  # also for r1v ui
    command = [sys.executable, "-m", "r1v.cli.main", *words,
               "--data-parallel-size", "1", "--no-ui", "--log", "none"]  # fmt: skip
    if ":" in args.device:
        raise ConfigError(f"--device {args.device} names one device; with --data-parallel-size "
                          f"{number} leave the number out")  # fmt: skip
    devices = [] if args.device == "cpu" else visible_gpus()
    if args.device != "cpu" and devices:
        if number > len(devices):
            raise ConfigError(
                f"--data-parallel-size is {number}, but {len(devices)} GPUs are visible; each copy needs one"
            )
        return [ReplicaCommand(command, {"CUDA_VISIBLE_DEVICES": device}) for device in devices[:number]]
    if number > usable_cores():
        raise ConfigError(
            f"--data-parallel-size is {number}, but {usable_cores()} cores can be used; each copy needs one"
        )
    if not hasattr(os, "sched_getaffinity"):  # Linux only
        return [ReplicaCommand(command)] * number
    shares = shares_of_copies(frozenset(os.sched_getaffinity(0)), memory_nodes(), number)
    return [ReplicaCommand(command, cores=cores) for cores in shares]


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    if not torch.cuda.is_available():
        return []
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    count = torch.cuda.device_count()
    return named[:count] if named else [str(number) for number in range(count)]

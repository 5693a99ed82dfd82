"""`r1v plan MODEL --memory 80GB`: what fits, how long a context, how fast; from config.json alone."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from typing import TYPE_CHECKING

from r1v.cli.parser import MODEL_HELP
from r1v.core import CheckpointError, ConfigError

if TYPE_CHECKING:
    from r1v.models import R1VConfig
    from r1v.plan.inference import Estimate, Format, MemoryPlan
    from r1v.plan.training import TrainingPlan

CPU_OVERHEAD = 600_000_000  # bytes that Python and torch take themselves
UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20,
         "GIB": 2**30}  # fmt: skip


def parse_bytes(text: str) -> int:
    """80GB, 24GiB, 2TB/s or a plain number of bytes. ConfigError: anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*?)(?:/s)?\s*", text)
    if found is None or found[2].upper() not in UNITS or not float(found[1]) > 0:
        raise ConfigError(f"{text!r} is not a size; write it as 80GB, 24GiB or 2TB/s")
    return int(float(found[1]) * UNITS[found[2].upper()])


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("model", metavar="MODEL", help=f"{MODEL_HELP}; config.json is enough")
    parser.add_argument(
        "--memory", metavar="SIZE", help="memory of each device, as in 80GB (default: this machine's)"
    )
    parser.add_argument("--gpus", type=int, default=1, metavar="N", help="devices that share the model")
    parser.add_argument(
        "--context", type=int, default=8192, metavar="N", help="most tokens of a conversation"
    )
    parser.add_argument("--concurrent", type=int, default=1, metavar="N", help="conversations at a time")
    parser.add_argument("--images", type=int, default=1, metavar="N", help="images in each conversation")
    parser.add_argument(
        "--bandwidth", metavar="SIZE",
        help="bandwidth of the memory, as in 2TB/s (default: this machine's, or with --memory 1TB/s)",
    )  # fmt: skip
    parser.add_argument("--link", metavar="SIZE", default="25GB/s", help="bandwidth between host and device")
    parser.add_argument("--format", choices=("float32", "bf16", "awq", "awq-vision8", "offload"),
                        help="plan only this format (default: all of them)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    training = parser.add_argument_group("training")
    training.add_argument("--train", metavar="STAGE", help="plan sft, transfer, iterate, reward, mpo or grpo")
    training.add_argument(
        "--devices", type=int, default=1, metavar="N",
        help="number of devices over which torchrun splits the training",
    )  # fmt: skip
    training.add_argument(
        "--lora", type=int, nargs="?", const=16, default=0, metavar="RANK",
        help="train adapters only, of rank 16 unless another is given (default: train every weight)",
    )  # fmt: skip
    training.add_argument(
        "--rollout", choices=("r1v", "vllm", "asleep", "away"), default="r1v",
        help="what samples: r1v, vllm on the same devices (asleep: during updates), or vllm on others (away)",
    )  # fmt: skip
    training.add_argument("--rows", type=int, default=1, metavar="N", help="rows in a pass on each device")
    training.add_argument(
        "--sequence-parallel", type=int, default=1, metavar="N",
        help="devices that compute a row together, each a part of its tokens",
    )  # fmt: skip
    training.add_argument("--four-bit", action="store_true", help="frozen layers beside adapters in 4 bits")
    training.add_argument("--optimizer-on-cpu", action="store_true", help="AdamW's moments lie on the CPU")
    training.add_argument(
        "--no-checkpointing", action="store_true", help="keep activations instead of recomputing them"
    )


def run(args: argparse.Namespace) -> int:
    """Print the plan; status 1 where nothing fits as asked."""
    if args.train:
        return run_training(args)
    from r1v.models import read_config
    from r1v.models.config_json.read import read_json
    from r1v.models.hub import resolve_config
    from r1v.models.quantised import read_quantisation, stored_quantisation
    from r1v.plan.inference import CHOICES, PlanTarget, plan, stored_bits

    folder = resolve_config(args.model)
    config = read_config(folder)
    memory, bandwidth, known = device_of(args)
    on_cpu = known == "measured here"
    target = PlanTarget(
        memory, args.gpus, context=args.context, concurrent=args.concurrent, num_images=args.images,
        bandwidth=bandwidth, link=parse_bytes(args.link), overhead_bytes=CPU_OVERHEAD if on_cpu else None,
    )  # fmt: skip
    formats, refused = cpu_formats(config) if on_cpu else CHOICES, None
    values = read_json(folder / "config.json")
    try:
        quantisation = read_quantisation(values, folder)
        if quantisation is not None and (quantisation.layout == "float8" or quantisation.scattered):
            # these may become weights of the model's dtype: 8-bit floating point on a CPU, and where inputs
            # of an output have several scales; groups of scattered inputs everywhere
            formats = tuple(each for each in formats if not each.startswith("awq"))
            if not (on_cpu or quantisation.scattered) and quantisation.rectangle.inputs == -1:
                formats, target = ("stored",), dataclasses.replace(target, stored_bits=8)
        elif quantisation is not None:
            formats = tuple(each for each in formats if each.startswith("awq"))
            group = _stored_group(config, quantisation.group_size)
            target = dataclasses.replace(target, group_size=group)
    except CheckpointError as error:
        bits = stored_bits(stored_quantisation(values) or {})
        if bits is None or args.format:
            raise
        formats, refused = ("stored",), str(error)
        target = dataclasses.replace(target, stored_bits=bits)
    found = plan(config, target, (args.format,) if args.format else formats)
    said = verdict(found) if refused is None else f"r1v does not load this checkpoint: {refused}"
    if args.json:
        values = dataclasses.asdict(found)
        for estimate, written in zip(found.estimates, values["estimates"], strict=True):
            written |= {"fits": estimate.fits, "used_bytes": estimate.used_bytes}
        print(json.dumps(values | {"verdict": said}, indent=2))
    else:
        _print(args.model, found, said, known)
    return 0 if found.chosen is not None and refused is None else 1


def _stored_group(config: R1VConfig, group_size: int) -> int:
    """The group size that a checkpoint names. ConfigError: no layer can be divided into such groups."""
    from r1v.plan.inference import PlanSizes

    columns = {each[1] for each in PlanSizes.of(config).linears}
    if group_size != -1 and all(each % group_size for each in columns):
        raise ConfigError(
            f"config.json: quantization_config.group_size is {str(group_size)[:60]}, which divides the "
            f"inputs of no layer ({', '.join(map(str, sorted(columns)))}); the checkpoint is damaged"
        )
    return group_size


def run_training(args: argparse.Namespace) -> int:
    """Print what training takes on each device; status 1 where it does not fit as asked."""
    import torch
    from rich.console import Console
    from rich.table import Table

    from r1v.engine.memory import free_memory
    from r1v.models import read_config
    from r1v.models.hub import resolve_config
    from r1v.plan.training import TrainingTarget, plan_training

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    target = TrainingTarget(
        parse_bytes(args.memory) if args.memory else free_memory(device), args.devices, args.train,
        context=args.context, rows=args.rows, lora_rank=args.lora, rollout=args.rollout,
        checkpointing=not args.no_checkpointing, together=args.sequence_parallel,
        on_cpu=args.optimizer_on_cpu, four_bit=args.four_bit,
    )  # fmt: skip
    found = plan_training(read_config(resolve_config(args.model)), target)
    asked, nearest = found.asked, found.nearest
    if args.json:
        values = dataclasses.asdict(found)
        for name, each in (("asked", asked), ("nearest", nearest)):
            if each is not None:
                values[name] |= {"phases": each.phases, "used_bytes": each.used_bytes, "fits": each.fits}
        print(json.dumps(values, indent=2))
        return 0 if asked.fits else 1
    console = Console(highlight=False)
    table = Table("GB per device", "asked", *(["nearest that fits"] if nearest not in (None, asked) else []),
                  box=None, pad_edge=False)  # fmt: skip
    shown = [asked, *([nearest] if nearest is not None and nearest != asked else [])]
    parts = (
        "frozen",
        "trained",
        "optimizer",
        "gradients",
        "block",
        "activations",
        "logits",
        "sampler",
        "overhead",
    )
    for part in parts:
        table.add_row(part, *(gb(getattr(each, part)) for each in shown))
    for phase in asked.phases:
        table.add_row(f"[bold]{phase}[/bold]", *(gb(each.phases.get(phase, 0)) for each in shown))
    console.print(
        f"{args.model}: {args.train} on {args.devices} x {gb(target.memory_bytes)}, rows of "
        f"{target.context:,} tokens"
    )
    console.print(table)
    console.print(f"[bold]{training_verdict(found)}[/bold]")
    return 0 if asked.fits else 1


def training_verdict(found: TrainingPlan) -> str:
    """What to do, in one sentence."""
    asked, nearest = found.asked, found.nearest
    memory = asked.target.memory_bytes
    if asked.fits:
        return f"it fits: {gb(asked.used_bytes)} of {gb(memory)}"
    largest = max(asked.phases, key=lambda phase: asked.phases[phase])
    said = f"it does not fit: {largest} takes {gb(asked.used_bytes)} of {gb(memory)}"
    if nearest is None:
        return f"{said}; nothing near it fits"
    return f"{said}; with {', '.join(found.changes)} it takes {gb(nearest.used_bytes)}"


def device_of(args: argparse.Namespace) -> tuple[int, float, str]:
    """Memory of a device, bytes a second that it reads, and how that rate is known. What is not given is
    this machine's: of its GPU, else of its processor. ConfigError: several devices of a machine without."""
    import torch

    from r1v.cli.parser import set_threads
    from r1v.engine.memory import free_memory
    from r1v.plan.machine import ASSUMED, read_rate

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if args.bandwidth:
        rate, known = float(parse_bytes(args.bandwidth)), "as given"
    elif args.memory:
        rate, known = ASSUMED, "assumed; give --bandwidth"
    else:
        if device.type == "cpu" and args.gpus > 1:
            raise ConfigError(
                f"--gpus is {args.gpus}, but this machine has no GPU; give the memory of each with --memory"
            )
        set_threads(None)
        rate, known = read_rate(device)
    return parse_bytes(args.memory) if args.memory else free_memory(device), rate, known


def cpu_formats(config: R1VConfig) -> tuple[Format, ...]:
    """The formats that a processor runs, as `auto` chooses among them first: float32 for a small model."""
    from r1v.llm.config import resolve_dtype
    from r1v.plan.inference import PlanSizes

    small = resolve_dtype("auto", "cpu", 2 * PlanSizes.of(config).num_parameters) == "float32"
    return ("float32" if small else "bf16", "awq", "awq-vision8")


def _print(name: str, found: MemoryPlan, said: str, known: str) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    target = found.target
    console = Console(highlight=False)
    devices = "one device" if target.num_devices == 1 else f"{target.num_devices} devices, each"
    console.print(
        f"{name}: {found.num_parameters / 1e9:.2f}B parameters on {devices} of {gb(target.memory_bytes)}; "
        f"{target.concurrent} x {target.context:,} tokens, "
        f"{target.num_images} image{'s' * (target.num_images != 1)} each "
        f"(up to {found.tokens_per_image:,} tokens an image)"
    )
    table = Table("GB per device", box=None, pad_edge=False)
    for estimate in found.estimates:
        stored = estimate.format == "stored"
        table.add_column(f"{target.stored_bits} bits" if stored else estimate.format, justify="right")
    rows: list[tuple[str, list[str]]] = [
        ("language layers", [gb(e.weights.linears) for e in found.estimates]),
        ("embedding, output", [gb(e.weights.output) for e in found.estimates]),
        ("vision tower", [gb(e.weights.vision) for e in found.estimates]),
        ("projector", [gb(e.weights.projector) for e in found.estimates]),
        ("left on the host", [gb(-e.offloaded_bytes) if e.offloaded_bytes else "" for e in found.estimates]),
        ("keys and values", [gb(e.kv_bytes) for e in found.estimates]),
        ("activations", [gb(e.activation_bytes) for e in found.estimates]),
        ("overhead", [gb(e.overhead_bytes) for e in found.estimates]),
        ("all", [gb(e.used_bytes) for e in found.estimates]),
        ("fits", ["yes" if e.fits else "no" for e in found.estimates]),
        ("longest context", [f"{e.max_context:,}" if e.max_context else "-" for e in found.estimates]),
        ("most at a time", [f"{e.max_concurrent:,}" for e in found.estimates]),
        ("tokens/s each", [f"{e.tokens_per_s:.1f}" for e in found.estimates]),
    ]  # fmt: skip
    for label, cells in rows:
        if any(cells):
            table.add_row(label, *cells)
    console.print(table)
    shown = f"{target.bandwidth / 1e9:,.0f}" if target.bandwidth >= 1e11 else f"{target.bandwidth / 1e9:.1f}"
    console.print(
        f"speed: at {shown} GB/s ({known}), {target.efficiency:.0%} of it reached, all of the context in use"
    )
    if target.num_devices > 1:
        console.print("several devices need vLLM (r1v's own engine runs on one)")
    console.print(f"[bold]{escape(said)}[/bold]")


def verdict(found: MemoryPlan) -> str:
    """What to do, in one sentence."""
    target, chosen, nearest = found.target, found.chosen, found.nearest
    if chosen is not None and chosen.format != "offload":
        return f"use {chosen.format}: {gb(chosen.used_bytes)} of {gb(target.memory_bytes)}"
    instead = ""
    if nearest is not None:
        instead = f"; the nearest that fits is {nearest.format} with {describe(nearest)}"
    if chosen is not None:
        return (
            f"only offload fits (with transformers): {gb(chosen.offloaded_bytes)} stay on the host, "
            f"{chosen.tokens_per_s:.2g} tokens/s{instead}"
        )
    least = min(found.estimates, key=lambda each: each.used_bytes)
    return (
        f"nothing fits: {least.format} needs {gb(least.used_bytes)}, there are {gb(target.memory_bytes)}"
        f"{instead or '; a smaller model is needed'}"
    )


def describe(estimate: Estimate) -> str:
    """A setting in words."""
    devices = f"{estimate.num_devices} devices" if estimate.num_devices > 1 else "one device"
    return f"{devices}, --context {estimate.context}, --concurrent {estimate.concurrent}"


def gb(number: int) -> str:
    """Bytes in GB (10**9), or smaller units for small numbers."""
    return f"{number / 1e9:.1f} GB" if abs(number) >= 10**9 else f"{number / 1e6:.1f} MB"

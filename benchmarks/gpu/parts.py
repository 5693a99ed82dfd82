"""Runs the parts of a GPU benchmark, each in a process of its own, and keeps what they find.

Always holds: a part that fails, hangs or breaks the device costs its own time only; after every part the
results so far are in one JSON file, with the device, the versions and the commit.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

import torch

Row: TypeAlias = dict[str, Any]
LEAST_S = 20.0  # a part is not begun with less time left


@dataclass(frozen=True, slots=True)
class Settings:
    """What a part is told. tiny: a dry run at the smallest sizes, on any device. quick: the short form."""

    device: str
    tiny: bool
    quick: bool = False


@dataclass(slots=True)
class Findings:
    """Collects a part's rows, prints each, and writes them at once."""

    path: Path
    rows: list[Row]

    def add(self, **row: Any) -> None:
        """Keep and print one row."""
        self.rows.append(row)
        print("  " + "  ".join(f"{k}={_short(v)}" for k, v in row.items()), flush=True)
        self.path.write_text(json.dumps(self.rows))

    def attempt(self, name: str, function: Callable[[], None]) -> None:
        """Run one step of a part; if it fails, say so and go on."""
        try:
            function()
        except Exception as error:
            traceback.print_exc(limit=-4)
            self.add(step=name, error=f"{type(error).__name__}: {error}"[:300])
            if "CUDA error" in str(error) or "device-side" in str(error):
                raise SystemExit(3) from error  # nothing works in this process any more
        gc.collect()  # an engine is part of a cycle
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


@dataclass(frozen=True, slots=True)
class Part:
    """run: the work. limit_s: seconds after which it is stopped."""

    run: Callable[[Settings, Findings], None]
    limit_s: float


def main(description: str, parts: Mapping[str, Part], script: str) -> None:
    """The command line of a benchmark made of parts."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--parts", nargs="+", choices=list(parts), default=list(parts))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a dry run at the smallest sizes")
    parser.add_argument("--quick", action="store_true", help="the short form, where a script has one")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder for the JSON")
    parser.add_argument("--name", default=Path(script).stem, help="of the JSON file")
    parser.add_argument("--seconds", type=float, default=0.0, help="for all parts together; 0 is no limit")
    parser.add_argument("--commit", default=None, help="where there is no git")
    parser.add_argument("--child", choices=list(parts), default=None, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=Path, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args()
    settings = Settings(args.device, args.tiny, args.quick)
    if args.child:
        parts[args.child].run(settings, Findings(args.rows, []))
        return
    args.out.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {**machine(args.device, args.commit), "command": sys.argv, "parts": {}}
    print(json.dumps({k: v for k, v in result.items() if k != "parts"}), flush=True)
    end = time.perf_counter() + args.seconds if args.seconds else float("inf")
    for name in args.parts:
        limit_s = min(parts[name].limit_s, end - time.perf_counter())
        if limit_s < LEAST_S:
            result["parts"][name] = {"exit": "no time was left", "seconds": 0.0, "rows": []}
            print(f"== {name}: no time was left", flush=True)
        else:
            result["parts"][name] = _child(script, name, limit_s, args)
        (args.out / f"{args.name}.json").write_text(json.dumps(result, indent=1))


def _child(script: str, name: str, limit_s: float, args: argparse.Namespace) -> Row:
    """One part in a process of its own: its rows and how it ended."""
    print(f"== {name}", flush=True)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.json"
        command = [sys.executable, script, "--child", name, "--rows", str(rows), "--device", args.device]
        process = subprocess.Popen(
            command + ["--tiny"] * args.tiny + ["--quick"] * args.quick,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            code: int | str = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = f"stopped after {limit_s:.0f} s"
        found = json.loads(rows.read_text()) if rows.exists() else []
    took = time.perf_counter() - start
    print(f"== {name}: exit {code}, {took:.0f} s", flush=True)
    return {"exit": code, "seconds": round(took, 1), "rows": found}


def machine(device: str, commit: str | None = None) -> Row:
    """Where and with what this runs."""
    found: Row = {"device": platform.processor() or platform.machine(), "python": platform.python_version()}
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        found["device"] = properties.name
        found["memory_bytes"] = properties.total_memory
    for package in ("torch", "triton", "transformers", "vllm"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found["commit"] = commit or head.stdout.strip() or "unknown"
    return found


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

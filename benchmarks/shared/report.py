"""Where and with what a benchmark ran, and its result as one line of JSON."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def processor() -> str:
    """Name of the CPU and its number of cores."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def versions(*packages: str) -> dict[str, str]:
    """Installed versions of packages, and Python's."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def commit() -> str:
    """The short hash of the working tree's commit; "unknown" outside git."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return found.stdout.strip() or "unknown"


def peak_mib() -> int:
    """The most memory this process has held, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def ratios(ours: Mapping[str, float], theirs: float) -> dict[str, float]:
    """How many times faster each of ours is, from seconds."""
    return {name: round(theirs / value, 3) for name, value in ours.items()}


def median(times: Sequence[float]) -> float:
    """Median, rounded to what such times can mean."""
    return float(f"{statistics.median(times):.4g}")


def emit(
    name: str, device: str, config: Mapping[str, Any], medians: Mapping[str, Any], ratios: Mapping[str, Any],
    **more: Any,
) -> None:  # fmt: skip
    """Print the line that ends every benchmark."""
    print(json.dumps({
        "name": name, "device": device, "load_average": round(os.getloadavg()[0], 1),
        "versions": versions("torch", "transformers"), "commit": commit(), "config": dict(config),
        "medians": dict(medians), "ratios": dict(ratios), "peak_mib": peak_mib(), **more,
    }))  # fmt: skip

"""Where and with what a benchmark ran, and its result as one line of JSON."""

from __future__ import annotations

import json
import math
import os
import platform
import resource
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# Student's t of a two-sided 95 % interval, by the number of seeds
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}


def processor() -> str:
    """Name of the CPU, the cores that may be used, and the instruction sets (see `r1v inspect --kernels`)."""
    from r1v.core import usable_cores
    from r1v.ops import isa

    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {usable_cores()} cores, {isa.features().level}"


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


def median(times: Sequence[float]) -> float:
    """Median, rounded to what such times can mean."""
    return float(f"{statistics.median(times):.4g}")


def interval(values: Sequence[float]) -> str:
    """Mean and the half-width of its 95 % interval over seeds; without one where there is one seed."""
    if not values:
        return "-"
    mean = statistics.fmean(values)
    digits = 0 if mean > 100 else 1 if mean > 10 else 3
    if len(values) not in STUDENT:
        return f"{mean:.{digits}f}"
    half = STUDENT[len(values)] * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:.{digits}f} ± {half:.{digits}f}"


def flat(values: Mapping[Any, Any], path: str = "") -> dict[str, Any]:
    """Nested values with one level of keys: ``{"a": {"b": 1}}`` becomes ``{"a/b": 1}``. In a list of mappings
    the place is the key; other lists stay as they are."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value):
            value = {str(place): one for place, one in enumerate(value)}
        if isinstance(value, Mapping):
            found |= flat(value, f"{path}{key}/")
        else:
            found[f"{path}{key}"] = value
    return found


def print_result(name: str, values: Mapping[str, Any]) -> None:
    """Print the line of JSON, with flat keys, that ends every benchmark.

    values: what was measured. The device, the load, versions and the commit are added unless it has them.
    """
    told = {
        "name": name, "device": processor(), "load_average": round(os.getloadavg()[0], 1),
        "versions": versions("torch", "transformers"), "commit": commit(),
    }  # fmt: skip
    print(json.dumps(flat(told | dict(values)), default=str))


def emit(
    name: str, device: str, config: Mapping[str, Any], medians: Mapping[str, Any], ratios: Mapping[str, Any],
    **more: Any,
) -> None:  # fmt: skip
    """Print the last line of a benchmark that compares medians."""
    print_result(name, {
        "device": device, "config": config, "medians": medians, "ratios": ratios, "peak_mib": peak_mib(),
        **more,
    })  # fmt: skip

"""The results of `speed.py` and `correct.py` as Markdown tables (arguments: their JSON files)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]


def table(title: str, heads: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
    """Print one table; nothing where it has no lines."""
    found = [[_text(value) for value in line] for line in lines]
    if found:
        print(f"\n{title}\n\n| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
        for line in found:
            print("| " + " | ".join(line) + " |")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return "" if value is None else str(value)


def rows_of(result: Row) -> list[Row]:
    """Rows of all parts of a file."""
    return [row for part in result["parts"].values() for row in part["rows"]]


def show(path: Path) -> None:
    """Print a file's tables."""
    result = json.loads(path.read_text())
    where = {key: result.get(key) for key in ("device", "torch", "triton", "transformers", "commit")}
    print(f"\n## {path.name}: " + ", ".join(f"{key} {value}" for key, value in where.items()))
    rows = rows_of(result)
    table("What the device does", ("", "GB/s", "TFLOP/s"),
          ((r["what"], r.get("gb_per_s"), r.get("tflops")) for r in rows if "what" in r))  # fmt: skip
    best: dict[tuple[str, int, str], Row] = {}
    for row in rows:
        if "product" in row and "rows" in row:
            key = (row["product"], row["rows"], re.sub(r" \d+x\d+$", "", row["path"]))
            if key not in best or row["us"] < best[key]["us"]:
                best[key] = row
    table("Products, the best setting of each kernel", ("product", "rows", "kernel", "us", "GB/s"),
          ((*key[:2], row["path"], row["us"], row["gb_per_s"]) for key, row in best.items()))  # fmt: skip
    table("Decode",
          ("model", "cache", "batch", "output", "ms a step", "tokens/s", "GB/s", "of the read limit"),
          ((r["model"], r.get("cache"), r["batch"], r.get("output"), r["ms"], r["tokens_per_s"],
            r.get("gb_per_s"), r.get("of_read_limit"))
           for r in rows if r.get("step") == "decode" and "ms" in r))  # fmt: skip
    table("Time to the first token", ("model", "tiles", "tokens", "ms"),
          ((r["model"], r["tiles"], r["tokens"], r["ms"])
           for r in rows if r.get("step") == "first token" and "ms" in r))  # fmt: skip
    table("Long context", ("model", "tokens", "first token, s", "decode, ms"),
          ((r["model"], r["tokens"], r["first_token_s"], r["decode_ms"])
           for r in rows if r.get("step") == "long context" and "tokens" in r))  # fmt: skip
    table("Memory", ("model", "card, GB", "peak, GB", "planned, GB", "peak over plan"),
          ((r["model"], r["card_gb"], r["peak_bytes"] / 1e9, r["planned_bytes"] / 1e9, r["peak_over_plan"])
           for r in rows if "card_gb" in r))  # fmt: skip
    table("Start-up", ("", "GB", "load, s", "GB/s", "prepare, s", "two tokens, s", "in all, s"),
          ((r["step"], r["bytes"] / 1e9, r["load_s"], r["gb_per_s"], r["prepare_s"], r["two_tokens_s"],
            r["total_s"]) for r in rows if "load_s" in r))  # fmt: skip
    table("Under load", ("model", "mix", "sampling", "together", "a second", "tokens/s", "first, s",
                         "first, p99 s", "again, s", "between, ms", "between, p99 ms", "good a second"),
          ((r["model"], r["mix"], r.get("sampling"), r["together"], r["rate"], r["tokens_per_s"],
            r["first_median_s"], r["first_p99_s"], r["second_median_s"], r["between_median_ms"],
            r["between_p99_ms"], r["good_per_s"]) for r in rows if "mix" in r))  # fmt: skip
    table("Sampling, ms of a decode step", ("model", "distribution", "rows", "sampling", "ms"),
          ((r["model"], r["distribution"], r["rows"], name, ms)
           for r in rows if r.get("step") == "sampling" for name, ms in r["ms"].items()))  # fmt: skip
    table("Sampling kernels, us", ("distribution", "rows", "sampling", "us"),
          ((r["distribution"], r["rows"], name, us)
           for r in rows if r.get("step") == "sampling kernels" for name, us in r["us"].items()))  # fmt: skip
    right = [row for row in rows if "right" in row]
    labels = list(dict.fromkeys((row["model"], row["mode"]) for row in right))
    table("Right", ("model", "mode", "cases right", "widest gap", "log-probability apart"),
          ((*label, f"{sum(r['right'] for r in found)} of {len(found)}", max(r["gap"] for r in found),
            max(r["logprob_difference"] for r in found))
           for label in labels
           for found in [[r for r in right if (r["model"], r["mode"]) == label]]))  # fmt: skip
    for row in rows:
        if "error" in row or "tests" in row or "preemptions" in row:
            print("\n" + json.dumps(row))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        show(Path(argument))

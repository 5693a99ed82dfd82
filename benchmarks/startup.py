"""The time of a cold start: the import, the help text, and the first question with its parts.

Each round starts fresh processes: ``import r1v``, ``r1v --help``, ``r1v ask`` as a user calls it, and one
that takes the same steps and times each. The files are in the system's cache. Medians and the best of all
rounds; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from PIL import Image
from shared.report import commit, print_result
from shared.report import processor as machine

# The steps of `r1v ask`, in its order and with its own way to load.
STEPS = """
import json, sys, time
laps, last = {}, time.perf_counter()
def lap(name):
    global last
    now = time.perf_counter()
    laps[name], last = now - last, now
from r1v.cli.main import build_parser
args = build_parser("ask").parse_args(["ask", *sys.argv[1:]])
from r1v.cli.commands.ask import open_images
from r1v.cli.parser import load_model, long_lived_objects
images = open_images(args.words[:-1])
lap("arguments and image")
with long_lived_objects():
    import torch
    lap("import torch")
    import r1v.llm
    lap("import r1v.llm")
llm = load_model(args)
lap("load the model")
from r1v import Message, SamplingParams
params = SamplingParams.greedy(max_tokens=args.max_tokens)
stream = llm.stream([Message.user(args.words[-1], images)], params)
next(stream)
lap("first token")
completion = stream.wait()[0]
lap("the other tokens")
print(json.dumps({"laps": laps, "num_tokens": len(completion.token_ids)}))
"""


def run(argv: list[str]) -> tuple[float, float, str]:
    """Seconds by the clock and of processor time that a process took, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    output = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, processor, output


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three rounds")
    parser.add_argument("--model", default="r1v-nano")
    parser.add_argument("--max-tokens", type=int, default=100)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        Image.effect_mandelbrot((448, 448), (-2, -1.5, 1, 1.5), 50).save(picture)
        question = [str(picture), "How many red circles are there?", "--model", args.model, "--max-tokens",
                    str(args.max_tokens)]  # fmt: skip
        command = [sys.executable, "-m", "r1v.cli.main"]
        cases = {
            "python": [sys.executable, "-c", "pass"],
            "import r1v": [sys.executable, "-c", "import r1v"],
            "r1v --help": [*command, "--help"],
            "r1v ask": [*command, "ask", *question],
            "steps of r1v ask": [sys.executable, "-c", STEPS, *question],
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
        laps: dict[str, list[float]] = {}
        for _ in range(3 if args.quick else 9):
            for name, argv in cases.items():
                wall, processor, output = run(argv)
                times[name].append((wall, processor))
            steps = json.loads(output)
            for name, seconds in steps["laps"].items():
                laps.setdefault(name, []).append(seconds)
    print(f"{'':24}   median     best   processor (median), seconds")
    for name, found in times.items():
        walls = [wall for wall, _ in found]
        processor = statistics.median(p for _, p in found)
        print(f"{name:24} {statistics.median(walls):8.2f} {min(walls):8.2f} {processor:8.2f}")
    for name, seconds_of in laps.items():
        print(f"  {name:22} {statistics.median(seconds_of):8.2f} {min(seconds_of):8.2f}")
    result = {
        "name": "startup",
        "device": machine(),
        "load_average": os.getloadavg()[0],
        "versions": {"python": platform.python_version(), "torch": version("torch")},
        "commit": commit(),
        "config": {"model": args.model, "max_tokens": args.max_tokens, "num_tokens": steps["num_tokens"]},
        "median_s": {name: round(statistics.median(w for w, _ in found), 3) for name, found in times.items()},
        "best_s": {name: round(min(w for w, _ in found), 3) for name, found in times.items()},
        "parts_best_s": {name: round(min(found), 3) for name, found in laps.items()},
    }
    print_result(result["name"], result)


if __name__ == "__main__":
    main()

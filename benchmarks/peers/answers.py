"""R1V-Nano's answers through one backend of `LLM`, timed; asked by `batch.py` (see `shared.peers.Child`).

Argument: the backend. Each question has an image of its own, and its answer a length that is fixed before.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image

from r1v.core import Message, SamplingParams


def requests(number: int, seed: int, lengths: list[int]) -> tuple[list[list[Message]], list[SamplingParams]]:
    """Questions about different images, the answers between two lengths."""
    random_ = random.Random(seed)
    conversations, params = [], []
    for _ in range(number):
        left = -2 + random_.random()
        image = Image.effect_mandelbrot((448, 448), (left, -1.5, left + 3, 1.5), 20).convert("RGB")
        words = " ".join(
            random_.choice(("red", "blue", "circle", "left")) for _ in range(random_.randrange(30))
        )
        conversations.append([Message.user(f"How many {words} circles are there?", [image])])
        length = random_.randint(*lengths)
        params.append(SamplingParams.greedy(max_tokens=length, min_tokens=length, detect_loops=False))
    return conversations, params


def spent() -> float:
    """Processor seconds of this process and of those that it has started, which still run."""
    parents, times = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has ended
            continue
        number = int(path.parent.name)
        parents[number], times[number] = int(fields[1]), int(fields[11]) + int(fields[12])
    family, new = {os.getpid()}, {os.getpid()}
    while new:
        new = {number for number, parent in parents.items() if parent in new} - family
        family |= new
    return sum(times.get(number, 0) for number in family) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    import torch

    from r1v.llm import LLM

    torch.set_num_threads(int(sys.argv[2]))
    llm = LLM("r1v-nano", backend=sys.argv[1], dtype="bfloat16", max_model_len=2048)
    for line in sys.stdin:
        asked = json.loads(line)
        found: dict[str, Any] = {}
        if asked:
            conversations, params = requests(asked["number"], asked["seed"], asked["lengths"])
            start = time.perf_counter(), spent()
            done = llm.chat_many(conversations, params)
            found = {
                "wall": time.perf_counter() - start[0], "cpu": spent() - start[1],
                "tokens": sum(len(each.token_ids) for each in done),
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }  # fmt: skip
        print("RESULT " + json.dumps(found), flush=True)


if __name__ == "__main__":
    main()

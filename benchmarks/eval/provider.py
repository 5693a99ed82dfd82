"""Whether the Inspect provider keeps the engine busy: the same questions all at once and one after another.

Asks held-out figure questions of R1V-Nano through the path of ``r1v eval run``, and looks at the engine ten
times a second. Prints a table (Markdown) and ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.report import print_result

from r1v import LLM
from r1v.eval.benchmark import benchmark, load_items
from r1v.eval.manifest import Plan
from r1v.eval.model import AnswerSampling, ModelSettings, open_target
from r1v.eval.runner import run
from r1v.eval.store import RunFolder


class Watch(threading.Thread):
    """Records the number of decoding sequences every tenth of a second."""

    def __init__(self, llm: LLM) -> None:
        super().__init__(daemon=True)
        self.llm, self.seen, self.ended = llm, list[int](), threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.1):
            self.seen.append(self.llm.load.num_running)


def measure(llm: LLM, questions: int, connections: int | None, max_tokens: int) -> dict[str, Any]:
    """Ask the questions with so many under way at a time (None: as many as the provider does)."""
    settings = ModelSettings("r1v-nano", max_connections=connections)
    target = open_target(settings, AnswerSampling(temperature=0.0, max_tokens=max_tokens), llm)
    loaded = [load_items(benchmark("figures"), limit=questions)]
    watch = Watch(llm)
    with tempfile.TemporaryDirectory() as folder, RunFolder(Path(folder)) as run_folder:
        watch.start()
        started = time.perf_counter()
        recording = run(run_folder, target, loaded, Plan(), max_connections=connections)
        seconds = time.perf_counter() - started
    watch.ended.set()
    busy = [count for count in watch.seen if count]
    return {
        "connections": connections or target.model.api.max_connections(),
        "seconds": seconds,
        "tokens": recording.tokens,
        "tokens_per_s": recording.tokens / seconds,
        "running_mean": statistics.mean(busy) if busy else 0.0,
        "running_max": max(busy, default=0),
        "failed": recording.failed,
        "over_time": [busy[len(busy) * part // 10] for part in range(10)] if len(busy) >= 10 else busy,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=96)
    parser.add_argument("--max-tokens", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="12 questions, 40 tokens")
    args = parser.parse_args()
    questions, max_tokens = (12, 40) if args.quick else (args.questions, args.max_tokens)
    llm = LLM("r1v-nano", device="cpu")
    measure(llm, 4, None, 8)  # whatever happens once
    results = [measure(llm, questions, connections, max_tokens) for connections in (None, 8, 1)]
    print(f"{questions} questions of at most {max_tokens} tokens; {llm.max_running} are decoded together\n")
    print(
        "| under way at a time | seconds | tokens/s | decoded together, mean | most | in tenths of the run |"
    )
    print("|---|---|---|---|---|---|")
    for one in results:
        over_time = " ".join(map(str, one["over_time"]))
        print(
            f"| {one['connections']} | {one['seconds']:.1f} | {one['tokens_per_s']:.0f} "
            f"| {one['running_mean']:.1f} | {one['running_max']} | {over_time} |"
        )
    last = {"threads": torch.get_num_threads(), "dtype": llm.config.dtype, "results": results}
    llm.close()
    print_result("eval_provider", last)


if __name__ == "__main__":
    main()

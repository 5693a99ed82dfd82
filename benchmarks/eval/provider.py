"""Whether ``r1v eval`` loses anything to the engine's own throughput.

Asks held-out figure questions of R1V-Nano through the path of ``r1v eval run`` (Inspect, the run folder and
all) and asks the engine the same questions itself, in turn and several times, so that a busy machine slows
both; then through ``r1v eval run`` with fewer under way. Each time the model is loaded again, because an
engine keeps the prompts and pictures it has computed: whoever asks second would not pay for them. The engine
is looked at ten times a second. Prints a table (Markdown) and ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import replace
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


def loaded(model: str) -> LLM:
    """The model in an engine that has computed nothing of the questions yet."""
    llm = LLM(model, device="cpu")
    llm.chat("Name a colour.", replace(llm.default_params, max_tokens=8))  # whatever happens once
    return llm


def measure(model: str, questions: int, connections: int | None, max_tokens: int) -> dict[str, Any]:
    """Ask the questions with so many under way at a time (None: as many as the provider does)."""
    with loaded(model) as llm:
        return through_eval(model, llm, questions, connections, max_tokens)


def through_eval(
    model: str, llm: LLM, questions: int, connections: int | None, max_tokens: int
) -> dict[str, Any]:
    settings = ModelSettings(model, max_connections=connections)
    target = open_target(settings, AnswerSampling(temperature=0.0, max_tokens=max_tokens), llm)
    asked = [load_items(benchmark("figures"), limit=questions)]
    watch = Watch(llm)
    with tempfile.TemporaryDirectory() as folder, RunFolder(Path(folder)) as run_folder:
        watch.start()
        started, cpu, own = time.perf_counter(), time.process_time(), time.thread_time()
        recording = run(run_folder, target, asked, Plan(), max_connections=connections)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        own = time.thread_time() - own
    watch.ended.set()
    busy = [count for count in watch.seen if count]
    return {
        "connections": connections or target.model.api.max_connections(),
        "seconds": seconds,
        "cpu_s": cpu,
        "asking_cpu_s": own,
        "tokens": recording.tokens,
        "tokens_per_s": recording.tokens / seconds,
        "running_mean": statistics.mean(busy) if busy else 0.0,
        "running_max": max(busy, default=0),
        "failed": recording.failed,
        "over_time": [busy[len(busy) * part // 10] for part in range(10)] if len(busy) >= 10 else busy,
    }


def engine_alone(model: str, questions: int, max_tokens: int) -> dict[str, Any]:
    """The same questions, given to the engine at once and by nothing else."""
    with loaded(model) as llm:
        return by_chat_many(llm, questions, max_tokens)


def by_chat_many(llm: LLM, questions: int, max_tokens: int) -> dict[str, Any]:
    items = load_items(benchmark("figures"), limit=questions).items
    params = replace(llm.default_params, temperature=0.0, top_p=1.0, max_tokens=max_tokens)
    watch = Watch(llm)
    watch.start()
    started, cpu, own = time.perf_counter(), time.process_time(), time.thread_time()
    completions = llm.chat_many([list(item.messages) for item in items], params)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    own = time.thread_time() - own
    watch.ended.set()
    busy = [count for count in watch.seen if count]
    tokens = sum(one.usage.completion_tokens for one in completions)
    return {
        "connections": None,
        "seconds": seconds,
        "cpu_s": cpu,
        "asking_cpu_s": own,
        "tokens": tokens,
        "tokens_per_s": tokens / seconds,
        "running_mean": statistics.mean(busy) if busy else 0.0,
        "running_max": max(busy, default=0),
        "failed": 0,
        "over_time": [busy[len(busy) * part // 10] for part in range(10)] if len(busy) >= 10 else busy,
    }


def in_turn(model: str, questions: int, max_tokens: int, times: int) -> tuple[list[Any], list[Any]]:
    """Both ways, one after the other and the other first every second time."""
    through, alone = [], []
    for index in range(times):
        for which in ("through", "alone") if index % 2 == 0 else ("alone", "through"):
            if which == "through":
                through.append(measure(model, questions, None, max_tokens))
            else:
                alone.append(engine_alone(model, questions, max_tokens))
    return through, alone


def row(name: str, one: dict[str, Any]) -> str:
    over_time = " ".join(map(str, one["over_time"]))
    return (
        f"| {name} | {one['seconds']:.1f} | {one['cpu_s']:.1f} "
        f"| {one['asking_cpu_s']:.2f} | {one['tokens_per_s']:.0f} "
        f"| {one['running_mean']:.1f} | {one['running_max']} | {over_time} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="r1v-nano", help="a name or folder of a model that takes images")
    parser.add_argument("--questions", type=int, default=96)
    parser.add_argument("--max-tokens", type=int, default=200)
    parser.add_argument("--times", type=int, default=3, help="how often both ways are measured")
    parser.add_argument(
        "--connections", type=int, nargs="*", default=[8, 1], metavar="N", help="also with N under way"
    )
    parser.add_argument("--quick", action="store_true", help="12 questions, 40 tokens, once")
    args = parser.parse_args()
    questions, max_tokens, times = (
        (12, 40, 1) if args.quick else (args.questions, args.max_tokens, args.times)
    )
    measure(args.model, 4, None, 8)  # whatever happens once: imports, the checkers of Inspect
    through, alone = in_turn(args.model, questions, max_tokens, times)
    fewer = (
        []
        if args.quick
        else [measure(args.model, questions, connections, max_tokens) for connections in args.connections]
    )
    with loaded(args.model) as llm:
        dtype, together = llm.config.dtype, llm.max_running
    print(f"{questions} questions of at most {max_tokens} tokens; {together} are decoded together\n")
    print(
        "| asked by | seconds | CPU seconds | of the asking thread | tokens/s | decoded together, mean "
        "| most | in tenths of the run |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for first, second in zip(alone, through, strict=True):
        print(row("the engine alone", first))
        print(row(f"`r1v eval run`, {second['connections']} under way", second))
    for one in fewer:
        print(row(f"`r1v eval run`, {one['connections']} under way", one))
    ratios = [b["tokens_per_s"] / a["tokens_per_s"] for a, b in zip(alone, through, strict=True)]
    paid = [b["cpu_s"] / a["cpu_s"] for a, b in zip(alone, through, strict=True)]
    print(
        f"\n`r1v eval run` against the engine alone, median of {times}: {statistics.median(ratios):.3f} of "
        f"the tokens per second, {statistics.median(paid):.3f} of the CPU seconds"
    )
    asking = [
        (b["asking_cpu_s"] - a["asking_cpu_s"]) / questions for a, b in zip(alone, through, strict=True)
    ]
    print(f"The asking thread takes {1e3 * statistics.median(asking):.0f} ms more a question.")
    last = {
        "threads": torch.get_num_threads(), "dtype": dtype, "max_running": together,
        "ratios": ratios, "cpu": paid, "asking_s": asking, "alone": alone, "through": through, "fewer": fewer,
    }  # fmt: skip
    print_result("eval_provider", last)


if __name__ == "__main__":
    main()

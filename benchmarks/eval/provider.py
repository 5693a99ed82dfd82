"""Whether ``r1v eval`` loses anything to the engine's own throughput.

Asks questions of a model (held-out figures of R1V-Nano, if nothing else is said) through the path of ``r1v
eval run`` (Inspect, the run folder and all) and asks the engine the same questions itself, in turn and
several times, so that a busy machine slows both; then through ``r1v eval run`` with fewer under way. Each
time the model is loaded again, because an engine keeps the prompts and pictures it has computed: whoever
asks second would not pay for them. The engine is looked at ten times a second. Prints a table (Markdown)
and ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.report import print_result

from r1v import LLM
from r1v.eval.benchmark import Loaded, benchmark, load_items
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


@dataclass(frozen=True)
class Work:
    """What is asked of which model. data: the folder of the task's files."""

    model: str
    device: str
    task: str
    data: Path | None
    questions: int
    max_tokens: int

    def loaded(self) -> LLM:
        """The model in an engine that has computed nothing of the questions yet."""
        llm = LLM(self.model, device=self.device)
        llm.chat("Name a colour.", replace(llm.default_params, max_tokens=8))  # whatever happens once
        return llm

    def items(self) -> Loaded:
        return load_items(benchmark(self.task), data=self.data, limit=self.questions)


def measure(work: Work, connections: int | None) -> dict[str, Any]:
    """Ask the questions with so many under way at a time (None: as many as the provider does)."""
    with work.loaded() as llm:
        return through_eval(work, llm, connections)


def through_eval(work: Work, llm: LLM, connections: int | None) -> dict[str, Any]:
    settings = ModelSettings(work.model, max_connections=connections)
    target = open_target(settings, AnswerSampling(temperature=0.0, max_tokens=work.max_tokens), llm)
    asked = [work.items()]
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


def engine_alone(work: Work) -> dict[str, Any]:
    """The same questions, given to the engine at once and by nothing else."""
    with work.loaded() as llm:
        return by_chat_many(work, llm)


def by_chat_many(work: Work, llm: LLM) -> dict[str, Any]:
    items = work.items().items
    params = replace(llm.default_params, temperature=0.0, top_p=1.0, max_tokens=work.max_tokens)
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


def in_turn(work: Work, times: int) -> tuple[list[Any], list[Any]]:
    """Both ways, one after the other and the other first every second time."""
    through, alone = [], []
    for index in range(times):
        for which in ("through", "alone") if index % 2 == 0 else ("alone", "through"):
            if which == "through":
                through.append(measure(work, None))
            else:
                alone.append(engine_alone(work))
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
    parser.add_argument("--model", default="r1v-nano", help="a name or folder of a model")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--task", default="figures", help="name of a benchmark; its questions are asked")
    parser.add_argument("--data", type=Path, help="folder with the task's data, where it needs any")
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
    work = Work(args.model, args.device, args.task, args.data, questions, max_tokens)
    measure(replace(work, questions=4, max_tokens=8), None)  # what happens once: imports, Inspect's checkers
    through, alone = in_turn(work, times)
    fewer = [] if args.quick else [measure(work, connections) for connections in args.connections]
    with work.loaded() as llm:
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
        "task": args.task, "on": args.device, "threads": torch.get_num_threads(), "dtype": dtype,
        "max_running": together, "ratios": ratios, "cpu": paid, "asking_s": asking,
        "alone": alone, "through": through, "fewer": fewer,
    }  # fmt: skip
    print_result("eval_provider", last)


if __name__ == "__main__":
    main()

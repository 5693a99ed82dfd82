"""Servers under load: many clients at a time, half of their questions with an image, a tenth of them hanging
up. `r1v serve`, vLLM's server and `transformers serve` are measured on the same model, one after another.

Prints for each: answers that differ from those given alone, failures, time to the first token, time between
tokens, tokens per second, memory. vLLM runs where R1V_VLLM_PYTHON names the Python of its environment.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from shared.load import Answer, alone, crowd, questions
from shared.models import report_header
from shared.report import print_result

START_S = 420.0


@dataclass
class Round:
    """What one crowd got. Times in milliseconds; memory in MiB, of the server's processes after the round."""

    requests: int
    answered: int
    left: int
    failed: dict[str, int]
    different: int
    seconds: float
    tokens_per_s: float
    first_ms: tuple[float, float]
    between_ms: tuple[float, float]
    idle_s: float | None
    memory_mib: float
    num_files: int


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def command(server: str, model: str, port: int) -> tuple[list[str], str] | str:
    """(how to start a server, the model's name there), or why it is not run."""
    if server == "r1v":
        line = [sys.executable, "-m", "r1v.cli.main", "serve", model, "--port", str(port), "--no-ui",
                "--served-model-name", "served"]  # fmt: skip
        return line, "served"
    from r1v.models import resolve_model

    folder = str(resolve_model(model))
    if server == "vllm":
        python = os.environ.get("R1V_VLLM_PYTHON")
        if python is None:
            return "R1V_VLLM_PYTHON does not name the Python of vLLM's environment"
        from r1v.llm.backends.vllm.launch import folder_for_vllm

        native = str(folder_for_vllm(Path(folder)))
        line = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", native,
                "--port", str(port), "--host", "127.0.0.1", "--served-model-name", "served",
                "--enforce-eager", "--generation-config", "vllm", "--chat-template-content-format",
                "string", "--kv-cache-memory-bytes", str(1 << 30),
                "--limit-mm-per-prompt", '{"image": 16, "video": 0}', "--max-num-seqs", "64"]  # fmt: skip
        return line, "served"
    python = os.environ.get("R1V_TRANSFORMERS_PYTHON", sys.executable)
    program = Path(python).with_name("transformers")
    if not program.exists():
        return "transformers is not installed; R1V_TRANSFORMERS_PYTHON may name the Python that has it"
    return [str(program), "serve", folder, "--port", str(port), "--device", "cpu"], folder


@contextmanager
def running(line: Sequence[str], port: int) -> Iterator[tuple[str, int]]:
    """A server in processes of its own, once it answers. RuntimeError: it does not, with its last words."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind",
                   "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}  # fmt: skip
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(line, stdout=log, stderr=log, env=environment, start_new_session=True)
        try:
            url, until = f"http://127.0.0.1:{port}", time.monotonic() + START_S
            while True:
                try:
                    if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                        break
                except httpx.HTTPError:
                    pass
                if process.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise RuntimeError(f"did not start: {log.read().decode('utf-8', 'replace')[-1500:]}")
                time.sleep(0.5)
            yield url, process.pid
        finally:
            for sign in (15, 9):
                if process.poll() is None:
                    os.killpg(process.pid, sign)
                    try:
                        process.wait(60)
                    except subprocess.TimeoutExpired:
                        continue


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def memory_mib(pid: int) -> float:
    """Resident memory of a process and its children, shared pages counted once for each."""
    total = 0
    for one in family(pid):
        for line in Path(f"/proc/{one}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                total += int(line.split()[1])
    return total / 1024


def until_idle(url: str) -> float | None:
    """Seconds until an r1v server has nothing left to do; None for others, which do not say."""
    start = time.monotonic()
    while time.monotonic() - start < 60:
        text = httpx.get(f"{url}/metrics", timeout=30).text
        if "r1v_running_sequences" not in text:
            return None
        if "r1v_running_sequences 0.0" in text and "r1v_waiting_sequences 0.0" in text:
            break
        time.sleep(0.02)
    return time.monotonic() - start


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The median and the 99th percentile, in milliseconds."""
    if len(values) < 2:
        return (float("nan"),) * 2
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return 1e3 * cuts[49], 1e3 * cuts[98]


def summary(answers: Sequence[Answer], truth: Sequence[Answer], seconds: float) -> Round:
    """Without what only the server's process tells."""
    failed: dict[str, int] = {}
    for answer in answers:
        if answer.failure:
            failed[answer.failure] = failed.get(answer.failure, 0) + 1
    whole = [a for a in answers if not a.left and not a.failure]
    different = sum(not truth[a.number].text.startswith(a.text) for a in answers if a.left)
    different += sum(a.text != truth[a.number].text for a in whole)
    between = [b - a for one in answers for a, b in zip(one.arrivals_s, one.arrivals_s[1:], strict=False)]
    return Round(
        requests=len(answers), answered=len(whole), left=sum(a.left for a in answers), failed=failed,
        different=different, seconds=seconds, tokens_per_s=sum(a.num_tokens for a in whole) / seconds,
        first_ms=percentiles([a.arrivals_s[0] for a in answers if a.arrivals_s]),
        between_ms=percentiles(between), idle_s=None, memory_mib=0.0, num_files=0,
    )  # fmt: skip


def measure(server: str, args: argparse.Namespace) -> list[Round] | str:
    """The rounds of one server, or why there are none."""
    port = free_port()
    found = command(server, args.model, port)
    if isinstance(found, str):
        return found
    line, name = found
    listed = questions(args.questions)
    rounds = []
    try:
        with running(line, port) as (url, pid):
            truth = asyncio.run(alone(url, name, listed))
            if wrong := [answer.failure for answer in truth if answer.failure]:
                return f"fails also without load: {wrong[0]}"
            for turn in range(args.rounds):
                start = time.perf_counter()
                answers = asyncio.run(
                    crowd(
                        url,
                        name,
                        listed,
                        clients=args.clients,
                        each=args.each,
                        leaving=args.leaving,
                        seed=turn,
                    )
                )
                one = summary(answers, truth, time.perf_counter() - start)
                one.idle_s = until_idle(url)
                one.memory_mib = memory_mib(pid)
                one.num_files = sum(len(list(Path(f"/proc/{each}/fd").iterdir())) for each in family(pid))
                rounds.append(one)
                show(server, turn, one)
    except RuntimeError as error:
        return str(error)
    return rounds


def show(server: str, turn: int, one: Round) -> None:
    idle = "" if one.idle_s is None else f", idle after {one.idle_s:.2f} s"
    print(
        f"{server:>13} {turn:5} {one.requests:8} {one.answered:8} {one.left:5} {sum(one.failed.values()):6} "
        f"{one.different:9} {one.first_ms[0]:8.0f} {one.first_ms[1]:8.0f} {one.between_ms[0]:8.1f} "
        f"{one.between_ms[1]:8.1f} {one.tokens_per_s:8.1f} {one.memory_mib:8.0f}   "
        f"{one.seconds:.1f} s{idle}, {one.num_files} files{', ' + str(one.failed) if one.failed else ''}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="r1v alone, few clients")
    parser.add_argument("--model", default="r1v-nano")
    parser.add_argument("--servers", nargs="+", choices=("r1v", "vllm", "transformers"),
                        default=["r1v", "vllm", "transformers"])  # fmt: skip
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--each", type=int, default=2, help="questions of each client in a round")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--questions", type=int, default=60, help="different ones")
    parser.add_argument("--leaving", type=float, default=0.1, help="share of clients that hang up early")
    parser.add_argument("--json", type=Path, help="write the rounds there")
    args = parser.parse_args()
    if args.quick:
        args.servers, args.clients, args.each, args.questions = ["r1v"], 20, 1, 8
    report_header(model=args.model, clients=args.clients, each=args.each, questions=args.questions)
    print(f"{'server':>13} {'round':>5} {'requests':>8} {'answered':>8} {'left':>5} {'failed':>6} "
          f"{'different':>9} {'first':>8} {'p99':>8} {'between':>8} {'p99':>8} {'tokens/s':>8} {'MiB':>8}"
          "   (times in ms, median and 99th percentile)")  # fmt: skip
    results = {}
    for server in args.servers:
        found = measure(server, args)
        if isinstance(found, str):
            print(f"{server:>13}  {found}", flush=True)
        else:
            results[server] = [asdict(one) for one in found]
    if args.json:
        args.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print_result("serve", results)


if __name__ == "__main__":
    main()

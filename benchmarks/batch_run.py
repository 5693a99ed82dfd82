"""`r1v run` without a model: lines per second and memory, for files of growing length.

Each line is answered at once, so this is the cost of reading, writing and bookkeeping. ``--quick`` stops
at ten thousand lines.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.report import print_result

from r1v.batch import AnswerFile, BatchRun, Worker


def answer(body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Answer at once, with a body of the size of a short answer."""
    return 200, {"choices": [{"message": {"role": "assistant", "content": body["messages"][0]["content"]}}]}


def measure(count: int) -> None:
    """One run in this process; prints its numbers as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.jsonl", Path(folder) / "out.jsonl"
        with source.open("w") as file:
            for number in range(count):
                body = {"model": "m", "messages": [{"role": "user", "content": f"Say {number}"}]}
                line = {"custom_id": str(number), "url": "/v1/chat/completions", "body": body}
                file.write(json.dumps(line) + "\n")
        start = time.perf_counter()
        output = AnswerFile(target)
        BatchRun(source, output, [Worker(answer, 16)], keep_going=False).run(lambda _: None)
        output.close()
        took = time.perf_counter() - start
        start = time.perf_counter()
        again = AnswerFile(target)
        read = time.perf_counter() - start
        assert again.counts(count) == (count, 0)
        again.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps({"lines_per_s": round(count / took), "read_again_s": round(read, 2), "mib": round(peak)})
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, help="one length only, in this process")
    args = parser.parse_args()
    if args.count is not None:
        measure(args.count)
        return
    results = {}
    print("| lines | lines/s | taken up again, s | peak memory, MiB |")
    print("|---|---|---|---|", flush=True)
    for count in (1_000, 10_000) if args.quick else (1_000, 10_000, 100_000, 1_000_000):
        command = [sys.executable, __file__, "--count", str(count)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        one = results[f"{count}_lines"] = json.loads(done.stdout)
        print(f"| {count:,} | {one['lines_per_s']:,} | {one['read_again_s']} | {one['mib']} |", flush=True)
    print_result("batch_run", results)


if __name__ == "__main__":
    main()

"""Other engines beside ours: llama.cpp's programs on exported weights, processes that answer on demand."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from r1v.models import save
from r1v.models.hub import resolve_model
from shared.models import random_model

PEERS = Path(__file__).parent.parent / "peers"


class Child:
    """A script of `peers`, run by any interpreter: a line of JSON in, a line ``RESULT {...}`` out. Between
    two questions it sleeps, so that several can be asked in turn."""

    def __init__(self, python: str, script: str, threads: int, *arguments: str) -> None:
        settings = {
            "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "1",
            "PYTHONPATH": os.pathsep.join((str(PEERS.parent.parent), os.environ.get("PYTHONPATH", ""))),
        }  # fmt: skip
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - read when the process fails
        self._process = subprocess.Popen(
            [python, str(PEERS / script), *arguments], text=True, env={**os.environ, **settings},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
        )  # fmt: skip

    def ask(self, **question: Any) -> dict[str, Any]:
        """The answer. RuntimeError with the end of what it printed, where the process has ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(question), file=self._process.stdin, flush=True)
        for line in self._process.stdout:
            if line.startswith("RESULT "):
                answer: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
                return answer
        self._log.seek(0)
        raise RuntimeError("; ".join(self._log.read().strip().splitlines()[-3:]) or "the process ended")

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True, slots=True)
class LlamaCpp:
    """llama.cpp's programs in ``programs``, and the same random weights as GGUF in ``folder``."""

    programs: Path
    folder: Path

    def file(self, geometry: str, kind: str) -> Path:
        """The weights of a geometry as BF16, Q4_0 or another kind of llama-quantize, written on first use."""
        from r1v.quant.gguf_export import export_gguf

        path = self.folder / geometry / f"{geometry}-{kind}.gguf"
        if not path.exists():
            plain = path.with_name(f"{geometry}-f16.gguf")
            if not plain.exists():
                model = random_model(geometry, torch.bfloat16, "cpu")
                save(model, path.parent, tokenizer_from=resolve_model("r1v-nano"), overwrite=True)
                export_gguf(path.parent, path.parent, "f16")
            pure = [] if kind.endswith("_M") else ["--pure"]  # those are mixtures by definition
            command = [self.programs / "llama-quantize", *pure, plain, path, kind, "1"]
            subprocess.run(command, check=True, capture_output=True)
        return path

    def decode(self, path: Path, context: int, number: int, threads: int) -> tuple[float, float]:
        """Seconds a token after ``context`` ids: by its own clock, and of processor time."""
        short, _ = self._bench(path, context, 2, threads)
        long, wall = self._bench(path, context, 2 + number, threads)
        return wall, (long - short) / number

    def _bench(self, path: Path, context: int, number: int, threads: int) -> tuple[float, float]:
        """Processor seconds of a whole run, and seconds a token as it reports them."""
        command = [
            self.programs / "llama-bench", "-m", path, "-t", str(threads), "-p", "0", "-n", str(number),
            "-d", str(context), "-r", "1", "-o", "jsonl", "--no-warmup",
        ]  # fmt: skip
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        return spent, 1.0 / json.loads(output.splitlines()[-1])["avg_ts"]


class LlamaServer:
    """llama.cpp's server with a tower, warm, for one request at a time; its processor time by the system."""

    def __init__(self, programs: Path, text: Path, tower: Path, threads: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        count = str(threads)
        self._process = subprocess.Popen(
            [programs / "llama-server", "-m", text, "--mmproj", tower, "-t", count, "-tb", count, "-np", "1",
             "-c", "4096", "--cache-ram", "0", "--reasoning-format", "none", "--port", str(port), "-lv", "5"],
            text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.url = f"http://127.0.0.1:{port}/v1/chat/completions"
        # seconds by the clock, and of processor time: encoding the last image, and when its first token came
        self._encoding = self._first = (0.0, 0.0)
        listening = threading.Event()
        threading.Thread(target=self._watch, args=(listening,), daemon=True).start()
        if not listening.wait(120.0) or self._process.poll() is not None:
            raise RuntimeError("llama-server did not start")

    def _watch(self, listening: threading.Event) -> None:
        """Read its log: when it is ready, begins and ends encoding an image, and has a first token (whose
        text may be empty, so that no client would see it)."""
        assert self._process.stderr is not None
        start = (0.0, 0.0)
        for line in self._process.stderr:
            if "server: listening" in line:
                listening.set()
            elif "encoding mtmd batch" in line:
                start = time.perf_counter(), self.spent()
            elif "output embedding shape" in line:
                self._encoding = time.perf_counter() - start[0], self.spent() - start[1]
            elif "n_decoded = 1," in line:
                self._first = time.perf_counter(), self.spent()
        listening.set()  # it has ended

    def spent(self) -> float:
        """Processor seconds of the process so far, in steps of 10 ms."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, picture: bytes, question: str, number: int) -> dict[str, tuple[float, float]]:
        """Seconds by the clock and of processor time: encoding, first token, whole answer of so many."""
        url = "data:image/png;base64," + base64.b64encode(picture).decode()
        content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": question}]
        body = {
            "messages": [{"role": "user", "content": content}], "max_tokens": number, "temperature": 0,
            "ignore_eos": True, "cache_prompt": False,
        }  # fmt: skip
        start = time.perf_counter(), self.spent()
        request = urllib.request.Request(
            self.url, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            found = json.load(answer)["usage"]["completion_tokens"]
        assert found == number, f"llama-server wrote {found} tokens instead of {number}"
        whole = time.perf_counter() - start[0], self.spent() - start[1]
        first = self._first[0] - start[0], self._first[1] - start[1]
        return {"encode": self._encoding, "first": first, "whole": whole}

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def start_children(pythons: dict[str, str], script: str, threads: int, *arguments: str) -> dict[str, Child]:
    """A child for each name, its first argument; one that does not start is reported, no more."""
    found = {}
    for name, python in pythons.items():
        child = Child(python, script, threads, name, *arguments)
        try:
            child.ask()
            found[name] = child
        except RuntimeError as error:
            print(f"# {name} did not start: {error}", file=sys.stderr)
    return found


def close_all(children: Sequence[Child]) -> None:
    """End them."""
    for child in children:
        child.close()

"""`r1v serve --data-parallel-size N` on 1, 2, … GPUs of one host: how throughput grows with the copies
(PYTHONPATH=.:benchmarks).

Parts: write a checkpoint of random weights with R1V-Nano's tokenizer (a 3B language model; R1V_STARTUP names
the folder); serve it with one copy and then with more, to 128 clients for each copy, all at once; remove it.
Every question is another one, half of them with a picture of their own; answers have 128 tokens.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import httpx
import torch
from gpu.parts import Findings, Part, Settings, main
from shared.load import questions
from shared.models import GEOMETRIES

from r1v.models import write_release
from r1v.models.checkpoint import build_empty, parameter_shapes, write_folder
from r1v.models.names import Piece, pieces

FOLDER = Path(os.environ.get("R1V_STARTUP", tempfile.gettempdir())) / "r1v-replicas"
NANO = Path(__file__).parents[2] / "r1v" / "models" / "r1v-nano"
CLIENTS, TOKENS, START_S = 128, 128, 120.0


def write(settings: Settings, findings: Findings) -> None:
    """A folder with random weights."""
    config = GEOMETRIES["nano"]
    if not settings.tiny:
        wide = replace(
            config.language, hidden_size=3072, num_layers=28, num_heads=24, num_kv_heads=8, head_dim=128,
            intermediate_size=8192,
        )  # fmt: skip
        config = replace(config, language=wide)
    table = pieces(parameter_shapes(build_empty(config)), "release", config.language)

    def make(piece: Piece) -> torch.Tensor:
        if len(piece.shape) == 1:
            return torch.ones(piece.shape, dtype=torch.bfloat16)
        return torch.empty(piece.shape, dtype=torch.bfloat16).normal_(0.0, 0.02)

    sizes = {piece.name: 2 * torch.Size(piece.shape).numel() for piece in table}
    write_folder(FOLDER, write_release(config, "bfloat16"), table, sizes, make, tokenizer_from=NANO,
                 max_shard_bytes=4_000_000_000, overwrite=True)  # fmt: skip
    findings.add(step="write", bytes=sum(sizes.values()))


async def crowd(url: str, number: int) -> tuple[int, int, dict[str, int]]:
    """Ask all at once: tokens out, failures, and how many requests each copy answered."""
    limits = httpx.Limits(max_connections=number, max_keepalive_connections=number)
    tokens, failed, copies = 0, 0, dict[str, int]()
    async with httpx.AsyncClient(base_url=url, timeout=600, limits=limits) as client:

        async def ask(index: int, content: object) -> None:
            nonlocal tokens, failed
            body = {"model": "m", "messages": [{"role": "user", "content": content}], "max_tokens": TOKENS,
                    "min_tokens": TOKENS, "temperature": 0.6, "seed": index}  # fmt: skip
            answer = await client.post("/v1/chat/completions", json=body)
            if answer.status_code != 200:
                failed += 1
                return
            tokens += answer.json()["usage"]["completion_tokens"]
            name = answer.headers.get("x-r1v-replica", "0")
            copies[name] = copies.get(name, 0) + 1

        await asyncio.gather(*(ask(n, q.content) for n, q in enumerate(questions(number))))
    return tokens, failed, copies


def serve(settings: Settings, findings: Findings, copies: int) -> None:
    """One server with so many copies, and its crowd; the first crowd warms it up."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    line = [sys.executable, "-m", "r1v.cli.main", "serve", str(FOLDER), "--data-parallel-size", str(copies),
            "--port", str(port), "--no-ui", "--served-model-name", "m", "--log", "none",
            "--max-queue", "2048", "--device", settings.device]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    clients = (4 if settings.tiny else CLIENTS) * copies
    begun = time.perf_counter()
    with subprocess.Popen(line) as process:
        try:
            while time.perf_counter() - begun < START_S and process.poll() is None:
                try:
                    if httpx.get(f"{url}/ready", timeout=2).status_code == 200:
                        break
                except httpx.HTTPError:
                    time.sleep(0.2)
            if process.poll() is not None:
                raise RuntimeError(f"the server ended with status {process.returncode} before it was ready")
            started = time.perf_counter() - begun
            asyncio.run(crowd(url, clients))
            rates = []
            for _ in range(1 if settings.tiny else 3):
                start = time.perf_counter()
                tokens, failed, by_copy = asyncio.run(crowd(url, clients))
                rates.append(tokens / (time.perf_counter() - start))
            findings.add(copies=copies, clients=clients, tokens_per_s=sorted(rates)[len(rates) // 2],
                         lowest=min(rates), highest=max(rates), failed=failed, started_s=started,
                         by_copy=str(by_copy))  # fmt: skip
        finally:
            process.terminate()


def remove(settings: Settings, findings: Findings) -> None:
    """Take the folder away."""
    shutil.rmtree(FOLDER)
    findings.add(step="remove", folder_is_there=FOLDER.exists())


PARTS = {
    "write": Part(write, 90),
    "one": Part(lambda settings, findings: serve(settings, findings, 1), 150),
    "two": Part(lambda settings, findings: serve(settings, findings, 2), 150),
    "remove": Part(remove, 30),
}

if __name__ == "__main__":
    main((__doc__ or "").splitlines()[0], PARTS, __file__)

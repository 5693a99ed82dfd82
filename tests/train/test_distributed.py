"""Two processes with gloo train as one does: the same losses, the same weights, also after a kill."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from rich.console import Console

from r1v import models
from r1v.train.config import SFTConfig, read
from r1v.train.sft import Trainer

SETTINGS = (
    'families=["arithmetic","counting"]', "steps=4", "batch_size=6", "micro_batches=2", "curriculum=false",
    "bf16=false", "device=cpu", "heldout=2", "eval_every=4", "log_every=1", "workers=1", "lr=0.003",
    "muon_lr=0.01", "warmup_steps=1", "clip=0.5",
)  # fmt: skip


def train(
    model: Path, out: Path, changes: tuple[str, ...] = (), environment: dict[str, str] | None = None
) -> None:
    """One process's part of a run."""
    os.environ.update(environment or {})
    torch.set_num_threads(1)
    config = read(SFTConfig, None, [f"model={model}", f"out={out}", *SETTINGS, *changes])
    Trainer(config, Console(quiet=True)).train()
    if environment:
        torch.distributed.destroy_process_group()


def train_in_two(model: Path, out: Path, *changes: str) -> None:
    """A run of two processes, forked here with what torchrun would tell them: importing torch takes
    longer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    common["TORCHELASTIC_RUN_ID"] = "test"
    fork = multiprocessing.get_context("fork")
    both = [
        fork.Process(target=train, args=(model, out, changes, common | {"RANK": rank, "LOCAL_RANK": rank}))
        for rank in ("0", "1")
    ]
    for process in both:
        process.start()
    for process in both:
        process.join(240)
    assert [process.exitcode for process in both] == [0, 0]


def losses(folder: Path) -> list[float]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row[key] for key in ("nll", "heldout_nll") for row in rows if key in row]


def assert_same_run(one: Path, two: Path) -> None:
    first, second = losses(one), losses(two)
    assert len(first) == 5 and first[3] < first[0]
    assert second == pytest.approx(first, rel=1e-5)
    a, b = (models.load(folder / "model").state_dict() for folder in (one, two))
    assert all(torch.allclose(a[name].float(), b[name].float(), atol=2e-3, rtol=1e-2) for name in a)


def test_two_processes_train_as_one(start: Path, tmp_path: Path) -> None:
    """Text and pictures mixed, so that a process may have a part without any picture."""
    train(start, tmp_path / "1")
    train_in_two(start, tmp_path / "2")
    assert_same_run(tmp_path / "1", tmp_path / "2")
    assert (tmp_path / "2" / "state-1-of-2.pt").exists()


@pytest.mark.slow
def test_adapters_checkpointing_and_packing_in_two_processes(start: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    changes = ('train=["projector"]', 'lora=["llm"]', "lora_rank=4", "checkpointing=true", "packing=true",
               "muon_lr=0")  # fmt: skip
    train(start, tmp_path / "1", changes)
    train_in_two(start, tmp_path / "2", *changes)
    assert_same_run(tmp_path / "1", tmp_path / "2")


def torchrun(model: Path, out: Path, *changes: str, processes: int = 2) -> subprocess.Popen[str]:
    """The command that the docs name."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), "-m", "r1v.cli.main", "train", "sft"]
    return subprocess.Popen(
        [*command, f"model={model}", f"out={out}", *SETTINGS, *changes], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_that_were_killed_go_on(start: Path, tmp_path: Path) -> None:
    whole = torchrun(start, tmp_path / "whole")
    out, err = whole.communicate(timeout=200)
    assert whole.returncode == 0, err[-3000:]
    assert out.split() == [str(tmp_path / "whole" / "model")]  # one process speaks
    cut = torchrun(start, tmp_path / "cut", "save_every_s=0")
    share = tmp_path / "cut" / "state-1-of-2.pt"
    deadline = time.monotonic() + 200
    while not share.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    find = subprocess.run(["pgrep", "-P", str(cut.pid)], capture_output=True, text=True, check=False)
    for pid in (cut.pid, *map(int, find.stdout.split())):
        os.kill(pid, signal.SIGKILL)
    cut.communicate()
    rest = torchrun(start, tmp_path / "cut", "save_every_s=0")
    _, err = rest.communicate(timeout=200)
    assert rest.returncode == 0, err[-3000:]
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    alone = torchrun(start, tmp_path / "cut", processes=1)
    _, err = alone.communicate(timeout=200)
    assert alone.returncode and "another number of processes" in err

"""Two processes with gloo train as one does: the same losses, the same weights, also after a kill."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from r1v import models
from r1v.cli.main import main
from r1v.scoring import Verdict
from r1v.train.core.config_read import make, read
from r1v.train.core.distributed import World
from r1v.train.data.examples import AnswerKey
from r1v.train.data.pairs import write_pairs
from r1v.train.data.questions import EncodedQuestion
from r1v.train.reward.ranking import Ranked, Ranker
from r1v.train.reward.rules import RuleReward
from r1v.train.rollout.sampler import Response
from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer
from r1v.train.stages.init import InitConfig, initialise
from r1v.train.stages.mpo import MPOConfig, MPOTrainer
from r1v.train.stages.reward import RewardStageConfig, RewardTrainer
from r1v.train.stages.sft import SFTConfig, Trainer
from tests.train.reward.test_reward import figure_pairs

SETTINGS = (
    'data.families=["arithmetic","counting"]', "run.steps=4", "optim.batch_size=6", "optim.micro_batches=2",
    "run.bf16=false", "run.device=cpu", "data.heldout=2", "run.eval_every=4", "run.log_every=1",
    "optim.lr=0.003", "optim.muon_lr=0.01", "optim.warmup_steps=1", "optim.clip=0.5",
    "optim.schedule=constant",
)  # fmt: skip


def train(model: Path, out: Path, *changes: str) -> None:
    """One process's part of a supervised run."""
    config = read(SFTConfig, None, [f"model={model}", f"run.out={out}", *SETTINGS, *changes])
    Trainer(config, Console(quiet=True)).train()


def as_one_of_several(work: Callable[[], Any], environment: dict[str, str]) -> None:
    """In a process of its own."""
    os.environ.update(environment)
    torch.set_num_threads(1)
    work()
    torch.distributed.destroy_process_group()


def in_two(work: Callable[[], Any], number: int = 2) -> None:
    """Some processes that do the same, forked here with what torchrun would tell them: importing torch takes
    longer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(number)}
    common["TORCHELASTIC_RUN_ID"] = "test"
    fork = multiprocessing.get_context("fork")
    all_ = [
        fork.Process(
            target=as_one_of_several, args=(work, common | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
        )
        for rank in range(number)
    ]
    for process in all_:
        process.start()
    multiprocessing.connection.wait([process.sentinel for process in all_], 240)
    for process in all_:
        process.join(240 if all(one.exitcode in (None, 0) for one in all_) else 1)
        process.kill()  # what waits for one that is gone
        process.join()
    assert [process.exitcode for process in all_] == [0] * number


def losses(folder: Path) -> list[float]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row[key] for key in ("nll", "heldout_nll") for row in rows if key in row]


def assert_same_run(one: Path, two: Path) -> None:
    first, second = losses(one), losses(two)
    assert len(first) == 5 and first[3] < first[0]
    assert second == pytest.approx(first, rel=1e-5)
    a, b = (models.load(folder / "model").state_dict() for folder in (one, two))
    assert all(torch.allclose(a[name].float(), b[name].float(), atol=2e-3, rtol=1e-2) for name in a)


def wait_for_the_first(folder: Path) -> None:
    """One process works for longer than a group's calls wait; the others have nothing to do."""
    torch.distributed.init_process_group("gloo", timeout=timedelta(seconds=3))
    world = World.open("cpu")
    if world.first:
        time.sleep(6)
        (folder / "scored").touch()
    world.barrier()
    assert (folder / "scored").exists() and world.gather(world.rank) == [0, 1]


def test_a_barrier_waits_for_a_process_that_works_for_long(tmp_path: Path) -> None:
    in_two(lambda: wait_for_the_first(tmp_path))


def test_two_processes_train_as_one(start: Path, tmp_path: Path) -> None:
    """Text and pictures mixed, so that a process may have a part without any picture."""
    train(start, tmp_path / "1")
    in_two(lambda: train(start, tmp_path / "2"))
    assert_same_run(tmp_path / "1", tmp_path / "2")
    # by a budget of tokens processes have unequal numbers of parts
    in_two(lambda: train(start, tmp_path / "4", "optim.part_tokens=200"), 4)
    assert_same_run(tmp_path / "1", tmp_path / "4")


def test_two_processes_with_a_whole_model_each_train_as_one(start: Path, tmp_path: Path) -> None:
    """Also where it is cut off and goes on."""
    train(start, tmp_path / "1")
    in_two(lambda: train(start, tmp_path / "2", "model.replicate=true"))
    assert_same_run(tmp_path / "1", tmp_path / "2")
    whole = ("model.replicate=true", "data.heldout=0")
    in_two(lambda: train(start, tmp_path / "3", *whole, "run.steps=2"))
    in_two(lambda: train(start, tmp_path / "3", *whole))
    assert losses(tmp_path / "3") == pytest.approx(losses(tmp_path / "1")[:4], rel=1e-5)


def on_two_hosts(work: Callable[[], None]) -> None:
    """Of four processes the first two believe that they are on one host, the others that they are on
    another."""
    name = f"host{int(os.environ['RANK']) // 2}"
    socket.gethostname = lambda: name
    work()


@pytest.mark.slow
def test_hosts_that_hold_the_whole_model_each_train_as_one_process(start: Path, tmp_path: Path) -> None:
    """HSDP: split within a host, repeated between hosts; cut off, it goes on."""
    hsdp = ("model.hsdp=true", "data.heldout=0")

    def split() -> None:
        train(start, tmp_path / "4", "model.hsdp=true")
        mesh = World.open("cpu").mesh("cpu", hsdp=True)
        assert mesh.mesh.tolist() == [[0, 1], [2, 3]] and mesh.mesh_dim_names == ("replicate", "shard")

    train(start, tmp_path / "1")
    in_two(lambda: on_two_hosts(split), 4)
    assert_same_run(tmp_path / "1", tmp_path / "4")
    in_two(lambda: on_two_hosts(lambda: train(start, tmp_path / "3", *hsdp, "run.steps=2")), 4)
    in_two(lambda: on_two_hosts(lambda: train(start, tmp_path / "3", *hsdp)), 4)
    assert losses(tmp_path / "3") == pytest.approx(losses(tmp_path / "4")[:4], rel=1e-5)


def test_a_run_goes_on_with_other_numbers_of_processes(start: Path, tmp_path: Path) -> None:
    """Two processes begin, one goes on, four end: the same losses as one alone."""
    train(start, tmp_path / "1", "run.steps=6")
    in_two(lambda: train(start, tmp_path / "2", "run.steps=2", "data.heldout=0"))
    held = next((tmp_path / "2" / "checkpoints").iterdir())
    assert held.name == "step-2" and len(list(held.glob("*.distcp"))) == 2
    trained = torch.load(held / "other.pt", weights_only=True)
    assert trained["step"] == 2
    train(start, tmp_path / "2", "run.steps=4", "data.heldout=0")
    in_two(lambda: train(start, tmp_path / "2", "run.steps=6", "data.heldout=0"), 4)
    first, second = losses(tmp_path / "1")[:6], losses(tmp_path / "2")
    assert second == pytest.approx(first, rel=1e-5)


def test_an_optimizer_on_the_cpu_goes_on_in_other_numbers_of_processes(start: Path, tmp_path: Path) -> None:
    """Two processes begin with it, one goes on with it, two end without: the losses of one without it."""
    changes = ("optim.muon_lr=0", "data.heldout=0", "run.eval_every=0")
    train(start, tmp_path / "1", *changes, "run.steps=6")
    in_two(lambda: train(start, tmp_path / "2", *changes, "run.steps=2", "optim.on_cpu=true"))
    train(start, tmp_path / "2", *changes, "run.steps=4", "optim.on_cpu=true")
    in_two(lambda: train(start, tmp_path / "2", *changes, "run.steps=6"))
    assert losses(tmp_path / "2") == pytest.approx(losses(tmp_path / "1"), rel=1e-5)


@pytest.mark.slow
def test_adapters_checkpointing_and_packing_in_two_processes(start: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    changes = ('model.train=["projector"]', 'model.lora=["llm"]', "model.lora_rank=4",
               "model.checkpointing=true", "data.packing=true", "optim.muon_lr=0")  # fmt: skip
    train(start, tmp_path / "1", *changes)
    in_two(lambda: train(start, tmp_path / "2", *changes))
    assert_same_run(tmp_path / "1", tmp_path / "2")


COMMON: dict[str, Any] = {
    "train": ("vision", "projector", "llm"), "lr": 1e-3, "bf16": False, "device": "cpu", "workers": 0,
    "micro_batches": 2,
}  # fmt: skip
ASKED = COMMON | {"families": ("arithmetic", "counting"), "group": 4, "max_tokens": 4, "heldout": 2}


def by_first_token(self: RuleReward, response: Response, key: AnswerKey) -> Verdict:
    return Verdict.RIGHT if response.token_ids[0] % 3 == 0 else Verdict.WRONG


def small_ids_first(
    self: Ranker, questions: list[EncodedQuestion], groups: list[list[Response]]
) -> list[Ranked]:
    return [Ranked(tuple(-float(r.token_ids[0]) for r in g), (True,) * len(g), 0.5) for g in groups]


def grpo(model: Path, out: Path, **more: Any) -> None:
    """Three questions a step, so that the processes have unequal shares, with replays and held-out ones."""
    settings = {k: v for k, v in ASKED.items() if k != "heldout"}
    config = make(
        GRPOConfig,
        model=str(model),
        out=str(out),
        steps=4,
        prompts=3,
        updates=2,
        heldout=2,
        eval_every=2,
        **settings | more,
    )
    GRPOTrainer(config, Console(quiet=True)).train()


def mpo(model: Path, out: Path, **more: Any) -> None:
    """Seven pairs in batches of two and one, of which a process may have none."""
    config = make(
        MPOConfig,
        model=str(model),
        out=str(out),
        rounds=2,
        questions=9,
        batch_size=2,
        heldout_share=0.25,
        **ASKED | more,
    )
    MPOTrainer(config, Console(quiet=True)).train()


def reward(model: Path, out: Path, **more: Any) -> None:
    """Seven pairs, three at a time."""
    settings = COMMON
    pairs = str(model.parent / "pairs.jsonl")
    config = make(
        RewardStageConfig,
        model=str(model),
        out=str(out),
        pairs=pairs,
        batch_size=3,
        heldout_share=0.3,
        log_every=1,
        **settings | more,
    )
    RewardTrainer(config, Console(quiet=True)).train()


def numbers(folder: Path) -> list[dict[str, Any]]:
    """A run's metrics without its times."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in flat(row).items() if not k.endswith(("_s", "_mb"))} for row in rows]


def flat(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, list):
            value = dict.fromkeys(value, 1)  # alarms
        found |= flat(value, f"{key}/") if isinstance(value, dict) else {prefix + key: value}
    return found


@pytest.mark.parametrize("number", [2, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("stage", [grpo, pytest.param(mpo, marks=pytest.mark.slow), reward])
def test_other_stages_in_several_processes_do_as_in_one(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Callable[..., None],
    number: int,
) -> None:  # fmt: skip
    """Samples, rewards, losses, held-out measures and weights; a process alone can go on from the state."""
    assert_as_one(start, tmp_path, monkeypatch, stage, number)


def assert_as_one(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Callable[..., None], number: int,
    **more: Any,
) -> None:  # fmt: skip
    """Several processes, with further keys, do as one without them."""
    monkeypatch.setattr(RuleReward, "verdict", by_first_token)
    monkeypatch.setattr(Ranker, "__call__", small_ids_first)
    write_pairs(start.parent / "pairs.jsonl", figure_pairs(10))
    stage(start, tmp_path / "1")
    in_two(lambda: stage(start, tmp_path / "2", **more), number)
    one, two = numbers(tmp_path / "1"), numbers(tmp_path / "2")
    assert len(one) >= 6 and len(one) == len(two)
    for first, second in zip(one, two, strict=True):
        assert first == pytest.approx(second, rel=1e-4, abs=1e-5)
    a, b = (models.load(tmp_path / name / "model").state_dict() for name in "12")
    assert all(torch.allclose(a[name].float(), b[name].float(), atol=2e-3, rtol=1e-2) for name in a)
    stage(start, tmp_path / "2")  # at its end already
    assert numbers(tmp_path / "2") == two


def test_a_stage_for_one_process_refuses_several(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["train", "distill", "model=none", "run.out=none"])
    assert "without torchrun" in capsys.readouterr().err


def memory_of(model: Path, out: Path) -> None:
    """Write the most tensor memory that this process has held while loading, training and exporting."""
    from r1v.train.core.compute import Compute
    from r1v.train.core.config import ModelConfig, OptimConfig
    from r1v.train.core.optim import Optimizer
    from r1v.train.core.policy import load_policy

    found = {}
    ctypes.CDLL(None).mallopt(-3, 1 << 20)  # M_MMAP_THRESHOLD: what is freed goes back at once
    compute = Compute.open("cpu", False)

    def peak(name: str, work: Callable[[], Any]) -> Any:
        before = anonymous()
        with Peak() as held:
            result = work()
        found[name] = held.most - before
        return result

    config = ModelConfig(str(model), train=("vision", "projector", "llm"))
    policy = peak("load", lambda: load_policy(model, compute, config, seed=0, console=Console(quiet=True)))
    optimizer = Optimizer(policy, OptimConfig())

    def step() -> None:
        policy.scores(policy.blank()).logprobs.sum().backward()
        optimizer.step(1.0)

    peak("train", step)
    peak("export", lambda: policy.export(out / "model", model, 1))
    found["model"] = sum(p.numel() for p in models.load(model).parameters()) * 4 if compute.world.first else 0
    (out / f"memory-{compute.world.size}-{compute.world.rank}.json").write_text(json.dumps(found))


def anonymous() -> int:
    """Bytes of this process's own memory: pages of files that are mapped do not count."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


class Peak:
    """Looks at this process's own memory from a thread."""

    def __enter__(self) -> Peak:
        self.most, self._stop = anonymous(), threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._stop.wait(0.002):
            self.most = max(self.most, anonymous())

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.most = max(self.most, anonymous())


def sixteen_layers(folder: Path) -> Path:
    """A checkpoint most of which is 16 equal layers, so that one of them is a small part."""
    return initialise(
        InitConfig(
            out=str(folder / "m"), vocab_size=400, tokenizer_samples=20, families=("arithmetic",),
            image_size=32, patch_size=8, vision_hidden=32, vision_layers=1, vision_heads=2, vision_mlp=64,
            llm_hidden=512, llm_layers=16, llm_heads=4, llm_kv_heads=4, llm_mlp=1408, context=256,
        )
    )  # fmt: skip


def test_a_process_holds_its_share_and_one_block(tmp_path: Path) -> None:
    """Of a model of 16 equal layers, two processes: loading, a step and exporting."""
    model = sixteen_layers(tmp_path)
    in_two(lambda: memory_of(model, tmp_path))
    found = [json.loads((tmp_path / f"memory-2-{rank}.json").read_text()) for rank in (0, 1)]
    whole, block = found[0]["model"], found[0]["model"] / 16
    for one in found:
        assert one["load"] < whole / 2 + block
        # gradients and two moments of the share; layers with their gradients whole, one of them on its way
        assert one["train"] < 3 * whole / 2 + 10 * block
        assert one["export"] < 3 * block
    exported = models.load(tmp_path / "model").state_dict()
    assert set(exported) == set(models.load(model).state_dict())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_processes_that_were_killed_go_on(start: Path, tmp_path: Path) -> None:
    whole = torchrun(start, tmp_path / "whole")
    out, err = whole.communicate(timeout=200)
    assert whole.returncode == 0, err[-3000:]
    assert out.split() == [str(tmp_path / "whole" / "model")]  # one process speaks
    cut = torchrun(start, tmp_path / "cut", "run.save_every_s=0")
    kept = tmp_path / "cut" / "checkpoints" / "step-1"
    deadline = time.monotonic() + 200
    while not kept.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    find = subprocess.run(["pgrep", "-P", str(cut.pid)], capture_output=True, text=True, check=False)
    for pid in (cut.pid, *map(int, find.stdout.split())):
        os.kill(pid, signal.SIGKILL)
    cut.communicate(timeout=60)  # its data workers, which hold its output, end with it
    rest = torchrun(start, tmp_path / "cut", "run.save_every_s=0")
    _, err = rest.communicate(timeout=200)
    assert rest.returncode == 0, err[-3000:]
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")


def torchrun(model: Path, out: Path, *changes: str, processes: int = 2) -> subprocess.Popen[str]:
    """The command that the docs name."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), "-m", "r1v.cli.main", "train", "sft"]
    return subprocess.Popen(
        [*command, f"model={model}", f"run.out={out}", *SETTINGS, *changes], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip

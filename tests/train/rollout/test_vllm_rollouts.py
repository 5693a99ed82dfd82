"""GRPO with rollouts of another process: through vLLM itself (slow), and through our own engine put behind
the same connection, which shows everything but vLLM."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import multiprocessing
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from r1v import models
from r1v.core import ConfigError, R1VError, UnavailableError
from r1v.models.names import pieces
from r1v.prompt import Processor, Prompt
from r1v.train.core.compute import Compute
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import FigureSource
from r1v.train.data.questions import EncodedQuestion, make_question
from r1v.train.rollout import link as vllm_link
from r1v.train.rollout import vllm as vllm_rollouts
from r1v.train.rollout.blocks import Laid, read
from r1v.train.rollout.sampler import EngineRollouts
from r1v.train.rollout.vllm import VLLMRollouts
from r1v.train.rollout.vllm_process import RolloutEngineConfig, serve
from r1v.train.rollout.wire import (
    Answered,
    Ask,
    RolloutSampling,
    WireResponse,
    parse_address,
    read_asks,
    receive,
    send_asks,
)
from r1v.train.stages.grpo import GRPOTrainer
from tests.train.core.test_distributed import in_two
from tests.train.stages.test_grpo import config, metrics, trainer_of, without_times
from tests.train.stages.test_mpo import config as mpo_config
from tests.train.stages.test_mpo import trainer_of as mpo_trainer

ROOT = Path(__file__).parents[3]
PYTHON = Path(os.environ.get("R1V_VLLM_PYTHON") or ROOT / ".venv-vllm" / "bin" / "python")
needs_vllm = pytest.mark.skipif(
    not PYTHON.is_file(), reason="R1V_VLLM_PYTHON names no interpreter with vLLM (vllm_cpu.sh makes one)"
)


class OwnEngine:
    """Our engine in vLLM's place, for questions without pictures."""

    def __init__(self, c: RolloutEngineConfig) -> None:
        torch.set_num_threads(1)
        self.about = {"engine": "ours"}
        self.folder = Path(c.model)
        self.processor = Processor.from_folder(self.folder)
        self.model = models.load(self.folder, torch.float32)
        self.sampler = EngineRollouts(
            self.model, self.processor, Compute(torch.device("cpu"), False), max_num_seqs=16
        )

    def begin_weights(self) -> None:
        self.came: dict[str, torch.Tensor] = {}

    def take_block(self, place: dict[str, Any], laid: Sequence[Sequence[Any]], content: bytes) -> str:
        self.came.update(read(place, [Laid(*one) for one in laid], content, torch.device("cpu")))
        return ""

    def end_weights(self) -> None:
        parameters = dict(self.model.named_parameters())
        shapes = {name: tuple(parameter.shape) for name, parameter in parameters.items()}
        every = pieces(shapes, "release", self.model.config.language)
        assert {piece.name for piece in every} == set(self.came)
        with torch.no_grad():
            for piece in every:
                value = self.came[piece.name]
                parameters[piece.parameter][piece.start : piece.start + len(value)] = value
        self.sampler.sync()

    def sleep(self) -> None:
        for parameter in self.model.parameters():
            parameter.data.fill_(float("nan"))

    def sample(self, asks: Sequence[Ask], sampling: RolloutSampling) -> list[Answered]:
        none = np.zeros((0, 32, 32, 3), np.uint8)
        prompts = [Prompt(tuple(ask.token_ids), none, (), (), 0, True) for ask in asks]
        groups = self.sampler.sample(
            prompts, [ask.seed for ask in asks], n=sampling.n, max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
        )  # fmt: skip
        return [
            Answered(ask.token_ids, [
                WireResponse(one.token_ids, one.logprobs.tolist(), one.finish_reason.value) for one in group
            ])
            for ask, group in zip(asks, groups, strict=True)
        ]  # fmt: skip


class ElsewhereEngine(OwnEngine):
    def take_block(self, place: dict[str, Any], laid: Sequence[Sequence[Any]], content: bytes) -> str:
        return super().take_block(place, laid, content) if content else "no such file"


class BrokenEngine(OwnEngine):
    def sample(self, asks: Sequence[Ask], sampling: RolloutSampling) -> list[Answered]:
        raise RuntimeError("the device is on fire\nand more")


def free_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@contextlib.contextmanager
def engines(
    start: Path, folder: Path, number: int = 1, kind: Callable[[RolloutEngineConfig], Any] = OwnEngine
) -> Iterator[dict[str, Any]]:
    """Processes with an engine, the first at a socket, the others at ports; the keys of a configuration that
    uses them."""
    folder.mkdir(exist_ok=True)
    (folder / "key").write_text(secrets.token_hex(16))
    fork = multiprocessing.get_context("fork")
    at, processes = [], []
    with tempfile.TemporaryDirectory() as scratch:  # a socket's path must be short
        for place in range(number):
            at.append(free_address() if place else f"{scratch}/0")
            c = RolloutEngineConfig(model=str(start), listen=at[-1], key=str(folder / "key"))
            processes.append(fork.Process(target=serve, args=(c, Console(quiet=True), kind), daemon=True))
            processes[-1].start()
        try:
            yield {"rollout": "vllm", "vllm_at": tuple(at), "vllm_key": str(folder / "key"),
                   "families": ("arithmetic",)} | ({} if number > 1 else {"save_every_s": 0.0})  # fmt: skip
        finally:
            for process in processes:
                process.kill()
                process.join()


def test_rollouts_of_another_process_are_those_of_this_one(start: Path, tmp_path: Path) -> None:
    """The weights of each step arrive whole: the same rewards, losses and final weights, bit for bit."""
    here = trainer_of(config(start, tmp_path / "here", families=("arithmetic",))).train()
    with engines(start, tmp_path / "engine") as there:
        through = trainer_of(config(start, tmp_path / "there", **there)).train()
    rows = metrics(tmp_path / "there")
    assert without_times(rows) == without_times(metrics(tmp_path / "here"))
    assert rows[-1]["version"] >= 3 and max(row["mismatch_worst"] for row in rows) < 1e-4
    one, two = (models.load(folder).state_dict() for folder in (here, through))
    assert all(torch.equal(one[name], two[name]) for name in one)
    moved = models.load(start).state_dict()
    assert any(not torch.equal(one[name], moved[name]) for name in one)


def test_weights_that_did_not_arrive_are_noticed(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engines(start, tmp_path / "engine") as there:
        trainer = trainer_of(config(start, tmp_path / "run", lr=0.05, **there))
        trainer.asker.rollouts.sync = lambda: None  # type: ignore[method-assign]
        with pytest.raises(R1VError, match="stale weights"):
            trainer.train()


def test_a_sleeping_engine_gets_its_weights_again(start: Path, tmp_path: Path) -> None:
    """This one forgets them. It sleeps while the model is updated, also where no weight changed."""
    here = trainer_of(config(start, tmp_path / "here", families=("arithmetic",), heldout=2, eval_every=2))
    here.train()
    with engines(start, tmp_path / "engine") as there:
        through = trainer_of(config(start, tmp_path / "there", heldout=2, eval_every=2, **there))
        assert isinstance(through.asker.rollouts, VLLMRollouts)
        through.asker.rollouts._sleep = True
        through.train()
    rows = metrics(tmp_path / "there")
    assert without_times(rows) == without_times(metrics(tmp_path / "here"))


def test_mpo_samples_from_another_process_as_from_this_one(start: Path, tmp_path: Path) -> None:
    """Pairs, losses, held-out measures and weights, bit for bit; the engine forgets its weights meanwhile."""
    changes: dict[str, Any] = {"families": ("arithmetic",), "heldout": 2}
    here = mpo_trainer(mpo_config(start, tmp_path / "here", **changes)).train()
    with engines(start, tmp_path / "engine") as there:
        away = mpo_trainer(mpo_config(start, tmp_path / "there", **changes | there))
        assert isinstance(away.rollouts, VLLMRollouts)
        away.rollouts._sleep = True
        through = away.train()
    rows = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("here", "there")]
    one, two = (without_times([json.loads(line) for line in lines]) for lines in rows)
    assert len(one) > 12 and one == two
    a, b = (models.load(folder).state_dict() for folder in (here, through))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_an_engine_that_cannot_read_this_memory_gets_the_weights_sent(start: Path, tmp_path: Path) -> None:
    trainer_of(config(start, tmp_path / "here", families=("arithmetic",))).train()
    with engines(start, tmp_path / "engine", kind=ElsewhereEngine) as there:
        trainer_of(config(start, tmp_path / "there", **there)).train()
    assert without_times(metrics(tmp_path / "there")) == without_times(metrics(tmp_path / "here"))


def test_an_engine_that_dies_ends_the_run_which_goes_on_with_another(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_link, "CONNECT_S", 0.5)
    with engines(start, tmp_path / "engine") as there:
        whole = trainer_of(config(start, tmp_path / "whole", importance_cap=2.0, **there)).train()
    with engines(start, tmp_path / "engine") as there:
        first = trainer_of(config(start, tmp_path / "cut", importance_cap=2.0, **there))
        ask = first.asker.ask

        def die(step: int, plan: Any = None) -> Any:
            if step == 2:
                for process in multiprocessing.active_children():
                    process.kill()
                    process.join()
            return ask(step, plan)

        first.asker.ask = die  # type: ignore[method-assign]
        with pytest.raises(UnavailableError, match=r"no engine answers at .*: the run goes on from its last"):
            first.train()
    with engines(start, tmp_path / "engine") as there:  # at another address
        resumed = trainer_of(config(start, tmp_path / "cut", importance_cap=2.0, **there)).train()
    assert without_times(metrics(tmp_path / "cut")) == without_times(metrics(tmp_path / "whole"))
    one, two = (models.load(folder).state_dict() for folder in (whole, resumed))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_what_goes_wrong_is_one_line(start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with engines(start, tmp_path / "broken", kind=BrokenEngine) as there:
        with pytest.raises(UnavailableError, match=r"RuntimeError: the device is on fire; start the same"):
            trainer_of(config(start, tmp_path / "1", **there)).train()
        (tmp_path / "other").write_text(secrets.token_hex(16))
        with pytest.raises(ConfigError, match="another key"):
            trainer_of(config(start, tmp_path / "2", **there | {"vllm_key": str(tmp_path / "other")})).train()
    (tmp_path / "short").write_text("secret")
    with pytest.raises(ConfigError, match="holds 6 bytes, at least 16"):
        trainer_of(config(start, tmp_path / "3", **there | {"vllm_key": str(tmp_path / "short")}))
    with pytest.raises(ConfigError, match="vllm_python /no/python cannot be started"):
        trainer_of(config(start, tmp_path / "4", rollout="vllm", vllm_python="/no/python"))
    with pytest.raises(ConfigError, match="no address; write HOST:PORT"):
        parse_address("localhost")
    with pytest.raises(ConfigError, match=r"vllm_at needs rollout\.vllm_key"):
        config(start, tmp_path / "5", rollout="vllm", vllm_at=("a:1",))
    with pytest.raises(ConfigError, match=r"rollout\.sleep is for a vLLM that is started here"):
        config(start, tmp_path / "6", rollout="vllm", vllm_at=("a:1",), vllm_key="k", sleep=True)
    with pytest.raises(ConfigError, match="use r1v or vllm"):
        config(start, tmp_path / "6", rollout="tgi")


@pytest.mark.slow
def test_an_interpreter_without_vllm_is_said_to_have_none(start: Path, tmp_path: Path) -> None:
    """The real command is started, and what it says comes back."""
    if importlib.util.find_spec("vllm") is not None:
        pytest.skip("this interpreter has vLLM")
    with pytest.raises(UnavailableError, match=r"status [12]: .*vLLM is needed, but is not installed here"):
        trainer_of(config(start, tmp_path / "run", rollout="vllm", vllm_python=sys.executable)).train()


def test_questions_travel_with_their_pictures() -> None:
    one, other = multiprocessing.Pipe()
    asks = [Ask([1, 2], [b"a", b""], [1, 3], 1 << 61), Ask([3], [], None, 0), Ask([4], [b"c"], None, 5)]
    sampling = RolloutSampling(4, 7, 1.0, [2], [9, 10])
    send_asks(one, asks, sampling)
    assert read_asks(*receive(other)) == (asks, sampling)


@pytest.mark.slow
def test_two_trainers_with_an_engine_each(start: Path, tmp_path: Path) -> None:
    """As one process with both engines."""

    def run(out: Path, there: dict[str, Any]) -> None:
        trainer_of(config(start, out, **there)).train()

    with engines(start, tmp_path / "engine", 2) as there:
        run(tmp_path / "1", there)
        in_two(partial(run, tmp_path / "2", there))
    one, two = (metrics(tmp_path / name) for name in ("1", "2"))
    assert [row["reward"] for row in one] == [row["reward"] for row in two]
    assert [row["loss"] for row in one] == pytest.approx([row["loss"] for row in two], abs=1e-5)


def test_fewer_engines_than_trainers_are_refused(start: Path, tmp_path: Path) -> None:
    from r1v.train.core.distributed import World
    from r1v.train.rollout.vllm import open_links

    c = config(start, tmp_path, rollout="vllm", vllm_devices=())
    with pytest.raises(ConfigError, match="2 processes of the trainer need engines"):
        open_links(str(start), c.rollout, Compute(torch.device("cpu"), False, World(0, 2)), tmp_path)


# ------------------------------------------------------------------------------------------------ vLLM itself


def set_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What vLLM's process is told."""
    for name, value in {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1",
                        "VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "ERROR"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)


def through_vllm(start: Path, out: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> GRPOTrainer:
    set_environment(monkeypatch)
    return trainer_of(config(start, out, rollout="vllm", vllm_python=str(PYTHON), **changes))


@needs_vllm
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_grpo_through_vllm(start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text and pictures: ratios near 1, new weights in vLLM after each update, no image token, and after a
    kill the run goes on."""
    changes: dict[str, Any] = {"steps": 4, "save_every_s": 0.0, "lr": 5e-3}
    first = through_vllm(start, tmp_path / "run", monkeypatch, **changes)
    sampled: list[int] = []
    judge = first.asker.judge

    def watch(questions: Any, responses: Any, version: int) -> Any:
        sampled.extend(i for group in responses for one in group for i in one.token_ids)
        if first.bench.step == 2:
            rollouts = first.asker.rollouts
            assert isinstance(rollouts, VLLMRollouts) and rollouts.links[0]._process is not None
            rollouts.links[0]._process.kill()
        return judge(questions, responses, version)

    first.asker.judge = watch  # type: ignore[method-assign]
    with pytest.raises(UnavailableError, match=r"vLLM's process ended with status -9"):
        first.train()
    through_vllm(start, tmp_path / "run", monkeypatch, **changes).train()
    rows = metrics(tmp_path / "run")
    assert [row["step"] for row in rows] == [1, 2, 3, 4] and rows[-1]["version"] >= 3
    assert {family for row in rows for family in row["families"]} == {"arithmetic", "counting"}
    assert max(row["mismatch_worst"] for row in rows) < 1e-3 and max(row["probe"] for row in rows) < 1e-3
    special = first.bench.processor.special
    assert sampled and not {special.image_context, special.img_start, special.img_end} & set(sampled)


@needs_vllm
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("way", ["shared", "sent"])
def test_vllm_answers_with_the_weights_that_it_was_given(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Greedy ids before and after updates, in many small blocks, are those of our engine over the same
    weights."""
    monkeypatch.setattr(vllm_rollouts, "BLOCK_BYTES", 1 << 16)
    trainer = through_vllm(start, tmp_path / "run", monkeypatch, steps=3, lr=0.02)
    rollouts, bench = trainer.asker.rollouts, trainer.bench
    assert isinstance(rollouts, VLLMRollouts) and rollouts._ways == ["shared"]
    rollouts._ways = [way]
    asked = FigureSource(("arithmetic", "counting"))
    plans = [PlannedSample(family, number, 1.0) for family in asked.families for number in range(4)]
    made = [make_question(asked, bench.processor, plan, keep_images=True) for plan in plans]
    questions = [one for one in made if isinstance(one, EncodedQuestion)]

    def greedy(one: Any) -> list[tuple[int, ...]]:
        found = one.ask(questions, [0] * len(questions), n=1, max_tokens=12, temperature=0.0)
        return [group[0].token_ids for group in found]

    def ours() -> EngineRollouts:
        return EngineRollouts(trainer.policy, bench.processor, bench.compute)

    before = greedy(rollouts)
    assert len(before) == 8 and before == greedy(ours())
    close, rollouts.close = rollouts.close, lambda: None  # type: ignore[method-assign]
    trainer.train()
    after = greedy(rollouts)
    close()
    assert after == greedy(ours()) != before


@needs_vllm
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_mpo_through_vllm(start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds with pictures. A round's first step has margin 0, so its reference is what was sampled
    from."""
    set_environment(monkeypatch)
    trainer = mpo_trainer(
        mpo_config(start, tmp_path / "run", rollout="vllm", vllm_python=str(PYTHON), heldout=1)
    )
    trainer.train()
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert {row["round"] for row in rows if "pairs" in row} == {0, 1}
    steps = [row for row in rows if "margin" in row]
    assert steps[0]["margin"] == pytest.approx(0.0, abs=1e-5) and steps[-1]["margin"] > 0
    assert len([row for row in rows if "heldout" in row]) == 3


@needs_vllm
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_stale_weights_in_vllm_are_noticed(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = through_vllm(start, tmp_path / "run", monkeypatch, lr=0.05)
    trainer.asker.rollouts.sync = lambda: None  # type: ignore[method-assign]
    with pytest.raises(R1VError, match="stale weights"):
        trainer.train()


PARENT = """
import os, signal, subprocess, sys, tempfile, time
from pathlib import Path
folder = Path(tempfile.mkdtemp(prefix="r1v-link-"))
(folder / "key").write_text("0" * 64)
words = [sys.executable, "-c", sys.argv[1], str(folder)]
child = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
child.stderr.readline()
print(child.pid, folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
CHILD = """
import os, sys, time
from rich.console import Console
from r1v.train.rollout.vllm_process import RolloutEngineConfig, serve
class Busy:
    about = {}
    def __init__(self, config):
        print("up", file=sys.stderr, flush=True)
        while %s:
            try:
                time.sleep(60)
            except KeyboardInterrupt:
                pass
folder = sys.argv[1]
config = RolloutEngineConfig(model="x", listen=folder + "/socket", key=folder + "/key", attached=True)
serve(config, Console(quiet=True), Busy)
"""


@pytest.mark.parametrize("deaf", [False, True])
def test_the_process_ends_with_a_trainer_that_was_killed(deaf: bool) -> None:
    """By itself where it can be interrupted, else after END_S; and its folder goes with it."""
    ended = subprocess.run(
        [sys.executable, "-c", PARENT, CHILD % deaf], capture_output=True, text=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    pid, folder = ended.stdout.split()
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                break
        except OSError:
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the process outlives its trainer")
    assert not Path(folder).exists()

"""Every command obeys a flag or refuses it; what runs a model says so."""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from r1v.cli.commands import serve as serve_command
from r1v.cli.main import COMMANDS
from r1v.cli.parser import BACKENDS, CommandParser, load_model
from r1v.core import ConfigError, UnavailableError
from r1v.engine import EngineConfig
from r1v.llm.config import LLMConfig

# flag, its words, who takes it
FLAGS: list[tuple[list[str], set[str]]] = [
    (["--device", "cpu"], {"r1v", "transformers", "vllm"}),
    (["--dtype", "float32"], {"r1v", "transformers", "vllm"}),
    (["--max-model-len", "100"], set(BACKENDS)),
    (["--max-tiles", "2"], {"r1v", "transformers", "vllm"}),
    (["--threads", "1"], {"r1v", "transformers", "vllm"}),
    (["--tensor-parallel-size", "2"], {"vllm"}),
    (["--pipeline-parallel-size", "2"], {"vllm"}),
    (["--data-parallel-size", "2"], {"vllm"}),
    (["--executor", "ray"], {"vllm"}),
    (["--offload"], {"transformers"}),
    (["--quantisation", "bnb-4bit"], {"transformers"}),
    (["--base-url", "http://127.0.0.1:9/v1"], {"openai"}),
    (["--api-form", "anthropic"], {"openai"}),
    (["--requests-per-minute", "5"], {"openai"}),
]
SERVER_FLAGS: list[tuple[list[str], set[str]]] = [
    (["--max-running", "4"], set(BACKENDS)),
    (["--cache-mib", "64"], {"r1v", "vllm"}),
    (["--image-cache-mib", "64"], {"r1v"}),
    (["--max-step-ms", "5"], {"r1v"}),
    (["--private-drafts"], {"r1v"}),
]
WORDS = {"ask": ["Why?"], "chat": [], "run": ["in.jsonl", "out.jsonl"], "serve": [], "ui": []}


class Reached(Exception):
    """A backend would have been made of these settings."""

    def __init__(self, config: LLMConfig, engine: EngineConfig) -> None:
        self.config, self.engine = config, engine


@pytest.fixture
def makers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every backend as far as its settings: what it would be made of is raised."""

    def make(config: LLMConfig, engine: EngineConfig) -> Any:
        raise Reached(config, engine)

    monkeypatch.setattr("r1v.llm.facade.BACKENDS", dict.fromkeys(BACKENDS, make))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())  # vLLM counts as installed
    monkeypatch.setattr("torch.set_num_threads", lambda number: None)
    for name in ("VLLM_LOGGING_LEVEL", "OMP_NUM_THREADS", "PYTHONWARNINGS", "TRANSFORMERS_VERBOSITY"):
        monkeypatch.setenv(name, "")


def commands() -> list[str]:
    """The commands that load a model by the shared arguments."""
    return [name for name in COMMANDS if _takes_backend(name)]


def _parser(name: str) -> CommandParser:
    parser = CommandParser(name)
    importlib.import_module(f"r1v.cli.commands.{name}").configure(parser)
    return parser


def _takes_backend(name: str) -> bool:
    return any("--backend" in action.option_strings for action in _parser(name)._actions)


def reach(name: str, words: list[str]) -> Reached:
    """What a command line makes of a backend."""
    args = _parser(name).parse_args([*WORDS[name], *words])
    load: Callable[[argparse.Namespace], object] = load_model
    if name in ("serve", "ui"):
        args.model = getattr(args, "name", None) or args.model

        def load(args: argparse.Namespace) -> object:
            return serve_command.load(args, serve_command.make_config(args, page=False))

    with pytest.raises(Reached) as reached:
        load(args)
    return reached.value


def test_the_commands_are_known() -> None:
    assert set(commands()) == set(WORDS)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("command", WORDS)
def test_a_flag_is_obeyed_or_refused(command: str, backend: str, makers: None) -> None:
    flags = FLAGS + (SERVER_FLAGS if command in ("serve", "ui") else [])
    always = ["--backend", backend]
    if backend == "openai":
        always += ["--base-url", "http://127.0.0.1:8/v1"]
    plain = reach(command, always)
    assert plain.config.backend == backend
    for words, takers in flags:
        if backend in takers:
            found = reach(command, [*always, *words])
            changed = (found.config, found.engine) != (plain.config, plain.engine)
            assert changed or words[0] in ("--threads",), f"{words} changed nothing"
        else:
            with pytest.raises((ConfigError, UnavailableError), match="leave it out"):
                reach(command, [*always, *words])


def test_what_runs_is_said(tiny_checkpoint: Path) -> None:
    """/v1/models names the backend that was asked for, its devices and its versions."""
    testclient = pytest.importorskip("starlette.testclient")
    pytest.importorskip("accelerate")
    from r1v.server import create_app

    for backend in ("r1v", "transformers"):
        args = _parser("serve").parse_args([str(tiny_checkpoint), "--backend", backend, "--dtype", "float32"])
        args.model = args.name
        config = serve_command.make_config(args, page=False)
        with serve_command.load(args, config) as llm:
            app = create_app(llm, replace(config, host="testserver"))
            with testclient.TestClient(app, base_url="http://127.0.0.1") as client:
                (card,) = client.get("/v1/models").json()["data"]
            found = card["backend"]
            assert (found["name"], found["devices"], found["dtype"]) == (backend, ["cpu"], "float32")
            assert {"r1v", "torch"} <= found["versions"].keys()
            assert ("transformers" in found["versions"]) == (backend == "transformers")
            assert str(llm.backend).startswith(f"{backend} on cpu (float32; r1v ")


@pytest.mark.parametrize(
    ("module", "words"),
    [("parser", ["ask", "Why?", "--backend", "vllm"]), ("parser", ["chat", "--backend", "vllm"]),
     ("commands.verify", ["verify", "r1v-nano", "--against", "vllm"])],
)  # fmt: skip
def test_vllm_is_told_to_be_quiet_before_anything_reads_the_environment(
    module: str, words: list[str]
) -> None:
    """torch and vLLM read it once, when they are imported; so do the processes that vLLM starts."""
    script = (
        "import importlib.util, os, sys\n"
        f"import r1v.cli.{module} as module\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: name == 'vllm' or find(name, *more)\n"
        "tell = module.quiet_vllm\n"
        "def stop(threads):\n"
        "    tell(threads)\n"
        "    for name in ('VLLM_LOGGING_LEVEL', 'PYTHONWARNINGS', 'TORCH_CPP_LOG_LEVEL', 'TORCH_LOGS'):\n"
        "        print(os.environ.get(name))\n"
        "    print('torch' in sys.modules, 'vllm' in sys.modules)\n"
        "    sys.stdout.flush()\n"
        "    os._exit(0)\n"
        "module.quiet_vllm = stop\n"
        "from r1v.cli.main import main\n"
        f"main({words!r})\n"
    )
    set_before = ("VLLM", "TORCH", "PYTHONWARN")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(set_before)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split() == ["ERROR", "ignore", "ERROR", "-all", "False", "False"]

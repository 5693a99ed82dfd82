"""What is loaded when: nothing heavy before it is needed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import r1v

HEAVY = (
    "torch",
    "transformers",
    "numpy",
    "PIL",
    "rich",
    "tokenizers",
    "jinja2",
    "huggingface_hub",
    "fastapi",
)
# what torch and others load when something asks for it, and a question on a CPU does not
UNUSED = (
    "torch._dynamo",
    "torch._inductor",
    "sympy",
    "triton",
    "scipy",
    "pandas",
    "matplotlib",
    "r1v.server",
)


def loaded(code: str, names: tuple[str, ...] = HEAVY) -> set[str]:
    """Which of these modules a fresh interpreter has loaded after running code."""
    script = f"{code}\nimport json, sys\nprint(json.dumps([m for m in {names!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import r1v",
        "from r1v.cli.main import build_parser; build_parser(None).format_help()",
        "from r1v.cli.main import build_parser; build_parser('ask').format_help()",
        "from r1v.cli.main import build_parser; build_parser('chat').format_help()",
        "from r1v.cli.main import main; main(['ask', 'q', '--tensor_parallel_size', '2'])",
        "from r1v.cli.main import main; main(['ask', '   '])",
    ],
)
def test_nothing_heavy(code: str) -> None:
    assert loaded(code) == set()


def test_ctrl_c_during_an_import(tmp_path: Path) -> None:
    """It ends the process at once, also where the module would turn the interrupt into something else."""
    (tmp_path / "torch.py").write_text(
        "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n    sum(range(10**6))\n"
        "except BaseException as error:\n    raise ImportError('half a library') from error\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "r1v.cli.main", "inspect", str(tmp_path)], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "")


def test_ctrl_c_before_anything_of_ours_is_imported() -> None:
    """From the first line of the command on; `r1v.core` is the first module that takes time."""
    script = (
        "import os, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('r1v.core', 'r1v.cli.main'): os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "from r1v.cli.command import main\n"
        "assert 'r1v.core' not in sys.modules and 'argparse' not in sys.modules\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "")


@pytest.mark.parametrize("module", ["argparse", "dataclasses"])
@pytest.mark.parametrize("command", ["-m", "-c"])
def test_ctrl_c_while_main_is_imported(tmp_path: Path, module: str, command: str) -> None:
    """However the command is started: what it imports first is imported with Ctrl-C in our hands."""
    (tmp_path / f"{module}.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nsum(range(10**6))\n"
    )
    start = "r1v.cli.main" if command == "-m" else "from r1v.cli.command import main; main()"
    done = subprocess.run(
        [sys.executable, command, start, "inspect", str(tmp_path)], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "")


def test_nothing_is_imported_before_ctrl_c_is_ours() -> None:
    """Neither by the package nor by the command's module, beyond what Python has loaded at its start."""
    root = str(Path(r1v.__file__).parents[1])
    code = (
        f"import os, sys; sys.path.insert(0, {root!r}); before = set(sys.modules)\n"
        "import r1v.cli.command; print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['__future__', 'r1v', 'r1v.cli', 'r1v.cli.command', 'r1v.cli.interrupt']"


def test_a_missing_image_is_found_without_torch() -> None:
    assert "torch" not in loaded("from r1v.cli.main import main; main(['ask', 'nowhere.png', 'q'])")


def test_a_question_loads_no_more_than_it_needs(tiny_checkpoint: Path) -> None:
    argv = ["ask", "q", "--max-tokens", "2", "--model", str(tiny_checkpoint)]
    found = loaded(f"from r1v.cli.main import main; main({argv!r})", (*HEAVY, *UNUSED))
    assert "torch" in found
    assert not found & {"transformers", "huggingface_hub", "fastapi", "rich", *UNUSED}


def test_the_allocator_is_left_as_the_user_configured_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from r1v.cli.parser import use_expandable_segments

    names = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")
    for given in (None, *names):
        for name in names:
            monkeypatch.delenv(name, raising=False)
        if given is not None:
            monkeypatch.setenv(given, "backend:cudaMallocAsync")
        use_expandable_segments()
        found = {name: os.environ[name] for name in names if name in os.environ}
        assert found == (
            {given: "backend:cudaMallocAsync"} if given else {names[0]: "expandable_segments:True"}
        )


def test_busy_cores_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from r1v.cli.parser import set_threads

    chosen: list[int] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr("r1v.core.usable_cores", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for load in (0.2, 3.0, 20.0):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        set_threads(None)
    set_threads(5)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    set_threads(None)  # what the environment says stands
    assert chosen == [8, 5, 1, 5]


def test_a_container_of_a_large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quota of 4 of 64 cores: others' load counts only where it needs these four."""
    import torch

    from r1v.cli.parser import set_threads

    chosen: list[int] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 32)
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr("r1v.core.usable_cores", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for load in (0.0, 50.0, 62.0, 200.0):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        set_threads(None)
    assert chosen == [4, 4, 2, 1]

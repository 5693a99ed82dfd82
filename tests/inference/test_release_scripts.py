"""The commands of the release page's "How to Run Locally", as they stand there, on R1V-Nano.

What the flags and defaults must be is the release's, of April 2025 (Skywork-R1V at ae317b0).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "inference"
PICTURE = ROOT / "examples" / "demo.png"
QUESTION = "Find the current in amperes."
VLLM_PYTHON = Path(os.environ.get("R1V_VLLM_PYTHON") or ROOT / ".venv-vllm" / "bin" / "python")

COMMON = {"--model_path": "Skywork/Skywork-R1V2-38B", "--image_paths": None, "--question": None}
DEFAULTS = {
    "inference_with_transformers.py": COMMON,
    "inference_with_vllm.py": COMMON
    | {
        "--tensor_parallel_size": 4,
        "--temperature": 0.0,
        "--max_tokens": 8000,
        "--repetition_penalty": 1.05,
        "--top_p": 0.95,
    },
}


def script(
    name: str, *words: object, python: Path | str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Run a script as the page does: from its own folder, of a clone that is not installed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(python), name, *map(str, words)],
        cwd=FOLDER,
        env={**environment, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )


def called_with(
    name: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, object], dict[str, object]]:
    """The arguments that a script parses, and what it asks of LLM."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", [name, *words])
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), FOLDER / name)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, object] = {}

    def answer(args: object, sampling: dict[str, object], backend: str, **settings: object) -> int:
        found.update(args=vars(args), asked={"sampling": sampling, "backend": backend, **settings})
        return 0

    monkeypatch.setattr(module, "answer", answer)
    assert module.main() == 0
    return found["args"], found["asked"]  # type: ignore[return-value]


@pytest.mark.parametrize("name", DEFAULTS)
def test_flags_and_defaults_are_the_releases(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    args, _ = called_with(name, ["--image_paths", "a.png", "b.png", "--question", "Why?"], monkeypatch)
    given = {"--image_paths": ["a.png", "b.png"], "--question": "Why?"}
    assert args == {key.lstrip("-"): given.get(key, value) for key, value in DEFAULTS[name].items()}


def test_sampling_and_lengths_are_the_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--image_paths", "a.png", "--question", "Why?"]
    _, asked = called_with("inference_with_transformers.py", words, monkeypatch)
    assert asked == {
        "sampling": {"temperature": 0.6, "top_p": 0.95, "repetition_penalty": 1.05, "max_tokens": 64000},
        "backend": "transformers",
        "max_tiles": 12,
    }
    _, asked = called_with("inference_with_vllm.py", [*words, "--tensor_parallel_size", "2"], monkeypatch)
    assert asked == {
        "sampling": {"temperature": 0.0, "top_p": 0.95, "repetition_penalty": 1.05, "max_tokens": 8000},
        "backend": "vllm",
        "max_images": 20,
        "num_devices": 2,
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_transformers_from_a_clone() -> None:
    pytest.importorskip("accelerate", reason="transformers and accelerate are not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    done = script("inference_with_transformers.py", "--model_path", "r1v-nano", "--image_paths", PICTURE,
                  "--question", QUESTION)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"User: {QUESTION}\nAssistant: <think>\n")
    assert done.stdout.endswith("</think>\n\nAnswer: \\boxed{6}\n")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not VLLM_PYTHON.is_file(), reason="R1V_VLLM_PYTHON names no interpreter with vLLM")
def test_vllm_from_a_clone() -> None:
    done = script("inference_with_vllm.py", "--model_path", "r1v-nano", "--image_paths", PICTURE, PICTURE,
                  "--question", QUESTION, "--tensor_parallel_size", 1, python=VLLM_PYTHON)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"User: {QUESTION}\nAssistant: <think>\n")
    assert "\n</think>\n" in done.stdout


def test_what_goes_wrong_is_one_line() -> None:
    done = script("inference_with_transformers.py", "--image_paths", "none.png", "--question", "Why?")
    assert done.returncode == 1 and done.stdout == ""
    assert "none.png" in done.stderr and done.stderr.count("\n") == 1


def test_setup_brings_a_newer_python_into_an_old_environment(tmp_path: Path) -> None:
    """The page makes an environment of Python 3.10: conda replaces it there, pip then installs the clone."""
    log = tmp_path / "log"
    for name, body in {
        "python": 'case "$1" in -c) [ -f {0}/new ];; -V) echo 3.10;; *) echo "$0 $*" >> {0}/log;; esac',
        "conda": 'echo "conda $*" >> {0}/log; touch {0}/new',
    }.items():
        program = tmp_path / name
        program.write_text("#!/bin/bash\n" + body.replace("{0}", str(tmp_path)) + "\n")
        program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    bash = shutil.which("bash") or "bash"
    command = [bash, str(FOLDER / "setup.sh")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "3.11 or later" in done.stderr and not log.exists()
    done = subprocess.run(
        command, env={**environment, "CONDA_PREFIX": "/opt/r1-v"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert log.read_text().splitlines() == [
        "conda install --yes python=3.12",
        f"{tmp_path / 'python'} -m pip install -e .[transformers]",
    ]

"""A wheel alone in an empty environment: every command of the plain install works, and the others say in one
line what they need."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from r1v.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "examples" / "demo.png"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


def run(command: list[object], folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    ours = ("PYTHONPATH", "R1V_TEST_DATA", "R1V_MODEL")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.run(
        [str(word) for word in command], cwd=folder, env={**environment, **changes},
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment into which only the wheel and what it names was installed."""
    folder = tmp_path_factory.mktemp("plain")
    source = folder / "source"
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    built = run([sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, source], folder)
    assert built.returncode == 0, built.stderr[-3000:]
    wheel = next(folder.glob("r1v-*.whl"))
    run([sys.executable, "-m", "venv", folder / "env"], folder)
    options = os.environ.get("R1V_PIP_OPTIONS", "").split()
    done = run([folder / "env/bin/pip", "install", "--quiet", *options, wheel], folder)
    if done.returncode:
        pytest.skip(f"pip cannot install what the wheel needs: {done.stderr[-300:]}")
    shutil.copy(PICTURE, folder / "demo.png")
    return folder


def r1v(plain: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return run([plain / "env/bin/r1v", *words], plain, HF_HUB_OFFLINE="1", R1V_QUIET="1")


def right(plain: Path, *words: object) -> str:
    done = r1v(plain, *words)
    assert done.returncode == 0, f"{words}: {done.stdout[-1000:]}{done.stderr[-2000:]}"
    return done.stdout


def test_what_is_installed(plain: Path) -> None:
    """No extra comes along, and the kernels do where there is a compiler."""
    listed = run([plain / "env/bin/pip", "list", "--format=json"], plain).stdout
    names = {each["name"].lower() for each in json.loads(listed)}
    assert not names & {"matplotlib", "transformers", "inspect-ai", "peft", "gradio", "vllm", "gguf"}
    assert "r1v" in names


def test_every_command_has_its_help(plain: Path) -> None:
    for command in COMMANDS:
        assert f"usage: r1v {command}" in right(plain, command, "--help")


def test_commands_that_answer(plain: Path) -> None:
    question = "Find the current in amperes."
    assert "boxed{6}" in right(plain, "ask", "demo.png", question).replace("\\", "")
    done = subprocess.run(
        [str(plain / "env/bin/r1v"), "chat"], input=f"/image demo.png\n{question}\n", text=True, cwd=plain,
        capture_output=True, env={**os.environ, "PYTHONPATH": "", "R1V_QUIET": "1"},
    )  # fmt: skip
    assert done.returncode == 0 and "boxed{6}" in done.stdout.replace("\\", ""), done.stderr
    row = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions",
           "body": {"model": "r1v-nano",
                    "messages": [{"role": "user", "content": "Calculate 47 + 38."}]}}  # fmt: skip
    (plain / "in.jsonl").write_text(json.dumps(row) + "\n")
    right(plain, "run", "in.jsonl", "out.jsonl", "--quiet")
    assert "85" in (plain / "out.jsonl").read_text()


def test_commands_of_checkpoints(plain: Path) -> None:
    assert "vision" in right(plain, "inspect", "r1v-nano").lower()
    right(plain, "inspect", "--kernels")
    assert "use float32" in right(plain, "plan", "r1v-nano") or shutil.which("nvidia-smi")
    right(plain, "convert", "r1v-nano", "release", "--layout", "release")
    right(
        plain,
        "assemble",
        "--vision",
        "r1v-nano",
        "--llm",
        "r1v-nano",
        "--projector",
        "r1v-nano",
        "--out",
        "made",
    )
    right(plain, "quantize", "r1v-nano", "awq", "--chats", "4", "--max-tokens", "60", "--ratios", "3")
    assert "boxed" in right(plain, "ask", "--model", "awq", "demo.png", "Find the current in amperes.")
    assert "KL" in right(
        plain, "compare", "r1v-nano", "awq", "--chats", "2", "--questions", "2", "--max-tokens", "40"
    )


@pytest.mark.parametrize("command", ["serve", "ui"])
def test_a_server_answers_and_has_its_page(plain: Path, command: str) -> None:
    """ui: the browser that it opens is a program that does nothing."""
    program = (
        "import re, subprocess, sys, urllib.request\n"
        "command = [*sys.argv[1:], 'r1v-nano', '--port', '0']\n"
        "p = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)\n"
        "try:\n"
        "    url = next(m[1] for m in (re.search(r'chat page at (\\S+)', line) for line in p.stderr) if m)\n"
        "    page = urllib.request.urlopen(url).read().decode()\n"
        "    assert '<script' in page, page\n"
        "    print(urllib.request.urlopen(url + 'v1/models').read().decode())\n"
        "finally:\n"
        "    p.terminate()\n"
    )
    words = [sys.executable, "-c", program, plain / "env/bin/r1v", command]
    done = run(words, plain, BROWSER="true")
    assert done.returncode == 0 and "r1v-nano" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "needs"),
    [
        (("figures", "make", "--n", "1", "--out", "drawn"), "r1v[figures]"),
        (("figures", "quiz", "--n", "1"), "r1v[figures]"),
        (("quantize", "r1v-nano", "more", "--chats", "65"), "r1v[figures]"),
        (("verify", "r1v-nano", "--against", "transformers", "--out", "c.json"), "r1v[transformers]"),
        (("ask", "--backend", "transformers", "Why?"), "r1v[transformers]"),
        (("ask", "--backend", "vllm", "Why?"), "r1v[vllm]"),
        (("export", "gguf", "r1v-nano", "gguf"), "r1v[gguf]"),
        (("eval", "run", "figures", "--limit", "1", "--out", "measured"), "r1v[eval]"),
        (("train", "sft", "model.path=r1v-nano", "run.out=runs", "run.steps=1"), "r1v[figures]"),
    ],
)
def test_what_needs_an_extra_names_it_in_one_line(plain: Path, words: tuple[str, ...], needs: str) -> None:
    done = r1v(plain, *words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert needs in done.stderr.strip().splitlines()[-1] and "Traceback" not in done.stderr, done.stderr


def test_a_model_that_judges_nothing_is_refused_in_one_line(plain: Path) -> None:
    row = {"question": "Why?", "images": [], "thinking": "Hm.", "answer": "So."}
    (plain / "replies.jsonl").write_text(json.dumps(row) + "\n")
    right(plain, "convert", "r1v-nano", "judge", "--layout", "native")
    done = r1v(plain, "reward", "score", "replies.jsonl", "--model", "judge", "--out", "scored.jsonl")
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "so it is not a reward model" in done.stderr


def test_no_command_is_left_out() -> None:
    tested = set(re.findall(r'"(\w+)"', Path(__file__).read_text()))
    assert tested >= set(COMMANDS), set(COMMANDS) - tested

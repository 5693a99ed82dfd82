"""The five commands of the guide for a new GGUF file: convert, ask, quantise, serve, verify."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

gguf = pytest.importorskip("gguf", reason="GGUF files need the gguf package")
pytest.importorskip("transformers", reason="r1v verify needs a peer")

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "gguf.md"


def commands() -> list[list[str]]:
    """As the guide has them."""
    block = next(b for b in re.findall(r"```bash\n(.*?)```", GUIDE.read_text(), re.S) if "MODEL.gguf" in b)
    return [re.findall(r'"[^"]*"|\S+', line) for line in block.strip().split("\n")]


def walk(file: Path, folder: Path, more: dict[str, list[str]], run_r1v: Any) -> dict[str, str]:
    """Run all five; what each one printed. more: arguments beside the guide's."""
    said: dict[str, str] = {}
    names = {"MODEL.gguf": str(file), "my-model": str(folder / "my-model"), "my-awq": str(folder / "my-awq")}
    for program, command, *words in commands():
        assert program == "r1v"
        argv = [command, *(names.get(word, word.strip('"')) for word in words), *more.get(command, [])]
        if command == "serve":
            said[command] = served_answer(argv)
            continue
        status, out, err = run_r1v(*argv)
        assert status == 0, (argv, out, err)
        said[command] = out
    assert list(said) == ["convert", "ask", "quantize", "serve", "verify"]
    return said


def served_answer(argv: list[str]) -> str:
    """An answer of the server that the command starts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "r1v.cli.main", *argv, "--port", "0"], stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"http://[\d.:a-z]+", line):
                break
        else:
            raise AssertionError(said)
        url = found[0].rstrip("/").removesuffix("/v1")
        name = httpx.get(f"{url}/v1/models", timeout=60).json()["data"][0]["id"]
        asked = {"model": name, "max_tokens": 40, "temperature": 0,
                 "messages": [{"role": "user", "content": "What is the capital of France?"}]}  # fmt: skip
        answer = httpx.post(f"{url}/v1/chat/completions", json=asked, timeout=280).json()
        return str(answer["choices"][0]["message"]["content"])
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def test_the_five_commands_on_a_small_file(run_r1v: Any, tmp_path: Path) -> None:
    from tests.models import gguf_files

    gguf_files.write_text(tmp_path / "small.gguf", gguf_files.hf_model())
    said = walk(
        tmp_path / "small.gguf", tmp_path,
        {"ask": ["--max-tokens", "8"], "quantize": ["--chats", "2", "--max-tokens", "8", "--ratios", "2"],
         "verify": ["--max-tokens", "8"]}, run_r1v,
    )  # fmt: skip
    assert "F32" in said["convert"] and "They agree." in said["verify"]
    assert run_r1v("compare", tmp_path / "my-model", tmp_path / "my-awq", "--chats", "2", "--max-tokens", "8",
                   "--questions", "0")[0] == 0  # fmt: skip


def test_a_file_is_a_model_as_it_is(run_r1v: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.models import gguf_files

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    gguf_files.write_text(tmp_path / "small.gguf", gguf_files.hf_model("qwen3"))
    argv = ("ask", "--model", tmp_path / "small.gguf", "Hi", "--json", "--max-tokens", 6, "--temperature", 0)
    status, out, err = run_r1v(*argv)
    assert status == 0 and "converting small.gguf once" in err, err
    again = run_r1v(*argv)
    assert again[0] == 0 and again[2] == "" and json.loads(again[1])["answer"] == json.loads(out)["answer"]
    assert run_r1v("inspect", tmp_path / "small.gguf")[0] == 0
    status, _, err = run_r1v("ask", "--model", tmp_path / "none.gguf", "Hi")
    assert status == 1 and "does not exist" in err


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_five_commands_on_a_real_file(run_r1v: Any, tmp_path: Path) -> None:
    files = sorted(Path(os.environ.get("R1V_REAL_WEIGHTS") or "/nowhere").glob("*.gguf"))
    if not files:
        pytest.skip("R1V_REAL_WEIGHTS does not name a folder with a GGUF file")
    said = walk(
        files[0], tmp_path,
        {"ask": ["--max-tokens", "200", "--temperature", "0"], "verify": ["--max-tokens", "32"],
         "quantize": ["--chats", "4", "--max-tokens", "64", "--search-tokens", "256", "--ratios", "5"]},
        run_r1v,
    )  # fmt: skip
    assert "def " in said["ask"] and "return" in said["ask"]
    assert "Paris" in said["serve"]
    assert "They agree." in said["verify"]

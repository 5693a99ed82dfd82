"""``r1v ask`` on a tiny random checkpoint: arguments, output forms, errors, Ctrl-C."""

import base64
import io
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from r1v.cli.commands.ask import split_words
from r1v.cli.main import build_parser
from r1v.core import Completion, ConfigError

FEW = ("--max-tokens", 12)


def test_plain_answer(run_r1v, tiny_checkpoint: Path, picture: Path) -> None:
    status, out, err = run_r1v("ask", picture, "How many?", "--model", tiny_checkpoint, *FEW)
    assert status == 0 and out.startswith("<think>\n") and "tokens" not in out
    assert "12 tokens (12 thinking), " in err and "tokens/s" in err
    assert "\x1b" not in out + err


def test_json(run_r1v, tiny_checkpoint: Path, picture: Path) -> None:
    argv = ("ask", "--json", "--model", tiny_checkpoint, picture, picture, "圆圈?", "--no-thinking", *FEW)
    status, out, _ = run_r1v(*argv)
    record = json.loads(out)
    assert status == 0
    assert set(record) == {
        "model", "thinking", "answer", "boxed", "refused", "finish_reason", "finish_detail", "usage", "timing"
    }  # fmt: skip
    assert record["finish_reason"] == "length" and record["boxed"] is None and record["thinking"] == ""
    assert record["usage"]["completion_tokens"] == 12 and record["usage"]["image_tokens"] == 24
    assert (
        json.loads(run_r1v(*argv)[1])["answer"] == record["answer"]
    )  # greedy by the checkpoint's own choice


def test_the_release_scripts_commands(run_r1v, tiny_checkpoint: Path, picture: Path) -> None:
    status, out, err = run_r1v(
        "ask", "--model_path", tiny_checkpoint, "--image_paths", picture, picture, "--question", "Why?",
        "--tensor_parallel_size", 1, "--temperature", 0, "--max_tokens", 3, "--repetition_penalty", 1.05,
        "--top_p", 0.95, "--json",
    )  # fmt: skip
    assert status == 0, err
    assert json.loads(out)["usage"]["image_tokens"] == 24
    status, _, err = run_r1v(
        "ask", "--model_path", tiny_checkpoint, "--question", "x", "--tensor_parallel_size", 4
    )
    assert status == 1 and "vLLM" in err and err.count("\n") == 1


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (0, 2, 1)])
def test_options_may_stand_anywhere(order: tuple[int, ...]) -> None:
    parts = (["a.png", "b.png"], ["what?"], ["--seed", "3", "--json"])
    args = build_parser("ask").parse_args(["ask", *(word for i in order for word in parts[i])])
    assert (args.words, args.seed, args.json) == (["a.png", "b.png", "what?"], 3, True)


def test_split_words(monkeypatch: pytest.MonkeyPatch, picture: Path) -> None:
    assert split_words(["q"], None, []) == ([], "q")
    assert split_words(["a", "b", "q"], None, ["c"]) == (["a", "b", "c"], "q")
    assert split_words(["a"], "q", ["b"]) == (["a", "b"], "q")
    monkeypatch.setattr(sys, "stdin", io.StringIO("line one\nline two\n"))
    assert split_words(["a", "-"], None, []) == (["a"], "line one\nline two")
    assert split_words(["three\udcff"], None, [])[1] == "three\ufffd"
    for words, complaint in (
        ([], "no question"),
        (["a", "  "], "empty"),
        ([str(picture)], "is an image file"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            split_words(words, None, [])


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("nowhere.png", "q"), "no image file 'nowhere.png'"),
        (("q", "--temperature", "-1"), "temperature is -1.0"),
        (("q", "--dtype", "int7"), "dtype is 'int7'"),
        (("q", "--device", "cuda:99"), "cuda:99"),
        (("q", "--model", "no/such/model/here"), "no/such/model/here"),
        (("q", "--threads", "0"), "--threads is 0"),
        (("q", "--threads", "1000000"), "--threads is 1000000"),
        (("data:image/png;base64,AAAA", "q"), "data:image/png"),
        (("q " * 600,), "the context holds 512"),
    ],
)
def test_one_line_for_what_is_wrong(run_r1v, tiny_checkpoint: Path, argv: tuple, words: str) -> None:
    model = () if "--model" in argv else ("--model", tiny_checkpoint)
    status, out, err = run_r1v("ask", *argv, *model)
    assert status == 1 and out == ""
    assert err.startswith("r1v: ") and err.count("\n") == 1 and words in err


def test_data_url_and_many_images(run_r1v, tiny_checkpoint: Path, picture: Path) -> None:
    url = "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()
    argv = ["ask", *[url] * 20, "Compare", "--model", tiny_checkpoint, "--json", *FEW, "--max-tiles", 1]
    status, out, err = run_r1v(*argv)
    assert status == 0, err
    assert json.loads(out)["usage"]["image_tokens"] == 80


def test_question_from_standard_input(run_r1v, tiny_checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("What is 1 + 1?"))
    assert run_r1v("ask", "-", "--model", tiny_checkpoint, *FEW)[0] == 0


def test_model_from_the_environment(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R1V_MODEL", str(tiny_checkpoint))
    assert build_parser("ask").parse_args(["ask", "q"]).model == str(tiny_checkpoint)


def command(*argv: object) -> list[str]:
    return [sys.executable, "-m", "r1v", *(str(word) for word in argv)]


def test_ctrl_c_shows_what_there_is(endless_checkpoint: Path) -> None:
    process = subprocess.Popen(
        command("ask", "Go on", "--model", endless_checkpoint, "--no-thinking"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell ignores it
    )  # fmt: skip
    assert process.stdout is not None
    begun = process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err.decode()
    assert begun and out.endswith(b"\n") and b"[interrupted]\n" in err and b"tokens/s" in err
    assert b"Traceback" not in err


def test_ctrl_c_with_json(run_r1v, endless_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from r1v.llm import Stream

    wait, calls = Stream.wait, []

    def interrupted(stream: Stream) -> tuple[Completion, ...]:
        calls.append(1)
        if len(calls) == 1:
            next(stream)
            raise KeyboardInterrupt
        return wait(stream)

    monkeypatch.setattr(Stream, "wait", interrupted)
    status, out, err = run_r1v("ask", "Go on", "--model", endless_checkpoint, "--no-thinking", "--json")
    record = json.loads(out)
    assert (status, record["finish_reason"], err) == (130, "cancelled", "") and record["answer"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal(tiny_checkpoint: Path, picture: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command("ask", picture, "How many?", "--model", tiny_checkpoint, "--thinking-budget", 4, *FEW),
        stdin=follower, stdout=follower, stderr=follower, env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(follower)
    seen = b""
    try:
        while chunk := os.read(leader, 4096):
            seen += chunk
    except OSError:  # the other end has closed
        pass
    assert process.wait(30) == 0, seen.decode()
    assert b"\x1b[2;3m" in seen  # thinking is dimmed
    assert b"thinking ended at its budget" in seen and b"tokens/s" in seen
    assert seen.rfind(b"\x1b[?25h") >= seen.rfind(b"\x1b[?25l")  # the cursor is back

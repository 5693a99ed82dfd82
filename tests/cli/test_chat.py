"""``r1v chat``: its commands, its memory, and errors that do not end it."""

import io
import json
import os
import pty
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from r1v import LLM, SamplingParams
from r1v.cli.commands.chat import ChatSession
from r1v.cli.main import build_parser
from r1v.core import ConfigError, ContextLengthError, ImageError


@pytest.fixture(scope="module")
def llm(tiny_checkpoint: Path):
    with LLM(tiny_checkpoint) as llm:
        yield llm


def arguments(*argv: str) -> Namespace:
    return build_parser("chat").parse_args(["chat", *argv])


@pytest.fixture
def chat(llm: LLM) -> ChatSession:
    return ChatSession(llm, arguments("--max-tokens", "10", "--thinking-budget", "4"))


def test_turns_are_remembered_and_forgotten(chat: ChatSession, capsys: pytest.CaptureFixture[str]) -> None:
    assert chat.take("First?")
    assert chat.take("Second?")
    assert [m.role for m in chat.messages] == ["user", "assistant", "user", "assistant"]
    assert chat.messages[1].reasoning
    chat.take("/reset")
    assert chat.messages == []
    assert "tokens/s" in capsys.readouterr().err


def test_images_go_with_the_next_question(chat: ChatSession, picture: Path) -> None:
    chat.take(f"/image {picture}")
    chat.take(f"/image '{picture}' {picture}")
    assert len(chat.images) == 3
    chat.take("Compare.")
    assert chat.images == [] and len(chat.messages[0].images) == 3
    chat.take("And now?")
    assert not chat.messages[2].images


def test_a_path_with_spaces_needs_no_quotes(chat: ChatSession, picture: Path, tmp_path: Path) -> None:
    spaced = tmp_path / "my picture.png"
    spaced.write_bytes(picture.read_bytes())
    chat.take(f"/image {spaced}")
    assert len(chat.images) == 1


def test_thinking(chat: ChatSession) -> None:
    for value, budget in (("off", 0), ("on", -1), ("64", 64)):
        chat.take(f"/think {value}")
        assert chat.params.thinking_budget == budget
    with pytest.raises(ConfigError, match="'a lot'"):
        chat.take("/think a lot")


def test_a_bad_turn_changes_nothing(chat: ChatSession, picture: Path) -> None:
    chat.take(f"/image {picture}")
    chat.take("One?")
    before = list(chat.messages)
    with pytest.raises(ImageError):
        chat.take("/image nowhere.png")
    with pytest.raises(ConfigError, match="/help"):
        chat.take("/unknown")
    with pytest.raises(ContextLengthError):
        chat.take("long " * 600)
    assert chat.messages == before
    assert chat.take("") and chat.take("/help") and not chat.take("/quit")


def test_an_interrupted_turn_is_kept_as_far_as_it_came(
    chat: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    from r1v.llm import Stream

    advance, calls = Stream.__next__, []

    def interrupted(stream: Stream):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return advance(stream)

    chat.params = SamplingParams.greedy(max_tokens=300)
    monkeypatch.setattr(Stream, "__next__", interrupted)
    chat.take("Go on")
    assert len(chat.messages) == 2


def test_the_whole_command(run_r1v, tiny_checkpoint, picture, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = f"Hello\n/image {picture}\n\nWhat is it?\n/bad\n/reset\nAgain\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    status, out, err = run_r1v("chat", "--model", tiny_checkpoint, "--max-tokens", 5, "--system", "Be brief.")
    assert status == 0
    assert err.count("tokens/s") == 3 and "(1 image for the next question)" in out
    assert "/bad is not a command" in err


def test_a_conversation_is_saved_and_goes_on(
    chat: ChatSession, llm: LLM, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chat.take(f"/image {picture}")
    chat.take("What is it?\nTwo lines.")
    chat.take("And now?")
    chat.take(f"/save '{tmp_path / 'my chat.json'}'")
    other = ChatSession(llm, arguments())
    other.take(f"/load {tmp_path / 'my chat.json'}")
    assert "(2 questions in " in capsys.readouterr().out
    assert len(other.messages) == 4
    for ours, theirs in zip(chat.messages, other.messages, strict=True):
        assert (ours.role, ours.text, ours.reasoning) == (theirs.role, theirs.text, theirs.reasoning)
        assert [ref.source.tobytes() for ref in ours.images] == [
            ref.source.tobytes() for ref in theirs.images
        ]


def test_what_the_page_exports_is_read_as_far_as_it_shows(llm: LLM, tmp_path: Path) -> None:
    turn = {"conversation": "c", "pictures": [], "created": 1, "state": "done", "thinking": ""}
    turns = [
        {**turn, "id": "q", "parent": None, "role": "user", "text": "Which?"},
        {**turn, "id": "a", "parent": "q", "role": "assistant", "text": "this", "thinking": "hm"},
        {**turn, "id": "b", "parent": "q", "role": "assistant", "text": "that"},
    ]
    one = {"conversation": {"id": "c", "title": "x", "head": "a"}, "turns": turns, "pictures": []}
    file = tmp_path / "exported.json"
    file.write_text(json.dumps({"format": "r1v-conversations", "version": 1, "conversations": [one]}))
    chat = ChatSession(llm, arguments())
    chat.take(f"/load {file}")
    assert [(m.role, m.text, m.reasoning) for m in chat.messages] == [
        ("user", "Which?", None),
        ("assistant", "this", "hm"),
    ]


@pytest.mark.parametrize("content", ["", "[]", '{"format": "other"}', '{"format": "r1v-conversations"}'])
def test_a_file_of_another_form_is_neither_read_nor_written_over(
    content: str, chat: ChatSession, tmp_path: Path
) -> None:
    file = tmp_path / "mine.json"
    file.write_text(content)
    chat.take("One?")
    before = list(chat.messages)
    for command in ("/load", "/save"):
        with pytest.raises(ConfigError, match=r"mine\.json"):
            chat.take(f"{command} {file}")
    assert chat.messages == before and file.read_text() == content
    with pytest.raises(ConfigError, match="name of a file"):
        chat.take("/save")
    with pytest.raises(ConfigError, match="cannot be read"):
        chat.take(f"/load {tmp_path / 'nowhere.json'}")


TYPED = """
import sys
from r1v.cli.typed import TypedLines
lines = TypedLines()
try:
    while True:
        print("GOT", repr(lines.read("> ")), flush=True)
except EOFError:
    lines.close()
"""


def typed(tmp_path: Path, keys: bytes) -> str:
    """What TypedLines reads when these keys come from a terminal that can say what was pasted."""
    pytest.importorskip("readline")
    leader, follower = pty.openpty()
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-c", TYPED], stdin=follower, stdout=follower, stderr=follower, env=environment
    )
    os.close(follower)
    seen = b""
    while b"> " not in seen:
        seen += os.read(leader, 4096)
    os.write(leader, keys)
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not piece:
            break
        seen += piece
    assert process.wait(60) == 0
    os.close(leader)
    return seen.decode()


def test_pasted_lines_are_one_question_and_the_next_chat_remembers_them(tmp_path: Path) -> None:
    seen = typed(tmp_path, b"\x1b[200~one\rtwo\nthree\x1b[201~\r" + b"alone\r" + b"\x04")
    assert "GOT 'one\\ntwo\\nthree'" in seen and "GOT 'alone'" in seen
    assert "GOT 'alone'" in typed(tmp_path, b"\x1b[A\r\x04")  # the arrow up

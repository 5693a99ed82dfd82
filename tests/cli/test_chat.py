"""``r1v chat``: its commands, its memory, and errors that do not end it."""

import io
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from r1v import LLM, SamplingParams
from r1v.cli.chat import ChatSession
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
    assert "tokens/s" in capsys.readouterr().out


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
    assert out.count("tokens/s") == 3 and "(1 image for the next question)" in out
    assert err.count("\n") == 1 and "/bad is no command" in err

"""What a generation looks like, on a terminal and without one."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from r1v.cli.screen.terminal import (
    MarkdownFlow,
    PlainScreen,
    RichScreen,
    make_screen,
    printable,
    remark,
    whole_blocks,
)
from r1v.core import Completion, FinishDetail, FinishReason, Timing, TokenEvent, Usage
from r1v.scoring import extract_boxed


def done(**changes) -> Completion:
    values = {
        "thinking": "2 red",
        "answer": r"Answer: \boxed{2}",
        "token_ids": (1, 2),
        "finish_reason": FinishReason.STOP,
        "usage": Usage(prompt_tokens=5, completion_tokens=11, reasoning_tokens=6),
        "timing": Timing(0.25, 0.5),
    }
    return Completion(**{**values, **changes})


EVENTS = [
    TokenEvent("thinking", "2 ", (1,)),
    TokenEvent("thinking", "red", (2,)),
    TokenEvent("answer", "Answer: ", (3,)),
    TokenEvent("answer", r"\boxed{2}", (4,)),
]


def plain(events: list[TokenEvent], completion: Completion, boxed: str | None = "2", **options) -> str:
    output = io.StringIO()
    screen = PlainScreen(output, **{"notes": output} | options)
    for event in events:
        screen.show(event)
    screen.finish(completion, boxed)
    screen.close()
    return output.getvalue()


def test_plain_text() -> None:
    assert plain(EVENTS, done()) == (
        "<think>\n2 red\n</think>\n\nAnswer: \\boxed{2}\n\n"
        "[11 tokens (6 thinking), 20.0 tokens/s, first token after 0.25 s]\n"
    )
    hidden = plain(EVENTS, done(), hide_thinking=True)
    assert hidden.startswith("Answer: ") and "red" not in hidden


def test_facts_are_not_in_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert plain(EVENTS, done(), notes=None) == "<think>\n2 red\n</think>\n\nAnswer: \\boxed{2}\n"
    assert capsys.readouterr().err.startswith("\n[11 tokens (6 thinking)")


def test_plain_text_of_thinking_that_never_ended() -> None:
    cut = done(answer="", finish_reason=FinishReason.LENGTH)
    text = plain(EVENTS[:2], cut, None)
    assert text.startswith("<think>\n2 red\n\n[token limit reached: the thinking did not reach an answer]\n")


def test_without_a_terminal_it_is_plain() -> None:
    assert isinstance(make_screen(output=io.StringIO()), PlainScreen)


def test_an_ascii_terminal_gets_question_marks_not_a_crash() -> None:
    raw = io.BytesIO()
    output = io.TextIOWrapper(raw, encoding="ascii")
    PlainScreen(output).show(TokenEvent("answer", "三角 ok"))
    assert raw.getvalue() == b"?? ok"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"finish_reason": FinishReason.LENGTH}, "token limit reached: the answer is cut off"),
        ({"finish_reason": FinishReason.CANCELLED}, "interrupted"),
        ({"finish_detail": FinishDetail.BUDGET}, "thinking ended at its budget"),
        ({"finish_detail": FinishDetail.LOOP}, "thinking went round in circles and was ended"),
    ],
)
def test_remarks(changes: dict, words: str | None) -> None:
    assert remark(done(**changes)) == words


def rich_output(events: list[TokenEvent], completion: Completion, boxed: str | None, **options) -> str:
    console = Console(
        file=io.StringIO(), force_terminal=True, width=60, height=20, color_system="standard",
        highlight=False, _environ={"TERM": "xterm"},
    )  # fmt: skip
    screen = RichScreen(console=console, **options)
    for event in events:
        screen.show(event)
    screen.finish(completion, boxed)
    return console.file.getvalue()


def test_rich_output() -> None:
    text = rich_output(EVENTS, done(), "2")
    assert "\x1b[2;3m2 \x1b[0m" in text  # dim, as it streams
    assert "\x1b[1m2\x1b[0m" in text and "╭" in text and "20.0 tokens/s" in text
    hidden = rich_output(EVENTS, done(), "2", hide_thinking=True)
    assert "red" not in hidden and "╭" in hidden


def lasting(text: str) -> str:
    """What stays on the terminal: without what Live wrote and took back, and without colours."""
    text = re.sub(r"(?:[^\n]*\n)?[^\n]*\r(?:\x1b\[1A)?\x1b\[2K", "", text)
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", text)


@pytest.mark.parametrize(
    ("answer", "framed"),
    [
        ("Answer: \\boxed{1234}", True),
        ("**Answer:** $\\boxed{1234}$.", True),
        ("答案：\\boxed{1234}", True),
        ("We add.\n\n\\[\\boxed{1234}\\]", True),
        ("So it is \\boxed{1234}, as the sum shows.", False),
        ("\\boxed{1} or \\boxed{1234}", False),
    ],
)
def test_no_answer_is_printed_twice(answer: str, framed: bool) -> None:
    boxed = extract_boxed(answer)
    events = [TokenEvent("answer", answer, (1,))]
    text = lasting(rich_output(events, done(answer=answer, thinking=""), boxed))
    assert text.count("1234") == 1, text
    assert ("╭" in text) is framed
    assert plain(events, done(answer=answer, thinking=""), boxed).count("1234") == 1


def test_rich_output_leaves_the_cursor_visible() -> None:
    text = rich_output(EVENTS, done(), None)
    assert text.rfind("\x1b[?25h") >= text.rfind("\x1b[?25l")


def test_markup_and_escape_sequences_of_the_model_are_text() -> None:
    events = [
        TokenEvent("thinking", "\x1b]0;title\x07[red]x[/red]\x9b2J"),
        TokenEvent("answer", "\x1b[2Jhi [b]\n\n\\boxed{[/]}"),
    ]
    text = rich_output(events, done(), "[/]")
    assert "\x1b]0" not in text and "\x1b[2J" not in text and "[red]x[/red]" in text and "[/]" in text


@given(st.text())
def test_printable_keeps_text_only(text: str) -> None:
    assert all(c in "\n\t" or not (ord(c) < 32 or 0x7F <= ord(c) < 0xA0) for c in printable(text))


@given(st.text(alphabet="a \n`$-1.", max_size=80), st.integers(1, 7))
def test_markdown_flow_loses_nothing(text: str, size: int) -> None:
    flow = MarkdownFlow(Console(file=io.StringIO(), width=40))
    printed: list[str] = []
    flow._print = printed.append  # type: ignore[method-assign]
    flow._update = lambda: None  # type: ignore[method-assign]
    for start in range(0, len(text), size):
        flow.push(text[start : start + size])
    flow.finish()
    assert "".join("".join(printed).split()) == "".join(text.split())


def test_whole_blocks() -> None:
    assert whole_blocks("one\n\ntwo") == len("one\n\n")
    assert whole_blocks("one\n\n") == 0
    assert whole_blocks("```\na\n\nb\n```") == 0
    assert whole_blocks("$$\na\n\nb") == 0
    assert whole_blocks("1. a\n\n   more") == 0

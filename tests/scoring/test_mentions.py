"""Numbers that a reply mentions without stating them as its answer, and answers in forms near to those."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.scoring import compare, extract_answer

FOLDER = Path(__file__).parent / "replies"


def _replies(name: str) -> list[tuple[str, str]]:
    """The replies of a file and the answers behind their bars."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    parts = [line.rpartition(" | ") for line in lines if line and not line.startswith("# ")]
    return [(reply.replace("⏎", "\n"), answer) for reply, _, answer in parts]


def _accepted(reply: str, answer: str) -> bool:
    found = extract_answer(reply).text
    return found is not None and compare(found, answer).equal


@pytest.mark.parametrize(("reply", "number"), _replies("mentions.txt"))
def test_a_mention_is_no_answer(reply: str, number: str) -> None:
    assert not _accepted(reply, number)


@pytest.mark.parametrize(("reply", "answer"), _replies("statements.txt"))
def test_a_statement_is_an_answer(reply: str, answer: str) -> None:
    assert _accepted(reply, answer)


FRAMES = [  # what is behind "so" is judged alone
    "Suppose it is {old}; then it is odd. So it is {new}.", "Tom says {old}, but the answer is {new}.",
    "We used {old} terms, so the sum is {new}.", "Check with {old}. Hence x = {new}.",
    "For example, {old} is odd. Therefore the number is {new}.", "Step {old}: so x = {new}.",
    "If it were {old}, it would be too small. So x = {new}.", "By equation ({old}), the area is {new}.",
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 99), st.sampled_from(FRAMES))
def test_the_mention_and_the_answer_of_one_reply(value: int, frame: str) -> None:
    reply = frame.format(old=value, new=value + 7)
    assert _accepted(reply, str(value + 7)) and not _accepted(reply, str(value))

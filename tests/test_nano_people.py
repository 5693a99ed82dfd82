"""The measure of people's questions: what a model that knows all, and one that refuses all, come out with."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from r1v.core import Completion, FinishReason, Message
from r1v.figures import people
from r1v.prompt import is_refusal


class Replies:
    """Answers conversations with what a function makes of the last question."""

    def __init__(self, answers: Any) -> None:
        self.answers = answers

    def chat_many(self, conversations: Sequence[Sequence[Message]], params: Any) -> list[Completion]:
        texts = [self.answers(talk) for talk in conversations]
        assert params.logprobs == 0
        return [
            Completion("so", text, (), FinishReason.STOP, refused=is_refusal(text), logprobs=())
            for text in texts
        ]


@pytest.mark.parametrize("knows", [True, False])
def test_each_measure_counts_what_it_says(knows: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    monkeypatch.delenv("R1V_TEST_DATA", raising=False)
    import nano_people

    right: dict[str, str] = {}
    said = people.said

    def kept(source: str, family: str, seed: int, split: Any) -> people.Said:
        item = said(source, family, seed, split)
        right[nano_people.messages_of(item)[-1].text] = item.reply
        return item

    monkeypatch.setattr(people, "said", kept)
    monkeypatch.setattr(people, "SOURCES", {
        "people": ("clock", "money"), "typed": ("sum", "story"), "talk": ("sums", "apart"),
        "refuse": ("world", "name", "chat"),
    })  # fmt: skip
    refusal = "I can't tell: there is no picture."
    replies = Replies(lambda talk: right[talk[-1].text] if knows else refusal)
    monkeypatch.setattr(nano_people, "load", lambda *given: replies)
    given = {"model": "m", "device": "cpu", "dtype": "auto", "batch": 8, "max_tokens": 9}
    args = argparse.Namespace(**given, measure=[], each=2, first=0)
    told = [one for chunk in nano_people.plan(args) for one in nano_people.ask(args, *chunk)]
    rows = nano_people.measured(told)
    shares = {name: float(str(row["right"])) / int(str(row["total"])) for name, row in rows.items()}
    able = {"words": 1.0, "sum": 1.0, "story": 1.0, "talk": 1.0, "unknown": 1.0, "chat": 1.0, "known": 0.0}
    unable = {**dict.fromkeys(able, 0.0), "unknown": 1.0, "chat": 1.0, "known": 1.0}
    assert shares == (able if knows else unable)
    assert rows["sum"]["total"] == 12 and rows["unknown"]["total"] == 4
    assert "| unknown: says so | 4 | 100.0 (" in nano_people.table(rows)
    ends = [one for one in told if one.measure == "talk"]
    assert all(" | " in one.question for one in ends)

"""An answer that says that it cannot be told is marked in every API; one that tells is not."""

from __future__ import annotations

import json

import pytest

from r1v.cli.screen.terminal import remark
from r1v.core import Completion, FinishReason
from r1v.server.apis.chat_answers import ChatWriter
from r1v.server.apis.messages_writer import MessageWriter
from r1v.server.apis.responses_schema import ResponsesBody
from r1v.server.apis.responses_writer import ResponseWriter


def completion(refused: bool) -> Completion:
    text = "I can't tell: there is no picture." if refused else "Answer: \\boxed{2}"
    return Completion("looked for: a chart", text, (1, 2), FinishReason.STOP, refused=refused)


@pytest.mark.parametrize("refused", [True, False])
def test_all_apis_say_whether_an_answer_refuses(refused: bool) -> None:
    one = completion(refused)
    writer = ChatWriter("nano", lambda token: ("", b""), with_tools=False, fingerprint="f")
    choice = writer.whole([one], [("stop", None)], {})["choices"][0]
    last = writer.last(one, "stop", None)[-1]["choices"][0]
    message = MessageWriter("nano", with_tools=False, with_thinking=True).whole(one, "stop", None)
    body = ResponsesBody.model_validate({"model": "nano", "input": "What is it?"})
    response = ResponseWriter(body).whole(one, "stop", None)
    streamed = ResponseWriter(body).end(one, "stop", None)[-1].decode().split("data: ", 1)[1]
    for told in (choice, last, message, response, json.loads(streamed)["response"]):
        assert told.get("refused") is (True if refused else None)
    assert choice["message"]["content"] == one.answer and choice["finish_reason"] == "stop"
    assert message["stop_reason"] == "end_turn"


def test_the_terminal_says_so_too() -> None:
    assert remark(completion(True)) == "no answer: the model says that it cannot tell"
    assert remark(completion(False)) is None

"""In the default suite: the page loads under its policy, and a question gets its boxed answer."""

from __future__ import annotations

from typing import Any

from tests.page.conftest import answered, ask
from tests.page.scripted import Answer, Scripted


def test_a_question_gets_its_boxed_answer(page: Any, server: Scripted) -> None:
    server.say(Answer("Answer: \\boxed{\\frac{1}{2}}", thinking="One of two."))
    ask(page, "How much?")
    answered(page, 1)
    assert page.locator(".answer .boxed .katex .mfrac").count() == 1
    assert "One of two." in page.inner_text(".thinking-body")
    sent = server.asked[0]
    assert sent["model"] == "scripted" and sent["messages"] == [{"role": "user", "content": "How much?"}]
    assert sent["stream"] is True and "temperature" not in sent and "thinking_budget" not in sent
    assert page.evaluate("document.activeElement.id") == "question"

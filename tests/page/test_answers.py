"""Answers: thinking in its fold, the box, and what can be done with an answer."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.page.conftest import answered, ask, bring, drawn, picture, requested, until
from tests.page.scripted import Answer, Scripted

pytestmark = pytest.mark.slow


def test_thinking_streams_into_a_fold_that_says_what_it_is_at(page: Any, server: Scripted) -> None:
    thinking = "\n".join(f"Step {number} of many." for number in range(60))
    server.say(Answer("So \\boxed{4}", thinking=thinking, chunk=12, pause_s=0.02))
    ask(page, "Think")
    page.wait_for_selector(".thinking.busy .thinking-toggle[aria-expanded=true]")
    until(
        page,
        "/about \\d+ tokens · [\\d.]+ s · \\d+ tokens.s/"
        ".test(document.querySelector('.thinking-figures')?.innerText)",
    )
    assert page.inner_text(".thinking-title") == "Thinking"
    answered(page, 1)
    # long thinking folds itself when the answer begins; the server's count has replaced the estimate
    assert page.get_attribute(".thinking-toggle", "aria-expanded") == "false"
    said = page.inner_text(".thinking-figures")
    assert said.startswith(f"{-(-len(thinking) // 12)} tokens · ") and "tokens/s" in said
    page.click(".thinking-toggle")
    assert "Step 59 of many." in page.inner_text(".thinking-body")
    page.get_by_label("Copy the thinking").click()
    page.wait_for_selector("[aria-label=Copied]")
    assert page.evaluate("navigator.clipboard.readText()") == thinking


@pytest.mark.parametrize(
    ("answer", "text", "mathematics"),
    [
        ("\\boxed{12}", "12", True),
        ("\\boxed{\\frac{1}{2}}", "", True),
        ("$\\boxed{x+1}$", "x+1", True),
        ("\\boxed{red circle}", "red circle", False),
        ("\\boxed{\\text{a red circle}}", "a red circle", False),
        ("$$\\boxed{\\text{Jan and Feb}}$$", "Jan and Feb", False),
        ("\\boxed{7:30}", "7:30", False),
        ("\\boxed{B}", "B", False),
        ("\\boxed{红色}", "红色", False),
        ("\\boxed{12 cm}", "12 cm", False),
        ("\\boxed{C2H6O}", "C2H6O", False),
        ("\\[\\boxed{-3.5}\\]", "−3.5", True),
    ],
)
def test_the_box_is_drawn_as_people_write_it(
    page: Any, server: Scripted, answer: str, text: str, mathematics: bool
) -> None:
    server.say(f"Answer: {answer}" if answer[0] == "\\" and answer[1] == "b" else answer)
    ask(page, "?")
    answered(page, 1)
    box = page.locator(".answer .boxed")
    assert box.count() == 1
    assert (box.locator(".katex").count() == 1) is mathematics
    if text:
        shown = box.locator(".katex-html") if mathematics else box
        assert shown.inner_text().replace("\u200b", "").strip() == text


def test_words_in_a_box_inside_a_formula_keep_their_spaces(page: Any, server: Scripted) -> None:
    server.say("$x = \\boxed{one half of it}$")
    ask(page, "?")
    answered(page, 1)
    assert "one half of it" in page.inner_text(".answer .katex-html").replace("\xa0", " ")


def test_markdown_and_mathematics(page: Any, server: Scripted) -> None:
    server.say(
        "# Title\n\n- one\n- **two**\n\n1. \\(a^2\\)\n\n| a | b |\n|--:|---|\n| 1 | 2 |\n\n"
        "```py\nx = 1\n```\n\n"
        "\\[\\sqrt{2}\\]\n\n$$\\begin{aligned}a&=b\\\\c&=d\\end{aligned}$$\n\nIt costs $5 and $6."
    )
    ask(page, "?")
    answered(page, 1)
    answer = page.locator(".answer")
    assert answer.locator("h1").inner_text() == "Title" and answer.locator("li strong").inner_text() == "two"
    assert answer.locator("td.align-right").inner_text() == "1"
    assert answer.locator("pre code").inner_text().strip() == "x = 1"
    assert answer.locator(".math.display .katex").count() == 2 and answer.locator(".katex-error").count() == 0
    assert "It costs $5 and $6." in answer.inner_text()


def test_stop_and_continue(page: Any, server: Scripted) -> None:
    server.say(
        Answer("Half of it and more", thinking="I think so. " * 3, chunk=2, pause_s=0.05), "and the rest"
    )
    ask(page, "Say it")
    until(page, "document.querySelector('.answer')?.innerText.length > 4")
    page.keyboard.press("Escape")
    answered(page, 1)
    assert "You stopped it here." in page.inner_text(".ending")
    assert page.evaluate("document.activeElement.id") == "question"
    said = page.inner_text(".answer")
    for _ in range(100):
        if server.left:
            break
        page.wait_for_timeout(50)
    assert server.left == 1  # the server was told
    page.get_by_role("button", name="Continue").click()
    answered(page, 1)
    last = server.asked[1]
    assert last["continue_final_message"] is True and last["messages"][-1]["role"] == "assistant"
    assert last["messages"][-1]["content"].strip() == said.strip()
    assert last["messages"][-1]["reasoning_content"].startswith("I think so.")
    assert page.inner_text(".answer") == f"{last['messages'][-1]['content']}and the rest"
    assert page.locator(".ending").count() == 0


def test_a_truncated_answer_is_continued(page: Any, server: Scripted) -> None:
    server.say(Answer("The first half", finish="length"), Answer(" and the second."))
    ask(page, "Say it")
    answered(page, 1)
    assert "largest length" in page.inner_text(".ending")
    page.get_by_role("button", name="Continue").click()
    until(page, "document.querySelector('.answer').innerText.includes('second')")
    answered(page, 1)
    assert page.inner_text(".answer") == "The first half and the second."


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ("budget", "ended at its budget"),
        ("loop", "in circles"),
        ("deadline", "time limit"),
        ("shutdown", "shut down"),
    ],
)
def test_how_it_ended_is_said(page: Any, server: Scripted, detail: str, said: str) -> None:
    server.say(Answer("So \\boxed{1}", thinking="Hm.", detail=detail))
    ask(page, "?")
    answered(page, 1)
    assert said in page.inner_text(".ending")


def test_regenerate_edit_and_branches(page: Any, server: Scripted) -> None:
    server.say("First", "Second", "Of the other question", "After it")
    bring(page, picture())
    page.wait_for_selector(".thumb")
    ask(page, "A question")
    answered(page, 1)
    page.get_by_label("Answer again").click()
    until(page, "document.querySelector('.answer')?.innerText === 'Second'")
    answered(page, 1)
    assert page.inner_text(".reply .branch-number") == "2/2"
    page.get_by_label("Earlier version").click()
    until(page, "document.querySelector('.answer').innerText === 'First'")
    assert page.get_by_label("Earlier version").is_disabled()
    page.hover(".asked")
    page.get_by_label("Edit the question").click()
    page.wait_for_selector(".editor .thumb img")
    page.get_by_role("textbox", name="Edit the question").fill("Another question")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.answer')?.innerText === 'Of the other question'")
    answered(page, 1)
    parts = server.asked[2]["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["image_url", "text"] and parts[1][
        "text"
    ] == "Another question"
    ask(page, "Further")
    answered(page, 2)
    page.locator(".asked").first.get_by_label("Earlier version").click()
    until(page, "document.querySelectorAll('.reply').length === 1")
    drawn(page)
    assert page.inner_text(".bubble") == "A question"
    page.reload()
    page.wait_for_selector(".reply")
    drawn(page)
    assert page.inner_text(".bubble") == "A question" and page.inner_text(".asked .branch-number") == "1/2"
    page.locator(".asked").first.get_by_label("Later version").click()
    until(page, "document.querySelectorAll('.reply').length === 2")
    drawn(page)
    assert "After it" in page.inner_text(".thread")


def test_editing_can_be_left_and_can_change_pictures(page: Any, server: Scripted) -> None:
    bring(page, picture(), "a.png")
    page.wait_for_selector(".thumb")
    ask(page, "A question")
    answered(page, 1)
    page.keyboard.press("ArrowUp")  # in the empty input
    page.wait_for_selector(".editor .thumb img")
    page.keyboard.press("Escape")
    page.wait_for_selector(".editor", state="detached")
    assert page.locator(".reply").count() == 1
    page.keyboard.press("ArrowUp")
    page.wait_for_selector(".editor .thumb img")
    bring(page, picture(colour="blue"), "b.png", on=".editor textarea")
    until(page, "document.querySelectorAll('.editor .thumb').length === 2")
    assert page.locator(".composer .thumb").count() == 0
    page.get_by_label("Remove a.png").click()
    page.get_by_role("button", name="Ask", exact=True).click()
    requested(page, server, 2)
    answered(page, 1)
    until(page, "document.activeElement.id === 'question'")
    assert len(server.asked[1]["messages"][0]["content"]) == 2


def test_a_refusal_is_a_note_and_no_answer(page: Any, server: Scripted) -> None:
    said = "I can't tell: there is no figure that I know."
    server.say(Answer(said, thinking="looked for: a figure", refused=True), Answer("Answer: \\boxed{4}"))
    page.locator(".card").first.click()  # a figure whose own answer is known
    answered(page, 1)
    note = page.locator(".reply [role=note]")
    assert note.inner_text().splitlines()[0] == "The model says that it cannot tell."
    assert said in note.inner_text()
    # neither right nor wrong, and nothing that looks like a failure
    assert "own answer is" in page.inner_text(".verdict") and "wrong" not in page.inner_text(".verdict")
    assert page.locator(".failure, .verdict.wrong, .ending").count() == 0
    assert note.evaluate("e => getComputedStyle(e).backgroundColor") != page.locator("body").evaluate(
        "e => getComputedStyle(e).backgroundColor"
    )
    page.reload()
    page.wait_for_selector(".reply [role=note]")
    ask(page, "Then add 2 and 2")
    answered(page, 2)
    assert server.asked[1]["messages"][1] == {"role": "assistant", "content": said}
    assert page.locator("[role=note]").count() == 1 and page.locator(".boxed").count() == 1


def test_copy(page: Any, server: Scripted) -> None:
    server.say("**Bold** \\boxed{4}")
    ask(page, "A question")
    answered(page, 1)
    page.get_by_label("Copy the answer").click()
    page.wait_for_selector("[aria-label=Copied]")
    assert page.evaluate("navigator.clipboard.readText()") == "**Bold** \\boxed{4}"


def test_later_questions_carry_the_conversation_without_thinking(page: Any, server: Scripted) -> None:
    server.say(Answer("Four", thinking="Two and two."), "Five")
    ask(page, "One")
    answered(page, 1)
    ask(page, "Two")
    answered(page, 2)
    assert server.asked[1]["messages"] == [
        {"role": "user", "content": "One"}, {"role": "assistant", "content": "Four"},
        {"role": "user", "content": "Two"},
    ]  # fmt: skip


def test_servers_that_leave_the_thinking_in_the_text(page: Any, server: Scripted) -> None:
    server.say(Answer("<think>\nTwo and two.</think>\n\nSo \\boxed{4}", chunk=3, usage=False))
    ask(page, "?")
    answered(page, 1)
    assert page.inner_text(".thinking-body").strip() == "Two and two."
    assert page.locator(".answer .boxed").count() == 1 and "think" not in page.inner_text(".answer")


def test_nothing_can_be_sent_while_an_answer_comes(page: Any, server: Scripted) -> None:
    wait = threading.Event()
    server.say(Answer("Done", wait=wait))
    ask(page, "One")
    page.wait_for_selector(".send.stop")
    ask(page, "Two")
    page.wait_for_timeout(300)
    assert len(server.asked) == 1 and page.input_value("#question") == "Two"
    wait.set()
    answered(page, 1)
    page.keyboard.press("Enter")
    answered(page, 2)

"""Refusals of the API, the connection lost and found, and the API key."""

from __future__ import annotations

from typing import Any

import pytest

from tests.page.conftest import Window, answered, ask, bring, drawn, picture, until
from tests.page.scripted import Answer, Scripted

pytestmark = pytest.mark.slow

# (status, code, words of the title, button of the remedy)
REFUSALS = [  # not 408, after which Chromium asks again by itself
    (400, "context_length_exceeded", "too long", "New conversation"),
    (400, "invalid_image", "could not use an image", "Edit the question"),
    (400, "invalid_prompt", "cannot take this conversation", "New conversation"),
    (400, "invalid_value", "value that the server refuses", "Open the settings"),
    (400, "unknown_parameter", "does not know something", "Open the settings"),
    (400, "unsupported", "does not support", "Open the settings"),
    (403, "cross_site", "refused this page", "Try again"),
    (404, "model_not_found", "does not have this model", "Try again"),
    (404, "not_found", "no chat API", "Try again"),
    (413, "body_too_large", "too large", "Edit the question"),
    (429, "queue_full", "busy", "Try again"),
    (500, "internal_error", "made a mistake", "Try again"),
    (503, "no_capacity", "no memory left", "Try again"),
    (503, "shutting_down", "shutting down", "Try again"),
    (503, "stalled", "does not respond", "Try again"),
    (504, "deadline_exceeded", "time limit", "Try again"),
    (418, None, "value that the server refuses", "Try again"),
    (502, None, "not available", "Try again"),
]


def test_every_refusal_is_readable_and_has_a_remedy(window: Window, server: Scripted) -> None:
    window.expected = ("Failed to load resource",)
    page = window.open()
    for number, (status, code, title, button) in enumerate(REFUSALS, 1):
        error = {"message": f"the {code} of the server", "code": code}
        server.say(Answer(error=error, status=status, headers={"Retry-After": "7"} if status == 429 else {}))
        if number % 5 == 1 and number > 1:
            page.click(".new-chat")
            page.wait_for_selector(".hero")
        ask(page, f"Question {number}")
        answered(page, (number - 1) % 5 + 1)
        failure = page.locator(".failure").last
        text = failure.inner_text()
        assert title in text and f"the {code} of the server" in text, text
        assert failure.get_by_role("button", name=button).is_visible(), (code, button)
        assert ("wait 7 s" in text) is (status == 429)
        assert page.evaluate("document.activeElement.id") == "question"


def test_try_again_makes_a_branch(window: Window, server: Scripted) -> None:
    window.expected = ("Failed to load resource",)
    page = window.open()
    server.say(Answer(error={"message": "full", "code": "queue_full"}, status=429), "Now it works")
    ask(page, "A question")
    answered(page, 1)
    page.get_by_role("button", name="Try again").click()
    until(page, "document.querySelector('.answer')?.innerText === 'Now it works'")
    assert page.inner_text(".branch-number") == "2/2"


def test_a_failure_within_the_stream(page: Any, server: Scripted) -> None:
    server.say(Answer("Half", failure={"message": "the server is shutting down", "code": "shutting_down"}))
    ask(page, "A question")
    answered(page, 1)
    assert "shutting down" in page.inner_text(".failure") and page.inner_text(".answer") == "Half"


def test_a_connection_that_is_cut(window: Window, server: Scripted) -> None:
    window.expected = ("ERR_INCOMPLETE_CHUNKED_ENCODING", "Failed to load resource")
    page = window.open()
    server.say(Answer("The first half of it", chunk=4, cut=3), " and the rest")
    ask(page, "A question")
    answered(page, 1)
    assert "connection was cut" in page.inner_text(".failure")
    assert page.inner_text(".answer") == "The first ha"
    page.get_by_role("button", name="Continue").click()
    until(page, "document.querySelector('.answer').innerText.includes('rest')")
    answered(page, 1)
    assert page.inner_text(".answer") == "The first ha and the rest"


def test_the_connection_is_lost_and_found_again(window: Window, server: Scripted) -> None:
    window.expected = ("ERR_CONNECTION", "Failed to load resource", "ERR_EMPTY_RESPONSE")
    page = window.open()
    server.stop()
    ask(page, "Are you there?")
    page.wait_for_selector(".failure")
    drawn(page)
    assert "did not answer" in page.inner_text(".failure")
    page.wait_for_selector(".banner:has-text('cannot be reached')")
    assert page.get_attribute(".dot", "data-state") == "lost"
    server.start()
    page.wait_for_selector(".toast:has-text('Connected again')")
    page.wait_for_selector(".banner", state="detached")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".answer .boxed")


def test_loaded_again_while_the_server_is_away(window: Window, server: Scripted) -> None:
    """What is stored is there, and a page that is already open waits."""
    window.expected = ("ERR_CONNECTION", "Failed to load resource", "ERR_EMPTY_RESPONSE", "ERR_INTERNET")
    page = window.open()
    ask(page, "A question")
    answered(page, 1)
    window.context.set_offline(True)
    page.wait_for_selector(".banner:has-text('offline')")
    drawn(page)
    assert page.inner_text(".bubble") == "A question"
    window.context.set_offline(False)
    page.wait_for_selector(".dot[data-state=ok]")


def test_a_key_is_asked_for_once_and_kept_for_the_session(window: Window, server: Scripted) -> None:
    window.expected = ("401",)
    server.key = "correct-horse"
    page = window.open(ready=False)
    page.wait_for_selector("dialog[open] input[type=password]")
    page.keyboard.type("wrong-horse")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog .wrong:has-text('did not accept')")
    page.fill("dialog input[type=password]", "correct-horse")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog", state="detached")
    ask(page, "A question")
    answered(page, 1)
    assert page.locator(".answer .boxed").count() == 1
    page.reload()
    page.wait_for_selector(".dot[data-state=ok]")
    assert page.locator("dialog[open]").count() == 0
    stored = page.evaluate("JSON.stringify(localStorage) + document.cookie")
    assert "horse" not in stored and "horse" not in page.url
    other = window.open(ready=False)  # another session of the browser asks again
    other.wait_for_selector("dialog[open] input[type=password]")


def test_a_key_that_stops_being_right(window: Window, server: Scripted) -> None:
    window.expected = ("401",)
    page = window.open()
    server.key = "new-key-now"
    ask(page, "A question")
    answered(page, 1)
    assert "API key is missing or wrong" in page.inner_text(".failure")
    page.get_by_role("button", name="Enter the key").click()
    page.fill("dialog input[type=password]", "new-key-now")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog", state="detached")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".answer .boxed")


def test_a_server_without_models(window: Window, server: Scripted) -> None:
    window.expected = ("404",)
    server.models_failure = 404
    page = window.open(ready=False)
    page.wait_for_selector(".banner:has-text('no chat API')")


def test_a_picture_that_the_browser_has_cleared(page: Any, server: Scripted) -> None:
    bring(page, picture())
    page.wait_for_selector(".thumb")
    ask(page, "What?")
    answered(page, 1)
    page.evaluate(
        "() => new Promise(done => { const open = indexedDB.open('r1v'); open.onsuccess = () => {"
        " const change = open.result.transaction('pictures', 'readwrite');"
        " change.objectStore('pictures').clear();"
        " change.oncomplete = () => { open.result.close(); done(); } } })"
    )
    page.reload()
    page.wait_for_selector("text=The picture is no longer stored")
    ask(page, "And?")
    answered(page, 2)
    assert "no longer stored" in page.inner_text(".failure") and len(server.asked) == 1


def test_a_browser_that_keeps_nothing(window: Window, server: Scripted) -> None:
    page = window.context.new_page()
    page.add_init_script("indexedDB.open = () => { throw new DOMException('no', 'SecurityError') }")
    page.goto(server.url)
    page.wait_for_selector(".banner:has-text('keeps nothing')")
    ask(page, "A question")
    answered(page, 1)
    assert page.locator(".item").count() == 1

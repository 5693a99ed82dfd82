"""A person's way through the page with R1V-Nano; the docs' pictures are taken here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.page.conftest import Window, answered, ask, bring, look, opened, until
from tests.server.conftest import Served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pictures(chromium: Any, nano: Served) -> None:
    """First screen, answer, model, phone, dark."""
    for window in opened(
        chromium, nano.url + "/", viewport={"width": 1280, "height": 980}, device_scale_factor=1.5
    ):
        page = window.open()
        page.wait_for_selector(".card img")
        page.wait_for_timeout(500)
        look(page, "page-first")
        ask(page, "Calculate 47 + 38. Show the steps.")  # its first answer waits for fonts and code
        answered(page, 1)
        page.click(".new-chat")
        page.locator(".card").first.click()
        answered(page, 1)
        page.wait_for_timeout(500)
        look(page, "page-answer")
        page.click(".model-button")
        page.wait_for_selector("dialog .card img")
        page.wait_for_timeout(500)
        look(page, "page-model")
        page.keyboard.press("Escape")
        page.focus("#question")
        page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(300)
        look(page, "page-dark")
    phone = {"width": 390, "height": 780}
    for window in opened(
        chromium, nano.url + "/", viewport=phone, device_scale_factor=2, has_touch=True, is_mobile=True
    ):
        page = window.open()
        page.wait_for_selector(".card img")
        page.locator(".card").nth(1).click()
        answered(page, 1)
        page.wait_for_timeout(500)
        look(page, "page-phone")


def test_the_pictures_of_the_docs_can_be_taken(pictures: None) -> None:
    for name in ("first", "answer", "model", "dark", "phone"):
        assert (ROOT / "docs" / "images" / f"page-{name}.webp").is_file()


def test_from_a_dropped_figure_to_a_checked_answer(nano_page: Any) -> None:
    page = nano_page
    bring(page, (ROOT / "examples" / "demo.png").read_bytes(), "demo.png")
    page.wait_for_selector(".thumb img")
    ask(page, "Look at the circuit and work out the current through the battery in amperes.")
    answered(page, 1)
    assert page.inner_text(".boxed .katex-html").strip() == "6"
    assert "battery: 60" in page.inner_text(".thinking-body")
    assert "tokens" in page.inner_text(".thinking-figures") and "about" not in page.inner_text(
        ".thinking-figures"
    )


def test_the_examples_of_the_first_screen_are_right(nano_page: Any) -> None:
    """They were chosen to be; where new weights are not, web/draw_examples.py chooses again."""
    page = nano_page
    for number in range(4):
        page.wait_for_selector(".card")
        page.locator(".card").nth(number).click()
        answered(page, 1)
        assert "is the same" in page.inner_text(".verdict"), page.inner_text(".thread")
        page.click(".new-chat")


def test_stop_and_continue_and_a_cut_answer(nano_page: Any) -> None:
    page = nano_page
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Longest answer").fill("12")
    page.keyboard.press("Escape")
    ask(page, "Calculate 47 + 38. Show the steps.")
    answered(page, 1)
    assert "largest length" in page.inner_text(".ending")
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("button", name="Back to the defaults").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_selector(".answer .boxed")
    answered(page, 1)
    assert page.inner_text(".boxed .katex-html").strip() == "85"


def test_the_panel_says_what_nano_is(nano_page: Any) -> None:
    page = nano_page
    page.click(".model-button")
    page.wait_for_selector("dialog .card img")
    kinds = json.loads((ROOT / "r1v" / "models" / "r1v-nano" / "scores.json").read_text())["claimed"]
    assert page.locator("dialog .card").count() == len(kinds)
    text = page.inner_text("dialog")
    assert "13.9M" in text and "8,192 tokens" in text and "Photographs" in text


def test_what_nano_does_not_know_is_a_note(nano_page: Any) -> None:
    """Its own words, not a scripted server's."""
    page = nano_page
    ask(page, "What is the capital of France?")
    answered(page, 1)
    assert "cannot tell" in page.inner_text(".reply [role=note]") and page.locator(".boxed").count() == 0


def test_a_conversation_that_is_too_long(nano_window: Window) -> None:
    """The real server's own refusal."""
    nano_window.expected = ("Failed to load resource",)
    page = nano_window.open()
    page.context.set_default_timeout(60_000)
    ask(page, "7 " * 9000)
    answered(page, 1)
    assert "too long for the model" in page.inner_text(".failure")
    until(page, "document.activeElement.id === 'question'")

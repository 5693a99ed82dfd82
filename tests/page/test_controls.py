"""Settings, the model's panel, examples; keyboard, screen readers, sizes, colours and languages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from r1v.server.static_page import FOLDER
from tests.page.conftest import Window, answered, ask, bring, drawn, opened, picture, until
from tests.page.scripted import Answer, Scripted

pytestmark = pytest.mark.slow


def settings(page: Any) -> None:
    page.get_by_role("button", name="Settings").click()
    page.wait_for_selector("dialog[open]")


def test_settings_are_sent_kept_and_reset(page: Any, server: Scripted) -> None:
    settings(page)
    names = {
        "Thinking budget": ("128", "no limit"), "Temperature": ("0.5", "0.60"), "Top-p": ("0.9", "0.95"),
        "Seed": ("7", "random"), "Longest answer": ("256", "no limit"),
    }  # fmt: skip
    for name, (value, default) in names.items():
        field = page.get_by_label(name)
        assert field.get_attribute("placeholder") == f"default: {default}", name
        field.fill(value)
    page.get_by_label("System prompt").fill("Be brief.")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    page.reload()
    page.wait_for_selector(".dot[data-state=ok]")
    ask(page, "A question")
    answered(page, 1)
    sent = server.asked[0]
    assert {key: sent[key] for key in ("thinking_budget", "temperature", "top_p", "seed", "max_tokens")} == {
        "thinking_budget": 128, "temperature": 0.5, "top_p": 0.9, "seed": 7, "max_tokens": 256,
    }  # fmt: skip
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    settings(page)
    for name, (_, default) in names.items():  # said beside what was chosen instead
        assert f"default: {default}" in page.locator(".field", has_text=name).first.inner_text(), name
    page.get_by_role("button", name="Back to the defaults").click()
    assert page.get_by_label("Temperature").input_value() == ""
    page.keyboard.press("Escape")
    ask(page, "Another")
    answered(page, 2)
    assert set(server.asked[1]) == {"model", "messages", "stream", "stream_options"}
    assert server.asked[1]["messages"][0]["role"] == "user"


@pytest.mark.parametrize("value", ["-1", "3", "many", "1e9", "NaN"])
def test_a_setting_out_of_range_is_said_and_not_sent(page: Any, server: Scripted, value: str) -> None:
    settings(page)
    page.get_by_label("Temperature").fill(value)
    page.wait_for_selector("text=Give a number from 0 to 2.")
    assert page.get_by_label("Temperature").get_attribute("aria-invalid") == "true"
    page.keyboard.press("Escape")
    ask(page, "A question")
    answered(page, 1)
    assert "temperature" not in server.asked[0]


def test_the_models_panel(page: Any, server: Scripted) -> None:
    page.click(".model-button")
    page.wait_for_selector("dialog .card")
    text = page.inner_text("dialog")
    for part in ("scripted", "13.9M", "27.9 MB", "4,096 tokens", "images (up to 3)", "cpu, float32", "MIT",
                 "A model that says what a test wants.", "Clocks", "95%", "Circuits", "99%",
                 "Photographs, documents and other talk are beyond it",
                 "it says in most cases that it cannot tell"):  # fmt: skip
        assert part in text, part
    assert page.locator("dialog .card").count() == 2
    page.click("summary")
    assert "Poems." in page.inner_text("dialog .cannot")
    page.get_by_role("dialog").get_by_role("button", name="Clocks").click()
    answered(page, 1)
    assert server.asked[0]["messages"][0]["content"][0]["type"] == "image_url"


def test_a_server_that_says_little(window: Window, server: Scripted) -> None:
    """Any compatible server: nothing but names."""
    server.models = [{"id": "one"}, {"id": "two", "object": "model"}]
    page = window.open()
    page.click(".model-button")
    page.wait_for_selector("dialog")
    assert "says nothing more" in page.inner_text("dialog")
    page.get_by_label("Model").select_option("two")
    page.keyboard.press("Escape")
    ask(page, "A question")
    answered(page, 1)
    assert server.asked[0]["model"] == "two"


def test_examples_and_new_figures(page: Any, server: Scripted) -> None:
    server.say("\\boxed{-1}")
    page.locator(".card").first.click()
    answered(page, 1)
    assert "The model is wrong here." in page.inner_text(".verdict")
    page.get_by_role("button", name="More examples").click()
    page.wait_for_selector("dialog .card")
    page.keyboard.press("Escape")
    asked = []
    for number in range(2, 8):
        page.get_by_role("button", name="More examples").click()
        page.get_by_role("button", name="A new figure").click()
        answered(page, number)
        last = server.asked[-1]["messages"][-1]["content"]
        asked.append(last[0]["image_url"]["url"] + last[1]["text"])
        until(page, "document.activeElement.id === 'question'")
    assert len(set(asked)) == len(asked)  # none of them was shown before
    assert page.evaluate("JSON.parse(localStorage.getItem('r1v.seen')).figures.length") == 6


def test_the_tool_that_drew_a_figure_is_named(window: Window, server: Scripted) -> None:
    """Where it was not r1v's own: on its card and beside its picture, and it stays with the conversation."""
    one = json.loads((FOLDER / "examples" / "one-of-each.json").read_text(encoding="utf-8"))
    shown = {"clock": one["clock"] | {"tool": "vega"}, "circuit": one["circuit"]}
    shown["circuit"].pop("tool", None)
    window.context.route("**/one-of-each.json", lambda route: route.fulfill(json=shown))
    page = window.open()
    page.wait_for_selector(".card")
    named = {
        each.split("\n")[0]: "Drawn with Vega" in each for each in page.locator(".card").all_inner_texts()
    }
    assert named == {"Clocks": True, "Circuits": False}
    page.locator(".card", has_text="Clocks").click()
    answered(page, 1)
    assert page.inner_text(".drawn-with") == "Drawn with Vega"
    page.reload()
    page.wait_for_selector(".shown-picture img")
    drawn(page)
    assert page.inner_text(".drawn-with") == "Drawn with Vega"
    page.click(".new-chat")
    page.locator(".card", has_text="Circuits").click()
    answered(page, 1)
    assert page.locator(".drawn-with").count() == 0


def test_everything_by_keyboard(page: Any, server: Scripted) -> None:
    server.say(Answer("One \\boxed{1}", thinking="Hm."), "Two", "Three", "Four")
    page.keyboard.type("First")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("line two")
    page.keyboard.press("Enter")
    answered(page, 1)
    assert server.asked[0]["messages"][0]["content"] == "First\nline two"
    page.keyboard.press("Control+Shift+H")
    assert page.get_attribute(".thinking-toggle", "aria-expanded") == "false"
    page.keyboard.type("Second")
    page.keyboard.press("Enter")
    answered(page, 2)
    page.keyboard.press("ArrowUp")
    page.wait_for_selector(".editor")
    page.keyboard.type(" thing")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.thread').innerText.includes('Three')")
    answered(page, 2)
    page.keyboard.press("Control+Shift+O")
    page.wait_for_selector(".hero")
    assert page.evaluate("document.activeElement.id") == "question"
    page.keyboard.press("Control+K")
    until(page, "document.activeElement.id === 'search'")
    page.keyboard.press("Tab")  # the conversation
    assert page.evaluate("document.activeElement.tagName") == "A"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # its menu
    page.wait_for_selector("[role=menu]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")  # opens the conversation
    page.wait_for_selector(".reply")
    until(page, "document.activeElement.id === 'question'")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    page.wait_for_selector("dialog kbd")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    until(page, "document.activeElement.id === 'question'")


NAME = "(e => e.getAttribute('aria-label') || e.title || e.className)(document.activeElement)"


def test_every_control_can_be_reached_with_tab(page: Any, server: Scripted) -> None:
    server.say(Answer("Answer: \\boxed{1}", thinking="Hm."))
    bring(page, picture())
    page.wait_for_selector(".thumb")
    ask(page, "A question")
    answered(page, 1)
    page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(NAME))
    for name in (
        "Copy the answer",
        "Show the thinking",
        "About the model",
        "Add images",
        "Question",
        "Search conversations",
    ):
        assert name in reached or name.replace("Show", "Hide") in reached, name
    assert any("Answer again" in name for name in reached) and any("Enlarge" in name for name in reached)


def violations(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{v['id']}: {v['help']} ({v['nodes'][0]['html'][:160]})"
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


RICH = "**So** [x](https://a.example) \\boxed{\\frac12}\n\n|a|b|\n|-|-|\n|1|2|\n\n```\nx\n```"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screen_readers(chromium: Any, server: Scripted, scheme: str) -> None:
    pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    for window in opened(chromium, server.url, color_scheme=scheme):
        window.expected = ("Failed to load resource",)
        page = window.open()
        page.wait_for_selector(".card")
        assert violations(page) == []
        server.say(Answer(RICH, thinking="Hm."),
                   Answer(error={"message": "no", "code": "queue_full"}, status=429))  # fmt: skip
        bring(page, picture())
        page.wait_for_selector(".thumb")
        assert violations(page) == []
        ask(page, "A question")
        answered(page, 1)
        ask(page, "Refused")
        answered(page, 2)
        assert violations(page) == []
        for name in (
            "Settings",
            "Keyboard shortcuts",
            "Export and import",
            "More examples",
            "About the model",
        ):
            page.locator(".model-button").click() if name == "About the model" else page.get_by_role(
                "button", name=name
            ).click()
            page.wait_for_selector("dialog[open]")
            page.wait_for_timeout(200)
            assert violations(page) == [], name
            page.keyboard.press("Escape")
            page.wait_for_selector("dialog", state="detached")


def test_the_answer_is_announced(page: Any, server: Scripted) -> None:
    server.say("Answer: seven")
    ask(page, "A question")
    answered(page, 1)
    assert "Answer: seven" in page.inner_text(".off-screen[role=status]")


@pytest.mark.parametrize(
    ("width", "height"), [(360, 640), (390, 844), (768, 1024), (1280, 800), (1920, 1080), (3840, 2160)]
)
def test_it_fits_every_screen(chromium: Any, server: Scripted, width: int, height: int) -> None:
    for window in opened(chromium, server.url, viewport={"width": width, "height": height}):
        page = window.open()
        page.wait_for_selector(".card")
        fits = "[document.documentElement, document.body].every(e => e.scrollWidth <= window.innerWidth)"
        assert page.evaluate(fits)
        server.say(
            Answer(
                "$$" + "x+" * 80 + "1$$\n\n|" + "word|" * 20 + "\n|" + "-|" * 20 + "\n\n" + "a" * 300,
                thinking="b" * 300,
            )
        )
        bring(page, picture(1200, 300))
        page.wait_for_selector(".thumb")
        ask(page, "c" * 300)
        answered(page, 1)
        assert page.evaluate(fits)
        box = page.locator(".composer").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] <= height
        if width < 800:
            assert not page.locator(".sidebar").is_visible()
            page.get_by_label("Open the list of conversations").click()
            page.wait_for_selector(".item")
            page.click(".shade", position={"x": width - 10, "y": 300})
            page.wait_for_selector(".sidebar", state="hidden")
        page.click(".model-button")
        page.wait_for_selector("dialog .card")
        assert page.evaluate(
            "document.querySelector('dialog').getBoundingClientRect().right <= window.innerWidth"
        )
        smallest = page.evaluate(
            "Math.min(...[...document.querySelectorAll('button')]"
            ".filter(b => b.offsetParent).map(b => b.offsetHeight))"
        )
        assert smallest >= 20


def test_dark_and_light(chromium: Any, server: Scripted) -> None:
    dark, light = "rgb(23, 22, 19)", "rgb(252, 251, 248)"
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    for window in opened(chromium, server.url, color_scheme="dark"):
        page = window.open()
        assert page.evaluate(colour) == dark
        page.emulate_media(color_scheme="light")
        assert page.evaluate(colour) == light
        settings(page)
        page.get_by_label("Colours").select_option("dark")
        assert page.evaluate(colour) == dark
        page.reload()
        page.wait_for_selector("#question")
        assert page.evaluate(colour) == dark


def test_chinese(chromium: Any, server: Scripted) -> None:
    for window in opened(chromium, server.url, locale="zh-CN"):
        page = window.open()
        assert (
            page.inner_text(".hero h1") == "给它看一张图。"
            and page.get_attribute("html", "lang") == "zh-Hans"
        )
        server.say(Answer("答案：\\boxed{红色}", thinking="想。"))
        ask(page, "什么颜色？")
        answered(page, 1)
        assert page.inner_text(".thinking-title") == "思考过程" and page.inner_text(".boxed") == "红色"
        page.get_by_role("button", name="设置").click()
        page.get_by_label("语言").select_option("en")
        page.keyboard.press("Escape")
        assert page.inner_text(".thinking-title") == "Thought"
        page.reload()
        page.wait_for_selector(".thinking-title:has-text('Thought')")


def test_no_focus_is_taken_on_a_phone(chromium: Any, server: Scripted) -> None:
    """Focus would bring the keyboard up, over what there is to read."""
    for window in opened(
        chromium, server.url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    ):
        page = window.open()
        assert page.evaluate("document.activeElement.id") != "question"
        assert page.locator(".camera").is_visible()

"""Conversations in the browser: kept, listed, searched, renamed, deleted, exported and imported."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.page.conftest import Window, answered, ask, bring, drawn, picture, until
from tests.page.scripted import Answer, Scripted

pytestmark = pytest.mark.slow


def new(page: Any) -> None:
    page.click(".new-chat")
    page.wait_for_selector(".hero")


def titles(page: Any) -> list[str]:
    return [text.strip() for text in page.locator(".item a").all_inner_texts()]


def menu(page: Any, number: int, entry: str) -> None:
    """An entry of the menu of a conversation in the list."""
    page.locator(".item").nth(number).hover()
    page.locator(".item").nth(number).get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name=entry).click()


def saved(page: Any, act: Any) -> tuple[str, bytes]:
    with page.expect_download() as download:
        act()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_several_are_kept_with_their_pictures(window: Window, page: Any, server: Scripted) -> None:
    server.say(Answer("Two \\boxed{2}", thinking="I count."), "Other \\boxed{3}")
    bring(page, picture())
    page.wait_for_selector(".thumb img")
    ask(page, "How many circles?")
    answered(page, 1)
    new(page)
    ask(page, "And triangles?")
    answered(page, 1)
    assert titles(page) == ["And triangles?", "How many circles?"]
    page.reload()
    page.wait_for_selector(".reply")
    drawn(page)
    assert "Other" in page.inner_text(".thread")  # the address names the conversation
    page.get_by_role("link", name="How many circles?").click()
    page.wait_for_selector(".shown-picture img")
    drawn(page)
    assert page.evaluate("document.querySelector('.shown-picture img').naturalWidth") == 60
    assert "Two" in page.inner_text(".answer")
    page.click(".thinking-toggle") if page.locator(".thinking-body:visible").count() == 0 else None
    assert "I count." in page.inner_text(".thinking-body")
    page.go_back()
    until(page, "document.querySelector('.answer')?.innerText.includes('Other')")


def test_they_are_searched_in_titles_and_answers(page: Any, server: Scripted) -> None:
    server.say("It is a heptagon.", "It is a square.")
    for question in ("First shape", "Second shape"):
        ask(page, question)
        answered(page, 1)
        new(page)
    page.fill("#search", "HEPTAGON")
    until(page, "document.querySelectorAll('.item').length === 1")
    assert titles(page) == ["First shape"]
    page.fill("#search", "second shape")
    until(page, "document.querySelector('.item a')?.innerText === 'Second shape'")
    page.fill("#search", "octopus")
    page.wait_for_selector("text=No conversation has these words.")
    page.keyboard.press("Escape")
    assert len(titles(page)) == 2


def test_renamed_and_deleted(page: Any, server: Scripted) -> None:
    ask(page, "A question")
    answered(page, 1)
    menu(page, 0, "Rename")
    page.get_by_label("Title").fill("Quite another name")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.item a').innerText === 'Quite another name'")
    ask(page, "More")
    answered(page, 2)
    page.reload()
    page.wait_for_selector(".reply")
    assert titles(page) == ["Quite another name"]
    menu(page, 0, "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert titles(page) == ["Quite another name"]
    menu(page, 0, "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_selector(".hero")
    page.reload()
    page.wait_for_selector("#question")
    assert titles(page) == []
    left = page.evaluate(
        "async () => { const db = await new Promise(done => { const open = indexedDB.open('r1v');"
        " open.onsuccess = () => done(open.result); }); const counts = {};"
        " for (const name of db.objectStoreNames) counts[name] = await new Promise(done => {"
        " const count = db.transaction(name).objectStore(name).count();"
        " count.onsuccess = () => done(count.result); }); db.close(); return counts; }"
    )
    assert left == {"conversations": 0, "pictures": 0, "turns": 0}


def test_exported_as_markdown_with_pictures(page: Any, server: Scripted) -> None:
    server.say(Answer("Answer: \\boxed{4}", thinking="Two ```and``` two."), "No picture.")
    bring(page, picture(), "a[1].png")
    page.wait_for_selector(".thumb img")
    ask(page, "What is it?")
    answered(page, 1)
    name, content = saved(page, lambda: menu(page, 0, "Export as Markdown"))
    assert name == "What-is-it.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.namelist() == ["What-is-it.md", "images/1.png"]
        text = packed.read("What-is-it.md").decode()
        assert packed.read("images/1.png") == picture()
    assert "# What is it?" in text and "![a1.png](images/1.png)" in text
    assert "````text\nTwo ```and``` two.\n````" in text and "Answer: \\boxed{4}" in text
    new(page)
    ask(page, "In words")
    answered(page, 1)
    name, content = saved(page, lambda: menu(page, 0, "Export as Markdown"))
    assert name == "In-words.md" and "No picture." in content.decode()


def test_exported_as_json_and_imported_again(page: Any, server: Scripted) -> None:
    server.say(Answer("One", thinking="Think."), Answer("Two", refused=True))
    bring(page, picture())
    page.wait_for_selector(".thumb img")
    ask(page, "A question")
    answered(page, 1)
    page.get_by_label("Answer again").click()
    until(page, "document.querySelector('.reply .prose')?.innerText.trim() === 'Two'")
    page.wait_for_selector(".reply [role=note]")
    name, content = saved(page, lambda: menu(page, 0, "Export as JSON"))
    assert name == "A-question.json"
    one = json.loads(content)["conversations"][0]
    assert len(one["turns"]) == 3 and one["pictures"][0]["data"].startswith("data:image/png;base64,")
    page.get_by_label("Export and import").click()
    page.set_input_files(
        "[data-kind=import]", files=[{"name": name, "mimeType": "application/json", "buffer": content}]
    )
    until(page, "document.querySelectorAll('.item').length === 2")
    page.get_by_role("link", name="A question (copy)").click()
    page.wait_for_selector(".shown-picture img")
    drawn(page)
    assert page.inner_text(".branch-number") == "2/2" and page.locator(".reply [role=note]").count() == 1
    # and by dropping it, when the first one is gone; both are whole
    assert bring(page, content, name, "application/json", on=".thread")
    until(page, "document.querySelectorAll('.item').length === 3")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no json",
        b"[]",
        b"null",
        b'{"format": "other", "conversations": []}',
        b'{"format": "r1v-conversations", "conversations": [{}]}',
        b'{"format": "r1v-conversations", "conversations": [null]}',
        json.dumps({"format": "r1v-conversations", "conversations": [{
            "conversation": {"id": "a", "title": "t"}, "turns": [],
            "pictures": [{"id": "p", "data": "data:image/svg+xml;base64,PHN2Zy8+"}]}]}).encode(),
    ],
)  # fmt: skip
def test_other_files_are_not_imported(page: Any, content: bytes) -> None:
    assert bring(page, content, "x.json", "application/json")
    page.wait_for_selector(".toast[data-kind=problem]:has-text('exported here')")
    assert titles(page) == []


def test_an_imported_file_may_say_anything(page: Any) -> None:
    """Circles, strange types and HTML do no harm."""
    turns = [
        {
            "id": "a",
            "parent": "b",
            "role": "user",
            "text": "<img src=x onerror=alert(1)>",
            "state": "running",
        },
        {
            "id": "b",
            "parent": "a",
            "role": 7,
            "text": {"x": 1},
            "thinking": None,
            "pictures": "no",
            "created": "z",
        },
    ]
    one = {
        "conversation": {"id": "x", "title": "<b>T</b>", "head": "a", "updated": "then"},
        "turns": turns,
        "pictures": [],
    }
    content = json.dumps({"format": "r1v-conversations", "version": 1, "conversations": [one]}).encode()
    assert bring(page, content, "x.json", "application/json")
    page.wait_for_selector(".item")
    assert titles(page) == ["<b>T</b>"]
    page.click(".item a")
    page.wait_for_selector(".bubble")
    drawn(page)
    assert page.inner_text(".bubble") == "<img src=x onerror=alert(1)>"

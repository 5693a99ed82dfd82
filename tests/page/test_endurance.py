"""Loaded again in the middle of an answer, 200 turns, two tabs."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from tests.page.conftest import Window, answered, ask, bring, drawn, until
from tests.page.scripted import Answer, Scripted

pytestmark = pytest.mark.slow

# which of them is shown depends on who wrote last
TWO_BRANCHES = "/[12].2/.test(document.querySelector('.branch-number')?.innerText)"
AT_THE_END = "(s => s.scrollHeight - s.scrollTop - s.clientHeight < 90)(document.querySelector('.scroller'))"


def test_loaded_again_in_the_middle_of_an_answer(page: Any, server: Scripted) -> None:
    server.say(
        Answer("The answer is long " * 9, thinking="I think. " * 9, chunk=3, pause_s=0.05),
        "and here it ends.",
    )
    ask(page, "A question")
    until(page, "document.querySelector('.answer')?.innerText.length > 20")
    page.wait_for_timeout(700)
    page.reload()
    page.wait_for_selector(".reply[data-state=interrupted]")
    drawn(page)
    assert "closed or loaded again" in page.inner_text(".ending")
    kept = page.inner_text(".answer")
    assert len(kept) > 15 and kept.startswith("The answer is long")
    page.get_by_role("button", name="Continue").click()
    answered(page, 1)
    assert page.inner_text(".answer").endswith("and here it ends.")
    assert server.asked[1]["continue_final_message"] is True


def test_loaded_again_while_the_model_thinks(page: Any, server: Scripted) -> None:
    server.say(
        Answer("Never", thinking="I think. " * 30, chunk=3, pause_s=0.05),
        Answer("So \\boxed{1}", thinking="More."),
    )
    ask(page, "A question")
    until(page, "document.querySelector('.thinking-body')?.innerText.length > 20")
    page.wait_for_timeout(700)
    page.reload()
    page.wait_for_selector(".reply[data-state=interrupted]")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_selector(".answer .boxed")
    last = server.asked[1]["messages"][-1]
    assert last["content"] is None and last["reasoning_content"].startswith("I think.")


@pytest.mark.timeout(600)
def test_two_hundred_turns(page: Any, server: Scripted) -> None:
    turns = []
    for number in range(200):
        user = number % 2 == 0
        turns.append({
            "id": f"t{number}", "parent": f"t{number - 1}" if number else None,
            "role": "user" if user else "assistant",
            "text": f"Question {number}" if user else f"$x^{{{number}}}$ \\boxed{{{number}}}",
            "thinking": "" if user else "Step. " * 200, "pictures": [], "created": number, "state": "done",
        })  # fmt: skip
    one = {
        "conversation": {"id": "c", "title": "Long", "head": "t199", "updated": 1},
        "turns": turns,
        "pictures": [],
    }
    content = json.dumps({"format": "r1v-conversations", "version": 1, "conversations": [one]}).encode()
    bring(page, content, "long.json", "application/json")
    page.get_by_role("link", name="Long").click()
    until(page, "document.querySelectorAll('.turn').length === 200")
    until(
        page,
        AT_THE_END,
    )
    server.say(Answer("And \\boxed{201}", thinking="Step. " * 300, chunk=9))
    ask(page, "One more")
    answered(page, 101)
    assert len(server.asked[0]["messages"]) == 201
    # typing stays quick: the turns that have not changed are not drawn again
    drawn = page.evaluate(
        "async () => { let changes = 0; const watch = new MutationObserver(all => changes += all.length);"
        " watch.observe(document.querySelector('.thread'), {subtree: true, childList: true});"
        " const area = document.querySelector('#question'); area.value = 'abc';"
        " area.dispatchEvent(new Event('input', {bubbles: true}));"
        " await new Promise(done => setTimeout(done, 300)); watch.disconnect(); return changes; }"
    )
    assert drawn == 0
    page.locator(".scroller").evaluate("s => { s.scrollTop = 0 }")
    page.get_by_label("To the newest").click()
    until(
        page,
        AT_THE_END,
    )


# A tab whose `held` is a list does not hear of the others' writing until the list is played.
HEARING = """(() => {
    const add = BroadcastChannel.prototype.addEventListener;
    BroadcastChannel.prototype.addEventListener = function (kind, take) {
        add.call(this, kind, event => (window.held ? window.held.push(() => take(event)) : take(event)));
    };
})()"""
HEAR = (
    "() => { const held = window.held; window.held = null; held.forEach(act => act()); return held.length; }"
)


# Whether the last question is the named one; where it is not, a step to another branch.
WALKED = """(() => {
    const asked = [...document.querySelectorAll('.asked')].at(-1);
    if (asked.querySelector('.bubble').textContent === '%s') return true;
    asked.querySelector('[aria-label="%s"]')?.click();
    return false;
})()"""


def test_two_tabs_see_the_same(window: Window, server: Scripted) -> None:
    window.context.add_init_script(HEARING)
    one, two = window.open(), window.open()
    wait = threading.Event()
    server.say(Answer("First", thinking="I think."), Answer("Second, slowly", thinking="Longer.", wait=wait))
    ask(one, "A question")
    answered(one, 1)
    two.wait_for_selector(".item")
    two.click(".item a")
    two.wait_for_selector(".answer")
    ask(one, "Another")
    two.wait_for_selector(".reply[data-state=running]")
    assert two.locator(".send.stop").count() == 0  # only the tab that asks can stop it
    two.wait_for_timeout(7_000)  # longer than an answer may be silent before its tab counts as gone
    assert two.locator(".reply[data-state=running]").count() == 1
    wait.set()
    answered(one, 2)
    until(two, "document.querySelector('.thread').innerText.includes('Second, slowly')")
    answered(two, 2)
    # both write before they have heard of each other: two branches, and nothing is lost
    server.say("From one", "From two")
    two.evaluate("() => { window.held = []; }")
    ask(one, "One asks")
    answered(one, 3)
    ask(two, "Two asks")
    answered(two, 3)
    assert two.evaluate(HEAR) > 0
    until(one, TWO_BRANCHES)
    until(two, TWO_BRANCHES)
    for tab in (one, two):
        until(tab, WALKED % ("One asks", "Earlier version"))
        until(tab, WALKED % ("Two asks", "Later version"))
    two.locator(".item").first.hover()
    two.locator(".item").get_by_role("button", name="More").click()
    two.get_by_role("menuitem", name="Delete").click()
    two.get_by_role("dialog").get_by_role("button", name="Delete").click()
    one.wait_for_selector(".hero")
    assert one.locator(".item").count() == 0


def test_a_tab_that_was_closed(window: Window, server: Scripted) -> None:
    one, two = window.open(), window.open()
    server.say(Answer("It will not end", wait=threading.Event()))
    ask(one, "A question")
    one.wait_for_selector(".reply")  # it is stored before it is shown
    two.wait_for_selector(".item")
    one.close(run_before_unload=False)
    two.click(".item a")
    two.wait_for_selector(".reply")
    two.reload()
    two.wait_for_selector(".reply[data-state=interrupted]", timeout=40_000)

"""The chat page: what it shows of what a model writes, and (slow) a person's way through it in Chromium."""

import base64
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from r1v.core import Completion, FinishDetail, FinishReason, ImageRef, Usage
from r1v.llm import LLM
from r1v.server.markdown import show
from r1v.server.page import EXAMPLES, TurnView, turns

from .conftest import Served, serving

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Answer: \\boxed{5}", "Answer: $\\boxed{5}$"),
        ("\\boxed{\\frac{1}{2}} and \\boxed{x", "$\\boxed{\\frac{1}{2}}$ and \\boxed{x"),
        ("$\\boxed{5}$ stays", "$\\boxed{5}$ stays"),
        ("$a<b$", "$a\\lt b$"),
        ("**bold** and a < b", "**bold** and a <\u200b b"),
        ("<script>alert(1)</script>", "<\u200bscript>alert(1)<\u200b/script>"),
        ("![x](http://a.example/?q=1)", "!\u200b[x]\u200b(http:/\u200b/a.example/?q=1)"),
        ("[x](javascript:alert(1))", "[x]\u200b(javascript:alert(1))"),
        ("`<b>` $5 and `$6`", "`<\u200bb>` $5 and `$6`"),
        ("$\\href{javascript:alert(1)}{x}$", "$\\text{href}{javascript:alert(1)}{x}$"),
        ("圆 & 🙂", "圆 & 🙂"),
    ],
)
def test_what_is_shown(written: str, shown: str) -> None:
    assert show(written) == shown


@pytest.mark.parametrize("unit", ["\\(", "\\[", "$$ ", "$a ", "`", "``` ", "\\boxed{", "<", "[x]("])
def test_long_texts_are_shown_in_a_moment(unit: str) -> None:
    """What is opened and never closed is looked for once; a quadratic search would take minutes."""
    start = time.monotonic()
    show(unit * 50_000)
    assert time.monotonic() - start < 5


def test_a_turn_grows_and_closes_its_thinking() -> None:
    view = TurnView()
    assert view.messages() == [{"role": "assistant", "content": "…"}]
    view.add("thinking", "So 2 + 3", 5)
    (thinking,) = view.messages()
    assert thinking["metadata"] == {"title": "Thinking", "log": "5 tokens", "status": "pending"}
    view.add("answer", "\\boxed{5}", 3)
    thinking, answer = view.messages()
    assert thinking["metadata"]["status"] == "done" and thinking["metadata"]["duration"] >= 0
    assert answer["content"] == "$\\boxed{5}$"
    done = Completion(
        "So 2 + 3", "\\boxed{5}", (), FinishReason.STOP, FinishDetail.BUDGET, Usage(reasoning_tokens=4)
    )
    view.finish(done, "stop", "budget")
    thinking, answer = view.messages()
    assert thinking["metadata"]["log"] == "4 tokens" and "budget" in answer["content"]
    view.fail("the queue is full")
    assert "the queue is full" in view.messages()[-1]["content"]


def test_the_history_becomes_messages() -> None:
    history = [
        {"role": "user", "content": [{"type": "file", "file": {"path": "/x/a.png"}}]},
        {"role": "user", "content": [{"type": "text", "text": "How many?"}]},
        {"role": "assistant", "content": "Well", "metadata": {"title": "Thinking"}},
        {"role": "assistant", "content": [{"type": "text", "text": "a <\u200b b"}]},
    ]
    user, assistant = turns(history, lambda part: ImageRef(part["file"]["path"]))
    assert user.role == "user" and len(user.images) == 1 and user.text == "\nHow many?"
    assert assistant.text == "a < b" and assistant.reasoning is None


def test_the_examples_are_images_the_package_ships() -> None:
    import json

    from PIL import Image

    for name, question in json.loads((EXAMPLES / "questions.json").read_text(encoding="utf-8")):
        with Image.open(EXAMPLES / name) as image:
            assert max(image.size) < 1000 and question


needs_page = pytest.mark.skipif(find_spec("gradio") is None, reason="the extra [ui] is not installed")


@pytest.mark.slow
@needs_page
def test_nothing_is_reported_to_anyone(tiny_checkpoint: Path) -> None:
    """In a process of its own: analytics are off, and no connection leaves this machine."""
    program = f"""
import socket
def refuse(self, address, *rest):
    raise SystemExit(f"connects to {{address}}")
socket.socket.connect = refuse
from r1v.llm import LLM
from r1v.server import ServerConfig, create_app
app = create_app(LLM({str(tiny_checkpoint)!r}), ServerConfig(page=True))
import gradio.analytics, os
assert not gradio.analytics.analytics_enabled() and os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
print("quiet")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip().endswith("quiet"), done.stdout + done.stderr


@pytest.fixture(scope="module")
def nano() -> Iterator[Served]:
    """R1V-Nano with its page, as `r1v ui` has it."""
    with LLM("r1v-nano") as llm, serving(llm, page=True, name="r1v-nano") as served:
        yield served


@pytest.fixture(scope="module")
def endless(endless_llm: LLM) -> Iterator[Served]:
    """A model that does not stop by itself."""
    with serving(endless_llm, page=True) as served:
        yield served


@contextmanager
def opened(served: Served) -> Iterator[Any]:
    """The page in Chromium; at the end, nothing has come from elsewhere and no script has failed."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 860})
        page.set_default_timeout(120_000)
        outside: list[str] = []
        errors: list[str] = []
        ours = (served.url, "data:", "blob:")
        page.on("request", lambda r: None if r.url.startswith(ours) else outside.append(r.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(served.url)
        page.wait_for_selector("textarea")
        page.wait_for_timeout(1500)
        yield page
        browser.close()
    assert not outside and not errors


def ask(page: Any, question: str, image: Path | None = None, way: str = "drop") -> None:
    """Type a question, with an image dropped, pasted or picked, and send it with the Enter key."""
    if image is not None and way == "pick":
        page.set_input_files("input[type=file]", image)
    elif image is not None:
        encoded = base64.b64encode(image.read_bytes()).decode()
        page.locator("textarea").first.evaluate(BRING, [encoded, image.name, way])
    if image is not None:
        page.wait_for_selector(".multimodal-textbox img")
    page.fill("textarea", question)
    page.keyboard.press("Enter")


# As a browser does it: an event with the file in its DataTransfer.
BRING = """(element, [encoded, name, way]) => {
    const bytes = Uint8Array.from(atob(encoded), character => character.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, {type: "image/png"}));
    const settings = {bubbles: true, cancelable: true};
    const event = way === "paste" ? new ClipboardEvent("paste", {...settings, clipboardData: transfer})
                                  : new DragEvent("drop", {...settings, dataTransfer: transfer});
    element.dispatchEvent(event);
}"""
QUESTION = "Compute the value of the angle marked x in degrees."


def until_boxed(page: Any, number: int = 1) -> None:
    """Wait for so many boxed answers."""
    boxes = "#r1v-chat .katex .boxed, #r1v-chat .katex .fbox"
    page.wait_for_function(f"document.querySelectorAll({boxes!r}).length >= {number}")
    page.wait_for_selector("button.stop-button", state="detached")
    page.wait_for_timeout(1000)


@pytest.mark.slow
@needs_page
@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", ["drop", "paste", "pick"])
def test_from_an_image_to_a_boxed_answer(nano: Served, tmp_path: Path, way: str) -> None:
    with opened(nano) as page:
        ask(page, QUESTION, EXAMPLES / "geometry.png", way)
        until_boxed(page)
        said = page.inner_text("#r1v-chat")
        assert "Thinking" in said and "tokens" in said and "57" in said
        assert page.get_by_label("Retry").count() and page.get_by_label("Edit").count()
        if way == "drop":
            _look(page, tmp_path)


def _look(page: Any, tmp_path: Path) -> None:
    """By keyboard, on a phone's width, in the dark; the docs' picture is taken here."""
    panel = page.locator("#r1v-chat .thought-group .title")
    panel.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(800)
    assert "Two sides are equal" in page.inner_text("#r1v-chat")
    page.evaluate("document.activeElement.blur()")
    page.locator("#r1v-chat .katex").last.scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "page.png")
    for width, scheme, name in ((390, "light", "phone"), (1000, "dark", "dark")):
        page.set_viewport_size({"width": width, "height": 860})
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(1000)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.screenshot(path=tmp_path / f"{name}.png")
    if os.environ.get("R1V_WRITE_DOCS"):
        shutil.copy(tmp_path / "page.png", ROOT / "docs" / "page.png")


@pytest.mark.slow
@needs_page
@pytest.mark.timeout(600)
def test_again_changed_and_without_thinking(nano: Served) -> None:
    """An example by keyboard, regenerate, edit, and the budget's control at 0."""
    with opened(nano) as page:
        page.get_by_label("Select example 4").focus()
        page.keyboard.press("Enter")
        until_boxed(page)
        page.get_by_label("Retry").click()
        page.wait_for_timeout(500)
        until_boxed(page)
        page.get_by_label("Edit").first.click()
        page.locator("#r1v-chat textarea").fill("Calculate 47 + 38.")
        page.locator("#r1v-chat").get_by_label("Submit").click()
        page.wait_for_selector("#r1v-chat :text('Calculate 47 + 38.')")
        until_boxed(page)
        page.get_by_text("Thinking and sampling").click()
        budget = page.get_by_label("number input for Thinking budget")
        budget.fill("0")
        budget.press("Tab")
        page.wait_for_timeout(500)
        ask(page, "Calculate 12 + 4.")
        until_boxed(page, 2)
        assert page.locator("#r1v-chat .thought-group").count() == 1
        assert page.locator("textarea").last.get_attribute("placeholder")


@needs_page
def test_an_upload_is_no_url(tiny_llm: LLM) -> None:
    """Gradio would fetch a URL that a client names as its upload; images.py has the say about fetching."""
    with serving(tiny_llm, page=True) as served:
        config = httpx.get(served.url + "/config", timeout=60).json()
        (submit,) = [d for d in config["dependencies"] if d["api_name"] == "_clear_and_save_textbox"]
        for path in (f"{served.url}/health", "http://192.0.2.1/x.png", "/etc/hostname"):
            file = {"path": path, "meta": {"_type": "gradio.FileData"}}
            body = {"data": [{"text": "x", "files": [file]}], "fn_index": submit["id"], "session_hash": "x"}
            refused = httpx.post(served.url + "/gradio_api/run/predict", json=body, timeout=60)
            assert refused.status_code >= 400, refused.text
        for path in ("/etc/passwd", "README.md", "../../etc/passwd", "http://192.0.2.1/"):
            assert httpx.get(f"{served.url}/gradio_api/file={path}").status_code in (403, 404)


@pytest.mark.slow
@needs_page
@pytest.mark.timeout(600)
def test_stop_in_the_middle(endless: Served) -> None:
    with opened(endless) as page:
        ask(page, "Go on")
        endless.wait_until(lambda: endless.llm.load.num_running > 0, 60)
        page.locator("button.stop-button").first.click()
        endless.wait_until(lambda: endless.idle, 20)


@pytest.mark.slow
@needs_page
@pytest.mark.timeout(600)
def test_closing_the_tab_ends_the_work(endless: Served) -> None:
    with opened(endless) as page:
        ask(page, "Go on")
        endless.wait_until(lambda: endless.llm.load.num_running > 0, 60)
        page.close()
        endless.wait_until(lambda: endless.idle, 20)

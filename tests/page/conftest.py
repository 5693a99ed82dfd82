"""Chromium with the page open: on a scripted server, or on the real one with R1V-Nano.

Every test ends with the same three checks: nothing came from elsewhere, no script failed, and nothing broke
the page's Content-Security-Policy.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from r1v.llm import LLM
from tests.page.scripted import Scripted, scripted
from tests.server.conftest import Served, serving

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SLOW_MS = 60_000  # a shared machine can be slow; no test waits this long where all is well


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser for all tests; skips where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted() as server:
        yield server


@pytest.fixture(scope="session")
def nano() -> Iterator[Served]:
    """R1V-Nano with its page, as `r1v serve` has it."""
    with LLM("r1v-nano") as llm, serving(llm, page=True, name="r1v-nano") as served:
        yield served


@dataclass
class Window:
    """One browser context: pages of it share what is stored."""

    context: Any
    url: str
    faults: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()  # parts of messages of the console that a test provokes

    def open(self, path: str = "", *, ready: bool = True) -> Any:
        """A page of this window."""
        page = self.context.new_page()
        page.set_default_timeout(SLOW_MS)
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("console", self._console)
        ours = (self.url, "data:", "blob:")
        page.on("request", lambda r: r.url.startswith(ours) or self.faults.append(f"outside: {r.url}"))
        page.goto(self.url + path)
        if ready:
            page.wait_for_selector("#question")
            page.wait_for_selector(".dot[data-state=ok]")
        return page

    def _console(self, message: Any) -> None:
        text = message.text
        if message.type == "error" and not any(part in text for part in self.expected):
            self.faults.append(f"console: {text}")


@pytest.fixture
def window(chromium: Any, server: Scripted) -> Iterator[Window]:
    """A window on the scripted server."""
    yield from opened(chromium, server.url)


@pytest.fixture
def page(window: Window) -> Any:
    """The page on the scripted server."""
    return window.open()


@pytest.fixture
def nano_window(chromium: Any, nano: Served) -> Iterator[Window]:
    """A window on R1V-Nano."""
    yield from opened(chromium, nano.url + "/")


@pytest.fixture
def nano_page(nano_window: Window) -> Any:
    """The page on R1V-Nano."""
    return nano_window.open()


def opened(browser: Any, url: str, **settings: Any) -> Iterator[Window]:
    """A window that is checked when it is closed."""
    options = {
        "viewport": {"width": 1100, "height": 860},
        "locale": "en-GB",
        "accept_downloads": True,
        **settings,
    }
    context = browser.new_context(**options)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    window = Window(context, url)
    yield window
    context.close()
    assert not window.faults, window.faults


# --------------------------------------------------------------------------------------------- what people do


def ask(page: Any, text: str) -> None:
    """Type a question and send it with the Enter key."""
    page.fill("#question", text)
    page.keyboard.press("Enter")


def until(page: Any, expression: str) -> None:
    """Wait until a JavaScript expression holds. Playwright's own way evaluates within the page, whose policy
    forbids it."""
    end = time.monotonic() + SLOW_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"did not come to hold: {expression}"
        page.wait_for_timeout(30)


def drawn(page: Any) -> None:
    """Wait until what came into sight is drawn: before, a turn has no innerText (content-visibility)."""
    page.evaluate(
        "new Promise(done => { setTimeout(done, 2000);"
        " requestAnimationFrame(() => requestAnimationFrame(() => done())); })"
    )


def answered(page: Any, number: int) -> None:
    """Wait for so many answers that have ended, and are drawn."""
    until(
        page,
        f"document.querySelectorAll('.reply').length === {number} &&"
        " !document.querySelector('.reply[data-state=running]')",
    )
    drawn(page)


def requested(page: Any, server: Scripted, number: int) -> None:
    """Wait until the server was asked so often: where a new answer takes the place of another, the number of
    answers does not tell that it has begun."""
    end = time.monotonic() + SLOW_MS / 1000
    while len(server.asked) < number:
        assert time.monotonic() < end, f"asked {len(server.asked)} times, not {number}"
        page.wait_for_timeout(30)


def picture(width: int = 60, height: int = 40, kind: str = "PNG", colour: str = "red") -> bytes:
    """An image with something on it."""
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).ellipse((width // 4, height // 4, width // 2, height // 2), fill=colour)
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


# As a browser does it: an event with files in its DataTransfer.
_BRING = """(element, [files, way]) => {
    const transfer = new DataTransfer();
    for (const [encoded, name, type] of files) {
        const bytes = Uint8Array.from(atob(encoded), character => character.charCodeAt(0));
        transfer.items.add(new File([bytes], name, {type}));
    }
    const settings = {bubbles: true, cancelable: true, composed: true};
    if (way === "paste") {
        const event = new ClipboardEvent("paste", {...settings, clipboardData: transfer});
        return !element.dispatchEvent(event);
    }
    const over = new DragEvent("dragover", {...settings, dataTransfer: transfer});
    const drop = new DragEvent("drop", {...settings, dataTransfer: transfer});
    const taken = !element.dispatchEvent(over);
    return !element.dispatchEvent(drop) && taken;
}"""


def bring(
    page: Any,
    content: bytes,
    name: str = "a.png",
    kind: str = "image/png",
    *,
    way: str = "drop",
    on: str = "#question",
) -> bool:
    """Drop or paste a file on an element; whether the page took it, so that the browser does not open it."""
    encoded = base64.b64encode(content).decode()
    return page.locator(on).first.evaluate(_BRING, [[[encoded, name, kind]], way])


def look(page: Any, name: str) -> None:
    """A picture of the page for the docs, where they are being written (R1V_WRITE_DOCS=1)."""
    if os.environ.get("R1V_WRITE_DOCS"):
        path = Path(__file__).parents[2] / "docs" / "images" / f"{name}.webp"
        shot = Image.open(io.BytesIO(page.screenshot()))
        shot.save(path, "WEBP", quality=82, method=6)

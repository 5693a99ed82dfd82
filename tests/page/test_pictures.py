"""Pictures: every way in, made smaller, put in order, removed, enlarged; and what is not a picture."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image

from tests.page.conftest import Window, answered, ask, bring, drawn, picture, until
from tests.page.scripted import Answer, Scripted

pytestmark = pytest.mark.slow

PARTS = [
    "body",
    "#question",
    ".sidebar",
    ".head",
    ".list",
    ".hero",
    ".card",
    ".sidebar-foot button",
    ".facts",
]
PARTS_LATER = [
    ".thread",
    ".bubble",
    ".answer",
    ".thinking-body",
    ".scroller",
    ".composer",
    ".shown-picture",
    ".item a",
]


def sent_images(body: dict[str, Any]) -> list[Image.Image]:
    parts = body["messages"][-1]["content"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]


def test_dropped_on_every_part(page: Any, server: Scripted) -> None:
    server.models[0]["max_images"] = 100
    page.reload()
    page.wait_for_selector(".card")
    for number, part in enumerate(PARTS, 1):
        assert bring(page, picture(), on=part), part
        until(page, f"document.querySelectorAll('.thumb').length === {number}")
    server.say(Answer("Yes", thinking="Hm."))
    ask(page, "All of them")
    answered(page, 1)
    for number, part in enumerate(PARTS_LATER, 1):
        assert bring(page, picture(), on=part), part
        until(page, f"document.querySelectorAll('.thumb').length === {number}")
    server.models[0]["max_images"] = 3


@pytest.mark.parametrize("dialog", ["Settings", "Export and import", "Keyboard shortcuts"])
def test_dropped_on_a_dialog(page: Any, dialog: str) -> None:
    page.get_by_role("button", name=dialog).click()
    assert bring(page, picture(), on="dialog")
    page.wait_for_selector(".thumb img")
    assert page.locator("dialog[open]").count() == 0


def test_pasted_picked_and_photographed(page: Any, server: Scripted) -> None:
    assert bring(page, picture(), way="paste", on="body")
    page.wait_for_selector(".thumb img")
    file = {"name": "b.jpg", "mimeType": "image/jpeg", "buffer": picture(kind="JPEG")}
    page.set_input_files("[data-kind=pick]", files=[file])
    until(page, "document.querySelectorAll('.thumb').length === 2")
    assert page.get_attribute("[data-kind=camera]", "capture") == "environment"
    page.set_input_files("[data-kind=camera]", files=[file])
    until(page, "document.querySelectorAll('.thumb').length === 3")
    assert page.evaluate("document.activeElement.id") == "question"
    ask(page, "Which?")
    answered(page, 1)
    parts = server.asked[0]["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["image_url"] * 3 + ["text"]
    assert [image.format for image in sent_images(server.asked[0])] == ["PNG", "JPEG", "JPEG"]
    # pasted text stays text
    page.evaluate("navigator.clipboard.writeText('words')")
    page.focus("#question")
    page.keyboard.press("Control+V")
    assert page.input_value("#question") == "words"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_small_ones_are_sent_as_they_are(page: Any, server: Scripted, kind: str) -> None:
    content = picture(kind=kind)
    bring(page, content, f"a.{kind.lower()}", f"image/{kind.lower()}")
    page.wait_for_selector(".thumb img")
    ask(page, "What?")
    answered(page, 1)
    url = server.asked[0]["messages"][0]["content"][0]["image_url"]["url"]
    assert url == f"data:image/{kind.lower()};base64,{base64.b64encode(content).decode()}"
    assert page.locator(".thumb-note").count() == 0


def test_large_ones_are_made_smaller_and_it_is_said(page: Any, server: Scripted) -> None:
    bring(page, picture(4000, 3000, "JPEG"), "big.jpg", "image/jpeg")
    page.wait_for_selector(".thumb-note")
    assert page.inner_text(".thumb-note") == "Made smaller: 4000×3000 → 2048×1536"
    ask(page, "What?")
    answered(page, 1)
    (image,) = sent_images(server.asked[0])
    assert image.size == (2048, 1536) and image.format == "JPEG"
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Make large images smaller").uncheck()
    page.keyboard.press("Escape")
    bring(page, picture(4000, 3000, "JPEG"), "big.jpg", "image/jpeg")
    page.wait_for_selector(".thumb img")
    ask(page, "And now?")
    answered(page, 2)
    (image,) = sent_images(server.asked[1])
    assert image.size == (4000, 3000) and page.locator(".thumb-note").count() == 0


def test_a_photo_stands_upright(page: Any, server: Scripted) -> None:
    """The camera's note of how it was held is followed when the browser draws the picture anew."""
    image = Image.new("RGB", (3000, 1000), "white")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    bring(page, file.getvalue(), "photo.jpg", "image/jpeg")
    page.wait_for_selector(".thumb-note")
    assert page.inner_text(".thumb-note").endswith("1000×3000 → 683×2048")


def test_heic_is_sent_as_jpeg_where_the_browser_reads_it(page: Any, server: Scripted) -> None:
    """Chromium does not read it, so it is made to answer as Safari does."""
    page.evaluate("""() => {
        const own = window.createImageBitmap.bind(window);
        window.createImageBitmap = (file, options) => {
            if (!/heic$/i.test(file.name ?? "")) return own(file, options);
            const canvas = new OffscreenCanvas(60, 40);
            canvas.getContext("2d").fillRect(0, 0, 60, 40);
            return Promise.resolve(canvas.transferToImageBitmap());
        };
    }""")
    bring(page, b"\0\0\0\x18ftypheic", "IMG_1.HEIC", "")
    page.wait_for_selector(".thumb img")
    ask(page, "What?")
    answered(page, 1)
    (image,) = sent_images(server.asked[0])
    assert image.format == "JPEG" and image.size == (60, 40)


def names(page: Any) -> list[str]:
    titles = page.eval_on_selector_all(".thumb-open", "all => all.map(e => e.title)")
    return [title.removeprefix("Enlarge ") for title in titles]


def test_order_removal_and_enlarging(page: Any, server: Scripted) -> None:
    for colour in ("red", "green", "blue"):
        bring(page, picture(colour=colour), f"{colour}.png")
        page.wait_for_selector(f".thumb-open[title='Enlarge {colour}.png']")
    page.get_by_label("Move blue.png to the left").click()
    assert names(page) == ["red.png", "blue.png", "green.png"]
    page.locator(".thumb-open").first.focus()
    page.keyboard.press("Alt+ArrowRight")
    assert names(page) == ["blue.png", "red.png", "green.png"]
    assert page.evaluate("document.activeElement.title") == "Enlarge red.png"
    page.locator(".thumb").nth(2).drag_to(page.locator(".thumb").nth(0))
    assert names(page) == ["green.png", "blue.png", "red.png"]
    page.get_by_label("Remove blue.png").click()
    assert names(page) == ["green.png", "red.png"]
    page.locator(".thumb-open").first.click()
    page.wait_for_selector(".lightbox[open]")
    assert "green.png · 60×40 · 1/2" in page.inner_text(".lightbox")
    page.keyboard.press("ArrowRight")
    assert "red.png · 60×40 · 2/2" in page.inner_text(".lightbox")
    page.keyboard.press("Escape")
    page.wait_for_selector(".lightbox", state="detached")
    ask(page, "Which?")
    answered(page, 1)
    centres = [image.convert("RGB").getpixel((22, 15)) for image in sent_images(server.asked[0])]
    assert centres == [(0, 128, 0), (255, 0, 0)]
    page.locator(".shown-picture").nth(1).click()
    page.wait_for_selector(".lightbox[open]")
    page.mouse.click(5, 400)
    page.wait_for_selector(".lightbox", state="detached")


@pytest.mark.parametrize(
    ("content", "name", "kind", "said"),
    [
        (b"hello", "notes.txt", "text/plain", "notes.txt is not an image"),
        (b"%PDF-1.7", "paper.pdf", "application/pdf", "paper.pdf is not an image"),
        (b"<html>", "page.html", "text/html", "page.html is not an image"),
        (b"broken", "a.png", "image/png", "a.png cannot be read"),
        (picture()[:40], "half.png", "image/png", "half.png cannot be read"),
        (b"\0\0\0\x18ftypheic", "IMG_1.HEIC", "", "This browser cannot read HEIC"),
        (b"", "none.png", "image/png", "none.png is empty"),
    ],
)
def test_what_is_no_picture_is_said(page: Any, content: bytes, name: str, kind: str, said: str) -> None:
    assert bring(page, content, name, kind)
    page.wait_for_selector(f".toast[data-kind=problem]:has-text('{said}')")
    assert page.locator(".thumb").count() == 0 and page.url.rstrip("/").count("/") == 2


def test_more_than_the_model_takes(page: Any) -> None:
    for _ in range(4):
        bring(page, picture())
    page.wait_for_selector(".toast:has-text('takes 3 images')")
    assert page.locator(".thumb").count() == 3


def test_a_model_without_images(window: Window, server: Scripted) -> None:
    server.models = [{"id": "words", "capabilities": {"vision": False}}]
    page = window.open()
    assert page.locator("[data-kind=pick]").count() == 0
    assert bring(page, picture(), on="body")
    page.wait_for_selector(".toast:has-text('takes no images')")
    page.wait_for_selector(".card")
    assert page.locator(".card img").count() == 0  # questions in words only


def test_sending_and_reading_have_a_bar(window: Window, page: Any, server: Scripted) -> None:
    import threading

    wait = threading.Event()
    server.say(Answer("Done", wait=wait))
    noise = Image.effect_noise((1500, 1500), 90)
    file = io.BytesIO()
    noise.save(file, "PNG")
    bring(page, file.getvalue())
    page.wait_for_selector(".thumb img")
    network = window.context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 500_000}
    network.send("Network.emulateNetworkConditions", slow)
    ask(page, "What?")
    page.wait_for_selector("progress[value]")
    drawn(page)
    assert "Sending the image" in page.inner_text(".progress-line")
    until(page, "document.querySelector('progress[value]')?.value > 0.1")
    network.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    page.wait_for_selector("progress:not([value])")
    drawn(page)
    assert "Reading the image" in page.inner_text(".progress-line")
    wait.set()
    answered(page, 1)
    assert page.locator("progress").count() == 0

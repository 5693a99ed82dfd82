"""The page is a folder of static files: what is served of it, and that nothing else is."""

import base64
import io
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from r1v.figures import FAMILIES, abroad, family
from r1v.llm import LLM
from r1v.server.static_page import FOLDER, POLICY, read_page

from .conftest import Served, serving


@pytest.fixture(scope="module")
def paged(tiny_llm: LLM) -> Iterator[Served]:
    with serving(tiny_llm, page=True) as served:
        yield served


def test_the_page_comes_with_its_policy(paged: Served) -> None:
    first = httpx.get(paged.url + "/")
    assert first.status_code == 200 and first.headers["content-type"] == "text/html; charset=utf-8"
    assert first.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY and "http" not in POLICY and "*" not in POLICY
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["cache-control"] == "no-cache"
    again = httpx.get(paged.url + "/", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content
    head = httpx.head(paged.url + "/")
    assert head.status_code == 200 and not head.content and head.headers["etag"] == first.headers["etag"]


def test_the_api_stands_before_the_page(paged: Served) -> None:
    assert httpx.get(paged.url + "/v1/models").json()["object"] == "list"
    assert httpx.get(paged.url + "/health").json() == {"status": "ok"}
    for path in ("/v1/nothing", "/nothing", "/gradio_api/queue/join", "/config"):
        assert httpx.get(paged.url + path).json()["error"]["code"] == "not_found"
    assert httpx.post(paged.url + "/gradio_api/queue/join", json={}).status_code == 405


# Written to the socket as they are, because clients tidy paths up before they send them.
@pytest.mark.parametrize(
    "path",
    ["/../config.py", "/..%2fconfig.py", "/%2e%2e/config.py", "/..\\config.py", "//etc/passwd",
     "/./index.html",
     "/page/index.html", "/assets/../../app.py", "/%2fetc%2fpasswd", "/index.html%00.png", "/etc/passwd",
     "/file=/etc/passwd", "/gradio_api/file=/etc/passwd", "/dev/zero", "/INDEX.HTML", "/index.html/"],
)  # fmt: skip
def test_no_other_path_is_opened(paged: Served, path: str) -> None:
    port = int(paged.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), answer[:200]
    assert b"root:" not in answer and b"import" not in answer


def test_with_a_key_the_page_is_open_and_the_api_is_not(tiny_llm: LLM) -> None:
    """The page asks for the key itself, and must be there to do so."""
    with serving(tiny_llm, page=True, api_keys=("correct-horse",)) as served:
        assert httpx.get(served.url + "/").status_code == 200
        assert httpx.post(served.url + "/").status_code == 401
        refused = httpx.get(served.url + "/v1/models")
        # Basic would make the browser ask in a window of its own
        assert refused.status_code == 401 and refused.headers["www-authenticate"] == "Bearer"


def test_without_a_page_there_is_none(served: Served) -> None:
    assert httpx.get(served.url + "/").json()["error"]["code"] == "not_found"


def test_what_a_bundler_wrote(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    script, font = "assets/index-B7x_9aQk.js", "assets/KaTeX_Main-Cx986IdX.woff2"
    for name in ("index.html", script, font, "icon.svg", "x.py"):
        (tmp_path / name).write_text(name)
    (tmp_path / "link.txt").symlink_to("/etc/hostname")
    files = read_page(tmp_path)
    assert set(files) == {"/", "/index.html", f"/{script}", f"/{font}", "/icon.svg"}
    assert "immutable" in files[f"/{script}"].headers["Cache-Control"]
    assert files[f"/{script}"].headers["Content-Type"].startswith("text/javascript")
    assert files["/icon.svg"].headers["Cache-Control"] == "no-cache"


def test_the_examples_are_images_the_package_ships() -> None:
    """One of each kind of figure, and more of each in a file of its own."""
    first = json.loads((FOLDER / "examples" / "one-of-each.json").read_text(encoding="utf-8"))
    assert set(first) == set(FAMILIES)
    for kind, example in first.items():
        more = json.loads((FOLDER / "examples" / f"{kind}.json").read_text(encoding="utf-8"))
        assert len(more) >= 8 and example not in more
        for each in (example, *more):
            assert each["question"] and each["answer"]
            assert len(each["images"]) == family(kind).num_images
            for image in each["images"]:
                with Image.open(io.BytesIO(base64.b64decode(image))) as opened:
                    assert opened.format == "WEBP" and max(opened.size) < 1000


def test_the_examples_have_sums_as_people_type_them_and_pictures_by_others() -> None:
    """Those by others' tools say which; it never drew for training."""
    first = json.loads((FOLDER / "examples" / "one-of-each.json").read_text(encoding="utf-8"))
    by_others = {kind: example["tool"] for kind, example in first.items() if "tool" in example}
    assert len(by_others) >= 5
    for kind, tool in by_others.items():
        assert abroad.tools(kind)[tool].split == "heldout"
    terms = re.findall(r"\d+", first["arithmetic"]["question"])
    assert sum(map(int, terms)) == int(first["arithmetic"]["answer"])


def test_the_bundle_is_small() -> None:
    """Fonts and examples aside."""
    files = [path for path in FOLDER.rglob("*") if path.suffix in (".js", ".css", ".html", ".svg")]
    assert len(files) >= 4 and sum(path.stat().st_size for path in files) < 1_500_000

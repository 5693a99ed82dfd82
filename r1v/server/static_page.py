"""The chat page: the built files of ``page/``, served as they are.

Enters: GET requests for paths. Leaves: files of the package. Always holds: every file is read once, when the
app is made, and a path is only looked up among them, so no path that a client names is ever opened; the page
has no endpoint and no state of its own and is a client of the public API; the browser is told to run and load
nothing that is not one of these files (Content-Security-Policy).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from r1v.server.errors import APIError

FOLDER = Path(__file__).parent / "page"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}

# By file ending. The tables of the operating system, which may differ, are not used.
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".woff": "font/woff",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
}

# Names that the bundler made from the content (index-B7x_9aQk.js): such a file never changes.
_HASHED = re.compile(r"[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+$")


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of the page, with its headers."""

    body: bytes
    headers: Mapping[str, str]


def read_page(folder: Path = FOLDER) -> dict[str, PageFile]:
    """The files of a folder by the path of their URL; index.html is also "/". Files of other kinds than
    CONTENT_TYPES are not served."""
    found: dict[str, PageFile] = {}
    for path in sorted(folder.rglob("*")):
        kind = CONTENT_TYPES.get(path.suffix)
        if kind is None or path.is_symlink() or not path.is_file():
            continue
        name, body = path.relative_to(folder).as_posix(), path.read_bytes()
        hashed = name.startswith("assets/") and _HASHED.search(name) is not None
        headers = {
            **HEADERS,
            "Content-Type": kind,
            "Cache-Control": "public, max-age=31536000, immutable" if hashed else "no-cache",
            "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        }
        found[f"/{name}"] = PageFile(body, headers)
    if "/index.html" in found:
        found["/"] = found["/index.html"]
    return found


class StaticPage:
    """Answers GET and HEAD for the files of the page, and 404 for everything else."""

    def __init__(self, files: Mapping[str, PageFile]) -> None:
        self._files = files

    async def get(self, request: Request) -> Response:
        """The file of the request's path. Raises APIError 404."""
        file = self._files.get(request.url.path)
        if file is None:
            raise APIError(
                404, "there is no such page; the API is at /v1, see /openapi.json", code="not_found"
            )
        tags = request.headers.get("if-none-match", "")
        if file.headers["ETag"] in [tag.strip().removeprefix("W/") for tag in tags.split(",")]:
            kept = {name: value for name, value in file.headers.items() if name != "Content-Type"}
            return Response(status_code=304, headers=kept)
        return Response(file.body, headers=dict(file.headers))

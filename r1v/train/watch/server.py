"""The page of a run: its numbers by step and its newest sampled replies, read again every two seconds.

Enters: a run's folder, which another process writes. Leaves: a page on this machine. Always holds: nothing is
written; the page loads nothing from elsewhere; requests for another host name than the served one are
refused, so that no other web page can read a run through the browser.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from r1v.core import ConfigError, UnavailableError
from r1v.train.core.trackers import numbers
from r1v.train.watch.samples import FOLDER, kept_steps

MOST_BYTES = 8 << 20  # of metrics.jsonl in one reply
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
KINDS = {"page.html": "text/html", "page.js": "text/javascript", "page.css": "text/css"}


def open_watch(folder: str | Path, host: str = "127.0.0.1", port: int = 8090) -> ThreadingHTTPServer:
    """A server of the run's page, not yet serving; port 0 is any free one.

    ConfigError: the folder holds no run. UnavailableError: the port is taken.
    """
    run = Path(folder)
    if not (run / "config.json").is_file():
        raise ConfigError(f"{folder} holds no config.json; name the out folder of a training run")
    try:
        return ThreadingHTTPServer((host, port), partial(_Handler, run, host))
    except OSError as error:
        raise UnavailableError(
            f"cannot listen at {host}:{port}: {error.strerror}; choose another --port"
        ) from None


def metrics_from(run: Path, start: int) -> dict[str, object]:
    """Whole lines of metrics.jsonl from a byte on: their numbers by name, and where the next ones begin. A
    file that became shorter, as a resumed run's does, is read anew."""
    path = run / "metrics.jsonl"
    size = path.stat().st_size if path.is_file() else 0
    anew = start > size
    start = 0 if anew else start
    if size <= start:
        return {"next": start, "anew": anew, "rows": [], "said": []}
    with path.open("rb") as file:
        file.seek(start)
        held = file.read(MOST_BYTES)
    whole = held[: held.rfind(b"\n") + 1]
    rows, said = [], []
    for line in whole.splitlines():
        row = json.loads(line)
        rows.append(dict(numbers(row)))
        step = row.get("step", 0)
        said += [f"step {step}: {row['bad']}"] if "bad" in row else []
        said += [f"step {step}: ALARM {name}" for name in row.get("alarms", ())]
    return {"next": start + len(whole), "anew": anew, "rows": rows, "said": said}


def samples_of(run: Path, step: int | None) -> dict[str, object]:
    """The kept samples of a step, None is the newest, and which steps there are."""
    steps = kept_steps(run)
    found: Mapping[str, object] = {}
    wanted = steps[-1] if step is None and steps else step
    if wanted in steps:
        try:
            found = json.loads((run / FOLDER / f"step-{wanted}.json").read_text())
        except FileNotFoundError:  # it has just gone
            found = {}
    return {"steps": steps, **found}


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, run: Path, host: str, *args: object) -> None:
        self.run, self.host = run, host
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        name = (self.headers.get("Host") or "").rsplit(":", 1)[0]
        if name not in ("127.0.0.1", "localhost", "[::1]", self.host) and self.host != "0.0.0.0":
            return self._send(403, "text/plain", b"this address is not served\n")
        parts = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        page = parts.path.strip("/") or "page.html"
        try:
            if page == "metrics":
                return self._json(metrics_from(self.run, max(0, int(query.get("from", "0")))))
            if page == "samples":
                return self._json(samples_of(self.run, int(query["step"]) if "step" in query else None))
        except ValueError:
            return self._send(400, "text/plain", b"a step and a place in a file are whole numbers\n")
        if page in KINDS:
            text = resources.files("r1v.train.watch").joinpath(page).read_bytes()
            return self._send(200, KINDS[page], text)
        return self._send(404, "text/plain", b"not here\n")

    def _json(self, value: object) -> None:
        value = {"run": self.run.resolve().name, **value} if isinstance(value, dict) else value
        self._send(200, "application/json", json.dumps(value).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(body))),
            ("Content-Security-Policy", POLICY), ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-store"),
        ):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Requests are not printed."""

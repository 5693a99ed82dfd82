"""What the server writes on standard error: one line for each request.

Enters: the records of the loggers ``r1v.server``, whose access lines are JSON. Leaves: those lines as they
are (``json``), a line that people read (``text``), or nothing (``none``). Always holds: the text form leaves
out successful reads of little interest (the page's own files, the list of models, probes), and no form holds
content of a request.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, Literal, TypeAlias

LogForm: TypeAlias = Literal["text", "json", "none"]

_RED, _DIM, _END = "\x1b[31m", "\x1b[2m", "\x1b[0m"


def set_up_logs(form: LogForm) -> None:
    """Set where log lines go, and the form of the lines for requests."""
    for name, layout in (("r1v.server.access", "%(message)s"), ("r1v.server", "r1v: %(message)s"),
                         ("uvicorn.error", "%(levelname)s: %(message)s")):  # fmt: skip
        logger = logging.getLogger(name)
        if not logger.handlers:
            handler = logging.StreamHandler(sys.stderr)
            if name == "r1v.server.access" and form == "text":
                handler.setFormatter(RequestFormatter(colours=sys.stderr.isatty()))
                handler.addFilter(worth_a_line)
            else:
                handler.setFormatter(logging.Formatter(layout))
            if name == "uvicorn.error":  # our connections say it, at most once a minute
                handler.addFilter(lambda record: "Invalid HTTP request" not in record.getMessage())
            logger.addHandler(handler)
        quiet = name == "uvicorn.error" or (name == "r1v.server.access" and form == "none")
        logger.setLevel(logging.WARNING if quiet else logging.INFO)
        logger.propagate = False


def worth_a_line(record: logging.LogRecord) -> bool:
    """Whether a request is worth a line for people: it computed something, or it was refused."""
    entry: dict[str, Any] = json.loads(record.getMessage())
    return entry["method"] not in ("GET", "HEAD", "OPTIONS") or entry["status"] >= 400


class RequestFormatter(logging.Formatter):
    """A readable line for a request: time, method, path, model, images, tokens, seconds, and its end."""

    def __init__(self, *, colours: bool) -> None:
        super().__init__()
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """The line of one access record."""
        entry: dict[str, Any] = json.loads(record.getMessage())
        failed = entry["status"] >= 400
        # the path is a client's text, so characters that could control a terminal are left out
        path = "".join(character if character.isprintable() else "?" for character in entry["path"])
        head = f"{self.formatTime(record, '%H:%M:%S')}  {entry['method']} {path}"
        parts = [str(entry["status"])] if failed else []
        parts += [str(entry["model"])] if "model" in entry else []
        parts += [_number(entry["images"], "image")] if "images" in entry else []
        if "prompt_tokens" in entry and not entry.get("completion_tokens"):
            # a request that counts tokens or scores, and has no answer
            parts.append(_number(entry["prompt_tokens"], "token"))
        elif "completion_tokens" in entry:
            parts.append(f"{entry['prompt_tokens']} + {_number(entry['completion_tokens'], 'token')}")
        seconds = f"{entry['seconds']:.1f} s"
        if "first_token_s" in entry:
            seconds += f" (first token after {entry['first_token_s']:.1f} s)"
        parts.append(seconds)
        parts += [end for end in entry.get("finish", ()) if end != "stop"]
        parts += [f"ended by {entry['cut']}"] if "cut" in entry else []
        rest = " · ".join(parts)
        if not self._colours:
            return f"{head}  {rest}"
        return f"{_RED}{head}  {rest}{_END}" if failed else f"{_DIM}{head}{_END}  {rest}"


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"

"""docs/how-it-works/request.md: two requests pass the functions that its tables name, in that order."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

from r1v.llm import LLM
from r1v.server import ServerConfig, create_app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-it-works" / "request.md").read_text(encoding="utf-8")
Function = tuple[str, str]  # file, qualified name


def steps_of(title: str) -> list[Function]:
    """The second column of the table below a title."""
    table = PAGE.partition(f"## {title}")[2].partition("\n## ")[0]
    return re.findall(r"^\| \d+ \| `([\w/.]+)`: `([\w.]+)` \|", table, re.MULTILINE)


def called(work: Callable[[], object]) -> list[Function]:
    """Functions of the package in the order of their first calls, on this thread and on new ones."""
    package = f"{ROOT / 'r1v'}/"
    seen: dict[Function, None] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(package):
            seen.setdefault((name.removeprefix(package), frame.f_code.co_qualname))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    return list(seen)


def test_a_question_on_the_command_line(tiny_checkpoint: Path, picture: Path, run_r1v: Any) -> None:
    steps = steps_of("A question on the command line")
    assert len(steps) == 9
    words = ["ask", picture, "What is this?", "--model", tiny_checkpoint, "--max-tokens", "8"]
    ended = []
    order = called(lambda: ended.append(run_r1v(*words)))
    assert ended[0][0] == 0, ended[0][2]
    assert [step for step in order if step in steps] == steps


def test_a_streamed_answer_over_http(tiny_checkpoint: Path, picture_url: str) -> None:
    steps = steps_of("A streamed answer over HTTP")
    assert len(steps) == 12
    content = [
        {"type": "image_url", "image_url": {"url": picture_url}},
        {"type": "text", "text": "What is this?"},
    ]
    body = {
        "model": "tiny",
        "stream": True,
        "max_tokens": 8,
        "messages": [{"role": "user", "content": content}],
    }

    async def ask(llm: LLM) -> None:
        app = create_app(llm, ServerConfig(name="tiny", page=False))
        transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            answer = await client.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200 and answer.text.endswith("data: [DONE]\n\n")

    with LLM(tiny_checkpoint) as llm:
        order = called(lambda: asyncio.run(ask(llm)))
    passed = [step for step in order if step in steps]
    # the first events of a stream say only that it begins; they are written before there is anything to read
    assert sorted(passed) == sorted(steps)
    assert [step for step in passed if step[1] != "data"] == [step for step in steps if step[1] != "data"]


def test_what_the_page_names_is_there() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "r1v").rglob("*.py"))
    files = {name for name in re.findall(r"`((?:\w+/)+\w+\.py)`", PAGE) if not name.startswith("tests/")}
    assert len(files) > 12 and not [name for name in sorted(files) if not (ROOT / "r1v" / name).is_file()]
    for name in set(re.findall(r"`([A-Z]\w+)", PAGE)) - {"R1V"}:
        assert re.search(rf"\bclass {name}\b", source), name

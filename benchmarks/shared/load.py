"""Many clients of one server at a time: what they ask, what they get, and when."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from PIL import Image, ImageDraw

MAX_TOKENS = 64


@dataclass(frozen=True)
class Question:
    """What is asked. has_image: whether a picture goes with it."""

    content: Any
    has_image: bool


@dataclass
class Answer:
    """What came back. text: thinking and answer, as they were streamed. arrivals_s: when each piece came,
    from the sending on. failure: what went wrong, empty where nothing did."""

    number: int
    left: bool
    text: str = ""
    arrivals_s: list[float] = field(default_factory=list)
    num_tokens: int = 0
    failure: str = ""


def questions(number: int, seed: int = 0) -> list[Question]:
    """Different questions, every second one about a picture of its own."""
    rng = random.Random(seed)
    listed = []
    for turn in range(number):
        if turn % 2:
            text = f"Calculate {rng.randrange(10, 99)} + {rng.randrange(10, 99)}. Show the steps."
            listed.append(Question(text, False))
        else:
            parts = [
                {"type": "image_url", "image_url": {"url": _picture(rng)}},
                {"type": "text", "text": "How many red circles are there? Count row by row."},
            ]
            listed.append(Question(parts, True))
    return listed


def _picture(rng: random.Random) -> str:
    """Circles on a grid, as a data URL."""
    image = Image.new("RGB", (448, 448), "white")
    draw = ImageDraw.Draw(image)
    for x in range(20, 420, 100):
        for y in range(20, 420, 100):
            if rng.random() < 0.4:
                draw.ellipse((x, y, x + 60, y + 60), fill=rng.choice(("red", "blue", "green")))
    data = io.BytesIO()
    image.save(data, "PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


async def ask(
    client: httpx.AsyncClient, model: str, question: Question, number: int, leave_after: int | None = None
) -> Answer:
    """Ask one question and read the stream. leave_after: pieces after which the client hangs up."""
    answer = Answer(number, left=leave_after is not None)
    body = {
        "model": model, "messages": [{"role": "user", "content": question.content}], "stream": True,
        "stream_options": {"include_usage": True}, "temperature": 0, "max_tokens": MAX_TOKENS,
    }  # fmt: skip
    start, ended = time.perf_counter(), False
    try:
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            if response.status_code != 200:
                answer.failure = f"status {response.status_code}: {(await response.aread()).decode()[:200]}"
                return answer
            async for line in response.aiter_lines():
                if leave_after is not None and len(answer.arrivals_s) >= leave_after:
                    return answer
                ended = ended or line == "data: [DONE]"
                if line.startswith("data: {"):
                    _take(json.loads(line[6:]), answer, time.perf_counter() - start)
    except httpx.HTTPError as error:
        answer.failure = type(error).__name__
    if not ended and not answer.left:
        answer.failure = answer.failure or "the stream ended without its end"
    return answer


def _take(chunk: dict[str, Any], answer: Answer, now_s: float) -> None:
    if "error" in chunk:
        answer.failure = str(chunk["error"].get("code") or chunk["error"].get("message"))[:200]
    for choice in chunk.get("choices", ()):
        delta = choice["delta"]
        text = (delta.get("reasoning_content") or delta.get("reasoning") or "") + (delta.get("content") or "")
        if text:
            answer.text += text
            answer.arrivals_s.append(now_s)
    if chunk.get("usage"):
        answer.num_tokens = chunk["usage"]["completion_tokens"]


async def alone(url: str, model: str, listed: Sequence[Question]) -> list[Answer]:
    """Each question by itself, one after another: what the answers must be under load too."""
    async with httpx.AsyncClient(base_url=url, timeout=600) as client:
        return [await ask(client, model, question, n) for n, question in enumerate(listed)]


async def crowd(
    url: str, model: str, listed: Sequence[Question], *, clients: int, each: int, leaving: float, seed: int
) -> list[Answer]:
    """All clients at a time, each with so many questions one after another; a share of them leaves early."""
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=url, timeout=600, limits=limits) as client:

        async def one(index: int) -> list[Answer]:
            rng = random.Random(seed * 100_003 + index)
            leaves = index < clients * leaving
            answers = []
            for _ in range(each):
                number = rng.randrange(len(listed))
                after = rng.randrange(12) if leaves else None
                answers.append(await ask(client, model, listed[number], number, after))
            return answers

        found = await asyncio.gather(*(one(index) for index in range(clients)))
    return [answer for answers in found for answer in answers]

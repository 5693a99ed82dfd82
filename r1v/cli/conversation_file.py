"""Conversations as files, in the form that the page exports and imports.

Enters: messages. Leaves: JSON with the pictures inside. Always holds: what is written is read again as the
same messages; of a file from the page, the branch that it shows is read.
"""

from __future__ import annotations

import base64
import io
import json
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1v.core import MAX_JSON_BYTES, ConfigError, ImageRef, Message, parse_json

FORMAT, VERSION = "r1v-conversations", 1
MAX_BYTES = 16 * MAX_JSON_BYTES  # pictures are inside


def write_conversation(path: Path, messages: Sequence[Message], model: str) -> None:
    """Write messages of users and assistants. ConfigError: the file cannot be written, or is there and is not
    such a file."""
    if path.exists():
        read_conversation(path)  # nothing else is written over
    name = uuid.uuid4().hex
    now = round(time.time() * 1000)
    turns: list[dict[str, Any]] = []
    pictures: list[dict[str, Any]] = []
    for message in messages:
        named = [_picture(ref, name) for ref in message.images]
        pictures += named
        turns.append({
            "id": uuid.uuid4().hex, "conversation": name, "parent": turns[-1]["id"] if turns else None,
            "role": message.role, "text": message.text.lstrip("\n") if message.images else message.text,
            "thinking": message.reasoning or "", "pictures": [each["id"] for each in named],
            "created": now + len(turns), "state": "done",
            **({"model": model} if message.role == "assistant" else {}),
        })  # fmt: skip
    title = next((turn["text"].split("\n")[0][:60] for turn in turns if turn["text"]), "")
    conversation = {
        "id": name, "title": title, "named": False, "created": now, "updated": now,
        "head": turns[-1]["id"] if turns else None,
    }  # fmt: skip
    content = {
        "format": FORMAT,
        "version": VERSION,
        "conversations": [{"conversation": conversation, "turns": turns, "pictures": pictures}],
    }
    try:
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def read_conversation(path: Path) -> list[Message]:
    """The messages of a file's first conversation, as far as the turn that it shows last.

    ConfigError: the file cannot be read or is of another form. ImageError: a picture in it cannot.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_BYTES >> 20} MiB; export a single conversation")
        content = parse_json(path.read_bytes(), str(path), error=ConfigError, max_bytes=MAX_BYTES)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    try:
        if content["format"] != FORMAT:
            raise KeyError(FORMAT)
        one = content["conversations"][0]
        turns = {turn["id"]: turn for turn in one["turns"]}
        pictures = {each["id"]: each["data"] for each in one["pictures"]}
        shown = _shown(turns, one["conversation"]["head"])
        return [_message(turn, pictures) for turn in shown]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is not a conversation that /save or the page has written") from error


def _shown(turns: dict[str, Any], head: str | None) -> list[dict[str, Any]]:
    """From the first turn to the head, each by its parent."""
    path: list[dict[str, Any]] = []
    while head is not None and len(path) < len(turns):
        path.insert(0, turns[head])
        head = turns[head]["parent"]
    return path


def _message(turn: dict[str, Any], pictures: dict[str, str]) -> Message:
    from r1v.prompt import open_image

    text, thinking = turn["text"], turn["thinking"]
    if turn["role"] == "user":
        urls = [pictures[name] for name in turn["pictures"]]
        if not all(url.startswith("data:image/") for url in urls):
            raise KeyError("data")  # a path or an address is no picture of the file
        return Message.user(str(text), [ImageRef(open_image(ImageRef(url))) for url in urls])
    return Message("assistant", (str(text),), reasoning=str(thinking) or None)


def _picture(ref: ImageRef, conversation: str) -> dict[str, Any]:
    from r1v.prompt import open_image

    image = open_image(ref)
    written = io.BytesIO()
    image.save(written, "PNG")
    data = base64.b64encode(written.getvalue()).decode("ascii")
    return {
        "id": uuid.uuid4().hex, "conversation": conversation, "name": "picture.png", "width": image.width,
        "height": image.height, "data": f"data:image/png;base64,{data}",
    }  # fmt: skip

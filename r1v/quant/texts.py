"""Texts and conversations to calibrate and to measure with, from a file or from the prompts that come along.

Enters: a file, or a checkpoint that takes no pictures. Leaves: Chats. Always holds: a conversation that ends
with the user's turn is answered by the checkpoint itself; every token of a plain text but its first counts as
written by the model; nothing of a row is left out in silence.

A file ending in ``.jsonl`` has an object a line: ``{"text": …}``, ``{"prompt": …}`` or ``{"messages":
[{"role": …, "content": …}, …]}``; other keys are allowed but for those of pictures. Any other file is one
text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from r1v.core import ConfigError, Message, SamplingParams, parse_json
from r1v.figures import Split
from r1v.llm import LLM
from r1v.prompt import Processor
from r1v.quant.chat import Chat

PROMPTS = Path(__file__).with_name("prompts.txt")
MAX_FILE_BYTES = 1 << 30
PICTURES = ("image", "images", "image_url", "video")
# keys that a row is understood by, and the roles of its messages
KINDS, ROLES = ("text", "prompt", "messages"), ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Entry:
    """What one row says: a plain text, or a conversation."""

    text: str = ""
    messages: tuple[Message, ...] = ()


def read_entries(path: Path) -> list[Entry]:
    """All entries of a file. ConfigError: it cannot be read, is empty, or a row is not understood."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB; give a part of it")
        whole = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as UTF-8 text: {error}") from None
    if path.suffix != ".jsonl":
        entries = [Entry(whole)] if whole.strip() else []
    else:
        lines = enumerate(whole.split("\n"), 1)
        entries = [_entry(f"{path}, line {number}", line) for number, line in lines if line.strip()]
    if not entries:
        raise ConfigError(f"{path} holds no text")
    return entries


def _entry(where: str, line: str) -> Entry:
    values = parse_json(line, where, error=ConfigError)
    given = [key for key in KINDS if isinstance(values, dict) and values.get(key) is not None]
    if not isinstance(values, dict) or len(given) != 1:
        raise ConfigError(f"{where}: give an object with one of {', '.join(KINDS)}, not {line[:60]!r}")
    shown = [key for key in PICTURES if values.get(key)]
    if shown:
        raise ConfigError(f"{where}: {shown[0]} is given, but calibration uses text only")
    (kind,) = given
    if kind != "messages":
        if not isinstance(values[kind], str) or not values[kind].strip():
            raise ConfigError(f"{where}: {kind} must be a text that is not empty")
        one = values[kind]
        return Entry(one) if kind == "text" else Entry(messages=(Message.user(one),))
    messages = values["messages"]
    if not isinstance(messages, list) or not messages:
        raise ConfigError(f"{where}: messages must be a list with at least one message")
    return Entry(messages=tuple(_message(where, each) for each in messages))


def _message(where: str, values: Any) -> Message:
    role, content = (values.get("role"), values.get("content")) if isinstance(values, dict) else (None, None)
    if role not in ROLES or not isinstance(content, str):
        raise ConfigError(
            f"{where}: a message needs a role ({', '.join(ROLES)}) and a content that is a text"
        )
    return Message(role, (content,))


def entries_of_prompts(split: Split) -> list[Entry]:
    """The prompts that come along: every other one for calibration, the others to measure with."""
    lines = PROMPTS.read_text(encoding="utf-8").split("\n")
    asked = [line for line in lines if line]
    return [Entry(messages=(Message.user(line),)) for line in asked[int(split != "train") :: 2]]


def text_chats(
    folder: Path,
    entries: Sequence[Entry],
    count: int,
    *,
    max_tokens: int = 1024,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Chat]:
    """Up to count Chats of a checkpoint's tokens. max_tokens: of a piece of text and of an answer.

    Texts are cut into pieces, of which an even selection is taken; beside them at most half are answers that
    are still to come. Where all entries wait for an answer there are count of them, with other draws at each
    time round.
    """
    if count < 1:
        raise ConfigError(f"the number of chats is {count}; it must be at least 1")
    processor = Processor.from_folder(folder)
    pieces = [chat for entry in entries for chat in _given(processor, entry, max_tokens)]
    asked = [entry.messages for entry in entries if entry.messages and entry.messages[-1].role != "assistant"]
    wanted = min(len(asked), max(1, count // 2)) if pieces else count
    answered = _answered(folder, processor, asked, wanted, max_tokens, seed, progress) if asked else []
    room = count - len(answered)
    if len(pieces) > room:
        pieces = [pieces[at * len(pieces) // room] for at in range(room)]
    return [*pieces, *answered]


def _given(processor: Processor, entry: Entry, max_tokens: int) -> list[Chat]:
    """The Chats of an entry whose tokens are all there; none where an answer is still to come."""
    if entry.text:
        ids = processor.encode_text(entry.text)
        starts = range(0, len(ids), max_tokens)
        return [_chat(ids[at : at + max_tokens], 1) for at in starts if len(ids[at : at + max_tokens]) > 1]
    *before, last = entry.messages
    if last.role != "assistant" or not before:
        return []
    prompt = list(processor.encode(before, thinking=last.reasoning is not None).token_ids)
    answer = [*processor.encode_text(last.text)[:max_tokens], processor.special.eos[0]]
    return [_chat([*prompt, *answer], len(prompt))]


def _answered(
    folder: Path,
    processor: Processor,
    asked: Sequence[tuple[Message, ...]],
    count: int,
    max_tokens: int,
    seed: int,
    progress: Callable[[int, int], None],
) -> list[Chat]:
    """Conversations with the checkpoint's own answers, drawn by seed."""
    found: list[Chat] = []
    progress(0, count)
    with LLM(folder) as llm:
        streams = []
        for number in range(count):
            params = SamplingParams(temperature=0.6, top_p=0.95, repetition_penalty=1.0, seed=seed + number,
                                    max_tokens=max_tokens)  # fmt: skip
            streams.append(llm.stream(asked[number % len(asked)], params))
        for number, stream in enumerate(streams):
            prompt = processor.encode(asked[number % len(asked)]).token_ids
            found.append(_chat([*prompt, *stream.wait()[0].token_ids], len(prompt)))
            progress(len(found), count)
    return found


def _chat(ids: Sequence[int], num_prompt: int) -> Chat:
    return Chat(tuple(ids), np.zeros((0, 1, 1, 3), np.uint8), num_prompt)

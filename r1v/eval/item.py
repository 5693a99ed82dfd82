"""A question of a benchmark, a model's output for it, and the grade that it gets.

Enters: rows of a data set, outputs of a model. Leaves: frozen records with a JSON form. Always holds: an Item
has everything that grading needs, so a run can be scored again without its data set.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from r1v.core import ImageRef, Message, parse_json

Json = Mapping[str, Any]  # a JSON object whose keys are defined by the benchmark


@dataclass(frozen=True, slots=True)
class Item:
    """One question.

    messages: the conversation to answer; images are bytes or paths. answer: the right one, as text.
    options: of a multiple choice, the first is A. group: the part of the benchmark it belongs to
    (subject, category). grading: what the benchmark's grader needs besides.
    """

    id: str
    messages: tuple[Message, ...]
    answer: str = ""
    options: tuple[str, ...] = ()
    group: str = ""
    grading: Json = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The text of all turns, for judges and people."""
        return "\n\n".join(message.text for message in self.messages).strip()

    def shown(self, answer: str) -> str:
        """A right answer as people see it: a letter with its option."""
        if self.options and len(answer) == 1 and 0 <= (index := ord(answer) - ord("A")) < len(self.options):
            option = self.options[index]
            return answer if option == answer else f"{answer}. {option}"
        return answer


@dataclass(frozen=True, slots=True)
class Output:
    """What a model gave for an item.

    finish_reason: stop, length or error. finish_detail: loop or budget. error: why there is no output.
    seconds: from the request to the end, waiting included. replies: those of a conversation of several turns;
    answer then holds all of them, and thinking and counts are added up.
    """

    thinking: str = ""
    answer: str = ""
    finish_reason: str = "stop"
    finish_detail: str | None = None
    error: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cost: float | None = None
    seconds: float = 0.0
    replies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grade:
    """A grader's result. score: in [0, 1], None if there was nothing to grade. extracted: the answer that was
    read, None if none was found. rule: what decided. details: numbers and notes of this benchmark."""

    score: float | None
    extracted: str | None
    rule: str = ""
    details: Json = field(default_factory=dict)

    @property
    def right(self) -> bool | None:
        return None if self.score is None else self.score >= 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of samples.jsonl. epoch: from 1. seed: the seed with which the model was asked to sample."""

    task: str
    id: str
    epoch: int
    seed: int
    output: Output

    @property
    def key(self) -> tuple[str, str, int]:
        return self.task, self.id, self.epoch

    def to_json(self) -> str:
        """One line, keys in a fixed order."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> Sample:
        """The inverse; raises R1VError, KeyError or TypeError for anything else."""
        values = parse_json(line, "a sample")
        output = values["output"]
        return cls(**{**values, "output": Output(**{**output, "replies": tuple(output.get("replies", ()))})})


def image_bytes(ref: ImageRef) -> bytes:
    """The encoded file behind an image reference (bytes, path, data URL or PIL image)."""
    source = ref.source
    if isinstance(source, bytes):
        return source
    if isinstance(source, str) and source.startswith("data:"):
        return base64.b64decode(source.split(",", 1)[1])
    if hasattr(source, "save"):
        import io

        buffer = io.BytesIO()
        source.save(buffer, format="PNG")
        return buffer.getvalue()
    with open(source, "rb") as file:
        return file.read()


def image_kind(data: bytes) -> str:
    """The file ending that fits encoded bytes."""
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return "gif" if data[:4] == b"GIF8" else "jpg"


def data_url(data: bytes) -> str:
    """Encoded bytes as a data URL."""
    kind = {"jpg": "jpeg"}.get(image_kind(data), image_kind(data))
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def messages_to_json(messages: Sequence[Message], image_name: Mapping[str, str]) -> list[Any]:
    """Messages with each image as {"image": name}; image_name: sha256 of the bytes -> name."""
    turns: list[Any] = []
    for message in messages:
        parts: list[Any] = []
        for part in message.content:
            if isinstance(part, ImageRef):
                parts.append({"image": image_name[hashlib.sha256(image_bytes(part)).hexdigest()]})
            else:
                parts.append(part)
        turns.append({"role": message.role, "content": parts})
    return turns


def messages_from_json(turns: Sequence[Json], folder: str) -> tuple[Message, ...]:
    """The inverse; folder: where the named images lie."""
    return tuple(
        Message(
            turn["role"],
            tuple(
                part if isinstance(part, str) else ImageRef(f"{folder}/{part['image']}")
                for part in turn["content"]
            ),
        )
        for turn in turns
    )

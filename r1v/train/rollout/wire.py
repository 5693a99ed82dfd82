"""The protocol between a trainer and the vLLM processes that sample for it.

Enters and leaves: over one connection, a head of plain values in JSON, followed by the number of byte blobs
that it states. Always holds: nothing that arrives is executed; both ends have proved that they know the same
secret (HMAC, by multiprocessing.connection). The traffic is not encrypted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from r1v.core import ConfigError
from r1v.train.core.checks import reason
from r1v.train.rollout.blocks import Filled, WeightBlock

# of the folder that a trainer makes for a process that it starts: their socket and key, its temporary files
FOLDER_PREFIX = "r1v-link-"


@dataclass(frozen=True)
class Ask:
    """One question. token_ids: as vLLM takes them, an image being ``<image>``. images: encoded files. tiles:
    the least and the most of an image, None as the checkpoint says. seed: of its first response."""

    token_ids: Sequence[int]
    images: Sequence[bytes]
    tiles: Sequence[int] | None
    seed: int


@dataclass(frozen=True)
class RolloutSampling:
    """Of all questions. n: responses of each. stop: ids that end one. banned: ids that are never sampled."""

    n: int
    max_tokens: int
    temperature: float
    stop: Sequence[int]
    banned: Sequence[int]


@dataclass(frozen=True)
class WireResponse:
    """One response. logprobs: of temperature 1 over the whole vocabulary. reason: as vLLM names it."""

    token_ids: Sequence[int]
    logprobs: Sequence[float]
    reason: str


@dataclass(frozen=True)
class Answered:
    """A question's responses. token_ids: of the prompt, as vLLM expanded it."""

    token_ids: Sequence[int]
    responses: Sequence[WireResponse]


def send(connection: Connection, head: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> None:
    """One message."""
    connection.send_bytes(json.dumps({**head, "num_blobs": len(blobs)}).encode())
    for blob in blobs:
        connection.send_bytes(blob)


def receive(connection: Connection) -> tuple[dict[str, Any], Iterator[bytes]]:
    """One message; its blobs come one at a time and must be used up before the next. EOFError, OSError: the
    other end is gone."""
    head: dict[str, Any] = json.loads(connection.recv_bytes())
    return head, (connection.recv_bytes() for _ in range(head["num_blobs"]))


def send_block(connection: Connection, block: WeightBlock, filled: Filled) -> None:
    """Have an engine take the tensors of a block."""
    laid = [[one.name, one.dtype, list(one.shape), one.start] for one in filled.tensors]
    content = block.content(filled.num_bytes)
    send(connection, {"do": "block", "place": block.place(), "laid": laid}, [content] if content else [])


def send_asks(connection: Connection, asks: Sequence[Ask], sampling: RolloutSampling) -> None:
    """Have questions answered."""
    rows = [{**asdict(one), "images": len(one.images)} for one in asks]
    head = {"do": "sample", "asks": rows, "sampling": asdict(sampling)}
    send(connection, head, [image for one in asks for image in one.images])


def read_asks(head: Mapping[str, Any], blobs: Iterator[bytes]) -> tuple[list[Ask], RolloutSampling]:
    """What `send_asks` sent."""
    asks = [Ask(**{**row, "images": [next(blobs) for _ in range(row["images"])]}) for row in head["asks"]]
    for _ in blobs:
        raise ValueError("more images than questions have")
    return asks, RolloutSampling(**head["sampling"])


def read_answers(head: Mapping[str, Any]) -> list[Answered]:
    """The answers of a reply."""
    return [
        Answered(row["token_ids"], [WireResponse(**one) for one in row["responses"]])
        for row in head["answers"]
    ]


def parse_address(text: str) -> str | tuple[str, int]:
    """HOST:PORT, or the path of a socket. ConfigError: neither."""
    if "/" in text:
        return text
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ConfigError(f"{text!r} is no address; write HOST:PORT, like 0.0.0.0:7777")
    return host, int(port)


def read_key(path: str | Path) -> bytes:
    """The shared secret. ConfigError: there is none."""
    try:
        key = Path(path).read_bytes().strip()
    except OSError as error:
        raise ConfigError(
            f"key: {path} cannot be read: {reason(error)}; make one: openssl rand -hex 32 > {path}"
        ) from None
    if len(key) < 16:
        raise ConfigError(f"key: {path} holds {len(key)} bytes, at least 16 are needed: openssl rand -hex 32")
    return key

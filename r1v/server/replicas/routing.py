"""Which copy of the model a request is sent to.

Enters: a request's body and how busy each copy is. Leaves: the number of a copy. Always holds: a request goes
to the copy that has seen its images or the beginning of its conversation before, because that copy's caches
hold them, unless that copy has much more to do than the least busy one; a request that shares nothing with
earlier ones goes to the least busy copy.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

from r1v.core import R1VError, parse_json

MAX_KEYS = 65_536  # keys of earlier requests; the oldest are forgotten
MAX_MESSAGES = 1024  # messages of one request that are considered, from its beginning
_LONG = 256  # a longer text in the place of an image's URL is the image itself

# What the APIs call the messages of a request, and its text.
_CONVERSATIONS = ("messages", "input", "prompt")


class Router:
    """Remembers what each copy has seen. It must not be shared by threads."""

    def __init__(self, num_replicas: int) -> None:
        self._num_replicas = num_replicas
        self._seen: OrderedDict[bytes, int] = OrderedDict()
        # where the search for the least busy copy begins, so that equally busy ones take turns
        self._next = 0

    def choose(self, keys: Sequence[bytes], loads: Sequence[int | None]) -> int | None:
        """The copy for a request, None where there is none.

        keys: as `routing_keys` gives them. loads: requests that each copy is answering; None where it is
        down.
        """
        up = [load for load in loads if load is not None]
        if not up:
            return None
        least = min(up)
        for key in keys:
            found = self._seen.get(key)
            if found is not None and (load := loads[found]) is not None and load <= _most(least):
                self._remember(keys, found)
                return found
        order = [(self._next + step) % self._num_replicas for step in range(self._num_replicas)]
        found = next(number for number in order if loads[number] == least)
        self._next = found + 1
        self._remember(keys, found)
        return found

    def forget(self, replica: int) -> None:
        """Forget what a copy had seen, because it has ended."""
        for key in [key for key, number in self._seen.items() if number == replica]:
            del self._seen[key]

    def _remember(self, keys: Sequence[bytes], replica: int) -> None:
        for key in keys:
            self._seen[key] = replica
            self._seen.move_to_end(key)
        while len(self._seen) > MAX_KEYS:
            self._seen.popitem(last=False)


def _most(least: int) -> int:
    """The most requests that a copy may be answering to be preferred because it knows the request; least: the
    number of the least busy copy. Beyond it, reading the prompt again costs less than waiting."""
    return 2 * least + 4


def routing_keys(body: bytes) -> list[bytes]:
    """Keys of what a request may share with others, in the order of what they save: its whole conversation,
    each shorter beginning of it that holds more than instructions, then each of its images. Empty for a body
    that is not a request in JSON."""
    try:
        request = parse_json(body, "a request")
    except R1VError:
        return []
    if not isinstance(request, dict):
        return []
    content = next((request[name] for name in _CONVERSATIONS if request.get(name)), None)
    items = content if isinstance(content, list) else [] if content is None else [content]
    begun = hashlib.blake2b(digest_size=16)
    for name in ("system", "instructions", "tools"):
        if request.get(name):
            begun.update(_bytes_of(request[name]))
    prefixes, images = [], []
    for item in items[:MAX_MESSAGES]:
        begun.update(_bytes_of(item))
        if not (isinstance(item, dict) and item.get("role") in ("system", "developer")):
            prefixes.append(begun.digest())
        images += [hashlib.blake2b(image.encode("utf-8", "replace"), digest_size=16).digest()
                   for image in _images(item)]  # fmt: skip
    return [*reversed(prefixes), *images]


def _bytes_of(item: Any) -> bytes:
    return json.dumps(item, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace") + b"\0"


def _images(item: Any, name: str = "") -> Iterator[str]:
    """The images of a message, as URLs or encoded content, in whichever form an API has them."""
    if isinstance(item, dict):
        for key, value in item.items():
            yield from _images(value, key)
    elif isinstance(item, list):
        for value in item:
            yield from _images(value, name)
    elif isinstance(item, str) and name in ("url", "image_url", "data") and _is_image(item):
        yield item


def _is_image(text: str) -> bool:
    return len(text) >= _LONG or text.startswith(("http://", "https://", "file://"))

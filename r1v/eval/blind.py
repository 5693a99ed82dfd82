"""Questions without their pictures, or with captions in their place.

Enters: loaded benchmarks. Leaves: the same questions without a picture. Always holds: everything else stays
as it is, so the difference between two runs is the effect of the pictures; captions are written by the model
that is measured, once for each picture, and stored in the run's folder.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from r1v.core import ImageRef, R1VError
from r1v.eval.benchmark import Loaded
from r1v.eval.item import Item, image_bytes
from r1v.eval.prompts import prompt
from r1v.eval.store import RunFolder


def blind(loaded: Loaded) -> Loaded:
    """The questions without pictures."""
    return _changed(loaded, lambda ref: "")


def captioned(loaded: Loaded, captions: Mapping[str, str]) -> Loaded:
    """The questions with a caption in the place of each picture. captions: by the hash of the picture."""
    return _changed(loaded, lambda ref: f"[A picture: {captions[picture_hash(ref)]}]")


def _changed(loaded: Loaded, stand_in: Callable[[ImageRef], str]) -> Loaded:
    def without(item: Item) -> Item:
        messages = tuple(
            replace(
                message,
                content=tuple(
                    part
                    for part in (
                        stand_in(one) if isinstance(one, ImageRef) else one for one in message.content
                    )
                    if part != ""
                ),
            )
            for message in item.messages
        )
        return replace(item, messages=messages)

    return replace(loaded, items=tuple(map(without, loaded.items)))


def picture_hash(ref: ImageRef) -> str:
    return hashlib.sha256(image_bytes(ref)).hexdigest()


def caption_pictures(model: Any, loaded: Sequence[Loaded], folder: RunFolder) -> dict[str, str]:
    """A caption of each picture by its hash; captions that are in the folder are not asked for again. model:
    a model of Inspect. Raises R1VError if the model gives no caption."""
    wording = prompt("caption")
    known = {
        line["picture"]: line["caption"] for line in folder.captions() if line["prompt"] == wording.sha256
    }
    pictures = {
        picture_hash(ref): ref
        for one in loaded
        for item in one.items
        for message in item.messages
        for ref in message.images
    }
    missing = {name: ref for name, ref in pictures.items() if name not in known}

    async def write_all() -> None:
        gate = asyncio.Semaphore(8)

        async def write(name: str, ref: ImageRef) -> None:
            async with gate:
                known[name] = await _caption(model, wording.text, ref)
            folder.append_caption({"picture": name, "prompt": wording.sha256, "caption": known[name]})

        await asyncio.gather(*(write(name, ref) for name, ref in missing.items()))

    asyncio.run(write_all())
    return known


async def _caption(model: Any, wording: str, ref: ImageRef) -> str:
    from r1v.core import Message
    from r1v.eval.inspect_tasks import from_output, to_chat

    output = from_output(await model.generate([to_chat(Message.user(wording, [ref]))]), 0.0)
    if output.error is not None or not (output.answer.strip() or output.thinking.strip()):
        raise R1VError(f"the model gave no caption of a picture ({output.error or 'an empty answer'})")
    return output.answer.strip() or output.thinking.strip()

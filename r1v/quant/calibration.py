"""Chats to calibrate and to measure with: figure questions, their pictures, and chains of thought; or texts.

Enters: a checkpoint and a number. Leaves: token ids with tiles, to be stored. Always holds: calibration
takes seeds of the training split, measurement those of the held-out one; a model that takes no pictures is
shown none.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from r1v import figures
from r1v.core import ConfigError, ImageRef, Message, SamplingParams
from r1v.figures import Figure
from r1v.llm import LLM
from r1v.prompt import Processor
from r1v.quant.chat import Chat
from r1v.quant.shipped import FOLDER, NUM_SHIPPED, shipped_questions, write_questions
from r1v.quant.texts import entries_of_prompts, read_entries, text_chats

ChatSource: TypeAlias = Literal["own", "solutions"]
CHAT_SOURCES: tuple[ChatSource, ...] = ("own", "solutions")
TEXT_FAMILIES = ("arithmetic", "word_problem")  # whose questions have no pictures


def figure_questions(split: figures.Split, count: int, families: Sequence[str] = ()) -> list[Figure]:
    """Questions of all families in turn, or of those that are named. The first NUM_SHIPPED of all families
    come with r1v; others are drawn. ConfigError: count below 1. UnavailableError: nothing here draws them."""
    if count < 1:
        raise ConfigError(f"the number of chats is {count}; it must be at least 1")
    if not families and count <= NUM_SHIPPED:
        return shipped_questions(split)[:count]
    return drawn_questions(split, count, families)


def drawn_questions(split: figures.Split, count: int, families: Sequence[str] = ()) -> list[Figure]:
    """The same questions, each drawn now."""
    names = itertools.islice(itertools.cycle(families or tuple(figures.FAMILIES)), count)
    return [figures.make(name, seed) for name, seed in zip(names, figures.seeds(split), strict=False)]


def conversation(item: Figure) -> list[Message]:
    """The question with its pictures."""
    return [Message.user(item.question, [ImageRef(image) for image in item.images])]


def check_source(source: str) -> None:
    """ConfigError unless it is one of CHAT_SOURCES, or a file that can be read as texts."""
    if source not in CHAT_SOURCES:
        if not Path(source).is_file():
            raise ConfigError(
                f"calibration {source!r} is not known; use one of {', '.join(CHAT_SOURCES)}, or a file of "
                "texts"
            )
        read_entries(Path(source))


def chats_of(
    folder: Path,
    source: str,
    count: int,
    *,
    split: figures.Split = "train",
    max_tokens: int = 1024,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Chat]:
    """Chats of a source: a file of texts or conversations (see `texts`), or one of CHAT_SOURCES. Of the
    latter, a model that takes no pictures answers prompts of many kinds ("own"), or is given worked solutions
    of questions without pictures. Errors as `figure_chats` and `texts.read_entries`."""
    takes_images = Processor.from_folder(folder).takes_images
    if source in CHAT_SOURCES and (takes_images or source == "solutions"):
        return figure_chats(
            folder, source, count, split=split, max_tokens=max_tokens, seed=seed, progress=progress,
            families=() if takes_images else TEXT_FAMILIES,
        )  # fmt: skip
    check_source(source)
    entries = entries_of_prompts(split) if source == "own" else read_entries(Path(source))
    return text_chats(folder, entries, count, max_tokens=max_tokens, seed=seed, progress=progress)


def figure_chats(
    folder: Path,
    source: str,
    count: int,
    *,
    split: figures.Split = "train",
    max_tokens: int = 1024,
    seed: int = 0,
    families: Sequence[str] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Chat]:
    """Chats about figures. source: "own", what the checkpoint itself answers (sampled, by seed), or
    "solutions", the worked solutions that belong to the figures. max_tokens: of an answer."""
    items = figure_questions(split, count, families)
    processor = Processor.from_folder(folder)
    prompts = [processor.encode(conversation(item)) for item in items]
    completions: list[Sequence[int]] = []
    if source == "solutions":
        for item in items:
            ids = processor.encode_completion(item.solution, f"Answer: \\boxed{{{item.answer}}}")
            completions.append(ids[:max_tokens])
    elif source == "own":
        params = SamplingParams(
            temperature=0.6, top_p=0.95, repetition_penalty=1.0, seed=seed, max_tokens=max_tokens
        )
        with LLM(folder) as llm:
            for first in range(0, count, 16):
                some = items[first : first + 16]
                completions += [
                    c.token_ids for c in llm.chat_many([conversation(item) for item in some], params)
                ]
                progress(len(completions), count)
    else:
        raise ConfigError(f"calibration {source!r} is not known; use one of {', '.join(CHAT_SOURCES)}")
    return [
        Chat((*prompt.token_ids, *ids), prompt.tiles, len(prompt.token_ids))
        for prompt, ids in zip(prompts, completions, strict=True)
    ]


if __name__ == "__main__":
    splits: tuple[figures.Split, ...] = ("train", "heldout")
    for split in splits:
        write_questions(drawn_questions(split, NUM_SHIPPED), FOLDER / f"{split}.zip")

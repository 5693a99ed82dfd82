"""How people put a question: frames, case, marks and slips of the keyboard round a clause.

Enters: clauses of one kind of question, by a mark of what they are: ``=`` a thing asked for ("=the value
of {name}"), ``!`` something to be done ("!count the {shapes}"), ``~`` clipped ("~{name}"), none a question;
Chinese ones are told by their script. Leaves: text. Always holds: what stands in ``{fields}`` is never
misspelt; held-out clauses and frames never occur in training.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from random import Random

from r1v.figures.item import Split

CHINESE = re.compile(r"[\u4e00-\u9fff]")
_FIELD = re.compile(r"(\{\w+\})")

# For each sort of clause: the frames of training, and those that are held out.
FRAMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "=": (
        (
            "what is {}?", "what's {}?", "what is {}", "{}?", "{}", "give me {}.", "find {}.",
            "tell me {}", "please tell me {}.", "can you tell me {}?", "could you give me {}?",
            "i need {}", "i want to know {}", "what would {} be?", "please find {}.",
            "can you find {} for me?", "hi, what is {}?", "and what is {}?", "{} please",
            "do you know {}?", "work out {}", "determine {}.", "show me {}", "so what is {}?",
        ),
        (
            "i'd like to know {}.", "would you mind telling me {}?", "any idea what {} is?",
            "hey can u give me {}", "kindly state {}.",
        ),
    ),
    "!": (
        (
            "{}.", "{}", "please {}.", "can you {}?", "could you please {}?", "{}, please", "{} for me",
            "i want you to {}", "pls {}", "hi! please {}.",
        ),
        ("would you {}?", "i'd be glad if you could {}.", "hey can u {}", "{} if you can"),
    ),
    "~": (
        ("{}?", "{}", "{} ?", "{} please", "{} = ?", "and {}?"), ("{}??", "{} pls", "so {}?"),
    ),
    "": (
        (
            "{}?", "{}", "hi, {}?", "please tell me: {}?", "quick question: {}?", "can you tell me: {}?",
            "{} here?", "{} in the picture?", "in this picture, {}?", "look at the image. {}?", "so {}?",
            "question: {}", "{}? please answer", "one more thing: {}?",
        ),
        (
            "hey, {}?", "{}? thanks!", "i wonder: {}?", "in the image below, {}?", "tell me please, {}?",
        ),
    ),
    "zh": (
        (
            "{}？", "{}?", "{}", "请问{}？", "看图，{}？", "你好，{}？", "请告诉我，{}？", "请回答：{}？",
            "{}呢？", "图中{}？",
        ),
        ("麻烦问一下，{}？", "帮我看看，{}？", "我想知道{}。"),
    ),
}  # fmt: skip
_KEYS = {
    a: b
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    for a, b in zip(row, row[1:] + row[-2], strict=True)
}
_SPOKEN = {
    "please": "pls",
    "you": "u",
    "are": "r",
    "what's": "whats",
    "what is": "wats",
}  # fmt: skip


def sort_of(clause: str) -> str:
    """``zh``, or the mark that a clause begins with."""
    if CHINESE.search(_FIELD.sub("", clause)):
        return "zh"
    return clause[0] if clause[0] in "=!~" else ""


def heldout_clauses(name: str, clauses: Sequence[str]) -> set[str]:
    """Those of a kind of question that training never sees: about a quarter, by their hash, from three on."""
    ranked = sorted(clauses, key=lambda one: hashlib.sha256(f"{name}/{one}".encode()).digest())
    return set(ranked[: max(1, len(clauses) // 4)] if len(clauses) >= 3 else ())


def phrase(
    name: str,
    clauses: Sequence[str],
    fields: Mapping[str, object],
    split: Split,
    rng: Random,
    *,
    plain: bool = False,
    held: Collection[str] | None = None,
) -> tuple[str, str]:
    """A question's text, and the name of its wording.

    name: of the kind of question, ``bar_chart/value``. plain: without slips and odd frames.
    held: the clauses that are held out; None: as `heldout_clauses` chooses them.
    """
    held = heldout_clauses(name, clauses) if held is None else held
    choice = [one for one in clauses if (one in held) == (split == "heldout")] or list(clauses)
    clause = rng.choice(choice)
    sort = sort_of(clause)
    frames, odd = FRAMES[sort]
    if plain:
        frames = frames[:3]
    elif split == "heldout" and (not held or rng.random() < 0.5):
        frames = odd
    frame = rng.choice(frames)
    text = frame.replace("{}", clause.lstrip("=!~") if sort != "zh" else clause)
    text = text.replace("picture in the picture", "picture").replace("here here", "here")
    if sort != "zh":
        text = text if plain else _typed(text, rng)
        if rng.random() < (0.9 if plain else 0.5):
            text = text[:1].upper() + text[1:]
    said = text.format(**fields)
    if sort != "zh" and not plain and rng.random() < 0.08:
        said = said.lower()
    return said, f"people/{name}/{clauses.index(clause)}/{frame}"


def _typed(text: str, rng: Random) -> str:
    """Marks left out, short forms, and now and then a slip; fields stay whole."""
    if rng.random() < 0.12:
        text = text.rstrip("?.!")
    if rng.random() < 0.04:
        text = text.replace(",", "").replace("'", "")
    if rng.random() < 0.03:
        for word, short in _SPOKEN.items():
            text = re.sub(rf"\b{word}\b", short, text)
    if rng.random() < 0.08:
        text = slip(text, rng)
    if rng.random() < 0.03:
        text = text.replace(" ", "  ", 1)
    return text


def slip(text: str, rng: Random) -> str:
    """One slip of the keyboard in a word of four letters or more outside the fields."""
    parts = _FIELD.split(text)
    words = [
        (i, found.span())
        for i, part in enumerate(parts)
        if not part.startswith("{")
        for found in re.finditer(r"[a-z]{4,}", part)
    ]
    if not words:
        return text
    i, (start, end) = rng.choice(words)
    at = rng.randrange(start + 1, end - 1)
    part = parts[i]
    kind = rng.randrange(4)
    if kind == 0:
        part = part[:at] + part[at + 1] + part[at] + part[at + 2 :]
    elif kind == 1:
        part = part[:at] + part[at + 1 :]
    elif kind == 2:
        part = part[:at] + part[at] + part[at:]
    else:
        part = part[:at] + _KEYS.get(part[at], part[at]) + part[at + 1 :]
    parts[i] = part
    return "".join(parts)

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
from r1v.figures.people.stories_more import expanded
from r1v.figures.people.words_further import FURTHER

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
# further frames that only training draws from, so that the held-out items stay as they are
MORE_FRAMES: dict[str, tuple[str, ...]] = {
    "=": (
        "say {}", "let me know {}.", "i am looking for {}.", "your task: find {}.", "write down {}",
        "what do you get for {}?", "my question is: what is {}?", "{} is what?", "read off {}.",
        "hello! what is {}?", "just {}", "only {} please", "what might {} be?", "help me find {}",
        "i have to find {}", "could u tell me {}?", "now {}", "the question is: what is {}?",
        "please work out {}.", "i want {}.", "look at the picture and give {}.", "ok, what is {}",
    ),
    "!": (
        "now {}", "your task: {}.", "i need you to {}.", "try to {}", "just {}.", "{} and tell me",
        "hello, {}", "help me {}", "we have to {}.", "look at the picture and {}.", "next, {}", "ok, {}",
        "do this: {}",
    ),
    "~": ("{}.", "now {}", "{} here", "{}, please", "{}...", "just {}"),
    "": (
        "ok, {}?", "hello, {}?", "and {}?", "now, {}?", "just tell me, {}?", "i have a question: {}?",
        "from the picture, {}?", "let me ask: {}?", "can you say {}?", "please answer: {}?",
        "{}? answer briefly", "{} exactly?", "{}? show your work", "help me: {}?", "by the way, {}?",
        "the question is: {}?", "{} according to the picture?", "next question: {}?", "could you say {}?",
    ),
    "zh": (
        "那么，{}？", "问题：{}", "{}？谢谢", "你能告诉我{}吗？", "看图回答：{}？", "再问一个：{}？",
        "{}，请回答",
    ),
}  # fmt: skip
# words of training clauses that others may stand for; fields are never touched
OTHER_WORDS: dict[str, tuple[str, ...]] = {
    "picture": ("image", "figure", "drawing", "pic"), "image": ("picture", "figure"),
    "largest": ("biggest", "greatest", "maximum"), "biggest": ("largest", "greatest"),
    "smallest": ("lowest", "least", "minimum"), "highest": ("largest", "top", "biggest"),
    "lowest": ("smallest", "bottom", "least"), "colour": ("color",), "color": ("colour",),
    "find": ("determine", "identify", "get", "look for"), "calculate": ("compute", "work out"),
    "count": ("tally", "number"), "which": ("what",), "missing": ("absent", "left out", "not there"),
    "removed": ("taken out", "deleted", "erased"), "added": ("put in", "inserted"),
    "result": ("answer", "outcome", "solution"), "total": ("sum", "overall"),
    "sum": ("total",), "difference": ("gap",), "shown": ("displayed", "drawn", "depicted"),
    "value": ("number", "reading"), "together": ("in all", "altogether", "combined"),
    "number": ("amount", "count"), "how many": ("what number of", "how many"),
    "length": ("size",), "name": ("label",), "shapes": ("figures", "forms"), "shape": ("figure", "form"),
    "bigger": ("larger", "greater"), "larger": ("bigger", "greater"), "show": ("display",),
    "differ": ("vary",), "new": ("additional",), "same": ("identical", "equal"),
    "above": ("over", "beyond"), "below": ("under",), "distance": ("way", "stretch"),
    "does": ("does",), "list": ("write out", "enumerate"), "read": ("read off", "make out"),
    "changed": ("altered", "modified"), "different": ("other", "unlike"), "side": ("edge",),
    "starts": ("begins",), "begin": ("start",), "end": ("finish",), "ends": ("finishes",),
    "speed": ("velocity",), "money": ("cash",), "hour": ("hour",), "clock": ("watch",),
}  # fmt: skip
_WORD = re.compile(r"\b(" + "|".join(sorted(OTHER_WORDS, key=len, reverse=True)) + r")\b")
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
    clause, number = rng.choice(choice), ""
    if split == "train" and not plain and name in FURTHER and rng.random() < 0.5:
        further = expanded(rng.choice(FURTHER[name]), rng)
        clause, number = (clause, "") if further in held else (further, "further")
    sort = sort_of(clause)
    frames, odd = FRAMES[sort]
    if plain:
        frames = frames[:3]
    elif split == "heldout" and (not held or rng.random() < 0.5):
        frames = odd
    frame = rng.choice((*frames, *MORE_FRAMES[sort]) if split == "train" and not plain else frames)
    said_clause = clause
    if split == "train" and sort != "zh" and not plain:
        said_clause = reworded(clause, held, rng)
    text = frame.replace("{}", said_clause.lstrip("=!~") if sort != "zh" else clause)
    text = text.replace("picture in the picture", "picture").replace("here here", "here")
    if sort != "zh":
        text = text if plain else _typed(text, rng)
        if rng.random() < (0.9 if plain else 0.5):
            text = text[:1].upper() + text[1:]
    said = text.format(**fields)
    if sort != "zh" and not plain and rng.random() < 0.08:
        said = said.lower()
    return said, f"people/{name}/{number or clauses.index(clause)}/{frame}"


def reworded(clause: str, held: Collection[str], rng: Random) -> str:
    """A clause with some words replaced by synonyms; unchanged if that would be a held-out one."""

    def other(match: re.Match[str]) -> str:
        return rng.choice(OTHER_WORDS[match[0]]) if rng.random() < 0.3 else match[0]

    found = "".join(part if part.startswith("{") else _WORD.sub(other, part) for part in _FIELD.split(clause))
    return clause if found in held else found


def _typed(text: str, rng: Random) -> str:
    """A clause as people type it: without marks, in short forms, at times with a slip; fields stay whole."""
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

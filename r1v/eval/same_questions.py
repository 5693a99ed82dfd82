"""Whether two runs asked the same questions.

Enters: two run folders and the name of a benchmark. Leaves: the ids under which they asked something else.
Always holds: an id alone says nothing, since a file's questions may be numbered by their lines; questions are
the same if their data is, or else if their texts, pictures, options and right answers are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1v.eval.item import Item, Json
from r1v.eval.store import RunFolder

# what tells official data apart; its files may lie elsewhere, or be a part
_DATA = ("sha256", "repo", "revision", "package", "version", "options", "generated")


def other_questions(paths: Sequence[Path], task: str) -> set[str]:
    """The ids that both runs have for different questions. paths: the two folders. A question with another
    prompt, or without its pictures, is the same question. Raises RunError."""
    folders = [RunFolder(path) for path in paths]
    identities = [folder.read_json("manifest.json")["identity"] for folder in folders]
    about = [one["tasks"][task] for one in identities]
    if _same_data(about[0], about[1]):
        return set()
    pictures = [one["plan"].get("pictures", "shown") for one in identities]
    words = about[0].get("prompts") == about[1].get("prompts") and "captions" not in pictures
    asked = [
        {item.id: _content(item, words, pictures == ["shown", "shown"]) for item in folder.items(task)}
        for folder in folders
    ]
    return {id for id in asked[0].keys() & asked[1].keys() if asked[0][id] != asked[1][id]}


def _same_data(left: Json, right: Json) -> bool:
    """Whether both are the same official data. Files of one's own may name pictures that have changed."""
    if left.get("own") or right.get("own"):
        return False
    data = [{name: one.get("data", {}).get(name) for name in _DATA} for one in (left, right)]
    return data[0] == data[1]


def _content(item: Item, words: bool, pictures: bool) -> tuple[Any, ...]:
    """What makes a question. words: whether both runs ask in the same words; a row of a file of Python is
    stored apart from its prompt. pictures: whether both show them."""
    row = item.grading.get("row")
    text = (
        json.dumps(row, sort_keys=True) if row is not None else " ".join(item.text.split()) if words else ""
    )
    shown = [Path(str(ref.source)).name for message in item.messages for ref in message.images]
    also = tuple(item.grading.get("also", ()))
    return text, item.answer, item.options, also, tuple(shown) if pictures else ()

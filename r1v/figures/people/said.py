"""What is said in a conversation: a question with what went before it, the chain to learn and the reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from r1v.figures.item import AnswerType, Split

if TYPE_CHECKING:
    from PIL.Image import Image


def boxed(answer: str) -> str:
    """The answer line of the release's protocol."""
    return f"Answer: \\boxed{{{answer}}}"


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier question and what was replied, without its thinking."""

    images: tuple[Image, ...]
    question: str
    reply: str


@dataclass(frozen=True, slots=True)
class Said:
    """The last question of a conversation.

    template: names the wording. answer: exact, bare; empty where nothing can be told. reply: the whole text
    behind the thinking. refused: the reply says that it cannot be told, or is small talk.
    """

    family: str
    template: str
    split: Split
    images: tuple[Image, ...]
    question: str
    answer: str
    answer_type: AnswerType
    solution: str
    reply: str
    facts: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 0.0
    earlier: tuple[Turn, ...] = ()
    refused: bool = False

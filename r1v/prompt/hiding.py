"""How a chat template sees what users wrote, while nothing that they wrote can become a special token.

Enters: users' texts and data. Leaves: the same texts for the template, in which every character that a
special token could begin or end with is replaced by a private character; and, after rendering, pieces in
which those characters are back. Always holds: a text for the template has the length of the user's, so that
templates can test, cut, join and repeat it; a special token in the rendered text has its first and last
character from the template itself; pieces that users' replaced characters are in are not trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from r1v.core import PromptError

_HIDDEN, _MARK = 0xF0000, 0x100000  # characters of users; values that are no text, such as images
_MOST = 0xFFFE
_CUTS = re.compile("[\U000f0000-\U000fffff]+|[\U00100000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A part of a rendered conversation. marked: ``value`` is a user's text or a marked value; otherwise
    ``text`` is the template's, with those characters of users that no special token begins or ends with."""

    text: str = ""
    value: object = None
    marked: bool = False


class Hiding:
    """Which characters are hidden, for one tokenizer and one template."""

    def __init__(self, tokens: Iterable[str], literals: Iterable[str]) -> None:
        """tokens: the contents of all added tokens. literals: the texts that the template writes."""
        contents = [token.strip() for token in tokens if token.strip()]
        characters = {"<", ">"}.union(*map(_essential, contents))
        self.edges = edges = "".join(sorted(characters))
        self.pattern = re.compile(f"[{re.escape(edges)}\U000f0000-\U0010ffff]")
        cores = {content.strip(edges) for content in contents} - {""}
        # A template that writes the two ends of a token around a value makes a token of a value that is the
        # token's core: `'<' ~ key ~ '>'`. Such values of data are hidden as a whole. Where a template does
        # it, `'<|' ~ role ~ '|>'`, all that users wrote is hidden, but for what JSON writes in another way.
        longest_first = sorted(map(re.escape, cores), key=len, reverse=True)
        core = f"(?i:{'|'.join(longest_first)})" if cores else "(?!)"
        self.wraps = any(_ends_inside(literal, contents) for literal in literals)
        everything = r'[^"\\\x00-\x1f]'
        self.strict = re.compile(everything if self.wraps else f"{core}|{self.pattern.pattern}")


def _essential(content: str) -> set[str]:
    """Characters of a token without which it cannot be written: its ends, where these are no letters."""
    ends = {character for character in (content[0], content[-1]) if not character.isalnum()}
    inside = {character for character in content if not character.isalnum() and not character.isspace()}
    return ends or inside or {content[0]}


def _ends_inside(literal: str, contents: Sequence[str]) -> bool:
    """Whether a text of the template ends within a token, so that a value completes it."""
    for content in contents:
        literal = literal.replace(content, "")
    return any(literal.endswith(c[:n]) for c in contents for n in range(1, len(c)))


class Hidden:
    """The texts and marks of one conversation."""

    def __init__(self, hiding: Hiding) -> None:
        self._hiding = hiding
        self._private: dict[str, str] = {}  # a character -> its private replacement
        self._back: dict[int, str] = {}
        self._values: list[object] = []

    def mark(self, value: object) -> str:
        """One private character for a value that is no text."""
        if len(self._values) >= _MOST:
            raise PromptError(f"a conversation has more than {_MOST} images; send fewer")
        self._values.append(value)
        return chr(_MARK + len(self._values) - 1)

    def text(self, text: str) -> str:
        """A user's text as the template sees it; of the same length."""
        pattern = self._hiding.strict if self._hiding.wraps else self._hiding.pattern
        return self._replace(pattern, text)

    def data(self, value: Any) -> Any:
        """A copy of JSON data with all its strings hidden, keys too, and whole cores of tokens in them."""
        if isinstance(value, str):
            return self._replace(self._hiding.strict, value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {self.data(str(key)): self.data(item) for key, item in value.items()}
        if isinstance(value, Sequence):
            return [self.data(item) for item in value]
        raise PromptError(f"tools hold a {type(value).__name__}, which is not JSON; give plain data")

    def table(self) -> dict[str, str]:
        """Private character -> what it stands for: of all that are hidden, and all that could be."""
        # a sign of urlencode, so that what a template puts in the place of one is the user's too
        for character in (*self._hiding.edges, "%", *self._private):
            for form in (
                character,
                character.upper(),
                character.lower(),
                character.casefold(),
                character.title(),
            ):
                for each in form:
                    self._hide(each)
        return {private: character for character, private in self._private.items()}

    def pieces(self, rendered: str) -> list[Rendered]:
        """``rendered`` cut into the template's text, users' characters and marked values."""
        found: list[Rendered] = []
        start = 0
        for match in _CUTS.finditer(rendered):
            found.append(Rendered(rendered[start : match.start()]))
            found.append(Rendered(value=self._value(match.group()), marked=True))
            start = match.end()
        found.append(Rendered(rendered[start:]))
        return [piece for piece in found if piece.marked or piece.text]

    def _value(self, private: str) -> object:
        place = ord(private[0]) - _MARK
        try:
            return self._values[place] if place >= 0 else private.translate(self._back)
        except IndexError:
            raise PromptError(
                "the chat template writes characters of Unicode's private use; use another"
            ) from None

    def _replace(self, pattern: re.Pattern[str], text: str) -> str:
        return pattern.sub(lambda match: "".join(map(self._hide, match.group())), text)

    def _hide(self, character: str) -> str:
        if character not in self._private:
            if len(self._private) >= _MOST:
                raise PromptError(f"a conversation has more than {_MOST} private characters; remove them")
            number = _HIDDEN + len(self._private)
            self._private[character] = chr(number)
            self._back[number] = character
        return self._private[character]

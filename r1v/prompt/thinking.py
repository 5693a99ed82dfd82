"""Thinking and answer told apart: the markers, one splitter of token ids, one of text, and their shared
rules.

Enters: generated ids or text, piece by piece, and whether the prompt has already opened the thinking. Leaves:
pieces of two segments. Always holds: however the input is cut, the joined segments are the same, and they are
those of the whole.

The rules. An opening marker counts only where thinking can begin: at the start of a completion, after white
space at most. A closing marker counts only inside thinking, and only the first one. Everything else that
looks like a marker is text, and for a model that does not think everything is the answer. White space next
to a marker belongs to neither segment. Thinking that is never closed is thinking.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from r1v.core import Segment

OPEN_TEXT, CLOSE_TEXT = "<think>", "</think>"
UNKNOWN_ID = -1  # of a piece of text whose token ids are not known

_OPEN, _CLOSE = OPEN_TEXT.encode(), CLOSE_TEXT.encode()
_WHITE_SPACE = b" \t\n\r\v\f"

# where a completion is: thinking may begin; inside thinking; no marker counts any more
_State: TypeAlias = Literal["start", "inside", "after"]


@dataclass(frozen=True, slots=True)
class ThinkingMarkers:
    """How one model writes its thinking; without markers it does not think.

    open_ids, close_ids: the ids of the markers: one each where they are tokens of their own, else those that
    usually spell them. blank_ids: ids without text or of white space alone, which may stand before the
    opening marker.
    """

    open_ids: tuple[int, ...] = ()
    close_ids: tuple[int, ...] = ()
    blank_ids: frozenset[int] = frozenset()

    @property
    def are_spelled(self) -> bool:
        """Whether several tokens write a marker. Then only its text tells it: a token may hold the end of a
        marker and what comes after it (``>\\n\\n``)."""
        return max(len(self.open_ids), len(self.close_ids)) > 1


NO_MARKERS = ThinkingMarkers()


@dataclass(frozen=True, slots=True)
class SegmentPiece:
    """A piece of output. text may be empty while a character, a marker or white space is incomplete;
    token_ids are those that this piece settles (a marker's come with the segment that it ends)."""

    segment: Segment
    text: str
    token_ids: tuple[int, ...] = ()


@dataclass(slots=True)  # not frozen: one is made for every id
class _Part:
    """Settled output: bytes of a segment, or (marker) what ended it. token_ids: those settled with it."""

    segment: Segment
    spelled: bytes
    token_ids: tuple[int, ...]
    marker: bool = False


class _ById:
    """Splits where the markers are tokens of their own; text that merely looks like one is text."""

    def __init__(self, markers: ThinkingMarkers, state: _State) -> None:
        self._markers, self.state = markers, state

    def push(self, token_id: int, spelled: bytes) -> list[_Part]:
        segment: Segment = "thinking" if self.state == "inside" else "answer"
        if self.state == "start":
            if (token_id,) == self._markers.open_ids:
                self.state = "inside"
                return [_Part(segment, b"", (token_id,), marker=True)]
            if token_id not in self._markers.blank_ids:
                self.state = "after"
        elif self.state == "inside" and (token_id,) == self._markers.close_ids:
            self.state = "after"
            return [_Part(segment, b"", (token_id,), marker=True)]
        return [_Part(segment, spelled, (token_id,))]

    def flush(self) -> list[_Part]:
        return []


class _ByText:
    """Splits by the text of the markers, whose ends may share a token with other text. Bytes that may yet be
    part of a marker wait, and their ids with them."""

    def __init__(self, state: _State) -> None:
        self.state = state
        self._waiting = b""
        self._settled = 0  # bytes settled so far
        self._tokens: deque[tuple[int, int]] = deque()  # waiting ids, and where their bytes end

    def push(self, token_id: int, spelled: bytes) -> list[_Part]:
        self._waiting += spelled
        self._tokens.append((token_id, self._settled + len(self._waiting)))
        parts: list[_Part] = []
        if self.state == "start":
            body = self._waiting.lstrip(_WHITE_SPACE)
            self._settle(len(self._waiting) - len(body), parts)
            if body.startswith(_OPEN):
                self._cross(len(_OPEN), "inside", parts)
            elif _OPEN.startswith(body):
                return parts
            else:
                self.state = "after"
        held = 0
        if self.state == "inside":
            place = self._waiting.find(_CLOSE)
            if place >= 0:
                self._settle(place, parts)
                self._cross(len(_CLOSE), "after", parts)
            else:
                held = next((n for n in range(len(_CLOSE) - 1, 0, -1)
                             if self._waiting.endswith(_CLOSE[:n])), 0)  # fmt: skip
        self._settle(len(self._waiting) - held, parts)
        return parts

    def flush(self) -> list[_Part]:
        parts: list[_Part] = []
        self._settle(len(self._waiting), parts)
        return parts

    def enter(self, segment: Segment) -> list[_Part]:
        """Be in a segment because the sender says so, as if a marker had been read."""
        parts = self.flush()
        if (self.state == "inside") != (segment == "thinking"):
            self._cross(0, "inside" if segment == "thinking" else "after", parts)
        self.state = "inside" if segment == "thinking" else "after"
        return parts

    def push_plain(self, token_id: int, spelled: bytes) -> list[_Part]:
        """Text of the present segment in which no marker counts."""
        self._waiting += spelled
        self._tokens.append((token_id, self._settled + len(self._waiting)))
        return self.flush()

    def _cross(self, num_bytes: int, state: _State, parts: list[_Part]) -> None:
        self._settle(num_bytes, parts, marker=True)
        self.state = state

    def _settle(self, num_bytes: int, parts: list[_Part], marker: bool = False) -> None:
        """Move bytes, and the tokens that end with them, into a part."""
        segment: Segment = "thinking" if self.state == "inside" else "answer"
        spelled, self._waiting = self._waiting[:num_bytes], self._waiting[num_bytes:]
        self._settled += num_bytes
        token_ids = []
        while self._tokens and self._tokens[0][1] <= self._settled:
            token_ids.append(self._tokens.popleft()[0])
        if spelled or token_ids or marker:
            parts.append(_Part(segment, b"" if marker else spelled, tuple(token_ids), marker))


class _Text:
    """Turns parts into pieces: bytes into characters, and white space next to a marker into nothing."""

    def __init__(self, state: _State) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._space = ""  # white space that may turn out to be before a marker
        self._trim = False  # just after a marker
        self._begun = state != "start"  # a marker before which white space would be dropped cannot come
        self.num_thinking = 0  # settled ids of thinking, markers not counted

    def piece(self, part: _Part) -> SegmentPiece:
        if part.marker:
            text = self._clean(part.segment, self._rest())
            self._space = ""
            self._trim = self._begun = True
        else:
            text = self._clean(part.segment, self._decoder.decode(part.spelled))
            if part.segment == "thinking":
                self.num_thinking += len(part.token_ids)
        return SegmentPiece(part.segment, text, part.token_ids)

    def flush(self, segment: Segment) -> list[SegmentPiece]:
        rest = self._clean(segment, self._rest()) + self._space
        self._space = ""
        return [SegmentPiece(segment, rest)] if rest else []

    def _rest(self) -> str:
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return text

    def _clean(self, segment: Segment, text: str) -> str:
        """The text without white space after a marker. White space that may yet turn out to be before one
        waits: at the end of thinking, and at the start of a completion."""
        if self._trim:
            text = text.lstrip()
            self._trim = not text
        text, self._space = self._space + text, ""
        kept = text.rstrip()
        if segment == "thinking" or not (kept or self._begun):
            text, self._space = kept, text[len(kept) :]
        self._begun = self._begun or bool(text)
        return text


class _Segmenter:
    """What both segmenters share: a source of parts and the text that they make."""

    _source: _ByText | _ById
    _text: _Text

    @property
    def segment(self) -> Segment:
        """Where the completion is now."""
        return "thinking" if self._source.state == "inside" else "answer"

    @property
    def num_thinking(self) -> int:
        """Settled ids or units of thinking, markers not counted."""
        return self._text.num_thinking

    def flush(self) -> list[SegmentPiece]:
        """What still waited; call it once, at the end."""
        pieces = [self._text.piece(part) for part in self._source.flush()]
        return pieces + self._text.flush(self.segment)


class IdSegmenter(_Segmenter):
    """Splits one completion that arrives as token ids. Every id comes back in exactly one piece, in order."""

    def __init__(self, markers: ThinkingMarkers, spell: Callable[[int], bytes], opened: bool) -> None:
        """spell: the bytes of a token, none for one without text; called once for each id, in order. opened:
        the prompt ends inside thinking."""
        state = first_state(markers, opened)
        self._source = _ByText(state) if markers.are_spelled else _ById(markers, state)
        self._spell, self._text = spell, _Text(state)

    def push(self, token_id: int) -> list[SegmentPiece]:
        """The pieces that this token settles: mostly one; none while it may be part of a marker."""
        return [self._text.piece(part) for part in self._source.push(token_id, self._spell(token_id))]


@dataclass(frozen=True, slots=True)
class TextUnit:
    """Text as a sender gives it. segment: as the sender says; None is text in which markers may stand."""

    text: str
    segment: Segment | None = None
    token_id: int = UNKNOWN_ID


class TextSegmenter(_Segmenter):
    """Splits one completion that arrives as text. Each unit's id comes back in exactly one piece, in
    order."""

    _source: _ByText

    def __init__(self, opened: bool = False) -> None:
        """opened: the prompt ends inside thinking."""
        state: _State = "inside" if opened else "start"
        self._source, self._text = _ByText(state), _Text(state)
        self._told = False  # the sender has told segments apart: no marker in the text counts

    def push(self, unit: TextUnit) -> list[SegmentPiece]:
        """The pieces that this unit settles."""
        parts: list[_Part] = []
        if unit.segment is not None or self._told:
            self._told = True
            parts += self._source.enter(unit.segment or "answer")
        push = self._source.push_plain if self._told else self._source.push
        parts += push(unit.token_id, unit.text.encode("utf-8", "replace"))
        return [self._text.piece(part) for part in parts]


def first_state(markers: ThinkingMarkers, opened: bool) -> _State:
    """Where a completion begins."""
    if opened and markers.close_ids:
        return "inside"
    return "start" if markers.open_ids and not opened else "after"


def split_text(text: str, opened: bool | None = False) -> tuple[str, str]:
    """(thinking, answer) of a whole completion as text.

    opened: the prompt ended inside thinking. None is not known: then it did where the first marker in the
    text is a closing one.
    """
    if opened is None:
        first_open, first_close = text.find(OPEN_TEXT), text.find(CLOSE_TEXT)
        opened = first_close >= 0 and not 0 <= first_open < first_close
    segmenter = TextSegmenter(opened)
    return join_segments([*segmenter.push(TextUnit(text)), *segmenter.flush()])


def join_segments(pieces: list[SegmentPiece]) -> tuple[str, str]:
    """(thinking, answer) of all pieces of a completion."""
    texts: dict[Segment, list[str]] = {"thinking": [], "answer": []}
    for piece in pieces:
        texts[piece.segment].append(piece.text)
    return "".join(texts["thinking"]), "".join(texts["answer"])


def thinking_after(text: str, opened: bool) -> bool:
    """Whether thinking is open after a template's own ``text``, by its last marker; ``opened``: before it."""
    opens, closes = text.rfind(OPEN_TEXT), text.rfind(CLOSE_TEXT)
    return opened if opens == closes else opens > closes

"""Splitting a completion: a stream gives what the whole gives, whatever the tokens are."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.core import Segment
from r1v.prompt import (
    IdSegmenter,
    Processor,
    SegmentPiece,
    TextSegmenter,
    TextUnit,
    ThinkingMarkers,
    split_text,
)

Make = Callable[..., Processor]

TEXTS = st.text(
    alphabet=st.one_of(
        st.characters(exclude_categories=("Cs",)), st.sampled_from("三角形的😀👩‍👧é \n\n<>/think.")
    ),
    max_size=40,
)


@pytest.fixture(scope="module", params=[True, False], ids=["one token", "several tokens"])
def thinker(request: pytest.FixtureRequest, processor: Make) -> Processor:
    """A processor whose think markers are tokens of their own, and one that spells them."""
    return processor("qwq", think_tokens=request.param)


# ------------------------------------------------------------------------------------------------ characters


def texts_of(segmenter: IdSegmenter, token_ids: Iterable[int]) -> list[str]:
    """The text of each id, and at the end what still waited."""
    pieces = [segmenter.push(token_id) for token_id in token_ids]
    return ["".join(piece.text for piece in part) for part in [*pieces, segmenter.flush()]]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_pieces_are_the_text_of_the_whole(processor: Make, data: st.DataObject) -> None:
    one = processor("qwq")
    # any ids at all: most rows of them are no UTF-8
    token_ids = data.draw(st.lists(st.integers(0, one.tokenizer.num_tokens + 3), max_size=40))
    assert "".join(texts_of(one.segmenter(False, plain=True), token_ids)) == one.tokenizer.decode(token_ids)


@settings(max_examples=100, deadline=None)
@given(text=TEXTS)
def test_never_half_a_character(processor: Make, text: str) -> None:
    one = processor("qwq")
    token_ids = one.tokenizer.encode_plain(text)
    pieces = texts_of(one.segmenter(False, plain=True), token_ids)
    whole, so_far = one.tokenizer.decode(token_ids), ""
    for piece in pieces:
        so_far += piece
        assert whole.startswith(so_far)
    assert so_far == whole and pieces[-1] == ""


def test_invalid_bytes_are_replaced_once_they_cannot_be_a_character(processor: Make) -> None:
    one = processor("qwq")
    by_bytes = {one.tokenizer.token_bytes(i): i for i in range(one.tokenizer.num_tokens)}
    ids = [by_bytes[bytes([byte])] for byte in (0xE4, 0xB8, 0x41, 0xFF, 0xE4, 0xB8, 0x89, 0xF0)]
    pieces = texts_of(one.segmenter(False, plain=True), ids)
    assert pieces == ["", "", "\ufffdA", "\ufffd", "", "", "三", "", "\ufffd"]


def test_special_tokens_have_no_text(processor: Make) -> None:
    one = processor("qwq")
    end = one.tokenizer.token_id("<|im_end|>")
    assert end is not None and texts_of(one.segmenter(False, plain=True), [end]) == ["", ""]


# ------------------------------------------------------------------------------------------------ segmenters


def by_id(markers: ThinkingMarkers, token_ids: list[int], opened: bool) -> list[tuple[Segment, str]]:
    """Each id as a digit, with the segment that it is in; markers have no text."""
    segmenter = IdSegmenter(markers, lambda token_id: str(token_id).encode(), opened)
    pieces = [piece for token_id in token_ids for piece in segmenter.push(token_id)]
    return [(piece.segment, piece.text) for piece in [*pieces, *segmenter.flush()] if piece.text]


def test_markers_of_one_token() -> None:
    markers = ThinkingMarkers((8,), (9,), frozenset({7}))
    assert by_id(markers, [1, 9, 3, 8, 9], opened=True) == [
        ("thinking", "1"), ("answer", "3"), ("answer", "8"), ("answer", "9"),
    ]  # fmt: skip
    assert by_id(markers, [8, 2, 9, 3], opened=False) == [("thinking", "2"), ("answer", "3")]
    assert by_id(markers, [7, 8, 2], opened=False) == [("answer", "7"), ("thinking", "2")]
    assert by_id(markers, [9, 8, 2], opened=False) == [("answer", "9"), ("answer", "8"), ("answer", "2")]


def test_a_model_that_does_not_think() -> None:
    for opened in (False, True):
        assert by_id(ThinkingMarkers(), [8, 1, 9], opened) == [
            ("answer", "8"), ("answer", "1"), ("answer", "9"),
        ]  # fmt: skip


def test_what_a_sender_tells_apart_holds_no_markers() -> None:
    segmenter = TextSegmenter()
    pieces: list[SegmentPiece] = []
    for unit in (
        TextUnit("so </think>\n", "thinking"), TextUnit(" it is ", "thinking"),
        TextUnit("\n<think> is"), TextUnit(" a tag"),
    ):  # fmt: skip
        pieces += segmenter.push(unit)
    pieces += segmenter.flush()
    joined = {name: "".join(p.text for p in pieces if p.segment == name) for name in ("thinking", "answer")}
    assert joined == {"thinking": "so </think>\n it is", "answer": "<think> is a tag"}


@pytest.mark.parametrize(
    ("text", "opened", "expected"),
    [
        ("<think>\na < b </thin\n</think>\n\nyes", False, ("a < b </thin", "yes")),
        ("inside</think>yes <think>no</think>", True, ("inside", "yes <think>no</think>")),
        ("  <thing> no", False, ("", "  <thing> no")),
        ("<think>never closed </", False, ("never closed </", "")),
        ("re.sub(r'<think>.*?</think>', '', s)", False, ("", "re.sub(r'<think>.*?</think>', '', s)")),
        ("re.sub(r'<think>.*?</think>', '', s)", None, ("", "re.sub(r'<think>.*?</think>', '', s)")),
        ("so it is</think>four", None, ("so it is", "four")),
        ("so it is</think>four", False, ("", "so it is</think>four")),
        ('<think>x</think>{"tag": "<think>a</think>"}', None, ("x", '{"tag": "<think>a</think>"}')),
        ("", False, ("", "")),
    ],
)
def test_whole_texts(text: str, opened: bool | None, expected: tuple[str, str]) -> None:
    assert split_text(text, opened) == expected


def streamed(processor: Processor, token_ids: list[int], opened: bool) -> tuple[str, str, list[int], int]:
    """Thinking, answer and ids of a stream, whose pieces are checked as they come; ids of thinking."""
    segmenter = processor.segmenter(opened)
    texts = {"thinking": "", "answer": ""}
    settled: list[int] = []
    for token_id in token_ids:
        for piece in segmenter.push(token_id):
            texts[piece.segment] += piece.text
            settled += piece.token_ids
        assert token_ids[: len(settled)] == settled
    for piece in segmenter.flush():
        texts[piece.segment] += piece.text
        settled += piece.token_ids
    return texts["thinking"], texts["answer"], settled, segmenter.num_thinking


def by_units(text: str, opened: bool, cuts: list[int]) -> tuple[str, str]:
    """The same of a text that is cut anywhere."""
    segmenter = TextSegmenter(opened)
    edges = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    pieces = [p for a, b in itertools.pairwise(edges) for p in segmenter.push(TextUnit(text[a:b]))]
    pieces += segmenter.flush()
    return (
        "".join(p.text for p in pieces if p.segment == "thinking"),
        "".join(p.text for p in pieces if p.segment == "answer"),
    )


def by_regex(text: str, opened: bool) -> tuple[str, str]:
    """An independent reading of the rules, on a whole text."""
    lead = re.match(r"[ \t\n\r\v\f]*<think>", text)
    if not opened and lead is None:
        return "", text
    body = text if opened else text[lead.end() :].lstrip()  # type: ignore[union-attr]
    thinking, close, answer = body.partition("</think>")
    return (thinking.rstrip(), answer.lstrip()) if close else (body, "")


MARKED = st.lists(
    st.one_of(
        st.sampled_from(
            ["<think>", "</think>", "</think>\n\n", "\n</think>\n\n", ".</think>", "</", "<", "think", ">"]
        ),
        st.sampled_from(["三角形", "😀", "Answer: \\boxed{135}.", "\n\n", " ", "a", "x < 3", "</p>"]),
    ),
    max_size=12,
)


@settings(max_examples=400, deadline=None)
@given(pieces=MARKED, opened=st.booleans(), cuts=st.lists(st.integers(0, 80), max_size=8))
def test_ids_text_and_the_engine_agree(
    thinker: Processor, pieces: list[str], opened: bool, cuts: list[int]
) -> None:
    """On any stream, cut anywhere: the splitter of ids, that of text, a reading by regular expressions, and
    the automaton by which the engine enforces budgets and grammars."""
    from r1v.engine.thinking import ThinkingControl
    from r1v.llm.prompt_encoder import engine_ids

    text = "".join(pieces)
    token_ids = thinker.tokenizer.encode_trusted(text)
    thinking, answer, settled, num_thinking = streamed(thinker, token_ids, opened)
    assert settled == token_ids
    assert (thinking, answer) == thinker.split(token_ids, opened) == by_regex(text, opened)
    assert (thinking, answer) == by_units(text, opened, cuts) == split_text(text, opened)
    control = ThinkingControl(engine_ids(thinker), opened=opened, budget=-1, detect_loops=False)
    for token_id in token_ids:
        assert control.push(token_id) == ()
    segmenter = thinker.segmenter(opened)
    for token_id in token_ids:
        segmenter.push(token_id)
    assert control.inside == (segmenter.segment == "thinking")
    assert control.num_thinking == num_thinking


@settings(max_examples=200, deadline=None)
@given(data=st.data(), opened=st.booleans())
def test_any_ids_at_all(thinker: Processor, data: st.DataObject, opened: bool) -> None:
    special = thinker.special
    ids = st.one_of(
        st.integers(0, thinker.tokenizer.num_tokens - 1),
        st.sampled_from([*special.think_open, *special.think_close, special.eos[0]]),
    )
    token_ids = data.draw(st.lists(ids, max_size=30))
    thinking, answer, settled, _ = streamed(thinker, token_ids, opened)
    assert settled == token_ids
    assert (thinking, answer) == thinker.split(token_ids, opened)
    if "think" not in thinker.decode(token_ids, skip_special=False):
        whole = thinker.decode(token_ids)
        assert (thinking, answer) == ((whole, "") if opened else ("", whole))


@settings(max_examples=100, deadline=None)
@given(thinking=TEXTS, answer=TEXTS, opened=st.booleans())
def test_a_completion_for_training_splits_into_what_it_was_made_of(
    thinker: Processor, thinking: str, answer: str, opened: bool
) -> None:
    import unicodedata

    thinking, answer = (unicodedata.normalize("NFC", text.strip()) for text in (thinking, answer))
    if "think>" in thinking + answer or (unicodedata.combining((answer or "a")[0])):
        return
    token_ids = thinker.encode_completion(thinking, answer, opened=opened)
    assert token_ids[-1] == thinker.special.eos[0]
    assert thinker.split(token_ids, opened) == (thinking, answer)


def test_thinking_that_is_never_closed_is_thinking(thinker: Processor) -> None:
    token_ids = thinker.tokenizer.encode_trusted("Let us read the chart </thin")
    assert thinker.split(token_ids, True) == ("Let us read the chart </thin", "")
    assert thinker.split(token_ids, False) == ("", "Let us read the chart </thin")


def test_counts_and_the_present_segment(thinker: Processor) -> None:
    segmenter = thinker.segmenter(True)
    assert segmenter.segment == "thinking"
    thinking = thinker.encode_text("Let us read.")
    for token_id in [*thinking, *thinker.special.think_close, *thinker.encode_text("So")]:
        segmenter.push(token_id)
    segmenter.flush()
    assert segmenter.num_thinking == len(thinking)
    assert segmenter.segment == "answer"


def test_a_typed_marker_is_text(thinker: Processor) -> None:
    """In an answer, whatever ids write it: the code and the JSON of a model stay whole."""
    for answer in ("s = re.sub(r'<think>.*?</think>', '', s)", '{"tag": "<think>a</think>"}'):
        token_ids = thinker.tokenizer.encode_trusted(f"I think.\n</think>\n\n{answer}")
        assert thinker.split(token_ids, True) == ("I think.", answer)
        assert thinker.split(thinker.tokenizer.encode_trusted(answer), False) == ("", answer)

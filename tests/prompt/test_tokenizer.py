"""Tokenizers from both kinds of files, against transformers, and the border around added tokens."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.core import CheckpointError, ContextLengthError, PromptError
from r1v.prompt import TextTokenizer
from r1v.prompt.tokenizer import AddedToken, TextPiece
from tests.prompt.conftest import CORPUS, DEEPSEEK, SPECIALS

THINK = ["<think>", "</think>", "<tool_call>", "</tool_call>"]

TEXT_PARTS = ["hi", "a\n", " b", "é", "12", "<", "think>"]

NASTY = [
    "",
    " ",
    "\n\n \t\r\n",
    "a\u0301 é ﬁ Å \u1e9b\u0323",  # NFC composes some of these and leaves others
    "한국어 \u1112\u1161\u11ab",
    "😀👩‍👩‍👧‍👦🇩🇪",
    "\x00\x7f\x80\ufeff\u200b\u202e",
    "don't I'LL we'Re 'S 123456 x1y2 __init__ ...!?\n\n\n end  ",
    "<think>not really</think><|im_end|><img><IMG_CONTEXT></img>",
    "<|im_end|<|im_end|>|><|im_start|>user\n<｜User｜>",
    "中文，标点。和空格　全角",
    "\ud7ff\ue000\U0010ffff",
    " <think> </think>\n\n",
    "Ġ Ċ ł",
]


def random_texts(count: int) -> list[str]:
    rng = random.Random(5)
    pieces = [*NASTY, *SPECIALS, *DEEPSEEK, *THINK, *CORPUS, "a", " ", "\n", "é", "e\u0301", "三", "7"]
    return ["".join(rng.choice(pieces) for _ in range(rng.randint(1, 8))) for _ in range(count)]


@pytest.mark.parametrize("parts", [False, True])
def test_equal_to_transformers_on_nasty_and_random_text(checkpoint: Callable[..., Path], parts: bool) -> None:
    transformers = pytest.importorskip("transformers")
    folder = checkpoint("qwq", parts=parts)
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    ours = TextTokenizer.from_folder(folder)
    for text in [*NASTY, *random_texts(400)]:
        token_ids = theirs.encode(text, add_special_tokens=False)
        assert ours.encode_trusted(text) == token_ids, text
        for skip in (False, True):
            assert ours.decode(token_ids, skip_special=skip) == theirs.decode(
                token_ids, skip_special_tokens=skip, clean_up_tokenization_spaces=False
            )
    assert ours.special_ids == set(theirs.all_special_ids)
    assert ours.added_ids == set(theirs.added_tokens_decoder)
    assert ours.num_tokens == len(theirs)


def test_both_kinds_of_files_are_one_tokenizer(checkpoint: Callable[..., Path]) -> None:
    whole = TextTokenizer.from_folder(checkpoint("qwq"))
    parts = TextTokenizer.from_folder(checkpoint("qwq", parts=True))
    assert whole.added == parts.added and whole.named == parts.named
    for text in [*NASTY, *random_texts(100)]:
        assert whole.encode_trusted(text) == parts.encode_trusted(text)
        assert whole.encode_plain(text) == parts.encode_plain(text)


@pytest.fixture(scope="module")
def tokenizer(checkpoint: Callable[..., Path]) -> TextTokenizer:
    return TextTokenizer.from_folder(checkpoint("qwq"))


def test_plain_text_never_gives_an_added_token(tokenizer: TextTokenizer) -> None:
    for text in [*NASTY, *random_texts(300)]:
        token_ids = tokenizer.encode_plain(text)
        assert tokenizer.added_ids.isdisjoint(token_ids)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_plain_text_comes_back(tokenizer: TextTokenizer, text: str) -> None:
    import unicodedata

    token_ids = tokenizer.encode_plain(text)
    assert tokenizer.decode(token_ids) == unicodedata.normalize("NFC", text)
    if not any(content in text for content in tokenizer.added):
        assert token_ids == tokenizer.encode_trusted(text)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(TEXT_PARTS), st.booleans()), max_size=8))
def test_pieces_give_the_ids_of_the_whole(tokenizer: TextTokenizer, pieces: list[tuple[str, bool]]) -> None:
    """Where trusted text ends makes no difference, if no added token is split there."""
    whole = "".join(text for text, _ in pieces)
    token_ids = tokenizer.encode_pieces([TextPiece(text, trusted) for text, trusted in pieces])
    assert tokenizer.decode(token_ids) == whole
    if "<think>" not in whole:
        assert token_ids == tokenizer.encode_trusted(whole)


def test_tokens_only_from_trusted_text(tokenizer: TextTokenizer) -> None:
    end = tokenizer.token_id("<|im_end|>")
    assert tokenizer.encode_pieces([TextPiece("<|im_", trusted=True), TextPiece("end|>", trusted=True)]) == [
        end
    ]
    for pieces in (
        [TextPiece("<|im_end|>")],
        [TextPiece("<|im_"), TextPiece("end|>", trusted=True)],
        [TextPiece("<|im_", trusted=True), TextPiece("end|>")],
        [TextPiece("<|im_end", trusted=True), TextPiece("|"), TextPiece(">", trusted=True)],
    ):
        assert end not in tokenizer.encode_pieces(pieces)
    mixed = [TextPiece("a<|im_end|>", trusted=True), TextPiece(token_ids=(7, 7)), TextPiece("<|im_end|>b")]
    token_ids = tokenizer.encode_pieces(mixed)
    assert token_ids.count(end) == 1 and token_ids[2:4] == [7, 7]


def test_flags_of_added_tokens(tmp_path: Path, checkpoint: Callable[..., Path]) -> None:
    transformers = pytest.importorskip("transformers")
    folder = checkpoint("qwq")
    spec = json.loads((folder / "tokenizer.json").read_text())
    entries = {entry["content"]: entry for entry in spec["added_tokens"]}
    entries["<img>"]["lstrip"] = True
    entries["</img>"]["rstrip"] = True
    entries["<think>"]["single_word"] = True
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
    ours = TextTokenizer.from_folder(tmp_path)
    for text in [
        "a  <img>  b",
        "a </img> \n b",
        "a<think>b",
        "a <think> b",
        "<think>",
        " <img> </img> ",
        "x<img>",
    ]:
        assert ours.encode_trusted(text) == theirs.encode(text, add_special_tokens=False), text


def test_unpaired_surrogates_are_refused(tokenizer: TextTokenizer) -> None:
    with pytest.raises(PromptError, match="Unicode"):
        tokenizer.encode_plain("a\ud800b")


def test_ids_beyond_the_tokenizer_are_no_text(tokenizer: TextTokenizer) -> None:
    assert tokenizer.token_bytes(10**6) == b"" and tokenizer.decode([10**6, -1]) == ""


# -------------------------------------------------------------------------------------------- damaged files


def complaint(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        TextTokenizer.from_folder(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_and_damaged_files(tmp_path: Path, checkpoint: Callable[..., Path]) -> None:
    assert "has no tokenizer" in complaint(tmp_path)
    path = tmp_path / "tokenizer.json"
    for damaged in ("", "{", "[]", "{}", '{"added_tokens": [', '{"added_tokens": [{}]}', "\0"):
        path.write_text(damaged)
        assert "cannot be read as a tokenizer" in complaint(tmp_path)
    spec = json.loads((checkpoint("qwq") / "tokenizer.json").read_text())
    path.write_text(json.dumps({**spec, "decoder": {"type": "WordPiece", "prefix": "#", "cleanup": False}}))
    assert "only byte-level BPE" in complaint(tmp_path)
    path.write_text(json.dumps({**spec, "model": {**spec["model"], "merges": [["no", "such"]]}}))
    assert "cannot be read as a tokenizer" in complaint(tmp_path)
    vocabulary = {token: i for token, i in spec["model"]["vocab"].items() if token != "a"}
    path.write_text(json.dumps({**spec, "model": {**spec["model"], "vocab": vocabulary, "merges": []}}))
    assert "lacks 1 of the 256" in complaint(tmp_path)
    path.unlink()
    (tmp_path / "vocab.json").write_text("{}")
    assert "has no tokenizer" in complaint(tmp_path)
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n")
    assert "do not fit together" in complaint(tmp_path)


PANICS = {  # each makes the library panic, which is no Exception, on any text
    "an empty pattern": {"normalizer": {"type": "Replace", "pattern": {"String": ""}, "content": "xxxx"}},
    "in a sequence": {
        "normalizer": {
            "type": "Sequence",
            "normalizers": [{"type": "Replace", "pattern": {"String": ""}, "content": "long"}],
        }
    },
}


@pytest.mark.parametrize("damage", PANICS.values(), ids=PANICS)
def test_a_tokenizer_that_panics_is_a_checkpoint_error(
    damage: dict[str, Any], tmp_path: Path, checkpoint: Callable[..., Path]
) -> None:
    spec = json.loads((checkpoint("qwq") / "tokenizer.json").read_text())
    (tmp_path / "tokenizer.json").write_text(json.dumps({**spec, **damage}))
    assert "fails on every text" in complaint(tmp_path)


def test_a_pattern_that_gives_up_on_a_text_is_a_prompt_error(
    tmp_path: Path, checkpoint: Callable[..., Path]
) -> None:
    """The library's regular expressions panic where one text takes too many steps; others go on."""
    spec = json.loads((checkpoint("qwq") / "tokenizer.json").read_text())
    split = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    spec["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, byte_level]}
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    tokenizer = TextTokenizer.from_folder(tmp_path)
    for encode in (tokenizer.encode_plain, tokenizer.encode_trusted):
        with pytest.raises(PromptError) as caught:
            encode("a" * 40 + "!")
        assert "\n" not in str(caught.value) and "fails on this text" in str(caught.value)
    assert tokenizer.decode(tokenizer.encode_plain("hello aa")) == "hello aa"


@pytest.mark.skipif(sys.platform != "linux", reason="threads have descriptors of their own on Linux")
def test_a_panic_writes_nothing_and_other_threads_may_write(
    tmp_path: Path, checkpoint: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    """While the library panics, over and over, what others write arrives whole; a closed pipe is closed, and
    a forked process has a thread of its own."""
    spec = json.loads((checkpoint("qwq") / "tokenizer.json").read_text())
    split = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    spec["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, byte_level]}
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    read_end, write_end = os.pipe()
    tokenizer = TextTokenizer.from_folder(tmp_path)
    assert not tokenizer._is_usual
    with pytest.raises(PromptError, match="fails on this text"):
        tokenizer.encode_plain("a" * 40 + "!")
    os.write(2, b"here")
    os.close(write_end)
    assert os.read(read_end, 1) == b""  # nobody else holds the pipe open
    os.close(read_end)
    (tmp_path / "tokenizer.json").write_text(json.dumps({**spec, **PANICS["an empty pattern"]}))
    assert "fails on every text" in complaint(tmp_path)
    assert capfd.readouterr().err == "here"
    child = os.fork()
    if child == 0:
        os._exit(tokenizer.encode_plain("hello") == [])
    assert os.waitpid(child, 0)[1] == 0


def test_the_usual_tokenizers_are_called_directly(tokenizer: TextTokenizer) -> None:
    assert tokenizer._is_usual


def test_text_of_a_template_is_refused_as_a_users_is(
    tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything looks through it: a template can write five megabytes."""
    searched: list[str] = []

    class Pattern:
        def finditer(self, text: str) -> list[Any]:
            searched.append(text)
            return []

    monkeypatch.setattr(tokenizer, "_added_pattern", Pattern())
    for trusted in (True, False):
        with pytest.raises(ContextLengthError, match="8192"):
            tokenizer.encode_pieces([TextPiece("x" * 2_500_000, trusted=trusted)] * 2, 8192)
    assert not searched
    tokenizer.encode_pieces([TextPiece("x" * 100, trusted=True)], 8192)
    assert searched


def test_white_space_that_a_token_swallows_is_not_counted(bpe: Any) -> None:
    """A token that takes the spaces beside it may stand for a text of any length."""
    whole = TextTokenizer(bpe, [AddedToken(9999, "<end>", lstrip=True)], {})
    assert whole.encode_trusted(" " * 100_000 + "<end>", 5) == [9999]


LONG_TEXTS = {
    "prose": "The quick brown fox, 12345 times; it's \\frac{1}{2} of it.\n\n  Then … ",
    "one word": "abcdefghijklmnopqrstuvwxyz",
    "Chinese": "数一数图中有几个红色图形",
    "Chinese with marks": "数一数，图中有几个红色图形？",
    "spaces": " ",
    "spaces and words": "a     b\n   \n",
    "marks that combine": "a\u0301\u0327e\u0301o\u0308 ",
    "Korean letters": "\u1112\u1161\u11ab\u1100\u1173\u11af ",
    "punctuation": "!?.,;:",
    "emoji": "👩\u200d👩\u200d👧 ",
    "digits": "0123456789",
}


@pytest.mark.parametrize("name", LONG_TEXTS)
@pytest.mark.parametrize("window", [64, 1000])
def test_long_texts_have_the_ids_of_the_whole(
    tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch, name: str, window: int
) -> None:
    text = (LONG_TEXTS[name] * 5000)[:5000]
    whole = tokenizer.encode_plain(text)
    monkeypatch.setattr("r1v.prompt.tokenizer.WINDOW", window)
    assert tokenizer.encode_plain(text) == whole
    assert tokenizer.encode_plain(text, len(whole)) == whole
    with pytest.raises(ContextLengthError):
        tokenizer.encode_plain(text, len(whole) // 4)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=600))
def test_any_text_has_the_ids_of_the_whole(tokenizer: TextTokenizer, text: str) -> None:
    whole = tokenizer.encode_plain(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("r1v.prompt.tokenizer.WINDOW", 32)
        assert tokenizer.encode_plain(text) == whole


@pytest.mark.parametrize("name", LONG_TEXTS)
def test_what_cannot_fit_is_given_up_soon(tokenizer: TextTokenizer, name: str) -> None:
    """Megabytes cost as much as what fits, and other threads run meanwhile."""
    text = (LONG_TEXTS[name] * (3_000_000 // len(LONG_TEXTS[name]) + 1))[:3_000_000]
    one = LONG_TEXTS[name] * (30_000 // len(LONG_TEXTS[name]))
    start = time.process_time()
    tokenizer.encode_plain(one)
    alone_s = time.process_time() - start
    start = time.process_time()
    with pytest.raises(ContextLengthError, match="more than 4096 tokens"):
        tokenizer.encode_plain(text, 4096)
    assert time.process_time() - start < 20 * alone_s + 1  # the whole takes a hundred times what one does

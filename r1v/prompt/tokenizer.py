"""Text in, token ids out, with a strict border between what may name special tokens and what may not.

Enters: the tokenizer files of a checkpoint (``tokenizer.json``, or ``vocab.json`` and ``merges.txt`` with
``added_tokens.json``), then text in pieces. Leaves: token ids; bytes of single tokens. Always holds: only
trusted text (the chat template's own) can become an added token; all other text is tokenised as if added
tokens did not exist, together with the trusted text around it, so that harmless input gives the ids of the
whole string.
"""

from __future__ import annotations

import json
import re
import threading
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Encoding, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE

from r1v.core import CheckpointError, ContextLengthError, PromptError, library_faults, parse_json
from r1v.prompt.quiet import is_usual, quietly

# How Qwen2 cuts text before byte-pair merging; tokenizer.json carries its own.
QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# Characters that are tokenised at a time: a few hundredths of a second of work.
WINDOW = 32_768

_NAMED_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token")


def _byte_alphabet() -> dict[str, int]:
    """Character -> byte of byte-level BPE: printable bytes stand for themselves, others from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    alphabet = {chr(byte): byte for byte in printable}
    for offset, byte in enumerate(sorted(set(range(256)) - set(printable))):
        alphabet[chr(0x100 + offset)] = byte
    return alphabet


_BYTE_OF = _byte_alphabet()
_WHITE_SPACE = frozenset(character for character, byte in _BYTE_OF.items() if byte in b" \t\n\r\v\f")


@dataclass(frozen=True, slots=True)
class AddedToken:
    """A token beside the byte-pair vocabulary. special: left out of decoded text. lstrip, rstrip: swallows
    the white space beside it. single_word: only where no word goes on."""

    id: int
    content: str
    special: bool = True
    lstrip: bool = False
    rstrip: bool = False
    single_word: bool = False


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A part of a prompt: text, or ready ids. trusted: the text may name added tokens."""

    text: str = ""
    trusted: bool = False
    token_ids: tuple[int, ...] = ()


class TextTokenizer:
    """A byte-level BPE tokenizer. Immutable; safe to share between threads."""

    def __init__(self, plain: Tokenizer, added: Iterable[AddedToken], named: Mapping[str, str]) -> None:
        """plain: knows no added token. added: all of them. named: ``bos_token`` and the like -> content."""
        plain.no_truncation()
        plain.no_padding()
        # it adds nothing here, and some cut the white space off the offsets that windows are joined by
        plain.post_processor = processors.Sequence([])
        self._long_text = threading.Lock()  # long texts take turns, so that short ones are not held up
        self._plain = plain
        self._is_usual = is_usual(plain)
        self.added: dict[str, AddedToken] = {token.content: token for token in added}
        self.named: dict[str, str] = dict(named)
        vocabulary = plain.get_vocab(with_added_tokens=False)
        missing = sum(character not in vocabulary for character in _BYTE_OF)
        if missing:
            raise CheckpointError(
                f"the tokenizer lacks {missing} of the 256 byte tokens; only byte-level BPE can be read"
            )
        self._tokens: dict[int, str] = {token_id: token for token, token_id in vocabulary.items()}
        if len(self._tokens) < len(vocabulary):
            first = next(t for t, token_id in vocabulary.items() if self._tokens[token_id] != t)
            other = self._tokens[vocabulary[first]]
            raise CheckpointError(
                f"the tokenizer gives id {vocabulary[first]} to {first[:40]!r} and to {other[:40]!r}; "
                "fetch the file again"
            )
        self._tokens.update((token.id, token.content) for token in self.added.values())
        self.added_ids = frozenset(token.id for token in self.added.values())
        self.special_ids = frozenset(token.id for token in self.added.values() if token.special)
        self.num_tokens = max(self._tokens) + 1
        self._added_pattern = _pattern_of(self.added.values())
        self._swallows = any(token.lstrip or token.rstrip for token in self.added.values())
        longest = max(len(self.token_bytes(token_id)) for token_id in self._tokens)
        # NFC writes three Korean letters of three bytes each as one
        self._bytes_per_token = longest * (1 if plain.normalizer is None else 3)
        self._check_it_works()

    def _encoding(self, text: str, *, others_run: bool = False) -> Encoding:
        """What the library makes of a text; its panics are not written to standard error. others_run: other
        threads of Python go on meanwhile, where the tokenizer is a usual one. Raises PromptError."""
        with library_faults(PromptError, "the checkpoint's tokenizer.json fails on this text, send another"):
            if not self._is_usual:
                return quietly(lambda: self._plain.encode(text, add_special_tokens=False))
            if not others_run:
                return self._plain.encode(text, add_special_tokens=False)
            (encoding,) = self._plain.encode_batch([text], add_special_tokens=False)
            return encoding

    def _check_it_works(self) -> None:
        """Raise CheckpointError for a tokenizer that fails on ordinary text, as one with a damaged normaliser
        or pattern may."""
        try:
            self._encoding("A test, 1 + 2 = 3.\n\nÄ \u4e2d\u6587")
        except PromptError as error:
            reason = str(error).partition(": ")[2]
            raise CheckpointError(f"tokenizer.json fails on every text ({reason}); fetch it again") from error

    @classmethod
    def from_folder(cls, folder: str | Path) -> TextTokenizer:
        """Read the tokenizer of a checkpoint folder. Raises CheckpointError naming the file."""
        folder = Path(folder)
        config = read_json(folder / "tokenizer_config.json", required=False)
        special_map = read_json(folder / "special_tokens_map.json", required=False)
        if (folder / "tokenizer.json").is_file():
            plain, added = _read_whole(folder / "tokenizer.json")
        elif (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
            plain, added = _read_parts(folder)
        else:
            raise CheckpointError(
                f"{folder} has no tokenizer: neither tokenizer.json nor vocab.json with merges.txt is there"
            )
        for token_id, entry in config.get("added_tokens_decoder", {}).items():
            token = _added_token(int(token_id), entry)
            if token.content in added and added[token.content].id != token.id:
                raise CheckpointError(
                    f"{folder}: the added token {token.content[:40]!r} has id {added[token.content].id} in "
                    f"one file and {token.id} in tokenizer_config.json; fetch the files again"
                )
            added[token.content] = token
        named = {}
        for source in (special_map, config):
            for name in _NAMED_TOKENS:
                content = _content(source.get(name))
                if content is not None:
                    named[name] = content
        vocabulary = plain.get_vocab()
        for content in {*named.values(), *_extra_specials(special_map), *_extra_specials(config)}:
            if content in added:
                entry = added[content]
                added[content] = AddedToken(
                    entry.id, content, True, entry.lstrip, entry.rstrip, entry.single_word
                )
            elif content in vocabulary:
                added[content] = AddedToken(vocabulary[content], content)
        return cls(plain, added.values(), named)

    def token_id(self, content: str) -> int | None:
        """The id of an added token, None where there is none of that content."""
        token = self.added.get(content)
        return None if token is None else token.id

    def encode_plain(self, text: str, limit: int | None = None) -> list[int]:
        """Ids of ``text``, in which nothing is special.

        limit: a long text of more tokens is given up as soon as that is known, however long it is. Raises
        PromptError for half surrogates, ContextLengthError.
        """
        if not text:
            return []
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise PromptError(f"text is not valid Unicode ({error}); remove unpaired surrogates") from error
        if len(text) <= WINDOW:
            token_ids: list[int] = self._encoding(text).ids
        else:
            self.check_length([text], limit)
            with self._long_text:
                token_ids = self._encode_long(text, limit)
        if not self.added_ids.isdisjoint(token_ids):
            raise PromptError("text came out as a special token, which this tokenizer must not do; report it")
        return token_ids

    def check_length(self, texts: Iterable[str], limit: int | None) -> None:
        """Refuse texts that together cannot fit into ``limit`` tokens, whatever the tokens are: none stands
        for more bytes than the longest. Raises ContextLengthError."""
        if limit is None:
            return
        room = limit * self._bytes_per_token
        for text in texts:
            room -= len(text.encode("utf-8", "replace"))
            if room < 0:
                raise _too_long(limit)

    def _counted(self, text: str) -> str:
        """What of a text is certain to be in tokens: some added tokens swallow white space."""
        return "".join(text.split()) if self._swallows else text

    def _encode_long(self, text: str, limit: int | None) -> list[int]:
        """The ids that the text has as a whole, made window by window.

        A window ends where a word of the pre-tokenizer ends, well before the window's own end, so that what
        follows cannot change what is before it. Other threads run meanwhile: ``encode_batch`` gives the
        interpreter's lock back, which ``encode`` does not.
        """
        token_ids: list[int] = []
        start, size = 0, WINDOW
        while start < len(text):
            window = text[start : start + size]
            encoding = self._encoding(window, others_run=True)
            if start + size >= len(text):
                token_ids += encoding.ids
                start = len(text)
            elif (cut := _safe_cut(encoding, window)) is not None:
                num_tokens, num_chars = cut
                token_ids += encoding.ids[:num_tokens]
                start, size = start + num_chars, WINDOW
            else:  # one word without an end; its beginning does not say exactly how many tokens it has
                if limit is not None and len(token_ids) + len(encoding.ids) > 2 * limit:
                    raise _too_long(limit)
                size *= 2
            if limit is not None and len(token_ids) > limit:
                raise _too_long(limit)
        return token_ids

    def encode_pieces(self, pieces: Sequence[TextPiece], limit: int | None = None) -> list[int]:
        """Ids of the pieces in a row: added tokens from trusted text alone, everything else as one text.
        limit: as in encode_plain; pieces that together cannot fit are refused first, whoever wrote them."""
        self.check_length((self._counted(piece.text) for piece in pieces), limit)
        token_ids: list[int] = []
        waiting: list[str] = []  # text since the last added token

        def finish() -> None:
            token_ids.extend(self.encode_plain("".join(waiting), limit))
            waiting.clear()

        trusted = ""
        for piece in (*pieces, TextPiece()):
            if piece.trusted and not piece.token_ids:
                trusted += piece.text  # joined first: a token may be written in two pieces
                continue
            start = 0
            for match in self._added_pattern.finditer(trusted):
                waiting.append(trusted[start : match.start()])
                finish()
                token_ids.append(self.added[match.group(match.lastindex or 0)].id)
                start = match.end()
            waiting.append(trusted[start:])
            trusted = ""
            if piece.token_ids:
                finish()
                token_ids.extend(piece.token_ids)
            else:
                waiting.append(piece.text)
        finish()
        return token_ids

    def encode_trusted(self, text: str, limit: int | None = None) -> list[int]:
        """Ids of text of our own, in which added tokens are recognised: as transformers encodes any text.
        limit: as in encode_plain."""
        return self.encode_pieces([TextPiece(text, trusted=True)], limit)

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes that a token stands for; none for an id beyond the tokenizer (a padded vocabulary)."""
        token = self._tokens.get(token_id, "")
        try:
            return bytes([_BYTE_OF[character] for character in token])
        except KeyError:  # an added token, written in characters of its own
            return token.encode("utf-8")

    @cached_property
    def blank_ids(self) -> frozenset[int]:
        """Ids without text or of white space alone."""
        return self.special_ids | {i for i, token in self._tokens.items() if _WHITE_SPACE.issuperset(token)}

    def decode(self, token_ids: Iterable[int], *, skip_special: bool = True) -> str:
        """Text of ``token_ids``; bytes that are not UTF-8 become U+FFFD."""
        skipped = self.special_ids if skip_special else frozenset()
        return b"".join(self.token_bytes(i) for i in token_ids if i not in skipped).decode("utf-8", "replace")


def _too_long(limit: int) -> ContextLengthError:
    return ContextLengthError(
        f"the prompt has more than {limit} tokens, but the context holds {limit} and the answer needs some; "
        "use a shorter conversation"
    )


def _safe_cut(encoding: Encoding, window: str) -> tuple[int, int] | None:
    """(tokens, characters) up to the beginning of one of the window's last words, from where the rest can be
    tokenised alone; None where there is none. The very last word may go on beyond the window, and a character
    that may combine with the one before it must not begin the rest."""
    if not encoding.ids:
        return None
    last = encoding.token_to_word(len(encoding.ids) - 1)
    for word in range(last - 1, max(last - 65, 0), -1) if last is not None else ():
        tokens, characters = encoding.word_to_tokens(word), encoding.word_to_chars(word)
        if not tokens or not characters or not characters[0]:
            continue
        first = window[characters[0]]
        if not unicodedata.category(first).startswith("M") and not "\u1160" <= first <= "\u11ff":
            return tokens[0], characters[0]
    return None


def _pattern_of(added: Iterable[AddedToken]) -> re.Pattern[str]:
    """A pattern that finds added tokens, the longest where several begin; its last group is the content.
    It looks at the first character before anything else: a long text has few that begin a token."""
    alternatives, firsts = [], set()
    for token in sorted((each for each in added if each.content), key=lambda token: -len(token.content)):
        text = f"({re.escape(token.content)})"
        if token.single_word:
            text = rf"(?<!\w){text}(?!\w)"
        before, after = (r"\s*" if flag else "" for flag in (token.lstrip, token.rstrip))
        alternatives.append(before + text + after)
        firsts |= {re.escape(token.content[:1]), before and r"\s"}
    return re.compile(
        f"(?=[{''.join(sorted(firsts))}])(?:{'|'.join(alternatives)})" if alternatives else "(?!)"
    )


def _read_whole(path: Path) -> tuple[Tokenizer, dict[str, AddedToken]]:
    """The tokenizer of a tokenizer.json without its added tokens, and these."""
    with library_faults(CheckpointError, f"{path} cannot be read as a tokenizer, fetch the file again"):
        text = path.read_text(encoding="utf-8-sig")
        entries: list[dict[str, Any]] = []
        # cut out of the text: these files have megabytes that need no parsing in Python
        match = re.search(r'(?<!\\)"added_tokens"\s*:\s*(?=\[)', text)
        if match is not None:
            entries, end = json.JSONDecoder().raw_decode(text, match.end())
            text = text[: match.end()] + "[]" + text[end:]
        plain = Tokenizer.from_str(text)
        added: dict[str, AddedToken] = {}
        for entry in entries:
            token = _added_token(entry["id"], entry)
            if added.setdefault(token.content, token).id != token.id:
                raise CheckpointError(
                    f"{path} gives the added token {token.content[:40]!r} the ids {added[token.content].id} "
                    f"and {token.id}; fetch the file again"
                )
    kind = type(plain.model).__name__, type(plain.decoder).__name__
    if kind != ("BPE", "ByteLevel"):
        raise CheckpointError(
            f"{path} is a {kind[0]} tokenizer with decoder {kind[1]}; only byte-level BPE can be read"
        )
    return plain, added


def _read_parts(folder: Path) -> tuple[Tokenizer, dict[str, AddedToken]]:
    """The same from vocab.json, merges.txt and added_tokens.json, with Qwen2's pre-tokenizer and NFC."""
    with library_faults(CheckpointError, f"{folder}: vocab.json and merges.txt do not fit together"):
        plain = Tokenizer(BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    plain.normalizer = normalizers.NFC()
    plain.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    plain.decoder = decoders.ByteLevel()
    added = read_json(folder / "added_tokens.json", required=False)
    # the file gives no flags: tokens are special where the configs say so
    return plain, {content: AddedToken(int(i), content, special=False) for content, i in added.items()}


def _added_token(token_id: int, entry: Mapping[str, Any]) -> AddedToken:
    return AddedToken(
        id=token_id,
        content=entry["content"],
        special=bool(entry.get("special", False)),
        lstrip=bool(entry.get("lstrip", False)),
        rstrip=bool(entry.get("rstrip", False)),
        single_word=bool(entry.get("single_word", False)),
    )


def _content(entry: Any) -> str | None:
    """The text of a token that a config names, plainly or as an object."""
    if isinstance(entry, Mapping):
        entry = entry.get("content")
    return entry if isinstance(entry, str) and entry else None


def _extra_specials(config: Mapping[str, Any]) -> list[str]:
    """Further special tokens of a config: a list, or names with contents."""
    found: list[str] = []
    for key in ("additional_special_tokens", "extra_special_tokens"):
        entries = config.get(key) or []
        entries = entries.values() if isinstance(entries, Mapping) else entries
        found.extend(content for content in map(_content, entries) if content is not None)
    return found


def read_json(path: Path, *, required: bool = True) -> dict[str, Any]:
    """The object in a JSON file; empty where it is missing and not required. Raises CheckpointError."""
    if not path.is_file():  # a pipe would be waited for, a loop of links never ends
        if not required and not path.exists():
            return {}
        raise CheckpointError(f"{path} is missing or is not a regular file; the checkpoint is incomplete")
    try:
        loaded = parse_json(path.read_bytes(), str(path), error=CheckpointError)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}; fetch the file again") from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{path} holds no JSON object; fetch the file again")
    return loaded

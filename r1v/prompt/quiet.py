"""Calls of the tokenizers library whose panics must not be written to standard error.

Enters: a tokenizer, and calls of it. Leaves: what they give, or raise. Always holds: where the system lets a
thread have descriptors of its own (Linux), nothing that the library writes during a call reaches anybody; the
standard error of all other threads, and of processes that they start, is as it was.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tokenizers import Tokenizer

from r1v.core import CheckpointError, parse_json

T = TypeVar("T")

# Patterns that cut text before byte-pair merging, which no text can hold up: Qwen2's, Qwen3.5's, Llama 3's.
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?"
_REST = r"[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PATTERNS = frozenset(
    (
        _CONTRACTIONS + r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+" + _REST,
        _CONTRACTIONS + r"[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+" + _REST,
        _CONTRACTIONS + r"\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+" + _REST,
    )
)
_PLAIN = frozenset(("NFC", "NFD", "NFKC", "NFKD", "ByteLevel", "Digits"))
_CLONE_FILES = 0x400
_threads: dict[int, ThreadPoolExecutor] = {}  # of this process: a forked one has none of its threads


def is_usual(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer's normaliser and pre-tokenizer are made of parts that are known not to panic."""
    parts = (tokenizer.normalizer, tokenizer.pre_tokenizer)
    return all(
        part is None or _is_known(parse_json(part.__getstate__(), "the tokenizer", error=CheckpointError))
        for part in parts
    )


def _is_known(part: dict[str, Any]) -> bool:
    kind = part.get("type")
    if kind == "Sequence":
        return all(map(_is_known, part.get("normalizers") or part.get("pretokenizers") or ()))
    if kind == "Split":
        return part["pattern"].get("Regex") in PATTERNS
    return kind in _PLAIN


def quietly(call: Callable[[], T]) -> T:
    """What a call gives or raises, made by a thread whose output goes nowhere. One call at a time."""
    thread = _threads.get(os.getpid())
    if thread is None:
        made = ThreadPoolExecutor(1, "r1v-quiet", initializer=_silence)
        thread = _threads.setdefault(os.getpid(), made)
    return thread.submit(call).result()


def _silence() -> None:
    """Give this thread descriptors of its own: three that lead nowhere, and no others, since a copy would
    keep files and connections open that the process has closed."""
    if not sys.platform.startswith("linux"):
        return
    try:
        if ctypes.CDLL(None).unshare(_CLONE_FILES) != 0:
            return
    except (OSError, AttributeError):
        return
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    most = os.sysconf("SC_OPEN_MAX")
    os.closerange(3, most if 0 < most < 1 << 20 else 1 << 20)

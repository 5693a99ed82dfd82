"""Token ids in, one at a time; text out, never half a character.

Always holds: the pieces joined (with ``flush``) are the text of decoding all ids at once.
"""

from __future__ import annotations

import codecs

from r1v.prompt.tokenizer import TextTokenizer


class Detokenizer:
    """Text of a growing list of ids. Bytes of an unfinished character wait for the rest of it; bytes that can
    no longer become one are U+FFFD, as in decoding the whole."""

    def __init__(self, tokenizer: TextTokenizer, *, skip_special: bool = True) -> None:
        """skip_special: tokens such as the end of a turn give no text."""
        self._tokenizer = tokenizer
        self._skipped = tokenizer.special_ids if skip_special else frozenset()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token_id: int) -> str:
        """The text that this token completes; may be empty."""
        if token_id in self._skipped:
            return ""
        return self.feed(self._tokenizer.token_bytes(token_id))

    def feed(self, spelled: bytes) -> str:
        """The text that these bytes complete."""
        return self._decoder.decode(spelled)

    def flush(self) -> str:
        """The bytes that were held back, as U+FFFD; afterwards the detokenizer can be used again."""
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return text

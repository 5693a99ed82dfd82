"""Tries a grammar in a process of its own, because llguidance does not limit all of the work that a grammar
can cause.

Stands alone: it is started by path. Enters: a grammar in Lark on standard input. Leaves: nothing on standard
output if the grammar compiles, otherwise the reason in one line. The parent process ends it if it takes too
long.
"""

import contextlib
import resource
import sys

from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

MAX_BYTES = 4 << 30  # of address space


class Bytes:
    """A vocabulary of the 256 bytes and an end: what hangs on a grammar hangs with any vocabulary."""

    eos_token_id, bos_token_id = 256, None
    tokens = (*(bytes([value]) for value in range(256)), b"<end>")
    special_token_ids = (256,)

    def __call__(self, text: str) -> list[int]:
        """The ids of a text. llguidance wants a TypeError for anything else."""
        if not isinstance(text, str):
            raise TypeError("text only")
        return list(text.encode())


def main() -> None:
    with contextlib.suppress(ValueError, OSError):  # macOS refuses it
        resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    grammar = LLMatcher.grammar_from_lark(sys.stdin.read())
    matcher = LLMatcher(LLTokenizer(TokenizerWrapper(Bytes())), grammar, log_level=0)
    if matcher.is_error():
        print(str(matcher.get_error()).strip().split("\n")[0][:300])


if __name__ == "__main__":
    main()

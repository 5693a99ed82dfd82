"""Programs in answers.

Enters: the answer part of an output, in Markdown. Leaves: its last Python program. Always holds: a fence that
is not closed holds no program; the text of a block is given as it was written, without its common
indentation.
"""

from __future__ import annotations

import re
import textwrap

_FENCE = re.compile(
    r"[ \t]*(?:>[ \t]*)*(?P<marks>`{3,}|~{3,})[ \t]*\{?\.?(?P<language>[\w+#.-]*)(?P<rest>[^`]*)"
)
_PYTHON = {"", "python", "python2", "python3", "py", "py3", "ipython", "pycon", "pypy3", "sage"}


def extract_program(answer: str) -> str | None:
    """The last fenced block that is marked as Python or has no language; if there is none, the last block of
    any language; None without a block. Fences consist of backticks or tildes, may be indented and may have
    attributes."""
    blocks = list(_blocks(answer.replace("\r\n", "\n").replace("\r", "\n").split("\n")))
    chosen = [code for language, code in blocks if language in _PYTHON] or [code for _, code in blocks]
    return chosen[-1] if chosen and chosen[-1].strip() else None


def _blocks(lines: list[str]) -> list[tuple[str, str]]:
    """(language, code) of each closed block, in order."""
    found: list[tuple[str, str]] = []
    opened: tuple[str, str] | None = None  # marks and language
    code: list[str] = []
    for line in lines:
        match = _FENCE.fullmatch(line)
        if opened is None:
            if match:
                opened, code = (match["marks"], match["language"].lower()), []
        elif (
            match and match["marks"].startswith(opened[0]) and not (match["language"] + match["rest"]).strip()
        ):
            found.append((opened[1], textwrap.dedent("\n".join(code) + "\n") if code else ""))
            opened = None
        else:
            code.append(line)
    return found

r"""Statements that something holds for all, or for some, values of a letter.

Enters: a text such as ``\forall x \in \mathbb{R}, x^2 + 1 > 0``. Leaves: a ``Parametric`` whose parameter is
that letter. Always holds: "for all" is never "there is"; two statements are the same if the letter lies in
the same set and what is said of it is the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from r1v.scoring.answers import Collection, Parametric, Reading
from r1v.scoring.kinds.families import renamed

Read = Callable[[str], Reading]
_QUANTIFIED = re.compile(
    r"(?:\\(?P<sign>forall|exists)\s*|(?P<all>for\s+(?:all|every|any|each)\s+|(?:对于?)?任意的?\s*)"
    r"|(?P<some>there\s+(?:exists?|is)\s+(?:an?\s+|some\s+)?|存在\s*))"
    r"(?:实数\s*)?(?P<name>\\?[A-Za-z](?:_\{?\w\}?)?)(?![A-Za-z])\s*"
    r"(?:\\in\s*(?P<set>\\mathbb\s*\{?\s*[A-Z]\s*\}?(?:\s*[\^_]\s*\{?\s*[*+]\s*\}?)?|[(\[][^()\[\]]*[)\]])"
    r"|(?P<bound>(?:[<>]|\\(?:le|ge|ne))\s*-?\d+))?\s*"
    r"(?:[,:;]\s*|\\vert\s*|(?:,\s*)?(?:such\s+that|s\.t\.|有|使得?|都有|满足)\s*)+(?P<body>.+)",
    re.DOTALL | re.IGNORECASE,
)


def read_quantified(text: str, read: Read) -> Reading:
    """The statement that a text is, or nothing."""
    match = _QUANTIFIED.fullmatch(text.strip().rstrip("."))
    if match is None:
        return ()
    name = re.sub(r"[{}]", "", match["name"])
    every = match["sign"] == "forall" or match["all"] is not None
    where = match["set"] or (f"{name}{match['bound']}" if match["bound"] else "")
    inside = read(re.sub(r"(_)\{(\w)\}", r"\1\2", where)) if where else ()
    said = read(re.sub(r"(_)\{(\w)\}", r"\1\2", match["body"]))
    if not said:
        return ()
    statement = Collection((inside, said) if where else (said,), "(", ")")
    return (Parametric("all" if every else "some", renamed((statement,), name)),)

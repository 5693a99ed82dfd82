"""Compares the statements of a chain of thought about its picture with the picture's facts.

Enters: text, and the facts of a figure by name. Leaves: the number of facts that it states, and the number
that it states wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claims:
    """Statements about facts. stated: all of them; wrong: those that say another value than the fact has."""

    stated: int
    wrong: int


# statements are parted by semicolons, lines, and commas before a next ``name: ``
_APART = re.compile(r"[;\n]|, (?=[^,;:=\n]+: )")
# what may follow a value: the hydrogens so far, or a sum
_REMARK = re.compile(r", (\d+ H|\d[^,]* = [^,]*)$")


def check(thinking: str, facts: Mapping[str, str]) -> Claims:
    """The statements ``name: value`` and ``name = value`` of a chain whose name is that of a fact."""
    stated = wrong = 0
    for statement in _APART.split(thinking):
        for mark in (":", "="):
            name, found, value = statement.partition(mark)
            if found and name.strip() in facts:
                given, fact = value.strip().rstrip("."), facts[name.strip()]
                stated += 1
                wrong += given != fact and _REMARK.sub("", given) != fact
                break
    return Claims(stated, wrong)

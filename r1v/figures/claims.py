"""What a chain of thought says about its picture, held against the picture's facts.

Enters: text, and the facts of a figure by name. Leaves: how many facts it states, and how many of those
wrongly.
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


def check(thinking: str, facts: Mapping[str, str]) -> Claims:
    """The statements ``name: value`` and ``name = value`` of a chain, parted by semicolons and lines."""
    stated = wrong = 0
    for statement in re.split(r"[;\n]", thinking):
        for mark in (":", "="):
            name, found, value = statement.partition(mark)
            if found and name.strip() in facts:
                stated += 1
                wrong += value.strip().rstrip(".") != facts[name.strip()]
                break
    return Claims(stated, wrong)

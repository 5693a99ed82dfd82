"""What a typed sum is, and the ways to write a number and a sign."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from r1v.figures.item import AnswerType, Split

SIGNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # of training, and held out
    "+": (("+", "+", " + ", " + ", " plus ", "+ "), (" +", " added to ")),
    "-": (("-", "-", " - ", " - ", " minus ", "- "), (" -", " take away ")),
    "×": (("*", " * ", "x", " x ", "×", " × ", " times ", " X ", "* "), ("·", " multiplied by ", " *")),
    "÷": (("/", " / ", "÷", " ÷ ", " divided by ", ":", "/ "), (" : ", " over ", " /")),
}
FURTHER_SIGNS: dict[str, tuple[str, ...]] = {  # of training alone
    "+": (
        "  + ",
        "+  ",
        " +  ",
        "  +  ",
        " and ",
        " added onto ",
        " increased by ",
        " together with ",
        " ＋ ",
        "加",
    ),
    "-": ("  - ", "-  ", " -  ", " less ", " decreased by ", " reduced by ", " – ", "−", " − ", "减"),
    "×": ("  * ", "*  ", " *  ", "x ", " x  ", " multiplied with ", " times by ", " ⋅ ", "·  ", "乘", "乘以"),
    "÷": ("  / ", "/  ", " /  ", " divided through ", " split by ", "÷ ", " ÷  ", "除以"),
}
_BETWEEN = re.compile(r"(?<=\d) *([-+*/×÷x]) *(?=\d)")


@dataclass(frozen=True, slots=True)
class Sum:
    """What is asked, in one form or ready for a frame, the exact answer, and the lines of the chain."""

    text: str
    answer: str
    lines: tuple[str, ...]
    answer_type: AnswerType = "number"
    framed: bool = True  # put into one of FRAMES


def written(value: Fraction | int) -> str:
    """A number as people write it: whole, a decimal where it ends within three places, else a fraction."""
    value = Fraction(value)
    if value.denominator == 1:
        return str(value.numerator)
    for places in (1, 2, 3):
        if (value * 10**places).denominator == 1:
            digits = f"{abs(int(value * 10**places)):0{places + 1}d}"
            return ("-" if value < 0 else "") + f"{digits[:-places]}.{digits[-places:]}"
    return f"{value.numerator}/{value.denominator}"


def sign_as_typed(sign: str, split: Split, rng: Random) -> str:
    """A way to write it; of training now and then one of the further ones."""
    seen, held = SIGNS[sign]
    if split == "train" and rng.random() < 0.2:
        return rng.choice(FURTHER_SIGNS[sign])
    return rng.choice(held if split == "heldout" and rng.random() < 0.3 else seen)


def uneven(text: str, rng: Random) -> str:
    """A sum with blanks here and there; one before a sign and none behind it is a held-out form."""
    blanks = ("", " ", "  ")

    def again(match: re.Match[str]) -> str:
        before, behind = rng.choice(blanks), rng.choice(blanks)
        return f"{before}{match[1]}{behind or ' ' * bool(before)}"

    return _BETWEEN.sub(again, text)

"""What a typed sum is, and the ways to write a number and a sign."""

from __future__ import annotations

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
    seen, held = SIGNS[sign]
    return rng.choice(held if split == "heldout" and rng.random() < 0.3 else seen)

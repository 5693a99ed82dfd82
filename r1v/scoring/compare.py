r"""Whether a free answer means the same as the right one, by the cheapest sure way.

Enters: two short texts. Leaves: yes or no, and which rule said so. Always holds: exact strings first,
then times, ratios, numbers with units, words, molecules, parts, polynomials, all in exact arithmetic;
math-verify (if a verifier is given) is asked last, about what the rules before it do not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol, TypeAlias

from r1v.scoring.equivalence import MAX_LENGTH, AnswerType, equivalent, parse_number, plain
from r1v.scoring.formula import atoms, expressions_differ, same_formula
from r1v.scoring.parts import Parts, plus_minus, same_parts, split_parts
from r1v.scoring.units import Quantity, parse_quantity, same_quantity
from r1v.scoring.verifier import Verification

AnswerKind: TypeAlias = AnswerType | Literal["math"]
Rule: TypeAlias = Literal[
    "exact",
    "time",
    "ratio",
    "number",
    "base",
    "words",
    "molecule",
    "parts",
    "polynomial",
    "typed",
    "math-verify",
]

MAX_DEPTH = 3
_NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
}
_CLOCK = re.compile(r"\d{1,2}\s*:\s*[0-5]\d(?:\s*:\s*[0-5]\d)?\s*(?:[ap]\.?\s*m\.?)?", re.IGNORECASE)
_RATIO = re.compile(r"\(?(\d+(?:\.\d+)?)\s*(?::|\\colon|to)\s*(\d+(?:\.\d+)?)\)?")
_BASE = re.compile(r"\(?([0-9A-Fa-f]+)\)?_\s*\{?\s*(\d{1,2})\s*\}?")
_WORDS = re.compile(r"[^\W\d_]+(?:[\s'’\-,./&]+[^\W\d_]+)*", re.UNICODE)
_CONNECTIVE = re.compile(
    r"(?<![A-Za-z\\])(?:or|and|not|between|from|to|either|than|about|only|is|are)(?![A-Za-z])"
)
_APPROXIMATE = re.compile(r"^\s*(?:\\approx|≈|\\simeq|~)\s*")
_LONG_WORD = re.compile(
    r"(?<![A-Za-z\\])(?!sin|cos|tan|log|exp|arc|sqrt|mod|gcd|lcm|max|min|det)[A-Za-z]{3,}"
)
_COMMAND = re.compile(r"\\[A-Za-z]+")
_MATRIX = re.compile(
    r"(?:\\left[(\[|]?)?\s*\\begin\{[bpBvV]?(?:matrix|array)\}(?:\{[clr|]*\})?(.*?)\\end\{[bpBvV]?(?:matrix|array)\}"
    r"\s*(?:\\right[)\]|]?)?",
    re.DOTALL,
)
_ASSIGNED = re.compile(r"\s*([A-Za-z\\][A-Za-z_0-9\\{}']{0,20}(?:\([A-Za-z0-9, ]{1,12}\))?)\s*=\s*([^=]+)")
_DECIMAL_PLACES = re.compile(r"[+-]?\d*\.(\d{6,})")
_SHORT_WORDS = {"no", "on", "up", "in", "ok"}
_ARTICLES = re.compile(r"\b(?:the|a|an)\b\s*", re.IGNORECASE)


class Verifier(Protocol):
    """What ``verifier.MathVerifier`` offers."""

    def __call__(self, given: str, answer: str) -> Verification: ...


@dataclass(frozen=True, slots=True)
class Match:
    """equal: the verdict. rule: what decided it. timed_out: math-verify was asked and did not end."""

    equal: bool
    rule: Rule
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a number may be off: ``absolute`` in the answer's unit, or ``relative`` to its size."""

    absolute: float = 0.0
    relative: float = 0.0

    def accepts(self, given: float, answer: float) -> bool:
        """Whether a number is near enough."""
        return abs(given - answer) <= max(self.absolute, self.relative * abs(answer))

    def __bool__(self) -> bool:
        return self.absolute > 0 or self.relative > 0


EXACT = Tolerance()


def compare(
    given: str,
    answer: str,
    kind: AnswerKind = "math",
    tolerance: Tolerance = EXACT,
    verifier: Verifier | None = None,
) -> Match:
    """Compare an answer with the right one.

    kind: a type of ``equivalent``, or "math" for any free answer. verifier: math-verify; None leaves what the
    rules do not read unequal. A decimal of six places or more stands for the number that it rounds.
    """
    if kind == "number":
        left, right = parse_quantity(given), parse_quantity(answer)
        if left is not None and right is not None:
            found = same_quantity(left, right, tolerance.absolute, tolerance.relative)
            if found is not None:
                return Match(found, "number")
    if kind != "math":
        return Match(equivalent(given, answer, kind, tolerance.absolute), "typed")
    if len(given) > MAX_LENGTH or len(answer) > MAX_LENGTH:
        return Match(given == answer, "exact")
    return _Comparison(tolerance, verifier).whole(given, answer, 0)


class _Comparison:
    """One comparison of free answers; parts are compared by the same rules."""

    def __init__(self, tolerance: Tolerance, verifier: Verifier | None) -> None:
        self.tolerance = tolerance
        self.verifier = verifier
        self.timed_out = False

    def whole(self, given_raw: str, answer_raw: str, depth: int) -> Match:
        given, answer = (_undressed(text) for text in (given_raw, answer_raw))
        if not answer or not given:
            return Match(given == answer, "exact")
        if "".join(given.split()) == "".join(answer.split()):
            return Match(True, "exact")
        if r"\begin" in answer_raw or r"\begin" in given_raw:
            return self._matrix(given_raw, answer_raw, depth)
        names = [_ASSIGNED.fullmatch(text) for text in (given, answer)]
        if names[0] and names[1] and names[0][1] != names[1][1] and not re.search(
            "[A-Za-z]", _COMMAND.sub("", names[0][2] + names[1][2])
        ):  # fmt: skip
            return Match(False, "parts")
        given, answer = _without_name(given, answer)
        for rule in (self._time, self._ratio, self._base, self._number, self._words, self._molecule):
            if (found := rule(given, answer)) is not None:
                return found
        left, right = split_parts(given), split_parts(answer)
        if (left or right) and depth < MAX_DEPTH:
            return self._parts(left, right, given, answer, depth)
        if (differ := expressions_differ(given, answer)) is not None:
            near = differ and self.tolerance and self._verified(given, answer)
            return Match(bool(near or not differ), "polynomial")
        return Match(self._verified(given, answer), "math-verify", self.timed_out)

    def _time(self, given: str, answer: str) -> Match | None:
        clocks = [bool(_CLOCK.fullmatch(text)) for text in (given, answer)]
        if not any(clocks):
            return None
        given = re.sub(r"\s*[ap]\.\s*m\.?", lambda match: match[0].replace(".", ""), given)
        return Match("." not in given and equivalent(given, answer, "time"), "time")

    def _ratio(self, given: str, answer: str) -> Match | None:
        left, right = _RATIO.fullmatch(given), _RATIO.fullmatch(answer)
        if left is None and right is None:
            return None
        if left is None or right is None:
            return Match(False, "ratio")
        cross = [Fraction(a) * Fraction(b) for a, b in ((left[1], right[2]), (left[2], right[1]))]
        return Match(cross[0] == cross[1], "ratio")

    def _base(self, given: str, answer: str) -> Match | None:
        """Numerals with their base: the base may be left out, since the question names it."""
        left, right = _BASE.fullmatch(given), _BASE.fullmatch(answer)
        if right is None or (left is None and not re.fullmatch(r"[0-9A-Fa-f]+", given)):
            return None
        try:
            value = int(right[1], int(right[2]))
            return Match(value == (int(left[1], int(left[2])) if left else int(given, int(right[2]))), "base")
        except ValueError:  # a digit or a base out of range
            return Match(False, "base")

    def _number(self, given: str, answer: str) -> Match | None:
        left, right = _quantity(given), _quantity(answer)
        if left is None or right is None:
            return None
        found = same_quantity(left, right, self.tolerance.absolute, self.tolerance.relative)
        if found is None:
            return None
        return Match(found or _rounds_to(given, left, right), "number")

    def _words(self, given: str, answer: str) -> Match | None:
        """Words are compared as words: to a formula reader, "tea" is t·e·a."""
        if not _WORDS.fullmatch(answer) or not (
            answer.casefold() in _SHORT_WORDS
            or not answer.isascii()
            or (_LONG_WORD.search(answer) and re.search("[aeiouy]", answer.casefold()))
        ):
            return None
        return Match(_folded(given) == _folded(answer), "words")

    def _molecule(self, given: str, answer: str) -> Match | None:
        counts = atoms(answer)
        if counts is None or not re.search(r"[A-Z][a-z]|[A-Z)][_{]*\d", answer):
            return None
        texts = ["".join(re.sub(r"[_{}\s]", "", text).split()) for text in (given, answer)]
        return Match(texts[0] == texts[1], "molecule")

    def _matrix(self, given: str, answer: str, depth: int) -> Match:
        """Matrices entry by entry; other environments (cases, arrays) are left to math-verify."""
        left, right = _matrix_rows(given), _matrix_rows(answer)
        if left is None and right is None:
            return Match(self._verified(given, answer), "math-verify", self.timed_out)
        if left is None or right is None or [len(row) for row in left] != [len(row) for row in right]:
            return Match(False, "parts")
        pairs = [pair for rows in zip(left, right, strict=True) for pair in zip(*rows, strict=True)]
        return Match(all(self.whole(a, b, depth + 1).equal for a, b in pairs), "parts", self.timed_out)

    def _parts(self, left: Parts | None, right: Parts | None, given: str, answer: str, depth: int) -> Match:
        def same(first: str, second: str) -> bool:
            found = self.whole(first, second, depth + 1)
            self.timed_out |= found.timed_out
            return found.equal

        if left and right:
            return Match(same_parts(left, right, same), "parts", self.timed_out)
        one, text = (left, answer) if left else (right, given)
        assert one is not None
        if len(one.items) == 1:  # a set of one
            return Match(
                same(one.items[0], text) if left else same(text, one.items[0]), "parts", self.timed_out
            )
        if re.search(r"\\begin|\\cup|\\setminus|[<>]|\\(?:leq?|geq?|lt|gt)(?![A-Za-z])", text):
            return Match(self._verified(given, answer), "math-verify", self.timed_out)
        return Match(False, "parts")

    def _verified(self, given: str, answer: str) -> bool:
        if self.verifier is None or _CONNECTIVE.search(given) or _LONG_WORD.search(given + " " + answer):
            return False
        verification = self.verifier(given, answer)
        self.timed_out |= verification.timed_out
        values = (verification.given, verification.answer)
        if self.tolerance and values[0] is not None and values[1] is not None:
            return verification.equal or self.tolerance.accepts(values[0], values[1])
        return verification.equal and _same_shape(given, answer)


def _undressed(text: str) -> str:
    text = _APPROXIMATE.sub("", plain(text))
    for name in ("dfrac", "tfrac"):
        text = text.replace(f"\\{name}", "\\frac")
    text = re.sub(r"\\log_\{?\s*e\s*\}?(?![A-Za-z])", r"\\ln", text.replace("{,}", ",").strip())
    folded = text.casefold()
    return _NUMBER_WORDS.get(folded, text)


def _without_name(given: str, answer: str) -> tuple[str, str]:
    """Both texts, without "x =" where only one has it or both have the same."""
    left, right = _ASSIGNED.fullmatch(given), _ASSIGNED.fullmatch(answer)
    equations = any(("=" in text) != (named is not None) for text, named in ((given, left), (answer, right)))
    if (left and right and left[1] != right[1]) or equations:
        return given, answer
    if split_parts(given) or split_parts(answer):
        only_given = left and not right and "," not in given.split("=")[0]
        return (
            (left[2].strip(), answer)
            if only_given and left and len(_top_names(given)) == 1
            else (given, answer)
        )
    return (left[2].strip() if left else given), (right[2].strip() if right else answer)


def _top_names(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]\s*=", text)


def _matrix_rows(text: str) -> list[list[str]] | None:
    """The entries of a matrix, row by row."""
    match = _MATRIX.fullmatch(text.strip().strip("$").strip())
    if match is None:
        return None
    rows = re.split(r"\\\\(?:\[[^\]]*\])?", match[1])
    return [[entry.strip() for entry in row.split("&")] for row in rows if row.strip()]


def _quantity(text: str) -> Quantity | None:
    """As ``parse_quantity``, but letters that touch the number are a unit only if they cannot be
    variables."""
    quantity = parse_quantity(text)
    if quantity is None or not quantity.unit:
        return quantity
    return None if quantity.touching and (len(quantity.unit) == 1 or quantity.factor is None) else quantity


def _rounds_to(text: str, given: Quantity, answer: Quantity) -> bool:
    """Whether a decimal of six places or more is the rounding of a fraction."""
    match = _DECIMAL_PLACES.fullmatch(text.strip())
    if match is None or given.unit or answer.value.denominator == 1:
        return False
    places = len(match[1])
    return abs(given.value - answer.value) <= Fraction(1, 2 * 10**places)


def _folded(text: str) -> str:
    return " ".join(_ARTICLES.sub("", text.casefold().replace("-", " ").replace("’", "'")).split())


def _same_shape(given: str, answer: str) -> bool:
    """Whether math-verify's yes can be believed: it reads a product of letters, a case or a bracket
    loosely."""
    if sorted(re.findall(r"[<>≤≥]|\\(?:leq?|geq?|neq?|lt|gt)(?![A-Za-z])|=", given)) != sorted(
        re.findall(r"[<>≤≥]|\\(?:leq?|geq?|neq?|lt|gt)(?![A-Za-z])|=", answer)
    ) and not re.search(r"\\(?:infty|cup)|∞", given + answer):
        return not ("=" in given and "=" in answer)
    letters = [set(re.findall("[A-Za-z]", _COMMAND.sub("", text))) for text in (given, answer)]
    return {x.casefold() for x in letters[0]} != {x.casefold() for x in letters[1]} or letters[0] == letters[
        1
    ]


__all__ = [
    "EXACT",
    "AnswerKind",
    "Match",
    "Tolerance",
    "Verifier",
    "compare",
    "parse_number",
    "plus_minus",
    "same_formula",
]

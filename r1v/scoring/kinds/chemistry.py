r"""Chemical formulas and reactions.

Enters: tidy text. Leaves: the atoms of a formula, the formula as it is written, or the two sides of a
reaction. Always holds: a reaction has a direction; a formula as an answer is compared as it is written,
because the order distinguishes isomers.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

ELEMENTS = frozenset(
    (
        "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br "
        "Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er "
        "Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U"
    ).split()
)
_CE = re.compile(r"\\ce\s*\{(.*)\}\s*", re.DOTALL)
_DRESS = re.compile(r"[_{}\s]|\\ce(?![a-z])")
_STATE = re.compile(r"\((?:s|l|g|aq)\)|[↑↓]|\\(?:uparrow|downarrow)(?![a-z])")
_ATOM = re.compile(r"([A-Z][a-z]?)(\d{0,6})|([(\[])|[)\]](\d{0,6})")
_CHARGE = re.compile(r"\^(\d*[+-]|[+-]\d*)$")
_ARROW = re.compile(
    r"<=>|<->|-+>|\\(?:rightleftharpoons|to)(?![a-z])|\\xrightarrow\s*(?:\[[^\]]*\])?\{[^{}]*\}|="
)
_PLUS = re.compile(r"\s\+\s|(?<!\^)(?<!\^\d)(?<!\{)(?<!\{\d)\+(?=\s*\d*\s*[A-Z(e])")
_HYDRATE = re.compile(r"(.+?)(?:\\cdot|\\bullet|\*|\.)\{?(\d{0,3})H2O")
_SURE = re.compile(r"[A-Z][a-z]|[A-Z)\]]\d|\^\d*[+-]")


@dataclass(frozen=True, slots=True)
class Formula:
    """written: without subscript signs, braces, spaces and states of matter."""

    written: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """Each side: the number of each formula. reversible: an arrow in both directions."""

    left: frozenset[tuple[str, int]]
    right: frozenset[tuple[str, int]]
    reversible: bool


def atoms(text: str) -> Counter[str] | None:
    """Atoms of a formula (``C6H12O6``, ``C_6H_6``, ``Ca(OH)2``) and their counts, or None if the text is not
    a formula."""
    text = _CHARGE.sub("", _DRESS.sub("", _STATE.sub("", text)))
    stack: list[Counter[str]] = [Counter()]
    position = 0
    for match in _ATOM.finditer(text):
        if match.start() != position:
            return None
        position = match.end()
        element, count, opened, group_count = match.groups()
        if element is not None:
            if element not in ELEMENTS:
                return None
            stack[-1][element] += int(count or 1)
        elif opened:
            stack.append(Counter())
        elif len(stack) == 1:
            return None
        else:
            group, times = stack.pop(), int(group_count or 1)
            for name, number in group.items():
                stack[-1][name] += number * times
    return stack[0] if position == len(text) and len(stack) == 1 and stack[0] else None


def read_formula(text: str) -> Formula | None:
    r"""A formula, or a salt with its water (``CuSO4.5H2O``), that cannot be a product of variables: it has a
    symbol of two letters, a count, a charge or ``\ce``."""
    marked = _CE.fullmatch(text)
    written = _DRESS.sub("", _STATE.sub("", marked[1] if marked else text))
    if hydrate := _HYDRATE.fullmatch(written):
        salt, water = hydrate.groups()
        return Formula(f"{salt}.{water or 1}H2O") if atoms(salt) and _SURE.search(salt) else None
    if atoms(written) is None or not (marked or _SURE.search(written)):
        return None
    return Formula(written)


def read_reaction(text: str) -> Reaction | None:
    """Two sides of formulas with their numbers, joined by an arrow or an equals sign; None for anything
    else."""
    marked = _CE.fullmatch(text)
    text = marked[1] if marked else text
    arrows = list(_ARROW.finditer(text))
    if len(arrows) != 1:
        return None
    sides = [_side(part) for part in (text[: arrows[0].start()], text[arrows[0].end() :])]
    left, right = sides
    if left is None or right is None or not any(_SURE.search(name) for name, _ in left | right):
        return None
    return Reaction(left, right, arrows[0][0] in (r"\rightleftharpoons", "<=>", "<->"))


def _side(text: str) -> frozenset[tuple[str, int]] | None:
    counts: Counter[str] = Counter()
    for term in _PLUS.split(text):
        match = re.fullmatch(r"\s*(\d{0,4})\s*(.+?)\s*", term, re.DOTALL)
        if match is None:
            return None
        written = _DRESS.sub("", _STATE.sub("", match[2]))
        if atoms(written) is None and written not in ("e^-", "e-"):
            return None
        counts[written] += int(match[1] or 1)
    return frozenset(counts.items())

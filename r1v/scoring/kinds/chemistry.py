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
NAMES = {
    "hydrogen": "H", "helium": "He", "lithium": "Li", "beryllium": "Be", "boron": "B", "carbon": "C",
    "nitrogen": "N", "oxygen": "O", "fluorine": "F", "neon": "Ne", "sodium": "Na", "magnesium": "Mg",
    "aluminium": "Al", "aluminum": "Al", "silicon": "Si", "phosphorus": "P", "sulfur": "S",
    "sulphur": "S", "chlorine": "Cl", "argon": "Ar", "potassium": "K", "calcium": "Ca", "iron": "Fe",
    "cobalt": "Co", "nickel": "Ni", "copper": "Cu", "zinc": "Zn", "strontium": "Sr", "technetium": "Tc",
    "silver": "Ag", "iodine": "I", "caesium": "Cs", "cesium": "Cs", "barium": "Ba", "gold": "Au",
    "mercury": "Hg", "lead": "Pb", "polonium": "Po", "radon": "Rn", "radium": "Ra", "thorium": "Th",
    "protactinium": "Pa", "uranium": "U", "neptunium": "Np", "plutonium": "Pu", "americium": "Am",
}  # fmt: skip
_PARTICLES = {
    "alpha particle": "^4He", "alpha": "^4He", "\\alpha": "^4He", "helium nucleus": "^4He",
    "beta particle": "^0e-1", "beta minus particle": "^0e-1", "electron": "^0e-1", "positron": "^0e+1",
    "beta plus particle": "^0e+1", "neutron": "^1n", "proton": "^1H", "deuteron": "^2H",
}  # fmt: skip
_NUCLIDE = re.compile(
    r"(?:\{\s*\})?\s*\^\{?(\d{1,3})\}?\s*(?:_\{?([+-]?\d{1,3})\}?)?\s*([A-Z][a-z]?|[enp])"
    r"|(?:\{\s*\})?\s*_\{?([+-]?\d{1,3})\}?\s*\^\{?(\d{1,3})\}?\s*([A-Z][a-z]?|[enp])"
)
_NUCLIDE_NAME = re.compile(r"([A-Z][a-z]?|[a-z]{3,13})\s*-\s*(\d{1,3})", re.IGNORECASE)
_CORES = {
    "He": "1s2", "Ne": "1s22s22p6", "Ar": "1s22s22p63s23p6", "Kr": "1s22s22p63s23p63d104s24p6",
    "Xe": "1s22s22p63s23p63d104s24p64d105s25p6",
}  # fmt: skip
_CORE = re.compile(r"\[(He|Ne|Ar|Kr|Xe)\]")
_ORBITALS = re.compile(r"(?:\d[spdf]\d{1,2})+")
_ORBITAL = re.compile(r"(\d)([spdf])(1[0-4]|[1-9])(?=\d[spdf]|$)")
_BARE_CHARGE = re.compile(r"^([A-Z][a-z]?)(\d?)([+-])$")  # Fe3+, Na+
_BARE_GROUP_CHARGE = re.compile(r"^((?:[A-Z][a-z]?\d{0,2}){2,})([+-])$")  # NO3-
_HYBRID = re.compile(r"s\^?\{?1?\}?p\^?\{?([23]?)\}?(?:d\^?\{?([23]?)\}?)?")
_CE = re.compile(r"\\ce\s*\{(.*)\}\s*", re.DOTALL)
_DRESS = re.compile(r"[_{}\s]|\\ce(?![a-z])")
_STATE = re.compile(r"\((?:s|l|g|aq)\)|[↑↓]|\\(?:uparrow|downarrow)(?![a-z])")
_ATOM = re.compile(r"([A-Z][a-z]?)(\d{0,6})|([(\[])|[)\]](\d{0,6})")
_CHARGE = re.compile(r"\^(\d*[+-]|[+-]\d*)$")
_ARROW = re.compile(
    r"(?:-+|=+)>(?:\[[^\]]*\]){0,2}|\\rightleftharpoons(?![a-z])\s*(?:\[[^\]]*\]){0,2}|\\to(?![a-z])|=+"
    r"|\\x(?:rightarrow|longequal|rightleftharpoons)\s*(?:\[[^\]]*\])?\{[^{}]*\}"
    r"|\\(?:overset|stackrel)\s*\{[^{}]*\}\s*\{?\s*(?:\\to(?![a-z])|\\rightleftharpoons(?![a-z])|=+)\s*\}?"
)
_PLUS = re.compile(r"\s\+\s|(?<!\^)(?<!\^\d)(?<!\{)(?<!\{\d)\+(?=\s*\d*\s*[A-Z(e])")
_MARKED_STATE = re.compile(r"\s+(?:\^|v|\(\^\)|\(v\))\s*$|_\s*\{?\s*\((?:s|l|g|aq)\)\s*\}?")
_HYDRATE = re.compile(r"(.+?)(?:\\cdot|\\bullet|\*|\.)\{?(\d{0,3})H2O")
_SURE = re.compile(r"[A-Z][a-z]|[A-Z)\]]\d|\^\d*[+-]")


@dataclass(frozen=True, slots=True)
class Formula:
    """written: without subscript signs, braces, spaces and states of matter."""

    written: str


_CONCENTRATION = re.compile(r"\[\s*([A-Z(][^\[\],;]*?)\s*\](?!\s*[\d(])")


def named_concentrations(text: str) -> str:
    r"""``[Ag^+]^2[CrO_4^{2-}]`` with a letter for each concentration, so that it is read as a product."""

    def letter(match: re.Match[str]) -> str:
        written = _DRESS.sub("", match[1])
        if atoms(written) is None or not (_SURE.search(written) or re.search(r"\^\W*\d?[+-]", match[1])):
            return match[0]
        spelled = re.sub(r"\W", lambda sign: {"+": "p", "-": "m"}.get(sign[0], ""), written)
        return f"c_{{{spelled}}}"

    return _CONCENTRATION.sub(letter, text) if "[" in text and ">[" not in text else text


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


def charge(text: str) -> int:
    """The charge of a formula in units of e: ``SO_4^{2-}``, ``Fe2+``, ``OH^-``; 0 where none is written."""
    match = _CHARGE.search(_DRESS.sub("", _STATE.sub("", _with_marked_charge(text))))
    if match is None:
        return 0
    size = int(re.sub(r"\D", "", match[1]) or 1)
    return -size if "-" in match[1] else size


def _with_marked_charge(text: str) -> str:
    """``Fe3+`` and ``NO3-`` with a superscript for the charge."""
    return _BARE_GROUP_CHARGE.sub(r"\1^{\2}", _BARE_CHARGE.sub(r"\1^{\2\3}", text.strip()))


def same_molecule(given: str, answer: str) -> bool | None:
    """Whether a formula has the atoms and the charge of the right one; None where that is no formula."""
    right = atoms(_with_marked_charge(answer))
    return (
        None
        if right is None
        else atoms(_with_marked_charge(given)) == right and charge(given) == charge(answer)
    )


def read_formula(text: str) -> Formula | None:
    r"""A formula, or a salt with its water (``CuSO4.5H2O``), that cannot be a product of variables: it has a
    symbol of two letters, a count, a charge or ``\ce``."""
    if (found := read_nuclide(text) or read_shells(text)) is not None:
        return found
    text = _with_marked_charge(text)
    marked = _CE.fullmatch(text)
    written = _DRESS.sub("", _STATE.sub("", marked[1] if marked else text))
    written = _with_marked_charge(written) if marked else written
    written = _DRESS.sub("", written)
    if hydrate := _HYDRATE.fullmatch(written):
        salt, water = hydrate.groups()
        return Formula(f"{salt}.{water or 1}H2O") if atoms(salt) and _SURE.search(salt) else None
    if atoms(written) is None or not (marked or _SURE.search(written)):
        return None
    return Formula(written.replace("C2H5", "CH3CH2"))


def read_nuclide(text: str) -> Formula | None:
    """``{}^{14}_{6}C``, ``carbon-14`` and ``C-14``, and the particles of decays by their names: with the mass
    number, and without the atomic number, which the element says already."""
    if match := _NUCLIDE.fullmatch(text.strip()):
        mass, charge, symbol = (match[1], match[2], match[3]) if match[3] else (match[5], match[4], match[6])
        if symbol == "e":
            return Formula(f"^{mass}e{int(charge):+d}") if charge else None
        if symbol in ("n", "p"):
            return Formula(f"^{mass}{'H' if symbol == 'p' else 'n'}")
        return Formula(f"^{mass}{symbol}") if symbol in ELEMENTS else None
    words = re.sub(r"^(?:an?|the)\s+", "", text.strip().casefold().replace("α", "alpha"))
    if words in _PARTICLES:
        return Formula(_PARTICLES[words])
    if match := _NUCLIDE_NAME.fullmatch(text.strip()):
        symbol = NAMES.get(match[1].casefold(), match[1])
        return Formula(f"^{match[2]}{symbol}") if symbol in ELEMENTS else None
    return None


def read_shells(text: str) -> Formula | None:
    """An electron configuration, with a noble gas for its core or without: its orbitals in rising order."""
    bare = re.sub(r"[\^{}\s]|\\mathrm", "", text)
    bare = _CORE.sub(lambda match: _CORES[match[1]], bare)
    if re.match("sp", bare) and (hybrid := _HYBRID.fullmatch(bare)):
        return Formula(f"sp{hybrid[1]}{'d' if 'd' in bare else ''}{hybrid[2] or ''}")
    if not _ORBITALS.fullmatch(bare):
        return None
    found = _ORBITAL.findall(bare)
    if "".join("".join(one) for one in found) != bare:
        return None
    return Formula(" ".join(sorted("".join(one) for one in found)))


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
    return Reaction(left, right, "rightleftharpoons" in arrows[0][0])


def _side(text: str) -> frozenset[tuple[str, int]] | None:
    counts: Counter[str] = Counter()
    text = _STATE.sub("", text)
    for term in _PLUS.split(text):
        match = re.fullmatch(r"\s*(\d{0,4})\s*(.+?)\s*", term, re.DOTALL)
        if match is None:
            return None
        bare = _STATE.sub("", _MARKED_STATE.sub("", match[2]))
        written = _DRESS.sub("", _with_marked_charge(bare))
        if atoms(written) is None and written not in ("e^-", "e-"):
            return None
        counts[written] += int(match[1] or 1)
    return frozenset(counts.items())

"""Names of inorganic compounds and ions.

Enters: a short text in words. Leaves: the formula, or None. Always holds: formulas follow from the charges of
the ions, or from the number prefixes of the name; the few names without a system stand in one table.
"""

from __future__ import annotations

import math
import re

from r1v.scoring.kinds.chemistry import NAMES, Formula, read_formula

_TRIVIAL = {
    "water": "H2O", "ammonia": "NH3", "methane": "CH4", "ozone": "O3", "hydrogen peroxide": "H2O2",
    "hydrochloric acid": "HCl", "sulfuric acid": "H2SO4", "sulphuric acid": "H2SO4", "nitric acid": "HNO3",
    "carbonic acid": "H2CO3", "phosphoric acid": "H3PO4", "sulfurous acid": "H2SO3", "nitrous acid": "HNO2",
    "acetic acid": "CH3COOH", "ethanoic acid": "CH3COOH", "ethanol": "CH3CH2OH", "methanol": "CH3OH",
    "hydrogen chloride": "HCl", "hydrogen sulfide": "H2S", "hydrogen fluoride": "HF",
    "hydrogen bromide": "HBr",
}  # fmt: skip
_CATIONS = {
    **dict.fromkeys(("Li", "Na", "K", "Cs", "Ag", "H"), 1),
    **dict.fromkeys(("Be", "Mg", "Ca", "Sr", "Ba", "Zn", "Ra"), 2), "Al": 3,
}  # fmt: skip
_IDES = {
    "fluoride": ("F", 1), "chloride": ("Cl", 1), "bromide": ("Br", 1), "iodide": ("I", 1), "oxide": ("O", 2),
    "sulfide": ("S", 2), "sulphide": ("S", 2), "nitride": ("N", 3), "phosphide": ("P", 3),
    "hydride": ("H", 1),
}  # fmt: skip
_GROUPS = {
    "hydroxide": ("OH", 1), "nitrate": ("NO3", 1), "nitrite": ("NO2", 1), "sulfate": ("SO4", 2),
    "sulphate": ("SO4", 2), "sulfite": ("SO3", 2), "carbonate": ("CO3", 2), "bicarbonate": ("HCO3", 1),
    "hydrogen carbonate": ("HCO3", 1), "phosphate": ("PO4", 3), "permanganate": ("MnO4", 1),
    "chlorate": ("ClO3", 1), "perchlorate": ("ClO4", 1), "acetate": ("CH3COO", 1), "chromate": ("CrO4", 2),
    "dichromate": ("Cr2O7", 2), "cyanide": ("CN", 1),
}  # fmt: skip
_ANIONS = {**_IDES, **_GROUPS}
_PREFIXES = {
    "mono": 1, "di": 2, "tri": 3, "tetra": 4, "penta": 5, "hexa": 6, "hepta": 7, "octa": 8, "nona": 9,
    "deca": 10,
}  # fmt: skip
_PREFIX = "|".join(_PREFIXES)
_COVALENT = re.compile(
    rf"({_PREFIX})?([a-z]+) ({'|'.join(one.rstrip('ao') for one in _PREFIXES)})[ao]?([a-z]+ide)"
)
_IONIC = re.compile(r"([a-z]+)\s*(?:\(([ivx]+)\))? (hydrogen carbonate|[a-z]+)")
_ION = re.compile(r"([a-z ]+?)\s*(?:\(([ivx]+)\))?(?: ion| cation| anion)s?")
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7}


def compound_formula(text: str) -> str | None:
    """``sodium chloride`` as NaCl, ``iron(III) oxide`` as Fe2O3, ``carbon dioxide`` as CO2, ``sodium ion`` as
    Na^+."""
    words = " ".join(text.casefold().removeprefix("the ").split())
    if words in _TRIVIAL:
        return _TRIVIAL[words]
    if match := _ION.fullmatch(words):
        return _ion(match[1].strip(), match[2])
    if match := _COVALENT.fullmatch(words):
        return _covalent(match)
    match = _IONIC.fullmatch(words)
    anion = _ANIONS.get(match[3]) if match else None
    cation = None if match is None else _cation(match[1], match[2])
    if anion is None or cation is None:
        return None
    shared = math.lcm(cation[1], anion[1])
    return _times(cation[0], shared // cation[1]) + _times(anion[0], shared // anion[1])


def _cation(name: str, roman: str | None) -> tuple[str, int] | None:
    symbol = "NH4" if name == "ammonium" else NAMES.get(name)
    charge = _ROMAN.get(roman) if roman else 1 if symbol == "NH4" else _CATIONS.get(symbol or "")
    return None if symbol is None or charge is None else (symbol, charge)


def _ion(name: str, roman: str | None) -> str | None:
    sign, found = ("-", _ANIONS[name]) if name in _ANIONS else ("+", _cation(name, roman))
    if found is None:
        return None
    return f"{found[0]}^{{{found[1] if found[1] > 1 else ''}{sign}}}"


def _covalent(match: re.Match[str]) -> str | None:
    first = NAMES.get(match[2]) or NAMES.get(f"{match[1] or ''}{match[2]}")
    second = next((one for name, one in _IDES.items() if name == match[4] or f"o{match[4]}" == name), None)
    count = next(number for name, number in _PREFIXES.items() if name.rstrip("ao") == match[3])
    if first is None or second is None:
        return None
    return _times(first, _PREFIXES.get(match[1] or "mono", 1)) + _times(second[0], count)


def _times(part: str, number: int) -> str:
    if number == 1:
        return part
    several = sum(sign.isupper() for sign in part) > 1
    return f"({part}){number}" if several else f"{part}{number}"


_GLOSSED = re.compile(r"([^()]{2,60}?)\s+\((\S[^\s]{1,40}|[A-Za-z ]{3,60})\)")
_NAME = re.compile(r"[A-Za-z]+(?:[\s-][A-Za-z]+)*")


def glossed_formula(text: str) -> Formula | None:
    """``sodium bicarbonate (NaHCO3)``, also the other way round: the formula, where the name fits it."""
    match = _GLOSSED.fullmatch(text)
    if match is None or {"not", "no", "non"} & set(text.casefold().split()):
        return None
    for name, written in ((match[1], match[2]), (match[2], match[1])):
        formula, known = read_formula(written.strip()), compound_formula(name)
        if formula is not None and _NAME.fullmatch(name.strip()):
            named = None if known is None else read_formula(rf"\ce{{{known}}}")
            return formula if named is None or named == formula else None
    return None

r"""The known units, and how they convert to each other.

Enters: the text after a number. Leaves: a Unit, and the factor between two. Always holds: exact factors to
the SI base units; a unit that is not known here is compared as it is written; units of different kinds have
no factor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from r1v.scoring.kinds.modifiers import only_names

Dimension: TypeAlias = tuple[tuple[str, int], ...]

_PREFIXES = {
    "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "m": -3, "u": -6, "µ": -6, "μ": -6, "n": -9, "p": -12, "c": -2,
    "d": -1, "h": 2, "a": -18, "f": -15,
}  # fmt: skip
_KG, _M, _S, _A, _K, _MOL, _RAD = "kg", "m", "s", "A", "K", "mol", "rad"


def _unit(factor: str | Fraction, **powers: int) -> tuple[Fraction, Dimension]:
    return Fraction(factor), tuple(sorted(powers.items()))


# symbol -> (factor to base units, dimension); the units in _PREFIXED also exist with prefixes
_PREFIXED = {
    "m": _unit("1", m=1),
    "g": _unit("1/1000", kg=1),
    "s": _unit("1", s=1),
    "A": _unit("1", A=1),
    "K": _unit("1", K=1),
    "mol": _unit("1", mol=1),
    "Hz": _unit("1", s=-1),
    "N": _unit("1", kg=1, m=1, s=-2),
    "J": _unit("1", kg=1, m=2, s=-2),
    "W": _unit("1", kg=1, m=2, s=-3),
    "Pa": _unit("1", kg=1, m=-1, s=-2),
    "C": _unit("1", A=1, s=1),
    "V": _unit("1", kg=1, m=2, s=-3, A=-1),
    "Ω": _unit("1", kg=1, m=2, s=-3, A=-2),
    "F": _unit("1", kg=-1, m=-2, s=4, A=2),
    "H": _unit("1", kg=1, m=2, s=-2, A=-2),
    "T": _unit("1", kg=1, s=-2, A=-1),
    "Wb": _unit("1", kg=1, m=2, s=-2, A=-1),
    "L": _unit("1/1000", m=3),
    "l": _unit("1/1000", m=3),
    "eV": _unit(Fraction("1.602176634e-19"), kg=1, m=2, s=-2),
    "bar": _unit("100000", kg=1, m=-1, s=-2),
    "S": _unit("1", kg=-1, m=-2, s=3, A=2),
    "Bq": _unit("1", s=-1),
    "Gy": _unit("1", m=2, s=-2),
    "cd": _unit("1", cd=1),
    "lm": _unit("1", cd=1),
    "lx": _unit("1", cd=1, m=-2),
}
_PLAIN = {
    "min": _unit("60", s=1),
    "h": _unit("3600", s=1),
    "hr": _unit("3600", s=1),
    "d": _unit("86400", s=1),
    "t": _unit("1000", kg=1),
    "Wh": _unit("3600", kg=1, m=2, s=-2),
    "kWh": _unit("3600000", kg=1, m=2, s=-2),
    "mmHg": _unit("101325/760", kg=1, m=-1, s=-2),
    "torr": _unit("101325/760", kg=1, m=-1, s=-2),
    "atm": _unit("101325", kg=1, m=-1, s=-2),
    "in": _unit("0.0254", m=1),
    "ft": _unit("0.3048", m=1),
    "mi": _unit("1609.344", m=1),
    "lb": _unit("0.45359237", kg=1),
    "cal": _unit("4.184", kg=1, m=2, s=-2),
    "kcal": _unit("4184", kg=1, m=2, s=-2),
    "rad": _unit("1", rad=1),
    "%": _unit("1/100", percent=1),
    "‰": _unit("1/1000", percent=1),
    "deg": _unit("1", deg=1),
    "arcmin": _unit("1/60", deg=1),
    "arcsec": _unit("1/3600", deg=1),
    "°C": _unit("1", celsius=1),
    "°F": _unit("1", fahrenheit=1),
    "yd": _unit("0.9144", m=1),
    "oz": _unit("0.028349523125", kg=1),
    "jin": _unit("1/2", kg=1),
    "mu": _unit("2000/3", m=2),
    "ha": _unit("10000", m=2),
    "acre": _unit("4046.8564224", m=2),
    "gal": _unit("0.003785411784", m=3),
    "week": _unit("604800", s=1),
    "year": _unit("31557600", year=1),
    "month": _unit("1", month=1),
    "M": _unit("1000", mol=1, m=-3),
    "dollar": _unit("1", dollar=1),
    "cent": _unit("1/100", dollar=1),
    "euro": _unit("1", euro=1),
    "sterling": _unit("1", sterling=1),
    "p": _unit("1/100", sterling=1),
    "pence": _unit("1/100", sterling=1),
    "rupee": _unit("1", rupee=1),
    "bp": _unit("1/10000", percent=1),
    "ppm": _unit("1/1000000", percent=1),
    "ppb": _unit("1/1000000000", percent=1),
    "yuan": _unit("1", yuan=1),
    "jiao": _unit("1/10", yuan=1),
    "Å": _unit("1/10000000000", m=1),
    "u": _unit(Fraction("1.66053906660e-27"), kg=1),
    "rev": _unit("1", rev=1),
    "bit": _unit("1", bit=1),
    "byte": _unit("8", bit=1),
}
_WORDS = {
    "meter": "m", "metre": "m", "kilometer": "km", "kilometre": "km", "centimeter": "cm", "centimetre": "cm",
    "millimeter": "mm", "millimetre": "mm", "gram": "g", "kilogram": "kg", "milligram": "mg", "second": "s",
    "sec": "s", "minute": "min", "mins": "min", "hour": "h", "hrs": "h", "day": "d", "newton": "N",
    "joule": "J",
    "watt": "W", "volt": "V", "ohm": "Ω", "amp": "A", "ampere": "A", "hertz": "Hz", "pascal": "Pa",
    "kelvin": "K", "liter": "L", "litre": "L", "percent": "%", "inch": "in", "inches": "in", "feet": "ft",
    "foot": "ft", "mile": "mi", "pound": "lb", "tonne": "t", "ton": "t", "coulomb": "C", "tesla": "T",
    "farad": "F", "henry": "H", "mole": "mol", "radian": "rad", "kmh": "km/h", "kph": "km/h", "mph": "mi/h",
    "degree": "deg", "yard": "yd", "ounce": "oz", "hectare": "ha", "gallon": "gal", "usd": "dollar",
    "yen": "yuan", "eur": "euro", "gbp": "sterling", "rmb": "yuan", "cny": "yuan", "wk": "week", "yr": "year",
    "celsius": "°C", "fahrenheit": "°F", "electronvolt": "eV", "atmosphere": "atm", "siemens": "S",
    "weber": "Wb", "angstrom": "Å", "micrometer": "um", "nanometer": "nm", "kilojoule": "kJ",
    "kilowatt": "kW", "milliliter": "mL", "millilitre": "mL", "kilonewton": "kN", "calorie": "cal",
    "kilocalorie": "kcal", "megajoule": "MJ", "millisecond": "ms", "hectopascal": "hPa", "kilopascal": "kPa",
    "molar": "M", "revolution": "rev", "rpm": "rev/min", "rps": "rev/s", "decimeter": "dm", "decimetre": "dm",
}  # fmt: skip
_NAMED_PREFIXES = {
    "kilo": "k", "mega": "M", "giga": "G", "tera": "T", "milli": "m", "micro": "u", "nano": "n", "pico": "p",
    "femto": "f", "centi": "c", "deci": "d", "hecto": "h",
}  # fmt: skip
_BASE_WORDS = {word for word, symbol in _WORDS.items() if symbol in _PREFIXED}
_NAMED_PREFIX = re.compile(rf"({'|'.join(_NAMED_PREFIXES)})([a-z]+?)s?")
# Chinese words, the longer ones first. Words that only count things are not units.
_CHINESE = {
    "平方千米": "km^2", "平方公里": "km^2", "平方分米": "dm^2", "平方厘米": "cm^2", "平方毫米": "mm^2",
    "平方米": "m^2", "立方分米": "dm^3", "立方厘米": "cm^3", "立方毫米": "mm^3", "立方米": "m^3",
    "公里每小时": "km/h", "市斤": "jin", "斤": "jin", "亩": "mu",
    "摄氏度": "°C", "华氏度": "°F", "千瓦时": "kW h", "毫升": "mL", "千米": "km", "公里": "km", "分米": "dm",
    "厘米": "cm", "毫米": "mm", "微米": "um", "纳米": "nm", "千克": "kg", "公斤": "kg", "毫克": "mg",
    "分钟": "min", "小时": "h", "毫秒": "ms", "星期": "week", "公顷": "ha", "千焦": "kJ", "焦耳": "J",
    "千瓦": "kW", "牛顿": "N", "帕斯卡": "Pa", "千帕": "kPa", "伏特": "V", "安培": "A", "欧姆": "Ω",
    "赫兹": "Hz", "摩尔": "mol", "弧度": "rad", "个月": "month", "美元": "dollar", "欧元": "euro",
    "英镑": "sterling", "人民币": "yuan", "块钱": "yuan", "米": "m", "克": "g", "吨": "t",
    "秒": "s", "时": "h",
    "天": "d", "日": "d", "周": "week", "年": "year", "升": "L", "度": "deg", "元": "yuan", "角": "jiao",
    "牛": "N", "焦": "J", "瓦": "W", "伏": "V", "安": "A", "欧": "Ω", "帕": "Pa", "每": "/",
}  # fmt: skip
CHINESE_UNIT = re.compile("|".join(_CHINESE))
COUNTERS = re.compile(r"[个個只人名位支枝本张張条條件块块次种種对對棵头頭座辆輛颗顆根枚套组組份箱袋瓶杯倍册]")
_CURRENCY = {
    "$": "dollar", "US$": "dollar", "USD": "dollar", "€": "euro", "EUR": "euro", "£": "sterling", "¥": "yuan",
    "RMB": "yuan", "₹": "rupee", "Rs.": "rupee", "Rs": "rupee", "INR": "rupee",
}  # fmt: skip
_CURRENCY_BEFORE = re.compile(r"([+-]?)\s*(US\$|USD|EUR|RMB|INR|Rs\.?|[$€£¥₹])\s*(?=[\d.+-])")
_SPELLED = (
    (re.compile(r"\^\\circ\s*([CF])(?![A-Za-z])"), r"°\1"),
    (
        re.compile(r"(?:\bdeg(?:ree)?s?|\^\\circ)\s*(?:_|\s)\s*(C|F)(?:elsius|ahrenheit)\b", re.IGNORECASE),
        r"°\1",
    ),
    (re.compile(r"\belectron(?:\\?_|\s)volts?\b"), "electronvolt"),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\bbasis\s+points?\b|\bbps\b", re.IGNORECASE), "bp"),
    (re.compile(r"\bper\s?cent(?:age)?\b|\bpct\b\.?", re.IGNORECASE), "%"),
    (re.compile(r"\^\\circ"), "deg "),
    (re.compile(r"\\(?:Omega|ohm)(?![A-Za-z])\s*"), "Ω"),
    (re.compile(r"\\mu(?![A-Za-z])\s*"), "µ"),
    (re.compile(r"\\cdot\s*|\\times\s*|[*⋅]"), " "),
    (re.compile(r"\bper\b"), "/"),
    (re.compile(r"\bsq(?:uared?|\.)?\s+(?=[a-z])", re.IGNORECASE), "square_"),
    (re.compile(r"\bcu(?:bic|bed|\.)\s+(?=[a-z])", re.IGNORECASE), "cubic_"),
    (re.compile(r"([a-z])\s+squared\b", re.IGNORECASE), r"\1^2"),
    (re.compile(r"([a-z])\s+cubed\b", re.IGNORECASE), r"\1^3"),
)
_FACTOR = re.compile(
    r"\s*(/)?\s*(%|‰|°[CF]|[A-Za-zµΩÅ_]+\.?|\$|€|£|¥|₹)\s*(?:\^?\s*(?:\{\s*([+-]?\d)\s*\}|([+-]?\d)))?\s*"
)
_START = re.compile(
    r"(?<=[\d\s})\]!'])(?=[A-Za-z%‰°µΩ$€£¥₹一-鿿]|\\(?:Omega|mu)(?![A-Za-z])|\^\\circ)|(?<=\s)(?=\\frac)|(?<=[A-Za-z])(?=[%一-鿿]|\^\\circ)"
)
_FRACTION = re.compile(r"\\frac\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")
_OPENING = re.compile(r"\s*(/)?\s*[({]\s*")
_CLOSING = re.compile(r"[)}]\s*(?:\^?\s*(?:\{\s*([+-]?\d)\s*\}|([+-]?\d)))?\s*")
_CHOSEN = re.compile(r"[CP]\s+\d")  # 7 C 2, the number of choices
MAX_STARTS = 12
MAX_ABBREVIATION = 3  # letters


@dataclass(frozen=True, slots=True)
class Unit:
    """name: as written. factor: to base units, None for a unit that is not known. dimension: powers of the
    base units; degrees, radians, percents and currencies are base units of their own."""

    name: str
    factor: Fraction | None
    dimension: Dimension = ()

    @property
    def percent(self) -> bool:
        return self.dimension == (("percent", 1),)

    @property
    def degrees(self) -> bool:
        return self.dimension == (("deg", 1),)


def read_unit(text: str) -> Unit | None:
    r"""The unit that a text is ("km/h", "square inches", "\\frac{kg}{m^3}", "平方米"), or None.

    Words that are not a known unit ("apples", "people in the room") become a unit with an unknown factor.
    """
    name = text.strip()
    spelled = CHINESE_UNIT.sub(lambda match: f" {_CHINESE[match[0]]} ", name)
    for pattern, replacement in _SPELLED:
        spelled = pattern.sub(replacement, spelled)
    for _ in range(3):
        spelled = _FRACTION.sub(r"(\1)/(\2)", spelled)
    spelled = spelled.strip()
    if not spelled:
        return None
    powers: dict[str, int] = {}
    factor, position = _read_product(spelled, 0, 1, powers)
    if factor is None or position < len(spelled):
        return Unit(name, None) if re.fullmatch(r"[A-Za-z_][A-Za-z_ \-]{1,40}", spelled) else None
    return Unit(name, factor, tuple(sorted((base, count) for base, count in powers.items() if count)))


def _read_product(
    text: str, position: int, direction: int, powers: dict[str, int]
) -> tuple[Fraction | None, int]:
    """Units side by side, to the end or to a closing bracket: their factor (None where one is not known) and
    where they end. A solidus divides by what stands next to it. direction: -1 below a solidus. powers:
    filled."""
    factor = Fraction(1)
    while position < len(text) and text[position] not in ")}":
        opened = _OPENING.match(text, position)
        if opened:
            sign = -direction if opened[1] else direction
            inner: dict[str, int] = {}
            found, position = _read_product(text, opened.end(), 1, inner)
            closed = _CLOSING.match(text, position)
            if found is None or closed is None:
                return None, position
            power = sign * int(closed[1] or closed[2] or 1)
            factor *= found**power
            for base, count in inner.items():
                powers[base] = powers.get(base, 0) + power * count
            position = closed.end()
            continue
        match = _FACTOR.match(text, position)
        known = _lookup(match[2].rstrip(".")) if match else None
        if match is None or known is None:
            return None, position
        power = int(match[3] or match[4] or 1)
        if match[2].startswith(("square_", "cubic_")):
            power = 2 if match[2].startswith("s") else 3
        power *= -direction if match[1] else direction
        factor *= known[0] ** power
        for base, count in known[1]:
            powers[base] = powers.get(base, 0) + power * count
        position = match.end()
    return factor, position


def _lookup(symbol: str) -> tuple[Fraction, Dimension] | None:
    word = symbol.removeprefix("square_").removeprefix("cubic_")
    if word in _CURRENCY:
        return _PLAIN[_CURRENCY[word]]
    lower = word.lower()
    if len(word) > 1 or word not in _PREFIXED:
        word = _WORDS.get(lower, _WORDS.get(lower.removesuffix("s"), word))
    if "/" in word:
        first, second = (_lookup(part) for part in word.split("/"))
        assert first is not None and second is not None
        powers = dict(first[1])
        for name, count in second[1]:
            powers[name] = powers.get(name, 0) - count
        return first[0] / second[0], tuple(sorted(powers.items()))
    for spelled in (word, lower.removesuffix("s")) if len(word) > 2 else (word,):
        if spelled in _PLAIN:
            return _PLAIN[spelled]
    if (named := _NAMED_PREFIX.fullmatch(lower)) and named[2] in _BASE_WORDS:
        word = _NAMED_PREFIXES[named[1]] + _WORDS[named[2]]
    for length in (0, 1):
        prefix, rest = word[:length], word[length:]
        if prefix in _PREFIXES and rest in _PREFIXED:
            factor, dimension = _PREFIXED[rest]
            return factor * Fraction(10) ** _PREFIXES[prefix], dimension
    return None


def split_units(text: str) -> Iterator[tuple[str, Unit | None]]:
    """Every way to read a text as a number with a unit after it (or a currency before it), the longest unit
    first.

    A single letter right after the number is a variable: ``5m`` is five times m, ``5 m`` is five metres.
    """
    if match := _CURRENCY_BEFORE.match(text):
        unit = read_unit(_CURRENCY[match[2]])
        yield match[1] + text[match.end() :], unit
        return
    for match in list(_START.finditer(text))[:MAX_STARTS]:
        before, behind = text[: match.start()], text[match.start() :]
        if not before.strip() or re.match(r"(?:and|or|to|from|is|e|i)(?![A-Za-z])", behind):
            continue
        touching = before[-1:].strip() != "" and behind[0].isascii() and behind[0].isalpha()
        if touching and (len(behind) == 1 or not behind[1].isalpha()):
            continue
        if COUNTERS.fullmatch(behind):
            yield before, None
            continue
        unit = read_unit(behind)
        known = unit is not None and unit.factor is not None and not _CHOSEN.match(behind)
        if unit is not None and (known or (not touching and only_names(behind))):
            yield before, unit


def conversion(given: Unit | None, answer: Unit | None) -> Fraction | None:
    """The factor that converts a number from the first unit to the second; None if they differ in kind.

    A unit on one side only is assumed for the other, because the question names it.
    """
    if given is None or answer is None:
        return Fraction(1)
    if given.factor is None or answer.factor is None:
        return Fraction(1) if len({_stem(unit.name) for unit in (given, answer)}) == 1 else None
    if {given.name, answer.name} & {"pound", "pounds"} and _STERLING in (given.dimension, answer.dimension):
        return given.factor / answer.factor if given.dimension == answer.dimension else _pounds(given, answer)
    return given.factor / answer.factor if given.dimension == answer.dimension else None


_STERLING: Dimension = (("sterling", 1),)


def _pounds(given: Unit, answer: Unit) -> Fraction | None:
    """The factor where "pounds" beside an amount of money are money."""
    factors = [Fraction(1) if one.name in ("pound", "pounds") else one.factor for one in (given, answer)]
    return None if factors[0] is None or factors[1] is None else factors[0] / factors[1]


def _stem(name: str) -> str:
    """The name of an unknown unit in the singular. In an abbreviation capital letters count: Gb is not GB."""
    name = " ".join(name.split())
    return name if len(name) <= MAX_ABBREVIATION else name.lower().removesuffix("s")


def is_plain(factor: Fraction) -> bool:
    """Whether a conversion changes no digits but by counting (60 seconds, 1000 metres): a quantity that was
    converted by another factor, such as that of the electronvolt, has been rounded."""
    for side in (factor.numerator, factor.denominator):
        for prime in (2, 3, 5):
            while side % prime == 0:
                side //= prime
        if abs(side) != 1:
            return False
    return True


_COMPOUND = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+\.?|[\u4e00-\u9fff]+)\s*(?:,\s*|and\s+)*")


def compound(text: str) -> tuple[Fraction, Unit] | None:
    """``2 h 30 min``, ``5 ft 6 in``, ``3小时15分``: the value in the unit of the last part, and this unit.

    Each part must be of a smaller unit than the one before, and below one of it."""
    total, position, before = Fraction(0), 0, None
    while position < len(text):
        match = _COMPOUND.match(text, position)
        if match is None:
            return None
        name, position = match[2], match.end()
        if name == "分":
            name = {"h": "min", "yuan": "分", "jiao": "分"}.get(
                _CHINESE.get(before.name, "") if before else "", name
            )
        unit = _FEN if name == "分" and before is not None else read_unit(name)
        if unit is None or unit.factor is None or not unit.dimension:
            return None
        value = Fraction(match[1])
        if before is not None and before.factor is not None:
            if unit.dimension != before.dimension or value * unit.factor >= before.factor:
                return None
            total = total * before.factor / unit.factor
        total, before = total + value, unit
        if match.start() == 0 and position >= len(text):
            return None  # one part is a plain quantity
    return None if before is None else (total, before)


_FEN = Unit("分", Fraction(1, 100), (("yuan", 1),))

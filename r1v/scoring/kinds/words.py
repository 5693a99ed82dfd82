"""Words as answers, and the words that stand for signs.

Enters: a short text in words, or two of them without case and articles. Leaves: the text with signs for the
words, or whether two texts say the same. Always holds: nothing but closed classes of words and rules of
spelling is used; a text that denies something is never the same as one that does not.
"""

from __future__ import annotations

import re
import unicodedata

from r1v.scoring.kinds.modifiers import is_harmless
from r1v.scoring.kinds.names import ORDINAL, in_order, same_names
from r1v.scoring.kinds.units import read_unit

_SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_SCALED = re.compile(rf"(\d[\d,]*)(?:\.(\d+))?\s*({'|'.join(_SCALES)})(?![a-z])", re.IGNORECASE)
_REMARK = re.compile(
    r"(.*(?:[\d})\]'°]|\\circ))\s+\(\s*((?=[^()]*[A-Za-z]{4})[A-Za-z][A-Za-z -]{2,39})\s*\)", re.DOTALL
)
_DENIAL = re.compile(
    r"\b(?:not|no|never|neither|nor|non|without|except|un|wrong|incorrect|false|negative)\b|n't|不|非|无|没|未|否",
    re.IGNORECASE,
)
_STATE = re.compile(r"(?:the\s+)?oxidation\s+(?:state|number)\s+(?:of\s+)?([+-]?)([IVX]+|\d+)", re.IGNORECASE)
_ROMAN = {"I": 1, "V": 5, "X": 10}
_ROMAN_NUMERAL = re.compile(r"X{0,3}(?:IX|IV|V?I{0,3})")
_OPTION = re.compile(r"(?:option|choice)\s+\(?([A-Z])\)?", re.IGNORECASE)
_COORDINATES = re.compile(
    r"(?:.*\bhas\s+)?(?:the\s+|an\s+)?x-coordinate\s+(?:is\s+|of\s+)?(\S+?),?\s+(?:and\s+)?(?:the\s+|a\s+)?"
    r"y-coordinate\s+(?:is\s+|of\s+)?(\S+)",
    re.IGNORECASE,
)
_ROWS = re.compile(r"\[([^\[\];]+(?:;[^\[\];]+)+)\]")
_POINT = re.compile(r"([A-Z]?\s*=?\s*)\(\s*(-?[\d.,/]+)\s*\|\s*(-?[\d.,/]+)\s*\)")
_TOGETHER = re.compile(
    r"^(?:all\s+)?([a-z]\s*(?:[<>]|\\[lg]e)\s*\S+?),?\s+(?:together\s+with|and\s+also|or\s+else|as\s+well\s+as)\s+(?:all\s+)?"
    r"([a-z]\s*(?:[<>]|\\[lg]e)\s*\S+)$"
)
_INFINITY = re.compile(r"(?:(negative|minus)\s+|(?:positive|plus)\s+)?infinity", re.IGNORECASE)
_FOR_EVERY = re.compile(r"(\d+)(?: [a-z]+){1,2} (?:for|to) every (\d+)(?: [a-z]+){0,2}", re.IGNORECASE)
_ORIGIN = re.compile(r"(?:the\s+)?origin|(?:坐标)?原点", re.IGNORECASE)
_MISSING = re.compile(r"d\.?n\.?e\.?|(?:the limit )?does ?n[o']t exist|不存在", re.IGNORECASE)
_CIRCLED = re.compile(r"[①-⑩](?:[\s,;和与及]*[①-⑩])*")
_TRIANGLE = re.compile(r"\\(?:triangle|Delta|bigtriangleup)\s*([A-Z]{3})")
_TICKS = {"\\sqrt": "正确", "✓": "正确", "✔": "正确", "\\times": "错误", "✗": "错误", "✘": "错误"}
_ROUNDED = re.compile(
    r"(?<=\S)\s*,?\s*\(?(?:(?:rounded|correct(?:ed)?|accurate)\s+)?to\s+(?:the\s+nearest\s+(?!ten\b)[a-z]+(?:\s+(?:number|place))?"
    r"|(?:\d|one|two|three|four)\s+(?:significant\s+(?:figures?|digits?)|s\.?f\.?|sig\.?\s*figs?\.?|decimal\s+places?|d\.?p\.?))\s*\)?\s*$",
    re.IGNORECASE,
)
_BELOW_ZERO = re.compile(r"零下\s*(?=\d)")
_DISCOUNT = re.compile(r"打?([一二三四五六七八九]|\d(?:\.\d)?)([一二三四五六七八九])?折")
_OF_THE_PRICE = re.compile(r"(?:原价|售价|定价|标价)的\s*(?=\d)")
_AROUND = re.compile(
    r"^(?:probably|(?:most )?likely|indeed|simply|approximately|exactly|only|just|both"
    r"|(?:the )?point(?=\s+(?:[A-Z]\s*)?\())\s+|\s+only$",
    re.IGNORECASE,
)
_AND_SO_ON = re.compile(r"(\d+\.\d*?)(\d{1,6}?)\2{2,}\s*(?:\\[lc]?dots|\.{3})")
_ALL_BUT = re.compile(
    r"(?:all )?(?:real numbers|reals|real [a-z](?= )|\\mathbb\s*\{?R\}?)\s*,?\s*"
    r"(?:except(?: for)?|other than|excluding|but not)\s+"
    r"(?:[a-z]\s*=\s*)?(-?[\d.\\{}/a-z]+(?:\s*(?:,|and|or)\s*-?[\d.\\{}/]+)*)",
    re.IGNORECASE,
)
_JOINED_BY_AND = re.compile(r"\s*(?:,\s*(?:and|or)?|and|or)\s*")
_BETWEEN = re.compile(
    r"(?:[a-z] (?:is|lies|must lie|must be|has to be|can be) |(?:all )?(?:real )?(?:numbers"
    r"|values) )?(strictly )?(?:between (?=.* and )|from (?=.* to ))"
    r"(-?[\d./]+) (?:and|to) (-?[\d./]+)"
    r"(?:\s*,?\s*\(?(?:both\s+(?:ends\s+)?)?(inclusive|included|exclusive|excluded)\)?)?",
    re.IGNORECASE,
)
_ANGLED = re.compile(r"<\s*([^<>=]+,[^<>=]+?)\s*>")
_ONE_UNIT = re.compile(r"an?\s+([a-z]{3,12})", re.IGNORECASE)
_DIRECTIONS = {
    "up": r"increas(?:e|es|ed|ing)|ris(?:e|es|ing)|rose|grow(?:s|n|th)?|grew|more|higher|goes up|went up",
    "down": r"decreas(?:e|es|ed|ing)|reduc(?:e|es|ed|tion)|drop(?:s|ped)?"
            r"|(?:fall(?:s|en)?|fell)(?! (?:on|in|into|within|between|under)\b)"
            r"|declin(?:e|es|ed)|less|lower|goes down|went down",
    "profit": r"profits?|gain(?:s|ed)?", "loss": r"loss(?:es)?|los(?:es?|t)|deficit",
}  # fmt: skip
_ANY_DIRECTION = "|".join(_DIRECTIONS.values())
_AMOUNT = r"[$€£¥₹]?\s?\d[\d.,]*(?:\s*(?:%|percent|dollars?|euros?|pounds?|yuan|cents?))?"
_DIRECTED = re.compile(
    rf"(?:an?\s+)?({_ANY_DIRECTION})\s+(?:(?:of|by)\s+)?({_AMOUNT})"
    rf"|(?:an?\s+)?({_AMOUNT})\s+({_ANY_DIRECTION})|({_ANY_DIRECTION})\s*:\s*({_AMOUNT})",
    re.IGNORECASE,
)
_CHINESE_BOUNDS = (
    (re.compile("大于或等于|大于等于|不小于|不少于|不低于|至少(?:为|是)?"), r" \ge "),
    (re.compile("小于或等于|小于等于|不大于|不超过|不多于|至多(?:为|是)?"), r" \le "),
    (re.compile("不等于"), r" \ne "), (re.compile("大于"), " > "), (re.compile("小于"), " < "),
)  # fmt: skip
_CHINESE_SCALE = re.compile(r"(\d+(?:\.\d+)?)\s*([万亿])(?=[^\d万亿]|$)")
_FOR_ALL = re.compile(r"[,\s]*\\forall\s*\\?[A-Za-z](?![A-Za-z])(?:\s*\\in\s*\\mathbb\s*\{?R\}?)?")
_IDENTICAL = re.compile(r"\\equiv(?![a-z])(?!.*mod)")
_LABELLED_PART = (
    r"([A-Za-z]{2,}(?: (?!pays|gets|has|costs|receives)[A-Za-z]+)?"
    r"|[A-Za-z](?=\s*(?::|pays|gets|has|costs|receives)))\s*"
    r"(?::|pays|gets|has|costs|receives)?\s*([$€£¥₹]?\s?\d[\d.,]*(?<![.,])\s*%?)"
)
_LABELLED_ONE = re.compile(_LABELLED_PART)
_LABEL_JOINT = re.compile(r"\s*[,;](?!\d{3})\s*(?:and\s+)?|\s+and\s+")
MAX_PHRASE = 300  # characters; a longer text holds no phrase for a sign
_CHINESE_DIGITS = "零一二三四五六七八九"


def in_signs(text: str) -> str:
    """A short text with signs for the words that stand for them: ``$2.5 million``, ``origin``, ``打八折``,
    ``5 (double root)``, ``oxidation state VI``. Any other text as it is."""
    if len(text) > MAX_PHRASE:
        return text
    if _ORIGIN.fullmatch(text):
        return "(0,0)"
    if _CIRCLED.fullmatch(text.strip()):
        return ", ".join(str("①②③④⑤⑥⑦⑧⑨⑩".index(sign) + 1) for sign in re.findall("[①-⑩]", text))
    if ORDINAL.fullmatch(text.strip()):
        return in_order(text.strip())
    if match := _TRIANGLE.fullmatch(text.strip()):
        return f"triangle {match[1]}"
    if text.strip() in _TICKS:
        return _TICKS[text.strip()]
    text = _ROUNDED.sub("", text)
    if _MISSING.fullmatch(text):
        return "does not exist"
    if match := _OPTION.fullmatch(text):
        return match[1]
    text = _value_in_signs(text)
    text = _AROUND.sub("", text)
    if "\\dots" in text or "..." in text or "\\ldots" in text:
        text = _AND_SO_ON.sub(r"\1\\overline{\2}", text)
    if match := _ALL_BUT.fullmatch(text):
        return rf"\mathbb{{R}}\setminus\{{{_JOINED_BY_AND.sub(',', match[1])}\}}"
    if match := _BETWEEN.fullmatch(text):
        strict = (match[1] or match[4] or "").lower() in ("strictly ", "exclusive", "excluded")
        return f"({match[2]},{match[3]})" if strict else f"[{match[2]},{match[3]}]"
    if match := _ANGLED.fullmatch(text):
        return rf"\langle {match[1]}\rangle"
    if (match := _DIRECTED.fullmatch(text)) and not (match[4] == "less" and match[3][-1].isdigit()):
        value = match[2] or match[3] or match[6]
        return f"{direction(match[1] or match[4] or match[5]) or 'change'} = {value}"
    if (match := _ONE_UNIT.fullmatch(text)) and (unit := read_unit(match[1])) and unit.factor is not None:
        return f"1 {match[1]}"
    if not text.isascii():
        text = _chinese_bounds(text)
    if match := _STATE.fullmatch(text):
        value = int(match[2]) if match[2].isdigit() else _roman(match[2].upper())
        return f"{match[1]}{value}"
    if match := _DISCOUNT.fullmatch(text):
        return f"{_tenths(match[1])}{_tenths(match[2] or '0')}%" if "." not in match[1] else f"{match[1]}0%"
    text = _CHINESE_SCALE.sub(lambda match: _zeros(match[1], {"万": 4, "亿": 8}[match[2]]) or match[0], text)
    text = _IDENTICAL.sub(" = ", _FOR_ALL.sub("", text)) if "\\" in text else text
    text = _labelled(text)
    text = _OF_THE_PRICE.sub("", _BELOW_ZERO.sub("-", text))
    if (match := _REMARK.fullmatch(text)) and not _DENIAL.search(match[2]) and is_harmless(match[2]):
        unit = read_unit(match[2])
        text = f"{match[1]} {match[2]}" if unit is not None and unit.factor is not None else match[1]
    return _SCALED.sub(_written_out, text)


def _value_in_signs(text: str) -> str:
    """Infinity, a ratio, a point, a union or a matrix in words or signs of its own."""
    if match := _INFINITY.fullmatch(text):
        return r"-\infty" if match[1] else r"\infty"
    if match := _FOR_EVERY.fullmatch(text):
        return f"{match[1]}:{match[2]}"
    if match := _COORDINATES.fullmatch(text):
        return f"({match[1]}, {match[2]})"
    if match := _POINT.fullmatch(text):
        return f"{match[1]}({match[2]}, {match[3]})"
    text = _TOGETHER.sub(r"\1 or \2", text)
    return _ROWS.sub(_in_rows, text) if ";" in text else text


def _in_rows(match: re.Match[str]) -> str:
    """``[1 0; 0 -1]`` as a matrix; ``[1; 2]`` may be an interval."""
    rows = [re.split(r"[\s,]+", row.strip()) for row in match[1].split(";")]
    if len({len(row) for row in rows}) > 1 or len(rows[0]) < 2:
        return match[0]
    return r"\begin{pmatrix}" + r"\\".join("&".join(row) for row in rows) + r"\end{pmatrix}"


def direction(word: str) -> str | None:
    """Which way a quantity goes: "up", "down", "profit", "loss"; None for another word."""
    return next((name for name, form in _DIRECTIONS.items() if re.fullmatch(form, word, re.IGNORECASE)), None)


def directed(sentence: str) -> str | None:
    """The one direction of which a sentence speaks; "" for none, None for several."""
    found = {
        direction(match[0]) for match in re.finditer(rf"\b(?:{_ANY_DIRECTION})\b", sentence, re.IGNORECASE)
    }
    if found & {"up", "down"}:
        found -= {"profit", "loss"}  # "the profit fell by 20%"
    return "" if not found else found.pop() if len(found) == 1 else None


def _labelled(text: str) -> str:
    """``A: $30, B pays $50`` as A = $30, B = $50."""
    parts = [_LABELLED_ONE.fullmatch(part.strip()) for part in _LABEL_JOINT.split(text)]
    if len(parts) < 2 or any(part is None for part in parts):
        return text
    return ", ".join(f"{part[1].strip()} = {part[2].strip()}" for part in parts if part)


def _chinese_bounds(text: str) -> str:
    """``大于3的实数`` as x > 3."""
    signed = text
    for pattern, sign in _CHINESE_BOUNDS:
        signed = pattern.sub(lambda _, sign=sign: sign, signed)  # type: ignore[misc]
    if signed == text:
        return text
    signed = re.sub(r"的(?:所有|全体)?(?:实数|数|值)?$", "", signed)
    return signed if re.match(r"\s*[a-zA-Z]", signed) else f"x{signed}"


def _tenths(sign: str) -> str:
    return str(_CHINESE_DIGITS.index(sign)) if sign in _CHINESE_DIGITS else sign


def small_roman(text: str) -> int | None:
    """The value of a Roman numeral of two or more signs up to XXXIX."""
    return _roman(text) if len(text) > 1 and _ROMAN_NUMERAL.fullmatch(text) else None


def _roman(numeral: str) -> int:
    values = [_ROMAN[sign] for sign in numeral]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


def _written_out(match: re.Match[str]) -> str:
    number = f"{match[1].replace(',', '')}.{match[2] or ''}"
    return _zeros(number, _SCALES[match[3].lower()]) or match[0]


def _zeros(number: str, zeros: int) -> str | None:
    """A number times a power of ten, where that is whole."""
    whole, _, places = number.partition(".")
    if len(places) > zeros:
        return None
    return (whole + places + "0" * (zeros - len(places))).lstrip("0") or "0"


# ------------------------------------------------------------------------------------ when words are the same

_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
MONTHS = ("january february march april may june july august september october november december").split()
_SHORT = {
    **{day[:3]: day for day in _WEEKDAYS},
    "tues": "tuesday", "weds": "wednesday", "thur": "thursday", "thurs": "thursday",
    **{month[:3]: month for month in MONTHS if month != "may"}, "sept": "september",
}  # fmt: skip
# what happens to a quantity, and what a series or a statement is, in the forms that sentences give it
_SAME_WORDS = (
    ("increases", "increase", "increasing", "increased", "rises", "goes up", "grows", "becomes larger"),
    ("decreases", "decrease", "decreasing", "decreased", "falls", "goes down", "drops", "becomes smaller"),
    ("unchanged", "stays same", "remains same", "does not change", "remains unchanged", "stays constant",
     "remains constant", "no change"),
    ("converges", "convergent", "converge"),
    ("diverges", "divergent", "diverge", "not convergent", "does not converge", "doesn't converge"),
    ("true", "correct"), ("false", "incorrect"),
    ("skew symmetric", "antisymmetric"), ("one to one", "injective"), ("onto", "surjective"),
    ("正确", "对", "是的", "是", "真"), ("错误", "错", "不正确", "不对", "假"),
    ("充要条件", "充分必要条件", "充要", "充分必要", "充分且必要条件"),
    ("充分不必要条件", "充分而不必要条件", "充分非必要条件", "充分但不必要条件"),
    ("必要不充分条件", "必要而不充分条件", "必要非充分条件", "必要但不充分条件"),
    ("既不充分也不必要条件", "既非充分也非必要条件", "既不充分又不必要条件", "既非充分又非必要条件"),
    ("增函数", "单调递增", "递增", "单调增"), ("减函数", "单调递减", "递减", "单调减"),
    ("cannot be determined", "not enough information", "insufficient information", "cannot be inferred"),
)  # fmt: skip
_CLASS = {word: number for number, words in enumerate(_SAME_WORDS) for word in words}
_CHINESE_WEEKDAY = re.compile(r"(?:星期|礼拜|周)([一二三四五六日天])")
_FUNCTION_WORDS = frozenset(
    "of to from than before after not but and or by with without in on at for if no into over under is are"
    " between".split()
)
_JOINT = re.compile(r"\s*,\s*(?:and\s+)?|\s+(?:and|&)\s+|\s*[和与及、]\s*")
_GLOSS = re.compile(r"([^()]+?)\s*\((?![ivx]+\)|\W*\d*\W*\))([^()]+)\)")  # iron(III) is not a gloss
_ENDINGS = (("on", "a"), ("um", "a"), ("us", "i"), ("is", "es"), ("", "s"), ("", "es"), ("y", "ies"))


def same_words(given: str, answer: str) -> bool:
    """Whether two texts in words say the same. Both are without case and articles (``reading.folded``)."""
    if same_names(given, answer):
        return True
    given, answer = _spelled(given), _spelled(answer)
    if given == answer or _one_class(given, answer) or _one_number(given, answer):
        return True
    lists = [frozenset(_JOINT.split(text)) for text in (given, answer)]
    if lists[0] == lists[1] and len(lists[0]) > 1:
        return True
    for one, other in ((given, answer), (answer, given)):
        gloss = _GLOSS.fullmatch(one)
        if (
            gloss
            and not _DENIAL.search(one)
            and not re.match(r"(?:or|and|if)\b", gloss[2])
            and other in (gloss[1], gloss[2])
        ):
            return True
    words = [text.split() for text in (given, answer)]
    return (
        2 <= len(words[0]) == len(words[1]) <= 4
        and words[0][-1] == words[1][-1]
        and sorted(words[0]) == sorted(words[1])
        and not _FUNCTION_WORDS & set(words[0])
    )


def _spelled(text: str) -> str:
    """One spelling where British and American English differ, without accents; full names of days and
    months."""
    text = _CHINESE_WEEKDAY.sub(lambda match: f"星期{'日' if match[1] == '天' else match[1]}", text)
    text = re.sub(r"(?<=[a-z])[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text))  # accents
    text = re.sub(r"(?<=[a-z]{3})our(?=s?\b|ed\b|ing\b|less\b|able\b)", "or", text)
    text = re.sub(r"(?<=[a-z]{3})is(?=(?:e[sd]?|ing|ation)\b)", "iz", text)
    text = re.sub(r"\b(cent|fib|met|lit|theat)re(?=s?\b)", r"\1er", text).replace("grey", "gray")
    bare = text.rstrip(".").removeprefix("both ")
    return _SHORT.get(bare, bare)


def _one_class(given: str, answer: str) -> bool:
    number = _CLASS.get(given)
    return number is not None and number == _CLASS.get(answer)


def _one_number(given: str, answer: str) -> bool:
    """Whether the last words differ by being one or several: ``nucleus`` and ``nuclei``."""
    (*before, last), (*others, end) = given.split() or [""], answer.split() or [""]
    if before != others or not last.isascii():
        return False
    for one, other in ((last, end), (end, last)):
        for singular, plural in _ENDINGS:
            stem = one.removesuffix(singular)
            if one.endswith(singular) and len(stem) >= 4 and other == stem + plural:
                return True
    return False

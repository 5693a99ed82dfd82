r"""One spelling for each sign, before anything is read.

Enters: a short text as people and models write it: LaTeX, plain text, Unicode. Leaves: the same text with one
spelling for each sign (``½`` becomes ``\frac{1}{2}``, ``x²`` becomes ``x^{2}``, ``\leq`` and ``≤`` become
``\le``). Always holds: no value changes; digits are never joined across a space or a superscript.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAX_LENGTH = 2000  # characters; a longer text is not a short answer and equals only itself

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱ", "0123456789+-()ni")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋ₙₓ", "0123456789+-nx")
_SUPERSCRIPT_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱ]+")
_SUBSCRIPT_RUN = re.compile("[₀₁₂₃₄₅₆₇₈₉₊₋ₙₓ]+")
_VULGAR = re.compile("[¼½¾⅐-⅞↉]")
_SIGNS = {
    "−": "-", "–": "-", "﹣": "-", "⁄": "/", "∕": "/", "×": r"\times ", "✕": r"\times ", "·": r"\cdot ",
    "⋅": r"\cdot ", "∙": r"\cdot ", "÷": r"\div ", "≤": r"\le ", "≦": r"\le ", "⩽": r"\le ", "≥": r"\ge ",
    "≧": r"\ge ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "≃": r"\approx ", "∞": r"\infty ",
    "√": r"\sqrt ", "∛": r"\sqrt[3]", "∜": r"\sqrt[4]", "∅": r"\emptyset ", "∪": r"\cup ", "∩": r"\cap ",
    "∈": r"\in ", "∖": r"\setminus ", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}",
    "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}", "∠": r"\angle ", "△": r"\triangle ",
    "°": r"^\circ ", "º": r"^\circ ",
    "℃": r"^\circ C", "℉": r"^\circ F", "′": "'", "″": "''", "’": "'", "±": r"\pm ",
    "∓": r"\mp ", "→": r"\to ",
    "⟶": r"\to ", "⇌": r"\rightleftharpoons ", "⇋": r"\rightleftharpoons ", "⟨": r"\langle ",
    "⟩": r"\rangle ",
    "〈": r"\langle ", "〉": r"\rangle ", "∧": r"\land ", "∨": r"\lor ", "∑": r"\sum ", "∏": r"\prod ",
    "∫": r"\int ", "Ω": r"\Omega ", "µ": r"\mu ", "\u00a0": " ", "\u2009": " ",
    "\u202f": " ", "\u200b": "",
    "，": ",", "、": ",", "；": ";", "：": ":", "（": "(", "）": ")", "【": "[", "】": "]", "％": "%",
    "￥": "¥",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ϵ": "epsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "ϑ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi",
    "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ϕ": "phi", "χ": "chi", "ψ": "psi",
    "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi",
    "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_TABLE = {
    **{ord(sign): spelled for sign, spelled in _SIGNS.items()},
    **{ord(letter): f"\\{name} " for letter, name in _GREEK.items()},
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if chr(code) not in _SIGNS},
    0x3000: " ",
}

_COMMANDS = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "varepsilon": "epsilon", "vartheta": "theta",
    "varphi": "phi", "varrho": "rho", "varsigma": "sigma", "leq": "le", "leqslant": "le", "geq": "ge",
    "geqslant": "ge", "neq": "ne", "rightarrow": "to", "longrightarrow": "to", "Rightarrow": "to",
    "leftrightharpoons": "rightleftharpoons", "leftrightarrow": "rightleftharpoons", "varnothing": "emptyset",
    "empty": "emptyset", "infin": "infty", "wedge": "land", "vee": "lor",
    "dbinom": "binom", "tbinom": "binom",
    "lvert": "vert", "rvert": "vert", "mid": "vert", "simeq": "approx", "ast": "cdot",
    "bullet": "cdot", "minus": "-", "degree": "circ", "lbrace": "{", "rbrace": "}", "backslash": "setminus",
    "R": "mathbb{R}", "reals": "mathbb{R}", "arcsin": "arcsin", "lbrack": "[", "rbrack": "]",
    "xleftrightarrow": "xrightleftharpoons",
}  # fmt: skip
_DROPPED = (
    "left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr displaystyle textstyle "
    "limits nolimits rm bf it quad qquad thinspace enspace space hfill"
).split()
_SPACES = re.compile(r"(\\\\)|\\[,;:! ]|~|\\(?:" + "|".join(_DROPPED) + r")(?![A-Za-z])\.?")
_PRIMES = re.compile(r"\^\s*(?:\{\s*(?:\\prime\s*)+\}|\\prime(?![A-Za-z]))")
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_NUMBER_SET = re.compile(  # \in \mathbf{R}, \in N^*; also as the whole text
    r"(\\in(?![a-z])\s*|^\s*(?=\\math))(?:\\(?:mathbf|mathrm|mathcal|boldsymbol|bm|text)\s*\{\s*([RNZQC])\s*\}|([RNZQC])(?![A-Za-z_(']))"
)
_COMPLEMENT = re.compile(r"\\(?:overline|bar)\s*(?:\{\s*([A-Z])\s*\}|([A-Z])(?![A-Za-z]))")  # \bar{A} is A'
_BOTH_WAYS = re.compile(r"<[-=]{1,3}>")
CURRENCIES = {
    "pounds": "£",
    "pound": "£",
    "textsterling": "£",
    "euro": "€",
    "texteuro": "€",
    "EUR": "€",
    "yen": "¥",
    "textyen": "¥",
}
_MONEY = re.compile(rf"\\({'|'.join(CURRENCIES)})(?![A-Za-z])\s*(?:\{{\}})?")
_WRAPPED = re.compile(
    r"\\(?:text|mathrm|mathbf|mathit|mathsf|mathtt|textbf|textit|textrm|textsf|textnormal|mbox|hbox|boldsymbol|bm|"
    r"operatorname\*?|underline|boxed|fbox|mathop|displaylines|emph|rm|color)\s*\{"
)
_OUTER = (
    (r"\(", r"\)"),
    (r"\[", r"\]"),
    ("**", "**"),
    ("__", "__"),
    ("`", "`"),
    ('"', '"'),
    ("'", "'"),
    ("“", "”"),
)
_CURRENCY = re.compile(r"(?<![^\s(+-])\$(?=\d)")
_SPACED_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:(?:,\\!|\\,|\{,\}|\\!|\u2009|\u202f)\d{3})+(?!\d)")


@lru_cache(maxsize=4096)
def tidy(text: str) -> str:
    """The text with one spelling for each sign and without delimiters around it. Applying it twice changes
    nothing."""
    text = (
        _SPACED_THOUSANDS.sub(lambda match: re.sub(r"\D", "", match[0]), text)
        .replace("{,}", ",")
        .replace("{:}", ":")
        .replace("¢", " cents")
    )
    text = _SUPERSCRIPT_RUN.sub(lambda match: f"^{{{match[0].translate(_SUPERSCRIPTS)}}}", text)
    text = _SUBSCRIPT_RUN.sub(lambda match: f"_{{{match[0].translate(_SUBSCRIPTS)}}}", text)
    text = _VULGAR.sub(lambda match: _vulgar(match[0]), text).translate(_TABLE)
    text = _SPACES.sub(lambda match: match[1] or " ", text)  # a double backslash ends a row
    text = re.sub(
        r"\^\s*\{?\s*\\(?:circ|degree)(?![A-Za-z])\s*\}?|\\(?:degree|deg)(?![A-Za-z])", r"^\\circ ", text
    )
    text = _PRIMES.sub(lambda match: "'" * match[0].count("prime"), text)
    text = _COMMAND.sub(_spelled, text)
    text = _NUMBER_SET.sub(lambda match: rf"{match[1]}\mathbb{{{match[2] or match[3]}}}", text)
    text = re.sub(r"\\(lt|gt)(?![A-Za-z])", lambda match: {"lt": "<", "gt": ">"}[match[1]], text)
    text = _BOTH_WAYS.sub(r"\\rightleftharpoons ", _MONEY.sub(lambda match: CURRENCIES[match[1]], text))
    text = re.sub(r"<\s*=|=\s*<", r"\\le ", re.sub(r">\s*=", r"\\ge ", text))
    text = _COMPLEMENT.sub(lambda match: f"{match[1] or match[2]}'", _unwrapped(text).replace(r"\%", "%"))
    text = re.sub(r"\\(?:permil|perthousand|textperthousand)(?![A-Za-z])", "‰", text)
    return _undressed(text)


def _spelled(match: re.Match[str]) -> str:
    name = _COMMANDS.get(match[1], match[1])
    return name if name in ("[", "]", "-") else "\\" + name


def _vulgar(sign: str) -> str:
    top, bottom = unicodedata.normalize("NFKC", sign).split("⁄")
    return rf"\frac{{{top}}}{{{bottom}}}"


def _unwrapped(text: str) -> str:
    r"""The text without commands that only change the look of their argument.

    A space is left in their place, so that ``5\text{m}`` (five metres) differs from ``5m`` (five times m).
    """
    for _ in range(20):
        match = _WRAPPED.search(text)
        if match is None or (end := closing_brace(text, match.end() - 1)) is None:
            return text
        before = (
            " "
            if match.start() and (text[match.start() - 1].isalnum() or text[match.start() - 1] in "})")
            else ""
        )
        inner = text[match.end() : end]
        text = f"{text[: match.start()]}{before}{inner}{text[end + 1 :]}"
    return text


def closing_brace(text: str, start: int) -> int | None:
    """The position of the brace that closes the one at ``start``; None if there is none. Escaped braces do
    not count."""
    depth, position = 0, start
    while position < len(text):
        sign = text[position]
        if sign == "\\":
            position += 2
            continue
        depth += (sign == "{") - (sign == "}")
        if depth == 0:
            return position
        position += 1
    return None


def _undressed(text: str) -> str:
    """The text without delimiters of mathematics, quotes and Markdown around the whole of it, and without a
    final full stop."""
    if text.count("$") - text.count(r"\$") > 1 and text.count("$") > len(_CURRENCY.findall(text)):
        text = re.sub(r"(?<!\\)\$", "", text)
    text = text.replace(r"\$", "$").strip()
    for _ in range(6):
        before = text
        for left, right in _OUTER:
            inner = text[len(left) : len(text) - len(right)]
            if (
                len(text) > len(left + right)
                and text.startswith(left)
                and text.endswith(right)
                and left not in inner
            ):
                text = inner.strip()
        if (
            len(text) > 1
            and text[-1] in ".。"
            and not text.endswith("..")
            and not re.search(r"[A-Za-z]\.[A-Za-z]\.$", text)
        ):
            text = text[:-1].rstrip()
        if text == before:
            break
    if text.startswith("$") and text.endswith("$") and len(text) > 2:
        text = text[1:-1]
    return text.strip()


_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
OPEN = {"(": ")", "[": "]", r"\{": r"\}", "{": "}", r"\langle": r"\rangle"}
CLOSE = {")", "]", r"\}", "}", r"\rangle"}


def split_top(text: str, separators: str) -> list[str]:
    """The text split at the separators that stand outside all brackets."""
    parts, depth = [""], 0
    for token in _TOKEN.findall(text):
        depth += (token in OPEN) - (token in CLOSE)
        if depth <= 0 and token in separators and len(token) == 1:
            parts.append("")
        else:
            parts[-1] += token
    return [part.strip() for part in parts]


_RELATION = re.compile(r"\\(le|ge|ne|approx)(?![a-z])|([<>=])")


def at_relations(text: str) -> tuple[list[str], list[str]]:
    """The text split at its relation signs outside of brackets, and these signs."""
    parts, signs, start, depth = list[str](), list[str](), 0, 0
    position = 0
    while position < len(text):
        if text[position] in "([{":
            depth += 1
        elif text[position] in ")]}":
            depth -= 1
        elif depth <= 0 and (match := _RELATION.match(text, position)):
            parts.append(text[start:position].strip())
            signs.append(match[1] or match[2])
            start = position = match.end()
            continue
        position += 2 if text[position] == "\\" and text[position + 1 : position + 2] not in "([{)]}" else 1
    parts.append(text[start:].strip())
    return parts, signs


def brackets(text: str) -> tuple[str, str, str]:
    """(opening, closing, content) if one pair of brackets stands around the whole text; otherwise two empty
    strings and the text. The two brackets may be of different kinds, as in ``[0, 1)``."""
    tokens = _TOKEN.findall(text)
    if len(tokens) < 2 or tokens[0] not in OPEN or tokens[-1] not in CLOSE:
        return "", "", text
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token in OPEN) - (token in CLOSE)
        if depth == 0 and index < len(tokens) - 1:
            return "", "", text
    return ("", "", text) if depth else (tokens[0], tokens[-1], "".join(tokens[1:-1]).strip())


_MARKED_PART = re.compile(r"(?:^|[\s,;]+)\(?(?:part\s+)?([a-e]|[1-5]|i{1,3})\)\s*[=:]?\s*")
_ORDERS = (tuple("abcde"), tuple("12345"), ("i", "ii", "iii"))


def as_tuple(text: str) -> str:
    """``(1) 8; (2) 6`` and ``(a) 8 (b) 6`` as ``(8, 6)``: parts keep their order. Any other text as it is."""
    marks = list(_MARKED_PART.finditer(text.strip()))
    names = tuple(mark[1] for mark in marks)
    if len(marks) < 2 or marks[0].start() > 0 or not any(names == order[: len(marks)] for order in _ORDERS):
        return text
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    parts = [text.strip()[mark.end() : end].strip(" ,;") for mark, end in zip(marks, ends, strict=True)]
    if not all(parts) or any(len(split_top(part, ",;")) > 1 for part in parts):
        return text
    return f"({', '.join(parts)})"


def spaceless(text: str) -> str:
    """The text without spaces, except those between two letters or digits."""
    return re.sub(
        r"(?<![A-Za-z0-9])\s+|\s+(?![A-Za-z0-9])",
        "",
        re.sub(r"(\\[A-Za-z]+)\s+(?=[^A-Za-z])", r"\1", text.strip()),
    )

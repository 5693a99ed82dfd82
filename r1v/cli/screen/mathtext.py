r"""LaTeX in a Markdown answer, made readable on a terminal.

Enters: Markdown as models write it, with ``$...$``, ``\(...\)``, ``\[...\]`` and ``\boxed{}``. Leaves:
Markdown with the formulas as plain characters (``\frac{1}{2}x^2`` as ``1/2 x²``). Always holds: text outside
formulas is unchanged; what is not known inside them stays as it was written.
"""

from __future__ import annotations

import re

MAX_ARGUMENT = 2000  # characters; bounds the time that unclosed braces cost

_CODE_OR_MATH = re.compile(
    r"(?P<code>```.*?(?:```|\Z)|`[^`\n]*`)"
    r"|\$\$(?P<block>.{1,2000}?)\$\$|\\\[(?P<bracket>.{1,2000}?)\\\]|\\\((?P<paren>.{1,2000}?)\\\)"
    r"|(?<![\w$\\])\$(?P<inline>[^$\s\d](?:[^$\n]*?[^$\s\\])?|\d[^$\n]*?[^$\s\\]|\d)\$(?!\d)",
    re.DOTALL,
)
_BOX = re.compile(r"\\{1,2}(?:boxed|fbox)\s*(?=\{)")
_COMMAND = re.compile(r"\\([A-Za-z]+|.)", re.DOTALL)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_SCRIPT = re.compile(r"([\^_])\s*(?:\{([^{}]*)\}|([^\s{}\\]))")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~])")

_SYMBOLS = {
    "times": "×", "cdot": "·", "div": "÷", "pm": "±", "mp": "∓", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥",
    "neq": "≠", "ne": "≠", "approx": "≈", "equiv": "≡", "sim": "∼", "cong": "≅", "propto": "∝", "infty": "∞",
    "to": "→", "rightarrow": "→", "Rightarrow": "⇒", "implies": "⇒", "iff": "⇔", "leftarrow": "←", "in": "∈",
    "notin": "∉", "subset": "⊂", "cup": "∪", "cap": "∩", "emptyset": "∅", "forall": "∀", "exists": "∃",
    "sum": "∑", "prod": "∏", "int": "∫", "partial": "∂", "nabla": "∇", "angle": "∠", "triangle": "△",
    "perp": "⊥", "parallel": "∥", "circ": "°", "degree": "°", "therefore": "∴", "because": "∵",
    "ldots": "…", "dots": "…", "cdots": "⋯", "quad": "  ", "qquad": "    ", "prime": "′",
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ",
    "Psi": "Ψ", "Omega": "Ω", "{": "{", "}": "}", "%": "%", "$": "$", "&": "&", "#": "#", "_": "_",
    ",": " ", ";": " ", ":": " ", "!": "", " ": " ", "\\": "\n", "left": "", "right": "", "displaystyle": "",
}  # fmt: skip
_TRANSPARENT = ("text", "mathrm", "mathbf", "mathit", "textbf", "textit", "mbox", "operatorname", "boxed")
_FUNCTIONS = ("sin", "cos", "tan", "log", "ln", "exp", "max", "min", "gcd", "lcm", "lim", "mod", "arcsin",
              "arccos", "arctan", "cot", "sec", "csc")  # fmt: skip
_RAISED = dict(zip("0123456789+-=()nix°′", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱˣ°′", strict=True))
_LOWERED = dict(zip("0123456789+-=()aeoxijn", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₒₓᵢⱼₙ", strict=True))


def readable_markdown(text: str) -> str:
    """Markdown with its formulas made readable, and boxed answers in bold."""
    pieces = []
    last = 0
    for match in _CODE_OR_MATH.finditer(text):
        pieces.append(_open_boxes(text[last : match.start()]))
        if match["code"] is not None:
            pieces.append(match["code"])
        else:
            block = match["block"] or match["bracket"]
            inner = _escaped(readable(block or match["paren"] or match["inline"]))
            bold = f"**{inner.strip()}**" if _BOX.search(match.group()) else inner
            pieces.append(f"\n\n{bold.strip()}\n\n" if block else bold)
        last = match.end()
    pieces.append(_open_boxes(text[last:]))
    return "".join(pieces)


def readable(formula: str) -> str:
    """One formula as plain characters."""
    position = 0
    out: list[str] = []
    while match := _COMMAND.search(formula, position):
        out.append(formula[position : match.start()])
        name, position = match[1], match.end()
        if name in ("frac", "dfrac", "tfrac"):
            top, position = _argument(formula, position)
            bottom, position = _argument(formula, position)
            out.append(f"{_grouped(readable(top))}/{_grouped(readable(bottom))}")
            if formula[position : position + 1].isalnum():
                out.append(" ")
        elif name == "sqrt":
            inner, position = _argument(formula, position)
            out.append("√" + _grouped(readable(inner)))
        elif name in _TRANSPARENT and formula[position:].lstrip()[:1] == "{":
            inner, position = _argument(formula, position)
            out.append(readable(inner))
        elif name in _SYMBOLS:
            out.append(_SYMBOLS[name])
        elif name in _FUNCTIONS:
            out.append(name)
        else:
            out.append(match.group())
    out.append(formula[position:])
    return _SCRIPT.sub(_script, "".join(out))


def _argument(formula: str, position: int) -> tuple[str, int]:
    """A command's argument at position, without its braces, and where it ends."""
    while position < len(formula) and formula[position].isspace():
        position += 1
    if formula[position : position + 1] != "{":
        return formula[position : position + 1], min(position + 1, len(formula))
    depth = 0
    for brace in _BRACE.finditer(formula, position, position + MAX_ARGUMENT):
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)
        if depth == 0:
            return formula[position + 1 : brace.start()], brace.end()
    return formula[position + 1 :], len(formula)


def _grouped(text: str) -> str:
    return text if len(text) == 1 or re.fullmatch(r"√?[\w.]+|\(.*\)", text) else f"({text})"


def _script(match: re.Match[str]) -> str:
    content = match[2] if match[2] is not None else match[3]
    table = _RAISED if match[1] == "^" else _LOWERED
    if content and all(c in table for c in content):
        return "".join(table[c] for c in content)
    return f"{match[1]}({content})" if len(content) > 1 else match[1] + content


def _open_boxes(text: str) -> str:
    r"""``\boxed{x}`` outside a formula as bold x; an unfinished one stays."""
    out: list[str] = []
    last = 0
    for match in _BOX.finditer(text):
        if match.start() < last:
            continue
        inner, end = _argument(text, match.end())
        if text[end - 1 : end] == "}" and inner.strip():
            out += [text[last : match.start()], f"**{_escaped(readable(inner)).strip()}**"]
            last = end
    return "".join(out) + text[last:]


def _escaped(text: str) -> str:
    """Plain text that Markdown leaves alone."""
    return _MARKDOWN.sub(r"\\\1", text)

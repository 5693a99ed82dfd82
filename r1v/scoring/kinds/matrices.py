r"""Matrices, determinants and functions by cases in environments, and matrices by their names.

Enters: a text with ``\begin{...}``, ``diag(1, 2)``, ``I_2`` or words. Leaves: a ``Matrix``, ``Cases``, or the
value of a determinant. Always holds: a determinant that is not worked out is no number.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from r1v.scoring.answers import Cases, Collection, Matrix, Named, Reading, Scalar, Text, Value
from r1v.scoring.evaluation import same_value
from r1v.scoring.expression import Expression, Unreadable, expression_of, negative, number
from r1v.scoring.kinds.piecewise import condition_text
from r1v.scoring.notation import spaceless, split_top

Read = Callable[[str], Reading]
_ENVIRONMENT = re.compile(
    r"(?P<factor>[^\\{}&]*|\\frac\{[^{}]*\}\{[^{}]*\}|-?\\frac\{[^{}]*\}\{[^{}]*\}|[^&]*?(?:\\cdot|\\times)?)\s*[(\[|]?\s*"
    r"\\begin\s*\{(?P<kind>[a-zA-Z]*?matrix\*?|array|cases|dcases|aligned|align\*?)\}"
    r"(?:\s*(?:\{[clr|@ ]*\}|\[[clr]*\]))?"
    r"(?P<body>.*)\\end\s*\{(?P=kind)\}\s*[)\]|]?\s*(?P<turned>\^\s*\{?\s*(?:T|\\top)\s*\}?)?\s*",
    re.DOTALL,
)
_RELATION = re.compile(r"\\(?:le|ge|ne|approx)(?![a-z])|[<>=]")
_CONDITION_WORD = re.compile(
    r"^\s*(?:(?:if|for|when|where)(?:\s+(?:all|any|every))?(?![a-z])|当|若|,|\\text\s*\{\s*(?:if|for|when)\s*\})\s*|,\s*$",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(r"\s*(?:otherwise|else|elsewhere|其他|其它|否则)\s*", re.IGNORECASE)
_DIAGONAL = re.compile(r"\\?diag\s*(?:\(|\\\{|\{|\[)(.+?)(?:\)|\\\}|\}|\])", re.DOTALL)
_IDENTITY = re.compile(r"\\?(?:mathbb\s*)?\{?([IE])\}?_\s*\{?\s*([2-4])\s*\}?")
_IN_WORDS = re.compile(
    r"(?:the\s+)?(?:([2-4])\s*(?:\\times|x|by|-by-)\s*\1\s+)?(?:the\s+)?(identity|zero|null)\s+matrix"
    r"(?:\s+of\s+order\s+([2-4]))?",
    re.IGNORECASE,
)
_SHOWN = re.compile(r"(?:.{0,20}?=)?\s*(\\begin\s*\{vmatrix\}.*\\end\s*\{vmatrix\})\s*=\s*([^=]+)", re.DOTALL)
MAX_ORDER = 4


def read_matrix(text: str, read: Read) -> Reading:
    """What a text with an environment, or with a matrix's name, means; nothing for another text."""
    if r"\begin" in text:
        shown = _SHOWN.fullmatch(text.strip())
        return _determinant_shown(shown, read) if shown else _environment(text, read)
    if match := _DIAGONAL.fullmatch(text.strip()):
        cells = split_top(match[1], ",")
        rows = [
            [cell if row == column else "0" for column, cell in enumerate(cells)] for row in range(len(cells))
        ]
        return (Matrix(tuple(tuple(read(cell) for cell in row) for row in rows)),)
    if match := _IDENTITY.fullmatch(text.strip()):
        symbol = expression_of(text)
        return (*(() if symbol is None else (Scalar(symbol),)), _scalar_matrix(int(match[2]), 1))
    if match := _IN_WORDS.fullmatch(text.strip()):
        order = match[1] or match[3]
        return (_scalar_matrix(int(order), int(match[2].lower() == "identity")),) if order else ()
    return ()


def _scalar_matrix(order: int, diagonal: int) -> Matrix:
    entry = {True: (Scalar(number(diagonal)),), False: (Scalar(number(0)),)}
    return Matrix(tuple(tuple(entry[row == column] for column in range(order)) for row in range(order)))


def _determinant_shown(match: re.Match[str], read: Read) -> Reading:
    """``|1 2; 3 4| = -2``: the number, where it is that of the determinant."""
    matrix = next((one for one in _environment(match[1], read) if isinstance(one, Matrix)), None)
    said = expression_of(match[2].strip())
    if matrix is None or said is None:
        return (Text(spaceless(match[0]), False),)
    entries = [
        [next((e.value for e in cell if isinstance(e, Scalar)), None) for cell in row] for row in matrix.rows
    ]
    whole = [[entry for entry in row if entry is not None] for row in entries]
    square = all(len(row) == len(whole) for row in whole) and len(whole) <= MAX_ORDER
    try:
        right = square and same_value(_determinant(whole), said)
    except Unreadable:
        right = False
    return (Scalar(said),) if right else (Text(spaceless(match[0]), True),)


def _determinant(rows: list[list[Expression]]) -> Expression:
    """By its first row."""
    if len(rows) == 1:
        return rows[0][0]
    terms = []
    for column, entry in enumerate(rows[0]):
        rest = [[cell for at, cell in enumerate(row) if at != column] for row in rows[1:]]
        term = Expression("product", (entry, _determinant(rest)))
        terms.append(negative(term) if column % 2 else term)
    return Expression("sum", tuple(terms))


def _environment(text: str, read: Read) -> Reading:
    match = _ENVIRONMENT.fullmatch(text.strip())
    if match is None:
        return (Text(spaceless(text), False),)
    rows = [row for row in re.split(r"\\\\(?:\[[^\]]*\])?|\\cr(?![a-z])", match["body"]) if row.strip()]
    kind = match["kind"]
    cells = [[cell.strip() for cell in row.replace(r"\hline", "").split("&")] for row in rows]
    before = re.sub(r"[(\[|]\s*$", "", match["factor"].strip())  # the brackets about the entries
    factor_text = re.sub(r"\\(?:cdot|times)\s*$|=\s*$", "", before).strip()
    name = ""
    if named := re.fullmatch(r"(.{1,20}?)\s*=\s*(.*)", before, re.DOTALL):
        name, factor_text = named[1].strip(), re.sub(r"\\(?:cdot|times)\s*$", "", named[2]).strip()
    if kind in ("cases", "dcases", "aligned", "align", "align*") or (
        kind == "array" and text[: text.index(r"\begin")].rstrip().endswith("{")
    ):
        value = _cases(cells, read)
    else:
        factor = {"": None, "-": number(-1)}.get(
            factor_text, expression_of(factor_text) if factor_text else None
        )
        if factor_text and factor is None:
            return (Text(spaceless(text), False),)
        if match["turned"] and len({len(row) for row in cells}) == 1:
            cells = [list(column) for column in zip(*cells, strict=True)]
        rows_read = tuple(tuple(read(cell) for cell in row) for row in cells)
        value = Matrix(rows_read, factor, kind.startswith(("v", "V")))
    return (Named(name, (value,)),) if name and isinstance(value, Matrix | Cases) else (value,)


def _cases(cells: list[list[str]], read: Read) -> Value:
    """Values with conditions; a system of equations is a list of them."""
    if all(len(row) == 1 for row in cells):
        parts = [split_top(row[0], ",") for row in cells]
        if not all(
            len(part) == 2 and _RELATION.search(part[1]) and not _RELATION.search(part[0]) for part in parts
        ):
            return Collection(tuple(read(row[0].rstrip(", ")) for row in cells))
        cells = parts
    found = []
    for row in cells:
        condition = _CONDITION_WORD.sub("", _CONDITION_WORD.sub("", " ".join(row[1:])))
        value = read(row[0].rstrip(", "))
        otherwise = _OTHERWISE.fullmatch(condition)
        found.append((value, None if otherwise else read(condition_text(condition))))
    return Cases(tuple(found))

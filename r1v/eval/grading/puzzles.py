"""Puzzles that have several right answers, checked by their rules.

Enters: a filled grid, bridges, numbers by letter or a formula, as JSON would hold them. Leaves: whether all
rules of the puzzle hold. Always holds: an answer of another form is wrong; it never raises an error.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

Grid = Sequence[Sequence[Any]]


# ------------------------------------------------------------------------------------- numbers by letter

# name -> (letters, allowed values or None, values all different, lines, their sum or None for any)
_LINES: dict[str, tuple[str, Sequence[int] | None, bool, str, int | None]] = {
    "3": ("ABCDEFGHIJKLMNO", range(1, 16), True, "ADEH CEGH IGJH NMJH OMHL KLHF BFHD", 30),
    "4": ("ABCDEFGHI", range(1, 10), True, "ABED BCEF DEGH EFHI BDHF ACIG", 20),
    "6": ("ABCDEFGHIJKLMNOPQRS", range(1, 20), True, "AJS CJQ EJO GJM IJK LJH NJF PJD RJB", 30),
    "7": ("ABCDEFGHIJKL", range(1, 13), True, "ACFH ADGK BCDE HIJK BFIL EGJL", 26),
    "8": ("ABCDEFGHIJKLM", None, True, "ABC AFK BDE BEH CHM DGJ EGI FIL HJI KLM", 20),
    "9": ("ABCDEFGHIJKLMNOPQRS", range(1, 20), True, "ABC ADH AEJ CFJ CGL HIJ HMQ JKL JNQ JOS LPS QRS", 22),
    "10": ("ABCDEF", range(1, 7), True, "ABD DEF ACF", None),
}  # fmt: skip


def lines_add_up(which: str, answer: Any) -> bool:
    """Numbers on a figure whose lines have given sums."""
    letters, allowed, different, lines, total = _LINES[which]
    numbers = _numbers(answer, letters)
    if numbers is None:
        return False
    if allowed is not None and set(numbers.values()) != set(allowed):
        return False
    if different and len(set(numbers.values())) != len(letters):
        return False
    if which == "8" and not all(1 <= value <= 15 for value in numbers.values()):
        return False
    sums = {sum(numbers[letter] for letter in line) for line in lines.split()}
    return sums == {total} if total is not None else len(sums) == 1


def _numbers(answer: Any, letters: str) -> dict[str, Any] | None:
    if not isinstance(answer, Mapping) or any(letter not in answer for letter in letters):
        return None
    numbers = {letter: answer[letter] for letter in letters}
    good = all(isinstance(value, int | float) and not isinstance(value, bool) for value in numbers.values())
    return numbers if good else None


def _proportions(answer: Any) -> bool:
    numbers = _numbers(answer, "ABC")
    return numbers is not None and numbers["B"] != 0 and (
        numbers["A"] == 3 * numbers["B"] and numbers["C"] == 2 * numbers["B"]
    )  # fmt: skip


def _three_lines(answer: Any) -> bool:
    numbers = _numbers(answer, "ABCDEF")
    lines = ("ABC", "CEF", "ADF")
    return numbers is not None and all(sum(numbers[letter] for letter in line) == 25 for line in lines)


def _coins(answer: Any) -> bool:
    """Seventeen places for 20, 15, 10 and 5, of which there are 5, 3, 3 and 6; each line adds up to 55."""
    numbers = _numbers(answer, "ABCDEFGHIJKLMNOPQ")
    if numbers is None:
        return False
    stock = {20: 5, 15: 3, 10: 3, 5: 6}
    values = list(numbers.values())
    lines = ("ABC", "AGO", "OPQ", "CKQ", "ADINQ", "CFILO", "BEIMP", "GHIJK")
    return (
        set(values) <= set(stock)
        and all(values.count(value) <= count for value, count in stock.items())
        and all(sum(numbers[letter] for letter in line) == 55 for line in lines)
    )


def _ring(answer: Any) -> bool:
    numbers = _numbers(answer, "ABCDEFG")
    return numbers is not None and set(numbers.values()) == {1, 2, 3, 5, 7, 8} and (
        numbers["A"] + numbers["C"] == 10
        and numbers["B"] + numbers["C"] + numbers["D"] == 19
        and numbers["F"] + numbers["E"] + numbers["D"] == 19
        and numbers["E"] + numbers["G"] == 13
    )  # fmt: skip


def _cat_and_dog(answer: Any) -> bool:
    """CAT + DOG = PETS."""
    numbers = _numbers(answer, "ACTDOGPES")
    if numbers is None:
        return False

    def value(word: str) -> Any:
        return sum(numbers[letter] * 10**place for place, letter in enumerate(reversed(word)))

    return bool(value("CAT") + value("DOG") == value("PETS"))


# -------------------------------------------------------------------------------------------------- grids


def grid_of(answer: Any, size: int) -> list[list[Any]] | None:
    """A square grid of numbers; None for anything else."""
    if not isinstance(answer, list) or len(answer) != size:
        return None
    if not all(isinstance(row, list) and len(row) == size for row in answer):
        return None
    if not all(isinstance(value, int) and not isinstance(value, bool) for row in answer for value in row):
        return None
    return answer


def keeps_givens(grid: Grid, givens: Grid) -> bool:
    """Whether a grid has what was there at the start."""
    return all(
        value is None or grid[r][c] == value for r, row in enumerate(givens) for c, value in enumerate(row)
    )


def _latin(grid: Grid) -> bool:
    size = len(grid)
    columns = list(zip(*grid, strict=True))
    return all(len(set(line)) == size for line in [*grid, *columns])


def sudoku(answer: Any, givens: Grid, height: int, width: int) -> bool:
    """Each row, column and box of height x width cells has each number once."""
    size = height * width
    grid = grid_of(answer, size)
    if grid is None or not keeps_givens(grid, givens) or not _latin(grid):
        return False
    boxes = (
        [grid[top + r][left + c] for r in range(height) for c in range(width)]
        for top in range(0, size, height)
        for left in range(0, size, width)
    )
    return all(len(set(box)) == size for box in boxes)


def skyscrapers(answer: Any, givens: Grid, seen: Sequence[Sequence[int | None]]) -> bool:
    """A Latin square of heights; seen: how many are visible from above, from the left, from the right and
    from below; None where it is not given."""
    grid = grid_of(answer, len(givens))
    if grid is None or not keeps_givens(grid, givens) or not _latin(grid):
        return False
    columns = [list(column) for column in zip(*grid, strict=True)]
    views = (columns, grid, [row[::-1] for row in grid], [column[::-1] for column in columns])
    return all(
        count is None or _visible(line) == count
        for side, counts in zip(views, seen, strict=True)
        for line, count in zip(side, counts, strict=True)
    )


def _visible(line: Sequence[int]) -> int:
    return sum(all(height > other for other in line[:place]) for place, height in enumerate(line))


def yin_yang(answer: Any, givens: Grid) -> bool:
    """Cells of 0 and 1: each colour hangs together, and no square of 2 x 2 cells has one colour."""
    size = len(givens)
    grid = grid_of(answer, size)
    if grid is None or not keeps_givens(grid, givens) or {value for row in grid for value in row} - {0, 1}:
        return False
    for r in range(size - 1):
        for c in range(size - 1):
            if len({grid[r][c], grid[r][c + 1], grid[r + 1][c], grid[r + 1][c + 1]}) == 1:
                return False
    return all(_hangs_together(grid, colour) for colour in (0, 1))


def _hangs_together(grid: Grid, colour: int) -> bool:
    cells = {(r, c) for r, row in enumerate(grid) for c, value in enumerate(row) if value == colour}
    todo = [next(iter(cells))] if cells else []
    reached = set(todo)
    while todo:
        r, c = todo.pop()
        for place in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
            if place in cells and place not in reached:
                reached.add(place)
                todo.append(place)
    return reached == cells


# ------------------------------------------------------------------------------------------------ bridges


def bridges(answer: Any, islands: Sequence[Mapping[str, Any]]) -> bool:
    """Hashi: straight bridges between islands, at most two between any two, none crossing another, and each
    island has the number of bridges that it asks for."""
    wanted = {str(island["cord"]): island["requirement"] for island in islands}
    if not isinstance(answer, list) or not answer:
        return False
    counts: dict[frozenset[str], int] = {}
    for one in answer:
        if not isinstance(one, Mapping) or not isinstance(one.get("number"), int):
            return False
        pair = frozenset((str(one.get("start")), str(one.get("end"))))
        if len(pair) != 2 or not pair <= wanted.keys() or one["number"] < 1:
            return False
        counts[pair] = counts.get(pair, 0) + one["number"]
    have = {name: sum(n for pair, n in counts.items() if name in pair) for name in wanted}
    if have != wanted or any(count > 2 for count in counts.values()):
        return False
    taken: set[tuple[int, int]] = set()
    for pair in counts:
        cells = _between(*sorted(pair))
        if cells is None or taken & cells:
            return False
        taken |= cells
    return True


def _between(start: str, end: str) -> set[tuple[int, int]] | None:
    """The cells between two islands ("b3"); None if they are not on one line."""
    try:
        (x, y), (u, v) = ((ord(place[0]), int(place[1:])) for place in (start, end))
    except ValueError:
        return None
    if x == u:
        return {(x, step) for step in range(min(y, v) + 1, max(y, v))}
    if y == v:
        return {(step, y) for step in range(min(x, u) + 1, max(x, u))}
    return None


# ------------------------------------------------------------------------------------------------ formulas

_OPERATORS: dict[type, Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
MAX_FORMULA = 100


def makes(formula: Any, target: int, cards: Sequence[int]) -> bool:
    """Whether a formula of + - * / uses each card once and has the target as its value."""
    if not isinstance(formula, str):
        return False
    text = formula.split("=")[0].replace("×", "*").replace("÷", "/").strip()
    if len(text) > MAX_FORMULA:
        return False
    used: list[int] = []
    try:
        value = _value(ast.parse(text, mode="eval").body, used)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return False
    return value == target and sorted(used) == sorted(cards)


def _value(node: ast.AST, used: list[int]) -> Fraction:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        used.append(node.value)
        return Fraction(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left, used), _value(node.right, used))
    raise ValueError("neither a whole number nor one of + - * /")


def same_formula(formula: Any, right: Sequence[str]) -> bool:
    """Whether a sum or product is one of the right ones. The order of its parts does not matter."""
    if not isinstance(formula, str):
        return False
    try:
        given = _parts(formula)
        return any(given == _parts(str(one)) for one in right)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _parts(formula: str) -> tuple[str, tuple[str, ...]]:
    text = formula.split("=")[0].strip()
    if len(text) > MAX_FORMULA:
        raise ValueError("too long")
    node = ast.parse(text, mode="eval").body
    kind = type(node.op) if isinstance(node, ast.BinOp) else None
    if kind not in (ast.Add, ast.Mult):
        return "alone", (ast.unparse(node),)

    def spread(inner: ast.AST) -> list[str]:
        if isinstance(inner, ast.BinOp) and type(inner.op) is kind:
            return spread(inner.left) + spread(inner.right)
        return [ast.unparse(inner)]

    return kind.__name__, tuple(sorted(spread(node)))


def _on_lines(which: str, answer: Any, info: Mapping[str, Any]) -> bool:
    return lines_add_up(which, answer)


# the check for each of MME-Reasoning's functions: (answer, special_info) -> whether it is right
CHECKS: dict[str, Callable[[Any, Mapping[str, Any]], bool]] = {
    "calculate_answer_function_1": lambda answer, info: _proportions(answer),
    "calculate_answer_function_2": lambda answer, info: _three_lines(answer),
    "calculate_answer_function_5": lambda answer, info: _coins(answer),
    "calculate_answer_function_11": lambda answer, info: _ring(answer),
    "calculate_answer_function_12": lambda answer, info: _cat_and_dog(answer),
    "calculate_answer_function_hashi": lambda answer, info: bridges(answer, info["init_islands"]),
    "calculate_answer_function_skyscraper": lambda answer, info: skyscrapers(
        answer, info["base_matrix"], info["visible_skyscrapers"]
    ),
    "calculate_answer_function_sudoku_4": lambda answer, info: sudoku(answer, info["base_matrix"], 2, 2),
    "calculate_answer_function_sudoku_6": lambda answer, info: sudoku(answer, info["base_matrix"], 2, 3),
    "calculate_answer_function_yinyang": lambda answer, info: yin_yang(answer, info["base_matrix"]),
    "judge_24points_function": lambda answer, info: makes(answer, 24, info["init_cards"]),
}
for _which in _LINES:
    CHECKS[f"calculate_answer_function_{_which}"] = partial(_on_lines, _which)

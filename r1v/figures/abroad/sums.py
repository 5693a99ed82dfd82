"""Sums and formulas as people write them: typed, typeset, on a worksheet.

The solutions are those of the families ``expression`` and ``formula``: they copy the text with the signs ×
and ÷, whichever signs it has, and work it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from r1v.figures.abroad.scene import Asked, ToolPicture, plain_request
from r1v.figures.families import formula
from r1v.figures.families.expression import SIGNS, make_expression
from r1v.figures.item import DIFFICULTIES
from r1v.figures.working import line, operate, plus, solve, written

_END = "[|||| Give the number.| Just the number.]"
_STOP = "[?|?|.||? Give the number.|? Just the number.]"
PHRASES: dict[str, tuple[str, str]] = {
    "evaluate": (
        "[What is the result|What's the answer|Solve this|Calculate this|Work this out|Compute the "
        "expression|"
        "What does it equal|How much is this|Evaluate it|What is the value of the expression|Solve|"
        f"Please calculate what is written]{_STOP}",
        "[How much does this come to?|Do the maths.]",
    ),
    "missing": (
        "[Which number is missing|What number goes in place of the question mark|Find the missing number|"
        f"What does the question mark stand for|What is the unknown number]?{_END}",
        "[Fill in the gap.|What belongs where the question mark is?]",
    ),
    "column": (
        "[What is the sum of these numbers|Add up the numbers|What is the total|Add all of them up|Find the "
        f"sum]{_STOP}",
        "[How much is it when you put all these numbers together?]",
    ),
    "largest": (
        "[Which is the largest number|What is the biggest number|Find the largest number|Which number is the "
        f"greatest]?{_END}",
        "[Tell me the highest of these numbers.]",
    ),
    "sheet": (
        "[What is the answer to|Solve|Work out|Calculate|Answer|What is the result of] [number|problem|task|"
        f"question] {{number}}{_STOP}",
        "[Can you do exercise {number}?]",
    ),
    "percent": (
        f"[How much is it|What is the result|Calculate this|What's the answer|Work it out]{_STOP}",
        "[How much does this come to?]",
    ),
}
FORMULA_PHRASES: dict[str, tuple[str, str]] = {
    "find": (
        "[What is|Find|Solve for|Calculate|What's|Work out|Determine|How large is] {name}[| here| from "
        "what is "
        f"written| in the picture]{_STOP}",
        "[Tell me the value of {name}.|{name} = ?]",
    ),
}


@dataclass(frozen=True, slots=True)
class Written:
    """Lines of text and what follows from them. kind: of the question; name: of what is asked for."""

    kind: str
    lines: tuple[str, ...]
    answers: tuple[str, ...]
    solutions: tuple[str, ...]
    facts: dict[str, str]
    name: str = ""


def plan(rng: Random, level: int) -> Written:
    """One sum, a gap, a column, the largest of some numbers, a percentage, or a sheet of sums."""
    kind = rng.choice(
        ("evaluate",) * 5 + ("missing", "missing", "column", "largest", "percent", "sheet", "sheet")
    )
    if kind == "evaluate":
        shown, work, value = _sum(rng, level)
        solution = f"expression: {shown}\n{work}\nThe value is {value}."
        return Written(
            kind, (shown + rng.choice(("", "", " =", " = ?")),), (value,), (solution,), {"expression": shown}
        )
    if kind == "missing":
        return _missing(rng, level)
    if kind == "percent":
        return _percent(rng, level)
    if kind == "sheet":
        made = [_sum(rng, min(level, 1)) for _ in range(rng.randint(2, 5))]
        lines = tuple(f"{i}) {shown} =" for i, (shown, _, _) in enumerate(made, 1))
        solutions = tuple(
            f"number {i}: {shown}\n{work}\nThe value is {value}."
            for i, (shown, work, value) in enumerate(made, 1)
        )
        facts = {f"number {i}": shown for i, (shown, _, _) in enumerate(made, 1)}
        return Written(kind, lines, tuple(value for _, _, value in made), solutions, facts)
    return _numbers(rng, level, kind)


def _sum(rng: Random, level: int) -> tuple[str, str, str]:
    """An expression, its working and its value."""
    tokens = make_expression(rng, level)
    steps, value = solve(tokens)
    return written(tokens), "\n".join(line(*step) for step in steps), str(value)


def _missing(rng: Random, level: int) -> Written:
    """An equation with a question mark."""
    while True:
        tokens = make_expression(rng, level, 1)
        a, sign, b = int(tokens[0]), str(tokens[1]), int(tokens[2])
        result = operate(a, sign, b)
        if sign in SIGNS and result:
            break
    first = rng.random() < 0.5
    shown = f"? {sign} {b} = {result}" if first else f"{a} {sign} ? = {result}"
    if sign in ("+", "×"):
        work = line(result, "-" if sign == "+" else "÷", b if first else a)
    elif first:
        work = line(result, "+" if sign == "-" else "×", b)
    else:
        work = line(a, sign, result)
    answer = str(a if first else b)
    solution = f"equation: {shown}\n{work}\nThe missing number is {answer}."
    return Written("missing", (shown,), (answer,), (solution,), {"equation": shown})


def _percent(rng: Random, level: int) -> Written:
    """``20% of 140``, by tens of percent."""
    tens, base = rng.randint(1, 9), 10 * rng.randint(2, (20, 60, 90)[level])
    shown, tenth = f"{10 * tens}% of {base}", base // 10
    lines = [f"expression: {shown}", f"10% of {base} = {tenth}"]
    if tens > 1:
        lines.append(line(tens, "×", tenth))
    lines.append(f"The value is {tens * tenth}.")
    text = shown + rng.choice(("", " =", " = ?"))
    return Written("percent", (text,), (str(tens * tenth),), ("\n".join(lines),), {"expression": shown})


def _numbers(rng: Random, level: int, kind: str) -> Written:
    """Numbers below each other: their sum or the largest."""
    count, high = rng.randint(3, 4) + (level > 1), (99, 200, 999)[level]
    numbers = rng.sample(range(3, high + 1), count)
    shown, best = ", ".join(map(str, numbers)), numbers[0]
    lines = [f"numbers: {shown}"]
    for number in numbers[1:]:
        if kind == "column":
            lines.append(plus(best, number) if count < 4 else f"{best} + {number} = {best + number}")
            best += number
        else:
            lines.append(f"{best} or {number}: {max(best, number)}")
            best = max(best, number)
    lines.append(f"The sum is {best}." if kind == "column" else f"The largest is {best}.")
    text = tuple(map(str, numbers)) if rng.random() < 0.6 else ("   ".join(map(str, numbers)),)
    return Written(kind, text, (str(best),), ("\n".join(lines),), {"numbers": shown})


def plan_formula(rng: Random, level: int) -> Written:
    """One to four lines of a formula or an equation, as the family makes them."""
    kind = rng.choice(tuple(formula.MAKE))
    text, name, answer, work = formula.MAKE[kind](plain_request(kind, DIFFICULTIES[level], rng))
    facts = {f"line {i}": one for i, one in enumerate(text, 1)}
    solution = "\n".join([*(f"{key}: {one}" for key, one in facts.items()), *work, f"{name} is {answer}."])
    return Written("find", tuple(text), (str(answer),), (solution,), facts, name)


def ask(matter: Written, drawn: ToolPicture, rng: Random) -> Asked:
    """The question that belongs to what is written; of a sheet, about one of its lines."""
    i = rng.randrange(len(matter.answers))
    fields: dict[str, object] = {"number": i + 1, "name": matter.name}
    return Asked(matter.kind, fields, matter.answers[i], "number", matter.solutions[i], matter.facts)

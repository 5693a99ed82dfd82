"""Text-only arithmetic: the four operations, order of operations, remainders, sums of several numbers."""

from __future__ import annotations

from random import Random

from r1v.figures.families.expression import make_expression
from r1v.figures.item import Draft, Family, Request
from r1v.figures.working import chinese, divide, line, minus, operate, plus, remainder, solve, times, written

_FRAMES = ("What is {}?", "Calculate {}.", "Work out {}.", "Find {}.", "Compute {}.")
_TAIL = "[| Show the steps.| Give a number.| Think step by step.]"


def _ask(*phrases: str) -> str:
    """Every frame round every phrase, as one bracket, and a tail."""
    return "[" + "|".join(frame.format(phrase) for frame in _FRAMES for phrase in phrases) + "]" + _TAIL


KINDS = {
    "add": _ask("{a} + {b}", "{a} plus {b}", "the sum of {a} and {b}"),
    "subtract": _ask("{a} - {b}", "{a} minus {b}", "the difference of {a} and {b}"),
    "multiply": _ask("{a} × {b}", "{a} times {b}", "the product of {a} and {b}"),
    "divide": _ask("{a} ÷ {b}", "{a} divided by {b}", "the quotient of {a} and {b}"),
    "order": _ask("{text}", "the value of {text}", "the result of {text}"),
    "remainder": (
        "[What is the remainder when {a} is divided by {b}?|Find the remainder of {a} divided by {b}.|What "
        "remains "
        "when you divide {a} by {b}?|Work out {a} modulo {b}.|Give the remainder of {a} ÷ {b}.]"
        "[| Show the steps.| Give a number.| Think step by step.| Work it out.]"
    ),
    "series": _ask("the sum of {list}", "the sum of the numbers {list}", "the total of {list}"),
    "order_zh": "[请计算|计算|算一算|求值|请算出][：| ]{text}[|。|，写出步骤。|，逐步计算。]",
    "add_zh": (
        "[请计算|计算|算一算|求][ |：][{a} + {b}|{a} 加 {b}|{a} 与 {b} 的和][。|，写出步骤。|，逐步计算。]"
    ),
}

_SIGN = {"add": "+", "subtract": "-", "multiply": "×", "divide": "÷", "remainder": "mod"}


def _operands(rng: Random, kind: str, level: int) -> tuple[int, int]:
    """Two numbers fit for a kind and level."""
    if kind == "add":
        low, high = ((1, 20), (10, 99), (100, 999))[level]
        return rng.randint(low, high), rng.randint(low, high)
    if kind == "subtract":
        a, b = sorted(rng.randint(*((1, 20), (10, 99), (30, 999))[level]) for _ in range(2))
        return b, a
    if kind == "multiply":
        if level < 2:
            return rng.randint(2, (10, 99)[level]), rng.randint(2, 9)
        if rng.random() < 0.7:
            return rng.randint(11, 99), rng.randint(11, 99)
        return rng.randint(101, 999), rng.randint(2, 9)
    b = rng.randint(2, (9, 9, 12)[level])
    q = rng.randint(*((2, 9), (10, 40), (20, 99))[level])
    return (b * q, b) if kind == "divide" else (b * q + rng.randrange(b), b)


def _text(kind: str, a: int, b: int) -> tuple[str, int]:
    """The working and the result."""
    if kind == "remainder":
        return remainder(a, b), a % b
    work = {"add": plus, "subtract": minus, "multiply": times, "divide": divide}[kind]
    return work(a, b), operate(a, _SIGN[kind], b)


def draw(request: Request) -> Draft:
    """One calculation."""
    rng, level, in_chinese = request.rng, request.level, request.kind.endswith("_zh")
    kind = request.kind.removesuffix("_zh")
    end = "结果是{}。" if in_chinese else "The answer is {}."
    if kind == "order":
        tokens = make_expression(rng, level, rng.randint(2, max(2, level + 1)))
        steps, value = solve(tokens)
        shown = written(tokens)
        work = "\n".join([shown, *(line(*step) for step in steps), end.format(value)])
        work = chinese(work) if in_chinese else work
        return Draft(request.wording(text=shown), str(value), "number", work, {"expression": shown})
    if kind == "series":
        count = rng.randint(3, 4) + (level > 0)
        numbers = [rng.randint(*((1, 9), (2, 40), (10, 150))[level]) for _ in range(count)]
        total, lines = numbers[0], []
        for number in numbers[1:]:
            lines.append(plus(total, number) if count < 5 else f"{total} + {number} = {total + number}")
            total += number
        listed = ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}"
        lines.append(f"The sum is {total}.")
        return Draft(
            request.wording(list=listed), str(total), "number", "\n".join(lines), {"numbers": listed}
        )
    a, b = _operands(rng, kind, level)
    work, value = _text(kind, a, b)
    facts = {"a": str(a), "b": str(b)}
    last = f"The remainder is {value}." if kind == "remainder" else end.format(value)
    work = chinese(work) if in_chinese else work
    return Draft(request.wording(a=a, b=b), str(value), "number", f"{work}\n{last}", facts)


FAMILY = Family(
    name="arithmetic",
    summary="Arithmetic in words and signs, worked by steps",
    kinds=KINDS,
    draw=draw,
    num_images=0,
)

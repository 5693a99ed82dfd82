"""Sums that people type, without a picture: signs of every sort, blanks or none, two languages.

Enters: random numbers and a split. Leaves: a question, its exact answer and a short chain that first writes
the sum down in one form. Always holds: the chain's steps are those of `r1v.figures.working`; held-out
frames and ways to write a sign never occur in training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import gcd
from random import Random

from r1v.figures.families.expression import make_expression
from r1v.figures.item import AnswerType, Split
from r1v.figures.people import typed_long, typed_more
from r1v.figures.people.phrasing import CHINESE, slip
from r1v.figures.people.sums import SIGNS, Sum, sign_as_typed, uneven, written
from r1v.figures.working import chinese, divide, line, minus, operate, plus, solve, times

FRAMES: tuple[tuple[str, ...], tuple[str, ...]] = (
    (
        "{}", "{}=", "{}=?", "{} =", "{} = ?", "{}?", "{} ?", "What is {}?", "what is {}?", "what is {}",
        "What's {}?", "whats {}", "Calculate {}.", "calculate {}", "Compute {}", "compute {}.", "Solve {}",
        "How much is {}?", "how much is {}", "Work out {}.", "can you calculate {}?", "Please calculate {}.",
        "give me {}", "Tell me {}", "{} is?", "{} equals", "Find {}.", "Result of {}?", "please, {}",
        "计算{}", "计算 {}。", "{}等于多少？", "{}是多少？", "{}等于几", "{}得多少？", "算一下{}", "{}=多少",
    ),
    (
        "{} = what?", "what does {} make", "hey what's {}", "Could you work out {} for me?", "evaluate {}",
        "{} makes?", "the answer to {}?", "{}的结果是什么？", "请问{}是几？", "help me with {}",
    ),
)  # fmt: skip
FURTHER_FRAMES = (  # of training alone
    "{} please", "how much does {} make?", "{} is how much?", "what do you get for {}?", "Tell me the "
    "result of {}.",
    "I need {}", "quick: {}", "do {}", "work {} out", "value of {}?", "what will {} be?", "So what's "
    "{}?", "hi, {}?",
    "Your answer to {}, please", "What is the result of {}?", "{} = ", "= {}", "{} equals what", "solve: {}",
    "can you do {}?", "now {}", "and {}?", "how much are {}", "What would {} be?", "i want to know {}",
    "{}的答案是什么？", "请算{}", "帮我算{}", "{}一共是多少", "问：{}", "{}是几？", "得数是多少：{}",
)  # fmt: skip


def _operands(sign: str, rng: Random) -> tuple[int, int]:
    level = rng.choice((0, 1, 1, 2, 2))
    if sign == "+":
        low, high = ((0, 20), (5, 99), (50, 999))[level]
        return rng.randint(low, high), rng.randint(*((0, 20), (1, 99), (5, 999))[level])
    if sign == "-":
        b, a = sorted(rng.randint(*((0, 20), (1, 99), (10, 999))[level]) for _ in range(2))
        return a, b
    if sign == "×":
        if level < 2:
            a, b = rng.randint(0, (12, 99)[level]), rng.randint(1, 12)
            return (a, b) if rng.random() < 0.6 else (b, a)
        return (
            (rng.randint(11, 99), rng.randint(11, 99))
            if rng.random() < 0.7
            else (rng.randint(101, 999), rng.randint(2, 9))
        )
    b, q = rng.randint(1, (10, 12, 12)[level]), rng.randint(*((1, 10), (2, 40), (10, 99))[level])
    return b * q, b


def _binary(rng: Random, split: Split) -> Sum:
    sign = rng.choice("+-××÷")
    a, b = _operands(sign, rng)
    text = f"{a}{sign_as_typed(sign, split, rng)}{b}"
    return Sum(text, str(operate(a, sign, b)), (f"{a} {sign} {b}", line(a, sign, b)))


def _chain(rng: Random, split: Split) -> Sum:
    """Several operations, brackets, their order."""
    tokens = make_expression(rng, rng.randrange(3), rng.randint(2, 3))
    steps, value = solve(tokens)
    marks = {sign: sign_as_typed(sign, split, rng) for sign in SIGNS}
    if any(mark.strip().isalpha() or " by" in mark for mark in marks.values()):
        marks = {"+": "+", "-": "-", "×": "*", "÷": "/"}
    text = "".join(marks.get(str(token), str(token)) for token in tokens)
    shown = " ".join(map(str, tokens)).replace("( ", "(").replace(" )", ")")
    return Sum(text, str(value), (shown, *(line(*step) for step in steps)))


def _percent(rng: Random, split: Split) -> Sum:
    kind, of = (
        rng.randrange(4),
        rng.choice((10, 20, 25, 40, 50, 60, 80, 100, 120, 140, 150, 200, 240, 300, 400)),
    )
    of = of if rng.random() < 0.7 else rng.randint(2, 400)
    share = (
        rng.choice((5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 80, 90))
        if rng.random() < 0.8
        else rng.randint(1, 99)
    )
    part = Fraction(share * of, 100)
    work = (f"{share}% × {of}", times(of, share), f"{share * of} / 100 = {written(part)}")
    if kind < 2:
        forms = (
            "{p}% of {n}",
            "{p} % of {n}",
            "{p} percent of {n}",
            "{n}的{p}%",
            "{p}% from {n}",
            "{p}%*{n}",
        )
        held = ("{p} per cent of {n}", "{p}%  of {n}")
        form = rng.choice(held if split == "heldout" and rng.random() < 0.4 else forms)
        return Sum(form.format(p=share, n=of), written(part), work)
    if kind == 2:
        more = rng.random() < 0.5
        result = of + part if more else of - part
        changed = (
            ("{n} + {p}%", "{n} plus {p}%", "{n} increased by {p}%")
            if more
            else ("{n} - {p}%", "{n} minus {p}%", "{n} reduced by {p}%")
        )
        last = f"{of} {'+' if more else '-'} {written(part)} = {written(result)}"
        return Sum(rng.choice(changed).format(p=share, n=of), written(result), (*work, last))
    whole = rng.choice((10, 20, 25, 40, 50, 80, 100, 200, 400))
    share = rng.choice([p for p in range(1, 100) if p * whole % 100 == 0])
    part_of = share * whole // 100
    asked = (
        "what percent of {n} is {a}?",
        "{a} is what percent of {n}?",
        "how many percent is {a} of {n}",
        "{a}是{n}的百分之几？",
    )
    lines = (f"{part_of} of {whole}", f"{part_of} × 100 = {part_of * 100}", divide(part_of * 100, whole))
    return Sum(rng.choice(asked).format(n=whole, a=part_of), str(share), lines, framed=False)


def _fraction(rng: Random, split: Split) -> Sum:
    kind = rng.randrange(4)
    if kind == 0:
        b = rng.choice((2, 3, 4, 5, 6, 8, 10))
        a, n = rng.randint(1, b - 1), b * rng.randint(1, 20)
        names = {
            (1, 2): "half",
            (1, 3): "a third",
            (1, 4): "a quarter",
            (3, 4): "three quarters",
            (2, 3): "two thirds",
        }
        said = names.get((a, b), f"{a}/{b}") if rng.random() < 0.5 else f"{a}/{b}"
        lines = [f"{a}/{b} of {n}", divide(n, b)] + ([times(n // b, a)] if a > 1 else [])
        return Sum(f"{said} of {n}", str(n // b * a), tuple(lines))
    if kind == 1:
        a, b, k = rng.randint(1, 9), rng.randint(2, 12), rng.randint(2, 9)
        value = Fraction(a, b)
        top, bottom = a * k, b * k
        common = gcd(top, bottom)
        result = f"{value.numerator}/{value.denominator}" if value.denominator > 1 else str(value)
        work = (
            f"both by {common}: {top} / {common} = {top // common}, {bottom} / {common} = {bottom // common}"
        )
        steps = (f"{top}/{bottom}", f"{work}, so {result}")
        said = rng.choice(("simplify {}", "reduce {}", "{} simplified", "约分 {}", "{} in lowest terms"))
        return Sum(said.format(f"{top}/{bottom}"), result, steps, framed=False)
    a, b, c, d = rng.randint(1, 5), rng.randint(2, 8), rng.randint(1, 5), rng.randint(2, 8)
    if kind == 2:
        sign = rng.choice("+-")
        if sign == "-" and Fraction(a, b) < Fraction(c, d):
            a, b, c, d = c, d, a, b
        both = b * d // gcd(b, d)
        u, v = a * both // b, c * both // d
        top = u + v if sign == "+" else u - v
        lines = [
            f"{a}/{b} {sign} {c}/{d}",
            f"{a}/{b} = {u}/{both}, {c}/{d} = {v}/{both}",
            f"{u} {sign} {v} = {top}, so {top}/{both}",
        ]
        text = f"{a}/{b}{rng.choice((sign, f' {sign} '))}{c}/{d}"
    else:
        top, both = a * c, b * d
        lines = [f"{a}/{b} × {c}/{d}", f"{a} × {c} = {a * c}, {b} × {d} = {b * d}, so {top}/{both}"]
        text = f"{a}/{b}{rng.choice((' * ', ' x ', ' × ', '*'))}{c}/{d}"
    result, last = typed_long.reduced(top, both)
    return Sum(text, result, (*lines, *last))


def _negative(rng: Random, split: Split) -> Sum:
    sign = rng.choice("+-×")
    high = rng.choice((10, 30, 99)) if sign != "×" else 12
    a, b = rng.randint(-high, high), rng.randint(-high, high)
    if sign == "-" and rng.random() < 0.6:
        a, b = sorted((abs(a), abs(b)))
    second = f"({b})" if b < 0 else str(b)
    first = f"({a})" if a < 0 and rng.random() < 0.3 else str(a)
    lines, value = [f"{a} {sign} {second}"], {"+": a + b, "-": a - b, "×": a * b}[sign]
    if sign == "×":
        lines.append(f"{abs(a)} × {abs(b)} = {abs(value)}")
        lines.append(f"the sign is {'minus' if value < 0 else 'plus'}: {value}")
    else:
        add = b if sign == "+" else -b
        big, small = max(abs(a), abs(add)), min(abs(a), abs(add))
        if a * add >= 0:
            lines.append(plus(abs(a), abs(add)))
        else:
            lines.append(minus(big, small))
        lines.append(f"the sign is {'minus' if value < 0 else 'plus'}: {value}")
    mark = {"+": ("+", " + "), "-": ("-", " - "), "×": ("*", " x ", " × ", " times ")}[sign]
    return Sum(f"{first}{rng.choice(mark)}{second}", str(value), tuple(lines))


def _decimal(rng: Random, split: Split) -> Sum:
    lines: tuple[str, ...]
    sign, places = rng.choice("++-×÷"), rng.choice((1, 1, 2))
    unit = 10**places
    if sign in "+-":
        u, v = rng.randint(1, 60 * unit), rng.randint(1, 60 * unit)
        if sign == "-" and u < v:
            u, v = v, u
        a, b = Fraction(u, unit), Fraction(v, unit)
        value = a + b if sign == "+" else a - b
        result = u + v if sign == "+" else u - v
        lines = (
            f"{written(a)} {sign} {written(b)}",
            f"times {unit}: {u} {sign} {v}",
            line(u, sign, v),
            f"by {unit}: {result} / {unit} = {written(value)}",
        )
    elif sign == "×":
        u, k = rng.randint(1, 20 * 10), rng.randint(2, 12)
        a, value = Fraction(u, 10), Fraction(u * k, 10)
        b = Fraction(k)
        lines = (
            f"{written(a)} × {k}",
            f"times 10: {u} × {k}",
            times(u, k),
            f"by 10: {u * k} / 10 = {written(value)}",
        )
    else:
        k = rng.choice((2, 4, 5, 10))
        n = rng.randint(1, 99)
        a, b, value = Fraction(n), Fraction(k), Fraction(n, k)
        lines = (
            f"{n} ÷ {k}",
            f"times {100 // k}: {n} × {100 // k} = {n * 100 // k}, so {n * 100 // k} / 100",
            f"{n} ÷ {k} = {written(value)}",
        )
    return Sum(f"{written(a)}{sign_as_typed(sign, split, rng)}{written(b)}", written(value), lines)


def _equation(rng: Random, split: Split) -> Sum:
    x, name = rng.randint(0, 20), rng.choice("xxxyzna")
    a, b = rng.randint(2, 9), rng.randint(1, 30)
    kind = rng.randrange(5)
    if kind == 0:
        text, lines = f"{name} + {b} = {x + b}", [minus(x + b, b)]
    elif kind == 1:
        text, lines = f"{name} - {b} = {x}", [plus(x, b)]
        x = x + b
    elif kind == 2:
        text, lines = f"{a}{name} = {a * x}", [f"{a * x} / {a} = {x}"]
    elif kind == 3:
        sign = rng.choice("+-")
        right = a * x + b if sign == "+" else a * x - b
        text = f"{a}{name} {sign} {b} = {right}"
        step = f"{right} - {b} = {a * x}" if sign == "+" else f"{right} + {b} = {a * x}"
        lines = [step, f"{a * x} / {a} = {x}"]
    else:
        c, d = rng.randint(1, a - 1), rng.randint(1, 30)
        e = a * x + d - c * x
        text = f"{a}{name} + {d} = {c if c > 1 else ''}{name} + {e}"
        lines = [f"{a} - {c} = {a - c}", f"{e} - {d} = {e - d}", f"{e - d} / {a - c} = {x}"]
    shown = text.replace(" ", "") if rng.random() < 0.3 else text
    forms = (
        "solve {e}",
        "Solve {e} for {n}.",
        "{e}",
        "{e}, {n}=?",
        "what is {n} if {e}?",
        "find {n}: {e}",
        "{e} {n}?",
        "Solve for {n}: {e}",
        "解方程 {e}",
        "{e}，求{n}",
        "If {e}, what is {n}?",
    )
    held = ("which {n} makes {e} true?", "{n} in {e}?", "{e} => {n} = ?")
    form = rng.choice(held if split == "heldout" and rng.random() < 0.6 else forms)
    lines = [text, *lines, f"{name} is {x}."]
    return Sum(form.format(e=shown, n=name), str(x), tuple(lines), framed=False)


def _power(rng: Random, split: Split) -> Sum:
    if rng.random() < 0.6:
        a, n = rng.choice(((rng.randint(0, 20), 2), (rng.randint(1, 6), 3), (2, rng.randint(3, 8)), (10, 3)))
        text = (
            f"{a}^{n}"
            if n > 3
            else rng.choice(
                (
                    f"{a}^{n}",
                    f"{a} to the power of {n}",
                    f"{a}**{n}",
                    f"{a} squared" if n == 2 else f"{a} cubed",
                )
            )
        )
        lines, value = [f"{a}^{n}"], a
        for _ in range(n - 1):
            lines.append(times(value, a))
            value *= a
        return Sum(text, str(value), tuple(lines))
    a = rng.randint(1, 20)
    text = rng.choice(("the square root of {}", "sqrt({})", "square root of {}", "√{}")).format(a * a)
    return Sum(text, str(a), (f"√{a * a}", f"{a} × {a} = {a * a}"))


MAKERS: dict[str, tuple[Callable[[Random, Split], Sum], int]] = {  # with their weights
    "binary": (_binary, 8),
    "chain": (_chain, 3),
    "percent": (_percent, 3),
    "fraction": (_fraction, 2),
    "negative": (_negative, 2),
    "decimal": (_decimal, 2),
    "equation": (_equation, 2),
    "power": (_power, 1),
    "spoken": (typed_more.spoken, 1),
    "list": (typed_more.of_list, 2),
    "convert": (typed_more.convert, 1),
    "time": (typed_more.of_time, 1),
    "money": (typed_more.of_money, 1),
}
TRAINED: dict[str, tuple[Callable[[Random, Split], Sum], int]] = {  # of training alone
    "long": (typed_long.long, 7),
    "worded": (typed_long.worded, 6),
    "like": (typed_long.like, 4),
    "brackets": (typed_long.brackets, 4),
    "decimal_product": (typed_long.decimal_product, 2),
    "unit_decimal": (typed_long.unit_decimal, 2),
    "zero": (typed_long.with_zero, 1),
    "small": (typed_long.small, 3),
    "small_decimal": (typed_long.small_decimal, 2),
}


def make_typed(rng: Random, split: Split) -> tuple[str, str, AnswerType, str, str]:
    """Question, answer, its type, solution and wording of one sum."""
    makers = MAKERS | TRAINED if split == "train" else MAKERS
    kinds = tuple(makers)
    kind = rng.choices(kinds, [makers[one][1] for one in kinds])[0]
    made = makers[kind][0](rng, split)
    frame = "{}"
    if made.framed:
        frame = rng.choice(FRAMES[1] if split == "heldout" and rng.random() < 0.6 else FRAMES[0])
        if split == "train" and rng.random() < 0.3:
            frame = rng.choice(FURTHER_FRAMES)
    text = uneven(made.text, rng) if split == "train" and rng.random() < 0.08 else made.text
    question = frame.replace("{}", text)
    if made.text[-1:].isdigit() and frame == "{}." and "." in made.text:
        question = made.text
    in_chinese = bool(CHINESE.search(question))
    if not in_chinese and rng.random() < 0.04:
        question = slip(question, rng)
    elif not in_chinese and rng.random() < 0.1:
        question = question.lower()
    end = f"结果是{made.answer}。" if in_chinese else f"The answer is {made.answer}."
    chain = "\n".join([*made.lines, end])
    return (
        question,
        made.answer,
        made.answer_type,
        chinese(chain) if in_chinese else chain,
        f"typed/{kind}/{frame}",
    )


def names_of_kinds() -> Sequence[str]:
    """Of the sums, in order."""
    return (*MAKERS, *TRAINED)

"""Sums in words, lists of numbers, units, times and money, as people type them."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from r1v.figures.item import Split
from r1v.figures.people.sums import Sum
from r1v.figures.working import divide, line, operate, remainder, times

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def in_words(n: int) -> str:
    """A number below 100 in English words."""
    if n < 20:
        return _ONES[n]
    return _TENS[n // 10 - 2] + (f"-{_ONES[n % 10]}" if n % 10 else "")


def spoken(rng: Random, split: Split) -> Sum:
    sign = rng.choice("+-×")
    a, b = rng.randint(0, 30), rng.randint(0, 30)
    if sign == "-" and a < b:
        a, b = b, a
    if sign == "×":
        a, b = a % 13, b % 13
    word = {"+": "plus", "-": "minus", "×": "times"}[sign]
    return Sum(
        f"{in_words(a)} {word} {in_words(b)}", str(operate(a, sign, b)), (f"{a} {sign} {b}", line(a, sign, b))
    )


def of_list(rng: Random, split: Split) -> Sum:
    """Sums, means, extremes of a list; the next of a row."""
    kind, count = (
        rng.choice(("sum", "mean", "largest", "smallest", "next", "double", "half", "mod")),
        rng.randint(3, 5),
    )
    if kind in ("double", "half"):
        n = rng.randint(1, 60) * (2 if kind == "half" else 1)
        said = rng.choice(
            ("double {}", "twice {}", "two times {}")
            if kind == "double"
            else ("half of {}", "the half of {}")
        )
        work = times(n, 2) if kind == "double" else divide(n, 2)
        return Sum(said.format(n), str(n * 2 if kind == "double" else n // 2), (work,))
    if kind == "mod":
        b = rng.randint(2, 12)
        a = b * rng.randint(1, 20) + rng.randrange(b)
        said = rng.choice(("{a} mod {b}", "the remainder of {a} / {b}", "the rest of {a} divided by {b}"))
        return Sum(said.format(a=a, b=b), str(a % b), (f"{a} mod {b}", remainder(a, b)))
    if kind == "next":
        start, step = rng.randint(1, 20), rng.choice((1, 2, 3, 4, 5, 10))
        row = [start + step * i for i in range(4)]
        said = rng.choice(("what comes next: {}, ...", "{}, ?", "next number: {}", "{}接下来是几？"))
        lines = (
            ", ".join(map(str, row)),
            f"{row[1]} - {row[0]} = {step}",
            f"{row[-1]} + {step} = {row[-1] + step}",
        )
        return Sum(said.format(", ".join(map(str, row))), str(row[-1] + step), lines, framed=False)
    return _of_numbers(kind, count, rng)


def _of_numbers(kind: str, count: int, rng: Random) -> Sum:
    """The sum, mean or an extreme of some numbers."""
    numbers = [rng.randint(1, 60) for _ in range(count)]
    if kind == "mean":
        numbers[-1] += -sum(numbers) % count
    listed = ", ".join(map(str, numbers))
    joined = listed if rng.random() < 0.5 else ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}"
    lines, found = [listed], numbers[0]
    for number in numbers[1:]:
        if kind in ("sum", "mean"):
            lines.append(f"{found} + {number} = {found + number}")
            found += number
        else:
            best = max(found, number) if kind == "largest" else min(found, number)
            lines.append(f"{found} or {number}: {best}")
            found = best
    if kind == "mean":
        lines.append(divide(found, count))
        found //= count
    forms = {
        "sum": ("the sum of {}", "{} added up", "the total of {}"),
        "mean": ("the average of {}", "the mean of {}"),
        "largest": ("the largest of {}", "the biggest number in {}", "the maximum of {}"),
        "smallest": ("the smallest of {}", "the lowest number in {}", "the minimum of {}"),
    }[kind]
    return Sum(rng.choice(forms).format(joined), str(found), tuple(lines))


_UNITS = (
    ("km", "m", 1000),
    ("m", "cm", 100),
    ("cm", "mm", 10),
    ("kg", "g", 1000),
    ("hours", "minutes", 60),
    ("minutes", "seconds", 60),
    ("days", "hours", 24),
    ("weeks", "days", 7),
    ("years", "months", 12),
    ("l", "ml", 1000),
    ("euros", "cents", 100),
    ("dollars", "cents", 100),
)


def convert(rng: Random, split: Split) -> Sum:
    big, small, factor = rng.choice(_UNITS)
    n = rng.randint(2, 30)
    if rng.random() < 0.6:
        said = rng.choice(
            (
                "how many {s} are {n} {b}?",
                "{n} {b} in {s}",
                "convert {n} {b} to {s}",
                "{n} {b} = ? {s}",
                "{n} {b} are how many {s}",
            )
        )
        return Sum(
            said.format(n=n, b=big, s=small),
            str(n * factor),
            (
                f"1 {big} is {factor} {small}",
                times(n, factor) if factor < 100 else f"{n} × {factor} = {n * factor}",
            ),
            framed=False,
        )
    said = rng.choice(
        ("how many {b} are {m} {s}?", "{m} {s} in {b}", "convert {m} {s} to {b}", "{m} {s} = ? {b}")
    )
    return Sum(
        said.format(m=n * factor, b=big, s=small),
        str(n),
        (f"1 {big} is {factor} {small}", f"{n * factor} / {factor} = {n}"),
        framed=False,
    )


def _clock(h: int, m: int) -> str:
    return f"{h}:{m:02d}"


def of_time(rng: Random, split: Split) -> Sum:
    """A question about times of day or dates; in one piece: four kinds, side by side."""
    kind, h, m = rng.randrange(4), rng.randint(1, 11), rng.choice((0, 5, 10, 15, 20, 30, 40, 45, 50, 55))
    if kind == 0:
        add = rng.choice((5, 10, 15, 20, 25, 30, 40, 45, 50))
        total = m + add
        last = _clock(h + total // 60, total % 60)
        over = f", {total} - 60 = {total - 60}" if total >= 60 else ""
        said = rng.choice(("{t} + {a} minutes", "{t} plus {a} min", "{a} minutes after {t}", "{t}过{a}分钟"))
        return Sum(
            said.format(t=_clock(h, m), a=add),
            last,
            (f"{_clock(h, m)} + {add}", f"{m} + {add} = {total}{over}", f"so {last}"),
            "time",
        )
    if kind == 1:
        hours, rest = rng.randint(1, 9), rng.choice((5, 10, 15, 20, 30, 40, 45))
        said = rng.choice(
            (
                "how many minutes are {h} hours and {m} minutes?",
                "{h} h {m} min in minutes",
                "{h}h{m}min = ? min",
                "{h}小时{m}分钟是多少分钟？",
            )
        )
        return Sum(
            said.format(h=hours, m=rest),
            str(hours * 60 + rest),
            (f"{hours} × 60 = {hours * 60}", f"{hours * 60} + {rest} = {hours * 60 + rest}"),
            framed=False,
        )
    if kind == 2:
        start = h * 60 + m
        end = start + rng.choice((10, 25, 30, 45, 50, 60, 75, 80, 90, 105, 120, 140))
        gap = end - start
        u, v = divmod(end, 60)
        said = rng.choice(
            (
                "how many minutes from {a} to {b}?",
                "minutes between {a} and {b}",
                "{a}到{b}是多少分钟？",
                "how long is it from {a} to {b} in minutes",
            )
        )
        lines = [
            f"hours: {u} - {h} = {u - h}, {u - h} × 60 = {(u - h) * 60}",
            f"{(u - h) * 60} + {v} - {m} = {(u - h) * 60 + v} - {m} = {gap}",
        ]
        return Sum(said.format(a=_clock(h, m), b=_clock(u, v)), str(gap), tuple(lines), framed=False)
    a, b, c, d = (
        rng.randint(1, 5),
        rng.choice((10, 15, 20, 30, 45)),
        rng.randint(1, 5),
        rng.choice((10, 15, 30, 40, 50)),
    )
    minutes = b + d
    last = _clock(a + c + minutes // 60, minutes % 60)
    over = f", {minutes} - 60 = {minutes - 60}, {a + c} + 1 = {a + c + 1}" if minutes >= 60 else ""
    return Sum(
        f"{_clock(a, b)} + {_clock(c, d)}",
        last,
        (f"{a} + {c} = {a + c}", f"{b} + {d} = {minutes}{over}", f"so {last}"),
        "time",
    )


def of_money(rng: Random, split: Split) -> Sum:
    mark = rng.choice(("$", "€", "£", "¥"))
    cents = [rng.choice((5, 10, 20, 25, 50, 75, 80, 95, 99)) + 100 * rng.randint(0, 19) for _ in range(2)]
    kind = rng.randrange(3)
    if kind == 2:
        k = rng.randint(2, 9)
        value = Fraction(cents[0] * k, 100)
        text = f"{k}{rng.choice((' × ', ' x ', '*', ' times '))}{mark}{cents[0] / 100:.2f}"
        work = (f"{k} × {cents[0] / 100:.2f}", f"in cents: {cents[0]} × {k}", times(cents[0], k))
    else:
        a, b = cents if kind == 0 else sorted(cents, reverse=True)
        value = Fraction(a + b if kind == 0 else a - b, 100)
        sign = "+-"[kind]
        text = f"{mark}{a / 100:.2f}{rng.choice((f' {sign} ', sign))}{mark}{b / 100:.2f}"
        work = (f"{a / 100:.2f} {sign} {b / 100:.2f}", f"in cents: {a} {sign} {b}", line(a, sign, b))
    return Sum(text, f"{float(value):.2f}", (*work, f"That is {float(value):.2f}."))

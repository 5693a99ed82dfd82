"""Everyday problems with prices in cents, times of day, areas, shares and averages, of one step to three.

Enters: random numbers and a split. Leaves: a question, its exact answer and a short chain. Always holds: the
chain names what is given and computes as `r1v.figures.working` does, money in cents; a quarter of the texts
of each kind, by their hash, is held out whatever their brackets become.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from r1v.figures.item import AnswerType, Split
from r1v.figures.open_names import person, things
from r1v.figures.people.everyday_words import TEXTS
from r1v.figures.people.phrasing import CHINESE, heldout_clauses, slip
from r1v.figures.people.problems_wide import varied, wide
from r1v.figures.people.stories_more import expanded
from r1v.figures.working import chinese, divide, line, plus, times


@dataclass(frozen=True, slots=True)
class Problem:
    """fields: of the texts. given: the chain's first line. lines: of the working. answer: as in the box."""

    fields: dict[str, object]
    given: str
    lines: list[str]
    answer: str
    how: AnswerType = "number"


def money(cents: int) -> str:
    """``2.50``, and ``3`` for whole ones."""
    return str(cents // 100) if cents % 100 == 0 else f"{cents // 100}.{cents % 100:02d}"


def _price(rng: Random, high: int = 12) -> int:
    return rng.randint(0, high) * 100 + rng.choice(
        (5, 10, 20, 25, 30, 40, 45, 50, 50, 60, 75, 80, 90, 95, 99)
    )


def _paid(value: int) -> tuple[list[str], str]:
    """The line that turns cents back, and the answer."""
    text = f"{value // 100}.{value % 100:02d}"
    return [f"That is {text}."], text


def _cents_each(rng: Random) -> Problem:
    a, p = rng.randint(2, 9), _price(rng, 8)
    last, answer = _paid(a * p)
    return Problem(
        {"a": a, "p": money(p)},
        f"number: {a}, price: {money(p)}",
        [f"in cents: {a} × {p}", times(p, a), *last],
        answer,
    )


def _cents_sum(rng: Random) -> Problem:
    p, q = _price(rng), _price(rng)
    last, answer = _paid(p + q)
    return Problem(
        {"p": money(p), "q": money(q)},
        f"first: {money(p)}, second: {money(q)}",
        [f"in cents: {p} + {q}", plus(p, q), *last],
        answer,
    )


def _cents_change(rng: Random) -> Problem:
    p = _price(rng, 18)
    n = next(note for note in (5, 10, 20) if note * 100 > p)
    last, answer = _paid(n * 100 - p)
    return Problem(
        {"p": money(p), "n": n},
        f"paid: {n}, price: {money(p)}",
        [f"in cents: {n * 100} - {p}", line(n * 100, "-", p), *last],
        answer,
    )


def _cents_each_change(rng: Random) -> Problem:
    while True:
        a, p = rng.randint(2, 6), _price(rng, 5)
        if a * p < 2000:
            break
    n = next(note for note in (5, 10, 20) if note * 100 > a * p)
    last, answer = _paid(n * 100 - a * p)
    work = [f"in cents: {a} × {p}", times(p, a), line(n * 100, "-", a * p), *last]
    return Problem(
        {"a": a, "p": money(p), "n": n}, f"number: {a}, price: {money(p)}, paid: {n}", work, answer
    )


def _one_of(rng: Random) -> Problem:
    a, p = rng.randint(2, 12), rng.randint(2, 30)
    return Problem({"a": a, "t": a * p}, f"number: {a}, together: {a * p}", [divide(a * p, a)], str(p))


def _one_then(rng: Random) -> Problem:
    a, b, p = rng.randint(2, 9), rng.randint(2, 12), rng.randint(2, 15)
    while b == a:
        b = rng.randint(2, 12)
    work = [divide(a * p, a), line(b, "×", p)]
    return Problem(
        {"a": a, "t": a * p, "b": b}, f"number: {a}, together: {a * p}, wanted: {b}", work, str(b * p)
    )


def clock(minutes: int) -> str:
    """A time of day."""
    return f"{minutes // 60 % 24}:{minutes % 60:02d}"


def _forward(start: int, add: int) -> list[str]:
    """The lines that add minutes to a time of day."""
    h, m = divmod(start, 60)
    lines, rest, total = [], add % 60, h
    if add >= 60:
        total = h + add // 60
        lines.append(f"{h} + {add // 60} = {total}")
    last = m + rest
    if last >= 60:
        lines.append(f"{m} + {rest} = {last}, {last} - 60 = {last - 60}, {total} + 1 = {total + 1}")
    elif rest:
        lines.append(f"{m} + {rest} = {last}")
    return lines


def _start(rng: Random) -> int:
    return rng.randint(6, 19) * 60 + 5 * rng.randrange(12)


def _long(minutes: int) -> str:
    """A duration as people say it."""
    if minutes % 60 == 0:
        return f"{minutes // 60} hour{'s' * (minutes > 60)}"
    if minutes < 60 or minutes == 90:
        return f"{minutes} minutes"
    return f"{minutes // 60} hour{'s' * (minutes >= 120)} and {minutes % 60} minutes"


def _arrives(rng: Random) -> Problem:
    start, add = _start(rng), 5 * rng.randint(1, 34)
    lines, last = _forward(start, add), clock(start + add)
    given = f"start: {clock(start)}, time: {add // 60}:{add % 60:02d}"
    return Problem({"s": clock(start), "d": _long(add)}, given, [*lines, f"so {last}"], last, "time")


def _leaves(rng: Random) -> Problem:
    start, add = _start(rng), 5 * rng.randint(1, 22)
    end = start + add
    h, m, lines = end // 60, end % 60, list[str]()
    if add >= 60:
        lines.append(f"{h} - {add // 60} = {h - add // 60}")
        h -= add // 60
    rest = add % 60
    if rest > m:
        lines.append(f"{m} + 60 - {rest} = {m + 60 - rest}, {h} - 1 = {h - 1}")
    elif rest:
        lines.append(f"{m} - {rest} = {m - rest}")
    given = f"end: {clock(end)}, time: {add // 60}:{add % 60:02d}"
    return Problem(
        {"e": clock(end), "d": _long(add)}, given, [*lines, f"so {clock(start)}"], clock(start), "time"
    )


def _lasts(rng: Random) -> Problem:
    start, add = _start(rng), 5 * rng.randint(1, 34)
    end = start + add
    h, m, u, v = start // 60, start % 60, end // 60, end % 60
    full = (u - h) * 60
    lines = [f"hours: {u} - {h} = {u - h}, {u - h} × 60 = {full}"]
    lines.append(f"{full} + {v} = {full + v}, {full + v} - {m} = {add}")
    return Problem(
        {"s": clock(start), "e": clock(end)}, f"start: {clock(start)}, end: {clock(end)}", lines, str(add)
    )


def _area(rng: Random) -> Problem:
    a, b = rng.randint(2, 30), rng.randint(2, 12)
    return Problem({"a": a, "b": b}, f"long: {a}, wide: {b}", [line(a, "×", b)], str(a * b))


def _square(rng: Random) -> Problem:
    a = rng.randint(2, 20)
    return Problem({"a": a}, f"side: {a}", [line(a, "×", a)], str(a * a))


def _tiles(rng: Random) -> Problem:
    a, b, k = rng.randint(2, 12), rng.randint(2, 12), rng.randint(2, 9)
    work = [line(a, "×", b), line(a * b, "×", k)]
    return Problem({"a": a, "b": b, "k": k}, f"long: {a}, wide: {b}, for each: {k}", work, str(a * b * k))


def _hours(rng: Random) -> Problem:
    v, t = rng.choice((4, 5, 10, 20, 30, 50, 60, 80, 90, 100)), rng.randint(2, 9)
    return Problem(
        {"v": v, "s": v * t},
        f"way: {v * t}, speed: {v}",
        [f"{v} × {t} = {v * t}, so {v * t} ÷ {v} = {t}"],
        str(t),
    )


def _share(rng: Random) -> Problem:
    b, q = rng.choice((2, 2, 3, 4, 4, 5, 10)), rng.randint(2, 20)
    said = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth", 10: "a tenth"}[b]
    return Problem({"n": b * q, "f": said}, f"all: {b * q}, parts: {b}", [divide(b * q, b)], str(q))


def _rest_of(rng: Random) -> Problem:
    b, q = rng.choice((2, 3, 4, 5, 10)), rng.randint(2, 20)
    said = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth", 10: "a tenth"}[b]
    work = [divide(b * q, b), line(b * q, "-", q)]
    return Problem({"n": b * q, "f": said}, f"all: {b * q}, gone: 1/{b}", work, str(b * q - q))


def _percent(rng: Random) -> Problem:
    p = rng.choice((5, 10, 20, 25, 30, 40, 50, 60, 75, 80, 90))
    n = rng.choice([k for k in range(20, 501, 10) if k * p % 100 == 0])
    part = n * p // 100
    return Problem(
        {"n": n, "p": p}, f"all: {n}, percent: {p}", [times(n, p), f"{n * p} / 100 = {part}"], str(part)
    )


def _raised(rng: Random) -> Problem:
    p = rng.choice((5, 10, 20, 25, 50))
    n = rng.choice([k for k in range(20, 401, 10) if k * p % 100 == 0])
    more = n * p // 100
    work = [f"{p}% of {n}: {n} × {p} = {n * p}, {n * p} / 100 = {more}", line(n, "+", more)]
    return Problem({"n": n, "p": p}, f"price: {n}, percent: {p}", work, str(n + more))


def _mean(rng: Random) -> Problem:
    while True:
        a, b, c = (rng.randint(2, 40) for _ in range(3))
        if (a + b + c) % 3 == 0:
            break
    work = [line(a, "+", b), line(a + b, "+", c), divide(a + b + c, 3)]
    return Problem({"a": a, "b": b, "c": c}, f"numbers: {a}, {b}, {c}", work, str((a + b + c) // 3))


def _younger(rng: Random) -> Problem:
    b = rng.randint(2, 15)
    a = b + rng.randint(2, 60)
    return Problem({"a": a, "b": b}, f"first: {a}, less: {b}", [line(a, "-", b)], str(a - b))


def _missing(rng: Random) -> Problem:
    a = rng.randint(1, 90)
    g = a + rng.randint(1, 90)
    return Problem({"a": a, "g": g}, f"goal: {g}, have: {a}", [line(g, "-", a)], str(g - a))


def _packs_needed(rng: Random) -> Problem:
    b, q = rng.randint(2, 12), rng.randint(2, 12)
    return Problem({"n": b * q, "b": b}, f"all: {b * q}, in each: {b}", [divide(b * q, b)], str(q))


def _warmer(rng: Random) -> Problem:
    a, b = rng.randint(-5, 25), rng.randint(1, 15)
    return Problem({"a": a, "b": b}, f"at first: {a}, warmer: {b}", [f"{a} + {b} = {a + b}"], str(a + b))


def _colder(rng: Random) -> Problem:
    a, b = rng.randint(0, 25), rng.randint(1, 15)
    return Problem({"a": a, "b": b}, f"at first: {a}, colder: {b}", [f"{a} - {b} = {a - b}"], str(a - b))


def _two_rides(rng: Random) -> Problem:
    v, t, w, u = (
        rng.choice((5, 20, 50, 60, 80)),
        rng.randint(1, 5),
        rng.choice((4, 10, 30, 70, 90)),
        rng.randint(1, 5),
    )
    work = [line(v, "×", t), line(w, "×", u), line(v * t, "+", w * u)]
    return Problem(
        {"v": v, "t": t, "w": w, "u": u}, f"first: {v} × {t}, second: {w} × {u}", work, str(v * t + w * u)
    )


MAKERS: dict[str, Callable[[Random], Problem]] = {
    "cents_each": _cents_each,
    "cents_sum": _cents_sum,
    "cents_change": _cents_change,
    "cents_each_change": _cents_each_change,
    "one_of": _one_of,
    "one_then": _one_then,
    "arrives": _arrives,
    "leaves": _leaves,
    "lasts": _lasts,
    "area": _area,
    "square": _square,
    "tiles": _tiles,
    "hours": _hours,
    "share": _share,
    "rest_of": _rest_of,
    "percent": _percent,
    "raised": _raised,
    "mean": _mean,
    "younger": _younger,
    "missing": _missing,
    "packs_needed": _packs_needed,
    "warmer": _warmer,
    "colder": _colder,
    "two_rides": _two_rides,
}


def make_everyday(rng: Random, split: Split) -> tuple[str, str, AnswerType, str, str]:
    """Question, answer, its type, solution and wording of one problem."""
    kind = rng.choice(tuple(MAKERS))
    texts, made = TEXTS[kind], MAKERS[kind](rng)
    held = heldout_clauses(f"everyday/{kind}", texts)
    chosen = rng.choice([one for one in texts if (one in held) == (split == "heldout")])
    text, place = expanded(chosen, rng), str(texts.index(chosen))
    if split == "train" and rng.random() < 0.65:
        text, place = wide(kind, held, rng), "wide"
    in_chinese = bool(CHINESE.search(text))
    if not in_chinese and rng.random() < 0.05:
        text = slip(text, rng)
    name = person(rng)
    other = next(one for one in iter(lambda: person(rng), None) if one != name)
    fields: dict[str, object] = {
        "name": name,
        "other": other,
        "things": things(rng),
        "name_zh": person(rng, True),
        "things_zh": things(rng, True),
        **made.fields,
    }
    if split == "train":
        fields = varied(fields, rng, in_chinese)
    question = text.format(**fields)
    if not in_chinese and rng.random() < 0.12:
        question = question.lower()
    end = f"结果是{made.answer}。" if in_chinese else f"The answer is {made.answer}."
    solution = "\n".join([made.given, *made.lines, end])
    return (
        question,
        made.answer,
        made.how,
        chinese(solution) if in_chinese else solution,
        f"everyday/{kind}/{place}",
    )

"""Counting coloured shapes: all, by colour, by shape, by both, and how many more of one than of another.

The solution lists the shapes row by row with the running count after each one that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from r1v.figures.drawing.shapes import (
    COLORS,
    COLORS_ZH,
    PLURALS,
    SHAPES,
    Place,
    Sheet,
    Thing,
    draw_thing,
    scatter,
)
from r1v.figures.item import Draft, Family, Request

_WHERE = "[In the picture|In this image|In the figure|Here|On the sheet|Look at the picture]"
_TAIL = "[| Answer with a number.| Go through the rows one by one.]"


def _count_wording(what: str) -> str:
    return (
        f"{_WHERE}: [how many {what} are there?|how many {what} can you see?|count the {what}."
        f"|find the number of {what}.|what is the number of {what}?]{_TAIL}"
    )


KINDS = {
    "all": _count_wording("shapes"),
    "color": _count_wording("{color} shapes"),
    "shape": _count_wording("{shapes}"),
    "both": _count_wording("{color} {shapes}"),
    "more": (
        f"{_WHERE}: [how many more {{color}} shapes than {{other}} shapes are there?|by how many do the "
        "{color} shapes outnumber the {other} ones?|find how many more {color} shapes there are than {other} "
        "ones.|what is the number of {color} shapes minus the number of {other} shapes?]"
        f"{_TAIL}"
    ),
    "color_zh": (
        "[图中有多少个|图里一共有几个|这幅图中有多少个|数一数，图中有几个|请问图中有几个]{color}[图形|形状]"
        "[？|？请回答数字。|？请逐行数。]"
    ),
}


def _things(rng: Random, kind: str, level: int) -> tuple[list[Thing], Thing, str]:
    """The shapes in any order, the thing asked for, and the other colour asked for."""
    low, high = ((2, 6), (5, 10), (9, 16))[level]
    count = rng.randint(low, high)
    colors = rng.sample(COLORS, rng.randint(2, 3 + level))
    shapes = rng.sample(SHAPES, rng.randint(2, 3 + level))
    asked, other = Thing(colors[0], shapes[0]), colors[1]
    if kind == "all":
        return [Thing(rng.choice(colors), rng.choice(shapes)) for _ in range(count)], asked, other
    hits = rng.randint(0 if rng.random() < 0.3 else 1, min(count, 4 + 2 * level))
    if kind == "more":
        fewer = min(count - hits, hits - rng.randint(min(hits, 1), hits))
        rest = [c for c in COLORS if c not in (asked.color, other)] if len(colors) < 3 else colors[2:]
        names = [asked.color] * hits + [other] * fewer
        names += [rng.choice(rest) for _ in range(count - len(names))]
        return [Thing(c, rng.choice(shapes)) for c in names], asked, other
    things: list[Thing] = []
    while len(things) < count:
        if len(things) < hits:
            color = asked.color if kind != "shape" else rng.choice(colors)
            shape = asked.shape if kind in ("shape", "both") else rng.choice(shapes)
            things.append(Thing(color, shape))
            continue
        thing = Thing(rng.choice(colors), rng.choice(shapes))
        if not _matcher(kind, asked)(thing):
            things.append(thing)
    return things, asked, other


def _matcher(kind: str, asked: Thing) -> Callable[[Thing], bool]:
    """Whether a thing counts, for the kinds that count one sort."""
    if kind == "shape":
        return lambda thing: thing.shape == asked.shape
    if kind == "both":
        return lambda thing: thing == asked
    if kind == "all":
        return lambda thing: True
    return lambda thing: thing.color == asked.color


def _tallies(rows: Iterable[list[Thing]], sort: Callable[[Thing], str | None], chinese: bool) -> list[str]:
    """Each row's transcription, with the running count of its sort after a thing that counts."""
    counts: dict[str, int] = {}
    lines = []
    for row in rows:
        words = []
        for thing in row:
            word = thing.zh if chinese else str(thing)
            key = sort(thing)
            if key is not None:
                counts[key] = counts.get(key, 0) + 1
                word += f" {counts[key]}"
            words.append(word)
        lines.append(", ".join(words))
    return lines


def draw(request: Request) -> Draft:
    """One picture of shapes and one count."""
    rng, style, kind = request.rng, request.style, request.kind
    chinese = kind.endswith("_zh")
    things, asked, other = _things(rng, kind.removesuffix("_zh"), request.level)
    rng.shuffle(things)
    sheet = Sheet(style)
    sheet.clutter()
    size = style.uniform(0.7, 0.5, 0.92)
    queue = iter(things)
    rows: list[list[Thing]] = []
    places: list[list[Place]] = scatter(sheet, len(things))
    for line in places:
        rows.append([next(queue) for _ in line])
        for place, thing in zip(line, rows[-1], strict=True):
            draw_thing(sheet, thing, place, size)
    facts = {"shapes": str(len(things))}
    for thing in things:
        for name in (thing.color, thing.shape, str(thing)):
            facts[name] = str(int(facts.get(name, "0")) + 1)
    plural = PLURALS[asked.shape]
    if kind == "more":
        sort = lambda t: t.color if t.color in (asked.color, other) else None  # noqa: E731
    else:
        matches = _matcher(kind.removesuffix("_zh"), asked)
        sort = lambda t: "hit" if matches(t) else None  # noqa: E731
    lines = _tallies(rows, sort, chinese)
    row_name = "第{}行" if chinese else "row {}"
    facts |= {row_name.format(i + 1): line for i, line in enumerate(lines)}
    solution = "\n".join(f"{row_name.format(i + 1)}: {line}" for i, line in enumerate(lines))
    if kind == "more":
        a, b = int(facts.setdefault(asked.color, "0")), int(facts.setdefault(other, "0"))
        answer = str(a - b)
        solution += f"\n{asked.color}: {a}, {other}: {b}\n{a} - {b} = {answer}\nThat is {answer} more."
        question = request.wording(color=asked.color, other=other)
        return Draft(question, answer, "number", solution, facts, (sheet.finish(),))
    name = {"all": "shapes", "shape": asked.shape, "both": str(asked)}.get(kind, asked.color)
    answer = facts.setdefault(name, "0")
    color = COLORS_ZH[asked.color] if chinese else asked.color
    if chinese:
        facts[color] = answer
        solution += f"\n{color}: {answer}\n一共有{answer}个。"
    else:
        solution += f"\n{name}: {answer}\nThe count is {answer}."
    question = request.wording(color=color, shapes=plural)
    return Draft(question, answer, "number", solution, facts, (sheet.finish(),))


FAMILY = Family(
    name="counting",
    summary="Count coloured shapes, by colour, shape or both",
    kinds=KINDS,
    draw=draw,
)

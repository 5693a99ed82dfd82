"""Odd one out: a thing that differs from all others, or the only one without a partner.

The solution names what is common, goes through the rows, and numbers the things of the row that matters. Of
things in pairs each kind has a letter, by which its second one is found again.
"""

from __future__ import annotations

from random import Random

from r1v.figures.drawing.shapes import COLORS, SHAPES, Sheet, Thing, distinct_things, draw_thing, grid
from r1v.figures.item import Draft, Family, Request

_WHERE = "[In the picture|In this image|In the figure|Here|Look at the picture]"

KINDS = {
    "place": (
        f"{_WHERE}: [one shape is not like the others; where is it?|find the place of the odd one out."
        "|where is the shape that differs from the rest?|which place holds the odd one out?]"
        "[| Answer like: row 1, column 2.| Give row and column, like row 1, column 2.]"
    ),
    "name": (
        f"{_WHERE}: [which shape is the odd one out?|name the shape that differs from all others."
        "|one shape is not like the others; what is it?|find the odd one out.]"
        "[| Answer with colour and shape.| Name its colour and shape.]"
    ),
    "single": (
        f"{_WHERE}: [all shapes but one come in pairs; which one is alone?|which shape has no partner?"
        "|name the shape that is there only once.|find the only shape without a twin.]"
        "[| Answer with colour and shape.| Name its colour and shape.]"
    ),
}


def _neighbour(thing: Thing, rng: Random) -> Thing:
    """Another thing that shares the colour or the shape."""
    if rng.random() < 0.5:
        return Thing(rng.choice([c for c in COLORS if c != thing.color]), thing.shape)
    return Thing(thing.color, rng.choice([s for s in SHAPES if s != thing.shape]))


def _odd(request: Request) -> Draft:
    """A full grid of one thing, with one other in it."""
    rng, level = request.rng, request.level
    rows, columns = rng.choice(
        (((2, 3), (2, 2), (3, 3)), ((3, 3), (3, 4), (2, 5)), ((4, 4), (3, 5), (4, 5)))[level]
    )
    (common,) = distinct_things(rng, 1, 1, 1)
    odd = _neighbour(common, rng)
    row, column = rng.randrange(rows), rng.randrange(columns)
    sheet = Sheet(request.style)
    sheet.clutter()
    size = request.style.uniform(0.7, 0.5, 0.9)
    for place in grid(sheet, rows, columns, across=0.12, down=0.08):
        draw_thing(sheet, odd if (place.row, place.column) == (row, column) else common, place, size)
    facts = {"most": str(common)}
    lines = [f"most: {common}"]
    for r in range(row + 1):
        things = [odd if (r, c) == (row, column) else common for c in range(columns)]
        listed = ", ".join(f"{i} {t.color} {t.shape}" for i, t in enumerate(things[: column + 1], 1))
        facts[f"row {r + 1}"] = listed if r == row else "all alike"
        lines.append(f"row {r + 1}: {facts[f'row {r + 1}']}")
    where = f"row {row + 1}, column {column + 1}"
    facts[str(odd)] = where
    lines.append(f"{odd}: {where}")
    answer = where if request.kind == "place" else str(odd)
    return Draft(request.wording(), answer, "string", "\n".join(lines), facts, (sheet.finish(),))


def _single(request: Request) -> Draft:
    """Pairs of things and one alone, in rows."""
    rng, level = request.rng, request.level
    pairs = rng.randint(*((1, 2), (2, 3), (4, 5))[level])
    kinds = distinct_things(rng, pairs + 1, 3 + (level > 1), 3 + (level > 1))
    alone, things = kinds[0], [kinds[0], *(kind for kind in kinds[1:] for _ in range(2))]
    rng.shuffle(things)
    rows = 1 if len(things) < 4 else 2 if len(things) < 8 else 3
    columns = -(-len(things) // rows)
    sheet = Sheet(request.style)
    sheet.clutter()
    size = request.style.uniform(0.7, 0.5, 0.9)
    seen: dict[str, int] = {}  # things with their letters, in the order in which they are met
    letters: dict[Thing, str] = {}
    listed: dict[int, list[str]] = {}
    for place, thing in zip(grid(sheet, rows, columns), things, strict=False):
        draw_thing(sheet, thing, place, size)
        if thing not in letters:
            letters[thing] = "ABCDEF"[len(letters)]
        name = f"{thing} {letters[thing]}"
        seen[name] = seen.get(name, 0) + 1
        listed.setdefault(place.row, []).append(f"{name} {seen[name]}")
    facts = {f"row {r + 1}": ", ".join(names) for r, names in listed.items()}
    lines = [f"{name}: {value}" for name, value in facts.items()]
    facts |= {name: str(count) for name, count in seen.items()}
    lines += [f"{name}: {count}" for name, count in seen.items()]
    lines.append(f"Only once: the {alone}.")
    return Draft(request.wording(), str(alone), "string", "\n".join(lines), facts, (sheet.finish(),))


def draw(request: Request) -> Draft:
    """One scene and one question about the thing that stands out."""
    return _single(request) if request.kind == "single" else _odd(request)


FAMILY = Family("odd_one", "the shape that is not like the others, or without a partner", KINDS, draw)

"""Two pictures of the same shapes: what is gone, what changed its colour, how many differ, which has more.

The solution reads both pictures row by row, or goes through the places pair by pair with a running count.
"""

from __future__ import annotations

from random import Random

from PIL import Image

from r1v.figures.drawing.shapes import COLORS, PLURALS, SHAPES, Place, Sheet, Thing, draw_thing, grid
from r1v.figures.item import Draft, Family, Request

_BOTH = "[Compare the two pictures|Look at both pictures|There are two pictures|In the two images]"
_TAIL = "[| Go through the rows.| Read both pictures first.]"

KINDS = {
    "removed": (
        f"{_BOTH}: [which shape is missing from the second one?|what was removed in the second one?|name "
        "the shape "
        "that is only in the first one.|which shape of the first one is gone in the second?][| Answer with "
        "colour "
        "and shape.| Name its colour and shape.]"
    ),
    "added": (
        f"{_BOTH}: [which shape is missing from the first one?|what was added in the second one?|name the "
        "shape that "
        "is only in the second one.|which shape of the second one is not in the first?][| Answer with "
        "colour and "
        "shape.| Name its colour and shape.]"
    ),
    "recolored": (
        f"{_BOTH}: [one shape changed its colour; what is its new colour?|which colour did one shape take "
        "in the second "
        "one?|a shape has another colour in the second one; name the new colour.|what colour has the "
        "changed shape in "
        f"the second one?]{_TAIL}"
    ),
    "differ": (
        f"{_BOTH}: [how many shapes changed their colour?|in how many places do the colours differ?|count "
        "the shapes "
        f"whose colour changed.|find the number of shapes with a changed colour.]{_TAIL}"
    ),
    "more": (
        f"{_BOTH}: [how many more {{shapes}} are in the {{more}} one than in the {{fewer}} one?|by how "
        f"many {{shapes}} "
        "does the {more} one exceed the {fewer} one?|find how many more {shapes} the {more} one has than "
        "the {fewer} "
        "one.|what is the number of {shapes} in the {more} one minus that in the {fewer} one?]"
        f"{_TAIL}"
    ),
}

Cells = list[Thing | None]


def _other_color(rng: Random, thing: Thing) -> Thing:
    return Thing(rng.choice([c for c in COLORS if c != thing.color]), thing.shape)


def _contents(rng: Random, kind: str, count: int, level: int) -> tuple[Cells, Cells]:
    """What stands in each place of the first and of the second picture."""
    colors = rng.sample(COLORS, min(4 + level, count + 1))
    shapes = rng.sample(SHAPES, 3 + level)
    first: Cells = [Thing(rng.choice(colors), rng.choice(shapes)) for _ in range(count)]
    second = list(first)
    if kind in ("removed", "added"):
        second[rng.randrange(count)] = None
        return (first, second) if kind == "removed" else (second, first)
    changes = 1 if kind == "recolored" else rng.randint(0, count if level < 2 else 6)
    for i in rng.sample(range(count), changes):
        thing = first[i]
        assert thing is not None
        second[i] = _other_color(rng, thing)
    return first, second


def _picture(request: Request, sheet: Sheet, places: list[Place], cells: Cells, size: float) -> Image.Image:
    for place, thing in zip(places, cells, strict=True):
        if thing is not None:
            draw_thing(sheet, thing, place, size)
    return sheet.finish()


def _pictures(
    request: Request, first: Cells, second: Cells, rows: int, columns: int
) -> tuple[Image.Image, ...]:
    """Both pictures; the second is laid out like the first, a little displaced at full variation."""
    style = request.style
    images = []
    size = style.uniform(0.7, 0.55, 0.85)
    for cells in (first, second):
        sheet = Sheet(style, soft=0.15)
        sheet.clutter()
        places = grid(sheet, rows, columns, across=0.1, down=0.08)
        images.append(_picture(request, sheet, places, cells, size))
    return tuple(images)


def _name(thing: Thing | None) -> str:
    return "none" if thing is None else str(thing)


def _rows(cells: Cells, columns: int) -> list[str]:
    """The transcription of each row; an empty place is "none"."""
    return [", ".join(map(_name, cells[i : i + columns])) for i in range(0, len(cells), columns)]


def _changed(request: Request, rows: int, columns: int) -> Draft:
    """Same shapes in the same places; some changed: gone, new, or of another colour."""
    rng, kind = request.rng, request.kind
    first, second = _contents(rng, kind, rows * columns, request.level)
    images = _pictures(request, first, second, rows, columns)
    facts: dict[str, str] = {}
    lines: list[str] = []
    count, found = 0, ""
    for row, texts in enumerate(zip(_rows(first, columns), _rows(second, columns), strict=True)):
        for picture, text in zip(("first", "second"), texts, strict=True):
            facts[f"{picture} row {row + 1}"] = text
            lines.append(f"{picture} row {row + 1}: {text}")
        notes = []
        for a, b in zip(
            *(cells[row * columns : (row + 1) * columns] for cells in (first, second)), strict=True
        ):
            if a == b:
                continue
            count += 1
            found = found or (_name(a if b is None else b))
            notes.append(f"{b} {count}" if kind == "differ" else f"{_name(a)} to {_name(b)}")
        lines.append("changed: " + ", ".join(notes) if notes else "same")
    if kind == "differ":
        answer = facts["changes"] = str(count)
        lines += [f"changes: {answer}", f"The number of changed shapes is {answer}."]
    elif kind == "recolored":
        answer = found.split()[0]
        lines.append(f"The new colour is {answer}.")
    else:
        answer = found
        lines.append(f"The {answer} was {kind}.")
    answer_type = "number" if kind == "differ" else "string"
    return Draft(request.wording(), answer, answer_type, "\n".join(lines), facts, images)  # type: ignore[arg-type]


def _tally(cells: Cells, columns: int, shape: str) -> tuple[list[str], int]:
    """The rows with the running count after each shape of the sort, and the count."""
    lines, count = [], 0
    for start in range(0, len(cells), columns):
        words = []
        for thing in cells[start : start + columns]:
            if thing is not None and thing.shape == shape:
                count += 1
                words.append(f"{thing} {count}")
            elif thing is not None:
                words.append(str(thing))
        lines.append(", ".join(words))
    return lines, count


def _more(request: Request, rows: int, columns: int) -> Draft:
    """Two unrelated pictures; one has more of a shape."""
    rng, level = request.rng, request.level
    total = rows * columns
    shapes = rng.sample(SHAPES, 3 + (level > 0))
    colors = rng.sample(COLORS, 3 + level)
    shape = shapes[0]
    gap = rng.randint(1, min(total, 7))
    low = rng.randint(0, total - gap)
    counts = rng.sample([low, low + gap], 2)
    pictures: list[Cells] = []
    for count in counts:
        names = [shape] * count + [rng.choice(shapes[1:]) for _ in range(total - count)]
        rng.shuffle(names)
        pictures.append([Thing(rng.choice(colors), name) for name in names])
    images = _pictures(request, pictures[0], pictures[1], rows, columns)
    facts: dict[str, str] = {}
    lines: list[str] = []
    for picture, cells in zip(("first", "second"), pictures, strict=True):
        rows_read, count = _tally(cells, columns, shape)
        facts |= {f"{picture} row {i + 1}": text for i, text in enumerate(rows_read)}
        lines += [f"{picture} row {i + 1}: {text}" for i, text in enumerate(rows_read)]
        facts[f"{picture} {shape}"] = str(count)
    more, fewer = ("first", "second") if counts[0] > counts[1] else ("second", "first")
    lines.append(f"first {shape}: {counts[0]}, second {shape}: {counts[1]}")
    answer = str(max(counts) - min(counts))
    lines += [f"{max(counts)} - {min(counts)} = {answer}", f"The {more} one has {answer} more."]
    question = request.wording(shapes=PLURALS[shape], more=more, fewer=fewer)
    return Draft(question, answer, "number", "\n".join(lines), facts, images)


def draw(request: Request) -> Draft:
    """Two pictures and one question about their difference."""
    sizes = (((1, 3), (2, 2), (2, 2)), ((2, 3), (3, 2), (1, 4)), ((3, 3), (2, 4), (3, 3)))[request.level]
    rows, columns = request.rng.choice(sizes)
    return _more(request, rows, columns) if request.kind == "more" else _changed(request, rows, columns)


FAMILY = Family(
    name="compare",
    summary="Find the differences between two pictures",
    kinds=KINDS,
    draw=draw,
    num_images=2,
)

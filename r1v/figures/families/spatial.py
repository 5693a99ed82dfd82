"""Where things stand: cells of a grid, neighbours, the nearest, the largest, letters beside letters.

The solution lists the grid cell by cell, the number of row and column before each thing (``2.3: red
star``). Where it meets the thing asked about it says its place at once, so that none is searched for
afterwards; it steps from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from r1v.figures.drawing.shapes import Sheet, Thing, distinct_things, draw_thing, grid
from r1v.figures.drawing.style import NAMED_COLORS
from r1v.figures.item import Draft, Family, Request

_WHERE = "[In the picture|In this image|In the figure|Here|Look at the picture]"
_NAME = "[| Answer with colour and shape.| Name its colour and shape.]"

KINDS = {
    "cell": (
        f"{_WHERE}: [what is in row {{row}}, column {{column}}?|which shape stands in row {{row}} and column "
        "{column}?|name the shape in row {row}, column {column}.|what do you see in column {column} of row "
        "{row}?]"
        f"{_NAME}"
    ),
    "where": (
        f"{_WHERE}: [where is the {{thing}}?|find the {{thing}}.|in which row and column is the {{thing}}?"
        "|give the "
        "place of the {thing}.][| Answer like: row 1, column 2.| Give it as row and column, like row 1, "
        "column 2.]"
    ),
    "beside": (
        f"{_WHERE}: [what is directly {{direction}} the {{thing}}?|which shape is directly {{direction}} "
        f"the {{thing}}?"
        "|name the shape directly {direction} the {thing}.|find the neighbour directly {direction} the "
        "{thing}.]"
        f"{_NAME}"
    ),
    "path": (
        f"{_WHERE}: [start at the {{thing}}, then go {{path}}; where are you?|from the {{thing}} go "
        f"{{path}}; which "
        "shape is there?|beginning at the {thing}, move {path} and name the shape there.|which shape do "
        "you reach from "
        f"the {{thing}} by going {{path}}?]{_NAME}"
    ),
    "nearest": (
        f"{_WHERE}: [which shape is nearest to the {{thing}}?|what is closest to the {{thing}}?|name the "
        "shape that is "
        "nearest to the {thing}.|find the shape with the smallest distance to the {thing}.]"
        f"{_NAME}"
    ),
    "largest": (
        f"{_WHERE}: [which shape is the {{extreme}}?|what is the {{extreme}} shape?|name the {{extreme}} "
        "shape.|find "
        f"the {{extreme}} of the shapes.]{_NAME}[| Go from left to right.]"
    ),
    "count_side": (
        f"{_WHERE}: [how many shapes are further {{side}} than the {{thing}}?|count the shapes that are "
        f"further {{side}} "
        "than the {thing}.|what is the number of shapes further {side} than the {thing}?|find how many "
        "shapes lie "
        "further {side} than the {thing}.][| Go row by row.| Answer with a number.]"
    ),
    "letter": (
        f"{_WHERE}: [which letter is directly {{direction}} the letter {{letter}}?|what letter stands "
        "directly "
        "{direction} {letter}?|name the letter directly {direction} {letter}.|find the letter that is "
        "directly "
        "{direction} {letter}.][| Answer with one letter.| Read the grid row by row.]"
    ),
}

STEPS = {"above": (-1, 0), "below": (1, 0), "left of": (0, -1), "right of": (0, 1)}
MOVES = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
SIZES = ("tiny", "small", "medium", "large", "huge")
SIZE_SHARES = (0.3, 0.44, 0.6, 0.78, 0.98)
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Board:
    """A full grid of names, row by row, drawn on a sheet."""

    sheet: Sheet
    names: list[list[str]]

    @property
    def facts(self) -> dict[str, str]:
        """Each cell's name, and each name's cell."""
        facts = {}
        for r, row in enumerate(self.names):
            for c, name in enumerate(row):
                facts[f"{r + 1}.{c + 1}"] = name
                facts[name] = f"row {r + 1}, column {c + 1}"
        return facts

    def listing(self, asked: str = "") -> list[str]:
        """The transcription, a line for each row. asked: a thing whose place is said where it is met."""
        lines = []
        for r, row in enumerate(self.names):
            parts = []
            for c, name in enumerate(row):
                parts.append(f"{r + 1}.{c + 1}: {name}")
                if name == asked:
                    parts.append(f"{name}: row {r + 1}, column {c + 1}")
            lines.append("; ".join(parts))
        return lines

    def cell(self, name: str) -> tuple[int, int]:
        """Row and column of a name, from 0."""
        return next((r, c) for r, row in enumerate(self.names) for c, n in enumerate(row) if n == name)


def _shape_grid(rng: Random, count: int) -> list[Thing]:
    """Different things, of enough colours and shapes."""
    num_colors = rng.randint(3, 6)
    return distinct_things(rng, count, num_colors, max(3, -(-count // num_colors) + rng.randint(0, 1)))


def _board(request: Request, rows: int, columns: int) -> Board:
    """A grid of coloured shapes, at times ruled."""
    style = request.style
    sheet = Sheet(style)
    sheet.clutter()
    things = _shape_grid(request.rng, rows * columns)
    size = style.uniform(0.7, 0.5, 0.9)
    places = grid(sheet, rows, columns, across=0.13, down=0.1)
    for place, thing in zip(places, things, strict=True):
        draw_thing(sheet, thing, place, size)
    return Board(sheet, [[str(t) for t in things[r * columns : (r + 1) * columns]] for r in range(rows)])


def grid_size(rng: Random, level: int) -> tuple[int, int]:
    """Rows and columns."""
    if level == 0:
        return rng.choice(((1, 2), (1, 3), (2, 2), (2, 2), (3, 1), (2, 3)))
    return rng.choice(((2, 3), (3, 2), (3, 3), (2, 4), (3, 3)) if level == 1 else ((3, 4), (4, 3), (4, 4)))


def _on_board(request: Request) -> Draft:
    """The kinds that ask about the cells of a full grid."""
    rng, kind = request.rng, request.kind
    rows, columns = grid_size(rng, request.level)
    board = _board(request, rows, columns)
    facts = board.facts
    row, column = rng.randrange(rows), rng.randrange(columns)
    name = board.names[row][column]
    lines = board.listing(name if kind != "cell" else "")
    if kind == "cell":
        answer = name
        lines.append(f"{row + 1}.{column + 1}: {name}")
        question = request.wording(row=row + 1, column=column + 1)
    elif kind == "where":
        answer = facts[name]
        lines.append(f"It is in {answer}.")
        question = request.wording(thing=name)
    elif kind == "count_side":
        way = open_direction(rng, STEPS, row, column, rows, columns)  # a side with something on it, as a rule
        side = dict(zip(STEPS, MOVES, strict=True))[way] if rng.random() < 0.85 else rng.choice(tuple(MOVES))
        counts = {
            "up": row * columns,
            "down": (rows - row - 1) * columns,
            "left": column * rows,
            "right": (columns - column - 1) * rows,
        }
        answer = str(counts[side])
        upright = side in ("up", "down")
        each, lanes = (columns, counts[side] // columns) if upright else (rows, counts[side] // rows)
        lines += [f"{'rows' if upright else 'columns'} further {side}: {lanes}"]
        lines += [f"{lanes} × {each} = {answer}", f"The count is {answer}."]
        question = request.wording(thing=name, side=side)
    elif kind == "beside":
        direction = open_direction(rng, STEPS, row, column, rows, columns)
        dr, dc = STEPS[direction]
        answer = board.names[row + dr][column + dc]
        lines.append(f"{direction} it: row {row + dr + 1}, column {column + dc + 1}")
        lines.append(f"{row + dr + 1}.{column + dc + 1}: {answer}")
        question = request.wording(thing=name, direction=direction)
    else:
        return _path(request, board, row, column)
    return Draft(
        question,
        answer,
        "number" if kind == "count_side" else "string",
        "\n".join(lines),
        facts,
        (board.sheet.finish(),),
    )


def open_direction(
    rng: Random, steps: dict[str, tuple[int, int]], row: int, column: int, rows: int, columns: int
) -> str:
    """A direction that stays inside the grid."""
    open_ways = [
        name for name, (dr, dc) in steps.items() if 0 <= row + dr < rows and 0 <= column + dc < columns
    ]
    return rng.choice(open_ways)


def _path(request: Request, board: Board, row: int, column: int) -> Draft:
    """Several steps from a thing; never back to where it came from."""
    rng = request.rng
    rows, columns = len(board.names), len(board.names[0])
    name = board.names[row][column]
    facts, lines = board.facts, board.listing(name)
    moves: list[str] = []
    seen = [(row, column)]
    for _ in range(request.level + 1 + (request.level > 0)):
        ways = {n: s for n, s in MOVES.items() if (row + s[0], column + s[1]) not in seen}
        fits = [n for n, (dr, dc) in ways.items() if 0 <= row + dr < rows and 0 <= column + dc < columns]
        if not fits:
            break
        moves.append(rng.choice(fits))
        dr, dc = MOVES[moves[-1]]
        row, column = row + dr, column + dc
        seen.append((row, column))
        lines.append(f"{moves[-1]}; {row + 1}.{column + 1}: {board.names[row][column]}")
    answer = board.names[row][column]
    lines.append(f"You reach the {answer}.")
    path = " and ".join([", ".join(f"one {m}" for m in moves[:-1])] * (len(moves) > 1) + [f"one {moves[-1]}"])
    question = request.wording(thing=name, path=path)
    return Draft(question, answer, "string", "\n".join(lines), facts, (board.sheet.finish(),))


def _nearest(request: Request) -> Draft:
    """A few things in the cells of a grid; one is nearest in steps and in distance."""
    rng, style, level = request.rng, request.style, request.level
    count = rng.randint(3, 4) + level
    size = 4 if level < 2 else 5
    while True:
        cells = rng.sample([(r, c) for r in range(size) for c in range(size)], count)
        steps = [abs(r - cells[0][0]) + abs(c - cells[0][1]) for r, c in cells[1:]]
        squares = [(r - cells[0][0]) ** 2 + (c - cells[0][1]) ** 2 for r, c in cells[1:]]
        best = steps.index(min(steps))
        others = [s for i, s in enumerate(squares) if i != best]
        if steps.count(min(steps)) == 1 and min(others) >= 2 * squares[best] + 1:
            break
    things = _shape_grid(rng, count)
    sheet = Sheet(style)
    sheet.clutter()
    places = grid(sheet, size, size, across=0.1, down=0.1, ruled=True)
    share = style.uniform(0.7, 0.55, 0.9)
    for thing, (r, c) in zip(things, cells, strict=True):
        draw_thing(sheet, thing, places[r * size + c], share)
    spots = [f"row {r + 1}, column {c + 1}" for r, c in cells]
    facts = {str(t): spot for t, spot in zip(things, spots, strict=True)}
    in_order = sorted(range(count), key=cells.__getitem__)
    lines = [f"{things[i]}: {spots[i]}" for i in in_order]
    for i in in_order:
        if i == 0:
            continue
        down, across = (abs(cells[i][k] - cells[0][k]) for k in (0, 1))
        lines.append(f"{things[i]}: {spots[i]}, {down} + {across} = {down + across} steps")
    answer = str(things[best + 1])
    lines.append(f"The fewest steps are {min(steps)}: the {answer}.")
    return Draft(
        request.wording(thing=things[0]), answer, "string", "\n".join(lines), facts, (sheet.finish(),)
    )


def _largest(request: Request) -> Draft:
    """Things of clearly different size in a row or in two."""
    rng, style, level = request.rng, request.style, request.level
    count = (2, 3, 5)[level] if rng.random() < 0.5 else (3, 4, 5)[level]
    ranks = rng.sample(range(5), count)
    while level == 0 and max(ranks) - sorted(ranks)[-2] < 2 and rng.random() < 0.8:
        ranks = rng.sample(range(5), count)
    things = _shape_grid(rng, count)
    sheet = Sheet(style)
    sheet.clutter()
    rows = 1 if count < 3 else 2
    columns = -(-count // rows)
    places = grid(sheet, rows, columns, across=0.04, down=0.04)
    biggest = 0.135 * min(sheet.width, sheet.height)  # the same for every number of shapes
    lines, facts = [], {}
    for thing, rank, place in zip(things, ranks, places, strict=False):
        color, angle = style.tint(NAMED_COLORS[thing.color], 9), style.uniform(0, -10, 10)
        sheet.shape(thing.shape, place.x, place.y, biggest * SIZE_SHARES[rank], color, angle=angle)
        facts[str(thing)] = SIZES[rank]
        lines.append(f"{thing}: {SIZES[rank]}")
    largest = rng.random() < 0.5
    target = ranks.index(max(ranks) if largest else min(ranks))
    word = rng.choice(("largest", "biggest") if largest else ("smallest", "tiniest"))
    answer = str(things[target])
    lines.append(f"The {word} is the {answer}.")
    return Draft(request.wording(extreme=word), answer, "string", "\n".join(lines), facts, (sheet.finish(),))


def _letter(request: Request) -> Draft:
    """A grid of letters."""
    rng, style = request.rng, request.style
    rows, columns = grid_size(rng, request.level)
    sheet = Sheet(style, soft=0.0)
    sheet.clutter()
    letters = rng.sample(LETTERS, rows * columns)
    places = grid(sheet, rows, columns, across=0.15, down=0.1)
    size = style.integer(40, 24, 52)
    color = style.choice((style.ink, NAMED_COLORS["blue"], NAMED_COLORS["red"], NAMED_COLORS["green"]))
    badge = style.choice(("none", "ring", "box"))
    for place, letter in zip(places, letters, strict=True):
        if badge != "none":
            radius = min(size * 0.8, place.room)
            sheet.shape(
                "circle" if badge == "ring" else "square",
                place.x,
                place.y,
                radius,
                style.tint((225, 232, 245), 12),
                edge=style.ink,
            )
        sheet.text((place.x, place.y), letter, min(size, int(place.room * 1.3)), color)
    board = Board(sheet, [letters[r * columns : (r + 1) * columns] for r in range(rows)])
    row, column = rng.randrange(rows), rng.randrange(columns)
    name = board.names[row][column]
    direction = open_direction(rng, STEPS, row, column, rows, columns)
    dr, dc = STEPS[direction]
    answer = board.names[row + dr][column + dc]
    facts = board.facts
    spot = f"row {row + dr + 1}, column {column + dc + 1}"
    lines = [*board.listing(name), f"{direction} it: {spot}"]
    lines.append(f"{row + dr + 1}.{column + dc + 1}: {answer}")
    question = request.wording(letter=name, direction=direction)
    return Draft(question, answer, "string", "\n".join(lines), facts, (sheet.finish(),))


def draw(request: Request) -> Draft:
    """One scene and one question about places or sizes."""
    if request.kind == "nearest":
        return _nearest(request)
    if request.kind == "largest":
        return _largest(request)
    if request.kind == "letter":
        return _letter(request)
    return _on_board(request)


FAMILY = Family(
    name="spatial",
    summary="Places, neighbours, distances and sizes of shapes",
    kinds=KINDS,
    draw=draw,
)

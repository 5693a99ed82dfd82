"""Little drawings of real things in a grid: what is where, what is beside what, how many there are of one.

The drawings are characters of DejaVu Sans, which matplotlib carries; the solution lists them cell by cell as
`spatial` does.
"""

from __future__ import annotations

from r1v.figures.drawing.shapes import Place, Sheet, grid
from r1v.figures.drawing.style import NAMED_COLORS, load_font
from r1v.figures.families.spatial import STEPS, Board, grid_size, open_direction
from r1v.figures.item import Draft, Family, Request

_WHERE = "[In the picture|In this image|In the figure|Here|Look at the picture]"
_NAME = "[| Answer with one word.| Name the thing.]"

KINDS = {
    "cell": (
        f"{_WHERE}: [what is in row {{row}}, column {{column}}?|which thing stands in row {{row}} and column "
        "{column}?|name the thing in row {row}, column {column}.|what do you see in column {column} of row "
        f"{{row}}?]{_NAME}"
    ),
    "where": (
        f"{_WHERE}: [where is the {{thing}}?|find the {{thing}}.|in which row and column is the {{thing}}?"
        "|give the place of the {thing}.][| Answer like: row 1, column 2.| Give it as row and column, like "
        "row 1, column 2.]"
    ),
    "beside": (
        f"{_WHERE}: [what is directly {{direction}} the {{thing}}?|which thing is directly {{direction}} the "
        "{thing}?|name the thing directly {direction} the {thing}.|find the neighbour directly {direction} "
        f"the {{thing}}.]{_NAME}"
    ),
    "count": (
        f"{_WHERE}: [how often is there a drawing of this: {{thing}}?|count the drawings that show this: "
        "{thing}.|how many cells show this: {thing}?|in how many places do you see this: {thing}?]"
        "[| Answer with a number.| Go row by row.]"
    ),
}
ICONS = {
    "sun": "☀", "cloud": "☁", "umbrella": "☂", "snowman": "☃", "telephone": "☎", "cup": "☕", "clover": "☘",
    "skull": "☠", "face": "☺", "anchor": "⚓", "scales": "⚖", "flag": "⚑", "swords": "⚔", "gear": "⚙",
    "lightning": "⚡", "scissors": "✂", "plane": "✈", "letter": "✉", "pencil": "✎", "keyboard": "⌨",
    "king": "♚", "horse": "♞", "tower": "♜", "music": "♫", "flower": "✿", "snowflake": "❄", "mouse": "🐭",
    "cow": "🐮", "cat": "🐱", "monkey": "🐵", "hammers": "⚒", "wheelchair": "♿",
}  # fmt: skip
FACE = "DejaVuSans.ttf"
COLORS = ("black", "blue", "red", "green", "purple", "brown", "orange", "gray")
MIN_SIZE, MAX_SIZE = 36, 110  # pixels


def _draw_icon(sheet: Sheet, name: str, place: Place, share: float) -> None:
    """A drawing that fills a share of the room of its place, varied a little."""
    style = sheet.style
    size = min(MAX_SIZE, max(MIN_SIZE, round(2 * place.room * style.uniform(share, share * 0.8, share))))
    font = load_font(FACE, size * sheet.scale)
    left, top, right, bottom = font.getbbox(ICONS[name], anchor="ls")
    x, y = place.x * sheet.scale - (left + right) / 2, place.y * sheet.scale - (top + bottom) / 2
    color = style.tint(NAMED_COLORS[style.choice(COLORS)], 12)
    sheet.draw.text((x, y), ICONS[name], font=font, fill=color, anchor="ls")


def _board(request: Request, names: list[str], rows: int, columns: int) -> Board:
    style = request.style
    sheet = Sheet(style)
    sheet.clutter()
    share = style.uniform(0.8, 0.6, 0.9)
    for place, name in zip(grid(sheet, rows, columns, across=0.12, down=0.1), names, strict=True):
        _draw_icon(sheet, name, place, share)
    return Board(sheet, [names[r * columns : (r + 1) * columns] for r in range(rows)])


def _count(board: Board, asked: str) -> tuple[list[str], dict[str, str], str]:
    """Lines, facts, answer: every cell, with the running count behind one that counts."""
    lines, facts, seen = [], {}, 0
    for r, row in enumerate(board.names, 1):
        parts = []
        for name in row:
            seen += name == asked
            parts.append(f"{name} {seen}" if name == asked else name)
        facts[f"row {r}"] = ", ".join(parts)
        lines.append(f"row {r}: {facts[f'row {r}']}")
    return [*lines, f"The count is {seen}."], facts, str(seen)


def draw(request: Request) -> Draft:
    """One grid of drawings and one question about it."""
    rng, kind = request.rng, request.kind
    rows, columns = grid_size(rng, request.level)
    names = rng.sample(tuple(ICONS), rows * columns)
    row, column = rng.randrange(rows), rng.randrange(columns)
    name = names[row * columns + column]
    if kind == "count":
        names = [name if rng.random() < 0.3 else rng.choice(names) for _ in names]
    board = _board(request, names, rows, columns)
    image = board.sheet.finish()
    if kind == "count":
        lines, facts, answer = _count(board, name)
        return Draft(request.wording(thing=name), answer, "number", "\n".join(lines), facts, (image,))
    facts, lines = board.facts, board.listing(name if kind != "cell" else "")
    if kind == "cell":
        question, answer = request.wording(row=row + 1, column=column + 1), name
        lines.append(f"{row + 1}.{column + 1}: {answer}")
    elif kind == "where":
        question, answer = request.wording(thing=name), facts[name]
        lines.append(f"It is in {answer}.")
    else:
        direction = open_direction(rng, STEPS, row, column, rows, columns)
        question = request.wording(thing=name, direction=direction)
        row, column = row + STEPS[direction][0], column + STEPS[direction][1]
        answer = board.names[row][column]
        lines += [f"{direction} it: row {row + 1}, column {column + 1}", f"{row + 1}.{column + 1}: {answer}"]
    return Draft(question, answer, "string", "\n".join(lines), facts, (image,))


FAMILY = Family(
    "icon", "little drawings of things in a grid: which one where, beside what, how many", KINDS, draw
)

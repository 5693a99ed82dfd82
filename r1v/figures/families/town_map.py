"""Maps on a grid with letters and numbers along the edges: squares of places, ways between them.

The solution reads all places from the top to the bottom, each with its square, so that none is searched
for; then every step with the square it leads to.
"""

from __future__ import annotations

from r1v.figures.drawing.shapes import Sheet
from r1v.figures.drawing.style import NAMED_COLORS, Style
from r1v.figures.item import Draft, Family, Request
from r1v.figures.steps import readings

PLACES = (
    "school",
    "park",
    "bank",
    "zoo",
    "cafe",
    "shop",
    "pool",
    "farm",
    "lake",
    "hotel",
    "museum",
    "station",
)
LETTERS = "ABCDEFGH"
MOVES = {"north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0)}
_LEAD = "[|Look at the map. |Here is the map of a town. |The picture shows a map; north is up. ]"

KINDS = {
    "square": f"{_LEAD}[In which square is the {{place}}|Where is the {{place}}|Find the square of the "
    f"{{place}}|"
    "Which square holds the {place}][?| on the map?][| Answer like B3.| Give letter and number.]",
    "what": f"{_LEAD}[What is in square {{square}}|Which place lies in {{square}}|What do you find in "
    f"{{square}}|"
    "Name the place in square {square}][?| on the map?][| Answer with one word.]",
    "blocks": f"{_LEAD}[How many squares is it from the {{place}} to the {{other}} along the grid|How many "
    f"steps lead from "
    "the {place} to the {other}, not diagonally|What is the shortest way along the grid from the {place} to "
    "the "
    "{other}, in squares|Going only north, south, east or west, how many squares is the {other} from the "
    "{place}]"
    "?[| Answer with a number.| Give the number.]",
    "walk": f"{_LEAD}[Start at the {{place}} and go {{path}}; where are you|From the {{place}} go {{path}}; "
    f"which square "
    "do you reach|Beginning at the {place}, walk {path}; in which square do you end|Which square do you "
    "reach from the "
    "{place} by going {path}]?[| Answer like B3.| Give letter and number.]",
}


def _square(x: int, y: int) -> str:
    return f"{LETTERS[x]}{y + 1}"


def _render(style: Style, size: int, places: dict[str, tuple[int, int]]) -> Sheet:
    """The grid, its letters below or above, its numbers at the left, and the places; north is up."""
    sheet = Sheet(style, spread=0.1, soft=0.15)
    font = style.integer(21, 18, 24)
    left, bottom = font * 1.6 + style.uniform(4, 2, 16), sheet.height - font * 1.5 - style.uniform(4, 2, 16)
    right, top = sheet.width - style.uniform(6, 4, 20), style.uniform(6, 4, 20)
    w, h = (right - left) / size, (bottom - top) / size
    ground = style.tint(style.choice((style.background, (232, 244, 226), (246, 240, 224))), 6)
    sheet.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], ground)
    street = style.tint((165, 165, 165), 40)
    for i in range(size + 1):
        sheet.line([(left + i * w, top), (left + i * w, bottom)], street, style.integer(1, 1, 3))
        sheet.line([(left, top + i * h), (right, top + i * h)], street, style.integer(1, 1, 3))
    for i in range(size):
        sheet.text((left + (i + 0.5) * w, bottom + font * 0.75), LETTERS[i], font, style.ink)
        sheet.text((left - font * 0.7, bottom - (i + 0.5) * h), str(i + 1), font, style.ink)
    label = max(15, min(style.integer(17, 15, 19), int(w / 4)))
    for name, (x, y) in places.items():
        at = (left + (x + 0.5) * w, bottom - (y + 0.5) * h)
        color = NAMED_COLORS[style.choice(("blue", "red", "green", "purple", "brown"))]
        short = min(label, int((w - 4) / (0.62 * len(name)))) if 0.62 * label * len(name) > w - 4 else label
        if style.flag(0.5):
            sheet.disc(at[0], at[1] - h * 0.2, min(w, h) * 0.12, color)
            at = (at[0], at[1] + h * 0.16)
        sheet.text(at, name, max(14, short), color)
    return sheet


def draw(request: Request) -> Draft:
    """One map and one question."""
    rng, level, kind = request.rng, request.level, request.kind
    size = (3, 4, 5)[level] if rng.random() < 0.5 else (4, 5, 6)[level]
    names = rng.sample([n for n in PLACES if len(n) < 6 or size < 5], rng.randint(2, 3) + level)
    cells = rng.sample([(x, y) for x in range(size) for y in range(size)], len(names))
    places = dict(zip(names, cells, strict=True))
    image = _render(request.style, size, places).finish()
    facts = {name: _square(*cell) for name, cell in places.items()}
    facts |= {square: name for name, square in facts.items()}
    (a, (ax, ay)), (b, (bx, by)) = list(places.items())[:2]
    read = sorted(places, key=lambda name: (-places[name][1], places[name][0]))
    start = f"{readings((name, facts[name]) for name in read)}\n{a}: {facts[a]}"
    if kind == "square":
        return Draft(request.wording(place=a), facts[a], "string", start, facts, (image,))
    if kind == "what":
        work = f"{readings((facts[name], name) for name in read)}\n{facts[a]}: {a}"
        return Draft(request.wording(square=facts[a]), a, "string", work, facts, (image,))
    if kind == "blocks":
        across, down = abs(ax - bx), abs(ay - by)
        lines = [start, f"{b}: {facts[b]}", f"{LETTERS[ax]} to {LETTERS[bx]} is {across}"]
        lines += [f"{ay + 1} to {by + 1} is {down}", f"{across} + {down} = {across + down}"]
        question = request.wording(place=a, other=b)
        return Draft(question, str(across + down), "number", "\n".join(lines), facts, (image,))
    x, y, path, lines, last = ax, ay, [], [start], ""
    for _ in range(level + 1):
        ways = {n: s for n, s in MOVES.items() if 0 <= x + s[0] < size and 0 <= y + s[1] < size}
        axis = (2, 3) if last in ("east", "west") else (0, 1)  # turn at every step
        ways = {n: s for i, (n, s) in enumerate(MOVES.items()) if n in ways and (not last or i not in axis)}
        last = rng.choice(list(ways)) if ways else rng.choice(list(MOVES))
        dx, dy = MOVES[last]
        room = max(n for n in range(1, size) if n == 1 or (0 <= x + dx * n < size and 0 <= y + dy * n < size))
        steps = rng.randint(1, min(room, 3))
        x, y = x + dx * steps, y + dy * steps
        path.append(f"{steps} {last}")
        lines.append(f"{steps} {last}: {_square(x, y)}")
    listed = " and ".join([", ".join(path[:-1])] * (len(path) > 1) + [path[-1]])
    question = request.wording(place=a, path=listed)
    return Draft(question, _square(x, y), "string", "\n".join(lines), facts, (image,))


FAMILY = Family("town_map", "a map with squares: where places are, ways between them", KINDS, draw)

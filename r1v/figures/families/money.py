"""Coins and notes: how much it is, what is missing for a price, what is left after buying.

The solution goes through the rows with the running total after every piece.
"""

from __future__ import annotations

from r1v.figures.drawing.shapes import Place, Sheet, scatter
from r1v.figures.drawing.style import Color, Style
from r1v.figures.item import Draft, Family, Request

_LEAD = "[|Look at the money. |The picture shows some money. |Here are some coins. ]"
_END = "[| Answer with a number.| Give the number.]"

KINDS = {
    "total": f"{_LEAD}[How much money is it|How much is there in all|What is the total|How much are all "
    f"pieces "
    f"worth together] [in the picture|here|altogether]?{_END}",
    "change": f"{_LEAD}[You buy something for {{price}}; how much is left|How much is left after paying "
    f"{{price}}|"
    "After spending {price}, how much remains|A toy costs {price}; how much do you keep] "
    f"[of this money|of it|from this]?{_END}",
    "missing": f"{_LEAD}[How much is missing to pay {{price}}|A book costs {{price}}; how much more do you "
    f"need|"
    "How much more is needed to reach {price}|You want to pay {price}; how much is still missing]"
    f"[?| here?]{_END}",
    "count": f"{_LEAD}[How many pieces show|How many coins or notes have|Count the pieces with|What is the "
    f"number of "
    f"pieces with] [the value|the number|a] {{value}}[?| on them?]{_END}",
}
VALUES = ((1, 2, 5, 10), (1, 2, 5, 10, 20), (1, 2, 5, 10, 20, 50, 100))
METALS: tuple[Color, ...] = ((214, 178, 94), (196, 196, 200), (190, 128, 84))
PAPERS: tuple[Color, ...] = ((196, 222, 200), (205, 214, 238), (240, 214, 190), (228, 204, 226))


def _piece(sheet: Sheet, place: Place, value: int, style: Style, notes: bool) -> None:
    """A coin, or a note for the larger values."""
    size = style.integer(24, 20, 28)
    edge = style.tint((90, 80, 60), 30)
    if notes and value >= 10:
        w, h = min(place.room, 58), min(place.room * 0.62, 34)
        x, y = min(max(place.x, w + 2), sheet.width - w - 2), place.y
        corners = [(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)]
        sheet.polygon(corners, style.tint(style.choice(PAPERS), 10))
        sheet.line([*corners, corners[0]], edge, 2)
        sheet.text((x, y), str(value), size, style.ink)
        return
    radius = min(place.room, 46) * style.uniform(0.9, 0.75, 0.98)
    sheet.disc(place.x, place.y, radius, style.tint(style.choice(METALS), 14), edge, 2)
    if style.flag(0.5):
        sheet.disc(place.x, place.y, radius * 0.84, None, edge, 1)
    text = str(value)
    sheet.text(
        (place.x, place.y), text, max(17, min(size, round(radius * 1.5 / len(text) ** 0.8))), style.ink
    )


def draw(request: Request) -> Draft:
    """Coins, from the medium level on also notes, in rows."""
    rng, style, level = request.rng, request.style, request.level
    count = rng.randint(*((2, 4), (4, 6), (6, 9))[level])
    values = [rng.choice(VALUES[level]) for _ in range(count)]
    if request.kind == "count":
        values[: rng.randint(0, 2)] = [values[-1]] * 2
        rng.shuffle(values)
    total = sum(values)
    sheet = Sheet(style)
    sheet.clutter()
    notes = level > 0 and style.flag(0.7)
    running, lines, facts, queue = 0, [], {}, iter(values)
    asked = rng.choice(values)
    seen = 0
    for r, row in enumerate(scatter(sheet, len(values)), 1):
        parts = []
        for place in row:
            value = next(queue)
            _piece(sheet, place, value, style, notes)
            running, seen = running + value, seen + (value == asked)
            tally = f" ({seen})" if value == asked else ""
            parts.append(f"{value}{tally}" if request.kind == "count" else f"{value} makes {running}")
        facts[f"row {r}"] = ", ".join(parts)
        lines.append(f"row {r}: {facts[f'row {r}']}")
    facts["total"] = str(total)
    if request.kind == "count":
        lines.append(f"That makes {seen}.")
        return Draft(
            request.wording(value=asked), str(seen), "number", "\n".join(lines), facts, (sheet.finish(),)
        )
    lines.append(f"total: {total}")
    answer, price = total, 0
    if request.kind == "change":
        price = rng.randint(1, max(1, total - 1))
        answer = total - price
        lines.append(f"{total} - {price} = {answer}")
    elif request.kind == "missing":
        price = total + rng.randint(1, (9, 25, 90)[level])
        answer = price - total
        lines.append(f"{price} - {total} = {answer}")
    return Draft(
        request.wording(price=price), str(answer), "number", "\n".join(lines), facts, (sheet.finish(),)
    )


FAMILY = Family("money", "coins and notes: totals, change, what is missing", KINDS, draw)

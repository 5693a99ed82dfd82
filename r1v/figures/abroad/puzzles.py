"""Coins, sets and clocks as others draw them, with the families' own questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

from PIL import Image

from r1v.figures.abroad import words
from r1v.figures.abroad.board import Easel, by_matplotlib, by_pillow, by_svg
from r1v.figures.abroad.mpl import picture
from r1v.figures.abroad.scene import Asked, ToolPicture
from r1v.figures.drawing.style import Color
from r1v.figures.families import clock, venn
from r1v.figures.families.clock import Time

Painter = Callable[[Easel, Random], Image.Image]
_END = "[|||| Give the number.| Just the number.]"

# ---------------------------------------------------------------------------------------------------- money

MONEY_PHRASES: dict[str, tuple[str, str]] = {
    "total": (
        "[How much money is there|How much money is this|What is the total|How much is it in total|Add "
        "up the "
        f"coins|What is the total value|How much are the coins worth together]?{_END}",
        "[How much have I got here?|What do these coins come to?]",
    ),
    "change": (
        "[I spend {price}. How much is left|If I pay {price}, how much do I have left|How much remains after "
        f"spending {{price}}]?{_END}",
        "[Take away {price}; what is still there?]",
    ),
    "missing": (
        "[How much more do I need to buy something for {price}|How much is missing to {price}|Something "
        "costs "
        f"{{price}}. How much more is needed]?{_END}",
        "[I want {price}; by how much am I short?]",
    ),
    "count": (
        f"[How many coins of {{value}} are there|How many pieces show {{value}}|How many {{value}}s are "
        f"there]?{_END}",
        "[Of the coins, how many say {value}?]",
    ),
    "pieces": (
        f"[How many coins are there|How many pieces of money do you see|Count the coins]?{_END}",
        "[How many coins lie there in all?]",
    ),
    "largest": (
        f"[What is the most valuable coin|What is the highest value on a coin|Which coin is worth "
        f"most]?{_END}",
        "[What does the coin of highest worth say?]",
    ),
}
METALS: tuple[Color, ...] = (
    (212, 175, 55),
    (192, 192, 192),
    (184, 115, 51),
    (255, 215, 0),
    (205, 127, 50),
    (220, 220, 225),
)


@dataclass(frozen=True, slots=True)
class Coins:
    """Rows of values; unit: what stands beside every number, with a ``{}`` for it."""

    rows: tuple[tuple[int, ...], ...]
    unit: str


def plan_coins(rng: Random, level: int) -> Coins:
    """Two to nine coins in one to three rows."""
    count = rng.randint(*((2, 4), (3, 6), (5, 9))[level])
    pool = rng.choice(
        ((1, 2, 5, 10), (1, 2, 5, 10, 20, 50), (1, 5, 10, 25), (1, 2, 5, 10, 20, 50, 100), (1, 2))
    )
    values = [rng.choice(pool) for _ in range(count)]
    rows = rng.randint(1, min(3, max(1, count // 2)))
    rows = max(rows, -(-count // 6))
    cuts = [count * r // rows for r in range(rows + 1)]
    unit = rng.choice(("{}", "{}", "{}c", "{} ct", "${}", "€{}", "{} €", "{}p"))
    return Coins(tuple(tuple(values[a:b]) for a, b in pairwise(cuts)), unit)


def ask_coins(coins: Coins, drawn: ToolPicture, rng: Random) -> Asked:
    """One question about money; the rows are read with the running total or count."""
    kind = rng.choice(("total",) * 4 + ("change", "missing", "count", "count", "pieces", "largest"))
    values = [v for row in coins.rows for v in row]
    total, asked = sum(values), rng.choice(values)
    running = seen = best = 0
    facts: dict[str, str] = {}
    for r, row in enumerate(coins.rows, 1):
        parts = []
        for value in row:
            running += value
            best = max(best, value)
            seen += kind == "pieces" or value == asked
            if kind == "count":
                parts.append(f"{value} ({seen})" if value == asked else str(value))
            elif kind == "pieces":
                parts.append(f"{value} ({seen})")
            elif kind == "largest":
                parts.append(str(value))
            else:
                parts.append(f"{value} makes {running}")
        facts[f"row {r}"] = ", ".join(parts)
    lines = [f"{name}: {text}" for name, text in facts.items()]
    facts["total"] = str(total)
    if kind in ("count", "pieces"):
        lines.append(f"That makes {seen}.")
        return Asked(kind, {"value": asked}, str(seen), "number", "\n".join(lines), facts)
    if kind == "largest":
        lines.append(f"The largest is {best}.")
        return Asked(kind, {}, str(best), "number", "\n".join(lines), facts)
    lines.append(f"total: {total}")
    answer, price = total, 0
    if kind == "change":
        price = rng.randint(1, max(1, total - 1))
        answer = total - price
        lines.append(f"{total} - {price} = {answer}")
    elif kind == "missing":
        price = total + rng.randint(1, 30)
        answer = price - total
        lines.append(f"{price} - {total} = {answer}")
    return Asked(kind, {"price": price}, str(answer), "number", "\n".join(lines), facts)


def _coin_board(coins: Coins, rng: Random) -> Easel:
    """Coins in rows on a wide sheet, larger ones for larger values at times."""
    radius, gap = rng.choice((28, 34, 44, 56)), rng.choice((8, 16, 40))
    wide = max(len(row) for row in coins.rows)
    board = Easel(wide * (2 * radius + gap) + gap, len(coins.rows) * (2 * radius + gap) + gap,
                  rng.choice(((255, 255, 255), (255, 255, 255), (245, 240, 230), (60, 90, 70))))  # fmt: skip
    sized, inner, metal = rng.random() < 0.4, rng.random() < 0.5, rng.choice((None, *METALS))
    kinds = sorted({v for row in coins.rows for v in row})
    slip = rng.choice((0.0, 0.3))
    for r, row in enumerate(coins.rows):
        left = (board.width - len(row) * (2 * radius + gap) - gap) / 2 * rng.choice((0, 1)) + gap
        for k, value in enumerate(row):
            reach = (
                radius * (0.75 + 0.25 * kinds.index(value) / max(1, len(kinds) - 1))
                if sized
                else radius * 0.95
            )
            x = left + radius + k * (2 * radius + gap) + rng.uniform(-slip, slip) * gap
            y = gap + radius + r * (2 * radius + gap) + rng.uniform(-slip, slip) * gap
            fill = metal or METALS[kinds.index(value) % len(METALS)]
            dark: Color = (int(fill[0] * 0.55), int(fill[1] * 0.55), int(fill[2] * 0.55))
            board.disc((x, y), reach, fill, dark, 2)
            if inner:
                board.disc((x, y), reach * 0.84, None, dark, 1)
            text = coins.unit.format(value)
            board.text((x, y), text, min(reach * 0.9, 2.1 * reach / len(text)), (20, 20, 20))
    return board


def coins_by(painter: Painter) -> Callable[[Coins, Random], ToolPicture]:
    """Coins by a painter of boards."""
    return lambda coins, rng: ToolPicture(painter(_coin_board(coins, rng), rng))


# ----------------------------------------------------------------------------------------------------- sets

VENN_PHRASES: dict[str, tuple[str, str]] = {
    "only": (
        "[How many are only in {a}|How many are in {a} only|How many like just {a}|What is the number in "
        "{a} alone]"
        f"?{_END}",
        "[How many belong to nothing but {a}?]",
    ),
    "both": (
        "[How many are in both {a} and {b}|How many like {a} and {b}|How many are in {a} and {b}|What is the "
        f"overlap of {{a}} and {{b}}]?{_END}",
        "[How many have {a} as well as {b}?]",
    ),
    "whole": (
        "[How many are in {a} in total|How many are in {a}|How many like {a} altogether|What is the size "
        "of {a}]"
        f"?{_END}",
        "[Everything inside {a}: how many is that?]",
    ),
    "either": (
        f"[How many are in {{a}} or {{b}}|How many are in {{a}} or {{b}} or both|What is the union of "
        f"{{a}} and {{b}}]"
        f"?{_END}",
        "[How many have {a}, {b} or the two of them?]",
    ),
    "all": (
        f"[How many are there in total|How many in all|What is the sum of all the numbers in the "
        f"diagram]?{_END}",
        "[What do all areas hold together?]",
    ),
}


@dataclass(frozen=True, slots=True)
class Sets:
    """Names of two or three sets, and a number for every region, by the sets that hold it."""

    names: tuple[str, ...]
    numbers: dict[tuple[int, ...], int]


def plan_sets(rng: Random, level: int) -> Sets:
    """Two sets, or at the higher levels three."""
    count = 3 if level == 2 or (level == 1 and rng.random() < 0.4) else 2
    high = rng.choice((9, 20, 40, 99))
    return Sets(tuple(words.names(rng, count, 10)), {r: rng.randint(1, high) for r in venn.regions(count)})


def ask_sets(sets: Sets, drawn: ToolPicture, rng: Random) -> Asked:
    """One sum of regions, in the order in which the circles are read."""
    order = drawn.marks["order"]
    names = [sets.names[i] for i in order]
    numbers = {r: sets.numbers[tuple(sorted(order[i] for i in r))] for r in sets.numbers}
    kind = rng.choice(tuple(venn.KINDS))
    fields, total, solution, facts = venn.ask(kind, names, numbers, rng)
    return Asked(kind, fields, str(total), "number", solution, facts)


SOFT: tuple[Color, ...] = (
    (255, 0, 0),
    (0, 128, 0),
    (0, 0, 255),
    (255, 165, 0),
    (31, 119, 180),
    (148, 103, 189),
    (44, 160, 44),
)


def sets_by(painter: Painter) -> Callable[[Sets, Random], ToolPicture]:
    """Transparent circles with their names above or below."""

    def draw(sets: Sets, rng: Random) -> ToolPicture:
        count, size = len(sets.names), rng.choice((300, 400, 480))
        board = Easel(size * rng.choice((1.15, 1.5, 1.9, 2.4)), size * rng.choice((1.12, 1.12, 1.3, 1.5)))
        centres, radius = venn.circle_centres(count, False)
        x, y, half = board.width / 2, board.height / 2, size / 2 * rng.choice((0.96, 0.96, 0.8, 0.65))
        colors, alpha = rng.sample(SOFT, count), rng.choice((0.2, 0.3, 0.4, 0.5, 0.6))
        edge = rng.choice((None, None, (0, 0, 0)))
        for (cx, cy), color in zip(centres, colors, strict=True):
            board.disc((x + cx * half, y + cy * half), radius * half, color, None, 1, alpha)
            if edge:
                board.disc((x + cx * half, y + cy * half), radius * half, None, edge, 2)
        letters = size / rng.choice((16, 18, 21, 24, 28, 32))
        for region, number in sets.numbers.items():
            sx, sy = venn.region_spot(region, centres)
            board.text((x + sx * half, y + sy * half), str(number), letters)
        below, closer = count == 2 and rng.random() < 0.5, rng.uniform(0.4, 1.25)
        for (cx, cy), name in zip(centres, sets.names, strict=True):
            up = (cy <= 0.0 + (count == 2)) and not below
            at = y + cy * half + (-1 if up else 1) * (radius * half + letters * rng.uniform(0.7, 1.3))
            board.text((x + cx * half * (1.25 if count == 3 else closer), at), name, letters * 1.1)
        order = sorted(range(count), key=lambda i: (round(centres[i][1], 3), centres[i][0]))
        return ToolPicture(painter(board, rng), {"order": order})

    return draw


def matplotlib_venn(sets: Sets, rng: Random) -> ToolPicture:
    """matplotlib-venn's own circles of equal size; held out."""
    import matplotlib_venn as library

    count = len(sets.names)
    marks: dict[str, Any] = {}

    def paint(figure: Any, axes: Any) -> None:
        keys = (
            {(0,): "10", (1,): "01", (0, 1): "11"}
            if count == 2
            else {
                (0,): "100",
                (1,): "010",
                (2,): "001",
                (0, 1): "110",
                (0, 2): "101",
                (1, 2): "011",
                (0, 1, 2): "111",
            }
        )
        call = library.venn2 if count == 2 else library.venn3
        drawn = call(subsets=dict.fromkeys(keys.values(), 1), set_labels=sets.names, ax=axes)
        for region, key in keys.items():
            drawn.get_label_by_id(key).set_text(str(sets.numbers[region]))
        spots = [(round(-c.y, 1), c.x) for c in drawn.centers]
        marks["order"] = sorted(range(count), key=lambda i: spots[i])

    return ToolPicture(
        picture(rng, paint, sheets=0.0, sizes=((6.4, 4.8), (8, 4), (5, 5)), letters=False), marks
    )


# --------------------------------------------------------------------------------------------------- clocks

CLOCK_PHRASES: dict[str, tuple[str, str]] = {
    "time": (
        "[What time is it|What time does the clock show|What's the time|Read the clock|Tell me the "
        "time|Which time "
        "is shown]?[|||| Answer like 3:05.| Use h:mm.]",
        "[What does this clock say|Can you tell the time from this clock]?",
    ),
    "after": (
        "[What time will it be in {minutes} minutes|What time is it {minutes} minutes later|Add "
        "{minutes} minutes: "
        "what time is it then]?[||| Use h:mm.]",
        "[And {minutes} minutes from now, what will the clock say?]",
    ),
    "before": (
        "[What time was it {minutes} minutes ago|What time was it {minutes} minutes before|Go back {minutes} "
        "minutes: what time was it]?[||| Use h:mm.]",
        "[What did the clock say {minutes} minutes earlier?]",
    ),
    "minutes": (
        f"[How many minutes past the hour is it|What minute does the long hand show]?{_END}",
        "[How many minutes after the full hour is shown?]",
    ),
}


@dataclass(frozen=True, slots=True)
class Dial:
    """The time of a clock, and the level of its minutes."""

    time: Time
    level: int


def plan_clock(rng: Random, level: int) -> Dial:
    """A time: half hours, fives of minutes, or any minute."""
    return Dial(clock.draw_time(rng, level), level)


def ask_clock(dial: Dial, drawn: ToolPicture, rng: Random) -> Asked:
    """The time, or one before or after it."""
    kind = rng.choice(("time",) * 4 + ("after", "before", "minutes"))
    lines, facts = clock.read(dial.time)
    minutes, answer = clock.draw_minutes(rng, dial.level), dial.time
    if kind == "minutes":
        lines.append(f"It is {dial.time.minute} minutes past.")
        return Asked(kind, {}, str(dial.time.minute), "number", "\n".join(lines), facts)
    if kind != "time":
        signed = minutes if kind == "after" else -minutes
        lines += clock.shift(dial.time, signed)
        answer = dial.time.later(signed)
    lines.append(f"It {'is' if kind == 'time' else 'would be'} {answer}.")
    return Asked(kind, {"minutes": minutes}, str(answer), "time", "\n".join(lines), facts)


def clocks_by(painter: Painter) -> Callable[[Dial, Random], ToolPicture]:
    """A dial with its ticks and hands; at times beside empty room or with a second hand."""

    def draw(dial: Dial, rng: Random) -> ToolPicture:
        radius = rng.choice((90, 130, 180))
        board = Easel(radius * rng.choice((2.2, 2.2, 3.0, 4.0)), radius * rng.choice((2.2, 2.2, 2.6)))
        dark = rng.random() < 0.2
        face, ink = (
            ((40, 40, 45), (240, 240, 240))
            if dark
            else (rng.choice(((255, 255, 255), (250, 246, 230))), (20, 20, 20))
        )
        x, y = board.width / 2, board.height / 2
        board.disc(
            (x, y),
            radius,
            face,
            rng.choice(((0, 0, 0), (90, 60, 30), (120, 120, 120), (180, 30, 30))),
            rng.choice((2, 4, 8)),
        )
        numbers = rng.choice(("all", "all", "all", "roman", "quarters", "none"))
        for i in range(60):
            if i % 5 and numbers != "none" and dial.level < 2 and i % 5 and radius == 90:
                continue
            ends = [clock.dial_point(x, y, radius * r, i) for r in ((0.86 if i % 5 == 0 else 0.92), 0.96)]
            board.line(ends, ink, 3 if i % 5 == 0 else 1)
        for i in range(12):
            if numbers == "none" or (numbers == "quarters" and i % 3):
                continue
            label = clock.ROMAN[i] if numbers == "roman" else str(i or 12)
            board.text(clock.dial_point(x, y, radius * 0.72, 5 * i), label, radius * 0.16, ink)
        color = rng.choice((ink, ink, (180, 30, 30), (30, 60, 160))) if not dark else ink
        wide = rng.choice((0.04, 0.06))
        for at, reach, width in ((dial.time.total / 12, 0.48, wide), (dial.time.minute, 0.8, wide * 0.65)):
            tail = clock.dial_point(x, y, -radius * rng.choice((0, 0.1)), at)
            board.line([tail, clock.dial_point(x, y, radius * reach, at)], color, radius * width)
        if rng.random() < 0.25:
            board.line([(x, y), clock.dial_point(x, y, radius * 0.85, rng.randrange(60))], (220, 30, 30), 1)
        board.disc((x, y), radius * 0.04, color)
        return ToolPicture(painter(board, rng))

    return draw


COINS_PAINTED, COINS_MPL, COINS_SVG = coins_by(by_pillow), coins_by(by_matplotlib), coins_by(by_svg)
SETS_PAINTED, SETS_MPL = sets_by(by_pillow), sets_by(by_matplotlib)
CLOCK_PAINTED, CLOCK_MPL, CLOCK_SVG = clocks_by(by_pillow), clocks_by(by_matplotlib), clocks_by(by_svg)

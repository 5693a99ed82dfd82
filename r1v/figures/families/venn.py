"""Venn diagrams of two or three sets with a number in every region.

The solution repeats which set is asked for, reads the names of the circles, then the number of every region,
in the same order whatever is asked. Whether a region counts, and the sum so far, is said where its number is
read: nothing is picked from the readings afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random

from r1v.figures.drawing.shapes import Sheet
from r1v.figures.drawing.style import Color, Style
from r1v.figures.item import Draft, Family, Request
from r1v.figures.names import POOLS, any_names
from r1v.figures.steps import readings

_LEAD = "[|Look at the diagram. |Here is a Venn diagram. |The picture shows a Venn diagram. ]"
_END = "[| Answer with a number.| Give the number.]"

KINDS = {
    "only": f"{_LEAD}[How many are in {{a}} only|How many belong to {{a}} alone|What number is in {{a}} but "
    f"in no other "
    f"set|How many are only in {{a}}][?| here?]{_END}",
    "both": f"{_LEAD}[How many are in {{a}} and {{b}}|How many belong to both {{a}} and {{b}}|How many lie "
    f"in {{a}} as "
    f"well as in {{b}}|How many do {{a}} and {{b}} share][?| here?]{_END}",
    "whole": f"{_LEAD}[How many are in {{a}} altogether|How many belong to {{a}} in all|What is the total "
    f"of {{a}}|"
    f"How many does {{a}} hold in all][?| here?]{_END}",
    "either": f"{_LEAD}[How many are in {{a}} or {{b}} or both|How many belong to at least one of {{a}} and "
    f"{{b}}|How "
    f"many lie in {{a}}, in {{b}} or in both|How many are in the union of {{a}} and {{b}}][?| here?]{_END}",
    "all": f"{_LEAD}[How many are there in all sets together|What is the sum of all numbers|How many are "
    f"counted in the "
    f"whole diagram|What do all regions make together][?| here?]{_END}",
}
ASKED = {"only": "only {a}", "both": "{a} and {b}", "whole": "{a}", "either": "{a} or {b}", "all": "all"}
THEMES = ("sport", "animal", "fruit", "letter")
TINTS: tuple[Color, ...] = (
    (240, 196, 196),
    (196, 210, 244),
    (202, 236, 202),
    (246, 228, 180),
    (228, 206, 240),
)


def regions(count: int) -> list[tuple[int, ...]]:
    """Sets that each region lies in, single ones first."""
    if count == 2:
        return [(0,), (1,), (0, 1)]
    return [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]


def circle_centres(count: int, turned: bool) -> tuple[list[tuple[float, float]], float]:
    """Centres of the circles about the origin, and their radius, within a square of side 2."""
    if count == 2:
        return ([(0.0, -0.38), (0.0, 0.38)] if turned else [(-0.38, 0.0), (0.38, 0.0)]), 0.58
    turn = math.pi / 2 if not turned else -math.pi / 2
    angles = [turn + math.pi * 2 * k / 3 for k in range(3)]
    return [(0.36 * math.cos(a), -0.36 * math.sin(a)) for a in angles], 0.54


def region_spot(region: tuple[int, ...], centres: list[tuple[float, float]]) -> tuple[float, float]:
    """Where the number of a region stands."""
    x = sum(centres[i][0] for i in region) / len(region)
    y = sum(centres[i][1] for i in region) / len(region)
    if len(centres) == 2:
        stretch = 1.55 if len(region) == 1 else 1.0
    else:
        stretch = {1: 1.75, 2: 1.75, 3: 1.0}[len(region)]
    return x * stretch, y * stretch


def _render(style: Style, names: list[str], numbers: dict[tuple[int, ...], int]) -> tuple[Sheet, list[int]]:
    """The diagram, and the sets from the top to the bottom, from left to right where they are level."""
    sheet = Sheet(style, spread=0.1)
    count = len(names)
    turned = style.flag(0.4)
    centres, radius = circle_centres(count, turned)
    half = min(sheet.width, sheet.height) / 2 * style.uniform(0.94, 0.86, 0.98)
    x, y = sheet.width / 2, sheet.height / 2
    tints = [style.tint(style.choice(TINTS), 8) for _ in names]
    filled = style.flag(0.5)
    edge, width = style.ink, style.integer(2, 2, 4)
    for (cx, cy), tint in zip(centres, tints, strict=True):
        if filled:
            sheet.disc(x + cx * half, y + cy * half, radius * half, tint)
    for cx, cy in centres:
        sheet.disc(x + cx * half, y + cy * half, radius * half, None, edge, width)
    size = style.integer(25, 20, 28)
    for region, number in numbers.items():
        sx, sy = region_spot(region, centres)
        sheet.text((x + sx * half, y + sy * half), str(number), size, style.ink)
    label = style.integer(21, 18, 24)
    for (cx, cy), name in zip(centres, names, strict=True):
        wide = label * 0.66 * len(name) / 2 + 4
        if count == 2 and not turned:
            at = (x + cx * half * 1.3, y - radius * half - label * 0.8)
        elif count == 2:
            at = (x + radius * half + wide * 0.8, y + cy * half * 1.9)
        else:
            at = (x + cx * half * (1.0 if abs(cx) < 0.1 else 2.2), y + cy * half * 2.6)
            far = radius * half * 1.02 + label
            if abs(cx) < 0.1:  # the set alone at the top or bottom: its name stands beside it
                at = (x + radius * half + wide * 0.6, y + cy * half - (far * 0.6 if cy < 0 else -far * 0.6))
            elif cy > 0:
                at = (at[0], y + cy * half + far * 0.86)
            else:
                at = (at[0], y + cy * half - far * 0.86)
        px = min(max(at[0], wide), sheet.width - wide)
        py = min(max(at[1], label * 0.7), sheet.height - label * 0.7)
        sheet.text((px, py), name, label, edge)
    return sheet, sorted(range(count), key=lambda i: (round(centres[i][1], 3), centres[i][0]))


def _count(numbers: Mapping[str, int], counted: Mapping[str, bool]) -> list[str]:
    """Every region with its number, whether it is in what is asked for, and the sum so far."""
    lines, total = [], 0
    for region, number in numbers.items():
        if not counted[region]:
            step = f"out, still {total}" if total else "out"
        else:
            step = f"in, {total} + {number} = {total + number}" if total else f"in, {number}"
            total += number
        lines.append(f"{region}: {number}; {step}")
    return lines


def draw(request: Request) -> Draft:
    """One diagram and one sum of regions."""
    rng, level, kind = request.rng, request.level, request.kind
    count = 3 if level == 2 or (level == 1 and rng.random() < 0.4) else 2
    high = (9, 20, 40)[level]
    names = any_names(rng, count, 6) or rng.sample(
        [n for n in POOLS[rng.choice(THEMES)].names if len(n) <= 6], count
    )
    numbers = {region: rng.randint(1, high) for region in regions(count)}
    sheet, order = _render(request.style, names, numbers)
    image = sheet.finish()
    names = [names[i] for i in order]  # from here on in the order in which they are read
    numbers = {r: numbers[tuple(sorted(order[i] for i in r))] for r in numbers}
    fields, total, solution, facts = ask(kind, names, numbers, rng)
    return Draft(request.wording(**fields), str(total), "number", solution, facts, (image,))


def ask(
    kind: str, names: Sequence[str], numbers: Mapping[tuple[int, ...], int], rng: Random
) -> tuple[dict[str, object], int, str, dict[str, str]]:
    """The question's fields, the answer, the solution and the facts of sets in the order of reading."""
    keys = {
        region: "all three" if len(region) == 3 else "both " + " and ".join(names[i] for i in region)
        if len(region) > 1 else f"only {names[region[0]]}"
        for region in numbers
    }  # fmt: skip
    circles = {f"circle {i + 1}": name for i, name in enumerate(names)}
    facts = circles | {keys[region]: str(number) for region, number in numbers.items()}
    a, b = rng.sample(range(len(names)), 2)
    belongs = {
        "only": lambda r: r == (a,),
        "both": lambda r: a in r and b in r,
        "whole": lambda r: a in r,
        "either": lambda r: a in r or b in r,
        "all": lambda r: True,
    }[kind]
    counted = {keys[region]: belongs(region) for region in numbers}
    total = sum(number for region, number in numbers.items() if belongs(region))
    asked = ASKED[kind].format(a=names[a], b=names[b])
    steps = _count({keys[region]: number for region, number in numbers.items()}, counted)
    solution = [f"asked: {asked}", readings(circles.items()), *steps, f"That makes {total}."]
    return {"a": names[a], "b": names[b]}, total, "\n".join(solution), facts


FAMILY = Family("venn", "two or three overlapping sets with numbers", KINDS, draw)

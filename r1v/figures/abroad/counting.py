"""Coloured shapes to be counted, in the manner of the public NLVR pictures and as scattered markers.

Three grey boxes with circles, squares and triangles, read box by box; or rows of markers, read row by row.
The solutions number each counted thing when they come to it, as the family's own solutions do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from r1v.figures.abroad.board import Easel, by_pillow, by_svg
from r1v.figures.abroad.mpl import picture
from r1v.figures.abroad.scene import Asked, ToolPicture
from r1v.figures.drawing.shapes import PLURALS, SHAPES, Thing
from r1v.figures.drawing.style import NAMED_COLORS, Color

_ASK = "[How many {what} are there|How many {what} do you see|Count the {what}|What is the number of {what}|"
_ASK += "How many {what}|How many {what} are in the picture|Number of {what}]"
_END = "[?|?|?|? Give the number.|? Just the number.]"
PHRASES: dict[str, tuple[str, str]] = {
    "count": (
        f"{_ASK}{_END}",
        "[How many {what} can be found in this image|Tell me how many {what} it shows]?",
    ),
    "place": (
        "[How many {what} are in the {nth} {group}|How many {what} does the {nth} {group} have|Count the "
        "{what} in "
        f"the {{nth}} {{group}}]{_END}",
        "[How many {what} can be found in the {nth} {group}]?",
    ),
    "more": (
        "[How many more {what} than {other} are there|What is the number of {what} minus the number of "
        "{other}|By "
        f"how many do the {{what}} outnumber the {{other}}]{_END}",
        "[How many {what} are there in excess of the {other}]?",
    ),
    "colors": (
        "[How many different colours are there|How many colours do the shapes have|How many colors are used]"
        f"{_END}",
        "[Count the different colours of the shapes.]",
    ),
}  # fmt: skip
ORDINALS = ("first", "second", "third", "fourth", "fifth")
NLVR: dict[str, Color] = {"yellow": (255, 255, 0), "black": (0, 0, 0), "blue": (0, 153, 255)}


@dataclass(frozen=True, slots=True)
class Placed:
    """A thing at a place in its group, shares of the group's side; size: half of its width, likewise."""

    thing: Thing
    x: float
    y: float
    size: float


@dataclass(frozen=True, slots=True)
class Scene:
    """groups: boxes from left to right, or rows from the top; each in the order in which it is read."""

    groups: tuple[tuple[Placed, ...], ...]
    group: str  # box or row

    def things(self) -> list[Thing]:
        """All things."""
        return [placed.thing for group in self.groups for placed in group]


def reading_order(placed: list[Placed]) -> tuple[Placed, ...]:
    """From the top in bands of a quarter of the box, from left to right within each."""
    return tuple(sorted(placed, key=lambda one: (int(one.y * 4), one.x)))


def boxes(rng: Random, level: int) -> Scene:
    """Three boxes with up to eight things each, or towers of squares, as NLVR has them."""
    groups = []
    towers = rng.random() < 0.25
    for _ in range(3):
        placed: list[Placed] = []
        if towers:
            for k in range(rng.randint(1, 4)):
                at = 0.2 + 0.21 * k
                for i in range(rng.randint(0, 4)):
                    color = rng.choice(tuple(NLVR))
                    placed.append(Placed(Thing(color, "square"), at, 0.9 - 0.21 * i, 0.1))
        else:
            for _ in range(rng.randint(0 if level else 1, (3, 5, 8)[level])):
                thing = Thing(rng.choice(tuple(NLVR)), rng.choice(("circle", "square", "triangle")))
                size = rng.choice((0.05, 0.1, 0.15))
                for _try in range(60):
                    x, y = rng.uniform(size, 1 - size), rng.uniform(size, 1 - size)
                    if all(max(abs(x - o.x), abs(y - o.y)) > size + o.size + 0.01 for o in placed):
                        placed.append(Placed(thing, x, y, size))
                        break
        groups.append(reading_order(placed))
    if not any(groups):
        return boxes(rng, level)
    return Scene(tuple(groups), "box")


def rows(rng: Random, level: int) -> Scene:
    """Two to four rows of two to six things in colours and shapes of all families."""
    colors, shapes = rng.sample(tuple(NAMED_COLORS), 2 + level), rng.sample(SHAPES, 2 + level)
    groups = []
    count = rng.randint(1 if level == 0 else 2, 2 + level)
    columns = rng.randint(3, 4 + level)
    for r in range(count):
        taken = sorted(rng.sample(range(columns), rng.randint(1, columns)))
        groups.append(
            tuple(
                Placed(
                    Thing(rng.choice(colors), rng.choice(shapes)),
                    (c + 0.5 + rng.uniform(-0.2, 0.2)) / columns,
                    (r + 0.5 + rng.uniform(-0.12, 0.12)) / count,
                    rng.uniform(0.26, 0.42),
                )
                for c in taken
            )
        )
    return Scene(tuple(groups), "row")


@dataclass(frozen=True, slots=True)
class Matter:
    """Both kinds of scenes. The tool decides which one is shown."""

    boxes: Scene
    rows: Scene


def plan(rng: Random, level: int) -> Matter:
    """Both scenes of a seed."""
    return Matter(boxes(rng, level), rows(rng, level))


def _name(color: str, shape: str, count: int = 2) -> str:
    word = (PLURALS[shape] if count != 1 else shape) if shape else "shapes"
    return f"{color} {word}".strip()


def tallies(scene: Scene, sort: Callable[[Thing], str | None]) -> list[str]:
    """Each group's things, with the running count of its sort behind one that counts."""
    counts: Counter[str] = Counter()
    lines = []
    for group in scene.groups:
        words = []
        for placed in group:
            key = sort(placed.thing)
            if key is not None:
                counts[key] += 1
            words.append(str(placed.thing) + (f" {counts[key]}" if key is not None else ""))
        lines.append(", ".join(words) or "nothing")
    return lines


def ask(matter: Matter, drawn: ToolPicture, rng: Random) -> Asked:
    """How many of a sort: all, by colour, by shape, by both, in one group, or how many more."""
    scene: Scene = getattr(matter, drawn.marks["scene"])
    return ask_scene(scene, rng)


def ask_scene(scene: Scene, rng: Random) -> Asked:
    """A question about the things of a scene."""
    things, kind = scene.things(), rng.choice(("count",) * 6 + ("place", "more", "colors"))
    colors, shapes = sorted({t.color for t in things}), sorted({t.shape for t in things})
    color, shape = rng.choice(colors), rng.choice(shapes)
    if rng.random() < 0.12:  # something that is not there
        shape = rng.choice(("circle", "square", "triangle"))
    sort = rng.choice(("color", "shape", "both", "both", "all"))
    asked = Thing(color if sort in ("color", "both") else "", shape if sort in ("shape", "both") else "")

    def counts(thing: Thing) -> bool:
        return asked.color in ("", thing.color) and asked.shape in ("", thing.shape)

    def facts_and_lines(of: Callable[[Thing], str | None]) -> tuple[dict[str, str], list[str]]:
        facts = {f"{scene.group} {i}": text for i, text in enumerate(tallies(scene, of), 1)}
        return facts, [f"{name}: {text}" for name, text in facts.items()]

    name = f"{asked.color} {asked.shape}".strip() or "shapes"
    if kind == "more" and len(colors) > 1:
        return _more(scene, rng, colors)
    if kind == "colors":
        facts, lines = facts_and_lines(lambda t: None)
        seen = list(dict.fromkeys(t.color for t in things))
        lines.append("colours: " + ", ".join(f"{c} {i}" for i, c in enumerate(seen, 1)))
        facts["colours"] = lines[-1].partition(": ")[2]
        return Asked(
            kind, {}, str(len(seen)), "number", "\n".join([*lines, f"The count is {len(seen)}."]), facts
        )
    fields: dict[str, object] = {"what": _name(asked.color, asked.shape)}
    if kind == "place" and len(scene.groups) > 1:
        at = rng.randrange(len(scene.groups))
        only = replace(scene, groups=tuple(g if i == at else () for i, g in enumerate(scene.groups)))
        text = tallies(only, lambda t: "hit" if counts(t) else None)[at]
        count = sum(counts(p.thing) for p in scene.groups[at])
        facts = {f"{scene.group} {at + 1}": text, name: str(count)}
        lines = [f"{scene.group} {at + 1}: {text}", f"{name}: {count}", f"The count is {count}."]
        fields |= {"nth": ORDINALS[at], "group": scene.group}
        return Asked("place", fields, str(count), "number", "\n".join(lines), facts)
    facts, lines = facts_and_lines(lambda t: "hit" if counts(t) else None)
    total = sum(map(counts, things))
    facts[name] = str(total)
    lines += [f"{name}: {total}", f"The count is {total}."]
    return Asked("count", fields, str(total), "number", "\n".join(lines), facts)


def _more(scene: Scene, rng: Random, colors: list[str]) -> Asked:
    """How many more of one colour than of another."""
    counted = Counter(thing.color for thing in scene.things())
    a, b = sorted(rng.sample(colors, 2), key=lambda c: -counted[c])
    texts = tallies(scene, lambda t: t.color if t.color in (a, b) else None)
    facts = {f"{scene.group} {i}": text for i, text in enumerate(texts, 1)}
    lines = [f"{name}: {text}" for name, text in facts.items()]
    rest = counted[a] - counted[b]
    facts |= {a: str(counted[a]), b: str(counted[b])}
    lines += [
        f"{a}: {counted[a]}, {b}: {counted[b]}",
        f"{counted[a]} - {counted[b]} = {rest}",
        f"That is {rest} more.",
    ]
    fields: dict[str, object] = {"what": f"{a} shapes", "other": f"{b} shapes"}
    return Asked("more", fields, str(rest), "number", "\n".join(lines), facts)


# --------------------------------------------------------------------------------------------------- tools


def nlvr_board(scene: Scene, side: float = 100, gap: float = 50) -> Easel:
    """The boxes as NLVR draws them, beside each other on darker grey."""
    board = Easel(3 * side + 2 * gap, side, (128, 128, 128))
    for i, group in enumerate(scene.groups):
        left = i * (side + gap)
        board.box(left, 0, left + side, side, (211, 211, 211))
        for one in group:
            shape = one.thing.shape
            at, radius = (left + one.x * side, one.y * side), one.size * side
            color = NLVR[one.thing.color]
            if shape == "circle":
                board.disc(at, radius, color)
            elif shape == "square":
                board.box(at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius, color)
            else:
                board.polygon([(at[0], at[1] - radius), (at[0] + radius, at[1] + radius),
                               (at[0] - radius, at[1] + radius)], color)  # fmt: skip
    return board


def nlvr(matter: Matter, rng: Random) -> ToolPicture:
    """The boxes, at the public pictures' size or larger."""
    side = rng.choice((100, 100, 100, 150, 200))
    gap = side / 2 if rng.random() < 0.8 else rng.uniform(0.1, 0.6) * side
    return ToolPicture(by_pillow(nlvr_board(matter.boxes, side, gap), rng), {"scene": "boxes"})


MARKERS = {
    "circle": "o",
    "square": "s",
    "triangle": "^",
    "star": "*",
    "diamond": "D",
    "cross": "P",
    "heart": r"$\heartsuit$",
    "ring": "o",
}


def scatter(matter: Matter, rng: Random) -> ToolPicture:
    """axes.scatter with one marker for each thing."""

    def paint(figure: Any, axes: Any) -> None:
        if rng.random() < 0.6:
            axes.axis("off")
        count = len(matter.rows.groups)
        for group in matter.rows.groups:
            for one in group:
                size = (one.size * 34 + 8) ** 2 * (1.0 if one.thing.shape != "star" else 1.5)
                color = one.thing.color
                look: dict[str, Any] = {"color": color, "marker": MARKERS[one.thing.shape], "s": size * 0.5}
                if one.thing.shape == "ring":
                    look |= {"facecolors": "none", "linewidths": 4}
                axes.scatter([one.x], [1 - one.y], **look)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        figure.set_size_inches(rng.choice((5, 6.4, 8)), 1.1 * count + 1.2)

    return ToolPicture(picture(rng, paint, sheets=0.2, tight=0.3), {"scene": "rows"})


def _sheet(matter: Matter, rng: Random) -> Easel:
    """Rows of shapes on a wide sheet."""
    scene = matter.rows
    count = len(scene.groups)
    width, high = rng.choice((480, 640, 800, 1000)), rng.choice((90, 110, 140))
    board = Easel(
        width, high * count, rng.choice(((255, 255, 255), (255, 255, 255), (240, 240, 240), (235, 245, 255)))
    )
    columns = max(3, max(len(g) for g in scene.groups), 6)
    edge = rng.choice((None, None, (0, 0, 0)))
    for group in scene.groups:
        for one in group:
            radius = min(width / columns, high) * one.size
            board.shape(
                one.thing.shape,
                (one.x * width, one.y * board.height),
                radius,
                NAMED_COLORS[one.thing.color],
                edge,
            )
    return board


def painted(matter: Matter, rng: Random) -> ToolPicture:
    """Rows of shapes as a paint program has them."""
    return ToolPicture(by_pillow(_sheet(matter, rng), rng), {"scene": "rows"})


def svg(matter: Matter, rng: Random) -> ToolPicture:
    """Rows, or boxes, as SVG."""
    if rng.random() < 0.5:
        return ToolPicture(by_svg(nlvr_board(matter.boxes, 160, 40), rng), {"scene": "boxes"})
    return ToolPicture(by_svg(_sheet(matter, rng), rng), {"scene": "rows"})

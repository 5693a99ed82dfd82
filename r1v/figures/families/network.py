"""Weighted graphs: lengths of edges and paths, neighbours, shortest paths.

The solution reads the edges it needs, each by the letters of its ends, then adds them up along every way. For
a shortest way it reads all nodes first, from the top to the bottom.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from random import Random

from r1v.figures.drawing.shapes import Sheet
from r1v.figures.drawing.style import NAMED_COLORS, Style
from r1v.figures.item import Draft, Family, Request
from r1v.figures.steps import readings

_LEAD = "[|Look at the graph. |Here is a network of roads. |The picture shows a network. ]"
_END = "[| Answer with a number.| Give the number.]"

KINDS = {
    "edge": f"{_LEAD}[How long is the edge between {{a}} and {{b}}|What number stands at the edge "
    f"{{a}}{{b}}|What is the "
    f"weight of the edge from {{a}} to {{b}}|How far is it from {{a}} straight to {{b}}][?| here?]{_END}",
    "path": f"{_LEAD}[How long is the way {{way}}|What is the length of the path {{way}}|How far is it "
    f"along {{way}}|"
    f"What do the edges of {{way}} add up to][?| here?]{_END}",
    "degree": f"{_LEAD}[How many edges meet at {{a}}|How many neighbours does {{a}} have|What is the degree "
    f"of {{a}}|"
    f"How many edges end at {{a}}][?| here?]{_END}",
    "shortest": f"{_LEAD}[How long is the shortest way from {{a}} to {{b}}|What is the least distance from "
    f"{{a}} to "
    "{b}|Find the length of the shortest path from {a} to {b}: how long is it|How far is it from {a} to {b} "
    "at least]"
    f"?{_END}",
}
# node places in a square of side 1, and edges without crossings; the last ones are left out at times
LAYOUTS: tuple[tuple[tuple[tuple[float, float], ...], tuple[tuple[int, int], ...]], ...] = (
    (((0.5, 0.1), (0.1, 0.85), (0.9, 0.85)), ((0, 1), (1, 2), (0, 2))),
    (((0.12, 0.15), (0.88, 0.15), (0.12, 0.85), (0.88, 0.85)), ((0, 1), (0, 2), (1, 3), (2, 3), (0, 3))),
    (((0.5, 0.08), (0.1, 0.5), (0.9, 0.5), (0.5, 0.92)), ((0, 1), (0, 2), (1, 3), (2, 3), (1, 2))),
    (
        ((0.1, 0.5), (0.42, 0.1), (0.42, 0.9), (0.9, 0.18), (0.9, 0.82)),
        ((0, 1), (0, 2), (1, 3), (2, 4), (3, 4), (1, 2)),
    ),
    (
        ((0.1, 0.15), (0.5, 0.15), (0.9, 0.15), (0.1, 0.85), (0.5, 0.85), (0.9, 0.85)),
        ((0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (2, 5), (1, 4)),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Graph:
    letters: str
    places: tuple[tuple[float, float], ...]
    weights: dict[tuple[int, int], int]

    def name(self, a: int, b: int) -> str:
        """Of an edge, its letters in the order of the alphabet."""
        return "".join(sorted(self.letters[a] + self.letters[b]))

    def weight(self, a: int, b: int) -> int:
        """Of the edge between two nodes."""
        return self.weights[(a, b) if (a, b) in self.weights else (b, a)]

    def around(self, a: int) -> list[int]:
        """The neighbours of a node."""
        return [q if p == a else p for p, q in self.weights if a in (p, q)]

    def ways(self, a: int, b: int) -> list[list[int]]:
        """All ways from one node to another that pass no node twice."""
        found, open_ways = [], [[a]]
        while open_ways:
            way = open_ways.pop(0)
            if way[-1] == b:
                found.append(way)
                continue
            open_ways += [[*way, n] for n in self.around(way[-1]) if n not in way]
        return found


def _plan(request: Request) -> Graph:
    rng, level = request.rng, request.level
    places, edges = LAYOUTS[rng.choice(((0, 0, 1), (1, 2, 2), (3, 3, 4))[level])]
    kept = edges[:-1] if len(edges) > 3 and rng.random() < 0.4 else edges
    high = (9, 12, 20)[level]
    letters = "ABCDEFGH" if rng.random() < 0.6 else "PQRSTUVW"
    shuffled = rng.sample(letters[: len(places)], len(places)) if level else list(letters[: len(places)])
    return Graph("".join(shuffled), places, {edge: rng.randint(1, high) for edge in kept})


def rows_of(graph: Graph, flip: bool) -> dict[str, str]:
    """The letters at the top, in the middle and at the bottom, each from left to right."""
    rows: dict[str, list[tuple[float, str]]] = {"top": [], "middle": [], "bottom": []}
    for (x, y), letter in zip(graph.places, graph.letters, strict=True):
        row = "top" if y < 0.35 else "bottom" if y > 0.65 else "middle"
        rows[row].append((1 - x if flip else x, letter))
    return {row: ", ".join(letter for _, letter in sorted(found)) for row, found in rows.items() if found}


def _render(graph: Graph, style: Style) -> tuple[Sheet, bool]:
    """The picture, and whether left and right are changed round in it."""
    sheet = Sheet(style, spread=0.1)
    flip = style.flag(0.5)
    radius = style.uniform(24, 20, 28)
    room_x, room_y = sheet.width - 2 * radius - 12, sheet.height - 2 * radius - 12
    spots = []
    for x, y in graph.places:
        x = 1 - x if flip else x
        x, y = (min(1.0, max(0.0, at + style.uniform(0, -0.06, 0.06))) for at in (x, y))
        spots.append((radius + 6 + x * room_x, radius + 6 + y * room_y))
    color = style.tint(style.choice((style.ink, *(NAMED_COLORS[c] for c in ("gray", "blue", "brown")))), 15)
    width = style.integer(3, 2, 4)
    for a, b in graph.weights:
        sheet.line([spots[a], spots[b]], color, width)
    size = style.integer(23, 19, 26)
    for (a, b), weight in graph.weights.items():
        share = style.uniform(0.5, 0.44, 0.56)
        x, y = (spots[a][k] + (spots[b][k] - spots[a][k]) * share for k in (0, 1))
        w, h = size * 0.36 * len(str(weight)) + 4, size * 0.6
        box = [(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)]
        sheet.polygon(box, style.background)
        sheet.text((x, y), str(weight), size, style.ink)
    fill = style.tint(style.choice(((225, 235, 250), (250, 235, 215), (226, 244, 226))), 10)
    for (x, y), letter in zip(spots, graph.letters, strict=True):
        sheet.disc(x, y, radius, fill, color, 2)
        sheet.text((x, y), letter, size + 1, style.ink)
    return sheet, flip


def _sum(graph: Graph, way: list[int]) -> tuple[str, int]:
    """The line that adds up a way, and its length."""
    values = [graph.weight(a, b) for a, b in itertools.pairwise(way)]
    name = "-".join(graph.letters[n] for n in way)
    if len(values) == 1:
        return f"way {name} = {values[0]}", values[0]
    total, text = values[0], ""
    for value in values[1:]:
        text += f"{', ' if text else ''}{total} + {value} = {total + value}"
        total += value
    return f"way {name}, {text}", total


def ask(
    kind: str, graph: Graph, rows: dict[str, str], rng: Random
) -> tuple[dict[str, object], str, str, dict[str, str]] | None:
    """The question's fields, the answer, the solution and the facts; None where the draw is no good question.

    rows: the nodes at the top, in the middle and at the bottom.
    """
    nodes = range(len(graph.letters))
    facts = rows | {graph.name(a, b): str(w) for (a, b), w in graph.weights.items()}
    if kind == "edge":
        (a, b), weight = rng.choice(list(graph.weights.items()))
        fields: dict[str, object] = {"a": graph.letters[a], "b": graph.letters[b]}
        return fields, str(weight), f"{graph.name(a, b)}: {weight}", facts
    if kind == "degree":
        a = rng.choice(nodes)
        ends = sorted(graph.around(a), key=lambda n: graph.letters[n])
        lines = [f"{graph.name(a, n)}: {graph.weight(a, n)}, edge {i}" for i, n in enumerate(ends, 1)]
        facts |= {graph.name(a, n): f"{graph.weight(a, n)}, edge {i}" for i, n in enumerate(ends, 1)}
        lines.append(f"That makes {len(ends)}.")
        return {"a": graph.letters[a]}, str(len(ends)), "\n".join(lines), facts
    a, b = rng.sample(nodes, 2)
    ways = graph.ways(a, b)
    if len(ways) > 4 or not (kind == "shortest" or any(len(way) > 2 for way in ways)):
        return None
    if kind == "path":
        way = rng.choice([way for way in ways if len(way) > 2])
        edges = [graph.name(p, q) for p, q in itertools.pairwise(way)]
        line, total = _sum(graph, way)
        lines = [*(f"{name}: {facts[name]}" for name in edges), line]
        return {"way": "-".join(graph.letters[n] for n in way)}, str(total), "\n".join(lines), facts
    used = dict.fromkeys(graph.name(p, q) for way in ways for p, q in itertools.pairwise(way))
    lines, totals = [readings(rows.items()), readings((name, facts[name]) for name in used)], []
    for way in ways:
        line, total = _sum(graph, way)
        lines.append(line)
        totals.append(total)
    lines.append(f"The shortest is {min(totals)}.")
    fields = {"a": graph.letters[a], "b": graph.letters[b]}
    return fields, str(min(totals)), "\n".join(lines), facts


def draw(request: Request) -> Draft:
    """One network and one question."""
    graph = _plan(request)
    sheet, flip = _render(graph, request.style)
    image, rows = sheet.finish(), rows_of(graph, flip)
    while True:
        asked = ask(request.kind, graph, rows, request.rng)
        if asked is not None:
            fields, answer, solution, facts = asked
            return Draft(request.wording(**fields), answer, "number", solution, facts, (image,))


FAMILY = Family("network", "weighted graphs: edges, paths, neighbours, shortest ways", KINDS, draw)

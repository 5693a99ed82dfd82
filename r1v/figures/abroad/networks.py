"""Networks as networkx, a paint program or Graphviz lay them out, with the family's own questions."""

from __future__ import annotations

import math
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from r1v.figures.abroad.board import Easel, Point, by_pillow
from r1v.figures.abroad.mpl import picture
from r1v.figures.abroad.scene import Asked, ToolPicture
from r1v.figures.families import network
from r1v.figures.families.network import Graph
from r1v.figures.steps import readings

_END = "[|||| Give the number.| Just the number.]"
NETWORK_PHRASES: dict[str, tuple[str, str]] = {
    "edge": (
        "[What is the weight of the edge between {a} and {b}|How long is the edge {a}{b}|What is the "
        "distance "
        f"between {{a}} and {{b}}|Weight of the edge from {{a}} to {{b}}]?{_END}",
        "[What number is on the line joining {a} and {b}?]",
    ),
    "path": (
        "[How long is the path {way}|What is the total weight of the path {way}|What is the length of {way}]"
        f"?{_END}",
        "[Going along {way}, how far is that?]",
    ),
    "degree": (
        "[How many edges does {a} have|What is the degree of {a}|How many neighbours does {a} have|How "
        "many nodes "
        f"are connected to {{a}}]?{_END}",
        "[How many lines touch {a}?]",
    ),
    "shortest": (
        "[What is the shortest distance from {a} to {b}|What is the length of the shortest path from {a} "
        "to {b}|How "
        f"long is the shortest route between {{a}} and {{b}}]?{_END}",
        "[At least how far is it to get from {a} to {b}?]",
    ),
    "nodes": (
        f"[How many nodes are there|How many nodes does the graph have|Count the vertices]?{_END}",
        "[How many circles with letters are there?]",
    ),
    "edges": (
        f"[How many edges are there|How many edges does the graph have|Number of edges]?{_END}",
        "[How many connecting lines are drawn?]",
    ),
}


@dataclass(frozen=True, slots=True)
class Net:
    """Letters of nodes and the weights of edges; where the nodes lie is the tool's choice."""

    letters: str
    weights: dict[tuple[int, int], int]


def plan_net(rng: Random, level: int) -> Net:
    """Three to six nodes: a ring or a tree of all, and one or two edges more."""
    count = rng.randint(*((3, 4), (4, 5), (5, 6))[level])
    alphabet = rng.choice(
        ("ABCDEFGH", "ABCDEFGH", "PQRSTUVW", "stuvwxyz", "12345678", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    )
    letters = alphabet[:count] if rng.random() < 0.5 else "".join(rng.sample(alphabet, count))
    edges = {tuple(sorted((i, rng.randrange(i)))) for i in range(1, count)}
    spare = [(i, j) for i in range(count) for j in range(i + 1, count) if (i, j) not in edges]
    edges |= set(rng.sample(spare, min(len(spare), rng.randint(0, 2))))
    high = rng.choice((9, 12, 20, 99))
    return Net(letters, {(a, b): rng.randint(1, high) for a, b in sorted(edges)})


def ask_net(net: Net, drawn: ToolPicture, rng: Random) -> Asked:
    """One question about a network as it was laid out."""
    graph = Graph(net.letters, tuple(drawn.marks["places"]), net.weights)
    while True:
        kind = rng.choice(("edge", "edge", "path", "degree", "shortest", "nodes", "edges"))
        if kind == "nodes":
            rows = network.rows_of(graph, False)
            lines = [f"{name}: {text}" for name, text in rows.items()]
            count = len(net.letters)
            return Asked(kind, {}, str(count), "number", "\n".join([*lines, f"That makes {count}."]), rows)
        if kind == "edges":
            facts = {name: f"{w}, edge {i}" for i, (name, w) in enumerate(_edges(graph), 1)}
            lines = [f"{name}: {text}" for name, text in facts.items()]
            count = len(facts)
            return Asked(kind, {}, str(count), "number", "\n".join([*lines, f"That makes {count}."]), facts)
        rows = network.rows_of(graph, False)
        found = network.ask(kind, graph, rows, rng)
        if found is not None and len(found[2]) < 420:
            fields, answer, solution, facts = found
            return Asked(kind, fields, answer, "number", _read_first(kind, graph, rows, solution), facts)


def _edges(graph: Graph) -> list[tuple[str, int]]:
    """Edges by name and weight, in the order of the alphabet."""
    return sorted((graph.name(a, b), weight) for (a, b), weight in graph.weights.items())


def _read_first(kind: str, graph: Graph, rows: dict[str, str], solution: str) -> str:
    """The family's working, after a reading of all nodes and, if the question is about weights, of all edges:
    in a layout that a tool chooses, neither has its usual place."""
    work = solution.split("\n")
    if kind == "shortest":
        work = work[2:]
    elif kind == "path":
        work = work[-1:]
    edges = [] if kind == "degree" else [readings(_edges(graph))]
    return "\n".join([readings(rows.items()), *edges, *work])


def _shares(spots: list[Point]) -> list[Point]:
    """Places in a square of side 1, y downwards."""
    xs, ys = [x for x, _ in spots], [y for _, y in spots]
    wide, high = max(xs) - min(xs) or 1.0, max(ys) - min(ys) or 1.0
    return [((x - min(xs)) / wide, (y - min(ys)) / high) for x, y in spots]


def networkx_net(net: Net, rng: Random) -> ToolPicture:
    """networkx.draw with one of its layouts, in its own colours."""
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(net.letters)
    for (a, b), weight in net.weights.items():
        graph.add_edge(net.letters[a], net.letters[b], weight=weight)
    places = _layout(graph, net, rng)

    def paint(figure: Any, axes: Any) -> None:
        look: dict[str, Any] = {}
        if rng.random() < 0.6:
            look["node_color"] = rng.choice(
                ("lightblue", "skyblue", "lightgreen", "orange", "pink", "lightgray")
            )
        if rng.random() < 0.5:
            look["node_size"] = rng.choice((500, 700, 900))
        if rng.random() < 0.3:
            look["edge_color"] = rng.choice(("gray", "black"))
        networkx.draw(
            graph, places, ax=axes, with_labels=True, font_weight=rng.choice(("normal", "bold")), **look
        )
        labels = networkx.get_edge_attributes(graph, "weight")
        networkx.draw_networkx_edge_labels(
            graph, places, edge_labels=labels, ax=axes, rotate=rng.random() < 0.7
        )
        axes.margins(0.12)

    spots = [(float(places[n][0]), -float(places[n][1])) for n in net.letters]
    sizes = ((6.4, 4.8), (6.4, 4.8), (8, 4), (5, 5))
    return ToolPicture(picture(rng, paint, sheets=0.0, sizes=sizes, tight=0.0), {"places": _shares(spots)})


def _layout(graph: Any, net: Net, rng: Random) -> Any:
    """Places by one of networkx's layouts that keeps nodes apart and off other edges; else a circle."""
    import networkx

    for layout in rng.sample(("spring", "circular", "kamada", "planar"), 4):
        if layout == "planar" and not networkx.check_planarity(graph)[0]:
            continue
        if layout == "spring":
            places = networkx.spring_layout(graph, weight=None, seed=rng.randrange(10**6))
        elif layout == "kamada":
            places = networkx.kamada_kawai_layout(graph, weight=None)
        else:
            places = getattr(networkx, f"{layout}_layout")(graph)
        if _straight(net, _shares([(float(places[n][0]), float(places[n][1])) for n in net.letters])):
            return places
    return networkx.circular_layout(graph)


def _straight(net: Net, places: list[Point]) -> bool:
    """Whether no node lies on an edge of others, and no two lie close."""
    for (x, y), (u, v) in ((p, q) for i, p in enumerate(places) for q in places[:i]):
        if math.dist((x, y), (u, v)) < 0.25:
            return False
    for a, b in net.weights:
        for n in range(len(places)):
            if n in (a, b):
                continue
            (x0, y0), (x1, y1), (x, y) = places[a], places[b], places[n]
            span = math.dist((x0, y0), (x1, y1))
            if abs((x1 - x0) * (y0 - y) - (x0 - x) * (y1 - y0)) / span < 0.11:
                return False
    return True


def painted_net(net: Net, rng: Random) -> ToolPicture:
    """Circles with letters, joined by lines with numbers, wide as a slide."""
    while True:
        places = [(rng.random(), rng.random()) for _ in net.letters]
        if _straight(net, places):
            break
    places = _shares(places)
    width, height, radius = rng.choice((480, 640, 800)), rng.choice((320, 400)), rng.choice((18, 22, 26))
    board = Easel(width, height, rng.choice(((255, 255, 255), (255, 255, 255), (250, 250, 240))))
    spots = [
        (radius * 1.6 + x * (width - 3.2 * radius), radius * 1.6 + y * (height - 3.2 * radius))
        for x, y in places
    ]
    for a, b in net.weights:
        board.line([spots[a], spots[b]], rng.choice(((90, 90, 90), (0, 0, 0))), rng.choice((1, 2, 3)))
    size, beside = rng.choice((13, 16, 18, 21)), rng.random() < 0.4
    for (a, b), weight in net.weights.items():
        x, y = ((spots[a][k] + spots[b][k]) / 2 for k in (0, 1))
        half = size * 0.33 * len(str(weight)) + 3
        if beside:
            along = math.dist(spots[a], spots[b])
            right, down = (spots[b][1] - spots[a][1]) / along, (spots[a][0] - spots[b][0]) / along
            side = -1 if right < 0 else 1  # of the line on which the number stands
            x, y = x + side * right * (half + 3), y + side * down * size * 0.75
        else:
            board.box(x - half, y - size * 0.6, x + half, y + size * 0.6, board.paper)
        board.text((x, y), str(weight), size)
    fill = rng.choice(((255, 255, 255), (173, 216, 230), (255, 228, 181), (144, 238, 144), (31, 120, 180)))
    for spot, letter in zip(spots, net.letters, strict=True):
        board.disc(spot, radius, fill, (0, 0, 0), 2)
        board.text(spot, letter, radius, (255, 255, 255) if sum(fill) < 400 else (0, 0, 0))
    return ToolPicture(by_pillow(board, rng), {"places": places})


def _layers(net: Net, rng: Random) -> list[Point]:
    """Places in layers by the number of edges from one node, downwards or to the right; by chance where that
    would put a node on an edge."""
    order = list(range(len(net.letters)))
    rng.shuffle(order)
    for root in order:
        depth = {root: 0}
        for here in (queue := [root]):
            for pair in net.weights:
                there = pair[here == pair[0]]
                if here in pair and there not in depth:
                    depth[there] = depth[here] + 1
                    queue.append(there)
        places: list[Point] = [(0.0, 0.0)] * len(order)
        for level in set(depth.values()):
            row = [node for node in depth if depth[node] == level]
            for k, node in enumerate(row):
                across = (k + 1) / (len(row) + 1) + rng.uniform(-0.05, 0.05)
                places[node] = (across, level / max(1, *depth.values()))
        if _straight(net, places):
            return places
    while not _straight(net, places := [(rng.random(), rng.random()) for _ in net.letters]):
        pass
    return places


def layered_net(net: Net, rng: Random) -> ToolPicture:
    """Small, in layers: ovals or circles with letters, numbers close beside plain lines."""
    size = rng.choice((12, 14, 16, 19))
    wide, high = rng.choice(((1.0, 1.0), (1.5, 1.0), (1.9, 1.25))), 1.0
    half = (size * wide[0] * 1.15, size * wide[1] * 1.15 * high)
    gap = size * rng.uniform(4.5, 6.5)
    places = _layers(net, rng)
    if rng.random() < 0.3:
        places = [(y, x) for x, y in places]
    places = _shares(places)
    span = max(2, round(len(net.letters) ** 0.5 + rng.random()))
    width, height = half[0] * 2 + gap * span * rng.uniform(0.7, 1.1), half[1] * 2 + gap * span
    board = Easel(width + 12, height + 12)
    spots = [(6 + half[0] + x * (width - 2 * half[0]), 6 + half[1] + y * (height - 2 * half[1]))
             for x, y in places]  # fmt: skip
    for a, b in net.weights:
        board.line([spots[a], spots[b]], (0, 0, 0), rng.choice((1, 1, 1.5)))
    for (a, b), weight in net.weights.items():
        share = rng.uniform(0.42, 0.58)
        x, y = (spots[a][k] * (1 - share) + spots[b][k] * share for k in (0, 1))
        steep = abs(spots[a][0] - spots[b][0]) < 0.4 * abs(spots[a][1] - spots[b][1])
        letters = len(str(weight)) * size * 0.3
        board.text((x + letters + 2, y) if steep else (x, y - size * 0.65), str(weight), size)
    fill = rng.choice(((255, 255, 255), (255, 255, 255), (211, 211, 211), (230, 240, 255)))
    turns = [2 * math.pi * k / 40 for k in range(40)]
    for (x, y), letter in zip(spots, net.letters, strict=True):
        oval = [(x + half[0] * math.cos(t), y + half[1] * math.sin(t)) for t in turns]
        board.polygon(oval, fill, (0, 0, 0), 1)
        board.text((x, y), letter, size)
    return ToolPicture(by_pillow(board, rng, rng.choice((2, 2, 3))), {"places": places})


def graphviz_net(net: Net, rng: Random) -> ToolPicture:
    """dot, neato or circo of Graphviz; held out."""
    lines = [f'  {net.letters[a]} -- {net.letters[b]} [label="{w}"];' for (a, b), w in net.weights.items()]
    look = rng.choice(("", "  node [shape=circle];\n", "  node [style=filled, fillcolor=lightgrey];\n",
                       "  rankdir=LR;\n  node [shape=circle];\n"))  # fmt: skip
    nodes = "".join(f"  {letter};\n" for letter in net.letters)
    source = "graph {\n" + look + nodes + "\n".join(lines) + "\n}\n"
    program = rng.choice(("dot", "dot", "neato", "circo"))
    if program == "neato":
        source = source.replace("{\n", "{\n  edge [len=1.6];\n", 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.png"
        subprocess.run(
            [program, "-Tpng", f"-Gdpi={rng.choice((72, 96, 120))}", "-o", path],
            input=source.encode(),
            check=True,
            timeout=60,
        )
        image = Image.open(path).convert("RGB")
    said = subprocess.run(
        [program, "-Tplain"], input=source.encode(), check=True, capture_output=True, timeout=60
    )
    found = re.findall(r"^node (\S+) (\S+) (\S+)", said.stdout.decode(), re.MULTILINE)
    spots = {name: (float(x), -float(y)) for name, x, y in found}
    return ToolPicture(image, {"places": _shares([spots[letter] for letter in net.letters])})

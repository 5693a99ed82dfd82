"""Skeletal formulas of small organic molecules: molecular formula, atoms, rings, double bonds.

Enters: a request. Leaves: RDKit's drawing of a molecule and a question about it. Always holds: the atoms of
the solution stand from left to right (then top to bottom) in the picture; held-out items show molecules that
no training item shows.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from PIL import Image, ImageColor, ImageDraw

from r1v.figures.drawing.style import Color, Style, font_folder
from r1v.figures.item import Draft, Family, Request, Split
from r1v.figures.molecules import Molecule, compose, named, rdkit_modules

_SIZES = ((2, 5), (6, 8), (9, 12))
_RING_SIZES = ((3, 8), (6, 11), (8, 14))  # for the question about rings
_FINE = 2  # lines and letters are painted at this many times the size, then shrunk
_EDGE = 16  # fine pixels of ground round a drawing
ANSWERS: dict[str, Callable[[Molecule], str]] = {
    "formula": lambda m: m.formula,
    "carbons": lambda m: str(m.elements.count("C")),
    "hydrogens": lambda m: str(sum(m.hydrogens)),
    "oxygens": lambda m: str(m.elements.count("O")),
    "rings": lambda m: str(len(m.rings)),
    "double_bonds": lambda m: str(len(m.doubles)),
}

# --------------------------------------------------------------------------------------------- choosing


def choose(request: Request) -> Molecule:
    """A molecule of the level and split: of the list, or composed so that the answers are spread."""
    rng, kind = request.rng, request.kind
    low, high = (_RING_SIZES if kind == "rings" else _SIZES)[request.level]
    if rng.random() < 0.35:
        return _listed(kind, request.split, low, high, rng)
    for _ in range(60):
        size = rng.randint(low, high)
        rings = rng.randrange(2) if size > 2 and rng.random() < 0.7 else 0
        oxygens, doubles = rng.randrange(3), rng.randrange(3)
        if kind == "rings":
            rings = rng.choice((0, 1, 2, 2, 3) if size > 5 else (0, 0, 1))
        elif kind == "oxygens":
            oxygens = rng.randint(0, (2, 3, 5)[request.level])
        elif kind == "double_bonds":
            doubles = rng.randint(0, (2, 3, 4)[request.level])
        others = 1 if rng.random() < 0.4 else 0
        molecule = compose(rng, request.split, size, rings, oxygens, others, doubles)
        if molecule is not None and low <= molecule.size <= high:
            return molecule
    return _listed(kind, request.split, low, high, rng)


def _listed(kind: str, split: Split, low: int, high: int, rng: Random) -> Molecule:
    """A molecule of the list, its answer drawn first so that common ones do not crowd out the rest."""
    pool = [molecule for molecule in named(split) if low <= molecule.size <= high]
    answers = Counter(ANSWERS[kind](molecule) for molecule in pool)
    weights = [min(count, 5) for count in answers.values()]
    answer = rng.choices(list(answers), weights)[0]
    return rng.choice([molecule for molecule in pool if ANSWERS[kind](molecule) == answer])


# --------------------------------------------------------------------------------------------- drawing


def drawing(molecule: Molecule, style: Style) -> tuple[Image.Image, list[tuple[float, float]]]:
    """The picture, and the pixel coordinates of the heavy atoms.

    RDKit lays the picture out. Its PNG writer takes some 15 ms, so that for most items its vector output is
    painted here instead.
    """
    _, _, drawers = rdkit_modules()
    canvas = style.canvas()
    cairo = style.flag(0.04)
    scale = 1 if cairo else _FINE
    width, height = (side * scale for side in canvas.size)
    drawer = (drawers.MolDraw2DCairo if cairo else drawers.MolDraw2DSVG)(width, height)
    _set_options(drawer.drawOptions(), style, scale)
    drawer.DrawMolecule(molecule.mol)
    drawer.FinishDrawing()
    spots = [drawer.GetDrawCoords(i) for i in range(molecule.size)]
    data = drawer.GetDrawingText()
    if cairo:
        canvas = Image.open(io.BytesIO(data)).convert("RGB")
    else:
        _paint(canvas, data, style)
    return canvas, [(spot.x / scale, spot.y / scale) for spot in spots]


def _set_options(options: Any, style: Style, scale: int) -> None:
    """RDKit's drawing options from the style."""
    options.prepareMolsBeforeDrawing = False
    options.includeMetadata = False
    options.padding = style.uniform(0.09, 0.05, 0.17)
    options.rotate = style.uniform(0, -180, 180)
    options.bondLineWidth = scale * style.uniform(2.2, 1.6, 3.6)
    options.scaleBondWidth = False
    options.multipleBondOffset = style.uniform(0.15, 0.12, 0.2)
    options.additionalAtomLabelPadding = style.uniform(0.04, 0.0, 0.1)
    options.minFontSize = round(scale * style.uniform(21, 17, 24))
    options.maxFontSize = round(scale * style.uniform(30, 26, 42))
    options.explicitMethyl = style.flag(0.25)
    options.fontFile = str(font_folder() / style.font_name)
    if style.choice((False, True)):
        options.useBWAtomPalette()
        options.setSymbolColour(_share(style.ink))
    else:
        # RDKit's yellow, cyan and light green are hard to see on a light ground.
        options.updateAtomPalette({16: (0.55, 0.45, 0.0), 9: (0.0, 0.5, 0.55), 17: (0.0, 0.55, 0.1)})
    ink = _share(style.ink)
    options.updateAtomPalette({6: ink})
    options.setBackgroundColour(_share(style.background))


def _share(color: Color) -> tuple[float, ...]:
    return tuple(channel / 255 for channel in color)


_PATH = re.compile(
    r"<path [^>]*?d='([^']*)'[^>]*?"
    r"(?:fill:(none|#\w+)[^>]*?stroke:(#\w+);stroke-width:([\d.]+)|fill='(#\w+)')"
)
_STEP = re.compile(r"([MLQ])([^MLQ]*)")


def _paint(canvas: Image.Image, svg: str, style: Style) -> None:
    """Paint RDKit's vector output, of ``_FINE`` times the canvas, and move it within the canvas by the style.

    The part that holds the drawing is painted finely and shrunk; glyphs have their holes filled last.
    """
    paths = [(_outlines(path[0]), *path[1:]) for path in _PATH.findall(svg)]
    points = [point for outlines, *_ in paths for outline in outlines for point in outline]
    xs, ys = sorted(x for x, _ in points), sorted(y for _, y in points)
    corner = (int(xs[0]) - _EDGE, int(ys[0]) - _EDGE)
    size = (int(xs[-1]) + _EDGE - corner[0], int(ys[-1]) + _EDGE - corner[1])
    large = Image.new("RGB", (size[0] // _FINE * _FINE, size[1] // _FINE * _FINE), style.background)
    draw = ImageDraw.Draw(large)
    for outlines, fill, stroke, width, glyph in paths:
        moved = [[(x - corner[0], y - corner[1]) for x, y in outline] for outline in outlines]
        if glyph:
            # Holes run the other way round than outlines; the largest outline is no hole.
            areas = sorted(((_area(outline), outline) for outline in moved), key=lambda pair: -abs(pair[0]))
            for area, outline in areas:
                hole = area * areas[0][0] < 0
                draw.polygon(outline, fill=style.background if hole else ImageColor.getrgb(glyph))
            continue
        for outline in moved:
            if fill != "none":
                draw.polygon(outline, fill=ImageColor.getrgb(fill))
            draw.line(outline, fill=ImageColor.getrgb(stroke), width=round(float(width)), joint="curve")
    small = large.reduce(_FINE)
    place = (
        round(style.uniform(corner[0] / _FINE, 0, max(0, canvas.width - small.width))),
        round(style.uniform(corner[1] / _FINE, 0, max(0, canvas.height - small.height))),
    )
    canvas.paste(small, place)


def _outlines(data: str) -> list[list[tuple[float, float]]]:
    """The outlines of a path of straight lines and quadratic curves, each curve as two lines."""
    outlines: list[list[tuple[float, float]]] = []
    for command, body in _STEP.findall(data):
        numbers = [float(number) for number in body.replace(",", " ").split()]
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        if command == "M":
            outlines.append(points)
        elif command == "L":
            outlines[-1] += points
        else:
            (x0, y0), (x1, y1), (x2, y2) = outlines[-1][-1], points[0], points[1]
            outlines[-1] += [((x0 + 2 * x1 + x2) / 4, (y0 + 2 * y1 + y2) / 4), (x2, y2)]
    return outlines


def _area(points: Sequence[tuple[float, float]]) -> float:
    """Twice the signed area of an outline."""
    last = points[-1]
    total = 0.0
    for point in points:
        total += last[0] * point[1] - point[0] * last[1]
        last = point
    return total


# --------------------------------------------------------------------------------------------- questions


def _reading_order(spots: Sequence[tuple[float, float]]) -> list[int]:
    """Places from left to right; those in one column (a third of a bond wide, about) from top to bottom."""
    wide = max(x for x, _ in spots) - min(x for x, _ in spots)
    high = max(y for _, y in spots) - min(y for _, y in spots)
    column = max(8.0, 0.3 * max(wide, high) / max(1.0, len(spots) ** 0.5))
    return sorted(range(len(spots)), key=lambda i: (round(spots[i][0] / column), spots[i][1]))


def _draw(request: Request) -> Draft:
    """One question of the request's kind."""
    molecule = choose(request)
    image, spots = drawing(molecule, request.style)
    answer, solution, facts = working(request.kind, molecule, spots)
    return Draft(
        question=_capital(request.wording()),
        answer=answer,
        answer_type="formula" if request.kind == "formula" else "number",
        solution=solution,
        facts=facts,
        images=(image,),
    )


def working(
    kind: str, molecule: Molecule, spots: Sequence[tuple[float, float]]
) -> tuple[str, str, dict[str, str]]:
    """The answer, the solution and the facts. spots: of the atoms in the picture, y downwards."""
    facts = {"molecule": molecule.name or molecule.smiles}
    counted: Counter[str] = Counter()
    total, atoms, running = 0, [], []
    for index in _reading_order(spots):
        element = molecule.elements[index]
        counted[element] += 1
        name = f"{element}{counted[element]}"
        facts[name] = molecule.group(index)
        total += molecule.hydrogens[index]
        atoms.append(f"{name}: {facts[name]}")
        running.append(f"{name}: {facts[name]}, {total} H")
    rings = _ring_lines(molecule, spots)
    doubles = _double_lines(molecule, spots)
    for line in rings + doubles:
        name, value = line.split(": ")
        facts[name] = value
    answer = ANSWERS[kind](molecule)
    lines = {
        "formula": [*running, f"The molecular formula is {answer}."],
        "hydrogens": [*running, f"There are {answer} hydrogen atoms."],
        "carbons": [*atoms, _amount(answer, "carbon atom")],
        "oxygens": [*atoms, _amount(answer, "oxygen atom")],
        "rings": [*rings, _amount(answer, "ring")],
        "double_bonds": [*doubles, _amount(answer, "double bond")],
    }[kind]
    return answer, "\n".join(lines), facts


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _amount(answer: str, thing: str) -> str:
    return f"There is 1 {thing}." if answer == "1" else f"There are {answer} {thing}s."


def _ring_lines(molecule: Molecule, spots: Sequence[tuple[float, float]]) -> list[str]:
    """The rings from left to right with their sizes."""
    centres = [
        (sum(spots[i][0] for i in ring) / len(ring), sum(spots[i][1] for i in ring) / len(ring))
        for ring in molecule.rings
    ]
    order = _reading_order(centres) if centres else []
    return [f"ring {n}: {len(molecule.rings[i])} atoms" for n, i in enumerate(order, 1)]


def _double_lines(molecule: Molecule, spots: Sequence[tuple[float, float]]) -> list[str]:
    """The double bonds from left to right with their two elements, carbon first."""
    centres = [
        ((spots[p][0] + spots[q][0]) / 2, (spots[p][1] + spots[q][1]) / 2) for p, q in molecule.doubles
    ]
    order = _reading_order(centres) if centres else []
    pairs = [sorted((molecule.elements[p], molecule.elements[q])) for p, q in molecule.doubles]
    return [f"double bond {n}: {'='.join(pairs[i])}" for n, i in enumerate(order, 1)]


_WHERE = "[|in the structure shown, |in this structure, |look at the drawing and |for the molecule drawn, ]"
_COUNT = "[count|give the number of|find the number of|work out the number of|determine the number of]"
_OF = "[| in the molecule| of the molecule| that it has]"

FAMILY = Family(
    name="molecule",
    summary="structural formulas: molecular formula, atoms of an element, rings, double bonds",
    kinds={
        "formula": "[|look at the structural formula and |from the structure shown, |read the drawing and ]"
        "[give|find|work out|determine|tell me|write down] the [molecular|chemical|sum] formula of the "
        "[molecule|compound|substance][| in the picture].",
        "carbons": f"{_WHERE}{_COUNT} [carbon atoms|carbons]{_OF}.",
        "hydrogens": f"{_WHERE}{_COUNT} [hydrogen atoms|hydrogens]{_OF}[|, implicit ones included].",
        "oxygens": f"{_WHERE}{_COUNT} [oxygen atoms|oxygens]{_OF}.",
        "rings": f"{_WHERE}{_COUNT} rings{_OF}[|; rings that share a side count one by one].",
        "double_bonds": f"{_WHERE}{_COUNT} double bonds{_OF}[|, those in rings included].",
    },
    draw=_draw,
)

"""Drawings as lists of simple shapes, painted by Pillow, by matplotlib, or as SVG by resvg.

Enters: shapes in pixels, y downwards. Leaves: a picture. The SVG painter is for held-out tools only, and has
fonts and line ends of its own.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from random import Random
from typing import Any

from PIL import Image, ImageDraw

from r1v.figures.abroad.faces import faces
from r1v.figures.drawing.shapes import outline
from r1v.figures.drawing.style import Color, load_font

Point = tuple[float, float]
FACES = ("DejaVuSans.ttf", "DejaVuSans.ttf", "DejaVuSerif.ttf", "STIXGeneral.ttf", "DejaVuSansMono.ttf",
         "DejaVuSans-Bold.ttf", "STIXGeneralBol.ttf")  # fmt: skip
INK: Color = (20, 20, 20)


@dataclass(slots=True)
class Easel:
    """The shapes to draw, from back to front. Each is a tuple that begins with its kind."""

    width: float
    height: float
    paper: Color = (255, 255, 255)
    things: list[tuple[Any, ...]] = field(default_factory=list)

    def polygon(
        self, points: Sequence[Point], fill: Color | None, edge: Color | None = None, width: float = 1
    ) -> None:
        """A closed outline, filled or not."""
        self.things.append(("polygon", [*points], fill, edge, width))

    def line(self, points: Sequence[Point], color: Color = INK, width: float = 2) -> None:
        """A line through the points."""
        self.things.append(("line", [*points], color, width))

    def disc(self, at: Point, radius: float, fill: Color | None, edge: Color | None = None, width: float = 1,
             alpha: float = 1.0) -> None:  # fmt: skip
        """A circle; alpha: how dense its filling is."""
        self.things.append(("disc", at, radius, fill, edge, width, alpha))

    def text(self, at: Point, text: str, size: float, color: Color = INK, anchor: str = "mm") -> None:
        """Letters about a point; anchor as Pillow's: l, m or r and m."""
        self.things.append(("text", at, text, size, color, anchor))

    def box(self, left: float, top: float, right: float, bottom: float, fill: Color | None,
            edge: Color | None = None, width: float = 1) -> None:  # fmt: skip
        """An upright rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], fill, edge, width)

    def shape(
        self, shape: str, at: Point, radius: float, fill: Color, edge: Color | None = None, turn: float = 0
    ) -> None:
        """One of the shapes of the families, by its name."""
        corners = outline(shape)
        if not corners:
            if shape == "ring":
                self.disc(at, radius * 0.82, None, fill, radius * 0.36)
            else:
                self.disc(at, radius, fill, edge)
            return
        cos, sin = math.cos(turn) * radius, math.sin(turn) * radius
        self.polygon([(at[0] + cos * u - sin * v, at[1] + sin * u + cos * v) for u, v in corners], fill, edge)

    def arrow(self, start: Point, end: Point, color: Color = INK, width: float = 3) -> None:
        """A line with a head at its end."""
        length = math.dist(start, end) or 1.0
        ux, uy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
        head = 8 + 2.5 * width
        neck = (end[0] - ux * head, end[1] - uy * head)
        self.line([start, neck], color, width)
        half = head * 0.5
        self.polygon(
            [end, (neck[0] - uy * half, neck[1] + ux * half), (neck[0] + uy * half, neck[1] - ux * half)],
            color,
        )

    def arc(
        self, at: Point, radius: float, start: float, end: float, color: Color = INK, width: float = 2
    ) -> None:
        """A piece of a circle from a direction to another, in radians clockwise from the right."""
        count = max(4, int(abs(end - start) * radius / 4))
        turns = [start + (end - start) * k / count for k in range(count + 1)]
        self.line([(at[0] + radius * math.cos(t), at[1] + radius * math.sin(t)) for t in turns], color, width)


def by_pillow(board: Easel, rng: Random, scale: int = 2) -> Image.Image:
    """Drawn at twice the size and reduced, in one of `faces`; at times without soft edges."""
    s = scale if rng.random() < 0.8 else 1
    plain = all(thing[2].isascii() for thing in board.things if thing[0] == "text")
    face = rng.choice(faces() if plain else FACES)  # of other letters not every face has all
    image = Image.new("RGB", (round(board.width * s), round(board.height * s)), board.paper)
    for thing in board.things:
        draw = ImageDraw.Draw(image)
        if thing[0] == "polygon":
            _, points, fill, edge, width = thing
            scaled = [(x * s, y * s) for x, y in points]
            if fill is not None:
                draw.polygon(scaled, fill=fill)
            if edge is not None:
                draw.line([*scaled, scaled[0]], fill=edge, width=max(1, round(width * s)), joint="curve")
        elif thing[0] == "line":
            _, points, color, width = thing
            draw.line(
                [(x * s, y * s) for x, y in points], fill=color, width=max(1, round(width * s)), joint="curve"
            )
        elif thing[0] == "disc":
            _disc(image, thing, s)
        else:
            _, (x, y), text, size, color, anchor = thing
            draw.text(
                (x * s, y * s), text, font=load_font(face, max(8, round(size * s))), fill=color, anchor=anchor
            )
    return image.reduce(s) if s > 1 else image


def _disc(image: Image.Image, thing: tuple[Any, ...], s: int) -> None:
    """A circle on a picture; a thin filling is laid over what is there."""
    _, (x, y), radius, fill, edge, width, alpha = thing
    reach = radius + (width / 2 if edge is not None and fill is None else 0)
    box = ((x - reach) * s, (y - reach) * s, (x + reach) * s, (y + reach) * s)
    if alpha < 1 and fill is not None:
        left, top, right, bottom = (round(side) for side in box)
        under = image.crop((left, top, right, bottom))
        mask = Image.new("L", under.size, 0)
        ImageDraw.Draw(mask).ellipse((0, 0, right - left - 1, bottom - top - 1), fill=round(255 * alpha))
        under.paste(fill, (0, 0), mask)
        image.paste(under, (left, top))
        fill = None
    ImageDraw.Draw(image).ellipse(box, fill=fill, outline=edge, width=max(1, round(width * s)) if edge else 0)


def by_matplotlib(board: Easel, rng: Random) -> Image.Image:
    """Patches, lines and texts on axes of pixels, with matplotlib's edges and faces; at times with
    the frame.
    """
    from matplotlib import patches

    from r1v.figures.abroad.mpl import picture

    frame = rng.random() < 0.12

    def paint(figure: Any, axes: Any) -> None:
        figure.set_facecolor([c / 255 for c in board.paper])
        axes.set_position((0.1, 0.1, 0.85, 0.85) if frame else (0, 0, 1, 1))
        axes.set_facecolor([c / 255 for c in board.paper])
        axes.set_xlim(0, board.width)
        axes.set_ylim(board.height, 0)
        axes.set_aspect("equal")
        if not frame:
            axes.axis("off")
        point = 72 / 100 * (0.85 if frame else 1.0)  # points to a pixel at 100 dots to the inch
        for thing in board.things:
            if thing[0] == "polygon":
                _, points, fill, edge, width = thing
                axes.add_patch(
                    patches.Polygon(points, facecolor=_web(fill), edgecolor=_web(edge), lw=width * point)
                )
            elif thing[0] == "line":
                _, points, color, width = thing
                xs, ys = [x for x, _ in points], [y for _, y in points]
                axes.plot(xs, ys, color=_web(color), linewidth=width * point, marker="")
            elif thing[0] == "disc":
                _, at, radius, fill, edge, width, alpha = thing
                face = (*_web(fill), alpha) if fill is not None else "none"
                axes.add_patch(
                    patches.Circle(at, radius, facecolor=face, edgecolor=_web(edge), lw=width * point)
                )
            else:
                _, at, text, size, color, anchor = thing
                align = {"l": "left", "m": "center", "r": "right"}[anchor[0]]
                axes.text(*at, text.replace("$", r"\$"), fontsize=size * point, color=_web(color), ha=align,
                          va="center")  # fmt: skip

    size = (board.width / 100 * (1.18 if frame else 1), board.height / 100 * (1.18 if frame else 1))
    return picture(rng, paint, sheets=0.0, sizes=(size,), tight=0.0, letters=False)


def _web(color: Color | None) -> Any:
    return "none" if color is None else tuple(c / 255 for c in color)


SVG_FACES = ("Liberation Sans", "Liberation Sans", "Liberation Serif", "Liberation Mono")


def by_svg(board: Easel, rng: Random) -> Image.Image:
    """An SVG file as resvg paints it, with the system's faces. For held-out tools."""
    import vl_convert

    face, scale = rng.choice(SVG_FACES), rng.choice((0.8, 1.0, 1.0, 1.5))
    parts = [f'<rect width="100%" height="100%" fill="{_hex(board.paper)}"/>']
    for thing in board.things:
        if thing[0] == "polygon":
            _, points, fill, edge, width = thing
            at = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(
                f'<polygon points="{at}" fill="{_hex(fill)}" stroke="{_hex(edge)}" stroke-width="{width}"/>'
            )
        elif thing[0] == "line":
            _, points, color, width = thing
            at = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(f'<polyline points="{at}" fill="none" stroke="{_hex(color)}" stroke-width="{width}" '
                         'stroke-linecap="round" stroke-linejoin="round"/>')  # fmt: skip
        elif thing[0] == "disc":
            _, (x, y), radius, fill, edge, width, alpha = thing
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{_hex(fill)}" '
                f'fill-opacity="{alpha}" stroke="{_hex(edge)}" stroke-width="{width}"/>'
            )
        else:
            _, (x, y), text, size, color, anchor = thing
            place = {"l": "start", "m": "middle", "r": "end"}[anchor[0]]
            parts.append(
                f'<text x="{x:.1f}" y="{y + size * 0.35:.1f}" font-family="{face}" font-size="{size}" '
                f'fill="{_hex(color)}" text-anchor="{place}">{escape(text)}</text>'
            )
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{board.width:.0f}" height="{board.height:.0f}">'
    data = vl_convert.svg_to_png(f"{svg}{''.join(parts)}</svg>", scale=scale)
    return Image.open(io.BytesIO(data)).convert("RGB")


def _hex(color: Color | None) -> str:
    return "none" if color is None else "#{:02x}{:02x}{:02x}".format(*color)

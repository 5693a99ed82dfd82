"""Tables for training: a spreadsheet's grid and plain printed text by Pillow, and matplotlib's own table."""

from __future__ import annotations

from random import Random
from typing import Any

from PIL import Image, ImageDraw

from r1v.figures.abroad.faces import faces
from r1v.figures.abroad.mpl import picture
from r1v.figures.abroad.scene import ToolPicture
from r1v.figures.abroad.tables import TableMatter
from r1v.figures.drawing.style import Color, load_font

HEADS: tuple[tuple[Color, Color], ...] = (
    ((68, 114, 196), (255, 255, 255)), ((217, 225, 242), (0, 0, 0)), ((242, 242, 242), (0, 0, 0)),
    ((4, 170, 109), (255, 255, 255)), ((52, 58, 64), (255, 255, 255)), ((255, 242, 204), (0, 0, 0)),
)  # fmt: skip


def spreadsheet(table: TableMatter, rng: Random) -> ToolPicture:
    """A piece of a spreadsheet: letters above, numbers at the left, grey lines, empty cells around."""
    size = rng.choice((15, 16, 18, 20))
    font = load_font(rng.choice(faces()), size)
    rows = table.grid()
    more = rng.randint(0, 2)
    wide = [max(font.getlength(row[k]) for row in rows) + 18 for k in range(len(rows[0]))]
    wide = [max(w, rng.choice((64, 80))) for w in wide] + [64.0] * more
    high, edge, below = size + rng.choice((8, 10, 14)), 36, rng.randint(0, 3)
    first = rng.choice((0, 0, 1))
    image = Image.new("RGB", (int(edge + sum(wide)) + 1, high * (len(rows) + first + below + 1) + 1), "white")
    draw = ImageDraw.Draw(image)
    grey, line = (230, 230, 230), (208, 208, 208)
    draw.rectangle((0, 0, image.width, high), fill=grey)
    draw.rectangle((0, 0, edge, image.height), fill=grey)
    x = float(edge)
    for k, width in enumerate(wide):
        draw.text((x + width / 2, high / 2), "ABCDEFGHIJ"[k], font=font, fill=(90, 90, 90), anchor="mm")
        draw.line((x, 0, x, image.height), fill=line)
        x += width
    for k in range(len(rows) + first + below):
        y = high * (k + 1)
        draw.text((edge / 2, y + high / 2), str(k + 1), font=font, fill=(90, 90, 90), anchor="mm")
        draw.line((0, y, image.width, y), fill=line)
    shade = rng.choice((None, None, *HEADS))
    _cells(draw, rows, wide, (edge, high * (first + 1)), high, font, shade)
    return ToolPicture(image)


def _cells(
    draw: ImageDraw.ImageDraw, rows: list[list[str]], wide: list[float], at: tuple[float, float], high: float,
    font: Any, shade: tuple[Color, Color] | None, ink: Color = (0, 0, 0), numbers: str = "r",
) -> None:  # fmt: skip
    """The texts from a corner on, names to the left and numbers to the right of their cells."""
    total = sum(wide[: len(rows[0])])
    if shade is not None:
        draw.rectangle((at[0], at[1], at[0] + total, at[1] + high), fill=shade[0])
    for i, row in enumerate(rows):
        x, y = at[0], at[1] + high * (i + 0.5)
        fill = shade[1] if shade is not None and i == 0 else ink
        for k, text in enumerate(row):
            if k == 0:
                draw.text((x + 6, y), text, font=font, fill=fill, anchor="lm")
            elif numbers == "r":
                draw.text((x + wide[k] - 6, y), text, font=font, fill=fill, anchor="rm")
            else:
                draw.text((x + wide[k] / 2, y), text, font=font, fill=fill, anchor="mm")
            x += wide[k]


def web(table: TableMatter, rng: Random) -> ToolPicture:
    """A table as on a page: a coloured head, stripes or rules, room around, at times a dark theme."""
    dark = rng.random() < 0.15
    paper: Color = (30, 30, 30) if dark else (255, 255, 255)
    ink: Color = (225, 225, 225) if dark else rng.choice(((0, 0, 0), (51, 51, 51)))
    size = rng.choice((16, 18, 20, 24))
    font = load_font(rng.choice(faces()), size)
    rows = table.grid()
    pad, high = rng.choice((16, 24, 40)), size + rng.choice((10, 16, 24))
    wide = [max(font.getlength(row[k]) for row in rows) + pad for k in range(len(rows[0]))]
    if rng.random() < 0.4:
        wide = [max(w, 120.0) for w in wide]
    left, top = rng.randint(4, 60), rng.randint(4, 30)
    title = size * 2 if table.title else 0
    right, low = rng.randint(4, 120), rng.randint(4, 60)
    image = Image.new("RGB", (int(left + sum(wide) + right), top + title + high * len(rows) + low), paper)
    draw = ImageDraw.Draw(image)
    if title:
        draw.text(
            (left, top + size / 2),
            table.title,
            font=load_font(rng.choice(faces()), size + 4),
            fill=ink,
            anchor="lm",
        )
    y0, total = top + title, sum(wide)
    line: Color = (90, 90, 90) if dark else rng.choice(((221, 221, 221), (120, 120, 120), (0, 0, 0)))
    if rng.random() < 0.4:
        for i in range(2, len(rows), 2):
            stripe = (45, 45, 45) if dark else (242, 242, 242)
            draw.rectangle((left, y0 + high * i, left + total, y0 + high * (i + 1)), fill=stripe)
    shade = rng.choice((None, *HEADS)) if not dark else None
    _cells(draw, rows, wide, (left, y0), high, font, shade, ink, rng.choice("rrm"))
    rules = rng.choice(("all", "rows", "head", "none"))
    for i in range(len(rows) + 1):
        if rules in ("all", "rows") or (rules == "head" and i == 1):
            draw.line((left, y0 + high * i, left + total, y0 + high * i), fill=line)
    if rules == "all":
        x = float(left)
        for width in [*wide, 0.0]:
            draw.line((x, y0, x, y0 + high * len(rows)), fill=line)
            x += width
    return ToolPicture(image)


def matplotlib_table(table: TableMatter, rng: Random) -> ToolPicture:
    """axes.table on an empty axes."""

    def paint(figure: Any, axes: Any) -> None:
        axes.axis("off")
        rows = table.grid()
        look: dict[str, Any] = {"loc": "center", "cellLoc": rng.choice(("right", "center", "left"))}
        if rng.random() < 0.5:
            look |= {
                "rowLabels": list(table.rows),
                "colLabels": rows[0][1:],
                "cellText": [r[1:] for r in rows[1:]],
            }
            wide = 0.8
        else:
            look |= {"colLabels": rows[0], "cellText": rows[1:]}
            wide = 1.0
        if rng.random() < 0.4:
            look["colColours"] = [rng.choice(("lightgray", "#cfe2f3", "#f4cccc", "wheat"))] * len(
                look["colLabels"]
            )
        drawn = axes.table(**look)
        drawn.auto_set_font_size(False)
        drawn.set_fontsize(rng.choice((10, 11, 12, 14)))
        drawn.scale(wide, rng.choice((1.2, 1.5, 2.0)))
        if table.title:
            axes.set_title(table.title)

    sizes = ((6.4, 3), (8, 3), (6, 2.5), (7, 4), (6.4, 4.8))
    return ToolPicture(picture(rng, paint, sheets=0.0, sizes=sizes))

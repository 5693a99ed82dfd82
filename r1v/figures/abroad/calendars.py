"""A month as terminals, and as browsers show it; the latter is held out."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

from r1v.figures.abroad import pages
from r1v.figures.abroad.board import by_pillow
from r1v.figures.abroad.faces import faces
from r1v.figures.abroad.hosted import Painter
from r1v.figures.abroad.scene import Asked, ToolPicture, plain_request
from r1v.figures.drawing.style import Color, Style, load_font
from r1v.figures.families import calendar
from r1v.figures.families.calendar import DAYS, LONG, Month
from r1v.figures.item import DIFFICULTIES, AnswerType


@dataclass(frozen=True, slots=True)
class MonthPage:
    """A month and the level of its questions; with marked days only their distance is asked."""

    month: Month
    level: int


def plan(rng: Random, level: int) -> MonthPage:
    """A month with or without two marked days."""
    kind = rng.choice(("weekday", "weekday", "date", "between"))
    return MonthPage(calendar.plan(plain_request(kind, DIFFICULTIES[level], rng)), level)


def ask(page: MonthPage, drawn: ToolPicture, rng: Random) -> Asked:
    """One of the family's questions."""
    kind = "between" if page.month.marked else rng.choice(("weekday", "weekday", "date", "count", "later"))
    fields, answer, work, facts = calendar.ask(plain_request(kind, DIFFICULTIES[page.level], rng), page.month)
    how: AnswerType = "string" if kind in ("weekday", "later") else "number"
    return Asked(kind, fields, answer, how, work, facts)


def weeks(month: Month) -> list[list[int | None]]:
    """The rows of dates, with None for empty places."""
    offset = (month.first - month.start) % 7
    cells: list[int | None] = [None] * offset + list(range(1, month.length + 1))
    cells += [None] * (-len(cells) % 7)
    return [cells[i : i + 7] for i in range(0, len(cells), 7)]


def terminal(page: MonthPage, rng: Random) -> ToolPicture:
    """The program cal: two letters a day in one width, marked days turned light for dark."""
    month, size = page.month, rng.choice((14, 16, 20, 26))
    font = load_font(rng.choice(("DejaVuSansMono.ttf", "DejaVuSansMono.ttf", "cmtt10.ttf")), size)
    dark = rng.random() < 0.4
    paper, ink = ((20, 20, 20), (220, 220, 220)) if dark else ((255, 255, 255), (0, 0, 0))
    letters = rng.choice((2, 2, 3))
    step, pitch = font.getlength("0" * (letters + 1)), size * 1.35
    left, top = rng.choice((8, 30, 90)), rng.choice((6, 24, 60))
    rows = weeks(month)
    width = int(left * 2 + step * 7 + rng.choice((0, 120, 300)))
    image = Image.new("RGB", (width, int(top * 2 + pitch * (len(rows) + 2))), paper)
    draw = ImageDraw.Draw(image)
    draw.text((left + step * 3.5, top + pitch / 2), month.name, font=font, fill=ink, anchor="mm")
    for k in range(7):
        name = DAYS[(month.start + k) % 7][:letters]
        draw.text((left + step * (k + 1) - 4, top + pitch * 1.5), name, font=font, fill=ink, anchor="rm")
    for i, row in enumerate(rows):
        for k, date in enumerate(row):
            x, y = left + step * (k + 1) - 4, top + pitch * (i + 2.5)
            if date in month.marked:
                draw.rectangle((x - step + 8, y - size * 0.62, x + 3, y + size * 0.62), fill=ink)
            if date is not None:
                fill = paper if date in month.marked else ink
                draw.text((x, y), str(date), font=font, fill=fill, anchor="rm")
    return ToolPicture(image)


def painted(page: MonthPage, rng: Random) -> ToolPicture:
    """The family's own layout on sheets of natural shapes."""
    style = Style(Random(rng.random()))
    style.host = Painter(by_pillow, rng)
    return ToolPicture(calendar.render(page.month, style).finish())


HEADS: tuple[tuple[Color | None, Color], ...] = (
    (None, (0, 0, 0)), (None, (120, 120, 120)), (None, (180, 30, 30)), ((68, 114, 196), (255, 255, 255)),
    ((230, 230, 230), (0, 0, 0)), ((52, 58, 64), (255, 255, 255)),
)  # fmt: skip


def sheet(page: MonthPage, rng: Random) -> ToolPicture:
    """A grid of days as on paper: dates in any part of their cells, names of any length, marked cells."""
    month, size = page.month, rng.choice((12, 14, 16, 18))
    face = rng.choice(faces())
    font, big = load_font(face, size), load_font(face, round(size * rng.choice((1.0, 1.3, 1.6))))
    letters = rng.choice((None, 3, 3, 2))  # of the names of days; None: all
    names = [LONG[(month.start + k) % 7][:letters] for k in range(7)]
    wide = max(
        max(font.getlength(name) for name in names) + rng.choice((6, 12, 24)), size * rng.choice((2.2, 3, 4))
    )
    high, anchor = size * rng.choice((1.5, 1.8, 2.4, 3.0)), rng.choice(("m", "m", "l", "r"))
    up, left, top = rng.random() < 0.3, rng.choice((4, 10, 40)), rng.choice((4, 12, 30))
    rows, title = weeks(month), size * rng.choice((2.0, 2.6))
    width, height = left * 2 + wide * 7, top * 2 + title + high * (len(rows) + 1)
    image = Image.new("RGB", (int(width) + 1, int(height) + 1), (255, 255, 255))
    draw, ink = ImageDraw.Draw(image), rng.choice(((0, 0, 0), (0, 0, 0), (60, 60, 60)))
    at = rng.choice((left, width / 2))
    draw.text((at, top + title * 0.4), month.name, font=big, fill=ink, anchor="lm" if at == left else "mm")
    back, head = rng.choice(HEADS)
    mark = rng.choice(((255, 165, 0), (255, 230, 120), (170, 210, 255), (190, 240, 190)))
    y0 = top + title
    if back is not None:
        draw.rectangle((left, y0, left + wide * 7, y0 + high), fill=back)
    shift = {"m": wide / 2, "l": 5.0, "r": wide - 5.0}[anchor]
    for k, name in enumerate(names):
        draw.text((left + wide * k + shift, y0 + high / 2), name, font=font, fill=head, anchor=anchor + "m")
    for i, row in enumerate(rows):
        for k, date in enumerate(row):
            x, y = left + wide * k, y0 + high * (i + 1)
            if date in month.marked:
                draw.rectangle((x, y, x + wide, y + high), fill=mark)
            if date is not None:
                place = (x + shift, y + (size * 0.7 if up else high / 2))
                draw.text(place, str(date), font=font, fill=ink, anchor=anchor + "m")
    line = rng.choice((None, None, (0, 0, 0), (200, 200, 200)))
    if line is not None:
        for k in range(8):
            draw.line((left + wide * k, y0, left + wide * k, y0 + high * (len(rows) + 1)), fill=line)
        for i in range(len(rows) + 2):
            draw.line((left, y0 + high * i, left + wide * 7, y0 + high * i), fill=line)
    return ToolPicture(image)


def chromium(page: MonthPage, rng: Random) -> ToolPicture:
    """A table of a page with the month above it."""
    month, long = page.month, rng.random() < 0.3
    names = [(LONG if long else DAYS)[(month.start + k) % 7] for k in range(7)]
    head = "".join(f"<th>{name}</th>" for name in names)
    body = ""
    for row in weeks(month):
        cells = (
            f"<td{' class=m' if date in month.marked else ''}>{'' if date is None else date}</td>"
            for date in row
        )
        body += f"<tr>{''.join(cells)}</tr>"
    look = rng.choice(
        (
            "td,th{border:1px solid #ccc;padding:10px;text-align:center}table{border-collapse:collapse}",
            "td,th{padding:8px 12px;text-align:right}th{color:#888}",
            "th{background:#1abc9c;color:white}td,th{padding:10px}",
            "table{border-collapse:collapse}"
            "td,th{border:1px solid black;width:60px;height:40px;vertical-align:top}",
        )
    )
    font, size = rng.choice(pages.FONTS), rng.choice((14, 16, 20))
    style = f"body{{font-family:{font};font-size:{size}px}}.m{{background:orange}}"
    html = pages.page(style + look, f"<h2>{month.name}</h2><table><tr>{head}</tr>{body}</table>")
    return ToolPicture(pages.render(html))

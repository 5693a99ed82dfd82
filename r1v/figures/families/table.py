"""Tables of names and numbers: look up, add a row or column, compare, price times number.

The solution reads the names of all rows and of all columns with their numbers, so that a name is looked up
in what was written and not searched for in the picture; then the row or column asked about.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageDraw

from r1v.figures.drawing.axes import draw_title, fitted, font_for
from r1v.figures.drawing.style import Style
from r1v.figures.item import AnswerType, Draft, Family, Request
from r1v.figures.names import SPOKEN, pick
from r1v.figures.steps import product, readings, running_sum, so_far

_LEAD = "[|Look at the table. |Read the table. |Here is a table. ]"
_IN = "[in the table|in this table|in the picture|according to the table|here]"
_END = "[| Answer with a number.| Give the number.]"

KINDS = {
    "lookup": f"{_LEAD}[What number does {{row}} have under {{column}}|Which number stands in row {{row}} "
    "and column {column}|What is the entry of {row} for {column}|What do you find for {row} under {column}] "
    f"{_IN}?{_END}",
    "row_sum": f"{_LEAD}[What is the sum of the row of {{row}}|What do the numbers of {{row}} add up to|"
    f"What is the total of {{row}} over all columns|How much does {{row}} have in all] {_IN}?{_END}",
    "column_sum": f"{_LEAD}[What is the sum of the column {{column}}|What do the numbers under {{column}} "
    "add up to|What is the total of column {column} over all rows|How much is there in all under {column}] "
    f"{_IN}?{_END}",
    "largest": f"{_LEAD}[Which row has the {{extreme}} number|Whose number is the {{extreme}}|"
    "Which name has the {extreme} entry|What is the name of the row with the {extreme} number] "
    f"[under|in column] {{column}} {_IN}?[| Answer with its name.| Give the name.]",
    "difference": f"{_LEAD}[How much more does {{larger}} have than {{smaller}}|"
    "What is the difference between {larger} and {smaller}|By how much does {larger} exceed {smaller}|"
    f"How much larger is {{larger}} than {{smaller}}] [under|in column] {{column}} {_IN}?{_END}",
    "cost": f"{_LEAD}[The price is for one piece. |The table gives the price of one piece. |]"
    f"[What do all pieces of {{row}} cost|How much do you pay for all pieces of {{row}}|"
    f"What is the price of all pieces of {{row}} together] {_IN}?{_END}",
    "lookup_zh": "[|请看表格。|看表。|根据表格回答。][表中|表格里|这张表中|图中]{row}[在{column}列的数是多少"
    "|和{column}对应的数是多少|在{column}一列的值是多少|的{column}是多少]？[|请给出数字。|只答数字。]",
}
_SMALL = ((1, 9), (2, 40), (10, 250))


@dataclass(frozen=True, slots=True)
class _Table:
    rows: list[str]
    columns: list[str]
    cells: list[list[int]]  # a list for each row

    @property
    def heads(self) -> dict[str, str]:
        """The name of each row and column, by its number."""
        rows = {f"row {i + 1}": name for i, name in enumerate(self.rows)}
        return rows | {f"column {i + 1}": name for i, name in enumerate(self.columns)}

    def pair(self, row: int, column: int) -> tuple[str, object]:
        """A reading: row and column, and the number there."""
        return f"{self.rows[row]} {self.columns[column]}", self.cells[row][column]


@dataclass(frozen=True, slots=True)
class _View:
    """One row or column of a table as it is read: where it is, then its cells in order.

    along: ``row`` or ``column``, which of them by index among its names; crossing: the names the other way.
    """

    along: str
    names: list[str]
    index: int
    crossing: list[str]
    values: list[int]

    def text(self, record: str = "") -> str:
        """The readings. record: ``largest`` or ``smallest``, said wherever one is met."""
        where = f"{self.names[self.index]}: {self.along} {self.index + 1}"
        pairs = list(zip(self.crossing, self.values, strict=True))
        cells = "; ".join(so_far(pairs, record == "largest", record)) if record else readings(pairs)
        return f"{where}\n{cells}"

    @property
    def facts(self) -> dict[str, str]:
        """The claims of the text."""
        where = {self.names[self.index]: f"{self.along} {self.index + 1}"}
        return where | {name: str(v) for name, v in zip(self.crossing, self.values, strict=True)}


def _plan(request: Request) -> _Table:
    rng, level = request.rng, request.level
    if request.kind == "cost":
        count = rng.randint(2 + level, 3 + level)
        rows = pick(rng, count, 6, ("fruit", "thing"))[1]
        prices = ((2, 9), (2, 12), (11, 60))[level]
        numbers = ((2, 9), (11, 29), (3, 19))[level]
        cells = [[rng.randint(*prices), rng.randint(*numbers)] for _ in rows]
        names = ["price", "number"]
        if rng.random() < 0.5:
            names, cells = names[::-1], [row[::-1] for row in cells]
        return _Table(rows, names, cells)
    rows_n = rng.randint(*((2, 3), (3, 4), (4, 5))[level])
    columns_n = rng.randint(*((2, 2), (2, 3), (3, 4))[level])
    row_theme, rows = pick(rng, rows_n, 6, (*SPOKEN, "letter"))
    others = tuple(t for t in ("month", "day", "letter", "fruit", "animal", "sport") if t != row_theme)
    columns = pick(rng, columns_n, 5, others)[1]
    low, high = _SMALL[level]
    drawn = [rng.sample(range(low, high + 1), rows_n) for _ in columns]  # no two alike in a column
    return _Table(rows, columns, [list(row) for row in zip(*drawn, strict=True)])


def _render(table: _Table, style: Style) -> Image.Image:
    image = style.canvas(448, 448, 0.1)
    draw = ImageDraw.Draw(image)
    title = style.choice(("", "", "Table", "Overview", "List 1", "Data"))
    top = (draw_title(draw, image, title, style) if title else 0.0) + 10
    text = font_for(style, image, 24, 17, 26)
    rows_n, columns_n = len(table.rows) + 1, len(table.columns) + 1
    words = [*table.columns, *(str(n) for row in table.cells for n in row)]
    first = max(text.getlength(name) for name in table.rows) + 22
    text = fitted(text, words, (image.width - 16 - first) / (columns_n - 1) - 10, image, style)
    wide = max(text.getlength(word) for word in words)
    room = image.width - 16 - first
    cell = style.uniform(min(95.0, room / (columns_n - 1)), wide + 12, room / (columns_n - 1))
    height = style.uniform(62, text.size * 1.5, (image.height - top - 10) / rows_n)
    height = min(height, (image.height - top - 10) / rows_n)
    left = style.uniform(
        (image.width - first - cell * (columns_n - 1)) / 2,
        8,
        image.width - 8 - first - cell * (columns_n - 1),
    )
    slack = image.height - 10 - top - height * rows_n
    top += style.uniform(slack / 2, 0, slack)
    right, bottom = left + first + cell * (columns_n - 1), top + height * rows_n
    edges = [left, *(left + first + cell * k for k in range(columns_n))]
    _draw_lines(draw, style, edges, [top + height * k for k in range(rows_n + 1)], (left, top, right, bottom))
    side = style.choice(("m", "m", "r"))
    for k, name in enumerate(table.columns):
        at = (edges[k + 1] + edges[k + 2]) / 2 if side == "m" else edges[k + 2] - 8
        draw.text((at, top + height / 2), name, font=text, fill=style.ink, anchor=f"{side}m")
        for i, row in enumerate(table.cells):
            middle = top + height * (i + 1.5)
            draw.text((at, middle), str(row[k]), font=text, fill=style.ink, anchor=f"{side}m")
    for i, name in enumerate(table.rows):
        draw.text((left + 9, top + height * (i + 1.5)), name, font=text, fill=style.ink, anchor="lm")
    return image


def _draw_lines(
    draw: ImageDraw.ImageDraw,
    style: Style,
    xs: list[float],
    ys: list[float],
    box: tuple[float, float, float, float],
) -> None:
    """Shading and rules. The kind of rules is one of: all, rows only, head only."""
    paper = style.background
    shade = (max(0, paper[0] - 22), max(0, paper[1] - 22), max(0, paper[2] - 14))
    left, top, right, bottom = box
    if style.flag(0.4):
        draw.rectangle((left, top, right, ys[1]), fill=style.tint((205, 218, 240), 25))
    if style.flag(0.35):
        for k in range(2, len(ys) - 1, 2):
            draw.rectangle((left, ys[k], right, ys[k + 1]), fill=shade)
    rules = style.choice(("all", "all", "rows", "head"))
    width = style.choice((1, 1, 2))
    ink = style.choice((style.ink, (140, 140, 140)))
    for y in ys if rules != "head" else (ys[0], ys[1], ys[-1]):
        draw.line((left, y, right, y), fill=ink, width=width)
    if rules == "all":
        for x in xs:
            draw.line((x, top, x, bottom), fill=ink, width=width)


def _ask(request: Request, table: _Table) -> tuple[dict[str, object], str, _View, str]:
    """The question's fields, the answer, the row or column that is read, and the working after that."""
    rng, rows, columns = request.rng, table.rows, table.columns
    r, c = rng.randrange(len(rows)), rng.randrange(len(columns))
    value = table.cells[r][c]
    row_read = _View("row", rows, r, columns, table.cells[r])
    column = [row[c] for row in table.cells]
    column_read = _View("column", columns, c, rows, column)
    if request.kind == "lookup":
        end = f"{columns[c]}: {value}\nThe number is {value}."
        return {"row": rows[r], "column": columns[c]}, str(value), row_read, end
    if request.kind == "lookup_zh":
        return (
            {"row": rows[r], "column": columns[c]},
            str(value),
            row_read,
            f"{columns[c]}: {value}\n数是{value}。",
        )
    if request.kind == "row_sum":
        total = sum(table.cells[r])
        work = f"{running_sum(table.cells[r])}\nThe row of {rows[r]} adds up to {total}."
        return {"row": rows[r]}, str(total), row_read, work
    if request.kind == "column_sum":
        total = sum(column)
        work = f"{running_sum(column)}\nThe column {columns[c]} adds up to {total}."
        return {"column": columns[c]}, str(total), column_read, work
    if request.kind == "largest":
        largest = rng.random() < 0.5
        word = rng.choice(("largest", "highest") if largest else ("smallest", "lowest"))
        best = (max if largest else min)(column)
        name = rows[column.index(best)]
        work = f"{name} has the {word} number, {best}."
        return {"extreme": word, "column": columns[c]}, name, column_read, work
    if request.kind == "difference":
        i, j = rng.sample(range(len(rows)), 2)
        if column[i] < column[j]:
            i, j = j, i
        rest = column[i] - column[j]
        work = f"{rows[i]}: {column[i]}\n{rows[j]}: {column[j]}\n"
        work += f"{column[i]} - {column[j]} = {rest}\n{rows[i]} has {rest} more."
        fields: dict[str, object] = {"larger": rows[i], "smaller": rows[j], "column": columns[c]}
        return fields, str(rest), column_read, work
    left, right = table.cells[r]
    work = f"{product(left, right)}\nAll pieces of {rows[r]} cost {left * right}."
    return {"row": rows[r]}, str(left * right), row_read, work


def _draw(request: Request) -> Draft:
    table = _plan(request)
    image = _render(table, request.style)
    fields, answer, read, work = _ask(request, table)
    facts = {
        name: str(value)
        for r in range(len(table.rows))
        for name, value in (table.pair(r, c) for c in range(len(table.columns)))
    }
    answer_type: AnswerType = "string" if request.kind == "largest" else "number"
    facts |= table.heads | read.facts
    extreme = fields.get("extreme")
    record = "" if extreme is None else "largest" if extreme in ("largest", "highest") else "smallest"
    heads = list(table.heads.items())
    rows = len(table.rows)
    solution = f"{readings(heads[:rows])}\n{readings(heads[rows:])}\n{read.text(record)}\n{work}"
    return Draft(request.wording(**fields), answer, answer_type, solution, facts, (image,))


FAMILY = Family("table", "rows and columns of names and numbers", KINDS, _draw)

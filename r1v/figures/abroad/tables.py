"""Tables as people make them: spreadsheets, web pages, printed pages; any names, decimals and thousands.

The solution has the form of the family's own: the names of all rows and columns with their numbers, then the
row or column that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from random import Random

from r1v.figures.abroad import words
from r1v.figures.abroad.charts import limit_in, running, values_of
from r1v.figures.abroad.scene import Asked, ToolPicture, plain
from r1v.figures.item import AnswerType
from r1v.figures.steps import readings

_END = "[|||| Give the number.| Just the number.]"
_AT = "[||| in the table| in this table| here| shown]"
PHRASES: dict[str, tuple[str, str]] = {
    "lookup": (
        "[What is the {column} of {row}|What is {column} for {row}|What's the {column} value for {row}|"
        "How much {column} does {row} have|What does the table say for {row} under {column}|{column} of "
        "{row}|"
        f"What is in row {{row}}, column {{column}}|Look up {{column}} for {{row}}]{_AT}?{_END}",
        "[Find {row} and tell me its {column}.|What number stands for {row} in the {column} column?]",
    ),
    "row_sum": (
        f"[What is the sum of the row {{row}}|What is the total for {{row}}|Add up the numbers of {{row}}|"
        f"What do the numbers of {{row}} add up to]{_AT}?{_END}",
        "[How much is {row} over all columns]?",
    ),
    "column_sum": (
        "[What is the total of {column}|What is the sum of the column {column}|Add up the column {column}|"
        f"What is the total {{column}}|Sum of {{column}}]{_AT}?{_END}",
        "[What do all the {column} numbers come to]?",
    ),
    "largest": (
        "[Which row has the {extreme} {column}|Who has the {extreme} {column}|Which one has the {extreme} "
        f"{{column}}|What has the {{extreme}} value for {{column}}]{_AT}?[|||| Give its name.]",
        "[Name the one whose {column} is {extreme}.]",
    ),
    "largest_value": (
        f"[What is the {{extreme}} {{column}}|What's the {{extreme}} value of {{column}}|What is the "
        f"{{extreme}} number in the column {{column}}]{_AT}?{_END}",
        "[How much is the {extreme} {column} entry]?",
    ),
    "difference": (
        "[How much more {column} does {larger} have than {smaller}|What is the difference between "
        "{larger} and "
        "{smaller} in {column}|How much higher is {larger} than {smaller} in {column}|By how much is the "
        f"{{column}} of {{larger}} larger than that of {{smaller}}]{_AT}?{_END}",
        "[Subtract the {column} of {smaller} from that of {larger}.]",
    ),
    "above": (
        "[How many rows have a {column} above|How many have a {column} greater than|In how many rows is "
        f"{{column}} more than|How many have {{column}} over] {{limit}}{_AT}?{_END}",
        "[Count the rows whose {column} goes past {limit}.]",
    ),
    "which": (
        "[Which row has {value} under {column}|Who has a {column} of {value}|Which one has {value} in the "
        f"column {{column}}]{_AT}?[|||| Give its name.]",
        "[Whose {column} is {value}?]",
    ),
    "rows": (
        f"[How many rows are there, without the head|How many rows of data does the table have|How many "
        f"entries are listed|Number of rows without the header]{_AT}?{_END}",
        "[How many lines of data are there below the head]?",
    ),
    "columns": (
        f"[How many columns are there|How many columns does the table have, with the names|Number of columns "
        f"including the first]{_AT}?{_END}",
        "[How many columns do you count, names included]?",
    ),
}  # fmt: skip
HEADS = (
    "Price Quantity Total Score Age Height Weight Q1 Q2 Q3 Q4 Jan Feb Mar Apr 2019 2020 2021 2022 2023 Math "
    "English Physics Sales Cost Stock Units Hours Points Wins Goals Speed Distance Calories Sugar Fat "
    "Mon Tue Wed "
    "Revenue Profit Rank Year Population Area Rating Visits Mass Length Width Rent Tax Votes Seats Level"
).split()
FIRST = ("", "Name", "Item", "Product", "City", "Country", "Team", "Student", "Category", "Month", "Region")


@dataclass(frozen=True, slots=True)
class TableMatter:
    """cells: a tuple for each row; corner: what stands above the names; thousands: with commas."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Decimal, ...], ...]
    corner: str
    title: str
    thousands: bool

    def text(self, value: Decimal) -> str:
        """A number as it is printed."""
        return f"{value:,}" if self.thousands and value == value.to_integral() else plain(value)

    def grid(self) -> list[list[str]]:
        """Everything that is printed, the head first."""
        head = [self.corner, *self.columns]
        return [head, *([n, *map(self.text, row)] for n, row in zip(self.rows, self.cells, strict=True))]


def plan(rng: Random, level: int) -> TableMatter:
    """Two to six rows of one to four numbers."""
    rows = rng.randint(*((2, 4), (3, 5), (4, 6))[level])
    columns = rng.randint(*((1, 2), (2, 3), (3, 4))[level])
    names = words.names(rng, rows, 12)
    heads = [h for h in HEADS if h not in names]
    taken = rng.sample(heads, columns) if rng.random() < 0.7 else words.names(rng, columns, 9)
    taken = [head if head not in names else f"{head}2" for head in taken]
    drawn = [values_of(rng, rows, level) for _ in range(columns)]  # no two alike in a column
    cells = tuple(zip(*drawn, strict=True))
    title = rng.choice(words.TITLES) if rng.random() < 0.3 else ""
    return TableMatter(tuple(names), tuple(taken), cells, rng.choice(FIRST), title, rng.random() < 0.4)


class Cells:
    """Questions about a table; each method named after a kind makes one, or None where none is clear."""

    KINDS = ("lookup",) * 5 + ("row_sum", "column_sum", "largest", "largest", "largest_value", "difference",
             "difference", "above", "which", "rows", "columns")  # fmt: skip

    def __init__(self, table: TableMatter, rng: Random) -> None:
        self.table, self.rng = table, rng
        self.r, self.c = rng.randrange(len(table.rows)), rng.randrange(len(table.columns))
        self.row, self.column = table.rows[self.r], table.columns[self.c]
        self.down = [cells[self.c] for cells in table.cells]
        self.heads = {f"row {i}": name for i, name in enumerate(table.rows, 1)}
        self.heads |= {f"column {i}": name for i, name in enumerate(table.columns, 1)}

    def ask(self) -> Asked:
        """One question of any kind."""
        while True:
            asked: Asked | None = getattr(self, self.rng.choice(self.KINDS))()
            if asked is not None:
                return asked

    def _along(self) -> tuple[list[str], dict[str, str]]:
        """The row that is asked for: where it is, then its cells."""
        cells = dict(zip(self.table.columns, map(plain, self.table.cells[self.r]), strict=True))
        where = {self.row: f"row {self.r + 1}"}
        return [readings(where.items()), readings(cells.items())], where | cells

    def _down(self, record: str = "", limit: Decimal | None = None) -> tuple[list[str], dict[str, str]]:
        """The column that is asked for. record: largest or smallest, said where one is met; limit:
        likewise.
        """
        where = {self.column: f"column {self.c + 1}"}
        best, parts, over = None, [], 0
        for name, value in zip(self.table.rows, self.down, strict=True):
            said = f"{name}: {plain(value)}"
            if record and (best is None or (value > best) == (record == "largest")):
                best, said = value, f"{said}; {record} {name} {plain(value)}"
            if limit is not None:
                over += value > limit
                said += f"; above, {over}" if value > limit else "; below"
            parts.append(said)
        cells = dict(zip(self.table.rows, map(plain, self.down), strict=True))
        return [readings(where.items()), "; ".join(parts)], where | cells

    def _made(
        self, kind: str, fields: dict[str, object], answer: str, view: tuple[list[str], dict[str, str]],
        work: list[str], how: AnswerType = "number",
    ) -> Asked:  # fmt: skip
        rows = len(self.table.rows)
        heads = list(self.heads.items())
        lines = [readings(heads[:rows]), readings(heads[rows:]), *view[0], *work]
        fields = {"row": self.row, "column": self.column, **fields}
        return Asked(kind, fields, answer, how, "\n".join(lines), self.heads | view[1])

    def lookup(self) -> Asked | None:
        """One cell."""
        value = plain(self.down[self.r])
        work = [f"{self.column}: {value}", f"The number is {value}."]
        return self._made("lookup", {}, value, self._along(), work)

    def row_sum(self) -> Asked | None:
        """Of a row of two numbers or more."""
        values = self.table.cells[self.r]
        if len(values) < 2:
            return None
        total = plain(sum(values, Decimal(0)))
        work = [*running(values), f"The row of {self.row} adds up to {total}."]
        return self._made("row_sum", {}, total, self._along(), work)

    def column_sum(self) -> Asked | None:
        """Of a column."""
        total = plain(sum(self.down, Decimal(0)))
        work = [*running(self.down), f"The column {self.column} adds up to {total}."]
        return self._made("column_sum", {}, total, self._down(), work)

    def _extreme(self) -> tuple[str, str, Decimal, tuple[list[str], dict[str, str]]]:
        largest = self.rng.random() < 0.6
        word = self.rng.choice(("largest", "highest") if largest else ("smallest", "lowest"))
        best = (max if largest else min)(self.down)
        view = self._down("largest" if largest else "smallest")
        return word, self.table.rows[self.down.index(best)], best, view

    def largest(self) -> Asked | None:
        """The row with the largest or smallest number of a column."""
        word, name, best, view = self._extreme()
        work = [f"{name} has the {word} number, {plain(best)}."]
        return self._made("largest", {"extreme": word}, name, view, work, "string")

    def largest_value(self) -> Asked | None:
        """The largest or smallest number of a column."""
        word, name, best, view = self._extreme()
        work = [f"{name} has the {word} number, {plain(best)}."]
        return self._made("largest_value", {"extreme": word}, plain(best), view, work)

    def difference(self) -> Asked | None:
        """Of two rows in a column."""
        i, j = self.rng.sample(range(len(self.down)), 2)
        if self.down[i] < self.down[j]:
            i, j = j, i
        a, b, rest = plain(self.down[i]), plain(self.down[j]), plain(self.down[i] - self.down[j])
        larger, smaller = self.table.rows[i], self.table.rows[j]
        work = [f"{larger}: {a}", f"{smaller}: {b}", f"{a} - {b} = {rest}", f"{larger} has {rest} more."]
        fields: dict[str, object] = {"larger": larger, "smaller": smaller}
        return self._made("difference", fields, rest, self._down(), work)

    def above(self) -> Asked | None:
        """How many rows go beyond a limit in a column."""
        limit = limit_in(self.rng, self.down, 0.0)
        if limit is None:
            return None
        count = sum(v > limit for v in self.down)
        lines, facts = self._down(limit=limit)
        view = ([f"limit: {plain(limit)}", *lines], facts | {"limit": plain(limit)})
        return self._made("above", {"limit": plain(limit)}, str(count), view, [f"That makes {count}."])

    def which(self) -> Asked | None:
        """The row that has a number in a column."""
        shown, value = self.table.text(self.down[self.r]), plain(self.down[self.r])
        work = [f"{self.row}: {value}", f"It is {self.row}."]
        return self._made("which", {"value": shown}, self.row, self._down(), work, "string")

    def rows(self) -> Asked | None:
        """The number of rows below the head."""
        count = len(self.table.rows)
        return self._made("rows", {}, str(count), ([], {}), [f"That makes {count} rows."])

    def columns(self) -> Asked | None:
        """The number of columns, that of the names included."""
        count = len(self.table.columns)
        work = [f"With the names that is {count} + 1 = {count + 1}."]
        return self._made("columns", {}, str(count + 1), ([], {}), work)


def ask(table: TableMatter, drawn: ToolPicture, rng: Random) -> Asked:
    """One question about a table."""
    return Cells(table, rng).ask()

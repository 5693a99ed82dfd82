"""Further questions about coloured shapes, clocks, written numbers and things in a grid."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from r1v.figures.drawing.shapes import PLURALS
from r1v.figures.people.asks import Base, Inquiry, ask, less, name, unique, yes
from r1v.figures.steps import running_sum

_NUMBER = re.compile(r" \d+$")
Cell = tuple[str, str]  # colour and shape


def _rows(base: Base, prefix: str = "row ") -> list[list[Cell]]:
    """The shapes of each row, without their numbers."""
    texts = [v for k, v in base.facts.items() if re.fullmatch(prefix + r"\d+", k)]
    return [
        [tuple(_NUMBER.sub("", part).split(" ")) for part in text.split(", ") if part != "none"]  # type: ignore[misc]
        for text in texts
    ]


def _count(
    rows: list[list[Cell]], wanted: Callable[[Cell], bool], head: str = "row"
) -> tuple[list[str], int]:
    """The rows again, with a number behind each that is wanted, and how many there are."""
    lines, total = [], 0
    for i, row in enumerate(rows, 1):
        parts = []
        for cell in row:
            total += wanted(cell)
            parts.append(" ".join(cell) + (f" {total}" if wanted(cell) else ""))
        lines.append(f"{head} {i}: {', '.join(parts)}")
    return lines, total


def counting(base: Base) -> list[Inquiry]:
    """Questions about shapes that were drawn for "all"."""
    rng, rows = base.rng, _rows(base)
    cells = [cell for row in rows for cell in row]
    colors, shapes = Counter(c for c, _ in cells), Counter(s for _, s in cells)
    found = list[Inquiry]()

    def total(kind: str, label: str, wanted: Callable[[Cell], bool], **fields: object) -> None:
        lines, number = _count(rows, wanted)
        found.append(ask(kind, number, [*lines, f"{label}: {number}", f"The count is {number}."], **fields))

    for one in list(colors)[:3]:
        total("color", one, lambda cell, one=one: cell[0] == one, color=one)  # type: ignore[misc]
    for one in list(shapes)[:2]:
        total("shape", one, lambda cell, one=one: cell[1] == one, shapes=PLURALS[one])  # type: ignore[misc]
    color, shape = rng.choice(cells)
    total("both", f"{color} {shape}", lambda c: c == (color, shape), color=color, shapes=PLURALS[shape])
    total("not_color", f"not {color}", lambda cell: cell[0] != color, color=color)
    total("not_shape", f"not {shape}", lambda cell: cell[1] != shape, shapes=PLURALS[shape])
    total("shape_not_color", f"{shape}, not {color}", lambda c: c[1] == shape and c[0] != color,
          color=color, shapes=PLURALS[shape])  # fmt: skip
    others = [c for c in colors if c != color]
    if others:
        other = rng.choice(others)
        total(
            "either_color", f"{color} or {other}", lambda c: c[0] in (color, other), color=color, other=other
        )
    plain, _ = _count(rows, lambda cell: False)
    listed = ", ".join(f"{c} {i}" for i, c in enumerate(colors, 1))
    found.append(ask("colors", len(colors), [*plain, f"colours: {listed}", f"The count is {len(colors)}."]))
    listed = ", ".join(f"{s} {i}" for i, s in enumerate(shapes, 1))
    found.append(ask("sorts", len(shapes), [*plain, f"sorts: {listed}", f"The count is {len(shapes)}."]))
    for kind, counter, word in (("most_color", colors, "colour"), ("most_shape", shapes, "shape")):
        best = max(counter.values())
        if list(counter.values()).count(best) == 1 and len(counter) > 1:
            who = max(counter, key=lambda one: counter[one])
            each = "; ".join(f"{one}: {n}" for one, n in counter.items())
            found.append(name(kind, who, [*plain, each, f"The most common {word} is {who}."]))
    some_color = rng.choice(("red", "blue", "green", "yellow", "orange", "purple", "black", "gray"))
    asked = (color, shape) if rng.random() < 0.5 else (some_color, rng.choice(tuple(PLURALS)))
    lines, number = _count(rows, lambda cell: cell == asked)
    thing = " ".join(asked)
    found.append(yes("is_there", number > 0, [*lines, f"{thing}: {number}"], thing=thing))
    i = rng.randrange(len(rows))
    row = ", ".join(f"{' '.join(cell)} {k}" for k, cell in enumerate(rows[i], 1))
    found.append(
        ask("in_row", len(rows[i]), [f"row {i + 1}: {row}", f"The count is {len(rows[i])}."], row=i + 1)
    )
    found.append(ask("lines", len(rows), [*plain, f"The count is {len(rows)}."]))
    return found


def compare(base: Base) -> list[Inquiry]:
    """Questions about two pictures that were drawn for "removed"."""
    found = list[Inquiry]()
    for word in ("first", "second"):
        rows = _rows(base, f"{word} row ")
        lines, number = _count(rows, lambda cell: True, f"{word} row")
        found.append(ask("in_picture", number, [*lines, f"The count is {number}."], which=word))
    return found


def _grid(base: Base, what: str) -> list[Inquiry]:
    """Questions about a board that was drawn for "cell": about its size, corners and rows."""
    read = base.lines[:-1]
    cells = {k: v for k, v in base.facts.items() if re.fullmatch(r"\d+\.\d+", k)}
    height, width = (max(int(k.split(".")[p]) for k in cells) for p in (0, 1))
    found = [
        ask("rows", height, [*read, f"rows: {height}"]),
        ask("columns", width, [*read, f"columns: {width}"]),
        ask("cells", height * width, [*read, f"{height} × {width} = {height * width}"]),
    ]
    places = {k: v for k, v in base.facts.items() if v.startswith("row ")}
    for thing, place in list(places.items())[:4]:
        marked = [line.replace(f": {thing}", f": {thing}; {thing}: {place}", 1) for line in read]
        found.append(name("where", place, [*marked, f"It is in {place}."], thing=thing))
    for at, thing in base.rng.sample(sorted(cells.items()), min(3, len(cells))):
        row, column = at.split(".")
        found.append(name("cell", thing, [*read, f"{at}: {thing}"], row=row, column=column))
    corners = {
        "top left": "1.1", "top right": f"1.{width}", "bottom left": f"{height}.1",
        "bottom right": f"{height}.{width}",
    }  # fmt: skip
    if height % 2 and width % 2:
        corners["middle"] = f"{(height + 1) // 2}.{(width + 1) // 2}"
    where, at = base.rng.choice(list(corners.items()))
    found.append(name("corner", cells[at], [*read, f"{at}: {cells[at]}"], where=where, what=what))
    line = base.rng.randint(1, height)
    listed = ", ".join(cells[f"{line}.{k}"] for k in range(1, width + 1))
    found.append(name("row_list", listed, [*read, f"row {line}: {listed}"], row=line))
    return found


def spatial(base: Base) -> list[Inquiry]:
    """Questions about shapes that were drawn for "cell"."""
    found, read = _grid(base, "shape"), base.lines[:-1]
    things = [k for k, v in base.facts.items() if v.startswith("row ")]
    shapes = Counter(one.split(" ")[1] for one in things)
    alone = [one for one in things if shapes[one.split(" ")[1]] == 1]
    if alone:
        color, shape = base.rng.choice(alone).split(" ")
        found.append(name("hue_of", color, [*read, f"{color} {shape}: {base.facts[f'{color} {shape}']}",
                                           f"It is {color}."], shape=shape))  # fmt: skip
    other = (
        f"{base.rng.choice(('red', 'blue', 'green', 'yellow', 'black'))} {base.rng.choice(tuple(PLURALS))}"
    )
    thing = base.rng.choice(things) if base.rng.random() < 0.5 else other
    place = [f"{thing}: {base.facts[thing]}"] if thing in things else [f"{thing}: none"]
    found.append(yes("is_there", thing in things, [*read, *place], thing=thing))
    return found


def icon(base: Base) -> list[Inquiry]:
    """Questions about drawings of things that were made for "cell"."""
    found, read = _grid(base, "thing"), base.lines[:-1]
    things = [k for k, v in base.facts.items() if v.startswith("row ")]
    other = base.rng.choice(
        ("sun", "cloud", "anchor", "cat", "plane", "cup", "gear", "flower", "king", "mouse")
    )
    thing = base.rng.choice(things) if base.rng.random() < 0.5 else other
    place = [f"{thing}: {base.facts[thing]}"] if thing in things else [f"{thing}: none"]
    found.append(yes("is_there", thing in things, [*read, *place], thing=thing))
    return found


def clock(base: Base) -> list[Inquiry]:
    """Questions about one clock that was drawn for "time"."""
    read = base.lines[:-1]
    hour, minute = (int(part) for part in base.facts["time"].split(":"))
    found = [
        ask("past", minute, [*read, f"The minutes are {minute}."]),
        ask("hour", hour, [*read, f"The hour is {hour}."]),
    ]
    if minute:
        found.append(ask("until", 60 - minute, [*read, f"60 - {minute} = {60 - minute}"]))
    for kind, sign, shift in (("in_half", "+", 30), ("in_hour", "+", 60), ("in_quarter", "+", 15),
                              ("hour_ago", "-", 60), ("half_ago", "-", 30)):  # fmt: skip
        total = (hour * 60 + minute + (shift if sign == "+" else -shift)) % 720
        time = f"{total // 60 or 12}:{total % 60:02d}"
        if shift == 60:
            work = f"{hour} {sign} 1 = {hour + (1 if sign == '+' else -1)}, so {time}"
        else:
            result = minute + shift if sign == "+" else minute - shift
            over = ""
            if result > 59:
                over = f", {result} - 60 = {result - 60}"
            elif result < 0:
                over = f", {minute} + 60 - {shift} = {minute + 60 - shift}"
            shown = f"{minute} {sign} {shift} = {result}" if result >= 0 else f"{minute} is less than {shift}"
            work = f"{shown}{over}, so {time}"
        found.append(Inquiry(kind, time, "\n".join([*read, work, f"It is {time}."]), {}, "time"))
    return found


def expression(base: Base) -> list[Inquiry]:
    """Questions about numbers that were drawn for "largest"."""
    numbers = [int(n) for n in base.facts["numbers"].split(", ")]
    read = [f"numbers: {base.facts['numbers']}"]
    low = [read[0]]
    best = numbers[0]
    for number in numbers[1:]:
        low.append(f"{best} or {number}: {min(best, number)}")
        best = min(best, number)
    total = sum(numbers)
    return [
        ask("smallest", best, [*low, f"The smallest is {best}."]),
        ask("numbers", len(numbers), [*read, f"That makes {len(numbers)}."]),
        ask("sum_of", total, [*read, running_sum(numbers), f"The sum is {total}."]),
        ask("spread", max(numbers) - best, [*base.lines[:-1], *low[1:], less(max(numbers), best)]),
        ask("first", numbers[0], [*read, f"The first is {numbers[0]}."]),
        ask("last", numbers[-1], [*read, f"The last is {numbers[-1]}."]),
    ]


def handwriting(base: Base) -> list[Inquiry]:
    """Questions about one number that was drawn for "read"."""
    read = base.lines[0]
    digits = [int(d) for d in base.facts["digits"].split(" ")]
    total, number = sum(digits), "".join(map(str, digits))
    found = [
        ask("digits", len(digits), [read, f"That makes {len(digits)}."]),
        ask("first_digit", digits[0], [read, f"The first is {digits[0]}."]),
        ask("last_digit", digits[-1], [read, f"The last is {digits[-1]}."]),
        ask("largest_digit", max(digits), [read, f"The largest is {max(digits)}."]),
        yes("even", digits[-1] % 2 == 0, [read, f"The last is {digits[-1]}."]),
        ask("plus_one", int(number) + 1, [read, f"{int(number)} + 1 = {int(number) + 1}"]),
    ]
    if len(digits) > 1:
        found.append(ask("digit_sum", total, [read, running_sum(digits), f"The sum is {total}."]))
    if len(digits) > 2 and unique(digits, digits[1]):
        found.append(ask("second_digit", digits[1], [read, f"The second is {digits[1]}."]))
    return found

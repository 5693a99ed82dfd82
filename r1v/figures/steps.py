"""Worked arithmetic, one small operation a line, as the solutions of chart questions write it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def readings(pairs: Iterable[tuple[str, object]]) -> str:
    """``name: value; name: value`` on one line."""
    return "; ".join(f"{name}: {value}" for name, value in pairs)


def indexed(place: str, pairs: Iterable[tuple[str, object]], details: Sequence[str] = ()) -> str:
    """A line ``bar 1; pear: 12`` for each pair: where to look comes before what is read there.

    details: said of each place before its name, as in ``bar 1, line 3; pear: 15``.
    """
    lines = []
    for number, (name, value) in enumerate(pairs, 1):
        detail = f", {details[number - 1]}" if details else ""
        lines.append(f"{place} {number}{detail}; {name}: {value}")
    return "\n".join(lines)


def so_far(pairs: Sequence[tuple[str, object]], largest: bool, word: str) -> list[str]:
    """``Mar: 5; lowest Mar 5`` for each pair: a record is said where it is met, and not looked for later."""
    values = [float(str(value)) for _, value in pairs]
    met = set(records([name for name, _ in pairs], values, largest))
    return [
        f"{name}: {value}" + (f"; {word} {name} {value}" if i in met else "")
        for i, (name, value) in enumerate(pairs)
    ]


def grid_lines(values: Sequence[int], low: int, step: int) -> list[str]:
    """Which grid line each value lies on, counted from the axis, ``line 3`` or half-way ``line 3.5``."""
    return [f"line {(value - low) / step:g}" for value in values]


def running_sum(values: Sequence[int]) -> str:
    """The lines that add the values from left to right; empty for fewer than two."""
    lines, total = [], values[0]
    for value in values[1:]:
        lines.append(f"{total} + {value} = {total + value}")
        total += value
    return "\n".join(lines)


def product(left: int, right: int) -> str:
    """The lines that multiply two numbers from 0 on, the longer one taken apart by its places."""
    if left < right:
        left, right = right, left
    if left < 10 or right in (0, 1, 10, 100) or left % 10 ** (len(str(left)) - 1) == 0:
        return f"{left} x {right} = {left * right}"
    if right >= 10 and right % 10:  # two long factors: by the places of the second
        tens, ones = right // 10 * 10, right % 10
        return "\n".join(
            [
                f"{left} x {tens} = {left * tens}",
                *([product(left, ones)] if left % 10 else [f"{left} x {ones} = {left * ones}"]),
                f"{left * tens} + {left * ones} = {left * right}",
            ]
        )
    places = [int(d) * 10 ** (len(str(left)) - 1 - i) for i, d in enumerate(str(left)) if d != "0"]
    lines = [f"{place} x {right} = {place * right}" for place in places]
    if len(places) > 1:
        lines.append(running_sum([place * right for place in places]))
    return "\n".join(lines)


def records(names: Sequence[str], values: Sequence[float], largest: bool) -> list[int]:
    """The indices at which a new largest (or smallest) value is met, going from left to right."""
    found = [0]
    for i in range(1, len(names)):
        if (values[i] > values[found[-1]]) if largest else (values[i] < values[found[-1]]):
            found.append(i)
    return found


def record_line(names: Sequence[str], values: Sequence[float], largest: bool, word: str) -> str:
    """``Highest so far: pear 12, plum 19`` over the readings."""
    found = records(names, values, largest)
    return f"{word} so far: " + ", ".join(f"{names[i]} {values[i]}" for i in found)

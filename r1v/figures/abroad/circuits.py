"""Resistor circuits by schemdraw with US and European symbols, and on sheets of natural shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from PIL import Image

from r1v.figures.abroad.board import Easel
from r1v.figures.abroad.hosted import Painter
from r1v.figures.abroad.scene import Asked, ToolPicture, plain_request
from r1v.figures.drawing.sketch import arrange
from r1v.figures.drawing.style import Style
from r1v.figures.families import circuit
from r1v.figures.families.circuit import Circuit
from r1v.figures.item import DIFFICULTIES

_END = "[|||| Give the number.| Just the number.]"
_STOP = "[?|?|.||? Give the number.|? Just the number.]"
_FIND = "[What is|Find|Calculate|Work out|What's|Determine|How large is]"
PHRASES: dict[str, tuple[str, str]] = {
    "total": (
        f"{_FIND} the [total resistance|equivalent resistance|resistance of the whole circuit]{_STOP}",
        "[Which single resistor could replace them all?]",
    ),
    "current": (
        "[What is the current|How many amps flow through the battery|What current does the battery deliver|"
        f"Find the current in amperes|Calculate the total current]?{_END}",
        "[How many amperes flow in all?]",
    ),
    "voltage": (
        "[What is the voltage across {name}|What is the voltage drop over {name}|How many volts are across "
        f"{{name}}|Find the voltage over {{name}}]?{_END}",
        "[How many volts drop at {name}?]",
    ),
    "value": (
        "[What is the value of {name}|What is {name}|How many ohms is {name}|Value of {name}|{name}|What "
        f"resistance does {{name}} have]?{_END}",
        "[How large is the resistor {name}?]",
    ),
    "battery": (
        "[What is the voltage of the battery|How many volts does the battery have|What voltage does the "
        "source "
        f"give|Battery voltage]?{_END}",
        "[How strong is the battery, in volts?]",
    ),
    "count": (
        "[How many resistors are there|How many resistors does the circuit have|Count the "
        "resistors|Number of "
        f"resistors]?{_END}",
        "[How many resistors can you see?]",
    ),
}


@dataclass(frozen=True, slots=True)
class Wired:
    """A circuit and the kinds of questions that it allows."""

    circuit: Circuit
    kinds: tuple[str, ...]


def plan(rng: Random, level: int) -> Wired:
    """One to four resistors, in series, in parallel, or both."""
    kind = rng.choice(("total", "current", "voltage"))
    made = circuit.plan(plain_request(kind, DIFFICULTIES[level], rng))
    kinds = ("current", "value", "battery", "count") + (("total",) * 2 if len(made.ohms) > 1 else ())
    if made.shape in ("behind", "between") or (made.shape == "series" and len(made.ohms) > 1):
        kinds += ("voltage",)
    return Wired(made, kinds)


def ask(wired: Wired, drawn: ToolPicture, rng: Random) -> Asked:
    """One question; the battery and every resistor are read first, as the family reads them."""
    made, kind = wired.circuit, rng.choice(wired.kinds)
    facts = {"battery": str(made.volts)} | {f"R{i}": str(ohm) for i, ohm in enumerate(made.ohms, 1)}
    read = [f"{name}: {value}" for name, value in facts.items()]
    i = rng.randrange(len(made.ohms))
    if kind in ("total", "value", "count"):
        read = read[1:]
    if kind == "value":
        answer, name = str(made.ohms[i]), f"R{i + 1}"
        return Asked(
            kind, {"name": name}, answer, "number", "\n".join([*read, f"{name} is {answer} ohm."]), facts
        )
    if kind == "count":
        answer = str(len(made.ohms))
        return Asked(kind, {}, answer, "number", "\n".join([*read, f"That makes {answer}."]), facts)
    if kind == "battery":
        return Asked(
            kind,
            {},
            str(made.volts),
            "number",
            f"battery: {made.volts}\nThe battery has {made.volts} V.",
            facts,
        )
    lines, number, name = circuit.working(kind, made, rng)
    return Asked(kind, {"name": name}, str(number), "number", "\n".join([*read, *lines]), facts)


def schemdraw(wired: Wired, rng: Random) -> ToolPicture:
    """schemdraw's zigzags or boxes, with its own letters."""
    style = Style(Random(rng.random()))
    if rng.random() < 0.6:
        style.background, style.ink = (255, 255, 255), (0, 0, 0)
    return ToolPicture(circuit.schematic(wired.circuit, style))


def drawn_by(paint: Callable[[Easel, Random], Image.Image]) -> Callable[[Wired, Random], ToolPicture]:
    """The family's layout on other sheets, by another painter."""

    def draw(wired: Wired, rng: Random) -> ToolPicture:
        style = Style(Random(rng.random()))
        style.host = Painter(paint, rng)
        sketch = arrange(style, lambda look: circuit.sketch_of(wired.circuit, look))
        return ToolPicture(sketch.paint())

    return draw

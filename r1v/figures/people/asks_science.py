"""Further questions about graphs, geometry, circuits, forces, formulas and molecules."""

from __future__ import annotations

import re
from itertools import pairwise

from r1v.figures.families.geometry import product
from r1v.figures.people.asks import Base, Inquiry, ask, less, name, unique, yes
from r1v.figures.steps import record_line, running_sum


def _walk(points: dict[int, int], x: int) -> str | None:
    """``f(0) = 2; f(1) = 3``: from 0 to x, or None where a point on the way is not known."""
    way = range(0, x + (1 if x >= 0 else -1), 1 if x >= 0 else -1)
    if any(k not in points for k in way):
        return None
    return "; ".join(f"f({k}) = {points[k]}" for k in way)


def function_plot(base: Base) -> list[Inquiry]:
    """Questions about a graph that was drawn for "value"."""
    points = {
        int(k[2:-1]): int(v) for k, v in base.facts.items() if re.fullmatch(r"f\(-?\d+\)", k) and "/" not in v
    }
    known = [x for x in points if _walk(points, x)]
    if len(known) < 2:
        return []
    a, b = base.rng.sample(known, 2)
    u, v = points[a], points[b]
    read = [f"{_walk(points, a)}", f"{_walk(points, b)}"]
    second = f"({v})" if v < 0 else str(v)
    sign = "positive" if u > 0 else "negative" if u < 0 else "zero"
    return [
        ask("plus", u + v, [*read, f"{u} + {second} = {u + v}"], a=a, b=b),
        ask("minus", u - v, [*read, f"{u} - {second} = {u - v}"], a=a, b=b),
        yes("is_larger", u > v, [*read, f"f({a}) = {u}", f"f({b}) = {v}"], a=a, b=b),
        name("sign", sign, [read[0], f"f({a}) is {sign}."], x=a),
    ]


def kinematics(base: Base) -> list[Inquiry]:
    """Questions about a graph of positions or velocities."""
    who = base.fields["who"]
    knots = {int(k[2:-1]): int(v) for k, v in base.facts.items() if re.fullmatch(r"[xv]\(\d+\)", k)}
    letter = next(iter(base.facts))[0]
    what, unit = ("position", "m") if letter == "x" else ("velocity", "m/s")
    read = "; ".join(f"{letter}({t}) = {v}" for t, v in knots.items())
    times, values = list(knots), list(knots.values())
    names = [f"{t} s" for t in times]
    found = [
        ask("start", values[0], [read, f"At the start it is {values[0]} {unit}."], what=what, who=who),
        ask("end", values[-1], [read, f"At the end it is {values[-1]} {unit}."], what=what, who=who),
        ask("lasts", times[-1], [read, f"The last time is {times[-1]} s."], who=who),
        ask("pieces", len(times) - 1, [read, f"{len(times)} points, {len(times) - 1} pieces"]),
    ]
    for extreme, best in (("largest", max(values)), ("smallest", min(values))):
        line = record_line(names, values, extreme == "largest", extreme.capitalize()) + "."
        found.append(ask("peak", best, [read, line], extreme=extreme, what=what, who=who))
        if unique(values, best):
            at = times[values.index(best)]
            found.append(
                ask("peak_when", at, [read, line, f"It is at {at} s."], extreme=extreme, what=what, who=who)
            )
    if letter == "x":
        back = sum(v < u for u, v in pairwise(values))
        steps = [
            f"{a} to {b} s: {'ahead' if v > u else 'back' if v < u else 'rest'}"
            for (a, u), (b, v) in pairwise(knots.items())
        ]
        found.append(yes("turns_back", back > 0, [read, *steps], who=who))
    return found


def geometry(base: Base) -> list[Inquiry]:
    """Questions about what is written in the drawing."""
    facts, found = base.facts, list[Inquiry]()
    read = [f"{k}: {v}" for k, v in facts.items()]
    for key, value in facts.items():
        if key.startswith("angle "):
            letter = key.split(" ")[1]
            found.append(
                ask("angle", value, [*read, f"The angle {letter} is {value} degrees."], letter=letter)
            )
        elif re.fullmatch("[A-Z]{2}", key):
            found.append(ask("side", value, [*read, f"The side {key} is {value}."], side=key))
        elif key in ("width", "height", "left", "top", "right", "bottom"):
            found.append(ask("named_side", value, [*read, f"{key}: {value}"], side=key))
    angles = [int(v) for k, v in facts.items() if k.startswith("angle ")]
    if len(angles) > 1:
        found.append(ask("known_sum", sum(angles), [*read, running_sum(angles)]))
        names = [k.removeprefix("angle ") for k in facts if k.startswith("angle ")]
        if unique(angles, max(angles)):
            best = names[angles.index(max(angles))]
            found.append(
                name("largest_known", best, [*read, record_line(names, angles, True, "Largest") + "."])
            )
    if "width" in facts:
        w, h = int(facts["width"]), int(facts["height"])
        around = [f"{w} + {h} = {w + h}", f"2 * {w + h} = {2 * (w + h)}", f"The perimeter is {2 * (w + h)}."]
        found.append(ask("rectangle_perimeter", 2 * (w + h), [*read, *around]))
        found.append(ask("rectangle_area", w * h, [*read, *product(w, h), f"The area is {w * h}."]))
        found.append(yes("square", w == h, [*read, f"{w} and {h} are {'equal' if w == h else 'not equal'}."]))
        found.append(ask("side_gap", abs(w - h), [*read, less(w, h)]))
        if w != h:
            found.append(name("longer", "width" if w > h else "height", [*read, f"{max(w, h)} is larger."]))
    return found


def circuit(base: Base) -> list[Inquiry]:
    """Questions about a circuit that was drawn for "current"."""
    facts = dict(base.facts)
    volts = int(facts.pop("battery"))
    names, ohms = list(facts), [int(v) for v in facts.values()]
    read = [f"battery: {volts}", *(f"{k}: {v}" for k, v in facts.items())]
    rng = base.rng
    found = [
        ask("value", ohm, [*read, f"{one} has {ohm} ohm."], name=one)
        for one, ohm in zip(names, ohms, strict=True)
    ]
    found += [
        ask("battery", volts, [*read, f"The battery has {volts} V."]),
        ask("resistors", len(names), [*read, f"There are {len(names)} resistors."]),
        ask("ohm_sum", sum(ohms), [*read, running_sum(ohms)]),
        yes("has_parallel", "parallel" in base.figure.solution,
            [*read, *[line for line in base.lines if "parallel" in line]]),
    ]  # fmt: skip
    for extreme, best, word in (("largest", max(ohms), "Largest"), ("smallest", min(ohms), "Smallest")):
        line = record_line(names, ohms, extreme == "largest", word) + "."
        found.append(ask("peak", best, [*read, line, f"It is {best} ohm."], extreme=extreme))
        if unique(ohms, best):
            one = names[ohms.index(best)]
            found.append(name("peak_name", one, [*read, line, f"It is {one}."], extreme=extreme))
    if len(names) > 1:
        i, j = rng.sample(range(len(names)), 2)
        a, b, u, v = names[i], names[j], ohms[i], ohms[j]
        both = [*read, f"{a}: {u}", f"{b}: {v}"]
        found.append(ask("apart", abs(u - v), [*both, less(u, v)], a=a, b=b))
        found.append(yes("is_larger", u > v, both, a=a, b=b))
    current = int(base.figure.answer)
    total = volts // current
    found.append(ask("total", total, [*base.lines[1:-2], f"The total resistance is {total} ohm."]))
    found.append(ask("current", current, base.lines))
    if "parallel" not in base.figure.solution:
        for one, ohm in zip(names, ohms, strict=True):
            end = [f"{current} * {ohm} = {current * ohm}", f"The voltage over {one} is {current * ohm} V."]
            found.append(ask("voltage", current * ohm, [*base.lines[:-1], *end], name=one))
    work = [f"{volts} * {current} = {volts * current}", f"The power is {volts * current} W."]
    found.append(ask("power", volts * current, [*base.lines, *work]))
    return found


def theorem(base: Base) -> list[Inquiry]:
    """Questions about the angles that are written in the drawing."""
    return [one for one in geometry(base) if one.kind == "angle"]


def solid(base: Base) -> list[Inquiry]:
    """Questions about a box with three lengths."""
    facts = base.facts
    read = [f"{k}: {v}" for k, v in facts.items()]
    found = [ask("length", v, [*read, f"The {k} is {v}."], what=k) for k, v in facts.items()
             if k in ("width", "height", "depth")]  # fmt: skip
    if {"width", "height", "depth"} <= set(facts):
        sides = {k: int(facts[k]) for k in ("width", "height", "depth")}
        names, values = list(sides), list(sides.values())
        w, h, d = values
        edges = [
            f"{w} + {h} = {w + h}",
            f"{w + h} + {d} = {w + h + d}",
            f"4 * {w + h + d} = {4 * sum(values)}",
        ]
        found.append(
            ask("box_edges", 4 * sum(values), [*read, *edges, f"The total length is {4 * sum(values)}."])
        )
        volume = [*product(w, h), *product(w * h, d), f"The volume is {w * h * d}."]
        found.append(ask("box_volume", w * h * d, [*read, *volume]))
        if unique(values, max(values)):
            best = names[values.index(max(values))]
            found.append(name("longest", best, [*read, record_line(names, values, True, "Longest") + "."]))
        if max(values) <= 12:
            found.append(ask("front", w * h, [*read, f"{w} * {h} = {w * h}", f"The front has {w * h}."]))
            found.append(ask("ground", w * d, [*read, f"{w} * {d} = {w * d}", f"The ground has {w * d}."]))
        found.append(yes("cube", len(set(values)) == 1, [*read, "All are equal." if len(set(values)) == 1 else
                                                         "They are not all equal."]))  # fmt: skip
    if "across" in facts:
        n = int(facts["high"])
        found.append(ask("layers", n, [*read, f"high: {n}"]))
        a, d = int(facts["across"]), int(facts["deep"])
        found.append(ask("layer", a * d, [*read, f"{a} * {d} = {a * d}"]))
    return found


def force(base: Base) -> list[Inquiry]:
    """Questions about forces to the left and right."""
    facts = base.facts
    sides = {k: [int(n) for n in facts[k].split(", ")] if facts[k] != "none" else []
             for k in ("left", "right") if k in facts}  # fmt: skip
    if len(sides) < 2:
        return []
    read = [f"{k}: {facts[k]}" for k in sides]
    every = [n for one in sides.values() for n in one]
    found = [
        ask("arrows", len(every), [*read, f"{len(sides['left'])} + {len(sides['right'])} = {len(every)}"]),
        ask("strongest", max(every), [*read, f"The largest is {max(every)}."]),
        ask("weakest", min(every), [*read, f"The smallest is {min(every)}."]),
    ]
    for side, numbers in sides.items():
        total = sum(numbers)
        work = [running_sum(numbers)] if len(numbers) > 1 else []
        found.append(ask("side_sum", total, [*read, *work, f"To the {side} it is {total} N."], side=side))
        found.append(
            ask("side_count", len(numbers), [*read, f"To the {side} there are {len(numbers)}."], side=side)
        )
    if "mass" in facts:
        found.append(ask("mass", facts["mass"], [f"mass: {facts['mass']}"]))
    return found


def formula(base: Base) -> list[Inquiry]:
    """Questions about the lines that are written in the picture."""
    lines = [f"{k}: {v}" for k, v in base.facts.items() if k.startswith("line ")]
    found = [ask("written_lines", len(lines), [*lines, f"That makes {len(lines)}."])]
    for value in base.facts.values():
        given = re.fullmatch(r"(\w) = (-?\d+)", value)
        if given:
            found.append(ask("given", given[2], [*lines, f"{given[1]} is {given[2]}."], name=given[1]))
    return found


def molecule(base: Base) -> list[Inquiry]:
    """Questions about a molecule that was drawn for "hydrogens"."""
    atoms = {k: v for k, v in base.facts.items() if re.fullmatch(r"[A-Z][a-z]?\d+", k)}
    symbols = [re.match("[A-Z][a-z]?", k)[0] for k in atoms]  # type: ignore[index]
    read = [f"{k}: {v}" for k, v in atoms.items()]
    hydrogens, heavy = int(base.figure.answer), len(atoms)
    total = hydrogens + heavy
    kinds = sorted({*symbols, *(["H"] if hydrogens else [])})
    found = [
        ask("heavy", heavy, [*read, f"There are {heavy} atoms."]),
        ask("atoms", total, [*base.lines, f"{hydrogens} + {heavy} = {total}", f"There are {total} atoms."]),
        yes("has_oxygen", "O" in symbols, read),
        yes("has_nitrogen", "N" in symbols, read),
        ask("methyl", sum(v == "CH3" for v in atoms.values()),
            [*read, f"CH3: {sum(v == 'CH3' for v in atoms.values())}"]),
        ask("elements", len(kinds), [*read, ", ".join(kinds), f"That makes {len(kinds)}."]),
    ]  # fmt: skip
    for kind, letter, word in (("carbons", "C", "carbon"), ("oxygens", "O", "oxygen")):
        number = symbols.count(letter)
        end = f"There is 1 {word} atom." if number == 1 else f"There are {number} {word} atoms."
        found.append(ask(kind, number, [*read, end]))
    if "N" in symbols:
        number = symbols.count("N")
        end = f"There is {number} nitrogen atom." if number == 1 else f"There are {number} nitrogen atoms."
        found.append(ask("nitrogens", number, [*read, end]))
    return found

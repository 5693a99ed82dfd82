"""Further questions about bar, line and pie charts, tables, sets, networks, maps, months and money."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from r1v.figures.people.asks import Base, Inquiry, ask, less, name, unique, yes
from r1v.figures.steps import readings, record_line, running_sum

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NTH = ("first", "second", "third", "fourth", "fifth", "sixth")


def _among(
    base: Base, read: Sequence[str], names: list[str], values: list[int], unit: str = ""
) -> list[Inquiry]:
    """Questions about any named values. read: the lines that read them all. unit: as it is read."""
    rng, found = base.rng, list[Inquiry]()
    i, j = rng.sample(range(len(names)), 2)
    a, b, u, v = names[i], names[j], values[i], values[j]
    both = [f"{a}: {u}{unit}", f"{b}: {v}{unit}"]
    high, low = max(values), min(values)
    for extreme, best, word in (("highest", high, "Largest"), ("lowest", low, "Smallest")):
        line = record_line(names, values, best == high, word) + "."
        found.append(ask("peak", best, [*read, line, f"The {extreme} value is {best}."], extreme=extreme))
    if u != v:
        top = a if u > v else b
        found += [
            name("larger", top, [*read, *both, f"{top} is larger."], a=a, b=b),
            name("smaller", b if u > v else a, [*read, *both, f"{b if u > v else a} is smaller."], a=a, b=b),
            yes("is_larger", u > v, [*read, *both], a=a, b=b),
            ask("apart", abs(u - v), [*read, *both, less(u, v)], a=a, b=b),
        ]
    ends = [
        record_line(names, values, True, "Largest") + ".",
        record_line(names, values, False, "Smallest") + ".",
    ]
    found.append(ask("range", high - low, [*read, *ends, f"{high} - {low} = {high - low}"]))
    total = sum(values)
    found.append(ask("everything", total, [*read, running_sum(values), f"The sum is {total}."]))
    if total % len(values) == 0:
        mean = total // len(values)
        work = [running_sum(values), f"{total} / {len(values)} = {mean}", f"The average is {mean}."]
        found.append(ask("mean", mean, [*read, *work]))
    if unique(values, u):
        found.append(name("who", a, [*read, f"{a}: {u}{unit}"], value=u))
    if unique(values, high):
        rest = [k for k in range(len(names)) if values[k] != high]
        second = max(values[k] for k in rest)
        if unique(values, second):
            who = names[values.index(second)]
            work = [f"largest: {names[values.index(high)]} {high}"]
            kept = [names[k] for k in rest], [values[k] for k in rest]
            work.append(record_line(*kept, True, "Without it") + ".")
            found.append(name("second", who, [*read, *work, f"{who} is second."]))
    return found


def bar_chart(base: Base) -> list[Inquiry]:
    """Questions about a bar chart that was drawn for "value"."""
    facts, read = dict(base.facts), base.lines[:-1]
    facts.pop("grid step", None)
    names, values, rng = list(facts), [int(v) for v in facts.values()], base.rng
    found = _among(base, read, names, values)
    found += [ask("value", v, [*read, f"{n} has {v}."], name=n) for n, v in facts.items()]
    found.append(ask("count", len(names), [*read, f"That makes {len(names)}."]))
    found.append(name("names", ", ".join(names), [*read, ", ".join(names)]))
    place = rng.randrange(len(names))
    found.append(name("at_place", names[place], [*read, f"bar {place + 1}: {names[place]}"], nth=_NTH[place]))
    limits = [n for n in range(min(values) + 1, max(values)) if n not in values]
    if limits:
        limit = rng.choice([n for n in limits if n % 5 == 0] or limits)
        under, lines = 0, [f"limit: {limit}"]
        for line in read:
            at = line.rfind("; ")
            if not line.startswith("bar "):
                lines.append(line)
                continue
            value = int(line[at:].rsplit(": ", 1)[1])
            under += value < limit
            lines.append(f"{line}; " + (f"below, {under}" if value < limit else "above"))
        found.append(ask("below", under, [*lines, f"That makes {under}."], limit=limit))
    return found


def line_chart(base: Base) -> list[Inquiry]:
    """Questions about a line chart that was drawn for "value"; of two lines, about the one asked for."""
    labels = [v for k, v in base.facts.items() if k.startswith("point ")]
    values, read = [int(base.facts[label]) for label in labels], base.lines[:-1]
    who = str(base.fields["of"])
    lines = [k for k, v in base.facts.items() if f"{k} {labels[0]}" in base.facts]
    found = [one for one in _among(base, read, labels, values) if one.kind != "who"] if not lines else []
    if lines:
        shown = [line for line in read if line.startswith(f"{lines[0]}: ")][:1]
        found.append(ask("how_many_lines", len(lines), [*shown, f"That makes {len(lines)}."]))
        pick = base.rng.choice(lines)
        found.append(name("hue", base.facts[pick], [*shown, f"{pick}: {base.facts[pick]}"], name=pick))
        found.append(name("of_hue", pick, [*shown, f"{pick}: {base.facts[pick]}"], hue=base.facts[pick]))
        high = max(values)
        work = [record_line(labels, values, True, "Largest") + ".", f"The highest value is {high}."]
        found.append(ask("peak_of", high, [*read, *work], of=who))
        total = sum(values)
        found.append(
            ask("everything_of", total, [*read, running_sum(values), f"The sum is {total}."], of=who)
        )
    else:
        ups = sum(b > a for a, b in pairwise(values))
        steps = [f"{a} to {b}: {'up' if b > a else 'down' if b < a else 'same'}" for a, b in pairwise(values)]
        found.append(ask("ups", ups, [*read, *steps, f"That makes {ups}."]))
        found += [
            ask("value", v, [*read, f"In {label} the line is at {v}."], label=label, of=who)
            for label, v in zip(labels, values, strict=True)
        ]
    found.append(ask("points", len(labels), [*read, f"That makes {len(labels)}."]))
    return found


def pie_chart(base: Base) -> list[Inquiry]:
    """Questions about a pie chart that was drawn for "share"."""
    read, rng = base.lines[:-1], base.rng
    names, values = list(base.facts), [int(v.removesuffix("%")) for v in base.facts.values()]
    hues = [line.split(", ", 1)[1].split(";", 1)[0] for line in read]
    unit = "%" if "%" in base.figure.solution else ""
    found = _among(base, read, names, values, unit)
    found = [one for one in found if one.kind not in ("mean", "everything")]
    found += [
        ask("share", v, [*read, f"{n} has {v}{unit}."], name=n) for n, v in zip(names, values, strict=True)
    ]
    i = rng.randrange(len(names))
    found.append(name("hue", hues[i], [*read, f"{names[i]} is {hues[i]}."], name=names[i]))
    if hues.count(hues[i]) == 1:
        found.append(name("of_hue", names[i], [*read, f"{hues[i]}: {names[i]}"], hue=hues[i]))
        number = values[i]
        found.append(ask("value_of_hue", number, [*read, f"{hues[i]}: {names[i]}, {number}"], hue=hues[i]))
    found.append(ask("count", len(names), [*read, f"That makes {len(names)}."]))
    found.append(name("names", ", ".join(names), [*read, ", ".join(names)]))
    return found


def table(base: Base) -> list[Inquiry]:
    """Questions about a table drawn for "row_sum" or "column_sum": about that row or column, and heads."""
    heads, pairs = base.lines[:3], dict(part.split(": ") for part in base.lines[3].split("; "))
    rows, columns = ([part.split(": ")[1] for part in line.split("; ")] for line in base.lines[:2])
    names, values = list(pairs), [int(v) for v in pairs.values()]
    key = {"row": base.fields["row"]} if "row" in base.fields else {"column": base.fields["column"]}
    across = "row" in key
    one = str(base.fields["row" if across else "column"])
    found = [
        Inquiry(f"{'row' if across else 'column'}_{each.kind}", each.answer, each.solution,
            {**each.fields, "of": one}, each.answer_type)
        for each in _among(base, base.lines[:4], names, values)
        if each.kind not in ("is_larger", "second")
    ]  # fmt: skip
    if across:
        found += [
            ask("lookup", v, [*base.lines[:4], f"{n}: {v}", f"The number is {v}."], row=one, column=n)
            for n, v in pairs.items()
        ]
    top = heads[:2]
    found += [
        ask("rows", len(rows), [heads[0], f"That makes {len(rows)}."]),
        ask("columns", len(columns), [*top, f"That makes {len(columns)}."]),
        name("row_names", ", ".join(rows), [heads[0], ", ".join(rows)]),
        name("column_names", ", ".join(columns), [*top, ", ".join(columns)]),
    ]
    return found


def venn(base: Base) -> list[Inquiry]:
    """Questions about a diagram that was drawn for "all": about other unions of its regions."""
    sets = [v for k, v in base.facts.items() if k.startswith("circle ")]
    regions = {k: int(v) for k, v in base.facts.items() if not k.startswith("circle ")}
    inside = {
        k: sets if k.startswith("all ") else [s for s in sets if s in k.split(" ", 1)[1].split(" and ")]
        for k in regions
    }
    a, b = base.rng.sample(sets, 2)

    def total(kind: str, asked: str, wanted: list[str], **fields: object) -> Inquiry:
        lines, so_far = [f"asked: {asked}", base.lines[1]], None
        for region, value in regions.items():
            if region not in wanted:
                lines.append(f"{region}: {value}; out" + ("" if so_far is None else f", still {so_far}"))
            elif so_far is None:
                so_far = value
                lines.append(f"{region}: {value}; in, {value}")
            else:
                lines.append(f"{region}: {value}; in, {so_far} + {value} = {so_far + value}")
                so_far += value
        return ask(kind, so_far or 0, [*lines, f"That makes {so_far or 0}."], **fields)

    found = [
        *(total("only", f"only {s}", [f"only {s}"], a=s) for s in sets),
        *(total("whole", s, [k for k in regions if s in inside[k]], a=s) for s in sets),
        total("both", f"{a} and {b}", [k for k in regions if {a, b} <= set(inside[k])], a=a, b=b),
        total("either", f"{a} or {b}", [k for k in regions if {a, b} & set(inside[k])], a=a, b=b),
        total("one_only", "exactly one", [k for k in regions if len(inside[k]) == 1]),
        total("without", f"{a} without {b}", [k for k in regions if a in inside[k] and b not in inside[k]],
              a=a, b=b),
        total("not_in", f"not {a}", [k for k in regions if a not in inside[k]], a=a),
        ask("sets", len(sets), [base.lines[1], f"That makes {len(sets)}."]),
        name("set_names", ", ".join(sets), [base.lines[1], ", ".join(sets)]),
    ]  # fmt: skip
    if len(sets) == 3:
        found.append(total("three", "all three", [k for k in regions if len(inside[k]) == 3]))
        found.append(total("two_only", "exactly two", [k for k in regions if len(inside[k]) == 2]))
    return found


def network(base: Base) -> list[Inquiry]:
    """Questions about a graph that was drawn for "shortest": about its nodes and all its edges."""
    rows = [base.lines[0]]
    nodes = sorted(
        letter for row in ("top", "middle", "bottom") for letter in base.facts.get(row, "").split(", ") if row
    )
    nodes = [n for n in nodes if n]
    edges = {k: int(v) for k, v in sorted(base.facts.items()) if k not in ("top", "middle", "bottom")}
    names, values = list(edges), list(edges.values())
    read = [*rows, readings(edges.items())]
    numbered = [*rows, *(f"{k}: {v}, edge {i}" for i, (k, v) in enumerate(edges.items(), 1))]
    a = base.rng.choice(nodes)
    near = {n: sorted(k.replace(n, "") for k in edges if n in k) for n in nodes}
    around = {n: readings((e, edges[e]) for e in ("".join(sorted(n + m)) for m in near[n])) for n in nodes}
    p, q = sorted(base.rng.sample(nodes, 2))
    total = sum(values)
    found = [
        *(ask("edge", w, [f"{e}: {w}"], a=e[0], b=e[1]) for e, w in edges.items()),
        ask("nodes", len(nodes), [*rows, f"That makes {len(nodes)}."]),
        ask("edges", len(edges), [*numbered, f"That makes {len(edges)}."]),
        ask("all_edges", total, [*read, running_sum(values), f"The sum is {total}."]),
        name("neighbours", ", ".join(near[a]), [around[a], ", ".join(near[a])], a=a),
        yes("joined", p + q in edges, [*rows, around[p]], a=p, b=q),
    ]
    for extreme, best in (("longest", max(values)), ("shortest", min(values))):
        line = record_line(names, values, extreme == "longest", extreme.capitalize()) + "."
        found.append(ask("edge_peak", best, [*read, line], extreme=extreme))
        if unique(values, best):
            edge = names[values.index(best)]
            found.append(name("edge_named", edge, [*read, line, f"It is {edge}."], extreme=extreme))
    return found


def town_map(base: Base) -> list[Inquiry]:
    """Questions about a map that was drawn for "square"."""
    first = base.lines[0]
    places = dict(part.split(": ") for part in first.split("; "))
    names = list(places)
    found = [
        *(name("square", at, [first, f"{place}: {at}"], place=place) for place, at in places.items()),
        ask("places", len(names), [first, f"That makes {len(names)}."]),
        name("place_names", ", ".join(names), [first, ", ".join(names)]),
    ]
    for word, axis, top in (("north", 1, True), ("south", 1, False), ("east", 0, True), ("west", 0, False)):
        keys = [(int(v[1:]) if axis else ord(v[0])) for v in places.values()]
        best = max(keys) if top else min(keys)
        if keys.count(best) == 1:
            who = names[keys.index(best)]
            found.append(name("furthest", who, [first, f"{who}: {places[who]}"], way=word))
    if len(names) > 1:
        a, b = base.rng.sample(names, 2)
        low, high = int(places[a][1:]), int(places[b][1:])
        both = [first, f"{a}: {places[a]}", f"{b}: {places[b]}"]
        found.append(yes("further_north", low > high, both, a=a, b=b))
        found.append(yes("same_column", places[a][0] == places[b][0], both, a=a, b=b))
    return found


def calendar(base: Base) -> list[Inquiry]:
    """Questions about a month that was drawn for "count"."""
    first, last = base.facts["the 1st"], int(base.facts["the last day"])
    start, lead = _DAYS.index(first), f"the 1st: {first}"
    weeks = list(range(1, last + 1, 7))
    reach = [f"{first}s: {', '.join(map(str, weeks))}",
             ", ".join(f"{d} {_DAYS[(start + d - 1) % 7]}" for d in range(weeks[-1], last + 1))]  # fmt: skip
    end = _DAYS[(start + last - 1) % 7]
    found = [
        name("first_day", first, [lead]),
        ask("days", last, [f"the last day: {last}"]),
        name("last_day", end, [lead, *reach, f"The month ends on {end}."]),
    ]
    day = base.rng.randrange(7)
    steps = (day - start) % 7
    walk = ", ".join(f"{1 + k} {_DAYS[(start + k) % 7]}" for k in range(steps + 1))
    dates = list(range(1 + steps, last + 1, 7))
    counted = ", ".join(f"{d} ({i})" for i, d in enumerate(dates, 1))
    lines = [lead, f"the last day: {last}", walk, f"{_DAYS[day]}s: {counted}"]
    long = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[day]
    found.append(ask("last_of", dates[-1], [*lines, f"The last is the {dates[-1]}."], weekday=long))
    found.append(name("all_of", ", ".join(map(str, dates)), lines, weekday=long))
    date = base.rng.randint(2, last)
    back = [d for d in weeks if d <= date][-1]
    reach = [f"{first}s: {', '.join(str(d) for d in weeks if d <= date)}",
             ", ".join(f"{d} {_DAYS[(start + d - 1) % 7]}" for d in range(back, date + 1))]  # fmt: skip
    weekday = _DAYS[(start + date - 1) % 7]
    found.append(yes("weekend", weekday in ("Sat", "Sun"), [lead, *reach, f"{date}: {weekday}"], number=date))
    return found


def money(base: Base) -> list[Inquiry]:
    """Questions about coins and notes that were drawn for "total"."""
    rows = [[int(part.split(" ")[0]) for part in v.split(", ")] for k, v in base.facts.items() if "row" in k]
    pieces, total = [value for row in rows for value in row], int(base.facts["total"])
    numbers = iter(range(1, 99))
    counted = [
        f"row {i}: " + ", ".join(f"{v} ({next(numbers)})" for v in row) for i, row in enumerate(rows, 1)
    ]
    plain = [f"row {i}: " + ", ".join(map(str, row)) for i, row in enumerate(rows, 1)]
    price = max(1, total + base.rng.choice((-1, 1)) * base.rng.randint(1, max(2, total // 2)))
    kinds = sorted(set(pieces))
    listed = ", ".join(map(str, kinds))
    paid, wanted = base.rng.randint(1, total), total + base.rng.randint(1, max(2, total))
    return [
        ask("change", total - paid, [*base.lines, f"{total} - {paid} = {total - paid}"], price=paid),
        ask("missing", wanted - total, [*base.lines, f"{wanted} - {total} = {wanted - total}"], price=wanted),
        ask("pieces", len(pieces), [*counted, f"That makes {len(pieces)}."]),
        ask("most", max(pieces), [*plain, f"The largest is {max(pieces)}."]),
        ask("least", min(pieces), [*plain, f"The smallest is {min(pieces)}."]),
        ask("kinds", len(kinds), [*plain, f"values: {listed}", f"That makes {len(kinds)}."]),
        yes("enough", total >= price, [*base.lines, f"{total} or {price}: {max(total, price)}"], price=price),
    ]  # fmt: skip

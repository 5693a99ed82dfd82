"""Clauses, for training alone, that name the thing a chart counts: "how many cups on Wednesday".

The chart does not say what it counts, so any thing may stand there; each bracket is one of its alternatives.
"""

from __future__ import annotations

_OF = (
    "[cups|people|visitors|books|apples|cars|votes|points|goals|tickets|dogs|cats|sales|pages|children|"
    "students|"
    "coffees|pizzas|bikes|eggs|trees|emails|calls|orders|guests|cakes|birds|hours|steps|birthdays|"
    "shoes|games|fish]"
)
_MUCH = "[money|rain|milk|sugar|rice|water|time|energy|fuel|income|profit|paper|snow|power|coal|traffic]"
_ON = "[on|in|for|at|by|with|from]"
_HAD = "[does|did] {name} [have|get|sell|make|buy|eat|score|need|use]"

COUNTED: dict[str, tuple[str, ...]] = {
    "bar_chart/value": (
        f"how many {_OF} {_ON} {{name}}", f"how much {_MUCH} {_ON} {{name}}", f"how many {_OF} {_HAD}",
        f"=the number of {_OF} {_ON} {{name}}", f"~{_OF} {_ON} {{name}}",
        f"how many {_OF} [were|are] there {_ON} {{name}}",
        f"!tell me how many {_OF} {{name}} has", "{name}有多少[人|本书|杯|辆车|票|只]",
    ),
    "bar_chart/extreme": (
        f"[who|which one|which bar|where] [has|had|is with|are] the {{extreme}} [number|amount|count] "
        f"of {_OF}",
        f"which [one|name] [has|sold|got|had] the {{extreme}} number of {_OF}",
    ),
    "bar_chart/difference": (
        f"how many more {_OF} {_ON} {{larger}} than {_ON} {{smaller}}",
        f"how many more {_OF} [does|did] {{larger}} [have|get|sell|make] than {{smaller}}",
        f"=the difference in {_OF} between {{larger}} and {{smaller}}",
    ),
    "bar_chart/total": (
        f"how many {_OF} {_ON} {{names}} [together|in all|altogether]",
        f"how many {_OF} are {{names}} together",
        f"=the total number of {_OF} {_ON} {{names}}",
    ),
    "bar_chart/above": (
        f"how many [bars|names|of them] have more than {{limit}} {_OF}",
        f"!count those with more than {{limit}} {_OF}",
    ),
    "bar_chart/below": (f"how many [bars|names|of them] have [less|fewer] than {{limit}} {_OF}",),
    "bar_chart/everything": (
        f"how many {_OF} [are there |is that |][in all|altogether|in total|in the whole chart]",
        f"=the total number of {_OF}",
        f"how many {_OF} were counted in all",
    ),
    "bar_chart/mean": (f"how many {_OF} [on average|in the mean]", f"=the average number of {_OF}"),
    "bar_chart/peak": (f"=the {{extreme}} number of {_OF}", f"how many {_OF} are the {{extreme}}"),
    "bar_chart/apart": (f"=the difference in {_OF} [of|between] {{a}} and {{b}}",),
    "bar_chart/larger": (f"who has more {_OF}, {{a}} or {{b}}",
    f"are there more {_OF} {_ON} {{a}} or {_ON} {{b}}"),
    "bar_chart/smaller": (f"who has fewer {_OF}, {{a}} or {{b}}",),
    "bar_chart/who": (f"who has {{value}} {_OF}", f"which [bar|name|one] has {{value}} {_OF}",
    f"where are {{value}} {_OF}"),
    "line_chart/value": (
        f"how many {_OF}{{of}} {_ON} {{label}}", f"how much {_MUCH}{{of}} {_ON} {{label}}",
        f"how many {_OF}{{of}} were there in {{label}}", f"=the number of {_OF}{{of}} in {{label}}",
    ),
    "pie_chart/share": (
        "[what|which] percent of [people|them|all|votes|the money|students] [is|are|has|like|take|"
        "chose] {name}",
        "how many percent [take|like|chose|use|are] {name}",
        "[what|which] share of [the votes|people|money|all] [goes to|has] {name}",
    ),
}  # fmt: skip

"""Further words for training alone, of the questions that had one grammar of a few phrases each.

As in `words_further`: each bracket is one of its alternatives; a text of the held-out grammar is left out.
"""

from __future__ import annotations

_BIG = "[how large|how big|how wide]"
_LINES: dict[str, tuple[str, ...]] = {
    "rise": (
        "[when|where|in which one] [is|was] the [strongest|steepest|biggest] [rise|climb|growth|gain]{of}",
        "[what|which] [label|point|month|name] follows the [biggest|largest|steepest] "
        "[climb|rise|increase]{of}",
        "!name the [label|point] [at the end of|after] the [biggest|steepest] [rise|climb]{of}",
        "=the label with the [steepest|biggest|strongest] [rise|climb|increase]{of}",
        "哪一段[升|涨]得最多",
    ),
    "change": (
        "=the [gap|distance|difference]{of} [between|from] {first} [and|to] {last}",
        "how [far|much] apart [are|is it]{of} {first} and {last}",
        "[what|how much] is the [difference|gap]{of} between {first} and {last}",
        "how much [lies|is] between {first} and {last}{of}",
        "by how much [do|does] {first} and {last} differ{of}",
    ),
}
_COINS = {
    "total": (
        "[what|how much] [do|are] [these|the|all] coins [make|give|add up to|worth in all]",
        "how much [cash|money] [lies|is] [here|there|on the table]",
        "=the [sum|value|worth] of [the|all] coins",
        "!sum up the [coins|money]",
        "[一共|总共]多少钱",
        "how [much|rich] am I [with this|in coins]",
    ),
    "change": (
        "[what|how much] [stays|remains|is left] [if|when] I [pay|spend|give|take away] {price}",
        "minus {price}, [what|how much] is left",
        "I [pay|give away|take out] {price}: [what|how much] [stays|is still there|is left]",
        "花{price}，还剩多少",
    ),
    "missing": (
        "[what|how much] [do I lack|lacks|is needed] to [have|get|reach|pay] {price}",
        "I [need|want to pay|have to pay] {price}. How much [more|is lacking|is missing]",
        "how far [is it|am I] from {price}",
        "=what is missing to {price}",
    ),
    "count": (
        "how [many|often] [is|do you see|are] [the coin |the |]{value}[ written| there|]",
        "!count the [coins|pieces] [of|with|showing] {value}",
        "=the number of [coins of {value}|{value}s]",
        "how many of [them|the coins] [are|have the value|show] {value}",
        "有几个{value}的[硬币|]",
    ),
    "pieces": (
        "how many [pieces|coins|discs] [do you see|lie here|are drawn|in all|altogether]",
        "!count [all |all the |][coins|pieces]",
        "=the number of [coins|pieces]",
        "[一共|]有几[个|枚]硬币",
        "how many coins [have I|is that]",
        "[what|which] number of coins [do I have|is there]",
    ),
    "largest": (
        "[which|what] [coin|value|number] is the [highest|greatest|largest|biggest]",
        "=the [biggest|highest|greatest|largest] [coin|value|number]",
        "[what|how much] is the [best|biggest|most valuable] coin worth",
        "最大的硬币是多少",
        "[which|what] [number|value] stands on the [best|most valuable|largest] coin",
    ),
}
_CLOCKS = {
    "time": (
        "[which|what] time [do you see|is on the clock|does it say]",
        "!read the time",
        "=the time",
        "现在几点",
        "~time",
        "how late is it",
    ),
    "after": (
        "[what|which] time [is it|will it be] [in|after] {minutes} [min|minutes]",
        "=the time in {minutes} minutes",
        "{minutes} [min|minutes] later[, what time|]",
        "{minutes}分钟后几点",
        "!move on by {minutes} minutes",
    ),
    "before": (
        "[what|which] time was it {minutes} [min|minutes] [earlier|ago|before that]",
        "=the time {minutes} minutes [ago|before]",
        "{minutes} [min|minutes] earlier[, what time|]",
        "{minutes}分钟前几点",
        "!go back by {minutes} minutes",
    ),
    "minutes": (
        "how many minutes [are gone|after the hour|past]",
        "[where|at what minute] is the [minute hand|long hand|big hand]",
        "=the minutes [past the hour|]",
    ),
}
_MARK = (
    f"{_BIG} is {{mark}}",
    "how many degrees [has|are in|is the angle] {mark}",
    "=the [size|value|degrees] of {mark}",
    "~{mark}",
    "!give {mark}",
    "{mark}是多少[度|]",
    "what does {mark} [stand for|measure]",
    "~{mark} =",
)
_SIDE = (
    "how [long|large] is {mark}",
    "=the [length|size|value] of {mark}",
    "[what|which] length [has|is] {mark}",
    "~{mark}",
    "!give {mark}",
    "{mark}有多长",
    "~{mark} =",
)
_AREA = (
    "how [big|large] is [it|the shape|the figure|the area]",
    "how much [area|space|surface] does it [have|fill|take up]",
    "=the area [inside|enclosed|]",
    "!give the area",
    "面积是多少",
    "~area",
)
_AROUND = (
    "how [far|long] is it [all |once |]around",
    "=the [length of the edge|perimeter|border|way round]",
    "[what|how long] is the [border|outline|edge] [in all|]",
    "!give the perimeter",
    "周长是多少",
    "~perimeter",
    "how much fence goes round it",
)
_GEOMETRY = {
    **dict.fromkeys(("missing_angle", "exterior", "isosceles", "parallel"), _MARK),
    "right_triangle": _SIDE,
    **dict.fromkeys(("rectangle_area", "l_shape_area"), _AREA),
    **dict.fromkeys(("rectangle_perimeter", "l_shape_perimeter"), _AROUND),
}
_THEOREMS = {
    "similar": (
        "{mark}[?| if the triangles are similar| in these similar triangles]",
        "how long is {mark} [if the triangles have the same shape|in the similar triangles]",
        "~{mark}, similar triangles",
    ),
    "ray": (
        "how long is {mark} [if the lines are parallel|with parallel lines|between the rays]",
        "~{mark}, parallel lines",
        "[what|how much] is {mark} with the lines parallel",
    ),
    "inscribed": (
        f"{_BIG} is {{mark}} [with M in the centre|over the same arc|]",
        "how many degrees [has|are in] {mark} [if M is the centre|]",
        "~{mark}, M is the centre",
        "=the angle {mark} [over|on] the [same |]arc",
    ),
    "thales": (
        f"{_BIG} is {{mark}} [over the diameter|in the semicircle|]",
        "how many degrees [has|are in] {mark} [over the diameter|]",
        "~{mark}, over a diameter",
        "=the angle {mark} in the semicircle",
    ),
    "cyclic": (
        f"{_BIG} is {{mark}} [with all corners on the circle|in the quadrilateral|]",
        "how many degrees [has|are in] {mark} [if the corners lie on the circle|in this quadrilateral|]",
        "~{mark}, corners on the circle",
        "=the angle {mark} [opposite|in the quadrilateral|across]",
    ),
}
_SOLIDS = {
    "box_volume": (
        "how much [does it hold|space is inside|can the box hold|goes in]",
        "=the [volume|content|room inside]",
        "~volume",
        "体积是多少",
        "!give the volume",
    ),
    "box_surface": (
        "how much [paper|paint|card] [covers it|is needed for all faces|goes round it]",
        "=the [surface|outside|area of all faces]",
        "~surface [area|]",
        "表面积是多少",
        "!add up the areas of the faces",
    ),
    "box_edges": (
        "how [much wire|long] [is needed for the|are all|do the] edges [together|need|in all|]",
        "!add up [all |]the edges",
        "=the length of [all|the twelve] edges",
        "how many cm of [wire|stick] make all edges",
    ),
    "prism_volume": (
        "how much [does it hold|space is inside|goes into it|can the prism hold]",
        "=the [volume|content]",
        "~volume",
        "体积是多少",
        "!give the volume",
    ),
    "cubes": (
        "[of|from] how many [cubes|blocks|dice] is it [made|built]",
        "how many [blocks|dice|bricks|cubes] [do you see|make it up|are in it|does it have]",
        "=the number of [all |small |]cubes",
        "!count [all |]the [blocks|cubes]",
        "~how many [cubes|blocks]",
        "有多少个小方块",
    ),
}
_GRID = {
    "cell": (
        "=the [shape|thing] [in|at] row {row}, column {column}",
        "[which|what] [is|stands|sits] [in|at] row {row}, column {column}",
        "!name the [shape|thing] in row {row}, column {column}",
        "~row {row}, column {column}",
    ),
    "where": (
        "[in which|at what] [row and column|cell|place] [is|sits|stands] the {thing}, like row 1, column 2",
        "=the [cell|position|row and column] of the {thing}",
        "!find the {thing}",
        "~{thing}",
        "where [can I find|do you see] the {thing}",
    ),
    "beside": (
        "[which|what] [stands|sits|comes|thing is] {direction} the {thing}",
        "=the [shape|thing] {direction} the {thing}",
        "!name the [one|shape] {direction} the {thing}",
        "~{direction} the {thing}",
    ),
    "path": (
        "[going|go] {path} from the {thing}, [what|which shape] [is there|comes|do I find]",
        "=the shape {path} from the {thing}",
        "where do I [land|end|get] [going |if I go |]{path} from the {thing}",
        "{path} from the {thing}[, what|]",
    ),
    "nearest": (
        "[which|what] [shape|thing|one] [is|lies|stands] [next|closest|nearest] to the {thing}",
        "=the [nearest|closest] [shape|thing] to the {thing}",
        "!name the neighbour of the {thing}",
        "who is closest to the {thing}",
    ),
    "largest": (
        "[which|what] [one|thing] is the {extreme}",
        "=the {extreme} [one|thing|figure]",
        "~{extreme}",
        "!name the {extreme} [shape|one]",
    ),
    "count_side": (
        "how many [are|lie|stand] [more|further] to the {side} [than|of] the {thing}",
        "!count the shapes [further |]{side} of the {thing}",
        "=the number of shapes {side} of the {thing}",
    ),
    "letter": (
        "=the letter {direction} {letter}",
        "!name the letter {direction} {letter}",
        "~{direction} {letter}",
        "[which|what] [is|comes|sits] {direction} [the |]{letter}",
    ),
}
_ODD = {
    "place": (
        "[in|at] [which|what] [place|cell|row and column] is the [odd|different|wrong] [one|shape], like row "
        "1, column 2",
        "=the [row and column|place|cell|position] of the [odd|different] [one|shape]",
        "where [is|do you see|sits] the [different|odd|strange|wrong] [one|shape]",
        "!say the row and column of the [odd|different] one",
    ),
    "name": (
        "[which|what] [shape|one] is [odd|unlike the rest|different from the others]",
        "=the [odd|different|strange] [one|shape|thing]",
        "!name the [odd|different|strange] [one|shape]",
        "~odd one",
        "哪个不一样",
    ),
    "single": (
        "[which|what] [one|shape] [is alone|stands alone|has no partner|is there once]",
        "=the [shape|one] without a [pair|double|twin]",
        "!find the [single|lonely] [one|shape]",
        "who has no twin",
    ),
}
_TERMS = {
    "evaluate": (
        "how much [is|makes|comes out of] [this|it|that]",
        "[what|how much] [comes out|does it make|is it]",
        "!do [the |this |]sum",
        "=the [result|value|answer]",
        "~result",
        "[结果|得数]是多少",
        "!work it out",
    ),
    "missing": (
        "[what|which number] [fits|goes|belongs|must stand] [in the gap|in the blank|at the question "
        "mark|there]",
        "=the [number for the ?|missing number|number in the blank|unknown]",
        "!fill [in|] the [blank|empty place|hole]",
        "~missing number",
        "缺的数是几",
        "!find what is missing",
    ),
    "column": (
        "[what|how much] do [they|the numbers|these] [make|add up to|give] [together|in all|]",
        "=the [sum|total] [of all|]",
        "!sum [them|everything] up",
        "~sum",
        "总和是多少",
    ),
    "largest": (
        "[which|what] is the [highest|greatest|biggest|largest] [one|number|]",
        "=the [highest|greatest|maximum] [number|one|]",
        "!name the [highest|greatest|biggest] [number|one]",
        "最大的数是哪个",
        "~max",
    ),
    "sheet": (
        "[what|how much] is [number|task|question|exercise] {number}",
        "!do [number|task|question|problem] {number}",
        "=the [answer|result] of [exercise|number] {number}",
        "[第|]{number}题[等于|是]多少",
        "~{number}",
    ),
    "percent": (
        "how much [is|makes] [this|that]",
        "[what|how much] [comes out|does it make]",
        "=the [result|value|answer]",
        "!work it out",
        "[结果|得数]是多少",
    ),
}
WIDE: dict[str, dict[str, tuple[str, ...]]] = {
    "line_chart": _LINES, "money": _COINS, "clock": _CLOCKS, "geometry": _GEOMETRY, "theorem": _THEOREMS,
    "solid": _SOLIDS,
    "spatial": _GRID, "odd_one": _ODD, "expression": _TERMS,
    "formula": {"find": ("[what|how much] is {name} [here|then|]", "=the value of {name}", "~{name}",
        "!give {name}", "{name}是多少", "~value of {name}", "how [large|much|big] is {name}",
        "!compute {name}", "~{name} =")},
    "venn": {
        "whole": ("how many [have|are in|belong to] {a} [in all|altogether|]",
            "=the [total|number] [in|of] {a}", "!add up [everything in|all of] {a}",
            "how many does [the circle of |]{a} hold [in all|altogether|]"),
    },
    "force": {
        "net": ("how [strong|large|big] is the [resulting|total|remaining|whole] [force|push|pull]",
            "[what|how much] force [is left|remains|results]",
            "=the [size|strength] of the [resulting|total|net] force",
            "how [hard|much] is it [pulled|pushed|moved] [overall|altogether]"),
        "acceleration": ("how [fast|much] does [it|the block] [speed up|gain speed] [a|per|every] second",
            "=the [acceleration|gain of speed per second]",
            "by how much does the [speed|velocity] [grow|rise] [a|per|every] second", "~acceleration"),
    },
    "counting": {
        "more": ("how many more {what} than {other}",
            "by how many do [the |]{what} [exceed|outnumber|beat] [the |]{other}",
            "=the [surplus|lead] of {what} over {other}",
            "[how many|what number of] {what} are there beyond the number of {other}",
            "{what} minus {other}"),
    },
    "function_plot": {
        "slope": ("how [steep|much up per step] is [it|the line|the graph]",
            "=the [change|rise|gain] of y [for|per] [one|each] step [in x|to the right|of x]",
            "how [far|much] does [it|y|the line] [rise|change|go up] [per|for each|for every] [unit|step] "
            "[of x|]", "[one|1] [step|unit] to the right changes y by how much", "=the [gradient|steepness]"),
    },
}  # fmt: skip

"""Further words, for training alone, in which people ask about what other tools draw.

Enters: a family's kind of question. Leaves: clauses as `r1v.figures.people.phrasing` frames them (``=`` a
thing asked for, ``!`` something to be done, ``~`` clipped), each bracket one of its alternatives. Always
holds: none of them is a held-out wording of `catalogue`, which a test checks.
"""

from __future__ import annotations

import functools
import itertools
from random import Random

from r1v.figures import wording
from r1v.figures.abroad.words_wide import WIDE
from r1v.figures.people.phrasing import phrase
from r1v.figures.people.stories_more import expanded

_THINGS = (
    "[cups|people|visitors|books|apples|cars|votes|points|goals|tickets|dogs|sales|children|students|"
    "pizzas|bikes|"
    "eggs|trees|calls|orders|guests|cakes|birds|hours|steps]"
)
_HOW = "[how many|what number of]"
_BARS: dict[str, tuple[str, ...]] = {
    "value": (
        "[what|how much|how high|how large|how tall] is {name}",
        "=the [value|number|height|amount|figure] [of|at|belonging to] {name}",
        f"how many {_THINGS} [are there |]{{name_on}} {{name}}",
        f"how many {_THINGS} [does|did] {{name}} [have|get|sell|make]",
        "~{name} [value|number|height|]", "!read off [the bar of |]{name}", "!look up {name}",
        "[what|how much] does {name} [have|reach|show]",
        "{name}[是多少|有多高|的值是多少]",
    ),
    "extreme": (
        "[who|what|which bar|which name|which category] is [the |]{extreme}",
        "[who|which one|which name|where] has the {extreme} [value|bar|number|amount]",
        "=the [name|label] [of|under|beside] the {extreme} bar", "~{extreme} [bar|one|name|category]",
        "!find the {extreme} [bar|one] and [say|give] its name",
        f"[who|which one] has the {{extreme}} number of {_THINGS}", "!say who is {extreme}",
    ),
    "extreme_value": (
        "=the {extreme} [number|value|amount|height] [in the chart|shown|of all|]",
        "[how much|how high|what] is the {extreme} [bar|value|number]",
        "~{extreme} [value|number]", "!give the {extreme} [value|number]",
        "!read the {extreme} bar and say its [value|number]",
    ),
    "difference": (
        "[how much|how many] [more|higher] is {larger} [than|compared with|against] {smaller}",
        "=the [gap|distance|difference] [of|between] {larger} and {smaller}",
        "by [how much|what] does {larger} [beat|exceed|top] {smaller}", "~{larger} - {smaller}",
        "~{larger} [against|versus] {smaller}, [gap|difference]",
        f"how many more {_THINGS} [has|for] {{larger}} than {{smaller}}",
        "!take {smaller} away from {larger}", "!calculate {larger} less {smaller}",
    ),
    "total": (
        "=the [sum|total] [of|for] {names}",
        "[how much|how many] [is|are|do] {names} [in all|in total|combined|make]", "!add {names}",
        "!sum [up |]{names}",
        "~{names} [together|added|in all]", f"how many {_THINGS} [for|are] {{names}} [in all|in total]",
        "~[sum|total] of {names}",
    ),
    "total_all": (
        "=the [sum|total] of [all|all bars|all values|the whole chart]",
        "[how much|how many] [is it|are there] [in all|altogether|in total]",
        "!add [up |][all|every bar|all the numbers]",
        "~[grand total|sum of all|total]", f"how many {_THINGS} [in all|altogether|in total]",
        "!sum up [the chart|all of them|everything]",
    ),
    "above": (
        f"{_HOW} [bars|values|names|of them] [are|lie|stand] [over|above|higher than|greater than|"
        f"beyond] {{limit}}",
        "!count [all|those|the bars|the values] [above|higher than|greater than|with more than] {limit}",
        "~[number|count] of [bars|values] [over|above] {limit}",
        f"how many have more than {{limit}} {_THINGS}", "how many [exceed|top|are more than] {limit}",
        "大于{limit}的有几个",
    ),
    "how_many": (
        "[how many|what number of] [bars|columns|categories|names|values] [are drawn|are in the chart|"
        "are there|does it show]", "=the [count|number] of [bars|categories|names|columns]",
        "!count [the bars|all bars|the categories|how many bars there are]",
        "~number of [bars|names|values]", "有几个柱子", "how many things are compared",
    ),
    "which": (
        "[who|what|which one|which bar|which name] [has|is at|reaches|shows|got] {value}",
        "=the [name|bar|category] with [the value|the number|] {value}",
        "!find the [bar|one|name] [with|of|that has] {value}",
        f"who has {{value}} {_THINGS}", "~[which|who] {value}", "where [is|do you see] {value}",
    ),
    "nth": (
        "[what|how] is the {nth} [bar|one|column] [called|named]",
        "=the [name|label] of the {nth} [bar|column|one]", "~[name|label] of bar {number}",
        "which [name|label] [comes|is] {nth}",
        "!read the label of the {nth} bar", "what [is written|stands] [at|below|beside] the {nth} bar",
    ),
    "title": (
        "[what|which words] [is|are] [written|printed] [above|over|on top of] the [chart|picture|bars]",
        "=the [title|headline|caption]", "!read the [title|headline]", "~[title|headline]",
        "what [text|line] is at the top", "标题是什么",
    ),
}  # fmt: skip
_PIES: dict[str, tuple[str, ...]] = {
    "value": (
        "[what|how much|how large|how many percent] is {name}",
        "=the [share|percentage|part|number|value] [of|for] {name}", "~{name} [share|percent|part|]",
        "what [share|part|percent|percentage] [has|is|does] {name}",
        "!read off {name}", "!look up {name}", "[what|which] number belongs to {name}",
        "{name}[占多少|是多少]",
    ),
    "extreme": (
        "[who|what|which|which one|which name] is [the |]{extreme}",
        "[who|which one|which name] has the {extreme} [share|part|piece|number]",
        "=the name of the {extreme} [part|piece|share|slice]", "~{extreme} [one|part|share|slice]",
        "!find the {extreme} [part|share|piece] and say its name",
    ),
    "extreme_value": (
        "=the {extreme} [share|number|percentage|value]",
        "[how much|how large|what] is the {extreme} [part|share|piece|slice]",
        "~{extreme} [share|number|value]", "!give the {extreme} [share|number]",
    ),
    "difference": _BARS["difference"],
    "total": _BARS["total"],
    "above": (
        f"{_HOW} [parts|shares|pieces|slices|of them] [are|lie] [over|above|larger than|greater than] "
        f"{{limit}}", "!count [all|those|the parts|the shares] [above|larger than|with more than] {limit}",
        "how many [exceed|are more than|have more than] {limit}", "大于{limit}的有几个",
    ),
    "how_many": (
        "[how many|what number of] [parts|slices|sectors|shares|colours|names] [are there|has it|does "
        "it show|are shown|in the chart]", "=the [count|number] of [parts|slices|shares|names]",
        "!count the [parts|slices|shares|sectors|colours]",
        "~number of [parts|slices|shares]", "有几块", "how many things is it split among",
    ),
    "which": (
        "[who|what|which one|which part|which name] [has|is|takes|makes up|got] {value}",
        "=the [name|part|slice] with [the share|the number|] {value}",
        "!find the [part|slice|name] [with|of|that has] {value}", "~[which|who] [has |]{value}",
        "to whom [does|do] {value} belong",
    ),
    "title": _BARS["title"],
}  # fmt: skip
_LINES: dict[str, tuple[str, ...]] = {
    "value": (
        "=the value{of} [in|at|for] {label}",
        "[how high|what|how large] is [it|the line|the value]{of} [in|at] {label}", "~{label}{of}",
        "!read [off |]{label}{of}", f"how many {_THINGS}{{of}} [in|at] {{label}}",
        "what does the [line|graph]{of} show [in|at|for] {label}",
    ),
    "extreme": (
        "[when|where|in which one] is [it|the line|the value]{of} {extreme}",
        "=the [label|name|point] of the {extreme} value{of}", "~{extreme} point{of}",
        "which [label|point|name] has the {extreme} value{of}", "!find the {extreme} point{of}",
    ),
    "extreme_value": (
        "=the {extreme} value{of}", "[how much|how high|what] is the {extreme} [value|point]{of}",
        "~{extreme} value{of}", "!give the {extreme} value{of}",
    ),
    "gap": (
        "=the [difference|distance|gap] [of|between] {larger} and {smaller} [in|at] {label}",
        "how much [higher|more] is {larger} than {smaller} [in|at] {label}",
        "~{larger} - {smaller} [in|at] {label}", "by how much does {larger} beat {smaller} [in|at] {label}",
    ),
    "higher": (
        "[who|which|which line|which one] is [higher|above|ahead|the larger|more] [in|at] {label}",
        "=the higher [line|one] [in|at] {label}", "~higher [in|at] {label}",
    ),
    "how_many": (
        "[how many|what number of] [lines|curves|series|graphs] [are there|are drawn|does it show]",
        "=the number of [lines|series|curves]", "!count the [lines|series|curves]",
    ),
}  # fmt: skip
_TABLES: dict[str, tuple[str, ...]] = {
    "lookup": (
        "=the {column} [of|for|at|in the row of|belonging to] {row}",
        "[what|how much] is {column} [of|for|in] {row}", "~{row}, {column}", "~{column} of {row}",
        "~{row} {column}", "what [has|does] {row} [have |]under {column}",
        "!look up {row} under {column}", "!read the cell of {row} and {column}",
        "what [stands|is written] [in|at] {row}, {column}", "{row}的{column}是多少",
        "how [much|many] {column} [has|did] {row} [get|]",
    ),
    "row_sum": (
        "=the [sum|total] of [row |the row |]{row}",
        "!add [up |][all of|everything of|the row of|the numbers of] {row}",
        "[how much|how many] [is|has] {row} [in all|altogether|in total]", "~[sum|total] of {row}",
        "~{row} [total|sum]", "!sum [up |]the row {row}",
    ),
    "column_sum": (
        "=the [sum|total] of [column |the column |all |]{column}",
        "!add [up |][all of|the column|all numbers under|everything in] {column}",
        "[how much|how many] {column} [is it |are there |][in all|altogether|in total]",
        "~[sum|total] [of |]{column}", "!sum [up |]{column}",
    ),
    "largest": (
        "[who|which row|which one|which name] has the {extreme} {column}",
        "=the [row|name|one] with the {extreme} {column}", "~{extreme} {column}, who",
        "!find the row with the {extreme} {column}", "who [is|comes] {extreme} [in|by|at] {column}",
        "!say who has the {extreme} {column}",
    ),
    "largest_value": (
        "=the {extreme} [number|value|figure|one] [in|of|under] {column}",
        "[how much|how large|what] is the {extreme} {column}", "~{extreme} {column} [value|number]",
        "!give the {extreme} number of {column}",
    ),
    "difference": (
        "=the difference [between {larger} and {smaller} in {column}|in {column} between {larger} and "
        "{smaller}|of {larger} and {smaller} under {column}]",
        "how much more {column} [has|does] {larger} [have |]than {smaller}",
        "~{larger} - {smaller}, {column}",
        "!take the {column} of {smaller} from the one of {larger}",
        "[how much|by how much] is {larger} [ahead of|above|over|higher than] {smaller} [in|at|by] "
        "{column}", "!compare {larger} with {smaller} in {column}: how much more",
        "!calculate {larger} less {smaller} for {column}",
        "!work out the {column} gap of {larger} and {smaller}",
    ),
    "above": (
        "how many [rows|names|of them|lines|entries] have [a |more than {limit} in |]{column} [over|"
        "above|of more than|larger than] {limit}",
        "!count [those|the names|the rows|all|the ones] with [a |] {column} [above|over|of more than|"
        "higher than] {limit}",
        "how many {column} [values|numbers] [are|lie] [over|above|larger than|greater than] {limit}",
        "~[count|number] of rows with {column} over {limit}",
        "how many [beat|exceed|top] {limit} in {column}",
        "!tell me how many are higher than {limit} under {column}",
    ),
    "which": (
        "[who|which row|which one|which name] has [a |] {column} [of|equal to|that is] {value}",
        "=the [row|name] with {value} [in|under|as] {column}",
        "!find the [row|one|name] with {value} under {column}",
        "[who|which row] [shows|has|got] {value} [in|under|for] {column}", "~{column} {value}, who",
    ),
    "rows": (
        "[how many|what number of] [rows|entries|names] [are there|has it|are listed], [without|not "
        "counting] the [head|titles|first line]",
        "=the number of [rows|entries] [below|without|under] the [head|titles]",
        "!count the [rows|entries] [but not|without] the head",
    ),
    "columns": (
        "[how many|what number of] columns [are there|has it] [in all|with the first one|including the "
        "names]", "=the number of columns [with|including] the [names|first]",
        "!count [the|all] columns, [with|including] the first",
    ),
}  # fmt: skip
_SETS: dict[str, tuple[str, ...]] = {
    "only": (
        "how many [people |things |][are|is|lie|stand] [only|just|solely|exclusively] in {a}",
        "how many [have|like|do|are] [only|just] {a}", "=the number [in|of] {a} [alone|only]",
        "~[only|just] {a}", "!count [those|what is] [in {a} alone|in {a} and in no other|only in {a}]",
        "只在{a}里的有多少",
        "how many are in {a} and nowhere else",
    ),
    "both": (
        "how many [people |things |][are|lie|stand] in [both |] {a} and {b}",
        "how many [have|like|do] both {a} and {b}",
        "=the [overlap|common part|intersection|shared part] of {a} and {b}",
        "~[both|shared by] {a} and {b}", "!count [those|what is] in {a} and [also |] in {b}",
        "how many do {a} and {b} share",
        "how many are common to {a} and {b}", "既在{a}又在{b}的有多少",
    ),
    "whole": (
        "how many [people |things |][are|lie] in {a} [in all|altogether|in total|]",
        "=the [total|whole|size] of {a}",
        "how [many|much] [has|does] {a} [hold |contain |have |][altogether|in all|in total]",
        "~[all of|total of|whole] {a}", "!count [all|everyone|all that is] in {a}",
        "!add up [all of|the parts of|the circle] {a}",
        "{a}一共有多少", "how large is the set {a}",
    ),
    "either": (
        "how many [people |things |][are|lie] in {a} or {b} [or both|or in both|]",
        "=the [union|total] of {a} and {b}", "how many [have|like|do] {a} or {b} [or both|]",
        "!count [all|everyone|those] in {a} or {b}", "~{a} or {b} [or both|]",
        "how many are in at least one of {a} and {b}", "在{a}或{b}里的有多少",
    ),
    "all": (
        "how many [are there|are shown|is it] [in all|altogether|in total]",
        "=the [sum|total] of all [the numbers|regions|parts|fields]",
        "!add [up |][all numbers|everything|all the parts]", "~[grand total|total|sum of all]",
        "how many [people|things] are in [the|all] [circles|sets] [in all|altogether]",
    ),
}  # fmt: skip
_NETS: dict[str, tuple[str, ...]] = {
    "edge": (
        "=the [weight|length|number|value|cost] [of the edge|of the line|] between {a} and {b}",
        "[what|how long|how much] is [the edge |the way |the link |]{a}[-| to | and ]{b}",
        "~{a}[-| to | ]{b}", "[how far|how long] is it [directly |] from {a} to {b}",
        "!read the [edge|weight] [between|of] {a} and {b}",
        "what does [the link|the edge|it] from {a} to {b} [cost|weigh]",
    ),
    "path": (
        "[how long|how far|how much] is [the path|the way|the route|it along|it by] {way}",
        "=the [length|cost|sum|total] of [the path |the way |] {way}",
        "!add up [the edges of|the weights along|the numbers on] {way}", "~{way}",
        "[what|how much] does {way} [cost|make|take]", "if I [go|walk|take] {way}, how far is it",
        "{way}有多长",
    ),
    "degree": (
        "how many [edges|links|lines] [does {a} have|start at {a}|leave {a}|are at {a}|meet in {a}]",
        "=the [degree|number of neighbours|number of edges] of {a}",
        "!count the [edges|neighbours|links] of {a}", "~[degree|neighbours] of {a}",
        "to how many [nodes|others] is {a} [joined|linked|connected]",
    ),
    "shortest": (
        "=the [shortest|smallest|least] [way|distance|path|cost] from {a} to {b}",
        "how [far|long] is the [shortest|best|quickest] [way|route|path] [from|between] {a} [to|and] "
        "{b}", "~[shortest|best way|quickest] {a} to {b}",
        "!find the shortest [way|route|distance] from {a} to {b}",
        "what is the least I must [walk|pay] from {a} to {b}",
    ),
    "nodes": (
        "[how many|what number of] [nodes|points|vertices|stations|places] [are there|has it|does it "
        "have|are drawn]", "=the number of [nodes|points|vertices]", "!count the [nodes|points|vertices]",
        "~number of [nodes|vertices]", "有几个节点",
    ),
    "edges": (
        "[how many|what number of] [edges|links|lines between nodes|weights] [are there|has it|does it "
        "have]", "=the number of [edges|links|weights]", "!count the [edges|links|lines between nodes]",
        "~number of [edges|links]", "有几条边",
    ),
}  # fmt: skip


def _atoms(name: str, symbol: str) -> tuple[str, ...]:
    """Questions about one element."""
    return (
        f"[how many|what number of] [{name}s|{name} atoms|{symbol} atoms|atoms of {name}] [are there|"
        f"has it|are in it|does it contain|]", f"=the [number|count] of [{name}s|{name} atoms|{symbol}]",
        f"!count the [{name}s|{name} atoms|{symbol} atoms]", f"~[{name}s|{symbol}|number of {name} atoms]",
    )  # fmt: skip


_MOLECULES: dict[str, tuple[str, ...]] = {
    "formula": (
        "=the [formula|molecular formula|sum formula|chemical formula|total formula] [of this|of the "
        "molecule|of it|]", "!give [the|its] [formula|molecular formula|sum formula]",
        "[what|which] [formula|molecular formula] [has it|is this|does it have|belongs to it]",
        "~[formula|sum formula|molecular formula]", "!count all atoms and [give|say] the formula",
        "!write [down |]the [sum |molecular |]formula", "how is it written as a [sum |molecular |]formula",
        "分子式是什么",
    ),
    "carbons": _atoms("carbon", "C"),
    "hydrogens": (*_atoms("hydrogen", "H"), "how many H atoms, [drawn or not|with those not drawn|in all]"),
    "oxygens": _atoms("oxygen", "O"),
    "rings": (
        "[how many|what number of] [rings|cycles|ring systems' rings] [are there|has it|does it have|"
        "are drawn]", "=the number of [rings|cycles]", "!count the [rings|cycles]",
        "~[rings|number of rings]", "有几个环",
    ),
    "double_bonds": (
        "[how many|what number of] [double bonds|double lines] [are there|has it|does it have|are drawn]",
        "=the number of double bonds", "!count the double bonds", "~[double bonds|number of double bonds]",
        "有几个双键", "how often [are two lines side by side|does it have a double bond]",
    ),
}  # fmt: skip
_MONTHS: dict[str, tuple[str, ...]] = {
    "weekday": ("[which|what] [weekday|day of the week|day] is [the |]{date}",
    "=the [weekday|day of the week] of the {date}", "~the {date}, [which|what] weekday",
    "!name the weekday of the {date}", "{date}是星期几"),
    "date": ("[which|what] date [is|has] the {nth} {weekday}", "=the date of the {nth} {weekday}",
    "when is the {nth} {weekday}", "~{nth} {weekday}, date", "!find the date of the {nth} {weekday}"),
    "count": ("how many {weekday}s [are there|has the month|does this month have|do you see]",
    "=the number of {weekday}s", "!count the {weekday}s", "~number of {weekday}s"),
    "later": (
        "[which|what] [weekday|day of the week|day] is [it |] {number} days [after|later than] the {date}",
        "=the weekday {number} days after the {date}", "~{number} days after the {date}",
        "[which|what] [weekday|day] [do we have|is it|will it be], {number} days after the {date}",
        "!go {number} days [forward|further] from the {date} and say the weekday",
        "{date}过{number}天是星期几", "!start at the {date}, go on by {number} days: which weekday is it",
        "!add {number} days to the {date} and name the weekday",
    ),
    "between": ("how many days [are|lie] between the [two |][marked|coloured|highlighted] [dates|days]",
    "=the [number of days|distance] between the [two |]marked [dates|days]",
    "!count the days from the first marked [date|day] to the second",
    "~days between the marked [dates|days]",
    "how many days [from|after] the first marked day [to|is] the second"),
}  # fmt: skip
_PLOTS: dict[str, tuple[str, ...]] = {
    "value": ("=[f({x})|the value at x = {x}|y for x = {x}|the function value at {x}|y at {x}]",
    "~[f({x})|y at x = {x}|x = {x}, y]", "!read off [f({x})|the value at x = {x}|y at x = {x}]",
    "[what|how large|how much] is y [if|when|where|at] x [is|=] {x}",
    "what [value|height] has the [graph|function|line] at x = {x}"),
    "solve": ("=the {which}x [with|where|for which] [y = {y}|f(x) = {y}]", "~f(x) = {y}, {which}x",
    "for what {which}x [is|does] the [graph|function] [at|have the value] {y}",
    "!find the {which}x [where y is|with y =|at which the value is] {y}",
    "!solve f(x) = {y} for the {which}x"),
    "intercept": ("=the [y-intercept|value at x = 0|point on the y-axis|intercept with the y axis]",
    "where does it [cross|cut|touch] the [y-axis|y axis|vertical axis]", "!read off the y-intercept",
    "~[y-intercept|f(0)]", "what is y [at|for|when] x = 0"),
    "slope": ("=the [slope|gradient|steepness|rate of change] [of the line|of the graph|]",
    "how steep is [it|the line|the graph]", "!find the [slope|gradient]", "~[slope|gradient]", "斜率是多少"),
    "vertex": ("=the {axis}[-coordinate| value|] of the {extreme} [point|spot] [of the graph|]",
    "at [what|which] {axis} is the {extreme} [point|spot|value]", "~{axis} of the {extreme} point",
    "!read off the {axis} of the {extreme} point"),
}  # fmt: skip
_MOTIONS: dict[str, tuple[str, ...]] = {
    "position": ("=the [position|place|value of x] at [t = {t} s|{t} seconds|{t} s]",
    "where is [it|the {who}] [at|after] [t = {t} s|{t} seconds|{t} s]", "~[x|position] at {t} s",
    "!read off the position at t = {t} s"),
    "at": ("=the [velocity|speed|value of v] at [t = {t} s|{t} seconds|{t} s]",
    "how fast is [it|the {who}] [at|after] [t = {t} s|{t} s]", "~[v|velocity|speed] at {t} s",
    "!read off the velocity at t = {t} s"),
    "velocity": ("=the [velocity|speed with its sign|slope] {when}",
    "how fast [is it|does it go|is the motion] {when}", "~velocity {when}", "!calculate the velocity {when}"),
    "rest": ("how [long|many seconds] [does|is] [it|the {who}] [stand still|rest|at rest|not move]",
    "=the time [at rest|without motion|of standing still]", "!count the seconds without motion",
    "~[time at rest|seconds at rest]"),
    "distance": ("=the [whole|total|full] [distance|way]",
    "how far does [it|the {who}] [go|move|travel] [in all|altogether|in total]",
    "~[total distance|whole way]", "!add up [the whole way|all the distances]"),
    "acceleration": ("=the [acceleration|slope|change of velocity in each second] {when}",
    "how large is the acceleration {when}", "~acceleration {when}", "!calculate the acceleration {when}"),
    "displacement": (
    "=the [displacement|distance|way|area under the graph] [from|between] {first} s [to|and] {last} s",
    "how far does it [get|go|move] [from|between] {first} s [to|and] {last} s",
    "!find the way from t = {first} s to t = {last} s", "~way from {first} s to {last} s"),
    "max": ("=the [largest|highest|greatest|maximum|top] {quantity}",
    "[how large|what] is the [largest|highest|greatest] {quantity}", "~[max|highest|top] {quantity}",
    "!read off the [largest|highest] {quantity}"),
}  # fmt: skip
_CIRCUITS: dict[str, tuple[str, ...]] = {
    "total": ("=the [total|whole|overall|equivalent|combined] resistance",
    "how [large|many ohms] is [the whole resistance|the circuit|it in all]",
    "~[total resistance|R total|resistance in all]", "!add up the resistance", "总电阻是多少"),
    "current": ("=the [current|total current|current from the battery]",
    "how [large|many amps] is the current", "how many amps [flow|does the battery give|run]",
    "~[current|amps|I]", "!calculate the current", "电流是多少"),
    "voltage": ("=the [voltage|volts] [at|across|over|on] {name}",
    "how many volts [are|lie] [across|at|over] {name}", "~[voltage|U|volts] [at|of] {name}",
    "!calculate the voltage [at|across] {name}"),
    "value": ("=the [resistance|value|ohms] of {name}", "how [large|many ohms] is {name}", "~{name}",
    "!read [off |]{name}", "{name}是多少欧"),
    "battery": ("=the [voltage|volts] of the [battery|source|cell]",
    "how many volts [has|does] the [battery|source] [have|give|]", "~battery [voltage|volts]",
    "!read the voltage of the battery"),
    "count": ("[how many|what number of] [resistors|resistances] [are there|has it|are drawn|does it have]",
    "=the number of resistors", "!count the resistors", "~number of resistors"),
}  # fmt: skip
_FORCES: dict[str, tuple[str, ...]] = {
    "net": ("=the [net|total|resulting|overall] force",
    "how [large|strong] is the [net|resulting|total] force", "~[net force|resulting force|F net]",
    "!calculate the [net|resulting] force", "合力是多少"),
    "direction": ("[in|into] which direction [does it|does the block|does the net force] [move|go|point]",
    "[left or right|which way]: where does [it|the net force] [go|point]",
    "=the direction of the [net|resulting] force", "~direction of the net force"),
    "balance": ("=[{mark}|the force {mark}], if [it is in balance|nothing moves|the block rests]",
    "how [large|strong] must {mark} be for [balance|rest]", "~{mark} for balance",
    "!find {mark}, [it is in balance|the block does not move]"),
    "acceleration": ("=the acceleration [of the block|]", "how [large|fast] is the acceleration",
    "~[acceleration|a]", "!calculate the acceleration", "加速度是多少"),
    "right_angle": ("=the [total|resulting|net] force of both", "how [large|strong] is the resulting force",
    "~resulting force", "!add both forces at a right angle"),
}  # fmt: skip
_COUNTS: dict[str, tuple[str, ...]] = {
    "count": ("[how many|what number of] {what} [are there|do you see|are shown|are drawn|has the picture|]",
    "=the [number|count] of {what}", "!count [all |the |]{what}", "~[number of |]{what}",
    "!say how many {what} there are", "{what}有几个"),
    "place": ("[how many|what number of] {what} [are|do you see|lie] in the {nth} {group}",
    "=the number of {what} in the {nth} {group}", "!count the {what} [of|in] the {nth} {group}",
    "~{what} in the {nth} {group}"),
    "more": ("how many more {what} than {other} [are there|do you see|]",
    "=the difference of {what} and {other}", "~{what} minus {other}",
    "!take the number of {other} from that of {what}"),
    "colors": (
    "[how many|what number of] [colours|colors|different colours] [are there|do you see|are used|do "
    "the shapes have]", "=the number of [colours|colors]", "!count the [colours|colors]", "有几种颜色"),
}  # fmt: skip
FURTHER: dict[str, dict[str, tuple[str, ...]]] = {
    "bar_chart": _BARS, "pie_chart": _PIES, "line_chart": _LINES, "table": _TABLES, "venn": _SETS,
    "network": _NETS, "molecule": _MOLECULES, "calendar": _MONTHS, "function_plot": _PLOTS,
    "kinematics": _MOTIONS, "circuit": _CIRCUITS, "force": _FORCES, "counting": _COUNTS,
}  # fmt: skip
SHARE = 0.6  # of training questions, where a kind has further words


@functools.cache
def _held(grammar: str) -> tuple[str, ...]:
    """Every text of a held-out grammar."""
    counts = [range(len(one)) for one in wording.alternatives(grammar)]
    names = ("".join(f"{place:x}" for place in places) for places in itertools.product(*counts))
    return tuple(wording.expand(grammar, f"held/{name}") for name in names)


def _bare(text: str) -> str:
    """A text without capitals and marks at its end."""
    return text.lower().strip(" ?.!")


def further(
    family: str, kind: str, fields: dict[str, object], held: str, rng: Random
) -> tuple[str, str] | None:
    """A template's name and its text with the fields filled in; None where there are none, by chance, and
    where it would be a text of the held-out grammar."""
    clauses = (*FURTHER.get(family, {}).get(kind, ()), *WIDE.get(family, {}).get(kind, ()))
    if not clauses or rng.random() >= SHARE:
        return None
    place = rng.randrange(len(clauses))
    clause = expanded(clauses[place].replace("{name_on}", rng.choice(("on", "in", "for", "at"))), rng)
    text, _ = phrase(f"abroad/{family}/{kind}", (clause,), fields, "train", rng, held=())
    if _bare(text) in {_bare(one.format(**fields)) for one in _held(held)}:
        return None
    return f"{kind}/further/{place}", " ".join(text.split())

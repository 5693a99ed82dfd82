"""Further clauses for training alone, of digits, charts, molecules and clocks: see `words_further`."""

from __future__ import annotations

_DIGITS = {
    "handwriting/digits": (
        "[how many|what number of] [digits|figures] [do you see|are there|has the number]",
        "[有|是]几位[数|]",
        "!tell me how many digits",
    ),
    "handwriting/first_digit": (
        "[what|which] [number|digit|figure] [is first|stands first|does it start with|is at the start|is "
        "on the left]",
        "[开头|第一位]是几",
        "with which digit does it start",
    ),
    "handwriting/last_digit": (
        "[what|which] [number|digit|figure] [is last|stands last|is at the end|is on the right]",
        "[结尾|末位|最后一位]是几",
        "with which digit does it [stop|finish]",
    ),
    "handwriting/second_digit": (
        "[what|which] [digit|number|figure] [stands second|comes second|is at place two|follows the first]",
        "第二[位|个数字]是几",
    ),
    "handwriting/largest_digit": (
        "[what|which] [digit|figure] is [the |][biggest|highest|greatest]",
        "[最大|最高]的数字是几",
        "!give the [biggest|highest|greatest] digit",
    ),
    "handwriting/even": (
        "[is|was] [this|it] [an |]even [or odd|]",
        "[is|are] [this|the] number [divisible by two|even]",
        "[这是|是]偶数吗",
    ),
    "handwriting/plus_one": (
        "=the number [that is one larger|after this one]",
        "[what|how much] is [it|this] [plus|and] one",
        "[下一个数|加一]是多少",
        "!add one to it",
    ),
    "handwriting/digit_sum": (
        "[what|how much] do [the|all] digits [make|give|add up to]",
        "!sum [up |]the digits",
        "数字加起来是多少",
    ),
    "handwriting/read": (
        "!read [it|the digits|what is there|what I wrote]",
        "[what|which] [digits|number] [do you see|are these|is written]",
        "!type [out |]the number",
        "!write down the number",
    ),
    "handwriting/sum": (
        "[what|how much] [do|are] [these|the numbers|all of them] [make|give|together]",
        "!sum [them|the numbers|it] up",
        "[一共|总共|总和]是多少",
        "!give the [sum|total]",
    ),
    "handwriting/largest": (
        "~[biggest|highest|max|maximum]",
        "=the [highest|maximum|greatest] [of them|number|of these]",
        "[哪个数|]最大[的数|]是[几|多少]",
    ),
    "handwriting/count": (
        "[how many|what number of] {digit} [do you see|are in it]",
        "数字{digit}有[几|多少]个",
        "有[几|多少]个{digit}",
        "how often [is|does] {digit} [there|occur]",
    ),
    "handwriting/read_zh": (
        "[这|图里|上面]是什么[数|数字]",
        "[写|手写]的[数字|数]是[几|什么]",
        "[认一下|看看]这个数[字|]",
    ),
}
_CHARTS: dict[str, tuple[str, ...]] = {}
for _name in ("bar_chart", "pie_chart"):
    _CHARTS |= {
        f"{_name}/larger": (
            "~{a} or {b}, [what|which] is [larger|bigger|higher]",
            "[has|is] {a} or {b} [more|higher|greater]",
            "!tell me [which|what] is [more|larger], {a} or {b}",
            "{a}和{b}谁[大|多]",
        ),
        f"{_name}/smaller": (
            "~{a} or {b}, [what|which] is [less|smaller|lower]",
            "=the [lower|lesser] of {a} and {b}",
            "{a}和{b}谁[小|少]",
            "[has|is] {a} or {b} [less|lower|smaller]",
        ),
        f"{_name}/is_larger": (
            "[does|has] {a} [exceed|beat|top|a larger value than] {b}",
            "{a}[比{b}大|大于{b}]吗",
            "is {a} [over|above|ahead of|greater than] {b}",
        ),
        f"{_name}/apart": (
            "[how much|how far] is [between|it from] {a} [and|to] {b}",
            "=the [gap|distance] [between|of] {a} and {b}",
            "{a}和{b}相差[多少|几]",
        ),
        f"{_name}/peak": (
            "[how much|how high|how big] is the {extreme} [value|of all|part]",
            "!read [off |]the {extreme} value",
            "~the {extreme} [number|one], how much",
            "{extreme_zh}的是多少",
        ),
        f"{_name}/range": (
            "[how much|how far] [do|are] [largest and smallest|highest and lowest|top and bottom] "
            "[differ|apart]",
            "最[大|高]和最[小|低]的[差|相差|差距]是多少",
            "=the spread [of the values|]",
        ),
        f"{_name}/everything": (
            "[how much|what] [is|makes] [it all|all of it|everything] [together|in all|in total|]",
            "!sum [everything|all|all values] [up|]",
            "[一共|总共|全部]是多少",
            "=the sum of [everything|all|all numbers]",
        ),
        f"{_name}/mean": (
            "[how much|what] is [the|their] [average|mean]",
            "!average [all|them|the values]",
            "平均[值|数|][是|为]多少",
            "[what|how much] are they on average",
        ),
        f"{_name}/who": (
            "[what|whose value|which one] [is|equals|shows|comes to] {value}",
            "谁[是|有]{value}",
            "[which|what] [name|one] [goes with|belongs to|stands at] {value}",
            "值为{value}的是[谁|哪个]",
        ),
        f"{_name}/second": (
            "[谁|哪个]是第二[大|多]",
            "排第二的是[谁|哪个]",
            "[which|who] [comes|is|ranks] [in second place|number two|second]",
            "=the [second biggest|number two]",
        ),
        f"{_name}/count": (
            "[how many|what number of] [items|entries|things|groups|parts] [are shown|do you see|are "
            "there|does it have]",
            "[一共|图里|]有[几|多少][个|项|类]",
            "=the number of [items|entries|groups]",
        ),
        f"{_name}/names": (
            "!name [the items|the entries|everything|each one]",
            "[what|which] [items|entries|labels] [are there|do you see|are shown]",
            "[都|]有[什么|哪些][项|类别|]",
            "!give me [all|the] names",
        ),
    }
_CHARTS |= {
    "pie_chart/hue": ("[what|which] [colour|color] [has|belongs to|shows] {name}", "{name}[是|用]什么颜色"),
    "pie_chart/of_hue": (
        "[what|which] [one|part|name] [is|has the colour] {hue}",
        "!name the {hue} [part|slice|one]",
        "{hue}的是[什么|哪个]",
    ),
    "pie_chart/value_of_hue": (
        "[how large|how much|what share] is the {hue} [part|slice|one]",
        "=the [size|number|percentage] of the {hue} [slice|part|one]",
        "{hue}[占|是]多少",
    ),
    "pie_chart/share": (
        "[how much|what share|what percentage] [has|takes|gets|belongs to] {name}",
        "!give the [share|percentage|value] [of|for] {name}",
        "~{name} [share|percent|%]",
        "{name}[有|的比例是]多少",
    ),
    "pie_chart/pair": (
        "[how much|what] [do|are] {names} [give|take|come to|in all]",
        "!sum [up |]{names}",
        "{names}[合起来|总共]占多少",
    ),
    "pie_chart/largest": (
        "!say which [part|slice|piece] is {extreme}",
        "=the {extreme} [piece|sector|share]",
        "[who|what] is {extreme}",
        "{extreme_zh}的[是哪块|是哪个|部分是什么]",
    ),
    "bar_chart/below": (
        "[how many|what number of] [values|bars] [lie|are|stay] [under|beneath|lower than|short of] {limit}",
        "小于{limit}的有几个",
    ),
    "bar_chart/value": (
        "[what|how much|how high] is [the bar |]{name}",
        "!read [off |]{name}",
        "[how much|what] does {name} [reach|show|count|come to]",
        "~{name} [value|height|bar]",
        "{name}[是|有]多[高|大]",
    ),
    "bar_chart/extreme": (
        "!say which [bar|one] is {extreme}",
        "[who|what] is {extreme}",
        "=the {extreme} [column|entry|of all bars]",
        "{extreme_zh}的[是哪个|柱子是什么|是什么]",
    ),
    "bar_chart/difference": (
        "[how much|how far] is {larger} [above|over|ahead of] {smaller}",
        "by [how much|what] does {larger} [exceed|beat|top|pass] {smaller}",
        "~{larger} [against|versus] {smaller}, [gap|difference]",
    ),
    "bar_chart/total": (
        "[how much|what] [is|are] {names} [in all|added up|summed up]",
        "!sum [up |]{names}",
        "!give the total of {names}",
    ),
    "bar_chart/above": (
        "[how many|what number of] [values|bars|names] [exceed|pass|top|lie over] {limit}",
        "!count [all|those|what is] [over|above|higher than|greater than] {limit}",
        "大于{limit}的有几个",
    ),
    "bar_chart/value_zh": ("{name}[的数是几|是几|的数字是多少|的高度是多少|等于多少]",),
}
_MOLECULES = {
    f"molecule/{kind}": (
        f"[how many|what number of] {said} [do you see|does it have|are in it|has it]",
        f"!count [all |]the {said}",
        f"[有|一共有][几|多少]个{zh}",
        f"=the [number|count] of {said}",
        f"~[number of|count|how many] {said}",
    )
    for kind, said, zh in (
        ("carbons", "[carbons|carbon atoms|Cs]", "碳[原子|]"),
        ("hydrogens", "[hydrogens|hydrogen atoms|Hs]", "氢[原子|]"),
        ("oxygens", "[oxygens|oxygen atoms|Os]", "氧[原子|]"),
        ("nitrogens", "[nitrogens|nitrogen atoms|Ns]", "氮[原子|]"),
        ("rings", "[rings|cycles|closed rings]", "环"),
        ("double_bonds", "[double bonds|double lines]", "双键"),
        ("methyl", "[methyl groups|methyls]", "甲基"),
        ("elements", "[elements|sorts of atoms|kinds of atoms]", "元素"),
        ("heavy", "[heavy atoms|atoms other than hydrogen|atoms, hydrogen left out,]", "非氢原子"),
    )
}
_CLOCK = {
    "clock/past": ("[how many|what number of] minutes [is it|are] [past|after] the hour", "分钟是[几|多少]"),
    "clock/hour": ("[what|which] hour [do you see|is shown|does it show]", "[是|现在是]几点[钟|]"),
    "clock/in_hour": (
        "[how late|what time] [is it|will it be] [one|an] hour [later|from now]",
        "[一|1][个|]小时[之|]后[几点|是什么时间]",
    ),
    "clock/in_half": (
        "[how late|what time] [is it|will it be] [half an hour|30 minutes] [later|from now|on]",
    ),
    "clock/half_ago": (
        "半[个|]小时[之|]前[几点|是什么时间]",
        "[how late|what time] was it [30 minutes|half an hour] [back|earlier|before]",
    ),
    "clock/hour_ago": ("[how late|what time] was it [one|an|1] hour [back|earlier|before]",),
    "clock/in_quarter": (
        "[what time|how late] [will it be|is it] [15 minutes|fifteen minutes|a quarter of an hour] "
        "[later|on]",
    ),
    "clock/time": (
        "[what|which] [time|hour and minute] [do you see|is on it|does the clock give]",
        "[clock|the clock] [says|shows|reads] [what|which time]",
        "~[clock|the time]",
        "!say what time it is",
    ),
    "clock/after": (
        "[what time|how late] will it be [in {minutes} min|after {minutes} minutes|{minutes} min from now]",
        "[再过|过了]{minutes}分钟[几点|是什么时间]",
        "~[plus|and] {minutes} min[utes|]",
    ),
    "clock/before": (
        "[what time|how late] was it {minutes} [min ago|minutes before|min earlier|minutes back]",
        "{minutes}分钟[之|]前[几点|是什么时间]",
        "~minus {minutes} min[utes|]",
    ),
    "clock/between": (
        "[how many|what number of] minutes [lie|are there|does it take|go by] from {first} to the "
        "[second|other] clock",
    ),
    "clock/time_zh": ("[现在|钟面][是|显示]几点[几分|]", "[看看|说说]几点[了|]"),
}
FURTHER_MORE = {**_DIGITS, **_CHARTS, **_MOLECULES, **_CLOCK}

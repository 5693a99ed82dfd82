"""Further clauses of the questions that had few, for training alone: each bracket is one of its alternatives.

None of them, opened, is a held-out clause (`r1v.figures.people.phrasing.phrase` leaves such a one out), and
the held-out questions stay as they are. Marks and fields are as in the other lists of words.
"""

from __future__ import annotations

from r1v.figures.people.words_counted import COUNTED
from r1v.figures.people.words_further_more import FURTHER_MORE
from r1v.figures.people.words_wide import WIDE

_SETS = "[how many|what number|how many people|how many things]"
_MANY = "[how many|what number of]"

_ODD = {
    "odd_one/place": (
        "[in|at] [which|what] [row, which column|place|position|spot|cell] is the "
        "[odd|different|unusual|strange] [one|shape|thing|figure]",
        "=the [row and column|position|cell|place] of the [odd|different|wrong|strange] "
        "[one|shape|figure|thing]",
        "where [do you see|can I find|sits|stands] the [odd|different|strange|other] [one|shape]",
        "[which|what] [row and column|cell|position] [has|holds|contains] the [odd|different] "
        "[one|shape|figure]",
        "!give [the row and column|the place|the position] of the [odd|different] [one|shape]",
        "[第几行第几列|在哪一行哪一列]的图形[和别的不同|不一样|不同]",
        "不[同|一样]的[图形|那个]在[哪里|什么位置|第几行第几列]",
    ),
    "odd_one/name": (
        "[which|what] [shape|figure|thing|one] is [unlike|other than|not the same as] the [others|rest]",
        "[which|what] [shape|figure|thing|one] [differs|stands out|is odd|is wrong|is strange|is the "
        "intruder]",
        "!name the [odd|different|strange] [one|shape|figure|thing]",
        "what [stands out|is different here|differs]",
        "[which|what] is the [odd|different|strange] [one|thing|figure]",
        "哪[一|]个[图形|]和其[他|它]的不[同|一样]",
        "[不一样|不同|特别]的[是|图形是]哪[一|]个",
        "找出[不同|不一样]的[图形|那个]",
    ),
    "odd_one/single": (
        "[which|what] [shape|figure|thing|one] [is there just once|occurs once|appears only once|is "
        "single|has no double|has no match|is not in a pair|comes once]",
        "!name the [shape|figure|thing|one] that [is there once|has no pair|has no partner|occurs "
        "once|is alone]",
        "=the [lonely|single|only unpaired] [shape|one|figure]",
        "[which|what] [shape|one] [lacks|is missing] [a|its] [partner|twin|pair|double|match]",
        "!show me the [single|unpaired|lonely] [shape|figure|thing]",
        "哪个[图形|]只[出现|有]一[次|个]",
        "哪[一|]个[图形|]没有[配对|同伴|一对]",
        "[单独|落单]的[图形|]是哪[一|]个",
        "只有一个的[图形|]是什么",
    ),
}
_VENN = {
    "venn/one_only": (
        "!count [everything|all|what is] [in just one set|in exactly one circle|in a single circle]",
        f"{_SETS} [is|are] [in a single set|in one circle and no other|in only one of the circles]",
        "[恰好|仅|只]在一个[圈|集合]里的有[多少|几个]",
    ),
    "venn/two_only": (
        f"{_SETS} [is|are] in [two circles exactly|just two sets|exactly two of the circles|two but not "
        f"all three]",
        "=the number in [two sets and not the third|just two circles|exactly two]",
        "[恰好|只]在两个[圈|集合]里的有[多少|几个]",
        "!add up [what|all that] is in [two circles but not in all|exactly two circles]",
    ),
    "venn/three": (
        f"{_SETS} [is|are] [in every circle|in all of them|in each of the three|common to all three]",
        "[在三个圈里|三个圈都属于|同时属于三个]的有[多少|几个]",
        "!read the [middle|centre|number in the middle]",
    ),
    "venn/without": (
        f"{_SETS} [is|are] in {{a}} [without|except|and outside|but outside] {{b}}",
        "!count [all|everyone|those] [in|of] {a} [who are|that are] not in {b}",
        "[属于|在]{a}[但|而]不[属于|在]{b}的有[多少|几个]",
        "~{a} [without|minus|but not|and not] {b}",
    ),
    "venn/not_in": (
        f"{_SETS} [is|are] [beyond|elsewhere than in|outside the circle of] {{a}}",
        "!count [everything|everyone|what is] [outside|not in|beyond] {a}",
        "[不在{a}里|{a}以外]的有[多少|几个]",
        "~[outside|not in|all but] {a}",
        f"{_SETS} [does|do] not belong to {{a}}",
    ),
    "venn/sets": (
        f"{_MANY} [circles|sets|groups] [do you see|are drawn|does it have]",
        "=the number of [circles|groups]",
        "[有几个|一共几个][圈|集合|圆]",
    ),
    "venn/set_names": (
        "[what|which] are the [names|labels] of the [sets|groups]",
        "!list the [sets|circles|groups|names]",
        "[how|what] are the sets [called|named]",
        "!tell me [the names|what the circles are called]",
        "[集合|圈]叫什么[名字|]",
    ),
    "venn/only": (
        f"{_SETS} [is|are] [just|exclusively|solely] [in|of] {{a}}",
        "!count [all|what is|everyone] [only|solely|just] in {a}",
        f"{_SETS} [has|have|like] {{a}} [alone|and no other|and nothing more]",
        "[仅|光]有{a}的有[多少|几个]",
        "~[just|solely|purely] {a}",
        "!give the number of {a} [alone|without any other]",
    ),
    "venn/both": (
        "=the [common part|shared part|part in common] of {a} and {b}",
        "!count [those|all|everyone] [in both|of both|common to] {a} and {b}",
        f"{_SETS} [is|are] [shared by|common to] {{a}} and {{b}}",
        "~both {a} and {b}",
        "[同时|]属于{a}和{b}的有[多少|几个]",
        "~{a} [with|as well as|together with|plus also] {b}",
    ),
    "venn/whole": (
        f"{_SETS} [does|do] {{a}} [have|hold|contain|count] [in all|altogether|]",
        "=the [whole|full number|sum] of {a}",
        "!count [everything|everyone|all] [in|of] {a}",
        f"{_SETS} [is|are] {{a}} [in all|altogether|on the whole]",
        "~[all|everyone in|everything in] {a}",
        "{a}[有多少|共有几个|总数是多少]",
    ),
    "venn/either": (
        f"{_SETS} [is|are] in {{a}} or in {{b}} [or in both|]",
        "!count [all|those|everything] [in|of] {a} or {b} [or both|]",
        "~[either|in] {a} or {b}",
        "[属于|在]{a}或{b}的[一共|]有[多少|几个]",
        "{a}或{b}[有多少|共几个]",
        f"{_SETS} [has|have] {{a}}, {{b}} or both",
        "属于{a}或者{b}的[一共几个|总数是多少]",
    ),
    "venn/all": (
        "~[in all|all together|all|the whole|everything]",
        "!count [all|everything|everyone]",
        "=the [total|sum of all|whole] [number|]",
        "[全部|所有的]加起来[是|有]多少",
        "[how much|how many] [is it all together|does it all make|are all of them]",
    ),
}
_TABLE = {
    "table/row_larger": (
        "[which|what] is [more|higher|larger|bigger] [for|in] {of}, {a} or {b}",
        "[has|does] {of} [have more|more of] {a} [than|or] {b}",
    ),
    "table/row_smaller": (
        "[which|what] is [less|lower|smaller] [for|in] {of}, {a} or {b}",
        "[of which has {of} less|what is less for {of}], {a} or {b}",
    ),
    "table/row_apart": (
        "[how far|how much] apart are {of}'s {a} and {b}",
        "=the [gap|distance] [between|of] {a} and {b} [for|in row|in the row] {of}",
        "[in|for] {of}, [how far apart are|how much lies between] {a} and {b}",
    ),
    "table/row_peak": (
        "!give the {extreme} [value|number|entry] [of|in|for] [row |]{of}",
        "[what|which] [value|number|entry] is {extreme} [for|in] [row |]{of}",
        "[in row|for] {of}, what is {extreme}",
        "{of}[这一行|]{extreme_zh}的[是多少|数是几]",
    ),
    "table/row_range": (
        "=the [gap|spread|range] [between the largest and the smallest of|of|for] {of}",
        "!subtract the smallest [number |]of {of} from the largest",
    ),
    "table/row_everything": (
        "!add [up|together] [all of|everything of|the row of|all numbers of] {of}",
        "[what|how much] is [all of {of}|{of} in all|{of} altogether]",
    ),
    "table/row_mean": (
        "{of}的[平均数|平均值]是[多少|几]",
        "!average [the row |]{of}",
        "[what|how much] is the average [for|of|in] [the row |]{of}",
        "{of}[那|]一行平均[是|有]多少",
    ),
    "table/row_who": (
        "[in|under] which [heading|column] [is|stands] {value} for {of}",
        "which column [of {of} has|has for {of}|shows for {of}] {value}",
    ),
    "table/column_larger": (
        "[under|for] {of}, [which|what] is [larger|higher|more], {a} or {b}",
        "[in the column|at] {of}, is {a} or {b} [larger|higher|more]",
        "[has|does] {a} or {b} [have |]more {of}",
    ),
    "table/column_smaller": (
        "[under|for] {of}, [which|what] is [smaller|lower|less], {a} or {b}",
        "[which|who] has [fewer|the smaller] {of}, {a} or {b}",
    ),
    "table/column_apart": (
        "[how much|how far] [do|are] {a} and {b} [differ in|apart in|apart for] {of}",
        "=the [gap|distance] [between|of] {a} and {b} [for|under|in the column] {of}",
    ),
    "table/column_peak": (
        "!give the {extreme} [value|number|entry] [of|in|under] [the column |]{of}",
        "[what|which] is the {extreme} [value of |number under |of the ]{of}",
        "{of}[那一列|]{extreme_zh}[是多少|的是几]",
    ),
    "table/column_range": (
        "=the [gap|spread] [of|in] [the column |]{of}",
        "!subtract the smallest {of} from the largest",
        "=the range [in|of] [the column|column] {of}",
    ),
    "table/column_everything": (
        "!add [up|together] [all|everything under|everything in] {of}",
        "[what|how much] is [all {of}|{of} in all|{of} altogether]",
        "=the [whole|full sum] of {of}",
    ),
    "table/column_mean": (
        "!average [the column |]{of}",
        "=the [average|mean value] [in|of|under] [the column|column] {of}",
        "[what|how much] is {of} [on average|in the mean]",
        "{of}[那|]一列平均[是|有]多少",
    ),
    "table/column_who": (
        "[what|which] [row|line|one] [shows|has|holds] {value} [for|in] {of}",
        "[whose|which] {of} is {value}",
    ),
    "table/rows": (
        "[how many|what number of] [rows|lines] [of data|with numbers|below the head|without the header] "
        "[are there|does it have]",
        "[不算表头|除了表头]有几行",
    ),
    "table/columns": (
        "[how many|what number of] [number columns|columns of data|columns of figures] [are there|do you "
        "see|has it]",
        "有几列数[字|]",
    ),
    "table/row_names": (
        "!name [all |]the rows",
        "=the [labels|headings|titles] of the rows",
        "[行|每一行]叫什么",
    ),
    "table/column_names": (
        "!name [all |]the columns",
        "=the [labels|headings|titles] of the columns",
        "[列|每一列]叫什么",
    ),
    "table/lookup": (
        "!give [the value of |me |]{column} [of|for] {row}",
        "!find {row} [in|under] {column}",
        "[what|how much] is [the |]{column} [of|for|at] {row}",
        "=the [entry|figure|cell] [in row|for|at] {row} [and|, column|under] {column}",
        "[what|which number] stands [in row|at|for] {row} [under|and] {column}",
    ),
    "table/row_sum": (
        "!sum [up |]the row {row}",
        "[what|how much] is [the total of|the sum of|all of] [row |]{row}",
        "{row}[那|这|]一行[加起来|一共][是|有]多少",
        "[how much|what] does {row} [make|total|come to]",
    ),
    "table/column_sum": (
        "!sum [up |]the column {column}",
        "[what|how much] is [the total of|the sum of|all of] [column |]{column}",
        "{column}[那|这|]一列[加起来|一共][是|有]多少",
        "[how much|what] does {column} [make|total|come to]",
    ),
    "table/largest": (
        "[who|which row|what] [is|comes out] {extreme} [in|for|at|under] {column}",
        "!say [who|which one] has the {extreme} {column}",
        "[whose|which] {column} is [the |]{extreme}",
        "{column}{extreme_zh}的是[谁|哪一行]",
    ),
    "table/difference": (
        "=the [gap|distance] [between|of] {larger} and {smaller} [in|for|under] {column}",
        "[how much|how far] is {larger} [above|over|ahead of|past] {smaller} [in|for] {column}",
        "by [what|how much] does {larger} [exceed|beat|top] {smaller} in {column}",
    ),
    "table/cost": (
        "=the [price|cost|sum] [of|for] all [the |]{row} [together|]",
        "!multiply [price and number|number and price] [of|for] {row}",
        "[what|how much] [do|must] [I|we] [pay|spend] for [the|all] {row}",
    ),
    "table/lookup_zh": (
        "{row}[的|和|与]{column}[是几|的数是多少|交叉处是多少|是什么数]",
        "{row}[那一行|]{column}[那一列|]是[几|多少]",
    ),
}
_NET = {
    "network/nodes": (
        f"{_MANY} [nodes|dots|stations|places|points] [do you see|are drawn|does it have]",
        "[一共|总共|图里]有[几|多少]个[点|节点|顶点]",
    ),
    "network/edges": (
        f"{_MANY} [links|connections|edges|lines|streets] [do you see|are drawn|exist|does it have]",
        "[一共|总共|图里]有[几|多少]条[线|边|路]",
    ),
    "network/all_edges": (
        "[how long|how much] are all [edges|lines|links|streets] [added up|in all|altogether]",
        "=the [whole|full|total] length [of all edges|of all lines|]",
        "[全部|所有]的[路|线]加起来有多长",
    ),
    "network/neighbours": (
        "[what|which] [nodes|points] [does|can] {a} [touch|reach directly|link to]",
        "!list the [nodes |points |neighbors ][at|next to|joined to|of] {a}",
        "{a}的邻居[是哪些|有哪些]",
        "[who|what] is [directly |]linked to {a}",
    ),
    "network/joined": (
        "[are|is] {a} [directly |][joined|linked|tied] to {b}",
        "[does|do] {a} and {b} [touch|share an edge|have a direct line]",
        "{a}和{b}[直接|]相连吗",
    ),
    "network/edge_peak": (
        "[what|how much] is the [length|number|weight|cost] of the {extreme} [line|edge|link]",
        "[how long|how much] is the {extreme} [line|link|street|one of all edges]",
    ),
    "network/edge_named": (
        "[which|what] [line|link|road|one of the edges] is {extreme}",
        "!say which [edge|line] is {extreme}",
    ),
    "network/edge": (
        "[how long|how much] is the [line|link|road|street] [from|between] {a} [to|and] {b}",
        "=the [number|value|length] [between|on the edge between] {a} and {b}",
        "[what|how much] does [the edge|the line |the direct way ]{a}[-|]{b} [weigh|cost|measure]",
        "~edge {a}[-| |]{b}",
    ),
    "network/path": (
        "[how far|how much|how long] is [it along|the way|the path|the route|going] {way}",
        "=the [cost|sum|weight] [of|along|for] {way}",
        "~[path|route|way|along] {way}",
        "{way}[这条路|]有多[远|长]",
    ),
    "network/degree": (
        f"{_MANY} [lines|links|edges|streets] [does {{a}} touch|start at {{a}}|end at {{a}}|go out of {{a}}]",
        "[how many|what number of] [nodes|points] are [next to|joined to] {a}",
        "{a}有[几|多少]条[边|线|路]",
        "~[neighbours|edges] of {a}",
    ),
    "network/shortest": (
        "[how long|how far|how much] is the [best|least|quickest|fastest] [way|route|path] "
        "[from|between] {a} [to|and] {b}",
        "~[quickest|least|fastest|best] [way |path |]{a} to {b}",
        "!find the [least|smallest] [distance|cost] from {a} to {b}",
        "[从|]{a}到{b}[最少|最近]要[走|]多[远|少]",
    ),
}
_PLAIN: dict[str, tuple[str, ...]] = {**_ODD, **_VENN, **_TABLE, **_NET, **FURTHER_MORE}
FURTHER = {
    name: (*_PLAIN.get(name, ()), *COUNTED.get(name, ()), *WIDE.get(name, ()))
    for name in {**_PLAIN, **COUNTED, **WIDE}
}

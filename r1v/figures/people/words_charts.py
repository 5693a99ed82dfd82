"""What people ask about charts, tables and diagrams, by family and kind; the fields are the kind's."""

from __future__ import annotations

from collections.abc import Mapping

Clauses = tuple[str, ...]

CHARTS: Mapping[str, Mapping[str, Clauses]] = {
    "bar_chart": {
        "value": (
            "=the value of {name}", "=the height of the {name} bar", "=the number for {name}", "~{name}",
            "=the {name} value", "how much is {name}", "how high is the bar of {name}",
            "what does {name} have", "what value does {name} show", "how many for {name}",
            "!read the bar for {name}", "how much does {name} have", "where does the {name} bar end",
            "how tall is {name}", "~value of {name}", "!give the value of {name}",
        ),
        "extreme": (
            "which bar is {extreme}", "=the {extreme} bar", "which one is the {extreme}",
            "who has the {extreme} value", "what has the {extreme} value",
            "which category is the {extreme}", "!name the {extreme} one", "~{extreme} bar",
            "which name is {extreme}", "哪一个的值{extreme_zh}", "哪个柱子{extreme_zh}", "~{extreme}",
            "=the name with the {extreme} value",
        ),
        "difference": (
            "=the difference between {larger} and {smaller}", "how much more is {larger} than {smaller}",
            "~{larger} minus {smaller}", "how much bigger is {larger} than {smaller}",
            "how much higher is {larger} compared to {smaller}", "~{larger} - {smaller}",
            "by how much is {smaller} smaller than {larger}", "=the gap between {smaller} and {larger}",
            "how much less does {smaller} have than {larger}", "{larger}比{smaller}多多少",
            "{larger}和{smaller}相差多少", "!subtract {smaller} from {larger}",
        ),
        "total": (
            "=the sum of {names}", "how much are {names} together", "=the total of {names}",
            "!add {names}", "!add up {names}", "how much do {names} have in total",
            "what do {names} make together", "~total of {names}", "{names}一共多少", "{names}的总和是多少",
        ),
        "above": (
            "how many bars are over {limit}", "how many are above {limit}",
            "how many are greater than {limit}", "=the number of bars above {limit}",
            "how many values are more than {limit}", "!count the bars above {limit}",
            "how many are higher than {limit}", "有几个大于{limit}", "有几个柱子超过{limit}",
            "~how many > {limit}",
        ),
        "value_zh": (
            "{name}是多少", "{name}的值是多少", "{name}有多少", "{name}的数值", "{name}那一栏是多少",
            "{name}对应的数字是几", "{name}多高",
        ),
    },
    "line_chart": {
        "value": (
            "=the value{of} in {label}", "=the value{of} at {label}", "how much is it{of} in {label}",
            "how high is the line{of} at {label}", "what does the line{of} show for {label}",
            "~{label}{of}", "=the {label} value{of}", "how much{of} in {label}",
            "!read the line{of} at {label}", "~value{of} in {label}", "{label}的值{of}是多少",
            "what was it{of} in {label}",
        ),
        "extreme": (
            "when is it{of} {extreme}", "in which one is the line{of} {extreme}",
            "where is the line{of} the {extreme}", "=the {extreme} point{of}",
            "at what time is the value{of} {extreme}", "which label has the {extreme} value{of}",
            "when was the value{of} {extreme}", "!find where the line{of} is {extreme}",
            "~when{of} {extreme}",
        ),
        "rise": (
            "where does the line{of} go up the most", "when is the biggest increase{of}",
            "=the label with the largest rise{of}", "when did it{of} grow the most",
            "which one shows the biggest jump up{of}", "where is the steepest rise{of}",
            "!find the biggest rise{of}",
        ),
        "change": (
            "by how much does it{of} {verb} between {first} and {last}",
            "how much does the line{of} {verb} from {first} to {last}",
            "=the change{of} from {first} to {last}",
            "how much did it{of} {verb} from {first} until {last}",
            "=the difference{of} between {first} and {last}",
            "!find how much it{of} {verb}s from {first} to {last}",
            "how big is the change{of} between {first} and {last}",
        ),
        "gap": (
            "=the difference between {larger} and {smaller} in {label}",
            "how much more is {larger} than {smaller} in {label}",
            "how far is {larger} above {smaller} at {label}",
            "=the gap between {larger} and {smaller} at {label}",
            "how much higher is {larger} than {smaller} for {label}",
            "~{larger} minus {smaller} in {label}", "{label}的时候{larger}比{smaller}多多少",
        ),
    },
    "pie_chart": {
        "share": (
            "=the share of {name}", "how much is {name}", "=the percentage of {name}", "~{name}",
            "=the value of {name}", "how big is {name}", "what percent is {name}",
            "=the size of the {name} slice", "what part is {name}", "how large is the {name} part",
            "{name}占多少", "{name}是多少", "~share of {name}", "!read the number of {name}",
            "how much does {name} have",
        ),
        "pair": (
            "=the sum of {names}", "how much are {names} together", "how much do {names} make up",
            "!add {names}", "=the total of {names}", "what share do {names} have together",
            "{names}加起来是多少", "~{names} together", "{names}一共占多少",
        ),
        "missing": (
            "one number is missing, all add up to {whole}, what is {name}",
            "what is {name} if the whole is {whole}", "=the missing number of {name} (total {whole})",
            "the parts make {whole}, how big is {name}",
            "!find the hidden value of {name}, the whole is {whole}",
            "how much is {name} when everything is {whole}", "全部是{whole}，{name}是多少",
            "~{name}, total {whole}",
        ),
        "amount": (
            "{total} people were asked, how many chose {name}",
            "if the total is {total} people, how many are {name}",
            "how many of {total} people picked {name}", "=the number of people for {name} out of {total}",
            "how many of the {total} belong to {name}",
            "!work out how many of {total} people chose {name}", "一共{total}人，选{name}的有几人",
            "~{name} of {total} people",
        ),
        "largest": (
            "which part is the {extreme}", "=the {extreme} part", "=the {extreme} slice",
            "which slice is {extreme}", "what is the {extreme} one", "who has the {extreme} share",
            "which category is {extreme}", "!name the {extreme} piece", "哪一块{extreme_zh}",
            "哪个{extreme_zh}", "~{extreme} slice",
        ),
    },
    "table": {
        "lookup": (
            "=the {column} of {row}", "=the value for {row} and {column}",
            "=the number in row {row}, column {column}", "what does {row} have in {column}",
            "~{row} {column}", "~{row}, {column}", "how much is {row} in {column}",
            "how many {column} does {row} have", "=the {column} value for {row}",
            "!look up {row} under {column}", "what is in the cell {row} / {column}", "~{column} of {row}",
            "what number is in the {column} column for {row}",
        ),
        "row_sum": (
            "=the total for {row}", "=the sum of {row}", "how much does {row} have altogether",
            "!add up the row {row}", "=the sum of the {row} row", "what does the row {row} add up to",
            "how many in total for {row}", "{row}一行的总和是多少", "{row}一共是多少", "~total {row}",
        ),
        "column_sum": (
            "=the total of {column}", "=the sum of the {column} column", "how much is {column} in total",
            "!add up the column {column}", "what does column {column} sum to",
            "=the sum of all values in {column}", "{column}一列的总和是多少", "{column}一共是多少",
            "~sum of column {column}",
        ),
        "largest": (
            "who has the {extreme} {column}", "which row has the {extreme} {column}",
            "=the row with the {extreme} value in {column}", "which one is {extreme} in {column}",
            "!name the row that is {extreme} in {column}", "what has the {extreme} {column}",
            "{column}一列谁{extreme_zh}", "哪一行的{column}{extreme_zh}", "~{extreme} in {column}",
        ),
        "difference": (
            "=the difference between {larger} and {smaller} in {column}",
            "how much more does {larger} have than {smaller} in {column}",
            "how much higher is {larger} than {smaller} for {column}",
            "~{larger} minus {smaller} in {column}",
            "how much less is {smaller} than {larger} in {column}",
            "在{column}一列，{larger}比{smaller}多多少",
            "!subtract {smaller} from {larger} in column {column}",
            "by how much is {larger} ahead of {smaller} in {column}",
        ),
        "cost": (
            "=the total cost of {row}", "how much do all {row} pieces cost",
            "how much is all of {row} together", "what do I pay for all of {row}",
            "~price times number for {row}", "=the price of all {row}",
            "!calculate the total price of {row}", "{row}全部要多少钱", "how much money for all the {row}",
        ),
        "lookup_zh": (
            "{row}的{column}是多少", "{row}在{column}那一列是几", "{row}和{column}对应多少",
            "{row}行{column}列是多少", "{row}的{column}有多少", "{row}一行，{column}下面是几",
        ),
    },
    "venn": {
        "only": (
            "how many are only in {a}", "how many have just {a}", "how many only {a}",
            "=the number in {a} only", "~only {a}", "how many like {a} and nothing else",
            "!count those in {a} but no other circle", "只属于{a}的有多少", "只有{a}的是几个",
            "how many are in {a} alone",
        ),
        "both": (
            "how many are in both {a} and {b}", "=the overlap of {a} and {b}",
            "=the intersection of {a} and {b}", "how many have {a} and also {b}", "~{a} and {b}",
            "how many are in {a} and {b} at once", "how many do both {a} and {b}",
            "既属于{a}又属于{b}的有多少", "{a}和{b}都有的是几个",
        ),
        "whole": (
            "how many are in {a}", "=the total in {a}", "how many are in {a} altogether",
            "how many have {a}", "=the size of {a}", "!add up all of {a}", "~all of {a}",
            "属于{a}的一共有多少", "{a}里一共有几个", "how many {a} in total",
        ),
        "either": (
            "how many are in {a} or {b}", "=the union of {a} and {b}", "how many have {a} or {b} or both",
            "how many are in at least one of {a} and {b}", "~{a} or {b}", "!count everyone in {a} or {b}",
            "属于{a}或者{b}的有多少", "how many do {a} or {b}",
        ),
        "all": (
            "how many are there in total", "=the total number", "how many altogether",
            "!add up all the numbers", "=the sum of everything", "how many are in the whole diagram",
            "一共有多少", "总共有几个", "~total", "how many in all",
        ),
    },
    "network": {
        "edge": (
            "=the distance from {a} to {b} directly", "=the length of {a}{b}",
            "=the weight between {a} and {b}", "how long is the edge {a}-{b}", "~{a}-{b}",
            "=the number on the line {a}{b}", "how far is {a} from {b} on the direct road",
            "what number is between {a} and {b}", "{a}和{b}之间的边是多少", "=the cost of edge {a} {b}",
            "{a}到{b}的直接距离是多少",
        ),
        "path": (
            "how long is {way}", "=the length of {way}", "how far is it if you go {way}",
            "!add up the path {way}", "=the total weight of the path {way}", "~{way}", "路线{way}有多长",
            "what does the route {way} cost", "走{way}要多远",
        ),
        "degree": (
            "how many lines meet at {a}", "how many neighbors does {a} have", "=the degree of {a}",
            "how many nodes is {a} connected to", "how many edges does {a} have",
            "!count the lines at {a}", "how many roads leave {a}", "{a}连着几条边", "{a}有几个邻居",
            "~degree of {a}",
        ),
        "shortest": (
            "=the shortest path from {a} to {b}", "=the shortest distance between {a} and {b}",
            "how long is the shortest route from {a} to {b}", "=the quickest way from {a} to {b}",
            "how far is {b} from {a} at least", "!find the shortest way from {a} to {b}",
            "从{a}到{b}最短是多少", "{a}到{b}的最短路有多长", "~shortest {a} to {b}",
            "how far is it from {a} to {b}",
        ),
    },
    "town_map": {
        "square": (
            "where is the {place}", "=the square of the {place}", "in which field is the {place}",
            "=the position of the {place}", "~{place}", "!find the {place}",
            "where can I find the {place}", "which cell has the {place}", "{place}在哪一格",
            "~where {place}", "=the location of the {place}",
        ),
        "what": (
            "what is at {square}", "what is in {square}", "what's on {square}", "~{square}",
            "which place is at {square}", "what do you see in field {square}",
            "what building is in {square}", "{square}里是什么", "!name what is in {square}",
        ),
        "blocks": (
            "how far is it from the {place} to the {other}",
            "how many squares from the {place} to the {other}",
            "=the distance between the {place} and the {other} in squares",
            "how many steps is the {other} from the {place}",
            "how many blocks do I walk from the {place} to the {other}",
            "!count the steps from the {place} to the {other}", "从{place}到{other}要走几格",
        ),
        "walk": (
            "I start at the {place} and walk {path}, where am I",
            "where do you end up going {path} from the {place}",
            "starting from the {place}, {path}: which square",
            "=the square after walking {path} from the {place}",
            "from the {place} go {path}, where is that",
            "!start at the {place}, go {path} and name the square",
        ),
    },
    "calendar": {
        "weekday": (
            "what day is the {date}", "which day of the week is the {date}", "=the weekday of the {date}",
            "what day of the week falls on the {date}", "on what day is the {date}", "~the {date}",
            "!name the weekday of the {date}", "what weekday is the {date}", "~weekday of the {date}",
        ),
        "date": (
            "when is the {nth} {weekday}", "what date is the {nth} {weekday}",
            "=the date of the {nth} {weekday}", "which date is the {nth} {weekday} of the month",
            "!find the {nth} {weekday}", "~{nth} {weekday}", "what number is the {nth} {weekday}",
        ),
        "count": (
            "how many {weekday}s are in this month", "=the number of {weekday}s", "!count the {weekday}s",
            "how many {weekday}s does this month have", "how many times is it {weekday}",
            "~how many {weekday}s", "how often is it {weekday} this month",
        ),
        "later": (
            "what day is {number} days after the {date}",
            "which weekday is it {number} days after the {date}",
            "{number} days after the {date} is what day", "=the weekday {number} days past the {date}",
            "what day of the week comes {number} days after the {date}",
            "!name the weekday {number} days after the {date}",
        ),
        "between": (
            "how many days are between the marked dates",
            "=the number of days between the two marked days", "how far apart are the two circled dates",
            "how many days from one marked day to the other", "!count the days between the marked ones",
            "两个标记的日期相差几天", "标出的两天隔多少天",
        ),
    },
    "money": {
        "total": (
            "how much money is this", "how much is this", "=the total", "=the total value",
            "how much money do you see", "!add up the money", "!count the money",
            "how much is it altogether", "~how much", "what is all this worth", "一共多少钱",
            "这里有多少钱", "how much money do I have", "=the sum of the coins and notes",
            "how much in total",
        ),
        "change": (
            "how much is left if I pay {price}", "I spend {price}, how much remains",
            "how much do I have left after paying {price}", "=the rest after spending {price}",
            "if something costs {price}, how much is left over", "花了{price}还剩多少",
            "!take away {price} and say what is left", "~left after {price}",
        ),
        "missing": (
            "how much more do I need for {price}", "how much is missing to {price}",
            "=the amount missing to reach {price}", "it costs {price}, how much more do I need",
            "how much short of {price} is this", "要买{price}的东西还差多少",
            "!find what is missing to {price}", "~missing to {price}",
        ),
        "count": (
            "how many pieces of {value} are there", "how many {value}s are there", "!count the {value}s",
            "=the number of {value} coins or notes", "how many times is {value} there",
            "how many have {value} on them", "面值{value}的有几个", "~how many {value}",
        ),
    },
}  # fmt: skip

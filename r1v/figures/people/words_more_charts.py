"""Wordings of the questions in `asks_charts`, by family and kind."""

from __future__ import annotations

from collections.abc import Mapping

Clauses = tuple[str, ...]

_NAMED: Mapping[str, Clauses] = {
    "larger": (
        "which is larger, {a} or {b}", "which is bigger, {a} or {b}", "who has more, {a} or {b}",
        "=the larger of {a} and {b}", "~{a} or {b}, which is more", "{a}和{b}哪个大",
        "what is higher, {b} or {a}", "!compare {a} and {b}: which is larger", "is {a} or {b} larger",
    ),
    "smaller": (
        "which is smaller, {a} or {b}", "who has less, {a} or {b}", "=the smaller of {a} and {b}",
        "what is lower, {a} or {b}", "{a}和{b}哪个小", "is {a} or {b} the smaller one",
    ),
    "is_larger": (
        "is {a} larger than {b}", "is {a} more than {b}", "does {a} have more than {b}",
        "is {a} bigger than {b}", "is {a} higher than {b}", "~{a} > {b}",
    ),
    "apart": (
        "=the difference between {a} and {b}", "how far apart are {a} and {b}",
        "by how much do {a} and {b} differ", "=the difference of {a} and {b}",
        "how much do {a} and {b} differ", "{a}和{b}差多少",
    ),
    "peak": (
        "=the {extreme} value", "what value is {extreme}", "=the {extreme} number",
        "how much is the {extreme} one", "!give the {extreme} value", "~{extreme} value",
        "{extreme_zh}的值是多少", "how high is the {extreme} one",
    ),
    "range": (
        "=the difference between the largest and the smallest value", "=the range",
        "how far apart are the highest and the lowest", "=the gap between the highest and the lowest",
        "!subtract the smallest from the largest", "最大值和最小值相差多少", "~max minus min",
    ),
    "everything": (
        "=the sum of all values", "=the total", "how much is everything together",
        "!add up all the values", "how much are they all together", "=the total of everything",
        "全部加起来是多少", "~sum of all", "how much in total",
    ),
    "mean": (
        "=the average", "=the mean value", "what is it on average", "!calculate the average",
        "=the average of all values", "平均是多少", "~mean",
    ),
    "who": (
        "which one has the value {value}", "who has {value}", "which is {value}",
        "what has exactly {value}", "=the name with {value}", "哪个是{value}", "which one is at {value}",
    ),
    "second": (
        "which one is the second largest", "=the second largest", "who is second",
        "=the second highest one", "which is the runner-up", "第二大的是哪个", "what comes second",
    ),
    "count": (
        "how many are there", "how many bars or parts are there", "how many categories",
        "=the number of categories", "!count them", "how many names are there", "有几个",
        "how many different ones",
    ),
    "names": (
        "which names are there", "=the list of names", "!list all names", "!list the categories",
        "what are the categories", "which ones are shown", "有哪些", "!name all of them",
    ),
}  # fmt: skip

MORE_CHARTS: Mapping[str, Mapping[str, Clauses]] = {
    "bar_chart": {
        **_NAMED,
        "below": (
            "how many bars are below {limit}", "how many are under {limit}",
            "how many are less than {limit}", "!count the bars below {limit}",
            "=the number of bars under {limit}", "有几个小于{limit}", "how many do not reach {limit}",
        ),
        "at_place": (
            "which one is the {nth} bar", "=the name of the {nth} bar", "what is the {nth} bar called",
            "=the {nth} name", "!name the {nth} bar",
        ),
    },
    "line_chart": {
        **_NAMED,
        "how_many_lines": (
            "how many lines are there", "=the number of lines", "!count the lines",
            "how many curves are shown", "有几条线",
        ),
        "hue": (
            "what color is {name}", "what colour is the line of {name}", "=the color of {name}",
            "which color does {name} have", "{name}是什么颜色的",
        ),
        "of_hue": (
            "which line is {hue}", "what does the {hue} line stand for", "whose line is {hue}",
            "=the name of the {hue} line", "{hue}的线是哪个",
        ),
        "peak_of": (
            "=the highest value{of}", "how high does the line{of} get", "=the maximum{of}",
            "what is the largest value{of}", "!find the peak value{of}",
        ),
        "everything_of": (
            "=the sum of all values{of}", "=the total{of}", "how much is it{of} in total",
            "!add up all values{of}",
        ),
        "ups": (
            "how many times does it go up", "how often does the line rise", "=the number of rises",
            "!count how often it goes up", "how many steps go up",
        ),
        "points": (
            "how many points are there", "=the number of points", "!count the points of a line",
            "how many labels are on the x axis", "有几个点",
        ),
    },
    "pie_chart": {
        **_NAMED,
        "hue": (
            "what color is {name}", "what colour is the {name} part", "=the color of {name}",
            "which color stands for {name}", "{name}是什么颜色的",
        ),
        "of_hue": (
            "what is the {hue} part", "which one is {hue}", "what does {hue} stand for",
            "=the name of the {hue} slice", "{hue}的部分是什么",
        ),
        "value_of_hue": (
            "how big is the {hue} part", "=the share of the {hue} slice", "=the value of the {hue} part",
            "how much is the {hue} one", "{hue}的部分是多少",
        ),
    },
    "table": {
        "row_larger": (
            "in the row {of}, which is larger, {a} or {b}", "does {of} have more {a} or {b}",
            "what does {of} have more of, {a} or {b}", "=the larger one for {of}: {a} or {b}",
        ),
        "row_smaller": (
            "in the row {of}, which is smaller, {a} or {b}", "does {of} have less {a} or {b}",
            "=the smaller one for {of}: {a} or {b}", "what does {of} have less of, {a} or {b}",
        ),
        "row_apart": (
            "=the difference between {a} and {b} for {of}", "how far apart are {a} and {b} in row {of}",
            "by how much do {a} and {b} differ for {of}", "how much do {of}'s {a} and {b} differ",
        ),
        "row_peak": (
            "=the {extreme} value of {of}", "=the {extreme} number in the row {of}",
            "what is the {extreme} in row {of}", "!find the {extreme} number of {of}",
            "{of}一行{extreme_zh}的数是多少",
        ),
        "row_range": (
            "=the range of row {of}", "=the difference between the largest and smallest of {of}",
            "how far apart are the highest and lowest of {of}",
        ),
        "row_everything": (
            "=the total of {of}", "=the sum of {of}", "how much does {of} have in all", "!sum up {of}",
        ),
        "row_mean": (
            "=the average of {of}", "=the mean of the row {of}", "what does {of} have on average",
            "{of}平均是多少",
        ),
        "row_who": (
            "in which column does {of} have {value}", "where does {of} have {value}",
            "=the column in which {of} has {value}",
        ),
        "column_larger": (
            "in {of}, who has more, {a} or {b}", "in column {of}, which is larger, {a} or {b}",
            "=the larger one in {of}: {a} or {b}", "who has more {of}, {a} or {b}",
        ),
        "column_smaller": (
            "in {of}, who has less, {a} or {b}", "in column {of}, which is smaller, {a} or {b}",
            "=the smaller one in {of}: {a} or {b}", "who has less {of}, {a} or {b}",
        ),
        "column_apart": (
            "=the difference between {a} and {b} in {of}", "how far apart are {a} and {b} in {of}",
            "by how much do {a} and {b} differ in {of}", "how much do {a} and {b} differ for {of}",
        ),
        "column_peak": (
            "=the {extreme} {of}", "=the {extreme} value in {of}",
            "what is the {extreme} number in column {of}", "!find the {extreme} value of {of}",
            "{of}一列{extreme_zh}的数是多少",
        ),
        "column_range": (
            "=the range of {of}", "=the difference between the largest and smallest {of}",
            "how far apart are the highest and lowest {of}",
        ),
        "column_everything": (
            "=the total of {of}", "=the sum of {of}", "how much {of} is there in all", "!sum up {of}",
        ),
        "column_mean": ("=the average of {of}", "=the mean {of}", "{of} on average", "{of}平均是多少"),
        "column_who": (
            "who has {value} in {of}", "which row has {value} under {of}", "=the row with {value} in {of}",
        ),
        "rows": (
            "how many rows does the table have", "=the number of rows", "!count the rows",
            "how many rows are there without the head", "表格有几行",
        ),
        "columns": (
            "how many columns of numbers are there", "=the number of number columns",
            "!count the columns of numbers", "how many columns with numbers does it have",
        ),
        "row_names": (
            "which rows are there", "!list the row names", "=the names of the rows",
            "what are the rows called",
        ),
        "column_names": (
            "which columns are there", "!list the column names", "=the names of the columns",
            "what are the columns called",
        ),
    },
    "venn": {
        "one_only": (
            "how many are in exactly one set", "how many belong to just one circle",
            "=the number in exactly one set", "!count those in only one circle", "只属于一个的有多少",
        ),
        "two_only": (
            "how many are in exactly two sets", "how many belong to two circles but not three",
            "=the number in exactly two sets", "!count those in exactly two circles",
        ),
        "three": (
            "how many are in all three", "how many belong to all three circles",
            "=the number in the middle", "how many have everything", "三个都有的是多少",
        ),
        "without": (
            "how many are in {a} but not in {b}", "how many have {a} without {b}",
            "=the number in {a} but not {b}", "!count those in {a} and not in {b}", "有{a}没有{b}的是多少",
        ),
        "not_in": (
            "how many are not in {a}", "how many are outside {a}", "=the number that is not in {a}",
            "!count those outside of {a}", "不属于{a}的有多少",
        ),
        "sets": (
            "how many circles are there", "how many sets", "=the number of sets", "!count the circles",
        ),
        "set_names": (
            "what are the circles called", "which sets are there", "!name the sets",
            "=the names of the circles",
        ),
    },
    "network": {
        "nodes": (
            "how many nodes are there", "how many points are in the graph", "=the number of nodes",
            "!count the nodes", "how many cities are there", "有几个点", "how many circles",
        ),
        "edges": (
            "how many edges are there", "how many lines are there in all", "=the number of edges",
            "!count all edges", "how many roads are there", "有几条边",
        ),
        "all_edges": (
            "=the sum of all edges", "=the total weight", "how long are all roads together",
            "!add up all numbers on the edges", "所有边加起来是多少",
        ),
        "neighbours": (
            "what are the neighbours of {a}", "which nodes are connected to {a}",
            "=the list of neighbours of {a}", "!name the nodes next to {a}", "{a}和谁相连",
        ),
        "joined": (
            "is {a} connected to {b}", "is there an edge between {a} and {b}",
            "are {a} and {b} neighbours", "is there a direct road from {a} to {b}",
        ),
        "edge_peak": (
            "how long is the {extreme} edge", "=the length of the {extreme} edge",
            "=the weight of the {extreme} edge", "how long is the {extreme} road",
        ),
        "edge_named": (
            "which edge is the {extreme}", "=the {extreme} edge", "!name the {extreme} edge",
            "between which nodes is the {extreme} edge",
        ),
    },
    "town_map": {
        "places": (
            "how many places are on the map", "=the number of places", "!count the places",
            "how many buildings are there", "地图上有几个地方",
        ),
        "place_names": (
            "which places are there", "!list all places", "=the places on the map", "what is on the map",
        ),
        "furthest": (
            "which place is furthest {way}", "what lies most to the {way}", "=the place furthest {way}",
            "which one is the most {way}",
        ),
        "further_north": (
            "is the {a} north of the {b}", "does the {a} lie further north than the {b}",
            "is the {a} above the {b} on the map",
        ),
        "same_column": (
            "are the {a} and the {b} in the same column", "is the {a} in the same column as the {b}",
            "do the {a} and the {b} share a letter",
        ),
    },
    "calendar": {
        "first_day": (
            "what day is the 1st", "on which weekday does the month begin", "=the weekday of the first",
            "what day does the month start on", "=the first day of the month as a weekday", "1号是星期几",
        ),
        "days": (
            "how many days does the month have", "=the number of days", "how long is this month",
            "!count the days of the month", "=the last date", "这个月有几天",
        ),
        "last_day": (
            "what day is the last day of the month", "on which weekday does the month end",
            "=the weekday of the last day", "what weekday is the final day",
        ),
        "last_of": (
            "when is the last {weekday}", "=the date of the last {weekday}",
            "what date is the last {weekday}", "!find the last {weekday}",
        ),
        "all_of": (
            "which dates are {weekday}s", "!list all {weekday}s", "=the dates of the {weekday}s",
            "on which days is it {weekday}",
        ),
        "weekend": (
            "is {number} a weekend day", "is day {number} on the weekend",
            "does the date {number} fall on a weekend",
        ),
    },
    "money": {
        "pieces": (
            "how many coins and notes are there", "how many pieces", "=the number of pieces",
            "!count the coins and notes", "how many pieces of money do you see", "有几个",
        ),
        "most": (
            "which is the largest coin or note", "=the largest value", "what is the highest piece",
            "=the biggest one", "最大的面值是多少",
        ),
        "least": (
            "which is the smallest coin or note", "=the smallest value", "what is the lowest piece",
            "=the smallest one", "最小的面值是多少",
        ),
        "kinds": (
            "how many different values are there", "=the number of different values",
            "!count the different coins and notes", "how many kinds of pieces",
        ),
        "enough": (
            "is this enough for {price}", "can I pay {price} with this",
            "do I have enough to buy something for {price}", "is it at least {price}",
            "does it reach {price}",
        ),
    },
}  # fmt: skip

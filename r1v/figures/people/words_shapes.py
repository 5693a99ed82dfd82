"""What people ask about shapes, clocks, things in a grid and handwriting, by family and kind."""

from __future__ import annotations

from collections.abc import Mapping

Clauses = tuple[str, ...]

SHAPES: Mapping[str, Mapping[str, Clauses]] = {
    "counting": {
        "all": (
            "how many shapes are there", "how many shapes", "=the number of shapes", "!count the shapes",
            "!count everything", "how many things are in the image", "how many objects do you see",
            "~how many", "how many figures are there in total", "!count all shapes",
            "how many items are shown", "图中一共有多少个图形", "有几个形状",
        ),
        "color": (
            "how many {color} shapes are there", "how many are {color}", "how many {color} ones",
            "=the number of {color} shapes", "!count the {color} ones", "!count the {color} shapes",
            "how many {color} things are there", "~{color}", "how many {color} objects",
            "how many shapes are {color}", "~number of {color} shapes",
            "how many {color} figures do you see",
        ),
        "shape": (
            "how many {shapes} are there", "how many {shapes}", "=the number of {shapes}",
            "!count the {shapes}", "!count all {shapes}", "how many {shapes} can you see", "~{shapes}",
            "how many {shapes} in total", "how many of them are {shapes}",
            "are there any {shapes}, and how many", "~number of {shapes}",
        ),
        "both": (
            "how many {color} {shapes} are there", "how many {color} {shapes}",
            "=the number of {color} {shapes}", "!count the {color} {shapes}", "~{color} {shapes}",
            "how many {shapes} are {color}", "how many of the {shapes} are {color}",
            "how many {color} {shapes} do you see", "~number of {color} {shapes}",
        ),
        "more": (
            "how many more {color} than {other}",
            "how many more {color} shapes than {other} ones are there",
            "=the difference between the number of {color} and {other} shapes",
            "by how many are there more {color} than {other}", "~{color} minus {other}",
            "how much more {color} is there than {other}", "!compare {color} with {other}: how many more",
        ),
        "color_zh": (
            "有几个{color}的", "有多少个{color}图形", "{color}的有几个", "数一数{color}的图形",
            "{color}图形有多少", "一共有几个{color}的形状", "{color}有几个",
        ),
    },
    "spatial": {
        "cell": (
            "what is in row {row} column {column}", "what's at row {row}, column {column}",
            "=the shape in row {row}, column {column}", "what is in column {column}, row {row}",
            "~row {row}, column {column}", "which shape is in line {row} at place {column}",
            "!name the shape in row {row} and column {column}", "第{row}行第{column}列是什么",
        ),
        "where": (
            "where is the {thing}", "=the position of the {thing}", "!find the {thing}",
            "!locate the {thing}", "in which row and column is the {thing}", "~{thing}",
            "where do you see the {thing}", "~where {thing}", "=the place of the {thing}",
        ),
        "beside": (
            "what is {direction} the {thing}", "what is right {direction} the {thing}",
            "which shape is {direction} the {thing}", "what do you see {direction} the {thing}",
            "=the shape {direction} the {thing}", "!name the shape {direction} the {thing}",
            "~{direction} the {thing}", "what comes directly {direction} the {thing}",
        ),
        "path": (
            "from the {thing} move {path}, what is there",
            "start at the {thing} and go {path}, where do you land",
            "what do I reach from the {thing} going {path}",
            "=the shape after moving {path} from the {thing}",
            "if I go {path} from the {thing}, what shape is it",
            "!go {path} from the {thing} and name the shape",
        ),
        "nearest": (
            "what is closest to the {thing}", "which shape is nearest to the {thing}",
            "=the closest shape to the {thing}", "what is next to the {thing}, nearest",
            "which one is the nearest neighbour of the {thing}", "!find the shape nearest to the {thing}",
            "~nearest to the {thing}",
        ),
        "largest": (
            "which shape is {extreme}", "=the {extreme} shape", "what is the {extreme} one",
            "which is the {extreme}", "!name the {extreme} shape", "~{extreme}", "which one is {extreme}",
            "哪个图形{extreme_zh}",
        ),
        "count_side": (
            "how many shapes are further {side} than the {thing}", "how many are {side} of the {thing}",
            "!count the shapes further {side} than the {thing}",
            "=the number of shapes further {side} than the {thing}",
            "how many things lie further {side} than the {thing}",
        ),
        "letter": (
            "which letter is {direction} {letter}", "what letter is {direction} the {letter}",
            "=the letter {direction} {letter}", "what is {direction} {letter}",
            "!name the letter {direction} {letter}", "~{direction} {letter}",
        ),
    },
    "clock": {
        "time": (
            "what time is it", "what time does it show", "=the time", "!read the clock",
            "what's the time on the clock", "~time", "what does the clock say", "how late is it",
            "!tell me the time", "which time is this", "what time is shown", "do you know what time it is",
        ),
        "after": (
            "what time will it be in {minutes} minutes", "what time is it {minutes} minutes later",
            "=the time {minutes} minutes later", "{minutes} minutes from now, what time is it",
            "!add {minutes} minutes to the time", "~time in {minutes} minutes",
            "what will the clock show after {minutes} min", "{minutes}分钟以后是几点",
            "过{minutes}分钟是几点",
        ),
        "before": (
            "what time was it {minutes} minutes ago", "what time was it {minutes} minutes earlier",
            "=the time {minutes} minutes earlier", "{minutes} minutes before this, what time was it",
            "!subtract {minutes} minutes from the time", "~time {minutes} minutes ago",
            "{minutes}分钟以前是几点", "what did the clock show {minutes} min ago",
        ),
        "between": (
            "how many minutes are between the two clocks ({first} is first)",
            "how much later is the other clock than {first}, in minutes",
            "=the time difference in minutes, {first} first",
            "how many minutes pass from {first} to the other",
            "!find the minutes from {first} to the other clock",
        ),
        "time_zh": (
            "现在几点", "几点了", "钟上是几点", "是几点几分", "时间是多少", "这个钟显示几点", "读一下时间",
        ),
    },
    "compare": {
        "removed": (
            "what is missing in the second picture", "what disappeared", "which shape was removed",
            "what is gone in the second image", "=the shape that is missing in the second picture",
            "!spot what was taken away", "which shape is only in the first picture", "第二张图少了什么",
        ),
        "added": (
            "what is new in the second picture", "what was added", "which shape is new",
            "what is in the second picture but not in the first", "=the new shape in the second picture",
            "!spot the added shape", "第二张图多了什么",
        ),
        "recolored": (
            "what color did the shape change to", "one shape has another color, which color is it now",
            "=the new color of the changed shape", "what is the new colour", "!find the new colour",
            "which colour does the changed shape have now",
        ),
        "differ": (
            "how many shapes have another color", "how many differences are there",
            "!count the differences", "=the number of changed shapes", "how many shapes changed",
            "how many colors are different", "有几处不同",
        ),
        "more": (
            "how many more {shapes} does the {more} picture have than the {fewer} one",
            "how many {shapes} more are in the {more} picture",
            "=the difference in {shapes} between the {more} and the {fewer} picture",
            "by how many {shapes} is the {more} ahead of the {fewer}",
            "!count how many more {shapes} the {more} has than the {fewer}",
        ),
    },
    "expression": {
        "evaluate": (
            "what is the result", "how much is this", "!solve this", "!calculate", "=the answer",
            "=the result of the calculation", "!work this out", "what does this equal", "~result",
            "what comes out", "~=", "!compute this", "what's the answer", "how much is it",
        ),
        "missing": (
            "what is the missing number", "=the missing number", "what goes in place of the question mark",
            "which number is missing", "!find the missing number", "what is ?", "~missing number",
            "问号是多少", "what must stand for the question mark",
        ),
        "column": (
            "what is the sum", "=the sum", "=the total", "!add these numbers", "!add them up",
            "how much is it all together", "~sum", "加起来是多少", "!sum up the column",
            "what do they add up to",
        ),
        "largest": (
            "which number is the biggest", "=the largest number", "=the biggest number",
            "which one is the largest", "!find the maximum", "~largest", "what is the maximum",
            "最大的数是几", "哪个数最大", "what's the highest number",
        ),
        "evaluate_zh": (
            "等于多少", "答案是多少", "算一下", "结果是几", "这道题怎么算", "请计算这个算式", "得多少",
        ),
    },
    "odd_one": {
        "place": (
            "where is the odd one", "where is the different one", "=the place of the odd one out",
            "in which row and column is the odd one", "!find where the different shape is",
            "~where is the odd one out", "哪个位置的图形不一样",
        ),
        "name": (
            "which one is different", "which one does not belong", "=the odd one out",
            "what is the odd shape", "which shape doesn't fit", "!spot the odd one out", "~odd one out",
            "哪个图形和别的不一样", "which shape is not like the rest",
        ),
        "single": (
            "which shape has no partner", "which one has no twin", "=the shape without a pair",
            "which shape is there only once", "!find the single one", "which one is alone",
            "哪个图形没有成对", "what occurs only once",
        ),
    },
    "handwriting": {
        "read": (
            "what number is this", "=the number", "!read this", "!read the number", "what does it say",
            "what is written here", "~number", "which number did I write", "can you read that",
            "what number did someone write", "!transcribe the number",
        ),
        "sum": (
            "what is the sum", "=the sum of these numbers", "!add them", "!add the numbers up",
            "how much is it together", "=the total", "~sum", "加起来是多少", "what do they add up to",
        ),
        "largest": (
            "which is the largest", "=the biggest number", "=the largest of the numbers",
            "which number is highest", "!find the maximum", "~largest", "最大的是哪个数",
            "what's the largest one",
        ),
        "count": (
            "how many {digit}s are there", "how often do you see {digit}", "!count the {digit}s",
            "=the number of {digit}s", "how many times is there a {digit}", "~how many {digit}",
            "数字{digit}出现几次",
        ),
        "read_zh": ("写的是什么", "这是几", "这个数是多少", "读一下这个数", "是什么数字", "手写的是几"),
    },
    "icon": {
        "cell": (
            "what is in row {row} column {column}", "what's at row {row}, column {column}",
            "=the thing in row {row}, column {column}", "what is drawn in column {column} of row {row}",
            "~row {row}, column {column}", "!name the icon in row {row}, column {column}",
            "which symbol is at row {row} and column {column}", "第{row}行第{column}列是什么",
        ),
        "where": (
            "where is the {thing}", "=the position of the {thing}", "!find the {thing}",
            "!locate the {thing}", "in which row and column is the {thing}", "~{thing}",
            "where do you see a {thing}", "~where {thing}",
        ),
        "beside": (
            "what is {direction} the {thing}", "which icon is {direction} the {thing}",
            "what do you see {direction} the {thing}", "=the thing {direction} the {thing}",
            "!name the symbol {direction} the {thing}", "~{direction} the {thing}",
        ),
        "count": (
            "how many times is there a {thing}", "how many pictures of this are there: {thing}",
            "!count the {thing} icons", "=the number of {thing} icons", "how often do you see the {thing}",
            "how many cells have the {thing}", "~how many {thing}",
        ),
    },
}  # fmt: skip

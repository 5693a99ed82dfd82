"""Wordings of the questions in `asks_shapes` and `asks_science`, by family and kind."""

from __future__ import annotations

from collections.abc import Mapping

Clauses = tuple[str, ...]

MORE: Mapping[str, Mapping[str, Clauses]] = {
    "counting": {
        "not_color": (
            "how many are not {color}", "how many shapes are not {color}",
            "!count everything that is not {color}", "=the number of shapes that are not {color}",
            "how many have another color than {color}",
        ),
        "not_shape": (
            "how many are not {shapes}", "!count everything but the {shapes}",
            "=the number of shapes that are not {shapes}", "how many things other than {shapes}",
        ),
        "shape_not_color": (
            "how many {shapes} are not {color}", "!count the {shapes} that are not {color}",
            "=the number of {shapes} that aren't {color}",
            "how many of the {shapes} have another color than {color}",
        ),
        "either_color": (
            "how many are {color} or {other}", "!count the {color} and {other} ones together",
            "=the number of {color} or {other} shapes", "how many {color} and {other} shapes in all",
        ),
        "colors": (
            "how many colors are there", "how many different colours do you see", "=the number of colors",
            "!count the colors", "有几种颜色",
        ),
        "sorts": (
            "how many kinds of shapes are there", "how many different shapes",
            "=the number of different shapes", "!count the kinds of shapes", "有几种图形",
        ),
        "most_color": (
            "which color is most common", "what color occurs most", "=the most common color",
            "which colour do most shapes have", "哪种颜色最多",
        ),
        "most_shape": (
            "which shape is most common", "what shape occurs most", "=the most common shape",
            "of which shape are there the most", "哪种图形最多",
        ),
        "is_there": (
            "is there a {thing}", "do you see a {thing}", "is a {thing} in the picture",
            "does the picture show a {thing}", "~any {thing}",
        ),
        "in_row": (
            "how many shapes are in row {row}", "how many are in line {row}",
            "!count the shapes in row {row}", "=the number of shapes in row {row}", "第{row}行有几个",
        ),
        "lines": (
            "how many rows are there", "=the number of rows", "!count the rows",
            "in how many lines do the shapes stand",
        ),
    },
    "compare": {
        "in_picture": (
            "how many shapes are in the {which} picture", "!count the shapes of the {which} picture",
            "=the number of shapes in the {which} image", "how many does the {which} one have",
        ),
    },
    "spatial": {
        "rows": ("how many rows are there", "=the number of rows", "!count the rows", "有几行"),
        "columns": (
            "how many columns are there", "=the number of columns", "!count the columns", "有几列",
        ),
        "cells": (
            "how many shapes are there in all", "=the number of shapes", "!count all of them",
            "how many things in the grid", "一共有几个",
        ),
        "corner": (
            "what is in the {where}", "which {what} is {where}", "=the {what} in the {where}",
            "what do you see {where}", "!name the {what} in the {where}",
        ),
        "row_list": (
            "what is in row {row}", "!list row {row}", "=everything in row {row}",
            "what do you see in row {row}, from left to right",
        ),
        "hue_of": (
            "what color is the {shape}", "=the color of the {shape}", "which colour does the {shape} have",
            "what colour is the {shape}",
        ),
        "is_there": (
            "is there a {thing}", "do you see a {thing}", "is a {thing} in the picture",
            "does it show a {thing}",
        ),
    },
    "icon": {
        "rows": ("how many rows are there", "=the number of rows", "!count the rows", "有几行"),
        "columns": (
            "how many columns are there", "=the number of columns", "!count the columns", "有几列",
        ),
        "cells": (
            "how many icons are there", "=the number of icons", "!count all of them",
            "how many pictures are in the grid", "一共有几个",
        ),
        "corner": (
            "what is in the {where}", "which {what} is {where}", "=the {what} in the {where}",
            "what do you see {where}", "!name the {what} in the {where}",
        ),
        "row_list": (
            "what is in row {row}", "!list row {row}", "=everything in row {row}",
            "what do you see in row {row}, from left to right",
        ),
        "is_there": (
            "is there a {thing}", "do you see a {thing}", "is a {thing} in the picture",
            "does it show a {thing}",
        ),
    },
    "clock": {
        "past": (
            "how many minutes past the hour is it", "=the minutes", "what do the minutes say",
            "how many minutes after the full hour",
        ),
        "hour": (
            "which hour is it", "=the hour", "what hour does the clock show",
            "what does the short hand say",
        ),
        "until": (
            "how many minutes until the next full hour", "how long until the hour is full",
            "=the minutes left in this hour", "how many minutes are left until the full hour",
            "离整点还有几分钟",
        ),
        "in_half": (
            "what time is it in half an hour", "=the time half an hour later",
            "half an hour from now, what time is it", "半小时以后是几点",
        ),
        "in_hour": (
            "what time is it in an hour", "=the time one hour later", "an hour from now, what time is it",
            "一小时以后是几点",
        ),
        "in_quarter": (
            "what time is it in a quarter of an hour", "=the time a quarter of an hour later",
            "what time is it 15 minutes from now",
        ),
        "hour_ago": (
            "what time was it an hour ago", "=the time one hour earlier",
            "what did the clock show one hour before", "一小时以前是几点",
        ),
        "half_ago": (
            "what time was it half an hour ago", "=the time half an hour earlier",
            "what did the clock show 30 minutes before", "半小时以前是几点",
        ),
    },
    "expression": {
        "smallest": (
            "which number is the smallest", "=the smallest number", "!find the minimum",
            "what is the lowest", "最小的数是几",
        ),
        "numbers": (
            "how many numbers are there", "=the number of numbers", "!count the numbers",
            "how many numbers do you see", "有几个数",
        ),
        "sum_of": (
            "=the sum of these numbers", "!add them all", "how much are they together", "=the total",
            "加起来是多少",
        ),
        "spread": (
            "=the difference between the largest and the smallest",
            "how far apart are the largest and the smallest", "=the range of the numbers",
            "!take the smallest from the largest",
        ),
        "first": ("=the first number", "which number comes first", "what number is written first"),
        "last": ("=the last number", "which number comes last", "what number is written last"),
    },
    "handwriting": {
        "digits": (
            "how many digits does it have", "=the number of digits", "!count the digits",
            "how many digits are written", "有几位数",
        ),
        "first_digit": (
            "=the first digit", "which digit comes first", "what does it begin with", "第一个数字是几",
        ),
        "last_digit": (
            "=the last digit", "which digit comes last", "what does it end with", "最后一个数字是几",
        ),
        "second_digit": ("=the second digit", "which digit is second", "what is the digit in second place"),
        "largest_digit": ("=the largest digit", "which digit is largest", "what is the biggest digit in it"),
        "even": ("is the number even", "is it an even number", "can it be divided by 2"),
        "plus_one": (
            "what comes after this number", "=the number plus one", "what is one more than this",
            "=the next number",
        ),
        "digit_sum": (
            "=the sum of the digits", "!add up the digits", "=the digit sum",
            "how much are the digits together", "各位数字的和是多少",
        ),
    },
    "function_plot": {
        "plus": (
            "=f({a}) + f({b})", "=the sum of f({a}) and f({b})", "!add f({a}) and f({b})",
            "how much is f({a}) plus f({b})",
        ),
        "minus": (
            "=f({a}) - f({b})", "=the value of f({a}) minus f({b})", "!subtract f({b}) from f({a})",
            "how much is f({a}) minus f({b})",
        ),
        "is_larger": (
            "is f({a}) larger than f({b})", "is the graph higher at {a} than at {b}", "~f({a}) > f({b})",
        ),
        "sign": (
            "is f({x}) positive, negative or zero", "=the sign of f({x})",
            "does the graph lie above or below the axis at {x} (positive, negative or zero)",
        ),
    },
    "kinematics": {
        "start": (
            "=the {what} at the start", "what is the {what} of the {who} at the beginning",
            "=the initial {what}", "=the {what} at t = 0",
        ),
        "end": (
            "=the {what} at the end", "what is the last {what} of the {who}", "=the final {what}",
            "=the {what} when the graph ends",
        ),
        "lasts": (
            "how long does the graph go", "at how many seconds does the graph end",
            "=the last time in seconds", "how many seconds are shown for the {who}",
        ),
        "pieces": (
            "how many straight pieces does the graph have", "=the number of straight parts",
            "!count the straight pieces",
        ),
        "peak": (
            "=the {extreme} {what}", "what is the {extreme} {what} of the {who}",
            "=the {extreme} {what} in the graph", "how much is the {extreme} {what}",
        ),
        "peak_when": (
            "when is the {what} {extreme}", "at how many seconds is the {what} {extreme}",
            "=the time of the {extreme} {what}",
        ),
        "turns_back": (
            "does the {who} ever go back", "does the {who} turn round",
            "does the {who} move backwards at some time",
        ),
    },
    "geometry": {
        "angle": (
            "how big is angle {letter}", "=the angle at {letter}", "=the angle {letter}",
            "how many degrees does {letter} have", "~angle {letter}", "角{letter}是多少度",
        ),
        "side": (
            "how long is {side}", "=the length of {side}", "=the side {side}", "~{side}", "{side}有多长",
        ),
        "named_side": (
            "=the {side} length", "how long is the {side} side", "=the number at the {side} side",
            "~{side}",
        ),
        "known_sum": (
            "=the sum of the given angles", "how much are the written angles together",
            "!add the angles that are given",
        ),
        "largest_known": (
            "which of the given angles is the largest", "=the largest given angle",
            "which written angle is biggest",
        ),
        "square": (
            "is it a square", "is this a square", "are all sides equal", "is the rectangle a square",
        ),
        "side_gap": (
            "=the difference of the sides", "how much longer is one side than the other",
            "by how much do the two sides differ",
        ),
        "longer": (
            "which is longer, width or height", "is the width or the height longer",
            "=the longer one of width and height",
        ),
    },
    "circuit": {
        "value": (
            "=the value of {name}", "~{name}", "how many ohms has {name}", "=the resistance of {name}",
            "how big is {name}", "!read {name}", "what is {name}", "{name}是多少", "{name}的电阻是多少",
            "=the resistor {name}", "how much is {name}", "what value does {name} have",
            "~value of {name}", "how many ohms is {name}",
        ),
        "battery": (
            "=the voltage of the battery", "how many volts does the battery have", "=the battery voltage",
            "~battery", "how strong is the battery", "电池是几伏", "what voltage does the source have",
            "=the supply voltage",
        ),
        "resistors": (
            "how many resistors are there", "how many resistors", "=the number of resistors",
            "!count the resistors", "有几个电阻", "how many resistors does the circuit have",
            "how many Rs are there",
        ),
        "ohm_sum": (
            "=the sum of all resistor values", "what do all resistances add up to if you just add them",
            "!simply add all the resistor values", "=the plain sum of the ohms",
        ),
        "has_parallel": (
            "are any resistors in parallel", "is there a parallel part", "are there resistors in parallel",
            "does the circuit have parallel resistors",
        ),
        "peak": (
            "=the {extreme} resistance", "how many ohms has the {extreme} resistor",
            "=the value of the {extreme} resistor", "how big is the {extreme} resistor",
        ),
        "peak_name": (
            "which resistor is the {extreme}", "=the {extreme} resistor", "!name the {extreme} resistor",
            "哪个电阻{extreme_zh}",
        ),
        "apart": (
            "=the difference between {a} and {b}", "how much do {a} and {b} differ",
            "by how many ohms do {a} and {b} differ", "{a}和{b}差多少",
        ),
        "is_larger": (
            "is {a} larger than {b}", "is {a} bigger than {b}", "does {a} have more ohms than {b}",
            "~{a} > {b}",
        ),
        "power": (
            "=the power of the battery", "how many watts does the battery deliver", "=the total power",
            "!find the power in watts", "how much power is used", "功率是多少",
        ),
    },
    "theorem": {
        "angle": (
            "how big is angle {letter}", "=the given angle at {letter}",
            "=the angle {letter} that is written", "how many degrees does {letter} have",
        ),
    },
    "solid": {
        "length": (
            "=the {what}", "how big is the {what}", "how long is the {what}", "~{what}",
            "=the {what} of the box",
        ),
        "longest": (
            "which is the longest, width, height or depth", "=the longest of width, height and depth",
            "which side is the longest",
        ),
        "front": (
            "=the area of the front", "how big is the front face", "=the front area (width times height)",
        ),
        "ground": (
            "=the area of the base", "how big is the bottom face", "=the ground area (width times depth)",
        ),
        "cube": ("is it a cube", "is this a cube", "are all its edges equal"),
        "layers": (
            "how many layers are there", "how many cubes high is it", "=the height in cubes",
            "how many layers lie on each other",
        ),
        "layer": (
            "how many cubes are in one layer", "=the number of cubes in a layer",
            "how many cubes are in the bottom layer",
        ),
    },
    "force": {
        "arrows": (
            "how many forces are there", "how many arrows", "=the number of forces", "!count the arrows",
            "有几个力",
        ),
        "strongest": (
            "=the largest force", "how big is the strongest force", "=the strongest force",
            "which force is biggest in newtons",
        ),
        "weakest": (
            "=the smallest force", "how big is the weakest force", "=the weakest force",
            "which force is smallest in newtons",
        ),
        "side_sum": (
            "how much force acts to the {side}", "=the sum of the forces to the {side}",
            "!add the forces to the {side}", "how many newtons pull to the {side}",
        ),
        "side_count": (
            "how many forces point to the {side}", "how many arrows go {side}",
            "=the number of forces to the {side}",
        ),
        "mass": (
            "=the mass", "how heavy is the block", "how many kilograms is it", "~mass", "质量是多少",
        ),
    },
    "formula": {
        "written_lines": ("how many lines are written", "=the number of lines", "!count the lines"),
        "given": (
            "=the given value of {name}", "what is given for {name}", "=the number written for {name}",
        ),
    },
    "molecule": {
        "heavy": (
            "how many atoms are there besides hydrogen", "=the number of atoms without hydrogen",
            "!count the atoms except hydrogen",
        ),
        "atoms": (
            "how many atoms are there in all", "=the total number of atoms with hydrogen",
            "!count all atoms, hydrogen too", "一共有几个原子",
        ),
        "has_oxygen": (
            "does it contain oxygen", "is there oxygen in it", "is there any O", "has it got oxygen",
        ),
        "has_nitrogen": (
            "does it contain nitrogen", "is there nitrogen in it", "is there any N", "has it got nitrogen",
        ),
        "methyl": (
            "how many CH3 groups are there", "=the number of methyl groups", "!count the CH3 groups",
        ),
        "elements": (
            "how many different elements are there", "=the number of elements", "!count the elements",
        ),
        "nitrogens": (
            "how many nitrogens are there", "how many N atoms", "=the number of nitrogen atoms",
            "!count the nitrogens",
        ),
    },
}  # fmt: skip

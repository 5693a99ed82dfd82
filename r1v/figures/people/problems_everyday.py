"""The wide texts of everyday problems: see `r1v.figures.people.problems_wide`."""

from __future__ import annotations

_EUR = "[euros|dollars|pounds|]"
_A = "[a cup|a hat|a ball|a bun|a kiwi|a lamp|a map|a melon|a notebook|a pizza|a postcard|a salad|a shirt]"
_B = "[a comb|a cookie|a drink|a fork|a lemon|a mug|a pear|a pie|a ring|a rope|a soup|a spoon|a tie|a toy]"
_EACH = "[each|apiece|a piece|per piece]"
_SUM = "[How much is [that|it]|What is the [sum|total|bill]|What does [that|it] cost|How much in all|total]?"
_BACK = (
    "[How much [comes back|change is there|does {name} get back]|What is the change|What comes back|How much "
    "is left|How much remains]?"
)
_RECT = "[a room|a lawn|a park|a sheet|a poster|a plot|a roof|a pool|a carpet|a screen|a window]"
_ONE_COSTS = (
    "[How much is [one|each|a single one]|What is the price of [one|each]|What does [one|each one|a single "
    "one] cost|What is it for one|How much per piece]?"
)

WIDE: dict[str, tuple[str, ...]] = {
    "cents_each": (
        f"{{name}} [orders|takes|wants|gets] {{a}} {{things}} [at|for] {{p}} {_EUR} {_EACH}. {_SUM}",
        f"{{a}} {{things}}[, {{p}}| for {{p}}| costing {{p}}] {_EUR} {_EACH}[.|:|,] {_SUM}",
        f"[Each|One|A single] [ball|cup|hat|bun|map] [costs|is] {{p}} {_EUR}. [What do {{a}} cost|What are "
        "{a}|How much for {a}]?",
        f"{{a}} [hats|cups|lemons|buns|pens] at {{p}} {_EUR} {_EACH}. {_SUM}",
        "{p} [times|for each of] {a} {things}[?|, how much?]",
        "[一个|一本|一杯]{p}元，[买|要]{a}[个|本|杯]，[一共|要]多少[元|钱]？",
    ),
    "cents_sum": (
        f"{_A} [is|costs|for] {{p}} {_EUR} and {_B} [is|costs|for] {{q}}. {_SUM}",
        f"{{name}} [buys|takes|orders] {_A} for {{p}} {_EUR} and {_B} for {{q}}. {_SUM}",
        f"{{p}} [for|is] {_A} [and|plus] {{q}} [for|is] {_B}: [how much together|what is the sum]?",
        f"[I|We] [spent|paid] {{p}} {_EUR} on {_A} and {{q}} on {_B}. {_SUM}",
        "[买书|午饭]{p}元，[买笔|晚饭]{q}元，[一共|共]多少[元|钱]？",
    ),
    "cents_change": (
        f"{_A} [is|costs] {{p}} {_EUR}. {{name}} [gives|hands over|pays with] {{n}}. {_BACK}",
        f"{{name}} [buys|takes] {_A} for {{p}} {_EUR} and [gives|pays with] [a|] {{n}}. {_BACK}",
        f"With {{n}} {_EUR} [I|we|you] [pay|buy something for] {{p}}. [What is left|How much change]?",
        "[cost|costs|it costs|to pay|bill][:|] {p}[,|;| and] [given|I give|with|I hand over] {n}[, change|. "
        "How much back|: how much comes back]?",
        "[change|how much change] [from|of] {n} [for|if I pay|if it costs] {p}[?|]",
        "[花了|要付]{p}元，[给了|给]{n}元，[找|应找]多少[元|钱]？",
    ),
    "cents_each_change": (
        f"{{name}} [orders|takes] {{a}} {{things}} at {{p}} {_EUR} {_EACH} and [gives|hands over] {{n}}. "
        f"{_BACK}",
        f"{{a}} {{things}} [at|for] {{p}} {_EACH}[. {{name}} gives {{n}}.| from {{n}} {_EUR}.] {_BACK}",
        f"{{name}} has {{n}} {_EUR} and buys {{a}} {{things}} at {{p}} {_EACH}. {_BACK}",
        "一个{p}元，{name_zh}买{a}个，给{n}元，[找|应找]多少元？",
    ),
    "one_of": (
        f"{{name}} [buys|gets|takes|has] {{a}} {{things}} for {{t}} {_EUR} [in all|together|]. {_ONE_COSTS}",
        f"[For|With] {{a}} {{things}} {{name}} [paid|spent|gave] {{t}} {_EUR}. {_ONE_COSTS}",
        f"{{t}} {_EUR} [is the price of|were paid for|buys|for] {{a}} {{things}}. {_ONE_COSTS}",
        f"{{name}} [paid|spent|spends] {{t}} {_EUR} [on|for] {{a}} {{things}}. {_ONE_COSTS}",
        f"All {{a}} {{things}} [together |]cost {{t}} {_EUR}. {_ONE_COSTS}",
        "{a}[个|本|张][一共|共]{t}元，[每|一][个|本|张]多少[元|钱]？",
    ),
    "one_then": (
        f"If {{a}} {{things}} cost {{t}} {_EUR}, [what do|how much do|how much are] {{b}} [cost|]?",
        f"{{a}} [of them|{{things}}] are {{t}} {_EUR}[.| together.] [And|How much are|What are|What is the "
        "price of] {b} [of them|{things}|]?",
        f"{{name}} [paid|pays] {{t}} {_EUR} for {{a}} {{things}}. What [would|do] {{b}} cost?",
        f"[Somebody|{{name}}] gets {{t}} {_EUR} for {{a}} [hours|days]. How much for {{b}}?",
        "For {a} I paid {t}[. What| - what|, what] about {b} at the same price?",
        "{a}个{things_zh}{t}元，{b}个多少[元|钱]？",
    ),
    "arrives": (
        "[The ship|My lesson|A match|The show|{name}] [starts|begins|sets off] at {s} and [is done|is there|"
        "is over] {d} later. [When|At what time] is that?",
        "{name} [cooks|bakes|sleeps|works|runs|reads|paints] from {s} [on |]for {d}. [When|At what time] is "
        "[it over|{name} done|that done|it ready]?",
        "[Bread|Rice|A soup|The wash|The machine] [takes|needs|runs] {d} and was [started|put on] at {s}. "
        "[When is it ready|When is it done|What time is it then]?",
        "[The clock shows|It is now|Now it is] {s}. [What time will it be|What will it show] [in|after] {d}?",
        "start [at |]{s}, [takes|plus] {d}, [end|ready when]?",
        "{name} [waits|sleeps|plays] {d}, starting at {s}. What time is it then?",
    ),
    "leaves": (
        "{name} [wants|has|needs] to [be home|be at the station|eat|start] at {e} and [needs|walks|drives] "
        "{d}. "
        "[When does {name} have to go|When must {name} set off|When to start]?",
        "[The way|The trip|The walk] takes {d}. [To be there|To arrive] at {e}, when [should|must] "
        "[I|we|you|{name}] [leave|go|start]?",
        "[School|Work|The play|The party] begins at {e}, the way [there |]takes {d}. When [should|must] "
        "{name} "
        "[go|leave|set off]?",
        "[A match|The lesson|The show] [was over|ended] at {e} after {d}. When did it begin?",
        "end [at |]{e}, [took|minus] {d}, [start|began when]?",
    ),
    "lasts": (
        "[The show|A match|Lunch|The lesson|A ride] is from {s} to {e}. [How many minutes|How long, in "
        "minutes,] "
        "is [that|it]?",
        "[begin|start] {s}, end {e}, [how many minutes|minutes]?",
        "[{name_zh}|火车|电影|课]从{s}[开始|出发]，{e}[结束|到达]，[用了|一共|有]多少分钟？",
        "{s}到{e}[一共|共|是]多少分钟？",
        "{s}[开始|出发]，{e}[结束|到]，[几|多少]分钟？",
    ),
    "area": (
        f"[How big|How large|What] is the area of {_RECT} [of|with|that is] {{a}} [m |]by {{b}} [m|]?",
        f"[The sides of|The length and width of] {_RECT} are {{a}} and {{b}} m. [Find its area|What is the "
        "area]?",
        "[面积|求面积]：长{a}[米|]，宽{b}[米|]",
        "长{a}[米|厘米|]，宽{b}[米|厘米|]的[长方形|地|房间]，面积[是|]多少？",
        "[一块地|房间|长方形|花园]长{a}[米|厘米]，宽{b}[米|厘米]，[求|它的]面积[是多少|多大|]？",
        "长{a}米，宽{b}米，[有多少平方米|面积多大]？",
    ),
    "square": (
        "[How big|How large] is a square [of|with side] {a} [m|cm|]?",
        "[the |]area of a square, side {a}[?|]",
        "[正方形|一块方地]边长{a}[米|]，面积[多少|多大]？",
    ),
    "tiles": (
        "[A yard|A roof|A lawn|A plot] is {a} m [long|] [and|by] {b} m [wide|]. [Each|Every] square metre "
        "[needs|costs|gets|has] {k} [euros|stones|seeds|kg|plants]. How [many|much] [in all|is that|is "
        "needed]?",
        "On [each|every] square metre of a {a} m by {b} m [field|garden|wall] [there are|come|stand] {k} "
        "[plants|tiles|flowers]. How many [in all|altogether|is that]?",
        "{k} [seeds|tiles|euros] [for each|a|per] square metre, {a} m by {b} m: how [many|much]?",
        "[A plot|A yard] of {a} by {b} metres [with|has] {k} [trees|stones|bushes] [on each|per] square "
        "metre[. How many in all|, how many altogether]?",
        "{a} [shelves|floors|buses] with {b} [boxes|rooms|rows] of {k} {things} [each|]: how many {things}?",
    ),
    "hours": (
        "[A train|A ship|A plane|{name}] [goes|travels|moves] {v} km [per hour|an hour|every hour]. [How "
        "many "
        "hours|How long] for {s} km?",
        "[At|With] {v} km/h, how [long|many hours] [are|take|for|to do] {s} km?",
        "[It is|The distance is] {s} km [to the sea|home|]. {name} [does|makes|rides at] {v} km an hour. How "
        "many "
        "hours?",
        "[A bus|A tram|A truck] [does|makes|covers] {v} km in [an|one] hour. How [long|many hours] does it "
        "[need|take] [to cover|to do|for] {s} km?",
        "[How long|How many hours] [do|will] {s} km take [when|if] [the speed is|one goes at] {v} km/h?",
        "[汽车|火车]每小时[行|走]{v}千米，[走|行]{s}千米要[几|多少]小时？",
    ),
    "share": (
        "[What|How many|How much] is {f} of {n} [{things}|]?",
        "{f} of {n} {things}[?|, how many?|: how many?]",
        "{f} of [the |]{n} {things} [are mine|are ripe|go to {other}|were sold]. How many [are "
        "that|is that]?",
        "{name} [takes|wants|needs] {f} of {n} {things}. How many?",
        "[How many|How much] [would|does] {f} of {n} {things} [be|make]?",
    ),
    "rest_of": (
        "{name} [had|got] {n} {things} and [gave|used|lost] {f} [of them|]. How many [stay|remain|are left]?",
        "{f} of {n} {things} [are sold|are bad|get lost|are taken]. How many [are left|are still there|are "
        "fine|are not]?",
        "[Of|Out of|From] {n} {things} {name} [uses|gives away|takes] {f}. How many [remain|are left|stay]?",
        "{n} {things}, {f} [of them |][gone|lost|away|used]: how many [stay|left|remain]?",
        "If {f} of {n} {things} [are wet|are missing|fall down], how many are not [wet|missing|]?",
    ),
    "percent": (
        "{name} [eats|sells|gets|gives away|uses|reads] {p}[%| percent] of [the |]{n} {things}. How many "
        "[are "
        "that|does that make|are those]?",
        "[How many|What] are {p}[%| percent] of {n} {things}?",
        "[Of|Out of] {n} [people|books|cars|trees], {p}[%| percent] are [old|here|new]. How many [are "
        "that|is it]?",
        "{p}[%| percent] of [a group|a class|a town] of {n} [came|sing|walk]. How many?",
        "{name} [keeps|puts away|spends] {p}% of {n} [euros|dollars|coins|points]. How much is [that|it]?",
        "{n}个{things_zh}的{p}%是几个？",
    ),
    "raised": (
        "[The wage|A pension|The rent|The fee] of {n} [gets|becomes|is made] {p}% [higher|larger|more]. "
        "[What "
        "is it then|How much is it now]?",
        "{name} [gets|makes|has|is paid] {n} [euros|dollars|] and [now |]{p}[%| percent] [on top|extra|"
        "in addition]. [How much is it now|What is it now|How much in all]?",
        "[The price|A price] of {n} [climbs|grows|is raised|goes up] by {p}[%| percent]. [What is it "
        "now|What "
        "is the new price|How much is it then]?",
        "{n} [euros|dollars|] [plus|and] {p}[%| percent] [more|extra|on top][: how much|. How much is that]?",
        "[一件衣服|门票|车票|这个]{n}元，[涨价|贵了|加价|多了]{p}%，[现在|现价][要|]多少[元|钱]？",
    ),
    "mean": (
        "[On|Over] three days it was {a}, {b} and {c} degrees. What was the [mean|average]?",
        "[average|mean] of {a}, {b}, {c}[?|]",
        "{name} [runs|walks|sells|writes] {a}, {b} and {c} [km|pages|cups]. [How much|What] is that on "
        "average?",
        "The [prices|scores|ages|weights] [are|were] {a}, {b} and {c}. What is the mean?",
    ),
    "younger": (
        "{name} is {a} [now|today|]. How old was {name} {b} years [ago|earlier|before]?",
        "{b} years ago, how old was [somebody of {a}|{name}, now {a}|a man who is {a} today]?",
        "[What was|Tell me] the age of {name} {b} years ago[ if|, when] {name} is {a} [now|today][?|]",
        "{name} [is|has turned] {a}; {other} is {b} years younger. [How old is {other}|And {other}]?",
        "{other} has {b} {things} [less|fewer] than {name}. {name} has {a}. How many [has|does] {other} "
        "[have|]?",
        "今年{a}岁，{b}年前几岁？",
    ),
    "missing": (
        "{name} has {a} {things} and [would like|needs|wants] {g}. How many [more|are missing|are lacking]?",
        "[From|To get from] {a} to {g}, how many [more |]are [missing|needed]?",
        "{a} of {g} [pages|tasks|km] are done. How many [remain|are left|to go]?",
        "[想要|需要]{g}个，[只有|已有]{a}个，[还差|缺]几个？",
    ),
    "packs_needed": (
        "[For|With] {n} {things}, {b} in [a|each|every] [bag|box|row], how many [bags|boxes|rows] [are "
        "needed|]?",
        "{name} puts {n} {things} into [bags|boxes|rows] of {b}. How many [bags|boxes|rows] [are there|does "
        "it "
        "make]?",
        "{n}个{things_zh}，[每袋|一袋]装{b}个，[要|可以装|能装][几|多少]袋？",
        "把{n}个{things_zh}[装进|放进]盒子，[一盒|每盒][放|装]{b}个，[要|需要][几|多少][盒|个盒子]？",
        "{n}[人|个人]，[每辆车|每条船]坐{b}人，要几[辆车|条船]？",
    ),
    "warmer": (
        "[At noon|Yesterday|At night|Now] it [is|was] {a} degrees[, later|; then|, and] it is {b} degrees "
        "[warmer|higher|hotter]. [How warm is it|What is the temperature|How many degrees is that] "
        "[then|now|]?",
        "[The water|The room|A soup] has {a} degrees and [warms|heats] up by {b}. How warm is it?",
        "{a} degrees[,| and] {b} [degrees |]more[: how many degrees|. What is it now]?",
        "[From|At] {a} degrees it [climbs|goes up|rises] [by |]{b} [degrees|]. [What is it then|How warm]?",
        "{a}度，[上升|升了|暖了]{b}度，[现在|是][几|多少]度？",
    ),
    "colder": (
        "[At noon|Yesterday|In the day|Now] it [is|was] {a} degrees[, later|; then|, and] it is {b} degrees "
        "[colder|cooler|lower]. [How cold is it|What is the temperature|How many degrees is that] "
        "[then|now|]?",
        "[The water|The room|A soup] has {a} degrees and [cools down|cools] by {b}. How warm is it?",
        "{a} degrees[,| and] {b} [degrees |]less[: how many degrees|. What is it now]?",
        "[From|At] {a} degrees it [sinks|goes down|falls] [by |]{b} [degrees|]. [What is it then|How cold]?",
        "It [is|was] {a} degrees and [cools|sinks] by {b} degrees. How cold is it?",
        "{a}度，[降了|冷了|下降了]{b}度，[现在|是][几|多少]度？",
    ),
    "two_rides": (
        "{name} [walks|runs|goes|flies|sails] {t} [hours|h] at {v} km/h[, then| and then] {u} [hours|h] at "
        "{w} "
        "km/h. [How far is that|How many km|What is the total]?",
        "[For|During] {t} hours [a bus|a ship|{name}] [does|makes] {v} km an hour, for {u} more hours {w} km "
        "an "
        "hour. [How far in all|How many km altogether]?",
        "{t} hours with {v} km/h and {u} hours with {w} km/h[: how far|, how many km in all]?",
        "A [car|bike|tram] [drives|goes] {u} hours at {w} km/h, [before that|and before] {t} hours at {v} "
        "km/h. "
        "How many km [in all|together]?",
    ),
}  # fmt: skip

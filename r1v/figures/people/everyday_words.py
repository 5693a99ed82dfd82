"""The texts of `r1v.figures.people.everyday`: each bracket is one of its alternatives."""

from __future__ import annotations

_EUR = "[euros|dollars|pounds|]"
_ONE = "[a coffee|a sandwich|a pen|a ticket|a book|a juice|a cake|an apple|a card]"
_TWO = "[a tea|a roll|a pencil|a map|a magazine|a water|a muffin|a banana|a stamp]"
TEXTS: dict[str, tuple[str, ...]] = {
    "cents_each": (
        f"{{name}} buys {{a}} {{things}} [at|for] {{p}} {_EUR} each. [How much is that|What does it "
        f"cost|How much does {{name}} pay]?",
        f"One [pen|ticket|coffee|roll] costs {{p}} {_EUR}. [How much are|What do|How much do] {{a}} "
        f"[of them |][cost|]?",
        "[how much are|price of|what do I pay for] {a} {things} at {p} each[?|]",
        f"{{a}} [coffees|tickets|rolls] at {{p}} {_EUR} each, [how much|what is the total]?",
        "[I|We] buy {a} [bottles|packs|cups] for {p} each. [What is the bill|How much altogether|And "
        "in total]?", "每个{p}元，买{a}个多少钱？",
        "If one is {p}, how much are {a}?",
    ),
    "cents_sum": (
        f"{_ONE} costs {{p}} {_EUR} and {_TWO} costs {{q}}. [How much together|What do both cost|What "
        f"is the total]?",
        f"{{name}} [pays|spends] {{p}} for {_ONE} and {{q}} for {_TWO}. How much [is that|in total|"
        f"altogether]?",
        f"[how much is|what is] {_ONE} for {{p}} and {_TWO} for {{q}} [together|in all][?|]",
        f"[I|We] buy {_ONE} ({{p}}) and {_TWO} ({{q}}). [What is the bill|How much do I pay|Total]?",
        "一个{p}元，一个{q}元，一共多少钱？",
        f"{{p}} for {_ONE}, {{q}} for {_TWO}: [total|the sum|how much]?",
    ),
    "cents_change": (
        f"{_ONE} costs {{p}} {_EUR}. {{name}} pays with {{n}}. [What is the change|How much comes back|"
        f"How much does {{name}} get back]?",
        f"[I|You] pay {{p}} {_EUR} with a {{n}} [euro |dollar |]note. [How much change|What is the change]?",
        "[the bill|the total] is {p}, [I give|I pay with] {n}. [change|how much do I get back]?",
        "{name} has {n} and spends {p}. How much is left?",
        "price {p}, paid {n}, change?", "东西{p}元，付{n}元，找回多少？",
    ),
    "cents_each_change": (
        f"{{name}} buys {{a}} {{things}} for {{p}} each and pays with {{n}} {_EUR}. [What is the "
        f"change|How much comes back]?",
        "{a} [coffees|rolls|pens|cards] at {p} each, paid with {n}: [change|how much is left]?",
        "[I|We] have {n} and buy {a} [tickets|cakes] at {p} each. What is left?",
        "每个{p}元，买{a}个，付{n}元，找回多少？",
        "One costs {p}. I take {a} and give {n}. How much do I get back?",
    ),
    "one_of": (
        f"{{a}} {{things}} cost {{t}} {_EUR}. [How much is one|What does one cost|What is the price of "
        f"one]?", "[how much is|price of] one if {a} cost {t}[?|]",
        "{name} pays {t} for {a} {things}. What does each cost?", "{a}个{things_zh}{t}元，一个多少钱？",
        "{t} for {a}, how much [each|is one]?",
        "A pack of {a} is {t}. What is the price of a single one?",
    ),
    "one_then": (
        f"{{a}} {{things}} cost {{t}} {_EUR}. [How much do|What do] {{b}} cost?",
        "if {a} cost {t}, how much are {b}[?|]",
        "{name} pays {t} for {a} {things}. [What would|How much would] {b} cost?",
        "{a}个{t}元，{b}个多少钱？",
        "{a} [tickets|cups] are {t}. And {b}?",
        "In {a} hours a machine makes {t} parts. How many in {b} hours?",
        "{name} [walks|rides] {t} km in {a} hours. How far in {b} hours?",
    ),
    "arrives": (
        "[A train|A bus|{name}|The ferry] leaves at {s} and [takes|needs|travels] {d}. When does [it|"
        "he|she] arrive?",
        "[A film|A game|The class|The concert] [starts|begins] at {s} and [lasts|takes] {d}. When does "
        "it end?", "[it is|It's] {s}. What time is it in {d}?",
        "[what time is it|the time] {d} after {s}[?|]",
        "{name} [puts|places] a cake in the oven at {s} for {d}. When is it done?",
        "{d} from {s}, what time?",
        "If I start at {s} and need {d}, when am I done?",
    ),
    "leaves": (
        "{name} must be [there|at school|at work] at {e}. The way takes {d}. When must [he|she|{name}] "
        "leave?", "[A film|The class] ends at {e} and lasted {d}. When did it start?",
        "[what time was it|the time] {d} before {e}[?|]",
        "[The train|The bus] arrives at {e} after {d}. When did it leave?",
        "It is {e}. What time was it {d} ago?",
        "To be done at {e}, when do I start something of {d}?",
    ),
    "lasts": (
        "[A film|A lesson|The trip|A meeting] [starts|begins] at {s} and ends at {e}. How many minutes "
        "[does it last|is that|does it take]?",
        "{name} [leaves|goes] at {s} and [arrives|comes back] at {e}. How many minutes [is that|does "
        "it take]?", "[from|between] {s} [to|and] {e}, how many minutes?",
        "How long is it from {s} until {e} in minutes?",
        "The train goes from {s} to {e}. How many minutes is the ride?", "从{s}到{e}有多少分钟？",
        "It is {s} and school ends at {e}. How many minutes are left?",
    ),
    "area": (
        "[A room|A garden|A field|A wall|A table] is {a} m long and {b} m wide. What is its area?",
        "[what is|find] the area of a rectangle [of|with sides] {a} [by|and] {b}[?|]",
        "How many square metres has a [room|garden] of {a} m by {b} m?",
        "A [floor|yard] is {a} by {b}. How [large|big] is it in square metres?",
        "长{a}米、宽{b}米，面积是多少？",
        "a {a} by {b} rectangle, area?", "A chocolate bar has {a} rows of {b} pieces. How many pieces?",
    ),
    "square": (
        "What is the area of a square with [side|sides of] {a}[ cm| m|]?",
        "A square [field|table|room] is {a} m long. What is its area?", "area of a {a} by {a} square[?|]",
        "[each side of a square is|the side of a square is] {a}, [what is the area|how large is it]?",
        "边长{a}的正方形面积是多少？",
    ),
    "tiles": (
        "A [floor|wall] is {a} m by {b} m and needs {k} tiles for each square metre. How many tiles?",
        "{name} paints a wall of {a} by {b} metres. A square metre costs {k}. What is the cost?",
        "A field of {a} m by {b} m, {k} plants on each square metre: how many plants?",
        "{a} rows of {b} boxes with {k} {things} each: how many {things}?",
        "[There are|A hall has] {a} rows of {b} tables with {k} chairs at each. How many chairs?",
    ),
    "hours": (
        "A car drives {v} km per hour. How [long|many hours] does it take for {s} km?",
        "{name} [rides|goes] {s} km at {v} km/h. How many hours [is that|does it take]?",
        "how many hours for {s} km at {v} km an hour[?|]", "每小时{v}千米，{s}千米要几小时？",
        "The way is {s} km, the speed {v} km/h. How many hours?",
    ),
    "share": (
        "[There are|I have|{name} has] {n} {things}, {f} of them are [red|old|broken|new]. How many "
        "[is that|are that|is it]?",
        "{name} gives {f} of {n} {things} to {other}. How many does {other} get?",
        "{name} [eats|sells] {f} of the {n} {things}. How many [is that|are eaten|does {name} sell]?",
        "In a class of {n}, {f} [play chess|have a dog|come by bus]. How many children?",
        "how many are {f} of {n} {things}[?|]",
    ),
    "rest_of": (
        "{name} has {n} {things} and [eats|sells|loses|gives away] {f} of them. How many are left?",
        "[There are|I had] {n} {things}. {f} are gone. How many [remain|are left]?",
        "of {n} {things} {f} are [broken|eaten|sold], how many are not[?|]",
        "A [cake|pizza] has {n} pieces, {name} eats {f} of it. How many pieces are left?",
        "{name} reads {f} of a book of {n} pages. How many pages are left?",
    ),
    "percent": (
        "[There are|A school has] {n} [children|people|pupils] and {p}% [are girls|play football|have "
        "a bike]. How many [is that|are that]?", "{name} saves {p}% of {n} {things}. How many is that?",
        "{p} percent of {n} [tickets|seats|books] are [sold|taken|old]. How many?",
        "{n}个人里有{p}%是女生，有多少女生？",
        "of {n} {things} {p}% are red, how many?",
        "How many of the {n} pupils are ill if {p}% are?",
    ),
    "raised": (
        "A [ticket|coat|rent] of {n} [euros|dollars] [rises|goes up|increases] by {p}%. What is [it "
        "now|the new price]?", "[The price|The rent] is {n} and [rises|goes up] by {p}%. What is it now?",
        "{name} earns {n} and gets {p}% more. How much is that?", "原价{n}元，涨了{p}%，现在多少元？",
        "{n} plus {p}% tax, how much?", "A meal costs {n}, the tip is {p}%. What do I pay in all?",
    ),
    "mean": (
        "{name} [scores|gets|reads] {a}, {b} and {c} [points|pages]. What is the average?",
        "what is the mean of {a}, {b} and {c}[?|]",
        "The [temperatures|marks] are {a}, {b} and {c}. [What is the average|And on average]?",
        "[Three|3] children are {a}, {b} and {c} years old. What is their average age?",
        "{a}、{b}、{c}的平均数是多少？",
    ),
    "younger": (
        "{name} is {a} years old and {other} is {b} years younger. How old is {other}?",
        "{name} has {a} {things}, {other} has {b} fewer. How many does {other} have?",
        "{other} is {b} years younger than {name}, who is {a}. How old is {other}?",
        "{name_zh}{a}岁，妹妹比{name_zh}小{b}岁，妹妹几岁？",
        "How old was {name}, who is {a} now, {b} years ago?",
        "A [rope|stick] is {a} m long, another is {b} m shorter. How long is the other?",
    ),
    "missing": (
        "{name} has {a} [euros|coins|points] and needs {g}. How many are missing?",
        "A [book|trip|game] has {g} [pages|km|levels]. {name} [has read|has done|is at] {a}. How many "
        "are left?", "how much is missing from {a} to {g}[?|]",
        "{name} wants {g} {things} and has {a}. How many more [does {name} need|are needed]?",
        "要{g}元，有{a}元，还差多少元？",
    ),
    "packs_needed": (
        "{n} {things} are packed in boxes of {b}. How many boxes?",
        "How many [bags|boxes] of {b} are needed for {n} {things}?",
        "{name} needs {n} {things}, one pack has {b}. How many packs?",
        "A bus takes {b} people. How many buses for {n} people?", "{n}个{things_zh}，每盒{b}个，要几盒？",
    ),
    "warmer": (
        "It is {a} degrees [in the morning|] and gets {b} degrees warmer. How warm is it then?",
        "the temperature is {a} and rises by {b}[, what is it now|. And now][?|]",
        "It was {a} degrees, now it is {b} degrees more. How many degrees?",
        "早上{a}度，升高{b}度，现在几度？",
    ),
    "colder": (
        "It is {a} degrees and gets {b} degrees colder. [How cold is it then|What is the temperature]?",
        "the temperature is {a} and falls by {b}[, what is it now|. And now][?|]",
        "From {a} degrees it drops by {b}. How many degrees is it?",
        "现在{a}度，下降{b}度，是几度？",
    ),
    "two_rides": (
        "{name} [drives|rides] {t} hours at {v} km/h and {u} hours at {w} km/h. How far in all?",
        "first {t} h at {v} km/h, then {u} h at {w} km/h: [total distance|how far]?",
        "A train goes {v} km/h for {t} hours, then {w} km/h for {u} hours. What is the whole distance?",
        "{name} earns {v} an hour for {t} hours and {w} an hour for {u} hours. How much [is that|in all]?",
    ),
}  # fmt: skip

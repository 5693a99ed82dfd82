"""Further texts of word problems, for training alone: each bracket is one of its alternatives.

None of them is a held-out text of `r1v.figures.people.stories`, which a test checks, and the held-out items
stay as they are.
"""

from __future__ import annotations

import re
from random import Random

_BRACKET = re.compile(r"\[([^\[\]]*)\]")
_NOW = (
    "[How many {things} [does|will] {name} have [now|then|in the end|altogether]|How many are "
    "there [now|in total|in all]|What is the new number|And now|How many {things} is that]?"
)
_LEFT = (
    "[How many are left|How many {things} are left [over|]|How many remain|How many does {name} "
    "still have|What is left|How many {things} does {name} keep]?"
)
_PAY = (
    "[How much is that [in total|in all|]|What does it cost [altogether|in total|]|How much must "
    "{name} pay|What is the [total|price|bill]|How much money is needed]?"
)

MORE: dict[str, tuple[str, ...]] = {
    "gets": (
        f"{{name}} [has|owns|holds|keeps] {{a}} {{things}}. {{other}} [gives|hands|sends|brings] "
        f"{{name}} {{b}} [more|others|]. {_NOW}",
        f"[At first|In the morning|On Monday|Yesterday] {{name}} [had|counted|collected|bought] {{a}} "
        f"{{things}}, [then|later|in the evening|today] {{b}} [more|others]. {_NOW}",
        f"[A basket|A box|A shelf|The drawer|A bag] [holds|contains|has] {{a}} {{things}}. {{b}} "
        f"[more|new ones] are [added|put in|put there]. {_NOW}",
        "{name} [wins|finds|receives|earns|makes] {a} {things} and [then|later|after lunch] {b} "
        "more. [How many is that|How many altogether|What is the total]?",
        "[There are|We see|I count] {a} [red|big|old|blue] and {b} [green|small|new|black] {things}. "
        "[How many {things} are there|How many is that in all|What is the sum]?",
        "how many {things} [are|make] {a} and {b} [together|in all|more]",
        "{a} {things} in [one|the first] [bag|box|room] and {b} in [another|the second]. [How many "
        "altogether|Total]?",
        "[If|When] {name} with {a} {things} [gets|takes|picks up] {b} [more|further ones], how many "
        "[are there|has {name}]?",
        "[店里|家里|盒子里|书架上]有{a}个{things_zh}，[又放进|又来了|再加上|妈妈又给了]{b}个，[一共|现在]有[多少|"
        "几]个？",
        "{name_zh}[昨天|上午]得到{a}个{things_zh}，[今天|下午]得到{b}个，[一共|总共]多少个？",
    ),
    "gives": (
        f"{{name}} [has|owns|bought|baked|counts] {{a}} {{things}} and [loses|sells|eats|breaks|uses|"
        f"throws away|lends out] {{b}} [of them|]. {_LEFT}",
        f"[From|Of] {{a}} {{things}} {{name}} [takes away|removes|gives away|sells] {{b}}. {_LEFT}",
        f"[A shop|The school|A farm|The kitchen] has {{a}} {{things}}. {{b}} are [sold|used|broken|"
        f"taken|lost]. {_LEFT}",
        "{a} {things} minus {b} {things}: [how many|what is left]?",
        "[There are|I have] {a} {things}. [I give {b} away|I drop {b}|{b} fall down|{b} are gone]. "
        "[How many now|How many are still there|How many stay]?",
        "{name} needs {a} {things} and has {b}. How many are [missing|still needed|lacking]?",
        "[Of|Among] {a} {things} {b} are [red|ripe|new]. How many are not?",
        "[盒子里|店里|{name_zh}]有{a}个{things_zh}，[吃掉|卖掉|拿走|丢了|借出]{b}个，[还剩|剩下][多少|"
        "几]个？",
    ),
    "gets_gives": (
        f"{{name}} [has|owns|starts with] {{a}} {{things}}, [gets|finds|is given|earns] {{b}} [more|] "
        f"and [loses|sells|eats|gives away] {{c}}. {_LEFT}",
        "[First|At the start] there [are|were] {a} {things}. {b} [come|are added|arrive], [then|"
        "later] {c} [go|are removed|are taken away]. How many [are there now|are left|stay]?",
        "{a} plus {b} {things} less {c} {things}: how many?",
        "[On Monday|In the morning] {name} [has|counts] {a} {things}, [on Tuesday|at noon] {b} more "
        "[come|are bought], [on Friday|at night] {c} are [sold|gone]. [How many remain|How many now]?",
        "[盒里|店里]有{a}个{things_zh}，[放进|进货]{b}个，[拿出|卖出]{c}个，还有几个？",
    ),
    "each": (
        "[There are|We have|{name} has|I see] {a} [bags|baskets|plates|shelves|jars|tables|crates] "
        "with {b} {things} [each|on each|in every one]. [How many {things} [in all|altogether|]|How "
        "many {things} is that|What is the total]?",
        "{a} [children|friends|pupils|people] [have|bring|get] {b} {things} each. How many {things} "
        "[are there|is that|together]?",
        "[Every|Each] [box|bag|pack|shelf|tray] [holds|contains|has] {b} {things}. How many {things} "
        "[are in|do] {a} [boxes|bags|packs] [|hold]?",
        "{name} [buys|fills|carries] {a} [packs|boxes|bags], {b} {things} in [each|every one]. [How "
        "many {things}|How many in total]?",
        "{a} [times|packs of|groups of] {b} {things}, how many [is that|in all]?",
        "[in|on] {a} [rows|lines] of {b} [seats|{things}], how many [seats|{things}] are there",
        "[每行|每排|每袋|每箱]{b}个{things_zh}，{a}[行|排|袋|箱][一共|共]有[多少|几]个？",
    ),
    "shares": (
        "{a} {things} are [divided|shared|split|dealt out] [equally|evenly|fairly|] among {b} "
        "[people|children|players|teams]. How many [does each get|for each|{things} per person]?",
        "{name} [has|packs|sorts|puts] {a} {things} [into|in] {b} equal [groups|piles|bags|rows]. "
        "How many [are in each|{things} in every one|in one group]?",
        "[We share|They share] {a} {things}, {b} of us. What does [each|everyone] get?",
        "{b} [boxes|bags] hold {a} {things} [in all|together], all the same. How many in [one|each]?",
        "how many {things} per [child|person|box] if {a} are for {b}",
        "{a}个{things_zh}分成{b}份，每份[多少|几]个？",
        "[有|买了]{a}个{things_zh}，{b}个人平分，[每人|一个人]得几个？",
    ),
    "rest": (
        "{a} {things} are [dealt to|split among|divided among|handed out evenly to] {b} [players|people|"
        "groups|friends]. How many [remain over|are left|remain in the end|cannot be given out]?",
        "{b} [people|children|players] share {a} {things} [evenly|fairly|equally]. [How many remain|"
        "What remains|How many are left over|What is the rest]?",
        "[A teacher|{name}] shares {a} {things} [fairly|evenly] [among|between] {b} [pupils|dogs|friends]. "
        "How many [stay with {name}|are left|remain]?",
        "{a} {things} are [shared|divided|dealt out|split] [equally|evenly|] [by|among|between] {b} "
        "[people|pupils|girls|players]. How many [remain|are left|are left over|stay over|cannot be shared]?",
        "{name} [shares|divides] {a} {things} [equally|evenly|] among {b} [children|friends]. How many "
        "[are left over|remain|does {name} keep|are not given]?",
        "{a} {things} go into [boxes|bags|packs] of {b}. How many [are left over|do not fit|stay "
        "over|are over]?",
        "{name} [makes|forms|fills] groups of {b} from {a} {things}. [How many are over|What is left "
        "over|How many stay]?",
        "[Divide|Share] {a} {things} among {b} [people|friends]: [how many are left over|what is the "
        "remainder|what is left]?",
        "{b} {things} fit into one [box|bag]. With {a} {things}, how many stay outside?",
        "{a}个{things_zh}平均分给{b}个人，[还剩|余]几个？",
    ),
    "costs": (
        f"[A|Each|One] [ticket|cup|toy|cake|pizza|book] [costs|is|sells for] {{p}} [euros|dollars|"
        f"pounds|coins|]. {{name}} [buys|takes|orders|wants] {{a}}. {_PAY}",
        "{a} {things} at {p} [dollars|euros|cents|] [each|apiece|a piece]: [how much|what is the "
        "price|what do I pay|total]?",
        "[How much do|What do] {a} {things} cost [if|when] one [costs|is] {p}?",
        "price of one: {p}. price of {a}?",
        "[I buy|We buy|You buy] {a} {things} [for|at] {p} [each|apiece]. [How much is that|What do "
        "we pay|How much altogether]?",
        "一[个|本|张]{p}元，[买|要]{a}[个|本|张]，[一共|共]多少[元|钱]？",
    ),
    "change": (
        "{name} [takes|orders|buys] {a} {things} at {p} [each|apiece] and [gives|hands over|pays] "
        "{n}. [How much comes back|What does {name} get back|How much change is there]?",
        "[I pay|We pay] {n} for {a} {things} [that cost|costing|at] {p} each. [How much do I get "
        "back|What is my change|change]?",
        "{a} [tickets|cakes|books] at {p} each, paid with a {n} note: [how much change|what comes back]?",
        "[每个|一本]{p}元，买{a}个，[给了|付了]{n}元，[应找|找回]多少[元|钱]？",
    ),
    "two": (
        f"{{name}} [gets|orders|picks|pays for] {{a}} {{things}} for {{p}} [each|apiece] and {{b}} "
        f"{{more_things}} for {{q}} [each|apiece]. {_PAY}",
        f"[I buy|{{name}} takes|We order] {{a}} {{things}} at {{p}} each and {{b}} {{more_things}} at "
        f"{{q}} each. {_PAY}",
        "{a} {things} cost {p} each, {b} {more_things} {q} each. [What is the sum|How much together|"
        "How much for all]?",
        "[total price of|price for|sum of] {a} {things} at {p} and {b} {more_things} at {q}",
        "{name} has {a} bags of {p} {things} and {b} bags of {q} {more_things}. How many things [are "
        "there|is that] in all?",
        "[There are|I see] {a} tables with {p} chairs and {b} tables with {q} chairs. How many "
        "chairs [in all|altogether|are there]?",
    ),
    "more": (
        "{name} [has|owns|got|scored] {a} {things}, {other} [has|owns|got] {b} more [than that|than "
        "{name}]. How many [has {other}|does {other} have|are {other}'s]?",
        "{other} [has|owns] {b} more {things} than {name}. {name} has {a}. [How many has {other}|How "
        "many does {other} own]?",
        "{a} {things} and {b} more than that [on the other side|in the other box]: how many [there|"
        "are in the other]?",
        "{name} is {a} [cm|metres] tall, {other} is {b} [cm|metres] taller. How tall is {other}?",
        "{name_zh}有{a}个{things_zh}，[弟弟|姐姐|同桌]比{name_zh}多{b}个，[弟弟|姐姐|同桌]有几个？",
    ),
    "compare": (
        "{name} has {a} {things}, {other} [only has|has just|no more than] {b}. [How big is the "
        "difference|What is the difference between them|How many fewer has {other}]?",
        "{a} {things} [here|on one side], only {b} [there|on the other]. [The difference|How many more "
        "here]?",
        "{name} [has|owns|got] {a} {things}, {other} [has|owns|got] {b}. [How many more has {name}|"
        "By how many is {name} ahead|How many fewer does {other} have]?",
        "[There are|I see] {a} {things} and {b} {more_things}. How many more {things} [are there|"
        "than {more_things}]?",
        "{a} [boys|girls|cats] and {b} [dogs|adults|trees]. [What is the difference|How many more of "
        "the first]?",
        "{name} is {a} years old, {other} is {b}. How many years older is {name}?",
        "{a}个{things_zh}比{b}个多几个？",
        "[左边|红的]有{a}个，[右边|蓝的]有{b}个，[相差|差]几个？",
    ),
    "speed": (
        "[A bus|A bike|A ship|The train|A runner|A plane] [goes|travels|moves|runs|makes] {v} km [an "
        "hour|each hour|per hour|in one hour]. [How far in {t} hours|What distance in {t} hours|How "
        "many km after {t} hours|How far does it get in {t} h]?",
        "{name} [walks|rides|drives|cycles] {t} hours at {v} km [an hour|per hour]. [How far is that|"
        "How many km|How far does {name} get]?",
        "[distance in|how far in|km in] {t} hours at {v} km/h",
        "speed {v} km/h, time {t} h, [distance|how far]?",
        "[汽车|火车|他]每小时[行|跑]{v}千米，{t}小时[行|跑]多少千米？",
    ),
    "age": (
        "[In|After] {y} years, [how old is|what age has|what is the age of] [a man|a girl|a boy|a cat|a "
        "person] "
        "who is {a} [now|this year|at present]?",
        "{y} years from now, how old [will {name} be|is {name}], who is {a} [now|today]?",
        "{name} is {a} [years old|] [today|now]. [What age will {name} be {y} years from now|How old "
        "is {name} {y} years later|How old will {name} be after {y} years]?",
        "[How old will|What age will] {name}, who is {a}, be in {y} years?",
        "[My sister|My brother|Our dog|The tree] is {a} years old. How old in {y} years?",
        "[弟弟|爸爸|妹妹]今年{a}岁，[再过]{y}年[是|几]岁[|？]",
    ),
    "legs": (
        "[On a farm|In the yard|In a field] [there are|live] {a} [hens|ducks|geese|chickens] and {b} "
        "[cows|pigs|sheep|horses|goats]. [How many legs|How many legs in all|How many feet do they have]?",
        "{a} [ducks|hens|birds|children] and {b} [dogs|cats|tables|horses], how many legs [are there|"
        "in all|together]?",
        "[count the legs of|legs of] {a} [hens|birds] and {b} [cats|cows]",
        "{a}只[鸭|鸟]和{b}[只猫|头牛|匹马]共有多少条腿？",
    ),
    "weeks": (
        "{name} [saves|collects|puts away|earns] {a} [coins|euros|{things}] [each day|a day|per day]. How "
        "[many|much] [are there |is it |]after {d} days?",
        "{name} [writes|learns|runs|bakes|sells|drinks|paints|walks] {a} [words|km|cakes|cups|"
        "pictures|{things}] [a day|each day|every day|per day]. [How many in {d} days|How many is "
        "that in {d} days|What is it after {d} days]?",
        "[Each day|Every day|Per day] {a} [{things}|coins|pages] [are made|are sold|come]. How many "
        "[in|after] {d} days?",
        "{d} days with {a} {things} [a day|each], how many [in all|altogether]?",
        "[小明|工厂|他]每天[做|写|吃|存]{a}[个|元|页]，{d}天[一共|共]多少？",
    ),
    "discount": (
        "[A bag|A shirt|A bike|Shoes|The toy] [costs|cost|is|normally costs] {n} [euros|dollars|]. "
        "[Now it is {p}% cheaper|There is a {p}% discount|The price falls by {p}%|Today it is "
        "reduced by {p} percent]. [What does it cost now|How much is it now|What is the price now|"
        "What do I pay]?",
        "{n} [euros|dollars|] [with|minus|at] {p}% [off|discount]: [how much|what is the price|new price]?",
        "[how much is|what is] a {n} [euro|dollar] [coat|game|lamp] with {p} percent off",
        "[标价|一件衣服]{n}元，[打折便宜|降价]{p}%，[要付|现价]多少元？",
    ),
    "fence": (
        "[A field|A yard|A playground|A room|A table] is {a} [m|metres|feet] [long|in length] and "
        "{b} [m|metres|feet] [wide|in width]. [What is its perimeter|How far is it all around|How "
        "long is its border|How long is a fence around it]?",
        "[How long is the edge of|How far is it around] a [rectangle|field|pool] of {a} by {b}?",
        "{name} [runs|walks] around a [pool|park|pitch] [that is|of] {a} m [long|] and {b} m [wide|"
        "]. How many metres [is that|once around]?",
        "a rectangle has sides {a} and {b}, [perimeter|distance around]?",
        "[操场|长方形]长{a}米，宽{b}米，周长[是多少|多少米]？",
    ),
    "bus": (
        "{a} [people|children|passengers] [are|sit|ride] [on|in] [a train|a tram|the lift|a boat]. "
        "{b} [get out|go out|leave|step off] and {c} [get in|enter|step on|join]. How many [are "
        "there now|are inside now|ride on|now]?",
        "[A room|A hall|The class|A cinema] has {a} [people|guests|children]. {b} go [home|out] and "
        "{c} [come|arrive|enter]. How many are [there|in it] [now|then|]?",
        "{a} [ducks|birds|fish] [are|swim] [in|on] [a pond|the lake]. {b} [leave|go away|fly off] "
        "and {c} [arrive|come back|join them]. How many [now|are there then]?",
        "[教室里|电梯里|船上]有{a}人，[走了|出去]{b}人，[来了|进来]{c}人，[现在]有几人？",
    ),
}  # fmt: skip


def expanded(text: str, rng: Random) -> str:
    """A text with one alternative of every bracket, the inner ones first."""
    while (found := _BRACKET.search(text)) is not None:
        text = text[: found.start()] + rng.choice(found[1].split("|")) + text[found.end() :]
    return re.sub(r" +([?.,:]|$)", r"\1", re.sub(" {2,}", " ", text))

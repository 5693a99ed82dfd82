"""Wide texts of word problems, for training alone: few beginnings, each with all the questions that fit it.

Enters: a kind of problem. Leaves: a text with fields. Always holds: it is no held-out text of the kind. What
tells two kinds apart (one lost twice or got and lost, one person or both together, cheaper or dearer) stands
in texts that are otherwise alike, so that neither is guessed from how a text begins.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from random import Random

from r1v.figures.people.phrasing import CHINESE
from r1v.figures.people.problems_everyday import WIDE as EVERYDAY
from r1v.figures.people.stories_more import expanded
from r1v.figures.people.typed_more import in_words

_GOT = "[bought|got|found|received|won|collected|was given|gathered|caught|made|borrowed|took|earned|dug up]"
_GETS = "[buys|gets|finds|receives|wins|collects|is given|gathers|makes|borrows|takes|earns|adds]"
_LOST = (
    "[lost|sold|ate|gave away|used|broke|threw away|dropped|lent out|returned|handed out|donated|forgot|gave "
    "{other}]"
)
_LOSES = "[loses|sells|eats|gives away|uses|breaks|throws away|drops|lends out|returns|hands out|donates]"
_HAD = "[had|owned|kept|started with|began with|counted|stored|held]"
_HAS = "[has|owns|keeps|starts with|begins with|counts|holds|possesses|carries]"
_SOON = "[then|later|after that|afterwards|the next day|after lunch|next|a week later|soon]"
_ONE = "[on Monday|in the morning|first|at first|at ten|in May|before lunch|last week|on the first day]"
_TWO = "[on Sunday|in the afternoon|then|after that|at night|in June|after lunch|this week|on the second day]"
_ASK_LEFT = (
    "[How many are [left|left over|still there]|How many {things} [are left|remain|are still there|stay]|How "
    "many [remain|stay]|[What|How much] [remains|stays]|How many [does|will] {name} [keep|have left|still "
    "have|have in the end]|how many now]?"
)
_ASK_NOW = (
    "[How many [{things} |][does|will] {name} have [now|then|in the end|altogether|in all]|How many "
    "[{things} "
    "|]are there [now|in all|altogether|in the end]|What is the [total|sum|new number]|How many does that "
    "make|how many in all]?"
)
_PLACE = "[A shop|A school|The library|A farm|A kitchen|The museum|A baker|A club|Our class|A store]"
_BAGS = "[bags|boxes|packs|baskets|jars|crates|trays|plates|drawers|bundles|sacks|tins|cartons|rows|stacks]"
_PEOPLE = "[children|friends|people|pupils|players|girls|boys|guests|workers|teams|cousins|dogs|neighbours]"
_MORE = (
    "[{other} [has|owns|sold|found|read|made|picked|got] {b} more {things} than {name}[. {name} has {a}|; "
    "{name} has {a}|, and {name} has {a}].|{name} [has|owns|found|made] {a} {things}[.| and|,] {other} "
    "[has|owns|found|made] {b} more [than {name}|than that|].|If {name} has {a} {things} and {other} {b} "
    "more,|{name} [is holding|holds] {a} {things}; {other} {b} more.|"
    "{other} has [exactly |]{b} {things} more than {name}, who [has|owns|found] {a}.|"
    "With {a} {things} for {name} and {b} more for {other}:|"
    "{name} has [only |]{a} {things}. [By contrast|But], {other} has {b} more.]"
)
_BOTH = (
    "[how many do [they|both|the two] have [together|in all|altogether]|how many is that [for both|together|"
    "for the two]|what do they have together|how many {things} [together|for both|in both hands]|what is the "
    "total of both]?"
)
_HIS = (
    "[how many [{things} |]does {other} [have|own|hold|get]|what does {other} have|how many are "
    "{other}'s|how many {things} are with {other}|how many for {other}]?"
)
_AB = "{a} {things}"
_UP_DOWN = "[A coat|A bike|A phone|The rent|A ticket|A lamp|A book|A chair|The fare|A game|A meal]"
_NEW = (
    "[What is the [new |]price [now|then|]|What does it cost [now|then|today]|How much is it [now|"
    "then]|What must {name} pay|How much is to be paid]?"
)

WIDE: dict[str, tuple[str, ...]] = {
    "gets": (
        f"{{name}} {_HAD} {_AB} and {_SOON} {_GOT} {{b}} [more|others|]. {_ASK_NOW}",
        f"{_ONE} {{name}} {_GOT} {_AB}, {_TWO} {{b}}. {_ASK_NOW}",
        f"{_PLACE} {_HAS} {_AB} and {_GETS} {{b}} more. {_ASK_NOW}",
        f"{{name}} {_HAS} {_AB}. {{b}} [more|new ones] [come|arrive|are added|are brought]. {_ASK_NOW}",
        f"[To|With] {_AB} [come|one adds|you add] {{b}} more. {_ASK_NOW}",
        "[When|Suppose] [you|we|they|I] have {a} {things} and [find|get|add] {b} [more|], how many [is "
        "it|are "
        "there|in total]?",
        "{name_zh}[原来|本来|早上]有{a}个{things_zh}，[后来|妈妈|下午][又|]给了{b}个，[一共|现在]有[几|多少]个？",
        "[买了|捡到|得到]{a}个{things_zh}，[后来|再]又[得到|买到]{b}个，[一共|现在]几个？",
    ),
    "gives": (
        f"{{name}} {_HAD} {_AB} and [{_SOON} |]{_LOST} {{b}}. {_ASK_LEFT}",
        f"{_PLACE} {_HAS} {_AB} and {_LOSES} {{b}} [of them|]. {_ASK_LEFT}",
        f"[If|When] {{b}} of {_AB} [are eaten|get lost|are sold|break|fly off|are given away], how many "
        "[stay|remain|are left]?",
        f"{{name}} {_GOT} {_AB}, but {{b}} [are bad|are broken|got lost|were eaten]. {_ASK_LEFT}",
        "{name_zh}[原来|]有{a}个{things_zh}，[给了|送给|借给|分给][弟弟|妹妹|同学|老师]{b}个，[还剩|剩下|还有][几|多少]个？",
        "{a}个{things_zh}，[拿走|坏了|丢了|吃了]{b}个，[还剩|剩]几个？",
    ),
    "gets_gives": (
        f"{{name}} {_GOT} {_AB} {_ONE} and {{b}} {_TWO}, [and |but |and {_SOON} ]{_LOST} {{c}}. {_ASK_LEFT}",
        f"{{name}} {_GOT} {_AB}, {_SOON} {{b}} more, and [then|finally|in the end] {_LOST} {{c}}. "
        f"{_ASK_LEFT}",
        f"{{name}} {_HAD} {_AB}, {_GOT} {{b}} [more|] and {_LOST} {{c}}. {_ASK_LEFT}",
        f"{_PLACE} {_HAS} {_AB}, {_GETS} {{b}} and {_LOSES} {{c}}. {_ASK_LEFT}",
        f"{{name}} {_GETS} {_AB} from {{other}} and {{b}} from [a friend|Mum|a shop], but {_LOSES} {{c}}. "
        f"{_ASK_LEFT}",
        "{name_zh}[上午|先|周一][摘了|买了|做了|捡了]{a}个{things_zh}，[下午|又|周二][摘了|买了|做了|捡了]{b}个，[吃了|卖了|送了]{c}个，[还剩|现在有]几个？",
    ),
    "two_gone": (
        f"{{name}} {_HAD} {_AB}, {_LOST} {{b}} {_ONE} and {{c}} {_TWO}. {_ASK_LEFT}",
        f"{{name}} {_GOT} {_AB}, {_LOST} {{b}} and {_SOON} {_LOST} {{c}}. {_ASK_LEFT}",
        f"{_PLACE} {_HAS} {_AB}, {_LOSES} {{b}} {_ONE} and {{c}} {_TWO}. {_ASK_LEFT}",
        f"{{name}} {_HAS} {_AB} and {_LOSES} {{b}}, and {_SOON} {{c}} [more|others]. {_ASK_LEFT}",
        f"{_AB} less {{b}} and less {{c}}: [how many|what is left]?",
        f"[From|Out of|Of] {_AB}, {{b}} [are sold|go|break] {_ONE} and {{c}} {_TWO}. {_ASK_LEFT}",
        "{name_zh}有{a}个{things_zh}，[先|昨天|第一天][吃了|卖了|送了]{b}个，[又|今天|第二天][吃了|卖了|送了]{c}个，[还剩|剩下|还有][几|多少]个？",
        "{a}个{things_zh}，[吃掉|卖掉|丢了]{b}个，[又|再][吃掉|卖掉|丢了]{c}个，[还剩|剩]几个？",
    ),
    "three": (
        f"{{name}} {_GOT} {_AB} {_ONE}, {{b}} {_TWO} and {{c}} at [last|the end]. {_ASK_NOW}",
        f"{{name}} {_HAS} {{a}}, {{b}} and {{c}} {{things}} [in three bags|on three shelves|in three "
        "rooms|]. "
        f"{_ASK_NOW}",
        f"[The first|One] {_BAGS} [has|have|contains] {{a}} {{things}}, the [second|next] {{b}} and the "
        f"[third|last] {{c}}. {_ASK_NOW}",
        f"{{name}} {_GETS} {_AB} from {{other}}, {{b}} from Mum and {{c}} from Dad. {_ASK_NOW}",
        "[In|On] three [shelves|tables|rooms|buses|trees] there are {a}, {b} and {c} {things}. [How many in "
        "all|What is the sum|How many altogether]?",
        "{a} {things}, {b} {things} and {c} {things}: [total|how many|how many together]?",
        "[The|Three] [shelves|jars|drawers|trucks|classes] [contain|carry|have] {a}, {b} and {c} "
        "{things}. [What is the sum|How many in all|How many altogether|How many {things} is that]?",
        "{name_zh}[第一天|周一]{a}个{things_zh}，[第二天|周二]{b}个，[第三天|周三]{c}个，[一共|总共]几个？",
    ),
    "each": (
        f"[{{name}} {_HAS}|We see|On the table are|Here are] {{a}} {_BAGS} [with|of|holding] {{b}} "
        f"{{things}} "
        f"[each|in each|in every one]. {_ASK_NOW}",
        "In each of {a} [bags|jars|rooms|buses] [are|there are] {b} {things}. [How many altogether|How many "
        "in all]?",
        f"{{a}} {_PEOPLE} [bring|have|find|carry] {{b}} {{things}} each. How many [together|is that|in all]?",
        "[一个|每个][袋子|盘子|盒子][里|]有{b}个{things_zh}，{a}个[袋子|盘子|盒子]一共[有|]几个？",
    ),
    "shares": (
        f"{{a}} {{things}} [go|are sorted|are laid|are divided|are spread] [into|over|among] {{b}} {_BAGS} "
        "[equally|evenly|fairly|with equally many in each]. How many [are in each|in one|per [bag|box|row]]?",
        f"{{name}} [puts|packs|lays] {{a}} {{things}} in {{b}} {_BAGS}, [equally many|as many] in each. "
        "How many [are in each|in every one|are in one of them]?",
        f"{{b}} {_PEOPLE} [share|split|divide] {{a}} {{things}} [equally|evenly|fairly]. How many [does each "
        "get|for each|per head]?",
        f"{{a}} {{things}} for {{b}} {_PEOPLE}, [the same for all|the same number each]. How many does one "
        "get?",
        "{a}个{things_zh}[放进|装进]{b}个[盒子|袋子]，[每个|一个]放几个？",
    ),
    "sum_shared": (
        f"{{name}} {_GOT} {{a}} {{things}} {_ONE} and {{b}} {_TWO} and [divides|deals out] them among {{k}} "
        f"{_PEOPLE}. How many [does each get|per head|for each of them]?",
        f"{{a}} {{things}} and {{b}} [more|others] [go|are sorted] into {{k}} {_BAGS} [equally|evenly]. How "
        "many [in each|are in one|per [bag|box]]?",
        f"{{name}} has {{a}} {{things}}, {{other}} {{b}}. {{k}} {_PEOPLE} [share|divide] all of them. How "
        "many "
        "for one?",
        f"[We|They|You] [have|get|buy] {{a}} and {{b}} {{things}} and [divide|deal] them [equally |]among "
        f"{{k}} {_PEOPLE}. How many [does each get|for one]?",
        "{name_zh}有{a}个{things_zh}，又买了{b}个，[平均|]分给{k}个人，每人几个？",
    ),
    "rest": (
        f"{{a}} {{things}} are [shared|divided|split] [equally|evenly|] [among|between|by] {{b}} {_PEOPLE}. "
        "How "
        "many are [left over|over|not given out]?",
        f"{{b}} {_PEOPLE} get equally many of {{a}} {{things}}. How many [are left over|stay over|remain]?",
        "{a} {things} in [rows|piles|teams] of {b}: how many are left over?",
    ),
    "costs": (
        "{name} [orders|takes|chooses|wants|gets] {a} {things} [at|for] {p} [euros|dollars|pounds|coins|] "
        "[each|apiece]. [What does [that|it] cost|How much is [that|it]|What is the bill]?",
        "[Tickets|Cups|Hats|Books|Cakes] cost {p} each. What do {a} cost?",
        "[For|Buying] {a} {things} at {p} [each|apiece] one pays [how much|what]?",
        "每[个|张|本]{p}元，{name_zh}买{a}[个|张|本]，[要付|一共]多少元？",
    ),
    "change": (
        "{name} [orders|takes|chooses|gets] {a} {things} [at|for] {p} [euros|dollars|pounds|] [each|apiece] "
        "and [gives|hands over|pays] {n}. [What comes back|How much change|What does {name} get back]?",
        "[One|A] [cup|hat|ticket|cake] costs {p}. {name} [buys|takes] {a} and [gives|pays with] [a|] {n}. "
        "[How much comes back|What is the change|How much is left of it]?",
        "With {n} [euros|dollars|] {name} buys {a} {things} at {p}. What is left?",
    ),
    "two": (
        "{name} [orders|gets|takes] {a} {things} at {p} [each|apiece] and {b} {more_things} at {q} "
        "[each|apiece]. [What is the bill|What does all that cost|How much together]?",
        "[I|We] buy {a} {things} for {p} each, {b} {more_things} for {q} each. [The total|How much]?",
        "{a} times {p} for {things} and {b} times {q} for {more_things}: [what is the total|how much]?",
    ),
    "more": (f"{_MORE} {_HIS}", f"{_MORE} [And|Then|So] {_HIS}",
        "{name} is {a} [years old|] and {other} is {b} years older[. How|: how] old is {other}?",
        "{name_zh}有{a}个{things_zh}，[弟弟|姐姐|小华]比{name_zh}多{b}个，[弟弟|姐姐|小华]有几个？",
    ),
    "more_together": (f"{_MORE} {_BOTH}", f"{_MORE} [And|Then|So] {_BOTH}",
        "{name} is {a} [years old|] and {other} is {b} years older. How old are they together?",
        "{name_zh}有{a}个{things_zh}，[妹妹|哥哥|同学|另一个人]比{name_zh}多{b}个，[两人|他们]一共[有|]几个？",
        "{name_zh}{a}个{things_zh}，[妹妹|哥哥|同学]多{b}个，[合起来|加起来|两个人共][有|]几个？",
    ),
    "compare": (
        "{name} [has|owns|found|sold|made] {a} {things}[, {other}| and {other}|; {other}] {b}. [How many "
        "more "
        "has {name}|By how many does {name} have more|How many fewer has {other}|How big is the difference]?",
        "[By|] how [many|much] is {a} more than {b}?",
        "{name_zh}有{a}个{things_zh}，[弟弟|小华]有{b}个，[相差|差]几个？",
    ),
    "times_as_many": (
        "{name} [has|owns|sold|made|got] {a} {things}[, and| and|;] {other} {k} as many. [How many "
        "[together|in "
        "all|do both have]|What is the total]?",
        "{other} [sold|made|got|bought] {k} as many {things} as {name}. {name} [sold|made|got|bought] {a}. "
        "How "
        "many [together|in all]?",
        f"{{name}} {_GOT} {{a}} {{things}} {_ONE} and {{k}} as many {_TWO}. How many [together|in both|"
        "altogether]?",
    ),
    "packs_more": (
        f"{{name}} {_HAD} {{a}} {{things}} and {_GOT} {{b}} {_BAGS} [of|with] {{c}} [each|in each|]. "
        f"{_ASK_NOW}",
        f"{{name}} {_GOT} {{b}} {_BAGS} [of|with] {{c}} {{things}} [each|in each|]. {{a}} {{things}} were "
        f"there [before|already|at home]. {_ASK_NOW}",
        f"{{b}} {_BAGS} of {{c}} {{things}} [and|plus] {{a}} [single|loose|more] [{{things}}|ones]: how many "
        "[in all|together]?",
        f"[Here are|On the shelf are|{{name}} sees] {{a}} {{things}} and [also |]{{b}} {_BAGS} with {{c}} "
        f"[each|in each|in every one]. {_ASK_NOW}",
        f"{{name}} [fills|packs|brings] {{b}} {_BAGS} of {{c}} {{things}}, and {{a}} are [over|left|still "
        f"there]. How many {{things}} [are there|is that] [in all|altogether]?",
        "{name_zh}买了{b}[袋|盒]{things_zh}，每[袋|盒]{c}个，[家里|]还有{a}个，[一共|现在]几个？",
    ),
    "packs_less": (
        f"{{name}} {_GOT} {{b}} {_BAGS} [of|with] {{c}} {{things}} [each|in each|] and {_LOST} {{a}}. "
        f"{_ASK_LEFT}",
        f"[Here are|There were|We have] {{b}} {_BAGS} of {{c}} {{things}}[. {{a}}|, but {{a}}|, and {{a}}] "
        f"[are missing|were sold|were used|are bad|got broken|go]. {_ASK_LEFT}",
        f"{{b}} {_BAGS} [with|of] {{c}} {{things}} [each|], {{a}} [get lost|are sold|are used|are given "
        "away]:"
        " how many [stay|are there then|now]?",
        f"[From|Of] {{b}} {_BAGS} with {{c}} {{things}} [each|], {{a}} {{things}} [are gone|are eaten|go]. "
        f"{_ASK_LEFT}",
        "{b}[袋|盒]{things_zh}，每[袋|盒]{c}个，[坏了|拿走|丢了]{a}个，还[剩|有]几个？",
    ),
    "gives_packs": (
        f"{{name}} {_HAD} {{a}} {{things}} and [gave|handed] {{c}} to each of {{b}} {_PEOPLE}. {_ASK_LEFT}",
        f"{{name}} {_HAS} {{a}} {{things}} and [puts|packs|lays] {{c}} in[to|] each of {{b}} {_BAGS}. "
        f"[How many are [over|left over|not packed]|How many {{things}} remain]?",
        f"{{b}} {_PEOPLE} [take|took|get] {{c}} {{things}} each [out of|of] {{a}}. {_ASK_LEFT}",
        f"{{name}} [makes|sells|fills] {{b}} {_BAGS} of {{c}} {{things}} from [a heap of|] {{a}}. "
        f"{_ASK_LEFT}",
        "{a}个{things_zh}，{b}个[人|孩子]每人[拿|吃]{c}个，还剩几个？",
    ),
    "saves": (
        "{name} wants {g} [euros|dollars|coins] and [already |]has {a}. {name} [saves|earns|gets] {w} "
        "[a|each|every] week. [How many weeks [will it take|are needed|is that]|When is the goal reached, in "
        "weeks]?",
        "{name} has {a} [euros|dollars|] and [puts away|earns|gets] {w} more [a|each|every] "
        "[week|day|month]. "
        "[After how many [weeks|days|months]|In how many [weeks|days|months]] [will there be|does {name} "
        "have|is it] {g}?",
        "[Starting with|From] {a} and [saving|adding] {w} [a|every] week, how many weeks [to|until] {g}?",
        "{name} [needs|has to reach] {g} points, has {a} and [makes|gets] {w} [a|per] day. How many days?",
        "{name_zh}有{a}元，[每天|每月]存{w}元，存到{g}元要几[天|个月]？",
    ),
    "paid_left": (
        "{name} [had|took along|goes out with] {n} [euros|dollars|pounds|] and [paid|spent|spends] {p} [for "
        "a "
        "hat|on lunch|on a book] and {q} [for a cup|on a bus|on tea]. [How much is left|What remains|How "
        "much "
        "money is left]?",
        "[I|We|You] [had|took] {n} [euros|dollars|]. {p} [went|go] for [food|a ticket|paper], {q} for "
        "[drinks|a map|pens]. [How much remains|How much is left|What is still there]?",
        "Out of {n} [euros|dollars|coins] [I|we|they] [pay|spend] {p} {SOON} and {q} {SOON}. How much is "
        "left?",
        "{name} [spends|pays] {p}, {SOON} {q}, and had {n} at [first|the start]. How much is left?",
        "{n} minus what I [pay|spend], {p} and {q}: how much is left?",
        "{name_zh}带了{n}元，买[书|笔]用了{p}元，买[水|球]用了{q}元，还剩[多少元|几元]？",
    ),
    "speed": (
        "[A bus|A ship|A plane|A bike|{name}] [travels|moves|goes|rides|flies] at {v} km [per hour|an hour] "
        "for "
        "{t} hours. [How many km|How far|What distance is that]?",
        "[In|After] {t} hours at {v} km/h, how [far|many km] [does|has] {name} [get|gone]?",
    ),
    "age": (
        "[How old will|What will the age of] [a boy|a girl|a tree|my cat|{name}] of {a} be [in|after] {y} "
        "years?",
        "{name} [is|has just turned] {a}. [And|How old] in {y} years?",
        "今年{a}岁，{y}年后几岁？",
    ),
    "legs": (
        "[There are|{name} has|We count|On a farm are] {a} [geese|hens|ducks|parrots|crows] and {b} "
        "[horses|cats|goats|rabbits|lions]. [How many legs are there|How many legs in all|What is the number "
        "of legs]?",
    ),
    "weeks": (
        "{name} [writes|paints|sells|eats|collects|plants|learns] {a} {things} [a|per|each|every] day. How "
        "many "
        "[in|after|within] {d} days?",
        "[Every|Each] day {name} [puts away|gets|makes] {a} [coins|{things}]. [How many|What] is that after "
        "{d} "
        "days?",
        "每天[存|做|卖]{a}个，{d}天[一共|共]几个？",
    ),
    "discount": (
        f"{_UP_DOWN} [of|for|costing] {{n}} [euros|dollars|] [gets|becomes|is] {{p}}% [cheaper|less|off]. "
        f"{_NEW}",
        f"[The price|A price] of {{n}} [falls|drops|goes down|is cut|is lowered] by {{p}}[%| "
        f"percent]. {_NEW}",
        f"{_UP_DOWN} [costs|cost|was] {{n}}; [there are|minus|now] {{p}}% off. {_NEW}",
        "[一件衣服|一本书|门票|车票|这个]{n}元，[降价|减价|便宜了|少了|打折减]{p}%，[现在|现价][要|]多少[元|钱]？",
        "[原来|以前]{n}元，[现在|今天][便宜|降价|减价]{p}%，[要付|现价是]多少元？",
        "原价{n}元，[降了|减了|少了|降价|减价]{p}%，[现在|现价]多少[元|钱]？",
    ),
    "fence": (
        "[How long is a fence|What is the length of a fence|How far is it] around [a|the] "
        "[yard|field|park|lawn] of {a} [m |]by {b} m?",
        "[find|give] the perimeter of a rectangle [with sides|that is] {a} [and|by] {b}",
        "[一块地|花园|球场]长{a}米，宽{b}米，[绕一圈|一周|周长]多少米？",
    ),
    "bus": (
        "[On|In] a [tram|boat|train|lift|hall] are {a} [people|passengers|guests]. {b} [leave|get out|go] "
        "and "
        "{c} [come in|get in|come]. How many [are there now|are in it|now]?",
        "{a} [people|children] [are|sit] in a [room|train|cafe]; {b} [leave|go home], {c} [come|arrive]. "
        "How many [are there then|now]?",
    ),
}  # fmt: skip
WIDE |= EVERYDAY
WIDE = {kind: tuple(t.replace("{SOON}", _SOON) for t in texts) for kind, texts in WIDE.items()}

_KINDS_OF = (
    "red blue green small big old new wooden paper glass round model toy black white yellow tiny long "
    "plastic rubber metal broken silver golden painted soft heavy fresh ripe"
).split()
_FURTHER_THINGS = (
    "acorns ants arrows badges bagels bees belts biscuits blocks bows bowls bracelets brushes bulbs buns "
    "butterflies cakes cameras cans carpets cherries chips clips clocks coats coconuts combs crabs curtains "
    "daisies dates dice dishes doors drawings dresses ducks envelopes fans feathers figs flags forks frogs "
    "games grapes guitars hammers hens jars jewels kiwis knives ladders leaves lilies limes loaves logs maps "
    "masks mugs mushrooms napkins necklaces nuts olives onions oysters paintings pancakes papers pearls "
    "pears "
    "pebbles peppers phones pies pigs pillows pins pipes plants plums points posters pumpkins radios rings "
    "robots rolls ropes rugs scarves seats sheets ships sandals signs spoons stars straws strawberries "
    "sweets "
    "swords tapes tents toads towels tulips turtles tyres umbrellas vases violins walnuts watches wheels "
    "whistles windows worms yoyos zebras"
).split()


def further_things(rng: Random) -> str:
    """Something that is counted, of training alone: other words, and things with a word before them."""
    noun = rng.choice(_FURTHER_THINGS)
    return f"{rng.choice(_KINDS_OF)} {noun}" if rng.random() < 0.3 else noun


def varied(fields: Mapping[str, object], rng: Random, in_chinese: bool) -> dict[str, object]:
    """The fields of a text of training: at times other things, and small numbers in words."""
    found = dict(fields)
    for key in ("things", "more_things"):
        if key in found and rng.random() < 0.5:
            found[key] = further_things(rng)
    if not in_chinese and rng.random() < 0.08:
        for key, value in fields.items():
            if isinstance(value, int) and 0 <= value <= 20 and key not in ("p", "g"):
                found[key] = in_words(value)
    return found


@cache
def _held(texts: frozenset[str]) -> re.Pattern[str]:
    """What any of some held-out texts may become."""

    def opened(text: str) -> str:
        found = re.escape(text).replace(r"\ ", " ")
        while (inner := re.search(r"\\\[((?:(?!\\\[|\\\]).)*)\\\]", found)) is not None:
            choice = "(?:" + inner[1].replace(r"\|", "|") + ")"
            found = found[: inner.start()] + choice + found[inner.end() :]
        return found.replace(" ", " *")

    return re.compile("|".join(opened(text) for text in texts), re.IGNORECASE)


def is_held(text: str, held: Collection[str]) -> bool:
    """Whether a text is one of some held-out ones with their brackets opened."""
    return _held(frozenset(held)).fullmatch(text) is not None


def wide(kind: str, held: Collection[str], rng: Random) -> str:
    """A text of WIDE, none that is held out; it begins its sentences with capitals mostly."""
    while True:
        text = expanded(rng.choice(WIDE[kind]), rng).strip()
        if not CHINESE.search(text) and rng.random() < 0.9:
            text = re.sub(r"(^|[.?] )([a-z])", lambda m: m[1] + m[2].upper(), text)
        if not is_held(text, held):
            return text

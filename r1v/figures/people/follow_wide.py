"""Further words, for training alone, of questions that go on from a sum: a bracket is an alternative.

By the names under which `r1v.figures.people.follow` draws a text; one that is held out is left out there.
"""

from __future__ import annotations

_AND = "[|and |ok, |now |so |then |next, |fine, |good, ]"
_IT = "[that|it|this|the result|the answer|what you got|this number|the last one]"
_AGAIN = "[|instead|rather|this time|in its place]"
_NO = "[no, |sorry, |I meant |actually, |but |hm, |and |]"
_EAT = "[eat|eats|lose|loses|sell|sells|drop|use|uses|break|take|throw out|lend out|hide|burn|forget]"
_WHO = "[I|we|you|he|she|they|somebody|my friend|the dog]"
_WIDE_PERCENT = {
    "swap percent p": (
        f"{_NO}{{p}}[%| percent] {_AGAIN}[?|]",
        f"[use|try|take] {{p}}[%| percent] {_AGAIN}",
        "[and |]what would {p}[%| percent] be[?|]",
        "[and |]were it {p}%[?|]",
        "[换成|改成|如果是]{p}%[呢|]？",
        "[and |]with {p}% of the same[?|]",
        "how much would {p}[%| percent] be[?|]",
        "[and |]when it is {p}%[?|]",
    ),
    "swap percent w": (
        f"{_NO}of {{w}} {_AGAIN}[?|]",
        "[and |]the same [percent|percentage|share] of {w}[?|]",
        "[and |]what if the [whole|number] [is|was] {w}[?|]",
        "[and |]out of {w}[?|]",
        "[换成|如果是]{w}的呢？",
        "[and |]when the number is {w}[?|]",
    ),
}
_WIDE_SUMS = {
    "swap times a": (
        f"{_NO}{{a}} [first|as the first|in front] {_AGAIN}[?|]",
        "[and |]were the first number {a}[?|]",
        "[change|set] the first [number|one|factor] to {a}",
        "[and |]when the first [number|one|factor] is {a}[?|]",
        "[and |]what if the first [number |one |]was {a}[?|]",
        "[把|]第一个[数|]换成{a}[呢|]？",
    ),
    "swap times b": (
        f"{_NO}times {{b}} [rather|this time|in its place][?|]",
        "[not that, |no, |sorry, ]by {b}[?|]",
        "[change|set] the second [number|one|factor] to {b}",
        "[and |]when the second [number|one] is {b}[?|]",
        "[the same|the first number] [times|by|multiplied by] {b}[?|]",
        "[and |]what if [it is|it was] [times|by] {b}[?|]",
        "[and |]what would it be [times|by] {b}[?|]",
        "[把|]第二个[数|]换成{b}[呢|]？",
    ),
    "swap sum b": (
        f"{_NO}plus {{b}} [rather|this time|in its place][?|]",
        "[no, |sorry, |not that, ]plus {b}[?|]",
        "[change|set] the second [number|one] to {b}",
        "[and |]when the second [number|one] is {b}[?|]",
        "[the same|the first number] plus {b}[?|]",
        "[and |]what if [it is|it was] plus {b}[?|]",
        "[and |]what would it be plus {b}[?|]",
        "[and |]adding {b} rather than that[?|]",
        "[把|]第二个[数|]换成{b}[呢|]？",
        "[and |]{b} as the second [number|one][?|]",
        "instead of that, plus {b}[?|]",
        "make the second [number |one |]{b}",
    ),
}
_WIDE_THINGS = {
    "swap boxes a": (
        "[and |]what if [there are|I have|we have|I had] {a} [boxes|bags|packs|of them][?|]",
        f"{_NO}{{a}} [boxes|bags|packs] {_AGAIN}[?|]",
        "[and |]how many [in|are in] {a} [boxes|bags|packs][?|]",
        "[and |]were there {a} [boxes|bags|packs][?|]",
        "[change|set] the number of [boxes|packs] to {a}",
        "[and |]when there are {a} [boxes|bags|packs|of them][?|]",
    ),
    "swap boxes b": (
        "[and |]what if each [has|had|holds|held] {b}[?|]",
        f"{_NO}{{b}} [in each|each|per box|per bag] {_AGAIN}[?|]",
        "[and |]were {b} in each[?|]",
        "[and |]what if [there are|it is] {b} in [each|one|every one][?|]",
        "[and |]when each [has|holds] {b}[?|]",
    ),
    "swap price a": (
        f"{_NO}{{a}} [pieces|of these|of those] {_AGAIN}[?|]",
        "[and |]what [about|do I pay for|would I pay for] {a}[?|]",
        "[and |]what if I [buy|need|take|bought] {a}[?|]",
        "[and |]how much for {a}[?|]",
        "[and |]when I [take|buy] {a}[?|]",
        "[and |]the price of {a}[?|]",
    ),
    "swap price b": (
        "[and |]what if [one|it|each] [is|costs|was|cost] {b}[?|]",
        f"{_NO}{{b}} [each|apiece|for one] {_AGAIN}[?|]",
        "[and |]were it {b} [each|apiece][?|]",
        "[and |]if they [cost|are] {b} [each|apiece][?|]",
        "[and |]when the price [is|goes to] {b}[?|]",
        "[and |]for {b} [each|apiece][?|]",
    ),
    "swap shared b": (
        "[and |]what if [we are|they are|there are] {b} [people|friends|children|of them|][?|]",
        f"{_NO}{{b}} [people|friends|children] {_AGAIN}[?|]",
        "[and |]among {b}[?|]",
        "[and |]when [we are|they are|there are] {b} [people|children|friends|][?|]",
        "[and |]split by {b} [people|children|friends][?|]",
        "[and |]shared [by|among] {b}[?|]",
        "[and |]were [we|they] {b}[?|]",
        "make it {b} [people|friends|children]",
    ),
    "swap shared a": (
        "[and |]what if [there are|it is|we have|there were] {a} [in all|to share|][?|]",
        f"{_NO}{{a}} [in all|to share] {_AGAIN}[?|]",
        "[and |]{a} [to share|in all][?|]",
        "[and |]when [there are|I have|we have] {a} [in all|to share|][?|]",
        "[and |]sharing {a}[?|]",
    ),
}
_WIDE_ON = {
    "half": (
        f"{_AND}[divide|split] {_IT} [in|into] [two|halves]",
        f"{_AND}{_IT}, halved[?|]",
        f"{_AND}one half[?|]",
        f"{_AND}the half[?|]",
        "[再|]取一半[呢|]？",
        f"cut {_IT} in half",
        f"{_AND}what [would|does] half of {_IT} [be|make]?",
    ),
    "double": (
        f"{_AND}{_IT} [times two|doubled|twice][?|]",
        f"{_AND}two of {_IT}[?|]",
        f"[please |now |]double {_IT}[, please|]",
        f"{_AND}make {_IT} twice as [big|large|much]",
        "[再|]翻倍[呢|]？",
        f"{_AND}what [would|does] twice {_IT} [be|make]?",
    ),
    "third": (
        f"{_AND}divide {_IT} [by three|in three]",
        f"{_AND}the third part[?| of {_IT}?]",
        "[再|]取三分之一[呢|]？",
        f"{_AND}[a third|one third], how much[?|]",
        "三分之一[等于|]多少？",
    ),
    "quarter": (
        f"{_AND}divide {_IT} [by four|in four]",
        f"{_AND}the fourth part[?| of {_IT}?]",
        f"{_AND}[a quarter|one quarter], how much[?|]",
        "四分之一[等于|]多少？",
        f"{_AND}how much is [a quarter|one quarter] of {_IT}[?|]",
    ),
    "triple": (
        f"{_AND}{_IT} [times three|three times|tripled][?|]",
        f"{_AND}make {_IT} three times as [big|much]",
        "[再|]乘三[呢|]？",
        f"{_AND}three of {_IT}[?|]",
        f"{_AND}what is [the triple|triple that][?|]",
    ),
    "times": (
        f"{_AND}{_IT} [times|by|multiplied by|x|*] {{n}}[?|]",
        "[把它|用它|结果]乘[以|]{n}[呢|是多少|]？",
        f"{_AND}by {{n}}, multiplied[?|]",
        "乘[以|]{n}[等于|是]多少？",
        f"{_AND}{{n}} [such|of these|of those][?|]",
    ),
    "plus": (
        f"{_AND}{_IT} [plus|+|and] {{n}}[?|]",
        "[把它|用它|结果]加[上|]{n}[呢|是多少|]？",
        f"{_AND}put {{n}} [to|on top of] {_IT}",
        f"{_AND}{{n}} [on top|larger|added][?|]",
        "加[上|]{n}[等于|是]多少？",
        f"{_AND}what [do I get|comes out] [if I add|with] {{n}} [more|][?|]",
    ),
    "minus": (
        f"{_AND}{_IT} [minus|-|less] {{n}}[?|]",
        "[把它|用它|结果]减[去|]{n}[呢|是多少|]？",
        "减[去|]{n}[等于|是]多少？",
        f"{_AND}{{n}} [off|smaller|taken off|away][?|]",
        "[去掉|少]{n}[呢|是多少]？",
        f"{_AND}what [stays|is left] [if I take|without] {{n}}[?|]",
    ),
    "by": (
        f"{_AND}{_IT} [divided by|/|÷|over|split in] {{n}}[?|]",
        "[把它|用它|结果]除以{n}[呢|是多少|]？",
        "除以{n}[等于|是]多少？",
        f"{_AND}[in|into] {{n}} [equal |]parts[?|]",
        "分成{n}份[呢|每份多少]？",
        f"{_AND}over {{n}}[?|]",
    ),
    "share": (
        f"{_AND}how much is {{n}}[%| percent] of {_IT}[?|]",
        f"{_AND}[take|give me|find] {{n}}[%| percent] of {_IT}",
        f"{_AND}{{n}}%, how much is that[?|]",
        "{n}%是多少？",
    ),
    "from": (
        f"{_AND}{{n}} [take away|less|-] {_IT}[?|]",
        f"{_AND}[what|how much] is left if I take {_IT} [from|off] {{n}}[?|]",
        f"{_AND}what is {{n}} with {_IT} taken off[?|]",
        f"{_AND}from {{n}} [subtract|take] {_IT}",
        f"{_AND}how far is {_IT} from {{n}}[?|]",
        "用{n}减去它[呢|是多少]？",
        "{n}减[去|]它[呢|是多少|]？",
    ),
}
_WIDE_EVENTS = {
    "event -": (
        f"[then|now|later|next] {_WHO} {_EAT} {{n}}[. How many now?|, how many now?|.|. What is left?]",
        "[and |]after {n} [are eaten|are sold|are lost|go|break][?|]",
        "[and |]when {n} [go|leave|break|are sold][?|]",
        "[又|后来|再][吃了|卖了|丢了|送了|用了|坏了]{n}个[，还剩几个|呢|，现在几个]？",
        f"[and |]{_WHO} {_EAT} {{n}}[?|]",
        "[少|去掉|拿掉]{n}个[呢|，还剩几个]？",
        "[and |]{n} [get lost|are gone|go away|break|are given away][, how many stay|, what remains|]?",
    ),
    "event +": (
        f"[then|now|later|next] {_WHO} [find|finds|buy|buys|get|gets|bring|brings] {{n}} more[. How many "
        "now?|, how many now?|.]",
        "[and |]after {n} more [come|are bought|are found][?|]",
        "[and |]when {n} more [come|join|are added][?|]",
        "[又|后来][买了|来了|得到|加了|拿来]{n}个[，现在几个|呢|，一共几个|，一共多少]？",
        "[再|又][拿|加|放|给]{n}个[呢|，一共几个|，现在几个]？",
        "[多|加上]{n}个[呢|，一共几个]？",
        "[and |]{n} more [arrive|are found|come in|join][, how many then|, how many in all|]?",
    ),
    "event ×": (
        "[and |]when [there are|I have] {n} times as many[?|]",
        "[and |]with {n} times as many[?|]",
        "[and |]were there {n} times as many[?|]",
        "[and |]{n} times that many[?|]",
        "{n}倍[呢|是多少]？",
    ),
}
_WIDE_CORRECT = {
    "correct": (
        "[应该|难道]不是{n}[吗|？]",
        "[我|他|老师|书上][算|说|觉得]的?是{n}[。|]".replace("的?", "的"),
        "是{n}吧[？|]",
        "[你|]确定不是{n}[吗|]？",
        "[会不会|是不是]{n}？",
        "[are you certain|sure] it [isn't|is not] {n}?",
        "[I|i] [would|'d] [say|have said] {n}[.|]",
        "{n}[?| is what I get.| is my answer.| I think.]",
        "[he|she|my mum|the book] [said|says|got|gets|wrote] {n}[.|]",
        "[is|was] it not {n}?",
        "[why|how come] not {n}?",
        "[maybe|perhaps] {n}[?|]",
        "[I|i] am [sure|certain] it is {n}[.|]",
        "[mine|my answer|my result] is {n}[.|]",
        "[you mean|don't you mean] {n}?",
    ),
    "thanks": (
        "[super|wonderful|excellent|nice one|good job], [thanks|thank you]",
        "[thanks|thank you], [great|nice|good|that was quick|that is all]",
        "[ok|fine|good], [many |]thanks",
        "[great|well done|nice work][!|.|]",
        "thank you[, friend|, R1V|, bye|!!]",
        "[太好了|好的|很好]，[谢谢|多谢][|！]",
        "[appreciate it|much appreciated][|!|.]",
        "thanks for [that|the help|your help|the answer]",
    ),
}
WIDE: dict[str, tuple[str, ...]] = {
    **_WIDE_PERCENT, **_WIDE_SUMS, **_WIDE_THINGS, **_WIDE_ON, **_WIDE_EVENTS, **_WIDE_CORRECT,
}  # fmt: skip

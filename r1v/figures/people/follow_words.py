"""The words of `r1v.figures.people.follow`: each bracket is one of its alternatives."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from r1v.figures.working import divide, line, times

_AND = "[|and |ok, |ok and |now |so |then ]"
_IT = "[that|it|this|the result|the answer]"

# what is done to the answer before: its sign, its number where the words hold it, and the words
GOING_ON: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "half": ("÷", 2, (
        f"{_AND}[half of|the half of|one half of] {_IT}[?||, please]", f"{_AND}half?", f"halve {_IT}",
        f"{_AND}what is half of {_IT}?", f"how much is half of {_IT}[?|]", f"50% of {_IT}[?|]",
        "divide it in two",
        f"{_AND}[take|give me] half of {_IT}", "[那|]一半呢？", "[它|这个数]的一半是多少？",
    )),
    "double": ("×", 2, (
        f"{_AND}[double|twice] {_IT}[?||, please]", f"{_AND}doubled[?|]", f"{_AND}the double[?| of {_IT}?]",
        f"what is twice {_IT}?", f"{_AND}two times {_IT}[?|]", f"how much is [double|twice] {_IT}",
        "twice as much?",
        "[那|]两倍呢？", "[它|这个数]的两倍是多少？",
    )),
    "third": ("÷", 3, (
        f"{_AND}[a third|one third|1/3] of {_IT}[?|]", f"what is [a third|one third] of {_IT}?",
        f"{_AND}a third?",
        "[它的|]三分之一[呢|是多少]？",
    )),
    "quarter": ("÷", 4, (
        f"{_AND}[a quarter|one quarter|1/4|a fourth] of {_IT}[?|]",
        f"what is [a quarter|one quarter] of {_IT}?",
        f"{_AND}a quarter?", "[它的|]四分之一[呢|是多少]？",
    )),
    "triple": ("×", 3, (
        f"{_AND}[triple|three times] {_IT}[?|]", f"{_AND}tripled[?|]", f"what is three times {_IT}?",
        "三倍呢？",
    )),
    "times": ("×", 0, (
        f"{_AND}times {{n}}[?|]", f"{_AND}multiply {_IT} by {{n}}", f"{_AND}{{n}} times {_IT}[?|]",
        "[* |x |×]{n}[?|]", f"what is {_IT} times {{n}}?", f"{_AND}multiplied by {{n}}[?|]",
        "[再|]乘以{n}[呢|]？",
    )),
    "plus": ("+", 0, (
        f"{_AND}plus {{n}}[?|]", f"{_AND}add {{n}} [to {_IT}|more|]", "[+ |+]{n}[?|]",
        f"what is {_IT} plus {{n}}?",
        f"{_AND}{{n}} more[?|]", f"{_AND}with {{n}} added[?|]", f"increase {_IT} by {{n}}",
        "[再|]加上{n}[呢|]？",
        f"{_AND}what if [you|I|we] add {{n}}?",
    )),
    "minus": ("-", 0, (
        f"{_AND}minus {{n}}[?|]", f"{_AND}[subtract|take away|take off] {{n}}[| from {_IT}]", "[- |-]{n}[?|]",
        f"what is {_IT} minus {{n}}?", f"{_AND}{{n}} less[?|]", f"{_AND}without {{n}}[?|]",
        f"decrease {_IT} by {{n}}", "[再|]减去{n}[呢|]？", f"{_AND}what if [you|I|we] take away {{n}}?",
    )),
    "by": ("÷", 0, (
        f"{_AND}divided by {{n}}[?|]", f"{_AND}divide {_IT} by {{n}}", "[/ |÷ |/]{n}[?|]",
        f"what is {_IT} divided by {{n}}?", f"{_AND}split {_IT} by {{n}}", f"{_AND}shared by {{n}}[?|]",
        "[再|]除以{n}[呢|]？",
    )),
    "share": ("%", 0, (
        f"{_AND}{{n}}% of {_IT}[?|]", f"{_AND}{{n}} percent of {_IT}[?|]", f"what is {{n}}% of {_IT}?",
        "[它|这个数]的{n}%[呢|是多少]？",
    )),
    "from": ("-from", 0, (
        f"{_AND}how much is left [of|from] {{n}}[?|]", f"[subtract|take] {_IT} from {{n}}",
        f"{{n}} minus {_IT}[?|]",
        "[I pay with|if I pay with|I give] {n}[, what is the change|, how much do I get back][?|]",
        "how much is missing to {n}?", "付{n}，找回多少？",
    )),
}  # fmt: skip
_IF = "[|and |ok, |so |now ][if|what if|suppose|say]"
_WHO = "[I|we|you|he|she|they|somebody]"
EVENTS: dict[str, tuple[str, ...]] = {
    "-": (
        f"{_IF} {_WHO} [eat|eats|lose|loses|sell|drop|use|break|take] {{n}}[| of them| of those][?|]",
        f"{_IF} {{n}} [are eaten|get lost|break|are sold|are gone|fall down|go away|leave|are stolen][?|]",
        f"{_IF} {_WHO} [give|gives] {{n}} away[?|]", "[and |]without {n} of them[?|]",
        "[then|later] {n} are [lost|gone|sold]. How many now?",
        "[and |now ]{n} [less|fewer][?|]", "[and |now |]take {n} away[.|]",
        "how many [are left|remain] if {n} [go|leave|are taken]?",
        f"{_WHO} [ate|lost|sold|used] {{n}} [of them|][, how many now|. And now|, what is left]?",
        "[如果|要是]吃了{n}个呢？", "[又|再]少了{n}个呢？", "拿走{n}个，还剩几个？",
    ),
    "+": (
        f"{_IF} {_WHO} [get|gets|find|finds|buy|buys|add|adds|pick|win] {{n}} more[?|]",
        f"{_IF} {{n}} [more come|are added|more are bought|new ones come|join|arrive][?|]",
        f"{_IF} there [are|were] {{n}} more[?|]",
        "[then|later] {n} more [come|are bought|arrive]. How many now?",
        "[and |]with {n} more[?|]", "[and |now |]add {n}[.|]",
        f"{_WHO} [got|found|bought] {{n}} more[, how many now|. And now|, what is it now]?",
        "[如果|要是]再来{n}个呢？", "[又|再]多了{n}个呢？", "再买{n}个，一共几个？",
    ),
    "×": (
        f"{_IF} it [is|was|were] {{n}} times as [many|much][?|]",
        f"{_IF} {_WHO} [have|had|buy] {{n}} times as [many|much][?|]",
        "[and |]{n} times as [many|much][?|]", "[and |]for {n} [such groups|of those|of these][?|]",
        "如果有{n}倍呢？",
    ),
}  # fmt: skip
CORRECTIONS = (
    "[no|nope|No][, |. |! ][it's|it is|that's|that is] {n}[.|!|]",
    "[I|i] [think|believe|say|guess] it['s| is] {n}[.|]",
    "[isn't|is not] it {n}[?|]",
    "shouldn't it be {n}[?|]",
    "[it|that] [should|must|has to] be {n}[.|]",
    "{n}, [no|right|isn't it]?",
    "[but |]my [friend|teacher|brother|book|calculator] says {n}[.|]",
    "[I|i] [get|got|have|counted|read] {n}[.|, though]",
    "[so |]it['s| is] {n}, [right|correct|isn't it]?",
    "[that's |that is |]wrong[,|.|:] it['s| is] {n}[.|]",
    "not {n}?",
    "[no|wrong|false][,|:] {n}[.|!|]",
    "the [right |correct |]answer is {n}[.|]",
    "[really|sure]? [I|i] [thought|expected] {n}[.|]",
    "[could|can] it be {n}?",
    "are you sure it is not {n}?",
    "[不对|错了]，是{n}[。|]",
    "[我觉得|我认为|应该]是{n}[。|吧|]",
    "不是{n}吗？",
    "是{n}[对吧|对吗]？",
)
THANKS = (
    "[thanks|thank you|thx|many thanks][|!|.| a lot| very much]",
    "[great|ok|perfect|good|cool|nice|fine][, |! ][thanks|thank you]",
    "thank you [so much|for that|for the answer]",
    "[谢谢|多谢|谢谢你][|！|。]",
    "[that helps|this helps|very helpful], thanks",
    "thanks, [that is right|that's it|that was it]",
)


def _percent(of: dict[str, int]) -> tuple[list[str], str]:
    part = of["p"] * of["w"] // 100
    return [f"{of['p']}% × {of['w']}", times(of["w"], of["p"]), f"{of['w'] * of['p']} / 100 = {part}"], str(
        part
    )


def _signed(sign: str) -> Callable[[dict[str, int]], tuple[list[str], str]]:
    def work(of: dict[str, int]) -> tuple[list[str], str]:
        a, b = of["a"], of["b"]
        value = {"+": a + b, "-": a - b, "×": a * b}[sign]
        return [f"{a} {sign} {b}", times(a, b) if sign == "×" else line(a, sign, b)], str(value)

    return work


def _shared(of: dict[str, int]) -> tuple[list[str], str]:
    return [f"all: {of['a']}, parts: {of['b']}", divide(of["a"], of["b"])], str(of["a"] // of["b"])


def _percent_numbers(rng: Random) -> dict[str, int]:
    return {"p": rng.choice((10, 20, 25, 30, 40, 50, 60, 75, 80)), "w": 20 * rng.randint(1, 25)}


def _shared_numbers(rng: Random) -> dict[str, int]:
    return {"a": 60 * rng.randint(1, 4), "b": rng.choice((2, 3, 4, 5, 6, 10, 12))}


_NOW = "[|and |what about |how about |ok and |now |and what about |and with |same with ]"
# a form of the first question, texts for each number that may change, the working, and the numbers
SWAPS: dict[
    str,
    tuple[tuple[str, ...], dict[str, tuple[str, ...]], Callable[[dict[str, int]], tuple[list[str], str]],
          Callable[[Random], dict[str, int]]],
] = {
    "percent": (
        ("[|what is |how much is |calculate ]{p}% of {w}[?|]", "{p} percent of {w}[?|]", "{w}的{p}%是多少？"),
        {"p": (f"{_NOW}{{p}}%[?|]", f"{_NOW}{{p}} percent[?|]", "[and |]if it [is|was] {p}%[?|]",
        "make it {p}%", "[那|]{p}%呢？",
               "{p}% instead[?|]", "[change|set] it to {p}%"),
         "w": (f"{_NOW}of {{w}}[?|]", "[and |]the same of {w}[?|]", "of {w} instead[?|]", "{w}的呢？",
         "[and |]from {w}[?|]",
               "[take|use] {w} instead")},
        _percent, _percent_numbers,
    ),
    "times": (
        ("[|what is |how much is |calculate ]{a} [times|x|*|×] {b}[?|]", "{a}*{b}[=|=?|]", "{a}乘以{b}"),
        {"a": ("[and |what about |now ]{a} in place of the first number[?|]",
        "[and |]with {a} as the first number[?|]",
               "[and |]if the first [number |one |]is {a}[?|]", "第一个数是{a}呢？"),
         "b": ("[and |]if the second [number |one |]is {b}[?|]", "[and |what about |now ]by {b} instead[?|]",
         "[and |]times {b}, not that[?|]",
               "[and |]with {b} as the second number[?|]", "第二个数是{b}呢？")},
        _signed("×"), lambda rng: {"a": rng.randint(2, 40), "b": rng.randint(2, 12)},
    ),
    "boxes": (
        (
            "[There are|I have] {a} [boxes|bags] [of|with] {b} [apples|eggs|pens] [each|]. How many [in "
        "all|altogether|]?",
         "how many [apples|eggs|cups] are in {a} [boxes|packs] of {b}[?|]"),
        {"a": (f"{_NOW}{{a}} [boxes|bags|packs][?|]", "[and |]if there are {a} of them[?|]",
        "what if there were {a} [boxes|bags|packs]?",
               f"{_NOW}for {{a}} [boxes|packs][?|]"),
         "b": ("[and |]if each [has|holds] {b}[?|]", "[and |what about ]{b} in each[?|]",
         "[and |]with {b} each[?|]",
               "what if there were {b} in each?")},
        _signed("×"), lambda rng: {"a": rng.randint(2, 12), "b": rng.randint(2, 12)},
    ),
    "price": (
        (
            "[One|A] [ticket|book|cake|ball] costs {b} [euros|dollars|]. [How much are|What do I pay for|"
        "What do] {a}[| cost]?",
         "how much are {a} [tickets|books|cakes] at {b} each[?|]"),
        {"a": (f"{_NOW}{{a}}[?|]", f"{_NOW}for {{a}}[?|]", "[and |]if I [buy|take|need] {a}[?|]",
        f"{_NOW}{{a}} of them[?|]",
               "what if I want {a}?"),
         "b": ("[and |]if [one|it] costs {b}[?|]", "[and |]at {b} each[?|]", "[and |]if the price is {b}[?|]",
               "what if they are {b} each?")},
        _signed("×"), lambda rng: {"a": rng.randint(2, 12), "b": rng.randint(2, 30)},
    ),
    "shared": (
        (
            "{a} [apples|cookies|coins|cards] [are shared by|for|split among] {b} [children|friends|"
        "people], how many [each|for each][?|]",
         "I share {a} [sweets|cards] among {b} [friends|children]. How many does each get?"),
        {"b": (f"{_NOW}{{b}} [children|friends|people][?|]", f"{_NOW}for {{b}}[?|]",
        "[and |]if [we are|there are|they are] {b}[?|]",
               "what if there were {b} [of us|people]?"),
         "a": ("[and |]if [there are|I have|it is] {a} [in all|][?|]",
         "[and |what about ]with {a} [of them|][?|]", "what if I had {a}?")},
        _shared, _shared_numbers,
    ),
    "sum": (
        ("[|what is |how much is |calculate ]{a} [plus|+] {b}[?|]", "{a}+{b}[=|=?|]"),
        {"b": ("[and |]plus {b} instead[?|]", "[and |]if it is plus {b}[?|]",
        "[and |]with {b} [instead |]as the second[?|]",
               "加的是{b}呢？")},
        _signed("+"), lambda rng: {"a": rng.randint(2, 200), "b": rng.randint(2, 200)},
    ),
}  # fmt: skip

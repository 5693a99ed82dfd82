"""Word problems of two and three steps, with texts that vary without being many.

Enters: random numbers and a split. Leaves: what `r1v.figures.people.stories` makes a question of. Always
holds: a quarter of the texts of each kind, by their hash, is held out whatever their brackets become.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from r1v.figures.working import divide, line


@dataclass(frozen=True, slots=True)
class Tale:
    """fields: of the texts. given: what the chain begins with. lines: of the working; the last one ends with
    the answer."""

    fields: dict[str, object]
    given: dict[str, object]
    lines: list[str]
    answer: int


def _packs_more(rng: Random) -> Tale:
    a, b, c = rng.randint(2, rng.choice((20, 60, 99))), rng.randint(2, 9), rng.randint(2, 12)
    work = [line(b, "×", c), line(a, "+", b * c)]
    return Tale({"a": a, "b": b, "c": c}, {"has": a, "gets": f"{b} × {c}"}, work, a + b * c)


def _packs_less(rng: Random) -> Tale:
    b, c = rng.randint(2, 9), rng.randint(2, 12)
    a = rng.randint(1, b * c - 1)
    work = [line(b, "×", c), line(b * c, "-", a)]
    return Tale({"a": a, "b": b, "c": c}, {"has": f"{b} × {c}", "gives away": a}, work, b * c - a)


def _gives_packs(rng: Random) -> Tale:
    b, c = rng.randint(2, 9), rng.randint(2, 9)
    a = b * c + rng.randint(1, 40)
    work = [line(b, "×", c), line(a, "-", b * c)]
    return Tale({"a": a, "b": b, "c": c}, {"has": a, "gives away": f"{b} × {c}"}, work, a - b * c)


def _three(rng: Random) -> Tale:
    a, b, c = (rng.randint(2, rng.choice((9, 30, 80))) for _ in range(3))
    work = [line(a, "+", b), line(a + b, "+", c)]
    return Tale({"a": a, "b": b, "c": c}, {"first": a, "second": b, "third": c}, work, a + b + c)


def _two_gone(rng: Random) -> Tale:
    b, c = rng.randint(1, 30), rng.randint(1, 30)
    a = b + c + rng.randint(1, 50)
    work = [line(a, "-", b), line(a - b, "-", c)]
    return Tale({"a": a, "b": b, "c": c}, {"has": a, "first gone": b, "then gone": c}, work, a - b - c)


def _times_as_many(rng: Random) -> Tale:
    a, k = rng.randint(2, 20), rng.randint(2, 5)
    said = {2: "twice", 3: "three times", 4: "four times", 5: "five times"}[k]
    work = [line(a, "×", k), line(a, "+", a * k)]
    return Tale({"a": a, "k": said}, {"first": a, "second": f"{a} × {k}"}, work, a + a * k)


def _more_together(rng: Random) -> Tale:
    a, b = rng.randint(2, 40), rng.randint(1, 20)
    work = [line(a, "+", b), line(a, "+", a + b)]
    return Tale({"a": a, "b": b}, {"first": a, "second": f"{a} + {b}"}, work, 2 * a + b)


def _sum_shared(rng: Random) -> Tale:
    k, q = rng.randint(2, 8), rng.randint(2, 12)
    a = rng.randint(1, k * q - 1)
    b = k * q - a
    work = [line(a, "+", b), divide(k * q, k)]
    return Tale({"a": a, "b": b, "k": k}, {"all": f"{a} + {b}", "parts": k}, work, q)


def _saves(rng: Random) -> Tale:
    w, t, have = rng.randint(2, 12), rng.randint(2, 9), rng.randint(0, 30)
    goal = have + w * t
    work = [line(goal, "-", have), divide(w * t, w)]
    return Tale({"a": have, "w": w, "g": goal}, {"goal": goal, "have": have, "each week": w}, work, t)


def _paid_left(rng: Random) -> Tale:
    p, q = rng.randint(1, 30), rng.randint(1, 30)
    n = p + q + rng.randint(0, 40)
    work = [line(p, "+", q), line(n, "-", p + q)]
    return Tale({"p": p, "q": q, "n": n}, {"has": n, "pays": f"{p} + {q}"}, work, n - p - q)


_LEFT = (
    "[How many are left|How many {things} are left|How many remain|What is left|How many does {name} "
    "still have]?"
)
_NOW = (
    "[How many {things} [does|will] {name} have [now|then|in all|altogether|]|How many are there [now|in "
    "total|]|What is the total|How many {things} is that]?"
)
STEPS: dict[str, tuple[Callable[[Random], Tale], tuple[str, ...]]] = {
    "packs_more": (_packs_more, (
        f"{{name}} [has|owns|had] {{a}} {{things}} and [buys|gets|finds] {{b}} [bags|boxes|packs] "
        f"[with|of] {{c}} "
        f"[each|in each|]. {_NOW}",
        f"{{name}} [has|owns] {{a}} {{things}}. {{other}} [brings|gives {{name}}] {{b}} [bags|boxes] of "
        f"{{c}}. {_NOW}",
        f"[There are|I see|We have] {{a}} {{things}} [on the table|in the room|] and {{b}} "
        f"[boxes|bags|plates] with "
        f"{{c}} {{things}} [each|in each]. {_NOW}",
        "{a} single {things} and {b} [packs|boxes] of {c}: how many [{things}|in all]?",
        "[I have|you have] {a} {things}, [then I buy|plus] {b} [packs|bags] with {c} {things} [each|]. "
        "How many [now|"
        "altogether|are there]?",
        f"{{name}} [buys|gets] {{b}} [bags|packs] of {{c}} {{things}} and [has|already has] {{a}}. {_NOW}",
        "[starting with|with] {a} {things}, {name} adds {b} [times|lots of] {c}. How many [now|in the end]?",
        "{name_zh}有{a}个{things_zh}，又买了{b}[袋|盒]，每[袋|盒]{c}个，[一共|现在]有多少个？",
    )),
    "packs_less": (_packs_less, (
        f"{{name}} [buys|has] {{b}} [boxes|bags|packs] [of|with] {{c}} {{things}} [each|] and "
        f"[eats|loses|gives away|"
        f"uses|sells] {{a}}. {_LEFT}",
        f"[There are|I see] {{b}} [boxes|bags|trays] with {{c}} {{things}} [each|in each]. {{a}} [are "
        f"broken|are gone|"
        f"get lost|are sold]. {_LEFT}",
        "{b} [rows|plates|boxes] of {c} {things}, {a} [are taken away|are eaten|fall down]: how many "
        "[are left|remain]?",
        "[A shop|A school|A farm] [gets|has] {b} [crates|boxes] of {c} {things} and [sells|uses] {a}. "
        "How many [stay|"
        "are left|remain]?",
        "{b} times {c} {things} less {a}, how many?",
        "有{b}盒{things_zh}，每盒{c}个，[吃了|用了|卖了]{a}个，还剩几个？",
    )),
    "gives_packs": (_gives_packs, (
        f"{{name}} has {{a}} {{things}} and gives {{c}} to each of {{b}} [friends|children|people]. {_LEFT}",
        f"[From|Of] {{a}} {{things}} {{name}} [fills|packs|makes] {{b}} [bags|boxes] with {{c}} each. "
        f"{_LEFT}",
        "{b} [children|friends] [take|get|eat] {c} {things} each [from|of] {a}. How many [are left|remain]?",
        "[I have|There are] {a} {things}. {b} [people|guests] [take|get] {c} each. [What is left|How "
        "many remain]?",
        "{name_zh}有{a}个{things_zh}，分给{b}个朋友，每人{c}个，还剩几个？",
    )),
    "three": (_three, (
        "{name} has {a} {things}, {other} has {b} and [Tim|Lena|Omar] has {c}. How many [do they have "
        "together|are "
        "there|in all|{things} is that]?",
        "[There are|I see] {a} [red|old], {b} [blue|new] and {c} [green|big] {things}. How many "
        "[{things} are there|"
        "in all|altogether]?",
        "[On Monday|First] {name} [finds|sells|reads] {a}, [on Tuesday|then] {b} and [on Friday|at last] "
        "{c} {things}. "
        "How many [in all|altogether|is that]?",
        "[Three|3] [boxes|bags] hold {a}, {b} and {c} {things}. [What is the total|How many together]?",
        "三[个盒子|个人]分别有{a}、{b}、{c}个{things_zh}，一共多少个？",
    )),
    "two_gone": (_two_gone, (
        f"{{name}} has {{a}} {{things}}, [eats|sells|gives away] {{b}} and [then|later] "
        f"[loses|sells|gives {{other}}] "
        f"{{c}}. {_LEFT}",
        f"[There are|A shop has] {{a}} {{things}}. {{b}} are [sold|used] [in the morning|on Monday] and "
        f"{{c}} [in the "
        f"evening|on Tuesday]. {_LEFT}",
        "[Of|From] {a} {things} {b} are [red|broken] and {c} are [blue|missing]. How many are "
        "[neither|the others]?",
        "{a} {things}, first {b} [go|are taken], then {c}. How many [stay|are left]?",
        "有{a}个{things_zh}，[上午|先]用了{b}个，[下午|再]用了{c}个，还剩几个？",
    )),
    "times_as_many": (_times_as_many, (
        "{name} has {a} {things} and {other} has {k} as many. How many [do they have together|have both "
        "together|are "
        "there in all]?",
        "{other} has {k} as many {things} as {name}, who has {a}. How many [together|do both have|in total]?",
        "[There are|I see] {a} {things} and {k} as many {more_things}. How many things [are there|in "
        "all|together]?",
        "{name} [reads|finds|picks] {a} {things} [today|on Monday] and {k} as many [tomorrow|on "
        "Tuesday]. How many "
        "[in all|altogether]?",
    )),
    "more_together": (_more_together, (
        "{name} has {a} {things} and {other} has {b} more [than {name}|]. How many [do they have "
        "together|have both "
        "together|in all]?",
        "{other} has {b} {things} more than {name}, who has {a}. How many [do both have|together|is that "
        "in all]?",
        "[One|A] [box|bag] has {a} {things}, the other {b} more. How many [in both|altogether|are there "
        "together]?",
        "{name_zh}有{a}个{things_zh}，[弟弟|姐姐]比{name_zh}多{b}个，两人一共几个？",
    )),
    "sum_shared": (_sum_shared, (
        "{name} has {a} {things} and {other} has {b}. They share [all|them] equally among {k} "
        "[people|children|"
        "friends]. How many does each get?",
        "{a} [red|old] and {b} [blue|new] {things} are [packed|put] into {k} [boxes|bags], the same "
        "number in each. "
        "How many [are in one|in each]?",
        "[I pick|We find] {a} and [then|later] {b} {things} and [split|share] them among {k}. How many "
        "for each?",
        "{a}个和{b}个{things_zh}合起来平均分给{k}个人，每人几个？",
    )),
    "saves": (_saves, (
        "{name} [has|owns] {a} [euros|dollars|coins] and saves {w} [a|every|each] week. How many weeks "
        "until {name} has "
        "{g}?",
        "A [bike|game|book] costs {g}. {name} has {a} and saves {w} [a|every] week. How many weeks does "
        "it take?",
        "[To get|For] {g} [coins|points], with {a} now and {w} more each week: how many weeks?",
        "{name_zh}有{a}元，每周存{w}元，几周后有{g}元？",
    )),
    "paid_left": (_paid_left, (
        "{name} has {n} [euros|dollars|coins] and buys a [book|toy|cake] for {p} and a [pen|ball|map] "
        "for {q}. How much "
        "[is left|money is left|does {name} still have]?",
        "[I have|You have] {n} and spend {p} and [then|later] {q}. What is left?",
        "[With|From] {n} [euros|dollars] {name} pays {p} for [lunch|a ticket] and {q} for [a drink|a "
        "snack]. How much "
        "[remains|comes back|is left]?",
        "{name_zh}有{n}元，花了{p}元和{q}元，还剩多少元？",
    )),
}  # fmt: skip

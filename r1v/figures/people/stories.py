"""Everyday word problems, with open names and things, in two languages.

Enters: random numbers and a split. Leaves: a question, its exact answer and a short chain. Always holds: the
chain names what is given, then computes as `r1v.figures.working` does; a quarter of the texts of each kind
is held out.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from r1v.figures.item import Split
from r1v.figures.open_names import person, things
from r1v.figures.people import stories_more
from r1v.figures.people.phrasing import CHINESE, heldout_clauses, slip
from r1v.figures.people.problems_wide import varied, wide
from r1v.figures.people.stories_steps import STEPS, Tale
from r1v.figures.working import chinese, divide, line, remainder


def _numbers(rng: Random) -> int:
    return rng.choice((9, 20, 60, 150))


def _gets(rng: Random) -> Tale:
    high = _numbers(rng)
    a, b = rng.randint(2, high), rng.randint(1, high)
    return Tale({"a": a, "b": b}, {"has": a, "gets": b}, [line(a, "+", b)], a + b)


def _gives(rng: Random) -> Tale:
    high = _numbers(rng)
    a = rng.randint(4, high)
    b = rng.randint(1, a - 1)
    return Tale({"a": a, "b": b}, {"has": a, "gives away": b}, [line(a, "-", b)], a - b)


def _gets_gives(rng: Random) -> Tale:
    high = _numbers(rng)
    a, b = rng.randint(4, high), rng.randint(1, high)
    c = rng.randint(1, a + b - 1)
    work = [line(a, "+", b), line(a + b, "-", c)]
    return Tale({"a": a, "b": b, "c": c}, {"has": a, "gets": b, "gives away": c}, work, a + b - c)


def _each(rng: Random) -> Tale:
    a, b = rng.randint(2, 12), rng.randint(2, rng.choice((10, 12, 30)))
    return Tale({"a": a, "b": b}, {"groups": a, "in each": b}, [line(a, "×", b)], a * b)


def _shares(rng: Random) -> Tale:
    b, q = rng.randint(2, 12), rng.randint(2, rng.choice((9, 20, 40)))
    return Tale({"a": b * q, "b": b}, {"all": b * q, "parts": b}, [divide(b * q, b)], q)


def _rest(rng: Random) -> Tale:
    b, q = rng.randint(2, 12), rng.randint(2, 12)
    a = b * q + rng.randrange(b)
    return Tale({"a": a, "b": b}, {"all": a, "parts": b}, [remainder(a, b)], a % b)


def _costs(rng: Random) -> Tale:
    a, p = rng.randint(2, 12), rng.randint(2, 30)
    return Tale({"a": a, "p": p}, {"number": a, "price": p}, [line(a, "×", p)], a * p)


def _change(rng: Random) -> Tale:
    a, p = rng.randint(2, 9), rng.randint(2, 20)
    paid = next(note for note in (20, 50, 100, 200) if note > a * p)
    work = [line(a, "×", p), line(paid, "-", a * p)]
    return Tale({"a": a, "p": p, "n": paid}, {"number": a, "price": p, "paid": paid}, work, paid - a * p)


def _two(rng: Random) -> Tale:
    a, p, b, q = (rng.randint(2, 9) for _ in range(4))
    work = [line(a, "×", p), line(b, "×", q), line(a * p, "+", b * q)]
    return Tale(
        {"a": a, "p": p, "b": b, "q": q}, {"first": f"{a} × {p}", "second": f"{b} × {q}"}, work, a * p + b * q
    )


def _more(rng: Random) -> Tale:
    high = _numbers(rng)
    a, b = rng.randint(2, high), rng.randint(1, high)
    return Tale({"a": a, "b": b}, {"first": a, "more": b}, [line(a, "+", b)], a + b)


def _compare(rng: Random) -> Tale:
    high = _numbers(rng)
    b, a = sorted((rng.randint(2, high), rng.randint(3, high + 2)))
    return Tale({"a": a, "b": b}, {"first": a, "second": b}, [line(a, "-", b)], a - b)


def _speed(rng: Random) -> Tale:
    v, t = rng.choice((4, 5, 15, 20, 30, 50, 60, 80, 90, 100, 120)), rng.randint(2, 9)
    return Tale({"v": v, "t": t}, {"speed": v, "time": t}, [line(v, "×", t)], v * t)


def _age(rng: Random) -> Tale:
    a, y = rng.randint(3, 60), rng.randint(2, 20)
    return Tale({"a": a, "y": y}, {"age": a, "years": y}, [line(a, "+", y)], a + y)


def _legs(rng: Random) -> Tale:
    a, b = rng.randint(1, 12), rng.randint(1, 12)
    work = [f"{a} × 2 = {a * 2}", f"{b} × 4 = {b * 4}", line(a * 2, "+", b * 4)]
    return Tale({"a": a, "b": b}, {"two legs": a, "four legs": b}, work, a * 2 + b * 4)


def _weeks(rng: Random) -> Tale:
    a, d = rng.randint(2, 20), rng.randint(2, 14)
    return Tale({"a": a, "d": d}, {"each day": a, "days": d}, [line(d, "×", a)], a * d)


def _discount(rng: Random) -> Tale:
    p = rng.choice((10, 20, 25, 50))
    n = rng.choice([k for k in range(20, 401, 10) if k * p % 100 == 0])
    off = n * p // 100
    work = [f"{p}% of {n}: {n} × {p} = {n * p}, {n * p} / 100 = {off}", line(n, "-", off)]
    return Tale({"n": n, "p": p}, {"price": n, "percent": p}, work, n - off)


def _fence(rng: Random) -> Tale:
    a, b = rng.randint(2, 40), rng.randint(2, 40)
    return Tale({"a": a, "b": b}, {"long": a, "wide": b}, [line(a, "+", b), line(a + b, "×", 2)], 2 * (a + b))


def _bus(rng: Random) -> Tale:
    a, b, c = rng.randint(5, 50), rng.randint(1, 20), rng.randint(1, 20)
    b = min(b, a)
    work = [line(a, "-", b), line(a - b, "+", c)]
    return Tale({"a": a, "b": b, "c": c}, {"at first": a, "get off": b, "get on": c}, work, a - b + c)


STORIES: dict[str, tuple[Callable[[Random], Tale], tuple[str, ...]]] = {
    "gets": (_gets, (
        "{name} has {a} {things} and gets {b} more. How many {things} does {name} have now?",
        "{name} had {a} {things}. {other} gave {name} {b} more. How many are there now?",
        "There are {a} {things} on the table. {name} puts {b} more there. How many are on the table?",
        "If I have {a} {things} and buy {b} more, how many do I have?",
        "{a} {things} and {b} more {things}, how many is that?",
        "{name} found {a} {things} yesterday and {b} today. How many in total?",
        "{name_zh}有{a}个{things_zh}，又买了{b}个。现在有多少个？",
        "桌上有{a}个{things_zh}，{name_zh}又放了{b}个，一共多少个？",
    )),
    "gives": (_gives, (
        "{name} has {a} {things} and gives {b} to {other}. How many are left?",
        "{name} had {a} {things}. {b} got lost. How many does {name} still have?",
        "There were {a} {things}. {name} ate {b} of them. How many remain?",
        "I had {a} {things} and sold {b}. how many do i have left",
        "Out of {a} {things}, {b} are broken. How many are fine?",
        "{name_zh}有{a}个{things_zh}，送给朋友{b}个。还剩多少个？",
        "一共有{a}个{things_zh}，用了{b}个，还剩几个？",
    )),
    "gets_gives": (_gets_gives, (
        "{name} has {a} {things}, buys {b} and gives away {c}. How many are there now?",
        "A shop had {a} {things}. It got {b} new ones and sold {c}. How many are left?",
        "{name} picked {a} {things} at noon and {b} in the evening, then ate {c}. How many are left?",
        "I start with {a}, add {b} and take away {c}. What do I have?",
        "{name_zh}有{a}个{things_zh}，又买了{b}个，送走{c}个。现在有几个？",
    )),
    "each": (_each, (
        "There are {a} boxes with {b} {things} in each. How many {things} are there?",
        "{name} has {a} bags of {b} {things}. How many {things} is that in all?",
        "Each of {a} children has {b} {things}. How many {things} do they have together?",
        "{a} rows of {b} {things}: how many {things}?",
        "how many {things} are in {a} packs of {b}",
        "有{a}盒{things_zh}，每盒{b}个，一共多少个？",
        "每人{b}个{things_zh}，{a}个人一共多少个？",
    )),
    "shares": (_shares, (
        "{name} shares {a} {things} equally among {b} friends. How many does each get?",
        "{a} {things} are put into {b} boxes, the same number in each. How many are in one box?",
        "{b} children share {a} {things}. How many for each child?",
        "if {b} people split {a} {things}, how many does everyone get?",
        "把{a}个{things_zh}平均分给{b}个人，每人几个？",
        "How many {things} does each of {b} people get from {a}?",
    )),
    "rest": (_rest, (
        "{name} packs {a} {things} into bags of {b}. How many are left over?",
        "{a} {things} are shared by {b} children. How many remain?",
        "Boxes hold {b} {things}. {name} has {a}. How many do not fit into full boxes?",
        "{a}个{things_zh}，每{b}个装一袋，剩下几个？",
    )),
    "costs": (_costs, (
        "One ticket costs {p} euros. How much do {a} tickets cost?",
        "{name} buys {a} {things} for {p} dollars each. How much does {name} pay?",
        "What is the price of {a} {things} at {p} each?",
        "a kilo costs {p}. how much are {a} kilos",
        "{things_zh}每个{p}元，买{a}个要多少钱？",
        "How much do I pay for {a} {things} if one is {p} pounds?",
    )),
    "change": (_change, (
        "{name} buys {a} {things} for {p} dollars each and pays with {n}. What is the change?",
        "{a} {things} cost {p} euros each. {name} gives {n}. How much does {name} get back?",
        "I buy {a} {things} at {p} each and pay with a {n} note, how much change",
        "{things_zh}每个{p}元，{name_zh}买{a}个，付{n}元，找回多少元？",
    )),
    "two": (_two, (
        "{name} buys {a} {things} for {p} each and {b} {more_things} for {q} each. How much is it in total?",
        "{a} {things} cost {p} coins each, {b} {more_things} cost {q} coins each. And together?",
        "how much are {a} {things} at {p} and {b} {more_things} at {q}",
        "{name} pays {p} for each of {a} {things} and {q} for each of {b} {more_things}. And in total?",
    )),
    "more": (_more, (
        "{name} has {a} {things}. {other} has {b} more. How many does {other} have?",
        "{other} has {b} {things} more than {name}, who has {a}. How many does {other} have?",
        "{name} is {a} years old and {other} is {b} years older. How old is {other}?",
        "{name_zh}有{a}个{things_zh}，另一个人比他多{b}个。那个人有几个？",
    )),
    "compare": (_compare, (
        "{name} has {a} {things} and {other} has {b}. How many more does {name} have?",
        "{name} has {a} {things}, {other} only {b}. What is the difference?",
        "{a} {things} on the left and {b} on the right. How many fewer are on the right?",
        "how many more is {a} {things} than {b} {things}",
        "{name_zh}有{a}个{things_zh}，同学有{b}个，多几个？",
    )),
    "speed": (_speed, (
        "A car drives {v} km per hour. How far does it go in {t} hours?",
        "{name} travels {t} hours at {v} km/h. What is the distance?",
        "at {v} kilometres an hour, how far do you get in {t} hours?",
        "A train goes {v} km every hour. How many km in {t} hours?",
        "每小时走{v}千米，{t}小时走多少千米？",
    )),
    "age": (_age, (
        "{name} is {a} years old. How old will {name} be in {y} years?",
        "{name} is {a} now. How old in {y} years?",
        "In {y} years, how old is somebody who is {a} today?",
        "{name_zh}今年{a}岁，{y}年后多少岁？",
    )),
    "legs": (_legs, (
        "There are {a} chickens and {b} cows. How many legs do they have together?",
        "{name} sees {a} birds and {b} dogs. How many legs is that?",
        "how many legs have {a} ducks and {b} sheep",
        "{a}只鸡和{b}只羊一共有几条腿？",
    )),
    "weeks": (_weeks, (
        "{name} reads {a} pages a day. How many pages in {d} days?",
        "{name} saves {a} coins every day. How many after {d} days?",
        "{a} cups of coffee a day, how many in {d} days?",
        "A machine makes {a} {things} a day. How many does it make in {d} days?",
        "每天看{a}页书，{d}天看多少页？",
    )),
    "discount": (_discount, (
        "A coat costs {n} euros. It is {p}% off. What is the new price?",
        "{name} gets {p} percent off a price of {n} dollars. How much does {name} pay?",
        "price {n}, discount {p}%: what do I pay?",
        "原价{n}元，便宜{p}%，现在多少元？",
    )),
    "fence": (_fence, (
        "A garden is {a} m long and {b} m wide. How long is the fence around it?",
        "{name} walks once around a field of {a} m by {b} m. How far is it?",
        "what is the perimeter of a {a} by {b} rectangle",
        "长{a}米、宽{b}米的花园，围栏要多长？",
    )),
    "bus": (_bus, (
        "There are {a} people on a bus. {b} get off and {c} get on. How many are on the bus now?",
        "A bus has {a} passengers. At the stop {b} leave and {c} come in. How many are there?",
        "{a} birds sit on a tree, {b} fly away and {c} come. How many birds are there?",
        "车上有{a}人，下车{b}人，上车{c}人，现在有多少人？",
    )),
}  # fmt: skip


def make_story(rng: Random, split: Split) -> tuple[str, str, str, str]:
    """Question, answer, solution and wording of one word problem."""
    kind = rng.choice(tuple(STORIES))
    make, texts = STORIES[kind]
    held = heldout_clauses(f"story/{kind}", texts)
    text = rng.choice([one for one in texts if (one in held) == (split == "heldout")])
    place = str(texts.index(text))
    if split == "train" and (drawn := rng.random()) < 0.8:
        chosen = rng.randrange(len(stories_more.MORE[kind]))
        text, place = stories_more.expanded(stories_more.MORE[kind][chosen], rng), f"more/{chosen}"
        if drawn < 0.5:
            text, place = wide(kind, held, rng), "wide"
    return _told(f"story/{kind}/{place}", text, make(rng), rng, split)


def make_steps(rng: Random, split: Split) -> tuple[str, str, str, str]:
    """As `make_story`, of two steps or three."""
    kind = rng.choice(tuple(STEPS))
    make, texts = STEPS[kind]
    held = heldout_clauses(f"steps/{kind}", texts)
    text = rng.choice([one for one in texts if (one in held) == (split == "heldout")])
    place, text = str(texts.index(text)), stories_more.expanded(text, rng)
    if split == "train" and rng.random() < 0.6:
        text, place = wide(kind, held, rng), "wide"
    return _told(f"steps/{kind}/{place}", text, make(rng), rng, split)


def _told(template: str, text: str, story: Tale, rng: Random, split: Split) -> tuple[str, str, str, str]:
    """A text with its names and numbers filled in, and the rest of the problem."""
    name = person(rng)
    other = next(one for one in iter(lambda: person(rng), None) if one != name)
    goods = things(rng)
    more = next(one for one in iter(lambda: things(rng), None) if one != goods)
    in_chinese = bool(CHINESE.search(text))
    fixed = slip(text, rng) if not in_chinese and rng.random() < 0.05 else text
    fields = {"name": name, "other": other, "things": goods, "more_things": more,
              "name_zh": person(rng, True), "things_zh": things(rng, True), **story.fields}  # fmt: skip
    if split == "train":
        fields = varied(fields, rng, in_chinese)
    question = fixed.format(**fields)
    if not in_chinese and rng.random() < 0.12:
        question = question.lower()
    given = ", ".join(f"{key}: {value}" for key, value in story.given.items())
    end = f"结果是{story.answer}。" if in_chinese else f"The answer is {story.answer}."
    solution = "\n".join([given, *story.lines, end])
    return (
        question,
        str(story.answer),
        chinese(solution) if in_chinese else solution,
        template,
    )

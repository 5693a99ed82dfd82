"""Text-only word problems: shopping, ages, journeys, sharing, fractions, percentages, savings, rectangles.

The solution names what is given, then does one operation a line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from r1v.figures.item import Draft, Family, Request
from r1v.figures.working import chinese, divide, line, remainder

NAMES = ("Anna", "Ben", "Carla", "David", "Emma", "Felix", "Grace", "Henry", "Ida", "Jonas", "Lena", "Max")
THINGS = (
    "apples",
    "books",
    "pens",
    "cards",
    "stickers",
    "balls",
    "eggs",
    "cookies",
    "stamps",
    "coins",
    "shells",
)
GOODS = ("pencils", "notebooks", "tickets", "cups", "plates", "toys", "bags", "roses", "lamps", "shirts")
VEHICLES = ("car", "train", "bus", "cyclist", "ship", "truck")
NAMES_ZH = ("小明", "小红", "小华", "小丽", "小刚")
THINGS_ZH = ("苹果", "糖果", "铅笔", "邮票", "贝壳", "图书")

_END = "[| Show your steps.| Give a number.| Work step by step.]"


@dataclass(frozen=True, slots=True)
class Story:
    """What fills a wording, the working and the result.

    given: what the question states, by name, as the solution repeats it.
    """

    fields: dict[str, object]
    given: dict[str, int]
    work: list[str]
    result: int
    close: str


def _shop(rng: Random, level: int) -> Story:
    number, price = rng.randint(2, (9, 9, 25)[level]), rng.randint(2, (9, 30, 40)[level])
    total = number * price
    fields = {"name": rng.choice(NAMES), "number": number, "price": price, "goods": rng.choice(GOODS)}
    work = [line(number, "×", price)]
    return Story(fields, {"number": number, "price": price}, work, total, f"The total is {total}.")


def _change(rng: Random, level: int) -> Story:
    number, price = rng.randint(2, (5, 9, 12)[level]), rng.randint(2, (6, 11, 24)[level])
    total = number * price
    paid = next(note for note in (20, 50, 100, 200, 500) if note > total)
    fields = {
        "name": rng.choice(NAMES),
        "number": number,
        "price": price,
        "goods": rng.choice(GOODS),
        "paid": paid,
    }
    work = [line(number, "×", price), line(paid, "-", total)]
    given = {"number": number, "price": price, "paid": paid}
    return Story(fields, given, work, paid - total, f"The change is {paid - total}.")


def _two_goods(rng: Random, level: int) -> Story:
    a, b = (rng.randint(2, (5, 9, 12)[level]) for _ in range(2))
    p, q = (rng.randint(2, (5, 12, 30)[level]) for _ in range(2))
    first, second = rng.sample(GOODS, 2)
    fields = {"name": rng.choice(NAMES), "a": a, "b": b, "p": p, "q": q, "first": first, "second": second}
    work = [f"{first}: {line(a, '×', p)}", f"{second}: {line(b, '×', q)}", line(a * p, "+", b * q)]
    return Story(fields, {}, work, a * p + b * q, f"The total is {a * p + b * q}.")


def _age(rng: Random, level: int) -> Story:
    age, older, years = (
        rng.randint(4, (12, 40, 60)[level]),
        rng.randint(2, (9, 25, 35)[level]),
        rng.randint(2, 20),
    )
    name, other = rng.sample(NAMES, 2)
    now = age + older
    fields = {"name": name, "other": other, "age": age, "older": older, "years": years}
    work = [f"{other} now: {line(age, '+', older)}", f"in {years} years: {line(now, '+', years)}"]
    given = {"age": age, "older": older, "years": years}
    return Story(fields, given, work, now + years, f"{other} will be {now + years}.")


def _age_past(rng: Random, level: int) -> Story:
    first, second = (rng.randint(12, (20, 50, 90)[level]) for _ in range(2))
    years = rng.randint(2, 10)
    name, other = rng.sample(NAMES, 2)
    fields = {"name": name, "other": other, "first": first, "second": second, "years": years}
    work = [line(first, "-", years), line(second, "-", years), line(first - years, "+", second - years)]
    total = first + second - 2 * years
    given = {name: first, other: second, "years": years}
    return Story(fields, given, work, total, f"Together they were {total}.")


def _distance(rng: Random, level: int) -> Story:
    speed = rng.randint(2, (9, 12, 95)[level]) * (10 if level < 2 else 1)
    hours = rng.randint(2, (5, 9, 9)[level])
    fields = {"vehicle": rng.choice(VEHICLES), "speed": speed, "hours": hours}
    given = {"speed": speed, "time": hours}
    return Story(fields, given, [line(speed, "×", hours)], speed * hours, f"It travels {speed * hours} km.")


def _duration(rng: Random, level: int) -> Story:
    speed = rng.randint(2, (9, 9, 12)[level]) * (10 if level == 1 else 1)
    hours = rng.randint(2, (9, 9, 30)[level])
    distance = speed * hours
    fields = {"vehicle": rng.choice(VEHICLES), "speed": speed, "distance": distance}
    work = [divide(distance, speed)]
    return Story(fields, {"distance": distance, "speed": speed}, work, hours, f"It takes {hours} hours.")


def _speed(rng: Random, level: int) -> Story:
    hours, speed = rng.randint(2, (5, 9, 9)[level]), rng.randint(3, (10, 30, 95)[level])
    distance = speed * hours
    fields = {"vehicle": rng.choice(VEHICLES), "hours": hours, "distance": distance}
    work = [divide(distance, hours)]
    return Story(
        fields, {"distance": distance, "time": hours}, work, speed, f"The speed is {speed} km per hour."
    )


def _share(rng: Random, level: int) -> Story:
    people, each = rng.randint(2, (6, 9, 12)[level]), rng.randint(2, (9, 25, 60)[level])
    total = people * each
    fields = {"total": total, "people": people, "things": rng.choice(THINGS)}
    return Story(
        fields, {"total": total, "people": people}, [divide(total, people)], each, f"Each one gets {each}."
    )


def _left_over(rng: Random, level: int) -> Story:
    people, each = rng.randint(3, (6, 9, 12)[level]), rng.randint(2, (9, 12, 40)[level])
    rest = rng.randrange(people)
    total = people * each + rest
    fields = {"total": total, "people": people, "things": rng.choice(THINGS)}
    work = [remainder(total, people)]
    return Story(fields, {"total": total, "bag": people}, work, rest, f"{rest} are left over.")


FRACTIONS = {
    "half": (1, 2),
    "a third": (1, 3),
    "a quarter": (1, 4),
    "a fifth": (1, 5),
    "two thirds": (2, 3),
    "three quarters": (3, 4),
    "two fifths": (2, 5),
    "three fifths": (3, 5),
    "5/6": (5, 6),
    "3/8": (3, 8),
}


def _fraction(rng: Random, level: int) -> Story:
    word = rng.choice(tuple(FRACTIONS)[: (4, 8, 10)[level]])
    top, bottom = FRACTIONS[word]
    total = bottom * rng.randint(2, (9, 20, 40)[level])
    part = total // bottom
    fields = {"name": rng.choice(NAMES), "fraction": word, "total": total, "things": rng.choice(THINGS)}
    work = [divide(total, bottom)] + ([line(part, "×", top)] if top > 1 else [])
    gone = part * top
    work.append(line(total, "-", gone))
    return Story(fields, {"total": total}, work, total - gone, f"{total - gone} are left.")


def _percent(rng: Random, level: int) -> Story:
    percent = rng.choice(((10, 50), (10, 20, 50, 25), (5, 15, 20, 30, 40, 60, 75))[level])
    total = rng.randint(1, (9, 20, 25)[level]) * (20 if percent % 10 else 10)
    if percent == 25:
        total = rng.randint(1, 20) * 4
    if percent in (50, 25):
        work = [divide(total, 100 // percent)]
    else:
        tenth = total // 10
        tens, fives = percent // 10 * tenth, (percent % 10) // 5 * (tenth // 2)
        work = [f"10%: {divide(total, 10)}"]
        work += [f"5%: {divide(tenth, 2)}"] if fives else []
        work += [line(tenth, "×", percent // 10)] if percent >= 20 else []
        work += [line(tens, "+", fives)] if tens and fives else []
    result = total * percent // 100
    fields = {"percent": percent, "total": total, "things": rng.choice(THINGS)}
    return Story(fields, {"total": total, "percent": percent}, work, result, f"That is {result}.")


def _boxes(rng: Random, level: int) -> Story:
    boxes, each = rng.randint(2, (6, 9, 15)[level]), rng.randint(2, (9, 20, 30)[level])
    loose = rng.randint(1, (9, 30, 90)[level])
    total = boxes * each
    fields = {
        "name": rng.choice(NAMES),
        "boxes": boxes,
        "each": each,
        "loose": loose,
        "things": rng.choice(THINGS),
    }
    work = [line(boxes, "×", each), line(total, "+", loose)]
    given = {"boxes": boxes, "each": each, "loose": loose}
    return Story(fields, given, work, total + loose, f"There are {total + loose} in all.")


def _together(rng: Random, level: int) -> Story:
    first, more = rng.randint(3, (15, 60, 250)[level]), rng.randint(2, (9, 40, 150)[level])
    name, other = rng.sample(NAMES, 2)
    second = first + more
    fields = {"name": name, "other": other, "first": first, "more": more, "things": rng.choice(THINGS)}
    work = [f"{other} has: {line(first, '+', more)}", line(first, "+", second)]
    return Story(
        fields, {name: first, "more": more}, work, first + second, f"Together they have {first + second}."
    )


def _changes(rng: Random, level: int) -> Story:
    start = rng.randint(10, (20, 90, 400)[level])
    away = rng.randint(1, start - 1)
    came = rng.randint(1, (10, 60, 300)[level])
    fields = {
        "name": rng.choice(NAMES),
        "start": start,
        "away": away,
        "came": came,
        "things": rng.choice(THINGS),
    }
    work = [line(start, "-", away), line(start - away, "+", came)]
    result = start - away + came
    return Story(
        fields, {"start": start, "away": away, "came": came}, work, result, f"Now there are {result}."
    )


def _average(rng: Random, level: int) -> Story:
    count = rng.randint(2, 3) + (level > 0)
    mean = rng.randint(3, (9, 30, 80)[level])
    while True:
        numbers = [rng.randint(1, 2 * mean - 1) for _ in range(count - 1)]
        last = mean * count - sum(numbers)
        if 0 < last <= 3 * mean:
            break
    numbers.append(last)
    total, work = numbers[0], []
    for number in numbers[1:]:
        work.append(line(total, "+", number) if level < 2 else f"{total} + {number} = {total + number}")
        total += number
    work.append(divide(total, count))
    listed = ", ".join(map(str, numbers[:-1])) + f" and {last}"
    fields = {"name": rng.choice(NAMES), "count": count, "list": listed}
    return Story(fields, {}, work, mean, f"The average is {mean}.")


def _saving(rng: Random, level: int) -> Story:
    weekly, weeks = rng.randint(2, (9, 9, 12)[level]), rng.randint(2, (9, 12, 30)[level])
    have = rng.randint(1, (10, 50, 120)[level])
    goal = have + weekly * weeks
    fields = {"name": rng.choice(NAMES), "have": have, "goal": goal, "weekly": weekly}
    work = [line(goal, "-", have), divide(goal - have, weekly)]
    given = {"goal": goal, "have": have, "weekly": weekly}
    return Story(fields, given, work, weeks, f"It takes {weeks} weeks.")


def _rectangle(rng: Random, level: int, around: bool) -> Story:
    length, width = rng.randint(3, (9, 25, 60)[level]), rng.randint(2, (9, 12, 40)[level])
    total = length + width
    fields = {"length": length, "width": width, "name": rng.choice(NAMES)}
    given = {"length": length, "width": width}
    if around:
        work = [line(length, "+", width), line(total, "×", 2)]
        return Story(fields, given, work, 2 * total, f"The way round is {2 * total} m.")
    area = length * width
    return Story(fields, given, [line(length, "×", width)], area, f"The area is {area} square metres.")


def _shop_zh(rng: Random, level: int) -> Story:
    number, price = rng.randint(2, (9, 9, 20)[level]), rng.randint(2, (9, 30, 40)[level])
    total = number * price
    fields = {"name": rng.choice(NAMES_ZH), "number": number, "price": price, "goods": rng.choice(THINGS_ZH)}
    given = {"数量": number, "单价": price}
    return Story(fields, given, [line(number, "×", price)], total, f"一共{total}元。")


def _changes_zh(rng: Random, level: int) -> Story:
    start = rng.randint(10, (20, 90, 400)[level])
    away = rng.randint(1, start - 1)
    came = rng.randint(1, (10, 60, 300)[level])
    fields = {
        "name": rng.choice(NAMES_ZH),
        "start": start,
        "away": away,
        "came": came,
        "goods": rng.choice(THINGS_ZH),
    }
    work = [line(start, "-", away), line(start - away, "+", came)]
    given = {"原有": start, "送出": away, "得到": came}
    return Story(fields, given, work, start - away + came, f"现在有{start - away + came}个。")


_COST = (
    "[How much does that cost in all?|What is the total price?|How much is it?|What does it cost together?]"
)
_JOURNEY = "[A {vehicle} travels|A {vehicle} goes|A {vehicle} moves]"

STORIES: dict[str, tuple[str, Callable[[Random, int], Story]]] = {
    "shop": (
        "[{name} buys {number} {goods} for {price} coins each.|{name} gets {number} {goods}; each costs "
        "{price} coins."
        f"|One of the {{goods}} costs {{price}} coins, and {{name}} buys {{number}}.] {_COST}{_END}",
        _shop,
    ),
    "change": (
        "[{name} buys {number} {goods} for {price} coins each and pays with {paid} coins.|{name} pays with "
        "{paid} coins "
        "for {number} {goods} that cost {price} coins each.|At {price} coins each, {name} buys {number} "
        "{goods} and "
        "hands over {paid} coins.] [How many coins come back?|How much change is there?|How much change "
        "does {name} "
        f"get?]{_END}",
        _change,
    ),
    "two_goods": (
        "[{name} buys {a} {first} at {p} coins each and {b} {second} at {q} coins each.|{name} orders {a} "
        "{first} for "
        "{p} coins each, and {b} {second} for {q} coins each.|In a shop, {a} {first} at {p} coins each and "
        "{b} "
        f"{{second}} at {{q}} coins each are sold to {{name}}.] {_COST}{_END}",
        _two_goods,
    ),
    "age": (
        "[{name} is {age} years old.|{name} is now {age}.] [{other} is {older} years older.|{other} is "
        "older by {older} "
        "years.] [How old will {other} be in {years} years?|What will be the age of {other} in {years} "
        "years?|In {years} "
        f"years, how old will {{other}} be?]{_END}",
        _age,
    ),
    "age_past": (
        "[{name} is {first} and {other} is {second} years old.|{name} is {first} years old, {other} is "
        "{second}.] [How "
        "old were they together {years} years ago?|What was the sum of their ages {years} years ago?|Find "
        "the sum of "
        f"their ages {{years}} years ago.]{_END}",
        _age_past,
    ),
    "distance": (
        f"{_JOURNEY} at {{speed}} km per hour for {{hours}} hours. [How far does it go?|How many km is "
        "that?|What "
        f"distance does it cover?]{_END}",
        _distance,
    ),
    "duration": (
        f"{_JOURNEY} {{distance}} km at {{speed}} km per hour. [How many hours does that take?|How long "
        "does it take in "
        f"hours?|Find the time in hours.]{_END}",
        _duration,
    ),
    "speed": (
        f"{_JOURNEY} {{distance}} km in {{hours}} hours. [What is its speed in km per hour?|How fast is "
        "that in km per "
        f"hour?|Find its speed in km per hour.]{_END}",
        _speed,
    ),
    "share": (
        "[{total} {things} are shared equally among {people} children.|{people} children share {total} "
        "{things} equally."
        "|A teacher gives {total} {things} to {people} children, the same number to each.] [How many does "
        "each child "
        f"get?|How many are there for each child?]{_END}",
        _share,
    ),
    "left_over": (
        "[{total} {things} are packed into bags of {people}.|{total} {things} are put into bags, {people} "
        "in each.|Bags "
        "that hold {people} are filled from {total} {things}.] [How many are left over?|How many do not "
        "fill a bag?"
        f"|How many remain?]{_END}",
        _left_over,
    ),
    "fraction": (
        "[{name} has {total} {things} and gives away {fraction} of them.|{name} gives {fraction} of "
        "{total} {things} "
        "away.|From {total} {things}, {name} gives away {fraction}.] [How many are left?|How many does "
        "{name} keep?|How "
        f"many remain?]{_END}",
        _fraction,
    ),
    "percent": (
        "[There are {total} {things} in a shop, and {percent}% of them are new.|{percent}% of {total} "
        "{things} are new."
        "|Of {total} {things}, {percent}% are new.] [How many are new?|How many new ones are there?|Find "
        "the number of "
        f"new ones.]{_END}",
        _percent,
    ),
    "boxes": (
        "[{name} has {boxes} boxes of {each} {things} and {loose} more.|There are {boxes} boxes with "
        "{each} {things} each "
        "and {loose} loose ones.|{name} fills {boxes} boxes with {each} {things} each; {loose} stay "
        "outside.] [How many "
        f"{{things}} are there in all?|How many {{things}} are that together?|Find the number of "
        f"{{things}}.]{_END}",
        _boxes,
    ),
    "together": (
        "[{name} has {first} {things}; {other} has {more} more.|{name} owns {first} {things} and {other} "
        "owns {more} "
        "more.|{other} has {more} more {things} than {name}, who has {first}.] [How many do they have "
        "together?|How many "
        f"are that in all?|What is their total?]{_END}",
        _together,
    ),
    "changes": (
        "[{name} has {start} {things}, loses {away} and finds {came}.|{name} had {start} {things}, gave "
        "away {away} and "
        "got {came} new ones.|Of {start} {things}, {name} sells {away}, and then buys {came}.] [How many "
        "are there "
        f"now?|How many does {{name}} have now?|How many are that at the end?]{_END}",
        _changes,
    ),
    "average": (
        "[{name} writes down {list}.|In {count} games {name} scored {list} points.|{name} counted {list} "
        "birds on {count} "
        "days.] [What is the average?|What is the mean of these numbers?|Find the average.]"
        f"{_END}",
        _average,
    ),
    "saving": (
        "[{name} has {have} coins and saves {weekly} coins a week.|{name} saves {weekly} coins every week "
        "and has {have} "
        "coins already.] [How many weeks until there are {goal} coins?|After how many weeks are there "
        "{goal} coins?|A "
        f"bike costs {{goal}} coins. After how many weeks is there enough?]{_END}",
        _saving,
    ),
    "perimeter": (
        "[A garden is {length} m long and {width} m wide.|A rectangle measures {length} m by {width} m."
        "|{name} has a field "
        "of {length} m by {width} m.] [How long is the way round it in m?|What is its perimeter in m?|How "
        "many m of fence "
        f"go round it?]{_END}",
        lambda rng, level: _rectangle(rng, level, True),
    ),
    "area": (
        "[A garden is {length} m long and {width} m wide.|A rectangle measures {length} m by {width} m."
        "|{name} has a field "
        "of {length} m by {width} m.] [What is its area in square metres?|How many square metres is it?"
        "|Find its area in "
        f"square metres.]{_END}",
        lambda rng, level: _rectangle(rng, level, False),
    ),
    "shop_zh": (
        "[{name}买了{number}个{goods}，每个{price}元。|{goods}每个{price}元，{name}买了{number}个。"
        "|{name}买{number}个{goods}，单价{price}元。]"
        "[一共多少元？|总共要付多少元？|要花多少钱？][|请写出步骤。|请一步一步算。]",
        _shop_zh,
    ),
    "changes_zh": (
        "[{name}有{start}个{goods}，|{name}原来有{start}个{goods}，][送给朋友{away}个，又得到{came}个。"
        "|送出{away}个，后来又买了{came}个。]"
        "[现在有多少个？|现在一共有几个？|请问现在有几个？][|请写出步骤。|请一步一步算。]",
        _changes_zh,
    ),
}


def draw(request: Request) -> Draft:
    """One story with a number as its answer."""
    story = STORIES[request.kind][1](request.rng, request.level)
    given = [", ".join(f"{name}: {value}" for name, value in story.given.items())] if story.given else []
    facts = {name: str(value) for name, value in story.given.items()}
    solution = "\n".join([*given, *story.work, story.close])
    if request.kind.endswith("_zh"):
        solution = chinese(solution)
    question = request.wording(**story.fields)
    return Draft(question, str(story.result), "number", solution, facts)


FAMILY = Family(
    name="word_problem",
    summary="Everyday sums told as short stories",
    kinds={kind: grammar for kind, (grammar, _) in STORIES.items()},
    draw=draw,
    num_images=0,
)

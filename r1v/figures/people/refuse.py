"""What nobody can tell: strange pictures, figures that do not answer a question, the world; small talk.

Enters: a kind, a seed and a split. Leaves: a ``Said`` without an answer, whose reply says so in the
question's language, or is a friendly line. Always holds: the reply has no box; the chain says what was
looked for, and reads no fact that is not there.
"""

from __future__ import annotations

import re
from random import Random

from PIL import Image, ImageFilter

from r1v.figures.catalogue import make
from r1v.figures.item import Split
from r1v.figures.open_names import made_up, person
from r1v.figures.people.phrasing import CHINESE, phrase
from r1v.figures.people.said import Said
from r1v.figures.people.stories_more import expanded
from r1v.figures.people.strange import strange
from r1v.figures.people.voices import BASES, PICTURES, VOICED, WORDS, draw_base, filled, voice

KINDS = ("strange", "name", "other", "unclear", "blind", "world", "zero", "chat")  # fmt: skip
_CAN = "I can read charts, tables, clocks, shapes, geometry, circuits and formulas, and do sums."
_CAN_ZH = "我会看图表、表格、时钟、图形、几何、电路和算式，也会做计算。"
_LOOKED = (
    "looked for: a chart, a table, a clock, shapes, geometry, a circuit, a formula, numbers\n"
    "found: none of them"
)

_GENERAL = (
    (
        "what is this", "what do you see", "=a description of this picture", "!describe the picture",
        "!describe this image", "who is this", "who is in the picture", "how many people are there",
        "what is in the photo", "where was this taken", "what is he doing", "what color is it",
        "what's going on here", "!read the text", "!tell me about this picture", "is this a dog or a cat",
        "what animal is it", "is it nice", "!translate this", "what does it mean", "who made this",
        "what is written there", "how old is she", "what is the answer", "!solve it", "how much is it",
        "how many are there", "这是什么", "你看到了什么", "描述一下这张图", "这是谁", "图里有几个人",
        "这张照片是在哪里拍的", "上面写了什么",
    ),
    (
        "what's that thing", "!explain this image to me", "which city is this", "what brand is it",
        "is she happy", "how many cats are there", "what style is it painted in", "这张图在讲什么",
        "这只动物叫什么",
    ),
)  # fmt: skip
_WORLD = (
    (
        "what is the capital of {place}", "who is {who}", "when was {who} born",
        "how many people live in {place}", "what is the weather in {place}", "what is the weather today",
        "!tell me a joke", "!write a poem about {thing}", "!write a story about {who}",
        "!write a python program that sorts a list", "who won the world cup", "what time is it now",
        "what day is it today", "what is the meaning of life", "!translate hello into {tongue}",
        "how do I cook {thing}", "which phone should I buy", "how tall is {who}", "who wrote {thing}",
        "what is {thing} made of", "is {thing} healthy", "where is {place}", "how far is it to {place}",
        "what is the news", "!sing a song", "what does {thing} mean", "how do I get to {place}",
        "!recommend a book", "who is the president of {place}", "what is love", "{place}的首都是哪里",
        "今天天气怎么样", "给我讲个笑话", "写一首关于春天的诗", "{who}是谁", "怎么做饭", "最近有什么新闻",
    ),
    (
        "which language do they speak in {place}", "what is the tallest mountain in {place}",
        "!give me a recipe for {thing}", "what should I wear today", "who invented {thing}",
        "!write an email to {who}", "which river flows through {place}", "推荐一部电影",
        "{place}有什么好玩的",
    ),
)  # fmt: skip
# of training alone, each bracket one of its alternatives
_WORLD_FURTHER = (
    "who [won|was in|lost] the [world cup|election|race|final|nobel prize|olympics|war|match] [in|of] {year}",
    "what happened in {year}",
    "[in|] which [city|country] [were|had] the [olympics|games] in {year}",
    "who was [president|king|queen|the leader] of {place} in {year}",
    "when [did|does] {who} [die|live|marry|leave {place}]",
    "how many people lived in {place} in {year}",
    "in {year}, who [ruled|governed|won in] {place}",
    "what year did {who} die",
    "was {who} born in {year}",
    "[how much did|what was the price of] {thing} [cost|] in {year}",
    "which [team|country] won in {year}",
    "[what|which] [films|songs|books] [came out|were written] in {year}",
    "{year}年[世界杯|奥运会]谁赢了",
    "{year}年发生了什么",
    "how [old|rich|famous|tall] is {who}",
    "how many [players|states|rivers|people|languages] are in {place}",
    "[why|how] do [birds|cars|planes|phones] [fly|work|go]",
    "what is {n} in [roman numerals|binary|french]",
    "who [is|was] number {n} in {year}",
    "how far is [the moon|the sun|{place}]",
    "how many [bones|teeth|days of rain] has [a man|a cat|{place}]",
)
_PLACES = (
    "France Japan Peru Kenya Canada Norway Egypt India Brazil Poland China Texas Berlin Tokyo Paris Rome "
    "Lagos Sydney Chile Iran Spain Italy"
).split()
_THINGS = (
    "bread love soup rice water gold music spring football coffee cheese cake wood snow chocolate".split()
)
_TONGUES = ("French", "German", "Spanish", "Chinese", "Italian", "Japanese", "Latin")  # fmt: skip

# a division by zero, each bracket one of its alternatives: of training, and held out
_ZERO = (
    (
        "{n}[/| / |÷| ÷ |:]0[=|=?| = ?|?|]",
        "[what is |what's |calculate |compute |how much is |]{n}[/| / |÷| ÷ ]0[?|]",
        "[what is |calculate |how much is |]{n} [divided by|over|split by] [0|zero][?|]",
        "divide {n} by [0|zero]",
        "[what is |]{n}/({m}-{m})[?|=|]", "{n}除以[0|零][是多少？|等于几？|]",
        "share {n} [apples|coins|cards] among [0|zero|no] people. How many each?",
        "[is|does] {n}/0 [a number|have a value]?", "what do I get [if I divide|dividing] {n} by [0|zero]?",
    ),
    (
        "solve {n} / 0", "{n} divided through zero", "how many times does 0 go into {n}?", "请问{n}÷0是几？",
    ),
)  # fmt: skip

# (what is said, the reply): of training, and held out
_HELLO = "Hello! Show me a chart, a clock, a circuit or another figure, or type a sum, and I will work on it."
_WHO = "I am R1V-Nano, a small model that reads figures and does sums step by step."
_THANKS = "You are welcome!"
_BYE = "Goodbye!"
_WELL = "I am fine, thank you. Show me a figure or type a sum."
_OK = "All right. What shall I look at next?"
_CHAT: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = (
    (
        (
            "hello", "hi", "hey", "hello!", "Hi there", "good morning", "Hello.", "hey there",
            "Good evening!", "hi!", "hallo", "greetings", "Hello, R1V", "yo", "hello there",
        ),
        ("hiya", "good afternoon", "howdy", "HELLO"), _HELLO,
    ),
    (
        (
            "who are you?", "Who are you?", "what are you", "what is your name?", "what can you do?",
            "are you a robot?", "introduce yourself", "what's your name", "are you chatgpt?",
            "who made you?", "how do you work?", "help", "what can I ask you?",
        ),
        (
            "tell me about yourself", "what do you do?", "are you an AI?", "what are you able to do",
        ),
        f'{_WHO} {_CAN}',
    ),
    (
        (
            "thanks", "thank you", "Thanks!", "thank you very much", "thx", "thanks a lot",
            "Great, thanks",
        ),
        ("many thanks", "cheers", "ty"), _THANKS,
    ),
    (
        ("bye", "goodbye", "see you", "Bye!", "good night", "ciao"), ("see you later", "take care"), _BYE,
    ),
    (
        ("how are you?", "how are you", "How do you do?", "are you ok?", "what's up?"),
        ("how's it going?", "how do you feel"), _WELL,
    ),
    (
        ("ok", "okay", "good", "nice", "great", "cool", "well done", "yes", "no", "Good job!"),
        ("super", "wow", "alright"), _OK,
    ),
    (
        ("你好", "您好", "嗨", "早上好", "你好！"), ("晚上好", "哈喽"),
        "你好！给我看一张图表、时钟、电路或别的图，或者写一道算式，我来做。",
    ),
    (
        ("你是谁", "你是谁？", "你会做什么？", "你叫什么名字"), ("介绍一下你自己", "你能做什么"),
        f'我是R1V-Nano，一个会看图、一步一步计算的小模型。{_CAN_ZH}',
    ),
    (
        ("谢谢", "谢谢你", "多谢"), ("非常感谢",), "不客气！",
    ),
)  # fmt: skip

# kinds of questions that only their own family's picture answers, told by a word of theirs, and families that
# come near enough to have an answer
_MARKS: dict[str, tuple[str, frozenset[str]]] = {
    "circuit": ("resist|ohm|volt|amp|batter|current|电阻|电流|电池", frozenset()),
    "clock": ("\\btime\\b|clock|几点", frozenset({'kinematics', 'line_chart'})),
    "calendar": (
        "month|weekday|day of the week|星期", frozenset({'line_chart', 'bar_chart', 'table', 'pie_chart'}),
    ),
    "money": ("\\bmoney|coin|多少钱", frozenset({'table'})),
    "molecule": ("carbon|hydrogen|oxygen|atom|double bond|molec", frozenset({'formula'})),
    "force": ("\\bforce", frozenset({'kinematics', 'formula'})),
    "function_plot": (
        "slope|gradient|y.axis|y-intercept|斜率", frozenset({'kinematics', 'line_chart', 'formula'}),
    ),
    "network": (
        "edge|neighbou?r|shortest|path", frozenset({'town_map', 'solid', 'spatial', 'icon', 'geometry'}),
    ),
    "solid": ("cube|volume|prism|体积", frozenset({'formula', 'geometry'})),
    "kinematics": (
        "velocity|acceleration|speed", frozenset({'force', 'formula', 'function_plot', 'line_chart'}),
    ),
    "venn": (
        "overlap|intersection|union|circle",
        frozenset({'counting', 'spatial', 'compare', 'odd_one', 'theorem'}),
    ),
    "pie_chart": ("slice|percent", frozenset({'bar_chart', 'table', 'venn'})),
}  # fmt: skip
# the kinds of question in which a name can stand that is not in the picture, and the field for it
_ASKED: dict[str, tuple[str, str]] = {
    "bar_chart": ("value", "name"),
    "line_chart": ("value", "label"),
    "pie_chart": ("share", "name"),
    "table": ("row_sum", "row"),
    "circuit": ("value", "name"),
    "town_map": ("square", "place"),
    "icon": ("where", "thing"),
    "spatial": ("where", "thing"),
    "venn": ("only", "a"),
    "network": ("degree", "a"),
}  # fmt: skip
# families whose answer needs what is written in the picture
_WRITTEN = ("bar_chart", "table", "line_chart", "pie_chart", "venn", "network", "calendar", "expression",
            "formula", "circuit", "function_plot", "kinematics", "town_map", "theorem")  # fmt: skip


def _chinese(question: str) -> bool:
    return bool(CHINESE.search(question))


def _reply(question: str, why: str, why_zh: str) -> str:
    """The sentence that says so, and what the model can do."""
    return f"我答不出来：{why_zh}。{_CAN_ZH}" if _chinese(question) else f"I can't tell: {why}. {_CAN}"


def _refused(
    kind: str, template: str, split: Split, images: tuple, question: str, chain: str, reply: str
) -> Said:
    return Said(
        kind, f"refuse/{kind}/{template}", split, images, question, "", "string", chain, reply, refused=True
    )


def _any_question(split: Split, rng: Random) -> tuple[str, str]:
    """A question such as people ask about figures, with names of its own."""
    name = rng.choice(VOICED)
    kind = rng.choice(sorted(WORDS[name]))
    clauses = WORDS[name][kind]
    fields = {field: rng.choice((made_up(rng), person(rng), str(rng.randint(1, 90)))) for field in
              re.findall(r"\{(\w+)\}", " ".join(clauses))}  # fmt: skip
    fields |= (
        {"of": "", "which": "", "extreme": rng.choice(("largest", "smallest"))} if name != "table" else {}
    )
    return phrase(f"{name}/{kind}", clauses, filled(fields), split, rng)


def _strange(split: Split, rng: Random) -> Said:
    image, what = strange(rng, split)
    if rng.random() < 0.55:
        clauses = _GENERAL[split == "heldout"]
        question = phrase("refuse/general", clauses, {}, "train", rng, held=())[0]
    else:
        question = _any_question(split, rng)[0]
    reply = _reply(question, "this is no figure that I know", "这不是我认识的图")
    return _refused("strange", what, split, (image,), question, _LOOKED, reply)


def _absent(name: str, known: list[str], rng: Random) -> str:
    """A name that is none of those in the picture, of their sort."""
    while True:
        if name == "circuit":
            found = f"R{rng.randint(2, 9)}"
        elif name == "network":
            found = rng.choice("ABCDEFGHKLMPQRSTUVWXYZ")
        elif name == "spatial":
            color = rng.choice(("red", "blue", "green", "pink", "black"))
            found = f"{color} {rng.choice(('star', 'ring', 'heart', 'cross'))}"
        elif name in ("town_map", "icon"):
            found = rng.choice(("church", "bakery", "castle", "rocket", "apple", "guitar", "lion", "river"))
        elif name == "line_chart":
            found = rng.choice(
                ("Jan", "Mar", "May", "Aug", "Oct", "Dec", "Mon", "Fri", "1990", "2030", person(rng))
            )
        else:
            found = rng.choice((person(rng), made_up(rng), rng.choice(_PLACES)))
        if found.lower() not in {one.lower() for one in known}:
            return found


def _name(seed: int, split: Split, rng: Random, variation: float) -> Said:
    """A figure, asked about something that is not in it."""
    name = rng.choice(tuple(_ASKED))
    kind, field = _ASKED[name]
    figure, asks = draw_base(name, seed, split, rng, variation)
    own = asks[0]
    known = [str(key) for key in figure.facts] + [str(value) for value in figure.facts.values()]
    words = {word for one in known for word in re.split(r"[ ,;:]+", one)}
    asked = _absent(name, [*known, *words], rng)
    if name == "network":
        read = own.solution.split("\n")[:1]
    elif name == "table":
        read = own.solution.split("\n")[:2]
        if "row" not in own.fields:
            kind, field = "column_sum", "column"
    elif name == "venn":
        read = own.solution.split("\n")[1:2]
    elif name == "town_map":
        read = own.solution.split("\n")[:1]
    elif name == "circuit":
        read = [line for line in own.solution.split("\n") if re.match(r"(battery|R\d): ", line)]
    else:
        read = own.solution.split("\n")[:-1]
    fields = {"of": "", field: asked}
    question, template = phrase(f"{name}/{kind}", WORDS[name][kind], filled(fields), split, rng)
    said = asked.lower() if asked.lower() in question and asked not in question else asked
    reply = _reply(question, f"{said} is not in the picture", f"图里没有{said}")
    return _refused(
        "name", template, split, figure.images, question, "\n".join([*read, f"{said}: not there"]), reply
    )


def _other(seed: int, split: Split, rng: Random, variation: float) -> Said:
    """A figure, asked what only another family's picture answers."""
    asked = rng.choice(sorted(_MARKS))
    mark, near = _MARKS[asked]
    shown = rng.choice([one for one in VOICED if one not in near and one != asked])
    options = [
        (kind, tuple(clause for clause in clauses if re.search(mark, clause)))
        for kind, clauses in sorted(WORDS[asked].items())
    ]
    kind, clauses = rng.choice([one for one in options if one[1]])
    fields = {field: rng.choice(("A", "B", "R1", "R2", "3", "Tuesday", "fig")) for field in
              re.findall(r"\{(\w+)\}", " ".join(clauses))}  # fmt: skip
    fields |= {"when": "at t = 2 s", "extreme": "largest", "who": "car"}
    question, template = phrase(f"refuse/{asked}/{kind}", clauses, filled(fields), split, rng)
    figure = make(shown, seed, variation=variation)
    chain = f"picture: {PICTURES[shown]}\nasked about: {PICTURES[asked]}\nnot there"
    reply = _reply(
        question,
        f"the picture shows {PICTURES[shown]}, and the question is about {PICTURES[asked]}",
        "这张图里没有问的东西",
    )
    return _refused("other", template, split, figure.images, question, chain, reply)


def _spoilt_beyond(image: Image.Image, split: Split, rng: Random) -> Image.Image:
    """A picture of whose writing nothing is left: of training shrunk or blurred, held out in squares."""
    width, height = image.size
    small = rng.uniform(16, 34) / max(width, height)
    size = (max(4, round(width * small)), max(4, round(height * small)))
    if split == "heldout":
        return image.resize(size, Image.Resampling.BOX).resize((width, height), Image.Resampling.NEAREST)
    if rng.random() < 0.5:
        return image.filter(ImageFilter.GaussianBlur(max(width, height) / rng.uniform(26, 44)))
    way = rng.choice((Image.Resampling.BILINEAR, Image.Resampling.BICUBIC))
    return image.resize(size, Image.Resampling.BILINEAR).resize((width, height), way)


def _unclear(seed: int, split: Split, rng: Random, variation: float) -> Said:
    """A figure with numbers or names in it that nobody can read."""
    one = voice(rng.choice(_WRITTEN), seed, split, variation)
    images = tuple(_spoilt_beyond(image, split, rng) for image in one.images)
    reply = _reply(one.question, "the picture is too unclear to read", "图太模糊，看不清")
    chain = "picture: too unclear to read"
    return _refused("unclear", one.template, split, images, one.question, chain, reply)


def _blind(split: Split, rng: Random) -> Said:
    """A question about a picture, without one."""
    name = rng.choice(tuple(BASES))
    marks = r"picture|chart|clock|image|shape|circle|bar|resist|row|column|triangle|angle|slice|line|graph|图"
    options = [
        (kind, tuple(clause for clause in clauses if re.search(marks, clause)))
        for kind, clauses in sorted(WORDS[name].items())
    ]
    options = [one for one in options if one[1]]
    if not options:
        return _blind(split, rng)
    kind, clauses = rng.choice(options)
    fields = {field: rng.choice(("A", "B", "Rome", "Ann", "3", "red")) for field in
              re.findall(r"\{(\w+)\}", " ".join(clauses))}  # fmt: skip
    fields |= {"of": "", "which": "first", "extreme": "largest", "shapes": "circles"}
    question, template = phrase(f"blind/{name}/{kind}", clauses, filled(fields), split, rng)
    reply = _reply(question, "there is no picture", "没有图片")
    return _refused("blind", template, split, (), question, "asked about: a picture\npicture: none", reply)


def _world(split: Split, rng: Random) -> Said:
    clauses: tuple[str, ...] = _WORLD[split == "heldout"]
    fields = {"place": rng.choice((*_PLACES, made_up(rng))), "who": rng.choice((person(rng), made_up(rng))),
              "thing": rng.choice(_THINGS), "tongue": rng.choice(_TONGUES)}  # fmt: skip
    if split == "train" and rng.random() < 0.35:
        clauses = (expanded(rng.choice(_WORLD_FURTHER), rng),)
        fields |= {"year": str(rng.randint(1800, 2030)), "n": str(rng.randint(1, 40))}
    question, template = phrase("refuse/world", clauses, fields, "train", rng, held=())
    question = (
        question.replace(" in the picture", "")
        .replace("in this picture, ", "")
        .replace("In this picture, ", "")
    )
    reply = _reply(question, "I do not know about the world", "我不了解世界上的事")
    return _refused("world", template, split, (), question, "asked: no sum and no figure", reply)


def _zero(split: Split, rng: Random) -> Said:
    """A division by zero, typed or told."""
    n = str(rng.randint(0, rng.choice((9, 20, 100, 1000))))
    text = expanded(rng.choice(_ZERO[split == "heldout"]), rng)
    question = text.replace("{n}", n).replace("{m}", str(rng.randint(1, 20)))
    reply = _reply(question, "nothing can be divided by 0", "不能除以0")
    return _refused("zero", text, split, (), question, f"{n} ÷ 0\nnothing can be divided by 0", reply)


def small_talk(split: Split, rng: Random) -> tuple[str, str]:
    """What somebody says that is no question, and the friendly line for it."""
    seen, held, reply = rng.choice(_CHAT)
    return rng.choice(held if split == "heldout" else seen), reply


def _chat(split: Split, rng: Random) -> Said:
    question, reply = small_talk(split, rng)
    return Said(
        "chat",
        f"refuse/chat/{question}",
        split,
        (),
        question,
        "",
        "string",
        "no question about a figure",
        reply,
    )


def refuse(kind: str, seed: int, split: Split, variation: float = 1.0) -> Said:
    """Something of one of KINDS that has no answer."""
    rng = Random(f"refuse/{kind}/{seed}/{split}")
    if kind == "name":
        return _name(seed, split, rng, variation)
    if kind == "other":
        return _other(seed, split, rng, variation)
    if kind == "unclear":
        return _unclear(seed, split, rng, variation)
    return {"strange": _strange, "blind": _blind, "world": _world, "zero": _zero,
            "chat": _chat}[kind](split, rng)  # fmt: skip

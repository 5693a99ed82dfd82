"""Conversations of two to four turns: about one picture, about two, or about none.

Enters: a kind of conversation, a seed and a split. Leaves: a ``Said`` with its earlier turns; their replies
are answers without thinking, as a chat template keeps them. Always holds: the last answer is exact whatever
the earlier ones say, and now and then an earlier one is wrong.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from r1v.figures.item import Figure, Split
from r1v.figures.people.asks import Inquiry
from r1v.figures.people.phrasing import CHINESE
from r1v.figures.people.said import Said, Turn, boxed
from r1v.figures.people.stories import make_story
from r1v.figures.people.talk_words import more_words
from r1v.figures.people.typed import make_typed
from r1v.figures.people.voices import BASES, draw_base, facts_with, voice, worded
from r1v.figures.working import line, times

KINDS = ("more", "again", "why", "sure", "new_picture", "sums", "apart")  # fmt: skip
WRONG = 0.08  # share of earlier answers that are not right
_MARKS = re.compile(r"[\s,.?!，。？！…]+")

# how one asks the same of something else, asks why, and doubts: of training, and held out
_ELLIPTIC = (
    (
        "and {}?", "And {}?", "what about {}?", "What about {}?", "how about {}", "{}?", "and for {}?",
        "same for {}", "now {}", "ok, and {}?", "and {}", "{}呢？", "那{}呢？",
    ),
    ("then {}?", "what of {}", "ok now {} please", "还有{}呢"),
)  # fmt: skip
_MEANT = (
    (
        "no, I meant {}", "sorry, {}", "i meant {}", "not that, {}", "I mean {}.", "oops, {} I mean",
        "no, {}", "不对，我问的是{}",
    ),
    ("wait, {} instead", "actually {}", "my mistake, {}"),
)  # fmt: skip
_WHY = (
    (
        "why?", "Why?", "how do you know?", "how did you get that?", "explain", "Explain please.",
        "can you explain?", "show me the steps", "how?", "why is that?", "为什么？", "怎么算的？",
        "请解释一下",
    ),
    ("how come?", "how so?", "what is the reason?", "and why?", "怎么来的？"),
)  # fmt: skip
_SURE = (
    (
        "are you sure?", "Are you sure?", "really?", "is that right?", "check again", "sure?", "确定吗？",
        "对吗？",
    ),
    ("please double-check", "hmm, really?", "is it correct?", "you sure?"),
)  # fmt: skip
_HERE = (
    (
        "and here?", "and this one?", "What about this picture?", "now this one",
        "same question for this picture", "and in this picture?", "这张呢？",
    ),
    ("and what about the new one?", "how about in this image?", "next one"),
)  # fmt: skip


_POINTS = {"why": _WHY, "sure": _SURE, "here": _HERE, "elliptic": _ELLIPTIC, "meant": _MEANT}


def one_of(what: str, split: Split, rng: Random) -> str:
    """A wording of _POINTS; in training mostly one of the further ones, but none that is held out."""
    seen, held = _POINTS[what]
    if split == "heldout":
        return rng.choice(held)
    if rng.random() < 0.25:
        return rng.choice(seen)
    return next(found for found in iter(lambda: more_words(what, rng), None) if not is_held(found, held))


def is_held(text: str, held: Sequence[str]) -> bool:
    """Whether a wording is a held-out one but for capitals and marks."""
    bare = {_MARKS.sub("", one.lower()) for one in held}
    return _MARKS.sub("", text.lower()) in bare


def _reply(ask: Inquiry, rng: Random) -> str:
    """The earlier answer; at times a wrong one."""
    if ask.answer.isdigit() and rng.random() < WRONG:
        return boxed(str(int(ask.answer) + rng.choice((1, 2, 5, 10))))
    return boxed(ask.answer)


def _because(solution: str) -> str:
    """The last lines of a chain as an explanation."""
    return "; ".join(solution.rstrip("。.").split("\n")[-3:]) + "."


def compared(solution: str, before: str, now: str) -> str:
    """A chain that ends with the earlier answer beside the new one, so that a reply agrees with both."""
    same = "the same" if before == now else "not the same"
    return f"{solution}\nbefore: {before}, now: {now}: {same}"


def doubted(ask: Inquiry, question: str, told: str) -> tuple[Inquiry, str]:
    """The chain and the reply to a doubt about the answer that was told."""
    yes, no = ("是的。", "不对。") if CHINESE.search(question) else ("Yes.", "No, I was wrong.")
    ask = replace(ask, solution=compared(ask.solution, told, ask.answer))
    return ask, f"{yes if told == ask.answer else no}\n\n{boxed(ask.answer)}"


def _spread(asks: list[Inquiry], rng: Random, count: int) -> list[Inquiry]:
    """Some questions, each kind equally likely."""
    kinds: dict[str, list[Inquiry]] = defaultdict(list)
    for one in asks:
        kinds[one.kind].append(one)
    names = rng.sample(sorted(kinds), min(count, len(kinds)))
    return [rng.choice(kinds[name]) for name in names]


def _siblings(asks: list[Inquiry]) -> list[tuple[Inquiry, Inquiry, str]]:
    """Pairs of questions that differ in one field, and what the second one asks about."""
    found = []
    for i, a in enumerate(asks):
        for b in asks[i + 1 :]:
            if a.kind != b.kind or set(a.fields) != set(b.fields):
                continue
            differ = [key for key in a.fields if a.fields[key] != b.fields[key]]
            if (
                len(differ) == 1
                and (len(a.fields) == 1 or differ[0] in ("extreme", "label", "column"))
                and (a.kind != "cell")
            ):
                value = str(b.fields[differ[0]])
                found.append((a, b, f"the {value}" if differ[0] in ("extreme", "thing", "place") else value))
    return found


def _said(
    name: str, template: str, split: Split, figure: Figure | None, images: tuple, question: str, ask: Inquiry,
    turns: list[Turn], reply: str = "",
) -> Said:  # fmt: skip
    return Said(
        name, template, split, images, question, ask.answer, ask.answer_type, ask.solution,
        reply or boxed(ask.answer), facts_with(figure, ask.solution) if figure else {}, 0.0, tuple(turns),
    )  # fmt: skip


def _about(kind: str, seed: int, split: Split, rng: Random, variation: float) -> Said:
    """Several questions about one picture: others, the same of something else ("again"), why, or a doubt."""
    asks: list[Inquiry] = []
    while len(asks) < 2:
        name = rng.choice(tuple(BASES))
        figure, asks = draw_base(name, seed, split, rng, variation)
    pairs = _siblings(asks) if kind == "again" else []
    before = _spread(asks, rng, rng.randint(1, 3) if kind == "more" else rng.randint(0, 2))
    if pairs:
        first, last, value = rng.choice(pairs)
        chain = [*before[:1], first] if rng.random() < 0.4 else [first]
    else:
        last = rng.choice(_spread(asks, rng, 99))
        chain = [one for one in before if one is not last]
        if kind in ("why", "sure"):
            chain.append(last)
        elif not chain:
            chain = [next(one for one in asks if one is not last)]
    turns, told = [], ""
    wrong = kind == "sure" and last.answer.isdigit() and rng.random() < 0.3
    for place, one in enumerate(chain):
        question = worded(name, one, split, rng)[0]
        told = boxed(one.answer) if kind in ("why", "sure") and one is last else _reply(one, rng)
        if wrong and one is last:
            told = boxed(str(int(last.answer) + rng.choice((1, 2, 3, 10))))
        turns.append(Turn(figure.images if not place else (), question, told))
    reply, template, reason = "", f"talk/{kind}/{last.kind}", _because(last.solution)
    if kind in ("why", "sure"):  # what is meant stands in the turn before: it is said again first
        last = replace(last, solution=f"question: {turns[-1].question}\n{last.solution}")
    if kind == "why":
        question, reply = one_of("why", split, rng), f"{reason}\n\n{boxed(last.answer)}"
    elif kind == "sure":
        question = one_of("sure", split, rng)
        last, reply = doubted(last, question, told.removeprefix(boxed("")[:-1])[:-1])
    elif pairs:
        last = replace(last, solution=f"question: {turns[-1].question}\nnow: {value}\n{last.solution}")
        frame = one_of("meant" if rng.random() < 0.25 else "elliptic", split, rng)
        question, template = frame.replace("{}", value), f"{template}/{frame}"
    else:
        question, template = worded(name, last, split, rng)
        template = f"talk/{template}"
    return _said(name, template, split, figure, (), question, last, turns, reply)


def _new_picture(seed: int, split: Split, rng: Random, variation: float) -> Said:
    """A question about a picture, then another picture: asked in full, or only pointed at."""
    name = rng.choice([one for one in BASES if one != "compare"])
    figure, asks = draw_base(name, seed, split, rng, variation)
    open_asks = [one for one in asks if not one.fields and BASES[name][0] is not None]
    if open_asks and rng.random() < 0.5:
        first = rng.choice(open_asks)
        second, others = draw_base(name, seed + 8_000_000, split, rng, variation)
        same = [one for one in others if one.kind == first.kind]
        if same and len(figure.images) == len(second.images) == 1:
            turn = Turn(figure.images, worded(name, first, split, rng)[0], _reply(first, rng))
            again = replace(same[0], solution=f"question: {turn.question}\n{same[0].solution}")
            return _said(name, "talk/new_picture/here", split, second, second.images,
                         one_of("here", split, rng), again, [turn])  # fmt: skip
    first = rng.choice(asks)
    turn = Turn(figure.images[:1], worded(name, first, split, rng)[0], _reply(first, rng))
    one = voice(rng.choice([each for each in BASES if each != "compare"]), seed, split, variation)
    return Said(
        one.family, f"talk/new_picture/{one.template}", split, one.images, one.question, one.answer,
        one.answer_type, one.solution, one.reply, one.facts, one.tolerance, (turn,),
    )  # fmt: skip


def _typed_turn(split: Split, rng: Random) -> tuple[str, Inquiry, str]:
    """A question without a picture, what is learned of it, and its wording."""
    if rng.random() < 0.7:
        question, answer, kind, solution, template = make_typed(rng, split)
        return question, Inquiry("typed", answer, solution, {}, kind), template
    question, answer, solution, template = make_story(rng, split)
    return question, Inquiry("story", answer, solution), template


_NEXT = (
    ("plus {n}?", "and plus {n}?", "now add {n}", "add {n} to that", "+{n}", "再加{n}？"),
    (
        "minus {n}?", "now take away {n}", "subtract {n} from that", "-{n}", "and minus {n}?", "再减{n}？",
    ),
    ("times {n}?", "and times {n}?", "now multiply that by {n}", "*{n}", "x {n}", "再乘{n}？"),
)  # fmt: skip


def _sums(split: Split, rng: Random) -> Said:
    """Sums one after the other; the last may go on from the answer before it."""
    turns, last = [], None
    for _ in range(rng.randint(1, 3)):
        question, last, _ = _typed_turn(split, rng)
        turns.append(Turn((), question, boxed(last.answer)))
    assert last is not None
    if last.answer.isdigit() and int(last.answer) < 1000 and rng.random() < 0.6:
        before = int(last.answer)
        which = rng.randrange(3) if before else 0
        n = rng.randint(2, 12) if which == 2 else rng.randint(1, max(1, before))
        sign = "+-×"[which]
        frame = rng.choice(_NEXT[which])
        value = {"+": before + n, "-": before - n, "×": before * n}[sign]
        work = times(before, n) if sign == "×" else line(before, sign, n)
        solution = f"before: {before}\n{work}\nThe answer is {value}."
        ask = Inquiry("next", str(value), solution)
        return _said("sums", f"talk/sums/{frame}", split, None, (), frame.format(n=n), ask, turns)
    if rng.random() < 0.25:
        ask, question = last, one_of("why", split, rng)
        reply = f"{_because(last.solution)}\n\n{boxed(last.answer)}"
        return _said("sums", "talk/sums/why", split, None, (), question, ask, turns, reply)
    question, ask, template = _typed_turn(split, rng)
    return _said("sums", f"talk/sums/{template}", split, None, (), question, ask, turns)


def _apart(seed: int, split: Split, rng: Random, variation: float) -> Said:
    """A picture first and then a sum that has nothing to do with it, or the other way round."""
    if rng.random() < 0.5:
        one = voice(rng.choice(tuple(BASES)), seed, split, variation)
        question, ask, template = _typed_turn(split, rng)
        turn = Turn(one.images, one.question, one.reply)
        return _said("sums", f"talk/apart/{template}", split, None, (), question, ask, [turn])
    question, ask, _ = _typed_turn(split, rng)
    one = voice(rng.choice(tuple(BASES)), seed, split, variation)
    return Said(
        one.family, f"talk/apart/{one.template}", split, one.images, one.question, one.answer,
        one.answer_type, one.solution, one.reply, one.facts, one.tolerance,
        (Turn((), question, _reply(ask, rng)),),
    )  # fmt: skip


def talk(kind: str, seed: int, split: Split, variation: float = 1.0) -> Said:
    """A conversation of one of KINDS."""
    rng = Random(f"talk/{kind}/{seed}/{split}")
    if kind == "sums":
        return _sums(split, rng)
    if kind == "apart":
        return _apart(seed, split, rng, variation)
    if kind == "new_picture":
        return _new_picture(seed, split, rng, variation)
    return _about(kind, seed, split, rng, variation)

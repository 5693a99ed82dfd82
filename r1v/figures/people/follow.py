"""Questions that go on from a sum or a word problem: half of it, another number, a doubt, a correction.

Enters: a kind, a seed and a split. Leaves: a ``Said`` with its earlier turns. Always holds: the chain says
what is meant before it computes, and ends a doubt with both numbers side by side, so that "Yes." is never
said to another number; a quarter of the texts of each kind, by their hash, is held out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

from r1v.figures.item import Split
from r1v.figures.people.asks import Inquiry
from r1v.figures.people.everyday import make_everyday
from r1v.figures.people.follow_wide import WIDE
from r1v.figures.people.follow_words import CORRECTIONS, EVENTS, GOING_ON, SWAPS, THANKS
from r1v.figures.people.phrasing import CHINESE, heldout_clauses
from r1v.figures.people.problems_wide import is_held
from r1v.figures.people.refuse import small_talk
from r1v.figures.people.said import Said, Turn, boxed
from r1v.figures.people.stories import make_steps, make_story
from r1v.figures.people.stories_more import expanded
from r1v.figures.people.talk import doubted, one_of
from r1v.figures.people.typed import make_typed
from r1v.figures.people.voices import BASES, draw_base, facts_with, worded
from r1v.figures.working import divide, line, times

# word problems whose answer is a number of things, to which something can happen
COUNTED = (
    "gets",
    "gives",
    "gets_gives",
    "each",
    "more",
    "bus",
    "rest",
    "packs_more",
    "packs_less",
    "gives_packs",
    "three",
    "two_gone",
    "times_as_many",
    "more_together",
)
KINDS = ("goes_on", "event", "swap", "doubt", "correct", "corrects_figure", "greeting", "thanks")


@dataclass(frozen=True, slots=True)
class Spoken:
    """A question without a picture. meant: the same in words that need no turn before it."""

    question: str
    ask: Inquiry
    meant: str


def chosen(kind: str, texts: tuple[str, ...], split: Split, rng: Random) -> str:
    """A text of a split, its brackets opened."""
    held = heldout_clauses(f"follow/{kind}", texts)
    text = rng.choice([one for one in texts if (one in held) == (split == "heldout")])
    if split == "heldout" or rng.random() < 0.5:
        return expanded(text, rng)
    return next(one for one in iter(lambda: expanded(rng.choice(WIDE[kind]), rng).strip(), None)
                if not is_held(one, held))  # fmt: skip


def _first(split: Split, rng: Random) -> Spoken:
    """A typed sum or a word problem."""
    which = rng.random()
    if which < 0.6:
        question, answer, how, solution, _ = make_typed(rng, split)
        return Spoken(question, Inquiry("typed", answer, solution, {}, how), question)
    if which < 0.9:
        question, answer, solution, template = (make_story if which < 0.8 else make_steps)(rng, split)
        kind = "counted" if template.split("/")[1] in COUNTED else "story"
        return Spoken(question, Inquiry(kind, answer, solution), question)
    question, answer, how, solution, _ = make_everyday(rng, split)
    return Spoken(question, Inquiry("everyday", answer, solution, {}, how), question)


def _whole(split: Split, rng: Random) -> Spoken:
    """A question without a picture whose answer is a whole number from 1 to 2000."""
    while True:
        found = _first(split, rng)
        if (
            found.ask.answer_type == "number"
            and found.ask.answer.isdigit()
            and 0 < int(found.ask.answer) <= 2000
        ):
            return found


def _work(before: int, sign: str, n: int) -> tuple[list[str], int]:
    """The working of an operation with the answer before, and its result."""
    if sign == "÷":
        return [divide(before, n)], before // n
    if sign == "%":
        return [times(before, n), f"{before * n} / 100 = {before * n // 100}"], before * n // 100
    if sign == "-from":
        return [line(n, "-", before)], n - before
    value = {"+": before + n, "-": before - n, "×": before * n}[sign]
    return [times(before, n) if sign == "×" else line(before, sign, n)], value


def _number(before: int, sign: str, rng: Random) -> int | None:
    """A number to go on with, or None where this operation does not fit."""
    if sign == "+":
        return rng.randint(1, rng.choice((9, 20, 100)))
    if sign == "-":
        return rng.randint(1, min(before, rng.choice((9, 20, 100))))
    if sign == "×":
        return rng.randint(2, 12) if before <= 200 else 2
    if sign == "-from":
        return next(note for note in (10, 20, 50, 100, 200, 500, 1000, 5000) if note > before)
    if sign == "%":
        fits = [p for p in (5, 10, 20, 25, 30, 40, 50, 60, 75, 80) if before * p % 100 == 0]
        return rng.choice(fits) if fits else None
    fits = [n for n in range(2, 13) if before % n == 0]
    return rng.choice(fits) if fits else None


def _on(before: int, split: Split, rng: Random) -> Spoken:
    """Half of that, times 3, plus 5: what is done to the answer before."""
    while True:
        kind = rng.choice(tuple(GOING_ON))
        sign, fixed, texts = GOING_ON[kind]
        n = fixed or _number(before, sign, rng)
        if n is None or (sign == "÷" and before % n):
            continue
        work, value = _work(before, sign, n)
        question = chosen(kind, texts, split, rng).replace("{n}", str(n))
        meant = {"%": f"{n}% of {before}", "-from": f"{n} - {before}"}.get(sign, f"{before} {sign} {n}")
        solution = "\n".join([f"before: {before}", *work, f"The answer is {value}."])
        return Spoken(question, Inquiry("goes_on", str(value), solution), meant)


def _event(before: int, split: Split, rng: Random) -> Spoken:
    """Something happens to what was counted: "and if I eat 3?"."""
    sign = rng.choice("++---×") if before > 1 else "+"
    n = _number(before, sign, rng)
    assert n is not None
    work, value = _work(before, sign, n)
    question = chosen(f"event {sign}", EVENTS[sign], split, rng).replace("{n}", str(n))
    word = {"+": "more", "-": "less", "×": "times"}[sign]
    solution = "\n".join([f"before: {before}, {word}: {n}", *work, f"The answer is {value}."])
    return Spoken(question, Inquiry("event", str(value), solution), f"{before} {sign} {n}")


def _swap(split: Split, rng: Random) -> tuple[Spoken, Spoken]:
    """A sum, and the same with one number changed: "15% of 80", "and 30%?"."""
    kind = rng.choice(tuple(SWAPS))
    first, texts, work, numbers = SWAPS[kind]
    fields = dict(numbers(rng))
    change = rng.choice(tuple(texts))
    then = dict(fields)
    while then[change] == fields[change]:
        then[change] = numbers(rng)[change]

    def put(text: str, values: Mapping[str, int]) -> str:
        for key, value in values.items():
            text = text.replace(f"{{{key}}}", str(value))
        return text

    form = expanded(rng.choice(first), rng)
    lines, value = work(fields)
    before = Spoken(
        put(form, fields), Inquiry("swap", value, "\n".join([*lines, f"The answer is {value}."])), ""
    )
    question = put(chosen(f"swap {kind} {change}", texts[change], split, rng), then)
    lines, value = work(then)
    chain = [
        f"question: {before.question}",
        f"now: {put('{' + change + '}', then)}",
        *lines,
        f"The answer is {value}.",
    ]
    return before, Spoken(question, Inquiry("swap", value, "\n".join(chain)), put(form, then))


def _wrong(answer: str, rng: Random) -> str:
    """Another whole number, near by."""
    found = int(answer) + rng.choice((1, 2, 3, 5, 10, -1, -2, -10))
    return str(found if found >= 0 and str(found) != answer else int(answer) + 4)


def _again(last: Spoken) -> Inquiry:
    """The question asked before, said again first."""
    meant = last.meant or last.question
    return replace(last.ask, solution=f"question: {meant}\n{last.ask.solution}")


def corrected(ask: Inquiry, question: str, told: str, said: str) -> tuple[Inquiry, str]:
    """The chain and the reply to somebody who says another number than was told."""
    zh = bool(CHINESE.search(question))
    if said == ask.answer:
        reply = (
            ("对，是我错了。" if zh else "You are right, I was wrong.")
            if told != said
            else ("是的。" if zh else "Yes.")
        )
    else:
        reply = f"不对，是{ask.answer}。" if zh else f"No, it is {ask.answer}."
    same = "the same" if said == ask.answer else "not the same"
    ask = replace(ask, solution=f"{ask.solution}\nsaid: {said}, now: {ask.answer}: {same}")
    return ask, f"{reply}\n\n{boxed(ask.answer)}"


def _spoken_number(answer: str, told: str, rng: Random) -> str:
    """What somebody says against an answer: a wrong number mostly, the right one more often where it was not
    told."""
    if rng.random() < (0.25 if told == answer else 0.6):
        return answer
    return _wrong(answer, rng)


def _made(kind: str, name: str, split: Split, asked: Spoken, turns: list[Turn], reply: str = "") -> Said:
    one = asked.ask
    return Said(
        kind,
        f"follow/{kind}/{name}",
        split,
        (),
        asked.question,
        one.answer,
        one.answer_type,
        one.solution,
        reply or boxed(one.answer),
        {},
        0.0,
        tuple(turns),
    )


def _chain(split: Split, rng: Random, steps: int) -> tuple[list[Spoken], list[Turn]]:
    """A sum or story and so many questions that go on from it, and the turns of all of them."""
    asked = [_whole(split, rng)]
    for _ in range(steps):
        before = int(asked[-1].ask.answer)
        if not 0 < before <= 2000:
            break
        step = _event if asked[0].ask.kind == "counted" and rng.random() < 0.5 else _on
        asked.append(step(before, split, rng))
    return asked, [Turn((), one.question, boxed(one.ask.answer)) for one in asked]


def _about_sums(kind: str, split: Split, rng: Random) -> Said:
    """A doubt about a sum, or a correction of it."""
    asked, turns = _chain(split, rng, rng.choice((0, 0, 1, 1, 2)))
    if kind == "doubt" and rng.random() < 0.35:
        asked.append(_first(split, rng))
        turns.append(Turn((), asked[-1].question, boxed(asked[-1].ask.answer)))
    last = asked[-1]
    told = last.ask.answer
    if told.isdigit() and rng.random() < 0.3:
        told = _wrong(told, rng)
    turns[-1] = Turn((), last.question, boxed(told))
    again = _again(last)
    if kind == "doubt" or not told.isdigit():
        question = one_of("sure", split, rng)
        ask, reply = doubted(again, question, told)
    else:
        said = _spoken_number(last.ask.answer, told, rng)
        question = chosen("correct", CORRECTIONS, split, rng).replace("{n}", said)
        ask, reply = corrected(again, question, told, said)
    return _made(kind, kind, split, Spoken(question, ask, ""), turns[-3:], reply)


def _figure(seed: int, split: Split, rng: Random, variation: float) -> Said:
    """A number read off a picture, which somebody corrects."""
    asks: list[Inquiry] = []
    while not asks:
        name = rng.choice(tuple(BASES))
        figure, every = draw_base(name, seed, split, rng, variation)
        asks = [one for one in every if one.answer.isdigit() and one.answer_type == "number"]
    last = rng.choice(asks)
    told = last.answer if rng.random() < 0.7 else _wrong(last.answer, rng)
    first = worded(name, last, split, rng)[0]
    said = _spoken_number(last.answer, told, rng)
    question = chosen("correct", CORRECTIONS, split, rng).replace("{n}", said)
    again = replace(last, solution=f"question: {first}\n{last.solution}")
    ask, reply = corrected(again, question, told, said)
    return Said(
        "corrects_figure",
        f"follow/corrects_figure/{last.kind}",
        split,
        (),
        question,
        ask.answer,
        ask.answer_type,
        ask.solution,
        reply,
        facts_with(figure, ask.solution),
        0.0,
        (Turn(figure.images, first, boxed(told)),),
    )


def _greeting(split: Split, rng: Random) -> Said:
    """Small talk, and then a sum that has nothing to do with it."""
    turns = []
    for _ in range(rng.randint(1, 2)):
        said, reply = small_talk(split, rng)
        turns.append(Turn((), said, reply))
    return _made("greeting", "greeting", split, _first(split, rng), turns)


def _thanks(split: Split, rng: Random) -> Said:
    """A sum, then thanks or praise: a friendly line without a box."""
    _, turns = _chain(split, rng, rng.randint(0, 1))
    said = chosen("thanks", THANKS, split, rng)
    reply = "不客气！" if CHINESE.search(said) else "You are welcome!"
    return Said(
        "thanks",
        "follow/thanks",
        split,
        (),
        said,
        "",
        "string",
        "no question about a figure",
        reply,
        {},
        0.0,
        tuple(turns),
    )


def follow(kind: str, seed: int, split: Split, variation: float = 1.0) -> Said:
    """A question of one of KINDS with the turns before it."""
    rng = Random(f"follow/{kind}/{seed}/{split}")
    if kind == "corrects_figure":
        return _figure(seed, split, rng, variation)
    if kind in ("doubt", "correct"):
        return _about_sums(kind, split, rng)
    if kind == "swap":
        before, then = _swap(split, rng)
        return _made(kind, kind, split, then, [Turn((), before.question, boxed(before.ask.answer))])
    if kind == "greeting":
        return _greeting(split, rng)
    if kind == "thanks":
        return _thanks(split, rng)
    step: Callable[[int, Split, Random], Spoken] = _event if kind == "event" else _on
    asked, turns = _chain(split, rng, rng.choice((0, 0, 1)))
    while kind == "event" and asked[0].ask.kind != "counted":
        asked, turns = _chain(split, rng, rng.choice((0, 0, 1)))
    if not 0 < int(asked[-1].ask.answer) <= 2000:
        asked, turns = asked[:-1], turns[:-1]
    return _made(kind, kind, split, step(int(asked[-1].ask.answer), split, rng), turns)

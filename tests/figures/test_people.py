"""What people ask: the same each time, exactly answered, and what is held out stays out of training."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from random import Random

import pytest

from r1v.core import ConfigError
from r1v.figures import claims, family, make, people
from r1v.figures.names import POOLS
from r1v.figures.people import phrasing as wording
from r1v.figures.people import stories_more, typed, typed_more, voices
from r1v.figures.people.stories import STORIES
from r1v.figures.people.talk import talk
from r1v.scoring import equivalent, extract_boxed

ITEMS = [(source, name) for source, names in people.SOURCES.items() for name in dict.fromkeys(names)]


@pytest.mark.parametrize(("source", "name"), ITEMS)
def test_an_item_is_the_same_each_time_and_its_box_holds_its_answer(source: str, name: str) -> None:
    for seed in (3, 12):
        one, two = (people.said(source, name, seed, "train") for _ in range(2))
        assert (one.question, one.solution, one.reply) == (two.question, two.solution, two.reply)
        assert [i.tobytes() for i in one.images] == [i.tobytes() for i in two.images]
        assert [(t.question, t.reply) for t in one.earlier] == [(t.question, t.reply) for t in two.earlier]
        assert "{" not in one.question and one.question.strip()
        assert (extract_boxed(one.reply) or "") == one.answer
        pictures = len(one.images) + sum(len(turn.images) for turn in one.earlier)
        assert pictures <= people.max_images(source, name)


def test_an_unknown_family_is_named() -> None:
    with pytest.raises(ConfigError, match="'typed' has no family 'poem'"):
        people.said("typed", "poem", 0, "train")


# ------------------------------------------------------------------------------------------------ wordings


@pytest.mark.parametrize("name", sorted(people.WORDS))
def test_every_kind_has_wordings_and_they_name_its_fields_alone(name: str) -> None:
    kinds = family(name).kinds
    assert set(kinds) <= set(people.WORDS[name])
    for kind, clauses in people.WORDS[name].items():
        assert len(set(clauses)) == len(clauses) >= 3, kind
        used = {field for clause in clauses for field in re.findall(r"\{(\w+)\}", clause)}
        if kind in kinds:
            known = set(re.findall(r"\{(\w+)\}", kinds[kind]))
            assert used <= known | {"extreme_zh"}, kind


def test_heldout_wordings_never_occur_in_training() -> None:
    rng, seen = Random(0), {"train": set[tuple[str, str]](), "heldout": set[tuple[str, str]]()}
    for name, kinds in people.WORDS.items():
        for kind, clauses in kinds.items():
            fields = dict.fromkeys(re.findall(r"\{(\w+)\}", " ".join(clauses)), "A")
            held = wording.heldout_clauses(f"{name}/{kind}", clauses)
            assert held and len(held) < len(clauses)
            for split in seen:
                for _ in range(12):
                    _, template = people.phrase(f"{name}/{kind}", clauses, fields, split, rng)  # type: ignore[arg-type]
                    number, frame = template.split("/", 3)[3].split("/", 1)
                    seen[split].add((f"{name}/{kind}/{number}", frame))
                    seen_in_training = number == "further" or clauses[int(number)] not in held
                    assert seen_in_training == (split == "train")
    assert not {clause for clause, _ in seen["train"]} & {clause for clause, _ in seen["heldout"]}
    usual = {frame for frames, _ in wording.FRAMES.values() for frame in frames}
    odd = {frame for _, frames in wording.FRAMES.values() for frame in frames} - usual
    assert not {frame for _, frame in seen["train"]} & odd
    assert {frame for _, frame in seen["heldout"]} & odd


def test_heldout_sums_and_stories_use_their_own_forms() -> None:
    frames = {typed.make_typed(Random(seed), "train")[4].split("/", 2)[2] for seed in range(600)}
    assert not frames & (set(typed.FRAMES[1]) - set(typed.FRAMES[0]))
    for kind, (_, texts) in STORIES.items():
        held = wording.heldout_clauses(f"story/{kind}", texts)
        assert 0 < len(held) < len(texts)
    items = {split: [people.said("typed", "story", seed, split) for seed in range(150)] for split in
             ("train", "heldout")}  # fmt: skip
    templates = {split: {one.template for one in found} for split, found in items.items()}
    assert not templates["train"] & templates["heldout"]


def test_a_slip_leaves_fields_whole() -> None:
    for seed in range(200):
        text = wording.slip("what is the value of {name} in the {column}", Random(seed))
        assert "{name}" in text and "{column}" in text
    changed = {wording.slip("calculate", Random(seed)) for seed in range(50)}
    assert len(changed) > 10 and all(abs(len(word) - 9) <= 1 for word in changed)


# ------------------------------------------------------------------------------------------------- answers

WORDS_FOR_SIGNS = {
    one: sign
    for sign, words in {
        "+": ("added onto", "added to", "increased by", "together with", "plus", "and", "＋", "加"),
        "-": ("decreased by", "reduced by", "take away", "minus", "less", "–", "−", "减"),
        "*": ("multiplied with", "multiplied by", "times by", "times", "⋅", "·", "乘以", "乘", "×"),
        "/": ("divided through", "divided by", "split by", "除以", "over", "÷"),
    }.items()
    for one in words
}
_EQUATION = re.compile(
    r"(?<![0-9A-Za-z.^√/])(?<!\d [-+×÷*/x] )\(?-?[\d.]+\)?(?: [-+×÷*/x] \(?-?[\d.]+\)?)+(?= = )"
)
_AFTER = re.compile(r" = (-?[\d.]*\d)(?![\d/%]| [-+×÷*/x])")


def value(text: str) -> Fraction:
    """Of a sum in plain signs, by Python's own rules."""
    text = text.replace("×", "*").replace("x", "*").replace("÷", "/").replace("X", "*").replace(":", "/")
    text = re.sub(r"\d+(\.\d+)?", lambda m: f"Fraction('{m[0]}')", text)
    return Fraction(eval(text, {"Fraction": Fraction}))


def put(equation: str, name: str, number: str) -> str:
    """An equation with a number in the place of its unknown, for Python to evaluate."""
    return re.sub(rf"(\d*){name}", lambda m: f"({m[1] or 1}*{number})", equation)


def check_lines(solution: str) -> int:
    """Every ``a + b = c`` of a chain holds. Returns how many there were."""
    count = 0
    for left in _EQUATION.finditer(solution):
        right = _AFTER.match(solution, left.end())
        if right and not solution[: left.start()].endswith(("so ", "tick ", "between ")):
            assert value(left[0]) == value(right[1]), (left[0], right[1], solution)
            count += 1
    return count


def test_the_sum_that_is_typed_has_the_answer() -> None:
    words = WORDS_FOR_SIGNS
    checked: Counter[str] = Counter()
    for seed in range(4000):
        split = "heldout" if seed % 4 == 3 else "train"
        question, answer, _, _, template = typed.make_typed(Random(f"test/{seed}"), split)  # type: ignore[arg-type]
        kind = template.split("/")[1]
        if kind not in ("binary", "chain", "negative", "decimal") or question != question.replace("  ", " "):
            continue
        text = question.lower()
        for word, sign in words.items():
            text = text.replace(word, sign)
        found = max(re.findall(r"[-+*/x×÷:.()\d ]+", text), key=len).strip().rstrip(".").lstrip(":=")
        if re.search("[a-wyz]", text.replace(found, "")) and re.search(r"\d", text.replace(found, "")):
            continue  # a slip within a word for a sign
        checked[kind] += 1
        assert value(found.strip()) == Fraction(answer), (question, answer)
    assert min(checked.values()) > 100 and len(checked) == 4


@pytest.mark.parametrize("kind", typed.names_of_kinds())
def test_every_line_of_a_typed_chain_holds(kind: str) -> None:
    lines = 0
    for seed in range(150):
        made = (typed.MAKERS | typed.TRAINED)[kind][0](Random(f"lines/{seed}"), "train")
        lines += check_lines("\n".join(made.lines))
        if made.answer_type == "number":
            assert any(made.answer in line for line in made.lines) or kind in ("power", "money", "list")
    assert lines > 60 or kind == "power"


def test_percentages_fractions_and_equations_by_another_way() -> None:
    for seed in range(300):
        made = typed.MAKERS["percent"][0](Random(seed), "train")
        found = re.fullmatch(r"(\d+) ?(?:%|percent) (?:of|from) (\d+)", made.text)
        if found:
            assert Fraction(made.answer) == Fraction(found[1]) * Fraction(found[2]) / 100
        made = typed.MAKERS["fraction"][0](Random(seed), "train")
        if re.fullmatch(r"\d+/\d+ ?[-+*x×] ?\d+/\d+", made.text):
            left, sign, right = re.fullmatch(r"(\d+/\d+) ?([-+*x×]) ?(\d+/\d+)", made.text).groups()  # type: ignore[union-attr]
            a, b = Fraction(left), Fraction(right)
            assert Fraction(made.answer) == {"+": a + b, "-": a - b}.get(sign, a * b)
        made = typed.MAKERS["equation"][0](Random(seed), "train")
        equation = made.lines[0]
        name = next(c for c in equation if c.isalpha())
        left, right = put(equation, name, made.answer).split("=")
        assert eval(left) == eval(right), equation


def test_what_the_readme_asks_is_among_the_forms() -> None:
    forms = {re.sub(r"\d+", "N", typed.make_typed(Random(seed), "train")[0]) for seed in range(40000)}
    for form in ("Calculate N * N.", "N*N", "N x N", "N / N", "N+N=?", "What is N+N?", "N% of N"):
        assert form in forms, form


def test_stories_by_another_way() -> None:
    """Numbers as they stand in the text, in order, and what the kind does with them."""
    ways = {
        "gives": lambda a, b: a - b, "speed": lambda v, t: v * t, "costs": lambda p, a: p * a,
        "each": lambda a, b: a * b, "rest": lambda a, b: max(a, b) % min(a, b),
        "shares": lambda a, b: max(a, b) // min(a, b), "legs": lambda a, b: 2 * a + 4 * b,
        "weeks": lambda a, b: a * b, "fence": lambda a, b: 2 * (a + b), "bus": lambda a, b, c: a - b + c,
        "compare": lambda a, b: a - b, "discount": lambda n, p: max(n, p) - n * p // 100,
    }  # fmt: skip
    met: Counter[str] = Counter()
    for seed in range(900):
        one = people.said("typed", "story", seed, "train")
        kind = one.template.split("/")[1]
        numbers = [int(n) for n in re.findall(r"\d+", one.question)]
        if kind == "discount" and max(numbers) <= 50:
            continue  # either number may be the price
        if one.template.endswith("/wide"):
            continue  # its numbers stand in any order
        if kind in ways and len(numbers) == ways[kind].__code__.co_argcount:
            met[kind] += 1
            assert int(one.answer) == ways[kind](*numbers), one.question
        check_lines(one.solution)
    assert set(met) == set(ways)


def test_further_questions_are_answered_from_the_facts() -> None:
    """A second calculation, from the facts alone, of what can be asked of named values and of shapes."""
    for seed in range(25):
        figure, asks = voices.draw_base("bar_chart", seed, "train", Random(seed), 1.0)
        values = {k: int(v) for k, v in figure.facts.items() if k != "grid step"}
        ranked = sorted(values, key=lambda k: -values[k])
        for one in asks:
            pair = [values.get(str(one.fields.get(k))) for k in "ab"]
            right = {
                "everything": str(sum(values.values())), "count": str(len(values)), "second": ranked[1],
                "range": str(values[ranked[0]] - values[ranked[-1]]), "names": ", ".join(values),
                "apart": str(abs((pair[0] or 0) - (pair[1] or 0))),
                "is_larger": "yes" if (pair[0] or 0) > (pair[1] or 0) else "no",
                "below": str(sum(v < int(str(one.fields.get("limit", 0))) for v in values.values())),
            }  # fmt: skip
            assert one.answer == right.get(one.kind, one.answer), one
        figure, asks = voices.draw_base("counting", seed, "train", Random(seed), 1.0)
        cells = [
            part.split(" ")[:2]
            for k, v in figure.facts.items()
            if k.startswith("row ")
            for part in v.split(", ")
        ]
        for one in asks:
            if one.kind == "not_color":
                assert int(one.answer) == sum(c != one.fields["color"] for c, _ in cells)
            if one.kind == "colors":
                assert int(one.answer) == len({c for c, _ in cells})
            if one.kind == "is_there":
                assert (one.answer == "yes") == (str(one.fields["thing"]).split(" ") in cells)


@pytest.mark.parametrize("name", voices.VOICED)
def test_chains_contradict_no_fact_and_their_sums_hold(name: str) -> None:
    for seed in range(14):
        one = people.said("people", name, seed, "heldout" if seed % 3 == 0 else "train")
        assert claims.check(one.solution, one.facts).wrong == 0, (one.question, one.solution, one.facts)
        check_lines(one.solution)
        assert equivalent(one.answer, one.answer, one.answer_type, one.tolerance)


# -------------------------------------------------------------------------------------------- conversations


def test_conversations_have_two_to_four_turns_and_pictures_where_they_are_shown() -> None:
    kinds: Counter[int] = Counter()
    for kind in ("more", "again", "why", "sure", "sums"):
        for seed in range(12):
            one = talk(kind, seed, "train")
            kinds[len(one.earlier) + 1] += 1
            assert 2 <= len(one.earlier) + 1 <= 4
            assert not one.images
            pictures = [len(turn.images) for turn in one.earlier]
            assert kind == "sums" or (pictures[0] >= 1 and not any(pictures[1:]))
            if kind == "why":
                assert extract_boxed(one.earlier[-1].reply) == one.answer
            if kind == "sure":  # it stands by what was right, and by nothing else
                agreed = extract_boxed(one.earlier[-1].reply) == one.answer
                assert one.reply.startswith(("Yes.", "是的。") if agreed else ("No, I was wrong.", "不对。"))
    assert set(kinds) == {2, 3, 4}
    assert all(talk("new_picture", seed, "train").images for seed in range(5))


def test_a_sum_that_goes_on_uses_the_answer_before_it() -> None:
    met = 0
    for seed in range(60):
        one = talk("sums", seed, "train")
        if one.solution.startswith("before: "):
            met += 1
            before = int(extract_boxed(one.earlier[-1].reply) or "")
            n = int(re.findall(r"\d+", one.question)[0])
            assert int(one.answer) in (before + n, before - n, before * n)
            check_lines(one.solution)
    assert met > 10


def test_names_in_pictures_are_open_and_figures_without_that_stay_as_they_were() -> None:
    known = {name for pool in POOLS.values() for name in pool.names}
    met = set[str]()
    for seed in range(40):
        facts = make("bar_chart", seed, kind="value", open_names=1.0).facts
        names = set(facts) - {"grid step"}
        assert len({name.lower() for name in names}) == len(names) and max(map(len, names)) <= 6
        met |= names
        again = make("bar_chart", seed, kind="value"), make("bar_chart", seed, kind="value", open_names=0.0)
        assert again[0].images[0].tobytes() == again[1].images[0].tobytes()
        assert set(again[0].facts) - {"grid step"} <= known
    assert len(met - known) > 80


def test_further_texts_of_stories_are_none_that_is_held_out() -> None:
    assert set(stories_more.MORE) == set(STORIES)
    for kind, (_, texts) in STORIES.items():
        held = wording.heldout_clauses(f"story/{kind}", texts)
        every = {
            stories_more.expanded(one, Random(f"{kind}/{seed}"))
            for one in stories_more.MORE[kind]
            for seed in range(300)
        }
        assert len(every) > 25 and not every & held, kind
        assert not any(re.search(r"[\[\]|]|  | [?.,]", one) for one in every), kind


def test_clauses_said_with_other_words_are_none_that_is_held_out() -> None:
    changed = 0
    for name, kinds in people.WORDS.items():
        for kind, clauses in kinds.items():
            held = wording.heldout_clauses(f"{name}/{kind}", clauses)
            for clause in clauses:
                if clause in held:
                    continue
                found = {wording.reworded(clause, held, Random(seed)) for seed in range(20)}
                assert not found & held, clause
                fields = sorted(re.findall(r"{\w+}", clause))
                assert all(sorted(re.findall(r"{\w+}", one)) == fields for one in found), clause
                changed += len(found - {clause})
    assert changed > 500


def test_kinds_of_sums_for_training_alone_are_never_held_out() -> None:
    kinds = [
        {typed.make_typed(Random(seed), split)[4].split("/")[1] for seed in range(1500)}
        for split in ("train", "heldout")
    ]
    assert kinds[0] == kinds[1] | set(typed.TRAINED)


def test_long_sums_words_and_like_fractions_by_another_way() -> None:
    signs = WORDS_FOR_SIGNS | {":": "/"}
    for kind in ("long", "worded", "like", "brackets", "decimal_product"):
        for seed in range(400):
            made = typed.TRAINED[kind][0](Random(seed), "train")
            text = made.text.lower()
            for number in range(99, -1, -1):
                text = re.sub(rf"\b{typed_more.in_words(number)}\b", str(number), text)
            for word, sign in signs.items():
                text = text.replace(word, f" {sign} ")
            text = text.replace("x", "*").replace(")(", ")*(")
            parts = [
                f"Fraction('{one}')" if one[0].isdigit() else one
                for one in re.findall(r"\d+(?:\.\d+)?|[-+*/()]", text)
            ]
            assert eval("".join(parts)) == Fraction(made.answer), (made.text, made.answer)


# ------------------------------------------------------------------------- what goes on from an answer


def test_what_is_done_to_an_answer_is_done() -> None:
    """By the words of the question, apart from the chain."""
    ways: dict[str, Callable[[int, int], int]] = {
        "minus": lambda a, n: a - n, "plus": lambda a, n: a + n, "times": lambda a, n: a * n,
        "divided by": lambda a, n: a // n,
    }  # fmt: skip
    alone = {
        "half": (1, 2),
        "double": (2, 1),
        "twice": (2, 1),
        "third": (1, 3),
        "quarter": (1, 4),
        "triple": (3, 1),
    }
    met: Counter[str] = Counter()
    for seed in range(500):
        one = people.said("follow", "goes_on", seed, "train")
        before, words = int(extract_boxed(one.earlier[-1].reply) or ""), one.question.lower()
        for word, way in ways.items():
            if found := re.search(rf"{word} (\d+)", words):
                met[word] += 1
                assert int(one.answer) == way(before, int(found[1])), one.question
        for word, (up, down) in alone.items():
            if re.search(rf"\b{word}\b", words) and not re.search(r"\d|half of three", words):
                met[word] += 1
                assert int(one.answer) * down == before * up, one.question
        check_lines(one.solution)
    assert set(met) == set(ways) | set(alone)


def test_yes_is_never_said_to_another_number() -> None:
    replies: Counter[str] = Counter()
    for seed in range(240):
        for kind in ("doubt", "correct", "corrects_figure"):
            one = people.said("follow", kind, seed, "heldout" if seed % 3 == 0 else "train", 0.0)
            told = extract_boxed(one.earlier[-1].reply)
            said = re.search(r"\nsaid: (.+), now: ", one.solution)
            first = one.reply.split("\n")[0]
            replies[first.split(",")[0].split(" ")[0]] += 1
            if first in ("Yes.", "是的。"):
                assert one.answer == (said[1] if said else told)
            elif first.startswith(("You are right", "对")):
                assert said and said[1] == one.answer != told
            elif "wrong" in first or first == "不对。":
                assert one.answer != told
            else:
                assert said and said[1] != one.answer and one.answer in first
    assert {"Yes.", "No", "You"} <= set(replies) and min(replies["Yes."], replies["No"]) > 50


def test_a_changed_number_is_put_into_the_first_question() -> None:
    met = 0
    for seed in range(300):
        one = people.said("follow", "swap", seed, "train")
        assert one.solution.startswith(f"question: {one.earlier[0].question}\nnow: ")
        found = re.search(r"(\d+)(?:%| percent) of (\d+)", one.earlier[0].question)
        if found and (now := re.search(r"(\d+)(?:%| percent)", one.question)):
            met += 1
            assert int(one.answer) * 100 == int(now[1]) * int(found[2]), one.question
        check_lines(one.solution)
    assert met > 8


def test_everyday_problems_by_another_way() -> None:
    """Prices in cents, times of day and areas, from the numbers of the text."""
    met: Counter[str] = Counter()
    for seed in range(1500):
        one = people.said("typed", "everyday", seed, "heldout" if seed % 4 == 0 else "train")
        kind = one.template.split("/")[1]
        cents = [round(100 * float(n)) for n in re.findall(r"(?<![:\d])\d+(?:\.\d+)?(?![:\d])", one.question)]
        if kind in ("cents_sum", "cents_change", "area") and len(cents) < 2:
            continue  # one of them stands in words
        clocks = [int(h) * 60 + int(m) for h, m in re.findall(r"(\d+):(\d\d)", one.question)]
        if kind == "cents_sum":
            assert round(100 * float(one.answer)) == sum(cents), one.question
        elif kind == "cents_change":
            assert round(100 * float(one.answer)) == max(cents) - min(cents), one.question
        elif kind == "area":
            assert int(one.answer) == cents[0] * cents[1] // 10000, one.question
        elif kind == "lasts":
            assert int(one.answer) == clocks[1] - clocks[0], one.question
        elif kind in ("arrives", "leaves"):
            add = sum(int(n) * 60 for n in re.findall(r"(\d+) hours?", one.question))
            add += sum(int(n) for n in re.findall(r"(\d+) minutes", one.question))
            found = clocks[0] + (add if kind == "arrives" else -add)
            assert one.answer == f"{found // 60 % 24}:{found % 60:02d}", one.question
        else:
            continue
        met[kind] += 1
    assert set(met) == {"cents_sum", "cents_change", "area", "lasts", "arrives", "leaves"}


def test_held_out_texts_of_what_goes_on_never_occur_in_training() -> None:
    templates = {
        split: {people.said("typed", "everyday", seed, split).template for seed in range(800)}
        for split in ("train", "heldout")
    }
    assert not templates["train"] & templates["heldout"] and min(map(len, templates.values())) > 20
    texts = {
        split: {
            re.sub(r"\d+", "N", people.said("follow", "correct", seed, split).question).lower()
            for seed in range(300)
        }
        for split in ("train", "heldout")
    }
    assert not texts["train"] & texts["heldout"]

"""Texts of training alone that are put together from many parts: their fields, and what is held out."""

from __future__ import annotations

import re
from random import Random

from r1v.figures import people
from r1v.figures.people import phrasing as wording
from r1v.figures.people import problems_wide, stories_more, typed_long
from r1v.figures.people.everyday_words import TEXTS
from r1v.figures.people.stories import STORIES
from r1v.figures.people.stories_steps import STEPS


def test_wide_texts_have_the_fields_of_their_kind_and_are_none_that_is_held_out() -> None:
    kinds = {name: ("story", texts) for name, (_, texts) in STORIES.items()}
    kinds |= {name: ("steps", texts) for name, (_, texts) in STEPS.items()}
    kinds |= {name: ("everyday", texts) for name, texts in TEXTS.items()}
    assert set(problems_wide.WIDE) == set(kinds)
    for kind, (where, texts) in kinds.items():
        held = wording.heldout_clauses(f"{where}/{kind}", texts)
        numbers = set.intersection(*(set(re.findall(r"{(\w)}", one)) for one in texts))
        rng, found = Random(kind), set()
        for _ in range(400):
            text = problems_wide.wide(kind, held, rng)
            assert set(re.findall(r"{(\w)}", text)) == numbers, (kind, text)
            assert not re.search(r"[\[\]|]|  | [?.,]", text), (kind, text)
            assert not any(problems_wide.is_held(text, (one,)) for one in held), text
            found.add(text)
        assert len(found) > 20, kind


def test_what_a_held_out_text_may_become_is_known() -> None:
    held = ("{name} [has|owns] {b} [red |]{things}[, how many|. How many]?", "another")
    for _ in range(20):
        assert problems_wide.is_held(stories_more.expanded(held[0], Random(_)), held)
    assert problems_wide.is_held("{Name} owns {b} {things}, how many?", held)
    assert not problems_wide.is_held("{name} owned {b} {things}, how many?", held)


def test_a_division_by_zero_is_refused_and_other_sums_with_0_are_not() -> None:
    for seed in range(40):
        one = people.said("refuse", "zero", seed, "heldout" if seed % 3 == 0 else "train")
        assert one.refused and "÷ 0" in one.solution and "box" not in one.reply
        made = typed_long.with_zero(Random(seed), "train")
        assert made.lines[-1].endswith(f"= {made.answer}") and "÷ 0" not in made.lines[0]

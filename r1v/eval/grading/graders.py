"""Graders that several benchmarks share.

Enters: an item and the answer after the thinking. Leaves: a grade. Always holds: the thinking is not read; an
answer that was not found is absent, not wrong.
"""

from __future__ import annotations

import re
from dataclasses import replace

from r1v.eval.benchmark import GradingTools
from r1v.eval.item import Grade, Item, Output
from r1v.scoring import Tolerance, extract_answer, extract_choice, match_found


def grade_choice(item: Item, output: Output, tools: GradingTools) -> Grade:
    """Multiple choice: compares the letter with ``item.answer`` and, where several are right, with those in
    ``grading["also"]``."""
    found = extract_choice(output.answer, item.options)
    if found.text is None:
        return Grade(None, None, found.how)
    return Grade(float(found.text in right_letters(item)), found.text, found.how)


def right_letters(item: Item) -> tuple[str, ...]:
    """The letters of a multiple choice that are right, each by itself."""
    return (item.answer.strip().upper(), *item.grading.get("also", ()))


def grade_free(item: Item, output: Output, tools: GradingTools) -> Grade:
    """A free answer. grading may hold ``kind``, ``absolute`` and ``relative`` (a tolerance), and ``also``
    (other right answers)."""
    found = extract_answer(output.answer)
    if found.text is None and not found.words:
        return Grade(None, None, found.how)
    grading = item.grading
    tolerance = Tolerance(float(grading.get("absolute", 0.0)), float(grading.get("relative", 0.0)))
    for answer in (item.answer, *grading.get("also", ())):
        match = match_found(found, answer, grading.get("kind", "math"), tolerance, tools.verifier)
        if match.equal:
            return Grade(1.0, found.text, f"{found.how}, {match.rule}")
    if found.text is None:
        return Grade(None, None, found.how)
    details = {"timed_out": True} if match.timed_out else {}
    return Grade(0.0, found.text, f"{found.how}, {match.rule}", details)


_SEVERAL_LETTERS = re.compile(r"[A-Z](?:\s*(?:[,、，]\s*(?:and\s+)?|and\s+|&\s*|和)?\s*[A-Z])+")


def grade_mixed(item: Item, output: Output, tools: GradingTools) -> Grade:
    """Multiple choice if there are options, of one letter or of several (``AC``, ``B and D``), otherwise a
    free answer."""
    if item.options and _SEVERAL_LETTERS.fullmatch(item.answer.strip()):
        return grade_free(replace(item, grading={**item.grading, "kind": "choice"}), output, tools)
    return grade_choice(item, output, tools) if item.options else grade_free(item, output, tools)


_YES, _NO = {"yes", "true", "correct"}, {"no", "not", "false", "incorrect"}


def grade_yes_no(item: Item, output: Output, tools: GradingTools) -> Grade:
    """Yes or no (or true or false): the content of the box or the announced answer, otherwise the first word,
    otherwise the one of the two that occurs in the last line."""
    found = extract_answer(output.answer)
    lines = [line for line in output.answer.splitlines() if line.strip()]
    first = re.match(r"\W*([A-Za-z]+)", output.answer)
    for text, how in (
        (found.text if found.how in ("boxed", "announced") else None, found.how),
        (first[1] if first else None, "first word"),
        (lines[-1] if lines else None, "last-line"),
    ):
        words = set(re.findall("[a-z]+", (text or "").lower()))
        if bool(words & _YES) != bool(words & _NO):
            said = "yes" if words & _YES else "no"
            return Grade(float(said == item.answer), said, how)
    return Grade(None, None, "none")


def grade_letters(item: Item, output: Output, tools: GradingTools) -> Grade:
    """Several letters: all right ones and no other, in any order."""
    found = extract_answer(output.answer)
    if found.text is None or found.how not in ("boxed", "announced", "last-line"):
        return Grade(None, None, found.how)
    text = re.sub(r"\\text|\\mathrm|\band\b", " ", found.text)
    letters = re.findall(r"(?<![A-Za-z])[A-Z](?![A-Za-z])", text) or (
        list(text.strip()) if re.fullmatch(r"\s*[A-Z]{2,10}\s*", text) else []
    )
    if not letters:
        return Grade(None, None, found.how)
    right = set(re.findall("[A-Z]", item.answer))
    return Grade(float(set(letters) == right), ", ".join(sorted(set(letters))), f"{found.how}, letters")

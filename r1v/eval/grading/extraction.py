r"""The ways of reading an answer out of a reply in which published evaluations differ.

Enters: a question and a stored output. Leaves: a grade. Always holds: every way reads the same stored output,
so two scores differ by the reading alone; each score is shown with the name of its way.

    rules        the benchmark's own grader here
    box          only the last box, letter or text compared after light cleaning (the re-check of R1V3's
    release) toolkit      VLMEvalKit's rules: one letter that stands alone, else one option whose text occurs
    toolkit+box  the same, corrected by the box: R1V3's release
    judge        a language model says which answer was given, without seeing the right one
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from r1v.eval.benchmark import Benchmark, GradingTools
from r1v.eval.grading.graders import right_letters
from r1v.eval.grading.judge import Judge, JudgedAnswer, counting
from r1v.eval.item import Grade, Item, Json, Output
from r1v.scoring import extract_boxed

READINGS = ("rules", "box", "toolkit", "toolkit+box", "judge")
_SIGNS = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_DRESS = re.compile(r"\$|\\[a-z]+|\s+")


def read_as(how: str, which: Benchmark) -> Callable[[Item, Output, GradingTools], Grade]:
    """The grader (item, output, tools) of a way of reading."""
    graders: dict[str, Callable[[Item, Output, GradingTools], Grade]] = {
        "rules": which.grade,
        "box": by_box,
        "toolkit": by_toolkit,
        "toolkit+box": by_toolkit_and_box,
    }
    return graders[how]


def letters_of(item: Item) -> list[str]:
    return [chr(ord("A") + index) for index in range(len(item.options))]


def by_box(item: Item, output: Output, tools: GradingTools) -> Grade:
    """Right if the last box is the right answer; dollar signs, commands, spaces and case are ignored."""
    box = extract_boxed(output.answer)
    if box is None:
        return Grade(None, None, "no box")
    right = {_plain(one) for one in (item.answer, *item.grading.get("also", ()))}
    return Grade(float(_plain(box) in right), box, "box")


def _plain(text: str) -> str:
    text = _DRESS.sub("", text.strip())
    return text.removeprefix("{").removesuffix("}").lower()


def toolkit_letter(text: str, letters: Sequence[str], options: Sequence[str]) -> str | None:
    """The letter that VLMEvalKit's rules infer: the only one of the letters that stands alone as a word when
    signs are removed, otherwise the only option whose text occurs. None where these rules would ask a
    judge."""
    words = text.translate(_SIGNS).split()
    alone = [letter for letter in letters if letter in words]
    if len(alone) == 1:
        return alone[0]
    if not alone and "Z" in words:
        return "Z"  # VLMEvalKit's letter for "none of them"
    low = text.lower()
    occurring = [
        letter for letter, option in zip(letters, options, strict=True) if option and option.lower() in low
    ]
    return occurring[0] if len(occurring) == 1 else None


def by_toolkit(item: Item, output: Output, tools: GradingTools) -> Grade:
    """VLMEvalKit's rules without its judge. Its tables turn an open question into one with two options, the
    right answer and "Other Answers"; open questions are read in the same way here."""
    options = item.options or (item.answer, "Other Answers")
    right = right_letters(item) if item.options else ("A",)
    letters = [chr(ord("A") + index) for index in range(len(options))]
    letter = toolkit_letter(output.answer, letters, options)
    if letter is None:
        return Grade(None, None, "toolkit")
    return Grade(float(letter in right), letter, "toolkit")


def by_toolkit_and_box(item: Item, output: Output, tools: GradingTools) -> Grade:
    """VLMEvalKit's rules, but an answer whose box holds the right answer is right, as in the release's script
    after the judge."""
    box = by_box(item, output, tools)
    if box.right:
        return box
    found = by_toolkit(item, output, tools)
    return found if found.extracted is not None else box


class Extractor:
    """A model that says which answer a reply gives, without seeing the right one. Its answers are stored in
    the run's judgements, so it is asked only once."""

    def __init__(self, judge: Judge, reading: str = "judge") -> None:
        """reading: "judge" asks about every reply; the ways of the toolkit ask only where the rules read
        nothing."""
        self.judge = judge
        self.reading = reading
        self._said: dict[JudgedAnswer, str | None] = {}

    def describe(self) -> Json:
        return self.judge.describe()

    def read_all(
        self, asked: Sequence[tuple[Item, Output]], progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Ask about the outputs that it is needed for. progress: (done, total)."""
        questions = [question_of(item, output) for item, output in asked if self._needed(item, output)]
        self._said |= self.judge.say_all(questions, progress=counting(progress, len(set(questions))))

    def _needed(self, item: Item, output: Output) -> bool:
        if self.reading == "judge":
            return bool(output.answer.strip())
        return bool(output.answer.strip()) and by_toolkit(item, output, GradingTools()).extracted is None

    def grader(self, which: Benchmark) -> Callable[[Item, Output, GradingTools], Grade]:
        """A grader of the answers that the model read."""

        def grade(item: Item, output: Output, tools: GradingTools) -> Grade:
            found = Grade(None, None) if self.reading == "judge" else by_toolkit(item, output, tools)
            if found.extracted is None:
                found = grade_said(which, item, self._said.get(question_of(item, output)), tools)
            if self.reading == "toolkit+box" and not found.right:
                box = by_box(item, output, tools)
                return box if box.right or found.extracted is None else found
            return found

        return grade


def question_of(item: Item, output: Output) -> JudgedAnswer:
    """What the reading model is asked. It does not contain the right answer."""
    shown = "\n".join(
        f"{letter}. {text}" for letter, text in zip(letters_of(item), item.options, strict=True)
    )
    return JudgedAnswer(f"{item.text}\n\nOptions:\n{shown}" if shown else item.text, "", output.answer)


def grade_said(which: Benchmark, item: Item, said: str | None, tools: GradingTools) -> Grade:
    """The grade of the answer that the model read. said: None if it found none."""
    if said is None:
        return Grade(None, None, "judge's reading")
    if item.options:
        letter = said.strip().strip("().").upper()
        if letter not in letters_of(item):
            return Grade(None, None, "judge's reading")
        return Grade(float(letter in right_letters(item)), letter, "judge's reading")
    found = which.grade(item, Output(answer=rf"\boxed{{{said}}}"), tools)
    return Grade(found.score, said, f"judge's reading, {found.rule}", found.details)

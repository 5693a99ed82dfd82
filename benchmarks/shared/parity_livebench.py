"""LiveBench's official rules (its repository's process_results) on answers in many wordings."""

# ruff: noqa: E501 - wordings are read more easily whole
from __future__ import annotations

import contextlib
import io
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from r1v.eval.livebench import rules as livebench_rules
from shared.parity import Parity

_WORDS = ("harbour", "piano", "Lena", "violet", "otter", "Peru", "tango", "clock")
_FORMS = ("<solution>{}</solution>", "It is so.\n<solution>{}</solution>", "**{}**", "***{}***",
          r"So we get \boxed{{{}}}", r"\boxed{{\text{{{}}}}}", "The answer is {}.", "Answer: {}", "{}",
          "First **a guess**, then **{}**.", "I would say {}\nand that is all there is to say about it.",
          "<solution>{}\n</solution>", "*{}*", "So the last one: {}")  # fmt: skip


def _answers(truth: str, wrong: str) -> Iterator[str]:
    for form in _FORMS:
        yield form.format(truth)
        yield form.format(wrong)


class Cases:
    """task -> [(truth, answers' prompt, release, answers)]."""

    def __init__(self) -> None:
        self.by_task: dict[str, list[tuple[str, str, str, list[str]]]] = {}

    def add(
        self, task: str, truth: str, answers: list[str], prompt: str = "", release: str = "2024-11-25"
    ) -> None:
        self.by_task.setdefault(task, []).append((truth, prompt, release, answers))


def _in_forms(forms: Sequence[str], texts: Sequence[str]) -> list[str]:
    return [form.format(text) for text in texts for form in forms]


def _contest_cases(cases: Cases) -> None:
    options = r"What? $\textbf{(A) }12\qquad\textbf{(B) }15\qquad\textbf{(C) }20\qquad\textbf{(D) }24\qquad\textbf{(E) }30$"
    values = {"A": 12, "B": 15, "C": 20}
    for truth, wrong in (("B", "D"), ("A", "E"), ("C", "A")):
        more = [truth * 5, wrong * 5, f"thus ({truth})", f"thus ({wrong})", f"It is {values[truth]}."]
        answers = [*_answers(truth, wrong), *_answers(truth * 5, wrong * 5), *more]
        cases.add("amc_2023", truth, answers, options)
    for truth, wrong in (("204", "240"), ("033", "3"), ("7", "8")):
        cases.add("aime", truth, list(_answers(truth, wrong)))
    forms = ("Answer: {}", "**Answer: {}**", "answer:\n{}", r"\boxed{{{}}}", "Well.\n{}", "The order is {}.")
    for truth, wrong in (("2,5,1,3,4", "2,1,5,3,4"), ("1,2,3", "3,2,1"), ("4,1,2,3", "4,1,2")):
        texts = (truth, wrong, truth.replace(",", ", "))
        cases.add("imo", truth, [form.format(text) for form in forms for text in texts])


def _reasoning_cases(cases: Cases) -> None:
    for truth, wrong in (("yes, no, unknown", "yes, yes, no"), ("no, no, yes", "no, yes, yes")):
        more = [
            "**" + truth.replace(", ", "** and **") + "**",
            truth.replace(", ", ","),
            "So: " + truth.upper(),
        ]
        for task in ("web_of_lies_v2", "web_of_lies_v3"):
            cases.add(task, truth, [*_answers(truth, wrong), *more])
    for truth, wrong in (("2, tea, red", "2, red, tea"), ("Lena,swimming,4", "Lena,cycling,4")):
        cases.add("zebra_puzzle", truth, list(_answers(truth, wrong)))
    for truth, wrong in (("two", "three"), ("violet", "red"), ("action movies", "comedy")):
        cases.add("zebra_puzzle", truth, list(_answers(truth, wrong)), release="2024-06-24")
    for truth, wrong in (("4", "5"), ("tetrahedron", "cube"), ("square", "circle")):
        more = ["**two tetrahedra**", "**four**", "**a square**", f"**{truth}** or **{wrong}**"]
        cases.add("spatial", truth, [*_answers(truth, wrong), *more])
    for names in (("Lena", "Otto", "Mia"), ("Ben", "Ida")):
        truth, wrong = " ".join(names), " ".join(reversed(names))
        each = [", ".join(f"**{name}**" for name in order) for order in (names, names[::-1])]
        cases.add("house_traversal", truth, [*_answers(truth, wrong), *each, f"**{', '.join(names)}**"])


def _language_cases(cases: Cases) -> None:
    words = [f"{word}{number}" for word in _WORDS for number in (1, 2)]
    truth = ", ".join(words)
    swapped = ", ".join([*words[1:4], words[0], words[8], *words[5:8], words[4], *words[9:]])
    rows = "\n".join(f"**{', '.join(words[i : i + 4])}**" for i in range(0, 16, 4))
    for release in ("2024-11-25", "2024-06-24"):
        cases.add("connections", truth, [*_answers(truth, swapped), rows, truth.upper()], release=release)
    truth = "It is fine. We went home."
    more = [f"x --- {truth} --- y", truth.replace(". ", ".\n")]
    cases.add("typos", truth, [*_answers(truth, "It is fien. We went home."), *more])
    plot = "Ann left. Bob stayed. The dog ran off. They met again."
    orders = [
        plot,
        "Bob stayed. Ann left. The dog ran off. They met again.",
        "Ann left.",
        "The dog ran off. Ann left.",
    ]
    forms = ("<PLOT_SUMMARY>{}</PLOT_SUMMARY>", "<PLOT_SUMMARY>\n{}", "{}", "{}\n**End of Plot Summary**")
    cases.add("plot_unscrambling", plot, _in_forms(forms, orders))


def _table_cases(cases: Cases) -> None:
    for truth, wrong in (("StateName", "City"), ("post code", "code post"), ("Year", "Yearly")):
        cases.add("cta", truth, [*_answers(truth, wrong), truth.lower(), f"'{truth}'"])
    mapping = "{'a': 'x', 'b': 'y', 'c': 'z'}"
    others = [mapping, "{'a': 'x', 'b': 'z'}", "{'a': None, 'b': 'y'}", "{'q': 'x'}",
              "{'a': 'x', 'b': 'y', 'c': 'z', 'd': 'w'}", "no"]  # fmt: skip
    forms = (
        "{}",
        "```python\n{}\n```",
        "```json\n{}\n```",
        "<solution>{}</solution>",
        "Here:\n```\n{}\n```",
        "So {}",
    )
    cases.add("tablejoin", mapping, _in_forms(forms, others))
    for kind, right, other in _tables():
        prompt = f"Please convert the Input Table from JSON format to {kind} format."
        forms = ("{}", f"```{kind.lower()}\n{{}}\n```", "<solution>{}</solution>",
                 "Here is the table in the new format:\n{}")  # fmt: skip
        cases.add("tablereformat", right, _in_forms(forms, (right, other)), prompt)


def _livebench_cases(rng: random.Random) -> dict[str, list[tuple[str, str, str, list[str]]]]:
    """Every task's, each task's in any order."""
    cases = Cases()
    for group in (_contest_cases, _reasoning_cases, _language_cases, _table_cases):
        group(cases)
    for each in cases.by_task.values():
        rng.shuffle(each)
    return cases.by_task


def _tables() -> list[tuple[str, str, str]]:
    """(format, the right table, another) in each of LiveBench's formats."""
    return [
        ("CSV", "name,size\nAnn,1\nBob,2.5\n", "name,size\nAnn,1\nBob,3\n"),
        ("TSV", "name\tsize\nAnn\t1\nBob\t2.5\n", "name\tsize\nBob\t2.5\nAnn\t1\n"),
        ("JSONL", '{"name":"Ann","size":1}\n{"name":"Bob","size":2.5}\n', '{"name":"Ann","size":1}\n'),
        ("JSON", '{"0":{"name":"Ann","size":1},"1":{"name":"Bob","size":2.5}}',
         '{"0":{"size":1,"name":"Ann"},"1":{"size":2.6,"name":"Bob"}}'),
        ("Markdown", "| name | size |\n|---|---|\n| Ann | 1 |\n| Bob | 2.5 |\n",
         "| name | size |\n|---|---|\n| Ann | 1 |\n| Bo | 2.5 |\n"),
        ("HTML", "<table><tr><th>name</th><th>size</th></tr><tr><td>Ann</td><td>1</td></tr></table>",
         "<table><tr><th>name</th><th>size</th></tr><tr><td>Ann</td><td>2</td></tr></table>"),
    ]  # fmt: skip


def _livebench_official(folder: Path) -> dict[str, Callable[[str, str, str, str], float]]:
    """task -> the official function, as (truth, answer, prompt, release) -> score."""
    sys.path.insert(0, str(folder))
    from livebench.process_results.data_analysis.cta.utils import cta_process_results
    from livebench.process_results.data_analysis.tablejoin.utils import joinmap_process_results
    from livebench.process_results.data_analysis.tablereformat.utils import table_process_results
    from livebench.process_results.math.math_competitions import utils as contests
    from livebench.process_results.math.olympiad.utils import proof_rearrangement_process_results
    from livebench.process_results.reasoning.house_traversal.utils import house_traversal_process_results
    from livebench.process_results.reasoning.spatial.utils import spatial_process_results
    from livebench.process_results.reasoning.web_of_lies_v2.utils import web_of_lies_process_results
    from livebench.process_results.reasoning.web_of_lies_v3.utils import web_of_lies_v3_process_results
    from livebench.process_results.reasoning.zebra_puzzle.utils import get_zebra_puzzle_evaluator
    from livebench.process_results.writing.connections.utils import get_connections_puzzle_evaluator
    from livebench.process_results.writing.plot_unscrambling.utils import plot_unscrambling_process_results
    from livebench.process_results.writing.typos.utils import typos_process_results

    return {
        "amc_2023": lambda t, a, p, r: contests.mathcontest_process_results(t, a, p),
        "aime": lambda t, a, p, r: contests.aime_process_results(t, a),
        "imo": lambda t, a, p, r: proof_rearrangement_process_results(t, a, edit_distance=True),
        "web_of_lies_v2": lambda t, a, p, r: web_of_lies_process_results(t, a),
        "web_of_lies_v3": lambda t, a, p, r: web_of_lies_v3_process_results(t, a),
        "zebra_puzzle": lambda t, a, p, r: get_zebra_puzzle_evaluator(r)(t, a),
        "spatial": lambda t, a, p, r: spatial_process_results(t, a),
        "house_traversal": lambda t, a, p, r: house_traversal_process_results(t, a),
        "connections": lambda t, a, p, r: get_connections_puzzle_evaluator(r)(t, a),
        "typos": lambda t, a, p, r: typos_process_results(t, a),
        "plot_unscrambling": lambda t, a, p, r: plot_unscrambling_process_results(t, a),
        "cta": lambda t, a, p, r: cta_process_results(t, a),
        "tablejoin": lambda t, a, p, r: joinmap_process_results(p, t, a),
        "tablereformat": lambda t, a, p, r: table_process_results(p, t, a),
    }


def livebench(repositories: Path, count: int) -> Parity:
    """Every rule on answers in all wordings."""
    official = _livebench_official(repositories / "LiveBench")
    result = Parity("livebench", "LiveBench, process_results")
    for task, cases in _livebench_cases(random.Random(0)).items():
        for truth, prompt, release, answers in cases:
            rule = livebench_rules.rule_for(task, release)
            assert rule is not None
            for answer in answers:
                with contextlib.redirect_stdout(io.StringIO()):
                    theirs = float(official[task](truth, answer, prompt, release))
                result.add(f"{task}, right is {truth!r}: {answer!r}", rule(truth, answer, prompt), theirs)
    return result

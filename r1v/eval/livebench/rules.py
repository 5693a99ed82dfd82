"""LiveBench's rules for its tasks, one function each: (ground truth, answer, prompt) -> score in [0, 1].

Enters: texts. Leaves: a score. Always holds: the rules are those of the official repository (2024-06 to
2025-04 releases), in our own code; AMPS Hard, for which the official scorer uses sympy, is compared like
other free answers here.
"""

from __future__ import annotations

import ast
import csv
import difflib
import io
import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

from r1v.core import R1VError, parse_json
from r1v.scoring import extract_boxed

_SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
_SOLUTION_LINE = re.compile(r"<solution>(.*?)</solution>")
_BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
_NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        [
            "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
            "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
            "twenty",
        ]
    )
}  # fmt: skip
_DIGIT_WORDS = {number: word for word, number in _NUMBER_WORDS.items() if len(number) == 1}


def _boxed_words(answer: str) -> str | None:
    """The last box's content without mark-up."""
    content = extract_boxed(answer)
    if content is None:
        return None
    return re.sub(r"\\(?:text|textbf|mathbf|mathrm)\s*\{|[}\\]", "", content).strip()


def math_contest(truth: str, answer: str, prompt: str) -> float:
    """A letter in <solution>, repeated, in a box or alone in the last line; or the option's value at the
    end."""
    truth = truth.strip()
    solutions = _SOLUTION_LINE.findall(answer)
    if solutions and set(solutions[-1].lower()) == {truth.lower()}:
        return 1.0
    if truth * 4 in answer or (_boxed_words(answer) or "").lower() == truth.lower():
        return 1.0
    values = dict(re.findall(r"\\textbf{\(([A-E])\)\s?}(.*?)(?:\\qquad|\$)", prompt))
    value = values.get(truth, "").strip().strip("$").strip("~")
    if value and value in answer[-20 - len(value) :]:
        return 1.0
    last = answer.strip().split("\n")[-1]
    bracketed = re.search(r"\((.*?)\)", last)
    alone = last.strip().replace("*", "").lower() == truth.lower()
    return float(alone or (bracketed is not None and bracketed[1].lower() == truth.lower()))


def aime(truth: str, answer: str, prompt: str) -> float:
    """The number within the last 50 characters."""
    return float(truth in answer[-50:])


def proof_rearrangement(truth: str, answer: str, prompt: str) -> float:
    """The share of the order that is right, by edit distance."""
    wanted = [int(number) for number in truth.split(",")]
    given = _numbers(answer)
    longest = max(len(wanted), len(given))
    return 1 - edit_distance(given, wanted) / longest if longest else 0.0


def _numbers(answer: str) -> list[int]:
    """The list of numbers after the last "answer:", else in the last box, else in the last line."""
    lower = answer.lower()
    texts = []
    if "answer:" in lower:
        after = lower.rsplit("answer:", 1)[1].strip().replace("**", "")
        texts.append(after.split("\n")[0])
    if (boxed := extract_boxed(answer)) is not None:
        texts.append(boxed)
    texts.append(lower.strip().split("\n")[-1])
    for text in texts:
        found = [int(number) for number in re.findall(r"\d+", text)]
        if found:
            return found
    return []


def edit_distance(left: Sequence[Any], right: Sequence[Any]) -> int:
    """The number of insertions, deletions and replacements that turn one sequence into the other."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def web_of_lies_2(truth: str, answer: str, prompt: str) -> float:
    """Three words of yes, no, unknown: in <solution>, else the last three in bold texts, else boxed, else
    the last three in a row."""
    given = _last_line_of_solution(answer)
    if given is None:
        words = [word.lower().strip(" ,.") for text in _BOLD.findall(answer) for word in text.split()]
        given = ", ".join([word for word in words if word in _LIES][-3:]) or None
    given = given or _boxed_words(answer) or _three_in_a_row(answer) or ""
    words = re.findall(r"\b(?:yes|no|unknown)\b", given)
    return float(given == truth.lower() or (len(words) == 3 and truth.lower() in given))


def web_of_lies_3(truth: str, answer: str, prompt: str) -> float:
    """As version 2, without bold texts; half of the score is for all three being right, half for the share
    that is right."""
    given = _last_line_of_solution(answer)
    given = given or _boxed_words(answer) or _three_in_a_row(answer)
    if given is None:
        return 0.0
    wanted = truth.split(",")
    right = sum(want == have for want, have in zip(wanted, given.split(","), strict=False))
    return ((right == len(wanted)) + right / len(wanted)) / 2


_LIES = ("yes", "no", "unknown")


def _last_line_of_solution(answer: str) -> str | None:
    found = _SOLUTION_LINE.findall(answer)
    return found[-1] if found else None


def _three_in_a_row(answer: str) -> str | None:
    """The last "yes, no, unknown" or the like."""
    found = re.findall(r"(?=((?:yes|no|unknown), (?:yes|no|unknown), (?:yes|no|unknown)))", answer.lower())
    return found[-1] if found else None


def zebra_old(truth: str, answer: str, prompt: str) -> float:
    """Releases before 2024-11-25: the last word between three stars, else the last word; numbers also in
    words."""
    words = re.findall(r"\*\*\*(\w+)\*\*\*", answer) or re.findall(r"\b\w+\b", answer)
    last = words[-1].lower() if words else ""
    return float(truth.lower() in (last, _DIGIT_WORDS.get(last), f"{last} movies"))


def zebra_new(truth: str, answer: str, prompt: str) -> float:
    """Half of the score is for all answers being right, half for the share that is right."""
    wanted = [word.strip().lower().replace("-", " ") for word in truth.split(",")]
    solutions = _SOLUTION_LINE.findall(answer)
    if not solutions and (boxed := _boxed_words(answer)) is not None:
        solutions = [boxed]
    if not solutions and (last := answer.strip().split("\n")[-1]).count(",") == len(wanted) - 1:
        solutions = [last]
    if not solutions:
        return 0.0
    given = [word for text in solutions for word in text.split(",")][-len(wanted) :]
    given = [word.strip().lower().replace("-", " ").replace("position", "") for word in given]
    right = sum(want in have for want, have in zip(wanted, given, strict=False))
    return ((right == len(wanted)) + right / len(wanted)) / 2


def spatial(truth: str, answer: str, prompt: str) -> float:
    """Among the last three bold texts, or boxed; numbers also in words."""
    if answer == truth:
        return 1.0
    truth = truth.strip().lower()
    for word in [text.strip().lower() for text in re.findall(r"\*\*([^*]+)\*\*", answer)][-3:]:
        if truth in (word, _NUMBER_WORDS.get(word)):
            return 1.0
        shape = truth in ("tetrahedra", "tetrahedron", "triangle", "square")
        if shape and truth in word and len(word) < 2 * len(truth) + 5:
            return 1.0
    return float((_boxed_words(answer) or "").lower() == truth)


def house_traversal(truth: str, answer: str, prompt: str) -> float:
    """All names in order: one per bold text at the end, or all in the last bold text."""
    names = truth.lower().split(" ")
    bold = [text.lower() for text in _BOLD.findall(answer)]
    if not bold:
        return 0.0
    tail = bold[-len(names) :]
    if len(tail) == len(names) and all(name in text for name, text in zip(names, tail, strict=True)):
        return 1.0
    places = [bold[-1].find(name) for name in names]
    return float(min(places) >= 0 and all(a < b for a, b in itertools.pairwise(places)))


def connections_new(truth: str, answer: str, prompt: str) -> float:
    """Share of the groups of four that are found."""
    words = truth.split(",")
    solutions = [text.replace("\n", "") for text in _SOLUTION.findall(answer)]
    if not solutions and (boxed := _boxed_words(answer)) is not None:
        solutions = [boxed]
    if not solutions:
        return 0.0
    given = [word for text in solutions for word in text.split(",")]
    given = given[-len(words) :] if len(solutions) > 1 else given
    wanted = _fours(words)
    return sum(group in wanted for group in _fours(given)) / len(wanted)


def connections_old(truth: str, answer: str, prompt: str) -> float:
    """As the new one, in the bold text that has most of the groups."""
    wanted = _fours(truth.split(","))
    best = 0.0
    for text in _BOLD.findall(answer.replace("\n", "")):
        groups = _fours(text.split(","))
        best = max(best, sum(any(want <= group for group in groups) for want in wanted) / len(wanted))
    return best


def _fours(words: Sequence[str]) -> list[set[str]]:
    clean = [word.strip().lower() for word in words]
    return [set(clean[start : start + 4]) for start in range(0, len(clean), 4)]


def typos(truth: str, answer: str, prompt: str) -> float:
    """The corrected text stands in the answer, word for word."""
    solutions = _SOLUTION_LINE.findall(answer)
    if solutions:
        text = solutions[-1]
    else:
        text = re.sub("</?solution>", "", answer)
        between = re.search(r".* --- (.*?) --- .*", text)
        text = between[1] if between else text
    return float(truth in " ".join(line for line in text.strip().split("\n") if line))


def plot_unscrambling(truth: str, answer: str, prompt: str) -> float:
    """One minus the share of sentences to move, each sentence matched to the most similar one."""
    summary = re.search(r"<PLOT_SUMMARY>(.*?)(?:</PLOT_SUMMARY>|$)", answer, re.DOTALL)
    text = summary[1] if summary else answer
    wanted = [part.strip() for part in truth.split(".") if part.strip()]
    given = [part.strip() for part in text.split(".")]
    given = [part for part in given if part and part != "**End of Plot Summary**"]
    order = []
    for sentence in wanted:
        if match := difflib.get_close_matches(sentence, given, n=1, cutoff=0.0):
            order.append(given.index(match[0]))
    return 1 - edit_distance(range(len(wanted)), order) / len(wanted) if wanted else 0.0


def column_type(truth: str, answer: str, prompt: str) -> float:
    """The class name, alone or at the end."""
    if "\\boxed{" in answer:
        answer = _boxed_words(answer) or ""
    wanted, given = (re.sub(r"[^\w]", "", text.lower()) for text in (truth, answer))
    return float(bool(wanted) and given.endswith(wanted))


def table_join(truth: str, answer: str, prompt: str) -> float:
    """F1 of the mapping between columns, rounded to two places."""
    wanted = _mapping(truth)
    given = {key: value for key, value in _mapping(answer).items() if value is not None}
    if not given:
        return 0.0
    hits = sum(key in wanted and bool(wanted[key]) and wanted[key] == value for key, value in given.items())
    false = len(given) - hits
    missed = sum(bool(wanted.get(k)) and wanted[k] != v for k, v in given.items())
    missed += sum(not given.get(key) for key in wanted)
    return round(2 * hits / (2 * hits + false + missed), 2)


def _mapping(text: str) -> dict[str, Any]:
    """A Python or JSON dictionary in <solution>, in a code block, boxed, or alone."""
    if solutions := _SOLUTION.findall(text):
        return _mapping(solutions[-1].strip())
    flat = text.replace("\n", "")
    blocks = re.findall(r"```(?:python|json)?(.*?)```", flat)
    candidates = [text.strip(), *blocks[-1:], (extract_boxed(text) or "").replace("\\", "")]
    for candidate in candidates:
        try:
            value = ast.literal_eval(re.sub(r"\bnull\b", "None", candidate.strip()))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return {}


def table_reformat(truth: str, answer: str, prompt: str) -> float:
    """The same table in the requested format: columns in any order, rows in their order. The first version of
    the official reader takes the first column of Markdown as an index, which is not compared."""
    form = re.search(r"format to (\w+) format", prompt)
    indexed = form is not None
    form = form or re.search(r"Target Format:\s*(\w+)", prompt)
    kind = form[1].lower() if form else "json"
    if solutions := _SOLUTION.findall(answer):
        answer = solutions[-1]
    if block := re.findall(r"```\w*\n(.*?)```", answer, re.DOTALL):
        answer = block[-1]
    answer = re.sub(r"^\s*(?:Here|Input)\b.*?\b(?:format|table)\s*[:)]\s*", "", answer, flags=re.IGNORECASE)
    try:
        wanted, given = _table(kind, truth), _table(kind, answer)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return 0.0
    if len(wanted) != len(given) or not wanted:
        return 0.0
    if kind == "markdown" and indexed:
        wanted, given = ([dict(list(row.items())[1:]) for row in rows] for rows in (wanted, given))
    return float(all(_same_row(a, b) for a, b in zip(wanted, given, strict=True)))


def _parsed(text: str) -> Any:
    try:
        return parse_json(text, "a table")
    except R1VError as error:
        raise ValueError(str(error)) from None


def _table(kind: str, text: str) -> list[dict[str, Any]]:
    """Rows of a table in one of LiveBench's formats; raises ValueError and its like."""
    text = text.strip()
    if kind == "json":
        value = _parsed(text)
        if isinstance(value, dict) and "data" in value and "schema" in value:
            value = value["data"]
        rows = list(value.values()) if isinstance(value, dict) else value
    elif kind == "jsonl":
        rows = [_parsed(line) for line in text.split("\n") if line.strip().startswith("{")]
    elif kind in ("csv", "tsv"):
        rows = list(csv.DictReader(io.StringIO(text), delimiter="," if kind == "csv" else "\t"))
    elif kind == "markdown":
        lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.split("\n")]
        rows = [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]
    elif kind == "html":
        parser = _Cells()
        parser.feed(text)
        rows = [dict(zip(parser.rows[0], row, strict=True)) for row in parser.rows[1:]]
    else:
        raise ValueError(f"table format {kind} is not known")
    return [
        {str(key).strip(): value for key, value in row.items() if str(key).strip() != "index"} for row in rows
    ]


class _Cells(HTMLParser):
    """The cells of an HTML table, row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.cell: str | None = None

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.cell = ""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self.cell is not None and self.rows:
            self.rows[-1].append(self.cell.strip())
            self.cell = None

    def handle_data(self, data: str) -> None:
        if self.cell is not None:
            self.cell += data


def _same_row(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return left.keys() == right.keys() and all(_same_cell(left[key], right[key]) for key in left)


def _same_cell(left: Any, right: Any) -> bool:
    try:
        numbers = float(left), float(right)
    except (TypeError, ValueError):
        texts = ["" if value is None else str(value).strip() for value in (left, right)]
        return texts[0] == texts[1]
    return abs(numbers[0] - numbers[1]) < 1e-6 or all(math.isnan(number) for number in numbers)


RULES: dict[str, Callable[[str, str, str], float]] = {
    "web_of_lies_v2": web_of_lies_2,
    "web_of_lies_v3": web_of_lies_3,
    "house_traversal": house_traversal,
    "spatial": spatial,
    "cta": column_type,
    "typos": typos,
    "plot_unscrambling": plot_unscrambling,
    "tablejoin": table_join,
    "tablereformat": table_reformat,
}


def rule_for(task: str, release: str) -> Callable[[str, str, str], float] | None:
    """The rule for a task or subtask; None for those that are graded by running programs or as free
    answers."""
    parts = task.lower().split("_")
    if parts[0] in ("amc", "smc") or parts[1:2] == ["amc"]:
        return math_contest
    if parts[0] == "aime":
        return aime
    if parts[0] in ("imo", "usamo"):
        return proof_rearrangement
    if task == "zebra_puzzle":
        return zebra_old if release < "2024-11-25" else zebra_new
    if task == "connections":
        return connections_old if release < "2024-11-25" else connections_new
    return RULES.get(task)

"""General vision: AI2D, ChartQA, TextVQA, RealWorldQA, by the rules of their official scorers.

Rows: AI2D (question, options, answer: index, image); ChartQA (question, answer, type, image); TextVQA
(question_id, question, answers: ten, image); RealWorldQA (question with its options, answer, image).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from r1v.core import ImageRef, Message
from r1v.eval.benchmark import Benchmark, GradingTools, Load, by_name
from r1v.eval.grading.graders import grade_choice, grade_mixed
from r1v.eval.item import Grade, Item, Json, Output
from r1v.eval.prompts import options_text
from r1v.eval.questions.data import Source, image_of
from r1v.eval.questions.marks import Marks
from r1v.scoring import extract_answer, parse_number

_DIRECTLY = re.compile(r"\s*Please answer directly with[^.]*\.\s*", re.IGNORECASE)
_OPTION_LINE = re.compile(r"^\s*\(?([A-H])[.):]\s*(.+?)\s*$", re.MULTILINE)


def _picture(row: Json, request: Load) -> ImageRef:
    return ImageRef(image_of(row["image"], request.rows.folder))


def _name(row: Json, index: int) -> str:
    return str(row.get("question_id", row.get("id", index)))


def load_ai2d(request: Load) -> Sequence[Item]:
    items = []
    for index, row in enumerate(request.rows.rows):
        options = tuple(str(option) for option in row["options"])
        text = request.prompt("choice").fill(question=str(row["question"]), options=options_text(options))
        letter = chr(ord("A") + int(row["answer"]))
        items.append(
            Item(_name(row, index), (Message.user(text, [_picture(row, request)]),), letter, options)
        )
    return items


def load_chartqa(request: Load) -> Sequence[Item]:
    items = []
    for index, row in enumerate(request.rows.rows):
        answer = row["answer"][0] if isinstance(row["answer"], list) else row["answer"]
        text = request.prompt("short").fill(question=str(row["question"]))
        group = str(row.get("type", ""))
        items.append(
            Item(_name(row, index), (Message.user(text, [_picture(row, request)]),), str(answer), (), group)
        )
    return items


def grade_chartqa(item: Item, output: Output, tools: GradingTools) -> Grade:
    """Relaxed accuracy: numbers within 5% of the answer count as right; other answers must be equal, without
    regard to case."""
    found = extract_answer(output.answer)
    if found.text is None:
        return Grade(None, None, found.how)
    left, right = (_plain_number(text) for text in (found.text, item.answer))
    if left is not None and right:
        return Grade(float(abs(left - right) / abs(right) <= 0.05), found.text, "number")
    return Grade(float(found.text.strip().lower() == item.answer.strip().lower()), found.text, "words")


def _plain_number(text: str) -> float | None:
    text = text.strip().replace("\\%", "%").replace("$", "")
    value = parse_number(text.removesuffix("%"))
    if value is None:
        return None
    return float(value) / 100 if text.endswith("%") else float(value)


def load_textvqa(request: Load) -> Sequence[Item]:
    items = []
    for index, row in enumerate(request.rows.rows):
        answers = [str(answer) for answer in row["answers"]]
        text = request.prompt("short").fill(question=str(row["question"]))
        message = Message.user(text, [_picture(row, request)])
        items.append(Item(_name(row, index), (message,), answers[0], grading={"answers": answers}))
    return items


def grade_textvqa(item: Item, output: Output, tools: GradingTools) -> Grade:
    """VQA accuracy: min(1, number of other people who agree / 3), averaged over the ways to leave out one of
    the ten people."""
    found = extract_answer(output.answer)
    if found.text is None:
        return Grade(None, None, found.how)
    given = vqa_words(found.text)
    people = [vqa_words(answer) for answer in item.grading["answers"]]
    agreeing = [
        sum(other == given for other in people[:left_out] + people[left_out + 1 :])
        for left_out in range(len(people))
    ]
    score = sum(min(1.0, count / 3) for count in agreeing) / len(agreeing)
    return Grade(score, found.text, "vqa", {"agreeing": sum(answer == given for answer in people)})


_NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
} | {"none": "0"}
_PUNCTUATION = ';/[]"{}()=+\\_-><@`!'
# words that are often written without their apostrophe; the VQA evaluation puts it back
_APOSTROPHES = """
ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't
haven't he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've
might've mustn't must've needn't not've o'clock oughtn't shan't she'd've should've shouldn't
shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've someone'll someone's
something'd something'd've something'll that's there'd there'd've there're there's they'd they'd've
they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's what've when's
where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've
wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've
"""
_CONTRACTIONS = {word.replace("'", ""): word for word in _APOSTROPHES.split()}


def vqa_words(text: str) -> str:
    """An answer as the VQA evaluation normalises it: case, signs, articles, number words, apostrophes. A sign
    next to a space is removed, any other sign becomes a space."""
    text = text.lower().replace(",", "").replace("?", "").replace("'s", " 's")
    text = text.replace("\n", " ").replace("\t", " ").strip()
    spaced = text
    for sign in _PUNCTUATION:
        beside_space = f"{sign} " in text or f" {sign}" in text
        spaced = spaced.replace(sign, "" if beside_space else " ")
    spaced = re.sub(r"\.(?!\d)", "", spaced)
    words = [_NUMBER_WORDS.get(word, word) for word in spaced.split()]
    words = [word for word in words if word not in ("a", "an", "the")]
    return " ".join(_CONTRACTIONS.get(word.replace("'", ""), word) for word in words)


def load_realworldqa(request: Load) -> Sequence[Item]:
    """The data's own instruction to answer with a letter alone is removed, because the protocol has its
    own."""
    items = []
    for index, row in enumerate(request.rows.rows):
        question = _DIRECTLY.sub("\n", str(row["question"])).strip()
        answer = str(row["answer"]).strip()
        listed = _OPTION_LINE.findall(question)
        options = tuple(option for _, option in listed) if re.fullmatch("[A-H]", answer) else ()
        if options:
            stem = _OPTION_LINE.sub("", question).strip()
            text = request.prompt("choice").fill(question=stem, options=options_text(options))
        else:
            text = request.prompt("short").fill(question=question)
        message = Message.user(text, [_picture(row, request)])
        items.append(Item(_name(row, index), (message,), answer, options))
    return items


_TEST = ("data/test-*.parquet", "*.parquet", "*.jsonl")
_VALIDATION = ("data/validation-*.parquet", "*.parquet", "*.jsonl")

BENCHMARKS = by_name(
    Benchmark(
        "ai2d", "AI2D (test)", column="AI2D", load=load_ai2d, grade=grade_choice, prompts=("choice",),
        about="diagrams of school science, multiple choice", images=True,
        source=Source(
            "lmms-lab/ai2d", _TEST, fields=("question", "options", "answer"),
            marks=Marks(split="test", num_questions=3088),
        ),
    ),
    Benchmark(
        "chartqa", "ChartQA (test)", column="ChartQA", load=load_chartqa, grade=grade_chartqa,
        prompts=("short",), about="questions about charts, 5% tolerance", images=True,
        source=Source(
            "lmms-lab/ChartQA", _TEST, fields=("question", "answer"),
            marks=Marks(split="test", num_questions=2500),
        ),
    ),
    Benchmark(
        "textvqa", "TextVQA (val)", column="TextVQA", load=load_textvqa, grade=grade_textvqa,
        prompts=("short",), about="reading text in photographs", images=True,
        source=Source(
            "lmms-lab/textvqa", _VALIDATION, fields=("question", "answers"),
            marks=Marks(split="validation", num_questions=5000),
        ),
    ),
    Benchmark(
        "realworldqa", "RealWorldQA", column="RealWorldQA", load=load_realworldqa, grade=grade_mixed,
        prompts=("choice", "short"), about="photographs from vehicles and streets", images=True,
        source=Source(
            "lmms-lab/RealWorldQA", _TEST, fields=("question", "answer"),
            marks=Marks(split="test", num_questions=765),
        ),
    ),
)  # fmt: skip

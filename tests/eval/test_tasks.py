"""Every benchmark on rows of its official schema: what is asked, and how answers are graded."""

import base64
import json
import pickle
import re
import zlib
from pathlib import Path

import pytest

from r1v.core import R1VError
from r1v.eval import prompts
from r1v.eval.benchmark import TASKS, GradingTools, benchmark, load_items
from r1v.eval.item import Item, Output
from r1v.eval.prompts import PROMPTS, prompt
from r1v.eval.questions.data import DataError, Source, read_rows
from r1v.scoring import MathVerifier
from r1v.scoring.verifier import available
from tests.eval.rows import ROWS, write_rows


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def tools():
    verifier = MathVerifier() if available() else None
    yield GradingTools(verifier, code_timeout_s=20.0)
    if verifier is not None:
        verifier.close()


def items_of(name: str, data: Path) -> list[Item]:
    return list(load_items(benchmark(name), data=data).items)


BOX = r"Answer: \boxed{%s}"
PROGRAM = "```python\n%s\n```"

# benchmark, index of the row, answer, score (None: nothing to grade)
CASES = [
    ("aime24", 0, BOX % "204", 1.0),
    ("aime24", 0, BOX % "20", 0.0),
    ("aime24", 0, "", None),
    ("math500", 0, BOX % "1.5", 1.0),
    ("math500", 1, BOX % r"(3, \pi/2)", 1.0),
    ("math500", 1, BOX % r"(\pi/2, 3)", 0.0),
    ("mathvision", 0, BOX % "6", 1.0),
    ("mathvision", 1, BOX % "D", 1.0),
    ("mathvision", 1, BOX % "E", 0.0),
    ("mathvision", 2, BOX % "C", 1.0),
    ("mathvision", 2, BOX % "12 cm", 1.0),
    ("mathvision", 2, BOX % "12", 1.0),
    ("mathvision", 2, BOX % "blue", 0.0),
    ("mathvista", 0, BOX % "1.2 cm", 1.0),
    ("mathvista", 0, BOX % "1.24", 1.0),
    ("mathvista", 0, BOX % "1.3", 0.0),
    ("mathvista", 1, BOX % "B", 1.0),
    ("mathvista", 1, BOX % "no", 1.0),
    ("mathvista", 2, BOX % "14.0", 1.0),
    ("mathvista", 2, BOX % "15", 0.0),
    ("mmmu", 0, BOX % "B", 1.0),
    ("mmmu", 0, "It is a mirror.", 1.0),
    ("mmmu", 1, BOX % "24.69", 1.0),
    ("mmmu", 1, BOX % "24.7", 0.0),
    ("mmmu", 2, BOX % "a spring", 1.0),
    ("mmmu", 2, BOX % "in spring", 1.0),
    ("mmmu_pro", 0, BOX % "J", 1.0),
    ("mmmu_pro_vision", 0, BOX % "C", 1.0),
    ("mmmu_pro_vision", 0, BOX % "D", None),
    ("olympiadbench", 0, BOX % "36.4", 1.0),
    ("olympiadbench", 0, BOX % "10 m/s", 1.0),
    ("olympiadbench", 0, BOX % "36.6", 0.0),
    ("olympiadbench", 1, BOX % "5, 2", 1.0),
    ("olympiadbench", 1, BOX % "5", 0.0),
    ("olympiadbench", 2, BOX % "0.255, 1.45", 1.0),
    ("olympiadbench", 2, BOX % "0.3, 1.45", 0.0),
    ("olympiadbench", 3, BOX % "1+x^2", 1.0),
    ("ai2d", 0, BOX % "B", 1.0),
    ("ai2d", 0, BOX % "leaf", 1.0),
    ("chartqa", 0, BOX % "104.9", 1.0),
    ("chartqa", 0, BOX % "106", 0.0),
    ("chartqa", 1, BOX % "peru", 1.0),
    ("textvqa", 0, BOX % "Stop sign", 1.0),
    ("textvqa", 0, BOX % "stop", 0.6),
    ("textvqa", 0, BOX % "go", 0.0),
    ("realworldqa", 0, BOX % "B", 1.0),
    ("realworldqa", 0, BOX % "Right", 1.0),
    ("realworldqa", 1, BOX % "three", 1.0),
    ("bfcl", 0, "[area(base=10, height=5)]", 1.0),
    ("bfcl", 0, "area(base=10, height=5.0, unit='Units')", 1.0),
    ("bfcl", 0, "[area(base=10.0, height=5)]", 0.0),
    ("bfcl", 0, "[area(base=10)]", 0.0),
    ("bfcl", 0, "There is no function for it.", 0.0),
    ("bfcl", 1, "[area(base=10, height=5), area(base=10, height=5)]", 1.0),
    ("bfcl", 1, "[area(base=10, height=5)]", 0.0),
    ("bfcl", 2, "No function fits.", 1.0),
    ("bfcl", 2, "[area(base=1, height=1)]", 0.0),
    ("bfcl", 3, "[area(base=1, height=1)]", 1.0),
    ("bfcl", 3, "No function fits.", 0.0),
    ("livecodebench", 0, PROGRAM % "a, b = map(int, input().split())\nprint(a + b)", 1.0),
    ("livecodebench", 0, PROGRAM % "print(3)", 0.0),
    ("livecodebench", 0, "print(3)", None),
    ("livecodebench", 1, PROGRAM % "class Solution:\n    def add(self, a: int, b: List[int]) -> int:\n"
     "        return a + sum(b)", 1.0),
    ("livecodebench", 1, PROGRAM % "class Solution:\n    def add(self, a, b):\n        return 1 / 0", 0.0),
    ("livebench", 0, "So the answer is 204.", 1.0),
    ("livebench", 0, "205", 0.0),
    ("livebench", 1, BOX % "0.5x", 1.0),
    ("livebench", 2, "<solution>2, tea, red</solution>", 1.0),
    ("livebench", 2, "<solution>2, tea, blue</solution>", 1 / 3),
    ("livebench", 3, "<solution>It is fine.</solution>", 1.0),
    ("livebench", 4, "```python\n{'a': 'x'}\n```", 0.67),
    ("livebench", 6, PROGRAM % "print(int(input()) ** 2)", 1.0),
    ("rewardbench", 0, BOX % "3", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "index", "answer", "score"), CASES)
def test_grades(name: str, index: int, answer: str, score: float | None, data: Path, tools) -> None:
    if name == "livebench" and "0.5x" in answer and not available():
        pytest.skip("needs math-verify")
    item = items_of(name, data)[index]
    grade = benchmark(name).grade(item, Output(answer=answer), tools)
    assert grade.score == (score if score is None else pytest.approx(score, abs=0.02)), grade


@pytest.mark.parametrize("name", [name for name in TASKS if name not in ("figures", "mathvision_full")])
def test_questions_are_asked_whole(name: str, data: Path) -> None:
    which = benchmark(name)
    items = items_of(name, data)
    assert items and len({item.id for item in items}) == len(items)
    for item in items:
        assert item.text and "{question}" not in item.text and "<image" not in item.text
        if "choice" in which.prompts and item.options:
            assert r"\boxed{LETTER}" in item.text
    assert any(message.images for item in items for message in item.messages) == which.images


def test_the_right_answer_of_a_pair_is_drawn_from_its_id(data: Path, tools) -> None:
    for name in ("vl_rewardbench", "rewardbench"):
        for item in items_of(name, data):
            grade = benchmark(name).grade(item, Output(answer=BOX % item.answer), tools)
            assert grade.score == 1.0


def test_gpqa_options_are_shuffled_and_fixed(data: Path, tools) -> None:
    items = items_of("gpqa", data)
    assert [item.options for item in items] == [item.options for item in items_of("gpqa", data)]
    assert len({item.answer for item in items}) > 1
    assert all(item.options["ABCD".index(item.answer)] == "right" for item in items)


def test_images_stand_where_they_are_named(data: Path) -> None:
    content = items_of("mmmu", data)[0].messages[0].content
    kinds = ["text" if isinstance(part, str) else "image" for part in content]
    assert kinds == ["text", "image", "text", "image", "text"]


def test_theorem_proofs_are_left_out(data: Path) -> None:
    assert [item.id for item in items_of("olympiadbench", data)] == [
        "Physics-1",
        "Math-2",
        "Physics-3",
        "Math-4",
    ]


def test_livecodebench_takes_a_date_window(data: Path) -> None:
    which = benchmark("livecodebench")
    assert {item.id for item in load_items(which, data=data).items} == {"stdin", "function"}
    items = load_items(which, data=data, options={"from": "2022-01-01", "to": "2023-12-31"}).items
    assert [item.id for item in items] == ["old"]


def test_livebench_keeps_the_questions_of_a_release(data: Path) -> None:
    which = benchmark("livebench")
    assert "q8" not in {item.id for item in load_items(which, data=data).items}
    assert "q8" in {item.id for item in load_items(which, data=data, options={"release": "2024-11-30"}).items}


def test_ifeval_and_livebench_instructions(data: Path, tools) -> None:
    pytest.importorskip("if_verifiable", reason="needs the extra eval")
    item = items_of("ifeval", data)[0]
    grade = benchmark("ifeval").grade
    assert grade(item, Output(answer="None here."), tools).score == 1.0
    assert grade(item, Output(answer="One, two."), tools).score == 0.0
    assert grade(item, Output(answer=" "), tools).score is None
    story = items_of("livebench", data)[5]
    assert benchmark("livebench").grade(story, Output(answer='"A story."'), tools).score == 1.0
    assert benchmark("livebench").grade(story, Output(answer="A story."), tools).score == 0.25


def test_pickled_tests_must_be_plain_text(tmp_path: Path) -> None:
    from r1v.eval.tasks.livecodebench import read_tests

    class Evil:
        def __reduce__(self):
            return (print, ("owned",))

    packed = base64.b64encode(zlib.compress(pickle.dumps(Evil()))).decode()
    with pytest.raises(DataError, match="plain text"):
        read_tests(packed)


def test_thinking_is_never_graded(data: Path, tools) -> None:
    item = items_of("aime24", data)[0]
    output = Output(thinking=r"\boxed{204}", answer=r"\boxed{3}")
    assert benchmark("aime24").grade(item, output, tools).score == 0.0


def test_limit_and_shuffle(data: Path) -> None:
    which = benchmark("gpqa")
    first = [item.id for item in load_items(which, data=data, shuffle_seed=1).items]
    assert first == [item.id for item in load_items(which, data=data, shuffle_seed=1).items]
    assert sorted(first) == ["rec0", "rec1", "rec2", "rec3"]
    some = load_items(which, data=data, shuffle_seed=1, limit=2)
    assert [item.id for item in some.items] == first[:2] and some.partial
    assert load_items(which, data=data, limit=3).partial and not load_items(which, data=data, limit=4).partial


def test_errors_name_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not there"):
        read_rows(Source("a/b", ("*.jsonl",)), tmp_path / "none", "x")
    with pytest.raises(DataError, match="a/b"):
        read_rows(Source("a/b", ("*.jsonl",)), tmp_path, "x")
    (tmp_path / "x.jsonl").write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        read_rows(Source("a/b", ("*.jsonl",)), tmp_path, "x")


# The hash of every wording that has been used. A new wording is a new version, in a file of its own.
FROZEN = {
    ("question", 1): "bf085a6e12c9d0e2",
    ("open", 1): "95b77c32536641c8",
    ("open", 2): "5737a1eb0117589d",
    ("open", 3): "bf085a6e12c9d0e2",
    ("open", 4): "32345de5766b2f21",
    ("open", 5): "4c760e8bd2900f2d",
    ("open", 6): "fac98fb0a7cc77d0",
    ("choice", 1): "a149eb892f8a86df",
    ("choice", 2): "919f325b938225a2",
    ("choice", 3): "d095077a35f608bd",
    ("choice", 4): "e22222d7b3f128d7",
    ("choice", 5): "949065fbfce198d3",
    ("marked", 1): "ff4b747bf21d15cf",
    ("marked", 2): "077727e5bd5e5f78",
    ("marked", 3): "bf085a6e12c9d0e2",
    ("marked", 4): "99fb9a107f324611",
    ("yes_no", 1): "c467ca5418e5cddc",
    ("yes_no", 2): "2a1effa98ab54158",
    ("yes_no", 3): "bf085a6e12c9d0e2",
    ("unit", 1): "48bc886e1eb0c8d3",
    ("unit", 2): "9045b130fc19f9db",
    ("short", 1): "848c8472f3475399",
    ("short", 2): "64686609ea22c5fa",
    ("system", 1): "8bdc45ce725535a0",
    ("bfcl", 1): "5a54f5a10a4be02f",
    ("bfcl_turns", 1): "7c5e92d17808177f",
    ("livecodebench_stdin", 1): "297e8334f59be233",
    ("livecodebench_functional", 1): "efb40260c6a45b3f",
    ("judge", 1): "6214178b7eb32cb2",
    ("caption", 1): "9edc5fd8382d9b9f",
    ("extract", 1): "366c9a3533dfdc13",
    ("pair", 1): "beb8530fa49d33c7",
}


def test_prompts_are_frozen() -> None:
    folder = Path(prompts.__file__).parent
    hashes = {}
    for path in folder.glob("*.txt"):
        name, version = re.fullmatch(r"(\w+)\.v(\d+)\.txt", path.name).groups()
        hashes[name, int(version)] = prompt(name, int(version)).sha256[:16]
    assert hashes == FROZEN
    assert {(name, version) for name, version in PROMPTS.items()} <= set(FROZEN)


def test_every_benchmark_has_rows_here() -> None:
    assert set(ROWS) | {"figures", "mathvision_full", "bfcl"} == set(TASKS)


@pytest.mark.parametrize("name", [name for name, (file, _) in ROWS.items() if not file.endswith(".csv")])
def test_rows_of_another_form_are_refused_in_words(name: str, tmp_path: Path) -> None:
    """A field that is missing, nothing or of another type is no traceback, whichever it is."""
    file, rows = ROWS[name]
    write_rows(tmp_path, name)
    path = tmp_path / name / file
    broken: list[object] = [
        {"foo": 1},
        "text",
        *({**rows[0], key: value} for key in rows[0] for value in (None, 12345)),
    ]
    refused = 0
    for row in broken:
        path.write_text(json.dumps([row]) if file.endswith(".json") else json.dumps(row) + "\n")
        try:
            load_items(benchmark(name), data=tmp_path)
        except R1VError as error:
            refused += 1
            assert len(str(error)) < 500 and "\n" not in str(error)
    assert refused >= 4


def test_a_right_answer_is_one_of_the_options(tmp_path: Path) -> None:
    write_rows(tmp_path, "mathvision")
    path = tmp_path / "mathvision" / "testmini.jsonl"
    path.write_text(path.read_text().replace('"answer": "D"', '"answer": "Z"'))
    with pytest.raises(DataError, match="question 2: the right answer 'Z' is none of the letters A to E"):
        load_items(benchmark("mathvision"), data=tmp_path)
    with pytest.raises(DataError, match=r"no question with from=2030-01-01"):
        load_items(
            benchmark("livecodebench"), data=write_rows(tmp_path), options={"from": "2030-01-01", "to": ""}
        )


def test_programs_have_the_names_of_the_official_harness(tools: GradingTools) -> None:
    program = (
        "assert Counter('aa')['a'] == 2 and pow(2, 5, 7) == 4 and statistics.mean([1, 3]) == 2\n"
        "assert datetime.date(2024, 1, 1) and inf > 1 and StringIO and Optional and heappush\n"
        "print(json.dumps(1))"
    )
    case = {"input": "", "output": "1", "testtype": "stdin"}
    item = Item("1", (), "", (), "", {"tests": [case], "function": None})
    graded = benchmark("livecodebench").grade(item, Output(answer=f"```python\n{program}\n```"), tools)
    assert graded.right, graded.details

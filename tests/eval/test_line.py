"""R1V3's sixteen benchmarks and four more, on rows of their official schemas: asked, graded, combined."""

import csv
import json
from pathlib import Path

import pytest

from r1v.core import ConfigError
from r1v.eval.benchmark import TASKS, GradingTools, benchmark, load_items
from r1v.eval.grading import puzzles
from r1v.eval.grading.extraction import READINGS, read_as, toolkit_letter
from r1v.eval.item import Item, Output
from r1v.eval.protocols import PROTOCOLS, protocol
from r1v.eval.questions.data import DataError
from r1v.eval.score import Judged, summarise
from r1v.eval.tasks.general import split_options
from r1v.eval.tasks.geometry import wemath_parts
from r1v.eval.tasks.mme_reasoning import last_json
from r1v.eval.tasks.physics import half_unit
from r1v.scoring import Verdict
from tests.eval.rows import IMAGE, write_rows

TOOLS = GradingTools()
BOX = r"Answer: \boxed{%s}"
R1V3_LINE = (
    "mmmu", "emma_mini", "mmmu_pro", "mmk12", "mmstar", "mmbench", "hallusionbench", "mathvista", "mathverse",
    "mathvision", "wemath", "visulogic", "logicvista", "mme_reasoning", "phyx", "seephys",
)  # fmt: skip
FOUR_MORE = ("dynamath", "geometry3k", "gaokao_mm", "nlvr")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data"))


def items_of(name: str, data: Path, **options: str) -> list[Item]:
    return list(load_items(benchmark(name), data=data, options=options).items)


SUDOKU = [[1, 2, 3, 4], [3, 4, 1, 2], [2, 1, 4, 3], [4, 3, 2, 1]]

# benchmark, index of the row, answer, score (None: nothing to grade)
CASES = [
    ("mmstar", 0, BOX % "C", 1.0),
    ("mmstar", 0, BOX % "blue", 1.0),
    ("mmstar", 0, BOX % "red, or so", 0.0),
    ("mmbench", 1, BOX % "A", 1.0),
    ("mmbench", 1, BOX % "two", 1.0),
    ("hallusionbench", 0, BOX % "Yes", 1.0),
    ("hallusionbench", 0, "No, both are as long.", 0.0),
    ("hallusionbench", 1, "No, it is not.", 1.0),
    ("hallusionbench", 1, "It may be yes or no.", None),
    ("emma_mini", 0, BOX % "B", 1.0),
    ("emma_mini", 1, BOX % r"\frac{10}{3}", 1.0),
    ("emma_mini", 1, BOX % "3.4", 0.0),
    ("mmk12", 0, BOX % "D", 1.0),
    ("mmk12", 0, r"<answer> The answer is $\boxed{D}$ </answer>", 1.0),
    ("mmk12", 1, BOX % "1.5", 1.0),
    ("gaokao_mm", 0, BOX % "A, C", 1.0),
    ("gaokao_mm", 0, BOX % "CA", 1.0),
    ("gaokao_mm", 0, BOX % "A", 0.5),
    ("gaokao_mm", 0, BOX % "A, B, C", 0.0),
    ("gaokao_mm", 0, "答案：C", 0.5),
    ("mathverse", 0, BOX % "B", 1.0),
    ("mathverse", 1, BOX % "y = 1 + 2x", 1.0),
    ("wemath", 0, BOX % "2 cm", 1.0),
    ("wemath", 2, BOX % "D", 0.0),
    ("geometry3k", 0, BOX % "C", 1.0),
    ("geometry3k", 0, BOX % "3", 1.0),
    ("dynamath", 0, BOX % "1.5004", 1.0),
    ("dynamath", 0, BOX % "1.502", 0.0),
    ("dynamath", 1, BOX % "B", 1.0),
    ("dynamath", 2, BOX % "odd function", 1.0),
    ("dynamath", 2, BOX % "an even function", 0.0),
    ("visulogic", 0, BOX % "D", 1.0),
    ("logicvista", 0, BOX % "A", 1.0),
    ("logicvista", 0, BOX % "A, B", None),
    ("logicvista", 1, BOX % r"\text{D and B}", 1.0),
    ("logicvista", 1, BOX % "B", 0.0),
    ("nlvr", 0, BOX % "yes", 1.0),
    ("nlvr", 0, "True.", 1.0),
    ("nlvr", 1, BOX % "true", 0.0),
    ("mme_reasoning", 0, BOX % "C, A", 1.0),
    ("mme_reasoning", 0, BOX % "A", 0.0),
    ("mme_reasoning", 1, BOX % r"\sqrt2", 1.0),
    ("mme_reasoning", 1, BOX % "1.414", 1.0),
    ("mme_reasoning", 2, 'So {"equation": "4 * 6 * 1 * 1 = 24"}', 1.0),
    ("mme_reasoning", 2, 'So {"equation": "4 * 6"}', 0.0),
    ("mme_reasoning", 2, BOX % "(4)(6)(1)(1)", 0.0),
    ("mme_reasoning", 2, "There is none.", None),
    ("mme_reasoning", 3, f"```json\n{json.dumps(SUDOKU)}\n```", 1.0),
    ("mme_reasoning", 3, json.dumps([[2, 1, 3, 4], *SUDOKU[1:]]), 0.0),
    ("phyx", 0, BOX % "C", 1.0),
    ("phyx", 0, BOX % "3 m/s", 1.0),
    ("seephys", 0, BOX % "12.5", 1.0),
    ("seephys", 0, BOX % "12.54 N", 1.0),
    ("seephys", 0, BOX % "12.6 N", 0.0),
    ("seephys", 0, r"<think>12</think><answer> 0.0125\,kN </answer>", 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "index", "answer", "score"), CASES)
def test_grades(name: str, index: int, answer: str, score: float | None, data: Path) -> None:
    grade = benchmark(name).grade(items_of(name, data)[index], Output(answer=answer), TOOLS)
    assert grade.score == score, grade


def test_the_whole_line_is_there() -> None:
    assert set(R1V3_LINE) | set(FOUR_MORE) <= set(TASKS) and len(R1V3_LINE) == 16
    assert {name for name, *_ in CASES} >= (set(R1V3_LINE) | set(FOUR_MORE)) - {
        "mmmu", "mmmu_pro", "mathvista", "mathvision",  # in test_tasks.py
    }  # fmt: skip


def test_options_within_a_question() -> None:
    assert split_options("Which?\nOptions: A: red, or so, B: 3 C: x, C: (D): y, D: none") == (
        "Which?", ("red, or so", "3 C: x", "(D): y", "none"),
    ) or split_options("Which?\nOptions: A: a, B: b") == ("Which?", ("a", "b"))  # fmt: skip
    assert split_options("Which?\nOptions: A: a, B: b, C: c") == ("Which?", ("a", "b", "c"))
    assert split_options("No options: none") == ("No options: none", ())


def test_what_is_asked(data: Path) -> None:
    assert [item.id for item in items_of("mathverse", data)] == ["1", "2"]
    assert items_of("mathverse", data)[0].options == tuple("ABCDE")
    assert [item.id for item in items_of("mathverse", data, version="Text Dominant")] == ["3"]
    assert "Speed?" in items_of("phyx", data)[0].text and "story" not in items_of("phyx", data)[0].text
    assert "A long story.\nHow fast?" in items_of("phyx", data, text="full")[0].text
    assert items_of("gaokao_mm", data)[0].messages[0].images and items_of("nlvr", data)[1].id == "17-1"
    assert "3 significant figures" in items_of("seephys", data)[0].text
    with pytest.raises(DataError, match="needs 'guess', which has no rule here"):
        _changed(data, "mme_reasoning", "MME_Reasoning.jsonl", function_id="guess")


def _changed(data: Path, name: str, file: str, **fields: object) -> list[Item]:
    row = {**json.loads((data / name / file).read_text().splitlines()[0]), **fields}
    folder = data.parent / f"changed-{name}"
    folder.mkdir(exist_ok=True)
    (folder / file).write_text(json.dumps(row) + "\n")
    return items_of(name, folder)


def test_official_files_of_another_make(tmp_path: Path) -> None:
    """LogicVista's file is an object by names; VLMEvalKit's tables have columns A, B, … and a picture."""
    write_rows(tmp_path, "logicvista")
    path = tmp_path / "logicvista" / "dataset.json"
    path.write_text(json.dumps({f"v{n}": row for n, row in enumerate(json.loads(path.read_text()))}))
    assert [item.answer for item in items_of("logicvista", tmp_path)] == ["A", "B, D"]
    picture = IMAGE["bytes"].split(",")[1]
    tables = {
        "wemath": ("WeMath.tsv", {"index": 0, "ID": 5, "key": "3steps_multi", "question": "Q", "A": "1",
                                  "B": "2", "answer": "B", "option": ""}),
        "mmstar": ("MMStar.tsv", {"index": 4, "question": "Q", "A": "1", "B": "2", "C": "", "answer": "A",
                                  "category": "x"}),
        "hallusionbench": ("HallusionBench.tsv", {"index": "VS_chart_0_1_2", "question": "Is it?",
                                                  "answer": "Yes", "category": "VS", "l2-category": "chart"}),
        "seephys": ("SeePhys_total.tsv", {"index": 1, "question": "", "answer": "3 m", "sig_figs": "nan"}),
        "phyx": ("PhyX_mini_MC.tsv", {"index": 1, "question": "Q?\nA: 1\nB: 2\nC: 3\nD: 4", "answer": "B",
                                      "category": "x"}),
        "visulogic": ("VisuLogic.tsv", {"index": 1, "question": "Q? A, B", "answer": "B", "category": "x"}),
        "dynamath": ("DynaMath.tsv", {"index": 1, "qid": 2, "varid": 3, "question": "Q", "answer": "2.5",
                                      "answer_type": "float", "subject": "s", "knowledge_level": "k"}),
    }  # fmt: skip
    for name, (file, row) in tables.items():
        (tmp_path / name).mkdir(exist_ok=True)
        with open(tmp_path / name / file, "w", newline="") as opened:
            writer = csv.DictWriter(opened, [*row, "image"], delimiter="\t")
            writer.writeheader()
            writer.writerow({**row, "image": picture})
        (item,) = items_of(name, tmp_path)
        assert item.messages[0].images, name
        right = Output(answer=BOX % item.answer)
        assert benchmark(name).grade(item, right, TOOLS).score == 1.0, name
        assert "nan" not in item.text


# ------------------------------------------------------------------------------------------------ combining


def judged(items: list[Item], rights: list[bool]) -> list[Judged]:
    return [
        Judged(
            "t",
            item.id,
            1,
            Verdict.RIGHT if right else Verdict.WRONG,
            float(right),
            "",
            "",
            "",
            item.group,
            0,
            0,
        )
        for item, right in zip(items, rights, strict=True)
    ]


def test_mmbench_counts_a_question_where_all_turns_are_right(data: Path) -> None:
    items = items_of("mmbench", data)
    which = benchmark("mmbench")
    assert summarise(which, judged(items, [True, False, True]), 1, items)["score"] == 0.5
    assert summarise(which, judged(items, [True, True, True]), 1, items)["score"] == 1.0
    turned = _changed(data, "mmbench", "MMBench_DEV_EN_V11.jsonl", C="three")
    assert len(turned) == 1
    folder = data.parent / "changed-mmbench"
    turned = list(load_items(which, data=folder, options={"circular": "yes"}).items)
    assert [item.id for item in turned] == ["7", "1000007", "2000007"]
    assert all(item.options["ABC".index(item.answer)] == "two" for item in turned)


def test_hallusionbench_is_the_mean_of_three(data: Path) -> None:
    items = items_of("hallusionbench", data)  # figures 1, 1, 2 and questions 0, 1, 0
    found = summarise(benchmark("hallusionbench"), judged(items, [True, False, True]), 1, items)
    assert found["parts"] == {"answers": 2 / 3, "figures": 0.5, "pairs": 0.5}
    assert (
        found["score"] == pytest.approx((2 / 3 + 0.5 + 0.5) / 3)
        and found["low"] <= found["score"] <= found["high"]
    )


def test_wemath_strict_and_loose() -> None:
    """Counted by hand: four problems of two steps, one outcome each."""
    outcomes = {"a": "++ +", "b": "+- +", "c": "++ -", "d": "-- -", "e": "-- +"}
    samples = []
    for problem, marks in outcomes.items():
        for step, mark in zip(("1", "2", "multi"), marks.replace(" ", ""), strict=True):
            grading = {"problem": problem, "step": step}
            samples.append((Item(f"{problem}{step}", (), "", (), "", grading), float(mark == "+")))
    found = wemath_parts(samples)
    assert found["strict"] == pytest.approx((1 + 0.5) / 5) and found["loose"] == pytest.approx((2 + 0.5) / 5)
    assert found["insufficient_knowledge"] == found["inadequate_generalisation"] == pytest.approx(1 / 5)
    assert found["rote_memorisation_strict"] == 2 / 5 and found["rote_memorisation_loose"] == 1 / 5


def test_half_a_unit_of_the_last_figure() -> None:
    assert half_unit("12.5 N", 3) == pytest.approx(0.05, rel=1e-3)
    assert half_unit("0.00125", 3) == pytest.approx(5e-6, rel=1e-3)
    assert half_unit("x^2", 3) == half_unit("5", 0) == half_unit("0", 2) == 0.0


# --------------------------------------------------------------------------------------------------- puzzles


def test_grids() -> None:
    empty = [[None] * 4] * 4
    assert puzzles.sudoku(SUDOKU, empty, 2, 2) and not puzzles.sudoku(
        SUDOKU, [[2, None, None, None], *empty[1:]], 2, 2
    )
    latin = [[1, 2, 3, 4], [2, 3, 4, 1], [3, 4, 1, 2], [4, 1, 2, 3]]
    assert not puzzles.sudoku(latin, empty, 2, 2)  # rows and columns hold, boxes do not
    seen = [[4, 3, 2, 1], [4, 3, 2, 1], [1, 2, 2, 2], [1, 2, 2, 2]]
    assert puzzles.skyscrapers(latin, empty, seen)
    assert not puzzles.skyscrapers(latin, empty, [[1, 3, 2, 1], *seen[1:]])
    assert puzzles.skyscrapers(latin, empty, [[None] * 4] * 4)
    for bad in (None, "x", [], [[1]], [[True] * 4] * 4, [["1"] * 4] * 4, [1, 2, 3, 4]):
        assert not puzzles.sudoku(bad, empty, 2, 2) and not puzzles.skyscrapers(bad, empty, seen)


def test_yin_yang() -> None:
    givens = [[None] * 3] * 3
    assert puzzles.yin_yang([[0, 0, 0], [0, 1, 1], [0, 0, 1]], givens)
    assert not puzzles.yin_yang([[0, 1, 0], [0, 1, 1], [0, 0, 1]], givens)  # a lone 0
    assert not puzzles.yin_yang([[0, 0, 1], [0, 0, 1], [1, 1, 1]], givens)  # a square of 0
    assert not puzzles.yin_yang([[0, 0, 2], [0, 1, 1], [0, 0, 1]], givens)


def test_bridges() -> None:
    islands = [
        {"cord": "a1", "requirement": 3},
        {"cord": "a3", "requirement": 2},
        {"cord": "c1", "requirement": 1},
    ]
    right = [{"start": "a1", "end": "a3", "number": 2}, {"start": "c1", "end": "a1", "number": 1}]
    assert puzzles.bridges(right, islands)
    assert puzzles.bridges(
        [*right[1:], {"start": "a3", "end": "a1", "number": 1}, {"start": "a1", "end": "a3", "number": 1}],
        islands,
    )
    assert not puzzles.bridges(right[:1], islands)
    assert not puzzles.bridges([{**right[0], "number": 3}, right[1]], islands)
    assert not puzzles.bridges([{"start": "a3", "end": "c1", "number": 1}, *right], islands)
    cross = [{"cord": cord, "requirement": 1} for cord in ("a2", "c2", "b1", "b3")]
    lines = [{"start": "a2", "end": "c2", "number": 1}, {"start": "b1", "end": "b3", "number": 1}]
    assert not puzzles.bridges(lines, cross)
    for bad in (None, [], [1], [{"start": "a1"}], [{"start": "a1", "end": "a1", "number": 1}]):
        assert not puzzles.bridges(bad, islands)


def test_numbers_by_letter() -> None:
    assert puzzles.lines_add_up("10", {"A": 1, "B": 5, "D": 3, "C": 6, "F": 2, "E": 4}) is (
        1 + 5 + 3 == 3 + 4 + 2 == 1 + 6 + 2
    )
    magic = {"A": 2, "B": 7, "C": 6, "D": 9, "E": 5, "F": 1, "G": 4, "H": 3, "I": 8}
    assert not puzzles.lines_add_up("4", magic)
    assert not puzzles.lines_add_up("6", {"A": 1}) and not puzzles.lines_add_up("6", [1])
    wheel = dict(zip("ASCQEOGMIKLHNFPDRB", [n for low in range(1, 10) for n in (low, 20 - low)], strict=True))
    assert puzzles.lines_add_up("6", {**wheel, "J": 10})
    assert not puzzles.lines_add_up("6", {**wheel, "J": 10, "A": 2})
    assert puzzles.CHECKS["calculate_answer_function_1"]({"A": 6, "B": 2, "C": 4}, {})
    assert not puzzles.CHECKS["calculate_answer_function_1"]({"A": 6, "B": 0, "C": 4}, {})


@pytest.mark.parametrize(
    ("formula", "right"),
    [
        ("(1 + 3) × 6 × 1", True), ("(1+3)*6*1 = 24", True), ("6 * 4 * 1", False), ("6 * 3 + 6", False),
        ("__import__('os').abort()", False), ("9**9**9", False), ("1/0", False), ("(" * 90, False),
        (None, False),
    ],
)  # fmt: skip
def test_twenty_four(formula: str | None, right: bool) -> None:
    assert puzzles.makes(formula, 24, [1, 1, 3, 6]) is right


def test_formulas_in_any_order() -> None:
    assert puzzles.same_formula("3 + 2 = 5", ["2 + 3 = 5"]) and puzzles.same_formula("2*(1+3)", ["(1+3)*2"])
    assert not puzzles.same_formula("2 - 3", ["3 - 2"]) and not puzzles.same_formula("2 *", ["2 * 3"])
    assert last_json('no {x} but {"a": [1, {"b": 2}]} and {') == {"a": [1, {"b": 2}]}
    assert last_json("none") is None


# -------------------------------------------------------------------------------------------------- protocols


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_a_protocol_has_wordings_for_every_benchmark(name: str, data: Path) -> None:
    way = protocol(name)
    for task in TASKS:
        which = benchmark(task)
        found = way.prompts_for(which)
        assert set(found) <= {*which.prompts, "system"}
        if task in ("figures", "mathvision_full"):
            continue
        loaded = load_items(which, data=data, prompts=found, options=way.options_for(which))
        assert loaded.items and all("{" not in item.text.replace(r"\boxed{", "").replace('{"', "")
                                    or task in ("bfcl", "livecodebench", "mme_reasoning", "livebench")
                                    for item in loaded.items)  # fmt: skip
        assert not any("cannot be sure" in item.text for item in loaded.items) or name == "r1v2"


def test_what_the_protocols_change(data: Path) -> None:
    def asked(name: str, task: str) -> Item:
        which = benchmark(task)
        return load_items(which, data=data, prompts=protocol(name).prompts_for(which)).items[0]

    assert (
        "cannot be sure" in asked("r1v2", "mmmu").text and "cannot be sure" not in asked("r1v", "mmmu").text
    )
    assert r"\boxed" not in asked("r1v3", "mmstar").text and r"\boxed" in asked("r1v3", "emma_mini").text
    assert asked("r1v3", "mmk12").messages[0].role == "system" and len(asked("r1v", "mmk12").messages) == 1
    assert protocol("r1v2").sampling["temperature"] == 0.6
    assert protocol("r1v3").sampling_for(["mmmu", "mmstar"]) == {"temperature": 0.0, "max_tokens": 16384}
    assert protocol("r1v3").sampling_for(["mmk12"])["temperature"] == 0.8
    with pytest.raises(ConfigError, match="a run of its own"):
        protocol("r1v3").sampling_for(["mmmu", "mmk12"])
    with pytest.raises(ConfigError, match="use one of r1v, r1v2"):
        protocol("mine")


def test_forms_of_answers_are_told_rightly(data: Path) -> None:
    assert "with 1 digit after the point" in items_of("mathvista", data)[0].text
    several = items_of("olympiadbench", data)[1].text
    assert "There are several answers, and each is a number." in several and "one of several" not in several


def test_subsets_of_olympiadbench(tmp_path: Path) -> None:
    row = {"id": 1, "question": "Q", "final_answer": ["1"], "answer_type": "Numerical", "subject": "Math"}
    for name in ("OE_MM_maths_en_COMP", "OE_TO_physics_en_COMP", "OE_MM_physics_zh_CEE"):
        (tmp_path / f"{name}.json").write_text(json.dumps([{**row, "subject": name}]))
    which = benchmark("olympiadbench")
    counts = {
        subset: len(load_items(which, data=tmp_path, options={"subset": subset}).items)
        for subset in ("en_comp", "mm_en_comp", "mm", "all")
    }
    assert counts == {"en_comp": 2, "mm_en_comp": 1, "mm": 2, "all": 3}
    (tmp_path / "OE_MM_maths_en_COMP.json").write_text(json.dumps([{**row, "language": "Chinese"}]))
    assert len(load_items(which, data=tmp_path).items) == 1
    with pytest.raises(ConfigError, match="use one of en_comp"):
        load_items(which, data=tmp_path, options={"subset": "hard"})


# --------------------------------------------------------------------------------------- how answers are read


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"), ("The answer is (B).", "B"), (r"\boxed{B}", "B"), ("Answer: B", "B"), ("**B**", "B"),
        ("It is a mirror.", "B"), ("A mirror or a lens.", "A"), ("Neither A nor B", None), ("Z", "Z"),
        ("a lens, not a mirror", None), ("A B C", None), ("", None), (r"\boxed{\text{B}}", "B"),
        (r"So \boxed{B}. But A is nice.", None), ("I pick the mirror, A is not it", "A"), ("B Z", "B"),
    ],
)  # fmt: skip
def test_the_toolkits_rules(text: str, letter: str | None) -> None:
    """What can_infer of R1V3's fork of VLMEvalKit gave for the same texts."""
    assert toolkit_letter(text, ["A", "B", "C"], ["a lens", "a mirror", "a prism"]) == letter


def test_the_same_answers_in_every_way(data: Path) -> None:
    choice = Item("1", (), "B", ("a lens", "a mirror"))
    which = benchmark("mmmu")
    table = {
        "The answer is B.": (1.0, None, 1.0, 1.0),
        r"So \boxed{B}. But A is nice.": (1.0, 1.0, None, 1.0),
        r"\boxed{\text{B}}": (1.0, 1.0, 1.0, 1.0),
        "I pick the mirror, A is not it": (None, None, 0.0, 0.0),
        "It is unclear.": (None, None, None, None),
    }
    for text, scores in table.items():
        output = Output(answer=text)
        found = tuple(read_as(how, which)(choice, output, TOOLS).score for how in READINGS[:4])
        assert found == scores, text
    free = Item("2", (), "24.69")
    assert read_as("toolkit", which)(free, Output(answer="about 24.69 m"), TOOLS).score == 1.0
    assert read_as("box", which)(free, Output(answer=r"\boxed{24.69}"), TOOLS).score == 1.0
    assert read_as("box", which)(free, Output(answer=r"\boxed{24.690}"), TOOLS).score == 0.0

"""A few rows of every benchmark in its official schema, written to a folder as the offline data of a run."""

# ruff: noqa: E501 - rows are read more easily whole
from __future__ import annotations

import base64
import io
import json
import pickle
import zlib
from pathlib import Path
from typing import Any

from PIL import Image


def png(colour: str = "red", size: tuple[int, int] = (24, 16)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


IMAGE = {"bytes": "data:image/png;base64," + base64.b64encode(png(size=(60, 60))).decode(), "path": None}


def _mmmu(number: int, options: list[str], answer: str, **more: Any) -> dict[str, Any]:
    row = {
        "id": f"validation_Physics_{number}",
        "question": "What does <image 1> show beside <image 2>?",
        "options": repr(options),
        "answer": answer,
        "image_1": IMAGE,
        "image_2": IMAGE,
        "question_type": "multiple-choice" if options else "open",
        "topic_difficulty": "Easy",
        "subfield": "Optics",
    }
    return {**row, **more}


def _lcb(
    name: str, starter: str, public: list[dict[str, str]], private: list[dict[str, str]], **more: Any
) -> Any:
    packed = base64.b64encode(zlib.compress(pickle.dumps(json.dumps(private)))).decode()
    return {
        "question_id": name,
        "question_title": name,
        "question_content": "Add the numbers.",
        "platform": "leetcode" if starter else "atcoder",
        "contest_date": "2024-09-14T00:00:00",
        "starter_code": starter,
        "difficulty": "easy",
        "public_test_cases": json.dumps(public),
        "private_test_cases": packed,
        "metadata": json.dumps({"func_name": "add"} if starter else {}),
        **more,
    }


def _livebench(
    number: int, category: str, task: str, truth: str, turn: str = "Solve it.", **more: Any
) -> Any:
    return {
        "question_id": f"q{number}",
        "category": category,
        "task": task,
        "turns": [turn],
        "ground_truth": truth,
        "livebench_release_date": "2024-11-25T00:00:00",
        "livebench_removal_date": "",
        **more,
    }


ROWS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "aime24": ("aime.jsonl", [{"ID": "2024-I-1", "Problem": "What is 200 + 4?", "Solution": "…", "Answer": 204}]),
    "math500": (
        "test.jsonl",
        [
            {"problem": "Half of 3?", "answer": r"\frac{3}{2}", "subject": "Algebra", "level": 1, "unique_id": "a/1"},
            {"problem": "Where?", "answer": r"\left( 3, \frac{\pi}{2} \right)", "subject": "Precalculus",
             "level": 2, "unique_id": "p/1"},
        ],
    ),
    "gpqa": (
        "gpqa_diamond.csv",
        [
            {"Record ID": f"rec{n}", "Question": "Which?", "Correct Answer": "right", "Incorrect Answer 1": "w1",
             "Incorrect Answer 2": "w2", "Incorrect Answer 3": "w3", "High-level domain": "Physics"}
            for n in range(4)
        ],
    ),
    "mathvision": (
        "testmini.jsonl",
        [
            {"id": "1", "question": "How many?\n<image1>", "options": [], "answer": "6", "image": "images/1.png",
             "level": 1, "subject": "counting"},
            {"id": "2", "question": "Which one?\n<image1>", "options": list("ABCDE"), "answer": "D",
             "image": "images/1.png", "level": 3, "subject": "logic"},
            {"id": "3", "question": "Which colour?", "options": ["red", "blue", "12 cm"], "answer": "C",
             "image": "images/1.png", "level": 2, "subject": "logic"},
        ],
    ),
    "mathvista": (
        "testmini.json",
        [
            {"pid": "1", "question": "How long?", "choices": None, "unit": "cm", "precision": 1.0, "answer": "1.2",
             "question_type": "free_form", "answer_type": "float", "decoded_image": IMAGE,
             "metadata": {"task": "geometry problem solving", "category": "math-targeted-vqa"}},
            {"pid": "2", "question": "Which?", "choices": ["yes", "no"], "unit": None, "precision": None,
             "answer": "no", "question_type": "multi_choice", "answer_type": "text", "decoded_image": IMAGE,
             "metadata": {"task": "figure question answering", "category": "general-vqa"}},
            {"pid": "3", "question": "How many?", "choices": None, "unit": None, "precision": None, "answer": "14",
             "question_type": "free_form", "answer_type": "integer", "decoded_image": IMAGE, "metadata": {}},
        ],
    ),
    "mmmu": (
        "validation.jsonl",
        [_mmmu(1, ["a lens", "a mirror"], "B"), _mmmu(2, [], "24.69"), _mmmu(3, [], "['Spring', 'a spring']")],
    ),
    "mmmu_pro": (
        "standard_10.jsonl",
        [
            {"id": "test_Physics_1", "question": "What does <image 1> show beside <image 2>?", "answer": "J",
             "options": repr([f"option {n}" for n in range(10)]), "image_1": IMAGE, "image_2": IMAGE,
             "topic_difficulty": "Easy", "subject": "Physics"},
        ],
    ),
    "mmmu_pro_vision": (
        "vision.jsonl",
        [{"id": "test_Art_1", "image": IMAGE, "options": repr(["x", "y", "z"]), "answer": "C", "subject": "Art"}],
    ),
    "olympiadbench": (
        "OE_MM_physics_en_COMP.json",
        [
            {"id": 1, "question": "How fast? <image_1>", "final_answer": ["36"], "context": "A car.",
             "image_1": IMAGE, "is_multiple_answer": False, "unit": "km/h", "answer_type": "Numerical",
             "error": "0.5", "subject": "Physics", "subfield": "Mechanics", "question_type": "Open-ended"},
            {"id": 2, "question": "Which x?", "final_answer": ["2,5"], "context": None, "is_multiple_answer": True,
             "unit": None, "answer_type": "Numerical", "error": None, "subject": "Math", "subfield": "Algebra",
             "question_type": "Open-ended"},
            {"id": 3, "question": "Both?", "final_answer": ["1.5,0.25"], "context": None,
             "is_multiple_answer": True, "unit": None, "answer_type": "Numerical", "error": "0.1,0.01",
             "subject": "Physics", "subfield": "Optics", "question_type": "Open-ended"},
            {"id": 4, "question": "The law?", "final_answer": ["$x^2+1$"], "context": None,
             "is_multiple_answer": False, "unit": "", "answer_type": "Expression", "error": None,
             "subject": "Math", "subfield": "Algebra", "question_type": "Open-ended"},
            {"id": 5, "question": "Prove it.", "final_answer": None, "question_type": "Theorem proof"},
        ],
    ),
    "ai2d": ("ai2d.jsonl", [{"question": "Which?", "options": ["root", "leaf"], "answer": "1", "image": IMAGE}]),
    "chartqa": (
        "chartqa.jsonl",
        [
            {"type": "human_test", "question": "How much?", "answer": "100", "image": IMAGE},
            {"type": "augmented_test", "question": "Which?", "answer": "Peru", "image": IMAGE},
        ],
    ),
    "textvqa": (
        "textvqa.jsonl",
        [{"question_id": 7, "question": "What word?", "image": IMAGE, "answers": ["stop"] * 2 + ["the stop sign"] * 8}],
    ),
    "realworldqa": (
        "realworldqa.jsonl",
        [
            {"question": "Which way?\n\nA. Left\nB. Right\nPlease answer directly with only the letter of the correct "
             "option and nothing else.", "answer": "B", "image": IMAGE},
            {"question": "How many cars? Please answer directly with a single word or number.", "answer": "3",
             "image": IMAGE},
        ],
    ),
    "ifeval": (
        "input_data.jsonl",
        [{"key": 1, "prompt": "No commas.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}],
    ),
    "livecodebench": (
        "test6.jsonl",
        [
            _lcb("stdin", "", [{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}],
                 [{"input": "5 5\n", "output": "10", "testtype": "stdin"}]),
            _lcb("function", "class Solution:\n    def add(self, a: int, b: List[int]) -> int:\n        ",
                 [{"input": "1\n[2, 3]", "output": "6", "testtype": "functional"}], []),
            _lcb("old", "", [], [], contest_date="2023-01-01T00:00:00"),
        ],
    ),
    "livebench": (
        "livebench.jsonl",
        [
            _livebench(1, "math", "math_comp", "204", subtask="aime"),
            _livebench(2, "math", "AMPS_Hard", r"\frac{x}{2}", subtask="amps_hard_derivative"),
            _livebench(3, "reasoning", "zebra_puzzle", "2, tea, red"),
            _livebench(4, "language", "typos", "It is fine."),
            _livebench(5, "data_analysis", "tablejoin", "{'a': 'x', 'b': 'y'}"),
            _livebench(6, "instruction_following", "story_generation", "", "Write a story.",
                       instruction_id_list=["punctuation:no_comma", "startend:quotation"], kwargs=[{}, {}]),
            _livebench(7, "coding", "LCB_generation", "",
                       public_test_cases=json.dumps([{"input": "2\n", "output": "4", "testtype": "stdin"}]),
                       private_test_cases="[]", original_json={"metadata": "{}"}),
            _livebench(8, "reasoning", "spatial", "4", livebench_removal_date="2024-12-01"),
        ],
    ),
    "mmstar": (
        "mmstar.jsonl",
        [{"index": 0, "question": "Which colour?\nOptions: A: red, or so, B: green, C: blue, D: A: none",
          "image": IMAGE, "answer": "C", "category": "coarse perception", "l2_category": "colour", "meta_info": {}}],
    ),
    "mmbench": (
        "MMBench_DEV_EN_V11.jsonl",
        [
            {"index": 7, "hint": "Look.", "question": "Which?", "A": "one", "B": "two", "answer": "B",
             "category": "counting", "l2-category": "counts", "image": IMAGE, "split": "dev"},
            {"index": 1000007, "hint": "Look.", "question": "Which?", "A": "two", "B": "one", "answer": "A",
             "category": "counting", "l2-category": "counts", "image": IMAGE, "split": "dev"},
            {"index": 8, "hint": None, "question": "And?", "A": "x", "B": "y", "answer": "A",
             "category": "counting", "l2-category": "counts", "image": IMAGE, "split": "dev"},
        ],
    ),
    "hallusionbench": (
        "HallusionBench.json",
        [
            {"category": "VD", "subcategory": "illusion", "visual_input": "1", "set_id": "0", "figure_id": figure,
             "question_id": question, "question": "Is it longer?", "gt_answer": answer, "image": IMAGE}
            for figure, question, answer in (("1", "0", "1"), ("1", "1", "0"), ("2", "0", "0"))
        ],
    ),
    "emma_mini": (
        "test.jsonl",
        [
            {"pid": "math_1", "context": "Here.", "question": "<image_1> Which follows?", "options": ["x", "y"],
             "answer": "B", "image_1": IMAGE, "image_2": None, "type": "Multiple Choice", "subject": "Math",
             "task": "Pattern", "category": "2D", "solution": None, "source": "new"},
            {"pid": "phys_1", "context": None, "question": "How far? <image_1>", "options": None,
             "answer": "3.33", "image_1": IMAGE, "type": "Open-ended", "subject": "Physics", "task": "Path",
             "category": "", "solution": None, "source": "new"},
        ],
    ),
    "mmk12": (
        "test.jsonl",
        [
            {"id": "k1", "question": "Which?\nA. one\nB. two\nC. three\nD. four", "answer": "D",
             "subject": "math", "image": IMAGE},
            {"id": "k2", "question": "How much is it?", "answer": "$\\frac{3}{2}$", "subject": "physics",
             "image": IMAGE},
        ],
    ),
    "gaokao_mm": (
        "2010-2023_Physics_MCQs.json",
        [{"keywords": "2010-2023_Physics_MCQs", "example": [
            {"year": "2010", "category": "made up", "question": "1. Which are right? ( )\nA. 1\nB. 2\nC. 3\nD. 4",
             "picture": ["../Data/2010-2023_Physics_MCQs/2010-2023_Physics_MCQs_0_0.png"], "answer": ["AC"],
             "analysis": "", "index": 0, "score": 6}]}],
    ),
    "mathverse": (
        "testmini.json",
        [
            {"sample_index": "1", "problem_index": "1", "problem_version": "Vision Only", "question": "",
             "image": IMAGE, "answer": "B", "question_type": "multi-choice", "query_wo": "", "query_cot": "",
             "question_for_eval": "What is x?\nChoices:\nA:1\nB:2\nC:3\nD:4\nE: 5",
             "metadata": {"subject": "Plane Geometry", "subfield": "Angle", "split": "testmini", "source": "made up"}},
            {"sample_index": "2", "problem_index": "2", "problem_version": "Vision Only", "question": "",
             "image": IMAGE, "answer": "y=2x+1", "question_type": "free-form", "query_wo": "", "query_cot": "",
             "question_for_eval": "The function?", "metadata": {"subject": "Functions"}},
            {"sample_index": "3", "problem_index": "2", "problem_version": "Text Dominant", "question": "Long.",
             "image": IMAGE, "answer": "y=2x+1", "question_type": "free-form", "metadata": {"subject": "Functions"}},
        ],
    ),
    "wemath": (
        "testmini.json",
        [
            {"ID": "5", "split": "testmini", "knowledge concept": "Area", "question": "What is it?",
             "option": "A. 1 cm; B. 2 cm; C. 3 cm; D. No correct answer", "answer": "B", "image_path": IMAGE,
             "key": key, "question number": 1, "knowledge concept description": ""}
            for key in ("2steps_1", "2steps_2", "2steps_multi")
        ],
    ),
    "geometry3k": (
        "test/2401/data.json",
        [{"problem_text": "Find x.", "choices": ["1", "2", "3", "4"], "answer": "C", "id": 2401,
          "annotat_text": "Find $x$.", "compact_text": "Find x.", "precise_value": [1.0, 2.0, 3.0, 4.0],
          "problem_type_graph": ["Circle"], "problem_type_goal": ["Angle"], "data_type": "test"}],
    ),
    "dynamath": (
        "sample_variant1.jsonl",
        [
            {"id": "1", "question": "What is f(2)?", "image": "images/1.png", "decoded_image": IMAGE,
             "ground_truth": "1.5", "answer_type": "float", "subject": "algebra", "knowledge_level": "high school"},
            {"id": "2", "question": "Is it even? choices: (A) yes (B) no", "image": "images/2.png",
             "decoded_image": IMAGE, "ground_truth": "B", "answer_type": "multiple choice",
             "subject": "algebra", "knowledge_level": "high school"},
            {"id": "3", "question": "Which kind?", "image": "images/3.png", "decoded_image": IMAGE,
             "ground_truth": "an odd function", "answer_type": "text", "subject": "algebra",
             "knowledge_level": "high school"},
        ],
    ),
    "visulogic": (
        "data.jsonl",
        [{"image_path": "images/00000.png", "question": "<image>\nWhich is next?\nA: A B: B C: C D: D", "label": "D",
          "id": "00000", "tag": "Positional Reasoning"}],
    ),
    "logicvista": (
        "dataset.json",
        [
            {"imagename": "1.png", "question": "Which? A, B, C or D?", "answer": "A", "reasoning": "",
             "skill": ["inductive"], "capability": ["diagram"]},
            {"imagename": "2.png", "question": "Which two? A, B, C or D?", "answer": "B, D", "reasoning": "",
             "skill": ["deductive"], "capability": ["diagram"]},
        ],
    ),
    "nlvr": (
        "dev/dev.jsonl",
        [
            {"sentence": "There is a red box.", "label": label, "identifier": f"17-{number}",
             "evals": {"r1": label}, "structured_rep": []}
            for number, label in enumerate(("true", "false"))
        ],
    ),
    "mme_reasoning": (
        "MME_Reasoning.jsonl",
        [
            {"index": 0, "question": "Which?\nA. 1\nB. 2\nC. 3", "answer": "['A', 'C']", "question_type": "choice",
             "function_id": None, "special_info": None, "capability": "pattern analysis",
             "reasoning_type": "inductive", "image": IMAGE},
            {"index": 1, "question": "How long?", "answer": "\\sqrt{2}", "question_type": "open", "function_id": None,
             "special_info": None, "capability": "calculation", "reasoning_type": "deductive", "image": IMAGE},
            {"index": 2, "question": "Make 24.", "answer": None, "question_type": "rule",
             "function_id": "judge_24points_function", "special_info": "{'init_cards': [4, 6, 1, 1]}",
             "capability": "calculation", "reasoning_type": "abductive", "image": IMAGE},
            {"index": 3, "question": "Fill it.", "answer": None, "question_type": "rule",
             "function_id": "calculate_answer_function_sudoku_4",
             "special_info": "{'base_matrix': [[1, None, None, 4], [None, 4, 1, None], [None, 1, 4, None], [4, None, None, 1]]}",
             "capability": "planning and exploring", "reasoning_type": "deductive", "image": IMAGE},
        ],
    ),
    "phyx": (
        "test_mini.jsonl",
        [{"index": 3, "description": "A long story.", "question": "How fast?", "question_simply": "Speed?",
          "options": "['A: 1 m/s', 'B: 2 m/s', 'C: 3 m/s', 'D: 4 m/s']", "answer": "C", "category": "Mechanics",
          "subfield": "Kinematics", "image_caption": "", "reasoning_type": ["x"], "image": IMAGE}],
    ),
    "seephys": (
        "total.jsonl",
        [{"index": 9, "question": "What is the force?", "subject": "CM", "level": 3, "answer": "12.5 N",
          "sig_figs": "3", "language": "English", "caption": "A block.", "images": [IMAGE]}],
    ),
    "vl_rewardbench": (
        "vl.jsonl",
        [
            {"id": "RLAIF-V-1", "query": "What is it?", "response": ["a cat", "a dog"], "human_ranking": [1, 0],
             "image": IMAGE},
            {"id": "mathverse_1", "query": "How many?", "response": ["3", "4"], "human_ranking": [0, 1],
             "image": IMAGE},
        ],
    ),
    "rewardbench": (
        "filtered.jsonl",
        [
            {"id": 1, "prompt": "Hi", "chosen": "Hello!", "rejected": "No.", "subset": "alpacaeval-easy"},
            {"id": 2, "prompt": "2+2", "chosen": "4", "rejected": "5", "subset": "math-prm"},
            {"id": 3, "prompt": "Add", "chosen": "a+b", "rejected": "a-b", "subset": "hep-python"},
        ],
    ),
}  # fmt: skip

# pictures that lie beside the rows of some benchmarks
PICTURES = {
    "gaokao_mm": "2010-2023_Physics_MCQs/2010-2023_Physics_MCQs_0_0.png",
    "geometry3k": "test/2401/img_diagram.png",
    "visulogic": "images/00000.png",
    "logicvista": "images/1.png",
    "nlvr": "dev/images/3/dev-17-0-0.png",
}

BFCL_FUNCTION = {
    "name": "area",
    "description": "Area of a triangle.",
    "parameters": {
        "type": "dict",
        "properties": {"base": {"type": "integer"}, "height": {"type": "float"}, "unit": {"type": "string"}},
        "required": ["base", "height"],
    },
}


def write_rows(folder: Path, *names: str) -> Path:
    """Write the rows of benchmarks (all if none is named) as DIR/NAME/FILE."""
    for name, (file, rows) in ROWS.items():
        if names and name not in names:
            continue
        target = folder / name
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        if file.endswith(".csv"):
            head = list(rows[0])
            lines = [",".join(head), *(",".join(str(row[key]) for key in head) for row in rows)]
            (target / file).write_text("\n".join(lines) + "\n")
        elif file.endswith(".json"):
            (target / file).write_text(json.dumps(rows))
        else:
            (target / file).write_text("".join(json.dumps(row) + "\n" for row in rows))
    if not names or "mathvision" in names:
        (folder / "mathvision" / "images").mkdir(parents=True, exist_ok=True)
        (folder / "mathvision" / "images" / "1.png").write_bytes(png())
    for name, place in PICTURES.items():
        if (folder / name).is_dir():
            (folder / name / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / place).write_bytes(png())
    for name, place in (("logicvista", "images/2.png"), ("nlvr", "dev/images/3/dev-17-1-4.png")):
        if (folder / name).is_dir():
            (folder / name / place).write_bytes(png())
    if not names or "bfcl" in names:
        _write_bfcl(folder / "bfcl")
    return folder


def _write_bfcl(target: Path) -> None:
    (target / "possible_answer").mkdir(parents=True, exist_ok=True)
    asked = [{"role": "user", "content": "A triangle of base 10 and height 5?"}]
    for category in ("simple_python", "parallel", "irrelevance", "live_relevance"):
        row = {"id": f"{category}_0", "question": [asked], "function": [BFCL_FUNCTION]}
        (target / f"BFCL_v4_{category}.json").write_text(json.dumps(row) + "\n")
    one = {"area": {"base": [10], "height": [5.0], "unit": ["units", ""]}}
    for category, truth in (("simple_python", [one]), ("parallel", [one, one])):
        text = json.dumps({"id": f"{category}_0", "ground_truth": truth})
        (target / "possible_answer" / f"BFCL_v4_{category}.json").write_text(text + "\n")
    (target / "BFCL_v4_format_sensitivity.json").write_text(
        json.dumps({"simple_python": ["simple_python_0"]})
    )

"""Official scorers that are repositories: LiveBench, OlympiadBench, MATH-V, MathVista, MMMU, LiveCodeBench.

Clone them into one folder; only their scoring code is run, on answers made here in many wordings:

    for name in LiveBench/LiveBench OpenBMB/OlympiadBench mathllm/MATH-V lupantech/MathVista \\
        MMMU-Benchmark/MMMU LiveCodeBench/LiveCodeBench; do git clone --depth 1 https://github.com/$name; done
"""

# ruff: noqa: E501 - wordings are read more easily whole
from __future__ import annotations

import contextlib
import io
import multiprocessing
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from r1v.eval.benchmark import GradingTools, benchmark
from r1v.eval.item import Item, Output
from r1v.eval.tasks.mathvision import TWO_DECIMALS
from r1v.scoring import MathVerifier
from shared.parity import TOOLS, Parity, module_at, stand_ins
from shared.parity_livebench import livebench

Comparison = Callable[[Path, int], Parity]

# --------------------------------------------------------------------------------------------- OlympiadBench


def olympiadbench(repositories: Path, count: int) -> Parity:
    """Boxed answers beside the right one: equal in another form, near it, and others."""
    module = module_at(repositories / "OlympiadBench" / "eval" / "auto_scoring_judge.py", "olympiad_official")
    judge = module.AutoScoringJudge()
    which = benchmark("olympiadbench")
    tools = GradingTools(MathVerifier())
    result = Parity("olympiadbench", "OlympiadBench, auto_scoring_judge")
    for kind, truth, errors, answers in _OLYMPIAD:
        grading = {"answer_type": kind, "unit": "", "errors": errors, "several": "," in truth, "subfield": ""}
        for answer in answers:
            item = Item("1", (), truth, (), "", grading)
            text = rf"Answer: \boxed{{{answer}}}"
            ours = which.grade(item, Output(answer=text), tools).right
            with contextlib.redirect_stdout(io.StringIO()):
                theirs = judge.judge(truth, text, list(errors))
            result.add(f"{answer!r} for {truth!r} (within {errors})", bool(ours), bool(theirs))
    return result


def _near(value: float, error: float) -> list[str]:
    steps = (0, 0.5, 0.99, 1.2, 3)
    return [f"{value + sign * step * error:.10g}" for step in steps for sign in (1, -1)]


_OLYMPIAD: list[tuple[str, str, list[float], list[str]]] = [
    *(("Numerical", f"{v:g}", [e], _near(v, e)) for v, e in
      ((36, 0.5), (2.5, 0.1), (0.004, 0.0005), (-12, 1), (1200, 10), (9.81, 0.01), (0.25, 0.02), (6.4, 0.2))),
    *(("Numerical", truth, [1e-8], answers) for truth, answers in (
        (r"\frac{3}{4}", ["0.75", r"\frac{6}{8}", r"\dfrac34", "3/4", "0.7", r"\frac{4}{3}"]),
        (r"\sqrt{2}", [r"\sqrt2", r"2^{1/2}", "1.41421356237", "1.41", r"\frac{2}{\sqrt{2}}", r"\sqrt{3}"]),
        (r"2 \pi", [r"2\pi", "6.283185307", "6.28", r"\pi \cdot 2", r"\pi"]),
        ("1024", ["2^{10}", "1024", "1{,}024", "1,024", "1023", "1024.0"]),
        (r"\frac{1+\sqrt{5}}{2}", [r"\frac{\sqrt{5}+1}{2}", "1.6180339887", r"\frac{1-\sqrt{5}}{2}", "1.62"]),
        ("50", ["50%", "50", "0.5", r"50\%", "5000"]),
        ("45", [r"45^{\circ}", "45", r"45^\circ", r"\frac{\pi}{4}"]),
        (r"2^{100}", [r"2^{100}", r"4^{50}", "1267650600228229401496703205376", r"2^{99}"]),
        ("0", ["0", "0.0", "-0", "1"]),
    )),
    *(("Expression", truth, [1e-8], answers) for truth, answers in (
        ("x^2+1", ["1+x^2", "x^{2}+1", "x^2-1", "(x+1)^2-2x", "x^2+1.0", "y^2+1"]),
        (r"\frac{mg}{k}", [r"\frac{g m}{k}", r"mg/k", r"\frac{mg}{2k}", r"m g k^{-1}"]),
        (r"n(n+1)/2", [r"\frac{n(n+1)}{2}", r"\frac{n^2+n}{2}", r"\frac{n(n-1)}{2}"]),
        (r"\sin 2x", [r"2\sin x\cos x", r"\sin(2x)", r"\sin x"]),
        (r"a^{2} b", ["b a^2", "a^2 b", "ab^2"]),
        (r"(x-1)(x+2)", [r"x^2+x-2", r"(x+2)(x-1)", r"x^2-x-2"]),
    )),
    *(("Equation", truth, [1e-8], answers) for truth, answers in (
        ("y=2x+1", ["y=2x+1", "2x-y+1=0", "y=1+2x", "y=2x-1", "2y=4x+2"]),
        ("x+y=3", ["y=3-x", "x+y=3", "x+y-3=0", "x-y=3"]),
        ("x^{2}+y^{2}=4", ["x^2+y^2=4", "y^2+x^2=4", "x^2+y^2=2", "x^2+y^2-4=0"]),
    )),
    *(("Interval", truth, [1e-8], answers) for truth, answers in (
        (r"(1,2)", ["(1,2)", "[1,2]", "(1,2]", "(1, 2)", "(2,1)"]),
        (r"[0,\frac{1}{2}]", ["[0,0.5]", r"[0,\frac{1}{2}]", "[0,1]", r"\left[0,\frac12\right]"]),
        (r"(-\infty,3]", [r"(-\infty,3]", r"(-\infty, 3)", r"(-\infty,3 ]"]),
        (r"(0,1) \cup (2,3)", [r"(0,1)\cup(2,3)", r"(2,3)\cup(0,1)", r"(0,3)"]),
    )),
    *(("Tuple", truth, [1e-8], answers) for truth, answers in (
        ("(1,2)", ["(1,2)", "(2,1)", "(1, 2)", "(1.0,2.0)"]),
        (r"(\frac{1}{2},3)", ["(0.5,3)", r"(\frac12,3)", "(3,0.5)"]),
        ("(1,2),(2,1)", ["(2,1),(1,2)", "(1,2),(2,1)", "(1,2)"]),
    )),
    *(("Numerical", truth, [1e-8], answers) for truth, answers in (
        ("2,5", ["5,2", "2,5", "2, 5", "2", "2,5,7", r"2\text{ and }5", "5, 2"]),
        (r"1 \pm \sqrt{2}", [r"1+\sqrt{2},1-\sqrt{2}", r"1\pm\sqrt2", r"1+\sqrt{2}", r"1-\sqrt2, 1+\sqrt2"]),
        (r"\pm 3", ["3,-3", r"\pm3", "3", "-3,3"]),
    )),
    ("Numerical", "1.5,0.25", [0.1, 0.01], ["1.5,0.25", "1.58,0.255", "0.25,1.5", "1.7,0.25", "1.5,0.27", "1.5"]),
    ("Numerical", "3,30", [0.5, 2], ["3.4,31", "30,3", "3,33", "2.6,28.5", "4,30"]),
]  # fmt: skip


# -------------------------------------------------------------------------------------- MATH-V and MathVista

_CHOICE_FORMS = (
    "Answer: \\boxed{{{}}}",
    "\\boxed{{{}}}",
    "The answer is {}.",
    "The correct answer is ({}).",
    "({})\nbecause",
    "So it must be ({}).",
    "It is {}.",
    "\\boxed{{\\text{{{}}}}}",
    "the final answer is {}",
    "**{}**",
)
_VALUE_FORMS = ("Answer: \\boxed{{{}}}", "\\boxed{{{}}}", "The answer is {}.", "the answer is {}", "\\boxed{{x = {}}}",
                "\\boxed{{${}$}}", "So 1 + 1 is {}.", "The final answer is {}.")  # fmt: skip
_VALUES = (("6", ["6", "6.0", "7", "six"]), ("12.5", ["12.5", "12.50", r"\frac{25}{2}", "12", "12.504"]),
           (r"\frac{1}{3}", ["1/3", r"\frac13", "0.33", "0.3333", "3"]), (r"2\sqrt{3}", [r"2\sqrt3", "3.46", "3.4641", r"\sqrt{12}"]),
           ("120", ["120", r"120^{\circ}", "120°", "60"]), ("1000", ["1000", "1,000", "1{,}000", "100"]),
           ("15:20", ["15:20", "15.20", "3:20"]))  # fmt: skip


def mathvision(repositories: Path, count: int) -> Parity:
    """Letters and values in many wordings; the extraction of evaluate.py and is_equal of utils.py."""
    import latex2sympy2_extended

    stand_ins(["latex2sympy2"], latex2sympy=latex2sympy2_extended.latex2sympy)
    folder = repositories / "MATH-V" / "evaluation"
    module = module_at(folder / "utils.py", "mathvision_official")
    extract = _mathvision_extraction(folder / "evaluate.py", module)
    which = benchmark("mathvision")
    tools = GradingTools(MathVerifier())
    result = Parity("mathvision", "MATH-V, evaluate and is_equal")
    rng = random.Random(0)
    options = ("12", "15 cm", r"$\frac{1}{2}$", "red", "none")
    cases = [
        (rng.choice("ABCDE"), options, form.format(letter))
        for form in _CHOICE_FORMS
        for letter in "ABCDE"
        for _ in range(2)
    ]
    cases += [(letter, tuple("ABCDE"), form.format(letter if rng.random() < 0.5 else rng.choice("ABCDE")))
              for form in _CHOICE_FORMS for letter in "ABCDE"]  # fmt: skip
    cases += [
        (truth, (), form.format(text)) for truth, texts in _VALUES for text in texts for form in _VALUE_FORMS
    ]
    grading = {"absolute": TWO_DECIMALS}
    for truth, choices, text in cases:
        value = choices[ord(truth) - ord("A")] if choices else ""
        ours = which.grade(Item("1", (), truth, choices, "", grading), Output(answer=text), tools).right
        found = extract(text)
        with contextlib.redirect_stdout(io.StringIO()):
            theirs = module.is_equal(truth, found) or module.is_equal(value, found)
        result.add(
            f"{text!r}, right is {truth!r}{f' of {choices}' if choices else ''}", bool(ours), bool(theirs)
        )
    return result


def _mathvision_extraction(path: Path, utils: Any) -> Callable[[str], str]:
    """The lines of the official evaluate() that take the answer from a response, as a function."""
    lines = path.read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if "model_answer = line['response'].strip()" in line)
    last = next(i for i, line in enumerate(lines) if "find_math_answer(model_answer)" in line)
    indent = len(lines[first]) - len(lines[first].lstrip())
    body = "\n".join("    " + line[indent:] for line in lines[first : last + 1])
    scope: dict[str, Any] = dict(vars(utils))
    exec(f"def extract(line):\n{body}\n    return model_answer", scope)  # the official code, unchanged
    return lambda text: str(scope["extract"]({"response": text}))


def mathvista(repositories: Path, count: int) -> Parity:
    """Extracted answers (the official extraction is a language model's) through the official normalisation."""
    stand_ins(["datasets", "utilities"], load_dataset=None, read_json=None, save_json=None)
    module = module_at(repositories / "MathVista" / "evaluation" / "calculate_score.py", "mathvista_official")
    which = benchmark("mathvista")
    result = Parity("mathvista", "MathVista, normalize_extracted_answer")
    choices = ("yes", "no", "12 cm", "equal", "35")
    cases: list[tuple[str, str, int, tuple[str, ...], str]] = []
    for truth in "ABCDE":
        for given in "ABCDE":
            cases += [(truth, "text", 0, choices, given), (truth, "text", 0, choices, f"({given})")]
            cases.append((truth, "text", 0, choices, choices[ord(given) - ord("A")]))
    for truth in ("14", "3", "120", "0", "2019", "7", "56", "1000"):
        cases += [
            (truth, "integer", 0, (), text)
            for text in (
                truth,
                truth + ".0",
                truth + ".4",
                truth + ".9",
                str(int(truth) + 1),
                "-" + truth,
                " " + truth,
                "about " + truth,
            )
        ]
    for truth, places in (
        ("1.2", 1),
        ("0.25", 2),
        ("3.4", 1),
        ("12.75", 2),
        ("0.5", 1),
        ("8.75", 2),
        ("45.0", 1),
        ("0.01", 2),
        ("6.5", 1),
    ):
        value = float(truth)
        texts = [
            truth,
            f"{value}0",
            f"{value + 0.04:.3f}",
            f"{value + 0.004:.4f}",
            f"{value + 0.06:.3f}",
            f"{value - 0.2:.2f}",
            str(int(value)),
        ]
        cases += [(truth, "float", places, (), text) for text in texts]
    cases += [("[1, 4]", "list", 0, (), text) for text in ("[1, 4]", "[1,4]", "[4, 1]", "1, 4")]
    for truth, kind, places, options, text in cases:
        grading = {"answer_type": kind, "precision": places, "category": ""}
        ours = which.grade(
            Item("1", (), truth, options, "", grading), Output(answer=rf"\boxed{{{text}}}"), TOOLS
        ).right
        question = "multi_choice" if options else "free_form"
        theirs = module.normalize_extracted_answer(text, list(options), question, kind, float(places))
        wanted = options[ord(truth) - ord("A")] if options else truth
        result.add(f"{text!r}, right is {truth!r} ({kind})", bool(ours), module.safe_equal(theirs, wanted))
    return result


# ------------------------------------------------------------------------------------- MMMU's open questions


def mmmu_open(repositories: Path, count: int) -> Parity:
    """Open answers in many wordings."""
    module = module_at(repositories / "MMMU" / "mmmu" / "utils" / "eval_utils.py", "mmmu_open_official")
    which = benchmark("mmmu")
    result = Parity("mmmu_open", "MMMU, parse_open_response and eval_open")
    forms = ("Answer: \\boxed{{{}}}", "The answer is {}.", "{}", "So the result is {}", "Answer: {}", "x = {}",
             "It could be 3.\nThe final answer is {}.")  # fmt: skip
    values = (("24.69", ["24.69", "24.694", "24.7", "25", "24,69", "-24.69"]), ("1200", ["1200", "1,200", "1200.0", "120"]),
              ("Spring", ["spring", "a spring", "Spring", "winter"]), ("0.5", ["0.5", "1/2", ".5", "50%", "0.504"]),
              ("magma chamber", ["magma chamber", "the magma chamber", "chamber", "Magma Chamber"]),
              ("8/3", ["8/3", "2.67", r"\frac{8}{3}", "2.6667"]), ("1789", ["1789", "in 1789", "1790"]))  # fmt: skip
    for truth, texts in values:
        for text in texts:
            for form in forms:
                answer = form.format(text)
                item = Item("1", (), truth, (), "", {"also": []})
                ours = which.grade(item, Output(answer=answer), TOOLS).right
                theirs = module.eval_open(truth, module.parse_open_response(answer))
                result.add(f"{answer!r}, right is {truth!r}", bool(ours), bool(theirs))
    return result


# --------------------------------------------------------------------------------------------- LiveCodeBench


def livecodebench(repositories: Path, count: int) -> Parity:
    """Right and broken programs of both kinds, on one test each."""
    module = module_at(
        repositories / "LiveCodeBench" / "lcb_runner" / "evaluation" / "testing_util.py", "lcb_official"
    )
    which = benchmark("livecodebench")
    tools = GradingTools(code_timeout_s=3.0)
    result = Parity("livecodebench", "LiveCodeBench, testing_util.run_test")
    for program, function, test in _programs():
        grading = {"tests": [test], "function": function, "date": ""}
        ours = which.grade(
            Item("1", (), "", (), "", grading), Output(answer=f"```python\n{program}\n```"), tools
        ).right
        sample = {"inputs": [test["input"]], "outputs": [test["output"]], "fn_name": function}
        result.add(
            f"{program!r} on {test['input']!r} -> {test['output']!r}",
            bool(ours),
            _run_official(module, sample, program),
        )
    return result


def _run_official(module: Any, sample: dict[str, Any], program: str) -> bool:
    """In a process of its own, as the official check_correctness does it: the guard disables much of Python."""
    import json

    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(False)

    def child() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            found, _ = module.run_test(
                {"input_output": json.dumps(sample)}, test=program, debug=False, timeout=3
            )
        send.send([one is True or one == 1 for one in found])

    process = context.Process(target=child)
    process.start()
    found = receive.recv() if receive.poll(6) else [False]
    process.kill()
    process.join()
    return all(found)


def _programs() -> Iterator[tuple[str, str | None, dict[str, str]]]:
    """(program, name of the function or None, test)."""
    outputs = ("3", "3\n", " 3", "3.0", "4", "", "3 ", "3\n\n", "3\n3")
    reads = ("a, b = map(int, input().split())", "import sys\na, b = map(int, sys.stdin.read().split())",
             "import sys\na, b = [int(x) for x in sys.stdin.readline().split()]", "a, b = map(int, open(0).read().split())")  # fmt: skip
    prints = ("print(a + b)", "print(float(a + b))", "print(a - b)", "print(f'{a + b}  ')", "import sys\nsys.stdout.write(str(a + b))",
              "print(a + b, end='')", "raise ValueError", "while True: pass", "exit(1)", "print(a+b); exit()", "return 3")  # fmt: skip
    for index, read in enumerate(reads):
        for number, shown in enumerate(prints):
            if shown.startswith("while") and index:
                continue
            for output in outputs[: 9 if index == 0 and number < 3 else 3]:
                yield f"{read}\n{shown}", None, {"input": "1 2\n", "output": output, "testtype": "stdin"}
    main = "def main():\n    a, b = map(int, input().split())\n    print(a + b)\n"
    for tail in (
        "main()",
        "if __name__ == '__main__':\n    main()",
        'if __name__ == "__main__":\n    main()',
        "",
    ):
        yield main + tail, None, {"input": "1 2\n", "output": "3", "testtype": "stdin"}
    bodies = ("return a + sum(b)", "return str(a + sum(b))", "return float(a + sum(b))", "return a", "return None", "print(a)\n        return a + sum(b)",
              "raise KeyError", "return [a + sum(b)]", "b.append(1)\n        return a + sum(b[:-1])")  # fmt: skip
    for body in bodies:
        for output in ("6", "6.0", "[6]", '"6"', "null"):
            program = f"class Solution:\n    def add(self, a: int, b: List[int]) -> int:\n        {body}"
            yield program, "add", {"input": "1\n[2, 3]", "output": output, "testtype": "functional"}
    for value, output in (
        ("(1, 2)", "[1, 2]"),
        ("[(1, 2)]", "[[1, 2]]"),
        ("True", "true"),
        ("True", "1"),
        ("0.1 + 0.2", "0.3"),
        ("{1: 2}", '{"1": 2}'),
        ("'x'", '"x"'),
        ("None", "null"),
        ("[]", "[]"),
        ("a", "1.0"),
        ("3 / 2", "1.5"),
    ):
        yield (
            f"class Solution:\n    def add(self, a):\n        return {value}",
            "add",
            {"input": "1", "output": output, "testtype": "functional"},
        )


REPOSITORIES: dict[str, Comparison] = {
    "livebench": livebench,
    "olympiadbench": olympiadbench,
    "mathvision": mathvision,
    "mathvista": mathvista,
    "mmmu_open": mmmu_open,
    "livecodebench": livecodebench,
}

"""Official scorers that are packages: bfcl-eval, lm-eval, lmms-eval and math-verify.

Each function takes how many questions to compare and gives a ``Parity``; it raises UnavailableError where
the package or the data is not there.
"""

# ruff: noqa: E501 - wordings are read more easily whole
from __future__ import annotations

import importlib.util
import json
import os
import random
import sys
import types
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from r1v.core import UnavailableError
from r1v.eval.benchmark import benchmark, load_items
from r1v.eval.grading.call_turns import programs_of, right_call
from r1v.eval.item import Item, Output
from shared.parity import TOOLS, Parity, bare_package, folder_of, module_at

# ------------------------------------------------------------------------------------------------------ BFCL


def bfcl(count: int) -> Parity:
    """Calls made from the possible answers, right ones and ones with something changed."""
    folder = folder_of("bfcl_eval")
    for part in (
        "bfcl_eval",
        "bfcl_eval.constants",
        "bfcl_eval.eval_checker",
        "bfcl_eval.eval_checker.ast_eval",
    ):
        bare_package(part, folder.joinpath(*part.split(".")[1:]))
    config = types.ModuleType("bfcl_eval.constants.model_config")
    config.MODEL_CONFIG_MAPPING = {"r1v": types.SimpleNamespace(underscore_to_dot=False)}  # type: ignore[attr-defined]
    sys.modules[config.__name__] = config
    from bfcl_eval.constants.enums import Language
    from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker

    which = benchmark("bfcl")
    items = load_items(which, data=folder / "data").items
    items = [
        item
        for item in items
        if "possible" in item.grading and not item.grading["category"].endswith("relevance")
    ]
    result = Parity("bfcl", f"bfcl-eval {version('bfcl-eval')}, ast_checker")
    rng = random.Random(0)
    for item in rng.sample(items, min(count, len(items))):
        category, functions = item.grading["category"], item.grading["functions"]
        for calls in _varied_calls(item, rng):
            text = "[" + ", ".join(_written(call) for call in calls) + "]"
            ours = which.grade(item, Output(answer=text), TOOLS).right
            checked = ast_checker(
                functions, calls, item.grading["possible"], Language.PYTHON, category, "r1v"
            )
            result.add(f"{item.id}: {text}", bool(ours), bool(checked["valid"]))
    return result


def _varied_calls(item: Item, rng: random.Random) -> Iterator[list[dict[str, Any]]]:
    right = [
        {name: {k: rng.choice(v) for k, v in args.items() if v and ("" not in v or rng.random() < 0.3)}}
        for one in item.grading["possible"]
        for name, args in one.items()
    ]
    right = [
        {name: {k: v for k, v in args.items() if v != ""} for name, args in one.items()} for one in right
    ]
    yield right
    yield list(reversed(right))
    changes: list[Callable[[Any], Any]] = [
        lambda v: v.upper() + "." if isinstance(v, str) else v,
        lambda v: v + "x" if isinstance(v, str) else v,
        lambda v: float(v) if type(v) is int else v,
        lambda v: int(v) if type(v) is float else v,
        lambda v: str(v) if isinstance(v, int | float) else v,
        lambda v: v + 1 if isinstance(v, int | float) and not isinstance(v, bool) else v,
        lambda v: not v if isinstance(v, bool) else v,
        lambda v: list(reversed(v)) if isinstance(v, list) else v,
        lambda v: tuple(v) if isinstance(v, list) else v,
        lambda v: [*v, "more"] if isinstance(v, list) else v,
        lambda v: {**v, "more": 1} if isinstance(v, dict) else v,
        lambda v: None,
    ]
    for change in rng.sample(changes, 4):
        yield [{name: {k: change(v) for k, v in args.items()} for name, args in one.items()} for one in right]
    yield [{name: {**args, "unexpected": 1} for name, args in one.items()} for one in right]
    yield [{name: dict(list(args.items())[1:]) for name, args in one.items()} for one in right]
    yield [{name + "_other": args for name, args in one.items()} for one in right]
    yield right[:-1]
    yield [*right, *right[-1:]]


def _written(call: dict[str, Any]) -> str:
    (name, arguments), *_ = call.items()
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def bfcl_turns(count: int) -> Parity:
    """Conversations made from the right calls: as they are, split, reordered, and with something changed."""
    folder = folder_of("bfcl_eval")
    for part in (
        "bfcl_eval",
        "bfcl_eval.eval_checker",
        "bfcl_eval.eval_checker.multi_turn_eval",
        "bfcl_eval.constants",
    ):
        bare_package(part, folder.joinpath(*part.split(".")[1:]))
    from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import multi_turn_checker

    which = benchmark("bfcl")
    items = [one for one in load_items(which, data=folder / "data").items if "turns" in one.grading]
    result = Parity("bfcl_turns", f"bfcl-eval {version('bfcl-eval')}, multi_turn_checker")
    rng = random.Random(0)
    for item in rng.sample(items, min(count, len(items))):
        grading = item.grading
        entry = {"initial_config": grading["states"], "involved_classes": grading["programs"], "id": item.id}
        for number, turns in enumerate(_conversations(item, rng)):
            decoded = [
                [[f"{name}({_arguments(named)})" for name, named in step] for step in turn] for turn in turns
            ]
            replies = tuple(
                text
                for turn in decoded
                for text in [*(f"[{', '.join(step)}]" for step in turn), "That is all."]
            )
            ours = which.grade(item, Output(answer="\n".join(replies), replies=replies), TOOLS).right
            checked = multi_turn_checker(
                decoded, grading["truth"], entry, grading["category"], f"r1v{number}"
            )
            result.add(f"{item.id}: {' '.join(replies)}", bool(ours), bool(checked["valid"]))
    return result


def _arguments(named: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in named.items())


def _conversations(item: Item, rng: random.Random) -> Iterator[list[list[list[tuple[str, dict[str, Any]]]]]]:
    """turns -> replies -> calls."""
    import inspect

    methods = programs_of(item)._methods
    right = []
    for texts in item.grading["truth"]:
        calls = []
        for text in texts:
            name, positional, named = right_call(text)
            names = list(inspect.signature(methods[name]).parameters)
            calls.append((name, {**dict(zip(names, positional, strict=False)), **named}))
        right.append(calls)
    yield [[calls] if calls else [] for calls in right]
    yield [[[call] for call in calls] for calls in right]
    yield [[list(reversed(calls))] if calls else [] for calls in right]
    turn = rng.choice([index for index, calls in enumerate(right) if calls])
    yield [
        [calls[:-1] if index == turn else calls] if calls[1 if index == turn else 0 :] else []
        for index, calls in enumerate(right)
    ]
    yield [[[*calls, calls[-1]]] if calls else [] for calls in right]
    yield [[[("no_such_function", {}), *calls]] for calls in right]
    changed = [list(calls) for calls in right]
    name, named = changed[turn][-1]
    changed[turn][-1] = (
        name,
        {key: f"{value}x" if isinstance(value, str) else value for key, value in named.items()},
    )
    yield [[calls] if calls else [] for calls in changed]
    moved = list(right)
    if turn:
        moved[turn - 1], moved[turn] = [*right[turn - 1], *right[turn]], []
    yield [[calls] if calls else [] for calls in moved]


# ---------------------------------------------------------------------------------------------------- IFEval


def ifeval(count: int) -> Parity:
    """Texts of many kinds as answers to the official prompts."""
    data = os.environ.get("R1V_TEST_DATA")
    if not data:
        raise UnavailableError("R1V_TEST_DATA is not set; it names a folder with ifeval/input_data.jsonl")
    which = benchmark("ifeval")
    items = list(load_items(which, data=Path(data)).items)
    which.grade(items[0], Output(answer="A first one."), TOOLS)  # makes the sentence counter
    official = _lm_eval_ifeval()
    result = Parity("ifeval", f"lm-eval {version('lm-eval')}, strict and loose")
    rng = random.Random(0)
    for item in items[:count]:
        for text in rng.sample(list(_texts(item, rng)), 3):
            ours = which.grade(item, Output(answer=text), TOOLS)
            strict, loose = official(item, text)
            result.add(f"{item.id} strict: {text!r}", bool(ours.right), strict)
            result.add(f"{item.id} loose: {text!r}", ours.details["prompt_loose"] == 1.0, loose)
    return result


def _texts(item: Item, rng: random.Random) -> Iterator[str]:
    words = [word for kwargs in item.grading["kwargs"] for v in kwargs.values()
             for word in (v if isinstance(v, list) else [v]) if isinstance(word, str)]  # fmt: skip
    sentence = "The river runs past the old mill and down to the sea. "
    yield sentence * rng.randint(1, 60)
    yield (sentence + " ".join(words) + ". ") * rng.randint(1, 8)
    yield sentence.lower() * 4
    yield sentence.upper() * 4
    points = "* first point\n* second point\n* third point"
    yield f"<<A title>>\n\n{points}\n\n{sentence * 5}\n\nP.S. {' '.join(words)}"
    yield json.dumps({"answer": sentence, "words": words})
    yield f'"{sentence * 3}"'
    yield "\n\n***\n\n".join([sentence * 2] * rng.randint(2, 5))
    yield "\n\n".join([sentence * 2] * rng.randint(2, 6)).replace(",", "")
    yield f"*one part* and *another part* and *a third one*. {sentence} [place] [date] [name]"
    yield f"{item.grading['prompt']}\n\n{sentence * 4}"
    yield f"Sure, here it is:\nMy answer is yes.\n{sentence}" + " ".join(words)
    yield "My answer is maybe."
    yield f"SECTION 1\n{sentence}\nSECTION 2\n{sentence}\nSection 3\n{sentence}"
    yield f"{sentence * 3}******{sentence * 2}"
    yield "Der Fluss fließt an der alten Mühle vorbei bis zum Meer. " * 5


def _lm_eval_ifeval() -> Callable[[Item, str], tuple[bool, bool]]:
    from if_verifiable.ifeval import instructions_util as known

    folder = folder_of("lm_eval")
    for part in ("lm_eval", "lm_eval.tasks"):
        bare_package(part, folder.joinpath(*part.split(".")[1:]))
    import nltk

    download, nltk.download = nltk.download, lambda *_, **__: False
    try:
        from lm_eval.tasks.ifeval import instructions_util, utils
    finally:
        nltk.download = download
    # both count sentences with the same model, whichever is on this machine
    instructions_util.count_sentences = known.count_sentences

    def check(item: Item, text: str) -> tuple[bool, bool]:
        grading = item.grading
        example = utils.InputExample(
            key=int(item.id),
            instruction_id_list=list(grading["instruction_id_list"]),
            prompt=grading["prompt"],
            kwargs=[dict(kwargs) for kwargs in grading["kwargs"]],
        )
        strict = utils.test_instruction_following_strict(example, text)
        loose = utils.test_instruction_following_loose(example, text)
        return bool(strict.follow_all_instructions), bool(loose.follow_all_instructions)

    return check


# ------------------------------------------------------------------------------------------------------ MMMU


def mmmu(count: int) -> Parity:
    """Answers in many wordings to questions with two to ten options."""
    folder = folder_of("lm_eval")
    spec = importlib.util.spec_from_file_location("mmmu_official", folder / "tasks" / "mmmu" / "utils.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    which = benchmark("mmmu")
    result = Parity("mmmu", f"lm-eval {version('lm-eval')}, parse_multi_choice_response")
    rng = random.Random(0)
    forms = ("{}", "({})", "{}.", "{}. {option}", "The answer is {}.", "The answer is ({})", "Answer: {}",
             "So the correct option is {} {option}", r"Answer: \boxed{{{}}}", "It fits best: ({}) {option}",
             "The figure shows {option}, which nothing else here does.", "**{}**",
             "Option {} is right.")  # fmt: skip
    nouns = ["granite", "basalt", "a red giant", "12 m/s", "$4,200", "none of these", "the left ventricle",
             "increase", "decrease", "mitosis", "1789", "an ode"]  # fmt: skip
    for number in range(count):
        options = tuple(rng.sample(nouns, rng.randint(2, 10)))
        letters = [chr(ord("A") + index) for index in range(len(options))]
        letter, answer = rng.choice(letters), rng.choice(letters)
        form = forms[number % len(forms)]
        text = form.format(letter, option=options[letters.index(letter)])
        item = Item(str(number), (), answer, options)
        ours = which.grade(item, Output(answer=text), TOOLS)
        random.seed(0)
        official = module.parse_multi_choice_response(text, letters, dict(zip(letters, options, strict=True)))
        result.add(f"{text!r} with {options}, right is {answer}", bool(ours.right), official == answer)
    return result


# ---------------------------------------------------------------------------------------------- free answers


def free(count: int) -> Parity:
    """The labelled pairs of benchmarks/eval/scorer.py that are plain mathematics: what math-verify is made for."""
    from eval.scorer import load_pairs

    from r1v.scoring import MathVerifier, compare

    topics = {"fractions and decimals", "integers, separators, powers", "surds", "pi and e", "expressions",
              "sets and lists", "equations and inequalities", "bases, infinity, empty, matrices",
              "tuples, points, intervals"}  # fmt: skip
    pairs = [p for p in load_pairs() if p.kind == "math" and not p.tolerance and p.topic in topics]
    verifier = MathVerifier()
    result = Parity("free answers", f"math-verify {version('math-verify')}")
    for pair in pairs[:count]:
        ours = compare(pair.given, pair.answer, verifier=verifier).equal
        official = verifier(pair.given, pair.answer).equal
        label = "the same" if pair.same else "not the same"
        result.add(f"{pair.given!r} for {pair.answer!r} (labelled {label})", ours, official)
    verifier.close()
    return result


# ------------------------------------------------------------------------------------------ general vision


def chartqa(count: int) -> Parity:
    """Numbers at and about the tolerance, percentages, words."""
    folder = folder_of("lmms_eval")
    module = module_at(folder / "tasks" / "chartqa" / "utils.py", "chartqa_official")
    which = benchmark("chartqa")
    result = Parity("chartqa", f"lmms-eval {version('lmms-eval')}, relaxed_correctness")
    factors = (1, 1.049, 1.0501, 0.951, 0.9499, 1.2, -1)
    for truth in ("100", "0.35", "12.5", "2019", "-4", "0", "7%", "38%", "1,200"):
        value = float(truth.replace(",", "").rstrip("%"))
        sign = "%" if truth.endswith("%") else ""
        texts = [f"{value * factor:.6g}{sign}" for factor in factors]
        texts += [truth, f"{value:g}", f"{value / 100:g}", f"{value:g}%", f"${value:g}", f"{value:g} million"]
        for text in texts:
            _add_chartqa(result, which, module, truth, text)
    words = ("Peru", "peru", "Peru ", "Chile", "light blue", "Light Blue", "blue", "Yes", "no", "[A, B]")
    for truth in words:
        for text in words:
            _add_chartqa(result, which, module, truth, text)
    return result


def _add_chartqa(result: Parity, which: Any, module: Any, truth: str, text: str) -> None:
    ours = which.grade(Item("1", (), truth), Output(answer=rf"Answer: \boxed{{{text}}}"), TOOLS).right
    result.add(f"{text!r} for {truth!r}", bool(ours), bool(module.relaxed_correctness(text.strip(), truth)))


def textvqa(count: int) -> Parity:
    """Words as ten people write them: case, articles, number words, signs, contractions."""
    folder = folder_of("lmms_eval")
    path = folder / "tasks" / "_task_utils" / "vqa_eval_metric.py"
    processor = module_at(path, "vqa_official").EvalAIAnswerProcessor()
    which = benchmark("textvqa")
    result = Parity("textvqa", f"lmms-eval {version('lmms-eval')}, EvalAIAnswerProcessor")
    rng = random.Random(0)
    words = ["stop", "Stop", "the stop sign", "a stop", "STOP!", "12", "twelve", "one", "1", "10:30", "10.30", "$5.00", "5.00",
             "coca-cola", "coca cola", "Coca Cola", "don't", "dont", "it's", "1,000", "1000", "u.s.a", "usa", "yes, no", "yes no",
             "none", "0", "o'neill", "7/8", "7 / 8", "50%", "nokia.", "e-mail", "a", "couldn't've", "x;y", "st. louis", "#1"]  # fmt: skip
    for _ in range(max(count, 200)):
        people = [rng.choice(words) for _ in range(2)] * 3 + [rng.choice(words) for _ in range(4)]
        text = rng.choice([*people, rng.choice(words)])
        given = Item("1", (), people[0], grading={"answers": people})
        ours = which.grade(given, Output(answer=rf"Answer: \boxed{{{text}}}"), TOOLS).score or 0.0
        answers = [processor(one) for one in people]
        mine = processor(text)
        agreeing = [sum(other == mine for j, other in enumerate(answers) if j != i) for i in range(10)]
        result.add(f"{text!r} for {people}", ours, sum(min(1.0, n / 3) for n in agreeing) / 10)
    return result


PACKAGES: dict[str, Callable[[int], Parity]] = {
    "bfcl": bfcl,
    "bfcl_turns": bfcl_turns,
    "ifeval": ifeval,
    "mmmu": mmmu,
    "chartqa": chartqa,
    "textvqa": textvqa,
    "free": free,
}

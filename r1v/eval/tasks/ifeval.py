"""IFEval: instructions that a program can check.

Rows as in the official release: key, prompt, instruction_id_list, kwargs. The prompts are the data's own.
The checkers are the official ones as the package if-verifiable has them; the score is prompt-level
strict, the other three official numbers are among the details. Where NLTK's sentence model is not on the
machine, sentences are counted by NLTK's tokenizer with its untrained defaults, and the grade says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from r1v.core import Message, UnavailableError
from r1v.eval.benchmark import Benchmark, GradingTools, Load, by_name
from r1v.eval.item import Grade, Item, Output
from r1v.eval.questions.data import Source
from r1v.eval.questions.marks import Marks


def load(request: Load) -> Sequence[Item]:
    items = []
    for row in request.rows.rows:
        grading = {
            "prompt": row["prompt"],
            "instruction_id_list": list(row["instruction_id_list"]),
            "kwargs": [{k: v for k, v in kwargs.items() if v is not None} for kwargs in row["kwargs"]],
        }
        group = str(row["instruction_id_list"][0]).split(":")[0]
        text = request.prompt("question").fill(question=str(row["prompt"]))
        items.append(Item(str(row["key"]), (Message.user(text),), "", (), group, grading))
    return items


def grade(item: Item, output: Output, tools: GradingTools) -> Grade:
    if not output.answer.strip():
        return Grade(None, None, "empty")
    evaluate, registry, trained = _checkers()
    unknown = set(item.grading["instruction_id_list"]) - set(registry)
    if unknown:
        raise UnavailableError(f"IFEval instruction {min(unknown)!r} has no checker; update if-verifiable")
    _seed_language_detection()
    results, scores = evaluate(
        response=output.answer,
        instruction_id_list=list(item.grading["instruction_id_list"]),
        kwargs_list=[dict(kwargs) for kwargs in item.grading["kwargs"]],
        prompt=item.grading["prompt"],
        instruction_registry=registry,
    )
    details = {
        "prompt_loose": scores.binary_loose,
        "num_instructions": len(results),
        "followed_strict": sum(result.strict_pass for result in results),
        "followed_loose": sum(result.loose_pass for result in results),
        "followed": [result.instruction_id for result in results if result.strict_pass],
        "trained_sentences": trained,
    }
    return Grade(float(scores.binary_strict), output.answer, "checkers", details)


def _seed_language_detection() -> None:
    """Fix the seed of langdetect, which otherwise draws at random, so that scores do not vary."""
    from langdetect import DetectorFactory

    DetectorFactory.seed = 0


@cache
def _checkers() -> tuple[Any, Any, bool]:
    """The evaluation function, the checkers by name, and whether NLTK's trained sentence model is there."""
    try:
        import nltk
        from if_verifiable.common import evaluate_instructions
        from if_verifiable.ifeval import instructions, instructions_util
        from if_verifiable.ifeval.instructions_registry import INSTRUCTION_DICT
    except ImportError as error:
        raise UnavailableError(
            "IFEval's checkers are not installed; install them: pip install 'r1v[eval]'"
        ) from error
    try:
        instructions_util.count_sentences("One. Two.")
        return evaluate_instructions, INSTRUCTION_DICT, True
    except LookupError:
        tokenizer = nltk.tokenize.punkt.PunktSentenceTokenizer()
        words = nltk.tokenize.NLTKWordTokenizer()

        def count_sentences(text: str) -> int:
            return len(tokenizer.tokenize(text))

        def word_tokenize(text: str, *_: Any) -> list[str]:
            return [word for sentence in tokenizer.tokenize(text) for word in words.tokenize(sentence)]

        # The checkers look these up when they are called; the package offers no other way to set them.
        instructions_util.count_sentences = count_sentences
        instructions.instructions_util.count_sentences = count_sentences
        instructions_util.nltk.word_tokenize = word_tokenize
        return evaluate_instructions, INSTRUCTION_DICT, False


BENCHMARKS = by_name(
    Benchmark(
        "ifeval", "IFEval", column="IFEval", load=load, grade=grade, prompts=("question",),
        about="541 prompts with verifiable instructions; prompt-level strict accuracy",
        source=Source(
            "google/IFEval", ("ifeval_input_data.jsonl", "*input_data.jsonl"),
            "966cd89545d6b6acfd7638bc708b98261ca58e84", "Apache-2.0",
            fields=("key", "prompt", "instruction_id_list", "kwargs"),
            marks=Marks(
                num_questions=541, content="c91ba4ead571c420a11436b26923c9fefa055f4a19ca205932bb091c2d4abcc6",
            ),
        ),
    ),
)  # fmt: skip

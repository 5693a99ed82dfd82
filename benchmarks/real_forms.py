"""A thinking budget and JSON schemas on a real language model's own words.

    python benchmarks/real_forms.py --model FOLDER [--quick]

FOLDER holds a language model that does not think by itself, as `r1v convert` writes it. Questions that want
JSON are answered greedily with a schema and without: how many answers are one JSON value that fits it, by
jsonschema's judgement, and how many were cut off at their longest. For the budget, the model gets a template
that opens thinking (that of `r1v assemble --thinking install`), and each question is asked with several
budgets: ids of thinking, how many were cut, and whether an answer follows, with a schema too. Ends with one
line of JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
from shared.report import print_result

from r1v import LLM, Completion, Message, SamplingParams
from r1v.llm import ChatRequest, OutputGrammar
from r1v.models.assemble import _OPENING as OPENING

TEXT, NUMBER = {"type": "string"}, {"type": "integer"}


def record(**properties: Any) -> dict[str, Any]:
    """An object that has all of these and nothing else."""
    return {"type": "object", "properties": properties, "required": list(properties),
            "additionalProperties": False}  # fmt: skip


ASKED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Describe the book Moby-Dick as JSON: title, author and year.",
     record(title=TEXT, author=TEXT, year=NUMBER)),
    ("Give three European countries with their capitals as a JSON array of objects.",
     {"type": "array", "minItems": 3, "maxItems": 3, "items": record(country=TEXT, capital=TEXT)}),
    ("Is 91 a prime number? Answer as JSON with the keys prime and reason.",
     record(prime={"type": "boolean"}, reason={"type": "string", "maxLength": 120})),
    ("Name the weekday after Tuesday as JSON with the key day.",
     record(day={"enum": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]})),
    ("Write a shopping list for an omelette for two as JSON: item, amount and unit of each.",
     {"type": "array", "maxItems": 6, "items": record(item=TEXT, amount={"type": "number"}, unit=TEXT)}),
    ("What are the roots of x^2 - 5x + 6 = 0? Answer as JSON with the key roots.",
     record(roots={"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2})),
)  # fmt: skip


def fits(answer: str, schema: dict[str, Any]) -> bool:
    """Whether the answer is one JSON value of this schema."""
    try:
        jsonschema.validate(json.loads(answer), schema)
    except (ValueError, jsonschema.ValidationError):
        return False
    return True


def ask(llm: LLM, params: SamplingParams, schemas: bool, number: int) -> list[Completion]:
    """The first of the questions, all of them together."""
    requests = [
        ChatRequest((Message.user(text),), params.over(llm.default_params),
                    grammar=OutputGrammar.json_schema(schema) if schemas else None)
        for text, schema in ASKED[:number]
    ]  # fmt: skip
    streams = [llm.start(each) for each in requests]
    return [stream.wait()[0] for stream in streams]


def forms(llm: LLM, number: int, max_tokens: int) -> dict[str, Any]:
    """With a schema and without."""
    params = SamplingParams.greedy(max_tokens=max_tokens)
    found: dict[str, Any] = {}
    for name, schemas in (("with a schema", True), ("without", False)):
        done = ask(llm, params, schemas, number)
        cut = [str(each.finish_reason) == "length" for each in done]
        right = [fits(each.answer, schema) for each, (_, schema) in zip(done, ASKED, strict=False)]
        found[name] = {"answers": len(done), "fit": sum(right), "cut off": sum(cut),
                       "ids": sum(len(each.token_ids) for each in done)}  # fmt: skip
        show(name, done)
    return found


def budgets(llm: LLM, number: int, max_tokens: int, all_budgets: Sequence[int]) -> dict[str, Any]:
    """Each budget, free and with a schema after the thinking."""
    found: dict[str, Any] = {}
    for budget in all_budgets:
        params = SamplingParams.greedy(max_tokens=max_tokens, thinking_budget=budget)
        for name, schemas in ((f"budget {budget}", False), (f"budget {budget}, with a schema", True)):
            done = ask(llm, params, schemas, number)
            thought = [each.usage.reasoning_tokens for each in done]
            found[name] = {
                "answers": len(done), "most ids of thinking": max(thought),
                "cut by the budget": sum(str(each.finish_detail) == "budget" for each in done),
                "with an answer": sum(bool(each.answer.strip()) for each in done),
                "fit": sum(fits(e.answer, schema) for e, (_, schema) in zip(done, ASKED, strict=False)),
            }  # fmt: skip
            show(name, done)
    return found


def show(name: str, done: Sequence[Completion]) -> None:
    """What was answered, for a reader."""
    for each in done:
        print(f"--- {name}: {each.finish_reason} {each.finish_detail or ''}", flush=True)
        print((f"[{each.thinking}] " if each.thinking else "") + each.answer)


def thinking_copy(source: Path, target: Path) -> Path:
    """The same model with a template that opens thinking."""
    target.mkdir()
    for path in source.iterdir():
        if path.name != "tokenizer_config.json":
            (target / path.name).symlink_to(path.resolve())
    settings = json.loads((source / "tokenizer_config.json").read_text())
    file = source / "chat_template.jinja"
    template = file.read_text() if file.is_file() else settings.pop("chat_template")
    (target / file.name).unlink(missing_ok=True)
    (target / file.name).write_text(template.removesuffix("\n") + OPENING)
    (target / "tokenizer_config.json").write_text(json.dumps(settings))
    return target


def main() -> None:
    """Ask, show every answer, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, help="a folder")
    parser.add_argument("--quick", action="store_true", help="two questions, short answers")
    parser.add_argument("--max-tokens", type=int, default=192)
    parser.add_argument("--budgets", type=int, nargs="+", default=[0, 8, 48])
    args = parser.parse_args()
    if args.model is None:
        print_result("real_forms", {"left_out": "--model does not name a folder"})
        return
    number, max_tokens = (2, 16) if args.quick else (len(ASKED), args.max_tokens)
    with LLM(args.model) as llm:
        found = {"forms": forms(llm, number, max_tokens)}
    with tempfile.TemporaryDirectory() as scratch:
        thinking = thinking_copy(args.model, Path(scratch) / "thinking")
        with LLM(thinking) as llm:
            found["budgets"] = budgets(llm, number, max_tokens, args.budgets)
    for part in found.values():
        for name, line in part.items():
            print(f"{name}: {json.dumps(line)}")
    print_result("real_forms", {"model": args.model.name, "max_tokens": max_tokens, **found})


if __name__ == "__main__":
    main()

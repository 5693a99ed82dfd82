"""Grammars: what the tiny random model writes under them is what they say."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from r1v.core import FinishReason, Message, PromptError, SamplingParams, ToolCall
from r1v.engine import EngineConfig
from r1v.llm import LLM, ChatRequest, OutputGrammar, ToolCallReader, read_tool_calls

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "colour": {"enum": ["red", "blau", "红"]}},
    "required": ["n", "colour"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def llm(tiny_checkpoint: Path) -> Iterator[LLM]:
    with LLM(tiny_checkpoint) as llm:
        yield llm


def ask(llm: LLM, grammar: OutputGrammar, **changes: object) -> list:
    params = SamplingParams(**{"temperature": 1.0, "max_tokens": 300, "thinking_budget": 12, **changes})
    request = ChatRequest((Message.user("Say it"),), params, grammar=grammar)
    with llm.start(request) as stream:
        return list(stream.wait())


def test_a_schema_is_followed_after_thinking(llm: LLM) -> None:
    for completion in ask(llm, OutputGrammar.json_schema(SCHEMA), n=3, seed=1):
        assert completion.thinking  # the random model thinks freely, until its budget
        if completion.finish_reason is FinishReason.STOP:
            value = json.loads(completion.answer)
            assert set(value) == {"n", "colour"} and value["colour"] in ("red", "blau", "红")


def test_without_thinking_the_answer_begins_at_once(llm: LLM) -> None:
    done = ask(llm, OutputGrammar.json_schema(SCHEMA), n=4, seed=2, thinking_budget=0)
    whole = [c for c in done if c.finish_reason is FinishReason.STOP]
    assert whole and all(isinstance(json.loads(c.answer), dict) for c in whole)


def test_unique_items_false_asks_for_nothing(llm: LLM) -> None:
    """It is taken wherever a schema may stand; the same name as a property or in data is kept."""
    inner = {
        "type": "array",
        "uniqueItems": False,
        "items": {"enum": [{"uniqueItems": False}, 1]},
        "maxItems": 2,
    }
    schema = {"type": "object", "properties": {"uniqueItems": inner}, "required": ["uniqueItems"],
              "additionalProperties": False}  # fmt: skip
    done = ask(llm, OutputGrammar.json_schema(schema), n=4, seed=5, thinking_budget=0)
    whole = [json.loads(c.answer) for c in done if c.finish_reason is FinishReason.STOP]
    assert whole and all(
        item in ({"uniqueItems": False}, 1) for value in whole for item in value["uniqueItems"]
    )
    with pytest.raises(PromptError, match="uniqueItems"):
        ask(llm, OutputGrammar.json_schema({"type": "array", "uniqueItems": True}))


def test_any_object(llm: LLM) -> None:
    done = ask(llm, OutputGrammar.json_object(), n=4, seed=3, thinking_budget=0)
    assert all(c.answer.lstrip().startswith("{") for c in done)


def test_tool_calls_are_forced(llm: LLM) -> None:
    parameters = {"type": "object", "properties": {"x": {"enum": [1, 2]}}, "required": ["x"],
                  "additionalProperties": False}  # fmt: skip
    grammar = OutputGrammar.tool_calls({"one": parameters, "two": parameters}, several=False)
    whole = [c for c in ask(llm, grammar, n=4, seed=4, thinking_budget=0) if c.finish_reason == "stop"]
    assert whole
    for completion in whole:
        text, (call,) = read_tool_calls(completion.answer)
        assert not text.strip() and call.name in ("one", "two")
        assert json.loads(call.arguments)["x"] in (1, 2)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "http://127.0.0.1/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"type": "string", "pattern": "(" * 50},
        {"enum": []},
        {"type": "object", "properties": {"a" * 10: {"enum": ["x" * 300_000]}}},
    ],
)
def test_schemas_that_cannot_be_used(llm: LLM, schema: dict) -> None:
    with pytest.raises(PromptError, match="schema of the output"):
        ask(llm, OutputGrammar.json_schema(schema))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^(a+)+$"},
        {"type": "string", "pattern": "^((a{1,200}){1,200}){1,200}$"},
        {"allOf": [{"anyOf": [{"const": i} for i in range(200)]} for _ in range(20)]},
        {"type": "array", "minItems": 100_000, "items": {"type": "integer"}},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"type": "string", "maxLength": 10_000_000},
        {"allOf": [{"type": "integer", "multipleOf": n} for n in (97, 101, 103, 107)]},  # hours, unended
    ],
)
def test_schemas_cannot_hang(llm: LLM, schema: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("r1v.llm.grammar.MAX_COMPILE_S", 3.0)
    start = time.monotonic()
    with contextlib.suppress(PromptError):  # a refusal is an answer too
        ask(llm, OutputGrammar.json_schema(schema), max_tokens=20, thinking_budget=0)
    assert time.monotonic() - start < 10


def test_reader_gives_the_same_however_cut() -> None:
    call = '<tool_call>\n{"name": "f", "arguments": {"a": "<é>"}}\n</tool_call>'
    answer = f"See: {call}\n{call} and <tool <tool_call>broken</tool_call> end"
    text, calls = read_tool_calls(answer)
    assert text == "See:and <tool<tool_call>broken</tool_call> end"
    assert [c.name for c in calls] == ["f", "f"] and calls[0].arguments == '{"a": "<é>"}'
    for size in range(1, 30):
        reader, parts = ToolCallReader(), []
        for start in range(0, len(answer), size):
            parts += reader.push(answer[start : start + size])
        parts += reader.flush()
        assert "".join(p.text for p in parts) == text
        assert [p.call.name for p in parts if p.call] == ["f", "f"]


def test_a_call_without_its_end() -> None:
    whole, (call,) = read_tool_calls('<tool_call>{"name": "f", "arguments": {}}')
    assert whole == "" and isinstance(call, ToolCall)
    assert read_tool_calls('<tool_call>{"name": ')[0] == '<tool_call>{"name": '
    assert read_tool_calls("1 < 2 <") == ("1 < 2 <", ())


def test_a_schema_is_followed_by_a_model_that_has_answered_before(tiny_checkpoint: Path) -> None:
    """Drafts from earlier answers run across the end of thinking; the grammar begins there all the same."""
    request = ChatRequest(
        (Message.user("Say it"),),
        SamplingParams.greedy(max_tokens=60, thinking_budget=12),
        grammar=OutputGrammar.json_schema(SCHEMA),
    )
    answers = []
    for num_drafts in (0, 8):
        engine = EngineConfig(num_draft_tokens=num_drafts, keep_weights=False)
        with LLM(tiny_checkpoint, engine=engine) as llm:
            for _ in range(5):
                with llm.start(request) as stream:
                    answers.append(stream.wait()[0].token_ids)
            drafted = llm.load.counters["num_drafted"]
    assert len(set(answers)) == 1 and drafted > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_tool_calls_are_the_same_with_drafts_and_without(tiny_checkpoint: Path) -> None:
    parameters = {"type": "object", "properties": {"x": {"enum": [1, 2]}}, "required": ["x"],
                  "additionalProperties": False}  # fmt: skip
    for params in (
        SamplingParams.greedy(max_tokens=150),
        SamplingParams.greedy(max_tokens=60, thinking_budget=5, min_tokens=20),
        SamplingParams(temperature=1.0, max_tokens=150, seed=3, thinking_budget=20),
    ):
        grammar = OutputGrammar.tool_calls({"one": parameters, "two": parameters})
        request = ChatRequest((Message.user("Call it"),), params, grammar=grammar)
        answers = set()
        for num_drafts in (0, 8):
            engine = EngineConfig(num_draft_tokens=num_drafts, keep_weights=False)
            with LLM(tiny_checkpoint, engine=engine) as llm:
                for _ in range(4):
                    with llm.start(request) as stream:
                        answers.add(stream.wait()[0].token_ids)
        assert len(answers) == 1

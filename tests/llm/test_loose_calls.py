"""Tool calls in other forms than the template's: what is read, and what stays text."""

import json

import pytest

from r1v.llm.loose_calls import LooseToolCallReader, read_loose_tool_calls

NAMES = {"add", "look"}
CALL = '{"name": "add", "arguments": {"a": 1, "b": [2]}}'
OTHER = '{"name": "look", "parameters": {"where": "<é>"}}'
FORMS = {
    "template": (f"<tool_call>\n{CALL}\n</tool_call>", ["add"], ""),
    "bare": (CALL, ["add"], ""),
    "bare after text": (f"I will add.\n{CALL}", ["add"], "I will add.\n"),
    "bare over lines": (json.dumps(json.loads(CALL), indent=2), ["add"], ""),
    "several": (f"{CALL}\n{OTHER}\n", ["add", "look"], ""),
    "list": (f"[{CALL}, {OTHER}]", ["add", "look"], ""),
    "fenced": (f"Sure:\n```json\n{CALL}\n```", ["add"], "Sure:\n"),
    "fenced without a name": (f"```\n{CALL}\n{OTHER}\n```\n", ["add", "look"], ""),
    "two fences": (f"```json\n{CALL}\n```\nand\n```json\n{OTHER}\n```", ["add", "look"], "and"),
    "as OpenAI writes it": (
        '{"tool_calls": [{"type": "function", "function": {"name": "add", "arguments": "{\\"a\\": 1}"}}]}',
        ["add"], "",
    ),
    "both forms": (f"<tool_call>{CALL}</tool_call>\n{OTHER}", ["add", "look"], ""),
}  # fmt: skip
TEXTS = [
    "No call at all.",
    '{"name": "unknown", "arguments": {}}',
    '{"name": "add"}',
    f"Write {CALL} in your own words.",
    f"```python\nprint({CALL!r})\n```",
    "```json\n{\"name\": \"Ada\", \"age\": 36}\n```",
    f"[{CALL}, 3]",
    "{" * 2000,
    "[\n" * 5000,
    "```\nnever closed " + CALL,
]  # fmt: skip


def names_of(answer: str) -> tuple[str, list[str]]:
    text, calls = read_loose_tool_calls(answer, NAMES)
    assert all(isinstance(json.loads(call.arguments), dict) for call in calls)
    return text, [call.name for call in calls]


@pytest.mark.parametrize("form", FORMS)
def test_calls_are_read(form: str) -> None:
    answer, names, text = FORMS[form]
    assert names_of(answer) == (text, names)


@pytest.mark.parametrize("answer", TEXTS)
def test_everything_else_is_text(answer: str) -> None:
    assert names_of(answer) == (answer, [])


@pytest.mark.parametrize(
    "answer", [*(form[0] for form in FORMS.values()), *(t for t in TEXTS if len(t) < 500)]
)
def test_however_it_is_cut(answer: str) -> None:
    whole = names_of(answer)
    for size in (1, 2, 3, 7, 20):
        reader, parts = LooseToolCallReader(NAMES), []
        for start in range(0, len(answer), size):
            parts += reader.push(answer[start : start + size])
        parts += reader.flush()
        assert ("".join(p.text for p in parts), [p.call.name for p in parts if p.call]) == whole

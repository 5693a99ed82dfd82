"""Requests that are wrong, each in one way."""
# ruff: noqa: E501

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .malformed_forms import MESSAGES as MESSAGES_FORM
from .malformed_forms import RESPONSES

CHAT, TEXT, TOKENS = "/v1/chat/completions", "/v1/completions", "/tokenize"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Wrong:
    """One malformed request. group: the row of the table in docs/reference/server.md that it belongs to."""

    group: str
    name: str
    body: bytes
    path: str = CHAT
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))


def chat(**changes: Any) -> dict[str, Any]:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
    return {**body, **changes}


def dumps(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


# A value of each type, and the parameters with one value each that has the right type and is out of range.
VALUES: dict[str, Any] = {
    "text": "x",
    "true": True,
    "list": [[]],
    "object": {"a": 1},
    "huge": 1e308,
    "real": 0.5,
}
NUMBERS: dict[str, list[Any]] = {
    "temperature": [-0.1, 2.1, "0.5", True, [1], {}, 1e400],
    "top_p": [0, 1.1, -1, "1", True, []],
    "top_k": [-2, 1.5, "1", True, 2**40, []],
    "min_p": [-0.1, 1.1, "0", False],
    "repetition_penalty": [0, -1, 11, "1"],
    "presence_penalty": [-2.1, 2.1, "0"],
    "frequency_penalty": [-2.1, 2.1, None.__class__.__name__],
    "seed": [2**63, -(2**63) - 1, 1.5, "1", True, 10**400],
    "n": [0, -1, 17, 129, 1.5, "2", True],
    "max_tokens": [0, -1, 513, 2**40, 1.5, "3", True, []],
    "max_completion_tokens": [0, -1, 513, 2.5, "3"],
    "min_tokens": [-1, 3, "1", 2**40],
    "top_logprobs": [-1, 21, 1, "1"],
    "thinking_budget": [-2, 1.5, "low", True, 2**40],
    "deadline_s": [0, -1, 601, "1", True],
}
OTHERS: dict[str, list[Any]] = {
    "model": ["", "gpt-4", 1, None, [], "x" * 1000, "\ud800", "../../etc/passwd"],
    "messages": [[], None, "Hi", {}, [1], [None], ["Hi"], [[]], [{}], [{"role": "user"}], [{"content": "Hi"}]],
    "stop": ["", [""], 1, [1], [None], {"a": 1}, ["x"] * 17, ["y" * 2000]],
    "stop_token_ids": [[-1], ["1"], [10**9], 1, [1.5], [1] * 65],
    "logit_bias": [{"a": 1}, {"-1": 1}, {"1": 101}, {"1": "x"}, {"99999": 1}, {"1.5": 1}, [1], {"²": 1}, {"": 1}],
    "stream": ["yes", 1, [], {}],
    "stream_options": [{}, {"include_usage": True}, {"foo": 1}, "x", {"include_usage": 1}],
    "logprobs": [1, "yes", []],
    "response_format": [
        "json", {}, {"type": "xml"}, {"type": "json_schema"}, {"type": "json_schema", "json_schema": {}},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": 1}},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "x"}}},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": {"$ref": "http://127.0.0.1/"}}},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": {"$ref": "#/nowhere"}}},
        {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": {"pattern": "((((", "type": "string"}}},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": {"enum": []}}},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": {"const": "\ud800"}}},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": {"description": "d" * 100_001}}},
        {"type": "text", "foo": 1},
    ],
    "tools": [
        "x", [1], [{}], [{"type": "x"}], [{"type": "function"}], [{"type": "function", "function": {}}],
        [{"type": "function", "function": {"name": "a b"}}], [{"type": "function", "function": {"name": "f"}}],
        [{"type": "function", "function": {"name": "f", "parameters": []}}],
        [{"type": "function", "function": {"name": "f", "foo": 1}}],
    ],
    "tool_choice": ["x", "required", 1, {}, {"type": "function"}, {"type": "function", "function": {"name": "f"}}],
    "parallel_tool_calls": ["x", 1],
    "reasoning_effort": ["extreme", 1, [], True],
    "chat_template_kwargs": [{"foo": 1}, {"enable_thinking": "no"}, 1, {"thinking_budget": -2}, []],
    "continue_final_message": [True, "yes", 1],
    "metadata": [1, {"a": 1}, {str(i): "x" for i in range(17)}],
    "user": [1, "x" * 1001],
    "store": [True, 1],
    "modalities": [["audio"], "text", [1]],
    "service_tier": ["flex", 1],
    "audio": [{}], "functions": [[]], "function_call": ["auto"], "prediction": [{}], "web_search_options": [{}],
    "verbosity": ["low"], "best_of": [2], "echo": [True], "foo": [1, [], "x"], "__proto__": [{}], "": [1],
    "messages ": [[]], "temperatur": [0.5], "include_reasoning": [1], "guided_json": [{}],
    "add_generation_prompt": [False, 1], "skip_special_tokens": [False], "ignore_eos": [1],
}  # fmt: skip
MESSAGES: list[Any] = [
    {"role": "robot", "content": "x"}, {"role": 1, "content": "x"}, {"role": "function", "content": "x"},
    {"role": "user", "content": None}, {"role": "user", "content": 1}, {"role": "user", "content": []},
    {"role": "user", "content": [1]}, {"role": "user", "content": [None]}, {"role": "user", "content": ["x"]},
    {"role": "user", "content": [{}]}, {"role": "user", "content": [{"type": "x"}]},
    {"role": "user", "content": [{"type": "text"}]}, {"role": "user", "content": [{"type": "text", "text": 1}]},
    {"role": "user", "content": [{"type": "text", "text": "x", "foo": 1}]},
    {"role": "user", "content": [{"type": "audio", "audio": {}}]},
    {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]},
    {"role": "user", "content": [{"type": "file", "file": {"file_id": "x"}}]},
    {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "x"}}]},
    {"role": "user", "content": "x", "name": 1}, {"role": "user", "content": "x", "foo": 1},
    {"role": "user", "content": "\ud800"}, {"role": "user", "content": "a\udfffb"},
    {"role": "user", "content": "x " * 2000},
    {"role": "system", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]},
    {"role": "assistant", "content": 1}, {"role": "user", "content": "x", "name": "b" * 129},
    {"role": "assistant", "content": "x", "refusal": "no"}, {"role": "assistant", "content": "x", "audio": {}},
    {"role": "assistant", "content": "x", "reasoning": "a", "reasoning_content": "b"},
    {"role": "assistant", "content": "x", "function_call": {"name": "f", "arguments": ""}},
    {"role": "assistant", "tool_calls": [{}]}, {"role": "assistant", "tool_calls": "x"},
    {"role": "assistant", "tool_calls": [{"id": "a", "type": "x", "function": {"name": "f", "arguments": ""}}]},
    {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "", "arguments": ""}}]},
    {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}]},
    {"role": "tool", "content": "x"}, {"role": "tool", "tool_call_id": "a"}, {"role": "tool", "tool_call_id": 1},
]  # fmt: skip
URLS = [
    "", "x", "data:", "data:,", "data:image/png", "data:image/png;base64", "data:image/png;base64,",
    "data:image/png;base64,!!!!", "data:image/png;base64,aGVsbG8=", "data:text/html,<script>", "data:,%zz",
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>", "data:image/png;base64,iVBORw0KGgo=",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ", "data:image/png;base64,\ud800",
    "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAA", "http://", "http:///", "http://[", "http://a b/",
    "http://127.0.0.1/", "http://localhost/", "http://localhost:8000/", "http://[::1]/", "http://0/",
    "http://0x7f000001/", "http://2130706433/", "http://017700000001/", "http://[::ffff:127.0.0.1]/",
    "http://169.254.169.254/latest/meta-data/", "http://[fe80::1%25eth0]/", "http://10.0.0.1/",
    "http://192.168.0.1/", "http://172.16.0.1/", "http://100.64.0.1/", "http://224.0.0.1/", "http://0.0.0.0/",
    "https://127.0.0.1/", "http://user:pw@127.0.0.1/", "http://127.0.0.1:22/", "http://127.0.0.1:99999/",
    "http://exämple.invalid/", "http://" + "a" * 300 + ".invalid/", "http://does-not-exist.invalid/x.png",
    "ftp://127.0.0.1/", "gopher://127.0.0.1/", "file:///etc/passwd", "file://localhost/etc/passwd",
    "file://host/x", "FILE:///etc/passwd", "/etc/passwd", "..\\..\\x", "javascript:alert(1)", "blob:x", "s3://a/b",
    "http://127.0.0.1\r\nX: y/", "http://127.0.0.1/\x00", "\x00", "data:image/png;base64," + "A" * 1_600_000,
]  # fmt: skip
BODIES: list[tuple[str, bytes]] = [
    ("empty", b""), ("not JSON", b"{"), ("a word", b"hello"), ("null", b"null"), ("a list", b"[]"),
    ("a number", b"1"), ("text", b'"x"'), ("true", b"true"), ("an empty object", b"{}"), ("NaN", b'{"n": NaN}'),
    ("not UTF-8", b'{"model": "\xff\xfe"}'), ("UTF-16", '{"model": "tiny"}'.encode("utf-16")),
    ("a null byte", b"\x00"), ("trailing words", dumps(chat()) + b" x"), ("two objects", dumps(chat()) * 2),
    ("a comma too many", b'{"model": "tiny",}'), ("single quotes", b"{'model': 'tiny'}"),
    ("100,000 brackets", b"[" * 100_000), ("100,000 objects", b'{"a":' * 100_000),
    ("deep lists", dumps(chat(metadata=None))[:-1] + b', "x": ' + b"[" * 80 + b"]" * 80 + b"}"),
    ("a number of 5,000 digits", b'{"model": "tiny", "messages": [], "n": ' + b"9" * 5000 + b"}"),
    ("5 MiB", b" " * (5 << 20)), ("a form", b"model=tiny&messages=Hi"),
]  # fmt: skip
TEXTS: dict[str, list[Any]] = {
    "prompt": ["", [], None, 1, {}, [[]], [""], [1, "a"], ["a", 1], [-1], [10**9], [[1], "a"], [1.5], "\ud800",
               "word " * 2000, "<img><IMG_CONTEXT></img>", ["x"] * 200, [True]],
    "logprobs": [21, -1, True, "1"], "echo": [True, 1], "best_of": [2], "suffix": ["x"], "messages": [[]],
    "n": [0, 17], "max_tokens": [0, 513], "tools": [[]], "response_format": [{"type": "text"}], "model": ["x"],
}  # fmt: skip
TOKENIZE: list[Any] = [
    {}, {"model": "tiny"}, {"model": "tiny", "prompt": 1}, {"model": "x", "prompt": "a"},
    {"model": "tiny", "prompt": "a", "messages": []}, {"model": "tiny", "prompt": ""},
    {"model": "tiny", "messages": []}, {"model": "tiny", "messages": [{"role": "x"}]},
    {"model": "tiny", "prompt": "\ud800"}, {"model": "tiny", "prompt": "a", "foo": 1},
    {"model": "tiny", "prompt": "a", "return_token_strs": 1}, {"model": "tiny", "prompt": "<IMG_CONTEXT>"},
]  # fmt: skip


def requests() -> Iterator[Wrong]:
    """All of them."""
    for name, values in NUMBERS.items():
        for value in values:
            yield Wrong(
                "numbers of a wrong type or out of range",
                f"{name}: {short(value)}",
                dumps(chat(**{name: value})),
            )
    for name, values in OTHERS.items():
        group = "unknown or unsupported parameters" if name not in chat() and len(values) < 3 else (
            "parameters of a wrong type or value")  # fmt: skip
        for value in values:
            yield Wrong(group, f"{name}: {short(value)}", dumps(chat(**{name: value})))
    for message in MESSAGES:
        yield Wrong("messages", short(message), dumps(chat(messages=[message])))
    for url in URLS:
        part = {"type": "image_url", "image_url": {"url": url}}
        yield Wrong("images", short(url), dumps(chat(messages=[{"role": "user", "content": [part]}])))
    five = [{"type": "image_url", "image_url": {"url": "data:,x"}}] * 5
    yield Wrong("images", "more than allowed", dumps(chat(messages=[{"role": "user", "content": five}])))
    for name, body in BODIES:
        yield Wrong("bodies that are no object of JSON, or too large", name, body)
    for kind in (
        "text/plain",
        "application/xml",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
        "x",
    ):
        yield Wrong("content types", kind, dumps(chat()), headers={"Content-Type": kind})
    for name, values in TEXTS.items():
        for value in values:
            body = {"model": "tiny", "prompt": "Hi", "max_tokens": 2, name: value}
            yield Wrong("/v1/completions", f"{name}: {short(value)}", dumps(body), path=TEXT)
    for body in TOKENIZE:
        yield Wrong("/tokenize", short(body), dumps(body), path=TOKENS)
    for path, good, wrong in (("/v1/responses", {"input": "Hi", "max_output_tokens": 2}, RESPONSES),
                              ("/v1/messages", {"messages": chat()["messages"], "max_tokens": 2}, MESSAGES_FORM)):  # fmt: skip
        for name, values in wrong.items():
            for value in values:
                body = {"model": "tiny", **good, name: value}
                yield Wrong(path, f"{name}: {short(value)}", dumps(body), path=path)
        for body in wrong_images(path):
            yield Wrong(f"{path}: images", short(body), dumps({"model": "tiny", **good, **body}), path=path)
        for name, content in BODIES:
            yield Wrong(f"{path}: bodies", name, content, path=path)
        yield Wrong(path, "text/plain", b"{}", path=path, headers={"Content-Type": "text/plain"})
    for body in ({}, {"model": "tiny"}, {"model": "x", "messages": chat()["messages"]}, {"model": "tiny", "messages": []},
                 {**chat()}, {"model": "tiny", "messages": chat()["messages"], "stream": True}):  # fmt: skip
        yield Wrong("/v1/messages/count_tokens", short(body), dumps(body), path="/v1/messages/count_tokens")
    for method, path in (("GET", "/v1/responses"), ("GET", "/v1/responses/resp_1"), ("DELETE", "/v1/messages"),
                         ("GET", "/v1/messages"), ("POST", "/v1/messages/batches"), ("POST", "/v1/rerank"),
                         ("GET", CHAT), ("PUT", CHAT), ("DELETE", "/v1/models"), ("GET", "/v1/models/other"),
                         ("GET", "/v1/models/../../etc/passwd"), ("GET", "/v1/nothing"), ("POST", "/v1/embeddings"),
                         ("GET", "/v1/models/%00"), ("POST", "/health"), ("GET", "/nothing")):  # fmt: skip
        yield Wrong("paths and methods", f"{method} {path}", b"", path=path, method=method, headers={})
    yield Wrong("host names", "evil.example", dumps(chat()), headers={**JSON, "Host": "evil.example"})


def wrong_images(path: str) -> Iterator[dict[str, Any]]:
    """The same addresses as in chat completions, in another API's parts."""
    for url in URLS:
        if path == "/v1/responses":
            yield {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]}
        else:
            source = {"type": "url", "url": url}
            yield {"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]}


def short(value: object) -> str:
    """A value as a name."""
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:45] + f"… ({len(text)} characters)"

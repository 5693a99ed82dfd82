"""Other clients, where they are installed: LiteLLM, LangChain, Inspect; Open WebUI's way of calling; and
schemathesis over the OpenAPI schema."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import httpx
import pytest

from .conftest import Served

# litellm may pin another openai; it can live in an environment of its own
LITELLM = os.environ.get("R1V_LITELLM_PYTHON") or (sys.executable if find_spec("litellm") else None)

PROGRAM = """
import json, sys
import litellm
url, picture = sys.argv[1:]
content = [{"type": "text", "text": "How many?"}, {"type": "image_url", "image_url": {"url": picture}}]
options = dict(model="hosted_vllm/tiny", api_base=url, api_key="none", max_tokens=24, temperature=0,
               messages=[{"role": "user", "content": content}], extra_body={"thinking_budget": 6})
whole = litellm.completion(**options).choices[0].message
parts = [chunk.choices[0].delta for chunk in litellm.completion(stream=True, **options)]
print(json.dumps({
    "whole": [whole.reasoning_content, whole.content],
    "streamed": ["".join(getattr(p, "reasoning_content", None) or "" for p in parts),
                 "".join(p.content or "" for p in parts)],
}))
"""


@pytest.mark.slow
@pytest.mark.skipif(
    LITELLM is None, reason="litellm is not installed; R1V_LITELLM_PYTHON may name its Python"
)
def test_litellm(served: Served, picture_url: str) -> None:
    done = subprocess.run([str(LITELLM), "-c", PROGRAM, f"{served.url}/v1", picture_url],
                          capture_output=True, text=True, timeout=240)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["whole"] == found["streamed"] and all(found["whole"])


def test_the_schema_describes_every_endpoint(http: httpx.Client) -> None:
    schema = http.get("/openapi.json").json()
    assert set(schema["paths"]) == {
        "/v1/chat/completions", "/v1/completions", "/v1/models", "/v1/models/{model}", "/tokenize", "/health",
        "/ready", "/metrics", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens",
    }  # fmt: skip
    body = schema["components"]["schemas"]["ChatBody"]
    assert body["additionalProperties"] is False and set(body["required"]) == {"model", "messages"}


def program(text: str, *words: str) -> dict[str, Any]:
    """What a client's program, in a process of its own, prints as JSON on its last line."""
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENAI_API_KEY": "none"}
    done = subprocess.run(
        [sys.executable, "-c", text, *words], capture_output=True, text=True, timeout=280, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


LITELLM_NEW = """
import asyncio, json, sys
import litellm
url, = sys.argv[1:]
asked = litellm.responses(model="openai/tiny", api_base=url + "/v1", api_key="none", input="Hi",
                          max_output_tokens=24, temperature=0, extra_body={"thinking_budget": 6})
text = "".join(p.text for item in asked.output if item.type == "message" for p in item.content)
thought = "".join(p.text for item in asked.output if item.type == "reasoning" for p in item.content or [])
body = dict(model="anthropic/tiny", api_base=url, api_key="none", max_tokens=24,
            thinking={"type": "enabled", "budget_tokens": 6}, messages=[{"role": "user", "content": "Hi"}])
native = asyncio.run(litellm.anthropic.messages.acreate(**body))
kinds = [block["type"] for block in native["content"]]
# it does not know that this model thinks
chat = litellm.completion(allowed_openai_params=["thinking"], **body).choices[0].message
print(json.dumps({"text": text, "thought": thought, "kinds": kinds, "reasoning": chat.reasoning_content}))
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("litellm") is None, reason="litellm is not installed")
def test_litellm_on_the_newer_apis(served: Served) -> None:
    found = program(LITELLM_NEW, served.url)
    assert found["text"] and found["thought"] and found["reasoning"]
    assert found["kinds"] == ["thinking", "text"]


LANGCHAIN = """
import json, sys
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI
url, picture = sys.argv[1:]
few = dict(api_key="none", model="tiny", temperature=0, max_tokens=24)
models = {
    "chat": ChatOpenAI(base_url=url + "/v1", extra_body={"thinking_budget": 6}, **few),
    "responses": ChatOpenAI(base_url=url + "/v1", use_responses_api=True, reasoning={"summary": "auto"},
                            extra_body={"thinking_budget": 6}, **few),
    "messages": ChatAnthropic(base_url=url, thinking={"type": "enabled", "budget_tokens": 6},
                              **{**few, "temperature": 1}),
}
question = [("user", [{"type": "text", "text": "How many?"},
                      {"type": "image_url", "image_url": {"url": picture}}])]
def shown(message):
    blocks = message.content_blocks
    return {"kinds": [block["type"] for block in blocks],
            "reasoning": "".join(block.get("reasoning", "") for block in blocks)}
found = {}
for name, model in models.items():
    whole, streamed = model.invoke(question), None
    for chunk in model.stream(question):
        streamed = chunk if streamed is None else streamed + chunk
    found[name] = [shown(whole), shown(streamed), whole.usage_metadata["output_token_details"]]
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("langchain_openai") is None or find_spec("langchain_anthropic") is None,
                    reason="langchain-openai and langchain-anthropic are not installed")  # fmt: skip
def test_langchain_shows_the_reasoning(served: Served, picture_url: str) -> None:
    """langchain-openai reads the reasoning of no chat completion; of the two newer APIs it is shown."""
    found = program(LANGCHAIN, served.url, picture_url)
    assert found["chat"][0]["kinds"] == ["text"] and found["chat"][2]["reasoning"] > 0
    for name in ("responses", "messages"):
        for each in found[name][:2]:
            assert each["kinds"] == ["reasoning", "text"] and each["reasoning"], (name, found[name])


INSPECT = """
import asyncio, json, sys
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText, GenerateConfig, get_model
url, picture = sys.argv[1:]
few = GenerateConfig(max_tokens=24, temperature=0)
models = {
    "chat": get_model("openai-api/r1v/tiny", base_url=url + "/v1", api_key="none", config=few),
    "responses": get_model("openai/tiny", base_url=url + "/v1", api_key="none", config=few,
                           responses_api=True),
    "messages": get_model("anthropic/tiny", base_url=url, api_key="none", config=few),
}
question = [ChatMessageUser(content=[ContentText(text="How many?"), ContentImage(image=picture)])]
async def ask():
    found = {}
    for name, model in models.items():
        output = await model.generate(question)
        content = output.message.content
        kinds = ["text"] if isinstance(content, str) else [part.type for part in content]
        found[name] = [kinds, output.usage.output_tokens]
    return found
print(json.dumps(asyncio.run(ask())))
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("inspect_ai") is None, reason="inspect-ai is not installed")
def test_inspect(served: Served, picture_url: str) -> None:
    found = program(INSPECT, served.url, picture_url)
    assert set(found) == {"chat", "responses", "messages"}
    for name, (kinds, tokens) in found.items():
        assert "reasoning" in kinds and tokens > 0, (name, found)


def test_open_webuis_way_of_calling(served: Served, picture_url: str) -> None:
    """What its backend sends (openai.py of Open WebUI 0.6): the list of models, a streamed chat with its own
    headers, whose thinking it reads from reasoning_content, and a request for a title."""
    headers = {"Authorization": "Bearer none", "X-OpenWebUI-User-Name": "A%20person",
               "X-OpenWebUI-User-Id": "1", "X-OpenWebUI-User-Role": "admin"}  # fmt: skip
    with httpx.Client(base_url=served.url, headers=headers, timeout=60) as client:
        listed = client.get("/v1/models").json()
        name = listed["data"][0]["id"]
        assert listed["object"] == "list"
        content = [
            {"type": "text", "text": "How many?"},
            {"type": "image_url", "image_url": {"url": picture_url}},
        ]
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]
        body = {"model": name, "messages": messages, "stream": True, "temperature": 0.0, "max_tokens": 24,
                "stream_options": {"include_usage": True}, "reasoning_effort": "minimal"}  # fmt: skip
        deltas, usage = [], None
        with client.stream("POST", "/v1/chat/completions", json=body) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            for line in stream.iter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    chunk = json.loads(line.removeprefix("data: "))
                    deltas += [choice["delta"] for choice in chunk["choices"]]
                    usage = chunk.get("usage") or usage
        assert any(delta.get("reasoning_content") for delta in deltas) and usage["completion_tokens"] == 24
        task = [{"role": "user", "content": "### Task:\nGenerate a concise title."}]
        title = {"model": name, "messages": task, "stream": False, "max_completion_tokens": 12}
        assert client.post("/v1/chat/completions", json=title).json()["choices"][0]["finish_reason"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(find_spec("schemathesis") is None, reason="schemathesis is not installed")
def test_schemathesis(served: Served) -> None:
    """Five minutes of generated requests, good and bad: no 5xx, and every answer is what the schema says."""
    httpx.get(f"{served.url}/openapi.json", timeout=120)  # made at the first call, for which it waits 10 s
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{served.url}/openapi.json",
               "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,"
               "response_schema_conformance", "--max-time", os.environ.get("R1V_SECONDS", "300"),
               "--phases", "examples,coverage,fuzzing", "--seed", "1", "--suppress-health-check", "all",
               "--request-timeout", "60"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=850)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]

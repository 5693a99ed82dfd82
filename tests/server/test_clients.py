"""Other clients, where they are installed: litellm, and schemathesis over the OpenAPI schema."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

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


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(find_spec("schemathesis") is None, reason="schemathesis is not installed")
def test_schemathesis(served: Served) -> None:
    """Generated requests, good and bad: no 5xx, and every answer is what the schema says."""
    httpx.get(f"{served.url}/openapi.json", timeout=120)  # made at the first call, for which it waits 10 s
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{served.url}/openapi.json",
               "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,"
               "response_schema_conformance", "--max-examples", os.environ.get("R1V_EXAMPLES", "25"),
               "--phases", "examples,coverage,fuzzing", "--seed", "1", "--suppress-health-check", "all",
               "--request-timeout", "60"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=850)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]

"""A served model behind an OpenAI-compatible endpoint: thinking apart, failures told, judge over the wire."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from r1v.eval.item import Output
from tests.eval.rows import write_rows
from tests.eval.test_runs import made_run

pytest.importorskip("inspect_ai", reason="needs the extra eval")


# what a student wrote -> what the reading model says it was
READ = {
    "half a dozen of them": "The student counts.\nANSWER: 6",
    "the last but one": "ANSWER: D",
    "I give up": "ANSWER: NONE",
}


class _Handler(BaseHTTPRequestHandler):
    """Answers every question with 204 after some thinking; as a judge, that both are the same."""

    seen: list[Any] = []  # noqa: RUF012 - shared by all requests of a test on purpose

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append(body)
        asked = json.dumps(body["messages"])
        judged = "reference answer" in asked
        read = next((said for text, said in READ.items() if text in asked), None)
        message = {
            "role": "assistant",
            "content": read or ("VERDICT: SAME" if judged else "Answer: \\boxed{204}"),
            "reasoning_content": r"It might be \boxed{3}.",
        }
        reply = json.dumps(
            {
                "id": "1", "object": "chat.completion", "created": 0, "model": body["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
                          "completion_tokens_details": {"reasoning_tokens": 4}},
            }
        ).encode()  # fmt: skip
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def endpoint() -> Iterator[str]:
    _Handler.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()


def test_a_served_model_and_a_served_judge(tmp_path: Path, endpoint: str, run_r1v) -> None:
    data = write_rows(tmp_path / "data", "aime24", "mathvision")
    out = tmp_path / "run"
    status, printed, errors = run_r1v(
        "eval", "run", "aime24", "mathvision", "--model", "some-model", "--url", endpoint, "--data", data,
        "--out", out, "--release", "--epochs", 2, "--quiet", "--judge", "a-judge", "--judge-url", endpoint,
        "--judge-choices",
    )  # fmt: skip
    assert status == 0, errors
    assert "2 right" in printed and "6 right" in printed
    lines = [json.loads(line) for line in (out / "samples.jsonl").read_text().splitlines()]
    assert len(lines) == 8
    one = next(line for line in lines if line["task"] == "aime24")["output"]
    assert one["answer"] == r"Answer: \boxed{204}" and "3" in one["thinking"]
    assert (one["prompt_tokens"], one["completion_tokens"], one["reasoning_tokens"]) == (11, 7, 4)
    asked = [body for body in _Handler.seen if body["model"] == "some-model"]
    assert {body["seed"] for body in asked} == {line["seed"] for line in lines}
    assert asked[0]["temperature"] == 0.6 and asked[0]["repetition_penalty"] == 1.05
    assert any("image_url" in json.dumps(body["messages"]) for body in asked)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["identity"]["model"]["url"] == endpoint
    scores = json.loads((out / "scores.json").read_text())
    assert scores["judge"]["model"] == "a-judge" and "mathvision" in scores["judge"]["tasks"]
    assert scores["tasks"]["mathvision"]["judge_against_rules"]["differ"] == 6


def test_readings_with_a_served_model(tmp_path: Path, endpoint: str, run_r1v) -> None:
    """Answers that no rule reads are read by the model; it sees no right answer and is asked once."""
    said = dict(zip("123", READ, strict=True))
    data = write_rows(tmp_path / "data", "mathvision")
    made_run(tmp_path / "run", data, {id: [Output(answer=f"Well, {text}.")] for id, text in said.items()})
    command = (
        "eval",
        "readings",
        tmp_path / "run",
        "--judge",
        "a-reader",
        "--judge-url",
        endpoint,
        "--form",
        "csv",
    )
    status, printed, errors = run_r1v(*command)
    assert status == 0, errors
    lines = [line.split(",") for line in printed.splitlines()]
    head, row = (next(line for line in lines if line[0] == name) for name in ("benchmark", "mathvision"))
    cells = dict(zip(head, row, strict=False))
    assert cells["samples"] == "3" and cells["box"].lstrip('"').startswith("0.0")
    assert any(cell.lstrip('"').startswith("66.7") for cell in row), (
        row
    )  # two of three, one without an answer
    asked = [json.dumps(body["messages"]) for body in _Handler.seen if body["model"] == "a-reader"]
    assert len(asked) == 3
    for text in READ:
        assert sum(text in one for one in asked) == 1
    assert all("A student answered" in one and "reference" not in one for one in asked)
    run_r1v(*command)
    assert sum(body["model"] == "a-reader" for body in _Handler.seen) == 3  # its words are stored


def test_a_request_that_is_tried_again_is_told_at_once() -> None:
    import asyncio

    from inspect_ai.hooks import ModelRetry

    from r1v.eval.retries import Retries, telling_retries

    heard: list[str] = []
    retry = ModelRetry("some-model", attempt=1, wait_time=3.0, exception_type="APIError", status_code=503)
    assert not Retries().enabled()
    with telling_retries(heard.append):
        assert Retries().enabled()
        for _ in range(5):  # further ones only after a while
            asyncio.run(Retries().on_model_retry(retry))
    assert heard == [
        "some-model gives no answer (APIError, status 503); attempt 1 failed, the next one is in 3 s"
    ]
    assert not Retries().enabled()


def test_an_endpoint_that_refuses_all_gives_no_score(
    tmp_path: Path, endpoint: str, run_r1v, monkeypatch
) -> None:
    """A wrong key fails every question: an error, and no 0.0."""
    monkeypatch.setattr(_Handler, "do_POST", lambda self: self.send_error(401))
    out = tmp_path / "run"
    status, printed, errors = run_r1v(
        "eval", "run", "aime24", "--model", "m", "--url", endpoint, "--out", out, "--quiet",
        "--data", write_rows(tmp_path / "data", "aime24"),
    )  # fmt: skip
    assert status == 1 and "samples failed" in errors and "0.0" not in printed
    assert json.loads((out / "scores.json").read_text())["tasks"]["aime24"]["score"] is None

"""A reward model served: the same scores as training computes, in vLLM's form, behind the same door."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
import uvicorn

from r1v.core import ImageRef
from r1v.llm import ConversationScorer, is_reward_model
from r1v.models import load
from r1v.models.reward import RewardModel, save_head
from r1v.prompt import Processor
from r1v.server import ServerConfig, create_reward_app
from r1v.train.core.compute import Compute
from r1v.train.data.examples import AnswerKey, Example
from r1v.train.data.pairs import Reply, encode_reply
from r1v.train.reward.model import Calibration, RewardScorer

KEY = "a-secret-key"


@pytest.fixture(scope="module")
def folder(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random reward model, as r1v train reward writes it."""
    target = tmp_path_factory.mktemp("reward") / "tiny"
    target.mkdir()
    for path in tiny_checkpoint.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    model = RewardModel(load(target))
    torch.nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(1))
    save_head(model, target)
    Calibration().save(target)
    return target


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    app = create_reward_app(ConversationScorer(str(folder)), ServerConfig("tiny", api_keys=(KEY,)))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {KEY}"},
                      timeout=60) as client:  # fmt: skip
        yield client
    server.should_exit = True
    thread.join(30)


def turns(question: Any, answer: str, thinking: str = "") -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer, "reasoning_content": thinking},
    ]


def test_rewards_are_those_that_training_computes(
    client: httpx.Client, folder: Path, picture: Path, picture_url: str
) -> None:
    processor = Processor.from_folder(folder)
    scorer = RewardScorer.open(folder, Compute(torch.device("cpu"), False))
    told = [
        ("How many?", "12", "one, two"),
        ("Why?", "So.", ""),
        ("How many circles are there in it?", "3", "x"),
    ]
    rows, talks = [], []
    for number, (question, answer, thinking) in enumerate(told):
        images = (ImageRef(str(picture)),) if number == 0 else ()
        example = Example(images, question, "", "", AnswerKey(""))
        rows.append(encode_reply(processor, example, Reply(thinking, answer)))
        parts = [{"type": "image_url", "image_url": {"url": picture_url}}] if images else []
        talks.append(
            turns([*parts, {"type": "text", "text": question}] if parts else question, answer, thinking)
        )
    expected = scorer.score(rows)
    found = client.post("/v1/reward", json={"model": "tiny", "conversations": talks}).json()
    assert [each["index"] for each in found["data"]] == [0, 1, 2]
    assert [each["data"][0] for each in found["data"]] == pytest.approx(expected, abs=1e-4)
    assert len({round(value, 3) for value in expected}) == 3
    tokens = sum(len(row.token_ids) for row in rows)
    assert found["usage"] == {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
    one = client.post("/pooling", json={"model": "tiny", "messages": talks[1]}).json()
    assert one["data"][0]["data"][0] == pytest.approx(expected[1], abs=1e-4)
    assert one["object"] == "list" and one["data"][0]["object"] == "pooling"


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"messages": turns("a", "b"), "model": "other"}, 404, "model"),
        ({}, 400, None),
        ({"messages": turns("a", "b"), "conversations": [turns("a", "b")]}, 400, None),
        ({"messages": turns("a", "b")[:1]}, 400, "messages"),
        ({"messages": turns("a", "b")[::-1]}, 400, None),
        ({"messages": turns("a", "long " * 600)}, 400, None),
        ({"messages": turns("a", "b"), "temperature": 1}, 400, "temperature"),
        ({"messages": turns([{"type": "image_url", "image_url": {"url": "data:,x"}}], "b")}, 400, None),
        ({"conversations": []}, 400, "conversations"),
        ({"conversations": "x"}, 400, "conversations"),
    ],
)
def test_what_is_wrong_is_said(body: dict, status: int, param: str | None, client: httpx.Client) -> None:
    answer = client.post("/v1/reward", json={"model": "tiny", **body})
    error = answer.json()["error"]
    assert answer.status_code == status and error["message"] and error["param"] == param


def test_the_door_and_what_is_not_there(client: httpx.Client) -> None:
    assert httpx.post(f"{client.base_url}/v1/reward", json={}).status_code == 401
    assert httpx.get(f"{client.base_url}/ready").status_code == 200
    answer = client.post("/v1/chat/completions", json={"model": "tiny", "messages": turns("a", "b")[:1]})
    assert answer.status_code == 404 and "/v1/reward" in answer.json()["error"]["message"]
    assert client.get("/v1/models").json()["data"][0]["output_modalities"] == ["reward"]
    assert "r1v_rewards_total" in client.get("/metrics").text
    assert set(client.get("/openapi.json").json()["paths"]) == {
        "/v1/reward", "/pooling", "/v1/models", "/health", "/ready", "/metrics",
    }  # fmt: skip


def test_r1v_serve_tells_a_reward_model_from_others(
    folder: Path, tiny_checkpoint: Path, run_r1v: Any
) -> None:
    assert is_reward_model(str(folder)) and not is_reward_model(str(tiny_checkpoint))
    status, _, err = run_r1v("serve", folder, "--port", 0, "--url", "http://127.0.0.1:9/v1")
    assert status == 1 and "reward model" in err and err.count("\n") == 1

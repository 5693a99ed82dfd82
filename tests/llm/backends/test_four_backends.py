"""R1V-Nano answers the same, token by token, whatever runs it: r1v, transformers, vllm, and openai (a server
of ours). Greedy, float32, on held-out figures."""

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from r1v import LLM
from r1v.llm import RemoteConfig
from tests.llm.backends.answers import ask_all, questions
from tests.llm.backends.test_vllm import compare, needs_vllm

figures = pytest.importorskip("r1v.figures", reason="figures are drawn with r1v[figures]")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
FAMILIES = ("circuit", "counting", "geometry", "compare", "arithmetic")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two held-out figures of each family, with their questions."""
    folder = tmp_path_factory.mktemp("figures")
    for family in FAMILIES:
        for seed in itertools.islice(figures.seeds("heldout", 0), 2):
            item = figures.make(family, seed)
            if item.images:
                item.images[0].save(folder / f"{family}-{seed}.png")
                (folder / f"{family}-{seed}.txt").write_text(item.question)
    return folder


@pytest.fixture(scope="module")
def ours(folder: Path) -> dict[str, Any]:
    with LLM("r1v-nano", dtype="float32") as llm:
        return ask_all(llm, questions(folder))


def test_they_are_answers(ours: dict[str, Any]) -> None:
    """The comparison is about whole answers with thinking, not about silence."""
    finished = [each for answers in ours.values() for each in answers if each["finish"] == "stop"]
    assert len(finished) > 0.8 * len(ours) and all(each["answer"].strip() for each in finished)


def test_transformers(ours: dict[str, Any], folder: Path) -> None:
    with LLM("r1v-nano", backend="transformers", dtype="float32") as llm:
        assert ask_all(llm, questions(folder)) == ours


@needs_vllm
def test_vllm(folder: Path, tmp_path: Path) -> None:
    compare("r1v-nano", folder, tmp_path / "answers.json")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    uvicorn = pytest.importorskip("uvicorn")
    from r1v.server import ServerConfig, create_app

    llm = LLM("r1v-nano", dtype="float32")
    app = create_app(llm, ServerConfig(name="r1v-nano", page=False))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    server.should_exit = True
    thread.join()
    llm.close()


def test_openai(ours: dict[str, Any], folder: Path, url: str) -> None:
    with LLM("r1v-nano", backend="openai", remote=RemoteConfig(url)) as llm:
        found = ask_all(llm, questions(folder))
    assert found.keys() == ours.keys()
    for name, answers in ours.items():
        for mine, theirs in zip(answers, found[name], strict=True):
            for part in ("thinking", "answer"):
                assert theirs[part].strip() == mine[part].strip(), name
            assert theirs["finish"] == mine["finish"]
            assert theirs["usage"][0] == mine["usage"][0] and theirs["usage"][2] == mine["usage"][2]

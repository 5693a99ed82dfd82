"""The remote backend and the certificate against our own server, in this process."""

import json
import threading
import time
from pathlib import Path

import pytest

from r1v import LLM, SamplingParams
from r1v.llm import RemoteConfig

uvicorn = pytest.importorskip("uvicorn")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer_folder: Path):
    """(folder, URL, LLM behind it) of a tiny checkpoint with room for five images."""
    from r1v.server import ServerConfig, create_app
    from tests.conftest import write_tiny_checkpoint

    folder = write_tiny_checkpoint(tmp_path_factory.mktemp("own") / "tiny", tiny_tokenizer_folder, "release")
    config = json.loads((folder / "config.json").read_text())
    config["llm_config"]["max_position_embeddings"] = 4096
    (folder / "config.json").write_text(json.dumps(config))
    llm = LLM(folder)
    app = create_app(llm, ServerConfig(name="tiny", page=False))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield folder, f"http://127.0.0.1:{port}/v1", llm
    server.should_exit = True
    thread.join()
    llm.close()


@pytest.mark.parametrize("budget", [-1, 0, 4])
def test_same_answers_as_the_model_behind(served, picture: Path, budget: int) -> None:
    _, url, ours = served
    params = SamplingParams.greedy(max_tokens=12, thinking_budget=budget)
    with LLM("tiny", backend="openai", remote=RemoteConfig(url)) as remote:
        assert remote.context_length == 4096
        a, b = (llm.chat("What?", params, images=[picture]) for llm in (ours, remote))
        assert (a.thinking.strip(), a.answer.strip(), a.finish_reason, a.finish_detail) == (
            b.thinking.strip(), b.answer.strip(), b.finish_reason, b.finish_detail
        )  # fmt: skip
        assert a.usage.prompt_tokens == b.usage.prompt_tokens
        assert a.usage.completion_tokens == b.usage.completion_tokens


def test_certificate(served, run_r1v) -> None:
    folder, url, _ = served
    status, out, err = run_r1v("verify", folder, "--against", url, "--served-name", "tiny", "--max-tokens", 6)
    assert status == 0, out + err
    certificate = json.loads((folder / "parity-server.json").read_text())
    assert all(case["ids_equal"] and case["logits"] == "top" for case in certificate["cases"])

"""Servers in this process: real sockets, real engine, the random tiny checkpoint."""

from __future__ import annotations

import base64
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from r1v.engine import EngineConfig
from r1v.llm import LLM, ImageLimits, PromptLimits
from r1v.server import ServerConfig, create_app
from r1v.server.run import DrainingServer, listen, make_server
from r1v.server.service import Service

# ChatML with tools in the Hermes form, as Qwen's templates have it.
TOOL_TEMPLATE = """\
{%- if tools -%}
{{- '<|im_start|>system\\nTools:\\n' -}}
{%- for tool in tools -%}{{- tool | tojson + '\\n' -}}{%- endfor -%}
{{- 'Call them as <tool_call>\\n{"name": ..., "arguments": ...}\\n</tool_call><|im_end|>\\n' -}}
{%- endif -%}
{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' -}}
{%- if message.content -%}{{- message.content -}}{%- endif -%}
{%- for call in message.tool_calls or [] -%}
{{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' -}}
{{- call.function.arguments | tojson + '}\\n</tool_call>' -}}
{%- endfor -%}
{{- '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n<think>\\n' -}}{%- endif -%}
"""


@dataclass
class Served:
    """A running server."""

    url: str
    llm: LLM
    service: Service
    server: DrainingServer

    def wait_until(self, condition: Callable[[], bool], timeout_s: float = 60.0) -> float:
        """Seconds until the condition holds; fails after timeout_s."""
        start = time.monotonic()
        while not condition():
            assert time.monotonic() - start < timeout_s, "the condition did not come to hold"
            time.sleep(0.01)
        return time.monotonic() - start

    @property
    def idle(self) -> bool:
        """Nothing runs, waits or holds a place."""
        load = self.llm.load
        return load.num_running + load.num_waiting + self.service.num_active == 0


@contextmanager
def serving(llm: LLM, **settings: object) -> Iterator[Served]:
    """A server on a free port; leaving ends it."""
    config = ServerConfig(**{"name": "tiny", "port": 0, "page": False, **settings})
    app = create_app(llm, config)
    listening = listen(config)
    started = threading.Event()
    server = make_server(app, app.state.service, started.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    assert started.wait(20)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        yield Served(url, llm, app.state.service, server)
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


LIMITS = PromptLimits(images=ImageLimits(max_pixels=4_000_000, max_bytes=1 << 20), max_images=4)


@pytest.fixture(scope="session")
def tiny_llm(tiny_checkpoint: Path) -> Iterator[LLM]:
    with LLM(tiny_checkpoint, limits=LIMITS) as llm:
        yield llm


@pytest.fixture(scope="session")
def endless_llm(endless_checkpoint: Path) -> Iterator[LLM]:
    """Greedily it goes on for a minute; two sequences run at a time."""
    with LLM(endless_checkpoint, engine=EngineConfig(keep_weights=False, max_num_seqs=2)) as llm:
        yield llm


@pytest.fixture(scope="session")
def tool_llm(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LLM]:
    folder = tmp_path_factory.mktemp("tools") / "model"
    shutil.copytree(tiny_checkpoint, folder)
    (folder / "chat_template.jinja").write_text(TOOL_TEMPLATE)
    with LLM(folder) as llm:
        yield llm


@pytest.fixture(scope="session")
def served(tiny_llm: LLM) -> Iterator[Served]:
    with serving(tiny_llm, max_images=4, max_image_bytes=1 << 20, max_body_bytes=4 << 20) as served:
        yield served


@pytest.fixture
def http(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def picture_url(picture: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()

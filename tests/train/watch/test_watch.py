"""The page of a run: what it is given while the run goes on, and what a browser shows of it."""

from __future__ import annotations

import base64
import http.client
import io
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from r1v.core import ConfigError
from r1v.train.core.config_read import make
from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer
from r1v.train.watch import samples
from r1v.train.watch.samples import kept_steps
from r1v.train.watch.server import metrics_from, open_watch, samples_of


@pytest.fixture(scope="module")
def grpo_run(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps of two questions, one of them with a picture."""
    out = tmp_path_factory.mktemp("watch") / "run"
    GRPOTrainer(
        make(
            GRPOConfig, model=str(start), out=str(out), families=("arithmetic", "counting"), steps=2,
            prompts=4, group=2, max_tokens=4, bf16=False, device="cpu", workers=0, samples=4, seed=3,
        ),
        Console(quiet=True),
    ).train()  # fmt: skip
    return out


@pytest.fixture
def server(grpo_run: Path) -> Iterator[ThreadingHTTPServer]:
    server = open_watch(grpo_run, port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def get(server: ThreadingHTTPServer, path: str, host: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1])
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_samples_are_the_replies_of_the_step_with_their_pictures(grpo_run: Path) -> None:
    assert kept_steps(grpo_run) == [1, 2]
    found: Any = samples_of(grpo_run, None)
    assert found["step"] == 2 and len(found["questions"]) == 4
    rewards = [reply["reward"] for one in found["questions"] for reply in one["replies"]]
    rows = [json.loads(line) for line in (grpo_run / "metrics.jsonl").read_text().splitlines()]
    logged = next(row["reward"] for row in rows if row.get("step") == 2 and "reward" in row)
    assert np.mean(rewards) == pytest.approx(logged)
    pictured = [one for one in found["questions"] if one["images"]]
    assert pictured, "a counting question has a picture"
    held = base64.b64decode(pictured[0]["images"][0].partition(",")[2])
    assert Image.open(io.BytesIO(held)).size == (32, 32)  # a tile of the tiny model


def test_metrics_come_line_by_line_and_a_shorter_file_is_read_anew(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    file = tmp_path / "metrics.jsonl"
    assert metrics_from(tmp_path, 0)["rows"] == []
    file.write_text('{"step": 1, "nll": 2.0, "alarms": ["growth"]}\n{"step": 2, "nl')
    first: Any = metrics_from(tmp_path, 0)
    assert first["rows"] == [{"step": 1.0, "nll": 2.0}] and first["said"] == ["step 1: ALARM growth"]
    file.write_text(file.read_text() + 'l": 1.0}\n{"step": 2, "bad": "row 7"}\n')
    second: Any = metrics_from(tmp_path, first["next"])
    assert second["rows"][0] == {"step": 2.0, "nll": 1.0} and second["said"] == ["step 2: row 7"]
    file.write_text('{"step": 1, "nll": 2.0}\n')
    assert metrics_from(tmp_path, second["next"])["anew"]


def test_the_newest_steps_are_kept_and_those_of_an_interrupted_run_go(
    grpo_run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(samples, "NUM_KEPT", 2)
    run: Any = type("Run", (), {"folder": tmp_path, "world": type("World", (), {"first": True})})
    question = samples.ShownQuestion("all", "?", "1", _no_picture(), [])
    for step in (1, 2, 3, 9, 4):
        samples.keep_samples(run, step, [question])
    assert kept_steps(tmp_path) == [3, 4]


def _no_picture() -> Any:
    return type("Prompt", (), {"tiles_per_image": [], "tiles": np.zeros((0, 4, 4, 3), np.uint8)})


def test_what_is_served(server: ThreadingHTTPServer) -> None:
    for path, start in (("/", b"<!doctype html>"), ("/page.js", b"//"), ("/page.css", b":root")):
        status, body = get(server, path)
        assert status == 200 and body.startswith(start)
    assert json.loads(get(server, "/metrics?from=0")[1])["rows"]
    assert get(server, "/metrics?from=x")[0] == 400
    for path in ("/config.json", "/../config.json", "/server.py", "/metrics.jsonl"):
        assert get(server, path)[0] == 404
    assert get(server, "/", host="evil.example:80")[0] == 403


def test_a_folder_that_holds_no_run(tmp_path: Path, run_r1v: Any) -> None:
    with pytest.raises(ConfigError, match=r"no config\.json"):
        open_watch(tmp_path)
    status, _, err = run_r1v("train", "watch", tmp_path)
    assert status != 0 and "config.json" in err and "Traceback" not in err


@pytest.mark.slow
def test_a_browser_shows_the_numbers_and_the_replies(server: ThreadingHTTPServer, grpo_run: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        page = browser.new_page()
        broken: list[str] = []
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.on("console", lambda message: broken.append(message.text) if message.type == "error" else None)
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
        page.wait_for_selector(".reply", timeout=60_000)
        assert page.locator(".question").count() == 4 and page.locator(".question img").count() >= 1
        assert page.locator('figure[data-name="reward"] polyline').count() == 1
        with (grpo_run / "metrics.jsonl").open("a") as file:  # the run goes on
            file.write('{"step": 3, "reward": 0.5, "<b>new</b>": 1}\n')
        page.wait_for_function("document.getElementById('state').textContent === 'step 3'", timeout=60_000)
        assert page.locator("#charts b").count() == 0  # names are text
        page.select_option("#step", "1")
        page.wait_for_function("document.querySelector('h3').textContent.startsWith('Step 1')")
        assert not broken
        browser.close()

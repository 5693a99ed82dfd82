"""The example from a folder of one's own images to a served model."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image

from r1v.core import ConfigError

SCRIPT = Path(__file__).parents[2] / "examples" / "own_images.py"


def make_folder(folder: Path) -> Path:
    """Twelve pictures of one colour; half of the questions have a chain."""
    folder.mkdir()
    rows = []
    for index in range(12):
        colour = ("red", "green", "blue")[index % 3]
        Image.new("RGB", (40, 30), colour).save(folder / f"{index}.png")
        row = {"images": [f"{index}.png"], "question": "Which colour?", "answer": f"\\boxed{{{colour}}}",
               "answer_type": "string"}  # fmt: skip
        rows.append(row | ({"thinking": f"It is {colour}."} if index % 2 else {}))
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_from_a_folder_to_an_answer_of_a_server(start: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "mine")
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), "--model", str(start), "--out", str(tmp_path / "out"),
         "--sft-steps", "2", "--figures", "2", "--grpo-steps", "2", "--batch-size", "2", "--max-tokens", "8",
         "--device", "cpu",
         "--serve", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None and process.stdout is not None
        said, url = [], ""
        for line in process.stderr:
            said.append(line)
            if "API at" in line:
                url = line.split("API at ")[1].strip()
                break
        assert url, "".join(said)[-3000:]
        picture = base64.b64encode((folder / "0.png").read_bytes()).decode()
        content = [
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
            {"type": "text", "text": "Which colour?"},
        ]
        request = {"model": "model", "messages": [{"role": "user", "content": content}], "max_tokens": 4}
        name = httpx.get(f"{url}/models").json()["data"][0]["id"]
        answer = httpx.post(f"{url}/chat/completions", json=request | {"model": name}, timeout=120)
        assert answer.status_code == 200 and answer.json()["usage"]["completion_tokens"] > 0
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the script and the server that it started
        out = process.communicate(timeout=60)[0]
    lines = out.splitlines()
    assert lines[0] == "train: 9 questions, chains: 5 questions, choose: 2 questions, measure: 1 questions"
    assert lines[1].startswith("right before: ") and lines[1].endswith(" of figures")
    assert "does not practise" in lines[2] and lines[3].startswith("right after sft: ")
    assert lines[4].startswith(("right after grpo: ", "grpo brought nothing"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ctrl_c_is_one_line_and_loses_nothing_and_changed_questions_are_noticed(
    start: Path, tmp_path: Path
) -> None:
    """Ctrl-C while it measures, then while it trains; the same command goes on; other questions do not."""
    folder, out = make_folder(tmp_path / "mine"), tmp_path / "out"
    command = [
        sys.executable, str(SCRIPT), str(folder), "--model", str(start), "--out", str(out), "--sft-steps",
        "400", "--figures", "2", "--grpo-steps", "0", "--batch-size", "2", "--max-tokens", "8", "--device",
        "cpu",
    ]  # fmt: skip

    def interrupted(until: str) -> str:
        """What the script says when Ctrl-C is pressed behind a line that holds ``until``."""
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if until in line:
                process.send_signal(signal.SIGINT)
                break
        rest, _ = process.communicate(timeout=300)
        assert process.returncode == 1, "".join(said) + rest
        return "".join(said) + rest

    first = interrupted("train: 9 questions")
    assert "Traceback" not in first and first.rstrip().endswith("the same command goes on")
    second = interrupted("step 10/400")
    assert "Traceback" not in second
    kept = int(second.rpartition("stopped at step ")[2].split(",")[0])
    assert kept >= 10 and (out / "sft" / "checkpoints" / f"step-{kept}").is_dir()
    third = interrupted("going on from step")
    assert f"going on from step {kept}" in third and "Traceback" not in third
    rows = (folder / "questions.jsonl").read_text().replace("It is red.", "I see red.")
    (folder / "questions.jsonl").write_text(rows)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1 and "the data have changed" in done.stderr and "run.out" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_questions_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "questions.jsonl" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [('{"question": "a"', "not valid JSON"), ('{"image": 3}', "image"), ("[1]", "not an object")],
)
def test_a_line_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import own_images

    folder = make_folder(tmp_path / "mine")
    rows = (folder / "questions.jsonl").read_text().splitlines()
    (folder / "questions.jsonl").write_text("\n".join([*rows[:2], "", line, *rows[2:]]))
    with pytest.raises(ConfigError, match=rf"questions\.jsonl, line 4: .*{said}"):
        own_images.split(folder, tmp_path / "out")


def test_a_picture_that_was_changed_under_its_name_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import own_images

    folder = make_folder(tmp_path / "mine")
    for _ in range(2):  # an interrupted run goes on
        assert len(own_images.split(folder, tmp_path / "out")["train"]) == 9
    Image.new("RGB", (40, 30), "white").save(folder / "3.png")
    own_images.split(folder, tmp_path / "out")  # nothing is trained yet, so nothing is mixed
    (tmp_path / "out" / "sft" / "checkpoints" / "step-1").mkdir(parents=True)
    Image.new("RGB", (40, 30), "black").save(folder / "3.png")
    with pytest.raises(ConfigError, match=r"3\.png is another picture .* --out"):
        own_images.split(folder, tmp_path / "out")
    assert own_images.split(folder, tmp_path / "other")
    (folder / "3.png").unlink()
    with pytest.raises(ConfigError, match=r"^picture .*3\.png cannot be read: it does not exist$"):
        own_images.split(folder, tmp_path / "other")

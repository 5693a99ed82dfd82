"""The vLLM backend beside our engine. vLLM has an environment of its own (benchmarks/peers/vllm_cpu.sh):
R1V_VLLM_PYTHON names its interpreter, else .venv-vllm in the repository is looked for."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from r1v import LLM, SamplingParams
from r1v.core import CheckpointError
from r1v.llm import RemoteConfig
from r1v.llm.backends.vllm.launch import folder_for_vllm
from r1v.models import R1V, save
from r1v.ops import RopeConfig
from tests.conftest import tiny_config
from tests.llm.backends.answers import ask_all, by_grammar, few, options, questions
from tests.llm.backends.other_model import write_llava

ROOT = Path(__file__).parents[3]
PYTHON = Path(os.environ.get("R1V_VLLM_PYTHON") or ROOT / ".venv-vllm" / "bin" / "python")

needs_vllm = pytest.mark.skipif(
    not PYTHON.is_file(), reason="R1V_VLLM_PYTHON names no interpreter with vLLM (vllm_cpu.sh makes one)"
)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), needs_vllm]

YARN = RopeConfig(kind="yarn", factor=4.0, original_max_positions=128)
# head sizes that vLLM's attention has on a CPU; what each adds to the tiny checkpoint
CHECKPOINTS: dict[str, tuple[str, dict[str, Any]]] = {
    "native": ("native", {}),
    "release": ("release", {}),
    "untied qwen3 yarn": ("release", {"family": "qwen3", "tied": False, "num_kv_heads": 2, "num_heads": 4,
                                      "rope": YARN}),
}  # fmt: skip


def environment() -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1",
        "VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "ERROR",
    }  # fmt: skip


def in_vllm(*words: object) -> str:
    """Run a module in vLLM's environment; its standard output. Past the limit its workers end with it."""
    command = [str(PYTHON), "-m", *map(str, words)]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, start_new_session=True) as process:  # fmt: skip
        try:
            out, error = process.communicate(timeout=1000)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 0, out[-2000:] + error[-6000:]
    return out


def make_checkpoint(folder: Path, tokenizer: Path, name: str) -> Path:
    import torch

    layout, changes = CHECKPOINTS[name]
    model = R1V(tiny_config(tokenizer, **{"num_heads": 2, "num_kv_heads": 1, **changes}))
    model.initialise(0)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if parameter.dim() > 1 and "embedding" not in key:
                parameter.mul_(8.0)
    save(model, folder, layout, tokenizer_from=tokenizer)  # type: ignore[arg-type]
    return folder


def compare(model: Path | str, source: Path, target: Path) -> dict[str, Any]:
    """Every answer of vLLM equal to our engine's; gives what else the program reports."""
    in_vllm("tests.llm.backends.answers", model, "vllm", source, target)
    found: dict[str, Any] = json.loads(target.read_text())
    with LLM(model, dtype="float32") as ours:
        same(ask_all(ours, questions(source)), found["answers"])
        assert found["grammar"] == by_grammar(ours)
    return found


def same(expected: dict[str, Any], answers: dict[str, Any]) -> None:
    """Equal but for the last digits of log-probabilities."""
    assert answers.keys() == expected.keys()
    for name in expected:
        for ours, theirs in zip(expected[name], answers[name], strict=True):
            rows, their_rows = ours.pop("logprobs"), theirs.pop("logprobs")
            assert ours == theirs, name
            assert len(rows) == len(their_rows)
            for (token, value, top), (their_token, their_value, their_top) in zip(
                rows, their_rows, strict=True
            ):
                assert token == their_token and abs(value - their_value) < 1e-3
                assert [i for i, _ in top] == [i for i, _ in their_top]


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_same_answers(name: str, tmp_path: Path, tiny_tokenizer_folder: Path, picture: Path) -> None:
    folder = make_checkpoint(tmp_path / "model", tiny_tokenizer_folder, name)
    found = compare(folder, picture, tmp_path / "answers.json")
    assert found["cancelled"]["cancelled"] and 0 < found["cancelled"]["tokens"] < 400
    assert found["cancelled"]["after"] == 3
    assert found["async"] == [found["answers"]["text"][0]["token_ids"]] * 4
    assert found["answers"]["budget"][0]["detail"] == "budget"
    assert found["answers"]["loops"][0]["detail"] == "loop"


def test_two_processes_share_a_model(tmp_path: Path, tiny_tokenizer_folder: Path, picture: Path) -> None:
    folder = make_checkpoint(tmp_path / "model", tiny_tokenizer_folder, "untied qwen3 yarn")
    in_vllm("tests.llm.backends.answers", folder, "vllm", picture, tmp_path / "answers.json", 2)
    with LLM(folder, dtype="float32") as ours:
        same(
            ask_all(ours, few(options(picture))),
            json.loads((tmp_path / "answers.json").read_text())["answers"],
        )


def test_ask_with_the_release_scripts_own_words(picture: Path) -> None:
    words = ["--model_path", "r1v-nano", "--image_paths", picture, picture, "--question", "What is this?"]
    said = in_vllm(
        "r1v.cli.main", "ask", "--backend", "vllm", "--dtype", "float32", "--max-tokens", "40", *words
    )
    with LLM("r1v-nano", dtype="float32") as ours:
        from r1v import SamplingParams

        expected = ours.chat("What is this?", SamplingParams.greedy(max_tokens=40), images=[picture, picture])
    assert expected.answer.strip() in said


@contextmanager
def serving(tmp_path: Path, *more: str) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """R1V-Nano served by vLLM: the process, its address and its log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["-m", "r1v.cli.main", "serve", "r1v-nano", "--backend", "vllm", "--dtype", "float32", *more]
    log = tmp_path / "log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [str(PYTHON), *words, "--port", str(port)], cwd=ROOT, env=environment(), stdout=file, stderr=file
        )
        try:
            for _ in range(1200):
                assert server.poll() is None, log.read_text()[-4000:]
                if status(f"http://127.0.0.1:{port}/ready") == 200:
                    break
                time.sleep(0.5)
            yield server, f"http://127.0.0.1:{port}", log
        finally:
            server.kill()
            server.wait()


def status(url: str) -> int:
    """Of a page; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def engines_of(pid: int) -> list[psutil.Process]:
    """The processes that vLLM started, without multiprocessing's own."""
    children = psutil.Process(pid).children(recursive=True)
    return [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]


def test_serve(picture: Path, tmp_path: Path) -> None:
    """Our API over vLLM: what runs is said, an answer, a quiet log, Ctrl-C."""
    with serving(tmp_path) as (server, url, log):
        with urllib.request.urlopen(f"{url}/v1/models", timeout=10) as answer:
            (card,) = json.load(answer)["data"]
        assert card["backend"]["name"] == "vllm" and card["backend"]["versions"]["vllm"].startswith("0.3")
        params = SamplingParams.greedy(max_tokens=60, thinking_budget=20)
        with LLM("r1v-nano", backend="openai", remote=RemoteConfig(f"{url}/v1")) as served:
            theirs = served.chat("How many circles are there?", params, images=[picture])
        with LLM("r1v-nano", dtype="float32") as llm:
            ours = llm.chat("How many circles are there?", params, images=[picture])
        assert (theirs.thinking.strip(), theirs.answer.strip()) == (
            ours.thinking.strip(),
            ours.answer.strip(),
        )
        assert theirs.usage.prompt_tokens == ours.usage.prompt_tokens
        said = log.read_text()
        assert "runs by vllm on cpu" in said
        assert "INFO" not in said and "Warning" not in said, said
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0


def test_vllms_process_ends_with_its_parent_and_its_death_is_said(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, url, _):
        engines = engines_of(server.pid)
        assert engines
        server.kill()
        gone, alive = psutil.wait_procs(engines, timeout=20)
        assert gone and not alive
    with serving(tmp_path) as (server, url, _):
        for engine in engines_of(server.pid):
            engine.kill()
        for _ in range(60):
            if status(f"{url}/health") == 503:
                break
            time.sleep(0.5)
        assert status(f"{url}/health") == status(f"{url}/ready") == 503


def test_certificate(tmp_path: Path) -> None:
    target = tmp_path / "certificate.json"
    in_vllm("r1v.cli.main", "verify", "r1v-nano", "--against", "vllm", "--max-tokens", "24", "--out", target)
    certificate = json.loads(target.read_text())
    assert certificate["agrees"] and certificate["against"] == "vllm"
    for case in certificate["cases"]:
        assert case["ids_equal"] and case["logits"] == "full" and case["max_logit_difference"] < 1e-3
        assert case["equal_prefix"] == case["num_output"] == 24


def test_a_model_of_another_kind(tmp_path: Path, tiny_tokenizer_folder: Path, picture: Path) -> None:
    """LLaVA by its own processor: the same greedy answers as by transformers."""
    pytest.importorskip("transformers")
    folder = write_llava(tmp_path / "llava", tiny_tokenizer_folder)
    with LLM(folder, backend="transformers", dtype="float32") as llm:
        expected = ask_all(llm, options(picture))
    in_vllm("tests.llm.backends.answers", folder, "vllm", picture, tmp_path / "answers.json")
    found = json.loads((tmp_path / "answers.json").read_text())["answers"]
    assert found.keys() == expected.keys()
    for name, answers in expected.items():
        for theirs, ours in zip(found[name], answers, strict=True):
            assert theirs | {"logprobs": None} == ours | {"logprobs": None}, name


def test_heads_that_vllm_would_cut_off(tmp_path: Path, tiny_tokenizer_folder: Path) -> None:
    model = R1V(tiny_config(tiny_tokenizer_folder))
    model.initialise(0)
    save(model, tmp_path / "model", "native", tokenizer_from=tiny_tokenizer_folder)
    with pytest.raises(CheckpointError, match="hidden_size / num_attention_heads is 16"):
        folder_for_vllm(tmp_path / "model")

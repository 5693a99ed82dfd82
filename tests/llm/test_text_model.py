"""A language model alone, Qwen2 or Qwen3, does what a whole model does, and refuses pictures by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

from r1v import LLM, ImageRef, Message, SamplingParams
from r1v.core import CheckpointError, ConfigError, PromptError
from r1v.models import convert, load, read_config, save
from r1v.quant import QuantConfig, quantise_checkpoint
from tests.server.conftest import serving

QUESTIONS = ("What is 2 + 3?", "é 圈 🙂", "x\n\n\ty", "List: a, b")
FEW = ("--max-tokens", 8, "--temperature", 0)
REFUSED = "takes no images: it is a language model without a vision tower"


@pytest.fixture(scope="module")
def hf(text_checkpoint: Path) -> Any:
    """transformers' model of the same folder."""
    transformers = pytest.importorskip("transformers", reason="transformers is the oracle here")
    return transformers.AutoModelForCausalLM.from_pretrained(text_checkpoint, dtype=torch.float32).eval()


def test_logits_and_greedy_ids_are_those_of_transformers(text_checkpoint: Path, hf: Any) -> None:
    model = load(text_checkpoint, torch.float32)
    ids = torch.randint(0, 300, (2, 20), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(model(ids), hf(ids).logits, atol=2e-4)
    with LLM(text_checkpoint, dtype="float32") as llm, LLM(text_checkpoint, backend="transformers") as other:
        assert not llm.info.takes_images and llm.info.max_images == 0
        params = SamplingParams.greedy(max_tokens=24, detect_loops=False)
        found = llm.chat_many(QUESTIONS, params)
        assert [each.token_ids for each in found] == [
            each.token_ids for each in other.chat_many(QUESTIONS, params)
        ]
        assert len({each.token_ids for each in found}) > 1


def test_a_picture_is_refused_by_name(text_checkpoint: Path, picture: Path, run_r1v: Any) -> None:
    with LLM(text_checkpoint) as llm, pytest.raises(PromptError, match=REFUSED):
        llm.chat([Message.user("What is it?", [ImageRef(picture)])])
    model = load(text_checkpoint)
    with pytest.raises(PromptError, match="without a vision tower"):
        model(torch.zeros(1, 4, dtype=torch.int64), torch.zeros(1, 3, 448, 448))
    status, _, err = run_r1v("ask", picture, "What is it?", "--model", text_checkpoint, *FEW)
    assert status == 1 and REFUSED in err and err.count("\n") == 1


def test_ask_inspect_plan_and_export(text_checkpoint: Path, run_r1v: Any, tmp_path: Path) -> None:
    status, out, err = run_r1v("ask", "Hi", "--model", text_checkpoint, "--json", *FEW)
    assert status == 0, err
    assert json.loads(out)["usage"]["completion_tokens"] == 8
    status, out, _ = run_r1v("inspect", text_checkpoint)
    assert status == 0 and "language:" in out and "vision" not in out and "cannot be loaded" not in out
    status, out, _ = run_r1v("plan", text_checkpoint, "--memory", "4GB", "--context", 256, "--json")
    assert status == 0
    first = json.loads(out)
    assert first["estimates"][0]["weights"]["vision"] == 0 and first["tokens_per_image"] == 0
    assert first["num_parameters"] == sum(p.numel() for p in load(text_checkpoint).parameters())
    assert run_r1v("plan", text_checkpoint, "--train", "sft", "--memory", "4GB", "--context", 256)[0] == 0
    assert run_r1v("inspect", "--kernels", text_checkpoint)[0] == 0


def test_it_is_served_and_a_picture_gets_an_answer_that_says_why(text_checkpoint: Path) -> None:
    with LLM(text_checkpoint) as llm, serving(llm) as served:
        (card,) = httpx.get(f"{served.url}/v1/models").json()["data"]
        assert "image" not in json.dumps(card.get("input_modalities", card.get("architecture", "")))
        asked: dict[str, Any] = {"model": "tiny", "max_tokens": 4}
        url = f"{served.url}/v1/chat/completions"
        answer = httpx.post(url, json=asked | {"messages": [{"role": "user", "content": "Hi"}]}, timeout=60)
        assert answer.status_code == 200 and answer.json()["usage"]["completion_tokens"] == 4
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
        messages = [{"role": "user", "content": [image, {"type": "text", "text": "What?"}]}]
        answer = httpx.post(url, json=asked | {"messages": messages}, timeout=60)
        assert answer.status_code == 400 and "image" in answer.json()["error"]["message"]


def test_it_is_quantised_and_compared_on_texts(text_checkpoint: Path, run_r1v: Any, tmp_path: Path) -> None:
    texts = tmp_path / "texts.jsonl"
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello there"}]
    rows = [
        {"text": "The quick brown fox jumps over the lazy dog. " * 8},
        {"messages": talk},
        {"prompt": "A"},
    ]
    texts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = QuantConfig(group_size=32, calibration=str(texts), num_chats=6, max_tokens=24, num_ratios=4)
    quantise_checkpoint(text_checkpoint, tmp_path / "awq", settings)
    config = read_config(tmp_path / "awq")
    assert config.vision is None and config.language == read_config(text_checkpoint).language
    original, widened = load(text_checkpoint, torch.float32), load(tmp_path / "awq", widen=True)
    ids = torch.randint(0, 300, (1, 20), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        apart = widened.float()(ids) - original(ids)
        assert 0 < apart.std() < 0.5 * original(ids).std()
    with LLM(tmp_path / "awq") as llm:
        assert len(llm.chat("Hi", SamplingParams.greedy(max_tokens=4)).token_ids) == 4
    status, out, err = run_r1v(
        "compare", text_checkpoint, tmp_path / "awq", "--calibration", texts, "--chats", 4,
        "--max-tokens", 24, "--questions", 2,
    )  # fmt: skip
    assert status == 0 and "perplexity" in out, err


def test_without_a_file_it_answers_prompts_of_many_kinds(text_checkpoint: Path, tmp_path: Path) -> None:
    settings = QuantConfig(group_size=32, num_chats=3, max_tokens=8, num_ratios=2)
    quantise_checkpoint(text_checkpoint, tmp_path / "awq", settings)
    record = json.loads((tmp_path / "awq" / "quantisation.json").read_text())
    assert record["config"]["calibration"] == "own" and len(record["choices"]) == 2


def test_it_has_one_layout(text_checkpoint: Path, tmp_path: Path) -> None:
    convert(text_checkpoint, tmp_path / "again", None)
    ours, again = load(text_checkpoint), load(tmp_path / "again")
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), again.parameters(), strict=True))
    for layout in ("native", "release"):
        with pytest.raises(CheckpointError, match="language model alone"):
            save(ours, tmp_path / layout, layout)  # type: ignore[arg-type]


def test_verify_against_transformers(text_checkpoint: Path, run_r1v: Any, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="transformers is the peer")
    folder = tmp_path / "model"
    shutil.copytree(text_checkpoint, folder)
    status, out, err = run_r1v("verify", folder, "--against", "transformers", "--max-tokens", 12)
    assert status == 0 and "They agree." in out, out + err
    cases = json.loads((folder / "parity-transformers.json").read_text())["cases"]
    assert [case["name"] for case in cases] == ["text", "code", "Chinese", "list", "signs"]
    assert all(case["ids_equal"] and case["equal_prefix"] == case["num_output"] for case in cases)


def test_it_is_trained(text_checkpoint: Path, run_r1v: Any, tmp_path: Path) -> None:
    rows = [{"question": f"What is {n} + 1?", "thinking": f"{n} + 1", "answer": str(n + 1)} for n in range(8)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    status, out, err = run_r1v(
        "train", "sft", f"model.path={text_checkpoint}", f"run.out={tmp_path / 'run'}", "run.device=cpu",
        f'data.source=["{tmp_path / "rows.jsonl"}"]', "run.steps=2", "data.heldout=0", "data.direct_share=0",
        "run.eval_every=0", "optim.batch_size=2", "optim.lr=1e-2", "optim.warmup_steps=0",
    )  # fmt: skip
    assert status == 0, out + err
    trained = load(tmp_path / "run" / "model", torch.float32)
    assert trained.config.vision is None
    start = load(text_checkpoint, torch.float32)
    assert not torch.equal(trained.language.embedding.weight, start.language.embedding.weight)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    for name, content, words in (
        ("a.jsonl", '{"text": "a", "prompt": "b"}\n', "line 1"),
        ("b.jsonl", '{"prompt": "b", "images": ["x.png"]}\n', "text only"),
        ("c.jsonl", '{"messages": [{"role": "user", "content": [1]}]}\n', "a content that is a text"),
        ("d.txt", " \n", "holds no text"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(ConfigError, match=words):
            QuantConfig(calibration=str(tmp_path / name))
    with pytest.raises(ConfigError, match="own, solutions, or a file"):
        QuantConfig(calibration=str(tmp_path / "none"))

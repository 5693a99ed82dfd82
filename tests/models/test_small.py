"""R1V-Small: made of R1V-Nano's tower and a language model that is given, or refused in one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from r1v import LLM, Message, SamplingParams
from r1v.core import CheckpointError
from r1v.models import load
from r1v.models.adapter import has_adapter
from r1v.models.hub import BUILT_IN, language_model_of_small
from r1v.models.small import PACKAGED, starting_projector

WEIGHTS = os.environ.get("R1V_REAL_WEIGHTS")
needs_weights = pytest.mark.skipif(
    not WEIGHTS, reason="R1V_REAL_WEIGHTS does not name the folder of Qwen2.5-Coder-0.5B-Instruct"
)
needs_adapter = pytest.mark.skipif(
    not has_adapter(PACKAGED), reason="the package has no adapter of R1V-Small"
)


def test_the_projector_begins_as_nanos() -> None:
    """Its first layer gives R1V-Nano's numbers, then zeros; the second gives none."""
    nano = load(BUILT_IN["r1v-nano"]).projector
    assert nano is not None
    made = starting_projector(BUILT_IN["r1v-nano"], 896)
    features = torch.randn(3, nano.fc1.in_features, generator=torch.Generator().manual_seed(1))
    normed = torch.nn.functional.layer_norm(
        features, features.shape[-1:], made["projector.norm.weight"], made["projector.norm.bias"]
    )
    first = normed @ made["projector.fc1.weight"].T + made["projector.fc1.bias"]
    nano = nano.float()
    expected = nano.fc1(nano.norm(features))
    assert torch.allclose(first[:, : expected.shape[1]], expected, atol=1e-4)
    assert first.shape[1] == 896 and not first[:, expected.shape[1] :].any()
    assert not made["projector.fc2.weight"].any() and not made["projector.fc2.bias"].any()


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"neither config\.json nor a GGUF file"):
        language_model_of_small(tmp_path)


@needs_adapter
def test_another_language_model_is_refused_in_one_line(
    tiny_checkpoint: Path, run_r1v: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("R1V_REAL_WEIGHTS", str(tiny_checkpoint))
    monkeypatch.setenv("HOME", str(tmp_path))
    status, _, error = run_r1v("ask", "--model", "r1v-small", "Hello")
    assert status == 1 and error.count("\n") == 1
    assert "r1v-small needs (24, 896, 151936)" in error


@needs_adapter
@needs_weights
@pytest.mark.slow
def test_it_answers_texts_as_its_language_model_and_reads_a_clock(
    picture: Path, run_r1v: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from r1v import figures

    assert WEIGHTS is not None
    language = language_model_of_small(Path(WEIGHTS))
    params = SamplingParams.greedy(max_tokens=24)
    with LLM(language, dtype="float32") as llm:
        expected = llm.chat([Message.user("Name three colours.")], params)
    monkeypatch.setenv("HOME", str(tmp_path))
    from r1v.models.small import use_language_model

    use_language_model(WEIGHTS)
    try:
        with LLM("r1v-small", dtype="float32") as llm:
            assert llm.chat([Message.user("Name three colours.")], params).token_ids == expected.token_ids
            right = 0
            for seed in range(7, 71, 8):
                item = figures.make("clock", seed)
                reply = llm.chat(item.question, SamplingParams.greedy(max_tokens=200), images=item.images)
                right += item.answer in reply.answer
    finally:
        use_language_model(None)
    assert right >= 4

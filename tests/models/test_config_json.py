# ruff: noqa: E501 - one case a line
"""config.json: what cannot be computed, or is of another kind than it should be, is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from r1v.core import ConfigError
from r1v.models import load
from tests.models.test_checkpoint import copied, edit_config, release_folder

__all__ = ["release_folder"]  # a fixture

UNSUPPORTED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "type": (lambda v: v.update(model_type="llava"), "model_type 'llava' is not supported"),
    "no type": (lambda v: v.pop("model_type"), "model_type None"),
    "language model": (lambda v: v["llm_config"].update(model_type="internlm2"), "internlm2 language model"),
    "experts": (lambda v: v["vision_config"].update(use_moe=True), "vision_config.use_moe"),
    "window": (lambda v: v["llm_config"].update(use_sliding_window=True), "use_sliding_window"),
    "rope": (lambda v: v["llm_config"].update(rope_scaling={"type": "longrope", "factor": 2.0}), "longrope"),
    "rope key": (lambda v: v["llm_config"]["rope_scaling"].update(mrope_section=[1, 2]), "mrope_section"),
    "activation": (lambda v: v["llm_config"].update(hidden_act="gelu"), "hidden_act"),
    "unknown key": (lambda v: v["llm_config"].update(logit_softcap=30.0), "logit_softcap"),
    "unknown at top": (lambda v: v.update(second_tower={"a": 1}), "second_tower"),
    "lora": (lambda v: v.update(use_llm_lora=8), "use_llm_lora"),
    "no size": (lambda v: v["llm_config"].pop("hidden_size"), "has no hidden_size"),
    "text for a number": (lambda v: v["llm_config"].update(hidden_size="48"), "hidden_size is \"48\"; it must be a whole number"),
    "fraction": (lambda v: v["llm_config"].update(num_hidden_layers=2.5), "is 2.5; it must be a whole number"),
    "tied by a word": (lambda v: v.update(tie_word_embeddings="no"), "tie_word_embeddings is \"no\""),
    "tied by a word below": (lambda v: v["llm_config"].update(tie_word_embeddings="no"), "tie_word_embeddings"),
    "tied by a number": (lambda v: v["llm_config"].update(tie_word_embeddings=0), "must be true or false"),
    "quantised by a list": (lambda v: v.update(quantization_config=[]), "quantization_config is \\[\\]; it must"),
    "quantised by nothing": (lambda v: v.update(compression_config={}), "compression_config is {}; it must"),
    "quantised by true": (lambda v: v["llm_config"].update(quantization_config=True), "quantization_config is true"),
    "no number format": (lambda v: v.update(dtype="float8_banana"), "dtype is \"float8_banana\"; it must be one of"),
    "a number as format": (lambda v: v["llm_config"].update(torch_dtype=16), "torch_dtype is 16"),
    "one architecture": (lambda v: v.update(architectures="X"), "architectures is \"X\"; it must be a list"),
    "architectures of numbers": (lambda v: v["vision_config"].update(architectures=[1]), "architectures"),
    "two thetas": (lambda v: v["llm_config"].update(rope_theta=5.0, rope_parameters={"rope_theta": 6.0}),
                   "llm_config says rope_parameters.rope_theta 6.0 and rope_theta 5.0; remove"),
    "two factors": (lambda v: v["llm_config"].update(rope_scaling={"type": "yarn", "factor": 2.0},
                                                     rope_parameters={"rope_type": "yarn", "factor": 4}), "says"),
    "rope a list": (lambda v: v["llm_config"].update(rope_scaling=None, rope_parameters=[1]),
                    "llm_config.rope_parameters is list"),
    "true for a number": (lambda v: v["llm_config"].update(num_hidden_layers=True), "num_hidden_layers"),
    "layer types": (lambda v: v["llm_config"].update(layer_types=3), "layer_types"),
    "ids": (lambda v: v["llm_config"].update(eos_token_id=["end"]), "eos_token_id"),
    "llm a list": (lambda v: v.update(llm_config=[1]), "llm_config is list"),
    "section a list": (lambda v: v.update(vision_config=[1]), "vision_config is list"),
    "oblong": (lambda v: v["vision_config"].update(image_size=[56, 28]), "only squares"),
    "ratio": (lambda v: v.update(downsample_ratio=0.3), "downsample_ratio"),
    "ps_version": (lambda v: v.update(ps_version="v9"), "ps_version"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_configurations_are_refused_by_name(
    name: str, release_folder: Path, tmp_path: Path
) -> None:
    change, words = UNSUPPORTED[name]
    folder = edit_config(copied(release_folder, tmp_path / "odd"), change)
    with pytest.raises(ConfigError, match=words):
        load(folder)


def test_what_is_said_twice_in_the_same_way_is_taken(release_folder: Path, tmp_path: Path) -> None:
    def change(values: dict[str, Any]) -> None:
        theta = 1e6
        values.update(architectures=["InternVLChatModel"], dtype="bfloat16", tie_word_embeddings=None,
                      quantization_config=None)  # fmt: skip
        values["llm_config"].update(
            rope_theta=int(theta), rope_scaling=None, torch_dtype="torch.float16", architectures=None,
            rope_parameters={"rope_theta": theta, "rope_type": "default"},
        )  # fmt: skip

    assert (
        load(edit_config(copied(release_folder, tmp_path / "odd"), change)).config.language.rope.theta == 1e6
    )

"""What a checkpoint's folder and the limits of a request decide about prompts, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from r1v.core import CheckpointError, ConfigError, ImageError, Message, PromptError
from r1v.prompt import ImageLimits, Processor, PromptLimits, TilingConfig
from tests.prompt.conftest import TEMPLATES, TINY, WIDE, Make, ids_of, text_of, write_checkpoint

# -------------------------------------------------------------------------------------------------- limits


def limited(checkpoint: Callable[..., Path], **limits: Any) -> Processor:
    return Processor.from_folder(checkpoint("qwq"), limits=PromptLimits(**limits))


def test_limits_of_a_request(checkpoint: Callable[..., Path]) -> None:
    ours = limited(checkpoint, max_images=2, max_text_chars=50, images=ImageLimits(max_pixels=1000))
    with pytest.raises(PromptError, match="3 images; the limit is 2"):
        ours.encode([Message.user("hi", [TINY] * 3)])
    with pytest.raises(PromptError, match="the limit is 50"):
        ours.encode([Message("user", ("x" * 51,))])
    with pytest.raises(ImageError, match="the limit is 1000"):
        ours.encode([Message.user("hi", [WIDE])])
    with pytest.raises(ConfigError):
        PromptLimits(max_images=-1)


def test_tiles_of_each_image(checkpoint: Callable[..., Path]) -> None:
    ours = limited(checkpoint, max_tiles_per_image=6)
    assert ours.encode([Message.user("hi", [WIDE])], max_tiles=6).tiles_per_image == (3,)
    assert ours.encode([Message.user("hi", [WIDE])], max_tiles=1).tiles_per_image == (1,)
    for wrong in (0, 7):
        with pytest.raises(PromptError, match="max_tiles"):
            ours.encode([Message.user("hi", [WIDE])], max_tiles=wrong)


def test_tiles_of_a_request_are_shared_evenly(checkpoint: Callable[..., Path]) -> None:
    ours = limited(checkpoint, max_tiles_per_request=12)
    assert ours.encode([Message.user("hi", [WIDE])]).tiles_per_image == (9,)
    assert ours.encode([Message.user("hi", [WIDE] * 3)]).tiles_per_image == (3, 3, 3)
    assert ours.encode([Message.user("hi", [WIDE] * 12)]).tiles_per_image == (1,) * 12
    with pytest.raises(PromptError, match="13 images need at least one tile each"):
        ours.encode([Message.user("hi", [WIDE] * 13)])
    spread = [Message.user("a", [WIDE]), Message("assistant", ("b",)), Message.user("c", [WIDE])]
    assert ours.encode(spread).tiles_per_image == (3, 3)


def test_the_default_budget_leaves_room_in_the_context(processor: Make) -> None:
    ours = processor("qwq")
    assert ours.max_tiles_per_request == 8192 * 3 // 4 // 4


# --------------------------------------------------------------------------------------------- checkpoints


def test_geometry_of_both_layouts(tmp_path: Path, bpe: Any) -> None:
    native = {
        "model_type": "internvl",
        "vision_config": {"image_size": [56, 56], "patch_size": [14, 14]},
        "text_config": {"vocab_size": 600, "max_position_embeddings": 512},
        "downsample_ratio": 0.5,
    }
    folder = write_checkpoint(tmp_path / "native", bpe, TEMPLATES["native"], template_file=True)
    (folder / "config.json").write_text(json.dumps(native))
    ours = Processor.from_folder(folder)
    assert ours.geometry.tiling == TilingConfig(56, 1, 12, True) and ours.geometry.tokens_per_tile == 4
    assert (ours.vocab_size, ours.context_length) == (600, 512)
    (folder / "preprocessor_config.json").write_text(json.dumps({"crop_to_patches": True, "max_patches": 4}))
    assert Processor.from_folder(folder).geometry.tiling.max_tiles == 4
    (folder / "preprocessor_config.json").write_text(json.dumps({"crop_to_patches": False}))
    assert Processor.from_folder(folder).geometry.tiling.max_tiles == 1
    (folder / "config.json").write_text(
        json.dumps({**native, "max_dynamic_patch": 3, "use_thumbnail": False})
    )
    assert Processor.from_folder(folder).geometry.tiling == TilingConfig(56, 1, 3, False)
    own = Processor.from_folder(folder, tiling=TilingConfig(56, 2, 5, True))
    assert own.geometry.tiling.max_tiles == 5
    with pytest.raises(CheckpointError, match="do not fit"):
        Processor.from_folder(folder, tiling=TilingConfig(448))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image_token_id": 3}, "do not belong together"),
        ({"llm_config": {"vocab_size": 10}}, "do not belong together"),
        ({"vision_config": {"image_size": 50, "patch_size": 14}}, "whole number of tokens"),
        ({"vision_config": {"image_size": [56, 28], "patch_size": 14}}, "square"),
        ({"downsample_ratio": 0.3}, "whole number of tokens"),
    ],
)
def test_configs_that_do_not_fit(tmp_path: Path, bpe: Any, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason):
        Processor.from_folder(write_checkpoint(tmp_path, bpe, TEMPLATES["qwq"], config=changes))


def test_where_templates_come_from(tmp_path: Path, bpe: Any) -> None:
    ask = [Message("user", ("hi",))]
    folder = write_checkpoint(tmp_path / "a", bpe, TEMPLATES["qwq"])
    (folder / "chat_template.jinja").write_text(TEMPLATES["native"])
    assert Processor.from_folder(folder).template.source == TEMPLATES["native"]
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["chat_template"] = [
        {"name": "tool_use", "template": "x"},
        {"name": "default", "template": TEMPLATES["qwen3"]},
    ]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "chat_template.jinja").unlink()
    assert Processor.from_folder(folder).template.source == TEMPLATES["qwen3"]
    # none at all: plain ChatML, for types that speak it
    bare = write_checkpoint(tmp_path / "b", bpe, None)
    ours = Processor.from_folder(bare)
    assert text_of(ours, ours.encode(ask)) == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    other = write_checkpoint(tmp_path / "c", bpe, None, config={"model_type": "llama"})
    with pytest.raises(CheckpointError, match="has no chat template"):
        Processor.from_folder(other)


def test_ends_of_a_turn(tmp_path: Path, bpe: Any, processor: Make) -> None:
    ours = processor("r1", eos="<｜end▁of▁sentence｜>")
    assert ours.special.eos == tuple(ids_of(ours, "<｜end▁of▁sentence｜>"))
    folder = write_checkpoint(tmp_path, bpe, TEMPLATES["qwq"], eos="<|endoftext|>")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [3, 4]}))
    ours = Processor.from_folder(folder)
    assert ours.special.eos == (*ids_of(ours, "<|im_end|>", "<|endoftext|>"), 3, 4)
    assert ours.special.pad == ids_of(ours, "<|endoftext|>")[0]


def test_ids_that_end_thinking_hold_the_marker(processor: Make) -> None:
    for think_tokens in (True, False):
        special = processor("qwq", think_tokens=think_tokens).special
        ids, close = special.close_text, special.think_close
        assert any(ids[i : i + len(close)] == close for i in range(len(ids)))
        assert processor("qwq", think_tokens=think_tokens).decode(ids) == "\n</think>\n\n"


def test_a_checkpoint_without_image_tokens(tmp_path: Path, checkpoint: Callable[..., Path]) -> None:
    source = checkpoint("qwq")
    spec = json.loads((source / "tokenizer.json").read_text())
    spec["added_tokens"] = [
        t for t in spec["added_tokens"] if "<|" in t["content"] or "i" not in t["content"].lower()
    ]
    config = json.loads((source / "tokenizer_config.json").read_text())
    config["extra_special_tokens"] = []
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2", "vocab_size": 600}))
    ours = Processor.from_folder(tmp_path)
    assert ours.special.image_context is None
    ours.encode([Message("user", ("hi",))])
    with pytest.raises(PromptError, match="takes no images"):
        ours.encode([Message.user("hi", [TINY])])


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a folder"):
        Processor.from_folder(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match=r"config\.json is missing"):
        Processor.from_folder(tmp_path)


def test_importing_the_room_loads_neither_torch_nor_transformers() -> None:
    code = "import sys, r1v.prompt; print([m for m in ('torch', 'transformers') if m in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"

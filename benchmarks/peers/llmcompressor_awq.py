"""llmcompressor's AWQ of a native checkpoint or of a language model, on our calibration chats.

Written in AutoAWQ's layout.

    FOLDER/bin/python benchmarks/peers/llmcompressor_awq.py SOURCE CHATS.safetensors TARGET

Runs in an environment of its own, which needs none of r1v's but what both share:
    python3 -m venv FOLDER && FOLDER/bin/pip install llmcompressor tokenizers jinja2
CHATS: of `r1v.quant.calibration.save_chats`. The scales, zero points and codes are llmcompressor's; only
their packing is ours, so that one engine runs what is compared.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
from llmcompressor import oneshot
from llmcompressor.modifiers.quantization import QuantizationModifier
from llmcompressor.modifiers.transform.awq import AWQMapping, AWQModifier
from llmcompressor.pipelines.cache import IntermediatesCache
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader, Dataset
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer

from r1v.models.quantised import pack_codes

# its own for such decoders
MAPPINGS = (
    ("input_layernorm", ("q_proj", "k_proj", "v_proj")),
    ("v_proj", ("o_proj",)),
    ("post_attention_layernorm", ("gate_proj", "up_proj")),
    ("up_proj", ("down_proj",)),
)
IGNORED = ["re:.*vision_tower.*", "re:.*multi_modal_projector.*", "lm_head"]
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


class Chats(Dataset):  # type: ignore[type-arg]
    """Whole conversations, one a batch."""

    def __init__(self, path: Path) -> None:
        tensors = load_file(path)
        self.items: list[dict[str, torch.Tensor]] = []
        token = tile = 0
        for length, _, num_tiles in tensors["sizes"].tolist():
            ids = tensors["token_ids"][token : token + length].long()
            item = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            if num_tiles:
                pixels = tensors["tiles"][tile : tile + num_tiles].float() / 255
                item["pixel_values"] = ((pixels - MEAN) / STD).permute(0, 3, 1, 2).contiguous()
            self.items.append(item)
            token, tile = token + length, tile + num_tiles

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return self.items[index]


def one(batch: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """A batch of one; pixels have no batch axis."""
    return {name: value if name == "pixel_values" else value[None] for name, value in batch[0].items()}


def packed(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of AutoAWQ's layout. llmcompressor's codes go from -8 to 7."""
    quantised = {
        name: module for name, module in model.named_modules() if hasattr(module, "weight_zero_point")
    }
    tied = model.config.get_text_config().tie_word_embeddings
    for name, value in model.state_dict().items():
        module, _, leaf = name.rpartition(".")
        if leaf.startswith(("weight_scale", "weight_zero_point", "weight_g_idx")):
            continue
        if tied and name == "lm_head.weight":
            continue
        if module not in quantised or leaf != "weight":
            yield name, value.to(torch.bfloat16).contiguous()
            continue
        layer = quantised[module]
        scales, zeros = layer.weight_scale.float(), layer.weight_zero_point.float()
        groups = value.float().unflatten(1, (scales.shape[1], -1))
        codes = (groups / scales.unsqueeze(-1)).round().add(zeros.unsqueeze(-1)).clamp(-8, 7).flatten(1) + 8
        yield f"{module}.qweight", pack_codes(codes.T.contiguous())
        yield f"{module}.qzeros", pack_codes((zeros + 8).T.contiguous())
        yield f"{module}.scales", scales.T.half().contiguous()


def main() -> None:
    source, chats, target = map(Path, sys.argv[1:])
    config = json.loads((source / "config.json").read_text())
    pictures = "vision_config" in config
    loader = AutoModelForImageTextToText if pictures else AutoModelForCausalLM
    model = loader.from_pretrained(source, dtype=torch.float32)
    place = (
        ".*language_model.*" if pictures else ".*layers.*"
    )  # off the tower, whose linears have these names
    mappings = [
        AWQMapping(f"re:{place}{before}$", [f"re:{place}{name}$" for name in after])
        for before, after in MAPPINGS
    ]
    recipe = [
        AWQModifier(mappings=mappings),
        QuantizationModifier(targets=["Linear"], scheme="W4A16_ASYM", ignore=IGNORED),
    ]
    if not torch.accelerator.is_available():  # llmcompressor 0.14 pins memory also where there is no device
        IntermediatesCache.pin_memory = lambda self, batch_index: None
    started = time.perf_counter()
    data = Chats(chats)
    # its "basic" pipeline searches with layers that are quantised already, by scales that nobody has set yet
    oneshot(
        model=model, processor=AutoTokenizer.from_pretrained(source), recipe=recipe, pipeline="sequential",
        dataset=DataLoader(data, batch_size=1, collate_fn=one), num_calibration_samples=len(data),
    )  # fmt: skip
    seconds = time.perf_counter() - started
    target.mkdir(parents=True)
    save_file(dict(packed(model)), target / "model.safetensors", metadata={"format": "pt"})
    config["quantization_config"] = {
        "quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm", "zero_point": True,
        "modules_to_not_convert": ["model.vision_tower", "model.multi_modal_projector", "lm_head"],
    }  # fmt: skip
    (target / "config.json").write_text(json.dumps(config, indent=2))
    for path in source.iterdir():
        known = path.name == "model.safetensors.index.json" or (target / path.name).exists()
        if path.suffix in (".json", ".jinja", ".txt") and not known:
            shutil.copy(path, target / path.name)
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()

"""A model of another kind, with its own processor and chat template: a random tiny LLaVA."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def write_llava(folder: Path, tokenizer_folder: Path) -> Path:
    """Context 256, 17 tokens an image, a chat template that opens thinking."""
    import transformers

    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer_folder / "tokenizer.json"), eos_token="<|im_end|>",
        pad_token="<|endoftext|>", extra_special_tokens={"image_token": "<IMG_CONTEXT>"},
    )  # fmt: skip
    image_id = tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>")
    images = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for p in m.content %}{% if p.type == 'image' %}"
        "<IMG_CONTEXT>{% else %}{{ p.text }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
        "<|im_start|>assistant\n<think>\n"
    )
    processor = transformers.LlavaProcessor(
        images, tokenizer, patch_size=8, vision_feature_select_strategy="default",
        chat_template=template, image_token="<IMG_CONTEXT>", num_additional_image_tokens=1,
    )  # fmt: skip
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(
            hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32,
            patch_size=8),
        text_config=transformers.Qwen2Config(
            vocab_size=320, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=2, max_position_embeddings=256,
            eos_token_id=tokenizer.eos_token_id),
        image_token_index=image_id,
    )  # fmt: skip
    torch.manual_seed(0)  # the same weights whichever tests ran before
    transformers.LlavaForConditionalGeneration(config).save_pretrained(folder)
    path = folder / "model.safetensors"  # the tower's names as released models have them, which vLLM wants
    tensors = {
        name.replace("vision_tower.", "vision_tower.vision_model."): tensor
        for name, tensor in load_file(path).items()
    }
    save_file(tensors, path, {"format": "pt"})
    processor.save_pretrained(folder)
    return folder

"""GGUF files of tiny random models, written by the gguf package with its own table of names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import QuantError, quantize

from r1v.models.hub import resolve_model
from r1v.quant.gguf_export import read_tokenizer

VOCAB = 1536
NUM_LAYERS = 2
TEXT = {
    "vocab_size": VOCAB, "hidden_size": 256, "num_hidden_layers": NUM_LAYERS, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 512, "rms_norm_eps": 1e-6, "max_position_embeddings": 512,
    "head_dim": 64, "bos_token_id": None, "eos_token_id": 0, "tie_word_embeddings": True,
}  # fmt: skip


def hf_model(family: str = "qwen2", tied: bool = True, **changes: Any) -> Any:
    """transformers' own class with random parameters, float32."""
    import transformers

    from tests.models.oracle import randomise

    config = transformers.AutoConfig.for_model(family, **{**TEXT, "tie_word_embeddings": tied, **changes})
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config)
    randomise(model)
    model.tie_weights()
    return model.eval().float()


def packed(value: np.ndarray, kind: Kind, seed: int) -> np.ndarray:
    """The value in a type; random codes with small scales where the package cannot pack it."""
    if kind == Kind.F32:
        return value.astype(np.float32)
    if kind == Kind.F16:
        return value.astype(np.float16)
    try:
        return quantize(value.astype(np.float32), kind)
    except (NotImplementedError, QuantError):
        per_block, block_bytes = GGML_QUANT_SIZES[kind]
        width = value.shape[-1] // per_block * block_bytes
        codes = np.random.default_rng(seed).integers(0, 256, (*value.shape[:-1], width), dtype=np.uint8)
        return codes & 0xAF  # no half-precision scale among them is infinite


def write_text(
    path: Path,
    model: Any,
    kind: Kind = Kind.F32,
    head: np.ndarray | None = None,
    kinds: dict[str, Kind] | None = None,
    change: Callable[[gguf.GGUFWriter], None] = lambda writer: None,
) -> None:
    """The text model's file. kind: of the matrices. head: an output matrix, kept apart. kinds: of single
    tensors. change: more settings."""
    config = model.config
    family = config.model_type
    architecture = {"qwen2": gguf.MODEL_ARCH.QWEN2, "qwen3": gguf.MODEL_ARCH.QWEN3}[family]
    table = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    writer = gguf.GGUFWriter(path, family)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    if family == "qwen3":
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base((config.rope_parameters or {}).get("rope_theta", 10000.0))
    add_tokenizer(writer)
    change(writer)
    tensors = {name: value.detach().numpy() for name, value in model.named_parameters()}
    if head is not None:
        tensors["lm_head.weight"] = head
    for number, (name, value) in enumerate(tensors.items()):
        target = table.get_name(name, try_suffixes=(".weight", ".bias"))
        assert target is not None, name
        chosen = (kinds or {}).get(target, kind) if value.ndim > 1 else Kind.F32
        data = packed(value, chosen, number)
        raw = None if chosen in (Kind.F32, Kind.F16) else chosen
        writer.add_tensor(target, data, raw_dtype=raw)
    finish(writer)


def finish(writer: gguf.GGUFWriter) -> None:
    """Write the file."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_tokenizer(writer: gguf.GGUFWriter) -> None:
    """R1V-Nano's tokenizer and a ChatML template."""
    tokens, types, merges = read_tokenizer(resolve_model("r1v-nano"), VOCAB)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )


def ids(seed: int = 0, length: int = 24) -> torch.Tensor:
    """A row of random ids (1, length)."""
    return torch.randint(10, VOCAB, (1, length), generator=torch.Generator().manual_seed(seed))

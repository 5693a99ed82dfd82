"""Names of tensors in GGUF files, and which rows of which parameter each one is.

Always holds: the pieces of a text model, and those of a tower with its projector, cover their parameters
once, row for row; writing and reading go by these tables.

llama.cpp appends CLS behind the patches, but its own conversion leaves the row of the positions that belongs
to CLS in front, as the checkpoints have it. Files of this project have that row at the end, where llama.cpp
takes it from, and say so under CLS_KEY.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from r1v.models.checkpoint import build_empty, parameter_shapes
from r1v.models.config import R1VConfig
from r1v.models.names import Piece

LANGUAGE = {
    "attention_norm.weight": "attn_norm.weight", "mlp_norm.weight": "ffn_norm.weight",
    "attention.out.weight": "attn_output.weight", "mlp.down.weight": "ffn_down.weight",
    "attention.q_norm.weight": "attn_q_norm.weight", "attention.k_norm.weight": "attn_k_norm.weight",
}  # fmt: skip
VISION = {
    "norm1": "ln1", "norm2": "ln2", "attention.out": "attn_out", "attention.q_norm": "attn_q_norm",
    "attention.k_norm": "attn_k_norm", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down",
}  # fmt: skip
CLASS, POSITIONS = "class_embedding", "position_embedding"
PROJECTOR = {"norm": "mm.model.mlp.0", "fc1": "mm.model.mlp.1", "fc2": "mm.model.mlp.3"}
CLS_KEY, CLS_LAST = "r1v.vision.cls_position", "last"
# the split of Qwen2's tokenizer, which GGUF names "qwen2"
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5  # GGUF's token types


def gguf_language_pieces(config: R1VConfig) -> Iterator[Piece]:
    """GGUF's tensors of the text model, and the rows of which parameter each one is."""
    language = config.language
    keys = language.num_kv_heads * language.head_dim
    parts = {
        "attention.qkv": {"attn_q": language.num_heads * language.head_dim, "attn_k": keys, "attn_v": keys},
        "mlp.gate_up": {"ffn_gate": language.intermediate_size, "ffn_up": language.intermediate_size},
    }
    whole = {"embedding.weight": "token_embd.weight", "norm.weight": "output_norm.weight",
             "head.weight": "output.weight"}  # fmt: skip
    for parameter, shape in parameter_shapes(build_empty(config)).items():
        room, _, name = parameter.partition(".")
        if room != "language":
            continue
        if name in whole:
            yield Piece(whole[name], parameter, 0, shape)
            continue
        _, index, inner = name.split(".", 2)
        module, _, leaf = inner.rpartition(".")
        if module in parts:
            yield from _split(f"blk.{index}.", parts[module], leaf, parameter, shape)
        else:
            yield Piece(f"blk.{index}.{LANGUAGE[inner]}", parameter, 0, shape)


def gguf_vision_pieces(config: R1VConfig) -> Iterator[Piece]:
    """As `gguf_language_pieces`, of the tower and the projector."""
    whole = {CLASS: "v.class_embd", POSITIONS: "v.position_embd.weight"}
    for parameter, shape in parameter_shapes(build_empty(config)).items():
        room, _, name = parameter.partition(".")
        module, _, leaf = name.rpartition(".")
        if room == "projector":
            yield Piece(f"{PROJECTOR[module]}.{leaf}", parameter, 0, shape)
        elif room == "vision" and name in whole:
            yield Piece(whole[name], parameter, 0, shape)
        elif room == "vision" and module == "patch_embedding":
            yield Piece(f"v.patch_embd.{leaf}", parameter, 0, shape)
        elif room == "vision":
            _, number, inner = name.split(".", 2)
            prefix, inner = f"v.blk.{number}.", inner.rpartition(".")[0] or inner
            if int(number) >= config.num_vision_layers_used:
                continue
            if inner in ("scale1", "scale2"):
                yield Piece(f"{prefix}ls{inner[-1]}.weight", parameter, 0, shape)
            elif inner == "attention.qkv":
                rows = dict.fromkeys(("attn_q", "attn_k", "attn_v"), shape[0] // 3)
                yield from _split(prefix, rows, leaf, parameter, shape)
            else:
                yield Piece(f"{prefix}{VISION[inner]}.{leaf}", parameter, 0, shape)


def _split(
    prefix: str, rows: Mapping[str, int], leaf: str, parameter: str, shape: tuple[int, ...]
) -> Iterator[Piece]:
    """A fused parameter's rows under the names of its parts."""
    start = 0
    for name, count in rows.items():
        yield Piece(f"{prefix}{name}.{leaf}", parameter, start, (count, *shape[1:]))
        start += count

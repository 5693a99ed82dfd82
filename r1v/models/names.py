"""Names of tensors in each layout, and which rows of which parameter each one is.

Always holds: the pieces of a layout cover every parameter once, row for row; reading, writing, converting and
checking all go by these tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from r1v.models.config import LanguageConfig, Layout

Names = Mapping[str, str | tuple[str, ...]]

# our module within a part -> module in the files; several names share the rows of a fused one, in order
VISION: dict[Layout, Names] = {
    "release": {
        "class_embedding": "embeddings.class_embedding",
        "position_embedding": "embeddings.position_embedding",
        "patch_embedding": "embeddings.patch_embedding",
        "layers": "encoder.layers",
        "norm1": "norm1",
        "norm2": "norm2",
        "attention.qkv": "attn.qkv",
        "attention.out": "attn.proj",
        "attention.q_norm": "attn.q_norm",
        "attention.k_norm": "attn.k_norm",
        "mlp.fc1": "mlp.fc1",
        "mlp.fc2": "mlp.fc2",
        "scale1": "ls1",
        "scale2": "ls2",
    },
    "native": {
        "class_embedding": "embeddings.cls_token",
        "position_embedding": "embeddings.position_embeddings",
        "patch_embedding": "embeddings.patch_embeddings.projection",
        "layers": "encoder.layer",
        "norm1": "layernorm_before",
        "norm2": "layernorm_after",
        "attention.qkv": ("attention.q_proj", "attention.k_proj", "attention.v_proj"),
        "attention.out": "attention.projection_layer",
        "attention.q_norm": "attention.q_norm",
        "attention.k_norm": "attention.k_norm",
        "mlp.fc1": "mlp.fc1",
        "mlp.fc2": "mlp.fc2",
        "scale1": "lambda_1",
        "scale2": "lambda_2",
    },
}

LANGUAGE: Names = {
    "embedding": "embed_tokens",
    "layers": "layers",
    "attention_norm": "input_layernorm",
    "attention.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attention.out": "self_attn.o_proj",
    "attention.q_norm": "self_attn.q_norm",
    "attention.k_norm": "self_attn.k_norm",
    "mlp_norm": "post_attention_layernorm",
    "mlp.gate_up": ("mlp.gate_proj", "mlp.up_proj"),
    "mlp.down": "mlp.down_proj",
    "norm": "norm",
}

PROJECTOR: dict[Layout, Names] = {
    "release": {"norm": "mlp1.0", "fc1": "mlp1.1", "fc2": "mlp1.3"},
    "native": {
        "norm": "model.multi_modal_projector.layer_norm",
        "fc1": "model.multi_modal_projector.linear_1",
        "fc2": "model.multi_modal_projector.linear_2",
    },
}

VISION_PREFIX: dict[Layout, str] = {"release": "vision_model.", "native": "model.vision_tower."}
# "language" is the layout of a language model alone, as its makers publish it
LANGUAGE_PREFIX: dict[Layout, str] = {
    "release": "language_model.model.", "native": "model.language_model.", "language": "model.",
}  # fmt: skip
HEAD: dict[Layout, str] = {
    "release": "language_model.lm_head", "native": "lm_head", "language": "lm_head",
}  # fmt: skip

# transformers before 5, and 5 when it saves, leave out the `model.` of native names
_NATIVE_ALIASES = (
    ("language_model.lm_head.", "lm_head."),
    ("language_model.model.", "model.language_model."),
    ("vision_tower.", "model.vision_tower."),
    ("multi_modal_projector.", "model.multi_modal_projector."),
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A tensor in the files: rows [start, start + shape[0]) of a parameter."""

    name: str
    parameter: str
    start: int
    shape: tuple[int, ...]


def canonical(name: str, layout: Layout) -> str:
    """A tensor's name in its present spelling, also where the file uses an older one."""
    if layout == "native":
        for old, new in _NATIVE_ALIASES:
            if name.startswith(old):
                return new + name[len(old) :]
    return name


def pieces(shapes: Mapping[str, tuple[int, ...]], layout: Layout, language: LanguageConfig) -> list[Piece]:
    """All tensors of a whole model, or of a language model alone. shapes: of its parameters, by our names."""
    found: list[Piece] = []
    for parameter, shape in shapes.items():
        part, rest = parameter.split(".", 1)
        if part == "vision":
            names, prefix = VISION[layout], VISION_PREFIX[layout]
        elif part == "projector":
            names, prefix = PROJECTOR[layout], ""
        else:
            names, prefix = LANGUAGE, LANGUAGE_PREFIX[layout]
        found.extend(
            _pieces(
                parameter, rest, shape, names, prefix, HEAD[layout], language if part == "language" else None
            )
        )
    return found


def vision_pieces(shapes: Mapping[str, tuple[int, ...]], layout: Layout) -> list[Piece]:
    """All tensors of a bare vision tower."""
    found: list[Piece] = []
    for name, shape in shapes.items():
        found.extend(_pieces(name, name, shape, VISION[layout], "", "", None))
    return found


def language_pieces(shapes: Mapping[str, tuple[int, ...]], config: LanguageConfig) -> list[Piece]:
    """All tensors of a bare language model."""
    found: list[Piece] = []
    for name, shape in shapes.items():
        found.extend(_pieces(name, name, shape, LANGUAGE, "model.", "lm_head", config))
    return found


def _pieces(
    parameter: str,
    rest: str,
    shape: tuple[int, ...],
    names: Names,
    prefix: str,
    head: str,
    language: LanguageConfig | None,
) -> Iterator[Piece]:
    """One parameter's tensors. rest: its name within its part."""
    if rest == "head.weight":
        yield Piece(f"{head}.weight", parameter, 0, shape)
        return
    match = re.fullmatch(r"(?:layers\.(\d+)\.)?(.+?)((?:\.weight|\.bias)?)", rest)
    assert match is not None
    layer, module, leaf = match.groups()
    if layer is not None:
        prefix = f"{prefix}{names['layers']}.{layer}."
    target = names[module]
    targets = (target,) if isinstance(target, str) else target
    start = 0
    for name, rows in zip(targets, _rows(module, shape[0], len(targets), language), strict=True):
        yield Piece(f"{prefix}{name}{leaf}", parameter, start, (rows, *shape[1:]))
        start += rows
    assert start == shape[0], parameter


def _rows(module: str, total: int, count: int, language: LanguageConfig | None) -> Sequence[int]:
    """How the rows of a fused parameter are divided among its parts."""
    if module == "attention.qkv" and language is not None:
        keys = language.num_kv_heads * language.head_dim
        return (language.num_heads * language.head_dim, keys, keys)
    return (total // count,) * count

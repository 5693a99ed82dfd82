"""GGUF files for llama.cpp: the text model, and the tower with its projector ("mmproj").

Enters: a full-precision checkpoint. Leaves: two files. Always holds: what llama.cpp's InternVL graph cannot
compute is refused by name; vectors stay in float32.

llama.cpp appends CLS behind the patches, so the row of the positions that belongs to it is moved to the end.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from r1v.core import CheckpointError, ConfigError, UnavailableError
from r1v.models import R1VConfig
from r1v.models.checkpoint import build_empty, parameter_shapes
from r1v.models.config_json import read_json
from r1v.models.convert import StoredParameters, describe_whole, stored_parameters
from r1v.models.names import Piece
from r1v.prompt import Processor
from r1v.write_lock import writing

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType, GGUFWriter

TYPES = ("f32", "f16", "q8_0", "q4_0")
FILE_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 7}  # GGUF's general.file_type
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NORMAL, CONTROL, UNUSED = 1, 3, 5  # GGUF's token types
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LANGUAGE = {
    "attention_norm.weight": "attn_norm.weight", "mlp_norm.weight": "ffn_norm.weight",
    "attention.out.weight": "attn_output.weight", "mlp.down.weight": "ffn_down.weight",
}  # fmt: skip
VISION = {
    "norm1": "ln1", "norm2": "ln2", "attention.out": "attn_out", "attention.q_norm": "attn_q_norm",
    "attention.k_norm": "attn_k_norm", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down",
}  # fmt: skip
POSITIONS = "position_embedding"
PROJECTOR = {"norm": "mm.model.mlp.0", "fc1": "mm.model.mlp.1", "fc2": "mm.model.mlp.3"}


def export_gguf(source: Path, folder: Path, kind: str = "f16") -> tuple[Path, Path]:
    """Write ``NAME-KIND.gguf`` and ``mmproj-NAME-f16.gguf`` (f32 where kind is f32) into a folder.

    kind: of the text model's matrices; with q4_0 the embedding is q8_0. Raises ConfigError for a model or a
    tokenizer that llama.cpp computes otherwise, CheckpointError, UnavailableError without the gguf package.
    """
    if kind not in TYPES:
        raise ConfigError(f"type {kind!r} is not known; use one of {', '.join(TYPES)}")
    _, config = describe_whole(source)
    _check(config, kind)
    stored, _ = stored_parameters(describe_whole(source)[0])
    folder.mkdir(parents=True, exist_ok=True)
    name, tower_kind = source.resolve().name, "f32" if kind == "f32" else "f16"
    text, tower = folder / f"{name}-{kind}.gguf", folder / f"mmproj-{name}-{tower_kind}.gguf"
    with writing(folder):
        writer = _writer(text, "qwen2")
        _describe_language(writer, config, source, kind)
        _write(writer, list(_language_pieces(config)), stored, kind)
        writer = _writer(tower, "clip")
        _describe_vision(writer, config, tower_kind)
        _write(writer, list(_vision_pieces(config)), stored, tower_kind)
    return text, tower


def _check(config: R1VConfig, kind: str) -> None:
    vision, language = config.vision, config.language
    known_rms = (vision.hidden_size, vision.num_layers) == (3200, 45)
    problems = {
        f"a {language.family} language model": language.family != "qwen2",
        f"RoPE scaling {language.rope.kind}": language.rope.kind != "default",
        "ps_version v1": config.shuffle_version != "v2",
        f"a tower of this size with {vision.norm_type}": (vision.norm_type == "rms_norm") != known_rms,
        f"activation {vision.activation}": vision.activation != "gelu",
        f"inputs of {language.intermediate_size}, which {kind} cannot cut into blocks of 32": (
            kind.startswith("q") and bool(language.intermediate_size % 32 or language.hidden_size % 32)
        ),
    }
    for problem, found in problems.items():
        if found:
            raise ConfigError(f"llama.cpp does not compute {problem}; this model cannot be exported")


def _writer(path: Path, architecture: str) -> GGUFWriter:
    try:
        from gguf import GGUFWriter
    except ImportError:
        raise UnavailableError("the gguf package is not installed; pip install gguf") from None
    return GGUFWriter(path, architecture)


def _describe_language(writer: GGUFWriter, config: R1VConfig, source: Path, kind: str) -> None:
    language = config.language
    writer.add_name(source.resolve().name)
    writer.add_file_type(FILE_TYPES[kind])
    writer.add_context_length(language.context_length)
    writer.add_embedding_length(language.hidden_size)
    writer.add_block_count(language.num_layers)
    writer.add_feed_forward_length(language.intermediate_size)
    writer.add_head_count(language.num_heads)
    writer.add_head_count_kv(language.num_kv_heads)
    writer.add_key_length(language.head_dim)
    writer.add_value_length(language.head_dim)
    writer.add_layer_norm_rms_eps(language.rms_norm_eps)
    writer.add_rope_freq_base(language.rope.theta)
    tokens, types, merges = read_tokenizer(source, language.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    processor = Processor.from_folder(source)
    writer.add_eos_token_id(processor.special.eos[0])
    writer.add_pad_token_id(processor.special.pad)
    writer.add_add_bos_token(False)
    template = source / "chat_template.jinja"
    if template.is_file():
        writer.add_chat_template(template.read_text(encoding="utf-8"))
    else:
        found = read_json(source / "tokenizer_config.json").get("chat_template")
        if isinstance(found, str):
            writer.add_chat_template(found)


def read_tokenizer(source: Path, vocab_size: int) -> tuple[list[str], list[int], list[str]]:
    """Tokens by id, their GGUF types and the merges. CheckpointError: no byte-level BPE in the files;
    ConfigError: one that splits text in another way than Qwen2's."""
    if (source / "tokenizer.json").is_file():
        values = read_json(source / "tokenizer.json")
        model, added = values.get("model") or {}, values.get("added_tokens") or []
        if model.get("type") != "BPE":
            raise CheckpointError(
                f"{source}: the tokenizer is a {model.get('type')}; byte-level BPE is needed"
            )
        if json.dumps(QWEN2_SPLIT) not in json.dumps(values.get("pre_tokenizer")):
            raise ConfigError(
                f"{source}: the tokenizer splits text in another way than Qwen2's; llama.cpp's would differ"
            )
        vocab = dict(model["vocab"])
        merges = [each if isinstance(each, str) else " ".join(each) for each in model["merges"]]
        special = {int(each["id"]): str(each["content"]) for each in added}
    else:
        vocab = read_json(source / "vocab.json")
        lines = (source / "merges.txt").read_text(encoding="utf-8").splitlines()
        merges = [line for line in lines if line and not line.startswith("#version")]
        path = source / "added_tokens.json"
        special = {int(i): token for token, i in read_json(path).items()} if path.is_file() else {}
    tokens = [f"[PAD{index}]" for index in range(vocab_size)]
    types = [UNUSED] * vocab_size
    for token, index in vocab.items():
        tokens[index], types[index] = token, NORMAL
    for index, token in special.items():
        tokens[index], types[index] = token, CONTROL
    return tokens, types, merges


def _describe_vision(writer: GGUFWriter, config: R1VConfig, kind: str) -> None:
    vision = config.vision
    writer.add_file_type(FILE_TYPES[kind])
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type("internvl")
    writer.add_vision_projection_dim(config.language.hidden_size)
    writer.add_vision_image_size(vision.image_size)
    writer.add_vision_patch_size(vision.patch_size)
    writer.add_vision_embedding_length(vision.hidden_size)
    writer.add_vision_feed_forward_length(vision.intermediate_size)
    writer.add_vision_block_count(config.num_vision_layers_used)
    writer.add_vision_head_count(vision.num_heads)
    writer.add_vision_attention_layernorm_eps(vision.norm_eps)
    writer.add_vision_image_mean(list(MEAN))
    writer.add_vision_image_std(list(STD))
    writer.add_vision_use_gelu(True)
    writer.add_vision_projector_scale_factor(config.downsample)
    writer.add_vision_preproc_min_tiles(config.min_tiles)
    writer.add_vision_preproc_max_tiles(config.max_tiles if config.dynamic_tiling else 1)


def _language_pieces(config: R1VConfig) -> Iterator[Piece]:
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


def _vision_pieces(config: R1VConfig) -> Iterator[Piece]:
    """As `_language_pieces`, of the tower and the projector."""
    whole = {"class_embedding": "v.class_embd", POSITIONS: "v.position_embd.weight"}
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


def _write(writer: GGUFWriter, pieces: Sequence[Piece], stored: StoredParameters, kind: str) -> None:
    """Finish the file, one tensor in memory at a time."""
    from gguf.quants import quant_shape_to_byte_shape, quantize

    for piece in pieces:
        chosen, shape = _type_of(piece, kind), _shape_of(piece)
        if chosen.name in ("F16", "F32"):
            width = np.dtype(f"float{chosen.name[1:]}")
            writer.add_tensor_info(piece.name, shape, width, math.prod(shape) * width.itemsize)
        else:
            in_bytes = quant_shape_to_byte_shape(shape, chosen)
            writer.add_tensor_info(piece.name, in_bytes, np.dtype("uint8"), math.prod(in_bytes), chosen)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for piece in pieces:
        value = stored.read(piece.parameter, piece.start, piece.shape[0]).float()
        if piece.parameter == f"vision.{POSITIONS}":
            value = torch.cat((value[0, 1:], value[0, :1]))
        data = value.reshape(_shape_of(piece)).contiguous().numpy()
        writer.write_tensor_data(quantize(data, _type_of(piece, kind)))
    writer.close()


def _shape_of(piece: Piece) -> tuple[int, ...]:
    """As GGUF has it: the class embedding and the positions without their leading ones."""
    leading = {"v.class_embd": 2, "v.position_embd.weight": 1}
    return tuple(piece.shape)[leading.get(piece.name, 0) :]


def _type_of(piece: Piece, kind: str) -> GGMLQuantizationType:
    from gguf import GGMLQuantizationType

    if len(_shape_of(piece)) == 1 or piece.parameter == f"vision.{POSITIONS}":
        return GGMLQuantizationType.F32
    if kind == "q4_0" and piece.name in ("token_embd.weight", "output.weight"):
        return GGMLQuantizationType.Q8_0
    return GGMLQuantizationType[kind.upper()]

"""GGUF files for llama.cpp: the text model, and the tower with its projector ("mmproj").

Enters: a full-precision checkpoint. Leaves: two files. Always holds: what llama.cpp's InternVL graph cannot
compute is refused by name; vectors stay in float32.

The row of the positions that belongs to CLS is moved to the end (see `r1v/models/gguf/names.py`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from r1v.core import CheckpointError, ConfigError, UnavailableError
from r1v.models import R1VConfig
from r1v.models.config_json.read import read_json
from r1v.models.convert import StoredParameters, describe_whole, stored_parameters
from r1v.models.gguf.names import (
    CLS_KEY,
    CLS_LAST,
    CONTROL,
    NORMAL,
    POSITIONS,
    QWEN2_SPLIT,
    UNUSED,
    gguf_language_pieces,
    gguf_vision_pieces,
)
from r1v.models.names import Piece
from r1v.ops import RopeConfig
from r1v.prompt import Processor
from r1v.write_lock import writing

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType, GGUFWriter

TYPES = ("f32", "f16", "q8_0", "q4_0")
FILE_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 7}  # GGUF's general.file_type
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def export_gguf(source: Path, folder: Path, kind: str = "f16") -> tuple[Path, ...]:
    """Write ``NAME-KIND.gguf`` and ``mmproj-NAME-f16.gguf`` (f32 where kind is f32) into a folder; of a
    language model alone the first only.

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
        writer = _writer(text, config.language.family)
        _describe_language(writer, config, source, kind)
        _write(writer, list(gguf_language_pieces(config)), stored, kind)
        if config.vision is None:
            return (text,)
        writer = _writer(tower, "clip")
        _describe_vision(writer, config, tower_kind)
        _write(writer, list(gguf_vision_pieces(config)), stored, tower_kind)
    return text, tower


def _check(config: R1VConfig, kind: str) -> None:
    vision, language, usual = config.vision, config.language, RopeConfig()
    problems = {
        "YaRN with settings of its own": replace(
            language.rope, theta=usual.theta, kind="default", factor=1.0, original_max_positions=None
        )
        != usual,
        f"inputs of {language.intermediate_size}, which {kind} cannot cut into blocks of 32": (
            kind.startswith("q") and bool(language.intermediate_size % 32 or language.hidden_size % 32)
        ),
    }
    if vision is not None:
        known_rms = (vision.hidden_size, vision.num_layers) == (3200, 45)
        problems |= {
            "ps_version v1": config.shuffle_version != "v2",
            f"a tower of this size with {vision.norm_type}": (vision.norm_type == "rms_norm") != known_rms,
            f"activation {vision.activation}": vision.activation != "gelu",
        }
    for problem, found in problems.items():
        if found:
            raise ConfigError(f"llama.cpp does not compute {problem}; this model cannot be exported")


def _writer(path: Path, architecture: str) -> GGUFWriter:
    try:
        from gguf import GGUFWriter
    except ImportError:
        raise UnavailableError("the gguf package is not installed; pip install 'r1v[gguf]'") from None
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
    if language.rope.kind == "yarn":
        from gguf import RopeScalingType

        writer.add_rope_scaling_type(RopeScalingType.YARN)
        writer.add_rope_scaling_factor(language.rope.factor)
        writer.add_rope_scaling_orig_ctx_len(language.rope.original_max_positions or language.context_length)
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
    assert vision is not None
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
    writer.add_string(CLS_KEY, CLS_LAST)
    writer.add_vision_preproc_min_tiles(config.min_tiles)
    writer.add_vision_preproc_max_tiles(config.max_tiles if config.dynamic_tiling else 1)


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

"""From llama.cpp's GGUF files to a checkpoint's folder.

Enters: the file of a text model, and that of a vision tower with its projector ("mmproj") where there is one.
Leaves: a folder that everything here, transformers and vLLM read. Always holds: every tensor of the files has
a place in the model and every parameter is filled, or an error names what is not; memory is one shard.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch

from r1v.core import CheckpointError
from r1v.models.checkpoint import MAX_SHARD_BYTES, check_layout
from r1v.models.config import Family, LanguageConfig, Layout, R1VConfig, VisionConfig
from r1v.models.config_json.read import IMAGE_TOKEN, find_token_id
from r1v.models.convert import StoredParameters, write_stored
from r1v.models.gguf.file import PLAIN, GgufFile
from r1v.models.gguf.names import (
    CLASS,
    CLS_KEY,
    CLS_LAST,
    POSITIONS,
    gguf_language_pieces,
    gguf_vision_pieces,
)
from r1v.models.gguf.tokenizer import write_tokenizer
from r1v.models.names import Piece
from r1v.models.tensor_files import some_names
from r1v.models.thinking import Thinking, settle_template
from r1v.ops import RopeConfig
from r1v.write_lock import writing

FAMILIES = ("qwen2", "qwen3")
EMBEDDING, HEAD = "token_embd.weight", "output.weight"
# rows that embedding and output matrix are compared by, and from which cosine on they are one matrix that was
# rounded twice: even 2 bits leave more, matrices that were trained apart have less
NUM_COMPARED, LEAST_COSINE = 1024, 0.9


@dataclass(frozen=True, slots=True)
class GgufConfig:
    """How files are read.

    dtype: of all tensors; None is that of the file, and bfloat16 where values are packed. apart: embedding
    and output matrix stay as the file has them, also where they are one matrix that was rounded in two ways.
    layout: of a model with a tower. thinking: as of `settle_template`.
    """

    dtype: torch.dtype | None = None
    apart: bool = False
    layout: Layout | None = None
    thinking: Thinking = "keep"
    max_shard_bytes: int = MAX_SHARD_BYTES


@dataclass(frozen=True, slots=True)
class GgufReport:
    """What was read. kinds: number of tensors of each type. dtype: of what was written. tied: whether
    embedding and output matrix are one. finer: the tensor that was taken where they were rounded apart."""

    config: R1VConfig
    kinds: dict[str, int]
    dtype: torch.dtype
    tied: bool
    finer: str | None


def convert_gguf(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    mmproj: str | os.PathLike[str] | None = None,
    settings: GgufConfig | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> GgufReport:
    """Write the checkpoint's folder of a GGUF file. mmproj: the file of its tower and projector. progress:
    told how many tensors of how many are read.

    CheckpointError: a damaged file, another architecture, tensors that are missing or left over, or a target
    that is there. UnavailableError: the gguf package is not installed.
    """
    settings = settings or GgufConfig()
    text = GgufFile(source)
    language = _language(text)
    twice = None if settings.apart else _finer_of_two(text)
    tied = twice is not None or HEAD not in text.infos
    language = replace(language, tied=tied)
    stored = StoredParameters()
    config = R1VConfig(None, language)
    _take(text, list(gguf_language_pieces(config)), stored, twice)
    kinds = _kinds(text)
    tower = None if mmproj is None else GgufFile(mmproj)
    with writing(target), tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        ids = write_tokenizer(text, folder)
        if settings.thinking != "keep":
            settle_template(folder, settings.thinking)
        language = replace(
            language, bos_token_id=ids["bos"], eos_token_id=ids["eos"], pad_token_id=ids["pad"]
        )
        config = R1VConfig(None, language)
        if tower is not None:
            config = _with_tower(tower, language, folder)
            _take_tower(tower, config, stored)
            kinds = {name: kinds.get(name, 0) + number for name, number in (kinds | _kinds(tower)).items()}
        dtype = settings.dtype or _dtype(text)
        write_stored(
            target, config, check_layout(settings.layout, config), stored, dtype, cast=True,
            tokenizer_from=folder, max_shard_bytes=settings.max_shard_bytes, progress=progress,
        )  # fmt: skip
    return GgufReport(config, kinds, dtype, tied, twice)


def _kinds(file: GgufFile) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in file.tensors.values():
        found[each.kind] = found.get(each.kind, 0) + 1
    return dict(sorted(found.items()))


def _dtype(file: GgufFile) -> torch.dtype:
    """That of the embedding, a matrix; bfloat16, which the models are trained in, where it is packed."""
    return PLAIN.get(file.tensors[EMBEDDING].kind, torch.bfloat16)


# ---------------------------------------------------------------------------------------------- text model


def _language(file: GgufFile) -> LanguageConfig:
    """The shape of the text model. CheckpointError, ConfigError: not one of ours."""
    family = file.setting("general.architecture", str)
    if family == "clip":
        raise CheckpointError(
            f"{file.path} holds a vision tower; give the text model's file, and this one with --mmproj"
        )
    if family not in FAMILIES:
        raise CheckpointError(
            f"{file.path} holds a {family} model; only {' and '.join(FAMILIES)} can be read"
        )
    if EMBEDDING not in file.tensors or len(file.tensors[EMBEDDING].shape) != 2:
        raise CheckpointError(f"{file.path} has no matrix {EMBEDDING}")
    hidden_size = file.setting(f"{family}.embedding_length", int)
    num_heads = file.setting(f"{family}.attention.head_count", int)
    head_dim = file.setting(f"{family}.attention.key_length", int, hidden_size // max(num_heads, 1))
    if file.setting(f"{family}.attention.value_length", int, head_dim) != head_dim:
        raise CheckpointError(f"{file.path} has keys and values of different lengths; they must be the same")
    positions = file.setting(f"{family}.context_length", int)
    return LanguageConfig(
        vocab_size=file.tensors[EMBEDDING].shape[0],
        hidden_size=hidden_size,
        num_layers=file.setting(f"{family}.block_count", int),
        num_heads=num_heads,
        num_kv_heads=file.setting(f"{family}.attention.head_count_kv", int, num_heads),
        head_dim=head_dim,
        intermediate_size=file.setting(f"{family}.feed_forward_length", int),
        family=cast(Family, family),
        rms_norm_eps=_short(file.setting(f"{family}.attention.layer_norm_rms_epsilon", float)),
        max_position_embeddings=positions,
        rope=_rope(file, family, positions),
    )


def _short(value: float) -> float:
    """The shortest number that a float32 of the file may have been written as: 1e-06, not 9.99999997e-07."""
    return float(f"{value:.7g}")


def _rope(file: GgufFile, family: str, positions: int) -> RopeConfig:
    theta = _short(file.setting(f"{family}.rope.freq_base", float, 10000.0))
    kind = file.setting(f"{family}.rope.scaling.type", str, "none")
    if kind == "none":
        return RopeConfig(theta=theta)
    if kind != "yarn":
        raise CheckpointError(f"{file.path} scales RoPE by {kind}; only none and yarn can be read")
    return RopeConfig(
        theta=theta,
        kind="yarn",
        factor=_short(file.setting(f"{family}.rope.scaling.factor", float)),
        original_max_positions=file.setting(f"{family}.rope.scaling.original_context_length", int, positions),
    )


def _finer_of_two(file: GgufFile) -> str | None:
    """The finer of embedding and output matrix where they are one that was rounded in two ways; else None."""
    if HEAD not in file.tensors or file.infos[HEAD].shape != file.infos[EMBEDDING].shape:
        return None
    rows = file.infos[HEAD].shape[0]
    step = max(1, rows // NUM_COMPARED)
    pairs = [
        (file.rows(EMBEDDING, at, at + 1).float(), file.rows(HEAD, at, at + 1).float())
        for at in range(0, rows, step)
    ]
    cosine = torch.nn.functional.cosine_similarity(
        torch.cat([a for a, _ in pairs]), torch.cat([b for _, b in pairs])
    ).median()
    if cosine < LEAST_COSINE:
        return None
    return max((EMBEDDING, HEAD), key=lambda name: file.tensors[name].bits)


def _take(file: GgufFile, table: list[Piece], stored: StoredParameters, twice: str | None) -> None:
    """Put the text model's parameters into stored. twice: the tensor that is embedding and output matrix."""
    places = {piece.name: piece for piece in table}
    left_over = {HEAD, EMBEDDING} - {twice} if twice is not None else set()
    if twice is not None:
        places[twice] = replace(places.pop(EMBEDDING), name=twice)
    _check(file, places, left_over)
    stored.add(file, places)


def _check(file: GgufFile, places: dict[str, Piece], left_over: set[str]) -> None:
    """CheckpointError unless a file has the tensors of a table, each of its shape, and no other."""
    missing = places.keys() - file.infos.keys()
    extra = file.infos.keys() - places.keys() - left_over
    wrong = [
        f"{name} is {file.infos[name].shape}, the model has {piece.shape}"
        for name, piece in places.items()
        if name in file.infos and file.infos[name].shape != piece.shape
    ]
    problems = [f"missing tensors: {some_names(missing)}"] if missing else []
    problems += [f"tensors without a place in the model: {some_names(extra)}"] if extra else []
    problems += [f"wrong shapes: {some_names(wrong)}"] if wrong else []
    if problems:
        raise CheckpointError(f"{file.path} does not fit its settings: {'; '.join(problems)}")


# --------------------------------------------------------------------------------------------------- tower


def _with_tower(file: GgufFile, language: LanguageConfig, tokenizer: Path) -> R1VConfig:
    """The shape of the whole. CheckpointError, ConfigError: no InternVL's tower, or no image tokens."""
    kind = file.setting("clip.projector_type", str, "none")
    if file.setting("general.architecture", str) != "clip" or kind != "internvl":
        raise CheckpointError(f"{file.path} holds a projector of the kind {kind}; only internvl can be read")
    if not file.setting("clip.use_gelu", bool, False):
        raise CheckpointError(f"{file.path} does not use GELU, which InternVL's tower has")
    names = file.infos.keys()
    eps = _short(file.setting("clip.vision.attention.layer_norm_epsilon", float))
    vision = VisionConfig(
        hidden_size=file.setting("clip.vision.embedding_length", int),
        num_layers=file.setting("clip.vision.block_count", int),
        num_heads=file.setting("clip.vision.attention.head_count", int),
        intermediate_size=file.setting("clip.vision.feed_forward_length", int),
        image_size=file.setting("clip.vision.image_size", int),
        patch_size=file.setting("clip.vision.patch_size", int),
        qkv_bias="v.blk.0.attn_q.bias" in names,
        qk_norm="v.blk.0.attn_q_norm.weight" in names,
        norm_type="layer_norm" if "v.blk.0.ln1.bias" in names else "rms_norm",
        norm_eps=eps,
        qk_norm_eps=eps,
    )
    token = find_token_id(tokenizer, IMAGE_TOKEN)
    if token is None:
        raise CheckpointError(
            f"the text model's tokenizer has no {IMAGE_TOKEN}, so the two files do not belong together"
        )
    max_tiles = file.setting("clip.vision.preproc_max_tiles", int, 12)
    return R1VConfig(
        vision, language, downsample=file.setting("clip.vision.projector.scale_factor", int, 2),
        image_token_id=token, dynamic_tiling=max_tiles > 1,
        min_tiles=file.setting("clip.vision.preproc_min_tiles", int, 1), max_tiles=max_tiles,
    )  # fmt: skip


def _take_tower(file: GgufFile, config: R1VConfig, stored: StoredParameters) -> None:
    """Put tower and projector into stored; class embedding and positions in the order of checkpoints."""
    table = list(gguf_vision_pieces(config))
    shaped = {f"vision.{CLASS}": 2, f"vision.{POSITIONS}": 1}  # leading ones that the file leaves out
    places = {
        piece.name: replace(piece, shape=piece.shape[shaped.get(piece.parameter, 0) :]) for piece in table
    }
    _check(file, places, set())
    for piece in table:
        if piece.parameter in shaped:
            del places[piece.name]
            value = file.rows(piece.name)
            if piece.parameter.endswith(POSITIONS) and file.settings.get(CLS_KEY) == CLS_LAST:
                value = torch.cat((value[-1:], value[:-1]))
            stored.put(piece.parameter, value.reshape(piece.shape))
    stored.add(file, places)

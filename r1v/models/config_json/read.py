"""config.json of every layout, read into R1VConfig.

Enters: a folder, or the parsed JSON. Leaves: configs. Always holds: a key is read, or changes nothing (see
`keys`), or is demanded to have its usual value, or refused by name; no code of a checkpoint is run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, cast

from r1v.core import CheckpointError, ConfigError, parse_json
from r1v.models.config import LanguageConfig, R1VConfig, VisionConfig
from r1v.models.config_json import keys
from r1v.models.tensor_files import TensorFiles
from r1v.ops import RopeConfig

T = TypeVar("T", int, float, str, bool)
Kind: TypeAlias = Literal["release", "native", "vision-release", "vision-native", "language"]

IMAGE_TOKEN = "<IMG_CONTEXT>"
_REQUIRED: Any = object()
_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
# names of number formats that torch knows and checkpoints are stored in
DTYPES = frozenset(
    "auto float float16 float32 float64 half bfloat16 float8_e4m3fn float8_e5m2 int8 uint8".split()
)

# model_type -> what the folder holds
KINDS: dict[str, Kind] = {
    "skywork_chat": "release",
    "internvl_chat": "release",
    "internvl": "native",
    "intern_vit_6b": "vision-release",
    "internvl_vision": "vision-native",
    "qwen2": "language",
    "qwen3": "language",
}


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file. CheckpointError: missing, unreadable or not an object."""
    if not path.is_file():  # reading a pipe would block, and a loop of links would never end
        raise CheckpointError(f"{path.parent} has no {path.name}; give the folder of a checkpoint")
    try:
        values = parse_json(path.read_bytes(), str(path), error=CheckpointError)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds a {type(values).__name__}, not an object")
    return values


def shown(value: object) -> str:
    """A value as the file writes it, shortened; what a terminal would obey is escaped."""
    return escaped(json.dumps(value, ensure_ascii=False, default=str))


def escaped(text: str, limit: int = 60) -> str:
    """A text of somebody's file for a message: at most ``limit`` characters of it, none of them a line break,
    a control character or any other that is not seen."""
    cut = text if len(text) <= limit else f"{text[:limit]}..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


def check_shared(section: Section) -> None:
    """Refuse values of keys that any section may have, that change nothing here where they are what they
    should be, and that would be passed over where they are not."""
    section.take("tie_word_embeddings", bool, None)
    for key in ("dtype", "torch_dtype"):
        name = section.take(key, str, None)
        if name is not None and name.removeprefix("torch.") not in DTYPES:
            raise ConfigError(
                f"config.json: {section.name}.{key} is {shown(name)}; it must be one of "
                f"{', '.join(sorted(DTYPES))}, or left out"
            )
    for key in ("quantization_config", "compression_config"):
        section.seen.add(key)
        value = section.values.get(key)
        if value is not None and not (isinstance(value, Mapping) and value):
            raise ConfigError(
                f"config.json: {section.name}.{key} is {shown(value)}; it must be an object that names a "
                "quant_method, or left out"
            )
    section.seen.add("architectures")
    names = section.values.get("architectures")
    if names is not None and not (isinstance(names, list) and all(isinstance(one, str) for one in names)):
        raise ConfigError(
            f"config.json: {section.name}.architectures is {shown(names)}; it must be a list of names"
        )


def unused_keys(values: Mapping[str, Any], name: str = "") -> list[str]:
    """Keys of a config.json, sections included, that are not known here and change nothing."""
    found = []
    for key, value in values.items():
        if isinstance(value, Mapping) and key in ("llm_config", "text_config", "vision_config"):
            found += unused_keys(value, f"{key}.")
        elif not key.startswith("_") and (
            key.startswith(keys.HARMLESS)
            or not (_is_neutral(value) or key in keys.KNOWN or keys.may_matter(key, value))
        ):
            found.append(f"{name}{key}")
    return found


def _is_neutral(value: object) -> bool:
    """Whether a key of this value says no more than that nothing is there."""
    return value in (None, False, "", [], {})


def kind_of(values: Mapping[str, Any]) -> Kind:
    """Which layout a config.json describes. ConfigError: none of those known here."""
    model_type = values.get("model_type")
    if isinstance(model_type, str) and model_type in KINDS:
        return KINDS[model_type]
    raise ConfigError(f"model_type {model_type!r} is not supported; supported are {', '.join(KINDS)}")


class Section:
    """One object of a config.json, with a record of which keys were read."""

    def __init__(self, name: str, values: object) -> None:
        if not isinstance(values, Mapping):
            raise ConfigError(f"config.json: {name} is {type(values).__name__}; it must be an object")
        self.name = name
        self.values = values
        self.seen: set[str] = set()

    def take(self, key: str, kind: type[T], default: Any = _REQUIRED) -> T:
        """A value of one type; null counts as missing. ConfigError: missing or of another type."""
        self.seen.add(key)
        value = self.values.get(key)
        if value is None:
            if default is _REQUIRED:
                raise ConfigError(f"config.json: {self.name} has no {key}")
            return cast(T, default)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ConfigError(f"config.json: {self.name}.{key} is {shown(value)}; it must be {_WORDS[kind]}")
        return value

    def side(self, key: str, default: int) -> int:
        """A size given as one number or as an equal pair."""
        value = self.values.get(key)
        if isinstance(value, list) and len(value) == 2 and value[0] == value[1] and isinstance(value[0], int):
            self.seen.add(key)
            return value[0]
        if isinstance(value, list):
            raise ConfigError(f"config.json: {self.name}.{key} is {value}; only squares are supported")
        return self.take(key, int, default)

    def expect(self, key: str, *allowed: Any) -> None:
        """Require one of the values that this project can compute; a missing key or null is accepted."""
        self.seen.add(key)
        value = self.values.get(key)
        if value is not None and value not in allowed:
            raise ConfigError(
                f"config.json: {self.name}.{key} is {shown(value)}; only "
                f"{' or '.join(shown(each) for each in allowed)} is supported"
            )

    def finish(self, ignored: frozenset[str], *, strict: bool = False) -> None:
        """Refuse keys that nobody read and that may change the model; strict: all that nobody read."""
        unknown = [
            key for key, value in self.values.items()
            if key not in self.seen and key not in ignored and not key.startswith(keys.HARMLESS)
            and not _is_neutral(value) and (strict or keys.may_matter(key, value))
        ]  # fmt: skip
        if unknown:
            raise ConfigError(
                f"config.json: {self.name} has keys that are not known here: "
                f"{', '.join(sorted(unknown)[:8])}; remove them if they do not change the model"
            )


def read_config(path: str | os.PathLike[str]) -> R1VConfig:
    """R1VConfig of a whole checkpoint's folder, release or native layout, or of a language model's alone."""
    folder = Path(path)
    values = read_json(folder / "config.json")
    kind = kind_of(values)
    if kind == "language":
        return R1VConfig(None, parse_language(values))
    if kind not in ("release", "native"):
        raise ConfigError(
            f"{folder} holds only a {values['model_type']} part; build a whole model with `r1v assemble`"
        )
    return parse_release(values, folder) if kind == "release" else parse_native(values, folder)


def parse_release(values: Mapping[str, Any], folder: Path | None = None) -> R1VConfig:
    """From the release's keys. folder: where a tokenizer may tell the image token's id."""
    top = Section("the top level", values)
    top.seen |= {"vision_config", "llm_config", "text_config"}
    check_shared(top)
    language = values.get("llm_config") or values.get("text_config") or {}
    if isinstance(language, Mapping) and language.get("tie_word_embeddings") is None:
        language = {**language, "tie_word_embeddings": not _has_head(folder, default=True)}
    top.expect("use_backbone_lora", 0)
    top.expect("use_llm_lora", 0)
    top.expect("pad2square", False)
    top.expect("projector_hidden_act", "gelu")
    image_token_id = _image_token_id(top, folder)
    config = R1VConfig(
        vision=parse_vision(values.get("vision_config") or {}, "release"),
        language=parse_language(language, "llm_config"),
        downsample=_downsample(top),
        shuffle_version=_one_of(top, "ps_version", ("v1", "v2"), "v1"),
        select_layer=top.take("select_layer", int, -1),
        image_token_id=image_token_id,
        **_tiling(top),
    )
    top.finish(keys.RELEASE)
    return config


def parse_native(values: Mapping[str, Any], folder: Path | None = None) -> R1VConfig:
    """From the keys of transformers' InternVLConfig."""
    top = Section("the top level", values)
    top.seen |= {"vision_config", "text_config"}
    check_shared(top)
    top.expect("vision_feature_select_strategy", "default")
    language = values.get("text_config") or {}
    if isinstance(language, Mapping):
        check_shared(Section("text_config", language))  # before one of them is replaced
        language = {**language, "tie_word_embeddings": _native_tying(values, folder)}
    config = R1VConfig(
        vision=parse_vision(values.get("vision_config") or {}, "native"),
        language=parse_language(language, "text_config"),
        downsample=_downsample(top),
        shuffle_version="v2",
        select_layer=top.take("vision_feature_layer", int, -1),
        projector_activation=top.take("projector_hidden_act", str, "gelu"),
        image_token_id=_image_token_id(top, folder),
        **_tiling(top),
    )
    top.finish(keys.NATIVE)
    return config


def _native_tying(values: Mapping[str, Any], folder: Path | None) -> bool:
    """Whether the output matrix is the embedding: as stated, else by whether the files hold one.

    Files of transformers 4 often do not state it, and its default has changed.
    """
    text = values.get("text_config")
    for section in (values, text if isinstance(text, Mapping) else {}):
        if isinstance(section.get("tie_word_embeddings"), bool):
            return bool(section["tie_word_embeddings"])
    return not _has_head(folder, default=False)


def _has_head(folder: Path | None, *, default: bool) -> bool:
    """Whether the folder's weights hold an output matrix; default without readable weights."""
    if folder is None:
        return default
    try:
        return any(name.endswith("lm_head.weight") for name in TensorFiles(folder).infos)
    except CheckpointError:  # the error is raised where the weights are read
        return default


def _tiling(top: Section) -> dict[str, Any]:
    return {
        "dynamic_tiling": top.take("dynamic_image_size", bool, True),
        "min_tiles": top.take("min_dynamic_patch", int, 1),
        "max_tiles": top.take("max_dynamic_patch", int, 12),
        "use_thumbnail": top.take("use_thumbnail", bool, True),
        "template": top.take("template", str, None),
        "system_message": top.take("system_message", str, None),
    }


def _downsample(top: Section) -> int:
    ratio = top.take("downsample_ratio", float, 0.5)
    factor = round(1 / ratio) if 0 < ratio <= 1 else 0
    if factor < 1 or abs(factor * ratio - 1) > 1e-6:
        raise ConfigError(f"config.json: downsample_ratio is {ratio}; it must be 1 over a whole number")
    return factor


def _one_of(section: Section, key: str, allowed: tuple[str, ...], default: str) -> Any:
    value = section.take(key, str, default)
    if value not in allowed:
        raise ConfigError(
            f"config.json: {section.name}.{key} is {value!r}; it must be one of {', '.join(allowed)}"
        )
    return value


def _image_token_id(top: Section, folder: Path | None) -> int | None:
    """As config.json says, else the id of the image token in the folder's tokenizer files."""
    for key in ("image_token_id", "img_context_token_id", "image_token_index"):
        value = top.take(key, int, -1)
        if value >= 0:
            return value
    return None if folder is None else find_token_id(folder, IMAGE_TOKEN)


def find_token_id(folder: Path, token: str) -> int | None:
    """The id of an added token by the tokenizer files of a folder; None where they do not have it."""
    if (folder / "added_tokens.json").is_file():
        value = read_json(folder / "added_tokens.json").get(token)
        if isinstance(value, int):
            return value
    if (folder / "tokenizer_config.json").is_file():
        added = read_json(folder / "tokenizer_config.json").get("added_tokens_decoder")
        for key, entry in (added if isinstance(added, dict) else {}).items():
            if isinstance(entry, dict) and entry.get("content") == token and str(key).isdecimal():
                return int(key)
    if (folder / "tokenizer.json").is_file():
        for entry in read_json(folder / "tokenizer.json").get("added_tokens") or ():
            if isinstance(entry, dict) and entry.get("content") == token and isinstance(entry.get("id"), int):
                return int(entry["id"])
    return None


def parse_vision(values: Mapping[str, Any], layout: str) -> VisionConfig:
    """From the keys of the release's InternVisionConfig or of transformers' InternVLVisionConfig, with their
    defaults. layout: release or native."""
    section = Section("vision_config", values)
    check_shared(section)
    for key, only in keys.TOWER_FIXED[layout].items():
        section.expect(key, only)
    found: dict[str, Any] = {
        field: section.take(key, type(default), *(() if field in keys.TOWER_REQUIRED[layout] else (default,)))
        for field, (key, default) in keys.TOWER[layout].items()
    }
    _one_of(section, "norm_type", ("layer_norm", "rms_norm"), found["norm_type"])
    found |= {name: section.side(name, default) for name, default in keys.TOWER_SIDES.items()}
    if layout == "release" and found["qk_norm"]:  # one eps for all norms
        found["qk_norm_eps"] = found["norm_eps"]
    section.finish(keys.VISION)
    return VisionConfig(**found)


def parse_language(values: Mapping[str, Any], name: str = "config") -> LanguageConfig:
    """From the keys of Qwen2Config or Qwen3Config, of transformers 4 or 5."""
    section = Section(name, values)
    check_shared(section)
    family = _family(section)
    section.expect("hidden_act", "silu")
    section.expect("use_sliding_window", False)
    section.expect("mlp_bias", False)
    if family == "qwen3":
        section.expect("attention_bias", False)
    section.seen.add("attention_bias")  # Qwen2 has these biases whatever its config says
    section.expect("partial_rotary_factor", 1.0)
    layer_types = section.values.get("layer_types")
    section.seen.add("layer_types")
    full = isinstance(layer_types, list) and all(each == "full_attention" for each in layer_types)
    if layer_types and not full:
        raise ConfigError(
            f"config.json: {name}.layer_types holds a type that is not full_attention; only that is supported"
        )
    hidden_size = section.take("hidden_size", int)
    num_heads = section.take("num_attention_heads", int)
    max_positions = section.take("max_position_embeddings", int, 32768)
    eos = section.values.get("eos_token_id")
    if isinstance(eos, list) and not all(type(each) is int for each in eos):
        raise ConfigError(
            f"config.json: {name}.eos_token_id is {str(eos)[:60]}; it must be an id, or a list of ids"
        )
    config = LanguageConfig(
        family=cast(Any, family),
        vocab_size=section.take("vocab_size", int),
        hidden_size=hidden_size,
        num_layers=section.take("num_hidden_layers", int),
        num_heads=num_heads,
        num_kv_heads=section.take("num_key_value_heads", int, num_heads),
        head_dim=section.take(
            "head_dim", int, hidden_size // max(num_heads, 1) if family == "qwen2" else 128
        ),
        intermediate_size=section.take("intermediate_size", int),
        rms_norm_eps=section.take("rms_norm_eps", float, 1e-6),
        max_position_embeddings=max_positions,
        tied=section.take("tie_word_embeddings", bool, False),
        rope=parse_rope(section, max_positions),
        bos_token_id=section.take("bos_token_id", int, None),
        eos_token_id=tuple(eos) if isinstance(eos, list) else section.take("eos_token_id", int, None),
        pad_token_id=section.take("pad_token_id", int, None),
    )
    section.finish(keys.LANGUAGE)
    return config


def _family(section: Section) -> str:
    """qwen2 or qwen3, by model_type or by the architecture's name."""
    architectures = section.values.get("architectures")
    first = architectures[0] if isinstance(architectures, list) and architectures else ""
    stated = section.values.get("model_type") or str(first).removesuffix("ForCausalLM").lower()
    if stated not in ("qwen2", "qwen3"):
        raise ConfigError(
            f"config.json: {section.name} describes a {stated or 'nameless'} language model; "
            "only qwen2 and qwen3 (dense) are supported"
        )
    return str(stated)


def _check_agreement(section: Section, places: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a setting of RoPE that several places of a section have with different values."""
    for key in sorted({key for place in places.values() for key in place} - {"type", "rope_type"}):
        given = {f"{name}.{key}": place[key] for name, place in places.items() if place.get(key) is not None}
        if key == "rope_theta" and section.values.get(key) is not None:
            given[key] = section.values[key]
        if len({json.dumps(value, default=str) for value in map(_as_number, given.values())}) > 1:
            said = " and ".join(f"{name} {shown(value)}" for name, value in given.items())
            raise ConfigError(
                f"config.json: {section.name} says {said}; remove the one that the model was not trained with"
            )


def _as_number(value: Any) -> Any:
    return float(value) if type(value) is int and abs(value) < 1 << 53 else value


def parse_rope(section: Section, max_positions: int) -> RopeConfig:
    """RoPE of transformers 4 (rope_theta, rope_scaling) or 5 (rope_parameters)."""
    section.seen |= {"rope_scaling", "rope_parameters"}
    named = {key: section.values.get(key) for key in ("rope_scaling", "rope_parameters")}
    key, found = next(((key, value) for key, value in named.items() if value), ("rope_parameters", {}))
    rope = Section(f"{section.name}.{key}", found)
    _check_agreement(section, {key: value for key, value in named.items() if isinstance(value, Mapping)})
    kind = rope.take("rope_type", str, None) or rope.take("type", str, "default")
    rope.seen.add("type")
    if kind not in ("default", "yarn", "dynamic"):
        raise ConfigError(
            f"config.json: RoPE scaling {kind!r} is not supported; use default, yarn or dynamic"
        )
    theta = rope.take("rope_theta", float, None)
    # transformers puts the value outside of the scaling first
    original = section.take("original_max_position_embeddings", int, None) or rope.take(
        "original_max_position_embeddings", int, max_positions
    )
    rope.seen.add("original_max_position_embeddings")
    factor = rope.take("factor", float, max(max_positions / original, 1.0) if original > 0 else 1.0)
    config = RopeConfig(
        theta=theta if theta is not None else section.take("rope_theta", float, 10000.0),
        kind=cast(Any, kind),
        factor=factor if kind != "default" else 1.0,
        original_max_positions=original if kind == "yarn" else None,
        attention_factor=rope.take("attention_factor", float, None),
        beta_fast=rope.take("beta_fast", float, 32.0),
        beta_slow=rope.take("beta_slow", float, 1.0),
        mscale=rope.take("mscale", float, None),
        mscale_all_dim=rope.take("mscale_all_dim", float, None),
        truncate=rope.take("truncate", bool, True),
    )
    section.seen.add("rope_theta")
    rope.finish(frozenset(), strict=True)
    return config

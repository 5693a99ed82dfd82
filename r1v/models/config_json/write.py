"""config.json of both whole layouts, written from R1VConfig.

Always holds: what `read_config` reads back is the config that was written, or writing was refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from r1v.core import ConfigError
from r1v.models.config import LanguageConfig, R1VConfig, VisionConfig
from r1v.models.config_json import keys
from r1v.ops import RopeConfig


def write_text(config: R1VConfig, dtype: str | None = None) -> dict[str, Any]:
    """config.json of a language model alone, as Qwen2 and Qwen3 are published."""
    return _without_none(write_language(config.language, dtype))


def write_release(config: R1VConfig, dtype: str | None = None) -> dict[str, Any]:
    """config.json of the release layout. ConfigError: the layout has no key for a setting of this model."""
    vision = _tower(config)
    if vision.qk_norm and vision.qk_norm_eps != vision.norm_eps:
        raise ConfigError(
            f"the release layout has one eps for all norms of the vision tower, but this model has "
            f"{vision.norm_eps} and {vision.qk_norm_eps} (q and k); keep the native layout"
        )
    if config.projector_activation != "gelu":
        raise ConfigError(
            f"the release layout has no key for projector activation {config.projector_activation!r}"
        )
    values: dict[str, Any] = {
        "architectures": ["InternVLChatModel"],
        "model_type": "internvl_chat",
        "downsample_ratio": 1 / config.downsample,
        "force_image_size": vision.image_size,
        "ps_version": config.shuffle_version,
        "select_layer": config.select_layer,
        **_write_tiling(config),
        "tie_word_embeddings": config.language.tied,
        "torch_dtype": dtype,
        "llm_config": write_language(config.language, dtype),
        "vision_config": {
            "architectures": ["InternVisionModel"],
            "model_type": "intern_vit_6b",
            **write_vision(vision, "release"),
            "num_channels": 3,
            "torch_dtype": dtype,
        },
    }
    return _without_none(values)


def _tower(config: R1VConfig) -> VisionConfig:
    if config.vision is None:
        raise ConfigError("a language model alone has no tower; it is written in the layout of its makers")
    return config.vision


def write_vision(vision: VisionConfig, layout: str) -> dict[str, Any]:
    """The keys of vision_config that say how the tower is built."""
    sides = {name: getattr(vision, name) for name in keys.TOWER_SIDES}
    return {
        **{key: getattr(vision, field) for field, (key, _) in keys.TOWER[layout].items()},
        **{name: [side, side] if layout == "native" else side for name, side in sides.items()},
    }


def write_native(config: R1VConfig, dtype: str | None = None) -> dict[str, Any]:
    """config.json of transformers' InternVLForConditionalGeneration. ConfigError: it has no key for a setting
    of this model."""
    vision = _tower(config)
    if config.shuffle_version != "v2":
        raise ConfigError("the native layout has no key for ps_version v1; keep the release layout")
    if vision.qk_norm and vision.qk_norm_eps != 1e-6:
        raise ConfigError(
            f"the native layout fixes the eps of the q and k norms at 1e-06, but this model has "
            f"{vision.qk_norm_eps}; keep the release layout"
        )
    language = write_language(config.language, dtype)
    language["rope_parameters"] = {
        "rope_theta": config.language.rope.theta,
        **_write_scaling(config.language),
    }
    values: dict[str, Any] = {
        "architectures": ["InternVLForConditionalGeneration"],
        "model_type": "internvl",
        "downsample_ratio": 1 / config.downsample,
        "dtype": dtype,
        "image_seq_length": config.tokens_per_tile,
        "projector_hidden_act": config.projector_activation,
        "vision_feature_layer": config.select_layer,
        "vision_feature_select_strategy": "default",
        "tie_word_embeddings": config.language.tied,
        **_write_tiling(config),
        "text_config": language,
        "vision_config": {
            "model_type": "internvl_vision",
            "architectures": ["InternVLVisionModel"],
            **write_vision(vision, "native"),
            **keys.TOWER_FIXED["native"],
            "dtype": dtype,
        },
    }
    return _without_none(values)


def write_language(language: LanguageConfig, dtype: str | None = None) -> dict[str, Any]:
    """Keys of Qwen2Config or Qwen3Config, as transformers 4 and 5 both read them."""
    eos = language.eos_token_id
    scaling = _write_scaling(language)
    return {
        "architectures": [f"{language.family.capitalize()}ForCausalLM"],
        "model_type": language.family,
        "vocab_size": language.vocab_size,
        "hidden_size": language.hidden_size,
        "num_hidden_layers": language.num_layers,
        "num_attention_heads": language.num_heads,
        "num_key_value_heads": language.num_kv_heads,
        "head_dim": language.head_dim,
        "intermediate_size": language.intermediate_size,
        "hidden_act": "silu",
        "rms_norm_eps": language.rms_norm_eps,
        "max_position_embeddings": language.max_position_embeddings,
        "tie_word_embeddings": language.tied,
        "use_sliding_window": False,
        "rope_theta": language.rope.theta,
        "rope_scaling": None if scaling["rope_type"] == "default" else scaling,
        "bos_token_id": language.bos_token_id,
        "eos_token_id": list(eos) if isinstance(eos, tuple) else eos,
        "pad_token_id": language.pad_token_id,
        "torch_dtype": dtype,
    }


def _write_scaling(language: LanguageConfig) -> dict[str, Any]:
    rope = language.rope
    if rope.kind == "default":
        return {"rope_type": "default"}
    scaling: dict[str, Any] = {"rope_type": rope.kind, "factor": rope.factor}
    if rope.kind == "yarn":
        scaling["original_max_position_embeddings"] = rope.original_max_positions
        plain = RopeConfig()
        for key in ("attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate"):
            if getattr(rope, key) != getattr(plain, key):
                scaling[key] = getattr(rope, key)
    return scaling


def _write_tiling(config: R1VConfig) -> dict[str, Any]:
    # the native layout has no keys of its own for these; transformers keeps unknown ones untouched
    return {
        "dynamic_image_size": config.dynamic_tiling,
        "min_dynamic_patch": config.min_tiles,
        "max_dynamic_patch": config.max_tiles,
        "use_thumbnail": config.use_thumbnail,
        "image_token_id": config.image_token_id,
        "template": config.template,
        "system_message": config.system_message,
    }


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value is not None
    }

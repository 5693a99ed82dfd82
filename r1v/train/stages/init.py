"""A new model from nothing: tokenizer, shape, random weights, written as a checkpoint folder."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from r1v import figures, models
from r1v.core import ConfigError, library_faults
from r1v.models import LanguageConfig, R1VConfig, VisionConfig
from r1v.ops import RopeConfig
from r1v.prompt.tiling import IMAGENET_MEAN, IMAGENET_STD
from r1v.train.core.checks import at_least
from r1v.train.core.keys import key
from r1v.train.data.examples import FigureSource
from r1v.train.data.tokenizer import save_tokenizer, train_tokenizer

# The best sampling for the trained model, whose chains are short and exact.
GENERATION = {"temperature": 0.0, "top_p": 1.0, "repetition_penalty": 1.0}


@dataclass(frozen=True)
class InitConfig:
    """A new model from nothing: its tokenizer, its shape and random weights."""

    out: str = key("", "folder of the checkpoint", required=True)
    tokenizer: str | None = key(None, "folder whose tokenizer is used; none: one is trained on figures")
    vocab_size: int = key(1536, "size of the vocabulary, special tokens included")
    tokenizer_samples: int = key(2000, "figure questions of each family that the tokenizer is trained on")
    families: tuple[str, ...] = key((), "families of those figures; empty: all")
    image_size: int = key(448, "side of a tile, pixels")
    patch_size: int = key(16, "side of a patch, pixels")
    vision_hidden: int = key(256, "width of the tower")
    vision_layers: int = key(6, "layers of the tower")
    vision_heads: int = key(4, "heads of the tower")
    vision_mlp: int = key(1024, "width of the tower's MLP")
    llm_hidden: int = key(384, "width of the language model")
    llm_layers: int = key(6, "layers of the language model")
    llm_heads: int = key(6, "heads of the language model")
    llm_kv_heads: int = key(2, "key and value heads of the language model")
    llm_mlp: int = key(768, "width of the language model's MLP")
    context: int = key(8192, "longest sequence, tokens")
    rope_theta: float = key(10000.0, "base of the rotary embedding")
    seed: int = key(0, "seed of the random weights")

    def __post_init__(self) -> None:
        at_least(self, 1, "vocab_size", "tokenizer_samples", "image_size", "patch_size", "context")


def image_settings(config: InitConfig) -> dict[str, object]:
    """The settings with which the image processors of transformers and vLLM cut images as we do."""
    side = {"height": config.image_size, "width": config.image_size}
    return {
        "image_processor_type": "GotOcr2ImageProcessor",
        "processor_class": "InternVLProcessor",
        "crop_to_patches": False,
        "min_patches": 1,
        "max_patches": 1,
        "do_convert_rgb": True,
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "rescale_factor": 1 / 255,
        "resample": 3,
        "size": side,
        "image_mean": IMAGENET_MEAN,
        "image_std": IMAGENET_STD,
    }


def initialise(config: InitConfig) -> Path:
    """Train the tokenizer on figure questions, build the model and save both; returns the folder."""
    if (Path(config.out) / "metrics.jsonl").exists():
        raise ConfigError(f"{config.out} is the folder of a training run; name another one as out")
    families = config.families or tuple(figures.FAMILIES)
    with tempfile.TemporaryDirectory() as scratch:
        tokenizer = _tokenizer(config, families)
        folder = Path(scratch)
        save_tokenizer(tokenizer, folder, config.context)
        eos = tokenizer.token_to_id("<|im_end|>")
        pad = tokenizer.token_to_id("<|endoftext|>")
        generation = {**GENERATION, "eos_token_id": [eos, pad], "pad_token_id": pad}
        (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")
        tokens = (config.image_size // config.patch_size // 2) ** 2
        for name, values in {
            "preprocessor_config.json": image_settings(config),
            "processor_config.json": {"processor_class": "InternVLProcessor", "image_seq_length": tokens},
        }.items():
            (folder / name).write_text(json.dumps(values, indent=2) + "\n")
        model = models.R1V(
            R1VConfig(
                vision=VisionConfig(
                    hidden_size=config.vision_hidden,
                    num_layers=config.vision_layers,
                    num_heads=config.vision_heads,
                    intermediate_size=config.vision_mlp,
                    image_size=config.image_size,
                    patch_size=config.patch_size,
                    layer_scale_init=1.0,
                ),
                language=LanguageConfig(
                    vocab_size=tokenizer.get_vocab_size(),
                    hidden_size=config.llm_hidden,
                    num_layers=config.llm_layers,
                    num_heads=config.llm_heads,
                    num_kv_heads=config.llm_kv_heads,
                    head_dim=config.llm_hidden // config.llm_heads,
                    intermediate_size=config.llm_mlp,
                    max_position_embeddings=config.context,
                    tied=True,
                    rope=RopeConfig(theta=config.rope_theta),
                    bos_token_id=pad,
                    eos_token_id=eos,
                    pad_token_id=pad,
                ),
                image_token_id=tokenizer.token_to_id("<IMG_CONTEXT>"),
                max_tiles=1,
                use_thumbnail=False,
            )
        )
        model.initialise(config.seed)
        out = Path(config.out)
        models.save(model, out, layout="native", tokenizer_from=folder)
    return out


def _tokenizer(config: InitConfig, families: tuple[str, ...]) -> Tokenizer:
    """The tokenizer that the configuration names, or one trained on figure questions."""
    if config.tokenizer is None:
        return train_tokenizer(_texts(families, config.tokenizer_samples), config.vocab_size)
    path = Path(config.tokenizer) / "tokenizer.json"
    if not path.is_file():
        raise ConfigError(f"tokenizer: {path} is not there; name a folder that holds a tokenizer.json")
    with library_faults(ConfigError, f"tokenizer: {path} cannot be read"):
        return Tokenizer.from_file(str(path))


def _texts(families: tuple[str, ...], samples: int) -> Iterator[str]:
    """Questions, chains and answers of training figures, as the model will read and write them."""
    source = FigureSource(families)
    for family in families:
        for index in range(samples):
            example = source.example(family, index, 1.0)
            yield example.question
            yield f"{example.thinking}\n"
            yield f"\n\n{example.answer}"

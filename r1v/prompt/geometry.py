"""How a checkpoint's images are cut into tiles, and how many tokens a tile takes, from its config files.

Reads both layouts of config.json; where that is silent (the transformers-native layout),
preprocessor_config.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from r1v.core import CheckpointError
from r1v.prompt.tiling import IMAGENET_MEAN, IMAGENET_STD, TilingConfig
from r1v.prompt.tokenizer import read_json

# language models alone
_TEXT_TYPES = ("qwen2", "qwen3")
_MAX_SIDE = 16384  # pixels
_DEFAULT_MAX_TILES = 12  # what the release's scripts and transformers use


@dataclass(frozen=True, slots=True)
class ImageGeometry:
    """tokens_per_tile: image tokens of one tile. image_token_id: as config.json has it, None where it does
    not. thinks: of a type made for reasoning, whatever its template says. takes_images: False of a
    language model alone, whatever its tokenizer holds."""

    tiling: TilingConfig
    tokens_per_tile: int
    image_token_id: int | None = None
    thinks: bool = False
    takes_images: bool = True

    @classmethod
    def from_folder(cls, folder: Path) -> ImageGeometry:
        """Raises CheckpointError for sizes that do not fit together."""
        config = read_json(folder / "config.json")
        preprocessor = read_json(folder / "preprocessor_config.json", required=False)
        vision = config.get("vision_config") or {}
        _check_pixels(preprocessor, folder / "preprocessor_config.json")
        size = _side(vision.get("image_size") or config.get("force_image_size") or 448, "image_size")
        patch = _side(vision.get("patch_size") or 14, "patch_size")
        ratio = float(config.get("downsample_ratio", 0.5))
        per_side = size // patch * ratio
        if size % patch or per_side < 1 or per_side != int(per_side):
            raise CheckpointError(
                f"{folder}/config.json: image size {size}, patch {patch} and downsample ratio {ratio} do "
                "not give a whole number of tokens"
            )
        image_token_id = config.get("image_token_id", config.get("img_context_token_id"))
        return cls(
            tiling=_tiling(size, config, preprocessor),
            tokens_per_tile=int(per_side) ** 2,
            image_token_id=image_token_id,
            thinks=config.get("model_type") == "skywork_chat",
            takes_images=config.get("model_type") not in _TEXT_TYPES,
        )

    def with_tiling(self, tiling: TilingConfig) -> ImageGeometry:
        """The same geometry with other tiling settings; the side of a tile must not change. Raises
        CheckpointError."""
        if tiling.image_size != self.tiling.image_size:
            raise CheckpointError(
                f"tiles of {tiling.image_size} pixels do not fit a model for {self.tiling.image_size} pixels"
            )
        return replace(self, tiling=tiling)


def _tiling(size: int, config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> TilingConfig:
    if "max_dynamic_patch" in config or "dynamic_image_size" in config:
        dynamic = config.get("dynamic_image_size", True)
        min_tiles = config.get("min_dynamic_patch", 1)
        max_tiles = config.get("max_dynamic_patch", _DEFAULT_MAX_TILES)
        use_thumbnail = config.get("use_thumbnail", True)
    else:
        dynamic = preprocessor.get("crop_to_patches", True)
        min_tiles = preprocessor.get("min_patches", 1)
        max_tiles = preprocessor.get("max_patches", _DEFAULT_MAX_TILES)
        use_thumbnail = True
    if not dynamic:
        min_tiles = max_tiles = 1
    return TilingConfig(size, int(min_tiles), int(max_tiles), bool(use_thumbnail))


def _check_pixels(preprocessor: Mapping[str, Any], path: Path) -> None:
    """Refuse what asks for other pixels than `tiling.normalise` makes, and what is no such setting at all."""
    for key, ours in (("image_mean", IMAGENET_MEAN), ("image_std", IMAGENET_STD)):
        value = preprocessor.get(key)
        if value is not None and not _are_near(value, ours):
            raise CheckpointError(
                f"{path}: {key} is {json.dumps(value)[:60]}; pixels are normalised by ImageNet's "
                f"{list(ours)}, as InternVL's are: put these there, or use the checkpoint's own file"
            )
    factor = preprocessor.get("rescale_factor")
    if factor is not None and not _are_near([factor], [1 / 255]):
        raise CheckpointError(f"{path}: rescale_factor is {json.dumps(factor)[:60]}; only 1/255 is known")
    for key in ("do_rescale", "do_normalize", "do_resize", "crop_to_patches"):
        value = preprocessor.get(key)
        if value is not None and (not isinstance(value, bool) or (not value and key != "crop_to_patches")):
            wanted = "true or false" if key == "crop_to_patches" else "true"
            raise CheckpointError(f"{path}: {key} is {json.dumps(value)[:60]}; it must be {wanted}")
    for key in ("size", "crop_size"):
        value = preprocessor.get(key)
        sides = list(value.values()) if isinstance(value, Mapping) else [value]
        for side in sides if value is not None else ():
            if type(side) is not int or not 0 < side <= _MAX_SIDE:
                raise CheckpointError(
                    f"{path}: {key} is {json.dumps(value)[:60]}; sides are whole numbers of "
                    f"pixels up to {_MAX_SIDE}"
                )


def _are_near(given: object, wanted: Sequence[float]) -> bool:
    """Whether a list holds these numbers, to three digits as files write them."""
    return (
        isinstance(given, list)
        and len(given) == len(wanted)
        and all(type(one) in (int, float) for one in given)
        and all(abs(one - other) <= 1e-3 * abs(other) for one, other in zip(given, wanted, strict=True))
    )


def _side(value: Any, name: str) -> int:
    """A size that may be written as a number or as two equal ones."""
    sides = list(value) if isinstance(value, list | tuple) else [value, value]
    if len(sides) != 2 or sides[0] != sides[1] or not isinstance(sides[0], int) or sides[0] < 1:
        raise CheckpointError(f"{name} is {value!r} in config.json; only square sizes are known")
    return sides[0]

"""How a checkpoint's images are cut into tiles, and how many tokens a tile takes, from its config files.

Reads both layouts of config.json; where that is silent (the transformers-native layout),
preprocessor_config.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from r1v.core import CheckpointError
from r1v.prompt.tiling import TilingConfig
from r1v.prompt.tokenizer import read_json

# language models alone
_TEXT_TYPES = ("qwen2", "qwen3")
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


def _side(value: Any, name: str) -> int:
    """A size that may be written as a number or as two equal ones."""
    sides = list(value) if isinstance(value, list | tuple) else [value, value]
    if len(sides) != 2 or sides[0] != sides[1] or not isinstance(sides[0], int) or sides[0] < 1:
        raise CheckpointError(f"{name} is {value!r} in config.json; only square sizes are known")
    return sides[0]

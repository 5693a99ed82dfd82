"""Pictures in, square tiles and normalised pixel values out (InternVL's dynamic tiling).

Enters: a PIL image in mode RGB. Leaves: uint8 tiles, row by row, with a thumbnail last where there is more
than one; or float tiles normalised with ImageNet's mean and deviation. Always holds: the grid and every pixel
are those of resizing with PIL (bicubic) and cropping tile by tile; the normalised values are those of (x /
255 - mean) / std in float32, in that order.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from r1v.core import ConfigError, PromptError, usable_cores

if TYPE_CHECKING:
    import torch

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# Below this many source pixels, starting threads costs more than they save.
_THREAD_PIXELS = 1_500_000
_MAX_THREADS = 8


@dataclass(frozen=True, slots=True)
class TilingConfig:
    """How one image is cut. image_size: side of a tile, pixels. min_tiles, max_tiles: of the grid, the
    thumbnail not counted. use_thumbnail: append the whole image, one tile small, to a grid of more than one.
    """

    image_size: int = 448
    min_tiles: int = 1
    max_tiles: int = 12
    use_thumbnail: bool = True

    def __post_init__(self) -> None:
        for name in ("image_size", "min_tiles", "max_tiles"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} is {value!r}; it must be a whole number of at least 1")
        if self.min_tiles > self.max_tiles:
            raise ConfigError(
                f"min_tiles is {self.min_tiles}; it must be at most max_tiles, {self.max_tiles}"
            )
        if self.max_tiles > 1024:
            raise ConfigError(f"max_tiles is {self.max_tiles}; it must be at most 1024")

    def limited(self, max_tiles: int) -> TilingConfig:
        """The same with at most ``max_tiles`` in the grid."""
        return replace(self, max_tiles=max_tiles, min_tiles=min(self.min_tiles, max_tiles))


@lru_cache(maxsize=256)
def _grids(min_tiles: int, max_tiles: int) -> tuple[tuple[int, int], ...]:
    """Candidate (cols, rows), by number of tiles, then by columns: the order that settles ties."""
    grids = [
        (cols, rows)
        for cols in range(1, max_tiles + 1)
        for rows in range(1, max_tiles // cols + 1)
        if cols * rows >= min_tiles
    ]
    return tuple(sorted(grids, key=lambda grid: (grid[0] * grid[1], grid[0])))


def choose_grid(width: int, height: int, cfg: TilingConfig) -> tuple[int, int]:
    """(cols, rows) for an image of ``width`` x ``height`` pixels: the closest aspect ratio; on a tie the
    larger grid, if the image has more than half as many pixels as its tiles (InternVL 1.5, section 3.2)."""
    if width < 1 or height < 1:
        raise PromptError(f"an image of {width}x{height} pixels cannot be tiled; it needs at least one pixel")
    aspect = width / height
    area = width * height
    half_tile = 0.5 * cfg.image_size * cfg.image_size
    best, best_distance = (1, 1), float("inf")
    for cols, rows in _grids(cfg.min_tiles, cfg.max_tiles):
        distance = abs(aspect - cols / rows)
        if distance < best_distance or (distance == best_distance and area > half_tile * cols * rows):
            best, best_distance = (cols, rows), distance
    return best


def count_tiles(width: int, height: int, cfg: TilingConfig) -> int:
    """Number of tiles that tile_image gives for this size, thumbnail included."""
    cols, rows = choose_grid(width, height, cfg)
    return cols * rows + (1 if cfg.use_thumbnail and cols * rows > 1 else 0)


def share_tiles(sizes: Sequence[tuple[int, int]], cfg: TilingConfig, budget: int) -> TilingConfig:
    """The config under which images of these (width, height) together take at most ``budget`` tiles.

    One rule for all images alike, whatever their order: the largest common max_tiles, from cfg.max_tiles
    down, whose tiles (thumbnails counted) fit. Raises PromptError if even one tile an image does not.
    """
    for max_tiles in range(cfg.max_tiles, 0, -1):
        shared = cfg.limited(max_tiles)
        if sum(count_tiles(width, height, shared) for width, height in sizes) <= budget:
            return shared
    raise PromptError(
        f"{len(sizes)} images need at least one tile each; the request may have {budget}: give fewer images"
    )


def tile_image(image: Image.Image, cfg: TilingConfig) -> np.ndarray:
    """uint8 (num_tiles, image_size, image_size, 3): the grid row by row, then the thumbnail if any."""
    if image.mode != "RGB":
        image = image.convert("RGB")
    side = cfg.image_size
    cols, rows = choose_grid(*image.size, cfg)
    thumbnail = cfg.use_thumbnail and cols * rows > 1
    tiles = np.empty((cols * rows + thumbnail, side, side, 3), dtype=np.uint8)
    sizes = [(cols * side, rows * side)] + ([(side, side)] if thumbnail else [])
    resized = _resize_all(image, sizes)
    grid = np.asarray(resized[0]).reshape(rows, side, cols, side, 3)
    tiles[: cols * rows].reshape(rows, cols, side, side, 3)[:] = grid.transpose(0, 2, 1, 3, 4)
    if thumbnail:
        tiles[-1] = np.asarray(resized[1])
    return tiles


def _resize_all(image: Image.Image, sizes: Sequence[tuple[int, int]]) -> list[Image.Image]:
    """``image`` resized to each (width, height), bicubic; large ones on several threads, with the same
    pixels."""
    # the number of cores is read from files, which costs a tenth of what a small picture does
    small = image.width * image.height < _THREAD_PIXELS
    num_threads = 1 if small else min(usable_cores(), _MAX_THREADS)
    if num_threads == 1:
        return [image.resize(size, Image.Resampling.BICUBIC) for size in sizes]
    # Pillow 13 shrinks tall images column by column first: those are left to it as a whole
    # (and bands cost copies, which do not pay with as few threads as sizes)
    in_bands = [
        num_threads > len(sizes) and height * image.width >= width * image.height for width, height in sizes
    ]
    with ThreadPoolExecutor(num_threads) as pool:
        whole = [
            None if banded else pool.submit(image.resize, size, Image.Resampling.BICUBIC)
            for size, banded in zip(sizes, in_bands, strict=True)
        ]
        banded_sizes = [size for size, banded in zip(sizes, in_bands, strict=True) if banded]
        by_bands = iter(_resize_in_bands(image, banded_sizes, pool, num_threads))
        return [next(by_bands) if future is None else future.result() for future in whole]


def _resize_in_bands(
    image: Image.Image, sizes: Sequence[tuple[int, int]], pool: ThreadPoolExecutor, num_threads: int
) -> list[Image.Image]:
    """``image`` resized to each size, the rows first, in bands.

    PIL resizes rows, rounds to bytes, then resizes columns. A row does not depend on other rows in the first
    step, nor a column on other columns in the second, so bands computed apart are exact.
    """
    if not sizes:
        return []
    width, height = image.size

    def squeeze(y0: int, y1: int) -> list[Image.Image]:
        band = image.crop((0, y0, width, y1))
        return [band.resize((new_width, y1 - y0), Image.Resampling.BICUBIC) for new_width, _ in sizes]

    def finish(source: Image.Image, x0: int, x1: int, new_height: int) -> Image.Image:
        return source.crop((x0, 0, x1, height)).resize((x1 - x0, new_height), Image.Resampling.BICUBIC)

    bands = [(y0, pool.submit(squeeze, y0, y1)) for y0, y1 in _cuts(height, 4 * num_threads)]
    squeezed = [Image.new("RGB", (new_width, height)) for new_width, _ in sizes]
    for y0, band in bands:
        for target, part in zip(squeezed, band.result(), strict=True):
            target.paste(part, (0, y0))
    columns = [
        (index, x0, pool.submit(finish, squeezed[index], x0, x1, new_height))
        for index, (new_width, new_height) in enumerate(sizes)
        for x0, x1 in _cuts(new_width, num_threads)
    ]
    resized = [Image.new("RGB", size) for size in sizes]
    for index, x0, column in columns:
        resized[index].paste(column.result(), (x0, 0))
    return resized


def _cuts(length: int, num_parts: int) -> list[tuple[int, int]]:
    """[start, end) of at most ``num_parts`` even parts of ``length``, none empty."""
    edges = [length * i // num_parts for i in range(num_parts + 1)]
    return [(start, end) for start, end in pairwise(edges) if start < end]


@lru_cache(maxsize=1)
def _pixel_table() -> np.ndarray:
    """float32 (3, 256): the normalised value of every byte in every channel."""
    values = np.arange(256, dtype=np.float32) / np.float32(255)
    mean, std = (np.array(v, dtype=np.float32)[:, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    table: np.ndarray = (values - mean) / std
    return table


def normalise(tiles: np.ndarray, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Pixel values (num_tiles, 3, S, S) of uint8 ``tiles`` (num_tiles, S, S, 3), float32 unless ``dtype``
    says otherwise (rounded from float32). Every byte is looked up in a table, so nothing is computed per
    pixel."""
    import torch

    if tiles.dtype != np.uint8 or tiles.ndim != 4 or tiles.shape[3] != 3:
        raise PromptError(
            f"tiles are {tiles.dtype} {tiles.shape}; they must be uint8 (num_tiles, side, side, 3)"
        )
    table = torch.from_numpy(_pixel_table()).to(dtype or torch.float32)
    # numpy knows no bfloat16: the lookup moves bit patterns of the same width
    patterns = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[table.element_size()]
    lookup = table.view(patterns).numpy()
    num_tiles, height, width, _ = tiles.shape
    pixels = np.empty((num_tiles, 3, height, width), dtype=lookup.dtype)

    def fill(index: int) -> None:
        for channel in range(3):
            # bytes cannot be out of range; "clip" only spares numpy a buffered copy
            np.take(lookup[channel], tiles[index, :, :, channel], out=pixels[index, channel], mode="clip")

    num_threads = min(usable_cores(), _MAX_THREADS)
    if num_threads > 1 and pixels.size >= _THREAD_PIXELS:
        with ThreadPoolExecutor(num_threads) as pool:
            list(pool.map(fill, range(num_tiles)))
    else:
        for index in range(num_tiles):
            fill(index)
    return torch.from_numpy(pixels).view(table.dtype)

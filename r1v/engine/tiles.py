"""Image tiles: where they stand in a prompt, and their features, kept under the hash of their pixels.

Always holds: the image tokens of a request and its tiles match one to one, or the request is refused; at most
``max_bytes`` of features are kept between steps.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, replace

import torch

from r1v.core import PromptError
from r1v.engine.request import EngineRequest


@dataclass(frozen=True, slots=True)
class TileSpan:
    """One image tile in a prompt: the position of its first token, the name of its pixels, its index."""

    start: int
    key: bytes
    index: int


@dataclass(frozen=True, slots=True)
class PlacedTiles:
    """Where the tiles of a prompt stand in it, in the order of their positions; checked, and shared by the
    completions of one request."""

    spans: tuple[TileSpan, ...] = ()
    tokens_per_tile: int = 0

    def within(self, start: int, end: int) -> list[TileSpan]:
        """Tiles with a token in [start, end)."""
        if not self.spans or start > self.spans[-1].start + self.tokens_per_tile:
            return []
        return [t for t in self.spans if t.start < end and t.start + self.tokens_per_tile > start]

    def identity(self, start: int, end: int) -> bytes:
        """Bytes that name the image content of [start, end), for the digest of a block."""
        return b"".join(
            tile.key + (start - tile.start).to_bytes(8, "little", signed=True)
            for tile in self.within(start, end)
        )


def place_tiles(request: EngineRequest, image_context: int, tokens_per_tile: int) -> PlacedTiles:
    """Check a request's ids against its tiles and name each tile by its content.

    Raises PromptError where image tokens and tiles do not match exactly.
    """
    places = [i for i, token_id in enumerate(request.token_ids) if token_id == image_context]
    pixels = request.pixel_values
    num_tiles = 0 if pixels is None else pixels.shape[0]
    if len(places) != num_tiles * tokens_per_tile:
        raise PromptError(
            f"the prompt has {len(places)} image tokens, but {num_tiles} tiles of {tokens_per_tile} tokens "
            "were given; build both with the same tiling"
        )
    if pixels is None:
        return PlacedTiles()
    starts = places[::tokens_per_tile]
    if any(end - start != tokens_per_tile - 1 for start, end in zip(starts, places[tokens_per_tile - 1 ::
            tokens_per_tile], strict=True)):  # fmt: skip
        raise PromptError("the image tokens of a tile are not in one piece; build the prompt with Processor")
    keys = _tile_keys(request, pixels)
    spans = tuple(
        TileSpan(start, key, index) for index, (start, key) in enumerate(zip(starts, keys, strict=True))
    )
    return PlacedTiles(spans, tokens_per_tile)


def staged(request: EngineRequest, dtype: torch.dtype, device: torch.device) -> EngineRequest:
    """A request as `Engine.stage` leaves it."""
    pixels, counts = request.pixel_values, request.tiles_per_image
    if pixels is None:
        return request
    hashes = request.image_hashes
    if not hashes and counts and sum(counts) == pixels.shape[0]:
        hashes = tuple(
            hashlib.blake2b(image.contiguous().view(torch.uint8).cpu().numpy(), digest_size=16).digest()
            for image in pixels.split(counts)
        )
    if device.type == "cuda" and pixels.device.type == "cpu" and pixels.is_floating_point():
        pixels = pixels.to(dtype).pin_memory()
    return replace(request, pixel_values=pixels, image_hashes=hashes)


def _tile_keys(request: EngineRequest, pixels: torch.Tensor) -> list[bytes]:
    """A name of 16 bytes for each tile, made from its image's hash and its place in the image, or from its
    pixels."""
    if not request.image_hashes:
        return [
            hashlib.blake2b(tile.contiguous().view(torch.uint8).numpy(), digest_size=16).digest()
            for tile in pixels.cpu()
        ]
    counts = request.tiles_per_image
    if len(counts) != len(request.image_hashes) or sum(counts) != pixels.shape[0]:
        raise PromptError(
            f"{len(request.image_hashes)} image hashes and {sum(counts)} tiles in tiles_per_image do not fit "
            f"{pixels.shape[0]} tiles"
        )
    keys = []
    for name, count in zip(request.image_hashes, counts, strict=True):
        encoded = name if isinstance(name, bytes) else name.encode()
        keys += [hashlib.blake2b(encoded + b"#%d" % index, digest_size=16).digest() for index in range(count)]
    return keys


class TileCache:
    """Features (tokens_per_tile, D) of tiles by key, the least recently used dropped first."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.num_bytes = 0
        self._features: OrderedDict[bytes, torch.Tensor] = OrderedDict()

    def __contains__(self, key: bytes) -> bool:
        return key in self._features

    def __len__(self) -> int:
        return len(self._features)

    def get(self, key: bytes) -> torch.Tensor:
        """The features of a tile that is here."""
        self._features.move_to_end(key)
        return self._features[key]

    def put(self, key: bytes, features: torch.Tensor) -> None:
        """Keep a tile's features."""
        if key not in self._features:
            self.num_bytes += features.nbytes
        self._features[key] = features
        self._features.move_to_end(key)

    def trim(self, max_bytes: int | None = None) -> None:
        """Drop the oldest until the rest fits. max_bytes: for now; None is the cache's own limit."""
        while self.num_bytes > (self.max_bytes if max_bytes is None else max_bytes):
            _, features = self._features.popitem(last=False)
            self.num_bytes -= features.nbytes

    def clear(self) -> None:
        """Drop all."""
        self._features.clear()
        self.num_bytes = 0

"""Image files in, upright 8-bit RGB pictures out.

Enters: an ImageRef (path, encoded bytes, ``data:`` URL or PIL image). Leaves: a PIL image in mode RGB, turned
as its EXIF orientation says, with transparency laid over white. Always holds: only the formats named here are
ever decoded, the number of pixels is checked from the header before any pixel is, and whatever is wrong with
a file becomes one ImageError.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
import re
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO
from urllib.parse import unquote_to_bytes

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)
from PIL.ImageFile import ImageFile

from r1v.core import ConfigError, ImageError, ImageRef

# Naming the plugins registers them, so that PIL need not load all of its own at the first file. MPO (the form
# in which cameras write several JPEGs) is opened by the JPEG plugin.
_PLUGINS: tuple[type[ImageFile], ...] = (
    PngImagePlugin.PngImageFile,
    JpegImagePlugin.JpegImageFile,
    WebPImagePlugin.WebPImageFile,
    GifImagePlugin.GifImageFile,
    BmpImagePlugin.BmpImageFile,
    TiffImagePlugin.TiffImageFile,
)
FORMATS = tuple(plugin.format for plugin in _PLUGINS if plugin.format)

# What PIL's decoders are known to raise on damaged files, beside OSError.
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    SyntaxError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    AssertionError,
    BufferError,
    MemoryError,
    Image.DecompressionBombError,
    struct.error,
    zlib.error,
)

_ORIENTATION = 0x0112  # the EXIF tag; values 5 to 8 swap width and height
_DATA_URL = re.compile(r"data:([^,]*?)(;base64)?,", re.IGNORECASE)


class _Quiet:
    """While any thread is inside, PIL's warnings (about large, truncated or oddly tagged files) are not
    printed, because our own error says it in one line. The warning filters belong to all threads, so only the
    first to enter and the last to leave change them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.__exit__(None, None, None)


_quiet = _Quiet()


# Of tiles or strips, each of which PIL decodes by itself; and of passes over a progressive JPEG, for which
# libjpeg-turbo advises 100, with room for previews inside.
MAX_PARTS, MAX_SCANS = 65_536, 200


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What one image may cost.

    max_pixels: width times height, from the header (PIL itself refuses more than 178,956,970).
    max_bytes: of the encoded file. max_side: width and height, each; rows cost time of their own, however
    short they are.
    """

    max_pixels: int = 80_000_000
    max_bytes: int = 64 * 1024 * 1024
    max_side: int = 32_768

    def __post_init__(self) -> None:
        for name in ("max_pixels", "max_bytes", "max_side"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} is {value!r}; it must be a whole number of at least 1")


def open_image(ref: ImageRef, limits: ImageLimits | None = None) -> Image.Image:
    """The picture of ``ref``: mode RGB, upright, transparency over white, the first frame of several.

    16-bit channels keep their high byte. Raises ImageError (one line: what, limit, remedy) where the source
    is missing, not an image, damaged, or over a limit.
    """
    limits = limits or ImageLimits()
    with _quiet, _opened(ref, limits) as image:
        try:
            image.load()
            upright = ImageOps.exif_transpose(image)
            return _to_rgb(upright)
        except _DAMAGE as error:
            raise ImageError(
                f"image {ref} cannot be decoded ({_reason(error)}); save it again or give another"
            ) from error


def image_size(ref: ImageRef, limits: ImageLimits | None = None) -> tuple[int, int]:
    """(width, height) in pixels that open_image would give, read from the header alone. Raises ImageError."""
    with _quiet, _opened(ref, limits or ImageLimits()) as image:
        width, height = image.size
        try:
            # PIL turns a TIFF while it opens it; the others keep the tag for exif_transpose
            turned = image.format != "TIFF" and image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
        except _DAMAGE as error:
            raise ImageError(
                f"image {ref} has damaged EXIF data ({_reason(error)}); save it again without it"
            ) from error
    return (height, width) if turned else (width, height)


@contextmanager
def _opened(ref: ImageRef, limits: ImageLimits) -> Iterator[Image.Image]:
    """The image of ``ref`` with its header read and its size checked, but not decoded."""
    source = ref.source
    if isinstance(source, Image.Image):
        _check_pixels(ref, source.size, limits)
        yield source
        return
    with _stream(ref, limits) as stream:
        try:
            image = Image.open(stream, formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise ImageError(
                f"image {ref} has far more pixels than the limit of {limits.max_pixels}: scale it down"
            ) from error
        except UnidentifiedImageError as error:
            raise ImageError(
                f"{ref} is not an image that can be read; give one of {', '.join(FORMATS)}"
            ) from error
        except _DAMAGE as error:
            raise ImageError(f"image {ref} has a damaged header ({_reason(error)}); save it again") from error
        with image:
            _check_pixels(ref, image.size, limits)
            _check_parts(ref, image, stream)
            yield image


def _stream(ref: ImageRef, limits: ImageLimits) -> IO[bytes]:
    """The encoded bytes of ``ref`` as a file object, within the limit."""
    source = ref.source
    if isinstance(source, str) and source[:5].lower() == "data:":
        source = _decode_data_url(source, limits)
    if isinstance(source, bytes | bytearray | memoryview):
        _check_bytes(ref, len(source), limits)
        return io.BytesIO(source)
    if not isinstance(source, str | os.PathLike):
        raise ImageError(
            f"an image cannot come from a {type(source).__name__}; give a path, bytes, data: URL or PIL image"
        )
    path = os.fspath(source)
    if isinstance(path, str) and re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://", path):
        raise ImageError(
            f"image {ref} is a remote address, which is not fetched here; download it and give the file"
        )
    try:
        # opened before it is checked, so that the checked file is the one read; a pipe must not block this
        stream: IO[bytes] = open(path, "rb", opener=_open_at_once)  # noqa: SIM115 - the caller closes it
    except FileNotFoundError as error:
        raise ImageError(f"image {ref} does not exist; check the path") from error
    except IsADirectoryError as error:
        raise ImageError(f"image {ref} is a folder; give the path of an image file") from error
    except (OSError, ValueError) as error:
        raise ImageError(
            f"image {ref} cannot be opened ({_reason(error)}); check the path and its permissions"
        ) from error
    try:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"image {ref} is not a regular file; give the path of an image file")
        _check_bytes(ref, status.st_size, limits)
    except ImageError:
        stream.close()
        raise
    return stream


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _decode_data_url(url: str, limits: ImageLimits) -> bytes:
    """The bytes of a ``data:`` URL (RFC 2397), base64 or percent-encoded."""
    match = _DATA_URL.match(url)
    if match is None:
        raise ImageError("a data: URL without a comma holds no image; write data:image/png;base64,...")
    body = url[match.end() :]
    # What it holds at least, by counting alone: decoding takes long, and keeps other threads from running.
    is_base64 = match.group(2) is not None
    least = len(body) - 2 * body.count("%")  # an escape is three characters for one byte
    if is_base64:
        least -= body.count("%") + sum(map(body.count, " \t\r\n\f\v")) + 4
        least = least * 3 // 4
    if least > limits.max_bytes or len(body) > 4 * limits.max_bytes + 1024:
        raise ImageError(
            f"an image in a data: URL of {len(body)} characters has more than {limits.max_bytes} bytes, the "
            "limit: scale it down"
        )
    raw = unquote_to_bytes(body)
    if not is_base64:
        return raw
    raw = raw.translate(bytes.maketrans(b"-_", b"+/"), b" \t\r\n\f\v")
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError(
            f"a data: URL does not hold valid base64 ({_reason(error)}); encode the image again"
        ) from error


def _check_bytes(ref: ImageRef, num_bytes: int, limits: ImageLimits) -> None:
    if num_bytes == 0:
        raise ImageError(f"image {ref} is empty; give an image file")
    if num_bytes > limits.max_bytes:
        raise ImageError(f"image {ref} has {num_bytes} bytes; the limit is {limits.max_bytes}: scale it down")


def _check_pixels(ref: ImageRef, size: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"image {ref} is {width}x{height} pixels; it needs at least one")
    if max(width, height) > limits.max_side:
        raise ImageError(
            f"image {ref} is {width}x{height} pixels; the limit is {limits.max_side} a side: cut or scale it"
        )
    if width * height > limits.max_pixels:
        raise ImageError(
            f"image {ref} is {width}x{height}, {width * height} pixels; "
            f"the limit is {limits.max_pixels}: scale it down"
        )


def _check_parts(ref: ImageRef, image: Image.Image, stream: IO[bytes]) -> None:
    """Refuse an image with so many tiles, strips or passes that decoding takes far longer than its size
    suggests."""
    num_parts = len(getattr(image, "tile", ()))
    if num_parts > MAX_PARTS:
        raise ImageError(f"image {ref} is in {num_parts} parts; the limit is {MAX_PARTS}: save it again")
    if image.format == "JPEG":
        place = stream.tell()
        stream.seek(0)
        num_scans = stream.read().count(b"\xff\xda")  # 0xFF is followed by 0 inside of a scan's data
        stream.seek(place)
        if num_scans > MAX_SCANS:
            raise ImageError(f"image {ref} has {num_scans} passes; the limit is {MAX_SCANS}: save it again")


def _to_rgb(image: Image.Image) -> Image.Image:
    """Mode RGB from any mode: deep greys scaled, transparency over white. ValueError: a pixel has a
    colour that the palette lacks."""
    if image.mode == "P" and (palette := image.getpalette()) is not None:
        highest = image.getextrema()[1]
        if isinstance(highest, int | float) and highest * 3 >= len(palette):
            raise ValueError(f"a pixel has colour {highest:.0f} of a palette of {len(palette) // 3}")
    mode = image.mode
    if mode == "RGB" and "transparency" not in image.info:
        return image if type(image) is Image.Image else image.copy()
    if mode.startswith("I") or mode == "F":
        return Image.fromarray(_grey_to_bytes(image)).convert("RGB")
    if mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        if mode in ("La", "RGBa"):  # premultiplied
            image = image.convert({"La": "LA", "RGBa": "RGBA"}[mode])
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _grey_to_bytes(image: Image.Image) -> np.ndarray:
    """(height, width) uint8 of a deep grey image: 16-bit integers keep the high byte (as PIL does for 16-bit
    colour), 32-bit ones are clipped to 16 bits first; real numbers are in [0, 1], or in [0, 255] where one is
    more than 1."""
    values = np.asarray(image)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0.0, posinf=255.0, neginf=0.0)
        scale = 255.0 if float(values.max(initial=0.0)) <= 1.0 else 1.0
        return np.rint(np.clip(values * scale, 0.0, 255.0)).astype(np.uint8)
    grey: np.ndarray = (np.clip(values, 0, 0xFFFF) >> 8).astype(np.uint8)
    return grey


def _reason(error: BaseException) -> str:
    """The first line of what a library said, short enough for ours."""
    text = str(error).strip().splitlines()
    return text[0][:160] if text else type(error).__name__

"""Pictures that are small to send and dear to decode."""

import io
import struct
import time
import zlib

import pytest
from PIL import Image

from r1v.core import ImageError, ImageRef
from r1v.prompt.images import MAX_SCANS, ImageLimits, open_image


def png(width: int, height: int) -> bytes:
    """A white PNG of one bit a pixel; compressed, its rows are next to nothing."""
    packer, row = zlib.compressobj(9), b"\0" + b"\xff" * ((width + 7) // 8)
    pixels = b"".join([packer.compress(row * min(1000, height)) for _ in range(max(1, height // 1000))])
    pixels += packer.flush()

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(1, 40_000_000), (40_000_000, 1), (1, 32_769), (32_769, 100)])
def test_long_sides_are_refused_before_anything_is_decoded(width: int, height: int) -> None:
    data = png(width, height) if height < 1_000_000 else png(width, 1000)[:16] + struct.pack(
        ">II", width, height) + b"\1\0\0\0\0" + struct.pack(">I", zlib.crc32(
            b"IHDR" + struct.pack(">II", width, height) + b"\1\0\0\0\0")) + png(width, 1000)[33:]  # fmt: skip
    start = time.process_time()
    with pytest.raises(ImageError, match="32768 a side"):
        open_image(ImageRef(data))
    assert time.process_time() - start < 1


def test_sides_within_the_limit_are_read() -> None:
    assert open_image(ImageRef(png(1, 32_000))).size == (1, 32_000)
    with pytest.raises(ImageError, match="100 a side"):
        open_image(ImageRef(png(8, 101)), ImageLimits(max_side=100))


def test_passes_of_a_jpeg_are_bounded() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "JPEG", progressive=True)
    good = buffer.getvalue()
    assert open_image(ImageRef(good)).size == (64, 64)
    at = good.rindex(b"\xff\xda")
    scan = good[at:-2]
    with pytest.raises(ImageError, match="passes"):
        open_image(ImageRef(good[:at] + scan * (MAX_SCANS + 1) + good[-2:]))


def test_strips_of_a_tiff_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    Image.new("L", (10, 2000)).save(buffer, "TIFF", tiffinfo={278: 1})  # one row a strip
    assert open_image(ImageRef(buffer.getvalue())).size == (10, 2000)
    monkeypatch.setattr("r1v.prompt.images.MAX_PARTS", 100)
    with pytest.raises(ImageError, match="parts"):
        open_image(ImageRef(buffer.getvalue()))

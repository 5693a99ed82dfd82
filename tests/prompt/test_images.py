"""Opening images: formats and modes, orientation, limits, and one clear line for everything that is wrong."""

from __future__ import annotations

import base64
import io
import os
import random
import struct
import warnings
import zlib
from pathlib import Path
from urllib.parse import quote_from_bytes

import numpy as np
import pytest
from PIL import Image

from r1v.core import ConfigError, ImageError, ImageRef
from r1v.prompt import ImageLimits, image_size, images, open_image

SIZE = (24, 16)


def picture(size: tuple[int, int] = SIZE) -> Image.Image:
    """A gradient with a red corner, so that a turn shows."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    pixels = np.stack([x * 7 % 256, y * 11 % 256, (x + y) * 5 % 256], axis=-1).astype(np.uint8)
    pixels[: size[1] // 4, : size[0] // 4] = (255, 0, 0)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def opened(source: object) -> np.ndarray:
    ref = ImageRef(source)
    image = open_image(ref)
    assert image.mode == "RGB"
    assert image_size(ref) == image.size
    return np.asarray(image)


LOSSLESS = [
    ("PNG", {}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("WEBP", {"lossless": True}),
]


@pytest.mark.parametrize(("form", "options"), LOSSLESS)
def test_lossless_formats_give_the_same_pixels(form: str, options: dict[str, object]) -> None:
    assert np.array_equal(opened(encoded(picture(), form, **options)), np.asarray(picture()))


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "GIF", "MPO"])
def test_other_formats_give_nearly_the_same_pixels(form: str) -> None:
    smooth = picture().resize((96, 64), Image.Resampling.BICUBIC)
    difference = np.abs(opened(encoded(smooth, form)).astype(int) - np.asarray(smooth)).mean()
    assert difference < 12


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "PNG", "MPO"])
def test_the_first_frame_of_several(form: str) -> None:
    frames = [Image.new("RGB", SIZE, colour) for colour in ("red", "blue")]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:])
    assert opened(data)[5, 5, 0] > 240 and opened(data)[5, 5, 2] < 15


def test_every_kind_of_source(tmp_path: Path) -> None:
    data = encoded(picture(), "PNG")
    path = tmp_path / "bild mit ü.png"
    path.write_bytes(data)
    expected = np.asarray(picture())
    base = base64.b64encode(data).decode()
    sources: list[object] = [
        str(path),
        path,
        os.fsencode(path) and data,
        bytearray(data),
        picture(),
        Image.open(io.BytesIO(data)),
        f"data:image/png;base64,{base}",
        f"DATA:image/png;name=x.png;base64,{base}",
        f"data:;base64,{base.rstrip('=')}",
        f"data:image/png;base64,{base[:40]}\n{base[40:]}",
        f"data:image/png;base64,{base.replace('+', '-').replace('/', '_')}",
        "data:image/png," + quote_from_bytes(data),
    ]
    for source in sources:
        assert np.array_equal(opened(source), expected)


# ---------------------------------------------------------------------------------------------------- modes


def test_alpha_is_laid_over_white() -> None:
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[:, 1, 3], pixels[:, 2, 3] = 128, 255
    rgb = opened(encoded(Image.fromarray(pixels, "RGBA"), "PNG"))
    assert rgb[0, 0].tolist() == [255, 255, 255]
    assert rgb[0, 2].tolist() == [200, 0, 0]
    assert np.abs(rgb[0, 1].astype(int) - [227, 127, 127]).max() <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "La", "RGBa"])
def test_each_mode_with_alpha(mode: str) -> None:
    if mode == "PA":
        image = Image.new("PA", (4, 4))  # all transparent, with an empty palette
        image.putpalette([9, 9, 9])
    else:
        image = Image.new("LA" if mode[0] == "L" else "RGBA", (4, 4)).convert(mode)
    assert (opened(image) == 255).all()


def test_a_palette_with_a_transparent_entry() -> None:
    image = Image.new("P", (4, 2))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), 1)
    assert opened(encoded(image, "PNG"))[0, 0].tolist() == [0, 0, 255]
    for form in ("PNG", "GIF"):
        rgb = opened(encoded(image, form, transparency=1))
        assert rgb[0, 0].tolist() == [255, 255, 255] and rgb[1, 1].tolist() == [255, 0, 0]


def test_a_grey_or_colour_key() -> None:
    grey = Image.new("L", (2, 2), 7)
    assert (opened(encoded(grey, "PNG", transparency=7)) == 255).all()
    colour = Image.new("RGB", (2, 2), (1, 2, 3))
    assert (opened(encoded(colour, "PNG", transparency=(1, 2, 3))) == 255).all()


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes) -> bytes:
    """A PNG written by hand, for what PIL does not write."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_sixteen_bits_keep_the_high_byte() -> None:
    grey = png(3, 1, 16, 0, b"\0" + struct.pack(">3H", 0, 0x80FF, 0xFFFF))
    assert opened(grey)[0, :, 0].tolist() == [0, 0x80, 0xFF]
    colour = png(1, 1, 16, 2, b"\0" + struct.pack(">3H", 0x1234, 0x80FF, 0xFFFF))
    assert opened(colour)[0, 0].tolist() == [0x12, 0x80, 0xFF]
    alpha = png(1, 1, 16, 4, b"\0" + struct.pack(">2H", 0x1234, 0))
    assert opened(alpha)[0, 0].tolist() == [255, 255, 255]
    values = np.array([[0, 0x80FF, 0xFFFF]], np.uint16)
    assert opened(encoded(Image.fromarray(values), "TIFF"))[0, :, 1].tolist() == [0, 0x80, 0xFF]
    wide = Image.fromarray(np.array([[-5, 0x80FF, 2**30]], np.int32))
    assert opened(encoded(wide, "TIFF"))[0, :, 1].tolist() == [0, 0x80, 0xFF]


def test_real_numbers_and_single_bits() -> None:
    unit = Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32))
    assert opened(encoded(unit, "TIFF"))[0, :, 0].tolist() == [0, 128, 255]
    bytes_like = Image.fromarray(np.array([[0.0, 128.2, 300.0, np.nan]], np.float32))
    assert opened(encoded(bytes_like, "TIFF"))[0, :, 0].tolist() == [0, 128, 255, 0]
    assert opened(encoded(Image.new("1", (2, 2), 1), "PNG"))[0, 0].tolist() == [255, 255, 255]


def test_cmyk() -> None:
    cyan = Image.new("CMYK", SIZE, (255, 0, 0, 0))
    assert opened(encoded(cyan, "TIFF"))[3, 3].tolist() == [0, 255, 255]
    assert np.abs(opened(encoded(cyan, "JPEG", quality=95))[3, 3].astype(int) - [0, 255, 255]).max() < 6


# ---------------------------------------------------------------------------------------------- orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation(form: str, orientation: int) -> None:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    upright = picture((96, 64)).transpose(turns[orientation]) if orientation > 1 else picture((96, 64))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, object] = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}.get(form, {})
    rgb = opened(encoded(picture((96, 64)), form, exif=exif, **options))
    assert rgb.shape == np.asarray(upright).shape
    assert np.abs(rgb.astype(int) - np.asarray(upright)).mean() < 12


# --------------------------------------------------------------------------------------------- what is wrong


def complaint(source: object, limits: ImageLimits | None = None) -> str:
    """The one line of an ImageError that opening must raise, and asking for the size may."""
    with pytest.raises(ImageError) as caught:
        open_image(ImageRef(source), limits)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 500
    return message


def test_paths_that_are_no_images(tmp_path: Path) -> None:
    assert "does not exist" in complaint(tmp_path / "missing.png")
    assert "is a folder" in complaint(tmp_path)
    (tmp_path / "empty.png").touch()
    assert "is empty" in complaint(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("no picture at all")
    assert "is not an image" in complaint(tmp_path / "text.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert "not a regular file" in complaint(tmp_path / "pipe.png")
    assert "not a regular file" in complaint("/dev/zero")
    assert "remote address" in complaint("https://example.org/a.png")
    assert "cannot be opened" in complaint("a\0b.png")
    assert "cannot be opened" in complaint("x" * 5000)
    if os.geteuid() != 0:
        (tmp_path / "text.png").chmod(0)
        assert "cannot be opened" in complaint(tmp_path / "text.png")


@pytest.mark.parametrize("source", [None, 3, 1.5, ["a.png"], {"url": "a.png"}, object()])
def test_sources_of_no_known_kind(source: object) -> None:
    assert "cannot come from" in complaint(source)


def test_data_urls_that_hold_no_image() -> None:
    assert "without a comma" in complaint("data:image/png;base64")
    assert "valid base64" in complaint("data:image/png;base64,@@@@")
    assert "is empty" in complaint("data:image/png;base64,")
    assert "is not an image" in complaint("data:text/plain,hello")
    assert "is not an image" in complaint("data:image/svg+xml,<svg/>")
    assert "limit" in complaint("data:image/png;base64," + "A" * 10_000, ImageLimits(max_bytes=1000))


def test_data_urls_are_refused_by_their_length_before_they_are_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However they are written; at the limit they are decoded."""
    limits = ImageLimits(max_bytes=3000)
    data = b"\x00\xff%" * 1000
    base = base64.b64encode(data + b"abcdefghijkl").decode()
    decoded: list[str] = []
    monkeypatch.setattr(images, "unquote_to_bytes", decoded.append)
    lines = "\n".join(base[i : i + 40] for i in range(0, len(base), 40))
    for url in (f"data:image/png;base64,{base}", f"data:image/png;base64,{lines}",
                f"data:image/png;base64,{base[:40]}%0A{base[40:]}", "data:image/png," + "a" * 3001,
                "data:image/png," + quote_from_bytes(data + b"a")):  # fmt: skip
        assert "has more than 3000 bytes, the limit" in complaint(url, limits)
    assert not decoded
    monkeypatch.undo()
    base = base64.b64encode(data).decode()
    for url in (f"data:image/png;base64,{base}", "data:image/png," + quote_from_bytes(data)):
        assert "is not an image" in complaint(url, limits)


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("form", ["PNG", "BMP"])
def test_a_colour_that_the_palette_lacks_is_damage(form: str, transparent: bool) -> None:
    """With transparency and without it; the last colour of a palette is none."""
    if form == "BMP" and transparent:
        pytest.skip("a BMP has none")
    for highest, is_damaged in ((3, False), (4, True)):
        picture = Image.new("P", (8, 8), highest)
        picture.putpalette([200, 100, 50] * 256)
        stream = io.BytesIO()
        picture.save(stream, form, bits=8, **({"transparency": 1} if transparent else {}))
        raw = stream.getvalue()
        if form == "PNG":
            start = raw.index(b"PLTE") - 4
            length = int.from_bytes(raw[start : start + 4], "big")
            body = b"PLTE" + raw[start + 8 : start + 8 + 12]
            cut = (12).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
            raw = raw[:start] + cut + raw[start + 12 + length :]
        else:
            raw = bytearray(raw)
            raw[46:50] = (4).to_bytes(4, "little")  # colours of the palette
            raw = bytes(raw[: 54 + 16]) + bytes(raw[54 + 1024 :])
            raw = raw[:10] + (54 + 16).to_bytes(4, "little") + raw[14:]
        if is_damaged:
            assert "a pixel has colour 4 of a palette of 4" in complaint(raw)
        else:
            assert open_image(ImageRef(raw)).getpixel((0, 0)) == (200, 100, 50)


def test_formats_outside_the_list_are_not_decoded() -> None:
    for form in ("PPM", "TGA", "ICO", "PCX"):
        assert "is not an image" in complaint(encoded(picture(), form))
    assert "is not an image" in complaint(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")


def test_limits_are_checked_before_decoding() -> None:
    data = encoded(picture((40, 30)), "PNG")
    assert open_image(ImageRef(data), ImageLimits(max_pixels=1200)).size == (40, 30)
    assert "1200 pixels; the limit is 1199" in complaint(data, ImageLimits(max_pixels=1199))
    assert "bytes; the limit is 50" in complaint(data, ImageLimits(max_bytes=50))
    assert "the limit is 1199" in complaint(picture((40, 30)), ImageLimits(max_pixels=1199))
    with pytest.raises(ImageError):
        image_size(ImageRef(data), ImageLimits(max_pixels=1199))


@pytest.mark.parametrize("side", [9_500, 60_000])
def test_a_decompression_bomb(side: int) -> None:
    """A header that promises gigabytes: refused from the header, in one line and without a warning."""
    rows = zlib.compress(b"\0" * 4096, 9)
    bomb = png(side, side, 8, 2, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "scale it down" in complaint(bomb)


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, None])
def test_limits_must_be_numbers(bad: object) -> None:
    with pytest.raises(ConfigError):
        ImageLimits(max_pixels=bad)  # type: ignore[arg-type]


FILES = {
    "PNG": encoded(picture(), "PNG"),
    "JPEG": encoded(picture(), "JPEG", exif=Image.Exif()),
    "GIF": encoded(picture(), "GIF"),
    "BMP": encoded(picture(), "BMP"),
    "TIFF": encoded(picture(), "TIFF", compression="tiff_lzw"),
    "WEBP": encoded(picture(), "WEBP"),
    "MPO": encoded(picture(), "MPO", save_all=True, append_images=[picture()]),
}


@pytest.mark.parametrize("form", FILES)
def test_truncated_files_never_give_a_traceback(form: str) -> None:
    data = FILES[form]
    for length in {1, 4, 12, 30, len(data) // 4, len(data) // 2}:
        if form == "MPO" and length == len(data) // 2:
            continue  # the first of its two pictures may be whole
        complaint(data[:length])


@pytest.mark.parametrize("form", FILES)
def test_fuzzed_files_give_a_picture_or_one_line(form: str) -> None:
    rng = random.Random(form)
    limits = ImageLimits(max_pixels=1_000_000)
    for _ in range(150):
        data = bytearray(FILES[form])
        for _ in range(rng.randint(1, 8)):
            # mostly the header, where the structure is
            place = rng.randrange(min(len(data), 64)) if rng.random() < 0.7 else rng.randrange(len(data))
            data[place] = rng.randrange(256)
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
        ref = ImageRef(bytes(data))
        for attempt in (open_image, image_size):
            try:
                attempt(ref, limits)
            except ImageError as error:
                assert "\n" not in str(error)


def test_noise_is_no_image() -> None:
    rng = random.Random(0)
    for _ in range(200):
        complaint(rng.randbytes(rng.randint(1, 300)))

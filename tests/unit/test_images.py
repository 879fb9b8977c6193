from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.EpsImagePlugin
import PIL.Image
import PIL.ImageOps
import pytest

from core import images
from core.errors import ImageError
from core.images import Image, decode_image, read_image

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "images"
ORIENTATION = 0x0112


def noise(height: int = 48, width: int = 64, channels: int = 3) -> np.ndarray:
    """Smooth colour with some grain: nothing in it is symmetric."""
    random = np.random.default_rng(1)
    coarse = random.integers(0, 256, (6, 8, channels), np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    grain = random.integers(-8, 9, smooth.shape)
    return np.clip(smooth.astype(np.int64) + grain, 0, 255).astype(np.uint8)


PICTURE = PIL.Image.fromarray(noise())


def encoded(picture: PIL.Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def by_pillow(data: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB"))


def read(folder: Path, data: bytes, name: str = "picture") -> Image:
    path = folder / name
    path.write_bytes(data)
    image = read_image(path)
    assert image.pixels.dtype == np.uint8
    assert image.pixels.ndim == 3
    assert image.pixels.shape[2] == 3
    assert image.pixels.flags.c_contiguous
    assert image.size_wh == (image.pixels.shape[1], image.pixels.shape[0])
    return image


def refusal(path: Path | str) -> ImageError:
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert caught.value.message
    assert caught.value.hint
    return caught.value


PLAIN: dict[str, bytes] = {
    "JPEG": encoded(PICTURE, "JPEG", quality=90),
    "JPEG without chroma subsampling": encoded(PICTURE, "JPEG", quality=95, subsampling=0),
    "progressive JPEG": encoded(PICTURE, "JPEG", progressive=True),
    "grey JPEG": encoded(PICTURE.convert("L"), "JPEG"),
    "JPEG with zeros after its end": encoded(PICTURE, "JPEG") + bytes(100),
    "JPEG with many zeros after its end": encoded(PICTURE, "JPEG") + bytes(10_000),
    "JPEG with a maker's trailer": encoded(PICTURE, "JPEG") + b"SEFT" * 20,
    "PNG": encoded(PICTURE, "PNG"),
    "grey PNG": encoded(PICTURE.convert("L"), "PNG"),
    "black and white PNG": encoded(PICTURE.convert("1"), "PNG"),
    "palette PNG": encoded(PICTURE.quantize(16), "PNG"),
    "opaque RGBA PNG": encoded(PICTURE.convert("RGBA"), "PNG"),
    "BMP": encoded(PICTURE, "BMP"),
    "WebP": encoded(PICTURE, "WEBP", lossless=True),
    "GIF": encoded(PICTURE, "GIF"),
    "TIFF": encoded(PICTURE, "TIFF"),
    "LZW TIFF": encoded(PICTURE, "TIFF", compression="tiff_lzw"),
    "PPM": encoded(PICTURE, "PPM"),
    "JPEG 2000": encoded(PICTURE, "JPEG2000"),
}


@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN.keys())
def test_plain_pictures_are_exactly_pillows_and_need_no_note(tmp_path: Path, data: bytes) -> None:
    image = read(tmp_path, data)
    np.testing.assert_array_equal(image.pixels, by_pillow(data))
    assert image.notes == ()
    assert image.size_wh == (64, 48)


@pytest.mark.parametrize("name", PLAIN)
def test_whole_8_bit_jpegs_and_pngs_take_the_fast_decoder(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = {
        "JPEG",
        "JPEG without chroma subsampling",
        "progressive JPEG",
        "grey JPEG",
        "JPEG with zeros after its end",
        "PNG",
        "grey PNG",
    }
    taken: list[str] = []
    for road in ("_decode_opencv", "_decode_pillow"):
        real = getattr(images, road)

        def decode(*args: Any, real: Any = real, road: str = road) -> Any:
            taken.append(road)
            return real(*args)

        monkeypatch.setattr(images, road, decode)
    decode_image(PLAIN[name], name)
    assert taken == ["_decode_opencv" if name in fast else "_decode_pillow"]


@pytest.mark.parametrize("data", [encoded(PICTURE, "JPEG"), encoded(PICTURE, "PNG")])
def test_a_plain_picture_is_decoded_where_it_is_wanted(tmp_path: Path, data: bytes) -> None:
    memory = np.zeros((48, 64, 3), np.uint8)
    path = tmp_path / "picture"
    path.write_bytes(data)
    image = read_image(path, lambda shape: memory if shape == memory.shape else memory[:0])
    assert image.pixels is memory
    np.testing.assert_array_equal(memory, by_pillow(data))


def turned() -> bytes:
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = 6
    return encoded(PICTURE, "JPEG", exif=exif)


@pytest.mark.parametrize(
    "data",
    [turned(), encoded(PICTURE.convert("RGBA"), "PNG"), encoded(PICTURE, "TIFF")],
    ids=["turned", "with-alpha", "tiff"],
)
def test_what_cannot_be_decoded_there_is_read_as_ever(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "picture"
    path.write_bytes(data)

    def place(shape: tuple[int, int, int]) -> np.ndarray:
        raise AssertionError(shape)

    image = read_image(path, place)
    np.testing.assert_array_equal(image.pixels, read_image(path).pixels)


@pytest.mark.parametrize(
    "other",
    [
        encoded(PIL.Image.fromarray(noise(20, 30)), "PNG"),
        encoded(PIL.Image.fromarray(noise()[::-1]), "PNG"),
        encoded(PICTURE, "JPEG")[:-700],
    ],
    ids=["of-another-size", "of-the-same-size", "not-yet-whole"],
)
def test_a_file_that_changes_while_it_is_read_is_the_one_that_was_checked(
    tmp_path: Path, other: bytes
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(PICTURE, "PNG"))
    os.utime(path, (1, 1))

    def place(shape: tuple[int, int, int]) -> np.ndarray:
        path.write_bytes(other)
        return np.zeros(shape, np.uint8)

    np.testing.assert_array_equal(read_image(path, place).pixels, noise())


def test_a_file_that_goes_while_it_is_read_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(PICTURE, "PNG"))
    imread = cv2.imread

    def read_last(*arguments: Any, **more: Any) -> Any:
        pixels = imread(*arguments, **more)
        path.unlink()
        return pixels

    monkeypatch.setattr(cv2, "imread", read_last)
    found = read_image(path, lambda shape: np.zeros(shape, np.uint8)).pixels
    np.testing.assert_array_equal(found, noise())


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
@pytest.mark.parametrize("name", [b"\xff.png", "b\u00e4.png".encode(), b"a\xe4 -.png"])
def test_a_picture_is_decoded_where_it_is_wanted_whatever_its_name(
    tmp_path: Path, name: bytes
) -> None:
    path = tmp_path / os.fsdecode(name)
    try:
        path.write_bytes(encoded(PICTURE, "PNG"))
    except OSError:
        pytest.skip("this file system takes no such name")
    found = read_image(path, lambda shape: np.zeros(shape, np.uint8)).pixels
    np.testing.assert_array_equal(found, noise())


def test_a_name_that_opencv_would_take_for_anothers_is_not_given_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b\u00e4.png"
    path.write_bytes(encoded(PICTURE, "PNG"))
    names: list[str] = []
    monkeypatch.setattr(cv2, "imread", lambda name, **_more: names.append(name))
    # As with LANG=de_DE.ISO-8859-1: the name's bytes are not its UTF-8.
    monkeypatch.setattr(os, "fsencode", lambda name: os.fspath(name).encode("latin-1"))
    found = read_image(path, lambda shape: np.zeros(shape, np.uint8)).pixels
    np.testing.assert_array_equal(found, noise())
    assert names == []


def test_channels_are_red_green_blue(tmp_path: Path) -> None:
    for kind in ("PNG", "BMP", "TIFF", "WEBP"):
        flat = PIL.Image.new("RGB", (4, 3), (200, 100, 50))
        options = {"lossless": True} if kind == "WEBP" else {}
        image = read(tmp_path, encoded(flat, kind, **options))
        assert image.pixels.reshape(-1, 3).tolist() == [[200, 100, 50]] * 12, kind


def test_content_decides_whatever_the_suffix(tmp_path: Path) -> None:
    for name in ("picture.jpg", "picture.txt", "no suffix", "bild ä.png"):
        image = read(tmp_path, PLAIN["PNG"], name)
        np.testing.assert_array_equal(image.pixels, noise())


def over_white(rgba: np.ndarray) -> np.ndarray:
    colour, alpha = rgba[..., :3].astype(np.float64), rgba[..., 3:].astype(np.float64) / 255
    return colour * alpha + 255 * (1 - alpha)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_laid_over_white(tmp_path: Path, kind: str) -> None:
    rgba = noise(channels=4)
    rgba[:8, :, 3], rgba[8:16, :, 3] = 0, 255
    options: dict[str, Any] = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    image = read(tmp_path, encoded(PIL.Image.fromarray(rgba), kind, **options))
    np.testing.assert_allclose(image.pixels, over_white(rgba), atol=1.0)
    assert (image.pixels[:8] == 255).all()
    np.testing.assert_array_equal(image.pixels[8:16], rgba[8:16, :, :3])
    assert image.notes == ("transparency laid over white",)


def test_a_palettes_transparent_colour_is_laid_over_white(tmp_path: Path) -> None:
    indexes = np.zeros((4, 6), np.uint8)
    indexes[:, 2:4], indexes[:, 4:] = 1, 2
    picture = PIL.Image.fromarray(indexes, "L")
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    for kind, transparency in (("PNG", 1), ("GIF", 1), ("PNG", bytes([255, 0, 255]))):
        image = read(tmp_path, encoded(picture, kind, transparency=transparency))
        row = [[255, 0, 0]] * 2 + [[255, 255, 255]] * 2 + [[0, 0, 255]] * 2
        assert image.pixels.tolist() == [row] * 4, (kind, transparency)
        assert image.notes == ("transparency laid over white",)


def test_an_rgb_pngs_transparent_colour_is_laid_over_white(tmp_path: Path) -> None:
    pixels = np.full((3, 4, 3), 90, np.uint8)
    pixels[:, 2:] = (10, 20, 30)
    image = read(tmp_path, encoded(PIL.Image.fromarray(pixels), "PNG", transparency=(10, 20, 30)))
    assert image.pixels.tolist() == [[[90] * 3] * 2 + [[255] * 3] * 2] * 3
    assert image.notes == ("transparency laid over white",)


def png_of(samples: np.ndarray) -> bytes:
    done, buffer = cv2.imencode(".png", samples)
    assert done
    return buffer.tobytes()


def all_16_bit_values() -> np.ndarray:
    return np.arange(65536, dtype=np.uint16).reshape(256, 256)


def test_16_bit_grey_is_divided_by_257(tmp_path: Path) -> None:
    samples = all_16_bit_values()
    expected = np.rint(samples / 257).astype(np.uint8)
    tiff = encoded(PIL.Image.fromarray(samples), "TIFF")
    for data in (png_of(samples), tiff):
        image = read(tmp_path, data)
        np.testing.assert_array_equal(image.pixels, np.stack([expected] * 3, axis=2))
        assert image.notes == ("16 bit reduced to 8",)


def test_16_bit_rgb_is_divided_by_257_and_keeps_its_order(tmp_path: Path) -> None:
    values = all_16_bit_values()
    rgb = np.stack([values, values[::-1], values.T], axis=2)
    image = read(tmp_path, png_of(rgb[..., ::-1].copy()))  # OpenCV writes BGR
    np.testing.assert_array_equal(image.pixels, np.rint(rgb / 257).astype(np.uint8))
    assert image.notes == ("16 bit reduced to 8",)


def test_16_bit_rgba_is_laid_over_white(tmp_path: Path) -> None:
    rgba = np.random.default_rng(2).integers(0, 65536, (32, 32, 4)).astype(np.uint16)
    image = read(tmp_path, png_of(cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA)))
    colour, alpha = rgba[..., :3] / 65535, rgba[..., 3:] / 65535
    expected = np.rint((colour * alpha + 1 - alpha) * 255)
    np.testing.assert_allclose(image.pixels, expected, atol=1e-9)


def test_a_cmyk_jpeg_is_converted_as_pillow_does(tmp_path: Path) -> None:
    data = encoded(PICTURE.convert("CMYK"), "JPEG", quality=95)
    image = read(tmp_path, data)
    np.testing.assert_array_equal(image.pixels, by_pillow(data))
    assert np.abs(image.pixels.astype(int) - noise().astype(int)).mean() < 10  # not inverted
    assert image.notes == ("converted from CMYK",)


def test_float_tiffs_are_stretched_between_their_finite_extremes(tmp_path: Path) -> None:
    values = np.array([[-2.0, 0.0, 2.0], [np.nan, np.inf, -np.inf]], np.float32)
    image = read(tmp_path, encoded(PIL.Image.fromarray(values), "TIFF"))
    assert image.pixels[..., 0].tolist() == [[0, 128, 255], [0, 255, 0]]
    assert (image.pixels == image.pixels[..., :1]).all()
    assert image.notes == ("values -2 to 2 stretched to 0..255",)


@pytest.mark.parametrize(
    "values",
    [
        np.full((2, 3), 7.0, np.float32),
        np.full((2, 3), np.nan, np.float32),
        np.full((2, 3), 5, np.int32),
    ],
    ids=["constant", "all NaN", "constant integers"],
)
def test_numbers_without_a_range_are_black(tmp_path: Path, values: np.ndarray) -> None:
    image = read(tmp_path, encoded(PIL.Image.fromarray(values), "TIFF"))
    assert image.pixels.shape == (2, 3, 3)
    assert (image.pixels == 0).all()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("count", [2, 3])
def test_only_the_first_frame_of_an_animation_is_read(
    tmp_path: Path, kind: str, count: int
) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)][:count]
    frames = [PIL.Image.new("RGB", (16, 12), colour) for colour in colours]
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    image = read(
        tmp_path, encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    )
    assert (image.pixels == (255, 0, 0)).all()
    assert image.size_wh == (16, 12)
    assert image.notes == (f"first of {count} frames",)


def oriented(kind: str, orientation: int) -> bytes:
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = orientation
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    return encoded(PICTURE, kind, exif=exif, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG", "TIFF"])
def test_every_exif_orientation_is_brought_upright(
    tmp_path: Path, kind: str, orientation: int
) -> None:
    data = oriented(kind, orientation)
    upright = PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(data)))
    assert upright is not None
    image = read(tmp_path, data)
    np.testing.assert_array_equal(image.pixels, np.asarray(upright.convert("RGB")))
    assert image.size_wh == ((64, 48) if orientation < 5 else (48, 64))
    if kind != "TIFF":  # Pillow itself turns TIFFs, silently
        turned = "turned upright by its EXIF orientation"
        assert image.notes == (() if orientation == 1 else (turned,))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_upright(tmp_path: Path, orientation: int) -> None:
    image = read(tmp_path, oriented("PNG", orientation))
    np.testing.assert_array_equal(image.pixels, noise())
    assert image.notes == ()


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0garbage!!!!",
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        # One entry, the orientation, as the text "abc" where a number belongs.
        b"Exif\0\0II*\0" + struct.pack("<IHHHI4sI", 8, 1, ORIENTATION, 2, 4, b"abc\0", 0),
    ],
    ids=["garbage", "empty", "cut", "text for a number"],
)
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_damaged_exif_block_does_not_cost_the_picture(
    tmp_path: Path, kind: str, exif: bytes
) -> None:
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    image = read(tmp_path, encoded(PICTURE, kind, exif=exif, **options))
    np.testing.assert_array_equal(image.pixels, noise())


def jpeg_with_thumbnail() -> bytes:
    """An EXIF block may hold a whole JPEG, end marker and all."""
    thumbnail = encoded(PICTURE.resize((32, 24)), "JPEG")
    entries = struct.pack("<HHII", 0x0201, 4, 1, 44) + struct.pack(
        "<HHII", 0x0202, 4, 1, len(thumbnail)
    )
    tiff = b"II*\0" + struct.pack("<IHIH", 8, 0, 14, 2) + entries + bytes(4) + thumbnail
    exif = b"Exif\0\0" + tiff
    jpeg = encoded(PICTURE, "JPEG", quality=90)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


CUTTABLE: dict[str, bytes] = {
    "JPEG": PLAIN["JPEG"],
    "progressive JPEG": PLAIN["progressive JPEG"],
    "grey JPEG": PLAIN["grey JPEG"],
    "CMYK JPEG": encoded(PICTURE.convert("CMYK"), "JPEG"),
    "JPEG with a thumbnail": jpeg_with_thumbnail(),
    "PNG": PLAIN["PNG"],
    "RGBA PNG": PLAIN["opaque RGBA PNG"],
    "palette PNG": PLAIN["palette PNG"],
    "16-bit RGB PNG": png_of(noise().astype(np.uint16) * 257),
    "16-bit grey PNG": png_of(noise()[..., 0].astype(np.uint16) * 257),
    "GIF": PLAIN["GIF"],
    "TIFF": PLAIN["TIFF"],
    "LZW TIFF": PLAIN["LZW TIFF"],
    "WebP": PLAIN["WebP"],
    "BMP": PLAIN["BMP"],
}


@pytest.mark.parametrize("data", CUTTABLE.values(), ids=CUTTABLE.keys())
def test_a_cut_picture_is_refused_or_lacks_no_pixel(data: bytes) -> None:
    whole = decode_image(data, "picture").pixels
    near_the_end = range(len(data) - 30, len(data))
    cuts = {int(cut) for cut in np.linspace(0, len(data) - 30, 60)} | set(near_the_end)
    kinds: set[str] = set()
    for cut in sorted(cuts):
        try:
            image = decode_image(data[:cut], "picture")
        except ImageError as error:
            kinds.add(error.kind)
            continue
        assert cut in near_the_end, "only an end marker may be missed"
        np.testing.assert_array_equal(image.pixels, whole)
    assert kinds <= {"truncated-image", "damaged-image", "not-an-image"}


@pytest.mark.parametrize("name", ["JPEG", "progressive JPEG", "JPEG with a thumbnail", "PNG"])
@pytest.mark.parametrize("part", [0.7, 0.8, 0.9, 0.99])
def test_a_picture_cut_in_its_pixels_is_called_cut_off(
    tmp_path: Path, name: str, part: float
) -> None:
    data = CUTTABLE[name]
    path = tmp_path / "half.jpg"
    path.write_bytes(data[: int(len(data) * part)])
    error = refusal(path)
    assert error.kind == "truncated-image"
    assert "half.jpg is cut off" in error.message


def test_a_damaged_png_is_refused() -> None:
    data = PLAIN["PNG"]
    for at in range(60, len(data) - 20, 997):
        broken = bytearray(data)
        broken[at] ^= 0x55
        with pytest.raises(ImageError):
            decode_image(bytes(broken), "picture")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello", "not an image"),
        (bytes(1000), "not an image"),
        (b"\x89PNG\r\n\x1a\n", "not an image"),
        (b"\xff\xd8\xff", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"ftrt" + bytes(100), "not an image"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "thing.png"
    path.write_bytes(data)
    error = refusal(path)
    assert error.kind == "not-an-image"
    assert "thing.png" in error.message
    assert words in error.message
    assert "jpg, jpeg, png" in error.hint


def test_postscript_is_no_image_and_is_never_run(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr(PIL.EpsImagePlugin, "Ghostscript", lambda *args: started.append(args))
    with pytest.raises(ImageError) as caught:
        decode_image(encoded(PICTURE, "EPS"), "picture.eps")
    assert caught.value.kind == "not-an-image"
    assert started == []


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0"))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


def gif_header(width: int, height: int) -> bytes:
    screen = struct.pack("<6sHHBBB", b"GIF89a", width, height, 0x80, 0, 0) + bytes(6)
    frame = struct.pack("<BHHHHB", 0x2C, 0, 0, width, height, 0)
    return screen + frame + b"\x02\x02\x44\x01\x00\x3b"


def bmp_header(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54, 0, 0, 54) + info


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png_header(100_000, 100_000), "100000 x 100000"),
        (png_header(2**31 - 1, 2**31 - 1), "2147483647 x 2147483647"),
        (gif_header(65535, 65535), "65535 x 65535"),
        (bmp_header(60_000, 60_000), "60000 x 60000"),
    ],
)
def test_a_huge_claimed_size_is_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, size: str
) -> None:
    def decoded(*_: object) -> None:
        pytest.fail("nothing of it may be decoded")

    monkeypatch.setattr(images, "_decode", decoded)
    path = tmp_path / "bomb.gif"
    path.write_bytes(data)
    error = refusal(path)
    assert error.kind == "image-too-large"
    assert size in error.message
    assert "bomb.gif" in error.message
    assert "200 million is the limit" in error.message


def test_the_size_limit_itself_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 64 * 48)
    assert decode_image(PLAIN["PNG"], "picture").size_wh == (64, 48)
    monkeypatch.setattr(images, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(ImageError, match="64 x 48"):
        decode_image(PLAIN["PNG"], "picture")


def test_a_file_too_large_for_any_picture_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_whole(*_: object) -> bytes:
        pytest.fail("it may not be read")

    path = tmp_path / "film.mp4"
    path.write_bytes(PLAIN["PNG"])
    monkeypatch.setattr(images, "MAX_BYTES", len(PLAIN["PNG"]))
    assert read_image(path).size_wh == (64, 48)
    monkeypatch.setattr(images, "MAX_BYTES", len(PLAIN["PNG"]) - 1)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", read_whole)
        error = refusal(path)
    assert error.kind == "image-too-large"
    assert "film.mp4" in error.message


def test_places_without_a_readable_file_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).kind == "folder"
    assert refusal(tmp_path / "none.png").kind == "not-found"
    assert refusal(str(tmp_path / "none.png")).kind == "not-found"
    assert refusal("a\0b.png").kind == "unreadable"
    assert refusal("x" * 5000).kind == "unreadable"


def test_a_picture_without_permission_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object, **__: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "private.png"
    path.write_bytes(PLAIN["PNG"])
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", denied)
        error = refusal(path)
    assert error.kind == "no-permission"
    assert "may not be read" in error.message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX's")
def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "pipe.png"
    os.mkfifo(path)
    assert refusal(path).kind == "not-a-file"


needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no sample images in {SAMPLES}")


UPRIGHT = ("turned upright by its EXIF orientation",)


@needs_samples
@pytest.mark.parametrize(
    ("name", "size_wh", "notes", "mean_rgb"),
    [
        ("digit_8_trtcn.png", (28, 28), (), (43, 43, 43)),
        ("fastestdet_1.jpg", (640, 480), (), (126, 118, 134)),
        ("fastestdet_3.jpg", (500, 335), (), (97, 111, 109)),
        ("linzaer_faces_2.jpg", (1024, 484), (), (185, 175, 172)),
        ("trtcn_dog.png", (563, 501), (), (106, 113, 62)),
        ("png_content_named_jpg.jpg", (128, 128), (), (90, 80, 95)),
        ("jpeg_exif_orient_6.jpg", (128, 128), UPRIGHT, (90, 80, 95)),
        ("webp_exif_orient_6.webp", (128, 128), UPRIGHT, (90, 80, 96)),
        ("png_palette_pil123p.png", (162, 150), ("transparency laid over white",), (190, 189, 172)),
        ("png_16bit_rgb_small.png", (33, 32), ("16 bit reduced to 8",), (190, 190, 190)),
        ("jpeg_cmyk_pil_sample_cmyk.jpg", (100, 100), ("converted from CMYK",), (30, 5, 7)),
        ("gif_animated_iss634.gif", (245, 245), ("first of 42 frames",), (135, 137, 90)),
        (
            "tiff_float32_10ct_32bit.tiff",
            (128, 128),
            ("values -3.14094 to 3.14068 stretched to 0..255",),
            (134, 134, 134),
        ),
    ],
)
def test_sample_pictures_are_read(
    name: str, size_wh: tuple[int, int], notes: tuple[str, ...], mean_rgb: tuple[int, int, int]
) -> None:
    image = read_image(SAMPLES / name)
    assert image.size_wh == size_wh
    assert image.notes == notes
    np.testing.assert_allclose(image.pixels.mean(axis=(0, 1)), mean_rgb, atol=1.5)


@needs_samples
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("jpeg_truncated_truncated_jpeg.jpg", "truncated-image"),
        ("png_truncated.png", "truncated-image"),
        ("decompression_bomb.gif", "image-too-large"),
    ],
)
def test_sample_pictures_that_are_broken_are_refused(name: str, kind: str) -> None:
    assert refusal(SAMPLES / name).kind == kind

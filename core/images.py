"""Read an image file as the pixels that a person would see, or say why not.

Pillow reads the header, and the rarer kinds; OpenCV decodes the common ones, which it does
faster. Size is checked before anything is decoded.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core import suffixes
from core.errors import ImageError
from core.tensors import bytes_text

MAX_PIXELS = 200_000_000
"""Larger pictures are refused: 600 MB as RGB, and no network takes them."""

MAX_BYTES = 2_000_000_000
"""Larger files are refused unread: MAX_PIXELS as 16-bit RGB is smaller even uncompressed."""

_EXIF_ORIENTATION = 0x0112
_PNG_EXIF = (b"eXIf", b"Raw profile type exif")  # the chunk; ImageMagick's text in its stead
Place = Callable[[tuple[int, int, int]], np.ndarray]
"""Gives uint8 memory of a shape (H, W, 3) to decode into. New memory instead costs the system,
which clears it page by page, up to half as much as decoding."""

_TAIL = 4096  # bytes at the end in which a whole JPEG or PNG has its end marker


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A picture, upright.

    Attributes:
        pixels: (H, W, 3) uint8, RGB.
        notes: what was done to get there ("rotated by its EXIF orientation"), for people.
    """

    pixels: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


def import_libraries() -> None:
    """Import what reads images, a tenth of a second's work, before the first one is timed.

    NumPy imports its masked arrays when a median or a plot first asks for them, which takes as
    long as several runs.
    """
    import cv2  # noqa: F401
    import numpy.ma  # noqa: F401
    import PIL.Image

    PIL.Image.preinit()


def read_image(path: str | os.PathLike[str], place: Place | None = None) -> Image:
    """Read a picture: EXIF orientation applied, alpha laid over white, first frame, 8 bit.

    Args:
        path: the file.
        place: where the pixels shall lie if the decoder can write them there, which it can for
            whole 8-bit JPEG and PNG that are stored upright.

    Raises:
        ImageError: if the file is missing, no image, damaged, truncated or too large.
    """
    path = Path(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError("folder", f"{path} is a folder.", "Give image files.")
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            raise ImageError("not-a-file", f"{path} is not a regular file.", "Give image files.")
        if status.st_size > MAX_BYTES:
            raise ImageError(
                "image-too-large",
                f"{path.name} has {bytes_text(status.st_size)}; "
                f"{bytes_text(MAX_BYTES)} is the limit.",
                "Give image files.",
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError("not-found", f"There is no file {path}.", "Check the path.") from None
    except PermissionError:
        raise ImageError(
            "no-permission", f"{path} may not be read by you.", "Change its permissions."
        ) from None
    except (OSError, ValueError) as error:
        raise ImageError(
            "unreadable", f"{path} cannot be read: {error}.", "Check its permissions."
        ) from None
    return _decoded(data, path.name, None if place is None else _Into(path, status, place))


def decode_image(data: bytes, name: str) -> Image:
    """Decode an image file's bytes; see read_image.

    Args:
        data: the whole file.
        name: the file's name, for messages.
    """
    return _decoded(data, name, None)


@dataclass(frozen=True, slots=True)
class _Into:
    """Memory to decode into. OpenCV does so only from a file, not from bytes."""

    path: Path
    status: os.stat_result  # before its bytes were read
    place: Place

    def decode(self, width: int, height: int) -> np.ndarray | None:
        """The pixels, in that memory; None where they did not come there."""
        import cv2

        if not _opencv_finds(str(self.path)):
            return None
        memory = self.place((height, width, 3))
        # Where the file has become another since its header was read, it refuses the memory, or
        # takes other; or what it decodes is not what was found whole and upright.
        try:
            pixels = cv2.imread(str(self.path), dst=memory, flags=_flags("IMREAD_COLOR_RGB"))
            is_same = _version(self.path.stat()) == _version(self.status)
        except (cv2.error, OSError):
            return None
        if pixels is None or pixels.shape != memory.shape or not is_same:
            return None
        return memory if pixels.ctypes.data == memory.ctypes.data else None


def _opencv_finds(name: str) -> bool:
    """Whether OpenCV opens the file that Python does, by this name.

    It takes names as UTF-8, and crashes the program where one cannot be that (WORKAROUND, seen
    with 5.0.0); on Windows its imread takes them in the system's code page.
    """
    if name.isascii():
        return True
    try:
        return sys.platform != "win32" and name.encode() == os.fsencode(name)
    except UnicodeEncodeError:
        return False


def _version(status: os.stat_result) -> tuple[int, int]:
    # Not st_ino: some network file systems give another one each time.
    return status.st_size, status.st_mtime_ns


def _decoded(data: bytes, name: str, into: _Into | None) -> Image:
    import PIL.Image
    from PIL import UnidentifiedImageError

    PIL.Image.MAX_IMAGE_PIXELS = None  # the check below is stricter, and gives our message
    try:
        header: Any = PIL.Image.open(io.BytesIO(data))
        if header.format == "EPS":  # a program: decoding would run Ghostscript on it
            raise UnidentifiedImageError
    except UnidentifiedImageError:
        what = "empty" if not data else "not an image that can be read"
        raise ImageError(
            "not-an-image",
            f"{name} is {what}.",
            f"Images are {', '.join(suffix[1:] for suffix in suffixes.IMAGES)}, told by content.",
        ) from None
    except Exception as error:  # noqa: BLE001 - damage makes Pillow raise what it likes
        raise _damaged(name, error) from None
    width, height = header.size
    if width * height > MAX_PIXELS:
        raise ImageError(
            "image-too-large",
            f"{name} claims to be {width} x {height} pixels; {MAX_PIXELS // 10**6} million is "
            "the limit.",
            "Scale it down first, if it is real.",
        )
    try:
        return _decode(header, data, name, into)
    except ImageError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        raise _damaged(name, error) from None


def _decode(header: Any, data: bytes, name: str, into: _Into | None) -> Image:
    notes = []
    if getattr(header, "n_frames", 1) > 1:
        notes.append(f"first of {header.n_frames} frames")
    if _is_plain(header, data):
        pixels = None
        if into is not None and _orientation(header, data) not in _TURNS:
            pixels = into.decode(*header.size)
        if pixels is None:
            pixels = _decode_opencv(data, "IMREAD_COLOR_RGB")
    elif header.format == "PNG" and _png_depth(data) == 16:
        pixels = _from_numbers(_decode_opencv(data, "IMREAD_UNCHANGED"), 65535.0)
        notes.append("16 bit reduced to 8")
    elif header.mode.startswith("I;16"):
        pixels = _grey(np.asarray(header).astype(np.float64) / 65535.0)
        notes.append("16 bit reduced to 8")
    elif header.mode in ("I", "F"):
        numbers = np.asarray(header).astype(np.float64)
        low, high = _finite_range(numbers)
        pixels = _grey((numbers - low) / ((high - low) or 1.0))
        notes.append(f"values {low:g} to {high:g} stretched to 0..255")
    else:
        pixels = _decode_pillow(header, notes)
    if pixels is None or pixels.size == 0:
        raise ImageError("damaged-image", f"{name} cannot be decoded.", "Save it again.")
    orientation = _orientation(header, data)  # of a TIFF, Pillow's decoding changes it
    if orientation in _TURNS:
        pixels = _TURNS[orientation](pixels)
        notes.append("turned upright by its EXIF orientation")
    return Image(np.ascontiguousarray(pixels), tuple(notes))


def _orientation(header: Any, data: bytes) -> int:
    """The EXIF orientation; 1, upright, where the EXIF block is damaged."""
    # A PNG's may stand behind its pixels, so Pillow decodes them all to look for it.
    if header.format == "PNG" and not any(name in data for name in _PNG_EXIF):
        return 1
    try:
        return int(header.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - Pillow raises what it likes; the pixels are whole
        return 1


# EXIF 2.32, tag Orientation: how the stored picture is brought upright.
_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: p.transpose(1, 0, 2)[:, ::-1],
    7: lambda p: p.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda p: p.transpose(1, 0, 2)[::-1],
}


def _is_plain(header: Any, data: bytes) -> bool:
    """True for whole 8-bit RGB or grey JPEG and PNG, which OpenCV reads exactly and fast.

    The end marker is looked for because OpenCV fills what is missing with grey, silently. It
    must be the last thing in a JPEG: the thumbnail in its EXIF block has one too.
    """
    if header.mode not in ("RGB", "L") or getattr(header, "n_frames", 1) > 1:
        return False
    if header.format == "JPEG":
        return data[-_TAIL:].rstrip(b"\0").endswith(b"\xff\xd9")
    transparent = "transparency" in header.info
    return (
        header.format == "PNG"
        and not transparent
        and _png_depth(data) == 8
        and b"IEND" in data[-_TAIL:]
    )


def _png_depth(data: bytes) -> int:
    """Bits per sample, from the IHDR chunk (PNG specification, 11.2.1)."""
    return int(struct.unpack_from(">B", data, 24)[0]) if len(data) > 24 else 0


def _flags(name: str) -> int:
    """OpenCV's flags for pictures as they are stored: the orientation is applied in one place."""
    import cv2

    flags: int = getattr(cv2, name)
    return flags if name == "IMREAD_UNCHANGED" else flags | cv2.IMREAD_IGNORE_ORIENTATION


def _decode_opencv(data: bytes, flag: str) -> Any:
    """Decode with OpenCV."""
    import cv2

    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _flags(flag))
    if pixels is not None and flag == "IMREAD_UNCHANGED" and pixels.ndim == 3:
        order = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        pixels = cv2.cvtColor(pixels, order)
    return pixels


def _from_numbers(numbers: np.ndarray | None, full: float) -> np.ndarray | None:
    """Grey, RGB or RGBA samples of any range to (H, W, 3) uint8."""
    if numbers is None:
        return None
    scaled = numbers.astype(np.float64) / full
    if scaled.ndim == 2:
        return _grey(scaled)
    if scaled.shape[2] == 4:
        scaled = scaled[..., :3] * scaled[..., 3:] + (1.0 - scaled[..., 3:])
    return _to_bytes(scaled)


def _grey(unit: np.ndarray) -> np.ndarray:
    grey: np.ndarray = np.repeat(_to_bytes(unit)[..., None], 3, axis=2)
    return grey


def _to_bytes(unit: np.ndarray) -> np.ndarray:
    clean = np.nan_to_num(unit, nan=0.0, posinf=1.0, neginf=0.0)
    levels: np.ndarray = np.rint(np.clip(clean, 0.0, 1.0) * 255.0).astype(np.uint8)
    return levels


def _finite_range(numbers: np.ndarray) -> tuple[float, float]:
    finite = numbers[np.isfinite(numbers)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _decode_pillow(header: Any, notes: list[str]) -> np.ndarray:
    import PIL.Image

    has_alpha = "A" in header.getbands() or "transparency" in header.info
    if has_alpha:
        layer = header.convert("RGBA")
        if layer.getextrema()[3][0] < 255:
            notes.append("transparency laid over white")
        ground = PIL.Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return np.asarray(PIL.Image.alpha_composite(ground, layer).convert("RGB"))
    if header.mode not in ("RGB", "L", "1", "P"):
        notes.append(f"converted from {header.mode}")
    return np.asarray(header.convert("RGB"))


def _damaged(name: str, error: Exception) -> ImageError:
    text = str(error) or type(error).__name__
    cut = "truncated" in text.lower() or "eof" in text.lower()
    return ImageError(
        "truncated-image" if cut else "damaged-image",
        f"{name} is cut off: its end is missing." if cut else f"{name} is damaged: {text}.",
        "Copy or save it again.",
        details=text,
    )

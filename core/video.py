"""Frames of a video file, one at a time, by OpenCV."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import ImageError
from core.images import MAX_PIXELS
from core.suffixes import VIDEOS
from core.text import printable

_HEAD = 12  # bytes that tell a container
_STILLS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1")  # ISO 23008-12, AVIF 1.1

_SLACK = 0.02
"""A video that has this share of its frames fewer than it claims is whole: many containers keep
no count, and FFmpeg's is then duration times frame rate (libavformat's nb_frames is 0, OpenCV's
cap_ffmpeg_impl.hpp, get_total_frames)."""


def is_video(path: Path) -> bool:
    """True for a video: by suffix where it is clear, else by content. Reads a few bytes."""
    if path.suffix.lower() in VIDEOS:
        return True
    try:
        return _is_container(_head(path))
    except (OSError, ValueError):
        return False


def _head(path: Path) -> bytes:
    if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe would wait for ever
        return b""
    with path.open("rb") as file:
        return file.read(_HEAD)


def _is_container(head: bytes) -> bool:
    """True for MP4 and QuickTime (ISO 14496-12), AVI (RIFF), Matroska and WebM (EBML).

    Others are not handed to FFmpeg: it would take a playlist, a text that names other files and
    addresses, for a video too.
    """
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return head[8:12] not in _STILLS
    return (head[:4] == b"RIFF" and head[8:12] == b"AVI ") or head[:4] == b"\x1a\x45\xdf\xa3"


class Video:
    """An open video. Keeps no frame; belongs to one thread at a time.

    Attributes:
        path: the file.
        size_wh: a frame's width and height, pixels, upright.
        frame_count: as the file says, which may be some more than can be read; None where it
            does not say.
        fps: frames a second; None where it does not say.
        position: the number of the frame that read() gives next; the first is 0.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a video file.

        Raises:
            ImageError: if it is missing, no video, of a codec that is not there, or damaged from
                its first frame on.
        """
        import cv2

        self.path = Path(path)
        self._capture: Any = None
        name = printable(self.path.name)
        try:
            head = _head(self.path)
        except FileNotFoundError:
            raise ImageError("not-found", f"There is no file {path}.", "Check the path.") from None
        except (OSError, ValueError) as error:
            raise ImageError(
                "unreadable", f"{path} cannot be read: {error}.", "Check its permissions."
            ) from None
        if not _is_container(head):
            what = "not a video that can be read" if head else "empty"
            raise ImageError(
                "not-a-video",
                f"{name} is {what}.",
                f"Videos are {', '.join(suffix[1:] for suffix in VIDEOS)}, told by content.",
            )
        # An absolute path is never an address or the number of a camera.
        place = str(self.path.absolute())
        try:
            place.encode()
        except UnicodeEncodeError:  # WORKAROUND(OpenCV 5.0.0): such a name crashes the program
            raise ImageError(
                "unreadable",
                f"{name} cannot be read: its path is not valid UTF-8.",
                "Rename the file or its folder.",
            ) from None
        self._capture = cv2.VideoCapture(place)
        # OpenCV turns frames upright by the file's own word where its reader can (FFmpeg's).
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        self.position = 0
        self.frame_count = _count(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.fps = _positive(self._capture.get(cv2.CAP_PROP_FPS))
        width = self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)
        height = self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if width * height > MAX_PIXELS:
            self.close()
            raise ImageError(
                "image-too-large",
                f"{name} claims frames of {width:.0f} x {height:.0f} pixels; "
                f"{MAX_PIXELS // 10**6} million is the limit.",
                "Scale it down first, if it is real.",
            )
        first = self._next()
        if first is None:
            self.close()
            raise ImageError(
                "damaged-video",
                f"No frame of {name} can be read.",
                "It is damaged, or of a codec that OpenCV does not have here: save it as H.264 "
                "in an MP4.",
            )
        self.size_wh = (first.shape[1], first.shape[0])
        self.seek(0)

    def read(self) -> np.ndarray | None:
        """The next frame: (H, W, 3) uint8, RGB, the caller's own; None at the end.

        Raises:
            ImageError: kind "truncated-video", if the video ends early.
        """
        frame = self._next()
        if frame is not None:
            self.position += 1
        elif self.frame_count is not None:
            missing = self.frame_count - self.position
            if missing > max(2, _SLACK * self.frame_count):
                raise ImageError(
                    "truncated-video",
                    f"{printable(self.path.name)} ends early: frame {self.position + 1:,} of "
                    f"{self.frame_count:,} is not there.",
                    "Copy it again if the rest matters; the frames before it are right.",
                )
        return frame

    def _next(self) -> np.ndarray | None:
        import cv2

        if self._capture is None:
            raise ImageError("closed", "The video is closed.", "Open it again.")
        try:
            done, frame = self._capture.read()
        except cv2.error as error:
            raise ImageError(
                "damaged-video",
                f"{printable(self.path.name)} is damaged after {self.position:,} frames.",
                "Copy it again.",
                details=str(error),
            ) from None
        if not done or frame is None:
            return None
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))

    def frames(self) -> Iterator[np.ndarray]:
        """Every frame from the position on; see read."""
        while (frame := self.read()) is not None:
            yield frame

    def seek(self, index: int) -> None:
        """Make read() give this frame next, the first being 0; outside the video, the nearest.

        Costs the decoding of all frames since the key frame before it.
        """
        import cv2

        if self._capture is None:
            raise ImageError("closed", "The video is closed.", "Open it again.")
        last = math.inf if self.frame_count is None else self.frame_count - 1
        index = int(max(0, min(index, last)))
        self._capture.set(cv2.CAP_PROP_POS_FRAMES, index)
        self.position = index

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _positive(value: float) -> float | None:
    return float(value) if math.isfinite(value) and value > 0 else None


def _count(value: float) -> int | None:
    """FFmpeg gives a negative number, or one past all sense, where the file keeps none."""
    return int(value) if math.isfinite(value) and 0 < value < 2**31 else None

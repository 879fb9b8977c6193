"""Small videos for the window's tests."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

LEVELS = (10, 60, 110, 160, 210)  # the grey of each frame
FRAMES = len(LEVELS)


def write_video(path: Path, levels: tuple[int, ...] = LEVELS) -> Path:
    """An AVI of plain grey frames, 64 x 48 pixels at 10 a second."""
    fourcc = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), fourcc, 10.0, (64, 48))
    assert writer.isOpened()
    for level in levels:
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    return path

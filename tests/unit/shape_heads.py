"""What the tests of masks, oriented boxes and poses share: heads filled by hand, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from core.placement import Placement
from core.preprocess import prepare
from core.recipes import Recipe, Resize

SIDE = 320
NETWORK = (SIDE, SIDE)
CELLS = 2100  # 40*40 + 20*20 + 10*10, at strides 8, 16 and 32

PICTURES = [(2000, 300), (300, 2000), (24, 20), (6000, 4000), (320, 320), (333, 1)]
"""Wide, tall, tiny, huge, the network's own, and next to nothing: width, height."""

RESIZES: list[Resize] = ["letterbox", "letterbox-top-left", "stretch"]


@cache
def placed(picture_wh: tuple[int, int], resize: Resize) -> Placement:
    """Where a picture of this size lies in a network's picture of 320 x 320."""
    width, height = picture_wh
    recipe = Recipe(input="images", layout="NCHW", size_wh=NETWORK, resize=resize)
    return prepare(np.zeros((height, width, 3), np.uint8), recipe).placement


def by_hand(picture_wh: tuple[int, int], resize: Resize) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset (x, y) of the same, worked out again: network = picture * scale + offset."""
    size = np.array(picture_wh, float)
    if resize == "stretch":
        return SIDE / size, np.zeros(2)
    whole = np.floor if resize == "letterbox-top-left" else np.round
    new = np.maximum(whole(size * SIDE / size.max()), 1)
    offset = (SIDE - new) // 2 if resize == "letterbox" else np.zeros(2)
    return new / size, offset


def raw_head(columns: Sequence[Sequence[float]], rows: int, cells: int = CELLS) -> np.ndarray:
    """(1, rows, cells): these columns, spread over the grids, all else empty."""
    head = np.zeros((1, rows, cells), np.float32)
    for index, column in enumerate(columns):
        head[0, : len(column), 7 + 11 * index] = column
    return head


def finished_head(rows: Sequence[Sequence[float]], columns: int, count: int = 300) -> np.ndarray:
    """(1, count, columns): these rows, all else empty."""
    head = np.zeros((1, count, columns), np.float32)
    for index, row in enumerate(rows):
        head[0, index, : len(row)] = row
    return head

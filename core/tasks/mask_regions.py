"""Which pixels of the picture the masks of objects take, and how many masks are too many."""

from __future__ import annotations

import numpy as np

from core.errors import InputError

_MAX_MASK_PIXELS = 1_000_000_000  # of all masks of a picture, a byte each


def mask_regions(boxes: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """The whole pixels of boxes (n, 4) that lie in the picture, at least one each; (n, 4) int.

    Raises:
        InputError: kind "masks-too-large", if masks of these would not fit into memory.
    """
    size = np.array(size_wh)
    first = np.minimum(np.rint(boxes[:, :2]).astype(int), size - 1)
    last = np.maximum(np.rint(boxes[:, 2:]).astype(int), first + 1)
    regions: np.ndarray = np.concatenate([first, np.minimum(last, size)], axis=1)
    pixels = int((regions[:, 2:] - regions[:, :2]).prod(axis=1).sum())
    if pixels > _MAX_MASK_PIXELS:
        raise InputError(
            "masks-too-large",
            f"The masks of {len(regions)} objects take {pixels / 1e9:.1f} GB; "
            f"{_MAX_MASK_PIXELS / 1e9:.0f} GB is the limit.",
            "Raise the score threshold, ask for fewer objects, or use a smaller picture.",
        )
    return regions

"""What a sweep varies, as people type it: batches, and sizes of the picture."""

from __future__ import annotations

import re

Sizes = tuple[tuple[int, int], ...]
"""Widths and heights, pixels."""

_BATCH = re.compile(r"[0-9]{1,9}")
_SIZE = re.compile(r"([0-9]{1,6})[xX]([0-9]{1,6})")


def read_sweep(text: str) -> tuple[tuple[int, ...], Sizes]:
    """Batches and sizes out of "1, 2, 4" or "320x320, 640x480", each once.

    Args:
        text: separated by commas, semicolons or blanks; width before height, as `--size` has it.

    Raises:
        ValueError: naming the first word that is neither.
    """
    batches: list[int] = []
    sizes: list[tuple[int, int]] = []
    for word in re.split(r"[,;\s]+", text.strip()):
        if not word:
            continue
        size = _SIZE.fullmatch(word)
        if size is not None:
            sizes.append((int(size[1]), int(size[2])))
        elif _BATCH.fullmatch(word):
            batches.append(int(word))
        else:
            raise ValueError(f"{word!r} is neither a batch, as 4, nor a size, as 640x480.")
    return tuple(dict.fromkeys(batches)), tuple(dict.fromkeys(sizes))


def size_text(size_wh: tuple[int, int]) -> str:
    """As read_sweep reads it: "640x480"."""
    return f"{size_wh[0]}x{size_wh[1]}"

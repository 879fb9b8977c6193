"""A tensor as a .npy file, and a slice of one as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import EnginebayError
from core.whole_file import replacing


def save_npy(array: np.ndarray, target: Path) -> str:
    """Save a tensor, whole or not at all.

    Types that numpy's format cannot keep (bfloat16, float8, int4) are written as float32, which
    holds each of their values; objects are written as text. Nothing is pickled.

    Returns:
        The dtype that was written.

    Raises:
        EnginebayError: if the file cannot be written.
    """
    if array.dtype.kind == "O":
        array = np.array([str(item) for item in array.flat], str).reshape(array.shape)
    elif array.dtype.isbuiltin == 2:
        array = array.astype(np.float32)
    try:
        with replacing(target) as part, part.open("wb") as file:
            np.lib.format.write_array(file, array, allow_pickle=False)
    except OSError as error:
        raise EnginebayError(
            "cannot-save", f"{target} cannot be written: {error}.", "Choose another folder."
        ) from None
    return str(array.dtype.name)


def number_of(value: Any) -> float | None:
    """An element as an int or float; None for texts and complex numbers."""
    if isinstance(value, (str, bytes)) or np.iscomplexobj(value):
        return None
    if isinstance(value, np.integer):
        return int(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def cell_text(value: object) -> str:
    """A value as a table shows it: integers in all their digits, others at six."""
    number = number_of(value)
    if number is None:
        return str(value)
    return str(number) if isinstance(number, int) else f"{number:.6g}"


def cells_text(
    values: np.ndarray, progress: Callable[[float], None] = lambda _fraction: None
) -> str:
    """Values (rows, columns) as tab-separated text, a line for each row, in all their digits.

    Args:
        values: any dtype.
        progress: told the fraction done after each row, 0 to 1; may raise to stop.
    """
    lines = []
    for number, row in enumerate(values):
        lines.append("\t".join(str(value) for value in row))
        progress((number + 1) / len(values))
    return "\n".join(lines)

"""Two-dimensional slices of a tensor of any rank: which dimensions are the rows and the columns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Slice:
    """A way to cut a tensor of two or more dimensions; the default one of fewer.

    `rows` and `columns` are dimensions; `fixed` has an index for every dimension, of which those
    of these two mean nothing.
    """

    rows: int = -1
    columns: int = -1
    fixed: tuple[int, ...] = ()


def default_slice(shape: tuple[int, ...]) -> Slice:
    """The first slice, with the last two dimensions as rows and columns."""
    rank = len(shape)
    return Slice(rank - 2, rank - 1, (0,) * rank) if rank >= 2 else Slice()


def take_slice(array: np.ndarray, choice: Slice) -> np.ndarray:
    """The slice, (rows, columns), a view. Fewer than two dimensions are one row."""
    if array.ndim < 2:
        return array.reshape(1, -1)
    kept = (choice.rows, choice.columns)
    others = [size for axis, size in enumerate(array.shape) if axis not in kept]
    if 0 in others:
        return np.empty((0, array.shape[choice.columns]), array.dtype)
    index = tuple(slice(None) if axis in kept else choice.fixed[axis] for axis in range(array.ndim))
    view = array[index]
    return view if choice.rows < choice.columns else view.T


def place_of(
    shape: tuple[int, ...], choice: Slice, index: int
) -> tuple[tuple[int, ...], Slice, int, int]:
    """Where an element is.

    Args:
        shape: the tensor's.
        choice: which dimensions are rows and columns.
        index: the element's flat index in C order.

    Returns:
        Its place in the tensor, the slice that holds it, and its row and column there.
    """
    place = tuple(int(part) for part in np.unravel_index(index, shape)) if shape else ()
    if len(shape) < 2:
        return place, choice, 0, index
    held = Slice(choice.rows, choice.columns, place)
    return place, held, place[choice.rows], place[choice.columns]


def index_of(shape: tuple[int, ...], choice: Slice, row: int, column: int) -> int:
    """The flat index in C order of a slice's element; the way back from place_of."""
    if len(shape) < 2:
        return column
    place = list(choice.fixed)
    place[choice.rows], place[choice.columns] = row, column
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return sum(part * stride for part, stride in zip(place, strides, strict=True))

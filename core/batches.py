"""Several pictures in one run: into the rows of one tensor, and each one's outputs out again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from core.errors import InputError
from core.input_shapes import profile_of
from core.placement import Placement
from core.preprocess import prepare_into
from core.recipes import Recipe, image_layout
from core.sessions.base import Arrays
from core.tensors import Shape, TensorSpec, numpy_dtype
from core.text import counted


def batch_for(spec: TensorSpec, wanted: Shape | None, pictures: int, pinned: int | None) -> int:
    """The batch for so many pictures: the smallest that the input can have.

    Args:
        spec: the image input.
        wanted: the shape that the user wants for it, or None.
        pictures: how many, from 2 on.
        pinned: the profile that must be used, or None for any.

    Raises:
        InputError: kind "batch-size", if they are more than one run takes.
    """
    layout = image_layout(spec.shape, spec.dtype)
    fixed: int | None = 1
    if layout is not None and layout.startswith("N"):
        fixed = spec.shape[0] or (wanted[0] if wanted else None)
    if fixed is not None:
        allowed = [fixed] if pictures <= fixed else []
        most = fixed
    elif spec.profiles:
        chosen = range(len(spec.profiles)) if pinned is None else (pinned,)
        limits = [profile_of(spec, index) for index in chosen]
        allowed = [max(pictures, one.min[0]) for one in limits if pictures <= one.max[0]]
        most = max(one.max[0] for one in limits)
    else:
        return pictures
    if not allowed:
        raise InputError(
            "batch-size",
            f"Input {spec.name!r} takes {counted(most, 'picture')} in a run; "
            f"{pictures:,} were given.",
            "Give fewer at a time.",
        )
    return min(allowed)


def prepare_batch(
    pictures: Sequence[np.ndarray],
    recipe: Recipe,
    make_buffer: Callable[[str, tuple[int, ...]], np.ndarray] | None = None,
) -> tuple[np.ndarray, tuple[Placement, ...]]:
    """Apply a recipe to several pictures; the last one also fills the rows that are left.

    Args:
        pictures: (H, W, 3) uint8, RGB each; at most recipe.batch.
        recipe: what to do.
        make_buffer: as core.recipes.prepare's.

    Returns:
        The tensor, and where each picture lies in the network's.

    Raises:
        InputError: kind "batch-size", if this input has not as many rows.
    """
    count = len(pictures)
    if count > recipe.batch or not recipe.layout.startswith("N"):
        raise InputError(
            "batch-size",
            f"Input {recipe.input!r} takes {counted(recipe.batch, 'picture')} in a run; "
            f"{count:,} were given.",
            "Give fewer at a time.",
        )
    if make_buffer is None:
        tensor = np.empty(recipe.shape, numpy_dtype(recipe.dtype))
    else:
        tensor = make_buffer(recipe.input, recipe.shape)
    placements = tuple(
        prepare_into(row, pixels, recipe) for row, pixels in zip(tensor, pictures, strict=False)
    )
    tensor[count:] = tensor[count - 1]
    return tensor, placements


class Cut(NamedTuple):
    """A batch's arrays, cut into its pictures'.

    `rows` has each row's arrays by name: views of (1, ...). Those that are in `whole`, by name,
    have another first dimension than the batch, and every row has all of them.
    """

    rows: list[Arrays]
    whole: tuple[str, ...]


def cut_batch(arrays: Arrays, batch: int) -> Cut:
    """Each picture's part of a batch's inputs or outputs.

    Args:
        arrays: of the whole run, by name.
        batch: the rows of the run.
    """
    whole = tuple(
        name for name, array in arrays.items() if not array.ndim or array.shape[0] != batch
    )
    rows = [
        {
            name: array if name in whole else array[index : index + 1]
            for name, array in arrays.items()
        }
        for index in range(batch)
    ]
    return Cut(rows, whole)


def whole_warnings(cut: Cut) -> tuple[str, ...]:
    """A warning for each output that is not the picture's own."""
    return tuple(
        f"Output {name!r} has no rows for the {len(cut.rows)} pictures of the batch: it is shown "
        "whole for each of them."
        for name in cut.whole
    )

"""Several pictures in one run: into the rows of one tensor, and each one's outputs out again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def outputs_of(outputs: Arrays, index: int, batch: int) -> tuple[Arrays, tuple[str, ...]]:
    """One picture's part of a batch's outputs.

    Args:
        outputs: of the whole run.
        index: the picture's row.
        batch: the rows of the run. With 1 everything is the picture's.

    Returns:
        The outputs by name, views of (1, ...) where the first dimension is the batch, and a
        warning for each output that is not cut because it is another.
    """
    if batch == 1:
        return outputs, ()
    found: Arrays = {}
    warnings = []
    for name, array in outputs.items():
        if array.ndim and array.shape[0] == batch:
            found[name] = array[index : index + 1]
        else:
            found[name] = array
            warnings.append(
                f"Output {name!r} has no rows for the {batch} pictures of the batch: it is shown "
                "whole for each of them."
            )
    return found, tuple(warnings)

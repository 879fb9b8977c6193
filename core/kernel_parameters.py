"""What a recipe means to the preprocessing kernel: what it can do, its tables, and its test."""

from __future__ import annotations

import numpy as np

from core.fit import Fit
from core.preprocess import value_table
from core.recipes import Recipe
from core.resize_taps import SUPPORTED, axis_taps
from core.tensors import numpy_dtype

DTYPES = ("float32", "float16", "bfloat16", "uint8")
"""The inputs' types that the kernel writes."""


def row_bytes(recipe: Recipe) -> int:
    """The size of one picture of the recipe's input."""
    width, height = recipe.size_wh
    return width * height * recipe.channels * numpy_dtype(recipe.dtype).itemsize


def row_shape(recipe: Recipe) -> tuple[int, ...]:
    """The shape of one picture of the recipe's input."""
    return recipe.shape[1:] if recipe.layout.startswith("N") else recipe.shape


def missing(recipe: Recipe) -> str | None:
    """What the kernel cannot do of a recipe."""
    if recipe.resize != "none" and recipe.interpolation not in SUPPORTED:
        return f'the interpolation "{recipe.interpolation}" is not done on the GPU'
    if recipe.dtype not in DTYPES:
        return f"{recipe.dtype} inputs are not made on the GPU"
    return None


def parameter_bytes(recipe: Recipe) -> int:
    """The size of the kernel's tables."""
    itemsize = numpy_dtype(recipe.dtype).itemsize
    return 16 * sum(recipe.size_wh) + 256 * recipe.channels * itemsize


def write_parameters(
    target: np.ndarray, image_wh: tuple[int, int], fit: Fit, recipe: Recipe
) -> None:
    """The kernel's tables, laid out as preprocess.cu says; `target` is their bytes."""
    how = recipe.interpolation if recipe.interpolation in SUPPORTED else "linear"  # not scaled
    width, height = recipe.size_wh
    columns = axis_taps(image_wh[0], fit.scaled_wh[0], fit.left, width, how, vertical=False)
    rows = axis_taps(image_wh[1], fit.scaled_wh[1], fit.top, height, how, vertical=True)
    with np.errstate(over="ignore"):  # what a type cannot hold is infinite in it
        values = value_table(recipe).astype(numpy_dtype(recipe.dtype)).T
    tables = (columns, rows, np.ascontiguousarray(values))
    np.concatenate([one.reshape(-1).view(np.uint8) for one in tables], out=target)


def trial_picture(recipe: Recipe) -> np.ndarray:
    """Noise that is made narrower and higher, or padded; the network's own size where it must."""
    width, height = recipe.size_wh
    if recipe.resize != "none":
        width, height = width + width // 4 + 1, height - height // 4
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def is_alike(found: np.ndarray, expected: np.ndarray, recipe: Recipe) -> bool:
    """Whether two inputs are at most a byte's step apart, in each channel's own values."""
    with np.errstate(all="ignore"):  # infinite values have no steps
        table = value_table(recipe).astype(expected.dtype).astype(np.float64)
        steps = np.abs(np.diff(table, axis=0))
        largest = np.where(np.isfinite(steps), steps, 0).max(axis=0)  # (C,)
        if recipe.layout.endswith("CHW"):
            largest = largest[:, None, None]
        apart = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    alike = (apart <= largest * (1 + 1e-9)) | (found == expected)
    return bool((alike | (np.isnan(found) & np.isnan(expected))).all())

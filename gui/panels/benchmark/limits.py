"""What a model's batch and picture can be, so that a benchmark is refused while it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.benchmark.swept import read_sweep, size_text
from core.recipe_check import MAX_SIDE
from core.recipes import image_layout

if TYPE_CHECKING:
    from core.benchmark.swept import Sizes
    from core.tensors import TensorSpec

MOST_BATCH = 4096  # where nothing else limits it
_MOST_SWEPT = 32


def batch_limits(spec: TensorSpec | None, profile: int) -> tuple[int, int]:
    """The least and the greatest batch of the input that has it."""
    if spec is None or not spec.shape:
        return 1, 1
    return _limits(spec, 0, profile, MOST_BATCH)


def size_limits(spec: TensorSpec | None, profile: int) -> Sizes:
    """The least and the greatest width and height of the picture.

    Both are (0, 0) for an input that takes no picture.
    """
    layout = None if spec is None else image_layout(spec.shape, spec.dtype)
    if spec is None or layout is None:
        return (0, 0), (0, 0)
    (low_w, high_w), (low_h, high_h) = (
        _limits(spec, layout.index(letter), profile, MAX_SIDE) for letter in "WH"
    )
    return (low_w, low_h), (high_w, high_h)


def _limits(spec: TensorSpec, at: int, profile: int, most: int) -> tuple[int, int]:
    fixed = spec.shape[at]
    if fixed is not None:
        return fixed, fixed
    if not spec.profiles:
        return 1, most
    limits = spec.profiles[min(profile, len(spec.profiles) - 1)]
    return limits.min[at], limits.max[at]


def checked_sweep(
    text: str, spec: TensorSpec | None, profile: int
) -> tuple[tuple[int, ...], Sizes]:
    """What is typed as the sweep, as read_sweep.

    Raises:
        ValueError: if it is no sweep, or the model cannot have it; the text says why.
    """
    try:
        batches, sizes = read_sweep(text)
    except ValueError as error:
        raise ValueError(f"In the sweep {error}") from None
    low, high = batch_limits(spec, profile)
    if not all(low <= batch <= high for batch in batches):
        if low == high:
            raise ValueError(f"The sweep can have no batches: the batch is fixed at {low:,}.")
        raise ValueError(f"The sweep can have batches of {low:,} to {high:,} here.")
    least, most = size_limits(spec, profile)
    if not all(
        side_low <= side <= side_high
        for size in sizes
        for side_low, side, side_high in zip(least, size, most, strict=True)
    ):
        if most == (0, 0):
            raise ValueError("The sweep can have no sizes: the model takes no picture.")
        if least == most:
            raise ValueError(f"The sweep can have no sizes: it is fixed at {size_text(most)}.")
        raise ValueError(
            f"The sweep can have sizes of {size_text(least)} to {size_text(most)} here."
        )
    if len(batches) + len(sizes) > _MOST_SWEPT:
        raise ValueError(f"The sweep takes at most {_MOST_SWEPT} points.")
    return batches, sizes

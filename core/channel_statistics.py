"""What the network saw, in numbers: each channel before and after the recipe's arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.recipes import Recipe, prepare


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """A channel's smallest, mean and largest value, before and after.

    `before` is of the resized picture, 0..255, with its padding; `after` is of the tensor, None
    where it has no finite value.
    """

    name: str  # "red", "green", "blue" or "grey"
    before: tuple[float, float, float]
    after: tuple[float, float, float] | None


def channel_statistics(
    pixels: np.ndarray, tensor: np.ndarray, recipe: Recipe
) -> tuple[ChannelStatistics, ...]:
    """Measure each channel.

    Args:
        pixels: the picture, (H, W, 3) uint8, RGB.
        tensor: what prepare made of it; the first of a batch counts.
        recipe: the one that prepared it.

    Returns:
        One for each channel, in the tensor's order.

    Raises:
        ImageError: as prepare.
    """
    # The recipe without its arithmetic gives the picture that it resized and ordered.
    plain = replace(recipe, scale=1.0, mean=(0.0,), std=(1.0,), dtype="uint8")
    before = _planes(prepare(pixels, plain).tensor, recipe)
    after = _planes(tensor, recipe)
    names = {"rgb": ("red", "green", "blue"), "bgr": ("blue", "green", "red"), "grey": ("grey",)}
    found = []
    for index, name in enumerate(names[recipe.color]):
        first = _span(before[index])
        assert first is not None  # a picture has pixels, and they are bytes
        found.append(ChannelStatistics(name, first, _span(after[index])))
    return tuple(found)


def _planes(tensor: np.ndarray, recipe: Recipe) -> np.ndarray:
    """The first picture of a tensor, (C, H, W)."""
    first = np.asarray(tensor[0] if recipe.layout.startswith("N") else tensor)
    return first if recipe.layout.endswith("CHW") else first.transpose(2, 0, 1)


def _span(plane: np.ndarray) -> tuple[float, float, float] | None:
    numbers = plane.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    if finite.size == 0:
        return None
    return float(finite.min()), float(finite.mean()), float(finite.max())

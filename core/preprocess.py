"""Apply a recipe: a picture becomes the input tensor, and the tensor a picture again.

`prepare` applies a recipe; `picture_of` turns an input tensor back into a picture, so that one
can see what the network saw, and `channel_statistics` says it in numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from core.fit import fit_picture
from core.placement import Placement
from core.recipes import Color, Interpolation, Recipe
from core.tensors import TensorSpec, numpy_dtype

# OpenCV's names. "nearest" is the kind that counts from pixel middles, as Pillow does: its plain
# INTER_NEAREST shifts a picture by up to half a pixel. None but "area" averages when it shrinks.
_INTERPOLATIONS: dict[Interpolation, str] = {
    "nearest": "INTER_NEAREST_EXACT",
    "linear": "INTER_LINEAR",
    "cubic": "INTER_CUBIC",
    "area": "INTER_AREA",
    "lanczos": "INTER_LANCZOS4",
}


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The input tensor, and where the picture lies in it."""

    tensor: np.ndarray
    placement: Placement


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """A channel's smallest, mean and largest value, before and after the recipe's arithmetic.

    `before` is of the resized picture, 0..255, with its padding; `after` is of the tensor, None
    where it has no finite value.
    """

    name: str  # "red", "green", "blue" or "grey"
    before: tuple[float, float, float]
    after: tuple[float, float, float] | None


def sized_for(recipe: Recipe, spec: TensorSpec, size_wh: tuple[int, int]) -> Recipe:
    """The recipe for a picture of this size.

    With the resize "none" the sides that the tensor leaves free become the picture's own; any
    other recipe stays as it is.
    """
    if recipe.resize != "none" or len(recipe.layout) != len(spec.shape):
        return recipe
    dims = dict(zip(recipe.layout, spec.shape, strict=True))
    return replace(recipe, size_wh=(dims["W"] or size_wh[0], dims["H"] or size_wh[1]))


def prepare(
    pixels: np.ndarray,
    recipe: Recipe,
    make_buffer: Callable[[str, tuple[int, ...]], np.ndarray] | None = None,
) -> Prepared:
    """Apply a recipe.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        recipe: what to do.
        make_buffer: gives the array to write into, by tensor name and shape (a session's
            input_buffer); default a new one.

    Returns:
        The tensor, recipe.shape and recipe.dtype.

    Raises:
        ImageError: if the picture cannot be brought to the recipe's size: kind "image-too-thin",
            or with the resize "none" kind "image-size".
    """
    picture, placement = _resize(pixels, recipe)
    if make_buffer is None:
        tensor = np.empty(recipe.shape, numpy_dtype(recipe.dtype))
    else:
        tensor = make_buffer(recipe.input, recipe.shape)
    first = tensor[0] if recipe.layout.startswith("N") else tensor
    _fill(first, _order(picture, recipe.color), recipe)
    if first is not tensor:
        tensor[1:] = first
    return Prepared(tensor, placement)


def prepare_into(row: np.ndarray, pixels: np.ndarray, recipe: Recipe) -> Placement:
    """Apply a recipe to one picture of a batch; any thread, where nobody else has the row.

    Args:
        row: where to write: (C, H, W) or (H, W, C), of recipe.dtype, without the batch.
        pixels: (H, W, 3) uint8, RGB.
        recipe: what to do.

    Raises:
        ImageError: as prepare.
    """
    picture, placement = _resize(pixels, recipe)
    _fill(row, _order(picture, recipe.color), recipe)
    return placement


def picture_of(tensor: np.ndarray, recipe: Recipe) -> np.ndarray:
    """What the network saw: an input tensor turned back into a picture.

    Args:
        tensor: as prepare gives it; the first of a batch is shown.
        recipe: the one that prepared it.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    planes = _planes(tensor, recipe).astype(np.float64)
    mean, std = _per_channel(recipe)
    numbers = (planes * std[:, None, None] + mean[:, None, None]) / recipe.scale
    picture = np.rint(np.clip(numbers, 0, 255)).astype(np.uint8).transpose(1, 2, 0)
    if recipe.color == "grey":
        return np.repeat(picture, 3, axis=2)
    return picture[..., ::-1].copy() if recipe.color == "bgr" else np.ascontiguousarray(picture)


def value_table(recipe: Recipe) -> np.ndarray:
    """What each of a byte's values becomes: (pixel * scale - mean) / std.

    Returns:
        (256, C) in the tensor's order of channels: uint8 where recipe.dtype is that, else
        float32, which is rounded once more for a smaller type.
    """
    mean, std = _per_channel(recipe)
    levels = np.arange(256, dtype=np.float64)[:, None] * recipe.scale
    table: np.ndarray = (levels - mean) / std
    if recipe.dtype == "uint8":
        return np.asarray(np.rint(np.clip(table, 0, 255)).astype(np.uint8))
    with np.errstate(over="ignore"):  # what a type cannot hold is infinite in it
        return np.asarray(table.astype(np.float32))


def channel_statistics(
    pixels: np.ndarray, tensor: np.ndarray, recipe: Recipe
) -> tuple[ChannelStatistics, ...]:
    """What the network saw, in numbers: each channel before and after.

    Args:
        pixels: the picture, (H, W, 3) uint8, RGB.
        tensor: what prepare made of it; the first of a batch counts.
        recipe: the one that prepared it.

    Returns:
        One for each channel, in the tensor's order.

    Raises:
        ImageError: as prepare.
    """
    before = _order(_resize(pixels, recipe)[0], recipe.color)
    names = {"rgb": ("red", "green", "blue"), "bgr": ("blue", "green", "red"), "grey": ("grey",)}
    found = []
    for index, name in enumerate(names[recipe.color]):
        first = _span(before[..., index].astype(np.float64))
        assert first is not None  # a picture has pixels, and they are bytes
        after = _planes(tensor, recipe)[index].astype(np.float64)
        found.append(ChannelStatistics(name, first, _span(after)))
    return tuple(found)


def _span(numbers: np.ndarray) -> tuple[float, float, float] | None:
    finite = numbers[np.isfinite(numbers)]
    if finite.size == 0:
        return None
    return float(finite.min()), float(finite.mean()), float(finite.max())


def _planes(tensor: np.ndarray, recipe: Recipe) -> np.ndarray:
    """The first picture of a tensor, (C, H, W)."""
    first = np.asarray(tensor[0] if recipe.layout.startswith("N") else tensor)
    return first if recipe.layout.endswith("CHW") else first.transpose(2, 0, 1)


def _resize(pixels: np.ndarray, recipe: Recipe) -> tuple[np.ndarray, Placement]:
    import cv2

    width, height = recipe.size_wh
    fit = fit_picture((pixels.shape[1], pixels.shape[0]), recipe)
    scaled = _scaled(pixels, fit.scaled_wh, recipe.interpolation)
    if recipe.resize == "center-crop":
        return scaled[-fit.top :, -fit.left :][:height, :width], fit.placement
    left, top = fit.left, fit.top
    right, bottom = width - fit.scaled_wh[0] - left, height - fit.scaled_wh[1] - top
    if left or top or right or bottom:
        color = (recipe.pad,) * 3
        scaled = cv2.copyMakeBorder(
            scaled, top, bottom, left, right, cv2.BORDER_CONSTANT, value=color
        )
    return scaled, fit.placement


def _scaled(
    pixels: np.ndarray, size_wh: tuple[int, int], interpolation: Interpolation
) -> np.ndarray:
    import cv2

    if size_wh == (pixels.shape[1], pixels.shape[0]):
        return pixels
    how = getattr(cv2, _INTERPOLATIONS[interpolation])
    return np.asarray(cv2.resize(pixels, size_wh, interpolation=how))


def _order(picture: np.ndarray, color: Color) -> np.ndarray:
    """RGB to the recipe's channels, (H, W, C)."""
    import cv2

    if color == "grey":
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))[..., None]
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)) if color == "bgr" else picture


def _fill(target: np.ndarray, picture: np.ndarray, recipe: Recipe) -> None:
    """Write a uint8 picture (H, W, C) into a tensor (C, H, W) or (H, W, C).

    A byte has 256 values, so scale, mean and std become a table look-up, exact to the last bit
    of float32 and faster than arithmetic.
    """
    import cv2

    table = value_table(recipe)
    channels_first = recipe.layout.endswith("CHW")
    planes = cv2.split(picture) if picture.shape[2] > 1 else [picture[..., 0]]
    for index, plane in enumerate(planes):
        place = target[index] if channels_first else target[..., index]
        column = np.ascontiguousarray(table[:, index])
        direct = place.dtype == column.dtype and place.flags.c_contiguous
        if direct:
            cv2.LUT(plane, column, dst=place)
        else:
            with np.errstate(over="ignore"):
                place[...] = np.asarray(cv2.LUT(plane, column)).astype(place.dtype)


def _per_channel(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    count = recipe.channels
    mean = np.broadcast_to(np.asarray(recipe.mean, np.float64), (count,))
    std = np.broadcast_to(np.asarray(recipe.std, np.float64), (count,))
    return mean, std

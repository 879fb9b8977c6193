"""How a picture becomes the input tensor, and the way back.

A recipe is a plain value: it can be shown, changed and kept. `prepare` applies it; `picture_of`
turns an input tensor back into a picture, so that one can see what the network saw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from core.errors import ImageError
from core.images import MAX_PIXELS
from core.placement import Placement
from core.tensors import Shape, numpy_dtype

Layout = Literal["NCHW", "NHWC", "CHW", "HWC"]
Resize = Literal["stretch", "letterbox", "letterbox-top-left", "center-crop", "none"]
Color = Literal["rgb", "bgr", "grey"]
Interpolation = Literal["nearest", "linear", "cubic", "area", "lanczos"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What happens to a picture's pixels: resized, ordered, then (pixel * scale - mean) / std."""

    input: str  # the tensor's name
    layout: Layout
    size_wh: tuple[int, int]  # width and height of the network's picture, pixels
    batch: int = 1  # a fixed batch is filled with the one picture
    color: Color = "rgb"
    resize: Resize = "stretch"
    interpolation: Interpolation = "linear"
    pad: int = 114  # 0..255, around a letterboxed picture
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0,)  # one number, or one a channel, in the tensor's order
    std: tuple[float, ...] = (1.0,)
    dtype: str = "float32"
    evidence: str = ""  # why this recipe was chosen, for people
    certainty: Literal["certain", "likely", "guess"] = "guess"  # of that evidence

    @property
    def channels(self) -> int:
        """1 for grey, else 3."""
        return 1 if self.color == "grey" else 3

    @property
    def shape(self) -> tuple[int, ...]:
        """The input tensor's shape."""
        width, height = self.size_wh
        by_letter = {"N": self.batch, "C": self.channels, "H": height, "W": width}
        return tuple(by_letter[letter] for letter in self.layout)

    def as_json(self) -> dict[str, object]:
        """The `recipe` object of `enginebay run --json`."""
        fields = asdict(self)
        fields["shape"] = self.shape
        return {key: list(v) if isinstance(v, tuple) else v for key, v in fields.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The input tensor, and where the picture lies in it."""

    tensor: np.ndarray
    placement: Placement


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
    """
    if make_buffer is None:
        tensor = np.empty(recipe.shape, numpy_dtype(recipe.dtype))
    else:
        tensor = make_buffer(recipe.input, recipe.shape)
    first = tensor[0] if recipe.layout.startswith("N") else tensor
    placement = prepare_into(first, pixels, recipe)
    if first is not tensor:
        tensor[1:] = first
    return Prepared(tensor, placement)


def prepare_into(row: np.ndarray, pixels: np.ndarray, recipe: Recipe) -> Placement:
    """Apply a recipe to one picture of a batch; any thread, where nobody else has the row.

    Args:
        row: where to write: (C, H, W) or (H, W, C), of recipe.dtype, without the batch.
        pixels: (H, W, 3) uint8, RGB.
        recipe: what to do.
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
    first = np.asarray(tensor[0] if recipe.layout.startswith("N") else tensor, np.float64)
    planes = first if recipe.layout.endswith("CHW") else first.transpose(2, 0, 1)
    mean, std = _per_channel(recipe)
    numbers = (planes * std[:, None, None] + mean[:, None, None]) / recipe.scale
    picture = np.rint(np.clip(numbers, 0, 255)).astype(np.uint8).transpose(1, 2, 0)
    if recipe.color == "grey":
        return np.repeat(picture, 3, axis=2)
    return picture[..., ::-1].copy() if recipe.color == "bgr" else np.ascontiguousarray(picture)


def _resize(pixels: np.ndarray, recipe: Recipe) -> tuple[np.ndarray, Placement]:
    import cv2

    width, height = recipe.size_wh
    image_h, image_w = pixels.shape[:2]
    if recipe.resize == "stretch":
        scaled = _scaled(pixels, (width, height))
        return scaled, Placement(width / image_w, height / image_h, 0.0, 0.0)
    ratios = (width / image_w, height / image_h)
    ratio = max(ratios) if recipe.resize == "center-crop" else min(ratios)
    new_w, new_h = max(round(image_w * ratio), 1), max(round(image_h * ratio), 1)
    if new_w * new_h > MAX_PIXELS:
        raise ImageError(
            "image-too-thin",
            f"A picture of {image_w} x {image_h} pixels is too thin to be cropped to "
            f"{width} x {height}.",
            "Cut the part you mean out of it first.",
        )
    scaled = _scaled(pixels, (new_w, new_h))
    if recipe.resize == "center-crop":
        left, top = (new_w - width) // 2, (new_h - height) // 2
        crop = scaled[top : top + height, left : left + width]
        return crop, Placement(new_w / image_w, new_h / image_h, -left, -top)
    left, top = 0, 0
    if recipe.resize == "letterbox":
        # The odd pixel goes to the right and the bottom, as in Ultralytics' LetterBox.
        left, top = (width - new_w) // 2, (height - new_h) // 2
    right, bottom = width - new_w - left, height - new_h - top
    if left or top or right or bottom:
        color = (recipe.pad,) * 3
        scaled = cv2.copyMakeBorder(
            scaled, top, bottom, left, right, cv2.BORDER_CONSTANT, value=color
        )
    return scaled, Placement(new_w / image_w, new_h / image_h, left, top)


def _scaled(pixels: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    import cv2

    if size_wh == (pixels.shape[1], pixels.shape[0]):
        return pixels
    return np.asarray(cv2.resize(pixels, size_wh, interpolation=cv2.INTER_LINEAR))


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

    mean, std = _per_channel(recipe)
    levels = np.arange(256, dtype=np.float64)[:, None] * recipe.scale
    table = (levels - mean) / std  # (256, C)
    if target.dtype == np.uint8:
        table = np.rint(np.clip(table, 0, 255)).astype(np.uint8)
    else:
        table = table.astype(np.float32)
    channels_first = recipe.layout.endswith("CHW")
    planes = cv2.split(picture) if picture.shape[2] > 1 else [picture[..., 0]]
    for index, plane in enumerate(planes):
        place = target[index] if channels_first else target[..., index]
        column = np.ascontiguousarray(table[:, index])
        direct = place.dtype == column.dtype and place.flags.c_contiguous
        if direct:
            cv2.LUT(plane, column, dst=place)
        else:
            place[...] = np.asarray(cv2.LUT(plane, column)).astype(place.dtype)


def _per_channel(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    count = recipe.channels
    mean = np.broadcast_to(np.asarray(recipe.mean, np.float64), (count,))
    std = np.broadcast_to(np.asarray(recipe.std, np.float64), (count,))
    return mean, std


def image_layout(shape: Shape, dtype: str) -> Layout | None:
    """The layout of a tensor that can take a picture, or None.

    A picture has 3 or 4 dimensions, 1 or 3 channels, a plausible type, and sides of at least
    two pixels (or free ones).
    """
    if dtype not in ("float32", "float16", "bfloat16", "float64", "uint8"):
        return None
    layouts: tuple[Any, ...] = {4: ("NCHW", "NHWC"), 3: ("CHW", "HWC")}.get(len(shape), ())
    for layout in layouts:
        dims = dict(zip(layout, shape, strict=True))
        sides = (dims["H"], dims["W"])
        if dims["C"] in (1, 3) and all(side is None or side >= 2 for side in sides):
            found: Layout = layout
            return found
    return None

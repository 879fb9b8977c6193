"""Where a recipe puts a picture of some size: the one geometry of every way to prepare it."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ImageError
from core.images import MAX_PIXELS
from core.placement import Placement
from core.recipes import Recipe


@dataclass(frozen=True, slots=True)
class Fit:
    """The size that a picture is scaled to, and where that lies in the network's picture."""

    scaled_wh: tuple[int, int]  # pixels
    left: int  # of the scaled picture in the network's; below 0 where it is cropped
    top: int
    placement: Placement


def fit_picture(image_wh: tuple[int, int], recipe: Recipe) -> Fit:
    """How a picture of this size comes into the network's picture.

    Raises:
        ImageError: if it cannot: kind "image-too-thin", or with the resize "none" kind
            "image-size".
    """
    width, height = recipe.size_wh
    image_w, image_h = image_wh
    if recipe.resize == "none":
        if (image_w, image_h) != (width, height):
            raise ImageError(
                "image-size",
                f"The picture has {image_w} x {image_h} pixels; without resizing, input "
                f"{recipe.input!r} takes {width} x {height} only.",
                "Choose another resize, or give a picture of that size.",
            )
        return Fit(image_wh, 0, 0, Placement(1.0, 1.0, 0.0, 0.0))
    if recipe.resize == "stretch":
        placement = Placement(width / image_w, height / image_h, 0.0, 0.0)
        return Fit((width, height), 0, 0, placement)
    ratios = (width / image_w, height / image_h)
    ratio = max(ratios) if recipe.resize == "center-crop" else min(ratios)
    new_w, new_h = round(image_w * ratio), round(image_h * ratio)
    if recipe.resize == "letterbox-top-left":
        # Cut off, as in YOLOX's preproc (yolox/data/data_augment.py) and EfficientDet's; the
        # side that fits exactly must not lose a pixel to binary fractions, nor a last one be cut.
        new_w = int(image_w * ratio + 1e-6) or new_w
        new_h = int(image_h * ratio + 1e-6) or new_h
    if min(new_w, new_h) < 1:
        raise ImageError(
            "image-too-thin",
            f"A picture of {image_w} x {image_h} pixels would be less than a pixel "
            f"{'wide' if new_w < 1 else 'high'} when it is fitted into {width} x {height}.",
            'Cut the part you mean out of it first, or resize by "stretch".',
        )
    if new_w * new_h > MAX_PIXELS:
        raise ImageError(
            "image-too-thin",
            f"A picture of {image_w} x {image_h} pixels is too thin to be cropped to "
            f"{width} x {height}.",
            "Cut the part you mean out of it first.",
        )
    left, top = 0, 0
    if recipe.resize == "center-crop":
        left, top = -((new_w - width) // 2), -((new_h - height) // 2)
    elif recipe.resize == "letterbox":
        # The odd pixel goes to the right and the bottom, as in Ultralytics' LetterBox.
        left, top = (width - new_w) // 2, (height - new_h) // 2
    return Fit((new_w, new_h), left, top, Placement(new_w / image_w, new_h / image_h, left, top))

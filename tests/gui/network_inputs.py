"""A run whose input can be looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from core.images import Image
from core.preprocess import prepare
from core.recipes import Recipe
from gui.inference_thread import RunImage, Tested, to_qimage
from tests.gui.fakes import ran


def red_picture() -> Tested:
    """A picture of 4 x 2 pixels, each (51, 0, 0), stretched to 2 x 2 and divided by 255."""
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[..., 0] = 51
    recipe = Recipe(input="images", layout="NCHW", size_wh=(2, 2))
    inputs = {"images": prepare(pixels, recipe).tensor}
    tested = ran(RunImage(Path("red.png"), 1))
    image = Image(pixels)
    result = replace(tested.result, image=image, recipe=recipe, inputs=inputs)
    seen = result.network_picture()
    assert seen is not None
    return tested._replace(
        result=result, picture=to_qimage(pixels), network_picture=to_qimage(seen)
    )

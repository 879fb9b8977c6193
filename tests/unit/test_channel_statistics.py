"""What the network saw, in numbers."""

from __future__ import annotations

import numpy as np
import pytest

from core.channel_statistics import channel_statistics
from core.recipes import Recipe, prepare


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "CHW", "HWC"])
def test_each_channel_is_measured_before_and_after_in_the_tensors_order(layout: str) -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[..., 0] = [[0, 100], [100, 200]]  # red
    pixels[..., 2] = 51  # blue
    recipe = Recipe(input="x", layout=layout, size_wh=(2, 2), color="bgr", mean=(0.5,), std=(2.0,))  # type: ignore[arg-type]
    blue, green, red = channel_statistics(pixels, prepare(pixels, recipe).tensor, recipe)
    assert [one.name for one in (blue, green, red)] == ["blue", "green", "red"]
    assert (blue.before, green.before, red.before) == ((51, 51, 51), (0, 0, 0), (0, 100, 200))
    assert blue.after == pytest.approx((-0.15, -0.15, -0.15))  # (51 / 255 - 0.5) / 2
    assert green.after == pytest.approx((-0.25, -0.25, -0.25))
    assert red.after == pytest.approx((-0.25, 100 / 510 - 0.25, 200 / 510 - 0.25))


def test_the_padding_counts_and_a_tensor_without_a_number_has_no_values() -> None:
    pixels = np.full((2, 4, 3), 200, np.uint8)
    recipe = Recipe(input="x", layout="CHW", size_wh=(4, 4), resize="letterbox", pad=100)
    (red, *_) = channel_statistics(pixels, np.full((3, 4, 4), np.nan, np.float32), recipe)
    assert red.before == (100, 150, 200)
    assert red.after is None

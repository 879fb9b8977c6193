"""Each preset on a picture of 2 x 2 pixels, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.errors import InputError
from core.preprocess import prepare
from core.presets import PRESETS, apply_preset, preset_of
from core.recipe_check import check_values
from core.recipes import Recipe

# Red, green; blue, and an odd colour.
PICTURE = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [51, 102, 204]]], np.uint8)
BASE = Recipe(input="x", layout="NCHW", size_wh=(2, 2), interpolation="nearest")
COLOURED = [  # the four pixels of each channel, in the tensor's order
    ("ultralytics", [[1, 0, 0, 0.2], [0, 1, 0, 0.4], [0, 0, 1, 0.8]]),
    ("yolox", [[0, 0, 255, 204], [0, 255, 0, 102], [255, 0, 0, 51]]),
    (
        "imagenet",
        [  # (1 - 0.485) / 0.229, -0.485 / 0.229, (0.2 - 0.485) / 0.229; and so on
            [2.248908, -2.117904, -2.117904, -1.244541],
            [-2.035714, 2.428571, -2.035714, -0.25],
            [-1.804444, -1.804444, 2.64, 1.751111],
        ],
    ),
    (
        "caffe-bgr-mean",
        [
            [-103.939, -103.939, 151.061, 100.061],
            [-116.779, 138.221, -116.779, -14.779],
            [131.32, -123.68, -123.68, -72.68],
        ],
    ),
    ("minus-one-to-one", [[1, -1, -1, -0.6], [-1, 1, -1, -0.2], [-1, -1, 1, 0.6]]),
    ("zero-to-one", [[1, 0, 0, 0.2], [0, 1, 0, 0.4], [0, 0, 1, 0.8]]),
    ("zero-to-255", [[255, 0, 0, 51], [0, 255, 0, 102], [0, 0, 255, 204]]),
]
# 0.299, 0.587 and 0.114 of red, green and blue, rounded: 76, 150, 29 and 98.
GREY = [("mnist", [76, 150, 29, 98]), ("zero-to-one", [76 / 255, 150 / 255, 29 / 255, 98 / 255])]


@pytest.mark.parametrize(("name", "expected"), COLOURED, ids=[name for name, _ in COLOURED])
def test_a_preset_gives_the_values_that_its_source_gives(
    name: str, expected: list[list[float]]
) -> None:
    recipe = apply_preset(name, BASE)
    tensor = prepare(PICTURE, recipe).tensor
    np.testing.assert_allclose(tensor[0].reshape(3, 4), expected, rtol=1e-5, atol=1e-6)
    assert recipe.evidence == f"the preset {name}"


@pytest.mark.parametrize(("name", "expected"), GREY, ids=[name for name, _ in GREY])
def test_a_preset_gives_grey_values_too(name: str, expected: list[float]) -> None:
    tensor = prepare(PICTURE, apply_preset(name, replace(BASE, color="grey"))).tensor
    np.testing.assert_allclose(tensor.reshape(-1), expected, rtol=1e-6)


def test_every_preset_is_tried_here() -> None:
    assert {name for name, _ in (*COLOURED, *GREY)} == set(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("color", ["rgb", "bgr", "grey"])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_preset_keeps_what_belongs_to_the_model(name: str, color: str, dtype: str) -> None:
    base = Recipe(input="data", layout="NHWC", size_wh=(30, 20), batch=2, color=color, dtype=dtype)
    recipe = apply_preset(name, base)
    check_values(recipe)
    assert (recipe.input, recipe.dtype, recipe.shape) == ("data", dtype, base.shape)
    if dtype == "uint8":
        assert (recipe.scale, recipe.mean, recipe.std) == (1.0, (0.0,), (1.0,))


def test_where_the_picture_goes_is_the_presets() -> None:
    resizes = {name: apply_preset(name, BASE).resize for name in PRESETS}
    assert resizes["ultralytics"] == "letterbox"
    assert resizes["yolox"] == "letterbox-top-left"
    assert resizes["imagenet"] == "center-crop"
    kept = apply_preset("minus-one-to-one", replace(BASE, resize="letterbox", color="bgr"))
    assert (kept.resize, kept.color) == ("letterbox", "bgr")


def test_a_grey_input_takes_the_mean_of_the_three_means() -> None:
    recipe = apply_preset("imagenet", replace(BASE, color="grey"))
    assert recipe.mean == pytest.approx((0.449,))
    assert recipe.std == pytest.approx((0.226,))


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="no preset 'yolo'") as caught:
        apply_preset("yolo", BASE)
    assert "ultralytics" in caught.value.hint


@pytest.mark.parametrize("name", ["ultralytics", "yolox", "imagenet", "caffe-bgr-mean"])
def test_a_recipe_is_known_as_its_preset(name: str) -> None:
    assert preset_of(apply_preset(name, BASE)) == name
    assert preset_of(replace(apply_preset(name, BASE), scale=0.3)) == ""

"""The kernel's tables and arithmetic against cv2.resize, and by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.recipes import Interpolation
from core.resize_taps import axis_taps
from tests.unit.preprocess_kernel import resized

SIDES = (1, 2, 3, 5, 7, 16, 31, 64, 97, 224, 333)
HOW = {"linear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST_EXACT}


def levels_apart(image: np.ndarray, size_wh: tuple[int, int], how: Interpolation) -> int:
    """The largest difference between the kernel's arithmetic and OpenCV, in levels."""
    width, height = size_wh
    columns = axis_taps(image.shape[1], width, 0, width, how, vertical=False)
    rows = axis_taps(image.shape[0], height, 0, height, how, vertical=True)
    found = resized(image, columns, rows, 0)
    expected = cv2.resize(image, size_wh, interpolation=HOW[how]).astype(int)
    return int(np.abs(found - expected).max())


@pytest.mark.parametrize(("how", "most"), [("linear", 1), ("nearest", 0)])
@pytest.mark.parametrize("width", SIDES)
def test_every_pair_of_sizes_is_opencvs(how: Interpolation, most: int, width: int) -> None:
    random = np.random.default_rng(width)
    for new_width in SIDES:
        height, new_height = (int(side) for side in random.choice(SIDES, 2))
        image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        assert levels_apart(image, (new_width, new_height), how) <= most
        harsh = np.where(image > 127, 255, 0).astype(np.uint8)
        assert levels_apart(harsh, (new_width, new_height), how) <= most


@pytest.mark.parametrize(("how", "most"), [("linear", 1), ("nearest", 0)])
@pytest.mark.parametrize(
    ("image_wh", "size_wh"),
    [
        ((1280, 720), (640, 360)),  # by two, where OpenCV averages
        ((1920, 1080), (640, 640)),
        ((20_000, 9), (640, 3)),
        ((9, 8000), (5, 11)),
        ((31, 17), (2048, 1111)),
        ((1420, 4), (1535, 4)),  # pixel middles that meet pixel edges
    ],
)
def test_pictures_of_real_and_huge_sizes_are_opencvs(
    how: Interpolation, most: int, image_wh: tuple[int, int], size_wh: tuple[int, int]
) -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (image_wh[1], image_wh[0], 3), dtype=np.uint8)
    assert levels_apart(image, size_wh, how) <= most


def test_all_byte_values_stay_what_they_are_without_scaling() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    columns = axis_taps(256, 256, 0, 256, "linear", vertical=False)
    rows = axis_taps(1, 1, 0, 1, "linear", vertical=True)
    assert (resized(ramp, columns, rows, 0) == ramp).all()


def test_two_pixels_made_four_mix_by_quarters() -> None:
    # Middles at -0.25, 0.25, 0.75, 1.25: the outer two lie beyond the edge pixels' middles.
    taps = axis_taps(2, 4, 0, 4, "linear", vertical=False)
    assert taps.tolist() == [[0, 0, 2048, 0], [0, 1, 1536, 512], [0, 1, 512, 1536], [1, 1, 2048, 0]]


def test_padding_is_before_and_after_the_picture() -> None:
    taps = axis_taps(3, 3, 2, 7, "nearest", vertical=False)
    assert taps[:, 0].tolist() == [-1, -1, 0, 1, 2, -1, -1]


def test_a_crop_begins_within_the_picture() -> None:
    taps = axis_taps(9, 9, -3, 4, "linear", vertical=True)
    assert taps[:, 0].tolist() == [3, 4, 5, 6]
    assert not taps.flags.writeable  # it is shared


def test_grey_is_opencvs_for_every_colour() -> None:
    levels = np.arange(256, dtype=np.uint8)
    for red in range(0, 256, 5):
        green, blue = np.meshgrid(levels, levels)
        image = np.stack([np.full_like(green, red), green, blue], axis=2)
        wide = image.astype(np.int32) @ np.array([9798, 19235, 3735], np.int32)
        expected = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        assert np.abs(((wide + (1 << 14)) >> 15) - expected).max() <= 1

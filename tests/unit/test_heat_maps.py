"""Slices in colours."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from core.heat_maps import MARK_COLORS, MAX_SIDE, heat_map
from core.tensor_statistics import Mark


def test_a_heat_map_goes_from_dark_to_bright_and_keeps_its_range() -> None:
    found = heat_map(np.linspace(-1, 3, 12, dtype=np.float32).reshape(3, 4))
    assert found is not None
    assert found.pixels.shape == (3, 4, 3)
    assert found.pixels[0, 0].sum() < found.pixels[2, 3].sum()
    assert (found.low, found.high, found.step) == (-1, 3, (1, 1))


def test_marks_have_their_colours() -> None:
    values = np.array([[0.0, np.nan], [np.inf, 1.0]], np.float32)
    found = heat_map(values, saturated=(1.0,))
    assert found is not None
    assert tuple(found.pixels[0, 1]) == MARK_COLORS[Mark.NAN]
    assert tuple(found.pixels[1, 0]) == MARK_COLORS[Mark.INF]
    assert tuple(found.pixels[1, 1]) == MARK_COLORS[Mark.SATURATED]
    assert (found.low, found.high) == (0.0, 0.0), "of what is not marked"


@pytest.mark.parametrize("place", [(0, 0), (1999, 2999), (1, 1), (777, 1234)])
def test_a_thinned_heat_map_loses_no_mark(place: tuple[int, int]) -> None:
    values = np.zeros((2000, 3000), np.float16)
    values[place] = np.nan
    found = heat_map(values)
    assert found is not None
    assert max(found.pixels.shape) <= MAX_SIDE
    assert found.step == (2, 3)
    red = np.argwhere((found.pixels == MARK_COLORS[Mark.NAN]).all(axis=2))
    assert red.tolist() == [[place[0] // 2, place[1] // 3]]


@pytest.mark.parametrize(
    "values",
    [
        np.full((2, 2), np.nan, np.float32),
        np.full((2, 2), 7, np.int64),
        np.array([[True, False]]),
        np.array([[-3e38, 3e38]], np.float32),
        np.array([[-1e300, 1e300]], np.float64),
        np.ones((2, 3), ml_dtypes.bfloat16),
    ],
    ids=["all NaN", "all the same", "bools", "float32's range", "beyond float32", "bfloat16"],
)
def test_a_heat_map_takes_any_numbers_without_a_warning(values: np.ndarray) -> None:
    found = heat_map(values)  # warnings are errors here
    assert found is not None
    assert found.pixels.shape[:2] == values.shape


@pytest.mark.parametrize("values", [np.zeros((0, 4)), np.array([["cat"]], dtype=object)])
def test_what_has_no_numbers_has_no_colours(values: np.ndarray) -> None:
    assert heat_map(values) is None

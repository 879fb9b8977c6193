"""Outputs in numbers: every dtype, every kind of nonsense."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import pytest

from core.predictions import Detection, TensorSummary, class_label, is_finite, summarize

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize(
    ("array", "low", "high", "mean", "nan", "inf"),
    [
        (np.array([1, 2, 6], np.float32), 1, 6, 3, 0, 0),
        (np.array([[1, NAN], [INF, 3]], np.float32), 1, 3, 2, 1, 1),
        (np.array([INF, -INF], np.float32), None, None, None, 0, 2),
        (np.array([INF, -INF, 5], np.float16), 5, 5, 5, 0, 2),
        (np.full(3, NAN, np.float64), None, None, None, 3, 0),
        (np.full(3, 1e308), 1e308, 1e308, 1e308, 0, 0),
        (np.full(100, 60000, np.float16), 60000, 60000, 60000, 0, 0),
        (np.array([1] * 4095 + [2], np.float16), 1, 2, 1 + 1 / 4096, 0, 0),
        (np.array([True, False]), 0, 1, 0.5, 0, 0),
        (np.array([-128, 127], np.int8), -128, 127, -0.5, 0, 0),
        (np.array([0, 255], np.uint8), 0, 255, 127.5, 0, 0),
        (np.array([1, NAN, INF], ml_dtypes.bfloat16), 1, 1, 1, 1, 1),
        (np.array([1, NAN], ml_dtypes.float8_e4m3fn), 1, 1, 1, 1, 0),
        (np.array([-3, 1], ml_dtypes.int4), -3, 1, -1, 0, 0),
        (np.float32(4), 4, 4, 4, 0, 0),
        (np.empty((0, 4), np.float32), None, None, None, 0, 0),
        (np.array(["cat"], object), None, None, None, 0, 0),
        (np.array([1 + 2j]), None, None, None, 0, 0),
    ],
)
def test_a_summary_measures_the_finite_values_and_counts_the_others(
    array: np.ndarray,
    low: float | None,
    high: float | None,
    mean: float | None,
    nan: int,
    inf: int,
) -> None:
    array = np.asarray(array)
    found = summarize("out", array)
    assert (found.name, found.dtype, found.shape) == ("out", array.dtype.name, array.shape)
    assert (found.min, found.max, found.nan, found.inf) == (low, high, nan, inf)
    assert found.mean == (mean if mean is None else pytest.approx(mean))
    json.dumps(found.as_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("class_id", "label"), [(0, "cat"), (1, "dog"), (2, "2"), (-1, "-1"), (99, "99")]
)
def test_a_class_without_a_name_is_its_number(class_id: int, label: str) -> None:
    assert class_label(("cat", "dog"), class_id) == label


def test_a_box_in_json_has_numbers_short_enough_to_read() -> None:
    found = Detection("cat", 0, 0.123456789, (1.23456, 2.0, 3.0, 4.99999))
    assert found.as_json() == {
        "label": "cat",
        "class_id": 0,
        "score": 0.123457,
        "box": [1.235, 2.0, 3.0, 5.0],
    }


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_found_anywhere(dtype: type, bad: float) -> None:
    array = np.ones((3, 50), dtype)
    assert is_finite(array)
    array[2, 49] = bad
    assert not is_finite(array)
    array[0, 0] = -bad
    assert not is_finite(array)


def test_halves_whose_sum_is_past_their_range_are_finite() -> None:
    assert is_finite(np.full(100, 60000, np.float16))


def test_values_without_numbers_are_finite() -> None:
    for array in (np.zeros((0, 4), np.float32), np.array(["a"]), np.array([True]), np.arange(3)):
        assert is_finite(array)


def test_summaries_compare_by_value() -> None:
    one = summarize("a", np.zeros(3))
    assert one == TensorSummary("a", "float64", (3,), 0.0, 0.0, 0.0, 0, 0)

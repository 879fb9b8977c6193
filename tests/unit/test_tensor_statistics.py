"""Statistics, histogram and marks of a tensor."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from core.tensor_statistics import CHUNK, Mark, Saturation, measure, next_marked, rank_of


def test_a_small_tensor_is_measured_as_by_hand() -> None:
    found = measure(np.array([[1.0, np.nan, 3.0], [np.inf, 0.0, -np.inf]], np.float32))
    assert (found.size, found.nan, found.inf, found.zeros) == (6, 1, 2, 1)
    assert (found.min, found.max) == (0.0, 3.0)
    assert found.mean == pytest.approx(4 / 3)
    assert found.std == pytest.approx(np.sqrt(14) / 3)  # of 0, 1, 3: (16 + 1 + 25) / 9 / 3
    assert found.marks is not None
    assert found.marks.tolist() == [[0, Mark.NAN, 0], [Mark.INF, 0, Mark.INF]]


def test_a_histogram_over_many_chunks_is_numpys_own() -> None:
    values = np.random.default_rng(1).normal(size=3 * CHUNK + 17).astype(np.float32)
    found = measure(values).histogram
    assert found is not None
    counts, edges = np.histogram(values.astype(np.float64), bins=256)
    assert np.array_equal(found.counts, counts)
    assert found.edges == pytest.approx(edges)
    assert found.counts.sum() == values.size


def test_integers_of_a_small_range_have_a_bin_each() -> None:
    found = measure(np.array([3, 5, 5, 7, 7, 7], np.int64)).histogram
    assert found is not None
    assert found.counts.tolist() == [1, 0, 2, 0, 3]
    assert found.edges.tolist() == [2.5, 3.5, 4.5, 5.5, 6.5, 7.5]


@pytest.mark.parametrize(
    "dtype",
    [
        "bool", "int8", "uint8", "int16", "int64", "uint64", "float16", "float32", "float64",
        "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e8m0fnu",
        "float4_e2m1fn", "int4", "uint4",
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 1, 2, 1, 2, 1), (4,)])
def test_every_dtype_and_shape_is_measured(dtype: str, shape: tuple[int, ...]) -> None:
    assert ml_dtypes.bfloat16  # registers its types with numpy
    array = np.ones(shape, np.float32).astype(np.dtype(dtype))
    found = measure(array)
    assert (found.size, found.nan, found.inf, found.saturated) == (array.size, 0, 0, 0)
    assert found.mean == (1.0 if array.size else None)
    if found.histogram is not None:
        assert found.histogram.counts.sum() == array.size


@pytest.mark.parametrize("values", [["cat", "dog"], [1 + 2j]])
def test_texts_and_complex_numbers_are_only_counted(values: list[object]) -> None:
    found = measure(np.array(values))
    assert (found.size, found.is_numeric, found.mean) == (len(values), False, None)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([-3e38, 3e38], "float32"),
        ([-1.7e308, 1e308], "float64"),
        ([0, 5e-324], "float64"),
        ([1e300, 1e300], "float64"),
        ([2**62, 2**62 + 1], "int64"),
        ([-(2**63), 2**63 - 1], "int64"),
        ([np.nan, np.nan], "float16"),
    ],
)
def test_extreme_values_are_counted_without_a_warning(values: list[float], dtype: str) -> None:
    found = measure(np.array(values, dtype))  # warnings are errors here
    if found.nan == 0:
        assert (found.min, found.max) == (np.array(values, dtype)[0], np.array(values, dtype)[1])
        assert found.histogram is not None
        assert found.histogram.counts.sum() == 2


@pytest.mark.parametrize(
    ("values", "dtype", "value"),
    [
        ([1, 65504, 3], "float16", 65504.0),
        ([-448, 0, 3], "float8_e4m3fn", -448.0),
        ([0, 2**63 - 1], "int64", 2**63 - 1),
        ([0, -(2**15)], "int16", -(2**15)),
    ],
)
def test_a_single_value_at_a_wide_types_limit_is_saturated(
    values: list[float], dtype: str, value: float
) -> None:
    found = measure(np.array(values, np.dtype(dtype)))
    assert found.saturations == (Saturation(value, 1, f"{dtype}'s limit"),)
    assert found.marks is not None
    marked = [Mark.SATURATED if one == value else Mark.NONE for one in values]
    assert found.marks.tolist() == marked


def _tail(dtype: str) -> np.ndarray:
    """Ten of each integer from 100 to 126, thirty of 127: a tail cut at 127."""
    return np.concatenate([np.repeat(np.arange(100, 127), 10), np.full(30, 127)]).astype(dtype)


def test_a_tail_folded_onto_int8s_limit_is_saturated() -> None:
    assert measure(_tail("int8")).saturations == (Saturation(127, 30, "many at int8's limit"),)


def test_a_tail_that_ends_by_itself_or_elsewhere_is_not() -> None:
    values = _tail("int8")
    assert measure(values[:-11]).saturated == 0, "19 at 127 is less than twice 10"
    assert measure(values - 1).saturated == 0, "126 is no limit of int8"
    assert measure(np.array([3, 127], np.int8)).saturated == 0, "some value is the largest"


def test_floats_piled_up_at_the_end_of_their_range_are_saturated() -> None:
    """0, 0.01 ... 5.99 once each, and twenty times the 6 that ReLU6 cuts at."""
    values = np.concatenate([np.arange(600) / 100, np.full(20, 6.0)]).astype(np.float32)
    assert measure(values).saturations == (Saturation(6.0, 20, "many at the end of the range"),)


@pytest.mark.parametrize(
    "values",
    [
        np.concatenate([np.zeros(500), np.arange(600) / 100]).astype(np.float32),
        np.repeat([0.0, 1.0], 400).astype(np.float32),
        np.repeat(np.array([0, 255], np.uint8), 400),
        np.concatenate([np.zeros(500, np.uint8), np.arange(200, dtype=np.uint8)]),
        np.repeat(np.arange(21), 50).astype(np.float32),
        np.full(100, 3.5, np.float32),
        np.repeat([True, False], 50),
    ],
    ids=["ReLU", "mask", "byte mask", "unsigned zeros", "class ids", "constant", "bools"],
)
def test_what_is_only_frequent_is_not_called_saturated(values: np.ndarray) -> None:
    assert measure(values).saturations == ()


def test_the_next_mark_is_found_in_both_directions_and_around_the_end() -> None:
    marks = np.zeros(2 * CHUNK + 10, np.uint8)
    marks[[5, CHUNK + 7]] = Mark.NAN
    marks[2 * CHUNK + 3] = Mark.INF
    assert next_marked(marks, Mark.NAN, -1) == 5
    assert next_marked(marks, Mark.NAN, 5) == CHUNK + 7
    assert next_marked(marks, Mark.NAN, CHUNK + 7) == 5
    assert next_marked(marks, Mark.NONE, CHUNK + 7) == 2 * CHUNK + 3
    assert next_marked(marks, Mark.NAN, 5, -1) == CHUNK + 7
    assert next_marked(marks, Mark.NONE, -1, -1) == 2 * CHUNK + 3
    assert next_marked(marks, Mark.INF, 2 * CHUNK + 3) == 2 * CHUNK + 3, "the only one again"
    assert next_marked(marks, Mark.SATURATED, -1) is None
    assert rank_of(marks, Mark.NAN, CHUNK + 7) == (2, 2)
    assert rank_of(marks, Mark.NONE, 5) == (1, 3)


def test_measuring_stops_when_it_is_told_to() -> None:
    class StopError(Exception):
        pass

    def progress(_fraction: float) -> None:
        raise StopError

    with pytest.raises(StopError):
        measure(np.zeros(4, np.float32), progress)


def test_a_coarser_histogram_counts_the_same_elements() -> None:
    values = np.linspace(-1, 1, 1000, dtype=np.float32)
    found = measure(values).histogram
    assert found is not None
    coarse = found.coarser(8)
    counts, edges = np.histogram(values.astype(np.float64), bins=32)
    assert coarse.counts.sum() == 1000
    np.testing.assert_allclose(coarse.edges, edges)
    assert np.abs(coarse.counts - counts).max() <= 1  # where an element lies on an edge
    assert found.coarser(7) is found

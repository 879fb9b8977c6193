"""Slices of tensors of any rank."""

from __future__ import annotations

import numpy as np
import pytest

from core.tensor_slices import Slice, default_slice, index_of, place_of, take_slice

ARRAY = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)


def test_the_default_slice_has_the_last_two_dimensions() -> None:
    assert take_slice(ARRAY, default_slice(ARRAY.shape)).tolist() == ARRAY[0, 0].tolist()


@pytest.mark.parametrize("rows", range(4))
@pytest.mark.parametrize("columns", range(4))
def test_any_two_dimensions_can_be_rows_and_columns(rows: int, columns: int) -> None:
    if rows == columns:
        return
    fixed = (1, 2, 3, 4)
    values = take_slice(ARRAY, Slice(rows, columns, fixed))
    assert values.shape == (ARRAY.shape[rows], ARRAY.shape[columns])
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            place = list(fixed)
            place[rows], place[columns] = row, column
            assert values[row, column] == ARRAY[tuple(place)]
    assert np.shares_memory(values, ARRAY)


@pytest.mark.parametrize("shape", [(), (7,), (3, 4), (2, 3, 4), (1, 2, 1, 3, 2, 2)])
def test_every_element_is_found_in_its_slice_and_back(shape: tuple[int, ...]) -> None:
    array = np.arange(int(np.prod(shape))).reshape(shape)
    for index in range(array.size):
        place, choice, row, column = place_of(shape, default_slice(shape), index)
        assert array[place] == index
        assert take_slice(array, choice)[row, column] == index
        assert index_of(shape, choice, row, column) == index


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((0,), (1, 0)), ((0, 4), (0, 4)), ((4, 0), (4, 0)), ((0, 3, 4), (0, 4)), ((), (1, 1))],
)
def test_empty_and_scalar_tensors_have_a_slice(
    shape: tuple[int, ...], expected: tuple[int, int]
) -> None:
    assert take_slice(np.zeros(shape), default_slice(shape)).shape == expected

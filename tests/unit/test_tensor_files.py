"""Tensors as .npy files and as text."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from core.errors import EnginebayError
from core.tensor_files import cell_text, cells_text, save_npy


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.arange(6, dtype=np.float16).reshape(2, 3), "float16"),
        (np.array(5, np.int64), "int64"),
        (np.zeros((0, 3), bool), "bool"),
        (np.array([1.5, -2.0], ml_dtypes.bfloat16), "float32"),
        (np.array([1.5, -2.0], ml_dtypes.float8_e5m2), "float32"),
        (np.array(["cat", "dog"], object), "str96"),
    ],
)
def test_a_saved_tensor_is_read_back_without_pickle(
    tmp_path: Path, array: np.ndarray, dtype: str
) -> None:
    target = tmp_path / "tensor.npy"
    target.write_bytes(b"an older one")
    assert save_npy(array, target) == dtype
    read = np.load(target, allow_pickle=False)
    assert read.shape == array.shape
    assert read.tolist() == array.tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["tensor.npy"]


def test_a_folder_that_is_not_there_is_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(EnginebayError, match="cannot be written"):
        save_npy(np.zeros(3), tmp_path / "missing" / "tensor.npy")


def test_copied_cells_are_tab_separated_with_all_their_digits() -> None:
    values = np.array([[1.25, np.nan], [-np.inf, 1 / 3]])
    assert cells_text(values) == "1.25\tnan\n-inf\t0.3333333333333333"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float32(1 / 3), "0.333333"),
        (np.int64(2**62), "4611686018427387904"),
        (np.float16("nan"), "nan"),
        (np.bool_(True), "1"),
        (ml_dtypes.bfloat16(1.5), "1.5"),
        (np.complex64(1 + 2j), "(1+2j)"),
        ("cat", "cat"),
    ],
)
def test_a_cell_shows_any_value(value: object, text: str) -> None:
    assert cell_text(value) == text  # warnings are errors here

from __future__ import annotations

import json
import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tensors import (
    TENSORRT_DTYPES,
    Profile,
    TensorSpec,
    bits_of,
    bytes_text,
    numpy_dtype,
    shape_text,
    size_bytes,
)

DTYPES = [
    ("float64", 64, np.float64),
    ("float32", 32, np.float32),
    ("float16", 16, np.float16),
    ("bfloat16", 16, ml_dtypes.bfloat16),
    ("float8_e4m3fn", 8, ml_dtypes.float8_e4m3fn),
    ("float8_e4m3fnuz", 8, ml_dtypes.float8_e4m3fnuz),
    ("float8_e5m2", 8, ml_dtypes.float8_e5m2),
    ("float8_e5m2fnuz", 8, ml_dtypes.float8_e5m2fnuz),
    ("float8_e8m0fnu", 8, ml_dtypes.float8_e8m0fnu),
    ("float4_e2m1fn", 4, ml_dtypes.float4_e2m1fn),
    ("int64", 64, np.int64),
    ("int32", 32, np.int32),
    ("int16", 16, np.int16),
    ("int8", 8, np.int8),
    ("int4", 4, ml_dtypes.int4),
    ("uint64", 64, np.uint64),
    ("uint32", 32, np.uint32),
    ("uint16", 16, np.uint16),
    ("uint8", 8, np.uint8),
    ("uint4", 4, ml_dtypes.uint4),
    ("bool", 8, np.bool_),
    ("complex64", 64, np.complex64),
    ("complex128", 128, np.complex128),
]


@pytest.mark.parametrize(("name", "bits", "numpy_type"), DTYPES)
def test_every_dtype_has_its_bits_and_its_numpy_form(
    name: str, bits: int, numpy_type: type
) -> None:
    assert bits_of(name) == bits
    dtype = numpy_dtype(name)
    assert dtype == np.dtype(numpy_type)
    assert dtype.name == name
    assert dtype.itemsize == math.ceil(bits / 8)


@pytest.mark.parametrize(("number", "name"), TENSORRT_DTYPES.items())
def test_every_tensorrt_dtype_resolves(number: int, name: str) -> None:
    array = np.zeros(3, numpy_dtype(name))
    assert array.dtype.name == name
    assert bits_of(name) is not None


def test_tensorrt_numbers_its_dtypes_so() -> None:
    # NvInferRuntimeBase.h, enum class DataType, TensorRT 10.
    names = (
        "float32 float16 int8 int32 bool uint8 float8_e4m3fn bfloat16 int64 int4 float4_e2m1fn "
        "float8_e8m0fnu"
    )
    assert dict(enumerate(names.split())) == TENSORRT_DTYPES


@pytest.mark.parametrize("name", ["string", "unknown (12)", "object", "float", "", "float128"])
def test_other_names_have_neither_bits_nor_numpy_form(name: str) -> None:
    assert bits_of(name) is None
    with pytest.raises(TypeError, match="no fixed-size numpy form"):
        numpy_dtype(name)


@pytest.mark.parametrize(
    ("dtype", "shape", "size"),
    [
        ("float32", (1, 3, 640, 640), 4_915_200),
        ("float16", (1, 84, 8400), 1_411_200),
        ("bfloat16", (5,), 10),
        ("float8_e4m3fn", (5,), 5),
        ("bool", (2, 3), 6),
        ("int4", (4,), 2),
        ("int4", (3,), 2),
        ("int4", (1,), 1),
        ("int4", (3, 3), 5),  # packed as a whole, not by row
        ("float4_e2m1fn", (7,), 4),
        ("float32", (), 4),
        ("int4", (), 1),
        ("float32", (0, 3), 0),
        ("int4", (0,), 0),
        ("float32", (None, 3, 8, 8), None),
        ("float32", (0, None), None),
        ("string", (1,), None),
        ("unknown (12)", (1,), None),
        ("uint8", (2**53 + 1,), 2**53 + 1),
        ("float64", (2**62,) * 20, 2 ** (62 * 20 + 3)),  # a hostile file may say so
    ],
)
def test_size_of_a_linear_tensor(dtype: str, shape: tuple[int | None, ...], size: int) -> None:
    assert size_bytes(dtype, shape) == size
    spec = TensorSpec(name="t", mode="input", dtype=dtype, shape=shape)
    assert spec.size_bytes == size


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((), "scalar"),
        ((1,), "1"),
        ((1, 3, 640, 640), "1 x 3 x 640 x 640"),
        ((None, 3, None, 640), "? x 3 x ? x 640"),
        ((0, 2), "0 x 2"),
    ],
)
def test_shapes_for_people(shape: tuple[int | None, ...], text: str) -> None:
    assert shape_text(shape) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "?"),
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1234, "1.23 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (999_999, "1 MB"),
        (1_000_000, "1 MB"),
        (4_915_200, "4.92 MB"),
        (999_999_999, "1 GB"),
        (12_589_334_528, "12.6 GB"),
        (150_109_880_320, "150 GB"),
        (1_500_000_000_000, "1.5 TB"),
    ],
)
def test_sizes_for_people(count: int | None, text: str) -> None:
    assert bytes_text(count) == text


@given(st.integers(0, 999 * 10**12))
def test_sizes_for_people_are_short_and_right_to_half_a_percent(count: int) -> None:
    number, unit = bytes_text(count).split()
    assert "e" not in number
    assert len(number) <= 4
    factor = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}[unit]
    assert float(number) * factor == pytest.approx(count, rel=0.0051)


def test_a_spec_as_json_is_the_contract_of_the_info_command() -> None:
    profile = Profile(min=(1, 3, 8, 8), opt=(4, 3, 8, 8), max=(16, 3, 8, 8))
    spec = TensorSpec(
        name="images", mode="input", dtype="float16", shape=(None, 3, 8, 8), profiles=(profile,)
    )
    assert json.loads(json.dumps(spec.as_json())) == {
        "name": "images",
        "mode": "input",
        "dtype": "float16",
        "shape": [None, 3, 8, 8],
        "location": "device",
        "format": "linear",
        "bytes": None,
        "profiles": [{"min": [1, 3, 8, 8], "opt": [4, 3, 8, 8], "max": [16, 3, 8, 8]}],
    }

"""Arrays from files, and what no file may do."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from core import input_files
from core.errors import InputError
from core.input_files import inputs_that_take, read_array, read_shape
from core.tensors import Shape, TensorSpec

GOOD = np.arange(8, dtype=np.float32).reshape(2, 4)


def spec(shape: Shape = (None, 4), dtype: str = "float32", name: str = "x") -> TensorSpec:
    return TensorSpec(name=name, mode="input", dtype=dtype, shape=shape)


def npy(path: Path, array: np.ndarray, **more: bool) -> Path:
    np.save(path, array, **more)  # type: ignore[arg-type]
    return path


def npy_bytes(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int64", "uint8", "bool"])
def test_an_array_comes_back_as_it_was_saved(tmp_path: Path, dtype: str) -> None:
    values = (GOOD % 2).astype(dtype)
    path = npy(tmp_path / "x.npy", values)
    found = read_array(path, spec(dtype=dtype))
    np.testing.assert_array_equal(found, values)
    assert found.dtype == dtype
    assert read_shape(path, spec(dtype=dtype)) == (2, 4)


def test_fortran_order_and_foreign_byte_order_are_read_right(tmp_path: Path) -> None:
    path = npy(tmp_path / "x.npy", np.asfortranarray(GOOD).astype(">f4"))
    found = read_array(path, spec())
    np.testing.assert_array_equal(found, GOOD)
    assert found.dtype.name == "float32"


def test_a_scalar_and_an_empty_array_are_arrays(tmp_path: Path) -> None:
    assert read_array(npy(tmp_path / "a.npy", np.float32(3)), spec(())).shape == ()
    assert read_array(npy(tmp_path / "b.npy", GOOD[:0]), spec()).shape == (0, 4)


def test_types_that_numpys_format_cannot_keep_are_read_from_float32(tmp_path: Path) -> None:
    found = read_array(npy(tmp_path / "x.npy", GOOD), spec(dtype="bfloat16"))
    assert found.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(found.astype(np.float32), GOOD)


def test_text_is_read_for_an_input_of_strings(tmp_path: Path) -> None:
    path = npy(tmp_path / "x.npy", np.array(["cat", "dog"]))
    assert list(read_array(path, spec((2,), "string"))) == ["cat", "dog"]


def test_an_archive_gives_the_array_of_the_inputs_name_or_its_only_one(tmp_path: Path) -> None:
    both, one = tmp_path / "both.npz", tmp_path / "one.npz"
    np.savez(both, x=GOOD, y=GOOD + 1)
    np.savez_compressed(one, whatever=GOOD + 2)
    np.testing.assert_array_equal(read_array(both, spec(name="y")), GOOD + 1)
    np.testing.assert_array_equal(read_array(one, spec(name="y")), GOOD + 2)


def test_an_archive_without_the_inputs_array_names_those_that_it_has(tmp_path: Path) -> None:
    path = tmp_path / "both.npz"
    np.savez(path, a=GOOD, b=GOOD)
    with pytest.raises(InputError, match=r"both\.npz holds no array 'x'; its arrays are: a, b"):
        read_array(path, spec())


@pytest.mark.parametrize(
    ("array", "shape", "kind", "words"),
    [
        (GOOD.astype(np.float64), (None, 4), "dtype", "expected float32, given float64 2 x 4"),
        (GOOD.astype(np.int64), (None, 4), "dtype", "given int64"),
        (GOOD, (None, 5), "shape", "expected ? x 5, given float32 2 x 4 in x.npy"),
        (GOOD, (None, 4, 1), "rank", "expected 3 dimensions, given float32 2 x 4"),
        (np.zeros(3, [("a", "f4")]), (3,), "dtype", "expected float32, given void32 3"),
        (np.array(["a"]), (1,), "dtype", "expected float32"),
    ],
)
def test_an_array_that_does_not_fit_is_told_with_what_was_expected_and_given(
    tmp_path: Path, array: np.ndarray, shape: Shape, kind: str, words: str
) -> None:
    path = npy(tmp_path / "x.npy", array)
    for read in (read_array, read_shape):
        with pytest.raises(InputError) as caught:
            read(path, spec(shape))
        assert caught.value.kind == f"input-{kind}"
        assert words in caught.value.message


class Bomb:
    """Sets a mark when it is unpickled."""

    went_off = False

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return setattr, (Bomb, "went_off", True)


@pytest.mark.parametrize("packed", [False, True])
def test_pickled_content_is_refused_and_never_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(Bomb, "went_off", False)
    bomb = np.array([Bomb()], dtype=object)
    path = tmp_path / ("x.npz" if packed else "x.npy")
    if packed:
        np.savez(path, x=bomb)
    else:
        np.save(path, bomb, allow_pickle=True)
    for read in (read_array, read_shape):
        with pytest.raises(InputError, match="pickled objects") as caught:
            read(path, spec((1,)))
        assert caught.value.kind == "input-pickled"
    assert not Bomb.went_off
    pickle.loads(pickle.dumps(Bomb()))  # the mark works
    assert Bomb.went_off


def header(text: str, version: bytes = b"\x01\x00") -> bytes:
    data = text.encode("latin1")
    return b"\x93NUMPY" + version + struct.pack("<H", len(data)) + data


HUGE = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 4), }\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read as an array"),
        (b"PNG? no numbers at all", "magic string"),
        (b"PK\x03\x04 an archive that ends here", "cannot be read as an array"),
        (pickle.dumps([1, 2]), "magic string"),
        (npy_bytes(GOOD)[:-1], "before its array does"),
        (npy_bytes(GOOD)[:40], "cannot be read as an array"),
        (header(HUGE % 2**30) + bytes(64), "it claims an array of 17,179,869,184 bytes"),
        (header(HUGE % 2**20) + bytes(64), "before its array does"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4)"), "cannot be read"),
        (header("(" * 3000), "cannot be read as an array"),
        (header("{'descr': 'nonsense', 'fortran_order': False, 'shape': (2, 4), }"), "descr"),
        (b"\x93NUMPY\x03\x00" + bytes(64), "version 3.0"),
        (b"\x93NUMPY\x09\x09" + bytes(64), "version 9.9"),
    ],
)
def test_a_file_that_is_no_array_is_one_clear_error(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.npy cannot be read as an array") as caught:
        read_array(path, spec())
    assert caught.value.kind == "input-file"
    assert words in caught.value.message


def test_negative_dimensions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(header(HUGE % -1) + bytes(64))
    with pytest.raises(InputError) as caught:
        read_array(path, spec())
    assert caught.value.kind == "input-shape"


def test_a_packed_array_that_is_shorter_than_it_claims_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header(HUGE % 1000) + bytes(100))
    with pytest.raises(InputError, match="before its array does"):
        read_array(path, spec())


def test_an_archive_damaged_in_the_middle_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=np.random.default_rng(0).random((100, 4), np.float32))
    content = bytearray(path.read_bytes())
    content[300:700] = bytes(400)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.npz cannot be read as an array"):
        read_array(path, spec())


def test_what_is_not_there_or_no_file_is_one_clear_error(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.npy", tmp_path):
        with pytest.raises(InputError, match="there is no such file"):
            read_array(path, spec())


def test_the_header_is_checked_before_memory_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_files, "_MOST_BYTES", 31)
    path = npy(tmp_path / "x.npy", GOOD)
    with pytest.raises(InputError, match="claims an array of 32 bytes"):
        read_array(path, spec())


def test_an_archive_is_for_the_inputs_that_it_names_and_an_array_for_the_first_it_fits(
    tmp_path: Path,
) -> None:
    specs = (spec((2, 4), name="a"), spec((2, 4), "int64", name="b"), spec((2, 4), name="c"))
    np.savez(tmp_path / "named.npz", c=GOOD, b=GOOD, other=GOOD)
    np.savez(tmp_path / "only.npz", c=GOOD)
    np.savez(tmp_path / "nameless.npz", GOOD)
    assert inputs_that_take(tmp_path / "named.npz", specs) == ("b", "c"), "whether they fit or not"
    assert inputs_that_take(tmp_path / "only.npz", specs) == ("c",)
    assert inputs_that_take(tmp_path / "nameless.npz", specs) == ("a",)
    assert inputs_that_take(npy(tmp_path / "x.npy", GOOD), specs) == ("a",)
    whole = npy(tmp_path / "whole.npy", GOOD.astype(np.int64))
    assert inputs_that_take(whole, specs) == ("b",)


@pytest.mark.parametrize("content", [None, b"PK\x03\x04 no archive", npy_bytes(np.zeros(5))])
def test_a_file_that_is_for_no_input_is_refused_as_for_the_first(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "x.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        inputs_that_take(path, (spec(name="a"), spec(name="b")))
    with pytest.raises(InputError) as first:
        read_shape(path, spec(name="a"))
    assert caught.value.message == first.value.message
    with pytest.raises(InputError, match="no input"):
        inputs_that_take(npy(tmp_path / "y.npy", GOOD), ())

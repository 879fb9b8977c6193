"""Arrays from .npy and .npz files, which anyone may have made: nothing in them is ever run.

The header says what the array is before memory is taken for it (numpy.lib.format). Pickled
content is refused unread: to load it would run code that is in it.
"""

from __future__ import annotations

import io
import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from core.errors import InputError
from core.sessions.input_check import misfit
from core.tensors import TensorSpec, numpy_dtype, shape_text
from core.text import one_line

SUFFIXES = (".npy", ".npz")

_MOST_BYTES = 8 << 30  # of one array: what a packed file claims costs it nothing
_BROKEN = (
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    OverflowError,
    RecursionError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,  # a packing that zipfile does not know
    RuntimeError,  # an encrypted one
)


def read_shape(path: Path, spec: TensorSpec) -> tuple[int, ...]:
    """The shape of the array that a file holds for an input; only its header is read.

    Args:
        path: a .npy, or a .npz that holds an array of the input's name or just one.
        spec: the input.

    Raises:
        InputError: one for each thing that can be wrong: kinds "input-file" (unreadable, no
            such file, or none that numpy writes), "input-pickled", "input-dtype", "input-shape",
            "input-rank".
    """
    with _opened(path, spec) as (stream, size):
        shape, _ = _header(path, stream, size, spec)
        return shape


def read_array(path: Path, spec: TensorSpec) -> np.ndarray:
    """The array that a file holds for an input, in the input's dtype and this byte order.

    Types that numpy's format cannot keep (bfloat16, float8) are read from float32.

    Raises:
        InputError: as read_shape.
    """
    with _opened(path, spec) as (stream, size):
        shape, dtype = _header(path, stream, size, spec)
        stream.seek(0)
        array = np.lib.format.read_array(stream, allow_pickle=False)
        assert (array.shape, array.dtype) == (shape, dtype)
    if spec.dtype == "string":
        return array.astype(object)
    return array.astype(numpy_dtype(spec.dtype), copy=False)


def inputs_that_take(path: Path, specs: Sequence[TensorSpec]) -> tuple[str, ...]:
    """The names of the inputs that a file is meant for, by its headers.

    A .npz is for the inputs that it names; any other file for the first input that it fits.

    Raises:
        InputError: as read_shape, of the first input, if it is for none.
    """
    entries = _entries(path)
    if named := tuple(spec.name for spec in specs if f"{spec.name}.npy" in entries):
        return named
    refusal: InputError | None = None
    for spec in specs:
        try:
            read_shape(path, spec)
        except InputError as error:
            refusal = refusal or error
        else:
            return (spec.name,)
    raise refusal or _broken(path, "the model has no input for it")


def _entries(path: Path) -> list[str]:
    """The names in an archive; none of what is no archive, or a broken one."""
    try:
        if not path.is_file() or not zipfile.is_zipfile(path):
            return []
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, *_BROKEN):
        return []


@contextmanager
def _opened(path: Path, spec: TensorSpec) -> Iterator[tuple[IO[bytes], int]]:
    """The array's own stream, and how many bytes it has."""
    try:
        if not path.is_file():  # a folder, or a pipe that would be waited for
            raise _broken(path, "there is no such file")
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                entry = archive.getinfo(_entry(path, archive.namelist(), spec))
                with archive.open(entry) as stream:
                    yield stream, entry.file_size
        else:
            with path.open("rb") as stream:
                yield stream, path.stat().st_size
    except InputError:
        raise
    except OSError as error:
        raise _broken(path, str(error.strerror or error)) from None
    except _BROKEN as error:
        raise _broken(path, one_line(str(error)) or type(error).__name__) from None


def _entry(path: Path, names: list[str], spec: TensorSpec) -> str:
    arrays = [name for name in names if name.endswith(".npy")]
    if f"{spec.name}.npy" in arrays:
        return f"{spec.name}.npy"
    if len(arrays) == 1:
        return arrays[0]
    held = ", ".join(name[: -len(".npy")] for name in arrays[:10]) or "none"
    raise InputError(
        "input-file",
        f"{path.name} holds no array {spec.name!r}; its arrays are: {one_line(held)}.",
        f"Save the array under the input's name: numpy.savez(FILE, **{{{spec.name!r}: array}}).",
    )


def _header(
    path: Path, stream: IO[bytes], size: int, spec: TensorSpec
) -> tuple[tuple[int, ...], np.dtype]:
    """The array's shape and dtype, checked against the input and the bytes that are there."""
    counted = _Counted(stream)
    version = np.lib.format.read_magic(counted)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:  # 3.0 is for structured types, which no input has
        raise _broken(path, f"its format's version {version[0]}.{version[1]} is not one for arrays")
    shape, _, dtype = readers[version](counted)
    if dtype.hasobject:
        raise InputError(
            "input-pickled",
            f"{path.name} holds pickled objects, which can run code when they are read: refused.",
            "Save an array of numbers: numpy.save(FILE, array, allow_pickle=False).",
        )
    given = f"{dtype.name} {shape_text(shape)} in {path.name}"
    fits = dtype.kind in "US" if spec.dtype == "string" else dtype.name == _kept_as(spec.dtype)
    if not fits:
        raise misfit(spec, "dtype", spec.dtype, given)
    if len(shape) != len(spec.shape):
        raise misfit(spec, "rank", f"{len(spec.shape)} dimensions", given)
    if any(
        dim < 0 or wanted not in (None, dim) for wanted, dim in zip(spec.shape, shape, strict=True)
    ):
        raise misfit(spec, "shape", shape_text(spec.shape), given)
    needed = math.prod(shape) * dtype.itemsize
    if needed > _MOST_BYTES:
        raise _broken(path, f"it claims an array of {needed:,} bytes")
    if needed > size - counted.position:
        raise _broken(path, f"it ends after {size:,} bytes, before its array does")
    return shape, dtype


class _Counted(io.RawIOBase):
    """A stream that knows how far it was read; an archive's own tells it only at times."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self._stream = stream
        self.position = 0

    def read(self, size: int = -1) -> bytes:
        """Pass on."""
        data = self._stream.read(size)
        self.position += len(data)
        return data


def _kept_as(dtype: str) -> str:
    """The dtype that a file must have for an input of this one."""
    try:
        kind = numpy_dtype(dtype).kind
    except TypeError:
        return dtype
    return dtype if kind in "biufc" else "float32"


def _broken(path: Path, why: str) -> InputError:
    return InputError(
        "input-file",
        f"{one_line(path.name)} cannot be read as an array: {why}.",
        "Give a .npy or .npz file as numpy.save and numpy.savez write them.",
    )

"""ONNX's messages in a file: which lie in which, and what a tensor says besides its values.

Message and field numbers: onnx.proto3 of ONNX 1.0 to 1.23.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.modelfile.protobuf import LENGTH, VARINT, DamagedError, Field, Window, fields, varint
from core.tensors import bits_of

# Where other messages lie, by message and field number. A message that is not a key here is
# not entered.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
}
_MAX_DEPTH = 128  # protobuf's parsers, and so every runtime, refuse more than 100

# TensorProto.DataType by number, as core.tensors names it.
DTYPES: dict[int, str] = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
    17: "float8_e4m3fn",
    18: "float8_e4m3fnuz",
    19: "float8_e5m2",
    20: "float8_e5m2fnuz",
    21: "uint4",
    22: "int4",
    23: "float4_e2m1fn",
    24: "float8_e8m0fnu",
    25: "uint2",
    26: "int2",
    27: "float6_e2m3fn",
    28: "float6_e3m2fn",
}
_RAW_DATA = 9
_TYPED_DATA = (4, 5, 7, 10, 11)  # float_data, int32_data, int64_data, double_data, uint64_data
_STRING_DATA = 6
_KEYS = (6, 8)  # bytes of "offset" and "length", and of "location"
_EXTERNAL_DATA = 13
_DATA_LOCATION = 14
MAX_NAME = 4096
"""Bytes; longer names are not read."""
_MAX_DIMS = 64  # more than any runtime's
_PER_BYTE = 8  # elements in a byte of typed data; more than any packing
MAX_PATH = 32_767
"""Bytes; no system opens a longer path. A longer location is read to one byte more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """A tensor that the file keeps, or says to be kept in another file."""

    name: str
    dtype: str
    elements: int
    size_bytes: int | None  # None where what it says of itself does not fit together
    is_external: bool
    location: str  # of external data, as the file gives it
    dims: tuple[int, ...] = ()


def messages(window: Window, kind: str, start: int, stop: int) -> Iterator[tuple[str, int, int]]:
    """Every graph, node, attribute, tensor ... inside a message, each before what is in it.

    Keeps only the way from the outermost to the current one in memory.

    Args:
        window: the file.
        kind: the outer message: "model", "graph", "node", ...
        start: where its bytes begin.
        stop: where they end.

    Yields:
        The kind, and where its bytes begin and end.

    Raises:
        DamagedError: where a message is none, or lies deeper than any runtime takes.
        NotRead: if the window's budget is spent.
    """
    way: list[tuple[dict[int, str], Iterator[Field]]] = []
    way.append((_INSIDE[kind], fields(window, start, stop)))
    while way:
        kinds, rest = way[-1]
        for number, wire, begin, end in rest:
            found = kinds.get(number)
            if found is None or wire != LENGTH:
                continue
            yield found, begin, end
            if found in _INSIDE:
                if len(way) == _MAX_DEPTH:
                    raise DamagedError(f"it is nested more than {_MAX_DEPTH} deep")
                way.append((_INSIDE[found], fields(window, begin, end)))
                break
        else:
            way.pop()


def external_place(
    window: Window, start: int, stop: int, refuse: Callable[[str], None]
) -> tuple[str, int]:
    """Where a tensor's data is if that is another file, and the byte it ends before; else ("", 0).

    The end is 0 where the tensor does not give its length, which is the rest of the file then.

    Args:
        window: the file.
        start: where the tensor's bytes begin.
        stop: where they end.
        refuse: called with every place that the tensor names, whether or not it also says that
            it counts; may raise. As protobuf merges a message that is given in two parts, one
            part may name the place and the other say that it counts.
    """
    found: dict[str, str] = {}
    is_external = False
    for number, wire, value, end in fields(window, start, stop):
        if number == _DATA_LOCATION and wire == VARINT:
            is_external = value == 1
        elif number == _EXTERNAL_DATA and wire == LENGTH:
            key, text = _entry(window, value, end)
            if key == "location" and text:
                refuse(text)
            if text:
                found[key] = text
    if not is_external or "location" not in found:
        return "", 0
    length, offset = (_whole(found.get(key, "")) for key in ("length", "offset"))
    return found["location"], offset + length if length else 0


def read_tensor(window: Window, start: int, stop: int) -> StoredTensor:
    """Read what a tensor says of itself; its values are passed over.

    Raises:
        DamagedError: if it is no TensorProto.
        NotRead: if the window's budget is spent, or it says absurdly much.
    """
    name, kind, is_external = "", 0, False
    dims: list[int] = []
    location = ""
    raw: int | None = None
    typed = texts = 0
    for number, wire, value, end in fields(window, start, stop):
        if number == 1 and len(dims) <= _MAX_DIMS:
            dims += [value] if wire == VARINT else _packed(window, value, end)
        elif number == 2 and wire == VARINT:
            kind = value
        elif number == 8 and wire == LENGTH:
            name = window.text(value, end, MAX_NAME)
        elif number == _DATA_LOCATION and wire == VARINT:
            is_external = value == 1
        elif number == _EXTERNAL_DATA and wire == LENGTH:
            location = _location(window, value, end) or location
        elif number == _RAW_DATA and wire == LENGTH:
            raw = end - value
        elif number == _STRING_DATA and wire == LENGTH:
            texts += end - value
        elif number in _TYPED_DATA:
            typed += end - value if wire == LENGTH else 8
    dtype = DTYPES.get(kind, f"unknown ({kind})")
    elements = math.prod(dims) if len(dims) <= _MAX_DIMS else 2**64
    size: int | None = None
    if dtype == "string":
        size = texts
    elif (bits := bits_of(dtype)) is not None and elements < 2**56:
        size = (elements * bits + 7) // 8
        if not is_external and raw != size and (raw or elements > typed * _PER_BYTE):
            size = None
    return StoredTensor(
        name=name,
        dtype=dtype,
        elements=elements,
        size_bytes=size,
        is_external=is_external,
        location=location if is_external else "",
        dims=tuple(dims[:_MAX_DIMS]),
    )


def _location(window: Window, start: int, stop: int) -> str:
    """The value of an external_data entry with the key "location", else ""."""
    key, value = _entry(window, start, stop)
    return value if key == "location" else ""


def _entry(window: Window, start: int, stop: int) -> tuple[str, str]:
    """The key and the value of an external_data entry; a key of another length is ""."""
    key = value = ""
    for number, wire, begin, end in fields(window, start, stop):
        if number == 1 and wire == LENGTH:
            key = window.text(begin, end, 8) if end - begin in _KEYS else ""
        elif number == 2 and wire == LENGTH:
            value = window.text(begin, min(end, begin + MAX_PATH + 1), MAX_PATH + 1)
    return key, value


def _whole(text: str) -> int:
    return int(text) if len(text) < 20 and text.isascii() and text.isdigit() else 0


def _packed(window: Window, start: int, stop: int) -> list[int]:
    if stop - start > 10 * _MAX_DIMS:
        return [2**64]
    data, index = window.view(start, stop - start)
    data, at, values = data[index : index + stop - start], 0, []
    while at < len(data):
        value, used = varint(data, at)
        if used == 0:
            raise DamagedError(f"the numbers at byte {start:,} do not end")
        values.append(value)
        at += used
    return values

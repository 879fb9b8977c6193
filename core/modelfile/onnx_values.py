"""A graph's inputs and outputs: ONNX's ValueInfoProto and TypeProto."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.modelfile.onnx_messages import DTYPES, MAX_NAME
from core.modelfile.protobuf import LENGTH, VARINT, Window, fields
from core.tensors import Shape

# TypeProto's kinds that are no plain tensor.
_OTHER_TYPES = {4: "sequence", 5: "map", 7: "opaque", 8: "sparse tensor", 9: "optional"}


@dataclass(frozen=True, slots=True)
class GraphValue:
    """A graph's input or output."""

    name: str
    dtype: str  # as core.tensors names it; "sequence", "map" ... for what is no tensor
    shape: Shape | None  # None where not even the number of dimensions is given

    def as_json(self) -> dict[str, object]:
        """`{"name", "dtype", "shape"}`; free dimensions are null."""
        shape = None if self.shape is None else list(self.shape)
        return {"name": self.name, "dtype": self.dtype, "shape": shape}


def read_value(window: Window, start: int, stop: int) -> GraphValue:
    """Read a ValueInfoProto.

    Raises:
        DamagedError: if it is none.
        NotRead: if the window's budget is spent, or a name is absurdly long.
    """
    name, dtype, shape = "", "unknown", None
    for number, wire, begin, end in fields(window, start, stop):
        if number == 1 and wire == LENGTH:
            name = window.text(begin, end, MAX_NAME)
        elif number == 2 and wire == LENGTH:
            for kind, inner_wire, inner, inner_end in fields(window, begin, end):
                if kind == 1 and inner_wire == LENGTH:
                    dtype, shape = _tensor_type(window, inner, inner_end)
                elif kind in _OTHER_TYPES and inner_wire == LENGTH:
                    dtype, shape = _OTHER_TYPES[kind], None
    return GraphValue(name, dtype, shape)


def _tensor_type(window: Window, start: int, stop: int) -> tuple[str, Shape | None]:
    dtype, shape = "unknown", None
    for number, wire, value, end in fields(window, start, stop):
        if number == 1 and wire == VARINT:
            dtype = DTYPES.get(value, f"unknown ({value})")
        elif number == 2 and wire == LENGTH:
            shape = tuple(_dims(window, value, end))
    return dtype, shape


def read_symbols(window: Window, start: int, stop: int) -> tuple[str, tuple[str | None, ...]]:
    """A ValueInfoProto's name, and the symbol of each dimension that has one ("batch").

    Raises:
        DamagedError: if it is none.
        NotRead: if a name is absurdly long.
    """
    name, symbols = "", []
    for number, wire, begin, end in fields(window, start, stop):
        if number == 1 and wire == LENGTH:
            name = window.text(begin, end, MAX_NAME)
    # type, tensor_type, shape, dim, dim_param
    for begin, end in _inner(window, (start, stop), 2, 1, 2, 1):
        symbol: str | None = None
        for number, wire, at, stop_at in fields(window, begin, end):
            if number in (1, 2):  # the later one counts, as in _dims
                symbol = window.text(at, stop_at, MAX_NAME) if wire == LENGTH else None
        symbols.append(symbol or None)
    return name, tuple(symbols)


def _inner(window: Window, span: tuple[int, int], *numbers: int) -> Iterator[tuple[int, int]]:
    """The messages that are reached by these field numbers, one in another."""
    first, *rest = numbers
    for number, wire, begin, end in fields(window, *span):
        if number != first or wire != LENGTH:
            continue
        if rest:
            yield from _inner(window, (begin, end), *rest)
        else:
            yield begin, end


def _dims(window: Window, start: int, stop: int) -> Iterator[int | None]:
    for number, wire, begin, end in fields(window, start, stop):
        if number != 1 or wire != LENGTH:
            continue
        size: int | None = None
        for kind, inner_wire, value, _ in fields(window, begin, end):
            if kind in (1, 2):  # a size or a symbol's name: the later one counts
                size = value if kind == 1 and inner_wire == VARINT and value < 2**63 else None
        yield size

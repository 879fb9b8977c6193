"""An ONNX file's nodes one by one, with what their tensors are as far as the file says so."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from core.errors import ModelFileError
from core.modelfile.external_data import damaged_onnx
from core.modelfile.onnx_messages import MAX_NAME, StoredTensor, read_tensor
from core.modelfile.onnx_values import GraphValue, read_value
from core.modelfile.protobuf import (
    FIXED32,
    LENGTH,
    VARINT,
    DamagedError,
    NotRead,
    Window,
    fields,
    varint,
)

MAX_NODES = 200_000
"""Graphs with more are refused: a table of them would be no help."""
_PIECE = 4096  # bytes read at once
T = TypeVar("T")
_LONGEST = 64  # values of an attribute that are kept; bytes of a text


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxNode:
    """A node of the main graph; "" for an input or output that is left out.

    Attributes:
        attributes: by name; a tensor is its StoredTensor, a graph the text "graph".
    """

    name: str
    operator: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxNodes:
    """The main graph of a file, in its order."""

    nodes: tuple[OnnxNode, ...]
    inputs: tuple[GraphValue, ...]  # without initializers that are listed there
    outputs: tuple[GraphValue, ...]
    values: dict[str, GraphValue]  # what the file says of tensors between nodes
    weights: dict[str, StoredTensor]  # initializers by name


def read_onnx_nodes(path: Path) -> OnnxNodes:
    """Read a graph's nodes; weights are passed over, whatever their size.

    Raises:
        ModelFileError: kind "damaged-onnx" or "too-large", or "unreadable".
    """
    return walk_onnx(path, _read, "Its layers are not listed.")


def walk_onnx(path: Path, read: Callable[[Window, int], T], too_large: str) -> T:
    """Open an ONNX and let `read` walk it.

    Args:
        path: the file.
        read: called with the file's window and its size in bytes.
        too_large: what that means, where `read` raises NotRead.

    Raises:
        ModelFileError: kind "damaged-onnx" or "too-large", or "unreadable".
    """
    try:
        with path.open("rb", buffering=0) as file:
            size = path.stat().st_size
            return read(Window(file, size, piece=_PIECE), size)
    except DamagedError as error:
        raise damaged_onnx(path.name, str(error)) from None
    except NotRead:
        raise ModelFileError(
            "too-large",
            f"{path.name} has more than {MAX_NODES:,} nodes, or a name of more than {MAX_NAME:,} "
            "bytes.",
            too_large,
        ) from None
    except OSError as error:
        raise ModelFileError(
            "unreadable",
            f"{path.name} cannot be read: {error.strerror or error}.",
            "Check the disk and the path.",
        ) from None


def _read(window: Window, size: int) -> OnnxNodes:
    nodes: list[OnnxNode] = []
    listed: list[GraphValue] = []
    outputs: list[GraphValue] = []
    values: dict[str, GraphValue] = {}
    weights: dict[str, StoredTensor] = {}
    graphs = [
        (begin, end)
        for number, wire, begin, end in fields(window, 0, size)
        if number == 7 and wire == LENGTH
    ]
    for start, stop in graphs:
        for number, wire, begin, end in fields(window, start, stop):
            if wire != LENGTH:
                continue
            if number == 1:
                if len(nodes) == MAX_NODES:
                    raise NotRead
                nodes.append(read_node(window, begin, end))
            elif number == 5:
                tensor = read_tensor(window, begin, end)
                weights[tensor.name] = tensor
            elif number == 15:
                for kind, wire, inner, inner_end in fields(window, begin, end):
                    if kind == 1 and wire == LENGTH:  # the values; they carry the name
                        tensor = read_tensor(window, inner, inner_end)
                        weights[tensor.name] = tensor
            elif number in (11, 12, 13):
                value = read_value(window, begin, end)
                values[value.name] = value
                if number != 13:
                    (listed if number == 11 else outputs).append(value)
    return OnnxNodes(
        nodes=tuple(nodes),
        inputs=tuple(value for value in listed if value.name not in weights),
        outputs=tuple(outputs),
        values=values,
        weights=weights,
    )


def read_node(window: Window, start: int, stop: int) -> OnnxNode:
    """Read a NodeProto; graphs in its attributes are passed over.

    Raises:
        DamagedError: if it is none.
        NotRead: if a name is absurdly long.
    """
    texts = {3: "", 4: "", 7: ""}
    inputs, outputs = [], []
    attributes: dict[str, Any] = {}
    for number, wire, begin, end in fields(window, start, stop):
        if wire != LENGTH:
            continue
        if number == 1:
            inputs.append(window.text(begin, end, MAX_NAME))
        elif number == 2:
            outputs.append(window.text(begin, end, MAX_NAME))
        elif number == 5:
            name, value = _attribute(window, begin, end)
            attributes[name] = value
        elif number in texts:
            texts[number] = window.text(begin, end, MAX_NAME)
    return OnnxNode(
        name=texts[3],
        operator=texts[4],
        domain=texts[7],
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        attributes=attributes,
    )


def _attribute(window: Window, start: int, stop: int) -> tuple[str, Any]:
    """An AttributeProto's name and value: a number, a text, a list, a tensor; see OnnxNode."""
    name = ""
    value: Any = None
    several: list[Any] = []
    for number, wire, begin, end in fields(window, start, stop):
        if number == 1 and wire == LENGTH:
            name = window.text(begin, end, MAX_NAME)
        elif number == 2 and wire == FIXED32:
            value = _float(window, begin)
        elif number == 3 and wire == VARINT:
            value = _signed(begin)
        elif number == 4 and wire == LENGTH:
            value = _short_text(window, begin, end)
        elif number == 5 and wire == LENGTH:
            value = read_tensor(window, begin, end)
        elif number in (6, 11) and wire == LENGTH:
            value = "graph"
        elif len(several) < _LONGEST:
            if number == 7:
                several += _floats(window, wire, begin, end)
            elif number == 8:
                several += [_signed(begin)] if wire == VARINT else _integers(window, begin, end)
            elif number == 9 and wire == LENGTH:
                several.append(_short_text(window, begin, end))
    return name, several[:_LONGEST] if several else value


def _float(window: Window, at: int) -> float:
    data, index = window.view(at, 4)
    value: float = struct.unpack_from("<f", data, index)[0]
    return value


def _floats(window: Window, wire: int, begin: int, end: int) -> list[float]:
    if wire not in (FIXED32, LENGTH):
        return []
    stop = min(end, begin + 4 * _LONGEST)
    return [_float(window, at) for at in range(begin, stop - 3, 4)]


def _integers(window: Window, begin: int, end: int) -> Iterator[int]:
    data, index = window.view(begin, min(end - begin, 10 * _LONGEST))
    data, at = data[index : index + min(end - begin, 10 * _LONGEST)], 0
    while at < len(data):
        value, used = varint(data, at)
        if used == 0:  # the rest was cut off
            return
        yield _signed(value)
        at += used


def _short_text(window: Window, begin: int, end: int) -> str:
    return window.text(begin, min(end, begin + _LONGEST), _LONGEST)


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value

"""All nodes and weights of an ONNX file, also those in the bodies of nodes and in functions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from core.modelfile.onnx_messages import MAX_NAME, StoredTensor, messages, read_tensor
from core.modelfile.onnx_nodes import MAX_NODES, OnnxNode, read_node, walk_onnx
from core.modelfile.onnx_values import read_symbols
from core.modelfile.protobuf import LENGTH, NotRead, Window, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxParts:
    """What a file is made of, without values.

    Attributes:
        nodes: in the file's order, a node before those in its bodies.
        functions: domain and name of the model's own functions.
        weights: initializers by name; of equal names the last.
        elements: of all weights and constants, by dtype.
        unknown_weights: how many do not say their size.
        symbols: the names of free dimensions of inputs, by input; None where there is none.
    """

    nodes: tuple[OnnxNode, ...]
    functions: frozenset[tuple[str, str]]
    weights: dict[str, StoredTensor]
    elements: dict[str, int]
    unknown_weights: int
    symbols: dict[str, tuple[str | None, ...]]


def read_onnx_parts(path: Path) -> OnnxParts:
    """Walk a whole file; weights are passed over, whatever their size.

    Raises:
        ModelFileError: kind "damaged-onnx", "too-large" or "unreadable".
    """
    return walk_onnx(path, _read, "It is not looked through.")


def _read(window: Window, size: int) -> OnnxParts:
    nodes: list[OnnxNode] = []
    weights: dict[str, StoredTensor] = {}
    elements: Counter[str] = Counter()
    unknown = 0
    for kind, start, stop in messages(window, "model", 0, size):
        if kind == "node":
            if len(nodes) == MAX_NODES:
                raise NotRead
            nodes.append(read_node(window, start, stop))
        elif kind == "tensor":
            tensor = read_tensor(window, start, stop)
            elements[tensor.dtype] += tensor.elements
            unknown += tensor.size_bytes is None
            if tensor.name:
                weights[tensor.name] = tensor
    functions = set()
    symbols: dict[str, tuple[str | None, ...]] = {}
    for number, wire, start, stop in fields(window, 0, size):
        if wire != LENGTH:
            continue
        if number == 25:
            functions.add(_domain_and_name(window, start, stop))
        elif number == 7:
            for inner, inner_wire, begin, end in fields(window, start, stop):
                if inner == 11 and inner_wire == LENGTH:
                    name, found = read_symbols(window, begin, end)
                    symbols[name] = found
    return OnnxParts(
        nodes=tuple(nodes),
        functions=frozenset(functions),
        weights=weights,
        elements=dict(elements),
        unknown_weights=unknown,
        symbols=symbols,
    )


def _domain_and_name(window: Window, start: int, stop: int) -> tuple[str, str]:
    """Of a FunctionProto."""
    texts = {1: "", 10: ""}
    for number, wire, begin, end in fields(window, start, stop):
        if number in texts and wire == LENGTH:
            texts[number] = window.text(begin, end, MAX_NAME)
    return texts[10], texts[1]

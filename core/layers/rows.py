"""A table's layers searched, sorted, and as rows of text, CSV and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from core.csv_lines import csv_lines
from core.layers.shares import shares_of
from core.layers.values import Layer, LayerTable, LayerTensor
from core.tensors import shape_text
from core.whole_file import save_text

LayerOrder = Literal["time", "index", "name", "type", "precision", "weights"]
ORDERS: tuple[LayerOrder, ...] = ("time", "index", "name", "type", "precision", "weights")

CSV_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "index": "index",
        "name": "name",
        "type": "type",
        "precision": "precision",
        "inputs": "inputs",
        "outputs": "outputs",
        "tactic": "tactic",
        "time_ms": "time, ms",
        "median_ms": "median, ms",
        "share": "share of the time",
        "weight_bytes": "weight bytes",
        "origin": "ONNX nodes",
    }
)
"""Titles by the name that the value has in the JSON."""


def found(layers: Iterable[Layer], text: str) -> tuple[Layer, ...]:
    """The layers in which all words of a text occur, whatever their case.

    Looked through are names, types, precisions, tactics, the names of tensors and ONNX nodes.
    """
    words = text.lower().split()
    return tuple(layer for layer in layers if all(word in _haystack(layer) for word in words))


def in_order(layers: Sequence[Layer], order: LayerOrder) -> tuple[Layer, ...]:
    """Sorted: by time and weights the largest first, what has none last; else upwards."""
    keys = {
        "time": lambda layer: -1 if layer.time_ms is None else layer.time_ms,
        "weights": lambda layer: -1 if layer.weight_bytes is None else layer.weight_bytes,
        "index": lambda layer: layer.index,
        "name": lambda layer: layer.name,
        "type": lambda layer: layer.type,
        "precision": lambda layer: layer.precision,
    }
    return tuple(sorted(layers, key=keys[order], reverse=order in ("time", "weights")))


def tensor_text(tensor: LayerTensor) -> str:
    """A tensor for people: "images float32 1x3x640x640", as much of it as is known."""
    shape = shape_text(tensor.dims) if tensor.dims else ""
    return " ".join(part for part in (tensor.name, tensor.dtype, shape) if part)


def table_json(table: LayerTable, model: str, layers: Sequence[Layer]) -> dict[str, Any]:
    """What `enginebay layers --json` prints; shares and hints are of all layers.

    Args:
        table: all layers.
        model: the file's path.
        layers: those that are listed.
    """
    shares = shares_of(table)
    return {
        "model": model,
        "source": table.source,
        "schema": table.schema,
        "detailed": table.detailed,
        "runs": table.runs,
        "inputs": [_tensor_json(one) for one in table.inputs],
        "outputs": [_tensor_json(one) for one in table.outputs],
        "layers": [_layer_json(layer) for layer in layers],
        "shares": shares.as_json(),
        "total_ms": shares.total_ms,
        "hints": [
            {"kind": hint.kind, "message": hint.message, "advice": hint.advice}
            for hint in table.hints
        ],
        "notes": list(table.notes),
    }


def layers_csv(layers: Iterable[Layer]) -> str:
    """The layers as CSV under CSV_COLUMNS."""
    rows = [
        (
            layer.index,
            layer.name,
            layer.type,
            layer.precision,
            "; ".join(map(tensor_text, layer.inputs)),
            "; ".join(map(tensor_text, layer.outputs)),
            layer.tactic,
            layer.time_ms,
            layer.median_ms,
            layer.share,
            layer.weight_bytes,
            "; ".join(layer.origin),
        )
        for layer in layers
    ]
    return csv_lines(list(CSV_COLUMNS.values()), rows)


def save_layers_csv(path: Path, layers: Iterable[Layer]) -> None:
    """Write layers_csv to a file.

    Raises:
        EnginebayError: kind "cannot-save".
    """
    save_text(path, layers_csv(layers))


def _haystack(layer: Layer) -> str:
    names = [tensor.name for tensor in (*layer.inputs, *layer.outputs)]
    parts = (layer.name, layer.type, layer.precision, layer.tactic, *names, *layer.origin)
    return "\n".join(parts).lower()


def _layer_json(layer: Layer) -> dict[str, Any]:
    return {
        "index": layer.index,
        "name": layer.name,
        "type": layer.type,
        "precision": layer.precision,
        "inputs": [_tensor_json(one) for one in layer.inputs],
        "outputs": [_tensor_json(one) for one in layer.outputs],
        "tactic": layer.tactic,
        "time_ms": layer.time_ms,
        "median_ms": layer.median_ms,
        "share": layer.share,
        "weight_bytes": layer.weight_bytes,
        "origin": list(layer.origin),
    }


def _tensor_json(tensor: LayerTensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "dtype": tensor.dtype,
        "shape": list(tensor.dims),
        "format": tensor.format,
    }

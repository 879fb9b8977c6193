"""Layers and their graph as files. Runs on the layers' thread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.layers.values import Layer, LayerTable
    from gui.layer_drawing import Drawing
    from gui.layer_painting import Look

COLUMNS = (
    *("index", "name", "type", "precision", "inputs", "outputs", "tactic"),
    *("time_ms", "median_ms", "share", "weight_bytes", "origin"),
)


def layers_csv(layers: Sequence[Layer]) -> str:
    """A line for each layer; several tensors or origins in a cell are parted by "; "."""
    from core.csv_lines import csv_lines
    from gui.item_models.layer_rows import tensor_words

    return csv_lines(
        COLUMNS,
        (
            (
                layer.index,
                layer.name,
                layer.type,
                layer.precision,
                "; ".join(tensor_words(tensor) for tensor in layer.inputs),
                "; ".join(tensor_words(tensor) for tensor in layer.outputs),
                layer.tactic,
                layer.time_ms,
                layer.median_ms,
                layer.share,
                layer.weight_bytes,
                "; ".join(layer.origin),
            )
            for layer in layers
        ),
    )


def save_layers(table: LayerTable, rows: Sequence[Layer], path: Path) -> None:
    """Write layers as JSON where the file is named so, else as CSV.

    Raises:
        EnginebayError: kind "cannot-save".
    """
    from core.whole_file import save_text

    if path.suffix.lower() == ".json":
        save_text(path, json.dumps(_as_json(table, rows), indent=2, default=str) + "\n")
    else:
        save_text(path, layers_csv(rows))


def _as_json(table: LayerTable, rows: Sequence[Layer]) -> dict[str, Any]:
    raise NotImplementedError


def save_graph(drawing: Drawing, look: Look, path: Path) -> None:
    """Write a drawing as PNG.

    Raises:
        EnginebayError: kind "cannot-save".
    """
    from PySide6.QtCore import QByteArray
    from PySide6.QtGui import QImageWriter

    from core.errors import EnginebayError
    from core.whole_file import replacing
    from gui.layer_painting import picture_of

    try:
        with replacing(path) as part:
            writer = QImageWriter(str(part), QByteArray(b"PNG"))
            if not writer.write(picture_of(drawing, look)):
                raise OSError(writer.errorString())
    except OSError as error:
        raise EnginebayError(
            "cannot-save",
            f"{path.name} cannot be saved: {error.strerror or error}.",
            "Choose another folder.",
        ) from None

"""Layers and their graph as files. Runs on the layers' thread."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.layers.values import Layer, LayerTable
    from gui.layer_drawing import Drawing
    from gui.layer_painting import Look


def save_layers(table: LayerTable, rows: Sequence[Layer], model: str, path: Path) -> None:
    """Write layers as the command `layers` does: as JSON where the file is named so, else as CSV.

    Args:
        table: all layers.
        rows: those to write, in this order.
        model: what they are of.
        path: the file.

    Raises:
        EnginebayError: kind "cannot-save".
    """
    from core.layers.rows import save_layers_csv, table_json
    from core.whole_file import save_text

    if path.suffix.lower() == ".json":
        answer = table_json(table, model, rows)
        save_text(path, json.dumps(answer, indent=2, allow_nan=False) + "\n")
    else:
        save_layers_csv(path, rows)


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

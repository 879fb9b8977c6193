"""A model's layers as a table that sorts and filters itself."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtGui import QColor, QIcon, QPixmap

from core.layers.rows import tensor_text
from core.tensors import bytes_text
from core.text import printable
from gui.item_models.sorted_rows import Entry, SortedModel

if TYPE_CHECKING:
    from core.layers.values import Layer

TITLES = (
    *("#", "name", "type", "precision", "inputs", "outputs"),
    *("tactic", "time (ms)", "share", "weights", "ONNX origin"),
)
NAME, TYPE, TIME, SHARE, WEIGHTS = (
    TITLES.index(title) for title in ("name", "type", "time (ms)", "share", "weights")
)
_NUMERIC = (0, TIME, SHARE, WEIGHTS)
_NAMED = 12  # tensors or origins in a tooltip
_MARK = 10  # pixels
_LONGEST = 400  # letters of a cell; the details have all of it


def layer_cells(layer: Layer) -> tuple[str, ...]:
    """A layer's texts, in the columns' order."""
    return (
        str(layer.index),
        printable(layer.name),
        printable(layer.type),
        layer.precision,
        _cut("; ".join(tensor_text(tensor) for tensor in layer.inputs)),
        _cut("; ".join(tensor_text(tensor) for tensor in layer.outputs)),
        printable(layer.tactic),
        "" if layer.time_ms is None else f"{layer.time_ms:.4f}",
        "" if layer.share is None else f"{layer.share:.1%}",
        "" if layer.weight_bytes is None else bytes_text(layer.weight_bytes),
        _cut("; ".join(layer.origin)),
    )


def layer_entries(layers: Sequence[Layer]) -> list[Entry[Layer]]:
    """Ready-made rows. Runs on the layers' thread: 5,000 take some 100 ms."""
    return [
        Entry(layer, cells, _searched(layer, cells), number)
        for number, layer in enumerate(layers)
        for cells in (layer_cells(layer),)
    ]


def _searched(layer: Layer, cells: tuple[str, ...]) -> str:
    """All texts of a layer, also what its cells have no room for."""
    formats = (tensor.format for tensor in (*layer.inputs, *layer.outputs))
    names = (tensor_text(tensor) for tensor in (*layer.inputs, *layer.outputs))
    return "\n".join((*cells, *names, *formats, *layer.origin)).casefold()


def tip_of(layer: Layer) -> str:
    """What the mouse brings up, as rich text, so that it wraps and no name is taken for a tag."""
    lines = (html.escape(printable(line)) for line in _tip_lines(layer) if line)
    return f"<qt>{'<br>'.join(lines)}</qt>"


def _tip_lines(layer: Layer) -> tuple[str, ...]:
    ms = "" if layer.time_ms is None else f"{layer.time_ms:.4f} ms"
    share = "" if layer.share is None else f"{layer.share:.1%}"
    facts = (layer.type, layer.precision, layer.tactic, ms, share)
    return (
        layer.name,
        " · ".join(part for part in facts if part),
        *(f"in: {text}" for text in _some([tensor_text(one) for one in layer.inputs])),
        *(f"out: {text}" for text in _some([tensor_text(one) for one in layer.outputs])),
        *(f"from: {text}" for text in _some(layer.origin)),
    )


class LayersModel(SortedModel["Layer"]):
    """Layers in the order of one column."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(TITLES, _NUMERIC, parent)
        self._column = 0
        self._marks: dict[str, QIcon] = {}

    def show_layers(self, entries: Sequence[Entry[Layer]], colors: Mapping[str, str]) -> None:
        """Replace all rows. Order and filter stay."""
        self._marks = {word: _mark(color) for word, color in colors.items()}
        self.replace(entries)

    def filled_columns(self) -> frozenset[int]:
        """The columns in which some row says something, shown or not."""
        columns = range(len(TITLES))
        return frozenset(c for c in columns if any(entry.cells[c] for entry in self._all))

    def cells_of(self, row: Layer) -> tuple[str, ...]:
        return layer_cells(row)

    def sort_value(self, column: int, entry: Entry[Layer]) -> Any:
        layer = entry.row
        if column in (0, TIME, SHARE, WEIGHTS):
            return (layer.index, layer.time_ms, layer.share, layer.weight_bytes)[
                (0, TIME, SHARE, WEIGHTS).index(column)
            ]
        return entry.cells[column].casefold() or None

    def tie_value(self, entry: Entry[Layer]) -> int:
        return entry.row.index

    def mark_at(self, column: int, entry: Entry[Layer]) -> QIcon | None:
        return self._marks.get(entry.row.type) if column == TYPE and entry.row.type else None

    def tooltip_lines(self, row: Layer) -> tuple[str, ...]:
        return _tip_lines(row)


def _some(texts: Sequence[str]) -> list[str]:
    left = len(texts) - _NAMED
    return [_cut(text) for text in texts[:_NAMED]] + ([f"and {left} more"] if left > 0 else [])


def _cut(text: str) -> str:
    return printable(text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "...")


def _mark(color: str) -> QIcon:
    pixmap = QPixmap(_MARK, _MARK)
    pixmap.fill(QColor(color))
    return QIcon(pixmap)

"""All that is told of one layer, as a tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from core.tensors import bytes_text, shape_text
from core.text import printable
from gui.theme import ElidedLabel

if TYPE_CHECKING:
    from core.layers.values import Layer, LayerTensor

_MOST = 500  # entries of the details; more would keep the window waiting
_LISTED = 50  # numbers and words on one line
_DEEPEST = 12  # levels
_LONGEST = 2000  # letters of a value

_Node = tuple[str, str, Sequence[Any]]  # what, value, nodes below


class LayerDetails(QWidget):
    """The selected layer: what it is, its tensors, where it comes from, and all else."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = ElidedLabel()
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self.tree = _Tree()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._title)
        column.addWidget(self.tree, 1)
        self.show_layer(None)

    def sizeHint(self) -> QSize:
        return QSize(260, 160)

    def show_layer(self, layer: Layer | None) -> None:
        """Show a layer; None to say that one can be selected."""
        self.tree.clear()
        if layer is None:
            self._title.set_text("Select a layer to see all of it.")
            return
        self._title.set_text(printable(layer.name) or "(no name)")
        for node in _nodes(layer):
            self.tree.addTopLevelItem(_item(node))
        self.tree.expandAll()


class _Tree(QTreeWidget):
    """Two columns, whose selected rows are copied as tab-separated text."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("details of the layer")
        self.setHeaderLabels(["what", "value"])
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setAlternatingRowColors(True)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setTabKeyNavigation(False)
        self.setUniformRowHeights(True)
        self.setIndentation(14)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.header().resizeSection(0, 150)
        self.header().setStretchLastSection(True)

    def keyPressEvent(self, event: Any) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            rows = [f"{item.text(0)}\t{item.text(1)}" for item in self.selectedItems()]
            QGuiApplication.clipboard().setText("\n".join(rows))
            event.accept()
            return
        super().keyPressEvent(event)


def _nodes(layer: Layer) -> Iterable[_Node]:
    times = {"time (mean)": layer.time_ms, "time (median)": layer.median_ms}
    facts = {
        "type": layer.type,
        "precision": layer.precision,
        "tactic": layer.tactic,
        **{word: "" if ms is None else f"{ms:.4f} ms" for word, ms in times.items()},
        "share": "" if layer.share is None else f"{layer.share:.1%} of all layers' time",
        "weights": "" if layer.weight_bytes is None else _weight_words(layer.weight_bytes),
    }
    yield from ((what, value, ()) for what, value in facts.items() if value)
    for title, tensors in (("inputs", layer.inputs), ("outputs", layer.outputs)):
        if tensors:
            yield title, str(len(tensors)), [_tensor_node(one) for one in tensors]
    if layer.origin:
        yield "ONNX origin", str(len(layer.origin)), [(one, "", ()) for one in layer.origin]
    if layer.details:
        yield "details", "", _below(layer.details, [_MOST])


def _weight_words(count: int) -> str:
    return f"{bytes_text(count)} ({count:,} bytes)" if count >= 1000 else f"{count} bytes"


def _tensor_node(tensor: LayerTensor) -> _Node:
    shape = shape_text(tensor.dims) if tensor.dims else ""
    words = " · ".join(part for part in (tensor.dtype, shape, tensor.format) if part)
    parts = {"dtype": tensor.dtype, "dims": shape, "format": tensor.format}
    return tensor.name or "(no name)", words, [(w, text, ()) for w, text in parts.items() if text]


def _below(value: Any, left: list[int], depth: int = 0) -> list[_Node]:
    """What a mapping or a list holds; `left` has the number of entries there is still room for."""
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    nodes: list[_Node] = []
    for key, one in pairs:
        if left[0] <= 0:
            nodes.append((f"and {len(value) - len(nodes):,} more", "", ()))
            break
        left[0] -= 1
        if not _is_nested(one):
            nodes.append((str(key), str(one), ()))
        elif depth >= _DEEPEST:
            nodes.append((str(key), "...", ()))
        elif isinstance(one, Mapping) or any(_is_nested(part) for part in one):
            nodes.append((str(key), "", _below(one, left, depth + 1)))
        else:  # dimensions and the like: on one line
            words = [str(part) for part in one[:_LISTED]]
            more = [f"and {len(one) - _LISTED:,} more"] if len(one) > _LISTED else []
            nodes.append((str(key), ", ".join(words + more), ()))
    return nodes


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple) and bool(value)


def _item(node: _Node) -> QTreeWidgetItem:
    what, value, below = node
    text = printable(value[:_LONGEST])
    item = QTreeWidgetItem([printable(what[:_LONGEST]), text])
    for column in (0, 1):
        item.setToolTip(column, item.text(column))
    item.addChildren([_item(one) for one in below])
    return item

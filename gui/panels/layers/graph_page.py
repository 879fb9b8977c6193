"""The graph with what it is coloured by, what is shown of it, and its zoom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from gui.layer_colors import OTHER, heat_color
from gui.panels.layers.graph_view import GraphView

if TYPE_CHECKING:
    from gui.layer_drawing import Drawing
    from gui.layer_thread import ReadyLayers

_FARTHEST = 20  # edges


class GraphPage(QWidget):
    """Follows the table's search and selection."""

    layer_chosen = Signal(int)  # its index in the model's order
    near_wanted = Signal(int, int)  # the layer, edges around it

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ready: ReadyLayers | None = None
        self._chosen: int | None = None
        self.view = GraphView()
        self.view.layer_chosen.connect(self.layer_chosen)
        self.color = QComboBox()
        self.color.setAccessibleName("what the layers are coloured by")
        self.color.addItems(["Colour by type", "Colour by time"])
        self.color.currentIndexChanged.connect(self._color)
        self.near = QPushButton("Neighbourhood")
        self.near.setCheckable(True)
        self.near.toggled.connect(self._show_part)
        self.radius = QSpinBox(minimum=1, maximum=_FARTHEST, value=2)
        self.radius.setToolTip("How many tensors away a layer may be")
        self.radius.setAccessibleName("radius of the neighbourhood")
        self.radius.valueChanged.connect(self._show_part)
        fit, closer, wider = (QPushButton(text) for text in ("Fit", "+", "-"))
        fit.setToolTip("Show the whole graph (F, or a double click beside the layers)")
        fit.clicked.connect(self.view.fit)
        for button, name, factor in ((closer, "Zoom in", 1.25), (wider, "Zoom out", 0.8)):
            button.setToolTip(name)
            button.setAccessibleName(name)
            button.setMaximumWidth(2 * button.fontMetrics().height())
            button.clicked.connect(lambda _=False, factor=factor: self.view.zoom(factor))
        row = QHBoxLayout()
        row.setContentsMargins(0, 4, 0, 4)
        for widget in (self.color, self.near, self.radius):
            row.addWidget(widget)
        row.addStretch(1)
        for widget in (wider, closer, fit):
            row.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(self.view, 1)

    def show_layers(self, ready: ReadyLayers) -> None:
        """Show all layers."""
        self._ready = ready
        has_times = ready.table.runs > 0 or any(one.time_ms for one in ready.table.layers)
        self.color.setCurrentIndex(self.color.currentIndex() if has_times else 0)
        self.color.setEnabled(has_times)
        self._color()
        self._enable()
        self._show_part()

    def show_near(self, drawing: Drawing) -> None:
        """Show the layers around the selected one."""
        if self._ready is not None and self.near.isChecked():
            self.view.show_drawing(drawing, self._ready.tips)

    def show_matching(self, found: frozenset[int] | None) -> None:
        """Make the layers that a search did not find faint; None: there is no search."""
        self.view.show_look(matching=found)

    def choose(self, index: int | None) -> None:
        """Select a layer."""
        if index == self._chosen:
            return
        self._chosen = index
        self.view.choose(index)
        self._enable()
        if self.near.isChecked():
            self._show_part()

    def _enable(self) -> None:
        self.near.setEnabled(self._chosen is not None or self.near.isChecked())
        self.radius.setEnabled(self.near.isChecked())
        self.near.setToolTip(
            "Show only the layers around the selected one"
            if self._chosen is not None
            else "Select a layer, then show only those around it"
        )

    def _show_part(self, _value: object = None) -> None:
        """Show all, or ask for the part around the selected layer."""
        self._enable()
        if self._ready is None:
            return
        if not self.near.isChecked() or self._chosen is None:
            self.view.show_drawing(self._ready.drawing, self._ready.tips)
        else:
            self.near_wanted.emit(self._chosen, self.radius.value())

    def _color(self, _index: int = 0) -> None:
        ready = self._ready
        if ready is None:
            return
        layers = ready.table.layers
        times = {layer.index: layer.time_ms or 0.0 for layer in layers}
        slowest = max(times.values(), default=0.0)
        if self.color.currentIndex() == 1 and slowest > 0:
            # The root tells the many quick ones apart.
            colors = {
                layer.index: OTHER
                if layer.time_ms is None
                else heat_color((layer.time_ms / slowest) ** 0.5)
                for layer in layers
            }
        else:
            colors = {layer.index: ready.colors[layer.type] for layer in layers}
        self.view.show_look(colors=colors, ranks=times)

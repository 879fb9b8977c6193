"""The layers' table: its columns' widths, and which layer is selected in it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView

from gui.item_models.layer_rows import NAME, TIME, LayersModel
from gui.item_models.rows import TableView

# What a column has room for at first.
_SAMPLES = (
    *("9999", "", "XX Convolution", "bfloat16", "input float16 1 x 64 x 80 x 80"),
    *("input float16 1 x 64 x 80 x 80", "0x0123456789abcdef"),
    *("time (ms) XX", "100.0 % XX", "999 MB XX", "/model.0/conv/Conv; /model.0/act"),
)
_NAME_LEAST = 180  # pixels
_NAME_SHARE = 0.3  # of the table's width


class LayersTable(TableView):
    """The rows; the current one is the selected layer."""

    layer_chosen = Signal(int)  # its index in the model's order

    def __init__(self, model: LayersModel) -> None:
        super().__init__()
        self._model = model
        self.setAccessibleName("layers")
        self.setModel(model)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        metrics = self.fontMetrics()
        for column, sample in enumerate(_SAMPLES):
            self.setColumnWidth(column, metrics.horizontalAdvance(sample) + 22)
        self._shares_room = True  # until the user makes the name's column as wide as is wanted
        self._is_sizing = False
        header = self.horizontalHeader()
        header.setSectionsMovable(True)
        header.sectionResized.connect(self._on_resized)
        for column in range(TIME, TIME + 2):  # what one looks for stands beside the name
            header.moveSection(header.visualIndex(column), 2 + column - TIME)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.selectionModel().currentRowChanged.connect(self._on_current)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._share_room()

    def hide_empty(self) -> None:
        """Hide the columns that say nothing of any layer: the times, before there are any."""
        filled = self._model.filled_columns()
        for column in range(NAME + 1, self._model.columnCount()):
            self.setColumnHidden(column, column not in filled)
        self._share_room()

    def choose(self, index: int | None) -> None:
        """Select a layer and bring it into sight, if it is shown; None for none."""
        line = None if index is None else self._line_of(index)
        if line is None:
            self.clearSelection()
            self.setCurrentIndex(self.rootIndex())
            return
        flag = QItemSelectionModel.SelectionFlag
        place = self._model.index(line, max(self.currentIndex().column(), 0))
        if not self.selectionModel().isRowSelected(line, self.rootIndex()):
            self.selectionModel().setCurrentIndex(place, flag.ClearAndSelect | flag.Rows)
        else:
            self.selectionModel().setCurrentIndex(place, flag.NoUpdate)
        self.scrollTo(place)

    def _line_of(self, index: int) -> int | None:
        lines = range(self._model.rowCount())
        return next((at for at in lines if self._model.row_at(at).index == index), None)

    def _share_room(self) -> None:
        """Give the names what the others leave, and at least their share."""
        if not self._shares_room:
            return
        others = sum(self.columnWidth(c) for c in range(len(_SAMPLES)) if c != NAME)
        room = self.viewport().width()
        self._is_sizing = True
        self.setColumnWidth(NAME, max(_NAME_LEAST, int(room * _NAME_SHARE), room - others))
        self._is_sizing = False

    def _on_resized(self, column: int, _before: int, _now: int) -> None:
        if column == NAME and not self._is_sizing:
            self._shares_room = False

    def _on_current(self, current: Any, _before: Any) -> None:
        if current.isValid():
            self.layer_chosen.emit(self._model.row_at(current.row()).index)

"""The shelf's table: its columns' widths, and how a model is opened from it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal

from gui.item_models.rows import TableView
from gui.item_models.shelf_rows import ShelfModel

# What a column has room for at first; the first takes what is left.
_SAMPLES = (
    *("", "Ultralytics engine", "10.13.3.9", "compute 12.0", "precision", "segment"),
    *("XX 9.99 MB", "XX does not run here", "2026-12-30 20:00"),
)
_FIRST = 240  # pixels of the first column, at least


class ShelfTable(TableView):
    """The rows; a double click or Enter opens one."""

    opened = Signal(int)  # the line

    def __init__(self, model: ShelfModel) -> None:
        super().__init__()
        self.setAccessibleName("models")
        self.setModel(model)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        metrics = self.fontMetrics()
        for column, sample in enumerate(_SAMPLES):
            self.setColumnWidth(column, metrics.horizontalAdvance(sample) + 22)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row()))

    def keyPressEvent(self, event: Any) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        others = sum(self.columnWidth(column) for column in range(1, len(_SAMPLES)))
        self.setColumnWidth(0, max(self.viewport().width() - others, _FIRST))

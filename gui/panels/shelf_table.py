"""The shelf's table: its columns' widths, and how a model is opened from it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMenu

from gui.item_models.rows import TableView
from gui.item_models.shelf_rows import ShelfModel

if TYPE_CHECKING:
    from PySide6.QtCore import QPoint

# What a column has room for at first; the first takes what is left.
_SAMPLES = (
    *("", "Ultralytics engine", "10.13.3.9", "compute 12.0", "precision", "segment"),
    *("XX 9.99 MB", "XX does not run here", "2026-12-30 20:00"),
)
_FIRST = 240  # pixels of the first column, at least


class ShelfTable(TableView):
    """The rows; a double click or Enter opens one."""

    opened = Signal(int)  # the line
    build_wanted = Signal(object)  # the paths of ONNX models
    rebuild_wanted = Signal(object)  # the path of an engine

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

        self._rows = model
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)

    def _show_menu(self, place: QPoint) -> None:
        index = self.indexAt(place)
        if not index.isValid():  # by the keyboard it is the current row's
            index = self.currentIndex()
        if not index.isValid():
            return
        menu = self.menu_of(index.row())
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.viewport().mapToGlobal(place))

    def menu_of(self, line: int) -> QMenu:
        """What can be done with a row, or with the selected ones if it is one of them."""
        menu = QMenu(self)
        menu.addAction("&Open").triggered.connect(partial(self.opened.emit, line))
        lines = sorted({one.row() for one in self.selectedIndexes()})
        chosen = [self._rows.row_at(one) for one in (lines if line in lines else [line])]
        models = [row.path for row in chosen if row.kind == "onnx"]
        clicked = self._rows.row_at(line)
        if models:
            many = len(models) > 1
            words = f"&Build engines from {len(models)} models..." if many else "&Build engine..."
            menu.addAction(words).triggered.connect(partial(self.build_wanted.emit, models))
        if clicked.kind in ("tensorrt-plan", "ultralytics-engine"):
            again = menu.addAction("Build again for this &machine...")
            again.triggered.connect(partial(self.rebuild_wanted.emit, clicked.path))
        menu.addSeparator()
        copy = menu.addAction("&Copy")
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.triggered.connect(self.copy)
        return menu

    def keyPressEvent(self, event: Any) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        others = sum(self.columnWidth(column) for column in range(1, len(_SAMPLES)))
        self.setColumnWidth(0, max(self.viewport().width() - others, _FIRST))

"""The results of many images: a row for each, to sort, filter, save, and see again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from core.text import counted
from gui.item_models.result_rows import REMARKS, ResultsModel
from gui.item_models.rows import TableView
from gui.panels.rows_panel import RowsPanel

if TYPE_CHECKING:
    from gui.many_images import ManyImages
    from gui.saving import Saver

# What a column has room for at first; the last takes what is left.
_SAMPLES = (
    *("XX a-long-picture-name-0001.jpg", "instance-segment", "X a class's long name", "XX 0.999"),
    *("XX 1,000", "XX 9,999.99"),
)
_LAST = 160  # pixels of the last column, at least
_MOVES = (
    *(Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown),
    *(Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Return, Qt.Key.Key_Enter),
)


class ResultsTable(TableView):
    """The rows; a click or a key that goes to another one chooses it."""

    chosen = Signal(int)  # the line

    def __init__(self, model: ResultsModel) -> None:
        super().__init__()
        self.setAccessibleName("results")
        self.setModel(model)
        header = self.horizontalHeader()
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorClearable(True)  # a third click gives the order of their coming
        self.setSortingEnabled(True)
        metrics = self.fontMetrics()
        for column, sample in enumerate(_SAMPLES):
            self.setColumnWidth(column, metrics.horizontalAdvance(sample) + 22)
        self.clicked.connect(lambda index: self.chosen.emit(index.row()))

    def keyPressEvent(self, event: Any) -> None:
        super().keyPressEvent(event)
        if event.key() in _MOVES and self.currentIndex().isValid():
            self.chosen.emit(self.currentIndex().row())

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        others = sum(self.columnWidth(column) for column in range(REMARKS))
        self.setColumnWidth(REMARKS, max(self.viewport().width() - others, _LAST))


class ResultsPanel(RowsPanel):
    """The rows of the latest run over many images, with what can be done with them."""

    model: ResultsModel
    table: ResultsTable

    chosen = Signal(object)  # the Path of an image to show
    shown_changed = Signal()  # other rows than before

    def __init__(self, many: ManyImages, saver: Saver, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._many, self._saver = many, saver
        self._build()
        many.begun.connect(self._on_begun)
        many.cleared.connect(self._on_begun)
        many.rows_came.connect(self._on_rows)
        many.busy_changed.connect(self.refresh)
        self.refresh()

    def _build(self) -> None:
        self._run = QPushButton("Run all images")
        self._run.setToolTip("Run every image of the strip through the model (F6)")
        self._run.clicked.connect(self._many.run_all)
        self._cancel = QPushButton("Cancel")
        self._cancel.setToolTip("End the run; the rows so far stay (Esc)")
        self._cancel.clicked.connect(self._many.cancel)
        self.model = ResultsModel(self)
        self.table = ResultsTable(self.model)
        self.table.chosen.connect(lambda line: self.chosen.emit(Path(self.model.row_at(line).path)))
        self._make_message()
        self._lay_out("filter results", (self._cancel, self._run), None)

    # -- what the user wants -------------------------------------------------------------

    @property
    def can_export(self) -> bool:
        """True where there are rows, and no more are coming."""
        return self.model.rowCount() > 0 and not self._many.is_busy

    def export(self) -> None:
        """Ask for a file and write the rows that are shown, in their order."""
        if not self.can_export:
            return
        target = self._ask_target("Export the results", "results.csv")
        if target is not None:
            self._saver.save_rows(self.model.shown_rows(), target)

    # -- what comes ----------------------------------------------------------------------

    def _on_begun(self) -> None:
        self.model.clear()
        self.refresh()

    def _on_rows(self, rows: Any) -> None:
        self.model.add(rows)
        self.refresh()

    def refresh(self) -> None:
        """Show how many rows there are, and what is to be said of them."""
        shown, count, busy = self.model.rowCount(), self.model.count, self._many.is_busy
        self._count_rows("image")
        self._count.setVisible(count > 0)
        self._status.set_text(self._summary() if count and not busy else "")
        self._cancel.setVisible(busy)
        self._run.setVisible(not busy)
        self._save.setEnabled(self.can_export)
        if count and not shown:
            self._message.setText(f"No row holds {self.filter.text().strip()!r}.")
        elif not shown:
            text = "Drop a folder of images, or run all that are there (F6)."
            self._message.setText("Running" if busy else text)
        self.shown_changed.emit()

    def _summary(self) -> str:
        sheet = self._many.sheet
        if sheet is None:
            return ""
        text = f"{sheet.done / sheet.seconds:.3g} a second" if sheet.seconds else ""
        if sheet.failed:
            text += f"; {sheet.failed:,} failed"
        if self._many.are_others_wanted:
            text = "by another recipe or reading than is chosen now (F6 runs all again)"
        if sheet.done < self._many.total:
            text += f"; stopped, {counted(self._many.total - sheet.done, 'image')} did not run"
        return text

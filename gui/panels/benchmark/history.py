"""What was measured of this model before: to show, to lay over what is shown, to delete."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from core.text import printable
from gui.benchmark_words import local_time
from gui.item_models.rows import Row, RowsModel, TableView

if TYPE_CHECKING:
    from core.benchmark.history import Entry
    from gui.benchmarking import Benchmarking

_TITLES = ("Taken", "p50, ms", "p99, ms", "Images/s", "Result", "Machine", "Convention")
_NUMERIC = (1, 2, 3)
_WIDEST = 320  # pixels of a column


class HistoryPage(QWidget):
    """A line for each earlier result, the newest first."""

    def __init__(self, benchmarking: Benchmarking, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._benchmarking = benchmarking
        self.table = _HistoryTable(self)
        self.rows_model = RowsModel(_TITLES, _NUMERIC, parent=self)
        self.table.setModel(self.rows_model)
        self.table.horizontalHeader().setMaximumSectionSize(_WIDEST)
        self.table.horizontalHeader().setSectionResizeMode(
            self.table.horizontalHeader().ResizeMode.ResizeToContents
        )
        self.show_button = QPushButton("Show")
        self.show_button.setToolTip("Show the selected result (Enter)")
        self.show_button.clicked.connect(self.show_selected)
        self.over_button = QPushButton("Lay over")
        self.over_button.setToolTip("Lay the selected result over the shown one, dashed (Space)")
        self.over_button.clicked.connect(self.lay_over_selected)
        self.alone_button = QPushButton("Show alone")
        self.alone_button.setToolTip("Take away what is laid over")
        self.alone_button.clicked.connect(lambda: benchmarking.lay_over(None))
        self.delete_button = QPushButton("Delete")
        self.delete_button.setToolTip("Delete the selected result from the history (Del)")
        self.delete_button.clicked.connect(self.delete_selected)
        row = QHBoxLayout()
        for button in (self.show_button, self.over_button, self.alone_button):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.delete_button)
        self._message = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message.setContentsMargins(24, 24, 24, 24)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._message)
        self._pages.addWidget(self.table)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self._pages, 1)
        self.table.doubleClicked.connect(self.show_selected)
        self.table.selectionModel().selectionChanged.connect(self._enable)
        benchmarking.entries_changed.connect(self._show_entries)
        benchmarking.shown_changed.connect(self._enable)
        benchmarking.state_changed.connect(self._enable)
        self._show_entries()

    def selected(self) -> Entry | None:
        """The selected result."""
        line = self.table.currentIndex().row()
        entries = self._benchmarking.entries
        is_selected = bool(self.table.selectionModel().selectedRows())
        return entries[line] if is_selected and 0 <= line < len(entries) else None

    def show_selected(self) -> None:
        """Show the selected result."""
        entry = self.selected()
        if entry is not None:
            self._benchmarking.show_entry(entry)

    def lay_over_selected(self) -> None:
        """Lay the selected result over the shown one."""
        entry = self.selected()
        if entry is not None and self._benchmarking.shown is not None:
            self._benchmarking.lay_over(entry)

    def delete_selected(self) -> None:
        """Delete the selected result."""
        entry = self.selected()
        if entry is not None:
            self._benchmarking.delete(entry)

    def _show_entries(self) -> None:
        entries = self._benchmarking.entries
        line = self.table.currentIndex().row()
        self.rows_model.show_rows([_row(entry) for entry in entries])
        if entries:
            self.table.selectRow(min(max(line, 0), len(entries) - 1))
        self._message.setText(
            "There are no earlier results of this model. Each benchmark is kept here."
        )
        self._pages.setCurrentIndex(1 if entries else 0)
        self._enable()

    def _enable(self) -> None:
        benchmarking = self._benchmarking
        free = self.selected() is not None and not benchmarking.is_running
        self.show_button.setEnabled(free)
        self.over_button.setEnabled(free and benchmarking.shown is not None)
        self.alone_button.setEnabled(benchmarking.second is not None)
        self.delete_button.setEnabled(free)


def _row(entry: Entry) -> Row:
    cells = (
        local_time(entry.taken_at),
        *(_number(value, 3) for value in (entry.p50_ms, entry.p99_ms)),
        _number(entry.images_per_s, 1),
        entry.summary,
        entry.machine,
        entry.convention,
    )
    return Row(tuple(map(printable, cells)), html.escape(printable(str(entry.path))))


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


class _HistoryTable(TableView):
    """Enter shows, Space lays over, Delete deletes."""

    def __init__(self, page: HistoryPage) -> None:
        super().__init__(page)
        self.setAccessibleName("earlier results")
        self.setTextElideMode(Qt.TextElideMode.ElideRight)  # nothing amid a sentence is lost
        self.setSelectionMode(self.SelectionMode.SingleSelection)
        self._page = page

    def keyPressEvent(self, event: Any) -> None:
        key = Qt.Key
        acts = {
            key.Key_Return: self._page.show_selected,
            key.Key_Enter: self._page.show_selected,
            key.Key_Space: self._page.lay_over_selected,
            key.Key_Delete: self._page.delete_selected,
        }
        act = acts.get(key(event.key()))
        if act is None:
            super().keyPressEvent(event)
        else:
            act()

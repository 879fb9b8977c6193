"""What the panels of large tables share: a filter, what is said of the rows, and their export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from core.text import counted
from gui.item_models.rows import TableView
from gui.item_models.sorted_rows import SortedModel
from gui.theme import ElidedLabel

_FORMATS = {"CSV (*.csv)": ".csv", "JSON (*.json)": ".json"}


class RowsPanel(QWidget):
    """A row of buttons with a filter over a table, or over a message while nothing is in it.

    A subclass makes its model, table and buttons, then calls _lay_out.
    """

    model: SortedModel[Any]
    table: TableView

    def _lay_out(
        self,
        name: str,
        buttons: Sequence[QPushButton],
        empty: QWidget | None,
        body: QWidget | None = None,
    ) -> None:
        """Put everything in its place.

        Args:
            name: of the filter, for screen readers.
            buttons: what stands before Export.
            empty: stands where the table will be; None for the message alone.
            body: has the table in it; None for the table alone.
        """
        self.filter = QLineEdit(placeholderText="Filter (Ctrl+F)", clearButtonEnabled=True)
        self.filter.setAccessibleName(name)
        self.filter.setMaximumWidth(260)
        self.filter.textChanged.connect(self._on_filter)
        keys = QShortcut(QKeySequence("Ctrl+F"), self, self._to_filter)
        keys.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._count = QLabel()
        self._status = ElidedLabel()
        self._status.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self._save = QPushButton("Export...")
        self._save.setToolTip("Save the rows that are shown as CSV or JSON")
        self._save.clicked.connect(self.export)
        row = QHBoxLayout()
        row.addWidget(self.filter, 1)
        row.addWidget(self._count)
        row.addWidget(self._status, 1)
        for button in (*buttons, self._save):
            row.addWidget(button)
        self._pages = QStackedWidget()
        self._pages.addWidget(empty or self._message)
        self._pages.addWidget(body or self.table)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addLayout(row)
        column.addWidget(self._pages, 1)

    def _make_message(self) -> None:
        """What is said while there are no rows; made first, for a subclass may frame it."""
        self._message = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def sizeHint(self) -> QSize:
        return QSize(640, 10 * (self.fontMetrics().height() + 8))

    def export(self) -> None:
        """Ask for a file and write the rows that are shown, in their order."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Show how many rows there are, and what is to be said of them."""
        raise NotImplementedError

    def _ask_target(
        self,
        title: str,
        suggested: str,
        more: Mapping[str, str] | None = None,
        *,
        first: bool = False,
    ) -> Path | None:
        """The file to export to; its suffix is the chosen format's where none is given.

        Args:
            title: of the dialog.
            suggested: a name.
            more: formats besides those of rows, each with its suffix.
            first: offer them first.
        """
        others = dict(more or {})
        formats = others | _FORMATS if first else _FORMATS | others
        path, chosen = QFileDialog.getSaveFileName(self, title, suggested, ";;".join(formats))
        if not path:
            return None
        target = Path(path)
        return (
            target if target.suffix else target.with_name(target.name + formats.get(chosen, ".csv"))
        )

    def _count_rows(self, noun: str) -> None:
        """Say how many rows there are, and how many of them are shown; show them or the message."""
        shown, count = self.model.rowCount(), self.model.count
        rows = counted(count, noun)
        self._count.setText(rows if shown == count else f"{shown:,} of {rows}")
        self._pages.setCurrentIndex(1 if shown else 0)

    def _to_filter(self) -> None:
        self.filter.setFocus()
        self.filter.selectAll()

    def _on_filter(self, text: str) -> None:
        current = self.table.currentIndex()
        row = self.model.row_at(current.row()) if current.isValid() else None
        self.model.show_matching(text)
        line = None if row is None else self.model.line_of(row)
        if line is not None:
            self.table.selectRow(line)
        self.refresh()

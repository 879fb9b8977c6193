"""A read-only table of ready-made rows, and the view that can copy it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its texts, a longer text for the tooltip, and a colour chip in the first cell."""

    cells: tuple[str, ...]
    tooltip: str = ""
    color: tuple[int, int, int] | None = None  # RGB 0..255


class TitledModel(QAbstractTableModel):
    """Columns under fixed titles; those of numbers are aligned right."""

    def __init__(
        self,
        titles: Sequence[str],
        numeric: Sequence[int] = (),
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._titles = tuple(titles)
        self._numeric = frozenset(numeric)

    def set_title(self, column: int, title: str) -> None:
        """Give a column another title."""
        if self._titles[column] != title:
            self._titles = (*self._titles[:column], title, *self._titles[column + 1 :])
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, column, column)

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._titles)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._titles[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(section)
        return None

    def _alignment(self, column: int) -> Qt.AlignmentFlag:
        side = (
            Qt.AlignmentFlag.AlignRight if column in self._numeric else Qt.AlignmentFlag.AlignLeft
        )
        return side | Qt.AlignmentFlag.AlignVCenter


class RowsModel(TitledModel):
    """Rows of ready-made text."""

    _rows: tuple[Row, ...] = ()

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Replace all rows."""
        self.beginResetModel()
        self._rows = tuple(rows)
        self.endResetModel()

    def replace_row(self, index: int, row: Row) -> None:
        """Replace one row; what is selected stays so."""
        self._rows = (*self._rows[:index], row, *self._rows[index + 1 :])
        self.dataChanged.emit(self.index(index, 0), self.index(index, len(self._titles) - 1))

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.cells[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.tooltip or row.cells[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(index.column())
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0 and row.color:
            return QColor(*row.color)
        return None


class TableView(QTableView):
    """A table whose selected rows, or all of it, are copied as tab-separated text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setTabKeyNavigation(False)  # Tab leaves the table
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        self.horizontalHeader().setHighlightSections(False)

    def stretch(self, column: int) -> None:
        """Let one column take the room that the others leave."""
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)

    def copied_text(self, *, every: bool = False) -> str:
        """What copying puts on the clipboard: titles and the selected rows, or all.

        Args:
            every: all rows, whatever is selected.
        """
        model = self.model()
        columns = [c for c in range(model.columnCount()) if not self.isColumnHidden(c)]
        rows = sorted({index.row() for index in self.selectedIndexes()})
        horizontal = Qt.Orientation.Horizontal
        lines = ["\t".join(str(model.headerData(c, horizontal)) for c in columns)]
        for row in range(model.rowCount()) if every or not rows else rows:
            lines.append("\t".join(str(model.index(row, c).data()) for c in columns))
        return "\n".join(lines)

    def copy(self) -> None:
        """Put the selected rows on the clipboard, or all."""
        QGuiApplication.clipboard().setText(self.copied_text())

    def keyPressEvent(self, event: Any) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
            event.accept()
            return
        super().keyPressEvent(event)

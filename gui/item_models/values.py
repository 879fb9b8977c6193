"""A slice of a tensor as a virtual table: only what is on screen is formatted."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, Signal
from PySide6.QtGui import QColor, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QWidget

from gui.item_models.rows import Index, TableView

if TYPE_CHECKING:
    import numpy as np

_NO_INDEX = QModelIndex()
_MAX_SECTIONS = 20_000_000  # Qt's views count pixels in 32 bits
FOLD = 10  # values to a line of a vector, which would else be one endless row
_WRONG = QColor(220, 60, 60)  # NaN and infinity
_SATURATED = QColor(214, 118, 0)


class ValuesModel(QAbstractTableModel):
    """A two-dimensional array; NaN, infinity and saturated values stand out.

    A single row of more than FOLD values is folded into lines of that many.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._values: np.ndarray | None = None
        self._folded = False
        self._saturated: frozenset[float] = frozenset()

    def show_values(self, values: np.ndarray | None) -> None:
        """Show a (rows, columns) array, or nothing."""
        self.beginResetModel()
        self._values = values
        self._folded = values is not None and values.shape[0] == 1 and values.shape[1] > FOLD
        self.endResetModel()

    def mark_saturated(self, values: tuple[float, ...]) -> None:
        """Let these values stand out too."""
        if frozenset(values) != self._saturated:
            self._saturated = frozenset(values)
            if self.rowCount() and self.columnCount():
                last = self.index(self.rowCount() - 1, self.columnCount() - 1)
                self.dataChanged.emit(self.index(0, 0), last)

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        if parent.isValid() or self._values is None:
            return 0
        rows, columns = self._values.shape
        return min(-(-columns // FOLD) if self._folded else int(rows), _MAX_SECTIONS)

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        if parent.isValid() or self._values is None:
            return 0
        return FOLD if self._folded else min(int(self._values.shape[1]), _MAX_SECTIONS)

    def index_of(self, row: int, column: int) -> QModelIndex:
        """The cell of an element of the array."""
        return self.index(*divmod(column, FOLD)) if self._folded else self.index(row, column)

    def element_at(self, index: Index) -> tuple[int, int] | None:
        """The row and column in the array, None for no element."""
        if self._values is None or not index.isValid():
            return None
        if not self._folded:
            return index.row(), index.column()
        column = index.row() * FOLD + index.column()
        return (0, column) if column < self._values.shape[1] else None

    def blocks(self, top: int, left: int, bottom: int, right: int) -> tuple[np.ndarray, ...]:
        """The array's values in a rectangle of cells, as views of (rows, columns) each."""
        if self._values is None:
            return ()
        if not self._folded:
            return (self._values[top : bottom + 1, left : right + 1],)
        line = self._values[0]
        whole = len(line) // FOLD
        full = line[: whole * FOLD].reshape(-1, FOLD)[top : bottom + 1, left : right + 1]
        rest = line[whole * FOLD :][left : right + 1] if bottom >= whole else line[:0]
        return tuple(block for block in (full, rest.reshape(1, -1)) if block.size)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if not self._folded:
            return section
        return f"+{section}" if orientation == Qt.Orientation.Horizontal else section * FOLD

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        place = self.element_at(index)
        if self._values is None or place is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            from core.tensor_files import cell_text

            return cell_text(self._values[place])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._color(self._values[place])
        return None

    def _color(self, value: Any) -> QColor | None:
        from core.tensor_files import number_of

        number = number_of(value)
        if number is None:
            return None
        if number in self._saturated:
            return _SATURATED
        return None if isfinite(number) else _WRONG


class ValuesTable(TableView):
    """Cells are selected singly; who listens to copy_wanted copies them."""

    copy_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectItems)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ContiguousSelection)
        self.verticalHeader().show()
        self.horizontalHeader().setDefaultSectionSize(86)

    def selected_rectangle(self) -> tuple[int, int, int, int] | None:
        """Top, left, bottom and right of what is selected; without going through the cells."""
        selection: Any = self.selectionModel().selection()
        ranges = list(selection)
        if not ranges:
            return None
        return (
            min(one.top() for one in ranges),
            min(one.left() for one in ranges),
            max(one.bottom() for one in ranges),
            max(one.right() for one in ranges),
        )

    def keyPressEvent(self, event: Any) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_wanted.emit()
            event.accept()
            return
        super().keyPressEvent(event)

"""A slice of an output tensor as a virtual table: only what is on screen is formatted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from PySide6.QtGui import QColor

from gui.item_models.rows import Index

if TYPE_CHECKING:
    import numpy as np

_NO_INDEX = QModelIndex()
_MAX_SECTIONS = 2_000_000  # Qt's views count pixels in 32 bits


class ValuesModel(QAbstractTableModel):
    """A two-dimensional array; NaN and infinity stand out."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._values: np.ndarray | None = None

    def show_values(self, values: np.ndarray | None) -> None:
        """Show a (rows, columns) array, or nothing."""
        self.beginResetModel()
        self._values = values
        self.endResetModel()

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        if parent.isValid() or self._values is None:
            return 0
        return min(int(self._values.shape[0]), _MAX_SECTIONS)

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        if parent.isValid() or self._values is None:
            return 0
        return min(int(self._values.shape[1]), _MAX_SECTIONS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        return section if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if self._values is None or not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(self._values[index.row(), index.column()])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ForegroundRole:
            text = _text(self._values[index.row(), index.column()])
            return QColor(220, 60, 60) if text in ("nan", "inf", "-inf") else None
        return None


def _text(value: Any) -> str:
    try:
        return f"{float(value):.6g}"
    except (TypeError, ValueError):
        return str(value)

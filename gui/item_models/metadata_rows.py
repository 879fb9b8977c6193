"""An engine's metadata as a table that is edited in place."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any

from PySide6.QtCore import QModelIndex, QObject, Qt, Signal

from core.modelfile.metadata_values import shown_value, typed_value, value_of_text
from core.text import one_line
from gui.item_models.rows import Index, TitledModel

Content = tuple[tuple[str, str], ...]
_NO_INDEX = QModelIndex()
_TOOLTIP = 2_000  # letters
_KEY = 300


class MetadataModel(TitledModel):
    """Keys and values; a value that is not edited stays the very same, whatever its type."""

    edited = Signal()  # rows or cells are others

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(("key", "value"), parent=parent)
        self._rows: list[tuple[str, Any]] = []

    def show_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Replace all rows."""
        self.beginResetModel()
        self._rows = list(metadata.items())
        self.endResetModel()
        self.edited.emit()

    def metadata(self) -> dict[str, Any]:
        """What the rows say; only without `trouble` that is all of them."""
        return dict(self._rows)

    @property
    def trouble(self) -> str:
        """Why the rows are no metadata yet, or ""."""
        keys = [key for key, _ in self._rows]
        if "" in keys:
            return "A row has no key: give it one, or remove it."
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            return f"Two rows have the key {one_line(twice, 60)}: rename or remove one."
        return ""

    @property
    def content(self) -> Content:
        """All rows, the same only for the same keys, values and types in one order."""
        return content_of(self._rows)

    def add_row(self) -> int:
        """Add an empty row at the end; gives its number."""
        row = len(self._rows)
        self.beginInsertRows(_NO_INDEX, row, row)
        self._rows.append(("", ""))
        self.endInsertRows()
        self.edited.emit()
        return row

    def remove_rows(self, rows: Iterable[int]) -> None:
        """Remove rows by their numbers."""
        for row in sorted(set(rows), reverse=True):
            self.beginRemoveRows(_NO_INDEX, row, row)
            del self._rows[row]
            self.endRemoveRows()
        self.edited.emit()

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def flags(self, index: Index) -> Qt.ItemFlag:
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        key, value = self._rows[index.row()]
        is_key = index.column() == 0
        if role == Qt.ItemDataRole.DisplayRole:
            return one_line(key, _KEY) if is_key else shown_value(value)
        if role == Qt.ItemDataRole.EditRole:
            return key if is_key else typed_value(value)
        if role == Qt.ItemDataRole.ToolTipRole:
            text = one_line(key, _TOOLTIP) if is_key else shown_value(value, _TOOLTIP)
            # Rich text wraps; escaped, for a file's text must not be taken for markup.
            return f"<qt>{html.escape(text)}</qt>" if text else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(index.column())
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.EditRole or not index.isValid():
            return False
        if str(value) == self.data(index, role):
            return True
        row, text = index.row(), str(value)
        key, old = self._rows[row]
        self._rows[row] = (text.strip(), old) if index.column() == 0 else (key, value_of_text(text))
        self.dataChanged.emit(index, index)
        self.edited.emit()
        return True


def content_of(rows: Iterable[tuple[str, Any]]) -> Content:
    """See MetadataModel.content; Python alone takes 1, 1.0 and True for the same."""
    return tuple((key, typed_value(value)) for key, value in rows)

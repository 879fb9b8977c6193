"""A table that sorts and filters itself.

QSortFilterProxyModel asks Python for each comparison: to sort 10,000 rows it takes three
seconds. Sorted here by keys made once, they take 20 ms, so that the window never stands still.
"""

from __future__ import annotations

import html
from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QModelIndex, QObject, Qt
from PySide6.QtGui import QIcon

from core.text import printable
from gui.item_models.rows import Index, TitledModel

_NO_INDEX = QModelIndex()

R = TypeVar("R")
Key = tuple[bool, Any, Any]  # has nothing to sort by; what to sort by; what orders equals


@dataclass(frozen=True, slots=True)
class Entry(Generic[R]):
    """A row with its texts."""

    row: R
    cells: tuple[str, ...]
    searched: str  # all cells, in one case
    number: int  # how many were added before it

    @classmethod
    def of(cls, row: R, cells: tuple[str, ...], number: int) -> Entry[R]:
        """An entry in which all cells are searched."""
        return cls(row, cells, "\n".join(cells).casefold(), number)


class SortedModel(TitledModel, Generic[R]):
    """Rows in the order of one column, of which those are shown that match a text.

    Column -1 is the order in which they were added. A subclass says what is in the cells.
    """

    def __init__(
        self, titles: Sequence[str], numeric: Sequence[int], parent: QObject | None = None
    ) -> None:
        super().__init__(titles, numeric, parent)
        self._all: list[Entry[R]] = []
        # Those that match, always by ascending key; a descending order is shown from the end.
        self._shown: list[Entry[R]] = []
        self._keys: list[Key] = []
        self._column, self._descending = -1, False
        self._text = ""

    # -- what a subclass says ------------------------------------------------------------

    def cells_of(self, row: R) -> tuple[str, ...]:
        """A row's texts."""
        raise NotImplementedError

    def sort_value(self, column: int, entry: Entry[R]) -> Any:
        """What a column's cells are ordered by; None comes last in either order."""
        raise NotImplementedError

    def tie_value(self, entry: Entry[R]) -> Any:
        """What orders those that are equal in the column."""
        return entry.number

    def mark_at(self, column: int, entry: Entry[R]) -> QIcon | None:
        """The mark in a cell, if it has one."""
        raise NotImplementedError

    def tooltip_lines(self, row: R) -> tuple[str, ...]:
        """What a row's tooltip says: the whole path, and what there is no room for."""
        raise NotImplementedError

    # -- what is in it -------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many rows there are, shown or not."""
        return len(self._all)

    def row_at(self, line: int) -> R:
        """The row that is shown on a line."""
        return self._entry(line).row

    def line_of(self, row: R) -> int | None:
        """The line on which a row is shown; None when it is filtered out."""
        return next((at for at in range(len(self._shown)) if self._entry(at).row is row), None)

    def shown_rows(self) -> tuple[R, ...]:
        """The rows that match, in the order in which they are shown."""
        return tuple(self._entry(line).row for line in range(len(self._shown)))

    def add(self, rows: Iterable[R]) -> None:
        """Add rows in their places. A hundred take a few milliseconds."""
        for row in rows:
            entry = Entry.of(row, self.cells_of(row), len(self._all))
            self._all.append(entry)
            if not self._matches(entry):
                continue
            key = self._key(entry)
            at = bisect(self._keys, key)
            line = len(self._shown) - at if self._descending else at
            self.beginInsertRows(_NO_INDEX, line, line)
            self._shown.insert(at, entry)
            self._keys.insert(at, key)
            self.endInsertRows()

    def replace(self, entries: Sequence[Entry[R]]) -> None:
        """Show other rows, all at once; order and filter stay."""
        self.beginResetModel()
        self._all = list(entries)
        self._shown = [entry for entry in self._all if self._matches(entry)]
        self._arrange()
        self.endResetModel()

    def clear(self) -> None:
        """Remove all rows; order and filter stay."""
        self.beginResetModel()
        self._all.clear()
        self._shown, self._keys = [], []
        self.endResetModel()

    def show_matching(self, text: str) -> None:
        """Show the rows of which a cell holds this text, in whatever case."""
        self.beginResetModel()
        self._text = text.strip().casefold()
        self._shown = [entry for entry in self._all if self._matches(entry)]
        self._arrange()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order by a column: what it has nothing for comes last."""
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        entries = [self._entry(index.row()) for index in kept]
        self._column, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self._arrange()
        lines = {id(self._entry(line)): line for line in range(len(self._shown))} if kept else {}
        moved = [
            self.index(lines[id(entry)], index.column())
            for entry, index in zip(entries, kept, strict=True)
        ]
        self.changePersistentIndexList(kept, moved)
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        self._shown.sort(key=self._key)
        self._keys = [self._key(entry) for entry in self._shown]

    def _key(self, entry: Entry[R]) -> Key:
        value = entry.number if self._column < 0 else self.sort_value(self._column, entry)
        is_missing = value is None
        # Nothing comes last in either order.
        return is_missing != self._descending, 0 if is_missing else value, self.tie_value(entry)

    def _matches(self, entry: Entry[R]) -> bool:
        return self._text in entry.searched

    def _entry(self, line: int) -> Entry[R]:
        return self._shown[-1 - line if self._descending else line]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry, column = self._entry(index.row()), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.cells[column]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(column)
        if role == Qt.ItemDataRole.DecorationRole:
            return self.mark_at(column, entry)
        if role == Qt.ItemDataRole.ToolTipRole:
            # As rich text it wraps, and no name is taken for a tag.
            lines = (html.escape(printable(line)) for line in self.tooltip_lines(entry.row) if line)
            return f"<qt>{'<br>'.join(lines)}</qt>"
        return None

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._shown)

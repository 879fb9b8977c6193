"""Many images' results as a table that sorts and filters itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt

from core.text import printable
from gui.item_models.marks import mark_of
from gui.item_models.rows import Index
from gui.item_models.sorted_rows import Entry, SortedModel

if TYPE_CHECKING:
    from core.result_rows import ResultRow

TITLES = ("file", "task", "top prediction", "score", "count", "ms", "remarks")
FILE, TASK, TOP, SCORE, COUNT, MS, REMARKS = range(len(TITLES))


class ResultsModel(SortedModel["ResultRow"]):
    """A line for each image, errors and warnings marked; first in the order of their coming."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(TITLES, (SCORE, COUNT, MS), parent)
        self._bad, self._unsure = mark_of(False), mark_of(None)

    def cells_of(self, row: ResultRow) -> tuple[str, ...]:
        remarks = row.warnings if row.error is None else (row.error.message,)
        return (
            printable(Path(row.path).name),
            row.task or "",
            printable(row.top),
            "" if row.score is None else f"{row.score:.3f}",
            "" if row.count is None else f"{row.count:,}",
            "" if row.time_ms is None else f"{row.time_ms:.2f}",
            printable("; ".join(remarks)),
        )

    def sort_value(self, column: int, entry: Entry[ResultRow]) -> Any:
        return _SORT_VALUES[column](entry)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry, column = self._entry(index.row()), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.cells[column]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(column)
        if role == Qt.ItemDataRole.DecorationRole and column == REMARKS:
            if entry.row.error is not None:
                return self._bad
            return self._unsure if entry.row.warnings else None
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tooltip(entry.row)
        return None


def _tooltip(row: ResultRow) -> str:
    """The whole path and all remarks; as rich text it wraps, and no name is taken for a tag."""
    import html

    remarks = row.warnings if row.error is None else (row.error.message, row.error.hint)
    lines = (row.path, row.top, *remarks)
    return f"<qt>{'<br>'.join(html.escape(printable(line)) for line in lines if line)}</qt>"


def _remark_value(entry: Entry[ResultRow]) -> tuple[bool, str] | None:
    """Errors before warnings."""
    text = entry.cells[REMARKS]
    return (entry.row.error is None, text.casefold()) if text else None


_SORT_VALUES: tuple[Callable[[Entry[Any]], Any], ...] = (
    lambda entry: entry.cells[FILE].casefold(),
    lambda entry: entry.row.task,
    lambda entry: entry.cells[TOP].casefold() or None,
    lambda entry: entry.row.score,
    lambda entry: entry.row.count,
    lambda entry: entry.row.time_ms,
    _remark_value,
)

"""Many images' results as a table that sorts and filters itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtGui import QIcon

from core.text import printable
from gui.item_models.marks import mark_of
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
        return (printable(Path(row.path).name), *map(printable, row.words))

    def sort_value(self, column: int, entry: Entry[ResultRow]) -> Any:
        return _SORT_VALUES[column](entry)

    def mark_at(self, column: int, entry: Entry[ResultRow]) -> QIcon | None:
        if column != REMARKS:
            return None
        if entry.row.error is not None:
            return self._bad
        return self._unsure if entry.row.warnings else None

    def tooltip_lines(self, row: ResultRow) -> tuple[str, ...]:
        remarks = row.warnings if row.error is None else (row.error.message, row.error.hint)
        return (row.path, row.top, *remarks)


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

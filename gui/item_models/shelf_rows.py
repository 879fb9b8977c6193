"""The shelf's rows as a table that sorts and filters itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtGui import QIcon

from gui.item_models.marks import mark_of
from gui.item_models.sorted_rows import Entry, SortedModel

if TYPE_CHECKING:
    from core.shelf import ShelfRow

TITLES = (  # first those of core.shelf.FACT_TITLES, which takes 100 ms to import
    "model",
    "kind",
    "TensorRT",
    "built on",
    "precision",
    "task",
    "size",
    "verdict",
    "changed",
)
SIZE, VERDICT = TITLES.index("size"), TITLES.index("verdict")

_WORDS = {True: "runs here", False: "does not run here", None: "may run here"}


class ShelfModel(SortedModel["ShelfRow"]):
    """Rows in the order of one column: sizes and times as numbers, versions as versions."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(TITLES, (SIZE,), parent)
        self._column = 0
        self._marks = {can_run: mark_of(can_run) for can_run in _WORDS}

    def cells_of(self, row: ShelfRow) -> tuple[str, ...]:
        return (
            *row.fact_words,
            _verdict_words(row),
            "" if row.modified is None else row.modified.astimezone().strftime("%Y-%m-%d %H:%M"),
        )

    def sort_value(self, column: int, entry: Entry[ShelfRow]) -> Any:
        return _SORT_VALUES[column](entry)

    def tie_value(self, entry: Entry[ShelfRow]) -> str:
        return entry.row.relative

    def mark_at(self, column: int, entry: Entry[ShelfRow]) -> QIcon | None:
        return self._marks[entry.row.verdict.can_run] if column == VERDICT else None

    def tooltip_lines(self, row: ShelfRow) -> tuple[str, ...]:
        return (str(row.path), row.verdict.message, row.verdict.hint)


def _verdict_words(row: ShelfRow) -> str:
    if row.verdict.reason == "needs-consent":
        return "needs your consent"
    if row.verdict.can_run is False:  # the mark before it says so
        return row.reason_words
    return _WORDS[True] if row.verdict.can_run else f"may run: {row.reason_words}"


def _version(text: str | None) -> tuple[int, ...] | None:
    """A version's or a compute capability's numbers: 10.3 comes after 8.6."""
    return tuple(int(part) for part in re.findall(r"\d+", text)) or None if text else None


_SORT_VALUES: tuple[Callable[[Entry[Any]], Any], ...] = (
    lambda entry: entry.row.relative.casefold(),
    lambda entry: entry.cells[1].casefold(),
    lambda entry: _version(entry.row.version_words),  # "5 or older" counts as 5
    lambda entry: _version(entry.row.compute_capability),
    lambda entry: entry.row.precision,
    lambda entry: entry.row.task,
    lambda entry: entry.row.size_bytes,
    lambda entry: {True: 0, None: 1, False: 2}[entry.row.verdict.can_run],
    lambda entry: entry.row.modified,
)

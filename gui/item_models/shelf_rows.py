"""The shelf's rows as a table that sorts and filters itself.

QSortFilterProxyModel asks Python for each comparison: to sort 10,000 rows it takes three
seconds. Sorted here by keys made once, they take 20 ms, so that the window never stands still.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QPolygonF

from core.text import printable
from gui.item_models.rows import Index, TitledModel
from gui.theme import BAD, GOOD, UNSURE

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
_NO_INDEX = QModelIndex()

Key = tuple[bool, Any, str]  # has nothing to sort by; what to sort by; the path for equals


@dataclass(frozen=True, slots=True)
class Entry:
    """A row with its texts."""

    row: ShelfRow
    cells: tuple[str, ...]
    searched: str  # all cells, in one case


class ShelfModel(TitledModel):
    """Rows in the order of one column, of which those are shown that match a text."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(TITLES, (SIZE,), parent)
        self._all: list[Entry] = []
        # Those that match, always by ascending key; a descending order is shown from the end.
        self._shown: list[Entry] = []
        self._keys: list[Key] = []
        self._column, self._descending = 0, False
        self._text = ""
        self._marks = {can_run: _mark(can_run) for can_run in _WORDS}

    # -- what is in it -------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many rows there are, shown or not."""
        return len(self._all)

    def row_at(self, line: int) -> ShelfRow:
        """The row that is shown on a line."""
        return self._entry(line).row

    def line_of(self, row: ShelfRow) -> int | None:
        """The line on which a row is shown; None when it is filtered out."""
        return next((at for at in range(len(self._shown)) if self._entry(at).row is row), None)

    def shown_rows(self) -> tuple[ShelfRow, ...]:
        """The rows that match, in the order in which they are shown."""
        return tuple(self._entry(line).row for line in range(len(self._shown)))

    def add(self, rows: Iterable[ShelfRow]) -> None:
        """Add rows in their places. A hundred take a few milliseconds."""
        for row in rows:
            entry = _entry_of(row)
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
        """Order by a column: sizes and times as numbers, versions as versions, nothing last."""
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

    def _key(self, entry: Entry) -> Key:
        value = _SORT_VALUES[self._column](entry)
        is_missing = value is None
        # Nothing comes last in either order.
        return is_missing != self._descending, 0 if is_missing else value, entry.row.relative

    def _matches(self, entry: Entry) -> bool:
        return self._text in entry.searched

    def _entry(self, line: int) -> Entry:
        return self._shown[-1 - line if self._descending else line]

    # -- what Qt asks --------------------------------------------------------------------

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry, column = self._entry(index.row()), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.cells[column]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(column)
        if role == Qt.ItemDataRole.DecorationRole and column == VERDICT:
            return self._marks[entry.row.verdict.can_run]
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tooltip(entry.row)
        return None


def _entry_of(row: ShelfRow) -> Entry:
    cells = (
        *row.fact_words,
        _verdict_words(row),
        "" if row.modified is None else row.modified.astimezone().strftime("%Y-%m-%d %H:%M"),
    )
    return Entry(row, cells, "\n".join(cells).casefold())


def _verdict_words(row: ShelfRow) -> str:
    if row.verdict.reason == "needs-consent":
        return "needs your consent"
    if row.verdict.can_run is False:  # the mark before it says so
        return row.reason_words
    return _WORDS[True] if row.verdict.can_run else f"may run: {row.reason_words}"


def _tooltip(row: ShelfRow) -> str:
    """The whole path and the verdict; as rich text it wraps, and no name is taken for a tag."""
    import html

    lines = (str(row.path), row.verdict.message, row.verdict.hint)
    return f"<qt>{'<br>'.join(html.escape(printable(line)) for line in lines if line)}</qt>"


def _version(text: str | None) -> tuple[int, ...] | None:
    """A version's or a compute capability's numbers: 10.3 comes after 8.6."""
    return tuple(int(part) for part in re.findall(r"\d+", text)) or None if text else None


_SORT_VALUES: tuple[Callable[[Entry], Any], ...] = (
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


def _mark(can_run: bool | None) -> QIcon:
    """A tick, a cross or a bar in white on a coloured disc, which stands out on any ground."""
    side = 64.0  # pixels; Qt makes it as small as it is needed
    color, shape = {
        True: (GOOD, [[(17, 34), (28, 45), (47, 21)]]),
        False: (BAD, [[(21, 21), (43, 43)], [(43, 21), (21, 43)]]),
        None: (UNSURE, [[(18, 32), (46, 32)]]),
    }[can_run]
    pixmap = QPixmap(int(side), int(side))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(color))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawEllipse(QRectF(4, 4, side - 8, side - 8))
    white = QPen(QColor("white"), 7)
    white.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(white)
    for line in shape:
        painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in line]))
    painter.end()
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # else it is tinted with the selection's colour
    return icon

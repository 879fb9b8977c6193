"""Go from one NaN, infinite or saturated element of a tensor to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QIcon, QKeySequence, QPixmap, QShortcut
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from gui.theme import ElidedLabel

if TYPE_CHECKING:
    from core.tensor_statistics import TensorStatistics


class MarkBar(QWidget):
    """A list of what there is, with its colours in the heat map, and buttons to go through it."""

    found = Signal(int)  # flat index of an element in C order

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._statistics: TensorStatistics | None = None
        self._place = -1
        self.kinds = QComboBox()
        self.kinds.setAccessibleName("kind of element to look for")
        self.previous = self._button(Qt.ArrowType.UpArrow, "Previous", "Shift+F3", -1)
        self.next = self._button(Qt.ArrowType.DownArrow, "Next", "F3", 1)
        self._text = ElidedLabel()
        line = QHBoxLayout()
        line.addWidget(self.kinds, 1)
        line.addWidget(self.previous)
        line.addWidget(self.next)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 2, 8, 2)
        column.setSpacing(2)
        column.addLayout(line)
        column.addWidget(self._text)
        self.show_statistics(None, "")

    def _button(self, arrow: Qt.ArrowType, word: str, key: str, step: int) -> QToolButton:
        button = QToolButton(arrowType=arrow)
        button.setToolTip(f"{word} ({key})")
        button.setAccessibleName(f"{word.lower()} marked element")
        button.clicked.connect(lambda: self.go(step))
        shortcut = QShortcut(QKeySequence(key), self.parentWidget() or self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(lambda: self.go(step))
        return button

    def show_statistics(self, statistics: TensorStatistics | None, text: str) -> None:
        """Offer what a tensor has, from its beginning; text stands there without statistics."""
        from core.heat_maps import MARK_COLORS
        from core.tensor_statistics import Mark

        self._statistics, self._place = statistics, -1
        kept = self.kinds.currentData()
        self.kinds.clear()
        counts = {}
        if statistics is not None:
            counts = {
                Mark.NAN: ("NaN", statistics.nan),
                Mark.INF: ("Inf", statistics.inf),
                Mark.SATURATED: ("saturated", statistics.saturated),
            }
            text = "No NaN, Inf or saturated values."
            if not statistics.is_numeric:
                text = "No numbers."
        present = [(mark, word, count) for mark, (word, count) in counts.items() if count]
        if len(present) > 1:
            total = sum(count for _, _, count in present)
            self.kinds.addItem(f"all {total:,}", int(Mark.NONE))
        for mark, word, count in present:
            chip = QPixmap(10, 10)
            chip.fill(QColor(*MARK_COLORS[mark]))
            self.kinds.addItem(QIcon(chip), f"{word} {count:,}", int(mark))
        self.kinds.setCurrentIndex(max(self.kinds.findData(kept), 0))
        for widget in (self.kinds, self.previous, self.next):
            widget.setVisible(bool(present))
        self._say("" if present else text)

    def _say(self, text: str) -> None:
        self._text.set_text(text)
        self._text.setVisible(bool(text))

    def start_at(self, index: int) -> None:
        """Go on from this element, by its flat index."""
        self._place = index

    def go(self, step: int) -> None:
        """Find the next (1) or previous (-1) element of the chosen kind."""
        from core.tensor_statistics import Mark, next_marked, rank_of

        marks = None if self._statistics is None else self._statistics.marks
        if marks is None:
            return
        import numpy as np

        mark = Mark(self.kinds.currentData())
        index = next_marked(marks, mark, self._place, step)
        if index is None:
            return
        self._place = index
        rank, count = rank_of(marks, mark, index)
        place = ", ".join(str(int(part)) for part in np.unravel_index(index, marks.shape))
        self.found.emit(index)
        word = {Mark.NAN: "NaN", Mark.INF: "Inf", Mark.SATURATED: "Saturated"}.get(mark, "Marked")
        self._say(f"{word} {rank:,} of {count:,} at [{place}]")

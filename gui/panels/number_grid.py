"""Numbers under their words, a few in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget


class NumberGrid(QWidget):
    """A cell for each word: the word, faint, and below it the number as text."""

    def __init__(self, words: Sequence[str], columns: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cells: dict[str, QLabel] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 4, 8, 0)
        grid.setVerticalSpacing(0)
        for number, word in enumerate(words):
            title, value = QLabel(word), QLabel("-")
            title.setForegroundRole(self.palette().ColorRole.PlaceholderText)
            value.setAccessibleName(word)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(title, 2 * (number // columns), number % columns)
            grid.addWidget(value, 2 * (number // columns) + 1, number % columns)
            grid.setColumnStretch(number % columns, 1)
            self.cells[word] = value

    def show_numbers(self, texts: Mapping[str, str]) -> None:
        """Show a text for each word; "-" for those without."""
        for word, value in self.cells.items():
            value.setText(texts.get(word, "-"))


def number_text(value: float | None) -> str:
    """A number for people, five digits; "-" for none."""
    return "-" if value is None else f"{value:.5g}"

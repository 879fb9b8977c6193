"""A choice among a few words, under the thresholds."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget


class ChoiceRow(QWidget):
    """Its name and the words to choose from. Tells what the user chose."""

    chosen = Signal(str)  # a key of the words

    def __init__(
        self, name: str, tooltip: str, words: Mapping[str, str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.label = QLabel(name)
        self.box = QComboBox()
        self.box.setAccessibleName(name)
        self.box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.box.setMinimumContentsLength(12)
        for key, text in words.items():
            self.box.addItem(text, key)
        self.box.activated.connect(lambda index: self.chosen.emit(self.box.itemData(index)))
        self.label.setBuddy(self.box)
        self.setToolTip(tooltip)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.label)
        row.addWidget(self.box, 1)

    def choice(self) -> str:
        """The key of what is chosen."""
        return str(self.box.currentData())

    def show_choice(self, key: str) -> None:
        """Show a choice without telling anyone."""
        self.box.setCurrentIndex(self.box.findData(key))

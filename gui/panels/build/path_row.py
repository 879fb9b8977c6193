"""A path to type, with a button that asks for it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QWidget


class PathRow(QWidget):
    """A field and a button."""

    choose_wanted = Signal()

    def __init__(self, name: str, *, placeholder: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = QLineEdit(placeholderText=placeholder)
        self.field.setAccessibleName(name)
        self.button = QPushButton("Choose...")
        self.button.setAccessibleName(f"choose {name}")
        self.button.setToolTip(f"Choose the {name}")
        self.button.clicked.connect(self.choose_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.field, 1)
        row.addWidget(self.button)
        self.setFocusProxy(self.field)

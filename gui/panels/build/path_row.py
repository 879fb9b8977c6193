"""A path to type, with a button that asks for it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QWidget


def typed_path(text: str) -> Path:
    """A path that was typed, with the home folder in place of "~".

    Raises:
        ValueError: if it begins with the home folder of nobody here; the text says so.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"There is no home folder {Path(text).parts[0]}.") from None


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

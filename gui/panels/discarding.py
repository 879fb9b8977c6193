"""The question before edits are given up."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget


def ask_to_discard(parent: QWidget, discard: Callable[[], None]) -> QMessageBox:
    """Ask whether edits that are not saved may go; Enter and Escape keep them. Does not block.

    Returns:
        The question, shown; it goes by itself once it is answered.
    """
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(parent.windowTitle())
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText("These edits are not saved. Discard them?")
    box.addButton("&Discard", QMessageBox.ButtonRole.DestructiveRole).clicked.connect(discard)
    keep = box.addButton("&Keep editing", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    box.open()
    return box

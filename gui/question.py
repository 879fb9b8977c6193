"""A question whose safe answer is the default."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget


def question(
    parent: QWidget, title: str, yes: str, then: Callable[[], None], no: str
) -> QMessageBox:
    """Make a question; Enter and Escape answer no. It is still to be given its text and opened.

    Args:
        parent: the window that it is asked above.
        title: of the question's window.
        yes: the button that loses something.
        then: called for a yes.
        no: the button that keeps it.
    """
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(title)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.addButton(yes, QMessageBox.ButtonRole.DestructiveRole).clicked.connect(then)
    keep = box.addButton(no, QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    return box

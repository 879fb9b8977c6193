"""Where the Tab key goes: Qt takes the order in which widgets were made, not where they stand."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget


def put_in_tab_order(widgets: Iterable[QWidget], follower: QWidget) -> None:
    """Let Tab go through some widgets right before another of their window."""
    before = follower.previousInFocusChain()
    while before is not None and before.focusPolicy() == Qt.FocusPolicy.NoFocus:
        before = before.previousInFocusChain()  # Qt orders nothing after a label
    for one in widgets:
        if before is not None and before is not one:
            QWidget.setTabOrder(before, one)
        before = one

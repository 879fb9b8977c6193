"""The banner: the one place that shows what went wrong, and what to do."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from gui.problem import Problem
from gui.theme import BAD, UNSURE

_ACTIONS = {
    "allow-native-code": "Allow its native code",
    "run-random": "Run on random input",
    "find-plugin": "Look for it in a folder...",
    "skip-trial": "Open it without a trial",
    "try-anyway": "Try anyway",
    "restart": "Restart Enginebay",
}


class Banner(QFrame):
    """A message with its hint, foldable details, and at most one button that helps."""

    action_requested = Signal(str)
    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._action = ""
        self._stripe = QColor(BAD)
        self._message = QLabel()
        self._message.setWordWrap(True)
        self._message.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        font = self._message.font()
        font.setBold(True)
        self._message.setFont(font)
        self._hint = QLabel()
        self._hint.setWordWrap(True)
        self._hint.setTextFormat(Qt.TextFormat.PlainText)
        self._hint.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        take_any_width(self._message)
        take_any_width(self._hint)
        self._details = QPlainTextEdit(readOnly=True)
        self._details.setMaximumHeight(140)
        self._details.hide()
        self._help = QPushButton()
        self._help.clicked.connect(lambda: self.action_requested.emit(self._action))
        self._more = QPushButton("Details")
        self._more.setCheckable(True)
        self._more.toggled.connect(self._details.setVisible)
        copy = QPushButton("Copy")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._whole_text()))
        close = QPushButton("Dismiss")
        close.clicked.connect(self.dismissed)
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addWidget(self._message)
        texts.addWidget(self._hint)
        row = QHBoxLayout()
        row.addLayout(texts, 1)
        for button in (self._help, self._more, copy, close):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 8, 12, 8)
        column.addLayout(row)
        column.addWidget(self._details)
        self.hide()

    def show_problem(self, problem: Problem | None) -> None:
        """Show a problem; None hides the banner."""
        if problem is None:
            self.hide()
            return
        self._stripe = QColor(UNSURE if problem.is_warning else BAD)
        self._message.setText(problem.message)
        self._hint.setText(problem.hint)
        self._hint.setVisible(bool(problem.hint))
        self._action = problem.action
        self._help.setText(_ACTIONS.get(problem.action, ""))
        self._help.setVisible(bool(problem.action))
        self._details.setPlainText(problem.details)
        self._more.setVisible(bool(problem.details))
        self._more.setChecked(False)
        self.show()

    def paintEvent(self, _event: Any) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().base())
        tint = QColor(self._stripe)
        tint.setAlpha(36)
        painter.fillRect(self.rect(), tint)
        painter.fillRect(0, 0, 6, self.height(), self._stripe)

    def _whole_text(self) -> str:
        parts = (self._message.text(), self._hint.text(), self._details.toPlainText())
        return "\n".join(part for part in parts if part)


def take_any_width(label: QLabel) -> None:
    """Let a label be narrower than its longest word: a long name must not widen the window."""
    policy = label.sizePolicy()
    policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
    label.setSizePolicy(policy)

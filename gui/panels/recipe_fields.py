"""The recipe editor's fields: numbers as people write them, and a field that can be marked."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QSpinBox, QWidget

from core.errors import InputError
from core.text import one_line
from gui.theme import BAD

_NOTE_STYLE = f"background: {BAD}; color: white; border-radius: 3px;"
_MARKED_STYLE = f"QLineEdit {{ border: 1px solid {BAD}; }}"
_MOST_PARTS = 1_000_000


def number_of(field: str, text: str) -> float:
    """A number, or a fraction of two: 0.5, 1/255.

    Raises:
        InputError: kind "recipe-value", whose hint names the field.
    """
    over, slash, under = text.partition("/")
    try:
        return float(over) / float(under) if slash else float(over)
    except (ValueError, ZeroDivisionError):
        what = f'"{one_line(text.strip(), 40)}" is no number' if text.strip() else "It is empty"
        message = f"{what}: give a number, or a fraction as 1/255."
        raise InputError("recipe-value", message, f"Change {field}.") from None


def numbers_of(field: str, text: str) -> tuple[float, ...]:
    """Numbers with commas, semicolons or spaces between them.

    Raises:
        InputError: as number_of.
    """
    parts = text.replace(",", " ").replace(";", " ").split()
    return tuple(number_of(field, part) for part in parts or [""])


def number_text(number: float) -> str:
    """The shortest text that number_of reads as this very number; 1/255 where it is one."""
    if 0 < abs(number) < 1 and len(repr(number)) > 8:
        under = f"{1 / number:.10g}"
        if 1 / float(under) == number and abs(float(under)) < _MOST_PARTS:
            return f"1/{under}"
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def numbers_text(numbers: tuple[float, ...]) -> str:
    """As number_text, with commas between them."""
    return ", ".join(map(number_text, numbers))


class Field(QWidget):
    """One or more editors side by side, and a note why their value cannot be used.

    The note is another widget, which belongs below.
    """

    def __init__(self, *editors: QWidget) -> None:
        super().__init__()
        self.editors = editors
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setStyleSheet(_NOTE_STYLE)
        self.note.setMargin(4)  # padding by style would be left out of its height
        self.note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.note.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for editor in editors:
            if editor is not editors[0]:
                row.addWidget(QLabel("x"))  # of width and height
            row.addWidget(editor, 1)
        self.setFocusProxy(editors[0])  # so that the label's mnemonic reaches it
        for editor in editors:
            editor.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            editor.installEventFilter(self)

    @property
    def is_marked(self) -> bool:
        """True while its value cannot be used."""
        return bool(self.note.text())

    def mark(self, why: str) -> None:
        """Say why its value cannot be used; "" where it can."""
        if why == self.note.text():
            return
        self.note.setText(why)
        self.note.setVisible(bool(why))
        for editor in self.editors:
            editor.setAccessibleDescription(why)
            if isinstance(editor, QLineEdit):
                editor.setStyleSheet(_MARKED_STYLE if why else "")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the wheel scroll the panel, unless one is at work in this very field."""
        is_wheel = event.type() == QEvent.Type.Wheel
        if is_wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def chooser(name: str) -> QComboBox:
    """A combo box that gives way in a narrow dock."""
    box = QComboBox()
    box.setAccessibleName(name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(10)
    return box


def line(name: str, tooltip: str) -> QLineEdit:
    """A field for numbers."""
    edit = QLineEdit()
    edit.setAccessibleName(name)
    edit.setToolTip(tooltip)
    edit.setMinimumWidth(60)
    return edit


def spin(name: str, least: int, most: int) -> QSpinBox:
    """A field for a whole number, heeded once it is typed."""
    box = QSpinBox()
    box.setAccessibleName(name)
    box.setRange(least, most)
    box.setKeyboardTracking(False)
    box.setMinimumWidth(64)
    return box


def show_choices(box: QComboBox, values: tuple[str, ...], value: Any) -> None:
    """Offer these values and show one of them, which is offered too if it is none of them."""
    offered = values if value in values else (*values, value)
    if tuple(box.itemText(index) for index in range(box.count())) != offered:
        box.clear()
        box.addItems(list(offered))
    box.setCurrentText(value)

"""What is known of a model before it is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from gui.panels.build.lines import LinesView

if TYPE_CHECKING:
    from gui.build_thread import Checked, ParserAsked
    from gui.build_words import Line

_NONE = (
    "Choose an ONNX model, or drop one here.\n\nIts engine needs three choices: precision, shapes "
    "and a name. What it can be built with is looked up meanwhile."
)


class CheckPanel(QWidget):
    """A line of facts; below it what stands in the way, each with its way out."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.facts = QLabel(wordWrap=True)
        self.facts.setTextFormat(Qt.TextFormat.PlainText)
        self.facts.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self.facts.setAccessibleName("the model's check")
        self.lines = LinesView()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 6)
        column.addWidget(self.facts)
        column.addWidget(self.lines)

    def show_check(
        self,
        checked: Checked | None,
        asked: ParserAsked | None,
        *,
        has_model: bool,
        is_checking: bool,
        is_asking: bool,
        record: Sequence[Line] = (),
    ) -> None:
        """Show what is known so far, and the record that it was set up from."""
        if not has_model:
            self.facts.setText(_NONE)
            self.lines.show_lines(())
            return
        if checked is None:
            self.facts.setText("Reading it" if is_checking else "It cannot be read.")
            self.lines.show_lines(())
            return
        asking = "  ·  TensorRT's parser is asked" if is_asking else ""
        self.facts.setText(checked.facts + asking)
        lines = checked.findings if asked is None else asked.lines
        self.lines.show_lines((*record, *lines, *checked.notes))

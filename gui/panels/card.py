"""The engine card: what the file is, and whether it runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from gui.theme import BAD, GOOD, UNSURE, ElidedLabel, pill_style

if TYPE_CHECKING:
    from core.modelfile import ModelFile
    from core.verdict import Verdict


class _FactsLabel(ElidedLabel):
    """The line of facts, which is clicked to see all of them."""

    clicked = Signal()

    def mousePressEvent(self, event: Any) -> None:
        event.accept()  # so that the release comes here too

    def mouseReleaseEvent(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(
            event.position().toPoint()
        ):
            self.clicked.emit()


class CardPanel(QWidget):
    """One line of facts with the verdict at its right."""

    facts_clicked = Signal()
    build_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = ElidedLabel()
        font = self._name.font()
        font.setPointSizeF(font.pointSizeF() * 1.25)
        font.setBold(True)
        self._name.setFont(font)
        self._facts = _FactsLabel()
        self._facts.clicked.connect(self.facts_clicked)
        self._facts.setCursor(Qt.CursorShape.PointingHandCursor)
        self._facts.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self._verdict = QLabel()
        self._verdict.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._verdict.setAccessibleName("verdict for this machine")
        self.build_button = QPushButton("Build engine...")
        self.build_button.setToolTip("Build a TensorRT engine from this ONNX (Ctrl+Shift+B)")
        self.build_button.clicked.connect(self.build_wanted)
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addWidget(self._name)
        texts.addWidget(self._facts)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 12, 8)
        row.addLayout(texts, 1)
        row.addWidget(self.build_button, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._verdict, 0, Qt.AlignmentFlag.AlignVCenter)
        self.show_model(None, None)

    def show_model(
        self, file: ModelFile | None, verdict: Verdict | None, *, is_loaded: bool = True
    ) -> None:
        """Show a file's card, or that there is none."""
        self.build_button.setVisible(file is not None and file.kind == "onnx")
        if file is None:
            self._name.set_text("No model open")
            self._facts.set_text("Open or drop a TensorRT engine or an ONNX model.")
            self._verdict.hide()
            return
        from core.modelfile.facts import card_facts

        self._name.set_text(file.path.name)
        self._name.setToolTip(str(file.path))
        self._facts.set_text("  ·  ".join(card_facts(file)))
        self._verdict.setVisible(verdict is not None)
        if verdict is not None:
            words, color = {
                True: ("✔ runs here", GOOD),
                False: ("✘ does not run here", BAD),
                None: ("? may run here", UNSURE),
            }[verdict.can_run]
            if verdict.reason == "needs-consent":
                words = "? needs your consent"
            elif verdict.can_run and not is_loaded:
                words, color = "opening", UNSURE
            self._verdict.setText(words)
            self._verdict.setStyleSheet(pill_style(color))
            lines = (verdict.message, verdict.hint, *verdict.evidence)
            self._verdict.setToolTip("\n".join(filter(None, lines)))

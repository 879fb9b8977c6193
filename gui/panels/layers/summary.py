"""What a model's layers come to: shares, hints and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from core.tensors import bytes_text
from core.text import counted, printable
from gui.layer_colors import OTHER, precision_colors
from gui.panels.layers.shares import Part, StackedBar

if TYPE_CHECKING:
    from core.layers.shares import Share
    from core.layers.values import Hint
    from gui.layer_thread import ReadyLayers

_MEASURES = ("time", "layers", "weights")


class SummaryView(QScrollArea):
    """The sentence, the two bars, then hints with their advice, then notes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("summary of the layers")
        self._ready: ReadyLayers | None = None
        self.sentence = _text_label()
        font = self.sentence.font()
        font.setPointSizeF(font.pointSizeF() * 1.15)
        font.setBold(True)
        self.sentence.setFont(font)
        self.measure = QComboBox()
        self.measure.setAccessibleName("what the shares are of")
        for word in _MEASURES:
            self.measure.addItem(f"Shares of {word}", word)
        self.measure.currentIndexChanged.connect(self._show_shares)
        self.by_type = StackedBar("shares by type")
        self.by_precision = StackedBar("shares by precision")
        self._hints = QVBoxLayout()
        self._hints.setSpacing(8)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(8)
        column.addWidget(self.sentence)
        row = QHBoxLayout()
        row.addWidget(self.measure)
        row.addStretch(1)
        column.addLayout(row)
        for title, bar in (("By type", self.by_type), ("By precision", self.by_precision)):
            column.addWidget(_title(title))
            column.addWidget(bar)
        column.addLayout(self._hints)
        column.addStretch(1)
        self.setWidget(inside)

    def show_layers(self, ready: ReadyLayers) -> None:
        """Show what these layers come to."""
        self._ready = ready
        self.sentence.setText(ready.sentence)
        self.sentence.setVisible(bool(ready.sentence))
        told = {
            "time": ready.shares.total_ms is not None,
            "layers": True,
            "weights": any(one.weight_bytes for one in ready.shares.by_type),
        }
        model: Any = self.measure.model()
        for at, word in enumerate(_MEASURES):
            model.item(at).setEnabled(told[word])
        self.measure.setCurrentIndex(0 if told["time"] else 1)
        self._show_shares()
        self._show_hints(ready.table.hints, ready.table.notes)

    def _show_shares(self, _index: int = 0) -> None:
        ready = self._ready
        if ready is None:
            return
        measure = str(self.measure.currentData())
        shares = ready.shares
        self.by_type.show_parts(_parts(shares.by_type, ready.colors, measure))
        colors = precision_colors(one.name for one in shares.by_precision)
        self.by_precision.show_parts(_parts(shares.by_precision, colors, measure))

    def _show_hints(self, hints: Sequence[Hint], notes: Sequence[str]) -> None:
        while (old := self._hints.takeAt(0)) is not None:
            widget = old.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        if hints:
            self._hints.addWidget(_title("Hints"))
        for hint in hints:
            message = _text_label(hint.message)
            font = message.font()
            font.setBold(True)
            message.setFont(font)
            self._hints.addWidget(message)
            self._hints.addWidget(_text_label(hint.advice))
        if notes:
            self._hints.addWidget(_title("Notes"))
        for note in notes:
            self._hints.addWidget(_text_label(note))


def _parts(shares: Sequence[Share], colors: Mapping[str, str], measure: str) -> list[Part]:
    sizes = [_size(one, measure) for one in shares]
    total = sum(sizes)
    if not total:
        return []
    return [
        Part(
            printable(one.name),
            size / total,
            # core.layers.shares writes "?" for a type that is not told.
            colors.get(one.name) or colors.get("" if one.name == "?" else one.name, OTHER),
            _words(size, measure),
        )
        for one, size in zip(shares, sizes, strict=True)
        if size
    ]


def _size(share: Share, measure: str) -> float:
    if measure == "time":
        return share.time_ms or 0.0
    return float(share.layers if measure == "layers" else share.weight_bytes or 0)


def _words(size: float, measure: str) -> str:
    if measure == "time":
        return f"{size:.4f} ms"
    return counted(int(size), "layer") if measure == "layers" else bytes_text(int(size))


def _title(text: str) -> QLabel:
    label = QLabel(text)
    label.setForegroundRole(label.palette().ColorRole.PlaceholderText)
    return label


def _text_label(text: str = "") -> QLabel:
    label = QLabel(printable(text), wordWrap=True, textFormat=Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label

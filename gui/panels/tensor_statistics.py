"""A tensor's statistics and its histogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from gui.panels.histogram import HistogramView
from gui.panels.number_grid import NumberGrid, number_text

if TYPE_CHECKING:
    from core.tensor_statistics import TensorStatistics

_WORDS = ("min", "mean", "max", "std", "zeros", "elements", "NaN", "Inf", "saturated")


class StatisticsView(QWidget):
    """Numbers above, the histogram below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.numbers = NumberGrid(_WORDS, 3)
        self._reason = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self._reason.setContentsMargins(8, 0, 8, 0)
        self.histogram = HistogramView()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.numbers)
        column.addWidget(self._reason)
        column.addWidget(self.histogram, 1)
        self.show_statistics(None, "")

    def show_statistics(self, statistics: TensorStatistics | None, text: str) -> None:
        """Show a tensor's numbers; text stands there without any."""
        found = statistics
        cells: dict[str, str] = {}
        reason = ""
        if found is not None:
            cells["elements"] = f"{found.size:,}"
            text = "This tensor is empty." if found.size == 0 else "No finite number to count."
        if found is not None and found.is_numeric:
            cells |= {
                "min": number_text(found.min),
                "mean": number_text(found.mean),
                "max": number_text(found.max),
                "std": number_text(found.std),
                "zeros": f"{found.zeros:,}",
                "NaN": f"{found.nan:,}",
                "Inf": f"{found.inf:,}",
                "saturated": f"{found.saturated:,}",
            }
            reason = "; ".join(
                f"{one.count:,} at {one.value:.6g}: {one.why}" for one in found.saturations
            )
        self.numbers.show_numbers(cells)
        self._reason.setText(f"Saturated: {reason}." if reason else "")
        self._reason.setVisible(bool(reason))
        self.histogram.show_histogram(None if found is None else found.histogram, text)

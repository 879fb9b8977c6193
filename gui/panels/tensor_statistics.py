"""A tensor's statistics and its histogram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from gui.theme import color_plot

if TYPE_CHECKING:
    from core.tensor_statistics import Histogram, TensorStatistics

_WORDS = ("min", "mean", "max", "std", "zeros", "elements", "NaN", "Inf", "saturated")
_COLOR = "#4e79a7"
_LOG_FLOOR = 0.5  # where a bar begins with the log scale, so that a single element has one


class StatisticsView(QWidget):
    """Numbers above, the histogram below. Its counts are exact."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: dict[str, QLabel] = {}
        grid = QGridLayout()
        grid.setContentsMargins(8, 4, 8, 0)
        grid.setVerticalSpacing(0)
        for number, word in enumerate(_WORDS):
            title, value = QLabel(word), QLabel("-")
            title.setForegroundRole(self.palette().ColorRole.PlaceholderText)
            value.setAccessibleName(word)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(title, 2 * (number // 3), number % 3)
            grid.addWidget(value, 2 * (number // 3) + 1, number % 3)
            grid.setColumnStretch(number % 3, 1)
            self._values[word] = value
        self._reason = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self._reason.setContentsMargins(8, 0, 8, 0)
        self.log = QCheckBox("Log scale")
        self.log.setToolTip("Counts on a logarithmic scale")
        self.log.toggled.connect(self._draw)
        self._text = QLabel(alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self._text.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addLayout(grid)
        self._column.addWidget(self._reason)
        self._column.addWidget(self.log)
        self._column.addWidget(self._text, 1)
        self._histogram: Histogram | None = None
        self._plot: Any = None
        self._bars: Any = None
        self.show_statistics(None, "")

    def show_statistics(self, statistics: TensorStatistics | None, text: str) -> None:
        """Show a tensor's numbers; text stands there without any."""
        found = statistics
        cells = dict.fromkeys(_WORDS, "-")
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
        for word, value in self._values.items():
            value.setText(cells[word])
        self._reason.setText(f"Saturated: {reason}." if reason else "")
        self._reason.setVisible(bool(reason))
        self._histogram = None if found is None else found.histogram
        self._text.setText(text)
        self._draw()

    @property
    def has_plot(self) -> bool:
        """True once a histogram can be drawn."""
        return self._plot is not None

    def add_plot(self) -> None:
        """Make the plot; as TimingsPanel.add_plot, once nothing else goes on."""
        import pyqtgraph

        plot = pyqtgraph.PlotWidget()
        plot.setAccessibleName("histogram")
        plot.setMouseEnabled(x=False, y=False)
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.disableAutoRange()
        for name in ("left", "bottom"):
            plot.getAxis(name).enableAutoSIPrefix(False)
        # With a pen, which is a pixel wide, also the narrowest bar is seen.
        self._bars = pyqtgraph.BarGraphItem(x0=[], x1=[], y0=0, height=[], brush=_COLOR, pen=_COLOR)
        plot.addItem(self._bars)
        self._plot = plot
        self._column.addWidget(plot, 1)
        self._color_plot()
        plot.grab()  # as in TimingsPanel
        self._draw()

    def bars(self) -> tuple[list[float], list[float]]:
        """Where the bars begin, and their heights, as they are drawn."""
        return list(self._bars.opts["x0"]), list(self._bars.opts["height"])

    def _color_plot(self) -> None:
        color_plot(self._plot, self.palette())

    def changeEvent(self, event: Any) -> None:
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange and self._plot is not None:
            self._color_plot()

    def _draw(self) -> None:
        histogram = self._histogram
        shown = histogram is not None and self._plot is not None
        self.log.setVisible(shown)
        self._text.setVisible(not shown)
        if self._plot is None:
            return
        self._plot.setVisible(shown)
        if histogram is None:
            return
        import numpy as np

        edges, counts = histogram.edges, histogram.counts.astype(np.float64)
        if not edges[-1] > edges[0]:  # one value: a bar around it
            half = abs(edges[0]) / 2 or 0.5
            edges = np.array([edges[0] - half, edges[0] + half])
        floor, heights = 0.0, counts
        is_log = self.log.isChecked()
        if is_log:
            floor = float(np.log10(_LOG_FLOOR))
            heights = np.where(counts > 0, np.log10(np.maximum(counts, 1)) - floor, 0.0)
        self._plot.getAxis("left").setLogMode(x=False, y=is_log)
        full = counts > 0  # empty bins need no painting
        self._bars.setOpts(x0=edges[:-1][full], x1=edges[1:][full], y0=floor, height=heights[full])
        top = floor + float(heights.max())
        self._plot.setRange(xRange=(edges[0], edges[-1]), yRange=(floor, top), padding=0.02)


def number_text(value: float | None) -> str:
    """A number for people, five digits; "-" for none."""
    return "-" if value is None else f"{value:.5g}"

"""A histogram as bars; its counts are exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from gui.theme import color_plot

if TYPE_CHECKING:
    from core.tensor_statistics import Histogram

_COLOR = "#4e79a7"
_LOG_FLOOR = 0.5  # where a bar begins with the log scale, so that a single element has one


class HistogramView(QWidget):
    """The bars, and whether counts are on a logarithmic scale; a text where there are none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.log = QCheckBox("Log scale")
        self.log.setToolTip("Counts on a logarithmic scale")
        self.log.toggled.connect(self._draw)
        self._text = QLabel(alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self._text.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self.log)
        self._column.addWidget(self._text, 1)
        self._histogram: Histogram | None = None
        self._plot: Any = None
        self._bars: Any = None
        self.show_histogram(None, "")

    def show_histogram(self, histogram: Histogram | None, text: str) -> None:
        """Show a histogram; the text stands there without any."""
        self._histogram = histogram
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

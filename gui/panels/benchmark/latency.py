"""Latency: over time, and as a histogram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt

from gui.benchmark_live import thinned
from gui.benchmark_shown import histogram_of
from gui.panels.benchmark.picture import FIRST, SECOND, Picture, round_up, set_range

if TYPE_CHECKING:
    from gui.benchmark_live import Live
    from gui.benchmark_shown import Histogram, Shown, ShownResult

_COLUMNS = 700  # in which a finished measurement is drawn: the plot's pixels, about
_DASHED_COLUMNS = 80  # dashes take Qt long, and a dense dashed line is none
_MARKS = ((50, "#59a14f"), (90, "#edc948"), (95, "#b07aa1"), (99, "#e15759"))


class LatencyOverTime(Picture):
    """Every query's latency; drawn as the extremes of each column of pixels."""

    title = "Latency"
    definition = (
        "Latency of each query by the time it was started. The wheel looks closer, a double click "
        "shows all."
    )
    labels = (("ms", "seconds since the start"),)

    def _furnish(self) -> None:
        import pyqtgraph

        plot = self.plots[0]
        self._line = plot.plot(pen=pyqtgraph.mkPen(FIRST))
        dashed = pyqtgraph.mkPen(SECOND, style=Qt.PenStyle.DashLine)
        self._dashed = plot.plot(pen=dashed)
        self._drawn: tuple[Shown, Shown | None] | None = None
        plot.getViewBox().sigXRangeChanged.connect(self._refine)
        plot.scene().sigMouseClicked.connect(self._on_clicked)
        self._whole = (0.0, 1.0), (0.0, 1.0)

    def draw(self, first: ShownResult, second: ShownResult | None, chosen: int) -> None:
        one = first.items[chosen]
        other = None if second is None else second.like(one)
        if not len(one.time_s):
            self.say("This measurement has no samples.")
            return
        self._show_plots()
        self._drawn = None
        both = [one] if other is None else [one, other]
        end = max(float(item.time_s[-1]) for item in both if len(item.time_s))
        top = max(float(item.latency_ms.max()) for item in both if len(item.latency_ms))
        plot = self.plots[0]
        plot.setMouseEnabled(x=True, y=False)
        plot.setLimits(xMin=0, xMax=max(end, 1e-3) * 1.02)
        self._whole = (0.0, max(end, 1e-3) * 1.02), (0.0, top * 1.05)
        set_range(plot, *self._whole)
        entries = [(FIRST, f"{one.label}: {len(one.time_s):,} samples")]
        if other is not None:
            entries.append((SECOND, f"laid over, dashed: {len(other.time_s):,}"))
        self._set_legend(*entries)
        self._drawn = (one, other)
        self._refine()

    def _on_clicked(self, event: Any) -> None:
        if event.double() and self._drawn is not None:
            set_range(self.plots[0], *self._whole)

    def _refine(self, *_: Any) -> None:
        """Draw the part that is looked at, in as many points as it has pixels."""
        if self._drawn is None:
            return
        (start, end), _y = self.plots[0].viewRange()
        for item, line, columns in zip(
            self._drawn, (self._line, self._dashed), (_COLUMNS, _DASHED_COLUMNS), strict=True
        ):
            if item is None:
                line.setData([], [])
                continue
            a, b = np.searchsorted(item.time_s, (start, end))
            part = slice(max(int(a) - 1, 0), int(b) + 1)
            line.setData(*thinned(item.time_s[part], item.latency_ms[part], columns))

    def draw_live(self, live: Live) -> None:
        time_s, latency_ms = live.envelope.line()
        if not len(time_s):
            self.say("Waiting for the first samples.")
            return
        self._show_plots()
        self._drawn = None
        plot = self.plots[0]
        plot.setMouseEnabled(x=False, y=False)
        self._line.setData(time_s, latency_ms)
        self._dashed.setData([], [])
        end = round_up(float(time_s[-1]))
        plot.setLimits(xMin=0, xMax=end)
        set_range(plot, (0.0, end), (0.0, round_up(float(latency_ms.max()))))
        self._set_legend((FIRST, f"{live.name}, running"))


class LatencyHistogram(Picture):
    """How often which latency, with the percentiles marked."""

    title = "Histogram"
    definition = "How many queries took how long; p50, p90, p95 and p99 by nearest rank."
    labels = (("queries", "latency, ms"),)

    def _furnish(self) -> None:
        import pyqtgraph

        plot = self.plots[0]
        self._bars = pyqtgraph.BarGraphItem(x0=[], x1=[], y0=0, height=[], brush=FIRST, pen=FIRST)
        plot.addItem(self._bars)
        dashed = pyqtgraph.mkPen(SECOND, style=Qt.PenStyle.DashLine)
        self._steps = plot.plot(pen=dashed, stepMode="center", x=[0.0, 1.0], y=[0.0])
        self._marks: list[Any] = []
        for _, color in _MARKS:
            # Named in the legend: beside the lines, names of near ones would hide one another.
            line = pyqtgraph.InfiniteLine(angle=90, pen=pyqtgraph.mkPen(color, width=2))
            plot.addItem(line)
            self._marks.append(line)

    def draw(self, first: ShownResult, second: ShownResult | None, chosen: int) -> None:
        one = first.items[chosen]
        other = None if second is None else second.like(one)
        if one.histogram is None or one.latency is None:
            self.say("This measurement has no samples.")
            return
        marks = [getattr(one.latency, f"p{percent}") for percent, _ in _MARKS]
        over = None if other is None else other.histogram
        self._draw(one.histogram, marks, one.label, over)

    def draw_live(self, live: Live) -> None:
        from core.percentiles import percentile

        recent = live.recent
        recent = recent[np.isfinite(recent)]
        if not len(recent):
            self.say("Waiting for the first samples.")
            return
        ordered = np.sort(recent).tolist()
        marks = [percentile(ordered, percent) for percent, _ in _MARKS]
        text = f"{live.name}, running: the latest {len(recent):,} samples"
        self._draw(histogram_of(recent, marks[-1]), marks, text, None)

    def _draw(
        self, histogram: Histogram, marks: list[float], text: str, over: Histogram | None
    ) -> None:
        self._show_plots()
        counts, edges = histogram.counts, histogram.edges
        full = counts > 0  # empty bins need no painting
        self._bars.setOpts(x0=edges[:-1][full], x1=edges[1:][full], y0=0, height=counts[full])
        low, high, top = float(edges[0]), float(edges[-1]), float(counts.max())
        self._steps.setVisible(over is not None)
        beyond = histogram.beyond
        entries = [(FIRST, text)]
        if over is not None:
            # As many samples as the other has, so that shapes compare.
            scale = counts.sum() / max(over.counts.sum(), 1)
            heights = over.counts * (
                scale * (edges[1] - edges[0]) / (over.edges[1] - over.edges[0])
            )
            self._steps.setData(over.edges, heights)
            low, high = min(low, float(over.edges[0])), max(high, float(over.edges[-1]))
            top = max(top, float(heights.max()))
            entries.append((SECOND, "laid over, dashed, scaled to as many samples"))
        if beyond:
            entries.append(("", f"{beyond:,} beyond {edges[-1]:.4g} ms"))
        for line, value in zip(self._marks, marks, strict=True):
            line.setValue(value)
        entries += [
            (color, f"p{percent} {value:.4g}")
            for (percent, color), value in zip(_MARKS, marks, strict=True)
        ]
        self._set_legend(*entries)
        margin = (high - low) * 0.02
        set_range(self.plots[0], (low - margin, high + margin), (0.0, round_up(top) * 1.02))

"""Timings: this run by stage, the first run apart, percentiles and history of the warm runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from gui.theme import color_plot

if TYPE_CHECKING:
    from core.results import Stages

STAGES: tuple[tuple[str, str, str, str], ...] = (
    ("read", "read", "#4e79a7", "the image file read and decoded (wall clock)"),
    ("preprocess", "preprocess", "#f28e2b", "the picture made into the input tensor (wall clock)"),
    ("host_to_device", "host to device", "#76b7b2", "the input copied to the GPU (CUDA events)"),
    ("compute", "compute", "#e15759", "the model itself (CUDA events; wall clock on the CPU)"),
    ("device_to_host", "device to host", "#59a14f", "the outputs copied back (CUDA events)"),
    ("postprocess", "postprocess", "#b07aa1", "the outputs read as predictions (wall clock)"),
)
"""Field of Stages, its word on screen, its colour, its definition."""

_DRAW_MS = 40  # the plot follows at most 25 times a second, apart from the picture's painting
_DRAWN = (("total", "#888888"), ("compute", "#e15759"))


class StageBar(QWidget):
    """One run's stages as a bar, each as long as it took."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: list[tuple[float, QColor]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(200, 14)

    def show_stages(self, stages: Stages | None) -> None:
        """Show a run, or nothing."""
        self._parts = []
        for field, _, color, _ in STAGES:
            ms = None if stages is None else getattr(stages, field)
            if ms:
                self._parts.append((ms, QColor(color)))
        self.update()

    def paintEvent(self, _event: Any) -> None:
        painter = QPainter(self)
        total = sum(ms for ms, _ in self._parts)
        if not total:
            painter.fillRect(self.rect(), self.palette().alternateBase())
            return
        x = 0.0
        for ms, color in self._parts:
            width = self.width() * ms / total
            painter.fillRect(QRectF(x, 0, width, self.height()), color)
            x += width


class TimingsPanel(QWidget):
    """The numbers at the left, the history at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: dict[str, QLabel] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(2)
        for column, (field, word, color, definition) in enumerate(
            (*STAGES, ("total", "total", "", "from the file to the predictions (wall clock)"))
        ):
            chip = f'<span style="color:{color}">■</span> ' if color else ""
            title = QLabel(f"{chip}{word}")
            title.setToolTip(definition)
            value = QLabel("-")
            value.setToolTip(definition)
            value.setAccessibleName(f"{word}, milliseconds")
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            font = value.font()
            font.setPointSizeF(font.pointSizeF() * 1.15)
            font.setBold(field == "total")
            value.setFont(font)
            grid.addWidget(title, 0, column)
            grid.addWidget(value, 1, column)
            self._values[field] = value
        grid.setColumnStretch(len(STAGES) + 1, 1)
        self._bar = StageBar()
        self._summary = QLabel("No run yet.")
        self._summary.setWordWrap(True)
        self._summary.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        left = QVBoxLayout()
        left.addLayout(grid)
        left.addWidget(self._bar)
        left.addWidget(self._summary)
        left.addStretch(1)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(10, 6, 10, 6)
        self._row.addLayout(left, 3)
        self._plot: Any = None
        self._curves: dict[str, Any] = {}
        self._history: Sequence[Stages] = ()
        self._limits = (0.0, 0.0)
        self._draw_timer = QTimer(self, singleShot=True, interval=_DRAW_MS)
        self._draw_timer.timeout.connect(self._draw_history)

    def show_run(
        self, current: Stages | None, history: Sequence[Stages], first: Stages | None, clock: str
    ) -> None:
        """Show this run, and those before it.

        Args:
            current: the run on screen.
            history: the warm runs of this model, oldest first.
            first: the first run with this model's shapes, which is slower.
            clock: what measured copies and compute.
        """
        for field, label in self._values.items():
            ms = None if current is None else getattr(current, field)
            label.setText("-" if ms is None else f"{ms:.2f} ms")
        self._bar.show_stages(current)
        self._history = tuple(history)
        self._summary.setText(_summary(self._history, first, clock))
        if self._plot is not None:
            self._plot.setVisible(bool(self._history))
        if not self._draw_timer.isActive():
            self._draw_timer.start()

    @property
    def has_plot(self) -> bool:
        """True once the history can be drawn."""
        return self._plot is not None

    def add_plot(self) -> None:
        """Make the history plot. Its import of pyqtgraph takes a tenth of a second, once."""
        import pyqtgraph

        plot = pyqtgraph.PlotWidget()
        plot.setMinimumWidth(260)
        plot.setAccessibleName("history of the runs")
        plot.setLabel("left", "ms")
        plot.setLabel("bottom", "warm runs")
        plot.showGrid(y=True, alpha=0.2)
        plot.setMouseEnabled(x=False, y=False)
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.disableAutoRange()
        plot.getAxis("left").enableAutoSIPrefix(False)  # milliseconds stay milliseconds
        plot.getAxis("bottom").enableAutoSIPrefix(False)
        for field, color in _DRAWN:
            pen = pyqtgraph.mkPen(color)  # wider ones take Qt several times as long
            self._curves[field] = plot.plot(
                pen=pen, symbol="o", symbolSize=4, symbolBrush=color, symbolPen=None
            )
        self._plot = plot
        self._row.addWidget(plot, 2)
        self._color_plot()
        for curve in self._curves.values():
            curve.setData([0.0, 1.0])
        plot.grab()  # the first painting of all it has takes longest; nothing else goes on now
        plot.setVisible(bool(self._history))
        self._draw_history()

    def _color_plot(self) -> None:
        """Give the plot and its titles the window's colours."""
        text = color_plot(self._plot, self.palette())
        for name in ("left", "bottom"):
            axis = self._plot.getAxis(name)
            axis.setLabel(axis.labelText, color=text.name())
        names = " ".join(f'<span style="color:{color}">■</span> {name}' for name, color in _DRAWN)
        self._plot.setTitle(names, color=text.name(), size="9pt")

    def changeEvent(self, event: Any) -> None:
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange and self._plot is not None:
            self._color_plot()

    def _draw_history(self) -> None:
        if self._plot is None:
            return
        for field, curve in self._curves.items():
            curve.setData([getattr(stages, field) for stages in self._history])
        if self._history:
            # In round steps, so that the axes are laid out and painted anew only now and then.
            top = _round_up(max(stages.total for stages in self._history))
            limits = (_round_up(max(len(self._history) - 1, 9)), top)
            if limits != self._limits:
                self._limits = limits
                self._plot.setRange(xRange=(0, limits[0]), yRange=(0, limits[1]), padding=0.02)


def _round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 5, 7 times a power of ten; 1 for zero."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 5, 7, 10) if step * power >= value)


def _summary(history: Sequence[Stages], first: Stages | None, clock: str) -> str:
    from core.percentiles import percentile
    from core.text import counted

    parts = []
    if first is not None:
        parts.append(f"First run {first.total:.1f} ms (compute {first.compute:.1f})")
    if history:
        compute = [stages.compute for stages in history]
        total = [stages.total for stages in history]
        count = len(history)
        parts.append(
            f"last {counted(count, 'warm run')}: compute p50 {percentile(compute, 50):.2f}, "
            f"p95 {percentile(compute, 95):.2f} ms; total p50 {percentile(total, 50):.2f}, "
            f"p95 {percentile(total, 95):.2f} ms"
        )
    elif first is not None:
        parts.append("run again (F5) for warm runs")
    if not parts:
        return "No run yet."
    text = "; ".join(parts)
    return f"{text}. Clock: {clock}." if clock else f"{text}."

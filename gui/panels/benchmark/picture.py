"""What all pictures of a benchmark share: plots in the window's colours, and a legend."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QScrollArea,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from gui.theme import color_plot

if TYPE_CHECKING:
    from gui.benchmark_live import Live
    from gui.benchmark_shown import ShownResult

FIRST, SECOND = "#4e79a7", "#f28e2b"  # of the shown result, and of the one laid over it
_LEAST = (150, 96)  # pixels of a plot in a grid, across and down
_LOWEST = 132  # pixels of a picture's height: its axes with their titles, and some plot
_WITH_LEGEND = 190  # pixels of height from which there is room for a legend
_UNBROKEN = 44  # letters of a legend's entry that stay on one line
_WIDE = 200  # a grid has another column where each plot keeps this much


class Picture(QWidget):
    """One plot, or some in a grid, of a finished or a running benchmark.

    The plots are made when the picture is first drawn, for each takes Qt some milliseconds.

    Attributes:
        title: on its tab.
        definition: what is drawn, for the tab's tooltip.
        labels: of the plots: name on the left axis, name on the bottom axis.
    """

    title: ClassVar[str] = ""
    definition: ClassVar[str] = ""
    labels: ClassVar[tuple[tuple[str, str], ...]] = ()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plots: list[Any] = []
        self.legend = QLabel(wordWrap=True, textFormat=Qt.TextFormat.RichText)
        self.legend.setContentsMargins(8, 2, 8, 0)
        self.legend.setMinimumWidth(1)  # an unbroken entry does not widen the window
        self.setMinimumHeight(_LOWEST)
        self._text = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self._text.setContentsMargins(16, 8, 16, 8)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.legend)
        grid = QWidget()
        self._grid = QGridLayout(grid)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(0)
        self._scroll = scroll = QScrollArea(
            widgetResizable=True
        )  # where several plots have no room
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(grid)
        column.addWidget(scroll, 1)
        self._inner = inner
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._text)
        self._stack.addWidget(inner)
        self._across = 0

    # -- what a subclass says ------------------------------------------------------------

    def draw(self, first: ShownResult, second: ShownResult | None, chosen: int) -> None:
        """Draw a result, another over it, and of the first the chosen measurement."""
        raise NotImplementedError

    def draw_live(self, live: Live) -> None:
        """Draw a running benchmark; called at most once a frame, when something has come."""
        self.say("Drawn when the benchmark is done.")

    def _furnish(self) -> None:
        """Add what is drawn to self.plots, once."""
        raise NotImplementedError

    # -- what it does --------------------------------------------------------------------

    @property
    def is_drawn(self) -> bool:
        """Whether there is a plot to see, and no text."""
        return self._stack.currentIndex() == 1

    @property
    def said(self) -> str:
        """The text that stands there instead of a plot; "" where one is seen."""
        return "" if self.is_drawn else self._text.text()

    def prepare(self) -> None:
        """Make and paint the plots now: the first time takes longest."""
        if not self.plots:
            self._make()
            for plot in self.plots:
                plot.grab()

    def say(self, text: str) -> None:
        """Show a text instead of a plot."""
        self._text.setText(text)
        self._stack.setCurrentIndex(0)

    def _show_plots(self) -> None:
        if not self.plots:
            self._make()
        self._stack.setCurrentIndex(1)

    def _set_legend(self, *entries: tuple[str, str]) -> None:
        """A colour and a text each; "" for no chip. Unchanged legends cost no layout.

        A line breaks between entries, and never between a colour and its words.
        """
        parts = []
        for color, text in entries:
            chip = f'<span style="color:{color}">■</span>&nbsp;' if color else ""
            words = html.escape(text)
            parts.append(chip + (words.replace(" ", "&nbsp;") if len(text) < _UNBROKEN else words))
        line = "&nbsp; ".join(parts)
        if line != self.legend.text():
            self.legend.setText(line)
            self._place_legend(self.height())

    def _place_legend(self, down: int) -> None:
        """Where there is no room for the legend, the mouse brings it up."""
        has_room = down >= _WITH_LEGEND
        self.legend.setVisible(has_room)
        self.setToolTip("" if has_room else f"<qt>{self.legend.text()}</qt>")

    def _make(self) -> None:
        import pyqtgraph

        for left, bottom in self.labels:
            plot = pyqtgraph.PlotWidget()
            plot.setAccessibleName(f"{self.title}: {left}")
            plot.setLabel("left", left)
            if bottom:
                plot.setLabel("bottom", bottom)
            plot.showGrid(y=True, alpha=0.2)
            plot.setMouseEnabled(x=False, y=False)
            plot.hideButtons()
            plot.setMenuEnabled(False)
            plot.disableAutoRange()
            plot.setMinimumSize(*_LEAST)
            for name in ("left", "bottom"):
                plot.getAxis(name).enableAutoSIPrefix(False)  # milliseconds stay milliseconds
            self.plots.append(plot)
        self._furnish()
        self._color()
        self._arrange(self.width())

    def _color(self) -> None:
        for plot in self.plots:
            text = color_plot(plot, self.palette())
            for name in ("left", "bottom"):
                axis = plot.getAxis(name)
                if axis.labelText:
                    axis.setLabel(axis.labelText, color=text.name())

    def _arrange(self, width: int) -> None:
        across = max(1, min(len(self.plots), width // _WIDE))
        if across == self._across or not self.plots:
            return
        self._across = across
        for at, plot in enumerate(self.plots):
            self._grid.addWidget(plot, at // across, at % across)

    def render_to(self, painter: QPainter, at: QPoint, across: int, down: int) -> None:
        """Paint it in another size, in which all of its plots have room."""
        before, policy = self.size(), self._scroll.verticalScrollBarPolicy()
        self._scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # First, for showing the legend lays out the window, and with it this picture:
        self._fit(across, down)
        self.resize(across, down)
        for layout in (self._stack, self._inner.layout(), self._grid):
            if layout is not None:
                layout.activate()
        self.render(painter, at)
        self.resize(before)
        self._fit(before.width(), before.height())
        self._scroll.setVerticalScrollBarPolicy(policy)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._fit(self.width(), self.height())

    def _fit(self, across: int, down: int) -> None:
        self._place_legend(down)
        self._arrange(across)

    def changeEvent(self, event: Any) -> None:
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange and self.plots:
            self._color()


def set_range(plot: Any, x: tuple[float, float], y: tuple[float, float]) -> None:
    """Show a part of a plot; nothing is laid out anew where it is shown already."""
    (x0, x1), (y0, y1) = plot.viewRange()
    span_x, span_y = (x[1] - x[0]) or 1.0, (y[1] - y[0]) or 1.0
    if max(abs(x0 - x[0]), abs(x1 - x[1])) > span_x * 1e-6 or (
        max(abs(y0 - y[0]), abs(y1 - y[1])) > span_y * 1e-6
    ):
        plot.setRange(xRange=(x[0], x[0] + span_x), yRange=(y[0], y[0] + span_y), padding=0)


def round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 5, 7 times a power of ten; 1 for what is not positive."""
    if not value > 0 or not math.isfinite(value):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 5, 7, 10) if step * power >= value)

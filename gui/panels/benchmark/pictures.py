"""The pictures of a benchmark, one tab each: only the one in front is ever drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QTabWidget, QWidget

from core.text import printable
from gui.benchmark_words import facts_line
from gui.panels.benchmark.contexts import Sweep, ThroughputByContexts
from gui.panels.benchmark.latency import LatencyHistogram, LatencyOverTime
from gui.panels.benchmark.picture import Picture
from gui.panels.benchmark.stages import StageBreakdown
from gui.panels.benchmark.telemetry import Telemetry

if TYPE_CHECKING:
    from gui.benchmark_live import Live
    from gui.benchmark_shown import ShownResult

_MARGIN = 8
_PNG_SIZE = (900, 360)  # of each picture in a saved file


class Pictures(QTabWidget):
    """Draws a finished result once, a running one as often as it is told."""

    measurement_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDocumentMode(True)
        self.setUsesScrollButtons(True)
        self.tabBar().setAccessibleName("pictures")
        self.latency = LatencyOverTime()
        self.histogram = LatencyHistogram()
        self.stages = StageBreakdown()
        self.contexts = ThroughputByContexts()
        self.sweep = Sweep()
        self.telemetry = Telemetry()
        self.all: tuple[Picture, ...] = (
            self.latency,
            self.histogram,
            self.stages,
            self.contexts,
            self.sweep,
            self.telemetry,
        )
        for picture in self.all:
            index = self.addTab(picture, picture.title)
            self.setTabToolTip(index, picture.definition)
        self.sweep.chosen.connect(self.measurement_chosen)
        self._drawn: set[Picture] = set()  # what is shown, as it is now
        self._live: Live | None = None
        self._shown: tuple[ShownResult, ShownResult | None, int] | None = None
        self.currentChanged.connect(self._draw_front)

    def show_result(self, first: ShownResult, second: ShownResult | None, chosen: int) -> None:
        """Show a finished result, and another over it."""
        self._shown, self._live = (first, second, chosen), None
        self._drawn.clear()
        self.setTabText(self.indexOf(self.contexts), self.contexts.word(first).capitalize())
        self._draw_front()

    def show_place(self, *, on_gpu: bool) -> None:
        """Name what runs queries where the model runs."""
        self.setTabText(self.indexOf(self.contexts), "Contexts" if on_gpu else "Threads")

    def show_live(self, live: Live) -> None:
        """Draw the picture in front of a running benchmark, where something has come."""
        self._live = live
        self._drawn.clear()
        self._draw_front()

    def front(self) -> Picture:
        """The picture in front."""
        picture = self.currentWidget()
        assert isinstance(picture, Picture)
        return picture

    def image(self) -> QImage | None:
        """All pictures that have something to show below one another; None where none has.

        Above them stands what they are of: the model, the machine, and how it was measured.
        """
        if self._shown is None or self._live is not None:
            return None
        parts = []
        for picture in self.all:
            self._draw(picture)
            if picture.is_drawn:
                parts.append(picture)
        if not parts:
            return None
        across, down = _PNG_SIZE
        ratio = self.devicePixelRatioF()
        title = title_of(*self._shown)
        flags = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignTop
        box = QRect(_MARGIN, _MARGIN, across - 2 * _MARGIN, down)
        top = self.fontMetrics().boundingRect(box, flags, title).bottom() + _MARGIN
        image = QImage(
            round(across * ratio),
            round((top + down * len(parts)) * ratio),
            QImage.Format.Format_RGB32,
        )
        image.setDevicePixelRatio(ratio)
        image.fill(self.palette().color(self.palette().ColorRole.Window))
        painter = QPainter(image)
        painter.setFont(self.font())
        painter.setPen(self.palette().color(self.palette().ColorRole.WindowText))
        painter.drawText(box, flags, title)
        for number, picture in enumerate(parts):
            picture.render_to(painter, QPoint(0, top + number * down), across, down)
        painter.end()
        return image

    def _draw_front(self) -> None:
        if self.isVisible():
            self._draw(self.front())

    def _draw(self, picture: Picture) -> None:
        if picture in self._drawn:
            return
        self._drawn.add(picture)
        if self._live is not None:
            picture.draw_live(self._live)
        elif self._shown is not None:
            picture.draw(*self._shown)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        QTimer.singleShot(0, self, self._draw_front)


def title_of(first: ShownResult, second: ShownResult | None, chosen: int) -> str:
    """What pictures are of, in lines: the facts, and how the chosen measurement was measured."""
    one = first.items[chosen]
    lines = [facts_line(first.result), f"{one.label}: {one.measurement.convention}"]
    other = None if second is None else second.like(one)
    if second is not None:
        lines.append(f"laid over: {facts_line(second.result)}")
    if other is not None and other.measurement.convention != one.measurement.convention:
        lines.append(f"{other.label}: {other.measurement.convention}")
    return "\n".join(printable(line) for line in lines)

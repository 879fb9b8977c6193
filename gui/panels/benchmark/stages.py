"""Where the time of a query goes: its stages, one bar a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from gui.panels.benchmark.picture import Picture, set_range

if TYPE_CHECKING:
    from gui.benchmark_shown import Shown, ShownResult

_STAGES = (  # the colours of the timings panel
    ("copy in", "#76b7b2"),
    ("compute", "#e15759"),
    ("copy out", "#59a14f"),
    ("rest of the wall time", "#9a9a9a"),
)
_ROOM = 28  # pixels of height that a bar and its name need


class StageBreakdown(Picture):
    """Mean milliseconds of each stage, stacked; a result that is laid over has pale bars below."""

    title = "Stages"
    definition = (
        "Mean time of copying the inputs in, computing, copying the outputs out; one at a time "
        "also what else the wall clock saw: launching and waiting."
    )
    labels = (("", "mean, ms"),)

    def _furnish(self) -> None:
        import pyqtgraph

        self._bars: list[Any] = []
        self.plots[0].showGrid(x=True, y=False, alpha=0.2)
        for pale in (False, True):
            for _, name in _STAGES:
                color = QColor(name)
                pen = pyqtgraph.mkPen(color)
                if pale:
                    pen.setStyle(Qt.PenStyle.DashLine)
                    color.setAlpha(110)
                bars = pyqtgraph.BarGraphItem(
                    x0=[], y=[], height=0.3, width=[], brush=color, pen=pen
                )
                self.plots[0].addItem(bars)
                self._bars.append(bars)

    def draw(self, first: ShownResult, second: ShownResult | None, chosen: int) -> None:
        mine = [one for one in first.items if any(one.stages[:3])]
        if len(mine) * _ROOM > self.height():  # the named ones, and what is looked at
            mine = [one for one in mine if not one.is_tried or one is first.items[chosen]]
        if not mine:
            self.say("No stage was measured: end to end the stages of pictures overlap.")
            return
        self._show_plots()
        others = [None if second is None else second.like(one) for one in mine]
        rows = np.arange(len(mine), dtype=float)[::-1]
        shift = 0.0 if second is None else 0.17
        height = 0.6 if second is None else 0.3
        end = self._stack_up(self._bars[:4], mine, rows + shift, height)
        pairs = [(one, row) for one, row in zip(others, rows, strict=True) if one is not None]
        end = max(
            end,
            self._stack_up(
                self._bars[4:],
                [one for one, _ in pairs],
                np.array([row for _, row in pairs]) - shift,
                height,
            ),
        )
        plot = self.plots[0]
        plot.getAxis("left").setTicks([list(zip(rows, [_short(one) for one in mine], strict=True))])
        set_range(plot, (0.0, end * 1.03), (-0.7, len(mine) - 0.3))
        used = [
            (color, text)
            for at, (text, color) in enumerate(_STAGES)
            if any(one.stages[at] > 0 for one in mine)
        ]
        if any(one.measurement.name == "end-to-end" for one in first.items):
            used.append(("", "end to end has no bar: its stages overlap"))
        if second is not None:
            used.append(("", "laid over: pale"))
        self._set_legend(*used)

    @staticmethod
    def _stack_up(
        bars: Sequence[Any], items: Sequence[Shown], rows: np.ndarray, height: float
    ) -> float:
        begin = np.zeros(len(items))
        for at, item in enumerate(bars):
            width = np.array([one.stages[at] for one in items])
            seen = width > 0
            item.setOpts(x0=begin[seen], width=width[seen], y=rows[seen], height=height)
            begin = begin + width
        return float(begin.max()) if len(items) else 0.0


def _short(one: Shown) -> str:
    label = one.label
    return label if len(label) <= 24 else label[:23] + "…"

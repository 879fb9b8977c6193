"""Throughput by contexts, and the sweep over batches and sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PySide6.QtCore import Qt, Signal

from core.benchmark.report import is_on_cpu
from core.benchmark.values import ARRANGED
from core.text import counted
from gui.panels.benchmark.picture import FIRST, SECOND, Picture, round_up, set_range

if TYPE_CHECKING:
    from gui.benchmark_shown import Shown, ShownResult

_MOST_TICKS = 10  # of a sweep's axis that do not run into each other
_GRAPH, _PLAIN = "#4e79a7", "#b07aa1"


class ThroughputByContexts(Picture):
    """Queries a second with 1, 2, ... contexts, with and without a graph, as best arranged."""

    title = "Contexts"
    definition = "Queries a second by execution contexts; threads on the CPU. Pipelined."
    labels = (("queries/s", "contexts"),)

    def _furnish(self) -> None:
        import pyqtgraph

        plot = self.plots[0]
        self._lines = {}
        for is_second in (False, True):
            for graph, color in ((True, _GRAPH), (False, _PLAIN)):
                style = Qt.PenStyle.DashLine if is_second else Qt.PenStyle.SolidLine
                pen = pyqtgraph.mkPen(color, style=style)
                self._lines[is_second, graph] = plot.plot(
                    pen=pen, symbol="o", symbolSize=7, symbolBrush=color, symbolPen=None
                )

    @staticmethod
    def word(shown: ShownResult) -> str:
        """What is counted: contexts, or threads on the CPU."""
        return "threads" if is_on_cpu(shown.result) else "contexts"

    def draw(self, first: ShownResult, second: ShownResult | None, chosen: int) -> None:
        mine, others = by_contexts(first), [] if second is None else by_contexts(second)
        if len({one.measurement.contexts for one in mine}) < 2:
            self.say(
                f"Only one number of {self.word(first)} was measured. "
                'Choose "Find the best" in the options to try several.'
            )
            return
        self._show_plots()
        on_cpu = is_on_cpu(first.result)
        entries = []
        for is_second, items in ((False, mine), (True, others)):
            for graph, color in ((True, _GRAPH), (False, _PLAIN)):
                part = [one for one in items if one.measurement.graph is graph]
                self._lines[is_second, graph].setData(
                    [one.measurement.contexts for one in part],
                    [one.queries_per_s for one in part],
                )
                if part and not is_second and not on_cpu:
                    entries.append((color, "CUDA graph" if graph else "no graph"))
        best = max(mine, key=lambda one: one.queries_per_s)
        entries.append(
            ("", f"best: {best.measurement.contexts}, {best.queries_per_s:,.5g} a second")
        )
        if others:
            entries.append(("", "laid over: dashed"))
        self._set_legend(*entries)
        most = max(one.measurement.contexts for one in (*mine, *others))
        least = min(one.measurement.contexts for one in (*mine, *others))
        top = max(one.queries_per_s for one in (*mine, *others))
        plot = self.plots[0]
        plot.setToolTip("\n".join(_words(one, on_cpu) for one in mine))
        plot.setLabel("bottom", self.word(first))
        plot.getAxis("bottom").setTicks([[(at, str(at)) for at in range(least, most + 1)]])
        set_range(plot, (least - 0.3, most + 0.3), (0.0, round_up(top)))


class Sweep(Picture):
    """Latency, images a second and memory by batch or size; a point can be chosen."""

    title = "Sweep"
    definition = "One pipelined measurement each. A click on a point shows its samples."
    labels = (("p50, ms", "batch"), ("images/s", "batch"), ("device MB", "batch"))

    chosen = Signal(int)  # the index of the point's measurement

    def _furnish(self) -> None:
        import pyqtgraph

        self._lines = []
        for plot in self.plots:
            dashed = pyqtgraph.mkPen(SECOND, style=Qt.PenStyle.DashLine)
            over = plot.plot(
                pen=dashed, symbol="o", symbolSize=6, symbolBrush=SECOND, symbolPen=None
            )
            line = plot.plot(
                pen=pyqtgraph.mkPen(FIRST),
                symbol="o",
                symbolSize=9,
                symbolBrush=FIRST,
                symbolPen=None,
            )
            line.sigPointsClicked.connect(self._on_clicked)
            ring = plot.plot(
                pen=None,
                symbol="o",
                symbolSize=15,
                symbolBrush=None,
                symbolPen=pyqtgraph.mkPen(FIRST),
            )
            self._lines.append((line, over, ring))

    def _on_clicked(self, _line: Any, points: Any, *_: Any) -> None:
        if len(points):
            self.chosen.emit(int(points[0].data()))

    def draw(self, first: ShownResult, second: ShownResult | None, chosen: int) -> None:
        mine = swept(first)
        others = [] if second is None else swept(second)
        if len(mine) < 2:
            self.say(
                "No sweep was measured. Name some batches in the options, such as 1, 2, 4, 8, "
                "or sizes, such as 320x320, 640x640."
            )
            return
        self._show_plots()
        points = sorted({_point(one) for _, one in (*mine, *others)})
        place = {point: at for at, point in enumerate(points)}
        every = -(-len(points) // _MOST_TICKS)
        ticks = [(at, point.text) for at, point in enumerate(points) if at % every == 0]
        first_size = sum(not point.pixels for point in points)
        varied = " | ".join(dict.fromkeys(point.varied for point in points))
        for (line, over, ring), plot, value in zip(self._lines, self.plots, _VALUES, strict=True):
            tops = [0.0]
            for curve, items in ((line, mine), (over, others)):
                part = [
                    (place[_point(one)], value(one), index)
                    for index, one in items
                    if value(one) is not None
                ]
                curve.setData(
                    [x for x, _, _ in part],
                    [y for _, y, _ in part],
                    data=[at for *_, at in part],
                    # Batches and sizes are two curves.
                    connect=np.array([x != first_size - 1 for x, _, _ in part], np.int32),
                )
                tops += [float(y) for _, y, _ in part if y is not None]
                if curve is line:
                    here = [(x, y) for x, y, at in part if at == chosen]
                    ring.setData([x for x, _ in here], [y for _, y in here])
            plot.setLabel("bottom", varied)
            plot.getAxis("bottom").setTicks([ticks])
            set_range(plot, (-0.6, len(points) - 0.4), (0.0, round_up(max(tops)) * 1.05))
            plot.setVisible(max(tops) > 0)  # memory is not known everywhere
        entries = [(FIRST, "a click on a point shows its samples")]
        if others:
            entries.append((SECOND, "laid over, dashed"))
        self._set_legend(*entries)


def _p50(one: Shown) -> float | None:
    return None if one.latency is None else one.latency.p50


def _images(one: Shown) -> float | None:
    return one.images_per_s


def _memory(one: Shown) -> float | None:
    size = one.measurement.device_memory_bytes
    return None if size is None else size / 1e6


_VALUES = (_p50, _images, _memory)  # as Sweep.labels


def by_contexts(shown: ShownResult) -> list[Shown]:
    """Pipelined measurements of the result's own batch, by contexts; each setting's fastest."""
    pipelined = [one for one in shown.items if one.measurement.name == "pipelined"]
    named = [one for one in pipelined if not one.is_tried]
    pipelined = [one for one in pipelined if one.measurement.size_wh is None]
    batch = (named or pipelined)[0].measurement.batch if pipelined else 0
    fastest: dict[tuple[int, bool], Shown] = {}
    for one in pipelined:
        if one.measurement.batch == batch and one.latency is not None:
            key = one.measurement.contexts, one.measurement.graph
            fastest[key] = max(fastest.get(key, one), one, key=lambda each: each.queries_per_s)
    return [fastest[key] for key in sorted(fastest)]


def _words(one: Shown, on_cpu: bool) -> str:
    """A point in words: how it was run, and how fast that was."""
    m = one.measurement
    parts = [counted(m.contexts, "thread" if on_cpu else "context")]
    if not on_cpu:
        parts.append("CUDA graph" if m.graph else "no graph")
    if arranged := ARRANGED.get(m.arrangement, m.arrangement):
        parts.append(arranged)
    return f"{', '.join(parts)}: {one.queries_per_s:,.5g} queries/s"


class Point(NamedTuple):
    """Where a measurement stands in the sweep: batches first, then sizes by their pixels."""

    pixels: int  # 0 where the batch is varied
    size_wh: tuple[int, int]
    batch: int

    @property
    def text(self) -> str:
        """What is varied, under the axis: narrow, as many stand side by side."""
        return "\n".join(map(str, self.size_wh)) if self.pixels else f"{self.batch:,}"

    @property
    def varied(self) -> str:
        """The axis' name."""
        return "width over height" if self.pixels else "batch"


def _point(one: Shown) -> Point:
    size = one.measurement.size_wh or (0, 0)
    return Point(size[0] * size[1], size, one.measurement.batch)


def swept(shown: ShownResult) -> list[tuple[int, Shown]]:
    """The sweep's measurements with their index in the result, by batch, then by size."""
    wanted = set(shown.result.options.sweep)
    last = {
        _point(one): (index, one)
        for index, one in enumerate(shown.items)
        if one.is_tried
        and one.measurement.tried_by in ("", "sweep")
        and (one.measurement.size_wh is not None or one.measurement.batch in wanted)
        and one.latency is not None
    }
    return [last[point] for point in sorted(last)]

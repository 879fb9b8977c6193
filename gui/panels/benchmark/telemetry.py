"""What the GPU told of itself while it was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from gui.panels.benchmark.picture import FIRST, SECOND, Picture, round_up, set_range

if TYPE_CHECKING:
    from core.benchmark.values import Reading
    from gui.benchmark_live import Live
    from gui.benchmark_shown import ShownResult

_MEMORY_CLOCK = "#b07aa1"
_Value = Callable[["Reading"], "float | None"]


def _memory_mb(reading: Reading) -> float | None:
    used = reading.memory_used_bytes
    return None if used is None else used / 1e6


_PLOTS: tuple[tuple[tuple[_Value, str], ...], ...] = (
    ((lambda one: one.utilization, FIRST),),
    ((lambda one: one.sm_clock_mhz, FIRST), (lambda one: one.memory_clock_mhz, _MEMORY_CLOCK)),
    ((lambda one: one.power_w, FIRST),),
    ((lambda one: one.temperature_c, FIRST),),
    ((_memory_mb, FIRST),),
)


class Telemetry(Picture):
    """Utilisation, clocks, power, temperature and memory over the whole benchmark."""

    title = "Telemetry"
    definition = (  # core.benchmark.telemetry keeps 10,000 readings, then halves their rate
        "What NVML tells of the GPU during all measurements, every 0.2 s; less often once they go "
        "on for half an hour."
    )
    labels = (("GPU %", ""), ("MHz", ""), ("W", ""), ("°C", ""), ("MB used", ""))

    def _furnish(self) -> None:
        import pyqtgraph

        self._lines = [
            [
                (
                    plot.plot(pen=pyqtgraph.mkPen(color)),
                    plot.plot(
                        pen=pyqtgraph.mkPen(
                            SECOND if color == FIRST else color, style=Qt.PenStyle.DashLine
                        )
                    ),
                    value,
                )
                for value, color in values
            ]
            for plot, values in zip(self.plots, _PLOTS, strict=True)
        ]

    def draw(self, first: ShownResult, second: ShownResult | None, chosen: int) -> None:
        self._draw(first.result.telemetry, () if second is None else second.result.telemetry)

    def draw_live(self, live: Live) -> None:
        self._draw(live.readings, ())

    def _draw(self, readings: Sequence[Reading], others: Sequence[Reading]) -> None:
        if not readings:
            self.say("There is no telemetry: no NVIDIA GPU was measured, or NVML told nothing.")
            return
        self._show_plots()
        span = max(one.at_ms for one in (*readings, *others)) / 1000
        for plot, lines in zip(self.plots, self._lines, strict=True):
            top = 0.0
            for line, dashed, value in lines:
                for curve, items in ((line, readings), (dashed, others)):
                    told = [
                        (one.at_ms / 1000, number)
                        for one in items
                        if (number := value(one)) is not None
                    ]
                    curve.setData([at for at, _ in told], [number for _, number in told])
                    top = max([top, *(number for _, number in told)])
            set_range(plot, (0.0, round_up(span)), (0.0, round_up(top) * 1.05))
        entries = [(FIRST, "GPU, over seconds"), (_MEMORY_CLOCK, "memory clock")]
        reasons = sorted({reason for one in readings for reason in one.throttle_reasons})
        if reasons:
            entries.append(("", f"slowed down by: {', '.join(reasons)}"))
        if others:
            entries.append((SECOND, "laid over, dashed"))
        self._set_legend(*entries)

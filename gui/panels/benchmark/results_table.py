"""The measurements in numbers; with another result laid over, each with its ratio."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHeaderView, QWidget

from core.benchmark.swept import size_text
from core.text import printable
from gui.item_models.rows import Row, RowsModel, TableView

if TYPE_CHECKING:
    from gui.benchmark_shown import Shown, ShownResult

_TITLES = (
    "Measurement",
    "Marks",
    "Samples",
    "p50",
    "p90",
    "p95",
    "p99",
    "Mean",
    "Max",
    "Queries/s",
    "Images/s",
    "Convention",
)
_LATENCIES = ("p50", "p90", "p95", "p99", "mean", "max")
_FIRST, _SECOND = (0x4E, 0x79, 0xA7), (0xF2, 0x8E, 0x2B)  # as in the pictures
_WIDEST = 260  # pixels of a column; the tooltip has the whole text


class ResultsTable(TableView):
    """A line for each measurement; below it the one laid over, and how they compare."""

    chosen = Signal(int)  # the index of a measurement in the shown result

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("measurements")
        self.rows_model = RowsModel(_TITLES, numeric=range(1, 11), parent=self)
        self.setModel(self.rows_model)
        self.horizontalHeader().setMaximumSectionSize(_WIDEST)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setStretchLastSection(False)
        self._items: list[int] = []  # of each line
        self._is_showing = False
        self.selectionModel().currentRowChanged.connect(self._on_current)

    def show_result(self, first: ShownResult, second: ShownResult | None) -> None:
        """Show a result, and another to compare it with."""
        rows: list[Row] = []
        self._items = []
        for index, one in enumerate(first.items):
            lines = [_row(one.label, one, _FIRST)]
            other = None if second is None else second.like(one)
            if other is not None:
                lines.append(_row("    laid over", other, _SECOND))
                lines.append(_ratios(one, other))
            rows += lines
            self._items += [index] * len(lines)
        self._is_showing = True
        self.rows_model.show_rows(rows)
        self._is_showing = False
        self._fit(len(rows))

    def _fit(self, count: int) -> None:
        """No higher than its lines: what is below has use for the room."""
        line = self.verticalHeader().defaultSectionSize()
        bar = self.horizontalScrollBar().sizeHint().height()
        frame = 2 * self.frameWidth()
        self.setMaximumHeight(
            self.horizontalHeader().sizeHint().height() + bar + frame + count * line
        )

    def choose(self, index: int) -> None:
        """Select a measurement's line, without telling of it."""
        if index in self._items:
            self._is_showing = True
            line = self._items.index(index)
            self.selectRow(line)
            self._is_showing = False
            QTimer.singleShot(0, self, self._scroll)  # once it is laid out

    def _scroll(self) -> None:
        """Show the chosen measurement with what is laid over it and their ratio."""
        line = self.currentIndex().row()
        if 0 <= line < len(self._items) and self._items.count(self._items[line]) > 1:
            first = self.rows_model.index(self._items.index(self._items[line]), 0)
            self.scrollTo(first, self.ScrollHint.PositionAtTop)

    def _on_current(self) -> None:
        line = self.currentIndex().row()
        if not self._is_showing and 0 <= line < len(self._items):
            self.chosen.emit(self._items[line])


def _row(label: str, one: Shown, color: tuple[int, int, int]) -> Row:
    measurement, latency = one.measurement, one.latency
    state = "" if measurement.is_complete else " (stopped)"
    marks = len(measurement.marks)
    cells = (
        f"{label}{state}",
        str(marks) if marks else "",  # what they are stands below the table
        f"{measurement.samples.queries:,}",
        *("-" if latency is None else _ms(getattr(latency, name)) for name in _LATENCIES),
        _rate(one.queries_per_s),
        _rate(one.images_per_s),
        printable(measurement.convention),
    )
    return Row(cells, _tooltip(one), color)


def _tooltip(one: Shown) -> str:
    measurement = one.measurement
    lines = [measurement.convention, f"batch {measurement.batch:,}"]
    if measurement.marks:
        lines.append(f"marks: {', '.join(mark.kind for mark in measurement.marks)}")
    if measurement.size_wh is not None:
        lines.append(f"size {size_text(measurement.size_wh)}")
    if measurement.first_run_ms is not None:
        lines.append(f"the first run took {_ms(measurement.first_run_ms)} ms")
    if measurement.device_memory_bytes is not None:
        lines.append(f"{measurement.device_memory_bytes / 1e6:,.1f} MB on the device")
    if measurement.why_no_graph:
        lines.append(f"no CUDA graph: {measurement.why_no_graph}")
    # As rich text it wraps, and nothing that a file says is taken for a tag.
    return f"<qt>{'<br>'.join(html.escape(printable(line)) for line in lines)}</qt>"


def _ratios(one: Shown, other: Shown) -> Row:
    latencies = ["-"] * len(_LATENCIES)
    if one.latency is not None and other.latency is not None:
        latencies = [
            _ratio(getattr(one.latency, name), getattr(other.latency, name)) for name in _LATENCIES
        ]
    cells = (
        "    ratio",
        "",
        "",
        *latencies,
        _ratio(one.queries_per_s, other.queries_per_s),
        _ratio(one.images_per_s, other.images_per_s),
        "the shown result by the one laid over",
    )
    return Row(cells)


def _ms(value: float) -> str:
    return f"{value:,.3f}" if value < 100 else f"{value:,.1f}"


def _rate(value: float) -> str:
    if not value:
        return "-"
    return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def _ratio(one: float, other: float) -> str:
    return f"x {one / other:.3f}" if one and other else "-"

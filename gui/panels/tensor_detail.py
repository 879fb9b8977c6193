"""What went in and came out: a table of the tensors' numbers, and one of them in detail."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFileDialog,
    QHeaderView,
    QMenu,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from core.jobs import Event, Failed, Finished
from gui.item_models.rows import Row, RowsModel, TableView
from gui.item_models.values import ValuesModel, ValuesTable
from gui.panels.heat_map import HeatMapView
from gui.panels.mark_bar import MarkBar
from gui.panels.number_grid import number_text
from gui.panels.slice_fields import SliceFields
from gui.panels.tensor_statistics import StatisticsView
from gui.problem import Problem
from gui.tensor_thread import CopyCells, Draw, Measure, SaveTensor, Summarize, TensorThread

if TYPE_CHECKING:
    import numpy as np

    from core.predictions import TensorSummary
    from core.tensor_statistics import TensorStatistics
    from gui.work_thread import WorkThread

_TITLES = ("tensor", "in/out", "min", "max", "mean", "NaN", "Inf", "shape", "dtype")
_WIDEST = 150  # pixels of a column: long names leave the numbers in sight
_MOST_COPIED = 1_000_000  # cells; the text of more would be too large for most programs


class TensorDetail(QWidget):
    """Choose a tensor above, look at it below: a slice in colours, its values, its statistics.

    Nothing is measured before it is on screen, and nothing large on the window's thread: of each
    kind of answer only that to the last question is heeded.
    """

    problem = Signal(object)  # Problem

    def __init__(self, thread: WorkThread | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thread = thread if thread is not None else TensorThread()
        self._thread.happened.connect(self._on_event, Qt.ConnectionType.QueuedConnection)
        self._jobs: dict[str, int] = {}  # by slot, the request whose answer is awaited
        self._inputs: Mapping[str, np.ndarray] = {}
        self._output_count = 0
        self._tensors: list[tuple[str, np.ndarray]] = []  # in the table's order
        self._array: np.ndarray | None = None
        self._statistics: TensorStatistics | None = None
        self._is_stale = self._has_stale_inputs = False  # to be asked for once on screen
        self._build()
        self._choose(None)

    def _build(self) -> None:
        self._rows = RowsModel(_TITLES, (2, 3, 4, 5, 6), self)
        self.table = TableView()
        self.table.setAccessibleName("output and input tensors")
        self.table.setModel(self._rows)
        resize = QHeaderView.ResizeMode.ResizeToContents
        self.table.horizontalHeader().setSectionResizeMode(resize)
        self.table.horizontalHeader().setMaximumSectionSize(_WIDEST)
        self.table.selectionModel().currentRowChanged.connect(self._on_row)
        self._values = ValuesModel(self)
        self.values = ValuesTable()
        self.values.setAccessibleName("values")
        self.values.setModel(self._values)
        self.values.copy_wanted.connect(self.copy_cells)
        self.values.selectionModel().currentChanged.connect(self._on_cell)
        self.heat = HeatMapView()
        self.heat.clicked.connect(self._go_to)
        self.statistics = StatisticsView()
        self.slice = SliceFields()
        self.slice.changed.connect(self._show_slice)
        self.views = QTabWidget(documentMode=True)
        for view, title in (
            (self.heat, "Heat map"),
            (self.values, "Values"),
            (self.statistics, "Statistics"),
        ):
            self.views.addTab(view, title)
        places: tuple[QWidget, ...] = (self.table, self.values, self.heat)
        for place in places:
            place.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            place.customContextMenuRequested.connect(
                lambda point, place=place: self._show_menu(place, point)
            )
        lower = QWidget()
        self.marks = MarkBar(lower)
        self.marks.found.connect(self._on_found)
        column = QVBoxLayout(lower)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.slice)
        column.addWidget(self.marks)
        column.addWidget(self.views, 1)
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.table)
        split.addWidget(lower)
        split.setStretchFactor(1, 2)
        split.setSizes([120, 300])
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(split)

    def show_outputs(
        self,
        summaries: Sequence[TensorSummary],
        outputs: Mapping[str, np.ndarray],
        inputs: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Show a run's tensors; the chosen one and its slice stay where they still fit."""
        chosen = self.table.currentIndex().row()
        self._inputs = inputs or {}
        self._output_count = len(summaries)
        self._tensors = [(one.name, outputs[one.name]) for one in summaries]
        self._tensors += self._inputs.items()
        for slot in ("inputs", "measure", "draw"):
            self._jobs.pop(slot, None)
        self._has_stale_inputs = bool(self._inputs)
        self._rows.show_rows(
            [
                *(_row(one.name, "output", outputs[one.name], one) for one in summaries),
                *(_row(name, "input", array, None) for name, array in self._inputs.items()),
            ]
        )
        if self._tensors:
            self.table.selectRow(chosen if 0 <= chosen < len(self._tensors) else 0)
        else:
            self._choose(None)

    def stop(self, timeout_ms: int) -> bool:
        """End the thread; False when it did not end in time."""
        return self._thread.stop(timeout_ms)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self._ask()

    # -- what is shown -------------------------------------------------------------------

    def _on_row(self, current: QModelIndex) -> None:
        row = current.row()
        self._choose(self._tensors[row][1] if 0 <= row < len(self._tensors) else None)

    def _choose(self, array: np.ndarray | None) -> None:
        self._array, self._statistics = array, None
        self._jobs.pop("measure", None)
        text = "" if array is None else "Measuring"
        self.marks.show_statistics(None, text)
        self.statistics.show_statistics(None, text or "No tensor to show.")
        self._values.mark_saturated(())
        self.slice.show_shape(() if array is None else array.shape)
        self._is_stale = array is not None
        self._show_slice()

    def _show_slice(self) -> None:
        from core.tensor_slices import take_slice

        array = self._array
        values = None if array is None else take_slice(array, self.slice.choice)
        self._values.show_values(values)
        self.heat.show_slice(values)
        self._jobs.pop("draw", None)
        self._draw()
        self._ask()

    def _draw(self) -> None:
        if self._array is None or not self.isVisible():
            self._is_stale = self._array is not None
            return
        found = self._statistics
        saturated = () if found is None else tuple(one.value for one in found.saturations)
        self._submit("draw", Draw(self._array, self.slice.choice, saturated))

    def _ask(self) -> None:
        """Ask for what is to be measured, if anybody sees it."""
        if not self.isVisible():
            return
        if self._has_stale_inputs:
            self._has_stale_inputs = False
            self._submit("inputs", Summarize(self._inputs))
        if self._is_stale and self._array is not None:
            self._is_stale = False
            if "draw" not in self._jobs:
                self._draw()
            if self._statistics is None:
                self._submit("measure", Measure(self._array))

    def _submit(self, slot: str, request: object) -> None:
        self._jobs[slot] = self._thread.submit(slot, request)

    # -- one element ---------------------------------------------------------------------

    def _on_found(self, index: int) -> None:
        """Show an element, by its flat index, in its slice."""
        from core.tensor_slices import place_of

        assert self._array is not None
        _, choice, row, column = place_of(self._array.shape, self.slice.choice, index)
        if choice != self.slice.choice:
            self.slice.go_to(choice)
            self._show_slice()
        self._go_to(row, column)

    def _go_to(self, row: int, column: int) -> None:
        index = self._values.index_of(row, column)
        self.values.setCurrentIndex(index)
        self.values.scrollTo(index, ValuesTable.ScrollHint.PositionAtCenter)

    def _on_cell(self, current: QModelIndex) -> None:
        from core.tensor_slices import index_of

        place = self._values.element_at(current)
        self.heat.choose(place)
        if place is not None and self._array is not None:
            self.marks.start_at(index_of(self._array.shape, self.slice.choice, *place))

    # -- what comes back -----------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if self._jobs.get(event.slot) != event.job_id:
            return
        if isinstance(event, Failed):
            del self._jobs[event.slot]
            self.problem.emit(Problem(event.kind, event.message, event.hint, event.details))
        elif isinstance(event, Finished):
            del self._jobs[event.slot]
            self._on_answer(event.slot, event.result)

    def _on_answer(self, slot: str, answer: Any) -> None:
        if slot == "draw":
            self.heat.show_map(answer)
        elif slot == "measure":
            self._statistics = answer
            self.marks.show_statistics(answer, "")
            self.statistics.show_statistics(answer, "")
            if answer.saturations:
                self._values.mark_saturated(tuple(one.value for one in answer.saturations))
                self._draw()
        elif slot == "inputs":
            for row, (name, array) in enumerate(self._inputs.items(), self._output_count):
                self._rows.replace_row(row, _row(name, "input", array, answer[name]))
        elif slot == "copy":
            QGuiApplication.clipboard().setText(answer)

    # -- copying and saving --------------------------------------------------------------

    def _show_menu(self, view: QWidget, point: QPoint) -> None:
        if self._array is None:
            return
        menu = QMenu(self)
        if view is self.values:
            menu.addAction("Copy", self.copy_cells)
        elif view is self.table:
            menu.addAction("Copy", lambda: self._copy_text(self.table.copied_text()))
        menu.addAction("Save this tensor as .npy...", self.save)
        place = view.viewport() if isinstance(view, TableView) else view
        menu.popup(place.mapToGlobal(point))
        menu.aboutToHide.connect(menu.deleteLater)

    def _copy_text(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)

    def copy_cells(self) -> None:
        """Put the selected cells, or the whole slice, on the clipboard as tab-separated text."""
        rows, columns = self._values.rowCount(), self._values.columnCount()
        top, left, bottom, right = self.values.selected_rectangle() or (
            0, 0, rows - 1, columns - 1
        )  # fmt: skip
        count = (bottom - top + 1) * (right - left + 1)
        if count > _MOST_COPIED:
            text = f"{count:,} cells are too many to copy; {_MOST_COPIED:,} can be."
            hint = "Select fewer, or save the tensor as .npy from its context menu."
            self.problem.emit(Problem("too-many-cells", text, hint, is_warning=True))
        elif count > 0:
            self._submit("copy", CopyCells(self._values.blocks(top, left, bottom, right)))

    def save(self) -> None:
        """Ask where to, and save the chosen tensor as .npy."""
        row = self.table.currentIndex().row()
        if not 0 <= row < len(self._tensors):
            return
        name, array = self._tensors[row]
        suggested = re.sub(r"[^\w.-]+", "_", name).strip("._") or "tensor"
        path, _ = QFileDialog.getSaveFileName(
            self, f"Save {name}", f"{suggested}.npy", "NumPy array (*.npy)"
        )
        if path:
            target = Path(path)
            if target.suffix != ".npy":
                target = target.with_name(f"{target.name}.npy")
            self._submit("save", SaveTensor(array, target))


def _row(
    name: str, mode: str, array: np.ndarray, found: TensorSummary | TensorStatistics | None
) -> Row:
    """A line of the table; dots for what is still being measured."""
    from core.tensors import shape_text

    cells: tuple[str, ...] = ("...",) * 5
    if found is not None:
        numbers = (number_text(found.min), number_text(found.max), number_text(found.mean))
        cells = (*numbers, f"{found.nan:,}", f"{found.inf:,}")
    return Row((name, mode, *cells, shape_text(array.shape), array.dtype.name))

"""What came out: predictions, and every output tensor in numbers and as a heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtWidgets import QLabel, QTabWidget, QVBoxLayout, QWidget

from gui.item_models.rows import Row, RowsModel, TableView
from gui.panels.network_input import NetworkInput
from gui.panels.tensor_detail import TensorDetail
from gui.tensor_thread import TensorThread

if TYPE_CHECKING:
    from core.results import TestResult
    from gui.inference_thread import Tested


class OutputsPanel(QWidget):
    """Three tabs: predictions, tensors, and what the network saw."""

    row_chosen = Signal(int)  # index of a prediction, -1 for none

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tabs = QTabWidget(documentMode=True)
        self._evidence = QLabel("No result yet.")
        self._evidence.setWordWrap(True)
        self._evidence.setContentsMargins(8, 6, 8, 2)
        self._predictions = RowsModel(("prediction", "score", "x1, y1, x2, y2"), (1,), self)
        self.predictions = TableView()
        self.predictions.setAccessibleName("predictions")
        self.predictions.setModel(self._predictions)
        self.predictions.stretch(0)
        self.predictions.selectionModel().currentRowChanged.connect(self._on_row)
        first = QWidget()
        column = QVBoxLayout(first)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._evidence)
        column.addWidget(self.predictions, 1)
        thread = TensorThread()
        self.detail = TensorDetail(thread)
        self.network_input = NetworkInput(thread)
        self.tabs.addTab(first, "Predictions")
        self.tabs.addTab(self.detail, "Tensors")
        self.tabs.addTab(self.network_input, "Input")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(6, 0, 6, 6)
        outer.addWidget(self.tabs)

    def show_result(self, tested: Tested | None) -> None:
        """Show a run's outputs, or that there are none."""
        self.network_input.show_result(tested)
        if tested is None:
            self._evidence.setText("No result yet.")
            self._predictions.show_rows([])
            self.detail.show_outputs((), {})
            return
        result = tested.result
        self._evidence.setText(_in_words(result))
        self._predictions.show_rows(prediction_rows(result))
        self.detail.show_outputs(result.summaries, result.outputs, result.inputs)

    def mark(self, index: int) -> None:
        """Select the row of a box under the mouse."""
        if index >= 0 and index != self.predictions.currentIndex().row():
            self.predictions.selectRow(index)

    def _on_row(self, current: QModelIndex) -> None:
        self.row_chosen.emit(current.row() if current.isValid() else -1)


def _in_words(result: TestResult) -> str:
    """How the outputs were read, why, and what was done to the picture."""
    count, evidence = len(result.predictions), result.guess.evidence
    task, what, none = {
        "detect": ("Read as detection", f"{count} found. ", "Nothing scored high enough. "),
        "classify": ("Read as classification", "", "No ranking: the scores are no numbers. "),
        "image": ("Read as a picture", "", "No picture: no value is finite. "),
    }.get(result.guess.task, ("Shown as plain tensors", "", ""))
    text = f"{what if count else none}{task}: {evidence}."
    if result.image is not None and result.image.notes:
        text += f" Image: {'; '.join(result.image.notes)}."
    return text


def prediction_rows(result: TestResult) -> list[Row]:
    """A row for each prediction, best first."""
    from core.overlay import class_color
    from core.prediction_rows import prediction_rows as rows_of

    return [
        Row(
            (row.what, row.score, row.place),
            row.more,
            None if row.class_id is None else class_color(row.class_id),
        )
        for found in result.predictions
        for row in rows_of(found)
    ]

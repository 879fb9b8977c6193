"""What came out: predictions, and every output tensor in numbers and as a heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QMimeData, QModelIndex, Qt, Signal
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from gui.item_models.rows import Row, RowsModel, TableView
from gui.panels.embedding import EmbeddingView
from gui.panels.network_input import NetworkInput
from gui.panels.reading import ReadingPanel
from gui.panels.tensor_detail import TensorDetail
from gui.tensor_thread import TensorThread

if TYPE_CHECKING:
    import numpy as np

    from core.results import TestResult
    from core.similarity import Similarity
    from core.tasks import Choices
    from gui.inference_thread import Tested

NAMES_SUFFIXES = (".txt", ".names", ".json", ".yaml", ".yml")
"""Files that class names are read from."""

_PLACE = "x1, y1, x2, y2"


class OutputsPanel(QWidget):
    """Three tabs: predictions, tensors, and what the network saw."""

    row_chosen = Signal(int)  # a row of the predictions, -1 for none
    names_dropped = Signal(object)  # the Path of a file of class names

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.tabs = QTabWidget(documentMode=True)
        self._outputs: Mapping[str, np.ndarray] | None = None  # those that are shown
        self.reading = ReadingPanel()
        self.tabs.setCornerWidget(self.reading.names)
        self._predictions = RowsModel(("prediction", "score", _PLACE), (1,), self)
        self.predictions = TableView()
        self.predictions.setAccessibleName("predictions")
        self.predictions.setModel(self._predictions)
        self.predictions.stretch(0)
        self.predictions.selectionModel().currentRowChanged.connect(self._on_row)
        self.embedding = EmbeddingView()
        self.embedding.hide()
        first = QWidget()
        column = QVBoxLayout(first)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.reading)
        column.addWidget(self.predictions, 1)
        column.addWidget(self.embedding, 1)  # in the table's place
        thread = TensorThread()
        self.detail = TensorDetail(thread)
        self.network_input = NetworkInput(thread)
        self.tabs.addTab(first, "Predictions")
        self.tabs.addTab(self.detail, "Tensors")
        self.tabs.addTab(self.network_input, "Input")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(6, 0, 6, 6)
        outer.addWidget(self.tabs)

    def show_result(
        self,
        tested: Tested | None,
        choices: Choices | None = None,
        similarities: Sequence[Similarity] = (),
    ) -> None:
        """Show a run's outputs, or that there are none.

        Args:
            tested: the run, as it was read.
            choices: the user's in reading it; None where it is read as is guessed.
            similarities: of an embedding, to those of the images before it.
        """
        self.reading.show_reading(tested, choices)
        is_embedded = tested is not None and tested.result.guess.task == "embed"
        self.predictions.setHidden(is_embedded)
        self.embedding.setVisible(is_embedded)
        if tested is None:
            self._predictions.show_rows([])
            self._outputs = None
            self.detail.show_outputs((), {})
            self.network_input.show_result(None)
            return
        result = tested.result
        if is_embedded:
            self.embedding.show_embedding(tested, similarities)
        self._show_rows(prediction_rows(result), has_places=_has_places(result))
        if result.outputs is not self._outputs:  # else they were only read again
            self._outputs = result.outputs
            self.detail.show_outputs(result.summaries, result.outputs, result.inputs)
            self.network_input.show_result(tested)

    def _show_rows(self, rows: list[Row], *, has_places: bool) -> None:
        """Show rows under titles that fit them, the widest column with what room there is."""
        self._predictions.set_title(2, _PLACE if has_places else "details")
        self._predictions.show_rows(rows)
        has_scores = not rows or any(row.cells[1] for row in rows)
        self.predictions.setColumnHidden(1, not has_scores)
        self.predictions.stretch(0 if has_scores else 2)
        mode = Qt.TextElideMode  # names differ at both ends; numbers cut in the middle are others
        self.predictions.setTextElideMode(mode.ElideMiddle if has_scores else mode.ElideRight)

    def dragEnterEvent(self, event: Any) -> None:
        """Take a file of class names; the window takes everything else."""
        event.setAccepted(_names_file(event.mimeData()) is not None)

    def dropEvent(self, event: Any) -> None:
        path = _names_file(event.mimeData())
        event.setAccepted(path is not None)
        if path is not None:
            self.names_dropped.emit(path)

    def mark(self, index: int) -> None:
        """Select the row of a box under the mouse."""
        if index >= 0 and index != self.predictions.currentIndex().row():
            self.predictions.selectRow(index)

    def _on_row(self, current: QModelIndex) -> None:
        self.row_chosen.emit(current.row() if current.isValid() else -1)


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


def _has_places(result: TestResult) -> bool:
    """Whether the third column holds boxes; so also where none was found."""
    return result.guess.task in ("detect", "instance-segment", "obb", "pose")


def _names_file(mime: QMimeData) -> Path | None:
    """The file of class names among what is dragged."""
    paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    return next((path for path in paths if path.suffix.lower() in NAMES_SUFFIXES), None)

"""An embedding: its numbers, their histogram, and how alike its picture is to others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QLabel, QSplitter, QVBoxLayout, QWidget

from core.text import printable
from gui.item_models.rows import Row, RowsModel, TableView
from gui.panels.histogram import HistogramView
from gui.panels.number_grid import NumberGrid, number_text

if TYPE_CHECKING:
    from core.similarity import Similarity
    from gui.inference_thread import Tested

_WORDS = ("norm", "numbers", "min", "max")
_TITLES = ("compared with", "cosine")
_NOTHING_YET = "Run another image to compare."
_COARSER = 8  # of 256 bins; a vector of hundreds leaves most of those empty
_LEAST_HEIGHT = 150  # pixels of the histogram with its check box
_LIKE_NOTHING = "This picture cannot be compared: {}."


class EmbeddingView(QWidget):
    """Norm and histogram above, below the cosines to the images before, the most alike first."""

    image_chosen = Signal(str)  # the path of an image in the table

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._similarities: tuple[Similarity, ...] = ()
        self.numbers = NumberGrid(_WORDS, len(_WORDS))
        self.histogram = HistogramView()
        self.histogram.setMinimumHeight(_LEAST_HEIGHT)
        self._rows = RowsModel(_TITLES, (1,), self)
        self.table = TableView()
        self.table.setAccessibleName("cosine to other images")
        self.table.setModel(self._rows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.stretch(0)
        self.table.activated.connect(self._on_row)
        self.text = QLabel(alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self.text.setMargin(8)
        upper, lower = QWidget(), QWidget()
        for place, widgets in (
            (upper, (self.numbers, self.histogram)),
            (lower, (self.table, self.text)),
        ):
            column = QVBoxLayout(place)
            column.setContentsMargins(0, 0, 0, 0)
            for widget in widgets:
                column.addWidget(widget, int(widget is not self.numbers))
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(upper)
        split.addWidget(lower)
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 2)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(split)

    def show_embedding(self, tested: Tested, similarities: Sequence[Similarity]) -> None:
        """Show a run whose output was read as an embedding.

        Args:
            tested: the run.
            similarities: to the images before it, the most alike first.
        """
        from core.predictions import Embedding
        from core.similarity import vector_of, why_no_direction

        vector, measured = vector_of(tested.result), tested.embedding
        trouble = why_no_direction(vector, "its")
        texts: dict[str, str] = {}
        for found in tested.result.predictions:
            if isinstance(found, Embedding):
                norm = number_text(found.norm) if found.norm else "0"
                texts = {"norm": norm, "numbers": f"{len(found.values):,}"}
        if measured is not None:
            texts |= {"min": number_text(measured.min), "max": number_text(measured.max)}
        self.numbers.show_numbers(texts)
        histogram = None if measured is None or trouble else measured.histogram
        what = "not every number is finite" if vector is None else "every number is 0"
        self.histogram.show_histogram(
            None if histogram is None else histogram.coarser(_COARSER),
            f"No histogram: {what}." if trouble else "",
        )
        self._similarities = () if trouble else tuple(similarities)
        names = short_names([one.source for one in self._similarities])
        self._rows.show_rows(
            [_row(one, name) for one, name in zip(self._similarities, names, strict=True)]
        )
        self.text.setText(_LIKE_NOTHING.format(trouble) if trouble else _NOTHING_YET)
        self.text.setVisible(not self._similarities)
        self.table.setVisible(bool(self._similarities))

    def _on_row(self, index: QModelIndex | QPersistentModelIndex | Any) -> None:
        self.image_chosen.emit(self._similarities[index.row()].source)


def short_names(sources: Sequence[str]) -> list[str]:
    """The files' names, those of one name with their folder's before it."""
    paths = [Path(source) for source in sources]
    count = Counter(path.name for path in paths)
    return [
        printable(path.name if count[path.name] == 1 else f"{path.parent.name}/{path.name}")
        for path in paths
    ]


def _row(found: Similarity, name: str) -> Row:
    if found.cosine is not None:
        return Row((name, f"{found.cosine:.4f}"), printable(found.source))
    return Row((name, "no cosine"), f"{printable(found.source)}\nNo cosine: {found.why}.")

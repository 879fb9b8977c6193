"""The search for a recipe: how far it is, and the ranked table to pick from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.item_models.rows import Row, RowsModel, TableView

if TYPE_CHECKING:
    from core.recipe_search import RecipeCandidate

_TITLES = ("preset", "colour", "resize", "score", "why")
_HOW = (
    "The best first: how sure the model is of what it sees, and whether it sees the same in the "
    "mirrored image. Pick one to use it."
)


class RecipeFinder(QDialog):
    """Stands beside the window, which shows what a pick makes of the image."""

    picked = Signal(object)  # RecipeCandidate
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Find a recipe")
        self._candidates: tuple[RecipeCandidate, ...] = ()
        self.text = QLabel(_HOW)
        self.text.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.cancel = QPushButton("Cancel")
        self.cancel.setAutoDefault(False)
        self.cancel.clicked.connect(lambda: self.cancelled.emit())
        self._rows = RowsModel(_TITLES, (3,), self)
        self.table = TableView()
        self.table.setAccessibleName("recipes")
        self.table.setModel(self._rows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.stretch(4)
        self.table.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.table.clicked.connect(self._on_row)
        self.table.activated.connect(self._on_row)
        close = QPushButton("Close")
        close.setAutoDefault(False)  # Enter picks the row
        close.clicked.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(self.text)
        column.addWidget(self.table, 1)
        row = QHBoxLayout()
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        row.addStretch(1)
        row.addWidget(close)
        column.addLayout(row)
        self.finished.connect(lambda _status: self.cancelled.emit())
        self._show_running(False)
        self.resize(720, 420)

    def begin(self) -> None:
        """Show that a search has begun."""
        self._show_candidates(())
        self._show_running(True)
        self.bar.setRange(0, 0)
        self.text.setText("Trying the usual recipes on the image...")
        self.show()
        self.raise_()
        self.activateWindow()

    def show_progress(self, fraction: float | None, text: str) -> None:
        """Show how far it is."""
        self.text.setText(text)
        if fraction is not None:
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(fraction * 1000))

    def show_found(self, candidates: tuple[RecipeCandidate, ...]) -> None:
        """Show the ranking."""
        self._show_candidates(candidates)
        self.table.setFocus()
        self.table.setCurrentIndex(self._rows.index(0, 0))

    def end(self) -> None:
        """Show that the search has ended, whether it found something or not."""
        self._show_running(False)
        self.text.setText(
            _HOW if self._candidates else "Nothing was found: the search ended early."
        )

    def forget(self) -> None:
        """Close it: the ranking is of another model."""
        self._show_candidates(())
        self.reject()

    def _show_candidates(self, candidates: tuple[RecipeCandidate, ...]) -> None:
        self._candidates = candidates
        self._rows.show_rows([_row(one) for one in candidates])

    def _show_running(self, running: bool) -> None:
        self.bar.setVisible(running)
        self.cancel.setVisible(running)

    def _on_row(self, index: QModelIndex | Any) -> None:
        if index.isValid():
            self.picked.emit(self._candidates[index.row()])


def _row(found: RecipeCandidate) -> Row:
    recipe = found.recipe
    cells = (found.values_words, recipe.color, recipe.resize, f"{found.score:.3f}", found.why)
    return Row(cells, found.why)

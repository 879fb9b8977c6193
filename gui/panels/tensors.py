"""The tensor table: name, dtype, shape, input or output; the rest on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QCheckBox, QHeaderView, QVBoxLayout, QWidget

from gui.item_models.rows import Row, RowsModel, TableView

if TYPE_CHECKING:
    from core.tensors import TensorSpec

_TITLES = ("name", "in/out", "dtype", "shape", "bytes", "location", "format", "profiles")
_FURTHER = range(4, len(_TITLES))


class TensorsPanel(QWidget):
    """Inputs first, then outputs, as the model orders them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = RowsModel(_TITLES, numeric=(4,), parent=self)
        self.table = TableView()
        self.table.setAccessibleName("tensors")
        self.table.setModel(self._model)
        resize = QHeaderView.ResizeMode.ResizeToContents  # names whole; the rest scrolls
        self.table.horizontalHeader().setSectionResizeMode(resize)
        self.table.horizontalHeader().setStretchLastSection(True)
        self._more = QCheckBox("Bytes, location, format and profiles")
        self._more.toggled.connect(self._show_further)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self.table, 1)
        column.addWidget(self._more)
        self._show_further(False)

    def sizeHint(self) -> QSize:
        """Room for a handful of tensors; the recipe below takes the rest."""
        return QSize(320, 7 * (self.fontMetrics().height() + 8))

    def show_tensors(self, specs: tuple[TensorSpec, ...]) -> None:
        """Show a model's tensors; () for none."""
        from core.tensors import bytes_text, profiles_text, shape_text

        rows = []
        for spec in specs:
            cells = (
                spec.name,
                spec.mode,
                spec.dtype,
                shape_text(spec.shape),
                bytes_text(spec.size_bytes),
                spec.location,
                spec.format,
                profiles_text(spec.profiles) or "-",
            )
            lines = [f"{title}: {cell}" for title, cell in zip(_TITLES, cells, strict=True)]
            rows.append(Row(cells, tooltip="\n".join(lines)))
        self._model.show_rows(rows)

    def _show_further(self, visible: bool) -> None:
        for column in _FURTHER:
            self.table.setColumnHidden(column, not visible)

"""Fields that choose a slice of a tensor: which dimensions are shown, and where in the others."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from core.tensor_slices import Slice, default_slice


class SliceFields(QWidget):
    """Two lists for rows and columns, and a slider with a number for every other dimension.

    Dimensions of one place have no slider; tensors of fewer than two dimensions no fields.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shape: tuple[int, ...] | None = None
        self.choice = Slice()
        self.rows, self.columns = QComboBox(), QComboBox()
        self._lists = QWidget()
        line = QHBoxLayout(self._lists)
        line.setContentsMargins(0, 0, 0, 0)
        for word, box in (("rows", self.rows), ("columns", self.columns)):
            box.setAccessibleName(f"dimension of the {word}")
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            line.addWidget(QLabel(word))
            line.addWidget(box, 1)
        self.rows.activated.connect(lambda _index: self._on_list(is_rows=True))
        self.columns.activated.connect(lambda _index: self._on_list(is_rows=False))
        self._grid = QGridLayout()
        self._grid.setColumnStretch(1, 1)
        self._grid.setVerticalSpacing(2)
        self._pickers: dict[int, tuple[QSpinBox, QSlider]] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 2)
        column.setSpacing(2)
        column.addWidget(self._lists)
        column.addLayout(self._grid)
        self._lists.hide()

    def show_shape(self, shape: tuple[int, ...]) -> None:
        """Offer a tensor's dimensions. What is chosen stays as far as it fits."""
        if shape == self._shape:
            return
        old, choice = self.choice, default_slice(shape)
        if self._shape is not None and len(shape) == len(self._shape) >= 2:
            fixed = tuple(min(p, max(n - 1, 0)) for p, n in zip(old.fixed, shape, strict=True))
            choice = Slice(old.rows, old.columns, fixed)
        self._shape = shape
        for box in (self.rows, self.columns):
            box.clear()
            box.addItems([f"dim {axis} ({size:,})" for axis, size in enumerate(shape)])
        self._lists.setVisible(len(shape) >= 2)
        self._show(choice)

    def go_to(self, choice: Slice) -> None:
        """Choose a slice of the same dimensions, without telling so."""
        self.choice = choice
        for axis, fields in self._pickers.items():
            for field in fields:
                with QSignalBlocker(field):
                    field.setValue(choice.fixed[axis])

    def _show(self, choice: Slice) -> None:
        self.choice = choice
        self.rows.setCurrentIndex(choice.rows)
        self.columns.setCurrentIndex(choice.columns)
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._pickers = {}
        for axis, size in enumerate(self._shape or ()):
            if size > 1 and axis not in (choice.rows, choice.columns) and choice.fixed:
                self._add_picker(axis, size, choice.fixed[axis])

    def _add_picker(self, axis: int, size: int, value: int) -> None:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setMinimumWidth(40)
        picker = QSpinBox()
        for field in (slider, picker):
            field.setRange(0, size - 1)
            field.setValue(value)
            field.setAccessibleName(f"index in dimension {axis}")
        slider.valueChanged.connect(picker.setValue)
        picker.valueChanged.connect(slider.setValue)
        picker.valueChanged.connect(self._on_picker)
        line = self._grid.rowCount()
        self._grid.addWidget(QLabel(f"dim {axis}"), line, 0)
        self._grid.addWidget(slider, line, 1)
        self._grid.addWidget(picker, line, 2)
        self._grid.addWidget(QLabel(f"of {size:,}"), line, 3)
        self._pickers[axis] = (picker, slider)

    def _on_list(self, *, is_rows: bool) -> None:
        """A dimension chosen twice changes places with the other one."""
        rows, columns = self.rows.currentIndex(), self.columns.currentIndex()
        if rows == columns:
            if is_rows:
                columns = self.choice.rows
            else:
                rows = self.choice.columns
        self._show(Slice(rows, columns, self.choice.fixed))
        self.changed.emit()

    def _on_picker(self, _value: int) -> None:
        fixed = list(self.choice.fixed)
        for axis, (picker, _) in self._pickers.items():
            fixed[axis] = picker.value()
        self.choice = Slice(self.choice.rows, self.choice.columns, tuple(fixed))
        self.changed.emit()

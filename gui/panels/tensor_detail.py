"""Output tensors: a table of their numbers, and one of them as values and as a heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, QRectF, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSpinBox,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from gui.inference_thread import to_qimage
from gui.item_models.rows import Row, RowsModel, TableView
from gui.item_models.values import ValuesModel

if TYPE_CHECKING:
    import numpy as np

    from core.predictions import TensorSummary

_TITLES = ("tensor", "min", "max", "mean", "NaN", "Inf", "shape", "dtype")
_MAX_SIDE = 1024  # pixels of a heat map; larger slices are thinned out


class HeatMap(QWidget):
    """A two-dimensional slice in colours, with the range that the colours stand for."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: np.ndarray | None = None
        self._image: QImage | None = None
        self._caption = ""
        self.setMinimumHeight(120)
        self.setAccessibleName("heat map")

    def show_slice(self, values: np.ndarray | None) -> None:
        """Show a (rows, columns) array, or nothing. Its colours are made when it is on screen."""
        self._values, self._image, self._caption = values, None, ""
        self.update()

    def paintEvent(self, _event: Any) -> None:
        if self._values is not None:
            self._image, self._caption = heat_map(self._values)
            self._values = None
        painter = QPainter(self)
        height = self.fontMetrics().height() + 6
        area = self.rect().adjusted(6, 6, -6, -height)
        if self._image is None:
            painter.setPen(self.palette().color(self.palette().ColorRole.PlaceholderText))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "No values to draw.")
            return
        size = self._image.size()
        # Long thin slices would be a hair if their shape were kept.
        mode = Qt.AspectRatioMode.KeepAspectRatio
        if max(size.width(), size.height()) > 4 * min(size.width(), size.height()):
            mode = Qt.AspectRatioMode.IgnoreAspectRatio
        fitted = size.scaled(area.size(), mode)
        target = QRectF(0, 0, fitted.width(), fitted.height())
        target.moveCenter(QRectF(area).center())
        painter.drawImage(target, self._image)
        caption = self.rect().adjusted(6, self.height() - height, -6, 0)
        painter.drawText(caption, Qt.AlignmentFlag.AlignCenter, self._caption)


def heat_map(values: np.ndarray) -> tuple[QImage | None, str]:
    """A slice as a picture in OpenCV's viridis, NaN and infinity in red, and its caption."""
    import cv2
    import numpy as np

    step = [max(1, -(-side // _MAX_SIDE)) for side in values.shape]
    thin = values[:: step[0], :: step[1]]
    if thin.size == 0 or thin.dtype.kind in "OUS":
        return None, ""
    numbers = thin.astype(np.float64)
    finite = np.isfinite(numbers)
    if not finite.any():
        low = high = 0.0
    else:
        low, high = float(numbers[finite].min()), float(numbers[finite].max())
    # In halves, for the range itself may be too large to be a number.
    unit = (np.where(finite, numbers, low) / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)
    colors = cv2.applyColorMap((unit * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS)
    colors[~finite] = (40, 40, 230)
    image = to_qimage(colors[..., ::-1])
    bad = int(finite.size - finite.sum())
    note = f", {bad:,} NaN or infinite in red" if bad else ""
    every = f", 1 value in {step[0] * step[1]} shown" if max(step) > 1 else ""
    return image, f"{low:.4g} (dark) to {high:.4g} (bright){every}{note}"


class TensorDetail(QWidget):
    """Choose a tensor above, look at a slice of it below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._outputs: Mapping[str, np.ndarray] = {}
        self._names: tuple[str, ...] = ()
        self._array: np.ndarray | None = None
        self._summaries = RowsModel(_TITLES, (1, 2, 3, 4, 5), self)
        self.table = TableView()
        self.table.setAccessibleName("output tensors")
        self.table.setModel(self._summaries)
        resize = QHeaderView.ResizeMode.ResizeToContents
        self.table.horizontalHeader().setSectionResizeMode(resize)
        self.table.selectionModel().currentRowChanged.connect(self._on_row)
        self._axes = QHBoxLayout()
        self._axes.setContentsMargins(8, 2, 8, 2)
        self._pickers: list[QSpinBox] = []
        self._leading: tuple[int, ...] = ()
        self._values = ValuesModel(self)
        self.values = TableView()
        self.values.setAccessibleName("values")
        self.values.setModel(self._values)
        self.values.verticalHeader().show()
        self.values.horizontalHeader().setDefaultSectionSize(86)
        self.heat = HeatMap()
        views = QTabWidget(documentMode=True)
        views.addTab(self.heat, "Heat map")
        views.addTab(self.values, "Values")
        lower = QWidget()
        column = QVBoxLayout(lower)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._axes)
        column.addWidget(views, 1)
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.table)
        split.addWidget(lower)
        split.setStretchFactor(1, 2)
        split.setSizes([120, 300])
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(split)

    def show_outputs(
        self, summaries: Sequence[TensorSummary], outputs: Mapping[str, np.ndarray]
    ) -> None:
        """Show a run's outputs; the chosen tensor and slice stay where they still fit."""
        from core.tensors import shape_text

        chosen = self.table.currentIndex().row()
        self._outputs = outputs
        self._names = tuple(summary.name for summary in summaries)
        self._summaries.show_rows(
            [
                Row(
                    (
                        one.name,
                        _number(one.min),
                        _number(one.max),
                        _number(one.mean),
                        f"{one.nan:,}",
                        f"{one.inf:,}",
                        shape_text(one.shape),
                        one.dtype,
                    )
                )
                for one in summaries
            ]
        )
        if self._names:
            self.table.selectRow(chosen if 0 <= chosen < len(self._names) else 0)
        else:
            self._choose(None)

    def _on_row(self, current: QModelIndex) -> None:
        row = current.row()
        known = 0 <= row < len(self._names)
        self._choose(self._outputs[self._names[row]] if known else None)

    def _choose(self, array: np.ndarray | None) -> None:
        self._array = array
        leading = () if array is None else array.shape[:-2]
        if leading != self._leading:  # else the fields stay, with the keyboard's focus
            kept = [picker.value() for picker in self._pickers]
            self._rebuild_pickers(leading)
            for picker, value in zip(self._pickers, kept, strict=False):
                picker.setValue(min(value, picker.maximum()))
        self._show_slice()

    def _rebuild_pickers(self, leading: tuple[int, ...]) -> None:
        """A field for each dimension before the last two, if it has more than one place."""
        while (item := self._axes.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self._pickers = []
        self._leading = leading
        for axis, size in enumerate(leading):
            picker = QSpinBox()
            picker.setRange(0, max(size - 1, 0))
            picker.setAccessibleName(f"index in dimension {axis}")
            picker.valueChanged.connect(self._show_slice)
            self._pickers.append(picker)
            label = QLabel(f"dim {axis}")
            self._axes.addWidget(label)
            self._axes.addWidget(picker)
            label.setVisible(size > 1)
            picker.setVisible(size > 1)
        self._axes.addStretch(1)

    def _show_slice(self) -> None:
        values = self._array
        if values is not None:
            if values.ndim < 2:
                values = values.reshape(1, -1)
            elif values.size:
                values = values[tuple(picker.value() for picker in self._pickers)]
            else:
                values = values.reshape(0, max(values.shape[-1], 0))
        self._values.show_values(values)
        self.heat.show_slice(values)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}"

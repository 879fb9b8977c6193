"""A threshold as a slider and a number, which say the same."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QSlider, QWidget


class ThresholdRow(QWidget):
    """Its name, a slider and a field. Tells every step, also while the slider is dragged."""

    value_changed = Signal(float)

    def __init__(
        self,
        name: str,
        tooltip: str,
        *,
        most: float,
        slider_most: float,
        step: float,
        least: float = 0.0,
        decimals: int = 0,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._unit = 10.0**decimals  # slider steps in 1
        label = self.label = QLabel(name)
        label.setBuddy(self)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(round(least * self._unit), round(slider_most * self._unit))
        self.slider.setSingleStep(round(step * self._unit))
        self.slider.setPageStep(round(10 * step * self._unit))
        self.field = QDoubleSpinBox()
        self.field.setDecimals(decimals)
        self.field.setRange(least, most)
        self.field.setSingleStep(step)
        self.field.setKeyboardTracking(False)  # "0.45" is no 0 and then 0.4
        for widget in (self.slider, self.field):
            widget.setAccessibleName(name)
        self.setToolTip(tooltip)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label)
        row.addWidget(self.slider, 1)
        row.addWidget(self.field)
        self.slider.valueChanged.connect(self._on_slider)
        self.field.valueChanged.connect(self._on_field)

    def value(self) -> float:
        """The threshold."""
        return self.field.value()

    def show_value(self, value: float) -> None:
        """Show a threshold without telling anyone."""
        with QSignalBlocker(self.field), QSignalBlocker(self.slider):
            self.field.setValue(value)
            self.slider.setValue(round(value * self._unit))

    def _on_slider(self, steps: int) -> None:
        self.field.setValue(steps / self._unit)

    def _on_field(self, value: float) -> None:
        with QSignalBlocker(self.slider):  # which may not go as far as the field does
            self.slider.setValue(round(value * self._unit))
        self.value_changed.emit(value)


def fraction_row(name: str, tooltip: str) -> ThresholdRow:
    """A threshold from 0 to 1, in hundredths."""
    return ThresholdRow(name, tooltip, most=1.0, slider_most=1.0, step=0.01, decimals=2)

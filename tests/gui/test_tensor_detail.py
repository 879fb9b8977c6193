"""The slice fields of the Tensors tab."""

from __future__ import annotations

import numpy as np
from PySide6.QtWidgets import QSpinBox
from pytestqt.qtbot import QtBot

from core.predictions import summarize
from gui.panels.tensor_detail import TensorDetail


def _show(detail: TensorDetail, array: np.ndarray) -> None:
    detail.show_outputs([summarize("out", array)], {"out": array})


def test_a_chosen_slice_and_its_field_stay_over_runs(qtbot: QtBot) -> None:
    detail = TensorDetail()
    qtbot.addWidget(detail)
    array = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
    _show(detail, array)
    field = detail.findChild(QSpinBox)
    assert field is not None
    field.setValue(2)
    assert detail.values.model().index(0, 0).data() == "40"
    _show(detail, array + 100)
    assert detail.findChild(QSpinBox) is field
    assert field.value() == 2
    assert detail.values.model().index(0, 0).data() == "140"


def test_another_shape_gets_fields_of_its_own(qtbot: QtBot) -> None:
    detail = TensorDetail()
    qtbot.addWidget(detail)
    _show(detail, np.zeros((7, 4, 5), np.float32))
    field = detail.findChild(QSpinBox)
    assert field is not None
    field.setValue(6)
    _show(detail, np.zeros((2, 4, 5), np.float32))
    qtbot.waitUntil(lambda: len(detail.findChildren(QSpinBox)) == 1)
    assert detail.findChild(QSpinBox).maximum() == 1
    assert detail.findChild(QSpinBox).value() == 1

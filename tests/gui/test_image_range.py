"""How an output picture's values become colours: chosen in the window, and no run for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from onnx import helper
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from core.paths import DEMO_MODEL
from core.predictions import OutputImage
from tests.gui.hands import PICTURES
from tests.gui.limits import WAIT_MS
from tests.unit import onnx_models

if TYPE_CHECKING:
    from gui.app import App
    from gui.main_window import MainWindow

MakeApp = Callable[..., "App"]


@pytest.fixture
def window(make_app: MakeApp, tmp_path: Path) -> MainWindow:
    """A model that gives 400 times its input, which is 0..1; a black, a grey and a white column."""
    model = onnx_models.save(
        tmp_path / "brighter.onnx",
        [helper.make_node("Mul", ["images", "gain"], ["image"])],
        [("images", "float32", (1, 3, 6, 6))],
        [("image", "float32", (1, 3, 6, 6))],
        {"gain": np.array(400, np.float32)},
    )
    pixels = np.zeros((6, 6, 3), np.uint8)
    pixels[:, 2:4], pixels[:, 4:] = 102, 255
    path = tmp_path / "columns.png"
    assert cv2.imwrite(str(path), pixels)
    return make_app(file=model, drop=[path]).window


def columns(window: MainWindow) -> list[int]:
    """The red of each column, in the prediction and, the same, on screen."""
    result = window.document.result
    assert result is not None
    [found] = result.result.predictions
    assert isinstance(found, OutputImage)
    picture = result.output_picture
    assert picture is not None
    shown = [picture.pixelColor(x, 0).red() for x in (0, 2, 4)]
    assert shown == found.pixels[0, [0, 2, 4], 0].tolist()
    return shown


def test_the_range_is_chosen_by_keyboard_and_shows_at_once(
    window: MainWindow, qtbot: QtBot
) -> None:
    """0, 160 and 400: fitted they are 0, 102 and 255, cut off 0, 160 and 255."""
    box = window.outputs.reading.image_range.box
    assert box.isVisible()
    assert columns(window) == [0, 102, 255]
    assert window.outputs.reading.image_range.choice() == "automatic"
    finished = window.document.endings["finished"]
    box.setFocus()
    for keys, how, expected in (
        (Qt.Key.Key_Down, "clamp", [0, 160, 255]),
        (Qt.Key.Key_Down, "fit", [0, 102, 255]),
        (Qt.Key.Key_Up, "clamp", [0, 160, 255]),
    ):
        QTest.keyClick(box, keys)
        qtbot.waitUntil(lambda: not window.rereading.is_busy, timeout=WAIT_MS)
        assert columns(window) == expected
        assert window.outputs.reading.image_range.choice() == how
        assert window.document.reading is not None
        assert window.document.reading.image_range == how
        cell = window.outputs.predictions.model().index(0, 2).data()
        assert ("clamped" if how == "clamp" else "fitted") in cell
    assert window.document.endings["finished"] == finished, "the model did not run"


def test_the_range_is_chosen_by_mouse(window: MainWindow, qtbot: QtBot) -> None:
    box = window.outputs.reading.image_range.box
    QTest.mouseClick(box, Qt.MouseButton.LeftButton)
    popup = box.view()
    qtbot.waitUntil(popup.isVisible, timeout=WAIT_MS)
    place = popup.visualRect(box.model().index(1, 0)).center()
    QTest.mouseMove(popup.viewport(), place)
    QTest.qWait(600)  # the popup ignores a click that could be the one that opened it
    QTest.mouseClick(popup.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: window.document.reading is not None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not window.rereading.is_busy, timeout=WAIT_MS)
    assert columns(window) == [0, 160, 255]


def test_another_model_begins_with_the_automatic_range(window: MainWindow, qtbot: QtBot) -> None:
    row = window.outputs.reading.image_range
    QTest.keyClick(row.box, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: not window.rereading.is_busy, timeout=WAIT_MS)
    assert row.choice() == "clamp"
    window.document.open_path(window.document.file.path)  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: not window.document.is_busy, timeout=WAIT_MS)
    assert row.choice() == "automatic"
    assert columns(window) == [0, 102, 255]


def test_only_a_picture_has_a_range(make_app: MakeApp) -> None:
    window = make_app(file=DEMO_MODEL, drop=PICTURES[:1]).window
    assert not window.outputs.reading.image_range.isVisibleTo(window)

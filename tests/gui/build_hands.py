"""What a user's hands do to the Build window, and what is read from it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit

from core.paths import DEMO_MODEL
from tests.gui.hands import button
from tests.gui.limits import WAIT_MS

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.app import App
    from gui.panels.build.window import BuildWindow
    from tests.gui.fake_builds import FakeBuilder

LEFT = Qt.MouseButton.LeftButton
CTRL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


def model_in(folder: Path, name: str = "best.onnx") -> Path:
    """A copy of the demo's model, whose batch is free."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(DEMO_MODEL, folder / name))


def window_of(app: App) -> BuildWindow:
    """The Build window, opened with its key."""
    app.window.activateWindow()
    QTest.keyClick(app.window, Qt.Key.Key_B, CTRL_SHIFT)
    found = app.window.build_entry.window_
    assert found is not None
    assert found.isVisible()
    return found


def set_up(qtbot: QtBot, app: App, *models: Path) -> BuildWindow:
    """The Build window with models set up, the first of them in front."""
    window = window_of(app)
    app.window.building.set_up(models)
    wait_checked(qtbot, app)
    return window


def wait_checked(qtbot: QtBot, app: App) -> None:
    """Wait until all is known of the model that is set up."""
    building = app.window.building
    qtbot.waitUntil(lambda: building.checked is not None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: building.ability is not None, timeout=WAIT_MS)


def wait_built(qtbot: QtBot, app: App) -> None:
    qtbot.waitUntil(lambda: not app.window.building.is_building, timeout=WAIT_MS)


def type_into(field: QLineEdit, text: str) -> None:
    """Replace what stands in a field."""
    field.setFocus()
    field.selectAll()
    QTest.keyClick(field, Qt.Key.Key_Delete)
    QTest.keyClicks(field, text)


def press_build(window: BuildWindow) -> None:
    assert window.build_button.isEnabled(), window.trouble.text()
    QTest.mouseClick(window.build_button, LEFT)


def begin(qtbot: QtBot, app: App, builder: FakeBuilder, model: Path) -> BuildWindow:
    """Set a model up, press Build, and wait until the child builds."""
    window = set_up(qtbot, app, model)
    press_build(window)
    qtbot.waitUntil(builder.running.is_set, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: states(window) == ["building"], timeout=WAIT_MS)
    return window


def states(window: BuildWindow) -> list[str]:
    """The builds' states as the table says them."""
    rows = window.queue.rows
    return [str(rows.index(row, 2).data()) for row in range(rows.rowCount())]


def click(window: BuildWindow, text: str) -> None:
    QTest.mouseClick(button(window.queue, text), LEFT)

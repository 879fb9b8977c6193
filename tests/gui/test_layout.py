"""The window's layout, at first and from one session to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.gui.hands import close_app

if TYPE_CHECKING:
    from gui.app import App
    from tests.gui.conftest import MakeApp


def _heights(app: App) -> list[tuple[str, int]]:
    return [(dock.windowTitle(), dock.height()) for dock in app.window.docks]


def test_sizes_that_the_user_gave_stay_over_three_sessions(make_app: MakeApp, qtbot: QtBot) -> None:
    app = make_app()
    qtbot.wait(50)  # sizes are given in the event loop's next turns; nothing tells the last
    app.window.resize(1000, 700)  # within the offscreen screen's height, so that none is cut
    tensors, recipe, _, timings, _ = app.window.docks
    app.window.resizeDocks([timings], [230], Qt.Orientation.Vertical)
    app.window.resizeDocks([tensors, recipe], [240, 120], Qt.Orientation.Vertical)
    qtbot.waitUntil(lambda: tensors.height() > recipe.height(), timeout=3000)
    given = _heights(app)
    close_app(app)
    for _ in range(3):
        app = make_app()
        qtbot.wait(50)
        assert _heights(app) == given
        close_app(app)


def test_the_recipe_gets_more_room_than_the_tensors(make_app: MakeApp, qtbot: QtBot) -> None:
    app = make_app()
    tensors, recipe = app.window.docks[:2]
    qtbot.waitUntil(lambda: recipe.height() > tensors.height(), timeout=3000)

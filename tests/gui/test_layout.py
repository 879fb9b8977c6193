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
    tensors, recipe, _, timings, *_ = app.window.docks
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


def test_the_file_stands_behind_the_recipe(make_app: MakeApp) -> None:
    app = make_app()
    docks = {dock.windowTitle(): dock for dock in app.window.docks}
    assert app.window.tabifiedDockWidgets(docks["Recipe"]) == [docks["File"]]
    assert not docks["Recipe"].visibleRegion().isEmpty()
    assert docks["File"].visibleRegion().isEmpty()


def test_a_layout_from_before_a_dock_was_added_is_left_aside(make_app: MakeApp) -> None:
    app = make_app()
    window = app.window
    window.removeDockWidget(window.docks[5])
    app.settings.set_layout(window.saveGeometry(), window.saveState())
    window.layout_.restore_docks()
    assert window.dockWidgetArea(window.docks[5]) == Qt.DockWidgetArea.NoDockWidgetArea
    app.settings.set_layout = lambda *_: None
    close_app(app)
    window = make_app().window
    assert window.tabifiedDockWidgets(window.docks[1]) == [window.docks[5]]

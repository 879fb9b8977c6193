"""The window's layout from one session to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytestqt.qtbot import QtBot

from tests.gui.hands import close_app

if TYPE_CHECKING:
    from gui.app import App
    from tests.gui.conftest import MakeApp


def _sizes(app: App) -> dict[str, tuple[int, int]]:
    return {dock.windowTitle(): dock.size().toTuple() for dock in app.window.docks}  # type: ignore[misc]


def test_the_layout_stays_as_it_was_over_three_sessions(make_app: MakeApp, qtbot: QtBot) -> None:
    rounds = []
    for _ in range(4):
        app = make_app()
        qtbot.wait(50)  # sizes are given in the event loop's next turns; nothing tells the last
        rounds.append(_sizes(app))
        close_app(app)
    # The offscreen screen is smaller than the window, which is cut to it once, after the first.
    assert rounds[1] == rounds[2] == rounds[3]


def test_the_recipe_has_more_room_than_the_tensors_at_first(
    make_app: MakeApp, qtbot: QtBot
) -> None:
    app = make_app(screenshot=None)
    tensors, recipe = app.window.docks[:2]
    qtbot.waitUntil(lambda: recipe.height() > tensors.height(), timeout=3000)

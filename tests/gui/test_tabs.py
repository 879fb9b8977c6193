"""The tabs in the window's middle, by mouse and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from gui.panels.center import Center
from tests.gui.hands import PICTURES, close_app, drop, menu_action
from tests.gui.limits import WAIT_MS

if TYPE_CHECKING:
    from gui.app import App
    from tests.gui.conftest import MakeApp

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def made() -> list[str]:
    """The names of the tabs whose widgets have been made."""
    return []


@pytest.fixture
def center(qtbot: QtBot, made: list[str]) -> Center:
    """An image and two tabs more, on screen."""
    center = Center(QLabel("picture"))

    def maker(name: str) -> QWidget:
        made.append(name)
        return QLabel(name)

    for name in ("Benchmark", "Layers"):
        center.add_tab(name, lambda name=name: maker(name))
    center.addActions(center.tab_actions)
    qtbot.addWidget(center)
    center.show()
    return center


def test_a_tabs_widget_is_made_when_it_is_first_shown_and_once(
    center: Center, made: list[str]
) -> None:
    assert center.made("Layers") is None
    for index, expected in ((2, ["Layers"]), (0, ["Layers"]), (2, ["Layers"])):
        bar = center.tabBar()
        QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(index).center())
        assert center.currentIndex() == index
        assert made == expected
    widget = center.made("Layers")
    assert isinstance(widget, QLabel)
    assert widget.isVisible()


def test_keys_bring_up_each_tab(center: Center, made: list[str], qtbot: QtBot) -> None:
    center.activateWindow()
    for key, index in ((Qt.Key.Key_3, 2), (Qt.Key.Key_2, 1), (Qt.Key.Key_1, 0)):
        QTest.keyClick(center, key, CTRL)
        assert center.currentIndex() == index
    assert made == ["Layers", "Benchmark"]


def test_the_image_is_in_front_at_first_and_after_an_image_is_dropped(app_: App) -> None:
    window = app_.window
    assert window.center.currentIndex() == 0
    window.center.add_tab("Other", lambda: QLabel("other"))
    assert window.center.bring_up("Other").isVisible()
    assert not window.view.isVisible()
    assert drop(window, [PICTURES[0]])
    assert window.center.currentIndex() == 0
    assert window.view.isVisible()


def test_the_view_menu_brings_up_the_image(app_: App) -> None:
    window = app_.window
    window.center.add_tab("Other", lambda: QLabel("other"))
    window.center.bring_up("Other")
    action = menu_action(window, "View", "Image tab")
    assert action.shortcut().toString() == "Ctrl+1"
    action.trigger()
    assert window.view.isVisible()


def test_one_key_leaves_the_window_to_the_tab_and_puts_the_panels_back(
    app_: App, qtbot: QtBot
) -> None:
    window = app_.window
    window.activateWindow()
    docks = (*window.docks, window.shelf, window.results)
    before = [dock.isHidden() for dock in docks]
    width = window.center.width()
    QTest.keyClick(window, Qt.Key.Key_F9)
    assert all(dock.isHidden() for dock in docks)
    qtbot.waitUntil(lambda: window.center.width() > width, timeout=WAIT_MS)
    corner = window.center.cornerWidget()
    assert isinstance(corner, QToolButton)
    QTest.mouseClick(corner, Qt.MouseButton.LeftButton)
    assert [dock.isHidden() for dock in docks] == before


def test_panels_that_were_hidden_for_a_tab_are_there_the_next_time(make_app: MakeApp) -> None:
    app = make_app()
    hidden = [dock.isHidden() for dock in app.window.docks]
    menu_action(app.window, "View", "Show the panels").trigger()
    close_app(app)
    assert [dock.isHidden() for dock in make_app().window.docks] == hidden

"""How the Build window shares its height, and that nothing in it is cut in half."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QWidget

import gui.build_work
from core.building.no_gpu import cannot_build
from core.errors import MachineError, ModelError
from gui.build_thread import Ability
from gui.panels.build.whole_rows import whole_rows
from tests.gui.build_hands import LEFT, model_in, press_build, set_up, wait_built
from tests.gui.fake_builds import FakeBuilder
from tests.gui.limits import WAIT_MS

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.app import App
    from gui.panels.build.window import BuildWindow

SIZES = [(620, 520), (900, 760), (1280, 860)]
LAID_OUT_MS = 400  # the window follows what comes under More for less


def cut_in_half(window: BuildWindow) -> list[str]:
    """What is seen in part, above and below: a text may end after any whole line of it."""
    found = []
    for one in [*parts(window.check), *parts(window.form), *parts(window.queue.outcome)]:
        seen = one.visibleRegion().boundingRect().height()
        is_line = isinstance(one, QLabel) and seen % one.fontMetrics().lineSpacing() == 0
        if seen not in (0, one.height()) and not is_line:
            found.append(getattr(one, "text", str)() or repr(one))
    return found


def parts(panel: QWidget) -> list[QWidget]:
    shown = [one for one in panel.findChildren(QWidget) if one.isVisibleTo(panel.window())]
    parents = {one.parentWidget() for one in shown}
    return [one for one in shown if one not in parents and one.height() < 60]


def sized(qtbot: QtBot, window: BuildWindow, width: int, height: int) -> None:
    window.resize(width, height)
    qtbot.wait(LAID_OUT_MS)
    assert (window.width(), window.height()) == (width, height)


def press_more(qtbot: QtBot, window: BuildWindow) -> None:
    QTest.mouseClick(window.form.more_button, LEFT)
    qtbot.wait(LAID_OUT_MS)


def is_seen(widget: QWidget) -> bool:
    return widget.visibleRegion().boundingRect().size() == widget.size()


def without_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with neither a driver nor TensorRT."""
    why = cannot_build(MachineError("no-driver", "No driver.", ""))
    monkeypatch.setattr(gui.build_work, "ability", lambda: Ability(None, why))


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("has_tensorrt", [True, False])
def test_nothing_is_cut_in_half(
    qtbot: QtBot,
    app_: App,
    builder: FakeBuilder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    width: int,
    height: int,
    has_tensorrt: bool,
) -> None:
    if not has_tensorrt:
        without_tensorrt(monkeypatch)
    window = set_up(qtbot, app_, model_in(tmp_path))
    sized(qtbot, window, width, height)
    assert cut_in_half(window) == []
    assert is_seen(window.form.more_button)
    assert is_seen(window.build_button)
    press_more(qtbot, window)
    assert cut_in_half(window) == []
    assert is_seen(window.form.more_button)
    press_more(qtbot, window)
    if not has_tensorrt:
        return
    press_build(window)
    builder.go.set()
    wait_built(qtbot, app_)
    qtbot.wait(LAID_OUT_MS)
    assert cut_in_half(window) == []
    press_more(qtbot, window)
    assert cut_in_half(window) == []
    assert is_seen(window.build_button)
    press_more(qtbot, window)
    assert window._scroll.verticalScrollBar().value() == 0  # as before
    assert cut_in_half(window) == []
    press_more(qtbot, window)
    for size in (SIZES[-1], (width, height)):
        sized(qtbot, window, *size)
        assert cut_in_half(window) == []


def test_more_has_the_height_that_is_free_while_no_build_is_listed(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path))
    sized(qtbot, window, 1280, 860)
    press_more(qtbot, window)
    assert is_seen(window.form.precision)
    assert is_seen(window.form.more.absent)  # the last of it


def test_builds_and_commands_get_a_useful_share_and_their_absence_does_not(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path))
    sized(qtbot, window, 900, 760)
    assert window.pages.height() < 760 / 5
    window.pages.setCurrentWidget(window.trtexec)
    qtbot.waitUntil(lambda: window.pages.height() > 760 / 4, timeout=WAIT_MS)
    window.pages.setCurrentWidget(window.queue)
    qtbot.waitUntil(lambda: window.pages.height() < 760 / 5, timeout=WAIT_MS)
    press_more(qtbot, window)
    builder.go.set()
    press_build(window)
    wait_built(qtbot, app_)
    qtbot.waitUntil(lambda: window.pages.height() > 760 / 4, timeout=WAIT_MS)
    few = window.pages.height()
    press_more(qtbot, window)  # closed: what it had goes to the builds
    qtbot.waitUntil(lambda: window.pages.height() > few + 50, timeout=WAIT_MS)


def test_a_handle_that_was_dragged_stays_where_it_is(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path))
    sized(qtbot, window, 900, 760)
    handle, shared = window.panes.handle(1), window.panes.sizes()
    middle = handle.rect().center()
    QTest.mousePress(handle, Qt.MouseButton.LeftButton, pos=middle)
    QTest.mouseMove(handle, middle - QPoint(0, 150))
    QTest.mouseRelease(handle, Qt.MouseButton.LeftButton, pos=middle)
    dragged = window.panes.sizes()
    assert dragged[1] > shared[1] + 100
    press_more(qtbot, window)
    builder.go.set()
    press_build(window)
    wait_built(qtbot, app_)
    qtbot.wait(LAID_OUT_MS)
    assert window.panes.sizes() == dragged


def test_scrolling_moves_no_handle_while_other_things_are_laid_out(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path))
    sized(qtbot, window, 620, 520)
    press_more(qtbot, window)
    sizes, bar = window.panes.sizes(), window._scroll.verticalScrollBar()
    for _ in range(3):  # as the lines of a running build do
        bar.setValue(bar.value() - 7)
        window.queue.updateGeometry()
        qtbot.wait(50)
        assert window.panes.sizes() == sizes


def test_a_narrow_window_stays_narrow_also_where_plugins_need_consent(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    builder.error = ModelError("needs-consent", "lib.so is native code.", "Allow it.")
    window = set_up(qtbot, app_, model_in(tmp_path))
    sized(qtbot, window, 620, 520)
    press_build(window)
    builder.go.set()
    wait_built(qtbot, app_)
    qtbot.waitUntil(window.queue.buttons["allow"].isVisible, timeout=WAIT_MS)
    qtbot.wait(LAID_OUT_MS)
    assert window.width() == 620
    assert all(is_seen(one) for one in window.queue.buttons.values())


ROWS = [(0, 20), (25, 45), (30, 50), (60, 80), (90, 100)]


@pytest.mark.parametrize(
    ("place", "view", "shown"),
    [
        (0, 55, (0, 55)),  # between two rows
        (0, 48, (0, 25)),  # through (30, 50), and then through (25, 45)
        (0, 70, (0, 60)),
        (60, 35, (60, 30)),
        (65, 34, (60, 30)),  # from within (60, 80); and 94 is in (90, 100)
        (80, 30, (80, 20)),  # over the end, and 70 would be in (60, 80)
        (95, 45, (55, 45)),  # over the end, and at the top between two rows
        (0, 10, (0, 10)),  # no whole row fits
    ],
)
def test_a_view_ends_and_begins_between_rows(place: int, view: int, shown: tuple[int, int]) -> None:
    assert whole_rows(ROWS, 100, place, view) == shown


def test_a_row_higher_than_the_view_is_cut_all_the_same() -> None:
    assert whole_rows([(0, 500)], 600, 0, 100) == (0, 100)
    assert whole_rows([(0, 500)], 600, 300, 350) == (250, 350)

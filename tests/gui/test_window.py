"""The user's whole trip through the window, with real events, on the bundled demo."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QKeySequence, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QFileDialog,
    QLabel,
    QMessageBox,
    QProgressBar,
    QSpinBox,
    QTabBar,
    QTableView,
    QTabWidget,
    QWidget,
)
from pytestqt.qtbot import QtBot

import core.model
from core import __version__
from core.machine import read_driver
from core.paths import DEMO_MODEL
from gui.panels.heat_map import HeatMapView
from gui.panels.image_view import ImageView
from tests.gui.hands import (
    PICTURES,
    button,
    close_app,
    drag_over,
    drop,
    is_settled,
    luminance,
    menu_action,
    texts,
    turn_wheel,
    urls_of,
)
from tests.gui.limits import WAIT_MS
from tests.unit import onnx_models

if TYPE_CHECKING:
    from gui.app import App
    from gui.document import Document
    from gui.main_window import MainWindow

WaitIdle = Callable[["Document"], None]
MakeApp = Callable[..., "App"]
SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"
ALT, CTRL = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def window(app_: App) -> MainWindow:
    return app_.window


@pytest.fixture
def opened(make_app: MakeApp) -> MainWindow:
    """The demo's model with three pictures, the last one shown."""
    return make_app(file=DEMO_MODEL, drop=PICTURES[:3]).window


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Holds every run until it is set."""
    gate = threading.Event()
    real = core.model.Model.test

    def held(self: core.model.Model, *arguments: Any) -> core.model.TestResult:
        gate.wait(WAIT_MS / 1000)
        return real(self, *arguments)

    monkeypatch.setattr(core.model.Model, "test", held)
    yield gate
    gate.set()


def shown_source(window: MainWindow) -> str:
    """The file whose result is on screen."""
    result = window.document.result
    assert result is not None
    return result.result.source


def picture_size(view: ImageView) -> tuple[int, int]:
    pixmap = view._item.pixmap()
    return pixmap.width(), pixmap.height()


def thumbnail(window: MainWindow, row: int) -> QPoint:
    """The middle of a thumbnail, in the filmstrip's viewport."""
    strip = window.filmstrip
    return strip.visualRect(strip.model().index(row, 0)).center()


def rows_of(table: QTableView) -> list[list[str]]:
    model = table.model()
    return [
        [model.index(row, column).data() for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


# -- opening and dropping ----------------------------------------------------------------


def test_a_dropped_model_opens_and_shows_its_card_tensors_and_recipe(
    window: MainWindow, wait_idle: WaitIdle
) -> None:
    assert drop(window, [DEMO_MODEL])
    wait_idle(window.document)
    assert DEMO_MODEL.name in window.windowTitle()
    card = texts(window.card)
    assert DEMO_MODEL.name in card
    assert "6 classes" in card
    assert "runs here" in card
    tensors = rows_of(window.tensors.table)
    assert [row[:4] for row in tensors] == [
        ["images", "input", "float32", "? x 3 x 256 x 256"],
        ["output0", "output", "float32", "? x 10 x 1344"],
    ]
    assert window.recipe.form.words["resize"].currentText() == "letterbox"
    assert not window.banner.isVisible()


def test_of_three_pictures_dropped_the_last_is_shown_and_marked(
    window: MainWindow, wait_idle: WaitIdle
) -> None:
    assert drop(window.view.viewport(), [DEMO_MODEL])
    wait_idle(window.document)
    assert drop(window.view.viewport(), PICTURES[:3])
    wait_idle(window.document)
    assert shown_source(window) == str(PICTURES[2])
    strip = window.filmstrip
    assert strip.isVisible()
    assert strip.model().rowCount() == 3
    assert strip.currentIndex().row() == 2
    assert strip.viewport().rect().contains(thumbnail(window, 2))
    result = window.document.result
    assert result is not None
    assert result.result.image is not None
    assert picture_size(window.view) == result.result.image.size_wh
    assert window.outputs.predictions.model().rowCount() == len(result.result.predictions) > 0


@pytest.mark.parametrize(
    "place", ["view", "filmstrip", "card", "tensors", "recipe", "outputs", "timings", "log"]
)
def test_a_picture_may_be_dropped_on_any_panel(
    opened: MainWindow, wait_idle: WaitIdle, place: str
) -> None:
    assert drop(getattr(opened, place), [PICTURES[3]])
    wait_idle(opened.document)
    assert shown_source(opened) == str(PICTURES[3])


def test_every_visible_widget_takes_a_dragged_file(opened: MainWindow) -> None:
    opened.document.problem_changed.emit(None)
    widgets = [one for one in opened.findChildren(QWidget) if one.isVisibleTo(opened)]
    refusing = [
        f"{type(one).__name__} {one.accessibleName()!r}"
        for one in widgets
        if not one.isWindow() and not drag_over(one, urls_of([DEMO_MODEL]))
    ]
    assert len(widgets) > 50
    assert refusing == []


@pytest.mark.parametrize("name", ["Tensors", "Outputs", "Log"])
def test_a_file_may_be_dropped_on_a_dock_that_floats(
    opened: MainWindow, wait_idle: WaitIdle, name: str
) -> None:
    dock = opened.findChild(QDockWidget, name)
    assert dock is not None
    dock.setFloating(True)
    dock.show()
    panel = dock.widget()
    assert panel is not None
    assert drop(panel, [PICTURES[3]])
    wait_idle(opened.document)
    assert shown_source(opened) == str(PICTURES[3])


def test_what_is_no_file_is_not_taken(window: MainWindow) -> None:
    text = QMimeData()
    text.setText("/tmp/a.onnx")
    web = QMimeData()
    web.setUrls([QUrl("https://example.org/a.onnx")])
    for mime in (text, web, QMimeData()):
        assert not drag_over(window, mime)


def test_a_picture_dropped_before_a_model_waits_for_it_and_runs(
    window: MainWindow, wait_idle: WaitIdle
) -> None:
    drop(window, PICTURES[:2])
    assert window.document.result is None
    assert "wait" in window.view._empty_text[0]
    assert window.filmstrip.currentIndex().row() == 1
    drop(window, [DEMO_MODEL])
    wait_idle(window.document)
    assert shown_source(window) == str(PICTURES[1])
    assert window.filmstrip.currentIndex().row() == 1, "the mark stays when a model opens"


def test_clearing_the_images_goes_back_to_the_invitation(
    window: MainWindow, wait_idle: WaitIdle
) -> None:
    at_first = window.view._empty_text
    drop(window, PICTURES[:2])
    menu_action(window, "File", "Clear images").trigger()
    assert not window.filmstrip.isVisible()
    assert window.view._empty_text == at_first, "without a model"
    drop(window, [DEMO_MODEL])
    wait_idle(window.document)
    with_model = window.view._empty_text
    drop(window, PICTURES[:2])
    wait_idle(window.document)
    menu_action(window, "File", "Clear images").trigger()
    assert window.view._empty_text == with_model
    assert window.outputs.predictions.model().rowCount() == 0


def test_a_picture_that_cannot_be_read_is_never_shown_as_another_ones_result(
    opened: MainWindow, wait_idle: WaitIdle, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff no picture")
    drop(opened, [bad])
    wait_idle(opened.document)
    assert opened.banner.isVisible()
    assert "bad.jpg" in texts(opened.banner)
    assert picture_size(opened.view) == (0, 0)
    assert opened.view._empty_text[0] == "bad.jpg"
    assert opened.outputs.predictions.model().rowCount() == 0


def test_a_broken_file_shows_a_banner_and_leaves_the_model_usable(
    opened: MainWindow, wait_idle: WaitIdle, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"this is text")
    drop(opened, [broken])
    wait_idle(opened.document)
    assert opened.banner.isVisible()
    assert "broken.onnx" in texts(opened.banner)
    assert QApplication.activeModalWidget() is None
    assert DEMO_MODEL.name in texts(opened.card)
    assert shown_source(opened) == str(PICTURES[2])
    qtbot_click(button(opened.banner, "Dismiss"))
    assert not opened.banner.isVisible()
    before = opened.document.result
    QTest.keyClick(opened, Qt.Key.Key_F5)
    wait_idle(opened.document)
    assert opened.document.result is not before
    assert not opened.banner.isVisible()


def qtbot_click(widget: QWidget) -> None:
    """A left click in the middle."""
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def test_a_model_that_is_refused_keeps_pictures_and_card_and_offers_details(
    opened: MainWindow, wait_idle: WaitIdle, tmp_path: Path
) -> None:
    path = onnx_models.unknown_operator(tmp_path)
    drop(opened, [path])
    wait_idle(opened.document)
    assert "Sparkle" in texts(opened.banner)
    assert path.name in texts(opened.card)
    assert "does not run here" in texts(opened.card)
    assert opened.filmstrip.model().rowCount() == 3
    qtbot_click(button(opened.banner, "Details"))
    qtbot_click(button(opened.banner, "Copy"))
    assert "Sparkle" in QGuiApplication.clipboard().text()
    drop(opened, [DEMO_MODEL])
    wait_idle(opened.document)
    assert not opened.banner.isVisible()
    assert shown_source(opened) == str(PICTURES[2])


def test_a_model_without_a_picture_input_runs_on_random_input_by_the_banners_button(
    window: MainWindow, wait_idle: WaitIdle, tmp_path: Path
) -> None:
    drop(window, [onnx_models.no_image_input(tmp_path)])
    wait_idle(window.document)
    assert "takes a picture" in texts(window.banner)
    qtbot_click(button(window.banner, "Run on random input"))
    wait_idle(window.document)
    assert shown_source(window) == "random input"
    before = window.document.result
    QTest.keyClick(window, Qt.Key.Key_F5)
    wait_idle(window.document)
    assert window.document.result is not before, "F5 gives warm runs here too"
    assert "p50" in texts(window.timings)


def test_a_warning_about_nan_is_shown_with_the_result(
    window: MainWindow, wait_idle: WaitIdle, tmp_path: Path
) -> None:
    drop(window, [onnx_models.nan_output(tmp_path), PICTURES[0]])
    wait_idle(window.document)
    assert shown_source(window) == str(PICTURES[0])
    assert "NaN" in texts(window.banner)


def test_dialogs_open_models_and_add_pictures(
    window: MainWindow, wait_idle: WaitIdle, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[Any] = [("", ""), (str(DEMO_MODEL), "")]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: chosen.pop(0))
    monkeypatch.setattr(
        QFileDialog, "getOpenFileNames", lambda *_: ([str(path) for path in PICTURES[:2]], "")
    )
    QTest.keyClick(window, Qt.Key.Key_O, CTRL)
    assert not window.document.is_busy, "nothing was chosen"
    QTest.keyClick(window, Qt.Key.Key_O, CTRL)
    wait_idle(window.document)
    assert DEMO_MODEL.name in texts(window.card)
    QTest.keyClick(window, Qt.Key.Key_I, CTRL)
    wait_idle(window.document)
    assert shown_source(window) == str(PICTURES[1])


def test_the_demo_opens_by_its_key(window: MainWindow, wait_idle: WaitIdle) -> None:
    QTest.keyClick(window, Qt.Key.Key_D, CTRL)
    wait_idle(window.document)
    assert shown_source(window) == str(PICTURES[0])


def test_recent_files_are_listed_newest_first_and_open(
    window: MainWindow, wait_idle: WaitIdle, tmp_path: Path
) -> None:
    assert not menu_action(window, "File", "Open recent", "None yet").isEnabled()
    other = shutil.copy(DEMO_MODEL, tmp_path / "A & B.onnx")
    for path in (DEMO_MODEL, other):
        drop(window, [path])
        wait_idle(window.document)
    recent = menu_action(window, "File", "Open recent").menu()
    recent.aboutToShow.emit()
    assert [action.text() for action in recent.actions()[:2]] == [
        "A && B.onnx",
        DEMO_MODEL.name,
    ]
    menu_action(window, "File", "Open recent", DEMO_MODEL.name).trigger()
    wait_idle(window.document)
    assert window.document.file is not None
    assert window.document.file.path == DEMO_MODEL
    menu_action(window, "File", "Open recent", "Clear").trigger()
    assert not menu_action(window, "File", "Open recent", "None yet").isEnabled()


def test_recent_files_of_the_same_name_can_be_told_apart(
    window: MainWindow, wait_idle: WaitIdle, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        drop(window, [shutil.copy(DEMO_MODEL, tmp_path / name / "best.onnx")])
        wait_idle(window.document)
    recent = menu_action(window, "File", "Open recent").menu()
    recent.aboutToShow.emit()
    told = [
        action.text() + (action.toolTip() if recent.toolTipsVisible() else "")
        for action in recent.actions()[:2]
    ]
    assert told[0] != told[1]


def test_a_recent_file_that_is_gone_says_so_in_the_banner(
    window: MainWindow, wait_idle: WaitIdle, tmp_path: Path
) -> None:
    path = shutil.copy(DEMO_MODEL, tmp_path / "gone.onnx")
    drop(window, [path])
    wait_idle(window.document)
    path.unlink()
    menu_action(window, "File", "Open recent", "gone.onnx").trigger()
    wait_idle(window.document)
    assert "gone.onnx" in texts(window.banner)


def test_an_engine_from_elsewhere_shows_its_card_and_why_it_does_not_run(
    window: MainWindow, wait_idle: WaitIdle
) -> None:
    engine = SAMPLES / "engines" / "trt10.0.1.6_sm89.plan"
    if not engine.exists():
        pytest.skip(f"the sample {engine} is not there")
    if read_driver().gpus:
        pytest.skip("this machine has a GPU, and may run it")
    drop(window, [engine, PICTURES[0]])
    wait_idle(window.document)
    card = texts(window.card)
    assert "10.0.1.6" in card
    assert "8.9" in card
    assert "does not run here" in card
    assert window.banner.isVisible()
    assert window.document.images == [PICTURES[0]]


# -- the filmstrip and the keys ----------------------------------------------------------


def test_a_click_on_a_thumbnail_shows_its_result(opened: MainWindow, wait_idle: WaitIdle) -> None:
    strip = opened.filmstrip.viewport()
    for row in (0, 1):
        QTest.mouseClick(strip, Qt.MouseButton.LeftButton, pos=thumbnail(opened, row))
        wait_idle(opened.document)
        assert shown_source(opened) == str(PICTURES[row])
        assert opened.filmstrip.currentIndex().row() == row


def test_keys_walk_through_the_pictures_and_run_again(
    opened: MainWindow, wait_idle: WaitIdle
) -> None:
    def press(key: Qt.Key, modifier: Qt.KeyboardModifier) -> str:
        QTest.keyClick(opened, key, modifier)
        wait_idle(opened.document)
        return shown_source(opened)

    left, right = Qt.Key.Key_Left, Qt.Key.Key_Right
    assert press(left, ALT) == str(PICTURES[1])
    assert press(left, ALT) == str(PICTURES[0])
    assert press(left, ALT) == str(PICTURES[0]), "there is none before the first"
    assert press(right, ALT) == str(PICTURES[1])
    assert opened.filmstrip.currentIndex().row() == 1
    before = opened.document.result
    assert press(Qt.Key.Key_F5, Qt.KeyboardModifier.NoModifier) == str(PICTURES[1])
    assert opened.document.result is not before


def test_arrow_keys_in_the_filmstrip_choose_pictures(
    opened: MainWindow, wait_idle: WaitIdle
) -> None:
    opened.filmstrip.setFocus()
    QTest.keyClick(opened.filmstrip, Qt.Key.Key_Left)
    wait_idle(opened.document)
    assert shown_source(opened) == str(PICTURES[1])


def test_shortcuts_work_wherever_the_focus_is(opened: MainWindow, wait_idle: WaitIdle) -> None:
    for widget in focusable(opened):
        widget.setFocus()
        if QApplication.focusWidget() is not widget:
            continue  # a page that is not on top
        count = len(opened.document.runs.warm)
        QTest.keyClick(widget, Qt.Key.Key_F5)
        wait_idle(opened.document)
        assert len(opened.document.runs.warm) == count + 1, widget


def focusable(window: MainWindow) -> list[QWidget]:
    return [
        one
        for one in window.findChildren(QWidget)
        if one.isVisible() and one.isEnabled() and one.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]


def test_tab_reaches_every_panel_and_comes_round(
    opened: MainWindow, wait_idle: WaitIdle, tmp_path: Path
) -> None:
    QTest.keyClick(opened, Qt.Key.Key_F5)  # a warm run, so that there is a history
    wait_idle(opened.document)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"this is text")
    drop(opened, [broken])
    wait_idle(opened.document)
    opened.view.setFocus()
    reached: list[QWidget] = []
    while (now := QApplication.focusWidget()) not in reached:
        assert now is not None
        reached.append(now)
        QTest.keyClick(now, Qt.Key.Key_Tab)
    assert now is reached[0], "the round closes"
    names = ("banner", "view", "filmstrip", "tensors", "recipe", "outputs", "timings", "log")
    for name in names:
        panel = getattr(opened, name)
        assert any(one is panel or panel.isAncestorOf(one) for one in reached), name
    assert any(isinstance(one, QTabBar) for one in reached), "tabs are reached too"
    for text in ("Dismiss", "Copy"):
        assert button(opened.banner, text) in reached
    unnamed = [
        one
        for one in reached
        if not (one.accessibleName() or getattr(one, "text", str)() or isinstance(one, QTabBar))
    ]
    assert unnamed == [], "a screen reader has something to say of each"


def test_shift_tab_goes_the_other_way(opened: MainWindow) -> None:
    opened.view.setFocus()
    QTest.keyClick(opened.view, Qt.Key.Key_Tab)
    second = QApplication.focusWidget()
    assert second is not opened.view
    QTest.keyClick(second, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert QApplication.focusWidget() is opened.view


def test_the_log_is_reached_by_keys(opened: MainWindow) -> None:
    (bar,) = [
        one
        for one in opened.findChildren(QTabBar)
        if [one.tabText(index) for index in range(one.count())] == ["Timings", "Log"]
    ]
    assert bar.focusPolicy() & Qt.FocusPolicy.TabFocus
    bar.setFocus()
    QTest.keyClick(bar, Qt.Key.Key_Right)
    assert not opened.log.visibleRegion().isEmpty()
    assert opened.timings.visibleRegion().isEmpty()


def test_menus_have_no_shortcut_or_mnemonic_twice(opened: MainWindow) -> None:
    shortcuts: list[str] = []
    for top in ("File", "Run", "View", "Help"):
        menu = menu_action(opened, top).menu()
        mnemonics = []
        for action in menu.actions():
            shortcuts += [key.toString() for key in action.shortcuts()]
            mnemonic = QKeySequence.mnemonic(action.text()).toString()
            mnemonics += [mnemonic] if mnemonic else []
        assert len(mnemonics) == len(set(mnemonics)), top
    assert len(shortcuts) > 8
    assert len(shortcuts) == len(set(shortcuts))
    assert "Ctrl+Q" in shortcuts


# -- the picture -------------------------------------------------------------------------


def place_of(view: ImageView, x: float, y: float) -> QPoint:
    """Where a point of the picture is in the viewport."""
    point = view.viewportTransform().map(QPointF(x, y))
    return QPoint(round(point.x()), round(point.y()))


def test_the_mouse_over_a_box_selects_its_row(opened: MainWindow, qtbot: QtBot) -> None:
    result = opened.document.result
    assert result is not None
    table = opened.outputs.predictions
    view = opened.view
    hit = set()
    for found in result.result.predictions:
        x1, y1, x2, y2 = found.box
        qtbot.mouseMove(view.viewport(), place_of(view, (x1 + x2) / 2, (y1 + y2) / 2))
        row = table.currentIndex().row()
        assert view._overlay.chosen == row
        inside = result.result.predictions[row].box
        assert inside[0] <= (x1 + x2) / 2 <= inside[2]
        assert inside[1] <= (y1 + y2) / 2 <= inside[3]
        hit.add(row)
    assert len(hit) > 1
    qtbot.mouseMove(view.viewport(), place_of(view, 1, 1))
    assert view._overlay.chosen == -1


def test_a_chosen_row_highlights_its_box(opened: MainWindow) -> None:
    table = opened.outputs.predictions
    table.setFocus()
    table.selectRow(0)
    QTest.keyClick(table, Qt.Key.Key_Down)
    assert opened.view._overlay.chosen == 1


def test_the_wheel_zooms_where_the_mouse_is_and_a_double_click_fits_again(
    opened: MainWindow,
) -> None:
    view = opened.view
    fitted = view.transform().m11()
    place = place_of(view, 50, 50)
    turn_wheel(view.viewport(), place, 3)
    assert view.transform().m11() > fitted * 1.5
    turn_wheel(view.viewport(), place, -1)
    assert fitted < view.transform().m11() < fitted * 1.5
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert view.transform().m11() == pytest.approx(fitted)


def test_keys_zoom_too(opened: MainWindow) -> None:
    view = opened.view
    fitted = view.transform().m11()
    QTest.keyClick(opened, Qt.Key.Key_9, CTRL)
    assert view.transform().m11() == pytest.approx(1 / view.devicePixelRatioF())
    QTest.keyClick(opened, Qt.Key.Key_Plus, CTRL)
    assert view.transform().m11() == pytest.approx(1.25 / view.devicePixelRatioF())
    QTest.keyClick(opened, Qt.Key.Key_Minus, CTRL)
    assert view.transform().m11() == pytest.approx(1 / view.devicePixelRatioF())
    QTest.keyClick(opened, Qt.Key.Key_0, CTRL)
    assert view.transform().m11() == pytest.approx(fitted)


def test_a_fitted_picture_stays_fitted_when_the_window_grows(
    opened: MainWindow, qtbot: QtBot
) -> None:
    view = opened.view
    before = view.transform().m11()
    opened.resize(opened.width() + 400, opened.height() + 300)
    qtbot.waitUntil(lambda: view.transform().m11() > before * 1.1, timeout=WAIT_MS)


def test_what_the_network_saw_is_shown_and_hidden_by_its_key(opened: MainWindow) -> None:
    result = opened.document.result
    assert result is not None
    assert result.result.recipe is not None
    size = picture_size(opened.view)
    QTest.keyClick(opened, Qt.Key.Key_T, CTRL)
    assert picture_size(opened.view) == result.result.recipe.size_wh
    QTest.keyClick(opened, Qt.Key.Key_T, CTRL)
    assert picture_size(opened.view) == size


# -- outputs and timings -----------------------------------------------------------------


def test_copying_a_table_puts_tab_separated_text_on_the_clipboard(opened: MainWindow) -> None:
    for table in (opened.outputs.predictions, opened.tensors.table):
        table.setFocus()
        table.clearSelection()
        QTest.keyClick(table, Qt.Key.Key_C, CTRL)
        lines = QGuiApplication.clipboard().text().split("\n")
        assert len(lines) == table.model().rowCount() + 1
        assert all("\t" in line for line in lines)
    assert lines[1] == "images\tinput\tfloat32\t? x 3 x 256 x 256"


def test_the_tensor_tab_shows_values_and_a_heat_map(opened: MainWindow, qtbot: QtBot) -> None:
    bar = opened.outputs.tabs.tabBar()
    QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(1).center())
    detail = opened.outputs.detail
    assert detail.isVisible()
    result = opened.document.result
    assert result is not None
    (name, array) = next(iter(result.result.outputs.items()))
    row = rows_of(detail.table)[0]
    assert row[:2] == [name, "output"]
    assert float(row[3]) == pytest.approx(float(array.max()), rel=1e-3)
    heat = detail.findChild(HeatMapView)
    assert heat is not None
    qtbot.waitUntil(lambda: heat.has_picture, timeout=WAIT_MS)
    image = heat.grab().toImage()
    colors = {
        image.pixelColor(x, y).name()
        for x in range(10, image.width() - 10, 3)
        for y in range(10, image.height() - 30)
    }
    assert len(colors) > 10, "a heat map is drawn"
    (views,) = [one for one in detail.findChildren(QTabWidget) if one.isAncestorOf(heat)]
    bar = views.tabBar()
    QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(1).center())
    assert detail.values.isVisible()
    model = detail.values.model()
    assert (model.rowCount(), model.columnCount()) == array.shape[-2:]
    assert float(model.index(4, 7).data()) == pytest.approx(float(array[0, 4, 7]), rel=1e-4)


def test_a_slice_of_a_tensor_with_more_dimensions_is_chosen_by_number(
    window: MainWindow, wait_idle: WaitIdle, tmp_path: Path
) -> None:
    drop(window, [onnx_models.identity(tmp_path), PICTURES[0]])
    wait_idle(window.document)
    window.outputs.tabs.setCurrentIndex(1)
    detail = window.outputs.detail
    result = window.document.result
    assert result is not None
    array = result.result.outputs["output"]
    pickers = [one for one in detail.findChildren(QSpinBox) if one.isVisible()]
    assert [picker.maximum() for picker in pickers] == [2], "1 x 3 x 8 x 8: only the channel"
    picker = pickers[0]
    picker.setFocus()
    QTest.keyClick(picker, Qt.Key.Key_Up)
    assert float(detail.values.model().index(3, 5).data()) == pytest.approx(
        float(array[0, 1, 3, 5]), rel=1e-4
    )
    QTest.keyClick(window, Qt.Key.Key_F5)
    wait_idle(window.document)
    assert float(detail.values.model().index(3, 5).data()) == pytest.approx(
        float(array[0, 1, 3, 5]), rel=1e-4
    ), "the slice stays when the model runs again"


def test_timings_show_the_first_run_apart_and_percentiles_of_the_warm_ones(
    opened: MainWindow, wait_idle: WaitIdle
) -> None:
    document = opened.document
    first = document.runs.first
    assert first is not None
    QTest.keyClick(opened, Qt.Key.Key_F5)
    wait_idle(document)
    assert len(document.runs.warm) == 1
    assert "last 1 warm run: compute" in texts(opened.timings)
    for _ in range(2):
        QTest.keyClick(opened, Qt.Key.Key_F5)
        wait_idle(document)
    text = texts(opened.timings)
    assert f"First run {first.total:.1f} ms" in text
    assert f"last {len(document.runs.warm)} warm runs" in text
    assert len(document.runs.warm) >= 3
    assert first not in document.runs.warm
    computes = sorted(stages.compute for stages in document.runs.warm)
    assert f"p50 {np.percentile(computes, 50, method='lower'):.2f}" in text or (
        f"p50 {np.percentile(computes, 50, method='higher'):.2f}" in text
    )
    assert "p95" in text
    result = document.result
    assert result is not None
    assert f"{result.result.stages.total:.2f} ms" in text
    assert "wall-clock" in text


# -- busy --------------------------------------------------------------------------------


def test_busy_is_visible_at_once_and_can_be_cancelled_by_key(
    opened: MainWindow, qtbot: QtBot, wait_idle: WaitIdle, gate: threading.Event
) -> None:
    assert not cancel_button(opened).isVisible()
    QTest.keyClick(opened, Qt.Key.Key_F5)
    assert cancel_button(opened).isVisible()
    assert opened.statusBar().findChild(QProgressBar).isVisible()
    cancelled = opened.document.endings["cancelled"]
    QTest.keyClick(opened, Qt.Key.Key_Escape)
    gate.set()
    wait_idle(opened.document)
    assert opened.document.endings["cancelled"] == cancelled + 1
    assert not cancel_button(opened).isVisible()
    assert "Ready" in texts(opened.statusBar())
    assert not opened.banner.isVisible(), "what one asks for is no problem"


def cancel_button(window: MainWindow) -> QWidget:
    return button(window.statusBar(), "Cancel")


def test_while_a_new_picture_runs_the_old_result_is_not_passed_off_as_its_own(
    opened: MainWindow, qtbot: QtBot, wait_idle: WaitIdle, gate: threading.Event
) -> None:
    QTest.keyClick(opened, Qt.Key.Key_Left, ALT)
    QTest.keyClick(opened, Qt.Key.Key_Escape)
    gate.set()
    wait_idle(opened.document)
    marked = opened.document.images[opened.filmstrip.currentIndex().row()]
    result = opened.document.result
    assert result is None or result.result.source == str(marked)


def test_the_status_says_what_goes_on(
    opened: MainWindow, qtbot: QtBot, wait_idle: WaitIdle
) -> None:
    said: list[str] = []
    opened.document.progress.connect(lambda _fraction, text: said.append(text))
    label = opened.statusBar().findChild(QLabel)
    shown: list[str] = []
    opened.document.progress.connect(lambda *_: shown.append(label.text()))
    QTest.keyClick(opened, Qt.Key.Key_F5)
    wait_idle(opened.document)
    assert any(PICTURES[2].name in text for text in said)
    assert shown == said


def test_what_went_wrong_is_in_the_log_too(
    opened: MainWindow, qtbot: QtBot, wait_idle: WaitIdle, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"this is text")
    drop(opened, [broken])
    wait_idle(opened.document)
    qtbot.waitUntil(lambda: "broken.onnx" in opened.log.toPlainText(), timeout=WAIT_MS)


# -- what is remembered ------------------------------------------------------------------


def docks(window: MainWindow) -> dict[str, QDockWidget]:
    return {one.objectName(): one for one in window.findChildren(QDockWidget)}


def test_hidden_and_moved_docks_and_the_size_are_the_same_in_the_next_window(
    make_app: MakeApp,
) -> None:
    app = make_app()
    first = app.window
    first.resize(790, 700)  # Qt's offscreen screen is small
    menu_action(first, "View", "Recipe").trigger()
    first.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, docks(first)["Outputs"])
    docks(first)["Log"].setFloating(True)
    assert docks(first)["Recipe"].isHidden()
    size = first.size()
    close_app(app)
    second = make_app().window
    found = docks(second)
    assert found["Recipe"].isHidden()
    assert second.dockWidgetArea(found["Outputs"]) == Qt.DockWidgetArea.LeftDockWidgetArea
    assert found["Log"].isFloating()
    assert found["Log"].isVisible()
    assert found["Tensors"].isVisible()
    assert second.size() == size
    menu_action(second, "View", "Restore the layout").trigger()
    assert found["Recipe"].isVisible()
    assert second.dockWidgetArea(found["Outputs"]) == Qt.DockWidgetArea.RightDockWidgetArea
    assert not found["Log"].isFloating()


def test_at_first_the_picture_has_the_most_room_and_restoring_gives_it_back(
    make_app: MakeApp, qtbot: QtBot
) -> None:
    window = make_app(size_wh=(1280, 820)).window
    places = {name: dock.geometry() for name, dock in docks(window).items()}
    view = window.view.geometry()
    assert view.width() > window.width() * 0.4
    assert view.height() > window.height() * 0.5
    hidden = [name for name, dock in docks(window).items() if not dock.isVisible()]
    assert hidden == ["Shelf", "Results"], "until a folder is opened, or many images run"
    docks(window)["Recipe"].hide()
    docks(window)["Outputs"].setFloating(True)
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, docks(window)["Timings"])
    menu_action(window, "View", "Restore the layout").trigger()
    for name in ("Tensors", "Recipe", "Outputs", "Timings"):  # the log is behind the timings

        def distance(name: str = name) -> int:
            before, now = places[name].getRect(), docks(window)[name].geometry().getRect()
            return max(abs(one - other) for one, other in zip(before, now, strict=True))

        qtbot.waitUntil(lambda distance=distance: distance() < 40, timeout=WAIT_MS)
        assert docks(window)[name].isVisible()
    assert docks(window)["Shelf"].isHidden()


def test_a_window_closed_before_it_is_complete_does_not_forget_the_layout(
    make_app: MakeApp,
) -> None:
    app = make_app()
    menu_action(app.window, "View", "Recipe").trigger()
    close_app(app)
    hasty = make_app(wait=False)
    close_app(hasty)
    assert docks(make_app().window)["Recipe"].isHidden()


def test_a_picture_dropped_before_the_window_is_complete_is_not_lost(
    make_app: MakeApp, qtbot: QtBot
) -> None:
    app = make_app(wait=False)
    assert not app.furnished
    drop(app.window, PICTURES[:2])
    drop(app.window, [DEMO_MODEL])
    qtbot.waitUntil(lambda: is_settled(app), timeout=WAIT_MS)
    assert shown_source(app.window) == str(PICTURES[1])
    assert app.window.filmstrip.currentIndex().row() == 1
    assert DEMO_MODEL.name in texts(app.window.card)


def test_the_size_asked_for_beats_the_one_remembered(make_app: MakeApp) -> None:
    app = make_app()
    app.window.resize(1100, 700)
    close_app(app)
    assert make_app(size_wh=(1300, 900)).window.size().toTuple() == (1300, 900)


def test_themes_change_the_palette_and_are_remembered(
    window: MainWindow, qtbot: QtBot, same_colors: None
) -> None:
    def lightness() -> float:
        return window.view.palette().color(QPalette.ColorRole.Window).lightnessF()

    menu_action(window, "View", "Theme", "Dark").trigger()
    qtbot.waitUntil(lambda: lightness() < 0.3, timeout=WAIT_MS)
    assert window.settings.theme() == "dark"
    dark = window.grab().toImage()
    menu_action(window, "View", "Theme", "Light").trigger()
    qtbot.waitUntil(lambda: lightness() > 0.7, timeout=WAIT_MS)
    assert window.settings.theme() == "light"
    light = window.grab().toImage()
    for x, y in ((3, 3), (640, 3), (3, 815), (640, 300)):
        assert dark.pixelColor(x, y).lightnessF() < light.pixelColor(x, y).lightnessF(), (x, y)
    checked = [
        theme
        for theme in ("System", "Light", "Dark")
        if menu_action(window, "View", "Theme", theme).isChecked()
    ]
    assert checked == ["Light"]


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_text_can_be_read_in_both_themes(
    opened: MainWindow, qtbot: QtBot, same_colors: None, theme: str
) -> None:
    menu_action(opened, "View", "Theme", theme).trigger()
    ground = QPalette.ColorRole.Window
    qtbot.waitUntil(
        lambda: opened.palette().color(ground) == QApplication.palette().color(ground),
        timeout=WAIT_MS,
    )
    group, role = QPalette.ColorGroup.Active, QPalette.ColorRole
    pairs = [
        (role.WindowText, role.Window),
        (role.Text, role.Base),
        (role.Text, role.AlternateBase),
        (role.ButtonText, role.Button),
        (role.HighlightedText, role.Highlight),
        (role.PlaceholderText, role.Window),
        (role.PlaceholderText, role.Base),
    ]
    palette = opened.palette()
    for text, ground in pairs:
        one, other = (luminance(palette.color(group, each)) for each in (text, ground))
        contrast = (max(one, other) + 0.05) / (min(one, other) + 0.05)
        needed = 3.0 if text == role.HighlightedText else 4.5
        assert contrast >= needed, (text, ground, round(contrast, 2))


def test_closing_a_dock_is_undone_by_the_view_menu(opened: MainWindow) -> None:
    for name, dock in docks(opened).items():
        if name == "Shelf":
            menu_action(opened, "View", name).trigger()
        dock.close()
        assert dock.isHidden()
        menu_action(opened, "View", name).trigger()
        assert dock.isVisible()


def test_ctrl_q_closes_the_window(window: MainWindow) -> None:
    QTest.keyClick(window, Qt.Key.Key_Q, CTRL)
    assert not window.isVisible()


def test_about_tells_the_version(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(QMessageBox, "about", lambda _parent, _title, text: shown.append(text))
    menu_action(window, "Help", "About Enginebay").trigger()
    assert __version__ in shown[0]

"""The shelf in the window, by mouse and keys: sort, filter, open, export, cancel, drop."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QItemSelectionModel, QPersistentModelIndex, QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

import core.shelf
from core.modelfile import ModelFile, read_model_file
from core.paths import DEMO_MODEL, DEMO_PICTURE
from core.shelf import FACT_TITLES, ShelfRow
from core.verdict import Verdict
from gui.item_models.shelf_rows import TITLES, ShelfModel
from gui.panels.shelf import ShelfPanel
from tests.gui.hands import button, close_app, drop, is_settled, menu_action, texts
from tests.gui.limits import WAIT_MS
from tests.unit import onnx_models
from tests.unit.plan_writer import Plan, with_prefix

if TYPE_CHECKING:
    from gui.app import App
    from gui.document import Document
    from gui.main_window import MainWindow

    MakeApp = Callable[..., App]

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
LEFT = Qt.MouseButton.LeftButton
ASCENDING, DESCENDING = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Five models on two floors, with what is no model beside them."""
    folder = tmp_path / "weights"
    (folder / "jetson").mkdir(parents=True)
    engine = Plan(layout="ftrt-10.9", version=(10, 9, 0, 34), body_bytes=5000).to_bytes()
    (folder / "jetson" / "b.engine").write_bytes(with_prefix(engine, {"task": "detect"}))
    (folder / "jetson" / "c.plan").write_bytes(Plan(layout="ftrt-8.6").to_bytes())
    (folder / "old.trt").write_bytes(Plan(layout="ptrt-7", version=(7, 1, 3, 0)).to_bytes())
    (folder / "empty.onnx").write_bytes(b"")
    (folder / "notes.txt").write_text("no model")
    onnx_models.classifier(folder)
    return folder


ALL = ["classifier.onnx", "empty.onnx", "jetson/b.engine", "jetson/c.plan", "old.trt"]


@pytest.fixture
def look(qtbot: QtBot) -> Callable[[MainWindow, Path], ShelfPanel]:
    """A function that opens a folder and waits until all was looked at."""

    def do(window: MainWindow, folder: Path) -> ShelfPanel:
        window.shelf.open_folder(folder)
        qtbot.waitUntil(lambda: not window.shelf.panel.is_busy, timeout=WAIT_MS)
        return window.shelf.panel

    return do


Look = Callable[["MainWindow", Path], ShelfPanel]


@pytest.fixture
def shelf(app_: App, weights: Path, look: Look) -> ShelfPanel:
    """The shelf of those models, in a window."""
    return look(app_.window, weights)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Holds each look before its second model until it is set."""
    gate, seen = threading.Event(), []

    def held(path: Path) -> ModelFile:
        if seen:
            gate.wait(WAIT_MS / 1000)
        seen.append(path)
        return read_model_file(path)

    monkeypatch.setattr(core.shelf, "read_model_file", held)
    yield gate
    gate.set()


def names(panel: ShelfPanel) -> list[str]:
    """What the first column shows, from top to bottom."""
    return [panel.model.index(line, 0).data() for line in range(panel.model.rowCount())]


def click_title(panel: ShelfPanel, title: str) -> None:
    header = panel.table.horizontalHeader()
    place = header.sectionViewportPosition(TITLES.index(title)) + 10
    QTest.mouseClick(header.viewport(), LEFT, pos=QPoint(place, header.height() // 2))


def place_of(panel: ShelfPanel, name: str) -> QPoint:
    """The middle of a model's first cell, in the table's viewport."""
    return panel.table.visualRect(panel.model.index(names(panel).index(name), 0)).center()


def answer_dialog(monkeypatch: pytest.MonkeyPatch, path: Path | str, kind: str = "") -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), kind))


# -- opening a folder --------------------------------------------------------------------


def test_the_shelf_is_hidden_until_a_folder_is_opened(
    app_: App, weights: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = app_.window
    panel = window.shelf.panel
    assert window.shelf.isHidden()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(weights))
    QTest.keyClick(window, Qt.Key.Key_O, CTRL | SHIFT)
    qtbot.waitUntil(lambda: not panel.is_busy, timeout=WAIT_MS)
    assert window.shelf.isVisible()
    assert not panel.visibleRegion().isEmpty(), "in front of the timings"
    assert names(panel) == ALL
    assert "5 models" in texts(panel)
    assert "in 6 files of weights/" in texts(panel)
    assert window.document.problem is None


def test_a_dialog_that_is_dismissed_opens_nothing(
    app_: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    menu_action(app_.window, "File", "Open folder").trigger()
    assert app_.window.shelf.isHidden()
    assert not app_.window.shelf.panel.is_busy


def test_the_empty_shelf_says_what_to_do_and_does_it(
    app_: App, weights: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = app_.window.shelf.panel
    menu_action(app_.window, "View", "Shelf").trigger()
    app_.window.shelf.raise_()
    assert "drop a folder" in texts(panel)
    assert not button(panel, "Rescan").isEnabled()
    assert not button(panel, "Export...").isEnabled()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(weights))
    QTest.mouseClick(button(panel, "Open folder..."), LEFT)
    qtbot.waitUntil(lambda: names(panel) == ALL, timeout=WAIT_MS)


def test_the_titles_of_the_facts_are_those_of_the_command() -> None:
    """The window writes them out, so that it need not import the shelf before it is shown."""
    assert TITLES[: len(FACT_TITLES)] == FACT_TITLES


def test_each_cell_says_what_the_file_is_and_the_tooltip_why_it_does_not_run(
    shelf: ShelfPanel, weights: Path
) -> None:
    line = names(shelf).index("jetson/b.engine")
    cells = [shelf.model.index(line, column).data() for column in range(len(TITLES))]
    assert cells[1:6] == ["Ultralytics engine", "10.9.0.34", "compute 8.6", "", "detect"]
    assert cells[TITLES.index("size")] == "5.27 kB"
    assert len(cells[TITLES.index("changed")]) == len("2026-08-24 12:30")
    bad = names(shelf).index("empty.onnx")
    verdict = shelf.model.index(bad, TITLES.index("verdict"))
    assert verdict.data() == "empty"
    assert not verdict.data(Qt.ItemDataRole.DecorationRole).isNull()
    tooltip = verdict.data(Qt.ItemDataRole.ToolTipRole)
    assert str(weights / "empty.onnx") in tooltip
    assert "is empty" in tooltip
    assert "export it again" in tooltip


def test_a_folder_on_the_command_line_opens_its_shelf(make_app: MakeApp, weights: Path) -> None:
    app = make_app(file=weights)
    assert names(app.window.shelf.panel) == ALL
    assert app.window.shelf.isVisible()
    assert app.document.file is None


def test_a_folder_without_models_says_so_in_the_panel_and_the_banner(
    app_: App, tmp_path: Path, look: Look
) -> None:
    (tmp_path / "docs").mkdir()
    panel = look(app_.window, tmp_path / "docs")
    assert "There are no models in it." in texts(panel)
    problem = app_.document.problem
    assert problem is not None
    assert problem.kind == "no-models"
    assert str(tmp_path / "docs") in problem.message


def test_a_folder_that_is_not_there_says_so(app_: App, tmp_path: Path, look: Look) -> None:
    look(app_.window, tmp_path / "none")
    problem = app_.document.problem
    assert problem is not None
    assert problem.kind == "not-found"


def test_folders_that_may_not_be_read_are_counted(
    app_: App, weights: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = core.shelf.os.scandir

    def listed(folder: Path) -> Any:
        if Path(folder).name == "jetson":
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(core.shelf.os, "scandir", listed)
    panel = look(app_.window, weights)
    assert "1 folder may not be read" in texts(panel)
    assert str(weights / "jetson") in panel._status.toolTip()
    assert names(panel) == ["classifier.onnx", "empty.onnx", "old.trt"]


# -- sorting, filtering, opening ---------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "first", "last"),
    [
        ("model", "classifier.onnx", "old.trt"),
        ("TensorRT", "old.trt", "empty.onnx"),  # 7.1 < 8.6 < 10.9; those without one are last
        ("size", "empty.onnx", "jetson/b.engine"),
        ("verdict", "classifier.onnx", "old.trt"),
    ],
)
def test_a_click_on_a_title_sorts_and_another_turns_it_round(
    shelf: ShelfPanel, title: str, first: str, last: str
) -> None:
    if title == "model":
        click_title(shelf, "size")
    click_title(shelf, title)
    assert (names(shelf)[0], names(shelf)[-1]) == (first, last)
    click_title(shelf, title)
    if title == "TensorRT":
        order = ["jetson/b.engine", "jetson/c.plan", "old.trt"]
        assert names(shelf)[:3] == order, "what has none stays last"
    else:
        assert (names(shelf)[0], names(shelf)[-1]) == (last, first)


def test_the_selected_model_stays_selected_when_the_order_or_the_filter_changes(
    shelf: ShelfPanel,
) -> None:
    QTest.mouseClick(shelf.table.viewport(), LEFT, pos=place_of(shelf, "jetson/c.plan"))
    click_title(shelf, "size")
    click_title(shelf, "size")

    def selected() -> list[str]:
        return [index.data() for index in shelf.table.selectionModel().selectedRows()]

    assert selected() == ["jetson/c.plan"]
    QTest.keyClicks(shelf.filter, "jet")
    assert selected() == ["jetson/c.plan"]
    QTest.keyClicks(shelf.filter, "son/b")
    assert selected() == []


def test_typing_in_the_filter_shows_the_rows_that_hold_it_in_any_cell(shelf: ShelfPanel) -> None:
    shelf.table.setFocus()
    QTest.keyClick(shelf.table, Qt.Key.Key_F, CTRL)
    assert shelf.filter.hasFocus(), "by its key"
    QTest.keyClicks(shelf.filter, "DETECT")
    assert names(shelf) == ["jetson/b.engine"]
    assert "1 of 5 models" in texts(shelf)
    shelf.filter.clear()
    QTest.keyClicks(shelf.filter, "compute 8")
    assert names(shelf) == ["jetson/b.engine", "jetson/c.plan", "old.trt"]
    QTest.keyClicks(shelf.filter, "xyz")
    assert names(shelf) == []
    assert "No row holds 'compute 8xyz'." in texts(shelf)
    shelf.filter.clear()
    assert names(shelf) == ALL


def test_tab_leads_from_the_filter_to_the_table(shelf: ShelfPanel) -> None:
    shelf.filter.setFocus()
    for _ in range(4):
        if shelf.table.hasFocus():
            break
        QTest.keyClick(QGuiApplication.focusObject(), Qt.Key.Key_Tab)  # type: ignore[arg-type]
    assert shelf.table.hasFocus()


def test_a_double_click_opens_the_model(
    app_: App, shelf: ShelfPanel, weights: Path, wait_idle: Callable[[Document], None]
) -> None:
    place = place_of(shelf, "classifier.onnx")
    QTest.mouseClick(shelf.table.viewport(), LEFT, pos=place)
    assert app_.document.file is None, "one click only selects"
    QTest.mouseDClick(shelf.table.viewport(), LEFT, pos=place)
    wait_idle(app_.document)
    assert app_.document.loaded is not None
    assert app_.document.loaded.file.path == weights / "classifier.onnx"


def test_enter_opens_the_selected_model_and_a_bad_one_says_what_it_is(
    app_: App, shelf: ShelfPanel, wait_idle: Callable[[Document], None]
) -> None:
    shelf.table.setFocus()
    shelf.table.selectRow(names(shelf).index("empty.onnx"))
    QTest.keyClick(shelf.table, Qt.Key.Key_Return)
    wait_idle(app_.document)
    assert app_.document.problem is not None
    assert app_.document.problem.kind == "empty"


# -- looking -----------------------------------------------------------------------------


def test_rows_appear_while_it_looks_and_cancel_keeps_them(
    app_: App, weights: Path, gate: threading.Event, qtbot: QtBot
) -> None:
    window, panel = app_.window, app_.window.shelf.panel
    window.shelf.open_folder(weights)
    assert window.shelf.isVisible(), "at once, before anything is found"
    cancel = button(panel, "Cancel")
    assert cancel.isVisible()
    qtbot.waitUntil(lambda: panel.is_scanning and "looking in" in texts(panel), timeout=WAIT_MS)
    assert not button(panel, "Export...").isEnabled()
    QTest.mouseClick(cancel, LEFT)
    gate.set()
    qtbot.waitUntil(lambda: not panel.is_busy, timeout=WAIT_MS)
    assert names(panel)[0] == "classifier.onnx"
    assert len(names(panel)) < len(ALL)
    assert "not all was looked at" in texts(panel)
    assert not cancel.isVisible()
    assert app_.document.problem is None
    QTest.mouseClick(button(panel, "Rescan"), LEFT)
    qtbot.waitUntil(lambda: not panel.is_busy, timeout=WAIT_MS)
    assert names(panel) == ALL
    assert "not all" not in texts(panel)


def test_escape_ends_the_look(
    app_: App, weights: Path, gate: threading.Event, qtbot: QtBot
) -> None:
    panel = app_.window.shelf.panel
    app_.window.shelf.open_folder(weights)
    QTest.keyClick(app_.window, Qt.Key.Key_Escape)
    gate.set()
    qtbot.waitUntil(lambda: not panel.is_busy, timeout=WAIT_MS)
    assert panel._is_partial


def test_a_model_opens_while_the_shelf_is_looking(
    app_: App, weights: Path, gate: threading.Event, wait_idle: Callable[[Document], None]
) -> None:
    app_.window.shelf.open_folder(weights)
    app_.document.open_path(DEMO_MODEL)
    wait_idle(app_.document)
    assert app_.document.loaded is not None
    assert app_.window.shelf.panel.is_scanning
    gate.set()


def test_another_folder_replaces_the_one_that_is_looked_at(
    app_: App, weights: Path, gate: threading.Event, tmp_path: Path, qtbot: QtBot
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.engine").write_bytes(Plan(layout="ftrt-8.6").to_bytes())
    panel = app_.window.shelf.panel
    app_.window.shelf.open_folder(weights)
    app_.window.shelf.open_folder(other)
    gate.set()
    qtbot.waitUntil(lambda: not panel.is_busy, timeout=WAIT_MS)
    assert names(panel) == ["x.engine"]
    assert panel.folder == other


def test_rescan_finds_what_is_new_and_keeps_order_and_filter(
    shelf: ShelfPanel, weights: Path, qtbot: QtBot
) -> None:
    click_title(shelf, "size")
    QTest.keyClicks(shelf.filter, "engine")
    (weights / "jetson" / "b.engine").unlink()
    for number, size in ((1, 900), (2, 200)):
        plan = Plan(layout="ftrt-8.6", body_bytes=size).to_bytes()
        (weights / f"new-{number}.engine").write_bytes(plan)
    QTest.mouseClick(button(shelf, "Rescan"), LEFT)
    qtbot.waitUntil(lambda: not shelf.is_busy, timeout=WAIT_MS)
    sizes = {name: (weights / name).stat().st_size for name in names(shelf)}
    assert list(sizes.values()) == sorted(sizes.values())
    assert set(sizes) == {"new-1.engine", "new-2.engine", "jetson/c.plan", "old.trt"}


def test_a_thousand_models_are_added_a_few_at_a_time(
    app_: App, tmp_path: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(layout="ftrt-8.6").to_bytes()
    for number in range(1000):
        (tmp_path / f"{number:04}.engine").write_bytes(plan)
    added: list[int] = []
    real = ShelfModel.add

    def add(self: ShelfModel, rows: list[ShelfRow]) -> None:
        added.append(len(rows))
        real(self, rows)

    monkeypatch.setattr(ShelfModel, "add", add)
    panel = look(app_.window, tmp_path)
    assert sum(added) == panel.model.rowCount() == 1000
    assert max(added) <= 100
    assert names(panel) == sorted(names(panel))


# -- exporting ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "kind", "written"),
    [
        ("out.csv", "", "out.csv"),
        ("out.json", "CSV (*.csv)", "out.json"),
        ("out", "JSON (*.json)", "out.json"),
        ("out", "", "out.csv"),
    ],
)
def test_what_is_shown_is_exported_in_its_order(
    shelf: ShelfPanel,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    chosen: str,
    kind: str,
    written: str,
) -> None:
    QTest.keyClicks(shelf.filter, "jetson")
    click_title(shelf, "model")
    answer_dialog(monkeypatch, tmp_path / chosen, kind)
    QTest.mouseClick(button(shelf, "Export..."), LEFT)
    qtbot.waitUntil(lambda: not shelf.is_busy, timeout=WAIT_MS)
    target = tmp_path / written
    if written.endswith(".csv"):
        with target.open(newline="", encoding="utf-8") as file:
            found = [row["relative"] for row in csv.DictReader(file)]
    else:
        answer = json.loads(target.read_text(encoding="utf-8"))
        assert answer["folder"] == str(shelf.folder)
        found = [row["relative"] for row in answer["models"]]
    assert found == names(shelf) == ["jetson/c.plan", "jetson/b.engine"]


def test_a_dismissed_export_writes_nothing(
    shelf: ShelfPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_dialog(monkeypatch, "")
    QTest.mouseClick(button(shelf, "Export..."), LEFT)
    assert not shelf.is_busy


@pytest.mark.parametrize(
    ("name", "kind"), [("none/out.csv", "cannot-save"), ("out.xlsx", "unknown-format")]
)
def test_an_export_that_fails_says_so_in_the_banner_and_loses_nothing(
    app_: App,
    shelf: ShelfPanel,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    kind: str,
) -> None:
    answer_dialog(monkeypatch, tmp_path / name)
    QTest.mouseClick(button(shelf, "Export..."), LEFT)
    qtbot.waitUntil(lambda: not shelf.is_busy, timeout=WAIT_MS)
    assert app_.document.problem is not None
    assert app_.document.problem.kind == kind
    assert Path(name).name in texts(app_.window.banner)
    assert names(shelf) == ALL
    assert button(shelf, "Export...").isEnabled()


def test_rows_are_copied_as_the_other_tables_are(shelf: ShelfPanel) -> None:
    shelf.table.selectRow(0)
    QTest.keyClick(shelf.table, Qt.Key.Key_C, CTRL)
    titles, row = QGuiApplication.clipboard().text().splitlines()
    assert titles.split("\t") == list(TITLES)
    assert row.split("\t")[:2] == ["classifier.onnx", "ONNX"]


# -- dropping ----------------------------------------------------------------------------


def settle(app: App, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: is_settled(app), timeout=WAIT_MS)


def test_a_dropped_folder_with_models_shows_the_shelf_and_adds_its_pictures(
    app_: App, weights: Path, qtbot: QtBot
) -> None:
    (weights / "street.jpg").write_bytes(DEMO_PICTURE.read_bytes())
    assert drop(app_.window, [weights])
    assert app_.window.shelf.isHidden(), "until a model is found"
    settle(app_, qtbot)
    assert app_.window.shelf.isVisible()
    assert names(app_.window.shelf.panel) == ALL
    assert app_.document.images == [weights / "street.jpg"]
    assert app_.document.file is None
    assert app_.document.problem is None


def test_a_dropped_folder_of_pictures_leaves_the_shelf_as_it_is(
    app_: App, shelf: ShelfPanel, weights: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "a.jpg").write_bytes(DEMO_PICTURE.read_bytes())
    app_.window.shelf.close()
    drop(app_.window, [pictures])
    settle(app_, qtbot)
    assert app_.document.images == [pictures / "a.jpg"]
    assert app_.document.problem is None
    assert app_.window.shelf.isHidden()
    assert (shelf.folder, names(shelf)) == (weights, ALL)


def test_a_dropped_folder_with_neither_says_so_once_all_was_looked_at(
    app_: App, tmp_path: Path, gate: threading.Event, qtbot: QtBot
) -> None:
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.bin", "deep/b.bin"):
        (folder / name).write_bytes(b"no model")
    drop(app_.window, [folder])
    assert app_.document.problem is None
    gate.set()
    settle(app_, qtbot)
    problem = app_.document.problem
    assert problem is not None
    assert problem.message == "There are neither images nor models in docs."
    assert problem.hint
    assert app_.window.shelf.isHidden()


def test_a_folder_dropped_again_shows_each_model_once(
    app_: App, shelf: ShelfPanel, weights: Path, qtbot: QtBot
) -> None:
    app_.window.shelf.close()
    drop(app_.window, [weights])
    settle(app_, qtbot)
    assert names(shelf) == ALL
    assert app_.window.shelf.isVisible()


def test_of_several_dropped_folders_the_last_is_looked_at_and_it_is_said(
    app_: App, weights: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "other").mkdir()
    drop(app_.window, [tmp_path / "other", weights])
    settle(app_, qtbot)
    assert names(app_.window.shelf.panel) == ALL
    problem = app_.document.problem
    assert problem is not None
    assert problem.is_warning
    assert "weights" in problem.message


def test_a_folder_dropped_before_the_window_is_complete_is_not_lost(
    make_app: MakeApp, weights: Path, qtbot: QtBot
) -> None:
    app = make_app(wait=False)
    assert not app.furnished
    drop(app.window, [weights])
    settle(app, qtbot)
    assert names(app.window.shelf.panel) == ALL
    qtbot.waitUntil(app.window.shelf.isVisible, timeout=WAIT_MS)


# -- the layout --------------------------------------------------------------------------


def test_the_next_window_has_no_shelf_until_a_folder_is_opened(
    make_app: MakeApp, weights: Path, look: Look
) -> None:
    app = make_app()
    look(app.window, weights)
    assert app.window.shelf.isVisible()
    close_app(app)
    window = make_app().window
    assert window.shelf.isHidden()
    look(window, weights)
    assert window.shelf.isVisible()
    window.shelf.setFloating(True)
    menu_action(window, "View", "Restore the layout").trigger()
    assert window.shelf.isVisible()
    assert not window.shelf.isFloating()
    assert window.dockWidgetArea(window.shelf) == Qt.DockWidgetArea.BottomDockWidgetArea


def test_long_names_do_not_widen_the_window(app_: App, tmp_path: Path, look: Look) -> None:
    folder = tmp_path / ("f" * 200)
    folder.mkdir()
    (folder / f"{'m' * 200}.engine").write_bytes(Plan(layout="ftrt-8.6").to_bytes())
    panel = look(app_.window, folder)
    assert panel.minimumSizeHint().width() < 400
    assert panel.table.textElideMode() == Qt.TextElideMode.ElideMiddle
    QTest.keyClicks(panel.filter, "x" * 300)
    assert panel.minimumSizeHint().width() < 400


def test_quitting_ends_a_look(app_: App, weights: Path, gate: threading.Event) -> None:
    thread = app_.window.shelf.panel._thread
    ended: list[bool] = []
    thread.finished.connect(lambda: ended.append(True), Qt.ConnectionType.DirectConnection)
    app_.window.shelf.open_folder(weights)
    gate.set()
    close_app(app_)
    assert ended == [True]


# -- the item model ----------------------------------------------------------------------


def a_row(name: str, **more: Any) -> ShelfRow:
    values: dict[str, Any] = {
        "path": Path("/models") / name,
        "relative": name,
        "kind": "tensorrt-plan",
        "size_bytes": 1,
        "modified": None,
        "verdict": Verdict(True, "ok", "Runs here."),
    }
    return ShelfRow(**(values | more))


def shown(model: ShelfModel) -> str:
    return "".join(row.relative for row in model.shown_rows())


@pytest.mark.parametrize(
    ("title", "field", "values"),
    [
        ("TensorRT", "tensorrt_version", ["8.6.1.6", "10.3.0.26", "10.13.3.9"]),
        ("built on", "compute_capability", ["7.5", "8.9", "12.0"]),
        ("size", "size_bytes", [0, 999, 10_000_000_000]),
        ("precision", "precision", ["FP16", "FP32", "INT8"]),
        ("task", "task", ["classify", "detect", "pose"]),
        ("kind", "kind", ["empty", "tensorrt-plan", "onnx"]),
        ("changed", "modified", [datetime(y, 1, 1, tzinfo=timezone.utc) for y in (1970, 9, 2026)]),
        ("verdict", "verdict", [Verdict(can, "x", "x") for can in (True, None, False)]),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_every_column_sorts_by_what_it_means(
    qapp: object, title: str, field: str, values: list[Any]
) -> None:
    if field == "modified":
        values = [values[0], datetime(2001, 9, 9, tzinfo=timezone.utc), values[2]]
    model = ShelfModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    column = TITLES.index(title)
    model.sort(column, ASCENDING)
    rows = [a_row(name, **{field: value}) for name, value in zip("abc", values, strict=True)]
    has_missing = field not in ("kind", "verdict")
    if has_missing:
        missing = {field: None, "kind": "onnx"}
        rows.append(a_row("x", **missing))
    model.add([rows[2], *rows[3:], rows[0], rows[1]])
    end = "x" if has_missing else ""
    assert shown(model) == f"abc{end}", "added in their places"
    model.sort(column, DESCENDING)
    assert shown(model) == f"cba{end}"
    model.clear()
    model.add([rows[1], rows[2], *rows[3:], rows[0]])
    assert shown(model) == f"cba{end}", "added in their places, the other way round"


def test_the_model_keeps_its_indexes_over_sorting(qapp: object) -> None:
    model = ShelfModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.add(a_row(name, size_bytes=size) for name, size in zip("jqxz", (3, 1, 4, 2), strict=True))
    chosen = QItemSelectionModel(model)
    kept = [QPersistentModelIndex(model.index(line, 0)) for line in (1, 2)]
    chosen.select(model.index(2, 0), QItemSelectionModel.SelectionFlag.Select)
    model.sort(TITLES.index("size"), DESCENDING)
    assert shown(model) == "xjzq"
    assert [index.data() for index in kept] == ["q", "x"]
    assert [index.data() for index in chosen.selectedIndexes()] == ["x"]


def test_rows_that_are_added_are_filtered_too(qapp: object) -> None:
    model = ShelfModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.add(a_row(name) for name in "jqxz")
    model.show_matching(" Q")
    assert shown(model) == "q"
    model.add([a_row("qj"), a_row("y")])
    assert (shown(model), model.count) == ("qqj", 6)
    model.show_matching("")
    assert shown(model) == "jqqjxyz"


def test_a_name_is_shown_on_one_line_and_never_as_markup(qapp: object) -> None:
    model = ShelfModel()
    model.add([a_row("<b>x\ny</b>.engine", verdict=Verdict(False, "x", "a < b", "c\x1bd"))])
    assert model.index(0, 0).data() == "<b>x\ufffdy</b>.engine"
    tooltip = model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;x\ufffdy" in tooltip
    assert "a &lt; b<br>c\ufffdd" in tooltip


def test_every_button_has_words(shelf: ShelfPanel) -> None:
    assert all(one.text() for one in shelf.findChildren(QPushButton))
    assert shelf.filter.accessibleName()
    assert shelf.table.accessibleName()

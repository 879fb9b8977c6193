"""Many images run in the window: the rows, what is done with them, and how a run ends."""

from __future__ import annotations

import csv
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

import gui.image_run
from core.errors import ModelError
from core.paths import DEMO_MODEL
from core.result_rows import ResultRow, RowError
from gui.item_models.result_rows import FILE, REMARKS, SCORE, ResultsModel
from tests.gui.hands import PICTURES, button, close_app, drop, menu_action
from tests.gui.limits import WAIT_MS
from tests.gui.videos import write_video

if TYPE_CHECKING:
    from gui.app import App
    from gui.document import Document
    from gui.panels.results import ResultsTable

COUNT = 21  # more than one by one; the demo model runs them in 30 ms or so
BROKEN = "p-07.jpg"


def make_pictures(folder: Path, count: int) -> list[Path]:
    """The demo's pictures under other names, every one a little darker than the one before."""
    folder.mkdir(exist_ok=True)
    sources = [cv2.imread(str(path)) for path in PICTURES]
    paths = []
    for number in range(count):
        source = sources[number % len(sources)]
        assert source is not None
        pixels = np.asarray(source * (1 - number / count / 2), np.uint8)
        done, data = cv2.imencode(".jpg", pixels)
        assert done
        path = folder / f"p-{number:02}.jpg"
        path.write_bytes(data.tobytes())
        paths.append(path)
    return paths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of pictures of which one is a text."""
    place = tmp_path / "set"
    make_pictures(place, COUNT)
    (place / BROKEN).write_text("no picture at all")
    return place


@pytest.fixture
def opened(app_: App, wait_idle: Callable[[Document], None]) -> App:
    """A window with the demo's model."""
    drop(app_.window, [DEMO_MODEL])
    wait_idle(app_.document)
    return app_


@pytest.fixture
def wait_rows(qtbot: QtBot) -> Callable[[App], None]:
    """A function that waits until nothing runs any more."""

    def wait(app: App) -> None:
        def is_over() -> bool:
            return not app.window.many.is_busy and not app.document.is_busy

        qtbot.waitUntil(is_over, timeout=WAIT_MS)

    return wait


@pytest.fixture
def slow_rows(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Rows that take 20 ms each; gives the paths that were run, one by one."""
    seen: list[str] = []

    def run_images(_model: Any, paths: Any, *, report: Callable[[Any], None], **_lanes: Any) -> Any:
        for path in paths:
            time.sleep(0.02)
            seen.append(str(path))
            yield ResultRow(path=str(path), task="detect", top="disc", score=0.5, count=1)
            report(None)

    monkeypatch.setattr("core.folder_run.run_images", run_images)
    return seen


def column(table: ResultsTable, number: int) -> list[str]:
    model = table.model()
    return [str(model.index(row, number).data()) for row in range(model.rowCount())]


def click_header(table: ResultsTable, number: int, qtbot: QtBot) -> None:
    header = table.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(number) + 10, header.height() // 2)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)


def click_row(table: ResultsTable, row: int, qtbot: QtBot) -> None:
    table.scrollTo(table.model().index(row, FILE))
    place = table.visualRect(table.model().index(row, FILE)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_a_dropped_folder_becomes_a_row_for_each_image_in_their_order(
    opened: App, folder: Path, wait_rows: Callable[[App], None]
) -> None:
    results = opened.window.results
    assert results.isHidden()
    drop(opened.window, [folder])
    wait_rows(opened)
    assert results.isVisible()
    table = results.panel.table
    assert column(table, FILE) == [f"p-{number:02}.jpg" for number in range(COUNT)]
    assert [row.path for row in results.panel.model.shown_rows()] == [
        str(folder / name) for name in column(table, FILE)
    ]
    bad = column(table, FILE).index(BROKEN)
    assert column(table, REMARKS)[bad] == f"{BROKEN} is not an image that can be read."
    assert [row for row, text in enumerate(column(table, REMARKS)) if "read" in text] == [bad]
    mark = table.model().index(bad, REMARKS).data(Qt.ItemDataRole.DecorationRole)
    assert mark is not None
    assert not mark.isNull()
    assert opened.window.many.endings["failed"] == 0
    assert results.panel._status.text().endswith("; 1 failed")
    assert opened.document.result is not None, "the last image is shown as ever"
    assert opened.document.result.result.source == str(folder / f"p-{COUNT - 1:02}.jpg")


def test_rows_hold_what_a_single_run_of_the_image_gives(
    opened: App,
    folder: Path,
    wait_rows: Callable[[App], None],
    wait_idle: Callable[[Document], None],
) -> None:
    drop(opened.window, [folder])
    wait_rows(opened)
    row = opened.window.results.panel.model.shown_rows()[3]
    opened.document.select(3)
    wait_idle(opened.document)
    assert opened.document.result is not None
    found: Any = opened.document.result.result.predictions
    assert row.count == len(found)
    assert row.top == found[0].label
    assert row.score == pytest.approx(found[0].score, abs=0.001)


def test_the_score_sorts_as_a_number_and_rows_without_one_come_last(
    opened: App, folder: Path, qtbot: QtBot, wait_rows: Callable[[App], None]
) -> None:
    drop(opened.window, [folder])
    wait_rows(opened)
    table = opened.window.results.panel.table
    came = column(table, FILE)
    click_header(table, SCORE, qtbot)
    scores = [float(text) for text in column(table, SCORE) if text]
    assert scores == sorted(scores)
    assert len(set(scores)) > 1
    assert column(table, FILE)[-1] == BROKEN
    click_header(table, SCORE, qtbot)
    assert [float(text) for text in column(table, SCORE) if text] == scores[::-1]
    assert column(table, FILE)[-1] == BROKEN
    click_header(table, SCORE, qtbot)
    assert column(table, FILE) == came, "a third click gives the first order"


def test_a_click_or_an_arrow_key_on_a_row_shows_its_image(
    opened: App, folder: Path, qtbot: QtBot, wait_rows: Callable[[App], None]
) -> None:
    drop(opened.window, [folder])
    wait_rows(opened)
    table = opened.window.results.panel.table
    click_row(table, 2, qtbot)
    wait_rows(opened)
    assert opened.document.images[opened.document.current].name == "p-02.jpg"
    assert opened.document.result is not None
    assert opened.document.result.result.source == str(folder / "p-02.jpg")
    qtbot.keyClick(table, Qt.Key.Key_Down)
    wait_rows(opened)
    assert opened.document.result.result.source == str(folder / "p-03.jpg")
    assert opened.window.filmstrip.currentIndex().row() == 3


def test_a_row_whose_image_left_the_strip_brings_it_back(
    opened: App, folder: Path, qtbot: QtBot, wait_rows: Callable[[App], None]
) -> None:
    drop(opened.window, [folder])
    wait_rows(opened)
    opened.document.clear_images()
    click_row(opened.window.results.panel.table, 2, qtbot)
    wait_rows(opened)
    assert opened.document.images == [folder / "p-02.jpg"]


@pytest.mark.parametrize("how", ["escape", "button of the status bar", "button of the panel"])
def test_cancelling_keeps_the_rows_and_ends_the_request_once(
    how: str,
    opened: App,
    tmp_path: Path,
    qtbot: QtBot,
    slow_rows: list[str],
    wait_rows: Callable[[App], None],
) -> None:
    paths = make_pictures(tmp_path / "many", 90)
    window = opened.window
    drop(window, paths)
    model = window.results.panel.model
    qtbot.waitUntil(lambda: model.count > 4 and not opened.document.is_busy, timeout=WAIT_MS)
    ended = sum(window.many.endings.values())
    if how == "escape":
        qtbot.keyClick(window, Qt.Key.Key_Escape)
    elif how == "button of the panel":
        qtbot.mouseClick(button(window.results.panel, "Cancel"), Qt.MouseButton.LeftButton)
    else:
        one = window.statusBar().findChild(QPushButton)
        assert one is not None
        assert one.isVisible()
        qtbot.mouseClick(one, Qt.MouseButton.LeftButton)
    wait_rows(opened)
    assert window.many.endings["cancelled"] == 1
    assert sum(window.many.endings.values()) == ended + 1
    assert 4 < model.count == len(slow_rows) < 90
    assert [row.path for row in model.shown_rows()] == slow_rows
    assert "did not run" in window.results.panel._status.text()
    assert button(window.results.panel, "Run all images").isVisible()


def test_an_image_chosen_during_a_run_does_not_wait_for_its_end(
    opened: App,
    tmp_path: Path,
    qtbot: QtBot,
    slow_rows: list[str],
    wait_idle: Callable[[Document], None],
    wait_rows: Callable[[App], None],
) -> None:
    paths = make_pictures(tmp_path / "many", 60)
    drop(opened.window, paths)
    model = opened.window.results.panel.model
    qtbot.waitUntil(lambda: model.count > 4, timeout=WAIT_MS)
    opened.document.select(1)
    wait_idle(opened.document)
    assert opened.document.result is not None
    assert opened.document.result.result.source == str(paths[1])
    assert len(slow_rows) < 60
    wait_rows(opened)
    assert [row.path for row in model.shown_rows()] == [str(path) for path in paths]
    assert slow_rows == [str(path) for path in paths], "no image has run twice"


def test_another_model_ends_the_run_and_takes_the_rows_away(
    opened: App,
    tmp_path: Path,
    qtbot: QtBot,
    slow_rows: list[str],
    wait_rows: Callable[[App], None],
) -> None:
    drop(opened.window, make_pictures(tmp_path / "many", 90))
    model = opened.window.results.panel.model
    qtbot.waitUntil(lambda: model.count > 4, timeout=WAIT_MS)
    other = tmp_path / "other.onnx"
    other.write_bytes(DEMO_MODEL.read_bytes())
    drop(opened.window, [other])
    qtbot.waitUntil(lambda: model.count == 0, timeout=WAIT_MS)
    wait_rows(opened)
    assert opened.document.loaded is not None
    assert opened.document.loaded.file.path == other
    assert model.count == 0
    assert len(slow_rows) < 90


def test_what_is_no_model_leaves_the_run_alone(
    opened: App,
    tmp_path: Path,
    qtbot: QtBot,
    slow_rows: list[str],
    wait_rows: Callable[[App], None],
) -> None:
    drop(opened.window, make_pictures(tmp_path / "many", 30))
    model = opened.window.results.panel.model
    qtbot.waitUntil(lambda: model.count > 4, timeout=WAIT_MS)
    no_model = tmp_path / "text.onnx"
    no_model.write_text("nothing")
    drop(opened.window, [no_model])
    wait_rows(opened)
    assert model.count == 30


def test_run_all_by_key_replaces_the_rows(
    opened: App, tmp_path: Path, qtbot: QtBot, wait_rows: Callable[[App], None]
) -> None:
    drop(opened.window, make_pictures(tmp_path / "few", 3))
    wait_rows(opened)
    model = opened.window.results.panel.model
    assert model.count == 0, "a few images are no set"
    qtbot.keyClick(opened.window, Qt.Key.Key_F6)
    wait_rows(opened)
    assert model.count == 3
    menu_action(opened.window, "Run", "Run all images").trigger()
    wait_rows(opened)
    assert model.count == 3


def test_without_images_run_all_says_what_to_do(opened: App) -> None:
    menu_action(opened.window, "Run", "Run all images").trigger()
    assert opened.document.problem is not None
    assert opened.document.problem.kind == "no-images"
    assert opened.window.results.isHidden()


def test_a_folder_without_a_model_waits(app_: App, folder: Path) -> None:
    drop(app_.window, [folder])
    assert not app_.window.many.is_busy
    assert app_.window.results.isHidden()


def test_the_export_writes_what_the_table_shows(
    opened: App,
    folder: Path,
    tmp_path: Path,
    qtbot: QtBot,
    wait_rows: Callable[[App], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drop(opened.window, [folder])
    wait_rows(opened)
    panel = opened.window.results.panel
    qtbot.keyClicks(panel.filter, "p-0")
    click_header(panel.table, FILE, qtbot)
    click_header(panel.table, FILE, qtbot)
    names = column(panel.table, FILE)
    assert names == [f"p-{number:02}.jpg" for number in range(9, -1, -1)]
    for name in ("rows.csv", "rows.json"):
        target = str(tmp_path / name)
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *_, target=target: (target, "CSV (*.csv)")
        )
        menu_action(opened.window, "File", "Export results").trigger()
        qtbot.waitUntil(lambda: not opened.window.saver.is_busy, timeout=WAIT_MS)
    with (tmp_path / "rows.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [Path(line["path"]).name for line in lines] == names
    assert lines[2]["error"] == f"{BROKEN} is not an image that can be read."
    assert [line["count"] for line in lines] == column(panel.table, 4)
    objects = json.loads((tmp_path / "rows.json").read_text())
    assert [Path(one["path"]).name for one in objects] == names
    assert objects[2]["error"]["kind"] == "not-an-image"


def test_a_place_that_cannot_be_written_gives_a_banner(
    opened: App,
    folder: Path,
    tmp_path: Path,
    qtbot: QtBot,
    wait_rows: Callable[[App], None],
) -> None:
    drop(opened.window, [folder])
    wait_rows(opened)
    rows = opened.window.results.panel.model.shown_rows()
    opened.window.saver.save_rows(rows, tmp_path / "nowhere" / "rows.csv")
    qtbot.waitUntil(lambda: not opened.window.saver.is_busy, timeout=WAIT_MS)
    assert opened.document.problem is not None
    assert opened.document.problem.kind == "cannot-save"


def test_a_lost_gpu_in_a_run_keeps_the_rows_and_refuses_the_next(
    opened: App,
    tmp_path: Path,
    wait_rows: Callable[[App], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run_images(_model: Any, paths: Any, *, report: Callable[[Any], None], **_lanes: Any) -> Any:
        yield ResultRow(path=str(paths[0]), task="detect")
        report(None)
        raise ModelError("gpu-lost", "The GPU is lost.", "Restart Enginebay.", fatal=True)

    drop(opened.window, make_pictures(tmp_path / "few", 3))
    wait_rows(opened)
    monkeypatch.setattr("core.folder_run.run_images", run_images)
    opened.window.many.run_all()
    wait_rows(opened)
    model = opened.window.results.panel.model
    assert opened.document.lost is not None
    assert opened.document.problem == opened.document.lost
    assert opened.document.lost.action == "restart"
    assert model.count == 1
    opened.document.dismiss_problem()
    opened.window.many.run_all()
    assert not opened.window.many.is_busy
    assert opened.document.problem == opened.document.lost
    assert model.count == 1


def test_clearing_the_images_ends_the_run_and_keeps_its_rows(
    opened: App,
    tmp_path: Path,
    qtbot: QtBot,
    slow_rows: list[str],
    wait_rows: Callable[[App], None],
) -> None:
    drop(opened.window, make_pictures(tmp_path / "many", 90))
    model = opened.window.results.panel.model
    qtbot.waitUntil(lambda: model.count > 4, timeout=WAIT_MS)
    opened.document.clear_images()
    wait_rows(opened)
    assert 4 < model.count == len(slow_rows) < 90


def test_closing_the_window_ends_the_run(
    opened: App, tmp_path: Path, qtbot: QtBot, slow_rows: list[str]
) -> None:
    drop(opened.window, make_pictures(tmp_path / "many", 90))
    model = opened.window.results.panel.model
    qtbot.waitUntil(lambda: model.count > 4, timeout=WAIT_MS)
    close_app(opened)
    assert not opened.thread_.isRunning()
    assert len(slow_rows) < 90


def test_a_run_and_a_video_go_on_side_by_side(
    opened: App,
    tmp_path: Path,
    qtbot: QtBot,
    slow_rows: list[str],
    wait_rows: Callable[[App], None],
) -> None:
    video = write_video(tmp_path / "short.avi")
    drop(opened.window, make_pictures(tmp_path / "many", 60))
    model, player = opened.window.results.panel.model, opened.window.player
    qtbot.waitUntil(lambda: model.count > 4, timeout=WAIT_MS)
    drop(opened.window, [video])
    qtbot.waitUntil(lambda: player.index == 0 and not player.is_busy, timeout=WAIT_MS)
    qtbot.keyClick(opened.window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: player.index == 4, timeout=WAIT_MS)
    assert len(slow_rows) < 60
    wait_rows(opened)
    assert model.count == 60


def test_errors_sort_before_warnings_and_silence_comes_last() -> None:
    model = ResultsModel()
    error = RowError("damaged-image", "z is damaged.", "Save it again.")
    model.add(
        [
            ResultRow(path="quiet.jpg"),
            ResultRow(path="warned.jpg", warnings=("a NaN",)),
            ResultRow(path="z.jpg", error=error),
        ]
    )
    model.sort(REMARKS)
    assert [row.path for row in model.shown_rows()] == ["z.jpg", "warned.jpg", "quiet.jpg"]
    model.sort(REMARKS, Qt.SortOrder.DescendingOrder)
    assert [row.path for row in model.shown_rows()] == ["warned.jpg", "z.jpg", "quiet.jpg"]


def test_a_run_gives_way_after_one_row_and_goes_on_from_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from core.jobs import Job, JobContext

    def run_images(_model: Any, paths: Any, *, report: Callable[[Any], None], **_lanes: Any) -> Any:
        for path in paths:
            yield ResultRow(path=str(path))
            report(None)

    monkeypatch.setattr("core.folder_run.run_images", run_images)
    sheet = gui.image_run.RowSheet()
    paths = (Path("a"), Path("b"), Path("c"))
    request = gui.image_run.RunMany(paths, 1, None, None, sheet)
    model: Any = SimpleNamespace(file=SimpleNamespace(kind="onnx"), session=None)
    busy = JobContext(Job(1, "many", request), lambda _event: None, lambda: True)
    free = JobContext(Job(2, "many", request), lambda _event: None)
    assert not gui.image_run.run_many(model, request, busy).is_whole
    assert [row.path for row in sheet.new_rows] == ["a"]
    assert gui.image_run.run_many(model, request, free).is_whole
    assert [row.path for row in sheet.new_rows] == ["a", "b", "c"]


def test_images_that_came_before_the_model_are_a_key_away_from_a_table(
    app_: App, folder: Path, wait_rows: Callable[[App], None]
) -> None:
    window = app_.window
    drop(window, [folder])
    drop(window, [DEMO_MODEL])
    wait_rows(app_)
    assert window.results.panel.model.count == 0
    assert f"F6 runs all {COUNT} images" in window._status.text()
    menu_action(window, "Run", "Run all images").trigger()
    wait_rows(app_)
    assert window.results.panel.model.count == COUNT
    assert window._status.text() == "Ready"


def test_rows_by_another_recipe_or_reading_than_is_chosen_say_so(
    opened: App, folder: Path, wait_rows: Callable[[App], None], qtbot: QtBot
) -> None:
    window, note = opened.window, "by another recipe or reading"
    panel, recipe = window.results.panel, window.recipe_editing.recipe
    drop(window, [folder])
    wait_rows(opened)
    assert recipe is not None
    assert note not in panel._status.text()

    def wait() -> None:
        qtbot.waitUntil(
            lambda: not window.recipe_editing.is_busy and not window.rereading.is_busy,
            timeout=WAIT_MS,
        )
        wait_rows(opened)

    window.recipe_editing.use(dataclasses.replace(recipe, scale=recipe.scale / 2))
    assert note in panel._status.text()
    wait()
    window.recipe_editing.use(recipe)
    wait()
    assert note not in panel._status.text()
    choices = window.rereading.choices
    window.rereading.choose(dataclasses.replace(choices, score_threshold=0.9))
    wait()
    assert note in panel._status.text()
    window.many.run_all()
    wait_rows(opened)
    assert note not in panel._status.text()

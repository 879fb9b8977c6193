"""The user's choices in how outputs are read: at once, and without a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

import core.model
from core.errors import InputError
from core.paths import DEMO_MODEL
from core.tasks import Choices, Reading
from gui.document import Document
from gui.inference_thread import RunImage
from gui.rereading import ReadAgain, Rereading
from gui.saving import KINDS
from tests.gui.fakes import FakeThread, identified, loaded, ran
from tests.gui.hands import PICTURES, drop, menu_action, texts
from tests.gui.limits import WAIT_MS
from tests.unit import onnx_models

if TYPE_CHECKING:
    from gui.app import App
    from gui.main_window import MainWindow
    from gui.panels.threshold_row import ThresholdRow

WaitIdle = Callable[["Document"], None]
MakeApp = Callable[..., "App"]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every run of a model on a picture."""
    made: list[str] = []
    real = core.model.Model.test

    def counted(self: core.model.Model, path: Any, *more: Any) -> core.model.TestResult:
        made.append(str(path))
        return real(self, path, *more)

    monkeypatch.setattr(core.model.Model, "test", counted)
    return made


@pytest.fixture
def window(make_app: MakeApp, runs: list[str]) -> MainWindow:
    """The demo's model with a picture, shown."""
    return make_app(file=DEMO_MODEL, drop=PICTURES[:1]).window


@pytest.fixture
def settle(qtbot: QtBot) -> Callable[[MainWindow], None]:
    """Wait until everything has been run, read and written."""

    def wait(window: MainWindow) -> None:
        def is_calm() -> bool:
            busy = (window.document, window.rereading, window.saver)
            return not any(one.is_busy for one in busy)

        qtbot.waitUntil(is_calm, timeout=WAIT_MS)

    return wait


Settle = Callable[["MainWindow"], None]


def row(window: MainWindow, name: str) -> ThresholdRow:
    return window.outputs.reading.rows[name]


def scores(window: MainWindow) -> list[float]:
    result = window.document.result
    assert result is not None
    return [found.score for found in result.result.predictions]


# -- thresholds --------------------------------------------------------------------------


def test_sliding_a_threshold_shows_its_effect_and_never_runs_the_model(
    window: MainWindow, settle: Settle, runs: list[str]
) -> None:
    before, count = scores(window), len(runs)
    assert len(before) > 3
    slider = row(window, "score_threshold").slider
    slider.setFocus()
    for value in range(25, 92):
        slider.setValue(value)
    settle(window)
    assert scores(window) == [score for score in before if score >= 0.91]
    assert 0 < len(scores(window)) < len(before)
    assert window.outputs.predictions.model().rowCount() == len(scores(window))
    QTest.keyClick(slider, Qt.Key.Key_Right)
    settle(window)
    assert row(window, "score_threshold").value() == pytest.approx(0.92)
    assert scores(window) == [score for score in before if score >= 0.92]
    slider.setValue(25)
    settle(window)
    assert scores(window) == before
    assert len(runs) == count == 1
    assert window.document.endings["finished"] == 3, "identified, loaded, run"
    assert len(window.document.runs.warm) == 0, "no time was made up"


def test_a_threshold_can_be_typed(window: MainWindow, settle: Settle, runs: list[str]) -> None:
    before = scores(window)
    field = row(window, "max_detections").field
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "2")
    QTest.keyClick(field, Qt.Key.Key_Return)
    settle(window)
    assert scores(window) == before[:2]
    assert row(window, "max_detections").slider.value() == 2
    assert len(runs) == 1


def test_only_thresholds_that_the_task_uses_are_there(
    window: MainWindow, settle: Settle, tmp_path: Path
) -> None:
    def there() -> set[str]:
        rows = window.outputs.reading.rows
        return {name for name, one in rows.items() if one.isVisibleTo(window)}

    assert there() == {"score_threshold", "iou_threshold", "max_detections"}
    assert not window.outputs.reading.opacity.isVisibleTo(window)
    drop(window, [onnx_models.classifier(tmp_path)])
    settle(window)
    assert there() == {"top_k"}
    window.document.clear_images()
    assert there() == set()


def test_the_next_picture_is_read_by_the_choices(
    window: MainWindow, settle: Settle, runs: list[str]
) -> None:
    row(window, "max_detections").slider.setValue(2)
    settle(window)
    drop(window, [PICTURES[1]])
    settle(window)
    assert runs == [str(PICTURES[0]), str(PICTURES[1])]
    assert len(scores(window)) == 2
    assert row(window, "max_detections").value() == 2


def test_another_model_is_read_as_guessed(window: MainWindow, settle: Settle) -> None:
    before = scores(window)
    row(window, "score_threshold").slider.setValue(100)
    settle(window)
    assert scores(window) == []
    assert "Nothing scored high enough" in texts(window.outputs)
    drop(window, [DEMO_MODEL])
    settle(window)
    assert window.document.reading is None
    assert scores(window) == before
    assert row(window, "score_threshold").value() == 0.25


# -- the task ----------------------------------------------------------------------------


def test_every_way_to_read_the_outputs_is_one_click_away(
    window: MainWindow, settle: Settle, runs: list[str]
) -> None:
    chooser = window.outputs.reading.chooser
    items = [chooser.itemText(index) for index in range(chooser.count())]
    assert items[0] == "As guessed: detection (ultralytics)"
    assert items[1] == "detection (ultralytics) - certain"
    assert any("plain tensors" in item for item in items[2:])
    for index in range(1, chooser.count()):
        assert len(chooser.itemData(index, Qt.ItemDataRole.ToolTipRole)) > 20, "its evidence"
    assert "(certain): metadata says detect" in texts(window.outputs)
    place = next(i for i, item in enumerate(items) if "plain tensors" in item)
    chooser.setCurrentIndex(place)
    chooser.activated.emit(place)
    settle(window)
    result = window.document.result
    assert result is not None
    assert result.result.guess.task == "tensors"
    assert chooser.currentIndex() == place
    assert "as you chose" in texts(window.outputs)
    assert [chooser.itemText(i) for i in range(1, chooser.count())] == items[1:], "in their places"
    chooser.setCurrentIndex(0)
    chooser.activated.emit(0)
    settle(window)
    assert result is not window.document.result
    assert len(scores(window)) > 3
    assert len(runs) == 1


def test_a_result_on_random_input_is_not_read_in_other_ways(
    window: MainWindow, settle: Settle
) -> None:
    window.document.run_random()
    settle(window)
    assert not window.outputs.reading.chooser.isVisibleTo(window)


def test_escape_still_cancels_and_closes_the_banner(window: MainWindow, settle: Settle) -> None:
    row(window, "score_threshold").slider.setValue(50)
    window.document.run_again()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    settle(window)
    assert window.document.endings["cancelled"] == 1
    assert all(score >= 0.5 for score in scores(window))


# -- class names -------------------------------------------------------------------------


def test_a_file_dropped_on_the_predictions_names_the_classes(
    window: MainWindow,
    settle: Settle,
    runs: list[str],
    tmp_path: Path,
) -> None:
    result = window.document.result
    assert result is not None
    ids = [found.class_id for found in result.result.predictions]
    names = tmp_path / "names.txt"
    names.write_text("a\nb\nc\nd\ne\nf")
    assert drop(window.outputs.predictions.viewport(), [names])
    settle(window)
    result = window.document.result
    assert result is not None
    assert [found.label for found in result.result.predictions] == ["abcdef"[i] for i in ids]
    own = window.outputs.reading.own_names
    assert own.isEnabled()
    assert window.outputs.reading.names.toolTip() == "6 class names from a file are used."
    own.trigger()
    settle(window)
    assert "ring" in {found.label for found in window.document.result.result.predictions}
    assert not own.isEnabled()
    assert len(runs) == 1


def test_names_of_another_number_change_nothing_and_say_so(
    window: MainWindow, settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = window.document.result
    names = tmp_path / "names.txt"
    names.write_text("a\nb\nc")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(names), ""))
    window.outputs.reading.from_file.trigger()
    settle(window)
    assert "3 class names, but the model has 6 classes" in texts(window.banner)
    assert window.document.result is before
    assert window.rereading.choices == Choices()


# -- which reading counts ----------------------------------------------------------------


@pytest.fixture
def threads(qapp: object) -> Iterator[tuple[FakeThread, FakeThread]]:
    both = FakeThread(), FakeThread()
    yield both
    for thread in both:
        thread.stop(0)
        thread.flush()


class Desk:
    """A document with a model and a result, and the two threads that serve it."""

    def __init__(self, threads: tuple[FakeThread, FakeThread]) -> None:
        self.runs, self.reads = threads
        self.document = Document(self.runs)
        self.rereading = Rereading(self.document, self.reads)
        self.document.add_images([Path("/pictures/1.png"), Path("/pictures/2.png")])
        self.open(Path("/models/a.onnx"))

    def open(self, path: Path) -> None:
        self.document.open_path(path)
        self.runs.finish(identified(self.runs.take().path))
        self.runs.finish(loaded(self.runs.take()))
        self.run()

    def run(self) -> RunImage:
        request: RunImage = self.runs.take()
        self.finish(request)
        return request

    def finish(self, request: RunImage) -> None:
        """A run's result, read by the choices that it took along."""
        tested = ran(request)
        recipe: Any = object()  # it was no random input
        reading = Reading(choices=request.choices or Choices())
        self.runs.finish(
            tested._replace(result=replace(tested.result, recipe=recipe, reading=reading))
        )

    def read(self) -> Any:
        request: ReadAgain = self.reads.take()
        self.reads.finish(request.run.read_again(request.choices))
        return request


@pytest.fixture
def desk(threads: tuple[FakeThread, FakeThread]) -> Desk:
    return Desk(threads)


FEW, MANY = Choices(max_detections=1), Choices(max_detections=9)


def shown_choices(desk: Desk) -> Choices:
    assert desk.document.result is not None
    return desk.document.result.result.reading.choices


def test_the_latest_choice_wins(desk: Desk) -> None:
    desk.rereading.choose(FEW)
    desk.reads.take()
    desk.rereading.choose(Choices(max_detections=5))
    desk.rereading.choose(MANY)
    desk.reads.finish(None)  # too late: cancelled
    assert len(desk.reads.waiting) == 1
    desk.read()
    assert shown_choices(desk) == MANY
    assert desk.runs.waiting == []
    assert not desk.rereading.is_busy


def test_a_choice_made_during_a_run_holds_for_its_result(desk: Desk) -> None:
    desk.document.select(0)
    run = desk.runs.take()
    desk.rereading.choose(FEW)
    desk.read()
    assert run.choices is None
    desk.document.run_again()  # takes the choice along
    desk.runs.finish(None)
    later = desk.runs.take()
    assert later.choices == FEW
    desk.rereading.choose(MANY)
    desk.finish(later)
    assert desk.read().choices == MANY
    assert shown_choices(desk) == MANY


def test_a_reading_of_a_result_that_has_gone_is_not_shown(desk: Desk) -> None:
    desk.rereading.choose(FEW)
    request = desk.reads.take()
    desk.document.clear_images()
    desk.reads.finish(request.run.read_again(FEW))
    assert desk.document.result is None


def test_choices_belong_to_the_model(desk: Desk) -> None:
    desk.rereading.choose(FEW)
    desk.read()
    desk.document.select(0)
    assert desk.run().choices == FEW
    assert desk.reads.waiting == [], "it was read by them already"
    desk.open(Path("/models/b.onnx"))
    assert desk.document.reading is None
    assert shown_choices(desk) == Choices()
    assert desk.reads.waiting == []


def test_what_cannot_be_read_so_leaves_result_and_choices_as_they_were(desk: Desk) -> None:
    before = desk.document.result
    desk.rereading.choose(Choices(task="pose"))
    desk.reads.take()
    desk.reads.fail(InputError("task-does-not-fit", "No poses.", "Choose another."))
    assert desk.document.problem is not None
    assert desk.document.problem.kind == "task-does-not-fit"
    assert desk.document.result is before
    assert desk.rereading.choices == Choices()


def test_without_a_result_a_choice_runs_the_picture_again(desk: Desk) -> None:
    desk.rereading.choose(Choices(task="tensors"))
    desk.read()
    desk.document.select(0)
    desk.runs.take()
    desk.runs.fail(InputError("task-does-not-fit", "No tensors.", "Choose another."))
    assert desk.document.result is None
    desk.rereading.choose(Choices())
    assert desk.run().choices == Choices()
    assert desk.document.result is not None


# -- copying and saving ------------------------------------------------------------------


def save(window: MainWindow, kind: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    text = KINDS[kind].text.replace("&", "").rstrip(".")
    menu_action(window, "File", text).trigger()


def test_predictions_are_copied_as_a_table(window: MainWindow) -> None:
    window.outputs.predictions.selectRow(1)
    menu_action(window, "File", "Copy predictions").trigger()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].startswith("prediction\tscore")
    assert len(lines) == 1 + len(scores(window)), "all of them, whatever is selected"


def test_the_overlay_the_outputs_and_the_predictions_are_saved(
    window: MainWindow, settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = window.document.result
    assert result is not None
    assert result.result.image is not None
    for kind in ("overlay", "outputs", "json"):
        save(window, kind, tmp_path / kind, monkeypatch)
    settle(window)
    pixels = cv2.imread(str(tmp_path / "overlay"))
    assert pixels.shape == result.result.image.pixels.shape
    assert (pixels != result.result.image.pixels[..., ::-1]).any(), "something is drawn on it"
    with np.load(tmp_path / "outputs") as saved:
        for name, array in result.result.outputs.items():
            np.testing.assert_array_equal(saved[name], array)
    (entry,) = json.loads((tmp_path / "json").read_text())["images"]
    assert len(entry["predictions"]) == len(scores(window))
    assert entry["task"] == "detect"
    assert "Saved" in window.statusBar().currentMessage()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "json",
        "outputs",
        "overlay",
    ]


def test_coco_json_is_what_core_makes_of_the_result(
    window: MainWindow, settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(window, "coco", tmp_path / "coco.json", monkeypatch)
    settle(window)
    answer = json.loads((tmp_path / "coco.json").read_text())
    assert len(answer["annotations"]) == len(scores(window)) > 0


def test_what_cannot_be_saved_says_so_and_the_picture_is_never_overwritten(
    window: MainWindow, settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(window, "overlay", tmp_path / "nowhere" / "a.png", monkeypatch)
    settle(window)
    assert "a.png cannot be saved" in texts(window.banner)
    before = PICTURES[0].read_bytes()
    save(window, "overlay", PICTURES[0], monkeypatch)
    settle(window)
    assert "the picture itself" in texts(window.banner)
    assert PICTURES[0].read_bytes() == before


def test_without_a_result_there_is_nothing_to_save(app_: App, settle: Settle) -> None:
    for kind in KINDS.values():
        text = kind.text.replace("&", "").rstrip(".")
        assert not menu_action(app_.window, "File", text).isEnabled()

"""The recipe in the window: each field, what cannot be used, keeping it, and finding one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

import core.model
from core.errors import CudaError
from core.paths import DEMO_MODEL
from core.presets import PRESETS
from core.recipe_file import RecipeFile, read_recipe_file, write_recipe_file
from core.recipes import Recipe
from core.tasks import Choices
from gui.document import Document
from gui.escape import on_escape
from gui.inference_thread import LoadModel, RunImage
from gui.panels.recipe_fields import number_of, number_text, numbers_of
from gui.recipe_editing import RecipeEditing
from gui.recipe_requests import FindRecipes
from gui.theme import apply_theme
from tests.gui.fakes import FakeThread, identified, loaded, ran
from tests.gui.hands import PICTURES, button, drop, texts, turn_wheel
from tests.gui.limits import WAIT_MS
from tests.unit import onnx_models

if TYPE_CHECKING:
    from gui.app import App
    from gui.main_window import MainWindow

MakeApp = Callable[..., "App"]
Settle = Callable[["MainWindow"], None]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every run of a model on a picture, but those of a search."""
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
def settle(qtbot: QtBot) -> Settle:
    """Wait until everything has been asked for, run and read."""

    def wait(window: MainWindow) -> None:
        def is_calm() -> bool:
            busy = (window.document, window.recipe_editing, window.rereading)
            return not any(one.is_busy for one in busy)

        qtbot.waitUntil(is_calm, timeout=WAIT_MS)

    return wait


def used(window: MainWindow) -> Recipe:
    """The recipe that the result on screen was made with."""
    result = window.document.result
    assert result is not None
    assert result.result.recipe is not None
    return result.result.recipe


def type_into(edit: QLineEdit, text: str, *, enter: bool = True) -> None:
    edit.setFocus()
    edit.selectAll()
    QTest.keyClicks(edit, text)
    if enter:
        QTest.keyClick(edit, Qt.Key.Key_Return)


def choose(box: Any, text: str) -> None:
    """Go to an entry of a combo box with the arrow keys."""
    box.setFocus()
    down = box.findText(text) - box.currentIndex()
    for _ in range(abs(down)):
        QTest.keyClick(box, Qt.Key.Key_Down if down > 0 else Qt.Key.Key_Up)
    assert box.currentText() == text


def pick_from_menu(window: MainWindow, text: str) -> None:
    """Choose an entry of the Save button's menu."""
    menu = window.recipe.save.menu()
    [action] = [one for one in menu.actions() if one.text().replace("&", "") == text]
    menu.popup(QPoint(0, 0))
    QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center())


# -- what is shown -----------------------------------------------------------------------


def test_every_value_of_the_recipe_is_shown_with_its_evidence(window: MainWindow) -> None:
    form = window.recipe.form
    assert "Ultralytics" in window.recipe.evidence.text()
    assert window.recipe.evidence.text().endswith("(certain).")
    assert {name: box.currentText() for name, box in form.words.items()} == {
        "layout": "NCHW",
        "resize": "letterbox",
        "interpolation": "linear",
        "color": "rgb",
    }
    assert {name: edit.text() for name, edit in form.numbers.items()} == {
        "scale": "1/255",
        "mean": "0",
        "std": "1",
    }
    assert (form.width_.value(), form.height_.value(), form.pad.value()) == (256, 256, 114)
    assert not form.width_.isEnabled(), "the tensor's size is fixed"
    assert form.input.text() == "images"
    assert form.tensor.text() == "float32 ? x 3 x 256 x 256"
    assert form.preset.currentText() == "ultralytics"
    assert form.formula.text() == "pixel / 255"


def test_a_model_without_a_recipe_says_why_and_offers_no_field(
    window: MainWindow, settle: Settle, tmp_path: Path
) -> None:
    drop(window, [onnx_models.no_image_input(tmp_path)])
    settle(window)
    assert "no input that takes a picture" in window.recipe.evidence.text()
    assert not window.recipe.form.isVisibleTo(window)
    assert not window.recipe.as_guessed.isEnabled()
    assert not window.recipe.search.isEnabled()
    assert not window.recipe.save.isEnabled()


# -- changing a field --------------------------------------------------------------------


def test_a_changed_field_runs_the_image_once_more_with_it(
    window: MainWindow, settle: Settle, runs: list[str]
) -> None:
    form = window.recipe.form
    assert len(runs) == 1
    choose(form.words["color"], "bgr")
    settle(window)
    assert used(window).color == "bgr"
    assert len(runs) == 2
    type_into(form.numbers["scale"], "1/127.5")
    settle(window)
    assert used(window).scale == 1 / 127.5
    type_into(form.numbers["mean"], "1, 0.5 1/4")
    settle(window)
    assert used(window).mean == (1.0, 0.5, 0.25)
    type_into(form.numbers["std"], "2")
    settle(window)
    assert used(window).std == (2.0,)
    type_into(form.pad.lineEdit(), "7")
    settle(window)
    assert used(window).pad == 7
    assert len(runs) == 6
    assert used(window).color == "bgr", "what was changed before stays"
    assert form.numbers["mean"].text() == "1, 0.5, 0.25"
    assert form.preset.currentText() == "own values"
    assert window.recipe.evidence.text() == "Set by you."
    result = window.document.result
    assert result is not None
    tensor = result.result.inputs["images"]
    # Padding of 7 in blue, green and red: (7 / 127.5 - mean) / 2.
    expected = [(7 / 127.5 - mean) / 2 for mean in (1.0, 0.5, 0.25)]
    assert tensor[0, :, 0, 0] == pytest.approx(expected, abs=1e-6)


def test_many_changes_at_once_run_the_last_recipe(
    window: MainWindow, settle: Settle, runs: list[str]
) -> None:
    for value in range(20):
        type_into(window.recipe.form.pad.lineEdit(), str(value))
    settle(window)
    assert used(window).pad == 19
    assert len(runs) < 21


def test_an_entered_value_that_is_the_same_runs_nothing(
    window: MainWindow, settle: Settle, runs: list[str]
) -> None:
    type_into(window.recipe.form.numbers["scale"], "1/255")
    settle(window)
    assert len(runs) == 1
    assert window.document.recipe is None


def test_what_is_half_typed_is_not_used_yet(
    window: MainWindow, settle: Settle, runs: list[str]
) -> None:
    edit = window.recipe.form.numbers["scale"]
    type_into(edit, "1/2", enter=False)
    settle(window)
    assert len(runs) == 1
    QTest.keyClicks(edit, "0")
    QTest.keyClick(edit, Qt.Key.Key_Tab)
    settle(window)
    assert used(window).scale == 1 / 20
    assert len(runs) == 2


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("scale", "0", "other than 0"),
        ("scale", "nan", "finite"),
        ("scale", "1/0", "fraction"),
        ("scale", "", "empty"),
        ("mean", "1, 2", "one number, or 3"),
        ("mean", "red", '"red"'),
        ("std", "1, 0, 1", "other than 0"),
    ],
)
def test_a_value_that_cannot_be_used_is_marked_and_changes_nothing(
    window: MainWindow, settle: Settle, runs: list[str], field: str, text: str, said: str
) -> None:
    form, before = window.recipe.form, used(window)
    edit = form.numbers[field]
    edit.setFocus()
    edit.selectAll()
    QTest.keyClick(edit, Qt.Key.Key_Delete)
    QTest.keyClicks(edit, text)
    assert said in form.fields[field].note.text(), "at once"
    assert form.fields[field].note.isVisibleTo(window)
    QTest.keyClick(edit, Qt.Key.Key_Return)
    settle(window)
    assert said in form.fields[field].note.text()
    assert len(runs) == 1
    assert window.document.recipe is None
    assert used(window) == before
    assert edit.text() == text, "it can be corrected"
    type_into(edit, "0.5")
    settle(window)
    assert not form.fields[field].note.isVisibleTo(window)
    assert getattr(used(window), field) in (0.5, (0.5,))
    assert len(runs) == 2


def test_a_marked_field_keeps_no_other_from_being_used(window: MainWindow, settle: Settle) -> None:
    form = window.recipe.form
    type_into(form.numbers["scale"], "0")
    choose(form.words["color"], "bgr")
    settle(window)
    assert (used(window).color, used(window).scale) == ("bgr", 1 / 255)
    assert form.numbers["scale"].text() == "0"
    assert form.fields["scale"].is_marked
    QTest.mouseClick(window.recipe.as_guessed, Qt.MouseButton.LeftButton)
    settle(window)
    assert form.numbers["scale"].text() == "1/255"
    assert not form.fields["scale"].is_marked


def test_free_sides_can_be_chosen_and_fixed_ones_cannot(
    window: MainWindow, settle: Settle, tmp_path: Path
) -> None:
    drop(window, [onnx_models.identity(tmp_path, shape=(1, 3, 32, "w"))])
    settle(window)
    form = window.recipe.form
    assert not form.height_.isEnabled()
    assert form.width_.isEnabled()
    type_into(form.width_.lineEdit(), "48")
    settle(window)
    assert used(window).size_wh == (48, 32)
    type_into(form.width_.lineEdit(), "65535")
    settle(window)
    assert used(window).size_wh == (65535, 32)


def test_a_size_beyond_all_memory_is_marked(make_app: MakeApp, tmp_path: Path) -> None:
    window = make_app(file=onnx_models.identity(tmp_path, shape=(1, 3, 30000, "w"))).window
    form, before = window.recipe.form, window.recipe_editing.recipe
    type_into(form.width_.lineEdit(), "60000")
    assert "million pixels" in form.fields["size_wh"].note.text()
    assert window.recipe_editing.recipe == before


def test_only_what_fits_the_channels_is_offered(
    window: MainWindow, settle: Settle, tmp_path: Path
) -> None:
    box = window.recipe.form.words["color"]
    assert [box.itemText(index) for index in range(box.count())] == ["rgb", "bgr"]
    drop(window, [onnx_models.identity(tmp_path, shape=(1, 1, 8, 8))])
    settle(window)
    assert [box.itemText(index) for index in range(box.count())] == ["grey"]
    assert not box.isEnabled()


def test_the_wheel_over_a_field_that_is_not_at_work_changes_nothing(
    window: MainWindow, settle: Settle, runs: list[str]
) -> None:
    form = window.recipe.form
    form.preset.setFocus()
    for editor in (form.words["color"], form.pad):
        turn_wheel(editor, QPoint(5, 5), -1)
    settle(window)
    assert len(runs) == 1
    assert window.document.recipe is None


# -- presets, and back -------------------------------------------------------------------


def test_a_preset_is_used_and_the_guess_comes_back(
    window: MainWindow, settle: Settle, runs: list[str]
) -> None:
    guess, panel = used(window), window.recipe
    choose(panel.form.preset, "imagenet")
    settle(window)
    assert used(window).mean == PRESETS["imagenet"]["mean"]
    assert used(window).resize == "center-crop"
    assert panel.form.numbers["std"].text() == "0.229, 0.224, 0.225"
    assert panel.evidence.text() == "The preset imagenet (certain)."
    count = len(runs)
    QTest.mouseClick(panel.as_guessed, Qt.MouseButton.LeftButton)
    settle(window)
    assert used(window) == guess
    assert len(runs) == count + 1
    assert panel.form.preset.currentText() == "ultralytics"
    assert "Ultralytics" in panel.evidence.text()


# -- kept and exchanged ------------------------------------------------------------------


def test_a_saved_recipe_and_its_choices_are_there_when_the_model_is_opened_again(
    window: MainWindow, settle: Settle, runs: list[str]
) -> None:
    choose(window.recipe.form.words["color"], "bgr")
    settle(window)
    field = window.outputs.reading.rows["max_detections"].field
    type_into(field.lineEdit(), "3")
    settle(window)
    pick_from_menu(window, "Save for this model")
    settle(window)
    assert "saved" in window.statusBar().currentMessage()
    choose(window.recipe.form.words["color"], "rgb")
    settle(window)
    drop(window, [DEMO_MODEL])
    settle(window)
    assert used(window).color == "bgr"
    assert window.recipe.form.words["color"].currentText() == "bgr"
    assert "our saved recipe" in window.recipe.evidence.text()
    assert window.outputs.reading.rows["max_detections"].value() == 3
    result = window.document.result
    assert result is not None
    assert len(result.result.predictions) == 3
    QTest.mouseClick(window.recipe.as_guessed, Qt.MouseButton.LeftButton)
    settle(window)
    assert used(window).color == "rgb", "what is guessed, not what is saved"
    pick_from_menu(window, "Forget saved")
    settle(window)
    assert "forgotten" in window.statusBar().currentMessage()
    drop(window, [DEMO_MODEL])
    settle(window)
    assert used(window).color == "rgb"
    assert "saved" not in window.recipe.evidence.text()
    assert window.outputs.reading.rows["max_detections"].value() == 300


def test_a_recipe_is_exported_and_imported(
    window: MainWindow, settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    choose(window.recipe.form.words["resize"], "stretch")
    settle(window)
    pick_from_menu(window, "Export...")
    settle(window)
    assert read_recipe_file(path).recipe.resize == "stretch"
    QTest.mouseClick(window.recipe.as_guessed, Qt.MouseButton.LeftButton)
    settle(window)
    assert used(window).resize == "letterbox"
    pick_from_menu(window, "Import...")
    settle(window)
    assert used(window).resize == "stretch"
    assert window.recipe.evidence.text() == "The recipe file own.json (certain)."


def test_the_choices_of_an_imported_file_are_used_too(
    window: MainWindow, settle: Settle, tmp_path: Path
) -> None:
    path = tmp_path / "own.json"
    content = RecipeFile(recipe=used(window), choices=Choices(max_detections=2))
    write_recipe_file(path, content)
    window.recipe_editing.import_from(path)
    settle(window)
    result = window.document.result
    assert result is not None
    assert len(result.result.predictions) == 2
    assert window.outputs.reading.rows["max_detections"].value() == 2


def test_a_bad_recipe_file_is_told_of_and_changes_nothing(
    window: MainWindow,
    settle: Settle,
    runs: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "own.json"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    before = used(window)
    write_recipe_file(path, RecipeFile(recipe=before))
    good = json.loads(path.read_text())
    good["recipe"]["size_wh"] = [64, 64]  # which the tensor does not take
    for text, said in (
        ("{", "no JSON"),
        (json.dumps(good), "height"),
        (json.dumps(good | {"more": 1}), "unknown field"),
    ):
        path.write_text(text)
        window.document.dismiss_problem()
        pick_from_menu(window, "Import...")
        settle(window)
        assert window.banner.isVisibleTo(window)
        assert said in texts(window.banner)
        assert window.document.recipe is None
        assert used(window) == before
    assert len(runs) == 1


# -- finding one -------------------------------------------------------------------------


def _search(window: MainWindow, settle: Settle) -> None:
    QTest.mouseClick(window.recipe.search, Qt.MouseButton.LeftButton)
    assert window.finder.isVisible()
    settle(window)


def test_recipes_are_found_ranked_and_picked(
    window: MainWindow, settle: Settle, runs: list[str]
) -> None:
    _search(window, settle)
    table = window.finder.table
    model = table.model()
    rows = [[model.index(row, c).data() for c in range(5)] for row in range(model.rowCount())]
    assert len(rows) > 8
    assert rows[0][:3] == ["ultralytics", "rgb", "letterbox"], "as it was trained"
    assert all("boxes" in row[4] or "nothing" in row[4].lower() for row in rows), rows
    other = next(row for row, cells in enumerate(rows) if cells[1] == "bgr")
    table.scrollTo(model.index(other, 0))
    place = table.visualRect(model.index(other, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    settle(window)
    assert used(window).color == "bgr"
    assert len(runs) == 2
    assert "found by trying" in window.recipe.evidence.text().lower()
    table.setCurrentIndex(model.index(0, 0))
    QTest.keyClick(table, Qt.Key.Key_Return)
    settle(window)
    assert used(window).color == "rgb"
    assert window.finder.isVisible(), "another can be picked"


def test_a_search_gives_other_inputs_what_a_run_gives_them(
    window: MainWindow, settle: Settle, tmp_path: Path
) -> None:
    drop(window, [onnx_models.two_inputs(tmp_path)])
    settle(window)
    _search(window, settle)
    assert window.document.problem is None or window.document.problem.is_warning
    assert window.finder.table.model().rowCount() > 4


def test_without_an_image_a_search_says_what_to_do(make_app: MakeApp) -> None:
    window = make_app(file=DEMO_MODEL).window
    QTest.mouseClick(window.recipe.search, Qt.MouseButton.LeftButton)
    assert not window.finder.isVisible()
    assert "image" in texts(window.banner)


def test_a_search_is_cancelled_by_its_button_and_by_a_new_run(
    window: MainWindow, settle: Settle, qtbot: QtBot
) -> None:
    for stop in (
        lambda: QTest.mouseClick(button(window.finder, "Cancel"), Qt.MouseButton.LeftButton),
        window.finder.reject,
        lambda: on_escape(window),
        window.document.run_again,
    ):
        ends = window.recipe_editing._requests.endings
        cancelled = ends["cancelled"]
        QTest.mouseClick(window.recipe.search, Qt.MouseButton.LeftButton)
        assert window.recipe_editing.is_searching
        stop()
        settle(window)
        assert ends["cancelled"] == cancelled + 1
        assert window.finder.table.model().rowCount() == 0
        assert not window.finder.cancel.isVisibleTo(window.finder)


# -- another model -----------------------------------------------------------------------


def test_another_model_begins_with_its_own_recipe(
    window: MainWindow, settle: Settle, tmp_path: Path
) -> None:
    _search(window, settle)
    form = window.recipe.form
    choose(form.words["color"], "bgr")
    type_into(form.numbers["scale"], "0")
    settle(window)
    red = tmp_path / "red.png"
    cv2.imwrite(str(red), np.full((8, 8, 3), (0, 0, 255), np.uint8))
    drop(window, [onnx_models.classifier(tmp_path), red])
    settle(window)
    assert window.document.recipe is None
    assert used(window).color == form.words["color"].currentText() == "rgb"
    assert not form.fields["scale"].is_marked
    assert form.numbers["scale"].text() == "1/255"
    assert not window.finder.isVisible()
    choose(form.words["color"], "bgr")
    settle(window)
    result = window.document.result
    assert result is not None
    best: Any = result.result.predictions[0]
    assert best.class_id == 2, "the network now sees red as blue"


def test_a_change_made_just_before_another_model_opens_is_not_used_for_it() -> None:
    thread = FakeThread()
    document = Document(thread)  # type: ignore[arg-type]
    editing = RecipeEditing(document, thread)
    recipe = Recipe(input="images", layout="NCHW", size_wh=(8, 8))

    def open_model(name: str) -> None:
        document.open_path(Path(name))
        thread.take()
        thread.finish(identified(Path(name)))
        request = thread.take()
        assert isinstance(request, LoadModel)
        thread.finish(loaded(request)._replace(recipe=recipe))

    open_model("one.onnx")
    document.add_images([Path("a.png")])
    first = thread.take()
    assert first.recipe is None
    thread.finish(ran(first))
    other = replace(recipe, color="bgr")
    editing.use(other)
    assert editing.recipe == other
    assert editing.is_busy, "a run is about to begin"
    open_model("two.onnx")
    assert editing.recipe == recipe
    assert not editing.is_busy
    [*_, last] = [one for one in thread.asked if isinstance(one, RunImage)]
    assert (last.serial, last.recipe) == (first.serial + 1, None)


def test_a_lost_gpu_is_told_of_by_a_search_too() -> None:
    thread = FakeThread()
    document = Document(thread)  # type: ignore[arg-type]
    editing = RecipeEditing(document, thread)
    document.open_path(Path("one.onnx"))
    thread.take()
    thread.finish(identified(Path("one.onnx")))
    request = thread.take()
    assert isinstance(request, LoadModel)
    recipe = Recipe(input="images", layout="NCHW", size_wh=(8, 8))
    thread.finish(loaded(request)._replace(recipe=recipe))
    document.add_images([Path("a.png")])
    thread.finish(ran(thread.take()))
    assert editing.search()
    assert isinstance(thread.take(), FindRecipes)
    thread.fail(CudaError("cuda", "The GPU is lost.", "Start again.", fatal=True))
    assert document.lost is not None
    assert document.problem is not None
    assert document.problem.action == "restart"
    assert not editing.is_busy


# -- numbers, and how it fits ------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1 / 255, "1/255"),
        (1 / 127.5, "1/127.5"),
        (0.485, "0.485"),
        (103.939, "103.939"),
        (0.0, "0"),
        (-1.0, "-1"),
        (1 / 3, "1/3"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)
def test_a_number_is_shown_as_the_shortest_text_that_means_it(number: float, text: str) -> None:
    assert number_text(number) == text
    assert number_of("scale", text) == number


def test_numbers_may_have_commas_or_spaces_between_them() -> None:
    assert numbers_of("mean", " 1,2 ; 1/4") == (1.0, 2.0, 0.25)


def test_every_field_and_button_is_reached_by_tab_in_the_order_of_reading(
    window: MainWindow,
) -> None:
    form, panel = window.recipe.form, window.recipe
    names: list[str] = []
    form.preset.setFocus()
    for _ in range(14):
        at: QWidget | None = QApplication.focusWidget()
        assert at is not None
        names.append(at.accessibleName() or getattr(at, "text", str)().replace("&", ""))
        if at is panel.save:
            break
        QTest.keyClick(at, Qt.Key.Key_Tab)
    fields = ["preset", "resize", "interpolation", "pad", "colour", "scale", "mean", "std"]
    assert names == [*fields, "As guessed", "find a recipe", "Save"]


def needed(note: QLabel) -> int:
    """The height of all of a note's lines."""
    room = QRect(0, 0, note.width() - 2 * note.margin(), 1000)
    return note.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, note.text()).height()


@pytest.mark.usefixtures("same_colors")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_cut_off_in_a_dock_of_300_pixels(
    window: MainWindow, settle: Settle, qtbot: QtBot, theme: str
) -> None:
    apply_theme(theme)
    window.resize(1280, 900)
    window.resizeDocks([window.docks[1]], [300], Qt.Orientation.Horizontal)
    qtbot.waitUntil(lambda: window.docks[1].width() <= 300, timeout=WAIT_MS)
    choose(window.recipe.form.preset, "imagenet")
    type_into(window.recipe.form.numbers["std"], "0")
    settle(window)
    panel = window.recipe
    type_into(panel.form.numbers["mean"], "0.485 x")
    for field in (panel.form.fields["std"], panel.form.fields["mean"]):
        qtbot.waitUntil(lambda note=field.note: note.height() >= needed(note), timeout=WAIT_MS)
    mean, view = panel.form.fields["mean"].note, panel.area.viewport()
    place = mean.rect().translated(mean.mapTo(view, QPoint(0, 0)))
    assert view.rect().contains(place), "it is scrolled into sight"
    assert panel.area.widget().width() <= panel.area.viewport().width()
    for one in (panel.as_guessed, panel.search, panel.save):
        assert one.width() >= one.sizeHint().width()
        assert one.geometry().right() < panel.width()

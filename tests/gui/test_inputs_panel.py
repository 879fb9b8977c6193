"""What a model's inputs get, chosen in the window: used at once, or refused in the banner."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

import core.model
from core.sessions import Session
from core.sessions.base import Arrays, Timing
from core.tensors import Profile, TensorSpec
from tests.gui.hands import PICTURES, button, drop, texts, turn_wheel
from tests.gui.limits import WAIT_MS
from tests.unit import onnx_models

if TYPE_CHECKING:
    from gui.main_window import MainWindow
    from gui.panels.input_row import InputRow
    from tests.gui.conftest import MakeApp

Open = Callable[..., "MainWindow"]
Settle = Callable[["MainWindow"], None]

BATCH = ("batch", 3, 8, 8)


@pytest.fixture
def open_model(make_app: MakeApp) -> Open:
    """Opens a model, with pictures or without, and shows the inputs."""

    def make(path: Path, *pictures: Path) -> MainWindow:
        window = make_app(file=path, drop=list(pictures)).window
        window.docks[6].bring_up()
        return window

    return make


@pytest.fixture
def settle(qtbot: QtBot) -> Settle:
    """Wait until every choice has been answered and run."""

    def wait(window: MainWindow) -> None:
        busy = (window.document, window.input_editing, window.rereading)
        qtbot.waitUntil(lambda: not any(one.is_busy for one in busy), timeout=WAIT_MS)

    return wait


def got(window: MainWindow, name: str) -> np.ndarray:
    """What an input got in the run that is shown."""
    assert window.document.result is not None
    return window.document.result.result.inputs[name]


def choose(row: InputRow, words: str) -> None:
    """Choose what fills an input, with the keyboard."""
    wanted = row.chooser.findText(words)
    assert wanted >= 0, words
    row.chooser.setFocus()
    if wanted == row.chooser.count() - 1:
        QTest.keyClick(row.chooser, Qt.Key.Key_End)
    while row.chooser.currentIndex() != wanted:
        is_above = row.chooser.currentIndex() < wanted
        QTest.keyClick(row.chooser, Qt.Key.Key_Down if is_above else Qt.Key.Key_Up)
    assert row.chooser.currentText() == words


def type_in(field: QWidget, text: str) -> None:
    """Type over what a field has, and press Enter."""
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(field, Qt.Key.Key_Delete)
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


def table(window: MainWindow) -> dict[str, list[str]]:
    """The shapes and bytes that the panel tells, by tensor."""
    model = window.inputs.table.model()
    return {
        model.index(row, 0).data(): [model.index(row, column).data() for column in (1, 2)]
        for row in range(model.rowCount())
    }


def saved(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


# -- values, random numbers, zeros -------------------------------------------------------


def test_two_inputs_run_with_a_picture_and_the_assumption_is_in_the_panel(
    open_model: Open, tmp_path: Path
) -> None:
    window = open_model(onnx_models.two_inputs(tmp_path), PICTURES[0])
    assert got(window, "sizes").tolist() == [[1, 1]]
    assert window.inputs.rows["sizes"].words.text() == "Assumed: ones"
    assert window.inputs.rows["images"].words.text() == "The picture"
    assert "Assumed: ones" in texts(window.inputs)
    assert not window.inputs.reset.isEnabled(), "nothing has been chosen"


def test_typed_values_are_used_in_a_run_with_the_picture(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    window = open_model(onnx_models.two_inputs(tmp_path), PICTURES[0])
    picture, row = got(window, "images").copy(), window.inputs.rows["sizes"]
    choose(row, "values")
    settle(window)
    assert row.values.text() == "1"
    type_in(row.values, "2.5,-4")
    settle(window)
    assert got(window, "sizes").tolist() == [[2.5, -4]]
    np.testing.assert_array_equal(got(window, "images"), picture)
    mean = picture.mean(dtype=np.float64)
    assert window.document.result is not None
    output = window.document.result.result.outputs["output"]
    np.testing.assert_allclose(output, [[2.5 + mean, mean - 4]], rtol=1e-5)
    assert window.document.problem is None, "nothing was assumed"
    QTest.mouseClick(button(window.inputs, "As assumed"), Qt.MouseButton.LeftButton)
    settle(window)
    assert got(window, "sizes").tolist() == [[1, 1]]
    assert row.chooser.currentText() == "as assumed"
    assert not row.values.isVisible()


def test_values_that_do_not_fit_are_refused_in_the_banner_and_change_nothing(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    window = open_model(onnx_models.two_inputs(tmp_path), PICTURES[0])
    row = window.inputs.rows["sizes"]
    choose(row, "values")
    type_in(row.values, "3,4")
    settle(window)
    for text, words in (("1,2,3", "3 were given"), ("one", "'one' is no value"), ("", "No value")):
        type_in(row.values, text)
        settle(window)
        problem = window.document.problem
        assert problem is not None
        assert words in problem.message
        assert not problem.is_warning
        assert row.values.text() == "3,4"
        assert got(window, "sizes").tolist() == [[3, 4]]
    QTest.mouseClick(button(window.inputs, "Run"), Qt.MouseButton.LeftButton)
    settle(window)
    assert got(window, "sizes").tolist() == [[3, 4]]
    assert window.document.problem is None


def test_scalars_truths_and_words_are_typed(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    inputs = [("scale", "float32", ()), ("on", "bool", (1,)), ("word", "string", (2,))]
    window = open_model(onnx_models.echo(tmp_path, inputs))
    QTest.mouseClick(window.inputs.run, Qt.MouseButton.LeftButton)
    settle(window)
    assert got(window, "scale") == 1
    for name, text in (("scale", "0.25"), ("on", "false"), ("word", "up,down")):
        choose(window.inputs.rows[name], "values")
        settle(window)
        type_in(window.inputs.rows[name].values, text)
        settle(window)
    assert got(window, "scale").shape == ()
    assert got(window, "scale") == np.float32(0.25)
    assert got(window, "on").tolist() == [False]
    assert got(window, "word").tolist() == ["up", "down"]


def test_a_seed_gives_the_same_numbers_again_and_another_one_others(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    window = open_model(onnx_models.two_inputs(tmp_path), PICTURES[0])
    row = window.inputs.rows["sizes"]
    choose(row, "random")
    settle(window)
    first = got(window, "sizes").copy()
    QTest.keyClick(row.seed, Qt.Key.Key_Up)
    settle(window)
    assert row.seed.value() == 1
    assert not np.array_equal(got(window, "sizes"), first)
    QTest.keyClick(row.seed, Qt.Key.Key_Down)
    settle(window)
    np.testing.assert_array_equal(got(window, "sizes"), first)
    choose(row, "zeros")
    settle(window)
    assert got(window, "sizes").tolist() == [[0, 0]]


def test_a_seed_that_no_field_holds_is_refused(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    window = open_model(onnx_models.no_image_input(tmp_path))
    row = window.inputs.rows["ids"]
    choose(row, "values")
    settle(window)
    type_in(row.values, "random:2147483648")
    settle(window)
    assert window.document.problem is not None
    assert "2,147,483,647" in window.document.problem.message
    type_in(row.values, "random:2147483647")
    settle(window)
    assert row.seed.isVisible()
    assert row.seed.value() == 2147483647


def test_a_model_without_a_picture_is_run_from_here_and_again(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    window = open_model(onnx_models.no_image_input(tmp_path))
    assert "the picture" not in _choices(window.inputs.rows["ids"])
    QTest.mouseClick(window.inputs.run, Qt.MouseButton.LeftButton)
    settle(window)
    assert got(window, "ids").tolist() == [[1] * 16]
    choose(window.inputs.rows["ids"], "values")
    settle(window)
    type_in(window.inputs.rows["ids"].values, "9")
    settle(window)
    before = window.document.result
    QTest.keyClick(window, Qt.Key.Key_F5)
    settle(window)
    assert window.document.result is not before
    assert got(window, "ids").tolist() == [[9] * 16]


def _choices(row: InputRow) -> list[str]:
    return [row.chooser.itemText(index) for index in range(row.chooser.count())]


def test_an_input_that_awaits_a_picture_cannot_run_without_one(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    window = open_model(onnx_models.two_inputs(tmp_path))
    assert not window.inputs.run.isEnabled()
    assert "awaits a picture" in texts(window.inputs)
    choose(window.inputs.rows["images"], "zeros")
    settle(window)
    assert window.inputs.run.isEnabled()
    assert not got(window, "images").any()
    assert window.document.result is not None
    assert window.document.result.picture is None
    choose(window.inputs.rows["images"], "the picture")
    settle(window)
    assert window.document.result is None, "what was shown had other inputs"
    window.document.add_images(PICTURES[:1])
    settle(window)
    assert got(window, "images").any()
    assert window.inputs.run.isEnabled()


def test_the_last_of_many_quick_changes_is_what_is_shown(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    window = open_model(onnx_models.two_inputs(tmp_path), PICTURES[0])
    row = window.inputs.rows["sizes"]
    choose(row, "values")
    for number in range(20):
        type_in(row.values, str(number))
    settle(window)
    assert got(window, "sizes").tolist() == [[19, 19]]


def test_an_unfocused_field_lets_the_wheel_scroll(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    window = open_model(onnx_models.two_inputs(tmp_path), PICTURES[0])
    row = window.inputs.rows["sizes"]
    window.view.setFocus()
    turn_wheel(row.chooser, QPoint(5, 5), -1)
    settle(window)
    assert row.chooser.currentText() == "as assumed"
    assert got(window, "sizes").tolist() == [[1, 1]]


# -- files -------------------------------------------------------------------------------


def test_an_array_dropped_on_an_input_is_used(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    window = open_model(onnx_models.two_inputs(tmp_path), PICTURES[0])
    array = np.array([[7, -7]], np.float32)
    row = window.inputs.rows["sizes"]
    assert drop(row, [saved(tmp_path / "sizes.npy", array)])
    settle(window)
    np.testing.assert_array_equal(got(window, "sizes"), array)
    assert row.chooser.currentText() == ".npy or .npz file"
    assert row.words.text() == "File sizes.npy"


@pytest.mark.parametrize("bad", ["dtype", "shape", "pickled", "no array"])
def test_a_file_that_does_not_fit_is_refused_in_the_banner_and_changes_nothing(
    open_model: Open, tmp_path: Path, settle: Settle, bad: str
) -> None:
    window = open_model(onnx_models.two_inputs(tmp_path), PICTURES[0])
    row, path = window.inputs.rows["sizes"], tmp_path / "bad.npy"
    choose(row, "values")
    settle(window)
    type_in(row.values, "5")
    settle(window)
    if bad == "dtype":
        saved(path, np.ones((1, 2)))
    elif bad == "shape":
        saved(path, np.ones((1, 3), np.float32))
    elif bad == "pickled":
        np.save(path, np.array([[_Trap()]], object), allow_pickle=True)
    else:
        path.write_bytes(b"\x93NUMPY")
    before = window.document.result
    assert drop(row, [path])
    settle(window)
    problem = window.document.problem
    assert problem is not None
    assert problem.kind == {"no array": "input-file"}.get(bad, f"input-{bad}")
    assert window.document.result is before
    assert row.chooser.currentText() == "values"
    assert row.values.text() == "5"
    assert not _Trap.sprung


class _Trap:
    """Says so when it is unpickled."""

    sprung: ClassVar[list[int]] = []

    def __reduce__(self) -> Any:
        return (_spring, ())


def _spring() -> None:
    _Trap.sprung.append(1)


def test_the_trap_would_tell() -> None:
    pickle.loads(pickle.dumps(_Trap()))
    assert _Trap.sprung.pop() == 1


def test_an_archive_dropped_beside_the_inputs_fills_those_that_it_names(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    window = open_model(onnx_models.two_inputs(tmp_path), PICTURES[0])
    sizes = np.array([[2, 3]], np.float32)
    images = np.full((1, 3, 8, 8), 0.5, np.float32)
    np.savez(tmp_path / "all.npz", sizes=sizes, images=images, other=np.zeros(1))
    assert drop(window.inputs, [tmp_path / "all.npz"])
    settle(window)
    np.testing.assert_array_equal(got(window, "sizes"), sizes)
    np.testing.assert_array_equal(got(window, "images"), images)


def test_one_array_dropped_beside_the_inputs_fills_the_first_that_it_fits(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    window = open_model(onnx_models.two_inputs(tmp_path), PICTURES[0])
    assert drop(window.inputs, [saved(tmp_path / "x.npy", np.array([[6, 6]], np.float32))])
    settle(window)
    assert got(window, "sizes").tolist() == [[6, 6]]
    assert window.inputs.rows["images"].words.text() == "The picture"
    assert drop(window.inputs, [saved(tmp_path / "y.npy", np.zeros(5))])
    settle(window)
    assert window.document.problem is not None
    assert "given float64 5" in window.document.problem.message
    assert got(window, "sizes").tolist() == [[6, 6]]


def test_an_array_dropped_on_the_picture_fills_an_input_too(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    window = open_model(onnx_models.no_image_input(tmp_path))
    path = saved(tmp_path / "ids.npy", np.arange(16).reshape(1, 16))
    assert drop(window.view.viewport(), [path])
    settle(window)
    assert got(window, "ids").tolist() == [list(range(16))]
    assert window.document.images == []


def test_a_picture_is_refused_where_every_input_has_something_else(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    window = open_model(onnx_models.two_inputs(tmp_path))
    choose(window.inputs.rows["images"], "zeros")
    settle(window)
    assert drop(window, PICTURES[:1])
    settle(window)
    assert window.document.problem is not None
    assert "No input is left for the picture" in window.document.problem.message
    assert window.document.result is None
    QTest.mouseClick(window.inputs.run, Qt.MouseButton.LeftButton)
    settle(window)
    assert not got(window, "images").any()


def test_what_is_no_array_goes_past_the_inputs_to_the_window(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    window = open_model(onnx_models.two_inputs(tmp_path))
    assert drop(window.inputs, PICTURES[:1])
    assert drop(window.inputs.rows["sizes"], PICTURES[1:2])
    settle(window)
    assert window.document.images == list(PICTURES[:2])
    assert window.input_editing.choice.fills == {}


def test_a_file_is_chosen_in_a_dialog(
    open_model: Open, tmp_path: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_model(onnx_models.two_inputs(tmp_path), PICTURES[0])
    row = window.inputs.rows["sizes"]
    path = saved(tmp_path / "s.npy", np.array([[8, 9]], np.float32))
    answers = ["", str(path)]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (answers.pop(0), ""))
    choose(row, ".npy or .npz file")
    settle(window)
    assert got(window, "sizes").tolist() == [[1, 1]], "no file is chosen yet"
    QTest.mouseClick(row.button, Qt.MouseButton.LeftButton)
    settle(window)
    assert got(window, "sizes").tolist() == [[1, 1]], "the dialog was closed without one"
    QTest.mouseClick(row.button, Qt.MouseButton.LeftButton)
    settle(window)
    assert got(window, "sizes").tolist() == [[8, 9]]
    assert answers == []


def test_a_second_input_gets_a_picture_of_its_own(
    open_model: Open, tmp_path: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = [("left", "float32", (1, 3, 8, 8)), ("right", "float32", (1, 3, 8, 8))]
    window = open_model(onnx_models.echo(tmp_path, inputs), PICTURES[0])
    row = window.inputs.rows["right"]
    assert row.words.text() == "Assumed: the same picture as 'left'"
    np.testing.assert_array_equal(got(window, "left"), got(window, "right"))
    other = str(PICTURES[1])
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (other, ""))
    left = got(window, "left").copy()
    choose(row, "a picture of its own")
    QTest.mouseClick(row.button, Qt.MouseButton.LeftButton)
    settle(window)
    np.testing.assert_array_equal(got(window, "left"), left)
    assert not np.array_equal(got(window, "right"), left)
    assert row.words.text() == f"Image {PICTURES[1].name}"


# -- shapes ------------------------------------------------------------------------------


def test_shapes_and_bytes_are_told_before_the_run(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    inputs = [("pixels", "float32", BATCH), ("ids", "int64", ("batch",))]
    window = open_model(onnx_models.echo(tmp_path, inputs))
    assert window.document.result is None
    assert table(window)["pixels"] == ["1 x 3 x 8 x 8", "768 B"]
    field = window.inputs.rows["pixels"].dims[0]
    type_in(field, "4")
    settle(window)
    assert window.document.result is None, "it awaits a picture"
    four = ["4 x 3 x 8 x 8", "3.07 kB"]  # 4 x 3 x 8 x 8 of 4 bytes: 3072
    assert table(window) == {
        "pixels": four,
        "ids": ["4", "32 B"],
        "pixels_out": four,
        "ids_out": ["4", "32 B"],
    }
    assert window.inputs.total.text() == "The next run's tensors: 6.21 kB"
    type_in(window.inputs.rows["ids"].dims[0], "2")
    settle(window)
    assert field.value() == 2, "the model has one name for both"
    assert window.document.problem is None
    window.document.add_images(PICTURES[:1])
    settle(window)
    assert got(window, "pixels").shape == (2, 3, 8, 8)
    assert got(window, "ids").tolist() == [1, 1]


def test_what_only_the_run_can_tell_is_a_question_mark(open_model: Open, tmp_path: Path) -> None:
    window = open_model(onnx_models.nonzero(tmp_path))
    assert table(window)["output"] == ["4 x ?", "?"]


def test_a_file_brings_its_own_shape(open_model: Open, tmp_path: Path, settle: Settle) -> None:
    window = open_model(onnx_models.echo(tmp_path, [("ids", "int64", ("n",))]))
    row = window.inputs.rows["ids"]
    type_in(row.dims[0], "5")
    settle(window)
    assert got(window, "ids").tolist() == [1] * 5
    assert drop(row, [saved(tmp_path / "x.npy", np.array([3, 1, 2]))])
    settle(window)
    assert got(window, "ids").tolist() == [3, 1, 2]
    assert row.dims[0].value() == 3
    type_in(row.dims[0], "6")
    settle(window)
    assert window.document.problem is not None
    assert "given 3 to fill it" in window.document.problem.message
    assert row.dims[0].value() == 3


def test_another_model_begins_as_assumed(open_model: Open, tmp_path: Path, settle: Settle) -> None:
    window = open_model(onnx_models.no_image_input(tmp_path))
    choose(window.inputs.rows["ids"], "zeros")
    settle(window)
    assert window.inputs.reset.isEnabled()
    (tmp_path / "other").mkdir()
    window.document.open_path(onnx_models.no_image_input(tmp_path / "other"))
    settle(window)
    assert window.inputs.rows["ids"].chooser.currentText() == "as assumed"
    assert not window.inputs.reset.isEnabled()
    assert not window.document.given
    QTest.mouseClick(window.inputs.run, Qt.MouseButton.LeftButton)
    settle(window)
    assert got(window, "ids").tolist() == [[1] * 16]
    choose(window.inputs.rows["ids"], "values")
    settle(window)
    QTest.keyClicks(window.inputs.rows["ids"].values, "12")  # and no Enter
    window.inputs.rows["ids"].values.setFocus()
    window.document.open_path(onnx_models.unknown_operator(tmp_path))
    settle(window)
    assert window.document.loaded is None
    assert window.inputs.rows == {}
    assert "Open a model" in texts(window.inputs)


# -- profiles ----------------------------------------------------------------------------


class Profiled(Session):
    """Gives back pixels, whose batch and sides are free within two profiles."""

    runtime = "Fake 1.0"

    def __init__(self) -> None:
        super().__init__()
        shape = (None, 3, None, None)
        small = Profile(min=(1, 3, 8, 8), opt=(1, 3, 8, 8), max=(2, 3, 16, 16))
        large = Profile(min=(4, 3, 16, 16), opt=(4, 3, 16, 16), max=(8, 3, 32, 32))
        self.inputs = (
            TensorSpec(
                name="images",
                mode="input",
                dtype="float32",
                shape=shape,
                profiles=(small, large),
            ),
        )
        self.outputs = (TensorSpec(name="out", mode="output", dtype="float32", shape=shape),)

    def _infer_outputs(self, shapes: Any, values: Any) -> Any:
        return {"out": shapes["images"]}

    def _execute(self, inputs: Arrays) -> tuple[Arrays, Timing]:
        return {"out": inputs["images"].copy()}, Timing(clock="wall-clock", compute_ms=1.0)

    def close(self) -> None:
        pass


def test_fields_are_limited_by_the_chosen_profile(
    open_model: Open, tmp_path: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.model, "open_session", lambda *_: Profiled())
    window = open_model(onnx_models.identity(tmp_path))
    row, profile = window.inputs.rows["images"], window.inputs.profile
    assert profile.isVisible()
    batch, height = row.dims[0], row.dims[2]
    assert (batch.minimum(), batch.maximum()) == (1, 8), "of either profile"
    choose(row, "random")
    settle(window)
    assert got(window, "images").shape == (1, 3, 8, 8)
    recipe = window.document.loaded and window.document.loaded.recipe
    profile.setFocus()
    QTest.keyClick(profile, Qt.Key.Key_End)
    assert profile.currentText() == "profile 1"
    settle(window)
    assert (batch.minimum(), batch.maximum()) == (4, 8)
    assert (height.minimum(), height.maximum()) == (16, 32)
    assert "4 to 8" in texts(row)
    assert table(window)["out"] == ["4 x 3 x 16 x 16", "12.3 kB"]  # 4 x 3 x 16 x 16 x 4 bytes
    assert got(window, "images").shape == (4, 3, 16, 16)
    type_in(batch, "6")
    settle(window)
    assert got(window, "images").shape == (6, 3, 16, 16)
    batch.setFocus()
    for _ in range(4):
        QTest.keyClick(batch, Qt.Key.Key_Up)
    settle(window)
    assert batch.value() == 8
    assert got(window, "images").shape[0] == 8
    assert window.recipe_editing.recipe is not None
    assert window.recipe_editing.recipe.size_wh == (16, 16), "it has followed the profile"
    profile.setFocus()
    QTest.keyClick(profile, Qt.Key.Key_Up)
    settle(window)
    assert got(window, "images").shape == (1, 3, 8, 8), "a batch of 8 does not fit there"
    QTest.mouseClick(window.inputs.reset, Qt.MouseButton.LeftButton)
    settle(window)
    assert profile.currentText() == "automatic: 0"
    assert window.document.loaded is not None
    assert window.document.loaded.recipe == recipe
    assert (batch.minimum(), batch.maximum()) == (1, 8)


# -- how it looks ------------------------------------------------------------------------


def test_the_inputs_stand_behind_the_tensors(make_app: MakeApp) -> None:
    window = make_app().window
    docks = {dock.windowTitle(): dock for dock in window.docks}
    assert window.tabifiedDockWidgets(docks["Tensors"]) == [docks["Inputs"]]
    assert docks["Inputs"].visibleRegion().isEmpty()
    assert "Open a model" in window.inputs.note.text()


def test_nothing_is_cut_off_in_300_pixels_and_all_is_reached_by_tab(
    open_model: Open, tmp_path: Path, settle: Settle
) -> None:
    long = "a_name_that_is_longer_than_any_panel_is_wide_at_all"
    inputs = [("images", "float32", ("batch", 3, "h", "w")), (long, "int64", ("batch",))]
    window = open_model(onnx_models.echo(tmp_path, inputs))
    window.resizeDocks([window.docks[6]], [300], Qt.Orientation.Horizontal)
    choose(window.inputs.rows[long], "values")
    choose(window.inputs.rows["images"], "random")
    settle(window)
    QApplication.processEvents()
    assert window.inputs.width() <= 300
    panel = window.inputs
    for widget in panel.findChildren(QWidget):
        if widget.isVisible() and widget.parent() in panel.rows.values():
            right = widget.mapTo(panel, QPoint(widget.width(), 0)).x()
            assert right <= panel.width(), widget
    reached = set()
    panel.rows["images"].chooser.setFocus()
    for _ in range(40):
        focused = QApplication.focusWidget()
        reached.add(focused)
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    row, other = panel.rows["images"], panel.rows[long]
    wanted = {row.chooser, row.seed, *row.dims.values(), other.chooser, other.values, panel.run}
    assert wanted <= reached

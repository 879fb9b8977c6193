"""What the Build window says of a model, offers, and gives to the builder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import onnx
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFileDialog,
    QLabel,
    QPushButton,
    QWidget,
)

import gui.build_work
from core.building import BuildOptions
from core.building.parser_verdict import ParserVerdict
from core.errors import MachineError, ModelError
from core.tensors import Profile
from gui.build_thread import Ability
from tests.gui.build_hands import (
    LEFT,
    model_in,
    press_build,
    set_up,
    type_into,
    wait_built,
    wait_checked,
    window_of,
)
from tests.gui.fake_builds import (
    TENSORRT_8,
    TENSORRT_11,
    FakeBuilder,
    use_tensorrt,
)
from tests.gui.hands import drag_over, drop, texts, urls_of
from tests.gui.limits import WAIT_MS
from tests.unit import onnx_models
from tests.unit.plan_writer import Plan

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.app import App
    from gui.panels.build.form import BuildForm

    MakeApp = Callable[..., App]

ABILITY = gui.build_work.ability  # which the tests' machine stands in for
BATCH = {"images": Profile((1, 3, 256, 256), (4, 3, 256, 256), (16, 3, 256, 256))}


def offered(form: BuildForm) -> list[str]:
    return [form.precision.itemText(at) for at in range(form.precision.count())]


def test_without_a_model_the_window_says_what_to_do(app_: App, builder: FakeBuilder) -> None:
    window = window_of(app_)
    assert "Choose an ONNX model, or drop one here." in texts(window)
    assert window.python.text.placeholderText() == "Choose a model first."
    assert not window.form.isVisible()
    assert not window.build_button.isEnabled()
    assert not window.isModal()


def test_three_choices_are_there_and_the_model_is_described(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path))
    assert "opset 17" in texts(window.check)
    assert window.form.precision.currentText() == "FP32, with TF32 allowed"
    assert window.form.shapes.profiles() == (BATCH,)
    assert window.form.save_as.field.text() == str(tmp_path / "best.engine")
    assert not window.form.more.isVisible()
    # 16 x 3 x 256 x 256 floats
    assert "12.6 MB of GPU memory at the largest shapes" in window.form.memory.text()
    assert window.build_button.isEnabled()


def test_what_is_chosen_reaches_the_builder(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    model = model_in(tmp_path)
    window = set_up(qtbot, app_, model)
    form = window.form
    form.precision.setFocus()
    QTest.keyClick(form.precision, Qt.Key.Key_Down)
    type_into(form.shapes.fields[0]["images", "max"], "8x3x256x256")
    type_into(form.save_as.field, "other.engine")
    QTest.mouseClick(form.more_button, LEFT)
    assert form.more.isVisible()
    form.more.workspace.setFocus()
    form.more.workspace.selectAll()
    QTest.keyClicks(form.more.workspace, "512")
    QTest.keyClick(form.more.choices["optimization_level"], Qt.Key.Key_Down)
    form.more.switches["sparsity"].setFocus()
    QTest.keyClick(form.more.switches["sparsity"], Qt.Key.Key_Space)
    press_build(window)
    builder.go.set()
    wait_built(qtbot, app_)
    ((onnx, target, options, allowed),) = builder.orders
    assert (onnx, target, allowed) == (model, tmp_path / "other.engine", False)
    limits = Profile((1, 3, 256, 256), (4, 3, 256, 256), (8, 3, 256, 256))
    assert options == BuildOptions(
        precision=frozenset({"fp16"}),
        profiles=({"images": limits},),
        workspace_bytes=512 * 2**20,
        optimization_level=0,
        sparsity=True,
    )


def test_metadata_goes_before_the_engine_where_that_is_chosen(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path))
    assert window.form.options().metadata == {}
    QTest.mouseClick(window.form.more_button, LEFT)
    QTest.keyClick(window.form.metadata, Qt.Key.Key_Down)
    metadata = window.form.options().metadata
    assert metadata["task"] == "detect"
    assert "names" in metadata


def test_wrong_shapes_keep_the_button_off_and_say_why(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path))
    type_into(window.form.shapes.fields[0]["images", "opt"], "17x3x256x256")
    assert not window.build_button.isEnabled()
    assert "opt is larger than max in dimension 0 (17 > 16)" in window.trouble.text()
    for page in (window.trtexec, window.python):
        assert page.text.toPlainText() == ""
        assert "opt is larger than max in dimension 0" in page.text.placeholderText()
        assert not page.copy_button.isEnabled()


def test_the_commands_follow_every_choice_and_are_copied(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path))
    command = window.trtexec.text.toPlainText
    assert "--minShapes=images:1x3x256x256" in command()
    assert "--fp16" not in command()
    QTest.keyClick(window.form.precision, Qt.Key.Key_Down)
    assert "--fp16" in command()
    assert "BuilderFlag.FP16" in window.python.text.toPlainText()
    type_into(window.form.shapes.fields[0]["images", "max"], "32x3x256x256")
    assert "--maxShapes=images:32x3x256x256" in command()
    window.pages.setCurrentWidget(window.trtexec)
    QTest.mouseClick(window.trtexec.copy_button, LEFT)
    assert QGuiApplication.clipboard().text() == command()
    window.pages.setCurrentWidget(window.python)
    QTest.mouseClick(window.python.copy_button, LEFT)
    assert "import tensorrt as trt" in QGuiApplication.clipboard().text()


def test_only_what_the_installed_tensorrt_has_is_offered(
    qtbot: QtBot, app_: App, builder: FakeBuilder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_tensorrt(monkeypatch, TENSORRT_8)
    window = set_up(qtbot, app_, model_in(tmp_path))
    assert "FP16" in offered(window.form)
    assert "BF16" not in offered(window.form)
    QTest.mouseClick(window.form.more_button, LEFT)
    more = window.form.more
    assert not more.switches["strip_weights"].isVisible()
    assert not more.switches["strongly_typed"].isVisible()
    assert more.switches["refit"].isVisible()
    assert "Not in TensorRT 8.6.1:" in more.absent.text()
    assert "bf16: BF16 needs TensorRT 10." in more.absent.text()


def test_tensorrt_11_takes_precision_from_the_onnx_and_says_so(
    qtbot: QtBot, app_: App, builder: FakeBuilder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_tensorrt(monkeypatch, TENSORRT_11)
    window = set_up(qtbot, app_, model_in(tmp_path))
    assert offered(window.form) == ["as the ONNX has it", "strict FP32, without TF32"]
    assert "No FP16 here: From TensorRT 11 on precision comes" in texts(window.form)
    QTest.mouseClick(window.form.more_button, LEFT)
    assert not window.form.more.switches["strongly_typed"].isVisible()
    text = window.form.more.absent.text()
    assert "fp16, bf16, int8, fp8, best, calibration: From TensorRT 11 on precision" in text
    assert "TensorRT 11.0.0" in window.trtexec.words.text()


def test_options_that_depend_on_others_come_with_them(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path))
    QTest.mouseClick(window.form.more_button, LEFT)
    more = window.form.more
    assert not more.switches["exclude_lean_runtime"].isVisible()
    QTest.keyClick(more.switches["version_compatible"], Qt.Key.Key_Space)
    assert more.switches["exclude_lean_runtime"].isVisible()
    assert not window.form.calibration.isVisible()
    at = window.form.precision.findText("INT8")
    window.form.precision.setCurrentIndex(at)
    assert window.form.calibration.isVisible()


def test_without_tensorrt_the_window_says_why_and_the_commands_can_be_copied(
    qtbot: QtBot, app_: App, tmp_path: Path
) -> None:
    """For real: the tests' machines have neither, or the words are another's."""
    if app_.window.building.ability is None:
        app_.window.building.ask_capabilities()
    qtbot.waitUntil(lambda: app_.window.building.ability is not None, timeout=WAIT_MS)
    ability = app_.window.building.ability
    assert ability is not None
    if ability.why_not is None:
        pytest.skip("TensorRT and a GPU are here")
    window = set_up(qtbot, app_, model_in(tmp_path))
    assert window.trouble.text() == " ".join(ability.why_not)
    assert not window.build_button.isEnabled()
    assert "FP16" in offered(window.form)
    window.pages.setCurrentWidget(window.trtexec)
    assert window.trtexec.copy_button.isEnabled()
    assert window.trtexec.text.toPlainText().startswith("trtexec --onnx=")


@pytest.mark.parametrize("kind", ["no-driver", "no-gpu"])
def test_the_way_out_of_a_machine_without_a_gpu_is_the_windows_own_page(
    qtbot: QtBot,
    app_: App,
    builder: FakeBuilder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kind: str,
) -> None:
    problem = MachineError(kind, "It cannot run an engine.", "")
    machine = SimpleNamespace(problem=lambda: problem)
    monkeypatch.setattr(gui.build_work, "read_machine", lambda: machine)
    monkeypatch.setattr(gui.build_work, "installed_capabilities", lambda: TENSORRT_8)
    monkeypatch.setattr(gui.build_work, "ability", ABILITY)
    window = set_up(qtbot, app_, model_in(tmp_path))
    told = window.trouble.text()
    assert "copy the command (the trtexec tab has it)" in told
    assert "`" not in told
    assert window.pages.tabText(window.pages.indexOf(window.trtexec)) == "trtexec"


def test_which_options_are_offered_without_tensorrt_is_said(
    qtbot: QtBot, app_: App, builder: FakeBuilder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(gui.build_work, "ability", lambda: Ability(None, ("None is here.", "")))
    window = set_up(qtbot, app_, model_in(tmp_path))
    told = window.form.assumed
    assert told.isVisible()
    assert "the options are of all versions, the commands of 10.3.0" in told.text()
    # which is so: BF16 is not in 8.6, calibration not in 11, and what is copied is of 10.3.0
    assert {"FP16", "BF16", "INT8"} <= set(offered(window.form))
    assert "trtexec of TensorRT 10.3.0; none is installed here" in window.trtexec.words.text()
    use_tensorrt(monkeypatch)
    window.close()
    app_.window.build_entry.show()
    qtbot.waitUntil(lambda: not told.isVisible() and window.isVisible(), timeout=WAIT_MS)


def test_a_model_without_weights_is_told_of_without_numbers(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, onnx_models.identity(tmp_path))
    assert window.form.memory.text().startswith("The model has no weights to speak of")
    assert "0 B" not in window.form.memory.text()


def test_a_machine_that_could_not_build_is_asked_again_with_the_next_look(
    qtbot: QtBot, app_: App, builder: FakeBuilder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    late = Ability(None, ("tensorrt was not imported within 60 seconds.", "Try again."))
    monkeypatch.setattr(gui.build_work, "ability", lambda: late)
    window = set_up(qtbot, app_, model_in(tmp_path))
    assert "Try again." in window.trouble.text()
    use_tensorrt(monkeypatch)
    window.close()
    app_.window.build_entry.show()
    qtbot.waitUntil(window.build_button.isEnabled, timeout=WAIT_MS)


def test_an_engine_that_is_there_is_told_before_it_is_replaced(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    (tmp_path / "best.engine").write_bytes(Plan(layout="ftrt-8.6").to_bytes())
    window = set_up(qtbot, app_, model_in(tmp_path))
    qtbot.waitUntil(lambda: "best.engine is there already" in window.trouble.text())
    assert window.build_button.isEnabled()


def test_another_file_is_no_target_and_one_in_the_records_place_is_told(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    (tmp_path / "best.engine").write_bytes(b"weights of another model")
    window = set_up(qtbot, app_, model_in(tmp_path))
    qtbot.waitUntil(lambda: "is no TensorRT engine" in window.trouble.text())
    assert not window.build_button.isEnabled()
    (tmp_path / "other.engine.json").write_text("{}")
    type_into(window.form.save_as.field, "other.engine")
    qtbot.waitUntil(lambda: "is no side-car of Enginebay's" in window.trouble.text())
    assert window.build_button.isEnabled()


def test_a_target_that_cannot_be_written_keeps_the_button_off(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    model = model_in(tmp_path)
    window = set_up(qtbot, app_, model)
    type_into(window.form.save_as.field, str(tmp_path / "nowhere" / "best.engine"))
    qtbot.waitUntil(lambda: not window.build_button.isEnabled(), timeout=WAIT_MS)
    assert "nowhere" in window.trouble.text()
    type_into(window.form.save_as.field, str(model))
    assert "would replace the ONNX itself" in window.trouble.text()
    type_into(window.form.save_as.field, "")
    assert window.trouble.text() == "Choose where the engine is saved."


def test_what_is_no_model_is_said_in_the_banner(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing of an ONNX" * 20)
    window = window_of(app_)
    app_.window.building.set_up([broken])
    qtbot.waitUntil(lambda: window.banner.isVisible(), timeout=WAIT_MS)
    assert "broken.onnx" in texts(window.banner)
    assert not window.form.isVisible()
    assert window.trtexec.text.placeholderText() == "This model cannot be built."
    assert not window.build_button.isEnabled()
    app_.window.building.set_up([model_in(tmp_path)])
    wait_checked(qtbot, app_)
    assert not window.banner.isVisible()
    assert window.form.isVisible()


def test_models_are_dropped_and_set_up_one_after_another(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    models = [model_in(tmp_path, name) for name in ("a.onnx", "b.onnx", "c.onnx")]
    window = window_of(app_)
    assert not drag_over(window, urls_of([tmp_path / "picture.png"]))
    assert drop(window, models)
    wait_checked(qtbot, app_)
    assert "2 more models after this one: b.onnx, c.onnx" in texts(window)
    QTest.keyClick(window.form.precision, Qt.Key.Key_Down)
    press_build(window)
    wait_checked(qtbot, app_)
    assert app_.window.building.path == models[1]
    assert window.form.precision.currentText() == "FP16"  # the choices stay
    QTest.mouseClick(window.skip_button, LEFT)
    wait_checked(qtbot, app_)
    assert app_.window.building.path == models[2]
    assert not window.skip_button.isVisible()
    press_build(window)
    builder.go.set()
    wait_built(qtbot, app_)
    assert [order[1].name for order in builder.orders] == ["a.engine", "c.engine"]


def test_models_are_chosen_with_the_button(
    qtbot: QtBot,
    app_: App,
    builder: FakeBuilder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    model = model_in(tmp_path)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_a, **_k: ([str(model)], ""))
    window = window_of(app_)
    QTest.mouseClick(window.choose_button, LEFT)
    wait_checked(qtbot, app_)
    assert app_.window.building.path == model


def test_ctrl_enter_builds_and_enter_in_a_field_does_not(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path))
    window.activateWindow()
    QTest.keyClick(window.form.save_as.field, Qt.Key.Key_Return)
    assert app_.window.building.builds == []
    QTest.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert len(app_.window.building.builds) == 1


def test_every_button_and_field_has_a_name_and_a_tooltip(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path))
    QTest.mouseClick(window.form.more_button, LEFT)
    for one in window.findChildren(QPushButton):
        if one.isVisible():
            assert one.text() or one.accessibleName()
            assert one.toolTip() or one.text() in ("Copy", "Dismiss", "Details"), one.text()


def tab_stops(window: QWidget, first: QWidget, last: QWidget) -> list[str]:
    """What Tab goes through, by name, from one widget to another."""
    window.activateWindow()
    first.setFocus()
    found: list[str] = []
    here: QWidget | None = first
    while here is not last and len(found) < 50:
        QTest.keyClick(here, Qt.Key.Key_Tab)
        here = QApplication.focusWidget()
        assert here is not None
        found.append(here.accessibleName() or getattr(here, "text", str)())
    return found


def test_the_tab_key_goes_through_the_shapes_where_they_stand(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path))
    form = window.form
    end = ["Add a profile", "engine file"]
    one = [f"{limit} of images, profile 0" for limit in ("min", "opt", "max")]
    assert tab_stops(window, form.precision, form.save_as.field) == one + end
    QTest.mouseClick(form.more_button, LEFT)
    form.metadata.setAccessibleName("metadata")
    form.more.workspace.setAccessibleName("workspace")
    assert tab_stops(window, form.more_button, form.more.workspace) == ["metadata", "workspace"]
    QTest.mouseClick(form.shapes.add_button, LEFT)
    two = [f"{limit} of images, profile 1" for limit in ("min", "opt", "max")]
    stops = ["remove profile 0", *one, "remove profile 1", *two, *end]
    assert tab_stops(window, form.precision, form.save_as.field) == stops


def test_many_free_inputs_do_not_bury_the_form(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    inputs = [(f"past_{number}", "float32", ("batch", 4)) for number in range(9)]
    window = set_up(qtbot, app_, onnx_models.echo(tmp_path, inputs))
    assert "past_2: batch is free" in window.check.facts.text()
    assert "past_3" not in window.check.facts.text()
    assert "6 more inputs with free dimensions" in window.check.facts.text()


def test_an_input_of_unknown_rank_is_not_called_fixed(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    model = onnx.load(onnx_models.identity(tmp_path))
    model.graph.input[0].type.tensor_type.ClearField("shape")
    path = tmp_path / "any.onnx"
    path.write_bytes(model.SerializeToString())
    window = set_up(qtbot, app_, path)
    assert "does not tell how many dimensions these inputs have: images." in texts(window.form)
    assert "is fixed" not in texts(window.form)


def test_no_letter_of_the_keyboard_stands_for_two_things(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path), model_in(tmp_path, "next.onnx"))
    builder.go.set()
    press_build(window)
    wait_built(qtbot, app_)
    wait_checked(qtbot, app_)
    window.form.precision.setCurrentIndex(window.form.precision.findText("INT8"))
    QTest.mouseClick(window.form.more_button, LEFT)
    named = [*window.findChildren(QAbstractButton), *window.findChildren(QLabel)]
    letters = [QKeySequence.mnemonic(one.text()).toString() for one in named if one.isVisible()]
    letters = [one for one in letters if one]
    assert len(letters) > 12
    assert sorted(letters) == sorted(set(letters))


@pytest.mark.parametrize("field", ["save_as", "plugins", "timing_cache_file"])
def test_the_home_folder_of_nobody_is_said_to_be_none(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path, field: str
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path))
    QTest.mouseClick(window.form.more_button, LEFT)
    row = window.form.save_as if field == "save_as" else getattr(window.form.more, field)
    type_into(row.field, "~nobody-of-that-name/x.so")
    assert window.trouble.text() == "There is no home folder ~nobody-of-that-name."
    assert not window.build_button.isEnabled()
    type_into(row.field, "~/x.so")
    assert window.form.trouble == ""
    found = window.form.options()
    paths = (window.form.target(), *found.plugins, found.timing_cache_file)
    assert Path.home() / "x.so" in paths


def test_what_this_tensorrt_cannot_build_is_said_before_the_build(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    """TensorRT 10, strongly typed, without ModelOpt: FP16 would have to come from the ONNX."""
    window = set_up(qtbot, app_, model_in(tmp_path))
    window.form.precision.setCurrentIndex(window.form.precision.findText("FP16"))
    assert window.build_button.isEnabled()
    QTest.mouseClick(window.form.more_button, LEFT)
    QTest.keyClick(window.form.more.switches["strongly_typed"], Qt.Key.Key_Space)
    assert not window.build_button.isEnabled()
    assert "fp16 needs an ONNX that was cast" in window.trouble.text()
    assert "--stronglyTyped" in window.trtexec.text.toPlainText()  # for a machine that can


def test_int8_of_a_plain_model_asks_for_pictures_before_the_build(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path))
    window.form.precision.setCurrentIndex(window.form.precision.findText("INT8"))
    assert not window.build_button.isEnabled()
    assert "the ONNX has no Q/DQ nodes" in window.trouble.text()
    assert "--calibration" not in window.trouble.text()
    type_into(window.form.calibration.field, str(tmp_path))
    qtbot.waitUntil(window.build_button.isEnabled, timeout=WAIT_MS)


@pytest.mark.parametrize("height", [340, 500])
def test_more_shows_its_first_fields_in_a_small_window(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path, height: int
) -> None:
    window = set_up(qtbot, app_, model_in(tmp_path))
    window.resize(420, height)
    qtbot.wait(50)
    QTest.mouseClick(window.form.more_button, LEFT)
    first = window.form.metadata
    qtbot.waitUntil(lambda: first.visibleRegion().boundingRect().height() > 0, timeout=2000)
    qtbot.wait(350)
    assert first.visibleRegion().boundingRect().height() == first.height()


def test_a_shape_tensor_of_fixed_shape_is_given_limits_in_the_window(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, sized_model(tmp_path))
    assert window.form.options().profiles == ()
    fields = window.form.shapes.fields[0]
    for limit, text in (("min", "1x1"), ("opt", "4x4"), ("max", "1000x1000")):
        type_into(fields["size", limit], text)
    limits = Profile((1, 1), (4, 4), (1000, 1000))
    # 2 x int64 and 4 x 4 floats, whatever the values are
    assert "80 B of GPU memory" in window.form.memory.text()
    press_build(window)
    builder.go.set()
    wait_built(qtbot, app_)
    assert builder.orders[0][2].profiles == ({"size": limits},)


def sized_model(folder: Path) -> Path:
    """An ONNX whose second input says how its first is expanded."""
    import onnx
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Expand", ["x", "size"], ["y"])],
        "g",
        [value("x", TensorProto.FLOAT, [4, 4]), value("size", TensorProto.INT64, [2])],
        [value("y", TensorProto.FLOAT, ["a", "b"])],
    )
    path = folder / "sized.onnx"
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
    return path


def custom_model(folder: Path) -> Path:
    """An ONNX with an operator that no TensorRT has."""
    import onnx
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    node = helper.make_node("Sparkle", ["x"], ["y"], name="/head/sparkle", domain="acme")
    graph = helper.make_graph(
        [node],
        "g",
        [value("x", TensorProto.FLOAT, ["rows", 4])],
        [value("y", TensorProto.FLOAT, ["rows", 4])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("acme", 1)]
    path = folder / "custom.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
    return path


def test_an_operator_that_is_likely_refused_is_named_with_its_way_out(
    qtbot: QtBot, app_: App, builder: FakeBuilder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import gui.build_work

    refusal = ModelError("no-builder", "No parser is here.", "Install one.")

    def refuse(*_arguments: object, **_named: object) -> ParserVerdict:
        raise refusal

    monkeypatch.setattr(gui.build_work, "parser_verdict", refuse)
    window = set_up(qtbot, app_, custom_model(tmp_path))
    qtbot.waitUntil(lambda: app_.window.building.verdict is not None, timeout=WAIT_MS)
    told = window.check.lines.text()
    assert "acme.Sparkle" in told
    assert "/head/sparkle" in told
    assert "choose it under More" in told  # and no flag of the command line
    assert "TensorRT's parser could not be asked: No parser is here. Install one." in told
    assert "x: rows is free" in window.check.facts.text()


def test_the_parsers_word_counts_before_what_is_published(
    qtbot: QtBot, app_: App, builder: FakeBuilder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    window = set_up(qtbot, app_, custom_model(tmp_path))
    qtbot.waitUntil(lambda: app_.window.building.verdict is not None, timeout=WAIT_MS)
    assert "TensorRT 10.3.0's parser takes the model." in window.check.lines.text()
    assert "Sparkle" not in window.check.lines.text()

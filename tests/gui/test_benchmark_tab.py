"""What the Benchmark tab offers to measure, and what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from core.benchmark.values import BenchmarkOptions
from core.modelfile import fingerprint
from core.paths import DEMO_MODEL
from core.tensors import Profile, TensorSpec
from tests.gui.benchmark_hands import (
    begin,
    click_page,
    keep_history_in,
    tab_of,
    use_fake_child,
    wait_done,
)
from tests.gui.fake_benchmarks import FakeChild
from tests.gui.hands import PICTURES, texts

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.app import App
    from gui.panels.benchmark.options_form import OptionsForm

    MakeApp = Callable[..., App]

_LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(autouse=True)
def own_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_history_in(tmp_path, monkeypatch)


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> FakeChild:
    return use_fake_child(monkeypatch)


def test_without_a_model_the_tab_says_so_and_nothing_can_start(app_: App) -> None:
    panel = tab_of(app_)
    assert not panel.start_button.isEnabled()
    assert not panel.stop_button.isEnabled()
    assert "No model is open." in texts(panel)
    click_page(panel, "Results")
    assert "Drop one, or press Ctrl+O." in texts(panel)


def test_a_model_that_cannot_run_here_says_why(make_app: MakeApp, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(DEMO_MODEL.read_bytes()[:2000])
    app = make_app(file=broken)
    panel = tab_of(app)
    assert not panel.start_button.isEnabled()
    refusal = app.document.refusal or app.document.problem
    assert refusal is not None
    assert refusal.message in texts(panel) or "No model is open." in texts(panel)


def test_nothing_measured_yet_says_what_start_does(make_app: MakeApp) -> None:
    panel = tab_of(make_app(file=DEMO_MODEL))
    click_page(panel, "Results")
    assert "Nothing is measured yet." in texts(panel)
    assert panel.start_button.isEnabled()


def test_what_only_a_gpu_has_is_hidden_for_onnx(make_app: MakeApp) -> None:
    form = tab_of(make_app(file=DEMO_MODEL)).form
    assert not form.graph.isVisible()
    assert not form.transfers.isVisible()
    assert not form.wait.isVisible()
    assert form.contexts.isVisible()
    label = form._form.labelForField(form.contexts)
    assert "Threads" in label.text()  # type: ignore[attr-defined]


def test_end_to_end_waits_for_images(make_app: MakeApp) -> None:
    app = make_app(file=DEMO_MODEL)
    form = tab_of(app).form
    assert not form.measure["end-to-end"].isEnabled()
    app.document.add_images(PICTURES[:2])
    assert form.measure["end-to-end"].isEnabled()


def test_the_definitions_are_the_tooltips(make_app: MakeApp) -> None:
    from core.benchmark.values import DEFINITIONS

    form = tab_of(make_app(file=DEMO_MODEL)).form
    assert DEFINITIONS["pipelined"] in form.measure["pipelined"].toolTip()


def test_the_options_are_passed_on_as_they_are_typed(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    app = make_app(file=DEMO_MODEL, drop=list(PICTURES[:2]))
    panel = tab_of(app)
    form = panel.form
    QTest.mouseClick(form.measure["one-at-a-time"], _LEFT, pos=QPoint(8, 8))
    QTest.mouseClick(form.measure["end-to-end"], _LEFT, pos=QPoint(8, 8))
    for field, text in ((form.duration, "0.5"), (form.iterations, "20"), (form.contexts, "2")):
        field.setFocus()
        field.selectAll()
        QTest.keyClicks(field, text)
        QTest.keyClick(field, Qt.Key.Key_Tab)
    QTest.keyClicks(form.sweep, "1, 2 4")
    begin(qtbot, app, child)
    (order,) = child.orders
    assert order.options == BenchmarkOptions(
        measurements=("pipelined", "end-to-end"),
        duration_s=0.5,
        iterations=20,
        contexts=2,
        sweep=(1, 2, 4),
        images=tuple(str(path) for path in PICTURES[:2]),
    )
    assert order.path == str(DEMO_MODEL)
    assert order.sha256 == fingerprint(DEMO_MODEL)
    assert order.recipe is not None
    child.go.set()
    wait_done(qtbot, app)


@pytest.mark.parametrize("text", ["one", "0", "1, 99999", "-3", "1.5"])
def test_a_sweep_that_cannot_be_is_said_before_anything_starts(
    make_app: MakeApp, text: str
) -> None:
    panel = tab_of(make_app(file=DEMO_MODEL))
    QTest.keyClicks(panel.form.sweep, text)
    assert "sweep" in panel.form.trouble
    assert not panel.start_button.isEnabled()
    assert panel.form.trouble in texts(panel)
    assert not panel._words.isVisible(), "it is said once, beside what is typed"
    click_page(panel, "History")
    assert panel._words.text() == panel.form.trouble
    assert panel._words.isVisible()
    panel.form.sweep.clear()
    assert panel.start_button.isEnabled()


def test_without_a_measurement_nothing_can_start(make_app: MakeApp) -> None:
    panel = tab_of(make_app(file=DEMO_MODEL))
    for name in ("one-at-a-time", "pipelined"):
        QTest.mouseClick(panel.form.measure[name], _LEFT, pos=QPoint(8, 8))
    assert not panel.start_button.isEnabled()
    QTest.mouseClick(panel.form.restore_button, _LEFT)
    assert panel.start_button.isEnabled()


def engine_input(*profiles: tuple[int, int]) -> TensorSpec:
    """An input whose batch is free within each profile."""
    size = (3, 8, 8)
    return TensorSpec(
        name="images",
        mode="input",
        dtype="float32",
        shape=(None, *size),
        profiles=tuple(
            Profile((least, *size), (least, *size), (most, *size)) for least, most in profiles
        ),
    )


@pytest.fixture
def form(qtbot: QtBot) -> OptionsForm:
    from gui.panels.benchmark.options_form import OptionsForm

    form = OptionsForm()
    qtbot.addWidget(form)
    form.show()
    return form


def test_the_batch_stays_within_the_profile(form: OptionsForm) -> None:
    form.show_model((engine_input((1, 4), (8, 16)),), "images", on_gpu=True)
    assert form.profile.isVisible()
    form.batch.setValue(9)
    assert form.options().batch == 4
    form.sweep.setText("2, 8")
    assert "1 to 4" in form.trouble
    form.profile.setFocus()
    QTest.keyClick(form.profile, Qt.Key.Key_End)
    assert form.profile.currentData() == 1
    assert "8 to 16" in form.trouble
    form.sweep.setText("8, 16")
    form.batch.setValue(0)
    assert form.options().sweep == (8, 16)
    assert form.options().profile == 1
    assert form.options().batch is None


def test_a_sweep_takes_sizes_within_the_profile(form: OptionsForm) -> None:
    free = TensorSpec(
        name="images",
        mode="input",
        dtype="float32",
        shape=(1, 3, None, None),
        profiles=(Profile((1, 3, 32, 64), (1, 3, 64, 64), (1, 3, 128, 256)),),
    )
    form.show_model((free,), "images", on_gpu=True)
    assert not form.batch.isEnabled()
    assert form.sweep.isEnabled()
    form.sweep.setText("64x32, 256x128 64x32")
    assert form.options().sweep_sizes == ((64, 32), (256, 128))
    assert form.options().sweep == ()
    form.sweep.setText("32x64")
    assert "64x32 to 256x128" in form.trouble
    form.sweep.setText("2")
    assert "fixed at 1" in form.trouble


def test_a_sweep_over_sizes_is_refused_where_the_size_is_fixed(form: OptionsForm) -> None:
    form.show_model((engine_input((1, 4)),), "images", on_gpu=True)
    form.sweep.setText("4, 16x16")
    assert "fixed at 8x8" in form.trouble
    plain = TensorSpec(name="x", mode="input", dtype="float32", shape=(None, 5))
    form.show_model((plain,), "x", on_gpu=False)
    assert "no picture" in form.trouble


def test_a_fixed_batch_cannot_be_chosen(form: OptionsForm) -> None:
    fixed = TensorSpec(name="x", mode="input", dtype="float32", shape=(2, 3))
    form.show_model((fixed,), "x", on_gpu=True)
    assert not form.batch.isEnabled()
    assert form.batch.text() == "2, fixed"
    assert not form.sweep.isEnabled()
    assert form.graph.isVisible()
    assert not form.profile.isVisible()


def test_find_the_best_decides_the_contexts(form: OptionsForm) -> None:
    form.contexts.setValue(3)
    assert form.options().contexts == 3
    QTest.mouseClick(form.find_best, _LEFT, pos=QPoint(8, 8))
    assert not form.contexts.isEnabled()
    assert form.options().contexts is None
    assert form.options().find_best


def test_all_of_the_tab_is_reached_by_keys(make_app: MakeApp) -> None:
    panel = tab_of(make_app(file=DEMO_MODEL))
    panel.start_button.setFocus()
    reached = set()
    for _ in range(40):
        widget = QApplication.focusWidget()
        reached.add(widget)
        QTest.keyClick(widget, Qt.Key.Key_Tab)
    results, options, history = panel.page_buttons
    wanted = {panel.start_button, results, options, history, panel.export_button}
    wanted |= {panel.form.duration, panel.form.sweep, panel.form.restore_button}
    assert wanted <= reached
    QTest.keyClick(history, Qt.Key.Key_Space)
    assert panel.history.isVisible()
    assert [one.isChecked() for one in (results, options, history)] == [False, False, True]
    QTest.keyClick(results, Qt.Key.Key_Space)
    assert "Nothing is measured yet." in texts(panel)

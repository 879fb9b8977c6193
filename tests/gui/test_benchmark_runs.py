"""Benchmarks that run in the window: live, stopped, failed, disturbed, and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from core.errors import ModelError
from core.modelfile import fingerprint
from core.paths import DEMO_MODEL
from tests.gui.benchmark_hands import (
    begin,
    cells,
    click_page,
    keep_history_in,
    measure,
    tab_of,
    use_fake_child,
    wait_done,
)
from tests.gui.fake_benchmarks import FakeChild, measurement, result
from tests.gui.hands import PICTURES, texts
from tests.gui.limits import WAIT_MS

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.app import App

    MakeApp = Callable[..., App]

_LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(autouse=True)
def own_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_history_in(tmp_path, monkeypatch)


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> FakeChild:
    return use_fake_child(monkeypatch)


def test_the_latency_is_drawn_while_it_runs(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    app = make_app(file=DEMO_MODEL)
    panel = begin(qtbot, app, child)
    qtbot.waitUntil(lambda: panel.pictures.latency.is_drawn, timeout=WAIT_MS)
    _x, drawn = panel.pictures.latency._line.getData()
    # rows_of(): 2 ms each, and each hundredth twice as long.
    assert drawn.min() == pytest.approx(2.0)
    assert drawn.max() == pytest.approx(4.0)
    qtbot.waitUntil(lambda: "300 samples" in texts(panel), timeout=WAIT_MS)
    assert panel.stop_button.isEnabled()
    assert not panel.start_button.isEnabled()
    assert not panel.form.isEnabled()
    child.go.set()
    wait_done(qtbot, app)


def test_only_the_picture_in_front_is_drawn(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    app = make_app(file=DEMO_MODEL)
    panel = begin(qtbot, app, child)
    qtbot.waitUntil(lambda: panel.pictures.latency.is_drawn, timeout=WAIT_MS)
    assert not panel.pictures.histogram.plots
    bar = panel.pictures.tabBar()
    QTest.mouseClick(bar, _LEFT, pos=bar.tabRect(5).center())
    qtbot.waitUntil(lambda: panel.pictures.telemetry.is_drawn, timeout=WAIT_MS)
    assert not panel.pictures.histogram.plots
    child.go.set()
    wait_done(qtbot, app)


def test_stop_keeps_the_samples_so_far(qtbot: QtBot, make_app: MakeApp, child: FakeChild) -> None:
    child.answer = result(
        measurement(count=300, is_complete=False),
        sha256=fingerprint(DEMO_MODEL),
        is_complete=False,
    )
    app = make_app(file=DEMO_MODEL)
    panel = begin(qtbot, app, child)
    QTest.mouseClick(panel.stop_button, _LEFT)
    wait_done(qtbot, app)
    assert child.stopped
    assert cells(panel)[0][:2] == ["pipelined (stopped)", "300"]
    assert app.document.problem is None


def test_escape_stops_it(qtbot: QtBot, make_app: MakeApp, child: FakeChild) -> None:
    app = make_app(file=DEMO_MODEL)
    panel = begin(qtbot, app, child)
    QTest.keyClick(panel, Qt.Key.Key_Escape)
    wait_done(qtbot, app)
    assert child.stopped


def test_ctrl_b_brings_up_the_tab_and_starts(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    app = make_app(file=DEMO_MODEL)
    app.window.activateWindow()
    QTest.keyClick(app.window, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(child.running.is_set, timeout=WAIT_MS)
    assert app.window.center.tabText(app.window.center.currentIndex()) == "Benchmark"
    child.go.set()
    wait_done(qtbot, app)


def test_another_model_ends_it_and_shows_nothing_of_it(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild, tmp_path: Path
) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(DEMO_MODEL.read_bytes())
    app = make_app(file=DEMO_MODEL)
    panel = begin(qtbot, app, child)
    app.document.open_path(other)
    qtbot.waitUntil(lambda: child.stopped, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not app.document.is_busy, timeout=WAIT_MS)
    wait_done(qtbot, app)
    assert app.window.benchmarking.shown is None
    assert panel.start_button.isEnabled()


def test_closing_the_window_ends_the_child(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    from tests.gui.hands import close_app

    app = make_app(file=DEMO_MODEL)
    begin(qtbot, app, child)
    close_app(app)
    assert child.stopped


def test_a_failure_is_in_the_banner_and_the_tab_goes_on(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    child.error = ModelError("benchmark-crashed", "The benchmark died.", "Try a smaller batch.")
    app = make_app(file=DEMO_MODEL)
    panel = measure(qtbot, app, child)
    assert app.document.problem is not None
    assert app.document.problem.message == "The benchmark died."
    assert panel.start_button.isEnabled()
    click_page(panel, "Results")
    assert "Nothing is measured yet." in texts(panel)
    assert app.document.loaded is not None


def test_running_the_model_meanwhile_is_said_and_marked(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    app = make_app(file=DEMO_MODEL)
    panel = begin(qtbot, app, child)
    qtbot.waitUntil(lambda: panel.pictures.latency.is_drawn, timeout=WAIT_MS)
    said: list[str] = []
    app.window.benchmarking.state_changed.connect(
        lambda: said.append(app.window.benchmarking.disturbance)
    )
    app.document.add_images(PICTURES)
    tab_of(app)
    qtbot.waitUntil(lambda: app.document.result is not None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not app.document.is_busy, timeout=WAIT_MS)
    assert any("disturbs" in text for text in said)
    child.go.set()
    wait_done(qtbot, app)
    assert "disturbed" in panel.marks.text()


def test_the_demo_model_is_really_measured_in_a_child_process(
    qtbot: QtBot, make_app: MakeApp
) -> None:
    app = make_app(file=DEMO_MODEL, drop=list(PICTURES[:2]))
    panel = tab_of(app)
    panel.form.duration.setValue(0.2)
    panel.form.warm_up.setValue(0)
    QTest.mouseClick(panel.form.measure["end-to-end"], _LEFT, pos=QPoint(8, 8))
    QTest.mouseClick(panel.start_button, _LEFT)
    qtbot.waitUntil(lambda: app.window.benchmarking.shown is not None, timeout=60_000)
    wait_done(qtbot, app)
    assert app.document.problem is None
    shown = app.window.benchmarking.shown
    assert shown is not None
    assert [one.label for one in shown.items] == ["one-at-a-time", "pipelined", "end-to-end"]
    assert all(one.measurement.samples.count >= 10 for one in shown.items)
    assert shown.result.model["sha256"] == fingerprint(DEMO_MODEL)
    assert len(cells(panel)) == 3
    click_page(panel, "History")
    assert panel.history.rows_model.rowCount() == 1


def test_stopping_a_real_benchmark_keeps_its_samples(qtbot: QtBot, make_app: MakeApp) -> None:
    app = make_app(file=DEMO_MODEL)
    panel = tab_of(app)
    panel.form.duration.setValue(3600)
    QTest.mouseClick(panel.start_button, _LEFT)
    qtbot.waitUntil(lambda: panel.pictures.latency.is_drawn, timeout=60_000)
    QTest.mouseClick(panel.stop_button, _LEFT)
    wait_done(qtbot, app)
    shown = app.window.benchmarking.shown
    assert shown is not None
    assert not shown.result.is_complete
    assert shown.items[0].measurement.samples.count > 0
    assert cells(panel)[0][0] == "one-at-a-time (stopped)"
    assert "incomplete" in panel.marks.text()


def test_stopped_before_the_first_sample_what_was_shown_stays(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    app = make_app(file=DEMO_MODEL)
    panel = measure(qtbot, app, child)
    before = cells(panel)
    child.go.clear()
    child.running.clear()
    child.chunks = 0
    child.answer = result(measurement(count=0, is_complete=False), is_complete=False)
    begin(qtbot, app, child)
    QTest.mouseClick(panel.stop_button, _LEFT)
    wait_done(qtbot, app)
    assert cells(panel) == before
    assert panel.pictures.latency.is_drawn
    assert "Stopped before anything was measured" in app.window.statusBar().currentMessage()


def test_stopped_before_the_second_measurement_the_first_is_looked_at(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    stopped = measurement(count=0, is_complete=False)
    child.answer = result(
        measurement("one-at-a-time"), stopped, sha256=fingerprint(DEMO_MODEL), is_complete=False
    )
    app = make_app(file=DEMO_MODEL)
    panel = measure(qtbot, app, child)
    assert panel.table.currentIndex().row() == 0
    assert panel.pictures.latency.is_drawn
    click_page(panel, "History")
    wait_done(qtbot, app)
    model = panel.history.rows_model
    row = [str(model.index(0, at).data()) for at in range(model.columnCount())]
    assert row[1] == "2.250"  # 2 ms, and 0.25 more on the host's clock: rows_of()
    assert not any("nothing measured" in cell for cell in row)


def test_the_status_bar_tells_of_it_behind_other_tabs(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    app = make_app(file=DEMO_MODEL)
    begin(qtbot, app, child)
    app.window.center.show_image()
    assert "A benchmark is running" in texts(app.window.statusBar())
    child.go.set()
    wait_done(qtbot, app)
    assert "A benchmark is running" not in texts(app.window.statusBar())

"""Benchmarks that run in the window: live, stopped, failed, disturbed, and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from core.benchmark.values import BenchmarkOptions, BenchmarkResult, Mark
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
from tests.gui.fake_benchmarks import NOISY, FakeChild, measurement, readings, result, rows_of
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


# -- while it runs -------------------------------------------------------------------------


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


# -- what came of it -----------------------------------------------------------------------


def test_the_table_has_the_numbers(qtbot: QtBot, make_app: MakeApp, child: FakeChild) -> None:
    panel = measure(qtbot, make_app(file=DEMO_MODEL), child)
    one, pipelined = cells(panel)
    # 1,000 queries of 2 ms, ten of them of 3.25 ms; one starts every 6 ms: rows_of().
    assert pipelined[:2] == ["pipelined", "1,000"]
    assert pipelined[2:6] == ["2.000", "2.000", "2.000", "2.000"]
    assert one[2] == "2.250"  # on the host's clock 0.25 ms more
    assert panel.table.currentIndex().row() == 1


def test_marks_are_shown_with_their_advice(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    odd = Mark("odd", "It has <b>tags</b>.", "Beware.")
    child.answer = result(measurement(marks=(NOISY, odd)), measurement("one-at-a-time"))
    panel = measure(qtbot, make_app(file=DEMO_MODEL), child)
    assert panel.marks.isVisible()
    assert NOISY.advice in panel.marks.text()
    assert "&lt;b&gt;tags" in panel.marks.text()
    panel.table.setFocus()
    QTest.keyClick(panel.table, Qt.Key.Key_Down)
    assert not panel.marks.isVisible()


def test_every_picture_is_drawn_when_it_is_looked_at(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    child.answer = swept()
    panel = measure(qtbot, make_app(file=DEMO_MODEL), child)
    bar = panel.pictures.tabBar()
    for at, picture in enumerate(panel.pictures.all):
        QTest.mouseClick(bar, _LEFT, pos=bar.tabRect(at).center())
        assert picture.is_drawn, picture.title
    bars = panel.pictures.histogram._bars.opts["height"]
    assert bars.sum() == 1000
    assert [mark.value() for mark in panel.pictures.histogram._marks] == [2.0] * 4


def swept() -> BenchmarkResult:
    """A result with contexts, a sweep and telemetry."""
    tried = [
        measurement(ms=2.0 + n / 4, contexts=n, graph=g) for n in (1, 2) for g in (True, False)
    ]
    tried += [
        measurement(ms=1.0 + batch, batch=batch, device_memory_bytes=batch * 10**6)
        for batch in (1, 2, 4)
    ]
    return result(
        measurement("one-at-a-time"),
        measurement(),
        options=BenchmarkOptions(sweep=(1, 2, 4), find_best=True),
        tried=tuple(tried),
        telemetry=readings(),
    )


def test_a_click_on_a_point_of_the_sweep_shows_its_samples(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    child.answer = swept()
    app = make_app(file=DEMO_MODEL)
    panel = measure(qtbot, app, child)
    bar = panel.pictures.tabBar()
    QTest.mouseClick(bar, _LEFT, pos=bar.tabRect(4).center())
    plot = panel.pictures.sweep.plots[0]
    QApplication.processEvents()
    at = plot.getViewBox().mapViewToScene(_point(2, 5.0))  # batch 4: 1 + 4 ms
    QTest.mouseClick(plot.viewport(), _LEFT, pos=plot.mapFromScene(at))
    shown = app.window.benchmarking.shown
    assert shown is not None
    assert shown.items[app.window.benchmarking.chosen].measurement.batch == 4
    QTest.mouseClick(bar, _LEFT, pos=bar.tabRect(0).center())
    _x, drawn = panel.pictures.latency._line.getData()
    assert drawn.min() == pytest.approx(5.0)


def _point(x: float, y: float):  # type: ignore[no-untyped-def]
    from PySide6.QtCore import QPointF

    return QPointF(x, y)


def test_a_long_run_is_drawn_in_few_points_and_keeps_its_extremes() -> None:
    from gui.benchmark_live import COLUMNS, Chunk, Feed, Live

    feed, live = Feed(), Live()
    rows = rows_of(500_000, 2.0)
    rows[123_456, 5:8] += 7.0
    for begin_ in range(0, len(rows), 10_000):
        feed.samples("pipelined", rows[begin_ : begin_ + 10_000])
        live.take(feed)
    time_s, latency_ms = live.envelope.line()
    assert len(time_s) <= 2 * COLUMNS
    assert latency_ms.max() == pytest.approx(9.0)
    assert latency_ms.min() == pytest.approx(2.0)
    assert live.count == 500_000
    peak = time_s[int(np.argmax(latency_ms))]
    assert peak == pytest.approx(123_456 * 0.006, abs=live.envelope.width_s)
    assert Chunk("pipelined", rows).rows is rows


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

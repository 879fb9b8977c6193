"""What is shown of a benchmark: the table, the marks, the pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from core.benchmark.values import BenchmarkOptions, BenchmarkResult, Mark
from core.paths import DEMO_MODEL
from tests.gui.benchmark_hands import (
    cells,
    keep_history_in,
    mark_counts,
    measure,
    use_fake_child,
)
from tests.gui.fake_benchmarks import NOISY, FakeChild, measurement, readings, result, rows_of
from tests.gui.hands import double_click, luminance, turn_wheel

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
    assert mark_counts(panel) == ["2", ""]
    assert "with transfers, 1 context, CUDA graph, spin wait" in panel.marks.text()
    assert NOISY.advice in panel.marks.text()
    assert "&lt;b&gt;tags" in panel.marks.text()
    panel.table.setFocus()
    QTest.keyClick(panel.table, Qt.Key.Key_Down)
    assert NOISY.advice not in panel.marks.text()


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


def test_stages_say_why_end_to_end_has_none(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    end_to_end = measurement("end-to-end")
    end_to_end.samples.rows[:, 2:8] = np.nan
    child.answer = result(measurement(), end_to_end)
    panel = measure(qtbot, make_app(file=DEMO_MODEL), child)
    panel.pictures.setCurrentWidget(panel.pictures.stages)
    said = panel.pictures.stages.legend.text().replace("&nbsp;", " ")
    assert "end to end has no bar: its stages overlap" in said


def test_the_cpu_has_threads_and_no_contexts(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    on_gpu = result(measurement(), options=BenchmarkOptions(contexts=3))
    on_cpu = replace(on_gpu, model={**on_gpu.model, "runtime": "ONNX Runtime 1.20.0 (CPU)"})
    app = make_app(file=DEMO_MODEL)
    for answer, word, tab in ((on_gpu, "contexts 3", "Contexts"), (on_cpu, "threads 3", "Threads")):
        child.answer = answer
        panel = measure(qtbot, app, child)
        assert word in panel.facts.text()
        assert panel.pictures.tabText(panel.pictures.indexOf(panel.pictures.contexts)) == tab


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


def test_sizes_stand_after_the_batches_by_their_pixels(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    sizes = ((640, 640), (320, 320), (640, 160))
    tried = [
        measurement(ms=1.0 + at, size_wh=size, tried_by="sweep") for at, size in enumerate(sizes)
    ]
    child.answer = result(
        measurement("one-at-a-time"),
        options=BenchmarkOptions(sweep=(4,), sweep_sizes=sizes),
        tried=(*tried, measurement(ms=9.0, batch=4, tried_by="sweep")),
    )
    panel = measure(qtbot, make_app(file=DEMO_MODEL), child)
    bar = panel.pictures.tabBar()
    QTest.mouseClick(bar, _LEFT, pos=bar.tabRect(4).center())
    plot = panel.pictures.sweep.plots[0]
    (ticks,) = plot.getAxis("bottom")._tickLevels
    assert [text for _, text in ticks] == ["4", "320\n320", "640\n160", "640\n640"]
    assert plot.getAxis("bottom").labelText == "batch | width over height"
    line, _over, _ring = panel.pictures.sweep._lines[0]
    x, y = line.getData()
    # 102,400 pixels twice: the narrower first; what was tried first has 1 ms.
    np.testing.assert_array_equal(x, [0, 1, 2, 3])
    np.testing.assert_allclose(y, [9.0, 2.0, 3.0, 1.0])


def arranged() -> BenchmarkResult:
    """Three contexts in three arrangements, the second of which is fastest; and one context."""
    ways = (("apart", 3.0), ("shared-copies", 2.0), ("queued-ahead", 4.0))
    tried = [
        measurement(ms=ms, contexts=3, arrangement=way, tried_by="find-best") for way, ms in ways
    ]
    return result(
        measurement(contexts=1, ms=5.0),
        options=BenchmarkOptions(find_best=True),
        tried=(*tried, measurement(ms=3.0, contexts=3, tried_by="sweep")),
    )


def test_arrangements_are_told_apart_and_laid_over_their_own_kind() -> None:
    from gui.benchmark_shown import show_result

    first, second = show_result(arranged()), show_result(arranged())
    assert len({one.label for one in first.items}) == 5
    assert [second.items.index(second.like(one)) for one in first.items] == [0, 1, 2, 3, 4]


def test_the_contexts_picture_has_the_best_arrangement_of_each_count_and_names_it(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    child.answer = arranged()
    panel = measure(qtbot, make_app(file=DEMO_MODEL), child)
    bar = panel.pictures.tabBar()
    QTest.mouseClick(bar, _LEFT, pos=bar.tabRect(3).center())
    picture = panel.pictures.contexts
    x, y = picture._lines[False, True].getData()
    assert list(x) == [1, 3]
    fastest = show_rate(1000, 2.0)
    assert y[1] == pytest.approx(fastest)
    tip = picture.plots[0].toolTip().splitlines()
    assert tip[1].startswith("3 contexts, CUDA graph, inputs copied on one stream: ")


def test_on_the_cpu_nothing_is_said_of_contexts_and_graphs(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    on_cpu = result(
        measurement(graph=False),
        options=BenchmarkOptions(find_best=True),
        tried=tuple(measurement(graph=False, contexts=n, ms=n) for n in (1, 2)),
    )
    runtime = {"runtime": "ONNX Runtime 1.20.0 (CPU)"}
    child.answer = replace(on_cpu, model={**on_cpu.model, **runtime})
    panel = measure(qtbot, make_app(file=DEMO_MODEL), child)
    bar = panel.pictures.tabBar()
    assert bar.tabText(3) == "Threads"
    QTest.mouseClick(bar, _LEFT, pos=bar.tabRect(3).center())
    picture = panel.pictures.contexts
    plot = picture.plots[0]
    said = f"{picture.legend.text()} {plot.toolTip()} {plot.getAxis('bottom').labelText}"
    assert "1 thread: " in said
    assert "graph" not in said
    assert "context" not in said


def show_rate(count: int, ms: float) -> float:
    """Queries a second of rows_of(): one starts every 3 * ms, the last takes twice as long."""
    return count / ((count - 1) * 3 * ms + 2 * ms) * 1000


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


def test_the_wheel_looks_closer_and_a_double_click_shows_all(
    qtbot: QtBot, make_app: MakeApp, child: FakeChild
) -> None:
    panel = measure(qtbot, make_app(file=DEMO_MODEL), child)
    plot = panel.pictures.latency.plots[0]
    QApplication.processEvents()
    whole = plot.viewRange()[0]
    middle = plot.viewport().rect().center()
    turn_wheel(plot.viewport(), middle, 5)
    closer = plot.viewRange()[0]
    assert closer[1] - closer[0] < (whole[1] - whole[0]) / 1.5
    times, _ = panel.pictures.latency._line.getData()
    assert len(times) < 1000  # only those that are seen, and their neighbours
    double_click(plot.viewport(), middle)
    assert plot.viewRange()[0] == pytest.approx(whole)


@pytest.mark.usefixtures("same_colors")
def test_the_pictures_follow_the_theme(qtbot: QtBot, make_app: MakeApp, child: FakeChild) -> None:
    app = make_app(file=DEMO_MODEL)
    panel = measure(qtbot, app, child)
    plot = panel.pictures.latency.plots[0]
    for theme, is_dark in (("dark", True), ("light", False)):
        app.window.set_theme(theme)
        QApplication.processEvents()
        assert (luminance(plot.backgroundBrush().color()) < 0.2) is is_dark


def test_a_sweeps_measurements_are_drawn_apart_while_it_runs() -> None:
    from gui.benchmark_live import Feed, Live

    feed, live = Feed(), Live()
    feed.samples("pipelined", rows_of(500, 2.0))
    live.take(feed)
    feed.samples("pipelined", rows_of(100, 5.0))
    live.take(feed)
    assert live.count == 100
    _time, latency_ms = live.envelope.line()
    assert latency_ms.min() == pytest.approx(5.0)
    assert sorted(set(np.round(live.recent, 6))) == [5.0, 10.0]

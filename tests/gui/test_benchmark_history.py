"""Results of benchmarks that were kept, exported and imported, as a user handles them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from core.benchmark.history import History, from_json, to_json
from core.benchmark.values import BenchmarkOptions
from core.modelfile import fingerprint
from core.paths import DEMO_MODEL
from gui import dialogs
from gui.panels.benchmark.pictures import title_of
from tests.gui.benchmark_hands import cells, click_page, keep_history_in, tab_of, wait_done
from tests.gui.fake_benchmarks import measurement, result
from tests.gui.hands import PICTURES, drop, texts
from tests.gui.limits import WAIT_MS

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.app import App
    from gui.panels.benchmark.panel import BenchmarkPanel

    MakeApp = Callable[..., App]

_LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(autouse=True)
def own_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history with two results of the demo model: 3 ms of yesterday, 2 ms of today."""
    keep_history_in(tmp_path, monkeypatch)
    sha256 = fingerprint(DEMO_MODEL)
    for day, ms in ((23, 3.0), (24, 2.0)):
        taken_at = f"2026-11-{day}T10:00:00+00:00"
        History().save(result(measurement(ms=ms), sha256=sha256, taken_at=taken_at))
    return tmp_path / "benchmarks"


def history_of(qtbot: QtBot, app: App, count: int = 2) -> BenchmarkPanel:
    """The tab, its history looked up."""
    panel = tab_of(app)
    click_page(panel, "History")
    qtbot.waitUntil(lambda: panel.history.rows_model.rowCount() == count, timeout=WAIT_MS)
    return panel


def press(panel: BenchmarkPanel, *keys: Qt.Key) -> None:
    panel.history.table.setFocus()
    for key in keys:
        QTest.keyClick(panel.history.table, key)


def test_the_newest_comes_first(qtbot: QtBot, make_app: MakeApp) -> None:
    panel = history_of(qtbot, make_app(file=DEMO_MODEL))
    model = panel.history.rows_model
    first, second = ([str(model.index(row, at).data()) for at in (1, 2, 3)] for row in (0, 1))
    # One query starts every 6 ms with 2 ms queries, every 9 ms with 3 ms ones, 1,000 of them; each
    # hundredth takes twice as long, so that p99 is a usual one and the last ends later: rows_of().
    assert first == ["2.000", "2.000", f"{1000 / (999 * 6 + 4) * 1000:,.1f}"]
    assert second == ["3.000", "3.000", f"{1000 / (999 * 9 + 6) * 1000:,.1f}"]


def test_another_model_has_no_history(qtbot: QtBot, make_app: MakeApp, tmp_path: Path) -> None:
    import onnx

    other = tmp_path / "other.onnx"
    model = onnx.load(DEMO_MODEL)
    model.doc_string = "another"
    onnx.save(model, other)
    app = make_app(file=other)
    panel = tab_of(app)
    click_page(panel, "History")
    wait_done(qtbot, app)
    assert panel.history.rows_model.rowCount() == 0
    assert "There are no earlier results of this model." in texts(panel)


def test_enter_shows_a_result_and_space_lays_another_over_it(
    qtbot: QtBot, make_app: MakeApp
) -> None:
    app = make_app(file=DEMO_MODEL)
    panel = history_of(qtbot, app)
    press(panel, Qt.Key.Key_Return)
    wait_done(qtbot, app)
    assert [row[2] for row in cells(panel)] == ["2.000"]
    assert panel.table.isVisible()
    click_page(panel, "History")
    press(panel, Qt.Key.Key_Down, Qt.Key.Key_Space)
    wait_done(qtbot, app)
    # One starts every 6 ms with 2 ms queries, every 9 ms with 3 ms ones: rows_of().
    assert [row[2] for row in cells(panel)] == ["2.000", "3.000", "x 0.667"]
    x, y = panel.pictures.latency._dashed.getData()
    assert len(x) > 0
    assert y.min() == pytest.approx(3.0)
    assert "laid over" in panel.second_facts.text()


def test_nothing_has_no_ratio(qtbot: QtBot, make_app: MakeApp) -> None:
    """What was stopped before its first query is not "x 0.000" as fast."""
    stopped = result(
        measurement(count=0, is_complete=False),
        sha256=fingerprint(DEMO_MODEL),
        taken_at="2026-11-24T23:00:00+00:00",
        is_complete=False,
    )
    History().save(stopped)
    app = make_app(file=DEMO_MODEL)
    panel = history_of(qtbot, app, 3)
    press(panel, Qt.Key.Key_Return)
    wait_done(qtbot, app)
    click_page(panel, "History")
    press(panel, Qt.Key.Key_Down, Qt.Key.Key_Space)
    wait_done(qtbot, app)
    ratios = cells(panel)[2]
    assert ratios[0].strip() == "ratio"
    assert not any(cell.startswith("x") for cell in ratios)


def test_a_low_window_keeps_its_size_and_its_pictures(qtbot: QtBot, shown: App) -> None:
    window, panel = shown.window, tab_of(shown)
    window.resize(1024, 700)
    click_page(panel, "History")
    press(panel, Qt.Key.Key_Down, Qt.Key.Key_Space)
    wait_done(qtbot, shown)
    click_page(panel, "Results")
    bar = panel.pictures.tabBar()
    for at in range(bar.count()):
        QTest.mouseClick(bar, _LEFT, pos=bar.tabRect(at).center())
        assert panel.pictures.front().height() >= 132
    assert (window.width(), window.height()) == (1024, 700)


def test_a_legend_breaks_no_entry_and_gives_way_to_the_plot(qtbot: QtBot, shown: App) -> None:
    histogram = tab_of(shown).pictures.histogram
    tab_of(shown).pictures.setCurrentWidget(histogram)
    text = histogram.legend.text()
    assert "</span>&nbsp;p50&nbsp;2" in text, "a colour and its words stay together"
    histogram.resize(400, 400)
    assert not histogram.legend.isHidden()
    histogram.resize(400, 140)
    assert histogram.legend.isHidden()
    assert "p50&nbsp;2" in histogram.toolTip()


def test_what_is_laid_over_can_be_taken_away(qtbot: QtBot, make_app: MakeApp) -> None:
    app = make_app(file=DEMO_MODEL)
    panel = history_of(qtbot, app)
    QTest.mouseClick(panel.history.show_button, _LEFT)
    wait_done(qtbot, app)
    click_page(panel, "History")
    assert not panel.history.alone_button.isEnabled()
    QTest.mouseClick(panel.history.over_button, _LEFT)
    wait_done(qtbot, app)
    assert len(cells(panel)) == 3
    click_page(panel, "History")
    QTest.mouseClick(panel.history.alone_button, _LEFT)
    assert len(cells(panel)) == 1


def test_delete_removes_it_from_the_disk(
    qtbot: QtBot, make_app: MakeApp, own_history: Path
) -> None:
    app = make_app(file=DEMO_MODEL)
    panel = history_of(qtbot, app)
    press(panel, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: panel.history.rows_model.rowCount() == 1, timeout=WAIT_MS)
    assert len([path for path in own_history.rglob("*") if path.is_file()]) == 1
    assert panel.history.rows_model.index(0, 1).data() == "3.000"


def test_a_damaged_result_is_said_and_the_rest_goes_on(
    qtbot: QtBot, make_app: MakeApp, own_history: Path
) -> None:
    app = make_app(file=DEMO_MODEL)
    panel = history_of(qtbot, app)
    newest = max(path for path in own_history.rglob("*") if path.is_file())
    newest.write_bytes(newest.read_bytes()[:200])
    press(panel, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: app.document.problem is not None, timeout=WAIT_MS)
    assert app.window.benchmarking.shown is None
    press(panel, Qt.Key.Key_Down, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: app.window.benchmarking.shown is not None, timeout=WAIT_MS)


# -- files ---------------------------------------------------------------------------------


def export(qtbot: QtBot, app: App, kind: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Choose an entry of the File menu, and a file."""
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    tab_of(app).export_button.export_actions[kind].trigger()
    wait_done(qtbot, app)


@pytest.fixture
def shown(qtbot: QtBot, make_app: MakeApp) -> App:
    """A window that shows the result of 2 ms."""
    app = make_app(file=DEMO_MODEL)
    panel = history_of(qtbot, app)
    press(panel, Qt.Key.Key_Return)
    wait_done(qtbot, app)
    return app


def test_a_result_is_exported_with_its_samples_and_comes_back(
    qtbot: QtBot, shown: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.json"
    export(qtbot, shown, "json", path, monkeypatch)
    again = from_json(path.read_text(encoding="utf-8"), path.name)
    assert again.measurements[0].samples.count == 1000
    benchmarking = shown.window.benchmarking
    before = benchmarking.shown
    assert drop(tab_of(shown), [path])
    qtbot.waitUntil(lambda: benchmarking.shown is not before, timeout=WAIT_MS)
    assert cells(tab_of(shown))[0][:3] == ["pipelined", "1,000", "2.000"]


def test_samples_are_exported_as_csv(
    qtbot: QtBot, shown: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "samples.csv"
    export(qtbot, shown, "csv", path, monkeypatch)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("query,")
    assert len(lines) == 1001


def test_the_pictures_are_exported_as_png(
    qtbot: QtBot, shown: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PySide6.QtGui import QImage

    path = tmp_path / "pictures.png"
    export(qtbot, shown, "png", path, monkeypatch)
    image = QImage(str(path))
    assert image.width() == 900
    # Latency, histogram and stages: there are no contexts, sweep or telemetry.
    # Above them stands of what they are: its facts and its convention, a line or some each.
    pictures = tab_of(shown).pictures
    assert pictures._shown is not None
    title = title_of(*pictures._shown)
    assert title.splitlines() == [
        tab_of(shown).facts.text(),
        "pipelined: with transfers, 1 context, CUDA graph, spin wait",
    ]
    assert image.height() > 3 * 360 + 2 * pictures.fontMetrics().height()
    paper = image.pixelColor(2, 2)
    written = {image.pixelColor(x, 16).name() for x in range(300)}
    assert written - {paper.name()}, "the title is drawn"


def test_times_go_to_trtexecs_form_and_back(
    qtbot: QtBot, shown: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "times.json"
    export(qtbot, shown, "trtexec", path, monkeypatch)
    assert json.loads(path.read_text(encoding="utf-8"))[0]["startH2dMs"] == 0
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    tab_of(shown).export_button.import_action.trigger()
    benchmarking = shown.window.benchmarking
    qtbot.waitUntil(
        lambda: (
            benchmarking.shown is not None
            and benchmarking.shown.result.model["name"] == "times.json"
        ),
        timeout=WAIT_MS,
    )
    assert cells(tab_of(shown))[0][:3] == ["pipelined", "1,000", "2.000"]


def test_results_can_be_imported_without_a_model(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(to_json(result(measurement(ms=4.0), options=BenchmarkOptions())))
    panel = tab_of(app_)
    assert drop(panel, [path])
    qtbot.waitUntil(lambda: app_.window.benchmarking.shown is not None, timeout=WAIT_MS)
    assert cells(panel)[0][2] == "4.000"
    assert panel.table.isVisible()
    assert not panel.start_button.isEnabled()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '[{"b": 2}]', '{"measurements": 3}'])
def test_a_file_of_something_else_is_said_in_the_banner(
    qtbot: QtBot, app_: App, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "foreign.json"
    path.write_text(text)
    panel = tab_of(app_)
    assert drop(panel, [path])
    qtbot.waitUntil(lambda: app_.document.problem is not None, timeout=WAIT_MS)
    problem = app_.document.problem
    assert problem is not None
    assert "foreign.json" in problem.message
    assert problem.hint
    assert app_.window.benchmarking.shown is None


def test_a_files_problem_goes_when_the_next_file_succeeds(
    qtbot: QtBot, app_: App, tmp_path: Path
) -> None:
    broken, good = tmp_path / "broken.json", tmp_path / "good.json"
    broken.write_text("{")
    good.write_text(to_json(result(measurement(ms=4.0), options=BenchmarkOptions())))
    panel = tab_of(app_)
    for _ in range(2):
        drop(panel, [broken])
        wait_done(qtbot, app_)
        assert app_.document.problem is not None
    drop(panel, [good])
    wait_done(qtbot, app_)
    assert cells(panel)[0][2] == "4.000"
    assert app_.document.problem is None
    drop(panel, [broken, good])  # of these at once, one is still broken
    wait_done(qtbot, app_)
    assert app_.document.problem is not None


def test_pictures_dropped_on_the_tab_go_on_to_the_window(app_: App) -> None:
    panel = tab_of(app_)
    assert drop(panel, [PICTURES[0]])
    assert app_.document.images == [PICTURES[0]]


def test_a_file_that_cannot_be_written_is_said(
    qtbot: QtBot, shown: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(qtbot, shown, "csv", tmp_path / "nowhere" / "samples.csv", monkeypatch)
    assert shown.document.problem is not None
    assert shown.document.problem.kind == "cannot-save"


@pytest.mark.parametrize("dropped", [True, False])
def test_a_benchmark_that_comes_to_the_window_goes_to_its_tab(
    qtbot: QtBot, app_: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dropped: bool
) -> None:
    path = tmp_path / "a.benchmark.json"
    path.write_text(to_json(result(measurement(ms=4.0), options=BenchmarkOptions())))
    if dropped:
        assert drop(app_.window, [path])
    else:
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
        dialogs.choose_model(app_.window)
    qtbot.waitUntil(lambda: app_.window.benchmarking.shown is not None, timeout=WAIT_MS)
    assert app_.document.problem is None
    panel = app_.window.center.made("Benchmark")
    assert panel is not None
    assert panel.isVisible()
    assert cells(panel)[0][2] == "4.000"


def test_a_large_benchmark_is_read_whole(
    qtbot: QtBot, app_: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.benchmark.trtexec_times.MAX_BYTES", 1000)
    path = tmp_path / "a.json"
    path.write_text(to_json(result(measurement(ms=4.0))))
    app_.window.benchmarking.import_from(path)
    qtbot.waitUntil(lambda: app_.window.benchmarking.shown is not None, timeout=WAIT_MS)

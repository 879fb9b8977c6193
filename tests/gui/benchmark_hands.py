"""What a user's hands do to the Benchmark tab, and what is read from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from core.modelfile import fingerprint
from core.paths import DEMO_MODEL
from tests.gui.fake_benchmarks import FakeChild, result
from tests.gui.limits import WAIT_MS

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.app import App
    from gui.panels.benchmark.panel import BenchmarkPanel

_LEFT = Qt.MouseButton.LeftButton
_MARKS = 1  # the column


def keep_history_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep results in a folder of the test."""
    monkeypatch.setattr("core.benchmark.history.data_folder", lambda name: folder / name)


def use_fake_child(monkeypatch: pytest.MonkeyPatch) -> FakeChild:
    """A child that measures the demo model when it is let go."""
    import core.benchmark.child

    fake = FakeChild(result(sha256=fingerprint(DEMO_MODEL)))
    monkeypatch.setattr(core.benchmark.child, "benchmark_in_child", fake)
    return fake


def tab_of(app: App) -> BenchmarkPanel:
    """The tab, brought up with its key."""
    from gui.panels.benchmark.panel import BenchmarkPanel

    window = app.window
    window.activateWindow()
    QTest.keyClick(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    panel = window.center.made("Benchmark")
    assert isinstance(panel, BenchmarkPanel)
    assert panel.isVisible()
    return panel


def wait_done(qtbot: QtBot, app: App) -> None:
    qtbot.waitUntil(lambda: not app.window.benchmarking.is_busy, timeout=WAIT_MS)


def begin(qtbot: QtBot, app: App, child: FakeChild) -> BenchmarkPanel:
    """Press Start, and wait until the child measures."""
    panel = tab_of(app)
    QTest.mouseClick(panel.start_button, _LEFT)
    qtbot.waitUntil(child.running.is_set, timeout=WAIT_MS)
    return panel


def measure(qtbot: QtBot, app: App, child: FakeChild) -> BenchmarkPanel:
    """A whole benchmark."""
    panel = begin(qtbot, app, child)
    child.go.set()
    wait_done(qtbot, app)
    return panel


def cells(panel: BenchmarkPanel) -> list[list[str]]:
    """The results table without its column of marks."""
    model = panel.table.rows_model
    columns = [column for column in range(model.columnCount()) if column != _MARKS]
    return [
        [str(model.index(row, column).data()) for column in columns]
        for row in range(model.rowCount())
    ]


def mark_counts(panel: BenchmarkPanel) -> list[str]:
    """How many marks each line of the results table has."""
    model = panel.table.rows_model
    return [str(model.index(row, _MARKS).data()) for row in range(model.rowCount())]


def click_page(panel: BenchmarkPanel, name: str) -> None:
    (found,) = [one for one in panel.page_buttons if one.text() == name]
    QTest.mouseClick(found, _LEFT)

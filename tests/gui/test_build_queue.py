"""The builds one after another: how they go, end, and are told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from core.building.no_gpu import cannot_build
from core.errors import MachineError, ModelError
from gui.build_queue import Feed
from tests.gui.build_hands import (
    LEFT,
    begin,
    click,
    model_in,
    press_build,
    set_up,
    states,
    type_into,
    wait_built,
    window_of,
)
from tests.gui.fake_builds import FakeBuilder, use_tensorrt
from tests.gui.hands import button, close_app, double_click, texts
from tests.gui.limits import WAIT_MS

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.app import App


def test_nothing_built_yet_says_how_a_queue_comes_about(app_: App, builder: FakeBuilder) -> None:
    assert "Nothing is built yet." in texts(window_of(app_).queue)


def test_progress_is_told_without_a_bar_that_pretends(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    doing = window.queue.outcome.doing
    qtbot.waitUntil(lambda: "step 12 of 40" in doing.text(), timeout=WAIT_MS)
    assert states(window) == ["building"]
    assert "trying kernels: Building engine from subgraph" in doing.text()
    assert "the last build of this model took 1:35" in doing.text()
    assert "37 lines of log a second" in doing.text()
    bar = window.queue.outcome.bar
    assert bar.isVisible()
    assert (bar.minimum(), bar.maximum()) == (0, 0)
    assert app_.window.build_entry.button.isVisible()
    assert "Building best.engine" in app_.window.build_entry.button.text()
    builder.go.set()
    wait_built(qtbot, app_)
    assert not bar.isVisible()
    assert not app_.window.build_entry.button.isVisible()


def test_the_log_has_the_phases_and_tensorrts_lines(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    window.pages.setCurrentWidget(window.log)
    qtbot.waitUntil(lambda: "reading the ONNX" in window.log.toPlainText(), timeout=WAIT_MS)
    assert "Detected 1 inputs and 1 output network tensors." in window.log.toPlainText()
    builder.go.set()
    wait_built(qtbot, app_)
    assert "[W] a line of TensorRT's log" in window.log.toPlainText()


def test_what_came_out_is_told_with_its_warnings(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    builder.warnings = ("You asked for FP16, and no layer is in it.",)
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    builder.go.set()
    wait_built(qtbot, app_)
    told = window.queue.outcome.lines.text()
    assert states(window) == ["done"]
    assert "Built in 0:12 on NVIDIA H100, TensorRT 10.3.0." in told
    assert "You asked for FP16, and no layer is in it." in told
    assert "the engine gives what its ONNX gives, at most 0.4 % apart" in told
    assert "94 % of the layers (72 of 77) are FP16" in told


def test_builds_run_one_at_a_time_each_with_its_own_result(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    assert not window.build_button.isEnabled()
    assert "is being built already" in window.trouble.text()
    QTest.keyClick(window.form.precision, Qt.Key.Key_Down)
    assert window.form.save_as.field.text() == str(tmp_path / "best-fp16.engine")
    press_build(window)
    assert states(window) == ["building", "waiting"]
    assert len(builder.orders) == 1
    assert "; 1 more" in app_.window.build_entry.button.text()
    builder.go.set()
    wait_built(qtbot, app_)
    assert states(window) == ["done", "done"]
    assert [order[2].precision for order in builder.orders] == [frozenset(), {"fp16"}]
    assert (tmp_path / "best-fp16.engine").exists()


def test_cancel_ends_the_build_at_once_and_the_next_one_begins(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    type_into(window.form.save_as.field, "second.engine")
    press_build(window)
    window.queue.choose(app_.window.building.builds[0])
    click(window, "Ca&ncel")
    qtbot.waitUntil(lambda: states(window) == ["cancelled", "building"], timeout=WAIT_MS)
    assert builder.cancelled == [tmp_path / "best.engine"]
    assert "An engine that was there before is as it was." in texts(window.queue.outcome)
    assert not (tmp_path / "best.engine").exists()
    builder.go.set()
    wait_built(qtbot, app_)
    assert states(window) == ["cancelled", "done"]


def test_a_waiting_build_is_taken_out_of_the_queue_and_tried_again(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    type_into(window.form.save_as.field, "second.engine")
    press_build(window)  # and it is the chosen one
    click(window, "Ca&ncel")
    qtbot.waitUntil(lambda: states(window) == ["building", "cancelled"], timeout=WAIT_MS)
    builder.go.set()
    wait_built(qtbot, app_)
    assert len(builder.orders) == 1
    click(window, "Re&try")
    wait_built(qtbot, app_)
    assert states(window) == ["done", "done"]
    assert [order[1].name for order in builder.orders] == ["best.engine", "second.engine"]


def test_a_failure_says_what_happened_and_what_to_do(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    builder.error = ModelError(
        "onnx-parser", "TensorRT refuses best.onnx.", "Export it again.", details="In node 3"
    )
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    builder.go.set()
    wait_built(qtbot, app_)
    assert states(window) == ["failed"]
    told = window.queue.outcome.lines.text()
    assert "TensorRT refuses best.onnx." in told
    assert "Export it again." in told
    assert window.queue.outcome.details.toPlainText() == "In node 3"
    assert not button(window.queue, "&Open").isEnabled()
    builder.error = None
    click(window, "Re&try")
    wait_built(qtbot, app_)
    assert states(window) == ["done"]
    assert not window.queue.outcome.details.isVisible()


def test_a_driver_that_goes_away_leads_to_the_windows_own_command(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    message, hint = cannot_build(MachineError("no-driver", "", ""))
    builder.error = MachineError("no-driver", message, hint)
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    builder.go.set()
    wait_built(qtbot, app_)
    told = window.queue.outcome.lines.text()
    assert "copy the command (the trtexec tab has it)" in told
    assert "`" not in told


def test_plugins_that_need_consent_are_asked_for_and_the_build_goes_on(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    builder.error = ModelError("needs-consent", "lib.so is native code.", "Allow it.")
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    assert not window.queue.buttons["allow"].isVisible()
    builder.go.set()
    wait_built(qtbot, app_)
    builder.error = None
    QTest.mouseClick(window.queue.buttons["allow"], LEFT)
    wait_built(qtbot, app_)
    assert [order[3] for order in builder.orders] == [False, True]
    assert states(window) == ["done"]


def test_a_row_is_removed_with_the_keyboard_and_its_engine_stays(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    table = window.queue.table
    window.activateWindow()
    table.setFocus()
    QTest.keyClick(table, Qt.Key.Key_Delete)  # it still runs
    assert states(window) == ["building"]
    builder.go.set()
    wait_built(qtbot, app_)
    QTest.keyClick(table, Qt.Key.Key_Delete)
    assert states(window) == []
    assert (tmp_path / "best.engine").exists()
    assert "Nothing is built yet." in texts(window.queue)


def test_the_first_engine_opens_and_later_ones_by_double_click(
    qtbot: QtBot,
    app_: App,
    builder: FakeBuilder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(app_.document, "open_path", opened.append)
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    builder.go.set()
    wait_built(qtbot, app_)
    assert opened == [tmp_path / "best.engine"]
    table = window.queue.table
    double_click(table.viewport(), table.visualRect(table.model().index(0, 0)).center())
    assert opened == [tmp_path / "best.engine"] * 2


def test_an_engine_without_weights_does_not_open_by_itself(
    qtbot: QtBot,
    app_: App,
    builder: FakeBuilder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(app_.document, "open_path", opened.append)
    window = set_up(qtbot, app_, model_in(tmp_path))
    QTest.mouseClick(window.form.more_button, LEFT)
    QTest.keyClick(window.form.more.switches["strip_weights"], Qt.Key.Key_Space)
    press_build(window)
    builder.go.set()
    wait_built(qtbot, app_)
    assert states(window) == ["done"]
    assert opened == []
    click(window, "&Open")
    assert opened == [tmp_path / "best.engine"]


def test_what_is_looked_at_meanwhile_stays(
    qtbot: QtBot,
    app_: App,
    builder: FakeBuilder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    other = model_in(tmp_path, "other.onnx")
    app_.document.open_path(other)
    qtbot.waitUntil(lambda: app_.document.loaded is not None, timeout=WAIT_MS)
    builder.go.set()
    wait_built(qtbot, app_)
    assert app_.document.file is not None
    assert app_.document.file.path == other
    opened: list[Path] = []
    monkeypatch.setattr(app_.document, "open_path", opened.append)
    click(window, "&Open")
    assert opened == [tmp_path / "best.engine"]


def test_ending_it_while_the_engine_is_looked_at_leaves_a_whole_engine(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    builder.may_look.clear()
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    builder.go.set()
    qtbot.waitUntil(builder.looking.is_set, timeout=WAIT_MS)
    click(window, "Ca&ncel")
    wait_built(qtbot, app_)
    assert states(window) == ["cancelled"]
    assert "it is whole and in its place" in window.queue.outcome.lines.text()
    assert button(window.queue, "&Open").isEnabled()


def test_closing_the_build_window_leaves_the_build_running(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.isVisible()
    assert builder.running.is_set()
    QTest.mouseClick(app_.window.build_entry.button, LEFT)
    assert window.isVisible()
    builder.go.set()
    wait_built(qtbot, app_)
    assert states(window) == ["done"]


def test_closing_the_program_ends_the_build_and_what_waits(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    type_into(window.form.save_as.field, "second.engine")
    press_build(window)
    close_app(app_)
    assert builder.cancelled == [tmp_path / "best.engine"]
    assert len(builder.orders) == 1
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".engine") == []


def test_the_rows_menu_offers_what_can_be_done(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    from PySide6.QtWidgets import QMenu

    window = begin(qtbot, app_, builder, model_in(tmp_path))
    window.queue.table.customContextMenuRequested.emit(QPoint(5, 5))
    (menu,) = window.queue.findChildren(QMenu)
    assert [one.text() for one in menu.actions()] == ["Ca&ncel"]
    menu.close()
    builder.go.set()
    wait_built(qtbot, app_)


def test_a_feed_keeps_new_phases_and_new_lines_only() -> None:
    from core.building import BuildProgress

    feed = Feed()
    feed.begin()
    for elapsed in (0.1, 0.2):
        feed.watch(BuildProgress(phase="reading", elapsed_s=elapsed, last_line="one"))
    feed.watch(BuildProgress(phase="trying kernels", last_line="one"))
    feed.tell("Looking at it")
    feed.tell("Looking at it")
    version, lines = feed.lines
    assert [line.split(" s  ")[1] for line in lines] == [
        "reading",
        "one",
        "trying kernels",
        "Looking at it",
    ]
    assert version == 4


def test_closing_the_program_ends_a_real_child_and_leaves_no_file(
    qtbot: QtBot, app_: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The build's own code, with a child that neither ends nor listens in place of TensorRT."""
    import core.child_process

    children: list[subprocess.Popen[str]] = []
    start = subprocess.Popen

    def sleep(_command: object, **options: Any) -> subprocess.Popen[str]:
        children.append(start([sys.executable, "-c", "import time; time.sleep(600)"], **options))
        return children[-1]

    use_tensorrt(monkeypatch)
    window = set_up(qtbot, app_, model_in(tmp_path))
    qtbot.waitUntil(lambda: not app_.window.building.is_asking_parser, timeout=WAIT_MS)
    monkeypatch.setattr(core.child_process.subprocess, "Popen", sleep)
    press_build(window)
    qtbot.waitUntil(lambda: bool(children) and states(window) == ["building"], timeout=WAIT_MS)
    close_app(app_)
    assert [child.poll() is None for child in children] == [False]
    assert sorted(path.name for path in tmp_path.iterdir() if "engine" in path.name) == []


def test_a_model_is_checked_before_its_build_unless_the_parser_has_just_taken_it(
    qtbot: QtBot,
    app_: App,
    builder: FakeBuilder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    model = model_in(tmp_path)
    builder.go.set()
    window = set_up(qtbot, app_, model)
    building = app_.window.building
    qtbot.waitUntil(lambda: building.verdict is not None, timeout=WAIT_MS)
    press_build(window)
    wait_built(qtbot, app_)
    assert builder.asked == []
    building.verdict = None  # as while the parser has not answered yet
    type_into(window.form.save_as.field, "second.engine")
    press_build(window)
    wait_built(qtbot, app_)
    assert builder.asked == [model]

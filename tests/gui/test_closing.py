"""Closing the window while something is built: the user is asked, and nothing else ever is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox

import gui.restart
from tests.gui.build_hands import (
    LEFT,
    begin,
    model_in,
    press_build,
    states,
    type_into,
    wait_built,
)
from tests.gui.fake_builds import FakeBuilder
from tests.gui.hands import button, menu_action
from tests.gui.limits import WAIT_MS

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.app import App
    from gui.build_queue import Build


def question_of(app: App) -> QMessageBox:
    assert app.window.closing is not None
    found = app.window.closing.question
    assert found is not None
    assert found.isVisible()
    return found


def is_asked(app: App) -> bool:
    return app.window.closing is not None and app.window.closing.question is not None


@pytest.mark.parametrize("how", ["Escape", "&Keep building"])
def test_a_build_goes_on_where_the_answer_is_no(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path, how: str
) -> None:
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    menu_action(app_.window, "File", "Quit").trigger()
    question = question_of(app_)
    assert question.text() == "best.engine is being built. Quit and end the build?"
    if how == "Escape":
        QTest.keyClick(question, Qt.Key.Key_Escape)
    else:
        QTest.mouseClick(button(question, how), LEFT)
    assert not is_asked(app_)
    assert app_.window.isVisible()
    builder.go.set()
    wait_built(qtbot, app_)
    assert states(window) == ["done"]
    assert builder.cancelled == []


def test_enter_keeps_building(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    begin(qtbot, app_, builder, model_in(tmp_path))
    app_.window.close()
    QTest.keyClick(question_of(app_), Qt.Key.Key_Return)
    assert not is_asked(app_)
    assert app_.window.isVisible()


def test_a_yes_closes_the_window_and_ends_what_runs_and_what_waits(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    type_into(window.form.save_as.field, "second.engine")
    press_build(window)
    app_.window.close()
    assert app_.window.isVisible()
    question = question_of(app_)
    assert question.text() == (
        "best.engine is being built, and 1 more waits. Quit and end the builds?"
    )
    QTest.mouseClick(button(question, "&Quit"), LEFT)
    assert not app_.window.isVisible()
    app_.stop()
    assert builder.cancelled == [tmp_path / "best.engine"]
    assert len(builder.orders) == 1


def test_closing_twice_asks_once(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    begin(qtbot, app_, builder, model_in(tmp_path))
    app_.window.close()
    app_.window.close()
    question_of(app_)
    shown = [one for one in app_.window.findChildren(QMessageBox) if one.isVisible()]
    assert len(shown) == 1
    assert app_.window.isVisible()


def test_the_question_goes_when_there_is_nothing_left_to_ask(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    app_.window.close()
    question_of(app_)
    builder.go.set()
    wait_built(qtbot, app_)
    qtbot.waitUntil(lambda: not is_asked(app_), timeout=WAIT_MS)
    assert app_.window.isVisible(), "nobody said yes"
    assert states(window) == ["done"]
    app_.window.close()
    assert not app_.window.isVisible(), "nothing is built any more"


def test_the_question_names_what_is_built_now(
    qtbot: QtBot, app_: App, builder: FakeBuilder, tmp_path: Path
) -> None:
    window = begin(qtbot, app_, builder, model_in(tmp_path))
    type_into(window.form.save_as.field, "second.engine")
    press_build(window)
    app_.window.close()
    running: list[Build | None] = [app_.window.building.running]
    builder.may_look.clear()
    builder.go.set()
    assert running[0] is not None
    app_.window.building.cancel(running[0])
    qtbot.waitUntil(
        lambda: question_of(app_).text().startswith("second.engine is being built. "),
        timeout=WAIT_MS,
    )
    builder.may_look.set()
    wait_built(qtbot, app_)


def test_the_program_is_ended_without_a_question(
    qtbot: QtBot,
    app_: App,
    builder: FakeBuilder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(QApplication, "exit", ended.append)  # there is no loop of ours to end
    begin(qtbot, app_, builder, model_in(tmp_path))
    app_.quit()
    assert ended == [0]
    assert not is_asked(app_)
    assert not app_.window.isVisible()
    app_.stop()
    assert builder.cancelled == [tmp_path / "best.engine"]


def test_starting_again_asks_before_another_program_is_started(
    qtbot: QtBot,
    app_: App,
    builder: FakeBuilder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    started: list[object] = []
    monkeypatch.setattr(
        gui.restart, "start_again", lambda document: started.append(document) or True
    )
    begin(qtbot, app_, builder, model_in(tmp_path))
    app_.window.on_action("restart")
    question = question_of(app_)
    assert question.text() == "best.engine is being built. Restart and end the build?"
    assert started == []
    QTest.mouseClick(button(question, "&Restart"), LEFT)
    assert started == [app_.document]
    assert not app_.window.isVisible()

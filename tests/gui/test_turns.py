"""Steps for the window, one a turn of the event loop."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from gui.turns import Turns


def test_the_first_step_is_done_at_once_and_the_others_one_a_turn(qtbot: QtBot) -> None:
    done: list[str] = []
    turns = Turns()
    turns.begin(lambda: done.append("a"), lambda: done.append("b"), lambda: done.append("c"))
    assert done == ["a"]
    QTimer.singleShot(0, lambda: done.append("another's"))
    qtbot.waitUntil(lambda: turns.is_idle)
    assert done.index("another's") < done.index("c")
    assert [one for one in done if len(one) == 1] == ["a", "b", "c"]


def test_what_begins_anew_drops_what_waits(qtbot: QtBot) -> None:
    done: list[str] = []
    turns = Turns()
    turns.begin(lambda: done.append("old 1"), lambda: done.append("old 2"))
    turns.begin(lambda: done.append("new 1"), lambda: done.append("new 2"))
    qtbot.waitUntil(lambda: turns.is_idle)
    qtbot.wait(20)
    assert done == ["old 1", "new 1", "new 2"]


def test_finish_does_all_that_waits_now() -> None:
    done: list[int] = []
    turns = Turns()
    turns.begin(*(lambda number=number: done.append(number) for number in range(4)))
    turns.finish()
    assert done == [0, 1, 2, 3]
    assert turns.is_idle

"""A build's log as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QTextCursor

from gui.build_queue import MOST_LINES, Feed
from gui.panels.build.log import LogView

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.fixture
def log(qtbot: QtBot) -> LogView:
    found = LogView()
    qtbot.addWidget(found)
    found.resize(400, 200)
    found.show()
    return found


def shown(log: LogView) -> list[str]:
    """The lines without their times."""
    return [line.partition(" s  ")[2] for line in log.toPlainText().splitlines()]


def test_new_lines_are_added_and_a_selection_stays(log: LogView) -> None:
    feed = Feed()
    feed.log(["first", "second"])
    log.show_feed(feed)
    cursor = log.textCursor()
    cursor.setPosition(0)
    cursor.select(QTextCursor.SelectionType.LineUnderCursor)
    log.setTextCursor(cursor)
    selected = log.textCursor().selectedText()
    feed.log(["third"])
    log.show_feed(feed)
    log.show_feed(feed)
    assert shown(log) == ["first", "second", "third"]
    assert selected.endswith("first")
    assert log.textCursor().selectedText() == selected


def test_the_view_has_no_more_lines_than_the_feed_keeps(log: LogView) -> None:
    feed, many = Feed(), MOST_LINES + 500
    feed.log(f"line {number}" for number in range(700))
    log.show_feed(feed)
    feed.log(f"line {number}" for number in range(700, many))
    log.show_feed(feed)
    assert shown(log) == [f"line {number}" for number in range(500, many)]
    feed.log(f"line {number}" for number in range(many, 3 * many))  # more than it keeps
    log.show_feed(feed)
    assert shown(log) == [f"line {number}" for number in range(3 * many - MOST_LINES, 3 * many)]


def test_it_follows_the_end_only_where_it_was_there(log: LogView) -> None:
    feed, bar = Feed(), log.verticalScrollBar()
    feed.log(f"line {number}" for number in range(100))
    log.show_feed(feed)
    assert bar.value() == bar.maximum() > 0
    feed.log(["more"])
    log.show_feed(feed)
    assert bar.value() == bar.maximum()
    bar.setValue(7)
    feed.log(["still more"])
    log.show_feed(feed)
    assert bar.value() == 7


def test_another_build_has_its_own_lines(log: LogView) -> None:
    one, other = Feed(), Feed()
    one.log(["of one"])
    other.log(["of another"])
    log.show_feed(one)
    log.show_feed(other)
    assert shown(log) == ["of another"]
    log.show_feed(one)
    assert shown(log) == ["of one"]
    log.show_feed(None)
    assert log.toPlainText() == ""

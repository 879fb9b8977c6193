"""The file's facts and its fingerprint in the window."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from core.errors import ModelFileError
from core.modelfile import read_model_file
from core.modelfile.facts import all_facts
from core.paths import DEMO_MODEL
from gui.panels.file_facts import FileFactsPanel, FingerprintThread
from tests.gui.fakes import FakeThread
from tests.gui.limits import WAIT_MS
from tests.unit.plan_writer import Plan, with_prefix

if TYPE_CHECKING:
    from gui.app import App

DEMO = read_model_file(DEMO_MODEL)


@pytest.fixture
def thread(qapp: object) -> Iterator[FakeThread]:
    thread = FakeThread()
    yield thread
    thread.stop(0)


@pytest.fixture
def panel(thread: FakeThread, qtbot: QtBot) -> FileFactsPanel:
    panel = FileFactsPanel(thread)
    qtbot.addWidget(panel)
    panel.resize(320, 300)
    panel.show()
    return panel


def rows(panel: FileFactsPanel) -> list[tuple[str, str]]:
    model = panel.table.model()
    return [
        (model.index(row, 0).data(), model.index(row, 1).data()) for row in range(model.rowCount())
    ]


def fingerprint_shown(panel: FileFactsPanel) -> str:
    label, text = rows(panel)[-1]
    assert label == "SHA-256"
    return text


def test_without_a_file_it_says_what_to_do(panel: FileFactsPanel, thread: FakeThread) -> None:
    panel.show_file(None)
    assert not panel.table.isVisible()
    assert "Open a model" in panel.findChild(QLabel).text()
    assert thread.asked == []


def test_every_fact_is_shown_with_the_fingerprint_last(
    panel: FileFactsPanel, thread: FakeThread
) -> None:
    panel.show_file(DEMO)
    assert panel.table.isVisible()
    assert not panel.findChild(QLabel).isVisible()
    assert rows(panel) == [*all_facts(DEMO), ("SHA-256", "reading")]
    assert thread.take() == DEMO_MODEL
    thread.progress(0.427, "reading the fingerprint")
    assert fingerprint_shown(panel) == "reading, 43 %"
    thread.finish("ab" * 32)
    assert fingerprint_shown(panel) == "ab" * 32
    assert rows(panel)[:-1] == all_facts(DEMO)


def test_the_same_file_again_begins_nothing(panel: FileFactsPanel, thread: FakeThread) -> None:
    for _ in range(3):
        panel.show_file(DEMO)
    thread.take()
    thread.finish("ab" * 32)
    panel.show_file(DEMO)
    assert thread.asked == [DEMO_MODEL]
    assert fingerprint_shown(panel) == "ab" * 32


def test_another_file_cancels_the_fingerprint_of_the_one_before(
    panel: FileFactsPanel, thread: FakeThread
) -> None:
    panel.show_file(DEMO)
    thread.take()
    other = read_model_file(DEMO_MODEL)
    panel.show_file(other)
    assert thread.running is not None
    assert thread.running.cancelled.is_set()
    thread.progress(0.9, "")
    thread.finish("ab" * 32)
    assert fingerprint_shown(panel) == "reading", "nothing of the file before"
    thread.take()
    thread.finish("cd" * 32)
    assert fingerprint_shown(panel) == "cd" * 32


def test_no_file_any_more_cancels_it_too(panel: FileFactsPanel, thread: FakeThread) -> None:
    panel.show_file(DEMO)
    thread.take()
    panel.show_file(None)
    assert thread.running is not None
    assert thread.running.cancelled.is_set()
    thread.finish("ab" * 32)
    assert rows(panel) == []


def test_a_file_that_cannot_be_read_to_its_end_says_so(
    panel: FileFactsPanel, thread: FakeThread
) -> None:
    panel.show_file(DEMO)
    thread.take()
    thread.fail(ModelFileError("unreadable", "The disk is broken.", "Check it."))
    assert fingerprint_shown(panel) == "not readable"
    model = panel.table.model()
    tooltip = model.index(model.rowCount() - 1, 1).data(Qt.ItemDataRole.ToolTipRole)
    assert tooltip == "The disk is broken.\nCheck it."


def test_progress_leaves_the_selection_where_it_is(
    panel: FileFactsPanel, thread: FakeThread
) -> None:
    panel.show_file(DEMO)
    thread.take()
    panel.table.selectRow(2)
    thread.progress(0.5, "")
    QTest.keyClick(panel.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = QGuiApplication.clipboard().text().split("\n")
    assert copied == ["fact\tvalue", "\t".join(all_facts(DEMO)[2])]


def test_long_facts_take_several_lines_and_leave_labels_their_room(
    panel: FileFactsPanel, tmp_path: Path, qtbot: QtBot
) -> None:
    raw = {"note": "many words " * 12, "a key that is long " * 3: "x"}
    path = tmp_path / "model.engine"
    path.write_bytes(with_prefix(Plan(layout="ftrt-8.6").to_bytes(), raw))
    panel.show_file(read_model_file(path))
    table = panel.table
    labels = [label for label, _ in rows(panel)]
    note, kind = labels.index("metadata: note"), labels.index("kind")
    assert table.rowHeight(note) > 3 * table.rowHeight(labels.index("sections"))
    assert table.columnWidth(0) <= table.viewport().width() * 2 // 5
    before = table.rowHeight(note)
    panel.resize(900, 300)
    qtbot.waitUntil(lambda: table.rowHeight(note) < before, timeout=WAIT_MS)
    assert table.rowHeight(kind) >= table.fontMetrics().height()


# the thread


def test_the_thread_makes_the_files_sha_256_and_tells_how_far_it_is(
    qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "big.engine"
    path.write_bytes(Plan(layout="ftrt-8.6").to_bytes() + bytes(20_000_000))
    thread = FingerprintThread()
    panel = FileFactsPanel(thread)
    qtbot.addWidget(panel)
    told: list[str] = []
    panel.table.model().dataChanged.connect(lambda *_: told.append(fingerprint_shown(panel)))
    panel.show_file(read_model_file(path))
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    qtbot.waitUntil(lambda: expected in told, timeout=WAIT_MS)
    assert told[0].startswith("reading, ")
    assert thread.stop(WAIT_MS)


def test_a_file_that_is_gone_is_not_readable_and_no_mistake_of_ours(
    qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(Plan(layout="ftrt-8.6").to_bytes())
    file = read_model_file(path)
    path.unlink()
    thread = FingerprintThread()
    panel = FileFactsPanel(thread)
    qtbot.addWidget(panel)
    panel.show_file(file)
    qtbot.waitUntil(lambda: fingerprint_shown(panel) == "not readable", timeout=WAIT_MS)
    assert thread.stop(WAIT_MS)


# in the window


def test_clicking_the_cards_facts_brings_the_file_up(app_: App, qtbot: QtBot) -> None:
    window = app_.window
    window.document.open_path(DEMO_MODEL)
    expected = hashlib.sha256(DEMO_MODEL.read_bytes()).hexdigest()
    qtbot.waitUntil(lambda: window.file_facts.table.model().rowCount() > 0, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: fingerprint_shown(window.file_facts) == expected, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not window.document.is_busy, timeout=WAIT_MS)
    dock = window.docks[5]
    for hidden in (False, True):
        dock.setHidden(hidden)
        window.docks[1].raise_()
        QTest.mouseClick(window.card._facts, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not dock.visibleRegion().isEmpty(), timeout=WAIT_MS)
    verdict = window.document.verdict
    assert verdict is not None
    facts = [*verdict.as_facts(), *all_facts(read_model_file(DEMO_MODEL))]
    assert rows(window.file_facts)[:-1] == facts
    assert facts[0][0] == "runs here"


def test_the_card_stays_one_line(app_: App, qtbot: QtBot) -> None:
    window = app_.window
    before = window.card.height()
    window.document.open_path(DEMO_MODEL)
    qtbot.waitUntil(lambda: not window.document.is_busy, timeout=WAIT_MS)
    assert "77 operators" in window.card._facts.text()
    assert window.card.height() <= before + 6

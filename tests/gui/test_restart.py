"""Start again with the same document."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

import gui.restart
from core.jobs import Failed
from core.modelfile import ModelFile
from gui.app import App
from gui.document import Document
from gui.opening_choices import OpeningChoices
from gui.restart import arguments, start_again
from tests.gui.fakes import FakeThread
from tests.gui.limits import WAIT_MS


@pytest.fixture
def document(qtbot: QtBot) -> Document:
    return Document(FakeThread())


def test_an_empty_document_starts_an_empty_window(document: Document) -> None:
    assert arguments(document) == []


def test_model_plugins_and_images_come_along_the_current_image_last(document: Document) -> None:
    document.file = ModelFile(path=Path("/m/a.engine"), kind="tensorrt-plan", size_bytes=1)
    document.choices = OpeningChoices(plugins=(Path("/p/x.so"), Path("/p/y.so")))
    document.images = [Path("/i/1.png"), Path("/i/2.png"), Path("/i/3.png")]
    document.current = 1
    expected = ["/m/a.engine", "--plugin", "/p/x.so", "--plugin", "/p/y.so"]
    expected += ["--drop", "/i/1.png", "/i/3.png", "/i/2.png"]
    assert arguments(document) == [
        one if one.startswith("--") else str(Path(one).absolute()) for one in expected
    ]


def test_a_command_line_has_room_for_the_newest_images_only(document: Document) -> None:
    document.images = [Path(f"/images/{number:040}.png") for number in range(2_000)]
    document.current = 5
    found = arguments(document)
    assert len(found) > 300
    assert sum(map(len, found)) < 25_000
    assert found[-1].endswith("05.png")
    assert found[-2].endswith("1999.png")


def test_a_real_start_gets_the_arguments(
    document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "note.json"
    package = tmp_path / "site" / "gui"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(
        f"import json, sys, pathlib\n"
        f"pathlib.Path({str(note)!r}).write_text(json.dumps(sys.argv[1:]))\n"
    )
    monkeypatch.setattr(gui.restart, "ROOT", package.parent)
    document.images = [tmp_path / "ä b.png"]
    document.current = 0
    assert start_again(document)
    deadline = time.monotonic() + 20
    while not (note.exists() and note.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)  # another process, which tells by its file
    assert json.loads(note.read_text()) == ["--drop", str(tmp_path / "ä b.png")]


def test_a_program_that_cannot_be_started_leaves_the_window_open(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert not start_again(document)


def test_the_banners_button_restarts_and_closes(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, app_: App
) -> None:
    window = app_.window
    started: list[Document] = []
    monkeypatch.setattr(
        gui.restart, "start_again", lambda document: started.append(document) or True
    )
    failed = Failed(1, "test", "cuda-context-lost", "The GPU stopped.", "Restart.", fatal=True)
    window.document.fail(failed)
    assert window.banner.isVisible()
    QTest.mouseClick(window.banner._help, Qt.MouseButton.LeftButton)
    assert started == [window.document]
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=WAIT_MS)

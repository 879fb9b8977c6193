"""Two hundred pictures in a second: the window lives, the last one wins, each request ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QElapsedTimer, QTimer
from pytestqt.qtbot import QtBot

from core.paths import DEMO_MODEL
from gui.work_thread import WorkThread
from tests.gui.hands import close_app, drop
from tests.gui.limits import WAIT_MS

if TYPE_CHECKING:
    from gui.app import App
    from gui.document import Document

COUNT = 200
TICK_MS = 5


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Small JPEGs, each of another colour."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    paths = [folder / f"{number:03}.jpg" for number in range(COUNT)]
    for number, path in enumerate(paths):
        color = (number, 255 - number, 40)
        done, data = cv2.imencode(".jpg", np.full((120, 160, 3), color, np.uint8))
        assert done
        path.write_bytes(data.tobytes())
    return paths


class Ticks:
    """A timer that counts; the longest time between two ticks is how long the window froze."""

    def __init__(self) -> None:
        self.count = 0
        self.longest_ms = 0
        self._clock = QElapsedTimer()
        self._clock.start()
        self._timer = QTimer(interval=TICK_MS)
        self._timer.timeout.connect(self._on_tick)
        self._timer.start()

    def _on_tick(self) -> None:
        self.count += 1
        self.longest_ms = max(self.longest_ms, self._clock.restart())


class Dropper:
    """Drops one picture per event, as fast as the event loop takes them, a second in all."""

    def __init__(self, app: App, paths: list[Path]) -> None:
        self._app = app
        self._paths = list(paths)
        self._timer = QTimer(interval=TICK_MS)
        self._timer.timeout.connect(self._on_tick)
        self._timer.start()

    @property
    def is_done(self) -> bool:
        return not self._paths

    def _on_tick(self) -> None:
        if self._paths:
            assert drop(self._app.window.view.viewport(), [self._paths.pop(0)])


def count_requests(app: App, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Notes the id of every request that the document makes."""
    ids: list[int] = []
    submit = app.thread_.submit

    def noted(slot: str, request: object) -> int:
        job_id = submit(slot, request)
        if slot != "inputs":  # the panel's
            ids.append(job_id)
        return job_id

    monkeypatch.setattr(app.thread_, "submit", noted)
    return ids


def test_two_hundred_pictures_in_a_second(
    app_: App,
    pictures: list[Path],
    qtbot: QtBot,
    wait_idle: Callable[[Document], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = app_.document
    ids = count_requests(app_, monkeypatch)
    drop(app_.window, [DEMO_MODEL])
    wait_idle(document)
    ticks = Ticks()
    dropper = Dropper(app_, pictures)
    qtbot.waitUntil(lambda: dropper.is_done, timeout=WAIT_MS)
    wait_idle(document)
    assert document.images == pictures, "nothing is lost"
    assert document.result is not None
    assert document.result.result.source == str(pictures[-1])
    assert app_.window.filmstrip.currentIndex().row() == COUNT - 1
    shown = app_.window.view._item.pixmap().toImage().pixelColor(80, 60)
    assert shown.red() < 80 < 150 < shown.blue(), "the last one's own pixels"
    assert len(ids) == 2 + COUNT
    assert sum(document.endings.values()) == len(ids), "every request ended once"
    assert document.endings["failed"] == 0
    assert ticks.count > 50, "the window went on all the time"
    assert ticks.longest_ms < 1_000, "and never stood still"
    close_app(app_)
    assert not [thread for thread in WorkThread.alive if thread.isRunning()]


def test_two_hundred_pictures_dropped_before_a_model_wait_and_the_last_runs(
    app_: App, pictures: list[Path], wait_idle: Callable[[Document], None]
) -> None:
    for path in pictures:
        drop(app_.window, [path])
    assert sum(app_.document.endings.values()) == 0
    drop(app_.window, [DEMO_MODEL])
    wait_idle(app_.document)
    assert app_.document.result is not None
    assert app_.document.result.result.source == str(pictures[-1])
    assert sum(app_.document.endings.values()) == 3, "identified, loaded, one picture run"


def test_two_hundred_pictures_at_once_run_one(
    app_: App, pictures: list[Path], wait_idle: Callable[[Document], None]
) -> None:
    drop(app_.window, [DEMO_MODEL])
    wait_idle(app_.document)
    drop(app_.window, pictures)
    wait_idle(app_.document)
    assert app_.document.images == pictures
    assert app_.document.result is not None
    assert app_.document.result.result.source == str(pictures[-1])
    assert sum(app_.document.endings.values()) == 3

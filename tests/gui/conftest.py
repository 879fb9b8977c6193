"""What the window's tests share: an offscreen Qt, settings of their own, and threads that end."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before Qt is imported anywhere

import gc
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.gui.limits import WAIT_MS

try:
    import PySide6.QtWidgets  # noqa: F401
except ImportError as error:  # a missing package, or a missing system library such as libEGL
    _NO_QT = f"Qt's widgets cannot be loaded: {error}"
else:
    _NO_QT = ""

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

    from gui.app import App
    from gui.document import Document
    from tests.gui.fake_builds import FakeBuilder

    MakeApp = Callable[..., App]


_COMPLAINTS = ("QtWarningMsg", "QtCriticalMsg")
_KNOWN = (
    "This plugin does not support",  # said of what the offscreen platform lacks
    "Detected locale",  # said once, of a machine without a UTF-8 locale
)


class _Skipped(pytest.Module):
    """A test module that says why it cannot run instead of failing while it is imported."""

    def collect(self) -> Any:
        pytest.skip(_NO_QT, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> pytest.Module | None:
    """Skip this folder, with the reason, where Qt's system libraries are missing."""
    return _Skipped.from_parent(parent, path=module_path) if _NO_QT else None


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a WorkThread running."""
    from shiboken6 import isValid

    from gui.work_thread import WorkThread

    yield
    left = [thread for thread in WorkThread.alive if isValid(thread) and thread.isRunning()]
    for thread in left:
        thread.stop(WAIT_MS)
    assert not left, "the test left threads running"


@pytest.fixture(autouse=True)
def no_complaint_of_qt(qtlog: Any) -> Iterator[None]:
    """Fail a test during which Qt warned of something."""
    yield
    complaints = [record.message for record in qtlog.records if record.type_name in _COMPLAINTS]
    assert [text for text in complaints if not text.startswith(_KNOWN)] == []


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings and caches of this test alone; gives the settings' folder."""
    from PySide6.QtCore import QSettings

    folder = tmp_path / "settings"
    for scope in (QSettings.Scope.UserScope, QSettings.Scope.SystemScope):
        QSettings.setPath(QSettings.Format.IniFormat, scope, str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return folder


@pytest.fixture
def same_colors(qapp: QApplication) -> Iterator[None]:
    """Put the application's colours back after a test that changes them."""
    from gui.theme import apply_theme

    apply_theme("light")
    yield
    apply_theme("system")


@pytest.fixture(scope="session")
def frozen_imports(qapp: QApplication) -> None:
    """Import what windows import, and let the collector skip it: collecting is then quick."""
    import onnxruntime  # noqa: F401
    import pyqtgraph  # noqa: F401

    import core.model  # noqa: F401
    import gui.app  # noqa: F401

    gc.collect()
    gc.freeze()


@pytest.fixture
def make_app(
    qapp: QApplication, frozen_imports: None, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeApp]:
    """Build and show windows; each is closed and its threads are stopped after the test."""
    import gui.app
    from gui.window_options import WindowOptions
    from tests.gui.hands import close_app, is_settled

    def hard_exit(_status: int) -> None:
        raise AssertionError("a thread did not come back in time")

    monkeypatch.setattr(gui.app.os, "_exit", hard_exit)
    qapp.setStyle("Fusion")
    interval, level = sys.getswitchinterval(), logging.getLogger().level
    apps: list[App] = []

    def make(*, wait: bool = True, **options: Any) -> App:
        app = gui.app.App(WindowOptions(**options))
        apps.append(app)
        app.start()
        if wait:  # complete, the command line's wishes fulfilled, and the plot there
            qtbot.waitUntil(lambda: is_settled(app), timeout=WAIT_MS)
        return app

    yield make
    for app in apps:
        close_app(app)
    apps.clear()
    gc.collect()
    sys.setswitchinterval(interval)
    logging.getLogger().setLevel(level)


@pytest.fixture
def app_(make_app: MakeApp) -> App:
    """A window with nothing opened."""
    return make_app()


@pytest.fixture
def wait_idle(qtbot: QtBot) -> Callable[[Document], None]:
    """A function that waits until a document's last request has ended and is shown."""
    from gui.turns import Turns

    def is_done(document: Document) -> bool:
        return not document.is_busy and all(turns.is_idle for turns in Turns.alive)

    def wait(document: Document) -> None:
        qtbot.waitUntil(lambda: is_done(document), timeout=WAIT_MS)

    return wait


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> FakeBuilder:
    """A machine with a GPU and TensorRT, and a builder that the test lets go."""
    from tests.gui.fake_builds import use_fake_builder, use_tensorrt

    use_tensorrt(monkeypatch)
    return use_fake_builder(monkeypatch)

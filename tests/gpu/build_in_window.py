"""Builds an engine in a real window, as a user's hands do.

    python -m tests.gpu.build_in_window ORDER

ORDER is JSON: model, target, picture, choice, batches, level of optimization, and shot, where a
picture of the Build window goes. Prints JSON: what became of it, what the window said, what it
found in the picture once the engine was opened, and the longest time that its event loop stood
still from the press on Build until the result was told.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from PySide6.QtCore import QEventLoop, QSettings, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox

from gui.app import App
from gui.window_options import WindowOptions
from tests.gpu.wishes import SHAPE
from tests.gui.build_hands import press_build, type_into, window_of

_LIMIT_S = 300.0
SIZE_WH = (900, 760)  # all of a plain form, and what came out


class Waiter:
    """Waits in the event loop, and looks how regularly that turns."""

    def __init__(self) -> None:
        self.gap_ms = 0.0
        self._last = time.perf_counter()
        self._ticks = QTimer(interval=1)
        self._ticks.timeout.connect(self._tick)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gap_ms = max(self.gap_ms, (now - self._last) * 1000)
        self._last = now

    def watch(self) -> None:
        self.gap_ms, self._last = 0.0, time.perf_counter()
        self._ticks.start()

    def until(self, is_done: Callable[[], bool], what: str) -> None:
        loop, look = QEventLoop(), QTimer(interval=20)
        end = time.monotonic() + _LIMIT_S
        look.timeout.connect(lambda: (is_done() or time.monotonic() > end) and loop.quit())
        look.start()
        loop.exec()
        if not is_done():
            raise SystemExit(f"waited {_LIMIT_S:.0f} s in vain: {what}")


def choose(box: QComboBox, wanted: Any) -> None:
    """Go through a list with the keys."""
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Home)
    for _ in range(box.count()):
        if box.currentData() == wanted:
            return
        QTest.keyClick(box, Qt.Key.Key_Down)
    raise SystemExit(f"{wanted} is not offered")


def build(app: App, waiter: Waiter, order: dict[str, Any]) -> dict[str, Any]:
    """Set it up, press Build, wait, and try what came out."""
    document, building = app.document, app.window.building
    window = window_of(app)
    building.set_up([Path(order["model"])])
    waiter.until(lambda: building.ability is not None and building.checked is not None, "check")
    waiter.until(lambda: not building.is_asking_parser, "TensorRT's parser")
    window.resize(*SIZE_WH)
    form = window.form
    choose(form.precision, frozenset(order["choice"]))
    for number, batches in enumerate(order["batches"]):
        if number:
            QTest.mouseClick(form.shapes.add_button, Qt.MouseButton.LeftButton)
        for which, batch in zip(("min", "opt", "max"), batches, strict=True):
            type_into(form.shapes.fields[number]["images", which], f"{batch}x{SHAPE}")
    type_into(form.save_as.field, order["target"])
    QTest.mouseClick(form.more_button, Qt.MouseButton.LeftButton)
    choose(form.more.choices["optimization_level"], order["level"])
    waiter.until(window.build_button.isEnabled, window.trouble.text())
    waiter.watch()
    begin = time.monotonic()
    press_build(window)
    (mine,) = building.builds[-1:]
    waiter.until(lambda: mine.is_over, "the build")
    seconds = time.monotonic() - begin
    QTest.mouseClick(form.more_button, Qt.MouseButton.LeftButton)
    QTest.qWait(300)  # what the result shows
    found: dict[str, Any] = {
        "state": mine.state,
        "problem": None if mine.problem is None else mine.problem.message + mine.problem.details,
        "lines": [] if mine.built is None else [line.text for line in mine.built.lines],
        "seconds": round(seconds, 1),
        "gap_ms": round(waiter.gap_ms, 1),
    }
    if mine.state != "done":
        return found
    waiter.until(lambda: not document.is_busy, "what opens by itself")
    building.open(mine)
    waiter.until(lambda: document.loaded is not None and not document.is_busy, "opening")
    document.add_images([Path(order["picture"])])

    def is_shown() -> bool:
        result = document.result
        return (
            result is not None and result.result.source == order["picture"] and not document.is_busy
        )

    waiter.until(is_shown, "a result")
    result = document.result
    assert result is not None
    opened = document.file
    found["opened"] = None if opened is None else str(opened.path)
    found["predictions"] = result.result.as_json()["predictions"]
    return found


def main() -> None:
    """Build it."""
    order = json.loads(sys.argv[1])
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    qt = cast("QApplication", QApplication.instance() or QApplication([]))
    qt.setQuitOnLastWindowClosed(False)
    app = App(WindowOptions(screenshot=Path("-"), size_wh=(1280, 860)))
    app.start()
    waiter = Waiter()
    waiter.until(lambda: app.furnished and app.window.timings.has_plot, "the window")
    found = build(app, waiter, order)
    window_of(app).grab().save(order["shot"])
    app.stop()
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""Wait until everything asked for is on screen, save the window as a picture, quit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from gui.app import App


_POLL_MS = 50
_CALM_POLLS = 4  # idle this many times in a row, so that painting and thumbnails are done


class Screenshot(QObject):
    """Takes one picture.

    Attributes:
        status: the exit status: 1 when a problem is on screen or the file cannot be written.
    """

    def __init__(self, app: App, path: Path) -> None:
        super().__init__(app)
        self._app = app
        self._path = path
        self._calm = 0
        self.status = 0
        self._timer = QTimer(self, interval=_POLL_MS)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    def _look(self) -> None:
        app = self._app
        ready = (
            app.furnished
            and not app.document.is_busy
            and not app.window.shelf.panel.is_busy
            and not app.window.rereading.is_busy
            and not app.window.recipe_editing.is_busy
            and not app.window.input_editing.is_busy
            and app.window.turns.is_idle
            and not app.window.layers.is_busy
            and not app.window.benchmarking.is_busy
            and not app.window.building.is_busy
            and app.window.timings.has_plot
        )
        self._calm = self._calm + 1 if ready else 0
        if self._calm < _CALM_POLLS:
            return
        self._timer.stop()
        if app.window.grab().save(str(self._path), "PNG"):
            sys.stdout.write(f"The window was saved to {self._path.resolve()}\n")
        else:
            sys.stderr.write(f"enginebay: {self._path} cannot be written.\n")
            self.status = 1
        problem = app.document.problem
        if problem is not None and not problem.is_warning:
            sys.stderr.write(f"enginebay: {problem.message}\n{problem.hint}\n")
            self.status = 1
        app.quit()

"""The ways into the Build window: menu, card, drop, shelf, an engine's record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFileDialog, QToolButton

from core.text import counted, one_line
from gui.build_queue import Build, time_text
from gui.building import Building
from gui.closing import Closing

if TYPE_CHECKING:
    from core.building.record import BuildRecord
    from gui.dropping import Dropped
    from gui.main_window import MainWindow
    from gui.panels.build.window import BuildWindow

KEY = "Ctrl+Shift+B"
_TICK_MS = 1_000
_NOTE_MS = 8_000
_NAME = 40  # letters in the status bar


class BuildEntry:
    """Connects a furnished window with its builds; makes their window when it is first wanted.

    Attributes:
        closing: asks before the main window closes and ends a build.
        window_: the Build window; None before.
        button: in the status bar, shown while something is built.
    """

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._dropped: list[Path] = []  # several ONNX models at once
        self.building = window.building = Building(window.document)
        self.closing = window.closing = Closing(window, self.building)
        self.window_: BuildWindow | None = None
        self.button = QToolButton()
        self.button.setToolTip("Show the builds")
        self.button.setAutoRaise(True)
        self.button.clicked.connect(self.show)
        self.button.hide()
        window.statusBar().addPermanentWidget(self.button)
        self._timer = QTimer(window, interval=_TICK_MS)
        self._timer.timeout.connect(self._tell)
        building = self.building
        building.shown.connect(self.show)
        building.build_changed.connect(lambda _build: self._tell())
        building.builds_changed.connect(self._tell)
        building.built.connect(self._on_built)
        building.model_wanted.connect(self._ask_model)
        window.card.build_wanted.connect(self.open)
        window.file_facts.rebuild_wanted.connect(self.rebuild)
        window.shelf.panel.table.build_wanted.connect(building.set_up)
        window.shelf.panel.table.rebuild_wanted.connect(building.rebuild)
        window.document.dropped.connect(self._on_dropped)

    def open(self) -> None:
        """Show the Build window, with the open ONNX or those that were dropped."""
        file, building = self._window.document.file, self.building
        dropped, self._dropped = self._dropped, []
        if len(dropped) > 1:
            building.set_up(dropped)
        elif file is not None and file.kind == "onnx" and not self._is_known(file.path.absolute()):
            building.set_up([file.path])
        else:
            self.show()

    def _is_known(self, onnx: Path) -> bool:
        """Whether a model is set up, or was built from and others wait: one only looks then."""
        building = self.building
        was_built = any(one.onnx == onnx for one in building.builds)
        return onnx == building.path or (bool(building.pending) and was_built)

    def rebuild(self) -> None:
        """Build the opened engine again for this machine, as its record says."""
        file = self._window.document.file
        if file is not None:
            self.building.rebuild(file.path)

    def show(self) -> None:
        """Bring the Build window to the front."""
        if self.window_ is None:
            from gui.panels.build.window import BuildWindow

            self.window_ = BuildWindow(self.building, self._window)
        self.window_.show()
        self.window_.raise_()
        self.window_.activateWindow()

    def _tell(self) -> None:
        building = self.building
        self.button.setVisible(building.is_building)
        if not building.is_building:
            self._timer.stop()
            return
        self._timer.start()
        build = building.running
        waiting = sum(one.state == "waiting" for one in building.builds)
        words = counted(waiting, "build") + " to come" if build is None else ""
        if build is not None:
            name = one_line(build.target.name, _NAME)
            words = f"Building {name}, {time_text(build.feed.elapsed_s)}"
            words += f"; {waiting} more" if waiting else ""
        self.button.setText(words)

    def _on_built(self, build: Build) -> None:
        text = f"{one_line(build.target.name, 80)} is built"
        self._window.statusBar().showMessage(text, _NOTE_MS)

    def _on_dropped(self, dropped: Dropped) -> None:
        models = [path for path in dropped.models if path.suffix.lower() == ".onnx"]
        self._dropped = models
        if models:
            what = "it" if len(models) == 1 else f"these {len(models)} models"
            text = f"{KEY} builds {'an engine' if len(models) == 1 else 'engines'} from {what}"
            self._window.statusBar().showMessage(text, _NOTE_MS)

    def _ask_model(self, record: BuildRecord) -> None:
        name = one_line(record.onnx.name, 80)
        text, _ = QFileDialog.getOpenFileName(
            self._window,
            f"{name} is not where it was; where is it now?",
            str(record.engine.parent),
            "ONNX models (*.onnx);;All files (*)",
        )
        if text:
            self.building.rebuild_from(record, Path(text))

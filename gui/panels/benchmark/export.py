"""The button that writes the shown result to a file, or reads one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMenu, QToolButton, QWidget

from gui.benchmark_files import KINDS

if TYPE_CHECKING:
    from gui.benchmarking import Benchmarking
    from gui.panels.benchmark.pictures import Pictures


class ExportButton(QToolButton):
    """A menu of what can be written, and the import."""

    def __init__(
        self, benchmarking: Benchmarking, pictures: Pictures, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._benchmarking, self._pictures = benchmarking, pictures
        self.setText("File")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip("Export the shown result, or import one")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        self.export_actions = {}
        for kind, words in KINDS.items():
            action = menu.addAction(words.text)
            action.triggered.connect(lambda _checked=False, kind=kind: self.export(kind))
            self.export_actions[kind] = action
        menu.addSeparator()
        self.import_action = menu.addAction("&Import a result...")
        self.import_action.triggered.connect(lambda _checked=False: self.import_result())
        self.setMenu(menu)
        benchmarking.state_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Enable what there is something for."""
        shown = self._benchmarking.shown
        is_free = shown is not None and not self._benchmarking.is_running
        for action in self.export_actions.values():
            action.setEnabled(is_free)

    def export(self, kind: str) -> None:
        """Ask for a file, and write the result to it."""
        shown = self._benchmarking.shown
        if shown is None:
            return
        words = KINDS[kind]
        name = Path(str(shown.result.model.get("name") or "benchmark")).stem
        title = words.text.replace("&", "").rstrip(".")
        path, _ = QFileDialog.getSaveFileName(self, title, f"{name}{words.ending}", words.files)
        if path:
            image = self._pictures.image() if kind == "png" else None
            self._benchmarking.export(kind, Path(path), image)

    def import_result(self) -> None:
        """Ask for a file, and show the result in it."""
        path, _ = QFileDialog.getOpenFileName(
            self, "Import a result", "", "Results (*.json);;All files (*)"
        )
        if path:
            self._benchmarking.import_from(Path(path))

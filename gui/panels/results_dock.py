"""The results' dock: hidden until many images are run."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow

from gui.document import Document
from gui.many_images import ManyImages
from gui.panels.dock import TableDock
from gui.panels.results import ResultsPanel
from gui.saving import Saver


class ResultsDock(TableDock):
    """Connects the table with the document: rows in, images to show out."""

    def __init__(
        self, window: QMainWindow, document: Document, many: ManyImages, saver: Saver
    ) -> None:
        self.panel = ResultsPanel(many, saver)
        super().__init__("Results", self.panel, window)
        self._document = document
        self.export_action = QAction("&Export results...", self)
        self.export_action.triggered.connect(lambda _checked=False: self.panel.export())
        self.panel.table.addAction(self.export_action)
        self.panel.table.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.panel.shown_changed.connect(self._enable)
        self.panel.chosen.connect(self._show_image)
        many.begun.connect(self.appear)
        self._enable()

    def restore(self) -> None:
        """Be hidden or shown, after Qt has put all docks where they were."""
        if self.panel.model.count:
            self.appear()
        else:
            self.hide()

    def _enable(self) -> None:
        self.export_action.setEnabled(self.panel.can_export)

    def _show_image(self, path: Path) -> None:
        images = self._document.images
        if path in images:
            self._document.select(images.index(path))
        else:  # the strip has been cleared since
            self._document.add_images([path])

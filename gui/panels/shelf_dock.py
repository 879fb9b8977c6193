"""The shelf's dock: hidden until a folder has something to show, or is asked for."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QMainWindow

from core.text import printable
from gui.document import Document
from gui.panels.dock import TableDock
from gui.panels.shelf import ShelfPanel
from gui.problem import Problem

_OF_FOLDERS = ("no-models", "one-folder")


class ShelfDock(TableDock):
    """Connects the shelf with the document: dropped folders in, models to open out."""

    def __init__(self, window: QMainWindow, document: Document) -> None:
        self.panel = ShelfPanel()
        super().__init__("Shelf", self.panel, window)
        self._document = document
        self._dropped: Path | None = None  # the folder that is looked at, if it was dropped
        self._has_images = False  # that folder
        self.panel.chosen.connect(document.open_path)
        self.panel.problem.connect(document.show_problem)
        self.panel.folder_wanted.connect(self.choose_folder)
        self.panel.begun.connect(self.appear)
        self.panel.scanned.connect(self._on_scanned)
        document.folders_dropped.connect(self.look_in_dropped)

    def choose_folder(self) -> None:
        """Ask for a folder and show what is in it."""
        path = QFileDialog.getExistingDirectory(self, "Open a folder of models")
        if path:
            self.open_folder(Path(path))

    def open_folder(self, folder: Path) -> None:
        """Show every model below a folder."""
        self._document.dismiss_problem()
        self._dropped = None
        self.panel.open_folder(folder.absolute())

    def restore(self) -> None:
        """Be hidden or shown, after Qt has put all docks where they were."""
        if self.panel.folder is None:
            self.hide()
        else:
            self.appear()

    def look_in_dropped(self) -> None:
        """Look for models in what was dropped; what is shown stays until one is found."""
        if not self._document.dropped_folders:
            return
        folder = self._dropped = self._document.dropped_folders[-1]
        self._has_images = any(image.parent == folder for image in self._document.images)
        if len(self._document.dropped_folders) > 1:
            message = f"Models are looked for in {printable(folder.name)}, the last folder dropped."
            hint = "To see the models of all of them, drop the folder that they are in."
            self._document.show_problem(Problem("one-folder", message, hint, is_warning=True))
        elif self._document.problem is not None and self._document.problem.kind in _OF_FOLDERS:
            self._document.dismiss_problem()  # it was about a folder before
        self.panel.open_folder(folder, keep_until_found=True)

    def _on_scanned(self, folder: Path, models: int, files: int) -> None:
        if models or (folder == self._dropped and self._has_images):
            return
        from core.shelf import no_models

        error = no_models(folder, files)
        problem = Problem(error.kind, error.message, error.hint)
        if folder == self._dropped:
            message = f"There are neither images nor models in {printable(folder.name)}."
            hint = "Drop a folder with models anywhere in it, or with images directly in it."
            problem = Problem(error.kind, message, hint)
        self._document.show_problem(problem)

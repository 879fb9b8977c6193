"""The ways to the metadata's editor, and what follows when a file was written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction

from gui.metadata_thread import MetadataThread, MetadataWritten

if TYPE_CHECKING:
    from core.modelfile import ModelFile
    from gui.main_window import MainWindow
    from gui.panels.metadata_dialog import MetadataDialog


class MetadataEntry:
    """Connects a furnished window with the editor of what stands before its engine's plan.

    Attributes:
        action: of the File menu.
        dialog: the editor while it is open.
    """

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self.dialog: MetadataDialog | None = None
        self.action = QAction("Edit met&adata...", window)
        self.action.triggered.connect(lambda _checked=False: self.open())
        self._thread = MetadataThread()
        self._thread.written.connect(self._on_written, Qt.ConnectionType.QueuedConnection)
        window.file_facts.metadata_wanted.connect(self.open)
        window.document.model_changed.connect(self._show_possible)
        self._show_possible()

    @property
    def is_busy(self) -> bool:
        """True while the editor reads or writes a file."""
        return self.dialog is not None and self.dialog.is_busy

    def open(self) -> None:
        """Edit the metadata of the engine that is open."""
        file = self._window.document.file
        if self.dialog is not None or file is None or why_not_edited(file):
            return
        from gui.panels.metadata_dialog import MetadataDialog

        dialog = self.dialog = MetadataDialog(file.path, self._thread, self._window)
        dialog.finished.connect(lambda _result: self._forget(dialog))
        dialog.open()

    def discard(self) -> None:
        """Close the editor without a question: the program ends."""
        if self.dialog is not None:
            self.dialog.discard()

    def stop(self, timeout_ms: int) -> bool:
        """End the thread; what it was writing is thrown away. False where it did not come back."""
        return self._thread.stop(timeout_ms)

    def _forget(self, dialog: MetadataDialog) -> None:
        self.dialog = None
        dialog.deleteLater()

    def _show_possible(self) -> None:
        why = why_not_edited(self._window.document.file)
        self.action.setEnabled(not why)
        self.action.setToolTip(why or ABOUT)

    def _on_written(self, written: MetadataWritten) -> None:
        """Open the file again where it is the one that is open: its bytes are others now.

        A yes to native code is not taken along, as it was given to the bytes before.
        """
        document = self._window.document
        file = document.file
        if file is not None and os.path.realpath(file.path) == str(written.change.path):
            document.open_path(file.path, plugins=document.choices.plugins)


ABOUT = "Add, change or remove what the exporter wrote before the plan; the plan stays as it is"


def why_not_edited(file: ModelFile | None) -> str:
    """Why nothing can be put before a file's plan; "" where it can."""
    if file is None:
        return "Open an engine first."
    from core.modelfile.engines import engine_problem

    problem = engine_problem(file)
    return "" if problem is None else f"{problem.message} {problem.hint}"

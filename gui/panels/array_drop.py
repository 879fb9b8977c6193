"""Taking a dropped .npy or .npz file; anything else goes on to what is behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData
from PySide6.QtWidgets import QWidget

SUFFIXES = (".npy", ".npz")  # core.input_files.SUFFIXES, without numpy while the window starts


class ArrayDrop(QWidget):
    """A widget that takes one array file."""

    def take_file(self, path: Path) -> None:
        """Use a file that was dropped."""
        raise NotImplementedError

    def dragEnterEvent(self, event: Any) -> None:
        if _array_file(event.mimeData()) is None:
            event.ignore()
        else:
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:
        path = _array_file(event.mimeData())
        if path is None:
            event.ignore()
        else:
            event.acceptProposedAction()
            self.take_file(path)


def _array_file(mime: QMimeData) -> Path | None:
    urls = mime.urls()
    if len(urls) != 1 or not urls[0].isLocalFile():
        return None
    path = Path(urls[0].toLocalFile())
    return path if path.suffix.lower() in SUFFIXES else None

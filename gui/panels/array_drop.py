"""Taking a dropped .npy or .npz file; anything else goes on to what is behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData
from PySide6.QtWidgets import QWidget

from gui.dropping import is_array_file


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
    paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    return paths[0] if is_array_file(paths) else None

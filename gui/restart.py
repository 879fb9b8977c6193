"""Start Enginebay again with the same document: a lost CUDA context cannot be revived here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QProcess, QProcessEnvironment

from core.paths import ROOT, python_path

if TYPE_CHECKING:
    from gui.document import Document

_MAX_LETTERS = 20_000  # of image paths; Windows takes 32,767 in a command line


def arguments(document: Document) -> list[str]:
    """The command line that opens the same document: model, plugins, images, current one last."""
    found: list[str] = []
    if document.file is not None:
        found.append(str(document.file.path.absolute()))
        for library in document.choices.plugins:
            found += ["--plugin", str(library.absolute())]
    images = [str(path.absolute()) for path in document.images]
    if images:
        current = images.pop(max(document.current, 0))
        room = _MAX_LETTERS - len(current)
        kept: list[str] = []
        for path in reversed(images):
            room -= len(path) + 3
            if room < 0:
                break
            kept.insert(0, path)
        found += ["--drop", *kept, current]
    return found


def start_again(document: Document) -> bool:
    """Start another Enginebay that outlives this one; False when that fails."""
    process = QProcess()
    process.setProgram(sys.executable)
    process.setArguments(["-m", "gui", *arguments(document)])
    environment = QProcessEnvironment.systemEnvironment()
    environment.insert("PYTHONPATH", python_path())
    process.setProcessEnvironment(environment)
    process.setWorkingDirectory(str(ROOT))
    done = process.startDetached()  # with the process id in some versions of PySide6
    return bool(done[0] if isinstance(done, tuple) else done)

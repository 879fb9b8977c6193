"""The thread that looks through folders for models, and saves what it found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, Signal

from core.jobs import JobContext
from gui.work_thread import Handler, WorkThread, heavy_imports

if TYPE_CHECKING:
    from core.shelf import Shelf, ShelfRow

_BATCH = 200  # rows
_INTERVAL_S = 0.1  # a row waits no longer than that for its batch
# Qt asks Python for each cell that it draws, and for each answer waits until this thread lets go
# of the interpreter. Without rests the window stands still for 150 ms at a time, with them 20.
_WORK_S, _REST_S = 0.002, 0.001


class ScanFolder(NamedTuple):
    """Look for models below a folder. The rows come by ShelfThread.found."""

    folder: Path
    serial: int  # which look this is, for Found


class SaveShelf(NamedTuple):
    """Write a shelf as CSV or JSON."""

    shelf: Shelf
    path: Path


class Found(NamedTuple):
    """Some more rows, and how far the look is."""

    serial: int
    rows: tuple[ShelfRow, ...]
    file_count: int
    unreadable: tuple[Path, ...]  # folders that could not be listed, all so far


class ShelfThread(WorkThread):
    """Serves ScanFolder and SaveShelf, so that opening models never waits for a slow disk."""

    found = Signal(object)  # Found: batches, the last before the request's end

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(lambda: _shelf_handler(self.found.emit), parent)


@contextmanager
def _shelf_handler(found: Callable[[Found], None]) -> Iterator[Handler]:
    """Runs on the shelf's thread, as does everything below."""
    yield partial(_handle, found)


def _handle(found: Callable[[Found], None], request: object, context: JobContext) -> object:
    match request:
        case ScanFolder():
            _scan(found, request, context)
        case SaveShelf(shelf, path):
            from core.shelf_report import save

            save(shelf, path)
        case _:
            raise AssertionError(f"no such request: {request!r}")
    return None


def _scan(found: Callable[[Found], None], request: ScanFolder, context: JobContext) -> None:
    with heavy_imports:
        import pynvml  # noqa: F401 - which FolderScan asks of the driver

        from core.shelf import FolderScan

    batch: list[ShelfRow] = []
    sent = rested = 0.0

    def send() -> None:
        nonlocal sent
        sent = time.monotonic()
        found(Found(request.serial, tuple(batch), walk.file_count, tuple(walk.unreadable)))
        batch.clear()

    def progress(fraction: float | None, text: str) -> None:
        nonlocal rested
        if batch and (len(batch) >= _BATCH or time.monotonic() - sent >= _INTERVAL_S):
            send()
        if time.monotonic() - rested >= _WORK_S:
            time.sleep(_REST_S)
            rested = time.monotonic()
        context.progress(fraction, text)

    walk = FolderScan(request.folder, progress)
    try:
        for row in walk.rows():
            batch.append(row)
    finally:  # also what was found before it was cancelled
        send()

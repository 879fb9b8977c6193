"""The thread that reads and writes what stands before an engine's plan."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import Signal

from core.jobs import JobContext
from gui.work_thread import Handler, WorkThread, heavy_imports

if TYPE_CHECKING:
    from core.building.metadata_editor import MetadataChange


class ReadMetadata(NamedTuple):
    """Read what stands before an engine's plan; answered by MetadataRead."""

    path: Path


class SaveMetadata(NamedTuple):
    """Write an engine with other metadata; MetadataThread.written tells of it.

    In place (`target` None) only over the file that was read, or another program's edit is lost.
    """

    read: MetadataRead
    metadata: Mapping[str, Any]
    target: Path | None


class MetadataRead(NamedTuple):
    """What stands before an engine's plan, and what it is read with where nothing does."""

    path: Path
    own: dict[str, Any]
    known: dict[str, Any]
    words: str  # how much stands there
    stamp: tuple[int, int]  # of the file: nanoseconds, bytes


class MetadataWritten(NamedTuple):
    """A file that was written, whole, and what stands in it now."""

    request: SaveMetadata
    change: MetadataChange
    words: str  # how much stands there
    in_place: bool
    read: MetadataRead  # of the file that is edited


class MetadataThread(WorkThread):
    """Serves ReadMetadata and SaveMetadata. A file is whole or untouched."""

    written = Signal(object)  # MetadataWritten, before the request's end, even if that is Cancelled

    def __init__(self) -> None:
        super().__init__(lambda: _metadata_handler(self.written.emit))


@contextmanager
def _metadata_handler(written: Callable[[MetadataWritten], None]) -> Iterator[Handler]:
    """Runs on the metadata's thread, as does everything below."""
    yield partial(_handle, written)


def _handle(
    written: Callable[[MetadataWritten], None], request: object, context: JobContext
) -> object:
    match request:
        case ReadMetadata(path):
            return _read(path)
        case SaveMetadata():
            # A cancel that comes after the new file took its place ends the request all the
            # same: what happened is told apart from how the request ended.
            written(_save(request, context))
            return None
    raise AssertionError(f"no such request: {request!r}")


def _read(path: Path) -> MetadataRead:
    from core.modelfile.engines import (
        known_metadata,
        own_metadata,
        prefix_words,
        read_engine_file,
    )

    stamp = _stamp(path)
    file = read_engine_file(path)
    words = prefix_words(file.plan_offset)
    return MetadataRead(path, own_metadata(file), known_metadata(file), words, stamp)


def _stamp(path: Path) -> tuple[int, int]:
    """(0, 0) for what is not there, which its reader says better."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def _save(request: SaveMetadata, context: JobContext) -> MetadataWritten:
    with heavy_imports:
        from core.building.metadata_editor import with_metadata
    from core.errors import ModelFileError
    from core.modelfile.engines import prefix_words

    path = request.read.path
    if request.target is None and _read(path).stamp != request.read.stamp:
        raise ModelFileError(
            "file-changed",
            f"{path.name} was changed by another program since it was read here.",
            "Save these edits as another file, or close this and open it again.",
        )
    change = with_metadata(path, request.metadata, request.target, context.progress)
    in_place = change.path == Path(os.path.realpath(path))
    words = prefix_words(change.prefix_bytes)
    read = _read(path) if in_place else request.read
    return MetadataWritten(request, change, words, in_place, read)

"""Results of benchmarks in files: the history, exports and imports, on a thread of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject

from core.jobs import JobContext
from gui.saving import Kind
from gui.work_thread import Handler, WorkThread, heavy_imports

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from core.benchmark.history import Entry
    from core.benchmark.values import BenchmarkResult, Measurement
    from gui.benchmark_shown import ShownResult

KINDS = {
    "json": Kind("Result and samples as &JSON...", ".benchmark.json", "JSON (*.json)"),
    "csv": Kind("Samples of the chosen measurement as &CSV...", ".samples.csv", "CSV (*.csv)"),
    "png": Kind("&Pictures as PNG...", ".benchmark.png", "PNG pictures (*.png)"),
    "trtexec": Kind("Times as trtexec's --export&Times...", ".times.json", "JSON (*.json)"),
}


class ListBenchmarks(NamedTuple):
    """Which results the history has of a model file; answered by BenchmarkListed."""

    model: Path


class KeepBenchmark(NamedTuple):
    """Add a result to the history; answered by BenchmarkListed."""

    result: BenchmarkResult


class ReadEntry(NamedTuple):
    """Read a result of the history; answered by BenchmarkRead."""

    entry: Entry
    is_second: bool  # it is to be laid over another


class DeleteEntry(NamedTuple):
    """Delete a result of the history; answered by BenchmarkListed."""

    entry: Entry


class ImportBenchmark(NamedTuple):
    """Read a result that was exported here, or by trtexec; answered by BenchmarkRead."""

    path: Path


class ExportBenchmark(NamedTuple):
    """Write a result as one of KINDS; answered by BenchmarkSaved."""

    kind: str
    result: BenchmarkResult
    measurement: Measurement  # the chosen one
    image: QImage | None
    path: Path


class BenchmarkListed(NamedTuple):
    """The history of a model, newest first."""

    entries: tuple[Entry, ...]


class BenchmarkRead(NamedTuple):
    """A result, ready to be drawn."""

    shown: ShownResult
    is_second: bool


class BenchmarkSaved(NamedTuple):
    """What was written, in words."""

    text: str


class BenchmarkFilesThread(WorkThread):
    """Serves what is above. A file is whole or untouched."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_files_handler, parent)


@contextmanager
def _files_handler() -> Iterator[Handler]:
    """Runs on the files' thread, as does everything below."""
    yield _handle


def _handle(request: object, context: JobContext) -> object:
    with heavy_imports:
        from core.benchmark.history import History
        from gui.benchmark_shown import show_result
    history = History()
    match request:
        case ListBenchmarks(model):
            return BenchmarkListed(history.entries(_fingerprint(model, context)))
        case KeepBenchmark(result):
            history.save(result)
            return BenchmarkListed(history.entries(str(result.model["sha256"])))
        case ReadEntry(entry, is_second):
            return BenchmarkRead(show_result(history.load(entry)), is_second)
        case DeleteEntry(entry):
            history.delete(entry)
            return BenchmarkListed(history.entries(entry.path.parent.name))
        case ImportBenchmark(path):
            return BenchmarkRead(show_result(_read_file(path)), is_second=False)
        case ExportBenchmark():
            _export(request)
            return BenchmarkSaved(f"Saved {request.path}")
    raise AssertionError(f"no such request: {request!r}")


def _fingerprint(model: Path, context: JobContext) -> str:
    from core.errors import ModelFileError
    from core.modelfile import fingerprint

    try:
        return fingerprint(model, context.progress)
    except OSError as error:
        raise ModelFileError(
            "unreadable", f"{model} cannot be read: {error}.", "Check the disk and the path."
        ) from None


def _read_file(path: Path) -> BenchmarkResult:
    """A result that was exported here is an object of JSON, trtexec's times are a list."""
    from core.benchmark.history import from_json
    from core.benchmark.result_file import MAX_CHARACTERS
    from core.benchmark.trtexec_times import MAX_BYTES, import_times, result_of
    from core.errors import EnginebayError
    from core.text import one_line

    name = one_line(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(max(MAX_BYTES, MAX_CHARACTERS) + 1)  # each reader has its limit
    except OSError as error:
        raise EnginebayError(
            "unreadable", f"{name} cannot be read: {error.strerror or error}.", "Check the path."
        ) from None
    text = content.decode("utf-8-sig", "replace")
    # An object without measurements is foreign: which of trtexec's files it is, its reader knows.
    if text.lstrip()[:1] == "{" and '"measurements"' in text:
        return from_json(text, path.name)
    return result_of(import_times(text, path), path)


def _export(request: ExportBenchmark) -> None:
    from core.errors import EnginebayError
    from core.whole_file import replacing

    try:
        with replacing(request.path) as part:
            _write(request, part)
    except OSError as error:
        raise EnginebayError(
            "cannot-save",
            f"{request.path.name} cannot be saved: {error}.",
            "Choose another folder.",
        ) from None


def _write(request: ExportBenchmark, part: Path) -> None:
    """Write the file. Raises OSError; EnginebayError for what has no such form."""
    from core.benchmark.history import to_json
    from core.benchmark.report import samples_csv
    from core.benchmark.trtexec_times import export_times

    if request.kind == "png":
        from PySide6.QtGui import QImageWriter

        writer = QImageWriter(str(part), b"png")
        if request.image is None or not writer.write(request.image):
            raise OSError(writer.errorString())
        return
    if request.kind == "json":
        part.write_text(to_json(request.result), encoding="utf-8")
        return
    write = samples_csv if request.kind == "csv" else lambda one: export_times(one.samples)
    part.write_bytes(write(request.measurement).encode("utf-8", "backslashreplace"))

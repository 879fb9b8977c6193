"""The shelf: every model file below a folder as a row, found by content.

A walk follows no link to a folder, so it ends; it opens no device and no pipe; and what it may
not read it notes and passes by.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from core import suffixes
from core.errors import EnginebayError, ModelFileError
from core.machine import read_machine
from core.modelfile import ModelFile, read_model_file
from core.tensors import bytes_text
from core.text import counted, printable
from core.verdict import Verdict, judge

Progress = Callable[[float | None, str], None]
"""Told of a fraction, None where nobody can know, and a text; may raise to end the work."""

FACT_TITLES = ("model", "kind", "TensorRT", "built on", "precision", "task", "size")
"""What ShelfRow.fact_words says, in its order."""

_KIND_WORDS = {
    "tensorrt-plan": "engine",
    "ultralytics-engine": "Ultralytics engine",
    "onnx": "ONNX",
    "git-lfs-pointer": "Git LFS pointer",
    "truncated-plan": "engine, cut off",
    "empty": "empty",
    "unknown": "unknown",
    "unreadable": "unreadable",
}
"""A row's kind in few words."""

_MODELS = ("tensorrt-plan", "ultralytics-engine", "truncated-plan", "onnx")
_MOUNT_POINT = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT: a junction, Windows' link to a folder
_LATEST = 250_000_000_000  # seconds: the year 9892; datetime ends with 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfRow:
    """One model file of the folder, or one that is named like a model and is none."""

    path: Path
    relative: str  # the path from the folder on, with "/" on every system, as the system has it
    kind: str  # core.modelfile.Kind, or "unreadable"
    size_bytes: int | None
    modified: datetime | None  # UTC
    verdict: Verdict
    tensorrt_version: str | None = None  # "10.3.0.26"
    is_before_6: bool = False  # a plan of TensorRT 5 or older, which does not say its version
    compute_capability: str | None = None  # of the GPU that it was built on: "8.9"
    precision: str | None = None  # "FP32", "FP16", "INT8", "mixed"
    task: str | None = None  # the exporter's word: "detect"

    @property
    def name(self) -> str:
        """`relative` as it can be shown: one line."""
        return printable(self.relative)

    @property
    def version_words(self) -> str:
        """The TensorRT version in words; "" where there is none to tell."""
        if self.tensorrt_version is None and self.kind in ("tensorrt-plan", "ultralytics-engine"):
            return "5 or older" if self.is_before_6 else "not readable"
        return self.tensorrt_version or ""

    @property
    def reason_words(self) -> str:
        """The verdict's reason in words: "no driver"."""
        return self.verdict.reason.replace("-", " ")

    @property
    def gpu_words(self) -> str:
        """The GPU that it was built on: "compute 8.9", or ""."""
        return f"compute {self.compute_capability}" if self.compute_capability else ""

    @property
    def fact_words(self) -> tuple[str, ...]:
        """What is known of the file, for people, under FACT_TITLES."""
        return (
            self.name,
            _KIND_WORDS.get(self.kind, self.kind),
            self.version_words,
            self.gpu_words,
            self.precision or "",
            self.task or "",
            bytes_text(self.size_bytes),
        )

    def as_json(self) -> dict[str, object]:
        """One of `models` in `enginebay info FOLDER --json`."""
        return {
            "path": str(self.path),
            "relative": self.relative,
            "kind": self.kind,
            "tensorrt_version": self.tensorrt_version,
            "compute_capability": self.compute_capability,
            "precision": self.precision,
            "task": self.task,
            "size_bytes": self.size_bytes,
            "modified": None if self.modified is None else self.modified.isoformat(),
            "verdict": self.verdict.as_json(),
        }


@dataclass(frozen=True, slots=True)
class Shelf:
    """What was found below a folder."""

    folder: Path
    rows: tuple[ShelfRow, ...]
    file_count: int  # of all files, models or not
    unreadable: tuple[Path, ...]  # folders

    def as_json(self) -> dict[str, object]:
        """What `enginebay info FOLDER --json` prints."""
        return {
            "folder": str(self.folder),
            "models": [row.as_json() for row in self.rows],
            "unreadable": [str(folder) for folder in self.unreadable],
        }


class FolderScan:
    """One walk through a folder.

    Attributes:
        folder: where the walk begins.
        file_count: files met so far.
        model_count: rows given so far.
        unreadable: folders that could not be listed, so far.
    """

    def __init__(self, folder: Path, progress: Progress) -> None:
        self.folder = folder
        self.file_count = 0
        self.model_count = 0
        self.unreadable: list[Path] = []
        self._progress = progress
        self._machine = read_machine()  # once for all rows
        self._place = ""  # the folder that is looked at, in words

    def rows(self) -> Iterator[ShelfRow]:
        """Give the rows as they are found: a folder's own files by name, then its folders'.

        Raises:
            ModelFileError: if `folder` itself cannot be listed.
            Cancelled: or what else `progress` raises, which is called for each entry.
        """
        waiting = [self.folder]
        while waiting:
            folder = waiting.pop()
            here = folder is self.folder
            place = folder.name if here else folder.relative_to(self.folder).as_posix()
            self._place = printable(place or str(folder))
            try:
                entries = self._entries(folder)
            except (OSError, ValueError) as error:  # ValueError: a NUL in the path
                if here:
                    raise _no_folder(folder, error) from None
                if not isinstance(error, FileNotFoundError | NotADirectoryError):  # not just gone
                    self.unreadable.append(folder)
                continue
            folders: list[Path] = []
            for entry in entries:
                self._tell()
                if _is_folder(entry):
                    folders.append(folder / entry.name)
                    continue
                row = self._look(entry)
                if row is not None:
                    self.model_count += 1
                    yield row
            waiting += reversed(folders)

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        """A folder's entries by name; OSError where it cannot be listed."""
        entries = []
        with os.scandir(folder) as found:
            for entry in found:
                self._tell()
                entries.append(entry)
        return sorted(entries, key=lambda entry: entry.name)

    def _tell(self) -> None:
        models, files = counted(self.model_count, "model"), counted(self.file_count, "file")
        self._progress(None, f"{models} in {files}, looking in {self._place}/")

    def _look(self, entry: os.DirEntry[str]) -> ShelfRow | None:
        """A file's row; None for what is no model and has no model's name either."""
        suffix = Path(entry.name).suffix.lower()
        has_model_name = suffix in suffixes.MODELS
        if not _is_file(entry) and not (has_model_name and _is_broken_link(entry)):
            return None
        self.file_count += 1
        if suffix in suffixes.NO_MODELS:
            return None
        path = Path(entry.path)
        try:
            file = read_model_file(path)
        except ModelFileError as error:
            if not has_model_name or not os.path.lexists(path):  # no longer there
                return None
            return self._row(entry, path, None, Verdict.refused(error))
        if file.kind not in _MODELS and not has_model_name:
            return None
        return self._row(entry, path, file, judge(file, self._machine))

    def _row(
        self, entry: os.DirEntry[str], path: Path, file: ModelFile | None, verdict: Verdict
    ) -> ShelfRow:
        size, modified = _status(entry)
        plan = None if file is None else file.plan
        metadata = None if file is None else file.metadata
        gpu = None if plan is None else plan.build_gpu
        task = None if metadata is None else metadata.task
        return ShelfRow(
            path=path,
            relative=path.relative_to(self.folder).as_posix(),
            kind="unreadable" if file is None else file.kind,
            size_bytes=size if file is None else file.size_bytes,
            modified=modified,
            verdict=verdict,
            tensorrt_version=None if plan is None else plan.tensorrt_version,
            is_before_6=plan is not None and plan.layout == "flatbuffer",
            compute_capability=None if gpu is None else gpu.compute_capability,
            precision=_precision(file),
            task=None if task is None else printable(task[:40]),
        )


def scan(folder: Path, progress: Progress) -> Shelf:
    """Find every model below a folder, sorted by path.

    Raises:
        ModelFileError: if `folder` itself cannot be listed.
        Cancelled: or what else `progress` raises, which is called for each entry.
    """
    walk = FolderScan(folder, progress)
    rows = sorted(walk.rows(), key=lambda row: row.path)
    return Shelf(folder, tuple(rows), walk.file_count, tuple(walk.unreadable))


def no_models(folder: Path, file_count: int) -> EnginebayError:
    """The error for a folder that could be read and holds no model."""
    return EnginebayError(
        "no-models",
        f"There are no models in {printable(str(folder))} ({counted(file_count, 'file')} "
        "looked at).",
        "Choose a folder that holds engines or ONNX files, itself or in folders below it.",
    )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """True for a folder that is no link: links may lead in circles."""
    try:
        if not entry.is_dir(follow_symlinks=False):
            return False
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    return getattr(status, "st_reparse_tag", 0) != _MOUNT_POINT


def _is_file(entry: os.DirEntry[str]) -> bool:
    """True for a regular file, or a link to one: never a pipe or a device."""
    try:
        return entry.is_file()
    except OSError:  # links in a circle
        return False


def _is_broken_link(entry: os.DirEntry[str]) -> bool:
    try:
        entry.stat()
    except OSError:
        return entry.is_symlink()
    return False


def _status(entry: os.DirEntry[str]) -> tuple[int | None, datetime | None]:
    """Size in bytes, and when the file was last changed."""
    try:
        status = entry.stat()
    except OSError:
        return None, None
    when = status.st_mtime
    modified = datetime.fromtimestamp(int(when), timezone.utc) if 0 <= when < _LATEST else None
    return status.st_size, modified


def _precision(file: ModelFile | None) -> str | None:
    """What an ONNX's weights are stored as; what the exporter of an engine was asked for."""
    if file is None:
        return None
    if file.onnx is not None:
        return file.onnx.graph.precision or None
    return None if file.metadata is None else file.metadata.precision


def _no_folder(folder: Path, error: Exception) -> ModelFileError:
    if isinstance(error, FileNotFoundError):
        return ModelFileError(
            "not-found", f"There is no folder {folder}.", "Check the path and its spelling."
        )
    if isinstance(error, PermissionError):
        return ModelFileError(
            "no-permission", f"{folder} may not be read by you.", "Change its permissions."
        )
    return ModelFileError(
        "unreadable", f"{folder} cannot be listed: {error}.", "Check the disk and the path."
    )

"""Tell what a file is by its content, never by its suffix."""

from __future__ import annotations

import os
import re
import stat
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Literal, cast

from core.errors import ModelFileError
from core.modelfile.external_data import ExternalData, damaged_onnx, find_external_data
from core.modelfile.json_object import json_object
from core.modelfile.metadata import Metadata, parse_metadata
from core.modelfile.onnx_graph import read_onnx_graph
from core.modelfile.onnx_header import OnnxHeader, read_onnx_header
from core.modelfile.plan import PlanHeader, read_plan_header
from core.modelfile.sidecar import Sidecar, sidecar_of, stale_note

Kind = Literal[
    "tensorrt-plan",
    "ultralytics-engine",
    "onnx",
    "git-lfs-pointer",
    "truncated-plan",
    "empty",
    "unknown",
]

MAX_PREFIX = 600_000
"""Bytes of JSON before a plan; real Ultralytics prefixes are a few kilobytes."""
# With onnx_header's limits MAX_PREFIX keeps what is read before an ONNX file's graph below it.
_MAX_READ = 1_040_000  # bytes of any file, all in all


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """An opened model file: what it is and what it says of itself.

    An engine without metadata of its own has that of its side-car, where one was written for it.
    """

    path: Path
    kind: Kind
    size_bytes: int
    looks_like: str = ""  # what an unknown file seems to be, in words
    plan_offset: int = 0  # bytes before the plan: Ultralytics' JSON
    plan: PlanHeader | None = None
    onnx: OnnxHeader | None = None
    metadata: Metadata | None = None
    external: ExternalData = field(
        default_factory=ExternalData
    )  # an ONNX file's weights in other files
    sidecar: Sidecar | None = None  # of an engine, where one lies beside it and belongs to it
    sidecar_note: str = ""  # why what lies there is not used

    def problem(self) -> ModelFileError | None:
        """Why this file cannot be a model on any machine; None when it can."""
        name = self.path.name
        if self.kind == "empty":
            return ModelFileError(
                "empty",
                f"{name} is empty: 0 bytes.",
                "Copy or export it again; the transfer probably never happened.",
            )
        if self.kind == "git-lfs-pointer":
            return ModelFileError(
                "git-lfs-pointer",
                f"{name} is a Git LFS pointer, not the model{self.looks_like}.",
                "Run `git lfs pull` in its repository to fetch the real file.",
            )
        if self.kind == "truncated-plan" and self.plan is not None:
            return ModelFileError(
                "truncated-plan",
                f"{name} is cut off: the engine says it has {self.plan.declared_bytes:,} bytes, "
                f"{self.plan.actual_bytes:,} are there.",
                "Copy it again from where it was built, and compare the sizes.",
            )
        if self.onnx is not None and self.onnx.is_truncated:
            return ModelFileError(
                "truncated-onnx",
                f"{name} is an ONNX file that is cut off at {self.size_bytes:,} bytes.",
                "Copy or export it again.",
            )
        if self.onnx is not None and self.onnx.graph.damage:
            return damaged_onnx(name, self.onnx.graph.damage)
        if (problem := self.external.problem(name)) is not None:
            return problem
        if self.kind == "unknown":
            return ModelFileError(
                "unknown",
                f"{name} is neither a TensorRT engine nor an ONNX model{self.looks_like}.",
                "Open a file made by TensorRT's builder, by Ultralytics' export, or an ONNX.",
            )
        return None


def read_model_file(path: str | os.PathLike[str]) -> ModelFile:
    """Identify a file in a few small reads, whatever its size.

    Raises:
        ModelFileError: if there is no readable regular file at `path`. A readable file that is
            no model is returned with its kind; see ModelFile.problem.
    """
    path = Path(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ModelFileError(
                "folder", f"{path} is a folder.", "Open a model file that is in it."
            )
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError(
                "not-a-file", f"{path} is not a regular file.", "Open a model file."
            )
        with path.open("rb", buffering=0) as file:
            metered = _Metered(file)
            return _with_sidecar(_identify(path, metered, status.st_size), metered)
    except FileNotFoundError:
        raise ModelFileError(
            "not-found", f"There is no file {path}.", "Check the path and its spelling."
        ) from None
    except PermissionError:
        raise ModelFileError(
            "no-permission", f"{path} may not be read by you.", "Change its permissions."
        ) from None
    except (OSError, ValueError) as error:  # a broken disk, a symlink loop, a NUL in the path
        raise ModelFileError(
            "unreadable", f"{path} cannot be read: {error}.", "Check the disk and the path."
        ) from None


def without_stale_sidecar(file: ModelFile, sha256: str) -> ModelFile:
    """The same, but for a side-car whose plan has another SHA-256 after all.

    read_model_file compares pieces; this compares all, where the whole file was hashed anyway. A
    file with metadata before its plan has another SHA-256 than the plan, and stays as it is.
    """
    sidecar = file.sidecar
    if sidecar is None or file.plan_offset or sidecar.plan_sha256 == sha256:
        return file
    return replace(file, metadata=None, sidecar=None, sidecar_note=stale_note(sidecar))


class _Metered:
    """A file that counts what is read of it, and reads no more than is asked for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.count = 0
        self.seek = file.seek

    def read(self, size: int) -> bytes:
        """As a buffered file reads: fewer bytes only at the end."""
        data = self._file.read(size)
        while 0 < len(data) < size and (more := self._file.read(size - len(data))):
            data += more
        self.count += len(data)
        return data


def _identify(path: Path, metered: _Metered, size: int) -> ModelFile:
    file = cast("BinaryIO", metered)
    if size == 0:
        return ModelFile(path=path, kind="empty", size_bytes=0)
    head = file.read(512)
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        match = re.search(rb"^size (\d{1,18})$", head, re.MULTILINE)
        real = f" ({int(match[1]):,} bytes)" if match else ""
        return ModelFile(path=path, kind="git-lfs-pointer", size_bytes=size, looks_like=real)
    plan = read_plan_header(file, 0, size)
    if plan is not None:
        kind: Kind = "truncated-plan" if plan.is_truncated else "tensorrt-plan"
        return ModelFile(path=path, kind=kind, size_bytes=size, plan=plan)
    prefixed = _read_prefixed(path, file, size)
    if prefixed is not None:
        return prefixed
    onnx = read_onnx_header(file, size)
    if onnx is not None:
        if not onnx.is_truncated:
            graph = read_onnx_graph(metered, size, _MAX_READ - metered.count)
            onnx = replace(onnx, graph=graph)
        return ModelFile(
            path=path,
            kind="onnx",
            size_bytes=size,
            onnx=onnx,
            metadata=parse_metadata(onnx.metadata) if onnx.metadata else None,
            external=find_external_data(path, onnx.graph.found_locations),
        )
    return ModelFile(path=path, kind="unknown", size_bytes=size, looks_like=_resemblance(head))


def _read_prefixed(path: Path, file: BinaryIO, size: int) -> ModelFile | None:
    """Ultralytics: i32 length, that much JSON, then the plan."""
    file.seek(0)
    start = file.read(5)
    if len(start) < 5 or start[4:5] != b"{":
        return None
    length = struct.unpack_from("<i", start)[0]
    if not 2 <= length <= min(MAX_PREFIX, size - 4):
        return None
    file.seek(4)
    raw = json_object(file.read(length))
    plan = None if raw is None else read_plan_header(file, 4 + length, size)
    if plan is None or raw is None:
        return None
    return ModelFile(
        path=path,
        kind="truncated-plan" if plan.is_truncated else "ultralytics-engine",
        size_bytes=size,
        plan_offset=4 + length,
        plan=plan,
        metadata=parse_metadata(raw),
    )


def _with_sidecar(file: ModelFile, metered: _Metered) -> ModelFile:
    """With what lies beside an engine; see core.modelfile.sidecar."""
    if file.kind not in ("tensorrt-plan", "ultralytics-engine"):
        return file
    start = file.plan_offset
    found = sidecar_of(file.path, metered, start, file.size_bytes - start)
    sidecar, metadata = found.sidecar, file.metadata
    if metadata is None and sidecar is not None and sidecar.metadata:
        metadata = replace(parse_metadata(sidecar.metadata), whose="its side-car's")
    return replace(file, metadata=metadata, sidecar=sidecar, sidecar_note=found.note)


def _resemblance(head: bytes) -> str:
    """What an unknown file seems to be, as the end of a sentence."""
    known = {
        b"PK\x03\x04": ": it is a zip archive, as PyTorch's .pt files are",
        b"\x1f\x8b": ": it is gzip-compressed; unpack it first",
        b"\x89PNG": ": it is a picture",
        b"\xff\xd8\xff": ": it is a picture",
        b"\x89HDF": ": it is an HDF5 file, as Keras writes",
        b"\x80\x02": ": it is a Python pickle, as old PyTorch files are",
        b"<": ": it is a web page or XML; the download probably failed",
    }
    for magic, words in known.items():
        if head.startswith(magic):
            return words
    if head[4:8] == b"TFL3":
        return ": it is a TensorFlow Lite model"
    if b"\0" not in head and all(byte >= 9 for byte in head):
        return ": it is text"
    return ""

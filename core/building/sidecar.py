"""Write an engine's side-car: OUT.engine.json, from what a build knows. It is read with the engine.

The exporter's metadata is in it, so that an engine without a prefix is read as its ONNX is.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import __version__
from core.errors import EnginebayError, ModelFileError
from core.machine import read_driver
from core.modelfile import fingerprint, read_model_file, read_sidecar, sidecar_path
from core.modelfile.engines import read_engine_file
from core.modelfile.json_object import json_object
from core.modelfile.sidecar import FORMAT, MAX_BYTES, VERSION, Sidecar, plan_sample
from core.opening import Progress, no_progress
from core.text import printable
from core.whole_file import save_text

if TYPE_CHECKING:
    from core.building.build import BuildReport

__all__ = [
    "find_source",
    "foreign_words",
    "read_sidecar",
    "record_build",
    "sidecar_path",
    "write_sidecar",
]


def record_build(
    report: BuildReport, truth: Mapping[str, Any] | None, progress: Progress = no_progress
) -> Path:
    """Write the side-car of a build that came out.

    Args:
        report: of the build.
        truth: Truth.as_json, or None where nothing was looked at.
        progress: see write_sidecar.

    Returns, raises:
        As write_sidecar.
    """
    return write_sidecar(
        report.target,
        report.model,
        options=report.options.as_json(),
        versions=report.versions,
        gpu=report.gpu.get("name", ""),
        driver=read_driver().version or "",
        seconds=report.seconds,
        truth=truth,
        built_from=report.onnx_sha256,
        progress=progress,
    )


def write_sidecar(
    engine: Path,
    onnx: Path,
    *,
    options: Mapping[str, Any],
    versions: Mapping[str, str],
    gpu: str = "",
    driver: str = "",
    seconds: float | None = None,
    truth: Mapping[str, Any] | None = None,
    built_from: str | None = None,
    progress: Progress = no_progress,
) -> Path:
    """Write the side-car of an engine that was just built; one that is there is replaced.

    A file of that name that is no side-car of ours stays.

    Args:
        engine: the engine, whole.
        onnx: what it was built from, still as it was.
        options: BuildOptions.as_json.
        versions: "tensorrt", "onnx_parser", "cuda" ... by name; Enginebay's own is added.
        gpu: the GPU's name.
        driver: its driver's version.
        seconds: how long the build took.
        truth: Truth.as_json, or None where nothing was looked at.
        built_from: the ONNX's SHA-256 when the build began; None where nobody knows.
        progress: see core.opening.Progress; told while both files are hashed.

    Returns:
        Where it lies.

    Raises:
        ModelFileError: if one of the two files is none, or cannot be read.
        EnginebayError: kind "cannot-save"; "foreign-file", if something else has that name;
            "model-changed", if the ONNX is no longer what the build began with.
    """
    if words := foreign_words(engine):
        raise EnginebayError(
            "foreign-file",
            words,
            "The engine is whole without it. Move that file away, or give the engine another name.",
        )
    file = read_engine_file(engine)
    source = read_model_file(onnx)
    metadata = source.metadata if file.plan_offset == 0 else file.metadata
    plan_bytes = file.size_bytes - file.plan_offset
    try:
        engine_sha256 = fingerprint(engine, progress)
        with engine.open("rb") as opened:
            sample = plan_sample(opened, file.plan_offset, plan_bytes)
            plan_sha256 = engine_sha256
            if file.plan_offset:
                plan_sha256 = _sha256_from(opened, file.plan_offset)
        onnx_sha256 = fingerprint(onnx, progress)
    except OSError as error:
        raise ModelFileError(
            "unreadable", f"A file of the build cannot be read: {error}.", "Check the disk."
        ) from None
    if built_from is not None and onnx_sha256 != built_from:
        raise EnginebayError(
            "model-changed",
            f"{printable(onnx.name)} was changed while {printable(engine.name)} was built from it, "
            "so nobody knows which of both went into the engine.",
            "Build it again.",
        )
    value = {
        "format": FORMAT,
        "version": VERSION,
        "engine": {"name": engine.name, "size_bytes": file.size_bytes, "sha256": engine_sha256},
        "plan": {"size_bytes": plan_bytes, "sha256": plan_sha256, "sample_sha256": sample},
        "onnx": {
            "name": onnx.name,
            "relative_path": _relative(onnx, engine.parent),
            "size_bytes": source.size_bytes,
            "sha256": onnx_sha256,
            "external_data": list(source.external.locations),
        },
        "options": dict(options),
        "versions": {"enginebay": __version__, **versions},
        "gpu": gpu,
        "driver": driver,
        "seconds": None if seconds is None else round(seconds, 3),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "metadata": {} if metadata is None else dict(metadata.raw),
        "truth": dict(truth or {}),
    }
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"
    if len(text.encode("utf-8", "backslashreplace")) > MAX_BYTES:
        raise EnginebayError(
            "cannot-save",
            f"The side-car of {engine.name} would have more than {MAX_BYTES:,} bytes.",
            "The engine is whole without it. Give the exporter's metadata fewer or shorter names.",
        )
    path = sidecar_path(engine)
    save_text(path, text)
    return path


def foreign_words(engine: Path) -> str:
    """What is to be said where a file that is not ours has the side-car's name; else ""."""
    path = sidecar_path(engine)
    words = (
        f"{printable(str(path))} is there already and is no side-car of Enginebay's, so it is not "
        "replaced."
    )
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return words
        value = json_object(path.read_bytes()) if status.st_size else {"format": FORMAT}
    except FileNotFoundError:
        return ""
    except (OSError, ValueError):
        return words
    return "" if value is not None and value.get("format") == FORMAT else words


def find_source(engine: Path, sidecar: Sidecar) -> Path | None:
    """The ONNX that an engine was built from, if it still lies where it did, or beside it.

    Found by name and size; the caller compares its SHA-256 where that matters.
    """
    for key in ("relative_path", "name"):
        name = sidecar.onnx.get(key)
        if not isinstance(name, str) or not name:
            continue
        path = engine.parent / name
        try:
            if path.is_file() and path.stat().st_size == sidecar.onnx.get("size_bytes"):
                return path
        except (OSError, ValueError):
            continue
    return None


def _sha256_from(file: Any, start: int) -> str:
    """Of the rest of an open file."""
    import hashlib

    digest = hashlib.sha256()
    file.seek(start)
    while chunk := file.read(8 * 1024 * 1024):
        digest.update(chunk)
    return digest.hexdigest()


def _relative(path: Path, folder: Path) -> str:
    """From the engine's folder, with "/"; "" where there is no such way (another drive)."""
    try:
        return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    except ValueError:
        return ""

"""How an engine was built, by its side-car, so that it can be built again elsewhere or anew."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.building.options import BuildOptions, options_of_json
from core.building.sidecar import find_source
from core.errors import ModelFileError
from core.modelfile import fingerprint, read_sidecar, sidecar_path
from core.opening import Progress, no_progress
from core.text import one_line, printable


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRecord:
    """What a side-car says of a build.

    Attributes:
        engine: what was built.
        onnx: what it was built from; where that is not there any more, where it was.
        is_there: whether a file of its name and size is there.
        sha256: of that ONNX; "" where nobody wrote it down.
        options: the build's.
        words: when, on what and with what, for people.
    """

    engine: Path
    onnx: Path
    is_there: bool
    sha256: str
    options: BuildOptions
    words: str


def read_record(engine: Path) -> BuildRecord:
    """How an engine was built.

    Raises:
        ModelFileError: kind "no-record", if it has no side-car, or one that cannot be used.
        EnginebayError: kind "build-options", if its options are none.
    """
    name = one_line(engine.name, 80)
    if not engine.exists() and not sidecar_path(engine).exists():
        raise ModelFileError(
            "not-found",
            f"There is no file {printable(str(engine))}.",
            "Check the path and its spelling.",
        )
    reading = read_sidecar(engine)
    sidecar = reading.sidecar
    if sidecar is None:
        raise ModelFileError(
            "no-record",
            reading.note or f"Nothing is recorded beside {name} of how it was built.",
            "Open or give the ONNX that it came from, and build that.",
        )
    options = options_of_json(sidecar.options)
    found = find_source(engine, sidecar)
    told = sidecar.onnx.get("relative_path") or sidecar.onnx.get("name") or "its ONNX"
    onnx = Path(os.path.normpath(engine.parent / str(told))) if found is None else found
    sha256 = sidecar.onnx.get("sha256")
    parts = [sidecar.date[:10], sidecar.gpu]
    if "tensorrt" in sidecar.versions:
        parts.append(f"TensorRT {sidecar.versions['tensorrt']}")
    return BuildRecord(
        engine=engine,
        onnx=onnx.absolute(),
        is_there=found is not None,
        sha256=sha256 if isinstance(sha256, str) else "",
        options=options,
        words=f"Built before: {', '.join(one_line(one, 60) for one in parts if one)}.",
    )


def other_model(
    record: BuildRecord, onnx: Path, progress: Progress = no_progress
) -> ModelFileError | None:
    """What is to be said of an ONNX that is not the recorded one; None where it is.

    Args:
        record: of the engine.
        onnx: the file; its fingerprint is compared, which leaves out other files that it names.
        progress: see core.opening.Progress; told while it is hashed.

    Raises:
        ModelFileError: kind "unreadable".
    """
    name = one_line(onnx.name, 80)
    try:
        digits = fingerprint(onnx, progress)
    except OSError as error:
        raise ModelFileError(
            "unreadable", f"{name} cannot be read: {error}.", "Check the disk and the path."
        ) from None
    if digits == record.sha256:
        return None
    return ModelFileError(
        "other-model",
        f"{name} is not the file that {one_line(record.engine.name, 80)} was built from: its "
        "SHA-256 is another.",
        "Choose the original, or build from this one if the change is meant.",
        details=f"recorded: {record.sha256 or 'nothing'}\nthis file: {digits}",
    )

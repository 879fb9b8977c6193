"""The exporter's metadata before an engine: added, edited or stripped; the plan stays as it is.

The form is Ultralytics' (engine/exporter.py, export_engine): a little-endian i32, that many bytes
of JSON, then the plan. TensorRT itself takes only the plan, so stripping gives what trtexec reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import EnginebayError, InputError, ModelFileError
from core.modelfile import read_model_file
from core.modelfile.engines import ENGINES, read_engine_file
from core.modelfile.identify import MAX_PREFIX
from core.opening import Progress, no_progress
from core.text import one_line
from core.whole_file import check_writable, replacing

_CHUNK = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataChange:
    """What with_metadata wrote.

    Attributes:
        path: the file.
        metadata: what stands before the plan now; empty where nothing does.
        prefix_bytes: before the plan: the length and the JSON.
        plan_bytes: of the plan, as before.
        plan_sha256: of the plan, the same before and after.
    """

    path: Path
    metadata: Mapping[str, Any]
    prefix_bytes: int
    plan_bytes: int
    plan_sha256: str

    @property
    def plan_words(self) -> str:
        """That the plan is as it was; its SHA-256 follows."""
        return f"the plan is the same: {self.plan_bytes:,} bytes, SHA-256"

    def as_json(self) -> dict[str, Any]:
        """What `enginebay metadata --json` prints."""
        return {
            "path": str(self.path),
            "metadata": dict(self.metadata),
            "prefix_bytes": self.prefix_bytes,
            "plan": {"size_bytes": self.plan_bytes, "sha256": self.plan_sha256},
        }


def metadata_prefix(metadata: Mapping[str, Any]) -> bytes:
    """What stands before a plan: b"" for no metadata.

    Raises:
        InputError: kind "bad-metadata" for what is no JSON object, or holds NaN or infinity;
            "metadata-too-large" above MAX_PREFIX bytes.
    """
    if not metadata:
        return b""
    if not all(isinstance(key, str) for key in metadata):
        raise _bad("its keys are not all text")
    try:
        text = json.dumps(dict(metadata), allow_nan=False).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:  # a set, NaN, nested without end
        raise _bad(str(error)) from None
    if len(text) > MAX_PREFIX:
        raise InputError(
            "metadata-too-large",
            f"The metadata is {len(text):,} bytes of JSON; {MAX_PREFIX:,} are read.",
            "Leave out what no program needs: class names, task, stride and imgsz are enough.",
        )
    return struct.pack("<i", len(text)) + text


def with_metadata(
    engine: str | os.PathLike[str],
    metadata: Mapping[str, Any],
    target: str | os.PathLike[str] | None = None,
    progress: Progress = no_progress,
    *,
    replaces: bool = True,
) -> MetadataChange:
    """Write an engine with this metadata before its plan, in place of what stood there.

    The plan is copied byte for byte and read back: the new file takes its place only when the
    SHA-256 of both plans are equal. A recipe or a consent that was kept for the old file is known
    by the whole file's SHA-256, so it does not hold for the new one.

    Args:
        engine: the engine.
        metadata: all of it, as JSON has it; empty strips.
        target: where it goes; None puts it in the engine's place. An engine that is there is
            replaced when the new one is whole.
        progress: see core.opening.Progress.
        replaces: False leaves another engine alone that is at the target.

    Raises:
        ModelFileError: if it is no whole engine (kind "not-an-engine" for an ONNX), or changes
            meanwhile.
        InputError: see metadata_prefix.
        EnginebayError: kind "cannot-save"; "exists", if another engine is there and stays.
    """
    file = read_engine_file(engine)
    prefix = metadata_prefix(metadata)
    place = Path(os.path.realpath(file.path if target is None else target))
    is_own = place == Path(os.path.realpath(file.path))
    _require_replaceable(place, any_engine=replaces or is_own)
    plan_bytes = file.size_bytes - file.plan_offset
    try:
        with replacing(place) as part:
            with file.path.open("rb") as source, part.open("wb") as copy:
                source.seek(file.plan_offset)
                copy.write(prefix)
                before = _digest(source, plan_bytes, progress, f"Copying {file.path.name}", copy)
                copy.flush()
                os.fsync(copy.fileno())
            shutil.copymode(file.path, part)
            with part.open("rb") as written:
                written.seek(len(prefix))
                after = _digest(written, plan_bytes, progress, "Checking the copy")
                is_longer = written.read(1) != b""
            if before != after or is_longer:
                raise ModelFileError(
                    "file-changed",
                    f"The copy of {file.path.name} is not what was read; it was thrown away.",
                    "Check the disk, then try again.",
                )
            written_file = read_model_file(part)
    except OSError as error:
        raise EnginebayError(
            "cannot-save",
            f"Nothing can be saved to {one_line(str(place), 300)}: {error.strerror or error}.",
            "Save it in another place, or make room.",
        ) from None
    assert written_file.plan_offset == len(prefix)  # what we wrote is what we read
    return MetadataChange(
        path=place,
        metadata=dict(metadata),
        prefix_bytes=len(prefix),
        plan_bytes=plan_bytes,
        plan_sha256=after,
    )


def _require_replaceable(place: Path, *, any_engine: bool) -> None:
    """Raise where something else than an engine would be lost, or an engine that shall stay."""
    if not place.exists():
        return
    found = read_model_file(place)  # a folder, a device: said there
    if found.kind not in (*ENGINES, "truncated-plan", "empty"):
        raise EnginebayError(
            "cannot-save",
            f"{place.name} is there already, and is no engine: it is not replaced.",
            "Choose another name.",
        )
    try:
        check_writable(place)
    except OSError as error:
        raise EnginebayError(
            "cannot-save",
            f"{one_line(str(place), 300)} is not changed: {error.strerror}.",
            "Make it writable, or save to another place.",
        ) from None
    if not any_engine and found.kind != "empty":
        raise EnginebayError(
            "exists",
            f"There is another engine already: {one_line(str(place), 300)}.",
            "Give --force to replace it once the new file is whole, or -o for another place.",
        )


def _digest(
    source: BinaryIO, size: int, progress: Progress, doing: str, copy: BinaryIO | None = None
) -> str:
    """The SHA-256 of the next `size` bytes, copied on their way."""
    digest, left = hashlib.sha256(), size
    while left:
        data = source.read(min(_CHUNK, left))
        if not data:
            raise ModelFileError(
                "file-changed",
                "The engine became shorter while it was being read.",
                "Wait until it is written, then try again.",
            )
        digest.update(data)
        if copy is not None:
            copy.write(data)
        left -= len(data)
        progress(1 - left / size, doing)
    return digest.hexdigest()


def _bad(why: str) -> InputError:
    return InputError(
        "bad-metadata",
        f"The metadata is no JSON object: {one_line(why, 200)}.",
        'Give an object such as {"task": "detect", "names": {"0": "cat"}, "stride": 32}.',
    )

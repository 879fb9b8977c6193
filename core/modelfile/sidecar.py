"""The side-car of an engine, OUT.engine.json: what it was built from, how, and what came out.

It is written by core.building.sidecar and read with the engine. It is data that lies beside a
file: read with limits, believed only where it describes these very bytes, and never needed.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from core.modelfile.json_object import json_object
from core.text import one_line

FORMAT = "enginebay-sidecar"
"""The value of "format"."""
VERSION = 1
"""The value of "version"; what a later one holds is not known here."""
MAX_BYTES = 1_000_000
"""Larger files are not read: the metadata before an engine has 600,000 at most."""

_PIECES, _PIECE_BYTES = 16, 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """What a side-car says; what is missing or malformed is None, "" or empty.

    Attributes:
        name: the side-car's file name.
        plan_bytes: size of the plan that it belongs to, without what stands before it.
        plan_sha256: of that plan.
        plan_sample: as plan_sample gives it for that plan.
        onnx: the model's "name", "size_bytes" and "sha256".
        options: the build's, as core.building wrote them.
        versions: "enginebay", "tensorrt" ... by name.
        gpu: the GPU's name.
        driver: its driver's version.
        seconds: how long the build took.
        date: when it ended, ISO 8601.
        metadata: the exporter's, as Metadata.raw.
        truth: what came out, as core.building.truth has it.
    """

    name: str
    plan_bytes: int
    plan_sha256: str
    plan_sample: str
    onnx: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    gpu: str = ""
    driver: str = ""
    seconds: float | None = None
    date: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    truth: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """The `built_from` object of `enginebay info --json`."""
        return {
            "side_car": self.name,
            "onnx": dict(self.onnx),
            "options": dict(self.options),
            "versions": dict(self.versions),
            "gpu": self.gpu,
            "driver": self.driver,
            "seconds": self.seconds,
            "date": self.date,
            "truth": dict(self.truth),
        }


@dataclass(frozen=True, slots=True)
class SidecarReading:
    """What was found beside an engine: a side-car, or why what is there is none.

    `sidecar` is None and `note` "" where nothing is there.
    """

    sidecar: Sidecar | None = None
    note: str = ""


class Seekable(Protocol):
    """What is needed of a file."""

    def seek(self, offset: int, /) -> int:
        """Go to a position."""
        ...

    def read(self, size: int, /) -> bytes:
        """Read that many bytes, fewer only at the end."""
        ...


def sidecar_path(engine: Path) -> Path:
    """Where an engine's side-car lies: best.engine has best.engine.json."""
    return engine.with_name(f"{engine.name}.json")


def plan_sample(file: Seekable, start: int, size: int) -> str:
    """The SHA-256 of a plan's size and 16 pieces of it, from its first to its last bytes.

    It tells engines apart without reading them whole: two builds differ in all of their bytes.

    Args:
        file: the engine.
        start: where the plan begins.
        size: its bytes.
    """
    digest = hashlib.sha256(size.to_bytes(8, "little"))
    last = max(size - _PIECE_BYTES, 0)
    for index in range(_PIECES):
        file.seek(start + last * index // (_PIECES - 1))
        digest.update(file.read(min(_PIECE_BYTES, size)))
    return digest.hexdigest()


def read_sidecar(engine: Path) -> SidecarReading:
    """Read what lies beside an engine, without looking whether it belongs to it.

    Never raises: a side-car that cannot be read is left out, and the note says why.
    """
    path = sidecar_path(engine)
    name = one_line(path.name, 80)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would never end
            return SidecarReading(note=f"{name} is no regular file: it is ignored.")
        if status.st_size > MAX_BYTES:
            return SidecarReading(
                note=f"{name} has {status.st_size:,} bytes, more than a side-car: it is ignored."
            )
        with path.open("rb") as file:
            data = file.read(MAX_BYTES)
    except FileNotFoundError:
        return SidecarReading()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        return SidecarReading(note=f"{name} cannot be read: {why}. It is ignored.")
    value = json_object(data)
    if value is None:
        return SidecarReading(note=f"{name} is damaged: it is no JSON object. It is ignored.")
    if value.get("format") != FORMAT:
        return SidecarReading(note=f"{name} is no side-car of Enginebay's: it is ignored.")
    version = value.get("version")
    if version != VERSION:
        return SidecarReading(
            note=f"{name} has version {one_line(str(version), 20)} of its format, this Enginebay "
            f"reads {VERSION}: it is ignored."
        )
    plan = _object(value, "plan")
    size, sha256, sample = (plan.get(one) for one in ("size_bytes", "sha256", "sample_sha256"))
    if not isinstance(size, int) or not isinstance(sha256, str) or not isinstance(sample, str):
        return SidecarReading(
            note=f"{name} does not say which engine it belongs to: it is ignored."
        )
    return SidecarReading(
        Sidecar(
            name=path.name,
            plan_bytes=size,
            plan_sha256=sha256,
            plan_sample=sample,
            onnx=_object(value, "onnx"),
            options=_object(value, "options"),
            versions={
                key: one for key, one in _object(value, "versions").items() if isinstance(one, str)
            },
            gpu=_text(value, "gpu"),
            driver=_text(value, "driver"),
            seconds=_seconds(value.get("seconds")),
            date=_text(value, "date"),
            metadata=_object(value, "metadata"),
            truth=_object(value, "truth"),
        )
    )


def sidecar_of(engine: Path, file: Seekable, start: int, size: int) -> SidecarReading:
    """The side-car of an engine; one that was written for another is stale, and left out.

    Args:
        engine: its path.
        file: the same, open.
        start: where the plan begins.
        size: the plan's bytes.
    """
    found = read_sidecar(engine)
    if found.sidecar is None:
        return found
    if found.sidecar.plan_bytes != size or found.sidecar.plan_sample != plan_sample(
        file, start, size
    ):
        return SidecarReading(note=stale_note(found.sidecar))
    return found


def stale_note(sidecar: Sidecar) -> str:
    """Why a side-car that was written for other bytes is not used."""
    return (
        f"{one_line(sidecar.name, 80)} was written for another engine than this one, so it is "
        "ignored: the engine was replaced without it, or it was copied from elsewhere."
    )


def _object(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _seconds(value: object) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e9 else None  # type: ignore[operator, arg-type]

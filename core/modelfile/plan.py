"""The header of a TensorRT plan: version, sections, declared size, the GPU it was built on.

Only the magic, the four version bytes and the declared size are read by NVIDIA's own tools
(trtexec --getPlanVersionOnly). The rest is an undocumented layout, found by reading plans of
TensorRT 7.0 to 10.9; a value that is not plausible reads as None, never as a wrong value.
Everything is little-endian; offsets count from the plan's first byte.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

HEAD_BYTES = 4096  # enough for the section table and, in one-section plans, the device fields
_MAX_SECTIONS = 64
_MAX_RECORDS = 96
# Plausible TensorRT majors; 5 to 11 exist. 13 would be the carriage return that a copy in text
# mode puts before the line feed of 10.
_MAJORS = range(5, 13)
_MAX_MINOR = 99  # 16 is the largest that exists
_U8, _U32, _U64, _U64_B, _BOOL = 0x02, 0x07, 0x08, 0x09, 0x0A
_SIZES = {_U8: 1, _U32: 4, _U64: 8, _U64_B: 8, _BOOL: 1}

Layout = Literal["ftrt", "ptrt", "flatbuffer"]
"""TensorRT 8.6 and newer; 7.0 to 8.5; 5 and older."""

Record = tuple[int, int | None]  # type, value; None for a group marker


@dataclass(frozen=True, slots=True)
class BuildGpu:
    """The GPU that an engine was built on, as far as the plan records it (its name is not)."""

    compute_capability: str  # "8.9"
    sm_count: int
    memory_bytes: int | None  # absent in TensorRT 7.0 plans

    def as_json(self) -> dict[str, object]:
        """The `build_gpu` object of `enginebay info --json`."""
        return {
            "compute_capability": self.compute_capability,
            "sm_count": self.sm_count,
            "memory_bytes": self.memory_bytes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHeader:
    """What a plan says of itself."""

    layout: Layout
    tensorrt_version: str | None  # "8.6.1.6"; None where not readable, as in TensorRT 5 and older
    sections: tuple[str, ...] | None  # "ENGN", "WGHT", "LEAN"; None before TensorRT 8.6
    declared_bytes: int  # the plan's size as it says itself
    actual_bytes: int  # the plan's size in the file
    hardware_compatibility: int | None  # tensorrt.HardwareCompatibilityLevel; 8.6 and newer
    build_gpu: BuildGpu | None

    @property
    def compute_capability(self) -> str | None:
        """Of the GPU that it was built on: "8.9"; None where that is not readable."""
        return None if self.build_gpu is None else self.build_gpu.compute_capability

    @property
    def is_complete(self) -> bool:
        """True when the file holds exactly the bytes that the plan declares."""
        return self.declared_bytes == self.actual_bytes

    @property
    def is_truncated(self) -> bool:
        """True when bytes are missing at the end."""
        return self.actual_bytes < self.declared_bytes

    @property
    def embeds_native_code(self) -> bool:
        """True when a lean runtime, native code that runs on loading, is inside."""
        return self.sections is not None and "LEAN" in self.sections

    def as_json(self) -> dict[str, object]:
        """The `plan` object of `enginebay info --json`."""
        return {
            "tensorrt_version": self.tensorrt_version,
            "sections": None if self.sections is None else list(self.sections),
            "complete": self.is_complete,
            "declared_bytes": self.declared_bytes,
            "embeds_native_code": self.embeds_native_code,
            "hardware_compatibility": self.hardware_compatibility,
            "build_gpu": None if self.build_gpu is None else self.build_gpu.as_json(),
        }


def read_plan_header(file: BinaryIO, start: int, file_size: int) -> PlanHeader | None:
    """Read the header of the plan that begins at `start`, in at most two small reads.

    Returns:
        None when no plan begins there.
    """
    file.seek(start)
    head = file.read(HEAD_BYTES)
    actual = file_size - start
    if head[:4] == b"ftrt":
        return _read_sectioned(file, start, head, actual)
    if head[:4] == b"ptrt":
        return _read_single(head, actual)
    # TensorRT 5 and older: no magic; a size, then a FlatBuffer whose root offset is small.
    if len(head) >= 16 and actual > 64:
        declared, root = struct.unpack_from("<QI", head)
        if declared == actual and 4 <= root < 1024:
            return PlanHeader(
                layout="flatbuffer",
                tensorrt_version=None,
                sections=None,
                declared_bytes=declared,
                actual_bytes=actual,
                hardware_compatibility=None,
                build_gpu=None,
            )
    return None


def _read_sectioned(file: BinaryIO, start: int, head: bytes, actual: int) -> PlanHeader | None:
    """TensorRT 8.6 and newer: a table of sections, the engine in one of them."""
    if len(head) < 32:
        return PlanHeader(
            layout="ftrt",
            tensorrt_version=None,
            sections=None,
            declared_bytes=32,
            actual_bytes=actual,
            hardware_compatibility=None,
            build_gpu=None,
        )
    _, count, declared = struct.unpack_from("<IQQ", head, 4)
    version = tuple(head[24:28])
    names: list[str] = []
    engine: tuple[int, int] | None = None
    table_end = actual
    for index in range(min(count, _MAX_SECTIONS)):
        entry = head[32 + 24 * index : 56 + 24 * index]
        if len(entry) < 24:
            break
        tag, (offset, size) = entry[:4][::-1], struct.unpack_from("<QQ", entry, 8)
        table_end = min(table_end, offset)
        if count > _MAX_SECTIONS and (offset + size > actual or 56 + 24 * index > table_end):
            break  # the count is not to be believed: what follows the table is no entry of it
        name = tag.decode("ascii", "replace")
        names.append(name if name.isascii() and name.isprintable() else tag.hex())
        if name == "ENGN" and engine is None:
            engine = offset, size
    level, gpu = None, None
    if engine is not None and engine[0] + 24 < actual:
        file.seek(start + engine[0])
        body = file.read(min(HEAD_BYTES, engine[1]))
        if body[:4] == b"ptrt":
            level, gpu = _engine_records(body, version)
    return PlanHeader(
        layout="ftrt",
        tensorrt_version=_version_text(version),
        sections=tuple(names),
        declared_bytes=declared,
        actual_bytes=actual,
        hardware_compatibility=level,
        build_gpu=gpu,
    )


def _read_single(head: bytes, actual: int) -> PlanHeader | None:
    """TensorRT 7.0 to 8.5: the engine archive stands alone."""
    if len(head) < 44:
        return PlanHeader(
            layout="ptrt",
            tensorrt_version=None,
            sections=None,
            declared_bytes=44,
            actual_bytes=actual,
            hardware_compatibility=None,
            build_gpu=None,
        )
    records = list(_records(head, 24))
    version = _version_of(records)
    # The body's length stands at 12 in 7.x, at 16 from 8.0 on.
    in_7, in_8 = (struct.unpack_from("<Q", head, at)[0] + 24 for at in (12, 16))
    if version is None or version[0] not in (7, 8):  # not readable: the one that fits, if any
        declared = in_7 if in_7 == actual else in_8
    else:
        declared = in_7 if version[0] == 7 else in_8
    return PlanHeader(
        layout="ptrt",
        tensorrt_version=None if version is None else _version_text(version),
        sections=None,
        declared_bytes=declared,
        actual_bytes=actual,
        hardware_compatibility=None,
        build_gpu=_build_gpu(_values(records)[4:]) if version is not None else None,
    )


def _engine_records(engine: bytes, version: tuple[int, ...]) -> tuple[int | None, BuildGpu | None]:
    """Hardware-compatibility level and build GPU of an engine section.

    Records begin at +24 (8.6 to 10.5) or +20 (10.9); the right place is where the four version
    bytes of the header stand again.
    """
    for begin in (24, 20):
        records = list(_records(engine, begin))
        if _version_of(records) == version:
            values = _values(records)[4:]
            if values and values[0][0] == _U32:
                level = values[0][1]
                return (level if level <= 8 else None), _build_gpu(values[1:])
    return None, None


def _records(buffer: bytes, at: int) -> Iterator[Record]:
    """Typed records: a 4-byte tag {type, 0x80 or 0x00, 0x01, 0x00}, then a value by type."""
    for _ in range(_MAX_RECORDS):
        tag = buffer[at : at + 4]
        if len(tag) < 4 or tag[1] not in (0x80, 0x00) or tag[2:] != b"\x01\x00":
            return
        at += 4
        size = _SIZES.get(tag[0])
        if size is None:
            yield tag[0], None
            continue
        raw = buffer[at : at + size]
        if len(raw) < size:
            return
        yield tag[0], int.from_bytes(raw, "little")
        at += size


def _values(records: list[Record]) -> list[tuple[int, int]]:
    return [(kind, value) for kind, value in records if value is not None]


def _version_of(records: list[Record]) -> tuple[int, ...] | None:
    first = _values(records)[:4]
    if len(first) == 4 and all(kind == _U8 for kind, _ in first):
        return tuple(value for _, value in first)
    return None


def _build_gpu(fields: list[tuple[int, int]]) -> BuildGpu | None:
    """The device fields; the type of the first tells which of two orders they are in."""
    if not fields:
        return None
    memory: int | None
    if fields[0][0] == _U32:  # compute capability first (7.0 to 10.5)
        at_bool = next((i for i, (kind, _) in enumerate(fields) if kind == _BOOL), None)
        if at_bool is None or at_bool < 3:
            return None
        major, minor, sms = fields[0][1], fields[1][1], fields[at_bool - 1][1]
        memory = next((v for kind, v in fields[at_bool:] if kind in (_U64, _U64_B)), None)
    else:  # memory first (10.9): three u64, then the rest
        rest = fields[3:]
        if len(rest) < 11:
            return None
        memory, sms, major, minor = fields[0][1], rest[5][1], rest[9][1], rest[10][1]
    if not (3 <= major <= 13 and 0 <= minor <= 9 and 1 <= sms <= 256):
        return None
    if memory is not None and not 1e9 <= memory <= 1e12:
        memory = None
    return BuildGpu(f"{major}.{minor}", sms, memory)


def _version_text(version: tuple[int, ...]) -> str | None:
    """None for what no TensorRT calls itself: 0.0.0.0, 255.255.255.255."""
    if version[0] not in _MAJORS or version[1] > _MAX_MINOR:
        return None
    return ".".join(str(part) for part in version)

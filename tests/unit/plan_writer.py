"""Writes engine files with a true header, in every known layout, and no engine inside.

The layouts are those that core/modelfile/plan.py reads; fields that it passes over hold values
of real files.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Layout = Literal["flatbuffer-5", "ptrt-7", "ptrt-8.0", "ptrt-8.2", "ftrt-8.6", "ftrt-10.9"]

_U8, _U32, _U64, _U64_B, _BOOL = 0x02, 0x07, 0x08, 0x09, 0x0A
_FORMATS = {_U8: "<B", _U32: "<I", _U64: "<Q", _U64_B: "<Q", _BOOL: "<?"}
_PAYLOAD = bytes(range(200, 216))  # stands for the engine; no typed record begins so


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to write. `declared_bytes` None declares the true size."""

    layout: Layout
    version: tuple[int, int, int, int] = (8, 6, 1, 6)  # of no meaning in flatbuffer-5
    compute_capability: tuple[int, int] = (8, 6)
    sm_count: int = 28
    memory_bytes: int | None = 12_000_000_000  # None leaves it out, as TensorRT 7.0 does
    hardware_compatibility: int = 0  # ftrt layouts only
    sections: tuple[str, ...] = ("ENGN",)  # ftrt layouts only
    body_bytes: int = 300  # payload after the header or in each section
    declared_bytes: int | None = None

    def to_bytes(self) -> bytes:
        """The whole file."""
        if self.layout == "flatbuffer-5":
            return self._flatbuffer()
        if self.layout.startswith("ptrt"):
            return self._single()
        return self._sectioned()

    def _flatbuffer(self) -> bytes:
        table = struct.pack("<IHHHH", 20, 6, 8, 4, 0) + struct.pack("<iI", 8, 0)
        rest = table + self._payload()
        size = 8 + len(rest)
        return (
            struct.pack("<Q", size if self.declared_bytes is None else self.declared_bytes) + rest
        )

    def _single(self) -> bytes:
        archive = self._version_records() + _marker(0xE5, self._flag) + self._device_records()
        body = archive + self._payload()
        length = len(body) if self.declared_bytes is None else self.declared_bytes - 24
        if self.layout == "ptrt-7":  # magic, ?, format, length, checksum
            header = struct.pack("<4sIIQI", b"ptrt", 0x61, 211, length % 2**64, 0x633CE363)
        else:  # magic, ?, format, ?, length
            header = struct.pack("<4sIIIQ", b"ptrt", 0, 213, 0, length % 2**64)
        return header + body

    def _sectioned(self) -> bytes:
        bodies = [self._section(name) for name in self.sections]
        offset = 32 + 24 * len(bodies)
        table = b""
        for name, body in zip(self.sections, bodies, strict=True):
            tag = name.encode("latin-1")[::-1]
            table += struct.pack("<4sIQQ", tag, 0, offset, len(body))
            offset += len(body)
        size = offset if self.declared_bytes is None else self.declared_bytes
        mark = b"rtrt" if self.version[0] >= 10 else b"\0\0\0\0"
        header = struct.pack("<4sIQQ", b"ftrt", 0, len(bodies), size) + bytes(self.version) + mark
        return header + table + b"".join(bodies)

    def _section(self, name: str) -> bytes:
        if name == "LEAN":
            body = b"\x7fELF" + self._payload()
        elif name == "ENGN":
            begin = 24 if self.layout == "ftrt-8.6" else 20
            records = (
                self._version_records()
                + _marker(0xE5, self._flag)
                + _record(_U32, self.hardware_compatibility, self._flag)
                + _marker(0x12, self._flag)
                + _marker(0x10, self._flag)
                + self._device_records()
            )
            length = len(records) + self.body_bytes
            inner = struct.pack("<4sIQQ", b"ptrt", 236, length, length)[:begin].ljust(begin, b"\0")
            body = inner + records + self._payload()
        else:
            body = self._payload()
        return body + bytes(-len(body) % 8)

    @property
    def _flag(self) -> int:
        return 0x00 if self.layout in ("ptrt-7", "ptrt-8.0") else 0x80

    def _payload(self) -> bytes:
        return (_PAYLOAD * (self.body_bytes // len(_PAYLOAD) + 1))[: self.body_bytes]

    def _version_records(self) -> bytes:
        return b"".join(_record(_U8, part, self._flag) for part in self.version)

    def _device_records(self) -> bytes:
        major, minor = self.compute_capability
        fields: list[tuple[int, int]]
        if self.layout == "ftrt-10.9":  # memory first
            fields = [
                (_U64_B, self.memory_bytes or 0),
                (_U64, 50_331_648),  # L2
                (_U64, 31_457_280),  # persisting L2
                (_U32, 2_497_000),  # core clock
                (_U32, 14_001_000),  # memory clock
                (_U32, 256),  # bus width
                (_U32, 49_152),  # shared memory per block
                (_U32, 102_400),  # shared memory per SM
                (_U32, self.sm_count),
                (_U32, 0),  # integrated
                (_U32, 1024),
                (_U32, 1024),  # threads per block
                (_U32, major),
                (_U32, minor),
                (_U32, 512),
            ]
        else:
            fields = [
                (_U32, major),
                (_U32, minor),
                (_U32, 1_777_000),  # core clock
                (_U32, 7_501_000),  # memory clock
                (_U32, 192),  # bus width
                (_U64, 2_359_296),  # L2
                (_U32, 49_152),  # shared memory per block
                (_U32, 65_536),
                (_U32, 512),
                (_U32, self.sm_count),
                (_BOOL, 0),  # integrated
                (_U32, 0x40000),
                (_U32, 0x7FFFFFFF),
                (_U32, 0xFFFF),
                (_U32, 0xFFFF),
            ]
            if self.memory_bytes is not None:
                kind = _U64 if self.layout == "ptrt-7" else _U64_B
                fields.append((kind, self.memory_bytes))
            fields.append((_U32, 0))
        return b"".join(_record(kind, value, self._flag) for kind, value in fields)


def with_prefix(plan: bytes, metadata: Mapping[str, object] | bytes) -> bytes:
    """Put Ultralytics' prefix before a plan: i32 length, JSON (or these bytes in its place)."""
    text = metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode()
    return struct.pack("<i", len(text)) + text + plan


def _marker(kind: int, flag: int) -> bytes:
    return bytes((kind, flag, 1, 0))


def _record(kind: int, value: int, flag: int) -> bytes:
    return _marker(kind, flag) + struct.pack(_FORMATS[kind], value)

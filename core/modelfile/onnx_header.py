"""The top level of an ONNX file, walked by seeking, so that its weights are never read.

An ONNX file is one protobuf message, ModelProto (onnx.proto3). Only its outermost fields are
read here: a few kilobytes, however large the graph is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO

from core.modelfile.onnx_graph import OnnxGraph
from core.modelfile.protobuf import varint

_VARINT, _LENGTH = 0, 2
# ModelProto's fields and their wire types, onnx.proto3 of ONNX 1.0 to 1.20.
_FIELDS = {
    1: _VARINT,  # ir_version
    2: _LENGTH,  # producer_name
    3: _LENGTH,  # producer_version
    4: _LENGTH,  # domain
    5: _VARINT,  # model_version
    6: _LENGTH,  # doc_string
    7: _LENGTH,  # graph
    8: _LENGTH,  # opset_import
    14: _LENGTH,  # metadata_props
    20: _LENGTH,  # training_info
    25: _LENGTH,  # functions
    26: _LENGTH,  # configuration
}
_MAX_FIELDS = 5_000
_MAX_TEXT = 300_000  # bytes of metadata and names together; more is not read


@dataclass(frozen=True, slots=True)
class OnnxHeader:
    """What an ONNX file says of itself: the model's own fields, and its graph."""

    ir_version: int
    producer: str
    opsets: dict[str, int]  # version by domain; "" is ONNX's own
    metadata: dict[str, str]
    is_truncated: bool
    graph: OnnxGraph = field(default_factory=OnnxGraph)  # nothing known until it is read


def read_onnx_header(file: BinaryIO, file_size: int) -> OnnxHeader | None:
    """Walk a file's outermost protobuf fields.

    Returns:
        None when the file is no ModelProto.
    """
    at, budget = 0, _MAX_TEXT
    ir_version, graph_seen, truncated = 0, False, False
    texts: dict[int, str] = {}
    opsets: dict[str, int] = {}
    metadata: dict[str, str] = {}
    for _ in range(_MAX_FIELDS):
        if at >= file_size:
            break
        file.seek(at)
        window = file.read(20)
        key, used = varint(window, 0)
        number, wire = key >> 3, key & 7
        if used != 0 and _FIELDS.get(number) != wire:
            return None
        value, size = varint(window, used)
        if used == 0 or size == 0:
            if not graph_seen or at + len(window) < file_size:
                return None
            truncated = True  # the file ends inside a tag or a length
            break
        at += used + size
        if wire == _VARINT:
            if number == 1:
                ir_version = value
            continue
        if at + value > file_size:
            truncated = graph_seen = graph_seen or number == 7
            break
        graph_seen = graph_seen or number == 7
        if number in (2, 3, 8, 14) and value <= budget:
            file.seek(at)
            body = file.read(value)
            budget -= value
            if number == 8:
                entry = _message(body)
                opsets[_text(entry.get(1, b""))] = _int(entry.get(2, 0))
            elif number == 14:
                entry = _message(body)
                metadata[_text(entry.get(1, b""))] = _text(entry.get(2, b""))
            else:
                texts[number] = _text(body)
        at += value
    if not graph_seen or not 1 <= ir_version <= 100:
        return None
    producer = " ".join(texts[number] for number in (2, 3) if texts.get(number))
    return OnnxHeader(ir_version, producer, opsets, metadata, truncated)


def _message(body: bytes) -> dict[int, bytes | int]:
    """The fields of a small message with varint and length-delimited fields only."""
    fields: dict[int, bytes | int] = {}
    at = 0
    while at < len(body):
        key, used = varint(body, at)
        value, size = varint(body, at + used)
        if used == 0 or size == 0 or key & 7 not in (_VARINT, _LENGTH):
            break
        at += used + size
        if key & 7 == _VARINT:
            fields[key >> 3] = value
        else:
            fields[key >> 3] = body[at : at + value]
            at += value
    return fields


def _text(value: bytes | int) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _int(value: bytes | int) -> int:
    """An int64: protobuf writes negative ones as their two's complement in 64 bits."""
    if not isinstance(value, int):
        return 0
    return value - 2**64 if value >= 2**63 else value

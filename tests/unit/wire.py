"""Protobuf by hand, for messages that no library would write."""

from __future__ import annotations


def varint(value: int) -> bytes:
    """A number."""
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def length(number: int, body: bytes) -> bytes:
    """A field of bytes: a text, or another message."""
    return varint(number << 3 | 2) + varint(len(body)) + body


def nested(depth: int, innermost: bytes = b"") -> bytes:
    """A graph of one If whose body is one If, and so on; `innermost` is the last body."""
    heads: list[bytes] = []
    size = len(innermost)
    for _ in range(depth):  # from the inside out, so that each length is known
        attribute = varint(6 << 3 | 2) + varint(size)
        node = length(4, b"If") + varint(5 << 3 | 2) + varint(len(attribute) + size)
        inside = len(node) + len(attribute) + size
        heads.append(varint(1 << 3 | 2) + varint(inside) + node + attribute)
        size += len(heads[-1])
    return b"".join(reversed(heads)) + innermost

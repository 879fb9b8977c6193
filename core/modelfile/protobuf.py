"""Protobuf's wire format, walked by position: what is not asked for is never read.

Fields are found as protobuf's own parser finds them (protobuf.dev, "Encoding"): unknown fields
and groups are passed over, and what that parser would refuse raises DamagedError. So nothing can be
hidden from a walk here that a runtime would then read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

VARINT, FIXED64, LENGTH, GROUP, END_GROUP, FIXED32 = range(6)

_HEAD = 20  # bytes: a tag and a number, each 10 at most
_MAX_GROUPS = 100  # protobuf's own limit on nesting

Field = tuple[int, int, int, int]
"""Number, wire type, and two numbers: a varint's value and the position behind it, or where
the field's bytes begin and end."""


class DamagedError(ValueError):
    """The bytes are no protobuf message; the text says where and why."""


class NotRead(Exception):  # noqa: N818 - no error of anybody's
    """More would have to be read than may be."""


class Readable(Protocol):
    """What is needed of a file."""

    def seek(self, offset: int, /) -> int:
        """Go to a position."""
        ...

    def read(self, size: int, /) -> bytes:
        """Read that many bytes, fewer only at the end."""
        ...


class Window:
    """A file's bytes by position, read a piece at a time and never more than a budget.

    Attributes:
        piece: bytes read at once where fewer are asked for; small where what is of interest
            lies far apart.
    """

    def __init__(self, file: Readable, size: int, *, budget: int | None = None, piece: int) -> None:
        self.piece = piece
        self._file = file
        self._size = size
        self._left = budget
        self._at = 0
        self._data = b""

    def view(self, at: int, count: int) -> tuple[bytes, int]:
        """Bytes that hold `count` from `at` on, and the index of the first of them.

        Raises:
            NotRead: if the budget is spent.
            DamagedError: if the file ends before.
        """
        index = at - self._at
        if index < 0 or index + count > len(self._data):
            self._load(at, count)
            index = 0
        return self._data, index

    def text(self, start: int, stop: int, limit: int) -> str:
        """A text field; what is no UTF-8 is replaced.

        Raises:
            NotRead: if it is longer than `limit` bytes, or the budget is spent.
        """
        if stop - start > limit:
            raise NotRead
        data, index = self.view(start, stop - start)
        return data[index : index + stop - start].decode("utf-8", "replace")

    def _load(self, at: int, count: int) -> None:
        wanted = min(max(count, self.piece), self._size - at)
        if self._left is not None:
            wanted = min(wanted, max(self._left, 0))
            if wanted < count <= self._size - at:
                self._left = 0  # for good: what comes later must not be known by chance
                raise NotRead
            self._left -= wanted
        self._file.seek(at)
        self._data, self._at = self._file.read(max(wanted, 0)), at
        if len(self._data) < count:
            raise DamagedError(f"it ends within byte {at:,}")


def fields(window: Window, start: int, stop: int) -> Iterator[Field]:
    """The fields of the message that fills `start` to `stop`, in the file's order.

    Raises:
        DamagedError: where it is no protobuf message.
        NotRead: if the window's budget is spent.
    """
    at = start
    groups: list[int] = []
    while at < stop:
        begin = at
        count = min(_HEAD, stop - at)
        data, index = window.view(at, count)
        head = data[index : index + count]
        key, used = varint(head, 0)
        number, wire = key >> 3 & 0x1FFFFFFF, key & 7
        if used == 0 or number == 0:
            raise DamagedError(f"there is no field at byte {begin:,}")
        value = end = at = begin + used
        if wire in (VARINT, LENGTH):
            value, size = varint(head, used)
            if size == 0:
                raise DamagedError(f"the number at byte {at:,} does not end")
            end = at = at + size
        if wire == LENGTH:
            value, end = at, at + value
        elif wire == FIXED64:
            end += 8
        elif wire == FIXED32:
            end += 4
        elif wire == GROUP and len(groups) < _MAX_GROUPS:
            groups.append(number)
        elif wire == END_GROUP and groups and groups[-1] == number:
            groups.pop()
        elif wire != VARINT:
            raise DamagedError(f"there is no field at byte {begin:,}")
        if end > stop:
            raise DamagedError(f"the field at byte {begin:,} is longer than what it is in")
        at = end
        if not groups and wire != END_GROUP:
            yield number, wire, value, end
    if groups:
        raise DamagedError(f"a group does not end by byte {stop:,}")


def varint(buffer: bytes, at: int) -> tuple[int, int]:
    """A protobuf varint: its value and length in bytes; length 0 when there is none."""
    value = 0
    for index, byte in enumerate(buffer[at : at + 10]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, index + 1
    return 0, 0

"""Reads a model file as core does, and counts the bytes that it takes from the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from core.modelfile import ModelFile, read_model_file

MEGABYTE = 2**20
"""The most that may be read of a file, however large, to tell what it is."""


class CountingFile:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.bytes_read = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.bytes_read += len(data)
        return data

    def seek(self, at: int) -> int:
        return self._file.seek(at)

    def __enter__(self) -> CountingFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@contextmanager
def counted_reads() -> Iterator[list[CountingFile]]:
    opened: list[CountingFile] = []
    real_open: Callable[..., Any] = Path.open

    def counting_open(path: Path, mode: str = "r", **options: Any) -> CountingFile:
        opened.append(CountingFile(real_open(path, mode, **options)))
        return opened[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", counting_open)
        yield opened


def read_with_limit(path: Path) -> ModelFile:
    with counted_reads() as opened:
        file = read_model_file(path)
    assert sum(item.bytes_read for item in opened) <= MEGABYTE
    return file

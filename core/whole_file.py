"""Write files that are whole or untouched."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from core.errors import EnginebayError
from core.text import printable


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path beside the target to write to; what is there takes its place at the end.

    A block that raises leaves the target as it was. Nothing stays beside it in either case.

    Raises:
        OSError: if the target cannot be replaced.
    """
    if not target.name:  # "/", "C:\\" and ".", beside which no name can be made up
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    part = target.with_name(f"{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        yield part
        part.replace(target)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def check_can_save(path: Path) -> None:
    """Nothing, if a file can be written beside or over this one; before work that takes long.

    Raises:
        EnginebayError: kind "cannot-save".
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        check_writable(path)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _cannot_save(path, error) from None


def check_writable(path: Path) -> None:
    """Nothing, if no file is there or its owner lets it be changed.

    A rename would replace a read-only file all the same, and everything may be written by root.

    Raises:
        PermissionError: if it is read-only.
    """
    if path.is_file() and not path.stat().st_mode & 0o222:
        raise PermissionError(errno.EACCES, "the file there is read-only")


def save_text(path: Path, text: str) -> None:
    """Write a text that the user asked for; names of files in it may hold bytes that are no UTF-8.

    Raises:
        EnginebayError: kind "cannot-save".
    """
    try:
        with replacing(path) as part:
            part.write_bytes(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise _cannot_save(path, error) from None


def _cannot_save(path: Path, error: OSError) -> EnginebayError:
    return EnginebayError(
        "cannot-save",
        f"Nothing can be saved to {printable(str(path))}: {error.strerror or error}.",
        "Choose another place, or make that one writable.",
    )

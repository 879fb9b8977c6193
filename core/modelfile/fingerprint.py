"""The SHA-256 of a file, by which Enginebay knows it again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ModelError, ModelFileError

if TYPE_CHECKING:
    import numpy as np

_CHUNK = 8 * 1024 * 1024


def require_unchanged(path: Path, sha256: str) -> None:
    """Make sure, right before a library is loaded, that its bytes are those consented to.

    Raises:
        ModelError: kind "plugin-library" if they are others.
    """
    try:
        found = fingerprint(path)
    except OSError as error:
        found = str(error)
    if found != sha256:
        raise ModelError(
            "plugin-library",
            f"The library {path.name} changed while the model was being opened.",
            "Wait until it is written, then open the model again.",
        )


def fingerprint(path: Path, progress: Callable[[float, str], None] | None = None) -> str:
    """Hash a file in chunks.

    Args:
        path: a readable file.
        progress: called with the fraction done after each chunk; may raise to stop.

    Returns:
        64 hexadecimal digits.

    Raises:
        OSError: as reading does.
    """
    digest = hashlib.sha256()
    total = max(path.stat().st_size, 1)
    done = 0
    with path.open("rb") as file:
        # No further than it reached at the start: a file that grows has no end.
        while done < total and (chunk := file.read(min(_CHUNK, total - done))):
            digest.update(chunk)
            done += len(chunk)
            if progress is not None:
                progress(min(done / total, 1.0), "reading the fingerprint")
    return digest.hexdigest()


def read_hashed(
    path: Path, progress: Callable[[float, str], None] | None = None
) -> tuple[np.ndarray, str]:
    """A file's bytes and their SHA-256, in one pass: what is hashed is what is then used.

    Args:
        path: a regular file.
        progress: called with the fraction done after each chunk; may raise to stop.

    Returns:
        (size,) uint8, and 64 hexadecimal digits.

    Raises:
        ModelFileError: if it cannot be read, or becomes shorter meanwhile.
    """
    import numpy as np

    digest = hashlib.sha256()
    try:
        size = path.stat().st_size
        content = np.empty(size, np.uint8)  # a bytearray's zeros would hold the GIL
        view, done = content.data, 0
        with path.open("rb", buffering=0) as file:
            while done < size and (count := file.readinto(view[done : done + _CHUNK])):
                digest.update(view[done : done + count])
                done += count
                if progress is not None:
                    progress(done / size, f"Reading {path.name}")
    except OSError as error:
        raise ModelFileError(
            "unreadable", f"{path} cannot be read: {error.strerror or error}.", "Check the disk."
        ) from None
    if done < size:
        raise ModelFileError(
            "file-changed",
            f"{path.name} became shorter while it was being read.",
            "Wait until it is written, then open it again.",
        )
    return content, digest.hexdigest()

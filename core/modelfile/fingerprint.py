"""The SHA-256 of a file, by which Enginebay knows it again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from core.errors import ModelError

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

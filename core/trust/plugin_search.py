"""Look for the library that holds a TensorRT plugin, without loading any."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

_LIBRARY = re.compile(r"\.(so(\.\d+)*|dll|dylib)$", re.IGNORECASE)
_CHUNK = 4 * 1024 * 1024


def find_plugin_libraries(
    folder: Path, plugin: str, progress: Callable[[float | None, str], None]
) -> list[Path]:
    """Find shared libraries below a folder that contain a plugin's name.

    A plugin creator returns its name as a C string, so the name stands in the library's constant
    data. A library that only uses the plugin may hold it too: what is found is a candidate.

    Args:
        folder: searched with all folders below it; links to folders are not followed.
        plugin: the plugin's name ("EfficientNMS_TRT").
        progress: called for each library with (None, its name); may raise to stop.

    Returns:
        Candidates, those with the name in their own file name first.
    """
    name = plugin.encode()
    found = [path for path in _libraries(folder) if _contains(path, name, progress)]
    return sorted(found, key=lambda path: (plugin.lower() not in path.name.lower(), str(path)))


def _libraries(folder: Path) -> Iterator[Path]:
    for place, _folders, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if _LIBRARY.search(name) and path.is_file():
                yield path


def _contains(path: Path, name: bytes, progress: Callable[[float | None, str], None]) -> bool:
    """True when the bytes stand in the file; read in chunks that overlap by the name's length."""
    if not name:
        return False
    try:
        with path.open("rb") as file:
            tail = b""
            while chunk := file.read(_CHUNK):
                progress(None, f"Looking into {path.name}")
                if name in tail + chunk:
                    return True
                tail = chunk[-len(name) + 1 :] if len(name) > 1 else b""
    except OSError:  # one that may not be read is no candidate
        return False
    return False

"""What the command line asks of the window."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class WindowOptions(NamedTuple):
    """A model to open, images to run, and how the window is to be."""

    file: Path | None = None
    drop: tuple[Path, ...] = ()
    demo: bool = False
    screenshot: Path | None = None
    size_wh: tuple[int, int] | None = None
    allow_native_code: bool = False
    plugins: tuple[Path, ...] = ()
    trial: bool | None = None  # None leaves the setting

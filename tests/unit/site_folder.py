"""A folder on sys.path that holds packages which must not be imported."""

from __future__ import annotations

import importlib
from pathlib import Path


def install(site: Path, module: str, version: str | None, *, record: str | None = None) -> None:
    """A package that must not be imported, with a record named `record` or as the module."""
    (site / module).mkdir()
    (site / module / "__init__.py").write_text("raise RuntimeError('imported')\n")
    if version is not None:
        name = record or module
        info = site / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        if record is None:
            (info / "top_level.txt").write_text(f"{module}\n")
    importlib.invalidate_caches()

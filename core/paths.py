"""Where Enginebay's own files are: bundled ones, and those it keeps for the user."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

ROOT = Path(__file__).resolve().parent.parent
"""Where the packages are: a checkout, or what an installed wheel is unpacked into."""

RESOURCES = ROOT / "resources"
"""The bundled files; beside the packages in a checkout and in an installed wheel alike."""

DEMO_MODEL = RESOURCES / "demo" / "shapes.onnx"
DEMO_PICTURE = RESOURCES / "demo" / "picture-1.jpg"
CLASS_NAMES = RESOURCES / "names"


def python_path() -> str:
    """PYTHONPATH for another Python that must find these very packages.

    It must be started in ROOT, too: -m looks in the working folder first, where a user's own
    "core" or "gui" may be.
    """
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def cache_folder(name: str) -> Path:
    """A folder for what can be made again; it may not be there yet."""
    return Path(platformdirs.user_cache_dir("enginebay", appauthor=False)) / name


def config_folder() -> Path:
    """The folder for what the user decided; it may not be there yet."""
    return Path(platformdirs.user_config_dir("enginebay", appauthor=False))


def data_folder(name: str) -> Path:
    """A folder for what was measured and cannot be made again alike; it may not be there yet."""
    return Path(platformdirs.user_data_dir("enginebay", appauthor=False)) / name

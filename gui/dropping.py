"""Tell models from images among dropped files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from core import suffixes

ARRAYS = (".npy", ".npz")  # core.input_files.SUFFIXES, without numpy while the window starts


def is_array_file(paths: Sequence[Path]) -> bool:
    """True for one file of arrays."""
    return len(paths) == 1 and paths[0].suffix.lower() in ARRAYS


def sort_dropped(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Tell models from images: by suffix where it is clear, else by content.

    Returns:
        Models and images. What is neither counts as an image, whose reader says what is wrong.
    """
    models: list[Path] = []
    images: list[Path] = []
    for path in paths:
        suffix = path.suffix.lower()
        if path.is_dir():
            images += suffixes.images_in(path)
        elif suffix in suffixes.MODELS or (suffix not in suffixes.IMAGES and _is_model(path)):
            models.append(path)
        else:
            images.append(path)
    return models, images


def _is_model(path: Path) -> bool:
    from core.errors import EnginebayError
    from core.modelfile import read_model_file

    try:
        return read_model_file(path).kind != "unknown"
    except EnginebayError:
        return False

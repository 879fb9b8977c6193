"""File name endings, for dialogs and folders. Content decides when a file is opened."""

from __future__ import annotations

from pathlib import Path

MODELS = (".engine", ".plan", ".trt", ".onnx")
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".jp2", ".ppm")
VIDEOS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")

_CODE = (".py", ".pyc", ".pyi", ".sh", ".c", ".h", ".cpp", ".hpp", ".cu", ".js")
_TEXT = (".txt", ".md", ".rst", ".json", ".yaml", ".yml", ".toml", ".xml", ".html", ".csv", ".log")
NO_MODELS = frozenset((*IMAGES, *VIDEOS, *_CODE, *_TEXT))
"""What a search for models does not even open: a dataset holds a million of them."""


def images_in(folder: Path) -> list[Path]:
    """The files of a folder that are named like images, by name; not those of its folders.

    Raises:
        OSError: if the folder cannot be listed.
    """
    return [
        inside
        for inside in sorted(folder.iterdir())
        if inside.suffix.lower() in IMAGES and inside.is_file()
    ]

"""File name endings, for dialogs and folders. Content decides when a file is opened."""

from __future__ import annotations

MODELS = (".engine", ".plan", ".trt", ".onnx")
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".jp2", ".ppm")

_CODE = (".py", ".pyc", ".pyi", ".sh", ".c", ".h", ".cpp", ".hpp", ".cu", ".js")
_TEXT = (".txt", ".md", ".rst", ".json", ".yaml", ".yml", ".toml", ".xml", ".html", ".csv", ".log")
_FILMS = (".mp4", ".avi", ".mov", ".mkv")
NO_MODELS = frozenset((*IMAGES, *_CODE, *_TEXT, *_FILMS))
"""What a search for models does not even open: a dataset holds a million of them."""

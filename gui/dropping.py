"""Tell models, images and videos apart among dropped files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from core import suffixes

MOST_ONE_BY_ONE = 16  # more images at once are a set, of which a table is wanted
ARRAYS = (".npy", ".npz")  # core.input_files.SUFFIXES, without numpy while the window starts

LAYER_SUFFIX = ".json"


def is_array_file(paths: Sequence[Path]) -> bool:
    """True for one file of arrays."""
    return len(paths) == 1 and paths[0].suffix.lower() in ARRAYS


class Dropped(NamedTuple):
    """What was dropped at once."""

    models: list[Path]
    images: list[Path]  # those directly in the folders too; and what is neither
    videos: list[Path]
    folders: list[Path]
    layer_files: list[Path]  # JSON, such as trtexec writes; or a benchmark that was exported here

    @property
    def are_many(self) -> bool:
        """True for a folder of images, or more than MOST_ONE_BY_ONE images, and no model."""
        is_set = bool(self.folders) or len(self.images) > MOST_ONE_BY_ONE
        return bool(self.images) and is_set and not self.models


def sort_dropped(paths: Iterable[Path]) -> Dropped:
    """Tell models, images and videos apart: by suffix where it is clear, else by content.

    What is none of them counts as an image, whose reader says what is wrong.

    Raises:
        OSError: if a folder cannot be listed.
    """
    dropped = Dropped([], [], [], [], [])
    for path in paths:
        suffix = path.suffix.lower()
        if path.is_dir():
            dropped.folders.append(path)
            dropped.images.extend(suffixes.images_in(path))
        elif suffix in suffixes.IMAGES:
            dropped.images.append(path)
        elif suffix in suffixes.MODELS:
            dropped.models.append(path)
        elif suffix == LAYER_SUFFIX:  # its reader says if it is some other JSON
            dropped.layer_files.append(path)
        elif suffix in suffixes.VIDEOS:
            dropped.videos.append(path)
        elif _is_model(path):
            dropped.models.append(path)
        elif _is_video(path):
            dropped.videos.append(path)
        else:
            dropped.images.append(path)
    return dropped


def _is_model(path: Path) -> bool:
    from core.errors import EnginebayError
    from core.modelfile import read_model_file

    try:
        return read_model_file(path).kind != "unknown"
    except EnginebayError:
        return False


def _is_video(path: Path) -> bool:
    from core.video import is_video

    return is_video(path)

"""The thread that measures, draws, copies and saves tensors, so that large ones stop nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject

from core.jobs import JobContext
from gui.work_thread import Handler, WorkThread, heavy_imports

if TYPE_CHECKING:
    import numpy as np

    from core.results import TestResult
    from core.tensor_slices import Slice

# As in gui.shelf_thread: without rests the window would wait for the interpreter.
_WORK_S, _REST_S = 0.002, 0.001


class Measure(NamedTuple):
    """Gives core.tensor_statistics.TensorStatistics."""

    array: np.ndarray


class Summarize(NamedTuple):
    """Gives TensorStatistics of one pass, by name."""

    arrays: Mapping[str, np.ndarray]


class Draw(NamedTuple):
    """Gives core.heat_maps.HeatMap, or None, of a slice; `saturated` values are marked."""

    array: np.ndarray
    choice: Slice
    saturated: tuple[float, ...]


class MeasureChannels(NamedTuple):
    """Gives a tuple of ChannelStatistics: the picture before and after the recipe."""

    result: TestResult


class CopyCells(NamedTuple):
    """Gives tab-separated text of (rows, columns) blocks, one below the other."""

    blocks: tuple[np.ndarray, ...]


class SaveTensor(NamedTuple):
    """Writes a .npy file; gives the dtype written."""

    array: np.ndarray
    target: Path


class TensorThread(WorkThread):
    """Serves the requests above."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_tensor_handler, parent)


@contextmanager
def _tensor_handler() -> Iterator[Handler]:
    """Runs on the tensors' thread, as does everything below."""
    with heavy_imports:
        import cv2  # noqa: F401
        import ml_dtypes  # noqa: F401
        import numpy as np  # noqa: F401

        import core.heat_maps
        import core.preprocess
        import core.tensor_files  # noqa: F401
    yield _handle


def _handle(request: object, context: JobContext) -> object:
    from core.heat_maps import heat_map
    from core.preprocess import channel_statistics
    from core.tensor_files import cells_text, save_npy
    from core.tensor_slices import take_slice
    from core.tensor_statistics import measure, spread

    progress = _paced(context)
    match request:
        case Measure(array):
            return measure(array, progress)
        case Draw(array, choice, saturated):
            return heat_map(take_slice(array, choice), saturated, progress)
        case Summarize(arrays):
            return {name: spread(array, progress) for name, array in arrays.items()}
        case MeasureChannels(result):
            recipe, image = result.recipe, result.image
            assert recipe is not None
            assert image is not None
            return channel_statistics(image.pixels, result.inputs[recipe.input], recipe)
        case CopyCells(blocks):
            return "\n".join(cells_text(block, progress) for block in blocks)
        case SaveTensor(array, target):
            return save_npy(array, target)
    raise AssertionError(f"no such request: {request!r}")


def _paced(context: JobContext) -> Callable[[float], None]:
    """Tell progress, stop when cancelled, and rest now and then."""
    rested = time.monotonic()

    def progress(fraction: float) -> None:
        nonlocal rested
        context.progress(fraction, "")
        if time.monotonic() - rested >= _WORK_S:
            time.sleep(_REST_S)
            rested = time.monotonic()

    return progress

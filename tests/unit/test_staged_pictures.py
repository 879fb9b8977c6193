"""What a run's pictures are read by; with processes and a GPU see test_folder_reading.py."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from core.images import read_image
from core.reading_processes import Reading
from core.recipes import Recipe
from core.staged_pictures import Stager


class NoThreads(ThreadPoolExecutor):
    """As where the system gives no more threads."""

    def submit(self, *_arguments: Any, **_more: Any) -> Any:
        raise RuntimeError("can't start new thread")


def test_a_picture_for_which_there_is_no_thread_is_not_waited_for_for_ever() -> None:
    recipe = Recipe(input="images", layout="NCHW", size_wh=(8, 8))
    preprocessor: Any = None
    stager = Stager(recipe, preprocessor, read_image, NoThreads(1), most_bytes=1000)
    future: Reading = Future()
    stager._read_here("picture.png", future)
    assert future.done()
    with pytest.raises(RuntimeError, match="new thread"):
        future.result()

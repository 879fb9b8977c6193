"""The requests for a video's frames, and the open video behind them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from core.jobs import JobContext

if TYPE_CHECKING:
    import numpy as np

    from core.model import Model
    from core.recipes import Recipe
    from core.results import TestResult
    from core.tasks import Choices
    from core.video import Video
    from gui.inference_thread import Tested


class RunFrame(NamedTuple):
    """Run a frame of a video through the model with this serial; the first frame is 0."""

    path: Path
    opening: int  # which opening of a video this is: a file may have changed since another
    number: int
    serial: int
    choices: Choices | None  # in reading the outputs; None: as is guessed
    recipe: Recipe | None = None  # the user's, which fits; None: the model's own


class CloseVideo:
    """Close the video that is open, if one is."""


class FrameRan(NamedTuple):
    """The answer to RunFrame: the frame's run, None where the video ended before it."""

    tested: Tested | None
    opening: int
    number: int
    frame_count: int | None  # as the file says
    fps: float | None  # likewise


class VideoDesk:
    """The open video. Belongs to the inference thread, as does all that it does."""

    def __init__(self) -> None:
        self._video: Video | None = None
        self._opening = -1

    def run(
        self, model: Model, request: RunFrame, context: JobContext
    ) -> tuple[TestResult | None, Video]:
        """Read a frame and run it; None past the last one.

        Raises:
            ImageError: if the video cannot be read, or ends early.
            EnginebayError: as core.model.Model.test_frame.
        """
        context.progress(None, f"Reading {request.path.name}")
        begin = time.perf_counter()
        video, pixels = self._read(request)
        if pixels is None:
            return None, video
        read_ms = (time.perf_counter() - begin) * 1000
        path = request.path
        # A file's name in the video's folder: what is saved of the frame is called after it.
        name = path.with_name(f"{path.stem}-frame-{request.number + 1}{path.suffix}")
        note = context.progress
        return model.test_frame(pixels, str(name), read_ms, lambda text: note(None, text)), video

    def _read(self, request: RunFrame) -> tuple[Video, np.ndarray | None]:
        from core.video import Video

        if self._video is None or self._opening != request.opening:
            self.close()
            self._video, self._opening = Video(request.path), request.opening
        video = self._video
        if video.position != request.number:
            video.seek(request.number)
        return video, video.read()

    def close(self) -> None:
        """Close what is open; may be called twice."""
        if self._video is not None:
            self._video.close()
            self._video = None

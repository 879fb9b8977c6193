"""A video's frames through the opened model: which one is asked for, and when the next."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from core.jobs import Failed
from gui.dropping import Dropped
from gui.frame_run import CloseVideo, FrameRan, RunFrame
from gui.problem import Problem
from gui.requests import Requests
from gui.work_thread import WorkThread

if TYPE_CHECKING:
    from gui.document import Document

_SLOT = "frame"
_TIMED = 30  # frames over which the rate is measured, at most


class VideoPlayer(QObject):
    """Plays a video through a document's model, a frame at a time.

    The next frame is asked for once the last one is shown, so that it plays as fast as the
    machine can and nothing piles up. Choosing an image closes the video.

    Attributes:
        path: the open video; None for none.
        index: the frame that is shown, from 0; -1 before the first.
        count: how many frames there are; None where nobody knows.
        fps: frames a second, as the file says; None where it does not.
        is_playing: True while one frame follows another.
    """

    changed = Signal()  # any of the above

    def __init__(self, document: Document, thread: WorkThread) -> None:
        super().__init__(document)
        self._document = document
        self._opening = 0
        # The video that another replaces, until that has a frame: path, index, count, fps.
        self._before: tuple[Path | None, int, int | None, float | None] | None = None
        self._wanted: int | None = None  # to be asked for when the last request has ended
        self._shown_at: deque[float] = deque(maxlen=_TIMED)  # seconds, while playing
        self._asked = -1  # the frame of the latest request
        self._forget()
        requests = self._requests = Requests(thread, self)
        requests.finished.connect(self._on_finished)
        requests.failed.connect(self._on_failed)
        requests.busy_changed.connect(self._on_busy)
        document.dropped.connect(self._on_dropped)
        document.current_changed.connect(self._on_current)
        document.images_changed.connect(self._on_images)
        document.model_changed.connect(self._on_model)

    def _forget(self) -> None:
        self.path: Path | None = None
        self.index = -1
        self.count: int | None = None
        self.fps: float | None = None
        self.is_playing = False
        self._wanted = None
        self._shown_at.clear()

    @property
    def is_busy(self) -> bool:
        """True while a frame is awaited, or will be asked for."""
        return self._requests.is_busy or (self._wanted is not None and not self.is_waiting)

    @property
    def is_waiting(self) -> bool:
        """True while the video waits for a model."""
        return self.path is not None and self._document.loaded is None

    @property
    def rate(self) -> float | None:
        """Frames a second that were shown lately; None where too few were."""
        if len(self._shown_at) < 2:
            return None
        seconds = self._shown_at[-1] - self._shown_at[0]
        return (len(self._shown_at) - 1) / seconds if seconds > 0 else None

    # -- what the user wants -------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Show a video's first frame; without a model it waits for one."""
        if self.index >= 0:
            self._before = self.path, self.index, self.count, self.fps
        self._forget()
        self.path = path
        self._opening += 1
        self._wanted = 0
        if self.is_waiting:
            self._leave_image()
        self._submit()
        self.changed.emit()

    def close(self) -> None:
        """Close the video; what is shown stays until something else is."""
        self._before = None
        if self.path is not None:
            self._forget()
            self._requests.submit(_SLOT, CloseVideo())
            self.changed.emit()

    def play(self) -> None:
        """Play on, at the end from the beginning."""
        if self.path is not None and not self.is_playing:
            self.is_playing = True
            self._shown_at.clear()
            is_at_end = self.count is not None and self.index >= self.count - 1
            self._ask(0 if is_at_end else self.index + 1)
            self.changed.emit()

    def pause(self) -> None:
        """Stay at the frame that is shown."""
        if self.is_playing:
            self.is_playing = False
            self._wanted = None
            self.changed.emit()

    def toggle(self) -> None:
        """Play or pause."""
        if self.is_playing:
            self.pause()
        else:
            self.play()

    def step(self, frames: int) -> None:
        """Go this many frames on, or back, and stay there."""
        self.pause()
        start = self._asked if self._requests.is_busy else self.index
        self._ask((start if self._wanted is None else self._wanted) + frames)

    def seek(self, index: int) -> None:
        """Go to a frame; playing goes on from there."""
        self._ask(index)

    def run_again(self) -> None:
        """Run the frame that is shown once more."""
        self._ask(max(self.index, 0))

    def _ask(self, index: int) -> None:
        """Ask for a frame now, or when the last request has ended; a later wish replaces it."""
        if self.path is not None:
            last = index if self.count is None else self.count - 1
            self._wanted = max(min(index, last), 0)
            self._go_on()

    def _go_on(self) -> None:
        if self._requests.is_busy:
            return
        if self._wanted is None and self.is_playing:
            self._wanted = self.index + 1
        self._submit()

    def _submit(self) -> None:
        """Ask for the wanted frame; what was asked for before no longer counts."""
        document, loaded = self._document, self._document.loaded
        if self.path is None or self._wanted is None or loaded is None:
            return  # a model's opening goes on from here
        index, self._asked, self._wanted = self._wanted, self._wanted, None
        if document.lost is not None or loaded.recipe_problem is not None:
            problem = document.lost
            if loaded.recipe_problem is not None:
                problem = Problem.of_recipe(loaded.recipe_problem)
            document.show_problem(problem)
            self.pause()
            return
        how = document.reading, document.recipe or loaded.recipe
        request = RunFrame(self.path, self._opening, index, loaded.serial, *how)
        self._requests.submit(_SLOT, request)

    # -- what comes back -----------------------------------------------------------------

    def _on_finished(self, _slot: str, ran: object) -> None:
        if not isinstance(ran, FrameRan) or ran.opening != self._opening or self.path is None:
            return
        self._before = None
        if self.index < 0:
            self.count, self.fps = ran.frame_count, ran.fps
            self._leave_image()
        if ran.tested is None:
            self._end_before(ran.number)
            return
        self.index = ran.number
        if self.is_playing:
            self._shown_at.append(time.perf_counter())
        self._document.show_run(ran.tested)
        self.changed.emit()

    def _leave_image(self) -> None:
        """From now on no image is chosen: the video is."""
        document = self._document
        if document.current >= 0:
            document.current = -1
            document.current_changed.emit(-1)

    def _end_before(self, index: int) -> None:
        """A frame is not there: the file has fewer than it says, or does not say."""
        was_playing, self.is_playing = self.is_playing, False
        self.count = index
        if not was_playing and index - 1 > self.index:  # went too far: to the last one
            self._wanted = index - 1
        self.changed.emit()

    def _on_failed(self, failed: Failed) -> None:
        self.is_playing = False
        self._wanted = None
        if self.index < 0:
            self._go_back()
        elif failed.kind == "truncated-video":
            self.count = self.index + 1
        self._document.fail(failed)
        self.changed.emit()

    def _go_back(self) -> None:
        """The video cannot be read: to the one before, whose frame is still on screen."""
        before = self._before
        self.close()
        if before is not None:
            self.path, self.index, self.count, self.fps = before
            self._opening += 1  # the thread has closed it

    def _on_busy(self, busy: bool) -> None:
        if not busy:  # once the window has painted the frame
            QTimer.singleShot(0, self, self._go_on)

    # -- what the document tells ---------------------------------------------------------

    def _on_dropped(self, dropped: Dropped) -> None:
        if dropped.videos:
            self.open(dropped.videos[-1])

    def _on_current(self, index: int) -> None:
        if index >= 0:
            self.close()

    def _on_images(self) -> None:
        if not self._document.images:
            self.close()

    def _on_model(self) -> None:
        if self.path is None:
            return
        if self._document.loaded is None:
            self.pause()
        self._ask(max(self.index, 0))
        self.changed.emit()

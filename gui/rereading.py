"""The user's choices in reading outputs, and their effect: without a run, off the GUI's thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, Signal

from core.jobs import Failed, JobContext
from gui.inference_thread import Tested
from gui.problem import Problem
from gui.requests import Requests
from gui.work_thread import Handler, WorkThread

if TYPE_CHECKING:
    from core.tasks import Choices
    from gui.document import Document


class ReadAgain(NamedTuple):
    """Read a run's outputs by other choices."""

    run: Tested
    choices: Choices


class ReadNames(NamedTuple):
    """Read a file of class names, and a run's outputs with them."""

    run: Tested
    choices: Choices
    path: Path


class ReadingThread(WorkThread):
    """Serves ReadAgain and ReadNames; answers with the run (Tested) as it was read."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_reading_handler, parent)


@contextmanager
def _reading_handler() -> Iterator[Handler]:
    """Runs on the reading thread."""
    yield _read


def _read(request: object, _context: JobContext) -> Tested:
    match request:
        case ReadAgain(run, choices):
            return run.read_again(choices)
        case ReadNames(run, choices, path):
            from core.class_names import read_class_names

            return run.read_again(replace(choices, class_names=read_class_names(path)))
    raise AssertionError(f"no such request: {request!r}")


def choices_of(document: Document) -> Choices:
    """How a document's outputs are read: by the user's choices, or as is guessed."""
    from core.tasks import Choices

    return document.reading or Choices()


class Rereading(QObject):
    """Keeps a document's choices, and has the result on screen read by them.

    The latest choice wins; a result that came from an older one is read again when it arrives.
    What cannot be read as chosen leaves the result and the choices as they were.
    """

    changed = Signal()  # the choices

    def __init__(self, document: Document, thread: WorkThread) -> None:
        super().__init__(document)
        self._document = document
        self._run: Tested | None = None  # what the latest request is about
        self._showing = False
        self._requests = Requests(thread, self)
        self._requests.finished.connect(self._on_read)
        self._requests.failed.connect(self._on_failed)
        document.tested.connect(self._on_tested)
        document.model_changed.connect(self._on_tested)

    @property
    def is_busy(self) -> bool:
        """True while something is read again."""
        return self._requests.is_busy

    @property
    def choices(self) -> Choices:
        """How outputs are read."""
        return choices_of(self._document)

    def choose(self, choices: Choices) -> None:
        """Read outputs by these, those on screen at once; with none there, run again."""
        document = self._document
        if choices == self.choices:
            return
        document.reading = choices
        self.changed.emit()
        if document.result is not None:
            self._read_again(document.result)
        elif not document.is_busy:  # they could not be read by the choices before
            document.run_again()

    def use_names(self, path: Path) -> None:
        """Take class names from a file, for the result on screen and those to come."""
        run = self._document.result
        if run is None:
            problem = Problem(
                "no-result",
                "Class names are checked against a result, and there is none yet.",
                "Run an image first, then drop the names again.",
            )
            self._document.show_problem(problem)
            return
        self._run = run
        self._requests.submit("read", ReadNames(run, self.choices, path))

    def _read_again(self, run: Tested) -> None:
        self._run = run
        self._requests.submit("read", ReadAgain(run, self.choices))

    def _on_tested(self, tested: Tested | None = None) -> None:
        """What is shown has changed, by a run or by ourselves."""
        if self._showing:
            return
        self._run = None
        self._requests.cancel("read")
        if tested is None:
            self.changed.emit()  # another model may have been opened
        elif tested.result.recipe is not None and tested.result.reading.choices != self.choices:
            self._read_again(tested)

    def _on_read(self, _slot: str, tested: Tested) -> None:
        if self._run is None:  # of a result that has gone
            return
        names = tested.result.reading.choices
        self._document.reading = names
        self._showing = True
        self._document.show_read(tested)
        self._showing = False
        self.changed.emit()

    def _on_failed(self, failed: Failed) -> None:
        if self._run is None:
            return
        self._document.reading = self._run.result.reading.choices
        self.changed.emit()
        self._document.show_problem(Problem.of_failure(failed))

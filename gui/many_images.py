"""Many images through the opened model: when such a run begins, ends, and what it has found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from core.jobs import Failed
from gui.dropping import Dropped
from gui.image_run import ManyRan, RowSheet, RunMany
from gui.problem import Problem
from gui.requests import Requests
from gui.rereading import choices_of
from gui.work_thread import WorkThread

if TYPE_CHECKING:
    from gui.document import Document

_AT_ONCE = 100  # rows passed on between two turns of the event loop: a few milliseconds
_SLOT = "many"


class ManyImages(QObject):
    """Runs all of a document's images on the inference thread, and passes the rows on.

    The run gives way to whatever else is asked of the thread, and then goes on. Its rows stand
    for one model: another one's opening ends it.
    """

    begun = Signal()  # a run; the rows of the one before no longer count
    rows_came = Signal(object)  # a tuple of core.result_rows.ResultRow
    ended = Signal()  # and all of its rows have been passed on
    cleared = Signal()  # the rows are another model's
    progress = Signal(object, str)  # fraction or None, text
    busy_changed = Signal(bool)

    def __init__(self, document: Document, thread: WorkThread) -> None:
        super().__init__(document)
        self._document = document
        self._request: RunMany | None = None  # the latest
        self._was_busy = False
        requests = self._requests = Requests(thread, self)
        requests.progress.connect(self._on_progress)
        requests.finished.connect(self._on_finished)
        requests.failed.connect(self._on_failed)
        requests.busy_changed.connect(self._on_busy)
        document.dropped.connect(self._on_dropped)
        document.model_changed.connect(self._on_model)
        document.images_changed.connect(self._on_images)

    @property
    def is_busy(self) -> bool:
        """True while a run has not ended, or rows are still to be passed on."""
        return self._requests.is_busy or self._has_rows

    @property
    def endings(self) -> dict[str, int]:
        """How many requests ended in which way."""
        return self._requests.endings

    @property
    def sheet(self) -> RowSheet | None:
        """What the latest run has come to."""
        return None if self._request is None else self._request.sheet

    @property
    def total(self) -> int:
        """How many images the latest run has."""
        return 0 if self._request is None else len(self._request.paths)

    @property
    def are_others_wanted(self) -> bool:
        """True where the rows came by another recipe or reading than is chosen now."""
        from core.tasks import Choices

        request, document = self._request, self._document
        if request is None or document.loaded is None:
            return False
        now = choices_of(document), document.recipe or document.loaded.recipe
        return (request.choices or Choices(), request.recipe) != now

    def run_all(self) -> None:
        """Run all images; a run before ends, and its rows are replaced."""
        document, loaded = self._document, self._document.loaded
        if loaded is None:
            document.run_again()  # which says why there is no model
        elif document.lost is not None:
            document.show_problem(document.lost)
        elif not document.images:
            problem = Problem(
                "no-images",
                "There are no images to run.",
                "Drop some, or a folder of them, then run all again.",
                is_warning=True,
            )
            document.show_problem(problem)
        elif loaded.recipe_problem is not None:
            document.show_problem(Problem.of_recipe(loaded.recipe_problem))
        else:
            paths = tuple(document.images)
            recipe = document.recipe or loaded.recipe
            self._request = RunMany(paths, loaded.serial, document.reading, recipe, RowSheet())
            self.begun.emit()
            self._requests.submit(_SLOT, self._request)

    def cancel(self) -> None:
        """End the run; the rows it has given stay."""
        self._requests.cancel(_SLOT)

    # -- what comes back -----------------------------------------------------------------

    @property
    def _has_rows(self) -> bool:
        return self._request is not None and bool(self._request.sheet.new_rows)

    def _on_progress(self, fraction: float | None, text: str) -> None:
        self._pass_on()
        self.progress.emit(fraction, text)

    def _on_finished(self, _slot: str, ran: ManyRan) -> None:
        if not ran.is_whole and self._request is not None:
            self._requests.submit(_SLOT, self._request)

    def _on_failed(self, failed: Failed) -> None:
        self._document.fail(failed)

    def _on_busy(self, busy: bool) -> None:
        if busy:
            self._was_busy = True
            self.busy_changed.emit(True)
        else:
            self._pass_on()

    def _pass_on(self) -> None:
        """Pass on some rows, the others in the event loop's next turns; and tell of the end."""
        if self._has_rows:
            assert self._request is not None
            rows = self._request.sheet.new_rows
            count = min(len(rows), _AT_ONCE)
            self.rows_came.emit(tuple(rows.popleft() for _ in range(count)))
            if rows:
                QTimer.singleShot(0, self, self._pass_on)
        if self._was_busy and not self.is_busy:
            self._was_busy = False
            self.busy_changed.emit(False)
            self.ended.emit()

    # -- what the document tells ---------------------------------------------------------

    def _on_dropped(self, dropped: Dropped) -> None:
        loaded = self._document.loaded
        if dropped.are_many and loaded is not None and loaded.recipe_problem is None:
            self.run_all()

    def _on_model(self) -> None:
        request, loaded = self._request, self._document.loaded
        if request is not None and (loaded is None or loaded.serial != request.serial):
            self.cancel()
            self._request = None
            self.cleared.emit()

    def _on_images(self) -> None:
        if not self._document.images:
            self.cancel()

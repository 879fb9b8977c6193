"""The request that runs many images through the opened model, and what serves it."""

from __future__ import annotations

import time
from collections import deque
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from core.jobs import JobContext
from core.sessions.interrupting import interrupting

if TYPE_CHECKING:
    from core.folder_run import RunProgress
    from core.model import Model
    from core.recipes import Recipe
    from core.result_rows import ResultRow
    from core.tasks import Choices


class RowSheet:
    """What a run over many images has come to, on two threads.

    Attributes:
        new_rows: added by the inference thread, taken away by the window's.
        done: how many images have a row; written by the inference thread, like all below.
        failed: how many of those are errors.
        seconds: since the run began.
    """

    def __init__(self) -> None:
        self.new_rows: deque[ResultRow] = deque()
        self.done = self.failed = 0
        self.seconds = 0.0
        self._begin: float | None = None

    def start_clock(self) -> None:
        """Runs on the inference thread; once more when a run goes on."""
        if self._begin is None:
            self._begin = time.perf_counter()

    def add(self, row: ResultRow) -> None:
        """Add the next row. Runs on the inference thread."""
        self.new_rows.append(row)
        self.failed += row.error is not None
        self.done += 1

    def progress(self, total: int) -> RunProgress:
        """How far it is. Runs on the inference thread."""
        from core.folder_run import RunProgress

        assert self._begin is not None
        self.seconds = time.perf_counter() - self._begin
        return RunProgress(self.done, self.failed, total, self.seconds)


class RunMany(NamedTuple):
    """Run images through the model with this serial, from sheet.done on."""

    paths: tuple[Path, ...]
    serial: int
    choices: Choices | None  # in reading the outputs; None: as is guessed
    recipe: Recipe | None  # of all these images, whatever is used for others meanwhile
    sheet: RowSheet


class ManyRan(NamedTuple):
    """The answer to RunMany. Where others waited, the rest is still to be asked for."""

    is_whole: bool


def run_many(model: Model, request: RunMany, context: JobContext) -> ManyRan:
    """Serve RunMany, on the inference thread: at least one row, then no longer than nobody waits.

    A single image, or another model's opening, must not wait until thousands have run.

    Raises:
        Cancelled: within a tenth of a second and a run, once the request is cancelled.
        ModelError: if the model takes no picture.
    """
    from core.benchmark.best_lanes import best_lanes
    from core.folder_run import run_images
    from core.many_images import progress_text

    sheet, total = request.sheet, len(request.paths)
    sheet.start_clock()

    def report(_progress: RunProgress) -> None:
        context.progress(sheet.done / total, progress_text(sheet.progress(total)))

    rest = request.paths[sheet.done :]
    lanes = best_lanes(model, context.progress)
    with (
        interrupting([model.session], lambda: context.is_cancelled),
        closing(run_images(model, rest, report=report, lanes=lanes)) as rows,
    ):
        for row in rows:
            sheet.add(row)
            if sheet.done < total and context.others_wait:
                return ManyRan(is_whole=False)
    sheet.progress(total)
    return ManyRan(is_whole=True)

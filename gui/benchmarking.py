"""The benchmark of the opened model: when one begins and ends, what it gave, and what is shown."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from gui.benchmark_files import (
    BenchmarkListed,
    BenchmarkRead,
    BenchmarkSaved,
    DeleteEntry,
    ExportBenchmark,
    ImportBenchmark,
    KeepBenchmark,
    ListBenchmarks,
    ReadEntry,
)
from gui.benchmark_thread import BenchmarkRan, RunBenchmark, WarmUp
from gui.file_problem import FileProblem
from gui.problem import Problem
from gui.requests import Requests
from gui.work_thread import WorkThread

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from core.benchmark.history import Entry
    from core.benchmark.values import BenchmarkOptions
    from core.tensors import TensorSpec
    from gui.benchmark_live import Feed, Live
    from gui.benchmark_shown import ShownResult
    from gui.document import Document
    from gui.input_editing import InputEditing
    from gui.many_images import ManyImages

_SLOT = "benchmark"


class Benchmarking(QObject):
    """Has a document's model measured by a child process, and keeps what came of it.

    Opening another model ends a benchmark, and nothing of it is kept; stop() keeps the samples.

    Attributes:
        shown: the result on screen; None where there is none.
        second: the one laid over it.
        chosen: the index of the measurement of `shown` that is looked at.
        is_new: whether `shown` has just come, and was not shown before.
        entries: of the history of the open model, newest first.
    """

    state_changed = Signal()  # what can be done, and why not
    began = Signal()
    shown_changed = Signal()
    entries_changed = Signal()
    model_changed = Signal()
    images_changed = Signal()
    saved = Signal(str)  # something was written or deleted, in words

    def __init__(
        self,
        document: Document,
        input_editing: InputEditing,
        many: ManyImages,
        thread: WorkThread,
        files: WorkThread,
    ) -> None:
        super().__init__(document)
        self._document, self._input_editing, self._many = document, input_editing, many
        self._file: object = None
        self._serial = -1
        self._feed: Feed | None = None
        self._live: Live | None = None
        self._stop = threading.Event()
        self._listed_for: object = None
        self._file_problem = FileProblem(document)
        self.shown: ShownResult | None = None  # has at least one measurement
        self.second: ShownResult | None = None
        self.chosen = 0
        self.is_new = False
        self.entries: tuple[Entry, ...] = ()
        self._thread = thread
        self._requests = Requests(thread, self)
        self._requests.finished.connect(self._on_ran)
        self._requests.failed.connect(document.fail)
        self._requests.busy_changed.connect(self._on_busy)
        self._files = Requests(files, self)
        self._files.finished.connect(self._on_file)
        self._files.failed.connect(self._file_problem.failed)
        document.model_changed.connect(self._on_model)
        document.images_changed.connect(self.images_changed)
        document.busy_changed.connect(self._on_window_busy)
        many.busy_changed.connect(self._on_window_busy)

    # -- what the panel asks -------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """True from start() until the child has ended."""
        return self._requests.is_busy

    @property
    def is_busy(self) -> bool:
        """True while it runs, or a file of its results is read or written."""
        return self.is_running or self._files.is_busy

    @property
    def is_stopping(self) -> bool:
        """True between stop() and the result."""
        return self.is_running and self._stop.is_set()

    @property
    def why_not(self) -> tuple[str, str] | None:
        """Why nothing can be measured, and what to do; None where it can."""
        document = self._document
        if document.lost is not None:
            return document.lost.message, document.lost.hint
        if document.file is None:
            return "No model is open.", "Drop one, or press Ctrl+O."
        name = document.file.path.name
        if document.loaded is None and document.is_busy:
            return f"{name} is being opened.", ""
        if document.loaded is None:
            refusal = document.refusal
            if refusal is None:
                return f"{name} cannot be measured here.", ""
            return refusal.message, refusal.hint
        return None

    @property
    def disturbance(self) -> str:
        """What is to be said while the window works beside the benchmark; "" where it does not."""
        if not self.is_running or not self._is_window_busy:
            return ""
        return "The window runs the model, too: that disturbs the measurement, which is marked so."

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Of the model; () where none is loaded."""
        loaded = self._document.loaded
        return () if loaded is None else loaded.inputs

    @property
    def batch_input(self) -> str:
        """The input whose first dimension is the batch."""
        loaded = self._document.loaded
        if loaded is not None and loaded.recipe is not None:
            return loaded.recipe.input
        free = [one.name for one in self.inputs if one.shape[:1] == (None,)]
        return free[0] if free else ""

    @property
    def on_gpu(self) -> bool:
        """False for a model that runs on the CPU."""
        file = self._document.file
        return file is None or file.kind != "onnx"

    @property
    def image_paths(self) -> tuple[str, ...]:
        """The images dropped so far."""
        return tuple(str(path.absolute()) for path in self._document.images)

    @property
    def takes_picture(self) -> bool:
        """Whether images can be run on the model."""
        loaded = self._document.loaded
        return loaded is not None and loaded.recipe is not None and loaded.recipe_problem is None

    @property
    def doing(self) -> tuple[str, float | None]:
        """What goes on while it runs, and how far it is."""
        text, fraction = ("", None) if self._feed is None else self._feed.doing
        if self.is_stopping:
            return "Stopping; the samples so far are kept.", None
        live = self._live
        if live is not None and live.count:
            text = f"{text}: {live.count:,} samples, {live.per_second:,.5g} queries/s"
        return text, fraction

    def take(self) -> Live | None:
        """What the running benchmark has told so far; None where none runs."""
        if self._feed is None or self._live is None:
            return None
        self._live.take(self._feed)
        self._note_disturbance()
        return self._live

    # -- what the user wants -------------------------------------------------------------

    def warm_up(self) -> None:
        """Have the thread import what it will need; asked for when the tab is first shown."""
        self._thread.submit("warm-up", WarmUp())  # nobody waits for it

    def start(self, options: BenchmarkOptions) -> None:
        """Begin to measure the opened model as it is now: its recipe, inputs and images."""
        from gui.benchmark_live import Feed, Live

        document = self._document
        if self.is_running or self.why_not is not None or document.loaded is None:
            return
        self._feed, self._live, self._stop = Feed(), Live(), threading.Event()
        request = RunBenchmark(
            path=document.loaded.file.path.absolute(),
            options=options,
            opening=document.choices.with_setting(document.trial),
            recipe=document.recipe or document.loaded.recipe,
            inputs=self._input_editing.choice,
            choices=document.reading,
            feed=self._feed,
            stop=self._stop,
        )
        self._serial = document.loaded.serial
        self._requests.submit(_SLOT, request)
        self.began.emit()

    def stop(self) -> None:
        """End the benchmark early; its samples so far become a result marked incomplete."""
        if self.is_running:
            self._stop.set()
            self.state_changed.emit()

    def choose(self, index: int) -> None:
        """Look at another measurement of the shown result."""
        if self.shown is not None and 0 <= index < len(self.shown.items) and index != self.chosen:
            self.chosen = index
            self.shown_changed.emit()

    def show_entry(self, entry: Entry) -> None:
        """Show an earlier result."""
        self._ask_files("read", ReadEntry(entry, is_second=False))

    def lay_over(self, entry: Entry | None) -> None:
        """Lay an earlier result over the shown one, or take it away."""
        if entry is None:
            self.second = None
            self.shown_changed.emit()
        else:
            self._ask_files("read second", ReadEntry(entry, is_second=True))

    def delete(self, entry: Entry) -> None:
        """Delete an earlier result from the history."""
        self._files.submit(f"delete {entry.path}", DeleteEntry(entry))

    def import_from(self, path: Path) -> None:
        """Show a result of a file: one exported here, or trtexec's --exportTimes."""
        self._ask_files(f"import {path}", ImportBenchmark(path))

    def export(self, kind: str, path: Path, image: QImage | None = None) -> None:
        """Write the shown result to a file; see gui.benchmark_files.KINDS."""
        if self.shown is not None:
            result, chosen = self.shown.result, self.shown.items[self.chosen].measurement
            self._ask_files(f"export {path}", ExportBenchmark(kind, result, chosen, image, path))

    def _ask_files(self, slot: str, request: object) -> None:
        """Ask for a file; its success takes away what an earlier file's failure left."""
        self._file_problem.asked()
        self._files.submit(slot, request)

    def look_up_history(self) -> None:
        """Read what was measured of the open model before; a large file is hashed for it once."""
        file = self._document.file
        if file is None or self._listed_for is file:
            return
        self._listed_for = file
        self._files.submit("list", ListBenchmarks(file.path))

    # -- what comes back -----------------------------------------------------------------

    def _on_ran(self, _slot: str, ran: BenchmarkRan) -> None:
        if not any(len(one.time_s) for one in ran.shown.items):
            self.saved.emit("Stopped before anything was measured; an earlier result stays.")
            return
        self.is_new = True
        self.shown, self.second = ran.shown, None
        self.chosen = _main(ran.shown)
        self._files.submit("keep", KeepBenchmark(ran.shown.result))

    def _on_busy(self, busy: bool) -> None:
        if not busy:  # however it ended: a failure leaves what was shown before
            self._feed = self._live = None
            self.shown_changed.emit()
            self.is_new = False
        self.state_changed.emit()

    def _on_file(self, _slot: str, answer: object) -> None:
        if not isinstance(answer, BenchmarkListed):  # that nobody asked for
            self._file_problem.succeeded()
        match answer:
            case BenchmarkListed(entries):
                self.entries = entries
                self.entries_changed.emit()
            case BenchmarkRead(shown, is_second):
                self._show_read(shown, is_second=is_second)
            case BenchmarkSaved(text):
                self.saved.emit(text)

    def _show_read(self, shown: ShownResult, *, is_second: bool) -> None:
        if not shown.items:
            problem = Problem("no-samples", "This result has no measurements.", "Choose another.")
            self._document.show_problem(problem)
            return
        if is_second and self.shown is not None:
            self.second = shown
        else:
            self.shown, self.second, self.chosen = shown, None, _main(shown)
        self.is_new = True
        self.shown_changed.emit()
        self.is_new = False

    # -- what the document tells ---------------------------------------------------------

    @property
    def _is_window_busy(self) -> bool:
        return self._document.is_busy or self._many.is_busy

    def _on_window_busy(self) -> None:
        self._note_disturbance()  # a run may be over before the next frame
        self.state_changed.emit()

    def _note_disturbance(self) -> None:
        if self._feed is not None and self._live is not None and self._is_window_busy:
            self._feed.disturbed.add(self._live.name)

    def _on_model(self) -> None:
        document = self._document
        serial = None if document.loaded is None else document.loaded.serial
        if self.is_running and serial != self._serial:
            self._stop.set()
            self._requests.cancel(_SLOT)
        if document.file is not self._file:
            self._file = document.file
            self._files.cancel("list", "read", "read second")
            self._listed_for = None
            self.shown = self.second = None
            self.chosen, self.entries = 0, ()
            self.entries_changed.emit()
            self.shown_changed.emit()
        self.model_changed.emit()


def _main(shown: ShownResult) -> int:
    """The measurement that is looked at first: the one that a line about the result speaks of."""
    from core.benchmark.report import main_measurement

    main = main_measurement(shown.result)
    return next((at for at, one in enumerate(shown.items) if one.measurement is main), 0)

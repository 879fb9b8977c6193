"""The layers on screen: those of the open model, or of files; their times, and what is saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from core.jobs import Failed
from gui.layer_requests import LayersOfModel, LayersWanted, TimeLayers
from gui.layer_thread import (
    DrawNear,
    LayersRead,
    PrepareLayers,
    QueryTimes,
    ReadLayerFiles,
    ReadyLayers,
    SaveGraph,
    SaveLayers,
)
from gui.problem import Problem
from gui.requests import Requests

if TYPE_CHECKING:
    from core.layers.values import Layer, LayerTable
    from core.modelfile import ModelFile
    from gui.document import Document
    from gui.layer_drawing import Drawing
    from gui.layer_painting import Look
    from gui.work_thread import WorkThread

_OF_MODEL = ("layers", "layer-times")
_OF_FILES = ("layer-files", "layer-prepare", "layer-near")


READING_CANCELLED = Problem(
    "cancelled", "Reading the layers was cancelled.", "Read them again.", is_warning=True
)


class LayerReading(QObject):
    """Has layers read once they are wanted, and made ready for the screen.

    Attributes:
        ready: what is shown; None for nothing.
        name: of the files it was read from; "" for the open model.
        trouble: why the model's layers cannot be shown.
    """

    changed = Signal()
    drawn = Signal(object)  # a Drawing of the layers around one
    progress = Signal(object, str)  # fraction or None, text
    files_taken = Signal()  # layer files were opened
    times_found = Signal(object)  # the Path of a file that has a benchmark, or --exportTimes
    noted = Signal(str)  # something was done, for the status bar

    def __init__(self, document: Document, inference: WorkThread, thread: WorkThread) -> None:
        super().__init__(document)
        self._document = document
        self._thread = thread
        self._is_wanted = False  # somebody looks
        self._file: ModelFile | None = None
        self._serial = -1  # of the model that was asked last
        self._pending: tuple[LayerTable, str] | None = None  # what is being prepared; its name
        self._awaits_files = False
        self._stop = Event()  # of the last measurement
        self.ready: ReadyLayers | None = None
        self.name = ""
        self.trouble: Problem | None = None
        self._model = Requests(inference, self)
        self._own = Requests(thread, self)
        for requests in (self._model, self._own):
            requests.finished.connect(self._on_finished)
            requests.failed.connect(self._on_failed)
            requests.cancelled.connect(self._on_cancelled)
            requests.progress.connect(self._on_progress)
            requests.busy_changed.connect(self._on_own_busy)
        document.model_changed.connect(self._on_model)
        document.busy_changed.connect(self._on_busy)

    # -- what the user wants -------------------------------------------------------------

    def want(self, wanted: bool) -> None:
        """Say whether somebody looks: a model's layers are read only then."""
        self._is_wanted = wanted
        if wanted:
            self._ask()

    def open_files(self, paths: Sequence[Path]) -> None:
        """Show the layers of trtexec's JSON files, with their times."""
        self._document.dismiss_problem()
        shown = None if self.ready is None else self.ready.table
        self._model.cancel(*_OF_MODEL)
        self._awaits_files = True
        self._own.submit("layer-files", ReadLayerFiles(tuple(paths), shown))
        self.files_taken.emit()
        self.changed.emit()

    def show_model(self) -> None:
        """Show the open model's layers again."""
        self._forget()
        self._ask()

    def measure(self) -> None:
        """Measure the time of each of the open model's layers, in a run of its own."""
        loaded = self._document.loaded
        if loaded is not None and self.can_measure:
            self._stop = Event()
            choices = self._document.choices
            request = TimeLayers(loaded.serial, choices, self._stop)
            self._model.submit("layer-times", request)
            self.changed.emit()

    def cancel(self) -> None:
        """Stop reading; stop measuring with the runs that there were so far."""
        self._stop.set()
        self._model.cancel("layers")
        self._own.cancel("layer-files", "layer-prepare")

    def draw_near(self, index: int, radius: int) -> None:
        """Have the layers around one laid out; they come by `drawn`."""
        if self.ready is not None:
            self._own.submit("layer-near", DrawNear(self.ready.table, index, radius))

    def save_rows(self, rows: tuple[Layer, ...], path: Path) -> None:
        """Write layers; the dialog has asked about a file that exists."""
        if self.ready is not None:
            file = self._document.file
            model = self.name or ("" if file is None else str(file.path))
            request = SaveLayers(self.ready.table, rows, model, path)
            self._own.submit(f"save {path}", request)

    def save_graph(self, drawing: Drawing, look: Look, path: Path) -> None:
        """Write a drawing as PNG; likewise."""
        self._own.submit(f"save {path}", SaveGraph(drawing, look, path))

    # -- what is going on ----------------------------------------------------------------

    @property
    def is_busy(self) -> bool:
        """True while a request has not ended."""
        return self._model.is_busy or self._own.is_busy

    @property
    def is_measuring(self) -> bool:
        """True while layers are timed."""
        return self._model.is_outstanding("layer-times")

    @property
    def is_reading(self) -> bool:
        """True while layers are on their way to the screen."""
        own = any(self._own.is_outstanding(slot) for slot in ("layer-files", "layer-prepare"))
        return own or self._model.is_outstanding("layers")

    @property
    def can_measure(self) -> bool:
        """Whether the layers on screen are the open model's, which can be run."""
        is_model = self.ready is not None and self.ready.table.source != "layer-json"
        return is_model and self._document.loaded is not None and not self.is_measuring

    def stop(self, timeout_ms: int) -> bool:
        """End the thread; False when it did not end in time."""
        return self._thread.stop(timeout_ms)

    # -- what comes back -----------------------------------------------------------------

    def _ask(self) -> None:
        """Have the open model's layers read, unless they have been."""
        loaded = self._document.loaded
        if loaded is None or not self._is_wanted or self.is_reading:
            return
        if self.ready is None and (self.trouble is None or loaded.serial != self._serial):
            self.trouble, self._serial = None, loaded.serial
            self._model.submit("layers", LayersWanted(loaded.serial))
            self.changed.emit()

    def _on_model(self) -> None:
        document = self._document
        serial = -1 if document.loaded is None else document.loaded.serial
        if document.file is not self._file:
            self._file = document.file
            self._forget()
        elif serial not in (-1, self._serial) and not self.name:
            self._forget()
        self._ask()
        self.changed.emit()

    def _forget(self) -> None:
        self._model.cancel(*_OF_MODEL)
        self._own.cancel(*_OF_FILES)
        self.ready, self.name, self.trouble, self._serial = None, "", None, -1
        self._pending, self._awaits_files = None, False

    def _on_busy(self, busy: bool) -> None:
        """A run, or another model, does not wait for a measurement."""
        if busy:
            self._stop.set()

    def _on_own_busy(self, busy: bool) -> None:
        if not busy:  # what was cancelled for another model has ended
            self._ask()
        self.changed.emit()

    def _on_progress(self, fraction: float | None, text: str) -> None:
        self.progress.emit(fraction, text)

    def _on_finished(self, slot: str, answer: object) -> None:
        match answer:
            case LayersOfModel(table, serial):
                loaded = self._document.loaded
                if loaded is not None and loaded.serial == serial:
                    self._prepare(table, "")
            case LayersRead(table, name, has_layers):
                if self._awaits_files:
                    both = " + ".join(part for part in (self.name, name) if part)
                    self._prepare(table, name if has_layers else both)
            case QueryTimes(path):
                self.times_found.emit(path)
            case ReadyLayers(table=table):
                if self._pending is not None and self._pending[0] is table:
                    self.ready, self.name, self.trouble = answer, self._pending[1], None
                    self.changed.emit()
            case Path():
                self.noted.emit(f"Saved {answer}")
            case _:
                assert slot == "layer-near"
                self.drawn.emit(answer)

    def _prepare(self, table: LayerTable, name: str) -> None:
        self._pending = table, name
        self._own.submit("layer-prepare", PrepareLayers(table))
        self.changed.emit()

    def _on_failed(self, failed: Failed) -> None:
        problem = Problem.of_failure(failed)
        if failed.slot == "layers" and not failed.fatal:
            self.trouble = problem  # said where the layers would be
        else:
            if failed.fatal:  # the thread has ended, and serves the document no more either
                self._document.lost = problem
            self._document.show_problem(problem)
        self.changed.emit()

    def _on_cancelled(self, slot: str) -> None:
        if slot == "layers" and self._serial != -1:  # by the user, not for another model
            self.trouble = READING_CANCELLED
        if slot == "layer-times":
            self.noted.emit("Measuring the layers was cancelled.")
        self.changed.emit()

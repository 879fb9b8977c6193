"""The opened model, the dropped images and what came out: the window's state, without widgets."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

from core.jobs import Event, Failed, Finished, Progress, Started
from gui.dropping import sort_dropped
from gui.inference_thread import (
    Identified,
    IdentifyFile,
    InferenceThread,
    Loaded,
    LoadModel,
    PrepareDemo,
    RunImage,
    Tested,
)

if TYPE_CHECKING:
    from core.modelfile import ModelFile
    from core.results import Stages
    from core.verdict import Verdict

_HISTORY = 500  # runs kept for the plot and the percentiles


@dataclass(frozen=True, slots=True)
class Problem:
    """What the banner shows: what happened, what to do, and a button that does it."""

    kind: str
    message: str
    hint: str
    details: str = ""
    action: str = ""  # "", "allow-native-code" or "run-random"
    is_warning: bool = False


class Document(QObject):
    """Turns the user's wishes into requests, and their answers into state and signals."""

    model_changed = Signal()
    images_changed = Signal()
    current_changed = Signal(int)
    tested = Signal(object)  # Tested, or None when there is no result to show
    problem_changed = Signal(object)  # Problem or None
    busy_changed = Signal(bool)
    progress = Signal(object, str)  # fraction or None, text
    opened = Signal(object)  # the Path of a model that opened, for the recent files
    folders_dropped = Signal()  # into dropped_folders

    def __init__(self, thread: InferenceThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = thread
        self._outstanding: set[int] = set()
        self._latest: dict[str, int] = {}
        self._serial = 0
        self._wants_demo_picture = False
        self._allow_native_code = False
        self._interrupted = False  # a run was cancelled for a file that may turn out no model
        self._repair_id = -1  # the run that makes up for it
        self.file: ModelFile | None = None
        self.verdict: Verdict | None = None
        self.loaded: Loaded | None = None
        self.images: list[Path] = []
        self.dropped_folders: list[Path] = []  # the last time; the shelf looks for models there
        self.current = -1
        self.result: Tested | None = None
        self.problem: Problem | None = None
        self.history: deque[Stages] = deque(maxlen=_HISTORY)  # warm runs of this model
        self.first_run: Stages | None = None
        self.endings = {"finished": 0, "failed": 0, "cancelled": 0}
        # Queued: submit() itself tells of requests that it ends, before it gives its own's id.
        thread.happened.connect(self._on_event, Qt.ConnectionType.QueuedConnection)

    # -- what the user wants -------------------------------------------------------------

    def open_path(self, path: Path, *, allow_native_code: bool = False) -> None:
        """Open a model file."""
        self._allow_native_code = allow_native_code
        self._wants_demo_picture = False
        self._show_problem(None)
        self._interrupted |= self._latest.get("test") in self._outstanding
        for slot in ("demo", "test"):
            self._thread.cancel(slot)
        self._submit("identify", IdentifyFile(path))

    def open_demo(self) -> None:
        """Open the bundled model, built into an engine where that is possible."""
        self._show_problem(None)
        self._submit("demo", PrepareDemo())

    def drop(self, paths: Iterable[Path]) -> None:
        """Open what is a model, run what is an image; a folder gives the images in it.

        Who listens to folders_dropped looks for the models, and says so where nothing is.
        """
        paths = list(paths)
        try:
            models, images = sort_dropped(paths)
            folders = [path for path in paths if path.is_dir()]
        except OSError as error:
            self._show_problem(Problem("unreadable", f"{error}.", "Check its permissions."))
            return
        if images:
            self.add_images(images)
        if models:
            self.open_path(models[-1])
        if folders:
            self.dropped_folders = folders
            self.folders_dropped.emit()

    def add_images(self, paths: Iterable[Path]) -> None:
        """Add images; the last one is shown and run. Without a model they wait for one."""
        new = list(paths)
        if not new:
            return
        known = set(self.images)
        self.images += [path for path in dict.fromkeys(new) if path not in known]
        self.images_changed.emit()
        self.select(self.images.index(new[-1]))

    def select(self, index: int) -> None:
        """Show an image and run it."""
        if not 0 <= index < len(self.images):
            return
        self.current = index
        self.current_changed.emit(index)
        self._run_current()

    def clear_images(self) -> None:
        """Forget all images."""
        self._thread.cancel("test")
        self.images.clear()
        self.current = -1
        self.images_changed.emit()
        self._show_result(None)

    def run_again(self) -> None:
        """Run once more: the current image, or random input where no image can run."""
        was_random = self.result is not None and self.result.result.recipe is None
        if self.loaded is None:
            return
        if was_random and (self.current < 0 or self.loaded.recipe_problem is not None):
            self.run_random()
        else:
            self._run_current()

    def run_random(self) -> None:
        """Run the model on random input."""
        if self.loaded is not None:
            self._submit("test", RunImage(None, self.loaded.serial))

    def allow_native_code(self) -> None:
        """Open the current file again with its native code allowed."""
        if self.file is not None:
            self.open_path(self.file.path, allow_native_code=True)

    def show_problem(self, problem: Problem) -> None:
        """Show a problem that a panel met."""
        self._show_problem(problem)

    def dismiss_problem(self) -> None:
        """Close the banner."""
        self._show_problem(None)

    def cancel(self) -> None:
        """Stop whatever is going on."""
        for slot in ("demo", "identify", "load", "test"):
            self._thread.cancel(slot)

    @property
    def is_busy(self) -> bool:
        """True while a request has not ended."""
        return bool(self._outstanding)

    # -- what comes back -----------------------------------------------------------------

    def _run_current(self) -> None:
        if self.loaded is None or self.current < 0:
            return
        if self.loaded.recipe_problem is not None:
            self._offer_random(self.loaded.recipe_problem)
        else:
            self._submit("test", RunImage(self.images[self.current], self.loaded.serial))

    def _submit(self, slot: str, request: object) -> None:
        job_id = self._thread.submit(slot, request)
        self._latest[slot] = job_id
        was_busy = self.is_busy
        self._outstanding.add(job_id)
        if not was_busy:
            self.busy_changed.emit(True)

    def _on_event(self, event: Event) -> None:
        is_latest = self._latest.get(event.slot) == event.job_id
        if isinstance(event, Started):
            return
        if isinstance(event, Progress):
            if is_latest:
                self.progress.emit(event.fraction, event.text)
            return
        if isinstance(event, Finished):
            self.endings["finished"] += 1
            if is_latest:
                self._take(event.result)
        elif isinstance(event, Failed):
            self.endings["failed"] += 1
            if is_latest or event.fatal:
                self._fail(event)
        else:
            self.endings["cancelled"] += 1
            if is_latest and event.slot == "test":
                self._hide_other_result()
            elif is_latest and event.slot == "load":
                self._load_cancelled()
        self._outstanding.discard(event.job_id)
        if not self.is_busy:
            self.busy_changed.emit(False)

    def _take(self, result: object) -> None:
        match result:
            case Path():
                self.open_path(result)
                self._wants_demo_picture = True
            case Identified(file, verdict):
                self._identified(file, verdict)
            case Loaded():
                self._load_finished(result)
            case Tested():
                self._test_finished(result)

    def _identified(self, file: ModelFile, verdict: Verdict) -> None:
        self.file, self.verdict, self.loaded = file, verdict, None
        self.history.clear()
        self.first_run = None
        self._interrupted = False
        self._show_problem(None)
        self._show_result(None)
        self.model_changed.emit()
        if verdict.can_run is False:
            self._show_problem(Problem(verdict.reason, verdict.message, verdict.hint))
            return
        self._serial += 1
        self._submit("load", LoadModel(file, self._allow_native_code, self._serial))

    def _load_finished(self, loaded: Loaded) -> None:
        from core.verdict import Verdict

        self.loaded = loaded
        self.verdict = Verdict(True, "ok", f"Runs here: {loaded.runtime}.")
        self.model_changed.emit()
        self.opened.emit(loaded.file.path)
        if loaded.recipe_problem is not None:
            self._offer_random(loaded.recipe_problem)
        elif self._wants_demo_picture and not self.images:
            from core.paths import DEMO_PICTURE

            self.add_images([DEMO_PICTURE])
        else:
            self._run_current()
        self._wants_demo_picture = False

    def _load_cancelled(self) -> None:
        """Esc while a model opened: nothing is loaded, and the card must not say otherwise."""
        from core.verdict import Verdict

        message, hint = "Opening it was cancelled.", "Open it again to run it (File > Open recent)."
        self.verdict = Verdict(None, "cancelled", message, hint)
        self.model_changed.emit()
        if self.file is not None:
            self.opened.emit(self.file.path)
        self._show_problem(Problem("cancelled", message, hint, is_warning=True))

    def _test_finished(self, tested: Tested) -> None:
        if self.loaded is None or tested.serial != self.loaded.serial:
            return
        if tested.result.is_first:
            self.first_run = tested.result.stages
        else:
            self.history.append(tested.result.stages)
        self._show_result(tested)
        warnings = tested.result.warnings
        if warnings:
            hint = " ".join(warnings[1:])
            self._show_problem(Problem("warning", warnings[0], hint, is_warning=True))
        elif (
            self.problem is not None
            and (self.problem.action != "run-random" or tested.result.image is None)
            and self._latest["test"] != self._repair_id
        ):
            self._show_problem(None)

    def _fail(self, failed: Failed) -> None:
        action = "allow-native-code" if failed.kind == "needs-consent" else ""
        if failed.slot == "load" and self.file is not None:
            from core.verdict import Verdict

            self.verdict = Verdict(False, failed.kind, failed.message, failed.hint)
            self.model_changed.emit()
        if failed.slot == "test":
            self._show_result(None)
        self._show_problem(
            Problem(failed.kind, failed.message, failed.hint, failed.details, action)
        )
        if failed.slot == "identify" and self._interrupted:
            self._interrupted = False
            self._run_current()
            self._repair_id = self._latest["test"]

    def _offer_random(self, problem: tuple[str, str, str]) -> None:
        """Say why no image can run, and what can."""
        self._show_problem(Problem(*problem, action="run-random", is_warning=True))

    def _hide_other_result(self) -> None:
        """A result must never stand for another image than its own."""
        shown = None if self.result is None else self.result.result.source
        if shown is not None and self.current >= 0 and shown != str(self.images[self.current]):
            self._show_result(None)

    def _show_result(self, tested: Tested | None) -> None:
        self.result = tested
        self.tested.emit(tested)

    def _show_problem(self, problem: Problem | None) -> None:
        if problem != self.problem:
            self.problem = problem
            self.problem_changed.emit(problem)

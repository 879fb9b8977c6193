"""The opened model, the dropped images and what came out: the window's state, without widgets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from core.jobs import Failed
from gui.dropping import sort_dropped
from gui.inference_thread import (
    FindPlugin,
    Identified,
    IdentifyFile,
    InferenceThread,
    Loaded,
    LoadModel,
    PluginFound,
    PrepareDemo,
    RunImage,
    Tested,
)
from gui.opening_choices import OpeningChoices
from gui.problem import OPENING_CANCELLED, Problem
from gui.requests import Requests
from gui.run_history import RunHistory

if TYPE_CHECKING:
    from core.modelfile import ModelFile
    from core.recipes import Recipe
    from core.tasks import Choices
    from core.verdict import Verdict


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
    dropped = Signal(object)  # gui.dropping.Dropped

    def __init__(self, thread: InferenceThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._requests = Requests(thread, self)
        self._serial = 0
        self._wants_demo_picture = False
        self.choices = self._wanted = OpeningChoices()  # of the file; of the one asked for
        self._interrupted = False  # a run was cancelled for a file that may turn out no model
        self._repair_id = -1  # the run that makes up for it
        self.trial = True  # a setting: unfamiliar engines are tried in a child process first
        self.lost: Problem | None = None  # the GPU's context is gone, and with it all requests
        self.file: ModelFile | None = None
        self.verdict: Verdict | None = None
        self.loaded: Loaded | None = None
        self.refusal: Problem | None = None  # why the file is not loaded
        self.images: list[Path] = []
        self.dropped_folders: list[Path] = []  # the last time; the shelf looks for models there
        self.current = -1
        self.given = False  # the last run asked for was without a picture, on chosen inputs
        self.result: Tested | None = None
        self.problem: Problem | None = None
        self.runs = RunHistory()  # of this model
        self.reading: Choices | None = None  # how its outputs are read; None: as is guessed
        self.recipe: Recipe | None = None  # the user's; None: the one it opened with
        requests = self._requests
        requests.finished.connect(self._on_finished)
        requests.failed.connect(self.fail)
        requests.cancelled.connect(self._on_cancelled)
        requests.progress.connect(self.progress)
        requests.busy_changed.connect(self.busy_changed)

    # -- what the user wants -------------------------------------------------------------

    def open_path(
        self, path: Path, *, allow_native_code: bool = False, plugins: tuple[Path, ...] = ()
    ) -> None:
        """Open a model file."""
        self._open(path, OpeningChoices(allow_native_code=allow_native_code, plugins=plugins))

    def _open(self, path: Path, choices: OpeningChoices) -> None:
        self._wanted = choices
        self._wants_demo_picture = False
        self.show_problem(None)
        self._interrupted |= self._requests.is_outstanding("test")
        self._requests.cancel("demo", "test", "plugin")
        self._submit("identify", IdentifyFile(path))

    def open_demo(self) -> None:
        """Open the bundled model, built into an engine where that is possible."""
        self.show_problem(None)
        self._submit("demo", PrepareDemo())

    def drop(self, paths: Iterable[Path]) -> None:
        """Open what is a model, run what is an image; the shelf looks for models in folders."""
        try:
            dropped = sort_dropped(paths)
        except OSError as error:
            self.show_problem(Problem("unreadable", f"{error}.", "Check its permissions."))
            return
        if dropped.images:
            self.add_images(dropped.images)
        if dropped.models:
            self.open_path(dropped.models[-1])
        if dropped.folders:
            self.dropped_folders = dropped.folders
            self.folders_dropped.emit()
        self.dropped.emit(dropped)

    def add_images(self, paths: Iterable[Path]) -> None:
        """Add images; the last one is shown and run. Without a model they wait for one."""
        new = list(paths)
        if not new:
            return
        self.images[:] = dict.fromkeys((*self.images, *new))
        self.images_changed.emit()
        self.select(self.images.index(new[-1]))

    def select(self, index: int) -> None:
        """Show an image and run it."""
        if not 0 <= index < len(self.images):
            return
        self.current, self.given = index, False
        self.current_changed.emit(index)
        self._run_current()

    def clear_images(self) -> None:
        """Forget all images."""
        self._requests.cancel("test")
        self.images.clear()
        self.current = -1
        self.images_changed.emit()
        self._show_result(None)

    def run_again(self) -> None:
        """Run once more: the current image, or without one as before, where no image can run."""
        loaded = self.loaded
        was_random = self.result is not None and self.result.result.recipe is None
        cannot = self.current < 0 or (loaded and loaded.recipe_problem is not None)
        if self.given or (was_random and cannot):
            self.run_random(given=self.given)
        else:
            self._run_current()

    def run_random(self, *, given: bool = False) -> None:
        """Run the model without a picture: on random input, or on what is given for its inputs."""
        self.given = given
        if self.loaded is None:
            self._say_why_not_loaded()
        else:
            run = RunImage(None, self.loaded.serial, self.reading, self.recipe, given)
            self._submit("test", run)

    def allow_native_code(self) -> None:
        """Say yes to the native code that the banner names, and open the file again."""
        from core.trust import consent

        if self.problem is not None and self.problem.kind == "needs-consent":
            consent.grant(**self.problem.evidence)
            self.open_again()

    def open_again(
        self, *, plugin: Path | None = None, trial: bool | None = None, forced: bool = False
    ) -> None:
        """Open the current file again; see OpeningChoices.and_also."""
        if self.file is not None:
            choices = self.choices.and_also(plugin=plugin, trial=trial, forced=forced)
            self._open(self.file.path, choices)

    def find_plugin(self, folder: Path) -> None:
        """Look in a folder for the plugin that the current file lacks."""
        if self.problem is not None and "plugin" in self.problem.evidence:
            self._submit("plugin", FindPlugin(folder, self.problem.evidence["plugin"]))

    def show_problem(self, problem: Problem | None) -> None:
        """Show a problem, a panel's too, or None to close the banner."""
        if problem != self.problem:
            self.problem = problem
            self.problem_changed.emit(problem)

    def dismiss_problem(self) -> None:
        """Close the banner."""
        self.show_problem(None)

    def cancel(self) -> None:
        """Stop whatever is going on."""
        self._requests.cancel("demo", "identify", "load", "test", "plugin")

    @property
    def is_busy(self) -> bool:
        """True while a request has not ended."""
        return self._requests.is_busy

    @property
    def endings(self) -> dict[str, int]:
        """How many requests ended in which way."""
        return self._requests.endings

    # -- what comes back -----------------------------------------------------------------

    def _run_current(self) -> None:
        if self.loaded is None:
            self._say_why_not_loaded()
        elif self.current < 0:
            return
        elif self.loaded.recipe_problem is not None:
            self.show_problem(Problem.of_recipe(self.loaded.recipe_problem))
        else:
            path = self.images[self.current]
            self._submit("test", RunImage(path, self.loaded.serial, self.reading, self.recipe))

    def _say_why_not_loaded(self) -> None:
        """Once more, for the banner may be closed: whoever wants a run must learn why not."""
        if self.refusal is not None and not self.is_busy:  # else another model is coming
            self.show_problem(self.refusal)

    def _submit(self, slot: str, request: object) -> None:
        if self.lost is not None:
            self.show_problem(self.lost)
            return
        self._requests.submit(slot, request)

    def _on_finished(self, _slot: str, result: object) -> None:
        match result:
            case Path():
                self.open_path(result)
                self._wants_demo_picture = True
            case Identified(file, verdict):
                self._identified(file, verdict)
            case Loaded():
                self._load_finished(result)
            case PluginFound():
                self._plugin_found(result)
            case Tested():
                self.show_run(result)

    def _on_cancelled(self, slot: str) -> None:
        if slot == "test":
            self._hide_other_result()
        elif slot == "load":
            self._load_cancelled()

    def _identified(self, file: ModelFile, verdict: Verdict) -> None:
        self.file, self.verdict, self.loaded = file, verdict, None
        self.refusal = None
        self.choices = self._wanted
        self.runs.clear()
        self.reading = self.recipe = None
        self._interrupted = self.given = False
        self.show_problem(None)
        self._show_result(None)
        self.model_changed.emit()
        if verdict.can_run is False and not self.choices.forced:
            self.refusal = Problem.of_verdict(verdict)
            self.show_problem(self.refusal)
            return
        self._serial += 1
        choices = self.choices.with_setting(self.trial)
        self._submit("load", LoadModel(file, choices, self._serial))

    def _load_finished(self, loaded: Loaded) -> None:
        self.loaded, self.reading = loaded, loaded.choices
        if self.verdict is not None:
            self.verdict = self.verdict.after_opening(loaded.runtime)
        self.model_changed.emit()
        self.opened.emit(loaded.file.path)
        if loaded.recipe_problem is not None:
            self.show_problem(Problem.of_recipe(loaded.recipe_problem))
        elif self._wants_demo_picture and not self.images:
            from core.paths import DEMO_PICTURE

            self.add_images([DEMO_PICTURE])
        else:
            self._run_current()
        self._wants_demo_picture = False

    def _load_cancelled(self) -> None:
        """Esc while a model opened: nothing is loaded, and the card must not say otherwise."""
        problem = self.refusal = OPENING_CANCELLED
        self.verdict = problem.as_verdict()
        self.model_changed.emit()
        if self.file is not None:
            self.opened.emit(self.file.path)
        self.show_problem(problem)

    def show_run(self, tested: Tested) -> None:
        """Take a run's times and show its result, unless it was another model's."""
        if self.loaded is None or tested.serial != self.loaded.serial:
            return
        self.runs.add(tested.result)
        self.show_read(tested)

    def show_read(self, tested: Tested) -> None:
        """Show a run's result, or the one that is shown as it was read again."""
        self._show_result(tested)
        warnings = tested.result.warnings
        if warnings:
            self.show_problem(Problem.of_warnings(warnings))
        elif (
            self.problem is not None
            and (self.problem.action != "run-random" or tested.result.image is None)
            and self._requests.latest("test") != self._repair_id
        ):
            self.show_problem(None)

    def _plugin_found(self, found: PluginFound) -> None:
        """Use the likeliest library that is not in use yet, or say that there is none."""
        new = [path for path in found.libraries if path not in self.choices.plugins]
        if new:
            self.open_again(plugin=new[0])
            return
        self.show_problem(Problem.no_plugin_library(found.folder, found.plugin))

    def fail(self, failed: Failed) -> None:
        """Show why a request failed; a controller's on the same thread, too."""
        problem = Problem.of_failure(failed)
        if failed.slot == "load" and self.verdict is not None:
            self.refusal = problem
            self.verdict = self.verdict.after_refusal(failed)
            self.model_changed.emit()
        if failed.fatal:  # all else that is on screen stays there
            self.lost = problem
            self.show_problem(problem)
            return
        if failed.slot == "test":
            self._show_result(None)
        self.show_problem(problem)
        if failed.slot == "identify" and self._interrupted:
            self._interrupted = False
            self._run_current()
            self._repair_id = self._requests.latest("test")

    def _hide_other_result(self) -> None:
        """A result must never stand for another image than its own."""
        shown = None if self.result is None else self.result.result.source
        if shown is not None and self.current >= 0 and shown != str(self.images[self.current]):
            self._show_result(None)

    def _show_result(self, tested: Tested | None) -> None:
        self.result = tested
        self.tested.emit(tested)

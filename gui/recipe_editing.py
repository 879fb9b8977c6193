"""The recipe in use: what the user makes of it, and its effect on the image that is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from core.errors import EnginebayError
from core.jobs import Failed
from gui.problem import Problem
from gui.recipe_requests import (
    ExportRecipe,
    FindRecipes,
    ForgetRecipe,
    ImportRecipe,
    KeepRecipe,
    RecipeNoted,
    RecipeRead,
    RecipesFound,
)
from gui.requests import Requests
from gui.rereading import choices_of

if TYPE_CHECKING:
    from core.recipe_search import RecipeCandidate
    from core.recipes import Recipe
    from core.tasks import Choices
    from core.tensors import TensorSpec
    from gui.document import Document
    from gui.work_thread import WorkThread

_WAIT_MS = 20
"""A run begins this long after a change, so that a wheel turned fast does not ask for dozens."""

_SLOTS = ("recipe-find", "recipe-keep", "recipe-forget", "recipe-import", "recipe-export")


class RecipeEditing(QObject):
    """Changes a document's recipe, and has its current image run by it.

    The latest recipe wins. What does not fit the model is told of, and changes nothing. Another
    model begins with its own recipe.
    """

    changed = Signal()  # the recipe, or the model that it is for
    found = Signal(object)  # by a search: RecipeCandidates, the best first
    search_ended = Signal()  # whether something was found or not
    progress = Signal(object, str)  # of the search: fraction or None, text
    noted = Signal(str)  # something was done, for the status bar

    def __init__(self, document: Document, thread: WorkThread) -> None:
        super().__init__(document)
        self._document = document
        self._run_soon = QTimer(self, interval=_WAIT_MS, singleShot=True)
        self._run_soon.timeout.connect(document.run_again)
        requests = self._requests = Requests(thread, self)
        requests.finished.connect(self._on_finished)
        requests.failed.connect(self._on_failed)
        requests.cancelled.connect(self._on_cancelled)
        requests.progress.connect(self._on_progress)
        document.model_changed.connect(self._on_model)
        document.busy_changed.connect(self._on_busy)

    @property
    def is_busy(self) -> bool:
        """True while a request has not ended, or a run is about to begin."""
        return self._requests.is_busy or self._run_soon.isActive()

    @property
    def is_searching(self) -> bool:
        """True while recipes are tried."""
        return self._requests.is_outstanding("recipe-find")

    @property
    def recipe(self) -> Recipe | None:
        """The recipe in use; None where there is none."""
        loaded = self._document.loaded
        return self._document.recipe or (None if loaded is None else loaded.recipe)

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The model's inputs."""
        loaded = self._document.loaded
        return () if loaded is None else loaded.inputs

    @property
    def why_none(self) -> str:
        """Why there is no recipe; "" where nothing is opened."""
        loaded = self._document.loaded
        problem = None if loaded is None else loaded.recipe_problem
        return "" if problem is None else problem[1]

    def use(self, recipe: Recipe, choices: Choices | None = None) -> None:
        """Feed pictures by a recipe, the current one at once; and read outputs by choices."""
        from core.recipe_check import check_recipe

        if self.recipe is None:
            return
        try:
            check_recipe(recipe, self.inputs)
        except EnginebayError as error:
            self._show(error)
            return
        document = self._document
        is_same = recipe == self.recipe and choices in (None, choices_of(self._document))
        document.recipe = recipe
        if choices is not None:
            document.reading = choices
        self.changed.emit()
        if not is_same:
            self.cancel_search()
            self._run_soon.start()

    def use_guess(self) -> None:
        """Go back to what is guessed from the model."""
        from core.recipe_guess import guess_recipe

        loaded = self._document.loaded
        if loaded is not None and loaded.recipe is not None:
            self.use(guess_recipe(loaded.inputs, loaded.outputs, loaded.file.metadata))

    def keep(self) -> None:
        """Save recipe and choices for this model."""
        if (recipe := self.recipe) is not None:
            request = KeepRecipe(self._serial(), recipe, choices_of(self._document))
            self._requests.submit("recipe-keep", request)

    def forget(self) -> None:
        """Delete what is saved for this model; the recipe in use stays."""
        if self.recipe is not None:
            self._requests.submit("recipe-forget", ForgetRecipe(self._serial()))

    def export_to(self, path: Path) -> None:
        """Write recipe and choices to a file."""
        if (recipe := self.recipe) is not None:
            request = ExportRecipe(self._serial(), path, recipe, choices_of(self._document))
            self._requests.submit("recipe-export", request)

    def import_from(self, path: Path) -> None:
        """Use recipe and choices of a file, if they fit."""
        if self.recipe is not None:
            self._requests.submit("recipe-import", ImportRecipe(self._serial(), path))

    def search(self) -> bool:
        """Try the usual recipes on the current image; False, and says so, where there is none."""
        document, recipe = self._document, self.recipe
        if recipe is None:
            return False
        if document.current < 0:
            message = "Recipes are tried on an image, and there is none yet."
            document.show_problem(Problem("no-image", message, "Drop an image, then try again."))
            return False
        picture = document.images[document.current]
        request = FindRecipes(self._serial(), picture, recipe, choices_of(document))
        self._requests.submit("recipe-find", request)
        return True

    def cancel_search(self) -> None:
        """Stop trying recipes."""
        self._requests.cancel("recipe-find")

    def pick(self, candidate: RecipeCandidate) -> None:
        """Use a recipe that was found."""
        self.use(candidate.recipe)

    def _serial(self) -> int:
        assert self._document.loaded is not None  # there is a recipe
        return self._document.loaded.serial

    def _show(self, error: EnginebayError) -> None:
        self._document.show_problem(Problem(error.kind, error.message, error.hint))

    def _on_model(self) -> None:
        if self._document.loaded is None:  # whatever was asked was about another model
            self._run_soon.stop()
            self._requests.cancel(*_SLOTS)
        self.changed.emit()

    def _on_busy(self, busy: bool) -> None:
        """A run, or another model, does not wait for a search."""
        if busy:
            self.cancel_search()

    def _on_progress(self, fraction: float | None, text: str) -> None:
        if self.is_searching:
            self.progress.emit(fraction, text)

    def _on_finished(self, _slot: str, answer: object) -> None:
        match answer:
            case RecipesFound(candidates):
                self.found.emit(candidates)
                self.search_ended.emit()
            case RecipeRead(content):
                self.use(content.recipe, content.choices)
            case RecipeNoted(text):
                self.noted.emit(text)

    def _on_failed(self, failed: Failed) -> None:
        if failed.slot == "recipe-find":
            self.search_ended.emit()
        problem = Problem.of_failure(failed)
        if failed.fatal:  # the thread has ended, and serves the document no more either
            self._document.lost = problem
        self._document.show_problem(problem)

    def _on_cancelled(self, slot: str) -> None:
        if slot == "recipe-find":
            self.search_ended.emit()

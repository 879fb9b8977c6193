"""The user's choices for a model's inputs: checked by the model, and run as soon as they fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from core.errors import InputError
from core.jobs import Failed
from gui.input_requests import InputChoice, InputsSet, SetInputs, all_assumed
from gui.problem import Problem
from gui.requests import Requests
from gui.work_thread import WorkThread

if TYPE_CHECKING:
    from core.input_choices import Fill
    from core.recipes import Recipe
    from core.tensors import Shape, TensorSpec
    from gui.document import Document

MOST = 2**31 - 1
"""The largest seed and dimension: what Qt's fields hold."""

_SLOT = "inputs"


class InputEditing(QObject):
    """Keeps the choices for a document's model, and has them used by the model's own thread.

    The latest choice wins. What does not fit is said in the banner and changes nothing. Another
    model begins with what is assumed.

    Attributes:
        choice: what the model uses.
        settled: what comes of it; None while no model is loaded or it has not answered yet.
        trouble: why the next run will fail, as far as that is known; "" where nothing is.
    """

    model_replaced = Signal()  # or closed
    changed = Signal()  # any of these; after a refusal too
    recipe_moved = Signal(object)  # the Recipe, whose size has followed the profile

    def __init__(self, document: Document, thread: WorkThread) -> None:
        super().__init__(document)
        self._document = document
        self._serial = -1  # of the model that all this is about
        self._wanted = self.choice = all_assumed()
        self._runs = False  # once the latest request is answered
        self._file: Path | None = None  # that it is about
        self._unpinned: tuple[Recipe | None, Recipe | None] = (None, None)  # before, and pinned
        self.settled: InputsSet | None = None
        self.trouble = ""
        self._requests = Requests(thread, self)
        self._requests.finished.connect(self._on_set)
        self._requests.failed.connect(self._on_failed)
        self._requests.cancelled.connect(self._on_cancelled)
        document.model_changed.connect(self._on_model)

    # -- what the user wants -------------------------------------------------------------

    def fill(self, name: str, fill: Fill | None) -> None:
        """Choose what fills an input; None: what is assumed."""
        fills = {one: kept for one, kept in self._wanted.fills.items() if one != name}
        shapes = dict(self._wanted.shapes)
        if fill is not None:
            fills[name] = fill
            free = self._spec(name).shape.count(None)
            if fill.kind == "file" or (len(fill.values) > 1 and free == 1):
                shapes.pop(name, None)  # these bring a shape of their own
        self._want(self._wanted._replace(fills=fills, shapes=shapes))

    def type_values(self, name: str, text: str) -> None:
        """Choose typed values: "1,1,4,4"; see core.input_choices.parse_fill."""
        from core.input_choices import Fill, parse_fill

        try:
            if self._spec(name).dtype == "string":
                fill = Fill("values", tuple(text.split(",")))
            else:
                fill = parse_fill(text)
            if fill.seed > MOST:
                raise InputError("input-value", f"The seed {fill.seed} is above {MOST:,}.", "")
        except InputError as error:
            self._document.show_problem(Problem(error.kind, error.message, error.hint))
            self.changed.emit()
        else:
            self.fill(name, fill)

    def set_dim(self, name: str, axis: int, value: int) -> None:
        """Choose a free dimension, and so those of the same symbol."""
        symbols = {} if self.settled is None else self.settled.symbols
        symbol = symbols[name][axis] if name in symbols else None
        shapes = {one: list(shape) for one, shape in self._wanted.shapes.items()}
        if symbol is not None:
            for one, shape in shapes.items():
                shapes[one] = [
                    None if own == symbol else dim
                    for own, dim in zip(symbols[one], shape, strict=True)
                ]
        rank = len(self._spec(name).shape)
        shapes.setdefault(name, [None] * rank)[axis] = value
        self._want(self._wanted._replace(shapes=_tidy(shapes)))

    def choose_profile(self, profile: int | None) -> None:
        """Have every run use a profile; dimensions outside its limits become free again."""
        shapes: dict[str, list[int | None]] = {}
        for name, shape in self._wanted.shapes.items():
            limits = self._spec(name).profiles
            shapes[name] = list(shape)
            if profile is not None and profile < len(limits):
                pairs = zip(limits[profile].min, shape, limits[profile].max, strict=True)
                shapes[name] = [
                    dim if dim is not None and low <= dim <= high else None
                    for low, dim, high in pairs
                ]
        self._want(self._wanted._replace(shapes=_tidy(shapes), profile=profile))

    def take_file(self, path: Path) -> None:
        """Fill the inputs that a .npy or .npz file is for."""
        self._want(self._wanted, path)

    def reset(self) -> None:
        """Back to what is assumed for every input."""
        self._file = None
        self._want(all_assumed())

    def refresh(self) -> None:
        """Learn what comes of the choices, without a run: the recipe has changed, or the model."""
        self._want(self._wanted, run=self._requests.is_busy and self._runs)

    def run(self) -> None:
        """Run on the choices: with the current picture where an input awaits one."""
        document = self._document
        if self.settled is None or document.loaded is None:
            return
        if not self.settled.awaits_picture:
            document.run_random(given=True)
            return
        if document.given and document.current < 0:  # what is shown had other inputs
            document.result = None
            document.tested.emit(None)
        document.given = False
        document.run_again()

    @property
    def is_busy(self) -> bool:
        """True while the model has not answered."""
        return self._requests.is_busy

    @property
    def lacks_picture(self) -> bool:
        """True where an input awaits a picture, and there is none."""
        return bool(self.settled and self.settled.awaits_picture and self._document.current < 0)

    # -- what comes back -----------------------------------------------------------------

    @property
    def _recipe(self) -> Recipe | None:
        loaded = self._document.loaded
        return self._document.recipe or (None if loaded is None else loaded.recipe)

    def _spec(self, name: str) -> TensorSpec:
        loaded = self._document.loaded
        assert loaded is not None  # else there is no row to choose in
        return next(spec for spec in loaded.inputs if spec.name == name)

    def _want(self, choice: InputChoice, file: Path | None = None, *, run: bool = True) -> None:
        document = self._document
        if document.loaded is None:
            return
        if document.lost is not None:
            document.show_problem(document.lost)
            return
        self._wanted, self._runs = choice, run
        self._file = file or self._file  # one that has not been answered yet is still wanted
        before, pinned = self._unpinned
        recipe = self._recipe
        if choice.profile is None and recipe == pinned:
            recipe = before
        self._requests.submit(_SLOT, SetInputs(choice, self._serial, self._file, recipe))

    def _on_model(self) -> None:
        loaded = self._document.loaded
        if loaded is not None and loaded.serial == self._serial:
            return
        self._serial = -1 if loaded is None else loaded.serial
        self._wanted = self.choice = all_assumed()
        self._unpinned, self._file = (None, None), None
        self.settled, self.trouble = None, ""
        self.model_replaced.emit()
        self._runs = False
        self.refresh()

    def _on_set(self, _slot: str, answer: InputsSet) -> None:
        document = self._document
        loaded = document.loaded
        if loaded is None or answer.serial != loaded.serial:
            return
        if answer.choice.profile is not None:
            before = self._recipe if self.choice.profile is None else self._unpinned[0]
            self._unpinned = (before, answer.recipe)
        self._wanted, self._file = answer.choice, None
        self.choice = answer.choice
        self.settled, self.trouble = answer, ""
        if answer.recipe is not None and answer.recipe != self._recipe:
            if document.recipe is not None:
                document.recipe = answer.recipe
            else:
                document.loaded = loaded._replace(recipe=answer.recipe)
            self.recipe_moved.emit(answer.recipe)
        self.changed.emit()
        if self._runs:
            self.run()

    def _on_failed(self, failed: Failed) -> None:
        problem = Problem.of_failure(failed)
        if failed.fatal:  # the thread serves the document no more either
            self._document.lost = problem
        if failed.fatal or self._runs:
            self._document.show_problem(problem)
        else:
            self.trouble = failed.message  # the run says it in the banner
        self._on_cancelled()

    def _on_cancelled(self, _slot: str = "") -> None:
        self._wanted, self._file = self.choice, None
        self.changed.emit()


def _tidy(shapes: dict[str, list[int | None]]) -> dict[str, Shape]:
    """Without those in which nothing is chosen."""
    return {
        name: tuple(shape)
        for name, shape in shapes.items()
        if any(dim is not None for dim in shape)
    }

"""A model file opened for use: the whole road from file to predictions in one object.

file -> card -> session -> recipe -> run -> predictions and timing. The commands and the
window's thread both go this way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.chosen_inputs import KeptPlan, checked_choice, image_spec, resolved_tensors
from core.errors import EnginebayError
from core.images import Image, import_libraries, read_image
from core.input_choices import Fill
from core.input_plan import InputPlan, awaits_picture, fill_inputs
from core.kept_recipe import KeptRecipe
from core.modelfile import Metadata, ModelFile, read_model_file
from core.opening import OpenOptions, Progress, no_progress, open_session
from core.placement import IN_PLACE, Placement
from core.preprocess import prepare, sized_for
from core.recipe_check import check_choices, check_recipe
from core.recipe_file import RecipeFile
from core.recipe_guess import guess_recipe
from core.recipe_shapes import recipe_for
from core.recipes import Recipe
from core.results import TestResult
from core.runs import Clock, Note, run_filled, run_pictures
from core.sessions import RunResult, Session
from core.sessions.base import Arrays
from core.tasks import Choices, Reading
from core.tensors import Shape, TensorSpec


class Model:
    """An opened model. Made, used and closed on one thread, which owns its CUDA context.

    Attributes:
        file: what the file is and says of itself.
        session: the runtime that runs it.
        recipe: how a picture becomes its input, or None when it takes no picture.
        recipe_problem: why there is no recipe.
        choices: how the outputs are read.
        fills: what the user chose for inputs, by name; see choose_inputs.
        shapes: the shapes that the user chose, by input.
    """

    def __init__(self, file: ModelFile, session: Session) -> None:
        import_libraries()  # else the first picture's times would be Python's imports
        self.file = file
        self.session = session
        self.recipe: Recipe | None = None
        self.recipe_problem: EnginebayError | None = None
        self.choices = Choices()
        self._kept = KeptRecipe(file)
        self._kept_plan = KeptPlan(session)
        self.fills: dict[str, Fill] = {}
        self.shapes: dict[str, Shape] = {}
        try:
            self.recipe = guess_recipe(session.inputs, session.outputs, file.metadata)
            # OpenCV sets itself up on first use; that is not the first picture's time either.
            prepare(np.zeros((2, 2, 3), np.uint8), replace(self.recipe, size_wh=(8, 8), batch=1))
        except EnginebayError as problem:
            self.recipe_problem = problem

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        allow_native_code: bool = False,
        plugins: Sequence[str | os.PathLike[str]] = (),
        tensorrt_module: str | None = None,
        trial: bool = True,
        progress: Progress = no_progress,
    ) -> Model:
        """Open a TensorRT engine or an ONNX model, told by content.

        Args:
            path: the file.
            allow_native_code: True lets it run native code that it embeds, and the plugins.
            plugins: TensorRT plugin libraries, or for an ONNX libraries of operators.
            tensorrt_module: one of core.machine.TENSORRT_MODULES; default the best installed.
            trial: False opens an engine here that has not yet been tried in a child process.
            progress: see core.opening.Progress.

        Raises:
            EnginebayError: with the reason and the next step.
        """
        options = OpenOptions(
            allow_native_code=allow_native_code,
            plugins=tuple(Path(plugin) for plugin in plugins),
            tensorrt_module=tensorrt_module,
            trial=trial,
        )
        return cls.of(read_model_file(path), options, progress)

    @classmethod
    def of(cls, file: ModelFile, options: OpenOptions, progress: Progress = no_progress) -> Model:
        """Open an identified file; see core.opening.open_session."""
        session = open_session(file, options, progress)
        try:
            model = cls(file, session)
            if model.recipe is not None:  # the user's saved recipe goes before any guess
                found = model._kept.instead_of(model.recipe, session.inputs, progress)
                model.recipe, model.choices = found.recipe, found.choices
            return model
        except BaseException:
            session.close()  # a CUDA context that is left open ends the process
            raise

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The model's inputs."""
        return self.session.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The model's outputs."""
        return self.session.outputs

    def use(self, recipe: Recipe, choices: Choices | None = None) -> None:
        """Feed pictures by this recipe from now on, and read the outputs by these choices.

        Raises:
            InputError: if the recipe makes no sense or does not fit (core.recipe_check), or if
                a choice does not; the model then is as it was.
        """
        check_recipe(recipe, self.inputs)
        if choices is not None:
            check_choices(choices)
            self.choices = choices
        self.recipe = recipe

    def keep_recipe(self, progress: Progress = no_progress) -> None:
        """Save recipe and choices for this very file: whoever opens it next begins with them.

        Raises:
            EnginebayError: kind "cannot-save"; that of recipe_problem where there is no recipe.
        """
        self._kept.keep(RecipeFile(recipe=self._require_recipe(), choices=self.choices), progress)

    def forget_recipe(self, progress: Progress = no_progress) -> bool:
        """Delete the saved recipe; False where there was none. The one in use stays.

        Raises:
            EnginebayError: kind "cannot-save".
        """
        return self._kept.forget(progress)

    def __call__(self, value: np.ndarray | str | os.PathLike[str]) -> Arrays:
        """Run on an array for the one input, or on an image file; gives outputs by name."""
        if isinstance(value, np.ndarray):
            return self.session(value)
        return self.test(value).outputs

    def run(self, inputs: Mapping[str, np.ndarray]) -> RunResult:
        """Run on arrays by tensor name; gives outputs by name and the timing."""
        return self.session.run(inputs)

    def choose_inputs(
        self,
        fills: Mapping[str, Fill],
        shapes: Mapping[str, Shape],
        profile: int | None = None,
    ) -> None:
        """Say what inputs get, instead of what is assumed for them; all earlier choices go.

        A newly pinned profile moves the recipe's free sides to its best size.

        Args:
            fills: what fills an input, by name.
            shapes: the shapes of inputs with free dimensions, by name; None for what stays free.
            profile: the optimization profile that every run uses; None: the first that fits.

        Raises:
            InputError: for what does not fit; then nothing is changed.
        """
        recipe = checked_choice(self.session, self.recipe, fills, shapes, profile)
        self.recipe, self.fills, self.shapes = recipe, dict(fills), dict(shapes)

    @property
    def awaits_picture(self) -> bool:
        """True where an input gets a picture that is still to be given."""
        return self.recipe is not None and awaits_picture(self.inputs, self.fills)

    def resolved_tensors(self) -> tuple[TensorSpec, ...]:
        """Inputs and outputs in the shapes of the next run, which tell the buffers' bytes.

        None stays for the dimensions of outputs that only a run can tell.

        Raises:
            EnginebayError: as the run would, for what shows before it.
        """
        plan = self._plan(int(self.awaits_picture))
        return resolved_tensors(self.session, plan, self.fills)

    def test(self, path: str | os.PathLike[str], note: Note = lambda _text: None) -> TestResult:
        """Run on an image file, with each stage timed.

        Args:
            path: the picture.
            note: told the stage that begins; may raise to stop.

        Raises:
            ImageError: if the picture cannot be read, or brought to the recipe's size.
            InputError: if what was chosen for an input does not fit.
            ModelError: if the model takes no picture, or fails.
        """
        [result] = self.test_batch([path], note)
        return result

    def test_batch(
        self, paths: Sequence[str | os.PathLike[str]], note: Note = lambda _text: None
    ) -> list[TestResult]:
        """Run once on several image files, one a row; otherwise as test.

        Each result has its own picture's rows, the batch's stages, and outputs without rows
        whole, with a warning.

        Raises:
            InputError: also if they are more than one run takes.
        """
        self._require_recipe()
        begin, images = time.perf_counter(), []
        for path in paths:
            note(f"reading {Path(path).name}")
            images.append(read_image(path))
        read_ms = (time.perf_counter() - begin) * 1000
        return self._test_pictures(images, [str(path) for path in paths], read_ms, note)

    def test_frame(
        self,
        pixels: np.ndarray,
        name: str,
        read_ms: float | None = None,
        note: Note = lambda _text: None,
    ) -> TestResult:
        """Run on a picture that is read already: a frame of a video.

        Args:
            pixels: (H, W, 3) uint8, RGB; kept in the result.
            name: what it is called in the result.
            read_ms: how long reading it took, milliseconds.
            note: as in test.

        Raises:
            ImageError, InputError, ModelError: as in test.
        """
        [result] = self._test_pictures([Image(pixels)], [name], read_ms, note)
        return result

    def _test_pictures(
        self, images: Sequence[Image], sources: Sequence[str], read_ms: float | None, note: Note
    ) -> list[TestResult]:
        recipe = self._require_recipe()
        begin = time.perf_counter()
        note("preparing the input")
        sized = sized_for(recipe, image_spec(self.session, recipe), images[0].size_wh)
        plan = self._plan(len(images), sized)
        assert plan.recipe is not None  # pictures are placed by it
        reading = self.reading_of(images[0].size_wh, IN_PLACE, plan.recipe.batch, plan.recipe)
        clock = Clock(begin=begin, read_ms=read_ms)
        return run_pictures(self.session, plan, self.fills, images, sources, reading, clock, note)

    def test_random(self) -> TestResult:
        """Run without a picture: on what was chosen for inputs, and seeded random values else."""
        return self._test_without_picture("random input", Fill("random"))

    def test_given(self) -> TestResult:
        """Run without a picture, on what was chosen for the inputs.

        What is not chosen is assumed, see core.input_choices. Outputs are read as a picture's
        where the image input was given; places are then in the network's pixels.
        """
        return self._test_without_picture("given input", None)

    def _test_without_picture(self, source: str, otherwise: Fill | None) -> TestResult:
        plan = self._plan(0)
        filled = fill_inputs(self.session, plan, self.fills, (), otherwise=otherwise)
        reading = Reading()
        if self.recipe is not None and self.recipe.input in self.fills and not filled.is_random:
            spec = image_spec(self.session, self.recipe)
            recipe = recipe_for(self.recipe, spec, plan.shapes[spec.name])
            reading = self.reading_of(recipe.size_wh, IN_PLACE, recipe.batch, recipe)
        return run_filled(self.session, filled, source, reading)

    def reading_of(
        self,
        picture_wh: tuple[int, int],
        placement: Placement,
        batch: int,
        recipe: Recipe | None = None,
    ) -> Reading:
        """How outputs for a picture are read, by the recipe and the choices.

        Args:
            picture_wh: the picture's size.
            placement: where it lies in the network's picture.
            batch: the outputs' batch dimension; the first of it is read.
            recipe: as the run used it; default the model's own.
        """
        recipe = recipe or self._require_recipe()
        return Reading(
            picture_wh=picture_wh,
            network_wh=recipe.size_wh,
            placement=placement,
            channels=recipe.channels,
            bgr=recipe.color == "bgr",
            batch=batch,
            metadata=self.file.metadata or Metadata(),
            choices=self.choices,
        )

    def _require_recipe(self) -> Recipe:
        if self.recipe is None:
            assert self.recipe_problem is not None
            raise self.recipe_problem
        return self.recipe

    def _plan(self, pictures: int, recipe: Recipe | None = None) -> InputPlan:
        return self._kept_plan.plan(
            recipe or self.recipe,
            self.fills,
            self.shapes,
            self.session.pinned_profile,
            pictures,
        )

    def close(self) -> None:
        """Free the session; may be called twice."""
        self.session.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

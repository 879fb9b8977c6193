"""A model file opened for use: the whole road from file to predictions in one object.

file -> card -> session -> recipe -> run -> predictions and timing. The commands and the
window's thread both go this way.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.errors import EnginebayError
from core.images import import_libraries
from core.input_choices import Fill
from core.input_plan import (
    InputPlan,
    awaits_picture,
    fill_inputs,
    plan_inputs,
    shape_tensor_values,
)
from core.input_shapes import with_shape
from core.modelfile import Metadata, ModelFile, read_model_file
from core.opening import OpenOptions, Progress, no_progress, open_session
from core.recipe_guess import guess_recipe
from core.recipe_shapes import recipe_for, recipe_in_profile
from core.recipes import Recipe, prepare
from core.results import TestResult
from core.runs import Note, run_filled, run_pictures
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
            return cls(file, session)
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
        pinned = self.session.pinned_profile
        recipe = self.recipe
        self.session.pin_profile(profile)
        try:
            if recipe is not None and profile not in (None, pinned):
                recipe = recipe_in_profile(recipe, self._image_spec(recipe), profile or 0)
            if fills or shapes or profile is not None:
                pictures = int(recipe is not None and awaits_picture(self.inputs, fills))
                plan_inputs(self.session, recipe, fills, shapes, profile, pictures)
        except BaseException:
            self.session.pin_profile(pinned)
            raise
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
        values = shape_tensor_values(self.session, plan, self.fills)
        outputs = self.session.output_shapes(plan.shapes, values)
        return (
            *(with_shape(spec, plan.shapes[spec.name]) for spec in self.inputs),
            *(with_shape(spec, outputs[spec.name]) for spec in self.outputs),
        )

    def test(self, path: str | os.PathLike[str], note: Note = lambda _text: None) -> TestResult:
        """Run on an image file, with each stage timed.

        Args:
            path: the picture.
            note: told the stage that begins; may raise to stop.

        Raises:
            ImageError: if the picture cannot be read.
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
        if self.recipe is None:
            assert self.recipe_problem is not None
            raise self.recipe_problem
        plan = self._plan(len(paths))
        assert plan.recipe is not None  # pictures are placed by it
        reading = self._reading(plan.recipe)
        return run_pictures(self.session, plan, self.fills, paths, reading, note)

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
            shape = plan.shapes[self.recipe.input]
            recipe = recipe_for(self.recipe, self._image_spec(self.recipe), shape)
            reading = replace(self._reading(recipe), picture_wh=recipe.size_wh)
        return run_filled(self.session, filled, source, reading)

    def _reading(self, recipe: Recipe) -> Reading:
        return Reading(
            network_wh=recipe.size_wh,
            channels=recipe.channels,
            batch=recipe.batch,
            metadata=self.file.metadata or Metadata(),
            choices=self.choices,
        )

    def _image_spec(self, recipe: Recipe) -> TensorSpec:
        return next(spec for spec in self.inputs if spec.name == recipe.input)

    def _plan(self, pictures: int) -> InputPlan:
        return plan_inputs(
            self.session,
            self.recipe,
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

"""A model file opened for use: the whole road from file to predictions in one object.

file -> card -> session -> recipe -> run -> predictions and timing. The commands and the
window's thread both go this way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core import example_inputs, recipe_file
from core.errors import EnginebayError, InputError, ModelFileError
from core.images import import_libraries, read_image
from core.modelfile import Metadata, ModelFile, fingerprint, read_model_file
from core.opening import OpenOptions, Progress, no_progress, open_session
from core.predictions import summarize
from core.preprocess import prepare, sized_for
from core.recipe_check import check_choices, check_recipe
from core.recipe_file import RecipeFile
from core.recipe_guess import guess_recipe
from core.recipes import Recipe
from core.results import TestResult, stages_of, watch
from core.sessions import RunResult, Session
from core.sessions.base import Arrays
from core.tasks import Choices, Reading, decode
from core.tensors import TensorSpec

Note = Callable[[str], None]
"""Told what begins now; may raise core.errors.Cancelled to stop."""


class Model:
    """An opened model. Made, used and closed on one thread, which owns its CUDA context.

    Attributes:
        file: what the file is and says of itself.
        session: the runtime that runs it.
        recipe: how a picture becomes its input, or None when it takes no picture.
        recipe_problem: why there is no recipe.
        choices: how the outputs are read.
    """

    def __init__(self, file: ModelFile, session: Session) -> None:
        import_libraries()  # else the first picture's times would be Python's imports
        self.file = file
        self.session = session
        self.recipe: Recipe | None = None
        self.recipe_problem: EnginebayError | None = None
        self.choices = Choices()
        self._sha256: str | None = None
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
            model._use_kept_recipe(progress)
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
        if self.recipe is None:
            assert self.recipe_problem is not None
            raise self.recipe_problem
        sha256 = self._fingerprint(progress)
        recipe_file.keep(
            self.file.size_bytes, sha256, RecipeFile(recipe=self.recipe, choices=self.choices)
        )

    def forget_recipe(self, progress: Progress = no_progress) -> bool:
        """Delete the saved recipe; False where there was none. The one in use stays.

        Raises:
            EnginebayError: kind "cannot-save".
        """
        size = self.file.size_bytes
        if not recipe_file.is_kept_for_size(size):
            return False
        return recipe_file.forget(size, self._fingerprint(progress))

    def _use_kept_recipe(self, progress: Progress) -> None:
        """The user's saved recipe goes before any guess; one that does not fit is told of."""
        size = self.file.size_bytes
        if self.recipe is None or not recipe_file.is_kept_for_size(size):
            return
        try:
            kept = recipe_file.kept(size, self._fingerprint(progress))
            if kept is not None:
                self.use(kept.recipe, kept.choices)
        except InputError as error:
            words = f"{self.recipe.evidence}; your saved recipe is not used: {error.message}"
            self.recipe = replace(self.recipe, evidence=words)

    def _fingerprint(self, progress: Progress) -> str:
        if self._sha256 is None:
            try:
                self._sha256 = fingerprint(self.file.path, progress)
            except OSError as error:
                raise ModelFileError(
                    "unreadable",
                    f"{self.file.path} cannot be read: {error.strerror or error}.",
                    "Check the disk.",
                ) from None
        return self._sha256

    def __call__(self, value: np.ndarray | str | os.PathLike[str]) -> Arrays:
        """Run on an array for the one input, or on an image file; gives outputs by name."""
        if isinstance(value, np.ndarray):
            return self.session(value)
        return self.test(value).outputs

    def run(self, inputs: Mapping[str, np.ndarray]) -> RunResult:
        """Run on arrays by tensor name; gives outputs by name and the timing."""
        return self.session.run(inputs)

    def test(self, path: str | os.PathLike[str], note: Note = lambda _text: None) -> TestResult:
        """Run on an image file, with each stage timed.

        Args:
            path: the picture.
            note: told the stage that begins; may raise to stop.

        Raises:
            ImageError: if the picture cannot be read.
            ModelError: if the model takes no picture, or fails.
        """
        if self.recipe is None:
            assert self.recipe_problem is not None
            raise self.recipe_problem
        begin = time.perf_counter()
        note(f"reading {Path(path).name}")
        image = read_image(path)
        read_done = time.perf_counter()
        note("preparing the input")
        recipe = sized_for(self.recipe, check_recipe(self.recipe, self.inputs), image.size_wh)
        prepared = prepare(image.pixels, recipe, self.session.input_buffer)
        prepare_done = time.perf_counter()
        note("running the model")
        inputs = {recipe.input: prepared.tensor}
        result = self.session.run(inputs)
        run_done = time.perf_counter()
        note("reading the outputs")
        reading = Reading(
            picture_wh=image.size_wh,
            network_wh=recipe.size_wh,
            placement=prepared.placement,
            channels=recipe.channels,
            batch=recipe.batch,
            metadata=self.file.metadata or Metadata(),
            choices=self.choices,
        )
        decoded = decode(result.outputs, reading)
        summaries = tuple(summarize(name, array) for name, array in result.outputs.items())
        end = time.perf_counter()
        return TestResult(
            source=str(path),
            image=image,
            recipe=recipe,
            inputs=inputs,
            outputs=result.outputs,
            summaries=summaries,
            reading=reading,
            guess=decoded.guess,
            alternatives=decoded.alternatives,
            predictions=decoded.predictions,
            warnings=(*watch(summaries), *decoded.warnings),
            stages=stages_of(
                result.timing,
                read=(read_done - begin) * 1000,
                preprocess=(prepare_done - read_done) * 1000,
                postprocess=(end - run_done) * 1000,
                total=(end - begin) * 1000,
            ),
            is_first=result.is_first,
        )

    def test_random(self) -> TestResult:
        """Run on seeded random input (core.example_inputs), for models that take no picture."""
        inputs = example_inputs.random(self.inputs)
        begin = time.perf_counter()
        result = self.session.run(inputs)
        run_done = time.perf_counter()
        reading = Reading()
        decoded = decode(result.outputs, reading)
        summaries = tuple(summarize(name, array) for name, array in result.outputs.items())
        end = time.perf_counter()
        return TestResult(
            source="random input",
            image=None,
            recipe=None,
            inputs=inputs,
            outputs=result.outputs,
            summaries=summaries,
            reading=reading,
            guess=replace(decoded.guess, evidence="the input was random"),
            alternatives=(),
            predictions=decoded.predictions,
            warnings=watch(summaries),
            stages=stages_of(
                result.timing,
                read=None,
                preprocess=None,
                postprocess=(end - run_done) * 1000,
                total=(end - begin) * 1000,
            ),
            is_first=result.is_first,
        )

    def close(self) -> None:
        """Free the session; may be called twice."""
        self.session.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

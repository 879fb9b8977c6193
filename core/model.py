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

from core import example_inputs
from core.errors import EnginebayError
from core.images import Image, import_libraries, read_image
from core.modelfile import Metadata, ModelFile, read_model_file
from core.opening import OpenOptions, Progress, no_progress, open_session
from core.placement import Placement
from core.predictions import summarize
from core.recipe_guess import guess_recipe
from core.recipes import Recipe, prepare
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

    def test(self, path: str | os.PathLike[str], note: Note = lambda _text: None) -> TestResult:
        """Run on an image file, with each stage timed.

        Args:
            path: the picture.
            note: told the stage that begins; may raise to stop.

        Raises:
            ImageError: if the picture cannot be read.
            ModelError: if the model takes no picture, or fails.
        """
        self._require_recipe()
        begin = time.perf_counter()
        note(f"reading {Path(path).name}")
        image = read_image(path)
        return self._test(image, str(path), (time.perf_counter() - begin) * 1000, note)

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
            ModelError: as in test.
        """
        return self._test(Image(pixels), name, read_ms, note)

    def reading_of(self, picture_wh: tuple[int, int], placement: Placement, batch: int) -> Reading:
        """How outputs for a picture are read, by the recipe and the choices.

        Args:
            picture_wh: the picture's size.
            placement: where it lies in the network's picture.
            batch: the outputs' batch dimension; the first of it is read.
        """
        recipe = self._require_recipe()
        return Reading(
            picture_wh=picture_wh,
            network_wh=recipe.size_wh,
            placement=placement,
            channels=recipe.channels,
            batch=batch,
            metadata=self.file.metadata or Metadata(),
            choices=self.choices,
        )

    def _require_recipe(self) -> Recipe:
        if self.recipe is None:
            assert self.recipe_problem is not None
            raise self.recipe_problem
        return self.recipe

    def _test(self, image: Image, source: str, read_ms: float | None, note: Note) -> TestResult:
        recipe = self._require_recipe()
        begin = time.perf_counter()
        note("preparing the input")
        prepared = prepare(image.pixels, recipe, self.session.input_buffer)
        prepare_done = time.perf_counter()
        note("running the model")
        inputs = {recipe.input: prepared.tensor}
        result = self.session.run(inputs)
        run_done = time.perf_counter()
        note("reading the outputs")
        reading = self.reading_of(image.size_wh, prepared.placement, recipe.batch)
        decoded = decode(result.outputs, reading)
        summaries = tuple(summarize(name, array) for name, array in result.outputs.items())
        end = time.perf_counter()
        return TestResult(
            source=source,
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
                read=read_ms,
                preprocess=(prepare_done - begin) * 1000,
                postprocess=(end - run_done) * 1000,
                total=(end - begin) * 1000 + (read_ms or 0.0),
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

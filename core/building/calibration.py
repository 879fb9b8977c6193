"""INT8 ranges from a folder of pictures, each prepared by the model's own recipe.

TensorRT up to 10 has calibrators; entropy calibrator 2 is what it recommends for networks of
convolutions (NvInfer.h, IInt8EntropyCalibrator2).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import EnginebayError, ModelError
from core.kept_recipe import KeptRecipe
from core.modelfile import GraphValue, ModelFile, fingerprint
from core.opening import no_progress
from core.paths import cache_folder
from core.preprocess import prepare_into
from core.recipe_guess import guess_recipe
from core.recipe_shapes import recipe_for
from core.recipes import Recipe
from core.suffixes import images_in
from core.tensors import TensorSpec, numpy_dtype
from core.text import printable
from core.whole_file import replacing

MOST_PICTURES = 512
"""Of a larger folder so many are taken, evenly spread; more change the ranges little."""


def calibration_pictures(folder: Path) -> list[Path]:
    """The pictures that will be used, by name.

    Raises:
        EnginebayError: kind "calibration-folder", if it is none or holds no picture.
    """
    try:
        found = images_in(folder)
    except OSError as error:
        raise EnginebayError(
            "calibration-folder",
            f"The calibration folder {printable(str(folder))} cannot be read: "
            f"{error.strerror or error}.",
            "Give a folder of pictures like those that the model will see.",
        ) from None
    if not found:
        raise EnginebayError(
            "calibration-folder",
            f"The calibration folder {printable(str(folder))} holds no pictures.",
            "Give a folder of pictures like those that the model will see, some hundred of them.",
        )
    step = max(1.0, len(found) / MOST_PICTURES)
    return [found[int(at * step)] for at in range(min(len(found), MOST_PICTURES))]


def calibration_recipe(file: ModelFile, shapes: Mapping[str, tuple[int, ...]]) -> Recipe:
    """How a picture becomes the model's input: the recipe that is kept for it, else the guess.

    Args:
        file: the ONNX.
        shapes: the optimum of each input that a profile sets.

    Raises:
        ModelError: if nothing takes a picture, or other inputs are there, which no picture fills.
    """
    graph = None if file.onnx is None else file.onnx.graph
    inputs = _specs(() if graph is None else graph.inputs or (), "input")
    outputs = _specs(() if graph is None else graph.outputs or (), "output")
    guess = guess_recipe(inputs, outputs, file.metadata)
    if len(inputs) > 1:
        raise ModelError(
            "calibration-inputs",
            f"{file.path.name} has {len(inputs)} inputs, and pictures can fill only one.",
            "Quantize the ONNX itself, so that it has Q/DQ nodes.",
        )
    recipe = KeptRecipe(file).instead_of(guess, inputs, no_progress).recipe
    return recipe_for(recipe, inputs[0], shapes.get(recipe.input, recipe.shape))


def _specs(values: Sequence[GraphValue], mode: Any) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name=one.name, mode=mode, dtype=one.dtype, shape=one.shape or ())
        for one in values
    )


def cache_path(onnx: Path, pictures: Sequence[Path], recipe: Recipe, version: str) -> Path:
    """Where the ranges are kept that these pictures give this model."""
    names = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in pictures]
    text = json.dumps([fingerprint(onnx), names, recipe.as_json(), version], default=str)
    return cache_folder("calibration") / f"{hashlib.sha256(text.encode()).hexdigest()}.cache"


class Batches:
    """Pictures as input tensors, a batch at a time; a last one that is not full is left out."""

    def __init__(self, pictures: Sequence[Path], recipe: Recipe) -> None:
        """Prepare pictures by a recipe, whose batch is the engine's optimum."""
        self.size = recipe.batch if "N" in recipe.layout else 1
        # Fewer pictures than a batch are taken again and again, or there would be none.
        repeats = -(-self.size // len(pictures))
        self._pictures = list(pictures) * repeats
        self._recipe = recipe
        self._at = 0
        self.count = len(self._pictures) // self.size

    def next(self) -> np.ndarray | None:
        """The next batch, of the recipe's shape and dtype; None after the last.

        Raises:
            ImageError: for a picture that cannot be read.
        """
        from core.images import read_image

        pictures = self._pictures[self._at : self._at + self.size]
        if len(pictures) < self.size:
            return None
        self._at += self.size
        tensor = np.empty(self._recipe.shape, numpy_dtype(self._recipe.dtype))
        rows = tensor if "N" in self._recipe.layout else tensor[np.newaxis]
        for row, path in zip(rows, pictures, strict=True):
            prepare_into(row, read_image(path).pixels, self._recipe)
        return tensor


def make_calibrator(
    trt: Any, context: Any, batches: Batches, kept: Path, tell: Callable[[str], None]
) -> Any:
    """A tensorrt.IInt8EntropyCalibrator2; an error ends the calibration and is its `error`.

    Args:
        trt: the module, which has calibrators.
        context: the core.cuda.CudaContext of the thread that builds, which calls it.
        batches: what to calibrate with.
        kept: the file of ranges from an earlier time, which may not be there.
        tell: told how far it is.
    """

    class Calibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)
            self.error: Exception | None = None
            self._memory: Any = None
            self._done = 0

        def get_batch_size(self) -> int:
            return batches.size

        def get_batch(self, _names: list[str]) -> list[int] | None:
            try:
                tensor = batches.next()
                if tensor is None:
                    return None
                with context.errors("calibrating"):
                    if self._memory is None:
                        self._memory = context.allocate(tensor.nbytes, "calibrating")
                    context.driver.memcpy_htod(self._memory, np.ascontiguousarray(tensor))
            except Exception as error:  # noqa: BLE001 - the binding would swallow it
                self.error = error
                return None
            self._done += 1
            tell(f"calibrating INT8 ({self._done} of {batches.count})")
            return [int(self._memory)]

        def read_calibration_cache(self) -> bytes | None:
            try:
                return kept.read_bytes()
            except OSError:  # nothing is kept yet
                return None

        def write_calibration_cache(self, cache: Any) -> None:
            if self.error is not None:
                return
            try:
                kept.parent.mkdir(parents=True, exist_ok=True)
                with replacing(kept) as part:
                    part.write_bytes(bytes(cache))
            except OSError:  # it is only the next build that takes longer
                return

        def close(self) -> None:
            """Give the device memory back, before the context goes."""
            if self._memory is not None:
                self._memory.free()
                self._memory = None

    return Calibrator()

"""The thread that owns the opened model, and with it the CUDA context.

Requests and answers are named tuples: frozen, picklable, and made six times faster than data
classes, which counts while the window starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject
from PySide6.QtGui import QImage

from core.jobs import JobContext
from core.sessions.interrupting import interrupting
from gui.frame_run import CloseVideo, FrameRan, RunFrame, VideoDesk
from gui.image_run import RunMany, run_many
from gui.input_requests import SetInputs, set_inputs
from gui.layer_requests import LAYER_REQUESTS, handle_layers
from gui.overlay_layers import Layers, layers_of
from gui.recipe_requests import RECIPE_REQUESTS, handle_recipe
from gui.work_thread import Handler, WorkThread, heavy_imports

if TYPE_CHECKING:
    from core.errors import EnginebayError
    from core.model import Model
    from core.modelfile import ModelFile
    from core.recipes import Recipe
    from core.results import TestResult
    from core.tasks import Choices
    from core.tensor_statistics import TensorStatistics
    from core.tensors import TensorSpec
    from core.verdict import Verdict
    from gui.opening_choices import OpeningChoices


class IdentifyFile(NamedTuple):
    """Read what a file says of itself."""

    path: Path


class WarmUp:
    """Import what opening a model needs, before anyone waits for it."""


class PrepareDemo:
    """Find the demo's model; on a machine with a builder this builds an engine first."""


class LoadModel(NamedTuple):
    """Open an identified file for running. Closes the model before it."""

    file: ModelFile
    choices: OpeningChoices
    serial: int  # which model this is, for RunImage


class FindPlugin(NamedTuple):
    """Look for the library that holds a plugin."""

    folder: Path
    plugin: str


class RunImage(NamedTuple):
    """Run a picture through the model with this serial; None for a run without."""

    path: Path | None
    serial: int
    choices: Choices | None = None  # in reading the outputs; None: as is guessed
    recipe: Recipe | None = None  # the user's, which fits; None: the model's own
    given: bool = False  # without a picture: on what is chosen or assumed, nothing random else


class Identified(NamedTuple):
    """The answer to IdentifyFile."""

    file: ModelFile
    verdict: Verdict


class PluginFound(NamedTuple):
    """The answer to FindPlugin: candidates, the likeliest first."""

    folder: Path
    plugin: str
    libraries: tuple[Path, ...]


class Loaded(NamedTuple):
    """The answer to LoadModel."""

    file: ModelFile
    runtime: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    recipe: Recipe | None
    recipe_problem: tuple[str, str, str] | None  # kind, message, hint
    serial: int
    choices: Choices | None = None  # kept with the recipe; None: outputs are read as is guessed


class Tested(NamedTuple):
    """The answer to RunImage: the result, and its pictures ready for the screen."""

    result: TestResult
    picture: QImage | None
    network_picture: QImage | None
    output_picture: QImage | None
    serial: int
    layers: Layers = Layers()
    embedding: TensorStatistics | None = None  # of the vector, where the output is one

    def read_again(self, choices: Choices) -> Tested:
        """The same run read by other choices. Runs on the thread that reads.

        Raises:
            InputError: if the outputs cannot be read so.
        """
        result = self.result.read_again(choices)
        return self._replace(
            result=result,
            output_picture=_output_picture(result),
            layers=_layers(result),
            embedding=_measured(result),
        )


class InferenceThread(WorkThread):
    """Serves WarmUp, IdentifyFile, PrepareDemo, LoadModel, FindPlugin; RunImage, RunMany, RunFrame.

    And what is asked about inputs, layers and recipes: gui.input_requests, gui.layer_requests,
    gui.recipe_requests.

    The model is a local of the handler; it is closed on this thread when the thread ends.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_inference_handler, parent)


@contextmanager
def _inference_handler() -> Iterator[Handler]:
    """Runs on the inference thread, as does everything below."""
    desk = _Desk()
    try:
        yield desk.handle
    finally:
        desk.close_all()


class _Desk:
    """The opened model and what is asked of it."""

    def __init__(self) -> None:
        self._model: Model | None = None
        self._serial = 0
        self._frames = VideoDesk()

    def handle(self, request: object, context: JobContext) -> object:
        match request:
            case WarmUp():
                _import_libraries()
                _import_onnx_runtime()
                return None
            case IdentifyFile(path):
                return self._identify(path)
            case PrepareDemo():
                from core.demo import demo_model

                return demo_model(context.progress)
            case LoadModel():
                return self._load(request, context)
            case SetInputs():
                return set_inputs(self._model_of(request.serial), request)
            case RunImage():
                return self._test(request, context)
            case RunMany():
                return run_many(self._model_for(request), request, context)
            case RunFrame():
                return self._run_frame(request, context)
            case CloseVideo():
                self._frames.close()
                return None
            case FindPlugin(folder, plugin):
                from core.trust.plugin_search import find_plugin_libraries

                found = find_plugin_libraries(folder, plugin, context.progress)
                return PluginFound(folder, plugin, tuple(found))
        if isinstance(request, RECIPE_REQUESTS):
            return handle_recipe(request, self._model_of(request.serial), context)
        if isinstance(request, LAYER_REQUESTS):
            return handle_layers(request, self._model_of(request.serial), context)
        raise AssertionError(f"no such request: {request!r}")

    def _identify(self, path: Path) -> Identified:
        with heavy_imports:
            import pynvml  # noqa: F401

            from core.modelfile import read_model_file
            from core.verdict import judge

        file = read_model_file(path)
        problem = file.problem()
        if problem is not None and self._model is not None:
            raise problem  # no model on any machine: what is open stays open
        return Identified(file, judge(file))

    def _load(self, request: LoadModel, context: JobContext) -> Loaded:
        _import_libraries()
        from core.model import Model
        from core.tasks import Choices

        if request.file.kind == "onnx":
            _import_onnx_runtime()
        self.close()
        context.progress(None, f"Opening {request.file.path.name}")
        model = self._model = Model.of(request.file, request.choices.options(), context.progress)
        self._serial = request.serial
        problem: EnginebayError | None = model.recipe_problem
        return Loaded(
            request.file,
            model.session.runtime,
            model.inputs,
            model.outputs,
            model.recipe,
            None if problem is None else (problem.kind, problem.message, problem.hint),
            request.serial,
            None if model.choices == Choices() else model.choices,
        )

    def _model_of(self, serial: int) -> Model:
        from core.errors import Cancelled

        if self._model is None or serial != self._serial:
            raise Cancelled  # meant for a model that has been replaced
        return self._model

    def _test(self, request: RunImage, context: JobContext) -> Tested:
        model, path = self._model_for(request), request.path
        with interrupting([model.session], lambda: context.is_cancelled):
            if path is None and request.given:
                context.progress(None, "Running on the given input")
                result = model.test_given()
            elif path is None:
                context.progress(None, "Running on random input")
                result = model.test_random()
            else:
                result = model.test(path, lambda text: context.progress(None, text))
        return _tested(result, request.serial)

    def _run_frame(self, request: RunFrame, context: JobContext) -> FrameRan:
        model = self._model_for(request)
        result, video = self._frames.run(model, request, context)
        tested = None if result is None else _tested(result, request.serial)
        opening, number = request.opening, request.number
        return FrameRan(tested, opening, number, video.frame_count, video.fps)

    def _model_for(self, request: RunImage | RunMany | RunFrame) -> Model:
        """The model that is meant, with the request's recipe and choices in use."""
        from core.tasks import Choices

        model = self._model_of(request.serial)
        model.choices = request.choices or Choices()
        if request.recipe is not None:
            model.use(request.recipe)
        return model

    def close_all(self) -> None:
        self._frames.close()
        self.close()

    def close(self) -> None:
        if self._model is not None:
            self._model.close()
            self._model = None


def _tested(result: TestResult, serial: int) -> Tested:
    """A result with its pictures."""
    output = _output_picture(result)
    network = result.network_picture()
    return Tested(
        result,
        None if result.image is None else to_qimage(result.image.pixels),
        None if network is None else to_qimage(network),
        output,
        serial,
        _layers(result),
        _measured(result),
    )


def _import_libraries() -> None:
    with heavy_imports:
        import pynvml  # noqa: F401

        from core.native import preload_package

        for package in ("numpy", "cv2", "onnxruntime"):
            preload_package(package)
        import core.model
        import core.verdict  # noqa: F401
        from core.images import import_libraries

        import_libraries()


def _import_onnx_runtime() -> None:
    with heavy_imports:
        if find_spec("onnxruntime") is not None:  # else the opening says that it is missing
            import onnxruntime  # noqa: F401


def _layers(result: TestResult) -> Layers:
    return layers_of(result.predictions, None if result.image is None else result.image.size_wh)


def _measured(result: TestResult) -> TensorStatistics | None:
    """An embedding's numbers."""
    from core.similarity import is_embedded, vector_of
    from core.tensor_statistics import measure

    vector = vector_of(result) if is_embedded(result) else None
    return None if vector is None else measure(vector)


def _output_picture(result: TestResult) -> QImage | None:
    from core.predictions import OutputImage

    for found in result.predictions:
        if isinstance(found, OutputImage):
            return to_qimage(found.pixels)
    return None


def to_qimage(pixels: object) -> QImage:
    """(H, W, 3) uint8 RGB to a QImage of the screen's own format, which owns its memory."""
    import numpy as np

    array = np.ascontiguousarray(pixels)
    height, width = array.shape[:2]
    image = QImage(array.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return image.convertToFormat(QImage.Format.Format_RGB32)

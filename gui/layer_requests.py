"""What the inference thread is asked about the open model's layers: to read them, to time them."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from core.jobs import JobContext
    from core.layers.values import LayerTable
    from core.model import Model
    from gui.opening_choices import OpeningChoices


class LayersWanted(NamedTuple):
    """Read the layers."""

    serial: int  # of the model that it is about


class TimeLayers(NamedTuple):
    """Measure the time of each layer."""

    serial: int  # of the model that it is about
    choices: OpeningChoices  # an ONNX is opened once more, as it was
    stop: Event  # set to end with the runs that there were so far


LayerRequest = LayersWanted | TimeLayers
LAYER_REQUESTS = (LayersWanted, TimeLayers)


class LayersOfModel(NamedTuple):
    """The answer to both."""

    table: LayerTable
    serial: int


def handle_layers(request: LayerRequest, model: Model, context: JobContext) -> LayersOfModel:
    """Do what is asked, on the thread that owns the model.

    Raises:
        EnginebayError: as core.layers.onnx_layers, onnx_times and engine_layers have it.
    """
    from core.layers.hints import with_hints

    if isinstance(request, LayersWanted):
        context.progress(None, "Reading the layers")
        table = _read(model)
    else:
        context.progress(None, "Timing the layers")
        table = _time(request, model, context)
    return LayersOfModel(with_hints(table), request.serial)


def _read(model: Model) -> LayerTable:
    from core.layers.engine_layers import read_engine_layers
    from core.layers.onnx_layers import read_onnx_layers
    from core.sessions.tensorrt import TensorRTSession

    if isinstance(model.session, TensorRTSession):
        return read_engine_layers(model.session)
    return read_onnx_layers(model.file)


def _time(request: TimeLayers, model: Model, context: JobContext) -> LayerTable:
    from core.layers.engine_layers import time_engine_layers
    from core.layers.onnx_times import time_onnx_layers
    from core.sessions.tensorrt import TensorRTSession

    def stop() -> bool:
        return request.stop.is_set() or context.is_cancelled

    if isinstance(model.session, TensorRTSession):
        return time_engine_layers(model.session, _read(model), stop=stop)
    return time_onnx_layers(
        model.file, request.choices.options(), stop=stop, progress=context.progress
    )

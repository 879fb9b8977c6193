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
        EnginebayError: as core.layers.reading has it.
        Cancelled: if it is stopped before the first run.
    """
    from core.layers.hints import with_hints
    from core.layers.reading import layers_of, timed_layers_of

    if isinstance(request, LayersWanted):
        context.progress(None, "Reading the layers")
        table = layers_of(model)
    else:
        context.progress(None, "Timing the layers")
        stop = request.stop
        table = timed_layers_of(
            model,
            request.choices.options(),
            stop=lambda: stop.is_set() or context.is_cancelled,
            progress=context.progress,
        )
    return LayersOfModel(with_hints(table), request.serial)

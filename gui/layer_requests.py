"""What the inference thread is asked about the open model's layers: to read them, to time them."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from core.jobs import JobContext
    from core.layers.values import LayerTable
    from core.model import Model


class LayersWanted(NamedTuple):
    """Read the layers."""

    serial: int  # of the model that it is about


class TimeLayers(NamedTuple):
    """Measure the time of each layer."""

    serial: int  # of the model that it is about
    stop: Event  # set to end with the runs that there were so far


LayerRequest = LayersWanted | TimeLayers
LAYER_REQUESTS = (LayersWanted, TimeLayers)


class LayersOfModel(NamedTuple):
    """The answer to both."""

    table: LayerTable
    serial: int


def handle_layers(request: LayerRequest, model: Model, context: JobContext) -> LayersOfModel:
    """Do what is asked, on the thread that owns the model."""
    raise NotImplementedError

"""The thread that reads layer files, prepares layers for the screen, lays out graphs, and saves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject

from core.jobs import JobContext
from gui.work_thread import Handler, WorkThread, heavy_imports

if TYPE_CHECKING:
    from core.layers.graph import LayerGraph
    from core.layers.shares import Shares
    from core.layers.values import Layer, LayerTable
    from gui.item_models.sorted_rows import Entry
    from gui.layer_drawing import Drawing
    from gui.layer_painting import Look


class ReadLayerFiles(NamedTuple):
    """Read trtexec's JSON files: layers, their times, or both. Gives LayersRead or QueryTimes."""

    paths: tuple[Path, ...]
    shown: LayerTable | None  # what times without layers may be about


class PrepareLayers(NamedTuple):
    """Make layers ready for the screen. Gives ReadyLayers."""

    table: LayerTable


class DrawNear(NamedTuple):
    """Lay out the layers around one; None: all. Gives a Drawing."""

    table: LayerTable
    layer: int | None
    radius: int  # edges


class SaveLayers(NamedTuple):
    """Write layers as CSV, or as JSON where the file is named so. Gives the path."""

    table: LayerTable
    rows: tuple[Layer, ...]  # those to write, in this order
    model: str  # what they are of
    path: Path


class SaveGraph(NamedTuple):
    """Write a drawing as PNG. Gives the path."""

    drawing: Drawing
    look: Look
    path: Path


class LayersRead(NamedTuple):
    """The answer to ReadLayerFiles."""

    table: LayerTable
    name: str  # of the files, for people
    has_layers: bool  # False: they are those that were shown, with the times of a file


class QueryTimes(NamedTuple):
    """The answer to ReadLayerFiles where the file has no layers, but the times of queries.

    It is trtexec's --exportTimes, or a benchmark that was exported here.
    """

    path: Path


@dataclass(frozen=True, slots=True)
class ReadyLayers:
    """Layers with all that is shown of them."""

    table: LayerTable
    entries: tuple[Entry[Layer], ...]
    colors: Mapping[str, str]  # by type
    shares: Shares
    sentence: str
    drawing: Drawing
    tips: Mapping[int, str]  # by layer

    def layer(self, index: int | None) -> Layer | None:
        """A layer by its index in the model's order; None for none."""
        return next((one for one in self.table.layers if one.index == index), None)


class LayerThread(WorkThread):
    """Serves the requests above."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_layer_handler, parent)


@contextmanager
def _layer_handler() -> Iterator[Handler]:
    """Runs on the layers' thread, as does everything below."""
    with heavy_imports:
        import numpy as np  # noqa: F401

        import core.layers.graph
        import core.layers.shares  # noqa: F401
        import gui.layer_drawing  # noqa: F401
    yield _handle


def _handle(request: object, context: JobContext) -> object:
    match request:
        case ReadLayerFiles(paths, shown):
            return _read(paths, shown, context)
        case PrepareLayers(table):
            return ready_layers(table, lambda: context.progress(None, "Laying out the layers"))
        case DrawNear(table, index, radius):
            from core.layers.graph import layer_graph, neighbourhood

            graph = layer_graph(table)
            return _draw(table, graph if index is None else neighbourhood(graph, index, radius))
        case SaveLayers(table, rows, model, path):
            from gui.layer_saving import save_layers

            save_layers(table, rows, model, path)
            return path
        case SaveGraph(drawing, look, path):
            from gui.layer_saving import save_graph

            save_graph(drawing, look, path)
            return path
    raise AssertionError(f"no such request: {request!r}")


def _read(
    paths: Sequence[Path], shown: LayerTable | None, context: JobContext
) -> LayersRead | QueryTimes:  # fmt: skip
    from core.errors import EnginebayError
    from core.layers import hints, inspector, json_text, profile

    layers = times = ""
    names: dict[str, Path] = {}
    for path in paths:
        context.progress(None, f"Reading {path.name}")
        text = json_text.read_json_file(path)
        kind = json_text.kind_of_json(json_text.parse_json(text, path.name))
        if kind in ("times", "benchmark") and len(paths) == 1:
            return QueryTimes(path)
        if kind == "profile":
            times = text
        else:
            kind, layers = "layer-info", text
        if kind in names:
            raise EnginebayError(
                "two-files",
                f"{names[kind].name} and {path.name} are of the same kind.",
                "Drop one file of layer information, and with it at most one profile.",
            )
        names[kind] = path
    if layers:
        table = inspector.read_layer_json(layers, names["layer-info"].name)
    elif shown is not None:
        table = shown
    else:
        raise EnginebayError(
            "profile-alone",
            f"{names['profile'].name} has the times of layers, but not the layers.",
            "Drop it together with the file that trtexec --exportLayerInfo wrote.",
        )
    if times:
        table = profile.with_file_times(table, times, names["profile"].name)
    context.progress(None, "Laying out the layers")
    name = " + ".join(names[kind].name for kind in sorted(names))  # the layers first
    return LayersRead(hints.with_hints(table), name, bool(layers))


def ready_layers(table: LayerTable, progress: Callable[[], None]) -> ReadyLayers:
    """Prepare all that is shown of a table."""
    from core.layers.graph import layer_graph
    from core.layers.shares import sentence, shares_of
    from gui.item_models.layer_rows import layer_entries, tip_of
    from gui.layer_colors import type_colors

    progress()
    entries = tuple(layer_entries(table.layers))
    progress()
    drawing = _draw(table, layer_graph(table))
    progress()
    return ReadyLayers(
        table,
        entries,
        type_colors(table.layers),
        shares_of(table),
        sentence(table),
        drawing,
        {layer.index: tip_of(layer) for layer in table.layers},
    )


def _draw(table: LayerTable, graph: LayerGraph) -> Drawing:
    from core.layers.graph import laid_out
    from gui.layer_drawing import drawing_of

    time.sleep(0)  # between two long computations the window may have its turn
    shown = set(graph.nodes)
    layers = [layer for layer in table.layers if layer.index in shown]
    ends = dict.fromkeys((edge.source, edge.target) for edge in graph.edges)
    return drawing_of(layers, laid_out(graph), tuple(ends))

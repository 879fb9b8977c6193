"""What ONNX Runtime really runs of an ONNX graph, and how long each node takes.

ONNX Runtime fuses nodes, folds constants and changes layouts before it runs. So the table is of
the graph as optimised, with the nodes of the file that each of its nodes came from.
"""

from __future__ import annotations

import json
import re
import tempfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import Cancelled, EnginebayError
from core.example_inputs import random_for
from core.input_shapes import resolve_shapes
from core.layers.dtype_words import dtype_in
from core.layers.onnx_layers import KnownTensor, table_of_nodes
from core.layers.profile import profile_of_runs, with_times
from core.layers.values import Layer, LayerTable, LayerTensor
from core.modelfile import ModelFile
from core.modelfile.onnx_nodes import OnnxNodes, read_onnx_nodes
from core.opening import OpenOptions, Progress, no_progress, open_session
from core.sessions.interrupting import interrupting
from core.sessions.layer_timing import LEAST_RUNS, WARM_UP_RUNS, never, repeat
from core.text import counted

_MAX_EVENTS = 100_000  # of the trace: some 100 MB, and ONNX Runtime drops what comes after 1 M
_KERNEL = "_kernel_time"


@dataclass(frozen=True, slots=True)
class _Event:
    """A node that ran: its name, operator, milliseconds, and what was told of its tensors."""

    name: str
    operator: str
    ms: float
    inputs: tuple[KnownTensor, ...]
    outputs: tuple[KnownTensor, ...]


def time_onnx_layers(
    file: ModelFile,
    options: OpenOptions | None = None,
    inputs: Mapping[str, np.ndarray] | None = None,
    *,
    runs: int = LEAST_RUNS,
    stop: Callable[[], bool] = never,
    progress: Progress = no_progress,
) -> LayerTable:
    """Run a model with ONNX Runtime's profiler, in a session of its own, on the calling thread.

    Args:
        file: an ONNX.
        options: how it is opened.
        inputs: arrays by name; by default random ones, free dimensions 1.
        runs: at least so many, and for a second at least; the first few are not counted.
        stop: see core.sessions.layer_timing.repeat; also asked on another thread.
        progress: told what goes on.

    Raises:
        ModelFileError, MachineError, ModelError, InputError: as opening and running do.
        EnginebayError: kind "no-profile", if ONNX Runtime's trace cannot be read.
        Cancelled: if it is stopped before the first run.
    """
    if (problem := file.problem()) is not None:
        raise problem
    source = read_onnx_nodes(file.path)
    options = options or OpenOptions()
    with tempfile.TemporaryDirectory(prefix="enginebay-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with open_session(file, replace(options, profile_into=folder), progress) as session:
            from core.sessions.onnx import OPTIMIZED, OnnxSession

            assert isinstance(session, OnnxSession)  # what an ONNX is opened as
            if inputs is None:
                shapes = resolve_shapes(session.inputs, {}, symbols=session.symbols)
                inputs = {
                    spec.name: random_for(spec, shapes[spec.name], seed=(0, index))
                    for index, spec in enumerate(session.inputs)
                }
            arrays = inputs
            progress(None, "Timing the layers")
            most = max(LEAST_RUNS, _MAX_EVENTS // max(len(source.nodes), 1))
            with interrupting([session], stop):
                for _ in range(WARM_UP_RUNS):
                    if stop():
                        raise Cancelled
                    session.run(arrays)
                done, complete = repeat(
                    lambda: session.run(arrays), runs=runs, most=most, stop=stop
                )
            trace = session.end_profiling()
            runtime = session.runtime
        ran, has_inner = _read_trace(trace)
        optimised = folder / OPTIMIZED
        graph = read_onnx_nodes(optimised) if optimised.exists() else None
    ran = ran[WARM_UP_RUNS : WARM_UP_RUNS + done]
    if not ran or not ran[0]:
        raise _no_profile("it tells of no node")
    opset = "" if file.onnx is None else f"opset {file.onnx.opsets.get('', '?')}"
    notes = [
        f"This is what ran on {runtime}: {counted(len(ran[0]), 'node')} after optimisation, of "
        f"{len(source.nodes):,} in the file. Origins are told where tensor names show them.",
        "ONNX Runtime counts whole microseconds.",
    ]
    if has_inner:
        notes.append("Nodes inside If, Loop and Scan are counted in the time of the outer node.")
    table = _table(ran[0], graph, source, opset, notes)
    times = profile_of_runs(
        [[(event.name, event.ms) for event in run] for run in ran], is_complete=complete
    )
    return with_times(table, times)


def _read_trace(path: Path) -> tuple[list[list[_Event]], bool]:
    """The nodes of each run in their order, and whether any ran inside another.

    The trace is a list of Chrome's trace events: "Session" events called model_run, and "Node"
    events called after the node, with "_kernel_time" (ONNX Runtime, profiler.cc and
    sequential_executor.cc).
    """
    try:
        events = json.loads(path.read_text("utf-8", "replace"), strict=False)
        begins = sorted(
            int(one["ts"])
            for one in events
            if one.get("cat") == "Session" and one.get("name") == "model_run"
        )
        nodes = [
            one
            for one in events
            if one.get("cat") == "Node" and str(one.get("name")).endswith(_KERNEL)
        ]
        # The outer node of two that begin together is the longer one.
        nodes.sort(key=lambda one: (int(one["ts"]), -int(one["dur"])))
        runs: list[list[_Event]] = [[] for _ in begins]
        until, has_inner = -1, False
        for one in nodes:
            start = int(one["ts"])
            if start < until:
                has_inner = True
                continue
            place = bisect_right(begins, start) - 1
            if place < 0:
                continue
            event = _event(one)
            runs[place].append(event)
            until = start + int(one["dur"]) if event.operator in ("If", "Loop", "Scan") else -1
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _no_profile(str(error)) from None
    return runs, has_inner


def _event(raw: Mapping[str, Any]) -> _Event:
    told = raw.get("args", {})
    return _Event(
        name=str(raw["name"]).removesuffix(_KERNEL),
        operator=str(told.get("op_name", "")),
        ms=int(raw["dur"]) / 1000,
        inputs=_tensors(told.get("input_type_shape")),
        outputs=_tensors(told.get("output_type_shape")),
    )


def _tensors(raw: Any) -> tuple[KnownTensor, ...]:
    """A list like [{"float": [1, 3, 8, 8]}, {"int64": [2]}]."""
    return tuple(
        KnownTensor(dtype_in(kind) or kind, tuple(dims))
        for one in (raw if isinstance(raw, list) else ())
        for kind, dims in one.items()
    )


def _no_profile(why: str) -> EnginebayError:
    return EnginebayError(
        "no-profile",
        f"ONNX Runtime's profile cannot be read: {why}.",
        "Show the layers without times, or update onnxruntime.",
    )


def _table(
    ran: Sequence[_Event],
    graph: OnnxNodes | None,
    source: OnnxNodes,
    opset: str,
    notes: list[str],
) -> LayerTable:
    """The optimised graph's table, if its nodes are in the order in which they ran."""
    if (
        graph is None
        or len(ran) != len(graph.nodes)
        or any(
            event.operator != node.operator or node.name not in ("", event.name)
            for event, node in zip(ran, graph.nodes, strict=True)
        )
    ):
        notes.append("How these nodes are connected is not known.")
        return _table_of_events(ran, source, opset, notes)
    known: dict[str, KnownTensor] = {}
    for event, node in zip(ran, graph.nodes, strict=True):
        for names, told in ((node.inputs, event.inputs), (node.outputs, event.outputs)):
            there = [name for name in names if name]
            if len(there) == len(told):
                known.update(zip(there, told, strict=True))
    table = table_of_nodes(graph, schema=opset, notes=notes, known=known)
    origins = _origins(graph, source)
    layers = tuple(
        replace(layer, name=event.name, origin=origin)
        for layer, event, origin in zip(table.layers, ran, origins, strict=True)
    )
    return replace(table, layers=layers)


def _table_of_events(
    ran: Sequence[_Event], source: OnnxNodes, opset: str, notes: list[str]
) -> LayerTable:
    names = {node.name for node in source.nodes}
    return LayerTable(
        source="onnx",
        layers=tuple(
            Layer(
                index=index,
                name=event.name,
                type=event.operator,
                precision=next((one.dtype for one in event.outputs), ""),
                inputs=_unnamed(event.inputs),
                outputs=_unnamed(event.outputs),
                origin=(event.name,) if event.name in names else (),
            )
            for index, event in enumerate(ran)
        ),
        schema=opset,
        notes=tuple(notes),
    )


def _unnamed(tensors: Sequence[KnownTensor]) -> tuple[LayerTensor, ...]:
    return tuple(LayerTensor(name="", dtype=one.dtype, dims=one.dims) for one in tensors)


def _origins(graph: OnnxNodes, source: OnnxNodes) -> list[tuple[str, ...]]:
    """The nodes of the file behind each optimised node, in the file's order.

    They are found by tensors: from what an optimised node gives, back through the file's graph,
    up to what other optimised nodes give and to weights. Its output keeps the tensor's name, or
    the node the file's name; see _old_names. Where names were lost on the way, nodes are reached
    from more than one side: those are left out.
    """
    makers = {name: place for place, node in enumerate(source.nodes) for name in node.outputs}
    by_name = {node.name: node for node in source.nodes if node.name}
    given: list[set[str]] = []
    for node in graph.nodes:
        old = set(node.outputs) | _old_names(node.name)
        for name in old & by_name.keys():
            old |= set(by_name[name].outputs)
        given.append({name for name in old if name in makers})
    ends = {name for names in given for name in names} | set(graph.weights)
    # What ONNX Runtime added to bring a tensor back into plain layout comes from no node.
    given = [
        set() if node.operator in ("ReorderInput", "ReorderOutput") else names
        for node, names in zip(graph.nodes, given, strict=True)
    ]
    reached = [_reached(names, makers, ends, source) for names in given]
    claims = Counter(place for places in reached for place in places)
    origins = []
    for names, places in zip(given, reached, strict=True):
        own = {makers[name] for name in names}
        sure = sorted(place for place in places if place in own or claims[place] == 1)
        nodes = [(place, source.nodes[place]) for place in sure]
        origins.append(tuple(node.name or f"{node.operator}_{place}" for place, node in nodes))
    return origins


def _old_names(name: str) -> set[str]:
    """A node's name, and what it was called before ONNX Runtime changed it.

    A blocked layout calls it after its old output with "_nchwc" behind (nchwc_transformer.cc), a
    fusion after a node with "/QuickGeluFusion/" behind (the optimizers' names of that kind).
    """
    return {name, name.removesuffix("_nchwc"), re.sub(r"/\w+Fusion/?$", "", name)} - {""}


def _reached(
    names: set[str], makers: Mapping[str, int], ends: set[str], source: OnnxNodes
) -> set[int]:
    places: set[int] = set()
    waiting = [makers[name] for name in names]
    while waiting:
        place = waiting.pop()
        if place not in places:
            places.add(place)
            waiting += [
                makers[name]
                for name in source.nodes[place].inputs
                if name in makers and name not in ends
            ]
    return places

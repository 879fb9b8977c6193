"""Hints that the layers themselves prove, each with its numbers and what to do about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from core.layers.dtype_words import is_reduced
from core.layers.graph import LayerGraph, layer_graph
from core.layers.shares import is_reformat, shares_of
from core.layers.values import Hint, Layer, LayerTable
from core.text import counted, one_line

REFORMAT_TIME = 0.10
"""Of all layers' time. A few reformats at the model's ends are normal and cost a few percent."""
REFORMAT_LAYERS = 0.25
"""Of all layers, where no times are known: one to every three that compute."""
ISLAND_TIME = 0.02
"""Of all layers' time. Less is within what repeated measurements differ by: trtexec itself warns
only above 2.5 % variation."""
TINY_LAYER_MS = 0.010
"""Starting a kernel costs some 3 to 10 microseconds; a GPU that is done sooner waits for more."""
TINY_LEAST_LAYERS = 5
"""Of fewer layers nothing can be said."""
QDQ_TIME = 0.01
"""Of all layers' time: less would not be felt."""

_QDQ_TYPES = frozenset({"quantize", "dequantize", "quantizelinear", "dequantizelinear"})


def with_hints(table: LayerTable) -> LayerTable:
    """The table with all hints that hold for it; see hints_for."""
    return replace(table, hints=hints_for(table))


def hints_for(table: LayerTable) -> tuple[Hint, ...]:
    """What is sure. Names alone tell of reformats only; an ONNX is not yet an engine."""
    hints = [_reformats(table)]
    if table.detailed and table.source != "onnx":
        graph = layer_graph(table)
        hints += [_all_fp32(table), _islands(table, graph), _tiny(table), _quantizers(table)]
    return tuple(hint for hint in hints if hint is not None)


def _reformats(table: LayerTable) -> Hint | None:
    shares = shares_of(table)
    found, total = shares.reformats, len(table.layers)
    if found.share is not None:
        if found.share <= REFORMAT_TIME:
            return None
        message = (
            f"{found.share * 100:.0f} % of the time ({found.time_ms or 0:.3g} ms) goes into "
            f"{counted(found.layers, 'reformat')}, {_only_copy(found.layers)}."
        )
    else:
        if shares.total_ms is not None or found.layers <= REFORMAT_LAYERS * total:
            return None
        are = "is a reformat" if found.layers == 1 else "are reformats"
        of = f"{found.layers:,} of {counted(total, 'layer')}"
        message = f"{of} {are}, {_only_copy(found.layers)}."
    if table.source == "onnx":
        advice = "ONNX Runtime adds them around layers that its fast format does not know."
    else:
        advice = (
            "Look at the layers on both sides of the slowest: a plugin or a layer in another "
            "precision forces them. At the model's ends, build with the format that is inside "
            "(--inputIOFormats, --outputIOFormats)."
        )
    return Hint("reformats", message, advice)


def _only_copy(layers: int) -> str:
    copy = "copies a tensor" if layers == 1 else "copy tensors"
    return f"which only {copy} into another format"


def _all_fp32(table: LayerTable) -> Hint | None:
    heavy = [layer for layer in table.layers if layer.weight_bytes]
    if not heavy or any(is_reduced(layer.precision) for layer in table.layers):
        return None
    if any(layer.precision != "float32" for layer in heavy):
        return None
    return Hint(
        "all-fp32",
        f"All {counted(len(heavy), 'layer')} with weights compute in FP32, and no layer in less.",
        "If the engine was meant to be FP16, it is not: up to TensorRT 10 build with --fp16, from "
        "11 on cast the ONNX to FP16 first.",
    )


def _islands(table: LayerTable, graph: LayerGraph) -> Hint | None:
    """Connected FP32 layers with lower precision before and behind, away from the model's ends."""
    layers = {layer.index: layer for layer in table.layers}
    before: dict[int, list[int]] = defaultdict(list)
    after: dict[int, list[int]] = defaultdict(list)
    for edge in graph.edges:
        before[edge.target].append(edge.source)
        after[edge.source].append(edge.target)
    ends = {tensor.name for tensor in (*table.inputs, *table.outputs)}
    islands: list[list[Layer]] = []
    seen: set[int] = set()
    for start in graph.nodes:
        if start in seen or layers[start].precision != "float32":
            continue
        group, waiting = {start}, [start]
        while waiting:
            node = waiting.pop()
            for other in (*before[node], *after[node]):
                if other not in group and layers[other].precision == "float32":
                    group.add(other)
                    waiting.append(other)
        seen |= group
        members = [layers[node] for node in sorted(group)]
        at_the_end = any(
            tensor.name in ends for one in members for tensor in (*one.inputs, *one.outputs)
        )
        lower_before = any(is_reduced(layers[o].precision) for n in group for o in before[n])
        lower_after = any(is_reduced(layers[o].precision) for n in group for o in after[n])
        work = [one for one in members if not is_reformat(one)]
        if work and lower_before and lower_after and not at_the_end and ends:
            islands.append(members)
    if not islands:
        return None
    share = _share([layer for island in islands for layer in island])
    if share is not None and share < ISLAND_TIME:
        return None
    cost = "" if share is None else f", {share * 100:.0f} % of the time with their reformats"
    first = next(layer for layer in islands[0] if not is_reformat(layer))
    return Hint(
        "fp32-islands",
        f"{counted(len(islands), 'island')} of FP32 between layers of lower precision: "
        f"{counted(sum(map(len, islands)), 'layer')}{cost}, such as {one_line(first.name, 60)}.",
        "Where accuracy does not need FP32 (norms and softmax often do), let the ONNX compute "
        "them in FP16, or drop the casts and constraints around them.",
    )


def _tiny(table: LayerTable) -> Hint | None:
    timed = [layer.time_ms for layer in table.layers if layer.time_ms is not None]
    batches = {tensor.dims[0] for tensor in table.inputs if len(tensor.dims) > 1}
    if len(timed) < TINY_LEAST_LAYERS or batches != {1} or max(timed) >= TINY_LAYER_MS:
        return None
    return Hint(
        "tiny-batch",
        f"The batch is 1 and none of {counted(len(timed), 'layer')} takes "
        f"{TINY_LAYER_MS * 1000:.0f} microseconds (the slowest {max(timed) * 1000:.1f}): starting "
        "them costs as much as computing.",
        "Use a larger batch, a CUDA graph, or several execution contexts at once.",
    )


def _quantizers(table: LayerTable) -> Hint | None:
    """Q/DQ layers that were not fused; those at the model's ends have to be there."""
    ends = {tensor.name for tensor in (*table.inputs, *table.outputs)}
    left = [
        layer
        for layer in table.layers
        if (layer.type.lower() in _QDQ_TYPES or str(layer.details.get("Origin")).upper() == "QDQ")
        and not ends & {tensor.name for tensor in (*layer.inputs, *layer.outputs)}
    ]
    if not left:
        return None
    share = _share(left)
    if share is not None and share < QDQ_TIME:
        return None
    cost = "" if share is None else f" ({share * 100:.0f} % of the time)"
    verb = "runs as a layer of its own" if len(left) == 1 else "run as layers of their own"
    return Hint(
        "qdq-left",
        f"{counted(len(left), 'Q/DQ node')}{cost} {verb} instead of being fused, such as "
        f"{one_line(left[0].name, 60)}.",
        "Quantize both inputs of an addition and what follows a concatenation, so that the "
        "neighbours can take INT8 in and out (TensorRT's documentation, Q/DQ placement).",
    )


def _share(layers: Sequence[Layer]) -> float | None:
    shares = [layer.share for layer in layers if layer.share is not None]
    return sum(shares) if shares else None

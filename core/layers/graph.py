"""Which layer feeds which, and where to draw them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.layers.values import LayerTable

Positions = dict[int, tuple[float, float]]
"""(x, y) by layer index: y is the row from the inputs down, x the place in the row. One apart."""

_SWEEPS = 4  # of ordering the rows; more hardly moves anything
_LONELY_PER_ROW = 12  # layers without any connection, drawn in rows below all others


@dataclass(frozen=True, slots=True)
class LayerEdge:
    """A tensor on its way from the layer that makes it to one that reads it."""

    source: int  # Layer.index
    target: int
    tensor: str


@dataclass(frozen=True, slots=True)
class LayerGraph:
    """Layers as nodes, by Layer.index in the model's order, and the tensors between them."""

    nodes: tuple[int, ...]
    edges: tuple[LayerEdge, ...]


def layer_graph(table: LayerTable) -> LayerGraph:
    """Connect layers by the names of their tensors.

    A name can be written by several layers (Myelin uses its scratch tensors again): a reader
    gets it from the last writer before it. Only where there is none before, as in a loop, from
    the first behind it.
    """
    first: dict[str, int] = {}
    for layer in table.layers:
        for tensor in layer.outputs:
            first.setdefault(tensor.name, layer.index)
    last: dict[str, int] = {}
    edges: dict[LayerEdge, None] = {}
    for layer in table.layers:
        for tensor in layer.inputs:
            source = last.get(tensor.name, first.get(tensor.name))
            if tensor.name and source is not None and source != layer.index:
                edges[LayerEdge(source, layer.index, tensor.name)] = None
        last.update((tensor.name, layer.index) for tensor in layer.outputs)
    return LayerGraph(tuple(layer.index for layer in table.layers), tuple(edges))


def neighbourhood(graph: LayerGraph, index: int, radius: int = 1) -> LayerGraph:
    """The part of a graph within `radius` edges of a layer, whichever way they point."""
    near: dict[int, list[int]] = defaultdict(list)
    for edge in graph.edges:
        near[edge.source].append(edge.target)
        near[edge.target].append(edge.source)
    found = edge_of = {index}
    for _ in range(radius):
        edge_of = {other for one in edge_of for other in near[one]} - found
        found = found | edge_of
    return LayerGraph(
        tuple(node for node in graph.nodes if node in found),
        tuple(edge for edge in graph.edges if edge.source in found and edge.target in found),
    )


def laid_out(graph: LayerGraph) -> Positions:
    """Positions for drawing, inputs on top: each layer one row below the lowest that feeds it.

    Rows are ordered by the mean place of their neighbours (Sugiyama's method: longest path,
    barycentres), then spread so that each layer stands as near below its own as fits. Edges that
    point back, in loops, do not move anything. Layers without connections come in rows below.
    """
    before: dict[int, list[int]] = {node: [] for node in graph.nodes}
    after: dict[int, list[int]] = {node: [] for node in graph.nodes}
    place = {node: number for number, node in enumerate(graph.nodes)}
    pairs = {(edge.source, edge.target) for edge in graph.edges}
    for source, target in sorted(pairs):
        if place[source] < place[target]:
            before[target].append(source)
            after[source].append(target)
    row: dict[int, int] = {}
    lonely = []
    for node in graph.nodes:  # in the model's order, so what feeds a layer has its row already
        if before[node] or after[node]:
            row[node] = max((row[one] + 1 for one in before[node]), default=0)
        else:
            lonely.append(node)
    for node in reversed(graph.nodes):  # constants stand just above what reads them
        if not before[node] and after[node]:
            row[node] = min(row[one] for one in after[node]) - 1
    top = min(row.values(), default=0)
    rows: list[list[int]] = [[] for _ in range(max(row.values(), default=-1) - top + 1)]
    for node in row:
        rows[row[node] - top].append(node)
    x = _ordered(rows, before, after)
    positions: Positions = {
        node: (x[node], float(number)) for number, nodes in enumerate(rows) for node in nodes
    }
    for number, node in enumerate(lonely):
        down, right = divmod(number, _LONELY_PER_ROW)
        positions[node] = (right - (_LONELY_PER_ROW - 1) / 2, float(len(rows) + down))
    return positions


def _ordered(
    rows: list[list[int]], before: Mapping[int, list[int]], after: Mapping[int, list[int]]
) -> dict[int, float]:
    """Sort each row in place, and give the x of its layers."""
    x = {node: number - (len(nodes) - 1) / 2 for nodes in rows for number, node in enumerate(nodes)}
    for sweep in range(_SWEEPS):
        for nodes in rows if sweep % 2 == 0 else reversed(rows):
            near = before if sweep % 2 == 0 else after
            wish = {node: _mean((x[one] for one in near[node]), x[node]) for node in nodes}
            nodes.sort(key=wish.__getitem__)
            for number, node in enumerate(nodes):
                x[node] = number - (len(nodes) - 1) / 2
    for sweep in range(2):
        for nodes in rows if sweep % 2 == 0 else reversed(rows):
            near = before if sweep % 2 == 0 else after
            wishes = [_mean((x[one] for one in near[node]), x[node]) for node in nodes]
            x.update(zip(nodes, _apart(wishes), strict=True))
    return x


def _mean(values: Iterable[float], default: float) -> float:
    listed = list(values)
    return math.fsum(listed) / len(listed) if listed else default


def _apart(wishes: Sequence[float]) -> list[float]:
    """The places nearest to the wishes (least squares) that keep their order, one apart.

    Isotonic regression by pooling adjacent violators: blocks of (sum, count) whose mean must not
    fall.
    """
    blocks: list[tuple[float, int]] = []
    for number, wish in enumerate(wishes):
        block = (wish - number, 1)
        while blocks and blocks[-1][0] / blocks[-1][1] >= block[0] / block[1]:
            last = blocks.pop()
            block = (last[0] + block[0], last[1] + block[1])
        blocks.append(block)
    means = [total / count for total, count in blocks for _ in range(count)]
    return [mean + number for number, mean in enumerate(means)]

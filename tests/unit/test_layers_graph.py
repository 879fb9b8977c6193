"""The graph of layers, and where it is drawn."""

from __future__ import annotations

import itertools

from core.layers.graph import LayerEdge, laid_out, layer_graph, neighbourhood
from core.layers.inspector import read_layer_json
from core.layers.values import Layer, LayerTable, LayerTensor
from tests.unit.layer_json import of_10, of_11, text


def table_of(*layers: tuple[str, str]) -> LayerTable:
    """Layers as ("inputs", "outputs"), a letter for each tensor."""
    return LayerTable(
        source="engine",
        layers=tuple(
            Layer(
                index=index,
                name=f"layer{index}",
                inputs=tuple(LayerTensor(name=one) for one in inputs),
                outputs=tuple(LayerTensor(name=one) for one in outputs),
            )
            for index, (inputs, outputs) in enumerate(layers)
        ),
    )


DIAMOND = table_of(("i", "a"), ("a", "b"), ("a", "c"), ("bc", "o"))


def edges_of(table: LayerTable) -> list[tuple[int, int, str]]:
    return [(one.source, one.target, one.tensor) for one in layer_graph(table).edges]


def test_layers_are_connected_by_their_tensors() -> None:
    assert edges_of(DIAMOND) == [(0, 1, "a"), (0, 2, "a"), (1, 3, "b"), (2, 3, "c")]
    for value in (of_10(), of_11()):
        pairs = [(one[0], one[1]) for one in edges_of(read_layer_json(text(value)))]
        assert pairs == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_a_tensor_that_is_written_again_comes_from_the_last_writer() -> None:
    assert edges_of(table_of(("", "t"), ("t", "u"), ("u", "t"), ("t", "o"))) == [
        (0, 1, "t"),
        (1, 2, "u"),
        (2, 3, "t"),
    ]


def test_a_loop_points_back_and_does_not_move_anything() -> None:
    table = table_of(("n", "a"), ("a", "n"))
    assert edges_of(table) == [(1, 0, "n"), (0, 1, "a")]
    positions = laid_out(layer_graph(table))
    assert positions[0][1] < positions[1][1]
    assert edges_of(table_of(("a", "a"))) == []


def test_each_layer_stands_below_what_feeds_it() -> None:
    positions = laid_out(layer_graph(DIAMOND))
    assert [positions[node][1] for node in range(4)] == [0, 1, 1, 2]
    assert abs(positions[1][0] - positions[2][0]) >= 1
    # Both ends stand in the middle above and below the two.
    assert positions[0][0] == positions[3][0] == (positions[1][0] + positions[2][0]) / 2


def test_a_chain_is_straight() -> None:
    names = "abcdefgh"
    table = table_of(*(itertools.pairwise(names)))
    assert {x for x, _ in laid_out(layer_graph(table)).values()} == {0.0}


def test_crossings_are_undone() -> None:
    # Two chains whose second layers come in the other order.
    table = table_of(("", "a"), ("", "b"), ("b", "c"), ("a", "d"), ("cd", "o"))
    positions = laid_out(layer_graph(table))
    assert (positions[0][0] < positions[1][0]) == (positions[3][0] < positions[2][0])


def test_constants_stand_just_above_what_reads_them() -> None:
    table = table_of(("i", "a"), ("", "k"), ("a", "b"), ("b", "c"), ("ck", "o"))
    positions = laid_out(layer_graph(table))
    assert positions[1][1] == positions[4][1] - 1


def test_layers_without_connections_come_below_in_rows() -> None:
    names = LayerTable(
        source="engine",
        layers=tuple(Layer(index=index, name=str(index)) for index in range(30)),
        detailed=False,
    )
    positions = laid_out(layer_graph(names))
    assert len(set(positions.values())) == 30
    assert {y for _, y in positions.values()} == {0.0, 1.0, 2.0}


def test_neighbours_are_found_in_both_directions() -> None:
    graph = layer_graph(table_of(("i", "a"), ("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")))
    assert neighbourhood(graph, 2, 0).nodes == (2,)
    near = neighbourhood(graph, 2)
    assert near.nodes == (1, 2, 3)
    assert near.edges == (LayerEdge(1, 2, "b"), LayerEdge(2, 3, "c"))
    assert neighbourhood(graph, 2, 9).nodes == (0, 1, 2, 3, 4)
    assert set(laid_out(near)) == {1, 2, 3}


def test_thousands_of_layers_in_a_row_overlap_nowhere() -> None:
    table = LayerTable(
        source="engine",
        layers=tuple(
            Layer(
                index=index,
                name=str(index),
                inputs=tuple(LayerTensor(name=str(one)) for one in {index // 2, index - 1}),
                outputs=(LayerTensor(name=str(index)),),
            )
            for index in range(5000)
        ),
    )
    graph = layer_graph(table)
    positions = laid_out(graph)
    assert len(positions) == 5000
    rows: dict[float, list[float]] = {}
    for x, y in positions.values():
        rows.setdefault(y, []).append(x)
    for places in rows.values():
        places.sort()
        assert all(b - a >= 1 - 1e-9 for a, b in itertools.pairwise(places))
    assert all(
        positions[edge.source][1] < positions[edge.target][1]
        for edge in graph.edges
        if edge.source < edge.target
    )


def test_nothing_is_drawn_of_nothing() -> None:
    assert laid_out(layer_graph(table_of())) == {}

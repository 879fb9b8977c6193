"""An ONNX's layers from its file, and what ONNX Runtime makes of them."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from core.errors import Cancelled, EnginebayError
from core.layers import onnx_times
from core.layers.graph import layer_graph
from core.layers.hints import hints_for
from core.layers.onnx_layers import SAME_TYPE, read_onnx_layers
from core.layers.onnx_times import time_onnx_layers
from core.layers.profile import was_cancelled
from core.layers.shares import shares_of
from core.layers.values import LayerTable
from core.modelfile import read_model_file
from core.modelfile.onnx_nodes import read_onnx_nodes
from core.paths import DEMO_MODEL
from core.sessions import layer_timing
from core.sessions.base import Arrays, Timing
from core.sessions.onnx import OnnxSession
from tests.unit import onnx_models
from tests.unit.endless_model import endless
from tests.unit.sample_files import sample

SAMPLES = (
    "models/mnist_cntk.onnx",
    "models/ultraface_RFB-320.onnx",
    "models/yolox_nano_coco80_416.onnx",
    "models/road_segmentation_adas_0001.onnx",
)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_timing, "LEAST_SECONDS", 0.0)


def small(folder: Path) -> Path:
    """x float32 (1, 8) @ weights (8, 4) + bias -> relu -> cast to float16; the matmul has no name.

    A second output adds the bias once more, and a constant.
    """
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sum"], name="add"),
        helper.make_node("Relu", ["sum"], ["positive"], name="relu"),
        helper.make_node("Cast", ["positive"], ["half"], name="cast", to=onnx.TensorProto.FLOAT16),
        helper.make_node(
            "Constant",
            [],
            ["two"],
            name="constant",
            value=onnx.numpy_helper.from_array(np.full(4, 2, np.float32)),
        ),
        helper.make_node("Add", ["bias", "two"], ["shifted"], name="shift"),
        helper.make_node("Add", ["shifted", "sum"], ["other"], name="last"),
    ]
    return onnx_models.save(
        folder / "small.onnx",
        nodes,
        [("x", "float32", (1, 8))],
        [("half", "float16", (1, 4)), ("other", "float32", (1, 4))],
        {
            "weights": np.arange(32, dtype=np.float32).reshape(8, 4),
            "bias": np.arange(4, dtype=np.float32),
        },
    )


def layers_of(path: Path) -> LayerTable:
    return read_onnx_layers(read_model_file(path))


def test_the_files_nodes_are_the_layers(tmp_path: Path) -> None:
    table = layers_of(small(tmp_path))
    assert table.source == "onnx"
    assert table.schema == "opset 17"
    assert [one.name for one in table.layers] == [
        "MatMul_0",
        "add",
        "relu",
        "cast",
        "constant",
        "shift",
        "last",
    ]
    assert [one.type for one in table.layers[:4]] == ["MatMul", "Add", "Relu", "Cast"]
    assert any("1 node without a name" in note for note in table.notes)
    matmul, add, _, cast, constant, shift, _ = table.layers
    assert [(one.name, one.dtype, one.dims) for one in matmul.inputs] == [("x", "float32", (1, 8))]
    assert matmul.details["weights"] == ["weights: float32 [8, 4]"]
    # The bias counts for the first that reads it; the constant for its own node.
    assert [one.weight_bytes for one in (matmul, add, constant, shift)] == [128, 16, 16, 0]
    assert cast.details["to"] == 10
    assert [one.precision for one in table.layers] == ["float32"] * 3 + ["float16"] + [
        "float32"
    ] * 3
    assert [one.name for one in table.outputs] == ["half", "other"]


@pytest.mark.parametrize("name", ["", *SAMPLES], ids=lambda name: name or "the demo")
def test_onnx_itself_reads_the_same_nodes(name: str) -> None:
    path = sample(name) if name else DEMO_MODEL
    graph = onnx.load(str(path)).graph
    found = read_onnx_nodes(path)
    assert [
        (node.name, node.operator, node.domain, node.inputs, node.outputs) for node in found.nodes
    ] == [
        (node.name, node.op_type, node.domain, tuple(node.input), tuple(node.output))
        for node in graph.node
    ]
    dims = {one.name: tuple(one.dims) for one in graph.initializer}
    assert {name: one.dims for name, one in found.weights.items()} == dims
    compared = 0
    for node, wanted in zip(found.nodes, graph.node, strict=True):
        for attribute in wanted.attribute:
            value = helper.get_attribute_value(attribute)
            got = node.attributes[attribute.name]
            if isinstance(value, (int, float)) or (isinstance(value, list) and value):
                assert got == (value[:64] if isinstance(value, list) else value)
                compared += 1
            elif isinstance(value, bytes):
                assert got == value.decode()
                compared += 1
    assert compared > 0


def test_weight_bytes_add_up_to_the_files() -> None:
    file = read_model_file(DEMO_MODEL)
    assert file.onnx is not None
    total = sum(one.weight_bytes or 0 for one in read_onnx_layers(file).layers)
    assert total == file.onnx.graph.weights_bytes


@pytest.mark.parametrize("operator", sorted(SAME_TYPE))
def test_operators_taken_to_keep_the_dtype_do_so(operator: str) -> None:
    schema = onnx.defs.get_schema(operator)
    assert schema.outputs[0].type_str == schema.inputs[0].type_str


def test_the_graph_connects_nodes(tmp_path: Path) -> None:
    edges = {(one.source, one.target) for one in layer_graph(layers_of(small(tmp_path))).edges}
    assert edges == {(0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (1, 6)}


def test_no_hint_of_an_engine_is_given_of_an_onnx(tmp_path: Path) -> None:
    assert hints_for(layers_of(small(tmp_path))) == ()


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = small(tmp_path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(EnginebayError) as caught:
        layers_of(path)
    assert caught.value.kind == "truncated-onnx"


def test_external_weights_count_without_being_read(tmp_path: Path) -> None:
    path = onnx_models.external_data(tmp_path, "weights.bin")
    tensors = list(onnx.load(str(path), load_external_data=False).graph.initializer)
    assert len(tensors) == 1
    size = int(np.prod(tensors[0].dims)) * 4
    (tmp_path / "weights.bin").write_bytes(bytes(size))
    assert sum(one.weight_bytes or 0 for one in layers_of(path).layers) == size


# Times


def test_what_ran_is_timed_with_shapes_and_origins(tmp_path: Path) -> None:
    table = time_onnx_layers(read_model_file(small(tmp_path)), runs=10)
    assert table.runs == 10
    assert sum(one.share or 0 for one in table.layers) == pytest.approx(1)
    shares = shares_of(table)
    assert shares.total_ms == pytest.approx(sum(one.time_ms or 0 for one in table.layers))
    assert all(one.median_ms is not None for one in table.layers)
    assert all(one.dims == (1, 4) for layer in table.layers for one in layer.outputs)
    # ONNX Runtime folds the constants and may fuse MatMul and Add; nothing is claimed twice.
    names = [name for layer in table.layers for name in layer.origin]
    assert len(names) == len(set(names))
    assert set(names) >= {"relu", "cast", "last", "MatMul_0", "add"}
    fused = next(layer for layer in table.layers if "add" in layer.origin)
    assert fused.type in ("Gemm", "Add")
    assert f"{len(table.layers)} nodes after optimisation, of 7 in the file" in table.notes[0]


def test_the_demos_nodes_are_timed_and_connected() -> None:
    table = time_onnx_layers(read_model_file(DEMO_MODEL), runs=10)
    source = read_onnx_nodes(DEMO_MODEL)
    assert 10 < len(table.layers) < len(source.nodes)
    known = {node.name for node in source.nodes}
    origins = [name for layer in table.layers for name in layer.origin]
    assert set(origins) <= known
    assert len(origins) == len(set(origins))
    convolutions = [layer for layer in table.layers if layer.type == "Conv"]
    assert len(convolutions) == sum(node.operator == "Conv" for node in source.nodes)
    assert all(layer.origin for layer in convolutions)
    # Everything but the last nodes feeds another.
    edges = layer_graph(table).edges
    ends = {one.name for one in table.outputs}
    for layer in table.layers:
        is_end = any(one.name in ends for one in layer.outputs)
        assert is_end or any(edge.source == layer.index for edge in edges), layer.name


@pytest.mark.parametrize("name", SAMPLES)
def test_real_models_sums_match(name: str) -> None:
    table = time_onnx_layers(read_model_file(sample(name)), runs=2)
    assert table.runs == 2
    assert sum(one.share or 0 for one in table.layers) == pytest.approx(1)
    origins = [name for layer in table.layers for name in layer.origin]
    assert origins


def test_inputs_may_be_given(tmp_path: Path) -> None:
    inputs = {"x": np.ones((1, 8), np.float32)}
    assert time_onnx_layers(read_model_file(small(tmp_path)), inputs=inputs, runs=1).runs == 1


def test_nodes_inside_a_loops_body_count_in_the_loop(tmp_path: Path) -> None:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["still"]),
            helper.make_node("Add", ["value", "value"], ["doubled"], name="inner"),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", onnx.TensorProto.INT64, []),
            helper.make_tensor_value_info("going", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", onnx.TensorProto.FLOAT, [4]),
        ],
        [
            helper.make_tensor_value_info("still", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("doubled", onnx.TensorProto.FLOAT, [4]),
        ],
    )
    path = onnx_models.save(
        tmp_path / "loop.onnx",
        [
            helper.make_node("Loop", ["times", "", "x"], ["looped"], name="loop", body=body),
            helper.make_node("Neg", ["looped"], ["y"], name="neg"),
        ],
        [("x", "float32", (4,))],
        [("y", "float32", (4,))],
        {"times": np.array(5, np.int64)},
    )
    assert any("graph inside" in note for note in layers_of(path).notes)
    table = time_onnx_layers(read_model_file(path), runs=3)
    assert [layer.type for layer in table.layers] == ["Loop", "Neg"]
    assert any("inside If, Loop and Scan" in note for note in table.notes)


def test_without_the_optimised_graph_the_nodes_come_from_the_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.sessions.onnx._MAX_OPTIMIZED", 0)
    table = time_onnx_layers(read_model_file(small(tmp_path)), runs=2)
    assert {"relu", "cast"} <= {layer.name for layer in table.layers}
    assert sum(one.share or 0 for one in table.layers) == pytest.approx(1)
    assert any("How these nodes are connected is not known" in note for note in table.notes)
    assert layer_graph(table).edges == ()


def test_a_stop_keeps_the_runs_so_far(tmp_path: Path) -> None:
    file = read_model_file(small(tmp_path))
    answers = iter([False] * (layer_timing.WARM_UP_RUNS + 2) + [True])
    table = time_onnx_layers(file, stop=answers.__next__)
    assert table.runs == 2
    assert any("cancelled" in note for note in table.notes)
    with pytest.raises(Cancelled):
        time_onnx_layers(file, stop=lambda: True)


@pytest.mark.parametrize("content", ["", "[1]", '[{"cat": "Node", "name": "a_kernel_time"}]'])
def test_a_trace_that_cannot_be_read_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "trace.json"
    path.write_text(content)
    with pytest.raises(EnginebayError) as caught:
        onnx_times._read_trace(path)
    assert caught.value.kind == "no-profile"


def test_warm_up_and_times_come_from_each_runs_own_events(tmp_path: Path) -> None:
    def event(cat: str, name: str, ts: int, dur: int, **told: object) -> dict[str, object]:
        return {"cat": cat, "name": name, "ts": ts, "dur": dur, "ph": "X", "args": told}

    events = [
        event("Session", "session_initialization", 0, 90),
        event("Node", "a_kernel_time", 101, 4, op_name="Add"),
        event("Node", "a_fence_before", 100, 0, op_name="Add"),
        event("Session", "model_run", 100, 9),
        event("Node", "a_kernel_time", 201, 2, op_name="Add", output_type_shape=[{"float": [2]}]),
        event("Session", "model_run", 200, 9),
    ]
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(events))
    (first, second), has_inner = onnx_times._read_trace(path)
    assert not has_inner
    assert [(one.name, one.operator, one.ms) for one in first] == [("a", "Add", 0.004)]
    assert second[0].ms == 0.002
    assert second[0].outputs[0].dtype == "float32"
    assert second[0].outputs[0].dims == (2,)


def test_a_run_that_takes_hours_is_interrupted(tmp_path: Path) -> None:
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    with pytest.raises(Cancelled):
        time_onnx_layers(read_model_file(endless(tmp_path)), stop=stop.is_set)
    timer.join()


def test_an_interrupted_run_leaves_the_times_of_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three runs to warm up, two that count, and the sixth is interrupted."""
    ran: list[int] = []
    execute = OnnxSession._execute

    def sixth_is_interrupted(session: OnnxSession, inputs: Arrays) -> tuple[Arrays, Timing]:
        ran.append(1)
        if len(ran) == 6:
            raise Cancelled
        return execute(session, inputs)

    monkeypatch.setattr(OnnxSession, "_execute", sixth_is_interrupted)
    table = time_onnx_layers(read_model_file(onnx_models.classifier(tmp_path)))
    assert table.runs == 2
    assert was_cancelled(table)
    assert all(layer.time_ms is not None for layer in table.layers)

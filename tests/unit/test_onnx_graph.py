"""What an ONNX file's graph says of itself, read within a budget."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.modelfile import GraphValue, OnnxGraph, read_model_file
from core.modelfile.onnx_graph import read_onnx_graph
from core.modelfile.onnx_messages import DTYPES
from core.tensors import size_bytes
from tests.unit.onnx_models import external_tensor
from tests.unit.sample_files import sample
from tests.unit.wire import length, nested, varint

Nodes = list[onnx.NodeProto]
Tensors = list[onnx.TensorProto]
MEGABYTE = 1_000_000
UNKNOWN = OnnxGraph()


def graph_of(data: bytes, budget: int = MEGABYTE) -> OnnxGraph:
    return read_onnx_graph(io.BytesIO(data), len(data), budget)


def value(name: str, dtype: int = TensorProto.FLOAT, shape: Any = (2,)) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def model_of(
    nodes: Nodes,
    inputs: list[onnx.ValueInfoProto] | None = None,
    outputs: list[onnx.ValueInfoProto] | None = None,
    tensors: Tensors | None = None,
    **more: Any,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes, "g", inputs or [value("x")], outputs or [value("y")], tensors or [], **more
    )
    return helper.make_model(graph, ir_version=8)


def identity(domain: str = "") -> onnx.NodeProto:
    return helper.make_node("Identity", ["x"], ["y"], domain=domain)


def tensor(array: np.ndarray, name: str = "w") -> onnx.TensorProto:
    return numpy_helper.from_array(array, name)


def read(made: onnx.ModelProto) -> OnnxGraph:
    graph = graph_of(made.SerializeToString())
    assert graph.damage == ""
    return graph


# inputs and outputs


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (value("a"), GraphValue("a", "float32", (2,))),
        (value("é", TensorProto.INT64, ("n", 3, None)), GraphValue("é", "int64", (None, 3, None))),
        (value("a", TensorProto.BFLOAT16, ()), GraphValue("a", "bfloat16", ())),
        (value("a", TensorProto.STRING, (-1, 0)), GraphValue("a", "string", (None, 0))),
        (value("a", TensorProto.FLOAT8E5M2, None), GraphValue("a", "float8_e5m2", None)),
        (value("a", 99), GraphValue("a", "unknown (99)", (2,))),
        (onnx.ValueInfoProto(name="a"), GraphValue("a", "unknown", None)),
        (
            helper.make_tensor_sequence_value_info("a", TensorProto.FLOAT, None),
            GraphValue("a", "sequence", None),
        ),
    ],
)
def test_inputs_and_outputs_have_names_dtypes_and_shapes(
    given: onnx.ValueInfoProto, expected: GraphValue
) -> None:
    graph = read(model_of([identity()], [given], [value("b"), given]))
    assert graph.inputs == (expected,)
    assert graph.outputs == (GraphValue("b", "float32", (2,)), expected)


def test_initializers_that_are_listed_as_inputs_are_none() -> None:
    sparse = helper.make_sparse_tensor(
        tensor(np.ones(1, np.float32), "s"), tensor(np.zeros(1, np.int64), ""), [4]
    )
    made = model_of(
        [identity()],
        [value("w"), value("x"), value("s")],
        tensors=[tensor(np.ones(2, np.float32))],
        sparse_initializer=[sparse],
    )
    graph = read(made)
    assert graph.inputs == (GraphValue("x", "float32", (2,)),)
    assert graph.weights_bytes == 8 + 4 + 8


# operators


def test_operators_are_counted_by_type() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"])] * 3 + [helper.make_node("Add", ["x"], ["y"])]
    graph = read(model_of(nodes))
    assert graph.operators == 4
    assert graph.operator_types == {"Relu": 3, "Add": 1}
    assert list(graph.operator_types) == ["Relu", "Add"]


def branch(*nodes: onnx.NodeProto, tensors: Tensors | None = None) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), "branch", [], [value("y")], tensors or [])


def if_node(then: onnx.GraphProto) -> onnx.NodeProto:
    other = branch(identity())
    return helper.make_node("If", ["x"], ["y"], then_branch=then, else_branch=other)


def constant(array: np.ndarray) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["c"], value=tensor(array))


def test_a_body_belongs_to_its_operator_and_its_weights_to_the_model() -> None:
    inner = if_node(branch(constant(np.ones(3, np.float16)), identity("acme")))
    outer = if_node(branch(inner, tensors=[tensor(np.ones(5, np.float16))]))
    graph = read(model_of([outer, constant(np.ones(1, np.float16))]))
    assert graph.operators == 2
    assert graph.operator_types == {"If": 1, "Constant": 1}
    assert graph.weights_bytes == 2 * (3 + 5 + 1)
    assert graph.precision == "FP16"
    assert graph.custom_domains == ("acme",)


def test_custom_operators_are_those_that_neither_a_runtime_nor_the_file_knows() -> None:
    domains = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "mine")
    made = model_of([identity(one) for one in (*domains, "acme", "ai.onnx.contrib", "acme")])
    opset = [helper.make_opsetid("", 17)]
    body = [identity("other"), constant(np.ones(6, np.int8))]
    made.functions.append(helper.make_function("mine", "Identity", ["x"], ["y"], body, opset))
    graph = read(made)
    assert graph.custom_domains == ("acme", "ai.onnx.contrib", "other")
    assert graph.weights_bytes == 6


def test_an_operator_of_the_files_own_domain_that_it_does_not_define_is_custom() -> None:
    made = model_of([helper.make_node("Other", ["x"], ["y"], domain="mine")])
    opset = [helper.make_opsetid("", 17)]
    made.functions.append(helper.make_function("mine", "F", ["x"], ["y"], [identity()], opset))
    assert read(made).custom_domains == ("mine",)


def test_a_thousand_nodes_are_read_within_the_budget() -> None:
    nodes = [
        helper.make_node("Conv", [f"/model/layer{n}/in", f"w{n}"], [f"/model/layer{n}/out"],
                         name=f"/model/layer{n}/Conv", strides=[1, 1], pads=[1, 1, 1, 1])
        for n in range(1000)
    ]  # fmt: skip
    weights = [tensor(np.ones((4, 4, 3, 3), np.float32), f"w{n}") for n in range(1000)]
    graph = read(model_of(nodes, tensors=weights))
    assert graph.operators == 1000
    assert graph.operator_types == {"Conv": 1000}
    assert graph.weights_bytes == 1000 * 4 * 144
    assert graph.inputs == (GraphValue("x", "float32", (2,)),)


# weights


@pytest.mark.parametrize(
    ("arrays", "precision"),
    [
        ([], ""),
        ([np.ones(8, np.float32)], "FP32"),
        ([np.ones(8, np.float64)], "FP64"),
        ([np.ones(8, np.float16)], "FP16"),
        ([np.ones(8, np.uint8)], "INT8"),
        ([np.ones(95, np.int8), np.ones(5, np.float32)], "INT8"),
        ([np.ones(50, np.float16), np.ones(50, np.float32)], "mixed"),
        ([np.ones(8, np.float16), np.ones(800, np.int64)], "FP16"),
        ([np.ones(4, np.int64)], "INT64"),
        ([np.ones(4, np.int64), np.ones(4, np.int32)], "mixed"),
        ([np.ones(0, np.float32)], ""),
    ],
)
def test_precision_is_what_nine_of_ten_weights_are_stored_as(
    arrays: list[np.ndarray], precision: str
) -> None:
    tensors = [tensor(array, f"w{n}") for n, array in enumerate(arrays)]
    graph = read(model_of([identity()], tensors=tensors))
    assert graph.precision == precision
    assert graph.weights_bytes == sum(array.nbytes for array in arrays)
    assert graph.external_bytes == 0


SIZED = [dtype for dtype, name in DTYPES.items() if size_bytes(name, (2, 5)) is not None]


@pytest.mark.parametrize("dtype", sorted({*SIZED} & {*helper.get_all_tensor_dtypes()}))
def test_every_type_has_its_size_however_its_values_are_written(dtype: int) -> None:
    size = size_bytes(DTYPES[dtype], (2, 5))
    assert size is not None
    values = [0j if dtype in (14, 15) else 0] * 10
    typed = helper.make_tensor("w", dtype, [2, 5], values)
    raw = TensorProto(name="w", dims=[2, 5], data_type=dtype, raw_data=bytes(size))
    for one in (typed, raw):
        assert read(model_of([identity()], tensors=[one])).weights_bytes == size


def test_words_count_as_long_as_they_are() -> None:
    words = np.array(["cat", "mouse"], object)
    assert read(model_of([identity()], tensors=[tensor(words)])).weights_bytes == 8


def test_external_weights_are_sized_by_what_is_declared() -> None:
    tensors = [external_tensor("b.bin", "b"), external_tensor("a.bin", "a"),
               external_tensor("b.bin", "c"), tensor(np.ones(4, np.float32))]  # fmt: skip
    graph = read(model_of([identity()], tensors=tensors))
    assert graph.external_data == ("b.bin", "a.bin")
    assert graph.external_bytes == 3 * 768
    assert graph.weights_bytes == 3 * 768 + 16


LIES: dict[str, Callable[[], onnx.TensorProto]] = {
    "more than is there": lambda: TensorProto(dims=[9], data_type=1, raw_data=bytes(8)),
    "less than is there": lambda: TensorProto(dims=[1], data_type=1, raw_data=bytes(8)),
    "nothing there": lambda: TensorProto(dims=[9], data_type=1),
    "far too much": lambda: TensorProto(dims=[2**40, 2**40], data_type=1, data_location=1),
    "a negative size": lambda: TensorProto(dims=[-1], data_type=1, data_location=1),
    "an unknown type": lambda: TensorProto(dims=[1], data_type=77, raw_data=bytes(8)),
    "no type": lambda: TensorProto(dims=[1], raw_data=bytes(8)),
    "too many dimensions": lambda: TensorProto(dims=[1] * 1000, data_type=1, raw_data=bytes(4)),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_tensor_that_contradicts_itself_has_no_size(lie: str) -> None:
    graph = read(model_of([identity()], tensors=[tensor(np.ones(4, np.float32)), LIES[lie]()]))
    assert (graph.weights_bytes, graph.external_bytes, graph.precision) == (None, None, None)
    assert graph.operators == 1


# budget, damage


class CountingFile:
    """A file of which most is a hole that nobody may read."""

    def __init__(self, data: dict[int, bytes], size: int) -> None:
        self.parts, self.size, self.at, self.count = data, size, 0, 0

    def seek(self, at: int) -> int:
        self.at = at
        return at

    def read(self, size: int) -> bytes:
        data = bytearray(max(min(size, self.size - self.at), 0))
        for start, part in self.parts.items():
            first, last = max(start, self.at), min(start + len(part), self.at + len(data))
            if first < last:
                data[first - self.at : last - self.at] = part[first - start : last - start]
        self.count += len(data)
        self.at += len(data)
        return bytes(data)


def test_weights_are_passed_over_however_large_they_are() -> None:
    raw = 5 * 10**9
    head = b"\x08" + varint(raw // 4) + b"\x10\x01\x42\x01w\x4a" + varint(raw)
    weights = b"\x2a" + varint(len(head) + raw) + head
    after = model_of([identity()]).graph.SerializeToString()
    start = b"\x08\x08\x3a" + varint(len(weights) + raw + len(after)) + weights
    size = len(start) + raw + len(after)
    file = CountingFile({0: start, len(start) + raw: after}, size)
    graph = read_onnx_graph(file, size, MEGABYTE)
    assert graph.weights_bytes == raw
    assert graph.inputs == (GraphValue("x", "float32", (2,)),)
    assert file.count < 2_000


@pytest.mark.parametrize("budget", [0, 1, 20, 1000, 20_000, 100_000])
def test_no_more_is_read_than_may_be_and_the_rest_is_not_known(budget: int) -> None:
    nodes = [helper.make_node("Relu", ["x" * 99], ["y" * 99]) for _ in range(2000)]
    data = model_of(nodes, tensors=[tensor(np.ones(4, np.float32))]).SerializeToString()
    whole = graph_of(data)
    file = CountingFile({0: data}, len(data))
    graph = read_onnx_graph(file, len(data), budget)
    assert file.count <= budget
    assert (graph.operator_types, graph.custom_domains) == (None, None)
    assert (graph.weights_bytes, graph.precision, graph.external_data) == (None, None, None)
    assert graph.operators in (None, 2000)
    assert graph.inputs in (None, whole.inputs)
    assert (graph.operators is None) == (budget < 40_000), "the outline takes 20 bytes of each"


def test_more_nodes_than_may_be_looked_at_are_not_known(tmp_path: Path) -> None:
    path = tmp_path / "big.onnx"
    node = length(1, length(1, b"x" * 300) + length(4, b"Relu"))
    path.write_bytes(b"\x08\x08" + length(7, node * 60_000))
    found = read_model_file(path)
    assert found.onnx is not None
    assert found.problem() is None
    assert found.onnx.graph == UNKNOWN


def test_external_data_found_before_the_budget_ended_counts(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x" * 300], ["y"]) for _ in range(5000)]
    made = model_of(nodes, tensors=[external_tensor("../w.bin")])
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    file = read_model_file(path)
    assert file.onnx is not None
    assert file.onnx.graph.external_data is None
    assert file.onnx.graph.found_locations == ("../w.bin",)
    problem = file.problem()
    assert problem is not None
    assert problem.kind == "external-data-outside"


@pytest.mark.parametrize(
    "inside",
    {
        "a huge length": b"\x0a" + varint(2**62),
        "a length beyond the graph": b"\x0a\x7f",
        "field 0": b"\x02\x00",
        "wire type 6": b"\x0e\x00",
        "a tag without end": b"\xff" * 12,
        "a length without end": b"\x0a" + b"\xff" * 12,
        "a group that ends nowhere": b"\x0b\x10\x01",
        "a group's end without one": b"\x0c",
        "another group's end": b"\x0b\x14",
        "groups in groups": b"\x0b" * 200,
        "four bytes of which two are there": b"\x0d\x00\x00",
        "eight bytes of which two are there": b"\x09\x00\x00",
        "a node that is none": length(1, b"\x0a\x7f"),
        "a tensor that is none": length(5, b"\x0a\x7f"),
        "dimensions that do not end": length(5, b"\x0a\x01\xff"),
        "an input that is none": length(11, b"\x0a\x7f"),
        "a type that is none": length(11, length(2, length(1, b"\x0a\x7f"))),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_graph_that_is_no_protobuf_is_damaged(tmp_path: Path, inside: tuple[str, bytes]) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x08\x08" + length(7, inside[1]))
    file = read_model_file(path)
    assert file.onnx is not None
    assert file.onnx.graph.weights_bytes is None
    problem = file.problem()
    assert problem is not None
    assert problem.kind == "damaged-onnx"
    assert problem.message.startswith("model.onnx is a damaged ONNX file: ")


def test_fields_of_every_kind_that_nobody_knows_are_passed_over() -> None:
    group = b"\x9b\x06\x0a\x03abc\xa3\x06\x0b\x0c\xa4\x06\x9c\x06"  # field 99, groups in it
    unknown = group + b"\x99\x06" + bytes(8) + b"\x9d\x06" + bytes(4) + b"\x98\x06\x05"
    made = model_of([identity()], tensors=[tensor(np.ones(4, np.float32))])
    plain = read(made)
    graph = b"".join(
        length(number, unknown + message.SerializeToString() + unknown) + unknown
        for number, messages in (
            (1, made.graph.node),
            (5, made.graph.initializer),
            (11, made.graph.input),
            (12, made.graph.output),
        )
        for message in messages
    )
    data = b"\x08\x08" + unknown + length(7, graph)
    assert graph_of(data) == plain
    assert onnx.load_from_string(data).graph.node[0].op_type == "Identity"


def test_a_graph_in_two_parts_is_one() -> None:
    one = model_of([identity()], tensors=[tensor(np.ones(4, np.float32))]).SerializeToString()
    graph = graph_of(one + one)
    assert (graph.operators, graph.weights_bytes) == (2, 32)


@pytest.mark.parametrize("depth", [20, 10_000])
def test_bodies_nested_deeply_end(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "deep.onnx"
    path.write_bytes(b"\x08\x08" + length(7, nested(depth)))
    file = read_model_file(path)
    assert file.onnx is not None
    graph = file.onnx.graph
    assert graph.operators == 1
    if depth == 20:
        assert graph.operator_types == {"If": 1}
        assert graph.damage == ""
    else:
        assert graph.operator_types is None
        assert "nested" in graph.damage


@pytest.mark.parametrize(
    "name",
    ["yolox_nano_coco80_416", "ultraface_RFB-320", "mnist_cntk", "road_segmentation_adas_0001"],
)
def test_real_models_read_as_the_onnx_package_reads_them(name: str) -> None:
    path = sample(f"models/{name}.onnx")
    made = onnx.load(path)
    file = read_model_file(path)
    assert file.onnx is not None
    graph = file.onnx.graph
    assert graph.operators == len(made.graph.node)
    names = {one.name for one in made.graph.initializer}
    assert graph.inputs is not None
    assert [one.name for one in graph.inputs] == [
        one.name for one in made.graph.input if one.name not in names
    ]
    constants = [a.t for node in made.graph.node for a in node.attribute if a.HasField("t")]
    tensors = [*made.graph.initializer, *constants]
    assert graph.weights_bytes == sum(numpy_helper.to_array(one).nbytes for one in tensors)
    assert (graph.precision, graph.external_data) == ("FP32", ())

"""What is known of an ONNX before it is built, on small models made here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.building.estimates import estimate
from core.building.operator_findings import Finding, find_operators, opset_note, version_of
from core.building.operator_table import GONE_IN_11, NEVER, PLUGINS, SINCE, SUPPORTED
from core.building.parser_verdict import ParserVerdict
from core.building.precheck import OnnxCheck, check_onnx
from core.errors import EnginebayError, ModelFileError
from tests.unit import onnx_models
from tests.unit.plan_writer import Plan
from tests.unit.sample_files import sample

PICTURE = ("images", "float32", (1, 3, 8, 8))
RESULT = ("output", "float32", (1, 3, 8, 8))


def one_node(
    folder: Path,
    operator: str,
    *,
    inputs: Sequence[str] = ("images",),
    outputs: Sequence[str] = ("output",),
    domain: str = "",
    name: str = "the_node",
    opset: int = 17,
    constants: dict[str, np.ndarray] | None = None,
    picture: Any = PICTURE,
    **attributes: Any,
) -> Path:
    node = helper.make_node(operator, inputs, outputs, name=name, domain=domain, **attributes)
    return onnx_models.save(
        folder / f"{operator}.onnx",
        [node],
        [picture],
        [RESULT],
        constants,
        opset=opset,
        more_domains=[domain] if domain else [],
    )


def checked(path: Path, version: str = "8.6.1", **more: Any) -> OnnxCheck:
    return check_onnx(path, tensorrt_version=version, **more)


def test_a_plain_model_has_no_findings(tmp_path: Path) -> None:
    check = checked(onnx_models.classifier(tmp_path, batch="batch"))
    assert check.findings == ()
    assert check.problem() is None
    assert check.opset == 17
    assert check.operators == {"Flatten": 1, "GlobalAveragePool": 1, "Mul": 1}
    [images] = check.inputs
    assert images.free == (0,)
    assert images.words() == "images float32 batch x 3 x 8 x 8"
    assert "Free dimensions, which a profile must limit, are in: images." in check.sentences()


def test_free_dimensions_have_their_symbols_where_they_have_any(tmp_path: Path) -> None:
    path = onnx_models.echo(
        tmp_path,
        [("a", "float32", ("n", 3, None, "w")), ("b", "int64", (2,)), ("c", "float32", ())],
    )
    check = checked(path, "10.3.0")
    assert [one.symbols for one in check.inputs] == [("n", None, None, "w"), (None,), ()]
    assert [one.free for one in check.inputs] == [(0, 2, 3), (), ()]
    assert check.inputs[0].words() == "a float32 n x 3 x ? x w"
    assert check.as_json()["inputs"][0]["shape"] == [None, 3, None, None]


def test_a_custom_operator_is_refused_by_name_with_its_way_out(tmp_path: Path) -> None:
    check = checked(onnx_models.unknown_operator(tmp_path))
    problem = check.problem()
    assert problem is not None
    assert problem.kind == "unsupported-operator"
    assert "likely cannot build unknown_operator.onnx" in problem.message
    assert "acme.Sparkle" in problem.message
    assert "--plugins" in problem.hint
    assert problem.evidence == {"operator": "acme.Sparkle", "node": "that gives output"}
    assert check.findings[0].certainty == "likely"


def test_the_sample_with_a_custom_operator_is_refused() -> None:
    problem = checked(sample("models/custom_op_noisy_relu.onnx")).problem()
    assert problem is not None
    assert "NoisyRelu" in problem.message


@pytest.mark.parametrize("name", ["yolox_nano_coco80_416", "ultraface_RFB-320", "mnist_cntk"])
def test_samples_that_build_are_not_refused(name: str) -> None:
    for version in ("8.6.1", "10.3.0", "11.2.0"):
        assert checked(sample(f"models/{name}.onnx"), version).problem() is None


def test_a_plugin_library_may_have_a_custom_operator(tmp_path: Path) -> None:
    check = checked(onnx_models.unknown_operator(tmp_path), plugins=[Path("libsparkle.so")])
    assert check.problem() is None
    assert [one.is_refused for one in check.findings] == [False]
    assert "plugin libraries must have it" in check.findings[0].reason


def test_operators_that_no_version_has_are_refused_with_the_node(tmp_path: Path) -> None:
    problem = checked(one_node(tmp_path, "Unique", outputs=["output"])).problem()
    assert problem is not None
    assert "node 'the_node' is Unique: no version of TensorRT has it" in problem.message
    assert problem.hint == "Do this step outside the model, on its outputs."


@pytest.mark.parametrize(
    ("operator", "old", "new", "opset"),
    [
        ("LayerNormalization", "8.5.3", "8.6.1", 17),
        ("GridSample", "8.4.3", "8.6.1", 17),
        ("Gelu", "8.6.1", "10.3.0", 20),
        ("DeformConv", "10.0.1", "10.3.0", 19),
        ("Hardmax", "9.1.0", "9.2.0", 17),
        ("NonZero", "8.4.1", "8.5.1", 17),
    ],
)
def test_operators_by_version(
    tmp_path: Path, operator: str, old: str, new: str, opset: int
) -> None:
    path = one_node(tmp_path, operator, inputs=["images", "images"], opset=opset)
    refused = checked(path, old).refused
    assert [one.operator for one in refused] == [operator]
    assert "on, and" in refused[0].reason
    assert checked(path, new).refused == ()
    # Without an installed TensorRT nothing is refused for its version, but it is said.
    unknown = checked(path, "")
    assert unknown.refused == ()
    assert any("from" in one.reason for one in unknown.findings)


def test_plugins_of_tensorrts_own_are_known_until_11(tmp_path: Path) -> None:
    path = one_node(tmp_path, "EfficientNMS_TRT", domain="TRT")
    assert checked(path).findings == ()
    dropped = one_node(tmp_path, "BatchTilePlugin_TRT")
    assert checked(dropped, "10.3.0").findings == ()
    assert "dropped in 11.0" in checked(dropped, "11.2.0").refused[0].reason


def test_a_name_that_the_parser_knows_in_another_domain_is_said(tmp_path: Path) -> None:
    [found] = checked(one_node(tmp_path, "Relu", domain="acme")).findings
    assert not found.is_refused
    assert "goes by the name alone" in found.reason


def test_quantization_of_operators_has_the_qdq_form_as_way_out(tmp_path: Path) -> None:
    for domain in ("", "com.microsoft"):
        [found] = checked(one_node(tmp_path, "QLinearMatMul", domain=domain)).refused
        assert "QDQ" in found.way_out


@pytest.mark.parametrize(
    ("operator", "attributes", "words"),
    [
        ("Resize", {"mode": "cubic"}, "the resize mode 'cubic'"),
        ("Resize", {"coordinate_transformation_mode": "tf_crop_and_resize"}, "tf_crop_and_resize"),
        ("Resize", {"antialias": 1}, "antialiasing"),
        ("Resize", {"keep_aspect_ratio_policy": "not_larger"}, "aspect ratio"),
        ("AveragePool", {"kernel_shape": [2, 2], "dilations": [2, 1]}, "dilated pooling"),
        ("LSTM", {"layout": 1}, "layout 1"),
        ("GRU", {"layout": 1}, "layout 1"),
        ("ScatterND", {"reduction": "add"}, "the reduction 'add'"),
        ("TopK", {"sorted": 0}, "sorted must be 1"),
        ("Constant", {"value_string": "x"}, "value_string is not supported"),
        ("Cast", {"to": TensorProto.STRING}, "strings"),
    ],
)
def test_forms_of_operators_that_are_refused(
    tmp_path: Path, operator: str, attributes: dict[str, Any], words: str
) -> None:
    found = checked(one_node(tmp_path, operator, **attributes)).refused
    assert [words in one.reason for one in found] == [True]
    assert found[0].way_out
    plain = {"to": TensorProto.FLOAT} if operator == "Cast" else {}
    assert checked(one_node(tmp_path, operator, **plain)).refused == ()


def test_pooling_with_indices_and_normalization_with_statistics_are_refused(
    tmp_path: Path,
) -> None:
    for operator in ("MaxPool", "LayerNormalization"):
        assert checked(one_node(tmp_path, operator, outputs=["output", "more"])).refused
        assert checked(one_node(tmp_path, operator)).refused == ()


def test_scales_of_a_resize_are_bounded_only_where_they_depend_on_free_dimensions(
    tmp_path: Path,
) -> None:
    free = ("images", "float32", (1, 3, "h", "w"))
    inputs = ["images", "", "scales"]

    def bounds(picture: Any, version: str, **more: Any) -> list[Finding]:
        path = one_node(tmp_path, "Resize", inputs=inputs, picture=picture, **more)
        return list(checked(path, version).findings)

    assert ["computed at run time" in one.reason for one in bounds(free, "8.6.1")] == [True]
    assert not bounds(free, "8.6.1")[0].is_refused
    assert bounds(free, "10.3.0") == []
    assert bounds(PICTURE, "8.6.1") == []
    scales = {"scales": np.array([1, 1, 2, 2], np.float32)}
    assert bounds(free, "8.6.1", constants=scales) == []


@pytest.mark.parametrize(("dtype", "count"), [("uint8", 1), ("int8", 0)])
def test_asymmetric_quantization_is_refused(tmp_path: Path, dtype: str, count: int) -> None:
    constants = {"scale": np.array(0.1, np.float32), "zero": np.array(0, dtype)}
    inputs = ["images", "scale", "zero"]
    path = one_node(tmp_path, "QuantizeLinear", inputs=inputs, constants=constants)
    found = checked(path).refused
    assert len(found) == count
    assert all("uint8" in one.reason for one in found)


def test_a_zero_point_that_a_constant_gives_is_looked_at_as_well(tmp_path: Path) -> None:
    zero = numpy_helper.from_array(np.array(0, np.uint8), "unused")
    nodes = [
        helper.make_node("Constant", [], ["zero"], value=zero),
        helper.make_node("QuantizeLinear", ["images", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["output"]),
    ]
    scale = {"scale": np.array(0.1, np.float32)}
    path = onnx_models.save(tmp_path / "qdq.onnx", nodes, [PICTURE], [RESULT], scale)
    found = checked(path).refused
    assert [one.operator for one in found] == ["QuantizeLinear", "DequantizeLinear"]
    assert all("uint8" in one.reason for one in found)


def test_nodes_in_bodies_count_too(tmp_path: Path) -> None:
    def branch(operator: str) -> onnx.GraphProto:
        value = helper.make_tensor_value_info("b", TensorProto.FLOAT, None)
        node = helper.make_node(operator, ["images"], ["b"], name=f"in_{operator}")
        return helper.make_graph([node], operator, [], [value])

    path = onnx_models.save(
        tmp_path / "if.onnx",
        [
            helper.make_node(
                "If", ["yes"], ["output"], then_branch=branch("Det"), else_branch=branch("Relu")
            )
        ],
        [PICTURE, ("yes", "bool", ())],
        [RESULT],
    )
    check = checked(path)
    assert check.operators == {"Det": 1, "If": 1, "Relu": 1}
    assert [(one.operator, one.nodes) for one in check.refused] == [("Det", ("in_Det",))]
    assert [one.operator for one in check.findings if not one.is_refused] == ["If"]


def test_functions_of_the_models_own_are_no_custom_operators(tmp_path: Path) -> None:
    function = helper.make_function(
        "acme", "Twice", ["x"], ["y"],
        [helper.make_node("Add", ["x", "x"], ["y"])], [helper.make_opsetid("", 17)],
    )  # fmt: skip
    graph = helper.make_graph(
        [helper.make_node("Twice", ["images"], ["output"], domain="acme")],
        "graph",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("acme", 1)]
    model = helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=8)
    path = tmp_path / "function.onnx"
    path.write_bytes(model.SerializeToString())
    assert checked(path, "10.3.0").findings == ()
    assert checked(path, "10.3.0").domains == {"acme": 1}
    assert "from 9 on" in checked(path, "8.6.1").refused[0].reason


def test_many_nodes_of_one_operator_are_one_finding(tmp_path: Path) -> None:
    nodes = [helper.make_node("Det", ["images"], [f"d{i}"], name=f"det{i}") for i in range(30)]
    path = onnx_models.save(tmp_path / "many.onnx", nodes, [PICTURE], [("d0", "float32", ())])
    [found] = checked(path).refused
    assert (found.count, len(found.nodes), found.nodes[0]) == (30, 20, "det0")
    assert found.sentence().startswith("node 'det0' is Det (and 29 more): ")


def test_strings_are_refused_wherever_they_are(tmp_path: Path) -> None:
    check = checked(onnx_models.string_output(tmp_path))
    assert [one.operator for one in check.refused] == ["output words", "Constant"]
    assert "sequence" in checked(onnx_models.sequence_output(tmp_path)).refused[0].reason


def of_dtype(folder: Path, dtype: int, dims: Sequence[int] = (1, 4)) -> Path:
    x, y = (helper.make_tensor_value_info(name, dtype, list(dims)) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    path = folder / "dtype.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), str(path))
    return path


@pytest.mark.parametrize(
    ("dtype", "version", "reason"),
    [
        (TensorProto.UINT16, "10.16.1", "TensorRT has no uint16"),
        (TensorProto.INT16, "8.6.1", "TensorRT has no int16"),
        (TensorProto.UINT64, "", "TensorRT has no uint64"),
        (TensorProto.FLOAT8E5M2, "11.4.0", "TensorRT has no float8_e5m2"),
        (TensorProto.BFLOAT16, "8.6.1", "TensorRT has bfloat16 from 9.0 on, and 8.6 is to build"),
        (TensorProto.INT4, "8.5.3", "TensorRT has int4 from 10.0 on, and 8.5 is to build"),
    ],
)
def test_inputs_and_outputs_of_dtypes_that_tensorrt_lacks_are_refused(
    tmp_path: Path, dtype: int, version: str, reason: str
) -> None:
    check = checked(of_dtype(tmp_path, dtype), version)
    assert [(one.operator, one.reason) for one in check.refused] == [
        ("input x", reason),
        ("output y", reason),
    ]
    assert all(one.way_out for one in check.refused)


@pytest.mark.parametrize(
    ("dtype", "version"),
    [
        *((dtype, "8.5.3") for dtype in (1, 2, 3, 6, 7, 9, 10, 11)),
        (TensorProto.BFLOAT16, "10.3.0"),
        (TensorProto.BFLOAT16, ""),
        (TensorProto.FLOAT8E4M3FN, "10.3.0"),
        (TensorProto.INT4, "10.3.0"),
    ],
)
def test_inputs_and_outputs_of_dtypes_that_tensorrt_has_are_taken(
    tmp_path: Path, dtype: int, version: str
) -> None:
    assert not checked(of_dtype(tmp_path, dtype), version).refused


def test_an_input_of_fp64_becomes_one_of_fp32(tmp_path: Path) -> None:
    check = checked(of_dtype(tmp_path, TensorProto.DOUBLE), "10.3.0")
    assert "The engine will take FP32 where the ONNX takes FP64: x." in check.notes


def test_a_scalar_input_is_called_so(tmp_path: Path) -> None:
    check = checked(of_dtype(tmp_path, TensorProto.BOOL, ()))
    assert check.inputs[0].words() == "x bool scalar"


def test_narrowed_weights_and_inputs_are_said_for_tensorrt_8(tmp_path: Path) -> None:
    path = onnx_models.save(
        tmp_path / "ids.onnx",
        [helper.make_node("Add", ["ids", "one"], ["output"])],
        [("ids", "int64", (1, 16))],
        [("output", "int64", (1, 16))],
        {"one": np.ones(16, np.int64), "half": np.array(0.5, np.float64)},
    )
    old = " ".join(checked(path, "8.6.1").notes)
    assert "INT64 weights: TensorRT before 9 casts them to INT32" in old
    assert "INT32 where the ONNX takes INT64: ids." in old
    assert "FP64" in old
    assert not any("INT64" in note for note in checked(path, "10.3.0").notes)


@pytest.mark.parametrize(
    ("opset", "version", "words"),
    [
        (17, "8.6.1", None),
        (18, "8.6.1", "newer than 17"),
        (20, "10.3.0", None),
        (24, "10.15.1", None),
        (25, "11.2.0", "newer than 24"),
        (25, "", "newer than 24"),
        (8, "10.3.0", "older than 9"),
        (None, "10.3.0", None),
    ],
)
def test_the_opset_is_compared_with_what_the_parser_was_made_for(
    opset: int | None, version: str, words: str | None
) -> None:
    notes = list(opset_note(opset, version_of(version)))
    assert [words in note for note in notes] == ([] if words is None else [True])  # type: ignore[operator]


def test_weights_that_are_missing_or_outside_the_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        checked(onnx_models.external_data_missing(tmp_path))
    assert caught.value.kind == "external-data"
    with pytest.raises(ModelFileError) as caught:
        checked(onnx_models.external_data(tmp_path, "../secret"))
    assert caught.value.kind == "external-data-outside"
    (tmp_path / "weights.bin").write_bytes(bytes(768))
    check = checked(onnx_models.external_data(tmp_path, "weights.bin"))
    assert check.external_data == ("weights.bin",)


def test_what_is_no_onnx_is_refused(tmp_path: Path) -> None:
    engine = tmp_path / "x.engine"
    engine.write_bytes(Plan(layout="ftrt-8.6").to_bytes())
    with pytest.raises(ModelFileError) as caught:
        checked(engine)
    assert caught.value.kind == "not-onnx"
    (tmp_path / "empty.onnx").write_bytes(b"")
    with pytest.raises(EnginebayError) as other:
        checked(tmp_path / "empty.onnx")
    assert other.value.kind == "empty"


@pytest.mark.parametrize(
    ("precision", "low"),
    [((), 4_000 + 800), (("fp16",), 2_000 + 800), (("int8", "fp16"), 1_000 + 800)],
)
def test_the_engines_size_is_estimated_from_the_weights(precision: Any, low: int) -> None:
    # 1,000 float32 weights and 100 int64 indices, which no precision makes smaller.
    found = estimate({"float32": 1_000, "int64": 100}, precision)
    assert found.engine == (low, 4_800)
    assert found.host == 2 * 4_800 + low
    assert found.gpu == 4_800 + low


def test_a_model_without_weights_is_not_said_to_have_0_bytes_of_them(tmp_path: Path) -> None:
    told = check_onnx(onnx_models.identity(tmp_path)).estimate.sentence()
    assert told.startswith("The model has no weights to speak of: its engine will be kernels alone")
    assert "0 B" not in told
    assert "about 4 B of weights" in estimate({"float32": 1}).sentence()


def test_constants_and_bodies_are_in_the_estimate(tmp_path: Path) -> None:
    value = numpy_helper.from_array(np.ones((10, 10), np.float32))
    path = onnx_models.save(
        tmp_path / "constant.onnx",
        [
            helper.make_node("Constant", [], ["c"], value=value),
            helper.make_node("MatMul", ["images", "c"], ["output"]),
        ],
        [("images", "float32", (1, 10))],
        [("output", "float32", (1, 10))],
        {"more": np.ones(50, np.float16)},
    )
    check = checked(path, precision=["fp16"])
    assert check.estimate.engine == (100 * 2 + 50 * 2, 100 * 4 + 50 * 2)


def test_the_tables_do_not_contradict_each_other() -> None:
    assert set(NEVER).isdisjoint(SUPPORTED)
    assert set(SINCE) <= SUPPORTED
    assert GONE_IN_11 <= PLUGINS
    assert PLUGINS.isdisjoint(SUPPORTED)
    known = {schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == ""}
    legacy = {"ImageScaler", "ParametricSoftplus", "ScaledTanh"}
    assert legacy | known >= SUPPORTED
    assert known >= set(NEVER)


def test_the_parsers_word_goes_before_the_table(tmp_path: Path) -> None:
    check = checked(onnx_models.unknown_operator(tmp_path))
    takes = ParserVerdict(parses=True, tensorrt_version="8.6.1", supports_model=True)
    assert check.with_verdict(takes).problem() is None
    error = Finding(
        operator="acme.Sparkle", nodes=("n",), reason="Plugin not found", certainty="certain"
    )
    refuses = ParserVerdict(
        parses=False, tensorrt_version="8.6.1", supports_model=False, findings=(error,)
    )
    problem = check.with_verdict(refuses).problem()
    assert problem is not None
    assert "TensorRT cannot build" in problem.message
    assert "--plugins" in problem.hint  # the table's way out


def test_the_check_can_be_written_as_json(tmp_path: Path) -> None:
    value = json.loads(json.dumps(checked(onnx_models.unknown_operator(tmp_path)).as_json()))
    assert value["findings"][0]["operator"] == "acme.Sparkle"
    assert value["parser"] is None
    assert value["tensorrt_version"] == "8.6.1"


def test_the_installed_version_counts_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.building import precheck
    from core.machine.packages import Package

    path = one_node(tmp_path, "Gelu", opset=20)
    monkeypatch.setattr(precheck, "find_package", lambda _name: Package("tensorrt", "8.6.1", ""))
    assert check_onnx(path).refused
    monkeypatch.setattr(precheck, "find_package", lambda _name: None)
    assert check_onnx(path).refused == ()


def test_nothing_is_found_in_no_nodes() -> None:
    from core.modelfile.onnx_parts import OnnxParts

    parts = OnnxParts(
        nodes=(), functions=frozenset(), weights={}, elements={}, unknown_weights=0, symbols={}
    )
    assert find_operators(parts, version=None, has_plugins=False, is_dynamic=False) == ()

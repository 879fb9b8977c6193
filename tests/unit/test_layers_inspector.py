"""The engine inspector's JSON in both schemas, and what is no such JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.benchmark.report import result_json
from core.errors import EnginebayError
from core.layers.dtype_words import dtype_in, short_name
from core.layers.inspector import read_layer_json
from core.layers.json_text import JsonKind, read_json_file, what_json_is
from core.layers.values import LayerTensor
from core.paths import DEMO_MODEL
from tests.unit import layer_json
from tests.unit.benchmark_values import a_result
from tests.unit.layer_json import NAMES, Json, of_10, of_11, text

SCHEMAS = pytest.mark.parametrize("value", [of_10(), of_11()], ids=["8 to 10", "11"])


def kind_of(content: str) -> str:
    with pytest.raises(EnginebayError) as caught:
        read_layer_json(content)
    assert caught.value.hint
    return caught.value.kind


@SCHEMAS
def test_both_schemas_give_the_same_layers(value: Json) -> None:
    table = read_layer_json(text(value))
    assert table.detailed
    assert [layer.name for layer in table.layers] == list(NAMES)
    assert [layer.index for layer in table.layers] == [0, 1, 2, 3, 4]
    # A reformat counts as what it makes; convolutions as their weights; the softmax is FP32.
    assert [layer.precision for layer in table.layers] == [
        "float16",
        "float16",
        "float32",
        "float16",
        "float32",
    ]
    conv = table.layers[1]
    assert conv.type == "CaskConvolution"
    assert conv.tactic == "sm80_xmma_fprop_implicit_gemm"
    assert conv.weight_bytes == 432 * 2 + 16 * 2
    assert conv.origin == ("/conv1/Conv", "/relu1/Relu")
    assert conv.details["Kernel"] == [3, 3]
    assert conv.details["TacticValue"] == "0x11bde0e1d9f2f35d"
    assert conv.inputs[0].dims == (1, 3, 8, 8)
    assert conv.outputs[0].dtype == "float16"
    assert table.layers[2].tactic == "0x3e9"
    assert table.layers[2].weight_bytes is None
    assert table.layers[3].weight_bytes == 64 * 2 + 4 * 4
    assert [(one.name, one.dtype) for one in table.inputs] == [("images", "float32")]
    assert [(one.name, one.dtype) for one in table.outputs] == [("output", "float32")]


def test_free_dimensions_of_the_model_are_those_that_its_layers_have() -> None:
    value = of_11()
    for tensor in value["I/O Tensors"]:
        tensor["Dimensions"] = [-1, *tensor["Dimensions"][1:]]
    table = read_layer_json(text(value))
    assert table.inputs[0].dims == (1, 3, 8, 8)
    assert table.outputs[0].dims == (1, 4, 8, 8)
    value["Layers"] = list(NAMES)
    assert read_layer_json(text(value)).inputs[0].dims == (None, 3, 8, 8)


def test_the_schema_is_told_also_where_the_top_level_does_not() -> None:
    old, new = of_10(), of_11()
    assert read_layer_json(text(old)).schema == "TensorRT 8 to 10"
    assert read_layer_json(text(new)).schema == "TensorRT 11"
    del old["Bindings"], new["I/O Tensors"]
    assert read_layer_json(text(old)).schema == "TensorRT 8 to 10"
    assert read_layer_json(text(new)).schema == "TensorRT 11"
    assert read_layer_json('{"Layers": ["a"]}').schema == ""


@pytest.mark.parametrize(
    "value",
    [
        {"Layers": list(NAMES), "Bindings": ["images", "output"]},
        {"Layers": list(NAMES), "I/O Tensors": [{"Name": "images", "IOMode": "Input"}]},
    ],
)
def test_names_alone_say_how_to_get_more(value: Json) -> None:
    table = read_layer_json(json.dumps(value))
    assert not table.detailed
    assert [layer.name for layer in table.layers] == list(NAMES)
    assert table.layers[0].type == table.layers[0].precision == ""
    (note,) = table.notes
    assert "--profilingVerbosity=detailed" in note
    assert "ProfilingVerbosity.DETAILED" in note


def test_of_11_regions_and_formats_that_depend_on_shapes_are_read() -> None:
    value = of_11()
    layer = value["Layers"][1]
    layer["Outputs"][0] |= {"Format": "Format not available due to dynamic shapes"}
    layer["Outputs"][0]["Dimensions"] = [-1, 16, 8, 8]
    layer["InputRegions"] = [{"Name": "images copy", "Dimensions": [1, 3, 8, 8]}]
    read = read_layer_json(text(value)).layers[1]
    assert read.outputs[0].dtype == "float16"
    assert read.outputs[0].dims == (None, 16, 8, 8)
    assert "InputRegions" in read.details


def test_an_engine_that_tells_nothing_says_how_to_get_more() -> None:
    table = read_layer_json('{"Layers": [], "Bindings": ["images", "output"]}')
    assert table.layers == ()
    assert not table.detailed
    assert "--profilingVerbosity=detailed" in table.notes[0]


def test_of_several_profiles_one_profiles_layers_are_shown() -> None:
    value = of_10()
    value["Layers"] += [
        {**one, "Name": f"{one['Name']} [profile 1]"} for one in value["Layers"][:2]
    ]
    table = read_layer_json(text(value))
    assert [layer.name for layer in table.layers] == list(NAMES)
    assert "2 optimization profiles" in table.notes[0]
    other = read_layer_json(text(value), profile=1)
    assert [layer.name for layer in other.layers] == [f"{one} [profile 1]" for one in NAMES[:2]]
    assert [layer.index for layer in other.layers] == [0, 1]


def test_fused_layers_of_the_graph_compiler_keep_their_origin_and_constants() -> None:
    layer = {
        "Name": "__myl_MulSum_myl0_3",
        "LayerType": "kgen",
        "Inputs": [{"Name": "a", "Dimensions": [2, -1], "Format/Datatype": "Half"}],
        "Outputs": [{"Name": "b", "Dimensions": [], "Format/Datatype": "Half"}],
        "Constants": [{"Name": "c", "Dimensions": [4, 8], "Format/Datatype": "Float"}],
        "TacticName": "__myl_MulSum_0x1234",
        "Metadata": "[ONNX Layer: /a/Mul]\x1f[ONNX Layer: /a/Sum]\x1e[ONNX Layer: /a/Mul]",
    }
    table = read_layer_json(text({"Layers": [layer], "Bindings": ["a", "b"]}))
    (found,) = table.layers
    assert found.type == "kgen"
    assert found.precision == "float16"
    assert found.inputs == (LayerTensor(name="a", dtype="float16", dims=(2, None), format="Half"),)
    assert found.weight_bytes == 4 * 8 * 4
    assert found.origin == ("/a/Mul", "/a/Sum")
    assert any("graph compiler" in note for note in table.notes)


def test_control_characters_in_names_are_kept() -> None:
    value = {"Layers": ["a\x1eb\x1fc"], "Bindings": []}
    assert read_layer_json(text(value)).layers[0].name == "a\x1eb\x1fc"


def test_origins_without_separators_and_of_other_frontends_are_split_and_kept() -> None:
    value = of_10()
    value["Layers"][1]["Metadata"] = "[ONNX Layer: q[0]][ONNX Layer: k]"
    value["Layers"][3]["Metadata"] = "[aten_ops.conv]-[/features/0]"
    layers = read_layer_json(text(value)).layers
    assert layers[1].origin == ("q[0]", "k")
    assert layers[3].origin == ("[aten_ops.conv]-[/features/0]",)


def test_int8_layers_count_as_int8_and_index_outputs_do_not_count() -> None:
    int8 = "Thirty-two wide channel vectorized row major Int8 format."
    layers = [
        {
            "Name": "conv",
            "LayerType": "CaskConvolution",
            "Weights": {"Type": "Int8", "Count": 8},
            "Outputs": [{"Name": "x", "Format/Datatype": LINEAR}],
        },
        {
            "Name": "topk",
            "LayerType": "TopK",
            "Inputs": [{"Name": "x", "Format/Datatype": int8}],
            "Outputs": [{"Name": "where", "Format/Datatype": "Row major linear Int32"}],
        },
        {
            "Name": "shape",
            "LayerType": "shape_call",
            "Outputs": [{"Name": "s", "Format/Datatype": "Int64"}],
        },
        {"Name": "wait", "LayerType": "wait"},
    ]
    table = read_layer_json(json.dumps({"Layers": layers}))
    assert [one.precision for one in table.layers] == ["int8", "int8", "int64", ""]


LINEAR = layer_json.LINEAR32


@pytest.mark.parametrize(
    ("phrase", "dtype"),
    [
        ("FP16 row major linear", "float16"),
        ("Half", "float16"),
        ("kHALF", "float16"),
        ("DataType.HALF", "float16"),
        ("Row major linear FP32", "float32"),
        ("Channel major FP16 format where C % 8 == 0 and H Stride % 32 == 0", "float16"),
        ("Thirty-two wide channel vectorized row major Int8 format.", "int8"),
        ("Row major INT8 format where column stride % 64 == 0", "int8"),
        ("Row major linear BFloat16 format", "bfloat16"),
        ("Row major linear FP8 format", "float8_e4m3fn"),
        ("Row major linear BOOL", "bool"),
        ("UInt8", "uint8"),
        ("Row major linear Int64 format", "int64"),
        ("Unknown format", ""),
        ("N/A due to dynamic shapes", ""),
        ("", ""),
    ],
)
def test_the_inspectors_phrases_name_dtypes(phrase: str, dtype: str) -> None:
    assert dtype_in(phrase) == dtype


def test_people_read_short_names() -> None:
    dtypes = ("float32", "float16", "bfloat16", "float8_e4m3fn", "int8", "")
    assert [short_name(one) for one in dtypes] == ["FP32", "FP16", "BF16", "FP8", "INT8", "?"]


@pytest.mark.parametrize("content", ["", "  \n", "\0"])
def test_an_empty_text_is_told(content: str) -> None:
    assert kind_of(content) == "empty"


@pytest.mark.parametrize(
    "content", ["hello", '{"Layers": [', "[1, 2", "[" * 100_000, '{"Layers": ["a"]} more']
)
def test_what_is_no_json_is_refused(content: str) -> None:
    assert kind_of(content) == "not-json"


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        3,
        {"Layers": 4},
        {"Layers": [4]},
        {"Layers": [None]},
        {"Layers": [{"name": "keras"}]},
        {"layers": ["a"]},
        layer_json.profile(),
        [{"startEnqMs": 0.1, "latencyMs": 1.0}],
        [{"name": "output", "dimensions": "1x3", "values": [1, 2, 3]}],
    ],
)
def test_foreign_json_is_refused(value: object) -> None:
    assert kind_of(json.dumps(value)) == "not-layers"


def test_what_is_missing_stays_open() -> None:
    (layer,) = read_layer_json('{"Layers": [{"Name": "x", "Weights": 3, "Inputs": "y"}]}').layers
    assert (layer.type, layer.precision, layer.weight_bytes) == ("", "", None)
    assert layer.inputs == ()
    assert layer.details == {"Weights": 3}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (of_10(), "layer-info"),
        (of_11(), "layer-info"),
        (layer_json.profile(), "profile"),
        ([{"count": 0}], "profile"),
        ([{"startEnqMs": 0.1, "endEnqMs": 0.2}], "times"),
        ([{"name": "output", "dimensions": "1x3", "values": [1.0]}], "outputs"),
        (result_json(a_result()), "benchmark"),
        ({"measurements": [], "options": 1}, "other"),
        ({"recipe": 1}, "other"),
        ([], "other"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_told_by_its_content(
    tmp_path: Path, value: object, kind: JsonKind, encoding: str
) -> None:
    path = tmp_path / "any.name"
    path.write_text(text(value), encoding)
    assert what_json_is(path) == kind


def test_a_model_in_the_place_of_json_is_told() -> None:
    with pytest.raises(EnginebayError) as caught:
        read_json_file(DEMO_MODEL)
    assert caught.value.kind == "model-file"
    assert "ONNX" in caught.value.message


def test_a_huge_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.layers.json_text.MAX_BYTES", 10)
    path = tmp_path / "layers.json"
    path.write_text(text(of_10()))
    with pytest.raises(EnginebayError) as caught:
        read_json_file(path)
    assert caught.value.kind == "too-large"
    assert kind_of(text(of_10())) == "too-large"

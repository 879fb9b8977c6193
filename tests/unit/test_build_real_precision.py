"""What was asked for against what the inspector tells, on described inspector JSON."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from core.building.real_precision import percent, real_precision, untold
from core.building.tolerances import TOLERANCES, tolerance_for
from core.layers.inspector import read_layer_json
from core.layers.values import LayerTable
from tests.unit.layer_json import LINEAR16, LINEAR32, of_10, of_11

Json = dict[str, Any]
INT8 = "Four wide channel vectorized row major Int8 format"


def layer(name: str, phrase: str, weights: tuple[str, int] | None = None, **more: Any) -> Json:
    tensor = {"Name": f"{name}_out", "Dimensions": [1, 4], "Format/Datatype": phrase}
    described: Json = {
        "Name": name, "LayerType": "CaskConvolution", "Inputs": [tensor], "Outputs": [tensor]
    }  # fmt: skip
    if weights:
        described["Weights"] = {"Type": weights[0], "Count": weights[1]}
    return described | more


def table(*layers: Json | str) -> LayerTable:
    return read_layer_json(json.dumps({"Layers": list(layers), "Bindings": []}), source="engine")


def test_the_share_of_layers_and_of_weight_bytes_is_told() -> None:
    # 3 FP16 layers with 300 x 2 bytes, 1 FP32 layer with 50 x 4 bytes: 600 of 800 bytes.
    engine = table(
        layer("a", LINEAR16, ("Half", 100)),
        layer("b", LINEAR16, ("Half", 200)),
        layer("c", LINEAR16),
        layer("d", LINEAR32, ("Float", 50)),
    )
    found = real_precision(engine, {"fp16"}, onnx_weight_bytes=1400)
    assert found.is_known
    assert [(one.name, one.layers, one.layer_share) for one in found.shares] == [
        ("FP16", 3, 0.75),
        ("FP32", 1, 0.25),
    ]
    assert [one.weight_bytes for one in found.shares] == [600, 200]
    assert [one.weight_share for one in found.shares] == [0.75, 0.25]
    assert found.sentences[0] == (
        "You asked for FP16: 75 % of the layers (3 of 4) are FP16, with 75 % of the weight bytes; "
        "the others are FP32."
    )
    assert found.sentences[1] == "Its layers keep 800 B of weights; the ONNX has 1.4 kB."
    assert found.warnings == ()


def test_layers_that_do_nothing_do_not_count() -> None:
    engine = table(
        layer("a", LINEAR16, ("Half", 100)),
        layer("b", LINEAR32, LayerType="NoOp"),
        layer("c", LINEAR32, LayerType="Constant"),
    )
    found = real_precision(engine, {"fp16"})
    assert [(one.name, one.layers) for one in found.shares] == [("FP16", 1)]
    assert found.left_out == 2


def test_layers_that_tell_nothing_are_judged_by_the_wish() -> None:
    # As TensorRT 8.6 told the demo's: formats of free shapes are not known, types of weights are.
    unknown = "N/A due to dynamic shapes"
    engine = table(layer("a", unknown, ("Float", 100)), layer("b", unknown))
    found = real_precision(engine, {"fp16"})
    assert [(one.name, one.layers) for one in found.shares] == [("?", 1), ("FP32", 1)]
    assert untold(engine) == 1
    assert tolerance_for(found, {"fp16"}).precision == "FP16"
    assert tolerance_for(real_precision(engine), set()).precision == "TF32"


@pytest.mark.parametrize("value", [of_10(), of_11()], ids=["8 to 10", "11"])
def test_reformats_do_not_count(value: Json) -> None:
    # Two reformats around two FP16 convolutions and an FP32 softmax.
    engine = read_layer_json(json.dumps(value), source="engine")
    found = real_precision(engine, {"fp16"})
    assert [(one.name, one.layers) for one in found.shares] == [("FP16", 2), ("FP32", 1)]
    assert found.left_out == 2
    assert "67 % of the layers (2 of 3) are FP16" in found.sentences[0]


def test_layers_on_indices_and_truth_values_do_not_count() -> None:
    engine = table(
        layer("a", LINEAR16),
        layer("shape", "Row major linear INT32 format"),
        layer("mask", "Row major linear BOOL"),
    )
    found = real_precision(engine, {"fp16"})
    assert (found.left_out, [one.name for one in found.shares]) == (2, ["FP16"])
    assert "100 % of the layers (1 of 1) are FP16." in found.sentences[0]


@pytest.mark.parametrize(("asked", "word"), [("fp16", "FP16"), ("int8", "INT8"), ("bf16", "BF16")])
def test_a_wish_without_effect_is_warned_of(asked: str, word: str) -> None:
    engine = table(layer("a", LINEAR32, ("Float", 10)), layer("b", LINEAR32))
    found = real_precision(engine, {asked})
    assert f"You asked for {word}: 0 % of the layers (0 of 2) are {word}" in found.sentences[0]
    [warning] = found.warnings
    assert warning.startswith(
        f"You asked for {word}, and no layer is in it: the engine runs in FP32."
    )
    assert "strongly typed" not in warning


def test_in_a_strongly_typed_network_the_onnx_is_the_way_out() -> None:
    found = real_precision(table(layer("a", LINEAR32)), {"fp16"}, strongly_typed=True)
    assert "The network is strongly typed" in found.warnings[0]


def test_of_two_wishes_each_is_told_by_itself() -> None:
    engine = table(layer("a", LINEAR16), layer("b", LINEAR32))
    found = real_precision(engine, {"fp16", "int8"})
    assert [warning[:40] for warning in found.warnings] == [
        "You asked for INT8, and no layer is in i"
    ]
    assert "the engine runs in FP16 and FP32" in found.warnings[0]


def test_int8_is_seen_where_it_is() -> None:
    engine = table(layer("a", INT8, ("Int8", 8)), layer("b", LINEAR32))
    found = real_precision(engine, {"int8"})
    assert found.warnings == ()
    assert (
        "50 % of the layers (1 of 2) are INT8, with 100 % of the weight bytes"
        in (found.sentences[0])
    )


def test_all_that_is_safe_without_effect_is_warned_of() -> None:
    assert real_precision(table(layer("a", LINEAR32)), {"best"}).warnings == (
        "You let TensorRT choose any precision, and every layer is FP32.",
    )
    assert real_precision(table(layer("a", LINEAR16)), {"best"}).warnings == ()


def test_nothing_asked_is_told_with_what_it_cannot_tell_of_tf32() -> None:
    engine = table(layer("a", LINEAR32))
    found = real_precision(engine)
    assert found.sentences[0] == "You asked for nothing below FP32: of 1 layer 100 % FP32."
    assert "TF32" in found.sentences[-1]
    assert not any("TF32" in one for one in real_precision(engine, {"fp32"}).sentences)


@pytest.mark.parametrize(
    ("engine", "why"),
    [
        (table("conv1", "conv2"), "it tells only its layers' names"),
        (table(), "it tells nothing of its layers"),
        (None, "its layers cannot be asked here"),
    ],
    ids=["names", "nothing", "no inspector"],
)
def test_names_alone_tell_no_precision(engine: LayerTable | None, why: str) -> None:
    found = real_precision(engine, {"fp16"})
    assert not found.is_known
    assert why in found.sentences[0]
    assert "cannot be known" in found.sentences[0]
    assert "Build it with detailed profiling verbosity" in found.sentences[0]
    was_built_so = real_precision(engine, {"fp16"}, has_details=True)
    assert "Build it" not in was_built_so.sentences[0]
    assert found.warnings == ()  # nothing is claimed


def test_layers_that_do_not_tell_may_be_what_was_asked_for() -> None:
    silent = {"Name": "kgen", "LayerType": "kgen", "Inputs": [], "Outputs": []}
    found = real_precision(table(silent, layer("a", LINEAR32)), {"fp16"})
    assert found.warnings == ()
    assert [one.name for one in found.shares] == ["?", "FP32"]


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 7, "0 %"), (1, 1000, "1 %"), (999, 1000, "99 %"), (7, 7, "100 %"), (94, 100, "94 %")],
)
def test_a_hundred_percent_is_all_and_nought_is_none(part: int, whole: int, text: str) -> None:
    assert percent(part, whole) == text


@pytest.mark.parametrize(
    ("phrases", "asked", "name"),
    [
        ((LINEAR32,), set(), "TF32"),
        ((LINEAR32,), {"fp32"}, "FP32"),
        ((LINEAR32, LINEAR16), {"fp16"}, "FP16"),
        ((LINEAR32,), {"fp16"}, "TF32"),  # the wish had no effect
        ((LINEAR32, INT8, LINEAR16), {"best"}, "INT8"),
        ((LINEAR16,), {"fp32"}, "FP16"),  # the ONNX has it so
    ],
)
def test_an_engine_is_judged_by_the_coarsest_precision_that_it_runs_in(
    phrases: tuple[str, ...], asked: set[str], name: str
) -> None:
    engine = table(*(layer(f"l{index}", phrase) for index, phrase in enumerate(phrases)))
    assert tolerance_for(real_precision(engine, asked), asked).precision == name


@pytest.mark.parametrize(
    ("asked", "name"),
    [({"fp16"}, "FP16"), ({"best"}, "INT8"), (set(), "TF32"), ({"fp16", "bf16"}, "BF16")],
)
def test_where_it_is_not_known_the_wish_counts(asked: set[str], name: str) -> None:
    assert tolerance_for(real_precision(None, asked), asked).precision == name


def test_coarser_precisions_are_allowed_more() -> None:
    for finer, coarser in itertools.pairwise(TOLERANCES):
        assert finer.mean <= coarser.mean
        assert finer.cosine >= coarser.cosine
        assert finer.equal >= coarser.equal

"""Shares and hints, worked out by hand on a small engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.layers.hints import hints_for
from core.layers.inspector import read_layer_json
from core.layers.profile import read_profile_json, with_times
from core.layers.shares import is_reformat, sentence, shares_of, slowest
from core.layers.values import Hint, Layer, LayerTable, LayerTensor
from tests.unit.layer_json import NAMES, Json, of_10, of_11, profile, text


def timed(value: Json, times: list[Json] | None = None) -> LayerTable:
    return with_times(read_layer_json(text(value)), read_profile_json(text(times or profile())))


def chain(*precisions: str, batch: int = 1, **more: Any) -> LayerTable:
    """Layers one behind the other, each of a precision; "reformat>X" for a reformat to X."""
    layers = []
    for index, word in enumerate(precisions):
        reformat, _, precision = word.rpartition(">")
        layers.append(
            Layer(
                index=index,
                name=f"layer{index}",
                type="Reformat" if reformat else "Convolution",
                precision=precision,
                inputs=(LayerTensor(name=f"t{index}"),),
                outputs=(LayerTensor(name=f"t{index + 1}"),),
                **more,
            )
        )
    return LayerTable(
        source="layer-json",
        layers=tuple(layers),
        inputs=(LayerTensor(name="t0", dims=(batch, 3, 8, 8)),),
        outputs=(LayerTensor(name=f"t{len(precisions)}"),),
    )


def hint_of(table: LayerTable, kind: str) -> Hint | None:
    return next((one for one in hints_for(table) if one.kind == kind), None)


@pytest.mark.parametrize("value", [of_10(), of_11()], ids=["8 to 10", "11"])
def test_shares_by_type_and_precision_add_up(value: Json) -> None:
    shares = shares_of(timed(value))
    assert shares.total_ms == pytest.approx(0.1)
    by_type = {one.name: one for one in shares.by_type}
    # 0.050 + 0.015 of the convolutions, 0.020 of the softmax, 0.010 + 0.005 of the reformats.
    assert by_type["CaskConvolution"].share == pytest.approx(0.65)
    assert by_type["CaskConvolution"].layers == 2
    assert by_type["CaskConvolution"].weight_bytes == 864 + 32 + 128 + 16
    assert by_type["CaskSoftMaxV2"].time_ms == pytest.approx(0.020)
    assert by_type["CaskSoftMaxV2"].weight_bytes is None
    assert [one.name for one in shares.by_type] == ["CaskConvolution", "CaskSoftMaxV2", "Reformat"]
    assert {one.name: round(one.share or 0, 9) for one in shares.by_precision} == {
        "FP16": 0.65,
        "FP32": 0.2,
        "reformats": 0.15,
    }
    assert shares.reformats.layers == 2
    assert shares.reformats.share == pytest.approx(0.15)
    for split in (shares.by_type, shares.by_precision):
        assert sum(one.share or 0 for one in split) == pytest.approx(1)
        assert sum(one.layers for one in split) == 5


def test_the_sentence_says_where_the_time_goes() -> None:
    assert sentence(timed(of_10())) == "65 % of the time in FP16, 20 % in FP32, 15 % in reformats"
    untimed = read_layer_json(text(of_10()))
    assert sentence(untimed) == "40 % of 5 layers in FP16, 40 % in reformats, 20 % in FP32"
    names = read_layer_json('{"Layers": ["a"], "Bindings": []}')
    assert sentence(names) == ""


def test_the_slowest_come_first() -> None:
    assert [one.name for one in slowest(timed(of_10()), 2)] == [NAMES[1], NAMES[2]]
    assert slowest(read_layer_json(text(of_10()))) == ()


def test_casts_and_quantizers_that_run_as_reformats_do_not_count() -> None:
    def reformat(origin: str) -> Layer:
        return Layer(index=0, name="x", type="Reformat", details={"Origin": origin})

    assert is_reformat(reformat("REFORMAT"))
    assert not is_reformat(reformat("QDQ"))
    assert not is_reformat(reformat("CAST"))
    assert is_reformat(Layer(index=0, name="Reformatting CopyNode for Input Tensor 0 to conv"))
    assert not is_reformat(Layer(index=0, name="conv"))


def test_one_reformat_and_several_are_told_in_good_english() -> None:
    def hint(*layers: Layer) -> str:
        found = hint_of(LayerTable(source="layer-json", layers=layers, detailed=False), "reformats")
        assert found is not None
        return found.message

    names = [f"Reformatting CopyNode for Input Tensor {index} to conv" for index in range(2)]
    first, second = (Layer(index=index, name=name) for index, name in enumerate(names))
    assert hint(first) == (
        "1 of 1 layer is a reformat, which only copies a tensor into another format."
    )
    assert hint(first, second) == (
        "2 of 2 layers are reformats, which only copy tensors into another format."
    )
    timed_one = replace(first, time_ms=1.0, share=1.0)
    table = LayerTable(source="layer-json", layers=(timed_one,), runs=1)
    found = hint_of(table, "reformats")
    assert found is not None
    assert found.message.endswith(
        " goes into 1 reformat, which only copies a tensor into another format."
    )


def test_reformats_are_told_above_a_tenth_of_the_time() -> None:
    found = hint_of(timed(of_10()), "reformats")
    assert found is not None
    assert "15 % of the time (0.015 ms) goes into 2 reformats" in found.message
    times = dict(zip(NAMES, (0.001, 0.05, 0.02, 0.02, 0.009), strict=True))  # 10 % exactly
    assert hint_of(timed(of_10(), profile(times)), "reformats") is None


def test_without_times_reformats_are_told_above_a_quarter_of_the_layers() -> None:
    found = hint_of(read_layer_json(text(of_10())), "reformats")
    assert found is not None
    assert "2 of 5 layers" in found.message
    quarter = chain("reformat>float16", "float16", "float16", "float16")
    assert hint_of(quarter, "reformats") is None


def test_an_island_of_fp32_is_told_with_its_reformats() -> None:
    found = hint_of(timed(of_10()), "fp32-islands")
    assert found is not None
    assert "1 island of FP32" in found.message
    assert "1 layer, 20 % of the time" in found.message
    assert "softmax" in found.message
    two = chain(
        "float16", "reformat>float32", "float32", "reformat>float16", "int8", "float32", "float16"
    )
    found = hint_of(two, "fp32-islands")
    assert found is not None
    assert "2 islands" in found.message
    assert "3 layers, such as layer2" in found.message


@pytest.mark.parametrize(
    "precisions",
    [
        ("float32", "float16", "float32"),  # the model's ends
        ("float16", "float32"),
        ("float32", "float32"),
        ("float16", "reformat>float32", "float16"),  # nothing computes in it
        ("int32", "float32", "int32"),  # indices are no lower precision
    ],
)
def test_what_is_no_island_is_not_told(precisions: tuple[str, ...]) -> None:
    assert hint_of(chain(*precisions), "fp32-islands") is None


def test_an_island_that_costs_nothing_is_not_told() -> None:
    times = dict(zip(NAMES, (0.001, 0.5, 0.001, 0.5, 0.001), strict=True))
    assert hint_of(timed(of_10(), profile(times)), "fp32-islands") is None


def test_an_engine_in_fp32_alone_is_told() -> None:
    found = hint_of(chain("float32", "float32", weight_bytes=8), "all-fp32")
    assert found is not None
    assert "All 2 layers with weights" in found.message
    assert hint_of(chain("float32", "float16", weight_bytes=8), "all-fp32") is None
    assert hint_of(chain("float32", "float32"), "all-fp32") is None  # no weights known


def test_tiny_layers_at_batch_one_are_told() -> None:
    five = ("float16",) * 5
    found = hint_of(chain(*five, time_ms=0.006), "tiny-batch")
    assert found is not None
    assert "5 layers" in found.message
    assert "6.0" in found.message
    assert hint_of(chain(*five, time_ms=0.010), "tiny-batch") is None
    assert hint_of(chain(*five, time_ms=0.006, batch=2), "tiny-batch") is None
    assert hint_of(chain(*five[:4], time_ms=0.006), "tiny-batch") is None
    assert hint_of(chain(*five), "tiny-batch") is None


def test_quantizers_that_were_not_fused_are_told_but_not_those_at_the_ends() -> None:
    inside = chain("int8", "int8", "int8", details={"Origin": "QDQ"})
    found = hint_of(inside, "qdq-left")
    assert found is not None
    assert "1 Q/DQ node runs" in found.message
    assert "layer1" in found.message
    assert hint_of(chain("int8", "int8", details={"Origin": "QDQ"}), "qdq-left") is None


def test_names_alone_give_no_hint_but_of_reformats() -> None:
    names = read_layer_json(
        '{"Layers": ["Reformatting CopyNode for Input Tensor 0 to a", "a"], "Bindings": []}'
    )
    assert [one.kind for one in hints_for(names)] == ["reformats"]

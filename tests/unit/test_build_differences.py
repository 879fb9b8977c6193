"""How far apart two outputs are, and whether both see the same; numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from core.building.agreement import agreement
from core.building.differences import compare_output, compare_outputs, scales
from core.building.tolerances import TOLERANCES
from core.model import Model
from core.paths import DEMO_MODEL, DEMO_PICTURE
from core.predictions import (
    ClassMap,
    ClassScore,
    Detection,
    Embedding,
    Pose,
    TensorSummary,
)

FP32, TF32, FP16, BF16, INT8 = TOLERANCES[:5]


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_differences_are_relative_to_the_largest_value() -> None:
    # 0.5 of 8 is 6.25 %; the mean is 0.5 / 4 / 8 = 1.5625 %.
    found = compare_output("y", floats(8, 4, 0, -2), floats(8, 4.5, 0, -2), FP32)
    assert found.verdict == "outside"
    assert (found.largest, found.mean) == (0.5, 0.125)
    assert (found.largest_relative, found.mean_relative) == (0.0625, 0.015625)
    # (64 + 18 + 4) / (sqrt(84) sqrt(88.25)) = 86 / 86.0988
    assert found.cosine == pytest.approx(86 / (84**0.5 * 88.25**0.5))
    assert found.why == "99 of 100 values are at most 6.2 % apart, 0.1 % is allowed"


@pytest.mark.parametrize(
    ("apart", "tolerance", "verdict"),
    [
        (0.0009, FP32, "within"),
        (0.0011, FP32, "outside"),
        (0.019, TF32, "within"),
        (0.021, TF32, "outside"),
        (0.029, FP16, "within"),
        (0.031, FP16, "outside"),
        (0.19, BF16, "within"),
        (0.21, BF16, "outside"),
        (0.5, INT8, "within"),  # single values of 8 bits are not judged
    ],
)
def test_each_precision_has_its_own_tolerance(
    apart: float, tolerance: object, verdict: str
) -> None:
    right = np.linspace(0, 1, 1000, dtype=np.float64)
    own = right.copy()
    own[500:510] += apart  # 10 of 1,000: the 99th percentile is among them
    assert compare_output("y", right, own, tolerance).verdict == verdict  # type: ignore[arg-type]


def test_one_in_a_hundred_may_be_anywhere_but_is_shown() -> None:
    right = np.linspace(0, 1, 1000, dtype=np.float64)
    own = right.copy()
    own[500:509] += 0.1  # 9 of 1,000
    found = compare_output("y", right, own, FP16)
    assert found.verdict == "within"
    assert found.most_relative == 0.0
    assert found.largest_relative == pytest.approx(0.1)


def test_eight_bits_are_judged_by_their_mean() -> None:
    right = np.linspace(-1, 1, 1000)
    assert compare_output("y", right, right + 0.04, INT8).verdict == "within"
    found = compare_output("y", right, right + 0.06, INT8)
    assert found.verdict == "outside"
    assert "on average" in found.why


def test_a_wrong_direction_is_outside_however_small_the_values() -> None:
    right = np.zeros(1000)
    right[0], right[1:] = 1.0, 1e-4
    own = right.copy()
    own[1:] = -1e-4
    # mean 2e-4 of 1 is above FP32's, so BF16's looks at the cosine: (1 - 999e-8) / (1 + 999e-8)
    assert compare_output("y", right, own, BF16).verdict == "within"
    own = -right
    found = compare_output("y", right * 1e-9, own * 1e-9, INT8)
    assert found.cosine == pytest.approx(-1)
    assert found.verdict == "outside"


def test_a_detectors_scores_have_a_scale_of_their_own() -> None:
    # (1, 6, 100): four rows of pixels up to 640, two of scores up to 1 and 0.5.
    right = np.zeros((1, 6, 100))
    right[0, :4] = np.linspace(10, 640, 100)
    right[0, 4], right[0, 5] = np.linspace(0, 1, 100), np.linspace(0, 0.5, 100)
    found = scales(right)
    assert found.shape == (1, 6, 1)
    # scores are judged as parts of 1, however small those of a class are
    np.testing.assert_allclose(found[0, :, 0], [640, 640, 640, 640, 1, 1])
    own = right.copy()
    own[0, 4, 40:50] += 0.1  # 10 of 600
    compared = compare_output("output0", right, own, FP16)
    assert compared.verdict == "outside"
    assert compared.largest_relative == pytest.approx(0.1)


def test_scales_fit_all_shapes() -> None:
    assert scales(np.zeros((2, 3))).tolist() == [[1.0]]
    assert scales(np.array(5.0)).tolist() == 5.0
    assert scales(np.array([[0.25, -0.5]])).tolist() == [[0.5]]
    assert scales(np.array([[1.0, 1000.0]])).tolist() == [[1000.0]]  # too few for one each


def test_nan_and_infinity_are_counted_and_never_within() -> None:
    right = floats(1, 2, 3, 4)
    found = compare_output("y", right, floats(1, np.nan, np.inf, 4), INT8)
    assert (found.verdict, found.nan, found.inf) == ("not-finite", 1, 1)
    assert found.largest == 0.0
    assert found.why.startswith("2 of 4 values are NaN or infinite")
    every = compare_output("y", right, floats(*[np.nan] * 4), INT8)
    assert (every.verdict, every.nan) == ("not-finite", 4)
    assert every.why.startswith("every value is NaN")


def test_what_is_not_finite_in_the_onnx_either_is_no_fault() -> None:
    right = floats(1, -np.inf, 3, np.nan)
    found = compare_output("y", right, right.copy(), FP32)
    assert (found.verdict, found.onnx_inf, found.onnx_nan) == ("within", 1, 1)
    nothing = compare_output("y", floats(np.nan), floats(1), FP32)
    assert nothing.verdict == "not-compared"


def test_integers_are_compared_by_how_many_are_equal() -> None:
    right = np.arange(1000)
    own = right.astype(np.int32)  # TensorRT 8 narrows INT64
    own[:5] += 2
    found = compare_output("ids", right, own, FP16)
    assert (found.verdict, found.equal, found.largest) == ("within", 0.995, 2.0)
    own[:20] += 2
    assert compare_output("ids", right, own, FP16).verdict == "outside"


def test_shapes_and_names_that_differ_are_said() -> None:
    compared = compare_outputs(
        {"a": floats(1), "b": floats(1)}, {"a": floats(1, 2), "c": floats(1)}, FP32
    )
    assert [(one.name, one.verdict) for one in compared] == [
        ("a", "not-compared"),
        ("c", "not-compared"),
        ("b", "not-compared"),
    ]
    assert compared[0].why == "it is 2 from the engine and 1 from the ONNX"


def test_empty_outputs_are_equal() -> None:
    assert compare_output("y", np.zeros((0, 6)), np.zeros((0, 6)), FP32).verdict == "within"


def box(x: float, score: float = 0.9, class_id: int = 0) -> Detection:
    return Detection("cat", class_id, score, (x, 10.0, x + 20, 30.0))


def test_quantized_boxes_may_be_further_apart() -> None:
    found = agreement([box(10)], [box(15)], 0.25, pixels=INT8.pixels, margin=INT8.score)
    assert found is not None
    assert found.agrees
    # 0.44 is less than 0.2 above the threshold: it may be missing.
    found = agreement([box(10), box(90, 0.44)], [box(15)], 0.25, pixels=8.0, margin=0.2)
    assert found is not None
    assert found.agrees


@pytest.mark.parametrize(("by", "agrees"), [(0.0, True), (1.9, True), (2.1, False)])
def test_boxes_agree_within_two_pixels(by: float, agrees: bool) -> None:
    found = agreement([box(10), box(100)], [box(10 + by), box(100)], 0.25)
    assert found is not None
    assert found.agrees is agrees


def test_a_box_without_a_partner_is_named() -> None:
    found = agreement([box(10), box(100, 0.8)], [box(10)], 0.25)
    assert found is not None
    assert not found.agrees
    assert found.sentence == (
        "1 box within 2 pixels of each other, 1 without a partner: the best of them is 'cat' "
        "(0.800), found by the ONNX alone."
    )
    other = agreement([box(10)], [box(10, class_id=1)], 0.25)
    assert other is not None
    assert not other.agrees


def test_a_box_near_the_threshold_may_be_missing() -> None:
    found = agreement([box(10), box(100, 0.29)], [box(10.5)], 0.25)
    assert found is not None
    assert found.agrees
    assert found.sentence == (
        "Both find the same 1 box, at most 0.5 pixels apart. Near the score threshold one of them "
        "has 1 box more."
    )


def test_poses_agree_by_their_boxes() -> None:
    pose = Pose("person", 0, 0.9, (0.0, 0.0, 9.0, 9.0), ((1.0, 1.0, 0.5),))
    found = agreement([pose], [pose], 0.25)
    assert found is not None
    assert found.agrees


def classes(*pairs: tuple[str, float]) -> list[ClassScore]:
    return [ClassScore(label, ord(label), score) for label, score in pairs]


def test_the_first_class_decides() -> None:
    right = classes(("a", 0.7), ("b", 0.2))
    same = agreement(right, classes(("a", 0.6), ("c", 0.3)), 0.25)
    other = agreement(right, classes(("b", 0.6), ("a", 0.3)), 0.25)
    assert same is not None
    assert other is not None
    assert (same.agrees, other.agrees) == (True, False)
    assert other.sentence == "The ONNX sees 'a' first (0.700), the engine 'b' (0.600)."


def test_a_tie_may_turn() -> None:
    found = agreement(classes(("a", 0.41), ("b", 0.40)), classes(("b", 0.41), ("a", 0.40)), 0.25)
    assert found is not None
    assert found.agrees
    assert "as good as tied" in found.sentence


def test_maps_agree_by_their_pixels() -> None:
    ids = np.zeros((10, 20), np.uint16)
    other = ids.copy()
    other[0, :2] = 1  # 2 of 200
    found = agreement([ClassMap("m", ids, ())], [ClassMap("m", other, ())], 0.25)
    assert found is not None
    assert (found.agrees, found.sentence) == (
        True,
        "99 % of the picture's pixels have the same class.",
    )
    other[0, :3] = 1
    found = agreement([ClassMap("m", ids, ())], [ClassMap("m", other, ())], 0.25)
    assert found is not None
    assert not found.agrees


def test_embeddings_agree_by_their_direction() -> None:
    a, b = floats(3, 4), floats(4, 3)  # cosine 24 / 25
    found = agreement([Embedding("e", a, 5.0)], [Embedding("e", b, 5.0)], 0.25)
    assert found is not None
    assert (found.agrees, found.sentence) == (False, "The embeddings' cosine is 0.96000.")


def test_what_tells_nothing_is_not_claimed_to_agree() -> None:
    nothing = agreement([], [], 0.25)
    assert nothing is not None
    assert nothing.agrees is None
    near = agreement([box(10, 0.26)], [], 0.25)
    assert near is not None
    assert near.agrees is None
    summary = TensorSummary("y", "float32", (1,), 0.0, 0.0, 0.0, 0, 0)
    assert agreement([summary], [summary], 0.25) is None


def changed_demo(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> Path:
    """The demo's model with every weight of a convolution changed."""
    model = onnx.load(DEMO_MODEL)
    for weight in model.graph.initializer:
        array = numpy_helper.to_array(weight)
        if array.ndim == 4:
            weight.CopyFrom(numpy_helper.from_array(change(array), weight.name))
    path = folder / "changed.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (lambda array: array.astype(np.float16).astype(np.float32), "within"),
        (lambda array: array * np.float32(0.9), "outside"),
    ],
    ids=["rounded to FP16", "a tenth too small"],
)
def test_a_networks_weights_in_half_precision_are_within_and_wrong_ones_outside(
    tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], verdict: str
) -> None:
    with Model.open(DEMO_MODEL) as model:
        right = model.test(DEMO_PICTURE)
    with Model.open(changed_demo(tmp_path, change)) as model:
        own = model.test(DEMO_PICTURE)
    [found] = compare_outputs(right.outputs, own.outputs, FP16)
    assert found.verdict == verdict
    both = agreement(right.predictions, own.predictions, 0.25)
    assert both is not None
    assert both.agrees is (verdict == "within")

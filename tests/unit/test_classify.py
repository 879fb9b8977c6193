"""Vectors of scores: what is taken for them, and how they are ranked."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from onnx import helper

from core import Model
from core.class_names import built_in
from core.modelfile.metadata import Metadata
from core.predictions import ClassScore
from core.tasks import Choices, Decoded, Reading, decode, ways_to_read
from core.tensors import Shape
from tests.unit import onnx_models

READING = Reading(picture_wh=(64, 64), network_wh=(64, 64))


def classes(decoded: Decoded) -> list[tuple[int, float]]:
    assert decoded.guess.task == "classify"
    return [(one.class_id, one.score) for one in decoded.predictions if isinstance(one, ClassScore)]


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1, 1)])
def test_logits_go_through_softmax(shape: tuple[int, ...]) -> None:
    # e^0 : e^1 : e^2 = 1 : 2.71828 : 7.38906, in all 11.10734
    logits = np.array([1.0, 0.0, 2.0], np.float32).reshape(shape)
    found = classes(decode({"logits": logits}, READING))
    assert [class_id for class_id, _ in found] == [2, 0, 1]
    expected = [7.38906 / 11.10734, 2.71828 / 11.10734, 1 / 11.10734]
    np.testing.assert_allclose([score for _, score in found], expected, atol=1e-5)


def test_probabilities_stay_as_they_are() -> None:
    values = np.array([[0.125, 0.5, 0.375]], np.float32)
    assert classes(decode({"p": values}, READING)) == [(1, 0.5), (2, 0.375), (0, 0.125)]


def test_logits_that_happen_to_sum_to_1_are_logits() -> None:
    values = np.array([[-1.0, 1.5, 0.5]], np.float32)  # e^-2.5 : 1 : e^-1
    found = classes(decode({"logits": values}, READING))
    whole = 0.0820850 + 1 + 0.3678794
    np.testing.assert_allclose(
        [score for _, score in found], np.array([1, 0.3678794, 0.082085]) / whole, atol=1e-6
    )


def test_huge_logits_do_not_overflow() -> None:
    values = np.array([[-1000.0, 1000.0, 999.0]], np.float32)
    found = classes(decode({"logits": values}, READING))
    np.testing.assert_allclose([score for _, score in found], [0.731059, 0.268941, 0], atol=1e-6)


def test_scores_are_named_only_where_every_class_has_a_name() -> None:
    values = np.array([[0.0, 1.0]], np.float32)
    for names, labels in ((("no", "yes"), ["yes", "no"]), (("no", "yes", "maybe"), ["1", "0"])):
        reading = replace(READING, metadata=Metadata(names=names))
        decoded = decode({"logits": values}, reading)
        assert [getattr(one, "label", None) for one in decoded.predictions] == labels


def test_only_the_best_few_classes_are_told() -> None:
    values = np.arange(1000, dtype=np.float32)[None]
    found = classes(decode({"logits": values}, READING))
    assert [class_id for class_id, _ in found] == [999, 998, 997, 996, 995]
    assert len(classes(decode({"logits": values}, replace(READING, choices=Choices(top_k=2))))) == 2


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_rank_nothing(bad: float) -> None:
    values = np.array([[0.0, bad, 2.0]], np.float32)
    assert classes(decode({"logits": values}, READING)) == []


def test_whole_numbers_are_scores_too() -> None:
    values = np.array([[0, 5, 1]], np.int8)
    assert classes(decode({"logits": values}, READING))[0][0] == 1


@pytest.mark.parametrize("dtype", [np.bool_, np.int64, np.uint64])
def test_indices_and_yes_or_no_are_no_scores(dtype: type) -> None:
    for count in (5, 128):
        values = np.arange(count).astype(dtype)[None]
        assert decode({"out": values}, READING).guess.task == "tensors"
        assert decode({"embedding": values}, READING).guess.task == "tensors"
    asked = replace(READING, choices=Choices(task="classify"))
    assert classes(decode({"out": np.array([[0, 5, 1]], dtype)}, asked))


def test_a_vector_of_length_one_with_both_signs_is_no_classification() -> None:
    vector = np.random.default_rng(0).standard_normal((1, 100)).astype(np.float32)
    decoded = decode({"out": vector / np.linalg.norm(vector)}, READING)
    assert decoded.guess.task == "tensors"
    assert decoded.warnings


def test_the_users_word_goes_before_the_values() -> None:
    vector = np.array([[0.6, -0.8]], np.float32)
    decoded = decode({"out": vector}, replace(READING, choices=Choices(task="classify")))
    # e^0.6 : e^-0.8 = 1 : e^-1.4
    assert classes(decoded)[0] == (0, pytest.approx(1 / (1 + 0.246597), abs=1e-5))


def test_a_sigmoids_probabilities_stay_where_the_name_says_so() -> None:
    values = np.array([[0.9, 0.8, 0.1]], np.float32)
    found = classes(decode({"sigmoid_out": values}, READING))
    np.testing.assert_allclose([score for _, score in found], [0.9, 0.8, 0.1], atol=1e-6)
    [best, *_] = classes(decode({"out": values}, READING))  # may be logits: softmax
    np.testing.assert_allclose(best[1], 1 / (1 + 0.904837 + 0.449329), atol=1e-5)


@pytest.mark.parametrize(
    ("outputs", "metadata", "certainty"),
    [
        ({"out": (1, 10)}, None, "likely"),
        ({"out": (1, 1000)}, None, "likely"),
        ({"out": (1, 1001)}, None, "likely"),
        ({"out": (None, 1000, 1, 1)}, None, "likely"),
        ({"out": (1, 10)}, Metadata(task="classify"), "certain"),
        ({"out": (1, 512)}, None, "possible"),  # an embedding's size
        ({"logits": (1, 512)}, None, "likely"),
        ({"out": (1, 128)}, Metadata(names=tuple("x" * 128)), "likely"),
        ({"embedding": (1, 10)}, None, "possible"),
        ({"landmarks": (1, 136)}, None, "possible"),  # 68 places of a face
        ({"head/pose:0": (1, 3)}, None, "possible"),
        ({"age": (1, 101)}, None, "possible"),
        ({"image_average": (1, 10)}, None, "likely"),  # "age" is no part of it
        ({"age": (1, 3)}, Metadata(names=("young", "adult", "old")), "likely"),
        ({"out": (1, 10)}, Metadata(task="detect"), None),
        ({"out": (10, 1)}, None, None),  # never turned round
        ({"out": (1, 1)}, None, None),
        ({"out": (1, 10, 2)}, None, None),
        ({"out": (1, 10, 2, 2)}, None, None),
        ({"a": (1, 10), "b": (1, 10)}, None, None),
    ],
)
def test_how_sure_it_is_that_a_shape_is_a_classifiers(
    outputs: dict[str, Shape], metadata: Metadata | None, certainty: str | None
) -> None:
    reading = replace(READING, metadata=metadata or Metadata())
    ways = ways_to_read(list(outputs.items()), reading)
    assert [way.certainty for way in ways if way.task == "classify"] == (
        [] if certainty is None else [certainty]
    )


@pytest.mark.parametrize(("count", "first"), [(1000, 0), (1001, 1)])
def test_imagenets_names_are_assumed_for_its_counts_and_said_to_be(count: int, first: int) -> None:
    values = np.zeros((1, count), np.float32)
    values[0, first + 207] = 9
    decoded = decode({"out": values}, READING)
    [best, *_] = decoded.predictions
    assert isinstance(best, ClassScore)
    assert best.label == "golden retriever"
    assert "names assumed:" in decoded.guess.evidence
    assert "ImageNet's 1000" in decoded.guess.evidence
    assert ("background" in decoded.guess.evidence) == (count == 1001)


def test_names_of_the_users_or_the_files_are_no_assumption() -> None:
    values = np.zeros((1, 1000), np.float32)
    values[0, 207] = 9
    own = tuple(f"class number {index}" for index in range(1000))
    for reading in (
        replace(READING, metadata=Metadata(names=own)),
        replace(READING, choices=Choices(class_names=own)),
    ):
        decoded = decode({"out": values}, reading)
        assert getattr(decoded.predictions[0], "label", "") == "class number 207"
        assert "assumed" not in decoded.guess.evidence


def test_names_that_do_not_fit_are_not_replaced_by_assumed_ones() -> None:
    values = np.zeros((1, 1000), np.float32)
    reading = replace(READING, metadata=Metadata(names=("cat", "dog")))
    decoded = decode({"out": values}, reading)
    assert getattr(decoded.predictions[0], "label", "") == "0"
    assert "assumed" not in decoded.guess.evidence


def test_cocos_names_are_assumed_for_a_detectors_80_classes() -> None:
    head = np.zeros((1, 84, 84), np.float32)
    head[0, :4, 0] = (32, 32, 20, 20)
    head[0, 4 + 16, 0] = 0.9
    decoded = decode({"output0": head}, READING)
    assert [getattr(one, "label", "") for one in decoded.predictions] == ["dog"]
    assert decoded.guess.evidence.endswith("; names assumed: COCO's 80")
    named = replace(READING, metadata=Metadata(names=built_in("coco")))
    assert "assumed" not in decode({"output0": head}, named).guess.evidence


def test_the_best_five_are_those_that_plain_code_finds_in_the_same_outputs(tmp_path: Path) -> None:
    random = np.random.default_rng(11)
    weights = random.standard_normal((1000, 3 * 8 * 8)).astype(np.float32)
    path = onnx_models.save(
        tmp_path / "thousand.onnx",
        [
            helper.make_node("Flatten", ["images"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weights"], ["logits"], transB=1),
        ],
        [("images", "float32", (1, 3, 8, 8))],
        [("logits", "float32", (1, 1000))],
        {"weights": weights},
    )
    picture = tmp_path / "noise.png"
    cv2.imwrite(str(picture), random.integers(0, 256, (20, 30, 3), np.uint8))
    with Model.open(path) as model:
        result = model.test(picture)
    logits = [float(value) for value in result.outputs["logits"][0]]
    largest = max(logits)
    total = sum(math.exp(value - largest) for value in logits)
    order = sorted(range(1000), key=lambda index: -logits[index])[:5]
    found = [one for one in result.predictions if isinstance(one, ClassScore)]
    assert [one.class_id for one in found] == order
    expected = [math.exp(logits[index] - largest) / total for index in order]
    np.testing.assert_allclose([one.score for one in found], expected, rtol=1e-6)


def test_many_scores_in_0_to_1_are_probabilities_each_by_itself() -> None:
    """A tagger's: several are true at once, and softmax would make 0.02 of 0.9."""
    values = np.full((1, 100), 0.01, np.float32)
    values[0, [7, 40]] = 0.9, 0.6
    found = classes(decode({"output": values}, READING))
    np.testing.assert_allclose([score for _, score in found[:3]], [0.9, 0.6, 0.01], atol=1e-6)
    assert [class_id for class_id, _ in found[:2]] == [7, 40]
    values[0, 3] = 1.5  # no probability: all are logits, e^1.5 the largest
    whole = 97 * np.exp(0.01) + np.exp(0.9) + np.exp(0.6) + np.exp(1.5)
    [best, *_] = classes(decode({"output": values}, READING))
    assert best == (3, pytest.approx(np.exp(1.5) / whole, abs=1e-5))


def test_bytes_that_sum_to_256_are_quantised_probabilities() -> None:
    values = np.zeros((1, 10), np.uint8)
    values[0, [2, 5]] = 160, 90  # six of the 256 were rounded away in the others
    found = classes(decode({"out": values}, READING))
    assert found[:2] == [(2, pytest.approx(160 / 250)), (5, pytest.approx(90 / 250))]
    values[0, 5] = 10  # 170 in all: no softmax gives that
    assert classes(decode({"out": values}, READING))[0] == (2, pytest.approx(1))

"""How alike pictures are by their embeddings, and which of them are remembered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import similarity
from core.model import Model
from core.results import TestResult
from core.similarity import (
    EmbeddingMemory,
    Similarity,
    similarities,
    similarities_in_turn,
    vector_of,
)
from core.tasks import Choices
from tests.unit import onnx_models
from tests.unit.test_model import BLUE, GREEN, RED, picture

WHITE = (255, 255, 255)


def vector(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


@pytest.fixture
def runs(tmp_path: Path) -> dict[str, TestResult]:
    """Pictures through a model whose vector is each channel's mean less a half, 8 times over."""
    with Model.open(onnx_models.embedder(tmp_path)) as model:
        colors = {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE}
        return {name: model.test(picture(tmp_path, color)) for name, color in colors.items()}


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1, 0], [2, 0], 1),
        ([1, 0], [0, 3], 0),
        ([1, 1], [-2, -2], -1),
        ([3, 4], [4, 3], 24 / 25),
        ([0.1] * 512, [0.1] * 512, 1),
        ([1e38, 0], [1e38, 1e38], 0.5**0.5),
        ([1e-45, 0], [1e-45, 1e-45], 0.5**0.5),
    ],
)
def test_the_cosine_is_that_of_the_angle(a: list[float], b: list[float], expected: float) -> None:
    [found] = similarities(vector(*a), [("b", vector(*b))])
    assert found.cosine == pytest.approx(expected)
    assert found.cosine is not None
    assert -1 <= found.cosine <= 1
    assert found.why == ""


def test_the_most_alike_picture_comes_first_and_those_without_a_direction_last() -> None:
    previous = [
        ("zero.jpg", vector(0, 0)),
        ("other way.jpg", vector(-1, 0)),
        ("broken.jpg", None),
        ("same.jpg", vector(5, 0)),
        ("another model.jpg", vector(1, 0, 0)),
        ("aside.jpg", vector(1, 1)),
    ]
    found = similarities(vector(1, 0), previous)
    sources = ["same.jpg", "aside.jpg", "other way.jpg", "zero.jpg", "broken.jpg"]
    assert [one.source for one in found] == sources
    assert [one.cosine for one in found[:3]] == pytest.approx([1, 0.5**0.5, -1])
    assert [(one.cosine, one.why) for one in found[3:]] == [
        (None, "every number of its vector is 0"),
        (None, "not every number of its vector is finite"),
    ]
    assert similarities(vector(1, 0), []) == ()


@pytest.mark.parametrize(
    ("own", "why"),
    [
        (vector(0, 0), "every number of this picture's vector is 0"),
        (None, "not every number of this picture's vector is finite"),
    ],
)
def test_a_picture_without_a_direction_is_like_nothing(own: np.ndarray | None, why: str) -> None:
    assert similarities(own, [("b", vector(1, 0))]) == (Similarity("b", None, why),)


def test_json_has_no_number_where_there_is_none() -> None:
    assert Similarity("a.jpg", 0.12345678).as_json() == {"path": "a.jpg", "cosine": 0.123457}
    assert Similarity("a.jpg", None, "why").as_json() == {
        "path": "a.jpg",
        "cosine": None,
        "why": "why",
    }


def test_each_run_is_compared_with_those_before_it(runs: dict[str, TestResult]) -> None:
    """Red is (1/2, -1/2, -1/2), white (1/2, 1/2, 1/2), so their cosine is -1/3."""
    first, second, third = similarities_in_turn([runs["red"], runs["white"], runs["red"]])
    assert first == ()
    assert second is not None
    assert [one.cosine for one in second] == pytest.approx([-1 / 3])
    assert third is not None
    assert [one.cosine for one in third] == pytest.approx([1, -1 / 3])
    plain = runs["blue"].read_again(Choices(task="tensors"))
    assert similarities_in_turn([runs["red"], plain]) == [(), None]


def test_a_memory_keeps_one_vector_a_picture_and_never_compares_one_with_itself(
    runs: dict[str, TestResult],
) -> None:
    memory = EmbeddingMemory()
    assert memory.compare(runs["red"], 1) == ()
    assert memory.compare(runs["red"], 1) == ()
    [other] = memory.compare(runs["green"], 1)
    assert (other.source, other.cosine) == (runs["red"].source, pytest.approx(-1 / 3))
    assert len(memory) == 2
    memory.compare(runs["white"], 1, keep=False)
    assert len(memory) == 2
    memory.forget()
    assert memory.compare(runs["blue"], 1) == ()


def test_only_what_would_change_vectors_makes_a_memory_begin_anew(
    runs: dict[str, TestResult],
) -> None:
    red, green = runs["red"], runs["green"]
    assert green.recipe is not None
    others = {
        "the same": (green, 1, 1),
        "other words about the recipe": (
            replace(green, recipe=replace(green.recipe, evidence="said", certainty="certain")),
            1,
            1,
        ),
        "another model": (green, 2, 0),
        "another recipe": (replace(green, recipe=replace(green.recipe, color="bgr")), 1, 0),
        "another input": (replace(green, origins={**green.origins, "x": "values 2"}), 1, 0),
        "another output": (replace(green, outputs={"other": green.outputs["embedding"]}), 1, 0),
        "another size": (replace(green, outputs={"embedding": np.zeros((1, 48))}), 1, 0),
    }
    for what, (result, serial, count) in others.items():
        memory = EmbeddingMemory()
        memory.compare(red, 1)
        assert len(memory.compare(result, serial)) == count, what


def test_a_memory_outlives_another_reading(runs: dict[str, TestResult]) -> None:
    memory = EmbeddingMemory()
    memory.compare(runs["red"], 1)
    assert memory.compare(runs["green"].read_again(Choices(task="tensors")), 1) == ()
    chosen = runs["green"].read_again(Choices(task="embed"))
    assert [one.source for one in memory.compare(chosen, 1)] == [runs["red"].source]


def test_pictures_of_their_own_size_are_compared(runs: dict[str, TestResult]) -> None:
    memory = EmbeddingMemory()
    for name, size in (("red", (8, 8)), ("green", (9, 4))):
        result, recipe = runs[name], runs[name].recipe
        assert recipe is not None
        own = replace(recipe, resize="none", size_wh=size)
        found = memory.compare(replace(result, recipe=own), 1)
    assert len(found) == 1


def test_the_oldest_are_forgotten(
    runs: dict[str, TestResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similarity, "MOST_KEPT", 3)
    memory = EmbeddingMemory()
    for name in "abcda":
        found = memory.compare(replace(runs["red"], source=name), 1)
    assert len(memory) == 3
    assert sorted(one.source for one in found) == ["b", "c", "d"]
    found = memory.compare(replace(runs["red"], source="e"), 1)
    assert sorted(one.source for one in found) == ["a", "c", "d"]
    monkeypatch.setattr(similarity, "MOST_BYTES", 1)
    memory.compare(replace(runs["red"], source="f"), 1)
    assert len(memory) == 2


def test_a_vector_that_is_not_finite_is_none(tmp_path: Path) -> None:
    values = np.ones((1, 32), np.float32)
    values[0, 3] = np.nan
    with Model.open(onnx_models.constant_output(tmp_path, {"embedding": values})) as model:
        result = model.test(picture(tmp_path, RED))
    assert result.guess.task == "embed"
    assert vector_of(result) is None

"""Embeddings: what is taken for one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.modelfile.metadata import Metadata
from core.predictions import Embedding
from core.tasks import Choices, Decoded, Reading, decode, ways_to_read
from core.tensors import Shape

READING = Reading(picture_wh=(64, 64), network_wh=(64, 64))


def embedding(decoded: Decoded) -> Embedding:
    assert decoded.guess.task == "embed"
    [found] = decoded.predictions
    assert isinstance(found, Embedding)
    return found


@pytest.mark.parametrize("size", [32, 64, 96, 128, 512])
def test_a_vector_of_length_one_with_both_signs_is_an_embedding(size: int) -> None:
    vector = np.random.default_rng(0).standard_normal((1, size)).astype(np.float32)
    vector /= np.linalg.norm(vector)
    found = embedding(decode({"out": vector}, READING))
    assert found.norm == pytest.approx(1)
    np.testing.assert_array_equal(found.values, vector[0])


@pytest.mark.parametrize("shape", [(1, 128), (1, 128, 1, 1)])
def test_the_vector_and_its_length_are_told(shape: tuple[int, ...]) -> None:
    values = np.zeros(shape, np.float16)
    values[0, 3], values[0, 100] = 3, -4
    found = embedding(decode({"out": values}, READING))
    assert (found.values.shape, found.values.dtype, found.norm) == ((128,), np.float32, 5.0)
    assert (found.values[3], found.values[100]) == (3, -4)


def test_probabilities_are_none() -> None:
    values = np.full((1, 256), 1 / 256, np.float32)
    assert decode({"out": values}, READING).guess.task == "tensors"
    assert decode({"softmax": values}, READING).guess.task == "classify"
    asked = replace(READING, choices=Choices(task="embed"))
    assert embedding(decode({"out": values}, asked)).norm == pytest.approx(1 / 16)


def test_places_are_no_embedding_whatever_their_number() -> None:
    values = np.linspace(0, 1, 192, dtype=np.float32)[None]
    assert decode({"landmarks": values}, READING).guess.task == "tensors"
    asked = replace(READING, choices=Choices(task="embed"))
    assert embedding(decode({"landmarks": values}, asked)).values.shape == (192,)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_vector_with_what_is_no_number_stands_for_nothing(bad: float) -> None:
    values = np.zeros((1, 128), np.float32)
    values[0, 5] = bad
    decoded = decode({"embedding": values}, READING)
    assert (decoded.guess.task, decoded.predictions) == ("embed", ())


@pytest.mark.parametrize(
    ("outputs", "metadata", "first", "certainty"),
    [
        ({"embedding": (1, 20)}, None, "embed", "likely"),
        ({"image_features": (1, 1000)}, None, "embed", "likely"),
        ({"Descriptor": (None, 256, 1, 1)}, None, "embed", "likely"),
        ({"out": (1, 512)}, None, "embed", "likely"),
        ({"out": (1, 96)}, None, "classify", "likely"),
        ({"out": (1, 1000)}, None, "classify", "possible"),
        ({"embedding": (1, 10)}, None, "tensors", None),  # too short
        ({"embedding": (1, 512, 7, 7)}, None, "tensors", None),
        ({"embedding": (1, 50, 512)}, None, "tensors", None),
        ({"embedding": (5, 512)}, None, "tensors", None),
        ({"embedding": (1, 512)}, Metadata(task="classify"), "classify", None),
        ({"a": (1, 512), "b": (1, 512)}, None, "tensors", None),
    ],
)
def test_how_sure_it_is_that_a_shape_is_an_embedding(
    outputs: dict[str, Shape], metadata: Metadata | None, first: str, certainty: str | None
) -> None:
    reading = replace(READING, metadata=metadata or Metadata())
    ways = [
        way
        for way in ways_to_read(list(outputs.items()), reading)
        if way.certainty != "possible" or way.task in ("embed", "tensors")
    ]
    assert ways[0].task == first
    found = [way.certainty for way in ways if way.task == "embed"]
    assert found == ([] if certainty is None else [certainty])

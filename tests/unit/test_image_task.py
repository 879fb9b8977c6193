"""Pictures that come out: what is taken for one, and how its values become colours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.modelfile.metadata import Metadata
from core.predictions import OutputImage
from core.tasks import Choices, Reading, decode, guess_task, ways_to_read
from core.tensors import Shape

NETWORK = (64, 64)
READING = Reading(picture_wh=NETWORK, network_wh=NETWORK)


@pytest.mark.parametrize(
    ("values", "dtype", "expected", "note"),
    [
        ([0.0, 0.5, 1.0], "float32", [0, 128, 255], "0..1 shown as 0..255"),
        ([-0.05, 0.5, 1.05], "float32", [0, 128, 255], "0..1 shown as 0..255"),
        ([-1.0, 0.0, 1.0], "float32", [0, 128, 255], "-1..1 shown as 0..255"),
        ([0.0, 100.4, 255.0], "float32", [0, 100, 255], "clamped to 0..255"),
        ([-20.0, 100.0, 300.0], "float32", [0, 100, 255], "clamped to 0..255"),
        ([-1000.0, 0.0, 1000.0], "float32", [0, 128, 255], "-1000..1000 fitted to 0..255"),
        ([0.0, 1.0, 2.0], "float32", [0, 128, 255], "0..2 fitted to 0..255"),
        ([-2.5, 0.0, 2.5], "float32", [0, 128, 255], "-2.5..2.5 fitted to 0..255"),
        ([7, 100, 200], "uint8", [7, 100, 200], "bytes as they are"),
        ([0.0, np.nan, 1.0], "float32", [0, 0, 255], "0..1 shown as 0..255"),
        ([0.0, np.inf, 1.0], "float32", [0, 255, 255], "0..1 shown as 0..255"),
        ([0.0, -np.inf, 1.0], "float32", [0, 0, 255], "0..1 shown as 0..255"),
    ],
)
def test_values_become_colours_by_their_range(
    values: list[float], dtype: str, expected: list[int], note: str
) -> None:
    output = np.zeros((1, 3, 64, 64), dtype)
    output[0, :, :, :] = np.resize(np.array(values, dtype), 64)
    decoded = decode({"out": output}, READING)
    assert decoded.guess.task == "image"
    [picture] = decoded.predictions
    assert isinstance(picture, OutputImage)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.shape == (64, 64, 3)
    assert picture.pixels[0, :3, 0].tolist() == expected
    assert picture.note == note


@pytest.mark.parametrize(
    ("shape", "channels", "expected"),
    [
        ((1, 3, 64, 64), 3, (64, 64, 3)),
        ((1, 64, 64, 3), 3, (64, 64, 3)),
        ((3, 128, 128), 3, (128, 128, 3)),
        ((1, 3, 256, 256), 3, (256, 256, 3)),
        ((1, 3, 32, 32), 3, (32, 32, 3)),
        ((1, 1, 64, 64), 1, (64, 64, 3)),
    ],
)
def test_a_picture_like_the_input_is_a_picture(
    shape: tuple[int, ...], channels: int, expected: tuple[int, ...]
) -> None:
    output = np.zeros(shape, np.float32)
    decoded = decode({"out": output}, replace(READING, channels=channels))
    [picture] = decoded.predictions
    assert isinstance(picture, OutputImage)
    assert picture.pixels.shape == expected


def test_the_channels_of_a_picture_keep_their_order_in_both_layouts() -> None:
    output = np.zeros((1, 3, 64, 64), np.float32)
    output[0, 0] = 1.0
    output[0, :, 32:] = 0.5
    for array in (output, output.transpose(0, 2, 3, 1)):
        [picture] = decode({"out": array}, READING).predictions
        assert isinstance(picture, OutputImage)
        assert picture.pixels[5, 5].tolist() == [255, 0, 0]


def test_a_picture_of_nothing_but_nan_is_none() -> None:
    output = np.full((1, 3, 64, 64), np.nan, np.float32)
    decoded = decode({"out": output}, READING)
    assert (decoded.guess.task, decoded.predictions) == ("image", ())


def test_half_precision_is_read_as_what_it_says() -> None:
    output = np.full((1, 3, 64, 64), 0.2, np.float16)  # 0.19995 * 255 = 50.99
    [picture] = decode({"out": output}, READING).predictions
    assert isinstance(picture, OutputImage)
    assert picture.pixels[0, 0].tolist() == [51, 51, 51]


@pytest.mark.parametrize(
    ("how", "values", "expected", "note"),
    [
        ("clamp", [0.0, 0.6, 300.0], [0, 1, 255], "clamped to 0..255"),
        ("clamp", [0.0, 0.6, 1.0], [0, 1, 1], "clamped to 0..255"),
        ("fit", [0.0, 100.0, 200.0], [0, 128, 255], "0..200 fitted to 0..255"),
        ("fit", [-1.0, 0.0, 3.0], [0, 64, 255], "-1..3 fitted to 0..255"),
        ("automatic", [-1000.0, 0.0, 1000.0], [0, 128, 255], "-1000..1000 fitted to 0..255"),
    ],
)
def test_the_user_chooses_how_values_become_colours(
    how: str, values: list[float], expected: list[int], note: str
) -> None:
    output = np.zeros((1, 3, 64, 64), np.float32)
    output[:] = np.resize(np.array(values), 64)
    choices = Choices(image_range=how)  # type: ignore[arg-type]
    [picture] = decode({"out": output}, replace(READING, choices=choices)).predictions
    assert isinstance(picture, OutputImage)
    assert (picture.pixels[0, :3, 0].tolist(), picture.note) == (expected, note)


@pytest.mark.parametrize(
    ("side", "words"),
    [(64, "a 64 x 64 picture, channels"), (128, "128 picture, 2 x the input's size"),
     (16, "16 picture, 1/4 of the input's size")],
)  # fmt: skip
def test_the_size_that_comes_out_is_told(side: int, words: str) -> None:
    assert words in guess_task([("out", (1, 3, side, side))], READING).evidence


def test_several_pictures_are_read_where_names_say_so_and_offered_where_not() -> None:
    light, dark = np.full((1, 3, 64, 64), 0.8, np.float32), np.zeros((1, 3, 64, 64), np.float32)
    decoded = decode({"image_a": light, "image_b": dark}, READING)
    assert decoded.guess.task == "image"
    pictures = [one for one in decoded.predictions if isinstance(one, OutputImage)]
    assert [(one.tensor, int(one.pixels.max())) for one in pictures] == [
        ("image_a", 204),
        ("image_b", 0),
    ]
    unnamed = decode({"a": light, "b": dark}, READING)
    assert unnamed.guess.task == "tensors"
    assert [(way.task, way.certainty) for way in unnamed.alternatives if way.task == "image"] == [
        ("image", "possible")
    ]


@pytest.mark.parametrize(
    ("outputs", "channels", "metadata"),
    [
        ({"image": (1, 3, 64, 64), "boxes": (1, 10, 4)}, 3, None),
        ({"image": (1, 3, 64, 32)}, 3, None),
        ({"image": (1, 3, 640, 640)}, 3, None),
        ({"image": (1, 1, 64, 64)}, 3, None),
        ({"image": (2, 3, 64, 64)}, 3, None),
        ({"image": (1, 3, 64, 64)}, 3, Metadata(task="segment")),
        ({}, 3, None),
    ],
)
def test_what_is_no_picture_is_not_offered_as_one(
    outputs: dict[str, Shape], channels: int, metadata: Metadata | None
) -> None:
    reading = replace(READING, channels=channels, metadata=metadata or Metadata())
    assert "image" not in [way.task for way in ways_to_read(list(outputs.items()), reading)]


@pytest.mark.parametrize("name", ["normals", "seg_logits", "flow"])
def test_a_name_that_says_something_else_is_no_picture(name: str) -> None:
    values = np.resize(np.array([-3.0, 0.5, 4.0, 1.5], np.float32), (1, 3, 64, 64))
    assert decode({name: values}, READING).guess.task != "image"
    assert decode({f"{name}_image": values}, READING).guess.task == "image"


def test_channels_that_add_up_to_one_are_no_picture() -> None:
    scores = np.random.default_rng(0).random((1, 3, 64, 64)).astype(np.float32)
    decoded = decode({"out": scores / scores.sum(axis=1, keepdims=True)}, READING)
    assert decoded.guess.task == "tensors"
    assert decoded.warnings


def test_whole_numbers_from_a_grey_picture_are_no_picture_of_it() -> None:
    grey = replace(READING, channels=1)
    output = np.zeros((1, 1, 64, 64), np.int64)
    output[..., 32:] = 3
    assert decode({"out": output}, grey).guess.task == "semantic-segment"
    assert decode({"out": output.astype(np.float32)}, grey).guess.task == "image"


def test_a_picture_of_a_network_that_takes_bgr_is_bgr_too() -> None:
    output = np.zeros((1, 3, 64, 64), np.uint8)
    output[0, 0], output[0, 2] = 10, 200  # blue, red
    [picture] = decode({"out": output}, replace(READING, bgr=True)).predictions
    assert isinstance(picture, OutputImage)
    assert picture.pixels[5, 5].tolist() == [200, 0, 10]
    assert picture.note == "bytes as they are, BGR assumed"
    grey = replace(READING, channels=1, bgr=False)
    [picture] = decode({"out": output[:, :1]}, grey).predictions
    assert isinstance(picture, OutputImage)
    assert "BGR" not in picture.note

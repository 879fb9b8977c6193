"""Dense maps: what is taken for one, its limits, and where it lies in the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.modelfile.metadata import Metadata
from core.predictions import DenseMap
from core.preprocess import prepare
from core.recipes import Recipe, Resize
from core.tasks import Choices, Decoded, Reading, decode, guess_task, ways_to_read
from core.tensors import Shape

NETWORK = (64, 48)
READING = Reading(picture_wh=NETWORK, network_wh=NETWORK)


def dense_maps(decoded: Decoded) -> list[DenseMap]:
    assert decoded.guess.task == "dense"
    found = [one for one in decoded.predictions if isinstance(one, DenseMap)]
    assert len(found) == len(decoded.predictions)
    return found


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 48, 64), (1, 48, 64), (1, 48, 64, 1), (48, 64)])
def test_one_number_a_point_is_a_map_in_every_layout(shape: tuple[int, ...], dtype: str) -> None:
    values = np.full((48, 64), 0.5, dtype)
    values[3, 5], values[4, 6] = -2.25, 7.5
    [found] = dense_maps(decode({"depth": values.reshape(shape)}, READING))
    assert found.values.dtype == np.float32
    np.testing.assert_array_equal(found.values, values.astype(np.float32))
    assert (found.tensor, found.low, found.high) == ("depth", -2.25, 7.5)


def test_what_is_no_number_stays_so_and_is_not_in_the_limits() -> None:
    values = np.full((1, 1, 48, 64), 0.5, np.float32)
    values[0, 0, :3, :3] = ((np.nan, np.inf, -np.inf), (1.5, 1, 1), (1, 1, 1))
    [found] = dense_maps(decode({"out": values}, READING))
    assert (found.low, found.high) == (0.5, 1.5)
    assert np.isnan(found.values[0, 0])
    assert dense_maps(decode({"out": np.full_like(values, np.nan)}, READING)) == []


def test_an_empty_map_is_one_and_whole_numbers_are_classes_unless_asked() -> None:
    empty = np.zeros((1, 1, 48, 64), np.float32)
    [found] = dense_maps(decode({"out": empty}, READING))
    assert (found.low, found.high) == (0, 0)
    two = empty.copy()
    two[..., 32:] = 2
    assert decode({"out": two}, READING).guess.task == "semantic-segment"
    assert decode({"out": empty.astype(np.int64)}, READING).guess.task == "semantic-segment"
    asked = replace(READING, choices=Choices(task="dense"))
    [found] = dense_maps(decode({"out": two}, asked))
    assert (found.low, found.high) == (0, 2)


def test_grey_levels_are_a_map_and_no_classes() -> None:
    levels = np.arange(48 * 64).reshape(1, 1, 48, 64).astype(np.uint8)
    [found] = dense_maps(decode({"out": levels}, READING))
    assert (found.low, found.high) == (0, 255)


@pytest.mark.parametrize("step", [1, 2, 4])
@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize("picture_wh", [(200, 100), (100, 200), (31, 7), (1999, 1501), (6000, 900)])
def test_a_slope_comes_back_as_the_same_slope(
    picture_wh: tuple[int, int], resize: Resize, step: int
) -> None:
    """Each point's value is where it is in the picture, x + 2 y, by hand."""
    width, height = picture_wh
    recipe = Recipe(input="images", layout="NCHW", size_wh=NETWORK, resize=resize)
    placement = prepare(np.zeros((height, width, 3), np.uint8), recipe).placement
    xs, ys = (np.arange(64 // step) + 0.5) * step, (np.arange(48 // step) + 0.5) * step
    if resize == "stretch":
        xs, ys = xs * width / 64, ys * height / 48
    else:
        ratio = min(64 / width, 48 / height)
        xs = (xs - (64 - width * ratio) / 2) / ratio
        ys = (ys - (48 - height * ratio) / 2) / ratio
    values = (xs[None, :] + 2 * ys[:, None]).astype(np.float32)
    reading = replace(READING, picture_wh=picture_wh, placement=placement)
    [found] = dense_maps(decode({"depth": values[None, None]}, reading))
    assert found.values.shape == (height, width)
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    wanted = x[None, :] + 2 * y[:, None]
    # Outside of the outermost points' middles nothing is known: the edge goes on.
    inside = (y[:, None] > ys[0]) & (y[:, None] < ys[-1]) & (x[None, :] > xs[0]) & (x < xs[-1])
    pixel_x, pixel_y = 1 / placement.scale_x, 1 / placement.scale_y
    tolerance = max(1.0, pixel_x) + 2 * max(1.0, pixel_y)
    assert inside.mean() > 0.3
    assert np.abs(found.values - wanted)[inside].max() < tolerance


def test_several_side_outputs_are_each_a_map() -> None:
    outputs = {
        "d0": np.full((1, 1, 48, 64), 0.25, np.float32),
        "d1": np.full((1, 1, 24, 32), 0.5, np.float32),
    }
    found = dense_maps(decode(outputs, READING))
    assert [(one.tensor, one.high, one.values.shape) for one in found] == [
        ("d0", 0.25, (48, 64)),
        ("d1", 0.5, (48, 64)),
    ]
    assert found[1].note.endswith("from 1/2 of the input's size")


def test_what_whole_patches_leave_over_is_at_the_right_and_the_bottom() -> None:
    """100 x 75 pixels are 7 x 5 patches of 14, 98 x 70 points; each is where its pixel is."""
    ramp = np.tile(np.arange(98, dtype=np.float32), (70, 1)) + 0.5
    reading = Reading(picture_wh=(100, 75), network_wh=(100, 75))
    [found] = dense_maps(decode({"predicted_depth": ramp[None]}, reading))
    assert found.values.shape == (75, 100)
    np.testing.assert_allclose(found.values[40, :98], ramp[0], atol=1e-5)
    np.testing.assert_allclose(found.values[:, 98:], 97.5)
    assert guess_task([("out", (1, 70, 97))], reading).task == "tensors"


def test_several_maps_of_yes_and_no_are_maps_still() -> None:
    mask = np.zeros((1, 1, 48, 64), np.float32)
    mask[..., 10:20, 30:50] = 1
    found = dense_maps(decode({"d0": mask, "d1": mask}, READING))
    assert [(one.tensor, one.low, one.high) for one in found] == [("d0", 0, 1), ("d1", 0, 1)]


@pytest.mark.parametrize(
    ("outputs", "channels", "metadata", "certainty"),
    [
        ({"depth": (1, 1, 48, 64)}, 3, None, "likely"),
        ({"out": (1, 48, 64)}, 3, None, "likely"),
        ({"out": (1, 48, 64, 1)}, 3, None, "likely"),
        ({"out": (1, 1, 6, 8)}, 3, None, "likely"),
        ({"out": (1, 1, 48, 64)}, 1, None, "possible"),  # or a grey picture
        ({"out": (1, 2, 48, 64)}, 3, None, None),
        ({"out": (1, 1, 3, 4)}, 3, None, None),
        ({"out": (1, 1, 96, 128)}, 3, None, None),
        ({"out": (1, 1, 48, 32)}, 3, None, None),
        ({"out": (2, 1, 48, 64)}, 3, None, None),
        ({"out": (1, 1, None, None)}, 3, None, None),
        ({"out": (1, 1, 48, 64), "x": (1, 5)}, 3, None, None),
        ({"out": (1, 1, 48, 64)}, 3, Metadata(task="detect"), None),
        ({"out": ()}, 3, None, None),
    ],
)
def test_how_sure_it_is_that_a_shape_is_a_dense_map(
    outputs: dict[str, Shape], channels: int, metadata: Metadata | None, certainty: str | None
) -> None:
    reading = replace(READING, channels=channels, metadata=metadata or Metadata())
    ways = ways_to_read(list(outputs.items()), reading)
    found = [way.certainty for way in ways if way.task == "dense"]
    assert found == ([] if certainty is None else [certainty])


def test_a_name_is_told_where_it_says_something() -> None:
    assert "'disparity'" in guess_task([("disparity", (1, 1, 48, 64))], READING).evidence
    assert "'out'" not in guess_task([("out", (1, 1, 48, 64))], READING).evidence

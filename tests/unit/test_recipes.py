"""Pictures to input tensors and back, against plain numpy."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.placement import Placement
from core.preprocess import picture_of, prepare
from core.recipes import Recipe, Resize, image_layout
from core.tensors import Shape

RANDOM = np.random.default_rng(0)
PICTURE = RANDOM.integers(0, 256, (6, 10, 3), dtype=np.uint8)  # 10 wide, 6 high
BASE = Recipe(input="images", layout="NCHW", size_wh=(10, 6))
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
RESIZES: tuple[Resize, ...] = ("stretch", "letterbox", "letterbox-top-left", "center-crop")


def expected_channels(picture: np.ndarray, recipe: Recipe) -> np.ndarray:
    """(H, W, C) float64 as the recipe says, in plain numpy."""
    numbers = picture.astype(np.float64)
    if recipe.color == "grey":
        numbers = np.rint(numbers @ [0.299, 0.587, 0.114])[..., None]
    elif recipe.color == "bgr":
        numbers = numbers[..., [2, 1, 0]]
    return (numbers * recipe.scale - np.array(recipe.mean)) / np.array(recipe.std)


def expected_tensor(picture: np.ndarray, recipe: Recipe) -> np.ndarray:
    """The whole tensor, in plain numpy."""
    channels = expected_channels(picture, recipe)
    one = channels.transpose(2, 0, 1) if recipe.layout.endswith("CHW") else channels
    return np.stack([one] * recipe.batch) if recipe.layout.startswith("N") else one


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "CHW", "HWC"])
@pytest.mark.parametrize("color", ["rgb", "bgr"])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"scale": 1.0},
        {"scale": 1 / 127.5, "mean": (1.0,)},
        {"scale": 1 / 128, "mean": (127 / 128,)},
        IMAGENET,
        {"scale": 1.0, "mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)},
    ],
    ids=["0..1", "0..255", "-1..1", "ultraface", "imagenet", "imagenet of 255"],
)
def test_values_are_those_of_numpy_to_the_last_bit_of_float32(
    layout: str, color: str, values: dict[str, object]
) -> None:
    recipe = replace(BASE, layout=layout, color=color, **values)
    tensor = prepare(PICTURE, recipe).tensor
    assert tensor.dtype == np.float32
    assert tensor.shape == recipe.shape
    np.testing.assert_array_equal(tensor, expected_tensor(PICTURE, recipe).astype(np.float32))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_grey_is_the_weighted_sum_of_rgb(layout: str) -> None:
    recipe = replace(BASE, layout=layout, color="grey")
    tensor = prepare(PICTURE, recipe).tensor
    assert tensor.shape == ((1, 1, 6, 10) if layout == "NCHW" else (1, 6, 10, 1))
    np.testing.assert_allclose(tensor, expected_tensor(PICTURE, recipe), rtol=0, atol=1 / 255)


def test_mean_and_std_are_in_the_tensors_channel_order() -> None:
    red = np.zeros((6, 10, 3), np.uint8)
    red[..., 0] = 255
    recipe = replace(BASE, color="bgr", mean=(0.0, 0.0, 0.5), std=(1.0, 1.0, 0.25))
    tensor = prepare(red, recipe).tensor
    assert tensor[0, :, 0, 0].tolist() == [0.0, 0.0, 2.0]


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float16", 1e-3), ("bfloat16", 8e-3), ("float64", 1e-7)]
)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_other_float_types_are_as_near_as_they_can_be(
    dtype: str, tolerance: float, layout: str
) -> None:
    recipe = replace(BASE, layout=layout, dtype=dtype)
    tensor = prepare(PICTURE, recipe).tensor
    assert tensor.dtype.name == dtype
    numbers = tensor.astype(np.float64)
    np.testing.assert_allclose(numbers, expected_tensor(PICTURE, recipe), rtol=0, atol=tolerance)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_bytes_stay_as_they_are(layout: str, color: str) -> None:
    recipe = replace(BASE, layout=layout, color=color, dtype="uint8", scale=1.0)
    tensor = prepare(PICTURE, recipe).tensor
    assert tensor.dtype == np.uint8
    np.testing.assert_array_equal(tensor, expected_tensor(PICTURE, recipe))


@pytest.mark.parametrize(("scale", "expected"), [(2.0, 255), (1 / 255, 1), (-1.0, 0)])
def test_bytes_are_rounded_and_clipped_never_wrapped(scale: float, expected: int) -> None:
    white = np.full((6, 10, 3), 255, np.uint8)
    tensor = prepare(white, replace(BASE, dtype="uint8", scale=scale)).tensor
    np.testing.assert_array_equal(tensor, expected)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "bfloat16"])
def test_a_fixed_batch_is_filled_with_the_one_picture(dtype: str) -> None:
    recipe = replace(BASE, batch=3, dtype=dtype, scale=1.0)
    tensor = prepare(PICTURE, recipe).tensor
    assert tensor.shape == (3, 3, 6, 10)
    expected = expected_tensor(PICTURE, recipe).astype(np.uint8)
    np.testing.assert_array_equal(tensor.astype(np.float32), expected)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "CHW", "HWC"])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "float16"])
def test_the_buffer_that_is_given_is_written_into(layout: str, dtype: str) -> None:
    recipe = replace(BASE, layout=layout, dtype=dtype, batch=2, scale=1.0)
    asked: list[tuple[str, tuple[int, ...]]] = []
    buffer = np.full(recipe.shape, 77, dtype)

    def make_buffer(name: str, shape: tuple[int, ...]) -> np.ndarray:
        asked.append((name, shape))
        return buffer

    tensor = prepare(PICTURE, recipe, make_buffer).tensor
    assert tensor is buffer
    assert asked == [("images", recipe.shape)]
    np.testing.assert_array_equal(buffer, expected_tensor(PICTURE, recipe))


def test_the_picture_is_left_as_it_was() -> None:
    before = PICTURE.copy()
    for resize in RESIZES:
        prepare(PICTURE, replace(BASE, size_wh=(16, 16), resize=resize))
    np.testing.assert_array_equal(PICTURE, before)


def test_halving_a_picture_averages_its_pixels() -> None:
    picture = RANDOM.integers(0, 256, (12, 20, 3), dtype=np.uint8)
    tensor = prepare(picture, BASE).tensor
    blocks = picture.reshape(6, 2, 10, 2, 3).astype(np.float64).mean(axis=(1, 3))
    expected = expected_tensor(blocks, BASE)
    np.testing.assert_allclose(tensor, expected, rtol=0, atol=1 / 255)


# Where the picture lies

# picture (width, height), network, and by resize: the area of the picture in the network.
AREAS = [
    ((200, 100), (64, 64), {"letterbox": (0, 16, 64, 48), "letterbox-top-left": (0, 0, 64, 32)}),
    ((100, 200), (64, 64), {"letterbox": (16, 0, 48, 64), "letterbox-top-left": (0, 0, 32, 64)}),
    ((64, 64), (64, 64), {"letterbox": (0, 0, 64, 64), "letterbox-top-left": (0, 0, 64, 64)}),
    # The odd pixel of the padding goes to the right and the bottom, as in Ultralytics.
    ((64, 61), (64, 64), {"letterbox": (0, 1, 64, 62), "letterbox-top-left": (0, 0, 64, 61)}),
    ((8, 4), (64, 64), {"letterbox": (0, 16, 64, 48), "letterbox-top-left": (0, 0, 64, 32)}),
    ((100, 100), (96, 32), {"letterbox": (32, 0, 64, 32), "letterbox-top-left": (0, 0, 32, 32)}),
]


@pytest.mark.parametrize(("picture_wh", "network_wh", "areas"), AREAS)
@pytest.mark.parametrize("resize", ["letterbox", "letterbox-top-left"])
def test_a_letterboxed_picture_lies_where_it_should_with_padding_around(
    picture_wh: tuple[int, int],
    network_wh: tuple[int, int],
    areas: dict[str, tuple[int, int, int, int]],
    resize: Resize,
) -> None:
    white = np.full((picture_wh[1], picture_wh[0], 3), 255, np.uint8)
    recipe = replace(BASE, size_wh=network_wh, resize=resize, pad=114, scale=1.0)
    tensor = prepare(white, recipe).tensor
    expected = np.full(recipe.shape, 114.0)
    x1, y1, x2, y2 = areas[resize]
    expected[..., y1:y2, x1:x2] = 255
    np.testing.assert_array_equal(tensor, expected)


def test_the_padding_goes_through_the_same_values_as_the_picture() -> None:
    white = np.full((10, 20, 3), 255, np.uint8)
    recipe = replace(BASE, size_wh=(20, 20), resize="letterbox", pad=50, **IMAGENET)
    tensor = prepare(white, recipe).tensor
    pad = expected_channels(np.full((1, 1, 3), 50, np.uint8), recipe)[0, 0]
    np.testing.assert_allclose(tensor[0, :, 0, 0], pad, rtol=1e-6)


def test_center_crop_keeps_the_middle_and_the_shape_of_things() -> None:
    picture = np.zeros((64, 192, 3), np.uint8)
    picture[:, 64:128] = 255
    recipe = replace(BASE, size_wh=(64, 64), resize="center-crop", scale=1.0)
    np.testing.assert_array_equal(prepare(picture, recipe).tensor, 255.0)


SIZES = {
    "wide": (300, 40),
    "tall": (40, 300),
    "square": (64, 64),
    "tiny": (3, 2),
    "one pixel": (1, 1),
    "thin": (10, 200),  # three points wide: at two, a white line falls between them
    "huge": (4001, 3003),
}


@pytest.mark.parametrize("picture_wh", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("resize", RESIZES)
def test_a_box_in_the_network_comes_back_to_its_place_in_the_picture(
    picture_wh: tuple[int, int], resize: Resize
) -> None:
    """The place is read off the pixels: a white rectangle is sought in what the network sees."""
    width, height = picture_wh
    picture = np.zeros((height, width, 3), np.uint8)
    box = np.array([width * 0.4, height * 0.4, width * 0.6, height * 0.6])
    x1, y1, x2, y2 = np.rint(box).astype(int)
    x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
    picture[y1:y2, x1:x2] = 255
    recipe = replace(BASE, size_wh=(96, 64), resize=resize, pad=0, scale=1.0)
    prepared = prepare(picture, recipe)
    bright = prepared.tensor[0, 0] > 127
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    found = np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], np.float32)
    back = prepared.placement.to_picture(found, picture_wh)[0]
    # One pixel of the picture, or of the network where that is the coarser one.
    placement = prepared.placement
    tolerance = [max(1.0, 1.01 / placement.scale_x), max(1.0, 1.01 / placement.scale_y)] * 2
    inside = placement.to_picture(np.array([[0, 0, 96, 64]], np.float32), picture_wh)[0]
    expected = np.clip([x1, y1, x2, y2], [*inside[:2]] * 2, [*inside[2:]] * 2)
    assert (np.abs(back - expected) <= tolerance).all(), (back, expected)


@settings(deadline=None)
@given(
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
    st.tuples(st.integers(8, 96), st.integers(8, 96)),
    st.sampled_from(RESIZES),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_to_picture_undoes_the_placement(
    picture_wh: tuple[int, int], network_wh: tuple[int, int], resize: Resize, parts: list[float]
) -> None:
    picture = np.zeros((picture_wh[1], picture_wh[0], 3), np.uint8)
    recipe = replace(BASE, size_wh=network_wh, resize=resize)
    ratio = min(network_wh[0] / picture_wh[0], network_wh[1] / picture_wh[1])
    assume(ratio * min(picture_wh) > 0.5 or not resize.startswith("letterbox"))
    prepared = prepare(picture, recipe)
    place = prepared.placement
    assert prepared.tensor.shape == recipe.shape
    box = np.array([parts]) * [*picture_wh, *picture_wh]
    scale, offset = [place.scale_x, place.scale_y] * 2, [place.offset_x, place.offset_y] * 2
    back = place.to_picture(box * scale + offset, picture_wh)
    np.testing.assert_allclose(back, box, atol=0.01)


def test_boxes_are_clipped_to_the_picture() -> None:
    boxes = np.array([[-50, -50, 500, 500], [10, 10, 20, 20]])
    placed = Placement(1.0, 2.0, 0.0, 0.0).to_picture(boxes, (100, 50))
    assert placed.tolist() == [[0, 0, 100, 50], [10, 5, 20, 10]]
    assert placed.dtype == np.float32


def test_no_boxes_stay_no_boxes() -> None:
    assert Placement(1.0, 1.0, 0.0, 0.0).to_picture(np.empty((0, 4)), (9, 9)).shape == (0, 4)


# What the network saw


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "CHW", "HWC"])
@pytest.mark.parametrize("color", ["rgb", "bgr"])
@pytest.mark.parametrize("values", [{}, IMAGENET, {"scale": 1 / 127.5, "mean": (1.0,)}])
def test_picture_of_undoes_prepare(layout: str, color: str, values: dict[str, object]) -> None:
    recipe = replace(BASE, layout=layout, color=color, batch=2, **values)
    np.testing.assert_array_equal(picture_of(prepare(PICTURE, recipe).tensor, recipe), PICTURE)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "bfloat16"])
def test_picture_of_undoes_prepare_as_far_as_the_type_goes(dtype: str) -> None:
    recipe = replace(BASE, dtype=dtype, scale=1.0)
    shown = picture_of(prepare(PICTURE, recipe).tensor, recipe)
    assert np.abs(shown.astype(int) - PICTURE).max() <= (1 if dtype == "bfloat16" else 0)


def test_picture_of_grey_has_three_equal_channels() -> None:
    recipe = replace(BASE, color="grey")
    shown = picture_of(prepare(PICTURE, recipe).tensor, recipe)
    assert shown.shape == (6, 10, 3)
    expected = np.rint(PICTURE @ [0.299, 0.587, 0.114])
    for channel in range(3):
        assert np.abs(shown[..., channel] - expected).max() <= 1


def test_picture_of_clips_what_is_no_colour() -> None:
    tensor = np.array([-5.0, 0.5, 5.0], np.float32).reshape(1, 3, 1, 1)
    recipe = replace(BASE, size_wh=(1, 1))
    assert picture_of(tensor, recipe).tolist() == [[[0, 128, 255]]]


# The recipe itself


def test_a_recipe_is_json() -> None:
    recipe = replace(BASE, batch=2, mean=(0.1, 0.2, 0.3))
    fields = json.loads(json.dumps(recipe.as_json()))
    assert fields["shape"] == [2, 3, 6, 10]
    assert fields["size_wh"] == [10, 6]
    assert fields["mean"] == [0.1, 0.2, 0.3]
    assert fields["color"] == "rgb"


@pytest.mark.parametrize(
    ("shape", "dtype", "expected"),
    [
        ((1, 3, 8, 8), "float32", "NCHW"),
        ((None, 3, None, None), "float16", "NCHW"),
        ((1, 1, 28, 28), "float32", "NCHW"),
        ((1, 8, 8, 3), "uint8", "NHWC"),
        ((None, None, None, 3), "float32", "NHWC"),
        ((1, 512, 896, 1), "bfloat16", "NHWC"),
        ((3, 8, 8), "float64", "CHW"),
        ((8, 8, 3), "float32", "HWC"),
        ((3, 3, 3, 3), "float32", "NCHW"),
        ((1, 3, 8, 8), "int64", None),
        ((1, 3, 8, 8), "int8", None),
        ((1, 4, 8, 8), "float32", None),
        ((1, 512, 896, 4), "float32", None),
        ((1, 3, 1, 1), "float32", None),
        ((1, 3), "float32", None),
        ((1, 3, 4, 8, 8), "float32", None),
        ((), "float32", None),
    ],
)
def test_a_picture_has_a_layout_and_nothing_else_does(
    shape: Shape, dtype: str, expected: str | None
) -> None:
    assert image_layout(shape, dtype) == expected

"""Resizing against Pillow and plain numpy, the size a picture brings, and what is said of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest

from core.errors import ImageError
from core.images import decode_image
from core.preprocess import channel_statistics, picture_of, prepare, sized_for
from core.recipes import Interpolation, Recipe, Resize
from core.tensors import Shape, TensorSpec

RANDOM = np.random.default_rng(1)
PICTURE = RANDOM.integers(0, 256, (45, 60, 3), dtype=np.uint8)  # 60 wide, 45 high
BASE = Recipe(input="images", layout="NCHW", size_wh=(60, 45))
Kernel = Callable[[np.ndarray], np.ndarray]


def resampled(picture: np.ndarray, size: int, axis: int, radius: int, kernel: Kernel) -> np.ndarray:
    """One axis resampled in plain numpy: weights from pixel middles, the edge goes on."""
    moved = np.moveaxis(picture.astype(np.float64), axis, 0)
    where = (np.arange(size) + 0.5) * len(moved) / size - 0.5
    first = np.floor(where).astype(int)
    out = np.zeros((size, *moved.shape[1:]))
    for step in range(1 - radius, radius + 1):
        weights = kernel(where - (first + step))
        rows = moved[np.clip(first + step, 0, len(moved) - 1)]
        out += weights.reshape(-1, *[1] * (moved.ndim - 1)) * rows
    return np.moveaxis(out, 0, axis)


def triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(0, 1 - np.abs(x))


def keys(x: np.ndarray) -> np.ndarray:
    """Keys' cubic with OpenCV's a = -0.75; Pillow has -0.5."""
    x, a = np.abs(x), -0.75
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def seen(picture: np.ndarray, size_wh: tuple[int, int], how: Interpolation) -> np.ndarray:
    """(H, W, 3) 0..1, as the network gets it, stretched."""
    recipe = replace(BASE, size_wh=size_wh, interpolation=how)
    return prepare(picture, recipe).tensor[0].transpose(1, 2, 0)


@pytest.mark.parametrize("size_wh", [(97, 71), (31, 22), (120, 20)])
@pytest.mark.parametrize(("how", "radius", "kernel"), [("linear", 1, triangle), ("cubic", 2, keys)])
def test_linear_and_cubic_are_those_of_plain_numpy(
    size_wh: tuple[int, int], how: Interpolation, radius: int, kernel: Kernel
) -> None:
    down = resampled(PICTURE, size_wh[1], 0, radius, kernel)
    expected = np.clip(resampled(down, size_wh[0], 1, radius, kernel), 0, 255) / 255
    found = seen(PICTURE, size_wh, how)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1 / 255)


@pytest.mark.parametrize(
    ("how", "pillow", "size_wh"),
    [
        ("nearest", PIL.Image.Resampling.NEAREST, (97, 71)),
        ("nearest", PIL.Image.Resampling.NEAREST, (25, 31)),
        ("linear", PIL.Image.Resampling.BILINEAR, (97, 71)),  # Pillow averages when it shrinks
        ("area", PIL.Image.Resampling.BOX, (20, 15)),
        ("area", PIL.Image.Resampling.BOX, (30, 9)),
    ],
)
def test_what_pillow_does_alike_agrees_with_it(
    how: Interpolation, pillow: PIL.Image.Resampling, size_wh: tuple[int, int]
) -> None:
    expected = np.asarray(PIL.Image.fromarray(PICTURE).resize(size_wh, pillow)) / 255
    np.testing.assert_allclose(seen(PICTURE, size_wh, how), expected, rtol=0, atol=1.01 / 255)


def test_lanczos_keeps_a_smooth_picture_and_its_edges_sharper_than_linear() -> None:
    ramp = np.repeat(np.arange(0, 240, 4, dtype=np.uint8)[None, :, None], 8, axis=0)
    ramp = np.repeat(ramp, 3, axis=2)
    middle = seen(ramp, (120, 8), "lanczos")[4, 20:100, 0] * 255
    expected = (np.arange(20, 100) + 0.5) / 2 * 4 - 2
    np.testing.assert_allclose(middle, expected, rtol=0, atol=1)
    step = np.zeros((4, 16, 3), np.uint8)
    step[:, 8:] = 200
    assert seen(step, (64, 4), "lanczos").max() > 200 / 255  # it swings over, linear does not
    assert seen(step, (64, 4), "linear").max() <= 200.5 / 255


@pytest.mark.parametrize("resize", ["letterbox", "letterbox-top-left", "center-crop"])
def test_every_resize_uses_the_interpolation(resize: Resize) -> None:
    two = np.zeros((2, 2, 3), np.uint8)
    two[:, 1] = 255
    recipe = replace(BASE, size_wh=(8, 8), resize=resize, scale=1.0)
    nearest = prepare(two, replace(recipe, interpolation="nearest")).tensor
    assert set(np.unique(nearest)) == {0, 255}
    assert len(np.unique(prepare(two, replace(recipe, interpolation="linear")).tensor)) > 2


# Any size


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_without_resizing_free_sides_become_the_pictures(layout: str) -> None:
    shape: Shape = (1, 3, None, None) if layout == "NCHW" else (1, None, None, 3)
    spec = TensorSpec(name="images", mode="input", dtype="float32", shape=shape)
    recipe = replace(BASE, layout=layout, size_wh=(640, 640), resize="none", scale=1.0)
    sized = sized_for(recipe, spec, (60, 45))
    assert sized == replace(recipe, size_wh=(60, 45))
    prepared = prepare(PICTURE, sized)
    first = prepared.tensor[0]
    np.testing.assert_array_equal(
        first.transpose(1, 2, 0) if layout == "NCHW" else first, PICTURE.astype(np.float32)
    )
    box = np.array([[1.0, 2, 30, 40]])
    np.testing.assert_array_equal(prepared.placement.to_picture(box, (60, 45)), box)


def test_without_resizing_a_fixed_side_stays_and_the_picture_must_have_it() -> None:
    spec = TensorSpec(name="images", mode="input", dtype="float32", shape=(1, 3, 45, None))
    recipe = replace(BASE, size_wh=(8, 45), resize="none")
    assert sized_for(recipe, spec, (60, 99)).size_wh == (60, 45)
    prepare(PICTURE, sized_for(recipe, spec, (60, 45)))
    with pytest.raises(ImageError, match="has 60 x 45 pixels") as caught:
        prepare(PICTURE, replace(recipe, size_wh=(60, 44)))
    assert caught.value.kind == "image-size"
    assert "resize" in caught.value.hint


def test_other_resizes_keep_the_recipes_size() -> None:
    spec = TensorSpec(name="images", mode="input", dtype="float32", shape=(1, 3, None, None))
    assert sized_for(BASE, spec, (7, 9)) is BASE


@pytest.mark.parametrize(
    ("picture_wh", "word"), [((1, 4000), "wide"), ((4000, 1), "high"), ((3, 901), "wide")]
)
@pytest.mark.parametrize("resize", ["letterbox", "letterbox-top-left"])
def test_a_picture_that_would_vanish_is_one_clear_error(
    picture_wh: tuple[int, int], word: str, resize: Resize
) -> None:
    picture = np.zeros((picture_wh[1], picture_wh[0], 3), np.uint8)
    asked: list[object] = []

    def make_buffer(name: str, shape: tuple[int, ...]) -> np.ndarray:
        asked.append((name, shape))
        return np.empty(shape, np.float32)

    with pytest.raises(ImageError, match=f"less than a pixel {word}") as caught:
        prepare(picture, replace(BASE, size_wh=(64, 64), resize=resize), make_buffer)
    assert caught.value.kind == "image-too-thin"
    assert asked == []  # what was in the buffer is still there


def test_a_thin_picture_can_still_be_stretched() -> None:
    white = np.full((4000, 1, 3), 255, np.uint8)
    assert (prepare(white, replace(BASE, size_wh=(64, 64))).tensor == 1).all()


# Types


@pytest.mark.parametrize(
    ("dtype", "step"), [("float16", 2**-11), ("bfloat16", 2**-8), ("float32", 2**-24)]
)
def test_small_float_types_are_rounded_to_the_nearest(dtype: str, step: float) -> None:
    """Relative steps: half an ulp of 11, 8 and 24 bits of significand."""
    tensor = prepare(PICTURE, replace(BASE, dtype=dtype)).tensor
    assert tensor.dtype.name == dtype
    exact = PICTURE.transpose(2, 0, 1)[None] / 255
    difference = np.abs(tensor.astype(np.float64) - exact)
    assert (difference <= exact * step * 1.01 + 1e-7).all()


def test_what_float16_cannot_hold_is_infinite_and_not_an_error() -> None:
    white = np.full((45, 60, 3), 255, np.uint8)
    assert np.isposinf(prepare(white, replace(BASE, dtype="float16", scale=1000.0)).tensor).all()


# A rotated file


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_box_in_a_rotated_file_comes_back_to_its_place_in_the_upright_picture(
    orientation: int,
) -> None:
    upright = np.zeros((60, 90, 3), np.uint8)
    upright[12:36, 60:84] = 255  # the white square, in the picture as people see it
    turns = {1: 0, 3: 2, 6: 1, 8: 3}  # quarter turns left, undone by the orientation
    stored = PIL.Image.fromarray(np.ascontiguousarray(np.rot90(upright, turns[orientation])))
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    data = io.BytesIO()
    stored.save(data, "PNG", exif=exif)
    image = decode_image(data.getvalue(), "turned.png")
    assert image.size_wh == (90, 60)
    prepared = prepare(image.pixels, replace(BASE, size_wh=(128, 128), resize="letterbox", pad=0))
    bright = prepared.tensor[0, 0] > 0.5
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    box = np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]])
    back = prepared.placement.to_picture(box, image.size_wh)[0]
    np.testing.assert_allclose(back, [60, 12, 84, 36], rtol=0, atol=1)


# What the network saw, in numbers


def test_statistics_are_of_each_channel_before_and_after() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[..., 0] = [[0, 100], [200, 100]]  # red: 0, mean 100, 200
    picture[..., 2] = 51
    recipe = replace(BASE, size_wh=(2, 2), color="bgr", mean=(0.0, 0.0, 0.5), std=(1.0, 1.0, 0.5))
    tensor = prepare(picture, recipe).tensor
    blue, green, red = channel_statistics(picture, tensor, recipe)
    assert (blue.name, green.name, red.name) == ("blue", "green", "red")
    assert (blue.before, green.before, red.before) == ((51, 51, 51), (0, 0, 0), (0, 100, 200))
    np.testing.assert_allclose(blue.after, (0.2, 0.2, 0.2), rtol=1e-6)
    assert green.after == (0, 0, 0)
    # (100 / 255 - 0.5) / 0.5 and so on
    np.testing.assert_allclose(red.after, (-1, -0.2156863, 0.5686275), rtol=1e-5)


def test_statistics_count_the_padding_and_leave_out_what_is_not_finite() -> None:
    white = np.full((1, 2, 3), 255, np.uint8)
    recipe = replace(BASE, size_wh=(2, 2), resize="letterbox-top-left", pad=5, color="grey")
    [grey] = channel_statistics(white, np.full((1, 1, 2, 2), np.nan, np.float32), recipe)
    assert (grey.name, grey.before, grey.after) == ("grey", (5, 130, 255), None)


@pytest.mark.parametrize("layout", ["NHWC", "HWC", "CHW"])
def test_statistics_know_every_layout(layout: str) -> None:
    recipe = replace(BASE, layout=layout, scale=1.0)
    found = channel_statistics(PICTURE, prepare(PICTURE, recipe).tensor, recipe)
    for index, one in enumerate(found):
        plane = PICTURE[..., index]
        assert one.before == (plane.min(), pytest.approx(plane.mean()), plane.max())
        assert one.after == one.before


def test_what_the_network_saw_is_the_resized_picture() -> None:
    recipe = replace(BASE, size_wh=(20, 15), interpolation="area", color="bgr")
    shown = picture_of(prepare(PICTURE, recipe).tensor, recipe)
    blocks = PICTURE.reshape(15, 3, 20, 3, 3).astype(np.float64).mean(axis=(1, 3))
    assert np.abs(shown - blocks).max() <= 1


def test_a_letterbox_rounds_in_the_middle_and_cuts_off_at_the_top_left() -> None:
    # 335 * 416 / 500 = 278.72: Ultralytics' LetterBox rounds, YOLOX's preproc takes int().
    pixels = np.full((335, 500, 3), 200, np.uint8)
    for resize, rows in (("letterbox", 279), ("letterbox-top-left", 278)):
        recipe = replace(BASE, size_wh=(416, 416), resize=resize, pad=0, color="grey")
        found = prepare(pixels, recipe)
        assert np.count_nonzero(found.tensor[0, 0, :, 0]) == rows
        assert found.placement.scale_y == rows / 335


def test_a_side_that_fits_exactly_is_filled_at_any_size() -> None:
    for side in range(1, 700):  # 416 / side * side is less than 416 for some
        recipe = replace(BASE, size_wh=(416, 416), resize="letterbox-top-left")
        placement = prepare(np.zeros((side, side, 3), np.uint8), recipe).placement
        assert placement.scale_x == placement.scale_y == 416 / side

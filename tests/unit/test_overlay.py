"""Predictions drawn on a picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.overlay import class_color, draw, paint_map, paint_masks
from core.predictions import (
    ClassMap,
    ClassScore,
    ClassShare,
    DenseMap,
    Detection,
    Mask,
    OrientedBox,
    OutputImage,
    Pose,
    Segment,
    summarize,
)  # fmt: skip


def grey(height: int = 120, width: int = 160) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def test_a_box_is_drawn_where_it_is_in_its_classs_colour() -> None:
    picture = grey()
    drawn = draw(picture, [Detection("cat", 3, 0.9, (40.0, 60.0, 120.0, 100.0))])
    assert drawn.shape == picture.shape
    for x, y in ((40, 80), (120, 80), (100, 100)):
        assert tuple(drawn[y, x]) == class_color(3)
    np.testing.assert_array_equal(drawn[62:99, 42:119], 128)  # nothing inside it
    np.testing.assert_array_equal(picture, 128)  # the picture itself is left alone


def test_the_best_box_lies_on_top() -> None:
    box = (40.0, 60.0, 120.0, 100.0)
    drawn = draw(grey(), [Detection("a", 0, 0.9, box), Detection("b", 1, 0.5, box)])
    assert tuple(drawn[80, 40]) == class_color(0)


def test_neighbouring_classes_have_different_colours_that_stay_the_same() -> None:
    colors = [class_color(index) for index in range(12)]
    assert len(set(colors)) == 12
    assert colors == [class_color(index) for index in range(12)]


def test_class_scores_are_written_at_the_top() -> None:
    drawn = draw(grey(), [ClassScore("a cat", 0, 0.75), ClassScore("a dog", 1, 0.25)])
    changed = (drawn != 128).any(axis=2)
    assert changed[:40].any()
    assert not changed[60:].any()


def test_an_output_image_takes_the_pictures_place() -> None:
    image = OutputImage("out", np.full((30, 40, 3), 7, np.uint8), "bytes as they are")
    np.testing.assert_array_equal(draw(grey(), [image]), image.pixels)


def test_tensors_draw_nothing() -> None:
    np.testing.assert_array_equal(draw(grey(), [summarize("out", np.zeros(3))]), grey())


LONG = "a very long label that fits nowhere, with letters like \u00e9 and \u732b"


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (900, 2), (7, 7), (128, 3)])
@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 1.0, 1.0), (-50.0, -50.0, 5000.0, 5000.0), (0.0, 0.0, 1e30, 1e30)]
)
def test_no_picture_is_too_small_to_draw_on(
    size: tuple[int, int], box: tuple[float, float, float, float]
) -> None:
    corners = ((box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3]))
    found = [
        Detection(LONG, 0, 0.5, box),
        OrientedBox(LONG, 1, 0.5, box, corners),
        Pose(LONG, 2, 0.5, box, tuple((x, y, 1.0) for x, y in corners * 5)[:17]),
        Segment(LONG, 3, 0.5, box, Mask(0, 0, np.ones((1, 1), bool))),
        ClassScore(LONG, 1, 0.5),
    ]
    height, width, _ = draw(grey(*size), found).shape
    assert (height / size[0], height % size[0]) == (width / size[1], 0)


@pytest.mark.parametrize(("size", "wanted"), [
    ((28, 28), (280, 280)), ((12, 16), (192, 256)), ((127, 60), (381, 180)),
    ((128, 28), (128, 28)), ((1080, 1920), (1080, 1920)),
])  # fmt: skip
def test_small_pictures_are_enlarged_where_there_is_something_to_write(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    assert draw(grey(*size), [ClassScore("a", 0, 0.5)]).shape == (*wanted, 3)
    assert draw(grey(*size), []).shape == (*size, 3)


def test_what_is_drawn_on_an_enlarged_picture_is_where_it_was() -> None:
    picture = grey(20, 32)
    picture[10, 16] = 255
    drawn = draw(picture, [Detection("a", 3, 0.9, (4.0, 6.0, 20.0, 18.0))])
    assert drawn.shape == (160, 256, 3)
    assert (drawn[80:88, 128:136] == 255).all()
    for x, y in ((4 * 8, 12 * 8), (20 * 8, 12 * 8)):
        assert tuple(drawn[y, x]) == class_color(3)


def mixed(color: tuple[int, int, int], share: float, ground: int = 128) -> list[float]:
    return [ground * (1 - share) + value * share for value in color]


def square(class_id: int, left: int, top: int, side: int = 40) -> Segment:
    box = (left, top, left + side, top + side)
    return Segment("x", class_id, 0.9, box, Mask(left, top, np.ones((side, side), bool)))


def test_masks_are_translucent_with_an_outline_and_the_best_lies_on_top() -> None:
    picture = grey()
    painted = paint_masks(picture, [square(0, 20, 20), square(1, 40, 40)])
    np.testing.assert_allclose(painted[30, 30], mixed(class_color(0), 0.4), atol=1)
    np.testing.assert_allclose(painted[70, 70], mixed(class_color(1), 0.4), atol=1)
    assert tuple(painted[20, 30]) == class_color(0)
    both = [
        one * 0.6 + other * 0.4
        for one, other in zip(mixed(class_color(1), 0.4), class_color(0), strict=True)
    ]
    np.testing.assert_allclose(painted[50, 50], both, atol=1)
    assert tuple(painted[40, 59]) == class_color(0)  # its outline is over the other's
    np.testing.assert_array_equal(painted[100:], 128)
    np.testing.assert_array_equal(picture, 128)


def test_a_hole_in_a_mask_stays_clear() -> None:
    bits = np.ones((40, 40), bool)
    bits[10:30, 10:30] = False
    found = Segment("x", 0, 0.9, (20, 20, 60, 60), Mask(20, 20, bits))
    painted = paint_masks(grey(), [found])
    np.testing.assert_array_equal(painted[34:46, 34:46], 128)
    assert tuple(painted[29, 40]) == class_color(0)  # the hole has an outline too
    np.testing.assert_allclose(painted[25, 25], mixed(class_color(0), 0.4), atol=1)


def test_an_empty_mask_paints_nothing() -> None:
    found = Segment("x", 0, 0.9, (20, 20, 60, 60), Mask(20, 20, np.zeros((40, 40), bool)))
    np.testing.assert_array_equal(paint_masks(grey(), [found]), grey())


def test_a_segment_has_its_mask_its_box_and_its_label() -> None:
    drawn = draw(grey(), [square(0, 60, 60)])
    np.testing.assert_allclose(drawn[80, 80], mixed(class_color(0), 0.4), atol=1)
    assert tuple(drawn[80, 60]) == class_color(0)
    assert (drawn[45:60, 60:110] != 128).any()


def test_an_oriented_box_is_drawn_along_its_corners() -> None:
    corners = ((100.0, 60.0), (140.0, 100.0), (100.0, 140.0), (60.0, 100.0))
    drawn = draw(grey(200, 200), [OrientedBox("x", 3, 0.9, (60, 60, 140, 140), corners)])
    for x, y in ((120, 80), (120, 120), (80, 120)):
        assert tuple(drawn[y, x]) == class_color(3)
    np.testing.assert_array_equal(drawn[90:110, 90:110], 128)
    np.testing.assert_array_equal(drawn[130:140, 60:70], 128)  # no box around it


def on_circle(index: int) -> np.ndarray:
    """Keypoint `index` of 17 on a circle of radius 180 around (200, 200)."""
    turn = 2 * np.pi * index / 17
    return 200 + 180 * np.array([np.cos(turn), np.sin(turn)])


def around(*unseen: int) -> Pose:
    points = [(*on_circle(i).tolist(), 0.1 if i in unseen else 0.9) for i in range(17)]
    return Pose("person", 3, 0.9, (10, 10, 390, 390), tuple(points))


def test_a_persons_keypoints_are_joined_and_what_is_unseen_is_left_out() -> None:
    shoulder, elbow = on_circle(5), on_circle(7)
    x, y = np.rint((shoulder + elbow) / 2).astype(int)
    drawn, without = draw(grey(400, 400), [around()]), draw(grey(400, 400), [around(7)])
    line = drawn[y - 1 : y + 2, x - 1 : x + 2].astype(int)
    assert np.abs(line - class_color(3)).max(axis=2).min() < 40  # but for its smooth edge
    assert (without[y - 1 : y + 2, x - 1 : x + 2] == 128).all()
    for index in range(17):
        x, y = np.rint(on_circle(index)).astype(int)
        assert tuple(drawn[y, x]) == class_color(3)
        assert (tuple(without[y, x]) == class_color(3)) == (index != 7)


def test_other_keypoints_are_points_only() -> None:
    points = tuple((20.0 + 40 * i, 100.0, 1.0) for i in range(4))
    drawn = draw(grey(200, 200), [Pose("hand", 3, 0.9, (10, 60, 190, 160), points)])
    for x in (20, 60, 100, 140):
        assert tuple(drawn[100, x]) == class_color(3)
        np.testing.assert_array_equal(drawn[100, x + 10 : x + 30], 128)


def class_map(label: str = "background") -> ClassMap:
    ids = np.zeros((120, 160), np.uint16)
    ids[60:, 80:] = 2
    return ClassMap("m", ids, (ClassShare(label, 0, 0.75), ClassShare("road", 2, 0.25)))


@pytest.mark.parametrize("label", ["background", "Background", "__background__"])
def test_a_class_map_lies_over_the_picture_and_background_stays_clear(label: str) -> None:
    painted = paint_map(class_map(label), grey())
    np.testing.assert_allclose(painted[100, 120], mixed(class_color(2), 0.5), atol=1)
    np.testing.assert_array_equal(painted[:60], 128)


def test_class_0_with_another_name_is_painted_too() -> None:
    painted = paint_map(class_map("sky"), grey())
    np.testing.assert_allclose(painted[10, 10], mixed(class_color(0), 0.5), atol=1)


def test_the_classes_of_a_map_are_named_in_their_colours_at_the_top() -> None:
    drawn = draw(grey(480, 640), [replace(
        class_map("sky"), class_ids=np.full((480, 640), 2, np.uint16)
    )])  # fmt: skip
    corner = {tuple(pixel) for pixel in drawn[:60, :20].reshape(-1, 3).tolist()}
    assert {class_color(0), class_color(2)} <= corner
    np.testing.assert_allclose(drawn[470, 630], mixed(class_color(2), 0.5), atol=1)


def dense(low: float, high: float) -> DenseMap:
    values = np.full((240, 320), low, np.float32)
    values[:, 160:] = high
    return DenseMap("d", values, low, high, "fitted")


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-5.0, 300.0), (1e-6, 2e-6)])
def test_a_dense_map_takes_the_pictures_place_from_dark_to_bright(low: float, high: float) -> None:
    painted = paint_map(dense(low, high), grey(240, 320))
    # The ends of matplotlib's viridis: #440154 and #fde725.
    np.testing.assert_allclose(painted[10, 10], (0x44, 0x01, 0x54), atol=2)
    np.testing.assert_allclose(painted[10, 310], (0xFD, 0xE7, 0x25), atol=2)


def test_a_dense_map_of_one_value_is_dark() -> None:
    painted = paint_map(dense(2.0, 2.0), grey(240, 320))
    np.testing.assert_allclose(painted[10, 310], (0x44, 0x01, 0x54), atol=2)


def test_a_dense_map_has_a_scale_bar_below() -> None:
    drawn, plain = draw(grey(240, 320), [dense(0, 1)]), paint_map(dense(0, 1), grey(240, 320))
    changed = (drawn != plain).any(axis=2)
    assert changed[-20:].any()
    assert not changed[:200].any()
    bar = drawn[-9, :160].astype(int)
    first = np.flatnonzero((np.abs(bar - (0x44, 0x01, 0x54)) <= 2).all(axis=1))
    last = np.flatnonzero((np.abs(bar - (0xFD, 0xE7, 0x25)) <= 2).all(axis=1))
    assert 0 < first[0] < last[-1] < 159


def label_grounds(drawn: np.ndarray, count: int) -> list[int]:
    """How many pixels each class's label has, by its colour."""
    return [int((drawn == class_color(index)).all(axis=2).sum()) for index in range(count)]


def test_labels_keep_out_of_each_others_way_and_the_best_stay() -> None:
    """At one box there are four places: above, in its top, below, and in its bottom."""
    box = (40.0, 40.0, 120.0, 100.0)
    crowd = [Detection("name", index, 0.9 - index / 100, box) for index in range(6)]
    grounds = label_grounds(draw(grey(), crowd), 6)
    assert min(grounds[:4]) > 300
    assert max(grounds[4:]) < 10


def test_a_label_does_not_cover_the_lines_of_class_scores() -> None:
    found = [ClassScore("a cat", 1, 0.9), Detection("dog", 0, 0.8, (0.0, 0.0, 100.0, 100.0))]
    alone = label_grounds(draw(grey(), found[:1]), 2)[1]
    grounds = label_grounds(draw(grey(), found), 2)
    assert grounds[1] == alone
    assert grounds[0] > 300


@pytest.mark.parametrize("size", [(3000, 4000), (300, 400)])
def test_lines_and_words_grow_with_the_picture(size: tuple[int, int]) -> None:
    height, width = size
    box = (0.25 * width, 0.5 * height, 0.75 * width, 0.9 * height)
    drawn = draw(grey(*size), [Detection("cat", 3, 0.9, box)])
    row = (drawn[round(0.7 * height)] == class_color(3)).all(axis=1)
    assert row.sum() / 2 == pytest.approx(height / 300, abs=1)
    label = (drawn[: round(0.49 * height)] != 128).any(axis=2).any(axis=1).sum()
    assert 0.02 < label / height < 0.1

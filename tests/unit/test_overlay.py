"""Predictions drawn on a picture."""

from __future__ import annotations

import numpy as np
import pytest

from core.overlay import class_color, draw
from core.predictions import ClassScore, Detection, OutputImage, summarize


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


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (900, 2), (7, 7)])
@pytest.mark.parametrize("box", [(0.0, 0.0, 1.0, 1.0), (-50.0, -50.0, 5000.0, 5000.0)])
def test_no_picture_is_too_small_to_draw_on(
    size: tuple[int, int], box: tuple[float, float, float, float]
) -> None:
    label = "a very long label that fits nowhere, with letters like é and 猫"
    found = [Detection(label, 0, 0.5, box), ClassScore(label, 1, 0.5)]
    assert draw(grey(*size), found).shape == (*size, 3)

"""The profiles as they are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from core.tensors import Profile
from gui.panels.build.shapes import ShapesGrid, parse_shape
from tests.gui.build_hands import LEFT, type_into
from tests.gui.hands import texts

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

ONE = {"images": Profile((1, 3, 64, 64), (4, 3, 64, 64), (16, 3, 64, 64))}


@pytest.fixture
def grid(qtbot: QtBot) -> ShapesGrid:
    found = ShapesGrid()
    qtbot.addWidget(found)
    found.show_inputs(
        {"images": (None, 3, 64, 64)}, {"images": ("batch", "", "", "")}, (ONE,), "nothing is free"
    )
    found.show()
    return found


@pytest.mark.parametrize(
    "text", ["2x3x64x64", "2, 3, 64, 64", "2 3 64 64", "2*3*64*64", "2X3 x 64x64", "2\u00d73x64x64"]
)
def test_a_shape_may_be_divided_in_many_ways(text: str) -> None:
    assert parse_shape(text, (None, 3, 64, 64)) == (2, 3, 64, 64)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "type a shape"),
        ("1x3xAx64", "is no shape"),
        ("-1x3x64x64", "is no shape"),
        ("3x64x64", "has 3 dimensions, not 4"),
        ("1x1x64x64", "dimension 1 is 3 in the model, not 1"),
        ("4000000000x3x64x64", "larger than TensorRT takes"),
    ],
)
def test_what_is_no_shape_of_the_model_is_said(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_shape(text, (None, 3, 64, 64))


def test_a_scalar_needs_no_text_and_an_unknown_rank_takes_any() -> None:
    assert parse_shape("", ()) == ()
    assert parse_shape("7x9", None) == (7, 9)


def test_the_proposal_stands_there_and_is_given(grid: ShapesGrid) -> None:
    assert grid.profiles() == (ONE,)
    assert grid.fields[0]["images", "max"].text() == "16x3x64x64"
    assert "images  batchx3x64x64" in texts(grid)


def test_what_is_typed_is_checked_at_once_and_marked(grid: ShapesGrid) -> None:
    field = grid.fields[0]["images", "min"]
    type_into(field, "5x3x64x64")
    assert grid.trouble == "images: min is larger than opt in dimension 0 (5 > 4)."
    assert field.styleSheet()
    assert grid.fields[0]["images", "opt"].styleSheet()
    assert not grid.fields[0]["images", "max"].styleSheet()
    assert "min is larger than opt" in field.toolTip()
    with pytest.raises(ValueError, match="min is larger"):
        grid.profiles()
    type_into(field, "2x3x64x64")
    assert grid.trouble == ""
    assert not field.styleSheet()
    assert grid.profiles()[0]["images"].min == (2, 3, 64, 64)


def test_a_profile_is_added_with_the_keyboard_and_removed_again(grid: ShapesGrid) -> None:
    grid.add_button.setFocus()
    QTest.keyClick(grid.add_button, Qt.Key.Key_Space)
    assert len(grid.profiles()) == 2
    assert "Profile 1" in texts(grid)
    type_into(grid.fields[1]["images", "opt"], "99x3x64x64")
    assert grid.trouble.startswith("images of profile 1: opt is larger than max")
    removers = [one for one in grid.findChildren(QPushButton) if one.text() == "Remove"]
    by_name = {one.accessibleName(): one for one in removers if one.isVisible()}
    QTest.mouseClick(by_name["remove profile 0"], LEFT)
    assert grid.trouble == "images: opt is larger than max in dimension 0 (99 > 16)."
    assert len(grid.fields) == 1


def test_without_free_inputs_there_is_nothing_to_choose(grid: ShapesGrid) -> None:
    grid.show_inputs({}, {}, (), "Every input has a fixed shape.")
    assert grid.profiles() == ()
    assert "Every input has a fixed shape." in texts(grid)
    assert not grid.add_button.isVisible()


def test_without_a_proposal_the_fields_are_empty_and_say_so(grid: ShapesGrid) -> None:
    grid.show_inputs({"a": None}, {}, ())
    assert grid.trouble == "a: min: type a shape, such as 1x3x640x640."
    assert grid.fields[0]["a", "min"].placeholderText() == "of any shape"


def test_an_input_whose_values_may_decide_shapes_has_a_line_that_may_stay_empty(
    grid: ShapesGrid,
) -> None:
    grid.show_inputs({}, {}, (), "Every input has a fixed shape.", {"size": 2})
    assert "size  2 values" in texts(grid)
    assert "may decide shapes" in texts(grid)
    assert "Every input has a fixed shape." not in texts(grid)
    assert grid.trouble == ""
    assert grid.profiles() == ()
    for limit, text in (("min", "8x8"), ("opt", "16x16"), ("max", "64")):
        type_into(grid.fields[0]["size", limit], text)
    assert grid.trouble == "size: type 2 values for each limit, divided by x."
    type_into(grid.fields[0]["size", "max"], "64, 8")
    assert grid.trouble == "size: opt is larger than max in dimension 1 (16 > 8)."
    type_into(grid.fields[0]["size", "max"], "64x64")
    assert grid.profiles() == ({"size": Profile((8, 8), (16, 16), (64, 64))},)


def test_beside_a_free_input_the_values_are_set_or_left_out(grid: ShapesGrid) -> None:
    grid.show_inputs({"images": (None, 3, 64, 64)}, {}, (ONE,), "", {"size": 1})
    assert grid.profiles() == (ONE,)
    for limit in ("min", "opt", "max"):
        type_into(grid.fields[0]["size", limit], "5")
    assert grid.profiles() == ({**ONE, "size": Profile((5,), (5,), (5,))},)

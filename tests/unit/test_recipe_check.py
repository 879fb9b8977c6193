"""Recipes that make no sense, or do not fit the model: one clear error each."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from core.errors import InputError
from core.recipe_check import check_choices, check_recipe, check_values
from core.recipes import Recipe
from core.tasks import Choices
from core.tensors import Profile, Shape, TensorSpec

BASE = Recipe(input="images", layout="NCHW", size_wh=(64, 32))


def spec(shape: Shape, *, dtype: str = "float32", profiles: tuple[Profile, ...] = ()) -> TensorSpec:
    return TensorSpec(name="images", mode="input", dtype=dtype, shape=shape, profiles=profiles)


FIXED = spec((1, 3, 32, 64))
FREE = spec((None, 3, None, None))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("layout", "NCWH", "one of NCHW, NHWC, CHW, HWC"),
        ("color", "RGB", "one of rgb, bgr, grey"),
        ("resize", "squash", "one of stretch"),
        ("interpolation", "bicubic", "one of nearest"),
        ("size_wh", (0, 32), "size is 0 x 32; it must be 1 to 65535 pixels"),
        ("size_wh", (-5, 32), "1 to 65535"),
        ("size_wh", (65536, 1), "1 to 65535"),
        ("size_wh", (65535, 65535), "at most 200 million pixels"),
        ("batch", 0, "1 to 65535"),
        ("pad", 256, "0 to 255"),
        ("pad", -1, "0 to 255"),
        ("scale", 0.0, "a finite number other than 0"),
        ("scale", math.nan, "scale is nan"),
        ("scale", math.inf, "scale is inf"),
        ("mean", (math.nan,), "finite"),
        ("mean", (0.0, 0.0), "one number, or 3"),
        ("mean", (), "mean is empty"),
        ("std", (1.0, 0.0, 1.0), "other than 0"),
        ("std", (math.inf,), "finite"),
        ("std", (1.0, 1.0, 1.0, 1.0), "one number, or 3"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(field: str, value: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        check_values(replace(BASE, **{field: value}))
    assert caught.value.kind == "recipe-value"
    assert words in caught.value.message
    assert caught.value.hint == f"Change {field.removesuffix('_wh')}."


def test_a_layout_without_batch_and_a_grey_one_with_three_means_are_refused() -> None:
    with pytest.raises(InputError, match="CHW has no batch"):
        check_values(replace(BASE, layout="CHW", batch=2))
    with pytest.raises(InputError, match="must be one number"):
        check_values(replace(BASE, color="grey", mean=(0.1, 0.2, 0.3)))


def test_the_limits_themselves_are_fine() -> None:
    check_values(replace(BASE, size_wh=(1, 1), pad=0, scale=-1.0))
    check_values(replace(BASE, size_wh=(65535, 1), pad=255, batch=3, std=(-1.0,)))


@pytest.mark.parametrize(
    ("recipe", "model", "message", "hint"),
    [
        (
            replace(BASE, input="data"),
            FIXED,
            "for input 'data'; the model's inputs are: images",
            "one of these",
        ),
        (replace(BASE, layout="CHW"), FIXED, "layout is CHW", "Use one of NCHW, NHWC"),
        (replace(BASE, layout="NHWC"), FIXED, "its height in NHWC is 3; the recipe makes 32", ""),
        (replace(BASE, size_wh=(32, 32)), FIXED, "its width in NCHW is 64", "Make the width 64"),
        (replace(BASE, batch=2), FIXED, "its batch in NCHW is 1", "Make the batch 1"),
        (replace(BASE, color="grey"), FIXED, "its channels in NCHW is 3", "rgb or bgr"),
        (BASE, spec((1, 1, 32, 64)), "its channels in NCHW is 1", "Use the colour grey"),
        (BASE, spec((1, 3, 32, 64), dtype="float16"), "the recipe makes float32", "dtype float16"),
        (BASE, spec((1, 4, 32, 64)), "it takes no picture", "another input"),
        (BASE, spec((1, 3, 32, 64), dtype="int64"), "it takes no picture", "another input"),
    ],
)
def test_a_recipe_that_does_not_fit_says_what_the_tensor_is(
    recipe: Recipe, model: TensorSpec, message: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        check_recipe(recipe, (model,))
    assert caught.value.kind == "recipe-does-not-fit"
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_any_of_an_engines_profiles_will_do_and_all_are_named_where_none_does() -> None:
    small = Profile(min=(1, 3, 16, 16), opt=(1, 3, 32, 32), max=(1, 3, 32, 64))
    large = Profile(min=(1, 3, 128, 128), opt=(2, 3, 256, 256), max=(4, 3, 512, 512))
    engine = spec((None, 3, None, None), profiles=(small, large))
    check_recipe(BASE, (engine,))
    check_recipe(replace(BASE, size_wh=(512, 128), batch=4), (engine,))
    with pytest.raises(InputError) as caught:
        check_recipe(replace(BASE, size_wh=(100, 100)), (engine,))
    assert "1 x 3 x 16 x 16 to 1 x 3 x 32 x 64" in caught.value.message
    assert "1 x 3 x 128 x 128 to 4 x 3 x 512 x 512" in caught.value.message
    assert "makes 1 x 3 x 100 x 100" in caught.value.message
    with pytest.raises(InputError, match="profiles take"):
        check_recipe(replace(BASE, batch=2), (engine,))


def test_free_dimensions_take_any_size_and_fitting_recipes_give_their_input() -> None:
    other = TensorSpec(name="scale", mode="input", dtype="float32", shape=(1,))
    assert check_recipe(BASE, (other, FIXED)) is FIXED
    assert check_recipe(replace(BASE, size_wh=(7, 5), batch=9), (FREE,)) is FREE


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (Choices(task="guessing"), "task is guessing; it must be one of"),
        (Choices(score_threshold=1.5), "score threshold is 1.5"),
        (Choices(score_threshold=math.nan), "score threshold is nan"),
        (Choices(iou_threshold=-0.1), "iou threshold"),
        (Choices(top_k=0), "top k is 0"),
        (Choices(max_detections=0), "max detections is 0"),
    ],
)
def test_choices_that_make_no_sense_are_named(choices: Choices, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_choices(choices)
    check_choices(Choices(task="classify", score_threshold=0, iou_threshold=1))

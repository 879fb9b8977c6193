"""Recipe files: written, read again, refused in one sentence, and kept for their model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core import recipe_file
from core.errors import EnginebayError, InputError
from core.paths import config_folder
from core.recipe_file import RecipeFile, from_text, read_recipe_file, to_text, write_recipe_file
from core.recipes import Recipe
from core.tasks import Choices

RECIPE = Recipe(
    input="images",
    layout="NHWC",
    size_wh=(320, 240),
    batch=2,
    color="bgr",
    resize="letterbox-top-left",
    interpolation="area",
    pad=7,
    scale=1 / 128,
    mean=(0.1, -0.2, 1e-9),
    std=(0.229, 2.0, 3.5),
    dtype="float16",
)
CHOICES = Choices(
    task="detect",
    layout="ultralytics",
    score_threshold=0.7,
    iou_threshold=0.3,
    max_detections=9,
    top_k=3,
    class_names=("Katze", "犬"),
)
FULL = RecipeFile(recipe=RECIPE, choices=CHOICES)
SHA256, OTHER = "a" * 64, "b" * 64


def bare(content: RecipeFile) -> RecipeFile:
    return replace(content, recipe=replace(content.recipe, evidence="", certainty="guess"))


def test_everything_comes_back_to_the_last_bit() -> None:
    found = from_text(to_text(FULL), "mine.json")
    assert bare(found) == FULL
    assert found.recipe.evidence == "the recipe file mine.json"
    assert found.recipe.certainty == "certain"


def test_a_file_comes_back_too_also_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    write_recipe_file(path, FULL)
    write_recipe_file(path, FULL)  # over itself
    assert bare(read_recipe_file(path)) == FULL
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert bare(read_recipe_file(path)) == FULL
    assert [one.name for one in tmp_path.iterdir()] == ["recipe.json"]


def test_a_short_file_written_by_hand_is_enough() -> None:
    text = """{"format": "enginebay-recipe", "version": 1,
      "recipe": {"input": "x", "layout": "NCHW", "size_wh": [64, 32], "scale": 1}}"""
    found = from_text(text, "short.json")
    assert bare(found).recipe == Recipe(input="x", layout="NCHW", size_wh=(64, 32), scale=1.0)
    assert found.choices == Choices()


def changed(**changes: Any) -> str:
    """The full file with fields of the recipe, or dotted ones elsewhere, changed; ... removes."""
    content = json.loads(to_text(FULL))
    for key, value in changes.items():
        room = content if key in content else content["recipe"]
        if key.startswith("reading_"):
            room, key = content["reading"], key.removeprefix("reading_")
        if value is ...:
            del room[key]
        else:
            room[key] = value
    return json.dumps(content)


GOOD = to_text(FULL)
BAD = {
    "nothing": ("", "it is no JSON"),
    "no JSON": ("size: 3", "it is no JSON"),
    "cut short": (GOOD[:90], "it is no JSON"),
    "nested without end": ("[" * 100_000, "it is no JSON"),
    "a list": ("[]", 'no "format": "enginebay-recipe"'),
    "another format": (changed(format="recipe"), 'no "format"'),
    "no version": (changed(version=...), 'no "version"'),
    "a version that is true": (changed(version=True), 'no "version"'),
    "a version to come": (changed(version=2), "of version 2; this Enginebay reads version 1"),
    "an unknown room": (changed(format="enginebay-recipe")[:-1] + ', "more": 1}', '"more"'),
    "an unknown field": (changed(gamma=2.2), 'unknown field of the recipe, "gamma"'),
    "an unknown choice": (changed(reading_nms=1), 'unknown field of the reading, "nms"'),
    "a field twice": (GOOD.replace('"pad": 7', '"pad": 7, "pad": 8'), '"pad" stands twice'),
    "no recipe": (changed(recipe=...), 'it has no "recipe"'),
    "a recipe that is a list": (changed(recipe=[1]), 'it has no "recipe"'),
    "a missing field": (changed(layout=...), "recipe's layout is missing"),
    "NaN as mean": (changed(mean=[float("nan")] * 3), "NaN is no number"),
    "infinite scale": (changed(scale=float("inf")), "Infinity is no number"),
    "a scale beyond all floats": (GOOD.replace("0.0078125", "1e999"), "scale is not finite"),
    "a whole scale beyond all": (changed(scale=10**400), "scale is not finite"),
    "a scale of zero": (changed(scale=0), "scale is 0.0"),
    "a scale as text": (changed(scale="1/255"), "recipe's scale is no number"),
    "a scale that is true": (changed(scale=True), "scale is no number"),
    "a std of zero": (changed(std=[1, 0, 1]), "std is 1, 0, 1; it must be numbers other than 0"),
    "two means": (changed(mean=[0, 0]), "one number, or 3, one a channel"),
    "a mean that is no list": (changed(mean=0.5), "mean is no list of numbers"),
    "a mean of texts": (changed(mean=["a", "b", "c"]), "mean is no number"),
    "a size of zero": (changed(size_wh=[0, 10]), "size is 0 x 10; it must be 1 to 65535"),
    "a negative size": (changed(size_wh=[-1, 10]), "1 to 65535"),
    "a huge size": (changed(size_wh=[70000, 10]), "1 to 65535"),
    "a size of half pixels": (changed(size_wh=[1.5, 10]), "size_wh is no whole number"),
    "a size of three": (changed(size_wh=[1, 2, 3]), "size_wh is no list of width and height"),
    "an unknown layout": (changed(layout="CHWN"), "layout is none of NCHW, NHWC, CHW, HWC"),
    "a layout that is a list": (changed(layout=["N"]), "layout is none of"),
    "an unknown colour": (changed(color="cmyk"), "color is none of rgb, bgr, grey"),
    "a pad too bright": (changed(pad=300), "pad is 300; it must be 0 to 255"),
    "an input that is none": (changed(input=None), "recipe's input is no text"),
    "an unknown task": (changed(reading_task="divine"), "task is divine"),
    "a threshold too high": (changed(reading_score_threshold=2), "score threshold is 2.0"),
    "a top of none": (changed(reading_top_k=0), "top k is 0"),
    "names that are no texts": (changed(reading_class_names=[1]), "class_names are no list"),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_a_bad_file_is_one_clear_error(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_recipe_file(path)
    assert caught.value.kind == "recipe-file"
    assert caught.value.message.startswith("bad.json is no recipe that can be used: ")
    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_what_is_no_text_too_large_or_missing_is_an_error_too(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no UTF-8"):
        read_recipe_file(path)
    path.write_bytes(b" " * 4_000_001)
    with pytest.raises(InputError, match="larger than 4 MB"):
        read_recipe_file(path)
    for nothing in (tmp_path, tmp_path / "absent.json"):
        with pytest.raises(InputError, match="cannot be read") as caught:
            read_recipe_file(nothing)
        assert caught.value.kind == "recipe-file"


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EnginebayError) as caught:
        write_recipe_file(tmp_path / "no folder" / "x.json", FULL)
    assert caught.value.kind == "cannot-save"


# Kept for a model file


def test_a_recipe_is_kept_for_its_very_file_and_can_be_forgotten() -> None:
    assert recipe_file.kept(100, SHA256) is None
    assert not recipe_file.is_kept_for_size(100)
    recipe_file.keep(100, SHA256, FULL)
    found = recipe_file.kept(100, SHA256)
    assert found is not None
    assert bare(found) == FULL
    assert found.recipe.evidence == "your saved recipe for this file"
    assert recipe_file.is_kept_for_size(100)
    assert not recipe_file.is_kept_for_size(10)
    assert not recipe_file.is_kept_for_size(1000)
    assert recipe_file.kept(100, OTHER) is None
    recipe_file.keep(100, SHA256, replace(FULL, choices=Choices()))
    again = recipe_file.kept(100, SHA256)
    assert again is not None
    assert again.choices == Choices()
    assert recipe_file.forget(100, SHA256)
    assert not recipe_file.forget(100, SHA256)
    assert recipe_file.kept(100, SHA256) is None


def test_a_damaged_kept_recipe_is_an_error_that_says_so() -> None:
    recipe_file.keep(100, SHA256, FULL)
    [path] = (config_folder() / "recipes").iterdir()
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="no recipe that can be used"):
        recipe_file.kept(100, SHA256)


def test_a_folder_that_cannot_be_made_is_an_error() -> None:
    config_folder().mkdir(parents=True)
    (config_folder() / "recipes").write_text("in the way")
    with pytest.raises(EnginebayError) as caught:
        recipe_file.keep(100, SHA256, FULL)
    assert caught.value.kind == "cannot-save"

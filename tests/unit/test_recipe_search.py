"""The search for a recipe: what comes first, on what grounds, and how it can be stopped."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from core.errors import Cancelled, InputError, ModelError
from core.images import read_image
from core.model import Model
from core.paths import DEMO_MODEL
from core.predictions import ClassScore, Detection
from core.presets import apply_preset
from core.recipe_judge import judge_boxes, judge_classes, judge_values
from core.recipe_search import RecipeCandidate, find_recipes
from core.recipes import Recipe
from core.sessions import RunResult
from core.tasks import Choices
from tests.unit import onnx_models

ORANGE = (230, 102, 26)


def plain(color: tuple[int, int, int], size_wh: tuple[int, int] = (20, 12)) -> np.ndarray:
    pixels = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    pixels[:] = color
    return pixels


def colour_classifier(folder: Path) -> Path:
    """Knows three colours, as RGB of 0 to 1; says nothing (all logits 0) of any other."""
    known = np.array([[0.9, 0.4, 0.1], [0.1, 0.7, 0.2], [0.2, 0.1, 0.6]], np.float32)
    return onnx_models.save(
        folder / "colours.onnx",
        [
            helper.make_node("ReduceMean", ["images"], ["mean"], axes=[2, 3], keepdims=1),
            helper.make_node("Squeeze", ["mean", "last"], ["column"]),
            helper.make_node("Transpose", ["column"], ["row"], perm=[0, 2, 1]),
            helper.make_node("Sub", ["row", "known"], ["away"]),
            helper.make_node("Mul", ["away", "away"], ["squares"]),
            helper.make_node("ReduceSum", ["squares", "axis"], ["distance"], keepdims=0),
            helper.make_node("Mul", ["distance", "steepness"], ["falling"]),
            helper.make_node("Exp", ["falling"], ["bell"]),
            helper.make_node("Mul", ["bell", "gain"], ["logits"]),
        ],
        [("images", "float32", (1, 3, 8, 8))],
        [("logits", "float32", (1, 3))],
        {
            "last": np.array([3]),
            "axis": np.array([2]),
            "known": known[None],
            "steepness": np.array(-50, np.float32),
            "gain": np.array(12, np.float32),
        },
    )


def search(model: Model, pixels: np.ndarray, base: Recipe) -> tuple[RecipeCandidate, ...]:
    return find_recipes(model.session, pixels, base, metadata=model.file.metadata)


@pytest.mark.parametrize("base", ["zero-to-one", "caffe-bgr-mean", "zero-to-255"])
def test_a_classifier_that_wants_rgb_of_0_to_1_is_found_out(tmp_path: Path, base: str) -> None:
    with Model.open(colour_classifier(tmp_path)) as model:
        assert model.recipe is not None
        found = search(model, plain(ORANGE), apply_preset(base, model.recipe))
    best = found[0]
    assert (best.recipe.color, best.recipe.scale) == ("rgb", 1 / 255)
    assert (set(best.recipe.mean), set(best.recipe.std)) == ({0.0}, {1.0})
    assert best.score > 0.8  # an empty picture gives a third each: (1 + 2/3) / 2
    assert best.why.startswith("best class 1.00; the same in 2 of 2 other views")
    assert best.decoded is not None
    first = best.decoded.predictions[0]
    assert isinstance(first, ClassScore)
    assert first.class_id == 0
    wrong = [one for one in found if one.recipe.color == "bgr" or one.recipe.scale == 1]
    assert len(wrong) >= 6
    assert max(one.score for one in wrong) < 0.1
    scores = [one.score for one in found]
    assert all(one >= after - 0.002 for one, after in itertools.pairwise(scores))


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_the_demo_models_own_recipe_comes_first_on_its_pictures(number: int) -> None:
    [path] = DEMO_MODEL.parent.glob(f"picture-{number}.*")
    pixels = read_image(path).pixels
    with Model.open(DEMO_MODEL) as model:
        recipe = model.recipe
        assert recipe is not None
        found = search(model, pixels, recipe)
        assert found[0].recipe == recipe
        assert found[0].preset == "ultralytics"
        assert found[0].score > found[-1].score + 0.5
        wrong = replace(apply_preset("caffe-bgr-mean", recipe), resize="letterbox")
        best = search(model, pixels, wrong)[0]
        assert (best.preset, best.recipe.color) == ("ultralytics", "rgb")
        assert best.recipe.evidence == ("found by trying on a picture: ultralytics, rgb, letterbox")
        assert best.recipe.certainty == "guess"


def test_a_recipe_that_is_no_preset_is_told_as_the_one_in_use() -> None:
    pixels = read_image(DEMO_MODEL.parent / "picture-1.jpg").pixels
    texts: list[str] = []
    with Model.open(DEMO_MODEL) as model:
        assert model.recipe is not None
        base = replace(model.recipe, scale=1 / 250)
        found = find_recipes(
            model.session,
            pixels,
            base,
            metadata=model.file.metadata,
            progress=lambda _fraction, text: texts.append(text),
        )
    own = [one for one in found if one.recipe.scale == 1 / 250]
    assert {(one.preset, one.values_words) for one in own} == {("given", "the values in use")}
    assert all(one.values_words == one.preset for one in found if one not in own)
    assert f"Trying the values in use, rgb, {base.resize}" in texts


def test_a_resize_is_found_too() -> None:
    """Stretched, the demo's circles are ellipses, of which it is less sure."""
    pixels = read_image(DEMO_MODEL.parent / "picture-1.jpg").pixels
    with Model.open(DEMO_MODEL) as model:
        assert model.recipe is not None
        found = search(model, pixels, replace(model.recipe, resize="stretch"))
    assert found[0].preset == "ultralytics"
    stretched = [one.score for one in found if one.recipe.resize == "stretch"]
    assert found[0].score > max(stretched) + 0.02


def test_every_candidate_fits_and_none_comes_twice() -> None:
    with Model.open(DEMO_MODEL) as model:
        assert model.recipe is not None
        pixels = read_image(DEMO_MODEL.parent / "picture-1.jpg").pixels
        found = search(model, pixels, model.recipe)
        for one in found:
            model.use(one.recipe)
    keys = {replace(one.recipe, evidence="", certainty="guess") for one in found}
    assert len(keys) == len(found) >= 10
    assert {one.recipe.color for one in found} == {"rgb", "bgr"}


@pytest.mark.parametrize("dtype", ["uint8", "float16"])
def test_other_input_types_are_tried_as_far_as_they_go(tmp_path: Path, dtype: str) -> None:
    path = (
        onnx_models.uint8_nhwc(tmp_path)
        if dtype == "uint8"
        else onnx_models.identity(tmp_path, dtype=dtype)
    )
    with Model.open(path) as model:
        assert model.recipe is not None
        found = search(model, plain(ORANGE), model.recipe)
    if dtype == "uint8":
        assert {one.recipe.scale for one in found} == {1.0}
    assert {one.why for one in found} == {"finite; image gives nothing more to rank by"}
    assert found[0].recipe == model.recipe  # equals stay in order: the base is the first


def test_a_grey_model_is_tried_in_grey_only(tmp_path: Path) -> None:
    with Model.open(onnx_models.identity(tmp_path, shape=(1, 1, 8, 8))) as model:
        assert model.recipe is not None
        found = search(model, plain(ORANGE), model.recipe)
    assert {one.recipe.color for one in found} == {"grey"}
    assert {one.recipe.scale for one in found} >= {1 / 255, 1.0}


def test_nan_counts_least(tmp_path: Path) -> None:
    with Model.open(onnx_models.nan_output(tmp_path)) as model:
        assert model.recipe is not None
        found = search(model, plain(ORANGE), model.recipe)
    assert {(one.score, one.why) for one in found} == {(0.0, "100.0% of the values are not finite")}


def test_progress_rises_from_0_to_1_and_can_stop_it() -> None:
    told: list[float | None] = []

    def note(fraction: float | None, text: str) -> None:
        told.append(fraction)
        assert text

    def stop(fraction: float | None, _text: str) -> None:
        if fraction is not None and fraction > 0.3:
            raise Cancelled

    pixels = read_image(DEMO_MODEL.parent / "picture-4.jpg").pixels
    with Model.open(DEMO_MODEL) as model:
        assert model.recipe is not None
        before = model.recipe
        find_recipes(model.session, pixels, model.recipe, progress=note)
        with pytest.raises(Cancelled):
            find_recipes(model.session, pixels, model.recipe, progress=stop)
        assert model.recipe is before
    numbers = [one for one in told if one is not None]
    assert len(numbers) > 2 * len(set(numbers))  # before each run, not only before each recipe
    assert numbers[0] == 0
    assert numbers[-1] == 1
    assert numbers == sorted(numbers)


def test_a_base_that_does_not_fit_and_choices_that_do_not_are_told(tmp_path: Path) -> None:
    with Model.open(onnx_models.classifier(tmp_path)) as model:
        assert model.recipe is not None
        with pytest.raises(InputError, match="width"):
            search(model, plain(ORANGE), replace(model.recipe, size_wh=(9, 8)))
        with pytest.raises(InputError, match="cannot be read as detect"):
            find_recipes(model.session, plain(ORANGE), model.recipe, choices=Choices(task="detect"))


@pytest.mark.parametrize("failures", [1, 1000])
def test_a_run_that_fails_is_a_candidate_with_its_reason_unless_all_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    with Model.open(colour_classifier(tmp_path)) as model:
        assert model.recipe is not None
        run, count = model.session.run, 0

        def sometimes(inputs: dict[str, np.ndarray]) -> RunResult:
            nonlocal count
            count += 1
            if count <= failures:
                raise ModelError("failed", "It did not run.", "Look.")
            return run(inputs)

        monkeypatch.setattr(model.session, "run", sometimes)
        if failures == 1000:
            with pytest.raises(ModelError, match="did not run"):
                search(model, plain(ORANGE), model.recipe)
            return
        found = search(model, plain(ORANGE), model.recipe)
    [failed] = [one for one in found if one.decoded is None]
    assert (failed.score, failed.why) == (0.0, "It did not run.")


def test_a_picture_too_thin_for_a_letterbox_is_still_tried_stretched(tmp_path: Path) -> None:
    with Model.open(colour_classifier(tmp_path)) as model:
        assert model.recipe is not None
        found = search(model, plain(ORANGE, (1, 400)), model.recipe)
    assert found[0].recipe.resize == "stretch"
    assert any("less than a pixel wide" in one.why for one in found)


# The judging, by hand


def box(x1: float, x2: float, score: float, class_id: int = 0) -> Detection:
    return Detection(str(class_id), class_id, score, (x1, 0.0, x2, 10.0))


def test_boxes_that_come_again_count_with_scores_and_overlap() -> None:
    # In a picture 100 wide, 10..30 mirrored is 70..90. 0.8 * 0.5 * 1 = 0.4; 0.4 / 1.4.
    score, why = judge_boxes([box(10, 30, 0.8)], [box(70, 90, 0.5)], [], 100)
    assert score == pytest.approx(0.4 / 1.4)
    assert why == "1 box, mean score 0.80; 1 of them also in the mirrored picture"
    # 10..30 and 15..35 share 15 of 25.
    score, _ = judge_boxes([box(10, 30, 1)], [box(65, 85, 1)], [], 100)
    assert score == pytest.approx(0.6 / 1.6)


def test_what_is_found_once_or_in_nothing_counts_against() -> None:
    good, again = box(10, 30, 1.0), box(70, 90, 1.0)
    cases: list[tuple[list[Detection], list[Detection], list[Detection], float]] = [
        ([good, box(50, 60, 0.4)], [again], [], 1 - 0.2),
        ([good], [again, box(0, 5, 0.4)], [], 1 - 0.2),
        ([good], [again], [box(0, 100, 0.6)], 1 - 0.3),
        ([good], [box(70, 90, 1.0, class_id=1)], [], 0),
        ([good, good], [again], [], 1 - 0.5),
    ]
    for found, mirrored, empty, gain in cases:
        score, _ = judge_boxes(found, mirrored, empty, 100)
        assert score == pytest.approx(gain / (1 + gain))
    assert judge_boxes([], [again], [], 100) == (0.0, "no boxes")


def classes(*scores: float) -> list[ClassScore]:
    return [ClassScore(str(i), i, score) for i, score in enumerate(scores)]


def test_classes_are_judged_by_the_entropy_of_the_mean_of_the_views() -> None:
    sure, unsure, other = classes(1, 0), classes(0.5, 0.5), classes(0, 1)
    assert judge_classes(sure, [sure, sure], other)[0] == 1
    assert judge_classes(sure, [sure, sure], unsure)[0] == pytest.approx(0.75)
    assert judge_classes(sure, [sure, sure], sure)[0] == pytest.approx(0.5)  # whatever it sees
    assert judge_classes(unsure, [unsure, unsure], other)[0] == pytest.approx(0)
    assert judge_classes(sure, [other], unsure)[0] == pytest.approx(0)  # another each time
    assert judge_classes([], [[], []], []) == (0.0, "no finite scores")


@pytest.mark.parametrize(
    ("values", "score", "words"),
    [
        ([1.0, 2.0, 3.0], 0.5, "finite"),
        ([1.0, np.nan, 3.0, np.inf], 0.25, "50.0% of the values are not finite"),
        ([0.0, 1.0, 1.0, 0.0], 0.25, "100.0% of the values are the smallest or the largest"),
        ([], 0.0, "no numbers"),
    ],
)
def test_other_outputs_are_judged_by_their_values_alone(
    values: list[float], score: float, words: str
) -> None:
    found, why = judge_values({"out": np.array(values, np.float32)}, "embed")
    assert found == score
    assert words in why


def test_the_search_leaves_the_picture_alone(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    before = pixels.copy()
    with Model.open(colour_classifier(tmp_path)) as model:
        assert model.recipe is not None
        search(model, pixels, model.recipe)
    np.testing.assert_array_equal(pixels, before)

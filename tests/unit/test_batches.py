"""Several pictures in one run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from core.batches import batch_for, cut_batch, prepare_batch, whole_warnings
from core.errors import InputError
from core.model import Model
from core.predictions import ClassScore
from core.preprocess import prepare, prepare_into
from core.recipes import Recipe
from core.tensors import Profile, Shape, TensorSpec
from tests.unit import onnx_models
from tests.unit.test_model import BLUE, GREEN, RED, picture

RECIPE = Recipe(input="images", layout="NCHW", size_wh=(6, 4), batch=3, resize="letterbox")


def pixels(seed: int, size_wh: tuple[int, int] = (9, 5)) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)


def spec(shape: Shape, *profiles: Profile) -> TensorSpec:
    return TensorSpec(name="x", mode="input", dtype="float32", shape=shape, profiles=profiles)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_each_row_is_what_its_picture_alone_would_be(layout: str) -> None:
    recipe = Recipe(**{**_fields(RECIPE), "layout": layout})  # type: ignore[arg-type]
    alone = [prepare(pixels(seed, (9 + seed, 5)), recipe) for seed in (1, 2)]
    tensor, placements = prepare_batch([pixels(1, (10, 5)), pixels(2, (11, 5))], recipe)
    assert tensor.shape == recipe.shape
    np.testing.assert_array_equal(tensor[0], alone[0].tensor[0])
    np.testing.assert_array_equal(tensor[1], alone[1].tensor[0])
    np.testing.assert_array_equal(tensor[2], alone[1].tensor[0])  # the last fills what is left
    assert placements == (alone[0].placement, alone[1].placement)


def _fields(recipe: Recipe) -> dict[str, object]:
    return {name: getattr(recipe, name) for name in recipe.__dataclass_fields__}


def test_a_row_is_written_and_no_other() -> None:
    tensor = np.full(RECIPE.shape, -7, np.float32)
    prepare_into(tensor[1], pixels(1), RECIPE)
    assert (tensor[[0, 2]] == -7).all()
    assert (tensor[1] >= 0).all()


def test_more_pictures_than_rows_are_refused() -> None:
    with pytest.raises(InputError, match="takes 3 pictures in a run; 4 were given"):
        prepare_batch([pixels(1)] * 4, RECIPE)


TO_FOUR = Profile((1, 3, 8, 8), (2, 3, 8, 8), (4, 3, 8, 8))
TO_SIXTEEN = Profile((8, 3, 8, 8), (8, 3, 8, 8), (16, 3, 8, 8))


@pytest.mark.parametrize(
    ("one", "wanted", "pictures", "pinned", "expected"),
    [
        (spec((None, 3, 8, 8)), None, 5, None, 5),
        (spec((None, 3, 8, 8)), (7, 3, 8, 8), 5, None, 7),
        (spec((4, 3, 8, 8)), None, 3, None, 4),
        (spec((None, 3, 8, 8), TO_FOUR, TO_SIXTEEN), None, 3, None, 3),
        (spec((None, 3, 8, 8), TO_FOUR, TO_SIXTEEN), None, 5, None, 8),
        (spec((None, 3, 8, 8), TO_FOUR, TO_SIXTEEN), None, 3, 1, 8),
    ],
)
def test_the_batch_is_the_smallest_that_holds_the_pictures(
    one: TensorSpec, wanted: Shape | None, pictures: int, pinned: int | None, expected: int
) -> None:
    assert batch_for(one, wanted, pictures, pinned) == expected


@pytest.mark.parametrize(
    ("one", "pictures", "pinned", "most"),
    [
        (spec((1, 3, 8, 8)), 2, None, "1 picture in"),
        (spec((3, 8, 8)), 2, None, "1 picture in"),
        (spec((4, 3, 8, 8)), 5, None, "4 pictures in"),
        (spec((None, 3, 8, 8), TO_FOUR, TO_SIXTEEN), 17, None, "16 pictures in"),
        (spec((None, 3, 8, 8), TO_FOUR, TO_SIXTEEN), 5, 0, "4 pictures in"),
    ],
)
def test_a_batch_that_does_not_hold_the_pictures_is_refused(
    one: TensorSpec, pictures: int, pinned: int | None, most: str
) -> None:
    with pytest.raises(InputError, match=f"takes {most} a run; {pictures} were given") as caught:
        batch_for(one, None, pictures, pinned)
    assert caught.value.kind == "batch-size"


def test_outputs_with_rows_are_cut_and_others_are_warned_of() -> None:
    outputs = {
        "rows": np.arange(6).reshape(3, 2),
        "whole": np.arange(4),
        "scalar": np.array(5),
    }
    cut = cut_batch(outputs, 3)
    assert len(cut.rows) == 3
    assert cut.rows[1]["rows"].tolist() == [[2, 3]]
    assert np.shares_memory(cut.rows[1]["rows"], outputs["rows"])
    assert cut.rows[1]["whole"].tolist() == [0, 1, 2, 3]
    assert cut.rows[1]["scalar"] == 5
    assert cut.whole == ("whole", "scalar")
    first, second = whole_warnings(cut)
    assert first == (
        "Output 'whole' has no rows for the 3 pictures of the batch: it is shown whole for each "
        "of them."
    )
    assert "'scalar'" in second


def test_outputs_come_apart_into_rows_of_one() -> None:
    outputs = {"a": np.arange(6).reshape(2, 3), "b": np.arange(2)}
    cut = cut_batch(outputs, 2)
    assert [row["a"].tolist() for row in cut.rows] == [[[0, 1, 2]], [[3, 4, 5]]]
    assert [row["b"].tolist() for row in cut.rows] == [[0], [1]]
    assert (cut.whole, whole_warnings(cut)) == ((), ())
    assert cut_batch(outputs, 3).whole == ("a", "b")
    assert cut_batch({"a": np.array(1.0)}, 1).whole == ("a",)


# Through a model


@pytest.mark.parametrize("batch", ["n", 3, 5])
def test_pictures_of_a_batch_are_read_each_on_its_own(tmp_path: Path, batch: int | str) -> None:
    paths = [picture(tmp_path, color) for color in (BLUE, RED, GREEN)]
    with Model.open(onnx_models.classifier(tmp_path, batch=batch)) as model:
        results = model.test_batch(paths)
        alone = [model.test(path) for path in paths]
    assert [result.source for result in results] == [str(path) for path in paths]
    for result, single, expected in zip(results, alone, (2, 0, 1), strict=True):
        best = result.predictions[0]
        assert isinstance(best, ClassScore)
        assert best.class_id == expected
        assert result.predictions == single.predictions
        assert result.reading.batch == 1
        assert result.inputs["images"].shape == (1, 3, 8, 8)
        assert result.outputs["logits"].shape == (1, 3)
        assert result.warnings == ()
        seen = result.network_picture()
        assert seen is not None
        assert seen[0, 0].argmax() == expected


def test_a_batch_for_a_model_of_one_picture_is_refused(tmp_path: Path) -> None:
    path = picture(tmp_path, RED)
    with (
        Model.open(onnx_models.classifier(tmp_path)) as model,
        pytest.raises(InputError, match="takes 1 picture in a run; 2 were given"),
    ):
        model.test_batch([path, path])


def test_other_inputs_follow_the_batch(tmp_path: Path) -> None:
    path = onnx_models.echo(
        tmp_path,
        [("image", "float32", (None, 3, 8, 8)), ("im_shape", "float32", (None, 2))],
    )
    paths = [picture(tmp_path, color) for color in (BLUE, RED)]
    with Model.open(path) as model:
        results = model.test_batch(paths)
    for result, color in zip(results, (BLUE, RED), strict=True):
        assert result.outputs["im_shape_out"].tolist() == [[8, 8]]
        np.testing.assert_array_equal(result.outputs["image_out"][0, :, 0, 0] * 255, color)


def test_an_output_without_rows_is_shown_whole_with_a_warning(tmp_path: Path) -> None:
    model = onnx_models.save(
        tmp_path / "whole.onnx",
        [
            helper.make_node("Identity", ["images"], ["copy"]),
            helper.make_node("Identity", ["table"], ["anchors"]),
        ],
        [("images", "float32", (2, 3, 8, 8))],
        [("copy", "float32", (2, 3, 8, 8)), ("anchors", "float32", (5, 4))],
        {"table": np.arange(20, dtype=np.float32).reshape(5, 4)},
    )
    paths = [picture(tmp_path, color) for color in (BLUE, RED)]
    with Model.open(model) as opened:
        results = opened.test_batch(paths)
    for result, color in zip(results, (BLUE, RED), strict=True):
        assert result.outputs["anchors"].shape == (5, 4)
        np.testing.assert_array_equal(result.outputs["copy"][0, :, 0, 0] * 255, color)
        assert [text for text in result.warnings if "'anchors' has no rows" in text]

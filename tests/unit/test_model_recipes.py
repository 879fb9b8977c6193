"""A model's recipe changed, kept for its file, and the picture's own size."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core import recipe_file
from core.errors import ImageError, InputError, ModelError
from core.model import Model
from core.modelfile import fingerprint
from core.paths import config_folder
from core.presets import apply_preset
from core.tasks import Choices
from tests.unit import onnx_models


def picture(folder: Path, size_wh: tuple[int, int]) -> Path:
    pixels = np.random.default_rng(3).integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)
    path = folder / f"{size_wh[0]}x{size_wh[1]}.png"
    assert cv2.imwrite(str(path), pixels)
    return path


def test_a_recipe_in_use_feeds_the_next_picture_and_stays_with_the_result(tmp_path: Path) -> None:
    with Model.open(onnx_models.identity(tmp_path)) as model:
        assert model.recipe is not None
        first = model.test(picture(tmp_path, (8, 8)))
        recipe = replace(apply_preset("zero-to-255", model.recipe), color="bgr")
        model.use(recipe, Choices(top_k=1))
        second = model.test(picture(tmp_path, (8, 8)))
    assert second.recipe == recipe
    assert second.reading.choices == Choices(top_k=1)
    np.testing.assert_allclose(
        second.inputs["images"], first.inputs["images"][:, ::-1] * 255, rtol=1e-6
    )


def test_a_recipe_or_choice_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    with Model.open(onnx_models.identity(tmp_path)) as model:
        before, choices = model.recipe, model.choices
        assert before is not None
        for recipe in (replace(before, scale=0.0), replace(before, size_wh=(9, 9))):
            with pytest.raises(InputError):
                model.use(recipe, Choices(top_k=1))
        with pytest.raises(InputError):
            model.use(replace(before, color="bgr"), Choices(score_threshold=7))
        assert (model.recipe, model.choices) == (before, choices)


def test_without_resizing_the_tensor_takes_the_pictures_size(tmp_path: Path) -> None:
    path = onnx_models.identity(tmp_path, shape=(1, 3, "h", "w"))
    with Model.open(path) as model:
        assert model.recipe is not None
        model.use(replace(model.recipe, resize="none"))
        for size in ((30, 20), (7, 41)):
            result = model.test(picture(tmp_path, size))
            assert result.recipe is not None
            assert result.recipe.size_wh == size
            assert result.inputs["images"].shape == (1, 3, size[1], size[0])
            assert result.reading.network_wh == size
            assert result.guess.task == "image"
            shown = result.network_picture()
            assert shown is not None
            assert result.image is not None
            np.testing.assert_array_equal(shown, result.image.pixels)
        assert model.recipe.size_wh == (640, 640)  # the next picture may have another size


def test_without_resizing_a_fixed_size_refuses_other_pictures(tmp_path: Path) -> None:
    with Model.open(onnx_models.identity(tmp_path)) as model:
        assert model.recipe is not None
        model.use(replace(model.recipe, resize="none"))
        with pytest.raises(ImageError, match="has 9 x 8 pixels"):
            model.test(picture(tmp_path, (9, 8)))
        assert model.test(picture(tmp_path, (8, 8))).image is not None


def test_a_kept_recipe_is_used_by_whoever_opens_the_file_next(tmp_path: Path) -> None:
    path = onnx_models.identity(tmp_path)
    with Model.open(path) as model:
        guess = model.recipe
        assert guess is not None
        mine = replace(apply_preset("imagenet", guess), color="bgr")
        model.use(mine, Choices(task="image", top_k=2))
        model.keep_recipe()
    copy = tmp_path / "copy.onnx"
    shutil.copy(path, copy)  # the same bytes under another name
    with Model.open(copy) as model:
        assert model.recipe == replace(mine, evidence="your saved recipe for this file")
        assert model.choices == Choices(task="image", top_k=2)
        assert model.forget_recipe()
        assert not model.forget_recipe()
    with Model.open(path) as model:
        assert model.recipe == guess
        assert model.choices == Choices()


def test_another_file_of_the_same_size_keeps_its_own_guess(tmp_path: Path) -> None:
    path = onnx_models.classifier(tmp_path, gain=20.0)
    other = onnx_models.classifier(_folder(tmp_path), gain=30.0)
    assert path.stat().st_size == other.stat().st_size
    with Model.open(path) as model:
        assert model.recipe is not None
        model.use(replace(model.recipe, scale=3.0))
        model.keep_recipe()
    with Model.open(other) as model:
        assert model.recipe is not None
        assert model.recipe.scale == 1 / 255
        assert not model.forget_recipe()


def _folder(parent: Path) -> Path:
    (parent / "other").mkdir()
    return parent / "other"


def test_opening_reads_no_fingerprint_unless_a_recipe_is_kept_for_that_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = onnx_models.identity(tmp_path)
    asked = []

    def counted(*arguments: object) -> str:
        asked.append(arguments)
        return fingerprint(path)

    monkeypatch.setattr("core.kept_recipe.fingerprint", counted)
    with Model.open(path) as model:
        assert asked == []
        model.keep_recipe()
    assert len(asked) == 1
    with Model.open(onnx_models.classifier(tmp_path)):
        assert len(asked) == 1
    with Model.open(path):
        assert len(asked) == 2


def test_a_kept_recipe_that_cannot_be_used_is_told_and_the_guess_stays(tmp_path: Path) -> None:
    path = onnx_models.identity(tmp_path)
    with Model.open(path) as model:
        guess = model.recipe
        assert guess is not None
        model.keep_recipe()
    [kept] = (config_folder() / "recipes").iterdir()
    good = kept.read_text(encoding="utf-8")
    for text, words in (("{", "no recipe"), (good.replace('"images"', '"data"'), "input 'data'")):
        kept.write_text(text, encoding="utf-8")
        with Model.open(path) as model:
            assert model.recipe is not None
            assert "your saved recipe is not used" in model.recipe.evidence
            assert words in model.recipe.evidence
            assert replace(model.recipe, evidence=guess.evidence) == guess


def test_a_model_that_takes_no_picture_keeps_no_recipe(tmp_path: Path) -> None:
    with Model.open(onnx_models.no_image_input(tmp_path)) as model:
        with pytest.raises(ModelError) as caught:
            model.keep_recipe()
        assert caught.value.kind == "no-image-input"
        assert not recipe_file.is_kept_for_size(model.file.size_bytes)

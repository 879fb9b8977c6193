"""Models with several inputs, free dimensions and profiles, from the choices to the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import InputError
from core.input_choices import Fill
from core.model import Model
from core.tensors import Shape
from tests.unit import fake_cuda, fake_tensorrt, onnx_models
from tests.unit.fake_tensorrt import DataType, plan, tensor
from tests.unit.onnx_models import Value
from tests.unit.test_model import BLUE, RED, picture

IMAGE: Value = ("image", "float32", (1, 3, 8, 8))


def echo(folder: Path, *inputs: Value) -> Model:
    return Model.open(onnx_models.echo(folder, inputs))


def test_a_picture_runs_beside_inputs_that_nobody_chose_and_says_what_was_assumed(
    tmp_path: Path,
) -> None:
    more: list[Value] = [
        ("factor", "float32", ()),
        ("ids", "int64", (1, 2)),
        ("flag", "bool", (1,)),
        ("word", "string", (1,)),
        ("orig_target_sizes", "int64", (1, 2)),
    ]
    with echo(tmp_path, *more, IMAGE) as model:
        result = model.test(picture(tmp_path, RED))
    outputs = result.outputs
    np.testing.assert_allclose(outputs["image_out"][0, :, 0, 0], [1, 0, 0])
    assert outputs["factor_out"] == 1
    assert outputs["ids_out"].tolist() == [[1, 1]]
    assert outputs["flag_out"].tolist() == [True]
    assert outputs["word_out"].tolist() == [""]
    assert outputs["orig_target_sizes_out"].tolist() == [[8, 8]]
    assert result.warnings == result.assumptions
    assert [words.split("'")[1] for words in result.assumptions] == [name for name, *_ in more]
    assert result.warnings[0] == "Input 'factor' was not given: filled with ones."
    assert result.origins["image"] == "image"
    assert result.as_json()["inputs"]["ids"] == {  # type: ignore[index]
        "shape": [1, 2],
        "dtype": "int64",
        "from": "assumed: ones",
    }
    assert result.read_again(model.choices).warnings == result.warnings


def test_a_pair_of_pictures_gets_the_same_one_twice_in_each_ones_own_kind(tmp_path: Path) -> None:
    pair: list[Value] = [
        ("left_image", "float32", (1, 3, 8, 8)),
        ("right_image", "uint8", (1, 4, 6, 3)),
        ("grey_image", "float32", (1, 1, 8, 8)),
    ]
    with echo(tmp_path, *pair) as model:
        result = model.test(picture(tmp_path, RED))
    np.testing.assert_allclose(result.outputs["left_image_out"][0, :, 0, 0], [1, 0, 0])
    assert (result.outputs["right_image_out"] == RED).all()
    grey = 76 / 255  # 0.299 of 255, OpenCV's weight of red
    np.testing.assert_allclose(result.outputs["grey_image_out"], grey, rtol=1e-5)
    assert result.warnings == (
        "Input 'right_image' was not given: it gets the same picture as 'left_image'.",
        "Input 'grey_image' was not given: it gets the same picture as 'left_image'.",
    )


def test_the_second_of_a_pair_may_get_another_picture(tmp_path: Path) -> None:
    other = picture(tmp_path, BLUE)
    with echo(tmp_path, ("a", "float32", IMAGE[2]), ("b", "float32", IMAGE[2])) as model:
        model.choose_inputs({"b": Fill("image", path=other)}, {})
        result = model.test(picture(tmp_path, RED))
    assert result.outputs["a_out"][0, :, 0, 0].tolist() == [1, 0, 0]
    assert result.outputs["b_out"][0, :, 0, 0].tolist() == [0, 0, 1]
    assert result.warnings == ()
    assert result.origins["b"] == f"image {other.name}"


def test_choices_fill_the_inputs_and_nothing_is_assumed(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(3, dtype=np.int64))
    more: list[Value] = [
        ("factor", "float32", (4,)),
        ("ids", "int64", ("n",)),
        ("noise", "float32", (2, 2)),
        ("start", "uint8", (3,)),
    ]
    fills = {
        "factor": Fill("values", ("1", "1", "4", "4")),
        "ids": Fill("file", path=tmp_path / "x.npy"),
        "noise": Fill("random", seed=7),
        "start": Fill("zeros"),
    }
    with echo(tmp_path, IMAGE, *more) as model:
        model.choose_inputs(fills, {})
        result = model.test(picture(tmp_path, RED))
    assert result.outputs["factor_out"].tolist() == [1, 1, 4, 4]
    assert result.outputs["ids_out"].tolist() == [0, 1, 2]
    assert result.outputs["start_out"].tolist() == [0, 0, 0]
    assert dict(result.origins) == {
        "image": "image",
        "factor": "values 1,1,4,4",
        "ids": "x.npy",
        "noise": "random, seed 7",
        "start": "zeros",
    }
    assert result.warnings == ()


def test_a_chosen_shape_is_the_pictures_new_size(tmp_path: Path) -> None:
    with echo(tmp_path, ("image", "float32", ("n", 3, "h", "w"))) as model:
        model.choose_inputs({}, {"image": (2, 3, 4, 6)})
        result = model.test(picture(tmp_path, RED))
        assert result.outputs["image_out"].shape == (2, 3, 4, 6)
        assert result.recipe is not None
        assert (result.recipe.size_wh, result.recipe.batch) == ((6, 4), 2)
        model.choose_inputs({}, {"image": (None, None, 4, None)})
        assert model.test(picture(tmp_path, RED)).outputs["image_out"].shape == (1, 3, 4, 640)


@pytest.mark.parametrize(
    ("dims", "kind"), [((1, 3, 8, 8), "input-shape"), ((1, 3, "h", "w"), None)]
)
def test_a_recipes_size_holds_or_is_refused(
    tmp_path: Path, dims: onnx_models.Dims, kind: str | None
) -> None:
    with echo(tmp_path, ("image", "float32", dims)) as model:
        assert model.recipe is not None
        model.recipe = replace(model.recipe, size_wh=(6, 4))
        if kind is None:
            assert model.test(picture(tmp_path, RED)).outputs["image_out"].shape == (1, 3, 4, 6)
            model.choose_inputs({}, {"image": (1, 3, 9, 9)})
            assert model.test(picture(tmp_path, RED)).outputs["image_out"].shape == (1, 3, 9, 9)
            return
        with pytest.raises(InputError, match="given 1 x 3 x 4 x 6") as caught:
            model.test(picture(tmp_path, RED))
        assert caught.value.kind == kind


def test_a_recipes_size_outside_the_profiles_is_refused(engine: Path, tmp_path: Path) -> None:
    with Model.open(engine) as model:
        assert model.recipe is not None
        model.recipe = replace(model.recipe, size_wh=(99, 99))
        with pytest.raises(InputError, match="dimension 2 takes 8 to 16") as caught:
            model.test(picture(tmp_path, RED))
        assert caught.value.kind == "input-profile"


def test_anothers_shape_overrules_the_recipes_size_by_symbol(tmp_path: Path) -> None:
    mask: Value = ("mask", "float32", ("h", "w"))
    with echo(tmp_path, ("image", "float32", (1, 3, "h", "w")), mask) as model:
        model.choose_inputs({}, {"mask": (5, 7)})
        assert model.test(picture(tmp_path, RED)).outputs["image_out"].shape == (1, 3, 5, 7)


def test_dimensions_of_one_symbol_agree_between_inputs(tmp_path: Path) -> None:
    sizes: Value = ("sizes", "float32", ("n", 2))
    with echo(tmp_path, ("image", "float32", ("n", 3, 8, 8)), sizes) as model:
        model.choose_inputs({}, {"sizes": (3, 2)})
        result = model.test(picture(tmp_path, RED))
        assert result.outputs["image_out"].shape == (3, 3, 8, 8)
        with pytest.raises(InputError, match="'n' is 2 in 'image' and 3 in 'sizes'"):
            model.choose_inputs({}, {"image": (2, 3, 8, 8), "sizes": (3, 2)})


def test_all_inputs_given_run_without_a_picture_and_are_read_as_one(tmp_path: Path) -> None:
    red = np.zeros((1, 3, 8, 8), np.float32)
    red[:, 0] = 1
    np.save(tmp_path / "red.npy", red)
    with Model.open(onnx_models.classifier(tmp_path)) as model:
        assert model.awaits_picture
        model.choose_inputs({"images": Fill("file", path=tmp_path / "red.npy")}, {})
        assert not model.awaits_picture
        result = model.test_given()
    assert (result.source, result.image, result.recipe) == ("given input", None, None)
    assert result.guess.task == "classify"
    assert result.predictions[0].class_id == 0  # type: ignore[union-attr]
    assert result.origins == {"images": "red.npy"}


def test_random_input_keeps_what_was_chosen_and_is_the_same_every_time(tmp_path: Path) -> None:
    with Model.open(onnx_models.two_inputs(tmp_path)) as model:
        model.choose_inputs({"sizes": Fill("values", ("5",))}, {})
        one, other = model.test_random(), model.test_random()
    assert one.inputs["sizes"].tolist() == [[5, 5]]
    np.testing.assert_array_equal(one.inputs["images"], other.inputs["images"])
    assert one.guess.evidence == "the input was random"
    assert one.origins["images"] == "random, seed 0"


@pytest.mark.parametrize(
    ("fills", "shapes", "profile", "kind"),
    [
        ({"nobody": Fill("zeros")}, {}, None, "input-extra"),
        ({}, {"nobody": (1,)}, None, "input-extra"),
        ({"sizes": Fill("image")}, {}, None, "input-image"),
        ({}, {"images": (2, 3, 8, 8)}, None, "input-shape"),
        ({}, {}, 0, "no-profile"),
        ({"sizes": Fill("file", path=Path("nothing.npy"))}, {}, None, "input-file"),
        ({"sizes": Fill("values", ("a",))}, {}, None, "input-value"),
        ({"sizes": Fill("values", ("1", "2", "3"))}, {}, None, "input-value"),
    ],
)
def test_a_choice_that_does_not_fit_changes_nothing(
    tmp_path: Path,
    fills: dict[str, Fill],
    shapes: dict[str, Shape],
    profile: int | None,
    kind: str,
) -> None:
    with Model.open(onnx_models.two_inputs(tmp_path)) as model:
        model.choose_inputs({"sizes": Fill("values", ("3",))}, {})
        before = (model.recipe, dict(model.fills), dict(model.shapes))
        with pytest.raises(InputError) as caught:
            model.choose_inputs(fills, shapes, profile)
        assert caught.value.kind == kind
        assert (model.recipe, model.fills, model.shapes) == before
        assert model.session.pinned_profile is None
        assert model.test(picture(tmp_path, RED)).inputs["sizes"].tolist() == [[3, 3]]


def test_a_picture_too_large_to_be_one_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    with (
        echo(tmp_path, ("image", "float32", (1, 3, "h", "w"))) as model,
        pytest.raises(InputError, match="expected a picture of 1 to"),
    ):
        model.choose_inputs({}, {"image": (1, 3, 10**6, 10**6)})


def test_a_picture_with_nowhere_to_go_is_refused(tmp_path: Path) -> None:
    with Model.open(onnx_models.classifier(tmp_path)) as model:
        model.choose_inputs({"images": Fill("zeros")}, {})
        with pytest.raises(InputError, match="No input is left for the picture"):
            model.test(picture(tmp_path, RED))
        model.choose_inputs({"images": Fill("image")}, {})
        with pytest.raises(InputError, match="'images' shall get the picture, but none is given"):
            model.test_given()


def test_the_shapes_and_bytes_of_the_next_run_are_known_before_it(tmp_path: Path) -> None:
    with Model.open(onnx_models.classifier(tmp_path, batch="n")) as model:
        model.choose_inputs({}, {"images": (5, 3, 8, 8)})
        images, logits = model.resolved_tensors()
    assert (images.shape, images.size_bytes) == ((5, 3, 8, 8), 5 * 3 * 8 * 8 * 4)
    assert (logits.shape, logits.size_bytes) == ((5, 3), 60)


def test_what_only_a_run_can_tell_stays_unknown_before_it(tmp_path: Path) -> None:
    with Model.open(onnx_models.nonzero(tmp_path)) as model:
        _, output = model.resolved_tensors()
    assert (output.shape, output.size_bytes) == ((4, None), None)


# An engine


SMALL = [[1, 3, 8, 8], [2, 3, 8, 8], [4, 3, 16, 16]]
LARGE = [[2, 3, 16, 16], [8, 3, 32, 32], [16, 3, 64, 64]]
FREE = (-1, 3, -1, -1)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """`images` and `scores` in two profiles to `output`, shaped as images."""
    gpu = fake_cuda.install(monkeypatch)
    fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": "10.3.0"})
    fake_tensorrt.install_driver(monkeypatch)
    path = tmp_path / "x.engine"
    scores = [[[1, 2], [2, 2], [4, 2]], [[2, 2], [8, 2], [16, 2]]]
    path.write_bytes(
        plan(
            [
                tensor("images", "input", FREE, profiles=[SMALL, LARGE]),
                tensor("scores", "input", (-1, 2), DataType.FLOAT, profiles=scores),
                tensor("output", "output", FREE),
            ]
        )
    )
    return path


def test_a_pinned_profile_gives_its_best_size_and_its_smallest_batch(
    engine: Path, tmp_path: Path
) -> None:
    with Model.open(engine) as model:
        path = picture(tmp_path, RED)
        assert model.test(path).inputs["images"].shape == (1, 3, 8, 8)
        model.choose_inputs({}, {}, 1)
        result = model.test(path)
        assert model.session.profile == 1
        assert result.inputs["images"].shape == (2, 3, 32, 32)
        assert result.inputs["scores"].shape == (2, 2)  # the picture's batch, not its own optimum
        assert [one.shape for one in model.resolved_tensors()] == [
            (2, 3, 32, 32),
            (2, 2),
            (2, 3, 32, 32),
        ]


def test_a_shape_outside_the_pinned_profile_is_refused_and_another_profile_would_do(
    engine: Path, tmp_path: Path
) -> None:
    with Model.open(engine) as model:
        with pytest.raises(InputError, match="dimension 2 takes 8 to 16") as caught:
            model.choose_inputs({}, {"images": (2, 3, 64, 64)}, 0)
        assert caught.value.kind == "input-profile"
        assert model.session.pinned_profile is None
        model.choose_inputs({}, {"images": (2, 3, 64, 64)})
        assert model.test(picture(tmp_path, RED)).outputs["output"].shape == (2, 3, 64, 64)
        assert model.session.profile == 1


def test_a_wide_picture_is_placed_in_the_chosen_shape(tmp_path: Path) -> None:
    # 20 x 10 pixels, left half red, stretched to 8 x 4: the first four columns are red.
    pixels = np.zeros((10, 20, 3), np.uint8)
    pixels[:, :10, 2] = 255
    path = tmp_path / "half.png"
    assert cv2.imwrite(str(path), pixels)
    with echo(tmp_path, ("image", "float32", (1, 3, "h", "w"))) as model:
        model.choose_inputs({}, {"image": (1, 3, 4, 8)})
        red = model.test(path).outputs["image_out"][0, 0]
    assert red[:, :3].min() == 1
    assert red[:, 5:].max() == 0

"""Recipes and choices on the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.cli import main
from core.model import Model
from core.paths import DEMO_MODEL, DEMO_PICTURE
from tests.unit import onnx_models
from tests.unit.command_line import Ask, asking
from tests.unit.sample_files import sample


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str]) -> Ask:
    """`run` with --json: its exit status and the object it printed."""
    return asking(capfd, "run")


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "red.png"
    assert cv2.imwrite(str(path), np.full((12, 16, 3), (0, 0, 255), np.uint8))
    return path


def test_a_preset_by_name(tmp_path: Path, red: Path, ask: Ask) -> None:
    status, answer = ask(onnx_models.classifier(tmp_path), red, "--recipe", "caffe-bgr-mean")
    assert status == 0
    recipe = answer["recipe"]
    assert (recipe["color"], recipe["scale"]) == ("bgr", 1.0)
    assert recipe["mean"] == [103.939, 116.779, 123.68]
    assert recipe["evidence"] == "the preset caffe-bgr-mean"
    assert answer["images"][0]["predictions"][0]["class_id"] == 2  # red lies in the last channel


def test_single_fields_change_the_guess_or_the_preset(tmp_path: Path, red: Path, ask: Ask) -> None:
    model, folder = onnx_models.identity(tmp_path, shape=(1, 3, "h", "w")), tmp_path / "out"
    status, answer = ask(
        model, red, "--recipe", "imagenet", "--color", "bgr", "--scale", "1/51", "--mean=-1,0,2",
        "--std", "2", "--resize", "letterbox", "--size", "20x10", "--pad", "51",
        "--interpolation", "area", "--layout", "NCHW", "--save", folder,
    )  # fmt: skip
    assert status == 0
    recipe = answer["recipe"]
    assert recipe["shape"] == [1, 3, 10, 20]
    assert (recipe["resize"], recipe["interpolation"]) == ("letterbox", "area")
    assert recipe["evidence"] == (
        "the preset imagenet; layout, color, resize, interpolation, pad, scale, mean, std, size "
        "by the command line"
    )
    tensor = np.load(folder / "red.inputs.npz")["images"][0]
    # Beside the picture: 51 / 51 = 1, less the mean, over 2. In it: blue 0, green 0, red 5.
    np.testing.assert_allclose(tensor[:, 0, 0], [1, 0.5, -0.5], rtol=1e-6)
    np.testing.assert_allclose(tensor[:, 5, 10], [0.5, 0, 1.5], rtol=1e-6)


def test_a_recipe_is_saved_and_read_again(tmp_path: Path, red: Path, ask: Ask) -> None:
    model, path = onnx_models.classifier(tmp_path), tmp_path / "mine.json"
    fields = ("--color", "bgr", "--top-k", "2", "--task", "classify")
    status, first = ask(model, red, *fields, "--save-recipe", path)
    assert status == 0
    status, second = ask(model, red, "--recipe", path)
    assert status == 0
    assert second["images"][0]["predictions"] == first["images"][0]["predictions"]
    assert len(second["images"][0]["predictions"]) == 2
    assert second["recipe"]["evidence"] == "the recipe file mine.json"


def test_the_users_saved_recipe_goes_first_and_guess_goes_around_it(
    tmp_path: Path, red: Path, ask: Ask
) -> None:
    path = onnx_models.classifier(tmp_path)
    with Model.open(path) as model:
        assert model.recipe is not None
        guess = model.recipe.as_json()
        model.use(replace(model.recipe, pad=3))
        model.keep_recipe()
    _, saved = ask(path, red)
    assert saved["recipe"]["pad"] == 3
    assert saved["recipe"]["evidence"] == "your saved recipe for this file"
    _, around = ask(path, red, "--recipe", "guess")
    assert around["recipe"]["evidence"] == guess["evidence"]
    assert around["recipe"]["pad"] == 114


def test_thresholds_and_the_task_decide_what_is_shown(ask: Ask) -> None:
    _, few = ask(DEMO_MODEL, DEMO_PICTURE, "--score-threshold", "0.9")
    _, many = ask(DEMO_MODEL, DEMO_PICTURE, "--score-threshold", "0.01", "--iou-threshold", "1")
    few_scores = [one["score"] for one in few["images"][0]["predictions"]]
    assert 0 < len(few_scores) < len(many["images"][0]["predictions"])
    assert min(few_scores) >= 0.9
    status, plain = ask(DEMO_MODEL, DEMO_PICTURE, "--task", "tensors")
    assert (status, plain["images"][0]["task"]) == (0, "tensors")
    status, wrong = ask(DEMO_MODEL, DEMO_PICTURE, "--task", "classify")
    assert (status, wrong["error"]["kind"]) == (1, "task-does-not-fit")
    assert "detect" in wrong["error"]["hint"]


def test_finding_a_recipe_gives_the_ranking(tmp_path: Path, ask: Ask) -> None:
    path = tmp_path / "found.json"
    status, answer = ask(
        DEMO_MODEL, DEMO_PICTURE, "--recipe", "zero-to-255", "--find-recipe", "--save-recipe", path
    )
    assert status == 0
    assert answer["image"] == str(DEMO_PICTURE)
    best, *others = answer["candidates"]
    assert (best["preset"], best["recipe"]["color"]) == ("ultralytics", "rgb")
    assert best["recipe"]["resize"] == "letterbox"
    assert len(others) >= 9
    assert all(set(one) == {"preset", "score", "why", "recipe"} for one in others)
    status, run = ask(DEMO_MODEL, DEMO_PICTURE, "--recipe", path)
    assert status == 0
    assert len(run["images"][0]["predictions"]) == 8


def test_the_ranking_is_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(DEMO_MODEL), str(DEMO_PICTURE), "--find-recipe"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split() == ["score", "values", "colour", "resize", "why"]
    assert lines[4].split()[:4] == ["0.85", "ultralytics", "rgb", "letterbox"]


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (["--recipe", "yolo9"], "no-preset", "yolo9 is no preset"),
        (["--recipe", "{folder}/bad.json"], "recipe-file", "bad.json is no recipe"),
        (["--recipe", "{folder}"], "no-preset", "no such file"),
        (["--scale", "0"], "recipe-value", "scale is 0.0"),
        (["--scale", "nan"], "recipe-value", "scale is nan"),
        (["--mean", "1,2"], "recipe-value", "mean is 1, 2"),
        (["--std", "0"], "recipe-value", "std is 0"),
        (["--pad", "256"], "recipe-value", "pad is 256"),
        (["--size", "9x8"], "recipe-does-not-fit", "its width in NCHW is 8"),
        (["--size", "0x8"], "recipe-value", "size is 0 x 8"),
        (["--size", "70000x8"], "recipe-value", "1 to 65535"),
        (["--layout", "NHWC"], "recipe-does-not-fit", "in NHWC"),
        (["--color", "grey"], "recipe-does-not-fit", "its channels in NCHW is 3"),
        (["--score-threshold", "2"], "recipe-value", "score threshold is 2.0"),
        (["--top-k", "0"], "recipe-value", "top k is 0"),
        (["--resize", "none"], "image-size", "has 16 x 12 pixels"),
        (["--save-recipe", "{folder}/no/x.json"], "cannot-save", "cannot be written"),
    ],
)
def test_what_cannot_be_used_is_one_clear_error(
    tmp_path: Path, red: Path, ask: Ask, arguments: list[str], kind: str, words: str
) -> None:
    (tmp_path / "bad.json").write_text('{"format": "enginebay-recipe"}')
    arguments = [one.format(folder=tmp_path) for one in arguments]
    status, answer = ask(onnx_models.classifier(tmp_path), red, *arguments)
    assert status == 1
    assert answer["error"]["kind"] == kind
    assert words in answer["error"]["message"]
    assert answer["error"]["hint"]


def test_a_recipe_for_a_model_that_takes_no_picture_says_why_not(
    tmp_path: Path, red: Path, ask: Ask
) -> None:
    status, answer = ask(onnx_models.no_image_input(tmp_path), red, "--color", "bgr")
    assert (status, answer["error"]["kind"]) == (1, "no-image-input")


@pytest.mark.parametrize(
    "arguments",
    [
        ["x.png", "--size", "640"],
        ["x.png", "--scale", "1/0"],
        ["x.png", "--mean", "a"],
        ["x.png", "--color", "RGB"],
        ["x.png", "--task", "magic"],
        ["x.png", "y.png", "--find-recipe"],
        ["x.png", "--find-recipe", "--save", "out"],
        ["--random", "--recipe", "yolox"],
        ["--random", "--find-recipe"],
        ["--random", "--save-recipe", "x.json"],
    ],
)
def test_wrong_usage_is_exit_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", "model.onnx", *arguments])
    assert caught.value.code == 2
    assert capsys.readouterr().err


def test_the_mnist_sample_by_its_preset(ask: Ask) -> None:
    image = sample("images/digit_8_trtcn.png")
    status, answer = ask(sample("models/mnist_cntk.onnx"), image, "--recipe", "mnist")
    assert status == 0
    best = answer["images"][0]["predictions"][0]
    assert best["class_id"] == 8
    assert best["score"] > 0.995


def test_the_road_sample_gets_bgr_of_0_to_255(ask: Ask) -> None:
    model = sample("models/road_segmentation_adas_0001.onnx")
    status, answer = ask(model, sample("images/fastestdet_1.jpg"))
    assert status == 0
    recipe = answer["recipe"]
    assert (recipe["layout"], recipe["color"], recipe["scale"]) == ("NHWC", "bgr", 1.0)
    assert recipe["resize"] == "stretch"


@pytest.mark.parametrize("option", ["--save-recipe", "--csv"])
def test_neither_the_model_nor_a_picture_is_written_over(
    option: str, tmp_path: Path, red: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, other = onnx_models.classifier(tmp_path), tmp_path / "other.png"
    unnamed = model.rename(tmp_path / "model")
    other.write_bytes(red.read_bytes())
    for target in (unnamed, red, other):  # of *.png the shell makes --csv other.png red.png
        before = target.read_bytes()
        with pytest.raises(SystemExit) as end:
            main(["run", str(unnamed), str(red), option, str(target)])
        assert end.value.code == 2
        assert f"{option} would write over a model or a picture" in capsys.readouterr().err
        assert target.read_bytes() == before


def test_saving_writes_over_no_input_that_was_given(tmp_path: Path, red: Path, ask: Ask) -> None:
    given = tmp_path / "red.npz"
    np.savez(given, sizes=np.ones((1, 2), np.float32))
    before = given.read_bytes()
    model = onnx_models.two_inputs(tmp_path)
    status, _ = ask(model, red, "--input", f"sizes={given}", "--save", tmp_path)
    assert status == 0
    assert given.read_bytes() == before
    assert (tmp_path / "red-2.npz").is_file()


def test_how_sure_the_guesses_are_is_said(
    tmp_path: Path, red: Path, ask: Ask, capfd: pytest.CaptureFixture[str]
) -> None:
    model = onnx_models.classifier(tmp_path)
    _, answer = ask(model, red)
    assert answer["recipe"]["certainty"] == "guess"
    assert answer["images"][0]["certainty"] == "likely"
    main(["run", str(model), str(red)])
    text = capfd.readouterr().out
    assert "stretch (guess: only the input" in text
    assert "red.png: classify (likely), the output is a vector of 3 scores" in text
    main(["run", str(model), str(red), "--task", "tensors"])
    assert "red.png: tensors, " in capfd.readouterr().out

"""--shape, --profile and --input of `enginebay run`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from tests.unit import fake_cuda, fake_tensorrt, onnx_models
from tests.unit.command_line import Ask, asking
from tests.unit.fake_tensorrt import plan, tensor
from tests.unit.onnx_models import Value
from tests.unit.sample_files import sample
from tests.unit.test_model import RED, picture

IMAGE: Value = ("image", "float32", ("n", 3, 8, 8))
FACTOR: Value = ("factor", "float32", (4,))


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str]) -> Ask:
    """Run `enginebay run --json`: its exit status, and the one object it printed."""
    return asking(capfd, "run")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A picture of any batch, and four numbers."""
    return onnx_models.echo(tmp_path, [IMAGE, FACTOR])


def test_an_image_runs_with_values_in_a_chosen_shape(tmp_path: Path, model: Path, ask: Ask) -> None:
    status, answer = ask(
        model, picture(tmp_path, RED), "--input", "factor=1,1,4,4", "--shape", "image=2x3x8x8"
    )
    assert status == 0
    assert answer["recipe"]["shape"] == [2, 3, 8, 8]
    [entry] = answer["images"]
    assert entry["inputs"] == {
        "image": {"shape": [2, 3, 8, 8], "dtype": "float32", "from": "image"},
        "factor": {"shape": [4], "dtype": "float32", "from": "values 1,1,4,4"},
    }
    assert entry["warnings"] == []


def test_what_is_not_given_is_a_warning(tmp_path: Path, model: Path, ask: Ask) -> None:
    status, answer = ask(model, picture(tmp_path, RED))
    assert status == 0
    [entry] = answer["images"]
    assert entry["warnings"] == ["Input 'factor' was not given: filled with ones."]
    assert entry["inputs"]["factor"]["from"] == "assumed: ones"


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        ("random", "random, seed 0"),
        ("random:7", "random, seed 7"),
        ("zeros", "zeros"),
        ("2", "values 2"),
        ("FILE", "x.npy"),
    ],
)
def test_every_input_given_needs_neither_an_image_nor_random(
    tmp_path: Path, model: Path, ask: Ask, value: str, origin: str
) -> None:
    np.save(tmp_path / "x.npy", np.arange(4, dtype=np.float32))
    value = str(tmp_path / "x.npy") if value == "FILE" else value
    out = tmp_path / "out"
    status, answer = ask(model, "--input", "image=0.5", "--input", f"factor={value}", "--save", out)
    assert status == 0
    [entry] = answer["images"]
    assert entry["path"] == "given input"
    assert entry["inputs"]["factor"]["from"] == origin
    with np.load(out / "given-input.npz") as saved:
        assert (saved["image_out"] == 0.5).all()
        assert saved["image_out"].shape == (1, 3, 8, 8)


def test_the_text_says_what_each_input_got(
    tmp_path: Path, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    red = str(picture(tmp_path, RED))
    assert main(["run", str(model), red, "--input", "factor=random:7"]) == 0
    text = capfd.readouterr().out
    assert "  input image: float32 1 x 3 x 8 x 8, image\n" in text
    assert "  input factor: float32 4, random, seed 7\n" in text
    assert main(["run", str(onnx_models.classifier(tmp_path)), red]) == 0
    assert "  input " not in capfd.readouterr().out


def test_random_keeps_what_is_given(model: Path, ask: Ask) -> None:
    status, answer = ask(model, "--random", "--input", "factor=zeros")
    assert status == 0
    found = {name: one["from"] for name, one in answer["images"][0]["inputs"].items()}
    assert found == {"image": "random, seed 0", "factor": "zeros"}


def test_a_pair_may_have_a_picture_each(tmp_path: Path, ask: Ask) -> None:
    pair = onnx_models.echo(tmp_path, [("a", "float32", IMAGE[2]), ("b", "float32", IMAGE[2])])
    one = picture(tmp_path, RED)
    status, answer = ask(pair, one, "--input", f"b=image:{one}")
    assert status == 0
    assert answer["images"][0]["inputs"]["b"]["from"] == f"image {one.name}"
    assert answer["images"][0]["warnings"] == []


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (["--input", "nobody=1"], "input-extra", "no input 'nobody'"),
        (["--shape", "nobody=1x2"], "input-extra", "no input 'nobody'"),
        (["--input", "factor"], "input-option", "names no input"),
        (["--input", "factor=1", "--input", "factor=2"], "input-option", "twice for 'factor'"),
        (["--input", "factor=a"], "input-value", "'a' is no value"),
        (["--input", "factor=1,2"], "input-value", "takes 4 values (4); 2 were given"),
        (["--input", "factor=image"], "input-image", "takes no picture"),
        (["--input", "factor=float64.npy"], "input-dtype", "expected float32, given float64 4"),
        (["--input", "factor=five.npy"], "input-shape", "expected 4, given float32 5"),
        (["--input", "factor=pickled.npy"], "input-pickled", "refused"),
        (["--input", "factor=text.npy"], "input-file", "cannot be read as an array"),
        (["--input", "factor=nothing.npy"], "input-file", "there is no such file"),
        (["--shape", "image=ax3"], "shape-text", "is no shape"),
        (["--shape", "image=1x3x9x8"], "input-shape", "expected ? x 3 x 8 x 8"),
        (["--shape", "image=1x3x8"], "input-rank", "expected 4 dimensions"),
        (["--profile", "1"], "no-profile", "no optimization profiles"),
    ],
)
@pytest.mark.parametrize("how", ["image", "random"])
def test_a_bad_choice_is_one_clear_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: Path,
    ask: Ask,
    arguments: list[str],
    kind: str,
    words: str,
    how: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("float64.npy", np.zeros(4))
    np.save("five.npy", np.zeros(5, np.float32))
    np.save("pickled.npy", np.array([{}], object), allow_pickle=True)
    Path("text.npy").write_text("1 2 3 4", encoding="ascii")
    source = "--random" if how == "random" else picture(tmp_path, RED)
    status, answer = ask(model, source, *arguments)
    assert status == 1
    assert answer["error"]["kind"] == kind
    assert words in answer["error"]["message"]


def test_an_input_that_nothing_fills_is_an_error_without_an_image(model: Path, ask: Ask) -> None:
    status, answer = ask(model, "--input", "factor=1")
    assert status == 1
    assert answer["error"]["kind"] == "input-missing"
    assert answer["error"]["hint"] == "Give an IMAGE, --random, or --input for: image."


def test_nan_is_taken_and_noted(tmp_path: Path, model: Path, ask: Ask) -> None:
    status, answer = ask(model, picture(tmp_path, RED), "--input", "factor=nan")
    assert status == 0
    warnings = answer["images"][0]["warnings"]
    assert "Input 'factor' is not finite in 4 of 4 values, as it was given." in warnings


def test_neither_an_image_nor_random_nor_an_input_is_wrong_usage(
    model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for arguments in ([], ["--shape", "image=1x3x8x8"], ["a.png", "--random", "--input", "a=1"]):
        with pytest.raises(SystemExit) as caught:
            main(["run", str(model), *arguments])
        assert caught.value.code == 2
    assert "--random" in capfd.readouterr().err


def test_a_profile_is_chosen_and_its_limits_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    gpu = fake_cuda.install(monkeypatch)
    fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": "10.3.0"})
    fake_tensorrt.install_driver(monkeypatch)
    free = (-1, 3, 8, 8)
    profiles = [
        [[1, 3, 8, 8], [2, 3, 8, 8], [4, 3, 8, 8]],
        [[2, 3, 8, 8], [8, 3, 8, 8], [16, 3, 8, 8]],
    ]
    engine = tmp_path / "x.engine"
    engine.write_bytes(
        plan(
            [
                tensor("images", "input", free, profiles=profiles),
                tensor("output", "output", free),
            ]
        )
    )
    red = picture(tmp_path, RED)
    for more, rows in (([], 1), (["--profile", "1"], 2), (["--shape", "images=9x3x8x8"], 9)):
        status, answer = ask(engine, red, *more)
        assert status == 0
        assert answer["images"][0]["inputs"]["images"]["shape"] == [rows, 3, 8, 8]
    status, answer = ask(engine, red, "--profile", "0", "--shape", "images=9x3x8x8")
    assert status == 1
    assert answer["error"]["kind"] == "input-profile"
    assert "'images'" in answer["error"]["message"]
    assert "dimension 0 takes 1 to 4" in answer["error"]["message"]


def test_a_real_models_saved_input_gives_what_its_picture_gave(tmp_path: Path, ask: Ask) -> None:
    """MNIST's input, from the archive that --save wrote."""
    model, image = sample("models/mnist_cntk.onnx"), sample("images/digit_8_trtcn.png")
    status, answer = ask(model, image, "--save", tmp_path)
    assert status == 0
    with np.load(tmp_path / f"{image.stem}.inputs.npz") as saved:
        [name] = saved.files
    given = f"{name}={tmp_path / f'{image.stem}.inputs.npz'}"
    status, again = ask(model, "--input", given)
    assert status == 0
    assert again["images"][0]["task"] == answer["images"][0]["task"]
    assert again["images"][0]["predictions"] == answer["images"][0]["predictions"]

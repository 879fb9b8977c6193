"""The commands' contract: what is printed where, what is saved, and the exit status."""

from __future__ import annotations

import csv
import io
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import ml_dtypes
import numpy as np
import onnxruntime
import pytest

from core.cli import COMMANDS, main
from tests.unit import fake_cuda, fake_tensorrt, onnx_models
from tests.unit.command_line import Ask, asking
from tests.unit.fake_tensorrt import DataType, plan, simple_plan, tensor
from tests.unit.sample_files import sample

ROOT = Path(__file__).resolve().parents[2]
Build = Callable[[Path], Path]


def picture(path: Path, color_rgb: tuple[int, int, int] = (255, 0, 0)) -> Path:
    pixels = np.zeros((12, 16, 3), np.uint8)
    pixels[:] = color_rgb[::-1]
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str]) -> Ask:
    """Run a command with --json: its exit status, and the one object it printed."""
    return asking(capfd)


# info


def test_info_of_an_onnx_file_has_the_card_and_the_tensor_table(tmp_path: Path, ask: Ask) -> None:
    path = onnx_models.identity(tmp_path, shape=("n", 3, 8, 8), metadata={"author": "me"})
    status, answer = ask("info", path)
    assert status == 0
    assert answer["file"]["path"] == str(path)
    assert answer["file"]["kind"] == "onnx"
    assert answer["file"]["size_bytes"] == path.stat().st_size
    assert len(answer["file"]["sha256"]) == 64
    assert answer["plan"] is None
    assert answer["metadata"] == {"author": "me"}
    assert answer["onnx"] == {
        "ir_version": 8,
        "producer": "enginebay-tests",
        "opsets": {"": 17},
        "inputs": [{"name": "images", "dtype": "float32", "shape": [None, 3, 8, 8]}],
        "outputs": [{"name": "output", "dtype": "float32", "shape": [None, 3, 8, 8]}],
        "operators": 1,
        "operator_types": {"Identity": 1},
        "custom_domains": [],
        "weights_bytes": 0,
        "external_bytes": 0,
        "precision": None,
        "external_data": [],
    }
    assert answer["verdict"]["can_run"] is True
    assert "error" not in answer
    one, other = answer["tensors"]
    assert one == {
        "name": "images",
        "mode": "input",
        "dtype": "float32",
        "shape": [None, 3, 8, 8],
        "location": "device",
        "format": "linear",
        "bytes": None,
        "profiles": [],
    }
    assert (other["name"], other["mode"]) == ("output", "output")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"some words, no model\n", "unknown"),
        (b"PK\x03\x04" + bytes(60), "unknown"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n", "git-lfs-pointer"),
        (simple_plan()[:-3], "truncated-plan"),
    ],
)
def test_info_of_what_is_no_model_is_an_error_with_its_card(
    tmp_path: Path, ask: Ask, data: bytes, kind: str
) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(data)
    status, answer = ask("info", path)
    assert status == 1
    assert answer["file"]["kind"] == kind
    assert answer["tensors"] is None
    assert answer["verdict"]["can_run"] is False
    assert answer["verdict"]["reason"] == answer["error"]["kind"] == kind
    assert answer["error"]["message"]
    assert answer["error"]["hint"]


def test_info_of_an_engine_needs_no_gpu(
    tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is whole: what this machine lacks is a verdict, not an error."""
    path = tmp_path / "model.engine"
    path.write_bytes(simple_plan())
    monkeypatch.setattr("pynvml.nvmlInit", _no_driver)
    status, answer = ask("info", path)
    assert status == 0
    assert answer["file"]["kind"] == "tensorrt-plan"
    assert answer["plan"]["tensorrt_version"] == "10.3.0.26"
    assert answer["plan"]["sections"] == ["ENGN"]
    assert answer["plan"]["complete"] is True
    assert answer["plan"]["embeds_native_code"] is False
    assert answer["verdict"]["can_run"] is False
    assert answer["verdict"]["reason"] == "no-driver"
    assert answer["tensors"] is None


# info of a folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder with three models, one of them cut off, and a text."""
    folder = tmp_path / "weights"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "b.engine").write_bytes(simple_plan())
    (folder / "deep" / "a.engine").write_bytes(simple_plan()[:-3])
    (folder / "notes.txt").write_text("no model")
    onnx_models.identity(folder)
    return folder


def test_info_of_a_folder_lists_every_model_in_it(
    weights: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pynvml.nvmlInit", _no_driver)
    status, answer = ask("info", weights)
    assert status == 0
    assert answer.keys() == {"folder", "models", "unreadable"}
    assert (answer["folder"], answer["unreadable"]) == (str(weights), [])
    cut, engine, model = answer["models"]
    assert [one["relative"] for one in answer["models"]] == [
        "deep/a.engine",
        "deep/b.engine",
        "identity.onnx",
    ]
    assert engine["path"] == str(weights / "deep" / "b.engine")
    assert (engine["kind"], engine["tensorrt_version"]) == ("tensorrt-plan", "10.3.0.26")
    assert engine["verdict"]["reason"] == "no-driver"
    assert (cut["kind"], cut["verdict"]["reason"]) == ("truncated-plan", "truncated-plan")
    assert model["verdict"].keys() == {"can_run", "reason", "message", "hint", "evidence"}
    assert model["verdict"]["can_run"] is True


def test_info_of_a_folder_as_text_is_an_aligned_table(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(weights)]) == 0
    captured = capsys.readouterr()
    assert captured.err == "", "progress is for terminals"
    folder, titles, cut, engine, model, empty, count = captured.out.splitlines()
    assert (folder, empty, count) == (str(weights), "", "3 models in 4 files")
    at = titles.index("kind")
    assert (cut[at:].split("  ")[0], engine[at:].split()[0], model[at:].split()[0]) == (
        "engine, cut off",
        "engine",
        "ONNX",
    )
    assert cut.endswith("no: truncated plan")
    assert model.endswith("yes")


def test_info_of_a_folder_as_csv(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(weights), "--csv"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = list(csv.DictReader(io.StringIO(captured.out)))
    assert [line["relative"] for line in lines] == [
        "deep/a.engine",
        "deep/b.engine",
        "identity.onnx",
    ]
    assert lines[0]["can_run"] == "no"
    assert not captured.out.endswith("\n\n")


def test_info_of_a_folder_without_models_is_an_error(tmp_path: Path, ask: Ask) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "notes.txt").write_text("no model")
    status, answer = ask("info", folder)
    assert status == 1
    assert answer["error"]["kind"] == "no-models"
    assert str(folder) in answer["error"]["message"]
    assert answer["error"]["hint"]
    assert (answer["models"], answer["unreadable"]) == ([], [])


def test_info_of_a_folder_that_may_not_be_listed_is_an_error(
    tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    status, answer = ask("info", tmp_path)
    assert (status, answer["error"]["kind"]) == (1, "no-permission")
    assert answer.keys() == {"error"}


def test_progress_is_one_line_on_a_terminal_and_leaves_no_trace(
    weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ticks = iter(range(1000))
    monkeypatch.setattr("core.progress_line.time.monotonic", lambda: float(next(ticks)))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(
        "core.progress_line.shutil.get_terminal_size", lambda: os.terminal_size((30, 24))
    )
    assert main(["info", str(weights)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(str(weights))
    assert "\n" not in captured.err
    shown = captured.err.split("\r")
    assert "0 models in 0 files, looki..." in shown
    assert max(map(len, shown)) < 30
    assert shown[-2].strip() == shown[-1] == "", "wiped out, and the cursor at its begin"


# info of an engine


def _no_driver() -> None:
    import pynvml

    raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)


@pytest.fixture
def gpu_machine(monkeypatch: pytest.MonkeyPatch) -> fake_tensorrt.FakeTensorRT:
    gpu = fake_cuda.install(monkeypatch)
    fake_tensorrt.install_driver(monkeypatch)
    return fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": "10.3.0"})["tensorrt"]


def test_info_of_an_engine_on_a_gpu_has_profiles_and_odd_types(
    tmp_path: Path, ask: Ask, gpu_machine: fake_tensorrt.FakeTensorRT
) -> None:
    profiles = [[[1, 3, 8, 8], [2, 3, 8, 8], [4, 3, 8, 8]]]
    path = tmp_path / "model.engine"
    path.write_bytes(
        plan(
            [
                tensor("images", "input", (-1, 3, 8, 8), profiles=profiles),
                tensor("packed", "output", (1, 5), DataType.INT4),
            ]
        )
    )
    status, answer = ask("info", path)
    assert status == 0
    assert answer["verdict"]["can_run"] is True
    assert "TensorRT 10.3.0" in answer["verdict"]["message"]
    images, packed = answer["tensors"]
    assert images["shape"] == [None, 3, 8, 8]
    assert images["profiles"] == [{"min": [1, 3, 8, 8], "opt": [2, 3, 8, 8], "max": [4, 3, 8, 8]}]
    assert (packed["dtype"], packed["bytes"]) == ("int4", 3)


def test_info_of_an_engine_with_native_code_does_not_open_it(
    tmp_path: Path, ask: Ask, gpu_machine: fake_tensorrt.FakeTensorRT
) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(simple_plan(native_code=True))
    status, answer = ask("info", path)
    assert (status, answer["verdict"]["can_run"]) == (0, None)
    assert answer["verdict"]["reason"] == "needs-consent"
    assert answer["tensors"] is None
    assert gpu_machine.plans == []
    status, answer = ask("info", path, "--allow-native-code")
    assert (status, answer["verdict"]["can_run"]) == (0, True)
    assert len(answer["tensors"]) == 2


def test_an_engine_that_is_refused_here_has_a_card_with_the_reason(
    tmp_path: Path, ask: Ask, gpu_machine: fake_tensorrt.FakeTensorRT
) -> None:
    gpu_machine.log_on["deserialize_cuda_engine"] = [(1, "Cannot deserialize safety engine")]
    path = tmp_path / "model.engine"
    path.write_bytes(simple_plan())
    status, answer = ask("info", path)
    assert status == 0
    assert answer["verdict"]["can_run"] is False
    assert answer["verdict"]["reason"] == "safety-plan"
    status, answer = ask("run", path, "--random")
    assert status == 1
    assert answer["error"]["kind"] == "safety-plan"


# run


def test_run_prints_one_object_with_predictions_and_timings(tmp_path: Path, ask: Ask) -> None:
    model, image = onnx_models.classifier(tmp_path), picture(tmp_path / "red.png")
    status, answer = ask("run", model, image)
    assert status == 0
    assert answer["model"] == str(model)
    assert answer["runtime"].startswith("ONNX Runtime")
    assert answer["recipe"]["size_wh"] == [8, 8]
    assert answer["recipe"]["shape"] == [1, 3, 8, 8]
    [entry] = answer["images"]
    assert entry["path"] == str(image)
    assert entry["task"] == "classify"
    assert entry["evidence"]
    assert entry["warnings"] == []
    best = entry["predictions"][0]
    assert (best["class_id"], best["label"]) == (0, "0")
    assert best["score"] > 0.99
    assert set(entry["timing_ms"]) == {
        "read", "preprocess", "host_to_device", "compute", "device_to_host", "postprocess", "total"
    }  # fmt: skip


def test_boxes_are_labelled_best_first_in_picture_pixels(tmp_path: Path, ask: Ask) -> None:
    metadata = {"task": "detect", "names": "['cat', 'dog']", "imgsz": "[64, 64]"}
    head = onnx_models.detector_head([[32, 32, 32, 24], [16, 32, 8, 8]], [1, 0], [0.5, 0.75])
    model = onnx_models.constant_output(tmp_path, {"output0": head}, metadata=metadata)
    status, answer = ask("run", model, picture(tmp_path / "a.png"))  # 16 x 12: scaled by 4
    assert status == 0
    assert answer["images"][0]["predictions"] == [
        {"label": "cat", "class_id": 0, "score": 0.75, "box": [3.0, 5.0, 5.0, 7.0]},
        {"label": "dog", "class_id": 1, "score": 0.5, "box": [4.0, 3.0, 12.0, 9.0]},
    ]


def test_saved_outputs_are_bit_for_bit_a_plain_run_on_the_saved_inputs(
    tmp_path: Path, ask: Ask
) -> None:
    model, folder = onnx_models.two_outputs(tmp_path), tmp_path / "new" / "folder"
    image = picture(tmp_path / "my picture.png", (200, 100, 50))
    status, _ = ask("run", model, image, "--save", folder)
    assert status == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "my-picture.inputs.npz",
        "my-picture.npz",
        "my-picture.png",
    ]
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    with (
        np.load(folder / "my-picture.inputs.npz", allow_pickle=False) as inputs,
        np.load(folder / "my-picture.npz", allow_pickle=False) as outputs,
    ):
        assert list(inputs) == ["images"]
        assert list(outputs) == ["doubled", "halved"]
        expected = session.run(list(outputs), dict(inputs))
        for name, array in zip(outputs, expected, strict=True):
            assert outputs[name].dtype == array.dtype
            assert outputs[name].tobytes() == array.tobytes()
    overlay = cv2.imread(str(folder / "my-picture.png"))
    assert overlay is not None
    assert overlay.shape == (12, 16, 3)


def test_pictures_of_one_name_are_saved_under_different_ones(tmp_path: Path, ask: Ask) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    red, blue = picture(tmp_path / "a" / "x.png"), picture(tmp_path / "b" / "x.png", (0, 0, 255))
    odd = picture(tmp_path / "b" / "x.inputs.png", (0, 255, 0))
    folder = tmp_path / "out"
    status, answer = ask("run", onnx_models.classifier(tmp_path), red, blue, odd, "--save", folder)
    assert status == 0
    assert [entry["path"] for entry in answer["images"]] == [str(red), str(blue), str(odd)]
    saved = {path.name: path for path in folder.glob("*.npz")}
    best = {}
    for name, path in saved.items():
        with np.load(path) as arrays:
            best[name] = {
                key: int(array.reshape(3, -1).mean(1).argmax()) for key, array in arrays.items()
            }
    assert best == {
        "x.npz": {"logits": 0},
        "x.inputs.npz": {"images": 0},
        "x-2.npz": {"logits": 2},
        "x-2.inputs.npz": {"images": 2},
        "x.inputs-2.npz": {"logits": 1},
        "x.inputs-2.inputs.npz": {"images": 1},
    }  # fmt: skip


def test_no_overlay_is_saved_over_another_and_a_new_name_is_told(
    tmp_path: Path, ask: Ask, capfd: pytest.CaptureFixture[str]
) -> None:
    """Beside the pictures themselves, where overlays have names of their own."""
    (tmp_path / "b").mkdir()
    model = onnx_models.classifier(tmp_path)
    one = picture(tmp_path / "x.png")
    other = picture(tmp_path / "b" / "x.png", (0, 255, 0))
    odd = picture(tmp_path / "b" / "x.overlay.png", (0, 0, 255))
    shout = picture(tmp_path / "b" / "X.jpg", (255, 255, 0))
    before = one.read_bytes()
    status, answer = ask("run", model, one, other, odd, shout, "--save", tmp_path)
    assert status == 0
    assert one.read_bytes() == before
    saved = [entry["saved"] for entry in answer["images"]]
    names = [[Path(path).name for path in paths.values()] for paths in saved]
    assert names == [
        ["x.npz", "x.inputs.npz", "x.overlay.png"],
        ["x-2.npz", "x-2.inputs.npz", "x-2.png"],
        ["x.overlay-2.npz", "x.overlay-2.inputs.npz", "x.overlay-2.png"],
        ["X-3.npz", "X-3.inputs.npz", "X-3.png"],
    ]
    for paths, source in zip(saved, (one, other, odd, shout), strict=True):
        drawn, given = cv2.imread(paths["overlay"]), cv2.imread(str(source))
        assert drawn is not None
        assert given is not None
        assert np.abs(drawn[-1, -1].astype(int) - given[-1, -1]).max() < 4, "its own picture's"
    assert main(["run", str(model), str(one), str(other), "--save", str(tmp_path / "new")]) == 0
    text = capfd.readouterr().out
    assert f"{other}: saved as x-2, for x is taken" in text
    assert f"{one}: saved as" not in text


def test_no_pictures_inputs_are_saved_over_anothers_outputs(tmp_path: Path, ask: Ask) -> None:
    odd, plain = picture(tmp_path / "x.inputs.png", (0, 255, 0)), picture(tmp_path / "x.png")
    folder = tmp_path / "out"
    status, _ = ask("run", onnx_models.classifier(tmp_path), odd, plain, "--save", folder)
    assert status == 0
    assert len(list(folder.glob("*.npz"))) == 4
    with np.load(folder / "x.inputs.npz") as outputs:
        assert outputs["logits"].argmax() == 1


def test_saving_beside_the_pictures_overwrites_none_of_them(tmp_path: Path, ask: Ask) -> None:
    model = onnx_models.classifier(tmp_path)
    one, two = picture(tmp_path / "one.png"), picture(tmp_path / "two.png", (0, 255, 0))
    before = one.read_bytes(), two.read_bytes()
    status, _ = ask("run", model, one, two, "--save", tmp_path)
    assert status == 0
    assert (one.read_bytes(), two.read_bytes()) == before
    assert (tmp_path / "one.overlay.png").exists()
    assert (tmp_path / "one.npz").exists()


@pytest.mark.parametrize("name", ["file", "allow_pickle", "/model.24/Sigmoid_output_0", "a b"])
def test_any_tensor_name_can_be_saved(tmp_path: Path, ask: Ask, name: str) -> None:
    model = onnx_models.identity(tmp_path, output_name=name)
    status, _ = ask("run", model, picture(tmp_path / "a.png"), "--save", tmp_path / "out")
    assert status == 0
    with np.load(tmp_path / "out" / "a.npz") as outputs:
        assert list(outputs) == [name]


def test_types_that_numpy_cannot_keep_are_saved_as_what_it_can(
    tmp_path: Path, ask: Ask, gpu_machine: fake_tensorrt.FakeTensorRT
) -> None:
    engine, folder = tmp_path / "bf16.engine", tmp_path / "out"
    tensors = [
        tensor("x", "input", (1, 3, 8, 8), DataType.BF16),
        tensor("y", "output", (1, 3, 8, 8), DataType.BF16),
    ]
    engine.write_bytes(plan(tensors))
    assert ask("run", engine, picture(tmp_path / "a.png"), "--save", folder)[0] == 0
    with np.load(folder / "a.npz", allow_pickle=False) as outputs:
        assert outputs["y"].dtype == np.float32
        assert outputs["y"].max() == np.float32(ml_dtypes.bfloat16(2.0))
    for build in (onnx_models.string_output, onnx_models.sequence_output):
        assert ask("run", build(tmp_path), picture(tmp_path / "b.png"), "--save", folder)[0] == 0
    with np.load(folder / "b.npz", allow_pickle=False) as outputs:
        assert outputs["parts"].shape == (2,)


def test_one_bad_picture_leaves_the_others_and_exit_status_1(tmp_path: Path, ask: Ask) -> None:
    good = [picture(tmp_path / "a.png"), picture(tmp_path / "c.png", (0, 0, 255))]
    bad = tmp_path / "b.png"
    bad.write_bytes(b"no picture at all")
    missing = tmp_path / "missing.png"
    model = onnx_models.classifier(tmp_path)
    status, answer = ask("run", model, good[0], bad, missing, good[1], "--save", tmp_path / "out")
    assert status == 1
    first, second, third, fourth = answer["images"]
    assert first["predictions"][0]["class_id"] == 0
    assert fourth["predictions"][0]["class_id"] == 2
    assert (second["path"], second["error"]["kind"]) == (str(bad), "not-an-image")
    assert (third["path"], third["error"]["kind"]) == (str(missing), "not-found")
    assert answer["error"] == second["error"]
    assert {path.name for path in (tmp_path / "out").glob("?.npz")} == {"a.npz", "c.npz"}


def test_random_input_needs_no_picture(tmp_path: Path, ask: Ask) -> None:
    model, folder = onnx_models.two_inputs(tmp_path), tmp_path / "out"
    status, answer = ask("run", model, "--random", "--save", folder)
    assert status == 0
    assert answer["recipe"]["input"] == "images"
    [entry] = answer["images"]
    assert (entry["path"], entry["task"]) == ("random input", "tensors")
    assert entry["inputs"] == {
        "images": {"shape": [1, 3, 8, 8], "dtype": "float32", "from": "random, seed 0"},
        "sizes": {"shape": [1, 2], "dtype": "float32", "from": "random, seed 0"},
    }
    assert entry["timing_ms"]["read"] is None
    assert sorted(path.name for path in folder.iterdir()) == [
        "random-input.inputs.npz",
        "random-input.npz",
    ]


def test_nan_in_the_outputs_is_json_and_a_warning(tmp_path: Path, ask: Ask) -> None:
    status, answer = ask("run", onnx_models.nan_output(tmp_path), "--random")
    assert status == 0
    [entry] = answer["images"]
    assert entry["predictions"][0]["mean"] is None
    assert entry["predictions"][0]["nan"] == 192
    assert "NaN" in entry["warnings"][0]


def test_infinite_and_huge_outputs_are_json(tmp_path: Path, ask: Ask) -> None:
    values = np.array([[[np.inf, -np.inf, 3e38], [3e38, 3e38, np.nan]]], np.float32)
    model = onnx_models.constant_output(tmp_path, {"out": values})
    status, answer = ask("run", model, picture(tmp_path / "a.png"))
    assert status == 0
    [found] = answer["images"][0]["predictions"]
    assert (found["nan"], found["inf"]) == (1, 2)
    assert found["mean"] == pytest.approx(3e38, rel=1e-6)


@pytest.mark.parametrize(
    ("build", "kind"),
    [
        (onnx_models.no_image_input, "no-image-input"),
        (onnx_models.unknown_operator, "unsupported-operator"),
        (onnx_models.external_data_missing, "external-data"),
        (onnx_models.from_the_future, "onnx-version"),
        (lambda folder: folder / "nothing.onnx", "not-found"),
        (lambda folder: folder, "folder"),
    ],
)
def test_a_model_that_cannot_take_the_picture_is_one_clear_error(
    tmp_path: Path, ask: Ask, build: Build, kind: str
) -> None:
    status, answer = ask("run", build(tmp_path), picture(tmp_path / "a.png"))
    assert status == 1
    assert answer["error"]["kind"] == kind
    assert answer["error"]["message"]
    assert answer["error"]["hint"]
    assert "images" not in answer


def test_a_folder_that_cannot_be_made_is_an_error_not_a_crash(tmp_path: Path, ask: Ask) -> None:
    (tmp_path / "file").write_bytes(b"")
    model = onnx_models.classifier(tmp_path)
    status, answer = ask("run", model, "--random", "--save", tmp_path / "file" / "out")
    assert status == 1
    assert answer["error"]["kind"] == "cannot-save"


# doctor, and text for people


def test_doctor_tells_what_is_here(ask: Ask) -> None:
    status, answer = ask("doctor")
    assert status == 0
    assert answer["python"]["version"] == ".".join(map(str, sys.version_info[:3]))
    assert answer["packages"]["onnxruntime"]["version"] == onnxruntime.__version__
    assert answer["packages"]["numpy"]["version"] == np.__version__
    assert answer["engines_run_here"] == (answer["problem"] is None)


def test_without_json_the_answer_is_text_and_the_error_goes_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, image = onnx_models.classifier(tmp_path), picture(tmp_path / "red.png")
    assert main(["info", str(model)]) == 0
    card = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert f"path        {model}" in card
    assert "kind        ONNX model" in card
    assert "input       images  float32  1 x 3 x 8 x 8" in card
    assert any(line.startswith("runs here   yes. ONNX Runtime") for line in card)
    assert any(line.startswith("SHA-256") for line in card)
    assert card[-1].startswith("compared    here: ONNX Runtime")
    assert main(["run", str(model), str(image), str(tmp_path / "none.png")]) == 1
    captured = capsys.readouterr()
    assert "1.000  0" in captured.out
    assert captured.err.startswith("enginebay: There is no file")
    assert "Check the path" in captured.err
    assert main(["doctor"]) == 0
    assert "onnxruntime" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run"],
        ["run", "model.onnx"],
        ["run", "model.onnx", "--save", "folder"],
        ["info"],
        ["info", "one", "two"],
        ["doctor", "now"],
        ["frobnicate"],
        ["info", "model.onnx", "--colour"],
        ["info", "model.onnx", "--csv"],
        ["info", ".", "--csv", "--json"],
    ],
)
def test_wrong_usage_is_exit_status_2_with_words_on_standard_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: enginebay" in captured.err


# As a process: exit status, streams, nothing but JSON on standard output


def enginebay(
    arguments: Sequence[str | Path], **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the program as users do."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "gui", *map(os.fspath, arguments)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        env=os.environ | environment,
        timeout=60,
    )


def test_the_process_ends_with_0_1_and_2(tmp_path: Path) -> None:
    model, image = onnx_models.classifier(tmp_path), picture(tmp_path / "red.png")
    good = enginebay(["run", model, image, "--json"])
    assert (good.returncode, good.stderr) == (0, b"")
    assert json.loads(good.stdout)["images"][0]["task"] == "classify"
    bad = enginebay(["info", tmp_path / "none.onnx", "--json"])
    assert (bad.returncode, bad.stderr) == (1, b"")
    assert json.loads(bad.stdout)["error"]["kind"] == "not-found"
    wrong = enginebay(["run", model])
    assert (wrong.returncode, wrong.stdout) == (2, b"")
    assert b"Traceback" not in wrong.stderr


def test_metadata_that_the_terminal_cannot_show_is_escaped(tmp_path: Path) -> None:
    names = b'{"0": "\xc3\xa9\\ud800"}'
    text = b'{"task": "detect", "names": ' + names + b', "x": NaN, "\\ud800": 1}'
    path = tmp_path / "model.engine"
    path.write_bytes(struct.pack("<i", len(text)) + text + simple_plan())
    for more in ([], ["--json"]):
        done = enginebay(["info", path, *more], PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"\\ud800" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    captured = capsys.readouterr()
    assert "--json" in captured.out
    assert captured.err == ""


# Real files


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("models/custom_op_noisy_relu.onnx", "unsupported-operator"),
        ("models/polygraphy_ext_weights.onnx", "external-data"),
        ("models/git_lfs_pointer.onnx", "git-lfs-pointer"),
        ("models/empty_0bytes.onnx", "empty"),
        ("engines/git_lfs_pointer.engine", "git-lfs-pointer"),
        ("engines/trt8.6.1.6_sm89.head", "truncated-plan"),
        ("images/fastestdet_1.jpg", "unknown"),
        ("README.md", "unknown"),
    ],
)
@pytest.mark.parametrize("command", ["info", "run"])
def test_every_bad_sample_is_exit_status_1_and_one_clear_error(
    command: str, name: str, kind: str, ask: Ask
) -> None:
    arguments = [sample("images/digit_8_trtcn.png")] if command == "run" else []
    status, answer = ask(command, sample(name), *arguments)
    assert status == 1
    assert answer["error"]["kind"] == kind
    assert answer["error"]["message"]
    assert answer["error"]["hint"]


def test_the_mnist_sample_sees_an_eight(ask: Ask) -> None:
    image = sample("images/digit_8_trtcn.png")
    status, answer = ask("run", sample("models/mnist_cntk.onnx"), image)
    assert status == 0
    assert answer["images"][0]["task"] == "classify"
    best = answer["images"][0]["predictions"][0]
    assert best["class_id"] == 8
    assert best["score"] > 0.9


@pytest.mark.parametrize(
    ("model", "task"),
    [
        ("yolox_nano_coco80_416", "detect"),
        ("ultraface_RFB-320", "detect"),
        ("road_segmentation_adas_0001", "semantic-segment"),
    ],
)
def test_sample_models_are_read_as_what_they_are(model: str, task: str, ask: Ask) -> None:
    image = sample("images/trtcn_dog.png")
    status, answer = ask("run", sample(f"models/{model}.onnx"), image)
    assert status == 0
    assert [entry["task"] for entry in answer["images"]] == [task]


def test_too_little_memory_is_said_and_not_thrown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 40.2 GiB")

    monkeypatch.setattr("core.cli_run.read_model_file", exhausted)
    assert main(["run", "model.onnx", "image.png", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["kind"] == "out-of-memory"
    assert "40.2 GiB" in error["details"]


def test_images_may_stand_behind_options(tmp_path: Path, ask: Ask) -> None:
    import cv2
    import numpy as np

    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    model = onnx_models.classifier(tmp_path)
    status, answer = ask(
        "run", str(model), "--save", str(tmp_path / "out"), str(tmp_path / "a.png")
    )
    assert status == 0
    assert [Path(one["path"]).name for one in answer["images"]] == ["a.png"]


@pytest.mark.parametrize("arguments", [["run", "x.onnx", "--nonsense"], ["doctor", "more"]])
def test_what_nobody_knows_is_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_a_shape_beyond_all_memory_is_told_in_words(tmp_path: Path, ask: Ask) -> None:
    model = onnx_models.identity(tmp_path, shape=(2**40, 3, 2**40, 8))
    status, answer = ask("run", str(model), "--random")
    assert status == 1
    assert answer["error"]["kind"] == "out-of-memory"


def test_a_disk_that_fails_is_an_error_and_no_traceback(
    tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("core.cli.fingerprint", fail)
    status, answer = ask("info", str(onnx_models.classifier(tmp_path)))
    assert (status, answer["error"]["kind"]) == (1, "unreadable")


def test_an_onnx_with_custom_operators_only_may_run(tmp_path: Path, ask: Ask) -> None:
    from onnx import TensorProto, helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    node = helper.make_node("Noise", ["x"], ["y"], domain="somebody")
    graph = helper.make_graph([node], "g", [x], [y])
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("somebody", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    (tmp_path / "noise.onnx").write_bytes(model.SerializeToString())
    status, answer = ask("info", str(tmp_path))
    assert status == 0
    verdict = answer["models"][0]["verdict"]
    assert (verdict["can_run"], verdict["reason"]) == (None, "custom-operators")
    assert "somebody" in verdict["message"]
    assert "--plugin" in verdict["hint"]

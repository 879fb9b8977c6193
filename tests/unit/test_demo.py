"""The bundled detector, scored on pictures that nobody has seen before."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

import core.demo
from core import Model
from core.building import BuildOptions
from core.building.capabilities import Capabilities
from core.demo import demo_model
from core.errors import Cancelled, MachineError
from core.modelfile import read_model_file
from core.paths import DEMO_MODEL, DEMO_PICTURE, RESOURCES
from core.predictions import Detection

SEED = 987_654  # none of the seeds in resources/demo/train.py
SIZES = ((256, 256), (640, 480), (480, 640))
PICTURES_A_SIZE = 20


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    """resources/demo/pictures.py, which is no part of a package."""
    spec = importlib.util.spec_from_file_location(
        "demo_pictures", RESOURCES / "demo" / "pictures.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_nine_of_ten_objects_are_found_in_fresh_pictures(
    pictures: ModuleType, tmp_path: Path
) -> None:
    rng = np.random.default_rng(SEED)
    total = found = claimed = 0
    with Model.open(DEMO_MODEL) as model:
        for number in range(PICTURES_A_SIZE * len(SIZES)):
            truth = pictures.make_picture(rng, SIZES[number % len(SIZES)])
            path = tmp_path / f"{number}.png"
            cv2.imwrite(str(path), truth.image_rgb[..., ::-1])
            boxes = [one for one in model.test(path).predictions if isinstance(one, Detection)]
            claimed += len(boxes)
            total += len(truth.class_ids)
            found += pictures.count_found(
                truth,
                np.array([one.box for one in boxes], np.float32).reshape(-1, 4),
                np.array([one.class_id for one in boxes], np.int64),
            )
    assert total > 200
    assert found / total >= 0.9
    assert found / claimed >= 0.9


def test_the_model_is_what_the_readme_says() -> None:
    file = read_model_file(DEMO_MODEL)
    assert file.size_bytes < 2_000_000
    assert file.onnx is not None
    assert file.onnx.opsets[""] <= 17
    assert file.metadata is not None
    assert file.metadata.task == "detect"
    assert len(file.metadata.names) == 6
    assert file.metadata.is_ultralytics
    with Model.open(DEMO_MODEL) as model:
        assert model.inputs[0].shape == (None, 3, 256, 256)
        assert model.outputs[0].shape == (None, 10, 1344)


def test_the_demos_picture_gives_its_eight_shapes() -> None:
    with Model.open(DEMO_MODEL) as model:
        result = model.test(DEMO_PICTURE)
    labels = sorted(one.label for one in result.predictions if isinstance(one, Detection))
    assert labels == [
        "circle",
        "cross",
        "cross",
        "ring",
        "ring",
        "square",
        "star",
        "triangle",
    ]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, own_folders: Path) -> list[BuildOptions]:
    """A machine with a GPU and TensorRT, whose builds are only noted."""
    found: list[BuildOptions] = []
    package = SimpleNamespace(version="10.3.0")
    driver = SimpleNamespace(gpus=[SimpleNamespace(name="NVIDIA A100")])
    monkeypatch.setattr(core.demo, "read_driver", lambda: driver)
    monkeypatch.setattr(core.demo, "find_package", lambda name: package)
    monkeypatch.setattr(
        core.demo, "build_engine", lambda onnx, target, options, progress: found.append(options)
    )
    return found


def quiet(_fraction: float | None, _text: str) -> None:
    pass


@pytest.mark.parametrize(
    ("missing", "by_onnx", "is_typed", "precision"),
    [
        ({}, frozenset(), False, {"fp16"}),
        ({"fp16": "not here"}, frozenset(), False, set()),
        ({}, frozenset({"fp16"}), True, set()),  # 11 with ModelOpt, which would cast for minutes
    ],
)
def test_the_demos_engine_has_fp16_where_a_flag_asks_for_it(
    built: list[BuildOptions],
    monkeypatch: pytest.MonkeyPatch,
    missing: Any,
    by_onnx: Any,
    is_typed: bool,
    precision: set[str],
) -> None:
    found = Capabilities(
        module="tensorrt",
        version="10.3.0",
        missing=missing,
        by_onnx=by_onnx,
        always_strongly_typed=is_typed,
    )
    monkeypatch.setattr(core.demo, "installed_capabilities", lambda module, progress: found)
    demo_model(quiet)
    assert built[0].precision == precision


def test_a_tensorrt_that_does_not_tell_what_it_has_gets_a_demo_without_fp16(
    built: list[BuildOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(_module: str, _progress: object) -> Capabilities:
        raise MachineError("no-answer", "tensorrt was not imported in time.", "Try again.")

    told: list[str] = []
    monkeypatch.setattr(core.demo, "installed_capabilities", late)
    demo_model(lambda _fraction, text: told.append(text))
    assert built[0].precision == frozenset()
    assert told == ["The demo is built without FP16: tensorrt was not imported in time."]


def test_the_demo_can_be_cancelled_before_it_builds(
    built: list[BuildOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(_module: str, progress: Any) -> Capabilities:
        progress(None, "Asking")
        raise AssertionError("it went on")

    def cancel(_fraction: float | None, _text: str) -> None:
        raise Cancelled

    monkeypatch.setattr(core.demo, "installed_capabilities", asked)
    with pytest.raises(Cancelled):
        demo_model(cancel)
    assert built == []

"""Engines built from the command line and in the window give what ONNX Runtime gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import Model
from core.errors import InputError
from core.paths import DEMO_MODEL
from tests.gpu.conftest import RESULTS
from tests.gpu.programs import ROOT, answer, enginebay
from tests.gpu.small_models import addition_model
from tests.gpu.wishes import (
    DYNAMIC,
    IN_WINDOW,
    TWO_PROFILES,
    WISHES,
    Wish,
    assert_same_predictions,
    differences,
)
from tests.unit.sample_files import FOLDER

Answers = Mapping[str, dict[str, Any]]
_ids = {"ids": lambda wish: wish.name}


def is_here(wish: Wish) -> bool:
    return wish.model.exists()


def need(wish: Wish) -> None:
    if not is_here(wish):
        pytest.skip(f"the samples are not here ({FOLDER})")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("built")


@pytest.fixture(scope="module")
def command_line(folder: Path, figures: dict[str, Any]) -> Answers:
    """All of them, several at a time; the answers by name."""

    def build(wish: Wish) -> dict[str, Any]:
        return answer("build", wish.model, "-o", folder / f"{wish.name}.engine", *wish.all_flags)

    wishes = [wish for wish in WISHES if is_here(wish)]
    with ThreadPoolExecutor(len(wishes)) as pool:
        answers = dict(zip([one.name for one in wishes], pool.map(build, wishes), strict=True))
    figures["builds from the command line, all at once, s"] = {
        name: found.get("seconds") for name, found in answers.items()
    }
    return answers


@pytest.fixture(scope="module")
def window(folder: Path, command_line: Answers, figures: dict[str, Any]) -> Answers:
    """Those of the window, one after another, with the timing cache of the others."""
    wishes = [wish for wish in IN_WINDOW if is_here(wish)]
    (folder / "window").mkdir()
    order = {
        "builds": [
            {
                "model": str(wish.model),
                "target": str(folder / "window" / f"{wish.name}.engine"),
                "picture": str(wish.picture),
                "choice": sorted(wish.choice),
                "batches": wish.batches,
            }
            for wish in wishes
        ],
        "shot": str(RESULTS / "window-build.png"),
    }
    (folder / "order.json").write_text(json.dumps(order), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tests.gpu.build_in_window", str(folder / "order.json")],
        cwd=ROOT,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=390,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    answers = dict(zip([one.name for one in wishes], found, strict=True))
    for key in ("seconds", "gap_ms"):
        figures[f"builds in the window, {key}"] = {name: one[key] for name, one in answers.items()}
    return answers


@pytest.mark.parametrize("wish", WISHES, **_ids)
def test_an_engine_of_the_command_line_gives_what_its_onnx_gives(
    wish: Wish, command_line: Answers, folder: Path, figures: dict[str, Any]
) -> None:
    need(wish)
    found = command_line[wish.name]
    assert "error" not in found, found
    assert found["check"]["verdict"] == "agrees", found["check"]
    assert not list(folder.glob(f"{wish.name}*.part"))
    engine = folder / f"{wish.name}.engine"
    figures[f"{wish.name}, 99 of 100 values apart by"] = differences(engine, wish)
    figures[f"{wish.name}, layers by precision"] = {
        one["name"]: one["layers"] for one in found["precision"]["shares"]
    }
    assert_same_predictions(seen_in(engine, wish), seen_in(wish.model, wish), wish)


@pytest.mark.parametrize("wish", IN_WINDOW, **_ids)
def test_an_engine_of_the_window_opens_and_sees_what_its_onnx_sees(
    wish: Wish, window: Answers, folder: Path
) -> None:
    need(wish)
    found = window[wish.name]
    assert found["state"] == "done", found
    assert found["opened"] == str(folder / "window" / f"{wish.name}.engine")
    assert any("gives what its ONNX gives" in line for line in found["lines"]), found["lines"]
    differences(folder / "window" / f"{wish.name}.engine", wish)
    assert_same_predictions(found["predictions"], seen_in(wish.model, wish), wish)


def seen_in(model: Path, wish: Wish) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer("run", model, wish.picture)["images"][0]["predictions"]
    return found


def test_min_opt_and_max_are_in_the_engine(command_line: Answers, folder: Path) -> None:
    for wish in (DYNAMIC, TWO_PROFILES):
        assert "error" not in command_line[wish.name], command_line[wish.name]
        card = answer("info", folder / f"{wish.name}.engine")
        (images,) = [one for one in card["tensors"] if one["name"] == "images"]
        wanted = [
            {
                which: [batch, 3, 256, 256]
                for which, batch in zip(("min", "opt", "max"), batches, strict=True)
            }
            for batches in wish.batches
        ]
        assert images["profiles"] == wanted


@pytest.mark.parametrize("wish", [DYNAMIC, TWO_PROFILES], **_ids)
def test_a_batch_of_1_7_and_16_runs_and_17_is_refused(
    wish: Wish, command_line: Answers, folder: Path
) -> None:
    assert "error" not in command_line[wish.name], command_line[wish.name]
    engine = folder / f"{wish.name}.engine"
    with Model.open(engine, trial=False) as model, Model.open(DEMO_MODEL) as onnx:
        for batch in (1, 7, 16):
            images = np.random.default_rng(batch).random((batch, 3, 256, 256), np.float32)
            got, want = model(images)["output0"], onnx(images)["output0"]
            assert got.shape == want.shape == (batch, 10, 1344)
            assert np.abs(got[:, 4:] - want[:, 4:]).max() < 0.05
        with pytest.raises(InputError) as caught:
            model(np.zeros((17, 3, 256, 256), np.float32))
    for lowest, _opt, most in wish.batches:
        assert f"{lowest} x 3 x 256 x 256 to {most} x 3 x 256 x 256" in str(caught.value)


def test_fp16_is_told_by_layers_and_weights(command_line: Answers) -> None:
    found = command_line["demo-fp16"]
    shares = {one["name"]: one for one in found["precision"]["shares"]}
    assert shares["FP16"]["layer_share"] > 0.5
    assert any("FP16" in line and "%" in line for line in found["truth"]["sentences"])
    assert not [line for line in found["warnings"] if "FP16" in line]


def test_a_wish_for_fp16_that_came_to_nothing_is_said(folder: Path) -> None:
    onnx = addition_model(folder / "addition.onnx")
    found = answer("build", onnx, "-o", folder / "addition.engine", "--fp16")
    assert "error" not in found, found
    assert [one["name"] for one in found["precision"]["shares"]] == ["FP32"], found["precision"]
    (warning,) = [line for line in found["warnings"] if "FP16" in line]
    assert "no layer is in it: the engine runs in FP32" in warning


def test_the_side_car_tells_how_it_was_built(command_line: Answers, folder: Path) -> None:
    found = command_line["demo-fp16"]
    record = json.loads(Path(found["sidecar"]).read_text(encoding="utf-8"))
    assert record["options"]["precision"] == ["fp16"]
    assert record["versions"]["tensorrt"].startswith("8.6")
    card = answer("info", folder / "demo-fp16.engine")
    assert card["metadata"]["task"] == "detect"


def test_the_printed_python_builds_the_same(command_line: Answers, folder: Path) -> None:
    target = folder / "by-script.engine"
    arguments = ("build", DEMO_MODEL, "-o", target, *DYNAMIC.all_flags, "--print-command", "python")
    script = folder / "script.py"
    script.write_text(enginebay(*arguments).stdout, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    differences(target, DYNAMIC)
    card = answer("info", target)
    (images,) = [one for one in card["tensors"] if one["name"] == "images"]
    assert [one["max"][0] for one in images["profiles"]] == [16]

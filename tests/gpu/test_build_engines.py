"""Engines built from the command line and in the window give what ONNX Runtime gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import pytest

from core import Model
from core.errors import InputError
from core.machine.driver import as_cuda_sees, read_driver
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
    assert_same,
    assert_same_predictions,
)
from tests.unit.sample_files import FOLDER

Answer = dict[str, Any]
_ids = {"ids": lambda wish: wish.name}
pytestmark = pytest.mark.timeout(580)  # the first test waits for all builds


AT_ONCE = 3
"""Builds beside each other on a GPU. One takes 25 to 100 s with TensorRT 8.6, mostly of one core;
but all time kernels on it, and of 19 at once hardly any came to its end in 300 s."""


def gpus() -> list[str]:
    """Those that there are, as CUDA_VISIBLE_DEVICES names them."""
    seen, _is_sure = as_cuda_sees(read_driver(), os.environ)
    return [gpu.uuid or str(index) for index, gpu in enumerate(seen.gpus)]


class Builds:
    """All of them, in processes of their own: windows last, for whom others measured kernels.

    What came out is kept beside the engines: with ENGINEBAY_GPU_WORKSHOP set, another run of the
    suite goes on where one was ended.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "window").mkdir(parents=True, exist_ok=True)
        self._gpus: Queue[str] = Queue()
        for gpu in gpus() * AT_ONCE:
            self._gpus.put(gpu)
        here = [wish for wish in WISHES if wish.model.exists()]
        work: dict[str, Callable[[str], Answer]] = {}
        for wish in sorted(here, key=lambda wish: -wish.level):  # those that take long first
            work[wish.name] = partial(self._command_line, wish)
        work["addition"] = self._addition
        work["by-script"] = self._script
        for wish in here:
            if wish in IN_WINDOW:
                work[f"window/{wish.name}"] = partial(in_window, wish, folder / "window")
        with ThreadPoolExecutor(self._gpus.qsize()) as pool:
            self._found: Mapping[str, Future[Answer]] = {
                name: pool.submit(self._kept, name, one) for name, one in work.items()
            }

    def _kept(self, name: str, one: Callable[[str], Answer]) -> Answer:
        """What came of it, now or in an earlier run."""
        path = self.folder / f"{name}.answer.json"
        if path.exists():
            return dict(json.loads(path.read_text(encoding="utf-8")))
        gpu = self._gpus.get()
        try:
            found = one(gpu)
        finally:
            self._gpus.put(gpu)
        if _is_well(found):
            path.write_text(json.dumps(found), encoding="utf-8")
        return found

    def __getitem__(self, name: str) -> Answer:
        """What came of one; raises what it raised, and skips where the samples are absent."""
        if name not in self._found:
            pytest.skip(f"the samples are not here ({FOLDER})")
        return self._found[name].result()

    def engine(self, name: str) -> Path:
        return self.folder / f"{name}.engine"

    def seconds(self) -> dict[str, float]:
        """How long those took that came to an end."""
        return {
            name: one.result()["seconds"]
            for name, one in self._found.items()
            if one.exception() is None and "seconds" in one.result()
        }

    def _command_line(self, wish: Wish, gpu: str) -> Answer:
        return built(wish.model, self.engine(wish.name), gpu, *wish.all_flags)

    def _addition(self, gpu: str) -> Answer:
        onnx = addition_model(self.folder / "addition.onnx")
        return built(onnx, self.engine("addition"), gpu, "--fp16")

    def _script(self, gpu: str) -> Answer:
        """Run the Python that --print-command gives; the classes' names go into the engine."""
        target = self.engine("by-script")
        flags = [*DYNAMIC.all_flags, "--embed-metadata", "--print-command", "python"]
        printed = enginebay("build", DEMO_MODEL, "-o", target, *flags)
        script = self.folder / "script.py"
        script.write_text(printed.stdout, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(script)],
            env=os.environ | {"CUDA_VISIBLE_DEVICES": gpu},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return {"status": done.returncode, "output": done.stdout + done.stderr}


def built(onnx: Path, target: Path, gpu: str, *flags: str) -> Answer:
    """Build one from the command line; what a run that was ended left there is replaced."""
    return answer("build", onnx, "-o", target, "--force", *flags, CUDA_VISIBLE_DEVICES=gpu)


def _is_well(found: Answer) -> bool:
    """Whether a build came to its end, so that the next run need not try it again."""
    is_done = found.get("state", "done") == "done" and not found.get("status")
    return is_done and "error" not in found


def in_window(wish: Wish, folder: Path, gpu: str, shot: Path | None = None) -> Answer:
    """Build one in a window of its own."""
    order = {
        "model": str(wish.model),
        "target": str(folder / f"{wish.name}.engine"),
        "picture": str(wish.picture),
        "choice": sorted(wish.choice),
        "batches": wish.batches,
        "level": wish.level,
        "shot": str(shot or folder / f"{wish.name}.png"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.gpu.build_in_window", json.dumps(order)],
        cwd=ROOT,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen", "CUDA_VISIBLE_DEVICES": gpu},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: Answer = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def builds(workshop: Path, figures: dict[str, Any]) -> Builds:
    found = Builds(workshop / "built")
    figures[f"builds, {AT_ONCE} at once on a GPU, s"] = found.seconds()
    return found


@pytest.mark.parametrize("wish", WISHES, **_ids)
def test_an_engine_of_the_command_line_gives_what_its_onnx_gives(
    wish: Wish, builds: Builds, figures: dict[str, Any]
) -> None:
    found = builds[wish.name]
    assert "error" not in found, found
    assert found["check"]["verdict"] == "agrees", found["check"]
    assert not list(builds.folder.glob(f"{wish.name}*.part"))
    figures[f"{wish.name}, layers by precision"] = {
        one["name"]: one["layers"] for one in found["precision"]["shares"]
    }
    figures[f"{wish.name}, 99 of 100 values apart by"] = assert_same(builds.engine(wish.name), wish)


@pytest.mark.parametrize("wish", IN_WINDOW, **_ids)
def test_an_engine_of_the_window_opens_and_sees_what_its_onnx_sees(
    wish: Wish, builds: Builds
) -> None:
    found = builds[f"window/{wish.name}"]
    assert found["state"] == "done", found
    engine = builds.engine(f"window/{wish.name}")
    assert found["opened"] == str(engine)
    assert any("gives what its ONNX gives" in line for line in found["lines"]), found["lines"]
    assert_same_predictions(found["predictions"], wish)
    assert_same(engine, wish)


def test_a_window_that_builds_alone(
    builds: Builds, tmp_path: Path, figures: dict[str, Any]
) -> None:
    found = in_window(DYNAMIC, tmp_path, gpus()[0], RESULTS / "window-build.png")
    assert found["state"] == "done", found
    figures["a window while it builds"] = {key: found[key] for key in ("gap_ms", "seconds")}
    assert_same(tmp_path / f"{DYNAMIC.name}.engine", DYNAMIC)


@pytest.mark.parametrize("wish", [DYNAMIC, TWO_PROFILES], **_ids)
def test_min_opt_and_max_are_in_the_engine(wish: Wish, builds: Builds) -> None:
    assert "error" not in builds[wish.name]
    assert profiles_in(builds.engine(wish.name)) == [
        {
            which: [batch, 3, 256, 256]
            for which, batch in zip(("min", "opt", "max"), batches, strict=True)
        }
        for batches in wish.batches
    ]


def profiles_in(engine: Path) -> Any:
    tensors = answer("info", engine)["tensors"]
    (images,) = [one for one in tensors if one["name"] == "images"]
    return images["profiles"]


@pytest.mark.parametrize("wish", [DYNAMIC, TWO_PROFILES], **_ids)
def test_a_batch_of_1_7_and_16_runs_and_17_is_refused(wish: Wish, builds: Builds) -> None:
    assert "error" not in builds[wish.name]
    with Model.open(builds.engine(wish.name), trial=False) as model, Model.open(DEMO_MODEL) as onnx:
        for batch in (1, 7, 16):
            images = np.random.default_rng(batch).random((batch, 3, 256, 256), np.float32)
            got, want = model(images)["output0"], onnx(images)["output0"]
            assert got.shape == want.shape == (batch, 10, 1344)
            assert np.abs(got[:, 4:] - want[:, 4:]).max() < 0.05
        with pytest.raises(InputError) as caught:
            model(np.zeros((17, 3, 256, 256), np.float32))
    told = f"{caught.value.message} {caught.value.hint}"
    for lowest, _opt, most in wish.batches:
        assert f"{lowest} x 3 x 256 x 256 to {most} x 3 x 256 x 256" in told


@pytest.mark.parametrize("name", ["demo-fp16", "demo-dynamic", "yolox-fp16", "ultraface-fp16"])
def test_the_precision_of_every_layer_is_told(name: str, builds: Builds) -> None:
    found = builds[name]
    shares = {one["name"]: one["layer_share"] for one in found["precision"]["shares"]}
    assert "?" not in shares
    assert sum(shares.values()) == pytest.approx(1)
    (asked,) = [line for line in found["truth"]["sentences"] if "You asked for FP16" in line]
    assert "% of the layers" in asked
    is_warned = any("no layer is in it" in line for line in found["warnings"])
    assert is_warned is ("FP16" not in shares)


def test_a_wish_for_fp16_that_came_to_nothing_is_said(builds: Builds) -> None:
    found = builds["addition"]
    assert "error" not in found, found
    assert [one["name"] for one in found["precision"]["shares"]] == ["FP32"], found["precision"]
    (warning,) = [line for line in found["warnings"] if "FP16" in line]
    assert "no layer is in it: the engine runs in FP32" in warning


def test_the_side_car_tells_how_it_was_built(builds: Builds) -> None:
    found = builds["demo-fp16"]
    record = json.loads(Path(found["sidecar"]).read_text(encoding="utf-8"))
    assert record["options"]["precision"] == ["fp16"]
    assert record["versions"]["tensorrt"].startswith("8.6")
    card = answer("info", builds.engine("demo-fp16"))
    assert card["metadata"]["task"] == "detect"


def test_the_printed_python_builds_the_same(builds: Builds) -> None:
    found = builds["by-script"]
    assert found["status"] == 0, found["output"]
    assert_same(builds.engine("by-script"), DYNAMIC)
    assert [one["max"][0] for one in profiles_in(builds.engine("by-script"))] == [16]

"""Engines that the suite wants built, and ONNX Runtime's word on what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from core import Model
from core.building.tolerances import TOLERANCES
from core.paths import DEMO_MODEL, DEMO_PICTURE
from core.results import TestResult as Outcome
from tests.unit.sample_files import FOLDER

SHAPE = "3x256x256"  # a picture of the demo's


@dataclass(frozen=True, slots=True)
class Wish:
    """One build.

    Attributes:
        name: of the engine, without suffix.
        model: the ONNX.
        picture: that it is tried on.
        precision: as TOLERANCES names it: what the outputs must keep.
        choice: what is chosen in the Build window.
        flags: the same on the command line, but for the shapes.
        batches: (min, opt, max) of each optimization profile.
        level: of optimization. Few kernels are tried at 1, none at 0, which takes half the time.
    """

    name: str
    model: Path
    picture: Path
    precision: str
    choice: frozenset[str] = frozenset()
    flags: tuple[str, ...] = ()
    batches: tuple[tuple[int, int, int], ...] = ()
    level: int = 1

    @property
    def all_flags(self) -> list[str]:
        """For the command line, as the guide has them."""
        found = [*self.flags, f"--builderOptimizationLevel={self.level}"]
        for number, batches in enumerate(self.batches):
            if len(self.batches) > 1:
                found.append(f"--profile={number}")
            for which, batch in zip(("min", "opt", "max"), batches, strict=True):
                found.append(f"--{which}Shapes=images:{batch}x{SHAPE}")
        return found


def _demo(name: str, precision: str, *flags: str, batches: Any = ((1, 1, 4),)) -> Wish:
    choice = {"FP32": {"fp32"}, "FP16": {"fp16"}, "INT8": {"int8"}}[precision]
    level = 0 if precision == "FP32" else 1
    return Wish(name, DEMO_MODEL, DEMO_PICTURE, precision, frozenset(choice), flags, batches, level)


def _sample(name: str, model: str, picture: str, *flags: str) -> Wish:
    precision, choice = ("FP16", {"fp16"}) if "--fp16" in flags else ("TF32", set())
    pictures = FOLDER / "images"
    return Wish(
        name,
        FOLDER / "models" / model,
        pictures / picture if picture else DEMO_PICTURE,
        precision,
        frozenset(choice),
        flags,
        level=1 if choice else 0,
    )


DYNAMIC = _demo("demo-dynamic", "FP16", "--fp16", batches=((1, 4, 16),))
TWO_PROFILES = _demo("demo-two", "FP16", "--fp16", batches=((1, 1, 1), (2, 8, 16)))
IN_WINDOW: tuple[Wish, ...] = (
    _demo("demo-fp32", "FP32", "--noTF32"),
    _demo("demo-fp16", "FP16", "--fp16"),
    DYNAMIC,
    _sample("yolox", "yolox_nano_coco80_416.onnx", "trtcn_dog.png"),
    _sample("ultraface", "ultraface_RFB-320.onnx", "linzaer_faces_2.jpg"),
    _sample("mnist", "mnist_cntk.onnx", "digit_8_trtcn.png"),
)
"""Built from the command line and in the window."""

WISHES: tuple[Wish, ...] = (
    *IN_WINDOW,
    TWO_PROFILES,
    _sample("yolox-fp16", "yolox_nano_coco80_416.onnx", "trtcn_dog.png", "--fp16"),
    _sample("ultraface-fp16", "ultraface_RFB-320.onnx", "linzaer_faces_2.jpg", "--fp16"),
    _demo("demo-int8", "INT8", "--int8", "--fp16", f"--calibration={DEMO_MODEL.parent}"),
    _sample(
        "mnist-many",
        "mnist_cntk.onnx",
        "digit_8_trtcn.png",
        "--hardwareCompatibilityLevel=ampere+",
        "--refit",
        "--sparsity=enable",
        "--memPoolSize=workspace:64",
    ),
)
"""Built from the command line."""


@cache
def reference(wish: Wish) -> Outcome:
    """What the ONNX gives on ONNX Runtime."""
    with Model.open(wish.model) as model:
        return model.test(wish.picture)


def assert_same(engine: Path, wish: Wish) -> dict[str, float]:
    """Assert that an engine gives what ONNX Runtime gives on the same input, and sees the same.

    Gives how far 99 of 100 values of each output are apart at most, by its largest value.
    """
    wanted = reference(wish)
    with Model.open(engine, trial=False) as model:
        got = model.test(wish.picture)
    assert set(wanted.outputs) == set(got.outputs)
    (tolerance,) = [one for one in TOLERANCES if one.precision == wish.precision]
    found = {}
    for name, want in wanted.outputs.items():
        assert got.outputs[name].shape == want.shape
        difference = np.abs(got.outputs[name].astype(np.float64) - want)
        apart = difference / max(float(np.abs(want).max()), 1e-6)
        found[name] = round(float(np.percentile(apart, 99)), 6)
        assert apart.mean() <= tolerance.mean, (name, found)
        assert tolerance.most is None or found[name] <= tolerance.most, (name, found)
    assert_same_predictions(got.as_json()["predictions"], wish)
    return found


def assert_same_predictions(found: Sequence[dict[str, Any]], wish: Wish) -> None:
    """Compare what --json lists of a picture; who is near the threshold may be missing."""
    wanted = reference(wish).as_json()["predictions"]
    (tolerance,) = [one for one in TOLERANCES if one.precision == wish.precision]
    assert wanted
    if "box" not in wanted[0]:
        assert found[0]["label"] == wanted[0]["label"]
        assert abs(found[0]["score"] - wanted[0]["score"]) <= tolerance.score
        return
    lowest = min(one["score"] for one in wanted)
    sure = [one for one in wanted if one["score"] > lowest + tolerance.score] or wanted[:1]
    assert abs(len(found) - len(wanted)) <= len(wanted) - len(sure)
    for want in sure:
        near = min(found, key=lambda one: _apart(one["box"], want["box"]))
        assert _apart(near["box"], want["box"]) <= tolerance.pixels, want
        assert near["label"] == want["label"]
        assert abs(near["score"] - want["score"]) <= tolerance.score


def _apart(box: Sequence[float], other: Sequence[float]) -> float:
    return max(abs(a - b) for a, b in zip(box, other, strict=True))

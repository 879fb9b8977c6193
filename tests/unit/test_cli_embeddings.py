"""`enginebay run` on pictures that a model embeds: how alike each is to those before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from core.cli import main
from tests.unit import onnx_models


def picture(path: Path, color_rgb: tuple[int, int, int]) -> str:
    pixels = np.full((8, 8, 3), color_rgb[::-1], np.uint8)
    assert cv2.imwrite(str(path), pixels)
    return str(path)


def ask(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    capfd.readouterr()
    main(["run", *map(str, arguments), "--json"])
    answer = json.loads(capfd.readouterr().out)
    assert isinstance(answer, dict)
    return answer


def test_each_picture_says_its_cosine_to_those_before_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Red is (1, -1, -1) / 2, yellow (1, 1, -1) / 2, cyan the opposite of red."""
    model = onnx_models.embedder(tmp_path)
    red = picture(tmp_path / "red.png", (255, 0, 0))
    yellow = picture(tmp_path / "yellow.png", (255, 255, 0))
    cyan = picture(tmp_path / "cyan.png", (0, 255, 255))
    missing = str(tmp_path / "missing.png")
    answer = ask(capfd, model, red, missing, yellow, cyan)
    first, failed, second, third = answer["images"]
    assert first["task"] == "embed"
    assert first["similarities"] == []
    assert "error" in failed
    assert "similarities" not in failed
    assert second["similarities"] == [{"path": red, "cosine": pytest.approx(1 / 3)}]
    assert third["similarities"] == [
        {"path": yellow, "cosine": pytest.approx(-1 / 3)},
        {"path": red, "cosine": pytest.approx(-1)},
    ]


def test_the_text_says_it_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = onnx_models.embedder(tmp_path)
    red = picture(tmp_path / "red.png", (255, 0, 0))
    yellow = picture(tmp_path / "yellow.png", (255, 255, 0))
    assert main(["run", str(model), red, yellow]) == 0
    one, other = capfd.readouterr().out.split("\n\n")[1:]
    assert "  embedding  24 numbers, norm 2.449" in one  # half the root of 24
    assert "cosine" not in one
    assert f"  cosine +0.3333 to {red}" in other.splitlines()


def test_other_tasks_say_nothing_of_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    red = picture(tmp_path / "red.png", (255, 0, 0))
    answer = ask(capfd, onnx_models.classifier(tmp_path), red, red)
    assert [("similarities" in entry) for entry in answer["images"]] == [False, False]


@pytest.mark.parametrize(
    ("value", "said", "why"),
    [
        (0.0, "  embedding  32 numbers, every one of them 0", "every number of {} vector is 0"),
        (
            float("nan"),
            "  no embedding: not every number of the vector is finite",
            "not every number of {} vector is finite",
        ),
    ],
)
def test_what_has_no_direction_is_said_and_no_number(
    value: float, said: str, why: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    values = np.ones((1, 32), np.float32) * (0.0 if value == 0 else 1.0)
    values[0, 0] = value
    model = onnx_models.constant_output(tmp_path, {"embedding": values})
    red = picture(tmp_path / "red.png", (255, 0, 0))
    blue = picture(tmp_path / "blue.png", (0, 0, 255))
    _, second = ask(capfd, model, red, blue)["images"]
    assert second["similarities"] == [{"path": red, "cosine": None, "why": why.format("its")}]
    assert main(["run", str(model), red, blue]) == 0
    text = capfd.readouterr().out
    assert text.count(said) == 2
    this = why.format("this picture's")
    assert text.count(f"  no cosine: {this}") == 1

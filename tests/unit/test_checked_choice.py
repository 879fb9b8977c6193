"""What inputs get, in words."""

from __future__ import annotations

from pathlib import Path

from core import Model
from core.chosen_inputs import input_words
from core.input_choices import Fill
from core.input_plan import plan_inputs
from tests.unit import onnx_models
from tests.unit.onnx_models import Value


def words(path: Path, fills: dict[str, Fill], pictures: int) -> dict[str, str]:
    with Model.open(path) as model:
        plan = plan_inputs(model.session, model.recipe, fills, {}, None, pictures)
        return input_words(model.session, plan, fills)


PAIR: tuple[Value, ...] = (
    ("left", "float32", (1, 3, 8, 16)),
    ("right", "float32", (1, 3, 8, 16)),
    ("orig_target_sizes", "int64", ("n", 2)),
    ("prompt", "string", (1,)),
    ("factor", "float32", ("n", 2)),
)


def test_what_nobody_chose_is_called_assumed(tmp_path: Path) -> None:
    assert words(onnx_models.echo(tmp_path, PAIR), {}, 1) == {
        "left": "the picture",
        "right": "assumed: the same picture as 'left'",
        "orig_target_sizes": "assumed: width and height of the network's picture (16, 8)",
        "prompt": "assumed: empty text",
        "factor": "assumed: ones",
    }


def test_what_was_chosen_is_told_as_it_was(tmp_path: Path) -> None:
    fills = {
        "left": Fill("image", path=tmp_path / "a.png"),
        "right": Fill("random", seed=7),
        "orig_target_sizes": Fill("zeros"),
        "prompt": Fill("values", ("up\ndown",)),
        "factor": Fill("values", ("1", "2")),
    }
    told = words(onnx_models.echo(tmp_path, PAIR), fills, 0)
    assert told["prompt"].startswith("values up")
    assert "\n" not in told.pop("prompt")
    assert told == {
        "left": "image a.png",
        "right": "random, seed 7",
        "orig_target_sizes": "zeros",
        "factor": "values 1,2",
    }

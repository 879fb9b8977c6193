"""The plan of a model's runs: kept from one picture to the next, and made anew when it must be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import core.chosen_inputs
from core.chosen_inputs import KeptPlan
from core.input_choices import Fill, parse_fill
from core.input_plan import InputPlan, plan_inputs
from core.model import Model
from tests.unit import onnx_models


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[InputPlan]:
    plans: list[InputPlan] = []

    def watched(*arguments: object) -> InputPlan:
        plans.append(plan_inputs(*arguments))  # type: ignore[arg-type]
        return plans[-1]

    monkeypatch.setattr(core.chosen_inputs, "plan_inputs", watched)
    return plans


def test_a_plan_is_kept_while_recipe_shapes_profile_and_pictures_are_the_same(
    tmp_path: Path, made: list[InputPlan]
) -> None:
    path = onnx_models.echo(tmp_path, [("image", "float32", (None, 3, None, None))])
    with Model.open(path) as model:
        kept, recipe = KeptPlan(model.session), model.recipe
        assert recipe is not None
        recipe = replace(recipe, size_wh=(8, 8))
        first = kept.plan(recipe, {}, {}, None, 1)
        assert kept.plan(replace(recipe), {}, {}, None, 1) is first
        assert len(made) == 1
        wider = kept.plan(replace(recipe, size_wh=(16, 8)), {}, {}, None, 1)
        two = kept.plan(recipe, {}, {}, None, 2)
        larger = kept.plan(recipe, {}, {"image": (None, 3, 32, 32)}, None, 1)
    assert first.shapes == {"image": (1, 3, 8, 8)}
    assert wider.shapes == {"image": (1, 3, 8, 16)}
    assert two.shapes == {"image": (2, 3, 8, 8)}
    assert larger.shapes == {"image": (1, 3, 32, 32)}


def test_what_is_in_a_file_is_looked_at_for_each_run(tmp_path: Path) -> None:
    path = onnx_models.echo(tmp_path, [("x", "float32", (None,))])
    numbers = tmp_path / "x.npy"
    fill: Fill = parse_fill(str(numbers))
    with Model.open(path) as model:
        kept = KeptPlan(model.session)
        for size in (2, 5):
            np.save(numbers, np.zeros(size, np.float32))
            assert kept.plan(None, {"x": fill}, {}, None, 0).shapes == {"x": (size,)}

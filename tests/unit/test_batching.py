"""How many pictures go into a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from core.batching import (
    CPU_BATCH,
    ENGINE_BATCH,
    ONE_BY_ONE,
    BatchPlan,
    is_alike,
    plan_batches,
)
from core.recipes import Recipe
from core.sessions import Session
from core.sessions.base import Arrays, Timing
from core.tensors import Profile, Shape, TensorSpec


class FakeSession(Session):
    """A model of given shapes, which is never run."""

    def __init__(
        self, shape: Shape, outputs: Sequence[Shape], batches: Sequence[tuple[int, int]] = ()
    ) -> None:
        super().__init__()
        profiles = tuple(
            Profile(min=(low, 3, 8, 8), opt=(low, 3, 8, 8), max=(high, 3, 8, 8))
            for low, high in batches
        )
        self.inputs = (
            TensorSpec(
                name="images", mode="input", dtype="float32", shape=shape, profiles=profiles
            ),
        )
        self.outputs = tuple(
            TensorSpec(name=f"output{number}", mode="output", dtype="float32", shape=output)
            for number, output in enumerate(outputs)
        )

    def _execute(self, inputs: Arrays) -> tuple[Arrays, Timing]:
        raise NotImplementedError

    def close(self) -> None:
        pass


RECIPE = Recipe(input="images", layout="NCHW", size_wh=(8, 8))


def test_a_free_batch_is_a_few_on_the_cpu_or_what_is_wanted() -> None:
    session = FakeSession((None, 3, 8, 8), [(None, 5)])
    assert plan_batches(session, RECIPE).size == CPU_BATCH
    plan = plan_batches(session, RECIPE, 7)
    assert (plan.size, plan.is_certain) == (7, False)
    assert [plan.dimension(count) for count in (1, 5, 7)] == [1, 5, 7]


def test_an_engines_free_batch_keeps_within_its_profile() -> None:
    session = FakeSession((None, 3, 8, 8), [(None, 5)], [(2, 4)])
    assert plan_batches(session, RECIPE).size == 4
    assert plan_batches(session, RECIPE, 100).size == 4
    plan = plan_batches(session, RECIPE, 3)
    assert plan.size == 3
    assert [plan.dimension(count) for count in (1, 2, 3)] == [2, 2, 3]


def test_an_engine_with_room_takes_the_default() -> None:
    session = FakeSession((None, 3, 8, 8), [(None, 5)], [(1, 64)])
    assert plan_batches(session, RECIPE).size == ENGINE_BATCH


def test_several_profiles_are_used_as_one_and_only_those_of_the_size() -> None:
    session = FakeSession((None, 3, 8, 8), [(None, 5)], [(1, 1), (4, 8)])
    plan = plan_batches(session, RECIPE, 16)
    assert plan.size == 8
    assert [plan.dimension(count) for count in (1, 2, 8)] == [1, 4, 8]
    other = Recipe(input="images", layout="NCHW", size_wh=(16, 16))
    assert plan_batches(session, other, 16).ranges[0][0] == 1  # the session will refuse it


def test_a_fixed_batch_is_taken_whole_whatever_is_wanted() -> None:
    session = FakeSession((4, 3, 8, 8), [(4, 5)])
    for wanted in (None, 2, 9):
        plan = plan_batches(session, RECIPE, wanted)
        assert (plan.size, plan.is_certain) == (4, True)
        assert [plan.dimension(count) for count in (1, 4)] == [4, 4]


@pytest.mark.parametrize(
    ("shape", "outputs"),
    [
        ((None, 3, 8, 8), [(None, 5), (100, 4)]),  # a free batch, and an output that has none
        ((4, 3, 8, 8), [(4, 5), (None, 7)]),  # boxes found
        ((4, 3, 8, 8), [()]),
    ],
)
def test_outputs_without_a_row_for_each_picture_take_one_at_a_time(
    shape: Shape, outputs: list[Shape]
) -> None:
    assert plan_batches(FakeSession(shape, outputs), RECIPE, 4) == ONE_BY_ONE


def test_an_input_without_a_batch_takes_one_at_a_time() -> None:
    recipe = Recipe(input="images", layout="CHW", size_wh=(8, 8))
    assert plan_batches(FakeSession((3, 8, 8), [(3, 8, 8)]), recipe, 4) == ONE_BY_ONE


def test_a_row_must_have_the_form_of_a_run_alone() -> None:
    row = {"a": np.zeros((1, 7))}
    assert is_alike(row, {"a": np.zeros((1, 7))}, 1)
    assert is_alike(row, {"a": np.zeros((2, 7))}, 2)
    assert not is_alike(row, {"a": np.zeros((3, 7))}, 1)
    assert not is_alike(row, {"a": np.zeros((1, 8))}, 1)


def test_a_plan_of_one_needs_one() -> None:
    assert BatchPlan(1).dimension(1) == 1

"""What the inference thread is asked about a model's inputs, and how it answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from core.input_choices import Fill
    from core.model import Model
    from core.recipes import Recipe
    from core.tensors import Shape, TensorSpec


class InputChoice(NamedTuple):
    """What the user chose for a model's inputs; what is not in it is assumed."""

    fills: Mapping[str, Fill]
    shapes: Mapping[str, Shape]  # None for what stays free
    profile: int | None  # None: the first that fits


def all_assumed() -> InputChoice:
    """Nothing is chosen."""
    return InputChoice({}, {}, None)


class SetInputs(NamedTuple):
    """Have the model with this serial use a choice."""

    choice: InputChoice
    serial: int
    file: Path | None = None  # is to fill the inputs that it fits
    recipe: Recipe | None = None  # is to be used; None: the model's own


class InputsSet(NamedTuple):
    """The answer to SetInputs: what the next run gets, and gives."""

    choice: InputChoice
    tensors: tuple[TensorSpec, ...]  # in the shapes of the run; None for what only it can tell
    words: Mapping[str, str]  # of what fills each input
    profile: int  # that the run uses
    awaits_picture: bool
    symbols: Mapping[str, tuple[str | None, ...]]  # see core.sessions.Session
    recipe: Recipe | None  # a pinned profile moves its size
    serial: int


def set_inputs(model: Model, request: SetInputs) -> InputsSet:
    """Have a model use a choice. Runs on the inference thread.

    Raises:
        EnginebayError: for what does not fit; the model then is as it was.
    """
    from core.chosen_inputs import input_words, resolved_tensors
    from core.input_choices import Fill
    from core.input_files import inputs_that_take
    from core.input_plan import plan_inputs

    session, choice = model.session, request.choice
    before = model.recipe, model.fills, model.shapes, session.pinned_profile
    try:
        if request.file is not None:
            names = inputs_that_take(request.file, model.inputs)
            fills = {**choice.fills, **{name: Fill("file", path=request.file) for name in names}}
            shapes = {name: one for name, one in choice.shapes.items() if name not in names}
            choice = choice._replace(fills=fills, shapes=shapes)
        if request.recipe is not None:
            model.use(request.recipe)
        model.choose_inputs(*choice)
        awaits = model.awaits_picture
        pinned = session.pinned_profile
        plan = plan_inputs(
            session, model.recipe, model.fills, model.shapes, pinned, pictures=int(awaits)
        )
        return InputsSet(
            choice,
            resolved_tensors(session, plan, model.fills),
            input_words(session, plan, model.fills),
            plan.profile,
            awaits,
            dict(session.symbols),
            model.recipe,
            request.serial,
        )
    except BaseException:
        model.recipe, model.fills, model.shapes = before[:3]
        session.pin_profile(before[3])
        raise

"""What the user chose for a model's inputs: checked before it is used, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping

from core.input_choices import Fill, assume
from core.input_plan import InputPlan, awaits_picture, plan_inputs, shape_tensor_values
from core.input_shapes import with_shape
from core.recipe_shapes import recipe_in_profile
from core.recipes import Recipe
from core.sessions import Session
from core.tensors import Shape, TensorSpec
from core.text import one_line


def checked_choice(
    session: Session,
    recipe: Recipe | None,
    fills: Mapping[str, Fill],
    shapes: Mapping[str, Shape],
    profile: int | None,
) -> Recipe | None:
    """Pin the profile and see that everything fits; gives the recipe in that profile's size.

    Args:
        session: the model, whose profile is pinned.
        recipe: how its image input takes a picture; None where it takes none.
        fills: what fills an input, by name.
        shapes: the shapes of inputs with free dimensions, by name; None for what stays free.
        profile: the optimization profile that every run uses; None: the first that fits.

    Raises:
        InputError: for what does not fit; the profile then is the one before.
    """
    pinned = session.pinned_profile
    session.pin_profile(profile)
    try:
        if recipe is not None and profile not in (None, pinned):
            recipe = recipe_in_profile(recipe, image_spec(session, recipe), profile or 0)
        if fills or shapes or profile is not None:
            pictures = int(recipe is not None and awaits_picture(session.inputs, fills))
            plan_inputs(session, recipe, fills, shapes, profile, pictures)
    except BaseException:
        session.pin_profile(pinned)
        raise
    return recipe


class KeptPlan:
    """Plans a model's runs, and keeps the last plan while nothing that it comes from changes."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._made: tuple[tuple[object, ...], InputPlan] | None = None

    def plan(
        self,
        recipe: Recipe | None,
        fills: Mapping[str, Fill],
        wanted: Mapping[str, Shape],
        pinned: int | None,
        pictures: int,
    ) -> InputPlan:
        """As core.input_plan.plan_inputs, which tells arguments and errors."""
        if fills:  # their files may be others by now
            return plan_inputs(self._session, recipe, fills, wanted, pinned, pictures)
        key = (recipe, dict(wanted), pinned, pictures)
        if self._made is None or self._made[0] != key:
            plan = plan_inputs(self._session, recipe, fills, wanted, pinned, pictures)
            self._made = (key, plan)
        return self._made[1]


def resolved_tensors(
    session: Session, plan: InputPlan, fills: Mapping[str, Fill]
) -> tuple[TensorSpec, ...]:
    """Inputs and outputs in the shapes of a run; None for what only the run can tell.

    Raises:
        EnginebayError: as the run would, for what shows before it.
    """
    values = shape_tensor_values(session, plan, fills)
    outputs = session.output_shapes(plan.shapes, values)
    return (
        *(with_shape(spec, plan.shapes[spec.name]) for spec in session.inputs),
        *(with_shape(spec, outputs[spec.name]) for spec in session.outputs),
    )


def input_words(session: Session, plan: InputPlan, fills: Mapping[str, Fill]) -> dict[str, str]:
    """What each input gets in a run, for people; what nobody chose is called assumed."""
    first = next(iter(plan.recipes), "")
    found: dict[str, str] = {}
    for spec in session.inputs:
        fill = fills.get(spec.name)
        if fill is not None:
            found[spec.name] = _chosen_words(fill)
        elif spec.name == first:
            found[spec.name] = "the picture"
        elif spec.name in plan.recipes:
            found[spec.name] = f"assumed: the same picture as {first!r}"
        else:
            size_wh = None if plan.recipe is None else plan.recipe.size_wh
            shape = plan.shapes[spec.name]
            if spec.location == "device":  # a small array has the same words as a large one
                shape = (*(1 for _ in shape[:-1]), *(min(dim, 4) for dim in shape[-1:]))
            found[spec.name] = assume(spec, shape, plan.profile, size_wh).origin
    return found


def _chosen_words(fill: Fill) -> str:
    if fill.kind == "values":
        return f"values {one_line(','.join(fill.values), 60)}"
    if fill.kind == "random":
        return f"random, seed {fill.seed}"
    if fill.path is not None:
        return f"{fill.kind} {one_line(fill.path.name, 60)}"
    return "the picture" if fill.kind == "image" else fill.kind


def image_spec(session: Session, recipe: Recipe) -> TensorSpec:
    """The input that a recipe feeds."""
    return next(spec for spec in session.inputs if spec.name == recipe.input)

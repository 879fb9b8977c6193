"""All inputs of one run: their shapes, which of them take the picture, and their arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core import input_choices
from core.batches import batch_for, prepare_batch
from core.errors import InputError
from core.images import read_image
from core.input_choices import Fill, Filled
from core.input_shapes import Resolved, Shapes, choose_shapes, settled_dims
from core.placement import Placement
from core.preprocess import prepare
from core.recipe_guess import picture_inputs
from core.recipe_shapes import recipe_for
from core.recipes import Recipe, image_layout
from core.sessions.base import Arrays, Session
from core.sessions.input_check import check_shape, misfit
from core.tensors import Shape, TensorSpec, shape_text


@dataclass(frozen=True, slots=True, eq=False)
class InputPlan:
    """What a run will get.

    Attributes:
        shapes: of every input.
        profile: index of the optimization profile that they fit in.
        recipes: of each input that takes a picture, by name; the picture's own first.
    """

    shapes: Shapes
    profile: int
    recipes: Mapping[str, Recipe]

    @property
    def recipe(self) -> Recipe | None:
        """The picture's own, by which predictions are placed; None without a picture."""
        return next(iter(self.recipes.values()), None)


@dataclass(frozen=True, slots=True, eq=False)
class FilledInputs:
    """The arrays of a run, by tensor name in the model's order.

    Attributes:
        arrays: what the model gets.
        origins: where each came from, for people.
        assumptions: what nobody chose, and what is odd about what was chosen.
        placements: where each picture lies in the network's, in the pictures' order.
    """

    arrays: Arrays
    origins: Mapping[str, str]
    assumptions: tuple[str, ...]
    placements: tuple[Placement, ...]

    @property
    def is_random(self) -> bool:
        """True where any input is."""
        return any(origin.startswith("random") for origin in self.origins.values())


def plan_inputs(
    session: Session,
    recipe: Recipe | None,
    fills: Mapping[str, Fill],
    wanted: Mapping[str, Shape],
    pinned: int | None,
    pictures: int,
) -> InputPlan:
    """Work out the shapes of a run, and which inputs take its pictures.

    Args:
        session: the model.
        recipe: how its image input takes a picture; None where it takes none.
        fills: the user's choices by input.
        wanted: the user's shapes by input; None for a dimension that stays free.
        pinned: the profile that must be used, or None.
        pictures: how many pictures are tested; 0 for a run without.

    Raises:
        InputError: for a choice or a shape that does not fit, or more pictures than a batch.
    """
    specs = session.inputs
    input_choices.require_known(fills, specs)
    wanted = _with_dictated(specs, fills, wanted)
    pictured = _pictured(specs, recipe, fills, pictures)
    hints: dict[str, Shape] = {}
    if recipe is not None:
        # Without a picture nothing speaks for one row: then the profile's optimum is better.
        hints[recipe.input] = recipe.shape if pictures else _sides_only(recipe)
    if pictured and pictures > 1:
        batch = batch_for(pictured[0], wanted.get(pictured[0].name), pictures, pinned)
        wanted = {**wanted, pictured[0].name: _with_first(pictured[0], wanted, batch)}
    found = choose_shapes(specs, wanted, pinned, hints=hints, symbols=session.symbols)
    if recipe is not None and len(specs) > 1:
        hints = _following(session, recipe, found.shapes, hints)
        found = choose_shapes(specs, wanted, pinned, hints=hints, symbols=session.symbols)
    for spec in specs:
        if spec.name in fills:
            input_choices.require_values(fills[spec.name], spec, found.shapes[spec.name])
    if recipe is not None and any(spec.name == recipe.input for spec in pictured):
        _require_size(session, recipe, found, wanted)
    recipes: dict[str, Recipe] = {}
    for spec in pictured:
        assert recipe is not None  # else none was pictured
        recipes[spec.name] = recipe_for(recipe, spec, found.shapes[spec.name])
    for spec in specs:
        fill = fills.get(spec.name)
        if fill is not None and fill.path is not None and fill.kind == "image":
            base = recipe or Recipe(input="", layout="NCHW", size_wh=(1, 1))
            recipes[spec.name] = recipe_for(base, spec, found.shapes[spec.name])
    return InputPlan(found.shapes, found.profile, recipes)


def fill_inputs(
    session: Session,
    plan: InputPlan,
    fills: Mapping[str, Fill],
    pictures: Sequence[np.ndarray],
    *,
    otherwise: Fill | None = None,
) -> FilledInputs:
    """Make the arrays of a run.

    Args:
        session: the model, whose buffers the pictures are written into.
        plan: of the same choices.
        fills: the user's choices by input.
        pictures: (H, W, 3) uint8, RGB: one for every row, or as many as the batch has rows, the
            last one filling what is left.
        otherwise: for inputs without a choice; None assumes what core.input_choices says.

    Raises:
        InputError, ImageError: if values, a file or its picture do not fit.
    """
    filled: dict[str, Filled] = {}
    placements: tuple[Placement, ...] = ()
    recipe = plan.recipe if pictures else None
    for index, spec in enumerate(session.inputs):
        fill = fills.get(spec.name)
        if fill is not None and fill.kind == "image" and fill.path is not None:
            pixels = read_image(fill.path).pixels
            tensor = prepare(pixels, plan.recipes[spec.name], session.input_buffer).tensor
            filled[spec.name] = Filled(tensor, f"image {fill.path.name}")
        elif pictures and spec.name in plan.recipes:
            own = plan.recipes[spec.name]
            found: tuple[Placement, ...]
            if len(pictures) == 1:
                prepared = prepare(pictures[0], own, session.input_buffer)
                tensor, found = prepared.tensor, (prepared.placement,)
            else:
                tensor, found = prepare_batch(pictures, own, session.input_buffer)
            assumptions: tuple[str, ...] = ()
            if own is recipe:
                placements = found
            elif fill is None and recipe is not None:
                words = f"it gets the same picture as {recipe.input!r}"
                assumptions = (f"Input {spec.name!r} was not given: {words}.",)
            filled[spec.name] = Filled(tensor, "image", assumptions)
        else:
            filled[spec.name] = _made(spec, index, plan, fill or otherwise)
    return FilledInputs(
        arrays={name: one.array for name, one in filled.items()},
        origins={name: one.origin for name, one in filled.items()},
        assumptions=tuple(words for one in filled.values() for words in one.assumptions),
        placements=placements,
    )


def shape_tensor_values(session: Session, plan: InputPlan, fills: Mapping[str, Fill]) -> Arrays:
    """The arrays of the inputs that output shapes may depend on, by name.

    Raises:
        InputError: as fill_inputs.
    """
    return {
        spec.name: _made(spec, index, plan, fills.get(spec.name)).array
        for index, spec in enumerate(session.inputs)
        if spec.location == "host"
    }


def _made(spec: TensorSpec, index: int, plan: InputPlan, fill: Fill | None) -> Filled:
    shape = plan.shapes[spec.name]
    if fill is not None:
        return input_choices.make(fill, spec, shape, plan.profile, index)
    size_wh = None if plan.recipe is None else plan.recipe.size_wh
    return input_choices.assume(spec, shape, plan.profile, size_wh)


def awaits_picture(specs: tuple[TensorSpec, ...], fills: Mapping[str, Fill]) -> bool:
    """True where the choices leave an input for a picture that is still to be given."""
    return bool(_waiting(specs, fills))


def _pictured(
    specs: tuple[TensorSpec, ...],
    recipe: Recipe | None,
    fills: Mapping[str, Fill],
    pictures: int,
) -> list[TensorSpec]:
    """The inputs that take the tested picture, the recipe's own first."""
    asked = [name for name, fill in fills.items() if fill.kind == "image" and fill.path is None]
    if not pictures or recipe is None:
        if asked:
            raise InputError(
                "input-image",
                f"Input {asked[0]!r} shall get the picture, but none is given.",
                "Give an image, or name its file: image:FILE.",
            )
        return []
    found = _waiting(specs, fills)
    if not found:
        raise InputError(
            "input-image",
            "No input is left for the picture: each has been given something else.",
            "Leave the image out, or let an input have it: --input NAME=image, or the button As "
            "assumed in the window's Inputs panel.",
        )
    return sorted(found, key=lambda spec: spec.name != recipe.input)


def _waiting(specs: tuple[TensorSpec, ...], fills: Mapping[str, Fill]) -> list[TensorSpec]:
    """Inputs that shall get the picture, or would for want of a choice; the likely ones first."""
    likely = picture_inputs(specs)
    found = [spec for spec in likely if fills.get(spec.name, Fill("image")) == Fill("image")]
    asked = [spec for spec in specs if fills.get(spec.name) == Fill("image")]
    return list(dict.fromkeys((*found, *asked)))


def _with_dictated(
    specs: tuple[TensorSpec, ...], fills: Mapping[str, Fill], wanted: Mapping[str, Shape]
) -> dict[str, Shape]:
    """The wanted shapes, and those that files and values have by themselves."""
    found = dict(wanted)
    for spec in specs:
        fill = fills.get(spec.name)
        shape = None if fill is None else input_choices.shape_of(fill, spec)
        if shape is None:
            continue
        before = found.get(spec.name, shape)
        if len(before) != len(shape) or any(
            one not in (None, other) for one, other in zip(before, shape, strict=True)
        ):
            raise misfit(spec, "shape", shape_text(before), f"{shape_text(shape)} to fill it")
        found[spec.name] = shape
    return found


def _require_size(
    session: Session, recipe: Recipe, found: Resolved, wanted: Mapping[str, Shape]
) -> None:
    """Refuse a recipe's size that the model cannot have, where no wanted shape overrules it."""
    spec = next(spec for spec in session.inputs if spec.name == recipe.input)
    settled = settled_dims(spec, session.inputs, wanted, session.symbols)
    shape = tuple(
        asked if letter in "HW" and dim not in settled else got
        for dim, (letter, asked, got) in enumerate(
            zip(recipe.layout, recipe.shape, found.shapes[spec.name], strict=True)
        )
    )
    check_shape(spec, shape, found.profile)


def _with_first(spec: TensorSpec, wanted: Mapping[str, Shape], batch: int) -> Shape:
    return (batch, *wanted.get(spec.name, (None,) * len(spec.shape))[1:])


def _sides_only(recipe: Recipe) -> Shape:
    return tuple(
        dim if letter in "HW" else None
        for letter, dim in zip(recipe.layout, recipe.shape, strict=True)
    )


def _following(
    session: Session, recipe: Recipe, shapes: Shapes, hints: Mapping[str, Shape]
) -> dict[str, Shape]:
    """Hints for the other inputs: the picture's size, and its batch where they have one."""
    found = dict(hints)
    main = shapes[recipe.input]
    dims = dict(zip(recipe.layout, main, strict=True))
    pictured = {spec.name for spec in picture_inputs(session.inputs)}
    main_spec = next(spec for spec in session.inputs if spec.name == recipe.input)
    if main_spec.shape[:1] != (None,) or "N" not in dims:
        dims.pop("N", None)
    for spec in session.inputs:
        if spec.name == recipe.input:
            continue
        layout = image_layout(spec.shape, spec.dtype) if spec.name in pictured else None
        if layout is not None:
            found[spec.name] = tuple(dims.get(letter) for letter in layout)
        elif spec.shape and "N" in dims and session.symbols.get(spec.name, (None,))[0] is None:
            found[spec.name] = (dims["N"], *(None,) * (len(spec.shape) - 1))
    return found

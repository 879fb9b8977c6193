"""A recipe in another shape: of a run, of a profile, of another input that takes the picture."""

from __future__ import annotations

from dataclasses import replace

from core.images import MAX_PIXELS
from core.input_shapes import profile_of
from core.recipes import Recipe, image_layout
from core.sessions.input_check import misfit
from core.tensors import TensorSpec, shape_text


def recipe_for(recipe: Recipe, spec: TensorSpec, shape: tuple[int, ...]) -> Recipe:
    """The recipe in the shape of a run, or for another input that takes the same picture.

    Another input keeps colours, resizing and values as far as its channels and dtype let it:
    bytes are taken as they are, and mean and deviation of three channels become their average.

    Raises:
        InputError: kind "input-shape", if a picture of that size is none.
    """
    layout = recipe.layout if spec.name == recipe.input else image_layout(spec.shape, spec.dtype)
    assert layout is not None  # it takes a picture
    dims = dict(zip(layout, shape, strict=True))
    if not 0 < dims["H"] * dims["W"] <= MAX_PIXELS or dims.get("N") == 0:
        raise misfit(spec, "shape", f"a picture of 1 to {MAX_PIXELS:,} pixels", shape_text(shape))
    recipe = replace(recipe, size_wh=(dims["W"], dims["H"]), batch=dims.get("N", 1))
    if spec.name == recipe.input:
        return recipe
    if (dims["C"] == 1) != (recipe.channels == 1):
        recipe = replace(
            recipe,
            color="grey" if dims["C"] == 1 else "rgb",
            mean=(sum(recipe.mean) / len(recipe.mean),),
            std=(sum(recipe.std) / len(recipe.std),),
        )
    if spec.dtype == "uint8":
        recipe = replace(recipe, scale=1.0, mean=(0.0,), std=(1.0,))
    elif recipe.dtype == "uint8":
        recipe = replace(recipe, scale=1 / 255)
    return replace(recipe, input=spec.name, layout=layout, dtype=spec.dtype)


def recipe_in_profile(recipe: Recipe, spec: TensorSpec, profile: int) -> Recipe:
    """The recipe with free sides at the profile's best size, and its smallest batch."""
    if not spec.profiles:
        return recipe
    limits = profile_of(spec, profile)
    best = [
        low if letter == "N" else opt
        for letter, low, opt in zip(recipe.layout, limits.min, limits.opt, strict=True)
    ]
    shape = tuple(
        other if dim is None else dim for dim, other in zip(spec.shape, best, strict=True)
    )
    return recipe_for(recipe, spec, shape)

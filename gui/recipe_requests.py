"""What the inference thread is asked about recipes: to find, keep, forget, import and export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from core.jobs import JobContext
    from core.model import Model
    from core.recipe_file import RecipeFile
    from core.recipe_search import RecipeCandidate
    from core.recipes import Recipe
    from core.tasks import Choices


class FindRecipes(NamedTuple):
    """Try the usual recipes on a picture."""

    serial: int  # of the model that it is about
    picture: Path
    base: Recipe
    choices: Choices


class KeepRecipe(NamedTuple):
    """Save a recipe for the model's file, and how its outputs are read."""

    serial: int  # of the model that it is about
    recipe: Recipe
    choices: Choices


class ForgetRecipe(NamedTuple):
    """Delete the recipe that is saved for the model's file."""

    serial: int  # of the model that it is about


class ImportRecipe(NamedTuple):
    """Read a recipe file."""

    serial: int  # of the model that it is about
    path: Path


class ExportRecipe(NamedTuple):
    """Write a recipe file."""

    serial: int  # of the model that it is about
    path: Path
    recipe: Recipe
    choices: Choices


RecipeRequest = FindRecipes | KeepRecipe | ForgetRecipe | ImportRecipe | ExportRecipe
RECIPE_REQUESTS = (FindRecipes, KeepRecipe, ForgetRecipe, ImportRecipe, ExportRecipe)


class RecipesFound(NamedTuple):
    """The answer to FindRecipes, the best first."""

    candidates: tuple[RecipeCandidate, ...]


class RecipeRead(NamedTuple):
    """The answer to ImportRecipe; whether it fits the model is still to be checked."""

    content: RecipeFile


class RecipeNoted(NamedTuple):
    """The answer to the others: what was done, for people."""

    text: str


def handle_recipe(
    request: RecipeRequest, model: Model, context: JobContext
) -> RecipesFound | RecipeRead | RecipeNoted:
    """Do what is asked, on the thread that owns the model.

    Raises:
        EnginebayError: as core.recipe_search, core.model and core.recipe_file have it.
    """
    match request:
        case FindRecipes():
            return _find(request, model, context)
        case KeepRecipe():
            model.use(request.recipe, request.choices)
            model.keep_recipe(context.progress)
            return RecipeNoted("The recipe is saved: this model will open with it.")
        case ForgetRecipe():
            if model.forget_recipe(context.progress):
                return RecipeNoted("The saved recipe is forgotten; the one in use stays.")
            return RecipeNoted("No recipe was saved for this model.")
        case ImportRecipe(path=path):
            from core.recipe_file import read_recipe_file

            return RecipeRead(read_recipe_file(path))
        case ExportRecipe(path=path):
            from core.recipe_file import RecipeFile, write_recipe_file

            content = RecipeFile(recipe=request.recipe, choices=request.choices)
            write_recipe_file(path, content)
            return RecipeNoted(f"The recipe was written to {path}")
    raise AssertionError(f"no such request: {request!r}")


def _find(request: FindRecipes, model: Model, context: JobContext) -> RecipesFound:
    from core.images import read_image
    from core.input_plan import fill_inputs, plan_inputs
    from core.preprocess import sized_for
    from core.recipe_check import check_recipe
    from core.recipe_search import find_recipes

    context.progress(None, f"Reading {request.picture.name}")
    session, base = model.session, request.base
    image = read_image(request.picture)
    sized = sized_for(base, check_recipe(base, model.inputs), image.size_wh)
    plan = plan_inputs(session, sized, model.fills, model.shapes, session.pinned_profile, 1)
    filled = fill_inputs(session, plan, model.fills, [image.pixels])
    found = find_recipes(
        session,
        image.pixels,
        base,
        metadata=model.file.metadata,
        choices=request.choices,
        others={name: array for name, array in filled.arrays.items() if name != base.input},
        progress=context.progress,
    )
    return RecipesFound(found)

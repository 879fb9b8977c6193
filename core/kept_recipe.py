"""The user's saved recipe for one model file, found again by the file's fingerprint."""

from __future__ import annotations

from dataclasses import replace

from core import recipe_file
from core.errors import InputError, ModelFileError
from core.modelfile import ModelFile, fingerprint
from core.opening import Progress
from core.recipe_check import check_recipe
from core.recipe_file import RecipeFile
from core.recipes import Recipe
from core.tensors import TensorSpec


class KeptRecipe:
    """The recipe kept for a file, which may be none.

    The file is hashed when its size is that of one with a recipe, or when one is to be kept; a
    large file takes seconds, so progress is told, and may stop it.
    """

    def __init__(self, file: ModelFile) -> None:
        self._file = file
        self._sha256: str | None = None

    def instead_of(
        self, guess: Recipe, specs: tuple[TensorSpec, ...], progress: Progress
    ) -> RecipeFile:
        """What is kept for the file, else the guess; one that does not fit is told of in it.

        Args:
            guess: what is used where nothing is kept.
            specs: the model's inputs.
            progress: told while a large file is hashed; may raise to stop.

        Raises:
            ModelFileError: if the model file cannot be read.
        """
        try:
            if recipe_file.is_kept_for_size(self._file.size_bytes):
                found = recipe_file.kept(self._file.size_bytes, self._fingerprint(progress))
                if found is not None:
                    check_recipe(found.recipe, specs)
                    return found
        except InputError as error:
            words = f"{guess.evidence}; your saved recipe is not used: {error.message}"
            guess = replace(guess, evidence=words)
        return RecipeFile(recipe=guess)

    def keep(self, content: RecipeFile, progress: Progress) -> None:
        """Save, in place of what was kept.

        Raises:
            EnginebayError: kind "cannot-save"; ModelFileError as above.
        """
        recipe_file.keep(self._file.size_bytes, self._fingerprint(progress), content)

    def forget(self, progress: Progress) -> bool:
        """Delete what is kept; False where there was nothing.

        Raises:
            EnginebayError: as keep.
        """
        size = self._file.size_bytes
        if not recipe_file.is_kept_for_size(size):
            return False
        return recipe_file.forget(size, self._fingerprint(progress))

    def _fingerprint(self, progress: Progress) -> str:
        if self._sha256 is None:
            try:
                self._sha256 = fingerprint(self._file.path, progress)
            except OSError as error:
                raise ModelFileError(
                    "unreadable",
                    f"{self._file.path} cannot be read: {error.strerror or error}.",
                    "Check the disk.",
                ) from None
        return self._sha256

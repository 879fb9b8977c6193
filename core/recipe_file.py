"""Recipes in files: exported and imported as JSON, and kept for the model they belong to.

A file holds a recipe and how the outputs are read:

    {"format": "enginebay-recipe", "version": 1, "recipe": {...}, "reading": {...}}

with the fields of core.recipes.Recipe and core.tasks.Choices. Why a recipe was chosen is not
kept: it then is the user's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from core.errors import EnginebayError, InputError
from core.paths import config_folder
from core.recipe_check import WORDS, check_choices, check_values
from core.recipes import Recipe
from core.tasks import Choices
from core.text import one_line
from core.whole_file import replacing

FORMAT = "enginebay-recipe"
VERSION = 1
_MAX_BYTES = 4_000_000  # of a file; 100,000 class names of 40 letters
_MAX_INT = 2**31 - 1
_NOT_KEPT = ("evidence", "certainty")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeFile:
    """What a recipe file holds."""

    recipe: Recipe
    choices: Choices = field(default_factory=Choices)


def to_text(content: RecipeFile) -> str:
    """A recipe file's text: JSON."""
    recipe = {key: v for key, v in asdict(content.recipe).items() if key not in _NOT_KEPT}
    answer = {
        "format": FORMAT,
        "version": VERSION,
        "recipe": recipe,
        "reading": asdict(content.choices),
    }
    return json.dumps(answer, indent=2, allow_nan=False) + "\n"


def from_text(text: str, name: str) -> RecipeFile:
    """Read a recipe file's text.

    Args:
        text: the whole file.
        name: the file's name, for messages and as the recipe's evidence.

    Raises:
        InputError: kind "recipe-file", naming the file and what is wrong in it.
    """
    try:
        found = json.loads(text, parse_constant=_no_number, object_pairs_hook=_without_doubles)
    except _Wrong as wrong:
        raise _bad(name, str(wrong)) from None
    except (ValueError, RecursionError) as error:
        raise _bad(name, f"it is no JSON ({one_line(str(error))})") from None
    try:
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise _Wrong(f'it has no "format": "{FORMAT}"')
        version = found.get("version")
        if type(version) is not int or version < 1:
            raise _Wrong('it has no "version"')
        if version > VERSION:
            raise _Wrong(f"it is of version {version}; this Enginebay reads version {VERSION}")
        _known(found, ("format", "version", "recipe", "reading"), "field")
        recipe = Recipe(**_fields(found.get("recipe"), "recipe", Recipe, _RECIPE))
        choices = Choices(**_fields(found.get("reading", {}), "reading", Choices, _READING))
        check_choices(choices)
        check_values(recipe)
    except _Wrong as wrong:
        raise _bad(name, str(wrong)) from None
    except InputError as error:
        raise _bad(name, error.message[0].lower() + error.message[1:].rstrip(".")) from None
    words = f"the recipe file {one_line(name)}"
    return RecipeFile(recipe=replace(recipe, evidence=words, certainty="certain"), choices=choices)


def read_recipe_file(path: Path) -> RecipeFile:
    """Read a recipe file; see from_text.

    Raises:
        InputError: also where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        words = error.strerror or error if isinstance(error, OSError) else error
        raise InputError(
            "recipe-file",
            f"The recipe file {one_line(str(path))} cannot be read: {words}.",
            "Check its path.",
        ) from None
    if len(data) > _MAX_BYTES:
        raise _bad(path.name, f"it is larger than {_MAX_BYTES // 10**6} MB")
    try:
        return from_text(data.decode("utf-8-sig"), path.name)
    except UnicodeDecodeError:
        raise _bad(path.name, "it is no UTF-8 text") from None


def write_recipe_file(path: Path, content: RecipeFile) -> None:
    """Export; a file that is there is replaced.

    Raises:
        EnginebayError: kind "cannot-save".
    """
    try:
        with replacing(path) as part:
            part.write_text(to_text(content), encoding="utf-8")
    except OSError as error:
        raise EnginebayError(
            "cannot-save",
            f"The recipe cannot be written to {path}: {error.strerror or error}.",
            "Choose another place.",
        ) from None


def is_kept_for_size(size_bytes: int) -> bool:
    """True when a recipe is kept for some model file of this size.

    Only then is a model's fingerprint worth the reading: a large file takes seconds.
    """
    return any(_folder().glob(f"{size_bytes}-*.json"))


def keep(size_bytes: int, sha256: str, content: RecipeFile) -> None:
    """Keep a recipe for the model file of this size and fingerprint.

    Raises:
        EnginebayError: kind "cannot-save".
    """
    path = _place(size_bytes, sha256)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnginebayError(
            "cannot-save",
            f"The recipe cannot be kept in {path.parent}: {error.strerror or error}.",
            "Make that folder writable, or export the recipe to a file.",
        ) from None
    write_recipe_file(path, content)


def kept(size_bytes: int, sha256: str) -> RecipeFile | None:
    """The recipe that is kept for a model file; None for none.

    Raises:
        InputError: kind "recipe-file" when it is damaged.
    """
    path = _place(size_bytes, sha256)
    if not path.exists():
        return None
    content = read_recipe_file(path)
    words = "your saved recipe for this file"
    return replace(content, recipe=replace(content.recipe, evidence=words))


def forget(size_bytes: int, sha256: str) -> bool:
    """Forget a kept recipe; False where there was none.

    Raises:
        EnginebayError: kind "cannot-save".
    """
    path = _place(size_bytes, sha256)
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise EnginebayError(
            "cannot-save",
            f"The saved recipe cannot be deleted: {error.strerror or error}.",
            f"Delete {path}.",
        ) from None
    return True


def _folder() -> Path:
    return config_folder() / "recipes"


def _place(size_bytes: int, sha256: str) -> Path:
    return _folder() / f"{size_bytes}-{sha256}.json"


class _Wrong(Exception):  # noqa: N818 - becomes an InputError that names the file
    """What is wrong in a file, as the second half of a sentence."""


def _bad(name: str, what: str) -> InputError:
    return InputError(
        "recipe-file",
        f"{one_line(name)} is no recipe that can be used: {what}.",
        "Correct it, or export the recipe again.",
    )


def _no_number(text: str) -> Any:
    raise _Wrong(f"{text} is no number")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [key for key, _ in pairs]
        double = next(key for key in found if names.count(key) > 1)
        raise _Wrong(f'"{one_line(double, 40)}" stands twice in it')
    return found


def _known(found: dict[str, Any], names: tuple[str, ...], what: str) -> None:
    for key in found:
        if key not in names:
            raise _Wrong(f'it has an unknown {what} "{one_line(key, 40)}"')


def _fields(found: Any, what: str, kind: Any, readers: Readers) -> dict[str, Any]:
    """The values of a dataclass, each of the type that it must have."""
    if not isinstance(found, dict):
        raise _Wrong(f'it has no "{what}"')
    _known(found, tuple(readers), f"field of the {what},")
    values: dict[str, Any] = {}
    for one in fields(kind):
        if one.name in found:
            values[one.name] = readers[one.name](found[one.name], f"{what}'s {one.name}")
        elif one.name in readers and one.default is MISSING:
            raise _Wrong(f"the {what}'s {one.name} is missing")
    return values


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _Wrong(f"the {where} is no text")
    return value


def _text_or_none(value: Any, where: str) -> str | None:
    return None if value is None else _text(value, where)


def _word(value: Any, where: str) -> str:
    allowed = WORDS[where.rpartition(" ")[2]]
    if value not in allowed:
        raise _Wrong(f"the {where} is none of {', '.join(allowed)}")
    return _text(value, where)


def _whole(value: Any, where: str) -> int:
    if type(value) is not int or abs(value) > _MAX_INT:
        raise _Wrong(f"the {where} is no whole number")
    return value


def _number(value: Any, where: str) -> float:
    if type(value) not in (int, float):
        raise _Wrong(f"the {where} is no number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _Wrong(f"the {where} is not finite")
    return number


def _numbers(value: Any, where: str) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise _Wrong(f"the {where} is no list of numbers")
    return tuple(_number(item, where) for item in value)


def _size(value: Any, where: str) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) != 2:
        raise _Wrong(f"the {where} is no list of width and height")
    return tuple(_whole(item, where) for item in value)


def _names(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _Wrong(f"the {where} are no list of texts")
    return tuple(value)


Reader = Callable[[Any, str], Any]
Readers = dict[str, Reader]
_RECIPE: Readers = {
    "input": _text,
    "layout": _word,
    "size_wh": _size,
    "batch": _whole,
    "color": _word,
    "resize": _word,
    "interpolation": _word,
    "pad": _whole,
    "scale": _number,
    "mean": _numbers,
    "std": _numbers,
    "dtype": _text,
}
_READING: Readers = {
    "task": _text_or_none,
    "layout": _text_or_none,
    "score_threshold": _number,
    "iou_threshold": _number,
    "max_detections": _whole,
    "top_k": _whole,
    "class_names": _names,
    "image_range": _word,
}

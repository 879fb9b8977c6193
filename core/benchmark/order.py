"""A benchmark in a child process: what is asked of it, and what it answers, as JSON.

Rows of samples travel as base64 of little-endian float64: exact, and half the size of digits.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.benchmark.inputs import chosen_fills
from core.benchmark.result_file import read_options, telling, unpack
from core.benchmark.samples import COLUMNS
from core.benchmark.values import BenchmarkOptions, BenchmarkResult, Reading
from core.input_choices import Fill
from core.model import Model
from core.recipe_file import RecipeFile, from_text, to_text
from core.tensors import Shape

ROWS_AT_ONCE = 20_000
"""Rows in a message: 2 MB of text, so that no line becomes as long as an hour's samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOrder:
    """What a child measures: a model file, opened and set up as it is here.

    Attributes:
        path: of the file; relative ones are those of the working folder, here and below.
        sha256: of the whole file: other bytes are not measured.
        allow_native_code: whether it may run native code; see core.opening.OpenOptions.
        plugins: libraries to load before.
        module: one of core.machine.TENSORRT_MODULES; None for the best.
        recipe: a recipe file's text; None for the guess.
        fills: what was chosen for inputs, by name.
        shapes: the shapes that were chosen, by input; None for what stays free.
        profile: the pinned optimization profile.
        options: what to measure, and how.
    """

    path: str
    sha256: str
    options: BenchmarkOptions
    allow_native_code: bool = False
    plugins: tuple[str, ...] = ()
    module: str | None = None
    recipe: str | None = None
    fills: Mapping[str, Fill] = field(default_factory=dict)
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    profile: int | None = None

    @classmethod
    def of(
        cls,
        model: Model,
        sha256: str,
        options: BenchmarkOptions,
        *,
        allow_native_code: bool = False,
        plugins: tuple[Path, ...] = (),
        module: str | None = None,
    ) -> BenchmarkOrder:
        """The order to measure a model as it is set up now; arguments as above."""
        recipe = None
        if model.recipe is not None:
            recipe = to_text(RecipeFile(recipe=model.recipe, choices=model.choices))
        return cls(
            path=str(model.file.path),
            sha256=sha256,
            options=options,
            allow_native_code=allow_native_code,
            plugins=tuple(map(str, plugins)),
            module=module,
            recipe=recipe,
            fills=chosen_fills(model),
            shapes=model.shapes,
            profile=model.session.pinned_profile,
        )

    def set_up(self, model: Model) -> None:
        """Choose for an opened model what was chosen where the order was made.

        Raises:
            InputError: for what does not fit.
        """
        # First: a profile that is new to choose_inputs would change the recipe's size.
        model.session.pin_profile(self.profile)
        if self.recipe is not None:
            content = from_text(self.recipe, "the benchmark's")
            model.use(content.recipe, content.choices)
        model.choose_inputs(self.fills, self.shapes, self.profile)

    def as_json(self) -> dict[str, Any]:
        """JSON-ready, with absolute paths: a child works in another folder; see from_json."""
        fills = {
            name: {
                "kind": fill.kind,
                "values": list(fill.values),
                "seed": fill.seed,
                "path": None if fill.path is None else _absolute(str(fill.path)),
            }
            for name, fill in self.fills.items()
        }
        shapes = {name: list(shape) for name, shape in self.shapes.items()}
        plain = {
            name: getattr(self, name)
            for name in ("sha256", "allow_native_code", "module", "recipe", "profile")
        }
        options = replace(self.options, images=tuple(map(_absolute, self.options.images)))
        return plain | {
            "path": _absolute(self.path),
            "plugins": list(map(_absolute, self.plugins)),
            "fills": fills,
            "shapes": shapes,
            "options": asdict(options),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> BenchmarkOrder:
        """What as_json gave."""
        fills = {
            name: Fill(
                kind=one["kind"],
                values=tuple(one["values"]),
                seed=one["seed"],
                path=None if one["path"] is None else Path(one["path"]),
            )
            for name, one in found["fills"].items()
        }
        more = {
            "plugins": tuple(found["plugins"]),
            "fills": fills,
            "shapes": {name: tuple(shape) for name, shape in found["shapes"].items()},
        }
        with telling("The order"):
            options = read_options(found["options"])
        return cls(**{**found, **more, "options": options})


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def rows_text(rows: np.ndarray) -> str:
    """Rows of samples as text."""
    return base64.b64encode(np.ascontiguousarray(rows, "<f8").tobytes()).decode("ascii")


def text_rows(text: str) -> np.ndarray:
    """(n, 10) float64 of what rows_text gave."""
    flat = np.frombuffer(base64.b64decode(text), "<f8").astype(np.float64)
    return flat.reshape(-1, len(COLUMNS))


def pieces(rows: Sequence[np.ndarray]) -> Iterator[tuple[int, str]]:
    """The rows of all measurements in order: the measurement's index, and some rows as text."""
    for index, own in enumerate(rows):
        for begin in range(0, len(own), ROWS_AT_ONCE):
            yield index, rows_text(own[begin : begin + ROWS_AT_ONCE])


def unpack_pieces(
    info: Mapping[str, Any], found: Mapping[int, list[np.ndarray]]
) -> BenchmarkResult:
    """What core.benchmark.result_file.pack gave, with the rows of `pieces` by their index."""
    count = len(info["measurements"]) + len(info["tried"])
    none = np.empty((0, len(COLUMNS)))
    rows = [np.concatenate(found[index]) if index in found else none for index in range(count)]
    with telling("The child's answer"):
        return unpack(info, rows)


def reading_from_json(found: Mapping[str, Any]) -> Reading:
    """What dataclasses.asdict gave of a reading."""
    return Reading(**{**found, "throttle_reasons": tuple(found["throttle_reasons"])})

"""A benchmark in a child process: what is asked of it, and what it answers, as JSON.

Rows of samples travel as base64 of little-endian float64: exact, and half the size of digits.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.benchmark.inputs import chosen_fills
from core.benchmark.samples import COLUMNS, Samples
from core.benchmark.values import (
    BenchmarkOptions,
    BenchmarkResult,
    Mark,
    Measurement,
    Reading,
)
from core.input_choices import Fill
from core.model import Model
from core.recipe_file import RecipeFile, to_text
from core.tensors import Shape

ROWS_AT_ONCE = 20_000
"""Rows in a message: 2 MB of text, so that no line becomes as long as an hour's samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOrder:
    """What a child measures: a model file, opened and set up as it is here.

    Attributes:
        path: absolute, as those of the plugins.
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
            path=str(model.file.path.absolute()),
            sha256=sha256,
            options=replace(
                options, images=tuple(str(Path(one).absolute()) for one in options.images)
            ),
            allow_native_code=allow_native_code,
            plugins=tuple(str(one.absolute()) for one in plugins),
            module=module,
            recipe=recipe,
            fills=chosen_fills(model),
            shapes=model.shapes,
            profile=model.session.pinned_profile,
        )

    def as_json(self) -> dict[str, Any]:
        """JSON-ready; see from_json."""
        fills = {
            name: {
                "kind": fill.kind,
                "values": list(fill.values),
                "seed": fill.seed,
                "path": None if fill.path is None else str(fill.path.absolute()),
            }
            for name, fill in self.fills.items()
        }
        shapes = {name: list(shape) for name, shape in self.shapes.items()}
        plain = {
            name: getattr(self, name)
            for name in ("path", "sha256", "allow_native_code", "module", "recipe", "profile")
        }
        return plain | {
            "plugins": list(self.plugins),
            "fills": fills,
            "shapes": shapes,
            "options": asdict(self.options),
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
            "options": options_from_json(found["options"]),
        }
        return cls(**{**found, **more})


def options_from_json(found: Mapping[str, Any]) -> BenchmarkOptions:
    """What dataclasses.asdict gave of options, also after JSON made lists of tuples."""
    listed = ("measurements", "images", "sweep")
    shapes = {name: tuple(shape) for name, shape in found["shapes"].items()}
    tuples = {name: tuple(found[name]) for name in listed}
    return BenchmarkOptions(**{**found, **tuples, "shapes": shapes})


def rows_text(rows: np.ndarray) -> str:
    """Rows of samples as text."""
    return base64.b64encode(np.ascontiguousarray(rows, "<f8").tobytes()).decode("ascii")


def text_rows(text: str) -> np.ndarray:
    """(n, 10) float64 of what rows_text gave."""
    flat = np.frombuffer(base64.b64decode(text), "<f8").astype(np.float64)
    return flat.reshape(-1, len(COLUMNS))


def pieces(result: BenchmarkResult) -> Iterator[tuple[int, str]]:
    """All rows of a result, in order: the index of their measurement, and rows as text.

    The indices of `tried` follow those of `measurements`.
    """
    for index, one in enumerate((*result.measurements, *result.tried)):
        for begin in range(0, len(one.samples.rows), ROWS_AT_ONCE):
            yield index, rows_text(one.samples.rows[begin : begin + ROWS_AT_ONCE])


def result_to_json(result: BenchmarkResult) -> dict[str, Any]:
    """A result without its samples' rows, JSON-ready."""
    return {
        "model": dict(result.model),
        "machine": dict(result.machine),
        "options": asdict(result.options),
        "measurements": [_measurement(one) for one in result.measurements],
        "tried": [_measurement(one) for one in result.tried],
        "telemetry": [asdict(one) for one in result.telemetry],
        "taken_at": result.taken_at,
        "is_complete": result.is_complete,
    }


def result_from_json(
    found: Mapping[str, Any], rows: Mapping[int, list[np.ndarray]]
) -> BenchmarkResult:
    """What result_to_json gave, with the rows of `pieces` by their index."""
    count = len(found["measurements"])
    every = [
        _from_json(one, rows.get(index, []))
        for index, one in enumerate((*found["measurements"], *found["tried"]))
    ]
    return BenchmarkResult(
        model=found["model"],
        machine=found["machine"],
        options=options_from_json(found["options"]),
        measurements=tuple(every[:count]),
        tried=tuple(every[count:]),
        telemetry=tuple(reading_from_json(one) for one in found["telemetry"]),
        taken_at=found["taken_at"],
        is_complete=found["is_complete"],
    )


def reading_from_json(found: Mapping[str, Any]) -> Reading:
    """What dataclasses.asdict gave of a reading."""
    return Reading(**{**found, "throttle_reasons": tuple(found["throttle_reasons"])})


def _measurement(one: Measurement) -> dict[str, Any]:
    names = (
        "name",
        "convention",
        "batch",
        "contexts",
        "graph",
        "transfers",
        "first_run_ms",
        "device_memory_bytes",
        "why_no_graph",
        "is_complete",
    )
    return {name: getattr(one, name) for name in names} | {
        "marks": [asdict(mark) for mark in one.marks]
    }


def _from_json(found: Mapping[str, Any], rows: list[np.ndarray]) -> Measurement:
    table = np.concatenate(rows) if rows else np.empty((0, len(COLUMNS)))
    marks = tuple(Mark(**mark) for mark in found["marks"])
    return Measurement(**{**found, "marks": marks, "samples": Samples(table)})

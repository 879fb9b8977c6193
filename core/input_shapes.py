"""Concrete shapes for inputs whose dimensions are free, and the profile that they need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from core.errors import InputError
from core.sessions.input_check import check_shape, misfit
from core.tensors import Profile, Shape, TensorSpec, shape_text
from core.text import one_line

Shapes = dict[str, tuple[int, ...]]
"""A whole shape for each input, by name."""

_NONE: Mapping[str, Shape] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Resolved:
    """The shapes of the inputs, and the index of the optimization profile that they fit in."""

    shapes: Shapes
    profile: int


def parse_shape(text: str) -> tuple[int, ...]:
    """Read a shape as people write it: "4x3x640x640", also with commas.

    Raises:
        InputError: kind "shape-text".
    """
    parts = re.split(r"\s*[x,\s]\s*", text.strip().lower())
    if not all(re.fullmatch(r"[0-9]{1,18}", part) and int(part) > 0 for part in parts):
        raise InputError(
            "shape-text",
            f"{one_line(text)!r} is no shape.",
            "Write whole numbers from 1 on, as 4x3x640x640.",
        )
    return tuple(int(part) for part in parts)


def resolve_shapes(
    specs: tuple[TensorSpec, ...],
    wanted: Mapping[str, Shape],
    profile: int = 0,
    *,
    hints: Mapping[str, Shape] = _NONE,
    symbols: Mapping[str, tuple[str | None, ...]] = _NONE,  # type: ignore[assignment]
) -> Shapes:
    """Concrete shapes for inputs.

    A free dimension is what the user wants; else what another input gives a dimension of the
    same symbol; else the hint, where the profile allows it; else the profile's optimum; else 1.

    Args:
        specs: the model's inputs.
        wanted: shapes that must be so, by input.
        profile: index of the optimization profile, for its optimum and limits.
        hints: shapes that would be good, None for dimensions that do not matter.
        symbols: see core.sessions.Session.symbols.

    Raises:
        InputError: for an unknown name, or a shape that the input, its profile or another input
            of the same symbol does not allow.
    """
    known = {spec.name for spec in specs}
    for name in wanted:
        if name not in known:
            raise unknown_input(name, specs)
    by_symbol = _bind(specs, wanted, symbols)
    for spec in specs:
        for symbol, dim, hint in _free(spec, hints, symbols):
            if symbol is not None and hint is not None and _allows(spec, profile, dim, hint):
                by_symbol.setdefault(symbol, (hint, spec.name))
    shapes: Shapes = {}
    for spec in specs:
        shape = [dim or 0 for dim in spec.shape]
        optimum = profile_of(spec, profile).opt if _is_profiled(spec) else (1,) * len(shape)
        for symbol, dim, hint in _free(spec, hints, symbols):
            if symbol in by_symbol:
                shape[dim] = by_symbol[symbol][0]
            elif hint is not None and _allows(spec, profile, dim, hint):
                shape[dim] = hint
            else:
                shape[dim] = optimum[dim]
        for dim, given in enumerate(wanted.get(spec.name, ())):
            if given is not None:
                shape[dim] = given
        check_shape(spec, tuple(shape), profile)
        shapes[spec.name] = tuple(shape)
    return shapes


def choose_shapes(
    specs: tuple[TensorSpec, ...],
    wanted: Mapping[str, Shape],
    pinned: int | None,
    *,
    hints: Mapping[str, Shape] = _NONE,
    symbols: Mapping[str, tuple[str | None, ...]] = _NONE,  # type: ignore[assignment]
) -> Resolved:
    """Shapes, and the profile for them: the pinned one, else that which grants most hints.

    Arguments and errors as resolve_shapes; where no profile does, the error is the first's.
    """
    count = max((len(spec.profiles) for spec in specs), default=0)
    candidates = range(max(count, 1)) if pinned is None else (pinned,)
    found: list[tuple[int, Resolved]] = []
    refusal: InputError | None = None
    for profile in candidates:
        try:
            shapes = resolve_shapes(specs, wanted, profile, hints=hints, symbols=symbols)
        except InputError as error:
            refusal = refusal or error
            continue
        denied = sum(
            hint not in (None, dim)
            for name, shape in shapes.items()
            for hint, dim in zip(hints.get(name, ()), shape, strict=False)
        )
        found.append((denied, Resolved(shapes, profile)))
    if not found:
        assert refusal is not None  # there is at least one candidate
        raise refusal
    return min(found, key=lambda pair: (pair[0], pair[1].profile))[1]


def settled_dims(
    spec: TensorSpec,
    specs: tuple[TensorSpec, ...],
    wanted: Mapping[str, Shape],
    symbols: Mapping[str, tuple[str | None, ...]],
) -> set[int]:
    """The dimensions of an input that wanted shapes decide, its own or by symbol another's."""
    bound = _bind(specs, wanted, symbols)
    own = wanted.get(spec.name, ())
    return {dim for dim, value in enumerate(own) if value is not None} | {
        dim for symbol, dim, _ in _free(spec, wanted, symbols) if symbol in bound
    }


def with_shape(spec: TensorSpec, shape: Shape | None) -> TensorSpec:
    """The tensor as a run will have it, so that its size in bytes can be told."""
    return spec if shape is None else replace(spec, shape=shape)


def profile_of(spec: TensorSpec, profile: int) -> Profile:
    """A profile's limits for an input; TensorRT gives every dynamic input as many as any."""
    return spec.profiles[min(profile, len(spec.profiles) - 1)]


def unknown_input(name: str, specs: tuple[TensorSpec, ...]) -> InputError:
    """There is no input of that name."""
    return InputError(
        "input-extra",
        f"The model has no input {one_line(name)!r}.",
        f"Its inputs are: {', '.join(spec.name for spec in specs) or 'none'}.",
    )


def _is_profiled(spec: TensorSpec) -> bool:
    return bool(spec.profiles) and spec.location == "device"


def _allows(spec: TensorSpec, profile: int, dim: int, value: int) -> bool:
    if not _is_profiled(spec):
        return True
    limits = profile_of(spec, profile)
    return limits.min[dim] <= value <= limits.max[dim]


def _free(
    spec: TensorSpec,
    shapes: Mapping[str, Shape],
    symbols: Mapping[str, tuple[str | None, ...]],
) -> list[tuple[str | None, int, int | None]]:
    """Of each free dimension: its symbol, its index, and what `shapes` has for it."""
    rank = len(spec.shape)
    given = shapes.get(spec.name, ())
    given = given if len(given) == rank else (None,) * rank
    names = symbols.get(spec.name, (None,) * rank)
    return [(names[dim], dim, given[dim]) for dim in range(rank) if spec.shape[dim] is None]


def _bind(
    specs: tuple[TensorSpec, ...],
    wanted: Mapping[str, Shape],
    symbols: Mapping[str, tuple[str | None, ...]],
) -> dict[str, tuple[int, str]]:
    """What the wanted shapes make of each symbol, and which input says so."""
    found: dict[str, tuple[int, str]] = {}
    for spec in specs:
        given = wanted.get(spec.name)
        if given is not None and len(given) != len(spec.shape):
            raise misfit(spec, "rank", f"{len(spec.shape)} dimensions", shape_text(given))
        for symbol, _, value in _free(spec, wanted, symbols):
            if symbol is None or value is None:
                continue
            before, owner = found.setdefault(symbol, (value, spec.name))
            if before != value:
                where = f"in {owner!r} and {value} in {spec.name!r}"
                if owner == spec.name:
                    where = f"and {value} in {owner!r}"
                raise InputError(
                    "input-symbol",
                    f"The dimension {one_line(symbol)!r} is {before} {where}.",
                    "The model gives them one name, so they must be one number.",
                )
    return found

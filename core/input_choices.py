"""What fills each input of a model: a picture, values, random numbers, zeros, a file.

What the user does not choose is assumed, and the assumption is said in words:
- every input that takes a picture gets the picture (a pair's second one too);
- an input whose name says that it wants the image's size gets that of the network's picture, so
  that boxes come out in the network's pixels, as all other models give them;
- anything else is filled with ones: a factor that changes nothing, a mask that hides nothing, an
  index and a count that nearly everything has. A shape tensor gets its profile's optimum, text is
  empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core import input_files
from core.errors import InputError
from core.example_inputs import filled, ones_for, random_for, zeros_for
from core.input_shapes import unknown_input
from core.recipe_guess import takes_picture
from core.tensors import Shape, TensorSpec, numpy_dtype, shape_text
from core.text import counted, one_line

FillKind = Literal["image", "values", "random", "zeros", "file"]


@dataclass(frozen=True, slots=True)
class Fill:
    """What one input gets.

    image: the tested picture, or that of `path`, through the recipe. values: typed numbers or
    words, one for all elements or one for each. random: by `seed`. file: a .npy or .npz.
    """

    kind: FillKind
    values: tuple[str, ...] = ()
    seed: int = 0
    path: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Filled:
    """One input's array; where it came from, for people; what had to be assumed for it."""

    array: np.ndarray
    origin: str
    assumptions: tuple[str, ...] = ()


def parse_fill(text: str) -> Fill:
    """Read a choice as it is typed.

    "1,1,4,4", "random", "random:7" (the seed), "zeros", "image", "image:FILE", "FILE.npy" or
    "FILE.npz".

    Raises:
        InputError: kind "input-value", if it is empty or the seed is no whole number.
    """
    word, _, rest = text.strip().partition(":")
    if word == "random":
        if rest and not re.fullmatch(r"[0-9]{1,18}", rest):
            raise _bad_value(f"The seed {one_line(rest)!r} is no whole number from 0 on.")
        return Fill("random", seed=int(rest or 0))
    if word == "image":
        return Fill("image", path=Path(rest) if rest else None)
    if text.strip() == "zeros":
        return Fill("zeros")
    if text.strip().lower().endswith(input_files.SUFFIXES):
        return Fill("file", path=Path(text.strip()))
    if not text.strip():
        raise _bad_value("No value is given.")
    return Fill("values", values=tuple(part.strip() for part in text.split(",")))


def shape_of(fill: Fill, spec: TensorSpec) -> Shape | None:
    """The shape that a choice dictates: a file's, or of values for one free dimension.

    Raises:
        InputError: if the file cannot be this input's.
    """
    if fill.kind == "file":
        assert fill.path is not None
        return input_files.read_shape(fill.path, spec)
    free = [index for index, dim in enumerate(spec.shape) if dim is None]
    if fill.kind == "values" and len(fill.values) > 1 and len(free) == 1:
        rest = int(np.prod([dim for dim in spec.shape if dim is not None], dtype=np.int64))
        if rest and len(fill.values) % rest == 0:
            dims = list(spec.shape)
            dims[free[0]] = len(fill.values) // rest
            return tuple(dims)
    return None


def make(
    fill: Fill, spec: TensorSpec, shape: tuple[int, ...], profile: int = 0, index: int = 0
) -> Filled:
    """The array of any choice but a picture.

    Args:
        fill: the choice.
        spec: the input.
        shape: its shape in this run.
        profile: index of the optimization profile, for a shape tensor's values.
        index: the input's place in the model; inputs of one seed then still differ.

    Raises:
        InputError: if values or file do not fit.
    """
    if spec.dtype != "string":
        _require_numpy(spec)
    if fill.kind == "zeros":
        return Filled(zeros_for(spec, shape, profile), "zeros")
    if fill.kind == "random":
        array = random_for(spec, shape, profile, seed=(fill.seed, index))
        return Filled(array, f"random, seed {fill.seed}")
    if fill.kind == "file":
        assert fill.path is not None
        array = input_files.read_array(fill.path, spec)
        return Filled(array, fill.path.name, _not_finite(spec, array))
    array = _typed(fill.values, spec, shape)
    shown = one_line(",".join(fill.values), 60)
    return Filled(array, f"values {shown}", _not_finite(spec, array))


def assume(
    spec: TensorSpec,
    shape: tuple[int, ...],
    profile: int = 0,
    network_wh: tuple[int, int] | None = None,
) -> Filled:
    """What an input gets that nobody chose; see the module.

    Args:
        spec: the input, one that takes no picture.
        shape: its shape in this run.
        profile: index of the optimization profile.
        network_wh: the network's picture, pixels; None without a picture.
    """
    if spec.dtype != "string":
        _require_numpy(spec)
    named = f"Input {spec.name!r} was not given"
    size = None if network_wh is None else _size_values(spec, shape, network_wh)
    if size is not None:
        values, words = size
        array = filled(
            spec,
            shape,
            profile,
            lambda shape, dtype: np.ascontiguousarray(np.broadcast_to(values, shape), dtype),
        )
        what = f"{words} ({', '.join(f'{value:g}' for value in values)})"
        return Filled(array, f"assumed: {what}", (f"{named}: by its name it gets {what}.",))
    if spec.location == "host" and spec.profiles:
        words = "its profile's optimum"
    elif spec.dtype == "string":
        words = "empty text"
    else:
        words = "ones"
    return Filled(
        ones_for(spec, shape, profile), f"assumed: {words}", (f"{named}: filled with {words}.",)
    )


def _size_values(
    spec: TensorSpec, shape: tuple[int, ...], network_wh: tuple[int, int]
) -> tuple[list[float], str] | None:
    """The size in the order that the exporters whose name this is want it.

    `orig_target_sizes` is width, height (RT-DETR, references/deploy/rtdetrv2_onnxruntime.py);
    `im_shape` and `scale_factor` are height first (PaddleDetection, deploy/python/preprocess.py),
    as are `image_shape` (ONNX model zoo, yolov3) and `im_info`, with the scale as a third number
    (Detectron, and OpenVINO's Faster R-CNNs).
    """
    if not shape or shape[-1] not in (2, 3) or len(shape) > 2 or spec.location == "host":
        return None
    if spec.dtype in ("bool", "string"):
        return None
    width, height = network_wh
    name = spec.name.lower().split(":")[0]
    count = shape[-1]
    if re.search(r"scale_?factor", name) and count == 2:
        return [1, 1], "a scale of 1"
    if re.search(r"(orig|target).*size", name) and count == 2:
        return [width, height], "width and height of the network's picture"
    if re.search(r"(im|img|image)_?(shape|size|info|hw)s?$", name):
        tail, more = ([1], " and a scale of 1") if count == 3 else ([], "")
        return [height, width, *tail], f"height and width of the network's picture{more}"
    return None


def require_values(fill: Fill, spec: TensorSpec, shape: tuple[int, ...]) -> None:
    """Check typed values without making the array.

    Raises:
        InputError: as make.
    """
    if fill.kind == "values":
        if spec.dtype != "string":
            _require_numpy(spec)
        _parsed(fill.values, spec, shape)


def _parsed(values: Sequence[str], spec: TensorSpec, shape: tuple[int, ...]) -> np.ndarray:
    count = int(np.prod(shape, dtype=np.int64))
    if len(values) not in (1, count):
        raise _bad_value(
            f"Input {spec.name!r} takes {counted(count, 'value')} ({shape_text(shape)}); "
            f"{len(values):,} were given.",
            "Give one value for all of them, or as many as there are.",
        )
    if spec.dtype == "string":
        return np.array(list(values), dtype=object)
    dtype = numpy_dtype(spec.dtype)
    return np.array([_number(value, spec, dtype) for value in values], dtype)


def _typed(values: Sequence[str], spec: TensorSpec, shape: tuple[int, ...]) -> np.ndarray:
    numbers = _parsed(values, spec, shape)
    if len(values) == 1:
        try:
            return np.full(shape, numbers[0], numbers.dtype)
        except ValueError as error:  # numpy's word on what no address space holds
            raise MemoryError(f"{spec.name}: {shape_text(shape)}: {error}") from None
    return numbers.reshape(shape)


def _number(text: str, spec: TensorSpec, dtype: np.dtype) -> Any:
    shown = one_line(text, 40)
    if spec.dtype == "bool":
        truth = {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
        if truth is None:
            raise _bad_value(f"{shown!r} is no value for input {spec.name!r} (bool).")
        return truth
    try:
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            number = int(text) if len(text) <= 40 else None  # longer ones fit nothing
            if number is None or not limits.min <= number <= limits.max:
                raise _bad_value(
                    f"{shown} does not fit input {spec.name!r}: {spec.dtype} holds "
                    f"{limits.min} to {limits.max}."
                )
            return number
        real = float(text)
    except ValueError:
        raise _bad_value(f"{shown!r} is no value for input {spec.name!r} ({spec.dtype}).") from None
    with np.errstate(over="ignore"):
        kept = np.array(real).astype(dtype)
    if np.isfinite(real) and not np.isfinite(kept.astype(np.float64)):
        raise _bad_value(f"{shown} is too large for input {spec.name!r} ({spec.dtype}).")
    return kept[()]


def _not_finite(spec: TensorSpec, array: np.ndarray) -> tuple[str, ...]:
    if array.dtype.kind in "biuOUS":
        return ()
    bad = int(array.size - np.isfinite(array).sum())
    if not bad:
        return ()
    what = f"{bad:,} of {counted(array.size, 'value')}"
    return (f"Input {spec.name!r} is not finite in {what}, as it was given.",)


def _require_numpy(spec: TensorSpec) -> None:
    try:
        numpy_dtype(spec.dtype)
    except TypeError:
        raise InputError(
            "input-dtype",
            f"Input {spec.name!r} is {spec.dtype}, which no array holds.",
            "Such a model cannot be run here.",
        ) from None


def _bad_value(
    message: str,
    hint: str = "Give numbers (1,1,4,4), random, random:SEED, zeros, image or a .npy or .npz file.",
) -> InputError:
    return InputError("input-value", message, hint)


def require_known(fills: Mapping[str, Fill], specs: tuple[TensorSpec, ...]) -> None:
    """Check the choices' names, and that what shall get a picture can.

    Raises:
        InputError: kind "input-extra" or "input-image".
    """
    by_name = {spec.name: spec for spec in specs}
    for name, fill in fills.items():
        if name not in by_name:
            raise unknown_input(name, specs)
        spec = by_name[name]
        if fill.kind == "image" and not takes_picture(spec):
            raise InputError(
                "input-image",
                f"Input {name!r} ({spec.dtype} {shape_text(spec.shape)}) takes no picture.",
                "Give it values, random, zeros or a .npy file.",
            )

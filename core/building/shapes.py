"""Proposals of optimization profiles for an ONNX's free dimensions, and what they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.building.memory import buffer_bytes
from core.building.options import ShapeLimits
from core.modelfile import GraphValue, Metadata
from core.recipes import image_layout
from core.tensors import Profile, Shape, bytes_text, size_bytes

__all__ = ["buffer_bytes", "io_bytes", "memory_text", "propose_profiles"]

_BATCH = (1, 4, 16)  # one picture at a time, a few, and a queue full
_SIDE = 640  # where nothing says otherwise, as Ultralytics' exporter
_STRIDE = 32  # of nearly all detectors
_BATCH_WORDS = ("batch", "bs")  # that a batch's symbol begins with
_LENGTH = (1, 16, 128)  # of a dimension that is neither batch nor side


def propose_profiles(
    inputs: Sequence[GraphValue],
    symbols: Mapping[str, Sequence[str | None]],
    metadata: Metadata | None,
) -> tuple[ShapeLimits, ...]:
    """One profile for the inputs with free dimensions; () where none is free.

    Batch 1 to 16 (or to what the exporter was asked for); sides of pictures from half to twice
    the size that the metadata has, in multiples of its stride. Dimensions with one symbol agree.

    Args:
        inputs: the graph's; those of unknown rank are left out, nobody can propose for them.
        symbols: the names of an input's free dimensions, None where it has none; by input.
        metadata: what the exporter wrote.
    """
    metadata = metadata or Metadata()
    by_symbol: dict[str, tuple[int, int, int]] = {}
    profile: dict[str, Profile] = {}
    for value in inputs:
        if value.shape is None or None not in value.shape:
            continue
        names = list(symbols.get(value.name, ())) or [None] * len(value.shape)
        letters = _letters(value.shape, value.dtype)
        limits = []
        for axis, dim in enumerate(value.shape):
            if dim is not None:
                limits.append((dim, dim, dim))
                continue
            symbol = names[axis] if axis < len(names) else None
            found = _limits(letters[axis], symbol, metadata)
            limits.append(by_symbol.setdefault(symbol, found) if symbol else found)
        low, opt, high = zip(*limits, strict=True)
        profile[value.name] = Profile(low, opt, high)
    return (profile,) if profile else ()


def _letters(shape: Shape, dtype: str) -> str:
    """What each dimension is: of a picture by its layout, else batch first and lengths."""
    layout = image_layout(shape, dtype)
    return layout or ("N" + "L" * len(shape))[: len(shape)]


def _limits(letter: str, symbol: str | None, metadata: Metadata) -> tuple[int, int, int]:
    if letter == "N" or (letter == "L" and (symbol or "").lower().startswith(_BATCH_WORDS)):
        most = max(_BATCH[2], metadata.batch or 0)
        return _BATCH[0], _BATCH[1], most
    if letter in "HW":
        size = metadata.image_size_hw or (_SIDE, _SIDE)
        stride = metadata.stride or _STRIDE
        side = size[0] if letter == "H" else size[1]
        opt = _multiple(side, stride)
        return _multiple(max(opt // 2, stride), stride), opt, _multiple(opt * 2, stride)
    return _LENGTH


def _multiple(side: int, stride: int) -> int:
    """The multiple of the stride that is nearest above."""
    return max(1, -(-side // stride)) * stride


def io_bytes(
    inputs: Sequence[GraphValue],
    outputs: Sequence[GraphValue],
    symbols: Mapping[str, Sequence[str | None]],
    profile: ShapeLimits,
    which: str,
) -> int | None:
    """Bytes of all input and output buffers at a profile's shapes; None where nobody can know.

    A free dimension of an output is that of the inputs with the same symbol; a free first one
    without a symbol is taken to be the batch.

    Args:
        inputs: the graph's.
        outputs: the graph's.
        symbols: the names of free dimensions, by input and by output.
        profile: the limits of the inputs that are free.
        which: "min", "opt" or "max".
    """
    total = buffer_bytes(inputs, profile, which)
    sizes: dict[str, int] = {}
    batch: int | None = None
    for value in inputs:
        limits = profile.get(value.name)
        if limits is None or value.shape is None:
            continue
        shape: tuple[int, ...] = getattr(limits, which)
        names = symbols.get(value.name, ())
        for axis, dim in enumerate(value.shape):
            if dim is None and axis < len(shape):
                if axis < len(names) and names[axis]:
                    sizes.setdefault(names[axis] or "", shape[axis])
                if axis == 0 and batch is None:
                    batch = shape[0]
    for value in outputs:
        if value.shape is None or total is None:
            return None
        names = symbols.get(value.name, ())
        known = []
        for axis, dim in enumerate(value.shape):
            name = names[axis] if axis < len(names) else None
            same = sizes.get(name) if name else batch if axis == 0 else None
            known.append(same if dim is None else dim)
        size = size_bytes(value.dtype, tuple(known))
        if size is None:
            return None
        total += size
    return total


def memory_text(values: Sequence[GraphValue], profile: ShapeLimits) -> str:
    """What the input buffers of a profile take, for people: at the optimum and at the maximum."""
    opt, most = (buffer_bytes(values, profile, which) for which in ("opt", "max"))
    return f"inputs {bytes_text(opt)} at the optimum, {bytes_text(most)} at the maximum"

"""A tensor in numbers: its spread, an exact histogram, and where NaN, Inf and saturation are.

Any dtype, also ml_dtypes'. Everything goes in chunks: numpy holds the GIL while it converts
ml_dtypes' types, and a window must not stand still meanwhile.

An element counts as saturated in two cases, for a value that has been cut off looks like any other:

- It is exactly at its type's limit: of a float of 8 bits or more (+-65504 for float16, +-448 for
  float8_e4m3fn), where conversions that saturate end (FP8 of ONNX's QuantizeLinear, a clamp
  against overflow), and of an integer of 16 bits or more, where a cast of NaN or of too large a
  number ends. Nothing else gets there but by chance. An unsigned type's 0 is no limit: a black
  pixel, a ReLU's zero and class 0 are all it.
- Many elements share an end of the range, as a clip leaves them: at least _FEWEST, and more than
  _PILE times as many as in any of the _BEFORE bins (of 256) before that end, of which one at least
  is not empty. For a tail that ends by itself grows thinner; one that was cut is folded onto its
  last value. With empty bins there is no tail: masks, one-hot vectors and class ids are not
  called saturated. For integers of 8 bits or less only the type's own limits can be such ends,
  for floats any but 0, which ReLU makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from core.tensors import bits_of

CHUNK = 1 << 16  # elements at a time: a millisecond of the GIL for bfloat16
BINS = 256
_FEWEST, _PILE, _BEFORE = 16, 2, 8


class Mark(IntEnum):
    """What is wrong with an element; of several the worst is the largest."""

    NONE = 0
    SATURATED = 1
    INF = 2
    NAN = 3


@dataclass(frozen=True, slots=True)
class Saturation:
    """A value at which elements are cut off, how many are, and why it is thought so."""

    value: float  # an int for integers, whose limits may be no float
    count: int
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Finite elements by value: `counts` (bins,) int64 between `edges` (bins + 1,) float64.

    A bin holds its left edge, the last one both, as in numpy.histogram.
    """

    counts: np.ndarray
    edges: np.ndarray

    def coarser(self, times: int) -> Histogram:
        """The same elements in bins `times` as wide; itself where they do not come out even."""
        if len(self.counts) % times:
            return self
        return Histogram(self.counts.reshape(-1, times).sum(axis=1), self.edges[::times])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TensorStatistics:
    """All but the counts is over the finite elements, None without them or where it overflows.

    `marks` has a Mark for each element, (array's shape) uint8; None where no element has one.
    """

    size: int
    is_numeric: bool  # False for texts and complex numbers, of which only the size is known
    nan: int = 0
    inf: int = 0
    zeros: int = 0
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None
    saturations: tuple[Saturation, ...] = ()
    histogram: Histogram | None = None
    marks: np.ndarray | None = None

    @property
    def saturated(self) -> int:
        """How many elements are saturated."""
        return sum(one.count for one in self.saturations)


def is_numeric(dtype: np.dtype) -> bool:
    """True for what can be measured: numbers and bools, but not complex ones."""
    return dtype.kind not in "OUSTMmc" and dtype.names is None


def numbers_of(array: np.ndarray) -> np.ndarray:
    """Numbers that numpy can reckon with: bool as uint8, small and ml_dtypes' floats as float32."""
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    if array.dtype.isbuiltin == 1 and (array.dtype.kind in "iu" or array.dtype.itemsize >= 4):
        return array
    return array.astype(np.float32)


def spread(
    array: np.ndarray, progress: Callable[[float], None] = lambda _fraction: None
) -> TensorStatistics:
    """As measure, in one pass: without std, saturations, histogram and marks."""
    if array.size == 0 or not is_numeric(array.dtype):
        return TensorStatistics(size=array.size, is_numeric=is_numeric(array.dtype))
    return _statistics(array.size, _first_pass(array.reshape(-1), progress))


def measure(
    array: np.ndarray, progress: Callable[[float], None] = lambda _fraction: None
) -> TensorStatistics:
    """Measure a tensor, in three passes at most. Made for a thread of its own.

    Args:
        array: of any dtype and shape.
        progress: told the fraction done, 0 to 1, after each chunk; may raise to stop.
    """
    if array.size == 0 or not is_numeric(array.dtype):
        return TensorStatistics(size=array.size, is_numeric=is_numeric(array.dtype))
    flat = array.reshape(-1)
    first = _first_pass(flat, lambda part: progress(part * 0.4))
    found = _statistics(flat.size, first)
    if first.finite == 0:
        return replace(found, marks=_marks(array, (), progress))
    histogram, std, ends = _second_pass(flat, first, lambda part: progress(0.4 + part * 0.4))
    saturations = _saturations(flat, first, histogram, ends)
    marks = None
    if first.nan or first.inf or saturations:
        values = tuple(one.value for one in saturations)
        marks = _marks(array, values, lambda part: progress(0.8 + part * 0.2))
    return replace(found, std=std, saturations=saturations, histogram=histogram, marks=marks)


def _statistics(size: int, first: _Sums) -> TensorStatistics:
    has_any = first.finite > 0
    return TensorStatistics(
        size=size,
        is_numeric=True,
        nan=first.nan,
        inf=first.inf,
        zeros=first.zeros,
        min=first.low if has_any else None,
        max=first.high if has_any else None,
        mean=first.mean if has_any else None,
    )


def marks_of(numbers: np.ndarray, saturated: tuple[float, ...]) -> np.ndarray:
    """A Mark for each of some numbers_of, same shape, uint8."""
    marks = np.zeros(numbers.shape, np.uint8)
    for value in saturated:
        marks[numbers == numbers.dtype.type(value)] = Mark.SATURATED
    if numbers.dtype.kind == "f":
        marks[np.isinf(numbers)] = Mark.INF
        marks[np.isnan(numbers)] = Mark.NAN
    return marks


def next_marked(marks: np.ndarray, mark: Mark, start: int, step: int = 1) -> int | None:
    """The next element with a mark, from `start` on and around the end; Mark.NONE for any mark.

    Args:
        marks: TensorStatistics.marks.
        mark: the one to look for.
        start: flat index in C order, itself not looked at first; -1 for before the first.
        step: 1 forwards, -1 backwards.

    Returns:
        The flat index, or None where no element has the mark.
    """
    flat = marks.reshape(-1)
    if step > 0:
        spans = [*_spans(start + 1, flat.size), *_spans(0, start + 1)]
    else:
        start = start if start >= 0 else flat.size
        spans = [*reversed([*_spans(0, start)]), *reversed([*_spans(start, flat.size)])]
    for begin, end in spans:
        hits = _hits(flat[begin:end], mark)
        if step > 0 and hits[place := int(hits.argmax())]:
            return begin + place
        if step < 0 and hits[::-1][place := int(hits[::-1].argmax())]:
            return end - 1 - place
    return None


def rank_of(marks: np.ndarray, mark: Mark, index: int) -> tuple[int, int]:
    """Which of how many elements with a mark the one at a flat index is, from 1 on."""
    hits = _hits(marks.reshape(-1), mark)
    return int(np.count_nonzero(hits[: index + 1])), int(np.count_nonzero(hits))


def _hits(marks: np.ndarray, mark: Mark) -> np.ndarray:
    hits: np.ndarray = marks != Mark.NONE if mark == Mark.NONE else marks == mark
    return hits


def _spans(begin: int, end: int) -> Iterator[tuple[int, int]]:
    for place in range(begin, end, CHUNK):
        yield place, min(place + CHUNK, end)


def _chunks(flat: np.ndarray, progress: Callable[[float], None]) -> Iterator[np.ndarray]:
    for begin, end in _spans(0, flat.size):
        yield numbers_of(flat[begin:end])
        progress(end / flat.size)


@dataclass(slots=True)
class _Sums:
    """What the first pass finds. low and high are exact: int for integers."""

    nan: int = 0
    inf: int = 0
    zeros: int = 0
    finite: int = 0
    low: float = float("inf")
    high: float = float("-inf")
    mean: float = 0.0


def _first_pass(flat: np.ndarray, progress: Callable[[float], None]) -> _Sums:
    sums = _Sums()
    means: list[tuple[int, float]] = []
    for chunk in _chunks(flat, progress):
        finite = chunk
        if chunk.dtype.kind == "f":
            nan = int(np.count_nonzero(np.isnan(chunk)))
            good = np.isfinite(chunk)
            count = int(np.count_nonzero(good))
            sums.nan += nan
            sums.inf += chunk.size - count - nan
            finite = chunk if count == chunk.size else chunk[good]
        if finite.size == 0:
            continue
        sums.finite += finite.size
        sums.zeros += finite.size - int(np.count_nonzero(finite))
        sums.low = min(sums.low, finite.min().item())
        sums.high = max(sums.high, finite.max().item())
        # Divided first: the sum of huge numbers may be none.
        means.append((finite.size, float((finite.astype(np.float64) / finite.size).sum())))
    sums.mean = sum(mean * (count / sums.finite) for count, mean in means)
    return sums


def _second_pass(
    flat: np.ndarray, first: _Sums, progress: Callable[[float], None]
) -> tuple[Histogram, float | None, tuple[int, int]]:
    """The histogram, the standard deviation, and how many elements are at each end."""
    bins, low, high = BINS, float(first.low), float(first.high)
    if isinstance(first.low, int) and first.high - first.low < BINS:  # a bin for each integer
        bins = int(first.high - first.low) + 1
        low, high = low - 0.5, high + 0.5
    shrunk = 1.0 if np.isfinite(high - low) else 0.25  # else the range itself is no number
    edges = np.linspace(low * shrunk, high * shrunk, bins + 1)
    is_one = not bool(np.all(edges[1:] > edges[:-1]))  # as good as one value: no room for bins
    counts = np.zeros(1 if is_one else bins, np.int64)
    at_low = at_high = 0
    squares = 0.0
    for chunk in _chunks(flat, progress):
        finite = chunk[np.isfinite(chunk)] if chunk.dtype.kind == "f" else chunk
        at_low += int(np.count_nonzero(finite == first.low))
        at_high += int(np.count_nonzero(finite == first.high))
        numbers = finite.astype(np.float64)
        if is_one:
            counts[0] += numbers.size
        else:
            span = (edges[0], edges[-1])
            counts += np.histogram(numbers * shrunk, bins=bins, range=span)[0]
        with np.errstate(over="ignore"):
            squares += float((((numbers - first.mean) ** 2) / first.finite).sum())
    if is_one:
        edges = np.array([first.low, first.high], np.float64) * shrunk
    std = float(np.sqrt(squares)) if np.isfinite(squares) else None
    return Histogram(counts, edges / shrunk), std, (at_low, at_high)


def _saturations(
    flat: np.ndarray, first: _Sums, histogram: Histogram, ends: tuple[int, int]
) -> tuple[Saturation, ...]:
    dtype = flat.dtype
    if dtype.kind == "b":
        return ()
    limits, is_small = _limits(dtype)
    found = []
    counts = histogram.counts
    for value, at_end, tail in (
        (first.low, ends[0], counts[1 : 1 + _BEFORE]),
        (first.high, ends[1], counts[-1 - _BEFORE : -1]),
    ):
        if value in limits and not is_small:
            found.append(Saturation(value, at_end, f"{dtype.name}'s limit"))
            continue
        can_be_end = value in limits if is_small or isinstance(value, int) else value != 0
        if not can_be_end or first.low == first.high or tail.size == 0:
            continue
        thickest = int(tail.max())
        if at_end >= _FEWEST and thickest > 0 and at_end > _PILE * thickest:
            which = f"{dtype.name}'s limit" if is_small else "the end of the range"
            found.append(Saturation(value, at_end, f"many at {which}"))
    return tuple(found)


def _limits(dtype: np.dtype) -> tuple[tuple[float, ...], bool]:
    """The values at which a type ends, and whether it is so small that some are there anyway."""
    import ml_dtypes

    bits = bits_of(dtype.name) or 8 * dtype.itemsize
    try:
        info = ml_dtypes.iinfo(dtype)
    except (TypeError, ValueError):
        limits = ml_dtypes.finfo(dtype)
        high = float(limits.max)
        return ((high,) if float(limits.min) >= 0 else (-high, high)), bits < 8
    low, high = int(info.min), int(info.max)
    return ((high,) if low == 0 else (low, high)), bits <= 8


def _marks(
    array: np.ndarray, saturated: tuple[float, ...], progress: Callable[[float], None]
) -> np.ndarray:
    parts = [marks_of(chunk, saturated) for chunk in _chunks(array.reshape(-1), progress)]
    return np.concatenate(parts).reshape(array.shape)

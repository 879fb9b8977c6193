"""The JSON of trtexec's --exportTimes, written and read.

An array with an object for each query, twelve numbers in it, in milliseconds: TensorRT's
samples/common/sampleReporting.cpp, exportJSONTrace. Neither the options nor the machine stand in
it, nor which stream a query ran on.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from core.benchmark.samples import COLUMNS, Samples
from core.benchmark.trust import trust_marks
from core.benchmark.values import BenchmarkOptions, BenchmarkResult, Mark, Measurement
from core.errors import EnginebayError
from core.text import one_line

TIME_KEYS = (
    "startEnqMs",
    "endEnqMs",
    "startH2dMs",
    "endH2dMs",
    "startComputeMs",
    "endComputeMs",
    "startD2hMs",
    "endD2hMs",
)
"""In the order of samples' columns."""

DURATION_KEYS = ("h2dMs", "computeMs", "d2hMs", "latencyMs")
"""After them. Where a file has them they are its durations: its stamps may have six digits, so ten
microseconds after three seconds."""

_OLDER = {
    "startH2dMs": "startInMs",
    "endH2dMs": "endInMs",
    "startD2hMs": "startOutMs",
    "endD2hMs": "endOutMs",
}
"""What trtexec of TensorRT 7 calls them."""

MAX_BYTES = 100 * 2**20
"""Some 400,000 queries; reading it takes four times as much memory."""

WARM_UP_MS = 200.0
"""trtexec's --warmUp unless told otherwise."""

CONVENTION = "imported from trtexec's --exportTimes; stream count unknown"

_LAYERS = "Open it in the Layers tab, or with enginebay layers."
_EXPORT = "Write the file with trtexec --exportTimes=FILE."


def export_times(samples: Samples) -> str:
    """The samples as trtexec writes them, one line a query, to the nanosecond.

    Wall times and lanes are not in it.

    Raises:
        EnginebayError: kind "no-times" where not every query was timed in each stage, or only
            some of them are kept, so that the file would tell something else.
    """
    times = samples.rows[:, : len(TIME_KEYS)]
    if samples.measured is not None or not np.isfinite(times).all():
        timed = int(np.isfinite(times).all(axis=1).sum())
        hint = "Save it as JSON or CSV instead."
        if samples.measured is not None:
            why = f"only {samples.count:,} of its {samples.queries:,} queries are kept"
        elif timed:
            why = f"{timed:,} of its {samples.count:,} queries were timed stage by stage"
            hint = 'Measure with "time every query" (--time-all), or save it as JSON or CSV.'
        else:
            why = "its stages were not measured"
        raise EnginebayError(
            "no-times", f"This measurement cannot be written as trtexec's times: {why}.", hint
        )
    spans = (
        samples.host_to_device,
        samples.compute,
        samples.device_to_host,
        samples.latency,
    )
    line = "{ " + ", ".join(f'"{key}" : %.6f' for key in (*TIME_KEYS, *DURATION_KEYS)) + " }"
    lines = [line % tuple(row) for row in np.column_stack([times, *spans]).tolist()]
    return "[\n  " + "\n, ".join(lines) + "\n]\n" if lines else "[\n]\n"


def read_times(path: Path) -> Samples:
    """Read a file; see import_times.

    Raises:
        EnginebayError: "unreadable", and as import_times.
    """
    name = one_line(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise EnginebayError(
            "unreadable", f"{name} cannot be read: {error.strerror or error}.", "Check the path."
        ) from None
    if len(content) > MAX_BYTES:
        raise _too_large(name)
    return import_times(content.decode("utf-8-sig", "replace"), path)


def import_times(text: str, path: Path) -> Samples:
    """Read what trtexec's --exportTimes wrote, or export_times; `wall` is NaN, `lane` is 0.

    Other keys are passed over, and those of TensorRT 7 are known.

    Args:
        text: the file's content.
        path: the file, for the messages.

    Raises:
        EnginebayError: "too-large", "not-times" for what is no such file, "no-samples" for one
            without queries, "bad-times" for numbers that cannot be.
    """
    name = one_line(str(path))
    if len(text) > MAX_BYTES:
        raise _too_large(name)

    def no_number(word: str) -> NoReturn:
        raise EnginebayError("bad-times", f"{name} has {word} for a time.", "Measure again.")

    try:
        found = json.loads(text, strict=False, parse_constant=no_number)
    except json.JSONDecodeError as error:
        raise EnginebayError(
            "not-times", f"{name} is no whole JSON: {error.msg} in line {error.lineno}.", _EXPORT
        ) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists in lists
        raise EnginebayError(
            "not-times", f"{name} is JSON that no program would write for times.", _EXPORT
        ) from None
    if not isinstance(found, list):
        raise _foreign(name, found)
    if not found:
        raise EnginebayError(
            "no-samples",
            f"{name} holds no queries.",
            "trtexec kept none: let it run longer than its warm-up (--duration, --warmUp).",
        )
    times = np.array([_times(item, at, name) for at, item in enumerate(found)], np.float64)
    late = np.flatnonzero((times[:, 1::2] < times[:, ::2]).any(axis=1))
    if len(late):
        raise EnginebayError(
            "bad-times", f"Query {late[0] + 1} of {name} ends before it starts.", "Measure again."
        )
    rows = np.full((len(times), len(COLUMNS)), np.nan)
    rows[:, : len(TIME_KEYS)] = times
    for at, key in enumerate(DURATION_KEYS[:-1], 1):
        start, end = 2 * at, 2 * at + 1
        spans = _durations(found, key, times[:, end] - times[:, start], times[:, end], name)
        rows[:, end] = np.where(np.isnan(spans), times[:, end], times[:, start] + spans)
    summed = rows[:, 3] - rows[:, 2] + rows[:, 5] - rows[:, 4] + rows[:, 7] - rows[:, 6]
    _durations(found, DURATION_KEYS[-1], summed, times[:, -1], name)
    rows[:, COLUMNS.index("lane")] = 0
    return Samples(rows)


def measurement_of(samples: Samples, *, batch: int = 1) -> Measurement:
    """Imported samples as a measurement; its contexts count as one, as trtexec's default is.

    Args:
        samples: from import_times.
        batch: pictures in a query, which the file does not say.
    """
    copied = samples.host_to_device.any() or samples.device_to_host.any()
    measurement = Measurement(
        name="pipelined",
        convention=CONVENTION,
        samples=samples,
        batch=batch,
        contexts=1,
        graph=False,
        transfers=bool(copied),
    )
    marks = trust_marks(measurement, ())
    first = float(samples.column("start_compute").min()) if samples.count else WARM_UP_MS
    if first < WARM_UP_MS:
        marks += (
            Mark(
                "warm-up",
                f"The first query computes {first:.1f} ms after the start, so the warm-up may be "
                "among the samples: older versions of trtexec export it, too.",
                "Trust the percentiles more than the mean and the maximum.",
            ),
        )
    return replace(measurement, marks=marks)


def result_of(samples: Samples, path: Path, *, batch: int = 1) -> BenchmarkResult:
    """Imported samples as a benchmark of a model and a machine that are not known."""
    return BenchmarkResult(
        model={"path": str(path), "name": path.name, "kind": "trtexec-times"},
        machine={},
        options=BenchmarkOptions(measurements=("pipelined",), batch=batch),
        measurements=(measurement_of(samples, batch=batch),),
    )


def _times(item: Any, at: int, name: str) -> list[float]:
    if not isinstance(item, dict):
        raise _foreign(name, item)
    times = []
    for key in TIME_KEYS:
        value = item.get(key, item.get(_OLDER.get(key, key)))
        if value is None:
            raise (
                _foreign(name, item)
                if at == 0
                else EnginebayError("not-times", f"Query {at + 1} of {name} has no {key}.", _EXPORT)
            )
        if not _is_time(value):
            raise EnginebayError(
                "bad-times", f"Query {at + 1} of {name} has no time as {key}.", "Measure again."
            )
        times.append(float(value))
    return times


def _durations(
    found: list[Any], key: str, spans: np.ndarray, ends: np.ndarray, name: str
) -> np.ndarray:
    """(N,) what the file says itself of a duration, NaN where it says nothing.

    Args:
        found: the file's N queries.
        key: of DURATION_KEYS.
        spans: (N,) the same by their stamps, in milliseconds.
        ends: (N,) the last stamps, by whose digits both may differ.
        name: the file's.

    Raises:
        EnginebayError: kind "bad-times" for what is no number, or is not what the stamps say.
    """
    told = [item.get(key) for item in found]
    wrong = [at for at, value in enumerate(told) if value is not None and not _is_time(value)]
    if not wrong:
        values = np.array([math.nan if value is None else value for value in told], np.float64)
        allowed = 0.01 + 0.01 * spans + 4e-5 * np.abs(ends)
        wrong = np.flatnonzero(np.abs(values - spans) > allowed).tolist()
    if wrong:
        at = wrong[0]
        raise EnginebayError(
            "bad-times",
            f"Query {at + 1} of {name} has {one_line(repr(told[at]), 30)} as {key}, and "
            f"{spans[at]:.4f} ms by its stamps.",
            "The file was changed, or is damaged: measure again.",
        )
    return np.maximum(values, 0.0)


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e15  # a bool is an int


def _foreign(name: str, found: Any) -> EnginebayError:
    """What is JSON and something else, named where it is known."""
    keys = set(found) if isinstance(found, dict) else set()
    if "measurements" in keys:
        what, hint = "a benchmark of Enginebay's", "Open it in the window's Benchmark tab."
    elif "Layers" in keys:
        what, hint = "trtexec's --exportLayerInfo", _LAYERS
    elif keys & {"count", "averageMs"}:
        what, hint = "trtexec's --exportProfile", _LAYERS.replace("layers.", "layers --profile.")
    elif keys & {*TIME_KEYS, *_OLDER.values()}:
        missing = next(key for key in TIME_KEYS if key not in keys and _OLDER.get(key) not in keys)
        what, hint = f"not whole: its first query has no {missing}", _EXPORT
    else:
        what, hint = "something else than trtexec's times", _EXPORT
    return EnginebayError("not-times", f"{name} is {what}.", hint)


def _too_large(name: str) -> EnginebayError:
    return EnginebayError(
        "too-large",
        f"{name} is larger than {MAX_BYTES // 2**20} MB, which is more than can be shown.",
        "Measure for a shorter time (--duration).",
    )

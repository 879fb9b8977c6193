"""A whole benchmark as one JSON text, and back: the command's JSON with the samples in it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from core.benchmark.report import result_json
from core.benchmark.samples import COLUMNS, Samples
from core.benchmark.values import (
    ARRANGED,
    MEASUREMENTS,
    TRIED_BY,
    BenchmarkOptions,
    BenchmarkResult,
    Mark,
    Measurement,
    Reading,
)
from core.errors import EnginebayError
from core.text import counted, one_line

MAX_ROWS = 200_000
"""Rows kept of a measurement; more than any picture of it can show."""

_OUTERMOST = 5  # rows that are kept besides

MAX_CHARACTERS = 256 * 2**20
"""Of a text that is read: a dozen measurements of MAX_ROWS."""

Value = TypeVar("Value")


def to_json(result: BenchmarkResult, *, with_samples: bool = True) -> str:
    """The result as `enginebay bench --json` prints it; with "rows" in each measurement.

    Rows are those of core.benchmark.samples.COLUMNS, null where not measured; of more than
    MAX_ROWS queries one in k, and a mark says so. Without samples it cannot be read again.
    """
    if not with_samples:
        return json.dumps(result_json(result), indent=1, allow_nan=False) + "\n"
    info, rows = pack(result)
    for item, own in zip(_items(info), rows, strict=True):
        # One by one, for a measurement's rows as Python's numbers are large.
        cells = own.astype(object)
        cells[~np.isfinite(own)] = None
        item["rows"] = cells.tolist()
    # Piece by piece: in one call json would keep the interpreter, and a window beside it, for all
    # of the time.
    return "".join((*json.JSONEncoder(allow_nan=False).iterencode(info), "\n"))


def from_json(text: str, name: str = "The file") -> BenchmarkResult:
    """Read what to_json wrote with samples.

    Args:
        text: the content.
        name: of the file, for the messages.

    Raises:
        EnginebayError: "too-large", "not-a-benchmark" for what is no such text, "no-samples" for
            one without its samples.
    """
    name = one_line(name)
    if len(text) > MAX_CHARACTERS:
        raise EnginebayError(
            "too-large",
            f"{name} is larger than {MAX_CHARACTERS // 2**20} MB, which is more than can be shown.",
            "Measure for a shorter time.",
        )
    with telling(name):
        try:
            info = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise _Wrong("it is no whole JSON") from None
        items = _items(info)
        if items and all(isinstance(item, dict) and "rows" not in item for item in items):
            raise EnginebayError(
                "no-samples",
                f"{name} is a benchmark without its samples, so it cannot be drawn.",
                "Save it from the Benchmark tab as JSON, which has them.",
            )
        rows = [_rows(_dict(item, "a measurement").pop("rows", None)) for item in items]
        return unpack(info, rows)


def pack(result: BenchmarkResult) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The result as JSON without rows, and the rows of its measurements, then of those tried."""
    kept = [thinned(one) for one in (*result.measurements, *result.tried)]
    count = len(result.measurements)
    result = replace(result, measurements=tuple(kept[:count]), tried=tuple(kept[count:]))
    return result_json(result), [one.samples.rows for one in kept]


def unpack(info: Any, rows: Sequence[np.ndarray]) -> BenchmarkResult:
    """What pack packed; within telling()."""
    every = [_measurement(item, own) for item, own in zip(_items(info), rows, strict=True)]
    count = len(info["measurements"])
    return BenchmarkResult(
        model=_dict(info.get("model"), "its model"),
        machine=_dict(info.get("machine"), "its machine"),
        options=read_options(info.get("options")),
        measurements=tuple(every[:count]),
        tried=tuple(every[count:]),
        telemetry=tuple(_reading(item) for item in _list(info.get("telemetry"), "its telemetry")),
        taken_at=_text(info.get("taken_at"), "its taken_at"),
        is_complete=_flag(info.get("complete"), "its complete"),
    )


def thinned(measurement: Measurement) -> Measurement:
    """The same with at most MAX_ROWS rows, one in k of them, and a mark that says so.

    One in k of those that the device timed, and of the others: they come in a pattern of their
    own. The outermost rows are among them, so that the throughput is the same.
    """
    samples = measurement.samples
    if samples.count <= MAX_ROWS:
        return measurement
    step = -(-samples.count // (MAX_ROWS - _OUTERMOST))
    begins, ends = samples.column("start_h2d"), samples.column("end_d2h")
    started = samples.column("start_enqueue")
    timed = np.isfinite(begins)
    outermost = (
        np.where(np.isfinite(begins), begins, np.inf).argmin(),
        np.where(np.isfinite(ends), ends, np.inf).argmin(),
        np.where(np.isfinite(ends), ends, -np.inf).argmax(),
        np.where(np.isfinite(started), started, np.inf).argmin(),
        np.nan_to_num(started + samples.column("wall"), nan=-np.inf).argmax(),
    )
    one_in_k = (np.flatnonzero(timed)[::step], np.flatnonzero(~timed)[::step])
    kept = np.unique(np.concatenate([*one_in_k, np.array(outermost)]))
    mark = Mark(
        "thinned",
        f"Of {counted(samples.queries, 'sample')} one in {step} is kept, so percentiles are only "
        "nearly those that were measured.",
        "Measure for a shorter time to keep all.",
    )
    few = Samples(samples.rows[kept], samples.queries)
    return replace(measurement, samples=few, marks=(*measurement.marks, mark))


@contextmanager
def telling(name: str) -> Iterator[None]:
    """Say of a file what is wrong in it.

    Raises:
        EnginebayError: "not-a-benchmark".
    """
    try:
        yield
    except _Wrong as wrong:
        raise EnginebayError(
            "not-a-benchmark",
            f"{one_line(name)} is no benchmark that can be read: {wrong}.",
            "Export it again.",
        ) from None


class _Wrong(Exception):  # noqa: N818 - becomes an EnginebayError that names the file
    """What is wrong in a file, as the second half of a sentence."""


def _no_constant(word: str) -> Any:
    raise _Wrong(f"{word} is no number")


def _items(info: Any) -> list[Any]:
    """The measurements, then those that were tried."""
    info = _dict(info, "the whole")
    if "measurements" not in info:
        raise _Wrong("it has no measurements")
    items = _list(info["measurements"], "its measurements")
    return [*items, *_list(info.get("tried", []), "its tried")]


def _rows(value: Any) -> np.ndarray:
    try:
        rows = np.array(_list(value, "a measurement's rows"), np.float64)  # null becomes NaN
    except (ValueError, TypeError, OverflowError):
        raise _Wrong("a measurement's rows are no table of numbers") from None
    return rows.reshape(-1, len(COLUMNS)) if rows.size == 0 else rows


def _measurement(item: Any, rows: np.ndarray) -> Measurement:
    item = _dict(item, "a measurement")
    if rows.ndim != 2 or rows.shape[1] != len(COLUMNS) or rows.dtype != np.float64:
        raise _Wrong(f"a measurement's rows are not of {len(COLUMNS)} numbers")
    name = item.get("name")
    if name not in MEASUREMENTS:
        raise _Wrong(f"a measurement's name is none of {', '.join(MEASUREMENTS)}")
    arrangement, tried_by = item.get("arrangement", "apart"), item.get("tried_by", "")
    if arrangement not in [*ARRANGED]:
        raise _Wrong(f"a measurement's arrangement is none of {', '.join(ARRANGED)}")
    if tried_by not in TRIED_BY:
        raise _Wrong("a measurement's tried_by is neither find-best nor sweep")
    queries = _whole(item.get("samples"), "samples")
    if queries < len(rows):
        raise _Wrong("a measurement has more rows than samples")
    return Measurement(
        name=name,
        convention=_text(item.get("convention"), "convention"),
        samples=Samples(rows, queries if queries > len(rows) else None),
        batch=_whole(item.get("batch"), "batch"),
        contexts=_whole(item.get("contexts"), "contexts"),
        graph=_flag(item.get("graph"), "graph"),
        transfers=_flag(item.get("transfers"), "transfers"),
        first_run_ms=_or_none(_number, item.get("first_run_ms"), "first_run_ms"),
        device_memory_bytes=_or_none(_whole, item.get("device_memory_bytes"), "device memory"),
        why_no_graph=_text(item.get("why_no_graph", ""), "why_no_graph"),
        arrangement=arrangement,
        tried_by=tried_by,
        size_wh=_or_none(_size, item.get("size_wh"), "size_wh"),
        marks=tuple(_mark(mark) for mark in _list(item.get("warnings"), "its warnings")),
        is_complete=_flag(item.get("complete"), "complete"),
    )


def _mark(item: Any) -> Mark:
    item = _dict(item, "a warning")
    kind, message, advice = (
        _text(item.get(part), f"a warning's {part}") for part in ("kind", "message", "advice")
    )
    return Mark(kind, message, advice)


def _reading(item: Any) -> Reading:
    item = _dict(item, "a reading")
    values: dict[str, Any] = {
        one.name: _or_none(_number, item.get(one.name), f"a reading's {one.name}")
        for one in fields(Reading)
        if one.name not in ("throttle_reasons", "at_ms")
    }
    for name in ("memory_used_bytes", "other_processes"):
        values[name] = None if values[name] is None else int(values[name])
    reasons = _list(item.get("throttle_reasons"), "a reading's throttle_reasons")
    values["throttle_reasons"] = tuple(_text(reason, "a throttle reason") for reason in reasons)
    return Reading(at_ms=_number(item.get("at_ms"), "a reading's at_ms"), **values)


def read_options(item: Any) -> BenchmarkOptions:
    """Options from their JSON, within telling(); what is missing has its default."""
    item = _dict(item, "its options")
    known = {one.name for one in fields(BenchmarkOptions)}
    values = {name: value for name, value in item.items() if name in known}
    for name, value in values.items():
        values[name] = _option(name, value)
    return BenchmarkOptions(**values)


def _option(name: str, value: Any) -> Any:
    what = f"the option {name}"
    if name in ("duration_s", "warm_up_ms"):
        return _number(value, what)
    if name in ("find_best", "graph", "transfers", "time_all"):
        return _flag(value, what)
    if name in ("contexts", "batch", "profile"):
        return _or_none(_whole, value, what)
    if name in ("measurements", "images"):
        texts = tuple(_text(one, what) for one in _list(value, what))
        if name == "measurements" and not set(texts) <= set(MEASUREMENTS):
            raise _Wrong(f"{what} is none of {', '.join(MEASUREMENTS)}")
        return texts
    if name == "sweep":
        return tuple(_whole(one, what) for one in _list(value, what))
    if name == "sweep_sizes":
        return tuple(_size(one, what) for one in _list(value, what))
    if name == "shapes":
        return {
            key: tuple(_whole(dim, what) for dim in _list(dims, what))
            for key, dims in _dict(value, what).items()
        }
    if name == "wait":
        if value not in ("spin", "blocking"):
            raise _Wrong(f"{what} is neither spin nor blocking")
        return value
    return _whole(value, what)  # iterations, warm_up_runs, seed


def _dict(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong(f"{what} is no JSON object")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise _Wrong(f"{what} is no list")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise _Wrong(f"{what} is no text")
    return value


def _flag(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(f"{what} is neither true nor false")
    return value


def _whole(value: Any, what: str) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise _Wrong(f"{what} is no whole number")
    return value


def _size(value: Any, what: str) -> tuple[int, int]:
    sides = tuple(_whole(side, what) for side in _list(value, what))
    if len(sides) != 2:
        raise _Wrong(f"{what} is no width and height")
    return sides


def _number(value: Any, what: str) -> float:
    if type(value) not in (int, float) or not abs(value) < 1e300 or not math.isfinite(value):
        raise _Wrong(f"{what} is no number")
    return float(value)


def _or_none(read: Callable[[Any, str], Value], value: Any, what: str) -> Value | None:
    return None if value is None else read(value, what)

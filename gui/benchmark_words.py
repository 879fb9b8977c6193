"""A benchmark's result in a line of words: when, where and how it was measured."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from core.benchmark.report import is_on_cpu
from core.text import one_line, printable

if TYPE_CHECKING:
    from core.benchmark.values import BenchmarkOptions, BenchmarkResult

_NAME = 30  # letters: the window's title has them all
_RUNTIMES = ("tensorrt", "onnxruntime")  # of a machine's versions: those that run models


def local_time(taken_at: str) -> str:
    """ISO 8601 in UTC as this machine's time, without a second's parts; others as they are."""
    try:
        moment = datetime.fromisoformat(taken_at)
    except ValueError:
        return taken_at
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def facts_line(result: BenchmarkResult) -> str:
    """What is shown: the model, the machine with its versions, the options, the time."""
    model, machine = result.model, result.machine
    parts = [one_line(str(model.get("name") or "a model"), _NAME)]
    runtime = str(model.get("runtime") or "")
    place = machine.get("cpu") if "CPU" in runtime else machine.get("gpu") or machine.get("cpu")
    parts += [str(one) for one in (place, runtime) if one]
    if not runtime:
        versions = machine.get("versions") or {}
        parts += [f"{name} {versions[name]}" for name in _RUNTIMES if versions.get(name)]
    if machine.get("driver"):
        parts.append(f"driver {machine['driver']}")
    if machine:  # of what was imported from others nobody knows how it was measured
        parts.append(_options_text(result.options, on_cpu=is_on_cpu(result)))
    if result.taken_at:
        parts.append(local_time(result.taken_at))
    if not result.is_complete:
        parts.append("ended early")
    return printable("; ".join(parts))


def _options_text(options: BenchmarkOptions, *, on_cpu: bool) -> str:
    what = "threads" if on_cpu else "contexts"
    parts = [f"{options.duration_s:g} s, at least {options.iterations:,} queries"]
    if options.find_best:
        parts.append(f"best of several {what}")
    elif options.contexts is not None:
        parts.append(f"{what} {options.contexts}")
    if options.batch is not None:
        parts.append(f"batch {options.batch}")
    if not options.transfers:
        parts.append("without transfers")
    if options.wait != "spin":
        parts.append(f"{options.wait} wait")
    return ", ".join(parts)

"""How a number was measured, in words: two numbers compare only where these are the same."""

from __future__ import annotations

from typing import Literal, NamedTuple

from core.benchmark.values import MeasurementName
from core.text import counted


class _Defaults(NamedTuple):
    """What trtexec does unless told otherwise."""

    versions: str
    transfers: bool
    graph: bool
    spin: bool


_TRTEXEC = (
    _Defaults("8.x to 10.x", transfers=True, graph=False, spin=False),
    _Defaults("11.x", transfers=False, graph=True, spin=True),
)
"""One stream in all. TensorRT's samples/common/sampleOptions.h and .cpp, 8.x to 10.16, 11.0, 11.1.

All keep a second query on its way while one computes (--exposeDMA of sampleOptions.h is off).
"""


def convention(
    name: MeasurementName,
    *,
    transfers: bool,
    contexts: int,
    graph: bool,
    wait: Literal["spin", "blocking"],
    on_gpu: bool,
    arranged: str = "",
    prepared_on_gpu: bool = False,
) -> str:
    """How it was measured, and how that compares with trtexec's own defaults.

    Args:
        name: the measurement.
        transfers: whether copying inputs in and outputs out is part of a query.
        contexts: queries in flight; on the CPU threads that run queries.
        graph: whether a CUDA graph was really used.
        wait: how the host waits for the GPU.
        on_gpu: False for the CPU.
        arranged: how several contexts share the bus, in words.
        prepared_on_gpu: whether the GPU made the inputs of the pictures, end to end.
    """
    if not on_gpu:
        # End to end, pictures are read on threads of their own, which `contexts` does not count.
        own = {
            "one-at-a-time": "",
            "pipelined": f", {counted(contexts, 'thread')}",
            "end-to-end": ", one query at a time, from image files to predictions",
        }[name]
        return f"on the CPU{own}; trtexec measures GPUs only"
    how = ", ".join(
        (
            "with transfers" if transfers else "without transfers",
            "one query at a time" if name == "one-at-a-time" else counted(contexts, "context"),
            "CUDA graph" if graph else "no CUDA graph",
            f"{wait} wait",
            *(("preprocessed on the GPU",) if prepared_on_gpu else ()),
        )
        + ((arranged,) if arranged else ())
    )
    if name == "one-at-a-time":
        return f"{how}; wall time, which trtexec does not report"
    if name == "end-to-end":
        return f"{how}; from image files to predictions, which trtexec does not measure"
    # What is part of a query decides first: other settings change how fast it is, not what it is.
    nearest = next(one for one in _TRTEXEC if one.transfers == transfers)
    differences = [
        words
        for differs, words in (
            (nearest.graph != graph, "a CUDA graph" if nearest.graph else "no CUDA graph"),
            (nearest.spin != (wait == "spin"), f"{'spin' if nearest.spin else 'blocking'} wait"),
            (contexts != 1, "1 stream"),
        )
        if differs
    ]
    trtexec = f"trtexec {nearest.versions}"
    if differences:
        return f"{how}; nearest to {trtexec}, whose defaults are {', '.join(differences)}"
    return f"{how}; matches {trtexec} by default, but for the one query that it queues ahead"

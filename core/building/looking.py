"""The truth of an engine that was just built, found in a child process, and recorded beside it.

A new engine may crash whoever opens it, and the window's own process must outlive that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.building.build import BuildReport
from core.building.sidecar import record_build
from core.child_process import ChildDied, run_child
from core.errors import EnginebayError
from core.opening import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What is known of a built engine.

    Attributes:
        truth: Truth.as_json; empty where the engine could not be looked at.
        first_run: those of its sentences that compare the engine with its ONNX.
        sidecar: where the record lies; None where it could not be written.
        trouble: what went wrong on the way, a sentence each.
    """

    truth: Mapping[str, Any] = field(default_factory=dict)
    first_run: tuple[str, ...] = ()
    sidecar: Path | None = None
    trouble: tuple[str, ...] = ()


def look_at_built(report: BuildReport, progress: Progress) -> Looked:
    """Open and run a new engine in a child, compare it with its ONNX, and write its side-car.

    The calling thread waits. The engine is there and whole, so nothing that goes wrong here is an
    error: it is told.

    Args:
        report: of the build.
        progress: called about 20 times a second; may raise core.errors.Cancelled, which kills the
            child.
    """
    found: Mapping[str, Any] = {}
    trouble: list[str] = []
    order = {
        "onnx": str(report.model.absolute()),
        "engine": str(report.target.absolute()),
        "options": report.options.as_json(),
        "strongly_typed": report.strongly_typed,
        "layers": report.layers or "",
    }
    name = report.target.name
    try:
        found = run_child(
            "core.building.looking_child",
            order,
            lambda doing, _elapsed: progress(None, f"Looking at {name}: {doing}"),
        )
    except ChildDied:
        trouble.append(
            f"Trying {name} ended the process that did it: do not rely on this engine. Build it "
            "with another precision or optimization level."
        )
    except EnginebayError as error:
        trouble.append(f"The engine could not be looked at: {error.message} {error.hint}".strip())
    truth: Mapping[str, Any] = found.get("truth", {})
    sidecar = None
    try:
        sidecar = record_build(report, truth, progress)
    except EnginebayError as error:
        trouble.append(f"Nothing is recorded beside the engine: {error.message} {error.hint}")
    return Looked(
        truth=truth,
        first_run=tuple(found.get("first_run", ())),
        sidecar=sidecar,
        trouble=tuple(trouble),
    )

"""The benchmarks that were taken of each model, kept on disk."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
import zipfile
import zlib
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import uuid4

import numpy as np

from core.benchmark.report import is_on_cpu, json_safe, main_measurement
from core.benchmark.result_file import from_json, pack, read_options, telling, to_json, unpack
from core.benchmark.statistics import latency_of, summary, throughput_per_s
from core.benchmark.values import BenchmarkOptions, BenchmarkResult, Measurement
from core.errors import EnginebayError
from core.paths import data_folder
from core.text import one_line
from core.whole_file import replacing

__all__ = ["KEPT", "Entry", "History", "from_json", "to_json"]

logger = logging.getLogger(__name__)

KEPT = 50
"""Results of a model; the oldest go first."""

_SUFFIX = ".bench.zip"
_ENTRY, _RESULT = "entry.json", "result.json"
_MAX_JSON = 64 * 2**20
_DAMAGED = (
    OSError, ValueError, KeyError, EOFError, NotImplementedError, RecursionError, MemoryError,
    zipfile.BadZipFile, zlib.error, EnginebayError,
)  # fmt: skip
"""What reading a damaged file raises in zipfile, numpy, json and here."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a list shows of a kept result.

    Attributes:
        path: its file.
        taken_at: ISO 8601, UTC.
        summary: one line of its pipelined measurement, else of its first.
        convention: how that was measured.
        machine: what it ran on: the GPU's name, or the CPU's.
        gpu: the machine's GPU, whether it was used or not.
        best: the options that won, where the best were looked for to the end.
        p50_ms: latency of the measurement of the summary, as p99_ms; None where it has none, and
            for what was kept before entries told it.
        images_per_s: of that measurement; likewise.
    """

    path: Path
    taken_at: str
    summary: str
    convention: str
    machine: str
    gpu: str | None = None
    best: BenchmarkOptions | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    images_per_s: float | None = None


class History:
    """Kept results by the model's SHA-256, a file each; a damaged one is passed over.

    Several programs may use it at once.

    Attributes:
        folder: where they are.
        notes: what the last listing passed over, a sentence each.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Use a folder, made when something is saved; without one the user's own."""
        self.folder = data_folder("benchmarks") if folder is None else folder
        self.notes: tuple[str, ...] = ()

    def save(self, result: BenchmarkResult) -> Entry:
        """Keep a result, and only the newest KEPT of its model.

        Raises:
            EnginebayError: kind "cannot-save", also where the model's SHA-256 is not known.
        """
        folder = self._of(str(result.model.get("sha256") or ""))
        taken_at = result.taken_at or datetime.now(timezone.utc).isoformat(timespec="seconds")
        path = folder / f"{time.time_ns():020d}-{uuid4().hex[:8]}{_SUFFIX}"
        entry = _entry_of(replace(result, taken_at=taken_at), path)
        info, rows = pack(replace(result, taken_at=taken_at))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (
                replacing(path) as part,
                zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            ):
                archive.writestr(_ENTRY, json.dumps(_entry_json(entry)))
                archive.writestr(_RESULT, json.dumps(info, allow_nan=False))
                for at, own in enumerate(rows):
                    with archive.open(_rows_name(at), "w", force_zip64=True) as file:
                        np.lib.format.write_array(
                            cast(BinaryIO, file), own.astype("<f8"), allow_pickle=False
                        )
        except OSError as error:
            raise EnginebayError(
                "cannot-save",
                f"The benchmark cannot be kept in {one_line(str(folder))}: "
                f"{error.strerror or error}.",
                "Free some space there, or save it elsewhere as JSON.",
            ) from None
        for old in self._list(folder)[KEPT:]:
            if old.path != path:
                with contextlib.suppress(EnginebayError):  # the next time, then
                    self.delete(old)
        return entry

    def entries(self, sha256: str) -> tuple[Entry, ...]:
        """What is kept of a model, newest first; reads no samples. () for an unknown model."""
        return self._list(self._of(sha256))

    def load(self, entry: Entry) -> BenchmarkResult:
        """A whole result, with its samples.

        Raises:
            EnginebayError: kind "unreadable" where the file is gone or damaged.
        """
        try:
            with zipfile.ZipFile(entry.path) as archive, telling(entry.path.name):
                info = _read_json(archive, _RESULT)
                count = len(info["measurements"]) + len(info["tried"])
                return unpack(info, [_read_rows(archive, at) for at in range(count)])
        except (*_DAMAGED, TypeError) as error:
            raise EnginebayError(
                "unreadable",
                f"This result cannot be read: {_why(error)}.",
                f"Delete it: {one_line(str(entry.path))}.",
            ) from None

    def delete(self, entry: Entry) -> None:
        """Forget a result; one that is gone already is fine.

        Raises:
            EnginebayError: kind "cannot-save" where the file stays.
        """
        try:
            entry.path.unlink(missing_ok=True)
        except OSError as error:
            raise EnginebayError(
                "cannot-save",
                f"The result cannot be deleted: {error.strerror or error}.",
                f"Delete {one_line(str(entry.path))}.",
            ) from None

    def best_options(self, sha256: str, gpu: str | None) -> BenchmarkOptions | None:
        """What won when the best options were last looked for on this kind of GPU.

        Args:
            sha256: the model file's.
            gpu: the GPU's name, as machine_facts has it; None for a machine without.

        Returns:
            The options of that benchmark with the winner's contexts and graph; None where the
            best were never looked for to the end.
        """
        found = (one for one in self.entries(sha256) if one.best is not None and one.gpu == gpu)
        newest = next(found, None)
        return None if newest is None else newest.best

    def _of(self, sha256: str) -> Path:
        if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
            raise EnginebayError(
                "cannot-save",
                "The model's SHA-256 is not known, so its benchmarks cannot be told from others'.",
                "Save the benchmark as JSON instead.",
            )
        return self.folder / sha256.lower()

    def _list(self, folder: Path) -> tuple[Entry, ...]:
        found, notes = [], []
        try:
            paths = [path for path in folder.iterdir() if path.name.endswith(_SUFFIX)]
        except OSError:  # nothing was kept yet
            paths = []
        for path in paths:
            try:
                with zipfile.ZipFile(path) as archive, telling(path.name):
                    found.append(_read_entry(_read_json(archive, _ENTRY), path))
            except FileNotFoundError:  # deleted meanwhile
                continue
            except (*_DAMAGED, TypeError) as error:
                notes.append(f"{one_line(str(path))} is passed over: {_why(error)}.")
                logger.warning("%s", notes[-1])
        self.notes = tuple(notes)
        return tuple(sorted(found, key=lambda one: (one.taken_at, one.path.name), reverse=True))


def summary_line(measurement: Measurement) -> str:
    """A measurement in a few words: its rate and its latency."""
    rate, latency = throughput_per_s(measurement.samples), summary(latency_of(measurement))
    parts = [] if rate is None else [f"{rate:,.1f} queries/s"]
    if latency is not None:
        parts.append(f"p50 {latency.p50:,.3f} ms, p99 {latency.p99:,.3f} ms")
    if measurement.batch > 1:
        parts.append(f"batch {measurement.batch}")
    return ", ".join(parts) or "nothing measured"


def _entry_of(result: BenchmarkResult, path: Path) -> Entry:
    main = main_measurement(result)
    words = "nothing measured" if main is None else summary_line(main)
    latency = None if main is None else summary(latency_of(main))
    rate = None if main is None else throughput_per_s(main.samples)
    machine = result.machine
    gpu = machine.get("gpu")
    return Entry(
        path=path,
        taken_at=result.taken_at,
        summary=words if result.is_complete else f"{words} (ended early)",
        convention="" if main is None else main.convention,
        machine=str((machine.get("cpu") if is_on_cpu(result) else gpu) or ""),
        gpu=None if gpu is None else str(gpu),
        best=_best_of(result),
        p50_ms=None if latency is None else latency.p50,
        p99_ms=None if latency is None else latency.p99,
        images_per_s=None if main is None or rate is None else rate * main.batch,
    )


def _best_of(result: BenchmarkResult) -> BenchmarkOptions | None:
    """The pipelined measurement is the winner's; without one the fastest of those tried is."""
    if not result.options.find_best or not result.is_complete:
        return None
    pipelined = [one for one in result.measurements if one.name == "pipelined"]
    rates = [
        (rate, one)
        for one in pipelined or result.tried
        if one.is_complete
        and one.tried_by != "sweep"
        and (rate := throughput_per_s(one.samples)) is not None
    ]
    if not rates:
        return None
    winner = max(rates, key=lambda pair: pair[0])[1]
    return replace(result.options, find_best=False, contexts=winner.contexts, graph=winner.graph)


def _entry_json(entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = json_safe(asdict(entry))
    del found["path"]
    return found


def _read_entry(info: Any, path: Path) -> Entry:
    texts = {name: info[name] for name in ("taken_at", "summary", "convention", "machine")}
    gpu, best = info["gpu"], info["best"]
    if not all(isinstance(text, str) for text in (*texts.values(), gpu or "")):
        raise ValueError("its entry is not whole")
    numbers = {name: info.get(name) for name in ("p50_ms", "p99_ms", "images_per_s")}
    if not all(one is None or type(one) in (int, float) for one in numbers.values()):
        raise ValueError("its entry is not whole")
    best = None if best is None else read_options(best)
    return Entry(path, **texts, gpu=gpu, best=best, **numbers)


def _rows_name(at: int) -> str:
    return f"rows-{at}.npy"


def _read_json(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(name) as file:
        content = file.read(_MAX_JSON + 1)
    if len(content) > _MAX_JSON:
        raise ValueError(f"its {name} is too large")
    return json.loads(content)


def _read_rows(archive: zipfile.ZipFile, at: int) -> np.ndarray:
    with archive.open(_rows_name(at)) as file:
        rows: np.ndarray = np.lib.format.read_array(cast(BinaryIO, file), allow_pickle=False)
        file.read()  # to the end, where the checksum is compared
    return rows


def _why(error: BaseException) -> str:
    if isinstance(error, EnginebayError):
        return error.message.rstrip(".")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "the file is damaged"

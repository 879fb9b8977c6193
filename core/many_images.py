"""`enginebay run` on folders and on many images: a small row for each, and a summary."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.benchmark.best_lanes import best_lanes
from core.errors import EnginebayError, ImageError
from core.folder_run import RunProgress, run_images
from core.model import Model
from core.progress_line import ProgressLine
from core.report import run_text, table
from core.result_rows import ResultRow, rows_csv
from core.suffixes import images_in
from core.text import counted, printable
from core.whole_file import save_text

MOST_IN_FULL = 16
"""More images than these are rows: their outputs and pixels together would fill the memory."""

_TITLES = ("image", "task", "best", "score", "count", "ms", "remarks")


def add_many_images_arguments(run: argparse.ArgumentParser) -> None:
    """Add what is for folders and many images to `run`'s arguments."""
    run.add_argument(
        "--csv",
        metavar="FILE",
        type=Path,
        help="write a row for each image to FILE",
    )
    run.add_argument(
        "--batch",
        metavar="N",
        type=_positive,
        help="images in a run, where the model takes several and the number is free",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give 1 or more")
    return number


def is_for_rows(options: argparse.Namespace) -> bool:
    """True where the answer is rows: for a folder, --csv, --batch, or more than MOST_IN_FULL.

    Ends the program, as wrong usage does, where that was asked for together with --save or
    without images.
    """
    asked = [name for name in ("csv", "batch") if getattr(options, name) is not None]
    if options.random and asked:
        options.parser.error(f"--{asked[0]} is for images")
    folders = [image for image in options.images if Path(image).is_dir()]
    if options.save is not None:
        if folders or asked:
            what = f"--{asked[0]}" if asked else "folders"
            options.parser.error(f"--save is for single images, not for {what}")
        return False
    return bool(folders or asked or len(options.images) > MOST_IN_FULL)


def rows_answer(model: Model, options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """What `enginebay run` prints for many images: the JSON object, and the text.

    Tells its progress on standard error where that is a terminal.

    Args:
        model: the open model.
        options: of the command, with `images` (files and folders), `csv` and `batch`.

    Raises:
        EnginebayError: if the model takes no picture, the GPU is lost, or a folder cannot be
            listed.
    """
    paths = expanded(options.images)
    line = ProgressLine()
    try:
        lanes = best_lanes(model, line.show)
        begin = time.perf_counter()
        rows = list(
            run_images(
                model,
                paths,
                batch=options.batch,
                lanes=lanes,
                report=lambda progress: line.show(None, progress_text(progress)),
            )
        )
    finally:
        line.clear()
    seconds = time.perf_counter() - begin
    failed = [row for row in rows if row.error is not None]
    summary = {
        "images": len(rows),
        "failed": len(failed),
        "seconds": round(seconds, 3),
        "images_per_s": round(len(rows) / seconds, 2),
    }
    answer: dict[str, Any] = {
        "model": str(model.file.path),
        "runtime": model.session.runtime,
        "recipe": None if model.recipe is None else model.recipe.as_json(),
        "rows": [row.as_json() for row in rows],
        "summary": summary,
    }
    if failed:
        answer["error"] = _failure(failed, len(rows))
    if options.csv is not None:
        try:
            save_text(options.csv, rows_csv(rows))
        except EnginebayError as error:  # the rows are printed all the same
            answer["error"] = error.as_json()
    end = (
        f"{counted(len(rows), 'image')} in {seconds:.1f} s, {summary['images_per_s']:.1f} a second"
    )
    end += f", {len(failed):,} failed" if failed else ""
    cells = [(row.path, *row.words) for row in rows]
    lines = [run_text(model, []), "", *table(_TITLES, cells), "", end]
    return answer, "\n".join(lines)


def progress_text(progress: RunProgress) -> str:
    """How far a run is: "120 of 1,000 images, 281 a second, 3 s left"."""
    if progress.total is None:
        text = counted(progress.done, "image")
    else:
        text = f"{progress.done:,} of {counted(progress.total, 'image')}"
    if progress.done:
        text += f", {progress.images_per_s:.3g} a second"
    if progress.eta_s is not None:
        text += f", {duration_text(progress.eta_s)} left"
    return text + (f", {progress.failed:,} failed" if progress.failed else "")


def duration_text(seconds: float) -> str:
    """A duration for people: "8 s", "2 min 05 s", "3 h 20 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def expanded(given: Sequence[str]) -> list[str]:
    """The files, and for each folder its images.

    Raises:
        ImageError: for a folder that cannot be listed, or holds none.
    """
    paths: list[str] = []
    for one in given:
        if not Path(one).is_dir():
            paths.append(one)
            continue
        try:
            inside = images_in(Path(one))
        except OSError as error:
            raise ImageError(
                "no-permission",
                f"The folder {printable(one)} cannot be listed: {error.strerror or error}.",
                "Change its permissions.",
            ) from None
        if not inside:
            raise ImageError(
                "no-images",
                f"No file in {printable(one)} is named like an image.",
                "Give a folder that holds images itself; folders inside it are not entered.",
            )
        paths += map(str, inside)
    return paths


def _failure(failed: Sequence[ResultRow], count: int) -> dict[str, object]:
    first = failed[0].error
    assert first is not None  # that is why it is among them
    if count == 1:
        return dict(first.as_json())
    message = f"{len(failed):,} of {counted(count, 'image')} failed. The first: {first.message}"
    return EnginebayError(first.kind, message, first.hint).as_json()

"""The command `metadata`: what stands before an engine's plan, shown, edited, stripped."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from core.building.metadata_editor import MetadataChange, with_metadata
from core.errors import InputError
from core.modelfile.engines import known_metadata, own_metadata, prefix_words, read_engine_file
from core.modelfile.identify import MAX_PREFIX
from core.modelfile.metadata_values import shown_value, value_of_text
from core.progress_line import ProgressLine
from core.text import one_line, printable


def add_metadata_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `metadata` takes."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a TensorRT engine")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="add or change one entry; VALUE is JSON where it can be read so, else text. Where "
        "nothing stands before the plan, it begins with what the engine's side-car has",
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="JSON",
        type=Path,
        help="take all of it from a file with a JSON object; --set comes on top",
    )
    parser.add_argument(
        "--strip", action="store_true", help="remove all that is there; --set comes on top"
    )
    parser.add_argument(
        "-o", metavar="OUT", dest="out", type=Path, help="write there; default: in place"
    )
    parser.add_argument(
        "--force", action="store_true", help="with -o: replace another engine that is there"
    )


def metadata(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """The answer of `enginebay metadata`, as JSON and as text; without changes it only shows.

    Args:
        options: as add_metadata_arguments parses them.

    Raises:
        EnginebayError: as core.building.metadata_editor has it.
    """
    if options.source is not None and options.strip:
        options.parser.error("give --from or --strip, not both")
    changes = dict(_pair(options, text) for text in options.set)
    file = read_engine_file(options.file)
    if not changes and options.source is None and not options.strip:
        if options.out is not None:
            options.parser.error("-o needs --set, --from or --strip")
        shown = own_metadata(file)
        beside = {} if shown else known_metadata(file)
        answer = {
            "path": str(file.path),
            "metadata": shown,
            "prefix_bytes": file.plan_offset,
            "side_car_metadata": beside,
        }
        first = f"{file.path}: {prefix_words(file.plan_offset)}"
        return answer, _text(f"{first}; its side-car has" if beside else first, shown or beside)
    if options.source is not None:
        wanted = read_metadata_json(options.source)
    else:
        # A prefix goes before the side-car: what that has would be hidden by one new entry.
        wanted = {} if options.strip else known_metadata(file)
    line = ProgressLine()
    try:
        change = with_metadata(
            options.file, wanted | changes, options.out, line.show, replaces=options.force
        )
    finally:
        line.clear()
    return change.as_json(), _changed(change)


def read_metadata_json(path: Path) -> dict[str, Any]:
    """Read a file with a JSON object.

    Raises:
        InputError: kind "bad-metadata" for anything else, "metadata-too-large" above the limit.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PREFIX + 1)
        if len(data) > MAX_PREFIX:
            raise InputError(
                "metadata-too-large",
                f"{path.name} has more than {MAX_PREFIX:,} bytes, which is more than is read.",
                "Leave out what no program needs.",
            )
        value = json.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise InputError(
            "unreadable", f"{path} cannot be read: {error.strerror or error}.", "Check its path."
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            "bad-metadata",
            f"{path.name} is no JSON: {one_line(str(error), 200)}.",
            "Give a file with one JSON object.",
        ) from None
    if not isinstance(value, dict):
        raise InputError(
            "bad-metadata",
            f"{path.name} holds no JSON object.",
            'Give an object such as {"task": "detect", "stride": 32}.',
        )
    return value


def _pair(options: argparse.Namespace, text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        options.parser.error(f"--set takes KEY=VALUE, not {printable(text)!r}")
    return key.strip(), value_of_text(value)


def _changed(change: MetadataChange) -> str:
    first = f"{change.path}: {prefix_words(change.prefix_bytes)}\n"
    first += f"{change.plan_words} {change.plan_sha256}"
    return _text(first, change.metadata)


def _text(first: str, shown: Any) -> str:
    lines = [printable(line) for line in first.split("\n")]
    width = max(map(len, shown), default=0)
    lines += [
        f"  {one_line(key, 60):<{min(width, 60)}}  {shown_value(value)}"
        for key, value in shown.items()
    ]
    return "\n".join(lines)

"""The command `layers`: what a model is made of, and what each layer costs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from core.ctrl_c import noted_ctrl_c
from core.input_arguments import apply_input_arguments
from core.layers.dtype_words import short_name
from core.layers.reading import read_layers
from core.layers.rows import ORDERS, LayerOrder, found, in_order, save_layers_csv, table_json
from core.layers.shares import Share, sentence, shares_of
from core.layers.values import Layer, LayerTable
from core.model import Model
from core.opening import OpenOptions
from core.progress_line import ProgressLine
from core.report import table as text_table
from core.suffixes import IMAGES, MODELS, VIDEOS
from core.tensors import bytes_text, shape_text
from core.text import counted, one_line, printable
from core.whole_file import check_can_save

_SHOWN = 20  # layers in the text; --json and --csv give all
_WIDEST = 60  # characters of a name


def add_layers_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `layers` takes."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="an engine, an ONNX, or what trtexec wrote with --exportLayerInfo",
    )
    times = parser.add_mutually_exclusive_group()
    times.add_argument(
        "--profile",
        metavar="PROFILE.json",
        type=Path,
        help="what trtexec wrote with --exportProfile: the layers' times",
    )
    times.add_argument("--time", action="store_true", help="run the model to time its layers")
    parser.add_argument(
        "--shape",
        metavar="NAME=4x3x640x640",
        action="append",
        default=[],
        help="the shape of an input with free dimensions; may be repeated",
    )
    parser.add_argument(
        "--input",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="what an input gets while layers are timed, as for run; default: random values",
    )
    parser.add_argument("--search", metavar="TEXT", default="", help="only layers with this text")
    parser.add_argument(
        "--sort", choices=ORDERS, help="default: by time where there are times, else by index"
    )
    parser.add_argument("--csv", metavar="FILE", type=Path, help="write the layers as CSV too")


def layers(options: argparse.Namespace, opening: OpenOptions) -> tuple[dict[str, Any], str]:
    """The answer of `enginebay layers`, as JSON and as text.

    Sets `options.status` to 130 where Ctrl-C ended the timing early: the answer has the runs
    until then.

    Args:
        options: as add_layers_arguments parses them.
        opening: how a model is opened.

    Raises:
        Cancelled: where Ctrl-C came before the first run.
    """
    _refuse_to_overwrite(options)
    if options.csv is not None:
        check_can_save(options.csv)
    chosen_inputs = argparse.Namespace(input=options.input, shape=options.shape, profile=None)
    line = ProgressLine()
    with ExitStack() as stack:
        stack.callback(line.clear)
        interrupted: list[int] = []

        def choose(model: Model) -> None:
            nonlocal interrupted
            apply_input_arguments(model, chosen_inputs)
            if options.time:  # what comes next can end early with what there is
                interrupted = stack.enter_context(noted_ctrl_c())

        table = read_layers(
            options.file,
            profile=options.profile,
            timed=options.time,
            options=opening,
            choose=choose,
            stop=lambda: bool(interrupted),
            progress=line.show,
        )
    if interrupted:
        options.status = 130  # as a shell reports Ctrl-C
    order: LayerOrder = options.sort or ("time" if table.runs else "index")
    chosen = in_order(found(table.layers, options.search), order)
    if options.csv is not None:
        save_layers_csv(options.csv, chosen)
    answer = table_json(table, str(options.file), chosen)
    return answer, layers_text(table, str(options.file), chosen)


def layers_text(table: LayerTable, model: str, chosen: Sequence[Layer]) -> str:
    """What `enginebay layers` prints.

    Args:
        table: all layers.
        model: the file's path.
        chosen: the layers to list, in their order; the first of them are listed.
    """
    shares = shares_of(table)
    facts = [counted(len(table.layers), "layer"), table.schema]
    if shares.total_ms is not None:
        facts.append(f"{shares.total_ms:.4g} ms in a mean run of {table.runs:,}")
    lines = [printable(f"{model}: {', '.join(fact for fact in facts if fact)}")]
    if words := sentence(table):
        lines.append(words)
    if chosen:
        lines += ["", *_rows(table, chosen[:_SHOWN])]
        left = len(chosen) - _SHOWN
        if left > 0:
            lines.append(f"  and {counted(left, 'more layer')}; --json and --csv give all")
    elif table.layers:
        lines += ["", "No layer has that text."]
    if table.detailed and len(shares.by_type) > 1:
        lines += ["", *_shares(shares.by_type[:_SHOWN])]
    for hint in table.hints:
        lines += ["", printable(hint.message), f"  {printable(hint.advice)}"]
    if table.notes:
        lines += ["", *(printable(note) for note in table.notes)]
    return "\n".join(lines)


def _rows(table: LayerTable, chosen: Sequence[Layer]) -> list[str]:
    if not table.detailed and not table.runs:
        return text_table(
            ("", "layer"), [(str(one.index), one_line(one.name, _WIDEST * 2)) for one in chosen]
        )
    rows = [
        (
            str(layer.index),
            one_line(layer.name, _WIDEST),
            layer.type,
            short_name(layer.precision) if layer.precision else "",
            shape_text(layer.outputs[0].dims) if layer.outputs and layer.outputs[0].dims else "",
            bytes_text(layer.weight_bytes) if layer.weight_bytes else "",
            "" if layer.time_ms is None else f"{layer.time_ms:.4f}",
            "" if layer.share is None else f"{layer.share * 100:.1f} %",
        )
        for layer in chosen
    ]
    titles = ("", "layer", "type", "precision", "output", "weights", "ms", "share")
    if not table.runs:
        rows, titles = [row[:-2] for row in rows], titles[:-2]  # type: ignore[misc, assignment]
    return text_table(titles, rows)


def _shares(shares: Sequence[Share]) -> list[str]:
    rows = [
        (
            one.name,
            f"{one.layers:,}",
            bytes_text(one.weight_bytes) if one.weight_bytes else "",
            "" if one.share is None else f"{one.share * 100:.1f} %",
        )
        for one in shares
    ]
    return text_table(("type", "layers", "weights", "share"), rows)


def _refuse_to_overwrite(options: argparse.Namespace) -> None:
    """End the program, as wrong usage does, where the CSV would replace what is read."""
    if options.csv is None:
        return
    read = {Path(one).resolve() for one in (options.file, options.profile) if one is not None}
    if options.csv.suffix.lower() in (*MODELS, *IMAGES, *VIDEOS) or options.csv.resolve() in read:
        options.parser.error(f"--csv would write over a model or a picture: {options.csv}")

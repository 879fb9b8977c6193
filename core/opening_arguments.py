"""The command line's options for opening a model, the same for the window and the commands."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_opening_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --allow-native-code, --plugin and --no-trial; see core.opening.OpenOptions."""
    parser.add_argument(
        "--allow-native-code",
        action="store_true",
        help="let the model run native code that it embeds, and plugins; only for files you trust",
    )
    parser.add_argument(
        "--plugin",
        metavar="LIBRARY",
        action="append",
        type=Path,
        default=[],
        help="a TensorRT plugin library, or one of ONNX operators, that the model needs",
    )
    parser.add_argument(
        "--no-trial",
        action="store_true",
        help="open an unfamiliar engine at once, without trying it in a process of its own",
    )

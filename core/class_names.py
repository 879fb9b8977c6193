"""Names of classes by class id: two built-in lists, and files that people keep them in.

The built-in lists are the ones that most public models were trained on. That a model was trained
on one is an assumption, to be told as such.
"""

from __future__ import annotations

import codecs
import json
import stat
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from core import paths
from core.errors import InputError
from core.modelfile.metadata import class_names
from core.text import counted
from core.yaml_names import yaml_names

BuiltIn = Literal["coco", "imagenet"]
"""coco: the 80 classes of COCO's detection task, in the order without gaps that detectors use.
imagenet: the 1000 classes of ILSVRC 2012, in the order of their WordNet ids."""

MAX_BYTES = 1_000_000
"""A larger file is refused unread: ImageNet's 1000 names are 12 kB."""

_FILES = {"coco": "coco-80.txt", "imagenet": "imagenet-1000.txt"}
_TITLES = {"coco": "COCO's 80", "imagenet": "ImageNet's 1000"}
_KINDS = "a .txt file with one name a line, a .json list, or a .yaml with names:"


@cache
def built_in(which: BuiltIn) -> tuple[str, ...]:
    """One of the bundled lists, by class id."""
    text = (paths.CLASS_NAMES / _FILES[which]).read_text(encoding="utf-8")
    return tuple(text.splitlines())


def assumed_names(which: BuiltIn, count: int) -> tuple[tuple[str, ...], str]:
    """The bundled list for `count` classes and what is assumed, in words; () and "" for none.

    TensorFlow's ImageNet models have 1001 classes, the first of them background
    (tensorflow/models, research/slim/datasets/imagenet.py).
    """
    names = built_in(which)
    if count == len(names):
        return names, f"names assumed: {_TITLES[which]}"
    if which == "imagenet" and count == len(names) + 1:
        return ("background", *names), f"names assumed: background, then {_TITLES[which]}"
    return (), ""


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read a file of class names.

    Args:
        path: .txt or .names (one name a line), .json (a list, or {id: name}, or either under
            "names" or "id2label"), .yaml or .yml (Ultralytics' `names:`). Text is UTF-8, or
            UTF-16 with its mark.

    Returns:
        Names by class id.

    Raises:
        InputError: kind "class-names-unreadable": no such file, too large, no text, or not in
            that form.
    """
    text = _text(path)
    suffix = path.suffix.lower()
    names: tuple[str, ...] = ()
    if suffix in (".txt", ".names"):
        names = class_names(text.rstrip().splitlines())
    elif suffix == ".json":
        names = _json_names(text)
    elif suffix in (".yaml", ".yml"):
        names = yaml_names(text)
    else:
        raise _unreadable(path, f"is no kind of file that class names are read from: {suffix}")
    if not any(names):
        raise _unreadable(path, "has no class names in it, numbered from 0 without a gap")
    return names


def check_count(names: Sequence[str], count: int) -> None:
    """Nothing, if there is a name for each class.

    Raises:
        InputError: kind "class-names-count", naming both numbers.
    """
    if len(names) != count:
        raise InputError(
            "class-names-count",
            f"The list has {counted(len(names), 'class name')}, but the model has "
            f"{count:,} {'class' if count == 1 else 'classes'}.",
            f"Choose a list with {counted(count, 'name')}, in the order of the model's classes.",
        )


def _text(path: Path) -> str:
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise _unreadable(path, "is no file")
        if facts.st_size > MAX_BYTES:
            raise _unreadable(path, f"is too large for class names: {facts.st_size:,} bytes")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte in it
        raise _unreadable(path, f"cannot be read: {error}") from None
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # Windows' Notepad
    try:
        text = data.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise _unreadable(path, "is no text")
    return text


def _json_names(text: str) -> tuple[str, ...]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # ValueError: also a number with too many digits
        return ()
    if isinstance(value, dict):
        value = value.get("names", value.get("id2label", value))
    # Keras' imagenet_class_index.json has {"0": ["n01440764", "tench"], ...}.
    if isinstance(value, dict):
        value = {key: _last(name) for key, name in value.items()}
    elif isinstance(value, list):
        value = [_last(name) for name in value]
    items = value.values() if isinstance(value, dict) else value
    if not isinstance(value, (dict, list)) or not all(isinstance(name, str) for name in items):
        return ()
    return class_names(value)


def _last(name: object) -> object:
    return name[-1] if isinstance(name, list) and len(name) == 2 else name


def _unreadable(path: Path, what: str) -> InputError:
    return InputError("class-names-unreadable", f"{path.name} {what}.", f"Give {_KINDS}.")

"""Text from files and their names, made fit to be shown."""

from __future__ import annotations


def printable(text: str) -> str:
    """The same on one line, with nothing in it that a terminal or a label would obey."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)

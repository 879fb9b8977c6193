"""Words that several rooms show: text from files made fit to be shown, and counts."""

from __future__ import annotations


def printable(text: str) -> str:
    """The same on one line, with nothing in it that a terminal or a label would obey."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def counted(count: int, noun: str) -> str:
    """A count with its noun: "1 file", "2,000 files"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"

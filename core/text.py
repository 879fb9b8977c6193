"""Words that several rooms show: text from files made fit to be shown, and counts."""

from __future__ import annotations


def printable(text: str) -> str:
    """The same on one line, with nothing in it that a terminal or a label would obey."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def counted(count: int, noun: str) -> str:
    """A count with its noun: "1 file", "2,000 files"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def one_line(text: str, limit: int = 120) -> str:
    """A text on one line of at most `limit` characters, without what a terminal would obey.

    Runs of white space become one space; what cannot be printed is written as an escape.
    """
    text = " ".join(text[: limit * 20].split())
    text = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text[: limit + 1]
    )
    return text if len(text) <= limit else text[: limit - 3].rstrip() + "..."

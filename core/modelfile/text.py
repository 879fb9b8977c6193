"""A file's own texts, made fit to be shown."""

from __future__ import annotations


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

"""Views that scroll and yet cut no row in half while they rest."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QLabel, QWidget

_HELD = 48  # pixels, a row and its margins: more is not given up to show whole rows
Span = tuple[int, int]
"""Where a row begins and ends: pixels from the top of what is scrolled."""


def whole_rows(spans: Sequence[Span], needed: int, place: int, view: int) -> tuple[int, int]:
    """Where a view begins, and how high it is, so that it cuts no row, or as few as can be.

    Args:
        spans: rows from the top of what is scrolled; they may overlap.
        needed: height of what is scrolled, more than `view`.
        place: where the view shall begin.
        view: the most height that it may have.

    All are pixels.
    """
    if place + view > needed:  # the end is seen, and at the top is what fits as a whole
        last = needed - view
        begin = _moved(spans, last, 1)
        if begin - last < min(_HELD, view):
            return begin, needed - begin
        return last, view
    begin = _moved(spans, place, -1)
    if place - begin < min(_HELD, view):
        place = begin
    end = _moved(spans, place + view, -1)
    return place, end - place if place + view - end < min(_HELD, view) else view


def _moved(spans: Sequence[Span], at: int, step: int) -> int:
    """The nearest place above (-1) or below (1) that no row spans."""
    while cut := [span for span in spans if span[0] < at < span[1]]:
        at = min(low for low, _ in cut) if step < 0 else max(high for _, high in cut)
    return at


def rows_of(inner: QWidget) -> list[Span]:
    """The rows of what is scrolled; each line of a longer text is one."""
    spans: list[Span] = []
    for one in inner.findChildren(QWidget):
        if not one.isVisible() or _has_parts(one):
            continue
        top, height = one.mapTo(inner, QPoint()).y(), one.height()
        line = one.fontMetrics().lineSpacing()
        if isinstance(one, QLabel) and height >= 2 * line:
            spans += [(low, low + line) for low in range(top, top + height, line)]
        else:
            spans.append((top, top + height))
    return spans


def _has_parts(widget: QWidget) -> bool:
    return any(isinstance(one, QWidget) and one.isVisible() for one in widget.children())

"""Classes' colours, and what can be read on them."""

from __future__ import annotations

import colorsys

Color = tuple[int, int, int]
"""RGB, 0..255."""

_GOLDEN = 0.618034  # steps of the golden ratio keep neighbouring classes' hues apart


def class_color(class_id: int) -> Color:
    """A class's colour, RGB 0..255; the same everywhere and always."""
    hue = (0.58 + class_id * _GOLDEN) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, 0.95)
    return round(red * 255), round(green * 255), round(blue * 255)


def ink_on(ground: Color) -> Color:
    """Black or white, whichever can be read on a colour: at least 4.5:1 (WCAG 2.1, 1.4.3)."""

    def linear(level: int) -> float:
        channel = level / 255
        return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(level) for level in ground)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (0, 0, 0) if luminance > 0.179 else (255, 255, 255)

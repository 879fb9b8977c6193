"""How a picture becomes the input tensor: a plain value that can be shown, changed and kept.

core.preprocess applies it, core.recipe_check says whether a model can be fed by it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from core.tensors import Shape

Layout = Literal["NCHW", "NHWC", "CHW", "HWC"]
Resize = Literal["stretch", "letterbox", "letterbox-top-left", "center-crop", "none"]
Color = Literal["rgb", "bgr", "grey"]
Interpolation = Literal["nearest", "linear", "cubic", "area", "lanczos"]
Certainty = Literal["certain", "likely", "guess"]
"""certain: the file or the user says so. likely: nearly all models of its kind do so. guess:
nothing speaks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What happens to a picture's pixels: resized, ordered, then (pixel * scale - mean) / std."""

    input: str  # the tensor's name
    layout: Layout
    size_wh: tuple[int, int]  # width and height of the network's picture, pixels
    batch: int = 1  # a fixed batch is filled with the one picture
    color: Color = "rgb"
    resize: Resize = "stretch"
    interpolation: Interpolation = "linear"
    pad: int = 114  # 0..255, around a letterboxed picture
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0,)  # one number, or one a channel, in the tensor's order
    std: tuple[float, ...] = (1.0,)
    dtype: str = "float32"
    evidence: str = ""  # why this recipe was chosen, for people
    certainty: Certainty = "guess"  # of that evidence

    @property
    def channels(self) -> int:
        """1 for grey, else 3."""
        return 1 if self.color == "grey" else 3

    @property
    def shape(self) -> tuple[int, ...]:
        """The input tensor's shape."""
        width, height = self.size_wh
        by_letter = {"N": self.batch, "C": self.channels, "H": height, "W": width}
        return tuple(by_letter[letter] for letter in self.layout)

    def as_json(self) -> dict[str, object]:
        """The `recipe` object of `enginebay run --json`."""
        fields = asdict(self)
        fields["shape"] = self.shape
        return {key: list(v) if isinstance(v, tuple) else v for key, v in fields.items()}


def image_layout(shape: Shape, dtype: str) -> Layout | None:
    """The layout of a tensor that can take a picture, or None.

    A picture has 3 or 4 dimensions, 1 or 3 channels, a plausible type, and sides of at least
    two pixels (or free ones).
    """
    if dtype not in ("float32", "float16", "bfloat16", "float64", "uint8"):
        return None
    layouts: tuple[Any, ...] = {4: ("NCHW", "NHWC"), 3: ("CHW", "HWC")}.get(len(shape), ())
    for layout in layouts:
        dims = dict(zip(layout, shape, strict=True))
        sides = (dims["H"], dims["W"])
        if dims["C"] in (1, 3) and all(side is None or side >= 2 for side in sides):
            found: Layout = layout
            return found
    return None

"""The network of the bundled demo model."""

from __future__ import annotations

import torch
from pictures import CLASS_NAMES
from torch import Tensor, nn
from torch.nn import functional

SIDE = 256
STRIDES = (8, 16, 32)
# Rows and columns of the output: box and class scores, and the cells of the three strides.
OUTPUT_SHAPE = (4 + len(CLASS_NAMES), sum((SIDE // stride) ** 2 for stride in STRIDES))


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation (folded away for the export) and ReLU."""
    padding = (kernel - stride) // 2 if kernel > 3 else kernel // 2
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class ShapeDetector(nn.Module):
    """Small anchor-free detector: backbone, top-down pyramid and one head per stride.

    Attributes:
        centres: (1, 2, 1344) float32, x and y of every cell centre in input pixels.
        strides: (1, 1, 1344) float32, side of every cell in input pixels.
    """

    centres: Tensor
    strides: Tensor

    def __init__(self) -> None:
        """Builds the layers, the cell centres and the cell sides."""
        super().__init__()
        # The first step goes straight to a quarter of the side: large maps are what costs time.
        self.stem = nn.Sequential(conv(3, 24, 6, 4), conv(24, 24))
        self.stage8 = nn.Sequential(conv(24, 48, 3, 2), conv(48, 48))
        self.stage16 = nn.Sequential(conv(48, 72, 3, 2), conv(72, 72))
        self.stage32 = nn.Sequential(conv(72, 96, 3, 2), conv(96, 96))
        self.lateral = nn.ModuleList(conv(width, 48, 1) for width in (48, 72, 96))
        self.heads = nn.ModuleList(
            nn.Sequential(conv(48, 48), nn.Conv2d(48, OUTPUT_SHAPE[0], 1)) for _ in STRIDES
        )
        for head in self.heads:
            # Nearly every cell is background, so scores start low instead of at one half.
            nn.init.constant_(head[-1].bias[4:], -4.0)
        centres, strides = [], []
        for stride in STRIDES:
            line = (torch.arange(SIDE // stride) + 0.5) * stride
            y, x = torch.meshgrid(line, line, indexing="ij")
            centres.append(torch.stack([x.flatten(), y.flatten()]))
            strides.append(torch.full((1, line.numel() ** 2), float(stride)))
        self.register_buffer("centres", torch.cat(centres, 1)[None])
        self.register_buffer("strides", torch.cat(strides, 1)[None])

    def logits(self, images: Tensor) -> Tensor:
        """Raw head outputs (batch, 10, 1344) for float32 images (batch, 3, 256, 256) in 0..1."""
        fine = self.stage8(self.stem(images))
        middle = self.stage16(fine)
        coarse = self.lateral[2](self.stage32(middle))
        middle = self.lateral[1](middle) + functional.interpolate(coarse, scale_factor=2.0)
        fine = self.lateral[0](fine) + functional.interpolate(middle, scale_factor=2.0)
        # -1 for the batch keeps every other number in the exported graph a constant.
        maps = zip(self.heads, (fine, middle, coarse), STRIDES, strict=True)
        return torch.cat(
            [head(x).reshape(-1, OUTPUT_SHAPE[0], (SIDE // s) ** 2) for head, x, s in maps], 2
        )

    def decode(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Box centres and sizes, each (batch, 2, 1344) in input pixels, from raw outputs."""
        # Sigmoids keep every box bounded, also where an engine computes in half precision.
        bounded = logits[:, :4].sigmoid()
        centre = (bounded[:, :2] * 4.0 - 2.0) * self.strides + self.centres
        root = bounded[:, 2:4] * 2.0
        return centre, root * root * (self.strides * 3.0)

    def forward(self, images: Tensor) -> Tensor:
        """Detections (batch, 10, 1344): cx, cy, w, h in input pixels, then class scores 0..1."""
        logits = self.logits(images)
        return torch.cat([*self.decode(logits), logits[:, 4 : OUTPUT_SHAPE[0]].sigmoid()], 1)

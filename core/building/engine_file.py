"""The file that a build leaves: a plan, and the exporter's metadata before it where asked for."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path


def write_engine(path: Path, plan: memoryview | bytes, metadata: Mapping[str, str]) -> None:
    """Write a plan, with metadata before it in Ultralytics' form where there is any.

    Raises:
        OSError: as the disk does.
    """
    with path.open("wb") as file:
        if metadata:
            text = json.dumps(dict(metadata)).encode("utf-8")
            file.write(struct.pack("<i", len(text)) + text)
        file.write(plan)
        file.flush()
        os.fsync(file.fileno())

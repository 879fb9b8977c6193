"""How long earlier builds of the same ONNX took on this machine."""

from __future__ import annotations

import hashlib
import json

from core.building.options import BuildOptions
from core.paths import cache_folder
from core.trust.remembered import Remembered, now_text

_KEPT = 500


class EarlierBuilds:
    """Durations by ONNX, GPU, TensorRT and options, in a small JSON file."""

    def __init__(self, onnx_sha256: str, gpu: str, version: str) -> None:
        """Ask for the builds of one ONNX on one machine."""
        self._where = f"{onnx_sha256}:{gpu}:{version}:"
        self._store = Remembered(cache_folder("builds") / "durations.json", _KEPT)

    def expected_s(self, options: BuildOptions) -> float | None:
        """Seconds that the newest build with these options took, else with others; or None."""
        entries = self._store.entries()
        same = entries.get(self._where + _digest(options))
        others = [entry for key, entry in entries.items() if key.startswith(self._where)]
        newest = same or (others[-1] if others else {})
        try:
            seconds = float(newest["seconds"])
        except (KeyError, ValueError):
            return None
        return seconds if 0 <= seconds < 1e7 else None

    def add(self, options: BuildOptions, seconds: float) -> None:
        """Keep how long a build took; where that cannot be kept there is no estimate."""
        entry = {"seconds": f"{seconds:.1f}", "when": now_text()}
        self._store.add(self._where + _digest(options), entry)


def _digest(options: BuildOptions) -> str:
    """Of what changes how long a build takes."""
    found = options.as_json()
    del found["metadata"]
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:16]

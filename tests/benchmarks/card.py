"""How long the engine card takes to read, against opening a file and reading 4 KB of it.

    python -m tests.benchmarks.card

Target: under 50 ms each. Each sample engine is laid out in its true size (a hole stands for what
is not there), and so is one engine of 4 GB with its engine section at the end. "first_ms" is the
first reading of a file, "ms" the median of many; a card is what the window shows: the file
identified and its facts in words.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
import time
from functools import partial
from pathlib import Path

from core.modelfile import read_model_file
from core.modelfile.facts import card_facts
from tests.benchmarks.clock import median_ms
from tests.unit.plan_writer import Plan
from tests.unit.sample_files import FOLDER

CALLS = 200
TARGET = 50  # milliseconds
HUGE = 4 * 2**30  # bytes


def _card(path: Path) -> None:
    card_facts(read_model_file(path))


def _peer(path: Path) -> None:
    with path.open("rb") as file:
        file.read(4096)


def _lay_out_samples(folder: Path) -> list[Path]:
    facts = FOLDER / "engines" / "facts.json"
    if not facts.is_file():
        return []
    paths = []
    for name, fact in json.loads(facts.read_text(encoding="utf-8")).items():
        path = folder / name
        path.write_bytes((FOLDER / "engines" / name).read_bytes())
        os.truncate(path, fact["size_bytes"])
        paths.append(path)
    return paths


def _lay_out_huge(folder: Path) -> Path:
    """An engine of 4 GB whose engine section stands behind all the rest."""
    plan = Plan(layout="ftrt-10.9", version=(10, 9, 0, 34), sections=("WGHT", "ENGN"))
    data = bytearray(plan.to_bytes())
    offset, size = struct.unpack_from("<QQ", data, 32 + 24 + 8)
    section = bytes(data[offset : offset + size])
    struct.pack_into("<Q", data, 32 + 24 + 8, HUGE - size)
    struct.pack_into("<Q", data, 32 + 16, HUGE - size - 80)
    struct.pack_into("<Q", data, 16, HUGE)
    path = folder / "4 GB.engine"
    with path.open("wb") as file:
        file.write(data[:80])
        file.seek(HUGE - size)
        file.write(section)
    header = read_model_file(path).plan
    assert header is not None
    assert header.build_gpu is not None  # it is read at the end, not passed over
    return path


def measure() -> dict[str, object]:
    """Milliseconds of each file's card and of the peer, their ratio, and the slowest of all."""
    figures = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in [*_lay_out_samples(folder), _lay_out_huge(folder)]:
            begin = time.perf_counter()
            _card(path)
            first = (time.perf_counter() - begin) * 1000
            ours = median_ms(partial(_card, path), CALLS)
            peer = median_ms(partial(_peer, path), CALLS)
            figures[path.name] = {
                "size_bytes": path.stat().st_size,
                "first_ms": round(first, 3),
                "ms": round(ours, 3),
                "peer_ms": round(peer, 3),
                "ratio": round(ours / peer, 2),
            }
    slowest = max(max(entry["first_ms"], entry["ms"]) for entry in figures.values())
    return {"target_ms": TARGET, "slowest_ms": slowest, "met": slowest < TARGET, "files": figures}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

"""Small things that Enginebay remembers between runs, each in a JSON file of its own."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from pathlib import Path

from core.whole_file import replacing

logger = logging.getLogger(__name__)


def now_text() -> str:
    """The time of an entry: ISO 8601, UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


class Remembered:
    """Texts by key and name, in a JSON file that is always whole.

    The file is read at each question, so that several windows and commands agree. A file that is
    missing or damaged reads as empty: what was remembered is then asked again.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path, limit: int = 2000) -> None:
        """Use a file.

        Args:
            path: the JSON file; its folder is made when something is remembered.
            limit: entries kept; the oldest go first.
        """
        self.path = path
        self._limit = limit

    def entries(self) -> dict[str, dict[str, str]]:
        """Everything, oldest first."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            logger.warning("%s cannot be read and counts as empty: %s", self.path, error)
            return {}
        if not isinstance(found, dict):
            return {}
        return {
            key: {name: text for name, text in entry.items() if isinstance(text, str)}
            for key, entry in found.items()
            if isinstance(entry, dict)
        }

    def add(self, key: str, entry: dict[str, str]) -> bool:
        """Remember an entry as the newest; False where it cannot be written."""
        entries = self.entries()
        entries.pop(key, None)
        entries[key] = entry
        return self._write(dict(list(entries.items())[-self._limit :]))

    def remove(self, key: str) -> bool:
        """Forget an entry; False where that cannot be written."""
        entries = self.entries()
        return entries.pop(key, None) is None or self._write(entries)

    def _write(self, entries: dict[str, dict[str, str]]) -> bool:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path) as part:
                part.write_text(json.dumps(entries, indent=1), encoding="utf-8")
        except OSError as error:  # a full disk, a read-only home
            logger.warning("%s cannot be written: %s", self.path, error)
            return False
        return True

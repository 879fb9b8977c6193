"""What TensorRT measured of its kernels, kept for the next build on the same GPU and version.

TensorRT binds a cache to GPU, version and CUDA and refuses others; what is damaged it may not
notice, so the file of our own begins with a checksum.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from core.paths import cache_folder
from core.text import printable
from core.whole_file import replacing

_MAGIC = b"enginebay timing cache 1\n"
_LOCK_WAIT_S = 5.0  # another build holds it for as long as it writes some megabytes
_LOCK_POLL_S = 0.02


def cache_path(gpu: str, compute_capability: str, module: str, version: str) -> Path:
    """Where the cache of a GPU and a TensorRT is kept."""
    parts = (gpu, f"sm{compute_capability.replace('.', '')}", module, version)
    name = re.sub(r"[^\w.]+", "-", "-".join(parts))
    return cache_folder("timing") / f"{name}.cache"


class TimingCache:
    """One cache file, through a build; every trouble is a note, none stops the build.

    Attributes:
        notes: what went wrong, a sentence each.
    """

    def __init__(self, path: Path, *, is_own: bool) -> None:
        """Use a file.

        Args:
            path: the file, which may not be there yet.
            is_own: True writes and wants our checksum; False is TensorRT's own form, which
                trtexec --timingCacheFile reads and writes.
        """
        self.path = path
        self.notes: list[str] = []
        self._is_own = is_own
        self._loaded = b""
        self._given: Any = None  # TensorRT may hold no more than a pointer to it

    def give(self, config: Any) -> bool:
        """Give what is kept to a tensorrt.IBuilderConfig; True where TensorRT took it."""
        self._loaded = self._read()
        if self._loaded and self._set(config, self._loaded):
            return True
        if self._loaded:
            self.notes.append(
                "The kept timing cache is of another GPU, driver or TensorRT, and was not used."
            )
            self._loaded = b""
        self._set(config, b"")
        return False

    def keep(self, config: Any) -> None:
        """Keep what the build measured, with what other builds kept meanwhile."""
        try:
            cache = config.get_timing_cache()
            if cache is None:
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self.path.with_name(f"{self.path.name}.lock")):
                now = self._read()
                if now and now != self._loaded:
                    other = config.create_timing_cache(now)
                    if other is not None:
                        cache.combine(other, False)
                serialized = cache.serialize()
                if serialized is None:
                    self.notes.append("TensorRT does not give its timing cache; it is not kept.")
                    return
                data = bytes(serialized)
                if data == now:
                    return
                head = _MAGIC + hashlib.sha256(data).digest() if self._is_own else b""
                with replacing(self.path) as part:
                    part.write_bytes(head + data)
        except Exception as error:  # noqa: BLE001 - the engine is whole, whatever TensorRT raises
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            self.notes.append(
                f"The timing cache cannot be kept in {printable(str(self.path))}: {why}."
            )

    def _set(self, config: Any, data: bytes) -> bool:
        try:
            cache = config.create_timing_cache(data)
            self._given = cache
            return cache is not None and bool(config.set_timing_cache(cache, False))
        except (RuntimeError, TypeError, ValueError):  # how pybind11 says that it is none
            return False

    def _read(self) -> bytes:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            self.notes.append(f"The timing cache cannot be read: {error.strerror or error}.")
            return b""
        if not self._is_own:
            return content
        head = len(_MAGIC) + hashlib.sha256().digest_size
        data = content[head:]
        if content[:head] != _MAGIC + hashlib.sha256(data).digest():
            self.notes.append("The kept timing cache is damaged, and was not used.")
            return b""
        return data


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process in at a time; a process that dies lets go.

    Raises:
        TimeoutError: if another does not let go in time: it hangs, or is stopped.
        OSError: if the file system has no locks.
    """
    with path.open("a+b") as file:
        end = time.monotonic() + _LOCK_WAIT_S
        while not _lock(file):
            if time.monotonic() >= end:
                raise TimeoutError("another process is using it")
            time.sleep(_LOCK_POLL_S)
        try:
            yield
        finally:
            _unlock(file)


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> bool:
        """Take the lock if it is free."""
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLK):  # somebody has it
                return False
            raise
        return True

    def _unlock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: BinaryIO) -> bool:
        """Take the lock if it is free."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody has it
            return False
        return True

    def _unlock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)

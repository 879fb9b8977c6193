"""What a build leaves beside its target when its process is killed, swept by the next one."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path

_STILL_ACTIVE = 259  # winbase.h, as is the next
_QUERY_LIMITED_INFORMATION = 0x1000


def sweep_leftovers(target: Path) -> None:
    """Remove the `.part` files of a target whose process is dead; what cannot be removed stays.

    Args:
        target: an engine; its unfinished files are TARGET.PROCESS-THREAD.part beside it.
    """
    name = re.compile(re.escape(target.name) + r"\.(\d{1,10})-\d+\.part")
    with contextlib.suppress(OSError):
        for path in target.absolute().parent.iterdir():
            found = name.fullmatch(path.name)
            if found is not None and not is_running(int(found[1])):
                with contextlib.suppress(OSError):
                    path.unlink()


if sys.platform == "win32":
    import ctypes

    def is_running(process: int) -> bool:
        """Whether a process lives, by its id; True where that cannot be known."""
        # os.kill would end it here, whatever the signal.
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.c_void_p
        handle = kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, False, process)
        if not handle:
            return ctypes.get_last_error() != 87  # ERROR_INVALID_PARAMETER: there is none
        try:
            status = ctypes.c_ulong()
            is_told = kernel.GetExitCodeProcess(ctypes.c_void_p(handle), ctypes.byref(status))
            return not is_told or status.value == _STILL_ACTIVE
        finally:
            kernel.CloseHandle(ctypes.c_void_p(handle))

else:

    def is_running(process: int) -> bool:
        """Whether a process lives, by its id; True where that cannot be known."""
        try:
            os.kill(process, 0)  # signal 0 only asks
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):  # somebody else's lives
            return True
        return True

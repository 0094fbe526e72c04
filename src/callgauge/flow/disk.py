"""Room on the disk of the data folder: writes stop while there is still enough to end what is under way.

On a disk that is full to the last byte an answer that was paid for could not be stored. So new calls and new
work are refused a little earlier, and reading goes on.
"""

from __future__ import annotations

import os
import time
from typing import Final

from django.conf import settings

LOOKED_FOR_SECS: Final = 1.0
"""Looking costs a system call: not one for each request of a busy server."""
BYTES_PER_MB: Final = 1024 * 1024

_looked: tuple[float, bool] = (0.0, False)


def is_full() -> bool:
    """Whether less than CALLGAUGE_DISK_RESERVE_MB is free. Where nobody can tell, it is not."""
    global _looked
    now = time.monotonic()
    if now - _looked[0] > LOOKED_FOR_SECS or not _looked[0]:
        _looked = (now, free_bytes() < settings.CALLGAUGE.disk_reserve_mb * BYTES_PER_MB)
    return _looked[1]


def free_bytes() -> float:
    try:
        found = os.statvfs(settings.CALLGAUGE.data_dir)
    except OSError:
        return float("inf")
    return float(found.f_bavail * found.f_frsize)

"""Run in a process of its own by a test: what it begins to send never ends. Imports nothing of Django's."""

from __future__ import annotations

import struct
import sys
import time
from types import FrameType

LONG = 1_000


def half_a_result() -> None:
    """In the process: begins to write a result, and stays there."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and "result_queue" not in frame.f_locals:
        frame = frame.f_back
    assert frame is not None
    frame.f_locals["result_queue"]._writer._send(struct.pack("!i", LONG) + b"begun")
    time.sleep(LONG)

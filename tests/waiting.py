"""Waiting for another thread or process: as short as it takes, with a deadline that says what was missing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

STEP_SECS = 0.02
PATIENCE = float(os.environ.get("TEST_PATIENCE", "1"))
"""Every deadline is so many times as long: on a machine that several suites share, for example."""


def wait_until(condition: Callable[[], bool], *, within_secs: float = 30.0, what: str = "it") -> None:
    within_secs *= PATIENCE
    deadline = time.monotonic() + within_secs
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {within_secs} s")
        pause.wait(STEP_SECS)

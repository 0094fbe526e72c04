"""What waits to be written, the more urgent first: a live call does not stand behind a large rerun."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Generic, TypeVar

from callgauge.store.models import Priority

MAX_BATCH = 256
"""Bounds how long one transaction holds the write lock that live calls also need."""
SHORT_BATCH = 64
"""While work of different urgency waits: whoever comes next waits for the batch that is being written."""
LEAST = 12
"""Of each urgency so many are taken along: nothing waits for ever."""
HURRY_SECS = 2.0
"""For so long after work of different urgency waited, batches stay short."""

Job = TypeVar("Job")


class Jobs(Generic[Job]):
    """Filled by any thread, emptied by one."""

    def __init__(self) -> None:
        self._lanes: dict[int, deque[Job]] = {priority: deque() for priority in sorted(Priority)}
        self._changed = threading.Condition()
        self._ended = False
        self._hurried_until = 0.0

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def put(self, job: Job, priority: int) -> None:
        with self._changed:
            self._lanes[priority].append(job)
            self._changed.notify()

    def end(self) -> None:
        """No more come after those that are here."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def wait(self) -> bool:
        """Until there is something to take; False where nothing is left and no more come."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or len(self) > 0)
            return len(self) > 0

    def take(self) -> list[Job]:
        """A batch, the most urgent first, each urgency in the order in which its jobs came."""
        with self._changed:
            waiting = [lane for lane in self._lanes.values() if lane]
            if len(waiting) > 1:
                self._hurried_until = time.monotonic() + HURRY_SECS
            most = SHORT_BATCH if time.monotonic() < self._hurried_until else MAX_BATCH
            taken: list[Job] = []
            for number, lane in enumerate(waiting):
                kept_for_others = sum(min(LEAST, len(other)) for other in waiting[number + 1 :])
                count = min(len(lane), most - len(taken) - kept_for_others)
                taken.extend(lane.popleft() for _ in range(count))
            return taken

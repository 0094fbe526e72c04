"""Memory, open files and CPU of processes over time, so that growth can be told from a plateau."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rerun.product import TICKS

PAGE_KB = 4


@dataclass(frozen=True, slots=True)
class Sample:
    resident_mb: float
    files: int


class Watch:
    """Samples each named process every `every_secs` while it is entered."""

    def __init__(self, pids: Mapping[str, int], every_secs: float = 2.0) -> None:
        self.samples: dict[str, list[Sample]] = {name: [] for name in pids}
        self._pids = dict(pids)
        self._every_secs = every_secs
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._go)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _go(self) -> None:
        while True:
            for name, pid in self._pids.items():
                self.samples[name].append(sample(pid))
            if self._end.wait(self._every_secs):
                return

    def lines(self, parts: int = 6) -> list[str]:
        """For each process the mean of each part of the time: resident MB and open files."""
        found = []
        for name, samples in self.samples.items():
            cells = [_mean(part) for part in _parts(samples, parts)]
            found.append(
                f"{name}: MB {' '.join(f'{mb:.0f}' for mb, _ in cells)}; "
                f"open files {' '.join(f'{files:.0f}' for _, files in cells)}"
            )
        return found


def sample(pid: int) -> Sample:
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_KB / 1024
    return Sample(resident, len(list(Path(f"/proc/{pid}/fd").iterdir())))


def cpu_of_family(pid: int) -> float:
    """CPU seconds of a process, its children that live, and those that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:  # it ended meanwhile, and its parent has its time now
        return 0.0
    own_and_ended = sum(map(int, fields[11:15])) / TICKS
    return own_and_ended + sum(cpu_of_family(int(child)) for child in children)


def _parts(samples: list[Sample], parts: int) -> list[list[Sample]]:
    edges = [len(samples) * n // parts for n in range(parts + 1)]
    return [samples[start:end] for start, end in itertools.pairwise(edges) if end > start]


def _mean(samples: list[Sample]) -> tuple[float, float]:
    count = len(samples)
    return sum(s.resident_mb for s in samples) / count, sum(s.files for s in samples) / count

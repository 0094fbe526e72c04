"""Counts of reruns, gathered over a transaction and written at its end.

Whatever stores answers, results and ends counts on the rows of reruns. Two workers that write for the same
two reruns lock these rows in one order this way, each row once and only for a moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from callgauge.store.bulk import add_to
from callgauge.store.models import Rerun
from callgauge.store.prepared import PreparedValues

_HOLD = PreparedValues(
    lambda rerun: Rerun.objects.select_for_update(no_key=True).filter(pk=rerun).values_list("pk"), int
)


class _Gathered:
    def __init__(self) -> None:
        self.counts: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(int))
        self.then: dict[int, list[Callable[[], None]]] = defaultdict(list)

    def write(self) -> None:
        for rerun_id in sorted({*self.counts, *self.then}):
            _write(rerun_id, self.counts.get(rerun_id, {}))
        for rerun_id in sorted(self.then):
            for do in self.then[rerun_id]:
                do()


_gathering: ContextVar[_Gathered | None] = ContextVar("callgauge_tally", default=None)


@contextmanager
def gathered() -> Iterator[None]:
    """Held around the statements of a transaction, within it."""
    mine = _Gathered()
    token = _gathering.set(mine)
    try:
        yield
    finally:
        _gathering.reset(token)
    mine.write()


def count(rerun_id: int, **more: float) -> None:
    """Add to columns of a rerun. The caller is in a transaction."""
    gathering = _gathering.get()
    if gathering is None:
        _write(rerun_id, more)
        return
    for name, number in more.items():
        gathering.counts[rerun_id][name] += number


def afterwards(rerun_id: int, do: Callable[[], None]) -> None:
    """Have something done to a rerun when all is counted and its row is locked."""
    gathering = _gathering.get()
    if gathering is None:
        do()
    else:
        gathering.then[rerun_id].append(do)


def _write(rerun_id: int, more: dict[str, float]) -> None:
    changes = {name: number for name, number in more.items() if number}
    if changes:
        add_to(Rerun, rerun_id, changes)
    else:
        _HOLD(rerun_id)

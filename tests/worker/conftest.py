"""An executor in this process that works through one rerun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from callgauge.store.models import Rerun
    from tests.tenants import Tenant

Run = Callable[..., "Rerun"]


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    from tests.tenants import tenant  # needs settings, which need `--db`

    return tenant("Acme", "Support")


@pytest.fixture
def run(alice: Tenant) -> Iterator[Run]:
    """Asks for a rerun of all calls and works through it."""
    from callgauge.flow.rerun import PLAIN, request_rerun
    from callgauge.flow.selection import Selection
    from callgauge.store.models import Rerun, RerunState
    from callgauge.worker.executor import Executor
    from tests.waiting import wait_until

    started: list[Executor] = []

    def run_all(judge: Any, agent: Any, terms: Any = PLAIN, **options: Any) -> Rerun:
        rerun = request_rerun(alice.key, agent, Selection(), terms=terms, **options).rerun
        executor = Executor("test:1", lambda: judge, concurrency=8)
        started.append(executor)
        executor.start()
        wait_until(lambda: Rerun.objects.filter(pk=rerun.pk, state=RerunState.DONE).exists())
        executor.stop()
        started.remove(executor)
        rerun.refresh_from_db()
        return rerun

    yield run_all
    for executor in started:
        executor.stop()

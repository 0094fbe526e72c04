"""Leases of small work (store.models.errands): claimed, renewed, ended or handed back by one owner."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Least, Now
from django.utils import timezone

from callgauge.store.clock import from_now
from callgauge.store.models import Errand, ErrandState
from callgauge.store.turns import write_turn

log = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=30)
"""Renewed with the leases of chunks; after a crash another owner goes on after this."""
MAX_ATTEMPTS: Final = 3
MOST_COUNTED: Final = 30_000
"""Attempts beyond this are not counted: their column is a small integer."""
KEPT_FOR: Final = timedelta(days=1)
Row = TypeVar("Row", bound=Errand)
Loaded = TypeVar("Loaded")


def forget_old(rows: QuerySet[Row]) -> None:
    rows.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()


def new_uid() -> str:
    return uuid.uuid4().hex


def uid_of(progress_id: str) -> str:
    """As stored, whichever way a client writes it."""
    return progress_id.replace("-", "")[:32]


def claim(model: type[Row], owner: str) -> Row | None:
    """Lease the oldest that nobody works on; `attempts` counts this one. The caller is in no transaction."""
    return next(iter(claim_some(model, owner, 1)), None)


def claim_loaded(
    model: type[Row], owner: str, load: Callable[[Row], Loaded], fail: Callable[[int], object]
) -> Loaded | None:
    """Claim the oldest and load what it needs. The caller is in no transaction.

    One that cannot be loaded stays leased, which is the pause before the next try, and the next one's turn
    comes. After MAX_ATTEMPTS it is ended by `fail`, which is given its id.
    """
    while (row := claim(model, owner)) is not None:
        try:
            return load(row)
        except Exception as error:
            name = model._meta.verbose_name
            log.error("%s %s cannot be loaded: %s", name, row.pk, type(error).__name__, exc_info=error)
            if row.attempts >= MAX_ATTEMPTS:
                fail(row.pk)
    return None


def claim_some(
    model: type[Row],
    owner: str,
    most: int,
    *,
    among: Q = Q(),  # noqa: B008
    first: str = "id",
    choose: Callable[[list[Row]], list[Row]] = list,
) -> list[Row]:
    """Of the first `most` that nobody works on, lease those that `choose` picks."""
    claimable = model._default_manager.filter(
        among, Q(state=ErrandState.QUEUED) | Q(state=ErrandState.IN_PROGRESS, lease_until__lt=Now())
    ).order_by(first)
    if not claimable.exists():
        return []
    with write_turn(), transaction.atomic():
        free = claimable.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
        rows = choose(list(free[:most]))
        for row in rows:
            row.attempts += 1
        model._default_manager.filter(pk__in=[row.pk for row in rows]).update(
            state=ErrandState.IN_PROGRESS,
            owner=owner,
            lease_until=from_now(LEASE),
            attempts=Least(F("attempts") + 1, Value(MOST_COUNTED)),
        )
    return rows


def held(model: type[Row], owner: str, pk: int) -> QuerySet[Row]:
    """The row, as long as this owner has it."""
    return model._default_manager.filter(pk=pk, owner=owner, state=ErrandState.IN_PROGRESS)


def renew(model: type[Row], owner: str, pk: int) -> bool:
    """False where another owner has it now."""
    return held(model, owner, pk).update(lease_until=from_now(LEASE)) == 1


def end(model: type[Row], owner: str, pk: int, *, failed: bool = False, **columns: Any) -> bool:
    """False where another owner has it now; then nothing is written."""
    state = ErrandState.FAILED if failed else ErrandState.COMPLETED
    return held(model, owner, pk).update(state=state, lease_until=None, **columns) == 1


def hand_back(model: type[Row], owner: str, pk: int) -> None:
    held(model, owner, pk).update(state=ErrandState.QUEUED, owner="", lease_until=None)


def take_over(model: type[Row], owner_prefix: str) -> None:
    """Free every lease of owners with this prefix: the process that held them is known to be gone."""
    model._default_manager.filter(owner__startswith=owner_prefix, state=ErrandState.IN_PROGRESS).update(
        state=ErrandState.QUEUED, owner="", lease_until=None
    )

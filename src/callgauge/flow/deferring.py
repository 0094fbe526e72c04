"""Calls whose measuring waits: until somebody says that they are complete, or for a while at most."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from callgauge.flow.rerun import start_live
from callgauge.store.models import CallLog, DeferredCall
from callgauge.store.turns import write_turn

HOLD_SECS = 300.0
"""What the contract promises for `defer_evaluation`."""
AT_ONCE = 100


def hold(call: CallLog, secs: float, metric_ids: Collection[int] | None) -> None:
    """Measure a new call later. The caller is in a transaction."""
    ids = None if metric_ids is None else list(metric_ids)
    DeferredCall.objects.create(call=call, until=timezone.now() + timedelta(seconds=secs), metric_ids=ids)


def is_held(call: CallLog) -> bool:
    return DeferredCall.objects.filter(pk=call.pk).exists()


def release(call_id: int) -> bool:
    """Have a held call measured now; False where it is not held. The caller is in a transaction.

    Whoever takes the row away plans the evaluation: two that come at the same time plan it once.
    """
    held = DeferredCall.objects.filter(pk=call_id).first()
    if held is None or not DeferredCall.objects.filter(pk=call_id).delete()[0]:
        return False
    call = CallLog.objects.select_for_update().filter(pk=call_id, deleted_at=None).first()
    if call is None or call.pending_rerun_id is not None:
        return False  # a rerun has taken it up meanwhile
    start_live(call, held.metric_ids)
    return True


def release_due() -> int:
    """Have those measured whose time is up; the number of them. Looking takes no lock."""
    due = DeferredCall.objects.filter(until__lte=Now()).order_by("until").values_list("pk", flat=True)
    released = 0
    for call_id in list(due[:AT_ONCE]):
        with write_turn(), transaction.atomic():
            released += release(call_id)
    return released

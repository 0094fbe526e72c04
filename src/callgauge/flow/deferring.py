"""Calls whose measuring waits: until somebody says that they are complete, or for a while at most."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta

from django.db import DatabaseError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from callgauge.flow.rerun import check_metrics, observed_metrics, start_live
from callgauge.store.models import CallLog, DeferredCall
from callgauge.store.turns import write_turn

log = logging.getLogger(__name__)

HOLD_SECS = 300.0
"""What the contract promises for `defer_evaluation`."""
AT_ONCE = 100


def hold(call: CallLog, secs: float, metric_ids: Collection[int] | None) -> None:
    """Measure a new call later. Raises Invalid for metrics that do not measure it. The caller is in a
    transaction."""
    ids = None if metric_ids is None else list(metric_ids)
    if ids is not None:
        check_metrics(call, ids)
    DeferredCall.objects.create(call=call, until=timezone.now() + timedelta(seconds=secs), metric_ids=ids)


def is_held(call: CallLog) -> bool:
    return DeferredCall.objects.filter(pk=call.pk).exists()


def release(call_id: int) -> bool:
    """Have a held call measured now; False where it is not held. The caller is in a transaction.

    Whoever takes the row away plans the evaluation: two that come at the same time plan it once. Metrics that
    were named and are gone by now are left out: nobody is there to be told.
    """
    held = DeferredCall.objects.filter(pk=call_id).first()
    if held is None:
        return False
    # The call first, as whoever changes one locks it: the other way round, both would wait for each other.
    call = CallLog.objects.select_for_update().filter(pk=call_id, deleted_at=None).first()
    if not DeferredCall.objects.filter(pk=call_id).delete()[0]:
        return False
    if call is None or call.pending_rerun_id is not None:
        return False  # a rerun has taken it up meanwhile
    named = held.metric_ids
    start_live(call, None if named is None else observed_metrics(call) & set(named))
    return True


def release_due() -> int:
    """Have those measured whose time is up; the number of them. Looking takes no lock.

    One that cannot be planned is put off: it would keep the calls of every project waiting behind it.
    """
    due = DeferredCall.objects.filter(until__lte=Now()).order_by("until").values_list("pk", flat=True)
    released = 0
    for call_id in list(due[:AT_ONCE]):
        try:
            with write_turn(), transaction.atomic():
                released += release(call_id)
        except DatabaseError:
            raise  # not the call's fault, most likely: the caller comes back
        except Exception as error:
            log.error("held call %s cannot be planned: %s", call_id, type(error).__name__, exc_info=error)
            later = timezone.now() + timedelta(seconds=HOLD_SECS)
            DeferredCall.objects.filter(pk=call_id).update(until=later)
    return released
